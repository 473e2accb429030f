"""Synthetic seismograms: travel times and spectra against theory, noise against Peterson, onsets, seeds."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from zoo.errors import ZooError
from zoo.seismograms.physics import noise as noises
from zoo.seismograms.physics import sources
from zoo.seismograms.physics.days import continuous
from zoo.seismograms.physics.model import CATEGORIES, SeismogramModel
from zoo.seismograms.physics.paths import arrivals, random_crusts
from zoo.seismograms.physics.radiation import double_couple, free_surface
from zoo.seismograms.physics.seismograms import BLOCK, NUMBERS, seismograms
from zoo.seismograms.physics.waves import Waves, sequences
from zoo.seismograms.signals import bandpass

RATE = 100.0
CLEAN = {"second_event_share": 0.0, "faulty_share": 0.0, "vertical_only_share": 0.0, "disturbed_share": 0.0}


def trace(thickness, velocity, depth, distance):
    """Trace rays of one crust to many distances."""
    n = len(distance)
    return arrivals(np.tile(thickness, (n, 1)), np.tile(velocity, (n, 1)), np.full(n, depth), np.asarray(distance))


def test_direct_waves_of_a_half_space_are_straight():
    distance = np.array([0.01, 1.0, 30.0, 300.0])
    found = trace([10.0, 10.0], [6.0, 6.0, 6.0], 12.0, distance)
    length = np.hypot(distance, 12.0)
    np.testing.assert_allclose(found.time_s[:, 0], length / 6, rtol=1e-9)
    np.testing.assert_allclose(found.path_km[:, 0], length, rtol=1e-9)
    np.testing.assert_allclose(found.slowness_s_km[:, 0], distance / length / 6, rtol=1e-6)
    assert np.isnan(found.time_s[:, 1:3]).all()  # nothing to run along
    np.testing.assert_allclose(found.time_s[:, 3], np.hypot(distance, 28.0) / 6, rtol=1e-9)  # mirrored at 20 km


def test_head_wave_and_crossover_of_a_layer_over_a_half_space():
    v1, v2, h, depth = 6.0, 8.0, 30.0, 0.01
    crossover = 2 * h * np.sqrt((v2 + v1) / (v2 - v1))
    critical = 2 * h * (v1 / v2) / np.sqrt(1 - (v1 / v2) ** 2)
    distance = np.array([0.99 * critical, 1.01 * critical, 0.998 * crossover, 1.002 * crossover, 300.0])
    found = trace([h], [v1, v2], depth, distance)
    assert np.isnan(found.time_s[0, 1])
    expected = distance[1:] / v2 + (2 * h - depth) * np.sqrt(1 / v1**2 - 1 / v2**2)
    np.testing.assert_allclose(found.time_s[1:, 1], expected, rtol=1e-6)
    direct, head = found.time_s[:, 0], found.time_s[:, 1]
    assert direct[2] < head[2] and direct[3] > head[3]
    np.testing.assert_allclose(found.time_s[:, 2], np.hypot(distance, 2 * h - depth) / v1, rtol=1e-6)


def test_rays_obey_fermat_and_snell():
    crust = [[2.0, 8.0, 20.0], [3.0, 6.5, 5.5, 8.0]]  # with a slow layer below a fast one
    distance = np.linspace(20, 200, 200)
    found = trace(*crust, 14.0, distance)
    slope = np.gradient(found.time_s[:, 0], distance, edge_order=2)
    np.testing.assert_allclose(slope[1:-1], found.slowness_s_km[1:-1, 0], rtol=1e-3)
    assert (found.time_s[:, 0] >= np.hypot(distance, 14.0) / 6.5).all()
    assert np.isnan(found.time_s[:, 2]).all()  # no head wave along the slow layer


def test_wrong_sources_are_refused():
    with pytest.raises(ZooError, match="above the half space"):
        trace([10.0], [6.0, 8.0], 11.0, [5.0])


def test_free_surface_of_vertical_rays_doubles():
    found = free_surface(np.array([1e-9, 0.1]), 5.0, 3.0)
    np.testing.assert_allclose([v[0] for v in found], [2, 0, 0, 2], atol=1e-6)
    # The apparent angle of P is twice the angle of the S wave of the same slowness (Aki & Richards 2002, prob. 5.6).
    np.testing.assert_allclose(found[1][1] / found[0][1], np.tan(2 * np.arcsin(0.1 * 3.0)), rtol=1e-6)


def operator(corner=4.0, t_star=0.0, eta=0.5, kappa=0.0, explosion=False, samples=6000):
    grid = sources.frequency_grid(samples, RATE)
    one, wave = np.ones(1), np.ones((1, 1))
    made = sources.velocity_operators(
        grid, RATE, corner * wave, np.array([explosion]), t_star * wave, eta * one, kappa * wave
    )
    return grid, made[0, 0].astype(complex)


@pytest.mark.parametrize("explosion", [False, True])
def test_sources_fall_off_as_the_square_beyond_their_corner(explosion):
    grid, velocity = operator(explosion=explosion)
    f = grid.frequency_hz
    displacement = np.abs(velocity[1:]) / (2 * np.pi * f[1:]) / RATE
    theory = sources.source_amplitude(f[1:], np.array([4.0]), np.array([explosion]))[0]
    below = f[1:] < 15
    np.testing.assert_allclose(displacement[below], theory[below], rtol=0.12)
    at = lambda hertz: displacement[np.argmin(np.abs(f[1:] - hertz))]
    assert at(0.2) == pytest.approx(1, rel=0.01)
    assert at(4.0) == pytest.approx(0.866 if explosion else 0.5, rel=0.05)
    assert at(8.0) / at(16.0) > 3


def test_attenuation_has_its_spectrum_and_is_causal():
    grid, plain = operator(corner=30.0)
    f = grid.frequency_hz
    middle = (f > 1) & (f < 40)
    for eta, t_star, kappa in ((0.0, 0.04, 0.0), (0.5, 0.3, 0.0), (0.5, 0.0, 0.04), (0.73, 0.2, 0.02)):
        _, lossy = operator(corner=30.0, t_star=t_star, eta=eta, kappa=kappa)
        expected = np.exp(-np.pi * (t_star * f ** (1 - eta) + kappa * f))
        np.testing.assert_allclose((np.abs(lossy) / np.abs(plain).clip(1e-9))[middle], expected[middle], rtol=0.03)
        pulse = np.fft.irfft(lossy, grid.size)
        late = pulse[-len(pulse) // 4 :]  # what would come before the onset
        assert np.abs(late).max() < 2e-3 * np.abs(pulse).max()
        assert np.abs(pulse).argmax() < 30


def test_corner_follows_moment_and_stress_drop():
    moment = sources.moment_n_m(np.array([3.0, 5.0]))
    np.testing.assert_allclose(moment, [10**13.6, 10**16.6])
    corner = sources.corner_hz(moment, np.array([3e6, 3e6]), np.array([3500.0, 3500.0]))
    assert corner[0] == pytest.approx(7.26, rel=0.02) and corner[0] / corner[1] == pytest.approx(10, rel=1e-6)


def test_radiation_has_the_power_of_a_double_couple():
    rng = np.random.default_rng(0)
    n = 40_000
    mechanism = np.tile(rng.uniform(0, 2, 3), (n, 1))
    p, sv, sh = double_couple(mechanism, rng.uniform(0, 2 * np.pi, n), np.arccos(rng.uniform(-1, 1, (n, 1))))
    assert np.mean(p**2) == pytest.approx(4 / 15, rel=0.03)
    assert np.mean(sv**2 + sh**2) == pytest.approx(2 / 5, rel=0.03)


def test_crusts_are_crusts():
    crusts = random_crusts(np.random.default_rng(1), 500)
    assert (crusts.thickness_km > 0).all()
    moho = crusts.thickness_km.sum(axis=1)
    assert 18 <= moho.min() and moho.max() <= 50.1
    ratio = crusts.vp_km_s / crusts.vs_km_s
    assert (ratio[:, 2:] > 1.63).all() and (ratio[:, 2:] < 1.87).all() and (ratio > 1.59).all()
    assert (crusts.vp_km_s[:, -1] > crusts.vp_km_s[:, -2]).all()


def test_noise_lies_between_the_curves_of_peterson():
    from scipy.signal import welch

    rng = np.random.default_rng(2)
    levels = noises.random_levels(rng, 40)
    size = sources.frequency_grid(6000, RATE).size
    flat = np.ones((40, size // 2 + 1), np.complex64)
    spectra = noises.noise_spectra(rng, levels, np.zeros(40), np.ones((40, 2)), flat, RATE)
    velocity = np.fft.irfft(spectra, size, axis=2) * 1e-9
    f, power = welch(velocity, RATE, nperseg=1024, axis=2)
    use = (f > 0.3) & (f < 30)
    acceleration = (power * (2 * np.pi * f) ** 2).mean(axis=1)[:, use]
    low, high = noises.noise_models(f[use])
    inside = (acceleration > 0.5 * low) & (acceleration < 2 * high)  # an estimate of 11 windows scatters
    assert inside.mean() > 0.995
    expected = noises.ground_power(levels, f[use]) * (2 * np.pi * f[use]) ** 2
    np.testing.assert_allclose(np.median(np.log(acceleration / expected)), 0, atol=0.1)


def test_instruments_are_flat_where_they_should_be():
    response = np.abs(noises.responses(6250, RATE))
    f = np.fft.rfftfreq(6250, 1 / RATE)
    at = lambda hertz: np.argmin(np.abs(f - hertz))
    short_period = response[1, 0]  # 1 Hz, damping 0.7
    assert short_period[at(10)] == pytest.approx(1, rel=0.05)
    assert short_period[at(1)] == pytest.approx(1 / 1.4, rel=0.05)
    assert short_period[at(0.1)] == pytest.approx(0.01, rel=0.1)
    assert response[0, 1, at(25)] == pytest.approx(np.sqrt(0.5), rel=0.02)  # telemetry


@pytest.mark.long
def test_rays_convert_and_echo_at_the_site():
    none, one = np.zeros(1), np.ones((1, 2))
    waves = Waves(
        onset=np.array([[[100.0, np.inf], [200.5, np.inf]]]),
        amplitude=np.array([[[2.0, 0.0], [4.0, 0.0]]]),
        polarisation=np.array([[[[1.0, 0, 0], [0, 0, 0]], [[0, 0.6, 0.8], [0, 0, 0]]]]),
        converted=np.array([[[0, 0.3, 0.0], [0.25, 0, 0]]]),
        conversion_delay=np.array([15.0]),
        echo_delay=np.array([[4.0, 8.0]]),
        echo=np.array([0.5]),
        shots=np.array([[[0.0, 1.0], [30.0, 0.1]]]),
        scattered=0 * one,
        rise=one,
        fall=2 * one,
        split=none,
        spread=np.full((1, 2, 3), 0.577),
        coda=0 * one,
        coda_time=100 * one,
        coda_power=none + 1,
        coda_decay=none + 100,
        rayleigh=np.zeros((1, 6)),
        back_azimuth_rad=none + 1.0,
    )
    made = sequences(waves, np.random.default_rng(0), 400, 512)[0] / 1e9
    of_p, of_s = made[0], made[1]
    assert np.flatnonzero(of_p.any(axis=0))[0] == 100 and not made[2].any()
    np.testing.assert_allclose(of_p[0, [100, 104, 108, 130]], [2.0, -1.0, 0.5, 0.2], rtol=1e-5)
    np.testing.assert_allclose(of_p[1, [115, 145]], [0.6, 0.06], rtol=1e-5)  # P to s, behind P
    np.testing.assert_allclose(of_s[1, [200, 201, 208]], [1.2, 1.2, -0.6], rtol=1e-5)  # between two samples
    np.testing.assert_allclose(of_s[0, [185, 186]], [0.5, 0.5], rtol=1e-5)  # S to p, ahead of S
    assert not of_s[:, 400:].any()


def test_disturbances_and_faults_hit_their_share():
    rng = np.random.default_rng(4)
    quiet = rng.standard_normal((300, 3, 1500), dtype=np.float32)
    loud = quiet.copy()
    noises.disturb(rng, loud, RATE, 0.5)
    changed = (loud != quiet).any(axis=(1, 2))
    assert 0.25 < changed.mean() < 0.55 and np.isfinite(loud).all()
    kurtosis = lambda x: np.mean(x**4, axis=2).max(axis=1) / np.mean(x**2, axis=2).max(axis=1) ** 2
    assert np.quantile(kurtosis(loud[changed]), 0.8) > 2 * kurtosis(quiet).max()
    traces = np.ascontiguousarray(np.rint(100 * quiet).transpose(0, 2, 1))
    faulty = traces.copy()
    hit = noises.spoil(rng, faulty, RATE, 0.3)
    np.testing.assert_array_equal(hit, (faulty != traces).any(axis=(1, 2)))
    assert hit.mean() == pytest.approx(0.3, abs=0.1) and np.isfinite(faulty).all()


@pytest.fixture(scope="module")
def made():
    model = SeismogramModel(samples=4000, kinds=CATEGORIES, snr_floor=4.0, **CLEAN)
    return model, seismograms(model, seed=3, first=0, count=576)


def test_records_are_whole_and_labelled(made):
    model, (waveform, columns) = made
    assert waveform.shape == (576, 4000, 3) and waveform.dtype == np.float32 and np.isfinite(waveform).all()
    assert (waveform == np.rint(waveform)).all()  # counts
    assert set(columns) == {*NUMBERS, "trace_category", "trace_snr_db"}
    assert columns["trace_category"][:4].tolist() == ["earthquake", "explosion", "noise", "earthquake"]
    noise = columns["trace_category"] == "noise"
    assert all(np.isnan(columns[name][noise]).all() for name in NUMBERS)
    p, s = columns["trace_p_arrival_sample"][~noise], columns["trace_s_arrival_sample"][~noise]
    assert (p < s).all() and (p > 100).all() and (p < 3900).all()
    travel = columns["path_p_travel_sec"][~noise]
    np.testing.assert_allclose(p, columns["trace_origin_sample"][~noise] + travel * RATE, atol=1e-6)
    np.testing.assert_allclose(p, np.rint(p), atol=1e-6)
    gap_s = (s - p) / RATE
    assert gap_s.min() < 0.5 and gap_s.max() > 15
    depth = columns["source_depth_km"][~noise]
    assert depth[columns["trace_category"][~noise] == "explosion"].max() < 0.3 and depth.max() > 12


def test_nothing_arrives_before_p_and_something_at_it(made):
    _, (waveform, columns) = made
    z = np.diff(waveform[:, :, 0].astype(float), axis=1)
    clear = np.flatnonzero(columns["trace_p_snr_db"] > 35)
    assert len(clear) > 60
    before, after, delay = [], [], []
    for row in clear:
        p = int(round(columns["trace_p_arrival_sample"][row]))
        noise = np.abs(z[row, 20 : p - 30])
        before.append(np.abs(z[row, p - 9 : p - 4]).max() / noise.max())
        after.append(np.abs(z[row, p - 1 : p + 40]).max() / noise.max())
        delay.append(np.argmax(np.abs(z[row, p - 4 : p + 60]) > 1.3 * noise.max()) - 3)
    assert np.median(before) < 0.9 and np.quantile(before, 0.65) < 1.2  # a quarter was resampled without phase
    assert np.median(after) > 10
    assert 0 <= np.median(delay) <= 2  # samples


def test_p_is_vertical_s_horizontal_and_explosions_have_less_s(made):
    _, (waveform, columns) = made
    rms = lambda row, at, component: np.sqrt(np.mean(np.diff(waveform[row, at : at + 40, component]) ** 2))
    ratios = {kind: [] for kind in ("earthquake", "explosion")}
    vertical, horizontal = [], []
    for row in np.flatnonzero((columns["trace_p_snr_db"] > 15) & (columns["trace_s_arrival_sample"] < 3900)):
        p, s = (int(columns[f"trace_{wave}_arrival_sample"][row]) for wave in "ps")
        if s - p < 60:
            continue
        horizontal_p, horizontal_s = (np.hypot(rms(row, at, 1), rms(row, at, 2)) for at in (p, s))
        ratios[columns["trace_category"][row]].append(horizontal_s / rms(row, p, 0))
        vertical.append(rms(row, p, 0) / horizontal_p)
        if columns["trace_category"][row] == "earthquake":
            horizontal.append(horizontal_s / rms(row, s, 0))
    assert np.median(vertical) > 1 and np.median(horizontal) > 1.3
    assert np.median(ratios["earthquake"]) > 1.5 * np.median(ratios["explosion"])


def test_an_example_depends_on_seed_and_number_alone():
    model = SeismogramModel(samples=1000, kinds=CATEGORIES)
    whole = seismograms(model, seed=7, first=0, count=3 * BLOCK)
    for first, count in ((0, 1), (BLOCK - 3, 7), (2 * BLOCK + 5, 9)):
        part = seismograms(model, seed=7, first=first, count=count)
        np.testing.assert_array_equal(part.waveform, whole.waveform[first : first + count])
        for name, values in part.columns.items():
            np.testing.assert_array_equal(values, whole.columns[name][first : first + count])
    other = seismograms(model, seed=8, first=0, count=1)
    assert (other.waveform != whole.waveform[:1]).mean() > 0.5
    assert len(np.unique(whole.columns["source_magnitude"][::3])) == BLOCK


def test_windows_and_second_events():
    model = SeismogramModel(samples=2700, window="origin", s_minus_p_s=(1.0, 8.0), **CLEAN)
    columns = seismograms(model, seed=1, first=0, count=96).columns
    origin, p = columns["trace_origin_sample"], columns["trace_p_arrival_sample"]
    assert origin.max() <= 2300 and origin.min() < 400 and (p < 2600).all()
    assert np.isnan(columns["trace_p2_arrival_sample"]).all()
    early = seismograms(replace(model, window="early"), seed=1, first=0, count=96).columns["trace_p_arrival_sample"]
    assert early.min() < 450 and early.max() < 900
    twice = seismograms(replace(model, window="p", second_event_share=1.0), seed=1, first=0, count=96).columns
    p, p2, s2 = (twice[f"trace_{wave}_arrival_sample"] for wave in ("p", "p2", "s2"))
    has = np.isfinite(p2)
    assert 0.5 < has.mean() <= 1 and (np.abs(p - p2)[has] >= RATE).all() and (s2[has] > p2[has]).all()


def test_shares_of_what_is_wrong():
    model = SeismogramModel(samples=1000, vertical_only_share=0.3, faulty_share=0.0)
    waveform = seismograms(model, seed=5, first=0, count=480).waveform
    dead = (waveform == 0).all(axis=1)
    assert (dead[:, 1:].all(axis=1)).mean() == pytest.approx(0.3, abs=0.06)
    assert (dead.sum(axis=1) == 1).mean() == pytest.approx(0.1, abs=0.05)


def test_noise_alone():
    waveform, columns = seismograms(SeismogramModel(samples=1000, kinds=("noise",)), seed=1, first=40, count=30)
    assert waveform.shape == (30, 1000, 3) and waveform.std() > 0
    assert set(columns["trace_category"]) == {"noise"} and np.isnan(columns["trace_snr_db"]).all()


def test_other_rates():
    model = SeismogramModel(samples=1500, sampling_rate_hz=50.0, s_minus_p_s=(2.0, 5.0), **CLEAN)
    waveform, columns = seismograms(model, seed=2, first=0, count=64)
    assert np.isfinite(waveform).all()
    gap_s = (columns["trace_s_arrival_sample"] - columns["trace_p_arrival_sample"]) / 50
    np.testing.assert_allclose(gap_s, columns["path_s_travel_sec"] - columns["path_p_travel_sec"], atol=1e-9)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"samples": 400}, "5 s or more"),
        ({"sampling_rate_hz": 5.0}, "20 to 500 Hz"),
        ({"kinds": ("quake",)}, "Kinds are"),
        ({"window": "s"}, "Windows are"),
        ({"s_minus_p_s": (2.0, 1.0)}, "low and high"),
    ],
)
def test_wrong_models(changes, message):
    with pytest.raises(ZooError, match=message):
        SeismogramModel(**changes)


def test_a_continuous_record_has_its_earthquakes_where_it_says():
    wanted = [8_000, 20_000]
    record, planted = continuous(5, 2, seed=3, snr=(20.0, 40.0), p_samples=wanted)
    assert record.shape == (3, 30_000) and record.dtype == np.int32
    assert [event.p_sample for event in planted] == wanted
    again, _ = continuous(5, 2, seed=3, snr=(20.0, 40.0), p_samples=wanted)
    np.testing.assert_array_equal(again, record)
    vertical = bandpass(record[:1, :, None].astype(np.float32), RATE, 1.0, 20.0)[0, :, 0]
    for event in planted:
        p = int(event.p_sample)
        assert vertical[p : p + 100].std() > 8 * vertical[p - 300 : p - 10].std() and event.s_sample > p
    _, anywhere = continuous(5, 3, seed=3)
    assert len({event.p_sample for event in anywhere}) == 3
