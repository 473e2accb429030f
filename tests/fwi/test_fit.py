"""Inversions of a small earth: they find it, keep what must stay, go on after an interruption, refuse bad input."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

import zoo
from zoo.errors import UsageError, ZooError
from zoo.fwi.inversion.fit import Settings, fit_velocity
from zoo.fwi.inversion.survey import Survey, free_cells, simulate
from zoo.fwi.physics.acoustic import check_stability, ricker
from zoo.fwi.physics.velocity_models import VelocityModel, read_velocity_model

SPACING_M, STEP_S, SAMPLES = 10.0, 0.0015, 200
WAVES = {"width": 8}


def earth() -> VelocityModel:
    """A fast block in 2000 m/s below four rows of water, 30 x 40 cells."""
    velocity = np.full((30, 40), 2000, np.float32)
    velocity[12:18, 15:25] = 2200
    velocity[:4] = 1500
    return VelocityModel(velocity, SPACING_M, "block", "synthetic: test", np.full(40, 4, np.int32))


@pytest.fixture(scope="module")
def true():
    return earth()


@pytest.fixture(scope="module")
def start(true):
    return replace(true, velocity_m_s=np.where(true.water, 1500, 2000), title="start")


@pytest.fixture(scope="module")
def survey(true):
    """Three shots near the top, receivers along the bottom and the top."""
    sources = [[5, 8], [5, 20], [5, 31]]
    receivers = [[row, x] for row in (5, 27) for x in range(0, 40, 2)]
    wavelet = np.tile(ricker(14.0, STEP_S, SAMPLES), (3, 1))
    empty = Survey(wavelet, sources, receivers, STEP_S)
    return replace(empty, observed=simulate(true.velocity_m_s, SPACING_M, empty, **WAVES))


def settings(**changes) -> Settings:
    return Settings(**{"learning_rate": 15.0, "iterations": 12, **WAVES, **changes})


def error(velocity, true):
    return np.sqrt(np.mean((velocity - true.velocity_m_s) ** 2))


def test_adam_finds_the_block_and_tells_its_history(survey, start, true):
    seen = []
    chosen = settings(iterations=25, wavelet_every=0)
    result = fit_velocity(start, survey, chosen, truth=true, callback=lambda *a: seen.append(a))
    rows = result.history
    assert rows[-1]["loss"] < 0.1 * rows[0]["loss"]
    assert error(result.velocity_m_s, true) < 0.9 * error(start.velocity_m_s, true)
    assert rows[-1]["model_rmse_m_s"] == pytest.approx(error(result.velocity_m_s, true), rel=1e-5)
    assert [row["iteration"] for row in rows] == list(range(1, 26)) and rows[-1]["gradients"] == 75
    assert all(b["cpu_s"] >= a["cpu_s"] for a, b in zip(rows, rows[1:], strict=False))
    np.testing.assert_array_equal(result.velocity_m_s[:4], start.velocity_m_s[:4])  # water
    assert set(result.snapshots) == set(range(26))
    np.testing.assert_array_equal(result.snapshots[0], start.velocity_m_s)
    np.testing.assert_array_equal(result.snapshots[25], result.velocity_m_s)
    assert [s[0] for s in seen] == list(range(1, 26)) and seen[3][1] == rows[3]
    # The first loss is the paper's J of the start's records, the data in units of their rms.
    residual = simulate(start.velocity_m_s, SPACING_M, survey, **WAVES) - survey.observed
    expected = 0.5 * np.sum(residual**2) / 3 / np.mean(survey.observed**2)
    assert rows[0]["loss"] == pytest.approx(expected, rel=1e-4)
    # The model holds its survey.
    predicted = result.model.traces()
    assert np.sum((predicted - survey.observed) ** 2) < 0.15 * np.sum(residual**2)


@pytest.mark.parametrize("name", ("cg", "l-bfgs-b", "tnc"))
def test_scipy_on_the_same_objective(survey, start, true, name):
    chosen = settings(optimizer=name, iterations=20, bounds=(1900.0, 2300.0))
    result = fit_velocity(start, survey, chosen, truth=true)
    losses = [row["loss"] for row in result.history]
    assert len(losses) == 20 and losses == sorted(losses, reverse=True) and losses[-1] < 0.8 * losses[0]
    rock = result.velocity_m_s[~true.water]
    assert rock.min() >= 1900 and rock.max() <= 2300.01
    assert error(result.velocity_m_s, true) < error(start.velocity_m_s, true)


def test_units_of_the_data_do_not_matter(survey, start):
    tiny = replace(survey, wavelet=1e-9 * survey.wavelet, observed=1e-9 * survey.observed)
    a, b = (fit_velocity(start, s, settings(iterations=3)).velocity_m_s for s in (survey, tiny))
    np.testing.assert_allclose(a, b, atol=0.5)
    assert np.abs(a - start.velocity_m_s).max() > 10


def test_dead_traces_do_not_matter(survey, start):
    weights = np.ones(survey.observed.shape[::2], np.float32)
    weights[1, 5:9] = 0
    spoilt = survey.observed.copy()
    spoilt[1, :, 5:9] = 30 * spoilt.max()
    clean = np.where(weights[:, None] > 0, survey.observed, 0)
    found = [
        fit_velocity(start, replace(survey, observed=o, weights=weights), settings(iterations=3))
        for o in (spoilt, clean)
    ]
    np.testing.assert_allclose(found[0].velocity_m_s, found[1].velocity_m_s, atol=0.05)


def test_filtered_data_are_the_data_of_the_filtered_wavelet(survey, true):
    low = survey.low_passed(9.0)
    again = simulate(true.velocity_m_s, SPACING_M, low, **WAVES)
    assert np.linalg.norm(again - low.observed) < 2e-5 * np.linalg.norm(low.observed)
    assert np.linalg.norm(low.observed) < 0.6 * np.linalg.norm(survey.observed)
    with pytest.raises(UsageError, match="333"):
        survey.low_passed(400.0)


def test_bands_minibatches_and_misfits(survey, start, true):
    stages = settings(bands_hz=(9.0, 14.0), iterations=10)
    assert stages.stages() == [(9.0, 4), (14.0, 3), (None, 3)]
    result = fit_velocity(start, survey, replace(stages, misfit="envelope"), truth=true)
    assert [row["stage"] for row in result.history] == [1] * 4 + [2] * 3 + [3] * 3
    assert result.history[3]["loss"] < result.history[0]["loss"]
    small = fit_velocity(start, survey, settings(batch_size=1, misfit="correlation", learning_rate=8.0), truth=true)
    assert small.history[-1]["gradients"] == 36
    assert small.history[-1]["loss"] < 0.5 * small.history[0]["loss"]
    # Each update moves by about the learning rate, three times an iteration.
    assert 9 < np.abs(small.snapshots[1] - start.velocity_m_s).max() < 25


def test_a_taper_holds_the_steps_of_adam_back(survey, start):
    mask = free_cells(start.shape, [[5, 20]], 6.0, start.water_rows)
    assert mask[5, 20] == 0 and (mask[:4] == 0).all() and mask[5, 26] == 1 and 0.4 < mask[8, 20] < 0.6
    found = (
        fit_velocity(start, survey, settings(iterations=1, taper_m=60.0, damping=0.0)).velocity_m_s - start.velocity_m_s
    )
    assert found[5, 20] == 0
    assert np.abs(found[8, 20]) < 0.6 * 15 and np.abs(found[20, 20]) == pytest.approx(15, rel=0.05)
    moved = fit_velocity(replace(start, water_rows=None), survey, settings(iterations=1)).velocity_m_s
    assert (moved[:4] != 1500).any() and moved[5, 20] != start.velocity_m_s[5, 20]


def test_a_network_of_the_coordinates_begins_at_the_start(survey, start, true):
    chosen = settings(network=True, learning_rate=1e-3, iterations=20, wavelet_every=0, bounds=(1900.0, 2300.0))
    result = fit_velocity(start, survey, chosen, truth=true)
    residual = simulate(start.velocity_m_s, SPACING_M, survey, **WAVES) - survey.observed
    expected = 0.5 * np.sum(residual**2) / 3 / np.mean(survey.observed**2)
    assert result.history[0]["loss"] == pytest.approx(expected, rel=1e-3)  # the absorber is made for the bounds
    assert result.history[-1]["loss"] < 0.6 * expected
    assert (result.velocity_m_s[:4] == 1500).all()
    assert len(result.model.trainable_weights) == 8


def test_a_model_is_a_checkpoint(survey, start, tmp_path):
    for changes in ({}, {"network": True, "learning_rate": 1e-3}):
        model = fit_velocity(start, survey, settings(iterations=2, bounds=(1400.0, 3000.0), **changes)).model
        again = zoo.load(zoo.save(model, tmp_path / "copy.of", "A copy."))
        assert json.dumps(again.get_config()) == json.dumps(model.get_config())
        np.testing.assert_array_equal(again.velocity_m_s, model.velocity_m_s)
        np.testing.assert_array_equal(again.traces(), model.traces())


@pytest.mark.parametrize("name", ("adam", "momentum", "l-bfgs-b"))
def test_an_interrupted_inversion_goes_on(survey, start, true, tmp_path, monkeypatch, name):
    monkeypatch.setattr("zoo.fwi.inversion.state._SAVE_EVERY_S", 0.0)
    chosen = settings(optimizer=name, bands_hz=(9.0,), iterations=8, batch_size=None if name == "l-bfgs-b" else 1)

    def stop(iteration, row, velocity):
        if iteration == 6:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit_velocity(start, survey, chosen, folder=tmp_path, truth=true, callback=stop)
    with pytest.raises(ZooError, match="other settings"):
        fit_velocity(start, survey, replace(chosen, learning_rate=1.0), folder=tmp_path)
    seen = []
    result = fit_velocity(start, survey, chosen, folder=tmp_path, truth=true, callback=lambda i, *_: seen.append(i))
    assert seen == [6, 7, 8]
    whole = fit_velocity(start, survey, chosen, truth=true)
    assert [row["iteration"] for row in result.history] == list(range(1, 9))
    assert set(result.snapshots) == set(whole.snapshots)
    if name != "l-bfgs-b":  # whose memory is gone
        np.testing.assert_allclose(result.velocity_m_s, whole.velocity_m_s, atol=0.01)
        np.testing.assert_allclose(
            [row["loss"] for row in result.history], [row["loss"] for row in whole.history], rtol=1e-4
        )
    # Finished: nothing is left to do, and the same comes back.
    again = fit_velocity(start, survey, chosen, folder=tmp_path, callback=stop)
    np.testing.assert_array_equal(again.velocity_m_s, result.velocity_m_s)
    assert again.history == result.history


def test_a_misfit_that_is_not_finite_stops_and_leaves_the_last_good_model(survey, start, tmp_path):
    with pytest.raises(ZooError, match=r"in iteration \d+, with velocities of .*last_good.npz"):
        fit_velocity(start, survey, settings(learning_rate=900.0, iterations=30, damping=0.0), folder=tmp_path)
    good = read_velocity_model(tmp_path / "last_good.npz")
    assert good.spacing_m == SPACING_M and (good.velocity_m_s != start.velocity_m_s).any()
    check_stability(good.velocity_m_s.max(), SPACING_M, STEP_S)
    assert not (tmp_path / "state.npz").exists()  # it would lead there again


def test_bad_surveys_are_refused(survey, start):
    def refused(message, **changes):
        with pytest.raises(ZooError, match=message):
            fit_velocity(start, replace(survey, **changes), settings())

    spoilt = survey.observed.copy()
    spoilt[1, 7, 3] = np.nan
    refused(r"observed has 1 values .* first at \(1, 7, 3\)", observed=spoilt)
    refused(r"observed must have the shape \(3, 200, 40\); received \(3, 199, 40\)", observed=spoilt[:, 1:])
    refused("no observed", observed=None)
    refused("All observed traces are zero", observed=0 * survey.observed)
    refused(r"receiver 1 is at \(z, x\) = \(3, 40\), outside the grid of 30 x 40", receivers=[[0, 0], [3, 40]])
    refused(r"source 0 is at .*-1", sources=[[-1, 0], [3, 4], [3, 5]])
    refused(r"sources must be \(3, 2\)", sources=[[1, 0]])
    refused(r"weights must have the shape \(3, 40\)", weights=np.ones((3, 1)))
    refused("unstable", time_step_s=0.004)
    refused("grid points", wavelet=np.tile(ricker(40.0, STEP_S, SAMPLES), (3, 1)))


def test_settings_that_do_not_fit_are_refused(survey, start):
    def refused(message, **changes):
        with pytest.raises(ZooError, match=message):
            fit_velocity(start, survey, settings(**changes))

    refused("Did you mean adam", optimizer="adma")
    refused("Did you mean envelope", misfit="envelop")
    refused("all shots", optimizer="cg", batch_size=1)
    refused("1 to 3 shots", batch_size=4)
    refused("about 1e-3", network=True)
    refused("2000 to 2000 m/s, the bounds are 2100", bounds=(2100.0, 2500.0))
    refused("Bounds are", bounds=(2500.0, 2100.0))
    refused("unstable", bounds=(1500.0, 5000.0))
    refused("3 stages", bands_hz=(5.0, 9.0), iterations=2)
