"""Seismograms as arrays: resampling, filters, normalisation, and random numbers tied to a trace.

Arrays are (n, time, channels) float32. Filtering and decimation are one polyphase step that leaves arrivals where they
are: output sample 0 lies on an input sample, and beyond the ends lie zeros (not a library's idea of padding). Rates
without a ratio of small whole numbers go through the same low-pass, evaluated at the time of each output sample.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import scipy.signal

from zoo.compiled import njit
from zoo.errors import ZooError

PASSED = 0.85
"""Share of the lower Nyquist frequency at which the low pass halves the amplitude: 8.5 Hz for 20 Hz."""
_HALF_LENGTH, _KAISER_BETA = 10, 5.0
"""Half of the filter's length in samples of the lower rate, and its window: as in scipy.signal.resample_poly."""
_LARGEST_FACTOR = 1000
"""The largest whole number by which a rate is multiplied or divided: more would make the filter slow to apply."""
_RATIO_TOLERANCE = 1e-6
_TABLE = 1024  # points of the continuous filter between two samples of the lower rate; linear between them


@functools.lru_cache(maxsize=256)
def ratio_of(from_hz: float, to_hz: float) -> Fraction | None:
    """Return `to_hz / from_hz` as a ratio of whole numbers up to 1000, or None where there is none within 1e-6.

    >>> ratio_of(125.0, 100.0)
    Fraction(4, 5)
    >>> ratio_of(75.19, 100.0) is None
    True

    Raises:
        ZooError: if a rate is not positive.
    """
    if not (0 < from_hz < np.inf and 0 < to_hz < np.inf):
        raise ZooError(f"Sampling rates must be positive; received {from_hz:g} and {to_hz:g} Hz.")
    ratio = Fraction(to_hz / from_hz).limit_denominator(_LARGEST_FACTOR)
    near = abs(float(ratio) * from_hz / to_hz - 1) <= _RATIO_TOLERANCE
    return ratio if near and max(ratio.numerator, ratio.denominator) <= _LARGEST_FACTOR else None


@functools.lru_cache(maxsize=64)
def polyphase_filter(from_hz: float, to_hz: float) -> tuple[int, int, np.ndarray]:
    """Return `up`, `down` and `taps` such that `scipy.signal.resample_poly(x, up, down, window=taps)` resamples.

    Args:
        from_hz: sampling rate of the input.
        to_hz: sampling rate of the output.

    Raises:
        ZooError: if the rates have no ratio of small whole numbers.
    """
    ratio = ratio_of(float(from_hz), float(to_hz))
    if ratio is None:
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
    """Low-pass, resample and cut traces; zero phase. Rates without a ratio of small numbers go through `interpolate`.

    >>> resample(np.ones((2, 1000, 3)), from_hz=100.0, to_hz=20.0).shape
    (2, 200, 3)
    >>> resample(np.ones((2, 1000, 3)), from_hz=75.19, to_hz=100.0).shape
    (2, 1329, 3)

    Args:
        traces: (n, time, channels).
        from_hz: sampling rate of the traces.
        to_hz: the new sampling rate; if it is the same, traces are only cut.
        starts: (n,) input samples on which the first output samples lie, default 0. May be negative.
        samples: how many samples to return, default as many as lie within the input.

    Returns:
        (n, samples, channels) float32. What lies beyond the input counts as zero.

    Raises:
        ZooError: if shapes do not fit, or a rate is not positive.
    """
    traces = np.ascontiguousarray(traces, dtype=np.float32)
    starts = np.zeros(len(traces), np.int64) if starts is None else np.asarray(starts, np.int64)
    if traces.ndim != 3 or starts.shape != traces.shape[:1]:
        raise ZooError(f"Traces are (n, time, channels) with n starts; received {traces.shape} and {starts.shape}.")
    if ratio_of(float(from_hz), float(to_hz)) is None:
        step = from_hz / to_hz
        samples = int((traces.shape[1] - 1) / step) + 1 if samples is None else samples
        rows = [interpolate(trace, float(start), step, samples) for trace, start in zip(traces, starts, strict=True)]
        return np.stack(rows) if rows else np.zeros((0, samples, traces.shape[2]), np.float32)
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


@functools.lru_cache(maxsize=1)
def _continuous_filter() -> np.ndarray:
    """Return the low-pass of `polyphase_filter` at `_TABLE` points per sample of the lower rate, from its middle on."""
    x = np.arange(_HALF_LENGTH * _TABLE + 2) / _TABLE
    window = np.i0(_KAISER_BETA * np.sqrt(np.clip(1 - (x / _HALF_LENGTH) ** 2, 0, None))) / np.i0(_KAISER_BETA)
    return np.where(x <= _HALF_LENGTH, PASSED * np.sinc(PASSED * x) * window, 0)


