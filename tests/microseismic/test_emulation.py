"""Layers and fits that emulators are made of, against GPflow, formulas and each other."""

from __future__ import annotations

import keras
import numpy as np
import pytest

import zoo
from zoo import registry
from zoo.errors import UsageError, ZooError
from zoo.microseismic.models import emulator_training, trace_alignment
from zoo.microseismic.models.emulator import ShiftAndScale
from zoo.microseismic.models.source_features import SourceFeatures
from zoo.training.fine_tuning import take_over

RECEIVERS_KM = [[0.5, 0.5, 2.43], [0.25, 0.75, 2.43]]
LOWER_KM, UPPER_KM = [0.0, 0.0, 0.0], [1.0, 1.0, 2.4]
RECIPES = ["nn_direct_emulator", "cvae_emulator"]


def pulse(time):
    """First derivative of a Gaussian of 3.5 samples, the published pulse."""
    return -time / 3.5 * np.exp(-0.5 * (time / 3.5) ** 2)


def sources(count, seed=0):
    return np.random.default_rng(seed).uniform(LOWER_KM, UPPER_KM, (count, 3)).astype(np.float32)


def configured(recipe, **options):
    keras.utils.set_random_seed(0)
    model = registry.recipe_module(recipe).RECIPE
    model = model.create({**model.choose(), "inducing_points": 32, **options})
    model.configure(RECEIVERS_KM, 501, 0.004, LOWER_KM, UPPER_KM, 40)
    model.source_features.adapt(sources(200))
    # Arrivals inside the record, at every receiver: slowness 0.9 s/km and amplitude e / distance.
    model.processes.offset.assign(np.tile([0.9, 1.0], (2, 1)))
    return model


def test_shift_and_scale_moves_a_pulse_by_any_fraction():
    shift = np.array([[-39.6], [-0.5], [0.0], [0.25], [17.0], [200.77], [459.9]])
    time = np.arange(501)
    frame = np.tile(pulse(time - 40.0), (len(shift), 1, 1)).astype(np.float32)
    amplitude = np.linspace(1, 3, len(shift))[:, np.newaxis]
    found = ShiftAndScale(-40, 460)(frame, shift.astype(np.float32), amplitude.astype(np.float32))
    expected = amplitude[..., np.newaxis] * pulse(time - 40.0 - shift[..., np.newaxis])
    np.testing.assert_allclose(np.asarray(found), expected, atol=1e-3)


def test_peaks_and_alignment_are_exact_to_a_fraction_of_a_sample():
    when = np.array([25.3, 120.0, 333.72])
    traces = np.array([5.0, 2.0, 9.0])[:, np.newaxis] * pulse(np.arange(501) - when[:, np.newaxis])
    position, height = trace_alignment.peaks(traces)
    np.testing.assert_allclose(position, when - 3.5, atol=0.02)
    np.testing.assert_allclose(height, np.array([5.0, 2.0, 9.0]) * np.exp(-0.5), rtol=1e-3)
    moved = trace_alignment.shift_traces(traces, 40 - position) / height[:, np.newaxis]
    np.testing.assert_allclose(moved, np.tile(moved[:1], (3, 1)), atol=0.02)


def test_a_pick_of_another_arrival_is_an_outlier():
    depth = np.linspace(0, 1, 200)
    slowness = 0.9 + 0.1 * depth
    slowness[[3, 150]] *= [0.4, 1.6]
    assert np.flatnonzero(trace_alignment.is_outlier(slowness, depth)).tolist() == [3, 150]


def test_paper_features_are_offsets_and_distance_standardised():
    layer = SourceFeatures(RECEIVERS_KM, LOWER_KM, UPPER_KM, kind="paper")
    layer.build((None, 3))
    points = sources(100)
    layer.adapt(points)
    offset = points[:, np.newaxis] - np.array(RECEIVERS_KM)
    raw = np.concatenate([offset, np.linalg.norm(offset, axis=-1, keepdims=True)], axis=-1)
    np.testing.assert_allclose(np.asarray(layer(points)), (raw - raw.mean(0)) / raw.std(0), atol=1e-4)


