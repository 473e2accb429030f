"""Probability of where one event was, by its picks, on grids that follow it.

Two likelihoods: residuals that are normal with a covariance, of which one may be of something else, whichever it is
(`gaussian`; origin time integrated out), and equal differential times (`edt`, Font et al. 2004; Lomax 2005), in which
no origin time occurs and pairs of picks agree or not, so that no pick need be called wrong beforehand.
"""

from __future__ import annotations

import numpy as np

from zoo.compiled import njit
from zoo.field.travel_times import time_to

SIZE = 13  # nodes along each axis
_WIDE_SD = 3.2  # half of a grid, in standard deviations of what it holds
_LEAST_KM = 0.05
_TURNS = 7
OUTLIERS = 0.03
"""Share of picks that are of something else."""
OUTLIER_S = 10.0
"""Interval in which those may lie."""


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


@njit(cache=True, fastmath=True)
def _normal(residual, weight, odds, n):
    """Return the logarithm of the likelihood of normal errors of which at most one is of something else.

    Args:
        weight: (n, n) inverse of the covariance when the origin time is integrated out.
        odds: (n,) of a pick that is of something else and may have any error, against one that is as it should be.
    """
    square, other = 0.0, 1.0
    for i in range(n):
        row = 0.0
        for j in range(n):
            row += weight[i, j] * residual[j]
        square += residual[i] * row
        # Without pick i the square is less by this, and the normalisation by its conditional standard deviation.
        other += odds[i] * np.exp(min(0.5 * row * row / weight[i, i], 600.0))
    return np.log(other) - 0.5 * square


@njit(cache=True)
def posterior(
    time, phase, station, sd, inverse, terms, start, first_half, low, high, edt, arrays, density, nodes, origins
):
    """Follow the probability with grids; fill the last one; return the standard deviation of origin time at one place.

    Args:
        time, phase, station, sd: (n,) picks of the event: s, numbers, and standard deviations of their errors, s.
        inverse: (n, n) inverse of the covariance of their errors, 1/s2.
        terms: (phases, stations) s added to travel times.
        start: (4,) x, y, z in km and origin time in s.
        first_half: half of the first grid, km.
        low, high: (3,) corners of the region, km.
        edt: which likelihood; its pairs are taken for independent.
        density, nodes, origins: (SIZE**3,), (SIZE**3, 3), (SIZE**3,) filled: probabilities, km, s.
    """
    slowness, table, station_km, station_depth, top, step = arrays
    n = len(time)
    column = inverse.sum(axis=1)
    whole = column.sum()
    weight = inverse - np.outer(column, column) / whole
    odds = OUTLIERS / (1 - OUTLIERS) / OUTLIER_S * np.sqrt(2 * np.pi / np.diag(weight))
    residual = np.empty(n)
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
                    origin = 0.0
                    for i in range(n):
                        travel = time_to(
                            x, y, z, phase[i], station[i], slowness, table, station_km, station_depth, top, step
                        )
                        residual[i] = time[i] - travel - terms[phase[i], station[i]] - start[3]
                        origin += column[i] * residual[i]
                    density[k] = _edt(residual, sd, n) if edt else _normal(residual, weight, odds, n)
                    origins[k] = origin / whole + start[3]
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
    return 1 / np.sqrt(whole)
