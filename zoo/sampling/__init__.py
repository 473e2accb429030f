"""Samplers of posterior distributions, the evidence, and the checks that tell whether a run converged."""
