"""The benchmarks' own book-keeping: every script has its place, and RESULTS.md says what was published."""

from __future__ import annotations

import ast
import importlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture
def bench(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    yield importlib.import_module("run")
    sys.modules.pop("run", None)


def test_every_script_is_run_by_make_bench_or_is_a_tool(bench):
    assert {path.name for path in BENCHMARKS.glob("*.py")} == {*bench.ORDER, *bench.TOOLS}
    assert not set(bench.ORDER) & set(bench.TOOLS) and all(bench.TOOLS.values())


def names_of(path: Path) -> set[str] | None:
    """Return what a module defines at its top level; None where it makes names as they are asked for."""
    found = {one.stem for one in path.parent.glob("*.py")} | {one.name for one in path.parent.iterdir() if one.is_dir()}
    left = [ast.parse(path.read_text(encoding="utf-8"))]
    while left:
        node = left.pop()
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
            continue  # what stands inside is not seen from elsewhere
        left += ast.iter_child_nodes(node)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            found |= {(alias.asname or alias.name).split(".")[0] for alias in node.names}
    return None if "__getattr__" in found else found


def test_every_script_finds_what_it_imports_of_the_project():
    """Most are not run by the tests: a name that has gone would show months later."""
    missing = []
    for script in sorted(BENCHMARKS.glob("*.py")):
        for node in ast.walk(ast.parse(script.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.ImportFrom):
                continue
            base = BENCHMARKS if (BENCHMARKS / f"{node.module}.py").is_file() else BENCHMARKS.parent
            where = base.joinpath(*node.module.split("."))
            where = where / "__init__.py" if where.is_dir() else where.with_suffix(".py")
            if node.module.split(".")[0] == "zoo" or where.parent == BENCHMARKS:
                known = names_of(where) if where.is_file() else set()
                gone = [] if known is None else [one.name for one in node.names if one.name not in known]
                missing += [f"{script.name}: {node.module}.{name}" for name in gone]
    assert not missing


def toy(name, **more):
    table = {"title": "Costs", "header": ["what", "CPU-s"], "rows": [["an Earth", "0.51"]]}
    kept = {"command": f"python benchmarks/{name}.py", "date": "2026-01-01", "commit": "abc", "machine": "2 cores"}
    return {**kept, **more, "tables": [table]}


def test_the_results_say_what_it_cost_and_which_peers_were_not_there(bench, monkeypatch, tmp_path):
    peers = dict.fromkeys(bench.PEERS, "not installed")
    made = toy("crust", cpu_s=1234.5, versions={"numpy": "2.0"}, peers=peers)
    (tmp_path / "crust.json").write_text(json.dumps(made))
    (tmp_path / "elastic-events_2.json").write_text(json.dumps(toy("elastic")))
    monkeypatch.setattr(bench, "MEASURED", tmp_path)
    text = bench.results()
    assert text.index("## elastic-events_2") < text.index("## crust")  # as they are run
    assert "| an Earth | 0.51 |" in text and "| 1,234 |" in text and "| not recorded |" in text
    assert "| `disba` | phase velocities: crust.py | crust: not installed |" in text
    assert "make publish RUN=waves.py" in text and "make publish RUN=crust.py" not in text
    assert "versions: numpy 2.0" in text
    assert list(json.loads(bench.results_json())) == ["elastic-events_2", "crust"]


def test_a_failing_benchmark_is_named_and_the_others_are_run(bench, monkeypatch, tmp_path, capsys):
    measured = tmp_path / "measured"
    measured.mkdir()
    monkeypatch.setattr(bench, "HERE", tmp_path)
    monkeypatch.setattr(bench, "MEASURED", measured)
    monkeypatch.setattr(bench, "RESULTS", tmp_path / "RESULTS.md")
    monkeypatch.setattr(bench, "RESULTS_JSON", tmp_path / "results.json")
    (tmp_path / "crust.py").write_text("raise SystemExit(3)\n")
    script = "import json, os, pathlib\nassert os.environ['ZOO_PUBLISH'] == '1'\n"
    script += f"pathlib.Path({str(measured)!r}, 'waves.json').write_text({json.dumps(json.dumps(toy('waves')))})\n"
    (tmp_path / "waves.py").write_text(script)
    monkeypatch.setattr(sys, "argv", ["run.py", "crust", "waves.py"])
    assert bench.main() == 1
    assert "1 of 2 failed" in (said := capsys.readouterr().out) and "crust.py (exit status 3)" in said
    assert "## waves" in (tmp_path / "RESULTS.md").read_text()
    monkeypatch.setattr(sys, "argv", ["run.py", "crusty"])
    with pytest.raises(SystemExit):
        bench.main()


def test_tables_are_published_with_their_circumstances_unless_the_script_fails(tmp_path):
    shutil.copy(BENCHMARKS / "table.py", tmp_path)
    script = tmp_path / "toy.py"
    text = "from table import print_table\nprint_table('Costs', ['what', 'CPU-s'], [['an Earth', 0.5]])\n"
    run = lambda: subprocess.run(  # noqa: E731
        [sys.executable, script, "--fast"], env={**os.environ, "ZOO_PUBLISH": "1"}, capture_output=True, text=True
    )
    script.write_text(text)
    assert run().returncode == 0
    kept = tmp_path / "measured" / "toy-fast.json"
    made = json.loads(kept.read_text())
    assert made["command"] == "python benchmarks/toy.py --fast" and made["tables"][0]["rows"] == [["an Earth", "0.5"]]
    assert made["cpu_s"] > 0 and made["versions"]["numpy"] and set(made["peers"]) >= {"deepwave", "scikit-learn"}
    before = kept.read_bytes()
    script.write_text(text + "raise ValueError('half way')\n")
    done = run()
    assert done.returncode == 1 and "half way" in done.stderr and "nothing is published" in done.stderr
    assert kept.read_bytes() == before


def test_what_scripts_import_from_each_other_is_there():
    """`import` alone would run for minutes where a peer or a library is heavy."""
    trees = {path.stem: ast.parse(path.read_text(encoding="utf-8")) for path in BENCHMARKS.glob("*.py")}
    there = {}
    for name, tree in trees.items():
        targets = [
            node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", node)] for node in tree.body
        ]
        named = {getattr(target, "id", getattr(target, "name", "")) for some in targets for target in some}
        there[name] = named
    asked = [
        (script, node.module, alias.name)
        for script, tree in trees.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module in trees
        for alias in node.names
    ]
    assert len(asked) > 30
    assert not [one for one in asked if one[2] not in there[one[1]]]
