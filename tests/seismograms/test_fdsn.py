"""Waveforms from a real FDSN web service on loopback, with the faults that such services have."""

from __future__ import annotations

import io

import numpy as np
import obspy
import pytest
from fdsn_service import FdsnService, serving
from obspy import Stream, Trace, UTCDateTime
from obspy.clients.fdsn import Client
from obspy.core.inventory import Channel, Inventory, Network
from obspy.core.inventory import Station as XmlStation

from zoo.errors import ZooError
from zoo.seismograms.archives import fdsn
from zoo.seismograms.archives.events import Event, Station
from zoo.seismograms.archives.fdsn import (
    BROKEN,
    NO_DATA,
    RESTRICTED,
    TOO_LARGE,
    TRUNCATED,
    Service,
    download,
    split_records,
)

ORIGIN = UTCDateTime("2014-07-23T09:00:00.25")
EVENTS = [
    Event("shot 1", "explosion", ORIGIN, 46.2, -122.2),
    Event("quake/2", "earthquake", ORIGIN + 3600, 46.3, -122.1),
]
STATIONS = [Station("XX", f"S{i}", 46.2 + 0.05 * i, -122.0) for i in range(4)]
WINDOW = {"before_s": 20.0, "after_s": 30.0, "radius_km": 100.0, "channels": "HH? EH?"}


def counts(stations=STATIONS, events=EVENTS, rate=100.0, components="ZNE"):
    """Return noise of all stations around all origins, as digitisers write it."""
    rng = np.random.default_rng(0)
    stream = Stream()
    for event in events:
        for station in stations:
            for component in components:
                data = rng.integers(-2000, 2000, int(80 * rate)).astype(np.int32)
                header = {"network": station.network, "station": station.station, "channel": f"HH{component}"}
                header |= {"sampling_rate": rate, "starttime": event.origin_time - 40.12}
                stream += Trace(data, header)
    return stream


def inventory(stations=STATIONS, closed=()):
    made = []
    for s in stations:
        place = {"latitude": s.latitude_deg, "longitude": s.longitude_deg, "elevation": 900.0}
        state = "closed" if s.station in closed else "open"
        channels = [
            Channel(f"HH{c}", "", depth=0.0, sample_rate=100.0, restricted_status=state, **place) for c in "ZNE"
        ]
        made.append(XmlStation(s.station, channels=channels, start_date=ORIGIN - 1e6, **place))
    return Inventory([Network("XX", stations=made)], source="test")


@pytest.fixture
def service():
    with serving(FdsnService(counts(), inventory())) as running:
        yield running


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(fdsn, "_WAIT_S", 0.01)


def fetch(service, folder, events=EVENTS, stations=STATIONS, **changes):
    return download(Service(service.url), events, stations, folder, **{**WINDOW, **changes})


def files(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.suffix == ".mseed"}


def test_obspy_finds_a_whole_service_on_loopback(service):
    client = Client(service.url)
    assert {"dataselect", "station", "event"} <= client.services.keys()
    assert client.get_webservice_version("dataselect") == [1, 2, 3]
    got = client.get_waveforms("XX", "S1", "*", "HHZ", ORIGIN, ORIGIN + 10)
    assert len(got) == 1 and got[0].stats.npts == 1001


def test_files_hold_what_the_service_has(service, tmp_path):
    found, problems = fetch(service, tmp_path)
    assert problems == [] and [s.code for s in found["quake/2"]] == ["XX.S0", "XX.S1", "XX.S2", "XX.S3"]
    assert len(service.asked) == 2  # one bulk request for each event
    got = obspy.read(str(tmp_path / "quake_2" / "XX.S2.mseed"))
    assert sorted(t.stats.channel for t in got) == ["HHE", "HHN", "HHZ"]
    start, end = EVENTS[1].origin_time - 20, EVENTS[1].origin_time + 30
    for trace in got:
        original = service.stream.select(station="S2", channel=trace.stats.channel).slice(start, end)[0]
        assert trace.stats.starttime == original.stats.starttime
        np.testing.assert_array_equal(trace.data, original.data)
    fetch(service, tmp_path)
    assert len(service.asked) == 2


def test_an_interrupted_download_goes_on(service, tmp_path):
    fetch(service, tmp_path / "whole")
    service.asked.clear()
    service.largest, service.unavailable_after = 2, 5  # a station at a time, then nothing more
    with pytest.raises(ZooError, match="failed 5 times .*503.*kept; the same command goes on"):
        fetch(service, tmp_path / "parts")
    assert 0 < len(files(tmp_path / "parts")) < 4
    service.largest, service.unavailable_after = None, len(service.asked) + 1
    with pytest.raises(ZooError, match="goes on"):
        fetch(service, tmp_path / "parts")
    assert len(files(tmp_path / "parts")) == 4
    service.unavailable_after = None
    service.asked.clear()
    fetch(service, tmp_path / "parts")
    assert len(service.asked) == 1 and files(tmp_path / "parts") == files(tmp_path / "whole")


def test_no_data_is_remembered_and_reported(service, tmp_path):
    service.stream = service.stream.select(station="S[012]")
    for _ in range(2):
        found, problems = fetch(service, tmp_path)
        assert {(p.name, p.problem, p.consequence) for p in problems} == {
            ("shot_1_XX.S3", NO_DATA, "skipped"),
            ("quake_2_XX.S3", NO_DATA, "skipped"),
        }
        assert len(found["shot 1"]) == 3 and len(service.asked) == 2
    service.stream = Stream()
    found, problems = fetch(service, tmp_path / "empty")  # 204 to all
    assert found == {"shot 1": [], "quake/2": []} and len(problems) == 8 and len(service.asked) == 4


