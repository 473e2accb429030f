"""Picks of live streams, as soon as no later record can change them.

Windows lie on the same grid since 1970 as those of `annotate`, so the picks of a replayed stream are those of
`classify`. A pick is final when all windows that hold it, and the seven seconds after it, are complete: for a picker
with windows of 60 s, which begin every 30 s, it comes 37 to 67 s after its arrival (`latency_s`: the most), beside the
delay of the records themselves.

The components of a station are waited for: what is newer than the latest sample of any of them is not looked at, until
one has been silent for `SILENT_S`. Records that come later than that, and older ones than what was passed, are left
out.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from zoo.progress import say
from zoo.seismograms.picking.annotate import least_rate_hz
from zoo.seismograms.picking.instruments import instruments
from zoo.seismograms.picking.options import thresholds_of
from zoo.seismograms.picking.results import picks_of, windows_of
from zoo.seismograms.picking.segments import MAX_GAP_S, Segment, station_segments
from zoo.seismograms.picking.tables import Row, begins_ns
from zoo.seismograms.picking.windows import (
    CLASS,
    OVERLAP,
    Shape,
    answers,
    least_samples,
    model_and_shape,
    window_starts,
)
from zoo.seismograms.picking.work import margin_s

if TYPE_CHECKING:
    from obspy import Stream, Trace
    from obspy.core.event import Pick

    from zoo.seismograms.picking.results import Window

SILENT_S = 60.0
"""A component whose latest sample is so much older than the station's newest one is no longer waited for."""
AFTER_S = 7.0
"""A pick may depend on the record that follows it by less than this, beside its windows: its peak, onset, amplitude."""


def latency_s(shape: Shape) -> float:
    """Return how long after an arrival its pick comes at the most, s, beside the delay of the records."""
    return shape.samples / shape.sampling_rate_hz + AFTER_S


def annotate_live(
    traces: Iterable[Trace],
    model: Any = "phase_picker",
    thresholds: Mapping[str, float] | float | str | None = None,
    *,
    false_per_hour: float | None = None,
    overlap: float | None = None,
    max_gap_s: float = MAX_GAP_S,
) -> Iterator[Pick] | Iterator[Window]:
    """Yield picks, or labelled windows, of records as they come.

    >>> import obspy
    >>> records = (trace for trace in obspy.read())  # ObsPy's example, as if it came from a server
    >>> [pick.phase_hint for pick in annotate_live(records, "phase_picker")]
    ['P', 'S']

    Args:
        traces: records of any stations, those of a channel in order of time; when they end, the rest is annotated.
        model, thresholds, false_per_hour, overlap, max_gap_s: as in `classify`.

    Yields:
        As `classify` returns, by station in order of time, each once.

    Raises:
        ZooError: if the model does not annotate waveforms.
        UsageError: if a threshold is not a probability, or is for a phase that is not picked.
    """
    live = Live(model, thresholds, false_per_hour, overlap=overlap, max_gap_s=max_gap_s)
    pick = live.shape.answers != CLASS
    for trace in traces:
        for row in live.take(trace):
            yield row.as_pick(live.shape.method) if pick else row
    for row in live.end():
        yield row.as_pick(live.shape.method) if pick else row


