"""Where an event happened: observations, their likelihoods, and posteriors of location and mechanism."""
