"""Simulated catalogues obey the laws that they are named after, and the maps drawn from them are fair."""

from __future__ import annotations

import numpy as np
import pytest

from zoo.seismicity.physics import sequences
from zoo.seismicity.physics.maps import MAP_PIXELS
from zoo.seismicity.physics.sequences import Etas, draw_sequence_maps

FLAT = np.full((MAP_PIXELS, MAP_PIXELS), 50 / MAP_PIXELS**2)


def _rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def _mainshocks(count: int, magnitude: float) -> sequences.Events:
    zeros = np.zeros(count)
    values = (zeros, zeros, zeros, np.full(count, magnitude), np.arange(1, count + 1))
    return dict(zip(("time_days", "x_px", "y_px", "magnitude", "source"), values, strict=True))


def test_background_follows_its_rate():
    rate = FLAT.copy()
    rate[:, : MAP_PIXELS // 2] *= 3  # the west
    events = sequences.background(rate, 200, _rng())
    count = len(events["time_days"])
    assert count == pytest.approx(200 * rate.sum(), abs=4 * np.sqrt(200 * rate.sum()))
    assert (np.diff(events["time_days"]) >= 0).all() and 0 < events["time_days"][0] < events["time_days"][-1] < 200
    assert np.mean(events["x_px"] < MAP_PIXELS / 2 - 0.5) == pytest.approx(0.75, abs=0.02)
    assert events["y_px"].min() >= -0.5 and events["y_px"].max() < MAP_PIXELS - 0.5
    assert set(events["source"]) == {0}
    b_value = np.log10(np.e) / (events["magnitude"].mean() - 1.0)  # Aki (1965)
    assert b_value == pytest.approx(1.0, abs=0.05) and events["magnitude"].max() < 6


def test_direct_aftershocks_obey_omori_and_the_productivity():
    etas = Etas(productivity=0.02)  # so that nearly all are direct
    count, magnitude = 4000, 4.0
    after = sequences.aftershocks(_mainshocks(count, magnitude), 100.0, _rng(1), etas)
    expected = etas.productivity * 10 ** (etas.alpha * 3)
    of_all = 1 - (1 + 100 / etas.c_days) ** (1 - etas.p)
    average = etas.productivity * 5 * (1 - 10**-1) / (1 - 10**-5)  # the integral over magnitudes 1 to 6
    # Direct ones, and theirs, most of which come within the 100 days, too.
    direct = count * expected * of_all
    assert direct < len(after["time_days"]) < direct / (1 - average) * 1.02
    within = np.mean(after["time_days"] < 1.0)
    assert within == pytest.approx((1 - (1 + 1 / etas.c_days) ** (1 - etas.p)) / of_all, abs=0.03)
    # Distances: half of the direct ones within d10^(gamma (m - m0)) (2^(1 / (q - 1)) - 1), squared.
    median = np.sqrt(etas.d_px2 * 10 ** (etas.gamma * 3) * (2 ** (1 / (etas.q - 1)) - 1))
    assert np.median(np.hypot(after["x_px"], after["y_px"])) == pytest.approx(median, rel=0.1)
    assert set(np.diff(np.unique(after["source"]))) <= {1, 2}


def test_sequences_end():
    with pytest.raises(ValueError, match=r"1\.\d\d direct aftershocks on average"):
        sequences.aftershocks(_mainshocks(1, 4.0), 10.0, _rng(), Etas(productivity=0.3))
    assert len(sequences.aftershocks(_mainshocks(1, 1.0), 10.0, _rng(), Etas(productivity=1e-9))["time_days"]) == 0


def test_swarms_migrate_along_their_line():
    events = sequences.swarm(4000, 5.0, 2.0, 10.0, 20.0, 12.0, 90.0, 0.5, 3, _rng())
    early, late = events["time_days"] < 5.2, events["time_days"] > 6.8
    assert events["time_days"].min() >= 5 and events["time_days"].max() <= 7 and set(events["source"]) == {3}
    # To the east; the front after a tenth of the time at 12 sqrt(0.05), events behind it: 3/4 of the way.
    assert events["x_px"][early].mean() - 10 == pytest.approx(12 * 0.75 * 2 / 3 * np.sqrt(0.1), abs=0.15)
    assert events["x_px"][late].mean() - 10 == pytest.approx(12 * 0.75 * np.sqrt(0.95), abs=0.15)
    assert events["y_px"].std() == pytest.approx(0.5, abs=0.03)


def test_large_events_hide_small_ones():
    time_days = np.array([1.0, 1.0001, 1.0002, 1.5, 1.5])
    magnitude = np.array([5.0, 1.2, 4.9, 1.2, 0.4])
    events = {"time_days": time_days, "magnitude": magnitude, "source": np.array([1, 1, 1, 1, 1])}
    # After M 5, magnitudes down to 0.5 - 0.75 log10(t): 3.5 after 9 s, 0.7 after half a day.
    assert sequences.detected_events(events, 1.0).tolist() == [True, False, True, True, False]
    others = {**events, "source": np.array([1, 2, 2, 2, 2])}
    assert sequences.detected_events(others, 1.0)[1]  # of another place


def test_a_region_has_all_of_it():
    burst = sequences.burst(400, 3.0, 0.5, 30.0, 40.0, 1.5, 1, _rng(2))
    lost = sequences.burst(50, 3.0, 0.5, -30.0, 40.0, 1.5, 2, _rng(3))
    plain = sequences.simulate(FLAT, 30, _rng(4), extra=(burst, lost))
    assert (plain["source"] == 1).sum() == 400 and not (plain["source"] == 2).any()
    assert (np.diff(plain["time_days"]) >= 0).all()
    mine = plain["source"] == 1
    assert plain["x_px"][mine].mean() == pytest.approx(30, abs=0.3)
    assert plain["y_px"][mine].std() == pytest.approx(1.5, abs=0.2)
    rich = sequences.simulate(FLAT, 30, _rng(4), extra=(burst,), etas=Etas())
    assert len(rich["time_days"]) > 1.3 * len(plain["time_days"])
    poor = sequences.simulate(FLAT, 30, _rng(4), extra=(burst,), completeness=2.0)
    assert poor["magnitude"].min() >= 2 and 0.06 < len(poor["time_days"]) / len(plain["time_days"]) < 0.14
    blurred = sequences.simulate(FLAT, 30, _rng(4), extra=(burst,), location_error_px=2.0)
    assert blurred["y_px"][blurred["source"] == 1].std() == pytest.approx(2.5, abs=0.3)
    for events in (plain, rich, poor, blurred):
        assert (np.abs(events["x_px"] - 31.5) <= 32).all() and (np.abs(events["y_px"] - 31.5) <= 32).all()


@pytest.mark.parametrize("kind", sequences.KINDS)
def test_maps_of_sequences(kind):
    maps = draw_sequence_maps(kind, 600, _rng(5))
    again = draw_sequence_maps(kind, 600, _rng(5))
    assert all(np.array_equal(values, again[key], equal_nan=values.dtype.kind == "f") for key, values in maps.items())
    label, counts = maps["label"], maps["counts"]
    assert 0.4 < label.mean() < 0.6 and counts.shape == maps["past"].shape == maps["expected"].shape == (600, 64, 64)
    assert counts.dtype == maps["past"].dtype == np.float32
    # The number of events tells nothing.
    events = counts.sum((1, 2))
    ranks = events.argsort().argsort()
    positive, negative = ranks[label == 1], ranks[label == 0]
    assert abs((positive.mean() - negative.mean()) / 600) < 0.08
    assert not maps["burst_events"][label == 0].any() and np.isnan(maps["burst_row_px"][label == 0]).all()
    assert (maps["burst_events"][label == 1] <= 25).all() and np.median(maps["burst_events"][label == 1]) >= 10
    # A sequence lies where it is said to: more events there than the background leads one to expect.
    rows, columns = np.indices((64, 64))
    which = np.flatnonzero(label == 1)
    near = np.hypot(
        rows - maps["burst_row_px"][which, None, None], columns - maps["burst_column_px"][which, None, None]
    ) < (8 if kind == "swarms" else 5)
    excess = ((counts[which] - maps["expected"][which]) * near).sum((1, 2))
    assert np.median(excess) > 7
    ratio = maps["past"].sum((1, 2)) / maps["expected"].sum((1, 2))
    assert (ratio.std() > 0.2) == (kind == "completeness")
