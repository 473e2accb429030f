"""SYNTHETIC local earthquakes, explosions and noise as TFDS, made by `zoo.seismograms.physics.seismograms`."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from zoo.data.builders import check_own_name
from zoo.errors import UsageError
from zoo.seismograms import signals
from zoo.seismograms.archives.columns import COLUMNS
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
from zoo.seismograms.physics.model import CATEGORIES, WINDOWS, SeismogramModel
from zoo.seismograms.physics.seismograms import BLOCK, NUMBERS, seismograms
from zoo.settings import Setting, read

_MADE_HZ = 100.0
"""Records at lower rates are made at this one and resampled, as recorded traces would be."""
_BESIDE_S = 1.0
"""Length that is made beyond both ends of a window, for the low pass."""
_USERS_SEED = 100
_SIZES = "ours: as in most of the shipped configs"
_KONG = {"sampling_rate_hz": 20.0, "samples": 540, "normalise": True, "complete": True}

_SETTINGS = {
    "train": Setting(40_000, "records in the split train", _SIZES, unit="records", low=0),
    "validation": Setting(4_000, "records in the split validation", _SIZES, unit="records", low=0),
    "test": Setting(8_000, "records in the split test", _SIZES, unit="records", low=0),
    "seed": Setting(_USERS_SEED, "seed of the random draws", "ours: no shipped config has this one", low=0),
    "kinds": Setting(
        ("earthquake",),
        "categories of records, which take turns; one that is named twice has twice as many",
        "ours: earthquakes alone, as for an autoencoder",
        choices=CATEGORIES,
    ),
    "sampling_rate_hz": Setting(
        100.0, "sampling rate of the records", "ours: as STEAD's", unit="Hz", low=1.0, high=500.0
    ),
    "samples": Setting(6_000, "length of a record", "ours: 60 s, as STEAD's", unit="samples", low=64),
    "window": Setting(
        "p",
        "where P lies in a record: p, with S behind it if there is room; early, in the first third; anywhere; "
        "origin, where a window that begins up to 22.5 s before the origin time has it",
        "origin, anywhere: Kong et al. 2021, sections 3.3 and 3.4; the others: ours",
        choices=tuple(WINDOWS),
    ),
    "s_minus_p_s": Setting(
        (0.25, 25.0),
        "smallest and largest time from P to S",
        "ours: epicentral distances of some 2 to 200 km",
        unit="s",
        low=0.0,
        separator=":",
        length=2,
    ),
    "snr_floor": Setting(
        3.0,
        "smallest ratio of P's amplitude to that of the noise, in the best of three bands",
        "ours: weaker ones are hardly seen",
        low=0.5,
        high=100.0,
    ),
    **NORMALISE,
    **COMPLETE,
}


@dataclasses.dataclass
class SeismogramConfig(WaveformConfig):
    """Number, kinds and shape of the records."""

    train: int = 40_000
    validation: int = 4_000
    test: int = 8_000
    seed: int = _USERS_SEED
    kinds: tuple[str, ...] = ("earthquake",)
    """Categories, which take turns, so that a dataset is balanced."""
    sampling_rate_hz: float = 100.0
    samples: int = 6_000
    window: str = "p"
    """A key of `WINDOWS`."""
    s_minus_p_s: tuple[float, float] = (0.25, 25.0)
    snr_floor: float = 3.0
    normalise: bool = False
    """Whether traces are divided by their largest absolute value."""

    def model(self) -> SeismogramModel:
        """Return the model of what is made; if records are resampled, at a higher rate and longer than them."""
        rate = max(self.sampling_rate_hz, _MADE_HZ)
        beside = 0 if rate == self.sampling_rate_hz else 2 * _BESIDE_S
        whole = {"vertical_only_share": 0.0} if self.complete else {}
        return SeismogramModel(
            samples=round((self.samples / self.sampling_rate_hz + beside) * rate),
            sampling_rate_hz=rate,
            kinds=self.kinds,
            window=self.window,
            s_minus_p_s=self.s_minus_p_s,
            snr_floor=self.snr_floor,
            **whole,
        )

    def parts(self) -> dict[str, range]:
        """Return the numbers of the examples of each split; no random block is in two of them."""
        made, first = {}, 0
        for split in ("train", "validation", "test"):
            made[split] = range(first, first + getattr(self, split))
            first = -(-made[split].stop // BLOCK) * BLOCK
        return made


class Builder(WaveformBuilder):
    """SYNTHETIC seismograms of local earthquakes and explosions, and noise; P and S to the sample."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First release."}
    BUILDER_CONFIGS = [
        SeismogramConfig(
            name="earthquakes_20hz",
            description="SYNTHETIC earthquakes, 27 s at 20 Hz, -1 to 1: for autoencoders.",
            seed=1,
            **_KONG,
        ),
        SeismogramConfig(
            name="kong2021_noise_earthquake",
            description="SYNTHETIC stand-in for Kong et al.'s LEN-DB dataset: noise or earthquake?",
            seed=2,
            kinds=("noise", "earthquake"),
            window="early",
            s_minus_p_s=(0.5, 18.0),
            **_KONG,
        ),
        SeismogramConfig(
            name="kong2021_explosion_earthquake",
            description="SYNTHETIC stand-in for Kong et al.'s explosions and earthquakes; assumed physics.",
            seed=3,
            kinds=("explosion", "earthquake"),
            window="origin",
            s_minus_p_s=(0.5, 12.0),
            **_KONG,
        ),
        SeismogramConfig(
            name="kong2021_picking",
            description="SYNTHETIC stand-in for Kong et al.'s picking dataset: P anywhere in the window.",
            seed=4,
            window="anywhere",
            s_minus_p_s=(0.5, 13.0),
            **_KONG,
        ),
        SeismogramConfig(
            name="local_100hz",
            description="SYNTHETIC earthquakes, explosions and noise, 60 s at 100 Hz, counts: for pickers.",
            seed=5,
            kinds=CATEGORIES,
            train=15_000,
            validation=1_500,
            test=3_000,
        ),
        SeismogramConfig(
            name="regional_100hz",
            description="SYNTHETIC: like local_100hz, 90 s, with S up to 45 s after P.",
            seed=7,
            kinds=CATEGORIES,
            samples=9_000,
            s_minus_p_s=(0.25, 45.0),
            train=12_000,
            validation=1_000,
            test=2_000,
        ),
        SeismogramConfig(
            name="mini",
            description="SYNTHETIC: 1,000 records of local_100hz's kind, 30 s, to try things.",
            seed=6,
            kinds=CATEGORIES,
            samples=3_000,
            train=600,
            validation=200,
            test=200,
        ),
    ]
    SETTINGS = _SETTINGS

    @classmethod
    def custom_config(cls, name: str, settings: dict[str, str]) -> SeismogramConfig:
        """Return a user's own config, from `zoo prepare local_seismograms/NAME --set ...`.

        Args:
            name: what to call it.
            settings: any field of `SeismogramConfig`; `kinds=noise,earthquake`, `s_minus_p_s=0.5:10`.
        """
        check_own_name("local_seismograms", name, cls.builder_configs)
        chosen = read("local_seismograms", cls.SETTINGS, settings)
        config = SeismogramConfig(name=name, description="A user's own dataset; SYNTHETIC.", **chosen)
        if not (config.train or config.validation or config.test):
            raise UsageError("train, validation and test are all 0.")
        config.model()  # refuses what does not fit together
        return config

    def _layout(self) -> Layout:
        config = self.builder_config
        texts = ("trace_name", "trace_category", "trace_p_status", "trace_s_status", "source_id", "source_type")
        own = tuple((name, "number") for name in NUMBERS if name not in COLUMNS) + (("provenance", "text"),)
        columns = (*texts, "source_magnitude_type", "trace_snr_db", *NUMBERS, "provenance")
        return Layout(
            samples=config.samples,
            sampling_rate_hz=config.sampling_rate_hz,
            columns=(*columns, "trace_scale") if config.normalise else columns,
            unit="counts",
            categories=tuple(kind for kind in CATEGORIES if kind in config.kinds),
            own_columns=own,
        )

    def _about(self) -> dict[str, Any]:
        return {
            "origin": "SYNTHETIC: zoo.seismograms.physics.seismograms; nothing was recorded",
            "licence": "as the code's",
            "split": "by the number of the event; configs have seeds of their own",
            "model": dataclasses.asdict(self.builder_config.model()),
        }

    def _sources(self, dl_manager: tfds.download.DownloadManager) -> list[Path]:
        return []

    def _count(self, sources: list[Path]) -> int:
        return sum(len(part) for part in self.builder_config.parts().values())

    def _rows(self, sources: list[Path]) -> Iterator[Row | Skipped]:
        for split, part in self.builder_config.parts().items():
            for number in part:
                yield Row(split, f"synthetic_{self.builder_config.seed}_{number:08d}", number)

    def _read(self, sources: list[Path], rows: list[Any]) -> Traces:
        config, model = self.builder_config, self.builder_config.model()
        first, last = rows[0], rows[-1]
        made = seismograms(model, seed=config.seed, first=first, count=last - first + 1)
        take = np.array(rows) - first
        columns: dict[str, Any] = {key: values[take] for key, values in made.columns.items()}
        waveforms = made.waveform[take]
        beside = 0
        if model.sampling_rate_hz != config.sampling_rate_hz:
            beside = round(_BESIDE_S * model.sampling_rate_hz)
            starts = np.full(len(take), beside)
            rates = model.sampling_rate_hz, config.sampling_rate_hz
            waveforms = signals.resample(waveforms, *rates, starts=starts, samples=config.samples)
        for name in NUMBERS:
            if name.endswith("_sample"):
                at = (columns[name] - beside) * config.sampling_rate_hz / model.sampling_rate_hz
                outside = (at < 0) | (at >= config.samples)
                columns[name] = np.where(outside & (name != "trace_origin_sample"), np.nan, at)
        if config.normalise:
            waveforms, columns["trace_scale"] = signals.normalise(signals.demean(waveforms))
        names = [f"synthetic_{config.seed}_{number:08d}" for number in rows]
        category = columns["trace_category"].tolist()
        shown = columns["trace_category"] != "noise"
        columns.update(
            trace_name=names,
            trace_category=category,
            trace_p_status=["synthetic" if at else "" for at in np.isfinite(columns["trace_p_arrival_sample"])],
            trace_s_status=["synthetic" if at else "" for at in np.isfinite(columns["trace_s_arrival_sample"])],
            source_id=[name if is_shown else "" for name, is_shown in zip(names, shown, strict=True)],
            source_type=[kind if is_shown else "" for kind, is_shown in zip(category, shown, strict=True)],
            source_magnitude_type=["mw" if is_shown else "" for is_shown in shown],
            provenance=["synthetic"] * len(names),
        )
        return Traces(waveforms, columns)
