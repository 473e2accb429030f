"""Figures of microseismic."""
