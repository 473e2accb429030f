"""Every recipe that `fit` trains: two trainings, and one that was interrupted, end in the same weights."""

from __future__ import annotations

import dataclasses

import keras
import numpy as np
import pytest
import small_records
from step_order import recorded, unordered

import zoo
from zoo import registry
from zoo.data import datasets
from zoo.training import epochs
from zoo.training.trainer import NamedRecipe

_TRACES = {"inducing_points": 8, "depth_nodes": 5, "batch_size": 16}
_WINDOWS = {"labels": 25, "epochs": 3, "batch_size": 8}
_SHOTS = {"epochs": 3, "time_samples": 300}
SETTINGS = {
    "ae_gp_emulator": {**_TRACES, "code_points": 8},
    "ae_nn_emulator": {**_TRACES, "units": [8]},
    "cvae_emulator": {**_TRACES, "units": [8]},
    "explosion_earthquake": {},
    "explosion_window": _WINDOWS,
    "fdrnn_1d": _SHOTS,
    "fdrnn_folded": _SHOTS,
    "fdrnn_marmousi": _SHOTS,
    "greens_emulator": {**_TRACES, "units": [8], "coefficients": 4},
    "joint_crust": {"batch_size": 30},
    "mdn_crust": {"batch_size": 30},
    "nn_direct_emulator": {**_TRACES, "units": [8]},
    "noise_earthquake": _WINDOWS,
    "p_picker": _WINDOWS,
    "pca_nn_emulator": {**_TRACES, "units": [8], "components": 4},
    "phase_picker": {"samples": 256},
    "seismicity_resnet101": {},
    "seismicity_resnet18": {},
    "seismicity_resnet34": {},
    "shallow_crust": {"batch_size": 30},
    "ssae_crust": {"batch_size": 30},
    "surface_waves": {"batch_size": 60, "bank": 300},
    "waveform_autoencoder": {"maps": 4, "batch_size": 8},
    "wgan_gp_emulator": {**_TRACES, "units": [8, 8], "latent": 4, "critic_steps": 2},
}
"""Recipe -> settings beside its smoke settings."""
WITHOUT_FIT = {"d18_emulator", "pca_gp_emulator"}
FEW = ("fdrnn_1d",)
"""A network that is a simulation (two optimizers in a step: test_wgan.py); `make test-all` does it for every recipe."""
SEED = 3
_UNSCORED = {"score": lambda model, records: {}, "measure": None, "golden": None}


class Interrupt(keras.callbacks.Callback):
    """Stops the program when a stage begins, and again after its first epoch."""

    def __init__(self):
        super().__init__()
        self.stage, self.met = 0, set()

    def on_train_begin(self, logs=None):
        self._once("begins")

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 1:
            self._once("after the first epoch")

    def on_train_end(self, logs=None):
        self.stage += 1

    def _once(self, moment):
        if (self.stage, moment) not in self.met:
            self.met.add((self.stage, moment))
            raise KeyboardInterrupt


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    """The folder of an autoencoder of seismograms as it is before training."""
    recipe = zoo.recipe("waveform_autoencoder")
    return str(zoo.save(recipe.build(maps=4), tmp_path_factory.mktemp("encoder") / "small", "Untrained."))


@pytest.fixture
def without_xla(monkeypatch):
    """XLA takes long to compile a step, which it puts in order by itself; TensorFlow runs what it can at once."""
    compiled = keras.Model.compile
    plain = lambda model, *given, **options: compiled(model, *given, **{**options, "jit_compile": False})
    monkeypatch.setattr(keras.Model, "compile", plain)


def check(name, encoder, tmp_path, monkeypatch):
    """Train a recipe on small records: twice, and with interruptions."""
    records, about = small_records.of(name)
    monkeypatch.setattr(datasets, "records", lambda *_, **__: records)
    monkeypatch.setattr(datasets, "metadata", lambda *_: {"version": "1", "splits": {}, **about})
    monkeypatch.setattr(epochs, "_SAVE_EVERY_S", 0.0)
    recipe = NamedRecipe(dataclasses.replace(registry.recipe_module(name).RECIPE, **_UNSCORED))
    given = {"encoder": encoder, "scored_on": []}
    settings = SETTINGS[name] | {key: value for key, value in given.items() if key in recipe.settings}

    def trained(out, callbacks=()):
        folder = recipe.train(out=tmp_path / out, settings=settings, smoke=True, seed=SEED, callbacks=callbacks)
        return zoo.load(folder).get_weights()

    with recorded() as graphs:
        whole = trained("whole")
    assert not [pair for graph in graphs for pair in unordered(graph)]
    again, resumed, interrupt = trained("again"), None, Interrupt()
    while resumed is None:
        try:
            resumed = trained("resumed", [interrupt])
        except KeyboardInterrupt:
            assert not (tmp_path / "resumed").exists()
    stages = recipe.recipe.stages_of({**recipe.recipe.choose("", recipe.recipe.smoke), **settings})
    assert len(interrupt.met) == 2 * len(stages) > 0
    for other in (again, resumed):
        for a, b in zip(whole, other, strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.long
@pytest.mark.parametrize("name", FEW)
def test_a_training_repeats_itself(name, without_xla, encoder, tmp_path, monkeypatch):
    check(name, encoder, tmp_path, monkeypatch)


@pytest.mark.slow
@pytest.mark.parametrize("name", SETTINGS)
def test_a_training_repeats_itself_as_shipped(name, encoder, tmp_path, monkeypatch):
    check(name, encoder, tmp_path, monkeypatch)


def test_no_recipe_is_left_out():
    assert set(registry.list_recipes()) == set(SETTINGS) | WITHOUT_FIT
    for name in WITHOUT_FIT:
        recipe = registry.recipe_module(name).RECIPE
        assert not recipe.stages_of(recipe.choose())


def test_the_order_that_tensorflow_loses_is_kept():
    """If the first part fails, TensorFlow has been mended, and `ordered_steps` can go."""

    def graphs_of_a_training():
        # The loss is the output, so that the gradient of the last weight does not depend on that weight.
        model = keras.Sequential([keras.Input((2,)), *(keras.layers.Dense(2, use_bias=False) for _ in range(2))])
        model.compile("adam", lambda true, output: output, jit_compile=False)
        x = np.ones((4, 2), np.float32)
        with recorded() as graphs:
            model.fit(x, x, batch_size=4, verbose=0)
        return graphs

    assert any(unordered(graph) for graph in graphs_of_a_training())
    with epochs.ordered_steps():
        graphs = graphs_of_a_training()
    assert graphs and not any(unordered(graph) for graph in graphs)
