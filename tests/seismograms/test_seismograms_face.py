"""What the face of `zoo.seismograms` reads and simulates; the rest of the faces is in tests/test_faces.py."""

from __future__ import annotations

import doctest

import numpy as np
import pytest
from obspy import Stream, Trace, UTCDateTime

import zoo.seismograms
from zoo.errors import ZooError
from zoo.seismograms import signals
from zoo.seismograms.physics import seismograms
from zoo.seismograms.physics.model import SeismogramModel
from zoo.seismograms.picking import picks

START = UTCDateTime("2021-06-01")


@pytest.mark.parametrize("module", [zoo.seismograms, seismograms, signals, picks])
def test_examples_run(module):
    found = doctest.testmod(module)
    assert found.attempted and not found.failed


def test_simulated_records_are_those_of_the_seed():
    model = SeismogramModel(samples=600)
    made = zoo.seismograms.simulate(3, model, seed=4)
    np.testing.assert_array_equal(made.waveform, seismograms.seismograms(model, seed=4, first=0, count=3).waveform)
    with pytest.raises(ZooError, match="count=0"):
        zoo.seismograms.simulate(0)


def test_read_takes_files_folders_and_times(tmp_path, capsys):
    folder = tmp_path / "day [1]"
    folder.mkdir()
    for number, code in enumerate(("AAA", "BBB")):
        header = {"network": "XX", "station": code, "channel": "HHZ", "starttime": START + 60 * number}
        trace = Trace(np.arange(6000, dtype=np.int32), {**header, "sampling_rate": 100.0})
        Stream([trace]).write(str(folder / f"{code}.mseed"), format="MSEED")
    (folder / "notes.txt").write_text("no waveform")
    one = zoo.seismograms.read(folder / "AAA.mseed")
    assert [trace.stats.station for trace in one] == ["AAA"] and one[0].stats.npts == 6000
    assert not capsys.readouterr().err
    both = zoo.seismograms.read([folder])
    assert sorted(trace.stats.station for trace in both) == ["AAA", "BBB"]
    assert "1 file that is not a waveform skipped: notes.txt" in capsys.readouterr().err
    part = zoo.seismograms.read(folder, START + 30, START + 90)
    assert min(t.stats.starttime for t in part) == START + 30 and max(t.stats.endtime for t in part) == START + 90
    with pytest.raises(ZooError, match="ObsPy cannot read .*notes.txt"):
        zoo.seismograms.read(folder / "notes.txt")
