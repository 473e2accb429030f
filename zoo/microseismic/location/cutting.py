"""Long records: the window of an emulator around the event, and the noise before it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from scipy.stats import qmc

from zoo.errors import ZooError
from zoo.microseismic.location.noise import MIN_SAMPLES
from zoo.microseismic.location.observation import Observation

# A sample beyond so many robust standard deviations of the record's quiet half is signal.
_SIGNAL_SD = 6.0
_MAD_TO_SD = 1.4826
# Samples before the first arrival that are not taken for noise: the pulse may have begun.
_GUARD = 25
# Sources whose first arrivals tell how long after the origin the first wave comes: a power of two.
_SOURCES = 256


def cut(observation: Observation, model: Any) -> tuple[Observation, float, tuple[str, ...]]:
    """Cut records that are longer than an emulator's traces to a window around the event.

    The window begins so that the first arrival lies where that of a source in the middle of the emulator's volume
    would; the origin is then within some tenths of a second of its first sample, and has to be inferred.

    Args:
        observation: traces of (receivers, time), longer than the emulator's.
        model: emulator of traces.

    Returns:
        The observation in the window, with the noise before it if there is enough and none is stated; the start of the
        window after the first sample, s; and a note on it.

    Raises:
        ZooError: there is no event in the record.
    """
    traces = np.asarray(observation.traces, np.float64)
    length, step_s = model.samples, float(model.time_step_s)
    first = _first_arrival(traces)
    start = int(np.clip(first - round(_typical_first_s(model) / step_s), 0, traces.shape[1] - length))
    quiet = first - _GUARD
    noise, said = observation.noise, ""
    if noise is None and observation.noise_sd is None and quiet >= MIN_SAMPLES:
        noise, said = traces[:, :quiet], f"; the {quiet} samples before the first arrival tell the noise"
    made = replace(observation, traces=traces[:, start : start + length], noise=noise)
    note = f"The window of the emulator was cut from the record, {start * step_s:.3f} s after its first sample{said}."
    return made, start * step_s, (note,)


def _first_arrival(traces: np.ndarray) -> int:
    """Return the sample of the first arrival at any receiver."""
    magnitude = np.abs(traces - np.median(traces, axis=-1, keepdims=True))
    # The quieter half of a record is noise, of which the median absolute value is known.
    sd = _MAD_TO_SD * np.quantile(magnitude, 0.5, axis=-1, keepdims=True)
    loud = magnitude > _SIGNAL_SD * np.maximum(sd, 1e-30)
    # The onset of the loudest stretch, so that a spike long before it is not taken for it.
    onsets = []
    for row, size in zip(loud, magnitude, strict=True):
        if not row.any():
            continue
        peak = int(size.argmax())
        before = np.flatnonzero(row[: peak + 1])
        gaps = np.flatnonzero(np.diff(before) > 2 * _GUARD)
        onsets.append(int(before[gaps[-1] + 1]) if gaps.size else int(before[0]))
    if not onsets:
        raise ZooError(
            f"No arrival stands out of the records by {_SIGNAL_SD:g} standard deviations of their noise, so the window "
            "of the event cannot be found. Cut the records to the event, from its origin time on."
        )
    return min(onsets)


def _typical_first_s(model: Any) -> float:
    """Return when the first wave of a source in the emulator's volume typically begins, s after its origin."""
    unit = qmc.Sobol(3, rng=np.random.default_rng(0)).random(_SOURCES)
    lower, upper = np.asarray(model.lower_km), np.asarray(model.upper_km)
    traces = np.asarray(model((lower + unit * (upper - lower)).astype(np.float32)))
    loud = np.abs(traces) > 0.1 * np.abs(traces).max(axis=-1, keepdims=True)
    return float(np.median(loud.argmax(axis=-1).min(axis=-1))) * float(model.time_step_s)
