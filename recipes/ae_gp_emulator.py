"""Emulator of microseismic traces: an autoencoder and Gaussian processes.

Paper   Spurio Mancini et al. 2021, Solid Earth 12, 1683, method E: R2D 0.9472 on its own dataset
Data    microseismic/marine (datasets/microseismic), or the paper's traces (tag kwave2021)
Cost    40 CPU-seconds of training for a receiver, and 9 to 19 for the Gaussian processes
Run     zoo train ae_gp_emulator
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from zoo.microseismic.models import emulator_training
from zoo.microseismic.models.compression import autoencoder_of
from zoo.microseismic.models.emulator import Emulator
from zoo.microseismic.models.gaussian_process import GaussianProcess
from zoo.settings import Setting
from zoo.training.fine_tuning import take_over


@keras.saving.register_keras_serializable(package="zoo")
class AEGPEmulator(Emulator):
    """Coordinates of sources in km, (n, 3), to traces (n, receivers, samples), unit of the dataset.

    A Gaussian process for each number of the code from which the decoder of an autoencoder makes the
    trace's shape, two more for its time and amplitude (section 2.2.5, figures 3E and 4).

    Args:
        autoencoder_units: hidden layers of the encoder; the decoder has them in reverse.
        latent: numbers in a code.
        encoder: whether there is one; only training needs it.
        code_points: inducing points of the process of a number.
        **emulator: see `zoo.microseismic.models.emulator.Emulator`.
    """

    recipe_name = "ae_gp_emulator"

    def __init__(
        self,
        autoencoder_units=(256, 128, 64),
        latent: int = 5,
        code_points: int = 512,
        encoder: bool = True,
        **emulator,
    ):
        self._code = (tuple(autoencoder_units), latent, code_points)
        self.encodes = encoder
        super().__init__(**emulator)

    def make_network(self) -> keras.Model:
        receivers, (units, latent, points) = len(self.rays_km), self._code
        self.autoencoder, self.decoder = autoencoder_of(units, latent, self.samples, receivers, self.encodes)
        self.code_processes = GaussianProcess(points, outputs=latent, precise=False, name="code_processes")
        network = keras.Sequential([self.code_processes, self.decoder], name="network")
        network.build((None, receivers, self.source_features.smooth))
        return network

    def only_trains(self) -> list[keras.layers.Layer]:
        return [self.autoencoder.encoder] if self.encodes else []

    def frames(self, features):
        return self.network(features[..., : self.source_features.smooth])

    def get_config(self):
        units, latent, points = self._code
        own = {"autoencoder_units": list(units), "latent": latent, "code_points": points, "encoder": self.encodes}
        return {**super().get_config(), **own}


def fit_processes(model: AEGPEmulator, records: Mapping[str, np.ndarray], settings: Mapping[str, Any]) -> None:
    """Fit the processes of the codes that the trained encoder gives."""
    features, frames, _ = emulator_training.frames(model, records, settings)
    emulator_training.fit_code_processes(model, features, np.asarray(model.autoencoder.encoder(frames)), settings)


RECIPE = emulator_training.recipe(
    AEGPEmulator,
    {
        **emulator_training.FIT,
        "autoencoder_units": Setting([256, 128, 64], "units of the encoder's hidden layers", "figure 4", low=1),
        "latent": Setting(5, "numbers in a code", "section 2.2.5", low=1),
        "code_points": Setting(
            512, "inducing points of each Gaussian process of the code", "ours", unit="points", low=2
        ),
    },
    before_fit=emulator_training.adapt,
    stages=[emulator_training.autoencoder_stage()],
    after_fit=fit_processes,
    begins_from=lambda model, other: take_over(model, other, [lambda one: one.decoder], other.name),
)
