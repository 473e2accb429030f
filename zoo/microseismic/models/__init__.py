"""Models of microseismic."""
