"""Artificial maps of epicentres, background alone or with a burst in it."""
