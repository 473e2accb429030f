"""`zoo reproduce all`: what is there is not run again, a failing experiment is named, the report says all of it."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import sys
import types
from pathlib import Path

import pytest

from zoo import cli, reproduce
from zoo.errors import ZooError
from zoo.files import read_json, write_json
from zoo.reproduce import all as together
from zoo.reproduce.page import page
from zoo.reproduce.report import report
from zoo.settings import Setting
from zoo.training.claims import Claim, higher, lower, the
from zoo.training.experiment import Experiment

MODULE = "zoo.crust.toy_experiment"  # the second part of a function's name is its system


def measure(workshop):
    runs.append("toy-a")
    return [{"method": "net", "score": 0.5 + 0.1 * workshop.own["steps"], "dataset": "toy/made"}]


def cheap(workshop):
    runs.append("toy-cheap")
    from PIL import Image

    workshop.folder.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (1440, 400), "green").save(workshop.folder / "picture.png")
    return [{"method": "net", "cost_s": 3.0}]


def fails(workshop):
    runs.append("toy-fails")
    raise ZooError("There is no /home/somebody/data/toy: zoo prepare toy.")


runs: list[str] = []
SCORE = (
    Claim("table 1", "accuracy 0.9 <in text>", lambda rows: higher(the(rows, method="net")["score"], 0.9, 0.01)),
    Claim("table 1", "another network", lambda rows: higher(the(rows, method="other")["score"], 0.9)),
)
COST = (Claim("section 4", "3 s", lambda rows: lower(rows[0]["cost_s"], 3.0, unit="s")),)


@pytest.fixture
def known(monkeypatch):
    module = types.ModuleType(MODULE)
    vars(module).update(measure=measure, cheap=cheap, fails=fails, SCORE=SCORE, COST=COST)
    monkeypatch.setitem(sys.modules, MODULE, module)
    runs.clear()
    steps = {"steps": Setting(1, "steps", "ours", low=1)}
    where = f"{MODULE}:"
    return {
        "toy-a": Experiment("A", "table 1", "hours", where + "measure", steps, cpu_s=9.0, claims=where + "SCORE"),
        "toy-fails": Experiment("F", "table 2", "seconds", where + "fails", cpu_s=2.0, claims=where + "COST"),
        "toy-cheap": Experiment(
            "C", "section 4", "seconds", where + "cheap", cpu_s=1.0, data="made", claims=where + "COST",
            figures=("picture.png", "no_such.png"),
        ),
    }  # fmt: skip


@pytest.fixture
def work(known, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("zoo.reproduce.one.experiments", lambda: known)
    return tmp_path


def claims_by_where(made):
    return [(c["where"], c["verdict"]) for paper in made["papers"] for c in paper["claims"] if c["command"]]


def test_the_cheapest_comes_first_and_a_failing_one_does_not_end_the_run(known, work):
    with pytest.raises(ZooError, match="1 of 3 experiments failed, the report says why: toy-fails"):
        reproduce.run_all("out", known=known)
    assert runs == ["toy-cheap", "toy-fails", "toy-a"]
    assert {path.name for path in Path("out").iterdir()} == {
        "toy-a.json",
        "toy-cheap.json",
        "toy-cheap-1.png",
        "report.json",
        "index.html",
    }
    made = read_json("out/report.json", "report")
    assert made["failed"] == {"toy-fails": "ZooError: There is no .../toy: zoo prepare toy."}
    assert claims_by_where(made) == [
        ("table 1", "not met"),
        ("table 1", "not repeated"),
        ("section 4", "not repeated"),
        ("section 4", "met"),
    ]
    found = read_json("out/toy-a.json", "result")
    assert found["rows"] == [{"method": "net", "score": 0.6, "dataset": "toy/made"}] and found["quick"] is False
    assert found["cost_cpu_s"] >= 0 and found["versions"]["numpy"] and re.match(r"\d+ shared cores", found["machine"])
    assert str(work) not in "".join(path.read_text() for path in Path("out").glob("*.[jh]*"))


def test_what_is_there_is_not_run_again(known, work):
    del known["toy-fails"]
    first = reproduce.run_all("out", known=known)
    assert runs == ["toy-cheap", "toy-a"]
    before = {path.name: path.read_bytes() for path in Path("out").iterdir()}
    assert reproduce.run_all("out", known=known) == first
    assert len(runs) == 2 and before == {path.name: path.read_bytes() for path in Path("out").iterdir()}
    Path("out/toy-a.json").unlink()
    Path("runs/toy-a/toy-a.json").unlink()
    reproduce.run_all("out", known=known)
    assert runs == ["toy-cheap", "toy-a", "toy-a"]


def test_a_failure_is_forgotten_once_there_is_a_result(known, work):
    with pytest.raises(ZooError):
        reproduce.run_all("out", known=known)
    assert reproduce.run_all("out", only_report=True, known=known)["failed"].keys() == {"toy-fails"}
    known["toy-fails"] = known["toy-cheap"]
    assert reproduce.run_all("out", known=known)["failed"] == {}


def test_a_single_run_is_taken_over_with_its_settings_but_a_quick_one_never(known, work, capsys):
    reproduce.run("toy-a", quick=True)
    assert not claims_by_where(reproduce.run_all("out", only_report=True, known=known))[0][1] == "met"
    assert not Path("out/toy-a.json").exists()
    reproduce.run("toy-a", settings={"steps": "4"})
    made = reproduce.run_all("out", only_report=True, known=known)
    (first, *_) = made["papers"][0]["claims"]
    assert first["verdict"] == "met" and first["ours"] == "0.9" and first["data"] == "toy/made"
    assert first["command"] == "zoo reproduce toy-a --set steps=4"
    later = Path("out/toy-a.json").stat().st_mtime + 5
    write_json("runs/toy-a/toy-a.json", {"name": "toy-a", "quick": False, "rows": []})
    os.utime("runs/toy-a/toy-a.json", (later, later))
    capsys.readouterr()
    assert reproduce.run_all("out", only_report=True, known=known) == made
    assert "of an older version, without command" in capsys.readouterr().err


def test_the_cost_of_an_interrupted_run_is_counted(known, work, monkeypatch):
    def interrupted(workshop):
        sum(i * i for i in range(2_000_000))
        raise KeyboardInterrupt

    monkeypatch.setattr(sys.modules[MODULE], "measure", interrupted)
    with pytest.raises(KeyboardInterrupt):
        reproduce.run("toy-a")
    spent = read_json("runs/toy-a/toy-a.spent.json", "spent")["cpu_s"]
    assert spent > 0
    write_json("runs/toy-a/toy-a.spent.json", {"cpu_s": spent + 100})
    monkeypatch.setattr(sys.modules[MODULE], "measure", measure)
    reproduce.run("toy-a")
    assert read_json("runs/toy-a/toy-a.json", "result")["cost_cpu_s"] >= 100
    assert not Path("runs/toy-a/toy-a.spent.json").exists()


def test_a_run_beside_another_is_found_in_either_folder(known, work):
    known["toy-beside"] = dataclasses.replace(known["toy-a"], cpu_s=0.5, beside="toy-cheap")
    del known["toy-fails"]
    reproduce.run("toy-beside", settings={"steps": "3"})
    assert Path("runs/toy-beside/toy-beside.json").is_file()
    reproduce.run_all("out", only_report=True, known=known)
    assert read_json("out/toy-beside.json", "result")["settings"] == {"steps": 3}
    Path("out/toy-beside.json").unlink()
    Path("runs/toy-beside/toy-beside.json").unlink()
    reproduce.run_all("out", known=known)
    assert Path("runs/toy-cheap/toy-beside.json").is_file()
    assert read_json("out/toy-beside.json", "result")["settings"] == {"steps": 1}


def result(name, rows, **more):
    made = {"name": name, "paper": "", "command": f"zoo reproduce {name}", "quick": False, "settings": {}, "rows": rows}
    return {
        **made,
        "cost_cpu_s": 1.0,
        "date": "2026-01-01",
        "commit": "abc",
        "machine": "2 cores",
        "versions": {},
        **more,
    }


def test_the_page_says_what_the_results_say_and_needs_nothing_else(known, work):
    found = {
        "toy-a": result("toy-a", [{"method": "net", "score": 0.97, "dataset": "toy/made"}]),
        "toy-cheap": result("toy-cheap", [{"cost_s": 4.5}]),
    }
    made = report(found, known)
    (paper,) = made["papers"]
    assert paper["counts"]["better"] == 1 and paper["counts"]["not met"] == 1
    assert sum(paper["counts"].values()) == len(paper["claims"])
    (unrun,) = [claim for claim in paper["claims"] if claim["command"] == "zoo reproduce toy-fails"]
    assert unrun["verdict"] == "not repeated" and unrun["why"] == "not run yet"
    text = page(made, {})
    assert "0.97" in text and "4.5 s" in text and "accuracy 0.9 &lt;in text&gt;" in text
    assert 'name="viewport"' in text and not re.search(r'(src|href)="(?!data:|#)', text) and "<script" not in text
    assert all(f'<span class="v {v.replace(" ", "-")}">' in text for v in paper["counts"])
    with pytest.raises(ValueError, match="toy-a is of a quick run"):
        report({"toy-a": {**found["toy-a"], "quick": True}}, known)


def test_the_command_lists_what_is_there_and_refuses_what_all_does_not_take(known, work, capsys, monkeypatch):
    monkeypatch.setattr(reproduce, "experiments", lambda: known)
    monkeypatch.setattr(together, "experiments", lambda: known)
    reproduce.run("toy-cheap")
    assert cli.main(["reproduce", "all", "--only-report", "--out", "out"]) == 0
    assert "1 met" in capsys.readouterr().out
    assert cli.main(["reproduce", "--list", "--out", "out", "--json"]) == 0
    listed = {one["name"]: one for one in json.loads(capsys.readouterr().out)}
    assert re.match(r"\d{4}-\d\d-\d\d", listed["toy-cheap"]["result"]) and listed["toy-a"]["result"] == "none"
    assert listed["toy-a"]["cost"] == "hours" and listed["toy-a"]["paper"] == "table 1"
    for more in (["--quick"], ["--train"], ["--set", "steps=2"]):
        assert cli.main(["reproduce", "all", *more]) == 2
        assert f"all has no {more[0]}" in capsys.readouterr().err
    assert cli.main(["reproduce", "toy-a", "--only-report"]) == 2


def test_the_committed_report_has_a_verdict_for_every_claim_and_no_machine_s_path():
    folder = Path(reproduce.__file__).resolve().parents[2] / "docs" / "reproduction"
    if not (folder / "report.json").is_file():
        pytest.skip("no report is committed here")
    known = reproduce.experiments()
    there = reproduce.results(folder, known)
    assert there and not any(one["quick"] for one in there.values())
    made = report(there, known)
    assert len(made["papers"]) == 5
    for paper in made["papers"]:
        assert sum(paper["counts"].values()) == len(paper["claims"])
        assert all(claim["ours"] or claim["why"] for claim in paper["claims"])
        assert all(claim["data"] for claim in paper["claims"] if claim["ours"])
    texts = [path.read_text(encoding="utf-8") for path in folder.iterdir() if path.suffix in (".json", ".html")]
    assert not re.search(r"/(home|root|tmp|work|Users)/", "".join(texts))
