"""Emulated traces as frames that are aligned at their peak, and a bank of them that does not depend on the event.

Aligned frames of all sources resemble each other, so a few principal components hold them. Shifting a frame is then a
lag in its correlation with the data, and the correlation of the data with the components, at all lags, is all that any
source needs of an event.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
from scipy.stats import qmc

from zoo.microseismic.models.emulator import Emulator, ReceiverPerceptrons, ShiftAndScale

# Sources of the bank: 42 m apart in a volume of 1 km x 1 km x 2.3 km, so that some lie in the basin of the true mode.
BANK = 32_768
# Principal components of the frames of a receiver.
COMPONENTS = 64
_BATCH = 2_048
# Frames from which the components are found.
_FOR_COMPONENTS = 8_192
# Relative difference up to which two ways to the same coefficients are one.
_SAME = 1e-3
# Where frames of an emulator that does not align them itself are put: so many samples before the peak.
_REFERENCE = 40


class AlignedFrames:
    """Frames, arrival times and amplitudes of any source at the receivers in use; compilable by XLA.

    Args:
        model: emulator of traces. One that shifts frames to their arrival gives them as they are; the traces of another
            are shifted back by the time of their largest value.
        receivers: indices of the emulator's receivers.
    """

    def __init__(self, model: Any, receivers: Sequence[int]) -> None:
        self.model, self.receivers = model, tuple(receivers)
        self._all = self.receivers == tuple(range(len(model.receivers_km)))
        self.own = getattr(type(model), "call", None) is Emulator.call
        self.reference = model.reference_sample if self.own else _REFERENCE
        # By whole samples first: what is left is less than one.
        self._back = ShiftAndScale(-1, 1)
        self._layers: list[tuple[tf.Tensor, tf.Tensor]] = []

    def __call__(self, coordinates_km: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Return frames (n, receivers, time) with a peak of 1 at `reference`, its time in s and its height (n, r)."""
        model = self.model
        if self.own:
            frames, time_s, amplitude = model.aligned(coordinates_km)
            return self._used(frames), self._used(time_s), self._used(amplitude)
        traces = self._used(model(coordinates_km))
        index = tf.clip_by_value(tf.argmax(traces, axis=-1, output_type=tf.int32), 1, model.samples - 2)
        before, top, after = (tf.gather(traces, index + k, axis=2, batch_dims=2) for k in (-1, 0, 1))
        curvature = tf.minimum(before - 2.0 * top + after, -1e-20)
        offset = tf.clip_by_value(0.5 * (before - after) / curvature, -0.5, 0.5)
        peak = tf.maximum(top - 0.25 * (before - after) * offset, 1e-20)
        position = tf.cast(index, tf.float32) + offset
        padded = tf.pad(traces, [[0, 0], [0, 0], [self.reference, model.samples]])
        aligned = tf.gather(padded, index[..., None] + np.arange(model.samples), axis=2, batch_dims=2)
        frames = self._back.call(aligned, -offset, 1.0 / peak)
        return frames, position * model.time_step_s, peak

    def fold(self, basis: np.ndarray) -> None:
        """Make `projected` onto a basis (receivers, components, time) cheap, where the frames end in a linear layer.

        Then the projection is a part of that layer, which is most of such an emulator.
        """
        network = getattr(self.model, "network", None)
        if not self.own or type(network) is not ReceiverPerceptrons:
            return
        kernels, biases = ([np.asarray(part)[list(self.receivers)] for part in parts]
                           for parts in (network.kernels, network.biases))  # fmt: skip
        onto = basis.transpose(0, 2, 1)
        kernels[-1], biases[-1] = kernels[-1] @ onto, biases[-1] @ onto
        self._layers = [(tf.constant(kernel), tf.constant(bias)) for kernel, bias in zip(kernels, biases, strict=True)]
        # A subclass may do more to its frames than to take the network's output.
        middle = tf.constant(0.5 * (np.asarray(self.model.lower_km) + self.model.upper_km)[np.newaxis], tf.float32)
        plain = np.einsum("nrt,rpt->nrp", self(middle)[0], basis)
        if np.abs(self.projected(middle, basis)[0] - plain).max() > _SAME * np.abs(plain).max():
            self._layers = []

    def projected(self, coordinates_km: tf.Tensor, basis: np.ndarray) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Return the frames' coefficients (n, receivers, components) on a basis that was folded, times and heights."""
        if not self._layers:
            frames, time_s, amplitude = self(coordinates_km)
            return tf.einsum("nrt,rpt->nrp", frames, tf.constant(basis)), time_s, amplitude
        features = self.model.source_features(coordinates_km)
        time_s, amplitude = self.model.arrival(coordinates_km, features)
        x = tf.transpose(self._used(features), (1, 0, 2))
        for number, (kernel, bias) in enumerate(self._layers):
            x = tf.matmul(tf.nn.leaky_relu(x, 0.2) if number else x, kernel) + bias
        return tf.transpose(x, (1, 0, 2)), self._used(time_s), self._used(amplitude)

    def _used(self, values: tf.Tensor) -> tf.Tensor:
        return values if self._all else tf.gather(values, self.receivers, axis=1)


