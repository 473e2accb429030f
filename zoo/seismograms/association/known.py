"""Events whose picks are known already: where to begin, so that `locate` can do the rest.

found = keep_events(read_picks("picks.obs"), read_stations("stations.in"), read_layers("layers.csv"))
located = locate(found)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from zoo.errors import ZooError
from zoo.field.grid_times import earth_times
from zoo.field.layers import Layers
from zoo.field.picks import PickTable
from zoo.field.projection import LocalProjection
from zoo.field.speed_grid import SpeedGrid
from zoo.field.stations import Stations
from zoo.seismograms.association.associate import Associated, _unknown
from zoo.seismograms.association.settings import ASSOCIATION
from zoo.settings import defaults, read

_LEAST_PICKS, _LEAST_STATIONS = 4, 3  # a place and an origin time are four numbers, and two stations have two places
_CELLS = 24, 24, 10  # east, north, depth: where an event may begin


def keep_events(
    picks: PickTable, stations: Stations, layers: Layers | SpeedGrid, settings: Mapping[str, Any] | None = None
) -> Associated:
    """Take the events that picks belong to (`PickTable.event`) as they are, and find about where each was.

    Args:
        picks, stations, layers: from `zoo.field`; the earth may be a `SpeedGrid`.
        settings: those of `zoo.seismograms.association.settings.ASSOCIATION` that differ: margin and depths count.

    Returns:
        Events in order of their origin times, to be located by `zoo.seismograms.association.locate.locate`. Notes say
        which could not be kept: a place takes four picks at three stations.

    Raises:
        ZooError: no pick belongs to an event, or none is of a known station.
        UsageError: there is no such setting.
    """
    chosen = defaults(ASSOCIATION) | read("zoo catalogue", ASSOCIATION, settings or {})
    if not (picks.event >= 0).any():
        raise ZooError(
            f"None of the {len(picks)} picks belongs to an event; expected QuakeML, .obs, or a table with a column "
            "event. Without them, picks are associated."
        )
    station = stations.index(picks.station)
    used = (station >= 0) & (picks.event >= 0)
    if not used.any():
        raise ZooError(
            f"No pick of an event is of a known station: picks have {sorted(set(picks.station))[:3]}, stations are "
            f"{list(stations.codes[:3])}. Check network codes."
        )
    notes = [*picks.notes, *stations.notes, *layers.notes, *_unknown(picks, station)]
    if loose := int((picks.event < 0).sum()):
        notes.append(f"{loose} picks of no event are left out")
    event = np.where(used, picks.event, -1)
    event = _without_early_s(picks, station, event, notes)
    event = _with_enough(station, event, notes)
    projection = LocalProjection.around(stations.longitude_deg, stations.latitude_deg)
    station_km = stations.place_km(projection)
    low, high = _region(station_km[np.unique(station[used])], chosen, notes)
    tables = earth_times(layers, projection, station_km, low, high)
    numbers = np.unique(event[event >= 0])
    place, origin, rms = np.empty((len(numbers), 3)), np.empty(len(numbers)), np.empty(len(numbers))
    centres = _centres(low, high)
    times = tables.times(centres)
    for e, number in enumerate(numbers):
        rows = np.flatnonzero(event == number)
        phase = (picks.phase[rows] == "S").astype(np.int64)
        travel = times[:, phase, station[rows]]
        sd = np.where(phase == 0, chosen["sd_p_s"], chosen["sd_s_s"]) + chosen["sd_growth"] * travel
        place[e], origin[e], rms[e] = _begin(centres, picks.time_s[rows], travel, sd)
    order = np.argsort(origin, kind="stable")
    rank = np.full(int(numbers.max(initial=-1)) + 2, -1)
    rank[numbers[order]] = np.arange(len(order))
    return Associated(
        place[order], origin[order], rms[order], np.full(len(order), np.nan), rank[event], station,
        np.zeros(tables.table.shape), picks, stations, layers, projection, tables, low, high, chosen, tuple(notes),
    )  # fmt: skip


def _centres(low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Return the middles (cells, 3) of cells that fill the region."""
    axes = [low[i] + (high[i] - low[i]) * (np.arange(n) + 0.5) / n for i, n in enumerate(_CELLS)]
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)


