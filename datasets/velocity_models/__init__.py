"""Velocity models for waves and their inversion."""
