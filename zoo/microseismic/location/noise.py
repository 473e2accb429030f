"""Stationary noise of any colour, and the short filter that makes it white.

Noise in recordings is rarely white: neighbouring samples resemble each other, so a likelihood that
takes them for independent counts the same evidence several times and is too sure. A stationary
Gaussian noise is given by its autocovariance. Its first lags define an autoregressive process, whose
prediction error is white; so a filter of some 25 taps whitens traces and predictions alike, and
Gaussian algebra for white noise holds for the whitened ones. White noise is the case of one tap.

Sources: Durbin (1960) for the recursion; Schwarz (1978) for the criterion that chooses the order;
Akaike (1969) for the final prediction error, how large the error is in samples not seen.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from zoo.errors import ZooError

# Longest memory of the whitening filter (0.1 s at 4 ms); the first so many samples of a trace are
# what the others are predicted from.
MAX_ORDER = 24
# Fewer samples of noise do not tell its spectrum.
MIN_SAMPLES = 10 * MAX_ORDER
# A robust standard deviation from the median absolute deviation of normal numbers.
_MAD_TO_SD = 1.4826
# Samples before the onset below which the noise cannot be told from them (0.1 s at 4 ms), and
# the samples left out just before the onset, where the pulse already rises.
_MIN_PRE_EVENT_SAMPLES = 25
_ONSET_GUARD_SAMPLES = 10


@dataclass(frozen=True)
class Noise:
    """Stationary Gaussian noise, independent between receivers.

    Attributes:
        autocovariance: (receivers, lags) from lag 0 on, in the squared unit of the traces; one lag
            means white noise.
        samples: how many samples it was estimated from; None where it is known.
    """

    autocovariance: np.ndarray
    samples: int | None = None

    @classmethod
    def white(cls, sd: np.ndarray) -> Noise:
        """Return white noise of standard deviations (receivers,)."""
        return cls(np.asarray(sd, np.float64)[:, np.newaxis] ** 2)

    @classmethod
    def from_samples(cls, noise: np.ndarray) -> Noise:
        """Estimate the noise from samples (receivers, samples) without an event, at the traces' rate.

        Raises:
            ZooError: too few samples, or a channel without noise.
        """
        noise = np.asarray(noise, np.float64)
        if noise.ndim != 2 or noise.shape[1] < MIN_SAMPLES or not np.all(np.isfinite(noise)):
            raise ZooError(
                f"The noise before the event has shape {noise.shape}; expected finite numbers, (receivers, "
                f"samples) with at least {MIN_SAMPLES} samples at the traces' sampling rate. Cut a longer "
                "piece, or state noise_sd for white noise."
            )
        # No mean is taken off: an offset is noise, too, of frequency zero. Padded: no lag wraps around.
        count = noise.shape[1]
        power = np.abs(np.fft.rfft(noise, 2 * count, axis=-1)) ** 2
        autocovariance = np.fft.irfft(power, axis=-1)[:, : MAX_ORDER + 1] / count
        for index, variance in enumerate(autocovariance[:, 0]):
            if not variance > 0.0:
                raise ZooError(
                    f"The noise before the event is zero at index {index}: a dead channel, or zeros in "
                    "place of recorded samples. Give recorded noise, or state noise_sd."
                )
        return cls(autocovariance, noise.shape[1])

    @property
    def sd(self) -> np.ndarray:
        """Standard deviation (receivers,)."""
        return np.sqrt(self.autocovariance[:, 0])

    def filter(self, more_variance: np.ndarray | float = 0.0) -> np.ndarray:
        """Return the taps (receivers, order + 1) that whiten it to unit variance.

        Args:
            more_variance: scalar or (receivers,) of white noise that is added to this one.
        """
        autocovariance = self.autocovariance.copy()
        autocovariance[:, 0] += more_variance
        return np.stack([prediction_error_filter(row, self.samples) for row in autocovariance])


def prediction_error_filter(autocovariance: np.ndarray, samples: int | None = None) -> np.ndarray:
    """Return the filter that turns a stationary process into white noise of unit variance.

    Args:
        autocovariance: (order + 1,) from lag 0 on.
        samples: that the autocovariance was estimated from; the order is then the one that Schwarz's
            criterion prefers, and the variance the final prediction error. None: known, so all lags count.

    Returns:
        taps (order + 1,), the first for the present sample; zeros beyond the order chosen.
    """
    coefficients = np.zeros(len(autocovariance))
    coefficients[0], variance = 1.0, autocovariance[0]
    best, lowest = None, math.inf
    for p in range(len(autocovariance)):
        if p > 0:
            reflection = -np.dot(coefficients[:p], autocovariance[p:0:-1]) / variance
            coefficients[: p + 1] += reflection * coefficients[p::-1]
            variance *= 1.0 - reflection**2
        if samples is None:
            best = coefficients / math.sqrt(variance)
            continue
        criterion = samples * math.log(variance) + p * math.log(samples)
        if criterion < lowest:
            final_error = variance * (samples + p + 1) / (samples - p - 1)
            best, lowest = coefficients / math.sqrt(final_error), criterion
    return best


def whiten(traces: Any, taps: Any) -> Any:
    """Return whitened traces (..., receivers, time - order), NumPy or TensorFlow.

    Each sample is told what the past predicts of it, so the first `order` ones only serve as past.

    Args:
        traces: (..., receivers, time).
        taps: (receivers, order + 1) of `Noise.filter`.
    """
    order = taps.shape[-1] - 1
    left = traces.shape[-1] - order
    terms = (taps[:, k, np.newaxis] * traces[..., order - k : order - k + left] for k in range(order + 1))
    return sum(terms, start=0.0)


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
