"""Picked three-component seismograms in PhaseNet's layout (one .npz a trace), as TFDS."""

from __future__ import annotations

import dataclasses
import hashlib
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from zoo.data.builders import check_own_name, manual_folder
from zoo.errors import UsageError, ZooError
from zoo.seismograms import signals
from zoo.seismograms.archives.checks import KEPT, SKIPPED, Problem
from zoo.seismograms.archives.preparation import COMPLETE, Layout, Row, Skipped, Traces, WaveformBuilder, WaveformConfig
from zoo.settings import Setting, read

RATE_HZ, SAMPLES = 100.0, 9001
_PICKS = {"p": "itp", "s": "its"}
_COLUMNS = (
    *("trace_name", "trace_category", "trace_channel", "trace_component_order", "station_network_code", "station_code"),
    *("trace_p_arrival_sample", "trace_p_status", "trace_s_arrival_sample", "trace_s_status"),
)
_SECOND = ("trace_p2_arrival_sample", "trace_s2_arrival_sample")
_SETTINGS = {
    "folder": Setting("", "folder of the .npz files; empty: the one that --manual-dir names", "PhaseNet's layout"),
    "samples": Setting(
        SAMPLES,
        "length of the traces in the files, at 100 Hz; files of another length are skipped",
        "PhaseNet's demo set",
        unit="samples",
        low=1,
    ),
    "sampling_rate_hz": Setting(
        RATE_HZ, "sampling rate of the records", "PhaseNet's demo set", unit="Hz", low=0.1, high=RATE_HZ
    ),
    "folds": Setting(
        0,
        "parts into which the stations are dealt, 2 or more; 0: all records are test",
        "ours: cross-validation by station",
        unit="parts",
        low=0,
    ),
    "fold": Setting(0, "the part that is test, from 1 to `folds`; the others are train", "ours: see folds", low=0),
    **COMPLETE,
}


@dataclasses.dataclass
class PicksConfig(WaveformConfig):
    """Which files, and how they are split."""

    folder: str = ""
    """Where the .npz files are; empty: the one that --manual-dir names."""
    samples: int = SAMPLES
    """Length of the traces in the files."""
    sampling_rate_hz: float = RATE_HZ
    """Sampling rate of the records."""
    folds: int = 0
    """Number of parts into which the stations are dealt; 0: all records are test."""
    fold: int = 0
    """The part that is test, from 1; the others are train."""


