"""What a network on seismicity maps has to beat: the largest pixel, the number of events, and the Poisson scan.

All take maps of the events of a window, (n, 64, 64), and give a score per map that is higher the more anomalous the map
is. The scan is Kulldorff's (1997, Communications in Statistics 26, 1481): every circle on the map is asked how much
likelier its events are at a rate of their own than at that of the background; the highest of these logarithms of
likelihood ratios is the map's score.
"""

from __future__ import annotations

import functools
import math

import numpy as np
from numba import njit

from zoo.errors import ZooError

RADII_PX = (1.5, 2.0, 3.0, 4.0, 5.0)
"""Of the scan's circles, which hold the pixels whose centres lie within; ours, by trial on medium."""
FEATURE_RADII_PX = (0.5, 1.0, *RADII_PX)
"""Of the circles of `scan_features`."""
BACKGROUND_SD_PX = 6.0
"""Of the Gaussian that makes a background out of the map itself, where none is given; ours, by trial on medium."""
FEATURES = (
    *(
        f"{what}_{radius:g}px"
        for radius in FEATURE_RADII_PX
        for what in ("ratio", "events", "expected", "excess", "at_best")
    ),
    *("events", "largest_pixel", "empty_share", "second_ratio", "roughness", "best_radius"),
)
"""What `scan_features` returns, in order."""

BASELINES = {"scan": "Poisson scan", "count": "event count", "pixel": "largest pixel"}
"""The scores of a map beside the network's, and what to call them."""
SIGNIFICANCE = 0.05
"""Of `significant_pixels`, for a whole map: shared among its pixels (Bonferroni)."""

_OPTIONS = {"cache": True, "nogil": True, "fastmath": True}
_APART_PX = 8.0  # the second highest ratio is that of a circle so far from the highest
_LEAST = 1e-6  # an expectation of zero would make a single event infinitely unlikely


def largest_pixel(counts: np.ndarray) -> np.ndarray:
    """Return (n,) float32: the events of the fullest pixel of each map."""
    return _maps(counts).max((1, 2))


def event_count(counts: np.ndarray) -> np.ndarray:
    """Return (n,) float32: the events of each map."""
    return _maps(counts).sum((1, 2))


