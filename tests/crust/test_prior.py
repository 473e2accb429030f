"""The prior: its ranges, its constraint, its seeds, and the datasets drawn from it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from zoo.crust.physics.earth import prem, read_deck
from zoo.crust.physics.prior import PRIORS, EarthPrior, draw_dispersion
from zoo.crust.physics.rayleigh import group_velocity, phase_velocity
from zoo.errors import UsageError, ZooError

BAND_HZ = np.arange(10.0, 35.1, 1.25) / 1e3
DEPTHS_KM = np.array([5.0, 60.0, 150.0])
# Where regions end below the topmost knot: inner core, outer core, D'', lower mantle, transition zone, 410-220, lid.
TOPS = np.cumsum([33, 33, 5, 59, 9, 9, 9]) - 1
BOUNDS = {"density_g_cm3": [2, 2, 3, 2, 5, 10, 7], "vpv_km_s": [2, 2, 3, 2, 5, 10, 7]}


def within_bounds(model):
    """Assert tables A.2 and A.3 of de Wit et al. (2014) for a model of 157 mantle knots."""
    depth = 6371 - model.radius_km[TOPS]
    low = [5129.5, 2871, 2721, 640, 370, 200, 20]
    high = [5169.5, 2911, 2761, 700, 430, 240, 100]
    assert (depth >= np.array(low) - 1e-3).all() and (depth <= np.array(high) + 1e-3).all()
    reference = prem()
    # PREM's values at the tops of its own regions: 400 and 670 km, and so on.
    edges = [1221.5, 3480, 3630, 5701, 5971, 6151, 6346.6]
    for name, percent in BOUNDS.items():
        own = [getattr(reference, name)[np.flatnonzero(np.isclose(reference.radius_km, r))[0]] for r in edges]
        departure = getattr(model, name)[TOPS] / own - 1
        assert (np.abs(departure) <= np.array(percent) / 100 + 2e-4).all(), name
    assert abs(model.mass_kg / 5.9733e24 - 1) <= 0.0090 / 5.9733 + 1e-4
    assert abs(model.inertia_kg_m2 / 8.018e37 - 1) <= 0.012 / 8.018 + 1e-4


def test_models_keep_to_the_tables():
    for example in range(100):
        model, uniforms = EarthPrior().draw(0, example)
        assert len(model.radius_km) == 185
        assert uniforms.shape == (EarthPrior().size,) and (uniforms >= 0).all() and (uniforms < 1).all()
        within_bounds(model)


def test_the_reference_models_keep_to_the_same_tables(real_data):
    """The 40 random models of the normal-mode code were drawn from this prior, by others."""
    paths = sorted((real_data / "prem" / "models").glob("rand*.txt"))
    assert len(paths) == 40
    for path in paths:
        within_bounds(read_deck(path))


@pytest.mark.parametrize("name", PRIORS)
def test_an_example_depends_on_seed_and_number_alone(name):
    prior = EarthPrior.named(name)
    draw = lambda first, count, seed=3: draw_dispersion(prior, BAND_HZ, DEPTHS_KM, seed, first, count)
    whole = draw(10, 12)
    with ThreadPoolExecutor(4) as pool:
        parts = list(pool.map(lambda first: draw(first, 3), range(10, 22, 3)))
    for key, values in whole.items():
        np.testing.assert_array_equal(values, np.concatenate([part[key] for part in parts]))
    assert len(np.unique(whole["moho_depth_km"])) == 12
    other = draw(10, 12, seed=4)
    assert not np.isin(other["moho_depth_km"], whole["moho_depth_km"]).any()


def test_a_dataset_is_what_the_solver_says_of_the_models():
    prior = EarthPrior.named("continental")
    records = draw_dispersion(prior, BAND_HZ, DEPTHS_KM, 0, 5, 3)
    for i in range(3):
        model, uniforms = prior.draw(0, 5 + i)
        np.testing.assert_allclose(records["phase_velocity_km_s"][i], phase_velocity(model, BAND_HZ), rtol=1e-6)
        assert records["moho_depth_km"][i] == pytest.approx(6371 - model.radius_km[156])
        again = prior.model(uniforms)
        np.testing.assert_array_equal(again.vsv_km_s, model.vsv_km_s)
        isotropic = np.sqrt((2 * model.vsv_km_s**2 + model.vsh_km_s**2) / 3)
        expected = np.interp(6371 - 150.0, model.radius_km[148:157], isotropic[148:157])
        assert records["vs_km_s"][i, 2] == pytest.approx(expected, rel=1e-3)
    assert (records["failed"] == 0).all()


def test_the_moho_of_the_papers_prior_leans_to_thick_crusts_and_can_be_flat():
    """The constraint on mass and inertia prefers thick crusts: a mean of 57.8 km instead of 60."""
    leaning = draw_dispersion(EarthPrior(), [0.03], [10.0], 0, 0, 3000)["moho_depth_km"]
    flat = draw_dispersion(EarthPrior(flat_moho=True), [0.03], [10.0], 0, 0, 3000)["moho_depth_km"]
    assert leaning.mean() == pytest.approx(57.8, abs=1.6)
    assert flat.mean() == pytest.approx(60.0, abs=1.6)
    for moho in (leaning, flat):
        assert 20 <= moho.min() and moho.max() <= 100 and moho.std() == pytest.approx(22.7, abs=0.8)


def test_mass_and_inertia_are_rare():
    prior = EarthPrior()
    rng = np.random.default_rng(0)
    accepted = np.mean([prior.model(u) is not None for u in rng.random((4000, prior.size))])
    assert accepted == pytest.approx(0.0297, abs=0.009)
    with pytest.raises(ZooError, match="uniform draws"):
        prior.model(np.zeros(3))


def test_priors_travel_as_plain_values():
    for prior in PRIORS.values():
        assert EarthPrior.from_dict(prior.to_dict()) == prior
    with pytest.raises(UsageError, match="continental"):
        EarthPrior.named("continetal")
    with pytest.raises(UsageError, match="low:high"):
        EarthPrior(moho_km=(50.0, 20.0))
    with pytest.raises(UsageError, match="sediment"):
        EarthPrior(moho_km=(6.0, 20.0), sediment_km=(0.0, 9.0))


def test_under_a_sea_depths_count_from_its_floor():
    prior, f = EarthPrior.named("oceanic"), np.array([0.02, 0.06, 0.1])
    records = draw_dispersion(prior, f, np.array([0.0, 60.0]), 6, 20, 1, all_waves=True)
    model, _ = prior.draw(6, 20)
    floor = model.radius_km[model.vsv_km_s > 0][-1]
    assert 0.5 < 6371 - floor < 6.5 and model.qmu[-1] == 0
    assert records["moho_depth_km"][0] == pytest.approx(floor - model.radius_km[156], rel=1e-6)
    assert records["vs_km_s"][0, 0] == pytest.approx(model.vsv_km_s[-3], rel=1e-6)
    # Of this Earth, with 2 km of mud under 5 km of sea, group velocities take the load of the sea at the right k.
    np.testing.assert_allclose(records["group_velocity_km_s"][0], group_velocity(model, f), rtol=1e-4)


def test_a_mixture_draws_its_parts():
    prior, f = EarthPrior.named("global"), np.array([0.02])
    records = draw_dispersion(prior, f, np.array([10.0]), 6, 0, 12)
    names = [prior.part_of(6, i) for i in range(12)]
    assert {"continental", "oceanic"} <= set(names)
    for i in (names.index("oceanic"), names.index("continental")):
        alone = draw_dispersion(EarthPrior.named(names[i]), f, np.array([10.0]), 6, i, 1)
        np.testing.assert_array_equal(alone["phase_velocity_km_s"][0], records["phase_velocity_km_s"][i])
    many = [prior.part_of(0, i) for i in range(2000)]
    for name, share in prior.parts:
        assert many.count(name) / 2000 == pytest.approx(share, abs=0.04)
    with pytest.raises(UsageError, match="sea_km"):
        EarthPrior(sea_km=(0.0, 3.0))


def test_a_fixed_moho_is_a_range_of_no_width():
    records = draw_dispersion(EarthPrior(moho_km=(35.0, 35.0)), BAND_HZ, DEPTHS_KM, 0, 0, 5)
    np.testing.assert_allclose(records["moho_depth_km"], 35.0, rtol=1e-6)
    assert records["phase_velocity_km_s"].std(axis=0).min() > 0.01
