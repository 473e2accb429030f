"""Which instrument, which component, which rate: the names of the field, and what cannot be used."""

from __future__ import annotations

import numpy as np
import pytest
from obspy import Stream, Trace, UTCDateTime
from test_annotate import START, Energy, record, times

from zoo.errors import UsageError, ZooError
from zoo.seismograms.picking.annotate import annotate, classify
from zoo.seismograms.picking.components import components_of, parse, roles
from zoo.seismograms.picking.instruments import instruments
from zoo.seismograms.picking.segments import segments, station_segments


@pytest.fixture(scope="module")
def energy():
    return Energy()


def named(codes, stream=None, **header):
    """The record of `record()`, whose channels (Z, N, E) have other codes."""
    stream = record() if stream is None else stream
    for trace, code in zip(stream, codes, strict=False):
        trace.stats.channel = code
        trace.stats.update(header)
    return stream[: len(codes)]


def resampled(trace, step):
    """Every `step`-th sample."""
    trace = trace.copy()
    trace.data, trace.stats.sampling_rate = trace.data[::step], trace.stats.sampling_rate / step
    return trace


@pytest.mark.parametrize(
    ("codes", "channels"),
    [
        (("HHZ", "HHN", "HHE"), ("HHZ", "HHN")),
        (("hhz", "hhn", "hhe"), ("hhz", "hhn")),
        (("HHZ", "HH1", "HH2"), ("HHZ", "HH1")),
        (("BH1", "BH2", "BH3"), ("BH1", "BH2")),
        (("HHZ", "HH2", "HH3"), ("HHZ", "HH2")),
        (("UD", "NS", "EW"), ("UD", "NS")),
        (("UD2", "NS2", "EW2"), ("UD2", "NS2")),
        (("HNU", "HNN", "HNE"), ("HNU", "HNN")),
        (("EHV", "EHL", "EHT"), ("EHV", "EHL")),
        (("HHZ", "HHX", "HHY"), ("HHZ", "HHX")),
        (("HHZ", "HHR", "HHT"), ("HHZ", "HHR")),
        (("DP2", "DP3", "DP4"), ("DP2", "DP3")),
        (("Z", "N", "E"), ("Z", "N")),
        (("S Z", "S N", "S E"), ("S Z", "S N")),
        ((" BZ", " BN", " BE"), (" BZ", " BN")),
    ],
)
def test_names_of_the_field(energy, codes, channels):
    picks = classify(named(codes), energy)
    assert [(p.phase_hint, p.waveform_id.channel_code) for p in picks] == list(zip("PS", channels, strict=True))
    assert abs(picks[0].time - START - 20) < 0.03 and abs(picks[1].time - START - 23) < 0.25


@pytest.mark.parametrize(
    "letters",
    [{"1", "2"}, {"1"}, {"0", "1", "2"}, set("012345"), set("1234"), {"N", "E"}, {"2", "3"}, {"3"}, {"R", "T"}, {"L"}],
)
def test_what_is_no_vertical(letters):
    assert roles(letters) is None


def test_left_out_with_a_note(energy, capsys):
    stream = record() + named(("HDH",), record(seed=3)) + named(("BDF",), record(seed=4))
    assert len(classify(stream, energy)) == 2
    assert "XX.AAA: BDF, HDH left out: no seismometer" in capsys.readouterr().err
    with pytest.raises(ZooError, match="no vertical component among BH1, BH2; .*components CODE=Z"):
        classify(named(("BH1", "BH2")), energy)
    with pytest.raises(ZooError, match="no channel code; skipped"):
        classify(named(("",)), energy)


def test_components_that_a_user_names(energy):
    for codes, said in (
        (("0", "1", "2"), "0=Z,1=N,2=E"),
        (("HHA", "HHB", "HHC"), {"A": "Z", "B": "N", "C": "E"}),
        (("HH3", "HH1", "HH2"), "HH3=Z,1=N,2=E"),
        (("q", "r", "s"), "q=z,R=n,S=e"),
        (("", "N", "E"), {"": "Z"}),
    ):
        picks = classify(named(codes), energy, components=said)
        assert [(p.phase_hint, p.waveform_id.channel_code or "") for p in picks] == [("P", codes[0]), ("S", codes[1])]
    assert components_of(None) == {} and parse("EDH", components_of("EDH=Z")) == ("ED", "Z")
    with pytest.raises(UsageError, match="UD=Z,NS=N,EW=E; received 'UD'"):
        classify(record(), energy, components="UD")
    with pytest.raises(UsageError, match="Component UD is 'UP'"):
        annotate(record(), energy, components="UD=up")


