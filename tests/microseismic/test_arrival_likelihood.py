"""Likelihoods of arrival times against their formulas, integrals and grids."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from scipy.stats import norm

from zoo.errors import ZooError
from zoo.microseismic.location.arrival_likelihood import EdtLikelihood, GaussianLikelihood
from zoo.microseismic.location.oct_tree import OctTreeSampler
from zoo.microseismic.location.travel_time_fields import TravelTimeFields
from zoo.sampling.smc import Settings

SPEED_KM_S = 2.0
RECEIVERS_KM = np.array([[0.2, 0.9, 1.0], [0.5, 0.5, 1.0], [0.9, 0.8, 1.0], [0.7, 0.2, 0.95]])
SOURCE_KM = np.array([0.375, 0.3, 0.4])
SDS_S = np.array([0.005, 0.004, 0.008, 0.006])
POINTS_KM = np.random.default_rng(0).uniform(0.0, 1.0, (64, 3))


def exact(coordinates_km):
    offset = tf.cast(coordinates_km, tf.float32)[:, None] - RECEIVERS_KM.astype(np.float32)
    return tf.norm(offset, axis=-1) / np.float32(SPEED_KM_S)


def residuals(points_km, times_s):
    return times_s - np.linalg.norm(points_km[:, None] - RECEIVERS_KM, axis=-1) / SPEED_KM_S


@pytest.fixture(scope="module")
def times_s():
    return residuals(SOURCE_KM[None], 0.0)[0] * -1 + np.array([0.003, -0.004, 0.002, 0.005])


def compiled(likelihood, points_km, times_s, sds_s=SDS_S):
    function = tf.function(likelihood, jit_compile=True)
    arguments = [tf.constant(part, tf.float32) for part in (points_km, times_s, sds_s)]
    return function(*arguments).numpy()


def test_fields_are_exact_in_a_homogeneous_medium_at_nodes_between_them_and_at_a_receiver():
    spacing_m = (50.0, 100.0, 25.0)
    axes = [np.arange(n) * d / 1000 for n, d in zip((21, 11, 41), spacing_m, strict=True)]
    nodes = np.stack(np.meshgrid(*axes, indexing="ij"), -1)
    fields = np.stack([np.linalg.norm(nodes - receiver, axis=-1) / SPEED_KM_S for receiver in RECEIVERS_KM])
    travel_times = TravelTimeFields(fields, spacing_m, RECEIVERS_KM)
    points = np.concatenate([POINTS_KM, RECEIVERS_KM, RECEIVERS_KM + [0.001, -0.002, -0.003], [[1, 1, 1], [0, 0, 0]]])
    truth = -residuals(points, 0.0)
    np.testing.assert_allclose(travel_times(points).numpy(), truth, atol=1e-6)
    np.testing.assert_allclose(tf.function(travel_times, jit_compile=True)(points).numpy(), truth, atol=1e-6)
    with pytest.raises(ZooError, match="for 4 receivers"):
        TravelTimeFields(fields[:3], spacing_m, RECEIVERS_KM)


def test_fields_interpolate_a_gradient():
    """The closed form, where linear interpolation of the time itself is ten times worse near the receiver."""
    receiver_km, spacing_m, gradient = np.array([[0.5, 0.5, 1.0]]), (25.0, 25.0, 25.0), 1.0

    def truth(points_km):
        speed = 3.0 - gradient * points_km[..., 2]
        distance = np.linalg.norm(points_km - receiver_km[0], axis=-1)
        return np.arccosh(1 + (gradient * distance) ** 2 / (2 * (3.0 - gradient) * speed)) / gradient

    axes = [np.arange(41) * 0.025] * 3
    fields = truth(np.stack(np.meshgrid(*axes, indexing="ij"), -1))[None]
    found = TravelTimeFields(fields, spacing_m, receiver_km)(POINTS_KM).numpy()[:, 0]
    np.testing.assert_allclose(found, truth(POINTS_KM), atol=2e-5)
    near = receiver_km + np.random.default_rng(1).uniform(-0.03, 0.0, (50, 3))
    np.testing.assert_allclose(
        TravelTimeFields(fields, spacing_m, receiver_km)(near).numpy()[:, 0], truth(near), atol=2e-5
    )


def test_gaussian_is_the_product_of_normal_densities(times_s):
    found = compiled(GaussianLikelihood(exact), POINTS_KM, times_s)
    truth = norm.logpdf(residuals(POINTS_KM, times_s), scale=SDS_S).sum(axis=1)
    np.testing.assert_allclose(found, truth, rtol=1e-4, atol=1e-2)


def test_an_unknown_origin_time_is_integrated_out(times_s):
    points = SOURCE_KM + 0.05 * (POINTS_KM[:16] - 0.5)
    late = times_s + 0.123
    found = compiled(GaussianLikelihood(exact, origin_time_known=False), points, late)
    origin_s = np.linspace(-0.1, 0.4, 20001)
    density = norm.pdf(residuals(points, late)[:, None] - origin_s[:, None], scale=SDS_S).prod(axis=-1)
    np.testing.assert_allclose(found, np.log(density.sum(axis=1) * (origin_s[1] - origin_s[0])), atol=2e-2)


@pytest.mark.parametrize("power", [None, 1.0])
def test_edt_is_equation_14_without_its_origin_time(times_s, power):
    found = compiled(EdtLikelihood(exact, power), POINTS_KM, times_s)
    truth = np.zeros(len(POINTS_KM))
    for n, r in enumerate(residuals(POINTS_KM, times_s)):
        for a in range(4):
            for b in range(a + 1, 4):
                variance = SDS_S[a] ** 2 + SDS_S[b] ** 2
                truth[n] += np.exp(-((r[a] - r[b]) ** 2) / variance) / np.sqrt(variance)
    usable = truth > 1e-200
    assert usable.sum() > 60
    np.testing.assert_allclose(found[usable], (power or 4) * np.log(truth[usable]), rtol=1e-3, atol=2e-2)
    late = compiled(EdtLikelihood(exact, power), POINTS_KM, times_s + 0.5)
    np.testing.assert_allclose(late, found, rtol=1e-2, atol=0.1)


def test_no_place_is_too_far_for_a_logarithm(times_s):
    for likelihood in (GaussianLikelihood(exact), GaussianLikelihood(exact, False), EdtLikelihood(exact)):
        far = compiled(likelihood, np.array([[90.0, -50.0, 10.0]]), times_s, np.full(4, 1e-4))
        assert np.isfinite(far).all() and far[0] < -1e3
    with pytest.raises(ZooError, match="at least two"):
        EdtLikelihood(lambda x: exact(x)[:, :1])(SOURCE_KM[None], np.zeros(1, np.float32), np.ones(1, np.float32))


def test_a_bad_pick_moves_edt_less_than_gaussian(times_s):
    """Why EDT is used: the pairs without the bad pick still agree at the true source."""
    bad = times_s + [0.0, 0.0, 0.0, 0.1]
    wrong = np.array([[0.40, 0.38, 0.35]])
    both = np.concatenate([SOURCE_KM[None], wrong])
    edt, gaussian = (
        np.diff(compiled(likelihood, both, bad))[0] for likelihood in (EdtLikelihood(exact), GaussianLikelihood(exact))
    )
    assert edt < 0 < gaussian


def test_oct_tree_against_a_grid(times_s):
    settings = Settings(screen=2**15, particles=2_048, evidence_draws=8_192, batch=2**14)
    likelihood = EdtLikelihood(exact)
    run = OctTreeSampler(likelihood, [0, 0, 0], [1, 1, 1], settings).run((times_s, SDS_S), seed=1)
    axis = (np.arange(96) + 0.5) / 96
    grid = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), -1).reshape(-1, 3)
    values = compiled(likelihood, grid, times_s)
    weight = np.exp(values - values.max())
    mean = np.average(grid, axis=0, weights=weight)
    sd = np.sqrt(np.average((grid - mean) ** 2, axis=0, weights=weight))
    assert not run.problems and run.efficiency > 0.4
    np.testing.assert_allclose(run.mean, mean, atol=0.1 * sd.max())
    np.testing.assert_allclose(run.sd, sd, rtol=0.1)
    assert run.log_evidence == pytest.approx(np.log(weight.mean()) + values.max(), abs=0.1)


def test_oct_tree_finds_a_narrow_posterior(times_s):
    """It fills a ten-thousandth of the box, and its sd is that of the Fisher information."""
    settings = Settings(screen=2**12, particles=2_048, evidence_draws=8_192, batch=2**13)
    run = OctTreeSampler(GaussianLikelihood(exact), [0, 0, 0], [1, 1, 1], settings).run((times_s, SDS_S), seed=1)
    offset = run.mean - RECEIVERS_KM
    jacobian = offset / np.linalg.norm(offset, axis=1, keepdims=True) / SPEED_KM_S / SDS_S[:, None]
    covariance = np.linalg.inv(jacobian.T @ jacobian)
    assert not run.problems
    np.testing.assert_allclose(run.sd, np.sqrt(np.diag(covariance)), rtol=0.1)
    laplace = run.log_likelihood.max() + 0.5 * np.linalg.slogdet(2 * np.pi * covariance)[1]
    assert run.log_evidence == pytest.approx(laplace, abs=0.25)
