"""`zoo annotate --seedlink` against a server on loopback: the same picks, lost connections, Ctrl-C, what is refused."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
from pathlib import Path

import obspy
import pytest
from obspy import UTCDateTime
from seedlink_service import SeedLinkService, records_of, serving
from toy_picker import ToyPicker, record

from zoo.errors import UsageError, ZooError
from zoo.seismograms.picking.annotate import classify
from zoo.seismograms.picking.seedlink import annotate_seedlink

START = UTCDateTime("2021-07-01T23:40:20.03")
EVENTS = (60.0, 400.0, 1178.0, 1500.0, 1700.0)
HERE = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def stream():
    return record(START, 1800.0, EVENTS) + record(START + 1, 1790.0, EVENTS, station="BBB", seed=1)


def rows(out: Path) -> list[tuple]:
    found = []
    for path in sorted((out / "days").glob("*/picks.csv")):
        with open(path, newline="", encoding="utf-8") as file:
            found += [(r["station"], r["channel"], r["phase"], UTCDateTime(r["time"]).ns) for r in csv.DictReader(file)]
    return sorted(found)


def keys(picks) -> list[tuple]:
    where = [pick.waveform_id for pick in picks]
    return sorted((w.station_code, w.channel_code, p.phase_hint, p.time.ns) for w, p in zip(where, picks, strict=True))


@pytest.fixture(scope="module")
def expected(stream):
    return keys(classify(stream, ToyPicker()))


def test_replayed_records_give_the_picks_of_the_file(stream, expected, tmp_path):
    lines = []
    with serving(SeedLinkService(records_of(stream))) as service:
        found = annotate_seedlink(
            service.address, "XX_AAA:HH?,XX_BBB:--HH?.D", ToyPicker(), tmp_path / "out", shown=lines.append
        )
    assert rows(tmp_path / "out") == expected and len(expected) >= 18
    assert found.counts.total() == len(expected) == len(lines) and "XX.AAA..HHZ P" in lines[0]
    days = sorted((tmp_path / "out" / "days").iterdir())
    assert [day.name for day in days] == ["2021-07-01", "2021-07-02"]
    assert all(obspy.read_events(str(day / "picks.xml"))[0].picks for day in days)


def test_a_lost_connection_goes_on_with_the_next_record(stream, expected, tmp_path, capsys):
    with serving(SeedLinkService(records_of(stream), drop_after=[30, 0, 25])) as service:
        annotate_seedlink(service.address, "XX_AAA", ToyPicker(), tmp_path / "out", retry_s=0.3)
        asked = [command for command in service.asked if command.startswith("DATA")]
    said = capsys.readouterr().err
    assert rows(tmp_path / "out") == [key for key in expected if key[0] == "AAA"]
    assert said.count("connection lost") == 3 and said.count("connected to") == 4 and "again" in said
    assert len(asked) == 4 and asked[0] == "DATA" and asked[1] == asked[2] != asked[3]  # hexadecimal numbers


def test_started_again_it_adds_to_the_tables(stream, expected, tmp_path):
    out = tmp_path / "out"
    for station in ("AAA", "BBB", "BBB"):
        with serving(SeedLinkService(records_of(stream))) as service:
            annotate_seedlink(service.address, f"XX_{station}", ToyPicker(), out)
        with open(out / "live" / "2021-07-02.jsonl", "a", encoding="utf-8") as file:
            file.write('["XX", "AAA", ')  # a line that a killed process could not finish
    assert rows(out) == expected


def test_what_is_refused_is_said(stream, tmp_path):
    with serving(SeedLinkService(records_of(stream))) as service:
        with pytest.raises(ZooError, match="accepts none of the streams"):
            annotate_seedlink(service.address, "XX_ZZZ", ToyPicker(), tmp_path / "out")
        address = service.address
    with pytest.raises(ZooError, match="No SeedLink server answers at"):
        annotate_seedlink(address, "XX_AAA", ToyPicker(), tmp_path / "out")
    for streams in ("XXAAA", "XX_AAA:HHHHHHHHHH", ""):
        with pytest.raises(UsageError, match="like GE_WLF:00HH"):
            annotate_seedlink(address, streams, ToyPicker(), tmp_path / "out")


INTERRUPTED = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell that starts tests in the background ignores it
from toy_picker import ToyPicker
from zoo.seismograms.picking.seedlink import annotate_seedlink

def show(line):
    print(line, flush=True)

report = annotate_seedlink(sys.argv[1], "XX_AAA,XX_BBB", ToyPicker(), sys.argv[2], shown=show)
print(report.report())
"""


def test_interrupted_everything_is_written(stream, expected, tmp_path):
    paths = os.pathsep.join([str(HERE), str(HERE.parent), *sys.path])
    with serving(SeedLinkService(records_of(stream), ends=False)) as service:
        process = subprocess.Popen(
            [sys.executable, "-c", INTERRUPTED, service.address, str(tmp_path / "out")],
            env={**os.environ, "PYTHONPATH": paths}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        first = [process.stdout.readline() for _ in range(10)]  # it is at work
        process.send_signal(signal.SIGINT)
        rest, said = process.communicate(timeout=120)
    assert process.returncode == 0 and "interrupted" in said, said
    lines = [line for line in (*first, *rest.splitlines()) if "XX." in line]
    written = rows(tmp_path / "out")
    assert 0 <= len(written) - len(lines) <= 1 and len(lines) >= 10  # written first, then shown
    assert "since the start" in rest
    # Nothing is wrong in what was given before its end.
    assert len(set(written) - set(expected)) <= 2  # at the ends of the two records
