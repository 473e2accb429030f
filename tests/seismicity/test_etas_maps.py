"""Maps of regions with aftershocks: half of them with a burst, beside each what an ETAS model expected."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from zoo.seismicity.etas.maps import as_fitted, draw_etas_maps, draw_law, stretch_maps


@pytest.fixture(scope="module")
def maps():
    return draw_etas_maps(120, np.random.default_rng(3))


def test_half_of_the_maps_have_a_burst(maps):
    assert maps["label"].sum() == 60 and ((maps["burst_events"] > 0) == maps["label"]).all()
    assert (np.isfinite(maps["burst_row_px"]) == maps["label"]).all()
    assert maps["counts"].sum((1, 2))[maps["label"] == 1].min() >= 5
    assert (maps["past"] > 0).all() and np.ptp(maps["expected"].sum((1, 2))) < 1e-3  # one region


def test_the_intensity_tells_bursts_from_aftershocks(maps):
    def mistaken(score):
        one, other = (score[maps["label"] == kind] for kind in (1, 0))
        return (one[:, None] <= other).mean()

    smoothed = lambda values: ndimage.gaussian_filter(values, (0, 1.2, 1.2)).max((1, 2))  # noqa: E731
    gain = maps["counts"] * np.log1p(1 / maps["past"])
    assert mistaken(smoothed(gain)) < 0.5 * mistaken(smoothed(maps["counts"]))


def test_a_seed_draws_the_same_maps():
    first, again = (draw_etas_maps(4, np.random.default_rng(5)) for _ in range(2))
    for key, values in first.items():
        np.testing.assert_array_equal(values, again[key])


def test_a_fitted_law_expects_as_many_aftershocks_soon():
    rng = np.random.default_rng(0)
    soon = lambda law: law.branching_ratio * (1 - (1 + 30 / law.c_days) ** (1 - law.p))  # noqa: E731
    rate = np.full((64, 64), 0.01)
    ratios = []
    for _ in range(20):
        law = draw_law(rng)
        ratios.append(soon(as_fitted(law, rate, 100.0, rng).law) / soon(law))
    assert 0.02 < np.std(ratios) < 0.08 and abs(np.mean(ratios) - 1) < 0.04


def test_a_background_for_each_stretch():
    none = np.zeros(0), np.zeros(0, int), np.zeros(0)
    both = np.stack([np.full((64, 64), 0.1), np.full((64, 64), 0.4)])
    counts, told = stretch_maps(*none, np.array([0.0, 3.0]), 2.0, both)
    assert counts.sum() == 0 and told[:, 5, 5] == pytest.approx([0.2, 0.8])
