"""The explosions builder: a study's folder, miniSEED of one's own, an FDSN service; cuts, splits, what goes wrong."""

from __future__ import annotations

import csv
import math

import numpy as np
import obspy
import pytest
import scipy.signal
from fdsn_service import FdsnService, serving
from obspy import Stream, Trace, UTCDateTime
from obspy.core.event import Catalog, Magnitude, Origin
from obspy.core.event import Event as XmlEvent
from obspy.core.inventory import Channel, Inventory, Network, Station

from zoo.data import datasets
from zoo.errors import UsageError, ZooError
from zoo.seismograms.archives import fdsn
from zoo.seismograms.signals import polyphase_filter

OWN, PNW, PNW_KONG = "explosions/mine", "explosions/pnw", "explosions/pnw_kong2021"
SPLITS = "train", "validation", "test"
TIME = UTCDateTime("2014-07-23T09:00:00.253")
QUAKES, SHOTS = [f"q{i}" for i in range(5)], [f"s{i}" for i in range(4)]
ORIGINS = {name: TIME + 600 * i for i, name in enumerate(QUAKES + SHOTS)}
STATIONS = {"A": 46.3, "B": 46.6}
P_S = 7.0  # after the origin: where a pulse is put


def recordings(rate=100.0, components="ZNE"):
    """Return counts around every origin at both stations: noise, and a pulse on Z in the sample nearest to P."""
    rng = np.random.default_rng(0)
    stream = Stream()
    for origin in ORIGINS.values():
        for station in STATIONS:
            for component in components:
                start = origin - 40.117
                data = rng.integers(-20, 20, int(120 * rate)).astype(np.int32) + 300
                if component == "Z":
                    data[round((origin + P_S - start) * rate)] += 100_000
                header = {"network": "XX", "station": station, "channel": f"HH{component}", "location": "00"}
                stream += Trace(data, header | {"sampling_rate": rate, "starttime": start})
    return stream


def write_tables(folder):
    rows = ["event_id,event_type,origin_time,latitude_deg,longitude_deg,depth_km,magnitude,magnitude_type"]
    for name, origin in ORIGINS.items():
        rows.append(f"{name},{'earthquake' if name in QUAKES else 'quarry blast'},{origin},46.2,-122.2,1.5,2.0,ml")
    (folder / "events.csv").write_text("\n".join(rows) + "\n")
    rows = ["network,station,latitude_deg,longitude_deg,elevation_m"]
    rows += [f"XX,{name},{latitude},-122.0,900" for name, latitude in STATIONS.items()]
    (folder / "stations.csv").write_text("\n".join(rows) + "\n")


@pytest.fixture
def folder(tmp_path):
    """A folder with a table of 9 events, a list of 2 stations, and a miniSEED file."""
    write_tables(tmp_path)
    (tmp_path / "wave").mkdir()
    recordings().write(str(tmp_path / "wave" / "all.mseed"), format="MSEED")
    return tmp_path


def settings(folder, **changes):
    tables = {"events": str(folder / "events.csv"), "stations": str(folder / "stations.csv")}
    made = {**tables, "waveforms": str(folder / "wave"), "shares": "50:25:25", **changes}
    return {key: value for key, value in made.items() if value is not None}


def prepare(folder, where="data", **changes):
    """Return the records of all splits together, with the split of each."""
    datasets.prepare(OWN, folder / where, settings=settings(folder, **changes), workers=2)
    return together(OWN, folder / where)


def together(name, where):
    counts = datasets.metadata(name, where)["splits"]
    made = datasets.arrays(name, "+".join(counts), where)
    made = {key: value.astype(str) if value.dtype == object else value for key, value in made.items()}
    return made | {"split": np.repeat(list(counts), list(counts.values()))}


def problems(name, where):
    with open(next((where / name).glob("*/problems.csv")), newline="") as file:
        return {(row["name"], row["problem"], row["consequence"]) for row in csv.DictReader(file)}


def record_bytes(where):
    return {path.name: path.read_bytes() for path in sorted((where / OWN).glob("*/*tfrecord*"))}


def one_split_per_event(found):
    split = {event: set(found["split"][found["source_id"] == event]) for event in found["source_id"]}
    assert all(len(splits) == 1 for splits in split.values())
    return {event: splits.pop() for event, splits in split.items()}


