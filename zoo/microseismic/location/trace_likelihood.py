"""Gaussian likelihood of the traces of one event at several receivers, given an emulator.

The data d of one receiver are modelled as its emulated trace s(x) plus two kinds of error:

- stationary noise with covariance N (`zoo.microseismic.location.noise`), sigma^2 I if it is white;
- the emulator's own error, measured on validation events (`model.emulator_error`): its trace arrives
  early or late by a time of standard deviation `timing_sd_s`, is too large or too small by a factor
  of log standard deviation `log_amplitude_sd`, and the remaining error has the rms `shape_error` x peak.

To first order the first two errors are multiples of the time derivative s' and of s, so

    C(x) = W + timing_sd^2 s' s'^T + log_amplitude_sd^2 s s^T,  W = N + (3 shape_error peak)^2 I

A short filter whitens W, which leaves the unit matrix plus two columns: six inner products then give
its inverse, by the Woodbury identity, and its determinant, by the matrix determinant lemma. C depends
on the source, so its determinant is part of the likelihood: without it, a loud source would excuse
any misfit.
The peak in W is that of the data. With the peak of s(x) instead, the level of the misfit over hundreds
of samples would determine the source's amplitude to 3 %, which would be right only if the shape error
were the same for all events; with the peak of the data, W is a constant. The factor 3 lets white noise
represent an error that is not white: it lies in the band of the pulse (a fifth of the Nyquist band) and
after the arrival (half the window), so where it lies, its power is some 9 times its mean.
The covariance sigma^2 I alone is that of Spurio Mancini et al. (2021), section 3.2.2.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from zoo.microseismic.location.noise import Noise, whiten
from zoo.microseismic.models.emulator import Emulator, ShiftAndScale

# Ratio of the shape error, where it lies in time and frequency, to its rms over the whole trace (see above).
SHAPE_ERROR_DENSITY = 3.0


class TraceLikelihood:
    """log p(traces | source) by an emulator: vectorised, float32, compilable by XLA.

    `data(traces, noise)` prepares an event: it whitens the traces. Called with points and these data, the
    likelihood returns log-likelihoods (n,) without the constant `normalisation`: that constant is
    thousands of times larger than the differences that matter, and float32 has seven digits.

    Args:
        model: emulator; `model(coordinates_km (n, 3))` returns traces (n, receivers, time) and
            `model.time_step_s` is their sampling interval. `model.emulator_error`, if there is one, maps
            `timing_sd_s`, `log_amplitude_sd` and `shape_error` to arrays (receivers,).
        receivers: indices of the emulator's receivers that recorded the event; None: all.
        origin_time_s: earliest and latest origin time after the first sample; points then have it as
            a fourth coordinate. None: the first sample is at the origin time, and points are (n, 3).
    """

    def __init__(
        self, model: Any, receivers: Sequence[int] | None = None, origin_time_s: tuple[float, float] | None = None
    ) -> None:
        count = len(model.receivers_km)
        self.receivers = tuple(range(count) if receivers is None else receivers)
        self._is_subset = self.receivers != tuple(range(count))
        self.model = model
        # An emulator that shifts frames to their arrival can shift them by the origin time as well, at no cost.
        self._moves_frames = getattr(type(model), "call", None) is Emulator.call
        self._delay = None
        if origin_time_s is not None:
            earliest, latest = (time / model.time_step_s for time in origin_time_s)
            first, last = 0, 0
            if self._moves_frames:
                first, last = -model.reference_sample, model.samples - 1 - model.reference_sample
            self._delay = ShiftAndScale(first + math.floor(earliest), last + math.ceil(latest))
        error = getattr(model, "emulator_error", None) or {}

        def of(name: str) -> np.ndarray:
            return np.asarray(error.get(name, np.zeros(count)), np.float32)[list(self.receivers)]

        self.timing_sd_s = of("timing_sd_s")
        self.log_amplitude_sd = of("log_amplitude_sd")
        self.shape_error = of("shape_error")

    def data(self, traces: np.ndarray, noise: Noise) -> tuple[np.ndarray, np.ndarray]:
        """Return what the likelihood takes after the points: whitened traces and the whitening filter.

        Args:
            traces: (receivers, time).
            noise: at the receivers; the emulator's shape error is added to it as white noise.

        Returns:
            (receivers, time - order) whitened traces, (receivers, order + 1) taps of the filter.
        """
        shape_sd = SHAPE_ERROR_DENSITY * self.shape_error * np.abs(traces).max(axis=-1)
        taps = noise.filter(shape_sd**2)
        return whiten(np.asarray(traces, np.float64), taps), taps

    def emulate(self, coordinates_km: tf.Tensor) -> tf.Tensor:
        """Return the emulated traces (n, receivers in use, time) from the origin time on."""
        return self._used(self.model(coordinates_km))

    def predict(self, points: tf.Tensor) -> tf.Tensor:
        """Return the predicted traces (n, receivers, time) of points (n, 3 or 4)."""
        if self._delay is None:
            return self.emulate(points)
        model, coordinates_km, origin_time_s = self.model, points[:, :3], points[:, 3:]
        if self._moves_frames:
            frames, time_s, amplitude = model.aligned(coordinates_km)
            shift = (time_s + origin_time_s) / model.time_step_s - model.reference_sample
            return self._used(self._delay(frames, shift, amplitude))
        shift = tf.repeat(origin_time_s / model.time_step_s, len(self.receivers), axis=1)
        return self._delay(self.emulate(coordinates_km), shift, tf.ones_like(shift))

    def _used(self, traces: tf.Tensor) -> tf.Tensor:
        return tf.gather(traces, self.receivers, axis=1) if self._is_subset else traces

    def __call__(self, points: tf.Tensor, whitened: tf.Tensor, taps: tf.Tensor) -> tf.Tensor:
        predicted = whiten(self.predict(points), taps)
        late, loud = self.errors(predicted)
        density = woodbury_log_density(whitened - predicted, tf.ones_like(self.timing_sd_s), late, loud)
        return tf.reduce_sum(density, axis=-1)

    def errors(self, predicted: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Return how traces (n, receivers, time) change with one sd of the emulator's timing and amplitude."""
        late = self.timing_sd_s[:, np.newaxis] * time_derivative(predicted, self.model.time_step_s)
        return late, self.log_amplitude_sd[:, np.newaxis] * predicted

    def predictive(
        self, mean: np.ndarray, samples: np.ndarray, traces: np.ndarray, noise: Noise
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return what a posterior predicts for the data that it was inferred from.

        Args:
            mean: (d,) of the posterior.
            samples: (n, d) of the posterior.
            traces: (receivers, time).
            noise: at the receivers.

        Returns:
            Traces of the mean (receivers, time); the standard deviation of data about them (receivers, time),
            from C, with the plain rms of the shape error, and from the spread of the posterior; and the misfit
            (receivers,): the mean squared residual divided by its expected value, both whitened by the noise.
        """
        points = tf.constant(np.concatenate([mean[np.newaxis], samples]), tf.float32)
        predicted = self.predict(points).numpy()
        shape_variance = (self.shape_error * np.abs(traces).max(axis=-1)) ** 2

        def sd(predicted: np.ndarray, variance: np.ndarray) -> np.ndarray:
            late, loud = self.errors(tf.constant(predicted[0], tf.float32))
            spread = predicted[1:].var(axis=0)
            return np.sqrt(variance[:, np.newaxis] + late.numpy() ** 2 + loud.numpy() ** 2 + spread)

        taps = noise.filter()
        white = whiten(predicted, taps)
        expected = sd(white, 1.0 + shape_variance * np.sum(taps**2, axis=-1))
        misfit = np.mean(((whiten(traces, taps) - white[0]) / expected) ** 2, axis=-1)
        return predicted[0], sd(predicted, noise.sd**2 + shape_variance), misfit


def time_derivative(traces: tf.Tensor, time_step_s: float) -> tf.Tensor:
    """Return the time derivative of traces (..., receivers, time) by central differences, zero at the ends."""
    inner = (traces[..., 2:] - traces[..., :-2]) / (2.0 * time_step_s)
    return tf.pad(inner, [[0, 0]] * (len(traces.shape) - 1) + [[1, 1]])


def woodbury_log_density(residual: tf.Tensor, variance: tf.Tensor, a: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
    """Return -r^T C^-1 r / 2 - log|C| / 2 for C = variance I + a a^T + b b^T, over the last axis.

    Args:
        residual, a, b: (..., time).
        variance: (...), positive.

    Returns:
        (...); the constant -time/2 log(2 pi) is left out.
    """

    ones = tf.ones([residual.shape[-1]], residual.dtype)

    def dot(u: tf.Tensor, v: tf.Tensor) -> tf.Tensor:
        # As a matrix product: XLA vectorises those on the CPU, but not its sums, which take three times as long.
        return tf.tensordot(u * v, ones, axes=1)

    return woodbury_from_products(
        rr=dot(residual, residual),
        ra=dot(residual, a),
        rb=dot(residual, b),
        aa=dot(a, a),
        bb=dot(b, b),
        ab=dot(a, b),
        variance=variance,
        samples=residual.shape[-1],
    )


def woodbury_from_products(
    rr: tf.Tensor,
    ra: tf.Tensor,
    rb: tf.Tensor,
    aa: tf.Tensor,
    bb: tf.Tensor,
    ab: tf.Tensor,
    variance: tf.Tensor | float,
    samples: int,
) -> tf.Tensor:
    """Return `woodbury_log_density` for vectors of `samples` numbers, given their inner products (...)."""
    # K = variance I + U^T U with U = [a b]; C^-1 = (I - U K^-1 U^T) / variance and
    # |C| = variance^(samples - 2) |K|.
    k_aa, k_bb = variance + aa, variance + bb
    determinant = k_aa * k_bb - ab**2
    explained = (k_bb * ra**2 - 2.0 * ab * ra * rb + k_aa * rb**2) / determinant
    log_determinant = (samples - 2) * tf.math.log(variance) + tf.math.log(determinant)
    return -0.5 * ((rr - explained) / variance + log_determinant)


def normalisation(whitened: np.ndarray, taps: np.ndarray) -> float:
    """Return the constant that `TraceLikelihood` leaves out, given its data."""
    samples = whitened.shape[-1]
    return float(samples * np.sum(np.log(np.asarray(taps, np.float64)[:, 0] / math.sqrt(2.0 * math.pi))))


def noise_log_density(traces: np.ndarray, noise: Noise) -> float:
    """Return the log density of the traces (receivers, time) if there is no event.

    All sources that the receivers hardly record score close to this: it is the height of the false mode
    of distant sources, which an event has to exceed. A log evidence minus this is the log Bayes factor of
    an event against noise.
    """
    taps = noise.filter()
    whitened = whiten(np.asarray(traces, np.float64), taps)
    return float(-0.5 * np.sum(whitened**2)) + normalisation(whitened, taps)
