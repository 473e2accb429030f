"""LEN-DB as TFDS: the archive's traces as they are, or prepared for telling earthquakes from noise."""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from zoo.data.builders import check_own_name, manual_folder
from zoo.data.download import fetch
from zoo.errors import ZooError
from zoo.foreign import check_hdf5
from zoo.seismograms import signals
from zoo.seismograms.archives.checks import SKIPPED, Problem
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
from zoo.settings import Setting, changed, defaults, read

from . import archive

FILE = "LEN-DB.hdf5"
URL = f"https://zenodo.org/record/3648232/files/{FILE}"
SIZE_GB = 18.2
SAMPLES, RATE_HZ = 540, 20.0
NOISE, EARTHQUAKE = "noise", "earthquake"
P_SAMPLE = 80
EARLIEST, LATEST = -60, P_SAMPLE - 1
"""Range of the shifts in samples: P at 20 to 159. Even the largest mirrors no sample of P into the beginning."""
# SeisBench's borders (`seisbench/data/lendb.py`): train, validation, test.
_BORDERS_S = tuple(float(np.datetime64(day, "s").astype(np.int64)) for day in ("2017-01-16", "2017-08-16"))
_DAY_S = 86_400.0
_ATTRIBUTES = {NOISE: ("starttime", *archive.STATION)}
_ATTRIBUTES[EARTHQUAKE] = (*_ATTRIBUTES[NOISE], "otime", *archive.SOURCE)
_GOLDEN = (math.sqrt(5) - 1) / 2
_SETTINGS = {
    "categories": Setting(
        [NOISE, EARTHQUAKE], "categories of the traces that are taken", "LEN-DB", choices=(NOISE, EARTHQUAKE)
    ),
    **changed(NORMALISE, normalise=True),
    "shift": Setting(
        True,
        "whether traces are shifted at random by -60 to 79 samples; else P is always at sample 80",
        "ours: a network may learn the position; Kong et al. 2021 do not say",
    ),
    "seed": Setting(0, "seed of the random shifts", "ours: any", low=0),
    **changed(COMPLETE, complete=True),
}
"""The defaults are those of `kong2021_noise_earthquake`."""


@dataclasses.dataclass
class LenDbConfig(WaveformConfig):
    """Which traces, and how they are changed."""

    most: int = 0
    """Approximate number of rows, evenly spread; 0: all."""
    categories: tuple[str, ...] = (NOISE, EARTHQUAKE)
    normalise: bool = False
    shift: bool = False
    """Whether traces are shifted at random, so that P is not always at sample 80."""
    seed: int = 0
    """Seed of the shifts."""


