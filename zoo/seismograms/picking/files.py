"""Waveform files: which there are, what they hold, which belong together."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from zoo.errors import ZooError

if TYPE_CHECKING:
    from obspy import Stream, UTCDateTime


class Header(NamedTuple):
    """What a file holds: `NET.STA` codes, POSIX seconds, and the seconds of record in it (of one channel)."""

    path: Path
    codes: frozenset[str]
    begins: float
    ends: float
    seconds: float


def find(files: Sequence[str | os.PathLike]) -> dict[Path, bool]:
    """Return files, and whether each was named (not found in a folder or by a wildcard).

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
    """Return what waveform files hold, and a note on those in folders that are none.

    Raises:
        ZooError: a file that was named cannot be read, or there is none that can.
    """
    from obspy import read

    headers, others = [], []
    for path, named in files.items():
        try:
            stream = read(glob.escape(str(path)), headonly=True)
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
        raise ZooError(f"None of {len(files)} files is a waveform file that ObsPy reads, like {others[0]}.")
    shown = ", ".join(others[:3]) + (" ..." if len(others) > 3 else "")
    return headers, [f"{len(others)} files that are no waveforms passed over: {shown}"] if others else []


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


def read_all(paths: Iterable[Path], start: UTCDateTime | None = None, end: UTCDateTime | None = None) -> Stream:
    """Return what files hold, or what of it lies between two times."""
    from obspy import Stream, read

    stream = Stream()
    for path in paths:
        stream += read(glob.escape(str(path)), starttime=start, endtime=end)
    return stream
