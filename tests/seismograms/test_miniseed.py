"""miniSEED to arrays: components, gaps, overlaps, clocks, damaged files."""

from __future__ import annotations

import numpy as np
import pytest
from obspy import Stream, Trace, UTCDateTime

from zoo.errors import ZooError
from zoo.seismograms.archives.miniseed import DAMAGED, HORIZONTALS, NOTHING, between, index_folder, read_piece

START = UTCDateTime("2014-07-23T09:00:00")
WANTED = {"to_hz": 20.0, "components": "ZNE", "channels": "HH? EH?", "max_gap_s": 1.0}


def trace(channel="HHZ", seconds=60.0, late=0.0, rate=100.0, seed=0, location="", station="S1"):
    data = np.random.default_rng(seed).integers(-2000, 2000, round(seconds * rate)).astype(np.int32) + 500
    header = {"network": "XX", "station": station, "location": location, "channel": channel}
    return Trace(data, header | {"sampling_rate": rate, "starttime": START + late})


def piece(tmp_path, traces, start=20.0, end=40.0, station=("XX", "S1", "*"), **changes):
    path = tmp_path / "x.mseed"
    Stream(traces).write(str(path), format="MSEED", reclen=512)
    return read_piece([path], station, START + start, START + end, **{**WANTED, **changes})


def window(found, seconds=20.0):
    """Return the samples of the window itself."""
    return found.data[found.first :][: round(seconds * found.sampling_rate_hz) + 1]


def test_components_in_order_on_one_grid_less_their_mean(tmp_path):
    traces = {c: trace(f"HH{c}", seed=i, late=0.002 * i) for i, c in enumerate("ENZ")}
    found = piece(tmp_path, traces.values(), start=20.002)
    assert (found.order, found.channel, found.notes, found.sampling_rate_hz) == ("ZNE", "HH", (), 100.0)
    # Z starts 4 ms after the whole second: its sample nearest to the start of the window is 2 ms late.
    assert abs(found.starts + found.first / 100 - (START + 20.004)) < 1e-6
    for place, component in enumerate("ZNE"):
        original = traces[component].data[2000:4001].astype(float)
        np.testing.assert_allclose(np.ptp(window(found)[:, place] - original), 0, atol=1e-3)
    assert abs(found.data.mean(axis=0)).max() < 1e-3


def test_the_filter_gets_real_samples_around_the_window(tmp_path):
    one = trace()
    found = piece(tmp_path, [one], components="Z")
    assert found.first == 60  # 12 samples at 20 Hz
    np.testing.assert_allclose(np.ptp(found.data[:, 0] - one.data[1940:4061]), 0, atol=1e-3)


@pytest.mark.parametrize("letters, notes", [("ZNE", ()), ("Z12", (HORIZONTALS,)), ("Z", ()), ("NE", ())])
def test_missing_components_are_zeros_and_1_2_are_said(tmp_path, letters, notes):
    found = piece(tmp_path, [trace(f"HH{c}", seed=i) for i, c in enumerate(letters)])
    assert found.order == letters and found.notes == notes
    there = [c in letters or {"N": "1", "E": "2"}.get(c, "-") in letters for c in "ZNE"]
    assert found.data.any(axis=0).tolist() == there


def test_north_goes_before_1(tmp_path):
    found = piece(tmp_path, [trace(f"HH{c}") for c in ("Z", "N", "E", "1", "2")])
    assert found.order == "ZNE" and not found.notes


def test_which_instrument_is_taken(tmp_path):
    both = [trace(f"EH{c}") for c in "ZNE"] + [trace("HHZ")]
    assert piece(tmp_path, both).channel == "EH"  # more components
    both += [trace(f"HH{c}") for c in "NE"]
    assert piece(tmp_path, both).channel == "HH"  # the first pattern
    assert piece(tmp_path, both, channels="EH? HH?").channel == "EH"
    places = [trace("HHZ", location="10"), trace("HHZ", location="00", late=1)]
    assert piece(tmp_path, places).location == "00"
    assert piece(tmp_path, places, station=("XX", "S1", "10")).location == "10"
    assert piece(tmp_path, places, station=("XX", "S1", "--")) == NOTHING
    assert piece(tmp_path, places, station=("XX", "S2", "*")) == NOTHING
    assert piece(tmp_path, places, channels="BH?") == NOTHING


