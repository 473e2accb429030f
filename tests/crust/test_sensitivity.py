"""Sensitivity kernels against differences, layer by layer; ellipticity against a textbook."""

from __future__ import annotations

import numpy as np
import pytest
from test_rayleigh import SEA, with_crust

from zoo.crust.physics.earth import COLUMNS, EarthModel, prem
from zoo.crust.physics.love import love_velocity
from zoo.crust.physics.modes import ellipticity
from zoo.crust.physics.rayleigh import group_velocity, phase_velocity
from zoo.crust.physics.sensitivity import QUANTITIES, sensitivity
from zoo.errors import UsageError, ZooError

CRUST = ((20, 6.6, 3.7, 2.9), (10, 6.0, 3.4, 2.7), (5, 4.0, 2.2, 2.3))
EDGES_KM = np.array([0.0, 5.0, 15.0, 35.0])
PARTS = {
    "vs": ("vsv_km_s", "vsh_km_s"), "vp": ("vpv_km_s", "vph_km_s"), "density": ("density_g_cm3",),
    "vsv": ("vsv_km_s",), "vsh": ("vsh_km_s",), "vpv": ("vpv_km_s",), "vph": ("vph_km_s",), "eta": ("eta",),
}  # fmt: skip


def moved(model, quantity, layer, step):
    """The model with a quantity of one of the three layers of the crust, from above, moved."""
    columns = {name: getattr(model, name).copy() for name in COLUMNS}
    end = len(model.radius_km) - 2 * layer
    for name in PARTS[quantity]:
        columns[name][end - 2 : end] += step
    return EarthModel(**columns)


def velocities(model, f, wave, overtone):
    if wave == "love":
        return np.stack(love_velocity(model, f, overtone=overtone))
    solve = (phase_velocity, group_velocity)
    return np.stack([one(model, f, overtone=overtone, cowling=True) for one in solve])


@pytest.mark.parametrize("wave, overtone", [("rayleigh", 0), ("rayleigh", 1), ("love", 0), ("love", 2)])
def test_kernels_are_the_differences_of_moved_layers(wave, overtone):
    model, f, step = with_crust(*CRUST), np.array([0.03, 0.09]), 2e-3
    kernels = sensitivity(model, f, wave=wave, overtone=overtone)
    for quantity in QUANTITIES if wave == "rayleigh" else ("vs", "density", "vsv", "vsh"):
        differences = []
        for layer in range(3):
            high, low = (velocities(moved(model, quantity, layer, s), f, wave, overtone) for s in (step, -step))
            differences.append((high - low) / (2 * step))
        differences = np.stack(differences, axis=-1)  # phase and group, frequencies, layers
        for i, group in enumerate((False, True)):
            found = kernels.in_layers(EDGES_KM, quantity, group)
            scale = np.abs(differences[i]).max(axis=1, keepdims=True)
            np.testing.assert_allclose(found / scale, differences[i] / scale, atol=1e-3, err_msg=f"{quantity} {group}")


def test_under_a_sea_the_solid_is_felt():
    model, f, step = with_crust(*SEA), 0.06, 2e-3
    found = sensitivity(model, f).in_layers([6.0, 15.0, 35.0])[0]
    columns = {name: getattr(model, name).copy() for name in COLUMNS}
    both = []
    for sign in (1, -1):
        other = {**columns, "vsv_km_s": columns["vsv_km_s"].copy(), "vsh_km_s": columns["vsh_km_s"].copy()}
        for name in ("vsv_km_s", "vsh_km_s"):
            other[name][-6:-4] += sign * step  # the second layer from below, 9 km thick
        both.append(phase_velocity(EarthModel(**other), f, cowling=True)[0])
    assert found[0] == pytest.approx((both[0] - both[1]) / (2 * step), rel=2e-3)


def test_layers_add_up_wherever_they_are_cut():
    kernels = sensitivity(prem(), [0.02, 0.05])
    whole = kernels.in_layers([0, 24.4])[:, 0]
    np.testing.assert_allclose(kernels.in_layers([0, 3.7, 11.1, 24.4]).sum(axis=1), whole, rtol=1e-9)
    assert whole == pytest.approx(kernels.in_layers([0, 24.4 - 1e-6])[:, 0], rel=2e-3)
    # One unit of the velocity everywhere moves the waves by about as much.
    everywhere = kernels.in_layers([0, 2000.0]) / phase_velocity(prem(), [0.02, 0.05])[:, None] * 4.4
    assert (everywhere > 0.8).all() and (everywhere < 1.2).all()


def test_ellipticity_of_a_halfspace_is_that_of_a_textbook():
    """A Poisson solid: H/V = 0.6813."""
    radius = np.linspace(3000.0, 6371.0, 60)
    one = np.ones_like(radius)
    vs = 3.5 * one
    rock = EarthModel(radius, 2.7 * one, 3**0.5 * vs, vs, 1e9 * one, 1e9 * one, 3**0.5 * vs, vs, one)
    assert ellipticity(rock, 0.25)[0] == pytest.approx(0.6813, rel=2e-3)


def test_ellipticity_has_the_peak_of_sediment():
    """Soft sediment turns the motion prograde between a peak and a zero, as its Vs contrast asks for."""
    soil = with_crust((30, 6.2, 3.5, 2.7), (5, 2.2, 0.6, 2.0))
    f = np.geomspace(0.02, 0.2, 30)
    found = ellipticity(soil, f)
    assert found[0] > 0 and (found < 0).any() and np.abs(found).max() > 3
    peak = f[np.abs(found).argmax()]
    assert 0.6 < peak / (0.6 / (4 * 5)) < 2.0  # a quarter of a wavelength


def test_what_there_is_no_kernel_of_is_refused():
    with pytest.raises(UsageError, match="rayleigh or love"):
        sensitivity(prem(), 0.02, wave="lamb")
    with pytest.raises(UsageError, match="no kernel of 'qmu'"):
        sensitivity(prem(), 0.02).in_layers([0, 10], "qmu")
    with pytest.raises(UsageError, match="ascending"):
        sensitivity(prem(), 0.02).in_layers([10, 0])
    with pytest.raises(ZooError, match="no overtone 3"):
        ellipticity(prem(), 0.003, overtone=3)
