"""What a posterior says of each receiver: its time term, its gain, what it should have recorded, and what is wrong."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.fft import next_fast_len

from zoo.microseismic.location.engine import Engine
from zoo.microseismic.location.noise import Noise, excess_factor, whiten
from zoo.microseismic.location.trace_likelihood import SHAPE_ERROR_DENSITY
from zoo.microseismic.location.world_likelihood import SHAPE_ERROR_INFLATION

# Of the factor of the emulator's error in the likelihood: there it is larger lest it moves the place; a residual is
# compared with the error itself, in its band.
_OF_MISFIT = SHAPE_ERROR_DENSITY / SHAPE_ERROR_INFLATION
EXPLAINED = 48
"""Draws of a posterior that are explained; always as many, for which it is compiled."""


@dataclass(frozen=True)
class Explanation:
    """Posterior draws of what the receivers hear, and how it compares with the data.

    Attributes:
        predicted: (n, receivers, time) traces, each with its most probable time terms and gains.
        late_s: (n, receivers) time terms.
        late_sd: (n, receivers) the same, relative to their prior sd.
        gain: (n, receivers).
        positive, negative: (n, receivers) the largest correlation of the data with the frame near its arrival, and with
            the reversed frame.
        misfit: (receivers,) mean squared residual, relative to what noise and errors of the world allow.
        pulse_misfit: (receivers,) rms residual around the strongest wave, relative to its rms, noise taken off.
        pulse_noise: (receivers,) the share of that which noise alone could make.
        sd: (receivers, time) standard deviation of the data about the mean of `predicted`.
    """

    predicted: np.ndarray
    late_s: np.ndarray
    late_sd: np.ndarray
    gain: np.ndarray
    positive: np.ndarray
    negative: np.ndarray
    misfit: np.ndarray
    pulse_misfit: np.ndarray
    pulse_noise: np.ndarray
    sd: np.ndarray


def explain(
    engine: Engine,
    points: np.ndarray,
    data: tuple,
    traces: np.ndarray,
    noise: Noise,
    pulse: float,
    wrong: np.ndarray | float = 1.0,
) -> Explanation:
    """Compare posterior draws (n, d) with the data that they were inferred from; see `WorldLikelihood.data`."""
    likelihood = engine.likelihood
    step_s, samples, first = likelihood.step_s, likelihood.samples, likelihood.first_lag
    reference = likelihood.frames.reference
    coefficients, time_s, log_amplitude, along, cells, late_at, v, surplus = engine.explained(points, data)
    late, strength, change = (np.asarray(part, np.float64) for part in likelihood.split(points)[1:])
    cells = cells + np.log(likelihood.weights)[:, None, None, None]
    share = np.exp(cells - cells.max(axis=(0, 3), keepdims=True))
    best = share.sum(axis=0).argmax(axis=-1)[..., None]
    # Around the most probable lag, where the correlation is one hill.
    share *= np.abs(np.arange(share.shape[-1]) - best) <= 1
    # Channels of one station are late together.
    of = likelihood.station_of_channel
    late_s = (np.sum(share * late_at, axis=(0, 3)) / np.sum(share, axis=(0, 3)))[:, of]
    middle_s = time_s * (1 + change[:, None]) + late[:, None]
    gain = 1.0 + v * np.take_along_axis(surplus, best[:, of], -1)[..., 0]
    earth = np.asarray(likelihood.earth_variance(time_s))[:, of]
    prior_sd = np.sqrt(earth + data[3][0] ** 2)

    # The frames themselves, with the pulse of this event.
    plain = likelihood.filtered_basis(np.ones((len(traces), 1)), pulse)
    shaped = np.einsum("nrp,rpj->nrj", coefficients, plain, optimize=True)
    shift = (middle_s + late_s) / step_s - reference
    height = np.exp(np.asarray(log_amplitude) + strength[:, None]) * gain
    predicted = height[..., None] * moved_later(shaped, np.clip(shift, first, first + likelihood.lags))

    white, order, taps = likelihood.whitened(traces, noise, _OF_MISFIT * np.asarray(wrong))
    basis = likelihood.filtered_basis(taps, pulse)
    variance = likelihood.world_variance(basis, np.abs(white).max(axis=-1))
    # The variance of a frame's samples, moved to where they are in the record.
    index = np.arange(samples) - shift.mean(axis=0)[:, None]
    moved = np.stack([np.interp(i, np.arange(len(row)), row, 0, 0) for i, row in zip(index, variance, strict=True)])
    mean = predicted.mean(axis=0)
    residual = (white - np.pad(whiten(mean, taps), ((0, 0), (order, 0))))[:, order:]
    spread = predicted.var(axis=0)
    gain_of_filter = np.sum(taps**2, axis=-1)
    allowed = 1.0 + moved[:, order:] + spread[:, order:] * gain_of_filter[:, None]
    misfit = np.mean(residual**2 / allowed, axis=-1)
    # Around the strongest wave, from the traces themselves.
    width = np.pi / likelihood.omega / step_s * max(pulse, 1.0)
    pulse_window = np.exp(-0.5 * ((index - reference) / width) ** 2)
    raw = traces - mean
    noise_power = noise.sd**2 * pulse_window.sum(axis=-1)
    power = np.sum(pulse_window * mean**2, axis=-1)
    left = np.sum(pulse_window * raw**2, axis=-1)
    pulse_noise = np.sqrt(noise_power / power)
    pulse_misfit = np.sqrt(np.maximum(left - noise_power, 0.0) / power)
    centre = np.rint(middle_s / step_s - reference - first).astype(int)
    window = centre[..., None] + np.arange(-likelihood.reach, likelihood.reach + 1)
    nearby = np.take_along_axis(along, np.clip(window, 0, likelihood.lags - 1), axis=-1)
    shape = (wrong * likelihood.shape_error * np.abs(traces).max(axis=-1))[:, None]
    sd = np.sqrt(noise.sd[:, None] ** 2 + moved / gain_of_filter[:, None] + spread + shape**2)
    return Explanation(
        predicted, late_s, late_s / prior_sd, gain, nearby.max(axis=-1), -nearby.min(axis=-1), misfit, pulse_misfit,
        pulse_noise, sd,
    )  # fmt: skip


def more_wrong(
    engine: Engine, point: np.ndarray, data: tuple, traces: np.ndarray, noise: Noise, pulse: float
) -> np.ndarray:
    """Return factors (receivers,), at least 1, of the emulator's errors, from what the best point (d,) leaves.

    The errors are means over the validation events; near a receiver or a corner of the volume the emulator is worse.
    Where more is left of a trace than noise and these errors explain (by two standard deviations), they are larger by
    that factor here, of the shape as of time and amplitude, for they have one cause.
    """
    likelihood = engine.likelihood
    found = explain(engine, np.tile(point, (EXPLAINED, 1)), data, traces, noise, pulse)
    taps = noise.filter()
    left = np.mean(whiten(np.asarray(traces, np.float64) - found.predicted[0], taps) ** 2, axis=-1)
    expected = (likelihood.shape_error * np.abs(traces).max(axis=-1)) ** 2 * np.sum(taps**2, axis=-1)
    return excess_factor(left, np.ones(len(left)), expected, traces.shape[-1])


def moved_later(frames: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """Return frames (..., time) later by `shift` samples (...), whole or not; what leaves the record is lost.

    >>> (moved_later(np.array([0.0, 1.0, 0.0, 0.0]), np.array(1.0)).round(6) + 0.0).tolist()
    [0.0, 0.0, 1.0, 0.0]
    """
    samples = frames.shape[-1]
    size = next_fast_len(samples + 8 + math.ceil(np.abs(shift).max()), real=True)
    turned = np.exp(-2j * np.pi * np.fft.rfftfreq(size) * np.asarray(shift)[..., None])
    return np.fft.irfft(np.fft.rfft(frames, size) * turned, size)[..., :samples]
