"""Where is it anomalous? Significant pixels that touch in space and time as sequences, and the subregions they make.

Which pixels are significant says `zoo.seismicity.scan.significant_pixels`.
"""

from __future__ import annotations

import string
from collections.abc import Sequence as Listed
from dataclasses import dataclass, field

import numpy as np
from scipy import ndimage
from scipy.special import xlogy
from scipy.stats import poisson

FEWEST_EVENTS = 5
"""A sequence has at least this many events (ours)."""
SURGE_FACTOR, SURGE_EVENTS, SURGE_CHANCE = 3.0, 10, 1e-6
"""A rate surges where it grows by this factor, to at least this many events in a stride, and chance would do so with
less than this probability (ours)."""
_BEFORE = 4
"""Strides before a surge that it is compared with."""
_EMPTY_RATE = 0.5
"""Events in a stride that chance is granted where there were fewer: an empty past is no proof of a rate of 0."""
_AROUND = np.ones((3, 3))
"""A pixel and its eight neighbours."""
_DENSE = 0.8
"""Share of a sequence's events that its densest stretch holds."""


@dataclass(frozen=True)
class Sequence:
    """Pixels with more events than expected, connected in space and time; cut where their rate surges."""

    number: int
    """number of the sequence, from 1 in order of time"""
    interval: int
    """number of the (first) interval that it is part of"""
    start: np.datetime64
    """its first event, or the surge"""
    end: np.datetime64
    """its last event, or the next surge"""
    rows: np.ndarray
    """(pixels,) rows of its place, in the region's grid"""
    columns: np.ndarray
    """(pixels,) columns of its place"""
    probability_by_chance: float
    """that as many events happen in and around a pixel in one window; the smallest among its pixels"""
    member: np.ndarray
    """indices of its events in the catalogue"""
    dense_start: np.datetime64
    """start of the shortest stretch of time that holds 80 % of its events"""
    dense_end: np.datetime64
    """end of that stretch"""
    expected_background: float = 0.0
    """background events that are expected in the place in that time"""
    expected_aftershocks: float = 0.0
    """aftershocks that are expected there then, of earlier events and of the sequence's own"""
    kind: str = ""
    """mainshock-aftershock, swarm or migration (`zoo.seismicity.kinds.kind_of`)"""
    rank: int = 0
    """1 for the sequence that is least explained (`gain`)"""
    significant: bool = True
    """False: neither a pixel of its interval nor a circle of the scan stands out"""
    subregion: str = ""
    """name of its subregion; "" where the sequence is not significant"""

    @property
    def events(self) -> int:
        """How many events it has."""
        return len(self.member)

    @property
    def expected(self) -> float:
        """Events that background and aftershocks explain."""
        return self.expected_background + self.expected_aftershocks

    @property
    def p_value(self) -> float:
        """Probability of so many events or more where so many are expected (Poisson)."""
        return float(poisson.sf(self.events - 1, max(self.expected, 1e-9)))

    @property
    def gain(self) -> float:
        """Logarithm of the likelihood ratio of its number of events to what is expected."""
        return float(max(0.0, xlogy(self.events, self.events / max(self.expected, 1e-9)) - self.events + self.expected))


@dataclass(frozen=True)
class Subregion:
    """Connected pixels that were anomalous at some time."""

    name: str
    """A, B, ..."""
    rows: np.ndarray
    """(pixels,) rows in the region's grid"""
    columns: np.ndarray
    """(pixels,) columns"""
    events: int
    """how many events its sequences have"""
    sequences: tuple[int, ...]
    """their numbers"""
    member: np.ndarray = field(repr=False)
    """indices in the catalogue of all events that ever happened in it"""


def connected(pixels: np.ndarray) -> tuple[np.ndarray, int]:
    """Return labels of pixels that touch in space and time, (windows, rows, columns) from 1, and how many there are.

    A single window in which a pixel does not stand out does not part what comes before from what comes after.

    Args:
        pixels: (windows, rows, columns) bool, the significant ones.
    """
    bridged = ndimage.binary_closing(np.pad(pixels, ((1, 1), (0, 0), (0, 0))), np.ones((3, 1, 1)))[1:-1]
    labels, found = ndimage.label(bridged | pixels, np.ones((3, 3, 3)))
    labels[~pixels] = 0
    return labels, found


