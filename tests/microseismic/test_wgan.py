"""The adversarial emulator: gradient penalty, turns of the two networks, prior and average, resuming."""

from __future__ import annotations

import csv

import keras
import numpy as np
import pytest
import tensorflow as tf

import zoo
from zoo import registry
from zoo.training.batches import batches
from zoo.training.epochs import EpochState, ordered_steps

wgan_gp = registry.recipe_module("wgan_gp_emulator")
CONDITIONS, SAMPLES = 3, 12


def events(count=64, receivers=2, seed=0):
    """Features, frames that are a smooth function of them, and weights."""
    rng = np.random.default_rng(seed)
    features = rng.uniform(-1, 1, (count, receivers, CONDITIONS)).astype(np.float32)
    time = np.linspace(0, 1, SAMPLES)
    frames = np.sin(6 * time + features[..., :1]) + features[..., 1:2] * time
    return features, frames.astype(np.float32), rng.uniform(0.5, 1.5, (count, receivers)).astype(np.float32)


def generator(latent=64, receivers=2):
    keras.utils.set_random_seed(0)
    made = wgan_gp.Generator([32, 32], SAMPLES, latent)
    made.build((None, receivers, CONDITIONS))
    made.standardise(events()[1])
    return made


def compiled(network, critic_steps=1, epochs=10):
    settings = wgan_gp.RECIPE.choose("", {"critic_steps": critic_steps, "epochs": epochs})
    wgan = wgan_gp.ConditionalWGAN(network)
    wgan_gp.compile_networks(wgan, settings, 4 * epochs)
    wgan.jit_compile = False  # compiling takes longer than these few steps
    return wgan


def fit(wgan, epochs, state=None, first=0):
    data = events()
    with ordered_steps():  # as in every training
        return wgan.fit(
            batches(data, 16, 0, first),
            steps_per_epoch=4,
            initial_epoch=first,
            epochs=epochs,
            validation_data=events(32, seed=1),
            callbacks=[state] if state else [],
            shuffle=False,
            verbose=0,
        ).history


def test_the_gradient_penalty_of_a_linear_critic_is_known():
    slopes = np.array([[[3.0, 4.0]], [[0.6, 0.8]], [[0.0, 2.0]]], np.float32)  # of norm 5, 1 and 2
    frames = tf.constant(np.random.default_rng(0).normal(size=(3, 1, 2)), tf.float32)
    weights = np.array([[1.0], [7.0], [3.0]], np.float32)
    found = wgan_gp.gradient_penalty(lambda x, c: tf.reduce_sum(x * c, axis=-1), frames, slopes, weights)
    assert float(found) == pytest.approx((1 * 4**2 + 7 * 0 + 3 * 1**2) / 3, rel=1e-5)


def test_the_gradient_penalty_of_the_critic_equals_finite_differences():
    critic = wgan_gp.Critic([8, 8])
    critic.build((None, 2, SAMPLES), (None, 2, CONDITIONS))
    features, frames, weights = events(4)
    slope, step = np.zeros_like(frames), 1e-2
    for sample in range(SAMPLES):
        nudge = step * np.eye(SAMPLES, dtype=np.float32)[sample]
        ahead, behind = (np.asarray(critic(frames + sign * nudge, features)) for sign in (1, -1))
        slope[..., sample] = (ahead - behind) / (2 * step)
    expected = np.mean(weights * (np.linalg.norm(slope, axis=-1) - 1) ** 2)
    found = float(wgan_gp.gradient_penalty(critic, tf.constant(frames), features, weights))
    assert found == pytest.approx(expected, rel=0.03)


def test_codes_are_uniform_between_minus_one_and_one():
    code = np.asarray(wgan_gp.ConditionalWGAN(generator()).draw_code(np.zeros((500, 2, CONDITIONS), np.float32)))
    assert code.shape == (500, 2, 64) and code.min() >= -1 and code.max() < 1
    assert code.min() < -0.99 and code.max() > 0.99
    assert code.mean() == pytest.approx(0.0, abs=0.01) and code.var() == pytest.approx(1 / 3, rel=0.02)


def test_frames_are_those_of_a_code_of_zeros():
    network = generator()
    features, frames, _ = events(5)
    kernel = network.perceptrons.kernels[0]
    kernel.assign(np.random.default_rng(0).normal(size=kernel.shape))
    of_zeros = network.generate(features, np.zeros((5, 2, 64), np.float32))
    found = np.asarray(network(features))
    np.testing.assert_allclose(
        found, np.asarray(of_zeros) * events()[1].std() + events()[1].mean(), rtol=1e-4, atol=1e-5
    )
    np.testing.assert_array_equal(np.asarray(network(features)), found)
    other = network.generate(features, np.ones((5, 2, 64), np.float32))
    assert not np.allclose(other, of_zeros)


