"""Models of fwi."""