def test_paper_features_know_symmetry_and_the_periodic_grid():
    periodic = {"periodic_spacing_km": [0.0125, 0.0125, 0.010], "periodic_nodes": [81, 81, 301]}
    layer = SourceFeatures(RECEIVERS_KM[:1], LOWER_KM, UPPER_KM, kind="paper", uniform_along_y=True, **periodic)
    layer.build((None, 3))  # not standardised
    points = np.array([[0.3, 0.2, 1.23], [0.3, 0.8, 1.23], [0.5, 0.5, 0.01]], np.float32)
    features = np.asarray(layer(points))[:, 0]
    distance = np.sqrt(0.2**2 + 0.3**2 + 1.2**2)
    np.testing.assert_allclose(features[:2], [[-0.2, 0.3, -1.2, distance]] * 2, atol=1e-5)
    above = 3.01 + 0.01 - 2.43  # heard from above the ceiling
    np.testing.assert_allclose(features[2], [0, 0, above, above], atol=1e-4)
    np.testing.assert_allclose(np.asarray(layer.dz_km(points))[:, 0], [-1.2, -1.2, above], atol=1e-5)


def test_events_on_faces_are_learnt_where_the_features_tell_them_apart():
    periodic = {"periodic_spacing_km": [0.0125, 0.0125, 0.010], "periodic_nodes": [81, 81, 301]}
    inside, side, floor = [0.5, 0.4, 1.0], [0.0, 0.4, 1.0], [0.5, 0.4, 0.0]
    records = {"coordinates_km": np.array([inside, side, floor], np.float32)}
    records["on_boundary_face"] = np.array([False, True, True])
    for options, expected in (
        ({"features": "physics"}, [True, False, False]),
        ({"features": "physics", **periodic}, [True, True, True]),
        ({"features": "paper", **periodic}, [True, False, True]),
    ):
        model = configured("nn_direct_emulator", **options)
        assert emulator_training.usable(model, records).tolist() == expected


def test_physics_features_know_layers_symmetry_and_the_periodic_grid():
    layer = SourceFeatures(
        RECEIVERS_KM[:1],
        LOWER_KM,
        UPPER_KM,
        depth_nodes=25,
        uniform_along_y=True,
        periodic_spacing_km=[0.0125, 0.0125, 0.010],
        periodic_nodes=[81, 81, 301],
    )
    layer.build((None, 3))
    layer.adapt(sources(100))
    assert np.asarray(layer(sources(5))).shape == (5, 1, layer.count) == (5, 1, 6 + 2 + 25)

    mirrored = np.array([[0.3, 0.2, 1.23], [0.3, 0.8, 1.23]], np.float32)
    features = np.asarray(layer(mirrored))[:, 0]
    np.testing.assert_allclose(features[0], features[1], atol=1e-5)
    near = features[0, layer.smooth :]
    assert np.flatnonzero(near).tolist() == [12, 13]  # 1.23 km lies between the nodes at 1.2 and 1.3
    np.testing.assert_allclose(near[12:14], [2 * 0.7, 2 * 0.3], atol=1e-4)

    faces = np.array([[0, 0.5, 1], [1, 0.5, 1], [0.0125, 0.5, 1], [0.5, 0.5, 0], [0.5, 0.5, 0.01]])
    side, floor = np.asarray(layer(faces.astype(np.float32)))[:, 0, 6:8].T
    np.testing.assert_allclose(side, [1, 1, 0, 0, 0], atol=1e-4)
    np.testing.assert_allclose(floor, [0, 0, 0, 1, 0.5], atol=1e-4)
    heard = np.asarray(layer.distance_km(faces[3:4].astype(np.float32)))
    np.testing.assert_allclose(heard, [[3.01 - 2.43]], atol=1e-3)  # from above the ceiling


def test_unknown_features_are_refused():
    with pytest.raises(ZooError, match="expected one of paper, physics"):
        SourceFeatures(RECEIVERS_KM, LOWER_KM, UPPER_KM, kind="physic")


@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize("features", ["paper", "physics"])
def test_saving_and_loading_changes_nothing(recipe, features, tmp_path):
    model = configured(recipe, features=features)
    model.errors.assign(np.arange(6.0).reshape(3, 2))
    points = sources(7, seed=1)
    expected = np.asarray(model(points))
    assert expected.shape == (7, 2, 501) and expected.dtype == np.float32 and np.abs(expected).max() > 0
    again = zoo.load(zoo.save(model, tmp_path / "emulator", "A trial."))
    np.testing.assert_array_equal(np.asarray(again(points)), expected)
    np.testing.assert_array_equal(again.receivers_km, model.receivers_km)
    assert again.emulator_error["shape_error"].tolist() == [4.0, 5.0]


@pytest.mark.parametrize("recipe", RECIPES)
def test_the_fast_call_the_compiled_call_and_the_layers_agree(recipe):
    import tensorflow as tf

    model = configured(recipe)
    points = sources(5)
    plain = np.asarray(model.call(tf.constant(points)))
    scale = np.abs(plain).max()
    np.testing.assert_allclose(np.asarray(model(points.astype(np.float64))), plain, atol=1e-4 * scale)
    compiled = tf.function(lambda x: model(x), jit_compile=True)
    np.testing.assert_allclose(np.asarray(compiled(tf.constant(points))), plain, atol=1e-4 * scale)


