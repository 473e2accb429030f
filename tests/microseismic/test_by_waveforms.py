"""Location in a medium with a known truth, and every way an observation can be unusable."""

from __future__ import annotations

import json
import re

import numpy as np
import obspy
import pytest
from analytic_medium import RECEIVERS_KM, HomogeneousMedium

from zoo.errors import UsageError, ZooError
from zoo.microseismic.location.by_waveforms import Observation, _engine, locate, locate_many, read_traces
from zoo.microseismic.location.world import UNKNOWN_ORIGIN_TIME_S, World
from zoo.sampling.smc import Settings

SMALL = Settings(screen=8_192, particles=512, evidence_draws=1_024, batch=1_024)
KNOWN = World.as_simulated()
SOURCE_KM = np.array([0.375, 0.3, 1.57])
NOISE_SD = 80.0


@pytest.fixture(scope="module")
def medium():
    return HomogeneousMedium()


def record(medium, source_km=SOURCE_KM, seed=0, noise_sd=NOISE_SD):
    traces = medium(source_km[None])[0].numpy()
    return traces + noise_sd * np.random.default_rng(seed).normal(size=traces.shape)


def observe(medium, **changes):
    fields = {"traces": record(medium), "sampling_rate_hz": 250.0, "receivers_km": medium.receivers_km, "unit": "Pa"}
    return Observation(**fields | changes)


@pytest.fixture(scope="module")
def located(medium):
    return locate(observe(medium, source_km=SOURCE_KM), medium, noise_sd=NOISE_SD, settings=SMALL, world=KNOWN)


def test_truth_is_recovered_for_several_events_compiled_once(medium, located):
    z_scores = [(located.mean_km - SOURCE_KM) / located.sd_km]
    for seed in range(1, 4):
        source_km = np.random.default_rng(seed).uniform(medium.lower_km, medium.upper_km)
        result = locate(
            record(medium, source_km, seed), medium, noise_sd=NOISE_SD, seed=seed, settings=SMALL, world=KNOWN
        )
        assert result.converged, result.report()
        assert result.log_bayes_factor > 50
        z_scores.append((result.mean_km - source_km) / result.sd_km)
    assert np.abs(z_scores).max() < 3.5
    assert np.sqrt(np.mean(np.square(z_scores))) < 1.8
    engine = _engine(medium, (0, 1, 2, 3), KNOWN, SMALL.screen)
    assert engine._evaluate.experimental_get_tracing_count() <= 2


def test_posterior_sd_is_that_of_the_fisher_information(medium, located):
    step_km = 1e-3
    shifted = np.concatenate([SOURCE_KM + step_km * np.eye(3), SOURCE_KM - step_km * np.eye(3)])
    traces = medium(shifted).numpy().astype(np.float64).reshape(6, -1)
    jacobian = (traces[:3] - traces[3:]) / (2 * step_km * NOISE_SD)
    fisher_sd = np.sqrt(np.diag(np.linalg.inv(jacobian @ jacobian.T)))
    np.testing.assert_allclose(located.sd_km, fisher_sd, rtol=0.12)
    widths = np.diff(located.interval_95_km)[:, 0] / np.diff(located.interval_68_km)[:, 0]
    np.testing.assert_allclose(widths, 1.96, rtol=0.12)


def test_two_seeds_agree(medium, located):
    other = locate(observe(medium), medium, noise_sd=NOISE_SD, seed=1, settings=SMALL, world=KNOWN)
    assert np.all(np.abs(other.mean_km - located.mean_km) < 0.3 * located.sd_km)
    np.testing.assert_allclose(other.sd_km, located.sd_km, rtol=0.15)
    assert abs(other.log_evidence - located.log_evidence) < 0.3


