"""Above what score is a map an alarm? Set for each region: its background is simulated and false alarms are counted.

A score is a function of counts (n, 64, 64) and of the expected counts of a window from the region's past, (64, 64) or
(n, 64, 64), that returns (n,) numbers, higher the more anomalous a map is. Rates differ from region to region, and with
them the scores that chance alone reaches: one threshold for all gives false alarms in one region and misses in another.

An alarm is a run of windows above the threshold, each of which touches or overlaps the next.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from zoo.compiled import njit
from zoo.errors import ZooError
from zoo.seismicity.physics.maps import smooth_past

Score = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""counts, expected counts -> (n,) numbers"""
YEAR_DAYS = 365.25
_TAIL_ALARMS = 25
"""So many of the highest alarms tell how fast scores grow rare, where a threshold is extrapolated."""
_CHUNK = 512  # maps that are scored at a time: 8 MB


def region_threshold(
    score: Score,
    expected: np.ndarray,
    window_days: float,
    stride_days: float,
    false_alarms_per_year: float = 4.0,
    years: float = 10.0,
    seed: int = 0,
    past_windows: float | None = None,
    advance: Callable[[int], object] = lambda windows: None,
) -> float:
    """Return the score above which a region's background alone gives at most so many false alarms a year.

    Args:
        score: the score; see above.
        expected: (64, 64) background events of one window in each pixel.
        window_days: length of the windows.
        stride_days: from the start of one window to that of the next.
        false_alarms_per_year: how many are accepted.
        years: length of the simulated background; the longer, the closer the threshold gets to that number
            (`threshold_for`).
        seed: seed of the simulation.
        past_windows: how many windows of the past `expected` was estimated from. For each simulated year the score is
            then given another past, drawn from so many windows, as it would be in use. None: `expected` itself.
        advance: is told how many windows have been scored.

    Returns:
        The threshold: a window whose score is greater is an alarm.

    Raises:
        ZooError: if the background is not a map of finite numbers with events in it, or window, stride and years are
            not above 0.
    """
    rng = np.random.default_rng(seed)
    how = {"past_windows": past_windows, "advance": advance}
    scores = background_scores(score, expected, window_days, stride_days, years, rng, **how)
    return threshold_for(scores, window_days, stride_days, false_alarms_per_year)


def background_scores(
    score: Score,
    expected: np.ndarray,
    window_days: float,
    stride_days: float,
    years: float,
    rng: np.random.Generator,
    *,
    past: np.ndarray | None = None,
    past_windows: float | None = None,
    advance: Callable[[int], object] = lambda windows: None,
) -> np.ndarray:
    """Return the scores of all windows of simulated background, (stretches, windows), a stretch for each year.

    Windows overlap as they do in a catalogue: an event is in every window that it falls into.

    Args:
        score, expected, window_days, stride_days, years, past_windows, advance: as in `region_threshold`.
        rng: random generator.
        past: (64, 64) what the score is told of the past, where that is not `expected`.
    """
    expected = _checked(expected)
    if not (window_days > 0 and stride_days > 0 and years > 0):
        received = f"{window_days:g}, {stride_days:g}, {years:g}"
        raise ZooError(f"Window, stride and years must be above 0; received {received}.")
    stretches = max(round(years), 1)
    windows = max(round(years / stretches * YEAR_DAYS / stride_days), 1)
    made = np.empty((stretches, windows))
    for stretch in range(stretches):
        told = expected if past is None else past
        if past_windows is not None:
            told = smooth_past(rng.poisson(expected * past_windows), past_windows)
        for first, counts in _windows(expected, windows, window_days, stride_days, rng):
            made[stretch, first : first + len(counts)] = score(counts, told)
            advance(len(counts))
    return made


