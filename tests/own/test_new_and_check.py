"""`zoo new` writes what works and keeps its contract; `zoo check` names what does not."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from zoo import cli, contracts, new, own
from zoo.errors import UsageError


@pytest.fixture
def home(tmp_path, monkeypatch):
    own.note.cache_clear()
    monkeypatch.setenv("ZOO_DATA_DIR", str(tmp_path / "data"))
    new.write("recipe", "my_recipe", tmp_path)
    return tmp_path


@pytest.mark.slow
def test_what_new_writes_passes_its_own_tests(home):
    """In a process of its own, as a user runs it."""
    new.write("dataset", "my_data", home)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p), "TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [sys.executable, "-m", "pytest", "-q", "--rootdir", str(home), str(home / "tests")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, cwd=home)
    assert done.returncode == 0 and "6 passed" in done.stdout, done.stdout


def test_what_new_writes_trains_and_keeps_its_contract(home, monkeypatch, capsys):
    for room, variable in own.VARIABLES.items():
        monkeypatch.setenv(variable, str(home / room))
    monkeypatch.chdir(home)
    (home / "checkpoints").mkdir()
    assert cli.main(["prepare", "my_recipe_records/mini"]) == 0
    assert cli.main(["train", "my_recipe", "--smoke", "--out", "checkpoints/my_recipe.first"]) == 0
    capsys.readouterr()
    assert cli.main(["check", ".", "--json"]) == 0
    kept = {"dataset my_recipe_records": [], "recipe my_recipe": [], "checkpoint my_recipe.first": []}
    assert json.loads(capsys.readouterr().out) == kept
    style = [sys.executable, "-m", "ruff", "check", "--select", "E,F,W,B", "--line-length", "120", str(home)]
    assert subprocess.run(style, capture_output=True).returncode == 0


def test_check_names_what_is_wrong(home, capsys):
    recipe = home / "recipes" / "my_recipe.py"
    text = recipe.read_text().replace("Cost    seconds\n", "").replace('"licence": "yours",', "")
    recipe.write_text(text.replace('return {**super().get_config(), "units": self.units,', "return {"))
    folder = home / "datasets" / "my_recipe_records"
    (folder / "TAGS.txt").unlink()
    builder = folder / "my_recipe_records_dataset_builder.py"
    builder.write_text(builder.read_text().replace('name="loud"', 'name="lo" "ud"[:9]'))
    found = contracts.check(home)
    said = " ".join(found["recipe my_recipe"])
    assert "no line `Cost" in said and "does not say licence" in said
    assert any("no TAGS.txt" in one for one in found["dataset my_recipe_records"])
    assert cli.main(["check", str(home)]) == 1
    assert "2 of 2 do not keep their contract" in capsys.readouterr().err
    with pytest.raises(UsageError, match="holds no recipe"):
        contracts.check(home / "tests")


def test_new_touches_nothing_that_is_there(home, monkeypatch):
    with pytest.raises(UsageError, match="is there already"):
        new.write("recipe", "my_recipe", home)
    with pytest.raises(UsageError, match="small letters"):
        new.write("dataset", "My-Data", home)
    with pytest.raises(UsageError, match="a recipe mdn_crust already"):
        new.write("recipe", "mdn_crust", home)