@pytest.mark.slow
def test_emulator_error_widens_the_posterior_to_cover_it(medium, located):
    """One receiver's trace is 1.5 ms late: only the emulator that admits such errors covers the truth."""
    error = {"timing_sd_s": np.full(4, 0.0015), "log_amplitude_sd": np.full(4, 0.02), "shape_error": np.full(4, 0.01)}
    honest = HomogeneousMedium(emulator_error=error)
    late = HomogeneousMedium()
    late.velocity_km_s = 2.0 / (1 + 0.0015 / 0.45)
    traces = np.where(np.arange(4)[:, None] == 1, record(late, noise_sd=20.0), record(medium, noise_sd=20.0))
    sure = locate(traces, medium, noise_sd=20.0, settings=SMALL, world=KNOWN)
    wide = locate(traces, honest, noise_sd=20.0, settings=SMALL, world=KNOWN)
    assert np.abs((sure.mean_km - SOURCE_KM) / sure.sd_km).max() > 5
    assert np.abs((wide.mean_km - SOURCE_KM) / wide.sd_km).max() < 3


def test_order_of_receivers(medium, located):
    """Some of the emulator's receivers: `test_locate_models`."""
    order = [2, 0, 3, 1]
    shuffled = locate(
        observe(medium, traces=record(medium)[order], receivers_km=medium.receivers_km[order]),
        medium, noise_sd=NOISE_SD, settings=SMALL, world=KNOWN,
    )  # fmt: skip
    np.testing.assert_array_equal(shuffled.mean_km, located.mean_km)
    assert "receiver order" in shuffled.notes[0]


def test_what_to_doubt_is_said(medium):
    noise = NOISE_SD * np.random.default_rng(1).normal(size=(4, 501))
    result = locate(noise, medium, noise_sd=NOISE_SD, settings=SMALL, world=KNOWN)
    assert any("Noise alone" in warning for warning in result.warnings)
    understated = locate(record(medium), medium, noise_sd=0.5 * NOISE_SD, settings=SMALL, world=KNOWN)
    assert any("receiver 2 is not explained" in warning for warning in understated.warnings)
    np.testing.assert_allclose(understated.misfit, 4.0, rtol=0.3)
    edge = locate(record(medium, np.array([0.002, 0.3, 1.57])), medium, settings=SMALL, world=KNOWN)
    assert any("lower edge" in warning and "x_km" in warning for warning in edge.warnings)


def test_write(medium, located, tmp_path):
    folder = located.write(tmp_path / "event")
    assert sorted(path.name for path in folder.iterdir()) == ["corner.png", "samples.npz", "summary.json", "traces.png"]
    with np.load(folder / "samples.npz", allow_pickle=False) as file:
        np.testing.assert_array_equal(file["samples_km"], located.samples.samples)
        assert file["predicted"].shape == (4, 501)
    summary = json.loads((folder / "summary.json").read_text())
    assert summary["z_km"]["mean"] == pytest.approx(located.mean_km[2])
    assert summary["converged"] is True and summary["convergence"]["problems"] == []
    assert np.abs(summary["source_offset_sd"]).max() < 3.5
    for name in ("corner.png", "traces.png"):
        assert (folder / name).read_bytes()[:4] == b"\x89PNG"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sampling_rate_hz": 500.0}, "sampled at 500 Hz but the emulator at 250 Hz"),
        ({"unit": "kPa"}, "in 'kPa' but the emulator gives 'Pa'"),
        ({"receivers_km": RECEIVERS_KM[:4] + [0.0, 0.0, 0.05]}, "No receiver of the emulator is at .* outside"),
        ({"receivers_km": RECEIVERS_KM[[0, 1, 2, 4]]}, r"No receiver of the emulator is at \(0.1, 0.3, 2.43\)"),
        ({"receivers_km": RECEIVERS_KM[[0, 1, 2, 2]]}, "Several traces"),
        ({"receivers_km": RECEIVERS_KM[:3]}, r"expected finite x, y, z in km for each of 4 traces"),
        ({"noise_sd": -1.0}, "positive numbers"),
        ({"noise_sd": np.ones(3)}, "one for each of 4 receivers"),
        ({"traces": np.zeros((2, 4, 501))}, "one event"),
    ],
)
def test_an_observation_that_does_not_fit_is_refused(medium, changes, message):
    with pytest.raises(ZooError, match=message):
        locate(observe(medium, **changes), medium, settings=SMALL, world=KNOWN)


