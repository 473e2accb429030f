"""The examples of the core run as they stand; those of the systems and of the field run in their own tests."""

from __future__ import annotations

import doctest
import importlib
from pathlib import Path

import pytest

import zoo

ROOT = Path(zoo.__file__).parent
OWN_TESTS = (*zoo.SYSTEMS, "field")


def _modules():
    for path in sorted(ROOT.rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        if parts[0] not in OWN_TESTS and "templates" not in parts and ">>>" in path.read_text(encoding="utf-8"):
            yield ".".join(("zoo", *(part for part in parts if part != "__init__")))


@pytest.mark.parametrize("name", _modules())
def test_the_examples_of_a_module_run(name, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    found = doctest.testmod(importlib.import_module(name))
    assert found.attempted and not found.failed
