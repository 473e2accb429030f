"""Phase and group velocities: against compound minors, a normal-mode code, and each other."""

from __future__ import annotations

import csv

import minors
import numpy as np
import pytest
from scipy.linalg import eigh

from zoo.crust.physics.earth import COLUMNS, EarthModel, prem, read_deck
from zoo.crust.physics.prior import EarthPrior
from zoo.crust.physics.rayleigh import group_velocity, phase_velocity
from zoo.crust.physics.rayleigh_kernels import work_arrays
from zoo.crust.physics.rayleigh_matrices import assemble
from zoo.crust.physics.rayleigh_mesh import build_mesh
from zoo.errors import ZooError

BAND_HZ = np.arange(10.0, 35.1, 1.25) / 1e3


def with_crust(*layers) -> EarthModel:
    """PREM below 35 km, with (thickness, vp, vs, density) layers on it from below."""
    base = prem(moho_depth_km=35.0)
    mantle = slice(0, int(np.flatnonzero(base.radius_km == base.radius_km[-1] - 35.0)[0]) + 1)
    columns = {name: list(getattr(base, name)[mantle]) for name in COLUMNS}
    radius = columns["radius_km"][-1]
    for thickness, vp, vs, density in layers:
        for r in (radius, radius + thickness):
            knot = (r, density, vp, vs, 57823.0, 300.0 if vs else 0.0, vp, vs, 1.0)
            for name, value in zip(COLUMNS, knot, strict=True):
                columns[name].append(value)
        radius += thickness
    return EarthModel(**columns, title="layers on PREM")


SEDIMENT = ((20, 6.6, 3.7, 2.9), (10, 6.0, 3.4, 2.7), (5, 2.2, 0.8, 2.0))
SEA = ((20, 6.6, 3.7, 2.9), (9, 6.0, 3.4, 2.7), (0.6, 1.8, 0.5, 1.8), (5.4, 1.5, 0.0, 1.03))


@pytest.mark.parametrize(
    "model, frequency_hz",
    [(prem(), 0.010), (EarthPrior().draw(0, 3)[0], 0.035), (prem(ocean=True), 0.035), (with_crust(*SEA), 0.15)],
    ids=["PREM", "random", "sea", "deep sea on mud"],
)
def test_minors_find_the_same_root(model, frequency_hz):
    fine = phase_velocity(model, frequency_hz, refinement=3, cowling=True)[0]
    expected = minors.phase_velocity(model, frequency_hz, fine, 14.0 / frequency_hz)
    assert fine == pytest.approx(expected, rel=1e-7)
    # The usual settings.
    assert phase_velocity(model, frequency_hz, cowling=True)[0] == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    "model", [prem(ocean=True), with_crust(*SEDIMENT), with_crust(*SEA)], ids=["sea", "mud", "both"]
)
def test_refining_changes_nothing_from_5_to_250_mhz(model):
    frequency_hz = np.array([5, 7, 10, 20, 50, 80, 100, 150, 200, 250.0]) / 1e3
    usual, fine = (phase_velocity(model, frequency_hz, refinement=r) for r in (1, 3))
    np.testing.assert_allclose(usual, fine, rtol=1e-4)
    assert (np.diff(usual) < 0).all()


def test_a_deck_without_a_reference_period_has_no_physical_dispersion():
    model = prem()
    columns = {name: getattr(model, name) for name in COLUMNS}
    elastic = EarthModel(**{**columns, "qmu": 0 * model.qmu, "qkappa": 0 * model.qmu})
    found = phase_velocity(EarthModel(**columns, reference_period_s=0.0), BAND_HZ)
    np.testing.assert_allclose(found, phase_velocity(elastic, BAND_HZ), rtol=1e-12)


def test_group_velocity_is_the_derivative_of_frequency_by_wavenumber():
    step = 1e-3
    for model in (EarthPrior().draw(0, 5)[0], with_crust(*SEA)):
        for f in (0.007, 0.02, 0.1):
            around = np.array([f * (1 - step), f * (1 + step)])
            low, high = around / [phase_velocity(model, x, cowling=True)[0] for x in around]
            assert group_velocity(model, f)[0] == pytest.approx(2 * step * f / (high - low), rel=2e-4)


