"""Velocity models for waves and their inversion, each with a start, as TFDS."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import tensorflow_datasets as tfds

from zoo.data import shards
from zoo.data.builders import check_own_name, manual_file, manual_folder
from zoo.errors import UsageError
from zoo.files import sha256
from zoo.fwi.physics.acoustic import POINTS_PER_WAVELENGTH, highest_frequency_hz, ricker
from zoo.fwi.physics.velocity_models import VelocityModel, folded, layered_1d, read_velocity_model
from zoo.settings import Setting, read

_MADE: dict[str, Callable[..., VelocityModel]] = {"layered_1d": layered_1d, "folded": folded}
_MARMOUSI_2 = "Marmousi-II (Martin et al. 2006) on 174 x 500 nodes of 20 m, from --manual-dir"
_MARMOUSI_2_FILE = {"files": ("marmousi_II_marine.vp",), "spacing_m": 20.0, "shape": (174, 500), "water_m_s": 1510.0}
_ORDER = 4


@dataclasses.dataclass
class ModelConfig(tfds.core.BuilderConfig):
    """A velocity model, what is done with its grid, and its start."""

    made_by: str = ""
    """`layered_1d` or `folded`; empty: a file is read."""
    files: tuple[str, ...] = ()
    """Names that the file may have in the manual folder; the first one that is there is read."""
    file: str = ""
    """A user's own file."""
    sha256: str = ""
    """Digest of a user's own file, so that a changed file is not taken for the prepared one."""
    spacing_m: float = 0.0
    """Spacing of the file's grid; 0: the file states it."""
    shape: tuple[int, ...] = ()
    """Shape of the file's grid, (down, across); (): the file states it."""
    water_m_s: float = 0.0
    """Nodes from the top that are not faster are water; 0: those that the file states, or none."""
    window_m: tuple[float, ...] = ()
    """Top, bottom, left and right of what is kept, all of them included; (): everything."""
    resample_m: float = 0.0
    """Spacing of the record's grid; 0: the file's."""
    smooth_m: float = 200.0
    """Standard deviation of the Gaussian that makes the start; 0: a start linear in depth."""
    start_file: str = ""
    """A start on the file's grid, in the manual folder, in place of a smoothed one."""
    origin: str = "a user's own file"
    """Where the model comes from, for the metadata."""


