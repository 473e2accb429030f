"""From a trace in a SeisBench folder to a record: components, window, sampling rate, and fitting columns."""

from __future__ import annotations

import datetime
import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from zoo.errors import ZooError
from zoo.seismograms.archives.checks import KEPT, SKIPPED, Problem
from zoo.seismograms.archives.columns import kind_of
from zoo.seismograms.archives.preparation import Traces
from zoo.seismograms.signals import draws, polyphase_filter, resample

from .buckets import Waveforms
from .folder import RATE_TOLERANCE, Chunk, Table, number, row_rate_hz, text

COMPONENTS = "ZNE"
ARRIVALS = {
    f"trace_{phase}_arrival_sample": tuple(
        f"trace_{name}_arrival_sample" for name in (phase.upper(), *(phase.upper() + kind for kind in "1ng"))
    )
    for phase in "ps"
}
"""If a folder has no trace_p_arrival_sample, it is the earliest of P, P1, Pn, Pg; likewise for S."""
FIRST_ARRIVAL_FROM, FIRST_ARRIVAL_TO = 0.1, 0.5
"""Shares of a record between which the first arrival of a longer trace lies."""
_STANDS_FOR = {"1": "N", "2": "E", "3": "Z"}
_MARGIN = 20  # samples of the lower rate beside a window: twice what the low pass of zoo.seismograms.signals reaches


def name_of(chunk: Chunk, trace_name: str) -> str:
    """Return the name of a record: SeisBench's names are unique in their chunk only."""
    return f"{chunk.name}/{trace_name}" if chunk.name else trace_name


def read(config: Any, chunks: Sequence[Chunk], rows: Sequence[tuple[int, list[str]]]) -> Traces:
    """Read rows of a folder.

    Args:
        config: a `FolderConfig`.
        chunks: those of the folder.
        rows: (number of the chunk, fields of the metadata).

    Returns:
        The traces that can be read, and what is wrong with others.
    """
    waveforms, problems = [], []
    columns: dict[str, list] = {name: [] for name in config.columns}
    for chunk_number, group in itertools.groupby(rows, key=lambda row: row[0]):
        chunk = chunks[chunk_number]
        with Table(chunk.metadata) as table:
            header = table.header
        metadata = [dict(zip(header, fields, strict=True)) for _, fields in group]
        rates_hz = [row_rate_hz(header, list(row.values())) or config.folder_rate_hz for row in metadata]
        part = _Part(config, chunk, metadata, rates_hz)
        with Waveforms(chunk.waveforms, config.dimension_order) as file:
            waveforms.append(part.cut(file.read([row["trace_name"] for row in metadata])))
        for name in config.columns:
            columns[name] += part.column(name, header)
        problems += part.problems
    return Traces(np.concatenate(waveforms), columns, problems)


