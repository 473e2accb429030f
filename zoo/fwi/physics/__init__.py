"""Acoustic waves by finite differences and velocity models, with numpy and numba only."""
