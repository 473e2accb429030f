"""One event by the picks around it: robust least squares, which picks are its, and how far they are from chance."""

from __future__ import annotations

import numpy as np

from zoo.compiled import njit
from zoo.field.travel_times import time_to

_STEP_KM = 0.1  # of derivatives of travel times
_SOFT = 2.0  # residuals beyond this many standard deviations lose weight


@njit(cache=True)
def nearest_picks(event, first, last, time, phase, station, free, arrays, terms, most, window, residual, which, travel):
    """For each phase and station, find the free pick that is nearest to the arrival; `window` scales the tolerance.

    Args:
        event: x, y, z in km, origin time in s.
        window: s at travel time 0, and its growth, s/s.
        residual, which, travel: (phases, stations) results: s, number of the pick or -1, s.
    """
    slowness, table, station_km, station_depth, top, step = arrays
    which[:] = -1
    for p in range(table.shape[0]):
        for s in range(table.shape[1]):
            travel[p, s] = time_to(
                event[0], event[1], event[2], p, s, slowness, table, station_km, station_depth, top, step
            )
            residual[p, s] = 1e9
    for i in range(first, last):
        if not free[i]:
            continue
        p, s = phase[i], station[i]
        if travel[p, s] > most:
            continue
        r = time[i] - event[3] - travel[p, s] - terms[p, s]
        if abs(r) < window[0] + window[1] * travel[p, s] and abs(r) < abs(residual[p, s]):
            residual[p, s] = r
            which[p, s] = i


@njit(cache=True)
def fit(
    event,
    first,
    last,
    time,
    phase,
    station,
    free,
    arrays,
    terms,
    most,
    window,
    sigma,
    low,
    high,
    residual,
    which,
    travel,
):
    """Improve a place and origin time (4,) in place by weighted least squares with the picks in a narrowing window.

    Args:
        sigma: (phases, 2) standard deviation of a residual at travel time 0, s, and its growth, s/s.
        low, high: (3,) corners of the region, km.
    """
    slowness, table, station_km, station_depth, top, step = arrays
    row = np.empty(4)
    for iteration in range(14):
        damping = 1e-2 * 0.4**iteration
        wide = np.array([max(window[0], 1.8 - 0.3 * iteration), window[1]])
        nearest_picks(
            event, first, last, time, phase, station, free, arrays, terms, most, wide, residual, which, travel
        )
        normal = np.zeros((4, 4))
        right = np.zeros(4)
        for p in range(table.shape[0]):
            for s in range(table.shape[1]):
                if which[p, s] < 0:
                    continue
                sd = sigma[p, 0] + sigma[p, 1] * travel[p, s]
                weight = 1 / (sd * sd) / (1 + (residual[p, s] / (_SOFT * sd)) ** 2)
                for axis in range(3):
                    d0 = _STEP_KM if axis == 0 else 0.0
                    d1 = _STEP_KM if axis == 1 else 0.0
                    d2 = _STEP_KM if axis == 2 else 0.0
                    more = time_to(
                        event[0] + d0, event[1] + d1, event[2] + d2, p, s, slowness, table, station_km, station_depth,
                        top, step,
                    )  # fmt: skip
                    row[axis] = (more - travel[p, s]) / _STEP_KM
                row[3] = 1.0
                for a in range(4):
                    right[a] += weight * row[a] * residual[p, s]
                    for b in range(4):
                        normal[a, b] += weight * row[a] * row[b]
        for a in range(3):
            normal[a, a] += damping * (normal[0, 0] + normal[1, 1] + normal[2, 2]) + 1e-6
        normal[3, 3] += 1e-6
        move = np.linalg.solve(normal, right)
        length = np.sqrt(move[0] ** 2 + move[1] ** 2 + move[2] ** 2)
        scale = min(1.0, 4.0 / max(length, 1e-9))
        for a in range(3):
            event[a] = min(max(event[a] + scale * move[a], low[a]), high[a])
        event[3] += scale * move[3]
        if iteration > 6 and length < 0.03:
            break
    nearest_picks(event, first, last, time, phase, station, free, arrays, terms, most, window, residual, which, travel)


@njit(cache=True)
def evidence(event, which, travel, rate, active, station_km, window, seen, chance_s):
    """Return the logarithm of the odds that picks come from one event, not by chance, at the best radius about it.

    Stations count from the nearest one outward. One with a pick speaks for the event by how rarely a pick would fall
    into the window by chance; one that runs and has none speaks against it, until the radius to which it was seen.

    Args:
        rate: (phases, stations) picks per second about this time.
        active: (stations,) whether it has any picks about this time.
        seen: share of arrivals within the radius that are picked.
        chance_s: how often an S fits by chance where P does, because both may be of another event.
    """
    stations = travel.shape[1]
    distance = np.empty(stations)
    for s in range(stations):
        distance[s] = (station_km[s, 0] - event[0]) ** 2 + (station_km[s, 1] - event[1]) ** 2
    order = np.argsort(distance)
    total, best = 0.0, -1e9
    for s in order:
        if not active[s]:
            continue
        for p in range(2):
            width = 2 * (window[0] + window[1] * travel[p, s])
            chance = min(max(1 - np.exp(-rate[p, s] * width), 0.005), 0.5)
            if p == 1 and which[0, s] >= 0:
                chance = max(chance, chance_s)
            if which[p, s] >= 0:
                total += np.log(seen / chance)
            else:
                total += np.log((1 - seen) / (1 - chance))
        best = max(best, total)
    return best
