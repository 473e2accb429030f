"""ETAS: what is simulated is found again, what is expected adds up, and what the law says is what comes out."""

from __future__ import annotations

import numpy as np
import pytest

from zoo.errors import ZooError
from zoo.seismicity import Etas, fit_etas, simulate
from zoo.seismicity.etas.background import smooth
from zoo.seismicity.etas.changes import lasting_changes
from zoo.seismicity.etas.completeness import gaps_of
from zoo.seismicity.etas.fit import NO_AFTERSHOCKS, _Fitting
from zoo.seismicity.etas.goodness import residuals
from zoo.seismicity.etas.kernels import expected_aftershocks, triggered_at
from zoo.seismicity.etas.large import fit_large
from zoo.seismicity.etas.simulation import simulate_fit
from zoo.seismicity.etas.sources import sources_of
from zoo.seismicity.etas.walk import Walk
from zoo.seismicity.physics.maps import rate_fields
from zoo.seismicity.physics.sequences import detected_events, inside

DAYS = 250.0


@pytest.fixture(scope="module")
def truth():
    rng = np.random.default_rng(3)
    return 6 * rate_fields(1, (8.0, 12.0), (0.8, 1.0), rng)[0].astype(float)


@pytest.fixture(scope="module")
def events(truth):
    return simulate(truth, DAYS, np.random.default_rng(4), etas=Etas())


@pytest.fixture(scope="module")
def fit(events):
    return fit_etas(events, DAYS)


def test_the_law_is_found_again(fit, truth):
    law, own = Etas(), fit.values()
    away = {name: (own[name] - getattr(law, name)) / fit.sd[name] for name in own}
    assert all(abs(value) < 3 for value in away.values()), away
    assert abs(fit.background_per_day - truth.sum()) < 0.15 * truth.sum()
    assert np.corrcoef(fit.rates[0].ravel(), truth.ravel())[0, 1] > 0.7
    assert np.isclose(fit.law.b_value, 1.0, atol=0.08) and not fit.changes and not len(fit.gaps.start_days)


def test_the_gradient_is_that_of_the_likelihood(events):
    fitting = _Fitting(events, DAYS, (64, 64), None, None, 0)
    theta = np.array([-1.0, 0.7, -5.0, -1.5, -3.0, 0.4, -0.3, 0.1])
    fitting._make_background(np.full(len(fitting.t), 0.5))
    fitting._pair(theta, 10**6)
    _, gradient = fitting._objective(theta)
    for k in range(len(theta)):
        at = np.zeros(len(theta))
        at[k] = 1e-3
        slope = (fitting._objective(theta + at)[0] - fitting._objective(theta - at)[0]) / 2e-3
        assert np.isclose(gradient[k], slope, rtol=2e-3, atol=2e-4), k


def test_what_is_expected_adds_up_to_what_happened(fit, events):
    walk = Walk(fit, events, int(DAYS) - 1, 1.0, 1.0)
    background = aftershocks = 0.0
    for stretch in walk.windows():
        background += stretch.background.sum()
        aftershocks += stretch.aftershocks.sum()
    happened = (events["time_days"] < DAYS - 1).sum()
    assert abs(background + aftershocks - happened) < 4 * np.sqrt(happened)
    assert 0.3 < aftershocks / happened < 0.65
    # The intensity at the events is that of all pairs, up to what old sources lose by their pixels.
    s, law = walk._sources, fit.law
    exact = triggered_at(
        s.days, s.x, s.y, s.reach2(law), s.log_a(law), s.width(law), walk.days, walk.x, walk.y, law.c_days, law.p, law.q
    )
    own = walk.days < DAYS - 1
    ratio = walk.intensity[own] / (exact + walk._background)[own]
    assert 0.98 < np.median(ratio) < 1.02 and (np.abs(ratio - 1) < 0.25).mean() > 0.95


