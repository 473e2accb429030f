"""Anomalous periods of catalogues whose bursts are known; a scan stands for the network."""

from __future__ import annotations

import csv
import dataclasses
import json
import re
import sys

import numpy as np
import pytest
from scipy.ndimage import uniform_filter

from zoo import cli
from zoo.errors import UsageError, ZooError
from zoo.seismicity import find_anomalies
from zoo.seismicity.catalogues import Catalogue, from_columns
from zoo.seismicity.scan import poisson_scan
from zoo.seismicity.scores import NetworkScore, simulated_years

BEGIN = np.datetime64("2020-01-01", "ms")
BURST_DAYS, BURST_KM = 100.0, (8.0, -6.0)
SETTINGS = {"window_days": 4.0, "completeness": "none", "region": (-20, 20, -20, 20)}


class Scan:
    """Probabilities from the Poisson scan: what a network does, at no cost."""

    name, answers, channels = "scan", "seismicity.anomaly", 2

    def predict(self, maps, **ignored):
        odds = np.exp(np.minimum(poisson_scan(maps[..., 0], maps[..., 1])[0] - 10, 60))
        return np.stack([1 / (1 + odds), odds / (1 + odds)], axis=1)


class Gain(Scan):
    """Probabilities from the gain in likelihood near a place: a network that sees the intensity at the events."""

    at_events = True

    def __init__(self):
        self.seen = []

    def predict(self, maps, **ignored):
        self.seen.append(maps)
        gain = maps[..., 0] * np.log1p(1 / maps[..., 1])
        odds = np.exp(np.minimum(uniform_filter(gain, (0, 5, 5)).max((1, 2)) * 25 / 4 - 10, 60))
        return np.stack([1 / (1 + odds), odds / (1 + odds)], axis=1)


def synthetic(per_day: float, days: float = 150, burst: int = 25, seed: int = 0, **columns) -> Catalogue:
    """Return a metric catalogue: events over 40 km x 40 km, denser in the middle, and a burst of a day."""
    rng = np.random.default_rng(seed)
    count = rng.poisson(per_day * days)
    time_days = np.append(rng.random(count) * days, BURST_DAYS + rng.random(burst))
    # Folded back at the edges: clipped events would be lines, along which an event foretells the next.
    fold = lambda km: np.where(np.abs(km) > 20, np.sign(km) * 40 - km, km)  # noqa: E731
    x_km, y_km = (np.append(fold(rng.normal(0, 8, count)), rng.normal(c, 0.5, burst)) for c in BURST_KM)
    found = {"x_km": x_km, "y_km": y_km, "magnitude": rng.exponential(0.4, count + burst)} | columns
    return from_columns({"time": BEGIN + (time_days * 86_400_000).astype("timedelta64[ms]"), **found}, "synthetic")


@pytest.fixture(scope="module", autouse=True)
def fewer_years():
    """Simulate two years of ordinary times instead of ten, and fit ETAS to a part of the events."""
    from zoo.seismicity import scores as seismicity_scores
    from zoo.seismicity.etas import large

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(seismicity_scores, "_YEARS", 2.0)
        patch.setattr(large, "MOST_FITTED", 1000)
        patch.setattr(large, "_STRIDES", 400)
        yield


@pytest.fixture(scope="module")
def found(fewer_years):
    return find_anomalies(synthetic(15), Scan(), **SETTINGS)


@pytest.fixture(scope="module")
def by_network(fewer_years):
    return find_anomalies(synthetic(15), Scan(), method="network", **SETTINGS)


def burst_sequence(found):
    """Return the sequence that has most events at the time and the place of the burst."""
    middle = BEGIN + np.timedelta64(round(24 * (BURST_DAYS + 0.5)), "h")
    at = [s for s in found.sequences if s.start <= middle <= s.end]
    assert at, [(s.start, s.end) for s in found.sequences]
    return max(at, key=lambda s: s.events)


