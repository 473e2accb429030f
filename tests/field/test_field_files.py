"""What people bring: files of stations, picks and layers of many programs, and bad ones, each told in a sentence."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import obspy
import pytest

from zoo.errors import ZooError
from zoo.field.layers import read_layers
from zoo.field.picks import PickTable, holds_picks, joined, read_picks
from zoo.field.projection import LocalProjection
from zoo.field.stations import Stations, read_stations

OBSPY = Path(obspy.__file__).parent / "io"


def from_obspy(*parts: str) -> Path:
    path = OBSPY.joinpath(parts[0], "tests", "data", *parts[1:])
    if not path.exists():
        pytest.skip("ObsPy was installed without its test files")
    return path


def written(folder: Path, name: str, text: str) -> Path:
    (folder / name).write_text(text)
    return folder / name


def picks_of(*codes: str, time_s: float = 1.5e9, more: float = 0.0) -> PickTable:
    return PickTable(codes, np.array(["P"] * len(codes)), time_s + more * np.arange(len(codes)))


def test_a_station_that_was_moved_is_where_it_was_when_it_was_picked(tmp_path):
    from obspy.core.inventory import Inventory, Network, Station

    moved, other = obspy.UTCDateTime(2015, 1, 1), obspy.UTCDateTime(2010, 1, 1)
    epochs = [
        Station("A", 42.0, 13.0, 100.0, start_date=other, end_date=moved),
        Station("A", 42.2, 13.0, 200.0, start_date=moved),
        Station("B", 42.1, 13.1, 300.0, start_date=other, end_date=moved),
        Station("B", 42.1, 13.1, 300.0, start_date=moved),
        Station("C", 42.1, 13.2, 0.0, start_date=other),
    ]
    path = tmp_path / "stations.xml"
    Inventory([Network("XX", epochs)], "us").write(str(path), "STATIONXML")
    before, after = (read_stations(path, picks_of("XX.A", "XX.B", time_s=t)) for t in (1.4e9, 1.5e9))
    assert before.latitude_deg.tolist() == [42.0, 42.1] and after.elevation_m.tolist() == [200.0, 300.0]
    assert any("1 stations were moved (XX.A)" in note for note in after.notes)
    assert any("1 of 3 stations have no picks" in note for note in after.notes)
    with pytest.raises(ZooError, match="XX.A stands at several places.*no epoch covers all of its picks from 2014"):
        read_stations(path, picks_of("XX.A", "XX.A", time_s=1.4e9, more=1e8))
    with pytest.raises(ZooError, match="at different times. Give the picks too"):
        read_stations(path)
    assert len(read_stations(path, picks_of("XX.B"))) == 1  # the one that was moved is not needed


def test_doubled_stations(tmp_path):
    head = "station,latitude,longitude,elevation_m\n"
    same = read_stations(written(tmp_path, "s.csv", head + "A,1,2,0\nB,1,3,0\nA,1,2.0001,5\n"))
    assert same.codes == ("A", "B") and same.notes == ("s.csv: 1 rows repeat a station",)
    with pytest.raises(ZooError, match="station A stands at several places .* without times"):
        read_stations(written(tmp_path, "s.csv", head + "A,1,2,0\nA,1.5,2,0\n"))
    epochs = "station,latitude,longitude,elevation_m,start,end\nA,1,2,0,2010-01-01,2015-01-01\nA,1.5,2,0,2015-01-01,\n"
    path = written(tmp_path, "s.csv", epochs)
    assert read_stations(path, picks_of("A")).latitude_deg.tolist() == [1.5]


def test_station_files_of_other_programs(tmp_path):
    scml = read_stations(from_obspy("seiscomp", "channel_level.sc3ml"))
    inventory = obspy.read_inventory(str(from_obspy("seiscomp", "channel_level.sc3ml")))
    assert set(scml.codes) == {f"{net.code}.{sta.code}" for net in inventory for sta in net}
    hypodd = read_stations(written(tmp_path, "station.dat", "AAA 42.5 13.2 1200\nBBB -42.5 -13.2 0\n"))
    assert hypodd.latitude_deg.tolist() == [42.5, -42.5] and "no header line" in hypodd.notes[0]
    network = read_stations(written(tmp_path, "sta.txt", "IV AAA 42.5 13.2 1200\n"))
    assert network.codes == ("IV.AAA",)
    text = (
        "AAS   NC  VVHZ  38 25.8060 121  6.5700   31.00  P  0.00  0.00\n"
        "ABC   IV  HHZ   42 30.0000N 13 12.0000E 1200.0  P  0.00\n"
    )
    hypoinverse = read_stations(written(tmp_path, "nc.sta", text))
    assert hypoinverse.codes == ("NC.AAS", "IV.ABC")
    assert hypoinverse.longitude_deg == pytest.approx([-121.1095, 13.2])
    assert hypoinverse.latitude_deg == pytest.approx([38.4301, 42.5])
    assert hypoinverse.elevation_m.tolist() == [31.0, 1200.0] and "(1 rows)" in hypoinverse.notes[0]


@pytest.mark.parametrize(
    "trans, x_km, y_km, longitude, latitude",
    [
        ("SIMPLE 43.0 7.0 0.0", 0.0, 111.111, 7.0, 44.0),
        ("SIMPLE 43.0 7.0 90.0", 111.111, 0.0, 7.0, 44.0),  # north lies 90 degrees clockwise of y: along x
        ("LAMBERT WGS-84 -16.9 165.7 -15.6 -16.0 0.0", 145.427, 265.828, 167.049, -14.4937),  # of ObsPy's vanua.hyp
        ("LAMBERT Clarke-1880 51.6563 7.74258 50.0 52.0 0.0", -0.40125, 0.15125, 7.736781, 51.657659),  # nlloc.hyp
        ("AZIMUTHAL_EQUIDIST WGS-84 -32.0 117.5 0.0", -94.378, -81.3451, 116.492222, -32.726757),  # nlloc_v7.hyp
        ("TRANS_MERC WGS-84 43.0 7.0 0.0", 0.0, 111.1025, 7.0, 44.0),
    ],
)
def test_kilometres_of_nonlinloc_are_placed_as_it_places_them(tmp_path, trans, x_km, y_km, longitude, latitude):
    path = written(tmp_path, "nll.in", f"TRANS {trans}\nGTSRCE AAA XYZ {x_km} {y_km} 0.0 1.0\n")
    stations = read_stations(path)
    assert stations.longitude_deg == pytest.approx([longitude], abs=4e-4)
    assert stations.latitude_deg == pytest.approx([latitude], abs=1e-4)


def test_a_control_file_of_nonlinloc_has_stations_and_layers(tmp_path):
    written(tmp_path, "stations.in", "GTSRCE AAA LATLONDS 42 30 0.0 N 13 15 0.0 E 0.0 1.2\nLOCDELAY AAA P 3 0.1\n")
    text = "# made up\nTRANS NONE\nINCLUDE ./stations.in\nLAYER -1.0 4.0 0.0 2.3 0.0 2.7 0.0 # top\n"
    path = written(tmp_path, "nll.in", text + "LAYER 5.0 6.0 0.0 3.5 0.0 2.7 0.0\n")
    stations, earth = read_stations(path), read_layers(path)
    assert stations.codes == ("AAA",) and stations.elevation_m.tolist() == [1200.0]
    assert "LOCDELAY (delays of stations) are not used" in stations.notes[0]
    assert earth.depth_km.tolist() == [-1.0, 5.0] and earth.vs_km_s.tolist() == [2.3, 3.5] and not earth.linear
    graded = read_layers(written(tmp_path, "g.in", "LAYER 0 4 0.1 0 0 2.7 0\nLOCMETH GAU_ANALYTIC 99 4 -1 -1 1.75 6\n"))
    assert graded.linear and graded.speeds(np.array([10.0]), "P")[0] == pytest.approx(5.0)
    assert graded.speeds(np.array([10.0]), "S")[0] == pytest.approx(5.0 / 1.75)
    written(tmp_path, "xyz.in", "TRANS NONE\nGTSRCE AAA XYZ 1 2 0 0\n")
    with pytest.raises(ZooError, match="kilometres of no projection"):
        read_stations(tmp_path / "xyz.in")
    with pytest.raises(ZooError, match="includes itself"):
        read_stations(written(tmp_path, "loop.in", "INCLUDE loop.in\n"))


def test_layers_of_other_programs(tmp_path):
    velest = "a model\n2  vel,depth,vdamp\n5.0 -3.0 1.0\n6.0 5.0 1.0\n2\n2.9 -3.0 1.0\n3.5 7.0 1.0\n"
    earth = read_layers(written(tmp_path, "made.mod", velest))
    assert earth.depth_km.tolist() == [-3.0, 5.0, 7.0]
    assert earth.vp_km_s.tolist() == [5.0, 6.0, 6.0] and earth.vs_km_s.tolist() == [2.9, 2.9, 3.5]
    taup = read_layers(written(tmp_path, "earth.nd", "0 5.8 3.36 2.7\n20 5.8 3.36 2.7\nmoho\n20 8.0 4.5 3.3\n"))
    assert taup.linear and taup.speeds(np.array([10.0, 30.0]), "P").tolist() == [5.8, 8.0]
    assert "no header line" in taup.notes[0]


@pytest.mark.parametrize(
    "text, message",
    [
        ("depth,vp,vs\n0,5,3\n0,6,3\n", "expected numbers that increase"),
        ("depth,vp,vs\n0,5,3\n-5,6,3\n", "expected numbers that increase"),
        ("depth,vp,vs\n0,5,6\n", "vp 5 and vs 6 km/s; expected 0 < vs < vp"),
        ("depth,vp,vs\n0,1.5,0\n", "vs 0 km/s; expected 0 < vs < vp"),
        ("depth,vp,vs\n0,5,3\n5000,6,3.5\n", "looks like metres, under the name 'depth'"),
        ("depth_km,vp,vs\n0,5,3\n30000,6,3.5\n", "Are these metres"),
        ("depth,vp_km_s\n0,5000\n", "vp is 5000 km/s.*another unit"),
        ("depth,vp_m_s\n0,5.0\n", "vp is 0.005 km/s.*another unit"),
        ("depth,rho\n0,2.7\n", "neither vp nor vs"),
    ],
)
def test_layers_that_cannot_be(tmp_path, text, message):
    with pytest.raises(ZooError, match=message):
        read_layers(written(tmp_path, "v.csv", text))


def test_speeds_in_metres_are_said(tmp_path):
    earth = read_layers(written(tmp_path, "v.csv", "depth,vp,vs\n0,5000,2900\n10,6000,3500\n"))
    assert earth.vp_km_s.tolist() == [5.0, 6.0] and earth.notes == ("v.csv: vp is taken as m/s",
                                                                      "v.csv: vs is taken as m/s")  # fmt: skip


@pytest.mark.parametrize(
    "parts, count, events",
    [
        (("nlloc", "nlloc.hyp"), 5, 1), (("nordic", "select.out"), 443, 50), (("hypodd", "example.pha"), 3, 2),
        (("seiscomp", "westaus_events.xml"), 13, 2), (("cnv", "obspyck_20141020150701.xml"), 8, 1),
    ],
)  # fmt: skip
def test_picks_of_other_programs(parts, count, events):
    picks = read_picks(from_obspy(*parts))
    assert len(picks) == count and picks.event.max() + 1 == events


def test_events_that_picks_have_are_kept(tmp_path):
    row = "{} ? ? ? P U 20160714 {} 30.8 GAU 0.02 -1 -1 -1 {}\n"
    text = row.format("AAA", 1104, 1) + row.format("BBB", 1104, 0) + "\n\n" + row.format("AAA", 1204, 1)
    obs = read_picks(written(tmp_path, "p.obs", text))
    assert obs.event.tolist() == [0, 1] and any("1 picks of weight 0" in note for note in obs.notes)
    table = "station,phase,time,event\nA,P,1500000001.5,x7\nB,P,1500000002,\nB,S,1500000003,x7\n"
    assert read_picks(written(tmp_path, "p.csv", table)).event.tolist() == [0, -1, 0]
    assert joined([obs, obs]).event.tolist() == [0, 2, 1, 3]


def test_what_nonlinloc_writes_and_reads_itself(tmp_path):
    """Head lines in files of picks, networks in names, files included twice, an S that LOCMETH says."""
    head = "PUBLIC_ID x{}\nQUALITY  Pmax -1 MFmin -1 MFmax -1 RMS -1 Nphs -1 Gap -1 Dist -1 Mamp 3.24 6 Mdur -9.90 0\n"
    head += "PHASE ID Ins Cmp On Pha  FM Date     HrMn   Sec     Err  ErrMag    Coda      Amp       Per       PriorWt\n"
    row = "NC_{} ?    Z    ? P      u 20040928 1730  0.8200 GAU  1.00e-02 -1.00e+00 -1.00e+00 -1.00e+00  1.00e+00\n"
    text = "".join(head.format(i) + row.format("AAA") + row.format("BBB") for i in range(2)) + "!END_FILE\n"
    picks = read_picks(written(tmp_path, "p.nlloc_obs", text))
    assert picks.event.tolist() == [0, 0, 1, 1] and set(picks.uncertainty_s) == {0.01}
    written(tmp_path, "sta.in", "GTSRCE NC_AAA LATLON 35.9 -120.5 0 0.595\nGTSRCE NC_BBB LATLON 35.8 -120.4 0 0.5\n")
    text = "TRANS AZIMUTHAL_EQUIDIST WGS-84 35.96 -120.5 0\nINCLUDE sta.in\nLAYER 0.0 2.25 1.17 9.9 0.0 9.9 0.0\n"
    text += "LAYER 2.6 5.3 0.1 9.9 0.0 9.9 0.0\nINCLUDE sta.in\nLOCMETH EDT_OT_WT 9999.0 2 -1 -1 1.78 -1 -1 0\n"
    path = written(tmp_path, "nll.in", text + "LOCGAU2 0.02 0.02 1.0\n")
    assert read_stations(path, picks).index(picks.station).tolist() == [0, 1, 0, 1]
    earth = read_layers(path)
    assert earth.speeds(np.array([1.0]), "S")[0] == pytest.approx(3.42 / 1.78)
    assert any("travel_time_error=0.02" in note for note in earth.notes)


def test_folders_tables_of_both_phases_and_names_of_phases(tmp_path):
    row = "AAA ? ? ? {} U 20160714 1104 30.8 GAU 0.02 -1 -1 -1 1\n"
    (tmp_path / "events").mkdir()
    for number, names in enumerate((("eP", "PG"), ("SN", "iS", "PKP"))):
        written(tmp_path / "events", f"{number}.obs", "".join(row.format(name) for name in names))
    written(tmp_path / "events", "stations.xml", "<FDSNStationXML/>")
    assert holds_picks(tmp_path / "events") and not holds_picks(tmp_path)
    folder = read_picks(tmp_path / "events")
    assert sorted(zip(folder.event.tolist(), folder.phase.tolist(), strict=True)) == [(0, "P"), (1, "S")]
    assert any("1 picks of phases that are neither P nor S" in note for note in folder.notes)
    table = (
        "network,station,p_arrival_time,p_probability,s_arrival_time,s_probability\n"
        "IV,AAA,2016-10-14T00:00:01.5Z,0.9,,\nIV,BBB,2016-10-14T00:00:02Z,0.8,2016-10-14T00:00:03Z,0.7\n"
    )
    both = read_picks(written(tmp_path, "eqt.csv", table))
    assert both.station == ("IV.AAA", "IV.BBB", "IV.BBB") and both.phase.tolist() == ["P", "P", "S"]
    assert both.probability.tolist() == [0.9, 0.8, 0.7]
    with pytest.raises(ZooError, match="There are no picks at"):
        read_picks(tmp_path / "none")


def test_times_of_picks_that_are_odd_are_said(tmp_path):
    head = "station,phase,time\n"
    picks = read_picks(written(tmp_path, "p.csv", head + "A,P,1986-01-01T00:00:00Z\nA,P,2099-01-01T00:00:00Z\n"))
    assert "1 picks are of the future, the last at 2099-01-01" in picks.notes[0] and "span 113 years" in picks.notes[1]
    assert "begin at 1970-01-01" in read_picks(written(tmp_path, "p.csv", head + "A,P,12.5\n")).notes[0]
    assert "without a zone" in read_picks(written(tmp_path, "p.csv", head + "A,P,2016-01-01 00:00:00\n")).notes[0]
    assert read_picks(written(tmp_path, "p.csv", head)).notes == ("p.csv holds no pick of P or S",)
    with pytest.raises(ZooError, match="row 2: '2999-01-01T00:00:00Z' is no time"):
        read_picks(written(tmp_path, "p.csv", head + "A,P,2999-01-01T00:00:00Z\n"))
    with pytest.raises(ZooError, match="expected seconds. Are these milliseconds"):
        read_picks(written(tmp_path, "p.csv", head + "A,P,1476403201500\n"))


def test_stations_that_cannot_be_one_network(tmp_path):
    head = "station,latitude,longitude,elevation_m\n"
    with pytest.raises(ZooError, match="latitude 103.*swapped"):
        read_stations(written(tmp_path, "s.csv", head + "A,103.2,31.0,0\n"))
    far = Stations(("A", "B"), np.array([13.0, -167.0]), np.array([42.0, -42.0]), np.zeros(2))
    with pytest.raises(ZooError, match="lies .*,... km from the middle of the network"):
        far.place_km(LocalProjection.around(far.longitude_deg, far.latitude_deg))


def test_picks_of_two_pickers_are_used_once_and_said(tmp_path):
    rows = ["A.ONE.00,P,10.000,0.5", "A.ONE.10,P,10.008,0.9", "A.ONE,P,10.15,0.4", "A.ONE,S,10.01,0.9", "A.TWO,P,10.0,"]
    (tmp_path / "picks.csv").write_text("\n".join(["station_id,phase,time,probability", *rows]))
    picks = read_picks(tmp_path / "picks.csv")
    assert picks.time_s.tolist() == [10.0, 10.008, 10.01, 10.15] and picks.station[1] == "A.ONE.10"
    assert any("1 picks lie within 0.1 s of one of the same phase and station" in note for note in picks.notes)


def test_numbers_of_rows_are_no_stations(tmp_path):
    (tmp_path / "picks.csv").write_text("id,station,phase,time,event\n0,A.ONE,P,5,3.0\n1,A.ONE,S,6,-1.0\n")
    picks = read_picks(tmp_path / "picks.csv")
    assert picks.station == ("A.ONE", "A.ONE") and picks.event.tolist() == [0, -1]
    (tmp_path / "stations.csv").write_text("id,network,station,lat,lon,elevation\n0,A,ONE,42.0,13.0,10\n")
    assert read_stations(tmp_path / "stations.csv").codes == ("A.ONE",)
    (tmp_path / "stations.csv").write_text("id,lat,lon,elevation\nA.ONE,42.0,13.0,-9999\n")
    with pytest.raises(ZooError, match=r"column elevation, row 2: -9999, which usually means that nobody knows it"):
        read_stations(tmp_path / "stations.csv")


@pytest.mark.parametrize("text", ["1970-01-01T02:00:10+02", "1970-01-01 02:00:10.0+0200", "1969-12-31T20:30:10-03:30"])
def test_times_in_local_zones(tmp_path, text):
    (tmp_path / "picks.csv").write_text(f"station,phase,time\nA.ONE,P,{text}\n")
    picks = read_picks(tmp_path / "picks.csv")
    assert picks.time_s.tolist() == [10.0] and not any("without a zone" in note for note in picks.notes)
    (tmp_path / "picks.csv").write_text("station,phase,time\nA.ONE,P,1970-01-01T02:00:10 CEST\n")
    with pytest.raises(ZooError, match="is no time"):
        read_picks(tmp_path / "picks.csv")
