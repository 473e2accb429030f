"""The folder of a SeisBench dataset: its chunks, its metadata as a stream of rows, and a survey of all rows.

The format is that of `seisbench.data.base` (Woollam et al. 2022): `metadata{chunk}.csv` beside `waveforms{chunk}.hdf5`,
the names of the chunks in a file `chunks` or in the names of the files; without chunks the name is empty.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np

from zoo.errors import ZooError
from zoo.files import digest, sha256
from zoo.foreign import reading
from zoo.progress import bar
from zoo.seismograms.archives.columns import COLUMNS

MISSING = {"", "nan", "NaN", "None", "none", "null", "NULL", "NaT", "<NA>"}
RATE_TOLERANCE = 1e-4
"""Rates that differ by less, relatively, are the same: SeisBench's own tolerance."""
_REMADE = {"split", "trace_sampling_rate_hz", "trace_dt_s", "trace_npts", "trace_chunk", "index"}
"""Columns that hold for the archive's trace and not for the record, or that TFDS has itself."""
_MOST_CATEGORIES = 32
_SAMPLE = 2000


class Chunk(NamedTuple):
    """A pair of files."""

    name: str
    metadata: Path
    waveforms: Path


def find_chunks(folder: Path) -> list[Chunk]:
    """Return the chunks of a folder, sorted by name.

    Raises:
        ZooError: if it is not the folder of a SeisBench dataset, or half of a pair is missing.
    """
    if not folder.is_dir():
        raise ZooError(f"There is no folder {folder}; folder= names one with metadata.csv and waveforms.hdf5.")
    listed = folder / "chunks"
    names = {line.strip() for line in listed.read_text().splitlines() if line.strip()} if listed.is_file() else set()
    if not names:
        names = {path.name[len("metadata") : -len(".csv")] for path in folder.glob("metadata*.csv")}
        names |= {path.name[len("waveforms") : -len(".hdf5")] for path in folder.glob("waveforms*.hdf5")}
        names = {""} if "" in names or not names else names
    chunks = [Chunk(name, folder / f"metadata{name}.csv", folder / f"waveforms{name}.hdf5") for name in sorted(names)]
    gone = [path.name for chunk in chunks for path in chunk[1:] if not path.is_file()]
    if gone:
        raise ZooError(
            f"{folder} holds no {', '.join(gone)}. A SeisBench dataset is a folder with metadata.csv and "
            "waveforms.hdf5, or such a pair for each of its chunks."
        )
    return chunks


_REMEDY = "Expected the metadata of SeisBench as CSV: copy it again."


class Table:
    """The rows of a metadata.csv, with the place of each in the file."""

    def __init__(self, path: Path):
        self.path = path
        self._file = open(path, "rb")  # noqa: SIM115 (closed by `close`)
        self._at = 0
        self._reader = csv.reader(self._lines())
        with reading(path, _REMEDY):
            self.header = next(self._reader, [])
        if "trace_name" not in self.header:
            raise ZooError(f"{path} has no column trace_name; its first line is {','.join(self.header)[:200]!r}.")
        if len(set(self.header)) < len(self.header):
            twice = [name for name, count in Counter(self.header).items() if count > 1]
            raise ZooError(f"{path} has the column {twice[0]} twice; rename one of them.")

    def _lines(self) -> Iterator[str]:
        for line in self._file:
            self._at += len(line)
            yield line.decode("utf-8", errors="replace").removeprefix("\ufeff")

    def __enter__(self) -> Table:
        return self

    def __exit__(self, *_) -> None:
        self._file.close()

    def __iter__(self) -> Iterator[tuple[int, list[str]]]:
        """Yield (place, fields) of every row."""
        place = self._at
        with reading(self.path, _REMEDY):
            for fields in self._reader:
                if fields:
                    yield place, fields
                place = self._at

    def at(self, places: Sequence[int]) -> Iterator[list[str]]:
        """Yield the rows at these places."""
        for place in places:
            self._file.seek(place)
            with reading(self.path, _REMEDY):
                yield next(csv.reader(self._lines()))


def places_by_bucket(chunk: Chunk) -> np.ndarray:
    """Return the places of a chunk's rows, those of one bucket together, buckets in the order of their first rows.

    Thus each bucket of the HDF5 file is read once, whatever the order of the metadata.
    """
    places, ranks, first = [], [], {}
    with Table(chunk.metadata) as table:
        column = table.header.index("trace_name")
        for number, (place, fields) in enumerate(table):
            name = fields[column] if column < len(fields) else ""
            bucket, dollar, _ = name.partition("$")
            places.append(place)
            ranks.append(first.setdefault(bucket, number) if dollar else number)
    return np.array(places, np.int64)[np.argsort(np.array(ranks, np.int64), kind="stable")]


