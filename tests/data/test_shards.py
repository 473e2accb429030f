"""Shards: computed once, by anyone, in any order; what is damaged or made otherwise is made anew."""

from __future__ import annotations

import dataclasses
import errno
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from zoo.data import shards
from zoo.errors import UsageError, ZooError


@dataclasses.dataclass
class Config:
    name: str = "toy"
    count: int = 6
    seed: int = 0
    table: str = ""
    description: str = "not part of what a shard depends on"


class Toy(shards.Sharded):
    """A builder as far as shards know one; `stuck` and `broken` are not part of its config."""

    GENERATED_CONFIG = Config
    name = "toy"
    stuck: int | None = None  # from this shard on, none is ever finished
    broken: int | None = None

    def __init__(self, **settings):
        self.builder_config = Config(**settings)

    @classmethod
    def shard_count(cls, config):
        return config.count

    @classmethod
    def make_shard(cls, config, index):
        if index == cls.broken:
            raise ZooError("shard 4 cannot be made")
        if cls.stuck is not None and index >= cls.stuck:
            threading.Event().wait()
        return {"value": np.random.default_rng([config.seed, index]).normal(size=100)}

    @classmethod
    def input_files(cls, config):
        return [config.table] if config.table else []


def _ages(files):
    return {file.name: file.stat().st_mtime_ns for file in files if file.is_file()}


def test_any_number_of_workers_makes_the_same_shards(tmp_path):
    made = {n: shards.make(Toy(), tmp_path / str(n), workers=n) for n in (1, 2, 4)}
    for number in range(6):
        first, *others = [shards.load(made[n][number])["value"] for n in made]
        np.testing.assert_array_equal(first, Toy.make_shard(Config(), number)["value"])
        assert all(np.array_equal(first, other) for other in others)


def test_a_failure_keeps_what_is_done(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(Toy, "broken", 4)
    with pytest.raises(ZooError, match="shard 4 cannot"):
        shards.make(Toy(), tmp_path, workers=1)
    folder = shards.shard_folder(Toy(), tmp_path)
    before = _ages(folder.iterdir())
    assert set(before) >= {f"{i:05d}.npz" for i in range(4)} and "00004.npz" not in before
    monkeypatch.setattr(Toy, "broken", None)
    files = shards.make(Toy(), tmp_path, workers=1)
    assert f"{len(before)} of 6 shards are there already" in capsys.readouterr().err
    after = _ages(files)
    assert len(after) == 6 and {name: after[name] for name in before} == before


def test_a_killed_preparation_goes_on(tmp_path):
    code = (
        f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "import test_shards as t; from zoo.data import shards\n"
        f"t.Toy.stuck = 5; shards.make(t.Toy(count=40), {str(tmp_path)!r}, workers=2)"
    )
    paths = os.pathsep.join([str(Path(shards.__file__).parents[2]), os.environ.get("PYTHONPATH", "")])
    running = subprocess.Popen([sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": paths})
    while len(list(tmp_path.glob("shards/*/0*.npz"))) < 5:
        assert running.poll() is None
        time.sleep(0.02)
    running.kill()
    running.wait()
    before = _ages(tmp_path.glob("shards/*/0*.npz"))
    assert len(before) == 5
    after = _ages(shards.make(Toy(count=40), tmp_path))
    assert len(after) == 40 and {name: after[name] for name in before} == before


@pytest.mark.parametrize(
    "damage", [lambda b: b[:-200], lambda b: b[:300] + bytes([b[300] ^ 1]) + b[301:], lambda b: b""]
)
def test_a_damaged_shard_is_made_anew(tmp_path, capsys, damage):
    files = shards.make(Toy(), tmp_path)
    before = _ages(files)
    files[2].write_bytes(damage(files[2].read_bytes()))
    with pytest.raises(ZooError, match="damaged"):
        shards.load(files[2])
    capsys.readouterr()
    after = _ages(shards.make(Toy(), tmp_path))
    assert "00002.npz is damaged; making it anew" in capsys.readouterr().err
    assert [name for name in after if after[name] != before[name]] == ["00002.npz"]
    np.testing.assert_array_equal(shards.load(files[2])["value"], Toy.make_shard(Config(), 2)["value"])


def test_the_folder_tells_apart_what_shards_depend_on(tmp_path):
    table = tmp_path / "table.csv"
    table.write_text("1")
    folder = lambda **settings: shards.shard_folder(Toy(**settings), tmp_path)
    assert folder() == folder(description="other words")
    different = {folder(), folder(seed=1), folder(count=7), folder(table=str(table))}
    table.write_text("2")
    assert len(different | {folder(table=str(table))}) == 5


def test_threads_work_together_unless_a_shard_wants_to_be_alone(tmp_path, monkeypatch):
    both = threading.Barrier(2, timeout=60)
    monkeypatch.setattr(Toy, "make_shard", lambda config, index: {"value": np.array(both.wait())})
    shards.make(Toy(), tmp_path / "together", workers=2)  # a lone thread would break the barrier

    inside = []

    def alone(config, index):
        inside.append(index)
        time.sleep(0.01)
        assert inside == [index]
        inside.clear()
        return {"value": np.array(index)}

    monkeypatch.setattr(Toy, "make_shard", alone)
    monkeypatch.setattr(Toy, "ALONE", True)
    assert len(shards.make(Toy(), tmp_path / "alone", workers=4)) == 6
    # Two threads of one Beam worker, too.
    where = shards.shard_folder(Toy(), tmp_path / "beam")
    threads = [threading.Thread(target=shards._write, args=(Toy, Config(), i, where)) for i in range(4)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert len(list(where.glob("0*.npz"))) == 4


def test_only_the_shards_that_are_wanted(tmp_path):
    files = shards.make(Toy(), tmp_path, only=[1, 5])
    assert [file.name for file in files] == ["00001.npz", "00005.npz"]
    assert sorted(files[0].parent.iterdir()) == files


def test_a_full_disk_says_so(tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(ZooError, match="No space left.*same command again"):
        shards.make(Toy(), tmp_path, workers=2)
    assert not list(tmp_path.rglob("*.npz"))


def test_beam_is_optional_and_its_options_are_read(tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "apache_beam", None)
        with pytest.raises(ZooError, match=r'pip install "seismic-zoo\[beam\]"'):
            shards.make(Toy(), tmp_path, beam_options="--runner=DirectRunner")
    pytest.importorskip("apache_beam", reason="Apache Beam is not installed (pip install seismic-zoo[beam])")
    for options, message in (("", "needs a runner"), ("--runner=DirectRunner --direct_num_workers=x", "understand")):
        with pytest.raises(UsageError, match=message):
            shards.make(Toy(), tmp_path, beam_options=options)
    with pytest.raises(ZooError, match="pipeline failed.*Nonsense"):
        shards.make(Toy(), tmp_path, beam_options="--runner=Nonsense")


def test_shards_that_do_not_appear_are_missed(tmp_path, monkeypatch):
    pytest.importorskip("apache_beam", reason="Apache Beam is not installed (pip install seismic-zoo[beam])")
    monkeypatch.setattr(shards, "make_file", lambda index, dataset, config, folder: None)
    with pytest.raises(ZooError, match="6 of 6 shards are not in .*shared file system"):
        shards.make(Toy(), tmp_path, beam_options="--runner=DirectRunner --direct_running_mode=in_memory")
