"""Seismograms: archives, simulation, picks and classes. (Kong et al. 2021)"""
