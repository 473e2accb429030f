"""Windows cut from STEAD's traces of 60 s."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from zoo.seismograms import signals

SAMPLES, RATE_HZ = 6000, 100.0
_SAMPLE_COLUMNS = ("trace_p_arrival_sample", "trace_s_arrival_sample", "trace_coda_end_sample")


def starts(
    columns: dict[str, Any], noise: np.ndarray, rate_hz: float, samples: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Draw where windows begin.

    A window lies in its trace. It starts on one of the samples for which P is in the window, all equally probable (that
    is, before P or on it); a window of noise starts anywhere.

    Args:
        columns: with trace_name and trace_p_arrival_sample of n traces.
        noise: (n,) whether a trace is noise.
        rate_hz: sampling rate of the window.
        samples: length of the window at that rate.
        seed: seed of the draws.

    Returns:
        The samples of the file (n,) int64, and whether there is such a window (n,): false if P is missing or too late.
    """
    last = SAMPLES - math.ceil(samples * RATE_HZ / rate_hz)
    reach = (samples - 1) * RATE_HZ / rate_hz
    p = np.where(noise, 0.0, columns["trace_p_arrival_sample"])
    low = np.where(noise, 0, np.maximum(np.ceil(p - reach), 0))
    high = np.where(noise, last, np.minimum(np.floor(p), last))
    fits = high >= low  # False where P is missing
    low, high = np.where(fits, low, 0), np.where(fits, high, 0)
    drawn = signals.draws(columns["trace_name"], seed)[:, 0]
    return (low + np.floor(drawn * (high - low + 1))).astype(np.int64), fits


def cut(
    raw: np.ndarray, columns: dict[str, Any], begin: np.ndarray, rate_hz: float, samples: int
) -> tuple[np.ndarray, dict[str, Any]]:
    """Resample traces and cut records from them.

    A constant component becomes zero (in place): it holds no signal, but at the ends of the trace the low pass would
    turn its offset into a wave. STEAD's traces have hardly any mean; it is not removed.

    Args:
        raw: (n, 6000, 3) float32 traces.
        columns: columns of the traces.
        begin: (n,) the samples on which the records begin.
        rate_hz: sampling rate of the records.
        samples: length of the records.

    Returns:
        Records (n, samples, 3) and their columns, in which samples and times refer to the record.
    """
    constant = (raw[:, 0] == raw[:, SAMPLES // 2]) & (raw[:, 0] == raw[:, -1])
    for row, component in zip(*np.nonzero(constant), strict=True):
        if (raw[row, :, component] == raw[row, 0, component]).all():
            raw[row, :, component] = 0
    columns = dict(columns)
    for name in _SAMPLE_COLUMNS:
        columns[name] = (columns[name] - begin) * rate_hz / RATE_HZ
    if begin.any():
        columns["trace_start_time"] = _later(columns["trace_start_time"], begin)
    return signals.resample(raw, RATE_HZ, rate_hz, starts=begin, samples=samples), columns


def take(columns: dict[str, Any], rows: np.ndarray) -> dict[str, Any]:
    """Return some rows of all columns."""
    return {
        name: values[rows] if isinstance(values, np.ndarray) else [values[row] for row in rows]
        for name, values in columns.items()
    }


def _later(times: Sequence[str], samples: np.ndarray) -> list[str]:
    """Return times that are some samples later, in the file's form; a missing or unreadable one stays as it is."""
    try:
        parsed = np.array(times, "datetime64[us]")
    except ValueError:
        if len(times) == 1:
            return list(times)
        return [_later([time], samples[row : row + 1])[0] for row, time in enumerate(times)]
    moved = np.datetime_as_string(parsed + (samples * (1e6 / RATE_HZ)).astype("timedelta64[us]"), unit="us")
    return ["" if text == "NaT" else text.replace("T", " ") for text in moved.tolist()]
