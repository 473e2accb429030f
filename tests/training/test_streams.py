"""Training from disk is training from memory: the same statistics, batches, weights; within the budget or refused."""

from __future__ import annotations

import dataclasses
import itertools

import keras
import numpy as np
import pytest
import small_records
from stored_records import stored

import zoo
from zoo import registry
from zoo.data import datasets
from zoo.data.blocks import mean_and_sd
from zoo.data.columns import Column, StreamedRecords
from zoo.errors import UsageError, ZooError
from zoo.training import epochs
from zoo.training.batches import OnDisk, Share, batches, drawn_batches, examples_of, together
from zoo.training.memory import TooLarge, budget_bytes
from zoo.training.recipe import Recipe, Stage, data_settings, fit_settings
from zoo.training.trainer import NamedRecipe

FROM_DISK = {
    "explosion_window": {},
    "joint_crust": {},
    "mdn_crust": {},
    "noise_earthquake": {"vertical_only": 0.5},
    "p_picker": {"labels": 25},
    "phase_picker": {"samples": 256},
    "shallow_crust": {},
    "seismicity_resnet18": {"tasks": ["stored"], "channels": 2, "batch_size": 8},
    "surface_waves": {"bank": 300},
    "waveform_autoencoder": {"maps": 4},
}
"""Recipe whose examples come record by record -> settings beside its smoke settings."""
AS_A_WHOLE = {
    "ae_gp_emulator": "Gaussian processes of all traces, as all emulators of microseismic traces",
    "explosion_earthquake": "events are measured at all stations first",
    "ssae_crust": "each layer learns the codes of the one before",
}
NEVER = 10**12


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    recipe = zoo.recipe("waveform_autoencoder")
    return str(zoo.save(recipe.build(maps=4), tmp_path_factory.mktemp("encoder") / "small", "Untrained."))


def test_every_recipe_is_known_to_train_from_disk_or_not():
    for name in registry.list_recipes():
        recipe = registry.recipe_module(name).RECIPE
        stages = recipe.stages_of(recipe.choose())
        from_disk = all(stage.by_record or stage.draws for stage in stages) and bool(stages)
        assert from_disk == (name in FROM_DISK or name.startswith("seismicity_")), name


@pytest.mark.parametrize("name", FROM_DISK)
def test_batches_from_disk_are_those_from_memory(name, encoder, tmp_path):
    records, about = small_records.of(name)
    largest = max(np.asarray(column).nbytes for column in records.values())
    on_disk = stored(records, tmp_path / "records", largest)  # a quarter of it is for columns in memory
    assert any(isinstance(on_disk[key], Column) for key in on_disk)
    recipe = registry.recipe_module(name).RECIPE
    given = {**FROM_DISK[name], **({"encoder": encoder} if "encoder" in recipe.settings else {})}
    values = {**recipe.choose("", {**recipe.smoke, **given}), "seed": 3, "data_dir": None}
    seen = []
    for some in (records, on_disk):
        keras.utils.set_random_seed(0)
        model = recipe.create(values)
        if recipe.before_fit:
            recipe.before_fit(model, some, values, about)
        stage = recipe.stages_of(values)[-1]
        if stage.draws:
            made = drawn_batches(stage.draws(model, some, values), 2, 3)
        else:
            found = examples_of(stage, model, some, values)
            assert isinstance(found, OnDisk) == isinstance(some, StreamedRecords)
            made = batches(found, 8, 3, first_epoch=1)
        batch = [keras.tree.map_structure(np.asarray, one) for one in itertools.islice(made, 3)]
        seen.append([*model.get_weights(), *keras.tree.flatten(batch)])
    for a, b in zip(*seen, strict=True):
        np.testing.assert_array_equal(a, b)


