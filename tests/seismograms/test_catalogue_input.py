"""`zoo catalogue` on what people really bring: bad input told in a sentence, and events that are known already."""

from __future__ import annotations

import csv
import doctest
import importlib
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import obspy
import pytest

from zoo.cli import main
from zoo.errors import ZooError
from zoo.field.layers import Layers
from zoo.field.picks import PickTable, read_picks
from zoo.field.projection import LocalProjection
from zoo.field.stations import Stations
from zoo.field.travel_times import travel_times
from zoo.seismograms.association.associate import associate
from zoo.seismograms.association.catalogue import EventCatalogue, make_catalogue
from zoo.seismograms.association.doubts import doubts
from zoo.seismograms.association.exchange import hypodd, nonlinloc
from zoo.seismograms.association.known import keep_events
from zoo.seismograms.association.locate import locate
from zoo.seismograms.association.magnitude import relative_magnitudes

EARTH = Layers(np.array([0.0, 5.0]), np.array([5.0, 6.2]), np.array([2.9, 3.6]))
LAYERS = "depth_km,vp,vs\n0,5.0,2.9\n5,6.2,3.6\n"
START_S = 1.5e9


def network(count: int = 8) -> Stations:
    rng = np.random.default_rng(3)
    longitude, latitude = LocalProjection(13.2, 42.8).inverse(*rng.uniform(-30, 30, (2, count)))
    return Stations(tuple(f"XX.S{i}" for i in range(count)), longitude, latitude, rng.uniform(0, 1200, count))


def picks_of(stations: Stations, place_km, origin_s, sd_s: float = 0.02, seed: int = 0) -> PickTable:
    """P and S of events at all stations, with errors."""
    rng = np.random.default_rng(seed)
    projection = LocalProjection.around(stations.longitude_deg, stations.latitude_deg)
    times = travel_times(EARTH, stations.place_km(projection), 150, 30).times(place_km)
    rows = [
        (stations.codes[s], "PS"[p], origin_s[e] + times[e, p, s] + sd_s * rng.normal(), e)
        for e, p, s in np.ndindex(times.shape)
    ]
    codes, phases, times_s, events = zip(*rows, strict=True)
    return PickTable(codes, np.array(phases), np.array(times_s), event=np.array(events))


def command(folder: Path, picks: PickTable, stations: Stations, *more: str, events: bool = False) -> list[str]:
    times = [f"{np.datetime64(round(t * 1e6), 'us')}Z" for t in picks.time_s]
    rows = zip(picks.station, picks.phase, times, picks.event, strict=True)
    lines = [f"{code},{phase},{time}" + (f",{event}" if events else "") for code, phase, time, event in rows]
    (folder / "picks.csv").write_text("\n".join(["station_id,phase,time" + ",event" * events, *lines]) + "\n")
    rows = zip(stations.codes, stations.latitude_deg, stations.longitude_deg, stations.elevation_m, strict=True)
    lines = [f"{code},{lat},{lon},{height}" for code, lat, lon, height in rows]
    (folder / "stations.csv").write_text("\n".join(["station_id,latitude,longitude,elevation_m", *lines]) + "\n")
    (folder / "layers.csv").write_text(LAYERS)
    names = [str(folder / name) for name in ("picks.csv", "stations.csv", "layers.csv", "made")]
    return ["catalogue", names[0], "--stations", names[1], "--velocity-model", names[2], "--out", names[3], *more]


PLACE = np.array([[3.0, -4.0, 8.0], [-10.0, 6.0, 4.0], [0.0, 12.0, 12.0]])
ORIGIN = START_S + np.array([100.0, 500.0, 501.0])


def empty_but_valid(folder: Path) -> None:
    assert (folder / "events.csv").read_text().count("\n") == 1
    assert len(obspy.read_events(str(folder / "catalogue.xml"))) == 0
    assert json.loads((folder / "summary.json").read_text())["events"] == 0


@pytest.mark.parametrize("module", ["known", "exchange"])
def test_examples_run(module):
    assert doctest.testmod(importlib.import_module(f"zoo.seismograms.association.{module}")).failed == 0


def test_no_pick_at_all_is_an_empty_catalogue(tmp_path, capsys):
    assert main(command(tmp_path, picks_of(network(), PLACE, ORIGIN).select(np.zeros(0, int)), network())) == 0
    said = capsys.readouterr().out
    assert said.startswith("0 events from 0 of 0 picks") and "holds no pick of P or S" in said
    empty_but_valid(tmp_path / "made")


