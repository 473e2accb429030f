"""The face of `zoo.seismograms`: lazy, complete, with examples that run."""

from __future__ import annotations

import doctest
import subprocess
import sys

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


def test_importing_the_face_imports_no_heavy_package():
    code = (
        "import sys, zoo.seismograms; print([m for m in ('tensorflow', 'keras', 'numba', 'obspy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_name_is_what_its_module_defines():
    for name in zoo.seismograms.__all__:
        module = zoo.seismograms._FACE[name]
        found = getattr(zoo.seismograms, name)
        assert callable(found) and found.__module__ == module and found.__doc__, name
        assert name in dir(zoo.seismograms)
    with pytest.raises(AttributeError, match="no attribute 'pick'"):
        zoo.seismograms.pick  # noqa: B018


@pytest.mark.parametrize("module", [zoo.seismograms, seismograms, signals, picks])
def test_examples_run(module):
    found = doctest.testmod(module)
    assert found.attempted and not found.failed


@pytest.mark.parametrize("name", [n for n in zoo.seismograms.__all__ if n[0].islower()])
def test_the_examples_of_the_face_run(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    function = getattr(zoo.seismograms, name)
    (example,) = doctest.DocTestFinder(recurse=False).find(function, name, globs=dict(function.__globals__))
    found = doctest.DocTestRunner().run(example)
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
