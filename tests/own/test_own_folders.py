"""A user's own recipe and dataset, outside the package, on equal terms; what is broken beside them harms no other."""

from __future__ import annotations

import json

import numpy as np
import pytest

import zoo
from zoo import checkpoint, cli, own, recipe_files
from zoo.errors import ZooError
from zoo.training.recipe import Recipe, Stage, data_settings, fit_settings
from zoo.training.trainer import NamedRecipe

RECIPE = '''"""Frequency of a noisy sine: a perceptron."""

import keras
import sine_layers

from zoo.settings import Setting
from zoo.training.recipe import Recipe, Stage, data_settings, fit_settings


def build(units):
    return keras.Sequential([keras.Input((100,)), sine_layers.Wide(units), keras.layers.Dense(1)])


def examples(model, records, settings):
    return records["trace"], records["frequency_hz"][:, None]


def compile(network, settings, steps):
    network.compile("adam", "mse")


def score(model, records):
    return {"mae_hz": abs(model.predict(records["trace"], verbose=0)[:, 0] - records["frequency_hz"]).mean()}


RECIPE = Recipe(
    name="own_sine",
    summary="Gives the frequency of a sine.",
    settings={
        **data_settings("toy_sines/mini", "train[:90%]", "train[90%:]"),
        **fit_settings(batch_size=32, epochs=2),
        "units": Setting(8, "units of the hidden layer", "ours", low=1),
    },
    build=build,
    stages=[Stage("network", examples, compile)],
    score=score,
    card={},
)
'''
HELPER = """import keras


@keras.saving.register_keras_serializable(package="own_sine")
class Wide(keras.layers.Dense):
    pass
"""
BUILDER = '''"""Noisy sines with their frequency."""
import dataclasses
import numpy as np
import tensorflow_datasets as tfds


@dataclasses.dataclass
class SineConfig(tfds.core.BuilderConfig):
    examples: int = 100


class Builder(tfds.core.GeneratorBasedBuilder):
    """Sines of 1 to 5 Hz, one second at 100 Hz."""

    VERSION = tfds.core.Version("1.0.0")
    BUILDER_CONFIGS = [SineConfig(name="mini", description="Synthetic."), SineConfig(name="other", examples=60)]

    def _info(self):
        features = {"trace": tfds.features.Tensor(shape=(100,), dtype=np.float32), "frequency_hz": np.float32}
        return self.dataset_info_from_configs(features=tfds.features.FeaturesDict(features), disable_shuffling=True)

    def _split_generators(self, dl_manager):
        count = self.builder_config.examples
        parts = {"train": range(count), "test": range(count, count + 20)}
        return {split: self._generate_examples(numbers) for split, numbers in parts.items()}

    def _generate_examples(self, numbers):
        for i in numbers:
            f = np.random.default_rng(i).uniform(1, 5)
            trace = np.sin(2 * np.pi * f * np.arange(100) / 100)
            yield i, {"trace": trace.astype(np.float32), "frequency_hz": np.float32(f)}
'''


