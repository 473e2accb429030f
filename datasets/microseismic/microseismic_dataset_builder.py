"""Microseismic traces at receivers on the seabed, on land or in wells, as TFDS."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from zoo.data import shards
from zoo.data.builders import check_own_name, manual_folder
from zoo.data.download import fetch
from zoo.errors import UsageError
from zoo.foreign import check_npy
from zoo.microseismic.location.receiver_tables import read_receiver_table
from zoo.microseismic.physics import design, elastic, marine, moment_tensor
from zoo.microseismic.physics.components import AXIS, GEOPHONE, PRESSURE, RECORDED
from zoo.microseismic.physics.layers import depth_of_bottom_m, layered_model, read_layers
from zoo.microseismic.physics.simulation import grid_points
from zoo.settings import Setting, read

from . import published

MARINE_RECEIVERS_KM = tuple(tuple(float(v) for v in published.kilometres(r)) for r in marine.MARINE_RECEIVERS)


@dataclasses.dataclass
class SimulatedConfig(tfds.core.BuilderConfig):
    """A dataset that is simulated here: earth, receivers, sources, pulse and sampling."""

    spacing_m: tuple[float, float, float] = marine.SPACING_M
    velocity_model: str = ""
    """npz that `zoo.microseismic.read_model` reads, or a CSV table of layers; empty: the marine model.

    The last two are put on a grid of `spacing_m`."""
    receivers_km: tuple[tuple[float, float, float], ...] = ()
    sources: int = 4000
    """Half of them for training, a quarter each for validation and test."""
    seed: int = 0
    duration_s: float = 2.0
    sampling_interval_s: float = 0.004
    pulse_sigma_s: float = 0.014
    steps_per_sample: int = 5
    """Least number of steps of the simulation in a sampling interval; 5 are the paper's 0.8 ms."""
    mechanisms: bool = False
    """Keep the traces of six elementary moment tensors (`greens`) instead of an explosion's (`traces`)."""
    components: str = PRESSURE
    """What receivers record: P, pressure; or ZNE, velocity up, to the north (y) and to the east (x)."""
    free_surface: str = "auto"
    """Whether the model's top is a free surface: yes, no, or auto, where geophones are and the top is rock."""

    @property
    def channels(self) -> list[tuple[int, str]]:
        """Number of the receiver and letter of the component of each trace, the receivers one after the other."""
        return [(receiver, letter) for receiver in range(len(self.receivers_km)) for letter in self.components]

    @property
    def records(self) -> str:
        """Name of the feature that holds what the receivers record."""
        return "greens" if self.mechanisms else "traces"

    @property
    def samples(self) -> int:
        """Number of samples of a trace."""
        return 1 + round(self.duration_s / self.sampling_interval_s)


@dataclasses.dataclass
class PublishedConfig(tfds.core.BuilderConfig):
    """The k-Wave traces that the paper's authors publish."""

    receivers_km: tuple[tuple[float, float, float], ...] = (
        tuple(float(v) for v in published.kilometres(published.RECEIVER_INDEX)),
    )
    sampling_interval_s: float = 0.004
    samples: int = published.SAMPLES


