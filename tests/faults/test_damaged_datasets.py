"""Prepared datasets: a flipped bit is refused by both readers, what was lost is noticed, and only that is mended."""

from __future__ import annotations

import json
import shutil
import struct
from pathlib import Path

import keras
import numpy as np
import pytest

from zoo import cli
from zoo.data import datasets, prepared
from zoo.errors import ZooError

NAME = "tiny/small"


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    patch = pytest.MonkeyPatch()
    patch.setenv("ZOO_DATASETS", str(Path(__file__).with_name("datasets")))
    folder = tmp_path_factory.mktemp("whole")
    datasets.prepare(NAME, folder, workers=1)
    yield folder
    patch.undo()


@pytest.fixture
def root(whole, tmp_path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "data"))


def file_of(root: Path, split: str = "train") -> Path:
    (path,) = (root / NAME / "1.0.0").glob(f"tiny-{split}*")
    return path


def by_stream(root: Path) -> list:
    return list(datasets.load_dataset(NAME, "train", 8, data_dir=root).as_numpy_iterator())


def by_number(root: Path) -> list:
    return list(datasets.data_source(NAME, "train", data_dir=root))


READERS = pytest.mark.parametrize("read", [by_stream, by_number])


@READERS
def test_every_flipped_bit_is_refused_by_the_files_name(root, read):
    path = file_of(root)
    content, rng = path.read_bytes(), np.random.default_rng(0)
    length = struct.unpack_from("<Q", content)[0] + 16
    # Every byte of the first record's frame, and some of what lies behind.
    for at in [*range(12), *range(length - 4, length + 12), *rng.integers(len(content), size=30)]:
        damaged = bytearray(content)
        damaged[at] ^= 1 << rng.integers(8)
        path.write_bytes(damaged)
        with pytest.raises(ZooError, match=rf"{path.name} is damaged.*zoo prepare {NAME}"):
            read(root)
    path.write_bytes(content)
    read(root)


@READERS
@pytest.mark.parametrize("lost", ["record", "all but one record", "file", "half a record"])
@pytest.mark.parametrize("with_manifest", [True, False])
def test_what_was_lost_is_noticed(root, read, lost, with_manifest):
    path = file_of(root)
    content = path.read_bytes()
    length = struct.unpack_from("<Q", content)[0] + 16
    ends = {"record": -length, "all but one record": length, "half a record": length // 2}
    if not with_manifest:
        (path.parent / prepared.MANIFEST).unlink()
    path.write_bytes(content[: ends[lost]]) if lost in ends else path.unlink()
    with pytest.raises(ZooError, match=f"zoo prepare {NAME} --data-dir"):
        read(root)


def test_damage_in_training_is_named(root):
    path = file_of(root)
    model = keras.Sequential([keras.Input((16,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse", jit_compile=False)
    content = bytearray(path.read_bytes())
    content[-10] ^= 1
    path.write_bytes(content)
    with pytest.raises(ZooError, match=path.name):
        datasets.arrays(NAME, "train", root)


@pytest.mark.parametrize("name", ["tiny-train", "tiny-test", "dataset_info.json", "features.json"])
def test_what_is_damaged_is_mended_and_only_that(root, name, capsys):
    folder = root / NAME / "1.0.0"
    (path,) = folder.glob(f"{name}*")
    content = path.read_bytes()
    path.write_bytes(content[:-3] + b"???")
    others = {each: each.stat().st_ino for each in folder.iterdir() if each != path}
    assert cli.main(["verify", NAME, "--data-dir", str(root)]) == 1
    assert f"{path.name} was changed" in capsys.readouterr().err
    datasets.prepare(NAME, root, workers=1)
    assert path.read_bytes() == content
    assert {each: each.stat().st_ino for each in folder.iterdir() if each != path} == others
    assert cli.main(["verify", NAME, "--data-dir", str(root)]) == 0
    assert [each.name for each in (root / NAME).iterdir()] == ["1.0.0"]


def test_a_dataset_of_before_the_manifest_gets_one_and_is_mended_as_a_whole(root):
    folder = root / NAME / "1.0.0"
    manifest = (folder / prepared.MANIFEST).read_bytes()
    (folder / prepared.MANIFEST).unlink()
    by_stream(root)
    datasets.prepare(NAME, root, workers=1)
    assert (folder / prepared.MANIFEST).read_bytes() == manifest
    (folder / prepared.MANIFEST).unlink()
    file_of(root).write_bytes(file_of(root).read_bytes()[:-5])
    datasets.prepare(NAME, root, workers=1)
    assert (folder / prepared.MANIFEST).read_bytes() == manifest


def test_two_datasets_of_one_name_have_two_digests(root, tmp_path):
    first = datasets.metadata(NAME, root)["sha256"]
    shutil.rmtree(root / NAME)
    datasets.prepare(NAME, root, workers=1)
    assert datasets.metadata(NAME, root)["sha256"] == first
    shutil.rmtree(root / NAME)
    datasets.prepare(NAME, root, workers=1, limit=30)
    assert datasets.metadata(NAME, root)["sha256"] != first


@pytest.mark.parametrize("entry", [{"../../x": {"sha256": "0", "bytes": 1}}, {"x": 3}, [], {"x": {"bytes": "1"}}])
def test_a_manifest_of_another_shape_is_refused(root, entry):
    path = root / NAME / "1.0.0" / prepared.MANIFEST
    path.write_text(json.dumps({"format": 1, "made_with": {"limit": None, "settings": None}, "files": entry}))
    with pytest.raises(ZooError, match="does not list the dataset's files"):
        by_stream(root)
