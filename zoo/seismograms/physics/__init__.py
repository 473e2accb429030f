"""Physics of seismograms."""
