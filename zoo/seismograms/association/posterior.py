"""Probability of where one event was, by its picks, on grids that follow it.

Two likelihoods: residuals that are normal, each with a small chance to be of something else (`gaussian`), and equal
differential times (`edt`, Font et al. 2004; Lomax 2005), in which no origin time occurs and pairs of picks agree or
not.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from zoo.field.travel_times import time_to

SIZE = 13  # nodes along each axis
OUTLIERS = 0.03  # share of picks that are of something else
_OUTLIER_S = 10.0  # interval in which those may lie
_WIDE_SD = 3.2  # half of a grid, in standard deviations of what it holds
_LEAST_KM = 0.05
_TURNS = 7


@njit(cache=True)
def _gaussian(residual, sd, n, start):
    """Return the logarithm of the likelihood, summed over origin times, and the best origin time."""
    origin = start
    total = 0.0
    for _ in range(5):
        total, mean = 0.0, 0.0
        for i in range(n):
            r = (residual[i] - origin) / sd[i]
            inside = (1 - OUTLIERS) * np.exp(-0.5 * r * r) / (2.5066283 * sd[i])
            share = inside / (inside + OUTLIERS / _OUTLIER_S)
            weight = share / (sd[i] * sd[i]) + 1e-9
            total += weight
            mean += weight * residual[i]
        origin = mean / total
    value = 0.5 * np.log(6.2831853 / total)
    for i in range(n):
        r = (residual[i] - origin) / sd[i]
        value += np.log((1 - OUTLIERS) * np.exp(-0.5 * r * r) / (2.5066283 * sd[i]) + OUTLIERS / _OUTLIER_S)
    return value, origin


@njit(cache=True)
def _edt(residual, sd, n):
    """Return the logarithm of the likelihood of equal differential times: a sum over pairs, to the power of picks."""
    total = 1e-300
    for i in range(n):
        for j in range(i):
            variance = sd[i] ** 2 + sd[j] ** 2
            difference = residual[i] - residual[j]
            total += np.exp(-difference * difference / variance) / np.sqrt(variance)
    return n * np.log(total)


@njit(cache=True)
def posterior(
    time, phase, station, sd, growth, terms, start, first_half, low, high, edt, arrays, density, nodes, origins
):
    """Follow the probability with grids; fill the last one.

    Args:
        time, phase, station, sd: (n,) picks of the event: s, numbers, and standard deviations of the picks, s.
        growth: standard deviation of travel times by travel time, s/s.
        terms: (phases, stations) s added to travel times.
        start: (4,) x, y, z in km and origin time in s.
        first_half: half of the first grid, km.
        low, high: (3,) corners of the region, km.
        edt: which likelihood.
        density, nodes, origins: (SIZE**3,), (SIZE**3, 3), (SIZE**3,) filled: probabilities, km, s.
    """
    slowness, table, station_km, station_depth, top, step = arrays
    n = len(time)
    residual, error = np.empty(n), np.empty(n)
    centre = start[:3].copy()
    half = np.full(3, first_half)
    for _ in range(_TURNS):
        begin, end = np.empty(3), np.empty(3)
        for a in range(3):
            width = min(2 * half[a], high[a] - low[a])
            begin[a] = min(max(centre[a] - half[a], low[a]), high[a] - width)
            end[a] = begin[a] + width
        most, k = -1e300, 0
        for ix in range(SIZE):
            for iy in range(SIZE):
                for iz in range(SIZE):
                    x = begin[0] + (end[0] - begin[0]) * (ix + 0.5) / SIZE
                    y = begin[1] + (end[1] - begin[1]) * (iy + 0.5) / SIZE
                    z = begin[2] + (end[2] - begin[2]) * (iz + 0.5) / SIZE
                    for i in range(n):
                        travel = time_to(
                            x, y, z, phase[i], station[i], slowness, table, station_km, station_depth, top, step
                        )
                        residual[i] = time[i] - travel - terms[phase[i], station[i]] - start[3]
                        error[i] = np.sqrt(sd[i] ** 2 + (growth * travel) ** 2)
                    value, origin = _gaussian(residual, error, n, 0.0)
                    density[k] = _edt(residual, error, n) if edt else value
                    origins[k] = origin + start[3]
                    nodes[k, 0], nodes[k, 1], nodes[k, 2] = x, y, z
                    most = max(most, density[k])
                    k += 1
        total = 0.0
        for k in range(len(density)):
            density[k] = np.exp(density[k] - most)
            total += density[k]
        density /= total
        steady = True
        for a in range(3):
            mean, square, edge = 0.0, 0.0, 0.0
            cell = (end[a] - begin[a]) / SIZE
            for k in range(len(density)):
                mean += density[k] * nodes[k, a]
                square += density[k] * nodes[k, a] ** 2
                if nodes[k, a] < begin[a] + cell and begin[a] > low[a] + 1e-9:
                    edge += density[k]
                if nodes[k, a] > end[a] - cell and end[a] < high[a] - 1e-9:
                    edge += density[k]
            sd_axis = np.sqrt(max(square - mean * mean, 0.0) + cell * cell / 12)
            wanted = max(_WIDE_SD * sd_axis, _LEAST_KM)
            if edge > 0.02:
                wanted = max(wanted, 1.6 * half[a])
            wanted = min(wanted, (high[a] - low[a]) / 2)
            if abs(wanted - half[a]) > 0.3 * half[a] or abs(mean - centre[a]) > 0.5 * half[a]:
                steady = False
            centre[a], half[a] = mean, wanted
        if steady:
            break
