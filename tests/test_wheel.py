"""A built wheel, installed away from the checkout, carries models, recipes and builders."""

from __future__ import annotations

import importlib
import importlib.util
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import keras
import numpy as np
import pytest

import zoo
from zoo import checkpoint
from zoo.errors import ZooError

ROOT = Path(__file__).parents[1]
LIMIT_BYTES = 60_000_000

_CODE = """
import zoo, pathlib
assert pathlib.Path(zoo.__file__).is_relative_to({site!r}), zoo.__file__
assert "microseismic" in zoo.list_datasets()
names = zoo.list_models()
assert len(names) == {count}
for name in names:
    zoo.load(name)
from zoo.data import builders
assert "marine" in builders.builder_class("microseismic").builder_configs
print(len(names))
"""


@pytest.mark.slow
def test_a_wheel_works_away_from_the_checkout(tmp_path):
    pip = [sys.executable, "-m", "pip", "--quiet"]
    subprocess.run([*pip, "wheel", "--no-deps", "--wheel-dir", str(tmp_path), str(ROOT)], check=True)
    (wheel,) = tmp_path.glob("seismic_zoo-*.whl")
    assert wheel.stat().st_size <= LIMIT_BYTES, f"the wheel has {wheel.stat().st_size / 1e6:.1f} MB"
    site = tmp_path / "site"
    subprocess.run([*pip, "install", "--no-deps", "--target", str(site), str(wheel)], check=True)
    environment = {**os.environ, "PYTHONPATH": str(site), "ZOO_CACHE": str(tmp_path / "cache")}
    environment["ZOO_MIRRORS"] = (ROOT / "checkpoints").as_uri()  # large weights are not in the wheel
    code = _CODE.format(site=str(site), count=len(list((ROOT / "checkpoints").glob("*/card.json"))))
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def hook():
    spec = importlib.util.spec_from_file_location("hatch_build", ROOT / "hatch_build.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_what_a_package_leaves_out_is_weights_alone_and_the_rest_stays_small():
    """Cards, configurations and samples of all are inside; what is packed compresses to less than the wheel's limit."""
    made = hook()
    assert all(path.name == "model.weights.h5" for path in made.left_out())
    packed = made.packed()
    assert {path.parent.name for path in packed if path.name == "card.json"} >= {p.parent.name for p in made.left_out()}
    names = {path.relative_to(ROOT).as_posix() for path in packed}
    for card in (ROOT / "checkpoints").glob("*/card.json"):
        for file in ("card.json", "config.json", "golden.npz"):
            assert f"checkpoints/{card.parent.name}/{file}" in names
    # A wheel of 68.8 MB of files, 64.4 of them checkpoints, had 57.0 MB: 0.83 of them.
    assert 0.9 * sum(path.stat().st_size for path in packed) <= LIMIT_BYTES


def test_a_release_is_a_mirror_that_a_package_can_be_completed_from(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    release = importlib.import_module("release")
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    whole = zoo.save(model, tmp_path / "store" / "big.one", "x")
    index = release.release(tmp_path / "store", tmp_path / "mirror", archives=True)
    assert index["big.one"]["digest"] == checkpoint.digest(whole)
    first = (tmp_path / "mirror" / "big.one.tar").read_bytes()
    release.release(tmp_path / "store", tmp_path / "mirror", archives=True)
    assert (tmp_path / "mirror" / "big.one.tar").read_bytes() == first
    with tarfile.open(tmp_path / "mirror" / "big.one.tar") as archive:
        assert "big.one/model.weights.h5" in archive.getnames()
    (whole / checkpoint.WEIGHTS).unlink()
    monkeypatch.setenv("ZOO_CHECKPOINTS", str(tmp_path / "store"))
    monkeypatch.setenv("ZOO_MIRRORS", str(tmp_path / "mirror"))
    np.testing.assert_array_equal(zoo.load("big")(np.ones((1, 3))), model(np.ones((1, 3))))
    (tmp_path / "mirror" / "big.one" / checkpoint.WEIGHTS).write_bytes(b"damaged")
    monkeypatch.setenv("ZOO_CACHE", str(tmp_path / "empty"))
    with pytest.raises(ZooError, match="expected"):
        zoo.load("big")
