"""Samples places, origin times and travel-time changes of an event of any moment tensor.

As in `zoo.microseismic.location.engine`: a screen, in which the origin time is scanned; climbs from its best points,
here by damped Newton steps with differences of the likelihood, for each value of it costs as much as its derivatives
would; and importance sampling from the modes, whose effective number of draws is the check.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from zoo.microseismic.location.importance import Mixture, apart, population
from zoo.microseismic.location.mechanism_likelihood import EVEN, MechanismLikelihood
from zoo.microseismic.location.small_systems import cholesky_of_unit_plus, solve_lower
from zoo.sampling.smc import Sampler, Samples, Settings

_BATCH = 256
# Starts, their least distance, steps of all of them, and further steps of the best.
_STARTS, _APART_KM, _STEPS, _BEST, _MORE_STEPS = 16, 0.06, 3, 8, 6
# Places of a screen whose likelihood is computed exactly.
_CANDIDATES = 512
# Steps of the differences, and the longest of a climb.
_PROBE = {"origin_time_s": 0.001, "slowness_change": 0.002}
_PROBE_KM = 0.004
_LONGEST_PROBES = 20.0
# Modes that are lower by more than this hold nothing; none is taken for wider than this.
_DEEPEST, _MODES, _WIDEST_PROBES = 12.0, 8, 40.0
# No neighbour counts as lower by more than this.
_NOTHING = 1e6
_ROUNDS, _DRAWS, _ENOUGH = 32, 256, 400


class MechanismSampler(Sampler):
    """Samples the posterior of a `MechanismLikelihood`.

    With an unknown origin time a screen of points in the whole box would miss it: so each place is given the origin
    time at which the data, with the best tensor, fit it best, by the correlation of the data with its Green's functions
    at all lags.

    Args:
        likelihood: its corners are the box.
        settings: size of a run.
    """

    def __init__(self, likelihood: MechanismLikelihood, settings: Settings | None = None) -> None:
        super().__init__(likelihood, *likelihood.corners(), settings)
        self.likelihood = likelihood
        self._scan = tf.function(self._best_origin, jit_compile=True)

    def screen(self, data: Sequence[Any] = (), seed: int = 0, size: int | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Return points (size, d) all over the volume, each at its best origin time, and log-likelihoods (size,)."""
        points, _ = self._scanned(data, seed, size)
        return points, self.evaluate(points, data)

    def candidates(self, data: Sequence[Any], seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
        """Return the best points (c, d) of a screen and log-likelihoods (c,).

        With an unknown origin time, the scan for the best one tells which they are, without most errors of the world.
        """
        points, scores = self._scanned(data, seed)
        if scores is None:
            scores = self.evaluate(points, data)
            best = np.argsort(-scores)[:_CANDIDATES]
            return points[best], scores[best]
        best = np.argsort(-scores)[:_CANDIDATES]
        return points[best], self.evaluate(points[best], data)

    def _scanned(self, data: Sequence[Any], seed: int, size: int | None = None) -> tuple[np.ndarray, np.ndarray | None]:
        """Return points (size, d) all over the volume and, where origin times were scanned, scores (size,)."""
        likelihood, step_s = self.likelihood, self.likelihood.frame_step_s
        if likelihood.parameters == ("x_km", "y_km", "z_km"):
            return self.sobol(3, seed, size), None
        places, scores = self.sobol(3, seed, size), None
        rng = np.random.default_rng([seed, 5])
        columns = {"slowness_change": likelihood.world.velocity_error * rng.normal(size=len(places))}
        if "origin_time_s" in likelihood.parameters:
            tensors = [tf.constant(part, tf.float32) for part in data]
            found = []
            for start in range(0, len(places), _BATCH):
                part = np.resize(places[start : start + _BATCH], (_BATCH, 3))
                found.append([one.numpy() for one in self._scan(tf.constant(part, tf.float32), *tensors)])
            origin_s, scores = (np.concatenate(part)[: len(places)] for part in zip(*found, strict=True))
            columns["origin_time_s"] = origin_s + step_s * rng.uniform(-1, 1, len(places))
        points = np.column_stack([places, *(columns[name] for name in likelihood.parameters[3:])])
        return np.clip(points, self.lower, self.upper), scores

    def climb(self, screened: tuple[np.ndarray, np.ndarray], data: Sequence[Any]) -> tuple[np.ndarray, ...]:
        """Climb from the best points of a screen; see `_climb`."""
        points, values = screened
        chosen = apart(points, np.argsort(-values), _APART_KM, _STARTS)
        ends = self._climb(points[chosen], _STEPS, data)
        best = np.argsort(-ends[1])[:_BEST]
        return self._climb(ends[0][best], _MORE_STEPS, data)

    def sample(
        self, data: Sequence[Any], seed: int = 0, screened: tuple[np.ndarray, np.ndarray] | None = None
    ) -> Samples:
        """Sample the posterior; the same seed gives the same samples.

        Args:
            data: what `MechanismLikelihood.prepare` returned.
            seed: of the screen and of the draws.
            screened: points (s, d) and log-likelihoods (s,) to climb from; None: of a screen of its own.
        """
        screened = self.candidates(data, seed) if screened is None else screened
        places, heights, information = self.climb(screened, data)
        covariances = np.linalg.inv(information)
        order, chosen = np.argsort(-heights), []
        for index in order:
            gaps = places[chosen] - places[index]
            new = np.all(np.einsum("ki,kij,kj->k", gaps, information[chosen], gaps) > 1.0)
            if heights[index] > heights[order[0]] - _DEEPEST and new and len(chosen) < _MODES:
                chosen.append(int(index))
        rng = np.random.default_rng([seed, 11])
        mixture = Mixture.of_modes(places[chosen], covariances[chosen], heights[chosen], _MODES)
        found = population(lambda x: self._inside(x, data), mixture, _ROUNDS, _DRAWS, rng, _ENOUGH)
        rounds, tried = len(found.points) // _DRAWS, len(screened[1])
        return found.samples(self.lower, self.upper, rounds, screened, tried, rng)

    def _inside(self, points: np.ndarray, data: Sequence[Any]) -> np.ndarray:
        inside = np.all((points >= self.lower) & (points <= self.upper), axis=1)
        values = self.evaluate(np.clip(points, self.lower, self.upper), data)
        return np.where(inside & np.isfinite(values), values, -1e30)

    def _climb(self, starts: np.ndarray, steps: int, data: Sequence[Any]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return where climbs end (n, d), log-likelihoods (n,), and minus their second derivatives (n, d, d) > 0."""
        probe = np.array([_PROBE_KM] * 3 + [_PROBE[name] for name in self.likelihood.parameters[3:]])
        n, d = starts.shape
        pairs = [(i, j) for i in range(d) for j in range(i)]
        unit = np.eye(d)
        stencil = np.concatenate([np.zeros((1, d)), unit, -unit, [unit[i] + unit[j] for i, j in pairs]])

        def curved(points: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
            # Outside the box there is nothing, which has no curvature.
            around = np.clip(points[:, None] + stencil * probe, self.lower, self.upper).reshape(-1, d)
            value = self.evaluate(around, data).reshape(n, -1)
            value = np.maximum(value, value[:, :1] - _NOTHING)
            middle, up, down = value[:, :1], value[:, 1 : 1 + d], value[:, 1 + d : 1 + 2 * d]
            bend = np.zeros((n, d, d))
            bend[:, range(d), range(d)] = 2 * middle - up - down
            for k, (i, j) in enumerate(pairs):
                bend[:, i, j] = bend[:, j, i] = up[:, i] + up[:, j] - middle[:, 0] - value[:, 1 + 2 * d + k]
            return middle[:, 0], 0.5 * (up - down), bend

        points, damping = np.clip(starts, self.lower, self.upper), np.full(n, 0.01)
        value, slope, bend = curved(points)
        for _ in range(steps):
            size, axes = np.linalg.eigh(bend)
            along = np.einsum("nij,ni->nj", axes, slope)
            # Where it bends the wrong way, a step of the same size uphill.
            size = np.abs(size) * (1 + damping[:, None]) + 1e-3 + damping[:, None]
            step = np.einsum("nij,nj->ni", axes, along / size)
            step /= np.maximum(np.abs(step).max(axis=1, keepdims=True) / _LONGEST_PROBES, 1.0)
            tried = np.clip(points + step * probe, self.lower, self.upper)
            new = curved(tried)
            wins = new[0] > value
            points = np.where(wins[:, None], tried, points)
            value, slope = np.where(wins, new[0], value), np.where(wins[:, None], new[1], slope)
            bend = np.where(wins[:, None, None], new[2], bend)
            damping = np.where(wins, damping / 5, damping * 10 + 0.01)
        size, axes = np.linalg.eigh(bend)
        size = np.maximum(size, 1.0 / _WIDEST_PROBES**2)
        information = np.einsum("nij,nj,nkj->nik", axes, size, axes) / probe / probe[:, None]
        return points, value, information

    def _best_origin(self, places: tf.Tensor, data, variance, scale, timing_sd_s, log_amplitude_sd, taps):
        """Return the origin time in s (n,) at which places (n, 3) fit the data best, and how well (n,)."""
        likelihood = self.likelihood
        step_s = likelihood.frame_step_s
        earliest, latest = likelihood.world.origin_time_s or (0.0, 0.0)
        first, last = int(np.ceil(earliest / step_s)), int(np.floor(latest / step_s))
        waves, onset_s, amplitude, turn = likelihood.frames(places)
        greens = tf.reduce_sum(waves, axis=2) * (amplitude * scale / tf.sqrt(variance))[..., None, None]
        data = data / tf.sqrt(variance)[:, None]
        samples = greens.shape[-1]
        longest = 1 << int(np.ceil(np.log2(3 * samples + last - first)))
        # Correlation of what is heard from the onset on: lag k is an origin time of k samples.
        spectrum = tf.signal.rfft(data, [longest])
        frequency = 2 * np.pi * np.fft.rfftfreq(longest).astype(np.float32)
        angle = frequency * (onset_s / step_s)[..., None]
        turned = spectrum * tf.complex(tf.cos(angle), tf.sin(angle))
        taps_spectrum = tf.signal.rfft(taps, [longest])
        filtered = tf.signal.rfft(greens, [longest]) * taps_spectrum[:, None]
        across = tf.signal.irfft(turned[:, :, None] * tf.math.conj(filtered), [longest])
        lags = tf.gather(across, np.arange(first, last + 1) % longest, axis=-1)
        even = turn * EVEN[:, None]
        projected = tf.einsum("nrij,nrjk->nik", even, lags)
        if taps.shape[-1] > 1:
            greens = tf.signal.irfft(filtered, [longest])[..., :samples]
        gram = tf.einsum("nrij,nrjk,nrlk->nil", even, tf.matmul(greens, greens, transpose_b=True), even)
        lower = cholesky_of_unit_plus(gram)
        fit = tf.add_n([value**2 for value in solve_lower(lower, tf.unstack(projected, axis=1))])
        score = 0.5 * tf.reduce_max(fit, axis=-1) - tf.add_n([tf.math.log(lower[i][i][..., 0]) for i in range(6)])
        return tf.cast(first + tf.argmax(fit, axis=-1, output_type=tf.int32), tf.float32) * step_s, score
