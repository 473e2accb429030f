"""Emulator of microseismic traces: Gaussian processes of dominant samples, as in Das et al. (2018).

Paper   Das et al. 2018, Geophysical Journal International 215, 1257 ("D18"), as summarised by Spurio Mancini et al.
        2021, Solid Earth 12, 1683, appendix A: R2D of about 0.89
Data    microseismic/marine (datasets/microseismic), or the paper's traces (tag kwave2021)
Cost    43 to 79 CPU-seconds for a receiver, all of them for Gaussian processes
Run     zoo train d18_emulator
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
from keras import ops

from zoo.microseismic.models import emulator_training
from zoo.microseismic.models.emulator import Emulator
from zoo.microseismic.models.gaussian_process import GaussianProcess
from zoo.microseismic.models.gp_regression import fit_gaussian_processes
from zoo.settings import Setting, changed
from zoo.training.recipe import draw_seed, seeds

# There are hundreds of processes: the hyperparameters of each are found on so many examples, in so many steps.
_EXAMPLES, _ITERATIONS = 400, 30


@keras.saving.register_keras_serializable(package="zoo")
class D18Emulator(Emulator):
    """Coordinates of sources in km, (n, 3), to traces (n, receivers, samples), unit of the dataset.

    A trace is its 100 dominant samples, the largest in absolute value, in the order of time, and zero
    elsewhere. For each of them, a Gaussian process gives the position and another one the amplitude (times
    the distance, which varies less). No trace is aligned, no network trained.

    Args:
        components: number of dominant samples.
        **emulator: see `zoo.microseismic.models.emulator.Emulator`; `units` are not used.
    """

    recipe_name = "d18_emulator"
    # The processes give positions in float32, and where two samples meet, their mean counts: on another processor 0.2 %
    # of the samples jump, and the traces differ by 0.6 %.
    repeats_to = (0.01, 1e-2)

    def __init__(self, components: int = 100, **emulator):
        self.components = components
        super().__init__(**emulator)

    def make_parts(self) -> None:
        self.processes = GaussianProcess(self.inducing_points, outputs=2 * self.components, precise=False)
        self.processes.build((None, len(self.rays_km), self.source_features.smooth))

    def call(self, coordinates_km):
        features = self.source_features(coordinates_km)[..., : self.source_features.smooth]
        outputs = self.processes(features)
        distance = self.source_features.distance_km(coordinates_km)[..., None]
        amplitude = outputs[..., self.components :] / distance
        traces = place_samples(outputs[..., : self.components], amplitude, self.samples)
        return self.to_channels(coordinates_km, traces)

    def get_config(self):
        return {**super().get_config(), "components": self.components}


def place_samples(position, amplitude, samples: int):
    """Return traces (..., samples) that have amplitudes at positions, each (..., components), and are zero elsewhere.

    A position lies between two samples and counts for both, by its nearness; where several meet, their mean counts.
    """
    shape = (*ops.shape(position)[:-1], samples)
    position = ops.reshape(ops.clip(position, 0.0, samples - 1.0), (-1, position.shape[-1]))
    amplitude = ops.reshape(amplitude, (-1, amplitude.shape[-1]))
    before = ops.minimum(ops.floor(position), samples - 2.0)
    fraction = position - before
    nearness = ops.concatenate([1.0 - fraction, fraction], axis=-1)
    traces = ops.shape(position)[0]
    first = ops.cast(before, "int32") + samples * ops.arange(traces, dtype="int32")[:, None]
    where = ops.reshape(ops.concatenate([first, first + 1], axis=-1), (-1, 1))
    put = lambda values: ops.scatter(where, ops.reshape(values, (-1,)), (traces * samples,))  # noqa: E731
    total = put(nearness * ops.concatenate([amplitude, amplitude], axis=-1))
    return ops.reshape(total / ops.maximum(put(nearness), 1.0), shape)


def dominant_samples(traces: np.ndarray, components: int) -> tuple[np.ndarray, np.ndarray]:
    """Return positions and values, each (n, components), of the largest samples of traces (n, time), in order."""
    largest = np.argpartition(-np.abs(traces), components - 1, axis=1)[:, :components]
    positions = np.sort(largest, axis=1)
    return positions, np.take_along_axis(traces, positions, axis=1)


def fit_processes(
    model: D18Emulator, records: Mapping[str, np.ndarray], settings: Mapping[str, Any], about: Mapping[str, Any]
) -> None:
    """Give the model its geometry and fit all processes."""
    emulator_training.configure(model, records, about)
    seed = seeds(settings)
    used = emulator_training.usable(model, records)
    coordinates = records["coordinates_km"][used]
    traces, _, _ = emulator_training.ray_traces(model, records["traces"][used], coordinates)
    features = np.asarray(model.source_features(coordinates))[..., : model.source_features.smooth]
    distance_km = np.asarray(model.source_features.distance_km(coordinates))
    for receiver in range(traces.shape[1]):
        positions, amplitudes = dominant_samples(traces[:, receiver], model.components)
        targets = (positions, amplitudes * distance_km[:, receiver, np.newaxis])
        for half, (what, target) in enumerate(zip(("positions", "amplitudes"), targets, strict=True)):
            fitted = fit_gaussian_processes(
                features[:, receiver],
                target,
                settings["inducing_points"],
                seed=draw_seed(seed),
                linear_trend=what == "positions",
                examples=_EXAMPLES,
                iterations=_ITERATIONS,
                what=f"Processes of {what}, receiver {receiver + 1}",
            )
            for number, process in enumerate(fitted):
                model.processes.assign(receiver, half * model.components + number, process)


RECIPE = emulator_training.recipe(
    D18Emulator,
    {
        **changed(
            emulator_training.SETTINGS,
            features="paper",  # more would fit what does not repeat: samples jump in and out of the dominant ones
            inducing_points=128,
        ),
        "components": Setting(100, "dominant samples of a trace", "appendix A", unit="samples", low=1),
    },
    before_fit=fit_processes,
    stages=[],  # no network
    smoke={"components": 20},
    citation="Das et al. (2018), Geophysical Journal International 215, 1257-1290",
)
