"""Pages and their sources agree: settings, cards, docstrings, and what a measuring command wrote."""

from __future__ import annotations

import importlib.util
import json
import re
import sys
from pathlib import Path

import pytest

import zoo

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def pages():
    spec = importlib.util.spec_from_file_location("pages", ROOT / "benchmarks" / "pages.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_what_is_written_is_what_make_readme_writes(pages):
    stale = [p for p, text in pages.everything().items() if not p.is_file() or p.read_text(encoding="utf-8") != text]
    assert not stale, "make readme"


def test_a_page_that_differs_from_its_json_is_found(pages, monkeypatch, tmp_path):
    figures = {"title": "Costs", "header": ["what", "CPU-s"], "rows": [["an Earth", "0.51"]]}
    kept = {"command": "python benchmarks/toy.py", "date": "2026-01-01", "commit": "abc", "machine": "2 cores"}
    (tmp_path / "toy.json").write_text(json.dumps({**kept, "tables": [figures]}))
    monkeypatch.setattr(pages, "MEASURED", tmp_path)
    written = pages.page("# A page\n\n<!-- measured: toy -->\nold\n<!-- end -->\nafter\n")
    assert "| an Earth | 0.51 |" in written and "commit abc" in written and "old" not in written
    assert pages.page(written) == written
    assert pages.page(written.replace("0.51", "0.15")) == written


def test_every_measured_file_says_when_where_and_by_which_command():
    for path in sorted((ROOT / "benchmarks" / "measured").glob("*.json")):
        kept = json.loads(path.read_text())
        assert {"command", "date", "commit", "machine", "tables"} <= set(kept), path
        assert all(len(row) == len(table["header"]) for table in kept["tables"] for row in table["rows"])


def test_the_readme_is_short_and_every_system_has_its_page():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert len(re.sub(r"<!--.*?-->", "", text).split()) <= 700
    for system in zoo.SYSTEMS:
        assert f"zoo/{system}/README.md" in text and (ROOT / "zoo" / system / "README.md").is_file()


@pytest.mark.parametrize(
    "page", ["README.md", "recipes/README.md", "checkpoints/README.md", *(f"zoo/{s}/README.md" for s in zoo.SYSTEMS)]
)
def test_links_lead_somewhere(page):
    path = ROOT / page
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", path.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (path.parent / target).exists(), target


def test_every_setting_has_unit_meaning_and_source():
    sys.modules.pop("pages", None)
    for folder in ("recipes", "datasets"):
        for name, rows in json.loads((ROOT / folder / "settings.json").read_text()).items():
            for row in rows:
                assert all(row[key] for key in ("setting", "unit", "takes", "meaning", "source")), (name, row)
