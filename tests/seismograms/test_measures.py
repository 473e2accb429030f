"""Polarity and peak displacement of picks, and the list of picks, on records whose first motion is known."""

from __future__ import annotations

import csv
import importlib.util

import numpy as np
import obspy
import pytest
from obspy import Stream, Trace, UTCDateTime
from obspy.core.inventory import Channel, InstrumentSensitivity, Inventory, Network, Response, Site, Station
from test_annotate import START, Energy, record

from zoo import cli
from zoo.errors import ZooError
from zoo.seismograms.picking.annotate import annotate_files, classify
from zoo.seismograms.picking.instruments import instruments
from zoo.seismograms.picking.measures import Responses, measure, polarity
from zoo.seismograms.picking.pick_list import COLUMNS, Picks
from zoo.seismograms.picking.segments import segments


@pytest.fixture(scope="module")
def energy():
    return Energy()


def displacement(time_s, onset_s, size_m, decay_s, hertz):
    """A pulse that begins as t^2 does at its onset: displacement, velocity, acceleration (m, m/s, m/s2)."""
    fine = np.arange(0, time_s[-1] + 0.1, 1e-3)
    since = np.clip(fine - onset_s, 0, None)
    wave = since**2 * np.exp(-since / decay_s) * np.cos(2 * np.pi * hertz * since)
    wave *= size_m / np.abs(wave).max()
    velocity = np.gradient(wave, 1e-3)
    return (
        np.interp(time_s, fine, wave),
        np.interp(time_s, fine, velocity),
        np.gradient(velocity, 1e-3)[np.searchsorted(fine, time_s)],
    )


def seismogram(
    kind="velocity", up=1.0, rate_hz=100.0, onset_s=20.0, noise=1e-9, band="HH", gain=1.0, seed=0, emergent=False
):
    """P of 2 um on Z, S of 5 um on N; m/s or m/s2, times the gain."""
    time_s = np.arange(round(60 * rate_hz)) / rate_hz
    row = {"velocity": 1, "acceleration": 2}[kind]
    z = up * displacement(time_s, onset_s, 2e-6, *((0.15, 4.0) if emergent else (0.05, 4.0)))[row]
    n = displacement(time_s, onset_s + 4, 5e-6, 0.15, 4.0)[row]
    rng = np.random.default_rng(seed)
    level = noise * 2 * np.pi * (20.0 if kind == "acceleration" else 1.0)
    made = [data + level * rng.normal(size=len(data)) for data in (z, n, 0 * n)]
    header = {"network": "XX", "station": "AAA", "sampling_rate": rate_hz, "starttime": START}
    return Stream([Trace(gain * d, {**header, "channel": band + c}) for d, c in zip(made, "ZNE", strict=True)])


def in_band(size_m=2e-6):
    """The peak of P's displacement between 1 and 20 Hz, by ObsPy's filter."""
    trace = Trace(displacement(np.arange(6000) / 100, 20.0, size_m, 0.05, 4.0)[0], {"sampling_rate": 100.0})
    return np.abs(trace.filter("bandpass", freqmin=1.0, freqmax=20.0, corners=2).data).max()


def inventory(units="M/S", gain=1e9, band="HH"):
    sensitivity = InstrumentSensitivity(gain, 5.0, units, "COUNTS")
    channels = [Channel(band + c, "", 0, 0, 0, 0, response=Response(instrument_sensitivity=sensitivity)) for c in "ZNE"]
    return Inventory([Network("XX", [Station("AAA", 0, 0, 0, channels, Site("made"))])])


def measured(stream, phase="P", at_s=20.0, responses=None, until_s=None):
    (segment,), _ = segments(instruments(stream)[0][0])
    rate = segment.rate_hz
    until = None if until_s is None else until_s * rate
    return measure(segment, at_s * rate, until, phase, responses or Responses(None))


@pytest.mark.parametrize("rate_hz", [40.0, 62.5, 100.0, 250.0])
@pytest.mark.parametrize("up", [1.0, -1.0])
@pytest.mark.parametrize("late_s", [-0.03, 0.0, 0.04])
def test_polarity_is_that_of_the_first_motion(rate_hz, up, late_s):
    found = measured(seismogram(up=up, rate_hz=rate_hz), at_s=20.0 + late_s)
    assert found.polarity == ("up" if up > 0 else "down")


def test_polarity_is_left_open_where_it_is_not_clear():
    for emergent in (False, True):  # of the second one the first half-cycle has 6 % of the largest amplitude
        made = [
            measured(seismogram(seed=seed, noise=noise, emergent=emergent)).polarity
            for seed in range(20)
            for noise in (1e-8, 3e-8, 1e-7, 3e-7, 1e-6)
        ]
        assert made.count("up") + made.count("down") in (range(0, 15) if emergent else range(60, 100))
        assert emergent or made.count("down") <= 0.02 * made.count("up")
    assert not any(measured(seismogram(seed=seed), at_s=10.0).polarity for seed in range(20))  # noise
    assert not measured(seismogram(), "S", 24.0).polarity
    assert not measured(seismogram(), at_s=0.05).polarity and not measured(seismogram(rate_hz=20.0)).polarity
    assert polarity(np.zeros(500), 300, 100.0) == ""


