"""The recipe phase_picker through the trainer: its layers, what comes out, and what it learns from."""

from __future__ import annotations

import keras
import numpy as np
import pytest

import zoo
from zoo import registry
from zoo.data import datasets
from zoo.errors import UsageError, ZooError
from zoo.seismograms.models.picking_network import CausalHighPass, ChannelScaling, PickingNetwork
from zoo.training import batches

DATASET = "local_seismograms/mini"


@pytest.fixture(scope="module")
def mini(tmp_path_factory):
    folder = tmp_path_factory.mktemp("seismograms")
    datasets.prepare(DATASET, folder, limit=64)
    return folder


@pytest.fixture(scope="module")
def trained(mini, tmp_path_factory):
    """The checkpoint of a smoke run."""
    out = tmp_path_factory.mktemp("runs") / "phase_picker.smoke"
    return zoo.recipe("phase_picker.synthetic").train(out=out, data_dir=mini, smoke=True, seed=3)


def test_the_high_pass_is_the_causal_filter():
    import scipy.signal

    rng = np.random.default_rng(0)
    x = (1e5 + rng.normal(size=(2, 1500, 3)).cumsum(axis=1)).astype(np.float32)
    found = np.asarray(CausalHighPass(1.0, 50.0)(x))
    sos = scipy.signal.butter(2, 1.0, "highpass", fs=50.0, output="sos")
    expected = scipy.signal.sosfilt(sos, x.astype(np.float64) - x[:, :1], axis=1)
    np.testing.assert_allclose(found, expected, atol=1e-4 * np.abs(expected).max())
    impulse = np.zeros((1, 300, 3), np.float32)
    impulse[:, 200] = 1
    assert np.abs(np.asarray(CausalHighPass(1.0, 50.0)(impulse))[:, :200]).max() < 1e-6


def test_scaling_takes_any_unit_and_leaves_zeros():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2, 400, 3)).astype(np.float32)
    x[1, :, 2] = 0
    scaled = [np.asarray(ChannelScaling()(x * np.float32(unit))) for unit in (1, 1e-25, 1e9)]
    np.testing.assert_allclose(scaled[0].std(axis=1)[0], 1, rtol=1e-4)
    assert (scaled[0][1, :, 2] == 0).all()
    for other in scaled[1:]:
        np.testing.assert_allclose(other, scaled[0], atol=1e-4)


def test_the_network_has_the_stated_size_and_keeps_any_length():
    model = zoo.recipe("phase_picker").build()
    # 7-tap convolutions of 16-24-32-48-64-80 maps, what normalisation keeps, and 26 numbers of the calibration.
    assert model.count_params() == 314_134 + 26
    assert (model.answers, model.labels, model.samples) == ("seismograms.picks", ("P", "S", "noise"), 6000)
    for samples in (3000, 2999, 1001):
        answer = np.asarray(model(np.random.default_rng(0).normal(size=(2, samples, 3)).astype(np.float32)))
        assert answer.shape == (2, samples, 3)
        np.testing.assert_allclose(answer.sum(axis=-1), 1, atol=1e-5)


@pytest.mark.parametrize("stride", [1, 2])
def test_outputs_lie_on_the_inputs_samples(monkeypatch, stride):
    """A window cut 256 samples later gives the same answer 256 samples earlier: nothing drifts between the levels."""
    for layer in (CausalHighPass, ChannelScaling):  # these see the whole window
        monkeypatch.setattr(layer, "call", lambda self, x: x)
    keras.utils.set_random_seed(0)
    network = PickingNetwork(100.0, [4, 4, 4], stride=stride)
    network.build((None, 1600, 3))
    x = np.random.default_rng(0).normal(size=(1, 1600, 3)).astype(np.float32)
    one, later = np.asarray(network(x)), np.asarray(network(x[:, 256:]))
    np.testing.assert_allclose(one[:, 656:1200], later[:, 400:944], atol=1e-5)


def test_a_trained_model_is_a_checkpoint_that_answers(trained):
    model = zoo.load(trained)
    with np.load(trained / "golden.npz") as sample:
        x, predicted, p = sample["waveform"], sample["predicted"], sample["p_sample"]
    np.testing.assert_allclose(model(x), predicted, atol=1e-5)
    assert x.shape == predicted.shape == (4, 1024, 3) and ((p >= 0) & (p < 1024)).all()
    np.testing.assert_allclose(model(x * np.float32(1e-9) + np.float32(1e-6)), predicted, atol=0.02)
    card = zoo.info(str(trained))
    metrics = card["scores"]["test"]["metrics"]
    assert {"p_within_0.1_s", "s_within_0.5_s", "p_found", "false_per_minute", "noise_minutes"} <= set(metrics)
    again = registry.load(trained)
    assert again.get_config() == model.get_config() and again.network.filters == [4, 4, 4]


def test_drawn_batches_differ_and_repeat():
    draw = lambda rng: (rng.normal(size=(2, 3)).astype(np.float32), np.ones((2, 1), np.float32))  # noqa: E731
    take = lambda seed, first, count: [  # noqa: E731
        x.numpy() for x, _ in batches.drawn_batches(draw, 3, seed, first).take(count)
    ]
    whole = take(0, 0, 9)
    np.testing.assert_array_equal(take(0, 2, 3), whole[6:])
    assert len({x.tobytes() for x in whole}) == 9 and not np.array_equal(take(1, 0, 1), whole[:1])


@pytest.mark.slow
def test_fine_tuning_begins_with_another_picker_and_scores_nothing_learnt(trained, mini, tmp_path):
    settings = {
        "dataset": DATASET,
        "train_split": "test[:50%]",
        "validation_split": "test[:50%]",
        "initial": str(trained),
        "samples": 1024,
        "filters": [4, 4, 4],
        "learning_rate": 0.0,
        "steps_per_epoch": 1,
        "epochs": 1,
        "scored_on": ["test", DATASET, "ncedc_picks/nowhere"],
    }
    tuned = zoo.recipe("phase_picker.synthetic").train(out=tmp_path / "tuned.x", settings=settings, data_dir=mini)
    for a, b in zip(zoo.load(tuned).trainable_weights, zoo.load(trained).trainable_weights, strict=True):
        np.testing.assert_array_equal(a, b)
    scores = zoo.info(str(tuned))["scores"]
    assert set(scores) == {"test", DATASET} and scores[DATASET]["command"].endswith(f"--dataset {DATASET} --split all")
    assert scores[DATASET]["examples"] == 192 and scores["test"]["examples"] == 64


def test_another_sampling_rate_is_refused(trained, mini, tmp_path):
    with pytest.raises(ZooError, match="50 Hz"):
        zoo.recipe("phase_picker").train(
            out=tmp_path / "x.y", data_dir=mini, smoke=True, settings={"sampling_rate_hz": 50.0}
        )
    datasets.prepare("local_seismograms/slow", tmp_path, settings={"train": "32", "sampling_rate_hz": "50"}, limit=32)
    with pytest.raises(UsageError, match="50 Hz, the model at 100 Hz"):
        from zoo.training.trainer import evaluate

        evaluate(trained, "train", tmp_path, "local_seismograms/slow")
