"""The scan against brute force; the baselines tell what they say they tell."""

from __future__ import annotations

import numpy as np
import pytest

from zoo.errors import ZooError
from zoo.seismicity import scan
from zoo.seismicity.physics.maps import TASKS, draw_maps


def _auc(score: np.ndarray, label: np.ndarray) -> float:
    rank = np.argsort(np.argsort(score)) + 1
    positive = label == 1
    return (rank[positive].sum() - positive.sum() * (positive.sum() + 1) / 2) / (positive.sum() * (~positive).sum())


def _brute(counts: np.ndarray, expected: np.ndarray, radii: tuple[float, ...]):
    """Return ratio (radii, rows, columns), events and expectation of every circle."""
    rows, columns = np.indices(counts.shape)
    scaled = expected.astype(float) * counts.sum() / expected.sum()
    found = np.zeros((3, len(radii), *counts.shape))
    total = counts.sum()
    for r, radius in enumerate(radii):
        for i, j in np.ndindex(*counts.shape):
            circle = np.hypot(rows - i, columns - j) <= radius
            c, e = counts[circle].sum(), max(scaled[circle].sum(), 1e-6)
            ratio = 0.0
            if c >= 2 and c > e and e < total:
                ratio = c * np.log(c / e) + (0 if c == total else (total - c) * np.log((total - c) / (total - e)))
            found[:, r, i, j] = ratio, c, e
    return found


def test_the_scan_is_that_of_every_circle():
    rng = np.random.default_rng(0)
    expected = rng.random((3, 12, 12)) + 0.05
    expected[1, :4] = 0  # where nothing is expected
    counts = rng.poisson(expected * 0.8)
    counts[0, 0, 0] += 6  # at the edge
    counts[2] = 0
    counts[2, 5, 5:7] = 2, 1  # a single cluster
    score, row, column, radius = scan.poisson_scan(counts, expected)
    for n in range(3):
        ratio = _brute(counts[n], expected[n], scan.RADII_PX)[0]
        assert score[n] == pytest.approx(ratio.max(), rel=1e-5)
        where = scan.RADII_PX.index(radius[n]), row[n], column[n]
        assert ratio[where] == pytest.approx(ratio.max(), rel=1e-5)
    one = scan.poisson_scan(counts, expected[0])[0]
    np.testing.assert_allclose(one, scan.poisson_scan(counts, np.repeat(expected[:1], 3, 0))[0])
    np.testing.assert_allclose(scan.poisson_scan(counts, 7 * expected)[0], score, rtol=1e-5)  # only its shape counts
    own = scan.own_background(counts)
    np.testing.assert_array_equal(scan.poisson_scan(counts)[0], scan.poisson_scan(counts, own)[0])


def test_the_features_are_those_of_every_circle():
    rng = np.random.default_rng(1)
    expected = rng.random((1, 16, 16)) + 0.1
    counts = rng.poisson(expected * 0.5)
    counts[0, 7:9, 7:9] += 3
    (features,) = scan.scan_features(counts, expected)
    assert features.shape == (len(scan.FEATURES),) == (41,)
    named = dict(zip(scan.FEATURES, features, strict=True))
    ratio, inside, background = _brute(counts[0], expected[0], scan.FEATURE_RADII_PX)
    best = np.unravel_index(ratio.argmax(), ratio.shape)
    for r, radius in enumerate(scan.FEATURE_RADII_PX):
        at = np.unravel_index(ratio[r].argmax(), ratio[r].shape)
        assert named[f"ratio_{radius:g}px"] == pytest.approx(ratio[r].max(), rel=1e-5)
        assert named[f"events_{radius:g}px"] == pytest.approx(inside[r][at])
        assert named[f"expected_{radius:g}px"] == pytest.approx(background[r][at], rel=1e-5)
        assert named[f"at_best_{radius:g}px"] == pytest.approx(ratio[r][best[1:]], rel=1e-5)
        excess = np.where(ratio[r] > 0, (inside[r] - background[r]) / np.sqrt(background[r] + 0.1), 0)
        assert named[f"excess_{radius:g}px"] == pytest.approx(excess.max(), rel=1e-5)
    assert named["events"] == counts.sum() and named["largest_pixel"] == counts.max()
    assert named["empty_share"] == pytest.approx((counts == 0).mean())
    assert scan.FEATURE_RADII_PX[int(named["best_radius"])] == scan.FEATURE_RADII_PX[best[0]]
    rows, columns = np.indices((16, 16))
    apart = (rows - best[1]) ** 2 + (columns - best[2]) ** 2 > 64
    assert named["second_ratio"] == pytest.approx((ratio * apart).max(), rel=1e-5)


def test_baselines_on_maps_with_bursts():
    maps = draw_maps(TASKS["medium"], 1500, np.random.default_rng(2))
    counts, label = maps["counts"], maps["label"]
    own, row, column, _ = scan.poisson_scan(counts)
    true = scan.poisson_scan(counts, maps["expected"])[0]
    np.testing.assert_array_equal(scan.event_count(counts), counts.sum((1, 2)))
    np.testing.assert_array_equal(scan.largest_pixel(counts), counts.max((1, 2)))
    pixel, count = _auc(scan.largest_pixel(counts), label), _auc(scan.event_count(counts), label)
    assert abs(count - 0.5) < 0.05 < pixel - count
    assert pixel + 0.1 < _auc(own, label) < _auc(true, label) and _auc(own, label) > 0.96 and _auc(true, label) > 0.98
    off_px = np.hypot(row - maps["burst_row_px"], column - maps["burst_column_px"])[label == 1]
    assert np.median(off_px) < 1.2


def test_nothing_and_everything():
    empty = np.zeros((2, 64, 64))
    score, row, column, radius = scan.poisson_scan(empty)
    assert score.tolist() == [0, 0] and row.tolist() == column.tolist() == [0, 0] and set(radius) <= set(scan.RADII_PX)
    assert np.isfinite(scan.scan_features(empty)).all()
    one = empty.copy()
    one[0, 63, 63] = 1  # a single event is no cluster
    assert scan.poisson_scan(one)[0].tolist() == [0, 0]
    one[0, 63, 63] = 9  # all events in a corner
    score, row, column, _ = scan.poisson_scan(one)
    assert score[0] > 10 and max(63 - row[0], 63 - column[0]) <= 1
    flat = np.full((1, 64, 64), 3.0)
    np.testing.assert_allclose(scan.own_background(flat), flat, rtol=1e-5)
    assert scan.poisson_scan(flat)[0][0] == pytest.approx(0, abs=1e-3)


@pytest.mark.parametrize(
    ("counts", "expected", "message"),
    [
        (np.ones((64, 64)), None, r"received the shape \(64, 64\)"),
        (np.ones((2, 64, 32)), None, "Expected maps"),
        (np.ones((2, 64, 64)), np.ones((3, 64, 64)), "one map for each, or one"),
        (np.ones((2, 64, 64)), np.ones((2, 32, 32)), "one map for each, or one"),
        (np.ones((2, 64, 64)), np.full((64, 64), np.nan), "finite and not negative"),
        (np.ones((2, 64, 64)), np.full((64, 64), -1.0), "finite and not negative"),
    ],
)
def test_shapes_that_do_not_fit(counts, expected, message):
    with pytest.raises(ZooError, match=message):
        scan.poisson_scan(counts, expected)
