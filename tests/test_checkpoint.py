"""A checkpoint loads as it was saved, or is refused with the file's name."""

from __future__ import annotations

import errno
import json
import os
import re

import h5py
import keras
import numpy as np
import pytest

import zoo
from zoo import checkpoint, cli, files
from zoo.errors import ZooError


@pytest.fixture
def model():
    keras.utils.set_random_seed(0)
    return keras.Sequential([keras.Input((3,)), keras.layers.Dense(4, "tanh"), keras.layers.Dense(2)])


def test_a_users_model_round_trips_and_is_found_by_name(model, tmp_path, monkeypatch):
    folder = zoo.save(model, tmp_path / "mine.first", "Doubles nothing.")
    x = np.ones((5, 3), np.float32)
    np.testing.assert_array_equal(zoo.load(folder)(x), model(x))
    monkeypatch.setenv("ZOO_CHECKPOINTS", str(tmp_path))
    assert "mine.first" in zoo.list_models("mine*")
    np.testing.assert_array_equal(zoo.load("mine")(x), model(x))
    assert zoo.info("mine")["summary"] == "Doubles nothing."


def test_weights_that_float16_holds_take_half_the_bytes_and_stay_the_same(model, tmp_path):
    kernel, *rest = model.get_weights()
    kernel[0, 0] = 1e6  # beyond float16
    rounded = [kernel, *(np.float32(np.float16(weight)) for weight in rest)]
    model.set_weights(rounded)
    folder = zoo.save(model, tmp_path / "rounded.one", "x")
    for loaded, weight in zip(zoo.load(folder).get_weights(), rounded, strict=True):
        assert loaded.dtype == np.float32 and np.array_equal(loaded, weight)
    kinds = []
    with h5py.File(folder / checkpoint.WEIGHTS) as file:
        file.visititems(lambda _, item: kinds.append(item.dtype) if isinstance(item, h5py.Dataset) else None)
    assert sorted(str(kind) for kind in kinds) == ["float16"] * 3 + ["float32"]


def test_a_card_says_what_it_replaces(model, tmp_path, capsys):
    folder = zoo.save(model, tmp_path / "mine.first", "First.")
    first, card = checkpoint.digest(folder), checkpoint.read_card(folder)
    assert card["revision"] == 1 and "supersedes" not in card
    zoo.save(model, folder, {**card, "summary": "Second."})
    assert cli.main(["info", str(folder)]) == 0
    said = capsys.readouterr().out
    assert re.search(r"revision +2\n", said) and re.search(rf"supersedes +{first}\n", said)
    zoo.save(model, folder, checkpoint.read_card(folder))
    assert checkpoint.read_card(folder)["revision"] == 3 and checkpoint.read_card(folder)["supersedes"] != first


@pytest.mark.parametrize("name", [checkpoint.CONFIG, checkpoint.WEIGHTS])
def test_a_changed_byte_is_refused_by_name(model, tmp_path, name):
    folder = zoo.save(model, tmp_path / "a.b", "x")
    path = folder / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(ZooError, match=name):
        zoo.load(folder)


def test_a_missing_file_is_named(model, tmp_path):
    folder = zoo.save(model, tmp_path / "a.b", "x")
    (folder / checkpoint.WEIGHTS).unlink()
    with pytest.raises(ZooError, match="model.weights.h5"):
        zoo.load(folder)


def test_a_card_cannot_reach_outside_its_folder(model, tmp_path):
    folder = zoo.save(model, tmp_path / "a.b", "x")
    card = json.loads((folder / "card.json").read_text())
    card["files"]["../secret"] = {"sha256": "0", "bytes": 1}
    (folder / "card.json").write_text(json.dumps(card))
    with pytest.raises(ZooError, match="outside"):
        zoo.load(folder)


def _forge(folder, layer):
    """Put another configuration into a checkpoint and vouch for it, as an attacker would."""
    config = json.loads((folder / "config.json").read_text())
    config["model"] = keras.saving.serialize_keras_object(keras.Sequential([keras.Input((3,)), layer]))
    (folder / "config.json").write_text(json.dumps(config))
    card = json.loads((folder / "card.json").read_text())
    card["files"]["config.json"]["sha256"] = files.sha256(folder / "config.json")
    (folder / "card.json").write_text(json.dumps(card))


def test_a_lambda_is_neither_saved_nor_loaded(model, tmp_path):
    layer = keras.layers.Lambda(lambda x: x + 1)
    with pytest.raises(ZooError, match="no Lambda"):
        zoo.save(keras.Sequential([keras.Input((3,)), layer]), tmp_path / "a.b", "x")
    folder = zoo.save(model, tmp_path / "a.b", "x")
    _forge(folder, layer)
    with pytest.raises(ZooError, match="no Lambda"):
        zoo.load(folder)


def test_an_unregistered_class_says_what_to_do(model, tmp_path):
    class Odd(keras.layers.Layer):
        def call(self, x):
            return x

    with pytest.raises(ZooError, match="register_keras_serializable"):
        zoo.save(keras.Sequential([keras.Input((3,)), Odd()]), tmp_path / "a.b", "x")
    folder = zoo.save(model, tmp_path / "a.b", "x")
    _forge(folder, Odd())
    with pytest.raises(ZooError, match="register_keras_serializable"):
        zoo.load(folder)


