"""Gaussian likelihood of the traces of one event at several receivers, given an emulator.

The data d of one receiver are modelled as its emulated trace s(x) plus two kinds of error:

- noise, independent between samples, of standard deviation sigma;
- the emulator's own error, measured on validation events (`model.emulator_error`): it arrives
  early or late by a time of standard deviation `timing_sd_s`, it is too large or small by a factor
  of log standard deviation `log_amplitude_sd`, and what is left has the rms `shape_error` x peak.

To first order the first two errors are multiples of the time derivative s' and of s, so

    C(x) = w2 I + timing_sd^2 s' s'^T + log_amplitude_sd^2 s s^T,  w2 = sigma^2 + (3 shape_error peak)^2

which is a diagonal plus two columns: the Woodbury identity gives its inverse and the matrix
determinant lemma its determinant from six inner products. C depends on the source, so its
determinant is part of the likelihood: without it a loud source would excuse any misfit.
The peak in w2 is that of the data. With the peak of s(x) instead, the level of the misfit over
hundreds of samples would tell the source's amplitude to 3 %, which is only as true as the shape
error is the same for all events; with the data's, w2 is a constant. The factor 3 makes white noise
stand for an error that is not white: it lies in the band of the pulse (a fifth of the Nyquist band)
and after the arrival (half the window), so where it lies its power is some 9 times its mean.
The covariance sigma^2 I alone is that of Spurio Mancini et al. (2021), section 3.2.2.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from zoo.errors import ZooError

# A robust standard deviation from the median absolute deviation of normal numbers.
_MAD_TO_SD = 1.4826
# Ratio of the shape error where it lies in time and frequency to its rms over the whole trace.
SHAPE_ERROR_DENSITY = 3.0
# Samples before the onset below which the noise cannot be told from them (0.1 s at 4 ms), and
# the samples left out just before the onset, where the pulse already rises.
_MIN_PRE_EVENT_SAMPLES = 25
_ONSET_GUARD_SAMPLES = 10


class TraceLikelihood:
    """log p(traces | source coordinates) of an emulator: vectorised, float32, compilable by XLA.

    Calling it with coordinates_km (n, 3), traces (receivers, time) and noise_sd (receivers,)
    returns the log-likelihoods (n,) without the constant `noise_normalisation`: that constant is
    thousands of times larger than the differences that matter, and float32 has seven digits.

    Args:
        model: emulator; `model(coordinates_km (n, 3))` returns traces (n, receivers, time) and
            `model.time_step_s` is their sampling interval. `model.emulator_error`, if there, maps
            `timing_sd_s`, `log_amplitude_sd` and `shape_error` to arrays (receivers,).
        receivers: indices of the emulator's receivers that recorded the event; None means all.
    """

    def __init__(self, model: Any, receivers: Sequence[int] | None = None) -> None:
        count = len(model.receivers_km)
        self.receivers = tuple(range(count) if receivers is None else receivers)
        self._is_subset = self.receivers != tuple(range(count))
        self.model = model
        error = getattr(model, "emulator_error", None) or {}

        def of(name: str) -> np.ndarray:
            return np.asarray(error.get(name, np.zeros(count)), np.float32)[list(self.receivers)]

        self.timing_sd_s = of("timing_sd_s")
        self.log_amplitude_sd = of("log_amplitude_sd")
        self.shape_error = of("shape_error")

    def predict(self, coordinates_km: tf.Tensor) -> tf.Tensor:
        """Return the emulated traces (n, receivers, time) at the receivers in use."""
        traces = self.model(coordinates_km)
        return tf.gather(traces, self.receivers, axis=1) if self._is_subset else traces

    def __call__(self, coordinates_km: tf.Tensor, traces: tf.Tensor, noise_sd: tf.Tensor) -> tf.Tensor:
        # In units of the noise: numbers of order one, and log-determinants relative to pure noise.
        scale = 1.0 / noise_sd[:, tf.newaxis]
        predicted = self.predict(coordinates_km) * scale
        residual = traces * scale - predicted
        late = self.timing_sd_s[:, np.newaxis] * time_derivative(predicted, self.model.time_step_s)
        loud = self.log_amplitude_sd[:, np.newaxis] * predicted
        shape_sd = SHAPE_ERROR_DENSITY * self.shape_error * tf.reduce_max(tf.abs(traces * scale), axis=-1)
        return tf.reduce_sum(woodbury_log_density(residual, 1.0 + shape_sd**2, late, loud), axis=-1)

    def predictive_sd(self, coordinates_km: np.ndarray, traces: np.ndarray, noise_sd: np.ndarray) -> np.ndarray:
        """Return the standard deviation (receivers, time) of data from one source (3,) about its traces.

        It is sqrt(diag C), but with the shape error's plain rms.
        """
        predicted = self.predict(tf.constant(coordinates_km, tf.float32)[tf.newaxis])[0]
        derivative = time_derivative(predicted, self.model.time_step_s).numpy()
        predicted = predicted.numpy()
        peak = np.abs(traces).max(axis=-1)
        return np.sqrt(
            (noise_sd**2 + (self.shape_error * peak) ** 2)[:, np.newaxis]
            + (self.timing_sd_s[:, np.newaxis] * derivative) ** 2
            + (self.log_amplitude_sd[:, np.newaxis] * predicted) ** 2
        )


def time_derivative(traces: tf.Tensor, time_step_s: float) -> tf.Tensor:
    """Return the central-difference time derivative of traces (..., receivers, time), zero at the ends."""
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
        # A matrix product: XLA vectorises those on the CPU but not its sums, which take thrice the time.
        return tf.tensordot(u * v, ones, axes=1)

    # K = variance I + U^T U with U = [a b]; C^-1 = (I - U K^-1 U^T) / variance and
    # |C| = variance^(time - 2) |K|.
    k_aa, k_bb, k_ab = variance + dot(a, a), variance + dot(b, b), dot(a, b)
    determinant = k_aa * k_bb - k_ab**2
    r_a, r_b = dot(residual, a), dot(residual, b)
    explained = (k_bb * r_a**2 - 2.0 * k_ab * r_a * r_b + k_aa * r_b**2) / determinant
    misfit = (dot(residual, residual) - explained) / variance
    log_determinant = (residual.shape[-1] - 2) * tf.math.log(variance) + tf.math.log(determinant)
    return -0.5 * (misfit + log_determinant)


def noise_normalisation(noise_sd: np.ndarray, samples: int) -> float:
    """Return the constant that `TraceLikelihood` leaves out: log density of zeros under the noise."""
    return float(-samples * np.sum(np.log(np.asarray(noise_sd, np.float64) * math.sqrt(2.0 * math.pi))))


def silence_log_likelihood(traces: np.ndarray, noise_sd: np.ndarray) -> float:
    """Return the log-likelihood of "there is no event" on the scale of `TraceLikelihood`.

    Sources that the receivers hardly hear all score close to this: it is the height of the false
    mode of far sources, and what an event must beat. A log evidence minus this is the log Bayes
    factor of an event against noise.
    """
    ratio = np.asarray(traces, np.float64) / np.asarray(noise_sd, np.float64)[:, np.newaxis]
    return float(-0.5 * np.sum(ratio**2))


def estimate_noise_sd(traces: np.ndarray) -> np.ndarray:
    """Estimate each receiver's noise standard deviation from the samples before its first arrival.

    The onset is the first sample beyond six robust standard deviations of the whole trace. Where
    too few samples lie before it, the robust deviation of the whole trace is taken, which a long
    coda makes too large: state the noise where it is known.

    Args:
        traces: (receivers, time), any unit.

    Returns:
        (receivers,) in the same unit.

    Raises:
        ZooError: the traces hold no noise.
    """
    traces = np.asarray(traces, np.float64)
    noise_sd = np.empty(len(traces))
    for index, trace in enumerate(traces):
        noise_sd[index] = _MAD_TO_SD * np.median(np.abs(trace - np.median(trace)))
        loud = np.flatnonzero(np.abs(trace) > 6.0 * noise_sd[index])
        before = trace[: max(loud[0] - _ONSET_GUARD_SAMPLES, 0)] if loud.size else trace
        if len(before) >= _MIN_PRE_EVENT_SAMPLES:
            noise_sd[index] = np.std(before)
        if not noise_sd[index] > 1e-6 * np.abs(trace).max():
            raise ZooError(
                f"The trace at index {index} shows no noise before the arrival (standard deviation "
                f"{noise_sd[index]:.3g}, peak {np.abs(trace).max():.3g}), so its noise cannot be "
                "estimated. State it: noise_sd=... (`--noise-sd`), in the unit of the traces."
            )
    return noise_sd