def test_channels_are_matched_by_place_and_component(medium):
    from zoo.microseismic.location.observation import match

    geophones = HomogeneousMedium(np.repeat(RECEIVERS_KM[:2], 2, axis=0))
    geophones.component_of_channel = ("Z", "N", "Z", "N")
    order = [3, 0, 2, 1]
    traces = np.random.default_rng(0).normal(size=(4, 501))
    places, letters = geophones.receivers_km[order], tuple(geophones.component_of_channel[k] for k in order)
    found = match(Observation(traces, 250.0, places, components=letters), geophones)
    np.testing.assert_array_equal(found.traces[order], traces.astype(np.float32))
    some = match(Observation(traces[:2], 250.0, places[:2], components=letters[:2]), geophones)
    assert some.receivers == (0, 3)
    for wrong, message in [(None, "expected what each of the 4 traces is"), ("ZZNE", "components E, which"),
                           ("ZZZN", "Several traces")]:  # fmt: skip
        with pytest.raises(ZooError, match=message):
            match(Observation(traces, 250.0, places, components=wrong and tuple(wrong)), geophones)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda t: t[:, :300], "have 300 samples; the emulator gives 501 .* truncated"),
        (lambda t: np.pad(t, ((0, 0), (0, 99))), r"Cut the first 501 samples .*traces\[:, :501\]"),
        (lambda t: np.where(np.arange(501) == 17, np.nan, t), "index 0 has 1 samples that are not finite.*sample 17"),
        (lambda t: t * [[1], [1], [0], [1]], "index 2 is zero everywhere"),
        (lambda t: t[:3], "3 traces without receiver coordinates"),
    ],
)
def test_damaged_traces_are_refused(medium, damage, message):
    with pytest.raises(ZooError, match=message):
        locate(damage(record(medium)), medium, settings=SMALL, world=KNOWN)


@pytest.mark.slow
def test_an_unknown_origin_time_is_inferred(medium, located, tmp_path):
    """The window starts 0.2 s after the origin: depth becomes less sure, and all four are covered."""
    world = World.as_simulated(UNKNOWN_ORIGIN_TIME_S)

    def late(source_km, samples):
        traces = np.pad(medium(source_km[None])[0].numpy()[:, samples:], ((0, 0), (0, samples)))
        return traces + NOISE_SD * np.random.default_rng(0).normal(size=traces.shape)

    samples = 50
    unknown = locate(late(SOURCE_KM, samples), medium, noise_sd=NOISE_SD, settings=SMALL, world=world)
    truth = np.append(SOURCE_KM, -samples * medium.time_step_s)
    assert unknown.converged, unknown.report()
    assert unknown.parameters == ("x_km", "y_km", "z_km", "origin_time_s")
    assert np.abs((unknown.samples.mean - truth) / unknown.samples.sd).max() < 3.5
    assert unknown.sd_km[2] > 3 * located.sd_km[2]
    assert "origin time = -0." in unknown.report()
    assert not unknown.warnings

    folder = unknown.write(tmp_path / "event")
    with np.load(folder / "samples.npz", allow_pickle=False) as file:
        np.testing.assert_array_equal(file["samples_km"], unknown.samples.samples[:, :3])
        np.testing.assert_array_equal(file["origin_time_s"], unknown.samples.samples[:, 3])
    summary = json.loads((folder / "summary.json").read_text())
    assert summary["origin_time_s"]["mean"] == pytest.approx(-0.2, abs=0.02)

    early = locate(late(np.array([0.4, 0.5, 0.5]), 126), medium, noise_sd=NOISE_SD, settings=SMALL, world=world)
    assert any("lower end of the origin times, -0.5 s" in warning for warning in early.warnings)


