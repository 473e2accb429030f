"""From scores to intervals, runs of windows above the threshold, and to the sequences of anomalous pixels in them."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Sequence as Listed
from dataclasses import dataclass, replace

import numpy as np

from zoo.seismicity.catalogues import Catalogue
from zoo.seismicity.etas.scan import Excess
from zoo.seismicity.expectation import Expectation
from zoo.seismicity.grid import PixelGrid
from zoo.seismicity.kinds import kind_of, own_stretch
from zoo.seismicity.physics.maps import MAP_PIXELS
from zoo.seismicity.places import FEWEST_EVENTS, Sequence, connected, densest, surges
from zoo.seismicity.scan import SIGNIFICANCE, significant_pixels
from zoo.seismicity.scores import alarms_per_year
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
    """name of the score, "etas", "network" (log-odds) or a baseline -> (windows,)"""
    thresholds: dict[str, float]
    """name of the score -> the value above which a window is an alarm"""
    ordinary: dict[str, np.ndarray]
    """name of the score -> (stretches, windows) scores of simulated ordinary years"""
    excess: Excess
    """the scan's best circle of each window"""
    method: str = "etas"
    """name of the score whose alarms count"""

    def above(self, name: str | None = None) -> np.ndarray:
        """Return which windows (windows,) are above a score's threshold; default: that of the method."""
        name = name or self.method
        return self.scores[name] > self.thresholds[name]

    def inside(self, row: np.ndarray, column: np.ndarray) -> np.ndarray:
        """Return which pixels of the region's grid (n,) are on this map."""
        return on_map(self.row, self.column, row, column)


@dataclass(frozen=True)
class Interval:
    """A run of windows of one map above the threshold of the method."""

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
    score: float
    """that score"""
    threshold: float
    """the score above which the windows are"""
    ordinary_per_year: float
    """alarms a year with so high a score in simulated ordinary years; 0 where they had none"""
    rank: int
    """1 for the highest score of all intervals, by how far it is above its threshold"""
    also: tuple[str, ...]
    """names of the other scores that flag a window of it on the same map"""


def periods_of(tiles: Listed[Tile], windows: Windows, name: str) -> list[tuple[np.datetime64, np.datetime64]]:
    """Return the periods (start, end) in which a score is above its threshold on any map."""
    above = np.any([tile.above(name) for tile in tiles], axis=0)
    starts, ends = windows.start, windows.end
    return [(starts[first], ends[last]) for first, last in windows.runs(above)]


def intervals_of(windows: Windows, tiles: Listed[Tile]) -> list[Interval]:
    """Return the method's intervals in order of time."""
    found = []
    starts, ends = windows.start, windows.end
    for number, tile in enumerate(tiles):
        others = [name for name in tile.scores if name != tile.method]
        runs = {name: np.array(windows.runs(tile.above(name)), int).reshape(-1, 2).T for name in others}
        scores, threshold = tile.scores[tile.method], tile.thresholds[tile.method]
        for first, last in windows.runs(tile.above()):
            peak = first + int(scores[first : last + 1].argmax())
            start, end = starts[first], ends[last]
            also = tuple(name for name, (f, b) in runs.items() if ((starts[f] < end) & (ends[b] > start)).any())
            found.append(
                Interval(
                    number=0,
                    tile=number,
                    first=first,
                    last=last,
                    start=start,
                    end=end,
                    peak=starts[peak],
                    score=float(scores[peak]),
                    threshold=threshold,
                    ordinary_per_year=alarms_per_year(tile.ordinary[tile.method], float(scores[peak]), windows),
                    rank=0,
                    also=also,
                )
            )
    return numbered(found)


def numbered(intervals: Listed[Interval]) -> list[Interval]:
    """Return intervals in order of time, with their numbers and ranks."""
    found = sorted(intervals, key=lambda interval: (interval.start, interval.end))
    ranks = {id(i): rank for rank, i in enumerate(sorted(found, key=lambda i: i.threshold - i.score), 1)}
    return [replace(interval, number=n, rank=ranks[id(interval)]) for n, interval in enumerate(found, 1)]


def with_a_place(intervals: Listed[Interval], sequences: Listed[Sequence]) -> tuple[list[Interval], list[Sequence]]:
    """Return the intervals that have a significant sequence, and these sequences, numbered anew."""
    held = {s.interval for s in sequences if s.significant}
    kept = numbered([interval for interval in intervals if interval.number in held])
    renamed = {old: new for new, old in enumerate(sorted(held), 1)}
    own = [replace(s, interval=renamed[s.interval]) for s in sequences if s.significant]
    return kept, [replace(s, number=number) for number, s in enumerate(own, 1)]


def sequences_of(
    catalogue: Catalogue,
    grid: PixelGrid,
    windows: Windows,
    tiles: Listed[Tile],
    intervals: Listed[Interval],
    expectation: Expectation,
) -> list[Sequence]:
    """Return the sequences in the intervals in order of time; one that two overlapping maps see is returned once."""
    row, column = grid.pixels(catalogue.x_km, catalogue.y_km)
    whole: list[Sequence] = []
    held = {n: np.flatnonzero(tiles[n].inside(row, column)) for n in {interval.tile for interval in intervals}}
    times = {n: catalogue.time[own] for n, own in held.items()}
    for interval in intervals:
        tile, n = tiles[interval.tile], interval.tile
        for sequence in _in_interval(catalogue, windows, tile, interval, held[n], times[n], row, column):
            for other in [s for s in whole if tiles[intervals[s.interval - 1].tile] is not tile and _same(s, sequence)]:
                whole.remove(other)
                sequence = _together(other, sequence, catalogue)
            whole.append(sequence)
    parts = []
    for part in (part for sequence in whole for part in _cut(sequence, catalogue, windows)):
        background, aftershocks = expectation.between(part.start, part.end, part.rows, part.columns)
        parts.append(replace(part, expected_background=background, expected_aftershocks=aftershocks))
    parts.sort(key=lambda s: (s.start, s.end))
    ranks = np.argsort(np.argsort([-s.gain for s in parts], kind="stable"), kind="stable") + 1
    return [
        replace(s, number=number, rank=int(rank)) for number, (s, rank) in enumerate(zip(parts, ranks, strict=True), 1)
    ]


