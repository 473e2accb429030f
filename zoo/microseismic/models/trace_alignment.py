"""Traces shifted so that their peaks coincide, and which peaks to trust (Spurio Mancini et al. 2021, section 2.1)."""

from __future__ import annotations

import numpy as np

_OVERSAMPLING = 8
# A pick is an outlier if its slowness differs by more than a quarter from the median of its neighbours in depth: then
# another arrival was the highest.
_NEIGHBOURS, _LARGEST_DEPARTURE = 31, 0.25
# The fraction of the events, the nearest ones, whose moveout gives the delay of the pulse; and at least so many.
_NEAREST_PART, _FEWEST_NEAREST = 0.025, 10
_TINY = 1e-30


def peaks(traces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the position in samples and the height of the positive peak of traces (n, time), each (n,).

    It is the top of a parabola through the three highest samples of an eightfold band-limited interpolation.

    >>> time = np.arange(100)
    >>> position, height = peaks(3 * np.exp(-0.5 * ((time - 40.3) / 4) ** 2)[np.newaxis])
    >>> position.round(2).tolist(), height.round(2).tolist()
    ([40.3], [3.0])
    """
    samples = traces.shape[1]
    padded = np.pad(np.asarray(traces, np.float64), ((0, 0), (0, samples // 8)))
    fine = np.fft.irfft(np.fft.rfft(padded), padded.shape[1] * _OVERSAMPLING)[:, : samples * _OVERSAMPLING]
    top = np.clip(fine.argmax(axis=1), 1, fine.shape[1] - 2)
    rows = np.arange(len(fine))
    before, centre, after = fine[rows, top - 1], fine[rows, top], fine[rows, top + 1]
    curvature = before - 2 * centre + after
    offset = np.where(curvature < 0, 0.5 * (before - after) / np.minimum(curvature, -_TINY), 0.0)
    offset = np.clip(offset, -0.5, 0.5)
    height = (centre - 0.25 * (before - after) * offset) * _OVERSAMPLING
    return (top + offset) / _OVERSAMPLING, height


def shift_traces(traces: np.ndarray, shift_samples: np.ndarray) -> np.ndarray:
    """Return traces (n, time) shifted to later times by shift_samples (n,), zero where there are no samples."""
    samples = traces.shape[1]
    spectrum = np.fft.rfft(np.asarray(traces, np.float64), 2 * samples)
    cycles = np.fft.rfftfreq(2 * samples) * np.asarray(shift_samples)[:, np.newaxis]
    return np.fft.irfft(spectrum * np.exp(-2j * np.pi * cycles), 2 * samples)[:, :samples]


def pulse_delay_s(time_s: np.ndarray, distance_km: np.ndarray) -> float:
    """Return how much earlier than the origin time a source at the receiver would peak, in s.

    It is the intercept of the moveout of the nearest events. Added to the times, it keeps time / distance from
    diverging near the receiver.

    Args:
        time_s: (n,) times of the peaks, s.
        distance_km: (n,) distances of the sources, km.
    """
    count = max(_FEWEST_NEAREST, round(_NEAREST_PART * len(time_s)))
    near = np.argsort(distance_km)[:count]
    return -float(np.polyfit(distance_km[near], time_s[near], 1)[1])


def is_outlier(slowness: np.ndarray, depth: np.ndarray) -> np.ndarray:
    """Return (n,) bool: whether a pick is of another arrival than those of its neighbours in depth.

    Args:
        slowness: (n,) time over distance.
        depth: (n,) any measure of it.
    """
    order = np.argsort(depth)
    half = _NEIGHBOURS // 2
    padded = np.pad(slowness[order], half, mode="reflect")
    median = np.median(np.lib.stride_tricks.sliding_window_view(padded, _NEIGHBOURS), axis=1)
    found = np.empty(len(slowness), bool)
    found[order] = np.abs(slowness[order] / median - 1.0) > _LARGEST_DEPARTURE
    return found