def test_too_large_requests_are_divided(service, tmp_path):
    service.largest = 3  # lines: a station has two, of HH? and EH?
    found, problems = fetch(service, tmp_path, EVENTS[:1])
    assert len(found["shot 1"]) == 4 and not problems and len(service.asked) == 1 + 2 + 4
    service.largest = 1
    _, problems = fetch(service, tmp_path / "never", EVENTS[:1])
    assert [p.problem for p in problems] == [TOO_LARGE] * 4


@pytest.mark.parametrize("fault", ["unavailable", "drop"])
def test_passing_faults_are_waited_out(service, tmp_path, capsys, fault):
    fetch(service, tmp_path / "good", EVENTS[:1])
    setattr(service, fault, 2)
    _, problems = fetch(service, tmp_path / "bad", EVENTS[:1])
    assert not problems and files(tmp_path / "bad") == files(tmp_path / "good")
    assert capsys.readouterr().err.count("asking again") == 2


def test_a_silent_service_is_asked_again(service, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(fdsn, "_TIMEOUT_S", 2.0)  # on a busy machine the other answers take a while, too
    service.silent_s = 20.0
    _, problems = fetch(service, tmp_path, EVENTS[:1])
    assert not problems and "Timed Out; asking again" in capsys.readouterr().err


def test_truncated_records(service, tmp_path):
    fetch(service, tmp_path / "good", EVENTS[:1])
    service.truncate = {"XX.S1": 1}
    _, problems = fetch(service, tmp_path / "once", EVENTS[:1])
    assert not problems and files(tmp_path / "once") == files(tmp_path / "good")
    service.truncate = {"XX.S1": 1000}
    found, problems = fetch(service, tmp_path / "always", EVENTS[:1])
    assert [(p.name, p.problem) for p in problems] == [("shot_1_XX.S1", TRUNCATED)]
    assert [s.station for s in found["shot 1"]] == ["S0", "S2", "S3"]
    service.truncate = {}  # mended: what was truncated is asked for again, and nothing else
    service.asked.clear()
    _, problems = fetch(service, tmp_path / "always", EVENTS[:1])
    assert not problems and files(tmp_path / "always") == files(tmp_path / "good")
    assert len(service.asked) == 1 and "S2" not in service.asked[0][1]


def test_restricted_data_are_reported_and_not_asked_again(service, tmp_path):
    service.restricted = {"XX.S2"}
    found, problems = fetch(service, tmp_path, EVENTS[:1])
    assert [(p.name, p.problem) for p in problems] == [("shot_1_XX.S2", RESTRICTED)]
    assert len(found["shot 1"]) == 3
    service.asked.clear()
    assert fetch(service, tmp_path, EVENTS[:1])[1] == problems and not service.asked


def test_a_station_that_a_service_stumbles_over_does_not_stop_the_others(service, tmp_path):
    service.faulty = {"XX.S2"}
    found, problems = fetch(service, tmp_path, EVENTS[:1])
    assert [(p.name, p.problem) for p in problems] == [("shot_1_XX.S2", BROKEN)] and len(found["shot 1"]) == 3
    service.faulty = set()
    assert len(fetch(service, tmp_path, EVENTS[:1])[0]["shot 1"]) == 4


def test_codes_lead_out_of_no_folder(service, tmp_path):
    with pytest.raises(ZooError, match="not the code of a network and a station"):
        fetch(service, tmp_path, EVENTS[:1], [Station("..", "/../../x", 46.2, -122.0)])


def test_stations_of_the_service_within_a_radius(service, tmp_path):
    service.inventory = inventory(closed=("S1",))
    service.truncate = {"station": 1}  # half a file would be kept for ever
    found, problems = fetch(service, tmp_path, EVENTS[:1], None, radius_km=17.0)
    assert [kind for kind, _ in service.asked] == ["station", "station", "dataselect"]
    distance_km = [s.path_from(EVENTS[0])[0] for s in STATIONS]
    assert [d < 17 for d in distance_km] == [True, True, False, False]
    assert [s.code for s in found["shot 1"]] == ["XX.S0"] and found["shot 1"][0].elevation_m == 900
    assert [(p.name, p.problem) for p in problems] == [("shot_1_XX.S1", RESTRICTED)]  # as StationXML says
    asked = len(service.asked)
    fetch(service, tmp_path, EVENTS[:1], None, radius_km=17.0)
    assert len(service.asked) == asked
    far = [Event("far", "explosion", ORIGIN, -40.0, 20.0)]
    for _ in range(2):
        found, problems = fetch(service, tmp_path, far, None)
        assert [p.problem for p in problems] == ["no station within 100 km"] and len(service.asked) == asked + 1


def test_what_cannot_be_asked(service, tmp_path):
    with pytest.raises(ZooError, match="NOWHERE.*unknown.*like IRIS"):
        Service("NOWHERE")
    with pytest.raises(ZooError, match="does not have dataselect .404.*Is fdsn= the address"):
        download(Service(service.url + "/elsewhere"), EVENTS, STATIONS, tmp_path, **WINDOW)
    service.refuse = "channel HQQ? is nonsense"
    with pytest.raises(ZooError, match="dataselect refuses the request: .*HQQ"):
        fetch(service, tmp_path)


def test_records_are_sorted_by_station_without_a_change():
    parts = {}
    for code in ("S1", "S2"):
        buffer = io.BytesIO()
        counts().select(station=code).write(buffer, format="MSEED", reclen=512)
        parts[f"XX.{code}"] = buffer.getvalue()
    one, two = parts["XX.S1"], parts["XX.S2"]
    assert split_records(one[:512] + two + one[512:]) == (parts, True)
    assert split_records(one + two[:-1]) == ({}, False) and split_records(one + b"<html>" * 100) == ({}, False)
    assert split_records(b"") == ({}, True)
