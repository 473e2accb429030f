"""Figures of fwi."""
