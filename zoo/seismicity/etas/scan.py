"""The scan of a catalogue against its ETAS model: is there a circle with more events than background and aftershocks?

In a circle and a window a constant rate nu is added to the model's conditional intensity. With it the logarithm of the
likelihood grows by

    sum over the events in the circle of log(1 + nu / intensity)  -  nu x area x length of the window.

Its maximum over circles (`zoo.seismicity.scan.RADII_PX`), rates (those of `EVENTS` in such a circle) and halves of the
window is the score. An event that the model explains, an aftershock right after and close to its mainshock, has a high
intensity and counts little; one that nothing foretold counts fully. So a count is absolute, and no rate is scaled to
the number of events on the map.

A swarm may be so tight that each of its events passes for an aftershock of the last, and yet have more of them than
their magnitudes explain. So the model's rate is also multiplied: with n events in a circle (`COUNT_RADII_PX`) where e
are expected, aftershocks of the window's own events included, the logarithm grows by n log(n / e) - n + e. The score is
the larger of both; a circle of fewer than five events has none.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from zoo.compiled import njit
from zoo.seismicity.physics.maps import MAP_PIXELS
from zoo.seismicity.scan import FEATURE_RADII_PX as COUNT_RADII_PX
from zoo.seismicity.scan import (
    RADII_PX,
    _add_circles,
    _circles,
    _held,
    _least_sums,
    _logarithms,
    _prefixes,
    _sum_of,
    _sums,
)

EVENTS = (7.0, 14.0, 28.0, 80.0, 300.0)
"""The rates that are tried are those of so many events in the circle and the window."""
FEWEST_EVENTS = 5
"""A circle with fewer events is no sequence, however unlikely they are."""
_LEAST = 1e-12
_CLOSE = 1 - 1e-6  # of a bound, so that rounding leaves nothing out


@dataclass(frozen=True)
class Excess:
    """The best circle of each window; every array (windows,)."""

    score: np.ndarray
    """by how much the logarithm of the likelihood grows, at least 0"""
    row: np.ndarray
    """row of the circle's centre on the map, in pixels"""
    column: np.ndarray
    radius_px: np.ndarray
    start_days: np.ndarray
    """from when the circle's rate is higher: the window's start or its middle"""
    end_days: np.ndarray

    def or_counts(self, other: Excess) -> Excess:
        """Return the better circle of each window of two."""
        better = other.score > self.score
        pairs = ((getattr(self, name), getattr(other, name)) for name in self.__dataclass_fields__)
        return Excess(*(np.where(better, b, a) for a, b in pairs))


def etas_scan(
    days: np.ndarray, row: np.ndarray, column: np.ndarray, intensity: np.ndarray, starts_days: np.ndarray,
    window_days: float,
) -> Excess:  # fmt: skip
    """Scan windows of a map of 64 x 64 pixels, each whole and by halves.

    Args:
        days: times of the events on the map (n,), sorted.
        row, column: their pixels (n,).
        intensity: conditional intensity at each (n,), a day and square pixel.
        starts_days: starts of the windows (windows,), sorted.
        window_days: their length.

    >>> days = np.r_[np.linspace(0, 10, 20), np.linspace(4.2, 4.4, 9)]
    >>> order = np.argsort(days)
    >>> row, column = np.r_[np.arange(20) * 3, np.full(9, 33)][order], np.r_[np.arange(20) * 3, np.full(9, 7)][order]
    >>> found = etas_scan(days[order], row, column, np.full(29, 1e-3), np.arange(10.0), 1.0)
    >>> int(found.score.argmax()), int(found.row[4]), int(found.column[4]), float(found.end_days[4])
    (4, 33, 7, 4.5)
    """
    table = _circles(RADII_PX)
    area = np.empty((len(RADII_PX), MAP_PIXELS, MAP_PIXELS))
    ones = np.ones((MAP_PIXELS, MAP_PIXELS), np.float32)
    prefix = _prefixes(ones, table[0].shape[1])
    for number in range(len(RADII_PX)):
        _sums(prefix, table[0][number], table[1][number], area[number])
    starts = np.asarray(starts_days, float)
    half = window_days / 2
    # Where the stride is half a window, the second half of one window is the first of another: it is scanned once.
    begins = np.concatenate([starts, starts, starts + half])
    lengths = np.concatenate([np.full(len(starts), window_days), np.full(2 * len(starts), half)])
    keys, which = np.unique(np.round(np.column_stack([begins, lengths]), 9), axis=0, return_inverse=True)
    low, high = np.searchsorted(days, keys[:, 0]), np.searchsorted(days, keys[:, 0] + keys[:, 1])
    pixel = (np.asarray(row) * MAP_PIXELS + np.asarray(column)).astype(np.int64)
    score, at, radius = _scan(
        pixel, np.maximum(np.asarray(intensity, float), _LEAST), low, high, keys[:, 1].copy(), np.array(EVENTS), *table,
        area,
    )  # fmt: skip
    parts = which.reshape(3, len(starts))
    best = np.take_along_axis(parts, score[parts].argmax(0)[None], 0)[0]
    rows, columns = np.divmod(at[best], MAP_PIXELS)
    start = keys[best, 0]
    return Excess(score[best], rows, columns, np.array(RADII_PX)[radius[best]], start, start + keys[best, 1])


