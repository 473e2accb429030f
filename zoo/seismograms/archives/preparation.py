"""How an archive of seismograms becomes a TFDS dataset: in one pass, in blocks, by threads, resumable.

A builder says which rows of its metadata it takes (`_rows`, streamed) and reads a few hundred of them at a time
(`_read`). The rest happens here: rows are gathered into blocks, each block becomes one finished record file per split,
and the files become the shards of the dataset. The content of a block depends on the archive and the config alone, so
the bytes are the same for any number of workers and after any interruption, and memory does not grow with the archive.
Everything that is skipped, or kept although something is wrong with it, is listed in `problems.csv` beside the records.
"""

from __future__ import annotations

import csv
import dataclasses
import json
import os
import shutil
import sys
import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np
import tensorflow_datasets as tfds
from tensorflow_datasets.core import file_adapters
from tensorflow_datasets.core.dataset_builder import FileReaderBuilder
from tensorflow_datasets.core.splits import SplitDict, SplitInfo

from zoo.data import shards
from zoo.data.code import code_hashes
from zoo.errors import ZooError
from zoo.files import cores, digest, read_json, write_json
from zoo.progress import bar, say
from zoo.seismograms.archives.checks import SKIPPED, Problem, check
from zoo.seismograms.archives.columns import COLUMNS, kind_of
from zoo.seismograms.archives.encoding import serialize, write_tfrecord
from zoo.settings import Setting
from zoo.store import atomic_path

PROBLEMS_FILE = "problems.csv"
_BLOCK_ROWS, _BLOCK_BYTES = 4096, 1 << 27  # a block has at most so many rows, and waveforms of 128 MiB
_REPORT = ".json"  # suffix of a block's report, which is written last, when its record files are complete


class Row(NamedTuple):
    """A trace to read: its split, its unique name, and whatever `_read` needs to know about it."""

    split: str
    name: str
    data: Any


class Skipped(NamedTuple):
    """A trace that, as the metadata already say, cannot be read."""

    name: str
    problem: str


@dataclasses.dataclass
class Traces:
    """What `_read` returns: n traces, their columns, and what was wrong with those that are missing."""

    waveforms: np.ndarray
    """(n, samples, components), float32."""
    columns: Mapping[str, Sequence]
    """By name, n values each: texts, numbers, or an array (n, 3)."""
    problems: list[Problem] = dataclasses.field(default_factory=list)


@dataclasses.dataclass(frozen=True)
class Layout:
    """What every record of a dataset looks like."""

    samples: int
    sampling_rate_hz: float
    columns: tuple[str, ...]
    """Names in `zoo.seismograms.archives.columns.COLUMNS`, or in `own_columns`."""
    components: str = "ZNE"
    unit: str = "counts"
    """Unit of the waveform, times trace_scale if that column exists."""
    categories: tuple[str, ...] = ()
    """Values of trace_category; if they are given, a record has a `label`, the number of its category."""
    own_columns: tuple[tuple[str, str], ...] = ()
    """Name and kind of each column that only this archive has."""

    def features(self) -> tfds.features.FeaturesDict:
        """Return the TFDS features of a record."""
        as_bytes = tfds.features.Encoding.BYTES
        shapes = {"number": (), "vector3": (3,)}
        made: dict[str, Any] = {
            "waveform": tfds.features.Tensor(
                shape=(self.samples, len(self.components)), dtype=np.float32, encoding=as_bytes
            )
        }
        for name in self.columns:
            kind = kind_of(name, dict(self.own_columns))
            made[name] = (
                tfds.features.Text()
                if kind == "text"
                else tfds.features.Tensor(shape=shapes[kind], dtype=np.float64, encoding=as_bytes)
            )
        if self.categories:
            made["label"] = tfds.features.ClassLabel(names=list(self.categories))
        return tfds.features.FeaturesDict(made)

    def encode(self, traces: Traces) -> list[bytes]:
        """Return the serialized records of traces."""
        own = dict(self.own_columns)
        columns: dict[str, Any] = {"waveform": traces.waveforms.astype(np.float32, copy=False)}
        for name in self.columns:
            values = traces.columns[name]
            columns[name] = values if kind_of(name, own) == "text" else np.asarray(values, np.float64)
        if self.categories:
            number = {category: label for label, category in enumerate(self.categories)}
            columns["label"] = np.array([number[category] for category in traces.columns["trace_category"]], np.int64)
        return serialize(columns)

    def about(self) -> dict[str, Any]:
        """Return the layout as metadata."""
        own = dict(self.own_columns)
        return {
            "sampling_rate_hz": self.sampling_rate_hz,
            "samples": self.samples,
            "component_order": self.components,
            "unit": self.unit,
            "columns": {name: COLUMNS[name].about if name in COLUMNS else own[name] for name in self.columns},
        }


@dataclasses.dataclass
class WaveformConfig(tfds.core.BuilderConfig):
    """The fields that the configs of all waveform datasets share."""

    complete: bool = False
    """Whether records with a flat component, or with equal ones, are skipped: `zoo.seismograms.archives.checks`."""


