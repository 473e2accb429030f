"""What `zoo.fwi` offers: every name is there whatever was imported before, importing it is light, examples run."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
import subprocess
import sys

import pytest

from zoo import fwi
from zoo.fwi.physics import acoustic, velocity_models


def test_the_names_are_what_they_say_whatever_was_imported_before():
    for module in pkgutil.walk_packages(fwi.__path__, "zoo.fwi."):
        importlib.import_module(module.name)
    assert 5 <= len(fwi.__all__) <= 12 and set(fwi.__all__) <= set(dir(fwi))
    for name in fwi.__all__:
        assert callable(getattr(fwi, name)) and getattr(fwi, name).__name__ == name
        assert getattr(fwi, name).__doc__
    with pytest.raises(AttributeError, match="'zoo.fwi' has no attribute 'inverts'"):
        _ = fwi.inverts


def test_importing_it_is_light():
    script = """
import sys
from zoo.fwi import Settings, Shots, Survey, VelocityModel, invert, read_model, read_shots, ricker, simulate
print([name for name in ("keras", "numba", "tensorflow") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("module", [acoustic, velocity_models], ids=lambda module: module.__name__)
def test_examples_in_docstrings(module):
    found = doctest.testmod(module)
    assert found.attempted and not found.failed