@pytest.mark.parametrize("count", [1, 3])
def test_too_few_stations_for_an_event(tmp_path, capsys, count):
    stations = network(count)
    assert main(command(tmp_path, picks_of(stations, PLACE, ORIGIN), stations)) == 0
    said = capsys.readouterr().out
    assert said.startswith("0 events") and f"picks are of {count} known stations, and an event takes 4 or more" in said
    empty_but_valid(tmp_path / "made")


@pytest.mark.long
def test_picks_thirty_years_apart_take_no_time(tmp_path, capsys):
    stations = network()
    picks = picks_of(stations, PLACE[[0, 0]], START_S + np.array([0.0, -30 * 365.25 * 86400]))
    assert main(command(tmp_path, picks, stations)) == 0
    said = capsys.readouterr().out
    assert said.startswith("2 events from 32 of 32 picks") and "picks span 30 years" in said


def many(stations: Stations, count: int = 15) -> PickTable:
    rng = np.random.default_rng(5)
    places = np.column_stack([rng.uniform(-15, 15, (count, 2)), rng.uniform(3, 12, count)])
    return picks_of(stations, places, START_S + 100.0 * np.arange(count))


@pytest.mark.parametrize(
    "late_s, message", [(0.6, "is their clock right? XX.S2 (+"), (5.0, "1 stations are of events")]
)
def test_a_clock_that_is_late_is_said(late_s, message):
    stations = network()
    picks = many(stations)
    late = picks.time_s + late_s * (np.array(picks.station) == "XX.S2")
    located = locate(associate(PickTable(picks.station, picks.phase, late), stations, EARTH))
    told = doubts(located, associated=False)
    assert [text for text in told if "clock" in text] == ([text for text in told if message in text] if late_s else [])
    assert any("XX.S2" in text for text in told) == (late_s > 0)


def test_latitude_and_longitude_swapped_give_no_event_and_a_hint(tmp_path, capsys):
    stations = network()
    swapped = Stations(stations.codes, stations.latitude_deg, stations.longitude_deg, stations.elevation_m)
    picks = picks_of(stations, PLACE, ORIGIN)
    shift = np.random.default_rng(1).permutation(8)[stations.index(picks.station)] * 7.0  # nothing fits
    picks = PickTable(picks.station, picks.phase, picks.time_s + shift)
    assert main(command(tmp_path, picks, swapped)) == 0
    said = capsys.readouterr().out
    assert said.startswith("0 events") and "are the stations' latitudes and longitudes" in said


def test_stations_of_two_ends_of_the_earth_are_refused(tmp_path, capsys):
    stations = network()
    latitude = np.where(np.arange(8) == 7, -stations.latitude_deg, stations.latitude_deg)
    wrong = Stations(stations.codes, stations.longitude_deg, latitude, stations.elevation_m)
    assert main(command(tmp_path, picks_of(stations, PLACE, ORIGIN), wrong)) == 1
    assert "Station XX.S7 lies" in (said := capsys.readouterr().err) and "or a sign, are wrong" in said


def test_known_events_are_only_located(tmp_path, capsys):
    stations = network()
    picks = picks_of(stations, PLACE, ORIGIN)
    assert main(command(tmp_path, picks, stations, "--associated", "--json", events=True)) == 0
    summary = json.loads(capsys.readouterr().out)
    assert summary["events"] == 3 and summary["picks_of_events"] == len(picks)
    with open(tmp_path / "made" / "events.csv") as file:
        rows = list(csv.DictReader(file))
    projection = LocalProjection.around(stations.longitude_deg, stations.latitude_deg)
    x_km, y_km = projection.forward(*(np.array([float(r[k]) for r in rows]) for k in ("longitude_deg", "latitude_deg")))
    depth = [float(r["depth_km"]) for r in rows]
    assert np.abs(np.column_stack([x_km, y_km, depth]) - PLACE).max() < 0.8
    assert all(row["log_odds"] == "" for row in rows)
    again = make_catalogue(tmp_path / "made", tmp_path / "stations.csv", tmp_path / "layers.csv", associated=True)
    assert len(again) == 3 and np.abs(again.located.origin_s - ORIGIN).max() < 0.3


@pytest.fixture(scope="module")
def catalogue():
    stations = network()
    codes = list(stations.codes)
    codes[1] = "YY.S0"  # of two networks: one name
    stations = Stations(tuple(codes), stations.longitude_deg, stations.latitude_deg, stations.elevation_m)
    located = locate(keep_events(picks_of(stations, PLACE, ORIGIN), stations, EARTH), {"turns": 1})
    magnitudes = replace(relative_magnitudes(located), value=np.array([1.25, np.nan, 2.0]), sd=np.full(3, 0.1))
    return EventCatalogue(located, magnitudes, ())


