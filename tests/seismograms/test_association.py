"""Association, location and catalogue, on a simulated network whose events are known, and on a real sequence."""

from __future__ import annotations

import csv
import json
from dataclasses import replace

import numpy as np
import obspy
import pytest

from zoo.cli import main
from zoo.errors import UsageError, ZooError
from zoo.field.layers import Layers, read_layers
from zoo.field.picks import PickTable, read_picks
from zoo.field.projection import LocalProjection
from zoo.field.stations import Stations, read_stations
from zoo.field.travel_times import travel_times
from zoo.seismograms.association.associate import associate
from zoo.seismograms.association.locate import locate
from zoo.seismograms.association.magnitude import relative_magnitudes
from zoo.seismograms.association.relative import relocate

START_S = 1.5e9
EARTH = Layers(np.array([0.0, 3.0, 15.0]), np.array([5.0, 6.0, 6.8]), np.array([2.9, 3.5, 3.9]))


def network(rng, count=20):
    """Stations across 180 degrees at a high latitude, where longitudes are short and change sign."""
    projection = LocalProjection(179.9, 68.0)
    place = rng.uniform(-40, 40, (count, 2))
    longitude, latitude = projection.inverse(*place.T)
    return Stations(tuple(f"XX.S{i:02d}" for i in range(count)), longitude, latitude, rng.uniform(0, 1500, count))


def simulate(rng, stations, place_km, origin_s, false, seen=0.9):
    """Picks of events with errors, some labelled wrongly, and false ones; magnitudes are 0, 1, 2, 0 ..."""
    projection = LocalProjection.around(stations.longitude_deg, stations.latitude_deg)
    tables = travel_times(EARTH, stations.place_km(projection), 150, 30)
    rows = []
    for e, times in enumerate(tables.times(place_km)):
        for p, s in np.argwhere(rng.random(times.shape) < seen):
            name = "PS"[p] if rng.random() > 0.02 else "SP"[p]
            sd = (0.05, 0.1)[p]
            away = np.linalg.norm(tables.station_km[s] - place_km[e])
            amplitude = 10 ** (e % 3 - 1.11 * np.log10(away / 100) - 0.00189 * away + 0.2 * rng.normal())
            rows.append((stations.codes[s], name, origin_s[e] + times[p, s] + sd * rng.normal(), amplitude))
    span = origin_s.min() - 30, origin_s.max() + 60
    for _ in range(int(false * len(rows))):
        code, name = stations.codes[rng.integers(len(stations))], "PS"[rng.integers(2)]
        rows.append((code, name, rng.uniform(*span), 1.0))
    codes, names, times_s, amplitudes = zip(*rows, strict=True)
    return PickTable(codes, np.array(names), np.array(times_s), amplitude=np.array(amplitudes))


@pytest.fixture(scope="module")
def known():
    """A simulated hour: picks, stations, and the true places and times, of which two events overlap."""
    rng = np.random.default_rng(1)
    stations = network(rng)
    place = np.column_stack([rng.uniform(-30, 30, (40, 2)), rng.uniform(2, 14, 40)])
    origin = np.sort(START_S + rng.uniform(0, 3600, 40))
    place[1], origin[1] = place[0] * [-1, -1, 1], origin[0] + 1.5
    return simulate(rng, stations, place, origin, false=0.5), stations, place, origin


@pytest.fixture(scope="module")
def found(known):
    return associate(known[0], known[1], EARTH)


def pairs(place_km, origin_s, place, origin):
    """For each true event the nearest one found within 1.5 s and 10 km, or -1."""
    near = np.abs(origin[:, None] - origin_s) < 1.5
    near &= np.hypot(*(place[:, None, :2] - place_km[:, :2]).transpose(2, 0, 1)) < 10
    return np.where(near.any(1), np.argmin(np.where(near, np.abs(origin[:, None] - origin_s), 9e9), axis=1), -1)


def test_events_among_false_picks_are_found_and_none_is_made_up(known, found):
    which = pairs(found.place_km, found.origin_s, known[2], known[3])
    assert (which >= 0).mean() >= 0.97
    assert len(found) - len(set(which[which >= 0])) <= 1
    assert np.all(np.diff(found.origin_s) >= 0) and found.event.max() == len(found) - 1


