"""The face of the system: light to import, and every name is what it says, whatever was imported before."""

from __future__ import annotations

import doctest
import subprocess
import sys

import zoo.crust
from zoo.crust import crust_map, inversion, maps, names, posterior, profiles, tables
from zoo.crust.physics import earth, love, modes, prior, rayleigh, sensitivity

LIGHT = """
import sys
import zoo.crust

heavy = {"tensorflow", "keras", "numba", "scipy"} & set(sys.modules)
assert not heavy, heavy
zoo.crust.prem
assert not {"tensorflow", "keras"} & set(sys.modules)
"""


def test_importing_the_face_imports_nothing_heavy():
    done = subprocess.run([sys.executable, "-c", LIGHT], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_every_name_of_the_face_is_its_own():
    for name in zoo.crust.__all__:
        found = getattr(zoo.crust, name)
        assert callable(found) and found.__name__ == name and name in dir(zoo.crust)
    assert zoo.crust.invert is inversion.invert


def test_examples_in_docstrings_run():
    solvers = earth, love, modes, prior, rayleigh, sensitivity
    for module in (zoo.crust, crust_map, maps, names, posterior, profiles, tables, *solvers):
        found = doctest.testmod(module)
        assert found.attempted and not found.failed, module.__name__