def reference(trace, to_hz, first, samples):
    """Return samples of an ObsPy trace resampled by scipy; output sample 0 lies on input sample `first`."""
    data = trace.data.astype(float) - trace.data.mean()
    up, down, taps = polyphase_filter(trace.stats.sampling_rate, to_hz)
    if up == down == 1:
        return data[first : first + samples]
    phase = first % down
    return scipy.signal.resample_poly(data[phase:], up, down, window=taps)[(first - phase) * up // down :][:samples]


def assert_same_but_for_the_mean(values, expected):
    values, expected = values - values.mean(), expected - expected.mean()
    np.testing.assert_allclose(values, expected, atol=1e-5 * max(abs(expected).max(), 1))


# A folder of one's own


def test_records_of_ones_own_miniseed(folder):
    found = prepare(folder, sampling_rate_hz="50", window_s="-20:40")
    assert found["waveform"].shape == (18, 3000, 3) and "trace_scale" not in found
    about = datasets.metadata(OWN, folder / "data")
    assert about["problems"] == {} and about["sampling_rate_hz"] == 50 and about["component_order"] == "ZNE"
    split = one_split_per_event(found)
    for kind in (QUAKES, SHOTS):
        assert {split[event] for event in kind} == set(SPLITS)
    stream = recordings()
    for i in range(18):
        event, station = found["source_id"][i], found["station_code"][i]
        assert found["trace_name"][i] == f"{event}_XX.{station}"
        assert found["trace_category"][i] == ("earthquake" if event in QUAKES else "explosion")
        assert found["label"][i] == (event in SHOTS) and found["source_type"][i] in ("earthquake", "quarry blast")
        start = UTCDateTime(found["trace_start_time"][i])
        origin = ORIGINS[event]
        assert UTCDateTime(found["source_origin_time"][i]) == origin
        assert abs(start - (origin - 20)) <= 0.005 + 1e-6  # half a sample of the original
        assert abs(found["trace_origin_sample"][i] - (origin - start) * 50) < 1e-6
        peak = found["waveform"][i, :, 0].argmax()
        assert abs(peak - (found["trace_origin_sample"][i] + P_S * 50)) <= 0.75  # half a sample, and a quarter: 100 Hz
        for place, component in enumerate("ZNE"):
            near = stream.select(station=station, channel=f"HH{component}").slice(origin, origin + 1)[0]
            whole = next(t for t in stream if t.id == near.id and t.stats.starttime < origin < t.stats.endtime)
            expected = reference(whole, 50, round((start - whole.stats.starttime) * 100), 3000)
            assert_same_but_for_the_mean(found["waveform"][i, :, place], expected)
        distance_m, azimuth, back = obspy.geodetics.gps2dist_azimuth(46.2, -122.2, STATIONS[station], -122.0)
        assert found["path_ep_distance_km"][i] == distance_m / 1e3
        assert (found["path_azimuth_deg"][i], found["path_back_azimuth_deg"][i]) == (azimuth, back)
    assert set(found["station_location_code"]) == {"00"} and set(found["trace_channel"]) == {"HH"}
    assert set(found["trace_component_order"]) == {"ZNE"} and set(found["station_elevation_m"]) == {900}
    assert set(found["source_magnitude"]) == {2} and set(found["source_depth_km"]) == {1.5}


def test_the_cut_of_kong2021(folder):
    found = prepare(folder, cut="kong2021")
    assert found["waveform"].shape == (2 * (5 * 4 + 4 * 10), 540, 3)
    for event in ORIGINS:
        assert (found["source_id"] == event).sum() == 2 * (4 if event in QUAKES else 10)
    assert len(set(found["trace_name"])) == 120 and len(one_split_per_event(found)) == 9
    np.testing.assert_allclose(abs(found["waveform"]).max(axis=(1, 2)), 1, atol=1e-6)
    np.testing.assert_allclose(found["waveform"].mean(axis=1), 0, atol=1e-6)
    starts = np.array(
        [UTCDateTime(t) - ORIGINS[e] for t, e in zip(found["trace_start_time"], found["source_id"], strict=True)]
    )
    assert -22.51 <= starts.min() < -20.5 and -2 < starts.max() <= 0.01  # uniform: 120 of them
    np.testing.assert_allclose(found["trace_origin_sample"], -20 * starts, atol=1e-4)
    stream = recordings()
    for i in range(0, 120, 7):
        traces = [
            t
            for t in stream.select(station=found["station_code"][i])
            if t.stats.starttime < ORIGINS[found["source_id"][i]] < t.stats.endtime
        ]
        for place, component in enumerate("ZNE"):
            one = next(t for t in traces if t.stats.channel[-1] == component)
            first = round((UTCDateTime(found["trace_start_time"][i]) - one.stats.starttime) * 100)
            values = found["waveform"][i, :, place] * found["trace_scale"][i]
            assert_same_but_for_the_mean(values, reference(one, 20, first, 540))
    # A pulse at 7 s is in the window where the start is later than -20 s.
    sample = found["trace_origin_sample"] + P_S * 20
    inside = sample < 535
    peaks = found["waveform"][inside, :, 0].argmax(axis=1)
    assert inside.sum() > 80 and abs(peaks - sample[inside]).max() <= 0.6  # half a sample, and one tenth: 100 Hz


def test_what_seeds_and_workers_change(folder):
    where = {}
    for name, workers, changes in [("a", 1, {}), ("b", 4, {}), ("c", 1, {"seed": "1"})]:
        datasets.prepare(OWN, folder / name, settings=settings(folder, cut="kong2021", **changes), workers=workers)
        where[name] = together(OWN, folder / name)
    assert record_bytes(folder / "a") == record_bytes(folder / "b")
    assert one_split_per_event(where["a"]) != one_split_per_event(where["c"])
    start = lambda n: dict(zip(where[n]["trace_name"], where[n]["trace_start_time"], strict=True))
    assert sum(start("c")[name] == time for name, time in start("a").items()) < 3


def test_all_to_one_split_and_too_few_events(folder):
    assert set(prepare(folder, shares="0:0:100")["split"]) == {"test"}
    rows = (folder / "events.csv").read_text().splitlines()
    (folder / "events.csv").write_text("\n".join(rows[:8]))  # of explosions, two are left
    with pytest.raises(ZooError, match="2 explosion events .*train, validation, test.*shares=100:0:0"):
        prepare(folder, "few")


@pytest.mark.filterwarnings("ignore::obspy.io.mseed.InternalMSEEDWarning")
def test_whatever_is_wrong_is_reported(folder):
    stream = recordings()
    of = lambda event, station: [
        t for t in stream if t.stats.station == station and t.stats.starttime < ORIGINS[event] < t.stats.endtime
    ]
    for trace in of("q0", "A"):
        stream.remove(trace)  # not recorded
    long_gap = of("q1", "A")[0]
    stream.remove(long_gap)
    stream += long_gap.slice(endtime=ORIGINS["q1"] + 3)
    stream += long_gap.slice(ORIGINS["q1"] + 6)
    short_gap = of("q2", "A")[0]
    stream.remove(short_gap)
    stream += short_gap.slice(endtime=ORIGINS["q2"] + 3)
    stream += short_gap.slice(ORIGINS["q2"] + 3.3)
    for trace, code in zip(of("q3", "A"), ("HHZ", "HH1", "HH2"), strict=True):
        trace.stats.channel = code
    for trace in of("q4", "A")[1:]:
        stream.remove(trace)  # vertical only
    for trace in of("s0", "A"):
        trace.data[:] = 7
    other = of("s1", "A")[0].copy()
    other.stats.station = "C"
    stream += other
    path = folder / "wave" / "all.mseed"
    stream.write(str(path), format="MSEED", reclen=512)
    extra = Stream(of("s2", "A"))
    for trace in extra:
        stream.remove(trace)
    stream.write(str(path), format="MSEED", reclen=512)
    extra.write(str(folder / "wave" / "cut"), format="MSEED", reclen=512)
    (folder / "wave" / "cut").write_bytes((folder / "wave" / "cut").read_bytes()[:-10])
    (folder / "wave" / "broken").write_bytes(path.read_bytes()[:48] + bytes(464))
    with open(folder / "events.csv", "a") as file:
        file.write("l0,landslide,2014-07-23T12:00:00,46.2,-122.2,0,1,ml\n")
    found = prepare(folder, window_s="-20:40")
    expected = {
        ("l0", "line 11: event type 'landslide' is neither an earthquake's nor an explosion's", "skipped"),
        ("broken", "a file that cannot be read", "skipped"),
        ("XX.C", "not in the station list", "skipped"),
        ("q0_XX.A", "not in the folder", "skipped"),
        ("q1_XX.A", "a gap longer than 1 s", "skipped"),
        ("q2_XX.A", "gaps up to 1 s filled", "kept"),
        ("q3_XX.A", "horizontals 1, 2 taken for N, E", "kept"),
        ("q4_XX.A", "flat component NE", "kept"),
        ("s0_XX.A", "every component flat", "skipped"),
        ("s2_XX.A", "a file that ends inside a record", "kept"),
    }
    assert problems(OWN, folder / "data") == expected and len(found["label"]) == 18 - 3
    assert sum(datasets.metadata(OWN, folder / "data")["problems"].values()) == len(expected)
    strict = prepare(folder, "strict", window_s="-20:40", complete="true", max_gap_s="0.1")
    assert len(strict["label"]) == 18 - 5
    assert {(n, c) for n, _, c in problems(OWN, folder / "strict")} >= {("q2_XX.A", "skipped"), ("q4_XX.A", "skipped")}


def test_nothing_left_is_said(folder):
    with pytest.raises(ZooError, match="no trace is left to write .*18 x a gap longer than 1 s: skipped"):
        prepare(folder, window_s="-60:60")


def test_without_a_station_list_places_are_unknown(folder):
    found = prepare(folder, stations=None)
    assert len(found["label"]) == 18 and found["waveform"].shape[1:] == (9000, 3)
    for name in ("station_latitude_deg", "path_ep_distance_km", "path_azimuth_deg"):
        assert np.isnan(found[name]).all()


def test_far_stations_are_left_out(folder):
    assert set(prepare(folder, radius_km="30")["station_code"]) == {"A"}


def test_a_changed_table_is_not_taken_for_the_prepared_one(folder):
    prepare(folder)
    with open(folder / "events.csv", "a") as file:
        file.write("more,explosion,2014-07-24T12:00:00,46.2,-122.2,0,1,ml\n")
    with pytest.raises(ZooError, match="prepared with other settings .checksums"):
        prepare(folder)


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"radius": "5"}, "no setting 'radius'.*Did you mean radius_km"),
        ({"fdsn": "IRIS"}, "one of them"),
        ({"waveforms": None}, "one of them"),
        ({"events": None}, "events=TABLE is missing"),
        ({"events": "fdsn?starttime=2014-01-01"}, "asks the service that fdsn= names"),
        ({"events": "gone.csv"}, "there is no such file"),
        ({"cut": "kong"}, "Did you mean kong2021"),
        ({"cut": "kong2021", "window_s": "0:1"}, "cut=kong2021 has its own window_s"),
        ({"window_s": "5:1"}, "start:end in s"),
        ({"window_s": "nan:1"}, "2 numbers, with ':' between them in s"),
        ({"sampling_rate_hz": "0"}, "a number in Hz from 0.1"),
        ({"components": "RT"}, "knows no 'RT'"),
        ({"complete": "yes"}, "true or false"),
        ({"shares": "0:0:0"}, "like 70:10:20"),
        ({"shares": "70:30"}, "like 70:10:20"),
        ({"channels": " "}, "patterns like"),
        ({"seed": "-1"}, "whole number from 0"),
    ],
)
def test_wrong_settings(folder, changes, message):
    with pytest.raises(ZooError, match=message) as caught:
        datasets.builder(OWN, folder / "data", settings(folder, **changes))
    assert isinstance(caught.value, UsageError) or "no such" in message
    with pytest.raises(UsageError, match="name of its own"):
        datasets.builder(PNW, folder / "data", settings(folder))