@pytest.mark.parametrize("critic_steps", [1, 3])
def test_the_critic_takes_its_steps_for_each_of_the_generator(critic_steps):
    wgan = compiled(generator(), critic_steps)
    wgan.run_eagerly = True
    before = wgan.generator.get_weights()
    data = events(16)
    for step in range(1, 8):
        wgan.train_on_batch(*data)
        assert int(wgan.critic_optimizer.iterations) == step
        assert int(wgan.optimizer.iterations) == step // critic_steps
        now = wgan.generator.get_weights()
        changed = any(not np.array_equal(a, b) for a, b in zip(before, now, strict=True))
        assert changed == (step % critic_steps == 0)
        before = now


def test_the_given_generator_follows_as_a_moving_average():
    network = generator()
    wgan = compiled(network)
    wgan.run_eagerly = True
    first = network.perceptrons.biases[-1].numpy()
    wgan.train_on_batch(*events(16))
    decay = 2 / 11  # (1 + updates) / (10 + updates)
    expected = decay * first + (1 - decay) * wgan.generator.perceptrons.biases[-1].numpy()
    np.testing.assert_allclose(network.perceptrons.biases[-1].numpy(), expected, rtol=1e-5, atol=1e-8)


@pytest.mark.slow
def test_an_adversarial_loss_alone_learns_frames():
    network = generator(latent=4)
    features, frames, weights = events(32, seed=1)
    error = lambda: np.mean(weights[..., None] * (np.asarray(network(features)) - frames) ** 2)  # noqa: E731
    before = error()
    history = fit(compiled(network, epochs=150), 150)
    assert history["val_loss"][-1] == pytest.approx(error(), rel=1e-3)
    assert error() < 0.2 * before
    assert set(history) == {"loss", "val_loss", "wasserstein_distance", "gradient_penalty"}


@pytest.mark.long
def test_a_resumed_training_is_the_uninterrupted_one(tmp_path):
    """Both optimizers, the codes that are drawn and the average go on where they were."""
    whole, begun, resumed = (compiled(generator(), critic_steps=3, epochs=6) for _ in range(3))
    fit(whole, 6)
    fit(begun, 3, EpochState(tmp_path / "state.npz", 0, 3))
    state = EpochState(tmp_path / "state.npz", 0, 6)
    first = state.resume(resumed)
    assert first == 3
    fit(resumed, 6, state, first)
    assert len(whole.variables) > len(whole.weights) + len(whole.critic.weights)
    for a, b in zip(whole.variables, resumed.variables, strict=True):
        np.testing.assert_array_equal(np.asarray(a), np.asarray(b))
    for a, b in zip(whole.optimizer.variables, resumed.optimizer.variables, strict=True):
        np.testing.assert_array_equal(np.asarray(a), np.asarray(b))


def test_the_emulator_is_deterministic_and_saved_without_its_critic(tmp_path):
    lower_km, upper_km = [0.0, 0.0, 0.0], [1.0, 1.0, 2.2]
    keras.utils.set_random_seed(0)
    model = wgan_gp.RECIPE.create({**wgan_gp.RECIPE.choose(), "inducing_points": 16, "depth_nodes": 5})
    model.configure([[0.5, 0.5, 2.43], [0.25, 0.75, 2.43]], 501, 0.004, lower_km, upper_km, 40)
    model.processes.offset.assign(np.tile([0.9, 1.0], (2, 1)))  # slowness and log amplitude: inside the record
    wgan_gp.ConditionalWGAN(model.network)
    points = np.random.default_rng(0).uniform(lower_km, upper_km, (5, 3)).astype(np.float32)
    expected = np.asarray(model(points))
    assert expected.shape == (5, 2, 501) and np.abs(expected).max() > 0
    again = zoo.load(zoo.save(model, tmp_path / "emulator", "A trial."))
    np.testing.assert_array_equal(np.asarray(again(points)), expected)
    np.testing.assert_array_equal(np.asarray(again(points)), expected)
    assert not any("critic" in weight.path for weight in again.weights)


@pytest.mark.slow
def test_a_smoke_training_improves(small_dataset, tmp_path):
    changes = {"epochs": 150, "inducing_points": 32}
    out = zoo.recipe("wgan_gp_emulator").train(
        out=tmp_path / "run", data_dir=small_dataset, smoke=True, settings=changes
    )
    rows = list(csv.DictReader(open(out / "history.csv")))
    assert float(rows[-1]["val_loss"]) < 0.5 * float(rows[0]["val_loss"])
    model = zoo.load(out)
    with np.load(out / "golden.npz") as sample:
        expected = sample["predicted"]
        found = np.asarray(model(sample["coordinates_km"]))
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max())
