"""What `zoo.fwi` offers: data can be read and described without Keras, and examples run (see tests/test_faces.py)."""

from __future__ import annotations

import doctest
import subprocess
import sys

import pytest

from zoo.fwi.physics import acoustic, velocity_models


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