# From an FDSN service


@pytest.fixture
def service(monkeypatch):
    monkeypatch.setattr(fdsn, "_WAIT_S", 0.01)
    place = lambda latitude: {"latitude": latitude, "longitude": -122.0, "elevation": 900.0}
    stations = [
        Station(
            name,
            channels=[Channel(f"HH{c}", "00", depth=0.0, sample_rate=100.0, **place(latitude)) for c in "ZNE"],
            start_date=TIME - 1e6,
            **place(latitude),
        )
        for name, latitude in STATIONS.items()
    ]
    events = [
        XmlEvent(
            resource_id=f"smi:test/{name}",
            event_type="earthquake" if name in QUAKES else "quarry blast",
            origins=[Origin(time=origin, latitude=46.2, longitude=-122.2, depth=1500.0)],
            magnitudes=[Magnitude(mag=2.0, magnitude_type="ml")],
        )
        for name, origin in ORIGINS.items()
    ]
    inventory = Inventory([Network("XX", stations=stations)], source="test")
    with serving(FdsnService(recordings(), inventory, Catalog(events))) as running:
        yield running


def test_an_interrupted_download_and_preparation_go_on(folder, service):
    own = {"waveforms": None, "fdsn": service.url, "cut": "kong2021"}
    prepare(folder, "whole", **own)
    asked = len(service.asked)
    assert asked == len(ORIGINS)
    service.unavailable_after = asked + 4
    with pytest.raises(ZooError, match="503.*the same command goes on"):
        prepare(folder, "parts", **own)
    service.unavailable_after = None
    service.asked.clear()
    prepare(folder, "parts", **own)
    assert len(service.asked) == len(ORIGINS) - 4
    assert record_bytes(folder / "parts") == record_bytes(folder / "whole") and len(record_bytes(folder / "whole")) == 3


