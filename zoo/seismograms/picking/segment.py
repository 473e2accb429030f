"""A stretch of one instrument's record without a gap, and its samples at any rate, at times that are those of a clock.

Samples at a model's rate lie where they would lie if the record had begun in 1970 (`Segment.grid`): a record gives the
same ones wherever it is cut. Nothing is copied until it is read, piece by piece.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

from zoo.seismograms.picking.components import COMPONENTS
from zoo.seismograms.picking.instruments import Instrument, nominal
from zoo.seismograms.signals import interpolate, polyphase_filter, ratio_of, resample

MARGIN = 12
"""Samples of the lower rate read on either side of a stretch that is resampled: more than the filter's half."""
_AFTER_GAP_NS = 100_000_000


class Track:
    """One component of a segment: its pieces on its own grid, in order, without holes."""

    def __init__(self, channel: str, rate_hz: float, start_ns: int, firsts: list[int], pieces: list[np.ndarray]):
        self.channel, self.rate_hz, self.start_ns = channel, rate_hz, start_ns
        self.firsts, self.pieces = firsts, pieces
        self.mean = 0.0

    def find_mean(self, low: int, high: int) -> None:
        """Find the offset from sample `low` to `high`, which is removed before anything becomes float32."""
        total = count = 0.0
        for first, values in zip(self.firsts, self.pieces, strict=True):
            inside = values[max(0, low - first) : max(0, high - first)]
            total, count = total + float(inside.sum(dtype=np.float64)), count + len(inside)
        self.mean = total / max(count, 1)

    def read(self, first: int, count: int) -> np.ndarray:
        """Return (count,) float32 from sample `first` on, without the offset; beyond the ends, the nearest sample."""
        out = np.empty(count, np.float32)
        begin, end = max(first, self.firsts[0]), min(first + count, self.firsts[-1] + len(self.pieces[-1]))
        if begin >= end:  # beyond an end
            out[:] = (self.pieces[0][0] if first < self.firsts[0] else self.pieces[-1][-1]) - self.mean
            return out
        for number in range(bisect_right(self.firsts, begin) - 1, len(self.firsts)):
            at, values = self.firsts[number], self.pieces[number]
            if at >= end:
                break
            a, b = max(at, begin), min(at + len(values), end)
            out[a - first : b - first] = values[a - at : b - at] - self.mean
        out[: begin - first] = out[begin - first]
        out[end - first :] = out[end - first - 1]
        return out


class Grid(NamedTuple):
    """Where the samples of a segment lie at another rate."""

    first: int
    """Number of the first sample, counted from 1970."""
    ratio: Fraction | None
    """Of the new rate to the old one; None if it is not one of small whole numbers."""
    origin: Fraction
    """Its position, in samples of the record from the first one on."""
    step: Fraction
    """From one sample to the next, in samples of the record."""
    length: int