def test_a_sensor_of_three_inclined_axes_is_rotated(energy, capsys):
    stream = record()
    z, n, e = (trace.data for trace in stream)
    # Axes at azimuths 90, 330 and 210 degrees (Trillium), each rising 35.26 degrees.
    rise = np.arcsin(1 / np.sqrt(3))
    for trace, azimuth, code in zip(stream, np.deg2rad([90, 330, 210]), ("HHU", "HHV", "HHW"), strict=True):
        trace.data = z * np.sin(rise) + np.cos(rise) * (n * np.cos(azimuth) + e * np.sin(azimuth))
        trace.stats.channel = code
    (segment,), _ = segments(instruments(stream)[0][0])
    made = segment.resampled(0, 6000, 100.0)
    for column, wanted in enumerate((z, n, e)):
        np.testing.assert_allclose(made[:, column], wanted - wanted.mean(), atol=1e-4)
    assert [p.phase_hint for p in classify(stream, energy)] == ["P", "S"]
    assert "UVW are taken for the axes of a symmetric triaxial sensor" in capsys.readouterr().err
    stream[2].trim(endtime=START + 30)
    found, notes = station_segments(instruments(stream)[0][0])
    assert [s.samples for s in found] == [3001] and "29.99 s passed over in which not all three axes" in notes[-1]


@pytest.mark.parametrize("stated", ["back_azimuth", "sac", "nothing"])
def test_radial_and_transverse(stated, capsys):
    from obspy.signal.rotate import rotate_ne_rt

    stream = record()
    north, east = stream[1].data, stream[2].data
    radial, transverse = rotate_ne_rt(north, east, 37.0)
    for trace, data, code in zip(stream[1:], (radial, transverse), ("HHR", "HHT"), strict=True):
        trace.data, trace.stats.channel = data, code
        if stated == "back_azimuth":
            trace.stats.back_azimuth = 37.0
        elif stated == "sac":
            trace.stats.sac = {"baz": 37.0}
    chosen, notes = instruments(stream)
    (segment,), _ = segments(chosen[0])
    made = segment.resampled(0, 6000, 100.0)
    wanted = (radial, transverse) if stated == "nothing" else (north, east)
    for column, data in enumerate(wanted, 1):
        np.testing.assert_allclose(made[:, column], data - data.mean(), atol=1e-4)
    said = "unrotated" if stated == "nothing" else "rotated to N and E by the back-azimuth"
    assert any(said in note for note in notes)


def test_down_is_up_with_another_sign():
    stream = named(("HHD", "HHN", "HHE"))
    (segment,), _ = segments(instruments(stream)[0][0])
    np.testing.assert_allclose(segment.read(0, 100)[:, 0], stream[0].data.mean() - stream[0].data[:100], atol=1e-4)


def test_horizontals_of_another_rate_are_joined(energy, capsys):
    z, one, two = named(("BHZ", "BH1", "BH2"))
    picks = classify(Stream([z, resampled(one, 5), resampled(two, 5)]), energy)
    assert [p.waveform_id.channel_code for p in picks] == ["BHZ", "BH1"]
    assert abs(picks[0].time - START - 20) < 0.03 and abs(picks[1].time - START - 23) < 0.25
    assert "BH1 at 20 Hz and BH2 at 20 Hz joined to BHZ at 100 Hz, resampled" in capsys.readouterr().err

    def wave(time_s):
        return np.sin(2 * np.pi * 2.3 * time_s) * np.exp(-(((time_s - 30) / 8) ** 2))

    traces = []
    for code, rate, late_s in (("HHZ", 100.0, 0.0), ("HHN", 20.0, 0.013), ("HHE", 50.0, 3.1)):
        time_s = late_s + np.arange(round(60 * rate)) / rate
        header = {"channel": code, "sampling_rate": rate, "starttime": START + late_s}
        traces.append(Trace(wave(time_s) + 100, header))
    found, _ = segments(instruments(Stream(traces))[0][0])
    segment = max(found, key=lambda s: s.samples)
    begin_s = (segment.start_ns - START.ns) / 1e9
    made = segment.resampled(1000, 3000, 100.0)
    wanted = wave(begin_s + 10 + np.arange(3000) / 100)
    for column in range(3):
        np.testing.assert_allclose(made[:, column], wanted, atol=0.01)