def count_scan(counts: np.ndarray, expected: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Scan maps for circles with more events than expected, both in absolute numbers.

    Args:
        counts, expected: (n, 64, 64) events and expected events.

    Returns:
        Score, row, column and radius in pixels of the best circle of each map, (n,) each.

    >>> counts = np.zeros((1, 64, 64))
    >>> counts[0, 20, 40] = 6
    >>> score, row, column, radius = count_scan(counts, np.full((1, 64, 64), 0.01))
    >>> int(row[0]), int(column[0]), float(radius[0]), round(float(score[0]), 1)
    (20, 40, 0.5, 32.4)
    """
    counts, expected = (np.ascontiguousarray(values, np.float32) for values in (counts, expected))
    score, at, radius = _counts(counts, expected, *_circles(COUNT_RADII_PX))
    rows, columns = np.divmod(at, MAP_PIXELS)
    return score, rows, columns, np.array(COUNT_RADII_PX)[radius]


@njit(cache=True, nogil=True, fastmath=True)
def _counts(counts, expected, half, reach):
    """Return score, pixel and number of the radius of the best circle of each map."""
    number, size = len(counts), counts.shape[1]
    score = np.zeros(number)
    at, which = np.zeros(number, np.int64), np.zeros(number, np.int64)
    if not number:
        return score, at, which
    inside, logs = np.empty((len(reach), size, size)), _logarithms(counts)
    least = _least_sums(expected, half, reach)
    log_least = np.log(np.maximum(least, 1e-12))
    for n in range(number):
        _held(counts[n], half, reach, inside)
        prefix = _prefixes(expected[n], half.shape[1])
        for r in range(len(reach)):
            for i in range(size):
                for j in range(size):
                    c = inside[r, i, j]
                    if c < FEWEST_EVENTS - 0.5:
                        continue
                    # The score falls with what is expected: by the least of all maps it cannot be the highest.
                    e = least[r, i, j]
                    if c <= e or c * (logs[int(math.ceil(c))] - log_least[r, i, j]) - c + e <= score[n]:
                        continue
                    e = max(_sum_of(prefix, half[r], reach[r], i, j), 1e-6)
                    if c <= e:
                        continue
                    value = c * math.log(c / e) - c + e
                    if value > score[n]:
                        score[n], at[n], which[n] = value, i * size + j, r
    return score, at, which


@njit(cache=True, nogil=True, fastmath=True)
def _gain(pixel, intensity, centre, half, reach, rates, costs, size):
    """Return the highest gain of one circle, given the events (n,) of a window and the costs of the rates."""
    i, j = centre // size, centre % size
    made = -costs
    for k in range(len(pixel)):
        down, across = pixel[k] // size - i, pixel[k] % size - j
        if abs(down) <= reach and abs(across) <= half[down + reach]:
            for e in range(len(rates)):
                made[e] += np.log1p(rates[e] / intensity[k])
    return made.max()


@njit(cache=True, nogil=True, fastmath=True)
def _scan(pixel, intensity, low, high, lengths, sizes, half, reach, area):
    """Return score, pixel and number of the radius of the best circle of each window."""
    number, size, radii, beyond = len(low), area.shape[1], len(reach), half.shape[1]
    score = np.zeros(number)
    at, which = np.zeros(number, np.int64), np.zeros(number, np.int64)
    gain = np.empty((size, size), np.float32)
    held, waits = np.empty((radii, size, size)), np.empty((radii, size, size))
    centres, bounds = np.empty(radii * size * size, np.int64), np.empty(radii * size * size)
    first = np.zeros(radii + 1, np.int64)
    for n in range(number):
        own = slice(low[n], high[n])
        events = high[n] - low[n]
        if events < FEWEST_EVENTS:
            continue
        held[:], waits[:] = 0.0, 0.0
        for k in range(low[n], high[n]):
            i, j = pixel[k] // size, pixel[k] % size
            _add_circles(1.0, i, j, half, reach, held)
            _add_circles(1 / intensity[k], i, j, half, reach, waits)
        found, top, best = 0, 0, 0
        for r in range(radii):
            for i in range(size):
                for j in range(size):
                    c = held[r, i, j]
                    if c < FEWEST_EVENTS - 0.5:
                        continue
                    # Logarithms are concave: no rate makes more of c events than if their intensities were all the
                    # harmonic mean, of which the best rate is known.
                    ratio = waits[r, i, j] / (area[r, i, j] * lengths[n])
                    if ratio <= 1:
                        continue
                    centres[found], bounds[found] = i * size + j, c * (math.log(ratio) - 1 + 1 / ratio)
                    if found == 0 or bounds[found] > bounds[top]:
                        top, best = found, r
                    found += 1
            first[r + 1] = found
        if not found:
            continue
        # What the most promising circle reaches need not be sought below.
        tried = sizes[: max(1, np.sum(sizes <= 2.5 * events))]  # no more than all events of the window
        rates = tried / (area[best].max() * lengths[n])
        costs = rates * lengths[n] * area[best, centres[top] // size, centres[top] % size]
        floor = _CLOSE * _gain(pixel[own], intensity[own], centres[top], half[best], reach[best], rates, costs, size)
        lowest = intensity[own].min()
        for r in range(radii):
            full = area[r].max()
            for e in range(len(tried)):
                rate = tried[e] / (full * lengths[n])
                cost, highest = rate * lengths[n], np.log1p(rate / lowest)
                prefix, made = held[r], False
                for k in range(first[r], first[r + 1]):
                    i, j = centres[k] // size, centres[k] % size
                    needed, value = max(score[n], floor), -cost * area[r, i, j]
                    if bounds[k] < needed or held[r, i, j] * highest + value <= needed:
                        continue
                    if not made:
                        gain[:] = 0.0
                        for m in range(low[n], high[n]):
                            gain[pixel[m] // size, pixel[m] % size] += np.log1p(rate / intensity[m])
                        prefix, made = _prefixes(gain, beyond), True
                    value += _sum_of(prefix, half[r], reach[r], i, j)
                    if value > score[n]:
                        score[n], at[n], which[n] = value, centres[k], r
    return score, at, which
