"""The parts of networks that read a dispersion curve: measurement noise, features, a mixture network.

Inside a network a curve is `observed`, (n, 2F + 1) float32: F phase velocities in km/s at the model's frequencies (NaN
where a period is missing), their F relative standard deviations, and the correlation of the noise (`MeasurementNoise`).
"""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np
from keras import ops

from zoo.data.blocks import blocks, mean_and_sd

# Distance in ln(frequency) at which the correlation of the noise is stated.
CORRELATION_DISTANCE = 0.1
# Correlation lengths in ln(frequency): from almost white over the steps of the paper's frequencies to longer than its
# band.
_SHORTEST_LENGTH, _LONGEST_LENGTH = 0.03, 2.0
_UNEVENNESS = 0.5  # sd of ln(sd) between the frequencies of an uneven curve
# An incomplete curve loses up to one of so many parts of the band at each end (in half of the cases), and up to this
# part of the periods anywhere.
_BAND_PARTS, _MOST_PERIODS = 3, 0.3
# Weights of the velocities that stand in for a missing one fall so fast with distance, in frequencies, that the nearest
# neighbours decide; at this least weight they do not vanish in float32.
_NEIGHBOUR_DECAY, _LEAST_WEIGHT = 3.0, 1e-30
# Standard deviations from the mean at which a scaled curve reaches 0 and 1, the ends of a sigmoid.
_SCALED_SDS = 4


@keras.saving.register_keras_serializable(package="zoo")
class MeasurementNoise(keras.layers.Layer):
    """Curves (n, F) to `observed` curves (n, 2F + 1), in training with noise that is drawn anew each time.

    The relative sd of a curve is drawn log-uniformly. Some curves have noise whose sd differs between frequencies
    (uneven), or that is correlated as exp(-|ln f1/f2| / length) with a random length; some lack band ends and single
    periods (incomplete). The last column is the correlation at a distance of 0.1 in ln f: 0 for white noise.

    Outside of training, `observed` curves are passed on, and plain curves are assumed to have white noise of relative
    sd `default`.

    Args:
        frequency_hz: (F,), ascending.
        lowest, highest: range of the relative sd.
        default: relative sd of a curve for which none is stated.
        uneven, correlated, incomplete: the part of the curves, 0 to 1, that are so.
    """

    def __init__(
        self,
        frequency_hz: Sequence[float],
        lowest: float = 0.005,
        highest: float = 0.005,
        default: float = 0.005,
        uneven: float = 0.0,
        correlated: float = 0.0,
        incomplete: float = 0.0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.frequency_hz = [float(f) for f in frequency_hz]
        self.lowest, self.highest, self.default = lowest, highest, default
        self.uneven, self.correlated, self.incomplete = uneven, correlated, incomplete
        self.random = keras.random.SeedGenerator(0)

    def call(self, curves, training=False):
        count = len(self.frequency_hz)
        if not training:
            if curves.shape[-1] == 2 * count + 1:
                return curves
            return ops.concatenate([curves, self.default * ops.ones_like(curves), 0.0 * curves[:, :1]], axis=-1)
        shape = ops.shape(curves)
        # Eight numbers for each curve, then one for each of its frequencies.
        uniform = keras.random.uniform((shape[0], 8 + count), seed=self.random)
        draw = [uniform[:, i : i + 1] for i in range(8)]
        relative_sd = ops.exp(np.log(self.lowest) + draw[0] * np.log(self.highest / self.lowest))
        relative_sd = relative_sd * ops.ones_like(curves)
        if self.uneven:
            factor = ops.exp(_UNEVENNESS * keras.random.normal(shape, seed=self.random))
            varied = ops.clip(relative_sd * factor, self.lowest, self.highest)
            relative_sd = ops.where(draw[1] < self.uneven, varied, relative_sd)
        noise = keras.random.normal(shape, seed=self.random)
        correlation = ops.zeros_like(draw[0])
        if self.correlated:
            chosen = draw[2] < self.correlated
            length = ops.exp(np.log(_SHORTEST_LENGTH) + draw[3] * np.log(_LONGEST_LENGTH / _SHORTEST_LENGTH))
            correlation = ops.where(chosen, ops.exp(-CORRELATION_DISTANCE / length), 0.0)
            noise = correlate(noise, correlation, self.frequency_hz)
        curves = curves * (1.0 + relative_sd * noise)
        if self.incomplete:
            place = (np.arange(count) + 0.5) / count
            low, high = ((draw[i] * 2 - 1) / _BAND_PARTS for i in (4, 5))
            kept = ops.logical_and(place > low, place < 1 - high)
            # The period in the middle is never lost, so that no curve is empty.
            lost = ops.logical_and(uniform[:, 8:] < _MOST_PERIODS * draw[6], np.arange(count) != count // 2)
            kept = ops.logical_or(ops.logical_and(kept, ops.logical_not(lost)), draw[7] >= self.incomplete)
            curves = ops.where(kept, curves, np.nan)
        return ops.concatenate([curves, relative_sd, correlation], axis=-1)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], 2 * len(self.frequency_hz) + 1)

    def get_config(self):
        names = ("frequency_hz", "lowest", "highest", "default", "uneven", "correlated", "incomplete")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