def test_a_halfspace_gives_the_rayleigh_wave_of_a_textbook():
    """Poisson solid, no gravity to speak of at 0.25 Hz, no attenuation: c = 0.9194 vs."""
    radius = np.linspace(3000.0, 6371.0, 60)
    one = np.ones_like(radius)
    vs = 3.5 * one
    rock = EarthModel(radius, 2.7 * one, 3**0.5 * vs, vs, 1e9 * one, 1e9 * one, 3**0.5 * vs, vs, one)
    assert phase_velocity(rock, 0.25)[0] == pytest.approx(0.9194 * 3.5, rel=1.5e-3)


def test_frequencies_come_in_any_order_and_alone():
    whole = phase_velocity(prem(), BAND_HZ)
    np.testing.assert_allclose(phase_velocity(prem(), BAND_HZ[::-1])[::-1], whole, rtol=1e-12)
    alone = [phase_velocity(prem(), f)[0] for f in BAND_HZ[::5]]
    np.testing.assert_allclose(alone, whole[::5], rtol=3e-6)


def test_what_matters_matters():
    """Sizes of the effects as the field knows them: attenuation 4 %, self-gravitation below 0.01 %."""
    model = EarthPrior().draw(0, 3)[0]
    columns = {name: getattr(model, name) for name in COLUMNS}
    c = phase_velocity(model, BAND_HZ)
    elastic = EarthModel(**{**columns, "qmu": 1e9 * (model.qmu > 0), "qkappa": 1e9 + 0 * model.qmu})
    assert 0.002 < np.abs(phase_velocity(elastic, BAND_HZ) / c - 1).max() < 0.2
    isotropic = EarthModel(
        **{**columns, "vph_km_s": model.vpv_km_s, "vsh_km_s": model.vsv_km_s, "eta": 1 + 0 * model.eta}
    )
    assert np.abs(phase_velocity(isotropic, BAND_HZ) / c - 1).max() > 0.001
    assert 1e-6 < np.abs(phase_velocity(model, BAND_HZ, cowling=True) / c - 1).max() < 1e-4


def test_what_cannot_be_solved_says_so():
    with pytest.raises(ZooError, match="0.003 to 10 Hz.*reach the core"):
        phase_velocity(prem(), [0.01, 0.001])
    with pytest.raises(ZooError, match="0.003 to 10 Hz"):
        phase_velocity(prem(), np.nan)
    model = prem()
    columns = {name: getattr(model, name) for name in COLUMNS}
    fluid = EarthModel(**{**columns, "vsv_km_s": 0 * model.vsv_km_s, "vsh_km_s": 0 * model.vsh_km_s}, title="water")
    with pytest.raises(ZooError, match="water has no fundamental Rayleigh mode at 10 mHz"):
        phase_velocity(fluid, BAND_HZ)


def test_group_velocity_has_the_self_gravitation_of_the_phase_velocity():
    step, f = 1e-3, np.array([0.004, 0.006])
    low, high = (x / phase_velocity(prem(), x) for x in (f * (1 - step), f * (1 + step)))
    slope = 2 * step * f / (high - low)
    np.testing.assert_allclose(group_velocity(prem(), f), slope, rtol=5e-5)
    assert np.abs(group_velocity(prem(), f, cowling=True) / slope - 1).min() > 1e-4


def test_short_periods_are_those_of_the_uppermost_layer():
    for f in (1.0, 10.0):
        assert phase_velocity(with_crust(*SEDIMENT), f)[0] == pytest.approx(0.945 * 0.8, rel=5e-3)
    # Under a sea the waves of mud, Vs 0.5 km/s: as deep as they reach, not as deep as the sea.
    alone = [phase_velocity(with_crust(*SEA), f)[0] for f in (2.0, 10.0)]
    np.testing.assert_allclose(alone, phase_velocity(with_crust(*SEA), [2.0, 10.0], refinement=3), rtol=1e-4)
    assert 0.43 < alone[0] < alone[1] < 0.45


