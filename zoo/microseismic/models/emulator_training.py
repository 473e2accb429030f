"""What emulators of seismic traces learn and measure outside of `fit`, shared by their recipes.

Preprocessing of Spurio Mancini et al. (2021), section 2.1: every trace is moved so that its positive
peak lies at a common time and divided by the height of that peak; Gaussian processes learn time and
height as functions of the source. Unlike there, the peak is looked for between samples, and the
processes learn slowness and the logarithm of the height, which are of order one.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np

from zoo.microseismic.models.emulator import ERROR_NAMES, Emulator
from zoo.microseismic.models.gp_regression import fit_gaussian_processes
from zoo.microseismic.models.source_features import KINDS
from zoo.microseismic.models.trace_alignment import is_outlier, peaks, pulse_delay_s, shift_traces
from zoo.settings import Setting
from zoo.training.metrics import score_traces
from zoo.training.recipe import Recipe, Stage, data_settings, draw_seed, fit_settings, learning_rate, seeds
from zoo.training.schedules import cosine

# Where the peak of a frame lies: early, so that little of a frame is cut off, yet late enough for the onset of the
# pulse.
_REFERENCE_S = 0.16
# The paper's noise (sigma = 250, section 3.2.2) divided by the median peak of its traces.
NOISE_TO_PEAK = 0.082
# Sources emulated at a time.
_BATCH = 1000
# Held-out events that travel with a model.
_GOLDEN_EVENTS = 20

# The emulators of the paper differ only in what makes the frames: datasets, cards and optimizer are the same.
SETTINGS = {
    **data_settings("microseismic/marine"),
    "features": Setting(
        "physics",
        "what networks and processes are told of a source: the paper's offsets and distance, or more",
        "paper: section 2.1; physics: ours, after the layers of the earth",
        choices=KINDS,
    ),
    "inducing_points": Setting(
        512,
        "inducing points of each Gaussian process of time or amplitude",
        "ours; the paper's processes are not sparse",
        unit="points",
        low=2,
    ),
    "uniform_along_y": Setting(
        False,
        "whether the earth is the same all along y, so that sources mirrored in y have equal traces",
        "ours: true for the published traces",
    ),
    "periodic_spacing_km": Setting(
        [],
        "spacing along x, y, z of a simulation's periodic grid; empty if it is not periodic",
        "ours: k-Wave's grid, section 2.1, for the published traces",
        unit="km",
        low=1e-6,
        length=3,
    ),
    "periodic_nodes": Setting(
        [],
        "nodes of that grid along x, y, z",
        "ours: k-Wave's grid, section 2.1, for the published traces",
        kind="whole",
        unit="nodes",
        low=3,
        length=3,
    ),
    "share_traces": Setting(
        True,
        "whether held-out traces travel with the model; their licence must permit it",
        "ours: the published traces state no licence",
    ),
}
# For emulators with a network that is told of the source; Gaussian processes see the smooth features alone.
NETWORK = {
    "depth_nodes": Setting(
        61,
        "depths whose nearness a network is told (features=physics only)",
        "ours: about four in a layer of the marine earth",
        unit="depths",
        low=2,
    ),
}
WEIGHTS = {
    "amplitude_weight": Setting(
        1.0,
        "power of a trace's amplitude with which its frame is weighted",
        "ours, towards R2D (eq. 12); 0 is the paper's loss (eq. 6)",
        low=0.0,
    )
}
FIT = {
    **WEIGHTS,
    **learning_rate(1e-3, "ours, falls to zero along a cosine"),
    **fit_settings(batch_size=64, epochs=300),
}
# The paper's own traces. Their earth does not change along y: events mirrored in y have equal traces. Their
# simulation is periodic, and the files hold no licence to pass traces on.
_KWAVE2021 = {
    "dataset": "microseismic/spurio_mancini_2021",
    "train_split": "train[:90%]",
    "validation_split": "train[90%:]",
    "uniform_along_y": True,
    "periodic_spacing_km": [0.0125, 0.0125, 0.010],
    "periodic_nodes": [81, 81, 301],
    "share_traces": False,
}
_SMOKE = {"dataset": "microseismic/marine_small", "inducing_points": 64}
_CARD = {
    "inputs": "(n, 3) float32: x, y, z of the source in km, z up from the model's floor",
    "outputs": "(n, channels, samples) float32: pressure, or components of velocity, in the unit of the dataset, from "
    "the origin time",
    "licence": "weights: Apache-2.0",
    "citation": "Spurio Mancini et al. (2021), Solid Earth 12, 1683-1705",
}


def recipe(
    model_class: type[Emulator],
    settings: Mapping[str, Setting],
    stages: Sequence[Stage] | Callable,
    before_fit: Callable,
    after_fit: Callable | None = None,
    begins_from: Callable | None = None,
    smoke: Mapping[str, Any] | None = None,
    citation: str = _CARD["citation"],
) -> Recipe:
    """Return the recipe of an emulator of the paper.

    Its tags: `marine`, our earth with five receivers; `kwave2021`, the authors' traces of one receiver.

    Args:
        model_class: of the emulator.
        settings: those beside `SETTINGS`.
        stages, before_fit, after_fit, begins_from: as in `Recipe`.
        smoke: smoke settings beside the dataset.
        citation: what to cite.
    """
    whole = {**SETTINGS, **settings}
    trains = {"epochs": 200} if "epochs" in whole else {}  # five receivers at once
    return Recipe(
        name=model_class.recipe_name,
        summary="Emulates the seismic traces of a microseismic event at fixed receivers, from its coordinates.",
        settings=whole,
        build=_builder(model_class),
        before_fit=before_fit,
        stages=stages,
        after_fit=after_fit,
        begins_from=begins_from,
        measure=measure_errors,
        served=lambda model: model.served(),
        score=score,
        golden=held_out_events,
        card={**_CARD, "citation": citation},
        tags={"marine": trains, "kwave2021": _KWAVE2021},
        smoke={**_SMOKE, **({"epochs": 3} if "epochs" in whole else {}), **(smoke or {})},
    )


def _builder(emulator: type[Emulator]) -> Callable[..., Emulator]:
    """Return `build` of a recipe: it takes the arguments of `Emulator` and those that the class adds."""

    def build(**settings) -> Emulator:
        return emulator(**settings)

    named = {**inspect.signature(Emulator).parameters, **inspect.signature(emulator).parameters}
    kinds = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
    build.__signature__ = inspect.Signature(
        [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in named.values() if p.kind not in kinds]
    )
    return build


def network_stage(examples: Callable | None = None) -> Stage:
    """Return the stage that trains `model.network` on unit-peak frames.

    Args:
        examples: what it sees; default: features, frames and weights of events.
    """
    return Stage("network", examples or frames, compile_network, trained_part=lambda model: model.network)


def compile_network(network: keras.Model, settings: Mapping[str, Any], steps: int) -> None:
    """Adam with a learning rate that falls to zero along a cosine; mean squared error (eq. 6).

    The divergence of the autoencoder's ELBO (eq. 9) is its network's own loss.
    """
    network.compile(
        keras.optimizers.Adam(cosine(settings["learning_rate"], steps)),
        loss="mse",
        steps_per_execution=max(1, steps // max(1, settings["epochs"])),
        jit_compile=True,
    )


def usable(model: Emulator, records: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return (n,) bool: events to learn from; those on faces only where the features tell them apart."""
    inside = ~records["on_boundary_face"]
    source_features = model.source_features
    if source_features.knows_faces:
        return np.ones(len(inside), bool)
    if source_features.periodic:
        # Among the faces, only the floor has features of its own: it is heard from above the ceiling.
        coordinates = records["coordinates_km"]
        heard_km = model.receivers_km[0, 2] + np.asarray(source_features.dz_km(coordinates))[:, 0]
        return inside | (heard_km > model.upper_km[2])
    return inside


