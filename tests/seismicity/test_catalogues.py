"""Catalogues as people have them: formats, names of columns, units, and what is wrong in them."""

from __future__ import annotations

import json

import numpy as np
import pytest

from zoo.errors import UsageError, ZooError
from zoo.seismicity.catalogues import from_columns, read_catalogue
from zoo.seismicity.catalogues.parts import from_numbers
from zoo.seismicity.catalogues.projection import Projection
from zoo.seismicity.catalogues.times import moments

COUNT = 40
COMCAT = "time,latitude,longitude,depth,mag,magType,nst,id,updated,place,type\n"
DAY = 24 * 3600 * 1000


def comcat_row(
    number: int, time: str | None = None, latitude: float = 35.5, longitude: float = -117.5, kind="earthquake"
):
    time = time or f"2020-01-{1 + number // 20:02d}T{number % 20:02d}:30:15.250Z"
    place = '"5 km N of A, CA"'
    return (
        f"{time},{latitude + number / 1000:.4f},{longitude},{number / 10},{1 + number / 100:.2f},ml,9,ci{number},"
        f"2021-01-01T00:00:00.000Z,{place},{kind}\n"
    )


def comcat(**changes) -> str:
    return COMCAT + "".join(comcat_row(number, **changes) for number in range(COUNT))


def write(folder, text: str, encoding: str = "utf-8"):
    path = folder / "catalogue.csv"
    path.write_bytes(text.encode(encoding))
    return path


def first_time(catalogue) -> str:
    return str(catalogue.time[0])


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (comcat(), "utf-8"),
        (comcat(), "utf-8-sig"),
        (comcat(), "utf-16"),
        (comcat().replace("\n", "\r\n"), "utf-8"),
        (comcat().replace("\n", "\n\n"), "utf-8"),
    ],
    ids=["plain", "byte-order mark", "utf-16", "windows lines", "blank lines"],
)
def test_comcat_csv_is_read_in_every_encoding(tmp_path, text, encoding):
    catalogue = read_catalogue(write(tmp_path, text, encoding))
    assert len(catalogue) == COUNT and first_time(catalogue) == "2020-01-01T00:30:15.250"
    assert np.allclose(catalogue.magnitude, 1 + np.arange(COUNT) / 100)
    assert np.allclose(catalogue.depth_km, np.arange(COUNT) / 10)
    assert not any("set aside" in note for note in catalogue.notes)


def row_of(style: str, number: int) -> str:
    day, hour = 1 + number // 20, number % 20
    return {
        "headerless": f"2020-01-{day:02d}T{hour:02d}:30:15.25Z,35.{number + 10},-117.5,5.2,1.3\n",
        "longitude first": f"2020-01-{day:02d} {hour:02d}:30:15.25,-117.5,35.{number + 10},5.2,1.3\n",
        "scedc": f"2020/01/{day:02d} {hour:02d}:30:15.25 eq  l 1.30 w   35.{number + 10} -117.500   5.2 A 384 136 20\n",
        "ncedc": f"2020/01/{day:02d} {hour:02d}:30:15.25,35.{number + 10},-117.5,5.2,1.30,Mx,7,171,20,.02,NC,{day}\n",
        "isc": f"{number},ke,ISC,2020-01-{day:02d},{hour:02d}:30:15.25,35.{number + 10},-117.5,5.2,,A,MW,1.3,A,mb,2\n",
        "numbers": f"2020 1 {day} {hour} 30 15.25 {number + 1000} 35.{number + 10} -117.5 5.2 1.3\n",
        "semicolons": f"{day}.1;2020-01-{day:02d};{hour:02d}:30:15,25;35,{number + 10};-117,5;5,2;1,3\n",
        "tabs": f"2020-01-{day:02d} {hour:02d}:30:15.25\t35.{number + 10}\t-117.5\t5.2\t1.3\n",
    }[style]


HEADERS = {
    "scedc": "#YYY/MM/DD HH:mm:SS.ff ET GT MAG  M    LAT     LON     DEPTH Q EVID NPH NGRM\n",
    "ncedc": "DateTime,Latitude,Longitude,Depth,Magnitude,MagType,NbStations,Gap,Distance,RMS,Source,EventID\n",
    "isc": "ISC Bulletin\n\nEVENTID,TYPE,AUTHOR   ,DATE      ,TIME    ,LAT   ,LON   ,DEPTH,DEPFIX,AUTHOR,TYPE,MAG\n",
    "semicolons": "Nr;Date;Time;Lat;Lon;Depth;ML\n",
    "tabs": "Origin Time\tLatitude (deg)\tLongitude (deg)\tDepth [km]\tMw\n",
}


@pytest.mark.parametrize(
    "style", ["headerless", "longitude first", "scedc", "ncedc", "isc", "numbers", "semicolons", "tabs"]
)
def test_other_archives_columns_are_found(tmp_path, style):
    text = HEADERS.get(style, "") + "".join(row_of(style, number) for number in range(COUNT))
    catalogue = read_catalogue(write(tmp_path, text))
    assert len(catalogue) == COUNT and first_time(catalogue) == "2020-01-01T00:30:15.250"
    assert np.allclose(catalogue.latitude_deg[:3], [35.10, 35.11, 35.12])
    assert np.allclose(catalogue.longitude_deg, -117.5)
    assert np.allclose(catalogue.depth_km, 5.2) and np.allclose(catalogue.magnitude, 1.3)


