"""What a seismologist asks for: an answer with its uncertainty."""