@pytest.mark.parametrize("rate_hz", [50.0, 100.0, 200.0])
def test_amplitude_is_the_peak_displacement(rate_hz):
    p, s = (
        measured(seismogram(emergent=True, rate_hz=rate_hz)),
        measured(seismogram(emergent=True, rate_hz=rate_hz), "S", 24.0),
    )
    assert p.amplitude == pytest.approx(2e-6, rel=0.05) and s.amplitude == pytest.approx(5e-6, rel=0.05)
    assert p.amplitude_unit == s.amplitude_unit == "counts s"
    near = measured(
        seismogram(emergent=True, rate_hz=rate_hz, onset_s=20.0), at_s=22.0
    )  # S, 2 s later, lies in its 3 s
    assert (
        near.amplitude > 4e-6
        and measured(seismogram(emergent=True, rate_hz=rate_hz), at_s=22.0, until_s=24.0).amplitude < 1e-6
    )


def test_amplitude_in_metres():
    responses = Responses(inventory())
    found = measured(seismogram(emergent=True, gain=1e9), responses=responses)
    assert found.amplitude == pytest.approx(2e-6, rel=0.05) and found.amplitude_unit == "m"
    accelerometer = seismogram("acceleration", emergent=True, gain=1e6, band="HN")
    found = measured(accelerometer, responses=Responses(inventory("M/S**2", 1e6, "HN")))
    assert found.amplitude == pytest.approx(2e-6, rel=0.1) and found.amplitude_unit == "m"
    found = measured(accelerometer)
    assert found.amplitude == pytest.approx(2.0, rel=0.1) and found.amplitude_unit == "counts s2"
    assert measured(seismogram(gain=-1e9), responses=Responses(inventory(gain=-1e9))).polarity == "up"
    turned = measured(seismogram(emergent=True, gain=-1e9), responses=Responses(inventory(gain=-1e9)))
    assert turned.amplitude == pytest.approx(2e-6, rel=0.05)
    for unknown in (Responses(inventory("PA")), Responses(inventory(band="EH"))):
        assert measured(seismogram(), responses=unknown).amplitude_unit == "counts s"
        assert "no sensitivity of HHZ in the inventory" in unknown.notes[0]


def test_picks_carry_what_was_measured(energy, tmp_path, capsys):
    stream = seismogram(up=-1.0, gain=1e9)
    picks = classify(stream, energy)
    assert isinstance(picks, Picks) and [p.polarity for p in picks] == ["negative", None]
    first = picks.rows()[0]
    assert tuple(first) == COLUMNS and first["polarity"] == "down" and first["uncertainty_s"] is None
    assert first["amplitude"] == pytest.approx(1e9 * in_band(), rel=0.02) and first["amplitude_unit"] == "counts s"
    picks = classify(stream, energy, inventory=inventory())
    assert (
        picks.rows()[0]["amplitude"] == pytest.approx(in_band(), rel=0.02) and picks.rows()[0]["amplitude_unit"] == "m"
    )

    stream.write(str(tmp_path / "day.mseed"), format="MSEED")
    inventory().write(str(tmp_path / "stations.xml"), format="STATIONXML")
    out = tmp_path / "out"
    annotate_files([tmp_path / "day.mseed"], energy, out, inventory=tmp_path / "stations.xml")
    with open(out / "picks.csv", newline="", encoding="utf-8") as file:
        p, s = csv.DictReader(file)
    assert (p["polarity"], p["amplitude_unit"], p["uncertainty_s"], s["polarity"]) == ("down", "m", "", "")
    assert float(p["amplitude"]) == pytest.approx(in_band(), rel=0.02)
    event = obspy.read_events(str(out / "picks.xml"))[0]
    assert event.picks[0].polarity == "negative" and event.amplitudes[0].unit == "m"
    assert event.amplitudes[0].pick_id == event.picks[0].resource_id
    assert event.amplitudes[0].generic_amplitude == pytest.approx(in_band(), rel=0.02)
    with pytest.raises(ZooError, match="cannot read .*day.mseed as an inventory"):
        annotate_files([tmp_path / "day.mseed"], energy, out, inventory=tmp_path / "day.mseed")


