"""Was this event an explosion or an earthquake? From the seismograms of its stations, as ObsPy reads them.

    answer = classify_event(stream, origin_time)      # or without: then P and S picks say when it began
    print(answer.label, answer.probability, answer.stations)
    print(classify_files(["event/*.mseed"], out="classified").report())

Of each station the vertical of one instrument is used (`zoo.seismograms.picking.segments`). A station counts if the
amplitude of P is twice the noise in one band at least; the notes say why others do not.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from zoo import registry
from zoo.errors import UsageError, ZooError
from zoo.files import write_csv, write_json
from zoo.seismograms.events.measures import AFTER_S, BEFORE_S, RATE_HZ, VP_OVER_VS, measure
from zoo.seismograms.events.origin import origin_by_picks
from zoo.seismograms.events.records import picker_of
from zoo.seismograms.picking.files import find, read_headers, stream_of
from zoo.seismograms.picking.results import Window, write_windows
from zoo.seismograms.picking.segments import instruments, segments

if TYPE_CHECKING:
    from obspy import Stream, UTCDateTime

ANSWERS = "seismograms.event_class"
"""What a model of events answers."""
_LONGEST_S = 600.0  # of a record whose event is sought: a longer one may hold several
_MANY = 10**6


@dataclass
class EventAnswer:
    """What a model says about one event.

    Attributes:
        origin_time: when it began.
        origin_from: "given", or "picks" if P and S picks gave it.
        label: "explosion", "earthquake" or "undecided".
        probability: of an explosion, if explosions and earthquakes are as likely before.
        log_odds: of an explosion against an earthquake.
        error: standard error of the log odds, by how much they hang on single events of the training; NaN: unknown.
        windows: a row for the event (network and station `*`), then one for each station that counts.
        notes: what was chosen, left out and why.
    """

    origin_time: UTCDateTime
    origin_from: str
    label: str
    probability: float
    log_odds: float
    error: float
    windows: list[Window] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def stations(self) -> list[str]:
        """The stations that count, `NET.STA`."""
        return [f"{w.network}.{w.station}" for w in self.windows[1:]]

    def summary(self) -> dict[str, Any]:
        """Return what `summary.json` holds of it."""
        return {
            "origin_time": str(self.origin_time),
            "origin_from": self.origin_from,
            "label": self.label,
            "probability_explosion": round(self.probability, 4),
            "log_odds": round(self.log_odds, 4),
            "log_odds_error": None if np.isnan(self.error) else round(self.error, 4),
            "stations": self.stations,
            "notes": self.notes,
        }

    def report(self) -> str:
        """Return a line on it."""
        stations = f"{len(self.stations)} station{'s' * (len(self.stations) != 1)}"
        odds = f"log odds {self.log_odds:+.2f}" + ("" if np.isnan(self.error) else f" ± {self.error:.2f}")
        origin = (
            f"{self.origin_time.strftime('%Y-%m-%dT%H:%M:%S')}{'' if self.origin_from == 'given' else ' (by picks)'}"
        )
        return f"{origin}  {self.label:<10}  P(explosion) {self.probability:.2f}  {odds}  {stations}"


@dataclass
class Classified:
    """What `classify_files` found: `events` in order of time, and notes on files and events that were passed over."""

    method: str
    folder: Path
    events: list[EventAnswer] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def summary(self) -> dict[str, Any]:
        """Return what `summary.json` holds."""
        return {"model": self.method, "events": [event.summary() for event in self.events], "notes": self.notes}

    def report(self) -> str:
        """Return a text, a line an event."""
        lines = [f"{self.method}: {len(self.events)} event{'s' * (len(self.events) != 1)}"]
        lines += [event.report() for event in self.events]
        lines += [f"note: {note}" for note in self.notes[:12]]
        lines += [f"note: {len(self.notes) - 12} more in summary.json"] if len(self.notes) > 12 else []
        return "\n".join(lines)


def classify_event(
    stream: Stream, origin_time: UTCDateTime | str | None = None, model: Any = "explosion_earthquake"
) -> EventAnswer:
    """Say whether an event was an explosion or an earthquake.

    >>> import obspy
    >>> answer = classify_event(obspy.read(), "2009-08-24T00:20:05.9")  # ObsPy's example: one station
    >>> answer.stations, answer.label
    (['BW.RJOB'], 'undecided')

    Args:
        stream: seismograms of its stations, any unit and sampling rate; 25 s before the origin time to 90 s after it
            are looked at, and 4 s before P to the end of S are needed. Left unchanged.
        origin_time: when it began, to a second; None: P and S picks of a station or more say so.
        model: a model of events, or the name or folder of its checkpoint.

    Raises:
        ZooError: if the model labels something else, there is no vertical, or the origin time is neither given nor in
            the picks.
    """
    from obspy import UTCDateTime

    model, _ = registry.model_for(model, ANSWERS)
    chosen, notes = instruments(stream)
    notes = [note for note in notes if "no component N" not in note and "no component E" not in note]  # not used
    given = origin_time is not None
    origin = UTCDateTime(origin_time) if given else origin_by_picks(stream, model.picker)
    picker, window = picker_of(model.picker)
    measures, rows = [], []
    for instrument in chosen:
        found, its_notes = segments(instrument)
        notes += its_notes
        here = [s for s in found if s.time(0, s.rate_hz) < origin + 1 and s.time(s.samples, s.rate_hz) > origin + 1]
        if not here:
            notes.append(f"{instrument.code}: no record at the origin time; left out.")
            continue
        begins = here[0].time(0, RATE_HZ)
        try:
            length = here[0].length(RATE_HZ)
            first = max(0, round((origin - BEFORE_S - begins) * RATE_HZ))
            count = min(length, round((origin + AFTER_S - begins) * RATE_HZ)) - first
            vertical = here[0].resampled(first, count, RATE_HZ)[:, 0]
        except ZooError as error:
            notes.append(f"{instrument.code}: {error} Left out.")
            continue
        origin_s = origin - begins - first / RATE_HZ
        seen = measure(vertical[None], np.array([origin_s]), np.array([here[0].rate_hz]), picker, window)
        if seen.why_not[0]:
            notes.append(f"{instrument.code}: {seen.why_not[0]}; left out.")
            continue
        measures.append(seen.measures[0])
        p = origin + float(seen.p_s[0])
        end = origin + (2 * VP_OVER_VS - 1) * float(seen.p_s[0])  # of the window of S
        rows.append((instrument.network, instrument.station, instrument.location, instrument.band, p, end))
    return _answer(model, origin, "given" if given else "picks", measures, rows, notes)


def _answer(model: Any, origin: Any, origin_from: str, measures: list, rows: list, notes: list[str]) -> EventAnswer:
    """Return the answer for the measures of the stations that count."""
    if not measures:
        notes = [*notes, "No station counts: nothing is known of this event."]
        event = Window("*", "*", "", "", origin, origin, "undecided", 0.5, dict.fromkeys(model.labels, 0.5))
        return EventAnswer(origin, origin_from, "undecided", 0.5, 0.0, float("nan"), [event], notes)
    together = np.stack(measures)[None]
    log_odds = float(model.log_odds(together)[0])
    label = str(model.decide(np.array([log_odds]), np.array([len(measures)]))[0])
    one_by_one = model.station_log_odds(np.stack(measures))
    windows = []
    whole = ("*", "*", "", "", min(row[4] for row in rows), max(row[5] for row in rows))
    of_stations = zip(rows, one_by_one, model.decide(one_by_one, np.full(len(rows), _MANY)), strict=True)
    for codes, odds, name in [(whole, log_odds, label), *of_stations]:
        explosion = float(1 / (1 + np.exp(-odds)))
        probabilities = dict(zip(model.labels, (explosion, 1 - explosion), strict=True))
        windows.append(Window(*codes, str(name), max(explosion, 1 - explosion), probabilities))
    error = float(model.error(together)[0])
    return EventAnswer(
        origin, origin_from, label, windows[0].probabilities["explosion"], log_odds, error, windows, notes
    )


def classify_files(
    files: Sequence[str | os.PathLike],
    model: Any = "explosion_earthquake",
    out: str | os.PathLike = "classified",
    origin_times: Sequence[UTCDateTime | str] = (),
) -> Classified:
    """Classify the events in files and write events.csv, windows.csv (a row a station) and summary.json to a folder.

    Args:
        files: files that ObsPy reads, folders (searched with all below them) and wildcards.
        model: as in `classify_event`.
        out: the folder.
        origin_times: when the events began. Without: files that overlap in time hold one event, whose origin time
            comes from picks.

    Raises:
        ZooError: if there is no file, or one that ObsPy cannot read; if no event can be classified.
        UsageError: if there are no origin times and files are longer than ten minutes, or a time cannot be read.
    """
    from obspy import UTCDateTime

    model, method = registry.model_for(model, ANSWERS)
    headers, notes = read_headers(find(files))
    result = Classified(method, Path(out), notes=list(notes))
    try:
        given = [UTCDateTime(time) for time in origin_times]
    except (TypeError, ValueError):
        raise UsageError(f"Origin times look like 2020-04-30T01:05:55.87; received {origin_times}.") from None
    if given:
        spans = [
            (origin, [h for h in headers if h.begins <= origin + AFTER_S and h.ends >= origin - BEFORE_S])
            for origin in sorted(given)
        ]
    else:
        spans = [(None, group) for group in _overlapping(headers)]
    for origin, group in spans:
        name = str(origin or UTCDateTime(min(h.begins for h in group)))
        if not group:
            result.notes.append(f"{name}: no file at this time; passed over.")
            continue
        start, end = (origin - 60, origin + 120) if origin else (None, None)
        stream = stream_of(group, start, end)
        try:
            event = classify_event(stream, origin, model)
        except ZooError as error:
            result.notes.append(f"{name}: {error}")
            continue
        result.events.append(event)
        result.notes += [f"{event.origin_time.strftime('%Y-%m-%dT%H:%M:%S')} {note}" for note in event.notes]
    if not result.events:
        raise ZooError(f"No event can be classified. {' '.join(result.notes)}")
    rows = [window for event in result.events for window in event.windows]
    write_windows(rows, model.labels, result.folder)
    _write_events(result)
    write_json(result.folder / "summary.json", result.summary())
    return result


def _overlapping(headers: Sequence[Any]) -> list[list[Any]]:
    """Return files in groups that overlap in time.

    Raises:
        UsageError: if one spans more than ten minutes.
    """
    made: list[list[Any]] = []
    end = -np.inf
    for header in sorted(headers, key=lambda header: header.begins):
        if header.begins > end:
            made.append([])
        made[-1].append(header)
        end = max(end, header.ends)
    for group in made:
        seconds = max(h.ends for h in group) - min(h.begins for h in group)
        if seconds > _LONGEST_S:
            raise UsageError(
                f"Files that overlap span {seconds / 60:.0f} minutes ({group[0].path.name} ...): which event is meant? "
                "Give origin times: zoo annotate ... --origin-time 2020-04-30T01:05:55.87"
            )
    return made


def _write_events(result: Classified) -> None:
    header = ("origin_time", "origin_from", "stations", "label", "probability_explosion", "log_odds", "log_odds_error")
    rows = []
    for event in result.events:
        error = "" if np.isnan(event.error) else f"{event.error:.4f}"
        found = f"{event.probability:.4f}", f"{event.log_odds:.4f}", error
        rows.append((str(event.origin_time), event.origin_from, len(event.stations), event.label, *found))

    write_csv(result.folder / "events.csv", header, rows)
