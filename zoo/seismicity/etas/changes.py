"""Changes of a region's background for good: more stations, another completeness, another rate.

A burst passes; here the rate before and the rate after are each steady, on the whole map or on a part of it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter

from zoo.seismicity.etas.background import pixels

SHORTEST_DAYS, SHORTEST_SHARE = 30.0, 0.1
"""Before and after a change the rate is steady for at least so long, and for this share of the catalogue."""
LEAST_GAIN = 12.0
"""Logarithm of the likelihood ratio from which a change is believed, after division by the overdispersion."""
LEAST_RATIO = 1.25
"""By this factor at least the rate rises or falls."""
_MOST = 6
_BLOCKS = (1, 2, 4)  # the map is looked at whole, in quarters and in sixteenths
_CANDIDATES = 200
_BINS = 24
_RATIO_SD_PX, _PRIOR_EVENTS = 3.0, 3.0
_SMALL = 0.5  # magnitudes above the completeness: what a busier network adds lies below


@dataclass(frozen=True)
class Change:
    """A change of the background for good."""

    day: float
    """when, in days of the catalogue"""
    place: str
    """where on the map: "the whole map", "the north-east quarter" ..."""
    before_per_day: float
    """background events a day there before"""
    after_per_day: float
    """and after"""
    small_only: bool | None
    """whether only small events became more or fewer, as with another network; None where magnitudes do not tell"""

    def in_words(self, when: str) -> str:
        """Return a sentence on it.

        Args:
            when: the day as text.
        """
        what = {
            True: "the larger events did not change, so the network or the completeness did",
            False: "large and small events alike, so the rate itself did",
            None: "a busier network, another completeness or another rate",
        }[self.small_only]
        return (
            f"for good from {when} on, {self.place} has {self.after_per_day / self.before_per_day:.2g} times as many "
            f"background events ({self.before_per_day:.3g} a day before, {self.after_per_day:.3g} after): {what}; it "
            "is part of the background and no burst"
        )


def lasting_changes(days, x_px, y_px, weight, above, shape: tuple[int, int], begin: float, end: float) -> list[Change]:
    """Return the changes of the background for good, in order of time.

    Args:
        days, x_px, y_px: the events (n,), sorted by time.
        weight: (n,) probability that each is no aftershock.
        above: (n,) magnitudes above the completeness; all 0 where unknown.
        shape: rows and columns of the region.
        begin, end: from when to when, in days.
    """
    shortest = max(SHORTEST_DAYS, SHORTEST_SHARE * (end - begin))
    places = _places(*pixels(x_px, y_px, shape), shape)
    found: list[Change] = []

    def search(low: float, high: float) -> None:
        if high - low < 2 * shortest or len(found) >= _MOST:
            return
        best = None
        for name, inside in places:
            change = _change(days, weight, above, inside, low, high, shortest)
            if change and (best is None or change[0] > best[0]):
                best = (*change, name)
        if best is None:
            return
        _, day, before, after, small, name = best
        found.append(Change(day, name, before, after, small))
        search(low, day)
        search(day, high)

    search(begin, end)
    return sorted(found, key=lambda change: change.day)


def _change(days, weight, above, inside, low, high, shortest):
    """Return gain, day, rates before and after, and whether only small events changed; None where nothing did."""
    own = inside & (days >= low) & (days < high)
    if weight[own].sum() < 40:
        return None
    t, w = days[own], weight[own]
    total = np.concatenate([[0.0], np.cumsum(w)])
    at = np.linspace(low + shortest, high - shortest, _CANDIDATES)
    before = total[np.searchsorted(t, at)]
    after = total[-1] - before
    share = (at - low) / (high - low)
    with np.errstate(divide="ignore", invalid="ignore"):
        gain = np.where(before > 0, before * np.log(before / (total[-1] * share)), 0)
        gain += np.where(after > 0, after * np.log(after / (total[-1] * (1 - share))), 0)
    k = int(gain.argmax())
    day = float(at[k])
    rates = before[k] / (day - low), after[k] / (high - day)
    ratio = (rates[1] + 1e-9) / (rates[0] + 1e-9)
    if max(ratio, 1 / ratio) < LEAST_RATIO:
        return None
    gain = gain[k] / _overdispersion(t, w, low, day, high)
    if gain < LEAST_GAIN or not _steady(t, w, low, day, high, *rates):
        return None
    return gain, day, *rates, _small_only(t, w, above[own], low, day, high)


def _overdispersion(t, w, low, day, high) -> float:
    """Return by how much counts vary more than by chance, before and after a change, at least 1."""
    values = []
    for begin, end in ((low, day), (day, high)):
        counts, _ = np.histogram(t, np.linspace(begin, end, _BINS // 2 + 1), weights=w)
        if counts.mean() > 0:
            values.append(counts.var(ddof=1) / counts.mean())
    return max(1.0, *values)


def _steady(t, w, low, day, high, before, after) -> bool:
    """Return whether the rate stays on its own side of the middle in at least three of four parts, before and after."""
    middle = np.sqrt(max(before, 1e-9) * max(after, 1e-9))
    for begin, end, rate in ((low, day, before), (day, high, after)):
        counts, _ = np.histogram(t, np.linspace(begin, end, 5), weights=w)
        rates = counts / ((end - begin) / 4)
        if ((rates > middle) == (rate > middle)).sum() < 3:
            return False
    return True


def _small_only(t, w, above, low, day, high) -> bool | None:
    """Return whether only small events became more or fewer; None where the magnitudes do not tell."""
    large = above >= _SMALL
    if w[large].sum() < 20 or w[~large].sum() < 20:
        return None
    expected = (high - day) / (day - low)
    logs, variances = [], []
    for own in (large, ~large):
        before, after = w[own & (t < day)].sum() + 0.5, w[own & (t >= day)].sum() + 0.5
        logs.append(np.log(after / before / expected))
        variances.append(1 / before + 1 / after)
    alike, nothing = abs(logs[0] - logs[1]) / np.sqrt(sum(variances)), abs(logs[0]) / np.sqrt(variances[0])
    if alike > 3:
        return True
    return False if nothing > 3 else None


def _places(row, column, shape):
    """Return names of the map and its parts, with the events inside each."""
    found = []
    for blocks in _BLOCKS:
        up, across = row * blocks // shape[0], column * blocks // shape[1]
        for i in range(blocks):
            for j in range(blocks):
                if blocks == 1:
                    name = "the whole map"
                elif blocks == 2:
                    name = f"the {('south', 'north')[i]}-{('west', 'east')[j]} quarter of the map"
                else:
                    name = f"a sixteenth of the map, {i + 1} of 4 from south and {j + 1} of 4 from west,"
                found.append((name, (up == i) & (across == j)))
    return found


def ratio_fields(days, x_px, y_px, weight, field: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Return by what the mean background is multiplied in each stretch of time, (stretches, rows, columns).

    Args:
        days, x_px, y_px, weight: the events (n,), as in `lasting_changes`.
        field: (rows, columns) mean background events of the whole time.
        edges: (stretches + 1,) days between which the stretches are.
    """
    row, column = pixels(x_px, y_px, field.shape)
    area = 4 * np.pi * _RATIO_SD_PX**2
    mean = area * gaussian_filter(field, _RATIO_SD_PX, mode="reflect")
    made = np.empty((len(edges) - 1, *field.shape))
    for k, (low, high) in enumerate(zip(edges[:-1], edges[1:], strict=True)):
        own = (days >= low) & (days < high)
        counts = np.zeros(field.shape)
        np.add.at(counts, (row[own], column[own]), weight[own])
        share = (high - low) / (edges[-1] - edges[0])
        made[k] = (area * gaussian_filter(counts, _RATIO_SD_PX, mode="reflect") + _PRIOR_EVENTS) / (
            share * mean + _PRIOR_EVENTS
        )
    return made
