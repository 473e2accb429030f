"""The likelihood against dense linear algebra, and the noise it is given."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from analytic_medium import HomogeneousMedium

from zoo.errors import ZooError
from zoo.microseismic.location.noise import Noise, estimate_noise_sd
from zoo.microseismic.location.trace_likelihood import (
    SHAPE_ERROR_DENSITY,
    TraceLikelihood,
    noise_log_density,
    normalisation,
    woodbury_log_density,
)

SOURCE_KM = np.array([[0.375, 0.3, 1.57]])


def absolute(likelihood, points, traces, noise_sd):
    """Return log densities (n,) of the traces given sources, in white noise."""
    whitened, taps = likelihood.data(traces, Noise.white(noise_sd))
    data = tf.constant(whitened, tf.float32), tf.constant(taps, tf.float32)
    return likelihood(tf.constant(points, tf.float32), *data).numpy() + normalisation(whitened, taps)


def dense_log_density(residual, covariance):
    """Return the Gaussian log density by elimination."""
    misfit = residual @ np.linalg.solve(covariance, residual)
    return -0.5 * (misfit + np.linalg.slogdet(2 * np.pi * covariance)[1])


def test_woodbury_against_dense_covariance():
    rng = np.random.default_rng(0)
    residual, a, b = rng.normal(size=(3, 60))
    variance = 0.7
    covariance = variance * np.eye(60) + np.outer(a, a) + np.outer(b, b)
    expected = dense_log_density(residual, covariance) + 30 * np.log(2 * np.pi)
    received = woodbury_log_density(*(tf.constant(v, tf.float64) for v in (residual, variance, a, b)))
    assert float(received) == pytest.approx(expected, rel=1e-10)


def test_emulator_error_against_dense_covariance():
    error = {"timing_sd_s": [0.001, 0.002], "log_amplitude_sd": [0.1, 0.05], "shape_error": [0.02, 0.03]}
    medium = HomogeneousMedium(HomogeneousMedium().receivers_km[:2], error)
    predicted = medium(SOURCE_KM)[0].numpy().astype(np.float64)
    noise_sd = np.array([30.0, 40.0])
    traces = 1.1 * predicted + noise_sd[:, None] * np.random.default_rng(1).normal(size=predicted.shape)

    expected = 0.0
    for r in range(2):
        late = error["timing_sd_s"][r] * np.gradient(predicted[r], medium.time_step_s)
        loud = error["log_amplitude_sd"][r] * predicted[r]
        variance = noise_sd[r] ** 2 + (SHAPE_ERROR_DENSITY * error["shape_error"][r] * np.abs(traces[r]).max()) ** 2
        covariance = variance * np.eye(medium.samples) + np.outer(late, late) + np.outer(loud, loud)
        expected += dense_log_density(traces[r] - predicted[r], covariance)

    likelihood = TraceLikelihood(medium)
    assert absolute(likelihood, SOURCE_KM, traces, noise_sd)[0] == pytest.approx(expected, abs=0.02)

    shape_sd = error["shape_error"][1] * np.abs(traces[1]).max()
    expected_sd = np.sqrt(noise_sd[1] ** 2 + shape_sd**2 + late**2 + loud**2)
    trace, received_sd, misfit = likelihood.predictive(SOURCE_KM[0], SOURCE_KM, traces, Noise.white(noise_sd))
    np.testing.assert_allclose(trace, predicted, rtol=1e-5)
    np.testing.assert_allclose(received_sd[1, 1:-1], expected_sd[1:-1], rtol=1e-3)
    assert misfit[1] == pytest.approx(np.mean(((traces[1] - predicted[1]) / received_sd[1]) ** 2), rel=1e-4)


def test_without_emulator_error_it_is_the_plain_gaussian():
    medium = HomogeneousMedium()
    traces = np.random.default_rng(2).normal(size=(4, 501)).astype(np.float32) * 50
    misfit = np.sum(((traces - medium(SOURCE_KM)[0]) / 50.0) ** 2)
    expected = -0.5 * misfit - traces.size * np.log(50.0 * np.sqrt(2 * np.pi))
    received = absolute(TraceLikelihood(medium), SOURCE_KM, traces, np.full(4, 50.0))
    assert received[0] == pytest.approx(expected, rel=1e-6)


def test_silence_is_the_likelihood_of_a_source_nobody_hears():
    medium = HomogeneousMedium()
    traces = medium(SOURCE_KM)[0].numpy()
    far = absolute(TraceLikelihood(medium), np.array([[0.5, 0.5, -1e6]]), traces, np.full(4, 50.0))
    assert far[0] == pytest.approx(noise_log_density(traces, Noise.white(np.full(4, 50.0))), rel=1e-6)


def test_the_level_of_the_misfit_says_nothing_of_the_amplitude():
    """With white shape errors at a third of the assumed density, the best amplitude is still the true one."""
    medium = HomogeneousMedium(emulator_error={"shape_error": np.full(4, 0.02)})
    predicted = medium(SOURCE_KM)[0].numpy()
    wiggle = np.random.default_rng(3).normal(size=(4, 501)) * np.abs(predicted).max(axis=-1, keepdims=True)
    traces = (predicted + 0.02 * wiggle).astype(np.float32)
    likelihood = TraceLikelihood(medium)
    likelihood.predict = lambda factor: factor[:, None, None] * predicted
    factor = np.linspace(0.8, 1.2, 81, dtype=np.float32)
    data = [part.astype(np.float32) for part in likelihood.data(traces, Noise.white(np.ones(4)))]
    values = likelihood(factor, *data)
    assert factor[np.argmax(values)] == pytest.approx(1.0, abs=0.02)


def test_a_subset_of_receivers_uses_their_traces_and_errors():
    error = {"timing_sd_s": np.array([0.001, 0.002, 0.003, 0.004])}
    medium = HomogeneousMedium(emulator_error=error)
    subset = TraceLikelihood(medium, (1, 3))
    np.testing.assert_array_equal(subset.predict(SOURCE_KM), medium(SOURCE_KM).numpy()[:, [1, 3]])
    np.testing.assert_allclose(subset.timing_sd_s, [0.002, 0.004])


def test_noise_is_estimated_before_the_arrival():
    traces = HomogeneousMedium()(SOURCE_KM)[0].numpy()
    noise_sd = np.array([20.0, 40.0, 80.0, 160.0])
    noisy = traces + noise_sd[:, None] * np.random.default_rng(4).normal(size=traces.shape)
    np.testing.assert_allclose(estimate_noise_sd(noisy), noise_sd, rtol=0.25)


def test_noise_free_traces_ask_for_the_noise():
    with pytest.raises(ZooError, match="noise_sd="):
        estimate_noise_sd(HomogeneousMedium()(SOURCE_KM)[0].numpy())
