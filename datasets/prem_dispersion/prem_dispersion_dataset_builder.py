"""Rayleigh phase velocities of random radial Earths with their crustal thickness, as TFDS."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from zoo.crust.physics.prior import OTHER_WAVES, PRIORS, EarthPrior, MixedPrior, draw_dispersion
from zoo.data import shards
from zoo.data.builders import check_own_name
from zoo.errors import UsageError
from zoo.progress import say
from zoo.settings import Setting, read

CHENG_FREQUENCY_HZ = tuple(float(f) / 1e3 for f in np.arange(10, 35.01, 1.25))
DEPTH_KM = (5.0, 10.0, 15.0, 20.0, 30.0, 40.0, 50.0, 60.0, 80.0, 100.0, 120.0, 150.0, 200.0, 250.0, 300.0)
# Forty periods in equal steps of their logarithm, 150 to 4 s; a user's own periods are carried to them.
SURFACE_WAVE_HZ = (*(float(f) for f in np.sort(1 / np.geomspace(4, 150, 40))[:-1]), 0.25)
PROFILE_KM = (1.0, 3.0, 5.0, 8.0, 12.0, 16.0, 20.0, 25.0, 30.0, 35.0, 40.0, 45.0, 50.0, 60.0, 70.0, 80.0, 100.0, 120.0,
              150.0)  # fmt: skip
_LOWEST_HZ, _HIGHEST_HZ = 0.005, 0.250  # for which the priors are meant
# A seed per config: mini must not hold models that cheng2019 trains on.
_USERS_SEED = 3


def _grid(key: str, text: str) -> tuple[float, ...]:
    """Read `start:stop:step` (the stop is in, where a step falls on it) or a comma list; ascending."""
    try:
        numbers = [float(part) for part in text.split(":" if ":" in text else ",")]
    except ValueError:
        numbers = []
    if not numbers or (":" in text and len(numbers) != 3) or not np.isfinite(numbers).all():
        raise UsageError(f"{key} takes start:stop:step or a comma list of numbers; received {text!r}.")
    if ":" in text:
        start, stop, step = numbers
        if step <= 0 or stop < start or (stop - start) / step > 1000:
            raise UsageError(f"{key}={text}: the stop must not be below the start, the step positive, steps <= 1000.")
        numbers = [start + step * i for i in range(int((stop - start) / step + 1e-9) + 1)]
    if min(numbers) <= 0 and key != "depths_km" or min(numbers) < 0:
        raise UsageError(f"{key} must be positive; received {text!r}.")
    if len(set(numbers)) < len(numbers):
        raise UsageError(f"{key}={text} holds a number twice.")
    return tuple(sorted(numbers))


_OF_PRIOR = {
    "moho_km": Setting(
        (20.0, 100.0), "least and largest depth of the Moho; default: the prior's", "section 3.1", unit="km", low=0.0,
        high=150.0, separator=":", length=2,
    ),
    "sediment_km": Setting(
        (0.0, 0.0), "least and largest thickness of sediment; default: the prior's", "ours", unit="km", low=0.0,
        high=150.0, separator=":", length=2,
    ),
    "flat_moho": Setting(False, "draw each Moho once, so that mass and inertia do not prefer thick crusts", "ours"),
}  # fmt: skip
_SETTINGS = {
    "frequencies_mhz": Setting(
        [1e3 * f for f in CHENG_FREQUENCY_HZ], "frequencies: start:stop:step with the stop, or a comma list",
        "section 3.1", unit="mHz", reader=_grid,
    ),
    "periods_s": Setting((), "periods, instead of frequencies, likewise", "ours", unit="s", reader=_grid),
    "depths_km": Setting(DEPTH_KM, "depths of the velocities of a record, likewise", "ours", unit="km", reader=_grid),
    "prior": Setting("cheng2019", "the distribution of Earths", "section 3.1", choices=tuple(PRIORS)),
    "models": Setting(300_000, "Earths", "section 3.1", unit="Earths", low=2),
    "test_models": Setting(60_000, "the last so many are the test split; default a fifth", "ours", unit="Earths",
    low=1), "seed": Setting(_USERS_SEED, "seed of the draws", "ours", low=0),
    "all_waves": Setting(
        False, "Rayleigh group velocities, and phase and group velocities of Love waves as well", "ours"
    ),
    "models_per_shard": Setting(5_000, "how the work is divided; what is made does not depend on it", "ours", low=1),
    **_OF_PRIOR,
}  # fmt: skip


_ALL_WAVES = {
    "frequency_hz": SURFACE_WAVE_HZ,
    "prior": "continental",
    "depth_km": PROFILE_KM,
    "all_waves": True,
}


@dataclasses.dataclass
class DispersionConfig(tfds.core.BuilderConfig):
    """A dataset of dispersion curves: a band, a prior, how many models."""

    frequency_hz: tuple[float, ...] = CHENG_FREQUENCY_HZ
    """Ascending."""
    prior: str = "cheng2019"
    """The name of an `EarthPrior`."""
    ranges: tuple[tuple[str, Any], ...] = ()
    """What is changed in the prior: (field, value) pairs."""
    models: int = 300_000
    test_models: int = 60_000
    """The last so many of `models` are the test split."""
    depth_km: tuple[float, ...] = DEPTH_KM
    """Where the velocities of a record are taken."""
    seed: int = _USERS_SEED
    models_per_shard: int = 5_000
    """How the work is divided; what is made does not depend on it."""
    all_waves: bool = False
    """Rayleigh group velocities and Love waves too."""

    def earth_prior(self) -> EarthPrior | MixedPrior:
        """Return the prior with the changes of this config."""
        prior = EarthPrior.named(self.prior)
        if not self.ranges:
            return prior
        if isinstance(prior, MixedPrior):
            raise UsageError(f"prior={self.prior} is a mixture: {', '.join(dict(self.ranges))} cannot be set for it.")
        return dataclasses.replace(prior, **dict(self.ranges))


class Builder(shards.Sharded, tfds.core.GeneratorBasedBuilder):
    """Phase velocities of the fundamental Rayleigh mode, Moho depth, and velocities at fixed depths."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First release."}
    GENERATED_CONFIG = DispersionConfig
    BUILDER_CONFIGS = [
        DispersionConfig(
            name="cheng2019",
            description="The dataset of Cheng et al. (2019): 10 to 35 mHz, Moho at 20 to 100 km; synthetic.",
            models=500_000,
            test_models=120_000,
            seed=0,
        ),
        DispersionConfig(
            name="short_period",
            description="Periods of 5 to 40 s for regional maps, sedimented continents; synthetic.",
            frequency_hz=tuple(1.0 / period_s for period_s in range(40, 4, -1)),
            prior="continental",
            models=300_000,
            test_models=20_000,
            seed=1,
        ),
        DispersionConfig(
            name="surface_waves",
            description="Rayleigh and Love, phase and group velocity, 4 to 150 s, sedimented continents; synthetic.",
            models=120_000,
            test_models=20_000,
            seed=4,
            **_ALL_WAVES,
        ),
        DispersionConfig(
            name="global_waves",
            description="As surface_waves of continents, thick basins, and oceans with their sea; synthetic.",
            models=120_000,
            test_models=20_000,
            seed=6,
            **{**_ALL_WAVES, "prior": "global"},
        ),
        DispersionConfig(
            name="mini_waves",
            description="Other models as those of surface_waves, a few, to try things out; synthetic.",
            models=2_500,
            test_models=500,
            seed=5,
            models_per_shard=500,
            **_ALL_WAVES,
        ),
        DispersionConfig(
            name="mini",
            description="A hundredth of cheng2019, other models, to try things out; synthetic.",
            models=4_000,
            test_models=1_000,
            seed=2,
            models_per_shard=500,
        ),
    ]
    SETTINGS = _SETTINGS

    @classmethod
    def custom_config(cls, name: str, settings: dict[str, str]) -> DispersionConfig:
        """Return a user's own config, from `zoo prepare prem_dispersion/NAME --set ...`.

        Args:
            name: what to call it.
            settings: `frequencies_mhz` or `periods_s` and `depths_km` (start:stop:step with the stop, or a comma list),
                `prior` (the name of an `EarthPrior`), `models`, `test_models` (default a fifth), `seed`,
                `models_per_shard`, and any field of the prior (`moho_km=20:80`).
        """
        check_own_name("prem_dispersion", name, cls.builder_configs)
        chosen = read("prem_dispersion", cls.SETTINGS, settings)
        if {"frequencies_mhz", "periods_s"} <= chosen.keys():
            raise UsageError("Take frequencies_mhz or periods_s, not both.")
        if "frequencies_mhz" in chosen:
            chosen["frequency_hz"] = tuple(f / 1e3 for f in chosen.pop("frequencies_mhz"))
        if "periods_s" in chosen:
            chosen["frequency_hz"] = tuple(1 / p for p in reversed(chosen.pop("periods_s")))
        if "depths_km" in chosen:
            chosen["depth_km"] = chosen.pop("depths_km")
        chosen["ranges"] = tuple((key, chosen.pop(key)) for key in _OF_PRIOR if key in chosen)
        models = chosen.setdefault("models", DispersionConfig.models)
        tests = chosen.setdefault("test_models", max(models // 5, 1))
        if tests >= models:
            raise UsageError(f"test_models={tests} leaves none of {models} models to train on.")
        frequency_hz = chosen.get("frequency_hz", CHENG_FREQUENCY_HZ)
        if frequency_hz[0] < _LOWEST_HZ * (1 - 1e-9) or frequency_hz[-1] > _HIGHEST_HZ * (1 + 1e-9):
            low, high = frequency_hz[0] * 1e3, frequency_hz[-1] * 1e3
            raise UsageError(f"Phase velocities are computed from 5 to 250 mHz; received {low:g} to {high:g} mHz.")
        config = DispersionConfig(name=name, description="A user's own dataset; synthetic.", **chosen)
        config.earth_prior()  # which may find more wrong
        return config

    @classmethod
    def shard_count(cls, config: DispersionConfig) -> int:
        """Return how many shards of `models_per_shard` models there are."""
        return -(-config.models // config.models_per_shard)

    @classmethod
    def make_shard(cls, config: DispersionConfig, index: int) -> dict[str, np.ndarray]:
        """Draw the models of a shard and compute their curves; model i depends on (seed, i) alone."""
        first = index * config.models_per_shard
        count = min(config.models_per_shard, config.models - first)
        return draw_dispersion(
            config.earth_prior(),
            np.array(config.frequency_hz),
            np.array(config.depth_km),
            seed=config.seed,
            first=first,
            count=count,
            all_waves=config.all_waves,
        )

    def _info(self) -> tfds.core.DatasetInfo:
        config = self.builder_config

        def curve(size: int) -> tfds.features.Tensor:
            return tfds.features.Tensor(shape=(size,), dtype=np.float32, encoding=tfds.features.Encoding.BYTES)

        features = {
            "example": np.int64,
            "phase_velocity_km_s": curve(len(config.frequency_hz)),
            "moho_depth_km": np.float32,
            "vp_km_s": curve(len(config.depth_km)),
            "vs_km_s": curve(len(config.depth_km)),
        }
        if config.all_waves:
            features |= {name: curve(len(config.frequency_hz)) for name in OTHER_WAVES}
        about = {
            "frequency_hz": list(config.frequency_hz),
            "depth_km": list(config.depth_km),
            "prior": config.earth_prior().to_dict(),
            "failed_draws": 0,  # known, and set, when the shards are there
            "origin": "synthetic: random Earths and phase velocities of zoo.crust.physics.prior",
            "units": {
                "phase_velocity_km_s": "km/s at frequency_hz",
                "moho_depth_km": "km below the top of the solid",
                "vp_km_s": "km/s at depth_km, isotropic average",
                "vs_km_s": "km/s at depth_km, isotropic average",
            },
            "settings": shards.fields(config),
        }
        if config.all_waves:
            about["units"] |= dict.fromkeys(OTHER_WAVES, "km/s at frequency_hz; without love_: of Rayleigh waves")
        return self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict(features),
            metadata=tfds.core.MetadataDict(about),
            disable_shuffling=True,  # draws are independent; the order is that of their numbers
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager):
        config = self.builder_config
        train = config.models - config.test_models
        parts = {"train": range(0, train), "test": range(train, config.models)}
        if self.limit:
            parts = {split: part[: self.limit] for split, part in parts.items()}
        size = config.models_per_shard
        wanted = sorted({number for part in parts.values() for number in range(part[0] // size, part[-1] // size + 1)})
        files = shards.make(self, dl_manager.download_dir, self.workers, self.beam_options, only=wanted)
        files = dict(zip(wanted, files, strict=True))
        failed, drawn = 0, 0
        for file in files.values():
            count = shards.load(file)["failed"]
            failed, drawn = failed + int(count.sum()), drawn + len(count)
        self.info.metadata["failed_draws"] = failed
        say(f"{failed:,} draws had no root and were drawn again; {drawn:,} models are kept.")
        return {split: self._generate_examples(files, part) for split, part in parts.items()}

    def _generate_examples(self, files: dict[int, Path], part: range) -> Iterator[tuple[int, dict[str, Any]]]:
        size = self.builder_config.models_per_shard
        for number, examples in itertools.groupby(part, lambda example: example // size):
            shard = shards.load(files[number])
            del shard["failed"]
            for example in examples:
                row = example - number * size
                yield example, {"example": example, **{key: values[row] for key, values in shard.items()}}
