"""Where the seismograms of an archive come from: files with an index of what they hold, or a client of ObsPy.

The headers of all files are read once and kept in the index (JSON lines); a file is looked into again when its size or
its time of change differs.
"""

from __future__ import annotations

import glob
import json
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.errors import ZooError
from zoo.interrupts import uninterrupted
from zoo.progress import track
from zoo.seismograms.picking.files import find, is_code
from zoo.seismograms.picking.remote import fetched, listed
from zoo.seismograms.picking.units import DAY_NS, File, Held, Selection, Unit
from zoo.store import atomic_path, is_address

if TYPE_CHECKING:
    from obspy import Stream

_KEPT_EVERY = 2000  # files, after which the index is written, so that an interrupted look through an archive goes on
_RATE_TOLERANCE = 1e-3  # a service's inventory and its records may differ
_SDS = re.compile(r"(\w+)\.(\w+)\.(\w*)\.(\w+)\.[A-Z]\.(\d{4})\.(\d{3})")  # NET.STA.LOC.CHAN.TYPE.YEAR.DAY


@dataclass
class FileSource:
    """Files with an index of what they hold.

    Attributes:
        files: of the index, those that are asked for.
        problems: files that could not be read, with the reason.
        root: folder that relative paths begin at; "": the process's own.
    """

    files: list[File]
    problems: list[tuple[str, str]] = field(default_factory=list)
    root: str = ""

    def stretches(self) -> Iterator[tuple[Held, File | None]]:
        """Yield what each file holds."""
        for file in self.files:
            for held in file.held:
                yield held, file

    def read(self, unit: Unit, margin_ns: int) -> tuple[Stream, list[str]]:
        """Return what a unit's files hold of it and of the margins, and the problems that there were."""
        import obspy

        stream, problems = obspy.Stream(), []
        begins, ends = _margins(unit, margin_ns)
        for path in unit.paths:
            try:
                with fetched(path if is_address(path) else os.path.join(self.root, path)) as here:
                    with uninterrupted():
                        found = obspy.read(glob.escape(here), starttime=begins, endtime=ends)
                stream += named(found, path)
            except Exception as error:  # whatever a format's library leads to; the others are still read
                problems.append(f"{path}: {error}")
        return _chosen(stream, unit), problems


@dataclass
class ClientSource:
    """An ObsPy client that is asked for waveforms, and what it says it has (`Held`), if it says so."""

    client: Any
    held: list[Held]
    problems: list[tuple[str, str]] = field(default_factory=list)

    def stretches(self) -> Iterator[tuple[Held, File | None]]:
        """Yield the channels that there are."""
        for held in self.held:
            yield held, None

    def read(self, unit: Unit, margin_ns: int) -> tuple[Stream, list[str]]:
        """Return what the client has of a unit and of the margins, and the problems that there were."""
        import obspy
        from obspy.clients.fdsn.header import FDSNNoDataException

        begins, ends = _margins(unit, margin_ns)
        network, station = unit.station.split(".")
        locations = {code.split(".")[2] for code, _ in unit.channels}
        bands = {code.split(".")[3][:-1] for code, _ in unit.channels}
        asked = {
            "location": next(iter(locations)) if len(locations) == 1 else "*",
            "channel": f"{next(iter(bands))}?" if len(bands) == 1 else "*",
        }
        try:
            stream = self.client.get_waveforms(
                network=network, station=station, **asked, starttime=begins, endtime=ends
            )
        except FDSNNoDataException:
            return obspy.Stream(), []
        except Exception as error:  # a service's or a client's own kind
            return obspy.Stream(), [f"{unit.name} of {unit.day}: {type(self.client).__module__}: {error}"]
        return _chosen(stream, unit), []


def _margins(unit: Unit, margin_ns: int):
    from obspy import UTCDateTime

    return UTCDateTime(ns=unit.begins_ns - margin_ns), UTCDateTime(ns=unit.ends_ns + margin_ns)


def _chosen(stream: Stream, unit: Unit) -> Stream:
    """Leave in a stream the station's channels that the unit uses."""

    rates = {name: [rate for other, rate in unit.channels if other == name] for name, _ in unit.channels}

    def wanted(code: str, rate_hz: float) -> bool:
        return any(abs(rate_hz / rate - 1) < _RATE_TOLERANCE for rate in rates.get(code, ()))

    stream.traces = [
        trace
        for trace in stream
        if f"{trace.stats.network}.{trace.stats.station}" == unit.station
        and (not unit.channels or wanted(trace.id, trace.stats.sampling_rate))
    ]
    return stream


