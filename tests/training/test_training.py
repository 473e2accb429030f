"""The trainer: a killed run ends where an uninterrupted one does; settings; what a finished run leaves."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys

import keras
import numpy as np
import pytest

import zoo
from zoo import checkpoint
from zoo.data import datasets
from zoo.errors import UsageError, ZooError
from zoo.training import trainer as training
from zoo.training.batches import batches
from zoo.training.epochs import EpochState
from zoo.training.recipe import Recipe, Stage, data_settings, fit_settings

RECIPE = "shallow_crust"


def test_epochs_have_their_own_order_that_resuming_repeats():
    x = np.arange(10, dtype=np.float32)
    take = lambda first, count: [
        b[0].numpy().tolist() for b in batches((x, x), 5, seed=3, first_epoch=first).take(count)
    ]
    whole = take(0, 6)
    assert take(2, 2) == whole[4:6]  # epoch 2 is the same, begun anew
    assert sorted(sum(whole[:2], [])) == x.tolist() and whole[:2] != whole[2:4]
    assert take(0, 2) != [b[0].numpy().tolist() for b in batches((x, x), 5, seed=4).take(2)]


def _linear():
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1), keras.layers.Dropout(0.1)])
    model.compile("adam", "mse")
    return model


def _fit(model, state, epochs, first=0):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(64, 2)).astype(np.float32)
    y = x @ np.array([[1.0], [2.0]], np.float32)
    data = batches((x, y), 16, 0, first)
    model.fit(
        data,
        steps_per_epoch=4,
        initial_epoch=first,
        epochs=epochs,
        validation_data=(x, y),
        callbacks=[state],
        shuffle=False,
        verbose=0,
    )


def test_a_resumed_training_is_the_uninterrupted_one_bit_for_bit(tmp_path):
    whole = _linear()
    _fit(whole, EpochState(tmp_path / "whole.npz", 0, 6), 6)
    _fit(_linear(), EpochState(tmp_path / "state.npz", 0, 3), 3)
    resumed = _linear()
    state = EpochState(tmp_path / "state.npz", 0, 6)
    first = state.resume(resumed)
    assert first == 3
    _fit(resumed, state, 6, first)
    for a, b in zip(whole.get_weights(), resumed.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert [row["epoch"] for row in state.rows] == [1, 2, 3, 4, 5, 6]


def test_early_stopping_keeps_the_best_weights(tmp_path):
    model = _linear()
    model.compile(keras.optimizers.SGD(0.6), "mse")
    state = EpochState(tmp_path / "state.npz", patience=3, epochs=200)
    _fit(model, state, 200)
    state.finish(model)
    assert state.stopped and len(state.rows) < 200
    rng = np.random.default_rng(0)
    x = rng.normal(size=(64, 2)).astype(np.float32)
    assert model.evaluate(x, x @ [[1.0], [2.0]], verbose=0) == pytest.approx(state.best, rel=1e-5)


def test_a_loss_that_is_no_number_stops_with_a_remedy(tmp_path):
    model = _linear()
    model.compile(keras.optimizers.SGD(1e30), "mse")
    with pytest.raises(ZooError, match="learning_rate"):
        _fit(model, EpochState(tmp_path / "state.npz", 0, 50), 50)


def test_a_damaged_state_is_refused(tmp_path):
    path = tmp_path / "state.npz"
    _fit(_linear(), EpochState(path, 0, 2), 2)
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(ZooError, match="train anew"):
        EpochState(path, 0, 2).resume(_linear())


def test_settings_are_typed_and_unknown_ones_refused():
    recipe = zoo.recipe("nn_direct_emulator")
    chosen = recipe.recipe.choose("marine", {"epochs": "7", "learning_rate": "0.01"})
    assert chosen["epochs"] == 7 and chosen["learning_rate"] == 0.01
    with pytest.raises(UsageError, match="Did you mean epochs"):
        recipe.recipe.choose("", {"epoch": 1})
    with pytest.raises(UsageError, match="no tag"):
        zoo.recipe("nn_direct_emulator.moon")
    with pytest.raises(ZooError, match="Did you mean nn_direct_emulator"):
        zoo.recipe("nn_direct_emulatr")


@pytest.fixture
def toy_data(monkeypatch):
    """Let every dataset have 64 numbers; `toy` learns to multiply them by three."""
    rng = np.random.default_rng(0)
    data = {"x": rng.normal(size=(64, 1)).astype(np.float32)}
    monkeypatch.setattr(datasets, "records", lambda *_, **__: data)
    monkeypatch.setattr(datasets, "metadata", lambda *a: {"version": "1", "splits": {"train": 64}})
    return data


def toy(**differences):
    fields = {
        "name": "toy",
        "summary": "Multiplies by three.",
        "settings": {**data_settings("toy"), **fit_settings(batch_size=16, epochs=50)},
        "build": lambda: keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)]),
        "stages": [
            Stage(
                "network",
                lambda model, records, values: (records["x"], 3 * records["x"]),
                lambda part, values, steps: part.compile("adam", "mse"),
            )
        ],
        "score": lambda model, records: {"bias": float(model.layers[0].bias.numpy().item())},
        "card": {},
    }
    return Recipe(**{**fields, **differences})


@pytest.fixture(scope="module")
def smoke_run(dispersion_dataset, tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / f"{RECIPE}.smoke"
    return zoo.recipe(RECIPE).train(out=out, data_dir=dispersion_dataset, smoke=True, seed=5)


def test_a_finished_run_is_a_checkpoint(smoke_run, dispersion_dataset):
    card = zoo.info(str(smoke_run))
    assert {*checkpoint.CARD_FIELDS, *checkpoint.MORE_FIELDS} - {"supersedes"} <= set(card)
    assert card["seed"] == 5 and "--seed 5" in card["command"]
    rows = list(csv.DictReader(open(smoke_run / "history.csv")))
    assert len(rows) == card["epochs"] and float(rows[-1]["loss"]) < float(rows[0]["loss"])
    assert (smoke_run / "history.png").stat().st_size > 1000
    model = zoo.load(smoke_run)
    inputs, predicted, _ = checkpoint.read_golden(smoke_run)
    np.testing.assert_allclose(model(inputs), predicted, rtol=1e-4, atol=1e-4 * np.abs(predicted).max())
    scores = training.evaluate(smoke_run, "test", dispersion_dataset)
    for metric, value in card["scores"]["test"]["metrics"].items():
        assert scores[metric] == pytest.approx(value, abs=2e-5)
    assert not smoke_run.with_name(smoke_run.name + ".training").exists()


_CHILD = """
import os, signal, sys, keras, zoo, zoo.training.epochs
zoo.training.epochs._SAVE_EVERY_S = 0.0
out, data_dir, fatal = sys.argv[1], sys.argv[2], int(sys.argv[3])

