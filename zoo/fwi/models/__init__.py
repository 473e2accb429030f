"""Keras layers of wave propagation, the model that an inversion trains, and what its recipes share."""
