"""A known catalogue in the forms in which others write it: read right, or refused with what to add. Never wrong."""

from __future__ import annotations

import numpy as np
import pytest
from catalogue_forms import FORMS
from catalogue_truth import Form, Truth, options, verdict
from catalogue_variants import HEAD, REFUSED, VARIANTS

from zoo.errors import UsageError, ZooError
from zoo.seismicity.catalogues import read_catalogue

TRUTHS = {region: Truth.of(region, 150) for region in ("California", "Italy", "Fiji")}
EITHER = {  # no header, and both numbers may be a latitude in Italy
    "headerless epoch lat lon", "headerless epoch lon lat", "yyyymmddHHMMSS.sss headerless",
    "decimal comma, tabs, headerless", "headerless ; decimal comma", "headerless ISO lat lon", "headerless ISO lon lat",
    "headerless date time lon lat", "headerless parts mag depth", "headerless id parts", "headerless lat lon first",
    "headerless mag first", "headerless, two columns of six figures", "JMA",
}  # fmt: skip


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("region", ["California", "Italy"])
def test_a_form_is_read_right_or_asked_about(tmp_path, name, region):
    form, truth = FORMS[name], TRUTHS[region]
    path = form.write(truth, tmp_path)
    if form.refused or (region == "Italy" and name in EITHER):
        with pytest.raises(ZooError, match="--|years|as CSV"):
            read_catalogue(path, **options(form, truth))
        return
    catalogue = read_catalogue(path, **options(form, truth))
    assert verdict(catalogue, truth, form) == ("right", "")
    assert catalogue.notes[0].startswith("read: 150 events, ")


@pytest.mark.parametrize("name", ["hypoinverse .arc", "35°42.0'N", "0 to 360", "GIS, X and Y", "numpy savetxt, epoch"])
def test_forms_across_180_degrees(tmp_path, name):
    path = FORMS[name].write(TRUTHS["Fiji"], tmp_path)
    assert verdict(read_catalogue(path), TRUTHS["Fiji"], FORMS[name])[0] == "right"


def test_what_the_message_says_can_be_said(tmp_path):
    form, truth = FORMS["headerless ISO lon lat"], TRUTHS["Italy"]
    path = form.write(truth, tmp_path)
    with pytest.raises(ZooError, match="columns longitude=2 latitude=3"):
        read_catalogue(path)
    assert verdict(read_catalogue(path, {"longitude": 2, "latitude": 3}), truth, form)[0] == "right"


@pytest.mark.parametrize("form", VARIANTS, ids=lambda form: form.name)
def test_variants_are_read_right(tmp_path, form):
    truth = TRUTHS["California"]
    catalogue = read_catalogue(form.write(truth, tmp_path))
    assert verdict(catalogue, truth, form) == ("right", "")


def _hole(r: dict, text: str) -> str:
    return " " * len(text) if r["n"] % 4 == 0 else text


@pytest.mark.parametrize("hole", ["depth", "magnitude"])
def test_missing_fields_of_columns_set_by_blanks_stay_missing(tmp_path, hole):
    def row(r):
        depth, magnitude = f"{r['z']:6.2f}", f"{r['m']:5.1f}"
        depth, magnitude = (_hole(r, depth), magnitude) if hole == "depth" else (depth, _hole(r, magnitude))
        return f"{r['t']:%Y-%m-%d} {r['t']:%H:%M:%S} {r['y']:9.4f} {r['x']:9.4f} {depth} {magnitude}"

    form = Form("holes", "Date       Time         Lat      Lon       Depth   Mag", row, "txt")
    truth = TRUTHS["California"]
    catalogue = read_catalogue(form.write(truth, tmp_path))
    missing = np.isnan(catalogue.depth_km if hole == "depth" else catalogue.magnitude)
    assert (missing == (np.arange(1, 151) % 4 == 0)).all()
    other = catalogue.magnitude if hole == "depth" else catalogue.depth_km
    assert np.allclose(other, truth.magnitude if hole == "depth" else truth.depth_km)