def _in_interval(
    catalogue: Catalogue,
    windows: Windows,
    tile: Tile,
    interval: Interval,
    own: np.ndarray,
    times: np.ndarray,
    row: np.ndarray,
    column: np.ndarray,
) -> list[Sequence]:
    """Return the sequences of an interval: significant pixels and circles of the scan, connected in space and time.

    A circle is significant if ordinary times have as good a one, anywhere on the map, in fewer than `SIGNIFICANCE` of
    their windows.

    Args:
        catalogue: the events.
        windows: times of the maps.
        tile: the map of the interval.
        interval: the interval.
        own, times: indices and times of the map's events.
        row, column: pixel of every event of the catalogue.
    """
    first, behind = interval.first, interval.last + 1
    counts = tile.maps.counts(first, behind)
    background, aftershocks = tile.maps.parts(first, behind)
    found = [significant_pixels(c, e) for c, e in zip(counts, background + aftershocks, strict=True)]
    chance = np.stack([c for _, c in found])
    pixels = np.stack([own_pixels for own_pixels, _ in found])
    rows, columns = np.mgrid[:MAP_PIXELS, :MAP_PIXELS]
    circle = tile.excess
    by_circle = np.exp(-circle.score[first:behind])
    high = np.quantile(tile.ordinary["etas"], 1 - SIGNIFICANCE, method="higher")
    for n in np.flatnonzero(circle.score[first:behind] > high):
        far = np.hypot(rows - circle.row[first + n], columns - circle.column[first + n])
        pixels[n] |= far <= circle.radius_px[first + n] + 1e-9
    labels, number = connected(pixels)

    def sequence(inside: np.ndarray) -> Sequence | None:
        """Return the sequence of some pixels (windows, 64, 64), None where it has too few events."""
        low, high = np.flatnonzero(inside.any(axis=(1, 2)))[[0, -1]]
        place = inside.any(axis=0)
        start, end = windows.start[first + low], windows.end[first + high]
        near = own[np.searchsorted(times, start) : np.searchsorted(times, end)]
        member = near[place[row[near] - tile.row, column[near] - tile.column]]
        foretold = float(background[low : high + 1, place].sum() / (high + 1 - low) * ((end - start) / windows.length))
        kept = own_stretch(catalogue.time[member], start, end, foretold)
        member = member[kept]
        if len(member) < FEWEST_EVENTS:
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
            probability_by_chance=float(min(chance[inside].min(), by_circle[low : high + 1].min())),
            member=member,
            dense_start=dense[0],
            dense_end=dense[1],
            kind=kind_of(catalogue, member),
        )

    made = [s for label in range(1, number + 1) if (s := sequence(labels == label)) is not None]
    return made


def _same(one: Sequence, other: Sequence) -> bool:
    """Return whether two maps saw the same sequence: at the same time, with pixels in common."""
    if one.end < other.start or one.start > other.end:
        return False
    pixels = set(zip(one.rows.tolist(), one.columns.tolist(), strict=True))
    return not pixels.isdisjoint(zip(other.rows.tolist(), other.columns.tolist(), strict=True))


def _together(one: Sequence, other: Sequence, catalogue: Catalogue) -> Sequence:
    """Return two sequences as one."""
    pixels = np.unique(np.concatenate([np.stack([s.rows, s.columns], axis=1) for s in (one, other)]), axis=0)
    member = np.union1d(one.member, other.member)
    dense = densest(catalogue.time[member])
    return replace(
        one,
        start=catalogue.time[member[0]],
        end=catalogue.time[member[-1]],
        rows=pixels[:, 0],
        columns=pixels[:, 1],
        probability_by_chance=min(one.probability_by_chance, other.probability_by_chance),
        member=member,
        dense_start=dense[0],
        dense_end=dense[1],
        kind=kind_of(catalogue, member),
        significant=one.significant or other.significant,
    )


def _cut(sequence: Sequence, catalogue: Catalogue, windows: Windows) -> Iterator[Sequence]:
    """Yield the parts of a sequence: a new one begins where its rate surges."""
    time = catalogue.time[sequence.member]
    stride = np.timedelta64(windows.length.astype(int) // windows.per_window, "ms")
    at = [0, *(int(np.searchsorted(time, surge)) for surge in surges(time, stride)), len(time)]
    at = [number for number in at if number == len(time) or not 0 < number < FEWEST_EVENTS]
    for low, high in zip(at[:-1], at[1:], strict=True):
        end = time[high] if high < len(time) else sequence.end
        dense = densest(time[low:high])
        yield replace(
            sequence,
            start=time[low],
            end=end,
            kind=kind_of(catalogue, sequence.member[low:high]),
            member=sequence.member[low:high],
            dense_start=dense[0],
            dense_end=dense[1],
        )
