"""LEN-DB, local earthquakes and noise recorded around the world: 1.2 million short seismograms."""
