"""Figures of earth models, emulated traces, locations and mechanisms."""