class Builder(WaveformBuilder):
    """Local earthquakes and noise, 27 s at 20 Hz."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First release."}
    MANUAL_DOWNLOAD_INSTRUCTIONS = f"A folder with {FILE} is read; without one it is downloaded ({SIZE_GB} GB)."
    BUILDER_CONFIGS = [
        LenDbConfig(name="mini", most=3000, description="About 3,000 traces, spread over the archive, to try things."),
        LenDbConfig(name="whole", description="All traces as they are."),
        LenDbConfig(
            name="kong2021_noise_earthquake",
            description="Kong et al. (2021): noise or earthquake? Shifted at random, -1 to 1.",
            normalise=True,
            shift=True,
            complete=True,
        ),
    ]
    SETTINGS = _SETTINGS

    @classmethod
    def custom_config(cls, name: str, settings: dict[str, str]) -> LenDbConfig:
        """Return a user's own config, from `zoo prepare len_db/NAME --set ...`.

        Args:
            name: what to call it.
            settings: `categories` (noise, earthquake), `normalise`, `shift`, `seed`, `complete`; by default as in
                `kong2021_noise_earthquake`.
        """
        check_own_name("len_db", name, cls.builder_configs)
        chosen = {**defaults(cls.SETTINGS), **read("len_db", cls.SETTINGS, settings)}
        chosen["categories"] = tuple(kind for kind in (NOISE, EARTHQUAKE) if kind in chosen["categories"])
        return LenDbConfig(name=name, description="A user's own selection.", **chosen)

    def _layout(self) -> Layout:
        columns = ["trace_name", "trace_category", "trace_start_time", "trace_p_arrival_sample", "trace_p_status"]
        columns += ["station_network_code", "station_code", *archive.STATION.values()]
        columns += ["source_origin_time", *archive.SOURCE.values()]
        return Layout(
            samples=SAMPLES,
            sampling_rate_hz=RATE_HZ,
            columns=tuple([*columns, "trace_scale"] if self.builder_config.normalise else columns),
            unit="velocity, m/s or km/s: unsettled, see README.md",
            categories=self.builder_config.categories,
        )

    def _about(self) -> dict[str, Any]:
        return {
            "origin": "LEN-DB, Magrini et al. 2020, doi:10.5281/zenodo.3648232",
            "licence": "CC BY 4.0",
            "split": "by start time: train before 2017-01-16, validation before 2017-08-16, test from then on",
        }

    def _sources(self, dl_manager: tfds.download.DownloadManager) -> list[Path]:
        folder = manual_folder(dl_manager)
        if folder is None:
            return [fetch(URL, Path(dl_manager.download_dir) / FILE, opens=check_hdf5)]
        if not (folder / FILE).is_file():
            raise ZooError(
                f"len_db/{self.builder_config.name}: {folder} holds no {FILE}. It is at {URL} ({SIZE_GB} GB); without "
                "--manual-dir it is downloaded."
            )
        return [folder / FILE]

    @functools.cached_property
    def _opened(self) -> dict[Path, archive.Archive]:
        return {}

    def _archive(self, sources: list[Path]) -> archive.Archive:
        """Return the open archive."""
        if sources[0] not in self._opened:  # two threads may both open it: one is forgotten
            self._opened[sources[0]] = archive.Archive(sources[0])
        return self._opened[sources[0]]

    def _count(self, sources: list[Path]) -> int:
        total = sum(self._archive(sources).count(category) for category in self.builder_config.categories)
        return min(self.builder_config.most or total, total)

    def _rows(self, sources: list[Path]) -> Iterator[Row | Skipped]:
        config, opened = self.builder_config, self._archive(sources)
        total = sum(opened.count(category) for category in config.categories)
        share = config.most / total if 0 < config.most < total else 1.0
        number = 0
        for category in archive.GROUPS:
            if category not in config.categories:
                continue
            for name in opened.names(category):
                number += 1
                if number * _GOLDEN % 1.0 >= share:
                    continue
                # Opening every dataset for its time would double the work. Far from the borders the time in its name
                # is enough, and `_read` skips a trace whose time says another split.
                start_s = archive.epoch_s(name)
                if not all(abs(start_s - border) > _DAY_S for border in _BORDERS_S):
                    try:
                        (start_s,) = opened.numbers(category, name, ("starttime",))
                    except LookupError as error:
                        yield Skipped(name, str(error))
                        continue
                if math.isfinite(start_s):
                    part = _split(start_s)
                    yield Row(part, name, (category, name, part))
                else:
                    yield Skipped(name, "no start time")

    def _read(self, sources: list[Path], rows: list[Any]) -> Traces:
        config, opened = self.builder_config, self._archive(sources)
        raw = np.empty((len(rows), 3, SAMPLES), np.float32)
        kept: list[tuple[str, str]] = []
        numbers: list[list[float]] = []
        problems: list[Problem] = []
        for category, name, part in rows:
            problem = opened.read_into(category, name, raw[len(kept)])
            if problem is None:
                try:
                    here = opened.numbers(category, name, _ATTRIBUTES[category])
                    if not math.isfinite(here[0]) or _split(here[0]) != part:
                        problem = "its name and its start time are of different splits"
                except LookupError as error:
                    problem = str(error)
            if problem is None:
                kept.append((category, name))
                numbers.append(here + [math.nan] * (len(_ATTRIBUTES[EARTHQUAKE]) - len(here)))
            else:
                problems.append(Problem(name, problem, SKIPPED))
        waveforms = np.ascontiguousarray(raw[: len(kept)].transpose(0, 2, 1))
        columns = _columns(kept, np.array(numbers).reshape(-1, len(_ATTRIBUTES[EARTHQUAKE])))
        if config.shift:
            drawn = signals.draws(columns["trace_name"], config.seed)[:, 0]
            shifts = EARLIEST + np.floor(drawn * (LATEST - EARLIEST + 1)).astype(np.int64)
            waveforms = shifted(waveforms, shifts)
            columns["trace_p_arrival_sample"] = columns["trace_p_arrival_sample"] + shifts
            columns["trace_start_time"] = [
                archive.iso(start - shift / RATE_HZ)
                for (start, *_), shift in zip(numbers, shifts.tolist(), strict=True)
            ]
        if config.normalise:
            waveforms, columns["trace_scale"] = signals.normalise(signals.demean(waveforms))
        return Traces(waveforms, columns, problems)


def _split(start_s: float) -> str:
    train, validation = (start_s < border for border in _BORDERS_S)
    return "train" if train else "validation" if validation else "test"


def _columns(kept: list[tuple[str, str]], numbers: np.ndarray) -> dict[str, Any]:
    """Return the columns of traces from their (category, name) and an earthquake's attributes (n, 12)."""
    by_name = dict(zip(_ATTRIBUTES[EARTHQUAKE], numbers.T, strict=True))
    earthquake = np.array([category == EARTHQUAKE for category, _ in kept], bool)
    made: dict[str, Any] = {
        "trace_name": [name for _, name in kept],
        "trace_category": [category for category, _ in kept],
        "trace_start_time": [archive.iso(value) for value in by_name["starttime"].tolist()],
        "trace_p_arrival_sample": np.where(earthquake, float(P_SAMPLE), np.nan),
        "trace_p_status": ["estimated" if is_one else "" for is_one in earthquake],
        "station_network_code": [name.partition("_")[0] for _, name in kept],
        "station_code": [name.partition("_")[2].rpartition("_")[0] for _, name in kept],
        "source_origin_time": [archive.iso(value) for value in by_name["otime"].tolist()],
    }
    made.update({ours: by_name[theirs] for theirs, ours in {**archive.STATION, **archive.SOURCE}.items()})
    for name in ("source_depth_km", "path_ep_distance_km"):
        made[name] = made[name] / 1e3
    return made


def shifted(waveforms: np.ndarray, shifts: np.ndarray) -> np.ndarray:
    """Shift traces in time; the gap is filled with the mirrored beginning or end of the trace itself.

    Args:
        waveforms: (n, samples, components).
        shifts: (n,) whole samples, positive for later, smaller than the number of samples.

    Returns:
        (n, samples, components).
    """
    last = waveforms.shape[1] - 1
    source = np.abs(np.arange(last + 1) - shifts[:, None])
    source = np.where(source > last, 2 * last - source, source)
    return np.take_along_axis(waveforms, source[:, :, None], axis=1)
