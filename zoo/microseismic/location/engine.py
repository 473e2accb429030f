"""Samples the posterior of one event in tenths of a CPU-second, and says itself whether they can be trusted.

1. Screen: the sources of the bank, at every origin time, by one matrix product with the correlation of the data.
2. Climb: the best of them, apart from each other, by damped Gauss-Newton steps (Levenberg 1944; Marquardt 1963).
3. Weigh: importance sampling from a mixture of t distributions around the modes that were reached, refitted to its own
   weighted draws in every round (Cappe et al. 2004). The effective share of the draws is the check: where the mixture
   does not look like the posterior, it is low.

All in TensorFlow, compiled once for a set of receivers; the mixture is that of TensorFlow Probability.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import tensorflow as tf

from zoo.microseismic.location.importance import Mixture, apart, population
from zoo.microseismic.location.world_likelihood import WorldLikelihood
from zoo.sampling.convergence import Convergence
from zoo.sampling.smc import Samples

# Components of the frames, and samples between lags, that a screen needs.
_SCREEN_COMPONENTS, _SCREEN_STEP_S = 32, 0.012
# Sources of the bank that are screened are so far apart, for the basin of the true mode is wider; but so many at least.
_SCREEN_KM, _LEAST_SCREENED = 0.042, 4_096
# Where travel times are uncertain the basin is wider still: sources, and lags, are so many times as far apart.
_WIDER = 4 / 3
# Starts of the climb. With 8, as good as all of which reach the best mode, another one was missed in 1 of 20 events.
_STARTS = 16
# All starts climb so many steps, then the best that are apart so many more.
_STEPS, _MORE_STEPS, _BEST = 3, 5, 8
# Least distance between starts and, in the box's units, between the ends of two climbs that are two modes.
_APART_KM = 0.03
_MODE_SD = 1.0
_MODES = 12
# Modes whose log-likelihood is lower by more than this hold nothing.
_DEEPEST = 10.0
# No mode is taken for longer than this: along a ridge, others continue it.
_LONGEST_MODE_KM = 0.15
# Longest step of a climb: km, s, log strength, in sds of the velocity error.
_LONGEST = {"origin_time_s": 0.03, "log_strength": 1.0}
_LONGEST_KM = 0.06
# Steps of the differences.
_PROBE_KM, _PROBE = 0.0015, {"origin_time_s": 0.0005, "log_strength": 0.01}
# Draws of a round, and sources of the bank whose likelihood is computed exactly, for each dimension.
_ROUNDS, _DRAWS, _ENOUGH = 40, 64, 400


@dataclass(frozen=True)
class Climbed:
    """Where the climbs ended: points (n, d), log-likelihoods (n,), Fisher information (n, d, d)."""

    points: np.ndarray
    values: np.ndarray
    information: np.ndarray

    def joined(self, other: Climbed) -> Climbed:
        """Return the ends of both."""
        return Climbed(*(np.concatenate([getattr(self, f.name), getattr(other, f.name)]) for f in fields(self)))


class Engine:
    """Samples the posterior of a `WorldLikelihood`; one for each set of receivers.

    Args:
        likelihood: with its bank.
    """

    def __init__(self, likelihood: WorldLikelihood) -> None:
        self.likelihood = likelihood
        self.lower, self.upper = likelihood.lower, likelihood.upper
        bank, world = likelihood.bank, likelihood.world
        self.draws = _DRAWS * len(likelihood.parameters)
        wider = _WIDER if world.velocity_error else 1.0
        self.every = max(1, round(wider * _SCREEN_STEP_S / likelihood.step_s))
        # The first of a Sobol sequence are as even as all.
        wanted = np.prod(likelihood.upper_km - likelihood.lower_km) / (wider * _SCREEN_KM) ** 3
        screened = min(len(bank.places_km), max(_LEAST_SCREENED, int(wanted)))
        self._coefficients = tf.constant(bank.coefficients[:, :screened, :_SCREEN_COMPONENTS])
        first = bank.times_s[:, :screened] / likelihood.step_s - likelihood.frames.reference - likelihood.first_lag
        self._first = tf.constant(np.rint(first / self.every).astype(np.int32))
        self._amplitudes = tf.constant(bank.amplitudes[:, :screened])
        earliest, latest = world.origin_time_s or (0.0, 0.0)
        scan_s = self.every * likelihood.step_s
        self._origins = np.arange(np.ceil(earliest / scan_s), np.floor(latest / scan_s) + 1).astype(np.int32)
        self._origins = self._origins if self._origins.size else np.zeros(1, np.int32)
        typical_s = 1.5 * world.velocity_error * float(np.median(bank.times_s))
        self._pool = 2 * round(typical_s / scan_s) + 1
        # XLA only where an event spends its time: elsewhere it costs the first event more than it ever saves.
        self._screen = tf.function(self._screened, jit_compile=True)
        self._evaluate = tf.function(self._bounded, jit_compile=True)
        self._evaluate_some = tf.function(self._bounded)
        self._curve = tf.function(self._curvature, jit_compile=True)
        self._ascend = tf.function(self._climb_loop)
        self._explain = tf.function(likelihood.explained)
        self._cap = np.array(
            [_LONGEST_KM] * 3
            + [_LONGEST.get(name, 0.5 * world.velocity_error) for name in likelihood.parameters[3:]], np.float32
        )  # fmt: skip
        self._probe = np.array(
            [_PROBE_KM] * 3 + [_PROBE.get(name, 0.05 * world.velocity_error) for name in likelihood.parameters[3:]],
            np.float32,
        )

    def evaluate(self, points: np.ndarray, data: Sequence[tf.Tensor]) -> np.ndarray:
        """Return the log-likelihood (n,) of points (n, d); 0 probability outside the box."""
        out = []
        for start in range(0, len(points), self.draws):
            part = np.asarray(points[start : start + self.draws], np.float32)
            padded = tf.constant(np.resize(part, (self.draws, part.shape[1])))
            out.append(self._evaluate(padded, *data).numpy()[: len(part)])
        return np.concatenate(out).astype(np.float64)

    def evaluate_few(self, points: np.ndarray, data: Sequence[tf.Tensor]) -> np.ndarray:
        """Return the same for at most eight points, without the cost of a batch."""
        padded = tf.constant(np.resize(np.asarray(points, np.float32), (_BEST, points.shape[1])))
        return self._evaluate_some(padded, *data).numpy()[: len(points)].astype(np.float64)

    def explained(self, points: np.ndarray, data: Sequence[np.ndarray]) -> tuple[np.ndarray, ...]:
        """Return what `WorldLikelihood.explained` does of points (n, d), always of the same number."""
        return tuple(part.numpy() for part in self._explain(tf.constant(points, tf.float32), *tensors(data)))

    def _bounded(self, points: tf.Tensor, *data: tf.Tensor) -> tf.Tensor:
        lower, upper = self.lower.astype(np.float32), self.upper.astype(np.float32)
        inside = tf.reduce_all((points >= lower) & (points <= upper), axis=-1)
        values = self.likelihood(tf.clip_by_value(points, lower, upper), *data)
        return tf.where(inside & tf.math.is_finite(values), values, -1e30)

    def screen(self, data: Sequence[tf.Tensor]) -> np.ndarray:
        """Return the starts (n, d) of the climb."""
        points = self.best_of_bank(data, self.draws)
        order = np.argsort(-self.evaluate(points, data), kind="stable")
        return points[np.resize(apart(points, order, _APART_KM, _STARTS), _STARTS)]

    def best_of_bank(self, data: Sequence[tf.Tensor], count: int | None = None) -> np.ndarray:
        """Return the `count` best sources of the bank, or all, each at its best origin time and strength (n, d)."""
        score, late_s, log_strength = (part.numpy() for part in self._screen(*data[:3]))
        best = np.arange(len(score)) if count is None else np.argpartition(score, -count)[-count:]
        columns = {"origin_time_s": late_s[best], "log_strength": log_strength[best]}
        others = [columns.get(name, np.zeros(len(best))) for name in self.likelihood.parameters[3:]]
        points = np.column_stack([self.likelihood.bank.places_km[best], *others])
        return np.clip(points, self.lower, self.upper)

    def _screened(self, correlation: tf.Tensor, energetic: tf.Tensor, alone: tf.Tensor) -> tuple[tf.Tensor, ...]:
        """Return the score of each source of the bank at its best origin time, that time, and the log strength.

        The emulator's own errors of time and gain are too small to matter here.
        """
        world, count = self.likelihood.world, _SCREEN_COMPONENTS
        coarse = correlation[:, :count, :: self.every]
        products = tf.matmul(energetic[:, :count], energetic[:, :count], transpose_b=True)
        energy = tf.reduce_sum(tf.matmul(self._coefficients, products) * self._coefficients, axis=-1)
        lags, height = coarse.shape[-1], self._amplitudes
        need = tf.reduce_sum(height**2 * energy, axis=0)
        one = len(self._origins) == 1 and self._pool == 1
        along = None
        if not one:
            along = tf.matmul(self._coefficients, coarse)  # (receivers, sources, lags)
            if self._pool > 1:
                # Each receiver's time term may make the best of its own lags.
                along = _largest(along, self._pool)

        def at(origin: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            index = tf.clip_by_value(self._first + origin, 0, lags - 1)
            if one:
                # Of one lag only a row is needed.
                rows = tf.gather(tf.transpose(coarse, (0, 2, 1)), index, axis=1, batch_dims=1)
                fit = tf.reduce_sum(rows * self._coefficients, axis=-1) * height
            else:
                fit = tf.gather(along, index[..., None], axis=2, batch_dims=2)[..., 0] * height
            total = tf.reduce_sum(fit, axis=0)
            lone = tf.zeros((1, 1))
            if world.velocity_error:
                lone = tf.gather(alone[:, :: self.every], index, axis=1, batch_dims=1)
            good = total - 0.5 * need if world.strength_known else 0.5 * tf.maximum(total, 0.0) ** 2 / need
            return good + tf.reduce_sum(lone, axis=0), total

        def better(state, origin):
            score, total, best = state
            new, fit = at(origin)
            wins = new > score
            return tf.where(wins, new, score), tf.where(wins, fit, total), tf.where(wins, origin, best)

        sources = tf.shape(need)[0]
        state = (tf.fill([sources], -1e30), tf.zeros([sources]), tf.zeros([sources], tf.int32))
        origins = tf.constant(self._origins)
        _, score, total, best = tf.while_loop(
            lambda i, *_: i < len(self._origins),
            lambda i, *state: (i + 1, *better(state, origins[i])),
            (tf.constant(0), *state),
        )
        late_s = tf.cast(best, tf.float32) * np.float32(self.every * self.likelihood.step_s)
        return score, late_s, tf.math.log(tf.maximum(total, 1e-20) / need)

    def _curvature(self, points: tf.Tensor, *data: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Return log-likelihoods (n,), gradients (n, d) and expected information (n, d, d)."""
        likelihood, probe = self.likelihood, self._probe
        n, d, receivers = points.shape[0], points.shape[1], len(likelihood.receivers)
        steps = np.concatenate([np.zeros((1, 3)), np.eye(3) * probe[:3], -np.eye(3) * probe[:3]]).astype(np.float32)
        places, late_s, log_strength, change = likelihood.split(points)
        around = tf.reshape(places[:, None] + steps, (-1, 3))

        def seven(values: tf.Tensor) -> tf.Tensor:
            return tf.repeat(values, 7, axis=0)

        heard = likelihood.features(around, seven(late_s), *data[:2])
        time_s, log_amplitude, along, energy, shaped = (tf.reshape(v, (n, 7, *v.shape[1:])) for v in heard)
        here = tuple(v[:, 0] for v in (time_s, log_amplitude, along, energy))
        # Both sides of what does not need the emulator again, all in one call: that compiles once.
        others = {"origin_time_s": late_s, "log_strength": log_strength, "slowness_change": change}
        names = likelihood.parameters[3:]
        sides = [(name, sign * probe[k]) for k, name in enumerate(names, start=3) for sign in (1.0, -1.0)]
        rows = [
            tf.concat([seven(value), *(value + step * (name == which) for which, step in sides)], 0)
            for name, value in others.items()
        ]
        copies = [tf.concat([whole, *[centre] * len(sides)], 0) for whole, centre in zip(heard, here, strict=False)]
        values = likelihood.combine(*copies, *data[2:], *rows)
        value = tf.reshape(values[: 7 * n], (n, 7))
        beside = tf.reshape(values[7 * n :], (len(sides), n))
        gradient = [(value[:, 1 + k] - value[:, 4 + k]) / (2 * probe[k]) for k in range(3)]
        gradient += [(beside[2 * k] - beside[2 * k + 1]) / (2 * probe[3 + k]) for k in range(len(names))]

        def slope(values: tf.Tensor) -> tf.Tensor:
            """Return derivatives along x, y, z: (n, 3, ...)."""
            width = tf.reshape(tf.constant(2 * probe[:3]), (3, *[1] * (len(values.shape) - 2)))
            return (values[:, 1:4] - values[:, 4:7]) / width

        one, zero = tf.ones((n, 1, receivers)), tf.zeros((n, 1, receivers))
        late = {"origin_time_s": one, "log_strength": zero, "slowness_change": time_s[:, :1]}
        loud = {"origin_time_s": zero, "log_strength": one, "slowness_change": zero}
        d_time = tf.concat([slope(time_s), *(late[name] for name in names)], 1)
        d_amplitude = tf.concat([slope(log_amplitude), *(loud[name] for name in names)], 1)
        strength = tf.exp(2.0 * (here[1] + log_strength[:, None])) * here[3]
        world = likelihood.world
        time_variance = data[3][0] ** 2 + 1.0 / tf.maximum(strength * likelihood.omega**2, 1e-6)
        gain_variance = data[3][1] ** 2 + np.float32(world.gain_error**2) + 1.0 / tf.maximum(strength, 1e-6)
        information = self._of_times(d_time, time_variance, likelihood.earth_variance(here[0]))
        information += tf.einsum("nir,njr,nr->nij", d_amplitude, d_amplitude, 1.0 / gain_variance)
        # The shape of the frame changes, too; what looks like a shift or a factor has been counted.
        d_shape = tf.transpose(slope(shaped), (0, 2, 1, 3))
        frame = shaped[:, 0]
        moved = tf.pad(frame[..., 2:] - frame[..., :-2], [[0, 0], [0, 0], [1, 1]])
        for column in (frame, moved):
            norm = tf.maximum(tf.reduce_sum(column**2, -1), 1e-20)
            part = tf.einsum("nrit,nrt->nri", d_shape, column) / norm[..., None]
            d_shape = d_shape - part[..., None] * column[:, :, None]
        shape = tf.matmul(d_shape, d_shape, transpose_b=True)
        shape = tf.einsum("nrij,nr->nij", shape, strength / tf.maximum(here[3], 1e-20))
        information += tf.pad(shape, [[0, 0], [0, d - 3], [0, d - 3]])
        prior = np.zeros(d, np.float32)
        if "slowness_change" in likelihood.parameters:
            prior[-1] = 1.0 / world.velocity_error**2
        return value[:, 0], tf.stack(gradient, -1), information + tf.linalg.diag(prior)

    def _of_times(self, slopes: tf.Tensor, variance: tf.Tensor, earth: tf.Tensor) -> tf.Tensor:
        """Return the information (n, d, d) of arrival times with slopes (n, d, channels), each channel with a variance
        (n, channels) of its own and each station with one (n, stations) that its channels share."""
        likelihood = self.likelihood
        if likelihood.stations == len(likelihood.receivers):
            return tf.einsum("nir,njr,nr->nij", slopes, slopes, 1.0 / (variance + earth))
        weighted = slopes / variance[:, None]
        summed = tf.einsum("nir,sr->nis", weighted, likelihood.of_station)
        known = tf.matmul(1.0 / variance, likelihood.of_station, transpose_b=True)
        apart = tf.matmul(weighted, slopes, transpose_b=True)
        return apart - tf.einsum("nis,njs,ns->nij", summed, summed, earth / (1.0 + earth * known))

    def _climb_loop(self, points: tf.Tensor, steps: tf.Tensor, *data: tf.Tensor) -> tuple[tf.Tensor, ...]:
        lower, upper = self.lower.astype(np.float32), self.upper.astype(np.float32)
        value, gradient, information = self._curve(points, *data)
        damping = tf.fill([points.shape[0]], 1e-2)
        for _ in tf.range(steps):
            scale = tf.sqrt(tf.maximum(tf.linalg.diag_part(information), 1e-12))
            unit = information / (scale[:, :, None] * scale[:, None, :])
            unit = unit + (damping + 1e-5)[:, None, None] * tf.eye(points.shape[1])
            step = tf.linalg.solve(unit, (gradient / scale)[..., None])[..., 0] / scale
            # Shortened, not bent, where it is too long.
            too_long = tf.reduce_max(tf.abs(step) / self._cap, axis=-1, keepdims=True)
            tried = tf.clip_by_value(points + step / tf.maximum(too_long, 1.0), lower, upper)
            new_value, new_gradient, new_information = self._curve(tried, *data)
            wins = new_value > value
            points = tf.where(wins[:, None], tried, points)
            value = tf.where(wins, new_value, value)
            gradient = tf.where(wins[:, None], new_gradient, gradient)
            information = tf.where(wins[:, None, None], new_information, information)
            damping = tf.clip_by_value(tf.where(wins, damping / 5.0, damping * 5.0), 1e-5, 1e5)
        return points, value, information

    def climb(self, starts: np.ndarray, data: Sequence[tf.Tensor]) -> Climbed:
        """Climb from starts (n, d), then farther from the best ends that are apart."""
        first = self._climbed(starts, _STEPS, data)
        ends, _, _ = self.modes(first)
        return self._climbed(np.resize(ends[:_BEST], (_BEST, ends.shape[1])), _MORE_STEPS, data).joined(first)

    def climb_on(self, climbed: Climbed, data: Sequence[tf.Tensor]) -> Climbed:
        """Climb on from the best ends that are apart, where the data have changed a little."""
        ends, _, _ = self.modes(climbed)
        return self._climbed(np.resize(ends[:_BEST], (_BEST, ends.shape[1])), _STEPS, data)

    def _climbed(self, starts: np.ndarray, steps: int, data: Sequence[tf.Tensor]) -> Climbed:
        # In parts of one size, for which the curvature is compiled.
        parts = [
            self._ascend(tf.constant(starts[k : k + _BEST], tf.float32), tf.constant(steps), *data)
            for k in range(0, len(starts), _BEST)
        ]
        return Climbed(*(np.concatenate(part).astype(np.float64) for part in zip(*parts, strict=True)))

    def modes(self, climbed: Climbed) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return places (m, d), covariances (m, d, d) and log-likelihoods (m,) of the ends that differ, best first."""
        order = np.argsort(-climbed.values)
        kernel = np.zeros(climbed.points.shape[1])
        kernel[:3] = 1.0 / _LONGEST_MODE_KM**2
        covariances = np.linalg.inv(climbed.information + np.diag(kernel + 1e-6 / (self.upper - self.lower) ** 2))
        chosen: list[int] = []
        for index in order:
            if climbed.values[index] < climbed.values[order[0]] - _DEEPEST or len(chosen) == _MODES:
                break
            gaps = climbed.points[index, :3] - climbed.points[chosen, :3]
            inverse = np.linalg.inv(covariances[chosen][:, :3, :3])
            if not np.any(np.einsum("ki,kij,kj->k", gaps, inverse, gaps) < _MODE_SD**2):
                chosen.append(int(index))
        return climbed.points[chosen], covariances[chosen], climbed.values[chosen]

    def sample(self, data: Sequence[np.ndarray], seed: int = 0, climbed: Climbed | None = None) -> Samples:
        """Sample the posterior; the same seed gives the same samples.

        Args:
            data: what `WorldLikelihood.data` returned.
            seed: of the draws.
            climbed: ends of climbs; None: screen and climb.
        """
        data = tensors(data)
        climbed = self.climb(self.screen(data), data) if climbed is None else climbed
        rng = np.random.default_rng([seed, 11])
        mixture = Mixture.of_modes(*self.modes(climbed), _MODES)
        found = population(lambda points: self.evaluate(points, data), mixture, _ROUNDS, self.draws, rng, _ENOUGH)
        tried = 7 * (_STARTS * (_STEPS + 1) + _BEST * (_MORE_STEPS + 1)) + self.draws
        rounds, ends = len(found.points) // self.draws, (climbed.points, climbed.values)
        return found.samples(self.lower, self.upper, rounds, ends, tried, rng)


@dataclass(frozen=True)
class SelfCheck(Convergence):
    """What the importance draws say of themselves, in the form of two runs: two halves of the samples are compared."""

    effective: float = 0.0

    def report(self) -> str:
        """Return the verdict in a few lines."""
        verdict = f"converged: {'yes' if self.converged else 'NO'} ({self.effective:.0f} effective importance draws)"
        return "\n".join([verdict, *self.problems])


def self_check(samples: Samples) -> SelfCheck:
    """Return the verdict on samples of the engine."""
    halves = samples.samples[::2], samples.samples[1::2]
    sd = np.maximum(samples.sd, 1e-12)
    widths = [0.5 * np.ptp(np.percentile(half, [16, 84], axis=0), axis=0) for half in halves]
    return SelfCheck(
        mean_difference_sd=np.abs(halves[0].mean(axis=0) - halves[1].mean(axis=0)) / sd,
        sd_ratio=np.maximum(*widths) / np.maximum(np.minimum(*widths), 1e-12),
        log_evidence_difference=samples.log_evidence_sd,
        rival=samples.mean,
        rival_deficit=float("inf"),
        log_share_elsewhere=float("-inf"),
        problems=samples.problems,
        effective=samples.ess,
    )


def tensors(data: Sequence[np.ndarray]) -> list[tf.Tensor]:
    """Return what `WorldLikelihood.data` returned as tensors."""
    return [tf.convert_to_tensor(part, tf.float32) for part in data]


def _largest(values: tf.Tensor, width: int) -> tf.Tensor:
    """Return the largest of `width` neighbours along the last axis."""
    half = width // 2
    padded = tf.pad(values, [[0, 0], [0, 0], [half, half]], constant_values=-1e30)
    found = values
    for k in range(width):
        found = tf.maximum(found, padded[..., k : k + values.shape[-1]])
    return found
