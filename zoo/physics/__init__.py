"""Simulators of seismology: numpy and numba, no Keras, usable alone."""