COMPLETE = {
    "complete": Setting(
        False,
        "whether records with a flat component, or with components that are all equal, are skipped",
        "ours: real stations have such records",
    )
}
NORMALISE = {
    "normalise": Setting(
        False,
        "whether the mean of each component is removed, and a record divided by its largest absolute value",
        "false: the archive's unit; true: Kong et al. 2021, section 3.1",
    )
}
"""Settings that several builders of waveforms share."""


class WaveformBuilder(FileReaderBuilder, skip_registration=True):
    """Base of the builders of waveform datasets; see the module. A builder supplies `_layout` to `_read`."""

    SPLITS: ClassVar[tuple[str, ...]] = ("train", "validation", "test")
    ROWS_AT_ONCE: ClassVar[int] = 128
    """The most rows that `_read` gets at a time."""

    workers: int | None = None
    """Threads; set by `zoo.data.datasets.prepare`. Default: the number of cores."""
    blocks_folder: Path | None = None
    """Folder of the blocks, once preparation has begun; `zoo.data.datasets.prepare` deletes it at the end."""

    def _layout(self) -> Layout:
        """Return the layout of the records of this config."""
        raise NotImplementedError

    def _about(self) -> dict[str, Any]:
        """Return metadata other than the layout's: origin, licence, how it was split ..."""
        raise NotImplementedError

    def _sources(self, dl_manager: tfds.download.DownloadManager) -> list[Path]:
        """Return the files that are read, downloading them if necessary."""
        raise NotImplementedError

    def _rows(self, sources: list[Path]) -> Iterator[Row | Skipped]:
        """Yield the rows to read, in the order of the archive."""
        raise NotImplementedError

    def _read(self, sources: list[Path], rows: list[Any]) -> Traces:
        """Read the data of rows of one split. Several threads call it; the result depends on its arguments alone."""
        raise NotImplementedError

    def _count(self, sources: list[Path]) -> int:
        """Return roughly how many rows `_rows` yields, for the progress bar; 0 if unknown."""
        return 0

    def _info(self) -> tfds.core.DatasetInfo:
        layout = self._layout()
        about = {**layout.about(), **self._about(), "settings": shards.fields(self.builder_config), "problems": {}}
        return self.dataset_info_from_configs(features=layout.features(), metadata=tfds.core.MetadataDict(about))

    def _download_and_prepare(self, dl_manager, download_config=None) -> None:
        limit = download_config.max_examples_per_split if download_config else None
        sources = self._sources(dl_manager)
        key = digest(*self._depends_on(sources, limit))[:16]
        self.blocks_folder = Path(dl_manager.download_dir) / "blocks" / f"{self.builder_config.name}-{key}"
        self.blocks_folder.mkdir(parents=True, exist_ok=True)
        reports = self._write_blocks(sources, self.blocks_folder, limit)
        self._assemble(reports)

    def _depends_on(self, sources: list[Path], limit: int | None) -> list[Any]:
        """Return all that the blocks are made of: what was begun with something else is not gone on with."""
        code = code_hashes(sorted(Path(sys.modules[type(self).__module__].__file__).parent.glob("*.py")))
        files = [(path.name, path.stat().st_size, path.stat().st_mtime_ns) for path in sources if path.is_file()]
        settings = json.dumps(shards.fields(self.builder_config))
        return [settings, limit, self.info.file_format, np.__version__, *files, *code]

    def _blocks(self, sources: list[Path], limit: int | None) -> Iterator[tuple[dict[str, list[Row]], list[Problem]]]:
        """Gather rows into blocks; report names that occurred before."""
        layout = self._layout()
        size = min(_BLOCK_ROWS, max(_BLOCK_BYTES // (4 * layout.samples * len(layout.components)), 1))
        seen: set[int] = set()  # hashes: a million names would take a hundred megabytes more
        taken: Counter[str] = Counter()
        rows: dict[str, list[Row]] = {}
        problems: list[Problem] = []
        held = 0
        for item in self._rows(sources):
            if isinstance(item, Skipped):
                problems.append(Problem(item.name, item.problem, SKIPPED))
                continue
            if hash(item.name) in seen:
                problems.append(Problem(item.name, "duplicate name", SKIPPED))
                continue
            seen.add(hash(item.name))
            if limit is not None:
                if taken[item.split] >= limit:
                    if all(taken[split] >= limit for split in self.SPLITS):
                        break
                    continue
                taken[item.split] += 1
            rows.setdefault(item.split, []).append(item)
            held += 1
            if held == size:
                yield rows, problems
                rows, problems, held = {}, [], 0
        if rows or problems:
            yield rows, problems

    def _write_blocks(self, sources: list[Path], folder: Path, limit: int | None) -> list[dict[str, Any]]:
        """Write the blocks that do not exist yet; return the reports of all, in order."""
        workers = self.workers or cores()
        stop = threading.Event()
        running: dict[Future, int] = {}
        reports: dict[int, dict[str, Any]] = {}
        found = 0
        with (
            bar(f"{self.name}/{self.builder_config.name}", self._count(sources)) as advance,
            ThreadPoolExecutor(workers) as pool,
        ):

            def collect(some: set[Future]) -> None:
                for future in some:
                    number = running.pop(future)
                    reports[number] = future.result()

            try:
                for number, (rows, problems) in enumerate(self._blocks(sources, limit)):
                    report = _finished(folder, number)
                    if report is not None:
                        reports[number] = report
                        found += 1
                        advance(sum(len(part) for part in rows.values()))
                        continue
                    # No more blocks than this wait in memory.
                    if len(running) > workers:
                        collect(wait(running, return_when=FIRST_COMPLETED).done)
                    work = (self._write_block, sources, folder, number, rows, problems, advance, stop)
                    running[pool.submit(*work)] = number
                collect(wait(running).done)
            except BaseException:
                stop.set()  # threads abandon the blocks they have begun; complete ones are kept
                pool.shutdown(wait=True, cancel_futures=True)
                raise
        if found:
            say(f"{self.name}/{self.builder_config.name}: {found} of {len(reports)} blocks were there already.")
        return [reports[number] for number in sorted(reports)]

    def _write_block(self, sources, folder, number, rows, problems, advance, stop) -> dict[str, Any]:
        """Read, check and write the rows of one block; return its report."""
        layout = self._layout()
        complete = self.builder_config.complete
        splits = {}
        for split, part in rows.items():
            written = 0

            def records(part=part):
                nonlocal written
                for first in range(0, len(part), self.ROWS_AT_ONCE):
                    if stop.is_set():
                        raise InterruptedError("another block failed")
                    some = part[first : first + self.ROWS_AT_ONCE]
                    traces = self._read(sources, [row.data for row in some])
                    names = traces.columns["trace_name"]
                    advance(len(some))
                    if not len(names):
                        problems.extend(traces.problems)
                        continue
                    keep, found = check(traces.waveforms, names, layout.components, complete)
                    problems.extend([*traces.problems, *found])
                    encoded = layout.encode(traces)
                    for name, record, wanted in zip(names, encoded, keep, strict=True):
                        if wanted:
                            written += 1
                            yield name, record

            with atomic_path(folder / f"{number:06d}-{split}") as temporary:
                if self.info.file_format == file_adapters.FileFormat.TFRECORD:
                    write_tfrecord(temporary, (record for _, record in records()))
                else:
                    file_adapters.ADAPTER_FOR_FORMAT[self.info.file_format].write_examples(temporary, records())
            path = folder / f"{number:06d}-{split}"
            splits[split] = {"file": path.name, "examples": written, "bytes": path.stat().st_size}
        report = {"splits": splits, "problems": problems}
        write_json(folder / f"{number:06d}{_REPORT}", report)
        return report

    def _assemble(self, reports: list[dict[str, Any]]) -> None:
        """Turn the files of the blocks into the shards of the dataset, and write the list of problems."""
        infos = []
        for split in self.SPLITS:
            parts = [report["splits"][split] for report in reports if split in report["splits"]]
            parts = [part for part in parts if part["examples"]]
            if not parts:
                continue
            template = self._get_filename_template(split)
            for index, part in enumerate(parts):
                target = Path(template.sharded_filepath(shard_index=index, num_shards=len(parts)))
                _link(self.blocks_folder / part["file"], target)
            lengths = [part["examples"] for part in parts]
            infos.append(SplitInfo(split, lengths, sum(part["bytes"] for part in parts), filename_template=template))
        problems = [Problem(*problem) for report in reports for problem in report["problems"]]
        counts = Counter(f"{problem.problem}: {problem.consequence}" for problem in problems)
        if not infos:
            why = "; ".join(f"{count} x {what}" for what, count in counts.most_common(5)) or "the selection is empty"
            raise ZooError(f"{self.name}/{self.builder_config.name}: no trace is left to write ({why}).")
        with atomic_path(Path(self.data_dir) / PROBLEMS_FILE) as temporary, open(temporary, "w", newline="") as file:
            csv.writer(file).writerows([Problem._fields, *problems])
        self.info.metadata["problems"] = dict(counts)
        self.info.set_splits(SplitDict(infos))
        say(f"{sum(info.num_examples for info in infos):,} traces; {len(problems):,} with problems.")
        for what, count in counts.most_common():
            say(f"  {count:,} x {what}")


def _finished(folder: Path, number: int) -> dict[str, Any] | None:
    """Return the report of a block that exists and is complete, else None."""
    report = folder / f"{number:06d}{_REPORT}"
    if not report.is_file():
        return None
    said = read_json(report, "A block of a dataset")
    for part in said["splits"].values():
        path = folder / part["file"]
        if not path.is_file() or path.stat().st_size != part["bytes"]:
            say(f"The block {path} is damaged; making it anew.")
            return None
    return said


def _link(source: Path, target: Path) -> None:
    """Give a file a second name, so that an interruption costs no block; copy it where the disk has no links."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