def adapt(
    model: Emulator,
    records: Mapping[str, np.ndarray],
    settings: Mapping[str, Any],
    about: Mapping[str, Any],
) -> None:
    """Give the model its geometry, standardise its features, fit the processes of time and amplitude."""
    configure(model, records, about)
    seed = seeds(settings)
    traces, coordinates = records["traces"], records["coordinates_km"]
    every = model.rays.rays
    features = np.asarray(model.source_features(coordinates))[:, ::every, : model.source_features.smooth]
    distance_km = np.asarray(model.source_features.distance_km(coordinates))[:, ::every]
    dz_km = np.asarray(model.source_features.dz_km(coordinates))[:, ::every]
    _, along, _ = ray_traces(model, traces, coordinates)
    learnt = usable(model, records)
    delay_s = np.zeros(model.rays.receivers)
    for receiver in range(model.rays.receivers):
        position, height = peaks(along[:, receiver])
        time_s, distance = position * model.time_step_s, distance_km[:, receiver]
        delay_s[receiver] = pulse_delay_s(time_s[learnt], distance[learnt])
        slowness = (time_s + delay_s[receiver]) / distance
        used = learnt & ~is_outlier(slowness, dz_km[:, receiver])
        for output, target in enumerate((slowness, np.log(height * distance))):
            (fitted,) = fit_gaussian_processes(
                features[used, receiver],
                target[used, np.newaxis],
                settings["inducing_points"],
                seed=draw_seed(seed),
                linear_trend=output == 0,
                what=f"Process of {('time', 'amplitude')[output]}, receiver {receiver + 1}",
            )
            model.processes.assign(receiver, output, fitted)
    model.pulse_delay_s.assign(delay_s)


