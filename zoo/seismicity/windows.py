"""From a catalogue to maps: windows that slide over time, and the counts and expected counts of each.

A map has 64 x 64 pixels (`zoo.seismicity.grid`). Windows slide by a stride; each holds the events of [start, start +
window). What is expected in a window says the region's ETAS model (`zoo.seismicity.expectation`).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from zoo.errors import UsageError, ZooError
from zoo.seismicity.physics.maps import MAP_PIXELS

TRAINED_EVENTS = (50, 400)
"""Fewest and most events that windows are expected to hold in training (`zoo.seismicity.physics.maps.MapTask`)."""
ANYWHERE = 0.05
"""Share of the expected events that is spread evenly: otherwise any event would be a wonder where the past had none."""
TYPICAL_EVENTS = (2, 400)
"""A window that is chosen for a catalogue holds so many events of a map: at least on average, at most typically."""
_FEWEST_WINDOWS = 20
"""A catalogue is as long as this many windows of a length chosen for it: fewer show no ordinary times."""
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
    """Return the length of window in which a map holds 2 events on average and typically no more than 400.

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
    if typical(length) > TYPICAL_EVENTS[1]:
        shorter = [step for step in _WINDOWS_DAYS if step < 1]
        length = next((step for step in shorter[::-1] if typical(step) <= TYPICAL_EVENTS[1]), shorter[0])
    elif (per_day := len(time) / maps / span_days) * length < TYPICAL_EVENTS[0]:
        longer = [step for step in _WINDOWS_DAYS if 1 < step <= span_days / _FEWEST_WINDOWS]
        length = next((step for step in longer if per_day * step >= TYPICAL_EVENTS[0]), max(longer, default=length))
    while length > span_days / _FEWEST_WINDOWS and length > _WINDOWS_DAYS[0]:
        length = max(step for step in _WINDOWS_DAYS if step < length)
    return length


class TileMaps:
    """The maps of one tile: counts of every window, and what the region's ETAS model expects.

    Args:
        time_ms: events of the tile (n,), in milliseconds since the first window begins, sorted.
        row, column: their pixels (n,), 0 to 63.
        windows: times of the maps.
        expectation: gives expected background and aftershocks of windows, (n, 64, 64) each; None where none is asked
            for (`zoo.seismicity.expectation.Expectation.on`).

    Attributes:
        windows: times of the maps.
        events: (count,) events of each window.
    """

    def __init__(
        self, time_ms: np.ndarray, row: np.ndarray, column: np.ndarray, windows: Windows,
        expectation: Callable[[int, int], tuple[np.ndarray, np.ndarray]] | None = None,
    ) -> None:  # fmt: skip
        self.windows = windows
        self._pixel = (row * MAP_PIXELS + column).astype(np.int64)
        self._expectation = expectation
        starts_ms = np.arange(windows.count) * round(windows.stride_days * _DAY_MS)
        window_ms = round(windows.window_days * _DAY_MS)
        self._first, self._behind = (np.searchsorted(time_ms, starts_ms + more) for more in (0, window_ms))
        self.events = self._behind - self._first

    def counts(self, first: int, behind: int) -> np.ndarray:
        """Return the events in each pixel of the windows from `first` to before `behind`, (n, 64, 64) float32."""
        maps = np.zeros((behind - first, MAP_PIXELS * MAP_PIXELS), np.float32)
        for number in range(first, behind):
            own = self._pixel[self._first[number] : self._behind[number]]
            maps[number - first] = np.bincount(own, minlength=MAP_PIXELS * MAP_PIXELS)
        return maps.reshape(-1, MAP_PIXELS, MAP_PIXELS)

    def parts(self, first: int, behind: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the expected background and aftershocks of windows, two (n, 64, 64) float32."""
        return self._expectation(first, behind)

    def expected(self, first: int, behind: int) -> np.ndarray:
        """Return the expected counts of the windows from `first` to before `behind`, (n, 64, 64) float32."""
        return sum(self.parts(first, behind))


def spread(expected: np.ndarray) -> np.ndarray:
    """Return expected counts (..., 64, 64), float32, with a small share of them (`ANYWHERE`) spread evenly."""
    mean = expected.mean(axis=(-2, -1), keepdims=True)
    return ((1 - ANYWHERE) * expected + ANYWHERE * mean).astype(np.float32)
