"""Components of moment tensors and Green's functions, in the axes of a source-receiver pair."""

from __future__ import annotations

import keras
import numpy as np
from keras import ops

# Keeps the direction of a source straight above or below a receiver finite.
_NEAREST_KM = 1e-4


def to_common_axes(offset_km):
    """Return matrices (..., 6, 6) that turn Green's functions in the axes of a pair into those in x, y, z.

    In layered ground, Green's functions are simplest in the axes radial (from the receiver to the source), transverse
    (to the left of that) and up: those of rt and tz vanish, and nothing depends on azimuth. Components are in the
    order xx, yy, zz, xy, xz, yz and rr, tt, zz, rt, rz, tz. A shear component stands for both of its entries in the
    tensor (Mxy = Myx = 1), so the matrix is the transpose of the one that turns moment tensors from x, y, z into the
    axes of the pair.

    Args:
        offset_km: (..., 3) source minus receiver.
    """
    x, y = offset_km[..., 0], offset_km[..., 1]
    length = ops.sqrt(x**2 + y**2 + _NEAREST_KM**2)
    # Straight above or below a receiver there is no direction: x is as good as any.
    c, s = ops.where(length > 2 * _NEAREST_KM, x / length, 1.0), ops.where(length > 2 * _NEAREST_KM, y / length, 0.0)
    zero, one = ops.zeros_like(c), ops.ones_like(c)
    rows = (
        (c * c, s * s, zero, -c * s, zero, zero),
        (s * s, c * c, zero, c * s, zero, zero),
        (zero, zero, one, zero, zero, zero),
        (2 * c * s, -2 * c * s, zero, c * c - s * s, zero, zero),
        (zero, zero, zero, zero, c, -s),
        (zero, zero, zero, zero, s, c),
    )
    return ops.stack([ops.stack(row, axis=-1) for row in rows], axis=-2)


@keras.saving.register_keras_serializable(package="zoo")
class PrincipalFrames(keras.layers.Layer):
    """Turns coefficients (..., count) into frames (..., components, samples): a mean plus principal components.

    Args:
        components: of a tensor, 6.
        samples: of a frame.
    """

    def __init__(self, components: int, samples: int, **kwargs):
        super().__init__(trainable=False, **kwargs)
        self.components, self.samples = components, samples

    def build(self, input_shape):
        size = self.components * self.samples
        self.mean = self.add_weight(shape=(size,), initializer="zeros", trainable=False, name="mean")
        self.basis = self.add_weight(shape=(input_shape[-1], size), initializer="zeros", trainable=False, name="basis")

    def adapt(self, frames: np.ndarray) -> None:
        """Find mean and principal components of frames (n, components * samples)."""
        mean = frames.mean(axis=0)
        centred = frames - mean
        _, vectors = np.linalg.eigh(centred.T @ centred)
        count = min(self.basis.shape[0], len(frames), vectors.shape[1])
        basis = np.zeros(self.basis.shape, np.float32)
        basis[:count] = vectors[:, ::-1][:, :count].T
        self.mean.assign(mean)
        self.basis.assign(basis)

    def coefficients(self, frames: np.ndarray) -> np.ndarray:
        """Return the coefficients (..., count) of frames (..., components * samples)."""
        return (frames - np.asarray(self.mean)) @ np.asarray(self.basis).T

    def call(self, coefficients):
        flat = ops.matmul(coefficients, self.basis) + self.mean
        return ops.reshape(flat, (*ops.shape(coefficients)[:-1], self.components, self.samples))

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.components, self.samples)

    def get_config(self):
        return {**super().get_config(), "components": self.components, "samples": self.samples}
