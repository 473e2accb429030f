"""Which picks are of one event, and where was it: association, location, magnitude, and the catalogue they make."""
