"""Two processes at one name: the second waits, or takes over from one that was killed; both end well."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from killing import leftovers

import zoo
from zoo import store
from zoo.data import datasets, download
from zoo.errors import ZooError
from zoo.store import atomic_folder, atomic_path, locked
from zoo.training.run import Run

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs fork")


def together(*works: Callable[[], None]) -> list[int]:
    """Do pieces of work at once, each in a process of its own; return their exit codes."""
    children = []
    for work in works:
        child = os.fork()
        if child == 0:
            try:
                work()
            except BaseException as error:
                print(f"{type(error).__name__}: {error}", flush=True)
                os._exit(1)
            os._exit(0)
        children.append(child)
    return [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]


def test_writers_of_one_folder_and_one_file_take_turns(tmp_path):
    def write(letter: str) -> None:
        for _ in range(10):
            with atomic_folder(tmp_path / "folder") as temporary:
                for name in ("one", "two"):
                    (temporary / name).write_text(letter * 1000)
            with atomic_path(tmp_path / "file.txt") as temporary:
                temporary.write_text(letter * 1000)

    assert together(*(lambda letter=letter: write(letter) for letter in "abcd")) == [0, 0, 0, 0]
    assert (tmp_path / "folder" / "one").read_text() == (tmp_path / "folder" / "two").read_text()
    assert len(set((tmp_path / "file.txt").read_text())) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file.txt", "folder"]


def test_a_killed_holder_frees_its_name(tmp_path, monkeypatch):
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        with locked(tmp_path / "name"):
            os.write(write, b"held")
            time.sleep(600)
    assert os.read(read, 4) == b"held"
    monkeypatch.setattr(store, "say", lambda line: os.kill(child, signal.SIGKILL))  # as soon as one waits
    with locked(tmp_path / "name") as waited:
        assert waited
    os.waitpid(child, 0)
    assert not list(tmp_path.iterdir())


def test_one_dataset_prepared_by_two(tmp_path, monkeypatch):
    monkeypatch.setenv("ZOO_DATASETS", str(Path(__file__).with_name("datasets")))
    assert together(*[lambda: datasets.prepare("tiny/small", tmp_path / "data", workers=1)] * 3) == [0, 0, 0]
    assert len(datasets.data_source("tiny/small", "train", data_dir=tmp_path / "data")) == 40
    assert [name for name in leftovers(tmp_path / "data") if not name.startswith("tiny/.config")] == []


def test_one_file_fetched_by_two_is_sent_once(tmp_path, server):
    server.content = np.random.default_rng(0).bytes(3_000_000)
    assert together(*[lambda: download.fetch(f"{server.url}/a.bin", tmp_path / "a.bin")] * 3) == [0, 0, 0]
    assert (tmp_path / "a.bin").read_bytes() == server.content and server.requests == [""]


@pytest.mark.parametrize("key, value", [("seed", 7), ("settings", {"units": 3}), ("dataset_sha256", "other")])
def test_a_training_goes_on_with_its_own_state_alone(tmp_path, key, value):
    plan = {"recipe": "x", "settings": {"units": 2}, "seed": 0, "dataset_sha256": "one"}
    run = Run.open(tmp_path / "out", plan)
    assert Run.open(tmp_path / "out", plan).belongs == run.belongs
    np.savez(run.folder / "state-network.npz", note="{}")
    with pytest.raises(ZooError, match=rf"other settings \({key}\)"):
        Run.open(tmp_path / "out", {**plan, key: value})


@pytest.mark.slow
def test_one_folder_trained_into_by_two(tmp_path, dispersion_dataset):
    # In processes of their own from the start: TensorFlow's threads do not survive a fork.

    command = [
        sys.executable,
        "-m",
        "zoo.cli",
        "train",
        "shallow_crust",
        "--smoke",
        "--out",
        str(tmp_path / "out"),
    ]
    command += ["--data-dir", str(dispersion_dataset)]
    both = [subprocess.Popen(command) for _ in range(2)]
    assert [each.wait() for each in both] == [0, 0]
    zoo.load(tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir() if path.name != "cache"] == ["out"]