def threshold_for(scores: np.ndarray, window_days: float, stride_days: float, false_alarms_per_year: float) -> float:
    """Return the lowest score above which background gives fewer alarms a year than are accepted.

    The margin is one standard deviation of the number of alarms in as many years. Other years have another number, and
    the background is known from its past alone; with the margin they seldom give more than are accepted.

    Args:
        scores: (windows,) or (stretches, windows), from `background_scores`.
        window_days, stride_days, false_alarms_per_year: as in `region_threshold`.
    """
    years = np.size(scores) * stride_days / YEAR_DAYS
    allowed = false_alarms_per_year - math.sqrt(false_alarms_per_year / years)
    best = float(np.max(scores))
    for candidate in np.unique(scores[np.isfinite(scores)])[::-1]:  # -inf: a window that a network was not asked about
        if false_alarm_rate(scores, candidate, window_days, stride_days) > max(allowed, 0.0):
            break  # at still lower ones alarms merge into a few long ones, and their number falls again
        best = float(candidate)
    return best


def far_threshold(scores: np.ndarray, window_days: float, stride_days: float, false_alarms_per_year: float) -> float:
    """Return the score that background exceeds so many times a year, where it was simulated for too short a time.

    The 25 highest alarms tell by what each e-th part of them is higher: the tails of likelihood ratios and counts fall
    about exponentially, and this one is continued so far that it has as many alarms as are accepted.

    Args:
        scores, window_days, stride_days, false_alarms_per_year: as in `threshold_for`.

    >>> scores = np.random.default_rng(0).exponential(1.0, 2000)  # 2,000 days, of which one in e exceeds 1
    >>> 8 < far_threshold(scores, 0.9, 1.0, 0.1) < 10  # -log(0.1 / 365) is 8.2
    True
    """
    scores = np.atleast_2d(scores)
    reach = int(window_days / stride_days + 1e-9)
    base, peaks = float(scores.max()), np.zeros(0)
    for candidate in np.unique(scores[np.isfinite(scores)])[::-1]:
        found = np.concatenate([_peaks(row, row > candidate, reach) for row in scores])
        if len(found) < len(peaks):
            break  # alarms merge
        base, peaks = float(candidate), found
        if len(peaks) >= _TAIL_ALARMS:
            break
    if not len(peaks):
        return base
    years = scores.size * stride_days / YEAR_DAYS
    farther = math.log(max(len(peaks) / (false_alarms_per_year * years), 1.0))
    return base + float((peaks - base).mean()) * farther


def false_alarm_rate(scores: np.ndarray, threshold: float, window_days: float, stride_days: float) -> float:
    """Return how many alarms a year background gives.

    Args:
        scores: (windows,) or (stretches, windows), from `background_scores`.
        threshold: the score above which windows are alarms.
        window_days, stride_days: as in `region_threshold`.

    >>> scores = np.zeros(731)  # windows of a day every half day: a year
    >>> scores[[10, 11, 300]] = 9.0  # the first two overlap
    >>> round(false_alarm_rate(scores, 5.0, window_days=1.0, stride_days=0.5), 1)
    2.0
    """
    scores = np.atleast_2d(scores)
    reach = int(window_days / stride_days + 1e-9)
    alarms = sum(_runs(above, reach) for above in scores > threshold)
    return alarms / (scores.size * stride_days / YEAR_DAYS)


