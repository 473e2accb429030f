"""Examples in docstrings beside those of the face, which tests/test_faces.py runs."""

from __future__ import annotations

import doctest
import importlib

import pytest


@pytest.mark.parametrize(
    "module",
    [
        "location.noise",
        "location.observation",
        "location.picks",
        "location.trace_files",
        "location.travel_time_fields",
        "models.trace_alignment",
        "physics.coordinates",
        "physics.design",
        "physics.elastic_checks",
        "physics.elastic_model",
        "physics.marine",
        "physics.moment_tensor",
    ],
)
def test_the_examples_of_the_face_run(module):
    if module == "location.travel_time_fields":
        pytest.importorskip("skfmm")
    failed, tried = doctest.testmod(importlib.import_module(f"zoo.microseismic.{module}"))
    assert tried > 0 and failed == 0
