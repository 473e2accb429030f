"""First-arrival times against closed forms: homogeneous, constant gradient, head wave; and between the engines."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from zoo.errors import UsageError, ZooError
from zoo.field import eikonal
from zoo.field.eikonal import node_times, receiver_times
from zoo.microseismic.physics.marine import marine_model

pytest.importorskip("skfmm")

SHAPE, SPACING_M = (41, 37, 61), (12.5, 12.5, 10.0)
SOURCES_M = [(250.0, 225.0, 300.0), (131.3, 377.7, 204.2), (0.0, 0.0, 600.0)]  # a node, off the nodes, a corner


@pytest.fixture(params=eikonal.ENGINES)
def engine(request):
    if request.param == "pykonal":
        pytest.importorskip("pykonal")
    return request.param


def nodes_m():
    return np.stack(np.meshgrid(*[np.arange(n) * d for n, d in zip(SHAPE, SPACING_M, strict=True)], indexing="ij"), -1)


@pytest.mark.parametrize("source_m", SOURCES_M)
def test_homogeneous(engine, source_m):
    times = node_times(np.full(SHAPE, 2000.0), SPACING_M, source_m, engine)
    assert times.dtype == np.float32 and times.shape == SHAPE
    truth = np.linalg.norm(nodes_m() - source_m, axis=-1) / 2000.0
    assert np.abs(times - truth).max() < 0.4e-3


@pytest.mark.parametrize("source_m", SOURCES_M)
def test_constant_gradient(engine, source_m):
    speed = 2500.0 - 1.5 * nodes_m()[..., 2]
    at_source = 2500.0 - 1.5 * source_m[2]
    distance = np.linalg.norm(nodes_m() - source_m, axis=-1)
    truth = np.arccosh(1 + (1.5 * distance) ** 2 / (2 * at_source * speed)) / 1.5
    assert np.abs(node_times(speed, SPACING_M, source_m, engine) - truth).max() < 0.5e-3


def test_head_wave(engine):
    """Far along a slow layer, the wave that dived into the fast rock below is first."""
    shape, spacing = (121, 21, 31), (10.0, 10.0, 10.0)
    speed = np.full(shape, 1500.0)
    speed[:, :, :15] = 3000.0
    times = node_times(speed, spacing, (0.0, 100.0, 250.0), engine)
    offset = np.arange(121) * 10.0
    height = 105.0  # the boundary is between two nodes
    head = offset / 3000.0 + 2 * height * np.sqrt(1 / 1500.0**2 - 1 / 3000.0**2)
    truth = np.minimum(offset / 1500.0, head)
    assert head[-1] < 0.7 * offset[-1] / 1500.0
    np.testing.assert_allclose(times[:, 10, 25], truth, atol=3e-3)


def test_reciprocity_and_engines_in_the_marine_earth(engine):
    model = marine_model(spacing_m=(25.0, 25.0, 30.0))
    nodes = [(20, 20, 81), (3, 36, 10)]
    there, back = (
        node_times(model.vp_m_s, model.spacing_m, np.array(node) * model.spacing_m, engine) for node in nodes
    )
    assert abs(there[nodes[1]] - back[nodes[0]]) < 1e-3
    other = node_times(model.vp_m_s, model.spacing_m, np.array(nodes[0]) * model.spacing_m, "fmm")
    assert np.abs(there - other).max() < 2e-3


def test_cache_serves_the_same_medium_only(tmp_path, monkeypatch):
    monkeypatch.setenv("ZOO_CACHE", str(tmp_path))
    speed, receivers_m = np.full((12, 12, 12), 2000.0), [(0.0, 0.0, 0.0), (50.0, 60.0, 70.0)]
    first = receiver_times(speed, (10.0, 10.0, 10.0), receivers_m)
    assert first.shape == (2, 12, 12, 12)
    np.testing.assert_array_equal(first[1], node_times(speed, (10.0, 10.0, 10.0), receivers_m[1]))
    faster = receiver_times(2 * speed, (10.0, 10.0, 10.0), receivers_m)
    np.testing.assert_allclose(faster, first / 2, rtol=1e-5)

    def refuse(*args):
        raise AssertionError("computed again")

    monkeypatch.setattr(eikonal, "node_times", refuse)
    np.testing.assert_array_equal(receiver_times(speed, (10.0, 10.0, 10.0), receivers_m[::-1]), first[::-1])
    with pytest.raises(AssertionError, match="again"):
        receiver_times(speed, (10.0, 10.0, 11.0), receivers_m)
    damaged = next((tmp_path / "travel_times").iterdir())
    for path in (tmp_path / "travel_times").iterdir():
        path.write_bytes(damaged.read_bytes()[:500])
    with pytest.raises(AssertionError, match="again"):  # damaged ones count as absent
        receiver_times(speed, (10.0, 10.0, 10.0), receivers_m)
    monkeypatch.undo()
    monkeypatch.setenv("ZOO_CACHE", str(tmp_path))
    np.testing.assert_array_equal(receiver_times(speed, (10.0, 10.0, 10.0), receivers_m), first)
    monkeypatch.setattr(eikonal, "node_times", refuse)
    np.testing.assert_array_equal(receiver_times(speed, (10.0, 10.0, 10.0), receivers_m), first)


def test_unusable_input_is_refused(monkeypatch):
    speed = np.full((8, 8, 8), 2000.0)
    with pytest.raises(UsageError, match="pykonal"):
        node_times(speed, (1, 1, 1), (0, 0, 0), "pykonl")
    with pytest.raises(ZooError, match="outside the model"):
        node_times(speed, (1, 1, 1), (0, 0, 7.5))
    with pytest.raises(ZooError, match=r"speed_m_s\[1, 2, 3\] is 0"):
        node_times(np.where(np.arange(512).reshape(8, 8, 8) == 64 + 16 + 3, 0.0, speed), (1, 1, 1), (0, 0, 0))
    with pytest.raises(ZooError, match="at least 4 nodes"):
        node_times(speed[:3], (1, 1, 1), (0, 0, 0))
    with pytest.raises(ZooError, match="three positive"):
        node_times(speed, (1, 1), (0, 0, 0))
    for engine, module, extra in (("fmm", "skfmm", "eikonal"), ("pykonal", "pykonal", "gpl")):
        monkeypatch.setitem(sys.modules, module, None)
        with pytest.raises(ZooError, match=rf"seismic-zoo\[{extra}\]"):
            node_times(speed, (1, 1, 1), (0, 0, 0), engine)


def test_small_grids():
    """Smaller than the ball of straight rays would be."""
    speed = np.full((4, 5, 6), 2000.0)
    axes = np.meshgrid(*[np.arange(n) * 10.0 for n in speed.shape], indexing="ij")
    for source_m in ((15.0, 20.0, 25.0), (0.0, 0.0, 0.0), (30.0, 3.0, 50.0)):
        distance = np.sqrt(sum((axis - s) ** 2 for axis, s in zip(axes, source_m, strict=True)))
        np.testing.assert_allclose(node_times(speed, (10.0,) * 3, source_m), distance / 2000.0, atol=1e-3)
