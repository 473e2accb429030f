"""Emulator of microseismic traces: principal components and a neural network.

Paper   Spurio Mancini et al. 2021, Solid Earth 12, 1683, method B: R2D 0.9443 on its own dataset
Data    microseismic/marine (datasets/microseismic), or the paper's traces (tag kwave2021)
Cost    19 CPU-seconds of training for a receiver, and 3 to 10 for the Gaussian processes of time and amplitude
Run     zoo train pca_nn_emulator
"""

from __future__ import annotations

import keras

from zoo.microseismic.models import emulator_training
from zoo.microseismic.models.compression import PrincipalComponents
from zoo.microseismic.models.emulator import Emulator, ReceiverPerceptrons
from zoo.settings import Setting


@keras.saving.register_keras_serializable(package="zoo")
class PCANNEmulator(Emulator):
    """Coordinates of sources in km, (n, 3), to traces (n, receivers, samples), unit of the dataset.

    A perceptron of three layers of 50 units per receiver gives 20 principal components of the trace's
    shape, Gaussian processes its time and amplitude (section 2.2.2, figure 3B). The error of the frames
    that `fit` lowers is that of the components, each weighed by its variance, and a constant.

    Args:
        components: how many.
        **emulator: see `zoo.microseismic.models.emulator.Emulator`.
    """

    recipe_name = "pca_nn_emulator"

    def __init__(self, components: int = 20, **emulator):
        self._component_count = components
        super().__init__(**emulator)

    def make_network(self) -> keras.Model:
        coefficients = ReceiverPerceptrons([*self.units, self._component_count], name="coefficients")
        self.components = PrincipalComponents(self._component_count, self.samples, name="components")
        network = keras.Sequential([coefficients, self.components], name="network")
        network.build((None, len(self.rays_km), self.source_features.count))
        return network

    def frames(self, features):
        return self.network(features)

    def get_config(self):
        return {**super().get_config(), "components": self._component_count}


RECIPE = emulator_training.recipe(
    PCANNEmulator,
    {
        **emulator_training.NETWORK,
        **emulator_training.FIT,
        "units": Setting([50, 50, 50], "units of the hidden layers", "section 2.2.2", low=1),
        "components": Setting(20, "principal components", "section 2.2.2", low=1),
    },
    before_fit=emulator_training.adapt_components,
    stages=[emulator_training.network_stage()],
)