@pytest.mark.parametrize("per_day", [8, 30], ids=["quiet", "busy"])
def test_a_burst_is_found_where_and_when_it_is(per_day):
    found = find_anomalies(synthetic(per_day, burst=25 if per_day < 30 else 40), None, **SETTINGS)
    sequence = burst_sequence(found)
    assert len(found.periods()) <= 4
    x_km, y_km = (values[sequence.member].mean() for values in (found.catalogue.x_km, found.catalogue.y_km))
    assert np.hypot(x_km - BURST_KM[0], y_km - BURST_KM[1]) < 1.5
    assert sequence.events >= 20 and sequence.expected < 0.5 * sequence.events and sequence.p_value < 1e-5
    assert sequence.subregion == found.subregions[0].name == "A" and sequence.rank == 1
    assert sequence.end - sequence.start < np.timedelta64(60, "h")  # its own day, not whole windows


def test_the_network_may_be_the_method(by_network):
    assert by_network.method == "network" and by_network.label("network") == "scan"
    assert burst_sequence(by_network).events >= 20
    scores = by_network.tiles[0].scores["network"]
    assert 0 < np.isfinite(scores).mean() <= 0.5  # only windows near the top are shown to it
    with pytest.raises(UsageError, match="method is one of etas, both, network"):
        find_anomalies(synthetic(2), None, method="network", **SETTINGS)


def test_scan_and_network_together():
    network = Gain()
    found = find_anomalies(synthetic(15), network, method="both", **SETTINGS)
    tile = found.tiles[0]
    assert found.names[:3] == ["both", "etas", "network"] and found.label("both") == "scan and network"
    asked = np.isfinite(tile.scores["network"])
    assert 0 < asked.mean() <= 0.5
    together = tile.scores["etas"][asked] + tile.scores["network"][asked]
    np.testing.assert_allclose(tile.scores["both"][asked], together)
    assert np.isneginf(tile.scores["both"][~asked]).all()
    assert burst_sequence(found).events >= 20
    # It sees halves of windows: the first and the last together have all events.
    first, _, last = (maps[..., 0].sum((1, 2)) for maps in network.seen[-3:])
    np.testing.assert_array_equal(first + last, tile.maps.events[asked])
    with pytest.raises(UsageError, match="scan does not see what the scan sees"):
        find_anomalies(synthetic(2), Scan(), method="both", **SETTINGS)


def test_the_scan_decides_where_windows_are_not_as_in_training():
    network = Gain()
    found = find_anomalies(synthetic(0.5, days=300), network, **SETTINGS)
    assert found.method == "etas" and not found.network and not network.seen
    assert any("the network saw 8 to 60: the scan decides without it" in note for note in found.catalogue.notes)


def test_aftershocks_are_explained_and_a_burst_is_not():
    """Two years with aftershocks and mainshocks, and a burst of 20 events among them."""
    from zoo.seismicity import Etas, simulate
    from zoo.seismicity.physics.sequences import burst

    rng = np.random.default_rng(1)
    rate = np.full((64, 64), 8 / 4096)
    planted = burst(20, 301.2, 0.5, 20.0, 44.0, 1.0, 1, rng)
    events = simulate(rate, 400.0, rng, etas=Etas(), extra=(planted,))
    time = BEGIN + np.round(86_400_000 * events["time_days"]).astype("timedelta64[ms]")
    columns = {"x_km": events["x_px"], "y_km": events["y_px"], "magnitude": events["magnitude"]}
    found = find_anomalies(from_columns({"time": time, **columns}), None)
    first = min(found.sequences, key=lambda s: s.rank)
    assert abs(first.start - BEGIN - np.timedelta64(301, "D")) < np.timedelta64(24, "h")
    assert 10 <= first.events <= 30 and first.kind in ("swarm", "migration")
    assert len(found.intervals) <= 9 and len(found.periods("scan")) < 40
    assert 0.3 < found.fit.law.branching_ratio < 0.75


