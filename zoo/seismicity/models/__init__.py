"""Models of seismicity."""