@pytest.mark.parametrize(
    ("origin_time_s", "message"),
    [
        ((0.3, -0.3), "earliest < latest"),
        ((-3.0, 0.0), "2 s of the emulated"),
        (0.5, "expected two numbers, earliest and latest"),
    ],
)
def test_a_range_of_origin_times_that_cannot_be_is_refused(medium, origin_time_s, message):
    with pytest.raises(ZooError, match=message):
        locate(record(medium), medium, settings=SMALL, world=World.as_simulated(origin_time_s))


def test_noise_before_the_event_gives_its_colour(medium):
    """Each sample of the noise is the mean of five: neighbours agree, and white noise would be too sure."""
    rng = np.random.default_rng(6)
    noise = NOISE_SD * np.lib.stride_tricks.sliding_window_view(rng.normal(size=(4, 1506)), 5, axis=1).mean(axis=-1)
    traces = medium(SOURCE_KM[None])[0].numpy() + noise[:, -501:]
    order = [1, 0, 3, 2]
    observation = observe(
        medium, traces=traces[order], receivers_km=medium.receivers_km[order], noise=noise[order, :1001]
    )  # fmt: skip
    coloured = locate(observation, medium, settings=SMALL, world=KNOWN)
    white = locate(observation, medium, noise_sd=coloured.noise_sd[order], settings=SMALL, world=KNOWN)
    np.testing.assert_allclose(coloured.noise_sd, noise.std(axis=1), rtol=0.1)
    assert any("1001 samples before the event" in note for note in coloured.notes)
    assert np.abs((coloured.mean_km - SOURCE_KM) / coloured.sd_km).max() < 3.5
    assert np.all(coloured.sd_km > 1.5 * white.sd_km)
    np.testing.assert_allclose(coloured.misfit, 1.0, atol=0.25)
    with pytest.raises(ZooError, match=r"noise before the event has shape \(3, 1001\)"):
        locate(observe(medium, noise=noise[:3, :1001]), medium, settings=SMALL, world=KNOWN)


@pytest.fixture(scope="module")
def faster():
    """An earth 3 % faster than the emulator's."""
    medium = HomogeneousMedium()
    medium.velocity_km_s = 2.06
    return medium


def test_errors_of_the_world_cover_what_the_emulator_does_not_know(medium, faster):
    """Another earth, another strength and a late clock: sure of itself and wrong without the world, right with it."""
    places = [SOURCE_KM, np.array([0.7, 0.6, 1.2]), np.array([0.4, 0.8, 0.6])]
    events = [2.5 * record(faster, place, seed, NOISE_SD / 5) for seed, place in enumerate(places)]
    sure = locate(events[0], medium, noise_sd=NOISE_SD / 2, settings=SMALL, world=KNOWN)
    assert np.abs((sure.mean_km - SOURCE_KM) / sure.sd_km).max() > 10
    found = list(locate_many(events, medium, noise_sd=NOISE_SD / 2, settings=SMALL))
    for one, place in zip(found, places, strict=True):
        assert one.converged and not one.warnings, one.report()
        assert np.abs((one.mean_km - place) / one.sd_km).max() < 3
        assert "strength_times" in one.parameters and "strength = " in one.report()
        strength = one.summary()["strength_times"]
        assert abs(strength["mean"] - 2.5) < 3 * strength["sd"]


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda t: t * [[1], [-1], [1], [1]], "Receiver 1 fits better with its polarity reversed"),
        (lambda t: t * [[1], [1], [2], [1]], "Receiver 2 is .* times as loud"),
        (lambda t: np.clip(t, -0.4 * np.abs(t).max(), 0.4 * np.abs(t).max()), "Receiver . is clipped"),
    ],
)
def test_the_receiver_at_fault_is_named(medium, damage, says):
    traces = damage(record(medium, np.array([0.5, 0.5, 1.2]), noise_sd=NOISE_SD / 5))
    found = locate(traces, medium, noise_sd=NOISE_SD / 5, settings=SMALL)
    assert any(re.search(says, warning) for warning in found.warnings), found.report()


