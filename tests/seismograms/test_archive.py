"""Archives: cutting changes nothing, an interrupted run goes on, bad files are noted, parts put together."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import obspy
import pytest
from fdsn_service import FdsnService, serving
from obspy import Stream, UTCDateTime
from obspy.clients.fdsn import Client as FdsnClient
from obspy.clients.filesystem.sds import Client as SdsClient
from obspy.core.inventory import Channel, Inventory, Network, Station
from toy_picker import RATE_HZ, OtherPicker, ToyClassifier, ToyPicker, record, write_sds

from zoo import cli
from zoo.errors import UsageError, ZooError
from zoo.seismograms.picking.annotate import annotate, classify
from zoo.seismograms.picking.archive import scan
from zoo.seismograms.picking.running import annotate_archive
from zoo.seismograms.picking.units import Selection

START = UTCDateTime("2020-02-28T22:30:00.03")
"""An hour and a half before midnight."""
HOURS = 3
EVENTS = (30.0, 1789.95, 2500.0, 5366.0, 5399.96, 5400.2, 5460.0, 8999.8, 9003.5, 10780.0)
"""Seconds after `START`; some at the edges of quarters, hours and the day, some with S beyond them."""
HERE = Path(__file__).parents[1]


def whole() -> Stream:
    """Three stations over midnight: one whole, one with gaps and without horizontals for a while, one with two
    instruments."""
    stream = record(START, HOURS * 3600, EVENTS)
    broken = record(START + 1.777, HOURS * 3600 - 600, EVENTS, station="BBB", seed=1)
    for trace in broken:
        first = trace.slice(endtime=START + 3600.0)
        rest = trace.slice(START + 3612.3, None)
        if trace.stats.channel != "HHZ":
            rest = rest.slice(START + 5395.0, None)
        stream += Stream([first, rest])
    stream += record(START, HOURS * 3600, (100.0, 7000.0), station="CCC", seed=2)
    stream += record(START, 1800.0, (100.0,), station="CCC", band="HN", seed=3)
    return stream


@pytest.fixture(scope="module")
def stream() -> Stream:
    return whole()


@pytest.fixture
def archive(stream, tmp_path) -> Path:
    write_sds(stream, tmp_path / "sds")
    return tmp_path / "sds"


def keys(picks):
    """Codes, phase and time (ns) of picks of the archive."""
    return [(p.network, p.station, p.location, p.channel, p.phase, p.time.ns) for p in picks]


def of_classify(picks):
    """The same of ObsPy's picks."""
    found = []
    for pick in picks:
        where = pick.waveform_id
        codes = where.network_code, where.station_code, where.location_code or "", where.channel_code
        found.append((*codes, pick.phase_hint, pick.time.ns))
    return found


def probability(pick):
    return float(pick.comments[0].text.partition("=")[2])


@pytest.mark.parametrize("hours", [0.25, 1, 6, 24])
def test_cutting_changes_nothing(stream, archive, tmp_path, hours):
    expected = classify(stream, ToyPicker())
    found = list(annotate_archive(archive, ToyPicker(), tmp_path / "out", piece_hours=hours).picks())
    assert len(expected) >= 35
    ordered = sorted(found, key=lambda p: (p.network, p.station, p.time.ns))
    assert keys(ordered) == of_classify(expected)
    by_time = [p.probability for p in ordered]
    np.testing.assert_allclose(by_time, [probability(p) for p in expected], atol=1e-3)


def test_probabilities_of_pieces_are_those_of_the_whole(stream, archive, tmp_path):
    one = stream.select(station="AAA")
    expected = annotate(one, ToyPicker())[0]
    out = tmp_path / "out"
    annotate_archive(archive, ToyPicker(), out, piece_hours=1, stations=["XX.AAA"], probabilities=True)
    pieces = obspy.read(str(out / "probabilities" / "*" / "XX.AAA.*.mseed")).select(channel="P")
    assert len(pieces) == 4 and sum(piece.stats.npts for piece in pieces) == expected.stats.npts  # none twice
    pieces.merge()
    assert pieces[0].stats.starttime == expected.stats.starttime
    np.testing.assert_allclose(pieces[0].data, expected.data, atol=1e-4)


