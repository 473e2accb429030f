"""From waveforms to a catalogue on a small simulated network, local magnitudes, the law of magnitudes, the figures."""

from __future__ import annotations

import csv
import json

import numpy as np
import obspy
import pytest
from obspy.core.inventory import Response

from zoo.cli import main
from zoo.errors import UsageError, ZooError
from zoo.field.magnitudes import b_value
from zoo.field.stations import Stations
from zoo.seismograms.archives.network import inventory, write_network
from zoo.seismograms.association.catalogue import make_catalogue
from zoo.seismograms.association.local_magnitude import WoodAnderson
from zoo.seismograms.association.waveforms import Waveforms, holds_picks, recorded
from zoo.seismograms.physics.networks import COUNTS_PER_M_S, NetworkModel, draw_network, station_record
from zoo.seismograms.picking.files import read

MODEL = NetworkModel(stations=7, hours=0.15, events=3, magnitude=(1.8, 2.6), half_width_km=15)
PLACE_KM, TIME_S = 3.0, 0.5


@pytest.fixture(scope="module")
def network():
    return draw_network(MODEL, seed=3)


@pytest.fixture(scope="module")
def day(network, tmp_path_factory):
    folder = tmp_path_factory.mktemp("network")
    return folder, write_network(network, folder)


@pytest.fixture(scope="module")
def made(day, tmp_path_factory):
    folder, _ = day
    out = tmp_path_factory.mktemp("made")
    found = make_catalogue(folder / "waveforms", folder / "stations.xml", folder / "layers.csv", out=out)
    found.write(out, pages=1)
    return found, out


