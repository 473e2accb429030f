"""Figures of seismograms, picks, and the transfer study of Kong et al. (2021)."""
