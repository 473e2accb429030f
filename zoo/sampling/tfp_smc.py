"""TensorFlow Probability's sequential Monte Carlo, as a cross-check of our samples.

It shares the likelihood and the screening with `zoo.sampling.smc` and nothing else: it has random-walk
Metropolis instead of differential evolution, and temperatures, step lengths and resampling of its own.
Its log marginal likelihood is not used: the last temperature step is not clipped at 1 before it enters
the sum, which was off by 48 to 1052 on location posteriors; the evidence is estimated by importance
sampling, as for our own sampler. It also uses the same random seed for the resampling and the moves of
every stage, so it serves to check our samples, not to replace them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from zoo.sampling.cache import cached
from zoo.sampling.evidence import importance_evidence
from zoo.sampling.smc import MIN_EFFICIENCY, Sampler, Samples, draw_screened

# TFP's own defaults.
_MAX_STAGES, _MAX_STEPS = 100, 25


def run_tfp(sampler: Sampler, data: Sequence[Any] = (), seed: int = 0) -> Samples:
    """Sample a posterior by TFP, from the screen and likelihood of `sampler`.

    Args:
        sampler: defines log-likelihood, box, and the numbers of screened points and of particles.
        data: arguments of the log-likelihood after the points, arrays.
        seed: of the screen, of TFP and of the evidence.

    Source: `tfp.experimental.mcmc.sample_sequential_monte_carlo` (Del Moral et al. 2006).
    """
    settings = sampler.settings
    points, log_likelihood = sampler.screen(data, seed)
    start, _, beta = draw_screened(points, log_likelihood, settings.particles, seed)
    lower, box = _box(sampler)
    tensors = [tf.convert_to_tensor(part, tf.float32) for part in data]

    unit = tf.constant((start - lower) / box, tf.float32)
    run = cached(sampler, "tfp", lambda: _compiled(sampler))
    stages, unit, last = run(unit, tf.constant(beta, tf.float32), tf.constant([seed, 3]), *tensors)
    samples = lower + unit.numpy().astype(np.float64) * box
    evidence = importance_evidence(
        lambda points: sampler.evaluate(points, data),
        samples,
        sampler.lower,
        sampler.upper,
        settings.evidence_draws,
        np.random.default_rng([seed, 1]),
    )
    problems = []
    if float(last) < 1.0:
        problems.append(f"TFP did not reach temperature 1 in {_MAX_STAGES} stages.")
    if evidence.efficiency < MIN_EFFICIENCY:
        problems.append(
            f"Importance sampling around TFP's samples has efficiency {evidence.efficiency:.2f} (at least "
            f"{MIN_EFFICIENCY}): they are not one compact mode, or have not mixed well."
        )
    return Samples(
        samples=samples,
        log_likelihood=sampler.evaluate(samples, data),
        log_evidence=evidence.log_evidence,
        log_evidence_sd=evidence.log_evidence_sd,
        efficiency=evidence.efficiency,
        ess=evidence.efficiency * settings.evidence_draws,
        acceptance=np.nan,
        stages=int(stages),
        # At most so many: TFP does not report how many steps it made in each stage.
        calls=len(points) + int(stages) * _MAX_STEPS * settings.particles + settings.evidence_draws,
        problems=tuple(problems),
        screen_points=points,
        screen_log_likelihood=log_likelihood,
    )


def _box(sampler: Sampler) -> tuple[np.ndarray, np.ndarray]:
    return sampler.lower.astype(np.float32), (sampler.upper - sampler.lower).astype(np.float32)


def _compiled(sampler: Sampler) -> Callable[..., tuple[tf.Tensor, ...]]:
    """Return TFP's loop for a sampler's likelihood, to be compiled once for all its data."""
    lower, box = _box(sampler)

    # The particles follow the posterior at the screen's temperature, which therefore is TFP's prior.
    # Coordinates are in units of the box, because TFP's steps are relative to the spread of float32 particles.
    @tf.function(jit_compile=True)
    def run(unit: tf.Tensor, beta: tf.Tensor, seed: tf.Tensor, *tensors: tf.Tensor) -> tuple[tf.Tensor, ...]:
        def log_likelihood(unit: tf.Tensor) -> tf.Tensor:
            return sampler.bounded_log_likelihood(lower + unit * box, *tensors)

        stages, state, results = tfp.experimental.mcmc.sample_sequential_monte_carlo(
            lambda unit: beta * log_likelihood(unit),
            lambda unit: (1.0 - beta) * log_likelihood(unit),
            unit,
            max_num_steps=_MAX_STEPS,
            max_stage=_MAX_STAGES,
            seed=seed,
        )
        return stages, state, results.inverse_temperature

    return run
