"""Likelihoods and samplers: what the data say, with its uncertainty."""