@pytest.mark.slow
@pytest.mark.parametrize("world", [KNOWN, World()], ids=["known", "unknown"])
def test_the_samplers_agree(medium, world):
    """The engine against sequential Monte Carlo, on the plain likelihood and with errors of the world."""
    event = record(medium, np.array([0.5, 0.4, 1.4]), noise_sd=NOISE_SD / 2)
    options = {"noise_sd": NOISE_SD / 2, "settings": SMALL, "world": world}
    fast, slow = (locate(event, medium, sampler=name, **options) for name in ("population", "smc"))
    assert np.all(np.abs(fast.mean_km - slow.mean_km) < 0.3 * slow.sd_km)
    np.testing.assert_allclose(fast.sd_km, slow.sd_km, rtol=0.25)
    assert abs(fast.log_evidence - slow.log_evidence) < 0.5
    assert "Sampled by smc." in slow.notes


def test_an_unknown_sampler_is_refused(medium):
    with pytest.raises(UsageError, match="no sampler 'scm'. Did you mean smc"):
        locate(record(medium), medium, settings=SMALL, world=KNOWN, sampler="scm")


def test_a_negative_seed_is_refused(medium):
    with pytest.raises(ZooError, match="seed is -1"):
        locate(record(medium), medium, seed=-1, settings=SMALL, world=KNOWN)


def test_a_model_that_is_no_emulator_is_refused(medium):
    wanted = r"object\) answers no question .* expected microseismic.traces. Models that answer it: ae_gp_emulator"
    with pytest.raises(ZooError, match=wanted):
        locate(record(medium), object(), settings=SMALL, world=KNOWN)


def save(path, medium, **changes):
    fields = {"traces": record(medium), "sampling_rate_hz": 250.0, "receivers_km": medium.receivers_km}
    np.savez(path, **{name: value for name, value in (fields | changes).items() if value is not None})
    return path


def test_read_npz(medium, tmp_path):
    stated = {"noise_sd": [1.0, 2.0, 3.0, 4.0], "noise": np.ones((4, 300)), "source_km": SOURCE_KM, "unit": "Pa"}
    path = save(tmp_path / "event.npz", medium, **stated)
    observation = read_traces(path)
    np.testing.assert_array_equal(observation.traces, record(medium))
    assert (observation.sampling_rate_hz, observation.unit) == (250.0, "Pa")
    np.testing.assert_array_equal(observation.noise_sd, [1, 2, 3, 4])
    np.testing.assert_array_equal(observation.source_km, SOURCE_KM)
    np.testing.assert_array_equal(observation.noise, stated["noise"])


def test_unusable_files_are_refused(medium, tmp_path):
    with pytest.raises(ZooError, match="There is no file"):
        read_traces(tmp_path / "absent.npz")
    path = save(tmp_path / "event.npz", medium)
    path.write_bytes(path.read_bytes()[:9000])
    with pytest.raises(ZooError, match="no npz"):
        read_traces(path)
    with pytest.raises(ZooError, match="has no `receivers_km`"):
        read_traces(save(tmp_path / "bare.npz", medium, receivers_km=None))
    with pytest.raises(ZooError, match="no npz"):
        read_traces(save(tmp_path / "pickled.npz", medium, traces=np.array([None, "code"], dtype=object)))


def waveforms(medium, tmp_path, file_format="MSEED"):
    stream = obspy.Stream()
    for index, trace in enumerate(record(medium).astype(np.float32)):
        header = {"station": f"OB{index}", "channel": "HDH", "sampling_rate": 250.0}
        stream.append(obspy.Trace(trace, header))
    path = tmp_path / "event.mseed"
    csv = tmp_path / "receivers.csv"
    rows = ["station,x_km,y_km,z_km", *(f"OB{i},{x},{y},{z}" for i, (x, y, z) in enumerate(medium.receivers_km))]
    csv.write_text("\n".join(rows[:1] + rows[:0:-1]) + "\n")
    return stream, path, csv


