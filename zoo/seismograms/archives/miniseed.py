"""miniSEED (through ObsPy) as arrays: which files hold what, and the components of a station on one time grid.

The rules, each reported where it applies:

| what | treatment |
|---|---|
| pieces of a channel | joined; where they overlap and differ, the samples that differ are a gap |
| a gap, or missing ends, up to `max_gap_s` | filled: a straight line, at the ends the nearest sample; kept |
| a longer one in the window | the record is skipped |
| no N and no E, but 1 and 2 | 1 and 2 taken for N and E; kept |
| a component that is missing, or has no sample in the window | zeros; `zoo.seismograms.archives.checks` judges it |
| two sampling rates in one instrument | the record is skipped |

If a station has several instruments, the one with most components is taken, then the first of the channel patterns,
then the first location code. The instrument's response is not removed.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from zoo.errors import ZooError
from zoo.interrupts import uninterrupted
from zoo.progress import track
from zoo.seismograms.archives.checks import SKIPPED, Problem

if TYPE_CHECKING:
    from obspy import Stream, Trace, UTCDateTime

NOTHING = "no data in the window"
HORIZONTALS = "horizontals 1, 2 taken for N, E"
DAMAGED = "a file that cannot be read"
CUT_SHORT = "a file that ends inside a record"
_READING = threading.Lock()  # libmseed has global state
_RATE_TOLERANCE = 1e-4  # clocks drift: this is 3 ms in 30 s
_FILTER_SAMPLES = 12  # of the lower rate on each side of a window: the low pass of `resample` reaches 10
_AROUND_S = 2.0  # read on each side beyond that


class Span(NamedTuple):
    """A file that has samples of a station from `begins` to `ends` (POSIX seconds)."""

    file: str
    begins: float
    ends: float
    cut_short: bool
    """Whether the file ends inside a record."""


class Piece(NamedTuple):
    """The components of one instrument around a window, on one time grid."""

    data: np.ndarray
    """(time, components) float32: each component without its mean, zeros where it is missing."""
    first: int
    """The sample of `data` nearest to the start of the window."""
    sampling_rate_hz: float
    starts: UTCDateTime
    """Time of the first sample of `data`."""
    location: str
    channel: str
    """The first two letters of the channel codes."""
    order: str
    """The components that exist, as in the channel codes."""
    notes: tuple[str, ...]
    """What was repaired."""


def index_folder(folder: Path) -> tuple[dict[str, list[Span]], list[Problem]]:
    """Read the headers of all miniSEED files below a folder, whatever their names.

    Returns:
        The spans of each "NET.STA", and the files that cannot be read.

    Raises:
        ZooError: if there is no miniSEED file.
    """
    from obspy import read
    from obspy.io.mseed.util import get_record_information

    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and _is_miniseed(path)]
    if not files:
        raise ZooError(f"{folder} holds no miniSEED file: name a folder with waveforms, in any folders below it.")
    spans: dict[str, set[Span]] = {}
    problems = []
    for path in track(files, f"Headers of {len(files)} miniSEED files"):
        name = str(path.relative_to(folder))
        try:
            cut_short = get_record_information(str(path))["excess_bytes"] > 0
            with uninterrupted():
                headers = read(str(path), format="MSEED", headonly=True)
            for trace in headers:
                stats = trace.stats
                span = Span(str(path), stats.starttime.timestamp, stats.endtime.timestamp, cut_short)
                spans.setdefault(f"{stats.network}.{stats.station}", set()).add(span)
        except Exception:  # ObsPy raises whatever libmseed leads to
            problems.append(Problem(name, DAMAGED, SKIPPED))
    return {code: sorted(found) for code, found in spans.items()}, problems


def between(spans: list[Span], start: float, end: float) -> list[Span]:
    """Return the spans that overlap with the time from `start` to `end` (POSIX seconds)."""
    return [span for span in spans if span.begins <= end and span.ends >= start]


def around_s(to_hz: float) -> float:
    """Return how many seconds beyond a window, on each side, its low pass and resampling can use."""
    return _FILTER_SAMPLES / to_hz + _AROUND_S


def read_piece(
    files: Sequence[str | Path],
    station: tuple[str, str, str],
    start: UTCDateTime,
    end: UTCDateTime,
    *,
    to_hz: float,
    components: str,
    channels: str,
    max_gap_s: float,
) -> Piece | str:
    """Read one station around a window.

    Args:
        files: miniSEED files; other stations in them are skipped.
        station: network, station, location (a pattern; "--" is the empty location).
        start, end: begin and end of the window.
        to_hz: rate to which it will be resampled; decides how much more is read around it for the filter.
        components: those that are wanted, like "ZNE".
        channels: patterns separated by blanks, the preferred one first.
        max_gap_s: the longest gap that is filled.

    Returns:
        The piece, or the reason why there is none.
    """
    from obspy import Stream, read

    more_s = around_s(to_hz)
    stream = Stream()
    for file in files:
        try:
            with _READING:
                stream += read(str(file), format="MSEED", starttime=start - more_s, endtime=end + more_s)
        except Exception:  # ObsPy raises whatever libmseed leads to
            return DAMAGED
    chosen = _instrument(stream, station, channels.split(), components)
    if chosen is None:
        return NOTHING
    parts, rates = chosen
    rate = _common(rates)
    if rate is None:
        return "more than one sampling rate in one instrument"
    margin = math.ceil(_FILTER_SAMPLES * max(1.0, rate / to_hz))
    some = next(iter(parts.values()))[0].stats
    first = round((start - some.starttime) * rate) - margin
    starts = some.starttime + first / rate
    samples = round((end - start) * rate) + 1 + 2 * margin
    data = np.zeros((samples, len(components)), np.float32)
    notes, order = [], ""
    for column, component in enumerate(components):
        if component not in parts:
            continue
        values, missing = _on_grid(parts[component], starts, rate, samples)
        inside = missing[margin : samples - margin]
        if inside.all():
            continue
        if _longest_run(inside) / rate > max_gap_s:
            return f"a gap longer than {max_gap_s:g} s"
        if inside.any():
            notes.append(f"gaps up to {max_gap_s:g} s filled")
        there = np.flatnonzero(~missing)
        values -= values[there].mean()
        data[:, column] = np.interp(np.arange(samples), there, values[there])
        order += parts[component][0].stats.channel[-1]
    if not order:
        return NOTHING
    if "1" in order or "2" in order:
        notes.append(HORIZONTALS)
    return Piece(data, margin, rate, starts, some.location, some.channel[:2], order, tuple(dict.fromkeys(notes)))


def _is_miniseed(path: Path) -> bool:
    """Return whether a file begins like a data record of miniSEED 2: a number of six digits and a quality letter."""
    with open(path, "rb") as file:
        head = file.read(8)
    return len(head) == 8 and head[:6].replace(b" ", b"0").isdigit() and head[6:7] in b"DRQM" and head[7:8] in b" \0"


def _instrument(
    stream: Stream, station: tuple[str, str, str], patterns: list[str], components: str
) -> tuple[dict[str, list[Trace]], list[float]] | None:
    """Return the traces of the preferred instrument by component, and their sampling rates."""
    network, code, location_pattern = station
    location_pattern = "" if location_pattern == "--" else location_pattern
    found: dict[tuple[str, str], dict[str, list[Trace]]] = {}
    for trace in stream:
        stats = trace.stats
        wanted = (stats.network, stats.station) == (network, code) and fnmatchcase(stats.location, location_pattern)
        if wanted and stats.npts and any(fnmatchcase(stats.channel, pattern) for pattern in patterns):
            by_letter = found.setdefault((stats.location, stats.channel[:2]), {})
            by_letter.setdefault(stats.channel[-1], []).append(trace)
    ranked = []
    for (location, band), by_letter in found.items():
        letters = {"Z": "Z", "N": "N", "E": "E"}
        if not {"N", "E"} & by_letter.keys():
            letters |= {"N": "1", "E": "2"}
        parts = {c: by_letter[letters[c]] for c in components if letters[c] in by_letter}
        if parts:
            codes = [traces[0].stats.channel for traces in parts.values()]
            preferred = min(i for i, p in enumerate(patterns) if any(fnmatchcase(code, p) for code in codes))
            ranked.append(((-len(parts), preferred, location, band), parts))
    if not ranked:
        return None
    parts = min(ranked, key=lambda item: item[0])[1]
    return parts, [trace.stats.sampling_rate for traces in parts.values() for trace in traces]


def _common(rates: list[float]) -> float | None:
    """Return the nominal rate (Hz) that all rates share; None if they differ."""
    rate = rates[0]
    if round(rate) and abs(rate / round(rate) - 1) < _RATE_TOLERANCE:
        rate = float(round(rate))
    return rate if all(abs(other / rate - 1) < _RATE_TOLERANCE for other in rates) else None


def _on_grid(traces: list[Trace], starts: UTCDateTime, rate: float, samples: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the values (samples,) of one channel on a grid, and a mask (samples,) of those that are missing."""
    values = np.zeros(samples)
    missing = np.ones(samples, bool)
    differ = np.zeros(samples, bool)
    for trace in sorted(traces, key=lambda part: part.stats.starttime.ns):
        offset = round((trace.stats.starttime - starts) * rate)
        low, high = max(0, offset), min(samples, offset + trace.stats.npts)
        if low >= high:
            continue
        part = trace.data[low - offset : high - offset]
        differ[low:high] |= ~missing[low:high] & (values[low:high] != part)
        values[low:high] = part
        missing[low:high] = False
    return values, missing | differ


def _longest_run(flags: np.ndarray) -> int:
    """Return the length of the longest run of true values."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flags.astype(np.int8), [0]])))
    return int((edges[1::2] - edges[::2]).max(initial=0))