def test_a_busier_network_is_no_burst_and_is_said():
    from zoo.seismicity import simulate
    from zoo.seismicity.physics.sequences import join

    rng = np.random.default_rng(0)
    rate = np.full((64, 64), 10 / 4096)
    more = np.zeros((64, 64))
    more[:32, 32:] = 2 * rate[:32, 32:]
    added = simulate(more, 200.0, rng)
    added["time_days"] = added["time_days"] + 200.0
    events = join(simulate(rate, 400.0, rng), added)
    time = BEGIN + np.round(86_400_000 * events["time_days"]).astype("timedelta64[ms]")
    found = find_anomalies(from_columns({"time": time, "x_km": events["x_px"], "y_km": events["y_px"]}), None)
    notes = " ".join(found.catalogue.notes)
    assert "for good from 2020-07" in notes and "south-east" in notes
    assert len(found.intervals) <= 5


def test_ordinary_times_give_few_alarms():
    """At four false alarms a year half a year has two; at twenty a year more."""
    quiet = synthetic(10, burst=0, seed=3)
    few, many = (find_anomalies(quiet, None, **SETTINGS, false_alarms_per_year=n) for n in (4.0, 20.0))
    assert len(few.periods()) <= 6
    assert len(many.periods()) >= len(few.periods())
    assert many.tiles[0].thresholds["count"] < few.tiles[0].thresholds["count"]


def test_geographic_catalogues_give_the_same_answer(found):
    metric = found.catalogue
    lon, lat = 10 + metric.x_km / (111.19 * np.cos(np.radians(45))), 45 + metric.y_km / 111.19
    columns = {"time": metric.time, "longitude_deg": lon, "latitude_deg": lat, "magnitude": metric.magnitude}
    settings = SETTINGS | {"region": (9.75, 10.25, 44.82, 45.18)}
    sequence = burst_sequence(find_anomalies(from_columns(columns, "degrees"), None, **settings))
    reference = burst_sequence(found)
    assert abs(sequence.events - reference.events) <= 6 and abs(sequence.start - reference.start) < np.timedelta64(
        4, "D"
    )


@pytest.mark.long
def test_a_wide_region_is_tiled_and_a_burst_on_two_maps_is_one():
    found = find_anomalies(synthetic(15), None, **SETTINGS | {"pixel_km": 0.4})
    assert len(found.tiles) == 4 and (found.grid.rows, found.grid.columns) == (100, 100)
    sequence = burst_sequence(found)
    at_once = [s for s in found.sequences if s.start <= sequence.end and s.end >= sequence.start and s is not sequence]
    shared = {(r, c) for r, c in zip(sequence.rows, sequence.columns, strict=True)}
    assert not any(shared & {(r, c) for r, c in zip(s.rows, s.columns, strict=True)} for s in at_once)


def test_completeness_comes_from_the_catalogue_unless_given():
    rng = np.random.default_rng(5)
    catalogue = synthetic(25)
    magnitude = np.round(rng.exponential(0.43, len(catalogue)) + 0.8, 1)
    magnitude[:100] = np.nan
    catalogue = dataclasses.replace(catalogue, magnitude=magnitude)
    settings = SETTINGS | {"window_days": 8.0}
    estimated = find_anomalies(catalogue, None, **settings | {"completeness": None})
    assert 0.9 <= estimated.completeness <= 1.2 and estimated.catalogue.magnitude.min() >= estimated.completeness - 1e-6
    assert any("100 events without a magnitude" in note for note in estimated.catalogue.notes)
    assert find_anomalies(catalogue, None, **settings | {"completeness": 1.5}).completeness == 1.5
    assert len(find_anomalies(catalogue, None, **settings).catalogue) > len(estimated.catalogue)