class Builder(shards.Sharded, tfds.core.GeneratorBasedBuilder):
    """Traces of small explosions below the seabed, with their source coordinates."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First release."}
    GENERATED_CONFIG = SimulatedConfig
    ALONE = True  # numba's threads are not safe in two threads at once on every platform
    MANUAL_DOWNLOAD_INSTRUCTIONS = "Only for spurio_mancini_2021, and only instead of its download: see README.md."
    BUILDER_CONFIGS = [
        SimulatedConfig(
            name="marine",
            description="The paper's geometry and a marine earth model of our own; synthetic.",
            receivers_km=MARINE_RECEIVERS_KM,
        ),
        SimulatedConfig(
            name="marine_small",
            description="The same earth on a coarse grid, one receiver, slower pulse; synthetic.",
            spacing_m=(25.0, 25.0, 30.0),
            receivers_km=MARINE_RECEIVERS_KM[:1],
            sources=400,
            pulse_sigma_s=0.030,
            steps_per_sample=2,
        ),
        SimulatedConfig(
            name="marine_mechanisms",
            description="The sources and four receivers of marine, six elementary moment tensors each; synthetic.",
            receivers_km=MARINE_RECEIVERS_KM[:4],
            mechanisms=True,
        ),
        SimulatedConfig(
            name="marine_mechanisms_small",
            description="The same for marine_small; synthetic.",
            spacing_m=(25.0, 25.0, 30.0),
            receivers_km=MARINE_RECEIVERS_KM[:1],
            sources=400,
            pulse_sigma_s=0.030,
            steps_per_sample=2,
            mechanisms=True,
        ),
        PublishedConfig(
            name="spurio_mancini_2021",
            description="The authors' k-Wave traces: one receiver, 4000 events, arbitrary unit.",
        ),
    ]
    SETTINGS = {
        "velocity_model": Setting(
            "",
            "npz of the earth, as zoo.microseismic.read_model reads it, or a CSV table of layers (columns depth_m, "
            "vp_m_s, vs_m_s, density_kg_m3; the lowest is as thick as the one above it); empty: the marine model",
            "ours",
            kind="file",
        ),
        "receivers": Setting(
            "",
            "CSV with the columns x_km,y_km,z_km (or in m), or station,latitude,longitude,elevation_m; empty: the five "
            "of marine",
            "ours: five of the 23 of Das et al. (2018)",
            kind="file",
        ),
        "surface_elevation_m": Setting(
            0.0,
            "elevation of the earth model's top, which places receivers by latitude, longitude and elevation in it",
            "ours: sea level",
            unit="m",
        ),
        "spacing_m": Setting(
            marine.SPACING_M,
            "grid spacing of the marine model, or of layers, along x, y, z (an npz brings its own)",
            "section 2.1",
            unit="m",
            low=1.0,
            length=3,
        ),
        "sources": Setting(
            4000,
            "sources; half of them train, a quarter each validates and tests",
            "section 2.1",
            unit="sources",
            low=4,
        ),
        "seed": Setting(0, "seed of the sources' places", "ours", low=0),
        "duration_s": Setting(2.0, "length of a trace", "section 2.1", unit="s", low=0.01),
        "sampling_interval_s": Setting(0.004, "sampling interval of a trace", "section 2.1", unit="s", low=1e-5),
        "pulse_sigma_s": Setting(
            0.014, "sigma of the source's pulse", "ours: that of the published traces", unit="s", low=1e-4
        ),
        "steps_per_sample": Setting(
            5, "steps of the simulation in a sampling interval, at least", "section 2.1", unit="steps", low=1
        ),
        "mechanisms": Setting(
            False, "whether to keep the traces of six moment tensors instead of an explosion's", "ours"
        ),
        "components": Setting(
            PRESSURE,
            "what receivers record: P, pressure; ZNE, velocity up, to the north (y) and to the east (x)",
            "ours: pressure is section 2.1",
            choices=RECORDED,
        ),
        "free_surface": Setting(
            "auto",
            "whether the earth's top is a free surface; auto: where receivers record velocity and the top is rock",
            "ours: without one, as in section 2.1, the top absorbs",
            choices=("auto", "yes", "no"),
        ),
    }

    @classmethod
    def custom_config(cls, name: str, settings: dict[str, str]) -> SimulatedConfig:
        """Return a user's own config, from `zoo prepare microseismic/NAME --set ...`.

        Args:
            name: what to call it.
            settings: texts or values of `SETTINGS`.

        Raises:
            UsageError: a setting is unknown or wrong, or a velocity model comes without receivers.
        """
        check_own_name("microseismic", name, cls.builder_configs)
        chosen = read("microseismic", cls.SETTINGS, settings)
        surface_m = chosen.pop("surface_elevation_m", None)
        if "receivers" in chosen:
            chosen["receivers_km"] = _receivers_km(chosen.pop("receivers"), chosen, surface_m)
        if "velocity_model" in chosen and "receivers_km" not in chosen:
            raise UsageError("A velocity model of your own needs receivers=FILE.csv (columns x_km,y_km,z_km).")
        chosen.setdefault("receivers_km", MARINE_RECEIVERS_KM)
        return SimulatedConfig(name=name, description="A user's own dataset; synthetic.", **chosen)

    @classmethod
    def shard_count(cls, config: SimulatedConfig) -> int:
        """Return the number of channels: by reciprocity, each costs one simulation for all sources."""
        return len(config.channels)

    @classmethod
    def make_shard(cls, config: SimulatedConfig, index: int) -> dict[str, np.ndarray]:
        """Simulate the traces (sources, samples) or Green's functions (sources, 6, samples) of one channel."""
        model, receivers, sources = _simulation(config)
        time_step_s, output_every = _time_step(model, config)
        simulate = elastic.greens_functions if config.mechanisms else elastic.receiver_gathers
        number, component = config.channels[index]
        records = simulate(
            model,
            receivers[number],
            sources,
            component=component,
            free_surface=_has_free_surface(model, config),
            duration_s=config.duration_s,
            time_step_s=time_step_s,
            output_every=output_every,
            sigma_s=config.pulse_sigma_s,
            description=f"Receiver {number + 1} of {len(receivers)}"
            + (f", component {component}" if component in AXIS else ""),
        )
        return {config.records: records}

    @classmethod
    def input_files(cls, config: SimulatedConfig) -> list[str]:
        """Return the path of the user's own earth model, if there is one."""
        return [config.velocity_model] if config.velocity_model else []

    def _info(self) -> tfds.core.DatasetInfo:
        config = self.builder_config
        simulated = isinstance(config, SimulatedConfig)
        origin = (
            "synthetic, simulated by zoo.microseismic.physics.elastic" if simulated else "k-Wave traces of the authors"
        )
        greens = simulated and config.mechanisms
        receivers, components = len(config.receivers_km), len(moment_tensor.COMPONENTS)
        geophones = simulated and config.components == GEOPHONE
        receivers *= len(config.components) if simulated else 1
        shape = (receivers, components, config.samples) if greens else (receivers, config.samples)
        features = {
            "event": np.int64,
            "coordinates_km": tfds.features.Tensor(shape=(3,), dtype=np.float32),
            "greens" if greens else "traces": tfds.features.Tensor(
                shape=shape, dtype=np.float32, encoding=tfds.features.Encoding.BYTES
            ),
            "on_boundary_face": np.bool_,
            "missing_abs_bound": np.float32,
        }
        units = f"{'m/s' if geophones else 'Pa'} per {'N m' if greens else 'm3 of injected volume'}"
        about = {
            "receivers_km": [list(r) for r in config.receivers_km],
            "sampling_rate_hz": 1 / config.sampling_interval_s,
            "unit": units if simulated else "arbitrary unit of pressure",
            "origin": origin,
        }
        if greens:
            about["components"] = list(moment_tensor.COMPONENTS)
        if simulated:
            about["recorded"] = config.components
            about["settings"] = shards.fields(config)
        return self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict(features),
            metadata=tfds.core.MetadataDict(about),
            disable_shuffling=True,  # events keep the order of the design
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager):
        folder = Path(dl_manager.download_dir)
        if isinstance(self.builder_config, SimulatedConfig):
            splits = _split(self._simulated(folder))
        else:
            splits = published.read(_published_folder(dl_manager, folder))
        first = {"train": 0, "validation": 2000, "test": 3000}
        if isinstance(self.builder_config, SimulatedConfig):
            counts = [len(s["coordinates_km"]) for s in splits.values()]
            first = dict(zip(splits, np.cumsum([0, *counts[:-1]]).tolist(), strict=True))
        return {split: self._generate_examples(records, first[split]) for split, records in splits.items()}

    def _simulated(self, folder: Path) -> dict[str, np.ndarray]:
        """Return the records of all sources in the order of the design."""
        config = self.builder_config
        model, _, sources = _simulation(config)
        gathers = shards.make(self, folder, self.workers, self.beam_options)
        return {
            "coordinates_km": (sources * (np.array(model.spacing_m) / 1e3)).astype(np.float32),
            config.records: np.stack([shards.load(file)[config.records] for file in gathers], axis=1),
            "on_boundary_face": np.zeros(len(sources), bool),
            "missing_abs_bound": np.zeros(len(sources), np.float32),
        }

    def _generate_examples(self, records: dict[str, np.ndarray], first: int):
        for i in range(len(records["coordinates_km"])):
            event = first + i
            yield event, {"event": event, **{key: values[i] for key, values in records.items()}}


