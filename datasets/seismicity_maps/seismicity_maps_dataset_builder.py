"""Artificial maps of epicentres, background alone or with a burst in it, as TFDS."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from zoo.data import shards
from zoo.data.builders import check_own_name
from zoo.errors import UsageError, ZooError
from zoo.seismicity.etas import maps as etas_maps
from zoo.seismicity.physics.maps import CENTRES, MAP_PIXELS, TASKS, MapTask, draw_maps
from zoo.seismicity.physics.sequences import KINDS, draw_sequence_maps
from zoo.settings import Setting, read

SPLITS = ("train", "validation", "test")
MAPS_PER_SHARD = 500  # no setting: which maps a seed gives depends on it
_USERS_SEED = 100
_MOST_EVENTS = 255  # in a pixel, as counts are stored
OTHERS = {**KINDS, "aftershocks": etas_maps.SUMMARY}
"""Kinds of maps that have no settings of their own -> what they are."""


_OURS = "ours; the default is that of medium, other tasks have their own"


def _range(field: str, meaning: str, unit: str, low: float = 0.0) -> Setting:
    default = getattr(TASKS["medium"], field)
    return Setting(default, meaning, _OURS, unit=unit, low=low, separator=":", length=2)


_OF_TASK = {
    "events": _range("events", "fewest and most expected events of a window, log-uniform", "events"),
    "burst_events": _range("burst_events", "fewest and most events of a burst, uniform", "events", low=1),
    "burst_sd_px": _range("burst_sd_px", "smallest and largest standard deviation of a burst, uniform", "pixels"),
    "smoothing_px": _range(
        "smoothing_px",
        "smallest and largest standard deviation of the Gaussian that smooths the background, uniform",
        "pixels",
    ),
    "log_sd": _range(
        "log_sd", "smallest and largest standard deviation of the background's natural logarithm, uniform", "1"
    ),
    "past_windows": _range("past_windows", "fewest and most windows that the known past has, log-uniform", "windows"),
    "centre": Setting(
        TASKS["medium"].centre,
        "where bursts lie; rate: where the background puts them, uniform: anywhere",
        _OURS,
        choices=CENTRES,
    ),
    "above": Setting(
        TASKS["medium"].above,
        "a map is anomalous if some pixel holds more events than this; 0: if it has a burst",
        "figure S1 (5); 0 is ours",
        unit="events",
        low=0,
    ),
}
_SETTINGS = {
    "task": Setting(
        "medium", "the kind of maps, which the other settings change", "figure S1; ours", choices=(*TASKS, *OTHERS)
    ),
    "train": Setting(
        4_000,
        "maps of the training split",
        "ours: few, as recipes draw fresh maps of the same task",
        unit="maps",
        low=1,
    ),
    "validation": Setting(4_000, "maps of the validation split", "ours", unit="maps", low=1),
    "test": Setting(10_000, "maps of the test split", "ours", unit="maps", low=1),
    "seed": Setting(_USERS_SEED, "seed of the draws", "ours: none of the shipped configs'", low=0),
    **_OF_TASK,
}


@dataclasses.dataclass
class MapsConfig(tfds.core.BuilderConfig):
    """A dataset of maps: a task, what is changed in it, how many maps."""

    task: str = "medium"
    """One of `zoo.seismicity.physics.maps.TASKS` or `OTHERS`."""
    changes: tuple[tuple[str, Any], ...] = ()
    """What is changed in the task: (field of `MapTask`, value) pairs."""
    train: int = _SETTINGS["train"].default
    validation: int = _SETTINGS["validation"].default
    test: int = _SETTINGS["test"].default
    seed: int = _SETTINGS["seed"].default

    def map_task(self) -> MapTask:
        """Return the task with the changes of this config; kinds of sequences have none."""
        return dataclasses.replace(TASKS[self.task], **dict(self.changes))

    def about(self) -> str:
        """Return one sentence on what the maps hold."""
        return TASKS[self.task].summary if self.task in TASKS else OTHERS[self.task]


class Builder(shards.Sharded, tfds.core.GeneratorBasedBuilder):
    """Event counts of a window on 64 x 64 pixels, what the region's past leads one to expect, and the truth."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First release."}
    GENERATED_CONFIG = MapsConfig
    BUILDER_CONFIGS = [
        MapsConfig(name="medium", description="Bursts of 10 to 25 events where the rate puts them.", seed=1),
        MapsConfig(
            name="medium_uniform",
            description="Bursts of 15 to 25 events anywhere on the map.",
            task="medium_uniform",
            seed=2,
        ),
        MapsConfig(name="hard", description="Bursts as wide as 4 pixels.", task="hard", seed=3),
        MapsConfig(
            name="figure_s1",
            description="Scattered or concentrated: is there a pixel of more than five events?",
            task="figure_s1",
            seed=4,
        ),
        MapsConfig(name="etas", description="Aftershock sequences on a background.", task="etas", seed=5),
        MapsConfig(name="swarms", description="Swarms that migrate along a line.", task="swarms", seed=6),
        MapsConfig(
            name="completeness",
            description="Bursts and aftershocks while small events are missed.",
            task="completeness",
            seed=7,
        ),
        MapsConfig(
            name="location_error",
            description="Bursts and aftershocks with mislocated events.",
            task="location_error",
            seed=8,
        ),
        MapsConfig(
            name="aftershocks",
            description="Bursts where aftershocks are ordinary and a fitted ETAS model expects them.",
            task="aftershocks",
            train=24_000,
            validation=2_000,
            test=4_000,
            seed=9,
        ),
    ]
    SETTINGS = _SETTINGS

    @classmethod
    def custom_config(cls, name: str, settings: dict[str, str]) -> MapsConfig:
        """Return a user's own config, from `zoo prepare seismicity_maps/NAME --set ...`.

        Args:
            name: what to call it.
            settings: any of `SETTINGS`, as text: `events=50:400`, `burst_events=10:25`, `centre=uniform` ...

        Raises:
            UsageError: if the name is taken, or a setting is not meant.
        """
        check_own_name("seismicity_maps", name, cls.builder_configs)
        chosen = read("seismicity_maps", cls.SETTINGS, settings)
        task = chosen.get("task", "medium")
        changes = tuple((key, value) for key, value in chosen.items() if key in _OF_TASK)
        if task in OTHERS and changes:
            raise UsageError(f"The maps of {task} take the settings task, {', '.join(SPLITS)} and seed only.")
        numbers = {key: value for key, value in chosen.items() if key in (*SPLITS, "seed")}
        config = MapsConfig(name=name, description="A user's own dataset.", task=task, changes=changes, **numbers)
        if task in TASKS:
            config.map_task()  # refuses a range that is none, before anything is drawn
        return config

    @classmethod
    def shard_count(cls, config: MapsConfig) -> int:
        """Return how many shards there are, those of train before those of validation and test."""
        return sum(len(numbers) for numbers in _numbers(config).values())

    @classmethod
    def make_shard(cls, config: MapsConfig, index: int) -> dict[str, np.ndarray]:
        """Draw the maps of a shard, which depend on the seed, the split and the number within the split alone."""
        of_split = _numbers(config)
        split = next(split for split, numbers in of_split.items() if index in numbers)
        part = index - of_split[split].start
        rng = np.random.default_rng([config.seed, SPLITS.index(split), part])
        if config.task == "aftershocks":
            maps = etas_maps.draw_etas_maps(MAPS_PER_SHARD, rng)
        elif config.task in KINDS:
            maps = draw_sequence_maps(config.task, MAPS_PER_SHARD, rng)
        else:
            maps = draw_maps(config.map_task(), MAPS_PER_SHARD, rng)
        count = min(MAPS_PER_SHARD, getattr(config, split) - part * MAPS_PER_SHARD)
        most = int(maps["counts"][:count].max())
        if most > _MOST_EVENTS:
            raise ZooError(
                f"A pixel holds {most} events; a dataset holds up to {_MOST_EVENTS}. Lower events or burst_events."
            )
        return {key: maps[key][:count].astype(dtype) for key, (_, dtype) in _FEATURES.items()}

    def _info(self) -> tfds.core.DatasetInfo:
        def feature(shape: tuple[int, ...], dtype: type) -> Any:
            if not shape:
                return dtype
            return tfds.features.Tensor(shape=shape, dtype=dtype, encoding=tfds.features.Encoding.BYTES)

        about = {
            "summary": self.builder_config.about(),
            "origin": "synthetic: maps drawn by zoo.seismicity.physics.maps and zoo.seismicity.physics.sequences",
            "units": {
                "counts": "events of a window in each pixel; row 0 is south, column 0 is west",
                "past": "events of a window that the region's past leads one to expect; of aftershocks: at the "
                "intensity of a fitted ETAS model when the events of the pixel happened",
                "expected": "true expected events of the background in a window",
                "label": "0 background, 1 anomalous",
                "burst_events": "events that are not background",
                "burst_row_px": "row of the burst's centre",
                "burst_column_px": "column of the burst's centre",
                "burst_sd_px": "standard deviation of the burst in pixels",
            },
            "settings": shards.fields(self.builder_config),
        }
        return self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict({key: feature(*what) for key, what in _FEATURES.items()}),
            metadata=tfds.core.MetadataDict(about),
            disable_shuffling=True,  # draws are independent; the order is that of their numbers
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager):
        config = self.builder_config
        numbers = _numbers(config)
        if self.limit:
            numbers = {split: part[: -(-self.limit // MAPS_PER_SHARD)] for split, part in numbers.items()}
        wanted = list(itertools.chain(*numbers.values()))
        files = shards.make(self, dl_manager.download_dir, self.workers, self.beam_options, only=wanted)
        files = dict(zip(wanted, files, strict=True))
        return {split: self._generate_examples([files[n] for n in part], split) for split, part in numbers.items()}

    def _generate_examples(self, files: list[Path], split: str) -> Iterator[tuple[int, dict[str, Any]]]:
        left = min(getattr(self.builder_config, split), self.limit or np.inf)
        example = 0
        for file in files:
            shard = shards.load(file)
            for row in range(len(shard["label"])):
                if example < left:
                    yield example, {key: values[row] for key, values in shard.items()}
                example += 1


_MAP = (MAP_PIXELS, MAP_PIXELS)
# Maps as small on disk as they can be: what reads them makes them float32.
_FEATURES: dict[str, tuple[tuple[int, ...], type]] = {
    "counts": (_MAP, np.uint8),
    "past": (_MAP, np.float16),
    "expected": (_MAP, np.float16),
    "label": ((), np.int64),
    "burst_events": ((), np.int64),
    "burst_row_px": ((), np.float32),
    "burst_column_px": ((), np.float32),
    "burst_sd_px": ((), np.float32),
}


def _numbers(config: MapsConfig) -> dict[str, range]:
    """Return the numbers of the shards of each split."""
    sizes = [-(-getattr(config, split) // MAPS_PER_SHARD) for split in SPLITS]
    ends = list(itertools.accumulate(sizes))
    return {split: range(end - size, end) for split, size, end in zip(SPLITS, sizes, ends, strict=True)}
