"""Which velocities explain these shots? (Sun et al.)"""
