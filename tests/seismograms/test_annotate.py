"""Models on continuous streams: windows, gaps, rates, stations, files. Toy models, real and made records."""

from __future__ import annotations

import csv
import json

import keras
import numpy as np
import obspy
import pytest
from keras import ops
from obspy import Stream, Trace, UTCDateTime

from zoo import cli
from zoo.errors import UsageError, ZooError
from zoo.seismograms.picking import windows as waveform_windows
from zoo.seismograms.picking.annotate import annotate, annotate_files, classify
from zoo.seismograms.picking.segments import instruments, segments

START = UTCDateTime("2020-02-29T23:59:10.37")
ON_GRID = UTCDateTime("2020-03-01")
"""Windows of any model begin here, if the record does."""


@keras.saving.register_keras_serializable("zoo_tests")
class Energy(keras.Model):
    """Real convolutions with set weights: P where the last 0.2 s of Z have more energy than the second before them,
    S where those of the horizontals have."""

    recipe_name = "energy"
    component_order, labels, answers = "ZNE", ("P", "S", "noise"), "seismograms.picks"

    def __init__(self, sampling_rate_hz=100.0, samples=1000, **kwargs):
        super().__init__(**kwargs)
        self.sampling_rate_hz, self.samples = sampling_rate_hz, samples
        short, long = round(0.2 * sampling_rate_hz), round(sampling_rate_hz)
        kernel = np.zeros((long + short, 3, 4), np.float32)
        for component, phase in ((0, 0), (1, 1), (2, 1)):
            kernel[-short:, component, phase] = 1 / short
            kernel[:-short, component, 2 + phase] = 1 / long
        self.kernel = kernel

    def call(self, waveforms):
        x = waveforms - ops.mean(waveforms, axis=1, keepdims=True)
        x = x**2
        before = ops.repeat(ops.mean(x, axis=1, keepdims=True), self.kernel.shape[0] - 1, axis=1)
        x = ops.concatenate([before, x], axis=1)
        means = ops.conv(x, self.kernel, padding="valid")
        ratio = means[..., :2] / (means[..., 2:] + 1e-6 * ops.max(x, axis=(1, 2), keepdims=True) + 1e-20)
        phases = ops.sigmoid(4 * (ops.sqrt(ratio + 1e-12) - 4)) * 0.5
        return ops.concatenate([phases, 1 - ops.sum(phases, axis=-1, keepdims=True)], axis=-1)

    def get_config(self):
        return {**super().get_config(), "sampling_rate_hz": self.sampling_rate_hz, "samples": self.samples}


@keras.saving.register_keras_serializable("zoo_tests")
class Loudness(keras.Model):
    """A classifier: is the largest amplitude more than eight times the mean one?"""

    recipe_name = "loudness"
    component_order, labels, answers = "ZNE", ("noise", "earthquake"), "seismograms.class"
    sampling_rate_hz, samples = 50.0, 500

    def call(self, waveforms):
        x = ops.abs(waveforms[..., 0] - ops.mean(waveforms[..., 0], axis=1, keepdims=True))
        loud = ops.sigmoid(4 * (ops.max(x, axis=1) / (ops.mean(x, axis=1) + 1e-12) - 8))
        return ops.stack([1 - loud, loud], axis=1)


class Largest(keras.Model):
    """A model of one arrival: the first sample with half of the largest amplitude; in noise that is anywhere."""

    recipe_name = "largest"
    component_order, labels, answers = "ZNE", ("P",), "seismograms.arrival"
    sampling_rate_hz, samples = 20.0, 540

    def call(self, waveforms):
        x = ops.abs(waveforms[..., 0])
        return ops.cast(ops.argmax(x >= 0.5 * ops.max(x, axis=1, keepdims=True), axis=1), "float32")[:, None]


