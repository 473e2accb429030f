"""Inversion of fwi."""
