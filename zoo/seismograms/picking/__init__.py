"""Picks and labels of continuous seismograms: streams to segments, windows, probabilities, picks and files."""