def test_the_optimizer_is_not_stored(model, tmp_path):
    small = zoo.save(model, tmp_path / "a.b", "x") / checkpoint.WEIGHTS
    model.compile("adam", "mse")
    model.fit(np.ones((8, 3)), np.ones((8, 2)), verbose=0)
    large = zoo.save(model, tmp_path / "c.d", "x") / checkpoint.WEIGHTS
    assert large.stat().st_size == small.stat().st_size
    x = np.ones((5, 3), np.float32)
    np.testing.assert_array_equal(zoo.load(tmp_path / "c.d")(x), model(x))


def test_a_full_disk_leaves_the_old_checkpoint(model, tmp_path, monkeypatch):
    folder = zoo.save(model, tmp_path / "a.b", "old")

    def full(self, path):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(keras.Model, "save_weights", full)
    with pytest.raises(ZooError, match="No space left"):
        zoo.save(model, folder, "new")
    monkeypatch.undo()
    assert zoo.info(str(folder))["summary"] == "old"
    zoo.load(folder)
    assert [p.name for p in tmp_path.iterdir()] == ["a.b"]  # nothing half-written stays


def test_other_folders_are_not_overwritten(model, tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(ZooError, match="holds no checkpoint"):
        zoo.save(model, tmp_path, "x")


def test_what_cannot_be_saved_says_why(model, tmp_path):
    with pytest.raises(ZooError, match="summary"):
        zoo.save(model, tmp_path / "a", {})
    with pytest.raises(ZooError, match="keras.Model"):
        zoo.save("model", tmp_path / "a", "x")
    with pytest.raises(ZooError, match="no weights"):
        zoo.save(keras.Sequential([keras.layers.Dense(2)]), tmp_path / "a", "x")


def test_large_weights_come_from_a_mirror_and_are_verified(model, server, tmp_path, monkeypatch):
    folder = zoo.save(model, tmp_path / "store" / "big.one", "x")
    shelf = tmp_path / "shelf" / "big.one"
    shelf.mkdir(parents=True)
    card = json.loads((folder / "card.json").read_text())
    card["mirrors"] = [folder.as_uri()]
    (shelf / "card.json").write_text(json.dumps(card))
    monkeypatch.setenv("ZOO_CHECKPOINTS", str(shelf.parent))
    x = np.ones((5, 3), np.float32)
    np.testing.assert_array_equal(zoo.load("big")(x), model(x))
    assert (files.cache_folder() / "checkpoints" / "big.one" / "model.weights.h5").is_file()
    del card["mirrors"]
    (shelf / "card.json").write_text(json.dumps(card))
    monkeypatch.setenv("ZOO_CACHE", str(tmp_path / "empty"))
    with pytest.raises(ZooError, match="no mirror"):
        zoo.load("big")


@pytest.mark.parametrize("form", ["uri", "path", "http", "fsspec"])
def test_what_a_package_lacks_comes_from_the_mirrors_of_the_environment(model, server, tmp_path, monkeypatch, form):
    """Only the weights are asked for; the wrong bytes of a mirror are refused, and the next one is tried."""
    whole = zoo.save(model, tmp_path / "store" / "big.one", "x")
    shelf, bad = tmp_path / "shelf" / "big.one", tmp_path / "bad" / "big.one"
    for folder in (shelf, bad):
        folder.mkdir(parents=True)
    for name in ("card.json", "config.json"):
        (shelf / name).write_bytes((whole / name).read_bytes())
    (bad / checkpoint.WEIGHTS).write_bytes(b"other bytes")
    server.content = (whole / checkpoint.WEIGHTS).read_bytes()
    good = {"uri": whole.parent.as_uri(), "path": str(whole.parent), "http": server.url, "fsspec": "memory://zoo"}[form]
    if form == "fsspec":
        fsspec = pytest.importorskip("fsspec")
        fsspec.filesystem("memory").pipe("/zoo/big.one/model.weights.h5", server.content)
    monkeypatch.setenv("ZOO_CHECKPOINTS", str(shelf.parent))
    monkeypatch.setenv("ZOO_MIRRORS", f"{bad.parent.as_uri()} {good}")
    x = np.ones((5, 3), np.float32)
    np.testing.assert_array_equal(zoo.load("big")(x), model(x))
    monkeypatch.delenv("ZOO_MIRRORS")
    monkeypatch.setattr("zoo.registry.mirrors", lambda: ["file:///nowhere"])  # what is in the cache needs none
    np.testing.assert_array_equal(zoo.load("big")(x), model(x))


def test_unknown_names_say_what_is_near(tmp_path, model, monkeypatch):
    zoo.save(model, tmp_path / "crust_network.tiny", "x")
    monkeypatch.setenv("ZOO_CHECKPOINTS", str(tmp_path))
    with pytest.raises(ZooError, match="Did you mean.*crust_network"):
        zoo.load("crust_netwrk")
    with pytest.raises(ZooError, match="Did you mean"):
        zoo.load("crust_network.tny")
    with pytest.raises(ZooError, match="not a checkpoint"):
        zoo.load(tmp_path)