def test_what_is_outside_of_training_is_said():
    notes = " ".join(find_anomalies(synthetic(0.5, days=300), Scan(), **SETTINGS).catalogue.notes)
    assert "fewer than 50 events" in notes
    busy = find_anomalies(synthetic(120, days=40, burst=0), Scan(), **SETTINGS)
    assert any("more than 400 events" in note for note in busy.catalogue.notes)


def test_thinning_keeps_the_shares_and_does_not_depend_on_the_batch():
    class Events(Scan):
        def predict(self, maps, **ignored):
            assert np.isclose(maps[..., 0].sum(axis=(1, 2)), 400, atol=80).all()
            share = maps[..., 0][:, :32].sum(axis=(1, 2)) / maps[..., 0].sum(axis=(1, 2))
            return np.stack([1 - share, share], axis=1)

    rng = np.random.default_rng(6)
    counts = rng.poisson(1.0, (5, 64, 64)).astype(np.float32)
    counts[:, :32] *= 3
    score = NetworkScore(Events())
    together = score(counts, counts)
    assert np.allclose(together, np.log(3), atol=0.5)
    assert np.allclose(together[2:3], score(counts[2:3], counts[2:3]))


def test_ten_years_are_simulated_unless_windows_are_short_or_few(monkeypatch):
    monkeypatch.setattr("zoo.seismicity.scores._YEARS", 10.0)
    assert simulated_years(0.5, 4, 1000) == pytest.approx(10) and simulated_years(5, 4, 100) == 10
    assert 1 <= simulated_years(0.05, 4, 1000) < 2
    assert simulated_years(0.005, 4, 16) == pytest.approx(10 / 365.25)  # 2,000 windows


def test_two_hours_are_answered_by_extrapolation():
    """240 events in two hours, of which 25 in ten minutes and a place: a year of such hours is not simulated."""
    rng = np.random.default_rng(0)
    minutes = np.sort(np.append(120 * rng.random(215), 60 + 10 * rng.random(25)))
    burst = (minutes >= 60) & (minutes < 70) & (rng.random(len(minutes)) < 0.55)
    x_km, y_km = (np.where(burst, rng.normal(c, 0.3, 240), rng.uniform(-20, 20, 240)) for c in BURST_KM)
    time = BEGIN + np.round(60_000 * minutes).astype("timedelta64[ms]")
    found = find_anomalies(from_columns({"time": time, "x_km": x_km, "y_km": y_km}), None, window_days=0.01)
    assert any("extrapolated" in note and "10 days" in note for note in found.catalogue.notes)
    ordinary, at = found.tiles[0].ordinary["etas"], found.tiles[0].thresholds["etas"]
    assert ordinary.max() < at < ordinary.max() + 10
    first = min(found.sequences, key=lambda sequence: sequence.rank)
    assert first.events >= 12 and abs(first.start - BEGIN - np.timedelta64(60, "m")) < np.timedelta64(10, "m")