def test_a_service_gives_what_a_folder_does(folder, service):
    local = prepare(folder, "local")
    remote = prepare(folder, "remote", waveforms=None, fdsn=service.url)
    listed = prepare(folder, "listed", waveforms=None, fdsn=service.url, stations=None)  # it knows its stations
    for other in (remote, listed):
        order = np.argsort(other["trace_name"])
        for name, values in local.items():
            np.testing.assert_array_equal(values[np.argsort(local["trace_name"])], other[name][order], name)


def test_events_of_the_service(folder, service):
    query = f"fdsn?starttime={TIME - 1}&endtime={TIME + 1e5}"
    found = prepare(folder, events=query, stations=None, waveforms=None, fdsn=service.url)
    assert len(found["label"]) == 18 and set(found["source_id"]) == {f"smi:test/{name}" for name in ORIGINS}
    assert set(found["source_depth_km"]) == {1.5} and found["label"].sum() == 8
    with pytest.raises(ZooError, match="no catalogue for 'starttime=2030"):
        query = "fdsn?starttime=2030-01-01&endtime=2031-01-01"
        prepare(folder, "none", events=query, stations=None, waveforms=None, fdsn=service.url)


def test_what_a_service_does_not_give_is_reported(folder, service):
    service.stream = Stream([t for t in service.stream if t.stats.station == "A" or t.stats.starttime > ORIGINS["q3"]])
    service.restricted = {"XX.B"}
    found = prepare(folder, waveforms=None, fdsn=service.url)
    assert set(found["station_code"]) == {"A"}
    assert problems(OWN, folder / "data") == {(f"{e}_XX.B", "restricted data", "skipped") for e in ORIGINS}


