"""The faces of the systems: every name is there whatever was imported before, looking costs nothing, examples run."""

from __future__ import annotations

import doctest
import importlib
import inspect
import pkgutil
import subprocess
import sys

import pytest

import zoo

ALL_HAVE_EXAMPLES = ("seismograms", "seismicity")
"""Systems of which every function of the face has an example."""
HEAVY = ("tensorflow", "keras", "numba", "scipy", "matplotlib", "obspy")


def face(system: str):
    return importlib.import_module(f"zoo.{system}")


@pytest.mark.parametrize("system", zoo.SYSTEMS)
def test_a_name_is_what_its_module_defines_whatever_was_imported_before(system):
    shown = face(system)
    assert 5 <= len(shown.__all__) <= 12 and set(shown.__all__) <= set(dir(shown))
    for module in pkgutil.walk_packages(shown.__path__, f"zoo.{system}."):
        importlib.import_module(module.name)
    for name in shown.__all__:
        found, module = getattr(shown, name), shown._FACE[name]
        assert found is getattr(importlib.import_module(module), name)
        if callable(found):
            assert (found.__name__, found.__module__) == (name, module) and found.__doc__
    with pytest.raises(AttributeError, match=f"'zoo.{system}' has no attribute 'no_such_name'"):
        shown.no_such_name  # noqa: B018


@pytest.mark.parametrize("system", zoo.SYSTEMS)
def test_importing_a_face_imports_nothing_heavy(system):
    script = f"import sys, zoo.{system} as face; dir(face); print([n for n in {HEAVY} if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("system", zoo.SYSTEMS)
def test_the_examples_of_a_face_run(system, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    shown = face(system)
    finder, runner = doctest.DocTestFinder(exclude_empty=False), doctest.DocTestRunner(verbose=False)
    examples = finder.find(shown, f"zoo.{system}", module=False)[:1]  # the module's own docstring
    for name in shown.__all__:
        found = getattr(shown, name)
        if callable(found):
            own = finder.find(found, name, globs=dict(vars(sys.modules[found.__module__])))
            assert own[0].examples or not inspect.isfunction(found) or system not in ALL_HAVE_EXAMPLES, name
            examples += own
    for example in examples:
        runner.run(example)
    assert runner.tries and not runner.failures