def rows(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def test_a_network_is_that_of_its_seed_and_its_events_are_common(network):
    one, arrivals = station_record(network, 0)
    again, _ = station_record(draw_network(MODEL, seed=3), 0)
    np.testing.assert_array_equal(one, again)
    assert one.shape == (3, 54_000) and one.dtype == np.int32
    far = np.hypot(*(network.station_km[0] - network.place_km[:, :2]).T)
    path = np.hypot(far, network.place_km[:, 2])
    np.testing.assert_allclose(path / (arrivals.p_s - network.origin_s), 5.6, atol=0.7)
    assert np.all(arrivals.s_s > arrivals.p_s)
    with pytest.raises(ZooError, match="Depths lie between 0 and 34"):
        NetworkModel(depth_km=(0.0, 10.0))


def test_the_times_of_the_simulator_are_those_of_the_table(day, network):
    from zoo.field.layers import read_layers
    from zoo.field.travel_times import travel_times

    folder, arrivals = day
    stations = np.column_stack([network.station_km, np.zeros(MODEL.stations)])
    tables = travel_times(read_layers(folder / "layers.csv"), stations, 60, 20)
    computed = tables.times(network.place_km)
    p = np.array([of.p_s for of in arrivals]).T - network.origin_s[:, None]
    np.testing.assert_allclose(computed[:, 0], p, atol=0.02)


def test_waveforms_become_events_where_they_were(made, network, day):
    found, _ = made
    origin = np.datetime64("2020-01-01", "s").astype(float) + network.origin_s
    assert len(found) == MODEL.events
    np.testing.assert_allclose(found.located.origin_s, origin, atol=TIME_S)
    longitude, latitude = found.degrees()
    true = rows(day[0] / "true_events.csv")
    for e, row in enumerate(true):
        north = 111 * (latitude[e] - float(row["latitude_deg"]))
        east = 111 * np.cos(np.radians(42.8)) * (longitude[e] - float(row["longitude_deg"]))
        assert np.hypot(north, east) < PLACE_KM


def test_local_magnitudes_go_into_tables_and_quakeml(made, network):
    found, out = made
    assert found.magnitudes.kind == "ML" and np.all(np.abs(found.magnitude - network.magnitude) < 1.2)
    single = rows(out / "magnitudes.csv")
    assert len(single) >= 3 * MODEL.events and {row["measured"] for row in single} == {"HHN+HHE"}
    first = [float(row["magnitude"]) for row in single if row["event"] == "1"]
    table = rows(out / "events.csv")
    assert float(table[0]["magnitude"]) == pytest.approx(np.median(first), abs=1e-3)
    assert int(table[0]["magnitude_stations"]) == len(first) and table[0]["magnitude_type"] == "ML"
    event = obspy.read_events(str(out / "catalogue.xml"))[0]
    assert event.preferred_magnitude().magnitude_type == "ML"
    assert event.preferred_magnitude().mag == pytest.approx(float(table[0]["magnitude"]), abs=1e-3)
    assert len(event.station_magnitudes) == len(event.amplitudes) == len(first)
    assert event.amplitudes[0].unit == "m" and event.amplitudes[0].type == "AML"
    assert len(event.preferred_magnitude().station_magnitude_contributions) == len(first)


def test_the_same_command_goes_on_and_says_what_was_assumed(made, day, capsys):
    _, out = made
    folder = day[0]
    unit = next((out / "picks" / "units").rglob("*.json"))
    changed_ns = unit.stat().st_mtime_ns
    command = ["catalogue", str(folder / "waveforms"), "--stations", str(folder / "stations.xml")]
    command += ["--velocity-model", str(folder / "layers.csv"), "--out", str(out), "--pages", "0"]
    assert main(command) == 0
    said = capsys.readouterr()
    assert unit.stat().st_mtime_ns == changed_ns and "done already" in said.err
    assert "picks of a probability from 0.1" in said.out and not list(out.glob("event-*.png"))
    summary = json.loads((out / "summary.json").read_text())
    assert summary["magnitudes"]["type"] == "ML" and "too few" in summary["magnitudes"]["note"]
    assert summary["settings"]["ml_gain"] == 2080


def test_a_page_shows_traces_where_there_are_waveforms(made, day, tmp_path):
    from zoo.seismograms.figures.event_page import event_figure, largest, numbers

    found, out = made
    best = largest(found, 1)
    assert best == [int(np.argmax(found.magnitude))] and len(largest(found, 99)) == MODEL.events
    axes = event_figure(found, best[0]).axes[0]
    longest = max(len(line.get_xdata()) for line in axes.lines)
    assert longest > 500 and "verticals" in axes.get_title("left")
    assert "ML" in numbers(found, best[0])
    picks = sorted((out / "picks" / "days").glob("*/picks.csv"))
    bare = make_catalogue(picks[0], day[0] / "stations.xml", day[0] / "layers.csv")
    assert len(bare) == len(found) and bare.magnitudes.kind == "Mrelative"
    assert any("without waveforms there are no local magnitudes" in note for note in bare.notes)
    assert "picks alone" in event_figure(bare, 0).axes[0].get_title("left")


def test_picks_with_their_waveforms_have_local_magnitudes_or_a_sentence(made, day, tmp_path):
    found, out = made
    folder = day[0]
    picks = next((out / "picks" / "days").glob("*/picks.csv"))
    given = {"waveforms": folder / "waveforms"}
    same = make_catalogue(picks, folder / "stations.xml", folder / "layers.csv", **given)
    np.testing.assert_allclose(same.magnitude, found.magnitude, atol=0.02)
    table = "station_id,latitude,longitude,elevation_m\n"
    for station in obspy.read_inventory(str(folder / "stations.xml"))[0]:
        table += f"XX.{station.code},{station.latitude},{station.longitude},0\n"
    (tmp_path / "stations.csv").write_text(table)
    counts = make_catalogue(picks, tmp_path / "stations.csv", folder / "layers.csv", **given)
    assert counts.magnitudes.kind == "Mrelative"
    assert any("without responses (StationXML) there are no local magnitudes" in note for note in counts.notes)
    metres = make_catalogue(picks, tmp_path / "stations.csv", folder / "layers.csv", settings={"amplitude_unit": "m"})
    assert metres.magnitudes.kind == "ML" and np.abs(metres.magnitude - found.magnitude).max() < 0.4
    assert any("peak displacement of S" in note for note in metres.notes)
    with pytest.raises(UsageError, match="would pick waveforms"):
        make_catalogue(picks, folder / "stations.xml", folder / "layers.csv", picker={"model": "phase_picker"})


def test_what_is_picks_and_what_is_waveforms(tmp_path):
    (tmp_path / "picked" / "days" / "2020-01-01").mkdir(parents=True)
    (tmp_path / "picked" / "days" / "2020-01-01" / "picks.csv").write_text("")
    assert holds_picks([tmp_path / "picked"]) and holds_picks(["a.csv"]) and holds_picks(["a.XML"])
    assert not holds_picks([tmp_path]) and not holds_picks(["a.mseed", "*.sac"])
    with pytest.raises(ZooError, match="expected one table of picks"):
        holds_picks(["a.csv", "b.mseed"])


def test_a_picker_is_needed_for_waveforms(day, tmp_path):
    folder = day[0]
    with pytest.raises(ZooError, match="does not pick P and S"):
        make_catalogue(
            folder / "waveforms", folder / "stations.xml", folder / "layers.csv", out=tmp_path,
            picker={"model": "noise_earthquake"},
        )  # fmt: skip


def test_stations_without_a_place_or_without_waveforms_are_named(day, tmp_path):
    waveforms = Waveforms(day[0] / "waveforms")
    some = Stations(("XX.N00", "XX.N99"), [13.0, 13.0], [42.0, 42.0], [0.0, 0.0])
    known, notes = recorded(some, waveforms)
    assert known == ["XX.N00"] and "6 stations have waveforms, but no place" in notes[0]
    assert notes[1] == "1 stations have no waveforms: XX.N99"
    with pytest.raises(ZooError, match="No station of the waveforms is known"):
        recorded(Stations(("YY.A",), [13.0], [42.0], [0.0]), waveforms)
    (tmp_path / "picks.csv").write_text("station_id,phase,time\n")
    quiet = make_catalogue(tmp_path / "picks.csv", day[0] / "stations.xml", day[0] / "layers.csv")
    assert len(quiet) == 0 and "there is no pick of P or S, so there is no event" in quiet.notes


def sine(hertz, metres, response_counts, seconds=60.0, rate=100.0):
    """A record of ground motion that grows from 30 s on for 5 s, in a little noise, on all components."""
    time = np.arange(round(seconds * rate)) / rate
    noise = np.random.default_rng(0).normal(0, 1, len(time))
    values = (
        response_counts
        * metres
        * np.sin(2 * np.pi * hertz * time)
        * np.sin(np.clip((time - 30) / 5, 0, 1) * np.pi / 2) ** 2
        + noise
    )
    header = {"network": "XX", "station": "N00", "sampling_rate": rate, "starttime": obspy.UTCDateTime("2020-01-01")}
    return obspy.Stream([obspy.Trace(values, {**header, "channel": f"HH{c}"}) for c in "ZNE"])


def test_the_amplitude_is_that_of_a_wood_anderson_seismograph(network):
    stations = inventory(network)
    begin = obspy.UTCDateTime("2020-01-01").timestamp + 30
    hertz, metres = 5.0, 1e-5
    stream = sine(hertz, metres, 2 * np.pi * hertz * COUNTS_PER_M_S)
    channels, amplitude, snr, _ = WoodAnderson(stations).measure(stream, begin, begin + 20)
    w, w0 = 2 * np.pi * hertz, 2 * np.pi / 0.8
    response = w**2 / abs(w0**2 - w**2 + 2j * 0.7 * w0 * w)
    assert channels == "HHN+HHE" and snr > 100
    assert amplitude == pytest.approx(1e3 * metres * 2080 * response, rel=0.03)
    # ObsPy's own way to the same number.
    trace = stream[1].copy().detrend("linear").taper(0.05)
    trace.remove_response(stations, output="DISP", pre_filt=(0.2, 0.5, 40, 48), water_level=None)
    paz = {"poles": [-5.49779 + 5.60886j, -5.49779 - 5.60886j], "zeros": [0j, 0j], "gain": 1, "sensitivity": 2080}
    trace.simulate(paz_simulate=paz)
    theirs = np.abs(trace.data[3000:5000]).max() * 1e3
    assert amplitude == pytest.approx(theirs, rel=0.03)


def test_a_response_of_one_number_and_records_that_cannot_be_used(network):
    stations = inventory(network)
    begin = obspy.UTCDateTime("2020-01-01").timestamp + 30
    stream = sine(5.0, 1e-5, 2 * np.pi * 5 * COUNTS_PER_M_S)
    whole = WoodAnderson(stations).measure(stream, begin, begin + 20)[1]
    for channel in stations[0][0]:
        channel.response = Response(instrument_sensitivity=channel.response.instrument_sensitivity)
    flat = WoodAnderson(stations)
    assert flat.measure(stream, begin, begin + 20)[1] == pytest.approx(whole, rel=0.01)
    assert "only its sensitivity is known" in flat.notes[0]
    assert flat.measure(stream, begin, begin + 40) == "with a gap"
    assert flat.measure(stream.select(channel="HHZ"), begin, begin + 20) == "without horizontals"
    assert flat.measure(obspy.Stream(), begin, begin + 20) == "without waveforms"
    for trace in stream:
        trace.data = np.clip(trace.data, -5e4, 5e4)
    assert flat.measure(stream, begin, begin + 20) == "clipped"
    for trace in stream:
        trace.stats.station = "OTHER"
    assert flat.measure(sine(5.0, 1e-5, 1.0).select(channel="HH?"), begin, begin + 20)[2] < 3
    for trace in (other := sine(5.0, 1e-5, 1e9)):
        trace.stats.station = "OTHER"
    assert flat.measure(other, begin, begin + 20) == "without a response" and "no response" in flat.notes[-1]


def test_pieces_of_a_station_are_what_its_files_hold(day):
    folder = day[0]
    waveforms = Waveforms(folder / "waveforms")
    assert waveforms.stations == [f"XX.N{n:02d}" for n in range(MODEL.stations)]
    start = obspy.UTCDateTime("2020-01-01").timestamp
    spans = start + np.array([[300.0, 310.0], [10.0, 20.0], [1e6, 1e6 + 5]])
    found = dict(waveforms.pieces("XX.N02", spans))
    whole = read(folder / "waveforms").select(station="N02", channel="HHZ")[0].data
    np.testing.assert_array_equal(found[0].select(channel="HHZ")[0].data, whole[30_000:31_001])
    np.testing.assert_array_equal(found[1].select(channel="HHZ")[0].data, whole[1_000:2_001])
    assert not found[2] and not waveforms.read("XX.NONE", start, start + 10)


def test_b_value_of_magnitudes_in_bins_and_few():
    rng = np.random.default_rng(1)
    found = [b_value(1.0 + rng.exponential(1 / (0.9 * np.log(10)), 800), 1.2) for _ in range(60)]
    b, sd = np.array([law.b for law in found]), np.array([law.b_sd for law in found])
    assert abs(b.mean() - 0.9) < 0.02 and 0.8 < b.std() / sd.mean() < 1.25
    law = found[0]
    assert 10 ** (law.a - law.b * law.completeness) == pytest.approx(law.events)
    with pytest.raises(ZooError, match="a b value needs 50"):
        b_value(np.full(100, 1.0), 1.5)
    with pytest.raises(ZooError, match="no b value"):
        b_value(np.full(100, 1.0), 1.0)
