"""Every recipe that `fit` trains: two trainings, and one interrupted in every stage, end in the same weights."""

from __future__ import annotations

import contextlib
import dataclasses

import keras
import numpy as np
import pytest
import small_records
import step_order

import zoo
from zoo import registry
from zoo.data import datasets
from zoo.training import epochs
from zoo.training.trainer import NamedRecipe

_TRACES = {"inducing_points": 8, "depth_nodes": 5, "epochs": 3, "batch_size": 16}
_CURVES = {"batch_size": 30}
_WINDOWS = {"labels": 25, "epochs": 3, "batch_size": 8}
SETTINGS = {
    "nn_direct_emulator": {**_TRACES, "units": [8]},
    "pca_nn_emulator": {**_TRACES, "units": [8], "components": 4},
    "cvae_emulator": {**_TRACES},
    "ae_nn_emulator": {**_TRACES, "units": [8], "autoencoder_epochs": 2},
    "ae_gp_emulator": {**_TRACES},
    "wgan_gp_emulator": {**_TRACES, "units": [8, 8], "latent": 4, "critic_steps": 2},
    "greens_emulator": {**_TRACES, "coefficients": 4},
    "mdn_crust": _CURVES,
    "joint_crust": _CURVES,
    "shallow_crust": _CURVES,
    "ssae_crust": _CURVES,
    "waveform_autoencoder": {"maps": 4, "epochs": 3, "batch_size": 8, "train_split": "all"},
    "noise_earthquake": _WINDOWS,
    "explosion_earthquake": _WINDOWS,
    "p_picker": _WINDOWS,
    "phase_picker": {"epochs": 3},
    "seismicity_resnet18": {"epochs": 3},
    "seismicity_resnet34": {"epochs": 3},
    "seismicity_resnet101": {"epochs": 3},
    "fdrnn_1d": {"epochs": 3, "time_samples": 300},
    "fdrnn_folded": {"epochs": 3, "time_samples": 300},
    "fdrnn_marmousi": {"epochs": 3, "time_samples": 300},
}
SEED = 3
KEPT = {"score": lambda model, records: {}, "measure": None, "golden": None}
"""What a training ends with, which is not in question here."""


class InterruptOnce(keras.callbacks.Callback):
    """Stops the program in the second epoch of every stage, the first time."""

    def __init__(self):
        super().__init__()
        self.interrupted = set()

    def on_epoch_begin(self, epoch, logs=None):
        stage = len(self.model.weights), self.model.name
        if epoch == 1 and stage not in self.interrupted:
            self.interrupted.add(stage)
            raise KeyboardInterrupt


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    """The folder of an autoencoder of seismograms as it is before training."""
    recipe = zoo.recipe("waveform_autoencoder")
    return str(zoo.save(recipe.build(maps=4), tmp_path_factory.mktemp("encoder") / "small", "Untrained."))


@pytest.fixture
def train(encoder, tmp_path, monkeypatch):
    """train(name, out, **options) -> the weights of a recipe's checkpoint, trained on a few records."""
    monkeypatch.setattr(epochs, "_SAVE_EVERY_S", 0.0)
    compiled = keras.Model.compile

    def without_xla(model, *args, **options):  # compiling takes longer than these few steps, and is one operation
        compiled(model, *args, **{**options, "jit_compile": False})

    monkeypatch.setattr(keras.Model, "compile", without_xla)

    def weights(name, out, **options):
        records, about = small_records.of(name)
        monkeypatch.setattr(datasets, "arrays", lambda *_: records)
        monkeypatch.setattr(datasets, "metadata", lambda *_: {"version": "1", "splits": {}, **about})
        recipe = NamedRecipe(dataclasses.replace(registry.recipe_module(name).RECIPE, **KEPT))
        settings = {**SETTINGS[name]}
        settings |= {
            key: value for key, value in {"encoder": encoder, "scored_on": []}.items() if key in recipe.settings
        }
        folder = recipe.train(out=tmp_path / out, settings=settings, smoke=True, seed=SEED, **options)
        return zoo.load(folder).get_weights()

    return weights


def test_every_recipe_that_fit_trains_is_here():
    fitted = {name for name in registry.list_recipes() if registry.recipe_module(name).RECIPE.stages}
    assert fitted == set(SETTINGS)


def _parameters(quick):
    return [pytest.param(name, marks=() if name in quick else pytest.mark.slow) for name in SETTINGS]


@pytest.mark.parametrize("name", _parameters(("wgan_gp_emulator", "shallow_crust", "phase_picker")))
def test_trainings_and_interrupted_ones_end_in_the_same_weights(name, train):
    whole, again = train(name, "whole"), train(name, "again")
    interrupt = InterruptOnce()
    resumed = None
    while resumed is None:
        before = len(interrupt.interrupted)
        try:
            resumed = train(name, "resumed", callbacks=[interrupt])
        except KeyboardInterrupt:
            assert len(interrupt.interrupted) == before + 1
    assert interrupt.interrupted
    for a, b, c in zip(whole, again, resumed, strict=True):
        np.testing.assert_array_equal(a, b)
        np.testing.assert_array_equal(a, c)


@pytest.mark.parametrize("name", _parameters(("wgan_gp_emulator",)))
def test_no_read_or_write_of_a_variable_is_without_order(name, train):
    with step_order.recorded() as graphs:
        train(name, "whole")
    assert sum(len(graph.node) for graph in graphs) > 100
    assert not [pair for graph in graphs for pair in step_order.unordered(graph)]


def test_the_order_is_lost_without_the_trainers_care(train, monkeypatch):
    """The control of the test above: TensorFlow's own optimisation leaves uses of variables without order."""
    monkeypatch.setattr(epochs, "ordered_steps", contextlib.nullcontext)
    with step_order.recorded() as graphs:
        train("wgan_gp_emulator", "whole")
    assert [pair for graph in graphs for pair in step_order.unordered(graph)]
