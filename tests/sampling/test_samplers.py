"""Every engine on densities with known answers: results of one form, and what each does in a trap."""

from __future__ import annotations

import ctypes

import numpy as np
import pytest
import tensorflow as tf

from zoo.errors import UsageError, ZooError
from zoo.sampling.convergence import two_seeds
from zoo.sampling.samplers import SAMPLERS, engine, sample
from zoo.sampling.smc import Sampler, Settings

MEAN = np.array([0.35, 0.6, 1.2])
COVARIANCE = np.array([[4.0, 1.5, 0.5], [1.5, 2.0, -0.6], [0.5, -0.6, 1.0]]) * 1e-4
BOX = np.zeros(3), np.array([1.0, 1.0, 2.0])
SMALL = Settings(screen=8_192, particles=512, evidence_draws=1_024, batch=1_024, live_points=200)

TRUTH = np.array([0.7, 0.3, 0.8])
MODE_SD = 0.002


def gaussian(points, mean):
    offset = points - mean
    precision = np.linalg.inv(COVARIANCE).astype(np.float32)
    return -0.5 * tf.reduce_sum(tf.matmul(offset, precision) * offset, axis=-1)


def trap(points):
    """A true mode that fills 1e-7 of the box, 60 higher in log than a false one that fills a tenth of it."""
    true = tf.reduce_sum((points - TRUTH.astype(np.float32)) ** 2, axis=-1)
    false = tf.reduce_sum((points - np.float32([0.4, 0.6, 0.1])) ** 2, axis=-1)
    return tf.maximum(60.0 - 0.5 * true / MODE_SD**2, -0.5 * false / 0.2**2)


@pytest.fixture(scope="module")
def gaussian_sampler():
    return Sampler(gaussian, *BOX, SMALL)


@pytest.fixture(scope="module")
def trap_sampler():
    settings = Settings(screen=262_144, particles=512, evidence_draws=1_024, live_points=200)
    return Sampler(trap, np.zeros(3), np.ones(3), settings)


def need(name):
    if name == "ultranest":
        pytest.importorskip("ultranest")
    if name == "pymultinest" and not has_multinest():
        pytest.skip("libmultinest is not installed")


def has_multinest() -> bool:
    try:
        ctypes.CDLL("libmultinest.so")
    except OSError:
        return False
    return True


@pytest.mark.parametrize("name", SAMPLERS)
def test_mean_sd_and_evidence_of_a_gaussian(gaussian_sampler, name):
    need(name)
    sd = np.sqrt(np.diag(COVARIANCE))
    data = (MEAN.astype(np.float32),)
    before = np.random.get_state()[1].copy()
    samples, verdict = sample(gaussian_sampler, data, name, seed=1)
    np.testing.assert_array_equal(np.random.get_state()[1], before)
    assert verdict.converged and samples.converged, verdict.report()
    assert np.all(np.abs(samples.mean - MEAN) < 0.2 * sd)
    np.testing.assert_allclose(samples.sd, sd, rtol=0.15)
    exact = 0.5 * np.linalg.slogdet(2 * np.pi * COVARIANCE)[1] - np.log(2.0)
    assert samples.log_evidence == pytest.approx(exact, abs=0.35)
    assert samples.ess > 300 and samples.calls > 5_000
    np.testing.assert_allclose(
        samples.log_likelihood, gaussian_sampler.evaluate(samples.samples, data), atol=1e-2, rtol=1e-4
    )
    again = engine(name)(gaussian_sampler, data, two_seeds(1)[0])
    np.testing.assert_array_equal(again.samples, samples.samples[: len(again.samples)])


@pytest.mark.long
@pytest.mark.parametrize("name", SAMPLERS)
def test_the_trap(trap_sampler, name):
    """Screened samplers find the truth. A nested one may not, but then the comparison says so."""
    need(name)
    samples, verdict = sample(trap_sampler, (), name, seed=1)
    found = np.linalg.norm(samples.mean - TRUTH) < MODE_SD
    assert found or name not in ("smc", "tfp-smc")
    assert verdict.converged or name != "smc"
    if not found:
        assert not verdict.converged
        assert np.linalg.norm(verdict.rival - TRUTH) < 10 * MODE_SD, verdict.report()


def test_an_unknown_name_is_refused(gaussian_sampler):
    with pytest.raises(UsageError, match="no sampler 'ultranst'. Did you mean ultranest"):
        sample(gaussian_sampler, (), "ultranst")


def test_a_missing_library_is_named(gaussian_sampler):
    if has_multinest():
        pytest.skip("libmultinest is installed")
    with pytest.raises(ZooError, match="libmultinest.*LD_LIBRARY_PATH"):
        sample(gaussian_sampler, (MEAN.astype(np.float32),), "pymultinest")
