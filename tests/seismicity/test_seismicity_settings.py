"""Every setting of the recipes and of the dataset does something: another value, another training or other maps."""

from __future__ import annotations

import json
import sys
from typing import Any

import keras
import numpy as np
import pytest

from zoo import registry
from zoo.data import builders
from zoo.files import digest
from zoo.settings import Setting, defaults
from zoo.training.recipe import ALWAYS, OF_STAGES

RECIPES = [name for name in registry.list_recipes() if name.startswith("seismicity_")]
# The smallest networks and batches, of maps of a fixed seed.
SMALL: dict[str, Any] = {"width": 2, "batch_size": 4}
# Other values, where another word or number would not do.
OTHER = {"channels": 2, "tasks": ["medium", "hard"]}
WITH = {"at_events": {"channels": 2}}  # settings without which another has no meaning
BUILT = ("width", "channels", "at_events", "grown_from")  # what `build` takes


def another(key: str, setting: Setting, value: Any) -> Any:
    """Return an allowed value that is not this one."""
    if key in OTHER:
        new = OTHER[key]
    elif setting.kind == "flag":
        new = not value
    elif setting.choices:
        new = next(choice for choice in setting.choices if choice != value)
    elif setting.several and setting.kind == "text":
        new = value[1:]
    elif setting.several:
        new = [item + 1 for item in value]
    elif setting.kind == "text":
        new = f"{value}x"
    else:
        new = value + 1 if setting.kind == "whole" else 0.7 * value
    return setting.read(key, new)


class Trainings:
    """What trainings of a recipe would be, as digests.

    Args:
        recipe: the recipe; the checkpoint that a network may be grown from is one of the same size.
    """

    def __init__(self, recipe, monkeypatch):
        self.recipe, self.models = recipe, {}
        donor = self.model(recipe.choose("paper", SMALL), seed=1)
        monkeypatch.setattr(registry, "load", lambda name, answering: donor)

    def model(self, values: dict[str, Any], seed: int = 0) -> keras.Model:
        """Return the untrained model of some settings; building takes long, so each is built once."""
        key = json.dumps([{key: values[key] for key in BUILT}, seed])
        if key not in self.models:
            keras.utils.set_random_seed(seed)
            self.models[key] = self.recipe.create(values)
        return self.models[key]

    def fingerprint(self, settings: dict[str, Any]) -> str:
        """Return a digest of the model before training, of one batch, of how its updates are made, and of its data."""
        values = {**self.recipe.choose("paper", {**SMALL, **settings}), "seed": 0}
        model = self.model(values)
        found = [model.get_config(), digest(*(np.asarray(weight) for weight in model.weights))]
        for stage in self.recipe.stages_of(values):
            part = stage.trained_part(model)
            maps, label = stage.draws(model, {}, values)(np.random.default_rng(0))
            stage.compile(part, values, values["steps_per_epoch"] * values["epochs"])
            optimizer = {**part.optimizer.get_config(), "name": "", "decay": part.optimizer.decay}
            found += [digest(maps, label), optimizer]
            found += [part.stem.compute_dtype, part.steps_per_execution]
            found += [values[key] for key in (*OF_STAGES, "steps_per_epoch")]
        # What the trainer itself reads.
        found += [values[key] for key in (*ALWAYS, "scored_on")]
        return json.dumps(found, default=str)


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow if name == RECIPES[0] else ()) for name in RECIPES]
)
def test_every_setting_of_a_recipe_changes_its_training(name, monkeypatch):
    recipe = registry.recipe_module(name).RECIPE
    trainings = Trainings(recipe, monkeypatch)
    as_it_is = trainings.fingerprint({})
    assert trainings.fingerprint({}) == as_it_is
    values = recipe.choose("paper", SMALL)
    changes = {key: another(key, setting, values[key]) for key, setting in recipe.settings.items()}
    without = {key: trainings.fingerprint(more) for key, more in WITH.items()}
    same = [
        key
        for key, new in changes.items()
        if trainings.fingerprint({**WITH.get(key, {}), key: new}) == without.get(key, as_it_is)
    ]
    assert same == []


def test_every_setting_of_the_dataset_changes_its_maps(monkeypatch):
    builder = builders.builder_class("seismicity_maps")
    monkeypatch.setattr(sys.modules[builder.__module__], "MAPS_PER_SHARD", 8)
    small = {"train": 8, "validation": 8, "test": 8}

    def fingerprint(settings: dict[str, Any]) -> list[str]:
        config = builder.custom_config("own", {**small, **settings})
        shards = [builder.make_shard(config, index) for index in range(builder.shard_count(config))]
        return [digest(*shard.values()) for shard in shards]

    as_it_is = fingerprint({})
    assert fingerprint({}) == as_it_is and len(set(as_it_is)) == 3
    values = {**defaults(builder.SETTINGS), **small}
    changes = {key: another(key, setting, values[key]) for key, setting in builder.SETTINGS.items()}
    assert [key for key, new in changes.items() if fingerprint({key: new}) == as_it_is] == []
