"""Networks on windows of three-component seismograms: convolutional encoder, decoder and heads (Kong et al. 2021).

Windows are (n, samples, 3), components Z, N, E. `WaveformModel` is the base of the models that are saved: they take any
unit and offset, because `WindowNormalisation` is part of them.

The paper's convolutions are two-dimensional, (3, 1) with stride (2, 1) on images of width 1. One-dimensional ones are
the same operation at a third of the cost; `two_dimensional` makes the paper's form of a layer, with the same weights.
"""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np
from keras import ops

from zoo.errors import UsageError
from zoo.seismograms.models.picking_network import CausalHighPass
from zoo.serving import ServedModel

COMPONENT_ORDER = "ZNE"
HEADS = ("cnn", "dense")
_KERNEL, _STRIDE = 3, 2
_HEAD_KERNELS, _HEAD_UNITS = 32, 100  # section 2.3


@keras.saving.register_keras_serializable(package="zoo")
class WindowNormalisation(keras.layers.Layer):
    """Subtracts the mean of each component and divides by the largest absolute value of all; zeros stay zeros."""

    def call(self, waveforms):
        x = ops.cast(waveforms, "float32")
        x = x - x[:, :1]  # with an offset of a million counts the mean would lose digits
        x = x - ops.mean(x, axis=1, keepdims=True)
        largest = ops.max(ops.abs(x), axis=(1, 2), keepdims=True)
        return x / ops.where(largest > 0, largest, 1.0)

    def compute_output_shape(self, input_shape):
        return input_shape


