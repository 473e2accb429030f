"""Every setting of the recipes and datasets of seismograms changes what is built, learnt from or trained."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from functools import partial

import keras
import numpy as np
import pytest
from event_records import event_records

import zoo
from zoo.data import datasets
from zoo.data.builders import builder_class
from zoo.errors import UsageError
from zoo.training.batches import examples_of

RECIPES = (
    *("waveform_autoencoder", "noise_earthquake", "explosion_window", "explosion_earthquake", "p_picker"),
    "phase_picker",
)
OF_THE_TRAINER = ("dataset", "train_split", "validation_split", "scored_on")
"""Read by `zoo.training.trainer` alone, and tested with it."""
OF_REAL_RECORDS = ("beside", "source_shares", "calibrated_on", "timed_on")
"""Name prepared datasets, or go with those that do: `test_real_records_count`."""
SMALL = {
    "waveform_autoencoder": {"maps": 8, "stem": [4, 4]},
    "explosion_earthquake": {"folds": 4, "hidden": 2, "epochs": 2},
    "noise_earthquake": {"beside": [], "calibrated_on": []},
    "phase_picker": {
        **{"filters": [4, 4], "samples": 128, "batch_size": 8, "steps_per_epoch": 3, "noise_share": 0.15},
        **{"beside": [], "source_shares": [1.0], "initial": "", "calibrated_on": [], "timed_on": []},
    },
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
    "stride": 1,
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
        recipe = zoo.recipe(name).recipe
        model = recipe.create(recipe.choose("", SMALL[name]))
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
    values = {"data_dir": None, **values, "seed": 0}
    keras.utils.clear_session(free_memory=False)  # or names would count the models that were made before
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
            seen = examples_of(stage, model, records, own)
            steps = max(1, len(seen[0]) // own["batch_size"])
        held_out = (stage.validation_examples or partial(examples_of, stage))(model, records, own)
        stage.compile(part, own, steps * own["epochs"])
        trained = [variable.path for variable in part.trainable_variables]
        said += [stage.name, digest(seen), digest(held_out), str(trained), str(part.get_compile_config())]
        said += [str((steps, own["epochs"], own["patience"]))]
    return "\n".join(said)


def cases():
    for name in RECIPES:
        for key in zoo.recipe(name).settings:
            if key not in (*OF_THE_TRAINER, *OF_REAL_RECORDS):
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


@pytest.fixture(scope="module")
def real_records(tmp_path_factory):
    """A data folder with picked_streams/small, at 100 Hz, and /slow, at 20 Hz: made records that pass for real ones."""
    from obspy import Stream, Trace, UTCDateTime

    folder, manual = tmp_path_factory.mktemp("data"), tmp_path_factory.mktemp("manual")
    rng, start, picks = np.random.default_rng(0), UTCDateTime(2020, 1, 1), []
    for number in range(8):
        data = rng.normal(size=9000).astype(np.float32)
        data[6000:] *= 20
        code = {"network": "XX", "station": f"S{number}", "channel": "HHZ", "sampling_rate": 100.0, "starttime": start}
        Stream([Trace(data, code)]).write(str(manual / f"{number}.mseed"))
        picks += [f"XX.S{number}..HHZ,{start + 60},P,0.9", f"XX.S{number}..HHZ,{start + 62},S,0.9"]
    (manual / "picks.csv").write_text("\n".join(["trace_id,time,phase,probability", *picks]) + "\n")
    of_all = {"quiet_s": "55", "folds": "1"}
    for name, rate, samples in (("small", 100, 9000), ("slow", 20, 1800)):
        own = {**of_all, "sampling_rate_hz": str(rate), "samples": str(samples)}
        datasets.prepare(f"picked_streams/{name}", folder, manual, settings=own)
    return folder


def test_real_records_count(records, checkpoints, real_records):
    """What is beside the recipe's own dataset, its share, and what a model is calibrated on."""
    recipe = zoo.recipe("phase_picker").recipe
    values = {**recipe.choose("", SMALL["phase_picker"]), "data_dir": real_records}
    small = "picked_streams/small:test"
    alone = fingerprint(recipe, values, records)
    half = fingerprint(recipe, {**values, "beside": [small], "source_shares": [0.5, 0.5]}, records)
    most = fingerprint(recipe, {**values, "beside": [small], "source_shares": [0.1, 0.9]}, records)
    assert len({alone, half, most}) == 3
    with pytest.raises(UsageError, match="expected 2, received 1"):
        fingerprint(recipe, {**values, "beside": [small]}, records)
    model = recipe.create(values)
    recipe.measure(model, records, {**values, "calibrated_on": [], "timed_on": []})
    assert not np.asarray(model.calibration).any()
    recipe.measure(model, records, {**values, "calibrated_on": [small], "timed_on": [small]})
    assert np.isfinite(np.asarray(model.calibration)).all() and np.asarray(model.calibration).any()

    recipe = zoo.recipe("noise_earthquake").recipe
    own = {**SMALL["noise_earthquake"], "encoder": checkpoints["encoder"]}
    values, slow = {**recipe.choose("", own), "data_dir": real_records}, "picked_streams/slow:test"
    assert fingerprint(recipe, values, records) != fingerprint(recipe, {**values, "beside": [slow]}, records)
    model = recipe.create(values)
    before = np.asarray(model.network.application[-1].bias)
    recipe.measure(model, records, {**values, "seed": 0, "calibrated_on": [slow]})
    assert not np.array_equal(before, np.asarray(model.network.application[-1].bias))


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
    "picked_streams": {
        "folder": "records",
        "picks": "table.csv",
        "samples": "3000",
        "sampling_rate_hz": "50",
        "quiet_s": "20",
        "origin_s": "30",
        "folds": "5",
        "fold": "2",
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
