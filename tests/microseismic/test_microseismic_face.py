"""The face of the system: lazy, unambiguous, and with examples that run."""

from __future__ import annotations

import doctest
import importlib
import subprocess
import sys

import pytest

from zoo import microseismic


def test_names_are_the_functions_whatever_was_imported_before():
    for name, module in microseismic._FACE.items():
        defined = getattr(importlib.import_module(module), name)
        assert getattr(microseismic, name) is defined
        assert defined.__module__ == module and defined.__doc__
    assert set(microseismic.__all__) <= set(dir(microseismic))
    with pytest.raises(AttributeError, match="no attribute 'locatee'"):
        microseismic.locatee  # noqa: B018


def test_importing_it_imports_no_heavy_library():
    code = (
        "import sys, zoo.microseismic; "
        "print(sorted({'tensorflow', 'keras', 'numba', 'scipy', 'obspy'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "[]"


@pytest.mark.parametrize(
    "module",
    [
        "location.noise",
        "location.picks",
        "models.trace_alignment",
        "physics.coordinates",
        "physics.design",
        "physics.elastic_checks",
        "physics.elastic_model",
        "physics.marine",
        "physics.moment_tensor",
    ],
)
def test_examples_run(module):
    failed, tried = doctest.testmod(importlib.import_module(f"zoo.microseismic.{module}"))
    assert tried > 0 and failed == 0
