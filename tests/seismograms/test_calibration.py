"""What a picker's numbers mean: odds, thresholds and uncertainties that are fitted hold on other draws."""

from __future__ import annotations

import numpy as np
import pytest

from zoo.errors import ZooError
from zoo.seismograms.picking import calibration, continuous
from zoo.seismograms.picking.calibration import Calibration
from zoo.seismograms.picking.labelled import labelled, write_picks
from zoo.seismograms.picking.windows_training import WindowDraws

RATE_HZ = 100.0
HOURS, EVENTS = 50.0, 3000


def peaks(rng, mean, count):
    """Sizes of peaks whose logits are Gaussian."""
    return 1 / (1 + np.exp(-(mean + 1.5 * rng.normal(size=count))))


def drawn(rng):
    """Arrivals, false peaks (40 an hour) and residuals of a made-up picker: wide and small peaks are worse."""
    arrivals = {phase: (peaks(rng, 2.0, EVENTS), EVENTS) for phase in "PS"}
    false = {phase: peaks(rng, -2.5, int(40 * HOURS)) for phase in "PS"}
    size, width = arrivals["P"][0], rng.uniform(0.1, 0.6, EVENTS)
    residual = rng.laplace(size=EVENTS) * 0.1 * width * (1.5 - size)
    return arrivals, false, {phase: (residual, size, width) for phase in "PS"}


@pytest.fixture(scope="module")
def fitted():
    arrivals, false, residuals = drawn(np.random.default_rng(0))
    return calibration.fit(arrivals, false, HOURS, residuals)


@pytest.mark.parametrize("events_per_hour", [1.0, 6.0, 30.0])
def test_a_pick_of_probability_p_is_right_in_p_of_all_cases(fitted, events_per_hour):
    arrivals, false, _ = drawn(np.random.default_rng(1))
    true = fitted.probability("P", arrivals["P"][0], events_per_hour)
    wrong = fitted.probability("P", false["P"], events_per_hour)
    judged = 0
    for low in (0.1, 0.3, 0.5, 0.7):
        parts = [values[(values >= low) & (values < low + 0.2)] for values in (true, wrong)]
        weights = [np.full(len(parts[0]), events_per_hour / EVENTS), np.full(len(parts[1]), 1 / HOURS)]
        if len(np.concatenate(parts)) > 10:
            stated = np.average(np.concatenate(parts), weights=np.concatenate(weights))
            assert abs(weights[0].sum() / np.concatenate(weights).sum() - stated) < 0.12
            judged += 1
    assert judged >= 3


def test_size_is_the_inverse_of_probability(fitted):
    for probability in (0.2, 0.5, 0.8):
        size = fitted.size("S", probability, 6.0)
        assert fitted.probability("S", size, 6.0) == pytest.approx(probability, abs=1e-6)
    with pytest.raises(ZooError, match="No S has a probability of 0.9999"):
        fitted.size("S", 0.9999)


def test_a_threshold_gives_its_rate_of_false_picks(fitted):
    _, false, _ = drawn(np.random.default_rng(2))
    for rate in (1.0, 3.0, 8.0):
        found = (false["P"] >= fitted.threshold("P", rate)).sum() / HOURS
        assert 0.5 * rate <= found <= 1.7 * rate
    assert np.all(np.diff(fitted.thresholds, axis=1) <= 0)


def test_the_uncertainty_covers_what_it_states(fitted):
    _, _, residuals = drawn(np.random.default_rng(3))
    residual, size, width = residuals["P"]
    stated = fitted.uncertainty_s("P", size, width)
    for part in (size < 0.8, size > 0.95, width < 0.25, width > 0.45):
        assert abs((np.abs(residual) <= stated)[part].mean() - calibration.COVERED) < 0.06


def test_it_survives_packing_and_an_empty_one_is_none(fitted):
    again = Calibration.unpack(fitted.pack().astype(float))
    np.testing.assert_allclose(again.thresholds, fitted.thresholds, rtol=1e-6)
    np.testing.assert_allclose(again.timing, fitted.timing, rtol=1e-5)

    class Model:
        calibration = np.zeros((2, calibration.SIZE))

    assert Calibration.of(Model()) is None and Calibration.of(object()) is None


def weak_records(count=8, samples=6000):
    """Noise; P at sample 3000 and likely, an unlikely P at 1000, no S; noise until 2500."""
    rng = np.random.default_rng(0)
    waveform = rng.normal(size=(count, samples, 3)).astype("f4")
    waveform[:, 3000:] *= 20
    picks = write_picks([("P", 3000.0, 0.9), ("P", 1000.0, 0.2)])
    return {
        "waveform": waveform,
        "trace_picks": np.array([picks] * count),
        "trace_origin_sample": np.full(count, 2800.0),
        "trace_quiet_until_sample": np.full(count, 2500.0),
    }


def test_weak_picks_are_neither_labels_nor_noise():
    known = labelled(weak_records(), RATE_HZ)
    assert known.p.tolist() == [[3000.0]] * 8 and known.s.shape == (8, 0)
    spans = sorted(known.unknown[0].tolist())
    assert spans[0] == [900.0, 1100.0]
    # S lies 1.55 to 2.05 times P's travel time of 2 s after the origin.
    assert spans[1] == pytest.approx([2800 + 310, 2800 + 410])
    settings = dict(batch_size=32, label_sd_s=0.1, noise_share=0.5, mixed_share=0.0, second_event_share=0.0)
    _, made, weight = WindowDraws([known], 2000, RATE_HZ, settings)(np.random.default_rng(0))
    assert made[..., 0].max() > 0.99 and made[..., 1].max() == 0
    left_out = (weight == 0).sum(axis=1)
    assert 0 < left_out.min() and left_out.max() <= 201 + 101


def test_continuous_records_are_measured_whole():
    """A picker that answers the amplitude's jumps: one true P each, false ones where noise was made loud."""
    records = weak_records()
    records["waveform"][:4, 2000] = 60

    def jumps(windows):
        made = np.zeros(windows.shape, "f4")
        loud = np.abs(windows[..., 0]) > 12
        for row, out in zip(loud, made, strict=True):
            for at in np.flatnonzero(row[1:] & ~row[:-1])[:1] + 1:
                out[at, 0] = 0.9
        return made

    measured = continuous.measure(jumps, records, 6000, RATE_HZ)
    assert measured.noise_minutes == pytest.approx(8 * 23 / 60)
    assert len(measured.false["P"]) == 4 and len(measured.weak["P"]) == 0
    assert (measured.arrivals["P"] > 0.8).sum() == 4 and len(measured.arrivals["P"]) == 8
    scores = continuous.score(measured, {"P": 0.5, "S": 0.5})
    assert scores["false_p_per_minute"] == pytest.approx(4 / measured.noise_minutes) and scores["p_found"] == 0.5
    both = continuous.pooled([measured, measured])
    assert both.noise_minutes == 2 * measured.noise_minutes and len(both.false["P"]) == 8
