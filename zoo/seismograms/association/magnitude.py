"""Magnitudes of events from those of their stations: medians, station terms, and a relative one from picks' amplitudes.

The relative magnitude is right in differences, not in level; `local_magnitude` makes a true one where there are
waveforms and responses.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from zoo.seismograms.association.locate import Located
from zoo.seismograms.association.settings import MAGNITUDE
from zoo.settings import defaults, read

_TURNS = 10
_LEAST_PICKS = 2  # of a relative magnitude
_OWN_SPREAD = 5  # fewer stations do not tell their spread; that of all events is used
_STRANGE = 1.0  # a station's term beyond this is said: a response may be wrong


@dataclass(frozen=True)
class StationMagnitudes:
    """Magnitudes of events at single stations, as columns (n,)."""

    event: np.ndarray
    """number of the event"""
    station: np.ndarray
    """number of the station"""
    label: tuple[str, ...]
    """what was measured: channels like "HHN+HHE", or a phase"""
    amplitude: np.ndarray
    """zero to peak: of the Wood-Anderson seismogram in mm, or that of a pick in its own unit"""
    distance_km: np.ndarray
    """from the hypocentre"""
    value: np.ndarray
    """with the station's term taken off"""
    term: np.ndarray
    snr: np.ndarray
    """amplitude over the largest one of the noise, NaN where it is not known"""
    time_s: np.ndarray
    """of the largest amplitude, since 1970, NaN where it is not known"""

    def __len__(self) -> int:
        return len(self.event)


@dataclass(frozen=True)
class Magnitudes:
    """One magnitude an event."""

    kind: str
    """"ML", "Mrelative", or "" where there is none"""
    value: np.ndarray
    """(events,) NaN where there is none"""
    sd: np.ndarray
    """(events,) standard deviation of `value`"""
    stations: np.ndarray
    """(events,) how many stations, or picks, it is from"""
    single: StationMagnitudes
    terms: Mapping[str, float] = field(default_factory=dict)
    """by station code, taken off its magnitudes"""
    unit: str = ""
    """of the amplitudes"""
    settings: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def relative_magnitudes(located: Located, settings: Mapping[str, Any] | None = None) -> Magnitudes:
    """Return magnitudes whose differences are those of local magnitudes; their level is arbitrary.

    log10 of the amplitude, corrected for distance as a local magnitude is, less a term of each station and phase: the
    median over its picks. The mean of these terms is 0. The unit of amplitudes, and the response of instruments,
    therefore do not matter, if they are the same at all times.

    Args:
        located: events with picks.
        settings: those of `zoo.seismograms.association.settings.MAGNITUDE` that differ.

    Raises:
        UsageError: there is no such setting.
    """
    chosen = defaults(MAGNITUDE) | read("zoo catalogue", MAGNITUDE, settings or {})
    found = located.associated
    amplitude = found.picks.amplitude
    rows = np.flatnonzero((found.event >= 0) & (amplitude > 0))
    if not rows.size:
        return none_of(len(located), chosen, "picks have no amplitudes: no magnitudes")
    event, station, phase = found.event[rows], found.station[rows], found.picks.phase[rows]
    key = (phase == "S") * len(found.stations) + station
    distance = distances_km(located, event, station)
    value = np.log10(amplitude[rows]) + attenuation(distance, chosen)
    terms = _terms(value, event, key, len(located), 2 * len(found.stations), least_events=1)
    corrected = value - terms[key]
    single = StationMagnitudes(
        event, station, tuple(phase.tolist()), amplitude[rows], distance, corrected, terms[key],
        np.full(rows.size, np.nan), found.picks.time_s[rows],
    )  # fmt: skip
    magnitude, sd, number = _of_events(corrected, event, len(located), _LEAST_PICKS)
    notes = ["magnitudes are relative: differences are those of local magnitudes, the level is not calibrated"]
    lacking = int(np.isnan(magnitude).sum())
    if lacking:
        notes.append(f"{lacking} events have fewer than {_LEAST_PICKS} picks with an amplitude: no magnitude")
    names = {
        f"{code} {name}": float(terms[p * len(found.stations) + s])
        for s, code in enumerate(found.stations.codes)
        for p, name in enumerate("PS")
        if (key == p * len(found.stations) + s).any()
    }
    return Magnitudes("Mrelative", magnitude, sd, number, single, names, "of picks", chosen, tuple(notes))


def magnitudes_of_picks(located: Located, settings: Mapping[str, Any] | None = None) -> Magnitudes:
    """Return what amplitudes of picks allow: local magnitudes where they are said to be metres, else relative ones.

    Local: of S. Above 1.25 Hz a Wood-Anderson seismograph shows the displacement, magnified by its gain.

    Args:
        located: events with picks.
        settings: those of `zoo.seismograms.association.settings.MAGNITUDE` that differ.

    Raises:
        UsageError: there is no such setting.
    """
    chosen = defaults(MAGNITUDE) | read("zoo catalogue", MAGNITUDE, settings or {})
    if chosen["amplitude_unit"] == "unknown":
        return relative_magnitudes(located, chosen)
    found = located.associated
    amplitude = 1e3 * chosen["ml_gain"] * found.picks.amplitude
    rows = np.flatnonzero((found.event >= 0) & (amplitude > 0) & (found.picks.phase == "S"))
    if not rows.size:
        return none_of(len(located), chosen, "picks of S have no amplitudes: no magnitudes")
    rows = rows[np.lexsort((found.station[rows], found.event[rows]))]
    event, station = found.event[rows], found.station[rows]
    distance = distances_km(located, event, station)
    value = np.log10(amplitude[rows]) + attenuation(distance, chosen)
    unknown, zero = np.full(rows.size, np.nan), np.zeros(rows.size)
    single = StationMagnitudes(
        event, station, ("S",) * rows.size, amplitude[rows], distance, value, zero, unknown, found.picks.time_s[rows]
    )
    note = "local magnitudes are from the peak displacement of S: too small where the ground moved below 1.25 Hz"
    return combined(located, single, "mm, Wood-Anderson", chosen, [note])


