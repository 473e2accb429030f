"""The acoustic simulator against analysis, against itself without boundaries, and its gradient against differences."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from scipy.special import hankel2

from zoo.errors import UsageError, ZooError
from zoo.fwi.physics.acoustic import (
    POINTS_PER_WAVELENGTH,
    check_dispersion,
    check_stability,
    derivative_coefficients,
    highest_frequency_hz,
    laplacian_coefficients,
    longest_time_step_s,
    ricker,
)
from zoo.fwi.physics.acoustic_absorber import cpml_profile, sponge_profile
from zoo.fwi.physics.acoustic_propagator import Propagator
from zoo.training.metrics import relative_error

VELOCITY = 2000 + 800 * np.random.default_rng(0).random((30, 40))
RECEIVERS = np.array([[3, 5], [20, 10], [3, 30]])
SOURCES = np.array([[4, 20], [15, 7]])
WAVELET = np.stack([ricker(15.0, 0.001, 300)] * 2).astype(np.float64)


def propagator(**options):
    options = {"width": 8, "dtype": "float64", **options}
    return Propagator(VELOCITY.shape, 10.0, 0.001, RECEIVERS, VELOCITY.max(), **options)


@pytest.mark.parametrize("order", [2, 4, 8])
def test_stencils_are_exact_for_polynomials(order):
    x = np.arange(-order // 2, order // 2 + 1)
    for power in range(order + 1):
        second = sum(w * (x == k) + w * (x == -k) * (k > 0) for k, w in enumerate(laplacian_coefficients(order)))
        first = sum(w * (x == k) - w * (x == -k) for k, w in enumerate(derivative_coefficients(order)))
        assert second @ x.astype(float) ** power == pytest.approx(2.0 * (power == 2), abs=1e-12)
        assert first @ x.astype(float) ** power == pytest.approx(1.0 * (power == 1), abs=1e-12)
    with pytest.raises(UsageError, match="2, 4 or 8"):
        laplacian_coefficients(6)


@pytest.mark.parametrize("dimensions", [1, 2])
def test_the_longest_time_step_is_the_limit(dimensions):
    """Just below it a field stays bounded, just above it grows without bound."""
    shape = (40, 40) if dimensions == 2 else (40, 1)
    longest = longest_time_step_s(2000.0, 10.0, 4, dimensions)
    pulse = np.zeros((1, 600))
    pulse[0, 0] = 1.0
    peaks = []
    for factor in (0.99, 1.02):
        # A hard wall: no strips that absorb, so that nothing damps the shortest waves.
        simulator = Propagator(shape, 10.0, longest * factor, [[5, shape[1] // 2]], 2000.0, width=0, dtype="float64")
        peaks.append(np.abs(simulator.traces(np.full(shape, 2000.0), pulse, np.array([[20, shape[1] // 2]]))).max())
    assert peaks[0] < 1e4 < 1e6 < peaks[1]
    check_stability(2000.0, 10.0, longest * 0.999, 4, dimensions)
    with pytest.raises(ZooError, match=rf"at most {longest * 1e3:.4g} ms"):
        check_stability(2000.0, 10.0, longest * 1.01, 4, dimensions)


def test_too_few_points_in_a_wavelength_are_refused_with_numbers():
    check_dispersion(1500.0, 10.0, 30.0, 4)
    with pytest.raises(ZooError, match=r"3\.0 grid points.*needs 5.*grid of 6 m"):
        check_dispersion(1500.0, 10.0, 50.0, 4)


@pytest.mark.parametrize("order", [2, 4, 8])
def test_the_shortest_wavelength_travels_nearly_fast_enough(order):
    """Phase velocity along an axis, of differences in space alone."""
    wavenumber = 2 * np.pi / POINTS_PER_WAVELENGTH[order]
    weights = laplacian_coefficients(order)
    curve = weights[0] + 2 * sum(w * np.cos(k * wavenumber) for k, w in enumerate(weights[1:], 1))
    assert 0.974 < np.sqrt(-curve) / wavenumber < 1


def test_ricker_and_its_highest_frequency():
    pulse = ricker(10.0, 0.001, 400)
    assert pulse.dtype == np.float32 and pulse.argmax() == 120 and pulse.max() == 1.0 and abs(pulse[0]) < 2e-5
    assert 18 < highest_frequency_hz(pulse, 0.001) < 21
    assert highest_frequency_hz(np.stack([pulse, ricker(5.0, 0.001, 400)]), 0.001) == highest_frequency_hz(pulse, 0.001)


def test_absorber_profiles():
    a, b = cpml_profile(14, 3000.0, 10.0, 0.001)
    assert a.shape == b.shape == (14,)
    assert (np.diff(a) > 0).all() and (a > 0).all() and (a < 1).all() and (b < 0).all()
    sponge = sponge_profile((30, 20), 5, (False, True, True, True))
    assert sponge[0, 10] == 0 and sponge[-1, 10] == sponge[10, 0] == sponge[10, -1] == sponge.max()
    assert (sponge[:25, 5:15] == 0).all()


def test_a_point_source_in_a_homogeneous_plane():
    """Against the analytic field; halving the grid and quartering the time step divides the error by 16."""
    errors = []
    for fine in (1, 2):
        spacing_m, step_s, steps = 10.0 / fine, 0.0015 / fine**2, 300 * fine**2
        middle, away = 50 * fine, 30 * fine
        simulator = Propagator(
            (100 * fine, 100 * fine), spacing_m, step_s, [[middle, middle + away]], 2000.0, width=20 * fine,
            dtype="float64",
        )  # fmt: skip
        pulse = ricker(8.0, step_s, 8 * steps).astype(np.float64)
        found = simulator.traces(
            np.full((100 * fine, 100 * fine), 2000.0), pulse[None, :steps], np.full((1, 2), middle)
        )
        angular = 2 * np.pi * np.fft.rfftfreq(8 * steps, step_s)
        field = np.zeros(len(angular), complex)
        field[1:] = -0.25j * hankel2(0, angular[1:] * 300.0 / 2000.0)
        exact = np.fft.irfft(np.fft.rfft(pulse) * field)[1 : steps + 1] * spacing_m**2
        errors.append(relative_error(found[0, :, 0], exact))
    assert errors[0] < 4e-3
    assert 3.5 < np.log2(errors[0] / errors[1]) < 4.5


def test_a_column_is_one_dimensional():
    """d'Alembert: half the wavelet's integral goes either way, unchanged, and leaves through both ends."""
    steps, step_s = 500, 0.002
    simulator = Propagator((200, 1), 10.0, step_s, [[60, 0], [140, 0]], 2000.0, 8, width=20, dtype="float64")
    pulse = ricker(8.0, step_s, steps).astype(np.float64)[None]
    record = simulator.traces(np.full((200, 1), 2000.0), pulse, np.array([[100, 0]]))[0]
    exact = 0.5 * 2000.0 * 10.0 * step_s * (np.cumsum(pulse[0]) - pulse[0] / 2)
    late = round(400.0 / 2000.0 / step_s) - 1  # sample n is the field at time n + 1
    np.testing.assert_allclose(record[:, 0], record[:, 1], atol=1e-3)
    assert relative_error(record[late:, 0], exact[: steps - late]) < 0.01
    assert np.abs(record[-50:]).max() < 2e-3 * np.abs(record).max()


@pytest.mark.parametrize("peak_hz, most", [(10.0, 3e-4), (4.0, 5e-4)])
def test_the_absorber_returns_next_to_nothing(peak_hz, most):
    velocity = np.full((61, 61), 2000.0)
    receivers, pulse = np.stack([np.full(6, 8), np.arange(5, 61, 10)], 1), ricker(peak_hz, 0.001, 700)[None]
    small = Propagator((61, 61), 10.0, 0.001, receivers, 2000.0)
    large = Propagator((241, 241), 10.0, 0.001, receivers + 90, 2000.0)
    found = small.traces(velocity, pulse, np.array([[30, 30]]))
    expected = large.traces(np.full((241, 241), 2000.0), pulse, np.array([[120, 120]]))
    assert relative_error(found, expected) < most
    sponge = dataclasses.replace(small, absorber="sponge").traces(velocity, pulse, np.array([[30, 30]]))
    assert relative_error(sponge, expected) > 100 * relative_error(found, expected)


def test_a_free_surface_reflects_with_the_opposite_sign():
    """Like an image source of opposite sign above the surface."""
    step_s, steps = 0.001, 450
    receivers = np.array([[12, 60], [25, 70], [0, 50]])
    surface = Propagator((60, 100), 10.0, step_s, receivers, 2000.0, 8, width=30, free_surface=True, dtype="float64")
    whole = Propagator((160, 100), 10.0, step_s, receivers + [100, 0], 2000.0, 8, width=30, dtype="float64")
    pulse = ricker(10.0, step_s, steps)[None].astype(np.float64)
    found = surface.traces(np.full((60, 100), 2000.0), pulse, np.array([[10, 50]]))
    still = np.full((160, 100), 2000.0)
    expected = whole.traces(still, pulse, np.array([[110, 50]])) - whole.traces(still, pulse, np.array([[90, 50]]))
    assert relative_error(found[..., :2], expected[..., :2]) < 2e-3
    assert (found[..., 2] == 0).all()


OPTIONS = {
    "plain": {},
    "free surface": {"free_surface": True},
    "sponge": {"absorber": "sponge"},
    "store": {"store_all": True},
    "no strips": {"width": 0},
}


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_the_gradient_is_exact(options):
    """By velocity against finite differences; by wavelet, in which records are linear, to rounding."""
    rng = np.random.default_rng(1)
    simulator = propagator(**options)
    residual = rng.normal(size=(2, 300, 3))
    by_velocity, by_wavelet = simulator.gradient(VELOCITY, WAVELET, SOURCES, residual)
    assert by_velocity.shape == VELOCITY.shape and by_wavelet.shape == WAVELET.shape

    def value(velocity, wavelet=WAVELET):
        return (simulator.traces(velocity, wavelet, SOURCES) * residual).sum()

    change = rng.normal(size=VELOCITY.shape)
    difference = (value(VELOCITY + 1e-3 * change) - value(VELOCITY - 1e-3 * change)) / 2e-3
    assert (by_velocity * change).sum() == pytest.approx(difference, rel=1e-7)
    other = rng.normal(size=WAVELET.shape)
    assert (by_wavelet * other).sum() == pytest.approx(value(VELOCITY, other), rel=1e-11)


@pytest.mark.parametrize("options", list(OPTIONS.values())[:3], ids=list(OPTIONS)[:3])
def test_the_gradient_of_a_column_is_exact(options):
    rng = np.random.default_rng(4)
    velocity = 2000 + 800 * rng.random((50, 1))
    simulator = Propagator((50, 1), 10.0, 0.001, [[3, 0], [40, 0]], 2800.0, width=8, dtype="float64", **options)
    residual, pulse, source = rng.normal(size=(1, 300, 2)), WAVELET[:1], np.array([[5, 0]])
    slope, _ = simulator.gradient(velocity, pulse, source, residual)
    change = rng.normal(size=velocity.shape)
    ends = [(simulator.traces(velocity + h * change, pulse, source) * residual).sum() for h in (-1e-3, 1e-3)]
    assert slope.shape == velocity.shape
    assert (slope * change).sum() == pytest.approx((ends[1] - ends[0]) / 2e-3, rel=1e-6)


def test_a_column_s_free_surface_turns_the_pulse_over():
    simulator = Propagator((80, 1), 10.0, 0.002, [[40, 0]], 2000.0, 8, width=20, free_surface=True, dtype="float64")
    pulse = ricker(8.0, 0.002, 400).astype(np.float64)[None]
    record = simulator.traces(np.full((80, 1), 2000.0), pulse, np.array([[20, 0]]))[0, :, 0]
    late = round(400.0 / 2000.0 / 0.002)  # up and down again: 400 m further than straight
    straight = Propagator((80, 1), 10.0, 0.002, [[40, 0]], 2000.0, 8, width=20, dtype="float64").traces(
        np.full((80, 1), 2000.0), pulse, np.array([[20, 0]])
    )[0, :, 0]
    assert relative_error(record[late:], straight[late:] - straight[:-late]) < 0.02


def test_a_grid_smaller_than_the_stencil_is_refused():
    with pytest.raises(ZooError, match="too small: order 8 needs 12"):
        Propagator((10, 40), 10.0, 0.001, [[3, 3]], 2000.0, 8).traces(np.ones((10, 40)), WAVELET, SOURCES)


def test_cells_outside_the_grid_are_refused():
    for bad in ([-1, 5], [30, 5], [5, 40]):
        with pytest.raises(ZooError, match="outside the grid of 30 x 40"):
            propagator().traces(VELOCITY, WAVELET[:1], np.array([bad]))


def test_checkpoints_change_nothing():
    residual = np.random.default_rng(2).normal(size=(2, 300, 3))
    simulator = propagator()
    records, kept = simulator.traces(VELOCITY, WAVELET, SOURCES, keep=True)
    np.testing.assert_array_equal(records, simulator.traces(VELOCITY, WAVELET, SOURCES))
    again = simulator.gradient(VELOCITY, WAVELET, SOURCES, residual)
    for one, other in zip(simulator.gradient(VELOCITY, WAVELET, SOURCES, residual, kept), again, strict=True):
        np.testing.assert_array_equal(one, other)
    for one, other in zip(
        propagator(store_all=True).gradient(VELOCITY, WAVELET, SOURCES, residual), again, strict=True
    ):
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-12 * np.abs(other).max())


@pytest.mark.long
def test_single_and_half_precision():
    """float32 is good to 1e-5, half floats to 1e-4, whatever the unit of the source."""
    residual = np.random.default_rng(3).normal(size=(2, 300, 3))
    exact, _ = propagator().gradient(VELOCITY, WAVELET, SOURCES, residual)
    for unit in (1e-9, 1e9):
        single, _ = propagator(dtype="float32").gradient(VELOCITY, WAVELET * unit, SOURCES, residual)
        half, _ = propagator(dtype="float32", store_dtype="float16").gradient(
            VELOCITY, WAVELET * unit, SOURCES, residual
        )
        assert relative_error(single / unit, exact) < 1e-5
        assert 1e-6 < relative_error(half, single) < 2e-4
    with pytest.raises(UsageError, match="float16 of float32"):
        propagator(store_dtype="float16").traces(VELOCITY, WAVELET, SOURCES)


def test_shots_do_not_depend_on_each_other():
    simulator = propagator(dtype="float32")
    together = simulator.traces(VELOCITY, WAVELET, SOURCES)
    for i in range(2):
        np.testing.assert_array_equal(
            together[i], simulator.traces(VELOCITY, WAVELET[i : i + 1], SOURCES[i : i + 1])[0]
        )