@pytest.mark.long
def test_a_shipped_picker_on_synthetic_records_cut_and_whole(tmp_path):
    from zoo.seismograms.physics.days import continuous

    data, _ = continuous(60, 15, seed=1)
    start = UTCDateTime("2020-06-01T23:30:00")
    made = Stream()
    for values, component in zip(data, "ZNE", strict=True):
        header = {"network": "XX", "station": "DAY", "channel": f"HH{component}", "starttime": start}
        made.append(obspy.Trace(values, {**header, "sampling_rate": 100.0}))
    write_sds(made, tmp_path / "sds")
    expected = classify(made, "phase_picker")
    found = list(annotate_archive(tmp_path / "sds", "phase_picker", tmp_path / "out", piece_hours=0.25).picks())
    assert keys(found) == of_classify(expected) and len(found) > 15
    np.testing.assert_allclose([p.probability for p in found], [probability(p) for p in expected], atol=1e-3)


def test_tables_of_a_day(archive, tmp_path):
    import pyarrow.parquet

    out = tmp_path / "out"
    result = annotate_archive(archive, ToyPicker(), out)
    assert sorted(path.name for path in (out / "days").iterdir()) == ["2020-02-28", "2020-02-29"] == result.days
    found = 0
    for folder in (out / "days").iterdir():
        with open(folder / "picks.csv", newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        table = pyarrow.parquet.read_table(folder / "picks.parquet")
        assert table.column_names == list(rows[0]) and table.num_rows == len(rows)
        assert str(table.schema.field("time").type) == "timestamp[ns, tz=UTC]"
        written = [row["time"][:26] for row in rows]
        assert [value.as_py().strftime("%Y-%m-%dT%H:%M:%S.%f") for value in table["time"]] == written
        assert all(value.startswith(folder.name) for value in written)
        picks = obspy.read_events(str(folder / "picks.xml"))[0].picks
        assert [str(pick.time)[:26] for pick in picks] == written
        found += len(rows)
    summary = json.loads((out / "summary.json").read_text())
    assert sum(summary["picks"].values()) == found == len(list(result.picks()))
    assert any("00" in note or "HN" in note for note in summary["notes"])  # of the instrument that is not used
    assert summary["stations"]["XX.AAA"]["annotated_s"] == pytest.approx(HOURS * 3600, abs=0.1)


def test_windows_of_a_classifier(stream, archive, tmp_path):
    import pyarrow.parquet

    one = stream.select(station="AAA")
    result = annotate_archive(archive, ToyClassifier(), tmp_path / "out", stations=["XX.AAA"], piece_hours=0.25)
    expected = classify(one, ToyClassifier())
    assert [(w.start, w.label) for w in result.picks()] == [(w.start, w.label) for w in expected]
    table = pyarrow.parquet.read_table(tmp_path / "out" / "days" / "2020-02-29" / "windows.parquet")
    assert "probability_earthquake" in table.column_names and table.num_rows > 500


def written(out: Path) -> dict[str, int]:
    return {path.name + path.parent.name: path.stat().st_mtime_ns for path in (out / "units").rglob("[!.]*.json")}


def test_what_is_done_is_not_done_again_and_a_changed_file_is(archive, tmp_path, capsys):
    out, model = tmp_path / "out", ToyPicker()
    annotate_archive(archive, model, out, piece_hours=1)
    before, calls = written(out), model.calls
    annotate_archive(archive, model, out, piece_hours=1)
    assert written(out) == before and model.calls == calls
    assert f"{len(before)} of {len(before)} units are done already" in capsys.readouterr().err
    more = record(START + HOURS * 3600, 600.0, (300.0,), seed=9)
    (path,) = archive.rglob("XX.AAA..HHZ.D.2020.060")
    longer = (obspy.read(str(path)) + more.select(channel="HHZ")).merge()
    longer.write(str(path), format="MSEED", encoding="STEIM2")
    result = annotate_archive(archive, model, out, piece_hours=1)
    changed = {name for name, at in written(out).items() if before.get(name) != at}
    # 22 h reads nothing of the 29th; 23 h reads its first minute as a margin.
    assert changed == {f"XX.AAA.T{hour}00.json2020-02-{day}" for hour, day in (("23", 28), ("00", 29), ("01", 29))}
    late = [p for p in result.picks() if p.time > START + HOURS * 3600 and p.phase == "P"]
    assert [p.time - START - HOURS * 3600 for p in late] == pytest.approx([300.0], abs=0.2)
    assert str(late[0].time)[:26] in (out / "days" / "2020-02-29" / "picks.csv").read_text()


def test_results_of_another_model_or_setting_are_not_mixed(archive, tmp_path):
    out = tmp_path / "out"
    annotate_archive(archive, ToyPicker(), out, stations=["XX.AAA"])
    with pytest.raises(ZooError, match="model toy, now other.*choose another folder"):
        annotate_archive(archive, OtherPicker(), out)
    with pytest.raises(ZooError, match="piece_hours 6, now 1"):
        annotate_archive(archive, ToyPicker(), out, piece_hours=1)
    with pytest.raises(ZooError, match="thresholds"):
        annotate_archive(archive, ToyPicker(), out, 0.4)
    annotate_archive(archive, ToyPicker(), out, stations=["XX.BBB"])  # more stations are welcome
    text = (out / "days" / "2020-02-29" / "picks.csv").read_text()
    assert "AAA" in text and "BBB" in text


def test_bad_files_and_stations_end_nothing(archive, tmp_path, capsys):
    out = tmp_path / "out"
    expected = keys(annotate_archive(archive, ToyPicker(), tmp_path / "good", stations=["XX.AAA"]).picks())
    (archive / "XX.DDD..HHZ.D.2020.060").write_bytes(b"no miniSEED")
    (archive / "empty.sac").write_bytes(b"")
    (archive / "readme.txt").write_text("about the archive")
    record(START, 600.0, (100.0,), station="EEE").select(channel="HH[NE]").write(str(archive / "h.mseed"), "MSEED")
    (broken,) = archive.rglob("XX.CCC..HHZ.D.2020.060")
    size = broken.stat().st_size
    scan([archive], Selection(), out / "index.jsonl")
    content = broken.read_bytes()
    status = broken.stat()
    broken.write_bytes(b"\xff" * size)  # unreadable after its header was read
    os.utime(broken, ns=(status.st_atime_ns, status.st_mtime_ns))
    result = annotate_archive(archive, ToyPicker(), out)
    assert [k for k in keys(result.picks()) if k[1] == "AAA"] == expected
    problems = (out / "problems.csv").read_text()
    for name in ("XX.DDD..HHZ.D.2020.060", "empty.sac", "readme.txt", "XX.CCC..HHZ.D.2020.060"):
        assert name in problems
    assert any("XX.EEE: no vertical" in note for note in result.notes)
    assert "XX.CCC..HHZ.D.2020.060" in capsys.readouterr().err and "problem:" in result.report()
    assert {k[1] for k in keys(result.picks())} == {"AAA", "BBB", "CCC"}  # CCC on the 28th
    broken.write_bytes(content)
    os.utime(broken, ns=(status.st_atime_ns, status.st_mtime_ns))
    again = annotate_archive(archive, ToyPicker(), out)  # what had a problem is tried again
    assert "XX.CCC" not in (out / "problems.csv").read_text()
    assert len(list(again.picks())) > len(list(result.picks())) or any(k[1] == "CCC" for k in keys(again.picks()))


def test_a_model_that_fails_on_a_unit_ends_nothing(archive, tmp_path):
    class Failing(ToyPicker):
        def predict_on_batch(self, windows):
            if self.calls == 0:
                self.calls += 1
                raise RuntimeError("out of order")
            return super().predict_on_batch(windows)

    result = annotate_archive(archive, Failing(), tmp_path / "out")
    assert len(result.problems) == 1 and "out of order" in result.problems[0][1]
    assert {p.station for p in result.picks()} == {"AAA", "BBB", "CCC"}


def test_span_and_stations(archive, tmp_path):
    begin, end = START + 1000, START + 5420
    picks = list(annotate_archive(archive, ToyPicker(), tmp_path / "all", stations=["XX.AAA", "XX.CCC"]).picks())
    some = annotate_archive(
        archive, ToyPicker(), tmp_path / "some", stations=["XX.AAA"], start=str(begin), end=end, piece_hours=6
    )
    inside = [key for key in keys(picks) if key[1] == "AAA" and begin.ns <= key[-1] < end.ns]
    assert keys(some.picks()) == inside and len(inside) >= 8
    index = [json.loads(line) for line in open(tmp_path / "some" / "index.jsonl", encoding="utf-8")]
    assert all("XX.AAA" in file[0] for file in index) and len(index) == 6  # the names of an SDS tree tell


def test_shards_share_the_folder_alone(archive, tmp_path):
    expected = sorted(keys(annotate_archive(archive, ToyPicker(), tmp_path / "whole", piece_hours=1).picks()))
    out, seen = tmp_path / "out", []
    for number in (2, 1):
        before = set(written(out)) if out.exists() else set()
        result = annotate_archive(archive, ToyPicker(), out, piece_hours=1, shard=f"{number}/2")
        seen.append(set(written(out)) - before)
        assert (out / "summary.json").exists() == (number == 1)
    assert sum(map(len, seen)) == len(written(out)) == result.units == result.done and all(seen)
    assert sorted(keys(result.picks())) == expected
    for name in ("picks.csv", "picks.xml"):
        pairs = [(tmp_path / folder / "days" / "2020-02-29" / name).read_bytes() for folder in ("whole", "out")]
        assert pairs[0] == pairs[1]


def test_what_cannot_be_is_said(archive, tmp_path):
    for arguments, message in (
        ({"piece_hours": 5}, "received 5"),
        ({"shard": "0/3"}, "i from 1 to n"),
        ({"stations": ["AAA"]}, "NET.STA"),
        ({"start": "yesterday"}, "no time like"),
        ({"start": "2020-02-02", "end": "2020-02-01"}, "is empty"),
        ({"workers": 2}, "name or the folder"),
    ):
        with pytest.raises(UsageError, match=message):
            annotate_archive(archive, ToyPicker(), tmp_path / "out", **arguments)
    with pytest.raises(ZooError, match="no file, folder or wildcard"):
        annotate_archive("nowhere", ToyPicker(), tmp_path / "out")
    with pytest.raises(ZooError, match="No file is named like"):
        annotate_archive(archive, ToyPicker(), tmp_path / "out", stations=["XX.ZZZ"])
    with pytest.raises(ZooError, match="give stations="):
        annotate_archive(SdsClient(str(archive)), ToyPicker(), tmp_path / "out")


def inventory() -> Inventory:
    """What a service says of two stations: three components, and a slow channel that is not to be used."""
    place = {"latitude": 0.0, "longitude": 0.0, "elevation": 0.0}
    made = []
    for code in ("AAA", "BBB"):
        rates = {"HHZ": RATE_HZ, "HHN": RATE_HZ, "HHE": RATE_HZ, "LHZ": 1.0}
        channels = [Channel(c, "", depth=0.0, sample_rate=rate, **place) for c, rate in rates.items()]
        made.append(Station(code, channels=channels, **place))
    return Inventory([Network("XX", stations=made)], source="test")


def test_clients(stream, archive, tmp_path):
    """ObsPy's clients give what the files give."""
    span = {"stations": ["XX.AAA", "XX.BBB"], "start": START, "end": START + HOURS * 3600}
    expected = keys(annotate_archive(archive, ToyPicker(), tmp_path / "files", **span).picks())
    of_sds = annotate_archive(SdsClient(str(archive)), ToyPicker(), tmp_path / "sds_client", **span)
    assert keys(of_sds.picks()) == expected
    with serving(FdsnService(stream=stream, inventory=inventory())) as service:
        client = FdsnClient(service.url, _discover_services=True, timeout=10)
        service.faulty = {"XX.BBB"}
        result = annotate_archive(client, ToyPicker(), tmp_path / "fdsn", **span)
        assert [key for key in expected if key[1] == "AAA"] == keys(result.picks())
        assert any("XX.BBB" in where for where, _ in result.problems)
        service.faulty = set()
        result = annotate_archive(client, ToyPicker(), tmp_path / "fdsn", **span)  # what failed is asked for again
    assert keys(result.picks()) == expected


KILLED = '''
"""Annotate, in a process that is killed at its n-th write; again and again, until it ends by itself."""
import os, signal, sys
import zoo.files
from toy_picker import ToyPicker
from zoo.seismograms.picking.running import annotate_archive

archive, out, kills = sys.argv[1], sys.argv[2], int(sys.argv[3])
replace = os.replace
died = 0
while True:
    child = os.fork()
    if not child:
        left = 1 + died % 3  # a few writes: those of units, of the index, of tables
        def dying(source, target):
            global left
            left -= 1
            if not left and died % 2:
                os.kill(os.getpid(), signal.SIGKILL)  # before the file is in place
            replace(source, target)
            if not left:
                os.kill(os.getpid(), signal.SIGKILL)  # after it
        if died < kills:
            os.replace = dying
        annotate_archive(archive, ToyPicker(), out, piece_hours=0.25)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if os.WIFEXITED(status):
        print(died, os.WEXITSTATUS(status))
        break
    died += 1
'''


@pytest.mark.long
def test_killed_twenty_times_it_finds_the_same(archive, tmp_path):
    expected = annotate_archive(archive, ToyPicker(), tmp_path / "whole", piece_hours=0.25)
    paths = os.pathsep.join([str(HERE), str(HERE.parent), *sys.path])
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(archive), str(tmp_path / "out"), "20"],
        env={**os.environ, "PYTHONPATH": paths}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.stdout.split() == ["20", "0"], done.stderr[-2000:]
    for day in expected.days:
        for name in ("picks.csv", "picks.xml", "picks.parquet"):
            one, other = ((tmp_path / folder / "days" / day / name).read_bytes() for folder in ("whole", "out"))
            assert one == other, name
    again = annotate_archive(archive, ToyPicker(), tmp_path / "out", piece_hours=0.25)
    assert keys(again.picks()) == keys(expected.picks())


@pytest.mark.slow
def test_two_workers_find_what_one_finds(archive, tmp_path, capsys):
    one = annotate_archive(archive, "phase_picker", tmp_path / "one", piece_hours=1)
    two = annotate_archive(archive, "phase_picker", tmp_path / "two", piece_hours=1, workers=2)
    assert keys(two.picks()) == keys(one.picks()) and two.done == two.units == one.units


def test_command_line(archive, tmp_path, capsys):
    arguments = ["annotate", str(archive), "--model", "phase_picker", "--out", str(tmp_path / "out")]
    arguments += ["--stations", "XX.CCC", "--start", "2020-02-28T22:30", "--end", "2020-02-28T22:40"]
    assert cli.main([*arguments, "--piece-hours", "1", "--json"]) == 0
    said = capsys.readouterr()
    assert json.loads(said.out)["units_done"] == 1 and "tables of each day" in said.err
    assert cli.main([*arguments, "--piece-hours", "6"]) == 1
    assert "piece_hours 1" in capsys.readouterr().err
    assert RATE_HZ == 20  # resampled to 100 Hz
