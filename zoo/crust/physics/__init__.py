"""Radial Earth models, their Rayleigh waves, and the prior that both are drawn from; numpy and numba alone."""
