"""The marine earth: its geometry, its properties, and that a coarse grid is the same earth."""

from __future__ import annotations

import numpy as np
import pytest

from zoo.errors import ZooError
from zoo.microseismic.physics import elastic, marine


@pytest.fixture(scope="module")
def model() -> elastic.ElasticModel:
    return marine.marine_model()


def test_geometry_is_the_published_one(model):
    assert model.shape == (81, 81, 301) and model.spacing_m == (12.5, 12.5, 10.0)
    assert (model.vs_m_s[:, :, 243:] == 0).all() and (model.vs_m_s[:, :, :243] > 0).all()
    assert (model.vp_m_s[:, :, 243:] == 1500).all() and (model.density_kg_m3[:, :, 243:] == 1020).all()


def test_rock_has_the_properties_of_a_marine_earth(model):
    vp, vs, density = (a[:, :, :243].astype(np.float64) for a in (model.vp_m_s, model.vs_m_s, model.density_kg_m3))
    mean = vp.mean(axis=(0, 1))
    assert mean[-1] == pytest.approx(1560, rel=0.02) and mean[0] == pytest.approx(3400, rel=0.02)
    ratio = vp / vs
    assert ratio[:, :, -1].max() == pytest.approx(3.0, abs=1e-3) and ratio[:, :, 0].min() == pytest.approx(
        1.8, abs=1e-3
    )
    np.testing.assert_allclose(density, 310 * vp**0.25, rtol=1e-5)
    # fifteen layers: fourteen steps in Vp/Vs, which the heterogeneity leaves alone, along any vertical
    slope = np.diff(ratio[40, 40])
    assert (slope[1:-1] > 3 * np.maximum(slope[:-2], slope[2:]) + 1e-3).sum() == marine.LAYERS - 1
    # interfaces dip: the columns at two corners are not the same
    assert np.abs(ratio[0, 0] - ratio[-1, -1]).max() > 0.02


def test_heterogeneity_has_the_stated_size_and_length():
    nodes_m = np.arange(0, 3000, 50.0)
    field = marine._random_field(nodes_m, nodes_m, nodes_m, np.random.default_rng(1))
    assert field.std() == pytest.approx(1, abs=0.05)
    lag = 2  # 100 m
    products = [(np.moveaxis(field, a, 0)[lag:] * np.moveaxis(field, a, 0)[:-lag]).mean() for a in range(3)]
    assert np.mean(products) / field.var() == pytest.approx(np.exp(-0.5), abs=0.06)


def test_published_step_pulse_and_grid_pass_the_checks(model):
    elastic.check_simulation(model, 0.8e-3, 0.014)  # raises if not
    assert min(elastic.cells_per_wavelength(model, 0.014).values()) > 3.4
    assert elastic.largest_time_step_s(model) > 1.3e-3


def test_coarse_grid_samples_the_same_earth(model):
    coarse = marine.marine_model(spacing_m=(25, 25, 30))
    assert coarse.shape == (41, 41, 101)
    for name in ("vp_m_s", "vs_m_s", "density_kg_m3"):
        np.testing.assert_allclose(getattr(coarse, name), getattr(model, name)[::2, ::2, ::3], rtol=1e-6)
    elastic.check_simulation(coarse, 2e-3, 0.03)


def test_model_is_a_function_of_the_seed():
    coarse = (25, 25, 30)
    np.testing.assert_array_equal(marine.marine_model(3, coarse).vp_m_s, marine.marine_model(3, coarse).vp_m_s)
    assert np.abs(marine.marine_model(3, coarse).vp_m_s - marine.marine_model(4, coarse).vp_m_s).max() > 50


def test_spacing_that_does_not_fit_is_refused():
    with pytest.raises(ZooError, match="whole cells"):
        marine.marine_model(spacing_m=(25, 25, 25))


def test_receivers_are_published_ones_on_the_seabed(model):
    assert len(set(marine.PUBLISHED_RECEIVERS)) == 23
    assert set(marine.MARINE_RECEIVERS) <= set(marine.PUBLISHED_RECEIVERS)
    assert marine.MARINE_RECEIVERS[0] == (41, 41, 244)
    assert all(y > x for x, y, _ in marine.MARINE_RECEIVERS[1:]) and len(marine.MARINE_RECEIVERS) == 5
    for x, y, z in marine.PUBLISHED_RECEIVERS:
        assert model.vs_m_s[x - 1, y - 1, z - 1] == 0 and model.vs_m_s[x - 1, y - 1, z - 2] > 0


def test_receivers_agree_with_the_published_file(real_data):
    published = np.load(real_data / "microseismic" / "receivers_grid.npy")
    np.testing.assert_array_equal(published, marine.PUBLISHED_RECEIVERS)
