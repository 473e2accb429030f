"""The sampler on densities with known answers, and on the traps that real posteriors set."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf

from zoo.sampling.convergence import check, sample_checked
from zoo.sampling.smc import Sampler, Settings, draw_screened, next_inverse_temperature, systematic_indices

SMALL = Settings(screen=4_096, particles=512, evidence_draws=1_024, batch=1_024)

MEAN = np.array([0.35, 0.6, 1.2])
COVARIANCE = np.array([[4.0, 1.5, 0.5], [1.5, 2.0, -0.6], [0.5, -0.6, 1.0]]) * 1e-4
BOX = np.zeros(3), np.array([1.0, 1.0, 2.0])


def gaussian(points):
    """A correlated Gaussian, sd some 0.01 of the box."""
    offset = points - MEAN.astype(np.float32)
    precision = np.linalg.inv(COVARIANCE).astype(np.float32)
    return -0.5 * tf.reduce_sum(tf.matmul(offset, precision) * offset, axis=-1)


@pytest.fixture(scope="module")
def gaussian_sampler():
    return Sampler(gaussian, *BOX, SMALL)


TRUTH = np.array([0.7, 0.3, 0.8])


def trap(points):
    """A narrow true mode, 60 higher in log than a broad false one that holds most of the box."""
    true = tf.reduce_sum((points - TRUTH.astype(np.float32)) ** 2, axis=-1)
    false = tf.reduce_sum((points - np.float32([0.4, 0.6, 0.1])) ** 2, axis=-1)
    return tf.maximum(60.0 - 0.5 * true / 0.003**2, -0.5 * false / 0.2**2)


@pytest.fixture(scope="module")
def trap_sampler():
    return Sampler(trap, np.zeros(3), np.ones(3), Settings(screen=65_536, particles=512, evidence_draws=1_024))


@pytest.mark.long
def test_gaussian_posterior_and_evidence(gaussian_sampler):
    run = gaussian_sampler.run(seed=1)
    assert run.converged
    np.testing.assert_allclose(run.mean, MEAN, atol=0.15 * np.sqrt(np.diag(COVARIANCE)).min())
    np.testing.assert_allclose(run.sd, np.sqrt(np.diag(COVARIANCE)), rtol=0.12)
    exact = 0.5 * np.linalg.slogdet(2 * np.pi * COVARIANCE)[1] - np.log(2.0)
    assert run.log_evidence == pytest.approx(exact, abs=max(0.05, 4 * run.log_evidence_sd))


def test_evidence_against_a_dense_grid_with_the_prior_cutting_the_posterior():
    def banana(points):
        x, y = points[:, 0], points[:, 1]
        return -0.5 * ((x - 0.05) / 0.1) ** 2 - 0.5 * ((y - 0.4 - 2 * x**2) / 0.03) ** 2

    axis = (np.arange(1000) + 0.5) / 1000
    grid = np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(-1, 2)
    exact = np.log(np.mean(np.exp(banana(grid))))
    run = Sampler(banana, [0.0, 0.0], [1.0, 1.0], SMALL).run(seed=3)
    assert run.log_evidence == pytest.approx(exact, abs=0.1)
    assert np.all((run.samples >= 0) & (run.samples <= 1))


def test_same_seed_same_samples(gaussian_sampler):
    first, second, other = (gaussian_sampler.run(seed=seed) for seed in (5, 5, 6))
    np.testing.assert_array_equal(first.samples, second.samples)
    assert first.log_evidence == second.log_evidence
    assert not np.array_equal(first.samples, other.samples)


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3, 1e6])
@pytest.mark.parametrize("beta", [0.0, 0.3, 0.9999])
def test_next_temperature_halves_the_ensemble_and_stops_at_one(scale, beta):
    values = -scale * np.random.default_rng(0).chisquare(3, size=512).astype(np.float32)
    following = float(next_inverse_temperature(tf.constant(values), tf.constant(beta)))
    weight = np.exp((following - np.float32(beta)) * (values - values.max()).astype(np.float64))
    effective = weight.sum() ** 2 / (weight**2).sum()
    assert beta < following <= 1.0
    if following == 1.0:
        assert effective >= 0.499 * 512
    else:
        # At 0.9999 float32 resolves a temperature step of 1e-6 to some per cent.
        assert effective == pytest.approx(256, rel=0.1)


def test_systematic_resampling_copies_in_proportion():
    weight = np.array([0.5, 0.25, 0.125, 0.125, 0.0])
    chosen = systematic_indices(tf.math.log(tf.constant(weight, tf.float32)), 800, tf.constant(0.3)).numpy()
    np.testing.assert_array_equal(np.bincount(chosen, minlength=5), 800 * weight)


def test_screened_particles_follow_the_temperature_they_claim(gaussian_sampler):
    points, values = gaussian_sampler.screen(seed=2, size=16_384)
    particles, _, beta = draw_screened(points, values, 512, seed=2)
    assert 0 < beta < 1
    tempered_sd = np.sqrt(np.diag(COVARIANCE) / beta)
    np.testing.assert_allclose(particles.std(axis=0), tempered_sd, rtol=0.2)


def test_places_outside_the_box_or_undefined_are_never_visited():
    def undefined(points):
        value = -0.5 * tf.reduce_sum((points - 0.5) ** 2, axis=-1) / 0.2**2
        return tf.where(points[:, 0] < 0.5, np.nan, value)

    run = Sampler(undefined, [0.0, 0.0], [1.0, 1.0], SMALL).run(seed=0)
    assert run.samples[:, 0].min() >= 0.5
    assert np.all(np.isfinite(run.log_likelihood))


def test_the_screen_finds_the_mode_that_small_starts_miss(trap_sampler):
    """The true mode's basin is 2e-4 of the box: ten points of the screen, none of a small one."""
    small = [trap_sampler.run(seed=seed, screened=trap_sampler.screen((), seed, 512)) for seed in range(3)]
    misses = [run for run in small if np.linalg.norm(run.mean - TRUTH) > 0.1]
    assert misses, "the trap no longer traps: make its true mode narrower"
    for seed in range(3):
        found = trap_sampler.run(seed=seed)
        np.testing.assert_allclose(found.mean, TRUTH, atol=0.002)
    # A run in the trap looks healthy; another run and the search elsewhere give it away.
    assert misses[0].converged
    verdict = check(trap_sampler, (), misses[0], found)
    assert any("different modes" in problem for problem in verdict.problems)


def test_a_better_place_elsewhere_is_reported(trap_sampler):
    """Both runs share a false mode and agree: only the search among all screened points can tell."""
    points, values = trap_sampler.screen(seed=9)
    away = np.linalg.norm(points - TRUTH, axis=1) > 0.05
    runs = [trap_sampler.run(seed=seed, screened=(points[away], values[away])) for seed in (1, 2)]
    runs = [replace(run, screen_points=points, screen_log_likelihood=values) for run in runs]
    verdict = check(trap_sampler, (), *runs)
    assert verdict.mean_difference_sd.max() < 0.3
    assert not verdict.converged
    np.testing.assert_allclose(verdict.rival, TRUTH, atol=0.02)
    assert verdict.rival_deficit < -40
    assert "elsewhere" in verdict.report()


def test_two_runs_agree_and_are_joined(gaussian_sampler):
    samples, verdict = sample_checked(gaussian_sampler, seed=4)
    assert verdict.converged and samples.converged
    assert len(samples.samples) == 2 * SMALL.particles
    assert verdict.log_share_elsewhere < -20
    assert verdict.mean_difference_sd.max() < 0.3 and verdict.sd_ratio.max() < 1.15
