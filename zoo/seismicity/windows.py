"""From a catalogue to maps: completeness, region, pixels, tiles, sliding windows, the region's past rate.

A map has `MAP_PIXELS` x `MAP_PIXELS` pixels, row 0 in the south and column 0 in the west. What is wider than one map is
covered by tiles that overlap by a quarter. Windows slide by a stride; each has the events of [start, start + window).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from zoo.errors import UsageError, ZooError
from zoo.seismicity.physics.maps import MAP_PIXELS, smooth_past

OVERLAP_PIXELS = MAP_PIXELS // 4
OUTLYING = 0.01
PADDING = 0.05
MAXIMUM_CURVATURE_CORRECTION = 0.2
"""Woessner & Wiemer (2005): maximum curvature alone is too low by about that much."""
PAST_WINDOWS = (20, 400)
"""As many windows before one are its past, as in training ..."""
PAST_EVENTS, FEWEST_PAST_WINDOWS = 500, 4
"""... and fewer windows do if they hold as many events."""
TRAINED_EVENTS = (50, 400)
ANYWHERE = 0.05
"""This share of what is expected is spread evenly: where the past had nothing, not everything is a wonder."""
_NICE = (1.0, 1.2, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0)
_WINDOWS_DAYS = (1 / 24, 1 / 12, 1 / 8, 1 / 4, 1 / 2, 1.0, 2.0, 4.0, 7.0, 14.0, 30.0, 60.0, 120.0)
_DAY_MS = 86_400_000


def magnitude_of_completeness(magnitude: np.ndarray, bin_width: float = 0.1) -> float:
    """Return the magnitude from which a catalogue is complete: the fullest bin, plus 0.2.

    Args:
        magnitude: (events,), NaN where missing.
        bin_width: of the histogram; catalogues are rounded to 0.1 or 0.01.

    Returns:
        A magnitude on the edge of a bin; NaN with fewer than 50 magnitudes, of which no histogram says much.

    Source: maximum curvature, Wiemer & Wyss (2000); the correction, Woessner & Wiemer (2005).
    """
    known = magnitude[np.isfinite(magnitude)]
    if len(known) < 50:
        return math.nan
    number = np.floor(known / bin_width + 0.5).astype(int)
    lowest = number.min()
    return round(float((np.bincount(number - lowest).argmax() + lowest) * bin_width) + MAXIMUM_CURVATURE_CORRECTION, 3)


@dataclass(frozen=True)
class PixelGrid:
    """A grid of square pixels over a region."""

    west_km: float
    south_km: float
    pixel_km: float
    rows: int
    columns: int

    @classmethod
    def covering(
        cls,
        x_km: np.ndarray,
        y_km: np.ndarray,
        region_km: tuple[float, float, float, float] | None = None,
        pixel_km: float | None = None,
    ) -> PixelGrid:
        """Return the grid over a region.

        Args:
            x_km, y_km: events (n,).
            region_km: west, east, south, north; default: all but the outlying 1 % of the events, padded by 5 %.
            pixel_km: side of a pixel; default: so that one map of 64 pixels covers the region, rounded up.
        """
        if region_km is None:
            low, high = 100 * OUTLYING / 2, 100 - 100 * OUTLYING / 2
            (west, east), (south, north) = (np.percentile(values, [low, high]) for values in (x_km, y_km))
            side = max(east - west, north - south, 1e-3)
            west, south, east, north = (
                west - PADDING * side,
                south - PADDING * side,
                east + PADDING * side,
                north + PADDING * side,
            )
        else:
            west, east, south, north = region_km
        # A millionth less, so that a pixel that was computed to fit is not found too small by rounding.
        side = max(east - west, north - south) * (1 - 1e-6)
        pixel_km = pixel_km or _nice_above(side / MAP_PIXELS)
        columns, rows = (
            max(MAP_PIXELS, math.ceil(width * (1 - 1e-6) / pixel_km)) for width in (east - west, north - south)
        )
        west, south = (west + east - columns * pixel_km) / 2, (south + north - rows * pixel_km) / 2
        return cls(float(west), float(south), float(pixel_km), rows, columns)

    @property
    def extent_km(self) -> tuple[float, float, float, float]:
        """West, east, south, north."""
        east, north = self.west_km + self.columns * self.pixel_km, self.south_km + self.rows * self.pixel_km
        return self.west_km, east, self.south_km, north

    def place(self, x_km: np.ndarray, y_km: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return row and column (n,) of points, which may lie outside."""
        row = np.floor((np.asarray(y_km) - self.south_km) / self.pixel_km).astype(np.int64)
        return row, np.floor((np.asarray(x_km) - self.west_km) / self.pixel_km).astype(np.int64)

    def inside(self, x_km: np.ndarray, y_km: np.ndarray) -> np.ndarray:
        """Return which points (n,) are in the grid."""
        row, column = self.place(x_km, y_km)
        return (row >= 0) & (row < self.rows) & (column >= 0) & (column < self.columns)

    def centre_km(self, row: np.ndarray, column: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return x and y of the middle of pixels."""
        x_km = self.west_km + (np.asarray(column) + 0.5) * self.pixel_km
        return x_km, self.south_km + (np.asarray(row) + 0.5) * self.pixel_km

    def tiles(self) -> list[tuple[int, int]]:
        """Return the first row and column of each map of 64 x 64 pixels."""
        return [(row, column) for row in _offsets(self.rows) for column in _offsets(self.columns)]


def _offsets(pixels: int) -> list[int]:
    if pixels <= MAP_PIXELS:
        return [0]
    count = math.ceil((pixels - MAP_PIXELS) / (MAP_PIXELS - OVERLAP_PIXELS)) + 1
    return [round(i * (pixels - MAP_PIXELS) / (count - 1)) for i in range(count)]


def _nice_above(value: float) -> float:
    power = 10.0 ** math.floor(math.log10(value))
    return round(next(step for step in _NICE if step * power >= value * (1 - 1e-9)) * power, 12)


@dataclass(frozen=True)
class Windows:
    """Windows that slide over a catalogue."""

    begin: np.datetime64
    """start of the first, [ms]"""
    window_days: float
    stride_days: float
    count: int

    @classmethod
    def over(cls, time: np.ndarray, window_days: float, stride_days: float) -> Windows:
        """Return the windows from the first to the last of the events (sorted, datetime64[ms]).

        The first begins at a multiple of the stride since midnight, at or before the first event.

        Raises:
            ZooError: the catalogue is shorter than one window.
            UsageError: a stride longer than the window.
        """
        if stride_days > window_days:
            raise UsageError(
                f"A stride of {stride_days:g} days leaves gaps between windows of {window_days:g} days; at most that."
            )
        span_days = float((time[-1] - time[0]) / np.timedelta64(_DAY_MS, "ms"))
        if span_days < window_days:
            raise ZooError(
                f"The catalogue spans {span_days:.3g} days in this region, less than a window of {window_days:g} "
                "days. Choose a shorter one (--window DAYS) or give a longer catalogue."
            )
        stride_ms, window_ms = round(stride_days * _DAY_MS), round(window_days * _DAY_MS)
        midnight = time[0].astype("datetime64[D]").astype("datetime64[ms]")
        begin = midnight + ((time[0] - midnight) // np.timedelta64(stride_ms, "ms")) * np.timedelta64(stride_ms, "ms")
        last_ms = int((time[-1] - begin) / np.timedelta64(1, "ms"))
        return cls(begin, window_days, stride_days, max(1, math.ceil((last_ms + 1 - window_ms) / stride_ms) + 1))

    @property
    def start(self) -> np.ndarray:
        """Start of every window (count,), datetime64[ms]."""
        return self.begin + np.arange(self.count) * np.timedelta64(round(self.stride_days * _DAY_MS), "ms")

    @property
    def length(self) -> np.timedelta64:
        return np.timedelta64(round(self.window_days * _DAY_MS), "ms")

    @property
    def end(self) -> np.ndarray:
        return self.start + self.length

    @property
    def per_window(self) -> int:
        """How many strides it takes to leave a window behind."""
        return math.ceil(round(self.window_days / self.stride_days, 6))

    def runs(self, above: np.ndarray) -> list[tuple[int, int]]:
        """Return first and last window of each alarm: windows above (count,) of which each touches the next."""
        numbers = np.flatnonzero(above)
        if not len(numbers):
            return []
        breaks = np.flatnonzero(np.diff(numbers) > self.window_days / self.stride_days + 1e-9)
        return list(zip(numbers[np.r_[0, breaks + 1]].tolist(), numbers[np.r_[breaks, -1]].tolist(), strict=True))


def typical_window_days(time: np.ndarray, maps: int = 1) -> float:
    """Return the length of window in which a map typically holds as many events as a network knows (50 to 400).

    One day where that is so; else the nearest of a few lengths from an hour to 120 days, a twentieth of the catalogue
    at most. Typical is the median over the windows that hold an event, shared among the maps.

    Args:
        time: events (n,), sorted.
        maps: how many maps share them.
    """
    days = (time - time[0]) / np.timedelta64(_DAY_MS, "ms")
    span_days = max(float(days[-1]), 1e-6)

    def typical(length: float) -> float:
        counts = np.bincount((days / length).astype(int))
        return float(np.median(counts[counts > 0])) / maps

    length = 1.0
    if typical(length) > TRAINED_EVENTS[1]:
        shorter = [step for step in _WINDOWS_DAYS if step < 1]
        length = next((step for step in shorter[::-1] if typical(step) <= TRAINED_EVENTS[1]), shorter[0])
    elif typical(length) < TRAINED_EVENTS[0]:
        longer = [step for step in _WINDOWS_DAYS if 1 < step <= span_days / 20]
        length = next((step for step in longer if typical(step) >= TRAINED_EVENTS[0]), max(longer, default=length))
    while length > span_days / 20 and length > _WINDOWS_DAYS[0]:
        length = max(step for step in _WINDOWS_DAYS if step < length)
    return length


class TileMaps:
    """The maps of one tile: counts of every window and the expected counts from its past.

    Args:
        time_ms: events of the tile (n,), milliseconds since the windows begin, sorted.
        row, column: their pixels (n,), 0 to 63.
        windows: the windows.
    """

    def __init__(self, time_ms: np.ndarray, row: np.ndarray, column: np.ndarray, windows: Windows) -> None:
        self.windows = windows
        self._pixel = (row * MAP_PIXELS + column).astype(np.int64)
        self._stride_ms = round(windows.stride_days * _DAY_MS)
        self._window_ms = round(windows.window_days * _DAY_MS)
        self._time_ms = time_ms
        starts_ms = np.arange(windows.count) * self._stride_ms
        self._first, self._behind = (np.searchsorted(time_ms, starts_ms + more) for more in (0, self._window_ms))
        self.events = self._behind - self._first
        """of each window (count,)"""
        self.background = self._background()
        """(64, 64) expected counts of one window"""

    def counts(self, first: int, behind: int) -> np.ndarray:
        """Return maps (behind - first, 64, 64), float32, of some windows."""
        maps = np.zeros((behind - first, MAP_PIXELS * MAP_PIXELS), np.float32)
        for number in range(first, behind):
            own = self._pixel[self._first[number] : self._behind[number]]
            maps[number - first] = np.bincount(own, minlength=MAP_PIXELS * MAP_PIXELS)
        return maps.reshape(-1, MAP_PIXELS, MAP_PIXELS)

    def batches(self, size: int = 256) -> Iterator[tuple[slice, np.ndarray, np.ndarray]]:
        """Yield which windows, their counts (n, 64, 64) and their expected counts (n, 64, 64)."""
        for first in range(0, self.windows.count, size):
            behind = min(first + size, self.windows.count)
            yield slice(first, behind), self.counts(first, behind), self.expected(first, behind)

    def past_windows(self, number: int | np.ndarray) -> np.ndarray:
        """Return how many windows long the past of a window is: 0 where it is too short."""
        past = np.minimum(np.asarray(number) * self.windows.stride_days / self.windows.window_days, PAST_WINDOWS[1])
        known = (past >= FEWEST_PAST_WINDOWS) & (self._first[number] >= PAST_EVENTS)
        return np.where(known | (past >= PAST_WINDOWS[0]), past, 0.0)

    @property
    def typical_past_windows(self) -> float:
        """From how many windows what is expected is typically known (of the background: the windows that are apart)."""
        past = self.past_windows(np.arange(self.windows.count))
        apart = max(1.0, self.windows.count * self.windows.stride_days / self.windows.window_days)
        return float(np.median(np.where(past > 0, past, apart)))

    def expected(self, first: int, behind: int) -> np.ndarray:
        """Return expected counts (n, 64, 64) from the events before each window; the background's where the past is
        too short."""
        made = np.empty((behind - first, MAP_PIXELS, MAP_PIXELS), np.float32)
        past = self.past_windows(np.arange(first, behind))
        made[past == 0] = self.background
        for index in np.flatnonzero(past):
            number = first + index
            begin_ms = number * self._stride_ms - past[index] * self._window_ms
            own = self._pixel[np.searchsorted(self._time_ms, begin_ms) : self._first[number]]
            counts = np.bincount(own, minlength=MAP_PIXELS * MAP_PIXELS).reshape(MAP_PIXELS, MAP_PIXELS)
            made[index] = spread(smooth_past(counts, past[index]))
        return made

    def _background(self) -> np.ndarray:
        """Return the expected counts of one window in ordinary times.

        Where: the pattern of the quieter three quarters of the windows, smoothed. How many: the median over the
        windows, which a sequence in less than half of them does not move. Where the median is below 5, as no window is
        then quieter than others for a reason, pattern and mean of all windows.
        """
        apart = np.arange(0, self.windows.count, max(1, self.windows.per_window))
        events = self.events[apart]
        total = float(np.median(events))
        if total >= 5:
            apart = apart[np.argsort(events, kind="stable")[: math.ceil(0.75 * len(apart))]]
        else:
            total = float(self.events.mean())
        inside = np.concatenate([self._pixel[self._first[n] : self._behind[n]] for n in apart])
        if not len(inside):  # the few events are all in windows between
            inside = self._pixel
        pattern = np.bincount(inside, minlength=MAP_PIXELS * MAP_PIXELS).reshape(MAP_PIXELS, MAP_PIXELS)
        return spread(smooth_past(pattern, len(inside)) * total)


def spread(expected: np.ndarray) -> np.ndarray:
    """Return expected counts (..., 64, 64), float32, of which a small share (`ANYWHERE`) is spread evenly."""
    mean = expected.mean(axis=(-2, -1), keepdims=True)
    return ((1 - ANYWHERE) * expected + ANYWHERE * mean).astype(np.float32)
