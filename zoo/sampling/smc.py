"""Screened, tempered ensemble sampler for sharp posteriors that share a box with broad false modes.

The posterior of a source recorded by a few receivers fills 1e-8 of the prior and its basin some 1e-4, while
distant sources form a broad mode that explains the data by silence. So the sampler

1. screens: evaluates tens of thousands of scrambled Sobol points and draws the particles from them, at the
   temperature at which their effective sample size is half the number of particles;
2. tempers: raises the inverse temperature (found by bisection, never above 1) until the effective sample
   size falls to one half, and resamples systematically;
3. moves: split-ensemble differential evolution (ter Braak 2006; Foreman-Mackey et al. 2013), at least ten
   moves a stage, continued until each particle has moved four times on average;
4. weighs: estimates the evidence by importance sampling (`zoo.sampling.evidence`).

Steps 2 and 3 form one XLA loop. The number of dimensions is that of the box.

Sources: Del Moral et al. (2006) for sequential Monte Carlo; ter Braak (2006), Statistics and Computing 16, 239, for
differential evolution and the lengths of its steps; Foreman-Mackey et al. (2013), PASP 125, 306, for the two halves.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import tensorflow as tf
from scipy.stats import qmc

from zoo.sampling.evidence import importance_evidence

# Stands for log 0: minus infinity times a weight of zero is NaN.
_IMPOSSIBLE = -1e30
# The best length of a step along the difference of two particles of a Gaussian in d dimensions is this over sqrt(2 d)
# (ter Braak 2006, after Roberts and Rosenthal 2001).
_STEP = 2.38
# Steps are shortened by a factor that is log-uniform between exp(-1.6) = 0.2 and 1: posteriors that follow surfaces of
# equal travel time are curved and need short steps, and no single length serves every stage.
_LOG_SHORTEST_STEP = 1.6
# Every tenth move, on average, takes the whole difference, which leads from one mode to another (ter Braak 2006).
_JUMP_FRACTION = 0.1
# A posterior that fills 1e-8 of a box of three dimensions takes some fifteen stages; so many mean that nothing moves.
_MAX_STAGES = 200
# Halvings of the interval [beta, 1]: 60 of them resolve 1e-18, so a first inverse temperature of 1e-10 to float32.
_BISECTIONS = 60
# Samplers that ask for few points at a time get them without the cost of a whole batch.
_SMALL_BATCH = 256
# A run with a lower acceptance is continued and then not trusted: with ten moves, 0.4 is four accepted ones a particle.
MIN_ACCEPTANCE = 0.4
# Nor is a run whose posterior does not look like one t distribution fitted to its particles (a Gaussian reaches 0.9).
MIN_EFFICIENCY = 0.2


@dataclass(frozen=True)
class Settings:
    """Size of one run.

    Attributes:
        screen: Sobol points, a power of two.
        particles: size of the ensemble, even.
        moves, max_moves: fewest and most moves of each particle in a stage.
        evidence_draws: points drawn to estimate the evidence.
        batch: points that the likelihood is given at once outside the loop (it bounds the memory).
        live_points: of nested samplers; None: as many as each needs (`zoo.sampling.nested`).
    """

    screen: int = 65_536
    particles: int = 2_048
    moves: int = 10
    max_moves: int = 40
    evidence_draws: int = 4_096
    batch: int = 4_096
    live_points: int | None = None


@dataclass(frozen=True)
class Samples:
    """Equally weighted samples of a posterior, and how they were obtained.

    Attributes:
        samples: (n, d).
        log_likelihood: (n,).
        log_evidence, log_evidence_sd: logarithm of the likelihood averaged over the uniform prior, and its error.
        efficiency: effective number of importance draws, or of weighted samples, divided by their actual number.
        ess: that effective number.
        acceptance: fraction of accepted moves in the last stage, or of accepted draws; NaN where the sampler does
            not report it.
        stages: temperatures after the screening, or iterations.
        calls: likelihood evaluations.
        problems: sentences; empty if nothing speaks against the samples.
        screen_points, screen_log_likelihood: (s, d) and (s,), the screened points.
    """

    samples: np.ndarray
    log_likelihood: np.ndarray
    log_evidence: float
    log_evidence_sd: float
    efficiency: float
    ess: float
    acceptance: float
    stages: int
    calls: int
    problems: tuple[str, ...]
    screen_points: np.ndarray = field(repr=False)
    screen_log_likelihood: np.ndarray = field(repr=False)

    @property
    def converged(self) -> bool:
        """True if nothing speaks against the samples."""
        return not self.problems

    @property
    def mean(self) -> np.ndarray:
        """Posterior mean (d,)."""
        return self.samples.mean(axis=0)

    @property
    def sd(self) -> np.ndarray:
        """Posterior standard deviation (d,)."""
        return self.samples.std(axis=0)


class Sampler:
    """Samples exp(log_likelihood) in a box; compiled once, then run on any number of data sets.

    Args:
        log_likelihood: `log_likelihood(points (n, d), *data) -> (n,)`, float32, compilable by XLA.
        lower, upper: (d,) corners of the uniform prior.
        settings: size of a run.
    """

    def __init__(
        self,
        log_likelihood: Callable[..., tf.Tensor],
        lower: Sequence[float],
        upper: Sequence[float],
        settings: Settings | None = None,
    ) -> None:
        self.settings = settings or Settings()
        self.lower = np.asarray(lower, np.float64)
        self.upper = np.asarray(upper, np.float64)
        self._log_likelihood = log_likelihood
        self._evaluate = tf.function(self.bounded_log_likelihood, jit_compile=True)
        self._anneal = tf.function(self._anneal_loop, jit_compile=True)

    def evaluate(self, points: np.ndarray, data: Sequence[Any] = ()) -> np.ndarray:
        """Return the log-likelihood (n,), float64, of points (n, d)."""
        return self._batched(self._evaluate, points, data)

    def screen(self, data: Sequence[Any] = (), seed: int = 0, size: int | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Return scrambled Sobol points (size, d) of the box and their log-likelihoods (size,).

        `size` is a power of two; None takes that of the settings.
        """
        points = self.sobol(len(self.lower), seed, size)
        return points, self.evaluate(points, data)

    def sobol(self, dimensions: int, seed: int, size: int | None = None) -> np.ndarray:
        """Return scrambled Sobol points (size, dimensions) of the first dimensions of the box."""
        sobol = qmc.Sobol(dimensions, rng=np.random.default_rng(seed))
        unit = sobol.random_base2(int(np.log2(size or self.settings.screen)))
        lower, upper = self.lower[:dimensions], self.upper[:dimensions]
        return lower + unit * (upper - lower)

    def _batched(self, function: Callable[..., tf.Tensor], points: np.ndarray, data: Sequence[Any]) -> np.ndarray:
        """Return function(points, *data), float64, in batches of two sizes, as each size is compiled separately."""
        tensors, results = _tensors(data), []
        for start in range(0, max(len(points), 1), self.settings.batch):
            part = np.asarray(points[start : start + self.settings.batch], np.float32)
            size = _SMALL_BATCH if len(part) <= _SMALL_BATCH else self.settings.batch
            padded = np.resize(part, (size, part.shape[1])) if len(part) else np.tile(self.lower, (size, 1))
            results.append(function(tf.constant(padded, tf.float32), *tensors).numpy()[: len(part)])
        return np.concatenate(results).astype(np.float64)

    def run(
        self,
        data: Sequence[Any] = (),
        seed: int = 0,
        screened: tuple[np.ndarray, np.ndarray] | None = None,
    ) -> Samples:
        """Sample the posterior of `data`; the same seed gives the same samples.

        Args:
            data: arguments of `log_likelihood` after the points, arrays.
            seed: of the screen, the moves and the evidence.
            screened: points (s, d) and log-likelihoods (s,) to start from; None: this run screens its own.

        Returns:
            The samples of one run; see `zoo.sampling.convergence` for what a second one tells.
        """
        settings, tensors = self.settings, _tensors(data)
        points, log_likelihood = self.screen(data, seed) if screened is None else screened
        x, _, beta = draw_screened(points, log_likelihood, settings.particles, seed)
        values = self.evaluate(x, data)
        stages, calls = 0, len(points)
        # A second round, at temperature 1, helps where the moves were too few; if it does not, that is reported.
        for attempt in range(2):
            x, values, beta, new_stages, moves, acceptance = self._anneal(
                tf.constant(x, tf.float32),
                tf.constant(values, tf.float32),
                tf.constant(beta, tf.float32),
                tf.constant((seed, attempt), tf.int32),
                *tensors,
            )
            evidence = importance_evidence(
                lambda points: self.evaluate(points, data),
                x.numpy().astype(np.float64),
                self.lower,
                self.upper,
                settings.evidence_draws,
                np.random.default_rng([seed, 1 + attempt]),
            )
            stages += int(new_stages)
            calls += int(moves) * settings.particles + settings.evidence_draws
            problems = run_problems(float(beta), float(acceptance), evidence.efficiency)
            if not problems:
                break
        return Samples(
            samples=x.numpy().astype(np.float64),
            log_likelihood=values.numpy().astype(np.float64),
            log_evidence=evidence.log_evidence,
            log_evidence_sd=evidence.log_evidence_sd,
            efficiency=evidence.efficiency,
            ess=evidence.efficiency * settings.evidence_draws,
            acceptance=float(acceptance),
            stages=stages,
            calls=calls,
            problems=problems,
            screen_points=points,
            screen_log_likelihood=log_likelihood,
        )

    def bounded_log_likelihood(self, points: tf.Tensor, *data: tf.Tensor) -> tf.Tensor:
        """Return the log-likelihood (n,): (nearly) log 0 outside the box and where it is not a number."""
        lower, upper = self.lower.astype(np.float32), self.upper.astype(np.float32)
        inside = tf.reduce_all((points >= lower) & (points <= upper), axis=-1)
        # An emulator is never asked about sources outside its training volume.
        values = self._log_likelihood(tf.clip_by_value(points, lower, upper), *data)
        return tf.where(inside & tf.math.is_finite(values), values, _IMPOSSIBLE)

    def _anneal_loop(
        self, x: tf.Tensor, values: tf.Tensor, beta: tf.Tensor, seed: tf.Tensor, *data: tf.Tensor
    ) -> tuple[tf.Tensor, ...]:
        """Alternate tempering and moves until the moves at inverse temperature 1 are done.

        Returns:
            particles (n, d), their log-likelihoods (n,), inverse temperature, stages, moves, acceptance of the last.
        """

        def unfinished(x, values, beta, stage, moves, acceptance):
            # One stage at least: particles that start at temperature 1 have to move, too.
            return (stage < _MAX_STAGES) & ((beta < 1.0) | (stage == 0))

        def one_stage(x, values, beta, stage, moves, acceptance):
            stage_seed = tf.random.experimental.stateless_fold_in(seed, stage)
            new_beta = next_inverse_temperature(values, beta)
            offset = tf.random.stateless_uniform([], stage_seed)
            # Particles that follow L^beta follow L^new_beta once they are weighted by L^(new_beta - beta).
            chosen = systematic_indices((new_beta - beta) * values, len(values), offset)
            x, values = tf.gather(x, chosen), tf.gather(values, chosen)
            x, values, done, acceptance = self._move(x, values, new_beta, stage_seed, data)
            return x, values, new_beta, stage + 1, moves + done, acceptance

        zero = tf.constant(0)
        return tf.while_loop(unfinished, one_stage, (x, values, beta, zero, zero, tf.constant(0.0)))

    def _move(
        self, x: tf.Tensor, values: tf.Tensor, beta: tf.Tensor, seed: tf.Tensor, data: Sequence[tf.Tensor]
    ) -> tuple[tf.Tensor, ...]:
        """Move both halves of the ensemble in turn, each by differences between particles of the other.

        With differences taken from the half that rests, the proposal does not depend on what moves: so all particles
        of a half move at once, as one call of the likelihood, and detailed balance holds (Foreman-Mackey et al. 2013).
        Differences have the posterior's own shape, however thin and tilted it is.

        Returns:
            particles, their log-likelihoods, moves of each particle, fraction of them accepted.
        """
        count, dimension = x.shape
        half = count // 2
        settings = self.settings
        scale = _STEP / np.sqrt(2.0 * dimension)

        def unfinished(active, active_values, other, other_values, step, accepted):
            wanted = MIN_ACCEPTANCE * settings.moves * count
            enough = (step >= 2 * settings.moves) & (accepted >= wanted)
            # A move is two steps, one for each half.
            return (step % 2 != 0) | ~(enough | (step >= 2 * settings.max_moves))

        def one_step(active, active_values, other, other_values, step, accepted):
            # Seeds 1, 2, ...: the stage's own seed has drawn the resampling offset.
            step_seed = tf.random.experimental.stateless_fold_in(seed, step + 1)
            uniform = tf.random.stateless_uniform([5, half], step_seed)
            # Two different particles of the other half.
            first = tf.minimum(tf.cast(uniform[0] * half, tf.int32), half - 1)
            shift = tf.minimum(tf.cast(uniform[1] * (half - 1), tf.int32), half - 2) + 1
            second = (first + shift) % half
            shortened = scale * tf.exp(-_LOG_SHORTEST_STEP * uniform[3])
            step_size = tf.where(uniform[2] < _JUMP_FRACTION, 1.0, shortened)
            difference = tf.gather(other, first) - tf.gather(other, second)
            proposal = active + step_size[:, tf.newaxis] * difference
            proposal_values = self.bounded_log_likelihood(proposal, *data)
            # Metropolis: the proposal is symmetric, as a difference is as likely as its negative.
            accept = tf.math.log(uniform[4]) < beta * (proposal_values - active_values)
            active = tf.where(accept[:, tf.newaxis], proposal, active)
            active_values = tf.where(accept, proposal_values, active_values)
            accepted += tf.reduce_sum(tf.cast(accept, tf.float32))
            # The halves change roles: the next step moves the other one.
            return other, other_values, active, active_values, step + 1, accepted

        first, first_values, second, second_values, steps, accepted = tf.while_loop(
            unfinished,
            one_step,
            (x[:half], values[:half], x[half:], values[half:], tf.constant(0), tf.constant(0.0)),
        )
        acceptance = accepted / (tf.cast(steps, tf.float32) * half)
        joined = tf.concat([first, second], axis=0), tf.concat([first_values, second_values], axis=0)
        return *joined, steps // 2, acceptance


