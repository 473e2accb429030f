"""Posterior distributions of thickness against numerical integration and their own draws."""

from __future__ import annotations

import numpy as np
import pytest

from zoo.crust.posterior import JointPosterior, MohoPosterior

RANGE_KM = (20.0, 100.0)


@pytest.fixture(scope="module")
def posterior():
    rng = np.random.default_rng(0)
    weight = rng.dirichlet(np.ones(3), size=5)
    # Narrow and wide, in the middle and against the ends.
    location = rng.normal(scale=1.5, size=(5, 3))
    sd = np.exp(rng.uniform(-3, 0.7, size=(5, 3)))
    return MohoPosterior(np.log(weight), location, sd, RANGE_KM)


def test_moments_and_cdf_are_those_of_the_density(posterior):
    grid = np.linspace(20, 100, 40_001)[1:-1]
    density = np.exp(posterior.distribution.log_prob(grid[:, None]).numpy())
    step = grid[1] - grid[0]
    np.testing.assert_allclose(density.sum(axis=0) * step, 1, atol=1e-3)
    mean = (density * grid[:, None]).sum(axis=0) * step
    sd = np.sqrt((density * (grid[:, None] - mean) ** 2).sum(axis=0) * step)
    np.testing.assert_allclose(posterior.mean_km, mean, atol=0.05)
    np.testing.assert_allclose(posterior.sd_km, sd, atol=0.05)
    for km in (25.0, 60.0, 93.0):
        np.testing.assert_allclose(posterior.cdf(km), density[grid < km].sum(axis=0) * step, atol=2e-3)


def test_the_range_ends_at_the_prior(posterior):
    np.testing.assert_array_equal(posterior.cdf(20.0), 0)
    np.testing.assert_array_equal(posterior.cdf(np.full(5, 5.0)), 0)
    np.testing.assert_allclose(posterior.cdf(120.0), 1, rtol=1e-12)


@pytest.mark.parametrize("q", [0.025, 0.16, 0.5, 0.84, 0.975])
def test_a_quantile_is_the_inverse_of_the_cdf(posterior, q):
    np.testing.assert_allclose(posterior.cdf(posterior.quantile_km(q)), q, atol=1e-3)


def test_a_curve_without_data_has_no_answer():
    nan = np.array([[0.0], [np.nan]])
    found = MohoPosterior(nan, nan, nan + 1, RANGE_KM)
    for values in (found.mean_km, found.sd_km, found.quantile_km(0.5), found.cdf(50.0)):
        assert np.isfinite(values[0]) and np.isnan(values[1])


def test_joint_draws_have_the_stated_moments_and_correlations():
    rng = np.random.default_rng(2)
    factor = np.tril(0.3 * rng.normal(size=(2, 3, 4, 4)), -1) + np.exp(rng.normal(size=(2, 3, 1, 1)) + 1) * np.eye(4)
    location = 0.5 * rng.normal(size=(2, 3, 4))
    log_weight = np.log(rng.dirichlet(np.ones(3), size=2))
    mean, scale = np.array([3.4, 3.8, 4.4]), np.array([0.2, 0.3, 0.1])
    joint = JointPosterior(log_weight, location, factor, RANGE_KM, mean, scale)
    drawn = joint.draw(60_000, seed=1)
    assert drawn["moho_km"].shape == (60_000, 2) and drawn["vs_km_s"].shape == (60_000, 2, 3)
    np.testing.assert_allclose(drawn["moho_km"].mean(axis=0), joint.mean_km, atol=0.2)
    np.testing.assert_allclose(drawn["moho_km"].std(axis=0), joint.sd_km, rtol=0.03)
    np.testing.assert_allclose(drawn["vs_km_s"].mean(axis=0), joint.vs_mean_km_s, atol=0.005)
    np.testing.assert_allclose(drawn["vs_km_s"].std(axis=0), joint.vs_sd_km_s, rtol=0.03)
    # Where thickness and velocity go together in the mixture, they do so in the draws.
    share = np.exp(log_weight[0])
    centred = location[0] - share @ location[0]
    covariance = sum(
        share[k] * (np.linalg.inv(factor[0, k].T @ factor[0, k]) + np.outer(centred[k], centred[k])) for k in range(3)
    )
    logit = np.log((drawn["moho_km"][:, 0] - 20) / (100 - drawn["moho_km"][:, 0]))
    stacked = np.column_stack([logit, (drawn["vs_km_s"][:, 0] - mean) / scale])
    np.testing.assert_allclose(np.cov(stacked.T), covariance, atol=0.03 * np.diag(covariance).max())
    np.testing.assert_array_equal(joint.draw(10, seed=3)["moho_km"], joint.draw(10, seed=3)["moho_km"])