def layer_lengths(samples: int, bottleneck: int) -> list[int]:
    """Return the lengths from the window to the bottleneck, each half of the previous one, rounded up.

    Raises:
        UsageError: if halving never yields the bottleneck.
    """
    lengths = [samples]
    while lengths[-1] > max(bottleneck, 1):
        lengths.append(-(-lengths[-1] // _STRIDE))
    if lengths[-1] != bottleneck or len(lengths) < 2:
        raise UsageError(
            f"A window of {samples} samples halves to {', '.join(map(str, lengths[1:]))}, not to {bottleneck}."
        )
    return lengths


class _Convolutions(keras.layers.Layer):
    """What encoder and decoder share: sizes, and one- or two-dimensional kernels; each has its own `make_layers`."""

    def __init__(
        self,
        samples: int = 540,
        bottleneck: int = 68,
        maps: int = 128,
        stem: Sequence[int] = (16, 32),
        dimensions: int = 1,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.samples, self.bottleneck, self.maps, self.dimensions = samples, bottleneck, maps, dimensions
        self.stem = tuple(int(number) for number in stem)
        self.lengths = layer_lengths(samples, bottleneck)
        count = len(self.lengths) - 1
        self.channels = [len(COMPONENT_ORDER), *self.stem[:count], *[maps] * (count - len(self.stem))]
        self.layers = self.make_layers()

    def layer(self, transposed: bool, channels: int, activation: str | None, name: str) -> keras.layers.Layer:
        """Return a convolution of length 3 and stride 2, or a transposed one."""
        shape = (_KERNEL,) if self.dimensions == 1 else (_KERNEL, 1)
        stride = _STRIDE if self.dimensions == 1 else (_STRIDE, 1)
        kind = getattr(keras.layers, f"Conv{self.dimensions}D{'Transpose' if transposed else ''}")
        return kind(channels, shape, strides=stride, padding="same", activation=activation, name=name)

    def build_layers(self, lengths: Sequence[int], channels: Sequence[int]) -> None:
        """Build each layer for the length and the channels of its input."""
        for layer, length, number in zip(self.layers, lengths, channels, strict=True):
            layer.build((None, length, number) if self.dimensions == 1 else (None, length, 1, number))

    def get_config(self):
        sizes = {"samples": self.samples, "bottleneck": self.bottleneck, "maps": self.maps, "stem": list(self.stem)}
        return {**super().get_config(), **sizes, "dimensions": self.dimensions}


@keras.saving.register_keras_serializable(package="zoo")
class WaveformEncoder(_Convolutions):
    """Normalised windows (n, samples, 3) to features (n, bottleneck, maps), all >= 0 (figure 1, blue dotted box).

    Convolutions of length 3 and stride 2 with ReLU, until the bottleneck: 540, 270, 135, 68, 34, 17.

    Args:
        samples: length of a window.
        bottleneck: length of the code.
        maps: feature maps of the third and all further layers.
        stem: feature maps of the first layers, which the paper does not state.
        dimensions: 1, or 2 for kernels of (3, 1).
    """

    def make_layers(self):
        return [
            self.layer(False, channels, "relu", f"convolution_{number}")
            for number, channels in enumerate(self.channels[1:], 1)
        ]

    def build(self, input_shape):
        self.build_layers(self.lengths[:-1], self.channels[:-1])

    def call(self, windows):
        x = windows if self.dimensions == 1 else windows[:, :, None]
        for layer in self.layers:
            x = layer(x)
        return x if self.dimensions == 1 else x[:, :, 0]

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.bottleneck, self.channels[-1])


@keras.saving.register_keras_serializable(package="zoo")
class WaveformDecoder(_Convolutions):
    """Features (n, bottleneck, maps) to windows (n, samples, 3): the encoder's layers in reverse, transposed.

    A length that was rounded up is cropped on the way back (136 to 135), so that every layer has the length of its
    counterpart. The last layer is linear. It takes the arguments of `WaveformEncoder`.
    """

    def make_layers(self):
        return [
            self.layer(True, channels, "relu" if number else None, f"transposed_{number}")
            for number, channels in reversed(list(enumerate(self.channels[:-1])))
        ]

    def build(self, input_shape):
        self.build_layers(self.lengths[:0:-1], self.channels[:0:-1])

    def call(self, code):
        x = code if self.dimensions == 1 else code[:, :, None]
        for layer, length in zip(self.layers, self.lengths[-2::-1], strict=True):
            x = layer(x)[:, :length]
        return x if self.dimensions == 1 else x[:, :, 0]

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.samples, self.channels[0])


@keras.saving.register_keras_serializable(package="zoo")
class EncoderAndHead(keras.Model):
    """Normalised windows (n, samples, 3) to (n, outputs) by an encoder and application layers (section 2.3).

    Args:
        encoder: configuration of a `WaveformEncoder`.
        head: "cnn", a convolution with 32 kernels before the fully connected layer of 100; or "dense", without it.
        outputs: how many numbers the model returns.
        output_activation: None (logits) or "relu".
        output_bias: initial bias of the output. A ReLU that begins at 0 may stay there.
    """

    def __init__(
        self,
        encoder: dict,
        head: str = "cnn",
        outputs: int = 2,
        output_activation: str | None = None,
        output_bias: float = 0.0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if head not in HEADS:
            raise UsageError(f"head is one of {', '.join(HEADS)}; received {head!r}.")
        self.head, self.outputs = head, outputs
        self.output_activation, self.output_bias = output_activation, output_bias
        self.encoder = WaveformEncoder(**{**encoder, "name": "encoder"})
        cnn = [keras.layers.Conv1D(_HEAD_KERNELS, _KERNEL, padding="same", activation="relu", name="convolution")]
        self.application = [
            *(cnn if head == "cnn" else []),
            keras.layers.Flatten(name="flatten"),
            keras.layers.Dense(_HEAD_UNITS, activation="relu", name="connected"),
            keras.layers.Dense(
                outputs,
                activation=output_activation,
                bias_initializer=keras.initializers.Constant(output_bias),
                name="decision",
            ),
        ]

    def build(self, input_shape):
        self.encoder.build(input_shape)
        shape = self.encoder.compute_output_shape(input_shape)
        for layer in self.application:
            layer.build(shape)
            shape = layer.compute_output_shape(shape)

    def call(self, windows):
        x = self.encoder(windows)
        for layer in self.application:
            x = layer(x)
        return x

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.outputs)

    def get_config(self):
        return {
            **super().get_config(),
            "encoder": self.encoder.get_config(),
            "head": self.head,
            "outputs": self.outputs,
            "output_activation": self.output_activation,
            "output_bias": self.output_bias,
        }


class WaveformModel(ServedModel):
    """Base of models of windows: its configuration says what it takes, and it normalises its input itself.

    Windows are (n, samples, 3) in any unit with any offset, components Z, N, E at `sampling_rate_hz`; a component of
    zeros was not recorded. A subclass makes `self.network`, which `fit` trains on normalised windows, and turns its
    output into that of the model in `answer`; it says in `answers` which question that output answers.

    Args:
        samples: length of a window.
        sampling_rate_hz: sampling rate of a window.
        labels: meaning of a classifier's outputs.
        high_pass_hz: corner of a causal high-pass before normalisation; 0 for none, as in the paper.
    """

    component_order = COMPONENT_ORDER

    def __init__(
        self,
        samples: int = 540,
        sampling_rate_hz: float = 20.0,
        labels: Sequence[str] = (),
        high_pass_hz: float = 0.0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.samples, self.sampling_rate_hz, self.labels = samples, float(sampling_rate_hz), tuple(labels)
        self.high_pass_hz = high_pass_hz
        self.high_pass = CausalHighPass(high_pass_hz, self.sampling_rate_hz, name="high_pass") if high_pass_hz else None
        self.normalisation = WindowNormalisation(name="normalisation")

    def takes(self):
        return keras.InputSpec(shape=(None, self.samples, len(COMPONENT_ORDER)), dtype="float32")

    @property
    def layout(self) -> str:
        """In words what an example is."""
        return f"windows (n, {self.samples}, 3) at {self.sampling_rate_hz:g} Hz, components {COMPONENT_ORDER}"

    def build(self, input_shape=None):
        self.network.build(self.input_shape)

    def answer(self, output):
        """Return the output of the model for an output of its network."""
        return output

    def call(self, waveforms):
        self.check_layout(waveforms)
        return self.answer(self.network(self.prepare(waveforms)))

    def prepare(self, waveforms):
        """Return windows in the form that the network takes."""
        return self.normalisation(self.high_pass(waveforms) if self.high_pass else waveforms)

    def prepared(self, waveforms: np.ndarray) -> np.ndarray:
        """Return any number of windows in the form that the network takes, batch by batch."""
        parts = [waveforms[first : first + 4096] for first in range(0, len(waveforms), 4096)]
        return np.concatenate([ops.convert_to_numpy(self.prepare(part)) for part in parts])

    def outputs(self, waveforms: np.ndarray) -> np.ndarray:
        """Return the output for any number of windows, in batches."""
        parts = [waveforms[first : first + 1024] for first in range(0, len(waveforms), 1024)]
        return np.concatenate([ops.convert_to_numpy(self(part)) for part in parts])

    def get_config(self):
        return {
            **super().get_config(),
            "samples": self.samples,
            "sampling_rate_hz": self.sampling_rate_hz,
            "labels": list(self.labels),
            "high_pass_hz": self.high_pass_hz,
        }


@keras.saving.register_keras_serializable(package="zoo")
class WaveformClassifier(WaveformModel):
    """Windows (n, samples, 3), any unit and offset, to calibrated probabilities (n, len(labels)).

    Args:
        encoder: configuration of the `WaveformEncoder`.
        head: as in `EncoderAndHead`.
        **window: as in `WaveformModel`; `labels` is needed.
    """

    answers = "seismograms.class"

    def __init__(self, encoder: dict, head: str = "cnn", **window):
        super().__init__(**window)
        self.network = EncoderAndHead(encoder, head, len(self.labels), name="network")

    def build(self, input_shape=None):
        # Divides the logits: above 1 where the network is too sure of itself (Guo et al. 2017).
        self.temperature = self.add_weight(shape=(), initializer="ones", trainable=False, name="temperature")
        super().build(input_shape)

    def answer(self, output):
        return ops.softmax(output / self.temperature)

    def get_config(self):
        network = self.network.get_config()
        return {**super().get_config(), "encoder": network["encoder"], "head": network["head"]}


def two_dimensional(layer: keras.layers.Layer) -> keras.layers.Layer:
    """Return an encoder or decoder in the paper's form, kernels (3, 1) and strides (2, 1), with the same weights."""
    twin = type(layer).from_config({**layer.get_config(), "dimensions": 2})
    twin.build(None)
    twin.set_weights([w[:, None] if w.ndim == 3 else w for w in layer.get_weights()])
    return twin
