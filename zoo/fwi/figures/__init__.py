"""Figures of velocity models, shots and inversions."""
