"""Chains over Earth models: they sample the prior where data say nothing, and the weighted prior where they do."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from zoo.crust import mcmc as crust_mcmc
from zoo.crust import mcmc_kernels as crust_mcmc_kernels
from zoo.crust.physics.prior import EarthPrior, draw_dispersion
from zoo.errors import ZooError

FREQUENCY_HZ = np.array([0.020, 0.025, 0.030, 0.035])
PRIOR = EarthPrior()


@pytest.fixture(scope="module")
def drawn():
    made = draw_dispersion(PRIOR, FREQUENCY_HZ, np.zeros(0), seed=4, first=0, count=4000)
    return made["phase_velocity_km_s"].astype(np.float64), made["moho_depth_km"].astype(np.float64)


@pytest.mark.long
def test_without_data_the_chains_sample_the_prior(drawn):
    curve = drawn[0][0]
    chains = crust_mcmc.sample(PRIOR, FREQUENCY_HZ, curve, np.full(4, 1e3), chains=3, updates=3000, seed=1)
    error = drawn[1].std() / np.sqrt(chains.ess)
    assert chains.ess > 60 and chains.r_hat < 1.1
    assert abs(chains.moho_km.mean() - drawn[1].mean()) < 4 * error
    assert chains.moho_km.std() == pytest.approx(drawn[1].std(), rel=0.25)


@pytest.mark.slow
def test_a_flat_moho_is_flat():
    prior = dataclasses.replace(PRIOR, flat_moho=True)
    chains = crust_mcmc.sample(prior, FREQUENCY_HZ, np.full(4, 3.7), np.full(4, 1e3), chains=3, updates=3000, seed=2)
    assert abs(chains.moho_km.mean() - 60) < 4 * 23.1 / np.sqrt(chains.ess)
    # What it divides out is what makes thick crusts likelier in a prior that is not flat.
    correction = crust_mcmc._flat_correction(prior)
    thin, thick = np.polyval(correction, [0.05, 0.95])
    accepted = draw_dispersion(PRIOR, FREQUENCY_HZ[:1], np.zeros(0), seed=6, first=0, count=3000)["moho_depth_km"]
    ratio = np.mean(accepted < 28) / np.mean(accepted > 92)
    assert np.exp(thin - thick) == pytest.approx(ratio, rel=0.35)


def test_chains_agree_with_the_weighted_prior(drawn):
    curves, moho_km = drawn
    chosen = int(np.argmin(np.abs(moho_km - 45)))
    sd = 0.02 * curves[chosen]
    observed = curves[chosen] + sd * np.array([0.5, -0.5, 0.3, -0.2])
    observed[1] = np.nan
    weighted = crust_mcmc.weigh(curves, moho_km, observed, sd)
    chains = crust_mcmc.sample(PRIOR, FREQUENCY_HZ, observed, sd, chains=3, updates=2400, seed=3)
    assert weighted.ess > 50 and chains.ess > 50 and chains.r_hat < 1.15
    mean, width, low, high = chains.statistics()
    other, other_width, other_low, other_high = weighted.statistics()
    assert abs(mean - other) < 4 * width * np.hypot(chains.ess**-0.5, weighted.ess**-0.5)
    assert width == pytest.approx(other_width, rel=0.35) and width < 0.8 * moho_km.std()
    assert low < mean < high and other_low < other < other_high
    assert np.isfinite(chains.log_likelihood).all() and chains.models > 2400


def test_the_same_seed_gives_the_same_chains(drawn):
    sd = 0.01 * drawn[0][0]
    runs = [crust_mcmc.sample(PRIOR, FREQUENCY_HZ, drawn[0][0], sd, chains=2, updates=60, seed=s) for s in (5, 5, 6)]
    np.testing.assert_array_equal(runs[0].moho_km, runs[1].moho_km)
    assert not np.array_equal(runs[0].moho_km, runs[2].moho_km)


def test_the_guide_s_coordinates_are_invertible_and_their_gain_is_the_same_both_ways(drawn):
    curve = drawn[0][3]
    guide, _ = crust_mcmc._guide(PRIOR, crust_mcmc_kernels.Curve(curve, 0.01 * curve, FREQUENCY_HZ))
    blocks = crust_mcmc._blocks(PRIOR)
    block = blocks.draws[: blocks.ends[0]]
    normal = np.random.default_rng(0).standard_normal(PRIOR.size)
    white, again = np.empty(len(block)), normal.copy()
    gain = crust_mcmc_kernels.to_white(normal, block, guide, white)
    again[block] = 0
    assert crust_mcmc_kernels.from_white(white, block, guide, again) == pytest.approx(gain)
    np.testing.assert_allclose(again, normal, atol=1e-9)


def test_diagnostics_of_known_chains():
    rng = np.random.default_rng(0)
    white = rng.standard_normal((4, 5000))
    assert crust_mcmc.r_hat(white) == pytest.approx(1, abs=0.005)
    assert crust_mcmc.effective_sample_size(white) == pytest.approx(20_000, rel=0.1)
    slow = np.zeros((4, 20_000))
    for i in range(1, slow.shape[1]):
        slow[:, i] = 0.9 * slow[:, i - 1] + rng.standard_normal(4)
    assert crust_mcmc.effective_sample_size(slow) == pytest.approx(80_000 / 19, rel=0.15)  # (1 + 0.9) / (1 - 0.9)
    assert crust_mcmc.r_hat(white + np.arange(4)[:, None]) > 1.5
    assert crust_mcmc.effective_sample_size(white + np.arange(4)[:, None]) < 200
    assert crust_mcmc.r_hat(np.cumsum(white, axis=1)) > 1.1


def test_what_cannot_be_sampled_is_refused(drawn):
    curve = drawn[0][0]
    with pytest.raises(ZooError, match="one of each"):
        crust_mcmc.sample(PRIOR, FREQUENCY_HZ, curve[:3], curve[:3])
    with pytest.raises(ZooError, match="not all missing"):
        crust_mcmc.sample(PRIOR, FREQUENCY_HZ, curve * np.nan, curve)
    with pytest.raises(ZooError, match="above zero"):
        crust_mcmc.sample(PRIOR, FREQUENCY_HZ, curve, 0 * curve)
    with pytest.raises(ZooError, match="at least 2 of 40"):
        crust_mcmc.sample(PRIOR, FREQUENCY_HZ, curve, 0.01 * curve, chains=1)
