"""Residual networks (He et al. 2016) with the reference's numbers of parameters, and the classifier of maps by them.

Basic blocks (figure S2 a of Zhang & Yang) make ResNet-18 and -34, bottlenecks (S2 b) ResNet-101. As in the reference
implementation convolutions have no bias, and a bottleneck has its stride on the 3 x 3 convolution.

The networks are written in `keras.ops`, with one exception. When training on TensorFlow, `FusedNormalisation` calls
`tf.compat.v1.nn.fused_batch_norm`: `keras.ops` has no fused normalisation, TensorFlow 2 offers its own under that name,
and the dozen operations that Keras uses instead take a quarter of a training step on a CPU. On another backend, and
outside of training, it is Keras's `BatchNormalization`.
"""

from __future__ import annotations

import keras
import numpy as np
from keras import ops

from zoo.errors import UsageError
from zoo.serving import ServedModel

BLOCKS = {18: ("basic", (2, 2, 2, 2)), 34: ("basic", (3, 4, 6, 3)), 101: ("bottleneck", (3, 4, 23, 3))}
"""Depth -> kind of block, and how many of them each of the four stages has."""
_KINDS = {"basic": ((3, True, 1), (3, False, 1)), "bottleneck": ((1, False, 1), (3, True, 1), (1, False, 4))}
"""Kind of block -> its convolutions: size, whether it has the block's stride, channels in units of the stage's."""
_BATCH = 1024  # maps that are answered at a time
_PAST_UNIT = 0.01  # expected events in a pixel below which the logarithm of the past's channel becomes flat
_TOLD_UNIT = 0.001  # the same where it is the intensity at the events
_SCALES = (5.0, 0.8)  # of the two channels, so that both have a standard deviation of about 1


def _padded(x, size: int):
    """Return maps with as many zeros on every side; Keras's "same" pads a strided convolution more on one side."""
    return ops.pad(x, [[0, 0], [size, size], [size, size], [0, 0]]) if size else x


@keras.saving.register_keras_serializable(package="zoo")
class FusedNormalisation(keras.layers.BatchNormalization):
    """Keras's normalisation over the batch, in one operation when training on TensorFlow, also in bfloat16.

    Keras's own is a dozen operations in float32. Weights and configuration are the same; the moving variance is that of
    the reference, unbiased.
    """

    def call(self, inputs, training=None, mask=None):
        if not training or keras.backend.backend() != "tensorflow":
            return super().call(inputs, training=training, mask=mask)
        import tensorflow as tf

        output, mean, variance, *_ = tf.compat.v1.nn.fused_batch_norm(
            inputs, ops.cast(self.gamma, "float32"), ops.cast(self.beta, "float32"), epsilon=self.epsilon
        )
        for moving, now in ((self.moving_mean, mean), (self.moving_variance, variance)):
            moving.assign(moving * self.momentum + now * (1 - self.momentum))
        return output


