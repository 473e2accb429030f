"""Simulated maps and catalogues of seismicity; numpy and numba, without Keras."""