def test_a_stretch_of_its_own_expects_what_its_window_does(fit, events):
    walk = Walk(fit, events, 40, 1.0, 0.5)
    stretch = next(walk.windows(40))
    rows, columns = np.divmod(np.flatnonzero(stretch.aftershocks[30].ravel() > 0.01)[:300], fit.shape[1])
    told = walk.aftershocks(15.0, 16.0, rows, columns)
    assert told == pytest.approx(stretch.aftershocks[30][rows, columns].sum(), rel=0.02)
    halves = walk.aftershocks(15.0, 15.4, rows, columns), walk.aftershocks(15.4, 16.0, rows, columns)
    assert sum(halves) == pytest.approx(told) and min(halves) > 0


def test_simulated_years_are_like_the_catalogue(fit, events):
    counts = [
        (simulate_fit(fit, DAYS, np.random.default_rng(n), before_days=0)["time_days"] >= 0).sum() for n in range(8)
    ]
    assert 0.75 < np.mean(counts) / len(events["time_days"]) < 1.3
    one = simulate_fit(fit, 50.0, np.random.default_rng(0), before_days=100.0)
    assert one["time_days"].min() < -90 and one["x_px"].min() >= -0.5 and one["x_px"].max() < 63.5


def test_transformed_times_are_a_poisson_process_of_rate_one(fit, events):
    good = residuals(fit, events)
    assert good.p_value > 0.01 and 0.9 < good.transformed[-1] / len(good.transformed) < 1.1
    wrong = residuals(fit_etas(simulate(np.full((64, 64), 0.002), 60.0, np.random.default_rng(0)), 60.0), events)
    assert wrong.p_value < good.p_value


def test_without_aftershocks_there_are_none():
    events = simulate(np.full((64, 64), 0.004), 120.0, np.random.default_rng(0))
    fit = fit_etas(events, errors=False)
    assert fit.law.branching_ratio < 2 * NO_AFTERSHOCKS and np.isclose(fit.background_per_day, 16.4, rtol=0.15)
    assert any("as likely without aftershocks" in note for note in fit.notes)
    # A fit that begins without aftershocks looks for none, and has the same background.
    again = fit_etas(events, errors=False, start=fit.law)
    assert again.law == fit.law and again.changes == fit.changes
    np.testing.assert_allclose(again.rates, fit.rates)


def test_a_broad_background_does_not_pass_for_aftershocks():
    # Eight faults as wide as five pixels: a wide and slow kernel explains them as well as their smoothed events do.
    rng = np.random.default_rng(5)
    along, fault = rng.random(4000) - 0.5, rng.integers(0, 8, 4000) * np.pi / 8
    x, y = (32 + 40 * along * turn(fault) + rng.normal(0, 5, 4000) for turn in (np.cos, np.sin))
    events = {"time_days": np.sort(rng.random(4000) * 45), "x_px": x, "y_px": y}
    events["magnitude"] = rng.exponential(1 / np.log(10), 4000)
    assert fit_etas(inside(events), errors=False).law.branching_ratio < 2 * NO_AFTERSHOCKS


def test_a_large_catalogue_is_fitted_to_a_part(monkeypatch, events, fit):
    monkeypatch.setattr("zoo.seismicity.etas.large.MOST_FITTED", 1500)
    large = fit_large(events, DAYS)
    assert abs(large.law.branching_ratio - fit.law.branching_ratio) < 0.2
    assert np.isclose(large.background_per_day, fit.background_per_day, rtol=0.3) and "1500 of the" in large.notes[-1]


def test_too_few_events_are_refused(events):
    with pytest.raises(ZooError, match="20 events or more; received 7"):
        fit_etas({key: values[:7] for key, values in events.items()})


def test_a_background_keeps_its_events_and_no_burst_foretells_itself():
    rng = np.random.default_rng(0)
    x, y = rng.uniform(0, 63, 1200), rng.uniform(0, 63, 1200)
    x[600:640], y[600:640] = 10, 10  # in one stretch of time
    made = smooth(x, y, np.ones(1200), (64, 64), neighbours=32)
    assert np.isclose(made.field.sum(), 1200, rtol=1e-6)
    assert made.left_out[600:640].max() < 0.3 * made.field[10, 10]


