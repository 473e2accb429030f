"""A space-time model of aftershocks (ETAS), fitted to a catalogue: how many events it expects, when and where."""