def test_examples_from_elsewhere_stand_behind_those_on_disk(tmp_path):
    records = {"x": np.arange(20, dtype=np.float32)[:, None]}
    more = (np.arange(100, 105, dtype=np.float32)[:, None],) * 2
    stage = Stage("one", lambda m, r, v: (r["x"], r["x"]), None, by_record=True, beside=lambda m, v: more)
    stage = dataclasses.replace(stage, rows=lambda m, r, v: np.arange(0, 20, 2))
    seen = []
    for some in (records, stored(records, tmp_path, NEVER)):
        found = examples_of(stage, None, some, {})
        seen.append(np.concatenate([np.asarray(x) for x, _ in itertools.islice(batches(found, 5, 1), 3)])[:, 0])
    np.testing.assert_array_equal(*seen)
    assert sorted(seen[0]) == [*range(0, 20, 2), *range(100, 105)]


def test_parts_of_a_batch_make_the_batch():
    x = np.arange(40, dtype=np.float32)
    take = lambda share: [b[0].numpy() for b in itertools.islice(batches((x, x), 8, 3, 0, 2, share), 6)]
    parts = zip(*(take(Share(worker, 3)) for worker in range(3)), strict=True)
    for whole, pieces in zip(take(Share()), parts, strict=True):
        np.testing.assert_array_equal(whole, np.concatenate(pieces))
    begun = [b[0].numpy() for b in itertools.islice(batches((x, x), 8, 3), 8)]
    np.testing.assert_array_equal(take(Share()), begun[2:])


def test_a_column_on_disk_reads_rows_and_refuses_what_exceeds_the_budget(tmp_path):
    x = np.random.default_rng(0).normal(size=(30, 4)).astype(np.float32)
    records = stored({"x": x, "small": np.arange(30).astype(np.uint8)}, tmp_path, 400)
    column = records["x"]
    assert isinstance(column, Column) and not isinstance(records["small"], Column)
    assert column.shape == (30, 4) and len(column) == 30
    for key in (3, -1, slice(2, 9), slice(None, None, 7), np.array([5, 1]), x[:, 0] > 0):
        np.testing.assert_array_equal(column[key], x[key])
    np.testing.assert_array_equal(column[2:5, :2], x[2:5, :2])
    for whole in (np.asarray, lambda one: one + 1, lambda one: one.mean(axis=0), lambda one: one[:, 1]):
        with pytest.raises(ZooError, match="x takes .* as a whole .* --memory-gb"):
            whole(column)
    larger = stored({"x": x}, tmp_path / "larger", 500)["x"]
    np.testing.assert_array_equal((larger + 1).mean(axis=0), (x + 1).mean(axis=0))


def test_statistics_in_pieces_are_those_of_the_whole(monkeypatch):
    from zoo.data import blocks

    x = np.random.default_rng(0).normal(3, 2, (1000, 3)).astype(np.float32)
    monkeypatch.setattr(blocks, "_BLOCK_BYTES", 1200)
    assert len(list(blocks.blocks(x))) == 10
    mean, sd = mean_and_sd(x)
    np.testing.assert_allclose(mean, x.mean(axis=0, dtype=np.float64), rtol=1e-12)
    np.testing.assert_allclose(sd, x.std(axis=0, dtype=np.float64), rtol=1e-12)


def toy(**differences):
    def build():
        return keras.Sequential([keras.Input((2,)), keras.layers.Dense(1), keras.layers.Dropout(0.1)])

    def compile(part, values, steps):
        part.compile("adam", "mse", jit_compile=False, steps_per_execution=2)

    stage = Stage("network", lambda m, r, v: (r["x"], r["x"][:, :1]), compile, by_record=True)
    fields = {
        "name": "toy",
        "summary": "Repeats a number.",
        "settings": {**data_settings("toy"), **fit_settings(batch_size=8, epochs=3)},
        "build": build,
        "stages": [stage],
        "score": lambda model, records: {},
        "card": {},
    }
    return NamedRecipe(Recipe(**{**fields, **differences}))


@pytest.fixture
def given(monkeypatch, tmp_path):
    """Let `datasets.records` give a split on disk where it exceeds the budget."""
    x = np.random.default_rng(0).normal(size=(66, 2)).astype(np.float32)

    def records(name, split, data_dir=None, features=(), memory_bytes=NEVER):
        return {"x": x[:20]} if split != "train" else {"x": x} if memory_bytes > 300 else stored(
            {"x": x}, tmp_path / "records", memory_bytes
        )  # fmt: skip

    monkeypatch.setattr(datasets, "records", records)
    monkeypatch.setattr(datasets, "metadata", lambda *_: {"version": "1", "splits": {}})


