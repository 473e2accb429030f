"""Every setting of the system's recipes and dataset does something: another value, another training or other data."""

from __future__ import annotations

import dataclasses
import json
from functools import cache
from typing import Any

import keras
import numpy as np
import pytest
from greens_medium import HomogeneousGreens

from zoo import registry
from zoo.errors import ZooError
from zoo.files import digest
from zoo.microseismic.models import emulator_training, gp_regression, greens_training
from zoo.settings import Setting
from zoo.training.recipe import ALWAYS, OF_STAGES

QUICK = ("nn_direct_emulator",)  # the others in `make test-all`
RECIPES = [
    pytest.param(name, marks=() if name in QUICK else pytest.mark.slow)
    for name in registry.list_recipes()
    if name.endswith("_emulator")
]
RECEIVER_KM = [0.3, 0.4, 0.9]
RATE_HZ, SAMPLES, EVENTS = 250.0, 150, 24
# Of the smallest models and trainings; each recipe takes those that it has.
SMALL: dict[str, Any] = {
    "inducing_points": 8,
    "code_points": 8,
    "depth_nodes": 4,
    "units": [6, 5],
    "autoencoder_units": [6],
    "latent": 2,
    "components": 3,
    "coefficients": 3,
    "epochs": 4,
    "batch_size": 6,
}
GRID = {"periodic_spacing_km": [0.05, 0.05, 0.05], "periodic_nodes": [20, 20, 30]}
# Settings that count only with others: those, and another value where it cannot be found by rule.
NEEDS = {"depth_nodes": {"features": "physics"}, "periodic_spacing_km": GRID, "periodic_nodes": GRID}
OTHER = {"periodic_spacing_km": [0.04, 0.05, 0.05], "periodic_nodes": [20, 20, 31]}


@pytest.fixture(autouse=True, scope="module")
def functions_run_eagerly():
    """To trace a function for each of a hundred models would take minutes."""
    import tensorflow as tf

    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


@pytest.fixture(autouse=True, scope="module")
def processes_fitted_once():
    """Gaussian processes of the same examples and options are the same: fit them once, in two steps of their search."""
    fit, kept = gp_regression.fit_gaussian_processes, {}

    def remembered(inputs, targets, *arguments, what="", **options):
        key = digest(np.asarray(inputs), np.asarray(targets), repr((arguments, sorted(options.items()))))
        if key not in kept:
            kept[key] = fit(inputs, targets, *arguments, **{**options, "iterations": 2})
        return kept[key]

    with pytest.MonkeyPatch.context() as patch:
        for module in (emulator_training, greens_training, registry.recipe_module("d18_emulator")):
            patch.setattr(module, "fit_gaussian_processes", remembered)
        yield