def run_problems(beta: float, acceptance: float, efficiency: float) -> tuple[str, ...]:
    """Return what speaks against one run: its last inverse temperature, acceptance, and evidence."""
    if beta == 1.0 and acceptance >= MIN_ACCEPTANCE and efficiency >= MIN_EFFICIENCY:
        return ()
    return (
        f"A run ended at inverse temperature {beta:.3g} with acceptance {acceptance:.2f} (at least "
        f"{MIN_ACCEPTANCE}) and importance efficiency {efficiency:.2f} (at least {MIN_EFFICIENCY}): its "
        "posterior is not one compact mode.",
    )


def draw_screened(
    points: np.ndarray, log_likelihood: np.ndarray, particles: int, seed: int
) -> tuple[np.ndarray, np.ndarray, float]:
    """Draw the particles from screened points, at the temperature at which their ESS is particles / 2.

    Returns:
        particles (n, d), their log-likelihoods (n,), and the inverse temperature that they follow.
    """
    # Relative to the best, float32 keeps the differences that matter.
    values = tf.constant(log_likelihood - log_likelihood.max(), tf.float32)
    beta = next_inverse_temperature(values, tf.constant(0.0), particles / 2.0)
    offset = tf.random.stateless_uniform([], (seed, 2))
    chosen = systematic_indices(beta * values, particles, offset).numpy()
    return points[chosen], log_likelihood[chosen], float(beta)