class Live:
    """Streams of stations as they come, and the model that annotates them.

    Args:
        model, thresholds, false_per_hour, overlap, max_gap_s: as in `annotate_live`.
    """

    def __init__(
        self,
        model: Any,
        thresholds: Any = None,
        false_per_hour: float | None = None,
        *,
        overlap=None,
        max_gap_s: float = MAX_GAP_S,
    ):
        self.model, self.shape = model_and_shape(model)
        self.thresholds = thresholds_of(thresholds, self.shape, false_per_hour)
        self.overlap, self.max_gap_s = overlap, max_gap_s
        self._stations: dict[str, _Station] = {}
        self._said: set[str] = set()

    def take(self, trace: Trace) -> Iterator[Row]:
        """Add a record; yield what is final now. What is not taken from the iterator is yielded again later."""
        code = f"{trace.stats.network}.{trace.stats.station}"
        window_s = self.shape.samples / self.shape.sampling_rate_hz
        if code not in self._stations:
            self._stations[code] = _Station(margin_s(self.shape), window_s, window_s * (1 - self._overlap))
        station = self._stations[code]
        station.add(trace)
        if due := station.due():
            yield from self._rows(station, *due)

    def end(self) -> Iterator[Row]:
        """Yield the rest, when no more records come."""
        for code in sorted(self._stations):
            if self._stations[code].stream:
                yield from self._rows(self._stations[code], None, None)

    def _rows(self, station: _Station, until_ns: int | None, newest_ns: int | None) -> Iterator[Row]:
        """Yield the station's results between those given before and the time until which they are final.

        Args:
            station: whose records are looked at.
            until_ns: that time, if no segment goes on that tells it; None: the record has ended.
            newest_ns: what is newer than this is not looked at yet.
        """
        chosen, notes = instruments(station.until(newest_ns), None, least_rate_hz(self.model))
        parts: list[Segment] = []
        final_ns = []
        for instrument in chosen:
            found, said = station_segments(instrument, self.max_gap_s)
            notes += said
            parts += found
            for segment in found if newest_ns is not None else ():
                if self._is_open(segment, newest_ns):
                    segment.goes_on = True
                    final_ns.append(self._final_ns(segment))
        until_ns = min(final_ns, default=until_ns)
        self._say(notes)
        rows: list[Row] = []
        for answer in answers(parts, self.model, self.shape, overlap=self.overlap):
            rows += windows_of(answer) if self.shape.answers == CLASS else picks_of(answer, self.thresholds)
        kept = [row for row in rows if station.given_ns <= begins_ns(row) < (until_ns or math.inf)]
        yield from sorted(kept, key=begins_ns)
        if until_ns is not None:
            station.give(until_ns)

    def _is_open(self, segment: Segment, newest_ns: int) -> bool:
        """Return whether a segment may go on with the next record."""
        return segment.end_ns >= newest_ns - 1e9 * (self.max_gap_s + 1 / segment.rate_hz)

    def _final_ns(self, segment: Segment) -> int:
        """Return until when the results of a segment that goes on are final: just before its next window."""
        rate_hz, samples = self.shape.sampling_rate_hz, self.shape.samples
        length, number = segment.length(rate_hz), segment.first(rate_hz)
        starts, _, hop = window_starts(length, samples, self._overlap, least_samples(self.shape), number, goes_on=True)
        if not len(starts):
            return segment.start_ns
        last = length - samples
        following = last + 1 + -(number + last + 1) % hop
        return segment.time(following, rate_hz).ns - round(1e9 * AFTER_S)

    @property
    def _overlap(self) -> float:
        return OVERLAP[self.shape.answers] if self.overlap is None else self.overlap

    def _say(self, notes: list[str]) -> None:
        """Print notes of a kind that was not printed yet."""
        for note in notes:
            kind = "".join(letter for letter in note if not letter.isdigit())
            if kind not in self._said:
                self._said.add(kind)
                say(f"zoo: {note}")


class _Station:
    """The latest records of a station.

    Attributes:
        stream: the records that are still needed.
        given_ns: results before this time were given.
    """

    def __init__(self, margin_s: float, window_s: float, hop_s: float):
        from obspy import Stream

        self.stream, self.given_ns = Stream(), 0
        self._margin_ns, self._window_ns, self._hop_ns = (round(1e9 * s) for s in (margin_s, window_s, hop_s))
        self._latest_ns: dict[str, int] = {}  # by channel, the time after its last sample
        self._passed = 0  # the number of the last window that was complete

    def add(self, trace: Trace) -> None:
        """Add a record."""
        from obspy import Stream

        if not trace.stats.npts:
            return
        ends_ns = trace.stats.endtime.ns + round(1e9 / trace.stats.sampling_rate)
        if ends_ns < self.given_ns - self._margin_ns:
            say(f"zoo: {trace.id}: a record of {trace.stats.starttime} came too late and is left out")
            return
        self._latest_ns[trace.id] = max(ends_ns, self._latest_ns.get(trace.id, 0))
        self.stream += Stream([trace])

    def due(self) -> tuple[int, int] | None:
        """Return until when results may be final, and the latest time that all components have, if that is news."""
        newest_ns = max(self._latest_ns.values(), default=0)
        latest_ns = min((ns for ns in self._latest_ns.values() if ns > newest_ns - 1e9 * SILENT_S), default=0)
        number = (latest_ns - self._window_ns) // self._hop_ns
        if number <= self._passed:
            return None
        self._passed = number
        return number * self._hop_ns, latest_ns

    def until(self, newest_ns: int | None) -> Stream:
        """Return the records up to a time (None: all)."""
        from obspy import Stream, UTCDateTime

        if newest_ns is None:
            return Stream(list(self.stream))
        found = Stream()
        for trace in self.stream:
            if trace.stats.endtime.ns > newest_ns:
                trace = trace.slice(endtime=UTCDateTime(ns=newest_ns))
            if trace.stats.npts and trace.stats.starttime.ns <= newest_ns:
                found.append(trace)
        return found

    def give(self, until_ns: int) -> None:
        """Take note that results up to a time are given; drop what is no longer needed."""
        from obspy import Stream, UTCDateTime

        self.given_ns = max(self.given_ns, until_ns)
        begin = UTCDateTime(ns=self.given_ns - self._margin_ns)
        kept = Stream()
        for trace in self.stream:
            if trace.stats.endtime >= begin:
                kept.append(trace.slice(begin).copy() if trace.stats.starttime < begin else trace)
        self.stream = kept
