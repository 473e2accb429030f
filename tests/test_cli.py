"""The `zoo` command as a person meets it: exit codes, one-line errors, JSON, quick starts."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from types import SimpleNamespace

import pytest

from zoo import cli, files
from zoo.errors import PartError, PassedOver
from zoo.terminal import check_passed_over


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess:
    env = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", **environment}
    command = [sys.executable, "-m", "zoo.cli", *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=env, timeout=300)


def test_help_list_and_info_import_nothing_heavy():
    code = (
        "import sys, zoo.cli\n"
        "commands = 'list', 'info cvae_emulator', 'datasets', 'where', 'reproduce', 'info microseismic', 'info fwi'\n"
        "for a in map(str.split, commands):\n"
        "    assert zoo.cli.main(a) == 0, a\n"
        "heavy = {'tensorflow', 'keras', 'numpy', 'scipy', 'obspy', 'matplotlib', 'numba'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_every_command_has_examples_that_parse():
    """Each is parsed as it is typed; a comment is one for the shell, too."""
    commands = cli.command_parser()._subparsers._group_actions[0].choices
    assert len(commands) > 15
    for name, command in commands.items():
        head, _, lines = (command.epilog or "").partition("examples:\n")
        assert not head and lines.strip(), f"zoo {name} --help has no example"
        for line in lines.splitlines():
            words = shlex.split(line, comments=True)
            assert words[:2] == ["zoo", name]
            assert cli.command_parser().parse_args(words[1:]).command == name
        assert max(map(len, lines.splitlines())) <= 110


def on_a_terminal(monkeypatch, columns: int = 80) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    monkeypatch.setenv("COLUMNS", str(columns))


@pytest.mark.parametrize(
    "arguments", [["list"], ["datasets"], ["info", "phase_picker"], ["info", "prem_dispersion"], ["reproduce"]]
)
def test_what_a_terminal_shows_fits_it_and_breaks_no_word(capsys, monkeypatch, tmp_path, arguments):
    monkeypatch.setenv("ZOO_DATA_DIR", str(tmp_path))
    assert cli.main(arguments) == 0
    piped = set(capsys.readouterr().out.replace("\t", " ").split())
    on_a_terminal(monkeypatch)
    assert cli.main(arguments) == 0
    shown = capsys.readouterr().out
    assert [line for line in shown.splitlines() if len(line) > 80 and max(map(len, line.split())) < 50] == []
    names = re.findall(r"(?<![\w./-])[a-z0-9]+[_-][a-z0-9_-]+", shown)
    assert len(names) > 3 and [name for name in names if not any(name in word for word in piped)] == []


def test_the_list_says_score_what_it_was_measured_on_size_and_data():
    listed = {model["name"]: model for model in json.loads(run("list", "--json").stdout) if model["kind"] == "model"}
    picker = listed["phase_picker.local"]
    assert picker["score"].startswith("p_within_0.5_s") and picker["scored_on"] == "stead/sample (real)"
    assert picker["learned_from"] == "both" and listed["explosion_earthquake.pnw"]["learned_from"] == "real"
    assert listed["pca_gp_emulator.marine"]["scored_on"] == "own test"
    assert all(model["score"] and model["size"].endswith(" MB") and model["learned_from"] for model in listed.values())


def test_every_shipped_dataset_says_size_source_and_licence(monkeypatch, tmp_path):
    from zoo import listing

    rows = listing.datasets(str(tmp_path))
    assert len(rows) > 50
    lacking = [row["name"] for row in rows if not all(row[key] for key in ("kind", "source", "licence"))]
    assert not lacking
    assert [row["name"] for row in rows if not row["size"]] == ["seisbench_format"]
    unknown = [
        f"{name}/{config}"
        for name in {row["name"].split("/")[0] for row in rows}
        for config in json.loads((files.room("datasets") / name / "listing.json").read_text())["configs"]
        if f"{name}/{config}" not in {row["name"] for row in rows}
    ]
    assert not unknown


def test_tensorflow_is_quiet_and_its_errors_are_not():
    code = (
        "from zoo.quiet import quiet; quiet()\n"
        "import tensorflow as tf\n"
        "tf.config.list_physical_devices('GPU')\n"
        "f = tf.function(lambda x: x + 1, jit_compile=True); f(tf.ones(3))\n"
        "tf.zeros(3) + tf.zeros(4)\n"
    )
    environment = {key: value for key, value in os.environ.items() if key != "TF_CPP_MIN_LOG_LEVEL"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    assert done.stderr.startswith("Traceback") and "Incompatible shapes" in done.stderr


def test_import_zoo_imports_no_framework():
    code = "import sys, zoo; assert not {'tensorflow', 'keras', 'numpy'} & set(sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["lst"], 2, "Did you mean list"),
        (["info", "cvae_emulatr"], 1, "Did you mean cvae_emulator"),
        (["list", "nothing*"], 1, "No model matches"),
        (["prepare", "microseismc/marine"], 1, "Did you mean microseismic"),
        (["prepare", "microseismic/own", "--set", "sources"], 2, "KEY=VALUE"),
        (["prepare", "microseismic/marine", "--limit", "0"], 2, "positive"),
        (["train", "cvae_emulatr"], 1, "Did you mean cvae_emulator"),
        (["train", "cvae_emulator.mars"], 2, "no tag 'mars'"),
        (["train", "cvae_emulator", "--set", "learning_rat=1"], 2, "Did you mean learning_rate"),
        (["train", "cvae_emulator", "--set", "learning_rate=fast"], 2, "takes a number from 0; received 'fast'"),
        (["evaluate", "no_such_model"], 1, "no model"),
        (["locate", "no_such_file.npz", "--out", "x"], 1, "no_such_file.npz"),
        (["locate", "x.npz"], 2, "--out"),
        (["crust", "no_such_map.csv", "--out", "x"], 1, "There is no file or folder no_such_map.csv"),
        (["crust", "phase_velocity_maps/yunan_liu2019", "--out", "x"], 1, "Did you mean yunnan_liu2019"),
        (["crust", "map.csv"], 2, "--out"),
        (["reproduce", "crust-table"], 2, "Did you mean crust-table-1"),
        (["reproduce", "crust-split", "--quick"], 1, "zoo prepare prem_dispersion/mini"),
    ],
)
def test_errors_are_one_line_with_a_remedy(capsys, monkeypatch, tmp_path, arguments, code, message):
    monkeypatch.setenv("ZOO_DATA_DIR", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["zoo", *arguments])
    try:
        received = cli.main(arguments)
    except SystemExit as stop:
        received = stop.code
    error = capsys.readouterr().err.strip().splitlines()
    assert received == code
    assert error[-1].startswith("zoo: ") and message in error[-1]
    assert not any("Traceback" in line for line in error)


def test_debug_shows_the_traceback():
    done = run("info", "nothing_like_it", "--debug")
    assert done.returncode == 1 and "Traceback" in done.stderr


def test_json_is_one_object_on_stdout():
    models = json.loads(run("list", "--json").stdout)
    assert {"name", "summary", "dataset", "default"} <= set(models[0])
    info = json.loads(run("info", "cvae_emulator", "--json").stdout)
    assert info["name"] == "cvae_emulator.marine"
    assert "microseismic" in [d["name"] for d in json.loads(run("datasets", "--json").stdout)]


@pytest.mark.parametrize(
    ("name", "setting"),
    [("mdn_crust", "blocks"), ("prem_dispersion", "moho_km"), ("fwi", "bands_hz"), ("crust-table-1", None)],
)
def test_info_lists_settings_with_unit_meaning_and_source(capsys, name, setting):
    assert cli.main(["info", name, "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["settings_table"]
    assert setting is None or setting in [row["setting"] for row in rows]
    assert all(row["unit"] and row["meaning"] and row["source"] for row in rows)


def test_models_are_listed_by_what_they_answer(capsys):
    assert cli.main(["list", "--for", "crust", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert {model["answers"] for model in found} == {"crust.thickness"}
    assert cli.main(["list", "--for", "crst"]) == 1
    assert "Did you mean crust" in capsys.readouterr().err


def test_an_interruption_says_what_goes_on(capsys, monkeypatch):
    def interrupted(args):
        raise KeyboardInterrupt

    for command, said in (("where", "begins anew"), ("prepare", "goes on from here")):
        monkeypatch.setattr(cli, f"_{command}", interrupted)
        assert cli.main([command, *(["microseismic/marine"] if command == "prepare" else [])]) == 130
        assert said in capsys.readouterr().err


def test_reproduce_alone_lists_the_experiments():
    listed = json.loads(run("reproduce", "--json").stdout)
    expected = {"crust-table-1", "crust-noise", "crust-split", "crust-depth", "crust-monte-carlo"}
    expected |= {
        "fwi-learning-rates",
        "fwi-1d",
        "fwi-marmousi",
        "fwi-marmousi-counts",
        "kong-figure-3",
        "kong-figures-5-6-7",
    }
    expected |= {
        "microseismic-table-1",
        "microseismic-table-2",
        "microseismic-event",
        "kong-figure-8",
        "kong-figure-9",
        "kong-figure-10",
        "kong-figure-s26",
        "kong-figure-s27",
        "seismicity-figures",
        "seismicity-grid",
        "seismicity-calibration",
    }
    assert {experiment["name"] for experiment in listed} == expected
    assert run("reproduce").stdout.splitlines()[0].startswith("microseismic-table-1\tSpurio Mancini")


def test_no_colours_without_a_terminal():
    assert "\x1b" not in run("list").stdout + run("--help").stdout


def test_a_closed_pipe_is_no_error():
    command = f"{sys.executable} -m zoo.cli info microseismic | head -1"
    done = subprocess.run(command, shell=True, capture_output=True, text=True)
    assert "Traceback" not in done.stderr


def test_no_command_prints_the_help(capsys):
    assert cli.main([]) == 2
    assert "zoo locate" in capsys.readouterr().out


def test_what_was_passed_over_is_known_by_its_type_and_not_by_its_words(capsys):
    found = SimpleNamespace(notes=["2 gaps skipped by the instrument itself", PassedOver("no vertical").about("XX.A")])
    check_passed_over(found, strict=False)
    assert capsys.readouterr().err == "zoo: 1 passed over, XX.A: no vertical\n"
    with pytest.raises(PartError, match="1 passed over, XX.A: no vertical .--strict"):
        check_passed_over(found, strict=True)
    check_passed_over(SimpleNamespace(notes=found.notes[:1]), strict=True)
    with pytest.raises(PartError, match="1 passed over, day 3: no disk"):
        check_passed_over(SimpleNamespace(notes=[], problems=[("day 3", "no disk")]), strict=True)
