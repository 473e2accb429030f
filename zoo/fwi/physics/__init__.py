"""Physics of fwi."""