def record(rate_hz=100.0, seconds=60.0, events=((20.0, 3.0),), station="AAA", start=START, channels=("Z", "N", "E"),
           offset=0.0, band="HH", seed=0, location=""):  # fmt: skip
    """Noise with bursts: P (mostly on Z) at each event's first number, S (mostly horizontal) its second later."""
    rng = np.random.default_rng([seed, len(station)])
    samples = round(seconds * rate_hz)
    time_s = np.arange(samples) / rate_hz
    made = Stream()
    for place, channel in enumerate(channels):
        data = rng.normal(size=samples)
        for p_s, s_minus_p_s in events:
            for at_s, size in ((p_s, 60 if place == 0 else 1), (p_s + s_minus_p_s, 1 if place == 0 else 90)):
                since = time_s - at_s
                wave = np.where(since >= 0, np.exp(-np.maximum(since, 0) / 0.7) * np.cos(2 * np.pi * 4 * since), 0)
                data += size * wave
        header = {"network": "XX", "station": station, "location": location, "channel": band + channel}
        made.append(Trace(data + offset, {**header, "starttime": start, "sampling_rate": rate_hz}))
    return made


def times(picks, phase, start=START):
    return [pick.time - start for pick in picks if pick.phase_hint == phase]


@pytest.fixture(scope="module")
def energy():
    return Energy()


def test_probabilities_are_traces_with_names_and_times_right(energy):
    stream = record()
    before = stream.copy()
    made = annotate(stream, energy)
    assert stream == before
    assert [trace.id for trace in made] == ["XX.AAA..energy_P", "XX.AAA..energy_S", "XX.AAA..energy_noise"]
    for trace, at_s in zip(made, (20.0, 23.0), strict=False):
        assert trace.stats.starttime == START and trace.stats.npts == 6000 and trace.stats.sampling_rate == 100
        peak = trace.times()[int(np.argmax(trace.data))]
        assert at_s - 0.05 <= peak <= at_s + 0.25 and trace.data.max() > 0.45
    np.testing.assert_allclose(sum(trace.data for trace in made), 1, atol=1e-5)


def test_picks_are_obspys(energy):
    picks = classify(record(), energy)
    assert [pick.phase_hint for pick in picks] == ["P", "S"]
    p, s = picks
    assert abs(p.time - START - 20.0) <= 0.02 and abs(s.time - START - 23.0) <= 0.25  # P moved to its onset
    assert (p.waveform_id.get_seed_string(), s.waveform_id.get_seed_string()) == ("XX.AAA..HHZ", "XX.AAA..HHN")
    assert p.method_id.id.endswith("energy") and p.evaluation_mode == "automatic"
    assert 0.3 <= float(p.comments[0].text.partition("=")[2]) <= 0.5
    assert classify(record(), energy, {"P": 0.6, "S": 0.3})[0].phase_hint == "S"


@pytest.mark.parametrize("rate_hz", [50.0, 125.0, 250.0])
def test_picks_at_other_sampling_rates(energy, rate_hz):
    picks = classify(record(rate_hz=rate_hz), energy)
    assert times(picks, "P") == pytest.approx([20.0], abs=0.05) and times(picks, "S") == pytest.approx([23.0], abs=0.25)


@pytest.mark.parametrize("rate_hz", [40.0, 62.5, 100.0, 100.004, 200.0, 500.0])
@pytest.mark.parametrize("to_hz", [20.0, 100.0])
def test_resampling_shifts_nothing(rate_hz, to_hz):
    def wave(time_s):
        return 1000 + np.exp(-((time_s - 20) ** 2) / 8) * np.sin(2 * np.pi * 3 * (time_s - 20))

    data = wave(np.arange(round(40 * rate_hz)) / rate_hz)
    header = {"channel": "HHZ", "sampling_rate": rate_hz, "starttime": START}
    (segment,), _ = segments(instruments(Stream([Trace(data, header)]))[0][0])
    sample = np.arange(segment.length(to_hz))
    time_s = np.array([segment.time(k, to_hz) - START for k in sample[::50]])
    found = segment.resampled(0, len(sample), to_hz)[::50, 0]
    np.testing.assert_allclose(found, wave(time_s) - data.mean(), atol=0.01)


def test_resampled_pieces_are_the_resampled_whole():
    for rate_hz, to_hz in ((125.0, 100.0), (100.0, 20.0), (40.0, 100.0), (100.0, 100.0)):
        (segment,), _ = segments(instruments(record(rate_hz=rate_hz, offset=1e6))[0][0])
        whole = segment.resampled(0, segment.length(to_hz), to_hz)
        assert (len(whole) - 1) / to_hz <= 60 - 1 / rate_hz < len(whole) / to_hz
        for first, count in ((0, 77), (313, 200), (501, 3), (len(whole) - 5, 5)):
            np.testing.assert_allclose(segment.resampled(first, count, to_hz), whole[first : first + count], atol=1e-4)