def interpolate(trace: np.ndarray, start: float, step: float, samples: int) -> np.ndarray:
    """Low-pass and evaluate a trace at evenly spaced positions between its samples; zero phase, band-limited.

    The filter is that of `polyphase_filter`, as a continuous function of time, so any ratio of rates will do. (ObsPy's
    `lanczos_interpolation` takes no positions beyond the ends, and no low-pass for a rate that falls.)

    >>> wave = np.sin(2 * np.pi * 3 * np.arange(500) / 75.19)[:, np.newaxis]  # 3 Hz at 75.19 Hz
    >>> made = interpolate(wave, 100.0, 0.7519, 300)[:, 0]                     # 100 Hz, from input sample 100 on
    >>> bool(abs(made - np.sin(2 * np.pi * 3 * (100 / 75.19 + np.arange(300) / 100))).max() < 2e-3)
    True

    Args:
        trace: (time, channels).
        start: position of the first output sample, in samples of the trace; may be negative.
        step: from one output sample to the next, in samples of the trace; above 1 the rate falls.
        samples: how many to return.

    Returns:
        (samples, channels) float32. What lies beyond the trace counts as zero.
    """
    trace = np.ascontiguousarray(trace, dtype=np.float32)
    out = np.empty((samples, trace.shape[1]), np.float32)
    _interpolate(trace, float(start), float(step), max(1.0, float(step)), _continuous_filter(), out)
    return out


@njit(cache=True, nogil=True)
def _interpolate(trace, start, step, scale, table, out):
    """Fill `out` (samples, channels); `scale` is the number of input samples in one of the lower rate."""
    reach = _HALF_LENGTH * scale
    for sample in range(out.shape[0]):
        position = start + sample * step
        total = 0.0
        out[sample] = 0
        for k in range(int(np.ceil(position - reach)), int(np.floor(position + reach)) + 1):
            x = abs(position - k) / scale * _TABLE
            at = int(x)
            weight = table[at] + (x - at) * (table[at + 1] - table[at])
            total += weight
            if 0 <= k < trace.shape[0]:
                for c in range(out.shape[1]):
                    out[sample, c] += np.float32(weight) * trace[k, c]
        for c in range(out.shape[1]):
            out[sample, c] /= total


@njit(cache=True, nogil=True)
def _cut(traces, starts, out):
    """Copy what lies within the traces into `out` (n, samples, channels)."""
    for row in range(out.shape[0]):
        start = starts[row]
        first, last = max(0, -start), min(out.shape[1], traces.shape[1] - start)
        for sample in range(first, last):
            for c in range(out.shape[2]):
                out[row, sample, c] = traces[row, start + sample, c]


@njit(cache=True, nogil=True, fastmath=True)
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


@njit(cache=True, nogil=True)
def _demean(traces):
    for row in range(traces.shape[0]):
        for c in range(traces.shape[2]):
            mean = 0.0
            for sample in range(traces.shape[1]):
                mean += traces[row, sample, c]
            mean = np.float32(mean / traces.shape[1])
            for sample in range(traces.shape[1]):
                traces[row, sample, c] -= mean


@njit(cache=True, nogil=True)
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
    return scipy.signal.sosfilt(_butterworth(low_hz, high_hz, corners, sampling_rate_hz), traces, axis=1).astype(
        np.float32
    )


@functools.lru_cache(maxsize=64)
def _butterworth(low_hz: float | None, high_hz: float | None, corners: int, sampling_rate_hz: float) -> np.ndarray:
    """Return the second-order sections of a filter."""
    edges = [edge for edge in (low_hz, high_hz) if edge is not None]
    kind = "bandpass" if len(edges) == 2 else "highpass" if high_hz is None else "lowpass"
    return scipy.signal.butter(corners, edges if len(edges) == 2 else edges[0], kind, fs=sampling_rate_hz, output="sos")


def draws(names: Sequence[str], seed: int, count: int = 1) -> np.ndarray:
    """Return random numbers (n, count) in [0, 1) that depend only on the seed and on each trace's name.

    Thus neither a selection nor the order of the work changes how a trace is cut.
    """
    size = 8 * count
    shake = hashlib.shake_128
    raw = b"".join([shake(f"{seed}/{name}".encode()).digest(size) for name in names])
    return (np.frombuffer(raw, "<u8").reshape(len(names), count) >> np.uint64(11)) * 2.0**-53
