"""Traces moved so that their peaks coincide, and which of the peaks to believe (Spurio Mancini et al. 2021, 2.1)."""

from __future__ import annotations

import numpy as np

_OVERSAMPLING = 8
# A pick is an outlier if its slowness departs by more than a quarter from the median of its
# neighbours in depth: another arrival was the highest.
_NEIGHBOURS, _LARGEST_DEPARTURE = 31, 0.25
# The part of the events, the nearest, whose moveout gives the delay of the pulse.
_NEAREST_PART = 0.025


def peaks(traces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return position in samples and height of the positive peak of traces (n, time), each (n,).

    By a parabola through the three highest of eightfold band-limited interpolation.
    """
    samples = traces.shape[1]
    padded = np.pad(np.asarray(traces, np.float64), ((0, 0), (0, samples // 8)))
    fine = np.fft.irfft(np.fft.rfft(padded), padded.shape[1] * _OVERSAMPLING)[:, : samples * _OVERSAMPLING]
    top = np.clip(fine.argmax(axis=1), 1, fine.shape[1] - 2)
    rows = np.arange(len(fine))
    before, centre, after = fine[rows, top - 1], fine[rows, top], fine[rows, top + 1]
    curvature = before - 2 * centre + after
    offset = np.where(curvature < 0, 0.5 * (before - after) / np.minimum(curvature, -1e-30), 0.0)
    offset = np.clip(offset, -0.5, 0.5)
    height = (centre - 0.25 * (before - after) * offset) * _OVERSAMPLING
    return (top + offset) / _OVERSAMPLING, height


def shift_traces(traces: np.ndarray, shift_samples: np.ndarray) -> np.ndarray:
    """Return traces (n, time) moved later by shift_samples (n,), zero where nothing is known."""
    samples = traces.shape[1]
    spectrum = np.fft.rfft(np.asarray(traces, np.float64), 2 * samples)
    cycles = np.fft.rfftfreq(2 * samples) * np.asarray(shift_samples)[:, np.newaxis]
    return np.fft.irfft(spectrum * np.exp(-2j * np.pi * cycles), 2 * samples)[:, :samples]


def pulse_delay_s(time_s: np.ndarray, distance_km: np.ndarray) -> float:
    """Return how much earlier than the origin time a source at the receiver would peak, in s.

    The intercept of the nearest events' moveout. Added to the times, it keeps time / distance from
    diverging near the receiver.
    """
    count = max(10, round(_NEAREST_PART * len(time_s)))
    near = np.argsort(distance_km)[:count]
    return -float(np.polyfit(distance_km[near], time_s[near], 1)[1])


def is_outlier(slowness: np.ndarray, depth: np.ndarray) -> np.ndarray:
    """Return (n,) bool: picks of another arrival than that of their neighbours in depth."""
    order = np.argsort(depth)
    half = _NEIGHBOURS // 2
    padded = np.pad(slowness[order], half, mode="reflect")
    median = np.median(np.lib.stride_tricks.sliding_window_view(padded, _NEIGHBOURS), axis=1)
    found = np.empty(len(slowness), bool)
    found[order] = np.abs(slowness[order] / median - 1.0) > _LARGEST_DEPARTURE
    return found
