"""Gaussian processes fitted many at a time, against GPflow, which fits one; and the layer that serves them."""

from __future__ import annotations

import numpy as np
import pytest

from zoo.microseismic.models import gp_regression
from zoo.microseismic.models.gaussian_process import GaussianProcess


def examples(count=300, seed=0):
    rng = np.random.default_rng(seed)
    inputs = rng.normal(size=(count, 4))
    smooth = np.sin(2 * inputs[:, 0]) + 0.3 * inputs[:, 1] ** 2
    fast = 5 * np.cos(3 * inputs[:, 2]) * inputs[:, 3]
    targets = np.column_stack([7.0 + smooth, 100 + fast])
    return inputs, targets + rng.normal(scale=[0.05, 0.5], size=targets.shape), targets


def gpflow_model(inputs, target, lengthscales, variance, noise):
    import gpflow

    kernel = gpflow.kernels.Matern32(variance, lengthscales)
    model = gpflow.models.GPR((inputs, target[:, np.newaxis]), kernel)
    model.likelihood.variance.assign(noise)
    return model


def test_value_and_gradient_of_the_evidence_are_gpflows():
    import tensorflow as tf

    inputs, targets, _ = examples(60)
    values = np.array([[1.0, 2.0, 0.7, 3.0, 1.3, 0.02], [0.5, 0.6, 2.0, 1.0, 0.8, 0.3]])
    found = gp_regression._negative_log_evidence()(
        tf.constant(inputs), tf.constant((targets / 10).T), tf.constant(np.log(values))
    )
    for output, (loss, gradient) in enumerate(zip(*found, strict=True)):
        row = values[output]
        model = gpflow_model(inputs, targets[:, output] / 10, row[:4], row[4], row[5] + gp_regression._JITTER)
        constant = 0.5 * len(inputs) * np.log(2 * np.pi)
        np.testing.assert_allclose(loss + constant, -model.log_marginal_likelihood().numpy(), rtol=1e-8)
        parameters = (model.kernel.lengthscales, model.kernel.variance, model.likelihood.variance)
        with tf.GradientTape() as tape:
            expected = -model.log_marginal_likelihood()
        raw = tape.gradient(expected, [p.unconstrained_variable for p in parameters])
        # d loss / d log p = d loss / d u . p / (d p / d u), where p = softplus(u): d p / d u = 1 - exp(-p).
        slopes = [g * p.numpy() / -np.expm1(-p.numpy()) for g, p in zip(raw, parameters, strict=True)]
        np.testing.assert_allclose(gradient, np.hstack([slopes[0], slopes[1], slopes[2]]), rtol=2e-4, atol=1e-5)


@pytest.mark.long
def test_the_batch_finds_as_much_evidence_as_gpflow_one_by_one():
    import gpflow

    inputs, targets, _ = examples(150)
    standardised = (targets - targets.mean(0)) / targets.std(0)
    found = gp_regression.maximise_evidence(inputs, standardised, 1e-5)
    for output, hyperparameters in enumerate(zip(*found, strict=True)):
        here = gpflow_model(inputs, standardised[:, output], *hyperparameters).log_marginal_likelihood().numpy()
        model = gpflow_model(inputs, standardised[:, output], np.full(4, 2.0), 1.0, 0.05)
        # The variance is held where the batch holds it.
        model.kernel.variance.assign(hyperparameters[1])
        gpflow.set_trainable(model.kernel.variance, False)
        gpflow.optimizers.Scipy().minimize(model.training_loss, model.trainable_variables, options={"maxiter": 100})
        assert here > model.log_marginal_likelihood().numpy() - 1.0


def test_processes_fitted_together_are_those_fitted_alone():
    inputs, targets, _ = examples(120)
    together = gp_regression.fit_gaussian_processes(inputs, targets, 40)
    for output, both in enumerate(together):
        (alone,) = gp_regression.fit_gaussian_processes(inputs, targets[:, [output]], 40)
        for key, value in alone.items():
            np.testing.assert_allclose(both[key], value, rtol=1e-4, atol=1e-8, err_msg=key)


@pytest.mark.parametrize("precise", [True, False])
@pytest.mark.parametrize("linear_trend", [False, True])
def test_the_layer_equals_gpflows_sparse_process(linear_trend, precise):
    import gpflow

    inputs, targets, _ = examples()
    new, _, truth = examples(50, seed=1)
    layer = GaussianProcess(points=150, outputs=3, precise=precise)  # more room than the fit fills
    layer.build((None, 3, 4))
    fits = gp_regression.fit_gaussian_processes(inputs, targets, inducing_points=120, linear_trend=linear_trend)
    for output, fitted in enumerate(fits):
        layer.assign(2, output, fitted)
    found = np.asarray(layer(np.tile(new[:, np.newaxis].astype(np.float32), (1, 3, 1))))
    assert not found[:, 2, 2].any() and not found[:, :2].any()
    for output, fitted in enumerate(fits):
        kernel = gpflow.kernels.Matern32(fitted["variance"], fitted["lengthscales"])
        residual = targets[:, output] - fitted["mean"] - inputs @ fitted["slope"]
        sparse = gpflow.models.SGPR((inputs, (residual / fitted["scale"])[:, np.newaxis]), kernel, fitted["points"])
        sparse.likelihood.variance.assign(fitted["noise_variance"])
        means = sparse.predict_f(new)[0].numpy()[:, 0]
        expected = fitted["mean"] + new @ fitted["slope"] + fitted["scale"] * means
        np.testing.assert_allclose(found[:, 2, output], expected, atol=2e-4 * np.std(expected))
    error = np.sqrt(np.mean((found[:, 2, :2] - truth) ** 2, axis=0))
    assert (error < [0.15, 0.6] * truth.std(0)).all()