class _Normalised(keras.layers.Layer):
    """A convolution without bias, and the normalisation of its output over the batch.

    Args:
        maps: how many channels come out.
        kernel: side of the kernel in pixels.
        stride: stride in pixels.
        silent: whether the output is zero before training.
    """

    def __init__(self, maps: int, kernel: int, stride: int = 1, silent: bool = False, **kwargs):
        super().__init__(**kwargs)
        self.maps, self.kernel, self.stride = maps, kernel, stride
        self.convolution = keras.layers.Conv2D(
            maps,
            kernel,
            stride,
            padding="same" if stride == 1 else "valid",
            use_bias=False,
            kernel_initializer=keras.initializers.VarianceScaling(2.0, "fan_out", "untruncated_normal"),
            name="convolution",
        )
        self.normalisation = FusedNormalisation(
            momentum=0.9, epsilon=1e-5, gamma_initializer="zeros" if silent else "ones", name="normalisation"
        )

    def build(self, input_shape):
        self.convolution.build(input_shape)
        self.normalisation.build((*input_shape[:-1], self.maps))

    def call(self, x, training=None):
        x = x if self.stride == 1 else _padded(x, self.kernel // 2)
        return self.normalisation(self.convolution(x), training=training)


@keras.saving.register_keras_serializable(package="zoo")
class ResidualBlock(keras.layers.Layer):
    """Adds to maps (n, rows, columns, channels) what two or three convolutions make of them (figure S2).

    Args:
        kind: "basic", two convolutions of 3 x 3, or "bottleneck", 1 x 1, 3 x 3 and 1 x 1, the last with four times the
            channels.
        maps: channels of the convolutions.
        stride: stride of the first 3 x 3 convolution. Where the shape changes, the input is projected.
    """

    def __init__(self, kind: str, maps: int, stride: int = 1, **kwargs):
        super().__init__(**kwargs)
        if kind not in _KINDS:
            raise UsageError(f"kind is one of {', '.join(_KINDS)}; received {kind!r}.")
        self.kind, self.maps, self.stride = kind, maps, stride
        # The last convolution begins at zero, so that a new block passes its input on: deep networks then train faster
        # (Goyal et al. 2017).
        self.convolutions = [
            _Normalised(
                maps * part, kernel, stride if strided else 1, number == len(_KINDS[kind]), name=f"layer_{number}"
            )
            for number, (kernel, strided, part) in enumerate(_KINDS[kind], 1)
        ]
        self.projection = _Normalised(self.outputs, 1, stride, name="projection")

    @property
    def outputs(self) -> int:
        """How many channels come out."""
        return self.maps * _KINDS[self.kind][-1][-1]

    def build(self, input_shape):
        shape = input_shape
        for convolution in self.convolutions:
            convolution.build(shape)
            shape = (*shape[:-1], convolution.maps)
        if self.stride == 1 and input_shape[-1] == self.outputs:
            self.projection = None
        else:
            self.projection.build(input_shape)

    def call(self, maps, training=None):
        x = maps
        for convolution in self.convolutions[:-1]:
            x = ops.relu(convolution(x, training=training))
        x = self.convolutions[-1](x, training=training)
        return ops.relu(x + (self.projection(maps, training=training) if self.projection else maps))

    def get_config(self):
        return {**super().get_config(), "kind": self.kind, "maps": self.maps, "stride": self.stride}


@keras.saving.register_keras_serializable(package="zoo")
class ResidualNetwork(keras.Model):
    """Maps (n, rows, columns, channels) to logits (n, classes): ResNet-18, -34 or -101.

    Args:
        depth: 18, 34 or 101.
        classes: how many logits come out.
        width: channels of the first convolution and stage; 64 in the reference.
    """

    parts = {"encoder": ("stem", "blocks")}
    """What `zoo train --from ... --set frozen=encoder` keeps as it is: the attributes that hold it."""

    def __init__(self, depth: int = 18, classes: int = 2, width: int = 64, **kwargs):
        super().__init__(**kwargs)
        if depth not in BLOCKS:
            raise UsageError(f"depth is one of {', '.join(map(str, BLOCKS))}; received {depth!r}.")
        self.depth, self.classes, self.width = depth, classes, width
        kind, stages = BLOCKS[depth]
        self.stem = _Normalised(width, 7, 2, name="stem")
        self.blocks = [
            ResidualBlock(
                kind, width * 2**stage, 2 if stage and not block else 1, name=f"block_{stage + 1}_{block + 1}"
            )
            for stage, count in enumerate(stages)
            for block in range(count)
        ]
        self.decision = keras.layers.Dense(classes, name="decision")

    def build(self, input_shape):
        self.stem.build(input_shape)
        shape = (None, None, None, self.width)
        for block in self.blocks:
            block.build(shape)
            shape = (*shape[:-1], block.outputs)
        self.decision.build((None, shape[-1]))

    def call(self, maps, training=None):
        # After the rectification nothing is below zero, so zeros around the maps do not change a maximum.
        x = _padded(ops.relu(self.stem(maps, training=training)), 1)
        x = ops.max_pool(x, 3, 2, padding="valid")
        for block in self.blocks:
            x = block(x, training=training)
        return self.decision(ops.mean(x, axis=(1, 2)))

    def grow(self, shallower: ResidualNetwork) -> None:
        """Take the weights of a network with no more blocks in any stage; both then give the same logits.

        The blocks that the other lacks come last in their stages, and new blocks pass their input on.

        Args:
            shallower: the other network, built.

        Raises:
            UsageError: if the other has another kind of blocks, more of them, or other shapes.
        """
        (kind, stages), (its_kind, its_stages) = BLOCKS[self.depth], BLOCKS[shallower.depth]
        pairs = [(self.stem, shallower.stem), (self.decision, shallower.decision)]
        theirs = {block.name: block for block in shallower.blocks}
        pairs += [(block, theirs[block.name]) for block in self.blocks if block.name in theirs]
        fits = kind == its_kind and all(ours >= its for ours, its in zip(stages, its_stages, strict=True))
        shapes = lambda layer: [tuple(weight.shape) for weight in layer.weights]  # noqa: E731
        if not fits or any(shapes(ours) != shapes(its) for ours, its in pairs):
            raise UsageError(
                f"ResNet-{self.depth} of width {self.width} cannot be grown from ResNet-{shallower.depth} of width "
                f"{shallower.width}: they need the same kind of blocks, width, channels and classes, and the first at "
                "least as many blocks in each stage."
            )
        for ours, its in pairs:
            ours.set_weights(its.get_weights())

    def compute_in(self, policy: str) -> None:
        """Set the precision of computations, "float32" or "mixed_bfloat16"; weights and logits are always float32."""
        for layer in self._flatten_layers():
            layer.dtype_policy = keras.DTypePolicy("float32" if layer is self.decision else policy)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.classes)

    def get_config(self):
        return {**super().get_config(), "depth": self.depth, "classes": self.classes, "width": self.width}


