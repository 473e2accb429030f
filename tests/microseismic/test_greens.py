"""Frames of Green's functions: their principal components, and an emulator that was told the truth."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter1d

import zoo
from zoo import registry
from zoo.microseismic.models import greens_training
from zoo.microseismic.models.greens import PrincipalFrames
from zoo.microseismic.physics import moment_tensor


def test_principal_frames_give_back_what_they_span():
    rng = np.random.default_rng(0)
    frames = (rng.normal(size=(40, 5)) @ rng.normal(size=(5, 24)) + rng.normal(size=24)).astype(np.float32)
    layer = PrincipalFrames(6, 4)
    layer.build((None, 2, 5))
    layer.adapt(frames)
    again = np.asarray(layer(layer.coefficients(frames).reshape(20, 2, 5)))
    assert again.shape == (20, 2, 6, 4)
    np.testing.assert_allclose(again.reshape(40, 24), frames, atol=1e-4)
    np.testing.assert_allclose(layer.basis @ np.asarray(layer.basis).T, np.eye(5), atol=1e-5)


@pytest.fixture(scope="module")
def records():
    """Events of a medium with one P and one S wave of known moveout and radiation."""
    from greens_medium import HomogeneousGreens

    medium = HomogeneousGreens()
    sources_km = np.random.default_rng(0).uniform(medium.lower_km, medium.upper_km, (160, 3)).astype(np.float32)
    about = {"receivers_km": medium.receivers_km[:2].tolist(), "sampling_rate_hz": 250.0, "unit": medium.unit}
    return {"coordinates_km": sources_km, "greens": medium(sources_km).numpy()[:, :2]}, about


@pytest.mark.slow
def test_frames_are_put_together_as_they_were_taken_apart(records):
    """With the true coefficients instead of the network's, only what the components leave out is missing."""
    data, about = records
    recipe = registry.recipe_module("greens_emulator").RECIPE
    settings = {**recipe.choose("", {"inducing_points": 96, "coefficients": 60}), "seed": 0}
    model = recipe.create(settings)
    greens_training.adapt(model, data, settings, about)
    _, targets = greens_training.examples(model, data, settings)
    model.network.call = lambda inputs: targets
    emulated = np.asarray(model.call(data["coordinates_km"]))
    assert emulated.shape == data["greens"].shape
    left = np.sqrt(np.sum((emulated - data["greens"]) ** 2, axis=(1, 2, 3)))
    error = left / np.sqrt(np.sum(data["greens"] ** 2, axis=(1, 2, 3)))
    assert np.median(error) < 0.03


@pytest.mark.slow
def test_a_short_training_learns_and_is_kept(records, tmp_path):
    data, about = records
    recipe = registry.recipe_module("greens_emulator").RECIPE
    changes = {"inducing_points": 96, "coefficients": 30, "epochs": 60, "batch_size": 32}
    settings = {**recipe.choose("", changes), "seed": 0}
    model = recipe.create(settings)
    greens_training.adapt(model, data, settings, about)
    x, y = greens_training.examples(model, data, settings)
    (stage,) = recipe.stages_of(settings)
    stage.compile(stage.trained_part(model), settings, 60 * 10)
    model.network.fit(x, y, batch_size=32, epochs=60, verbose=0)
    greens_training.measure_errors(model, data, settings)
    scores = greens_training.score(model, data)
    assert set(scores) == {"r2d_isotropic", "r2d_double_couple", "r2d_clvd", "r2d_general"}
    assert min(scores.values()) > 0.8
    errors = model.emulator_error
    assert errors["timing_sd_s"].shape == errors["log_amplitude_sd"].shape == (2, 2)
    assert (errors["shape_error"] > 0).all() and (errors["timing_sd_s"] < 0.01).all()
    again = zoo.load(zoo.save(model, tmp_path / "greens_emulator.own", "A copy."))
    np.testing.assert_array_equal(model(data["coordinates_km"]), again(data["coordinates_km"]))
    sample = greens_training.held_out_events(model, data, settings)
    assert sample["traces"].shape == (20, 2, 501) and (sample["noise_sd"] > 0).all()


def test_errors_of_p_and_s_are_measured_as_they_were_made():
    """An emulator whose waves are the truth, moved and scaled by known random errors, and with white noise."""
    rng = np.random.default_rng(0)
    waves = np.diff(gaussian_filter1d(rng.normal(size=(200, 5, 2, 6, 502)), 6.0))
    time_step_s = 0.004
    late_s = rng.normal(scale=[1e-3, 3e-3], size=(200, 5, 2))
    louder = rng.normal(scale=[0.04, 0.1], size=late_s.shape)
    rest = rng.normal(scale=0.01 * np.abs(waves).max(axis=(1, 2, 3, 4))[:, None, None, None], size=waves[:, :, 0].shape)
    derivative = np.gradient(waves, time_step_s, axis=-1)
    wrong = waves * louder[..., None, None] - derivative * late_s[..., None, None]
    greens = (waves + wrong).sum(axis=2) + rest
    sums = greens_training._error_sums(waves, greens, moment_tensor.draw("general", 200, rng), time_step_s)
    errors = greens_training._rms_error(sums)
    assert errors.shape == (6, 5)
    np.testing.assert_allclose(errors[:4].mean(axis=1), [1e-3, 3e-3, 0.04, 0.1], rtol=0.2)
    # What is left is white here, so it is as strong along the signals as elsewhere
    np.testing.assert_allclose(errors[5], errors[4], rtol=0.2)
