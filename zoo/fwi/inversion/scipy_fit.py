"""The same objective through scipy: conjugate gradients, L-BFGS-B and truncated Newton, behind Keras's `fit`.

A compiled model's training step gives the loss, and `ScipyMinimizer` keeps the gradient instead of stepping along
it; `fit` hands both to `scipy.optimize.minimize`. One evaluation of value and gradient is one epoch: it costs as much
as an epoch of the other optimizers, so that curves over epochs can be compared (Sun et al., figures 12 to 15 and 21).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from zoo.errors import UsageError, ZooError, did_you_mean
from zoo.fwi.settings import SCIPY_OPTIMIZERS
from zoo.progress import say

# scipy is given velocities in km/s: with values of thousands TNC stalls, and the others start with steps of 1 m/s.
VELOCITY_UNIT_M_S = 1000.0
# The loss that a line search is told for a model whose field grows without bound, over the worst finite loss.
_UNSTABLE = 10.0


@keras.saving.register_keras_serializable(package="zoo")
class ScipyMinimizer(keras.optimizers.Optimizer):
    """Keeps gradients for a method of scipy (`cg`, `l-bfgs-b`, `tnc`) and leaves the variables as they are."""

    def __init__(self, method: str, name: str = "scipy", **kwargs):
        if method not in SCIPY_OPTIMIZERS:
            known = ", ".join(SCIPY_OPTIMIZERS)
            raise UsageError(f"scipy's method is {known}.{did_you_mean(method, SCIPY_OPTIMIZERS)}")
        super().__init__(learning_rate=kwargs.pop("learning_rate", 1.0), name=name, **kwargs)
        self.method = method

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        self.gradients = [self.add_variable_from_reference(variable, "gradient") for variable in variables]

    def update_step(self, gradient, variable, learning_rate):
        self.assign(self.gradients[self._get_variable_index(variable)], gradient)

    def get_config(self):
        return {**super().get_config(), "method": self.method}


class _Enough(Exception):
    """Leaves scipy once the evaluations are used up."""


class _Objective:
    """Loss and gradient of a compiled model as a function of one vector, with Keras's callbacks after each."""

    def __init__(self, model, batch, unit, bounds, first, epochs, callbacks, validate):
        self.model, self.batch, self.unit = model, batch, unit
        self.low, self.high = (-np.inf, np.inf) if bounds is None else (b / unit for b in bounds)
        self.done, self.epochs, self.callbacks, self.validate = first, epochs, callbacks, validate
        self.variables = model.trainable_variables
        self.best = self.worst = None
        self.best_x = np.clip(self._flat(self.variables) / unit, self.low, self.high)

    @staticmethod
    def _flat(variables) -> np.ndarray:
        arrays = [keras.ops.convert_to_numpy(variable) for variable in variables]
        return np.concatenate([array.ravel() for array in arrays]).astype(np.float64)

    def put(self, x: np.ndarray) -> None:
        """Give the model's variables the values of scipy's vector."""
        start = 0
        for variable in self.variables:
            size = int(np.prod(variable.shape))
            variable.assign((x[start : start + size] * self.unit).reshape(variable.shape).astype(np.float32))
            start += size

    def __call__(self, x: np.ndarray) -> tuple[float, np.ndarray]:
        if self.done >= self.epochs or self.model.stop_training:
            raise _Enough
        self.callbacks.on_epoch_begin(self.done)
        inside = np.clip(x, self.low, self.high)
        self.put(inside)
        self.model.reset_metrics()
        loss = float(self.model.train_on_batch(*self.batch, return_dict=True)["loss"])
        gradient = self._flat(self.model.optimizer.gradients) * self.unit
        # CG knows no bounds: it minimises the misfit of the clipped model, which is flat beyond them.
        gradient[inside != x] = 0
        finite = np.isfinite(loss) and np.isfinite(gradient).all()
        if finite:
            self.worst = loss if self.worst is None else max(loss, self.worst)
            if self.best is None or loss < self.best:
                self.best, self.best_x = loss, inside.copy()
        elif self.worst is not None:
            loss, gradient = _UNSTABLE * self.worst, np.zeros_like(gradient)
        self.put(self.best_x)
        # The loss that the run would end with here; failed trials of a line search do not show.
        logs = {"loss": loss if self.best is None else self.best}
        self.callbacks.on_epoch_end(self.done, {**logs, **self.validate()})
        self.done += 1
        if self.worst is None:
            raise ZooError("The misfit of the start is not finite: look for NaN in data and start, and check bounds.")
        return loss, gradient


def fit(
    model: keras.Model,
    batch: tuple,
    *,
    unit: float = 1.0,
    bounds: tuple[float, float] | None = None,
    epochs: int,
    initial_epoch: int = 0,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    validation_data: tuple | None = None,
    validation_batch_size: int | None = None,
) -> Any:
    """Minimise a model's loss on one batch by the method of its `ScipyMinimizer`; the model ends with its best weights.

    Ends after exactly `epochs` evaluations, or earlier if scipy finds no way further down.

    Args:
        model: compiled with a `ScipyMinimizer`.
        batch: (x, y) or (x, y, sample_weight), all of the data.
        unit: what the variables are divided by for scipy.
        bounds: (low, high) of the variables, not divided; L-BFGS-B and TNC get them, CG sees the clipped model.
        epochs, initial_epoch, callbacks: as in `keras.Model.fit`; an epoch reports the lowest loss so far.
        validation_data, validation_batch_size: likewise.

    Returns:
        Keras's History.

    Raises:
        ZooError: the loss of the start is not finite.
    """
    from scipy.optimize import Bounds, minimize

    method = model.optimizer.method
    model.optimizer.build(model.trainable_variables)
    calls = keras.callbacks.CallbackList(list(callbacks), add_history=True, model=model, epochs=epochs, verbose=0)

    def validate() -> dict[str, float]:
        if validation_data is None:
            return {}
        found = model.evaluate(*validation_data, batch_size=validation_batch_size, verbose=0, return_dict=True)
        return {f"val_{name}": value for name, value in found.items()}

    objective = _Objective(model, batch, unit, bounds, initial_epoch, epochs, calls, validate)
    # Tolerances of zero: scipy stops only when it has used up its evaluations or cannot go on.
    options = {
        "cg": {"gtol": 0.0, "maxiter": epochs},
        "l-bfgs-b": {"gtol": 0.0, "ftol": 0.0, "maxfun": epochs + 1, "maxiter": epochs},
        "tnc": {"gtol": 0.0, "ftol": 0.0, "xtol": 0.0, "maxfun": epochs + 1},
    }[method]
    limits = Bounds(objective.low, objective.high) if bounds is not None and method != "cg" else None
    model.stop_training = False
    calls.on_train_begin()
    try:
        # Single precision may end a line search early: start again along the gradient, as long as that helps.
        while True:
            before = objective.best
            minimize(objective, objective.best_x.copy(), jac=True, method=method, bounds=limits, options=options)
            if before is not None and objective.best >= before:
                say(f"{method} finds no way down after {objective.done} of {epochs} evaluations.")
                break
    except _Enough:
        pass
    calls.on_train_end()
    return model.history
