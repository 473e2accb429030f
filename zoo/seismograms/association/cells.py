"""Where and when could many picks be of one event? Cells of the earth, counted by the picks they explain, halved.

A pick says that an event in a cell happened in an interval: its time, less the travel time to the station, give or take
the tolerance and how much travel times differ within the cell. The number of intervals that overlap bounds the picks
of any event in that cell at that time. Cells and times whose count is too small are not looked at again; others are
halved, which narrows their intervals.
"""

from __future__ import annotations

import numpy as np

from zoo.compiled import njit
from zoo.field.travel_times import time_to

BIN_S = 0.4  # of origin times, in the first level
_FINE_S = 0.1  # ... and in the next ones
_AROUND_S = 2.4  # how far from the time found in the first level others look
_BEAM = 4  # cells that are halved in each level
_WITHIN = 0.7
"""Travel times differ from that of a cell's middle by this share of its half diagonal over the speed; 1 would be a
bound that is reached in a corner only."""


@njit(cache=True)
def times_to_cells(centres, arrays, times, ratios):
    """Fill travel times and mean slownesses (cells, phases, stations) of cells (cells, 3)."""
    slowness, table, station_km, station_depth, top, step = arrays
    for c in range(len(centres)):
        x, y, z = centres[c]
        for p in range(table.shape[0]):
            for s in range(table.shape[1]):
                t = time_to(x, y, z, p, s, slowness, table, station_km, station_depth, top, step)
                dx, dy, dz = x - station_km[s, 0], y - station_km[s, 1], z - station_depth[table[p, s]]
                times[c, p, s] = t
                ratios[c, p, s] = t / max(np.sqrt(dx * dx + dy * dy + dz * dz), 1e-3)


@njit(cache=True)
def count_cells(first, last, start, bins, time, phase, station, free, times, ratios, diagonal, tolerance, terms, most):
    """Count intervals in bins of origin time from `start` on; return the largest count and its cell for each bin.

    Args:
        first, last: range of picks that can be of an event in these bins.
        time, phase, station, free: (picks,) time in s, numbers, and whether the pick may be used.
        times, ratios: (cells, phases, stations) s and s/km.
        diagonal: half of a cell's, km.
        tolerance: s.
        terms: (phases, stations) s that are added to travel times.
        most: largest travel time that is used, s.
    """
    stations = times.shape[2]
    keys = times.shape[1] * stations
    # Picks in bins, one phase and station after the other, so that what is alike for them is computed once a cell.
    edges = np.zeros(keys + 1, np.int64)
    for i in range(first, last):
        if free[i]:
            edges[phase[i] * stations + station[i] + 1] += 1
    for k in range(keys):
        edges[k + 1] += edges[k]
    filled = edges[:-1].copy()
    at = np.empty(edges[keys])
    for i in range(first, last):
        if free[i]:
            k = phase[i] * stations + station[i]
            at[filled[k]] = (time[i] - start) / BIN_S
            filled[k] += 1
    best = np.zeros(bins, np.int16)
    where = np.zeros(bins, np.int32)
    steps = np.zeros(bins + 1, np.int16)
    for c in range(times.shape[0]):
        steps[:] = 0
        for k in range(keys):
            p, s = k // stations, k % stations
            travel = times[c, p, s]
            if edges[k] == edges[k + 1] or travel > most:
                continue
            shift = (travel + terms[p, s]) / BIN_S
            half = (tolerance + _WITHIN * ratios[c, p, s] * diagonal) / BIN_S
            begins, ends = -shift - half, half - shift
            for i in range(edges[k], edges[k + 1]):
                low, high = at[i] + begins, at[i] + ends
                if high < 0 or low >= bins:
                    continue
                steps[max(int(low), 0)] += 1
                steps[min(int(high) + 1, bins)] -= 1
        count = 0
        for b in range(bins):
            count += steps[b]
            if count > best[b]:
                best[b] = count
                where[b] = c
    return best, where


@njit(cache=True)
def _count(x, y, z, diagonal, middle, first, last, time, phase, station, free, arrays, tolerance, terms, most, steps):
    """Return the largest number of overlapping intervals about a time, and when it is."""
    slowness, table, station_km, station_depth, top, step = arrays
    bins = len(steps) - 1
    start = middle - _AROUND_S
    steps[:] = 0
    for i in range(first, last):
        if not free[i]:
            continue
        p, s = phase[i], station[i]
        travel = time_to(x, y, z, p, s, slowness, table, station_km, station_depth, top, step)
        origin = time[i] - travel - terms[p, s] - start
        if travel > most or origin < -5.0 or origin > 2 * _AROUND_S + 5.0:
            continue
        dx, dy, dz = x - station_km[s, 0], y - station_km[s, 1], z - station_depth[table[p, s]]
        ratio = travel / max(np.sqrt(dx * dx + dy * dy + dz * dz), 1e-3)
        half = tolerance + _WITHIN * ratio * diagonal
        low, high = int((origin - half) / _FINE_S), int((origin + half) / _FINE_S) + 1
        if origin + half < 0 or low >= bins:
            continue
        steps[max(low, 0)] += 1
        steps[min(max(high, 0), bins)] -= 1
    count, best, begin, end = 0, 0, 0, 0
    for b in range(bins):
        count += steps[b]
        if count > best:
            best, begin, end = count, b, b
        elif count == best and end == b - 1:
            end = b
    return best, start + _FINE_S * (begin + end + 1) / 2


@njit(cache=True)
def descend(
    place, half, middle, least, levels, first, last, time, phase, station, free, arrays, tolerance, terms, most
):
    """Halve a cell a few times, keeping the children with the largest counts.

    Args:
        place, half: (3,) middle of the cell and half of its sides, km.
        middle: origin time, s.
        least: a smaller count ends it.

    Returns:
        x, y, z in km, the origin time, and the count, 0 where it was too small.
    """
    steps = np.zeros(int(2 * _AROUND_S / _FINE_S) + 1, np.int16)
    beam = np.zeros((_BEAM, 4))
    beam[0, :3] = place
    beam[0, 3] = middle
    kept = 1
    children = np.zeros((8 * _BEAM, 5))
    h = half.copy()
    count = 0
    for _ in range(levels):
        h = h / 2
        diagonal = np.sqrt((h * h).sum())
        n = 0
        for k in range(kept):
            for octant in range(8):
                x = beam[k, 0] + (h[0] if octant & 1 else -h[0])
                y = beam[k, 1] + (h[1] if octant & 2 else -h[1])
                z = beam[k, 2] + (h[2] if octant & 4 else -h[2])
                count, when = _count(
                    x, y, z, diagonal, middle, first, last, time, phase, station, free, arrays, tolerance, terms, most,
                    steps,
                )  # fmt: skip
                if count >= least:
                    children[n, 0], children[n, 1], children[n, 2] = x, y, z
                    children[n, 3], children[n, 4] = when, count
                    n += 1
        if n == 0:
            return place[0], place[1], place[2], middle, 0
        order = np.argsort(-children[:n, 4])
        kept = min(n, _BEAM)
        for k in range(kept):
            beam[k] = children[order[k], :4]
        count = int(children[order[0], 4])
    return beam[0, 0], beam[0, 1], beam[0, 2], beam[0, 3], count
