"""Every setting of the system's recipes and dataset does something: another value, another inversion or other data."""

from __future__ import annotations

import dataclasses
import json
from functools import cache
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from zoo import fwi, registry
from zoo.data.builders import builder_class
from zoo.errors import ZooError
from zoo.files import digest
from zoo.fwi.inversion.fit import Settings
from zoo.fwi.models.inversion import WaveInversion
from zoo.fwi.physics.velocity_models import folded, layered_1d, write_velocity_model
from zoo.fwi.settings import SETTINGS
from zoo.settings import Setting
from zoo.training.recipe import ALWAYS, OF_STAGES

RECIPES = [name for name in registry.list_recipes() if name.startswith("fdrnn_")]
# Settings of the smallest inversions: those of the recipe that has the grid.
SMALL = {"shots": 3, "validation_shots": 1, "time_samples": 300, "width": 4, "epochs": 4, "batch_size": 3}
SMALL |= {"peak_hz": 0.0, "time_step_s": 0.0}
# Settings that count only with others: those.
NEEDS: dict[str, dict[str, Any]] = {"band_epochs": {"bands_hz": [8.0]}}
OTHER: dict[str, Any] = {
    "optimizer": "rmsprop",
    "misfit": "envelope",
    "order": 8,
    "bands_hz": [8.0],
    "bounds": [1000.0, 6000.0],
    "taper_m": 50.0,
    "peak_hz": 7.0,
    "time_step_s": 0.001,
    "dataset": "velocity_models/other",
    "train_split": "model[:50%]",
    "validation_split": "model[50%:]",
}


@cache
def records(columns: int) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """A section with water, or a column without, as the dataset has them."""
    true = folded(1, rows=14, columns=columns, spacing_m=12.5, water_m=25.0) if columns > 1 else layered_1d(rows=40)
    start = true.smoothed(50.0)
    rows = np.zeros(columns, np.int32) if true.water_rows is None else true.water_rows
    arrays = {"velocity_m_s": true.velocity_m_s, "start_m_s": start.velocity_m_s, "water_rows": rows}
    return {key: value[None] for key, value in arrays.items()}, {"spacing_m": true.spacing_m, "ricker_peak_hz": 10.0}


def plain(value: Any) -> Any:
    """What JSON and a digest can hold of what `fit` sees."""
    return digest(*[np.asarray(array) for array in keras.tree.flatten(value)])


def fingerprint(recipe, changes: dict[str, Any]) -> str:
    """Everything that a training sees, as text: model, what is before `fit`, examples, optimizer, loss, counts."""
    values = {**recipe.choose("", {**{k: v for k, v in SMALL.items() if k in recipe.settings}, **changes}), "seed": 0}
    keras.utils.clear_session(free_memory=False)  # layers would be numbered on, and their names differ
    own, about = records(1 if recipe.name == "fdrnn_1d" else 20)
    keras.utils.set_random_seed(0)
    model = recipe.create(values)
    recipe.before_fit(model, own, values, about)
    parts: list[Any] = [values[key] for key in ALWAYS]
    parts += [model.get_config(), digest(*[weight.numpy() for weight in model.weights])]
    for stage in recipe.stages_of(values):
        of_stage = {**values, **stage.settings}
        part = stage.trained_part(model)
        stage.compile(part, of_stage, 4)
        parts += [stage.name, [of_stage[key] for key in OF_STAGES]]
        parts += [plain(stage.examples(model, own, of_stage)), plain(stage.validation_examples(model, own, of_stage))]
        parts += [type(part.optimizer).__name__, part.optimizer.get_config(), part.loss.get_config()]
    parts.append(sorted(recipe.golden(model, own, values)))
    return json.dumps(parts, sort_keys=True, default=str)