def configure(model: Emulator, records: Mapping[str, np.ndarray], about: Mapping[str, Any]) -> None:
    """Give the model the geometry of a dataset and standardise its features on the events off the faces."""
    traces, coordinates = records["traces"], records["coordinates_km"]
    time_step_s = 1 / float(about["sampling_rate_hz"])
    model.configure(
        about["receivers_km"],
        traces.shape[2],
        time_step_s,
        coordinates.min(0),
        coordinates.max(0),
        round(_REFERENCE_S / time_step_s),
        about["unit"],
        about.get("recorded", "P"),
    )
    model.source_features.adapt(coordinates[~records["on_boundary_face"]])


def ray_traces(
    model: Emulator, traces: np.ndarray, coordinates_km: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return what is emulated of traces (n, channels, time), see `RayCoordinates.rays_of`."""
    every = model.rays.rays
    offset, distance = (np.asarray(one)[:, ::every] for one in model.source_features.offsets_km(coordinates_km))
    return model.rays.rays_of(traces, offset, distance)


def frames(
    model: Emulator, records: Mapping[str, np.ndarray], settings: Mapping[str, Any]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return features (n, rays, features), frames (n, rays, time) and weights (n, rays); pressure: rays are receivers.

    The weight of a frame is a power of its amplitude, 1 on average: R2D (eq. 12) weighs squared
    errors by the amplitude squared, the paper's loss does not weigh them at all.
    """
    used = usable(model, records)
    traces, coordinates = records["traces"][used], records["coordinates_km"][used]
    features = np.asarray(model.source_features(coordinates))
    rays, along, heard = ray_traces(model, traces, coordinates)
    aligned = np.empty(rays.shape, np.float32)
    weights = np.empty(rays.shape[:2], np.float32)
    for receiver in range(model.rays.receivers):
        position, height = peaks(along[:, receiver])
        for ray in range(receiver * model.rays.rays, (receiver + 1) * model.rays.rays):
            moved = shift_traces(rays[:, ray], model.reference_sample - position)
            aligned[:, ray] = moved / height[:, np.newaxis]
            weights[:, ray] = (height * heard[:, ray]) ** settings["amplitude_weight"]
    return features, aligned, weights / weights.mean(axis=0)


def adapt_components(
    model: Emulator,
    records: Mapping[str, np.ndarray],
    settings: Mapping[str, Any],
    about: Mapping[str, Any],
) -> None:
    """Do what `adapt` does and find the principal components of the frames, `model.components`."""
    adapt(model, records, settings, about)
    _, aligned, weights = frames(model, records, settings)
    model.components.adapt(aligned, weights)


def fit_code_processes(model: Emulator, features: np.ndarray, codes: np.ndarray, settings: Mapping[str, Any]) -> None:
    """Fit a process to each number of a code, `model.code_processes`.

    Args:
        model: the emulator.
        features: (events, receivers, features).
        codes: (events, receivers, numbers).
        settings: of the recipe.
    """
    seed = seeds(settings)
    for receiver in range(codes.shape[1]):
        fitted = fit_gaussian_processes(
            features[:, receiver, : model.source_features.smooth],
            codes[:, receiver],
            model.code_processes.points,
            seed=draw_seed(seed),
            what=f"Processes of codes, receiver {receiver + 1}",
        )
        for output, process in enumerate(fitted):
            model.code_processes.assign(receiver, output, process)


def autoencoder_stage(**settings: Any) -> Stage:
    """Return the stage that trains `model.autoencoder` on the frames alone, before anything looks at the source.

    Args:
        **settings: values that differ from the recipe's, such as epochs.
    """

    def examples(model, records, settings):
        _, aligned, weights = frames(model, records, settings)
        return aligned, aligned, weights

    return Stage(
        "autoencoder",
        examples,
        compile_network,
        trained_part=lambda model: model.autoencoder,
        settings=settings,
    )


def predict(model: Emulator, coordinates_km: np.ndarray) -> np.ndarray:
    """Return emulated traces (n, receivers, time) of any number of sources."""
    parts = [coordinates_km[i : i + _BATCH] for i in range(0, len(coordinates_km), _BATCH)]
    return np.concatenate([np.asarray(model(part)) for part in parts])


def score(model: Emulator, records: Mapping[str, np.ndarray]) -> dict[str, float]:
    """Return R2D and the median trace correlation, with and without events on faces."""
    predicted = predict(model, records["coordinates_km"])
    return score_traces(records["traces"], predicted, records["on_boundary_face"])


def measure_errors(model: Emulator, records: Mapping[str, np.ndarray], settings: Mapping[str, Any]) -> None:
    """Measure on held-out events how wrong the emulator is, and keep it in the model.

    Each residual is split as `zoo.microseismic.location.trace_likelihood` does: multiples of the derivative of the
    emulated trace (it is late or early) and of the trace itself (too small or large), and a rest.
    The rms over the events of the multiples and of rest / peak are the errors. A component of velocity vanishes for
    some azimuths: there, each event counts by the energy of its trace.
    """
    inside = ~records["on_boundary_face"]
    true = records["traces"][inside].astype(np.float64)
    emulated = predict(model, records["coordinates_km"][inside]).astype(np.float64)
    derivative = np.gradient(emulated, model.time_step_s, axis=-1)
    residual = true - emulated
    columns = np.stack([-derivative, emulated], axis=-1)
    normal = np.einsum("nrti,nrtj->nrij", columns, columns)
    share = np.ones(normal.shape[:2])
    if model.rays.turns:
        share = normal[..., 1, 1].copy()
        normal += 1e-9 * np.eye(2) * normal.mean(axis=0)  # a trace of zeros has no time
    share /= share.mean(axis=0)
    projected = np.einsum("nrti,nrt->nri", columns, residual)
    multiples = np.linalg.solve(normal, projected[..., np.newaxis])[..., 0]
    rest = residual - np.einsum("nrti,nri->nrt", columns, multiples)
    relative = rest / np.maximum(np.abs(emulated).max(axis=-1, keepdims=True), 1e-30)
    found = {
        "timing_sd_s": np.sqrt((share * multiples[..., 0] ** 2).mean(axis=0)),
        "log_amplitude_sd": np.sqrt((share * multiples[..., 1] ** 2).mean(axis=0)),
        "shape_error": np.sqrt((share[..., np.newaxis] * relative**2).mean(axis=(0, 2))),
    }
    model.errors.assign(np.stack([found[name] for name in ERROR_NAMES]))


def held_out_events(
    model: Emulator, records: Mapping[str, np.ndarray], settings: Mapping[str, Any]
) -> dict[str, np.ndarray]:
    """Return 20 events off the faces: coordinates, emulated and (where they may be shared) true traces.

    `noise_sd`, in the unit of the traces, is the paper's noise relative to the amplitude.
    """
    chosen = np.flatnonzero(~records["on_boundary_face"])[:_GOLDEN_EVENTS]
    coordinates = records["coordinates_km"][chosen].astype(np.float32)
    peak = np.abs(records["traces"]).max(axis=-1)
    events = {
        "coordinates_km": coordinates,
        "predicted": np.asarray(model(coordinates)),
        "noise_sd": np.float32(NOISE_TO_PEAK * np.median(peak)),
    }
    if settings["share_traces"]:
        events["traces"] = records["traces"][chosen].astype(np.float32)
    return events