def correlate(white, correlation, frequency_hz: Sequence[float]):
    """Return noise (n, F) of unit variance whose correlation is correlation ** (|ln f1/f2| / 0.1).

    Args:
        white: (n, F), standard normal noise, from which it is made.
        correlation: (n, 1), that at a distance of 0.1 in ln(frequency); 0 gives the white noise back.
        frequency_hz: (F,), ascending.
    """
    steps = np.diff(np.log(frequency_hz)) / CORRELATION_DISTANCE
    columns = [white[:, :1]]
    for i, step in enumerate(steps):
        # A Markov chain: what is new at a frequency is independent of everything before.
        memory = ops.power(correlation, float(step))
        columns.append(memory * columns[-1] + ops.sqrt(1.0 - memory**2) * white[:, i + 1 : i + 2])
    return ops.concatenate(columns, axis=-1)


@keras.saving.register_keras_serializable(package="zoo")
class CurveFeatures(keras.layers.Layer):
    """`observed` curves (n, 2F + 1) to what a network sees of them, (n, 4F + 1), all of order one.

    That is the curve in standard deviations of the training curves (zero where missing), the same along their principal
    axes, divided by the sd that signal and noise have there together, the logarithm of the noise, the mask, and the
    correlation of the noise. Along the axes the curve is complete: a missing velocity is as many standard deviations
    from the mean as its neighbours in frequency.

    Args:
        default: the relative sd whose logarithm counts as zero.
    """

    def __init__(self, default: float = 0.005, **kwargs):
        super().__init__(**kwargs)
        self.default = default

    def build(self, input_shape):
        count = self.count = (input_shape[-1] - 1) // 2
        shapes = {"mean": (count,), "covariance": (count, count), "axes": (count, count), "variance": (count,)}
        for name, shape in shapes.items():
            start = "ones" if name in ("mean", "variance") else "identity"
            setattr(self, name, self.add_weight(shape=shape, initializer=start, trainable=False, name=name))
        apart = np.abs(np.subtract.outer(np.arange(count), np.arange(count)))
        self.neighbours = np.maximum(np.exp(-_NEIGHBOUR_DECAY * apart), _LEAST_WEIGHT).astype(np.float32)

    def adapt(self, curves: np.ndarray) -> None:
        """Take mean and covariance from noise-free training curves (n, F) in km/s."""
        mean, _ = mean_and_sd(curves)
        centred = (block.T - mean[:, None] for block in blocks(curves))
        covariance = sum(block @ block.T for block in centred) / (len(curves) - 1)
        sd = np.sqrt(np.diag(covariance))
        variance, axes = np.linalg.eigh(covariance / np.outer(sd, sd))
        self.mean.assign(mean)
        self.covariance.assign(covariance)
        self.axes.assign(axes)
        self.variance.assign(np.maximum(variance, 0.0))

    def standardised(self, curves):
        """Return curves (n, F) in standard deviations from the mean; NaN stays."""
        return (curves - self.mean) / ops.sqrt(ops.diagonal(self.covariance))

    def call(self, observed):
        curves, relative_sd = observed[:, : self.count], observed[:, self.count : -1]
        present = ops.isfinite(curves)
        mean = ops.convert_to_tensor(self.mean)  # jax.numpy.where takes no variable
        mask = ops.cast(present, curves.dtype)
        standard = ops.where(present, self.standardised(ops.where(present, curves, mean)), 0.0)
        whole = ops.matmul(standard, self.neighbours) / ops.matmul(mask, self.neighbours)
        whole = ops.where(present, standard, whole)
        noise_sd = relative_sd * mean / ops.sqrt(ops.diagonal(self.covariance))
        noise_variance = ops.sum(mask * noise_sd**2, axis=-1, keepdims=True) / ops.sum(mask, axis=-1, keepdims=True)
        along = ops.matmul(whole, self.axes) / ops.sqrt(self.variance + noise_variance)
        log_noise = mask * ops.log(ops.where(present, relative_sd, self.default) / self.default)
        return ops.concatenate([standard, along, log_noise, mask, observed[:, -1:]], axis=-1)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], 2 * (input_shape[-1] - 1) + 1)

    def get_config(self):
        return {**super().get_config(), "default": self.default}