def test_metric_catalogues_state_their_units(tmp_path):
    text = "EventID,Year,Month,Day,Hour,minute,second,Easting (m),Northing (m),TVD (m),MW\n"
    text += "".join(
        f"{n},2016,10,{1 + n // 20},{n % 20},15,35.882,{484000 + n},{6023000 + n},3613,-0.2\n" for n in range(COUNT)
    )
    catalogue = read_catalogue(write(tmp_path, text))
    assert not catalogue.geographic and first_time(catalogue) == "2016-10-01T00:15:35.882"
    assert np.isclose(catalogue.x_km[1], 484.001) and np.isclose(catalogue.depth_km[0], 3.613)
    mixed = read_catalogue(write(tmp_path, text.replace("Easting (m)", "X (km)").replace("48400", "")))
    assert np.isclose(mixed.x_km[1], 1.0) and np.isclose(mixed.y_km[1], 6023.001)
    assert any("x is in km and y in m" in note for note in mixed.notes)


def test_columns_are_given_by_name_or_number(tmp_path):
    text = "".join(f"a{n},484{n + 100},6022{n + 100},3500,2020-01-01T00:{n:02d}:00,1.5\n" for n in range(COUNT))
    path = write(tmp_path, text)
    with pytest.raises(ZooError, match="--columns"):
        read_catalogue(path)
    guessed = read_catalogue(path, {"time": 5, "x": 2, "y": 3, "depth": 4, "magnitude": 6})
    assert np.isclose(guessed.x_km[0], 484.1) and any("taken as m" in note for note in guessed.notes)
    assert np.isclose(guessed.depth_km[0], 3.5)
    stated = read_catalogue(path, {"time": "5", "x_km": "2", "y_km": "3", "depth_m": "4"})
    assert np.isclose(stated.x_km[0], 484100) and np.isnan(stated.magnitude).all()
    named = read_catalogue(write(tmp_path, "n,a,b,c,d,e\n" + text), {"time": "d", "x_m": "a", "y_m": "b"})
    assert len(named) == COUNT
    with pytest.raises(UsageError, match="no such column"):
        read_catalogue(path, {"time": 5, "x": 2, "y": 9})
    with pytest.raises(UsageError, match="Did you mean time"):
        read_catalogue(path, {"tim": 5})


def test_rows_that_cannot_be_used_are_set_aside_and_counted(tmp_path):
    rows = [comcat_row(n) for n in range(COUNT)]
    rows[3] = comcat_row(3, time="yesterday")
    rows[4] = comcat_row(4, time=" ")
    rows[5] = comcat_row(5, latitude=95.0)
    rows[6] = comcat_row(6, kind="quarry blast")
    rows[7] = "2020-01-01T07:00:00Z,35.\n"
    catalogue = read_catalogue(write(tmp_path, COMCAT + "".join(rows)))
    assert len(catalogue) == COUNT - 5
    notes = " ".join(catalogue.notes)
    for said in (
        "2 of 39 rows set aside: no time",
        "1 of 39 rows set aside: latitude",
        "not earthquakes",
        "too few columns",
    ):
        assert said in notes


def test_duplicates_are_dropped_and_unsorted_events_sorted(tmp_path):
    rows = [comcat_row(n) for n in range(COUNT)][::-1]
    catalogue = read_catalogue(write(tmp_path, COMCAT + "".join(rows + rows[:7])))
    assert len(catalogue) == COUNT and (np.diff(catalogue.time) > np.timedelta64(0)).all()
    assert any("7 duplicates" in note for note in catalogue.notes)
    assert any("sorted" in note for note in catalogue.notes)


def test_longitudes_beyond_180_and_across_180(tmp_path):
    west, beyond = (read_catalogue(write(tmp_path, comcat(longitude=lon))) for lon in (-117.5, 242.5))
    assert np.allclose(west.x_km, beyond.x_km) and any("beyond 180" in note for note in beyond.notes)
    rows = [comcat_row(n, longitude=179.9 if n % 2 else -179.9) for n in range(COUNT)]
    across = read_catalogue(write(tmp_path, COMCAT + "".join(rows)))
    assert np.ptp(across.x_km) < 30


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        (COMCAT, "no rows below"),
        (comcat(time="never"), "0 of 40 rows can be used"),
        (comcat(latitude=-117.5, longitude=35.5), "look swapped"),
        ("a,b,c\n" + "1,2,3\n" * 30, "a time .* is missing"),
        ('{"type": "FeatureCollection"}', "is not GeoJSON of earthquakes"),
        ("<html><body>not found</body></html>", "is not a catalogue of a known format"),
        ("\x89PNG\x00\x01\x02\x03" * 20, "is not a catalogue of a known format"),
    ],
)
def test_what_is_no_catalogue_is_refused_with_a_remedy(tmp_path, text, message):
    with pytest.raises(ZooError, match=message):
        read_catalogue(write(tmp_path, text))