def test_pieces_give_what_the_whole_gives(energy, monkeypatch):
    stream = record(seconds=300.0, events=((20.0, 3.0), (119.9, 2.0), (240.2, 4.0)), rate_hz=125.0)
    whole, picks = annotate(stream, energy), classify(stream, energy)
    monkeypatch.setattr(waveform_windows, "PIECE_S", 30.0)
    monkeypatch.setattr("zoo.seismograms.picking.results.PIECE_S", 30.0)
    monkeypatch.setattr(waveform_windows, "_BATCHES", (3,))
    assert [p.time for p in classify(stream, energy)] == [p.time for p in picks] and len(picks) == 6
    for one, other in zip(annotate(stream, energy), whole, strict=True):
        np.testing.assert_allclose(one.data, other.data, atol=2e-5)


def test_windows_overlap_and_the_middle_is_trusted():
    class Ramp(Energy):
        def call(self, waveforms):
            place = ops.broadcast_to(ops.arange(1000, dtype="float32")[None, :, None], ops.shape(waveforms))
            return place

    probabilities = annotate(record(seconds=30.0, start=ON_GRID), Ramp(), overlap=0.5)[0].data
    inside = probabilities[500:2500] % 500  # between 250 and 750 of a window, nearest to its middle
    assert probabilities[0] == 0 and probabilities[-1] == pytest.approx(999)
    assert np.all(np.abs(probabilities[500:2500] - 500) <= 260), inside
    middles = probabilities[500:2500:500]
    np.testing.assert_allclose(middles, 500, atol=2)


def test_no_window_bridges_a_long_gap_and_short_ones_are_filled(energy, capsys):
    stream = record(seconds=120.0, events=((20.0, 3.0), (90.0, 3.0)))
    for trace in stream:
        trace.data = np.ma.masked_array(trace.data, mask=False)
        trace.data.mask[5000:5300] = True  # 3 s: not bridged
    stream[0].data[8000:8010] = np.nan  # 0.1 s: filled
    made = annotate(stream, energy)
    said = capsys.readouterr().err
    assert "1 gap longer than 1 s not bridged, 3 s in all, the longest of 3 s" in said and "10 missing samples" in said
    spans = [(t.stats.starttime - START, t.stats.npts) for t in made.select(channel="energy_P")]
    assert spans == [(0, 5000), (pytest.approx(53.0), 6700)]
    assert all(np.isfinite(trace.data).all() for trace in made)
    picks = classify(stream, energy)
    np.testing.assert_allclose(times(picks, "P"), [20.0, 90.0], atol=0.03)
    # The same record in separate traces, shuffled, one of them twice.
    parts = stream.split()
    parts.traces.reverse()
    assert [p.time for p in classify(parts + parts[:1].copy(), energy)] == [p.time for p in picks]


def test_pieces_that_contradict_each_other_are_a_gap():
    stream = record(channels=("Z",))
    other = stream[0].copy().trim(START + 30, START + 31)
    other.data = other.data + 5
    found, notes = segments(instruments(stream + Stream([other]))[0][0])
    assert [segment.samples for segment in found] == [3000, 2899] and any("longest of 1.01 s" in note for note in notes)


def test_stretches_of_one_value_are_gaps():
    stream = record(channels=("Z",))
    stream[0].data[2000:2150] = 0
    stream[0].data[4000:4050] = 0  # 0.5 s may be real
    found, notes = segments(instruments(stream)[0][0])
    assert [s.samples for s in found] == [2000, 3850] and "XX.AAA HHZ: 1.5 s at one value" in notes[0]
    stream[0].data[:] = 0
    assert segments(instruments(stream)[0][0]) == ([], ["XX.AAA HHZ: flat for 60 s; not used."])


def test_a_horizontal_that_ends_begins_another_segment():
    stream = record()
    stream[1].trim(endtime=START + 39.99)
    stream[2].trim(starttime=START + 0.05)  # within the gap that is filled
    found, _ = segments(instruments(stream)[0][0])
    assert [(s.samples, "".join(s.channels)) for s in found] == [(4000, "ZNE"), (2000, "ZE")]
    values = found[0].read(0, 10)
    assert values[0, 2] == values[5, 2] != 0 and not found[1].read(0, 2000)[:, 1].any()


