"""STEAD as TFDS: the archive's files as they are, whole traces or windows cut from them."""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from zoo.data.builders import check_own_name, manual_folder
from zoo.errors import UsageError, ZooError
from zoo.seismograms import signals
from zoo.seismograms.archives.checks import KEPT, SKIPPED, Problem
from zoo.seismograms.archives.hdf5 import TraceFile
from zoo.seismograms.archives.preparation import (
    COMPLETE,
    NORMALISE,
    Layout,
    Row,
    Skipped,
    Traces,
    WaveformBuilder,
    WaveformConfig,
)
from zoo.settings import Setting, read

from . import files, splits, table, windows
from .azimuth import back_azimuth_deg
from .windows import RATE_HZ, SAMPLES

EARTHQUAKE, NOISE = "earthquake_local", "noise"
_GOLDEN = (math.sqrt(5) - 1) / 2
_SETTINGS = {
    "categories": Setting(
        [NOISE, EARTHQUAKE], "categories of the traces that are taken", "STEAD", choices=(NOISE, EARTHQUAKE)
    ),
    "min_magnitude": Setting(
        None,
        "smallest magnitude of an earthquake, included; none: any, and also those without one",
        "Kong et al. 2021, section 3.4, for picking: 2",
        low=-5.0,
        high=10.0,
        kind="number",
        optional=True,
    ),
    "max_distance_km": Setting(
        None,
        "largest epicentral distance of an earthquake, included; none: any",
        "Kong et al. 2021, section 3.4, for picking: 100",
        unit="km",
        low=0.0,
        high=20_000.0,
        kind="number",
        optional=True,
    ),
    "sampling_rate_hz": Setting(RATE_HZ, "sampling rate of the records", "STEAD", unit="Hz", low=0.1, high=RATE_HZ),
    "samples": Setting(
        SAMPLES,
        "length of a record; at another sampling rate by default the whole trace's",
        "STEAD: 60 s",
        unit="samples",
        low=1,
    ),
    **NORMALISE,
    "window": Setting(
        "begin",
        "begin: a record starts with the trace; before_p: at random before P (noise: anywhere)",
        "begin: ours; before_p: Kong et al. 2021, section 3.4",
        choices=("begin", "before_p"),
    ),
    "seed": Setting(0, "seed of where windows start, with before_p", "ours: any", low=0),
    "split": Setting(
        "published",
        "published: EQTransformer's test set, as in SeisBench; event: no event in two splits",
        "published: EQTransformer; event: ours",
        choices=tuple(splits.SPLITS),
    ),
    **COMPLETE,
}


@dataclasses.dataclass
class SteadConfig(WaveformConfig):
    """Which traces, and what is cut from them."""

    chunk: int = 0
    """1 to 6: one of STEAD's chunks; 0: the whole, or what there is of it."""
    most: int = 0
    """About so many rows, evenly spread; 0: all."""
    categories: tuple[str, ...] = (NOISE, EARTHQUAKE)
    min_magnitude: float | None = None
    max_distance_km: float | None = None
    sampling_rate_hz: float = RATE_HZ
    samples: int = SAMPLES
    normalise: bool = False
    window: str = "begin"
    """Where a window starts: with the trace, or at random before P (noise: anywhere)."""
    seed: int = 0
    """Seed of where windows start."""
    split: str = "published"

    @property
    def cuts(self) -> bool:
        """Whether records are anything other than whole traces."""
        return (self.window, self.sampling_rate_hz, self.samples) != ("begin", RATE_HZ, SAMPLES)


_KONG = {
    "categories": (EARTHQUAKE,),
    "sampling_rate_hz": 20.0,
    "samples": 540,
    "normalise": True,
    "window": "before_p",
    "complete": True,
}


