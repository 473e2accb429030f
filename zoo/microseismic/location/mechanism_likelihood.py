"""Likelihood of the traces of one event whose location and moment tensor are both unknown.

Traces are linear in the moment tensor M, d = G(x) M + e, with the Green's functions G of an emulator. With a Gaussian
prior on M and Gaussian errors, M is integrated out in closed form at every location x, so that only the location is
sampled, and M at a given location is drawn exactly:

    p(d | x) = N(d; 0, S^2 G G^T + C),    M | x, d = N(m, S^2 (I + S^2 G^T C^-1 G)^-1).

The prior is isotropic in the space of tensors: M : M is the sum of the squares of six numbers, each of standard
deviation S (so a shear component, which occurs twice in the matrix, has S / sqrt(2)). S is broad, and is set from the
amplitude of the data (`prior_scale`).

C is that of `zoo.microseismic.location.trace_likelihood`: white errors and, for each receiver, multiples of the trace
and of its derivative, which are errors of amplitude and of arrival time. Unlike there, P and S have errors of their
own: those of S are larger, and the time between the two determines the distance. The trace depends on M. It is taken at
the mean of M under white errors alone, which is an approximation: otherwise C would depend on what is integrated out.

The white errors are the noise and the remaining error of the emulator. The latter is not white: it lies in the band
and at the times of the signals. So its variance is not the one over all samples but the one along the signals, in the
space of Green's functions and their derivatives, as measured on validation events
(`zoo.microseismic.models.greens_training`). It is relative to the loudest trace of the event, not to the receiver's
own: at a receiver in a nodal direction the trace is small, but the emulator's error is not. All errors are those at one
height, where a first screen finds the event: S waves are short in the soft ground near the seabed, and there the
emulator's errors are several times those below.

With errors of the world (`zoo.microseismic.location.world.World`) the origin time and one factor of all travel times
are sampled, too (the strength is the tensor's own). Each receiver has a time term and a gain, which P and S share.
Gains are linear. Time terms are not, where they are longer than a quarter of a period: so they are found by
Gauss-Newton steps that alternate with the tensor, and integrated out about where these end. What another earth does to
the shape is `SHAPE_PER_VELOCITY` times the velocity error, as in `zoo.microseismic.location.world_likelihood`. Coloured
noise is whitened after the thinning, by a short filter on data and frames.

Frames begin at the arrival and are sampled every `model.frame_every` samples of the traces; the data are shifted to
them and thinned in the same way. The pulse has no energy above the Nyquist frequency of that.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
import tensorflow as tf
from scipy.signal import firwin, resample_poly
from scipy.stats import qmc

from zoo.microseismic.location.noise import Noise, excess_factor, prediction_error_filter
from zoo.microseismic.location.small_systems import cholesky_of_unit_plus, solve_lower, solve_posterior
from zoo.microseismic.location.world import World
from zoo.microseismic.location.world_likelihood import CHANGE_SD, SHAPE_PER_VELOCITY
from zoo.microseismic.models.emulator import ShiftAndScale
from zoo.microseismic.physics.moment_tensor import MULTIPLICITY

# Turns six numbers of equal standard deviation into the components of a tensor.
EVEN = (1.0 / np.sqrt(MULTIPLICITY)).astype(np.float32)
# The prior's standard deviation is this many times what a source at the quietest locations (this quantile of them)
# needs to be as loud as the data. With the median location instead, the prior would pull the tensors of deep sources,
# which are a tenth as loud, towards zero.
_PRIOR_BREADTH, _QUIETEST = 3.0, 0.05
# Locations at which loudness is measured: a power of two, for Sobol points; a twentieth of them are thirteen.
_PRIOR_LOCATIONS = 256
# The signal has at least this share of the energy of the data: where the noise is overestimated, the difference of the
# two may be negative.
_LEAST_SIGNAL_SHARE = 0.01
# Samples at the ends of the data that the 8-point interpolation of `ShiftAndScale` does not reach.
_EDGE = 4
# Gauss-Newton steps of the time terms, the longest step, and how many standard deviations they may reach.
_STEPS, _LONGEST_S, _FARTHEST_SD = 2, 0.012, 4.0
# The time from P to S is as uncertain as this share of the velocity error, beyond the factor of all travel times.
_P_TO_S = 0.5


class MechanismLikelihood:
    """log p(traces | source coordinates) with the moment tensor integrated out: vectorised, float32, for XLA.

    Called with coordinates_km (n, 3) and what `prepare` returns (data (receivers, samples), variance (receivers,),
    prior scale (), and errors of time in s and log amplitude of P and S (receivers, 2)), it returns log-likelihoods
    (n,) relative to silence, log N(d; 0, white errors).

    Args:
        model: emulator of Green's functions. `model.frames(coordinates_km)` returns frames of P and S (n, receivers, 2,
            6, frame samples); the time in s at which they begin and their amplitude, each (n, receivers); and matrices
            (n, receivers, 6, 6) that turn their components into those of `zoo.microseismic.physics.moment_tensor`.
            `model.frame_every` is their sampling interval divided by `model.time_step_s`. `model.waves(coordinates_km)`
            returns Green's functions of P and S, (n, receivers, 2, 6, time). `model.emulator_error` maps `timing_sd_s`
            and `log_amplitude_sd` to (receivers, 2), and `shape_error` (rms over all samples, relative to the peak at
            the loudest receiver) and `signal_error` (the same along signals) to (receivers,);
            `model.errors_at(height_km)` does so for a height.
        receivers: indices of the emulator's receivers that recorded the event; None: all.
        world: errors of the world; None: none, and the origin time is the first sample.
    """

    def __init__(self, model: Any, receivers: Sequence[int] | None = None, world: World | None = None) -> None:
        count = len(model.receivers_km)
        self.receivers = tuple(range(count) if receivers is None else receivers)
        self.model, self.world = model, world or World.as_simulated()
        self.frame_step_s = model.frame_every * model.time_step_s
        # The tensor has the strength.
        self.parameters = tuple(name for name in self.world.parameters if name != "log_strength")
        self._terms = self.world.velocity_error > 0 or self.world.clock_error_s > 0

    def corners(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the lower and the upper corner (d,) of the prior's box."""
        reach = CHANGE_SD * self.world.velocity_error
        others = {"origin_time_s": self.world.origin_time_s, "slowness_change": (-reach, reach)}
        sides = (self.model.lower_km, self.model.upper_km)
        return tuple(
            np.array([*edge, *(others[name][side] for name in self.parameters[3:])], np.float64)
            for side, edge in enumerate(sides)
        )  # type: ignore[return-value]

    def split(self, points: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Return places (n, 3), origin times in s and slowness changes (n,) of points (n, d)."""
        column = {name: points[:, i] for i, name in enumerate(self.parameters)}
        zero = tf.zeros_like(points[:, 0])
        return points[:, :3], column.get("origin_time_s", zero), column.get("slowness_change", zero)

    def errors(self, height_km: float | None, wrong: np.ndarray | None = None) -> dict[str, np.ndarray]:
        """Return the emulator's errors at the receivers in use, for a height or on average (None), times `wrong`."""
        found = self.model.emulator_error if height_km is None else self.model.errors_at(height_km)
        found = {name: np.asarray(values, np.float32)[list(self.receivers)] for name, values in found.items()}
        if wrong is None:
            return found
        factor = np.asarray(wrong, np.float32)
        return {name: values * factor.reshape(-1, *[1] * (values.ndim - 1)) for name, values in found.items()}

    def prepare(
        self,
        traces: np.ndarray,
        noise: Noise | np.ndarray,
        height_km: float | None = None,
        wrong: np.ndarray | None = None,
    ) -> tuple:
        """Return what follows the points in a call: data, variance, prior scale, errors of time and amplitude, taps.

        Args:
            traces: (receivers, time), from the origin time on where that is known.
            noise: at the receivers; or the standard deviations (receivers,) of white noise.
            height_km: z near which the source probably lies, for the emulator's errors there; None: errors on average.
            wrong: (receivers,) factors of the emulator's errors (`more_wrong`); None: as measured.
        """
        error, every = self.errors(height_km, wrong), self.model.frame_every
        noise = noise if isinstance(noise, Noise) else Noise.white(noise)
        data = resample_poly(np.asarray(traces, np.float64), 1, every, axis=-1)
        # Low-passed white noise keeps its spectral density: the thinned data have 1 / every of its variance.
        shape = np.hypot(error["signal_error"], SHAPE_PER_VELOCITY * self.world.velocity_error)
        signal_variance = (shape * np.abs(traces).max()) ** 2 / every
        if noise.autocovariance.shape[1] == 1:
            variance, taps = noise.sd**2 / every + signal_variance, np.ones((len(data), 1))
        else:
            variance, taps = np.ones(len(data)), _whitening(noise, every, signal_variance)
            data = np.stack([np.convolve(row, tap)[: len(row)] for row, tap in zip(data, taps, strict=True)])
            data[:, : taps.shape[1] - 1] = 0.0
        scale = self.prior_scale(traces, noise.sd)
        parts = (data, variance, scale, error["timing_sd_s"], error["log_amplitude_sd"], taps)
        return tuple(np.float32(part) if np.ndim(part) == 0 else np.asarray(part, np.float32) for part in parts)

    def prior_scale(self, traces: np.ndarray, noise_sd: np.ndarray) -> float:
        """Return the standard deviation S of the prior: what the energy of the traces requires, several times over.

        Args:
            traces: (receivers, time).
            noise_sd: (receivers,).
        """
        energy = np.sum(traces.astype(np.float64) ** 2) - traces.shape[1] * np.sum(np.square(noise_sd))
        energy = max(energy, _LEAST_SIGNAL_SHARE * np.sum(np.square(traces, dtype=np.float64)))
        loudness, expected = self._loudness
        return float(_PRIOR_BREADTH * np.sqrt(energy / expected) / loudness)

    @cached_property
    def _loudness(self) -> tuple[float, float]:
        """Return the largest amplitude, and the energy of traces from quiet locations over its square for S = 1."""
        unit = qmc.Sobol(3, rng=np.random.default_rng(0)).random(_PRIOR_LOCATIONS)
        sources_km = self.model.lower_km + unit * (self.model.upper_km - self.model.lower_km)
        waves, _, amplitude, turn = self.frames(tf.constant(sources_km, tf.float32))
        # Scaled before they are squared: the squares of Green's functions in Pa per N m underflow in float32.
        loudness = float(tf.reduce_max(amplitude))
        even = tf.einsum("nrij,nrwjt->nrit", turn, waves) * (amplitude / loudness)[..., None, None] * EVEN[:, None]
        energy = self.model.frame_every * tf.reduce_sum(even**2, axis=(1, 2, 3)).numpy().astype(np.float64)
        return loudness, float(np.quantile(energy, _QUIETEST))

    def __call__(self, points: tf.Tensor, *arguments: tf.Tensor) -> tf.Tensor:
        gram, projected, constant = self.normal_equations(points, *arguments)
        quadratic, log_determinant, _ = solve_posterior(gram, projected)
        return 0.5 * (quadratic - log_determinant) + constant

    def normal_equations(self, points: tf.Tensor, *arguments: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Return A (n, 6, 6), b (n, 6) and c (n,) of log p(d | M, x) = b.u - u.A.u / 2 + c, with M = scale * even * u.

        The density is relative to silence, u has a standard normal prior, and the integral over u is what
        `solve_posterior` gives: (b.(I + A)^-1 b - log |I + A|) / 2 + c. The arguments after the points (n, d) are what
        `prepare` returns.
        """
        return self.equations_and_terms(points, *arguments)[:3]

    def equations_and_terms(self, points, data, variance, scale, timing_sd_s, log_amplitude_sd, taps):
        """Return what `normal_equations` does, and how late P and S are, in s (n, receivers, 2), origin time included.

        They are late relative to the travel times of the emulator.
        """
        places, late_s, change = self.split(points)
        world = self.world
        waves, onset_s, amplitude, turn = self.frames(places)
        samples = waves.shape[-1]
        middle_s = onset_s + late_s[:, None]
        s_late = tf.zeros_like(onset_s)
        if world.velocity_error:
            # Where P and S are in their frames.
            power = tf.reduce_sum(waves**2, axis=3)
            at = tf.reduce_sum(power * np.arange(samples, dtype=np.float32), -1) / (tf.reduce_sum(power, -1) + 1e-20)
            travel_s = onset_s + at[..., 0] * self.frame_step_s
            s_after_s = tf.maximum(at[..., 1] - at[..., 0], 0.0) * self.frame_step_s
            middle_s += change[:, None] * travel_s
            s_late = change[:, None] * s_after_s
            waves = tf.stack([waves[:, :, 0], self._shifted(waves[:, :, 1], s_late)], axis=2)
            timing = [timing_sd_s[:, 0] + 0.0 * onset_s]
            timing.append(tf.sqrt(timing_sd_s[:, 1] ** 2 + (_P_TO_S * world.velocity_error * s_after_s) ** 2))
            timing_sd_s = tf.stack(timing, axis=-1)
            term_sd_s = tf.sqrt((world.velocity_error * travel_s) ** 2 + world.clock_error_s**2)
        else:
            term_sd_s = tf.fill(tf.shape(onset_s), np.float32(world.clock_error_s))
        # Samples of a frame that lie outside the record tell nothing.
        index = np.arange(samples, dtype=np.float32) + (middle_s / self.frame_step_s)[..., None]
        order = taps.shape[-1] - 1
        heard = (index >= _EDGE + order) & (index <= samples - 1 - _EDGE)
        # From here on in units of the standard deviation of the white errors: they become the unit matrix.
        strength = amplitude * scale / tf.sqrt(variance)
        if order:
            padded = tf.pad(waves, [[0, 0]] * 4 + [[order, 0]])
            waves = tf.add_n(
                [taps[:, k, None, None, None] * padded[..., order - k : order - k + samples] for k in range(order + 1)]
            )
        waves = tf.where(heard[:, :, None, None], waves, 0.0) * strength[..., None, None, None]
        greens = tf.reduce_sum(waves, axis=2)
        data = data / tf.sqrt(variance)[:, None]
        turn = turn * EVEN[:, None]
        plain = tf.matmul(greens, greens, transpose_b=True)

        def together(grams, projections):
            """Turn Gram matrices and projections to common components, and sum them over the receivers."""
            gram = tf.einsum("nrij,nrjk,nrlk->nil", turn, grams, turn)
            return gram, tf.einsum("nrij,nrj->ni", turn, projections)

        def parts(mean):
            """Return the traces of P and S (n, receivers, 2, time) of a tensor."""
            return tf.einsum("nrj,nrwjt->nrwt", tf.einsum("nrij,ni->nrj", turn, mean), waves)

        term = tf.zeros_like(onset_s)  # in standard deviations
        mean = None
        for step in range(_STEPS + 1 if self._terms else 1):
            moved = self._moved(data, (middle_s + term_sd_s * term) / self.frame_step_s)
            if mean is None:
                # First with white errors alone, for the mean of M at which the columns of C are taken.
                *_, mean = solve_posterior(*together(plain, tf.linalg.matvec(greens, moved)))
            # The columns U of C: what an error of one standard deviation in time, and in amplitude, adds to P and to S.
            traces = parts(mean)
            inner = (traces[..., 2:] - traces[..., :-2]) / (2.0 * self.frame_step_s)
            slope = tf.pad(inner, ((0, 0), (0, 0), (0, 0), (1, 1)))
            columns = [timing_sd_s[..., None] * slope, log_amplitude_sd[..., None] * traces]
            if world.gain_error:
                columns.append(world.gain_error * tf.reduce_sum(traces, axis=2, keepdims=True))
            if self._terms:
                # What is seen is the trace minus slope times the whole term, of which a part has been taken off.
                columns.append(term_sd_s[..., None, None] * tf.reduce_sum(slope, axis=2, keepdims=True))
                taken = moved
                moved = moved - columns[-1][:, :, 0] * term[..., None]
            columns = tf.concat(columns, axis=2)

            # C = I + U U^T, so C^-1 = I - U K^-1 U^T with K = I + U^T U = L L^T (Woodbury), and |C| = |K|. With the
            # columns of L^-1 U^T [G d], the products with C^-1 are those with I minus theirs.
            crossed = tf.matmul(columns, columns, transpose_b=True)
            lower = cholesky_of_unit_plus(crossed)
            across = tf.matmul(columns, tf.concat([greens, moved[:, :, None]], axis=2), transpose_b=True)
            across = tf.stack(solve_lower(lower, tf.unstack(across, axis=2)), axis=2)
            seen, across = across[..., -1], across[..., :-1]
            grams = plain - tf.matmul(across, across, transpose_a=True)
            projections = tf.linalg.matvec(greens, moved) - tf.linalg.matvec(across, seen, transpose_a=True)
            if step < _STEPS and self._terms:
                *_, mean = solve_posterior(*together(grams, projections))
                residual = moved - tf.reduce_sum(parts(mean), axis=2)
                *_, amounts = solve_posterior(crossed, tf.linalg.matvec(columns, residual))
                longest = _LONGEST_S / term_sd_s
                term = term + tf.clip_by_value(-amounts[..., -1] - term, -longest, longest)
                term = tf.clip_by_value(term, -_FARTHEST_SD, _FARTHEST_SD)
        log_determinant = tf.add_n([tf.math.log(lower[i][i][..., 0]) for i in range(len(lower))])
        constant = tf.reduce_sum(0.5 * tf.reduce_sum(seen**2, axis=-1) - log_determinant, axis=-1)
        if self._terms:
            # Silence is compared with the data, not with what is left of them.
            constant += 0.5 * tf.reduce_sum(taken**2 - moved**2, axis=(1, 2))
        if world.velocity_error:
            # Relative to the box, over which the evidence averages.
            constant += math.log(2 * CHANGE_SD / math.sqrt(2 * math.pi)) - 0.5 * (change / world.velocity_error) ** 2
        both = middle_s - onset_s + term_sd_s * term
        return *together(grams, projections), constant, tf.stack([both, both + s_late], axis=-1)

    def predictive(
        self,
        points: np.ndarray,
        tensors_n_m: np.ndarray,
        traces: np.ndarray,
        noise_sd: np.ndarray,
        arguments: Sequence[np.ndarray],
        height_km: float | None = None,
        wrong: np.ndarray | None = None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return mean and standard deviation, each (receivers, time), of data that samples of the posterior predict.

        Args:
            points, tensors_n_m: (n, d) and (n, 6) samples.
            traces: (receivers, time) observed.
            noise_sd: (receivers,).
            arguments: what `prepare` returned.
            height_km, wrong: as in `prepare`.
        """
        error, v = self.errors(height_km, wrong), self.world.velocity_error
        waves = np.asarray(self.model.waves(np.asarray(points[:, :3], np.float32)))[:, list(self.receivers)]
        parts = np.einsum("nc,nrwct->nrwt", tensors_n_m, waves)
        if len(self.parameters) > 3 or self._terms:
            *_, late_s = self.equations_and_terms(tf.constant(points, tf.float32), *map(tf.constant, arguments))
            n, receivers, _, samples = parts.shape
            rows = tf.constant(parts.reshape(n, 2 * receivers, samples), tf.float32)
            peak = tf.reduce_max(tf.abs(rows), axis=-1, keepdims=True)
            mover = ShiftAndScale(-(samples - 1), samples - 1)
            shift = tf.reshape(late_s, (n, -1)) / self.model.time_step_s
            parts = (mover.call(rows / peak, shift, tf.ones_like(shift)) * peak).numpy().reshape(parts.shape)
        drawn, mean = parts.sum(axis=2), parts.mean(axis=0)
        late = error["timing_sd_s"][..., None] * np.gradient(mean, self.model.time_step_s, axis=-1)
        loud = np.hypot(error["log_amplitude_sd"], self.world.gain_error)[..., None] * mean
        shape = np.hypot(error["shape_error"], SHAPE_PER_VELOCITY * v) * np.abs(traces).max()
        wrong = np.sum(late**2 + loud**2, axis=1)
        return mean.sum(axis=1), np.sqrt((np.asarray(noise_sd) ** 2 + shape**2)[:, None] + wrong + drawn.var(axis=0))

    def more_wrong(
        self, point: np.ndarray, traces: np.ndarray, noise_sd: np.ndarray, height_km: float, arguments: Sequence
    ) -> np.ndarray:
        """Return factors (receivers,), at least 1, of the emulator's errors, from what the best point (d,) leaves.

        As `zoo.microseismic.location.explanation.more_wrong`: where more is left of a trace than noise and these errors
        explain.

        Args:
            point: of the highest likelihood known.
            traces: (receivers, time).
            noise_sd: (receivers,).
            height_km: as in `prepare`.
            arguments: what `prepare` returned.
        """
        points = np.asarray(point, np.float32)[None]
        gram, projected = self.normal_equations(tf.constant(points), *map(tf.constant, arguments))[:2]
        _, tensor = draw_tensors(np.asarray(gram, float), np.asarray(projected, float), float(arguments[2]),
                                 np.random.default_rng(0))  # fmt: skip
        mean, _ = self.predictive(points, tensor, traces, noise_sd, arguments, height_km)
        expected = (self.errors(height_km)["shape_error"] * np.abs(traces).max()) ** 2
        return excess_factor(np.mean((traces - mean) ** 2, axis=-1), noise_sd**2, expected, traces.shape[-1])

    def _shifted(self, frames: tf.Tensor, late_s: tf.Tensor) -> tf.Tensor:
        """Return frames (n, receivers, 6, time) that are late by so much (n, receivers)."""
        shape = tf.shape(frames)
        samples = frames.shape[-1]
        rows = tf.reshape(frames, (shape[0], shape[1] * shape[2], samples))
        shift = tf.repeat(late_s / self.frame_step_s, frames.shape[2], axis=1)
        layer = ShiftAndScale(-(samples - 1), samples - 1)
        return tf.reshape(layer.call(rows, shift, tf.ones_like(shift)), shape)

    def frames(self, coordinates_km: tf.Tensor) -> tuple[tf.Tensor, ...]:
        """Return what `model.frames` gives, for the receivers in use."""
        found = self.model.frames(coordinates_km)
        if self.receivers == tuple(range(len(self.model.receivers_km))):
            return found
        return tuple(tf.gather(part, self.receivers, axis=1) for part in found)

    def _moved(self, data: tf.Tensor, onset: tf.Tensor) -> tf.Tensor:
        """Return the data (receivers, time) shifted so that they begin at the onsets (n, receivers), in samples."""
        samples = data.shape[-1]
        layer = ShiftAndScale(-(samples - 1), samples - 1)
        tiled = tf.broadcast_to(data, (tf.shape(onset)[0], *data.shape))
        return layer.call(tiled, -onset, tf.ones_like(onset))


def draw_tensors(
    gram: np.ndarray, projected: np.ndarray, scale: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return one tensor for each location, drawn from p(M | x, d), and the mean of that, each (n, 6), in N m.

    Args:
        gram, projected: A (n, 6, 6) and b (n, 6) of `MechanismLikelihood.normal_equations`, in float64: there are only
            as many systems as samples, and no XLA is needed.
        scale: of the prior, N m.
        rng: makes the draws.
    """
    precision = np.eye(6) + gram
    mean = np.linalg.solve(precision, projected[..., None])[..., 0]
    factor = np.linalg.cholesky(precision)
    normal = rng.normal(size=(*mean.shape, 1))
    drawn = mean + np.linalg.solve(np.swapaxes(factor, -1, -2), normal)[..., 0]
    unit = scale * EVEN.astype(np.float64)
    return drawn * unit, mean * unit


def _whitening(noise: Noise, every: int, more_variance: np.ndarray) -> np.ndarray:
    """Return the taps (receivers, order + 1) that whiten the noise once it is thinned, as the data are."""
    if every > 1:
        # The low-pass of scipy.signal.resample_poly.
        low_pass = firwin(20 * every + 1, 1.0 / every, window=("kaiser", 5.0))
        both = np.correlate(low_pass, low_pass, mode="full")
        rows = [np.convolve(np.concatenate([row[:0:-1], row]), both) for row in noise.autocovariance]
        middle = len(rows[0]) // 2
        lags = np.stack(rows)[:, middle::every][:, : 1 + (noise.autocovariance.shape[1] - 1) // every]
    else:
        lags = noise.autocovariance.copy()
    lags[:, 0] += more_variance
    samples = None if noise.samples is None else noise.samples // every
    return np.stack([prediction_error_filter(row, samples) for row in lags])
