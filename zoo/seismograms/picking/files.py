"""Waveform files: finding them, what they hold, which belong together, reading them."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from zoo.errors import PassedOver, ZooError
from zoo.interrupts import uninterrupted
from zoo.progress import say

if TYPE_CHECKING:
    from obspy import Stream, UTCDateTime


class Header(NamedTuple):
    """What a file holds: `NET.STA` codes, begin and end (POSIX seconds), and the seconds of record of a channel."""

    path: Path
    codes: frozenset[str]
    begins: float
    ends: float
    seconds: float
    name: str
    """What a station without a code in this file is called."""


def find(files: Sequence[str | os.PathLike]) -> dict[Path, bool]:
    """Return files, and whether each was given by name (not found in a folder or by a wildcard).

    Args:
        files: files, folders (searched with all below them) and wildcards.

    Raises:
        ZooError: if a name leads to no file.
    """
    found: dict[Path, bool] = {}
    for name in files:
        path = Path(name).expanduser()
        if path.is_file():
            found[path] = True
            continue
        if path.is_dir():
            inside = sorted(p for p in path.rglob("*") if p.is_file() and not p.name.startswith("."))
        else:
            inside = sorted(p for p in map(Path, glob.glob(str(path), recursive=True)) if p.is_file())
        if not inside:
            what = "The folder is empty" if path.is_dir() else "There is no file, folder or wildcard"
            raise ZooError(f"{what}: {name}. Name files that ObsPy reads (miniSEED, SAC ...), or a folder of them.")
        for each in inside:
            found.setdefault(each, False)
    return found


def read_headers(files: Mapping[Path, bool]) -> tuple[list[Header], list[str]]:
    """Return what waveform files hold, and notes on files that are not waveforms and on stations without codes.

    Raises:
        ZooError: if none can be read.
    """
    import obspy

    headers, others, notes = [], [], []
    names: dict[str, int] = {}
    nameless = []
    for path, named in files.items():
        try:
            with uninterrupted():
                stream = obspy.read(glob.escape(str(path)), headonly=True)
            usable = [trace.stats for trace in stream if 0 < trace.stats.sampling_rate < float("inf")]
            begins = min((stats.starttime.timestamp for stats in usable), default=0.0)
            ends = max((stats.endtime.timestamp for stats in usable), default=0.0)
            channels = len({(s.network, s.station, s.location, s.channel) for s in usable})
            seconds = sum(s.npts / s.sampling_rate for s in usable) / max(1, channels)
        except Exception as error:  # ObsPy raises whatever a format's library leads to
            if named and len(files) == 1:
                raise ZooError(f"ObsPy cannot read {path} ({error}). Give it miniSEED, SAC, GSE2 ...") from error
            if named:
                notes.append(PassedOver(f"{path.name}: ObsPy cannot read it ({error}); skipped."))
            else:
                others.append(path.name)
            continue
        name = re.sub(r"\W", "_", path.name, flags=re.ASCII)
        names[name] = names.get(name, 0) + 1
        if names[name] > 1:  # files of one name in several folders
            name = f"{name}_{names[name]}"
        codes = frozenset(code_of(trace.stats.network, trace.stats.station, name) for trace in stream)
        if any(not is_code(trace.stats.station) for trace in stream):
            nameless.append(name)
        headers.append(Header(path, codes, begins, ends, seconds, name))
    if not headers:
        example = others[0] if others else notes[0]
        raise ZooError(f"ObsPy can read none of {len(files)} files as waveforms, {example} for example.")
    if nameless:
        shown = ", ".join(nameless[:3]) + (" ..." if len(nameless) > 3 else "")
        notes.append(f"files without station codes: each is a station with the file's name: {shown}")
    if others:
        which = "1 file that is not a waveform" if len(others) == 1 else f"{len(others)} files that are not waveforms"
        notes.append(PassedOver(f"{which} skipped: {', '.join(others[:3])}{' ...' if len(others) > 3 else ''}"))
    return headers, notes


def is_code(station: str) -> bool:
    """Return whether a text is a station's code, and not empty or what is left of an empty header."""
    return bool(station.strip(" \0?"))


def code_of(network: str, station: str, name: str) -> str:
    """Return `NET.STA`; the station's code is the name of its file where it has none."""
    return f"{network}.{station if is_code(station) else name}"


def groups(headers: Sequence[Header]) -> list[list[Header]]:
    """Return files in groups that have no station in common."""
    joined: list[tuple[set[str], list[Header]]] = []
    for header in headers:
        codes, members = set(header.codes), [header]
        apart = []
        for other in joined:
            if codes & other[0]:
                codes |= other[0]
                members = other[1] + members
            else:
                apart.append(other)
        joined = [*apart, (codes, members)]
    return [members for _, members in sorted(joined, key=lambda group: min(group[0]))]


def stream_of(
    headers: Iterable[Header],
    start: UTCDateTime | None = None,
    end: UTCDateTime | None = None,
    notes: list[str] | None = None,
) -> Stream:
    """Return what files hold, all or between two times.

    Args:
        headers: of the files.
        start, end: times, default all.
        notes: takes a note on each file that cannot be read after all; default: that is raised.
    """
    import obspy

    stream = obspy.Stream()
    for header in headers:
        try:
            with uninterrupted():
                found = obspy.read(glob.escape(str(header.path)), starttime=start, endtime=end)
        except Exception as error:  # ObsPy raises whatever a format's library leads to
            if notes is None:
                raise ZooError(f"ObsPy cannot read {header.path} ({error}).") from error
            notes.append(PassedOver(f"{header.path.name}: ObsPy cannot read its samples ({error}); skipped."))
            continue
        for trace in found:
            if not is_code(trace.stats.station):
                trace.stats.station = header.name
        stream += found
    return stream


def read(
    files: str | os.PathLike | Sequence[str | os.PathLike],
    start: UTCDateTime | None = None,
    end: UTCDateTime | None = None,
) -> Stream:
    """Read seismograms from files into one stream.

    >>> import obspy, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     obspy.read().write(f"{folder}/day.mseed", format="MSEED")  # ObsPy's example
    ...     [trace.id for trace in read(folder)]
    ['BW.RJOB..EHZ', 'BW.RJOB..EHN', 'BW.RJOB..EHE']

    Args:
        files: one or several: files that ObsPy reads, folders (searched with all below them) and wildcards. What is not
            a waveform is skipped, with a note. A station without a code is called after its file.
        start: where the stream begins; default where the files do.
        end: where it ends.

    Returns:
        An `obspy.Stream`, for `annotate` and `classify`.

    Raises:
        ZooError: if there is no file, or none that ObsPy can read.
    """
    headers, notes = read_headers(find([files] if isinstance(files, str | os.PathLike) else files))
    for note in notes:
        say(f"zoo: {note}")
    stream = stream_of(headers, start, end, failed := [])
    if not stream and failed:
        raise ZooError(" ".join(failed))
    for note in failed:
        say(f"zoo: {note}")
    return stream
