"""Where neither the package nor the home can be written to, and other ways in which a computer is tight."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import zoo
from zoo import cli
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
    return subprocess.run(command, env={**kept, **environment}, capture_output=True, text=True, timeout=300)


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
