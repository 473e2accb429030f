"""Killed at every file-system step: the old or the new is there, and what is left is gone after the next run."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import keras
import numpy as np
import pytest
from killing import kills, leftovers

import zoo
from zoo import store
from zoo.data import datasets, download
from zoo.files import write_json
from zoo.training.run import Run

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs fork")


STRIDES = [9, pytest.param(1, marks=pytest.mark.slow)]
"""Where a step takes long: some in `make test`, every one in `make test-all`."""


@pytest.fixture(params=["exchanged", "renamed"])
def way(request, monkeypatch):
    """Both ways in which a folder takes a name: Linux's, and that of other systems."""
    if request.param == "renamed":
        monkeypatch.setattr(store, "exchange", lambda one, other: False)
    return request.param


def model(units: int) -> keras.Model:
    keras.utils.set_random_seed(0)
    return keras.Sequential([keras.Input((3,)), keras.layers.Dense(units)])


@pytest.mark.parametrize("stride", STRIDES)
def test_a_saved_model_is_the_old_or_the_new(way, stride, tmp_path, monkeypatch):
    home, made = tmp_path / "home", {"old": model(2), "new": model(4)}
    monkeypatch.setenv("ZOO_CHECKPOINTS", str(home))
    first = zoo.save(made["old"], tmp_path / "first", "old")

    def old_one() -> None:
        shutil.rmtree(home, ignore_errors=True)
        shutil.copytree(first, home / "my.model")

    found = set()
    for _ in kills(lambda: zoo.save(made["new"], home / "my.model", "new"), old_one, stride):
        assert zoo.list_models("my*") == ["my.model"] and zoo.list_models(".*") == []
        summary = zoo.info("my.model")["summary"]
        assert zoo.load("my.model").layers[0].units == made[summary].layers[0].units
        found.add(summary)
        zoo.save(made["new"], home / "my.model", "new")
        assert not leftovers(home)
    assert found == {"old", "new"}


def test_a_file_is_the_old_or_the_new(tmp_path):
    path = tmp_path / "home" / "a.json"

    def old_one() -> None:
        shutil.rmtree(path.parent, ignore_errors=True)
        write_json(path, "old")

    found = set()
    for _ in kills(lambda: write_json(path, "new"), old_one):
        found.add(json.loads(path.read_text()))
        write_json(path, "new")
        assert not leftovers(path.parent)
    assert found == {"old", "new"}


@pytest.mark.parametrize("stride", STRIDES)
def test_a_training_belongs_to_its_plan_whenever_it_is_killed(stride, tmp_path):
    out, plans = tmp_path / "home" / "out", {0: {"seed": 0}, 7: {"seed": 7}}

    class Recipe:
        name = None

    def train(seed: int) -> None:
        run = Run.open(out, plans[seed])
        found = run.prepared_model()
        if found is None:
            found = model(seed + 1)
            run.save_prepared(found, Recipe, 0.0)
        assert found.layers[0].units == seed + 1
        zoo.save(found, out, "trained")
        run.close()

    for _ in kills(lambda: train(0), lambda: shutil.rmtree(out.parent, ignore_errors=True), stride):
        train(7)  # no epoch was kept: another plan may begin
        assert zoo.load(out).layers[0].units == 8
        assert not leftovers(out.parent) and [path.name for path in out.parent.iterdir()] == ["out"]


def test_a_download_goes_on_and_is_whole(tmp_path, server):
    server.content = np.random.default_rng(0).bytes(3_000_000)
    home = tmp_path / "home"

    def fetch() -> None:
        download.fetch(f"{server.url}/a.bin", home / "a.bin")

    for _ in kills(fetch, lambda: shutil.rmtree(home, ignore_errors=True)):
        path = home / "a.bin"
        assert not path.exists() or path.read_bytes() == server.content
        fetch()
        assert path.read_bytes() == server.content
        assert sorted(each.name for each in home.iterdir()) == ["a.bin", "pins.json"]


@pytest.mark.parametrize("stride", STRIDES)
def test_a_dataset_is_prepared_in_the_end(stride, tmp_path, monkeypatch):
    monkeypatch.setenv("ZOO_DATASETS", str(Path(__file__).with_name("datasets")))
    home = tmp_path / "home"
    whole = datasets.prepare("tiny/small", tmp_path / "whole")
    expected = {path.name: path.read_bytes() for path in whole.iterdir()}

    def prepare() -> None:
        datasets.prepare("tiny/small", home, workers=1)

    for _ in kills(prepare, lambda: shutil.rmtree(home, ignore_errors=True), stride):
        prepared = datasets.describe("tiny", home)["prepared"]
        assert set(prepared) <= {"tiny/small"} and "incomplete" not in str(prepared)
        if prepared:
            assert len(datasets.data_source("tiny/small", "train", data_dir=home)) == 40
        folder = datasets.prepare("tiny/small", home)
        assert {path.name: path.read_bytes() for path in folder.iterdir()} == expected
        left = [name for name in leftovers(home) if not name.startswith("tiny/.config")]  # TFDS's note of the default
        assert not left and not list((home / "downloads" / "tiny" / "shards").iterdir())


@pytest.mark.slow
def test_a_training_killed_at_random_ends_in_the_same_weights(tmp_path, dispersion_dataset):
    command = [sys.executable, "-m", "zoo.cli", "train", "shallow_crust", "--smoke", "--data-dir"]
    command += [str(dispersion_dataset), "--set", "epochs=40", "--out"]
    start = time.monotonic()
    subprocess.run([*command, str(tmp_path / "whole")], check=True)
    whole_s, rng, kills = time.monotonic() - start, np.random.default_rng(0), 0
    out, ended = tmp_path / "home" / "out", None
    while ended != 0:
        child = subprocess.Popen([*command, str(out)])
        try:
            # Later and later, so that it ends.
            ended = child.wait(timeout=whole_s * (0.3 + 0.9 * rng.random() + 0.1 * kills))
        except subprocess.TimeoutExpired:
            child.send_signal(signal.SIGKILL)
            child.wait()
            kills += 1
    assert [path.name for path in out.parent.iterdir()] == ["out"]
    for one, other in zip(zoo.load(tmp_path / "whole").get_weights(), zoo.load(out).get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