def poisson_scan(
    counts: np.ndarray, expected: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Scan maps with circles (`RADII_PX`) for more events than the background lets expect.

    Args:
        counts: (n, 64, 64) events.
        expected: (n, 64, 64), or (64, 64) for all maps: the background; only its shape counts, it is scaled to the
            events of each map. None takes each map's own events, smoothed (`BACKGROUND_SD_PX`).

    Returns:
        score: (n,) float32, the logarithm of the highest likelihood ratio; 0 for a map without events.
        row, column: (n,) int64, the centre of its circle in pixels.
        radius: (n,) float32, of that circle in pixels.

    Raises:
        ZooError: if shapes do not fit, or a number is negative or not finite.
    """
    counts, expected = _checked(counts, expected)
    table = _circles(RADII_PX)
    score, row, column, which = _scan(counts, expected, *table)
    return score, row, column, np.array(RADII_PX, np.float32)[which]


def significant_pixels(counts: np.ndarray, expected: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the pixels of one map with significantly more events than expected.

    That is a pixel with an event which together with its eight neighbours holds so many that chance gives as many with
    a probability below 0.05 divided by the pixels of the map (Poisson).

    Args:
        counts, expected: (rows, columns) events of a window.

    Returns:
        (rows, columns) bool; (rows, columns) that probability, 1 where there is no event.
    """
    from scipy import ndimage
    from scipy.stats import poisson

    around = np.ones((3, 3))
    near, near_expected = (
        ndimage.convolve(values.astype(float), around, mode="constant") for values in (counts, expected)
    )
    chance = np.ones(counts.shape)
    held = counts > 0
    chance[held] = poisson.sf(near[held] - 1, near_expected[held])
    return chance < SIGNIFICANCE / counts.size, chance


def scan_features(counts: np.ndarray, expected: np.ndarray | None = None) -> np.ndarray:
    """Return (n, 41) float32 numbers of the scan (`FEATURES`) from which gradient boosting may learn.

    For each radius: the highest ratio; events and expectation in its circle; the largest excess in standard deviations;
    the ratio at the centre of the best circle of all radii. Then what the map as a whole says.

    Args:
        counts, expected: as of `poisson_scan`.
    """
    counts, expected = _checked(counts, expected)
    return _features(counts, expected, *_circles(FEATURE_RADII_PX))


def own_background(counts: np.ndarray, sd_px: float = BACKGROUND_SD_PX) -> np.ndarray:
    """Return (n, 64, 64) float32: each map smoothed by a Gaussian; at the edges the mean of what lies inside."""
    matrix = _smoothing(np.shape(counts)[-1], sd_px)
    return matrix @ _maps(counts) @ matrix.T


@functools.cache
def _smoothing(size: int, sd_px: float) -> np.ndarray:
    pixel = np.arange(size)
    matrix = np.exp(-0.5 * ((pixel[:, None] - pixel) / sd_px) ** 2)
    return (matrix / matrix.sum(1, keepdims=True)).astype(np.float32)


@functools.cache
def _circles(radii_px: tuple[float, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Return, for each radius, the half-width of each row of the circle (radii, rows), -1 outside, and its reach."""
    reach = np.array([math.floor(radius) for radius in radii_px])
    half = np.full((len(radii_px), 2 * reach.max() + 1), -1)
    for number, radius in enumerate(radii_px):
        for down in range(-reach[number], reach[number] + 1):
            half[number, down + reach[number]] = math.floor(math.sqrt(radius**2 - down**2) + 1e-9)
    return half, reach


def _maps(counts: np.ndarray) -> np.ndarray:
    counts = np.asarray(counts, np.float32)
    if counts.ndim != 3 or counts.shape[1] != counts.shape[2]:
        raise ZooError(f"Expected maps (n, pixels, pixels) of event counts; received the shape {counts.shape}.")
    return np.ascontiguousarray(counts)


def _checked(counts: np.ndarray, expected: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """Return counts and the background as (n or 1, 64, 64) float32."""
    counts = _maps(counts)
    if expected is None:
        return counts, own_background(counts)
    expected = np.asarray(expected, np.float32)
    expected = expected[None] if expected.ndim == 2 else expected
    if expected.shape[1:] != counts.shape[1:] or len(expected) not in (1, len(counts)):
        raise ZooError(
            f"The background of maps {counts.shape} has the shape {expected.shape}; expected one map for each, or one."
        )
    if not np.isfinite(expected).all() or expected.min(initial=0) < 0:
        raise ZooError("The expected events of a background must be finite and not negative.")
    return counts, np.ascontiguousarray(expected)


@njit(**_OPTIONS)
def _prefixes(values, beyond):
    """Return (rows, columns + 1 + 2 beyond): the sum of all that lies in a row to the west of a column."""
    size = len(values)
    prefix = np.zeros((size, size + 1 + 2 * beyond))
    for i in range(size):
        total = 0.0
        for j in range(size):
            total += values[i, j]
            prefix[i, beyond + j + 1] = total
        prefix[i, beyond + size + 1 :] = total
    return prefix


@njit(**_OPTIONS)
def _sums(prefix, half, reach, sums):
    """Set sums[i, j] to the sum in the circle about (i, j); pixels beyond the edge do not count."""
    size = len(prefix)
    beyond = (prefix.shape[1] - size - 1) // 2
    sums[:] = 0.0
    for i in range(size):
        row = sums[i]
        for k in range(max(i - reach, 0), min(i + reach + 1, size)):
            width = half[k - i + reach]
            # Views, whose indices need no check: the loop becomes vector instructions.
            west = prefix[k, beyond - width : beyond - width + size]
            east = prefix[k, beyond + width + 1 : beyond + width + 1 + size]
            for j in range(size):
                row[j] += east[j] - west[j]


@njit(**_OPTIONS)
def _ratio(inside, expected, events):
    """Return the logarithm of the likelihood ratio of a circle that holds more than is expected."""
    ratio = inside * math.log(inside / expected)
    outside = events - inside
    if outside > 0.5:
        ratio += outside * math.log(outside / (events - expected))
    return ratio


@njit(**_OPTIONS)
def _all_sums(counts, half, reach, sums):
    """Write the sums of a map in circles of every radius, and return its sum."""
    prefix = _prefixes(counts, half.shape[1])
    for r in range(len(reach)):
        _sums(prefix, half[r], reach[r], sums[r])
    return prefix[:, -1].sum()


@njit(**_OPTIONS)
def _scan(counts, background, half, reach):
    number, size, radii = len(counts), counts.shape[1], len(reach)
    score, which = np.zeros(number, np.float32), np.zeros(number, np.int64)
    row, column = np.zeros(number, np.int64), np.zeros(number, np.int64)
    inside, expected = np.empty((size, size), np.float64), np.empty((radii, size, size), np.float64)
    for n in range(number):
        if n == 0 or len(background) > 1:
            total = _all_sums(background[n], half, reach, expected)
        prefix = _prefixes(counts[n], half.shape[1])
        events = prefix[:, -1].sum()
        if events == 0 or total <= 0:
            continue
        scale, best = events / total, 0.0
        for r in range(radii):
            _sums(prefix, half[r], reach[r], inside)
            for i in range(size):
                for j in range(size):
                    c, e = inside[i, j], max(expected[r, i, j] * scale, _LEAST)
                    if c < 1.5 or c <= e or e >= events:
                        continue
                    # No logarithm where log x <= x - 1 tells that the ratio cannot be the highest.
                    if (c - e) * (c - e) * events > best * e * (events - e):
                        ratio = _ratio(c, e, events)
                        if ratio > best:
                            best, which[n], row[n], column[n] = ratio, r, i, j
        score[n] = best
    return score, row, column, which


@njit(**_OPTIONS)
def _features(counts, background, half, reach):
    number, size, radii = len(counts), counts.shape[1], len(reach)
    made = np.zeros((number, 5 * radii + 6), np.float32)
    inside, expected = np.empty((size, size), np.float64), np.empty((radii, size, size), np.float64)
    ratios = np.empty((radii, size, size), np.float32)
    for n in range(number):
        if n == 0 or len(background) > 1:
            total = _all_sums(background[n], half, reach, expected)
        prefix = _prefixes(counts[n], half.shape[1])
        events = prefix[:, -1].sum()
        if events == 0 or total <= 0:
            continue
        scale, best, place_i, place_j, place_r = events / total, 0.0, 0, 0, 0
        for r in range(radii):
            _sums(prefix, half[r], reach[r], inside)
            highest, excess = 0.0, 0.0
            for i in range(size):
                for j in range(size):
                    c, e = inside[i, j], max(expected[r, i, j] * scale, _LEAST)
                    ratios[r, i, j] = 0.0
                    if c < 1.5 or c <= e or e >= events:
                        continue
                    ratio = _ratio(c, e, events)
                    ratios[r, i, j] = ratio
                    excess = max(excess, (c - e) / math.sqrt(e + 0.1))
                    if ratio > highest:
                        highest = ratio
                        made[n, 5 * r + 1], made[n, 5 * r + 2] = c, e
                        if ratio > best:
                            best, place_i, place_j, place_r = ratio, i, j, r
            made[n, 5 * r], made[n, 5 * r + 3] = highest, excess
        second = 0.0
        for r in range(radii):
            made[n, 5 * r + 4] = ratios[r, place_i, place_j]
            for i in range(size):
                for j in range(size):
                    if ratios[r, i, j] > second and (i - place_i) ** 2 + (j - place_j) ** 2 > _APART_PX**2:
                        second = ratios[r, i, j]
        share, squares = 0.0, 0.0
        for i in range(size):
            for j in range(size):
                share += counts[n, i, j] == 0
                squares += (expected[radii - 1, i, j] / total) ** 2
        rest = made[n, 5 * radii :]
        rest[0], rest[1], rest[2] = events, counts[n].max(), share / size**2
        rest[3], rest[4], rest[5] = second, squares, place_r
    return made