def another(key: str, setting: Setting, value: Any) -> Any:
    """Return another value that the setting may have."""
    if key in OTHER:
        new = OTHER[key]
    elif setting.kind == "flag":
        new = not value
    else:
        new = value + 1 if setting.kind == "whole" else 0.5 * value
    return setting.read(key, new)


def idle_settings(name: str) -> set[str]:
    """Return the settings of a recipe whose change changes nothing."""
    recipe = registry.recipe_module(name).RECIPE
    idle, plainly = set(), fingerprint(recipe, {})
    for key, setting in recipe.settings.items():
        base = NEEDS.get(key, {})
        before = fingerprint(recipe, base) if base else plainly
        value = SMALL.get(key, setting.default)
        if fingerprint(recipe, {**base, key: another(key, setting, value)}) == before:
            idle.add(key)
    return idle


def test_every_setting_of_a_section_changes_its_training():
    assert idle_settings("fdrnn_folded") == set()


@pytest.mark.slow
def test_every_setting_of_marmousi_changes_its_training():
    assert idle_settings("fdrnn_marmousi") == set()


def test_every_setting_of_a_column_changes_its_training():
    # A column has no receivers beside each other and no water.
    assert idle_settings("fdrnn_1d") == {"receiver_every", "freeze_water"}


def test_the_same_settings_are_the_same_training():
    recipe = registry.recipe_module("fdrnn_folded").RECIPE
    assert fingerprint(recipe, {}) == fingerprint(recipe, {})


@pytest.mark.parametrize("name", RECIPES)
def test_recipes_share_their_settings_and_answer_the_question(name):
    recipe = registry.recipe_module(name).RECIPE
    assert set(recipe.settings) == set(registry.recipe_module("fdrnn_folded").RECIPE.settings)
    model = recipe.create(recipe.choose())
    assert registry.model_for(model, "fwi.velocity")[0] is model and isinstance(model, WaveInversion)
    with pytest.raises(ZooError, match=r"answers fwi.velocity; expected crust.thickness"):
        registry.model_for(model, "crust.thickness")


def test_an_inversion_has_a_field_for_every_setting():
    found = {field.name: field.default for field in dataclasses.fields(Settings)}
    assert found == {key: setting.default for key, setting in SETTINGS.items()}


def test_the_page_lists_every_setting_of_an_inversion():
    page = Path(fwi.__file__).with_name("README.md").read_text(encoding="utf-8")
    listed = [line.split("`")[1] for line in page.split("| setting |")[1].splitlines()[2:] if line.startswith("| `")]
    assert listed[: len(SETTINGS)] == list(SETTINGS)


def test_every_setting_of_the_dataset_changes_the_record(tmp_path):
    model = folded(3, rows=14, columns=20, spacing_m=10.0, water_m=30.0)
    for seed, name in ((3, "model.bin"), (4, "other.bin")):
        write_velocity_model(folded(seed, rows=14, columns=20, spacing_m=10.0, water_m=30.0), tmp_path / name)
    base = {"file": str(tmp_path / "model.bin"), "spacing_m": 10.0, "shape": (14, 20), "smooth_m": 40.0}
    other = {"file": str(tmp_path / "other.bin"), "spacing_m": 12.0, "shape": (20, 14), "smooth_m": 0.0}
    other |= {"water_m_s": 1510.0, "window_m": (0.0, 100.0, 0.0, 100.0), "resample_m": 20.0}
    builder = builder_class("velocity_models")
    assert set(other) == set(builder.SETTINGS)

    def of(number: int, settings: dict[str, Any]) -> str:
        made = builder(data_dir=str(tmp_path / str(number)), config=builder.custom_config("own", settings))
        (generator,) = made._split_generators(None).values()
        ((_, record),) = list(generator)
        return digest(*record.values(), np.float64(made.info.metadata["spacing_m"]))

    before = of(0, base)
    assert before == of(1, base) and model.water_rows is not None
    for number, key in enumerate(builder.SETTINGS, 2):
        assert of(number, {**base, key: other[key]}) != before, key
