"""Samples of SEG-Y and Seismic Unix as rows that are read when they are asked for: the file is never all in memory."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from zoo.fwi.segy.layout import Layout

_KINDS = {2: "i4", 3: "i2", 5: "f4", 6: "f8", 8: "i1", 9: "i8", 10: "u4", 11: "u2", 12: "u8", 16: "u1"}
_LIBRARY = (1, 2, 3, 5, 6, 8)  # formats that segyio's release reads
_CHUNK_BYTES = 8 << 20


def open_bytes(path: Path) -> np.ndarray:
    """Return the bytes of a file as a memory map (an array where it is empty)."""
    return np.memmap(path, np.uint8, "r") if path.stat().st_size else np.zeros(0, np.uint8)


def read_trace_headers(path: Path, layout: Layout) -> np.ndarray:
    """Return the headers of all traces, one after the other, as bytes.

    They are read and not mapped: a map of which every page is touched is as large as the file.
    """
    with open(path, "rb", buffering=0) as file:
        parts = [_at(file, int(offset), layout.header_bytes) for offset in layout.offsets]
    return np.frombuffer(b"".join(parts), np.uint8)


def _at(file: BinaryIO, offset: int, count: int) -> bytes:
    file.seek(offset)
    return file.read(count)


def read_rows(path: Path, layout: Layout, rows: np.ndarray, samples: int) -> np.ndarray:
    """Return the first `samples` samples of some traces, (rows, samples) float32.

    Args:
        path: of the file.
        layout: of the file.
        rows: (n,) numbers of traces, counted from 0.
        samples: at most the length of the shortest of them.
    """
    if layout.plain and layout.format in _LIBRARY and (found := _by_library(path, layout, rows, samples)) is not None:
        return found
    content = open_bytes(path)
    width = layout.sample_bytes
    first = layout.offsets[rows] + layout.header_bytes
    found = np.empty((len(rows), samples), np.float32)
    for part in chunks(len(rows), width * samples):
        raw = content[first[part, None] + np.arange(width * samples)]
        found[part] = _numbers(raw, layout.format, layout.order)
    return found


def _by_library(path: Path, layout: Layout, rows: np.ndarray, samples: int) -> np.ndarray | None:
    """Return the samples through segyio; None where it finds another layout than ours."""
    import segyio

    opened = segyio.open if layout.kind == "SEG-Y" else segyio.su.open
    endian = "big" if layout.order == ">" else "little"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with opened(str(path), ignore_geometry=True, endian=endian) as file:
                if (file.tracecount, len(file.samples)) != (len(layout.offsets), layout.lengths[0]):
                    return None
                file.mmap()
                found = np.empty((len(rows), samples), np.float32)
                for number, row in enumerate(rows):
                    found[number] = file.trace.raw[int(row)][:samples]
                return found
        except (OSError, RuntimeError, ValueError, IndexError, KeyError):
            return None


def _numbers(raw: np.ndarray, code: int, order: str) -> np.ndarray:
    """Return bytes (n, bytes) as float32 (n, samples)."""
    if code == 1:
        from segyio.tools import native

        words = raw.view(order + "u4").astype(">u4")
        return native(words.view(np.float32).copy(), format=1, copy=False)
    if code in (7, 15):
        three = raw.reshape(len(raw), -1, 3)
        three = three if order == "<" else three[..., ::-1]
        whole = three[..., 0] + 256 * three[..., 1].astype(np.int32) + 65536 * three[..., 2].astype(np.int32)
        return (whole - (1 << 24) * (whole >> 23) if code == 7 else whole).astype(np.float32)
    with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinite and is refused by name
        return raw.view(order + _KINDS[code]).astype(np.float32)


def chunks(rows: int, row_bytes: int) -> Iterator[slice]:
    """Return the rows in stretches of some megabytes each."""
    step = max(1, _CHUNK_BYTES // max(row_bytes, 1))
    return (slice(start, min(start + step, rows)) for start in range(0, rows, step))


@dataclass(frozen=True, eq=False)
class Part:
    """Some traces of a file, in the order in which they are wanted.

    Attributes:
        path, layout: of the file.
        rows: (n,) numbers of its traces.
        shifts: (n,) samples, not always whole, by which each trace's first sample lies after the common first one.
        dead: (n,) whether a trace is none, and zero.
    """

    path: Path
    layout: Layout
    rows: np.ndarray
    shifts: np.ndarray
    dead: np.ndarray

    def read(self, wanted: np.ndarray, samples: int) -> np.ndarray:
        """Return some traces on the common time axis, (wanted, samples) float32."""
        rows, shifts = self.rows[wanted], self.shifts[wanted]
        found = read_rows(self.path, self.layout, rows, int(self.layout.lengths[rows].min()))
        found[self.dead[wanted]] = 0
        return shifted(found, shifts, samples)


class LazyTraces:
    """Traces of one or more files as an array (n, samples) float32 of which what is asked for is read.

    >>> traces.shape, traces[3].shape, traces[10:20, ::2].shape  # doctest: +SKIP

    Args:
        parts: files, one after the other.
        samples: of every trace, on the common time axis.
        changes: what is done to traces (n, samples) that were read, one after the other.
    """

    dtype, ndim = np.dtype(np.float32), 2

    def __init__(
        self, parts: tuple[Part, ...], samples: int, changes: tuple[Callable[[np.ndarray], np.ndarray], ...] = ()
    ):
        self._parts, self._changes = parts, changes
        self._ends = np.cumsum([len(part.rows) for part in parts])
        self.shape = (int(self._ends[-1]), samples)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, key) -> np.ndarray:
        key = key if isinstance(key, tuple) else (key,)
        wanted = np.arange(len(self))[key[0]]
        found = self._read(np.atleast_1d(wanted))
        return (found if np.ndim(wanted) else found[0])[(slice(None),) * np.ndim(wanted) + key[1:]]

    def __array__(self, dtype=None, copy=None) -> np.ndarray:
        return self[:] if dtype is None else self[:].astype(dtype)

    def _read(self, wanted: np.ndarray) -> np.ndarray:
        found = np.empty((len(wanted), self.shape[1]), np.float32)
        number = np.searchsorted(self._ends, wanted, "right")
        for part in np.unique(number):
            here = number == part
            start = self._ends[part] - len(self._parts[part].rows)
            found[here] = self._parts[part].read(wanted[here] - start, self.shape[1])
        for change in self._changes:
            found = change(found)
        return found

    def then(self, change: Callable[[np.ndarray], np.ndarray]) -> LazyTraces:
        """Return the traces with something done to them, trace by trace, (n, samples) -> (n, samples)."""
        return LazyTraces(self._parts, self.shape[1], (*self._changes, change))


def shifted(traces: np.ndarray, shifts: np.ndarray, samples: int) -> np.ndarray:
    """Return traces later by some samples each, zero before their first one, cut to a number of samples.

    >>> shifted(np.array([[1.0, 2, 3]]), np.array([1.0]), 3)
    array([[0., 1., 2.]], dtype=float32)
    """
    if not shifts.any():
        return traces[:, :samples]
    found = np.zeros((len(traces), samples), np.float32)
    for shift in np.unique(shifts):
        these, whole = shifts == shift, int(np.floor(shift + 1e-6))
        if whole >= samples:  # it begins after the end of the others
            continue
        block, part = traces[these], shift - whole
        if part > 1e-3:  # between samples: the phase of a band-limited trace is turned
            size = 2 * block.shape[1]
            turn = np.exp(-2j * np.pi * np.fft.rfftfreq(size) * part)
            block = np.fft.irfft(np.fft.rfft(block, size, axis=1) * turn, size, axis=1)[:, : block.shape[1]]
        end = min(samples, whole + block.shape[1])
        found[these, whole:end] = block[:, : end - whole]
    return found
