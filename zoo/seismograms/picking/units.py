"""Units of work: an archive is annotated station by station and piece by piece.

Pieces begin at multiples of their length since 1970 and divide the day, so that the same instrument is used in all
pieces of a station's day: the one that `zoo.seismograms.picking.segments` chooses by the headers of that day. A unit
names the files that overlap its piece and the margins on both sides, and reads no other.
"""

from __future__ import annotations

import hashlib
import os
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from zoo.seismograms.picking.instruments import LEAST_RATE_HZ, Instrument, instruments

DAY_NS = 86_400_000_000_000
PIECE_HOURS = (0.25, 0.5, 1, 2, 3, 4, 6, 8, 12, 24)
"""Lengths of a piece: they divide the day."""


class Held(NamedTuple):
    """What a file, or a service, holds of one channel."""

    id: str
    """NET.STA.LOC.CHA."""
    rate_hz: float
    begins_ns: int
    ends_ns: int
    """Time after the last sample, ns since 1970."""
    samples: int

    @property
    def station(self) -> str:
        """`NET.STA`."""
        return ".".join(self.id.split(".")[:2])


class File(NamedTuple):
    """A file of the index, and why it could not be read."""

    path: str
    size: int
    changed_ns: int
    held: tuple[Held, ...]
    problem: str = ""


class Selection(NamedTuple):
    """What is asked for: stations (None: all) and a span (ns since 1970, half-open; None: open)."""

    stations: frozenset[str] | None = None
    start_ns: int | None = None
    end_ns: int | None = None

    def wants(self, station: str, begins_ns: int, ends_ns: int, around_ns: int = 0) -> bool:
        """Return whether something of a station and span is asked for."""
        return (
            (self.stations is None or station in self.stations)
            and (self.end_ns is None or begins_ns < self.end_ns + around_ns)
            and (self.start_ns is None or ends_ns > self.start_ns - around_ns)
        )


class Unit(NamedTuple):
    """One station in one piece of time."""

    station: str
    """`NET.STA`."""
    piece_ns: int
    """When the piece begins, ns since 1970."""
    begins_ns: int
    """Results from here on belong to the unit: the piece's begin, or that of the span which is asked for."""
    ends_ns: int
    """The first time that no longer belongs to it."""
    paths: tuple[str, ...]
    """Files to read; empty where a client is asked."""
    channels: tuple[tuple[str, float], ...]
    """Codes and sampling rates (Hz) of what is used, in the order of choice; empty: whatever there is."""
    input: str
    """Digest of the files' names, sizes and times of change, and of the span."""

    @property
    def day(self) -> str:
        """The day (UTC) it lies in, like `2020-01-31`."""
        return day_of(self.piece_ns)

    @property
    def name(self) -> str:
        """Names the unit within its day, like `XX.AAA.T0600`."""
        minutes = self.piece_ns % DAY_NS // 60_000_000_000
        return f"{self.station}.T{minutes // 60:02d}{minutes % 60:02d}"

    @property
    def seconds(self) -> float:
        """Its length."""
        return (self.ends_ns - self.begins_ns) / 1e9

    def choose(self, stream: Any, components: Any, least_rate_hz: float) -> tuple[list[Instrument], list[str]]:
        """Return the station's instruments in the order that was chosen for the day, whatever this piece holds."""
        chosen, _ = instruments(stream, components, least_rate_hz)  # what it notes was said of the day
        place = {channel: number for number, channel in enumerate(self.channels)}
        for number, best in enumerate(chosen):

            def rank(instrument: Instrument) -> float:
                stats = instrument.parts["Z"][0].stats
                return place.get((instrument.parts["Z"][0].id, stats.sampling_rate), len(place))

            first, *others = sorted([best, *best.others], key=rank)
            first.others = others
            chosen[number] = first
        return chosen, []

    def in_shard(self, number: int, shards: int) -> bool:
        """Return whether it belongs to shard `number` (from 1) of so many: whole days of a station stay together."""
        key = hashlib.sha256(f"{self.station} {self.day}".encode()).digest()
        return int.from_bytes(key[:8]) % shards == number - 1