# The study of the Pacific Northwest


@pytest.fixture(scope="module")
def pnw(real_data, tmp_path_factory):
    where = tmp_path_factory.mktemp("pnw")
    for name in (PNW, PNW_KONG):
        datasets.prepare(name, where, real_data / "pnw")
    with open(real_data / "pnw" / "metadata.csv", newline="") as file:
        rows = {row["file"].split("/")[1].removesuffix(".mseed"): row for row in csv.DictReader(file)}
    return where, rows, real_data / "pnw"


def test_the_real_traces(pnw):
    where, rows, folder = pnw
    found = together(PNW, where)
    assert set(found["trace_name"]) == set(rows) and len(rows) == 316 and not problems(PNW, where)
    assert found["waveform"].shape == (316, 7000, 1) and found["label"].sum() == 43
    split = one_split_per_event(found)
    for kind in ("earthquake", "explosion"):
        assert {split[row["event"]] for row in rows.values() if row["event_type"] == kind} == set(SPLITS)
    for i, name in enumerate(found["trace_name"]):
        row = rows[name]
        trace = obspy.read(str(folder / row["file"]))[0]
        codes = (found[f"station_{part}"][i] for part in ("network_code", "code", "location_code"))
        assert ".".join((*codes, trace.stats.channel)) == row["id"] == trace.id
        assert found["trace_category"][i] == row["event_type"] and found["source_id"][i] == row["event"]
        assert found["trace_snr_2_10hz"][i] == float(row["snr_2_10hz"])
        assert found["source_depth_km"][i] == float(row["depth"])
        origin = UTCDateTime(row["source_origin_time"])
        start = UTCDateTime(found["trace_start_time"][i])
        first = round((start - trace.stats.starttime) * trace.stats.sampling_rate)
        assert abs(trace.stats.starttime + first * trace.stats.delta - start) < 2e-6
        assert abs(start - (origin - 45)) <= trace.stats.delta / 2 + 1e-6
        assert abs(found["trace_origin_sample"][i] - (origin - start) * 50) < 1e-3
        if trace.stats.sampling_rate == 40:  # 5/4: output samples from `first` on need no reference phase
            expected = scipy.signal.resample_poly(
                trace.data[first - 160 :] - trace.data.mean(), 5, 4, window=polyphase_filter(40.0, 50.0)[2]
            )[200:7200]
        else:
            expected = reference(trace, 50.0, first, 7000)
        assert_same_but_for_the_mean(found["waveform"][i, :, 0], expected)


