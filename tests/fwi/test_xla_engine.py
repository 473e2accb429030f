"""The engine XLA gives what the kernels give: records and gradients, whatever can be set; it skips without JAX."""

from __future__ import annotations

import importlib.util
from dataclasses import replace

import numpy as np
import pytest

from zoo.cli import main
from zoo.errors import ZooError
from zoo.fwi.inversion.fit import Settings, fit_velocity
from zoo.fwi.inversion.survey import Survey, simulate
from zoo.fwi.physics.acoustic import ricker
from zoo.fwi.physics.acoustic_apertures import AperturePropagator, Apertures, apertures_around
from zoo.fwi.physics.acoustic_propagator import Propagator
from zoo.fwi.physics.velocity_models import VelocityModel, write_velocity_model
from zoo.fwi.physics.xla import XlaPropagator
from zoo.fwi.physics.xla_apertures import XlaApertures
from zoo.training.metrics import relative_error

with_jax = pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="JAX is not installed")
SHAPE, SPACING_M, STEP_S, STEPS, TOP_M_S = (18, 24), 10.0, 0.0012, 130, 3200.0
RECEIVERS = np.array([[3.0, 4.0], [3.0, 7.4], [2.3, 11.0], [9.6, 20.2], [3.0, 4.0]])
DENSITY = 1 + np.random.default_rng(2).random(SHAPE).cumsum(1) / 20
SOURCES = np.array([[1.4, 5.0], [8.0, 12.0], [3.3, 17.8]])


def both(shape=SHAPE, receivers=RECEIVERS, **options):
    """The same waves by the kernels and by XLA."""
    return [kind(shape, SPACING_M, STEP_S, receivers, TOP_M_S, **options) for kind in (Propagator, XlaPropagator)]


def velocities(shape=SHAPE):
    return 1800 + 1200 * np.random.default_rng(0).random(shape).cumsum(0) / shape[0]


def pulses(count=3):
    return np.stack([ricker(20.0 + 3 * i, STEP_S, STEPS) * 10.0**i for i in range(count)])


def compared(waves, medium, sources, limit=1e-5):
    """Records and gradients of both agree; the residual is no field that they have simulated."""
    found = []
    for engine in waves:
        traces, marks = engine.traces(medium, pulses(len(sources)), sources, keep=True)
        residual = np.random.default_rng(1).normal(size=traces.shape).cumsum(1).astype(np.float32)
        kept = engine.gradient(medium, pulses(len(sources)), sources, residual, marks)
        found.append((traces, *kept))
        if engine is waves[1]:
            for one, other in zip(kept, engine.gradient(medium, pulses(len(sources)), sources, residual), strict=True):
                np.testing.assert_array_equal(one, other)
    for one, other in zip(*found, strict=True):
        assert np.linalg.norm(one) > 0 and relative_error(other, one) < limit


@with_jax
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"free_surface": True, "order": 8, "width": 9, "density": DENSITY},
        {"absorber": "sponge", "width": 10, "order": 2, "store_all": True},
    ],
    ids=lambda options: "-".join(options) or "plain",
)
def test_records_and_gradient_are_those_of_the_kernels(options):
    compared(both(**options), velocities(), SOURCES)


@with_jax
def test_a_column():
    """Its gradient is a sum of large terms: single precision loses more than 1e-5 of it, by XLA no more than by the
    kernels, measured against kernels in double precision."""
    shape, receivers, sources = (40, 1), np.array([[2.0, 0.0], [11.3, 0.0]]), np.array([[5.4, 0.0], [20.0, 0.0]])
    single, by_xla = both(shape, receivers, free_surface=True)
    exact, _ = both(shape, receivers, free_surface=True, dtype="float64")
    found, residual = [], np.random.default_rng(1).normal(size=(2, STEPS, 2)).cumsum(1).astype(np.float32)
    for engine in (single, by_xla, exact):
        traces = engine.traces(velocities(shape), pulses(2), sources)
        found.append((traces, *engine.gradient(velocities(shape), pulses(2), sources, residual)))
    for kernels, other, wanted in zip(*found, strict=True):
        assert relative_error(other, wanted) < max(1e-5, 1.5 * relative_error(kernels, wanted)) < 3e-5