class Kill(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        if epoch == fatal:
            os.kill(os.getpid(), signal.SIGKILL)

zoo.recipe("shallow_crust").train(out=out, data_dir=data_dir, smoke=True, seed=5, epochs=8, callbacks=[Kill()])
"""


@pytest.mark.slow  # four processes; tests/faults/test_kills.py does it at random moments
def test_a_killed_run_goes_on_and_ends_in_the_same_weights(dispersion_dataset, tmp_path):
    def child(name, fatal=-1):
        """Train in a process of its own, which is killed at the start of an epoch."""
        command = [sys.executable, "-c", _CHILD, str(tmp_path / name), str(dispersion_dataset), str(fatal)]
        return subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env={**os.environ})

    killed = child("killed", fatal=3)
    killed.communicate()
    assert killed.returncode == -signal.SIGKILL and not (tmp_path / "killed").exists()
    again, whole = child("killed"), child("whole")
    messages = again.communicate()[1]
    assert again.returncode == 0 and "going on after epoch 3" in messages, messages
    assert whole.communicate() and whole.returncode == 0
    first, second = zoo.load(tmp_path / "killed"), zoo.load(tmp_path / "whole")
    for a, b in zip(first.get_weights(), second.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_another_command_does_not_continue_a_run(dispersion_dataset, tmp_path):
    folder = tmp_path / "run.training"
    folder.mkdir()
    (folder / "run.json").write_text(json.dumps({"recipe": "other", "settings": {}, "seed": 0}))
    (folder / "state-network.npz").write_bytes(b"")
    with pytest.raises(ZooError, match="other settings"):
        zoo.recipe(RECIPE).train(out=tmp_path / "run", data_dir=dispersion_dataset, smoke=True)


def test_a_run_that_failed_before_its_first_epoch_does_not_block_the_next(toy_data, tmp_path, capsys):
    def fail(model, records, settings, about):
        raise ZooError("no such thing")

    with pytest.raises(ZooError, match="no such thing"):
        training.NamedRecipe(toy(before_fit=fail)).train(out=tmp_path / "toy")
    out = training.NamedRecipe(toy()).train(out=tmp_path / "toy", settings={"epochs": 2})
    assert "before its first epoch" in capsys.readouterr().err
    assert checkpoint.read_card(out)["epochs"] == 2 and not (tmp_path / "toy.training").exists()


def test_callbacks_reach_every_fit(toy_data, tmp_path):
    seen = []

    class Watch(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            seen.append(epoch)

    training.NamedRecipe(toy()).train(out=tmp_path / "toy", epochs=3, callbacks=[Watch()])
    assert seen == [0, 1, 2]


def test_a_recipe_without_smoke_settings_refuses_a_smoke_run(toy_data, tmp_path):
    with pytest.raises(UsageError, match="no smoke settings"):
        training.NamedRecipe(toy()).train(out=tmp_path / "toy", smoke=True)
    assert not list(tmp_path.iterdir())


def test_a_recipe_says_which_settings_it_lacks():
    with pytest.raises(ValueError, match="toy lacks the settings epochs, patience"):
        toy(settings={key: s for key, s in toy().settings.items() if key not in ("epochs", "patience")})
    with pytest.raises(ValueError, match="toy lacks the setting dataset"):
        toy(settings={key: s for key, s in toy().settings.items() if key != "dataset"}, stages=[])
    with pytest.raises(ValueError, match="tag 'fast'|fast: toy has no setting"):
        toy(tags={"fast": {"epoch": 1}})


@pytest.mark.long
def test_stages_are_fitted_in_order_on_examples_made_when_they_begin(toy_data, tmp_path):
    """The first stage doubles the first layer's answer; the one after it sees what came out."""
    seen = []

    def build():
        first, second = (keras.layers.Dense(1, use_bias=False, name=name) for name in ("first", "second"))
        return keras.Sequential([keras.Input((1,)), first, second])

    def compile_part(part, settings, steps):
        seen.append(("compile", settings["epochs"], steps))
        part.compile(keras.optimizers.Adam(0.1), "mse")

    def part_of(model):
        return keras.Sequential([keras.Input((1,)), model.layers[0]])

    def after(model, records, values):
        seen.append(("examples", float(model.layers[0].kernel.numpy().item())))
        return records["x"], 6 * records["x"]

    recipe = toy(
        build=build,
        stages=[
            Stage("first", lambda m, r, s: (r["x"], 2 * r["x"]), compile_part, part_of, settings={"epochs": 60}),
            Stage("both", after, compile_part, validation_examples=lambda m, r, s: (r["x"], np.zeros_like(r["x"]))),
        ],
        score=lambda model, records: {"product": float(np.prod([w.item() for w in model.get_weights()]))},
    )
    out = training.NamedRecipe(recipe).train(out=tmp_path / "two")
    (_, *first), (_, kernel), (_, *second) = seen
    assert first == [60, 240] and second == [50, 200] and kernel == pytest.approx(2.0, abs=0.05)
    assert zoo.info(str(out))["scores"]["validation"]["metrics"]["product"] == pytest.approx(6.0, abs=0.1)
    rows = list(csv.DictReader(open(out / "history.csv")))
    # Validation targets are zero: the loss there is the answer squared.
    assert len(rows) == 50 and float(rows[-1]["val_loss"]) == pytest.approx(36 * np.mean(toy_data["x"] ** 2), rel=0.05)