def burst_scores(
    score: Score,
    expected: np.ndarray,
    events: int,
    sd_px: float | tuple[float, float],
    bursts: int,
    window_days: float,
    stride_days: float,
    rng: np.random.Generator,
    *,
    past: np.ndarray | None = None,
) -> np.ndarray:
    """Return the highest score of the windows that hold a part of a burst, for each of some bursts, (bursts,).

    A burst adds events to the background in a Gaussian cluster, whose centre is drawn from the background, at any time.
    It lasts at most a window less a stride (half a day if windows of a day begin every half day), so that some window
    holds all of it. What falls beyond the map's edge is missing.

    Args:
        score, expected, window_days, stride_days: as in `region_threshold`.
        events: how many events a burst has.
        sd_px: its standard deviation in pixels, or a range from which each burst draws one.
        bursts: how many bursts to simulate.
        rng: random generator.
        past: (64, 64) what the score is told of the past, where that is not `expected`.
    """
    expected = _checked(expected)
    size = len(expected)
    # So many windows may hold a part of a burst, counted from the first that ends after the burst has begun.
    around = max(int(np.ceil(2 * window_days / stride_days - 1 - 1e-9)), 1)
    highest = np.empty(bursts)
    together = max(_CHUNK // around, 1)
    longest = max(window_days - stride_days, 0.0)
    for first in range(0, bursts, together):
        count = min(together, bursts - first)
        counts = np.concatenate(
            [maps for _ in range(count) for _, maps in _windows(expected, around, window_days, stride_days, rng)]
        ).reshape(count, around, size, size)
        begin = window_days - rng.random(count) * stride_days
        length = rng.random(count) * longest
        flat = np.searchsorted(np.cumsum(expected), rng.random(count) * expected.sum(), side="right")
        centre = np.stack(np.unravel_index(flat.clip(0, expected.size - 1), expected.shape), 1)
        centre = centre + rng.uniform(-0.5, 0.5, (count, 2))
        spread_px = rng.uniform(*np.broadcast_to(sd_px, 2), count)
        for number in range(count):
            times = begin[number] + rng.random(events) * length[number]
            pixels = np.rint(rng.normal(centre[number], spread_px[number], (events, 2))).astype(int)
            kept = ((pixels >= 0) & (pixels < size)).all(1)
            for window in range(around):
                start = window * stride_days
                held = kept & (times >= start) & (times < start + window_days)
                np.add.at(counts[number, window], tuple(pixels[held].T), 1)
        told = expected if past is None else past
        scores = score(counts.reshape(-1, size, size), told).reshape(count, around)
        highest[first : first + count] = scores.max(1)
    return highest


def detected(scores: np.ndarray, threshold: float) -> float:
    """Return the share of bursts that are found.

    Args:
        scores: (bursts,) from `burst_scores`.
        threshold: the score above which windows are alarms.
    """
    return float(np.mean(np.asarray(scores) > threshold))


def _checked(expected: np.ndarray) -> np.ndarray:
    """Return a background, or refuse what is none."""
    expected = np.asarray(expected, float)
    if expected.ndim != 2 or not np.isfinite(expected).all() or expected.min() < 0 or expected.sum() <= 0:
        raise ZooError(
            "A background is a map (rows, columns) of finite expected counts, none negative, not all 0; received the "
            f"shape {expected.shape}, sum {expected.sum():g}."
        )
    return expected


def _runs(above: np.ndarray, reach: int) -> int:
    """Return how many runs of windows there are; two windows up to `reach` strides apart touch."""
    where = np.flatnonzero(above)
    return int((np.diff(where) > reach).sum() + 1) if len(where) else 0


def _peaks(scores: np.ndarray, above: np.ndarray, reach: int) -> np.ndarray:
    """Return the highest score of each run of windows."""
    where = np.flatnonzero(above)
    if not len(where):
        return np.zeros(0)
    return np.maximum.reduceat(scores[where], np.r_[0, np.flatnonzero(np.diff(where) > reach) + 1])


def _windows(expected, windows, window_days, stride_days, rng):
    """Yield windows of one simulated stretch: number of the first, and counts (n, rows, columns) float32."""
    days = (windows - 1) * stride_days + window_days
    time_days = np.sort(rng.random(rng.poisson(expected.sum() / window_days * days))) * days
    total = np.cumsum(expected)
    pixel = np.searchsorted(total, rng.random(len(time_days)) * total[-1], side="right").clip(0, expected.size - 1)
    for first in range(0, windows, _CHUNK):
        starts = np.arange(first, min(first + _CHUNK, windows)) * stride_days
        bounds = np.searchsorted(time_days, starts), np.searchsorted(time_days, starts + window_days)
        yield first, _counts(pixel, *bounds, expected.size).reshape(-1, *expected.shape)


@njit(cache=True, nogil=True)
def _counts(pixel, first, behind, pixels):
    """Return the events in each pixel (windows, pixels) of windows that hold the events from `first` to `behind`."""
    counts = np.zeros((len(first), pixels), np.float32)
    for window in range(len(first)):
        for event in range(first[window], behind[window]):
            counts[window, pixel[event]] += 1
    return counts