@pytest.mark.parametrize("overtone", [1, 3])
def test_minors_find_the_same_overtones(overtone):
    model, frequency_hz = prem(), 0.01
    found = phase_velocity(model, frequency_hz, overtone=overtone, cowling=True)[0]
    surface = minors.at_surface(model, frequency_hz, 2800.0, rtol=1e-8)
    assert surface(found * (1 - 1e-5)) * surface(found * (1 + 1e-5)) < 0


def test_no_overtone_is_skipped():
    """Minors change their sign once a mode: as often, up to above overtone 3, as modes were found."""
    model, f = with_crust(*SEDIMENT), 0.02
    modes = [phase_velocity(model, f, overtone=n, cowling=True)[0] for n in range(4)]
    assert (np.diff(modes) > 0.1).all()
    surface = minors.at_surface(model, f, 1500.0, rtol=1e-6)
    middles = [3.0, *(a + (b - a) * part for a, b in zip(modes, modes[1:], strict=False) for part in (0.1, 0.5, 0.9))]
    signs = np.sign([surface(c) for c in [*middles, modes[3] * 1.01]])
    assert (signs[1:] != signs[:-1]).tolist() == [True, False, False, True, False, False, True, False, False, True]


def test_overtones_are_the_lowest_of_all_eigenvalues():
    """At a wavenumber the frequencies of all modes are eigenvalues of dense matrices, which count for themselves."""
    base, k = with_crust(*SEDIMENT), 2000.0
    model = EarthModel(**{name: getattr(base, name) for name in COLUMNS}, reference_period_s=0.0)
    knots, work = np.stack([getattr(model, name) for name in COLUMNS]), work_arrays()
    elements, _ = build_mesh(knots, 0.02, 0.4, 1.0, work.mesh)
    assemble(work.mesh, 0, elements, 0.0, False, work.matrices)
    size = 6 * elements + 2
    stiffness, mass = np.zeros((size, size)), np.zeros(size)
    for e in range(elements):
        m, u, v = work.matrices[e], 6 * e + 2 * np.arange(4), 6 * e + 2 * np.arange(4) + 1
        stiffness[np.ix_(u, u)] += m[0:4] + k * k * np.diag(m[12])
        stiffness[np.ix_(v, v)] += m[4:8] + k * k * np.diag(m[13])
        stiffness[np.ix_(u, v)] += k * m[8:12]
        stiffness[np.ix_(v, u)] += k * m[8:12].T
        mass[u] += m[14]
        mass[v] += m[14]
    lowest = eigh(stiffness, np.diag(mass), eigvals_only=True, subset_by_index=(0, 3)) ** 0.5
    for overtone, omega in enumerate(lowest):
        f = omega / (2 * np.pi)
        found = phase_velocity(model, f, overtone=overtone, cowling=True, refinement=3)[0]
        assert found == pytest.approx(omega * 6371 / np.sqrt(k * k + 0.25), rel=1e-5)


def test_a_normal_mode_code_agrees(real_data):
    """41 models with full self-gravitation; the target is 1e-4 and rms 2e-5."""
    with open(real_data / "prem" / "mineos_reference.csv", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["wgrav_mHz"] == "50"]
    columns = [name for name in rows[0] if name.startswith("c_")]
    frequency_hz = [float(name[2:-3]) / 1e3 for name in columns]
    errors = []
    for row in rows:
        model = read_deck(real_data / "prem" / "models" / f"{row['model']}.txt")
        reference = np.array([float(row[name]) for name in columns])
        errors.append(phase_velocity(model, frequency_hz) / reference - 1)
    assert len(errors) == 41
    assert np.abs(errors).max() < 3e-5
    assert np.sqrt(np.mean(np.square(errors))) < 4e-6
