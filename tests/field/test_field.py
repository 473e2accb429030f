"""Projection, travel times, and readers of picks, stations and layers, against ObsPy and an eikonal solver."""

from __future__ import annotations

import doctest
import importlib
from pathlib import Path

import numpy as np
import obspy
import pytest
from obspy.geodetics import gps2dist_azimuth

from zoo.errors import ZooError
from zoo.field.layers import Layers, read_layers
from zoo.field.picks import read_picks
from zoo.field.projection import LocalProjection
from zoo.field.stations import read_stations
from zoo.field.travel_times import travel_times


@pytest.mark.parametrize(
    "module",
    [
        "projection",
        "text_tables",
        "layers",
        "travel_times",
        "stations",
        "picks",
        "pick_files",
        "nonlinloc",
        "station_files",
    ],
)
def test_examples_run(module, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert doctest.testmod(importlib.import_module(f"zoo.field.{module}")).failed == 0


@pytest.mark.parametrize(
    "centre", [(13.2, 42.8), (179.9, 75.0), (-179.5, -60.0), (30.0, 89.9), (0.0, 90.0), (10.0, -90.0), (0.0, 0.0)]
)
def test_projection_keeps_geodesics(centre):
    projection = LocalProjection(*centre)
    x, y = np.array([50.0, 1000.0, -150.0, 0.0]), np.array([30.0, -20.0, 100.0, 0.0])
    lon, lat = projection.inverse(x, y)
    assert np.abs(np.array(projection.forward(lon, lat)) - [x, y]).max() < 1e-9
    for i in range(3):
        distance_m, azimuth, _ = gps2dist_azimuth(centre[1], centre[0], lat[i], lon[i])
        angle = np.radians(azimuth)
        assert np.allclose(
            [np.sin(angle) * distance_m, np.cos(angle) * distance_m], [1e3 * x[i], 1e3 * y[i]], atol=0.01
        )


EARTH = Layers(
    np.array([-3.0, 0.0, 4.0, 7.0, 20.0]), np.array([4.0, 5.0, 4.6, 6.2, 7.5]), np.array([2.2, 2.9, 2.6, 3.5, 4.2])
)


@pytest.mark.parametrize("linear", [False, True])
@pytest.mark.parametrize("phase", ["P", "S"])
def test_travel_times_are_those_of_the_eikonal_equation(phase, linear):
    """With a layer of low speed, head waves, and a station on a mountain."""
    skfmm = pytest.importorskip("skfmm")
    earth = Layers(EARTH.depth_km, EARTH.vp_km_s, EARTH.vs_km_s, linear)
    height, step = 1.2, 0.1
    r, z = np.arange(0, 80, step), np.arange(-3, 30, step)
    start = 0.3
    contour = np.hypot(r[np.newaxis], z[:, np.newaxis] + height) - start
    speed = np.repeat(earth.speeds(z + 1e-9, phase)[:, np.newaxis], len(r), 1)
    times = skfmm.travel_time(contour, speed, dx=step) + start / earth.speeds(-height, phase)
    rows, columns = np.arange(20, len(z), 7), np.arange(5, len(r), 13)
    places = np.stack(np.meshgrid(r[columns], [0.0], z[rows], indexing="ij"), axis=-1).reshape(-1, 3)
    tables = travel_times(earth, np.array([[0.0, 0.0, -height]]), reach_km=80, bottom_km=30, top_km=-2)
    found = tables.times(places)[:, "PS".index(phase), 0].reshape(len(columns), len(rows))
    assert np.abs(found - times[np.ix_(rows, columns)].T).max() < 0.06
    assert np.abs(found - times[np.ix_(rows, columns)].T).mean() < 0.02  # the solver's own, half with half the step


def test_travel_times_in_one_layer_over_another_are_the_textbook_ones():
    earth = Layers(np.array([0.0, 10.0]), np.array([5.0, 8.0]), np.array([3.0, 4.5]))
    tables = travel_times(earth, np.zeros((1, 3)), reach_km=200, bottom_km=30, step_km=0.25)
    found = tables.times([[150.0, 0.0, 2.0]])[0, 0, 0]
    angle = np.arcsin(5 / 8)
    assert found == pytest.approx(150 / 8 + (10 + 8) * np.cos(angle) / 5, abs=1e-3)
    assert tables.times([[6.0, 0.0, 8.0]])[0, 0, 0] == pytest.approx(10 / 5, abs=1e-4)


def test_picks_of_several_makers(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = {
        "zoo": "network,station,location,channel,phase,time,probability,polarity,amplitude,amplitude_unit,"
        "uncertainty_s\nIV,ARRO,,HHZ,P,2016-10-14T00:00:01.500000Z,0.9,up,,,\n",
        "phasenet": "station_id,begin_time,phase_index,phase_time,phase_score,phase_type\n"
        "IV.ARRO..HH,2016-10-14T00:00:00.000,150,2016-10-14T00:00:01.500,0.9,P\n",
        "seisbench": "trace_id,start_time,end_time,peak_time,peak_value,phase\n"
        "IV.ARRO.,2016-10-14 00:00:01.3,2016-10-14 00:00:01.7,2016-10-14 00:00:01.5,0.9,P\n",
        "gamma": "id,timestamp,type,prob,amp\nIV.ARRO.,2016-10-14T02:00:01.5+02:00,p,0.9,0.1\n",
    }
    for name, text in rows.items():
        Path(f"{name}.csv").write_text(text)
        picks = read_picks(f"{name}.csv")
        assert picks.phase.tolist() == ["P"] and picks.probability.tolist() == [0.9], name
        assert picks.time_s.tolist() == [1476403201.5] and picks.station[0].startswith("IV.ARRO"), name


def test_nonlinloc_and_quakeml_files_of_obspy():
    folder = Path(obspy.__file__).parent / "io" / "nlloc" / "tests" / "data"
    if not folder.is_dir():
        pytest.skip("ObsPy was installed without its test files")
    picks = read_picks(folder / "nlloc.obs")
    row = [(s, p) for s, p in zip(picks.station, picks.phase, strict=True)].index(("UH2", "P"))
    assert len(picks) == 8 and picks.uncertainty_s[row] == 0.03
    assert picks.time_s[row] == pytest.approx(obspy.UTCDateTime(2010, 5, 27, 16, 56, 26.04).timestamp, abs=1e-4)
    events = obspy.read_events(str(folder / "nlloc.qml"))
    read = read_picks(folder / "nlloc.qml")
    assert sorted(read.time_s) == pytest.approx(sorted(p.time.timestamp for e in events for p in e.picks), abs=1e-4)


def test_stations_of_an_inventory_and_of_nonlinloc(tmp_path):
    inventory = obspy.read_inventory()
    inventory.write(str(tmp_path / "stations.xml"), "STATIONXML")
    stations = read_stations(tmp_path / "stations.xml")
    assert set(stations.codes) == {f"{net.code}.{sta.code}" for net in inventory for sta in net}
    (tmp_path / "lines.txt").write_text(
        "GTSRCE AAA LATLON 42.5 13.25 0.0 1.2\nGTSRCE BBB LATLONDM 42 30.0 S 13 15.0 W 0.1 0.0\n"
    )
    lines = read_stations(tmp_path / "lines.txt")
    assert lines.latitude_deg.tolist() == [42.5, -42.5] and lines.longitude_deg.tolist() == [13.25, -13.25]
    assert lines.elevation_m.tolist() == [1200.0, -100.0]


def test_bad_input_is_a_sentence(tmp_path):
    for name, text, reader, message in (
        ("p.csv", "station,phase,time\nA,P,yesterday\n", read_picks, "row 2.*'yesterday' is no time"),
        ("p.csv", "station,phase\nA,P\n", read_picks, "no column for the time"),
        ("s.csv", "station,latitude,longitude\nA,1,2\n", read_stations, "no column for the elevation"),
        ("s.csv", "station,latitude,longitude,elevation\nA,95,2,0\n", read_stations, "latitude 95"),
        ("v.csv", "depth,vp,vs\n0,5,3\n0,6,3\n", read_layers, "increase"),
        ("v.csv", "depth,vp,vs\n0,5,6\n", read_layers, "0 < vs < vp"),
    ):
        (tmp_path / name).write_text(text)
        with pytest.raises(ZooError, match=message):
            reader(tmp_path / name)
