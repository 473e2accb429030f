"""Artificial maps of seismicity: what they hold, that their number of events tells nothing, and the past."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from zoo.errors import UsageError
from zoo.seismicity.physics.maps import MAP_PIXELS, TASKS, MapTask, draw_maps, rate_fields, smooth_past

COUNT = 600


@pytest.fixture(scope="module")
def drawn():
    return {name: draw_maps(task, COUNT, np.random.default_rng(5)) for name, task in TASKS.items()}


@pytest.mark.parametrize("name", TASKS)
def test_maps_hold_what_they_say(drawn, name):
    maps, task = drawn[name], TASKS[name]
    for key in ("counts", "past", "expected"):
        assert maps[key].shape == (COUNT, MAP_PIXELS, MAP_PIXELS) and maps[key].dtype == np.float32
        assert np.isfinite(maps[key]).all() and maps[key].min() >= 0
    assert np.array_equal(maps["counts"], np.round(maps["counts"]))
    assert 0.44 < maps["label"].mean() < 0.56
    burst = maps["burst_events"] > 0
    low, high = task.burst_events
    assert set(maps["burst_events"][burst]) == set(range(low, high + 1))
    for key in ("burst_row_px", "burst_column_px", "burst_sd_px"):
        assert np.array_equal(np.isfinite(maps[key]), burst)
    assert (maps["burst_sd_px"][burst] >= task.burst_sd_px[0]).all()
    assert (maps["burst_sd_px"][burst] <= task.burst_sd_px[1]).all()
    if task.above:
        assert np.array_equal(maps["label"], maps["counts"].max((1, 2)) > task.above)
    else:
        assert np.array_equal(maps["label"], burst)


@pytest.mark.parametrize("name", ["medium", "medium_uniform", "hard"])
def test_the_number_of_events_tells_nothing(drawn, name):
    maps = drawn[name]
    events, expected = maps["counts"].sum((1, 2)), maps["expected"].sum((1, 2))
    excess = (events - expected) / np.sqrt(expected)
    assert expected.min() >= 50 * 0.999 and expected.max() <= 400 * 1.001
    for label in (0, 1):
        some = excess[maps["label"] == label]
        assert abs(some.mean()) < 4 / np.sqrt(len(some)) and 0.85 < some.std() < 1.15


def test_bursts_lie_where_they_say(drawn):
    maps = drawn["medium_uniform"]
    rows, columns = np.mgrid[:MAP_PIXELS, :MAP_PIXELS]
    inside = np.flatnonzero(maps["label"] == 1)
    off, near = [], []
    for number in inside:
        row, column = maps["burst_row_px"][number], maps["burst_column_px"][number]
        distance = np.hypot(rows - row, columns - column)
        # What is there beyond the background, which keeps the events that are not of the burst.
        scale = 1 - maps["burst_events"][number] / maps["counts"][number].sum()
        excess = maps["counts"][number] - maps["expected"][number] * scale
        near.append(excess[distance < 4 * maps["burst_sd_px"][number] + 1].sum() - maps["burst_events"][number])
        if min(row, column) > 8 and max(row, column) < 55:
            box = excess[int(row) - 7 : int(row) + 9, int(column) - 7 : int(column) + 9]
            weight = np.maximum(box, 0) * (distance[int(row) - 7 : int(row) + 9, int(column) - 7 : int(column) + 9] < 6)
            off.append((weight * (rows[int(row) - 7 : int(row) + 9, :1] - row)).sum() / weight.sum())
    assert abs(np.mean(near)) < 1 and abs(np.mean(off)) < 0.15


def test_bursts_lie_on_the_background_or_anywhere(drawn):
    at = {}
    for name in ("medium", "medium_uniform"):
        maps = drawn[name]
        some = np.flatnonzero(maps["label"] == 1)
        row, column = (np.round(maps[f"burst_{key}_px"][some]).astype(int) for key in ("row", "column"))
        rate = maps["expected"] / maps["expected"].mean((1, 2), keepdims=True)
        at[name] = np.mean(rate[some, np.clip(row, 0, 63), np.clip(column, 0, 63)])
    assert 0.8 < at["medium_uniform"] < 1.25 and at["medium"] > 1.6


def test_the_same_generator_gives_the_same_maps():
    one, two = (draw_maps(TASKS["hard"], 20, np.random.default_rng(3)) for _ in range(2))
    for key in one:
        assert np.array_equal(one[key], two[key], equal_nan=True)
    assert "past" not in draw_maps(TASKS["hard"], 20, np.random.default_rng(3), with_past=False)


def test_the_past_tells_the_background():
    task = dataclasses.replace(TASKS["medium"], past_windows=(400, 400), events=(300, 400))
    maps = draw_maps(task, 100, np.random.default_rng(0))
    assert maps["past"].sum((1, 2)) == pytest.approx(maps["expected"].sum((1, 2)), rel=0.02)
    error = maps["past"] - maps["expected"]
    assert np.sqrt(np.mean(error**2)) < 0.1 * maps["expected"].std()


def test_smoothing_loses_no_event():
    past = np.zeros((2, MAP_PIXELS, MAP_PIXELS))
    past[0, 0, 0], past[1, 30, 63] = 40, 10
    smooth = smooth_past(past, np.array([20, 5]))
    assert smooth.dtype == np.float32 and smooth.sum((1, 2)) == pytest.approx([2, 2], rel=1e-5)
    assert smooth[0].argmax() == 0 and np.unravel_index(smooth[1].argmax(), smooth[1].shape) == (30, 63)
    assert smooth_past(past[1], 5) == pytest.approx(smooth[1])
    assert smooth_past(np.full((MAP_PIXELS, MAP_PIXELS), 7.0), 7) == pytest.approx(1, rel=1e-5)


def test_backgrounds_are_as_rough_as_asked():
    def roughness(smoothing_px):
        log = np.log(rate_fields(400, (smoothing_px, smoothing_px), (1.0, 1.0), np.random.default_rng(0)))
        centre = log - log.mean((1, 2), keepdims=True)
        step = np.mean((log[:, :, 8:] - log[:, :, :-8]) ** 2)
        return centre.std(), step

    rough, smooth = roughness(5.0), roughness(20.0)
    # White noise under a Gaussian of sd s has the covariance exp(-d^2 / 4 s^2).
    assert rough[1] == pytest.approx(2 * (1 - np.exp(-64 / 100)), rel=0.1)
    assert smooth[1] == pytest.approx(2 * (1 - np.exp(-64 / 1600)), rel=0.15)
    assert rough[0] > smooth[0]
    rates = rate_fields(3, (5, 20), (0.5, 1.5), np.random.default_rng(0))
    assert rates.sum((1, 2)) == pytest.approx(1, rel=1e-5)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"centre": "north"}, "centre is one of rate, uniform"),
        ({"burst_events": (25, 10)}, "burst_events is a range"),
        ({"events": (0, 400)}, "events begins above 0"),
        ({"log_sd": (0.5, 1.0, 1.5)}, "log_sd is a range"),
    ],
)
def test_impossible_tasks_are_refused(change, told):
    with pytest.raises(UsageError, match=told):
        MapTask("own", "mine", **change)


def test_no_maps_are_refused():
    with pytest.raises(UsageError, match="received 0"):
        draw_maps(TASKS["medium"], 0, np.random.default_rng(0))