def day_of(time_ns: int) -> str:
    """Return the day (UTC) of a time, like `2020-01-31`."""
    from obspy import UTCDateTime

    return UTCDateTime(ns=time_ns).strftime("%Y-%m-%d")


def units(
    stretches: Iterable[tuple[Held, File | None]],
    selection: Selection,
    piece_hours: float,
    margin_ns: int,
    components: Mapping[str, str] | None = None,
    least_rate_hz: float = LEAST_RATE_HZ,
) -> tuple[list[Unit], list[str]]:
    """Return the units of an archive, by day, station and time, and notes on the instruments that were chosen.

    Args:
        stretches: what each file holds of each channel; without a file, what a client has.
        selection: what is asked for.
        piece_hours: length of a piece, one of `PIECE_HOURS`.
        margin_ns: read on both sides of a piece.
        components, least_rate_hz: as in `zoo.seismograms.picking.instruments.instruments`.
    """
    piece_ns = round(piece_hours * 3_600_000_000_000)
    days: dict[tuple[int, str], list[tuple[Held, File | None]]] = defaultdict(list)
    for held, file in stretches:
        if selection.wants(held.station, held.begins_ns, held.ends_ns, margin_ns):
            first, last = (held.begins_ns - margin_ns) // DAY_NS, (held.ends_ns + margin_ns - 1) // DAY_NS
            for day in range(first, last + 1):
                days[day, held.station].append((held, file))
    made: list[Unit] = []
    notes: dict[str, None] = {}
    for day, station in sorted(days):
        near_day = days[day, station]
        channels, said = _instrument([held for held, _ in near_day], day * DAY_NS, components, least_rate_hz)
        notes |= dict.fromkeys(said)
        used = [(held, file) for held, file in near_day if not held.rate_hz or (held.id, held.rate_hz) in set(channels)]
        for piece in range(day * DAY_NS, (day + 1) * DAY_NS, piece_ns):
            begins, ends = piece, piece + piece_ns
            if selection.start_ns is not None:
                begins = max(begins, selection.start_ns)
            if selection.end_ns is not None:
                ends = min(ends, selection.end_ns)
            if begins >= ends or not any(h.begins_ns < ends and h.ends_ns > begins for h, _ in used):
                continue
            near = [f for h, f in used if h.begins_ns < ends + margin_ns and h.ends_ns > begins - margin_ns and f]
            files = sorted({file.path: file for file in near}.values())
            seen = [(os.path.basename(f.path), f.size, f.changed_ns) for f in files]
            digest = hashlib.sha256(repr((seen, begins, ends, channels)).encode()).hexdigest()[:16]
            made.append(Unit(station, piece, begins, ends, tuple(f.path for f in files), channels, digest))
    return made, list(notes)


def _instrument(
    held: Sequence[Held], day_ns: int, components: Mapping[str, str] | None, least_rate_hz: float
) -> tuple[tuple[tuple[str, float], ...], list[str]]:
    """Return the channels that are used of a station on a day, chosen by the headers alone, and notes."""
    from obspy import Stream, Trace, UTCDateTime

    headers = Stream()
    for code, rate_hz, begins_ns, ends_ns, samples in held:
        inside_ns = min(ends_ns, day_ns + DAY_NS) - max(begins_ns, day_ns)
        share = inside_ns / max(1, ends_ns - begins_ns)
        if inside_ns > 0 and samples and rate_hz:
            codes = dict(zip(("network", "station", "location", "channel"), code.split("."), strict=True))
            start = UTCDateTime(ns=max(begins_ns, day_ns))
            header = {"sampling_rate": rate_hz, "starttime": start, "npts": max(1, round(samples * share))}
            headers.append(Trace(header={**codes, **header}))
    chosen, notes = instruments(headers, components, least_rate_hz)
    used = dict.fromkeys(
        (trace.id, trace.stats.sampling_rate)
        for best in chosen
        for instrument in (best, *best.others)
        for traces in instrument.parts.values()
        for trace in traces
    )
    return tuple(used), notes


def by_day(found: Iterable[Unit]) -> Mapping[str, list[Unit]]:
    """Return units by their day, in order."""
    days: dict[str, list[Unit]] = defaultdict(list)
    for unit in found:
        days[unit.day].append(unit)
    return days
