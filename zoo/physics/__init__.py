"""Simulators of seismology: numpy and numba, no Keras, usable alone.

After an edit of a kernel, `make clean-kernels`: numba's cache of compiled functions does not notice changes in the
modules of the functions that they call.
"""
