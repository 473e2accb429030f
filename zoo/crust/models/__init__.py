"""Keras models that read dispersion curves, and what their recipes share."""
