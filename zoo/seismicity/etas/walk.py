"""Through time in strides: how many events a fitted ETAS model expects in each window and pixel, and at each event.

Omori's decay is a sum of exponentials, exact in the limit of many:

    (1 + t / c)^-p = integral over s of s^(p - 1) exp(-s) exp(-s t / c) / Gamma(p).

So the aftershocks that are still to come of all events that ever were are a few maps, which fade at their own rates. A
window costs as much whether it has a thousand events before it or a million.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import gamma as gamma_function

from zoo.compiled import njit
from zoo.errors import ZooError
from zoo.seismicity.etas.background import pixels
from zoo.seismicity.etas.fit import NO_AFTERSHOCKS, EtasFit
from zoo.seismicity.etas.kernels import OPTIONS, intensity_peak, triggered_by
from zoo.seismicity.physics.sequences import Etas, Events

_SPACING = 1.3  # of the exponentials' rates, as a logarithm: Omori's law to a thousandth
_CLASS = 0.25  # magnitudes as close as this have one kernel
_SUB = 7, 5  # points a side at which a kernel is taken within a pixel, and at which its source may be
_NEAR_DAYS, _NEAR_EVENTS = 10.0, 1000.0
"""Sources count where they are for so many days, fewer where so many events happen sooner; older ones by the maps."""
_MOST_BYTES = 400_000_000  # of earlier maps; where they are larger, fewer strides are near
_LANES = 8  # a multiple of so many maps is added to by vector instructions without a remainder


@dataclass(frozen=True)
class Stretch:
    """Some windows in order of time."""

    first: int
    """number of the first"""
    aftershocks: np.ndarray
    """(windows, rows, columns) float32, expected aftershocks in each: of what was before, and of what happens in it"""
    background: np.ndarray
    """(windows, rows, columns) float32, expected background events"""


def exponentials(law: Etas, longest_days: float) -> tuple[np.ndarray, np.ndarray]:
    """Return weights (n,) a day and rates (n,) a day whose exponentials sum to Omori's normalised law.

    Args:
        law: c and p.
        longest_days: for delays up to this.

    >>> weight, rate = exponentials(Etas(), 1000.0)
    >>> law, t = Etas(), np.array([0.0, 0.01, 1.0, 300.0])
    >>> omori = (law.p - 1) / law.c_days * (1 + t / law.c_days) ** -law.p
    >>> bool(np.allclose((weight * np.exp(-rate * t[:, None])).sum(1), omori, rtol=0.01))
    True
    """
    log_s = np.arange(math.log(law.c_days / (60 * longest_days)), 4.0, _SPACING)
    s = np.exp(log_s)
    weight = s**law.p * np.exp(-s) * _SPACING / gamma_function(law.p)
    return weight * (law.p - 1) / law.c_days, s / law.c_days


def stamps(law: Etas, classes: np.ndarray, reach_px: float) -> np.ndarray:
    """Return the share of a source's aftershocks in the pixels around its own, (classes, side, side) float32.

    Args:
        law: the width of the kernel.
        classes: (n,) magnitudes above the completeness.
        reach_px: how far the farthest source reaches.
    """
    half = math.ceil(reach_px)
    fine, coarse = ((np.arange(n) + 0.5) / n - 0.5 for n in _SUB)
    # Where a source may be in its pixel and where a point is in another only matters by their difference.
    offset = (fine[:, None] - coarse).ravel()
    # The offsets are symmetric, so a quadrant tells the whole.
    axis = np.arange(half + 1)[:, None] + offset
    around = np.abs(np.arange(-half, half + 1))
    made = np.empty((len(classes), 2 * half + 1, 2 * half + 1), np.float32)
    for k, above in enumerate(classes):
        width = law.d_px2 * 10 ** (law.gamma * above)
        quadrant = np.empty((half + 1, half + 1))
        for row in range(half + 1):
            r2 = axis[row][None, :, None] ** 2 + axis[row:, None, :] ** 2
            quadrant[row, row:] = ((law.q - 1) / (np.pi * width) * (1 + r2 / width) ** -law.q).mean((1, 2))
            quadrant[row:, row] = quadrant[row, row:]
        made[k] = quadrant[around[:, None], around]
        # In the middle the points miss the peak; it holds what the others leave.
        beyond = (1 + (half + 0.5) ** 2 / width) ** (1 - law.q)
        made[k, half, half] = max(0.0, 1 - beyond - (made[k].sum() - made[k, half, half]))
    return made


class Walk:
    """A walk through a catalogue in strides.

    Args:
        fit: the model.
        events: the events, sorted by time; those before day 0 only have aftershocks.
        count: how many windows, the first from day 0 on.
        window_days, stride_days: length of a window, and from the start of one to that of the next.
        rates: (stretches or 1, rows, columns) background in place of the fit's.

    Attributes:
        intensity: (events,) conditional intensity at each event, a day and square pixel, once the walk is over; 0 for
            those before day 0 and after the last stride.
        triggered: (events,) the aftershocks' part of it.

    Raises:
        ZooError: if the events are not sorted.
    """

    def __init__(
        self, fit: EtasFit, events: Events, count: int, window_days: float, stride_days: float,
        rates: np.ndarray | None = None,
    ) -> None:  # fmt: skip
        fit = fit if rates is None else replace(fit, rates=rates)
        self.fit, self.count = fit, count
        self.window_days, self.stride_days = window_days, stride_days
        self.days = np.ascontiguousarray(events["time_days"], float)
        if (np.diff(self.days) < 0).any():
            raise ZooError("The events of a walk through time must be sorted by time.")
        self.x, self.y = (np.ascontiguousarray(events[key], float) for key in ("x_px", "y_px"))
        law, (s, _) = fit.law, fit.sources(events)
        self._sources = s
        self._log_a, self._width, self._reach2 = s.log_a(law), s.width(law), s.reach2(law)
        classes = np.arange(0, max(s.width_above.max(initial=0.0), 0.0) + _CLASS, _CLASS)
        self._class = np.rint(s.width_above / _CLASS).astype(np.int64).clip(0, len(classes) - 1)
        reach = np.sqrt(self._reach2.max(initial=4.0))
        self._stamps = stamps(law, classes, reach)
        self._half = np.ceil(
            np.sqrt(np.array([self._reach2[self._class == k].max(initial=1.0) for k in range(len(classes))]))
        )
        self._half = self._half.astype(np.int64)
        span = float(self.days[-1] - self.days[0]) + 1 if len(self.days) else 1.0
        weight, rate = exponentials(law, span + window_days)
        more = -len(rate) % _LANES
        self._weight, self._rate = np.append(weight, np.zeros(more)), np.append(rate, np.full(more, rate[-1]))
        self._maps = np.zeros((*fit.shape, len(self._rate)), np.float32)
        per_day = len(s) / span
        near = min(_NEAR_DAYS, max(_NEAR_EVENTS / per_day, 2 * window_days))
        most = max(1, _MOST_BYTES // self._maps.nbytes)
        self._earlier = np.zeros((min(most, max(1, round(near / stride_days))), *self._maps.shape), np.float32)
        self.triggered = np.zeros(len(self.days))
        self._background = fit.background_at(self.days, self.x, self.y)
        self._pixels: tuple[np.ndarray, np.ndarray] | None = None  # of the sources, once they are needed
        self._at = 0  # the next stride

    @property
    def intensity(self) -> np.ndarray:
        return np.where(self.triggered >= 0, self.triggered + self._background, 0)

    def windows(self, size: int = 256) -> Iterator[Stretch]:
        """Yield all windows, some at a time, with what is expected in them."""
        while self._at < self.count:
            first = self._at
            behind = min(first + size, self.count)
            yield Stretch(first, self._step(first, behind, True), self._expected_background(first, behind))
        # Strides behind the start of the last window have events of it too.
        more = math.ceil(round(self.window_days / self.stride_days, 6))
        self._step(self.count, self.count + more, False)

    def through(self) -> Walk:
        """Walk to the end for the intensity alone, and return itself."""
        self._step(self._at, self.count + math.ceil(round(self.window_days / self.stride_days, 6)), False)
        return self

    def aftershocks(self, start_days: float, end_days: float, rows: np.ndarray, columns: np.ndarray) -> float:
        """Return the aftershocks expected in some pixels and a stretch of time, of what was before and happens in it.

        Args:
            start_days, end_days: from when to when.
            rows, columns: the pixels (pixels,).
        """
        s, law = self._sources, self.fit.law
        if law.branching_ratio <= 1.01 * NO_AFTERSHOCKS:
            return 0.0
        row, column = self._pixels = self._pixels or pixels(s.x, s.y, self.fit.shape)
        middle = len(self._stamps[0]) // 2
        own = (s.days < end_days) & (row >= rows.min() - middle) & (row <= rows.max() + middle)
        own &= (column >= columns.min() - middle) & (column <= columns.max() + middle)
        total = 0.0
        for some in np.array_split(np.flatnonzero(own), max(1, own.sum() * len(rows) // 1_000_000)):
            up, right = rows - row[some, None] + middle, columns - column[some, None] + middle
            near = (np.abs(up - middle) <= middle) & (np.abs(right - middle) <= middle)
            up, right = np.where(near, up, 0), np.where(near, right, 0)
            share = (self._stamps[self._class[some, None], up, right] * near).sum(1)
            begin, end = np.maximum(start_days - s.days[some], 0), end_days - s.days[some]
            left = [(1 + delay / law.c_days) ** (1 - law.p) for delay in (begin, end)]
            total += float((np.exp(self._log_a[some]) * share * (left[0] - left[1])).sum())
        return total

    def _step(self, first: int, behind: int, expect: bool) -> np.ndarray:
        s, law = self._sources, self.fit.law
        shape = (behind - first if expect else 0, *self.fit.shape)
        if law.branching_ratio <= 1.01 * NO_AFTERSHOCKS:
            made = np.broadcast_to(np.float32(0), shape)  # maps of nothing need no memory
        else:
            made = np.zeros(shape, np.float32)
            _walk(
                first, behind, expect, self.stride_days, self.window_days, s.days, s.x, s.y, self._log_a,
                self._width, self._reach2, self._class, self._half, self._stamps, self._weight, self._rate, self._maps,
                self._earlier, self.days, self.x, self.y, law.c_days, law.p, law.q, made, self.triggered,
            )  # fmt: skip
        self._at = behind
        return made

    def _expected_background(self, first: int, behind: int) -> np.ndarray:
        starts, rates = np.arange(first, behind) * self.stride_days, self.fit.rates
        if len(rates) == 1:
            return np.broadcast_to((rates[0] * self.window_days).astype(np.float32), (behind - first, *self.fit.shape))
        edges = self.fit.edges_days.copy()
        edges[0], edges[-1] = -np.inf, np.inf
        inside = np.minimum(starts[:, None] + self.window_days, edges[1:]) - np.maximum(starts[:, None], edges[:-1])
        return np.tensordot(np.maximum(inside, 0), rates, 1).astype(np.float32)


@njit(**OPTIONS)
def _add(target, row, column, stamp, half, share):
    """Add a stamp, times a share, to a map (rows, columns)."""
    middle = len(stamp) // 2
    low, high = max(row - half, 0), min(row + half + 1, target.shape[0])
    west, east = max(column - half, 0), min(column + half + 1, target.shape[1])
    for i in range(low, high):
        line = stamp[i - row + middle, west - column + middle : east - column + middle]
        out = target[i, west:east]
        for j in range(len(out)):
            out[j] += share * line[j]


@njit(**OPTIONS)
def _add_to_all(target, row, column, stamp, half, shares):
    """Add a stamp to some maps (rows, columns, maps), times a share of each."""
    middle = len(stamp) // 2
    for i in range(max(row - half, 0), min(row + half + 1, target.shape[0])):
        for j in range(max(column - half, 0), min(column + half + 1, target.shape[1])):
            part, out = stamp[i - row + middle, j - column + middle], target[i, j]
            for k in range(len(shares)):
                out[k] += part * shares[k]


@njit(**OPTIONS)
def _walk(
    first, behind, expect, stride, window, days, x, y, log_a, width, reach2, kind, halves, stamp, weight, rate, maps,
    earlier, event_days, event_x, event_y, c, p, q, made, triggered,
):  # fmt: skip
    rows, columns, terms = maps.shape
    peak = intensity_peak(log_a, width, c, p, q)
    lags = len(earlier)
    fading, lasting = np.empty(terms, np.float32), np.empty(terms, np.float32)
    shares = np.empty(terms, np.float32)
    for k in range(terms):
        fading[k] = math.exp(-rate[k] * stride)
        lasting[k] = -math.expm1(-rate[k] * window) / rate[k]
    # Strides before the first window only fill the maps.
    begin = first if first else -lags
    for number in range(begin, behind):
        start = number * stride
        if number > begin or first:
            for i in range(rows):
                for j in range(columns):
                    here = maps[i, j]
                    for k in range(terms):
                        here[k] *= fading[k]
        # The first time all that was before is added, later what the last stride brought.
        low = 0 if number == -lags else np.searchsorted(days, start - stride)
        for s in range(low, np.searchsorted(days, start)):
            row = min(max(int(np.rint(y[s])), 0), rows - 1)
            column = min(max(int(np.rint(x[s])), 0), columns - 1)
            a, age = math.exp(log_a[s]), start - days[s]
            for k in range(terms):
                shares[k] = a * weight[k] * math.exp(-rate[k] * age)
            _add_to_all(maps, row, column, stamp[kind[s]], halves[kind[s]], shares)
        if expect and number >= 0:
            out = made[number - first]
            for i in range(rows):
                for j in range(columns):
                    here, total = maps[i, j], np.float32(0)
                    for k in range(terms):
                        total += here[k] * lasting[k]
                    out[i, j] = total
            for s in range(np.searchsorted(days, start), np.searchsorted(days, start + window)):
                row = min(max(int(np.rint(y[s])), 0), rows - 1)
                column = min(max(int(np.rint(x[s])), 0), columns - 1)
                passed = 1 - math.exp((1 - p) * math.log1p((start + window - days[s]) / c))
                _add(out, row, column, stamp[kind[s]], halves[kind[s]], np.float32(math.exp(log_a[s]) * passed))
        if number >= 0:
            # Sources older than the near ones are what the maps held some strides ago, faded since.
            old = earlier[number % lags]
            near = lags * stride
            lowest = np.searchsorted(days, start - near)
            for j in range(np.searchsorted(event_days, start), np.searchsorted(event_days, start + stride)):
                row = min(max(int(np.rint(event_y[j])), 0), rows - 1)
                column = min(max(int(np.rint(event_x[j])), 0), columns - 1)
                total, age = 0.0, near + event_days[j] - start
                for k in range(terms):
                    total += old[row, column, k] * math.exp(-rate[k] * age)
                total += triggered_by(
                    lowest, days, x, y, reach2, peak, width, event_days[j], event_x[j], event_y[j], c, p, q
                )
                triggered[j] = total
        earlier[number % lags] = maps
