"""What a network on seismicity maps has to beat: the largest pixel, the number of events, and the Poisson scan.

All take the maps of the events of windows, (n, 64, 64), and return one score a map, higher the more anomalous the map
is. The scan is Kulldorff's (1997, Communications in Statistics 26, 1481): for every circle on the map it compares how
likely the events in it are at a rate of their own and at that of the background. The highest logarithm of these
likelihood ratios is the map's score.
"""

from __future__ import annotations

import functools
import math

import numpy as np

from zoo.compiled import njit
from zoo.errors import ZooError

RADII_PX = (1.5, 2.0, 3.0, 4.0, 5.0)
"""Radii of the scan's circles, which hold the pixels whose centres lie within; ours, by trial on the task medium."""
FEATURE_RADII_PX = (0.5, 1.0, *RADII_PX)
"""Radii of the circles of `scan_features`."""
BACKGROUND_SD_PX = 6.0
"""Standard deviation of the Gaussian that makes a background out of the map itself, where none is given; ours, by trial
on the task medium."""
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
"""Name of each baseline -> what to call it."""
SIGNIFICANCE = 0.05
"""Significance of `significant_pixels` for a whole map, shared among its pixels (Bonferroni)."""

_OPTIONS = {"cache": True, "nogil": True, "fastmath": True}
_APART_PX = 8.0  # the second highest ratio is that of a circle farther than this from the highest
_ALMOST_NONE = 1e-12  # for a logarithm, where nothing is expected
_LEAST = 1e-6  # an expectation of zero would make a single event infinitely unlikely
_CLUSTER = 1.5  # a circle with fewer events than this, none or one, is no cluster
_DENSE = 250  # pixels with events from which sums over circles are faster
_EXCESS_EVENTS = 0.1  # added to the expectation that an excess is divided by: where next to nothing is expected, one
# event is no excess of many standard deviations


def largest_pixel(counts: np.ndarray) -> np.ndarray:
    """Return the number of events in the fullest pixel of each map, (n,) float32.

    Args:
        counts: (n, 64, 64) events.
    """
    return _maps(counts).max((1, 2))


def event_count(counts: np.ndarray) -> np.ndarray:
    """Return the number of events of each map, (n,) float32.

    Args:
        counts: (n, 64, 64) events.

    >>> event_count(np.ones((2, 64, 64))).tolist()
    [4096.0, 4096.0]
    """
    return _maps(counts).sum((1, 2))


