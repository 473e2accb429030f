"""The scans against ETAS are those of every circle: their bounds leave nothing out."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import convolve

from zoo.seismicity.etas.scan import COUNT_RADII_PX, EVENTS, FEWEST_EVENTS, count_scan, etas_scan
from zoo.seismicity.scan import RADII_PX

SIZE = 64


def _in_circles(values: np.ndarray, radius: float) -> np.ndarray:
    """Return the sums of a map (64, 64) in the circles about every pixel."""
    reach = int(radius)
    down, across = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    return convolve(values, (np.hypot(down, across) <= radius + 1e-9).astype(float), mode="constant")


def _best(row: np.ndarray, column: np.ndarray, intensity: np.ndarray, days: float) -> float:
    """Return the score of one stretch of time by every circle and rate."""
    best, (counts, gain) = 0.0, np.zeros((2, SIZE, SIZE))
    np.add.at(counts, (row, column), 1)
    for radius in RADII_PX:
        area, held = _in_circles(np.ones((SIZE, SIZE)), radius), _in_circles(counts, radius)
        for number, events in enumerate(EVENTS):
            if number and events > 2.5 * len(row):
                break
            rate = events / (area.max() * days)
            gain[:] = 0
            np.add.at(gain, (row, column), np.log1p(rate / intensity))
            value = _in_circles(gain, radius) - rate * days * area
            best = max(best, value[held > FEWEST_EVENTS - 0.5].max(initial=0.0))
    return best


@pytest.mark.parametrize("spread", [0.1, 1.5])
def test_windows_are_scanned_by_every_circle_and_rate(spread):
    rng = np.random.default_rng(0)
    days = np.sort(np.r_[rng.random(400) * 6, 2.1 + 0.2 * rng.random(12)])
    row, column = (rng.normal(30, 9, len(days)).astype(int).clip(0, SIZE - 1) for _ in range(2))
    intensity = 0.03 * np.exp(rng.normal(0, spread, len(days)))  # aftershocks have a high one
    starts = np.arange(5.0)
    found = etas_scan(days, row, column, intensity, starts, 1.0)
    for n, start in enumerate(starts):
        parts = [(start, start + 1), (start, start + 0.5), (start + 0.5, start + 1)]
        own = [(days >= low) & (days < high) for low, high in parts]
        best = [_best(row[o], column[o], intensity[o], high - low) for o, (low, high) in zip(own, parts, strict=True)]
        assert found.score[n] == pytest.approx(max(best), rel=1e-5)
        assert (found.start_days[n], found.end_days[n]) == parts[int(np.argmax(best))]


@pytest.mark.parametrize("events", [80, 900])
def test_counts_are_scanned_by_every_circle(events):
    rng = np.random.default_rng(1)
    expected = rng.gamma(0.5, 1.0, (4, SIZE, SIZE)) * np.array([0.5, 1, 2, 1])[:, None, None]  # no two windows alike
    expected *= events / SIZE**2
    counts = rng.poisson(expected)
    counts[1, 0, 0] += 6  # at the edge
    score, row, column, radius = count_scan(counts, expected)
    for n in range(4):
        held, foretold = ([_in_circles(v[n].astype(float), r) for r in COUNT_RADII_PX] for v in (counts, expected))
        c, e = np.array(held), np.maximum(foretold, 1e-6)
        value = np.where((c >= FEWEST_EVENTS) & (c > e), c * np.log(np.maximum(c, 1) / e) - c + e, 0)
        assert score[n] == pytest.approx(value.max(), rel=1e-5)
        if score[n]:
            at = list(COUNT_RADII_PX).index(radius[n]), row[n], column[n]
            assert value[at] == pytest.approx(value.max(), rel=1e-5)