def test_a_missing_file_and_a_folder_are_refused(tmp_path):
    with pytest.raises(ZooError, match="does not exist"):
        read_catalogue(tmp_path / "nothing.csv")
    with pytest.raises(ZooError, match="is a folder"):
        read_catalogue(tmp_path)


def test_geojson_and_quakeml(tmp_path):
    from obspy import UTCDateTime
    from obspy.core.event import Catalog, Event, Magnitude, Origin

    features = [
        {
            "type": "Feature",
            "properties": {"mag": 1.5, "time": 1577836800000 + n * 60000, "type": "earthquake"},
            "geometry": {"type": "Point", "coordinates": [-117.5, 35 + n / 100, 5.0]},
        }
        for n in range(COUNT)
    ]
    catalogue = read_catalogue(write(tmp_path, json.dumps({"type": "FeatureCollection", "features": features})))
    assert len(catalogue) == COUNT and first_time(catalogue) == "2020-01-01T00:00:00.000"
    assert np.allclose(catalogue.depth_km, 5) and np.allclose(catalogue.magnitude, 1.5)
    events = [
        Event(
            origins=[
                Origin(time=UTCDateTime(2020, 1, 1) + 60 * n, longitude=10 + n / 100, latitude=45.0, depth=7000.0)
            ],
            magnitudes=[Magnitude(mag=2.5)] if n % 2 else [],
        )
        for n in range(5)
    ]
    Catalog(events).write(str(tmp_path / "events.xml"), format="QUAKEML")
    quakeml = read_catalogue(tmp_path / "events.xml")
    assert len(quakeml) == 5 and np.allclose(quakeml.depth_km, 7.0)
    assert np.isnan(quakeml.magnitude).sum() == 3 and np.isclose(quakeml.longitude_deg[1], 10.01)


def test_times_in_every_form():
    expected = np.datetime64("2020-01-02T03:04:05.600")
    texts = ["2020-01-02T03:04:05.6", "2020-01-02T03:04:05.600000Z", "2020/1/2 3:4:5.6", "2020-01-02T05:04:05.6+02:00"]
    for text in [*texts, "1577934245.6", "1577934245600"]:
        assert moments([text])[0] == expected, text
    assert moments(["2020-01-02 03:03:60.00"])[0] == np.datetime64("2020-01-02T03:04:00")
    assert np.isnat(moments(["", "12", "2020-02-31", "now-ish", "2020-01-02T25:00:00"])).all()
    parts = {"year": [2020, 2020, 2021], "month": [2, 6, 2], "day": [29, 31, 29]}
    made = from_numbers({name: np.array(values, float) for name, values in parts.items()})
    assert made[0] == np.datetime64("2020-02-29") and np.isnat(made[1:]).all()


def test_the_projection_keeps_distances_and_comes_back():
    obspy_geodetics = pytest.importorskip("obspy.geodetics")
    rng = np.random.default_rng(0)
    lon, lat = (179.5 + rng.uniform(-1, 1, 50) + 180) % 360 - 180, -38 + rng.uniform(-1, 1, 50)
    projection = Projection.around(lon, lat)
    x_km, y_km = projection.forward(lon, lat)
    back = projection.inverse(x_km, y_km)
    assert np.allclose((back[0] - lon + 180) % 360 - 180, 0, atol=1e-9) and np.allclose(back[1], lat)
    far = obspy_geodetics.locations2degrees(projection.latitude_deg, projection.longitude_deg, lat, lon)
    assert np.allclose(np.hypot(x_km, y_km), np.radians(far) * 6371.0, rtol=1e-6)


def test_columns_of_arrays_make_a_catalogue():
    time = np.datetime64("2020-01-01", "ms") + np.array([3, 1, 2]) * np.timedelta64(DAY, "ms")
    made = from_columns({"time": time, "x_km": [1.0, 2.0, 3.0], "y_km": [0.0, 0.0, np.nan]}, "mine")
    assert len(made) == 2 and np.allclose(made.x_km, [2, 1]) and np.isnan(made.depth_km).all()
    part = made.select(made.x_km > 1, "the eastern one")
    assert len(part) == 1 and part.notes[-1] == "the eastern one"


def test_the_real_catalogues_are_read_as_they_are(real_data):
    ridgecrest = read_catalogue(real_data / "catalogs" / "ridgecrest_eg1.csv")
    assert len(ridgecrest) == 9685 and np.isclose(ridgecrest.magnitude.max(), 7.1)
    assert str(ridgecrest.time[ridgecrest.magnitude.argmax()])[:19] == "2019-07-06T03:19:53"
    toc2me = read_catalogue(real_data / "catalogs" / "toc2me_eaton2018.csv")
    assert len(toc2me) == 4083 and not toc2me.geographic and 1 < np.ptp(toc2me.x_km) < 5