class Kill(keras.callbacks.Callback):
    """Stops the program behind some batch."""

    def __init__(self, epoch: int, batch: int):
        super().__init__()
        self.at, self.epoch = (epoch, batch), 0

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        if (self.epoch, batch) == self.at:
            raise KeyboardInterrupt


@pytest.mark.long
def test_a_training_from_disk_is_that_from_memory_and_goes_on_within_an_epoch(given, tmp_path, monkeypatch, capfd):
    monkeypatch.setattr(epochs, "_SAVE_EVERY_S", -1.0)
    in_memory = toy().train(out=tmp_path / "memory", seed=2)
    assert "from disk" not in capfd.readouterr().err
    from_disk = toy().train(out=tmp_path / "disk", seed=2, memory_gb=2e-7)
    assert "batches are read from disk" in capfd.readouterr().err
    for out, budget in (("killed", None), ("killed on disk", 2e-7)):
        with pytest.raises(KeyboardInterrupt):
            toy().train(out=tmp_path / out, seed=2, memory_gb=budget, callbacks=[Kill(1, 3)])
        assert not (tmp_path / out).exists()
        # The budget is no part of what a run is: it may go on with another.
        toy().train(out=tmp_path / out, seed=2, memory_gb=2e-7)
        assert "after epoch 1 and 4 updates" in capfd.readouterr().err
    whole = zoo.load(in_memory).get_weights()
    rows = [np.genfromtxt(tmp_path / out / "history.csv", delimiter=",", skip_header=1) for out in ("memory", "killed")]
    np.testing.assert_allclose(*rows, rtol=1e-5)
    for out in (from_disk, tmp_path / "killed", tmp_path / "killed on disk"):
        for a, b in zip(whole, zoo.load(out).get_weights(), strict=True):
            np.testing.assert_array_equal(a, b)


def test_a_record_that_is_damaged_while_training_is_named(given, tmp_path):
    def damage(model, records, values, about):
        file = tmp_path / "records" / "records.tfrecord-00001-of-00003"
        content = bytearray(file.read_bytes())
        content[-10] ^= 1
        file.write_bytes(content)

    with pytest.raises(ZooError, match="records.tfrecord-00001-of-00003 is damaged: its record 21 "):
        toy(before_fit=damage).train(out=tmp_path / "out", memory_gb=2e-7)


def test_what_is_needed_as_a_whole_says_so(given, tmp_path):
    with pytest.raises(UsageError, match="positive"):
        budget_bytes(0)

    def whole(model, records, values, about):
        np.linalg.svd(records["x"], full_matrices=False)

    with pytest.raises(ZooError, match=r"x takes .* needed as a whole .*--set train_split"):
        toy(before_fit=whole).train(out=tmp_path / "out", memory_gb=2e-7)


def test_updates_of_one_call_divide_the_epoch():
    assert [together(50, steps, 256) for steps in (625, 90, 631, 7)] == [25, 45, 1, 7]


def test_a_split_that_fits_is_read_into_memory(dispersion_dataset):
    name, features = "prem_dispersion/mini", ("phase_velocity_km_s", "moho_depth_km")
    on_disk = datasets.records(name, "train[:40%]", dispersion_dataset, features, 50_000)
    fits = datasets.records(name, "train[:40%]", dispersion_dataset, features, 10**9)
    assert isinstance(on_disk, StreamedRecords) and isinstance(fits, dict)
    assert on_disk.size_bytes == sum(column.nbytes for column in fits.values())
    rows = np.array([7, 0, on_disk.count - 1])
    for key, column in on_disk.rows(rows).items():
        np.testing.assert_array_equal(column, fits[key][rows])
    from zoo.training.memory import held_out_records

    with pytest.raises(TooLarge, match="validation_split"):
        recipe = zoo.recipe("mdn_crust").recipe
        held_out_records(recipe, {"dataset": name}, "train[:40%]", dispersion_dataset, 50_000)