def test_a_receiver_has_its_own_network():
    model = configured("nn_direct_emulator")
    points = sources(4)
    before = np.asarray(model(points))
    kernel = model.network.kernels[-1]
    changed = np.array(kernel)
    changed[1] = 0.0
    kernel.assign(changed)
    after = np.asarray(model(points))
    np.testing.assert_array_equal(after[:, 0], before[:, 0])
    assert not np.allclose(after[:, 1], before[:, 1])


@pytest.mark.parametrize("features", ["paper", "physics"])
def test_generation_does_not_look_at_the_frame(features):
    network = configured("cvae_emulator", features=features).network
    rng = np.random.default_rng(0)
    conditions = rng.normal(size=(3, 2, network.conditions)).astype(np.float32)
    frames = rng.normal(size=(2, 3, 2, 501)).astype(np.float32)
    first, second = (np.asarray(network(np.concatenate([conditions, f], axis=-1))) for f in frames)
    np.testing.assert_array_equal(first, second)
    trained = np.asarray(network(np.concatenate([conditions, frames[0]], axis=-1), training=True))
    assert not np.allclose(trained, first)


@pytest.mark.parametrize("bad", [np.zeros(3), np.zeros((2, 4)), np.array([[0.5, np.nan, 1.0]])])
def test_what_is_no_coordinates_is_refused(bad):
    with pytest.raises(ZooError, match=r"expected finite x, y, z in km"):
        configured("nn_direct_emulator")(bad)


def test_sources_outside_the_training_volume_are_named():
    with pytest.warns(UserWarning, match=r"2 of 3 sources lie outside .* \(rows 0, 2\)"):
        configured("nn_direct_emulator")(np.array([[1.5, 0.5, 1.0], [0.5, 0.5, 1.0], [0.5, 0.5, -0.1]]))


def test_an_emulator_without_receivers_says_so():
    with pytest.raises(ZooError, match="no receivers yet"):
        zoo.recipe("nn_direct_emulator").build()(sources(1))


def test_measured_errors_are_the_errors_made():
    model = configured("nn_direct_emulator")
    points = sources(60)
    emulated = np.asarray(model(points)).astype(np.float64)
    rng = np.random.default_rng(1)
    late, loud = rng.normal(scale=[[0.0004]], size=(60, 2)), rng.normal(scale=0.05, size=(60, 2))
    true = emulated * (1 + loud[..., np.newaxis])
    true -= late[..., np.newaxis] * np.gradient(emulated, 0.004, axis=-1)
    records = {"traces": true, "coordinates_km": points, "on_boundary_face": np.zeros(60, bool)}
    emulator_training.measure_errors(model, records, {})
    found = model.emulator_error
    np.testing.assert_allclose(found["timing_sd_s"], np.sqrt((late**2).mean(0)), rtol=1e-3)
    np.testing.assert_allclose(found["log_amplitude_sd"], np.sqrt((loud**2).mean(0)), rtol=1e-3)
    np.testing.assert_allclose(found["shape_error"], 0.0, atol=1e-4)


@pytest.mark.long
@pytest.mark.parametrize("name", ["cvae_emulator", "ae_nn_emulator", "ae_gp_emulator"])
def test_a_checkpoint_keeps_no_encoder_and_its_answers_and_training_goes_on_from_it(name, tmp_path):
    model = configured(name)
    light = zoo.load(zoo.save(model.served(), tmp_path / "light.one", "Kept."))
    np.testing.assert_array_equal(light(sources(5)), model(sources(5)))
    assert light.count_params() < 0.8 * model.count_params()
    assert light.served() is light and not light.only_trains()
    made = registry.recipe_module(name).RECIPE
    other = configured(name)
    for weight in other.network.trainable_weights:
        weight.assign(0.0 * weight)
    parts = [stage.trained_part for stage in made.stages_of({"epochs": 1, "autoencoder_epochs": 1})]
    take_over(other, light, parts, "light.one")
    if made.begins_from:
        made.begins_from(other, light)
    decoder = lambda one: one.network.decoder if name == "cvae_emulator" else one.decoder
    for ours, its in zip(decoder(other).get_weights(), decoder(model).get_weights(), strict=True):
        np.testing.assert_array_equal(ours, its)
    with pytest.raises(UsageError, match="light.one has no encoder that could stay as it was"):
        take_over(other, light, parts, "light.one", ["encoder"])
