"""Seismograms as arrays: resampling, filters, normalisation, and random numbers tied to a trace.

Arrays are (n, time, channels) float32. Filtering and decimation are one polyphase step that leaves arrivals where they
are: output sample 0 lies on an input sample, and beyond the ends lie zeros (not a library's idea of padding).
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Sequence
from fractions import Fraction

import numba
import numpy as np
import scipy.signal

from zoo.errors import ZooError

PASSED = 0.85
"""Share of the lower Nyquist frequency at which the low pass halves the amplitude: 8.5 Hz for 20 Hz."""
_HALF_LENGTH, _KAISER_BETA = 10, 5.0
"""Half of the filter's length in samples of the lower rate, and its window: as in scipy.signal.resample_poly."""
_LARGEST_FACTOR = 1000
"""The largest whole number by which a rate is multiplied or divided: more would make the filter slow to apply."""


@functools.lru_cache(maxsize=64)
def polyphase_filter(from_hz: float, to_hz: float) -> tuple[int, int, np.ndarray]:
    """Return `up`, `down` and `taps` such that `scipy.signal.resample_poly(x, up, down, window=taps)` resamples.

    Args:
        from_hz: sampling rate of the input.
        to_hz: sampling rate of the output.

    Raises:
        ZooError: if the rates have no ratio of small whole numbers.
    """
    if not (0 < from_hz < np.inf and 0 < to_hz < np.inf):
        raise ZooError(f"Sampling rates must be positive; received {from_hz:g} and {to_hz:g} Hz.")
    ratio = Fraction(to_hz / from_hz).limit_denominator(_LARGEST_FACTOR)
    if abs(float(ratio) * from_hz / to_hz - 1) > 1e-6 or max(ratio.numerator, ratio.denominator) > _LARGEST_FACTOR:
        raise ZooError(
            f"Cannot resample from {from_hz:g} to {to_hz:g} Hz: no ratio of whole numbers up to {_LARGEST_FACTOR}."
        )
    up, down = ratio.numerator, ratio.denominator
    window = ("kaiser", _KAISER_BETA)
    taps = scipy.signal.firwin(2 * _HALF_LENGTH * max(up, down) + 1, PASSED / max(up, down), window=window)
    return up, down, taps


