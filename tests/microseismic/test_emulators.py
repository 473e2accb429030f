"""Every emulator of the paper's table 1: codes, parts, and what their training learns."""

from __future__ import annotations

import keras
import numpy as np
import pytest

import zoo
from zoo import registry
from zoo.microseismic.models import emulator_training
from zoo.microseismic.models.compression import FrameAutoencoder, PrincipalComponents
from zoo.training import trainer as training

RECEIVERS_KM = [[0.5, 0.5, 2.43], [0.25, 0.75, 2.43]]
LOWER_KM, UPPER_KM = [0.0, 0.0, 0.0], [1.0, 1.0, 2.2]
RECIPES = ["pca_nn_emulator", "pca_gp_emulator", "ae_nn_emulator", "ae_gp_emulator", "d18_emulator"]
SAMPLES = 501


def sources(count, seed=0):
    return np.random.default_rng(seed).uniform(LOWER_KM, UPPER_KM, (count, 3)).astype(np.float32)


def medium(coordinates_km):
    """Return traces (n, 2, samples) of a homogeneous medium: a pulse whose width grows with distance."""
    distance = np.linalg.norm(coordinates_km[:, np.newaxis] - np.array(RECEIVERS_KM), axis=-1)[..., np.newaxis]
    time = (np.arange(SAMPLES) * 0.004 - 0.1 - distance / 1.6) / (0.014 + 0.01 * distance)
    return (-time * np.exp(-0.5 * time**2) / distance).astype(np.float32)


def records_of(coordinates_km):
    return {
        "coordinates_km": coordinates_km,
        "traces": medium(coordinates_km),
        "on_boundary_face": np.zeros(len(coordinates_km), bool),
    }


ABOUT = {"sampling_rate_hz": 250.0, "receivers_km": RECEIVERS_KM, "unit": "Pa"}


def learnt(name, events=250, **changes):
    """Return an emulator with all that is learnt outside of `fit`."""
    keras.utils.set_random_seed(0)
    recipe = registry.recipe_module(name).RECIPE
    settings = {**recipe.choose(), "inducing_points": 60, "depth_nodes": 5, "seed": 0, **changes}
    model, records = recipe.create(settings), records_of(sources(events))
    recipe.before_fit(model, records, settings, ABOUT)
    if recipe.after_fit:
        recipe.after_fit(model, records, settings)
    return model


def r2d_of(model):
    held_out = records_of(0.9 * sources(80, seed=1) + 0.05 * np.float32(UPPER_KM))  # inside the training volume
    return emulator_training.score(model, held_out)["r2d"]


def test_principal_components_give_back_frames_of_their_rank():
    rng = np.random.default_rng(0)
    shapes = rng.normal(size=(2, 3, 50))
    frames = np.einsum("nrk,rkt->nrt", rng.normal(size=(40, 2, 3)) * [5, 1, 0.1], shapes) + 2.0
    layer = PrincipalComponents(3, 50)
    layer.build((None, 2, 3))
    layer.adapt(frames, rng.uniform(0.5, 2, (40, 2)))
    codes = layer.encode(frames)
    np.testing.assert_allclose(np.asarray(layer(codes.astype(np.float32))), frames, atol=1e-4)
    np.testing.assert_allclose(codes.std(axis=0), 1.0, rtol=1e-5)


def test_principal_components_are_those_of_the_covariance():
    frames = np.random.default_rng(0).normal(size=(200, 1, 6)) * [3, 2.5, 1, 1, 0.5, 0.1]
    layer = PrincipalComponents(2, 6)
    layer.build((None, 1, 2))
    layer.adapt(frames, np.ones((200, 1)))
    _, vectors = np.linalg.eigh(np.cov(frames[:, 0].T))
    basis = np.array(layer.basis)[0]
    cosines = np.abs(np.sum(basis * vectors[:, [-1, -2]].T, axis=1)) / np.linalg.norm(basis, axis=1)
    np.testing.assert_allclose(cosines, 1.0, atol=1e-5)


def test_the_autoencoder_has_the_papers_layers_for_each_receiver():
    network = FrameAutoencoder([256, 128, 64], 5, SAMPLES)
    network.build((None, 2, SAMPLES))
    shapes = [tuple(kernel.shape) for kernel in network.encoder.kernels + network.decoder.kernels]
    widths = [501, 256, 128, 64, 5, 64, 128, 256, 501]
    assert shapes == [(2, inputs, outputs) for inputs, outputs in zip(widths[:-1], widths[1:], strict=True)]


@pytest.mark.long
def test_components_by_processes_learn_a_medium():
    assert r2d_of(learnt("pca_gp_emulator", components=6, code_points=60)) > 0.95


@pytest.mark.slow
def test_dominant_samples_by_processes_learn_a_medium():
    assert r2d_of(learnt("d18_emulator", events=120, components=30)) > 0.7


@pytest.mark.long
def test_codes_of_an_autoencoder_are_learnt_from_what_its_encoder_gives():
    model = learnt("ae_gp_emulator", latent=2, code_points=100)
    records = records_of(sources(250))
    features, frames, _ = emulator_training.frames(model, records, {"amplitude_weight": 1.0})
    codes = np.asarray(model.autoencoder.encoder(frames))
    found = np.asarray(model.code_processes(features[..., : model.source_features.smooth]))
    assert (np.std(found - codes, axis=0) < 0.3 * codes.std(axis=0)).all()
    decoded = np.asarray(model.autoencoder.decoder(found))
    np.testing.assert_allclose(np.asarray(model.frames(features)), decoded, atol=1e-5)


