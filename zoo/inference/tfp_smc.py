"""TensorFlow Probability's sequential Monte Carlo, as a cross-check of our samples.

It shares the likelihood and the screening with `zoo.inference.smc` and nothing else: random-walk
Metropolis instead of differential evolution, its own temperatures, step tuning and resampling.
Its log marginal likelihood is not returned: the last temperature step is not clipped at 1 before
it enters that sum, which was off by 48 to 1052 on location posteriors. It also uses one random seed
for the resampling and moves of every stage, so it serves to check samples, not to replace them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from zoo.inference.smc import Sampler, draw_screened


def tfp_samples(sampler: Sampler, data: Sequence[Any] = (), seed: int = 0, max_stages: int = 100) -> np.ndarray:
    """Return posterior samples (particles, d) by TFP, from the screen and likelihood of `sampler`.

    Args:
        sampler: defines log-likelihood, box, and number of screened points and particles.
        data: arrays that follow the points in the arguments of the log-likelihood.
        seed: of the screen and of TFP.
        max_stages: largest number of temperatures.

    Source: `tfp.experimental.mcmc.sample_sequential_monte_carlo` (Del Moral et al. 2012).
    """
    points, log_likelihood = sampler.screen(data, seed)
    start, _, beta = draw_screened(points, log_likelihood, sampler.settings.particles, seed)
    lower = sampler.lower.astype(np.float32)
    box = (sampler.upper - sampler.lower).astype(np.float32)
    tensors = [tf.convert_to_tensor(part, tf.float32) for part in data]

    # The particles follow the posterior at the screen's temperature: that is TFP's prior.
    # Coordinates in units of the box, because TFP's steps are relative to float32 particle spreads.
    @tf.function(jit_compile=True)
    def run(unit: tf.Tensor, beta: tf.Tensor, seed: tf.Tensor, *tensors: tf.Tensor) -> tf.Tensor:
        def log_likelihood(unit: tf.Tensor) -> tf.Tensor:
            return sampler.bounded_log_likelihood(lower + unit * box, *tensors)

        _, state, _ = tfp.experimental.mcmc.sample_sequential_monte_carlo(
            lambda unit: beta * log_likelihood(unit),
            lambda unit: (1.0 - beta) * log_likelihood(unit),
            unit,
            max_stage=max_stages,
            seed=seed,
        )
        return state

    unit = tf.constant((start - lower) / box, tf.float32)
    state = run(unit, tf.constant(beta, tf.float32), tf.constant([seed, 3], tf.int32), *tensors)
    return lower + state.numpy().astype(np.float64) * box
