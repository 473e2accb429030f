"""The face of the system: every name is there whatever was imported before, and looking at it costs nothing."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest

from zoo import seismicity

MODULES = ("anomalies", "catalogues", "grid", "places", "region", "report", "scan", "windows", "physics.sequences")
LOOK = """
import sys
from zoo import seismicity

assert len(dir(seismicity)) > len(seismicity.__all__)
heavy = {"tensorflow", "keras", "numba", "matplotlib", "scipy"} & set(sys.modules)
assert not heavy, heavy
"""


@pytest.mark.parametrize("name", seismicity.__all__)
def test_a_name_is_that_of_its_module(name):
    for module in MODULES:
        importlib.import_module(f"zoo.seismicity.{module}")
    assert getattr(seismicity, name) is getattr(importlib.import_module(seismicity._FACE[name]), name)


def test_other_names_are_refused():
    with pytest.raises(AttributeError, match="no attribute 'find_anomaly'"):
        seismicity.find_anomaly  # noqa: B018


def test_importing_the_face_imports_nothing_heavy():
    subprocess.run([sys.executable, "-c", LOOK], check=True)
