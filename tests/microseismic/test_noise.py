"""Coloured noise against dense Gaussian algebra, and what taking it for white does to an estimate."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from analytic_medium import HomogeneousMedium
from scipy.linalg import toeplitz
from scipy.signal import lfilter

from zoo.errors import ZooError
from zoo.microseismic.location.noise import MAX_ORDER, Noise, whiten
from zoo.microseismic.location.trace_likelihood import (
    SHAPE_ERROR_DENSITY,
    TraceLikelihood,
    noise_log_density,
    normalisation,
)

# x(t) = 1.2 x(t-1) - 0.5 x(t-2) + e(t): a broad peak at some 20 Hz of 250.
AR = np.array([1.2, -0.5])
SOURCE_KM = np.array([[0.375, 0.3, 1.57]])


def autocovariance(lags: int, sd: float = 1.0) -> np.ndarray:
    """Return that of the process above, by its own recursion, starting from the variance."""
    r = np.empty(lags + 1)
    r[0], r[1] = 1.0, AR[0] / (1.0 - AR[1])
    for lag in range(2, lags + 1):
        r[lag] = AR @ (r[lag - 1], r[lag - 2])
    return sd**2 * r


def coloured(rng, *shape, sd=1.0):
    noise = lfilter([1.0], [1.0, *-AR], rng.normal(size=(*shape[:-1], shape[-1] + 200)), axis=-1)[..., 200:]
    innovation = 1.0 - AR @ autocovariance(2)[1:]
    return sd * np.sqrt(innovation) * noise


def dense_log_density(residual, covariance):
    misfit = residual @ np.linalg.solve(covariance, residual)
    return -0.5 * (misfit + np.linalg.slogdet(2 * np.pi * covariance)[1])


def test_density_is_that_of_the_dense_covariance():
    traces = coloured(np.random.default_rng(0), 2, 150) * [[3.0], [0.2]]
    noise = Noise(np.stack([autocovariance(MAX_ORDER, sd) for sd in (3.0, 0.2)]))
    expected = 0.0
    for trace, sd in zip(traces, (3.0, 0.2), strict=True):
        covariance = toeplitz(autocovariance(149, sd))
        first = slice(0, MAX_ORDER)
        expected += dense_log_density(trace, covariance) - dense_log_density(trace[first], covariance[first, first])
    assert noise_log_density(traces, noise) == pytest.approx(expected, rel=1e-9)


def test_white_noise_is_the_filter_of_one_tap():
    noise = Noise.white(np.array([2.0, 5.0]))
    np.testing.assert_allclose(noise.filter(), [[0.5], [0.2]])
    np.testing.assert_allclose(noise.filter(np.array([12.0, 0.0])), [[0.25], [0.2]])
    traces = np.random.default_rng(1).normal(size=(2, 30))
    np.testing.assert_allclose(whiten(traces, noise.filter()), traces * [[0.5], [0.2]])


@pytest.mark.parametrize("samples", [250, 501, 4000])
def test_noise_before_the_event_whitens_other_noise_of_its_kind(samples):
    rng = np.random.default_rng(samples)
    noise = Noise.from_samples(coloured(rng, 8, samples, sd=40.0))
    np.testing.assert_allclose(noise.sd, 40.0, rtol=0.35 if samples < 4000 else 0.1)
    white = whiten(coloured(rng, 8, 4000, sd=40.0), noise.filter())
    assert np.mean(white**2) == pytest.approx(1.0, abs=0.12)
    neighbours = np.mean(white[:, 1:] * white[:, :-1]) / np.mean(white**2)
    assert abs(neighbours) < 0.08


def test_an_order_is_chosen_by_what_the_noise_tells():
    white = Noise.from_samples(np.random.default_rng(2).normal(size=(6, 501)))
    red = Noise.from_samples(coloured(np.random.default_rng(2), 6, 4000))
    orders = [np.max(np.flatnonzero(taps)) for taps in white.filter()]
    assert np.median(orders) <= 1
    assert all(np.max(np.flatnonzero(taps)) >= 2 for taps in red.filter())


def test_likelihood_with_emulator_errors_against_the_dense_covariance():
    error = {"timing_sd_s": [0.001, 0.002], "log_amplitude_sd": [0.1, 0.05], "shape_error": [0.02, 0.01]}
    medium = HomogeneousMedium(HomogeneousMedium().receivers_km[:2], error)
    sd = 60.0
    points = np.concatenate([SOURCE_KM, SOURCE_KM + [[0.004, 0.0, 0.0]], SOURCE_KM + [[0.0, -0.003, 0.002]]])
    traces = medium(SOURCE_KM)[0].numpy() + coloured(np.random.default_rng(3), 2, 501, sd=sd)

    first = slice(0, MAX_ORDER)
    expected = np.zeros(3)
    for index, predicted in enumerate(medium(points).numpy().astype(np.float64)):
        for r in range(2):
            late = error["timing_sd_s"][r] * np.gradient(predicted[r], medium.time_step_s)
            loud = error["log_amplitude_sd"][r] * predicted[r]
            shape_sd = SHAPE_ERROR_DENSITY * error["shape_error"][r] * np.abs(traces[r]).max()
            covariance = toeplitz(autocovariance(500, sd)) + shape_sd**2 * np.eye(501)
            expected[index] -= dense_log_density(traces[r, first], covariance[first, first])
            covariance += np.outer(late, late) + np.outer(loud, loud)
            expected[index] += dense_log_density(traces[r] - predicted[r], covariance)

    likelihood = TraceLikelihood(medium)
    whitened, taps = likelihood.data(traces, Noise(np.tile(autocovariance(MAX_ORDER, sd), (2, 1))))
    data = tf.constant(whitened, tf.float32), tf.constant(taps, tf.float32)
    received = likelihood(tf.constant(points, tf.float32), *data).numpy() + normalisation(whitened, taps)
    np.testing.assert_allclose(received, expected, atol=0.1)


@pytest.mark.long
def test_coloured_noise_taken_for_white_makes_an_estimate_too_sure():
    """Amplitude of a pulse in low-frequency noise, 150 times: pulls of both likelihoods."""
    medium = HomogeneousMedium(HomogeneousMedium().receivers_km[:1])
    predicted = medium(SOURCE_KM)[0].numpy()
    likelihood = TraceLikelihood(medium)
    likelihood.predict = lambda factor: factor[:, None, None] * predicted
    factor = np.linspace(0.0, 2.0, 401, dtype=np.float32)
    rng, sd = np.random.default_rng(4), 150.0
    pulls = {"white": [], "coloured": []}
    for _ in range(150):
        before, during = coloured(rng, 2, 1, 501, sd=sd)
        for name, noise in (("white", Noise.white(before.std(axis=-1))), ("coloured", Noise.from_samples(before))):
            data = [part.astype(np.float32) for part in likelihood.data(predicted + during, noise)]
            log_density = likelihood(factor, *data).numpy().astype(np.float64)
            weight = np.exp(log_density - log_density.max())
            mean = np.average(factor, weights=weight)
            pulls[name].append((mean - 1.0) / np.sqrt(np.average((factor - mean) ** 2, weights=weight)))
    rms = {name: np.sqrt(np.mean(np.square(values))) for name, values in pulls.items()}
    assert rms["white"] > 1.5
    assert 0.8 < rms["coloured"] < 1.2


@pytest.mark.parametrize(
    ("noise", "message"),
    [
        (np.ones(500), r"shape \(500,\)"),
        (np.ones((2, 100)), "at least 240 samples"),
        (np.stack([np.zeros(500), np.arange(500)]), "zero at index 0"),
        (np.full((1, 500), np.nan), "finite"),
    ],
)
def test_unusable_noise_is_refused(noise, message):
    with pytest.raises(ZooError, match=message):
        Noise.from_samples(noise)
