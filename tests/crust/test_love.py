"""Love waves: against an integration of the toroidal equations and against differences; structures that are refused."""

from __future__ import annotations

import numpy as np
import pytest
import toroidal
from test_rayleigh import SEA, SEDIMENT, with_crust

from zoo.crust.physics.earth import COLUMNS, EarthModel, prem
from zoo.crust.physics.love import love_velocity
from zoo.crust.physics.prior import EarthPrior, draw_dispersion
from zoo.crust.physics.rayleigh import phase_velocity
from zoo.errors import ZooError


@pytest.mark.parametrize(
    "model, frequency_hz, overtone",
    [
        (prem(), 0.02, 0),
        (prem(), 0.05, 1),
        (prem(), 0.02, 3),
        (with_crust(*SEDIMENT), 0.1, 0),
        (EarthPrior.named("continental").draw(4, 1)[0], 0.03, 0),
    ],
    ids=["PREM", "first overtone", "third overtone", "sediment", "random"],
)
def test_the_toroidal_equations_have_the_same_root(model, frequency_hz, overtone):
    found = love_velocity(model, frequency_hz, overtone=overtone)[0][0]
    depth_km = 2800.0 if overtone else 14.0 / frequency_hz + 80
    assert found == pytest.approx(toroidal.phase_velocity(model, frequency_hz, found, depth_km), rel=2e-5)


@pytest.mark.parametrize("overtone", [0, 1])
def test_group_velocity_is_the_slope_of_frequency_by_wavenumber(overtone):
    f, step = np.array([0.03, 0.05, 0.1]), 1e-4
    low, high = (love_velocity(prem(), f * (1 + s * step), overtone=overtone, refinement=2)[0] for s in (-1, 1))
    slope = 2 * step * f / (f * (1 + step) / high - f * (1 - step) / low)
    group = love_velocity(prem(), f, overtone=overtone, refinement=2)[1]
    np.testing.assert_allclose(group, slope, rtol=1e-5)


def test_overtones_are_faster_and_refining_changes_nothing():
    f = np.array([0.05, 0.1, 0.2])
    modes = [love_velocity(prem(), f, overtone=n)[0] for n in range(3)]
    assert all((high > low).all() for low, high in zip(modes, modes[1:], strict=False))
    np.testing.assert_allclose(modes[1], love_velocity(prem(), f, overtone=1, refinement=3)[0], rtol=1e-5)
    with pytest.raises(ZooError, match="overtone takes 0"):
        love_velocity(prem(), f, overtone=4)


def test_no_overtone_is_skipped():
    """The traction changes its sign once a mode: as often, up to above overtone 3, as modes were found."""
    model, f = with_crust(*SEDIMENT), 0.05
    modes = [love_velocity(model, f, overtone=n)[0][0] for n in range(4)]
    traction = toroidal.at_surface(model, f, 1200.0, rtol=1e-6)
    middles = [0.6, *(a + (b - a) * part for a, b in zip(modes, modes[1:], strict=False) for part in (0.02, 0.5, 0.98))]
    signs = np.sign([traction(c) for c in [*middles, modes[3] * 1.005]])
    assert (signs[1:] != signs[:-1]).tolist() == [True, False, False, True, False, False, True, False, False, True]


def test_all_waves_of_a_drawn_earth_are_those_of_the_solvers():
    f = np.array([0.01, 0.05, 0.2])
    prior = EarthPrior.named("continental")
    drawn = draw_dispersion(prior, f, np.array([10.0]), 4, 7, 1, all_waves=True)
    love = love_velocity(prior.draw(4, 7)[0], f)
    np.testing.assert_allclose(drawn["love_phase_velocity_km_s"][0], love[0], rtol=1e-6)
    np.testing.assert_allclose(drawn["love_group_velocity_km_s"][0], love[1], rtol=1e-6)
    alone = draw_dispersion(prior, f, np.array([10.0]), 4, 7, 1)
    np.testing.assert_array_equal(alone["phase_velocity_km_s"], drawn["phase_velocity_km_s"])


def test_a_fluid_inside_is_refused_at_every_period():
    melt = with_crust((24, 6.7, 3.85, 2.9), (1, 2.5, 0.0, 2.5), (10, 6.0, 3.5, 2.7))
    for solve in (phase_velocity, love_velocity):
        for period_s in (4, 8, 20, 100):
            with pytest.raises(ZooError, match="a fluid inside the solid, from 10 to 11 km"):
                solve(melt, 1 / period_s)


def test_mud_under_a_deep_sea_has_a_mode_at_every_period():
    sea = with_crust((7, 6.6, 3.7, 2.9), (0.2, 1.6, 0.18, 1.6), (27.8, 1.5, 0.0, 1.03))  # deeper than any
    shallow = with_crust(*SEA)
    for model in (sea, shallow):
        found = [phase_velocity(model, 1 / t)[0] for t in (70, 98, 140, 199)]
        assert (np.diff(found) > 0).all() and found[0] > 3


def in_layers(count) -> EarthModel:
    """PREM below 35 km with a uniform crust that is cut into so many layers."""
    base = prem(moho_depth_km=35.0)
    kept = slice(0, int(np.flatnonzero(base.radius_km == base.radius_km[-1] - 35.0)[0]) + 1)
    columns = {name: list(getattr(base, name)[kept]) for name in COLUMNS}
    edges = np.linspace(6336.0, 6371.0, count + 1)
    for r in np.stack([edges[:-1], edges[1:]], 1).ravel():
        for name, value in zip(COLUMNS, (r, 2.8, 6.2, 3.5, 57823.0, 600.0, 6.2, 3.5, 1.0), strict=True):
            columns[name].append(value)
    return EarthModel(**columns, title=f"{count} layers")


def test_five_hundred_layers_are_one():
    thin, thick, f = in_layers(500), in_layers(1), np.array([0.02, 0.1])
    np.testing.assert_allclose(phase_velocity(thin, f), phase_velocity(thick, f), rtol=1e-5)
    np.testing.assert_allclose(love_velocity(thin, f)[0], love_velocity(thick, f)[0], rtol=1e-6)
    with pytest.raises(ZooError, match="layers above the core; at most 800"):
        phase_velocity(in_layers(1000), f)