def _simulation(config: SimulatedConfig) -> tuple[elastic.ElasticModel, np.ndarray, np.ndarray]:
    """Return the earth model, and receivers (R, 3) and sources (S, 3) in units of its spacing; sources are nodes."""
    if config.velocity_model.lower().endswith(".csv"):
        layers = read_layers(config.velocity_model)
        model = layered_model(layers, np.array(config.receivers_km), config.spacing_m)
    elif config.velocity_model:
        model = elastic.read_model(config.velocity_model)
    else:
        model = marine.marine_model(spacing_m=config.spacing_m)
    receivers = grid_points(np.array(config.receivers_km), model, "receiver")
    box = design.source_box(model, _has_free_surface(model, config))
    return model, receivers, design.latin_hypercube(config.sources, *box, seed=config.seed)


def _has_free_surface(model: elastic.ElasticModel, config: SimulatedConfig) -> bool:
    """Return whether the top of the model is a free surface."""
    if config.free_surface == "auto":
        return config.components == GEOPHONE and bool((model.vs_m_s[:, :, -1] > 0).all())
    return config.free_surface == "yes"


def _split(records: dict[str, np.ndarray]) -> dict[str, dict[str, np.ndarray]]:
    """Return split -> records: the first half trains, a quarter each validates and tests."""
    count = len(records["coordinates_km"])
    half, quarter = count // 2, count // 4
    parts = {"train": slice(0, half), "validation": slice(half, half + quarter), "test": slice(half + quarter, None)}
    return {split: {key: values[part] for key, values in records.items()} for split, part in parts.items()}


