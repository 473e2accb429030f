"""Reproduce of fwi."""
