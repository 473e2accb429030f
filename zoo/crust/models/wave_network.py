"""A network from surface-wave velocities of any kind, at any of its nodes, to thickness and shear velocities.

A curve is a vector of ln(velocity in km/s) at the F frequencies of each of the four `KINDS` of waves, 4 F nodes. Inside
the network it is `observed`, (n, 8 F + 1): the logarithms (anything where missing), their relative sd (0 where
missing), and the correlation of the errors at a distance of 0.1 in ln(frequency).
"""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np
from keras import ops

from zoo.crust.models.dispersion import CORRELATION_DISTANCE

KINDS = ("rayleigh_phase", "rayleigh_group", "love_phase", "love_group")
"""Kinds of curves, in the order of the nodes."""
# How often training shows which kinds together (rows as in KINDS): Rayleigh phase alone most, since that is what most
# people have.
_TOGETHER = (
    (0.34, (1, 0, 0, 0)),
    (0.10, (0, 1, 0, 0)),
    (0.26, (1, 1, 0, 0)),
    (0.06, (0, 0, 1, 0)),
    (0.03, (0, 0, 0, 1)),
    (0.08, (1, 0, 1, 0)),
    (0.03, (0, 0, 1, 1)),
    (0.04, (1, 1, 1, 0)),
    (0.06, (1, 1, 1, 1)),
)
_LEAST_WIDTH = 3  # nodes of the narrowest band
_SAME_BAND = 0.6  # part of the curves whose kinds share one band
_SPARSEST, _DENSITY_RANGE = 0.1, 1.25  # a node inside the band is measured with this probability at least; above 1: 1
_GROUP_FACTOR = 3.0  # errors of group velocities are up to so many times those of phase velocities
_LARGEST_TILT = 0.8  # of ln(sd), from the middle of the band to its ends
_SPREAD = 0.3  # sd of ln(sd) from node to node, of an uneven curve
_LEAST_SD, _MOST_SD = 0.0007, 0.10  # relative sds of a node
_LENGTHS = np.geomspace(0.05, 2.0, 6)  # correlation lengths in ln(frequency) of correlated errors
_USUAL_SD = 0.01  # the relative sd whose logarithm counts as zero
_LARGEST_LOG = 5.0  # of a diagonal element of a precision factor
_EDGE_KM = 4.0  # over so many km a depth goes from crust to mantle, in what the second network sees of a thickness


