"""Synthetic local seismograms: crusts, rays, sources, noise and instruments, with NumPy and Numba alone."""