def _begin(
    centres: np.ndarray, time_s: np.ndarray, travel_s: np.ndarray, sd_s: np.ndarray
) -> tuple[np.ndarray, float, float]:
    """Return the cell whose residuals are least, by absolute values, its origin time, and their root mean square."""
    zero_s = time_s[0]
    residual = (time_s - zero_s) - travel_s
    origin = np.median(residual, axis=1)
    residual = residual - origin[:, np.newaxis]
    best = int(np.argmin(np.mean(np.abs(residual) / sd_s, axis=1)))
    return centres[best], float(origin[best] + zero_s), float(np.sqrt(np.mean(residual[best] ** 2)))


def early_s(picks: PickTable, station: np.ndarray, event: np.ndarray) -> np.ndarray:
    """Return the rows of S that do not stand after the P of the same event and station, in order of time.

    Args:
        picks: (n,) rows.
        station, event: (n,) their numbers, -1 for none.

    >>> picks = PickTable(("A", "A"), np.array(["S", "P"]), np.array([1.0, 2.0]))
    >>> early_s(picks, np.array([0, 0]), np.array([0, 0])).tolist()
    [0]
    """
    rows = np.flatnonzero((event >= 0) & (station >= 0))
    first_p: dict[tuple[int, int], float] = {}
    for i in rows[picks.phase[rows] == "P"]:
        first_p.setdefault((int(event[i]), int(station[i])), picks.time_s[i])
    early = [
        i
        for i in rows[picks.phase[rows] == "S"]
        if picks.time_s[i] <= first_p.get((int(event[i]), int(station[i])), -np.inf)
    ]
    return np.array(early, int)


def _without_early_s(picks: PickTable, station: np.ndarray, event: np.ndarray, notes: list[str]) -> np.ndarray:
    """Take S that stand before P of the same event and station out of the events, and say so."""
    early = early_s(picks, station, event)
    if early.size:
        notes.append(f"{early.size} picks of S before P are left out of their events, {_first(picks, early)}")
    return np.where(np.isin(np.arange(len(event)), early), -1, event)


def _first(picks: PickTable, rows: np.ndarray) -> str:
    """Return words that name the first of some picks."""
    time = np.datetime64(round(picks.time_s[rows[0]] * 1e3), "ms")
    return f"the first at {picks.station[rows[0]]}, {time}Z"


def _with_enough(station: np.ndarray, event: np.ndarray, notes: list[str]) -> np.ndarray:
    """Take events with too few picks or stations out, and say so."""
    small = [
        number
        for number in np.unique(event[event >= 0])
        if (event == number).sum() < _LEAST_PICKS or len(np.unique(station[event == number])) < _LEAST_STATIONS
    ]
    if small:
        notes.append(
            f"{len(small)} events have fewer than {_LEAST_PICKS} picks or {_LEAST_STATIONS} stations that are known, "
            "and cannot be located"
        )
    return np.where(np.isin(event, small), -1, event)


def _region(station_km: np.ndarray, chosen: Mapping[str, Any], notes: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Return the corners (3,) of the box in which events may lie: half the network's size around it, or the margin."""
    low, high = station_km.min(axis=0), station_km.max(axis=0)
    margin = max(chosen["margin_km"], float((high - low)[:2].max()) / 2)
    if margin > chosen["margin_km"]:
        notes.append(f"places up to {margin:.0f} km around the stations are searched")
    low, high = low - margin, high + margin
    low[2], high[2] = chosen["least_depth_km"], chosen["most_depth_km"]
    if not high[2] > low[2]:
        raise ZooError(f"Depths are searched from {low[2]:g} to {high[2]:g} km; expected a range.")
    return low, high
