"""Picks: peaks of probabilities, the onset by Akaike's criterion, scores against an analyst, drawn windows."""

from __future__ import annotations

import numpy as np
import pytest

from zoo.errors import ZooError
from zoo.seismograms.picking import picks as picking
from zoo.seismograms.picking.labelled import labelled
from zoo.seismograms.picking.windows_training import WindowDraws, labels

RATE_HZ = 100.0
DRAWN = {
    "batch_size": 64,
    "label_sd_s": 0.1,
    "noise_share": 0.2,
    "mixed_share": 0.5,
    "second_event_share": 0.2,
}


def bells(samples, *rows):
    """Probabilities (rows, samples, 3); a row lists (column, sample, height)."""
    made = np.zeros((len(rows), samples, 3))
    for out, row in zip(made, rows, strict=True):
        for column, at, height in row:
            out[:, column] = np.maximum(out[:, column], height * np.exp(-0.5 * ((np.arange(samples) - at) / 10) ** 2))
    return made


def seismogram(rng, onset, s_onset=None, samples=2000, snr=30.0, offset=0.0):
    """(samples, 3): white noise, from `onset` on stronger, from `s_onset` on stronger still."""
    gain = np.where(np.arange(samples) >= onset, snr, 1.0)
    if s_onset is not None:
        gain = np.where(np.arange(samples) >= s_onset, 4 * snr, gain)
    return (rng.normal(size=(samples, 3)) * gain[:, None] + offset).astype(np.float32)


def test_peaks_above_the_threshold_are_picks_in_order():
    probabilities = bells(
        1000, [(0, 300, 0.9), (0, 700, 0.4), (1, 500, 0.6)], [(0, 400, 0.2)], [(1, 0, 0.7), (0, 999, 0.8), (2, 50, 1.0)]
    )
    found = picking.picks(probabilities, None, RATE_HZ, {"P": 0.35, "S": 0.5})
    assert [(pick.row, pick.phase, pick.sample) for pick in found] == [
        (0, "P", 300.0),
        (0, "S", 500.0),
        (0, "P", 700.0),
        (2, "S", 0.0),
        (2, "P", 999.0),
    ]
    assert [round(pick.probability, 6) for pick in found] == [0.9, 0.6, 0.4, 0.7, 0.8]
    assert [pick.sample for pick in picking.picks(probabilities, None, RATE_HZ, 0.85)] == [300.0]
    assert len(picking.picks(probabilities, None, RATE_HZ, 0.1)) == 6


def test_of_near_peaks_the_more_probable_one_is_the_pick():
    probabilities = bells(1000, [(0, 300, 0.6), (0, 340, 0.8), (0, 420, 0.7)])
    near = lambda apart_s: [p.sample for p in picking.picks(probabilities, None, RATE_HZ, apart_s=apart_s)]  # noqa: E731
    assert near(0.5) == [340.0, 420.0] and near(0.1) == [300.0, 340.0, 420.0]


@pytest.mark.parametrize("rate_hz", [100.0, 50.0])
def test_p_moves_to_the_onset_that_is_near(rate_hz):
    rng = np.random.default_rng(0)
    onsets = np.array([1000, 1011, 995, 1000, 1000])
    waveforms = np.stack([seismogram(rng, onset, offset=1e5) for onset in onsets])
    waveforms[3, :, 0] = 7.0  # a vertical that is not recorded
    waveforms[4] = rng.normal(size=(2000, 3))  # no onset anywhere
    at = picking.onset(waveforms, np.arange(5), np.full(5, 1004), rate_hz)
    assert (np.abs(at[:3] - onsets[:3]) <= 2).all() and (at[3:] == 1004).all()
    far = picking.onset(waveforms[:1], np.array([0]), np.array([1000 + int(0.4 * rate_hz)]), rate_hz)
    assert far == 1000 + int(0.4 * rate_hz)
    probabilities = bells(2000, [(0, 1010, 0.9), (1, 1300, 0.8)])
    p, s = picking.picks(probabilities, waveforms[:1], rate_hz)
    assert abs(p.sample - 1000) <= 2 and s.sample == 1300.0
    edge = picking.onset(waveforms[:1], np.array([0, 0]), np.array([0, 1999]), rate_hz)
    assert edge.tolist() == [0, 1999]


def records_with_picks(count=40, time=6000):
    rng = np.random.default_rng(1)
    p = rng.integers(1000, 4000, count).astype(float)
    s = p + rng.integers(100, 800, count)
    p[-8:], s[-8:] = np.nan, np.nan
    waveform = np.stack([seismogram(rng, at, then, time) for at, then in zip(p, s, strict=True)])
    return {"waveform": waveform, "trace_p_arrival_sample": p, "trace_s_arrival_sample": s}


