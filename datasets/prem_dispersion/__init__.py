"""Rayleigh phase velocities of random radial Earths: any band, any prior."""
