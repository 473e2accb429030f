"""Picking of seismograms."""
