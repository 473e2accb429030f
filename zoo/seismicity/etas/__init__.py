"""A space-time model of aftershocks (ETAS), fitted to a catalogue: how many events it leads one to expect, and where."""
