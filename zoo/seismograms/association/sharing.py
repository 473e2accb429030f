"""Whose is a pick? Once events are located well, each pick goes to the event that it fits best.

In association the first event takes what it can; one that follows at once may find its picks taken. Here all pairs of
picks and arrivals that agree are sorted by how well they do, and given out in that order, once for each pick and each
arrival. A pick may also carry the other phase's name, if no pick with the right one wants the place.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from zoo.compiled import njit
from zoo.field.travel_times import TravelTimes, time_to

_NEAR_SD = 3.5  # how far a pick may be from its arrival
_RENAMED_SD = 2.5  # ... if it has the other phase's name
_RENAMED_COST = 8.0  # -2 log of how rare that is: 1 in 50
_FARTHER = 1.1  # than the farthest pick that an event has already


@njit(cache=True)
def _agree(events, farthest, time, phase, station_edges, pick_sd, earth_sd, terms, arrays, most, rows):
    """Fill `rows` (n, 4): pick, event, phase, cost; return how many there are."""
    slowness, table, station_km, station_depth, top, step = arrays
    n = 0
    for e in range(len(events)):
        x, y, z, origin = events[e]
        for s in range(table.shape[1]):
            away = np.sqrt((x - station_km[s, 0]) ** 2 + (y - station_km[s, 1]) ** 2)
            if away > farthest[e]:
                continue
            first, last = station_edges[s], station_edges[s + 1]
            for p in range(2):
                travel = time_to(x, y, z, p, s, slowness, table, station_km, station_depth, top, step)
                if travel > most:
                    continue
                arrival = origin + travel + terms[p, s]
                sd = np.sqrt(pick_sd[p] ** 2 + (earth_sd * travel) ** 2)
                i = first + np.searchsorted(time[first:last], arrival - _NEAR_SD * sd)
                while i < last and time[i] <= arrival + _NEAR_SD * sd and n < len(rows):
                    r = (time[i] - arrival) / sd
                    if phase[i] == p or abs(r) < _RENAMED_SD:
                        rows[n, 0], rows[n, 1], rows[n, 2] = i, e, p
                        rows[n, 3] = r * r + 2 * np.log(sd) + (0.0 if phase[i] == p else _RENAMED_COST)
                        n += 1
                    i += 1
    return n


def share_out(
    events: np.ndarray,
    time_s: np.ndarray,
    phase: np.ndarray,
    station: np.ndarray,
    owner: np.ndarray,
    tables: TravelTimes,
    terms_s: np.ndarray,
    pick_sd_s: np.ndarray,
    earth_sd: float,
    most_s: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the event of each pick (picks,), -1 for none, and its phase (picks,), 0 or 1.

    Args:
        events: (events, 4) km and s.
        time_s, phase, station, owner: (picks,) picks in order of time; their station is -1 where it is not known; and
            the event that each has now.
        tables, terms_s: travel times and station terms (phases, stations).
        pick_sd_s, earth_sd: errors of picks (phases,) in s, and of travel times, s/s.
        most_s: largest travel time that is used.
    """
    own = np.flatnonzero(owner >= 0)
    away = np.hypot(*(tables.station_km[station[own], :2] - events[owner[own], :2]).T)
    farthest = np.zeros(len(events))
    np.maximum.at(farthest, owner[own], away * _FARTHER)
    order = np.flatnonzero(station >= 0)
    order = order[np.argsort(station[order], kind="stable")]
    edges = np.searchsorted(station[order], np.arange(tables.table.shape[1] + 1))
    rows = np.empty((4 * len(order) + 1000, 4))
    count = _agree(
        events,
        farthest,
        time_s[order],
        phase[order],
        edges,
        pick_sd_s,
        earth_sd,
        terms_s,
        tables.arrays(),
        most_s,
        rows,
    )
    rows = rows[:count]
    made, named = np.full(len(time_s), -1), phase.copy()
    taken: set[tuple[int, int, int]] = set()
    for which, event, p in rows[np.argsort(rows[:, 3], kind="stable"), :3].astype(int).tolist():
        pick = order[which]
        key = event, p, int(station[pick])
        if made[pick] < 0 and key not in taken:
            made[pick], named[pick] = event, p
            taken.add(key)
    # What no other event wants stays where it was: a late pick is no sign that there was no event.
    for pick in np.flatnonzero((owner >= 0) & (made < 0)):
        key = int(owner[pick]), int(phase[pick]), int(station[pick])
        if key not in taken:
            made[pick] = owner[pick]
            taken.add(key)
    return made, named


def enough(
    event: np.ndarray, phase: np.ndarray, station: np.ndarray, count: int, least: Mapping[str, Any]
) -> np.ndarray:
    """Return which events (count,) have as many picks as settings of association ask for.

    Args:
        event, phase, station: (picks,) numbers; -1 for a pick of no event.
    """
    rows = np.flatnonzero(event >= 0)
    number = [np.bincount(event[rows[phase[rows] == p]], minlength=count) for p in range(2)]
    keys, times = np.unique(np.stack([event[rows], station[rows]]), axis=1, return_counts=True)
    both = np.bincount(keys[0][times == 2], minlength=count)
    wanted = zip((number[0] + number[1], *number, both), ("picks", "p", "s", "both"), strict=True)
    return np.all([have >= least[f"least_{name}"] for have, name in wanted], axis=0)
