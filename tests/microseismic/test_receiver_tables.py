"""Receivers by latitude, longitude and elevation: placed in an earth model, and found again by an emulator."""

from __future__ import annotations

import numpy as np
import pytest
from analytic_medium import HomogeneousMedium

from zoo.errors import ZooError
from zoo.field.projection import LocalProjection
from zoo.microseismic.location.observation import Observation, match
from zoo.microseismic.location.receiver_tables import read_receiver_table

OFFSETS_KM = np.array([[0.0, 0.1], [0.4, 0.0], [0.1, 0.5], [0.6, 0.6]])
ELEVATIONS_M = np.array([850.0, 860.0, 845.0, 870.0])
CENTRE = LocalProjection(10.5, 46.8)


@pytest.fixture
def path(tmp_path):
    longitude, latitude = CENTRE.inverse(*OFFSETS_KM.T)
    rows = [f"S{k},{latitude[k]:.7f},{longitude[k]:.7f},{ELEVATIONS_M[k]}" for k in range(4)]
    path = tmp_path / "stations.csv"
    path.write_text("\n".join(["station,latitude,longitude,elevation_m", *rows]) + "\n")
    return path


def test_degrees_are_placed_in_the_earth_model(path):
    table = read_receiver_table(path)
    assert table.stations == ("S0", "S1", "S2", "S3")
    placed = table.placed(top_km=1.2, surface_elevation_m=900.0)
    np.testing.assert_allclose(placed[:, :2], OFFSETS_KM + 0.2, atol=1e-4)
    np.testing.assert_allclose(placed[:, 2], 1.2 - 0.9 + ELEVATIONS_M / 1000)


def test_some_of_the_stations_in_another_order_are_the_emulators(path):
    table = read_receiver_table(path)
    model = HomogeneousMedium(table.placed(1.2, 900.0))
    recorded = [2, 0, 3]
    event = Observation(np.ones((3, 501)), 250.0, table.coordinates_km[recorded], table=table)
    matched = match(event, model)
    assert matched.receivers == (0, 2, 3)
    # The place of a receiver, in the earth model, is where the file says.
    latitude, longitude, elevation_m = matched.degrees(model.receivers_km[3])
    x, y = CENTRE.forward(longitude, latitude)
    np.testing.assert_allclose([x, y], OFFSETS_KM[3], atol=1e-4)
    assert abs(elevation_m - 870.0) < 0.1
    assert "elevation 870 m" in matched.remarks(model.receivers_km[3])[0]


def test_stations_that_lie_otherwise_are_refused(path):
    table = read_receiver_table(path)
    with pytest.raises(ZooError, match="do not lie like those of the emulator"):
        table.shift_to(table.coordinates_km * [1.0, 1.2, 1.0])
    # Two of a regular grid may be any two.
    grid = np.array([[x, y, 1.0] for x in (0.2, 0.4) for y in (0.2, 0.4)])
    path.write_text("station,latitude,longitude,elevation_m\nA,46.8,10.5,100\nB,46.8017996,10.5,100\n")
    with pytest.raises(ZooError, match="with all its receivers"):
        read_receiver_table(path).shift_to(grid)


def test_metres_and_names_that_are_missing(tmp_path):
    path = tmp_path / "r.csv"
    path.write_text("x_m,y_m,z_m\n200,300,1150\n")
    table = read_receiver_table(path)
    assert table.stations == () and table.projection is None
    np.testing.assert_allclose(table.coordinates_km, [[0.2, 0.3, 1.15]])
    path.write_text("station,x_km,y_km,z_km\nA,1,2,3\nA,1,2,4\n")
    with pytest.raises(ZooError, match="Line 3 .* repeats station 'A'"):
        read_receiver_table(path)
    with pytest.raises(ZooError, match="Cannot read the receiver file"):
        read_receiver_table(tmp_path / "absent.csv")
