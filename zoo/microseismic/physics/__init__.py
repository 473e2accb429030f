"""Elastic waves, travel times and moment tensors, in numpy and numba: usable without Keras and TensorFlow."""
