"""The paper's optimizers step as its appendix B says; scipy's methods run behind Keras's callbacks."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from zoo.errors import UsageError, ZooError
from zoo.fwi.inversion import scipy_fit as fwi_scipy
from zoo.fwi.inversion.optimizers import BiasCorrectedMomentum, DampedAdam, optimizer
from zoo.fwi.settings import GRADIENT_OPTIMIZERS, OPTIMIZERS, SCIPY_OPTIMIZERS


def steps(name, gradients, learning_rate=2.0):
    """Apply gradients, each (2,), to zeros; return what the variable was after each."""
    variable = keras.Variable(np.zeros(2, np.float32))
    chosen = optimizer(name, learning_rate) if isinstance(name, str) else name
    found = []
    for gradient in gradients:
        chosen.apply([keras.ops.convert_to_tensor(gradient)], [variable])
        found.append(np.array(variable))
    return np.array(found)


GRADIENTS = np.array([[1.0, -3e-3], [0.5, 2e-3], [-2.0, 1e-3]], np.float32)


def test_algorithm_1_is_a_mean_and_not_kerass_momentum():
    mean, v, expected = np.zeros(2), np.zeros(2), []
    for k, gradient in enumerate(GRADIENTS, 1):
        mean = 0.9 * mean + 0.1 * gradient
        v = v - 2.0 * mean / (1 - 0.9**k)
        expected.append(v)
    np.testing.assert_allclose(steps("momentum", GRADIENTS), expected, rtol=1e-5)
    again = keras.optimizers.deserialize(keras.optimizers.serialize(BiasCorrectedMomentum(0.3, 0.8)))
    assert again.beta == 0.8 and float(again.learning_rate) == pytest.approx(0.3)


def test_adaptive_methods_begin_at_zero_and_ignore_the_size_of_gradients():
    np.testing.assert_allclose(steps("gd", GRADIENTS[:1])[0], -2 * GRADIENTS[0], rtol=1e-6)
    expected = -2 * np.cumsum(GRADIENTS / np.sqrt(np.cumsum(GRADIENTS**2, 0)), 0)
    np.testing.assert_allclose(steps("adagrad", GRADIENTS), expected, rtol=2e-3)
    np.testing.assert_allclose(steps("adam", GRADIENTS[:1])[0], [-2, 2], rtol=1e-3)
    np.testing.assert_allclose(steps("rmsprop", GRADIENTS[:1])[0], [-2 / np.sqrt(0.1), 2 / np.sqrt(0.1)], rtol=1e-2)
    # A cell that no wave reaches stays.
    assert all((steps(name, 0 * GRADIENTS) == 0).all() for name in GRADIENT_OPTIMIZERS)


def test_damping_holds_back_the_steps_of_small_gradients_alone():
    np.testing.assert_allclose(steps("adam", GRADIENTS), steps(DampedAdam(2.0, 0.0), GRADIENTS), rtol=1e-3)
    found = steps(DampedAdam(2.0, 0.2), GRADIENTS)
    assert -found[0, 0] == pytest.approx(2 / (1 + 0.2 * np.sqrt(0.5)), rel=1e-3)
    assert found[0, 1] == pytest.approx(2 * 3e-3 / (3e-3 + 0.2 * np.sqrt(0.5)), rel=1e-3)
    # Whatever the unit of the gradients.
    np.testing.assert_allclose(steps(DampedAdam(2.0, 0.2), 1e-3 * GRADIENTS), found, rtol=1e-3)
    again = keras.optimizers.deserialize(keras.optimizers.serialize(DampedAdam(30.0, 0.4)))
    assert again.damping == 0.4 and isinstance(optimizer("adam", 1.0, 0.4), DampedAdam)


def test_names():
    assert {fwi_scipy.ScipyMinimizer} == {type(optimizer(name, 1.0)) for name in OPTIMIZERS[5:]}
    with pytest.raises(UsageError, match="Did you mean adam"):
        optimizer("adma", 1.0)
    with pytest.raises(UsageError, match="bfgs"):
        fwi_scipy.ScipyMinimizer("bfgs")


TARGET = np.array([1500.0, 4000.0, 2500.0, 3000.0], np.float32)


@keras.saving.register_keras_serializable(package="test")
class Valley(keras.Model):
    """Rosenbrock's valley in thousands around TARGET; `limit` above which it is NaN."""

    def __init__(self, limit=np.inf):
        super().__init__()
        self.v = self.add_weight(shape=(4,), initializer=keras.initializers.Constant(2000.0), name="v")
        self.limit, self.evaluated = limit, []
        self.built = True

    def call(self, x):
        u = (self.v - TARGET) / 1000
        value = keras.ops.sum(10 * (u[1:] - u[:-1] ** 2) ** 2) + keras.ops.sum(u**2)
        value = keras.ops.where(keras.ops.max(self.v) > self.limit, float("nan"), value)
        return value + 0 * x


class Watch(keras.callbacks.Callback):
    def __init__(self):
        super().__init__()
        self.losses, self.epochs = [], []

    def on_epoch_end(self, epoch, logs=None):
        self.losses.append(logs["loss"])
        self.epochs.append(epoch)


def minimise(method, epochs, bounds=None, model=None, first=0, **arguments):
    model = model or Valley()
    model.compile(optimizer(method, 1.0), loss=lambda y, p: p, jit_compile=False)
    watch = Watch()
    batch = (np.zeros((1, 1), np.float32), np.zeros((1, 1), np.float32))
    fwi_scipy.fit(
        model, batch, unit=1000.0, bounds=bounds, epochs=epochs, initial_epoch=first, callbacks=[watch], **arguments
    )
    return np.array(model.v), watch, model


@pytest.mark.parametrize("method", SCIPY_OPTIMIZERS)
def test_scipy_goes_down_and_counts_evaluations(method):
    found, watch, _ = minimise(method, 12)
    assert watch.epochs == list(range(12))
    assert watch.losses == sorted(watch.losses, reverse=True)  # the lowest so far
    far, _, model = minimise(method, 60)
    assert watch.losses[-1] < 0.3 * watch.losses[0]
    np.testing.assert_allclose(far, TARGET, atol=40)
    # The model in hand is the one that the last row speaks of.
    x = np.zeros((1, 1), np.float32)
    assert model.evaluate(x, x, verbose=0) <= watch.losses[-1] * (1 + 1e-5) + 1e-7


@pytest.mark.parametrize("method", SCIPY_OPTIMIZERS)
def test_bounds_hold_and_wild_trials_are_taken_back(method):
    found, watch, _ = minimise(method, 40, bounds=(1800.0, 3000.0))
    assert found.min() >= 1800 and found.max() <= 3000.5
    np.testing.assert_allclose(found[0], 1800, atol=1)  # where the bound is in the way, the answer lies on it
    found, watch, _ = minimise(method, 40, model=Valley(limit=4100.0))
    assert np.isfinite(watch.losses).all() and watch.losses[-1] < 0.1 * watch.losses[0]
    assert found.max() <= 4100


def test_scipy_resumes_from_the_model_and_refuses_a_start_that_is_not_finite():
    _, _, model = minimise("cg", 6)
    held_out = (np.zeros((1, 1), np.float32),) * 2
    _, watch, again = minimise("cg", 12, model=model, first=6, validation_data=held_out)
    assert watch.epochs == list(range(6, 12))
    np.testing.assert_allclose(again.history.history["val_loss"], watch.losses, rtol=1e-4)
    with pytest.raises(ZooError, match="start is not finite"):
        minimise("l-bfgs-b", 5, model=Valley(limit=1000.0))