@with_jax
def test_more_shots_than_go_side_by_side(monkeypatch):
    """They go in parts of one size; the last is filled with shots at rest."""
    from zoo.fwi.physics import xla

    whole = both()[1].traces(velocities(), pulses(), SOURCES)
    waves = both()[1]
    each = waves.kept_bytes(STEPS) + (xla._segment(STEPS, False) + 12) * waves._field_bytes
    monkeypatch.setattr(xla, "_MOST_BYTES", 2 * each)
    assert waves._parts(3, STEPS) == (2, [slice(0, 2), slice(2, 3)])
    assert relative_error(waves.traces(velocities(), pulses(), SOURCES), whole) < 1e-6


def test_without_jax_the_engine_says_what_to_install(monkeypatch):
    monkeypatch.setattr("zoo.fwi.physics.xla.available", lambda: False)
    with pytest.raises(ZooError, match=r"pip install 'seismic-zoo\[jax\]'"):
        both()[1].traces(velocities(), pulses(), SOURCES)


def apart(**options):
    """Shots that each see a part of the grid, two widths among five of them, by the kernels and by XLA."""
    columns = np.array([[0, 24], [2, 24], [0, 24], [1, 23], [0, 22]])
    receivers = np.stack([RECEIVERS[:3] + [0, shift] for shift in (0.0, 2.3, 4.0, 5.6, 1.0)])
    options = {"spacing_m": SPACING_M, "time_step_s": STEP_S, "reference_m_s": TOP_M_S, **options}
    return [kind(SHAPE, Apertures(columns, receivers), **options) for kind in (AperturePropagator, XlaApertures)]


SEEN = np.array([[1.4, 5.0, 0], [8.0, 12.0, 3], [3.3, 11.8, 1], [5.0, 9.2, 4]])


@with_jax
@pytest.mark.parametrize("options", [{}, {"free_surface": True, "width": 9, "density": DENSITY}], ids=["plain", "all"])
def test_records_and_gradient_within_apertures_are_those_of_the_kernels(options, monkeypatch):
    """Shots of the same width go side by side, two at a time here; the last batch is filled with shots at rest."""
    from zoo.fwi.physics import xla

    waves = apart(**options)
    assert [len(batch.shots) for batch in waves[1]._batches(SEEN, STEPS)] == [3, 1]
    one = waves[1]._propagator(1)
    each = one.kept_bytes(STEPS) + (xla._segment(STEPS, False) + 12) * one._field_bytes
    monkeypatch.setattr(xla, "_MOST_BYTES", 2 * each)
    compared(waves, velocities(), SEEN)


def test_apertures_have_few_widths_within_the_grid():
    rng = np.random.default_rng(0)
    sources = np.stack([np.full(60, 2.0), rng.uniform(0, 299, 60)], 1)
    receivers = np.clip(sources[:, None] + [0, 1] * rng.uniform(-40, 40, (60, 12, 1)), 0, 299)
    found = apertures_around(sources, receivers, np.ones((60, 12)), 300, 20.0).columns
    assert set(np.diff(found, axis=1)[:, 0]) <= {48, 64, 80, 96, 112, 128, 144}
    assert found.min() >= 0 and found.max() <= 300
    heard = np.concatenate([sources[:, None, 1], receivers[..., 1]], 1)
    assert (found[:, 0] <= np.maximum(heard.min(1) - 20, 0)).all()
    assert (found[:, 1] - 1 >= np.minimum(heard.max(1) + 20, 299)).all()
    narrow = apertures_around(sources[:1] * 0, receivers[:1] * 0, np.ones((1, 12)), 10, 20.0)
    assert narrow.columns.tolist() == [[0, 10]]