@keras.saving.register_keras_serializable(package="zoo")
class MixtureNetwork(keras.Model):
    """A residual network from curves to a mixture of normal distributions: a mixture density network.

    It takes curves (n, F), which get noise in training, or `observed` curves (n, 2F + 1), and gives the parameters of
    the mixture, (n, components (1 + d + d^2)), which `parameters` sorts.

    Args:
        noise: configuration of its `MeasurementNoise`.
        width: units of every hidden layer.
        blocks: number of residual blocks of two layers each.
        components: number of normal distributions in the mixture.
        dimensions: d, how many numbers the mixture is a distribution of.
    """

    parts = {"encoder": ("entrance", "hidden")}
    """What `zoo train --from ... --set frozen=encoder` keeps as it is: the attributes that hold it."""

    def __init__(self, noise: dict, width: int, blocks: int, components: int, dimensions: int = 1, **kwargs):
        super().__init__(**kwargs)
        self.width, self.components, self.dimensions = width, components, dimensions
        self.noise = MeasurementNoise(**noise, name="noise")
        self.features = CurveFeatures(self.noise.default, name="features")
        self.entrance = keras.layers.Dense(width, name="entrance")
        # Two layers a block, in one list, because Keras saves no weights of layers in lists of lists.
        self.hidden = [keras.layers.Dense(width, name=f"hidden_{i}") for i in range(2 * blocks)]
        self.head = keras.layers.Dense(components * (1 + dimensions + dimensions**2), name="head")

    def build(self, input_shape):
        frequencies = len(self.noise.frequency_hz)
        self.noise.build((None, frequencies))
        self.features.build((None, 2 * frequencies + 1))
        self.entrance.build((None, 4 * frequencies + 1))
        for layer in [*self.hidden, self.head]:
            layer.build((None, self.width))
        # Components begin apart, so that they do not all learn the same.
        start = np.zeros((self.components, 1 + self.dimensions + self.dimensions**2), np.float32)
        start[:, 1 : 1 + self.dimensions] = np.linspace(-1.5, 1.5, self.components)[:, None]
        self.head.bias.assign(start.ravel())

    def call(self, curves, training=False):
        x = self.entrance(self.features(self.noise(curves, training=training)))
        for first, second in zip(self.hidden[::2], self.hidden[1::2], strict=True):
            x = x + second(ops.silu(first(ops.silu(x))))
        return self.head(ops.silu(x))

    def parameters(self, outputs):
        """Return log weights (n, K), locations (n, K, d) and precision factors P (n, K, d, d).

        P is lower triangular; the covariance of a component is (P' P)^-1. The first coordinate alone is a mixture of
        normal distributions with sd 1 / P[0, 0].
        """
        d = self.dimensions
        outputs = ops.reshape(outputs, (-1, self.components, 1 + d + d * d))
        log_weight = ops.log_softmax(outputs[..., 0], axis=-1)
        square = ops.reshape(outputs[..., 1 + d :], (-1, self.components, d, d))
        identity = np.eye(d, dtype=np.float32)
        factor = square * np.tri(d, k=-1, dtype=np.float32) + ops.exp(square * identity) * identity
        return log_weight, outputs[..., 1 : 1 + d], factor

    def negative_log_likelihood(self, true, outputs):
        """Return -ln of the mixture's density, (n,), at the points `true` (n, d)."""
        log_weight, location, factor = self.parameters(outputs)
        residual = true[:, None, :] - location
        whitened = ops.sum(factor * residual[..., None, :], axis=-1)
        log_determinant = ops.sum(ops.log(ops.diagonal(factor, axis1=-2, axis2=-1)), axis=-1)
        log_density = log_determinant - 0.5 * ops.sum(whitened**2, axis=-1) - 0.5 * self.dimensions * np.log(2 * np.pi)
        return -ops.logsumexp(log_weight + log_density, axis=-1)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.head.units)

    def get_config(self):
        noise = {k: v for k, v in self.noise.get_config().items() if k not in ("name", "trainable", "dtype")}
        config = {"noise": noise, "width": self.width, "blocks": len(self.hidden) // 2, "components": self.components}
        return {**super().get_config(), **config, "dimensions": self.dimensions}


def sigmoid_layer(units: int, name: str | None = None) -> keras.layers.Dense:
    """Return a sigmoid layer that starts with weights four times as large as usual.

    Glorot and Bengio (2010) advise that, because the slope of a sigmoid is at most 1/4. With usual weights `ssae_crust`
    ended 30 epochs with an RMS error of 6.59 km instead of 6.45 (one run each).
    """
    start = keras.initializers.VarianceScaling(4.0**2, mode="fan_avg", distribution="uniform")
    return keras.layers.Dense(units, "sigmoid", kernel_initializer=start, name=name)


@keras.saving.register_keras_serializable(package="zoo")
class CurvePerceptron(keras.Model):
    """Sigmoid layers from curves (n, F) in km/s to numbers (n, 1) from 0 to 1; the curves get noise in training.

    Args:
        units: units of each hidden layer.
        frequency_hz: (F,), ascending.
        noise_relative: relative sd of the noise.
    """

    def __init__(self, units: Sequence[int], frequency_hz: Sequence[float], noise_relative: float, **kwargs):
        super().__init__(**kwargs)
        self.units = tuple(int(unit) for unit in units)
        self.noise = MeasurementNoise(frequency_hz, noise_relative, noise_relative, noise_relative, name="noise")
        self.features = CurveFeatures(noise_relative, name="features")
        self.hidden = [sigmoid_layer(unit, f"hidden_{i}") for i, unit in enumerate(self.units)]
        self.output_unit = sigmoid_layer(1, "output_unit")

    def build(self, input_shape):
        count = len(self.noise.frequency_hz)
        self.noise.build((None, count))
        self.features.build((None, 2 * count + 1))
        for layer in [*self.hidden, self.output_unit]:
            layer.build((None, count))
            count = layer.units

    def code(self, curves, layers: int):
        """Return what the first `layers` hidden layers make of curves; 0 gives the scaled curves."""
        x = self.scaled(curves)
        for layer in self.hidden[:layers]:
            x = layer(x)
        return x

    def scaled(self, curves):
        """Return curves as sigmoid units can reproduce them: 0.5 on average; 0 and 1 are four sd away."""
        return 0.5 + self.features.standardised(curves) / (2 * _SCALED_SDS)

    def call(self, curves, training=False):
        count = len(self.noise.frequency_hz)
        return self.output_unit(self.code(self.noise(curves, training=training)[:, :count], len(self.hidden)))

    def compute_output_shape(self, input_shape):
        return (input_shape[0], 1)

    def get_config(self):
        config = {"units": list(self.units), "frequency_hz": self.noise.frequency_hz}
        return {**super().get_config(), **config, "noise_relative": self.noise.default}