class SeismicityClassifier(ServedModel):
    """Event counts (n, 64, 64, 1) to calibrated probabilities (n, 2): background, anomalous.

    With two channels the second is what the region's past leads one to expect: events of one window in each pixel; or,
    `at_events`, the intensity of its ETAS model when the events of the pixel happened
    (`zoo.seismicity.etas.maps.stretch_maps`).

    Args:
        depth, width: as in `ResidualNetwork`.
        channels: 1 or 2.
        pixels: pixels along a side of the map.
        at_events: which of both the second channel is.
    """

    answers = "seismicity.anomaly"
    labels = ("background", "anomalous")

    def __init__(
        self, depth: int, width: int = 64, channels: int = 1, pixels: int = 64, at_events: bool = False, **kwargs
    ) -> None:
        super().__init__(**kwargs)
        if channels not in (1, 2):
            raise UsageError(f"channels is 1 (counts) or 2 (counts, expected counts); received {channels!r}.")
        if at_events and channels != 2:
            raise UsageError("at_events needs channels 2: the second is the intensity at the events; received 1.")
        self.depth, self.width, self.channels, self.pixels = depth, width, channels, pixels
        self.at_events = at_events
        self.network = ResidualNetwork(depth, len(self.labels), width, name="network")

    def takes(self):
        return keras.InputSpec(shape=(None, self.pixels, self.pixels, self.channels), dtype="float32")

    @property
    def layout(self) -> str:
        """In words what an example is."""
        meaning = "event counts" if self.channels == 1 else "event counts, and those expected from the past"
        return f"maps (n, {self.pixels}, {self.pixels}, {self.channels}) of {meaning}"

    def build(self, input_shape=None):
        # Logits are divided by the temperature: above 1 where the network is too sure of itself (Guo et al. 2017).
        self.temperature = self.add_weight(shape=(), initializer="ones", trainable=False, name="temperature")
        self.network.build(self.input_shape)

    def call(self, maps, training=None):
        self.check_layout(maps)
        return ops.softmax(self.network(self.prepare(maps), training=training) / self.temperature)

    def prepare(self, maps):
        """Return maps (n, 64, 64, channels) as the network takes them: logarithms, scaled.

        `at_events` the first channel is by how much a rate of one event in the pixel, added to the intensity, would
        raise the logarithm of the likelihood of the pixel's events.
        """
        maps = ops.convert_to_tensor(maps, "float32")
        if self.at_events:
            gain = maps[..., :1] * ops.log1p(1 / ops.maximum(maps[..., 1:], 1e-6))
            return ops.concatenate([gain, ops.log1p(maps[..., 1:] / _TOLD_UNIT) * _SCALES[1]], axis=-1)
        logs = [ops.log1p(maps[..., :1]), ops.log1p(maps[..., 1:] / _PAST_UNIT)][: self.channels]
        return ops.concatenate([log * scale for log, scale in zip(logs, _SCALES, strict=False)], axis=-1)

    def probabilities(self, maps: np.ndarray) -> np.ndarray:
        """Return the probabilities (n, 2) of any number of maps (n, 64, 64, channels), in batches."""
        parts = [maps[first : first + _BATCH] for first in range(0, len(maps), _BATCH)]
        return np.concatenate([ops.convert_to_numpy(self(part)) for part in parts])

    def get_config(self):
        names = ("depth", "width", "channels", "pixels", "at_events")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


def trainable_parameters(model: keras.Model) -> int:
    """Return how many numbers training changes."""
    return int(sum(np.prod(weight.shape) for weight in model.trainable_weights))