def combined(
    located: Located, single: StationMagnitudes, unit: str, chosen: Mapping[str, Any], notes: list[str]
) -> Magnitudes:
    """Return local magnitudes of events from those of stations without terms.

    The median over stations, less a term of each station that has `term_events` events or more; terms are learnt in
    turns, and their mean is 0.

    Args:
        located: the events.
        single: of stations; its terms are not looked at.
        unit: of the amplitudes.
        chosen: settings of magnitudes.
        notes: on what was left out.
    """
    found, n = located.associated, len(located)
    count = len(found.stations)
    least = int(chosen["term_events"])
    terms = _terms(single.value, single.event, single.station, n, count, least)
    corrected = single.value - terms[single.station]
    value, sd, number = _of_events(corrected, single.event, n, int(chosen["least_stations"]))
    learnt = {code: float(terms[s]) for s, code in enumerate(found.stations.codes) if terms[s] != 0}
    strange = [f"{code} ({term:+.1f})" for code, term in learnt.items() if abs(term) > _STRANGE]
    if strange:
        notes = [*notes, f"magnitudes of these stations are far from the others', is their response right? {strange}"]
    lacking = int(np.isnan(value).sum())
    if lacking:
        notes = [*notes, f"{lacking} events have amplitudes at fewer than {chosen['least_stations']} stations: no ML"]
    with_terms = StationMagnitudes(
        **{**vars(single), "value": corrected, "term": terms[single.station]},
    )
    return Magnitudes("ML", value, sd, number, with_terms, learnt, unit, chosen, tuple(notes))


def none_of(events: int, chosen: Mapping[str, Any], note: str) -> Magnitudes:
    """Return that there are no magnitudes, and why."""
    empty, none, number = np.zeros(0), np.full(events, np.nan), np.zeros(0, int)
    single = StationMagnitudes(number, number, (), *(empty for _ in range(6)))
    return Magnitudes("", none, none, np.zeros(events, int), single, {}, "", chosen, (note,))


def attenuation(distance_km: np.ndarray, chosen: Mapping[str, Any]) -> np.ndarray:
    """Return what is added to log10 of the amplitude in mm, at distances from the hypocentre.

    >>> from zoo.seismograms.association.settings import MAGNITUDE
    >>> float(attenuation(np.array(100.0), defaults(MAGNITUDE)))
    3.0
    """
    r = np.maximum(distance_km, 1.0)
    return chosen["ml_log"] * np.log10(r / 100) + chosen["ml_km"] * (r - 100) + chosen["ml_level"]


def distances_km(located: Located, event: np.ndarray, station: np.ndarray) -> np.ndarray:
    """Return distances (n,) from the hypocentres of events to stations (n,), km."""
    away = located.associated.tables.station_km[station] - located.place_km[event]
    return np.sqrt(np.sum(away**2, axis=1))


def _terms(
    value: np.ndarray, event: np.ndarray, key: np.ndarray, events: int, keys: int, least_events: int
) -> np.ndarray:
    """Return terms of stations (keys,), learnt in turns with the events; their mean is 0 over those that have one."""
    terms = np.zeros(keys)
    enough = np.bincount(key, minlength=keys) >= least_events
    made = _medians(value, event, events)
    for _ in range(_TURNS):
        levels = _medians(value - made[event], key, keys)
        terms = np.where(enough, levels, 0.0)
        terms[enough] -= terms[enough].mean() if enough.any() else 0.0
        made = _medians(value - terms[key], event, events)
    return terms


def _of_events(value: np.ndarray, event: np.ndarray, events: int, least: int) -> tuple[np.ndarray, ...]:
    """Return medians (events,), their standard deviations, and how many values there were."""
    made = _medians(value, event, events)
    number = np.bincount(event, minlength=events)
    away = np.abs(value - made[event])
    # A median takes one of the values; what is left is too small by that much.
    free = np.maximum(number - 1, 1) / np.maximum(number, 1)
    own = 1.4826 * _medians(away, event, events) / np.sqrt(free)
    several = number[event] > 1
    pooled = 1.4826 * np.median(away[several]) / np.sqrt(np.mean(free[event][several])) if several.any() else np.nan
    spread = np.where(number >= _OWN_SPREAD, own, pooled)
    sd = 1.2533 * spread / np.sqrt(np.maximum(number, 1))  # of a median of normal values
    made[number < least] = np.nan
    return made, np.where(np.isfinite(made), sd, np.nan), number


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
