"""A relative magnitude from the amplitudes that picks have: right in differences, not in level."""

from __future__ import annotations

import numpy as np

from zoo.seismograms.association.locate import Located

_TURNS = 5
_LEAST_PICKS = 2


def relative_magnitudes(located: Located) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Return magnitudes (events,), their standard deviations (events,), NaN where there are none, and notes.

    log10 of the amplitude, corrected for distance as a local magnitude is (Hutton & Boore 1987), less a term of each
    station and phase: the median over its picks, which makes the level arbitrary; it is that of the median station. The
    unit of amplitudes, and the response of instruments, therefore do not matter.

    Args:
        located: events with picks.
    """
    found = located.associated
    amplitude = found.picks.amplitude
    rows = np.flatnonzero((found.event >= 0) & (amplitude > 0))
    count = len(located)
    if not rows.size:
        return np.full(count, np.nan), np.full(count, np.nan), ["picks have no amplitudes: no magnitudes"]
    event, station = found.event[rows], found.station[rows]
    key = (found.picks.phase[rows] == "S") * len(found.stations) + station
    away = found.tables.station_km[station] - located.place_km[event]
    distance = np.maximum(np.sqrt(np.sum(away**2, axis=1)), 1.0)
    value = np.log10(amplitude[rows]) + 1.110 * np.log10(distance / 100) + 0.00189 * (distance - 100) + 3.0
    terms, made = np.zeros(2 * len(found.stations)), np.full(count, np.nan)
    for _ in range(_TURNS):
        made = _medians(value - terms[key], event, count)
        levels = _medians(value - made[event], key, len(terms))
        terms = np.where(np.isfinite(levels), levels - np.nanmedian(levels), 0.0)
    corrected = value - terms[key]
    made = _medians(corrected, event, count)
    spread = 1.4826 * _medians(np.abs(corrected - made[event]), event, count)
    number = np.bincount(event, minlength=count)
    made[number < _LEAST_PICKS] = np.nan
    notes = ["magnitudes are relative: differences are those of local magnitudes, the level is not calibrated"]
    lacking = int(np.isnan(made).sum())
    if lacking:
        notes.append(f"{lacking} events have fewer than {_LEAST_PICKS} picks with an amplitude: no magnitude")
    return made, np.where(np.isfinite(made), spread / np.sqrt(np.maximum(number, 1)), np.nan), notes


def _medians(values: np.ndarray, group: np.ndarray, count: int) -> np.ndarray:
    """Return the median of each group (count,), NaN for an empty one."""
    order = np.lexsort((values, group))
    edges = np.searchsorted(group[order], np.arange(count + 1))
    size = np.diff(edges)
    made = np.full(count, np.nan)
    full = size > 0
    lower, upper = edges[:-1][full] + (size[full] - 1) // 2, edges[:-1][full] + size[full] // 2
    made[full] = (values[order][lower] + values[order][upper]) / 2
    return made
