"""SYNTHETIC local earthquakes, explosions and noise: nothing here was recorded."""