def test_read_miniseed_with_receivers_by_station(medium, tmp_path):
    stream, path, csv = waveforms(medium, tmp_path)
    stream.write(path, format="MSEED")
    observation = read_traces(path, csv)
    np.testing.assert_allclose(observation.traces, record(medium), rtol=1e-6)
    np.testing.assert_allclose(observation.receivers_km, medium.receivers_km)
    assert observation.sampling_rate_hz == 250.0


def test_starts_rates_and_lengths_that_differ_are_brought_together(medium, tmp_path):
    """Starts 4 and 6 ms apart, a rate off by rounding, a short trace: the times of the samples are what counts."""
    stream, path, csv = waveforms(medium, tmp_path)
    pure = medium(SOURCE_KM[None])[0].numpy()
    for trace, row in zip(stream, pure, strict=True):
        trace.data = row.astype(np.float64)
    stream[1].stats.starttime += 0.004
    stream[1].data = stream[1].data[1:]
    frequency = np.fft.rfftfreq(1002, 0.004)
    moved = np.fft.irfft(np.fft.rfft(pure[2], 1002) * np.exp(2j * np.pi * frequency * 0.006), 1002)[:480]
    stream[2].stats.starttime += 0.006
    stream[2].data = moved
    stream[3].stats.sampling_rate = 250.00001
    stream.write(path, format="MSEED")
    observation = read_traces(path, csv)
    assert observation.traces.shape[1] == 480
    time_s = 0.006 + 0.004 * np.arange(480)
    for row, whole in zip(observation.traces, pure, strict=True):
        expected = np.interp(time_s, np.arange(501) * 0.004, whole)
        assert np.abs(row - expected).max() < 0.03 * np.abs(whole).max()


def test_a_long_record_is_cut_around_the_event(medium):
    """Three seconds before the event and one after it: the noise is taken from there."""
    rng = np.random.default_rng(3)
    record_ = NOISE_SD / 3 * rng.normal(size=(4, 1501))
    record_[:, 750:1251] += medium(SOURCE_KM[None])[0].numpy()
    found = locate(Observation(record_, 250.0, medium.receivers_km), medium, settings=SMALL)
    assert any("cut from the record" in note for note in found.notes)
    assert any("samples before the event" in note for note in found.notes)
    np.testing.assert_allclose(found.noise_sd, NOISE_SD / 3, rtol=0.1)
    assert np.abs((found.mean_km - SOURCE_KM) / found.sd_km).max() < 3
    with pytest.raises(ZooError, match="No arrival stands out"):
        locate(Observation(NOISE_SD * rng.normal(size=(4, 1501)), 250.0, medium.receivers_km), medium, settings=SMALL)


def test_unusable_waveform_files_are_refused(medium, tmp_path):
    stream, path, csv = waveforms(medium, tmp_path)

    def refused(changed, message, receivers=csv):
        changed.write(path, format="MSEED")
        with pytest.raises(ZooError, match=message):
            read_traces(path, receivers)

    refused(stream, "no receiver coordinates", None)
    refused(stream, "Cannot read the receiver file", tmp_path / "absent.csv")
    stranger = stream.copy()
    stranger[0].stats.station = "XX"
    refused(stranger, "Station 'XX' .* is not in")
    double = stream.copy()
    double[0].stats.station = "OB1"
    double[0].stats.channel = "HHZ"
    refused(double, "several traces")
    apart = stream.copy()
    apart[2].stats.starttime += 3.0
    refused(apart, "no time in common: OB0 .* to ")
    slow = stream.copy()
    slow[2].stats.sampling_rate = 200.0
    refused(slow, "different sampling rates")
    gap = stream.copy()
    gap += gap[1].copy()
    gap[1].data, gap[-1].data = gap[1].data[:200], gap[-1].data[300:]
    gap[-1].stats.starttime += 300 * 0.004
    refused(gap, "has a gap")
    path.write_text("no waveforms")
    with pytest.raises(ZooError, match="ObsPy cannot read"):
        read_traces(path, csv)
    csv.write_text("station,x_km,y_km\nOB0,0.1,0.2\n")
    with pytest.raises(ZooError, match="Line 2 .* does not hold the columns"):
        read_traces(path, csv)
