"""Simulated traces by coordinates: the analytic explosion, reciprocity, moment tensors, and what is refused."""

from __future__ import annotations

import math

import numpy as np
import pytest

from zoo.errors import ZooError
from zoo.microseismic.physics import elastic, moment_tensor
from zoo.microseismic.physics.elastic_model import ElasticModel
from zoo.microseismic.physics.simulation import simulate
from zoo.training.metrics import relative_error

SPACING_M = (12.5, 12.5, 10.0)
SOURCES_KM = np.array([[0.0625, 0.0375, 0.04], [0.15, 0.05, 0.06], [0.1, 0.0875, 0.03]])
RECEIVERS_KM = np.array([[0.175, 0.175, 0.16], [0.05, 0.1625, 0.15]])
DURATION_S = 0.24
VP_M_S, DENSITY_KG_M3 = 2500.0, 2200.0


@pytest.fixture(scope="module")
def rock() -> ElasticModel:
    return ElasticModel(*(np.full((20, 20, 20), value) for value in (VP_M_S, 1300.0, DENSITY_KG_M3)), SPACING_M)


@pytest.fixture(scope="module")
def traces(rock) -> np.ndarray:
    return simulate(SOURCES_KM, rock, RECEIVERS_KM, duration_s=DURATION_S)


def test_explosions_are_those_of_the_closed_form(rock, traces):
    """Pressure of 1 m^3 injected in a homogeneous medium: K^2 V''(t - r / vp) / (4 pi density vp^4 r)."""
    assert traces.shape == (3, 2, 61) and traces.dtype == np.float32
    steepest = math.exp(-0.5) / (0.014**2 * math.sqrt(2 * math.pi))
    time_s = np.arange(61) / 250
    for source, pair in zip(SOURCES_KM, traces, strict=True):
        for receiver, trace in zip(RECEIVERS_KM, pair, strict=True):
            distance_m = 1000 * np.linalg.norm(receiver - source)
            pulse = steepest * elastic.gaussian_derivative(time_s - distance_m / VP_M_S)
            expected = rock.bulk_modulus_pa[0, 0, 0] ** 2 * pulse
            expected /= 4 * math.pi * DENSITY_KG_M3 * VP_M_S**4 * distance_m
            assert relative_error(trace, expected) < 0.015


def test_fewer_sources_than_receivers_and_coordinates_rounded_to_a_metre_give_the_same_traces(rock, traces):
    rounded = SOURCES_KM[:1].round(3)
    assert np.any(rounded != SOURCES_KM[:1])
    assert relative_error(simulate(rounded, rock, RECEIVERS_KM, duration_s=DURATION_S), traces[:1]) < 1e-5


@pytest.mark.long
def test_moment_tensors_by_reciprocity_and_directly(rock):
    tensors = 1e10 * moment_tensor.draw("double couple", 3, np.random.default_rng(0))
    options = {"duration_s": DURATION_S, "sampling_rate_hz": 200.0}
    found = simulate(SOURCES_KM, rock, RECEIVERS_KM, tensors, **options)
    assert found.shape == (3, 2, 49) and found.dtype == np.float32 and np.abs(found).max() > 100
    direct = simulate(SOURCES_KM[:1], rock, RECEIVERS_KM, tensors[:1], **options)
    assert relative_error(found[:1], direct) < 1e-5


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"coordinates_km": [[0.08, 0.1, 0.08]], "moment_tensors_n_m": np.ones((1, 6))}, "lies on a node; received"),
        ({"receivers_km": [[0.1, 0.1, 0.5]]}, r"receiver at \(0.1, 0.1, 0.5\) km is outside the velocity model"),
        ({"coordinates_km": [0.1, 0.1, 0.1]}, r"sources have shape \(3,\)"),
        ({"moment_tensors_n_m": np.ones((2, 6))}, r"\(2, 6\); expected \(n, 6\) for 3 sources"),
        ({"sampling_rate_hz": 0.0}, "expected a positive number"),
        ({"pulse_sigma_s": 0.003}, "too coarse"),
    ],
)  # fmt: skip
def test_what_cannot_be_simulated_is_refused(rock, changes, message):
    with pytest.raises(ZooError, match=message):
        simulate(**{"coordinates_km": SOURCES_KM, "model": rock, "receivers_km": RECEIVERS_KM} | changes)
