"""The waveforms behind a catalogue: what the picker is run on, and where amplitudes and traces are read from."""

from __future__ import annotations

import glob
import os
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from zoo.errors import ZooError
from zoo.field.picks import PickTable
from zoo.field.picks import holds_picks as are_picks
from zoo.field.stations import Stations
from zoo.interrupts import uninterrupted
from zoo.seismograms.picking.archive import named, scan
from zoo.seismograms.picking.units import Selection

if TYPE_CHECKING:
    from obspy import Inventory, Stream

LEAST_PROBABILITY = 0.1
"""Of the picks that are associated: what is false among them is seldom consistent. Of a simulated day's 100 events
(`benchmarks/catalogue_day.py`) 92 are found from 0.1 on, 87 from 0.5, and no false one with either."""
_BLOCK_S = 6 * 3600.0
"""Read at once of a station, at most."""


class Waveforms:
    """Waveform files, read by station and time.

    Args:
        what: files, folders (SDS trees too) and wildcards, as `zoo annotate` takes them.
        index: JSON lines of what files hold, which are read, and written again; None: not kept.

    Raises:
        ZooError: there is no such file, or none of them holds waveforms.
    """

    def __init__(self, what: str | os.PathLike | Sequence[str | os.PathLike], index: Path | None = None):
        given = [what] if isinstance(what, str | os.PathLike) else list(what)
        source = scan(given, Selection(), index)
        self.notes = [f"{path} cannot be read: {problem}" for path, problem in source.problems]
        self._held: dict[str, set[tuple[float, float, str]]] = defaultdict(set)
        for held, file in source.stretches():
            self._held[held.station].add((held.begins_ns / 1e9, held.ends_ns / 1e9, file.path))

    @property
    def stations(self) -> list[str]:
        """`NET.STA` of the stations that there are records of."""
        return sorted(self._held)

    def read(self, station: str, begins_s: float, ends_s: float) -> Stream:
        """Return what there is of a station between two times, s since 1970; files that cannot be read are noted."""
        import obspy

        stream = obspy.Stream()
        times = {"starttime": obspy.UTCDateTime(begins_s), "endtime": obspy.UTCDateTime(ends_s)}
        paths = {path for begin, end, path in self._held.get(station, ()) if begin <= ends_s and end >= begins_s}
        for path in sorted(paths):
            try:
                with uninterrupted():
                    found = obspy.read(glob.escape(path), **times)
                stream += named(found, path)
            except Exception as error:  # whatever a format's library leads to
                note = f"{path} cannot be read: {error}"
                if note not in self.notes:
                    self.notes.append(note)
        stream.traces = [t for t in stream if f"{t.stats.network}.{t.stats.station}" == station]
        return stream.merge(-1)  # what goes on from one file to the next is one trace

    def pieces(self, station: str, spans_s: np.ndarray) -> Iterator[tuple[int, Stream]]:
        """Yield the number of each span, and what there is of the station in it, in order of time.

        Args:
            station: `NET.STA`.
            spans_s: (n, 2) begins and ends, s since 1970.
        """
        from obspy import Stream, UTCDateTime

        order = np.argsort(spans_s[:, 0], kind="stable")
        block, until = Stream(), -np.inf
        for place, number in enumerate(order):
            begin, end = spans_s[number]
            if end > until:
                later = order[place:]
                near = spans_s[later, 1] <= begin + _BLOCK_S
                until = max(end, spans_s[later[near], 1].max(initial=end))
                block = self.read(station, begin, until)
            yield int(number), block.slice(UTCDateTime(begin), UTCDateTime(end))


def holds_picks(what: Sequence[str | os.PathLike]) -> bool:
    """Return whether what a user names is picks, by names (`zoo.field.picks.holds_picks`); else waveforms.

    Raises:
        ZooError: tables of picks and other things are mixed.
    """
    of_picks = [are_picks(each) for each in what]
    if any(of_picks) and not (all(of_picks) and len(of_picks) == 1):
        raise ZooError(
            f"Received {', '.join(map(str, what))}: expected one table of picks or one folder of zoo annotate, or "
            "files and folders of waveforms."
        )
    return all(of_picks)


