"""The optimizers of Sun et al. by name: five that step along a gradient (appendix B), three from scipy."""

from __future__ import annotations

import keras
from keras import ops

from zoo.errors import UsageError, did_you_mean
from zoo.fwi.inversion.scipy_fit import ScipyMinimizer
from zoo.fwi.settings import OPTIMIZERS, SCIPY_OPTIMIZERS

_EPSILON = 1e-8  # appendix B


@keras.saving.register_keras_serializable(package="zoo")
class BiasCorrectedMomentum(keras.optimizers.Optimizer):
    """Steps along the running mean of the gradient, corrected for its start at zero (Sun et al., algorithm 1).

    m_k = beta m_(k-1) + (1 - beta) g_k; v_k = v_(k-1) - learning_rate m_k / (1 - beta^k). Keras's momentum is a
    different one: a sum without the factor (1 - beta), whose steps are ten times as long for the same rate.

    Args:
        learning_rate: in m/s per unit of gradient.
        beta: part of the mean that is kept in each step.
    """

    def __init__(self, learning_rate=0.1, beta: float = 0.9, name: str = "bias_corrected_momentum", **kwargs):
        super().__init__(learning_rate=learning_rate, name=name, **kwargs)
        self.beta = beta

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        self.means = [self.add_variable_from_reference(variable, "mean") for variable in variables]

    def update_step(self, gradient, variable, learning_rate):
        mean = self.means[self._get_variable_index(variable)]
        gradient, rate = ops.cast(gradient, variable.dtype), ops.cast(learning_rate, variable.dtype)
        step = ops.cast(self.iterations + 1, variable.dtype)
        self.assign(mean, self.beta * mean + (1 - self.beta) * gradient)
        self.assign_sub(variable, rate * mean / (1 - ops.power(ops.cast(self.beta, variable.dtype), step)))

    def get_config(self):
        return {**super().get_config(), "beta": self.beta}


def optimizer(name: str, learning_rate: float) -> keras.optimizers.Optimizer:
    """Return a new optimizer with the settings of appendix B.

    Args:
        name: gd, momentum, adagrad, rmsprop, adam; or cg, l-bfgs-b, tnc, which choose their steps themselves
            (`zoo.fwi.inversion.scipy_fit`).
        learning_rate: in m/s per update for Adagrad, RMSprop and Adam, in m/s per unit of gradient for gd and
            momentum; cg, l-bfgs-b and tnc take none.

    Raises:
        UsageError: another name.
    """
    if name not in OPTIMIZERS:
        raise UsageError(f"There is no optimizer {name!r}.{did_you_mean(name, OPTIMIZERS)}")
    if name in SCIPY_OPTIMIZERS:
        return ScipyMinimizer(name)
    learning_rate = float(learning_rate)  # Keras takes no whole numbers
    makers = {
        "gd": lambda: keras.optimizers.SGD(learning_rate),
        "momentum": lambda: BiasCorrectedMomentum(learning_rate),
        "adagrad": lambda: keras.optimizers.Adagrad(learning_rate, initial_accumulator_value=0.0, epsilon=_EPSILON),
        "rmsprop": lambda: keras.optimizers.RMSprop(learning_rate, rho=0.9, epsilon=_EPSILON),
        "adam": lambda: keras.optimizers.Adam(learning_rate, epsilon=_EPSILON),
    }
    return makers[name]()
