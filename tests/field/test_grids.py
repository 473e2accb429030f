"""Three-dimensional earths: their files, and travel times in them against those of layers and closed forms."""

from __future__ import annotations

import doctest
import importlib

import numpy as np
import pytest

from zoo.errors import ZooError
from zoo.field.grid_files import read_earth
from zoo.field.grid_times import earth_times, outside
from zoo.field.layers import Layers
from zoo.field.projection import LocalProjection
from zoo.field.speed_grid import SpeedGrid

HERE = LocalProjection(13.2, 42.8)
LOW_KM, HIGH_KM = np.array([-25.0, -25.0, 0.0]), np.array([25.0, 25.0, 20.0])
STATIONS_KM = np.array([[-10.0, 5.0, -1.0], [3.3, -7.1, -0.2]])


@pytest.mark.parametrize("module", ["speed_grid", "grid_files", "grid_times"])
def test_examples_run(module, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert doctest.testmod(importlib.import_module(f"zoo.field.{module}")).failed == 0


def places(rng, count=300):
    return np.column_stack([rng.uniform(LOW_KM[i] + 1, HIGH_KM[i] - 1, count) for i in range(3)])


def test_times_in_a_grid_are_those_of_the_same_layers():
    pytest.importorskip("skfmm")
    earth = Layers(np.array([-2.0, 25.0]), np.array([4.5, 7.2]), np.array([2.6, 4.1]), linear=True)
    x = np.linspace(-40, 40, 9)
    depth = np.linspace(-2, 25, 28)
    vp, vs = (np.broadcast_to(earth.speeds(depth, p), (9, 9, 28)) for p in "PS")
    grid = SpeedGrid(x, x, depth, vp, vs, HERE)
    found = earth_times(grid, HERE, STATIONS_KM, LOW_KM, HIGH_KM)
    where = places(np.random.default_rng(0))
    expected = earth_times(earth, HERE, STATIONS_KM, LOW_KM, HIGH_KM).times(where)
    assert found.slowness_s_km.ndim == 4 and found.bottom_km >= 20
    assert np.abs(found.times(where) - expected).max() < 0.02
    assert outside(grid, HERE, LOW_KM, HIGH_KM) == 0.0
    assert outside(grid, HERE, LOW_KM * 2, HIGH_KM * 2) > 0.2


def test_times_where_speed_grows_to_the_east_are_the_closed_ones():
    pytest.importorskip("skfmm")
    x = np.linspace(-30, 30, 61)
    y, z = np.linspace(-30, 30, 7), np.linspace(-2, 22, 7)
    gradient = 0.03
    vp = np.broadcast_to((6.0 + gradient * x)[:, None, None], (61, 7, 7))
    tables = earth_times(SpeedGrid(x, y, z, vp, vp / 1.8, HERE), HERE, STATIONS_KM, LOW_KM, HIGH_KM)
    where = places(np.random.default_rng(1))
    for s, station in enumerate(STATIONS_KM):
        squared = np.sum((where - station) ** 2, axis=1)
        speeds = (6.0 + gradient * station[0]) * (6.0 + gradient * where[:, 0])
        true = np.arccosh(1 + gradient**2 * squared / (2 * speeds)) / gradient
        assert np.abs(tables.times(where)[:, 0, s] - true).max() < 0.01
        assert np.abs(tables.times(where)[:, 1, s] - 1.8 * true).max() < 0.02


def model():
    longitude, latitude, depth = np.linspace(12.5, 14, 4), np.linspace(42, 43.5, 5), np.array([-3.0, 0.0, 10.0])
    vp = 5.0 + np.arange(60).reshape(4, 5, 3) / 50
    return longitude, latitude, depth, vp, vp / 1.8


def test_npz_in_degrees_and_in_kilometres(tmp_path):
    longitude, latitude, depth, vp, vs = model()
    path = tmp_path / "m.npz"
    axes = {"longitude_deg": longitude, "latitude_deg": latitude[::-1], "depth_m": depth * 1000}
    np.savez(path, **axes, vp_m_s=1000 * vp[:, ::-1], vs_km_s=vs[:, ::-1])
    grid = read_earth(path)
    assert np.allclose(grid.vp_km_s, vp) and np.allclose(grid.vs_km_s, vs) and np.allclose(grid.depth_km, depth)
    assert grid.speeds(longitude[1] + 360, latitude[2], depth[1], "P") == pytest.approx(vp[1, 2, 1])
    np.savez(path, x_km=[-10, 0, 10, 20], y_km=[-10, 0, 10, 20, 30], longitude_deg=13.2, latitude_deg=42.8,
             depth_km=depth, vp_km_s=vp)  # fmt: skip
    grid = read_earth(path, vp_vs=2.0)
    lon, lat = HERE.inverse(10.0, -10.0)
    assert grid.speeds(lon, lat, 0.0, "S") == pytest.approx(vp[2, 0, 1] / 2) and "vp / 2" in grid.notes[0]


def test_netcdf_of_both_kinds_in_any_order(tmp_path):
    import h5py
    from scipy.io import netcdf_file

    longitude, latitude, depth, vp, vs = model()
    axes = {"depth": depth, "latitude": latitude, "longitude": longitude}
    with netcdf_file(tmp_path / "m.nc", "w") as file:
        for name, values in axes.items():
            file.createDimension(name, len(values))
            file.createVariable(name, "f8", (name,))[:] = values
        for name, values in (("vp", vp), ("vs", vs)):
            file.createVariable(name, "f8", tuple(axes))[:] = values.T
    with h5py.File(tmp_path / "m.nc4", "w") as file:
        for name, values in axes.items():
            file[name] = values
            file[name].make_scale(name)
        for name, values in (("vp", vp), ("vs", vs)):
            file[name] = 1000 * values.T
            file[name].attrs["units"] = "m/s"
            for i, axis in enumerate(axes):
                file[name].dims[i].attach_scale(file[axis])
        file["vp"][0, 0, 0] = np.nan
    for name in ("m.nc", "m.nc4"):
        grid = read_earth(tmp_path / name)
        assert np.allclose(grid.vp_km_s.ravel()[1:], vp.ravel()[1:], atol=0.1), name
        assert np.allclose(grid.vs_km_s, vs) and grid.vp_km_s.shape == (4, 5, 3), name
    assert "1 of 60 nodes are missing" in grid.notes[0]


@pytest.mark.parametrize("kind, turn", [("SLOW_LEN", lambda v: 2.0 / v), ("VELOCITY", lambda v: v)])
def test_grids_of_nonlinloc(tmp_path, kind, turn):
    vp = 5.0 + np.arange(60).reshape(4, 5, 3) / 50
    for phase, values in (("P", vp), ("S", vp / 1.8)):
        header = (
            f"4 5 3  -3.0 -4.0 -1.0  2.0 2.0 2.0 {kind} FLOAT\nTRANSFORM  SIMPLE LatOrig 42.8  LongOrig 13.2  RotCW 0"
        )
        (tmp_path / f"layer.{phase}.mod.hdr").write_text(header + "\n")
        turn(values).astype("<f4").tofile(tmp_path / f"layer.{phase}.mod.buf")
    grid = read_earth(tmp_path / "layer.P.mod.hdr")
    assert np.allclose(grid.vp_km_s, vp, rtol=1e-6) and np.allclose(grid.vs_km_s, vp / 1.8, rtol=1e-6)
    assert grid.speeds(*grid.projection.inverse(1.0, 2.0), 1.0, "P") == pytest.approx(vp[2, 3, 1], rel=1e-4)
    flat = np.broadcast_to([4.0, 5.0, 6.0], (2, 5, 3))
    (tmp_path / "flat.P.mod.hdr").write_text(f"2 5 3  0 0 -1.0  2.0 2.0 2.0 {kind} FLOAT\nTRANSFORM NONE\n")
    turn(flat).astype("<f4").tofile(tmp_path / "flat.P.mod.buf")
    layers = read_earth(tmp_path / "flat.P.mod.hdr")
    assert isinstance(layers, Layers) and np.allclose(layers.vp_km_s, [4, 5, 6]) and "no vs" in layers.notes[0]


def test_grids_that_cannot_be(tmp_path):
    longitude, latitude, depth, vp, vs = model()
    path = tmp_path / "m.npz"
    for changes, message in (
        ({"vp_km_s": vp[:3]}, "vp has shape"),
        ({"vp_km_s": 1000 * vp}, "has vp 5000 .* expected"),
        ({"vs_km_s": vp + 1}, "Node \\(0, 0, 0\\) .* vs < vp"),
        ({"depth_km": depth * 1000}, "goes to 10000; expected km"),
        ({"depth_km": None}, "has no depth. It has"),
        ({"vp_km_s": None, "vs_km_s": None}, "neither vp_km_s nor vs_km_s"),
    ):
        arrays = {"longitude_deg": longitude, "latitude_deg": latitude, "depth_km": depth, "vp_km_s": vp, "vs_km_s": vs}
        np.savez(path, **{k: v for k, v in (arrays | changes).items() if v is not None})
        with pytest.raises(ZooError, match=message):
            read_earth(path)
    (tmp_path / "a.P.mod.hdr").write_text("4 5 3 0 0 0 1 1 1 TIME FLOAT\n")
    np.zeros(60, "<f4").tofile(tmp_path / "a.P.mod.buf")
    with pytest.raises(ZooError, match="is a grid of TIME; expected a model grid"):
        read_earth(tmp_path / "a.P.mod.hdr")
