"""Physics of microseismic."""
