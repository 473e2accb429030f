"""Figures of seismicity: what was found in a catalogue, how networks were chosen and how they compare."""
