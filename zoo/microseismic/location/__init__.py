"""Location of microseismic."""