@dataclass(frozen=True)
class Bank:
    """Sources all over the training volume, with what they sound like; computed once for a set of receivers.

    Attributes:
        places_km: (n, 3) float32.
        times_s, amplitudes: (receivers, n) float32.
        coefficients: (receivers, n, components) float32.
        basis: (receivers, components, time) float32, orthonormal rows.
        moments: (receivers, components, components) mean products of the coefficients.
        left_out: (receivers,) rms of what the components leave out, relative to the peak.
    """

    places_km: np.ndarray
    times_s: np.ndarray
    amplitudes: np.ndarray
    coefficients: np.ndarray
    basis: np.ndarray
    moments: np.ndarray
    left_out: np.ndarray

    @classmethod
    def of(cls, frames: AlignedFrames, lower_km: np.ndarray, upper_km: np.ndarray, size: int = BANK) -> Bank:
        """Compute the bank of an emulator, of sources between two corners."""
        unit = qmc.Sobol(3, rng=np.random.default_rng(0)).random(size)
        lower_km, upper_km = np.asarray(lower_km, float), np.asarray(upper_km, float)
        places = (lower_km + unit * (upper_km - lower_km)).astype(np.float32)
        emulate = tf.function(frames, jit_compile=True)
        parts = np.array_split(places, max(1, -(-size // _BATCH)))

        def padded(part: np.ndarray) -> tf.Tensor:
            return tf.constant(np.resize(part, (_BATCH, 3)))

        first = []
        for part in parts[: -(-_FOR_COMPONENTS // _BATCH)]:
            first.append(emulate(padded(part))[0].numpy()[: len(part)])
        some = np.concatenate(first).transpose(1, 0, 2)
        products = some.transpose(0, 2, 1) @ some
        _, vectors = np.linalg.eigh(products.astype(np.float64))
        basis = np.ascontiguousarray(vectors[:, :, ::-1][:, :, :COMPONENTS].transpose(0, 2, 1)).astype(np.float32)
        residual = some - (some @ basis.transpose(0, 2, 1)) @ basis
        left_out = np.sqrt(np.mean(residual**2, axis=(1, 2)))
        times, amplitudes, coefficients = [], [], []
        for part in parts:
            made, time_s, amplitude = emulate(padded(part))
            coefficients.append(np.einsum("nrt,rpt->rnp", made.numpy()[: len(part)], basis, optimize=True))
            times.append(time_s.numpy()[: len(part)].T)
            amplitudes.append(amplitude.numpy()[: len(part)].T)
        z = np.concatenate(coefficients, axis=1)
        moments = z.transpose(0, 2, 1) @ z / size
        return cls(
            places,
            np.concatenate(times, 1),
            np.concatenate(amplitudes, 1),
            z,
            basis,
            moments,
            left_out,
        )
