"""Where neither the package nor the home can be written to, and other ways in which a computer is tight."""

from __future__ import annotations

import errno
import os
import resource
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest

import zoo
from zoo import cli
from zoo.data import datasets
from zoo.files import write_json

ROOT = Path(zoo.__file__).parents[1]
# Compiles a function with `cache=True`, which Numba refuses where it finds no place for its cache.
WORK = """
import sys
import numpy as np
from zoo.compiled import njit
from zoo.seismograms.signals import *
import zoo, zoo.store
sys.path.insert(0, {folder!r})
import kernel
assert kernel.twice(2) == 4
print(len(zoo.list_models()))
"""


def run(command: list[str], **environment: str) -> subprocess.CompletedProcess:
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("ZOO", "XDG", "NUMBA"))}
    return subprocess.run(command, env={**kept, **environment}, capture_output=True, text=True, timeout=1200)


@pytest.mark.parametrize("cache", ["", "cache"])
def test_compiled_functions_work_without_a_place_for_their_cache(tmp_path, cache):
    """No home that can be made, and a module in a folder whose `__pycache__` cannot be written to."""
    folder = tmp_path / "package"
    folder.mkdir()
    text = "from zoo.compiled import njit\n\n\n@njit(cache=True)\ndef twice(x):\n    return 2 * x\n"
    (folder / "kernel.py").write_text(text)
    (folder / "__pycache__").write_text("a file, so that no folder can be made, even by root")
    given = {"HOME": "/proc/none", "PYTHONPATH": str(ROOT)}
    if cache:
        given["ZOO_CACHE"] = str(tmp_path / cache)
    done = run([sys.executable, "-c", WORK.format(folder=str(folder))], **given)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 30
    assert bool(list(tmp_path.glob("cache/kernels/*/*.nbi"))) == bool(cache)


@pytest.mark.parametrize("arguments", [["list"], ["where"], ["datasets"], ["info", "phase_picker"], ["--help"]])
def test_commands_work_without_a_home(arguments):
    done = run([sys.executable, "-m", "zoo.cli", *arguments], HOME="/proc/none", PYTHONPATH=str(ROOT))
    assert done.returncode == 0, done.stderr


def test_a_closed_stdout_ends_a_command_quietly():
    command = f"{sys.executable} -m zoo.cli list | head -n 1"
    done = run(["bash", "-c", f"set -o pipefail; {command}"], HOME="/proc/none", PYTHONPATH=str(ROOT))
    assert "Traceback" not in done.stderr and len(done.stdout.splitlines()) == 1


def test_a_folder_that_cannot_be_written_is_said(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert cli.main(["prepare", "prem_dispersion/mini", "--data-dir", str(tmp_path / "file")]) == 1
    assert "Cannot write" in capsys.readouterr().err


def test_a_full_disk_leaves_the_old_file(tmp_path):
    """/dev/full is always full."""
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    path = tmp_path / "a.json"
    write_json(path, "old")

    from zoo.errors import ZooError
    from zoo.files import write_with

    def full(temporary: Path) -> None:
        with open("/dev/full", "w") as device:
            device.write("x" * 100_000)

    with pytest.raises(ZooError, match="No space left"):
        write_with(path, full)
    assert path.read_text() == '"old"\n' and [each.name for each in tmp_path.iterdir()] == ["a.json"]


def limited(limit: int, most: int):
    """Return what a process does before it begins: keep to a limit, whoever started it."""
    return lambda: resource.setrlimit(limit, (most, most))


@pytest.mark.parametrize(
    "command, redirection", [("list", ">&-"), ("list", "2>&-"), ("info phase_picker --json", ">&- 2>&-")]
)
def test_streams_that_are_closed_are_written_nowhere(command, redirection):
    done = run(["bash", "-c", f"exec {sys.executable} -m zoo.cli {command} {redirection}"], PYTHONPATH=str(ROOT))
    assert done.returncode == 0 and done.stderr == ""
    assert bool(done.stdout) == (redirection == "2>&-")


def test_a_file_that_is_too_large_leaves_the_old_one(tmp_path):
    from zoo.errors import ZooError
    from zoo.files import write_with

    path = tmp_path / "a.json"
    write_json(path, "old")

    def large(temporary: Path) -> None:
        raise OSError(errno.EFBIG, os.strerror(errno.EFBIG), str(temporary))

    with pytest.raises(ZooError, match="ulimit -f"):
        write_with(path, large)
    assert path.read_text() == '"old"\n'


def test_a_full_disk_behind_stdout_is_said():
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    done = run(["bash", "-c", f"{sys.executable} -m zoo.cli list > /dev/full"], PYTHONPATH=str(ROOT))
    assert done.returncode == 1 and done.stderr.count("\n") == 1 and "Free some space" in done.stderr


def prepare_tiny(home: Path, limit: int | None = None, most: int = 0) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "zoo.cli", "prepare", "tiny/small", "--data-dir", str(home)]
    given = {"PYTHONPATH": str(ROOT), "ZOO_DATASETS": str(Path(__file__).with_name("datasets"))}
    before = limited(limit, most) if limit is not None else None
    environment = {**os.environ, **given}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=900, preexec_fn=before)