@keras.saving.register_keras_serializable(package="zoo")
class WaveNoise(keras.layers.Layer):
    """Whole curves (n, 4 F) to `observed` ones in training: kinds, bands, gaps and errors are drawn anew each time.

    Outside of training `observed` curves pass.

    Args:
        frequency_hz: (F,), ascending.
        lowest, highest: range of the relative sd, drawn log-uniformly.
        correlated, uneven: parts of the curves, 0 to 1, whose errors are correlated, or differ from node to node.
    """

    def __init__(
        self, frequency_hz: Sequence[float], lowest: float, highest: float, correlated: float, uneven: float, **kwargs
    ):
        super().__init__(**kwargs)
        self.frequency_hz = [float(f) for f in frequency_hz]
        self.lowest, self.highest, self.correlated, self.uneven = lowest, highest, correlated, uneven
        self.random = keras.random.SeedGenerator(0)
        apart = np.abs(np.subtract.outer(np.log(self.frequency_hz), np.log(self.frequency_hz)))
        self.factors = [np.linalg.cholesky(np.exp(-apart / length)).T.astype(np.float32) for length in _LENGTHS]

    def call(self, curves, training=False):
        return self.measure(curves) if training else curves

    def measure(self, curves):
        """Return `observed` curves (n, 8 F + 1) of whole ones (n, 4 F)."""
        f, kinds = len(self.frequency_hz), len(KINDS)
        n = ops.shape(curves)[0]
        drawn = keras.random.uniform((n, 32 + 2 * kinds * f), seed=self.random)
        u = [drawn[:, i : i + 1] for i in range(12)]
        # Which kinds.
        chances = np.array([chance for chance, _ in _TOGETHER])
        limits = (np.cumsum(chances) / chances.sum())[:-1].astype(np.float32)
        choice = ops.sum(ops.cast(u[0] > limits, "int32"), axis=-1)
        there = ops.take(np.array([kinds_ for _, kinds_ in _TOGETHER], np.float32), choice, axis=0)
        # A band for each kind, and how dense its nodes are measured.
        common = ops.repeat(drawn[:, 12:14][:, None, :], kinds, axis=1)
        ends = ops.where(
            u[1][:, :, None] < _SAME_BAND, common, ops.reshape(drawn[:, 14 : 14 + 2 * kinds], (n, kinds, 2))
        )
        width = _LEAST_WIDTH + ops.floor(ends[..., :1] * (f - _LEAST_WIDTH + 1))
        start = ops.floor(ends[..., 1:] * (f - width + 1))
        node = np.arange(f, dtype=np.float32)
        inside = ops.logical_and(node >= start, node < start + width)
        sparse = ops.reshape(drawn[:, 32 : 32 + kinds * f], (n, kinds, f))
        kept = ops.logical_and(inside, sparse < (_SPARSEST + _DENSITY_RANGE * u[2])[:, :, None])
        mask = ops.cast(kept, "float32") * there[..., None]
        # How large the errors are.
        phase = ops.log(self.lowest) + u[3] * np.log(self.highest / self.lowest)
        group = phase + u[4] * np.log(_GROUP_FACTOR)
        love = ops.where(u[5] < 0.5, 0.0, (2.0 * u[6] - 1.0) * np.log(2.0))
        log_sd = ops.stack([phase, group, phase + love, group + love], axis=1)
        tilt = ops.where(u[7] < self.uneven, (2 * u[8] - 1) * _LARGEST_TILT, 0.0)[:, :, None]
        apart = ops.reshape(drawn[:, 32 + kinds * f :], (n, kinds, f))
        spread = ops.where(u[9] < self.uneven, float(np.sqrt(12.0)) * _SPREAD, 0.0)[:, :, None] * (apart - 0.5)
        log_sd = log_sd + tilt * np.linspace(-1, 1, f, dtype=np.float32) + spread
        sd = ops.exp(ops.clip(log_sd, np.log(_LEAST_SD), np.log(_MOST_SD)))
        # The errors.
        noise = keras.random.normal((n, kinds, f), seed=self.random)
        which = ops.floor(u[10] / max(self.correlated, 1e-9) * len(_LENGTHS))
        out, correlation = noise, ops.zeros_like(u[10])
        for i, (factor, length) in enumerate(zip(self.factors, _LENGTHS, strict=True)):
            chosen = which == i
            out = ops.where(chosen[:, :, None], ops.matmul(noise, factor), out)
            correlation = ops.where(chosen, float(np.exp(-CORRELATION_DISTANCE / length)), correlation)
        mask, sd, out = (ops.reshape(part, (n, kinds * f)) for part in (mask, sd, out))
        return ops.concatenate([curves + sd * out, sd * mask, correlation], axis=-1)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], 2 * len(KINDS) * len(self.frequency_hz) + 1)

    def get_config(self):
        names = ("frequency_hz", "lowest", "highest", "correlated", "uneven")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