def test_a_picker_that_knows_scores_one_and_one_that_errs_less():
    records = records_with_picks()

    def oracle(late, false_ones=0.0):
        def probabilities(windows):
            """Finds the truth by the amplitude: noise 1, P 30, S 120."""
            loud = np.abs(windows).max(axis=2)
            made = np.zeros((*loud.shape, 3))
            for row, trace in enumerate(loud):
                for column, level in ((0, 10.0), (1, 130.0)):
                    above = np.flatnonzero(trace > level)
                    if len(above) and above[0] + late < len(trace):
                        made[row, above[0] + late, column] = 0.9
                if not len(np.flatnonzero(trace > 10)):
                    made[row, 100, 0] = false_ones
            return made

        return probabilities

    scored = picking.residuals(oracle(0), records, 3000, RATE_HZ)
    metrics = picking.score(scored)
    # 32 records, three windows each where P is so late that they fit.
    assert 64 < len(scored.p_s) <= 96 and metrics["p_within_0.1_s"] == 1.0 == metrics["p_found"]
    assert metrics["s_within_0.5_s"] == 1.0 and metrics["false_per_minute"] == 0.0
    # 8 records of a minute, and what is before P less a second, at most one window.
    p = records["trace_p_arrival_sample"][:32]
    assert metrics["noise_minutes"] == pytest.approx(8 + np.minimum(p - 100, 2900).sum() / 6000, abs=0.02)

    late = picking.residuals(oracle(15), records, 3000, RATE_HZ, repick=False)
    metrics = picking.score(late)
    assert metrics["p_within_0.1_s"] == 0.0 and metrics["p_within_0.2_s"] == 1.0
    assert metrics["p_mean_residual_s"] == pytest.approx(0.15, abs=0.01)
    repicked = picking.score(picking.residuals(oracle(15), records, 3000, RATE_HZ))
    assert repicked["p_within_0.1_s"] > 0.98

    false = picking.residuals(oracle(0, 0.5), records, 3000, RATE_HZ)
    assert picking.false_per_minute(false, 0.6) == 0.0
    assert picking.false_per_minute(false, 0.4) * false.noise_minutes >= 16
    threshold = picking.threshold_for(false, 0.5)
    assert 0.5 < threshold < 0.51 and picking.false_per_minute(false, threshold) <= 0.5
    both = picking.pooled([scored, false])
    assert len(both.p_s) == len(scored.p_s) + len(false.p_s)
    assert both.noise_minutes == scored.noise_minutes + false.noise_minutes


def test_p_is_the_first_of_the_prominent_peaks():
    records = records_with_picks(9)
    start = lambda place: int(records["trace_p_arrival_sample"][0] - place * 3000)  # noqa: E731
    answers = {0.6: [(0, 200, 0.3), (0, 700, 0.8), (0, 2000, 0.9)], 0.4: [(0, 200, 0.6), (0, 700, 0.5)], 0.0: []}
    found = []
    for peaks in answers.values():
        answer = bells(3000, peaks)[0]
        scored = picking.residuals(
            lambda windows, a=answer: np.stack([a] * len(windows)), records, 3000, RATE_HZ, False
        )
        begin = max(0, start(0.6))  # windows of a record come in the order of their starts
        found.append((scored.p_s[0] * RATE_HZ + records["trace_p_arrival_sample"][0] - begin, scored.p_probability[0]))
    np.testing.assert_allclose(found, [(700, 0.8), (200, 0.6), (0, 0.0)], atol=1e-6)


def test_second_events_and_faint_s_are_not_scored():
    records = records_with_picks()
    blind = lambda windows: np.zeros((*windows.shape[:2], 3))  # noqa: E731
    count = len(picking.residuals(blind, records, 3000, RATE_HZ).s_s)
    faint = {**records, "trace_s_snr_db": np.where(np.arange(40) < 16, -5.0, 20.0)}
    assert len(picking.residuals(blind, faint, 3000, RATE_HZ).s_s) < 0.8 * count
    second = {**records, "trace_p2_arrival_sample": np.where(np.arange(40) < 31, 500.0, np.nan)}
    scored = picking.residuals(blind, second, 3000, RATE_HZ)
    assert len(scored.p_s) == 3  # windows of the one record that has no second event
    assert scored.noise_minutes < 8 + 31 * 4 / 60 + 0.6