def test_doubts_about_a_catalogue_are_told(catalogue):
    located = catalogue.located
    found = located.associated
    assert doubts(located, associated=True) == []
    there = (found.event == 1) & (np.array(found.picks.station) == "XX.S2")
    swapped = np.where(there, np.where(found.picks.phase == "P", "S", "P"), found.picks.phase)
    picks = replace(found.picks, phase=swapped)
    told = doubts(replace(located, associated=replace(found, picks=picks)), associated=False)
    assert told[0] == "1 events have S before P at a station, event 2: look at those"
    assert "picks are of 3 events; they were associated anew" in told[1]
    settings = {"most_depth_km": 6.0}
    shallow = locate(keep_events(found.picks, found.stations, EARTH, settings))
    assert "2 events may lie deeper than was searched, events 1, 3: raise most_depth_km (6 km)" in doubts(shallow, True)
    far = picks_of(found.stations, np.array([[90.0, 0.0, 8.0]]), START_S + np.zeros(1))
    told = doubts(locate(keep_events(far, found.stations, EARTH)), True)
    assert any("1 events may lie beyond the sides of the region that was searched, event 1" in text for text in told)


def test_the_file_of_nonlinloc_is_read_by_obspy_and_by_us(catalogue, tmp_path):
    (tmp_path / "catalogue.hyp").write_text(nonlinloc(catalogue))
    events = obspy.read_events(str(tmp_path / "catalogue.hyp"), format="NLLOC_HYP")
    at = catalogue.located
    longitude, latitude = catalogue.degrees()
    assert len(events) == 3
    for e, event in enumerate(events):
        origin = event.preferred_origin()
        assert origin.time.timestamp == pytest.approx(at.origin_s[e], abs=1e-3)
        assert (origin.longitude, origin.latitude) == pytest.approx((longitude[e], latitude[e]), abs=1e-5)
        assert origin.depth == pytest.approx(1000 * at.place_km[e, 2], abs=1)
        assert origin.depth_errors.uncertainty == pytest.approx(1000 * at.sd_km[e, 2], rel=1e-3)
        assert origin.origin_uncertainty.max_horizontal_uncertainty == pytest.approx(1000 * at.ellipse[e, 0], rel=1e-3)
        assert origin.quality.azimuthal_gap == pytest.approx(at.gap_deg[e], abs=1e-2)
        assert origin.quality.secondary_azimuthal_gap >= origin.quality.azimuthal_gap
        assert len(origin.arrivals) == 16 and np.mean([a.time_weight for a in origin.arrivals]) == pytest.approx(
            1, abs=1e-3
        )
        rows = np.flatnonzero(at.associated.event == e)
        assert sorted(a.time_residual for a in origin.arrivals) == pytest.approx(sorted(at.residual_s[rows]), abs=1e-4)
    again = read_picks(tmp_path / "catalogue.hyp")
    assert again.time_s == pytest.approx(at.associated.picks.time_s, abs=1e-4)
    assert {"XX_S0", "YY_S0", "S2"} <= set(again.station) and again.event.max() == 2


def test_the_file_of_hypodd_is_read_by_obspy(catalogue, tmp_path):
    (tmp_path / "catalogue.pha").write_text(hypodd(catalogue))
    events = obspy.read_events(str(tmp_path / "catalogue.pha"))
    assert [str(event.resource_id).split("/")[-1] for event in events] == ["1", "2", "3"]
    assert [event.magnitudes[0].mag for event in events] == [1.25, 0.0, 2.0]
    at = catalogue.located
    for e, event in enumerate(events):
        assert event.origins[0].time.timestamp == pytest.approx(at.origin_s[e], abs=1e-3)
        assert event.origins[0].depth == pytest.approx(1000 * at.place_km[e, 2], abs=1)
        times = np.sort(at.associated.picks.time_s[at.associated.event == e])
        assert sorted(pick.time.timestamp for pick in event.picks) == pytest.approx(times, abs=1e-3)
        assert all(arrival.time_weight == 1.0 for arrival in event.origins[0].arrivals)


