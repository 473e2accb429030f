"""From scores to intervals, runs of windows above the threshold, and to the sequences of anomalous pixels in them."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Sequence as Listed
from dataclasses import dataclass, replace

import numpy as np

from zoo.seismicity.catalogues import Catalogue
from zoo.seismicity.grid import PixelGrid
from zoo.seismicity.physics.maps import MAP_PIXELS
from zoo.seismicity.places import FEWEST_EVENTS, Sequence, connected, densest, most_improbable, surges
from zoo.seismicity.scan import BASELINES, significant_pixels
from zoo.seismicity.windows import TileMaps, Windows


def on_map(first_row: int, first_column: int, row: np.ndarray, column: np.ndarray) -> np.ndarray:
    """Return which pixels of the region's grid (n,) are on the map that begins at a row and a column."""
    inside = (row >= first_row) & (row < first_row + MAP_PIXELS)
    return inside & (column >= first_column) & (column < first_column + MAP_PIXELS)


@dataclass(frozen=True)
class Tile:
    """One map of the region, with the scores of its windows."""

    row: int
    """first row, in the region's grid"""
    column: int
    """first column"""
    maps: TileMaps
    scores: dict[str, np.ndarray]
    """name of the score, "network" (log-odds) or a baseline -> (windows,)"""
    thresholds: dict[str, float]
    """name of the score -> the value above which a window is an alarm"""

    @property
    def probability(self) -> np.ndarray:
        """Probability (windows,) that the map is anomalous, by the network."""
        return 1 / (1 + np.exp(-np.clip(self.scores["network"], -500, 500)))

    def above(self, name: str = "network") -> np.ndarray:
        """Return which windows (windows,) are above a score's threshold."""
        return self.scores[name] > self.thresholds[name]

    def inside(self, row: np.ndarray, column: np.ndarray) -> np.ndarray:
        """Return which pixels of the region's grid (n,) are on this map."""
        return on_map(self.row, self.column, row, column)


@dataclass(frozen=True)
class Interval:
    """A run of windows of one map above the network's threshold."""

    number: int
    """number of the interval, from 1 in order of time"""
    tile: int
    """which map, from 0"""
    first: int
    """first window, from 0"""
    last: int
    """last window"""
    start: np.datetime64
    """start of the first window"""
    end: np.datetime64
    """end of the last window"""
    peak: np.datetime64
    """start of the window with the highest score"""
    probability: float
    """probability of an anomaly in that window"""
    score: float
    """log-odds of that probability"""
    threshold: float
    """log-odds above which the windows are"""
    also: tuple[str, ...]
    """names of the baselines that flag a window of it on the same map"""


def periods_of(tiles: Listed[Tile], windows: Windows, name: str) -> list[tuple[np.datetime64, np.datetime64]]:
    """Return the periods (start, end) in which a score is above its threshold on any map."""
    above = np.any([tile.above(name) for tile in tiles], axis=0)
    return [(windows.start[first], windows.end[last]) for first, last in windows.runs(above)]


def intervals_of(windows: Windows, tiles: Listed[Tile]) -> list[Interval]:
    """Return the network's intervals in order of time."""
    found = []
    for number, tile in enumerate(tiles):
        runs = {name: windows.runs(tile.above(name)) for name in BASELINES}
        for first, last in windows.runs(tile.above()):
            peak = first + int(tile.scores["network"][first : last + 1].argmax())
            start, end = windows.start[first], windows.end[last]
            also = tuple(
                name
                for name, others in runs.items()
                if any(windows.start[f] < end and windows.end[b] > start for f, b in others)
            )
            found.append(
                Interval(
                    number=0,
                    tile=number,
                    first=first,
                    last=last,
                    start=start,
                    end=end,
                    peak=windows.start[peak],
                    probability=float(tile.probability[peak]),
                    score=float(tile.scores["network"][peak]),
                    threshold=tile.thresholds["network"],
                    also=also,
                )
            )
    found.sort(key=lambda interval: (interval.start, interval.end))
    return [replace(interval, number=number) for number, interval in enumerate(found, 1)]


def sequences_of(
    catalogue: Catalogue,
    grid: PixelGrid,
    windows: Windows,
    tiles: Listed[Tile],
    intervals: Listed[Interval],
) -> list[Sequence]:
    """Return the sequences in the intervals in order of time; one that two overlapping maps see is returned once."""
    row, column = grid.pixels(catalogue.x_km, catalogue.y_km)
    whole: list[Sequence] = []
    for interval in intervals:
        tile = tiles[interval.tile]
        own = np.flatnonzero(tile.inside(row, column))
        for sequence in _in_interval(catalogue, windows, tile, interval, own, row, column):
            for other in [s for s in whole if tiles[intervals[s.interval - 1].tile] is not tile and _same(s, sequence)]:
                whole.remove(other)
                sequence = _together(other, sequence, catalogue)
            whole.append(sequence)
    parts = [part for sequence in whole for part in _cut(sequence, catalogue, windows)]
    parts.sort(key=lambda s: (s.start, s.end))
    return [replace(sequence, number=number) for number, sequence in enumerate(parts, 1)]