@pytest.mark.parametrize("name", REFUSED)
def test_what_could_be_read_in_two_ways_is_refused(tmp_path, name):
    head, row, message = REFUSED[name]
    path = Form("doubt", head, row).write(TRUTHS["California"], tmp_path)
    with pytest.raises(ZooError, match=message):
        read_catalogue(path)


def test_day_or_month_first_is_settled_by_the_file_or_by_the_user(tmp_path):
    path = tmp_path / "days.csv"
    row = "{day:02d}/07/2019 {hour:02d}:00:00,35.{hour:02d},-117.5{hour:02d},5.0,1.{day}\n"
    text = "".join(row.format(day=day, hour=hour) for day in range(4, 10) for hour in range(24))
    path.write_text("time,lat,lon,depth,mag\n" + text)
    with pytest.raises(ZooError, match="--time-format dmy.*--time-format mdy"):
        read_catalogue(path)
    assert str(read_catalogue(path, time_format="dmy").time[-1]) == "2019-07-09T23:00:00.000"
    assert str(read_catalogue(path, time_format="mdy").time[-1]) == "2019-09-07T23:00:00.000"
    path.write_text("time,lat,lon,depth,mag\n" + text + "20/07/2019 00:00:00,35.1,-117.5,5.0,1.0\n")
    assert str(read_catalogue(path).time[-1]) == "2019-07-20T00:00:00.000"


def test_times_that_count_from_a_start_need_it(tmp_path):
    form, truth = FORMS["days since the start"], TRUTHS["California"]
    start = str(truth.time[0])[:19]
    catalogue = read_catalogue(form.write(truth, tmp_path), time_format=f"days since {start}")
    assert np.abs((catalogue.time - truth.time) / np.timedelta64(1, "s")).max() < 2
    with pytest.raises(UsageError, match="not known"):
        read_catalogue(form.write(truth, tmp_path), time_format="moons since then")
    with pytest.raises(UsageError, match="four digits"):
        read_catalogue(form.write(truth, tmp_path), year=19)


def test_assumptions_are_said(tmp_path):
    truth = TRUTHS["California"]

    def notes(name):
        return " ".join(read_catalogue(FORMS[name].write(truth, tmp_path)).notes)

    assert "00:00" in notes("dates alone")
    assert "month first" in notes("month first") and "day first" in notes("day first")
    assert "Excel" in notes("Excel serial") and "modified Julian" in notes("Excel serial")
    assert "columns in UTC" in notes("SSN")
    assert "sign was turned" in notes("heights for depths")
    assert "longitude and latitude in degrees" in notes("GIS, X and Y")
    assert "several origins" in notes("IMS 1.0")


@pytest.mark.parametrize("unknown", [0.0, -1.0, -9.0, 9.99])
def test_unknown_magnitudes_in_bulk_are_unknown(tmp_path, unknown):
    def row(r):
        return f"{r['iso']},{r['y']},{r['x']},{r['z']},{unknown if r['n'] % 2 else r['m']}"

    catalogue = read_catalogue(Form("bulk", HEAD, row).write(TRUTHS["California"], tmp_path))
    assert np.isnan(catalogue.magnitude).sum() == 75 and any("unknown" in note for note in catalogue.notes)


def test_small_magnitudes_are_kept():
    from zoo.seismicity.catalogues.magnitudes import without_unknown

    notes: list[str] = []
    small = np.round(-1.5 + np.random.default_rng(0).exponential(0.5, 2000), 1)
    assert np.array_equal(without_unknown(small, notes), small) and not notes