def test_labels_are_gaussians_that_sum_to_one():
    p, s = np.array([[100.0, np.nan], [250.5, 20.0]]), np.array([[130.0, np.nan], [np.nan, 900.0]])
    made = labels(p, s, 300, 10.0)
    np.testing.assert_allclose(made.sum(axis=-1), 1, atol=1e-6)
    assert (made >= 0).all()
    time = np.arange(300)
    bell = lambda at: np.exp(-0.5 * ((time - at) / 10) ** 2)  # noqa: E731
    np.testing.assert_allclose(made[1, :, 0], np.maximum(bell(250.5), bell(20)), atol=1e-4)
    assert made[1, :, 1].max() == 0 and made[0, 100, 0] > 0.98 and made[0, 130, 1] > 0.98


def test_picks_move_with_the_window():
    """Where the label is, the amplitude jumps: P by 30, in every undisturbed window."""
    records = records_with_picks()
    plain = {**DRAWN, "mixed_share": 0.0, "second_event_share": 0.0}
    windows, made, weight = WindowDraws([labelled(records, RATE_HZ)], 3000, RATE_HZ, plain)(np.random.default_rng(0))
    assert windows.shape == made.shape == (64, 3000, 3) and windows.dtype == made.dtype == np.float32
    assert weight.shape == (64, 3000) and weight.min() == 1
    places = []
    for window, label in zip(windows, made, strict=True):
        if label[:, 0].max() > 0.99:
            at = int(label[:, 0].argmax())
            places.append(at)
            if 100 < at and np.ptp(window[:, 0]) > 0 and (window[[0, -1], 0] != 0).all():
                loud = np.flatnonzero(np.abs(window[:, 0]) > 12)
                assert abs(loud[0] - at) < 12
    assert len(places) > 30 and min(places) < 600 and max(places) > 2400
    quiet = made[..., :2].max(axis=(1, 2)) < 0.01
    assert quiet.sum() >= 5


def test_a_generator_decides_what_is_drawn():
    draw = WindowDraws([labelled(records_with_picks(), RATE_HZ)], 1500, RATE_HZ, DRAWN)
    one, again, other = (draw(np.random.default_rng(seed)) for seed in (1, 1, 2))
    for a, b in zip(one, again, strict=True):
        np.testing.assert_array_equal(a, b)
    assert not np.array_equal(one[0], other[0])


def test_noise_and_second_events_are_mixed_in_and_labelled():
    records = records_with_picks()
    mixed = {**DRAWN, "noise_share": 0.0, "second_event_share": 1.0, "mixed_share": 0.0}
    _, made, _ = WindowDraws([labelled(records, RATE_HZ)], 3000, RATE_HZ, mixed)(np.random.default_rng(3))
    peaks = [len(picking.picks(label[None], None, RATE_HZ, {"P": 0.5, "S": 2.0})) for label in made]
    assert np.mean(np.array(peaks) == 2) > 0.4
    noisy = {**mixed, "second_event_share": 0.0, "mixed_share": 1.0}
    windows, made, weight = WindowDraws([labelled(records, RATE_HZ)], 3000, RATE_HZ, noisy)(np.random.default_rng(3))
    # P is 30 times the noise in the records; with noise added 1.5 to 20 times.
    ratios = []
    for window, label in zip(windows, made, strict=True):
        at = label[:, 0].argmax()
        if label[at, 0] > 0.99 and 300 < at < 2800 and np.ptp(window[:, 0]) > 0:
            before, after = np.diff(window[at - 250 : at - 20, 0]), np.diff(window[at : at + 90, 0])
            ratios.append(after.std() / max(before.std(), 1e-9))
    assert 1.2 < np.median(ratios) < 15
    assert 0.8 < np.mean(weight == 1) <= 1.0  # only an S that the noise hides is masked


def test_a_faint_s_is_masked_in_the_loss():
    records = {**records_with_picks(), "trace_s_snr_db": np.full(40, -5.0)}
    plain = {**DRAWN, "mixed_share": 0.0, "second_event_share": 0.0, "noise_share": 0.0}
    _, made, weight = WindowDraws([labelled(records, RATE_HZ)], 3000, RATE_HZ, plain)(np.random.default_rng(0))
    clear = made[..., 1] > 0.5
    assert clear.any() and (weight[clear] == 0).all() and 0.8 < weight.mean() < 1


def test_without_any_p_there_is_nothing_to_learn():
    records = records_with_picks()
    records["trace_p_arrival_sample"][:] = np.nan
    with pytest.raises(ZooError, match="no record|No record"):
        WindowDraws([labelled(records, RATE_HZ)], 3000, RATE_HZ, DRAWN)