def test_an_event_has_one_pick_of_a_phase_at_a_station_and_enough_of_them(found):
    rows = np.flatnonzero(found.event >= 0)
    keys = {(found.event[i], found.station[i], found.picks.phase[i]) for i in rows}
    assert len(keys) == len(rows) and np.bincount(found.event[rows]).min() >= 8


def test_shifting_the_stations_leaves_no_events(known):
    picks, stations = known[0], known[1]
    shift = np.random.default_rng(2).uniform(0, 3600, len(stations))[stations.index(picks.station)]
    shifted = replace(picks, time_s=START_S + (picks.time_s - START_S + shift) % 3600)
    assert len(associate(shifted, stations, EARTH)) <= 2


@pytest.mark.parametrize("likelihood", ["gaussian", "edt"])
def test_places_and_their_intervals(known, found, likelihood):
    located = locate(found, {"likelihood": likelihood, "travel_time_error": 0.002})
    which = pairs(located.place_km, located.origin_s, known[2], known[3])
    true, own = known[2][which >= 0], which[which >= 0]
    error = np.abs(located.place_km[own] - true)
    assert np.median(np.hypot(error[:, 0], error[:, 1])) < 0.4 and np.median(error[:, 2]) < 0.8
    inside = (true >= located.interval_km[own, 1, :, 0]) & (true <= located.interval_km[own, 1, :, 1])
    assert inside.mean() > 0.85
    assert 0.03 < located.pick_sd_s[0] < 0.08 and 0.06 < located.pick_sd_s[1] < 0.15
    assert np.all(located.ellipse[:, 0] >= located.ellipse[:, 1]) and located.gap_deg.max() <= 360


def test_station_terms_are_learnt(known):
    picks, stations = known[0], known[1]
    late = stations.index(picks.station) == 3
    terms = locate(associate(replace(picks, time_s=picks.time_s + 0.3 * late), stations, EARTH)).corrections.terms_s
    others = np.delete(terms, 3, axis=1)
    assert np.all(terms[:, 3] - np.median(others, axis=1) > 0.15) and np.all(terms[:, 3] > others.max(axis=1))


def test_relative_magnitudes_have_the_true_differences(known, found):
    located = locate(found)
    made = relative_magnitudes(located)
    which = pairs(located.place_km, located.origin_s, known[2], known[3])
    true, own = (np.arange(40) % 3)[which >= 0], made.value[which[which >= 0]]
    error = (own - true)[np.isfinite(own)]
    assert np.std(error) < 0.2 and made.kind == "Mrelative" and "relative" in made.notes[0]
    assert 0.5 < np.std(error) / np.nanmedian(made.sd) < 3


def files(folder, known):
    """Write picks, stations and layers as a person has them."""
    picks, stations = known[0], known[1]
    times = (picks.time_s * 1e6).round().astype("int64").astype("datetime64[us]")
    rows = zip(picks.station, picks.phase, times, picks.amplitude, strict=True)
    text = "".join(f"{code},{phase},{time},{amplitude}\n" for code, phase, time, amplitude in rows)
    (folder / "picks.csv").write_text("station_id,phase,time,amplitude\n" + text)
    rows = zip(stations.codes, stations.latitude_deg, stations.longitude_deg, stations.elevation_m, strict=True)
    text = "".join(f"{code},{lat},{lon},{height}\n" for code, lat, lon, height in rows)
    (folder / "stations.csv").write_text("station_id,latitude,longitude,elevation_m\n" + text)
    rows = zip(EARTH.depth_km, EARTH.vp_km_s, EARTH.vs_km_s, strict=True)
    (folder / "layers.csv").write_text("depth_km,vp,vs\n" + "".join(f"{z},{p},{s}\n" for z, p, s in rows))
    where = [str(folder / name) for name in ("picks.csv", "stations.csv", "layers.csv")]
    return ["catalogue", where[0], "--stations", where[1], "--velocity-model", where[2]]


