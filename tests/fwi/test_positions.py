"""Sources and receivers off the nodes: exact records, an exact gradient, images at a free surface."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from scipy.special import hankel2

from zoo.errors import ZooError
from zoo.fwi.models.wave import WaveRNN
from zoo.fwi.physics.acoustic import ricker
from zoo.fwi.physics.acoustic_positions import check_below_surface, shares
from zoo.fwi.physics.acoustic_propagator import Propagator
from zoo.training.metrics import relative_error

STEP_S, SPACING_M, VELOCITY_M_S = 0.002, 20.0, 2000.0


def exact(distance_m, steps):
    """The record in a homogeneous plane at a distance."""
    spectrum = np.fft.rfft(ricker(5.0, STEP_S, 8 * steps).astype(np.float64))
    angular = 2 * np.pi * np.fft.rfftfreq(8 * steps, STEP_S)
    field = np.zeros(len(angular), complex)
    field[1:] = -0.25j * hankel2(0, angular[1:] * distance_m / VELOCITY_M_S)
    return np.fft.irfft(spectrum * field)[1 : steps + 1] * SPACING_M**2


def test_a_node_has_one_share_and_a_place_between_has_eight():
    assert shares(5.0, 20) == (5, [1.0])
    first, share = shares(5.25, 20)
    assert first == 2 and len(share) == 8 and share.argmax() == 3
    # A slow wave between the nodes is read to some 1e-3.
    waves = np.cos(0.6 * np.arange(20) + 0.3)
    assert share @ waves[first : first + 8] == pytest.approx(np.cos(0.6 * 5.25 + 0.3), abs=3e-3)
    # Half a cell under a free surface the images take part: the field is odd.
    first, share = shares(0.5, 20, mirrored=True)
    assert first == 0 and share @ np.sin(0.4 * np.arange(len(share))) == pytest.approx(np.sin(0.2), abs=2e-3)


def test_records_off_the_nodes_are_exact():
    """Half a percent at 1 km and 20 points in a wavelength, where the nearest node is 11 % off."""
    rng, steps = np.random.default_rng(0), 600
    medium, pulse = np.full((41, 91), VELOCITY_M_S), ricker(5.0, STEP_S, steps)[None]
    for _ in range(3):
        source = np.array([20.0, 20.0]) + rng.uniform(-0.5, 0.5, 2)
        receivers = np.array([[20.0, 70.0], [15.0, 66.0], [20.0, 72.0]]) + rng.uniform(-0.5, 0.5, (3, 2))
        found = Propagator(medium.shape, SPACING_M, STEP_S, receivers, VELOCITY_M_S).traces(medium, pulse, source[None])
        for i, receiver in enumerate(receivers):
            expected = exact(SPACING_M * np.hypot(*(receiver - source)), steps)
            assert relative_error(found[0, :, i], expected) < 5e-3


@pytest.mark.parametrize("depth", [0.3, 0.5, 1.4])
def test_a_shallow_source_under_a_free_surface(depth):
    """It has an image above the surface; put on the nearest node it would be silent, or twice as deep."""
    steps = 600
    medium, pulse = np.full((41, 91), VELOCITY_M_S), ricker(5.0, STEP_S, steps)[None]
    receiver, source = np.array([depth + 0.2, 70.3]), np.array([depth, 20.6])
    found = Propagator(medium.shape, SPACING_M, STEP_S, receiver[None], VELOCITY_M_S, free_surface=True).traces(
        medium, pulse, source[None]
    )
    expected = exact(SPACING_M * np.hypot(*(receiver - source)), steps) - exact(
        SPACING_M * np.hypot(*(receiver + source * [1, -1])), steps
    )
    assert relative_error(found[0, :, 0], expected) < 0.01


OPTIONS = {
    "plain": {},
    "free surface": {"free_surface": True},
    "sponge": {"absorber": "sponge"},
    "no strips": {"width": 0},
    "column": {"free_surface": True},
}


@pytest.mark.parametrize("name", OPTIONS)
def test_the_gradient_off_the_nodes_is_exact(name):
    """By velocity against differences, by wavelet (records are linear in it) to rounding."""
    rng, column = np.random.default_rng(1), name == "column"
    shape = (30, 1) if column else (24, 30)
    velocity = 2000 + 500 * rng.random(shape)
    places = np.stack([rng.uniform(0.2, shape[0] - 1, 9), rng.uniform(0, shape[1] - 1, 9)], 1)
    places[3:6, 0] = 2.5  # a line at one depth
    places[6, 0] = places[5, 0] + 0.3  # in the same rows, with other shares
    pulses = np.stack([ricker(15.0, STEP_S, 150)] * 2).astype(float)
    options = {"width": 8, "dtype": "float64", **OPTIONS[name]}
    propagator = Propagator(shape, SPACING_M, STEP_S, places[:7], 2500.0, **options)
    residual = rng.normal(size=(2, 150, 7))
    by_velocity, by_wavelet = propagator.gradient(velocity, pulses, places[7:], residual)

    def value(velocity, pulses=pulses):
        return (propagator.traces(velocity, pulses, places[7:]) * residual).sum()

    change = rng.normal(size=shape)
    difference = (value(velocity + 1e-3 * change) - value(velocity - 1e-3 * change)) / 2e-3
    assert (by_velocity * change).sum() == pytest.approx(difference, rel=1e-6)
    assert (by_wavelet * pulses).sum() == pytest.approx(value(velocity), rel=1e-11)


@pytest.mark.parametrize("free_surface", [False, True])
def test_the_cell_spreads_positions_as_the_kernels_do(free_surface):
    velocity = 2000 + 500 * np.random.default_rng(2).random((16, 20))
    sources = np.array([[0.4, 12.3], [10.0, 7.7]])
    pulses = np.stack([ricker(20.0, 0.001, 112)] * 2).astype(float)
    options = {"width": 6, "dtype": "float64", "free_surface": free_surface}
    found, reference = (
        WaveRNN(velocity, 6.0, 0.001, [[3.2, 5.5], [0.7, 15.1]], gradient=gradient, **options)
        for gradient in ("checkpoint", "autodiff")
    )
    reference.unrolled_cell()  # no variable can be made in a graph, which runs the loop ten times as fast
    expected = np.asarray(tf.function(lambda: reference((pulses, sources)))())
    assert relative_error(np.asarray(found((pulses, sources))), expected) < 1e-11


def test_what_lies_in_a_free_surface_is_refused():
    propagator = Propagator((20, 20), 10.0, 0.001, [[2, 3]], 2000.0, width=6, free_surface=True)
    with pytest.raises(ZooError, match="source 0 lies at the free surface.*such as 0.5"):
        propagator.traces(np.full((20, 20), 2000.0), ricker(20.0, 0.001, 50)[None], np.array([[0, 5]]))
    with pytest.raises(ZooError, match="receiver 1 lies at the free surface"):
        check_below_surface(np.array([[1, 5], [0, 5]]), "receiver")