def _receivers_km(path: str, chosen: dict[str, Any], surface_m: float | None) -> tuple[tuple[float, ...], ...]:
    """Return the receivers of a table in km of the earth model that is chosen."""
    table = read_receiver_table(path)
    if table.projection is None and surface_m is not None:
        raise UsageError(f"surface_elevation_m places receivers by degrees; {path} has them in the earth model.")
    earth = chosen.get("velocity_model", "")
    if table.projection is None:
        top_km = 0.0
    elif earth.lower().endswith(".csv"):
        top_km = depth_of_bottom_m(read_layers(earth)) / 1000.0
    else:
        top_km = float((elastic.read_model(earth) if earth else marine.marine_model()).extent_km[2])
    placed = table.placed(top_km, surface_m or 0.0)
    return tuple(tuple(float(value) for value in row) for row in placed)


def _time_step(model: elastic.ElasticModel, config: SimulatedConfig) -> tuple[float, int]:
    """Return a stable step that divides the sampling interval, and how many of them make one."""
    stable = int(np.ceil(config.sampling_interval_s / elastic.largest_time_step_s(model)))
    every = max(config.steps_per_sample, stable)
    return config.sampling_interval_s / every, every


def _published_folder(dl_manager: tfds.download.DownloadManager, folder: Path) -> Path:
    """Return the manual folder if there is one, else download the authors' files."""
    manual = manual_folder(dl_manager)
    if manual:
        return manual  # what it lacks is said when it is read
    target = folder / "spurio_mancini_2021"
    if not published.is_complete(target):
        for name in (published.COORDINATES, published.TRACES):
            fetch(f"{published.URL}/{name}", target / name, opens=check_npy)
    return target