@pytest.mark.slow
@pytest.mark.parametrize("most", [1000, 4096])
def test_a_dataset_that_a_full_disk_stopped_is_prepared_afterwards(tmp_path, most):
    """A limit to the size of files stands for the disk: the first stops a shard, the second TFDS's own writer."""
    done = prepare_tiny(tmp_path, resource.RLIMIT_FSIZE, most)
    assert done.returncode == 1 and "Traceback" not in done.stderr
    last = done.stderr.splitlines()[-1]
    assert last.startswith("zoo: ") and "ulimit -f" in last and "--debug" not in last
    assert datasets.describe("tiny", tmp_path)["prepared"] == {}
    folder = datasets.prepare("tiny/small", tmp_path, workers=1)
    assert datasets.verify("tiny/small", tmp_path) == (folder, {})


@pytest.fixture(autouse=True)
def own_datasets(monkeypatch):
    monkeypatch.setenv("ZOO_DATASETS", str(Path(__file__).with_name("datasets")))


@pytest.mark.slow
def test_a_small_disk_that_is_full_leaves_the_old_dataset(tmp_path):
    """A disk of 96 kB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=96k", "tmpfs", str(disk)], capture_output=True)
    if mounted.returncode:
        pytest.skip("only root can make a disk")
    try:
        (disk / "other").write_bytes(bytes(80_000))
        done = prepare_tiny(disk / "data")
        assert done.returncode == 1 and "Traceback" not in done.stderr
        assert "Free some space" in done.stderr.splitlines()[-1]
        (disk / "other").unlink()
        assert prepare_tiny(disk / "data").returncode == 0
        assert datasets.verify("tiny/small", disk / "data")[1] == {}
    finally:
        subprocess.run(["umount", "--lazy", str(disk)], check=True)


@pytest.mark.slow
@pytest.mark.parametrize("work, most", [("prepare", 12), ("prepare", 64), ("train", 64), ("annotate", 64)])
def test_few_open_files_are_enough_or_it_is_said(tmp_path, work, most):
    record = ROOT / "zoo" / "seismograms" / "samples" / "southern_california" / "records.mseed"
    commands = {
        "prepare": ["prepare", "tiny/small", "--data-dir", "data"],
        "train": ["train", "shallow_crust", "--smoke", "--data-dir", "data"],
        "annotate": ["annotate", str(record), "--out", "out"],
    }
    command = [sys.executable, "-m", "zoo.cli", *commands[work]]
    given = {**os.environ, "PYTHONPATH": str(ROOT)}
    if work == "train":
        given.pop("ZOO_DATASETS")
        subprocess.run(
            [sys.executable, "-m", "zoo.cli", "prepare", "prem_dispersion/mini", "--data-dir", "data"],
            cwd=tmp_path, env=given, check=True, capture_output=True,
        )  # fmt: skip
    done = subprocess.run(
        command, cwd=tmp_path, env=given, capture_output=True, text=True, timeout=1200,
        preexec_fn=limited(resource.RLIMIT_NOFILE, most),
    )  # fmt: skip
    said = done.stderr.splitlines()[-1] if done.stderr else ""
    assert "Traceback" not in done.stderr
    assert done.returncode == 0 or (done.returncode == 1 and "ulimit -n" in said), done.stderr
    assert done.returncode == 0 or most == 12


ANOTHER = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
ANOTHER += ["--inh-caps=-all,+dac_read_search", "--ambient-caps=-all,+dac_read_search"]
"""Somebody who may read all, since Python may lie in root's home, and write nothing that is not theirs."""


@pytest.mark.parametrize(
    "work",
    [
        "list",
        pytest.param("prepare", marks=pytest.mark.slow),
        pytest.param("annotate", marks=pytest.mark.slow),
        pytest.param("locate", marks=pytest.mark.slow),
    ],
)
def test_another_user_works_where_the_package_and_the_home_are_not_theirs(work):
    """They may write in one folder, and name it."""
    if not shutil.which("setpriv") or subprocess.run([*ANOTHER, "true"], capture_output=True).returncode:
        pytest.skip("only root can become another user (setpriv)")
    record = ROOT / "zoo" / "seismograms" / "samples" / "southern_california" / "records.mseed"
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        home = Path(name)
        if work == "locate":
            model = zoo.load("cvae_emulator")
            with np.load(zoo.registry.find("cvae_emulator") / "golden.npz", allow_pickle=False) as sample:
                told = {"sampling_rate_hz": 250.0, "receivers_km": model.receivers_km}
                np.savez(home / "e.npz", traces=sample["traces"][0], noise_sd=float(sample["noise_sd"]), **told)
        for path in (home, *home.iterdir()):
            os.chown(path, 65534, 65534)
        commands = {
            "list": ["list"],
            "prepare": ["prepare", "tiny/small", "--data-dir", f"{name}/data"],
            "annotate": ["annotate", str(record), "--out", f"{name}/out"],
            "locate": ["locate", f"{name}/e.npz", "--model", "cvae_emulator", "--out", f"{name}/out"],
        }
        given = {"HOME": "/root", "PYTHONPATH": str(ROOT), "MPLCONFIGDIR": name, "TMPDIR": name}
        given["ZOO_DATASETS"] = str(Path(__file__).with_name("datasets"))
        done = run([*ANOTHER, sys.executable, "-m", "zoo.cli", *commands[work]], **given)
        assert done.returncode == 0 and "Traceback" not in done.stderr, done.stderr
