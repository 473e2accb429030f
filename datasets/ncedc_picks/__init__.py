"""Picked seismograms in PhaseNet's layout, of the Northern California Earthquake Data Center."""