def test_the_real_traces_cut_as_kong2021(pnw):
    where, rows, _ = pnw
    found = together(PNW_KONG, where)
    assert found["waveform"].shape == (43 * 10 + 273 * 4, 540, 3)
    assert not found["waveform"][:, :, 1:].any() and set(found["trace_component_order"]) == {"Z"}
    assert datasets.metadata(PNW_KONG, where)["problems"] == {"flat component NE: kept": 1522}
    whole = together(PNW, where)
    assert one_split_per_event(found) == one_split_per_event(whole)
    sample = np.array([rows[name.rsplit("_", 1)[0]]["source_origin_time"] for name in found["trace_name"]])
    starts = [UTCDateTime(t) - UTCDateTime(o) for t, o in zip(found["trace_start_time"], sample, strict=True)]
    assert -22.52 < min(starts) and max(starts) < 0.02 and abs(np.mean(starts) + 11.25) < 0.6


def test_the_real_traces_through_a_service(pnw, tmp_path, monkeypatch):
    where, rows, folder = pnw
    monkeypatch.setattr(fdsn, "_WAIT_S", 0.01)
    event = {row["event_type"]: row["event"] for row in rows.values()}
    mine = [row for row in rows.values() if row["event"] in event.values()]
    table = ["event_id,event_type,origin_time,latitude_deg,longitude_deg"]
    table += sorted(
        {f"{r['event']},{r['event_type']},{r['source_origin_time']},{r['latitude']},{r['longitude']}" for r in mine}
    )
    (tmp_path / "events.csv").write_text("\n".join(table))
    table = ["network,station,latitude_deg,longitude_deg"]
    table += sorted({",".join((*r["id"].split(".")[:2], "46.5", "-122")) for r in mine})  # the study gives no places
    (tmp_path / "stations.csv").write_text("\n".join(table))
    stream = Stream()
    for row in mine:
        stream += obspy.read(str(folder / row["file"]))
    with serving(FdsnService(stream)) as service:
        found = prepare(
            tmp_path,
            waveforms=None,
            fdsn=service.url,
            components="Z",
            channels="HH? BH? EH?",
            sampling_rate_hz="50",
            window_s="-45:95",
            radius_km="1000",
            shares="100:0:0",
        )
    whole = together(PNW, where)
    place = {(e, s): i for i, (e, s) in enumerate(zip(whole["source_id"], whole["station_code"], strict=True))}
    assert len(found["label"]) == len({(r["event"], r["id"].split(".")[1]) for r in mine}) > 10
    for i, key in enumerate(zip(found["source_id"], found["station_code"], strict=True)):
        assert found["trace_start_time"][i] == whole["trace_start_time"][place[key]]
        assert_same_but_for_the_mean(found["waveform"][i, :, 0], whole["waveform"][place[key], :, 0])
    assert math.isnan(found["source_magnitude"][0])


def test_a_folder_that_is_not_the_studys(tmp_path):
    with pytest.raises(ZooError, match="--manual-dir names no folder with metadata.csv.*datasets/explosions/README.md"):
        datasets.prepare(PNW, tmp_path / "data")
    (tmp_path / "pnw").mkdir()
    table = tmp_path / "pnw" / "metadata.csv"
    table.write_text("file,event,event_type\n")
    with pytest.raises(ZooError, match="no column id, snr_2_10hz, source_origin_time"):
        datasets.prepare(PNW, tmp_path / "data", tmp_path / "pnw")
    head = "file,event,event_type,source_origin_time,latitude,longitude,depth,magnitude,magnitude_type,id,snr_2_10hz\n"
    table.write_text(head + "waveforms/a.mseed,1,explosion,2018-02-13T23:04:46,48,-121,0,1,ml,UW.A..EHZ,3\n")
    with pytest.raises(ZooError, match="no trace is left.*its file is missing"):
        datasets.prepare(PNW, tmp_path / "data", tmp_path / "pnw")
