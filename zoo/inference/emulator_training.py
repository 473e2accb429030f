"""What emulators of seismic traces learn and measure outside of `fit`, shared by their recipes.

Preprocessing of Spurio Mancini et al. (2021), section 2.1: every trace is moved so that its positive
peak lies at a common time and divided by the height of that peak; Gaussian processes learn time and
height as functions of the source.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from zoo.inference.gp_regression import fit_gaussian_process
from zoo.layers.emulation import ERROR_NAMES, Emulator
from zoo.metrics import score_traces
from zoo.progress import track

# Where the peak of a "physics" frame lies: early, so that little of a frame is cut off, yet late
# enough for the onset of the pulse.
_REFERENCE_S = 0.16
_OVERSAMPLING = 8
# A pick is an outlier if its slowness departs by more than a quarter from the median of its
# neighbours in depth: another arrival was the highest.
_NEIGHBOURS, _LARGEST_DEPARTURE = 31, 0.25
# The part of the events, the nearest, whose moveout gives the delay of the pulse.
_NEAREST_PART = 0.025
# Of the paper's noise (sigma = 250, section 3.2.2) to the median peak of its traces.
_NOISE_TO_PEAK = 0.082
_BATCH = 1000


# The two emulators of the paper differ in their network alone: corpora, cards and optimizer are one.
TAGS = {
    "marine": {"epochs": 200},  # five receivers at once
    # The paper's own traces. Their earth does not change along y: events mirrored in y have equal
    # traces. Their simulation is periodic, and the files hold no licence to pass traces on.
    "kwave2021": {
        "corpus": "microseismic/spurio_mancini_2021",
        "train_split": "train[:90%]",
        "validation_split": "train[90%:]",
        "uniform_along_y": True,
        "periodic_spacing_km": [0.0125, 0.0125, 0.010],
        "periodic_nodes": [81, 81, 301],
        "share_traces": False,
    },
}
SMOKE = {"corpus": "microseismic/marine_small", "epochs": 3, "inducing_points": 64}
CARD = {
    "inputs": "(n, 3) float32: x, y, z of the source in km, z up from the model's floor",
    "outputs": "(n, receivers, samples) float32: pressure in the unit of the corpus, from the origin time",
    "licence": "weights: Apache-2.0",
    "citation": "Spurio Mancini et al. (2021), Solid Earth 12, 1683-1705",
}


def compile_network(network: keras.Model, settings: Mapping[str, Any], steps: int) -> None:
    """Adam with a learning rate that falls to zero along a cosine; mean squared error (eq. 6).

    The divergence of the autoencoder's ELBO (eq. 9) is its network's own loss.
    """
    schedule = keras.optimizers.schedules.CosineDecay(settings["learning_rate"], steps)
    network.compile(
        keras.optimizers.Adam(schedule),
        loss="mse",
        steps_per_execution=max(1, steps // settings["epochs"]),
        jit_compile=True,
    )


def peaks(traces: np.ndarray, whole_samples: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Return position in samples and height of the positive peak of traces (n, time), each (n,).

    Args:
        whole_samples: the largest sample, as the paper takes it, instead of the peak between samples.
    """
    if whole_samples:
        return traces.argmax(axis=1).astype(float), traces.max(axis=1).astype(float)
    samples = traces.shape[1]
    padded = np.pad(np.asarray(traces, np.float64), ((0, 0), (0, samples // 8)))
    fine = np.fft.irfft(np.fft.rfft(padded), padded.shape[1] * _OVERSAMPLING)[:, : samples * _OVERSAMPLING]
    top = np.clip(fine.argmax(axis=1), 1, fine.shape[1] - 2)
    rows = np.arange(len(fine))
    before, centre, after = fine[rows, top - 1], fine[rows, top], fine[rows, top + 1]
    curvature = before - 2 * centre + after
    offset = np.where(curvature < 0, 0.5 * (before - after) / np.minimum(curvature, -1e-30), 0.0)
    offset = np.clip(offset, -0.5, 0.5)
    height = (centre - 0.25 * (before - after) * offset) * _OVERSAMPLING
    return (top + offset) / _OVERSAMPLING, height


def shift_traces(traces: np.ndarray, shift_samples: np.ndarray) -> np.ndarray:
    """Return traces (n, time) moved later by shift_samples (n,), zero where nothing is known."""
    samples = traces.shape[1]
    spectrum = np.fft.rfft(np.asarray(traces, np.float64), 2 * samples)
    cycles = np.fft.rfftfreq(2 * samples) * np.asarray(shift_samples)[:, np.newaxis]
    return np.fft.irfft(spectrum * np.exp(-2j * np.pi * cycles), 2 * samples)[:, :samples]


def usable(model: Emulator, records: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return (n,) bool: events to learn from. Those on faces only if the features tell them apart."""
    if model.source_features.periodic:
        return np.ones(len(records["traces"]), bool)
    return ~records["on_boundary_face"]


def adapt(
    model: Emulator,
    records: Mapping[str, np.ndarray],
    settings: Mapping[str, Any],
    about: Mapping[str, Any],
) -> None:
    """Give the model its geometry, standardise its features, fit the processes of time and amplitude."""
    traces, coordinates = records["traces"], records["coordinates_km"]
    time_step_s = 1 / float(about["sampling_rate_hz"])
    reference = round(_REFERENCE_S / time_step_s)
    if model.feature_kind == "paper":
        reference = int(traces[np.random.randint(len(traces)), 0].argmax())
    model.place(
        about["receivers_km"],
        traces.shape[2],
        time_step_s,
        coordinates.min(0),
        coordinates.max(0),
        reference,
        about["unit"],
    )
    model.source_features.adapt(coordinates[~records["on_boundary_face"]])
    features = np.asarray(model.source_features(coordinates))[..., : model.source_features.smooth]
    distance_km = np.asarray(model.source_features.distance_km(coordinates))
    learnt = usable(model, records)
    delay_s = np.zeros(traces.shape[1])
    for receiver in track(range(traces.shape[1]), "Gaussian processes of time and amplitude"):
        position, height = peaks(traces[:, receiver], model.feature_kind == "paper")
        time_s, distance = position * time_step_s, distance_km[:, receiver]
        used, targets = learnt, (time_s, height)
        if model.feature_kind == "physics":
            delay_s[receiver] = pulse_delay_s(time_s[learnt], distance[learnt])
            slowness = (time_s + delay_s[receiver]) / distance
            used = learnt & ~is_outlier(slowness, features[:, receiver, 1])
            targets = (slowness, np.log(height * distance))
        for output, target in enumerate(targets):
            seed = int(np.random.randint(2**31))
            fitted = fit_gaussian_process(
                features[used, receiver],
                target[used],
                settings["inducing_points"],
                seed,
                linear_trend=output == 0 and model.feature_kind == "physics",
            )
            model.processes.assign(receiver, output, fitted)
    model.pulse_delay_s.assign(delay_s)


def pulse_delay_s(time_s: np.ndarray, distance_km: np.ndarray) -> float:
    """Return how much earlier than the origin time a source at the receiver would peak, in s.

    The intercept of the nearest events' moveout. Added to the times, it keeps time / distance from
    diverging near the receiver.
    """
    count = max(10, round(_NEAREST_PART * len(time_s)))
    near = np.argsort(distance_km)[:count]
    return -float(np.polyfit(distance_km[near], time_s[near], 1)[1])


def is_outlier(slowness: np.ndarray, depth: np.ndarray) -> np.ndarray:
    """Return (n,) bool: picks of another arrival than that of their neighbours in depth."""
    order = np.argsort(depth)
    half = _NEIGHBOURS // 2
    padded = np.pad(slowness[order], half, mode="reflect")
    median = np.median(np.lib.stride_tricks.sliding_window_view(padded, _NEIGHBOURS), axis=1)
    found = np.empty(len(slowness), bool)
    found[order] = np.abs(slowness[order] / median - 1.0) > _LARGEST_DEPARTURE
    return found


def frames(
    model: Emulator, records: Mapping[str, np.ndarray], settings: Mapping[str, Any]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return features (n, receivers, features), frames (n, receivers, time) and weights (n, receivers).

    The weight of a frame is a power of its amplitude, 1 on average: R2D (eq. 12) weighs squared
    errors by the amplitude squared, the paper's loss does not weigh them at all.
    """
    used = usable(model, records)
    traces, coordinates = records["traces"][used], records["coordinates_km"][used]
    features = np.asarray(model.source_features(coordinates))
    aligned = np.empty(traces.shape, np.float32)
    weights = np.empty(traces.shape[:2], np.float32)
    for receiver in range(traces.shape[1]):
        position, height = peaks(traces[:, receiver], model.feature_kind == "paper")
        moved = shift_traces(traces[:, receiver], model.reference_sample - position)
        aligned[:, receiver] = moved / height[:, np.newaxis]
        weights[:, receiver] = height ** settings["amplitude_weight"]
    return features, aligned, weights / weights.mean(axis=0)


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

    Each residual is split as `zoo.inference.likelihood` does: multiples of the derivative of the
    emulated trace (it is late or early) and of the trace itself (too small or large), and a rest.
    The rms over the events of the multiples and of rest / peak are the errors.
    """
    inside = ~records["on_boundary_face"]
    true = records["traces"][inside].astype(np.float64)
    emulated = predict(model, records["coordinates_km"][inside]).astype(np.float64)
    derivative = np.gradient(emulated, model.time_step_s, axis=-1)
    residual = true - emulated
    columns = np.stack([-derivative, emulated], axis=-1)
    normal = np.einsum("nrti,nrtj->nrij", columns, columns)
    projected = np.einsum("nrti,nrt->nri", columns, residual)
    multiples = np.linalg.solve(normal, projected[..., np.newaxis])[..., 0]
    rest = residual - np.einsum("nrti,nri->nrt", columns, multiples)
    relative = rest / np.abs(emulated).max(axis=-1, keepdims=True)
    found = {
        "timing_sd_s": np.sqrt((multiples[..., 0] ** 2).mean(axis=0)),
        "log_amplitude_sd": np.sqrt((multiples[..., 1] ** 2).mean(axis=0)),
        "shape_error": np.sqrt((relative**2).mean(axis=(0, 2))),
    }
    model.errors.assign(np.stack([found[name] for name in ERROR_NAMES]))


def held_out_sample(
    model: Emulator, records: Mapping[str, np.ndarray], settings: Mapping[str, Any]
) -> dict[str, np.ndarray]:
    """Return 20 events off the faces: coordinates, emulated and (where they may be shared) true traces.

    `noise_sd`, in the unit of the traces, is the paper's noise relative to the amplitude.
    """
    chosen = np.flatnonzero(~records["on_boundary_face"])[:20]
    coordinates = records["coordinates_km"][chosen].astype(np.float32)
    peak = np.abs(records["traces"]).max(axis=-1)
    sample = {
        "coordinates_km": coordinates,
        "predicted": np.asarray(model(coordinates)),
        "noise_sd": np.float32(_NOISE_TO_PEAK * np.median(peak)),
    }
    if settings["share_traces"]:
        sample["traces"] = records["traces"][chosen].astype(np.float32)
    return sample