@dataclass(eq=False)
class Segment:
    """A stretch of one instrument's record without a gap."""

    instrument: Instrument
    start_ns: int
    """Time of the first sample, in ns since 1970."""
    samples: int
    tracks: dict[str, Track]
    """By component that was recorded."""
    filled: dict[str, list[tuple[int, int]]] = field(default_factory=dict)
    """By component: begin and end (ns) of the gaps that were filled, in order."""
    goes_on: bool = False
    """Whether more of it is to come: a live record."""
    _grids: dict[float, Grid] = field(default_factory=dict)

    @property
    def channels(self) -> dict[str, str]:
        """The channel code of each component that was recorded."""
        return {component: track.channel for component, track in self.tracks.items()}

    @property
    def rate_hz(self) -> float:
        """The nominal sampling rate: the header's, or the whole number within 0.01 % of it."""
        return nominal(self.instrument.rate_hz)

    @property
    def end_ns(self) -> int:
        """Time of the sample after the last one, in ns since 1970."""
        return self.start_ns + round(self.samples * 1e9 / self.instrument.rate_hz)

    def grid(self, to_hz: float) -> Grid:
        """Return where the samples lie at the rate `to_hz`.

        Samples of the record are numbered from 1970 on. Where the rates have a ratio of small whole numbers, those at
        the new rate lie on whole multiples of it, counted in samples of the record; where not, on whole multiples of
        `1 / to_hz` since 1970.
        """
        if to_hz in self._grids:
            return self._grids[to_hz]
        ratio = ratio_of(self.rate_hz, float(to_hz))
        rate = Fraction(self.instrument.rate_hz).limit_denominator(10**6)
        if ratio is None:
            start, wanted = Fraction(self.start_ns, 10**9), Fraction(to_hz).limit_denominator(10**6)
            first = math.ceil(start * wanted)
            origin, step = (first / wanted - start) * rate, rate / wanted
        else:
            # Records rarely begin 0.62 of a sample after a whole one: rounding times to a nanosecond changes no number.
            number = math.floor(Fraction(self.start_ns, 10**9) * rate + Fraction(38, 100))
            first = math.ceil(number * ratio)
            origin, step = first / ratio - number, 1 / ratio
        length = math.floor((self.samples - 1 - origin) / step) + 1
        self._grids[to_hz] = Grid(first, ratio, origin, step, max(0, length))
        return self._grids[to_hz]

    def first(self, to_hz: float) -> int:
        """Return the number of the first sample at the rate `to_hz`, counted from 1970."""
        return self.grid(to_hz).first

    def length(self, to_hz: float) -> int:
        """Return how many samples at the rate `to_hz` lie within the segment."""
        return self.grid(to_hz).length

    def true_rate_hz(self, to_hz: float) -> float:
        """Return the true rate (Hz) of samples resampled to `to_hz`, by the clock of the header."""
        return self.instrument.rate_hz / float(self.grid(to_hz).step)

    def position(self, sample: float, to_hz: float) -> float:
        """Return where a sample at the rate `to_hz` lies, in samples of the record."""
        grid = self.grid(to_hz)
        return float(grid.origin) + float(sample) * float(grid.step)

    def time_ns(self, sample: float, to_hz: float) -> int:
        """Return the time of a sample at the rate `to_hz`, in ns since 1970."""
        return self.start_ns + round(1e9 * self.position(sample, to_hz) / self.instrument.rate_hz)

    def time(self, sample: float, to_hz: float) -> Any:
        """Return the `UTCDateTime` of a sample at the rate `to_hz`."""
        from obspy import UTCDateTime

        return UTCDateTime(ns=self.time_ns(sample, to_hz))

    def is_filled(self, component: str, time_ns: int) -> bool:
        """Return whether a component was not recorded at a time, or within 0.1 s before it: noise sets in there."""
        gaps = self.filled.get(component, [])
        number = bisect_right(gaps, (time_ns, math.inf)) - 1
        return number >= 0 and time_ns <= gaps[number][1] + _AFTER_GAP_NS

    def read(self, first: int, count: int) -> np.ndarray:
        """Return (count, 3) float32 from sample `first` on, without offsets; beyond the ends, the nearest sample.

        Components that have another rate than the vertical are left at 0.
        """
        return self._turned(self._columns(first, count))

    def resampled(self, first: int, count: int, to_hz: float) -> np.ndarray:
        """Return (count, 3) float32 at another rate.

        Sample 0 is the first one of the segment at this rate (`grid`), whatever piece it is read in.
        """
        grid = self.grid(to_hz)
        if grid.ratio == 1:
            out = self._columns(first, count)
        elif grid.ratio is None:
            begin = grid.origin + first * grid.step
            margin = math.ceil(MARGIN * max(1, grid.step))
            at = math.floor(begin) - margin
            piece = self._columns(at, math.ceil(count * grid.step) + 2 * margin)
            out = interpolate(piece, float(begin - at), float(grid.step), count)
        else:
            up, down, taps = polyphase_filter(self.rate_hz, to_hz)
            more = (grid.first + first) % up  # so that the piece begins on a sample of the record
            begin = int(grid.origin + (first - more) * grid.step)
            wanted = count + more
            margin = len(taps) // 2 // up + 2
            piece = self._columns(begin - margin, -(-wanted * down // up) + 2 * margin)
            starts = np.array([margin])
            out = resample(piece[np.newaxis], self.rate_hz, to_hz, starts=starts, samples=wanted)[0, more:]
        for column, component in enumerate(COMPONENTS):
            track = self.tracks.get(component)
            if track is not None and track.rate_hz != self.instrument.rate_hz:
                out[:, column] = self._other(track, first, count, to_hz)
        return self._turned(out)

    def _other(self, track: Track, first: int, count: int, to_hz: float) -> np.ndarray:
        """Return (count,) float32 of a component that has another rate than the vertical."""
        step = track.rate_hz / self.true_rate_hz(to_hz)
        begin = (self.time_ns(first, to_hz) - track.start_ns) * track.rate_hz / 1e9
        margin = math.ceil(MARGIN * max(1, step))
        at = math.floor(begin) - margin
        piece = track.read(at, math.ceil(count * step) + 2 * margin)
        return interpolate(piece[:, np.newaxis], begin - at, step, count)[:, 0]

    def _columns(self, first: int, count: int) -> np.ndarray:
        """Return (count, 3) float32 of the components that have the vertical's rate, as they were recorded."""
        out = np.zeros((count, len(COMPONENTS)), np.float32)
        for column, component in enumerate(COMPONENTS):
            track = self.tracks.get(component)
            if track is not None and track.rate_hz == self.instrument.rate_hz:
                out[:, column] = track.read(first, count)
        return out

    def _turned(self, columns: np.ndarray) -> np.ndarray:
        matrix = self.instrument.matrix
        if matrix is None or (matrix[1, 2] and len(self.tracks) < len(COMPONENTS)):  # R without T stays as it is
            return columns
        return columns @ matrix.T.astype(np.float32)