def test_the_command_writes_a_catalogue_that_others_read(known, found, tmp_path, capsys):
    assert main([*files(tmp_path, known), "--out", str(tmp_path / "made"), "--json", "--pages", "2"]) == 0
    summary = json.loads(capsys.readouterr().out)
    assert summary["events"] == len(found) and any("without a zone" in note for note in summary["notes"])
    made = tmp_path / "made"
    magnitude = [float(row["magnitude"]) for row in csv.DictReader(open(made / "events.csv"))]
    largest = np.argsort(magnitude)[-2:]
    assert {path.name for path in made.iterdir()} == {
        "events.csv", "picks.csv", "magnitudes.csv", "catalogue.xml", "catalogue.hyp", "catalogue.pha", "summary.json",
        "map.png", "time.png", "travel-times.png", "residuals.png", "magnitudes.png",
        *(f"event-{n + 1:04d}.png" for n in largest)
    }  # fmt: skip
    events = obspy.read_events(str(made / "catalogue.xml"))
    rows = list(csv.DictReader(open(made / "events.csv")))
    assert len(events) == len(rows) == len(found)
    origin = events[0].preferred_origin()
    assert origin.latitude == pytest.approx(float(rows[0]["latitude_deg"]), abs=1e-5)
    assert origin.depth == pytest.approx(1000 * float(rows[0]["depth_km"]), abs=1)
    assert 111.2 * origin.latitude_errors.uncertainty == pytest.approx(float(rows[0]["north_sd_km"]), rel=0.01)
    assert len(origin.arrivals) == int(rows[0]["p_picks"]) + int(rows[0]["s_picks"])
    from zoo.seismicity import read_catalogue

    catalogue = read_catalogue(made / "events.csv")
    assert len(catalogue) == len(found) and np.isfinite(catalogue.magnitude).mean() > 0.9


def test_no_event_is_an_answer_and_what_cannot_be_is_a_sentence(known, tmp_path, capsys):
    command = files(tmp_path, known)
    (tmp_path / "stations.csv").write_text("station_id,latitude,longitude,elevation_m\nXX.S03,68,179,0\n")
    assert main([*command, "--out", str(tmp_path / "made")]) == 0
    said = capsys.readouterr().out
    assert said.startswith("0 events") and "19 unknown stations are left out" in said
    assert (tmp_path / "made" / "events.csv").read_text().count("\n") == 1
    other = Stations(("YY.OTHER",), [0.0], [0.0], [0.0])
    with pytest.raises(ZooError, match="None of the .* picks is of a known station"):
        associate(known[0], other, EARTH)
    with pytest.raises(UsageError, match="least_pick.*Did you mean"):
        associate(known[0], known[1], EARTH, {"least_pick": 5})


def test_an_hour_of_central_italy(real_data):
    folder = real_data / "network_italy"
    picks, stations = read_picks(folder / "picks_00_12.csv"), read_stations(folder / "stations.csv")
    picks = picks.select(picks.time_s < picks.time_s[0] + 3600)
    found = associate(picks, stations, read_layers(folder / "velocity_model.csv"))
    with open(folder / "hypodd_00_12.csv") as file:
        rows = [(row["time"], row["longitude_deg"], row["latitude_deg"]) for row in csv.DictReader(file)]
    origin = np.array([np.datetime64(row[0], "ns").astype(np.int64) / 1e9 for row in rows])
    place = np.column_stack(found.projection.forward(*(np.array([float(r[i]) for r in rows]) for i in (1, 2))))
    early = origin < picks.time_s[0] + 3580
    which = pairs(found.place_km, found.origin_s, place[early], origin[early])
    assert (which >= 0).mean() >= 0.95 and len(found) > 2 * early.sum()


def test_double_differences_bring_events_together(known):
    """What the earth does to a whole cluster alike drops out: its shape is recovered better."""
    rng, stations = np.random.default_rng(3), known[1]
    place = np.array([5.0, -4.0, 8.0]) + rng.normal(0, [0.8, 0.3, 0.5], (30, 3))
    origin = START_S + 100.0 * np.arange(30)
    picks = simulate(rng, stations, place, origin, false=0.0)
    odd = rng.normal(0, 0.2, (2, len(stations)))[(picks.phase == "S").astype(int), stations.index(picks.station)]
    located = locate(associate(replace(picks, time_s=picks.time_s + odd), stations, EARTH), {"turns": 0})
    moved = relocate(located)
    assert (moved.group == 0).sum() >= 28 and moved.after_s <= moved.before_s
    which = pairs(located.place_km, located.origin_s, place, origin)

    def spread(found):
        error = found[which] - place
        return np.std(error, axis=0)

    assert np.all(spread(moved.place_km) < np.maximum(spread(located.place_km), 0.1))
    error = (moved.place_km[which] - place) / moved.sd_km[which]
    assert 0.5 < np.std(error - error.mean(axis=0)) < 2.5 and "double differences" in moved.report()