def test_the_code_network_of_ae_nn_ends_in_the_decoder_of_the_autoencoder():
    model = learnt("ae_nn_emulator")
    assert model.network.layers[-1] is model.autoencoder.decoder
    recipe = registry.recipe_module("ae_nn_emulator").RECIPE
    stage, last = recipe.stages_of({"epochs": 9, "autoencoder_epochs": 4})
    assert stage.trained_part(model) is model.autoencoder and stage.settings["epochs"] == 4
    assert last.trained_part(model) is model.network and not last.settings


def test_dominant_samples_are_the_largest_in_the_order_of_time():
    d18 = registry.recipe_module("d18_emulator")
    trace = np.array([[0.0, -5.0, 1.0, 4.0, 0.5, -2.0]])
    positions, values = d18.dominant_samples(trace, 3)
    assert positions.tolist() == [[1, 3, 5]] and values.tolist() == [[-5.0, 4.0, -2.0]]
    np.testing.assert_array_equal(
        np.asarray(d18.place_samples(positions.astype(np.float32), values.astype(np.float32), 6))[0],
        [0, -5, 0, 4, 0, -2],
    )


def test_samples_between_positions_are_shared_and_those_that_meet_are_averaged():
    d18 = registry.recipe_module("d18_emulator")
    position = np.array([[[1.25, 3.0, 3.0, 99.0]], [[-3.0, 3.5, 3.5, 2.0]]], np.float32)
    amplitude = np.array([[[4.0, 2.0, 6.0, 1.0]], [[1.0, 2.0, 4.0, 0.0]]], np.float32)
    found = np.asarray(d18.place_samples(position, amplitude, 6))
    np.testing.assert_allclose(found, [[[0, 3, 1, 4, 0, 1]], [[1, 0, 0, 3, 3, 0]]], atol=1e-6)


@pytest.mark.long
@pytest.mark.parametrize("name", RECIPES)
@pytest.mark.parametrize("features", [pytest.param("paper", marks=pytest.mark.slow), "physics"])
def test_saving_and_loading_changes_nothing(name, features, tmp_path):
    keras.utils.set_random_seed(0)
    recipe = registry.recipe_module(name).RECIPE
    model = recipe.create({**recipe.choose(), "inducing_points": 32, "features": features})
    model.configure(RECEIVERS_KM, SAMPLES, 0.004, LOWER_KM, UPPER_KM, 40)
    model.source_features.adapt(sources(100))
    rng = np.random.default_rng(0)
    for variable in model.variables:  # networks, components and processes alike
        if variable.name not in ("lengthscales", "mean", "scale"):
            variable.assign(rng.normal(scale=0.1, size=variable.shape))
    points = sources(7, seed=1)
    expected = np.asarray(model(points))
    assert expected.shape == (7, 2, SAMPLES) and expected.dtype == np.float32 and np.abs(expected).max() > 0
    again = zoo.load(zoo.save(model, tmp_path / "emulator", "A trial."))
    np.testing.assert_array_equal(np.asarray(again(points)), expected)
    assert again.emulator_error.keys() == model.emulator_error.keys()


@pytest.mark.long
@pytest.mark.parametrize(
    "name", ["d18_emulator", *(pytest.param(n, marks=pytest.mark.slow) for n in ("pca_gp_emulator", "ae_nn_emulator"))]
)
def test_the_call_that_xla_compiles_gives_the_same(name):
    import tensorflow as tf

    model = learnt(name, 60, components=4) if name != "ae_nn_emulator" else learnt(name, 60)
    points = sources(5)
    plain = np.asarray(model(points))
    compiled = tf.function(model.call, jit_compile=True)(tf.constant(points))
    np.testing.assert_allclose(np.asarray(compiled), plain, atol=1e-3 * np.abs(plain).max())


def test_recipes_take_the_settings_of_every_emulator_and_their_own():
    for name in RECIPES:
        model = zoo.recipe(name).build(features="paper", uniform_along_y=True)
        assert model.feature_kind == "paper" and model.feature_options["uniform_along_y"]
    assert zoo.recipe("d18_emulator").build(components=7).components == 7


def test_what_fit_trains():
    def stages(name):
        recipe = registry.recipe_module(name).RECIPE
        return [stage.name for stage in recipe.stages_of(recipe.choose())]

    assert stages("pca_gp_emulator") == stages("d18_emulator") == []  # processes alone
    assert stages("ae_gp_emulator") == ["autoencoder"]
    assert stages("ae_nn_emulator") == ["autoencoder", "network"]
    assert stages("pca_nn_emulator") == ["network"]


@pytest.mark.slow
@pytest.mark.parametrize("name", RECIPES)
def test_a_smoke_training_makes_a_checkpoint(name, small_dataset, tmp_path):
    out = training.train(zoo.recipe(name), out=tmp_path / name, smoke=True, data_dir=small_dataset)
    assert np.isfinite(np.asarray(zoo.load(out)(sources(3)))).all()
    fitted = name.endswith(("nn_emulator", "ae_gp_emulator"))
    assert bool(zoo.info(out)["epochs"]) == fitted == (out / "history.csv").is_file()
