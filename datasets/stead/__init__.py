"""STEAD, the Stanford earthquake dataset: 1.2 million local seismograms."""
