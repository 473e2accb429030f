"""Emulator of microseismic traces: a direct neural network.

Paper   Spurio Mancini et al. 2021, Solid Earth 12, 1683, method A: R2D 0.9500 on its own corpus
Data    microseismic/marine (datasets/microseismic), or the paper's traces (tag kwave2021)
Cost    22 CPU-seconds of training for a receiver, 38 for five, and two Gaussian processes of 16 to 25 each
Run     zoo train nn_direct_emulator
"""

from __future__ import annotations

from collections.abc import Sequence

import keras

from zoo.inference import emulator_training
from zoo.layers import Emulator, ReceiverPerceptrons
from zoo.training import Recipe


@keras.saving.register_keras_serializable(package="zoo")
class NNDirectEmulator(Emulator):
    """Coordinates of sources in km, (n, 3), to traces (n, receivers, samples), unit of the corpus.

    A perceptron of 64, 128 and 256 units per receiver gives the trace's shape, Gaussian processes its
    time and amplitude (section 2.2.1, figure 3A). Arguments as of `zoo.layers.Emulator`.
    """

    recipe_name = "nn_direct_emulator"

    def make_network(self) -> keras.Model:
        network = ReceiverPerceptrons([*self.units, self.samples], name="network")
        network.build((None, len(self.receivers_km), self.source_features.count))
        return network

    def frames(self, features):
        return self.network(features)


def build(
    units: Sequence[int],
    features: str,
    inducing_points: int,
    depth_nodes: int,
    uniform_along_y: bool,
    periodic_spacing_km: Sequence[float],
    periodic_nodes: Sequence[int],
) -> NNDirectEmulator:
    """Return the untrained emulator; training gives it receivers."""
    return NNDirectEmulator(
        units, features, inducing_points, depth_nodes, uniform_along_y, periodic_spacing_km, periodic_nodes
    )


RECIPE = Recipe(
    name="nn_direct_emulator",
    summary="Emulates the seismic traces of a microseismic event at fixed receivers, from its coordinates.",
    settings={
        "corpus": "microseismic/marine",
        "train_split": "train",
        "validation_split": "validation",
        "features": "physics",
        "units": [64, 128, 256],
        "depth_nodes": 61,
        "inducing_points": 512,
        "uniform_along_y": False,
        "periodic_spacing_km": [],
        "periodic_nodes": [],
        "amplitude_weight": 1.0,
        "learning_rate": 1e-3,
        "batch_size": 64,
        "epochs": 300,
        "patience": 0,  # the learning rate ends at zero
        "share_traces": True,
    },
    build=build,
    adapt=emulator_training.adapt,
    examples=emulator_training.frames,
    trained_part=lambda model: model.network,
    compile=emulator_training.compile_network,
    finish=emulator_training.measure_errors,
    score=emulator_training.score,
    sample=emulator_training.held_out_sample,
    card=emulator_training.CARD,
    tags=emulator_training.TAGS,
    smoke=emulator_training.SMOKE,
)
