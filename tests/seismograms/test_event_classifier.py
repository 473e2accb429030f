"""Explosion or earthquake by event: measures of stations, members without an event, calibration, whole streams."""

from __future__ import annotations

import csv

import event_records
import keras
import numpy as np
import pytest

import zoo
from zoo import registry
from zoo.data import datasets
from zoo.errors import UsageError, ZooError
from zoo.seismograms.events import classify as events
from zoo.seismograms.events.measures import COUNT, GROUPS, columns, measure, station_measures
from zoo.seismograms.events.origin import origin_of
from zoo.seismograms.events.records import Events, deal, places
from zoo.seismograms.models import event_classifier as classifier
from zoo.seismograms.models.event_scores import area_interval, area_under_curve, scores_of

RNG = np.random.default_rng(0)


def made_events(count=12, stations=3):
    """Explosions have ratios about 1, earthquakes about -1, in half of the last station's bands."""
    rng = np.random.default_rng(1)
    explosion = np.arange(count) % 3 == 0
    measures = rng.normal(0, 0.5, (count, stations, COUNT)).astype(np.float32)
    measures[..., columns(["ratios"])] += np.where(explosion, 1, -1)[:, None, None]
    measures[:, -1, columns(["ratios"])[3:]] = np.nan
    measures[1, 1:] = np.nan
    where = np.stack([40.0 + np.arange(count) // 2, np.zeros(count)], axis=1)
    return Events([f"event{number:02d}" for number in range(count)], measures, explosion, where)


def trained(events, head="network", epochs=60, **settings):
    recipe = registry.recipe_module("explosion_earthquake")
    keras.utils.set_random_seed(0)
    model = recipe.build(
        **{"head": head, "measures": ["ratios", "coda"], "hidden": 3, "weight_decay": 0.01, "folds": len(events.names)},
        **{"fewest_stations": 2, "least_odds": 1.5, "picker": "phase_picker", **settings},
    )
    model.deal(deal(events, model.folds, "event"))
    classifier.standardise(model.network, events.measures, recipe.kept(model, events))
    x, y = recipe._weighted(model, events, recipe.kept(model, events))
    recipe.compile(model.network, {"learning_rate": 0.05}, epochs)
    model.network.fit(x, y, batch_size=len(x), epochs=epochs, verbose=0, shuffle=False)
    model.calibrate(events.measures, events.explosion, events.names)
    return model


@pytest.fixture(scope="module", params=classifier.HEADS)
def model(request):
    return trained(made_events(), request.param)


def test_ratios_are_those_of_the_amplitudes():
    """P four times the noise, S eight times, in white noise: every band says so; the groups lie where they should."""
    rng = np.random.default_rng(3)
    trace = rng.normal(size=12_000)
    trace[4000:4600] *= 4
    trace[4600:6000] *= 8
    found = station_measures(trace, 40.0, 8.0)
    assert found.shape == (COUNT,) and sum(GROUPS.values()) == COUNT
    np.testing.assert_allclose(found[columns(["ratios"])], 0.5 * np.log10(15 / 63), atol=0.15)
    np.testing.assert_allclose(found[columns(["snr"])], np.log10(4), atol=0.15)
    assert found[columns(["coda"])].max() < -0.7 and found[columns(["travel_time"])] == pytest.approx(np.log10(8))
    scaled = station_measures(1e-9 * trace + 7, 40.0, 8.0)
    np.testing.assert_allclose(scaled, found, atol=1e-3)
    slow = station_measures(trace, 40.0, 8.0, recorded_hz=50.0)
    assert np.isnan(slow[columns(["ratios"])]).tolist() == [False] * 4 + [True]


def test_traces_that_say_nothing_are_left_out_with_a_reason():
    rng = np.random.default_rng(0)
    good = event_records.vertical(rng, True, 4.0)
    traces = np.stack([good, np.random.default_rng(2).normal(size=len(good)), np.zeros(len(good))])

    def picker(windows):
        probability = np.zeros((*windows.shape[:2], 3), np.float32)
        probability[:, 1200] = 1  # 4 s after the origin: a window begins 8 s before it
        return probability

    found = measure(traces, np.full(3, event_records.ORIGIN_S), np.full(3, 100.0), picker, (3000, 100.0))
    np.testing.assert_allclose(found.p_s, 4.0, atol=0.011)
    assert [bool(why) for why in found.why_not] == [False, True, True]
    assert "less than 2 times" in found.why_not[1] and "flat" in found.why_not[2]
    assert np.isnan(found.measures[1:]).all() and np.isfinite(found.measures[0][columns(["ratios"])]).all()


@pytest.mark.slow
def test_a_member_knows_nothing_of_the_event_that_it_is_without():
    """Whatever that event is, the member's weights stay; those of the others do not."""
    one = made_events()
    other = made_events()
    other.measures[4] = 9 - other.measures[4]
    a, b = (trained(some, "network", epochs=5).network for some in (one, other))
    out = deal(one, 12, "event")[one.names[4]]
    for x, y in zip(a.weights, b.weights, strict=True):
        np.testing.assert_allclose(x[out], y[out], atol=1e-6)
    assert np.abs(np.asarray(a.linear[0]) - np.asarray(b.linear[0])).max() > 1e-4


def test_left_out_events_are_told_apart_and_calibrated(model, tmp_path):
    known = made_events()
    odds = model.log_odds(known.measures, known.names)
    assert area_under_curve(odds, known.explosion) == 1
    assert classifier.cross_entropy(odds, known.explosion) < 0.3
    assert not np.allclose(odds, model.log_odds(known.measures))  # other members
    probability = np.asarray(model(known.measures))
    np.testing.assert_allclose(probability.sum(1), 1, atol=1e-6)
    np.testing.assert_allclose(probability[:, 0], 1 / (1 + np.exp(-model.log_odds(known.measures))), atol=1e-5)
    assert (model.error(known.measures) > 0).all()
    again = zoo.load(zoo.save(model, tmp_path / "copy.of", "A copy.", recipe="explosion_earthquake"))
    assert again.get_config() == model.get_config()
    np.testing.assert_array_equal(again.log_odds(known.measures, known.names), odds)
    nobody = np.full((1, 2, COUNT), np.nan, np.float32)
    if model.head == "network":
        np.testing.assert_array_equal(np.asarray(model(nobody)), [[0.5, 0.5]])


def test_stations_that_are_not_there_change_nothing(model):
    known = made_events()
    more = np.concatenate([known.measures, np.full((12, 4, COUNT), np.nan, np.float32)], axis=1)
    np.testing.assert_allclose(model.log_odds(more), model.log_odds(known.measures), atol=1e-5)


def test_it_abstains(model):
    label = model.decide(np.array([2.0, -2.0, 0.3, 2.0]), np.array([5, 2, 5, 1]))
    assert label.tolist() == ["explosion", "earthquake", "undecided", "undecided"]


def test_scores_that_are_known():
    explosion = np.array([True, True, False, False])
    odds = np.array([2.0, -0.1, -1.0, 0.0])
    scores = scores_of(odds, np.array(["explosion", "undecided", "earthquake", "undecided"]), explosion)
    assert scores["auc"] == 0.75 and scores["decided"] == 0.5 and scores["accuracy_decided"] == 1
    assert scores["balanced_accuracy"] == 0.75 and scores["auc_low"] <= 0.75 <= scores["auc_high"]
    assert classifier.cross_entropy(np.zeros(4), explosion) == pytest.approx(np.log(2))
    many = np.concatenate([RNG.normal(1, 1, 60), RNG.normal(0, 1, 200)])
    low, high = area_interval(many, np.arange(260) < 60)
    assert 0.02 < high - low < 0.2


def test_events_of_a_place_stay_together():
    known = made_events()
    assert len(set(places(known))) == 6
    folds = deal(known, 40, "place")
    assert all(folds[known.names[k]] == folds[known.names[k + 1]] for k in range(0, 12, 2))
    assert sorted(deal(known, 40, "event").values()) == list(range(1, 13))
    assert set(deal(known, 3, "event").values()) == {1, 2, 3}
    with pytest.raises(ZooError, match="needs latitude and longitude"):
        places(known._replace(coordinates_deg=np.full((12, 2), np.nan)))


def test_the_origin_time_that_stations_agree_on():
    picks = {f"XX.S{k}": {"P": [(50 + t, 0.8)], "S": [(50 + 1.75 * t, 0.5)]} for k, t in enumerate((2.0, 4.0, 7.0))}
    picks["XX.BAD"] = {"P": [(20.0, 0.99)], "S": [(24.0, 0.99)]}
    assert origin_of(picks) == pytest.approx(50.0)
    with pytest.raises(ZooError, match="--origin-time"):
        origin_of({"XX.A": {"P": [(3.0, 0.9)], "S": []}})


@pytest.fixture(scope="module")
def stream():
    """An explosion that four stations recorded, and one that was not there."""
    from obspy import Stream, Trace, UTCDateTime

    rng, start, made = np.random.default_rng(5), UTCDateTime(2020, 1, 1), Stream()
    for number in range(5):
        data = event_records.vertical(rng, True, 2.5 + number)
        header = {"network": "XX", "station": f"S{number}", "channel": "HHZ", "sampling_rate": 100.0}
        made.append(Trace(data.astype(np.float32), {**header, "starttime": start + 3600 * (number == 4)}))
    return made


def test_a_stream_gets_a_row_for_the_event_and_each_station(stream):
    origin = stream[0].stats.starttime + event_records.ORIGIN_S
    answer = events.classify_event(stream, origin)
    assert answer.stations == ["XX.S0", "XX.S1", "XX.S2", "XX.S3"] and answer.origin_from == "given"
    assert answer.windows[0].station == "*" and answer.windows[0].label == answer.label
    assert answer.probability == pytest.approx(1 / (1 + np.exp(-answer.log_odds)))
    for number, window in enumerate(answer.windows[1:]):
        assert abs(window.start - origin - 2.5 - number) < 0.6
        assert sum(window.probabilities.values()) == pytest.approx(1)
    assert any(note.startswith("XX.S4: no record at the origin time") for note in answer.notes)
    again = events.classify_event(stream.copy().trim(origin - 8), str(origin))
    assert again.stations == answer.stations
    nothing = events.classify_event(stream, origin + 1800)
    assert nothing.label == "undecided" and nothing.stations == [] and np.isnan(nothing.error)
    with pytest.raises(ZooError, match="answers seismograms.class; expected seismograms.event_class"):
        events.classify_event(stream, origin, "noise_earthquake")


def test_files_make_tables(stream, tmp_path):
    for trace in stream:
        trace.write(str(tmp_path / f"{trace.id}.mseed"), format="MSEED")
    origin = stream[0].stats.starttime + event_records.ORIGIN_S
    found = events.classify_files([tmp_path], out=tmp_path / "out", origin_times=[str(origin), str(origin + 9e4)])
    assert len(found.events) == 1 and any("no file at this time" in note for note in found.notes)
    with open(tmp_path / "out" / "events.csv") as file:
        (row,) = csv.DictReader(file)
    assert row["stations"] == "4" and float(row["probability_explosion"]) == pytest.approx(
        found.events[0].probability, abs=1e-4
    )
    with open(tmp_path / "out" / "windows.csv") as file:
        assert [line["station"] for line in csv.DictReader(file)] == ["*", "S0", "S1", "S2", "S3"]
    assert (tmp_path / "out" / "summary.json").is_file() and "P(explosion)" in found.report()
    with pytest.raises(UsageError, match="Origin times look like"):
        events.classify_files([tmp_path], out=tmp_path / "out", origin_times=["noon"])


def test_a_long_file_needs_an_origin_time(stream, tmp_path):
    from obspy import Stream, Trace

    long = Trace(np.ones(70_000, np.int32), {"station": "A", "channel": "HHZ", "sampling_rate": 100.0})
    Stream([long]).write(str(tmp_path / "long.mseed"), format="MSEED")
    with pytest.raises(UsageError, match="which event is meant"):
        events.classify_files([tmp_path / "long.mseed"], out=tmp_path / "out")


def test_the_recipe_measures_trains_and_scores(tmp_path, monkeypatch):
    records = event_records.event_records()
    monkeypatch.setattr(datasets, "records", lambda *_, **__: records)
    monkeypatch.setattr(datasets, "metadata", lambda *_: {"version": "1", "splits": {}, "sampling_rate_hz": 100.0})
    settings = {"epochs": 20, "folds": 12, "measures": ["ratios"], "scored_on": ["explosions/mine"]}
    folder = zoo.recipe("explosion_earthquake").train(out=tmp_path / "run", settings=settings)
    card = zoo.info(str(folder))
    scores = card["scores"]["explosions/mine"]["metrics"]
    assert scores["events"] == 12 and scores["explosions"] == 4 and scores["auc"] == 1
    assert card["answers"] == "seismograms.event_class"
    monkeypatch.setattr(datasets, "metadata", lambda *_: {"version": "1", "splits": {}, "sampling_rate_hz": 50.0})
    with pytest.raises(ZooError, match="sampled at 50 Hz; expected 100 Hz"):
        zoo.recipe("explosion_earthquake").train(out=tmp_path / "slow", settings=settings)


def test_the_shipped_default_on_real_explosions(real_data):
    """With the origin time and without; the three blasts near Victoria and the three near Granite Falls."""
    from zoo.seismograms import read

    files = real_data / "pnw" / "waveforms"
    stream = read(f"{files}/uw61835102_*.mseed")
    answer = events.classify_event(stream, "2022-05-25T00:00:04.37")
    assert answer.label == "explosion" and len(answer.stations) >= 7
    by_picks = events.classify_event(stream)
    assert by_picks.label == "explosion" and abs(by_picks.origin_time - answer.origin_time) < 5
    quake = read(f"{files}/uw61685082_*.mseed")
    assert events.classify_event(quake, "2020-10-21T04:22:09.43").label == "earthquake"