def poisson_scan(
    counts: np.ndarray, expected: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Scan maps with circles (`RADII_PX`) for more events than the background leads one to expect.

    Args:
        counts: (n, 64, 64) events.
        expected: (n, 64, 64), or (64, 64) for all maps: expected events of the background, of which only the pattern
            counts, as it is scaled to the events of each map. None: each map's own events, smoothed
            (`BACKGROUND_SD_PX`).

    Returns:
        score: (n,) float32, the logarithm of the highest likelihood ratio; 0 for a map without events.
        row, column: (n,) int64, centre of the circle that has it, in pixels.
        radius: (n,) float32, radius of that circle in pixels.

    Raises:
        ZooError: if shapes do not fit, or a number is negative or not finite.

    >>> counts = np.ones((1, 64, 64))
    >>> counts[0, 19:22, 39:42] = 4
    >>> score, row, column, radius = poisson_scan(counts, expected=np.ones((64, 64)))
    >>> int(row[0]), int(column[0]), float(radius[0])
    (20, 40, 1.5)
    """
    counts, expected = _checked(counts, expected)
    table = _circles(RADII_PX)
    score, row, column, which = _scan(counts, expected, *table)
    return score, row, column, np.array(RADII_PX, np.float32)[which]


def significant_pixels(counts: np.ndarray, expected: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the pixels of one map with significantly more events than expected.

    A pixel is significant if it holds an event, and if chance gives as many events as there are in it and its eight
    neighbours with a probability below 0.05 divided by the number of pixels of the map (Poisson).

    Args:
        counts: (rows, columns) events of a window.
        expected: (rows, columns) expected events.

    Returns:
        Which pixels are significant, (rows, columns) bool; that probability, (rows, columns), 1 where there is no
        event.
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
    """Return the numbers of the scan that gradient boosting learns from, (n, 41) float32 (`FEATURES`).

    For each radius these are the highest ratio, events and expectation in its circle, the largest excess in standard
    deviations, and the ratio at the centre of the best circle of all radii. Six numbers of the whole map follow.

    Args:
        counts, expected: as in `poisson_scan`.
    """
    counts, expected = _checked(counts, expected)
    return _features(counts, expected, *_circles(FEATURE_RADII_PX))


def own_background(counts: np.ndarray, sd_px: float = BACKGROUND_SD_PX) -> np.ndarray:
    """Return each map smoothed by a Gaussian, (n, 64, 64) float32; at the edges the mean of what lies inside.

    Args:
        counts: (n, 64, 64) events.
        sd_px: standard deviation of the Gaussian.
    """
    matrix = _smoothing(np.shape(counts)[-1], sd_px)
    return matrix @ _maps(counts) @ matrix.T


@functools.cache
def _smoothing(size: int, sd_px: float) -> np.ndarray:
    """Return the matrix (size, size) float32 that smooths by a Gaussian; its rows sum to 1."""
    pixel = np.arange(size)
    matrix = np.exp(-0.5 * ((pixel[:, None] - pixel) / sd_px) ** 2)
    return (matrix / matrix.sum(1, keepdims=True)).astype(np.float32)


@functools.cache
def _circles(radii_px: tuple[float, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Return the half-width of each row of each circle, (radii, rows), -1 outside, and how many rows each reaches."""
    reach = np.array([math.floor(radius) for radius in radii_px])
    half = np.full((len(radii_px), 2 * reach.max() + 1), -1)
    for number, radius in enumerate(radii_px):
        for down in range(-reach[number], reach[number] + 1):
            # Slightly more, so that a pixel exactly on the circle is not lost to rounding.
            half[number, down + reach[number]] = math.floor(math.sqrt(radius**2 - down**2) + 1e-9)
    return half, reach


def _maps(counts: np.ndarray) -> np.ndarray:
    counts = np.asarray(counts, np.float32)
    if counts.ndim != 3 or counts.shape[1] != counts.shape[2]:
        raise ZooError(f"Expected maps (n, pixels, pixels) of event counts; received the shape {counts.shape}.")
    return np.ascontiguousarray(counts)


def _checked(counts: np.ndarray, expected: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """Return counts (n, 64, 64) and the background (n or 1, 64, 64), float32 and contiguous."""
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
    """Return the sums of all that lies in a row to the west of a column, (rows, columns + 1 + 2 beyond).

    `beyond` more columns on either side let circles reach over the edge without a check.
    """
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
    """Set sums[i, j] to the sum in the circle about (i, j); pixels beyond the edge do not count.

    A row of a circle is the difference of two prefix sums, so that its cost does not grow with its width.
    """
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
    """Return the logarithm of the likelihood ratio of a circle that holds more than is expected.

    c log(c / e) + (C - c) log((C - c) / (C - e)), c and e inside, C events of the map (Kulldorff 1997, Poisson model).
    """
    ratio = inside * math.log(inside / expected)
    outside = events - inside
    if outside > 0.5:
        ratio += outside * math.log(outside / (events - expected))
    return ratio


@njit(**_OPTIONS)
def _all_sums(counts, half, reach, sums):
    """Set sums (radii, rows, columns) to those of a map in circles of every radius, and return the map's sum."""
    prefix = _prefixes(counts, half.shape[1])
    for r in range(len(reach)):
        _sums(prefix, half[r], reach[r], sums[r])
    return prefix[:, -1].sum()


@njit(**_OPTIONS)
def _sum_of(prefix, half, reach, i, j):
    """Return the sum in the one circle about (i, j), as `_sums` has it."""
    size = len(prefix)
    beyond = (prefix.shape[1] - size - 1) // 2
    total = 0.0
    for k in range(max(i - reach, 0), min(i + reach + 1, size)):
        width = half[k - i + reach]
        total += prefix[k, beyond + j + width + 1] - prefix[k, beyond + j - width]
    return total


@njit(**_OPTIONS)
def _held(counts, half, reach, sums):
    """Set sums (radii, rows, columns) to the events of a map in circles of every radius.

    A map has few events: each is added to the circles that hold it, several times as fast as to sum over circles.
    """
    size = len(counts)
    filled = 0
    for i in range(size):
        for j in range(size):
            filled += counts[i, j] != 0
    if filled > _DENSE:
        _all_sums(counts, half, reach, sums)
        return
    sums[:] = 0.0
    for i in range(size):
        for j in range(size):
            if counts[i, j] != 0:
                _add_circles(counts[i, j], i, j, half, reach, sums)


@njit(**_OPTIONS)
def _add_circles(value, i, j, half, reach, sums):
    """Add a value to sums (radii, rows, columns) of all circles that hold the pixel (i, j)."""
    size = sums.shape[1]
    for r in range(len(reach)):
        for k in range(max(i - reach[r], 0), min(i + reach[r] + 1, size)):
            width = half[r, k - i + reach[r]]
            for m in range(max(j - width, 0), min(j + width + 1, size)):
                sums[r, k, m] += value


@njit(**_OPTIONS)
def _least_sums(background, half, reach):
    """Return sums (radii, rows, columns) than which no map's circle expects less: of the least that any map has."""
    least = background[0].copy()
    for n in range(1, len(background)):
        for i in range(len(least)):
            for j in range(len(least)):
                least[i, j] = min(least[i, j], background[n, i, j])
    sums = np.empty((len(reach), len(least), len(least)), np.float64)
    _all_sums(least, half, reach, sums)
    return sums


@njit(**_OPTIONS)
def _logarithms(counts):
    """Return the logarithms of 0 (as of 1) to as many events as any map has, and one more."""
    most = 0.0
    for n in range(len(counts)):
        most = max(most, counts[n].sum())
    return np.log(np.maximum(np.arange(int(most) + 3), 1.0))


@njit(**_OPTIONS)
def _scan(counts, background, half, reach):
    """Return the highest ratio of each map, and row, column and number of the radius of its circle, each (n,)."""
    number, size, radii = len(counts), counts.shape[1], len(reach)
    score, which = np.zeros(number, np.float32), np.zeros(number, np.int64)
    row, column = np.zeros(number, np.int64), np.zeros(number, np.int64)
    if not number:
        return score, row, column, which
    inside, logs = np.empty((radii, size, size)), _logarithms(counts)
    least = _least_sums(background, half, reach)
    log_least = np.log(np.maximum(least, _ALMOST_NONE))
    for n in range(number):
        prefix = _prefixes(background[n if len(background) > 1 else 0], half.shape[1])
        events, total = float(counts[n].sum()), prefix[:, -1].sum()
        if events == 0 or total <= 0:
            continue
        _held(counts[n], half, reach, inside)
        scale, best = events / total, 0.0
        log_scale = math.log(scale)
        for r in range(radii):
            for i in range(size):
                for j in range(size):
                    c = inside[r, i, j]
                    if c < _CLUSTER:
                        continue
                    # The ratio falls with what is expected. By the least, and by log x <= x - 1, it cannot be the
                    # highest: no sum, no logarithm.
                    e = least[r, i, j] * scale
                    if c <= e:
                        continue
                    most = c * (logs[int(math.ceil(c))] - log_least[r, i, j] - log_scale)
                    if most + (events - c) * (e - c) / (events - e) <= best:
                        continue
                    e = max(_sum_of(prefix, half[r], reach[r], i, j) * scale, _LEAST)
                    if c <= e or e >= events:
                        continue
                    ratio = _ratio(c, e, events)
                    if ratio > best:
                        best, which[n], row[n], column[n] = ratio, r, i, j
        score[n] = best
    return score, row, column, which


@njit(**_OPTIONS)
def _features(counts, background, half, reach):
    """Return the numbers of `FEATURES` for each map, (n, features) float32."""
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
        scale, best, best_i, best_j, best_r = events / total, 0.0, 0, 0, 0
        # Five numbers a radius; the fifth needs the best circle of all radii, and comes below.
        for r in range(radii):
            _sums(prefix, half[r], reach[r], inside)
            highest, excess = 0.0, 0.0
            for i in range(size):
                for j in range(size):
                    c, e = inside[i, j], max(expected[r, i, j] * scale, _LEAST)
                    ratios[r, i, j] = 0.0
                    if c < _CLUSTER or c <= e or e >= events:
                        continue
                    ratio = _ratio(c, e, events)
                    ratios[r, i, j] = ratio
                    excess = max(excess, (c - e) / math.sqrt(e + _EXCESS_EVENTS))
                    if ratio > highest:
                        highest = ratio
                        made[n, 5 * r + 1], made[n, 5 * r + 2] = c, e
                        if ratio > best:
                            best, best_i, best_j, best_r = ratio, i, j, r
            made[n, 5 * r], made[n, 5 * r + 3] = highest, excess
        # The ratios at the centre of the best circle, and the highest ratio far from it: a second cluster.
        second = 0.0
        for r in range(radii):
            made[n, 5 * r + 4] = ratios[r, best_i, best_j]
            for i in range(size):
                for j in range(size):
                    if ratios[r, i, j] > second and (i - best_i) ** 2 + (j - best_j) ** 2 > _APART_PX**2:
                        second = ratios[r, i, j]
        # How rough the background is: the sum of squares of its share in each of the largest circles.
        empty, roughness = 0.0, 0.0
        for i in range(size):
            for j in range(size):
                empty += counts[n, i, j] == 0
                roughness += (expected[radii - 1, i, j] / total) ** 2
        rest = made[n, 5 * radii :]
        rest[0], rest[1], rest[2] = events, counts[n].max(), empty / size**2
        rest[3], rest[4], rest[5] = second, roughness, best_r
    return made
