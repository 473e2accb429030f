"""Checkpoints from outside: nothing is written or read outside of them or run, every shape has one clear error."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest

import zoo
from zoo import checkpoint, cli, files, own, registry
from zoo.errors import ZooError


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Path:
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4, "tanh"), keras.layers.Dense(2)])
    return zoo.save(model, tmp_path_factory.mktemp("whole") / "my.model", "x")


@pytest.fixture
def folder(whole, tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("ZOO_CHECKPOINTS", str(tmp_path / "shared"))
    return Path(shutil.copytree(whole, tmp_path / "shared" / "my.model"))


def signed(folder: Path, **changes) -> None:
    """Write the card anew, so that it vouches for what is there; then change entries of it."""
    card = json.loads((folder / "card.json").read_text())
    for name in ("config.json", "model.weights.h5"):
        path = folder / name
        card["files"][name] = {"sha256": files.sha256(path), "bytes": path.stat().st_size}
    (folder / "card.json").write_text(json.dumps({**card, **changes}))


OUTSIDE = ["../../../outside", "/outside", "a/../../outside", "..\\outside", "C:outside", "~/outside", "a//b", ".", ""]


@pytest.mark.parametrize("name", [*OUTSIDE, "card.json", "CARD.JSON", "a\nb", ".hidden/x", "x" * 300, "a/" * 20 + "b"])
def test_a_card_cannot_name_what_is_outside(whole, folder, tmp_path, name):
    """From a mirror, before anything is asked for or written."""
    payload = tmp_path / "mirror"
    shutil.copytree(whole, payload)
    (payload / "outside").write_text("changed")
    (tmp_path / "outside").write_text("mine")
    stated = {"sha256": files.sha256(payload / "outside"), "bytes": 7}
    card = json.loads((folder / "card.json").read_text())
    shutil.rmtree(folder)
    folder.mkdir()
    card |= {"files": {**card["files"], name: stated}, "mirrors": [payload.as_uri()]}
    (folder / "card.json").write_text(json.dumps(card))
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(ZooError, match="card.json: it names a file outside"):
        zoo.load("my.model")
    assert sorted(tmp_path.rglob("*")) == before and (tmp_path / "outside").read_text() == "mine"


def test_a_mirror_gives_what_the_card_lists_and_not_the_card(whole, folder, tmp_path):
    payload = Path(shutil.copytree(whole, tmp_path / "mirror"))
    card = json.loads((folder / "card.json").read_text()) | {"mirrors": [payload.as_uri()]}
    (payload / "card.json").write_text("{}")
    shutil.rmtree(folder)
    folder.mkdir()
    (folder / "card.json").write_text(json.dumps(card))
    zoo.load("my.model")
    assert zoo.info("my.model")["sha256"] == files.sha256(folder / "card.json")
    (payload / "model.weights.h5").write_bytes(b"other")
    shutil.rmtree(files.cache_folder())
    with pytest.raises(ZooError, match="Could not download model.weights.h5"):
        zoo.load("my.model")


def _shapes() -> dict[str, object]:
    """Cards of other shapes: each entry that is read, of every other type."""
    odd = [None, 3, -1, 1e400, True, "text", [], [1], {}, {"a": 1}]
    shapes: dict[str, object] = {f"a {type(value).__name__} {value}": value for value in odd}
    entries = ("files", "name", "summary", "answers", "recipe", "default", "mirrors", "scores", "settings", "dataset")
    for entry in entries:
        shapes |= {f"{entry}={value!r}": (entry, value) for value in odd}
    for what in ("sha256", "bytes"):
        shapes |= {f"files.{what}={value!r}": ("files", {"config.json": {"sha256": "0", what: value}}) for value in odd}
    shapes |= {f"a score {value!r}": ("scores", {"test": value}) for value in odd}
    return shapes


SHAPES = _shapes()


@pytest.mark.parametrize("shape", SHAPES)
def test_a_card_of_another_shape_has_one_clear_error_or_none(folder, shape, capsys):
    changed = SHAPES[shape]
    card = json.loads((folder / "card.json").read_text())
    card = {**card, changed[0]: changed[1]} if isinstance(changed, tuple) else changed
    (folder / "card.json").write_text(json.dumps(card))
    for work in (
        lambda: checkpoint.verify(folder),  # what loading does first
        lambda: zoo.info("my.model"),
        lambda: zoo.list_models("my*", answering="crust"),
    ):
        try:
            work()
        except ZooError:
            pass
    for arguments in (
        ["info", "my.model"],
        ["info", str(folder)],
        ["list", "my*"],
        ["list", "--json"],
        ["verify", "my"],
    ):
        assert cli.main(arguments) in (0, 1)
        assert "--debug shows where" not in capsys.readouterr().err


@pytest.mark.parametrize(
    "text",
    ["{not json", "[]", "3", "", "\xff", "[" * 100_000, '{"files": {}, "files": {}}', '{"files": ' * 5000, "NaN"],
)
@pytest.mark.parametrize("name", ["card.json", "config.json"])
def test_json_that_is_none_is_named(folder, name, text):
    (folder / name).write_text(text, encoding="latin-1")
    if name != "card.json":
        signed(folder)
    with pytest.raises(ZooError, match=name):
        zoo.load("my.model")


def test_one_bad_card_hides_no_other(whole, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("ZOO_CHECKPOINTS", str(tmp_path))
    shutil.copytree(whole, tmp_path / "my.model")
    (tmp_path / "bad.a").mkdir()
    (tmp_path / "bad.a" / "card.json").write_text("{not json")
    own.note.cache_clear()
    assert cli.main(["list", "*.*"]) == 0
    told = capsys.readouterr()
    assert "my.model" in told.out and "bad.a" not in told.out and "bad.a/card.json is not valid JSON" in told.err
    assert cli.main(["list", "--json"]) == 0
    assert "my.model" in [card["name"] for card in json.loads(capsys.readouterr().out)]
    assert cli.main(["info", "bad.a"]) == 1
    assert "bad.a/card.json is not valid JSON" in capsys.readouterr().err
    zoo.load("my.model")
    assert cli.main(["list", "--strict"]) == 3
    shutil.rmtree(tmp_path / "bad.a")
    assert cli.main(["list", "--strict"]) == 0


@pytest.mark.parametrize(
    "model",
    [None, 3, [], {}, {"class_name": 3}, {"class_name": "Sequential"}, {"class_name": "Sequential", "config": 3}]
    + [{"class_name": "Lambda", "module": "keras.layers", "config": {"function": "x"}}]
    + [{"class_name": "get_file", "module": "keras.utils", "config": {"origin": "file:///etc/passwd"}}]
    + [{"class_name": "system", "module": "os", "config": {"command": "true"}}]
    + [{"class_name": "function", "module": "builtins", "config": "exec", "registered_name": "function"}],
)
def test_a_configuration_of_another_shape_is_refused(folder, model):
    (folder / "config.json").write_text(json.dumps({"format": 1, "recipe": None, "model": model}))
    signed(folder)
    with pytest.raises(ZooError):
        zoo.load("my.model")


@pytest.mark.parametrize("recipe", ["../../x", "a/b", 3, ["x"], "os; x"])
def test_a_recipe_is_a_word(folder, recipe):
    config = json.loads((folder / "config.json").read_text()) | {"recipe": recipe}
    (folder / "config.json").write_text(json.dumps(config))
    signed(folder)
    with pytest.raises(ZooError, match="recipe"):
        zoo.load("my.model")


def test_a_layer_is_not_larger_than_the_weights_there_are(folder):
    config = json.loads((folder / "config.json").read_text())
    config["model"]["config"]["layers"][1]["config"]["units"] = 10**12
    (folder / "config.json").write_text(json.dumps(config))
    signed(folder)
    with pytest.raises(ZooError, match="units 1000000000000, more than"):
        zoo.load("my.model")


def _external(file, secret):
    file.create_dataset("w", shape=(4,), dtype="f4", external=[(str(secret), 0, 16)])


def _external_link(file, secret):
    file["w"] = h5py.ExternalLink(str(secret), "/w")


def _soft_link(file, secret):
    file["w"] = h5py.SoftLink("/nowhere")


def _virtual(file, secret):
    layout = h5py.VirtualLayout((4,), "f4")
    layout[:] = h5py.VirtualSource(str(secret), "w", (4,))
    file.create_virtual_dataset("w", layout)


def _cycle(file, secret):
    group = file.create_group("g")
    group["again"] = group


def _terabytes(file, secret):
    file.create_dataset("w", shape=(10**12,), dtype="f4", chunks=(1000,), compression="gzip")


def _texts(file, secret):
    file.create_dataset("w", data=[b"text"])


def _ragged(file, secret):
    file.create_dataset("w", (3,), dtype=h5py.vlen_dtype("f4"))


def _references(file, secret):
    file.create_dataset("w", (3,), dtype=h5py.ref_dtype)


KINDS = [_external, _external_link, _soft_link, _virtual, _terabytes, _texts, _ragged, _references]


@pytest.mark.parametrize("make", KINDS)
def test_weights_are_plain_arrays_in_the_file(folder, tmp_path, make):
    """Beside weights that the model would take."""
    secret = tmp_path / "secret"
    with h5py.File(secret, "w") as file:
        file["w"] = np.ones(4, np.float32)
    with h5py.File(folder / "model.weights.h5", "a") as file:
        make(file, secret)
    signed(folder)
    with pytest.raises(ZooError, match="model.weights.h5 is damaged, cut short or of another kind"):
        zoo.load("my.model")


def test_a_walk_in_a_circle_ends(folder):
    counted = zoo.load("my.model").count_params()
    with h5py.File(folder / "model.weights.h5", "a") as file:
        _cycle(file, None)
    signed(folder)
    assert zoo.load("my.model").count_params() == counted


def test_bytes_of_another_file_do_not_become_weights(folder, tmp_path):
    secret = tmp_path / "secret"
    secret.write_bytes(b"the secret of the computer......" * 10)
    path = folder / "model.weights.h5"
    with h5py.File(path, "a") as file:
        names = []
        file.visititems(lambda name, item: names.append(name) if isinstance(item, h5py.Dataset) else None)
        shape = file[names[0]].shape
        del file[names[0]]
        file.create_dataset(names[0], shape, "f4", external=[(str(secret), 0, int(np.prod(shape)) * 4)])
    signed(folder)
    with pytest.raises(ZooError, match="is stored in other files"):
        zoo.load("my.model")


def test_weights_of_another_model_are_refused(folder, tmp_path):
    other = keras.Sequential([keras.Input((3,)), keras.layers.Dense(5, "tanh"), keras.layers.Dense(2)])
    shutil.copy(zoo.save(other, tmp_path / "other", "x") / "model.weights.h5", folder / "model.weights.h5")
    signed(folder)
    with pytest.raises(ZooError, match="does not fit the model"):
        zoo.load("my.model")


def test_a_digest_holds_a_checkpoint_of_somebody_else(folder):
    digest = zoo.info("my.model")["sha256"]
    assert digest == hashlib.sha256((folder / "card.json").read_bytes()).hexdigest()
    zoo.load(folder, sha256=digest)
    signed(folder, summary="another")
    with pytest.raises(ZooError, match=f"expected {digest}"):
        zoo.load(folder, sha256=digest)
    zoo.load(folder)


def test_a_shipped_model_that_was_signed_again_is_refused(folder, tmp_path, monkeypatch):
    """The package's own folder of checkpoints, as it is after somebody could write in it."""
    name = "phase_picker.synthetic"
    package = Path(shutil.copytree(registry.room("checkpoints") / name, tmp_path / "package" / name)).parent
    monkeypatch.setattr(registry, "room", lambda which: package if which == "checkpoints" else files.room(which))
    zoo.load(name)
    signed(package / name, note="signed again")
    with pytest.raises(ZooError, match="not the checkpoint that was shipped"):
        zoo.load(name)
    with pytest.raises(ZooError, match="not the checkpoint that was shipped"):
        zoo.load(package / name)
    assert cli.main(["verify", name]) == 1


def test_every_shipped_checkpoint_has_its_digest():
    shipped = files.read_json(registry._SHIPPED, "digests")
    folders = {card.parent.name: card.parent for card in registry.room("checkpoints").glob("*/card.json")}
    assert shipped == {name: checkpoint.digest(folder) for name, folder in folders.items()}


def test_a_reader_during_a_save_gets_the_old_or_the_new(folder, monkeypatch):
    """Between what it has verified and what it reads, another process saves."""
    other = keras.Sequential([keras.Input((3,)), keras.layers.Dense(7)])
    verify, saved = checkpoint.verify, []

    def then_saved(where):
        card = verify(where)
        if not saved:
            saved.append(zoo.save(other, folder, "new"))
        return card

    monkeypatch.setattr(checkpoint, "verify", then_saved)
    assert zoo.load(folder).layers[0].units == 7
