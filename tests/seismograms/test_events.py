"""Event tables and station lists: CSV, QuakeML, StationXML, and rows that cannot be used."""

from __future__ import annotations

import numpy as np
import pytest
from obspy import UTCDateTime
from obspy.core.event import Catalog, Magnitude, Origin
from obspy.core.event import Event as XmlEvent
from obspy.core.inventory import Inventory, Network
from obspy.core.inventory import Station as XmlStation

from zoo.errors import ZooError
from zoo.seismograms.archives.events import Event, Station, near, read_events, read_stations

TIME = UTCDateTime("2014-07-23T09:00:00.25")
HEAD = "event_id,event_type,origin_time,latitude_deg,longitude_deg,depth_km,magnitude,magnitude_type\n"


def test_an_event_table(tmp_path):
    table = tmp_path / "events.csv"
    table.write_text(
        "\ufeff" + HEAD + "a/1,Quarry Blast,2014-07-23T09:00:00.25Z,46.2,-122.2,,1.5,ml\n"
        "b,earthquake,2014-07-23 10:00:00,46.3,-122.1,5.5,,\n"
    )
    (blast, quake), problems = read_events(table)
    assert not problems and blast.event_type == "Quarry Blast" and blast.category == "explosion"
    assert blast.file_name == "a_1" and blast.origin_time == TIME and np.isnan(blast.depth_km)
    assert (quake.category, quake.depth_km, quake.magnitude_type) == ("earthquake", 5.5, "")
    assert np.isnan(quake.magnitude)


@pytest.mark.parametrize(
    "row, reason",
    [
        ("x,landslide,2014-07-23T10:00:00,46,-122,0,1,ml", "event type 'landslide' is neither"),
        ("x,explosion,23.7.2014,46,-122,0,1,ml", "origin_time is '23.7.2014'"),
        ("x,explosion,1406106000,46,-122,0,1,ml", "origin_time is '1406106000'"),
        ("x,explosion,2014-07-23T10:00:00,-122,46,0,1,ml", "latitude_deg is '-122'"),
        ("x,explosion,2014-07-23T10:00:00,,-122,0,1,ml", "latitude_deg is ''"),
        ("x,explosion,2014-07-23T10:00:00,46,-122,deep,1,ml", "depth_km is 'deep', not a number"),
        ("x,explosion,2014-07-23", "latitude_deg is ''"),
        ("good,explosion,2014-07-23T10:00:00,46,-122,0,1,ml", "a second event with this event_id"),
    ],
)
def test_rows_that_are_no_event_are_left_out_and_named(tmp_path, row, reason):
    table = tmp_path / "events.csv"
    table.write_text(HEAD + "good,explosion,2014-07-23T09:00:00,46,-122,0,1,ml\n" + row + "\n")
    events, problems = read_events(table)
    assert [e.event_id for e in events] == ["good"]
    assert len(problems) == 1 and reason in problems[0].problem and problems[0].name == row.split(",")[0]


def test_tables_that_are_none(tmp_path):
    table = tmp_path / "events.csv"
    table.write_text("event,event_type\n1,explosion\n")
    with pytest.raises(ZooError, match="no column event_id, origin_time, .*it has event, event_type"):
        read_events(table)
    table.write_text(HEAD + "x,landslide,2014-07-23T10:00:00,46,-122,0,1,ml\n")
    with pytest.raises(ZooError, match="no event that can be used.*landslide"):
        read_events(table)
    table.write_text("<?xml version='1.0'?><html/>")
    with pytest.raises(ZooError, match="not QuakeML"):
        read_events(table)
    with pytest.raises(ZooError, match="not StationXML"):
        read_stations(table)
    with pytest.raises(ZooError, match="Cannot read .*gone.csv"):
        read_events(tmp_path / "gone.csv")


def test_quakeml(tmp_path):
    origin = Origin(time=TIME, latitude=46.2, longitude=-122.2, depth=-500.0)
    shot = XmlEvent(event_type="explosion", origins=[origin], magnitudes=[Magnitude(mag=1.5, magnitude_type="ML")])
    other = XmlEvent(event_type="landslide", origins=[origin])
    Catalog([shot, other, XmlEvent(event_type="earthquake")]).write(str(tmp_path / "e.xml"), format="QUAKEML")
    (event,), problems = read_events(tmp_path / "e.xml")
    assert event.event_id == shot.resource_id.id and "/" not in event.file_name and event.origin_time == TIME
    assert (event.depth_km, event.magnitude, event.magnitude_type) == (-0.5, 1.5, "ML")
    assert ["landslide" in problems[0].problem, "no origin" in problems[1].problem] == [True, True]


def test_a_station_list(tmp_path):
    table = tmp_path / "stations.csv"
    table.write_text(
        "network,station,location,channels,latitude_deg,longitude_deg,elevation_m\n"
        'XX,S1,,"EH?, HH?",46.2,-122.0,900\nXX,S2,10,,46.3,-122.0,\nXX,S1,,,1,1,\nXX,S3,,,100,0,\n'
    )
    stations, problems = read_stations(table)
    assert stations[0] == Station("XX", "S1", 46.2, -122.0, 900.0, "*", "EH? HH?")
    assert stations[1].location == "10" and np.isnan(stations[1].elevation_m)
    assert [p.name for p in problems] == ["XX.S1", "XX.S3"] and "second time" in problems[0].problem


def test_stationxml_has_epochs(tmp_path):
    epochs = [
        XmlStation("S1", 46.2, -122.0, 900.0, start_date=TIME - 1000, end_date=TIME - 10),
        XmlStation("S1", 46.25, -122.0, 950.0, start_date=TIME - 10),
    ]
    Inventory([Network("XX", stations=epochs)], source="test").write(str(tmp_path / "s.xml"), format="STATIONXML")
    stations, problems = read_stations(tmp_path / "s.xml")
    event = Event("e", "explosion", TIME, 46.2, -122.2)
    assert len(stations) == 2 and not problems
    assert [s.elevation_m for s in near(stations, event, 100)] == [950]
    assert near(stations, Event("e", "explosion", TIME - 2000, 46.2, -122.2), 100) == []


def test_paths_are_obspys_and_unknown_places_count_as_near():
    from obspy.geodetics import gps2dist_azimuth

    event = Event("e", "explosion", TIME, 46.2, -122.2)
    distance_m, azimuth, back = gps2dist_azimuth(46.2, -122.2, 46.5, -121.9)
    there = Station("XX", "S1", 46.5, -121.9)
    assert there.path_from(event) == (distance_m / 1e3, azimuth, back)
    unknown = Station("XX", "S2")
    assert np.isnan(unknown.path_from(event)).all()
    assert near([there, unknown], event, distance_m / 1e3 - 1e-6) == [unknown]
    assert near([there, unknown], event, distance_m / 1e3) == [there, unknown]
