"""Frames turned into a few numbers and back: principal components and an autoencoder, for each receiver."""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np
from keras import ops

from zoo.microseismic.models.emulator import ReceiverPerceptrons


@keras.saving.register_keras_serializable(package="zoo")
class PrincipalComponents(keras.layers.Layer):
    """Turns codes (n, receivers, components) of order one into frames (n, receivers, samples).

    mean + sum_k code_k scale_k component_k (Spurio Mancini et al. 2021, eq. 7), where the scale is the sd of the
    component over the frames that `adapt` has seen.

    Args:
        components: how many.
        samples: of a frame.
    """

    def __init__(self, components: int, samples: int, **kwargs):
        super().__init__(trainable=False, **kwargs)
        self.components, self.samples = components, samples

    def build(self, input_shape):
        _, receivers, _ = input_shape
        self.mean = self.add_weight(shape=(receivers, self.samples), initializer="zeros", trainable=False, name="mean")
        self.basis = self.add_weight(
            shape=(receivers, self.components, self.samples), initializer="zeros", trainable=False, name="basis"
        )

    def adapt(self, frames: np.ndarray, weights: np.ndarray) -> None:
        """Find the components of frames (n, receivers, samples), where events have weights (n, receivers)."""
        means, bases = [], []
        for receiver in range(frames.shape[1]):
            weight = weights[:, receiver, np.newaxis].astype(np.float64)
            mean = (weight * frames[:, receiver]).sum(axis=0) / weight.sum()
            centred = frames[:, receiver] - mean
            found = np.linalg.svd(np.sqrt(weight) * centred, full_matrices=False)[2][: self.components]
            means.append(mean)
            bases.append(found * (centred @ found.T).std(axis=0)[:, np.newaxis])
        self.mean.assign(np.stack(means))
        self.basis.assign(np.stack(bases))

    def encode(self, frames: np.ndarray) -> np.ndarray:
        """Return the codes (n, receivers, components) of frames (n, receivers, samples)."""
        basis = np.array(self.basis, np.float64)
        dual = basis / np.sum(basis**2, axis=-1, keepdims=True)
        return np.einsum("nrt,rkt->nrk", frames - np.array(self.mean), dual)

    def call(self, codes):
        frames = ops.matmul(ops.transpose(codes, (1, 0, 2)), self.basis) + self.mean[:, None]
        return ops.transpose(frames, (1, 0, 2))

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.samples)

    def get_config(self):
        return {**super().get_config(), "components": self.components, "samples": self.samples}


@keras.saving.register_keras_serializable(package="zoo")
class FrameAutoencoder(keras.Model):
    """Turns frames (n, receivers, samples) into codes of a few numbers and back (Spurio Mancini et al. 2021, figure 4).

    Leaky ReLU (negative slope 0.2) after each hidden layer; code and output are linear.

    Args:
        units: hidden layers of the encoder; the decoder has them in reverse order.
        latent: numbers in a code.
        samples: of a frame.
    """

    def __init__(self, units: Sequence[int], latent: int, samples: int, **kwargs):
        super().__init__(**kwargs)
        self.units, self.latent, self.samples = tuple(units), latent, samples
        self.encoder = ReceiverPerceptrons([*units, latent], name="encoder")
        self.decoder = ReceiverPerceptrons([*list(units)[::-1], samples], name="decoder")

    def build(self, input_shape):
        _, receivers, _ = input_shape
        self.encoder.build((None, receivers, self.samples))
        self.decoder.build((None, receivers, self.latent))

    def call(self, frames):
        return self.decoder(self.encoder(frames))

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.samples)

    def get_config(self):
        return {**super().get_config(), "units": list(self.units), "latent": self.latent, "samples": self.samples}


def autoencoder_of(
    units: Sequence[int], latent: int, samples: int, receivers: int, encoder: bool = True
) -> tuple[FrameAutoencoder | None, ReceiverPerceptrons]:
    """Return a built autoencoder, or none without an encoder, and its decoder, which is all that serving needs."""
    if encoder:
        made = FrameAutoencoder(units, latent, samples, name="autoencoder")
        made.build((None, receivers, samples))
        return made, made.decoder
    decoder = ReceiverPerceptrons([*list(units)[::-1], samples], name="decoder")
    decoder.build((None, receivers, latent))
    return None, decoder