def test_components_instruments_and_stations(energy, capsys):
    later = START + 7.123
    stream = record(station="BBB", start=later, channels=("Z", "1", "2"), location="00")
    stream += record(channels=("Z",), seed=1, events=((30.0, 2.0),))
    stream += record(station="BBB", start=later, band="HN", location="00")
    stream += record(station="CCC", channels=("N", "E"))
    picks = classify(stream, energy)
    said = capsys.readouterr().err
    assert "XX.BBB: 00.HN? at 100 Hz is used" not in said and "00.HH? at 100 Hz is used, not 00.HN?" in said
    assert "12Z are taken" in said and "no component N and E" in said and "XX.CCC: no vertical" in said
    by_station = {code: [p for p in picks if p.waveform_id.station_code == code] for code in ("AAA", "BBB")}
    assert times(by_station["AAA"], "P") == pytest.approx([30.0], abs=0.02) and not times(by_station["AAA"], "S")
    assert times(by_station["BBB"], "P", later) == pytest.approx([20.0], abs=0.02)
    assert by_station["BBB"][1].waveform_id.channel_code == "HH1"
    many = Stream()
    for number in range(9):
        many += record(
            station=f"S{number}", seed=number, seconds=20.0, events=((5 + number, 2.0),), start=START + number
        )
    found = classify(many, energy)
    np.testing.assert_allclose([p.time - START for p in found if p.phase_hint == "P"], np.arange(9) * 2 + 5, atol=0.03)


def test_integers_offsets_and_clipping(energy, capsys):
    stream = record(offset=2e6)
    for trace in stream:
        trace.data = np.round(100 * (trace.data - 2e6) + 2e6).astype(np.int32)
    expected = [pick.time - START for pick in classify(record(), energy)]
    assert [pick.time - START for pick in classify(stream, energy)] == pytest.approx(expected, abs=0.011)
    stream[0].data = np.clip(stream[0].data, 2_000_000 - 1500, 2_000_000 + 1500)
    assert times(classify(stream, energy), "P") == pytest.approx([20.0], abs=0.05)
    assert "clipped" in capsys.readouterr().err


def test_short_records(energy):
    assert times(classify(record(seconds=6.0, events=((3.0, 1.5),)), energy), "P") == pytest.approx([3.0], abs=0.03)
    made = annotate(record(seconds=6.0), energy)
    assert made[0].stats.npts == 600
    with pytest.raises(ZooError, match="shorter than half a window"):
        annotate(record(seconds=4.9), energy)


def test_classifier_labels_windows():
    model, stream = Loudness(), record(seconds=61.0, events=((42.0, 2.0),), start=ON_GRID)
    windows = classify(stream, model)
    assert [window.start - ON_GRID for window in windows] == pytest.approx([*np.arange(0, 51, 5), 51.0])
    assert [w.start - ON_GRID for w in windows if w.label == "earthquake"] == pytest.approx([35.0, 40.0])
    assert windows[0].end - windows[0].start == pytest.approx(10) and windows[0].channel == "HH"
    assert sum(windows[3].probabilities.values()) == pytest.approx(1)
    trace = annotate(stream, model).select(channel="loudness_earthquake")[0]
    assert trace.stats.delta == 5 and trace.stats.npts == 11
    assert trace.stats.starttime - ON_GRID == pytest.approx(4.99)
    with pytest.raises(UsageError, match="no threshold"):
        classify(stream, model, 0.5)


