"""Stationary noise of any colour, and the short filter that makes it white.

Recorded noise is rarely white: neighbouring samples resemble each other, so a likelihood that treats
them as independent counts the same evidence several times and is overconfident. Stationary Gaussian
noise is described by its autocovariance. The first lags define an autoregressive process, whose
prediction error is white; so a filter of some 25 taps whitens traces and predictions alike, and
Gaussian algebra for white noise holds for the whitened ones. White noise is the special case of one tap.

Sources: Durbin (1960) for the recursion; Schwarz (1978) for the criterion that chooses the order;
Akaike (1969) for the final prediction error, the size of the error on samples that were not used.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from zoo.errors import ZooError

# Longest memory of the whitening filter (0.1 s at 4 ms). The likelihood leaves out as many samples at the
# beginning of a trace: the later ones are predicted from them.
MAX_ORDER = 24
# Fewer samples of noise do not determine its spectrum.
MIN_SAMPLES = 10 * MAX_ORDER
# The standard deviation of a normal distribution divided by its median absolute deviation.
_MAD_TO_SD = 1.4826
# The first sample beyond so many standard deviations is the onset: noise exceeds it once in 5e8 samples.
_ONSET_SD = 6.0
# So many samples before the onset are needed to estimate the noise from them (0.1 s at 4 ms); the last ones
# before the onset are left out, since the pulse may have begun.
_MIN_PRE_EVENT_SAMPLES = 25
_ONSET_GUARD_SAMPLES = 10
MOST_WRONG = 8.0
"""An emulator is at most so many times as wrong of an event as on average of its validation events."""
# Noise below this fraction of the peak is none: the samples are zeros or rounding errors of a simulation.
_SMALLEST_NOISE_TO_PEAK = 1e-6


@dataclass(frozen=True)
class Noise:
    """Stationary Gaussian noise, independent between receivers.

    Attributes:
        autocovariance: (receivers, lags) from lag 0 on, in the squared unit of the traces; a single lag
            means white noise.
        samples: number of samples that it was estimated from; None where it is known.
    """

    autocovariance: np.ndarray
    samples: int | None = None

    @classmethod
    def white(cls, sd: np.ndarray) -> Noise:
        """Return white noise of standard deviations (receivers,)."""
        return cls(np.asarray(sd, np.float64)[:, np.newaxis] ** 2)

    @classmethod
    def from_samples(cls, noise: np.ndarray) -> Noise:
        """Estimate the noise from samples (receivers, samples) without an event, at the traces' sampling rate.

        Raises:
            ZooError: there are too few samples, or a channel has no noise.
        """
        noise = np.asarray(noise, np.float64)
        if noise.ndim != 2 or noise.shape[1] < MIN_SAMPLES or not np.all(np.isfinite(noise)):
            raise ZooError(
                f"The noise before the event has shape {noise.shape}; expected finite numbers, (receivers, "
                f"samples) with at least {MIN_SAMPLES} samples at the traces' sampling rate. Cut a longer "
                "piece, or state noise_sd for white noise."
            )
        # The mean is not removed: an offset is noise, too, of zero frequency. Padded, so that no lag wraps around.
        count = noise.shape[1]
        power = np.abs(np.fft.rfft(noise, 2 * count, axis=-1)) ** 2
        autocovariance = np.fft.irfft(power, axis=-1)[:, : MAX_ORDER + 1] / count
        for index, variance in enumerate(autocovariance[:, 0]):
            if not variance > 0.0:
                raise ZooError(
                    f"The noise before the event is zero at index {index}: a dead channel, or zeros instead "
                    "of recorded samples. Give recorded noise, or state noise_sd."
                )
        return cls(autocovariance, noise.shape[1])

    @property
    def sd(self) -> np.ndarray:
        """Standard deviation (receivers,)."""
        return np.sqrt(self.autocovariance[:, 0])

    def filter(self, more_variance: np.ndarray | float = 0.0) -> np.ndarray:
        """Return the taps (receivers, order + 1) that whiten the noise to unit variance.

        Args:
            more_variance: scalar or (receivers,), variance of white noise that is added to this noise.
        """
        autocovariance = self.autocovariance.copy()
        autocovariance[:, 0] += more_variance
        return np.stack([prediction_error_filter(row, self.samples) for row in autocovariance])


def prediction_error_filter(autocovariance: np.ndarray, samples: int | None = None) -> np.ndarray:
    """Return the filter that turns a stationary process into white noise of unit variance.

    Args:
        autocovariance: (order + 1,) from lag 0 on.
        samples: number of samples that it was estimated from; then Schwarz's criterion chooses the order, and
            the variance is the final prediction error. None: it is known, so all lags count.

    Returns:
        taps (order + 1,), the first for the present sample; zeros beyond the order that was chosen.

    White noise of variance 4 only has to be divided by its standard deviation:

    >>> prediction_error_filter(np.array([4.0, 0.0])).tolist()
    [0.5, 0.0]
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

    What its past predicts is subtracted from each sample; the first `order` samples serve as past only.

    Args:
        traces: (..., receivers, time).
        taps: (receivers, order + 1) from `Noise.filter`.
    """
    order = taps.shape[-1] - 1
    left = traces.shape[-1] - order
    terms = (taps[:, k, np.newaxis] * traces[..., order - k : order - k + left] for k in range(order + 1))
    return sum(terms, start=0.0)


def excess_factor(left: np.ndarray, noise: np.ndarray, expected: np.ndarray, samples: int) -> np.ndarray:
    """Return by what an emulator's errors have to be multiplied to explain what they and the noise leave (receivers,).

    At least 1 and at most `MOST_WRONG`; what two standard deviations of the noise's power explain does not count.

    Args:
        left: (receivers,) mean square of what is left of the traces.
        noise: (receivers,) variance of the noise.
        expected: (receivers,) mean square of the emulator's error.
        samples: of a trace.

    >>> excess_factor(np.array([1.0, 5.3]), np.ones(2), np.ones(2), 800).round(2).tolist()
    [1.0, 2.05]
    """
    sure = left - noise * (1.0 + 2.0 * math.sqrt(2.0 / samples))
    return np.sqrt(np.clip(sure / np.maximum(expected, 1e-30), 1.0, MOST_WRONG**2))


def stated_noise(
    traces: np.ndarray, noise_sd: np.ndarray | None, samples: np.ndarray | None, coloured: bool = True
) -> tuple[Noise, tuple[str, ...]]:
    """Return the noise that goes with an observation, or an estimate, and notes on where it comes from.

    Args:
        traces: (receivers, time).
        noise_sd: (receivers,) of white noise; None: not stated.
        samples: (receivers, samples) recorded before the event, which count for more than `noise_sd`; None: there are
            none.
        coloured: False: treat the noise as white, with the standard deviation of the samples.

    Raises:
        ZooError: the samples are too few, or the traces hold no noise from which it could be estimated.
    """
    if samples is not None:
        noise = Noise.from_samples(samples)
        if not coloured:
            return Noise.white(noise.sd), ("The noise before the event is treated as white.",)
        listed = ", ".join(f"{value:.3g}" for value in noise.sd)
        return noise, (f"The noise has the colour of the {noise.samples} samples before the event: sd {listed}.",)
    if noise_sd is not None:
        return Noise.white(noise_sd), ()
    found = estimate_noise_sd(traces)
    return Noise.white(found), (
        "The noise was estimated from the traces: sd " + ", ".join(f"{value:.3g}" for value in found) + ".",
    )


def estimate_noise_sd(traces: np.ndarray) -> np.ndarray:
    """Estimate each receiver's noise standard deviation from the samples before its first arrival.

    The onset is the first sample beyond six robust standard deviations of the whole trace. Where
    too few samples lie before it, the robust deviation of the whole trace is taken, which a long
    coda makes too large: state the noise if it is known.

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
        loud = np.flatnonzero(np.abs(trace) > _ONSET_SD * noise_sd[index])
        before = trace[: max(loud[0] - _ONSET_GUARD_SAMPLES, 0)] if loud.size else trace
        if len(before) >= _MIN_PRE_EVENT_SAMPLES:
            noise_sd[index] = np.std(before)
        if not noise_sd[index] > _SMALLEST_NOISE_TO_PEAK * np.abs(trace).max():
            raise ZooError(
                f"The trace at index {index} shows no noise before the arrival (standard deviation "
                f"{noise_sd[index]:.3g}, peak {np.abs(trace).max():.3g}), so its noise cannot be "
                "estimated. State it: noise_sd=... (`--noise-sd`), in the unit of the traces."
            )
    return noise_sd
