"""Emulator of microseismic traces: a conditional variational autoencoder.

Paper   Spurio Mancini et al. 2021, Solid Earth 12, 1683, method F: R2D 0.9477 on its own dataset
Data    microseismic/marine (datasets/microseismic), or the paper's traces (tag kwave2021)
Cost    29 CPU-seconds of training for a receiver, 75 for five, and 3 to 10 a receiver for the Gaussian processes
Run     zoo train cvae_emulator
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from zoo.microseismic.models import emulator_training
from zoo.microseismic.models.emulator import Emulator, ReceiverPerceptrons
from zoo.settings import Setting


@keras.saving.register_keras_serializable(package="zoo")
class ConditionalAutoencoder(keras.Model):
    """Encoder and decoder of frames, conditioned on the features of the source (figure 5).

    Takes features and frame of each receiver side by side, (n, receivers, features + samples), gives
    frames. The code is drawn from N(mu, sd^2 I) in training and is zero, the mean of the prior
    N(0, sd^2 I), otherwise: then the frame is not looked at.

    Args:
        units: hidden layers of the decoder; the encoder has them in reverse.
        conditions: number of features.
        samples: of a frame.
        latent: dimension of the code.
        latent_sd: sd of encoding and prior.
        encoder: whether there is one, with `code`; only training needs it.
    """

    def __init__(
        self,
        units: Sequence[int],
        conditions: int,
        samples: int,
        latent: int,
        latent_sd: float,
        encoder: bool = True,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.conditions, self.samples = conditions, samples
        self.latent, self.latent_sd = latent, latent_sd
        self.encoder = self.code = None
        if encoder:
            self.encoder = ReceiverPerceptrons(list(units)[::-1], name="encoder")
            self.code = ReceiverPerceptrons([latent], name="code")
        self.decoder = ReceiverPerceptrons([*units, samples], name="decoder")
        self.noise = keras.random.SeedGenerator(0)

    def build(self, input_shape):
        _, receivers, _ = input_shape
        if self.encoder:
            self.encoder.build((None, receivers, self.samples))
            self.code.build((None, receivers, self.encoder.units[-1] + self.conditions))
        self.decoder.build((None, receivers, self.latent + self.conditions))

    @property
    def served(self) -> keras.Model:
        """The part that checkpoints keep."""
        return self.decoder

    def decode(self, code, conditions):
        """Return frames (n, receivers, samples) of codes (n, receivers, latent)."""
        return self.decoder(ops.concatenate([code, conditions], axis=-1))

    def generate(self, conditions):
        """Return the frames (n, receivers, samples) of the mean of the prior, a code of zeros."""
        shape = (*ops.shape(conditions)[:-1], self.latent)
        return self.decode(ops.zeros(shape, conditions.dtype), conditions)

    def call(self, inputs, training=False):
        conditions, frames = inputs[..., : self.conditions], inputs[..., self.conditions :]
        if not training:
            return self.generate(conditions)
        hidden = ops.leaky_relu(self.encoder(frames), 0.2)
        mean = self.code(ops.concatenate([hidden, conditions], axis=-1))
        # KL divergence of two normal distributions of equal covariance (appendix B).
        self.add_loss(ops.mean(ops.sum((mean / self.latent_sd) ** 2, axis=-1)) / 2.0)
        drawn = keras.random.normal(ops.shape(mean), stddev=self.latent_sd, seed=self.noise)
        return self.decode(mean + drawn, conditions)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.samples)


@keras.saving.register_keras_serializable(package="zoo")
class CVAEEmulator(Emulator):
    """Coordinates of sources in km, (n, 3), to traces (n, receivers, samples), unit of the dataset.

    The decoder of a conditional variational autoencoder gives the trace's shape for the mean of the
    prior, z = 0, Gaussian processes its time and amplitude (section 2.2.6, figure 3F).

    Args:
        latent: dimension of the code.
        latent_sd: sd of encoding and prior.
        encoder: whether there is one; only training needs it.
        **emulator: see `zoo.microseismic.models.emulator.Emulator`.
    """

    recipe_name = "cvae_emulator"

    def __init__(self, latent: int = 5, latent_sd: float = 0.001, encoder: bool = True, **emulator):
        self._latent, self.encodes = (latent, latent_sd), encoder
        super().__init__(**emulator)

    def make_network(self) -> keras.Model:
        conditions = self.source_features.count
        network = ConditionalAutoencoder(
            self.units, conditions, self.samples, *self._latent, self.encodes, name="network"
        )
        network.build((None, len(self.rays_km), conditions + self.samples))
        return network

    def only_trains(self) -> list[keras.layers.Layer]:
        return [self.network.encoder, self.network.code] if self.encodes else []

    def frames(self, features):
        return self.network.generate(features)

    def get_config(self):
        latent, latent_sd = self._latent
        return {**super().get_config(), "latent": latent, "latent_sd": latent_sd, "encoder": self.encodes}


def examples(
    model: CVAEEmulator, records: Mapping[str, np.ndarray], settings: Mapping[str, Any]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return what the autoencoder sees, what it is to give back, and the weights of the events."""
    features, frames, weights = emulator_training.frames(model, records, settings)
    return np.concatenate([features, frames], axis=-1), frames, weights


RECIPE = emulator_training.recipe(
    CVAEEmulator,
    {
        **emulator_training.NETWORK,
        **emulator_training.FIT,
        "units": Setting([64, 128, 256], "units of the decoder's hidden layers", "section 2.2.6", low=1),
        "latent": Setting(5, "dimension of the code", "section 2.2.6", low=1),
        "latent_sd": Setting(0.001, "sd of encoding and prior", "section 2.2.6", low=1e-9),
    },
    before_fit=emulator_training.adapt,
    stages=[emulator_training.network_stage(examples)],
)
