"""Completeness, pixels, tiles, windows and the past of a region, against what is known or counted by hand."""

from __future__ import annotations

import numpy as np
import pytest

from zoo.errors import UsageError, ZooError
from zoo.field.magnitudes import magnitude_of_completeness
from zoo.seismicity.grid import OVERLAP_PIXELS, PixelGrid
from zoo.seismicity.physics.maps import MAP_PIXELS
from zoo.seismicity.windows import TileMaps, Windows, spread, typical_window_days

BEGIN = np.datetime64("2020-01-01T06:00", "ms")
DAY_MS = 86_400_000


def times(days: np.ndarray) -> np.ndarray:
    return BEGIN + np.round(np.sort(days) * DAY_MS).astype("timedelta64[ms]")


def test_completeness_is_where_the_magnitudes_are_most_plus_a_fifth():
    rng = np.random.default_rng(0)
    magnitude = rng.exponential(1 / np.log(10), 40_000)
    kept = rng.random(len(magnitude)) < 1 / (1 + np.exp(-12 * (magnitude - 1.0)))
    found = magnitude_of_completeness(np.round(magnitude[kept], 1))
    assert 1.0 <= found <= 1.4
    assert np.isclose(found % 0.1, 0, atol=1e-6) or np.isclose(found % 0.1, 0.1, atol=1e-6)
    assert np.isnan(magnitude_of_completeness(np.full(1000, np.nan)))


def test_the_default_region_holds_nearly_all_and_leaves_outliers_out():
    rng = np.random.default_rng(1)
    x_km, y_km = rng.normal(10, 3, 5000), rng.normal(-5, 1, 5000)
    x_km[:5] += 5000
    grid = PixelGrid.covering(x_km, y_km)
    inside = grid.inside(x_km, y_km)
    assert grid.rows == grid.columns == MAP_PIXELS and len(grid.tiles()) == 1
    assert not inside[:5].any() and inside[5:].mean() > 0.98
    assert MAP_PIXELS * grid.pixel_km < 1.6 * 6 * 3


def test_a_point_lies_in_the_pixel_whose_middle_is_nearest():
    grid = PixelGrid.covering(np.zeros(1), np.zeros(1), (0, 64, 100, 164))
    row, column = grid.pixels(np.array([0.01, 63.99]), np.array([100.01, 163.99]))
    assert grid.pixel_km == 1.0 and row.tolist() == [0, 63] and column.tolist() == [0, 63]
    assert np.allclose(grid.centre_km(row, column), [[0.5, 63.5], [100.5, 163.5]])


def test_wide_regions_are_tiled_without_a_gap():
    grid = PixelGrid.covering(np.zeros(1), np.zeros(1), (0, 300, 0, 130), pixel_km=1.0)
    covered = np.zeros((grid.rows, grid.columns), int)
    for row, column in grid.tiles():
        assert 0 <= row <= grid.rows - MAP_PIXELS and 0 <= column <= grid.columns - MAP_PIXELS
        covered[row : row + MAP_PIXELS, column : column + MAP_PIXELS] += 1
    assert covered.min() == 1 and covered.max() == 4
    starts = sorted({column for _, column in grid.tiles()})
    assert max(np.diff(starts)) <= MAP_PIXELS - OVERLAP_PIXELS


@pytest.mark.parametrize(("window", "stride"), [(1.0, 0.5), (1.0, 1.0), (2.0, 0.5), (1.0, 0.3)])
def test_windows_hold_the_events_that_fall_into_them(window, stride):
    rng = np.random.default_rng(2)
    time = times(rng.random(500) * 20)
    windows = Windows.over(time, window, stride)
    maps = TileMaps(
        (time - windows.begin) / np.timedelta64(1, "ms"), rng.integers(0, 64, 500), rng.integers(0, 64, 500), windows
    )
    by_hand = [((time >= s) & (time < e)).sum() for s, e in zip(windows.start, windows.end, strict=True)]
    assert maps.events.tolist() == by_hand
    assert maps.counts(0, windows.count).sum(axis=(1, 2)).tolist() == by_hand
    assert windows.start[0] <= time[0] and windows.end[-1] > time[-1] >= windows.end[-2]


def test_alarms_are_runs_of_windows_that_touch():
    windows = Windows(BEGIN, 1.0, 0.5, 12)
    above = np.zeros(12, bool)
    above[[1, 3, 6, 11]] = True
    assert windows.runs(above) == [(1, 3), (6, 6), (11, 11)]
    assert windows.runs(~above[:1]) == [(0, 0)] and windows.runs(np.zeros(12, bool)) == []


def test_windows_that_do_not_fit_are_refused():
    with pytest.raises(ZooError, match="less than a window of 30 days"):
        Windows.over(times(np.array([0.0, 10.0])), 30, 15)
    with pytest.raises(UsageError, match="gaps"):
        Windows.over(times(np.array([0.0, 10.0])), 1, 2)


def test_a_share_is_expected_anywhere():
    expected = np.zeros((2, 64, 64))
    expected[:, 3, 4] = 100.0
    made = spread(expected)
    assert np.allclose(made.sum(axis=(1, 2)), 100) and made.min() > 0


@pytest.mark.parametrize(
    ("per_day", "days", "least", "most"), [(100, 100, 1, 1), (0.3, 4000, 2, 14), (5000, 30, 1 / 24, 0.25)]
)
def test_the_window_suits_the_rate(per_day, days, least, most):
    time = times(np.random.default_rng(5).random(round(per_day * days)) * days)
    assert least <= typical_window_days(time) <= most