def test_files_and_report(found, tmp_path):
    found = dataclasses.replace(found, manual=[(BEGIN + np.timedelta64(99, "D"), BEGIN + np.timedelta64(103, "D"))])
    found.write(tmp_path)
    names = {path.name for path in tmp_path.iterdir()}
    expected = {"intervals.csv", "sequences.csv", "pixels.csv", "windows.csv", "baselines.csv", "anomalies.geojson"}
    figures = {"overview.png", "intervals.png", "etas.png", "subregion-A.png", "movie.gif"}
    assert expected | figures | {"summary.json"} <= names
    tables = {
        name: list(csv.DictReader(open(tmp_path / name, newline=""))) for name in expected if name.endswith("csv")
    }
    assert len(tables["intervals.csv"]) == len(found.intervals) and len(tables["windows.csv"]) == found.windows.count
    assert len(tables["sequences.csv"]) == len(found.sequences)
    for interval in tables["intervals.csv"]:
        assert float(interval["score"]) > float(interval["threshold"]) and int(interval["rank"]) >= 1
        assert {interval[name] for name in ("network", "scan", "count", "pixel")} <= {"yes", "no"}
    for row in tables["sequences.csv"]:
        parts = float(row["expected_background"]) + float(row["expected_aftershocks"])
        assert np.isclose(float(row["expected"]), parts, rtol=1e-4) and 0 <= float(row["p_value"]) <= 1
    geojson = json.loads((tmp_path / "anomalies.geojson").read_text())
    assert len(geojson["features"]) == len(found.sequences) + len(found.subregions) and "kilometres" in geojson["note"]
    ring = np.array(geojson["features"][0]["geometry"]["coordinates"][0][0])
    assert len(ring) == 5 and (ring[0] == ring[-1]).all() and np.isclose(np.ptp(ring[:, 0]), found.grid.pixel_km)
    area = 0.5 * np.sum(ring[:-1, 0] * ring[1:, 1] - ring[1:, 0] * ring[:-1, 1])
    assert area > 0  # anticlockwise
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert (
        summary["comparison"]["etas"]["recall"] > 0.2
        and "etas" in summary
        and summary["comparison"]["scan"]["periods"] >= 1
    )
    report = found.report()
    for said in (
        "scan against ETAS",
        "direct aftershocks",
        "Poisson scan",
        "event count",
        "largest pixel",
        "false alarms a year",
        "F1",
    ):
        assert said in report
    header, rows = found.table()
    assert all(len(row) == len(header) for row in rows) and len(rows) == len(found.sequences)
    from PIL import Image

    with Image.open(tmp_path / "movie.gif") as movie:
        assert movie.n_frames == found.windows.count


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"region": (500, 600, 500, 600)}, ZooError, "No event of synthetic lies in the region"),
        ({"region": (20, -20, -20, 20)}, UsageError, "west east south north"),
        ({"window_days": 500.0}, ZooError, "less than a window"),
        ({"window_days": 1.0, "stride_days": 2.0}, UsageError, "gaps"),
        ({"window_days": -1.0}, UsageError, "above 0"),
        ({"completeness": 9.0}, ZooError, "No event reaches magnitude 9"),
        ({"completeness": "high"}, UsageError, "or none"),
        ({"pixel_km": 0.3, "region": (-20, 400, -20, 400)}, UsageError, "larger pixels"),
        ({"region": (-2, 2, -2, 2)}, ZooError, "expected at least 20"),
        ({"false_alarms_per_year": 0.0}, UsageError, "False alarms"),
    ],
)
def test_wrong_settings_are_refused(settings, error, message):
    with pytest.raises(error, match=message):
        find_anomalies(synthetic(2), Scan(), **SETTINGS | settings)


def test_a_handful_of_events_is_no_catalogue():
    few = synthetic(2)
    with pytest.raises(ZooError, match=": 7 events in this region; expected at least 20"):
        find_anomalies(few.select(np.arange(len(few)) < 7), Scan(), **SETTINGS)


def test_another_model_is_refused(monkeypatch):
    able = "expected seismicity.anomaly. Models that answer it: .*seismicity_resnet18.history"
    with pytest.raises(ZooError, match=f"object.* answers no question .*{able}"):
        find_anomalies(synthetic(2), object(), **SETTINGS)
    with pytest.raises(ZooError, match=f"phase_picker answers seismograms.picks; {able}"):
        find_anomalies(synthetic(2), "phase_picker", **SETTINGS)
    monkeypatch.setattr(Scan, "answers", "seismograms.class")
    with pytest.raises(ZooError, match=f"scan .* answers seismograms.class; {able}"):
        find_anomalies(synthetic(2), Scan(), **SETTINGS)


@pytest.fixture
def as_network(monkeypatch):
    """Let the scan be what the registry loads."""
    from types import SimpleNamespace

    from zoo import registry

    monkeypatch.setattr(registry, "load", lambda name, answering: Scan())
    monkeypatch.setattr(registry, "full_name", lambda name: "seismicity_resnet18.single")
    monkeypatch.setattr(registry, "find", lambda name: SimpleNamespace(name="seismicity_resnet18.single"))


