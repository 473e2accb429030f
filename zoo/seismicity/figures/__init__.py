"""Figures of seismicity."""
