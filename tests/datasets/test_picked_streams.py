"""The picked_streams builder: files made with picks whose place is known, what goes wrong, the real folders."""

from __future__ import annotations

import numpy as np
import pytest
from obspy import Stream, Trace, UTCDateTime

from zoo.data import datasets
from zoo.errors import UsageError, ZooError
from zoo.seismograms.picking.labelled import read_picks

START = UTCDateTime(2020, 1, 2, 3, 4, 5)
SETTINGS = {"samples": "6000", "quiet_s": "20", "origin_s": "25"}
HEADER = "file,trace_id,time,phase,probability\n"


def trace(station, component, rate=100.0, seconds=60, spike_s=30.0):
    data = np.random.default_rng(0).normal(size=int(seconds * rate)).astype("f4")
    data[int(spike_s * rate)] = 1000
    code = {"network": "XX", "station": station, "channel": f"HH{component}", "sampling_rate": rate, "starttime": START}
    return Trace(data, code)


@pytest.fixture
def folder(tmp_path):
    """Three stations: three components at 100 Hz, a vertical at 50 Hz, one at 1 Hz; and a file that is none."""
    made = tmp_path / "manual"
    made.mkdir()
    Stream([trace("A", c) for c in "ZNE"]).write(str(made / "a.mseed"))
    Stream([trace("B", "Z", 50.0)]).write(str(made / "b.mseed"))
    Stream([trace("C", "Z", 1.0)]).write(str(made / "c.mseed"))
    (made / "d.mseed").write_bytes(b"nothing that ObsPy reads")
    rows = [
        ("XX.A..HHZ", START + 30, "P", 0.9),
        ("XX.A..HHZ", START + 33, "S", 0.41),
        ("XX.A..HHZ", START + 10, "P", 0.2),
        ("XX.B..HHZ", START + 30, "P", 0.3),
    ]
    lines = [f"x,{code},{time},{phase},{probability}\n" for code, time, phase, probability in rows]
    (made / "picks.csv").write_text(HEADER + "".join(lines))
    return made


def test_records_hold_what_the_files_and_the_table_hold(folder, tmp_path):
    datasets.prepare("picked_streams/mine", tmp_path, folder, settings=SETTINGS)
    records = datasets.arrays("picked_streams/mine", "all", tmp_path)
    by_station = {code.decode(): row for row, code in enumerate(records["station_code"])}
    assert set(by_station) == {"A", "B"}
    a, b = by_station["A"], by_station["B"]
    assert read_picks(records["trace_picks"][a].decode()) == [("P", 3000, 0.9), ("S", 3300, 0.41), ("P", 1000, 0.2)]
    assert records["trace_p_arrival_sample"][a] == 3000 and records["trace_s_arrival_sample"][a] == 3300
    assert np.isnan(records["trace_p_arrival_sample"][b])
    assert [records["trace_category"][row].decode() for row in (a, b)] == ["earthquake", "unknown"]
    assert (records["trace_quiet_until_sample"] == 2000).all() and (records["trace_origin_sample"] == 2500).all()
    for row in (a, b):  # 50 Hz is resampled: the spike stays where it is
        assert np.abs(records["waveform"][row, :, 0]).argmax() == 3000
    assert (np.ptp(records["waveform"][a], axis=0) > 0).all() and not records["waveform"][b, :, 1:].any()
    problems = datasets.metadata("picked_streams/mine", tmp_path)["problems"]
    assert any("slower than 20 Hz" in text for text in problems) and any("unreadable" in text for text in problems)


def test_a_long_waveform_is_cut_into_records_and_a_short_one_is_mirrored(folder, tmp_path):
    datasets.prepare("picked_streams/short", tmp_path, folder, settings={"samples": "2000"})
    records = datasets.arrays("picked_streams/short", "all", tmp_path)
    assert len(records["waveform"]) == 6  # three pieces of 20 s at both stations
    assert {text.decode() for text in records["trace_picks"]} >= {"P 1000.00 0.900, S 1300.00 0.410", ""}
    datasets.prepare("picked_streams/long", tmp_path, folder, settings={"samples": "8000"})
    longer = datasets.arrays("picked_streams/long", "all", tmp_path)["waveform"]
    assert longer.shape == (2, 8000, 3)
    np.testing.assert_allclose(longer[:, 6000:6500, 0], longer[:, 5500:6000, 0][:, ::-1], atol=30)


def test_stations_are_in_one_split(folder, tmp_path):
    tests = []
    for fold in (1, 2):
        name = f"picked_streams/fold{fold}"
        datasets.prepare(name, tmp_path, folder, settings={**SETTINGS, "folds": "2", "fold": str(fold)})
        splits = datasets.metadata(name, tmp_path)["splits"]
        tests += [set(datasets.arrays(name, "test", tmp_path)["station_code"])] if "test" in splits else []
    assert sum(map(len, tests)) == len(set().union(*tests)) == 2


def test_what_is_missing_is_said(folder, tmp_path):
    (folder / "picks.csv").write_text("trace_id,time\n")
    with pytest.raises(ZooError, match="lacks the columns phase, probability"):
        datasets.prepare("picked_streams/mine", tmp_path, folder, settings=SETTINGS)
    (folder / "picks.csv").unlink()
    with pytest.raises(ZooError, match=r"one table \*picks.csv"):
        datasets.prepare("picked_streams/mine", tmp_path, folder, settings=SETTINGS)
    with pytest.raises(UsageError, match="fold counts from 1"):
        datasets.prepare("picked_streams/mine", tmp_path, folder, settings={"folds": "2", "fold": "3"})
