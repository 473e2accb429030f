"""Emulator of microseismic traces: a direct neural network.

Paper   Spurio Mancini et al. 2021, Solid Earth 12, 1683, method A: R2D 0.9500 on its own dataset
Data    microseismic/marine (datasets/microseismic), or the paper's traces (tag kwave2021)
Cost    22 CPU-seconds of training for a receiver, 38 for five, and 3 to 10 a receiver for the Gaussian processes
Run     zoo train nn_direct_emulator
"""

from __future__ import annotations

import keras

from zoo.microseismic.models import emulator_training
from zoo.microseismic.models.emulator import Emulator, ReceiverPerceptrons
from zoo.settings import Setting


@keras.saving.register_keras_serializable(package="zoo")
class NNDirectEmulator(Emulator):
    """Coordinates of sources in km, (n, 3), to traces (n, receivers, samples), unit of the dataset.

    A perceptron of 64, 128 and 256 units per receiver gives the trace's shape, Gaussian processes its
    time and amplitude (section 2.2.1, figure 3A). It takes the arguments of `Emulator`.
    """

    recipe_name = "nn_direct_emulator"

    def make_network(self) -> keras.Model:
        network = ReceiverPerceptrons([*self.units, self.samples], name="network")
        network.build((None, len(self.rays_km), self.source_features.count))
        return network

    def frames(self, features):
        return self.network(features)


RECIPE = emulator_training.recipe(
    NNDirectEmulator,
    {
        **emulator_training.NETWORK,
        **emulator_training.FIT,
        "units": Setting([64, 128, 256], "units of the hidden layers", "section 2.2.1", low=1),
    },
    before_fit=emulator_training.adapt,
    stages=[emulator_training.network_stage()],
)