@pytest.mark.parametrize("rate_hz", [40.0, 100.0, 125.0])
def test_a_record_that_begins_elsewhere_has_the_same_windows_and_samples(rate_hz):
    model, stream = Loudness(), record(rate_hz=rate_hz, seconds=60.0, events=((42.0, 2.0),))
    later = stream.slice(START + 20.12)
    (whole,), (part,) = (segments(instruments(s)[0][0])[0] for s in (stream, later))
    before = part.first(50.0) - whole.first(50.0)
    assert part.time(7, 50.0) == whole.time(before + 7, 50.0)
    count = part.length(50.0) - 100
    difference = part.resampled(50, count, 50.0) - whole.resampled(before + 50, count, 50.0)
    assert np.ptp(difference, axis=0) == pytest.approx(0, abs=1e-3)  # offsets are removed over the segment
    both = [classify(s, model) for s in (stream, later)]
    starts = [[w.start for w in windows] for windows in both]
    assert starts[1][1:] == [time for time in starts[0] if time > later[0].stats.starttime]  # one more at the start
    assert [time - ON_GRID for time in starts[1][1:-1]] == pytest.approx([-25, -20, -15, -10, -5, 0], abs=0.006)
    values = annotate(later, model).select(channel="loudness_earthquake")[0]
    assert values.stats.starttime - ON_GRID == pytest.approx(-25 + 4.99, abs=0.006)


def test_an_arrival_is_what_overlapping_windows_agree_on():
    stream = record(seconds=200.0, events=((70.0, 400.0), (150.0, 400.0)))
    picks = classify(stream, Largest())
    assert times(picks, "P") == pytest.approx([70.0, 150.0], abs=0.1)
    share = annotate(stream, Largest())[0]
    assert share.id == "XX.AAA..largest_P" and share.data.max() <= 1
    assert share.slice(START + 69.8, START + 70.2).data.min() > 0.8
    assert share.slice(START + 110, START + 130).data.max() < 0.5  # noise
    assert not classify(record(seconds=200.0, events=()), Largest())


def test_what_is_no_picker_is_refused():
    class Copy(Largest):
        answers = "seismograms.features"

    class Reversed(Largest):
        component_order = "ENZ"

    expected = (
        "expected seismograms.picks or seismograms.class or seismograms.arrival. Models that answer it: .*p_picker"
    )
    for model, message in (
        (Copy(), f"answers seismograms.features; {expected}"),
        (keras.Sequential(name="plain"), f"The model plain .* answers no question .*; {expected}"),
        ("mdn_crust", f"mdn_crust answers crust.thickness; {expected}"),
        (Reversed(), "takes components ENZ; expected ZNE"),
    ):
        for task in (annotate, classify):
            with pytest.raises(ZooError, match=message):
                task(record(), model)
    with pytest.raises(UsageError, match="does not pick 'Pn'"):
        classify(record(), Energy(), {"Pn": 0.5})


@pytest.fixture
def models(tmp_path, monkeypatch):
    """Checkpoints `energy.toy` and `loudness.toy`, found by name."""
    import zoo

    for model, samples in ((Energy(), 1000), (Loudness(), 500)):
        model(np.zeros((1, samples, 3), np.float32))
        zoo.save(model, tmp_path / "models" / f"{model.recipe_name}.toy", "A toy", recipe=None)
    monkeypatch.setenv("ZOO_CHECKPOINTS", str(tmp_path / "models"))


