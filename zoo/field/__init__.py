"""What several systems' users bring, in one form each: picks, stations, layered earths, projection, travel times.

Numbers are in numpy arrays; nothing here imports TensorFlow. Depths are km below sea level, so a station on a mountain
has a negative one; times of picks are seconds since 1970 UTC.
"""