@pytest.mark.parametrize("gap_s, at, filled", [(0.5, 30.0, True), (1.5, 30.0, False), (1.5, 5.0, None)])
def test_gaps(tmp_path, gap_s, at, filled):
    one = trace()
    found = piece(tmp_path, [one.slice(START, START + at), one.slice(START + at + gap_s, START + 60)])
    if filled is False:
        assert found == "a gap longer than 1 s"
        return
    assert found.notes == (("gaps up to 1 s filled",) if filled else ())
    if filled:
        low, high = 1000, 1000 + round(gap_s * 100)
        line = np.linspace(window(found)[low, 0], window(found)[high, 0], high - low + 1)
        np.testing.assert_allclose(window(found)[low : high + 1, 0], line, rtol=1e-4, atol=1e-2)
        np.testing.assert_allclose(np.ptp(window(found)[:low, 0] - one.data[2000:3000]), 0, atol=1e-3)


@pytest.mark.parametrize(
    "start, end, outcome", [(59.5, 90, "gap"), (20, 60.5, "kept"), (-0.5, 30, "kept"), (-2, 30, "gap")]
)
def test_ends_that_are_missing(tmp_path, start, end, outcome):
    found = piece(tmp_path, [trace()], start, end)
    if outcome == "gap":
        assert found == "a gap longer than 1 s"
    else:
        assert found.notes == ("gaps up to 1 s filled",)
        filled = found.data[:110, 0] if start < 0 else found.data[-100:, 0]
        assert len(set(filled.tolist())) == 1
    assert piece(tmp_path, [trace()], 70, 90) == NOTHING


def test_overlaps(tmp_path):
    one = trace()
    same = [one.slice(START, START + 32), one.slice(START + 30, START + 60)]
    found = piece(tmp_path, same)
    assert found.notes == ()
    np.testing.assert_allclose(np.ptp(window(found)[:, 0] - one.data[2000:4001]), 0, atol=1e-3)
    for late_s, outcome in ((31.5, ("gaps up to 1 s filled",)), (30.0, "a gap longer than 1 s")):
        other = trace(late=late_s, seed=1, seconds=60 - late_s)
        found = piece(tmp_path, [one.slice(START, START + 32), other])
        assert (found if isinstance(found, str) else found.notes) == outcome


def test_sampling_rates(tmp_path):
    drifting = trace()
    drifting.stats.sampling_rate = 99.9995
    assert piece(tmp_path, [drifting]).sampling_rate_hz == 100.0
    assert piece(tmp_path, [trace(), trace("HHN", rate=50.0)]) == "more than one sampling rate in one instrument"


@pytest.mark.filterwarnings("ignore::obspy.io.mseed.InternalMSEEDWarning")
def test_a_folder_in_any_shape(tmp_path):
    (tmp_path / "2014" / "204").mkdir(parents=True)
    Stream([trace(), trace(station="S2")]).write(str(tmp_path / "2014" / "204" / "day"), format="MSEED", reclen=512)
    Stream([trace(late=60)]).write(str(tmp_path / "later.ms"), format="MSEED", reclen=512)
    (tmp_path / "notes.txt").write_text("not a record")
    whole = (tmp_path / "later.ms").read_bytes()
    (tmp_path / "short.ms").write_bytes(whole[:-100])
    (tmp_path / "broken.ms").write_bytes(whole[:48] + bytes(464))
    spans, problems = index_folder(tmp_path)
    assert [(p.name, p.problem) for p in problems] == [("broken.ms", DAMAGED)]
    assert set(spans) == {"XX.S1", "XX.S2"} and sum(s.cut_short for s in spans["XX.S1"]) == 1
    at = START.timestamp
    names = lambda low, high: [span.file.split("/")[-1] for span in between(spans["XX.S1"], at + low, at + high)]
    assert names(10, 20) == ["day"] and names(50, 70) == ["day", "later.ms", "short.ms"] and names(200, 300) == []
    assert read_piece([tmp_path / "broken.ms"], ("XX", "S1", "*"), START, START + 10, **WANTED) == DAMAGED
    (tmp_path / "empty").mkdir()
    with pytest.raises(ZooError, match="holds no miniSEED"):
        index_folder(tmp_path / "empty")
