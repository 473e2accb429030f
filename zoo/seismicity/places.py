"""Where is it? Pixels with significantly more events than expected, sequences of them in time, subregions."""

from __future__ import annotations

import string
from collections.abc import Sequence as Listed
from dataclasses import dataclass, field

import numpy as np
from scipy import ndimage
from scipy.special import xlogy
from scipy.stats import poisson

FEWEST_EVENTS = 5
"""A sequence or a subregion with fewer is none."""
SURGE_FACTOR, SURGE_EVENTS, SURGE_CHANCE = 3.0, 10, 1e-6
"""A rate that trebles, to so many events in a stride, with less than this probability by chance, begins a sequence."""
_AROUND = np.ones((3, 3))
_DENSE = 0.8


@dataclass(frozen=True)
class Sequence:
    """Pixels with more events than expected, connected in space and time; cut where their rate surges."""

    number: int
    """from 1, in order of time"""
    interval: int
    """number of the interval that it is (the first) part of"""
    start: np.datetime64
    """its first event, or the surge"""
    end: np.datetime64
    """its last event, or the next surge"""
    rows: np.ndarray
    """(pixels,) of its place, in the region's grid"""
    columns: np.ndarray
    expected: float
    """events in the place in that time, from the region's past"""
    probability_by_chance: float
    """least of its pixels' in one window: that of so many events or more about the pixel"""
    member: np.ndarray
    """its events, as indices of the catalogue"""
    dense_start: np.datetime64
    """the shortest time that holds 80 % of its events"""
    dense_end: np.datetime64
    significant: bool = True
    """False: nothing of its interval stands out; the place is the one that comes nearest to it"""
    subregion: str = ""
    """its name; none of a place that is not significant"""

    @property
    def events(self) -> int:
        return len(self.member)


@dataclass(frozen=True)
class Subregion:
    """Connected pixels that were anomalous at some time."""

    name: str
    rows: np.ndarray
    columns: np.ndarray
    events: int
    """of its sequences"""
    sequences: tuple[int, ...]
    """numbers"""
    member: np.ndarray = field(repr=False)
    """all events that ever happened in it, as indices of the catalogue"""


def most_improbable(chance: np.ndarray) -> np.ndarray:
    """Return (rows, columns) bool: the least probable pixel and its neighbours that hold events."""
    chosen = np.zeros(chance.shape, bool)
    chosen[np.unravel_index(chance.argmin(), chance.shape)] = True
    return ndimage.binary_dilation(chosen, _AROUND) & (chance < 1)


def connected(pixels: np.ndarray) -> tuple[np.ndarray, int]:
    """Return labels (windows, rows, columns) of pixels that touch in space and time, from 1, and how many there are.

    One window in which a pixel does not stand out does not part what is before from what is after.
    """
    bridged = ndimage.binary_closing(np.pad(pixels, ((1, 1), (0, 0), (0, 0))), np.ones((3, 1, 1)))[1:-1]
    labels, found = ndimage.label(bridged | pixels, np.ones((3, 3, 3)))
    labels[~pixels] = 0
    return labels, found


def surges(time: np.ndarray, stride: np.timedelta64) -> list[np.datetime64]:
    """Return when the rate of a place surges.

    In a stride whose events are three times those of each of the four strides before it (on average, and by far more
    than chance), the surge is the event before and after which two constant rates fit best.

    Args:
        time: events of the place (n,), sorted; what is before the first is no surge.
        stride: length of a step.
    """
    found: list[np.datetime64] = []
    if len(time) < 2 * SURGE_EVENTS:
        return found
    step = ((time - time[0]) // stride).astype(int)
    counts = np.bincount(step)
    last = -4
    for number in range(1, len(counts)):
        before = counts[max(0, number - 4) : number].mean()
        large = counts[number] >= max(SURGE_EVENTS, SURGE_FACTOR * before)
        if large and number > last + 2 and poisson.sf(counts[number] - 1, max(before, 0.5)) < SURGE_CHANCE:
            begin, end = time[0] + (number - 1) * stride, time[0] + (number + 1) * stride
            inside = time[(time >= begin) & (time < end)]
            found.append(inside[_change(((inside - begin) / (end - begin)).astype(float))])
            last = number
    return found


def _change(part: np.ndarray) -> int:
    """Return at which event (of times from 0 to 1) the rate rises, by the likelihood of two constant rates."""
    before = np.arange(len(part))
    at = np.clip(part, 1e-4, 1 - 1e-4)
    fit = xlogy(before, before / at) + xlogy(len(part) - before, (len(part) - before) / (1 - at))
    rises = before / at < (len(part) - before) / (1 - at)
    return int(np.where(rises, fit, -np.inf).argmax())


def densest(time: np.ndarray) -> tuple[np.datetime64, np.datetime64]:
    """Return first and last time of the shortest stretch that holds 80 % of some events (n,), sorted."""
    held = max(1, int(np.ceil(_DENSE * len(time))))
    lengths = time[held - 1 :] - time[: len(time) - held + 1]
    first = int(lengths.argmin())
    return time[first], time[first + held - 1]


def subregions_of(
    sequences: Listed[Sequence], shape: tuple[int, int], event_rows: np.ndarray, event_columns: np.ndarray
) -> list[Subregion]:
    """Return the subregions, named A, B, ... by how many events their sequences have.

    Args:
        sequences: with their places.
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