def test_rates_that_hold_no_local_event(energy, capsys):
    slow = Stream([resampled(trace, 100) for trace in record(seconds=900.0, band="LH", events=())])
    picks = classify(slow + named(("HHZ",)), energy)  # three components at 1 Hz, one at 100 Hz
    assert [p.waveform_id.channel_code for p in picks] == ["HHZ"]
    assert ".LHE at 1 Hz, .LHN at 1 Hz, .LHZ at 1 Hz cannot hold a local event" in capsys.readouterr().err
    with pytest.raises(ZooError, match="LHZ at 1 Hz .*passed over"):
        classify(slow, energy)

    class HighPass(Energy):
        high_pass_hz = 12.0

    assert len(classify(record(), HighPass())) == 2
    with pytest.raises(ZooError, match="at 50 Hz cannot hold a local event .60 Hz or more"):
        classify(record(rate_hz=50.0), HighPass())


def test_the_instrument_that_covers_the_time_is_used_and_the_other_where_it_fails(energy, capsys):
    events = ((20.0, 3.0), (100.0, 3.0))
    good = record(seconds=150.0, events=events, channels=("Z",), band="EH", location="10")
    best = record(seconds=150.0, events=events, location="00").trim(endtime=START + 60)
    picks = classify(good + best, energy)  # 00.HH? is better, but has 60 s of 150
    assert {p.waveform_id.channel_code for p in picks} == {"EHZ"} and len(times(picks, "P")) == 2
    best = record(seconds=150.0, events=events, location="00").trim(endtime=START + 85)
    capsys.readouterr()
    picks = classify(good + best, energy)
    assert [(p.phase_hint, p.waveform_id.get_seed_string()) for p in picks] == [
        ("P", "XX.AAA.00.HHZ"),
        ("S", "XX.AAA.00.HHN"),
        ("P", "XX.AAA.10.EHZ"),
    ]
    said = capsys.readouterr().err
    assert "10.EH? at 100 Hz serves where no data precede it in the order of choice: 2020-03-01T00:00:35" in said
    # A dead channel serves for no time at all.
    for trace in best:
        trace.data[:] = 7
    assert len(times(classify(good + best, energy), "P")) == 2


def test_sensors_of_a_borehole_and_of_the_surface_are_two(energy, capsys):
    stream = named(("UD1", "NS1", "EW1")) + named(("UD2", "NS2", "EW2"), record(seed=1))
    picks = classify(stream, energy)
    assert {p.waveform_id.channel_code for p in picks} == {"UD1", "NS1"}
    assert ".??1 at 100 Hz is used, not .??2" in capsys.readouterr().err


@pytest.mark.parametrize("rate_hz", [75.19, 100.02, 99.9999, 31.25, 38.46153766798552, 19.9999997, 333.0007])
def test_any_rate_is_picked(energy, rate_hz):
    picks = classify(record(rate_hz=rate_hz), energy)
    near = 0.1 if rate_hz > 20 else 0.2
    assert times(picks, "P") == pytest.approx([20.0], abs=near) and times(picks, "S") == pytest.approx([23.0], abs=0.25)


def test_one_odd_station_ends_nothing(energy, capsys, monkeypatch):
    odd = record(station="ODD", seed=2)
    strange = Trace(np.array(list("abcdefgh" * 100), dtype="S1"), {"network": "XX", "station": "TXT", "channel": "HHZ"})
    still = record(station="DEAD")
    for trace in still:
        trace.data[:] = np.nan
    stream = record() + odd + Stream([strange]) + still
    from zoo.seismograms.picking.segment import Segment

    read = Segment.resampled

    def breaks(self, *arguments):
        if self.instrument.station == "ODD":
            raise RuntimeError("the disk of ODD is broken")
        return read(self, *arguments)

    monkeypatch.setattr(Segment, "resampled", breaks)
    picks = classify(stream, energy)
    assert [p.waveform_id.station_code for p in picks] == ["AAA", "AAA"]
    said = capsys.readouterr().err
    assert "XX.ODD: RuntimeError: the disk of ODD is broken; passed over" in said
    assert "XX.TXT: HHZ left out: no samples, or no numbers" in said
    with pytest.raises(ZooError, match="Nothing to annotate.*the disk of ODD is broken"):
        classify(odd, energy)