def next_inverse_temperature(log_likelihood: tf.Tensor, beta: tf.Tensor, wanted: float | None = None) -> tf.Tensor:
    """Return the inverse temperature above `beta` that leaves an effective sample size `wanted`.

    Args:
        log_likelihood: (n,) of particles that follow the posterior at inverse temperature `beta`.
        beta: scalar.
        wanted: effective sample size; None: n / 2.

    Returns:
        scalar, at most 1 (and exactly 1 if the effective sample size there is still large enough).
    """
    wanted = 0.5 * len(log_likelihood) if wanted is None else wanted
    relative = log_likelihood - tf.reduce_max(log_likelihood)

    def enough(new_beta: tf.Tensor) -> tf.Tensor:
        weight = tf.exp((new_beta - beta) * relative)
        # Effective sample size (sum w)^2 / sum w^2 (Kong et al. 1994), without the division.
        return tf.reduce_sum(weight) ** 2 >= wanted * tf.reduce_sum(weight**2)

    def bisect(low: tf.Tensor, high: tf.Tensor, step: tf.Tensor) -> tuple[tf.Tensor, ...]:
        middle = low + 0.5 * (high - low)
        good = enough(middle)
        return tf.where(good, middle, low), tf.where(good, high, middle), step + 1

    low, _, _ = tf.while_loop(
        lambda low, high, step: step < _BISECTIONS, bisect, (beta, tf.ones_like(beta), tf.constant(0))
    )
    return tf.where(enough(tf.ones_like(beta)), tf.ones_like(beta), low)


def systematic_indices(log_weight: tf.Tensor, count: int, offset: tf.Tensor) -> tf.Tensor:
    """Return `count` indices drawn in proportion to exp(log_weight) (n,), offset in [0, 1).

    Systematic: each index comes up as often as its share of `count`, rounded up or down.
    """
    cumulative = tf.cumsum(tf.nn.softmax(log_weight))
    wanted = (tf.range(count, dtype=tf.float32) + offset) / count * cumulative[-1]
    found = tf.searchsorted(cumulative, wanted, side="right")
    return tf.minimum(found, len(log_weight) - 1)


def _tensors(data: Sequence[Any]) -> list[tf.Tensor]:
    return [tf.convert_to_tensor(part, tf.float32) for part in data]
