"""Waveform files: finding them, what they hold, which belong together, reading them."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from zoo.errors import ZooError
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
    """Return what waveform files hold, and a note on files in folders that are not waveforms.

    Raises:
        ZooError: if a file that was given by name cannot be read, or none can.
    """
    import obspy

    headers, others = [], []
    for path, named in files.items():
        try:
            stream = obspy.read(glob.escape(str(path)), headonly=True)
        except Exception as error:  # ObsPy raises whatever a format's library leads to
            if named:
                raise ZooError(f"ObsPy cannot read {path} ({error}). Give it miniSEED, SAC, GSE2 ...") from error
            others.append(path.name)
            continue
        headers.append(
            Header(
                path,
                frozenset(f"{trace.stats.network}.{trace.stats.station}" for trace in stream),
                min(trace.stats.starttime.timestamp for trace in stream),
                max(trace.stats.endtime.timestamp for trace in stream),
                sum(t.stats.npts / t.stats.sampling_rate for t in stream) / len({t.stats.channel for t in stream}),
            )
        )
    if not headers:
        raise ZooError(f"ObsPy can read none of {len(files)} files as waveforms, {others[0]} for example.")
    which = "1 file that is not a waveform" if len(others) == 1 else f"{len(others)} files that are not waveforms"
    shown = ", ".join(others[:3]) + (" ..." if len(others) > 3 else "")
    return headers, [f"{which} skipped: {shown}"] if others else []


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


def stream_of(paths: Iterable[Path], start: UTCDateTime | None = None, end: UTCDateTime | None = None) -> Stream:
    """Return what files hold, all or between two times."""
    import obspy

    stream = obspy.Stream()
    for path in paths:
        stream += obspy.read(glob.escape(str(path)), starttime=start, endtime=end)
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
        files: one or several: files that ObsPy reads, folders (searched with all below them) and wildcards. In folders,
            files that are not waveforms are skipped, with a note.
        start: where the stream begins; default where the files do.
        end: where it ends.

    Returns:
        An `obspy.Stream`, for `annotate` and `classify`.

    Raises:
        ZooError: if there is no file, or one that was given by name is not a waveform file.
    """
    headers, notes = read_headers(find([files] if isinstance(files, str | os.PathLike) else files))
    for note in notes:
        say(f"zoo: {note}")
    return stream_of((header.path for header in headers), start, end)