def resample(
    traces: np.ndarray,
    from_hz: float,
    to_hz: float,
    *,
    starts: np.ndarray | None = None,
    samples: int | None = None,
) -> np.ndarray:
    """Low-pass, resample and cut traces; zero phase.

    >>> resample(np.ones((2, 1000, 3)), from_hz=100.0, to_hz=20.0).shape
    (2, 200, 3)

    Args:
        traces: (n, time, channels).
        from_hz: sampling rate of the traces.
        to_hz: the new sampling rate; if it is the same, traces are only cut.
        starts: (n,) input samples on which the first output samples lie, default 0. May be negative.
        samples: how many samples to return, default as many as lie within the input.

    Returns:
        (n, samples, channels) float32. What lies beyond the input counts as zero.

    Raises:
        ZooError: if shapes do not fit, or the rates have no ratio of small whole numbers.
    """
    traces = np.ascontiguousarray(traces, dtype=np.float32)
    starts = np.zeros(len(traces), np.int64) if starts is None else np.asarray(starts, np.int64)
    if traces.ndim != 3 or starts.shape != traces.shape[:1]:
        raise ZooError(f"Traces are (n, time, channels) with n starts; received {traces.shape} and {starts.shape}.")
    up, down, taps = polyphase_filter(float(from_hz), float(to_hz))
    if samples is None:
        samples = -(-traces.shape[1] * up // down)
    out = np.zeros((len(traces), samples, traces.shape[2]), np.float32)
    if up == down == 1:
        _cut(traces, starts, out)
    else:
        # A row of taps for each of the `up` positions of an output sample between two input samples; the first tap of a
        # row falls `before` input samples ahead of the one at or before the output sample.
        half = len(taps) // 2
        before = half // up
        tap = half + np.arange(up)[:, None] + (before - np.arange(2 * before + 2)) * up
        phases = np.where((tap >= 0) & (tap < len(taps)), up * taps[np.clip(tap, 0, len(taps) - 1)], 0)
        _polyphase(traces, starts, up, down, phases.astype(np.float32), before, out)
    return out


@numba.njit(cache=True, nogil=True)
def _cut(traces, starts, out):
    """Copy what lies within the traces into `out` (n, samples, channels)."""
    for row in range(out.shape[0]):
        start = starts[row]
        first, last = max(0, -start), min(out.shape[1], traces.shape[1] - start)
        for sample in range(first, last):
            for c in range(out.shape[2]):
                out[row, sample, c] = traces[row, start + sample, c]


@numba.njit(cache=True, nogil=True, fastmath=True)
def _polyphase(traces, starts, up, down, phases, before, out):
    """Fill `out` (n, samples, channels).

    Every `down`-th input sample makes a line (zeros beyond the ends); output samples at the same position between two
    input samples are then sums of contiguous pieces of lines, which compile to vector instructions.
    """
    width = phases.shape[1]
    samples = out.shape[1]
    each = (samples + up - 1) // up
    length = each + (down + width) // down + 1
    lines = np.empty((down, length), np.float32)
    sums = np.empty(each, np.float32)
    for row in range(out.shape[0]):
        for c in range(out.shape[2]):
            begin = starts[row] - before
            for j in range(down):
                for q in range(length):
                    at = begin + q * down + j
                    lines[j, q] = traces[row, at, c] if 0 <= at < traces.shape[1] else 0
            for position in range(up):
                shift, phase = position * down // up, position * down % up
                sums[:] = 0
                for k in range(width):
                    tap = phases[phase, k]
                    line = lines[(shift + k) % down, (shift + k) // down :]
                    for t in range(each):
                        sums[t] += tap * line[t]
                for t in range((samples - position + up - 1) // up):
                    out[row, position + t * up, c] = sums[t]


def demean(traces: np.ndarray) -> np.ndarray:
    """Return traces (n, time, channels) with the mean of each channel removed, float32."""
    traces = np.array(traces, np.float32, order="C")
    _demean(traces)
    return traces


def normalise(traces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Scale traces (n, time, channels) to -1..1 by the largest absolute value in all channels of each.

    Returns:
        The traces, and the scales (n,) float64 by which they were divided (1 for a trace of zeros).
    """
    traces = np.array(traces, np.float32, order="C")
    scale = np.ones(len(traces))
    _normalise(traces, scale)
    return traces, scale


@numba.njit(cache=True, nogil=True)
def _demean(traces):
    for row in range(traces.shape[0]):
        for c in range(traces.shape[2]):
            mean = 0.0
            for sample in range(traces.shape[1]):
                mean += traces[row, sample, c]
            mean = np.float32(mean / traces.shape[1])
            for sample in range(traces.shape[1]):
                traces[row, sample, c] -= mean


@numba.njit(cache=True, nogil=True)
def _normalise(traces, scale):
    for row in range(traces.shape[0]):
        largest = np.abs(traces[row]).max()
        if largest > 0:
            scale[row] = largest
            for sample in range(traces.shape[1]):
                for c in range(traces.shape[2]):
                    traces[row, sample, c] /= largest


def bandpass(
    traces: np.ndarray, sampling_rate_hz: float, low_hz: float | None, high_hz: float | None, corners: int = 4
) -> np.ndarray:
    """Filter traces (n, time, channels) causally with a Butterworth filter, as ObsPy does.

    Args:
        traces: (n, time, channels).
        sampling_rate_hz: sampling rate of the traces.
        low_hz: lower corner; None makes a low-pass.
        high_hz: upper corner; None makes a high-pass.
        corners: order of the filter.

    Raises:
        ZooError: if a corner is not between 0 and the Nyquist frequency.
    """
    edges = [edge for edge in (low_hz, high_hz) if edge is not None]
    if not edges or not all(0 < edge < sampling_rate_hz / 2 for edge in edges) or edges != sorted(edges):
        raise ZooError(f"Corners must rise between 0 and {sampling_rate_hz / 2:g} Hz; received {low_hz} and {high_hz}.")
    kind = "bandpass" if len(edges) == 2 else "highpass" if high_hz is None else "lowpass"
    sos = scipy.signal.butter(corners, edges if len(edges) == 2 else edges[0], kind, fs=sampling_rate_hz, output="sos")
    return scipy.signal.sosfilt(sos, traces, axis=1).astype(np.float32)


def draws(names: Sequence[str], seed: int, count: int = 1) -> np.ndarray:
    """Return random numbers (n, count) in [0, 1) that depend only on the seed and on each trace's name.

    Thus neither a selection nor the order of the work changes how a trace is cut.
    """
    size = 8 * count
    shake = hashlib.shake_128
    raw = b"".join([shake(f"{seed}/{name}".encode()).digest(size) for name in names])
    return (np.frombuffer(raw, "<u8").reshape(len(names), count) >> np.uint64(11)) * 2.0**-53
