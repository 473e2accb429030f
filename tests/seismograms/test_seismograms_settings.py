"""Every setting of the recipes and datasets of seismograms changes what is built, learnt from or trained."""

from __future__ import annotations

import dataclasses
import hashlib
import json

import keras
import numpy as np
import pytest
from event_records import event_records

import zoo
from zoo.data.builders import builder_class
from zoo.errors import UsageError

RECIPES = (
    *("waveform_autoencoder", "noise_earthquake", "explosion_window", "explosion_earthquake", "p_picker"),
    "phase_picker",
)
OF_THE_TRAINER = ("dataset", "train_split", "validation_split", "scored_on")
"""Read by `zoo.training.trainer` alone, and tested with it."""
SMALL = {
    "waveform_autoencoder": {"maps": 8, "stem": [4, 4]},
    "explosion_earthquake": {"folds": 4, "hidden": 2, "epochs": 2},
    "phase_picker": {"filters": [4, 4], "samples": 128, "batch_size": 8, "steps_per_epoch": 3},
}
"""Settings that make a recipe fast."""
OTHER = {
    "bottleneck": 34,
    "maps": 9,
    "stem": [4, 5],
    "sparsity_weight": 1e-3,
    "schedule": "literal",
    "learning_rate": 0.02,
    "finetune_rate": 0.02,
    "batch_size": 5,
    "epochs": 3,
    "patience": 4,
    "head": "dense",
    "schema": "frozen",
    "labels": 20,
    "high_pass_hz": 1.0,
    "vertical_only": 0.9,
    "sampling_rate_hz": 50.0,
    "samples": 160,
    "filters": [4, 5],
    "label_sd_s": 0.3,
    "noise_share": 0.9,
    "mixed_share": 1.0,
    "second_event_share": 1.0,
    "steps_per_epoch": 7,
    "measures": ["ratios", "spectra"],
    "hidden": 3,
    "weight_decay": 0.5,
    "folds": 5,
    "leave_out": "place",
    "fewest_stations": 3,
    "least_odds": 3.0,
}
OTHER_OF = {("explosion_earthquake", "head"): "ratios"}
"""Where recipes have settings of one name that take other values."""
NEEDED: dict[tuple[str, str], dict] = {}
"""(recipe, setting) -> the settings without which it does nothing. All of them work with the defaults."""


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory):
    """Folders of small untrained checkpoints: two autoencoders with different weights, and a picker."""
    folder = tmp_path_factory.mktemp("checkpoints")
    keras.utils.set_random_seed(1)
    made = {}
    for key, name in (
        ("encoder", "waveform_autoencoder"),
        ("other", "waveform_autoencoder"),
        ("initial", "phase_picker"),
    ):
        model = zoo.recipe(name).build(**SMALL[name])
        made[key] = str(zoo.save(model, folder / f"{key}.small", "Untrained.", recipe=name))
    return made


@pytest.fixture(scope="module")
def records():
    rng = np.random.default_rng(0)
    count = 40
    p = rng.uniform(150, 350, count)
    p[::4] = np.nan  # noise
    return {
        "waveform": rng.normal(size=(count, 540, 3)).cumsum(axis=1).astype(np.float32),
        "trace_name": np.array([f"trace {i}" for i in range(count)], object),
        "trace_p_arrival_sample": p,
        "trace_s_arrival_sample": p + 80,
    }


_EVENTS = event_records(12)


def digest(values) -> str:
    made = hashlib.sha256()
    for array in keras.tree.flatten(values):
        made.update(np.ascontiguousarray(array).tobytes() + str(np.shape(array)).encode())
    return made.hexdigest()


