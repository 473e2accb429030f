"""Microseismic traces at the seabed: simulated, published, or of a user's own velocity model."""