def test_projected_coordinates_become_degrees_or_the_message_says_what_is_needed(tmp_path):
    path = tmp_path / "utm.csv"
    row = "2019-07-0{d}T00:{n:02d}:00,{x},{y},5.0,1.0\n"
    text = "".join(row.format(d=1 + n // 20, n=n, x=440_000 + n, y=3_960_000 + n) for n in range(40))
    path.write_text("time,easting,northing,depth,mag\n" + text)
    assert not read_catalogue(path).geographic
    try:
        import pyproj  # noqa: F401
    except ImportError:
        with pytest.raises(ZooError, match="pip install pyproj"):
            read_catalogue(path, epsg=32611)
    else:
        assert np.allclose(read_catalogue(path, epsg=32611).longitude_deg, -117.66, atol=0.1)


def test_origins_of_one_event_are_one_event(tmp_path):
    def row(r):
        own = f"{r['n']},ISC,{r['iso']},{r['y']},{r['x']},{r['z']},{r['m']},1"
        return f"{r['n']},NEIC,{r['iso']},{r['y'] + 0.1},{r['x']},10.0,{r['m'] + 0.3},0\n{own}"

    form = Form("origins", "EVENTID,AUTHOR,time,lat,lon,depth,mag,isprime", row)
    catalogue = read_catalogue(form.write(TRUTHS["California"], tmp_path))
    assert verdict(catalogue, TRUTHS["California"], form)[0] == "right"
    assert any("further origins" in note for note in catalogue.notes)


def test_a_packed_file_is_read_and_a_spreadsheet_named(tmp_path):
    import gzip

    truth, form = TRUTHS["California"], FORMS["ComCat"]
    packed = tmp_path / "catalogue.csv.gz"
    packed.write_bytes(gzip.compress(form.write(truth, tmp_path).read_bytes()))
    assert verdict(read_catalogue(packed), truth, form)[0] == "right"
    (tmp_path / "sheet.xlsx").write_bytes(b"PK\x03\x04" + bytes(100))
    with pytest.raises(ZooError, match="as CSV"):
        read_catalogue(tmp_path / "sheet.xlsx")


def test_obspy_is_believed_only_with_all_events(tmp_path):
    from zoo.seismicity.catalogues.formats import read_obspy

    path = FORMS["ObsPy QUAKEML"].write(TRUTHS["California"], tmp_path)
    with pytest.raises(ZooError, match="ObsPy reads 150 of them"):
        read_obspy(path, compare=400)


def test_nordic_events_without_blank_lines_between_them_are_events(tmp_path):
    truth, form = TRUTHS["California"], FORMS["Nordic"]
    path = form.write(truth, tmp_path)
    lines = [line for line in path.read_text().splitlines() if line.endswith("1")]
    path.write_text("\n".join(lines) + "\n")
    apart = np.r_[True, np.diff(truth.time) > np.timedelta64(3, "m")]
    assert len(read_catalogue(path)) >= apart.sum() - 1


def test_the_command_passes_on_what_it_is_told_and_says_what_it_read(tmp_path, capsys):
    from zoo import cli

    path = tmp_path / "days.csv"
    row = "{day:02d}/07/2019 {hour:02d}:00:00,35.{hour:02d},-117.5{hour:02d},5.0,1.{day}\n"
    text = "".join(row.format(day=day, hour=hour) for day in range(4, 10) for hour in range(24))
    path.write_text("time,lat,lon,depth,mag\n" + text)
    command = ["seismicity", str(path), "--out", str(tmp_path / "out"), "--model", "no_such_model"]
    assert cli.main(command) == 1 and "--time-format dmy" in capsys.readouterr().err
    assert cli.main([*command, "--time-format", "moons"]) == 2
    assert cli.main([*command, "--year", "19"]) == 2
    capsys.readouterr()
    assert cli.main([*command, "--time-format", "dmy"]) != 0
    said = capsys.readouterr().err
    assert "144 events, 2019-07-04 to 2019-07-09; first: 2019-07-04 00:00:00 UTC, 35.000 N 117.500 W, 5 km deep" in said
    assert "no_such_model" in said