def scan(what: Sequence[str | os.PathLike], selection: Selection, index: Path | None = None) -> FileSource:
    """Look through files, folders (SDS trees too) and wildcards once.

    Args:
        what: as in `zoo.seismograms.picking.files.find`.
        selection: files without anything of it are left out; those of an SDS tree, by their names, without a look.
        index: JSON lines of what files held, which are read, and written again.

    Raises:
        ZooError: if there is no such file, or none of them holds waveforms.
    """
    known = _read_index(index)
    files, new = [], 0
    addresses = [address for address in map(str, what) if is_address(address)]
    there = {path: version for address in addresses for path, version in listed(address).items()}
    here = find([path for path in what if str(path) not in addresses]) if len(addresses) < len(what) else {}
    paths = [path for path in (*map(str, here), *there) if _perhaps(path, selection)]
    unseen = sum(path not in known for path in paths)
    looked = track(paths, f"Looking into {unseen} new files", len(paths)) if unseen > 100 else paths
    for path in looked:
        version = there[path] if path in there else _version(path)
        file = known.get(path)
        if file is None or (file.size, file.changed_ns) != version:
            file = _look(path, *version)
            known[file.path] = file
            new += 1
            if index and new % _KEPT_EVERY == 0:
                _write_index(index, known.values())
        files.append(file)
    if index and new:
        _write_index(index, known.values())
    unread = [(file.path, file.problem) for file in files if file.problem]
    if len(unread) == len(files):
        if not files:
            raise ZooError(
                "No file is named like one of the stations and days asked for; see --stations, --start, --end."
            )
        path, problem = unread[0]
        raise ZooError(f"ObsPy cannot read {path} ({problem}){_more(len(unread))}. Give it miniSEED, SAC, GSE2 ...")
    return FileSource([file for file in files if not file.problem], unread)


def _more(count: int) -> str:
    return f", nor any of {count - 1} more files" if count > 1 else ""


def _version(path: str) -> tuple[int, int]:
    status = os.stat(path)
    return status.st_size, status.st_mtime_ns


def _perhaps(path: str, selection: Selection) -> bool:
    """Return whether a file may hold what is asked for, by its name if that is one of an SDS tree."""
    named = _SDS.fullmatch(Path(path).name)
    if not named:
        return True
    from obspy import UTCDateTime

    network, station, _, _, year, day = named.groups()
    begins_ns = UTCDateTime(year=int(year), julday=max(1, int(day))).ns
    return selection.wants(f"{network}.{station}", begins_ns, begins_ns + DAY_NS, DAY_NS)


def named(stream: Stream, path: str | os.PathLike) -> Stream:
    """Give traces without a station code the name of their file."""
    for trace in stream:
        if not is_code(trace.stats.station):
            trace.stats.station = re.sub(r"\W", "_", Path(path).name, flags=re.ASCII)
    return stream


def _look(path: str, size: int, changed_ns: int) -> File:
    """Read the headers of a file."""
    import obspy

    held: dict[tuple[str, float], list[int]] = {}
    problem = ""
    try:
        with fetched(path) as here:
            with uninterrupted():
                stream = obspy.read(glob.escape(here), headonly=True)
        for trace in named(stream, path):
            stats = trace.stats
            ends_ns = stats.starttime.ns + round(stats.npts * 1e9 / stats.sampling_rate)
            span = held.setdefault((trace.id, stats.sampling_rate), [stats.starttime.ns, ends_ns, 0])
            span[:] = min(span[0], stats.starttime.ns), max(span[1], ends_ns), span[2] + stats.npts
    except Exception as error:  # ObsPy raises whatever a format's library leads to
        held, problem = {}, str(error).strip() or type(error).__name__
    spans = tuple(Held(code, rate_hz, *span) for (code, rate_hz), span in held.items())
    return File(path, size, changed_ns, spans, problem)


def _read_index(index: Path | None) -> dict[str, File]:
    files = {}
    if index and index.is_file():
        with open(index, encoding="utf-8") as lines:
            for line in lines:
                path, size, changed_ns, held, problem = json.loads(line)
                files[path] = File(path, size, changed_ns, tuple(Held(*each) for each in held), problem)
    return files


def _write_index(index: Path, files: Iterable[File]) -> None:
    with atomic_path(index) as temporary, open(temporary, "w", encoding="utf-8") as lines:
        lines.writelines(json.dumps(file) + "\n" for file in files)


def ask(client: Any, selection: Selection) -> ClientSource:
    """Ask a client which channels the stations have, if it can say so (`get_stations`, as FDSN clients can).

    Raises:
        ZooError: if stations, start or end are not given: a client is not searched.
    """
    if selection.stations is None or selection.start_ns is None or selection.end_ns is None:
        raise ZooError("A client is asked for what you name: give stations=['NET.STA', ...], start= and end=.")
    held, problems = [], []
    for station in sorted(selection.stations):
        try:
            held += _channels(client, station, selection)
        except Exception as error:  # a service's own kind
            problems.append((station, f"what channels it has is not known: {error}"))
            held.append(Held(f"{station}..", 0.0, selection.start_ns, selection.end_ns, 0))
    return ClientSource(client, held, problems)


def _channels(client: Any, station: str, selection: Selection) -> list[Held]:
    from obspy import UTCDateTime

    span_ns = selection.start_ns, selection.end_ns
    if not hasattr(client, "get_stations"):
        return [Held(f"{station}..", 0.0, *span_ns, 0)]
    network, code = station.split(".")
    times = {name: UTCDateTime(ns=ns) for name, ns in zip(("starttime", "endtime"), span_ns, strict=True)}
    found = []
    for part in client.get_stations(network=network, station=code, level="channel", **times):
        for site in part:
            for channel in site:
                begins = max(span_ns[0], channel.start_date.ns if channel.start_date else span_ns[0])
                ends = min(span_ns[1], channel.end_date.ns if channel.end_date else span_ns[1])
                name = f"{part.code}.{site.code}.{channel.location_code}.{channel.code}"
                rate_hz = channel.sample_rate or 0.0
                if begins < ends:
                    found.append(Held(name, rate_hz, begins, ends, round((ends - begins) * rate_hz / 1e9)))
    return found