def surges(time: np.ndarray, stride: np.timedelta64) -> list[np.datetime64]:
    """Return when the rate of a place surges.

    A stride surges if it holds three times as many events as the four strides before it hold on average, and by far
    more than chance explains. The surge itself is the event at which two constant rates, before and after, fit best.

    Args:
        time: times of the place's events (n,), sorted; the first of them is not a surge.
        stride: length of a stride.
    """
    found: list[np.datetime64] = []
    if len(time) < 2 * SURGE_EVENTS:
        return found
    step = ((time - time[0]) // stride).astype(int)
    counts = np.bincount(step)
    last = -_BEFORE
    for number in range(1, len(counts)):
        before = counts[max(0, number - _BEFORE) : number].mean()
        large = counts[number] >= max(SURGE_EVENTS, SURGE_FACTOR * before)
        # The stride after a surge, and the one after that, belong to it.
        if large and number > last + 2 and poisson.sf(counts[number] - 1, max(before, _EMPTY_RATE)) < SURGE_CHANCE:
            begin, end = time[0] + (number - 1) * stride, time[0] + (number + 1) * stride
            inside = time[(time >= begin) & (time < end)]
            found.append(inside[_change(((inside - begin) / (end - begin)).astype(float))])
            last = number
    return found


def _change(part: np.ndarray) -> int:
    """Return the index of the event at which the rate rises, by the likelihood of two constant rates.

    Args:
        part: times of events (n,), sorted, from 0 to 1.
    """
    before = np.arange(len(part))
    at = np.clip(part, 1e-4, 1 - 1e-4)  # events at the very start or end would have an infinite rate beside them
    fit = xlogy(before, before / at) + xlogy(len(part) - before, (len(part) - before) / (1 - at))
    rises = before / at < (len(part) - before) / (1 - at)
    return int(np.where(rises, fit, -np.inf).argmax())


def densest(time: np.ndarray) -> tuple[np.datetime64, np.datetime64]:
    """Return first and last time of the shortest stretch that holds 80 % of some events (n,), sorted.

    >>> time = np.array(["2020-01-01", "2020-01-08", "2020-01-09", "2020-01-10", "2020-01-11"], "datetime64[D]")
    >>> [str(at) for at in densest(time)]
    ['2020-01-08', '2020-01-11']
    """
    held = max(1, int(np.ceil(_DENSE * len(time))))
    lengths = time[held - 1 :] - time[: len(time) - held + 1]
    first = int(lengths.argmin())
    return time[first], time[first + held - 1]


def subregions_of(
    sequences: Listed[Sequence], shape: tuple[int, int], event_rows: np.ndarray, event_columns: np.ndarray
) -> list[Subregion]:
    """Return the subregions, named A, B, ... in order of how many events their sequences have.

    Args:
        sequences: those that are significant make the subregions by their places.
        shape: rows and columns of the region's grid.
        event_rows, event_columns: pixel of every event of the catalogue.
    """
    anomalous = np.zeros(shape, bool)
    sequences = [sequence for sequence in sequences if sequence.significant]
    for sequence in sequences:
        anomalous[sequence.rows, sequence.columns] = True
    labels, found = ndimage.label(anomalous, _AROUND)
    own = labels[event_rows, event_columns]
    by_label: dict[int, list[Sequence]] = {label: [] for label in range(1, found + 1)}
    for sequence in sequences:
        by_label[int(labels[sequence.rows[0], sequence.columns[0]])].append(sequence)
    made = []
    for label, inside in by_label.items():
        rows, columns = np.nonzero(labels == label)
        events = len(np.unique(np.concatenate([s.member for s in inside])))
        made.append((events, rows, columns, tuple(s.number for s in inside), np.flatnonzero(own == label)))
    made.sort(key=lambda item: -item[0])
    return [
        Subregion(_name(number), rows, columns, events, numbers, member)
        for number, (events, rows, columns, numbers, member) in enumerate(made)
    ]


def _name(number: int) -> str:
    """Return A, B, ... Z, AA, AB, ..."""
    letters = string.ascii_uppercase
    return letters[number] if number < 26 else _name(number // 26 - 1) + letters[number % 26]