def test_the_command(as_network, capsys, tmp_path):
    catalogue = synthetic(10)
    path, manual, out = tmp_path / "c.csv", tmp_path / "manual.csv", tmp_path / "out"
    rows = zip(catalogue.time, catalogue.x_km, catalogue.y_km, strict=True)
    path.write_text("".join(f"{time},{1000 * x:.1f},{1000 * y:.1f}\n" for time, x, y in rows))
    manual.write_text("2020-04-10,2020-04-12\n")
    options = ["--columns", "time=1", "x_m=2", "y_m=3", "--window", "8", "--region", "-20", "20", "-20", "20"]
    assert cli.main(["seismicity", str(path), "--out", str(out), *options, "--manual", str(manual), "--no-movie"]) == 0
    printed = capsys.readouterr().out
    assert "anomalous intervals" in printed and "no completeness" in printed and "\tA\t" in printed
    assert (out / "overview.png").exists() and not (out / "movie.gif").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["nothing.csv", "--out", "x"], 1, "does not exist"),
        (["nothing.csv"], 2, "--out"),
        (["nothing.csv", "--out", "x", "--columns", "time"], 2, "--columns takes KEY=VALUE"),
        (["nothing.csv", "--out", "x", "--manual", "none.csv"], 1, "none.csv"),
    ],
)
def test_errors_of_the_command_are_one_line(capsys, monkeypatch, tmp_path, arguments, code, message):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["zoo", "seismicity", *arguments])
    try:
        received = cli.main(["seismicity", *arguments])
    except SystemExit as stop:
        received = stop.code
    assert received == code and message in capsys.readouterr().err.strip().splitlines()[-1]


@pytest.fixture
def fitted_well(monkeypatch):
    """Undo what makes the other tests fast."""
    monkeypatch.setattr("zoo.seismicity.scores._YEARS", 10.0)
    monkeypatch.setattr("zoo.seismicity.etas.large.MOST_FITTED", 2000)
    monkeypatch.setattr("zoo.seismicity.etas.large._STRIDES", 1000)


@pytest.mark.slow
def test_ridgecrest_has_more_than_its_mainshocks_explain(real_data, fitted_well):
    """Both mainshocks begin a sequence; nothing came before the first, so its sequence holds it."""
    found = find_anomalies(real_data / "catalogs" / "ridgecrest_eg1.csv", None)
    for mainshock, largest in (("2019-07-04T17:33:49", 6.4), ("2019-07-06T03:19:53", 5.0)):
        within = [s for s in found.sequences if abs(s.start - np.datetime64(mainshock)) < np.timedelta64(1, "h")]
        most = max(within, key=lambda s: s.events)
        assert most.events > 300 and most.events > 1.3 * most.expected and most.p_value < 1e-6 and most.rank <= 3
        assert np.nanmax(found.catalogue.magnitude[most.member]) >= largest


@pytest.mark.slow
def test_toc2me_shows_several_treatments(real_data, fitted_well):
    found = find_anomalies(real_data / "catalogs" / "toc2me_eaton2018.csv", None)
    assert sum(s.events >= 40 for s in found.sequences) >= 3
    assert len(found.sequences) >= 5 and len({s.subregion for s in found.sequences}) >= 3


@pytest.mark.slow
def test_the_demo_finds_what_it_planted(tmp_path):
    from zoo.seismicity import demo as seismicity_demo

    shown = seismicity_demo.chapter(tmp_path)
    printed = shown.answer
    assert printed.count("found in subregion") == len(seismicity_demo.PLANTED)
    alarms = re.search(r"scan and network: ([0-9]+) anomalous intervals", printed)[1]
    assert alarms in ("3", "4")  # one false alarm at most
    assert shown.pictures[0].path.is_file()