class Builder(tfds.core.GeneratorBasedBuilder):
    """One record: velocity, a start for its inversion, and how many rows of each column are water."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First release."}
    SETTINGS = {
        "file": Setting("", "the velocity model: npz, SEG-Y, netCDF or raw; needed", "ours", kind="file"),
        "spacing_m": Setting(0.0, "grid spacing of the file; 0: the file states it", "ours", unit="m", low=0.0),
        "shape": Setting(
            (),
            "cells of a raw file, down and across; empty: the file states them",
            "ours",
            unit="cells",
            low=1,
            kind="whole",
            separator="x",
            length=2,
        ),
        "water_m_s": Setting(
            0.0,
            "nodes from the top that are not faster are water; 0: those that the file states, or none",
            "ours",
            unit="m/s",
            low=0.0,
        ),
        "window_m": Setting(
            (),
            "top, bottom, left and right of what is kept, all of them included; empty: everything",
            "ours",
            unit="m",
            low=0.0,
            separator=":",
            length=4,
        ),
        "resample_m": Setting(0.0, "grid spacing of the record; 0: the file's", "ours", unit="m", low=0.0),
        "smooth_m": Setting(
            200.0,
            "standard deviation of the Gaussian that makes the start; 0: a start linear in depth",
            "ours",
            unit="m",
            low=0.0,
        ),
    }
    MANUAL_DOWNLOAD_INSTRUCTIONS = "The Marmousi models need their files in --manual-dir: README.md says which."
    BUILDER_CONFIGS = [
        ModelConfig(
            name="layered_1d",
            description="2000 to 5000 m/s in four layers, one column of 200 nodes of 10 m (Sun et al.); synthetic.",
            made_by="layered_1d",
            smooth_m=0.0,
            origin="synthetic: zoo.fwi.physics.velocity_models.layered_1d",
        ),
        ModelConfig(
            name="synthetic_folded",
            description="Folded, faulted, eroded sediments with salt and water, 70 x 200 nodes of 12.5 m; synthetic.",
            made_by="folded",
            smooth_m=100.0,
            origin="synthetic: zoo.fwi.physics.velocity_models.folded, seed 0",
        ),
        ModelConfig(
            name="marmousi2",
            description="Marmousi-II, 174 x 500 nodes of 20 m, with the smooth start published beside it.",
            start_file="marmousi_II_smooth2.vp",
            origin=_MARMOUSI_2,
            **_MARMOUSI_2_FILE,
        ),
        ModelConfig(
            name="marmousi2_start_1d",
            description="The same with the published start that is the same in every column.",
            start_file="marmousi_II_start_1D.vp",
            origin=_MARMOUSI_2,
            **_MARMOUSI_2_FILE,
        ),
        ModelConfig(
            name="marmousi2_fwi",
            description="All of Marmousi-II on 70 x 200 nodes of 50 m, for a Ricker wavelet of up to 3 Hz.",
            resample_m=50.0,
            origin=_MARMOUSI_2,
            **_MARMOUSI_2_FILE,
        ),
        ModelConfig(
            name="marmousi",
            description="Marmousi of 1994, 751 x 2301 nodes of 4 m. Unverified: the files were not at hand.",
            files=("marmousi_vp.bin", "marmousi.bin", "marmousi.vp", "marmousi.segy", "marmousi.sgy", "velocity.segy"),
            spacing_m=4.0,
            shape=(751, 2301),
            water_m_s=1510.0,
            origin="Marmousi (Versteeg 1994) on 751 x 2301 nodes of 4 m, from --manual-dir",
        ),
    ]

    # TFDS serializes the features of a record in another order in every process.
    _example_writer = shards.Sharded._example_writer

    @classmethod
    def custom_config(cls, name: str, settings: dict[str, str]) -> ModelConfig:
        """Return a user's own config, from `zoo prepare velocity_models/NAME --set file=MODEL ...`.

        Args:
            name: what to call it.
            settings: values or texts of `SETTINGS`; `file` is anything that `read_velocity_model` reads.
        """
        check_own_name("velocity_models", name, cls.builder_configs)
        chosen = read("velocity_models", cls.SETTINGS, settings)
        if not chosen.get("file"):
            raise UsageError(
                f"velocity_models/{name} is made of a file; none was given: zoo prepare ... --set file=MODEL.segy"
            )
        chosen["sha256"] = sha256(Path(chosen["file"]))
        return ModelConfig(name=name, description="A user's own velocity model.", **chosen)

    def _info(self) -> tfds.core.DatasetInfo:
        # The shape may be the file's; before it is read (or found prepared) there is none.
        prepared = Path(self.data_dir) / "metadata.json"
        shape = json.loads(prepared.read_text())["shape"] if prepared.is_file() else (0, 0)
        config = self.builder_config
        about = {
            "origin": config.origin,
            "start": _start_in_words(config),
            "units": {"velocity_m_s": "m/s", "start_m_s": "m/s", "water_rows": "rows from the top"},
            "settings": shards.fields(config),
            "spacing_m": 0.0,  # these are set when the model is there
            "shape": list(shape),
            "highest_hz": 0.0,
            "ricker_peak_hz": 0.0,
        }
        return self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict(_features(shape)),
            metadata=tfds.core.MetadataDict(about),
            disable_shuffling=True,
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager):
        config = self.builder_config
        model = self._on_its_grid(self._model(dl_manager))
        if config.start_file:
            start = self._on_its_grid(self._read(self._manual(dl_manager, (config.start_file,))))
        else:
            start = model.smoothed(config.smooth_m) if config.smooth_m else model.linear()
        # TFDS wants shapes before it gives files, and has no public way to set them afterwards.
        self.info.features._feature_dict.update(_features(model.shape))
        highest_hz = float(model.velocity_m_s.min()) / (POINTS_PER_WAVELENGTH[_ORDER] * model.spacing_m)
        self.info.metadata.update(
            spacing_m=model.spacing_m,
            shape=list(model.shape),
            title=model.title,
            source=model.source,
            highest_hz=highest_hz,
            ricker_peak_hz=highest_hz / _ricker_breadth(),
        )
        rows = np.zeros(model.shape[1], np.int32) if model.water_rows is None else model.water_rows
        record = {"velocity_m_s": model.velocity_m_s, "start_m_s": start.velocity_m_s, "water_rows": rows}
        return {"model": self._generate_examples(record)}

    def _generate_examples(self, record: dict[str, np.ndarray]):
        yield 0, record

    def _model(self, dl_manager: tfds.download.DownloadManager) -> VelocityModel:
        config = self.builder_config
        if config.made_by:
            return _MADE[config.made_by]()
        return self._read(Path(config.file) if config.file else self._manual(dl_manager, config.files))

    def _manual(self, dl_manager: tfds.download.DownloadManager, names: tuple[str, ...]) -> Path:
        about = f"{self.builder_config.origin}. Without it: zoo prepare velocity_models/synthetic_folded"
        return manual_file(manual_folder(dl_manager), f"velocity_models/{self.builder_config.name}", names, about)

    def _read(self, path: Path) -> VelocityModel:
        config = self.builder_config
        model = read_velocity_model(path, config.spacing_m or None, config.shape or None)
        return model.with_water(config.water_m_s) if config.water_m_s else model

    def _on_its_grid(self, model: VelocityModel) -> VelocityModel:
        config = self.builder_config
        if config.window_m:
            model = model.window(config.window_m[:2], config.window_m[2:])
        return model.resampled(config.resample_m) if config.resample_m else model


def _features(shape: tuple[int, int]) -> dict[str, tfds.features.Tensor]:
    bytes_ = tfds.features.Encoding.BYTES
    return {
        "velocity_m_s": tfds.features.Tensor(shape=tuple(shape), dtype=np.float32, encoding=bytes_),
        "start_m_s": tfds.features.Tensor(shape=tuple(shape), dtype=np.float32, encoding=bytes_),
        "water_rows": tfds.features.Tensor(shape=(shape[1],), dtype=np.int32, encoding=bytes_),
    }


def _start_in_words(config: ModelConfig) -> str:
    if config.start_file:
        return f"the published {config.start_file}"
    if config.smooth_m:
        return f"slowness smoothed by a Gaussian, standard deviation {config.smooth_m:g} m; water kept"
    return "linear in depth, from the top of the rock to the bottom; water kept"


def _ricker_breadth() -> float:
    """Return the frequency below which 99 % of a Ricker wavelet's energy lies, in units of its peak frequency."""
    return highest_frequency_hz(ricker(1.0, 0.01, 4000, delay_s=20.0), 0.01)