def test_a_background_ends_where_the_events_do():
    """A catalogue cut at a meridian, in a wider grid: nothing leaks out, so the edge is as dense as the middle."""
    rng = np.random.default_rng(1)
    x, y = rng.uniform(7.5, 40.5, 4000), rng.uniform(-0.5, 63.5, 4000)
    field = smooth(x, y, np.ones(4000), (64, 64), neighbours=128).field
    per_column = 4000 / 33
    assert field[:, :7].sum() + field[:, 42:].sum() < 0.03 * 4000
    assert np.allclose([field[:, 8].sum(), field[:, 40].sum()], per_column, rtol=0.15)


def test_gaps_outside_of_the_fitted_time_do_not_count():
    source = np.array([1.0]), np.log([5.0]), np.array([0.05]), np.zeros(1), np.zeros(1), np.full((1, 8), 100.0)
    law = 0.01, 1.2, 1.8

    def expected(*gaps):
        start, end = (np.array([gap[k] for gap in gaps], float) for k in range(2))
        return expected_aftershocks(*source, 10.0, 20.0, start, end, np.full(len(gaps), 0.9), *law, np.zeros(8))

    whole = expected()
    assert whole > 0 and expected((1.0, 2.0), (30.0, 40.0)) == pytest.approx(whole)
    assert expected((1.0, 12.0)) == pytest.approx(expected((10.0, 12.0))) and expected((10.0, 12.0)) < whole


def test_lasting_changes_are_told_from_bursts():
    rng = np.random.default_rng(0)
    t, x, y = rng.random(3000) * 400, rng.uniform(0, 63, 3000), rng.uniform(0, 63, 3000)

    def found(t, x, y, above=None):
        order = np.argsort(t)
        above = np.zeros(len(t)) if above is None else above
        return lasting_changes(t[order], x[order], y[order], np.ones(len(t)), above[order], (64, 64), 0.0, 400.0)

    assert found(t, x, y) == []
    burst = np.r_[t, 200 + rng.random(300)], np.r_[x, rng.normal(40, 1, 300)], np.r_[y, rng.normal(40, 1, 300)]
    assert found(*burst) == []
    more = np.r_[t, 250 + 150 * rng.random(600)], np.r_[x, rng.uniform(32, 63, 600)], np.r_[y, rng.uniform(0, 31, 600)]
    small = np.r_[rng.exponential(0.43, 3000), 0.4 * rng.random(600)]
    change = found(*more, small)
    assert len(change) == 1 and abs(change[0].day - 250) < 10 and "south-east" in change[0].place
    assert change[0].small_only and "the network or the completeness" in change[0].in_words("2020")


def test_small_events_that_large_ones_hide_are_missed():
    law = Etas(productivity=0.12)
    rng = np.random.default_rng(2)
    events = simulate(np.full((64, 64), 0.01), 500.0, rng, etas=law)
    above = events["magnitude"] - 1
    complete, _ = gaps_of(events["time_days"], above, 1.0, 500.0)
    assert not len(complete.start_days)
    seen = detected_events(events, 1.0)
    lacking, notes = gaps_of(events["time_days"][seen], above[seen], 1.0, 500.0)
    assert len(lacking.start_days) and "Helmstetter" in notes[0]
    assert 0 < lacking.unseen_days(1.0, 0.0, 500.0) < 10


def test_a_large_rupture_is_a_line_along_its_aftershocks():
    rng = np.random.default_rng(0)
    along = rng.uniform(-10, 10, 60)
    days = np.r_[1.0, 1 + np.sort(rng.random(60))]
    x, y = np.r_[22.0, 30 + along], np.r_[22.0, 30 + along + rng.normal(0, 0.4, 60)]
    above, length = np.r_[5.0, np.full(60, 0.5)], np.r_[30.0, np.zeros(60)]
    sources, lines = sources_of(days, x, y, above, length)
    own = sources.event == 0
    assert lines == 1 and own.sum() > 8 and np.isclose(np.exp(sources.log_weight[own]).sum(), 1)
    assert np.abs(sources.x[own] - sources.y[own]).max() < 2 and np.ptp(sources.x[own]) > 14