def test_a_list_of_picks(energy):
    picks = classify(record(seconds=120.0, events=((20.0, 3.0), (90.0, 3.0))) + record(station="BBB"), energy)
    assert len(picks) == 6 and isinstance(picks[:2], Picks)
    assert [p.phase_hint for p in picks.select(station="B*")] == ["P", "S"]
    assert len(picks.select(phase="P", starttime=START + 60)) == 1 and len(picks.select(endtime=START + 21)) == 2
    assert len(picks.select(network="YY")) == 0 and len(picks.select(min_probability=0.99)) == 0
    text = str(picks).splitlines()
    assert text[0] == "6 picks" and text[1].startswith("XX.AAA..HHZ      P  2020-02-29T23:59:30.3")
    assert str(Picks(list(picks) * 5)).endswith("... 10 more") and str(Picks()) == "0 picks"
    event = picks.to_catalog()[0]
    assert event.picks == list(picks) and len(event.amplitudes) == 6
    assert picks.select(phase="S").to_catalog()[0].comments[0].text.startswith("Picks by energy")
    if importlib.util.find_spec("pandas"):
        frame = picks.to_dataframe()
        assert tuple(frame.columns) == COLUMNS and len(frame) == 6 and UTCDateTime(frame.time[0]) == picks[0].time
    else:
        with pytest.raises(ZooError, match="pandas, which is not installed"):
            picks.to_dataframe()


def test_options_of_the_command(energy, tmp_path, capsys, monkeypatch):
    import zoo

    energy(np.zeros((1, 1000, 3), np.float32))
    zoo.save(energy, tmp_path / "models" / "energy.toy", "A toy", recipe=None)
    monkeypatch.setenv("ZOO_CHECKPOINTS", str(tmp_path / "models"))
    stream = seismogram(gain=1e9)
    for trace, code in zip(stream, "012", strict=True):
        trace.stats.channel = code
    cut = stream.slice(endtime=START + 30) + stream.slice(START + 32)
    cut.write(str(tmp_path / "day.mseed"), format="MSEED")
    command = ["annotate", str(tmp_path / "day.mseed"), "--model", "energy", "--out", str(tmp_path / "out"), "--json"]
    assert cli.main(command) == 1
    assert "no vertical component among 0, 1, 2" in capsys.readouterr().err
    said = ["--components", "0=Z,1=N,2=E", "--max-gap-s", "3", "--overlap", "0.75", "--threshold", "P=0.3,S=0.3"]
    assert cli.main([*command, *said]) == 0
    out = capsys.readouterr().out
    assert '"annotated_s": 60' in out and "in gaps up to 3 s filled" in out
    assert cli.main([*command, "--components", "UD"]) == 2
    assert "Components look like UD=Z" in capsys.readouterr().err
    assert cli.main([*command, *said[:2], "--overlap", "1.5"]) in (1, 2)


def test_files_without_station_codes_are_stations(energy, tmp_path, capsys):
    for number in range(2):
        stream = record(station="", seed=number, events=((20.0 + 5 * number, 3.0),))
        for trace in stream:
            trace.stats.network = ""
        folder = tmp_path / "in" / str(number)
        folder.mkdir(parents=True)
        stream.write(str(folder / "record.one.mseed"), format="MSEED")
    result = annotate_files([tmp_path / "in"], energy, tmp_path / "out")
    assert list(result.stations) == [".record_one_mseed", ".record_one_mseed_2"]
    assert [pick.station for pick in result.picks if pick.phase == "P"] == ["record_one_mseed", "record_one_mseed_2"]
    assert any("without station codes" in note for note in result.notes)
    assert len(list((tmp_path / "out" / "probabilities").iterdir())) == 2
    assert (tmp_path / "out" / "event-1-stations.png").stat().st_size > 10_000


def test_a_file_that_cannot_be_read_is_passed_over(energy, tmp_path):
    record().write(str(tmp_path / "good.mseed"), format="MSEED")
    (tmp_path / "bad.sac").write_bytes(b"nothing" * 100)
    result = annotate_files([tmp_path / "good.mseed", tmp_path / "bad.sac"], energy, tmp_path / "out")
    assert len(result.picks) == 2 and any("bad.sac: ObsPy cannot read it" in note for note in result.notes)


def test_an_overview_of_several_years_shows_each(energy, tmp_path):
    from zoo.seismograms.figures.picks import overview_figure

    for number, years in enumerate((0, 4, 9)):
        stream = record(station=f"S{number}", start=START + 365.25 * 86400 * years)
        stream.write(str(tmp_path / f"{number}.mseed"), format="MSEED")
    result = annotate_files([tmp_path], energy, tmp_path / "out")
    axes = overview_figure(result).axes
    assert len(axes) == 6
    for number in range(3):
        low, high = axes[3 + number].get_xlim()
        assert 59 <= (high - low) * 86400 <= 62
        spans = [bar for bar in axes[3 + number].patches if bar.get_width() * 86400 > 59]
        assert len(spans) == 1  # a bar over the whole panel