class _Part:
    """Rows of one chunk."""

    def __init__(self, config: Any, chunk: Chunk, metadata: list[dict[str, str]], rates_hz: list[float]):
        self.config = config
        self.metadata = metadata
        self.names = [name_of(chunk, row["trace_name"]) for row in metadata]
        same = [abs(rate / config.sampling_rate_hz - 1) < RATE_TOLERANCE for rate in rates_hz]
        self.rates_hz = [config.sampling_rate_hz if s else rate for s, rate in zip(same, rates_hz, strict=True)]
        self.orders = [text(row.get("trace_component_order", "")) or config.component_order for row in metadata]
        self.starts = np.zeros(len(metadata), np.int64)
        self.kept: list[int] = []
        self.problems: list[Problem] = []

    def cut(self, traces: list[np.ndarray | str]) -> np.ndarray:
        """Return waveforms (kept, samples, 3) of the traces that can be used, and remember which they are."""
        samples = self.config.samples
        out = np.zeros((len(traces), samples, len(COMPONENTS)), np.float32)
        drawn = draws(self.names, self.config.seed)[:, 0]
        good: list[int] = []
        for row, trace in enumerate(traces):
            problem = trace if isinstance(trace, str) else self._place(row, trace, drawn[row])
            if problem:
                self.problems.append(Problem(self.names[row], problem, SKIPPED))
            else:
                good.append(row)
        for rate_hz in sorted({self.rates_hz[row] for row in good}):
            some = [row for row in good if self.rates_hz[row] == rate_hz]
            out[some] = self._resampled(some, traces, rate_hz)
        self.kept = good
        return out[good]

    def _place(self, row: int, trace: np.ndarray, drawn: float) -> str:
        """Choose the window of a trace; return what is wrong with it, if anything."""
        order = self.orders[row]
        if len(order) != len(trace) or len(set(order)) < len(order):
            return "a component order that does not fit the trace"
        sources = _sources(order)
        if not sources:
            return "no component of ZNE"
        try:
            polyphase_filter(self.rates_hz[row], self.config.sampling_rate_hz)
        except ZooError:
            return "a sampling rate that has no simple ratio to that of the records"
        if any(order[at] in _STANDS_FOR for at in sources.values()):
            what = "horizontals 1 and 2, of unknown azimuth, as N and E"
            self.problems.append(Problem(self.names[row], what, KEPT))
        step = self.rates_hz[row] / self.config.sampling_rate_hz
        last_start = int(np.floor(trace.shape[1] - 1 - (self.config.samples - 1) * step + 1e-6))
        if last_start < 0:
            self.problems.append(Problem(self.names[row], "shorter than a record", f"{KEPT}, with zeros at its end"))
        elif last_start >= step:  # by a sample of the record, not by what its rate leaves over
            arrival = self._first_arrival(row)
            if 0 <= arrival < trace.shape[1]:
                ahead = FIRST_ARRIVAL_FROM + (FIRST_ARRIVAL_TO - FIRST_ARRIVAL_FROM) * drawn
                wanted = arrival - ahead * self.config.samples * step
            else:
                wanted = drawn * (last_start + 1)
            self.starts[row] = np.clip(int(wanted), 0, last_start)
        return ""

    def _first_arrival(self, row: int) -> float:
        """Return the input sample of the earliest arrival of any phase, else of the origin time; NaN without either."""
        found = [_number_or_nan(value) for key, value in self.metadata[row].items() if key.endswith("_arrival_sample")]
        origin = _number_or_nan(self.metadata[row].get("trace_origin_sample", ""))
        return min((value for value in found if value == value), default=origin)

    def _resampled(self, rows: list[int], traces: list[Any], rate_hz: float) -> np.ndarray:
        """Return the windows (rows, samples, 3) of traces that have one rate."""
        samples, to_hz = self.config.samples, self.config.sampling_rate_hz
        margin = 0 if rate_hz == to_hz else int(_MARGIN * max(1.0, rate_hz / to_hz))
        length = int(np.ceil(samples * rate_hz / to_hz)) + 2 * margin
        pieces = np.zeros((len(rows), length, len(COMPONENTS)), np.float32)
        for piece, row in zip(pieces, rows, strict=True):
            begin = self.starts[row] - margin
            first = max(0, begin)
            trace = traces[row][:, first : begin + length]
            for place, at in _sources(self.orders[row]).items():
                piece[first - begin : first - begin + trace.shape[1], place] = trace[at]
        if rate_hz == to_hz:
            return pieces
        return resample(pieces, rate_hz, to_hz, starts=np.full(len(rows), margin), samples=samples)

    def column(self, name: str, header: Sequence[str]) -> list:
        """Return a column of the records that are kept."""
        if name == "trace_name":
            return [self.names[row] for row in self.kept]
        if name == "trace_component_order":
            return [self.orders[row] for row in self.kept]
        kind = kind_of(name, dict(self.config.own_columns))
        if kind == "number" and name not in header and name in ARRIVALS:
            return [self._sample(row, min(self._numbers(row, ARRIVALS[name]), default=np.nan)) for row in self.kept]
        values = [self.metadata[row].get(name, "") for row in self.kept]
        if kind == "vector3":
            return [_three(value) for value in values]
        if kind == "text":
            values = [text(value) for value in values]
            return self._shifted(values) if name == "trace_start_time" else values
        numbers = [self._number(row, name, value) for row, value in zip(self.kept, values, strict=True)]
        if name.endswith("_sample"):
            return [self._sample(row, value) for row, value in zip(self.kept, numbers, strict=True)]
        return numbers

    def _numbers(self, row: int, names: Sequence[str]) -> list[float]:
        found = [_number_or_nan(self.metadata[row].get(name, "")) for name in names]
        return [value for value in found if value == value]

    def _number(self, row: int, name: str, value: str) -> float:
        try:
            return number(value)
        except ValueError:
            self.problems.append(Problem(self.names[row], f"{name} is no number", f"{KEPT}, as missing"))
            return np.nan

    def _sample(self, row: int, value: float) -> float:
        """Return a sample of the archive's trace as one of the record; unchanged if nothing was cut or resampled."""
        value = value - self.starts[row]
        rate_hz, to_hz = self.rates_hz[row], self.config.sampling_rate_hz
        return value if rate_hz == to_hz else value * to_hz / rate_hz

    def _shifted(self, values: list[str]) -> list[str]:
        """Return the start times of the windows; those of traces that are not cut at the beginning stay as they are."""
        moved = []
        for row, value in zip(self.kept, values, strict=True):
            if self.starts[row] and value:
                later = datetime.timedelta(seconds=float(self.starts[row] / self.rates_hz[row]))
                try:
                    value = (datetime.datetime.fromisoformat(value) + later).isoformat(timespec="microseconds")
                except ValueError:
                    what = "trace_start_time cannot be read"
                    self.problems.append(Problem(self.names[row], what, f"{KEPT}, as missing"))
                    value = ""
            moved.append(value)
        return moved


def _sources(order: str) -> dict[int, int]:
    """Return where Z, N and E are in a trace: place in ZNE -> place in the trace."""
    found = {COMPONENTS.index(c): at for at, c in enumerate(order) if c in COMPONENTS}
    for at, component in enumerate(order):
        place = COMPONENTS.find(_STANDS_FOR.get(component, " "))
        if place >= 0:
            found.setdefault(place, at)
    return found


def _number_or_nan(value: str) -> float:
    try:
        return number(value)
    except ValueError:
        return np.nan


def _three(value: str) -> np.ndarray:
    """Return three numbers from a text like "[1. 2. 3.]" or "1|2|3"; NaN for those that are missing."""
    found = np.full(3, np.nan)
    for place, item in enumerate(value.translate(str.maketrans("[](),|;", "       ")).split()[:3]):
        found[place] = _number_or_nan(item)
    return found
