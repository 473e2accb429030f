"""From a catalogue to maps: windows that slide over time, and the counts and expected counts of each.

A map has 64 x 64 pixels (`zoo.seismicity.grid`). Windows slide by a stride; each holds the events of [start, start +
window). What is expected in a window is known from the windows before it, its past.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from zoo.errors import UsageError, ZooError
from zoo.seismicity.physics.maps import MAP_PIXELS, smooth_past

PAST_WINDOWS = (20, 400)
"""Fewest and most windows before a window that are its past, as in training."""
PAST_EVENTS, FEWEST_PAST_WINDOWS = 500, 4
"""A past that holds this many events may have fewer windows than `PAST_WINDOWS`, down to this many."""
TRAINED_EVENTS = (50, 400)
"""Fewest and most events that windows are expected to hold in training (`zoo.seismicity.physics.maps.MapTask`)."""
ANYWHERE = 0.05
"""Share of the expected events that is spread evenly: otherwise any event would be a wonder where the past had none."""
_QUIETER = 0.75
"""The pattern of the background is that of this share of the windows, those with fewest events."""
_FEWEST_TYPICAL = 5
"""With fewer events in the median window, that some windows have fewer than others is chance."""
_FEWEST_WINDOWS = 20
"""A catalogue is as long as this many windows of a length chosen for it: with fewer there is hardly a past."""
_WINDOWS_DAYS = (1 / 24, 1 / 12, 1 / 8, 1 / 4, 1 / 2, 1.0, 2.0, 4.0, 7.0, 14.0, 30.0, 60.0, 120.0)
"""Lengths of windows that are chosen."""
_DAY_MS = 86_400_000


@dataclass(frozen=True)
class Windows:
    """Windows that slide over a catalogue; each holds the events of [start, start + window_days)."""

    begin: np.datetime64
    """start of the first window, datetime64[ms]"""
    window_days: float
    """length of a window"""
    stride_days: float
    """from the start of one window to that of the next"""
    count: int
    """how many windows there are"""

    @classmethod
    def over(cls, time: np.ndarray, window_days: float, stride_days: float) -> Windows:
        """Return the windows from the first event to the last.

        The first window begins at a multiple of the stride since midnight, at or before the first event.

        Args:
            time: events (n,), datetime64[ms], sorted.
            window_days: length of a window.
            stride_days: from the start of one window to that of the next.

        Raises:
            ZooError: if the catalogue is shorter than one window.
            UsageError: if the stride is longer than the window.
        """
        if stride_days > window_days:
            raise UsageError(
                f"A stride of {stride_days:g} days leaves gaps between windows of {window_days:g} days. Choose a "
                "shorter stride (--stride DAYS) or longer windows."
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
        """Length of a window, timedelta64[ms]."""
        return np.timedelta64(round(self.window_days * _DAY_MS), "ms")

    @property
    def end(self) -> np.ndarray:
        """End of every window (count,), datetime64[ms]."""
        return self.start + self.length

    @property
    def per_window(self) -> int:
        """How many strides a window is long, rounded up."""
        return math.ceil(round(self.window_days / self.stride_days, 6))

    def runs(self, above: np.ndarray) -> list[tuple[int, int]]:
        """Return first and last window of each alarm, a run of windows each of which touches the next.

        Args:
            above: (count,) bool, the windows above the threshold.
        """
        numbers = np.flatnonzero(above)
        if not len(numbers):
            return []
        breaks = np.flatnonzero(np.diff(numbers) > self.window_days / self.stride_days + 1e-9)
        return list(zip(numbers[np.r_[0, breaks + 1]].tolist(), numbers[np.r_[breaks, -1]].tolist(), strict=True))


def typical_window_days(time: np.ndarray, maps: int = 1) -> float:
    """Return the length of window in which a map typically holds as many events as in training (50 to 400).

    One day if that does; otherwise the nearest of a few lengths from an hour to 120 days, a twentieth of the catalogue
    at most. Typical is the median over the windows that hold an event, divided by the number of maps.

    Args:
        time: events (n,), datetime64, sorted.
        maps: how many maps share the events.
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
        longer = [step for step in _WINDOWS_DAYS if 1 < step <= span_days / _FEWEST_WINDOWS]
        length = next((step for step in longer if typical(step) >= TRAINED_EVENTS[0]), max(longer, default=length))
    while length > span_days / _FEWEST_WINDOWS and length > _WINDOWS_DAYS[0]:
        length = max(step for step in _WINDOWS_DAYS if step < length)
    return length