def pick_archive(
    what: Sequence[str | os.PathLike],
    out: str | os.PathLike,
    model: Any = "phase_picker",
    threshold: Mapping[str, float] | float | str | None = None,
    **options: Any,
) -> PickTable:
    """Run a picker on an archive, and return its picks; what is done already is not done again.

    Args:
        what: files, folders and wildcards.
        out: folder of the picker's results.
        model, options: as in `zoo.seismograms.annotate_archive`.
        threshold: least probability of a pick; None: `LEAST_PROBABILITY`, unless `false_per_hour` is an option.

    Raises:
        ZooError: as in `annotate_archive`; the model is no picker.
    """
    from zoo.seismograms.picking.results import StationPick
    from zoo.seismograms.picking.running import annotate_archive
    from zoo.seismograms.picking.tables import kind_of
    from zoo.seismograms.picking.windows import model_and_shape

    _, shape = model_and_shape(model)
    if kind_of(shape) is not StationPick or not {"P", "S"} <= set(shape.labels):
        raise ZooError(f"{shape.method} does not pick P and S; a catalogue needs a picker, like phase_picker.")
    notes = []
    if threshold is None and options.get("false_per_hour") is None:
        threshold = LEAST_PROBABILITY
        notes.append(f"picks of a probability from {threshold:g} are used: association rejects chance (--threshold)")
    report = annotate_archive(what, model, out, threshold, **options)
    rows = list(report.picks())
    notes += [f"{where}: {problem}" for where, problem in report.problems]
    if report.done < report.units:
        notes.append(f"{report.units - report.done} of {report.units} units could not be annotated: run it again")
    stations = {code: report.annotated_s[code] / 3600 for code in sorted(report.annotated_s)}
    notes.append(f"{shape.method}: {len(rows)} picks in {sum(stations.values()):.1f} h of {len(stations)} stations")
    return PickTable(
        tuple(f"{row.network}.{row.station}" for row in rows),
        np.array([row.phase for row in rows]),
        np.array([row.time.ns / 1e9 for row in rows]),
        np.array([row.probability for row in rows], float),
        np.array([np.nan if row.amplitude is None else row.amplitude for row in rows], float),
        np.array([row.uncertainty_s or np.nan for row in rows], float),
        notes=(*notes, *report.notes),
    )


def recorded(stations: Stations, waveforms: Waveforms) -> tuple[list[str], list[str]]:
    """Return which stations with waveforms are known, and notes on those that are not, or have none.

    Raises:
        ZooError: there is none.
    """
    codes = waveforms.stations
    which = stations.index(codes)
    known = [code for code, number in zip(codes, which, strict=True) if number >= 0]
    if not known:
        raise ZooError(
            f"No station of the waveforms is known: they are of {', '.join(codes[:3])}, stations are "
            f"{', '.join(stations.codes[:3])}. Check network codes."
        )
    unknown = [code for code, number in zip(codes, which, strict=True) if number < 0]
    silent = [code for number, code in enumerate(stations.codes) if number not in which]
    notes = []
    for names, what in ((unknown, "have waveforms, but no place: not picked"), (silent, "have no waveforms")):
        if names:
            notes.append(f"{len(names)} stations {what}: {', '.join(names[:5])}{' ...' if len(names) > 5 else ''}")
    return known, notes


def responses_of(inventory: str | os.PathLike | None, stations: str | os.PathLike) -> Inventory | None:
    """Return the inventory of a file, or of the file of stations if that is StationXML with responses; else None.

    Raises:
        ZooError: `inventory` cannot be read.
    """
    from zoo.seismograms.picking.options import inventory_of

    if inventory is not None:
        return inventory_of(inventory)
    with open(stations, "rb") as file:
        if not file.read(500).lstrip().startswith(b"<"):
            return None
    found = inventory_of(stations)
    channels = [channel for network in found for station in network for channel in station]
    return found if any(channel.response for channel in channels) else None