def _in_interval(
    catalogue: Catalogue, windows: Windows, tile: Tile, interval: Interval, own: np.ndarray, row, column
) -> list[Sequence]:
    """Return the sequences of an interval; if no pixel stands out, the place where one comes nearest to it.

    Args:
        catalogue: the events.
        windows: times of the maps.
        tile: the map of the interval.
        interval: the interval.
        own: indices of the map's events.
        row, column: pixel of every event of the catalogue.
    """
    first, behind = interval.first, interval.last + 1
    counts, expected = tile.maps.counts(first, behind), tile.maps.expected(first, behind)
    found = [significant_pixels(c, e) for c, e in zip(counts, expected, strict=True)]
    chance = np.stack([c for _, c in found])
    labels, number = connected(np.stack([pixels for pixels, _ in found]))

    def sequence(inside: np.ndarray, significant: bool) -> Sequence | None:
        """Return the sequence of some pixels (windows, 64, 64), None where it has too few events."""
        low, high = np.flatnonzero(inside.any(axis=(1, 2)))[[0, -1]]
        place = inside.any(axis=0)
        start, end = windows.start[first + low], windows.end[first + high]
        near = own[np.searchsorted(catalogue.time[own], start) : np.searchsorted(catalogue.time[own], end)]
        member = near[place[row[near] - tile.row, column[near] - tile.column]]
        if len(member) < (FEWEST_EVENTS if significant else 1):
            return None
        time = catalogue.time[member]
        dense = densest(time)
        rows, columns = np.nonzero(place)
        return Sequence(
            number=0,
            interval=interval.number,
            start=time[0],
            end=time[-1],
            rows=rows + tile.row,
            columns=columns + tile.column,
            expected=float(expected[low][place].sum() * ((end - start) / windows.length)),
            probability_by_chance=float(chance[inside].min()),
            member=member,
            dense_start=dense[0],
            dense_end=dense[1],
            significant=significant,
        )

    made = [s for label in range(1, number + 1) if (s := sequence(labels == label, True)) is not None]
    if not made and counts.any():
        best = int(chance.min(axis=(1, 2)).argmin())
        inside = np.zeros(chance.shape, bool)
        inside[best] = most_improbable(chance[best])
        made = [sequence(inside, False)]
    return made


def _same(one: Sequence, other: Sequence) -> bool:
    """Return whether two maps saw the same sequence: at the same time, with pixels in common."""
    if one.end < other.start or one.start > other.end:
        return False
    pixels = set(zip(one.rows.tolist(), one.columns.tolist(), strict=True))
    return not pixels.isdisjoint(zip(other.rows.tolist(), other.columns.tolist(), strict=True))


def _together(one: Sequence, other: Sequence, catalogue: Catalogue) -> Sequence:
    """Return two sequences as one; what is expected in the pixels that both have counts once, in proportion."""
    pixels = np.unique(np.concatenate([np.stack([s.rows, s.columns], axis=1) for s in (one, other)]), axis=0)
    shared = len(pixels) / (len(one.rows) + len(other.rows))
    member = np.union1d(one.member, other.member)
    dense = densest(catalogue.time[member])
    return replace(
        one,
        start=catalogue.time[member[0]],
        end=catalogue.time[member[-1]],
        rows=pixels[:, 0],
        columns=pixels[:, 1],
        expected=shared * (one.expected + other.expected),
        probability_by_chance=min(one.probability_by_chance, other.probability_by_chance),
        member=member,
        dense_start=dense[0],
        dense_end=dense[1],
        significant=one.significant or other.significant,
    )


def _cut(sequence: Sequence, catalogue: Catalogue, windows: Windows) -> Iterator[Sequence]:
    """Yield the parts of a sequence: a new one begins where its rate surges."""
    time = catalogue.time[sequence.member]
    stride = np.timedelta64(windows.length.astype(int) // windows.per_window, "ms")
    at = [0, *(int(np.searchsorted(time, surge)) for surge in surges(time, stride)), len(time)]
    at = [number for number in at if number == len(time) or not 0 < number < FEWEST_EVENTS]
    length = max(sequence.end - sequence.start, np.timedelta64(1, "ms"))
    for low, high in zip(at[:-1], at[1:], strict=True):
        end = time[high] if high < len(time) else sequence.end
        dense = densest(time[low:high])
        yield replace(
            sequence,
            start=time[low],
            end=end,
            expected=sequence.expected * float((end - time[low]) / length),
            member=sequence.member[low:high],
            dense_start=dense[0],
            dense_end=dense[1],
        )
