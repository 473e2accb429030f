"""Density that varies: reflections as theory has them, reciprocity, an exact gradient, the same in kernels and cell."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from zoo.errors import ZooError
from zoo.fwi.models.wave import WaveRNN
from zoo.fwi.physics.acoustic import ricker
from zoo.fwi.physics.acoustic_apertures import AperturePropagator, Apertures
from zoo.fwi.physics.acoustic_propagator import Propagator
from zoo.training.metrics import relative_error

SHAPE, SPACING_M, STEP_S, STEPS = (16, 20), 10.0, 0.0015, 110
RNG = np.random.default_rng(0)
VELOCITY = 2000 + 800 * RNG.random(SHAPE)
DENSITY = 2000 * (1 + 0.3 * RNG.random(SHAPE))
PULSE = ricker(18.0, STEP_S, STEPS)[None]
SOURCE, RECEIVERS = np.array([[4.0, 5.0]]), np.array([[8.3, 14.6], [3.0, 2.0]])


def waves(receivers=RECEIVERS, density=DENSITY, shape=SHAPE, **options):
    options = {"width": 8, "dtype": "float64", **options}
    return Propagator(shape, SPACING_M, STEP_S, receivers, 3000.0, density=density, **options)


@pytest.mark.long
@pytest.mark.parametrize("order", [2, 4])
def test_an_interface_reflects_and_transmits_what_theory_says(order):
    """At normal incidence R = (rho2 - rho1) / (rho2 + rho1) and T = 1 + R, at 25 points in the peak's wavelength.

    The interface lies half-way between two nodes, so the reflected wave is that of an image of the source.
    """
    rows, last, source, steps = 260, 120, 40.0, 700
    medium = np.full((rows, 1), 2000.0)
    density = np.where(np.arange(rows) <= last, 1800.0, 2700.0)[:, None]
    expected = (2700 - 1800) / (2700 + 1800)
    image = 2 * (last + 0.5) - source
    receivers = np.array([[80.0, 0.0], [170.0, 0.0]])
    pulse = ricker(8.0, STEP_S, steps)[None]
    options = {"order": order, "width": 40}
    with_contrast, without = (
        waves(receivers, d, medium.shape, **options).traces(medium, pulse, [[source, 0.0]])[0] for d in (density, None)
    )
    mirrored = waves(receivers[:1], None, medium.shape, **options).traces(medium, pulse, [[image, 0.0]])[0, :, 0]
    reflected = with_contrast[:, 0] - without[:, 0]
    assert relative_error(reflected, expected * mirrored) < 0.01
    assert relative_error(with_contrast[:, 1], (1 + expected) * without[:, 1]) < 0.01


def test_source_and_receiver_may_change_places():
    """The pressure times the density at the source is the same both ways."""
    ends, density = np.array([[4.0, 5.0], [9.0, 14.0]]), DENSITY.copy()
    there, back = (waves(ends[1 - i : 2 - i]).traces(VELOCITY, PULSE, ends[i : i + 1])[0, :, 0] for i in (0, 1))
    np.testing.assert_allclose(there * density[4, 5], back * density[9, 14], atol=1e-10 * np.abs(back * 2000).max())


def test_a_constant_density_changes_nothing():
    one, other = (waves(density=d).traces(VELOCITY, PULSE, SOURCE) for d in (None, np.full(SHAPE, 2300.0)))
    np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-12 * np.abs(one).max())


def test_the_gradient_by_velocity_and_wavelet_is_exact():
    residual, way = RNG.normal(size=(1, STEPS, 2)), RNG.normal(size=SHAPE)
    engine, step = waves(), 1e-3
    by_velocity, by_wavelet = engine.gradient(VELOCITY, PULSE, SOURCE, residual)
    ahead, behind = (np.sum(residual * engine.traces(VELOCITY + s * way, PULSE, SOURCE)) for s in (step, -step))
    assert np.sum(by_velocity * way) == pytest.approx((ahead - behind) / (2 * step), rel=1e-6)
    # Records are linear in the wavelet.
    assert np.sum(by_wavelet * PULSE) == pytest.approx(np.sum(residual * engine.traces(VELOCITY, PULSE, SOURCE)))


@pytest.mark.long
def test_kernels_give_what_the_unrolled_cell_gives():
    found = []
    for gradient in ("checkpoint", "autodiff"):
        layer = WaveRNN(
            VELOCITY, SPACING_M, STEP_S, RECEIVERS, width=6, gradient=gradient, density=DENSITY, engine="kernels"
        )
        with tf.GradientTape() as tape:
            traces = layer((PULSE.astype(np.float32), SOURCE + [[0.3, 0.4]]))
            loss = tf.reduce_sum(traces**2)
        found.append((traces.numpy(), tape.gradient(loss, layer.velocity.value).numpy()))
    for one, other in zip(*found, strict=True):
        assert relative_error(one, other) < 1e-5
    again = WaveRNN.from_config(layer.get_config())
    np.testing.assert_array_equal(again.density, layer.density)


def test_an_aperture_has_its_part_of_the_density():
    whole = Apertures(np.array([[0, SHAPE[1]]]), RECEIVERS[None])
    options = {"spacing_m": SPACING_M, "time_step_s": STEP_S, "reference_m_s": 3000.0, "width": 8, "dtype": "float64"}
    apart = AperturePropagator(SHAPE, whole, density=DENSITY, **options)
    found = apart.traces(VELOCITY, PULSE, np.array([[4.0, 5.0, 0.0]]))
    np.testing.assert_allclose(found, waves().traces(VELOCITY, PULSE, SOURCE), rtol=1e-9)


@pytest.mark.parametrize(
    "density, message",
    [
        (DENSITY[:3], r"shape \(16, 20\).*received the shape \(3, 20\)"),
        (-DENSITY, "positive"),
        (np.where(np.arange(20) % 2, 1.0, 90.0) * np.ones(SHAPE), "contrasts of density.*at most"),
    ],
)
def test_bad_density_is_refused(density, message):
    with pytest.raises(ZooError, match=message):
        waves(density=density).traces(VELOCITY, PULSE, SOURCE)
