"""Posterior means of Gaussian processes that were trained elsewhere, as a layer."""

from __future__ import annotations

import math
from collections.abc import Mapping

import keras
import numpy as np
from keras import ops

# (1 + r) exp(-r) - 1 = sum over n >= 2 of (1 - n) (-r)^n / n!
_SERIES = [(1 - n) * (-1) ** n / math.factorial(n) for n in range(2, 10)]
_SERIES_BELOW = 0.7  # below, the terms that are left out are smaller than 2e-8
# Rounding may leave a squared distance slightly below zero.
_LEAST_SQUARE = 1e-12


def _matern32_minus_one(r):
    """Return (1 + r) exp(-r) - 1 of scaled distances r, to the relative precision of float32 even for small r."""
    near = ops.minimum(r, _SERIES_BELOW)
    series = 0.0
    for coefficient in reversed(_SERIES):
        series = series * near + coefficient
    return ops.where(r < _SERIES_BELOW, series * near * near, (1.0 + r) * ops.exp(-r) - 1.0)


@keras.saving.register_keras_serializable(package="zoo")
class GaussianProcess(keras.layers.Layer):
    """Posterior means of Matern-3/2 ARD processes, one set per receiver (Spurio Mancini et al. 2021, eq. 2).

    mean + slope . x + scale * variance * sum_m k(x, points_m) coefficients_m. All of these are weights that are not
    trained: `assign` takes what `zoo.microseismic.models.gp_regression.fit_gaussian_processes` returns for an output.

    Smooth targets have long lengthscales, kernels close to 1 and large coefficients of both signs, whose sum loses
    its digits in float32. So the sum of the coefficients themselves, in float64, is kept in the offset, and only the
    difference of the kernel from 1 is evaluated. That is three times the work, which noisy targets do not need.

    Takes (n, receivers, inputs) and returns (n, receivers, outputs).

    Args:
        points: number of (inducing) points of a process.
        outputs: number of quantities; each has a process, hence lengthscales, of its own.
        precise: sum in such a way that smooth targets keep their digits.
    """

    def __init__(self, points: int, outputs: int, precise: bool = True, **kwargs):
        super().__init__(trainable=False, **kwargs)
        self.points, self.outputs, self.precise = points, outputs, precise

    def build(self, input_shape):
        _, receivers, inputs = input_shape
        processes = (receivers, self.outputs)

        def weight(name, shape, initializer):
            return self.add_weight(shape=shape, initializer=initializer, trainable=False, name=name)

        self.inducing = weight("inducing", (*processes, self.points, inputs), "zeros")
        self.coefficients = weight("coefficients", (*processes, self.points), "zeros")
        self.lengthscales = weight("lengthscales", (*processes, inputs), "ones")
        self.offset = weight("offset", processes, "zeros")
        self.slope = weight("slope", (*processes, inputs), "zeros")

    def assign(self, receiver: int, output: int, fitted: Mapping[str, np.ndarray]) -> None:
        """Take over a fitted process; if it has fewer points than the layer, zeros fill the rest."""
        count = len(fitted["points"])
        factor = fitted["scale"] * fitted["variance"]
        at_one = factor * np.sum(fitted["coefficients"], dtype=np.float64) if self.precise else 0.0
        for variable, values in (
            (self.inducing, fitted["points"]),
            (self.coefficients, factor * fitted["coefficients"]),
            (self.lengthscales, fitted["lengthscales"]),
            (self.slope, fitted["slope"]),
            (self.offset, fitted["mean"] + at_one),
        ):
            whole = np.array(variable)
            if variable is self.inducing or variable is self.coefficients:
                whole[receiver, output] = 0.0
                whole[receiver, output, :count] = values
            else:
                whole[receiver, output] = values
            variable.assign(whole)

    def call(self, inputs):
        raw = ops.transpose(inputs, (1, 0, 2))[:, None]
        x = raw / self.lengthscales[:, :, None]
        points = self.inducing / self.lengthscales[:, :, None]
        products = ops.matmul(x, ops.transpose(points, (0, 1, 3, 2)))
        norms = ops.sum(x**2, axis=-1)[..., None] + ops.sum(points**2, axis=-1)[:, :, None]
        squared = ops.maximum(norms - 2.0 * products, _LEAST_SQUARE)
        r = ops.sqrt(3.0 * squared)
        kernel = _matern32_minus_one(r) if self.precise else (1.0 + r) * ops.exp(-r)
        means = ops.matmul(kernel, self.coefficients[..., None])[..., 0]
        means = means + ops.sum(raw * self.slope[:, :, None], axis=-1) + self.offset[..., None]
        return ops.transpose(means, (2, 0, 1))

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.outputs)

    def get_config(self):
        return {**super().get_config(), "points": self.points, "outputs": self.outputs, "precise": self.precise}