def test_known_events_of_few_picks_and_of_bad_ones():
    stations = network()
    picks = picks_of(stations, PLACE, ORIGIN)
    few = (picks.event == 1) & np.isin(picks.station, ("XX.S1", "XX.S2", "XX.S3", "XX.S4"))
    late_p = (picks.event == 0) & (np.array(picks.station) == "XX.S5") & (picks.phase == "P")
    bad = PickTable(picks.station, picks.phase, picks.time_s + 60.0 * late_p, event=picks.event)
    keep = (bad.event == 0) | few[np.argsort(picks.time_s + 60.0 * late_p, kind="stable")]
    keep |= (bad.event == 2) & (np.array(bad.station) == "XX.S0")
    found = keep_events(bad.select(keep), stations, EARTH)
    assert len(found) == 2
    assert any("1 picks of S before P are left out of their events, the first at XX.S5" in n for n in found.notes)
    assert any("1 events have fewer than 4 picks or 3 stations" in note for note in found.notes)
    located = locate(found)
    across = np.hypot(*(located.place_km - PLACE[:2])[:, :2].T)
    assert across.max() < 1.5 and np.all(located.sd_km[1] > located.sd_km[0] * 0.9)
    with pytest.raises(ZooError, match="None of the .* picks belongs to an event; expected QuakeML"):
        keep_events(PickTable(picks.station, picks.phase, picks.time_s), stations, EARTH)


def test_a_control_file_of_nonlinloc_is_all_that_is_needed(tmp_path):
    stations = network()
    picks = picks_of(stations, PLACE, ORIGIN)
    lines = [
        f"GTSRCE {code[3:]} LATLON {lat} {lon} 0.0 {height / 1000}"
        for code, lat, lon, height in zip(
            stations.codes, stations.latitude_deg, stations.longitude_deg, stations.elevation_m, strict=True
        )
    ]
    lines += ["TRANS SIMPLE 42.8 13.2 0.0", "LAYER 0.0 5.0 0.0 2.9 0.0 2.7 0.0", "LAYER 5.0 6.2 0.0 3.6 0.0 2.7 0.0"]
    (tmp_path / "nll.in").write_text("\n".join(lines))
    rows = []
    for e in range(3):
        for i in np.flatnonzero(picks.event == e):
            time = obspy.UTCDateTime(picks.time_s[i])
            clock = f"{time.strftime('%Y%m%d %H%M')} {time.second + time.microsecond / 1e6:.4f}"
            rows.append(f"{picks.station[i][3:]} ? ? ? {picks.phase[i]} ? {clock} GAU 0.02 -1 -1 -1 1")
        rows.append("")
    (tmp_path / "picks.obs").write_text("\n".join(rows))
    assert len(read_picks(tmp_path / "picks.obs")) == len(picks)
    names = tmp_path / "picks.obs", tmp_path / "nll.in", tmp_path / "nll.in"
    made = make_catalogue(*names, associated=True, settings={"travel_time_error": 0.001})
    assert len(made) == 3 and np.abs(made.located.place_km - PLACE).max() < 0.8
    anew = make_catalogue(*names)
    assert any("picks are of 3 events; they were associated anew" in note for note in anew.notes)


@pytest.mark.slow
def test_a_three_dimensional_earth_finds_what_its_layers_find(tmp_path, capsys):
    pytest.importorskip("skfmm")
    stations = network()
    picks = picks_of(stations, PLACE, ORIGIN)
    line = command(tmp_path, picks, stations, "--set", "margin_km=5", "most_depth_km=20")
    depth = np.array([-2.0, 0.0, 4.99, 5.01, 30.0])
    speeds = {f"{v}_km_s": np.broadcast_to(EARTH.speeds(depth, v[1].upper()), (2, 2, 5)) for v in ("vp", "vs")}
    np.savez(tmp_path / "earth.npz", longitude_deg=[12.6, 13.8], latitude_deg=[42.4, 43.2], depth_km=depth, **speeds)
    line[line.index("--velocity-model") + 1] = str(tmp_path / "earth.npz")
    assert main([*line, "--json"]) == 0
    summary = json.loads(capsys.readouterr().out)
    assert summary["events"] == 3 and summary["picks_of_events"] >= 46
    with open(tmp_path / "made" / "events.csv") as file:
        rows = list(csv.DictReader(file))
    projection = LocalProjection.around(stations.longitude_deg, stations.latitude_deg)
    x_km, y_km = projection.forward(*(np.array([float(r[k]) for r in rows]) for k in ("longitude_deg", "latitude_deg")))
    assert np.hypot(*(np.column_stack([x_km, y_km]) - PLACE[:, :2]).T).max() < 1.0