class Builder(WaveformBuilder):
    """Seismograms with picks in PhaseNet's layout."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First release."}
    MANUAL_DOWNLOAD_INSTRUCTIONS = "A folder of .npz in PhaseNet's layout: data (9001, 3), itp, its."
    BUILDER_CONFIGS = [PicksConfig(name="phasenet_demo", description="A folder of PhaseNet's .npz, all of it test.")]
    SETTINGS = _SETTINGS

    @classmethod
    def custom_config(cls, name: str, settings: dict[str, str]) -> PicksConfig:
        """Return a user's own config, from `zoo prepare ncedc_picks/NAME --set ...`.

        Args:
            name: what to call it.
            settings: `folder` (with the .npz files, instead of --manual-dir), `samples` (length of their traces, 9001),
                `sampling_rate_hz` (of the records, up to 100), `folds` and `fold` (stations are dealt into `folds`
                parts, and part `fold` is test), `complete`.
        """
        check_own_name("ncedc_picks", name, cls.builder_configs)
        chosen = read("ncedc_picks", cls.SETTINGS, settings)
        config = PicksConfig(name=name, description="A user's own folder or split.", **chosen)
        if config.fold > config.folds or bool(config.fold) != bool(config.folds) or config.folds == 1:
            raise UsageError(
                f"folds is 2 or more and fold counts from 1 to folds; received fold={config.fold} folds={config.folds}."
            )
        signals.polyphase_filter(RATE_HZ, config.sampling_rate_hz)  # refuses what has no ratio of small numbers
        return config

    def _layout(self) -> Layout:
        config = self.builder_config
        return Layout(
            samples=int(np.ceil(config.samples * config.sampling_rate_hz / RATE_HZ)),
            sampling_rate_hz=config.sampling_rate_hz,
            columns=(*_COLUMNS, *_SECOND),
            own_columns=tuple((name, "number") for name in _SECOND),
        )

    def _about(self) -> dict[str, Any]:
        config = self.builder_config
        dealt = f"stations dealt into {config.folds} by a hash of their names; number {config.fold} is test"
        return {
            "origin": "NCEDC through PhaseNet's demo set, Zhu & Beroza 2019, doi:10.1093/gji/ggy423"
            if not config.folder
            else "a user's folder in PhaseNet's layout",
            "licence": "MIT" if not config.folder else "that of the folder",
            "split": dealt if config.folds else "none: all test",
        }

    def _sources(self, dl_manager: tfds.download.DownloadManager) -> list[Path]:
        config = self.builder_config
        folder = Path(config.folder).expanduser() if config.folder else manual_folder(dl_manager)
        files = sorted(folder.glob("*.npz")) if folder else []
        if not files:
            raise ZooError(
                f"ncedc_picks/{config.name}: {folder or 'no folder was named, so there'} has no .npz; name one "
                "with --manual-dir (or --set folder=...). They are not redistributed here; "
                "datasets/ncedc_picks/README.md says where they come from."
            )
        return files

    def _count(self, sources: list[Path]) -> int:
        return len(sources)

    def _rows(self, sources: list[Path]) -> Iterator[Row | Skipped]:
        config = self.builder_config
        stations = sorted({_station(path) for path in sources}, key=_drawn)
        test = set(stations[config.fold - 1 :: config.folds] if config.folds else stations)
        for number, path in enumerate(sources):
            yield Row("test" if _station(path) in test else "train", path.stem, number)

    def _read(self, sources: list[Path], rows: list[Any]) -> Traces:
        config = self.builder_config
        columns: dict[str, list] = {name: [] for name in self._layout().columns}
        raw, problems = [], []
        scale = config.sampling_rate_hz / RATE_HZ
        for number in rows:
            path = sources[number]
            try:
                with np.load(path, allow_pickle=False) as file:
                    data, channels = file["data"], str(file["channels"]) if "channels" in file else ""
                    picks = {phase: _samples(file, key) for phase, key in _PICKS.items()}
            except (ValueError, OSError, EOFError, KeyError, zipfile.BadZipFile) as error:
                problems.append(Problem(path.stem, f"unreadable: {str(error)[:60]}", SKIPPED))
                continue
            if data.shape != (config.samples, 3):
                problems.append(Problem(path.stem, f"not ({config.samples}, 3)", SKIPPED))
                continue
            if max(map(len, picks.values())) > 2:
                problems.append(Problem(path.stem, "more than two picks of a phase", KEPT))
            raw.append(data[:, ::-1])  # E, N, Z on the disk
            for phase, samples in picks.items():
                first, second = (*(sample * scale for sample in samples[:2]), np.nan, np.nan)[:2]
                columns[f"trace_{phase}_arrival_sample"].append(first)
                columns[f"trace_{phase}2_arrival_sample"].append(second)
                columns[f"trace_{phase}_status"].append("manual" if samples else "")
            network, _, station = _station(path).partition("_")
            codes = channels.split("_")
            columns["trace_name"].append(path.stem)
            columns["trace_category"].append("earthquake" if any(picks.values()) else "noise")
            columns["trace_channel"].append(codes[0][:2])
            columns["trace_component_order"].append("".join(code[-1:] for code in codes))
            columns["station_network_code"].append(network)
            columns["station_code"].append(station)
        waveforms = np.array(raw, np.float32).reshape(len(raw), config.samples, 3)
        if scale != 1:
            waveforms = signals.resample(waveforms - waveforms[:, :1], RATE_HZ, config.sampling_rate_hz)
        return Traces(waveforms, columns, problems)


def _station(path: Path) -> str:
    """Return NETWORK_STATION of a file NETWORK_STATION_TIME.npz; of other names the first two parts there are."""
    return "_".join(path.stem.split("_")[:2])


def _drawn(station: str) -> bytes:
    return hashlib.blake2b(station.encode()).digest()


def _samples(file: Any, key: str) -> list[float]:
    """Return the picks of a phase in a file: a number, several, or none."""
    found = np.asarray(file[key], np.float64).ravel() if key in file else np.zeros(0)
    return [float(sample) for sample in found if np.isfinite(sample) and sample >= 0]
