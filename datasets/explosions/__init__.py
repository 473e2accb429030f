"""Explosions and earthquakes at local distances: published traces, and a user's own events from FDSN services."""
