"""Waveform files with a table of picks beside them."""