def rows(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_command_line(models, tmp_path, capsys):
    data = tmp_path / "data" / "2020"
    data.mkdir(parents=True)
    (record() + record(station="BBB", start=START + 5)).write(str(data / "two [stations].mseed"), format="MSEED")
    more = record(start=START + 60, events=((12.0, 2.0),))
    more.write(str(data / "later.mseed"), format="MSEED")
    (data / "readme.txt").write_text("no waveform")
    out = tmp_path / "out"
    arguments = [
        "annotate",
        str(tmp_path / "data"),
        "--model",
        "energy",
        "--out",
        str(out),
        "--threshold",
        "P=0.25,S=0.3",
    ]
    assert cli.main(arguments) == 0
    said = capsys.readouterr()
    assert "energy.toy" in said.out and "readme.txt" in said.out
    table = rows(out / "picks.csv")
    assert [(row["station"], row["phase"]) for row in table] == [("AAA", p) for p in "PSPS"] + [
        ("BBB", p) for p in "PS"
    ]
    assert list(table[0]) == [
        *("network", "station", "location", "channel", "phase", "time", "probability"),
        *("polarity", "amplitude", "amplitude_unit", "uncertainty_s"),
    ]
    offsets = [UTCDateTime(row["time"]) - START for row in table if row["phase"] == "P"]
    np.testing.assert_allclose(offsets, [20.0, 72.0, 25.0], atol=0.03)
    catalog = obspy.read_events(str(out / "picks.xml"))
    assert [str(pick.time) for pick in catalog[0].picks] == [row["time"] for row in table]
    traces = obspy.read(str(out / "probabilities" / "XX.AAA.mseed"))
    assert sorted(trace.id for trace in traces) == ["XX.AAA..P", "XX.AAA..S"]  # across the two files
    assert traces[0].stats.npts == 12000 and traces[0].data.dtype == np.float32
    summary = json.loads((out / "summary.json").read_text())
    assert summary["picks"] == {"P": 3, "S": 3} and summary["stations"]["XX.AAA"]["annotated_s"] == 120
    assert (out / "overview.png").stat().st_size > 10_000

    assert cli.main(["annotate", str(data / "*.mseed"), "--model", "loudness", "--out", str(out), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["windows"]["earthquake"] >= 3
    table = rows(out / "windows.csv")
    assert not (out / "picks.csv").exists()  # of the other model
    assert table[0]["label"] in ("noise", "earthquake") and "probability_earthquake" in table[0]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere.mseed", "--model", "energy"], "There is no file, folder or wildcard: nowhere.mseed"),
        (["one.mseed", "--model", "enrgy"], "Did you mean energy"),
        (["notes.txt", "--model", "energy"], "ObsPy cannot read notes.txt"),
        (["horizontal.mseed", "--model", "energy"], "no vertical component among HHE, HHN"),
        (["one.mseed", "--model", "energy", "--threshold", "P=high"], "like 0.3, or P=0.3"),
        (["one.mseed", "--model", "mdn_crust"], "answers crust.thickness; expected seismograms.picks"),
    ],
)
def test_errors_have_a_remedy(models, tmp_path, monkeypatch, capsys, arguments, message):
    monkeypatch.chdir(tmp_path)
    record().write("one.mseed", format="MSEED")
    record(channels=("N", "E")).write("horizontal.mseed", format="MSEED")
    (tmp_path / "notes.txt").write_text("no waveform")
    assert cli.main(["annotate", *arguments, "--out", "out"]) in (1, 2)
    assert message in capsys.readouterr().err.splitlines()[-1]
    assert not (tmp_path / "out" / "summary.json").exists()


def test_real_traces_of_three_components(real_data):
    """NCEDC's picked traces as one stream of stations that start a second apart, with the shipped picker."""
    stream, analyst = Stream(), {}
    for number, path in enumerate(sorted((real_data / "picks").glob("*.npz"))):
        with np.load(path, allow_pickle=False) as file:
            data, samples = file["data"], {"P": int(file["itp"]), "S": int(file["its"])}
        if (np.ptp(data, axis=0) == 0).any():  # some have no horizontals
            continue
        header = {"network": "NC", "station": f"T{number:02d}", "starttime": START + number, "sampling_rate": 100.0}
        stream += Stream([Trace(data[:, i], {**header, "channel": f"HH{c}"}) for i, c in enumerate("ENZ")])
        analyst |= {(header["station"], phase): header["starttime"] + at / 100 for phase, at in samples.items()}
    residual_s = dict.fromkeys(analyst, 9.0)
    for pick in classify(stream, "phase_picker.synthetic"):
        key = pick.waveform_id.station_code, pick.phase_hint
        residual_s[key] = min(residual_s[key], abs(pick.time - analyst[key]))
    p, s = (np.array([value for (_, name), value in residual_s.items() if name == phase]) for phase in "PS")
    assert len(p) >= 35 and np.mean(p <= 0.1) >= 0.85 and np.mean(p <= 0.5) >= 0.95
    assert np.mean(s <= 0.5) >= 0.75


def test_real_verticals(real_data, models, tmp_path, capsys):
    """Vertical miniSEED of the Pacific Northwest through the command."""
    files = sorted((real_data / "pnw" / "waveforms").glob("*.mseed"))[:6]
    result = annotate_files(files, "energy", tmp_path / "out")
    assert all(station.components == "Z" for station in result.stations.values())
    assert sum(station.annotated_s for station in result.stations.values()) >= 0.99 * 6 * 150
    assert result.picks and {pick.channel[-1] for pick in result.picks} == {"Z"}
