"""Thresholds of a region: windows overlap as they should, and false alarms are as many as asked for."""

from __future__ import annotations

import numpy as np
import pytest

from zoo.errors import ZooError
from zoo.seismicity import threshold
from zoo.seismicity.physics.maps import rate_fields
from zoo.seismicity.scan import event_count, largest_pixel

FLAT = np.full((64, 64), 60 / 64**2)


def _count(counts, past):
    return event_count(counts)


def _blocks(maps: np.ndarray) -> np.ndarray:
    return maps.reshape(-1, 8, 8, 8, 8).sum((2, 4))


def _rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_windows_overlap_as_in_a_catalogue():
    seen = []
    score = lambda counts, past: (seen.append(counts), event_count(counts))[1]  # noqa: E731
    scores = threshold.background_scores(score, FLAT, 1.0, 0.25, 2.0, _rng())
    assert scores.shape == (2, 1461)
    counts = np.concatenate(seen)
    np.testing.assert_array_equal(counts.sum((1, 2)), scores.ravel())
    assert scores.mean() == pytest.approx(60, rel=0.02) and scores.var() == pytest.approx(60, rel=0.15)
    # Two windows a stride apart share three quarters of their events.
    shares = [np.corrcoef(scores[0, :-lag], scores[0, lag:])[0, 1] for lag in (1, 2, 4)]
    np.testing.assert_allclose(shares, [0.75, 0.5, 0.0], atol=0.12)
    uneven = np.zeros((64, 64))
    uneven[3, 5], uneven[60, 1] = 3.0, 1.0
    seen.clear()
    threshold.background_scores(score, uneven, 1.0, 1.0, 1.0, _rng(1))
    mean = np.concatenate(seen).mean(0)
    assert mean[3, 5] == pytest.approx(3, abs=0.4) and mean[60, 1] == pytest.approx(1, abs=0.25)
    assert mean.sum() == pytest.approx(mean[3, 5] + mean[60, 1])


def test_alarms_are_runs_of_windows_that_touch():
    scores = np.array([0, 5, 5, 0, 5, 0, 0, 5, 0, 0, 0, 0.0])
    year = len(scores) * 0.5 / threshold.YEAR_DAYS
    rate = lambda scores, window_days: threshold.false_alarm_rate(scores, 1.0, window_days, 0.5) * year  # noqa: E731
    assert rate(scores, 1.0) == pytest.approx(2)  # windows 2 and 4 touch, 4 and 7 do not
    assert rate(scores, 1.5) == pytest.approx(1)
    assert rate(scores, 0.5) == pytest.approx(3)
    assert rate(scores, 0.25) == pytest.approx(4)  # no window touches the next
    assert rate(scores.reshape(2, 6)[:, ::-1], 10.0) == pytest.approx(2)  # stretches are apart
    assert threshold.false_alarm_rate(scores, 5.0, 1.0, 0.5) == 0


def test_the_threshold_is_the_lowest_that_keeps_to_what_is_asked():
    scores = threshold.background_scores(_count, FLAT, 1.0, 0.5, 4.0, _rng(2))
    for asked in (1.0, 4.0, 20.0):
        at = threshold.threshold_for(scores, 1.0, 0.5, asked)
        allowed = asked - np.sqrt(asked / 4)  # one standard deviation below
        assert threshold.false_alarm_rate(scores, at, 1.0, 0.5) <= allowed
        assert threshold.false_alarm_rate(scores, at - 1, 1.0, 0.5) > allowed
    assert threshold.threshold_for(scores, 1.0, 0.5, 0.0) == scores.max()


@pytest.mark.parametrize("past_windows", [None, 40])
def test_false_alarms_are_as_many_in_other_years(past_windows):
    truth = 150 * rate_fields(1, (8, 8), (1, 1), _rng(3))[0]

    def score(counts, past):  # the largest excess of 64 blocks, in standard deviations
        inside, expected = (_blocks(np.broadcast_to(maps, counts.shape)) for maps in (counts, past))
        return ((inside - expected) / np.sqrt(expected + 0.1)).max((1, 2))

    at = threshold.region_threshold(score, truth, 1.0, 0.5, 12.0, years=8, seed=1, past_windows=past_windows)
    again = threshold.region_threshold(score, truth, 1.0, 0.5, 12.0, years=8, seed=1, past_windows=past_windows)
    others = threshold.background_scores(score, truth, 1.0, 0.5, 8, _rng(4), past_windows=past_windows)
    assert at == again and at != threshold.region_threshold(score, truth, 1.0, 0.5, 12.0, years=8, seed=2)
    assert threshold.false_alarm_rate(others, at, 1.0, 0.5) == pytest.approx(12, abs=4 * np.sqrt(2 * 12 / 8))


