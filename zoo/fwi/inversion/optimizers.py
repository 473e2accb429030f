"""The optimizers of Sun et al. by name: five that step along a gradient (appendix B), three from scipy."""

from __future__ import annotations

import keras
from keras import ops

from zoo.errors import UsageError, did_you_mean
from zoo.fwi.inversion.scipy_fit import ScipyMinimizer
from zoo.fwi.settings import OPTIMIZERS, SCIPY_OPTIMIZERS

_EPSILON = 1e-8  # appendix B
_MEAN_KEPT, _SQUARE_KEPT = 0.9, 0.999  # of Adam's running means, in each step


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


@keras.saving.register_keras_serializable(package="zoo")
class DampedAdam(keras.optimizers.Optimizer):
    """Adam (Kingma & Ba 2015; Sun et al., algorithm 5) that leaves alone what the data hardly tell of.

    Adam steps alike far in each cell, however small its gradient: where waves hardly come it turns the rounding and the
    noise of the gradient into velocities. Here the root of the mean square of a cell's gradients is held from below,
    by a part of that of all cells, so that steps fall with the illumination.

    Args:
        learning_rate: in m/s.
        damping: that part; 0 is Adam.
    """

    def __init__(self, learning_rate=40.0, damping: float = 0.2, name: str = "damped_adam", **kwargs):
        super().__init__(learning_rate=learning_rate, name=name, **kwargs)
        self.damping = damping

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        self.means = [self.add_variable_from_reference(variable, "mean") for variable in variables]
        self.squares = [self.add_variable_from_reference(variable, "square") for variable in variables]

    def update_step(self, gradient, variable, learning_rate):
        index, kind = self._get_variable_index(variable), variable.dtype
        mean, square = self.means[index], self.squares[index]
        gradient, rate = ops.cast(gradient, kind), ops.cast(learning_rate, kind)
        step = ops.cast(self.iterations + 1, kind)
        self.assign(mean, _MEAN_KEPT * mean + (1 - _MEAN_KEPT) * gradient)
        self.assign(square, _SQUARE_KEPT * square + (1 - _SQUARE_KEPT) * ops.square(gradient))
        power = square / (1 - ops.power(ops.cast(_SQUARE_KEPT, kind), step))
        size = ops.sqrt(power) + self.damping * ops.sqrt(ops.mean(power)) + _EPSILON
        self.assign_sub(variable, rate * mean / (1 - ops.power(ops.cast(_MEAN_KEPT, kind), step)) / size)

    def get_config(self):
        return {**super().get_config(), "damping": self.damping}


def optimizer(name: str, learning_rate: float, damping: float = 0.0) -> keras.optimizers.Optimizer:
    """Return a new optimizer with the settings of appendix B.

    Args:
        name: gd, momentum, adagrad, rmsprop, adam; or cg, l-bfgs-b, tnc, which choose their steps themselves
            (`zoo.fwi.inversion.scipy_fit`).
        learning_rate: in m/s per update for Adagrad, RMSprop and Adam, in m/s per unit of gradient for gd and
            momentum; cg, l-bfgs-b and tnc take none.
        damping: of `DampedAdam`; 0: Adam as it is. Other optimizers take none.

    Raises:
        UsageError: another name.
    """
    if name not in OPTIMIZERS:
        raise UsageError(f"There is no optimizer {name!r}.{did_you_mean(name, OPTIMIZERS)}")
    if name in SCIPY_OPTIMIZERS:
        return ScipyMinimizer(name)
    learning_rate = float(learning_rate)  # Keras takes no whole numbers
    if name == "adam" and damping:
        return DampedAdam(learning_rate, damping)
    makers = {
        "gd": lambda: keras.optimizers.SGD(learning_rate),
        "momentum": lambda: BiasCorrectedMomentum(learning_rate),
        "adagrad": lambda: keras.optimizers.Adagrad(learning_rate, initial_accumulator_value=0.0, epsilon=_EPSILON),
        "rmsprop": lambda: keras.optimizers.RMSprop(learning_rate, rho=0.9, epsilon=_EPSILON),
        "adam": lambda: keras.optimizers.Adam(learning_rate, epsilon=_EPSILON),
    }
    return makers[name]()