def earth() -> tuple[VelocityModel, VelocityModel, Survey]:
    """A fast block, the start without it, two shots."""
    velocity = np.full((12, 16), 1900.0)
    start = VelocityModel(velocity.copy(), SPACING_M, "start")
    velocity[5:8, 6:10] += 150
    receivers = [[1.2, column + 0.3] for column in range(1, 15, 2)]
    empty = Survey(np.tile(ricker(14.0, 0.0015, 120), (2, 1)), [[1.0, 3.3], [1.0, 12.0]], receivers, 0.0015)
    observed = simulate(velocity, SPACING_M, empty, width=6, engine="kernels")
    return start, VelocityModel(velocity, SPACING_M, "block"), replace(empty, observed=observed)


@with_jax
def test_inversions_by_xla_are_those_by_kernels(tmp_path, monkeypatch):
    """Under TensorFlow XLA is called from its graph, under JAX it is part of it; scipy's methods work on both."""
    start, true, survey = earth()
    chosen = Settings(iterations=4, width=6, learning_rate=10.0, wavelet_every=0)
    monkeypatch.setattr("zoo.fwi.inversion.state._SAVE_EVERY_S", 0.0)

    def stop(iteration, row, velocity):
        if iteration == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit_velocity(start, survey, chosen, folder=tmp_path, callback=stop, engine="xla")
    resumed = fit_velocity(start, survey, chosen, folder=tmp_path, engine="xla")
    plain = fit_velocity(start, survey, chosen, engine="kernels")
    assert relative_error(resumed.velocity_m_s - start.velocity_m_s, plain.velocity_m_s - start.velocity_m_s) < 1e-3
    assert resumed.model.waves.engine == "xla" and plain.model.waves.engine == "kernels"
    for optimizer in ("cg", "l-bfgs-b"):
        found = [
            [row["loss"] for row in fit_velocity(start, survey, replace(chosen, optimizer=optimizer), engine=e).history]
            for e in ("xla", "kernels")
        ]
        assert found[0] == pytest.approx(found[1], rel=1e-3) and found[0][-1] < 0.5 * found[0][0]


@with_jax
def test_an_inversion_within_apertures_by_xla_is_that_by_kernels():
    """Under TensorFlow and under JAX, where such shots are no part of what is compiled."""
    start, true, survey = earth()
    survey = replace(survey, receivers=np.tile(np.asarray(survey.receivers)[None], (2, 1, 1)))
    survey = survey.within(np.array([[0, 15], [1, 16]]))
    chosen = Settings(iterations=2, width=6, learning_rate=10.0, wavelet_every=0)
    found = [fit_velocity(start, survey, chosen, engine=engine) for engine in ("xla", "kernels")]
    changes = [one.velocity_m_s - start.velocity_m_s for one in found]
    assert relative_error(*changes) < 1e-3 and np.abs(changes[1]).max() > 5
    assert found[0].model.waves.engine == "xla"


@with_jax
def test_the_command_runs_by_xla(tmp_path, capsys):
    """`zoo fwi --engine xla`, and again: the same answer without another iteration; another engine is another run."""
    start, true, survey = earth()
    write_velocity_model(start, tmp_path / "start.npz")
    shots = {"observed": survey.observed, "time_step_s": survey.time_step_s}
    shots |= {"sources_m": np.array(survey.sources) * SPACING_M, "receivers_m": np.array(survey.receivers) * SPACING_M}
    np.savez(tmp_path / "shots.npz", **shots)
    command = ["fwi", str(tmp_path / "shots.npz"), "--start", str(tmp_path / "start.npz"), "--wavelet", "ricker:14"]
    command += ["--out", str(tmp_path / "out"), "--set", "iterations=2", "width=6", "hold_out=0"]
    assert main([*command, "--engine", "xla"]) == 0
    first = (tmp_path / "out" / "history.csv").read_text()
    assert main([*command, "--engine", "xla"]) == 0
    assert (tmp_path / "out" / "history.csv").read_text() == first
    assert main(command) != 0 and "another run (engine differs)" in capsys.readouterr().err