@pytest.mark.parametrize(
    ("rate_hz", "to_hz"), [(100.0, 100.0), (100.0, 20.0), (40.0, 100.0), (75.19, 100.0), (100.004, 20.0)]
)
def test_samples_lie_where_the_clock_says_wherever_a_record_is_cut(rate_hz, to_hz):
    (whole,), _ = segments(instruments(record(rate_hz=rate_hz))[0][0])
    for after_s in (7.0, 13.37, 20.001):
        stream = record(rate_hz=rate_hz).slice(START + after_s, START + 50)
        (piece,), _ = segments(instruments(stream)[0][0])
        shift = piece.first(to_hz) - whole.first(to_hz)
        assert abs(whole.time_ns(shift, to_hz) - piece.time_ns(0, to_hz)) < 20
        edge, count = round(2 * to_hz), round(20 * to_hz)
        ours, wanted = (s.resampled(at, count, to_hz) for s, at in ((piece, edge), (whole, shift + edge)))
        np.testing.assert_allclose(ours - ours.mean(axis=0), wanted - wanted.mean(axis=0), atol=2e-4)
    if rate_hz == 75.19:  # no ratio: whole multiples of the new step
        assert whole.time(0, to_hz).ns % round(1e9 / to_hz) < 20


def test_one_trace_will_do(energy):
    trace = record()[0]
    assert times(classify(trace, energy), "P") == pytest.approx([20.0], abs=0.03)
    assert len(annotate(trace, energy)) == 3


def test_windows_of_twelve_seconds(capsys):
    model = Energy(samples=3000)  # windows of 30 s
    picks = classify(record(seconds=12.0, events=((5.0, 2.0),)), model)
    assert times(picks, "P") == pytest.approx([5.0], abs=0.03) and times(picks, "S") == pytest.approx([7.0], abs=0.25)
    assert "1 piece shorter than a window (30 s) continued by mirror images, 12 s in all" in capsys.readouterr().err
    with pytest.raises(ZooError, match="1 piece shorter than 5 s passed over, 4.9 s in all"):
        classify(record(seconds=4.9), model)


def test_many_short_gaps_are_bridged_and_hold_no_pick(energy, capsys):
    stream = record(seconds=300.0, events=((61.0, 3.0), (181.0, 3.0)))
    pieces = Stream()
    for number in range(60):  # a gap of 0.3 s every 5 s, none on an arrival
        pieces += stream.slice(START + 5 * number, START + 5 * number + 4.69)
    picks = classify(pieces, energy)
    assert times(picks, "P") == pytest.approx([61.0, 181.0], abs=0.03)
    assert "gaps up to 1 s filled by straight lines" in capsys.readouterr().err
    pieces = stream.slice(endtime=START + 60.9) + stream.slice(START + 61.4)  # P at 61 s is lost
    assert all(not 60.9 <= at <= 61.4 for at in times(classify(pieces, energy), "P"))
    (segment,), _ = segments(instruments(pieces)[0][0])
    inside = (UTCDateTime(START) + 61.2).ns
    assert segment.is_filled("Z", inside) and not segment.is_filled("Z", inside + 10**9)


def test_headers_that_hardly_differ_are_one_rate(energy):
    stream = record(seconds=120.0, events=((20.0, 3.0), (90.0, 3.0)))
    parts = stream.slice(endtime=START + 49.99) + stream.slice(START + 50)
    for trace in parts[3:]:
        trace.stats.sampling_rate = 99.9999996
    picks = classify(parts, energy)
    assert times(picks, "P") == pytest.approx([20.0, 90.0], abs=0.03)
    (segment,), _ = station_segments(instruments(parts)[0][0])
    assert segment.samples == 12000
    for trace in parts[3:]:
        trace.stats.sampling_rate = 99.95
    assert len(station_segments(instruments(parts)[0][0])[0]) == 2
    assert times(classify(parts, energy), "P") == pytest.approx([20.0, 90.0], abs=0.05)