class TileMaps:
    """The maps of one tile: counts of every window, and what its past leads one to expect.

    Args:
        time_ms: events of the tile (n,), in milliseconds since the first window begins, sorted.
        row, column: their pixels (n,), 0 to 63.
        windows: times of the maps.

    Attributes:
        windows: times of the maps.
        events: (count,) events of each window.
        background: (64, 64) expected counts of one window in ordinary times.
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
        self.background = self._background()

    def counts(self, first: int, behind: int) -> np.ndarray:
        """Return the events in each pixel of the windows from `first` to before `behind`, (n, 64, 64) float32."""
        maps = np.zeros((behind - first, MAP_PIXELS * MAP_PIXELS), np.float32)
        for number in range(first, behind):
            own = self._pixel[self._first[number] : self._behind[number]]
            maps[number - first] = np.bincount(own, minlength=MAP_PIXELS * MAP_PIXELS)
        return maps.reshape(-1, MAP_PIXELS, MAP_PIXELS)

    def batches(self, size: int = 256) -> Iterator[tuple[slice, np.ndarray, np.ndarray]]:
        """Yield all windows, some at a time: a slice, their counts and their expected counts, each (n, 64, 64)."""
        for first in range(0, self.windows.count, size):
            behind = min(first + size, self.windows.count)
            yield slice(first, behind), self.counts(first, behind), self.expected(first, behind)

    def past_windows(self, number: int | np.ndarray) -> np.ndarray:
        """Return how many windows long the past of each window (n,) is; 0 where it is too short."""
        past = np.minimum(np.asarray(number) * self.windows.stride_days / self.windows.window_days, PAST_WINDOWS[1])
        known = (past >= FEWEST_PAST_WINDOWS) & (self._first[number] >= PAST_EVENTS)
        return np.where(known | (past >= PAST_WINDOWS[0]), past, 0.0)

    @property
    def typical_past_windows(self) -> float:
        """From how many windows the expected counts are typically known; a background, from all that do not overlap."""
        past = self.past_windows(np.arange(self.windows.count))
        apart = max(1.0, self.windows.count * self.windows.stride_days / self.windows.window_days)
        return float(np.median(np.where(past > 0, past, apart)))

    def expected(self, first: int, behind: int) -> np.ndarray:
        """Return the expected counts of the windows from `first` to before `behind`, (n, 64, 64) float32.

        They come from the events before each window, or are those of the background where its past is too short.
        """
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

        The pattern is that of the quieter three quarters of the windows, smoothed; the number of events is the median
        over the windows, which a sequence in less than half of them does not move. Below a median of 5, where windows
        are quieter than others by chance alone, pattern and mean are those of all windows.
        """
        apart = np.arange(0, self.windows.count, max(1, self.windows.per_window))
        events = self.events[apart]
        total = float(np.median(events))
        if total >= _FEWEST_TYPICAL:
            apart = apart[np.argsort(events, kind="stable")[: math.ceil(_QUIETER * len(apart))]]
        else:
            total = float(self.events.mean())
        inside = np.concatenate([self._pixel[self._first[n] : self._behind[n]] for n in apart])
        if not len(inside):  # all of the few events are in the windows between
            inside = self._pixel
        pattern = np.bincount(inside, minlength=MAP_PIXELS * MAP_PIXELS).reshape(MAP_PIXELS, MAP_PIXELS)
        return spread(smooth_past(pattern, len(inside)) * total)


def spread(expected: np.ndarray) -> np.ndarray:
    """Return expected counts (..., 64, 64), float32, with a small share of them (`ANYWHERE`) spread evenly."""
    mean = expected.mean(axis=(-2, -1), keepdims=True)
    return ((1 - ANYWHERE) * expected + ANYWHERE * mean).astype(np.float32)