@pytest.fixture
def home(tmp_path, monkeypatch):
    """Folders of one's own with a recipe that imports a helper, and a dataset."""
    for name in ("recipes", "datasets/toy_sines", "checkpoints"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "recipes/own_sine.py").write_text(RECIPE)
    (tmp_path / "recipes/sine_layers.py").write_text(HELPER)
    (tmp_path / "datasets/toy_sines/toy_sines_dataset_builder.py").write_text(BUILDER)
    for room, variable in own.VARIABLES.items():
        monkeypatch.setenv(variable, str(tmp_path / room))
    monkeypatch.setenv("ZOO_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    own.note.cache_clear()
    return tmp_path


def command(capsys, *arguments, code=0):
    assert cli.main(list(arguments)) == code, capsys.readouterr().err
    return capsys.readouterr()


def test_an_own_recipe_and_dataset_go_the_whole_way(home, capsys):
    rows = json.loads(command(capsys, "list", "own*", "--json").out)
    assert rows == [{"kind": "recipe", "name": "own_sine", "summary": "Frequency of a noisy sine: a perceptron."}]
    command(capsys, "prepare", "toy_sines/mini")
    command(capsys, "prepare", "toy_sines/other")
    shown = command(capsys, "datasets").out
    assert f"toy_sines/mini\t{home / 'data'}" in shown and "sine_layers" not in zoo.list_recipes()
    command(capsys, "train", "own_sine", "--out", "checkpoints/own_sine.first", "--set", "units=6")
    assert json.loads(command(capsys, "list", "own*", "--json").out)[0]["name"] == "own_sine.first"
    assert "frequency of a sine" in command(capsys, "info", "own_sine").out
    there = json.loads(command(capsys, "evaluate", "own_sine", "--json").out)
    other = json.loads(command(capsys, "evaluate", "own_sine", "--json", "--dataset", "toy_sines/other").out)
    recipe, model = zoo.recipe("own_sine"), zoo.load("own_sine")
    assert recipe.evaluate(model) == there
    assert recipe.evaluate(model, dataset="toy_sines/other") == other != there
    records = next(iter(recipe.data("test", 20, dataset="toy_sines/other")))
    assert model.predict(np.asarray(records["trace"]), verbose=0).shape == (20, 1)


def test_what_is_broken_is_named_and_harms_no_other(home, capsys, monkeypatch):
    (home / "recipes/half.py").write_text("RECIPE = Recipe(")
    (home / "recipes/my-picker.py").write_text("RECIPE = None")
    (home / "recipes/raises.py").write_text('"""Raises."""\nRECIPE = 1 / 0\n')
    (home / "recipes/other_name.py").write_text(RECIPE)
    (home / "datasets/flat_dataset_builder.py").write_text(BUILDER)
    for name, text in (("torn", "class Builder(:"), ("raising", "import no_such_module_at_all")):
        (home / "datasets" / name).mkdir()
        (home / "datasets" / name / f"{name}_dataset_builder.py").write_text(text)
    for name, text in (("bad.a", "{not json"), ("odd.b", "[1]"), ("foreign.c", '{"model": "x"}')):
        (home / "checkpoints" / name).mkdir()
        (home / "checkpoints" / name / "card.json").write_text(text)
    monkeypatch.setenv("ZOO_RECIPES", f"{home / 'nowhere'}:{home / 'recipes'}")
    listed = command(capsys, "list")
    assert "own_sine\trecipe" in listed.out and "cvae_emulator.marine" in listed.out and "half" not in listed.out
    for told in ("nowhere, named in ZOO_RECIPES", "half.py, line 1", "my-picker.py", "bad.a", "odd.b", "foreign.c"):
        assert listed.err.count(told) == 1, listed.err
    shown = command(capsys, "datasets")
    assert "toy_sines/mini" in shown.out and "microseismic/marine" in shown.out and "torn" not in shown.out
    assert "torn_dataset_builder.py" in shown.err
    assert (listed.err + shown.err).count("flat_dataset_builder.py. A builder lies in") == 1
    for name, told in (("raises", "ZeroDivisionError"), ("other_name", "called 'own_sine', the file other_name.py")):
        said = command(capsys, "train", name, code=1).err
        assert f"{name}.py" in said and told in said
    assert "no_such_module_at_all" in command(capsys, "prepare", "raising", code=1).err
    assert "not valid JSON" in command(capsys, "info", "bad.a", code=1).err
    assert zoo.recipe("own_sine").settings["units"] == 8


def test_one_of_two_of_a_name_is_taken_and_that_is_said(home, capsys, monkeypatch):
    (home / "recipes/mdn_crust.py").write_text('"""Mine."""\nRECIPE = 1\n')
    assert recipe_files.recipe_path("mdn_crust") == home / "recipes/mdn_crust.py"
    assert "Two recipes are called mdn_crust" in capsys.readouterr().err
    assert "mdn_crust" in recipe_files.own_recipes() and "shallow_crust" not in recipe_files.own_recipes()


def test_a_recipe_made_by_a_program_needs_no_file(home):
    """Its checkpoint loads in a process that knows its classes, and is scored by the recipe in hand."""
    import keras

    def compile(network, settings, steps):
        network.compile("adam", "mse")

    recipe = Recipe(
        name="in_hand",
        summary="Gives the frequency of a sine.",
        settings={**data_settings("toy_sines/mini", "train", "test"), **fit_settings(batch_size=50, epochs=1)},
        build=lambda: keras.Sequential([keras.Input((100,)), keras.layers.Dense(1)]),
        stages=[Stage("network", lambda m, r, s: (r["trace"], r["frequency_hz"][:, None]), compile)],
        score=lambda model, records: {"bias_hz": float(np.mean(model(records["trace"]) - records["frequency_hz"]))},
        card={},
    )
    zoo.data.datasets.prepare("toy_sines/mini")
    folder = NamedRecipe(recipe).train(out="runs/in_hand.a")
    assert np.isfinite(zoo.training.trainer.evaluate(folder)["bias_hz"])
    recipe_files._IN_HAND.clear()  # as in another process
    assert zoo.load(folder)(np.zeros((2, 100))).shape == (2, 1)
    assert checkpoint.read_card(folder)["recipe"] == "in_hand"
    with pytest.raises(ZooError, match="no recipe 'in_hand'"):
        zoo.training.trainer.evaluate(folder)
