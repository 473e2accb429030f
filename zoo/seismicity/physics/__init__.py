"""Physics of seismicity."""
