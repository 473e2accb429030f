"""The events of a stretch of time: candidates from cells, each refined, tested, and its picks taken."""

from __future__ import annotations

import numpy as np

from zoo.compiled import njit
from zoo.seismograms.association.cells import BIN_S, count_cells, descend
from zoo.seismograms.association.fit import evidence, fit

_AROUND_S = 10.0  # an event moves less than this from the candidate's origin time while it is refined
_APART = 3  # bins about a candidate that was looked at which are not looked at again in this pass


@njit(cache=True)
def search(
    start,
    bins,
    span,
    picks,
    free,
    owner,
    cells,
    arrays,
    terms,
    rate,
    active,
    limits,
    window,
    sigma,
    least,
    number,
    found,
):
    """Find events whose origin times lie in bins from `start` on; return how many there are now.

    Args:
        span: (2,) first and last pick that can be of them.
        picks: time in s, phase and station number, (picks,) each.
        free, owner: (picks,) whether a pick may be used, and the number of its event or -1; changed in place.
        cells: middles (cells, 3), half sides (3,), times and ratios of `times_to_cells`.
        rate, active: (phases, stations), (stations,) of `evidence`.
        limits: corners of the region, low (3,) and high (3,) in km.
        least: picks, P, S, stations with both, logarithm of odds, seen, chance of S, levels, tolerance, travel time.
        number: events found before.
        found: (events, 6) x, y, z, origin time, root mean square, logarithm of odds; filled.
    """
    time, phase, station = picks
    centres, half, times, ratios = cells
    low, high = limits
    tolerance, most = least[8], least[9]
    first, last = span
    diagonal = np.sqrt((half * half).sum())
    best, where = count_cells(
        first, last, start, bins, time, phase, station, free, times, ratios, diagonal, tolerance, terms, most
    )
    looked = np.zeros(bins, np.bool_)
    shape = terms.shape
    residual, travel = np.empty(shape), np.empty(shape)
    which = np.empty(shape, np.int64)
    event = np.empty(4)
    for b in np.argsort(-best):
        if best[b] < least[0]:
            break
        if looked[b]:
            continue
        looked[max(b - _APART, 0) : b + _APART + 1] = True
        middle = start + (b + 0.5) * BIN_S
        first = span[0] + np.searchsorted(time[span[0] : span[1]], middle - _AROUND_S)
        last = span[0] + np.searchsorted(time[span[0] : span[1]], middle + most + _AROUND_S)
        x, y, z, when, count = descend(
            centres[where[b]], half, middle, int(least[0]), int(least[7]), first, last, time, phase, station, free,
            arrays, tolerance, terms, most,
        )  # fmt: skip
        if count < least[0]:
            continue
        event[0], event[1], event[2], event[3] = x, y, z, when
        fit(
            event, first, last, time, phase, station, free, arrays, terms, most, window, sigma, low, high, residual,
            which, travel,
        )  # fmt: skip
        p_picks, s_picks, both, total, square = 0, 0, 0, 0, 0.0
        for s in range(shape[1]):
            has_p, has_s = which[0, s] >= 0, which[1, s] >= 0
            p_picks += has_p
            s_picks += has_s
            both += has_p and has_s
            square += (residual[0, s] ** 2 if has_p else 0.0) + (residual[1, s] ** 2 if has_s else 0.0)
        total = p_picks + s_picks
        if total < least[0] or p_picks < least[1] or s_picks < least[2] or both < least[3]:
            continue
        odds = evidence(event, which, travel, rate, active, arrays[2], window, least[5], least[6])
        if odds < least[4] or number >= len(found):
            continue
        found[number, :4] = event
        found[number, 4] = np.sqrt(square / total)
        found[number, 5] = odds
        for p in range(2):
            for s in range(shape[1]):
                if which[p, s] >= 0:
                    free[which[p, s]] = False
                    owner[which[p, s]] = number
        number += 1
    return number
