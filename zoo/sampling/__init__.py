"""Samplers of posteriors, and what says whether they converged."""