@keras.saving.register_keras_serializable(package="zoo")
class WaveNetwork(keras.Model):
    """Observed curves to a distribution of thickness, and of shear velocities given the thickness.

    The thickness (its logit) is a mixture of normal distributions. Given a thickness, a second, smaller network gives a
    mixture of multivariate normal distributions of the velocities: once the depth of the Moho is known, a depth is
    either crust or mantle, and what is left is nearly normal. Together that is any joint distribution, in the order in
    which a chain rule writes it.

    Args:
        noise: arguments of its `WaveNoise`.
        depth_km: (D,), of the velocities.
        moho_range_km: (2,), of the prior.
        width, blocks, components: units of a layer and residual blocks of the first network, normal distributions of
            the thickness.
        profile_width, profile_components: units of the second network, normal distributions of the velocities.
        profile_weight: weight of the velocities' likelihood in the loss.
    """

    def __init__(
        self,
        noise: dict,
        depth_km: Sequence[float],
        moho_range_km: Sequence[float],
        width: int,
        blocks: int,
        components: int,
        profile_width: int,
        profile_components: int,
        profile_weight: float,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.depth_km, self.moho_range_km = [float(d) for d in depth_km], [float(h) for h in moho_range_km]
        self.width, self.components = width, components
        self.profile_width, self.profile_components, self.profile_weight = (
            profile_width,
            profile_components,
            profile_weight,
        )
        self.noise = WaveNoise(**noise, name="noise")
        self.entrance = keras.layers.Dense(width, name="entrance")
        self.hidden = [keras.layers.Dense(width, name=f"hidden_{i}") for i in range(2 * blocks)]
        self.head = keras.layers.Dense(3 * components, name="head")
        self.of_curve = keras.layers.Dense(profile_width, name="of_curve")
        self.of_moho = keras.layers.Dense(profile_width, use_bias=False, name="of_moho")
        self.second = keras.layers.Dense(profile_width, name="second")
        d = len(self.depth_km)
        self.profile_head = keras.layers.Dense(profile_components * (1 + d + d * d), name="profile_head")

    def build(self, input_shape):
        nodes = len(KINDS) * len(self.noise.frequency_hz)
        self.nodes = nodes
        self.mean = self.add_weight(shape=(nodes,), initializer="zeros", trainable=False, name="mean")
        self.sd = self.add_weight(shape=(nodes,), initializer="ones", trainable=False, name="sd")
        d = len(self.depth_km)
        self.entrance.build((None, 3 * nodes + 1))
        for layer in (*self.hidden, self.head, self.of_curve):
            layer.build((None, self.width))
        self.of_moho.build((None, d + 1))
        for layer in (self.second, self.profile_head):
            layer.build((None, self.profile_width))
        start = np.zeros((3, self.components), np.float32)
        start[1] = np.linspace(-2, 2, self.components)  # apart, so that they do not all learn the same
        self.head.bias.assign(start.ravel())

    def compute_output_shape(self, input_shape):
        return (input_shape[0], 3 * self.components + self.width)

    def features(self, observed):
        """Return what the first layer sees of `observed` curves, (n, 12 F + 1)."""
        values, sd = observed[:, : self.nodes], observed[:, self.nodes : 2 * self.nodes]
        present = sd > 0
        mask = ops.cast(present, values.dtype)
        mean, scale = ops.convert_to_tensor(self.mean), ops.convert_to_tensor(self.sd)
        standard = ops.where(present, (values - mean) / scale, 0.0)
        log_noise = ops.where(present, ops.log(ops.where(present, sd, _USUAL_SD) / _USUAL_SD), 0.0)
        return ops.concatenate([standard, mask, log_noise, observed[:, 2 * self.nodes :]], axis=-1)

    def call(self, curves, training=False):
        """Return (n, 3 components + width): logits of weights, locations, ln sds; and the last layer, for `profile`."""
        x = self.entrance(self.features(self.noise(curves, training=training)))
        for first, second in zip(self.hidden[::2], self.hidden[1::2], strict=True):
            x = x + second(ops.silu(first(ops.silu(x))))
        x = ops.silu(x)
        return ops.concatenate([self.head(x), x], axis=-1)

    def thickness(self, outputs):
        """Return log weights, locations and sds of the logit of the thickness, (n, components) each."""
        k = self.components
        return ops.log_softmax(outputs[:, :k], axis=-1), outputs[:, k : 2 * k], ops.exp(outputs[:, 2 * k : 3 * k])

    def profile(self, outputs, logit):
        """Return the mixture of standardised velocities, given the logit (n, 1) of the thickness.

        Log weights (n, K), locations (n, K, D), lower triangular precision factors P (n, K, D, D): the covariance of a
        component is (P' P)^-1.
        """
        low, high = self.moho_range_km
        moho_km = low + (high - low) * ops.sigmoid(logit)
        below = ops.sigmoid((np.array(self.depth_km, np.float32) - moho_km) / _EDGE_KM)
        x = ops.silu(
            self.of_curve(outputs[:, 3 * self.components :]) + self.of_moho(ops.concatenate([logit, below], -1))
        )
        x = self.profile_head(ops.silu(self.second(x)))
        d = len(self.depth_km)
        x = ops.reshape(x, (-1, self.profile_components, 1 + d + d * d))
        square = ops.reshape(x[..., 1 + d :], (-1, self.profile_components, d, d))
        identity = np.eye(d, dtype=np.float32)
        diagonal = ops.exp(ops.clip(square, -_LARGEST_LOG, _LARGEST_LOG)) * identity
        return ops.log_softmax(x[..., 0], -1), x[..., 1 : 1 + d], square * np.tri(d, k=-1, dtype=np.float32) + diagonal

    def negative_log_likelihood(self, true, outputs):
        """Return -ln of the density, (n,), at the logit and standardised velocities (n, 1 + D).

        The part of the velocities counts `profile_weight`.
        """
        logit, velocities = true[:, :1], true[:, 1:]
        log_weight, location, sd = self.thickness(outputs)
        log_density = -0.5 * ((logit - location) / sd) ** 2 - ops.log(sd) - 0.5 * np.log(2 * np.pi)
        of_thickness = -ops.logsumexp(log_weight + log_density, axis=-1)
        log_weight, location, factor = self.profile(outputs, logit)
        whitened = ops.sum(factor * (velocities[:, None, :] - location)[..., None, :], axis=-1)
        log_determinant = ops.sum(ops.log(ops.diagonal(factor, axis1=-2, axis2=-1)), axis=-1)
        log_density = log_determinant - 0.5 * ops.sum(whitened**2 + np.log(2 * np.pi), axis=-1)
        return of_thickness - self.profile_weight * ops.logsumexp(log_weight + log_density, axis=-1)

    def get_config(self):
        noise = {k: v for k, v in self.noise.get_config().items() if k not in ("name", "trainable", "dtype")}
        config = {"noise": noise, "blocks": len(self.hidden) // 2}
        names = ("depth_km", "moho_range_km", "width", "components", "profile_width", "profile_components")
        config |= {name: getattr(self, name) for name in (*names, "profile_weight")}
        return {**super().get_config(), **config}
