"""Density that varies: reflections as theory has them, reciprocity, an exact gradient, the same in kernels and cell."""

from __future__ import annotations

import importlib.util
import json
import pickle

import numpy as np
import pytest
import tensorflow as tf

from zoo.cli import main
from zoo.errors import UsageError, ZooError
from zoo.fwi.inversion.density import density_of
from zoo.fwi.inversion.shots_on_grid import to_survey
from zoo.fwi.inversion.survey import Survey, simulate
from zoo.fwi.models.wave import WaveRNN
from zoo.fwi.physics.acoustic import ricker
from zoo.fwi.physics.acoustic_apertures import AperturePropagator, Apertures
from zoo.fwi.physics.acoustic_density import longest_stable_step_s
from zoo.fwi.physics.acoustic_propagator import Propagator
from zoo.fwi.physics.velocity_models import VelocityModel, write_velocity_model
from zoo.fwi.shots import Shots
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
    for engine in (apart, pickle.loads(pickle.dumps(apart))):  # as a cluster's workers get it
        found = engine.traces(VELOCITY, PULSE, np.array([[4.0, 5.0, 0.0]]))
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


START = VelocityModel(np.full((24, 40), 2000.0), 10.0, "start")


def test_gardner_s_density_is_that_of_the_start_and_of_water():
    velocity = np.where(np.arange(24) < 5, 1500.0, 2500.0)[:, None] * np.ones((24, 40))
    sea = VelocityModel(velocity, 10.0)
    for start in (sea, sea.with_water()):  # SEG-Y does not say where water is
        density, (note,) = density_of("gardner", start)
        assert (density[:5] == 1000).all() and density[5:] == pytest.approx(2192, abs=1)
        assert "1000 to 2192 kg/m3" in note and "1000 in its water" in note
    soil = VelocityModel(np.where(np.arange(24) < 5, 700.0, 2500.0)[:, None] * np.ones((24, 40)), 10.0)
    assert density_of("gardner", soil)[0][0, 0] == pytest.approx(1595, abs=1)
    assert density_of(None, START) == (None, ())


@pytest.mark.parametrize("suffix", ["npz", "nc", "segy", "bin"])
def test_density_is_read_from_the_formats_of_models(tmp_path, suffix):
    density = 1.8 + 0.4 * np.random.default_rng(3).random(START.shape)  # in g/cm3
    path = tmp_path / f"density.{suffix}"
    if suffix == "npz":
        np.savez(path, density_kg_m3=density, spacing_m=10.0)
    elif suffix == "nc":
        import h5py

        with h5py.File(path, "w") as file:
            file["density_kg_m3"], file.attrs["spacing_m"] = density, 10.0
    else:
        write_velocity_model(VelocityModel(1000 * density, 10.0), path)
    found, (note,) = density_of(path, START)
    np.testing.assert_allclose(found, 1000 * density, rtol=1e-6)
    assert path.name in note


@pytest.mark.parametrize(
    "given, message",
    [
        ({"density_kg_m3": np.full((3, 4), 2000.0), "spacing_m": 10.0}, r"shape \(3, 4\), the start \(24, 40\)"),
        ({"density_kg_m3": np.full((24, 40), 2000.0), "spacing_m": 5.0}, "cells of 5 m, the start of 10 m"),
        ({"density_kg_m3": np.full((24, 40), 5500.0), "spacing_m": 10.0}, "Are these velocities"),
        ({"density_kg_m3": np.zeros((24, 40)), "spacing_m": 10.0}, "must be positive; 960 of 960"),
        ({"velocity_m_s": np.full((24, 40), 2000.0), "spacing_m": 10.0}, "has no density_kg_m3"),
    ],
)
def test_density_that_does_not_suit_the_start_is_refused(tmp_path, given, message):
    np.savez(tmp_path / "density.npz", **given)
    with pytest.raises(ZooError, match=message):
        density_of(tmp_path / "density.npz", START)
    with pytest.raises(UsageError, match="gardner or a file"):
        density_of("gardener", START)


def test_shots_get_a_time_step_that_is_stable_with_contrasts():
    """2.2 ms are stable at 2500 m/s, but not where density changes from cell to cell: simulating them would refuse."""
    density = np.where(np.arange(40) % 2, 1000.0, 4000.0) * np.ones(START.shape)
    count = np.arange(6)
    places = {"source_x_m": 0 * count + 50.0, "source_depth_m": 0 * count + 20.0, "receiver_depth_m": 0 * count + 20.0}
    shots = Shots(np.ones((6, 90)), 0.0022, 0 * count, receiver_x_m=100.0 + 40 * count, **places)
    steps = [to_survey(shots, START, "ricker:9", width=6, density=of)[0].time_step_s for of in (None, density)]
    assert steps == [0.0022, pytest.approx(0.0011)]
    limit = longest_stable_step_s(density, 2500.0, 10.0, 4)
    assert 0.0011 < limit < 0.0022 < longest_stable_step_s(np.ones(START.shape), 2500.0, 10.0, 4)


@pytest.fixture(scope="module")
def shots_over_a_dense_layer(tmp_path_factory):
    """A folder with shots over a layer that differs in density alone."""
    folder = tmp_path_factory.mktemp("dense")
    density = np.where(abs(np.arange(24) - 14) < 3, 4000.0, 1500.0)[:, None] * np.ones((24, 40))
    asked = Survey(
        np.tile(ricker(14.0, 0.001, 300), (2, 1)),
        [[2.0, 8.0], [2.0, 30.0]],
        [[2.0, x + 0.4] for x in range(1, 39, 3)],
        0.001,
    )
    observed = simulate(START.velocity_m_s, 10.0, asked, width=8, density=density)
    write_velocity_model(START, folder / "start.npz")
    np.savez(folder / "density.npz", density_kg_m3=density, spacing_m=10.0)
    places = {f"{name}_m": np.array(getattr(asked, name)) * 10.0 for name in ("sources", "receivers")}
    np.savez(folder / "shots.npz", observed=observed[:, 1::2], time_step_s=0.002, first_sample_s=0.002, **places)
    return folder


WITH_JAX = pytest.param("xla", marks=pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="no JAX"))


@pytest.mark.parametrize("engine", ["kernels", WITH_JAX])
def test_the_command_takes_a_density(shots_over_a_dense_layer, tmp_path, engine, capsys, monkeypatch):
    """With it the start explains all; without it the layer is a residual that velocities would have to explain."""
    monkeypatch.setattr("zoo.fwi.inversion.result.Inversion._draw", lambda *_: None)
    folder = shots_over_a_dense_layer
    command = ["fwi", str(folder / "shots.npz"), "--start", str(folder / "start.npz"), "--wavelet", "ricker:14"]
    command += ["--engine", engine, "--set", "iterations=1", "width=8", "bounds=1500,2500", "--out"]
    misfit = {}
    for name, given in (("constant", ()), ("layer", ("--density", str(folder / "density.npz")))):
        assert main([*command, str(tmp_path / name), *given]) == 0
        summary = json.loads((tmp_path / name / "summary.json").read_text())
        misfit[name] = summary["relative_misfit"]["start"]
    assert misfit["constant"] > 0.1 > 0.02 > misfit["layer"]
    assert summary["density_kg_m3"] == {"min": 1500.0, "max": 4000.0}
    assert any("1500 to 4000 kg/m3 (density.npz); it stays" in note for note in summary["notes"])
    assert main([*command, str(tmp_path / "layer"), "--density", "gardner"]) != 0
    assert "another run (density differs)" in capsys.readouterr().err