def test_thresholds_follow_the_rate():
    quiet, busy = (threshold.region_threshold(_count, FLAT * factor, 1.0, 0.5, years=2) for factor in (1, 4))
    # Of 730 Poisson numbers a year, four: 2.5 standard deviations and more above the mean.
    for at, mean in ((quiet, 60), (busy, 240)):
        assert 2.2 < (at - mean) / np.sqrt(mean) < 3.6


def test_the_past_is_what_the_score_is_told():
    told = []
    score = lambda counts, past: (told.append(past), event_count(counts))[1]  # noqa: E731
    threshold.background_scores(score, FLAT, 1.0, 1.0, 2.0, _rng())
    assert all(np.array_equal(past, FLAT) for past in told)
    told.clear()
    threshold.background_scores(score, FLAT, 1.0, 1.0, 2.0, _rng(), past=2 * FLAT)
    threshold.burst_scores(score, FLAT, 5, 1.0, 3, 1.0, 0.5, _rng(), past=2 * FLAT)
    assert all(np.array_equal(past, 2 * FLAT) for past in told) and len(told) == 3
    told.clear()
    threshold.background_scores(score, FLAT, 1.0, 1.0, 2.0, _rng(), past_windows=50)
    assert not np.array_equal(told[0], told[-1]) and told[0].mean() == pytest.approx(FLAT.mean(), rel=0.1)
    assert told[0].std() < 0.5 * FLAT.mean()  # smoothed as pasts are


@pytest.mark.parametrize(("window_days", "stride_days"), [(1.0, 0.5), (1.0, 0.25), (7.0, 2.0), (1.0, 1.0)])
def test_some_window_holds_the_whole_burst(window_days, stride_days):
    quiet = np.full((64, 64), 1e-12)
    quiet[32, 32] = 1e-6
    held = []

    def score(counts, past):
        held.append(counts)
        return event_count(counts)

    best = threshold.burst_scores(score, quiet, 15, (0.5, 1.0), 40, window_days, stride_days, _rng(5))
    assert best.tolist() == [15] * 40
    counts = np.concatenate(held).sum((1, 2)).reshape(40, -1)
    assert (counts.max(0) > 0).all()  # every window that is looked at may hold a part of one
    assert (counts.max(1) == 15).all()


def test_bursts_are_where_the_background_is():
    field = np.full((64, 64), 1e-5)
    field[10, 50] = 50.0
    seen = []
    score = lambda counts, past: (seen.append(counts.max(0)), largest_pixel(counts))[1]  # noqa: E731
    wide = threshold.burst_scores(score, field, 30, 2.0, 20, 1.0, 0.5, _rng(6))
    near = np.max(seen, 0)
    assert near[4:17, 44:57].sum() > 0.9 * near.sum()
    narrow = threshold.burst_scores(score, field, 30, 0.3, 20, 1.0, 0.5, _rng(6))
    assert narrow.mean() > wide.mean() + 5
    assert threshold.detected(np.array([1.0, 2.0, 3.0]), 2.0) == pytest.approx(1 / 3)


@pytest.mark.parametrize(
    ("expected", "steps", "message"),
    [
        (np.zeros((64, 64)), (1.0, 0.5, 1.0), "not all 0"),
        (np.full((64, 64), np.inf), (1.0, 0.5, 1.0), "finite"),
        (-FLAT, (1.0, 0.5, 1.0), "none negative"),
        (FLAT[None], (1.0, 0.5, 1.0), r"received the shape \(1, 64, 64\)"),
        (FLAT, (0.0, 0.5, 1.0), "received 0, 0.5, 1"),
        (FLAT, (1.0, 0.5, -1.0), "above 0"),
    ],
)
def test_backgrounds_that_are_none(expected, steps, message):
    window_days, stride_days, years = steps
    with pytest.raises(ZooError, match=message):
        threshold.region_threshold(_count, expected, window_days, stride_days, years=years)