def fingerprint(recipe, values, records) -> str:
    """Return what training would do with these settings: model, weights, examples, optimizer, loss, epochs."""
    values = {**values, "seed": 0}
    keras.utils.clear_session()  # or names would count the models that were made before
    keras.utils.set_random_seed(0)
    model = recipe.create(values)
    labels = getattr(model, "labels", ()) or ("earthquake",)
    if recipe.name == "explosion_earthquake":
        records = _EVENTS
    else:
        category = np.array([labels[i % len(labels)] for i in range(len(records["waveform"]))], object)
        records = {**records, "trace_category": category}
    if recipe.before_fit:
        recipe.before_fit(model, records, values, {"sampling_rate_hz": getattr(model, "sampling_rate_hz", 100.0)})
    said = [json.dumps(model.get_config(), sort_keys=True), digest(model.get_weights())]
    for stage in recipe.stages_of(values):
        own = {**values, **stage.settings}
        part = stage.trained_part(model)
        if stage.draws:
            steps, seen = own["steps_per_epoch"], stage.draws(model, records, own)(np.random.default_rng(0))
        else:
            seen = stage.examples(model, records, own)
            steps = max(1, len(seen[0]) // own["batch_size"])
        held_out = (stage.validation_examples or stage.examples)(model, records, own)
        stage.compile(part, own, steps * own["epochs"])
        trained = [variable.path for variable in part.trainable_variables]
        said += [stage.name, digest(seen), digest(held_out), str(trained), str(part.get_compile_config())]
        said += [str((steps, own["epochs"], own["patience"]))]
    return "\n".join(said)


def cases():
    for name in RECIPES:
        for key in zoo.recipe(name).settings:
            if key not in OF_THE_TRAINER:
                yield name, key


@pytest.fixture(scope="module")
def bases(checkpoints, records):
    """(recipe, settings that are needed) -> the values, and their fingerprint."""
    made = {}

    def base(name, needed):
        key = name, *sorted(needed.items())
        if key not in made:
            recipe = zoo.recipe(name).recipe
            encoder = {"encoder": checkpoints["encoder"]} if "encoder" in recipe.settings else {}
            changes = {**SMALL.get(name, {}), **encoder, **needed}
            made[key] = changes, fingerprint(recipe, recipe.choose("", changes), records)
        return made[key]

    return base


@pytest.mark.parametrize(("name", "key"), list(cases()))
def test_every_setting_of_a_recipe_counts(name, key, bases, checkpoints, records):
    recipe = zoo.recipe(name).recipe
    changes, before = bases(name, NEEDED.get((name, key), {}))
    own = {"encoder": checkpoints["other"], "initial": checkpoints["initial"], "picker": checkpoints["initial"]}
    other = own.get(key) or OTHER_OF.get((name, key)) or OTHER[key]
    values = recipe.choose("", {**changes, key: other})
    assert values[key] != recipe.choose("", changes)[key]
    assert fingerprint(recipe, values, records) != before


def test_equal_settings_have_equal_fingerprints(bases, records):
    """Without this, the test above could not fail."""
    for name in RECIPES:
        recipe = zoo.recipe(name).recipe
        changes, before = bases(name, {})
        assert fingerprint(recipe, recipe.choose("", changes), records) == before, name


CONFIGS = {
    "stead": {
        "categories": "noise",
        "min_magnitude": "2.5",
        "max_distance_km": "80",
        "sampling_rate_hz": "50",
        "samples": "3000",
        "normalise": "true",
        "window": "before_p",
        "seed": "3",
        "split": "event",
        "complete": "true",
        "like": "kong2021_picking",
    },
    "len_db": {"categories": "noise", "normalise": "false", "shift": "false", "seed": "3", "complete": "false"},
    "ncedc_picks": {
        "folder": "picks",
        "samples": "3000",
        "sampling_rate_hz": "50",
        "folds": ("folds=5", "fold=2"),
        "fold": ("folds=5", "fold=2"),
        "complete": "true",
    },
    "local_seismograms": {
        "train": "7",
        "validation": "7",
        "test": "7",
        "seed": "3",
        "kinds": "noise,earthquake",
        "sampling_rate_hz": "50",
        "samples": "3000",
        "window": "origin",
        "s_minus_p_s": "0.5:10",
        "snr_floor": "5",
        "normalise": "true",
        "complete": "true",
    },
}


@pytest.mark.parametrize("name", list(CONFIGS))
def test_every_setting_of_a_dataset_reaches_its_config(name):
    builder = builder_class(name)
    assert set(CONFIGS[name]) == set(builder.SETTINGS)
    default = dataclasses.asdict(builder.custom_config("own", {}))
    for key, text in CONFIGS[name].items():
        given = dict(pair.split("=") for pair in text) if isinstance(text, tuple) else {key: text}
        config = dataclasses.asdict(builder.custom_config("own", given))
        differing = {field for field in config if config[field] != default[field]}
        assert differing >= (given.keys() - {"like"}) and differing, key


def test_lists_and_ranges_are_read_as_they_were():
    own = lambda name, **given: builder_class(name).custom_config("own", given)  # noqa: E731
    assert own("stead", categories="earthquake_local, noise").categories == ("noise", "earthquake_local")
    assert own("len_db", categories="earthquake,noise").categories == ("noise", "earthquake")
    assert own("len_db").normalise and own("len_db").shift and own("len_db").complete
    assert own("local_seismograms", kinds="noise,earthquake,noise").kinds == ("noise", "earthquake", "noise")
    assert own("local_seismograms", s_minus_p_s="0.5:10").s_minus_p_s == (0.5, 10.0)
    assert own("stead", like="kong2021_picking", sampling_rate_hz="50").samples == 3000
    assert own("stead", like="kong2021_picking").min_magnitude == 2.0
    assert own("stead", like="kong2021_picking", min_magnitude="none").min_magnitude is None
    assert (own("ncedc_picks", folds="5", fold="5").folds, own("ncedc_picks").fold) == (5, 0)


@pytest.mark.parametrize(
    ("name", "given", "message"),
    [
        ("stead", {"categories": "quake"}, "categories knows no 'quake'. Did you mean"),
        ("stead", {"categories": ""}, "categories takes one or more of noise, earthquake_local"),
        ("stead", {"samples": "inf"}, "samples takes a whole number in samples from 1; received 'inf'"),
        ("stead", {"samples": "6001"}, "A trace of 60 s has 6000 samples at 100 Hz"),
        ("stead", {"sampling_rate_hz": "nan"}, "received 'nan'"),
        ("local_seismograms", {"kinds": ""}, "kinds takes one or more of"),
        ("local_seismograms", {"s_minus_p_s": "5"}, "s_minus_p_s takes 2 numbers, with ':' between them in s"),
        ("local_seismograms", {"s_minus_p_s": ""}, "s_minus_p_s takes 2 numbers"),
        ("local_seismograms", {"s_minus_p_s": "1:inf"}, "received '1:inf'"),
        ("ncedc_picks", {"folds": "5"}, "fold counts from 1 to folds; received fold=0 folds=5"),
        ("ncedc_picks", {"folds": "1", "fold": "1"}, "folds is 2 or more"),
        ("ncedc_picks", {"folds": "2", "fold": "3"}, "received fold=3 folds=2"),
        ("seisbench_format", {"folder": ""}, "Which folder"),
        ("explosions", {"events": "", "fdsn": "IRIS"}, "events=TABLE is missing"),
    ],
)
def test_what_a_dataset_cannot_take_is_refused(name, given, message):
    with pytest.raises(UsageError) as refused:
        builder_class(name).custom_config("own", given)
    assert message in str(refused.value)