def number(text: str) -> float:
    """Return a number, NaN for a missing one; ValueError for anything else."""
    return np.nan if text.strip() in MISSING else float(text)


def text(value: str) -> str:
    """Return a text, empty where it is missing."""
    return "" if value.strip() in MISSING else value


@dataclass
class Survey:
    """What all rows of a folder's metadata together say."""

    checksum: str
    rows: int = 0
    header: list[str] = field(default_factory=list)
    """All columns, in the order in which the files have them."""
    rates_hz: Counter[float] = field(default_factory=Counter)
    """Number of rows by the sampling rate that they state; 0 for none."""
    sample: list[tuple[str, str, float]] = field(default_factory=list)
    """(chunk, trace_name, rate in Hz) of some rows from all over the folder, whose lengths will be looked up."""
    categories: Counter[str] = field(default_factory=Counter)
    """Number of rows by trace_category; empty without that column."""
    filled: set[str] = field(default_factory=set)
    """Columns that have a value in some row."""
    texts: set[str] = field(default_factory=set)
    """Columns of the folder's own in which some value is not a number."""

    def own_columns(self) -> dict[str, str]:
        """Return the kind of the columns that only this folder has: a number where every value is one."""
        own = [name for name in self.header if name and name not in COLUMNS and name not in _REMADE]
        return {name: "number" if name in self.filled - self.texts else "text" for name in own}

    def labels(self) -> tuple[str, ...]:
        """Return the categories, sorted; none if a row lacks one or there are more than 32."""
        usable = "" not in self.categories and len(self.categories) <= _MOST_CATEGORIES
        return tuple(sorted(self.categories)) if usable else ()


def survey(chunks: Sequence[Chunk]) -> Survey:
    """Read all metadata once: which columns hold numbers, which rates and categories there are, and a checksum."""
    parts = [part for chunk in chunks for part in (chunk.name, sha256(chunk.metadata), chunk.waveforms.stat().st_size)]
    found = Survey(digest(*parts)[:16])
    size = sum(chunk.metadata.stat().st_size for chunk in chunks)
    with bar(f"reading {size / 1e6:.1f} MB of metadata", size) as advance:
        for chunk in chunks:
            with Table(chunk.metadata) as table:
                _survey_chunk(chunk.name, table, found, advance)
    if not found.rows:
        raise ZooError(f"{chunks[0].metadata} has no rows.")
    return found


def _survey_chunk(chunk: str, table: Table, found: Survey, advance: Callable[..., None]) -> None:
    header = table.header
    found.header += [column for column in header if column not in found.header]
    own = [(column, at) for at, column in enumerate(header) if column not in COLUMNS and column not in found.texts]
    at_name = header.index("trace_name")
    at_category = header.index("trace_category") if "trace_category" in header else None
    sample, step, shown = [], 1, 0
    for number_of_row, (place, fields) in enumerate(table):
        found.rows += 1
        if number_of_row % 10_000 == 0:
            advance(place - shown)
            shown = place
        if len(fields) != len(header):
            continue  # the builder reports it when it comes to the row
        for column, at in tuple(own):
            if fields[at] not in MISSING:
                found.filled.add(column)
                try:
                    float(fields[at])
                except ValueError:
                    found.texts.add(column)
                    own.remove((column, at))
        rate_hz = row_rate_hz(header, fields)
        found.rates_hz[rate_hz] += 1
        if at_category is not None:
            found.categories[text(fields[at_category])] += 1
        if number_of_row % step == 0:
            sample.append((chunk, fields[at_name], rate_hz))
            if len(sample) == _SAMPLE:  # every second one stays: rows all over the file, whatever its length
                sample, step = sample[::2], 2 * step
    found.sample += sample


def row_rate_hz(header: Sequence[str], fields: Sequence[str]) -> float:
    """Return the sampling rate (Hz) that a row states, 0 if it states none."""
    for column, inverse in (("trace_sampling_rate_hz", False), ("trace_dt_s", True)):
        if column in header:
            try:
                stated = number(fields[header.index(column)])
            except ValueError:
                continue
            if stated > 0:
                return 1 / stated if inverse else stated
    return 0.0