@cache
def records(greens: bool) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Events of a homogeneous medium at one receiver, some of them on the faces of a periodic grid."""
    coordinates_km = np.random.default_rng(0).uniform(0.05, 0.75, (EVENTS, 3)).astype(np.float32)
    about = {"receivers_km": [RECEIVER_KM], "sampling_rate_hz": RATE_HZ, "unit": "Pa"}
    if greens:
        medium = HomogeneousGreens()
        coordinates_km[:, 2] += 1.3  # near the receivers
        about["receivers_km"] = medium.receivers_km[:1].tolist()
        return {"coordinates_km": coordinates_km, "greens": medium(coordinates_km).numpy()[:, :1]}, about
    coordinates_km[:2, 0] = 0.0
    coordinates_km[2:4, 2] = 0.0
    distance = np.linalg.norm(coordinates_km - RECEIVER_KM, axis=1)[:, np.newaxis, np.newaxis]
    phase = (np.arange(SAMPLES) / RATE_HZ - 0.06 - distance / 3.0) / 0.014
    return {
        "coordinates_km": coordinates_km,
        "traces": (-phase * np.exp(-0.5 * phase**2) / distance).astype(np.float32),
        "on_boundary_face": np.arange(EVENTS) < 4,
    }, about


def weights(model: keras.Model) -> str:
    return digest(*(part for v in model.variables for part in (v.path, np.asarray(v))))


def numbers(part: keras.Model) -> list[Any]:
    """What `compile` has set: optimizers with their learning rates, the loss, and how two networks take turns."""
    optimizers = [part.optimizer, getattr(part, "critic_optimizer", None)]
    turns = [getattr(part, key, None) for key in ("critic_steps", "penalty_coefficient", "average_decay")]
    return [*(keras.optimizers.serialize(o) for o in optimizers if o), str(part.loss), part.steps_per_execution, *turns]


def fingerprint(recipe, settings: dict[str, Any]) -> str:
    """What a training with these settings would be: a digest of its data, model, examples and updates."""
    values = {**recipe.choose(), **{k: v for k, v in SMALL.items() if k in recipe.settings}, **settings, "seed": 0}
    data, about = records("greens" in recipe.name)
    keras.utils.clear_session(free_memory=False)  # it numbers the names of models, which are in the paths of weights
    keras.utils.set_random_seed(0)
    model = recipe.create(values)
    recipe.before_fit(model, data, values, about)
    found = [values[key] for key in ALWAYS]
    found += [model.get_config(), [v.shape for v in model.variables], weights(model)]
    for stage in recipe.stages_of(values):
        own = {**values, **stage.settings}
        part, examples = stage.trained_part(model), stage.examples(model, data, own)
        stage.compile(part, own, 100 * own["epochs"])
        found += [stage.name, digest(*map(np.ascontiguousarray, examples)), numbers(part)]
        found += [own[key] for key in OF_STAGES]
    if recipe.after_fit:
        recipe.after_fit(model, data, values)
    found += [weights(model), sorted(recipe.golden(model, data, values))]
    return json.dumps(found, default=str)


def another(key: str, setting: Setting, value: Any) -> Any:
    """Return an allowed value that is not this one."""
    if key in OTHER:
        new = OTHER[key]
    elif setting.choices:
        new = next(choice for choice in setting.choices if choice != value)
    elif setting.kind == "flag":
        new = not value
    elif setting.several:
        new = [item + 1 for item in value]
    elif setting.kind == "text":
        new = f"{value}x"
    else:
        new = value + 1 if setting.kind == "whole" else 0.7 * value
    return setting.read(key, new)


@pytest.mark.parametrize("name", RECIPES)
def test_every_setting_of_a_recipe_changes_its_training(name):
    recipe = registry.recipe_module(name).RECIPE
    found: dict[str, str] = {}

    def of(settings: dict[str, Any]) -> str:
        key = json.dumps(settings, sort_keys=True)
        if key not in found:
            found[key] = fingerprint(recipe, settings)
        return found[key]

    idle = []
    for key, setting in recipe.settings.items():
        base = {k: v for k, v in NEEDS.get(key, {}).items() if k in recipe.settings}
        value = base.get(key, SMALL.get(key, setting.default))
        if of(base) == of({**base, key: another(key, setting, value)}):
            idle.append(key)
    assert not idle


@pytest.mark.parametrize("name", RECIPES)
def test_the_same_settings_are_the_same_training(name):
    """Or the test above could not fail."""
    recipe = registry.recipe_module(name).RECIPE
    assert fingerprint(recipe, {}) == fingerprint(recipe, {})


def test_half_a_periodic_grid_is_refused():
    recipe = registry.recipe_module("nn_direct_emulator").RECIPE
    for key in GRID:
        with pytest.raises(ZooError, match="three numbers each for a periodic grid, or neither"):
            fingerprint(recipe, {key: GRID[key]})


@pytest.mark.long
def test_training_of_no_epochs_is_compiled():
    for name in ("nn_direct_emulator", "wgan_gp_emulator", "greens_emulator"):
        # A schedule of no steps divides by nothing: its rates are numbers.
        assert "NaN" not in fingerprint(registry.recipe_module(name).RECIPE, {"epochs": 0}), name


@pytest.mark.parametrize("mechanisms", [False, True])
def test_every_setting_of_the_dataset_changes_what_is_simulated(tmp_path, monkeypatch, mechanisms):
    from zoo.data.builders import builder_class
    from zoo.microseismic.physics import elastic, marine
    from zoo.microseismic.physics.elastic import write_model

    write_model(marine.marine_model(seed=1, spacing_m=(125.0, 125.0, 30.0)), tmp_path / "earth.npz")
    for file, x_km in (("here.csv", 0.25), ("there.csv", 0.5)):
        (tmp_path / file).write_text(f"x_km,y_km,z_km\n{x_km},0.5,2.43\n")
    # The elevation of the surface places receivers by degrees.
    (tmp_path / "degrees.csv").write_text("station,latitude,longitude,elevation_m\nA,46.8,10.5,-400\n")
    simulated = []

    def record(kind):
        def simulate(model, receiver, sources, **options):
            simulated.append([kind, digest(model.vp_m_s, model.vs_m_s), model.spacing_m, *receiver, digest(sources)])
            simulated.append(sorted(options.items()))

        return simulate

    for kind in ("receiver_gathers", "greens_functions"):
        monkeypatch.setattr(elastic, kind, record(kind))
    builder = builder_class("microseismic")

    def of(settings: dict[str, Any]) -> str:
        simulated.clear()
        config = builder.custom_config("own", settings)
        builder.make_shard(config, 0)
        return json.dumps([config.records, config.samples, builder.shard_count(config), simulated], default=str)

    # A coarse earth: the simulation's step is then as the settings say.
    base = {"spacing_m": (125.0, 125.0, 30.0), "receivers": str(tmp_path / "here.csv"), "mechanisms": mechanisms}
    base["sources"] = 400
    other = {
        "velocity_model": str(tmp_path / "earth.npz"),
        "receivers": str(tmp_path / "there.csv"),
        "spacing_m": (125.0, 125.0, 15.0),
        "surface_elevation_m": 300.0,
    }
    before = of(base)
    assert before == of(base)
    for key, setting in builder.SETTINGS.items():
        value = other.get(key, base.get(key, setting.default))
        by_degrees = {"receivers": str(tmp_path / "degrees.csv")} if key == "surface_elevation_m" else {}
        changed = {**base, **by_degrees, key: other[key] if key in other else another(key, setting, value)}
        assert of(changed) != (of({**base, **by_degrees}) if by_degrees else before), key


def test_a_config_has_every_setting():
    from zoo.data.builders import builder_class

    builder = builder_class("microseismic")
    fields = {field.name for field in dataclasses.fields(builder.custom_config("own", {}))}
    placing = {"receivers", "surface_elevation_m"}
    assert set(builder.SETTINGS) - placing <= fields and "receivers_km" in fields
