"""Figures of seismograms."""
