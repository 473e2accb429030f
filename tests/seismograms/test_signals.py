"""Resampling against scipy, filters against ObsPy, random numbers of a trace."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.signal

from zoo.errors import ZooError
from zoo.seismograms import signals


@pytest.mark.parametrize(
    "rates", [(100, 20), (40, 20), (50, 100), (200, 20), (31.25, 20), (100, 40), (30, 20), (62.5, 100)]
)
def test_resampling_is_that_of_scipy(rates):
    traces = np.random.default_rng(0).normal(size=(3, 1203, 2)).astype(np.float32)
    up, down, taps = signals.polyphase_filter(*rates)
    made = signals.resample(traces, *rates)
    wanted = scipy.signal.resample_poly(traces.astype(float), up, down, axis=1, window=taps)
    assert made.dtype == np.float32 and made.shape == wanted.shape
    np.testing.assert_allclose(made, wanted, atol=1e-6)


@pytest.mark.parametrize("rates", [(100, 20), (40, 100)])
def test_an_arrival_stays_where_it_is(rates):
    before, after = rates
    time = np.arange(30 * before) / before
    pulse = np.exp(-(((time - 11.0) / 0.15) ** 2)).astype(np.float32)[None, :, None]
    made = signals.resample(pulse, before, after)[0, :, 0]
    assert made.argmax() == 11 * after
    np.testing.assert_allclose(made[11 * after - 5 : 11 * after], made[11 * after + 5 : 11 * after : -1], atol=1e-5)


def test_windows_are_cut_from_the_resampled_trace():
    traces = np.random.default_rng(1).normal(size=(4, 2000, 3)).astype(np.float32)
    whole = signals.resample(traces, 100, 20)
    made = signals.resample(traces, 100, 20, starts=np.array([0, 500, -100, 1900]), samples=100)
    np.testing.assert_allclose(made[1], whole[1, 100:200], atol=1e-6)
    np.testing.assert_allclose(made[2, 20:], whole[2, :80], atol=1e-6)
    np.testing.assert_allclose(made[3, :20], whole[3, 380:], atol=1e-6)
    assert (made[2, :9] == 0).all() and (made[3, 31:] == 0).all()
    np.testing.assert_array_equal(
        signals.resample(traces, 50, 50, starts=np.array([3, 0, -2, 1999]), samples=5)[:, :2, 0],
        [traces[0, 3:5, 0], traces[1, :2, 0], [0, 0], [traces[3, 1999, 0], 0]],
    )


def test_what_lies_above_the_new_nyquist_is_gone():
    time = np.arange(6000) / 100
    for hertz, passed in ((5.0, 1.0), (12.0, 0.0), (30.0, 0.0)):
        tone = np.sin(2 * np.pi * hertz * time).astype(np.float32)[None, :, None]
        middle = signals.resample(tone, 100, 20)[0, 200:1000, 0]
        assert np.sqrt(2 * np.mean(middle**2)) == pytest.approx(passed, abs=2e-3)


@pytest.mark.parametrize("from_hz", [75.19, 100.02, 31.2511, 99.98, 333.0007, 20.0007])
@pytest.mark.parametrize("to_hz", [20.0, 100.0])
def test_any_rate_is_resampled(from_hz, to_hz):
    def wave(time_s):
        waves = sum(np.sin(2 * np.pi * hertz * time_s + hertz) for hertz in (0.7, 3.3, 5.1))
        return np.exp(-(((time_s - 10) / 4) ** 2)) * waves

    trace = wave(np.arange(round(20 * from_hz)) / from_hz).astype(np.float32)[None, :, None]
    made = signals.resample(trace, from_hz, to_hz)[0, :, 0]
    assert abs(len(made) - 20 * to_hz) <= 1 + to_hz / from_hz
    np.testing.assert_allclose(made, wave(np.arange(len(made)) / to_hz), atol=0.01)


@pytest.mark.parametrize("step", [1.25, 0.4, 5.0])
def test_interpolation_has_the_low_pass_of_the_polyphase_filter(step):
    trace = np.random.default_rng(0).normal(size=(4000, 2)).astype(np.float32)
    made = signals.interpolate(trace, 0.0, step, int(4000 / step))
    wanted = signals.resample(trace[None], 100 * step, 100)[0][: len(made)]
    edge = round(12 / min(1, step))
    np.testing.assert_allclose(made[edge:-edge], wanted[edge:-edge], atol=3e-3)


def test_interpolated_pieces_are_the_interpolated_whole():
    trace = np.random.default_rng(0).normal(size=(3000, 2)).astype(np.float32)
    whole = signals.interpolate(trace, 40.3, 0.7519, 3000)
    np.testing.assert_allclose(
        signals.interpolate(trace[500:2000], 40.3 + 700 * 0.7519 - 500, 0.7519, 500), whole[700:1200], atol=1e-5
    )


def test_what_lies_above_the_new_nyquist_is_gone_at_any_ratio():
    time = np.arange(6000) / 100.03
    tone = np.sin(2 * np.pi * 12 * time).astype(np.float32)[None, :, None]
    assert np.abs(signals.resample(tone, 100.03, 20)[0, 100:1000]).max() < 5e-3


def test_rates_that_are_none_are_refused():
    with pytest.raises(ZooError, match="no ratio of whole numbers"):
        signals.polyphase_filter(100, 19.99993)
    with pytest.raises(ZooError, match="must be positive"):
        signals.resample(np.zeros((1, 10, 1), np.float32), 0, 20)
    with pytest.raises(ZooError, match="n starts"):
        signals.resample(np.zeros((2, 10, 1), np.float32), 100, 20, starts=np.zeros(3, int))


def test_demean_and_normalise():
    traces = np.random.default_rng(2).normal(5, 2, size=(3, 100, 3)).astype(np.float32)
    traces[2] = 4
    flat = signals.demean(traces)
    np.testing.assert_allclose(flat.mean(axis=1), 0, atol=1e-5)
    scaled, scale = signals.normalise(flat)
    np.testing.assert_allclose(np.abs(scaled[:2]).max(axis=(1, 2)), 1)
    np.testing.assert_allclose(scaled * scale[:, None, None], flat, rtol=1e-6)
    assert scale[2] == 1 and traces[0, 0, 0] != scaled[0, 0, 0]


@pytest.mark.parametrize(
    "edges, kind",
    [
        ((1.0, 20.0), {"type": "bandpass", "freqmin": 1.0, "freqmax": 20.0}),
        ((1.0, None), {"type": "highpass", "freq": 1.0}),
        ((None, 20.0), {"type": "lowpass", "freq": 20.0}),
    ],
)
def test_the_filters_are_those_of_obspy(edges, kind):
    import obspy

    traces = np.random.default_rng(3).normal(size=(2, 3000, 3)).astype(np.float32)
    made = signals.bandpass(traces, 100.0, *edges)
    trace = obspy.Trace(traces[1, :, 2].astype(float), {"sampling_rate": 100.0})
    trace.filter(corners=4, **kind)
    np.testing.assert_allclose(made[1, :, 2], trace.data, atol=1e-6)


def test_corners_that_are_none():
    traces = np.zeros((1, 100, 1), np.float32)
    with pytest.raises(ZooError, match="Corners must rise"):
        signals.bandpass(traces, 100.0, 20.0, 1.0)
    with pytest.raises(ZooError, match="Corners must rise"):
        signals.bandpass(traces, 100.0, None, None)


def test_draws_belong_to_the_name():
    names = [f"trace{i}" for i in range(2000)]
    made = signals.draws(names, 0, 3)
    np.testing.assert_array_equal(signals.draws(names[5:7], 0, 3), made[5:7])
    assert (signals.draws(names, 1, 3) != made).all() and 0 <= made.min() and made.max() < 1
    np.testing.assert_allclose(made.mean(axis=0), 0.5, atol=0.03)
    assert abs(np.corrcoef(made.T)[0, 1]) < 0.07
    assert len(np.unique(signals.draws(names, 0, 12))) == 24000