class Builder(WaveformBuilder):
    """The Stanford earthquake dataset."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First release."}
    MANUAL_DOWNLOAD_INSTRUCTIONS = "A folder with STEAD's .hdf5 and .csv is read; without one they are downloaded."
    BUILDER_CONFIGS = [
        SteadConfig(
            name="mini", most=3000, description="About 3,000 traces, spread over what there is, to try things."
        ),
        SteadConfig(name="whole", description="All traces, 60 s at 100 Hz, counts."),
        SteadConfig(name="chunk1", chunk=1, description="Chunk 1: noise."),
        SteadConfig(name="chunk2", chunk=2, description="Chunk 2: earthquakes."),
        SteadConfig(name="chunk3", chunk=3, description="Chunk 3: earthquakes."),
        SteadConfig(name="chunk4", chunk=4, description="Chunk 4: earthquakes."),
        SteadConfig(name="chunk5", chunk=5, description="Chunk 5: earthquakes."),
        SteadConfig(name="chunk6", chunk=6, description="Chunk 6: earthquakes."),
        SteadConfig(name="kong2021_autoencoder", description="Kong et al. (2021): 27 s of every earthquake.", **_KONG),
        SteadConfig(
            name="kong2021_picking",
            description="Kong et al. (2021), picking: magnitude 2 or more, within 100 km.",
            min_magnitude=2.0,
            max_distance_km=100.0,
            **_KONG,
        ),
        SteadConfig(
            name="kong2021_picking_200km",
            description="Kong et al. (2021), picking with more data: magnitude 1.5 or more, within 200 km.",
            min_magnitude=1.5,
            max_distance_km=200.0,
            **_KONG,
        ),
    ]
    SETTINGS = {
        **_SETTINGS,
        "like": Setting(
            "whole",
            "the shipped config whose values hold where no other setting is given",
            "ours: the archive as it is",
            choices=[c.name for c in BUILDER_CONFIGS],
        ),
    }

    @classmethod
    def custom_config(cls, name: str, settings: dict[str, str]) -> SteadConfig:
        """Return a user's own config, from `zoo prepare stead/NAME --set ...`.

        Args:
            name: what to call it.
            settings: `categories` (earthquake_local, noise), `min_magnitude`, `max_distance_km` (of earthquakes),
                `sampling_rate_hz` (up to 100; then `samples` are the whole trace's), `samples`, `normalise`, `window`
                (begin, before_p), `seed`, `split` (published, event), `complete`; `like`, the shipped config whose
                values hold where no other setting is given, default `whole`.
        """
        check_own_name("stead", name, cls.builder_configs)
        chosen = read("stead", cls.SETTINGS, settings)
        if "categories" in chosen:
            chosen["categories"] = tuple(kind for kind in (NOISE, EARTHQUAKE) if kind in chosen["categories"])
        like = cls.builder_configs[chosen.pop("like", "whole")]
        rate = chosen.get("sampling_rate_hz", like.sampling_rate_hz)
        signals.polyphase_filter(RATE_HZ, rate)  # refuses what has no ratio of small numbers
        longest = int(SAMPLES * rate / RATE_HZ)
        if rate != like.sampling_rate_hz:
            chosen.setdefault("samples", longest)
        config = dataclasses.replace(like, name=name, description="A user's own selection.", **chosen)
        if config.samples > longest:
            raise UsageError(
                f"A trace of 60 s has {longest} samples at {rate:g} Hz; received samples={config.samples}."
            )
        return config

    def _layout(self) -> Layout:
        config = self.builder_config
        columns = [*table.FILE_COLUMNS.values(), "path_back_azimuth_deg"]
        return Layout(
            samples=config.samples,
            sampling_rate_hz=config.sampling_rate_hz,
            columns=tuple([*columns, "trace_scale"] if config.normalise else columns),
            categories=config.categories,
        )

    def _about(self) -> dict[str, Any]:
        return {
            "origin": "STEAD, Mousavi et al. 2019, doi:10.1109/ACCESS.2019.2947848",
            "licence": "CC BY 4.0",
            "split": splits.SPLITS[self.builder_config.split],
        }

    def _sources(self, dl_manager: tfds.download.DownloadManager) -> list[Path]:
        config = self.builder_config
        folder, own = manual_folder(dl_manager), Path(dl_manager.download_dir)
        has_data = folder is not None and any(path.name != files.TEST_LIST for path in folder.iterdir())
        if config.most and not has_data:
            raise ZooError(
                "stead/mini reads STEAD files that you have: name their folder with --manual-dir. The smallest "
                "that can be downloaded is a chunk, 13.7 GB: zoo prepare stead/chunk2."
            )
        test_list = [files.test_list(folder, own)] if config.split == "published" else []  # the small one first
        if has_data:
            pairs = files.find(folder, f"stead/{config.name}", config.chunk)
        else:
            pairs = files.download(own, config.chunk)
        return [*(path for pair in pairs for path in pair), *test_list]

    def _count(self, sources: list[Path]) -> int:
        total = sum(files.count(self._file(path)[0]) for path in sources if path.suffix == ".hdf5")
        return min(self.builder_config.most or total, total)

    @functools.cached_property
    def _opened(self) -> dict[Path, tuple[TraceFile, dict[str, str]]]:
        return {}

    def _file(self, path: Path) -> tuple[TraceFile, dict[str, str]]:
        """Return an open HDF5 and the groups of its traces."""
        if path not in self._opened:  # two threads may both open it: one is forgotten
            opened = TraceFile(path)
            self._opened[path] = opened, files.groups(opened)
        return self._opened[path]

    def _rows(self, sources: list[Path]) -> Iterator[Row | Skipped]:
        config = self.builder_config
        split = splits.by_event if config.split == "event" else splits.published(files.test_names(sources[-1]))
        total = sum(files.count(self._file(path)[0]) for path in sources if path.suffix == ".hdf5")
        share = config.most / total if 0 < config.most < total else 1.0
        name_at, category_at = table.PLACE["trace_name"], table.PLACE["trace_category"]
        number = 0
        for index, path in enumerate(path for path in sources if path.suffix == ".csv"):
            for line, fields in table.rows(path):
                torn = len(fields) != len(table.FILE_COLUMNS)
                name = "" if torn else fields[name_at]
                part = split(fields)  # before any selection: it must not move the split
                number += 1
                if number * _GOLDEN % 1.0 >= share:
                    continue
                if torn:
                    yield Skipped(f"{path.name}, line {line}", "a row with too few or too many fields")
                elif not name:
                    yield Skipped(f"{path.name}, line {line}", "no trace_name")
                elif fields[category_at] not in files.GROUPS_2019:
                    yield Skipped(name, f"unknown category {fields[category_at][:40]!r}")
                elif fields[category_at] in config.categories:
                    problem = self._unselected(fields) if fields[category_at] == EARTHQUAKE else None
                    if problem is None:
                        yield Row(part, name, (index, fields))
                    elif problem:
                        yield Skipped(name, problem)

    def _unselected(self, fields: Sequence[str]) -> str | None:
        """Return None for an earthquake that is wanted, "" for one that is not, or what cannot be read of it."""
        config = self.builder_config
        for limit, sign, column in (
            (config.min_magnitude, 1, "source_magnitude"),
            (config.max_distance_km, -1, "source_distance_km"),
        ):
            if limit is not None:
                try:
                    value = table.number(fields[table.PLACE[column]])
                except ValueError:
                    return f"{column} is not a number"
                if not sign * value >= sign * limit:  # a missing one, too
                    return ""
        return None

    def _read(self, sources: list[Path], rows: list[Any]) -> Traces:
        config = self.builder_config
        hdf5s = [path for path in sources if path.suffix == ".hdf5"]
        raw = np.empty((len(rows), SAMPLES, 3), np.float32)
        found: list[Sequence[str]] = []
        problems: list[Problem] = []
        name_at, category_at = table.PLACE["trace_name"], table.PLACE["trace_category"]
        for index, fields in rows:
            file, groups = self._file(hdf5s[index])
            problem = file.read_into(groups[fields[category_at]] + fields[name_at], raw[len(found)])
            if problem is None:
                found.append(fields)
            else:
                problems.append(Problem(fields[name_at], problem, SKIPPED))
        if not found:
            none = {name: [] for name in self._layout().columns}
            return Traces(np.empty((0, config.samples, 3), np.float32), none, problems)
        raw = raw[: len(found)]
        columns, unread = table.columns(found)
        problems += [Problem(columns["trace_name"][row], problem, KEPT) for row, problem in sorted(unread.items())]
        columns["path_back_azimuth_deg"] = back_azimuth_deg(
            *(columns[f"{end}_{name}_deg"] for end in ("source", "station") for name in ("latitude", "longitude"))
        )
        if config.cuts:
            begin, fits = np.zeros(len(found), np.int64), np.ones(len(found), bool)
            if config.window == "before_p":
                noise = np.array([category == NOISE for category in columns["trace_category"]], bool)
                begin, fits = windows.starts(columns, noise, config.sampling_rate_hz, config.samples, config.seed)
            if not fits.all():
                names = columns["trace_name"]
                problems += [Problem(names[row], "no window with its P", SKIPPED) for row in np.flatnonzero(~fits)]
                raw, begin, columns = raw[fits], begin[fits], windows.take(columns, np.flatnonzero(fits))
            waveforms, columns = windows.cut(raw, columns, begin, config.sampling_rate_hz, config.samples)
        else:
            waveforms = raw
        waveforms = np.ascontiguousarray(waveforms[:, :, ::-1])  # E, N, Z on the disk
        if config.normalise:
            waveforms, columns["trace_scale"] = signals.normalise(signals.demean(waveforms))
        return Traces(waveforms, columns, problems)
