"""Emulator of microseismic traces: an autoencoder and a neural network.

Paper   Spurio Mancini et al. 2021, Solid Earth 12, 1683, method D: R2D 0.9496 on its own dataset
Data    microseismic/marine (datasets/microseismic), or the paper's traces (tag kwave2021)
Cost    57 CPU-seconds of training for a receiver, and 3 to 10 for the Gaussian processes of time and amplitude
Run     zoo train ae_nn_emulator
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras

from zoo.microseismic.models import emulator_training
from zoo.microseismic.models.compression import autoencoder_of
from zoo.microseismic.models.emulator import Emulator, ReceiverPerceptrons
from zoo.settings import Setting
from zoo.training.recipe import Stage


@keras.saving.register_keras_serializable(package="zoo")
class AENNEmulator(Emulator):
    """Coordinates of sources in km, (n, 3), to traces (n, receivers, samples), unit of the dataset.

    A perceptron of 64, 128 and 256 units per receiver gives the code from which the decoder of an
    autoencoder, trained before on frames alone, makes the trace's shape; Gaussian processes give its time
    and amplitude (section 2.2.4, figures 3D and 4). Then `fit` trains perceptron and decoder together.

    Args:
        autoencoder_units: hidden layers of the encoder; the decoder has them in reverse.
        latent: numbers in a code.
        encoder: whether there is one; only training needs it.
        **emulator: see `zoo.microseismic.models.emulator.Emulator`.
    """

    recipe_name = "ae_nn_emulator"

    def __init__(self, autoencoder_units=(256, 128, 64), latent: int = 5, encoder: bool = True, **emulator):
        self._code = (tuple(autoencoder_units), latent)
        self.encodes = encoder
        super().__init__(**emulator)

    def make_network(self) -> keras.Model:
        receivers, (units, latent) = len(self.rays_km), self._code
        self.autoencoder, self.decoder = autoencoder_of(units, latent, self.samples, receivers, self.encodes)
        code = ReceiverPerceptrons([*self.units, latent], name="code")
        network = keras.Sequential([code, self.decoder], name="network")
        network.build((None, receivers, self.source_features.count))
        return network

    def only_trains(self) -> list[keras.layers.Layer]:
        return [self.autoencoder.encoder] if self.encodes else []

    def frames(self, features):
        return self.network(features)

    def get_config(self):
        units, latent = self._code
        own = {"autoencoder_units": list(units), "latent": latent, "encoder": self.encodes}
        return {**super().get_config(), **own}


def stages(settings: Mapping[str, Any]) -> list[Stage]:
    """Return the training of the autoencoder, then that of perceptron and decoder."""
    return [
        emulator_training.autoencoder_stage(epochs=settings["autoencoder_epochs"]),
        emulator_training.network_stage(),
    ]


RECIPE = emulator_training.recipe(
    AENNEmulator,
    {
        **emulator_training.NETWORK,
        **emulator_training.FIT,
        "units": Setting([64, 128, 256], "units of the perceptron's hidden layers", "section 2.2.4", low=1),
        "autoencoder_units": Setting([256, 128, 64], "units of the encoder's hidden layers", "figure 4", low=1),
        "latent": Setting(5, "numbers in a code", "section 2.2.4", low=1),
        "autoencoder_epochs": Setting(
            150, "passes over the training records when the autoencoder is trained", "ours", unit="epochs", low=0
        ),
    },
    before_fit=emulator_training.adapt,
    stages=stages,
    smoke={"autoencoder_epochs": 3},
)
