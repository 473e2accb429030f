"""Places of anomalous seismicity: significant pixels, what is connected, subregions, periods by hand."""

from __future__ import annotations

import numpy as np
import pytest

from zoo.errors import ZooError
from zoo.seismicity.manual import agreement, read_periods
from zoo.seismicity.places import Sequence, connected, densest, subregions_of, surges
from zoo.seismicity.scan import significant_pixels

BEGIN = np.datetime64("2020-01-01", "ms")


def at(days: np.ndarray) -> np.ndarray:
    return BEGIN + np.round(np.sort(days) * 86_400_000).astype("timedelta64[ms]")


def test_chance_alone_makes_few_significant_pixels():
    rng = np.random.default_rng(0)
    expected = np.full((64, 64), 0.05)
    maps = sum(significant_pixels(rng.poisson(expected), expected)[0].any() for _ in range(200))
    assert maps <= 0.1 * 200  # 5 % are meant, as neighbours overlap


def test_a_burst_is_where_it_is():
    rng = np.random.default_rng(1)
    expected = np.full((64, 64), 0.05)
    counts = rng.poisson(expected)
    rows, columns = (np.clip(np.round(centre + rng.normal(0, 1, 15)), 0, 63).astype(int) for centre in (20, 40))
    np.add.at(counts, (rows, columns), 1)
    pixels, chance = significant_pixels(counts, expected)
    found = np.argwhere(pixels)
    assert len(found) >= 5 and (np.abs(found - [20, 40]) <= 4).all()
    assert chance[20 - 2 : 20 + 3, 40 - 2 : 40 + 3].min() == chance.min()


def test_places_apart_in_space_or_time_are_not_connected():
    pixels = np.zeros((12, 64, 64), bool)
    pixels[0:3, 10, 10:13] = True
    pixels[4:6, 10, 12] = True  # one window without it does not part it
    pixels[9:11, 10, 12] = True  # three do
    pixels[0:3, 40, 10] = True
    labels, found = connected(pixels)
    assert found == 3 and labels[0, 10, 10] == labels[5, 10, 12] != labels[10, 10, 12]
    assert not labels[~pixels].any()


def test_a_surge_is_found_to_the_event():
    rng = np.random.default_rng(2)
    times = at(np.concatenate([rng.random(40) * 4, 4.3 + rng.exponential(0.5, 400)]))
    found = surges(times, np.timedelta64(12, "h"))
    assert len(found) == 1
    assert abs(found[0] - at(np.array([4.3]))[0]) < np.timedelta64(30, "m")
    assert surges(at(rng.random(400) * 10), np.timedelta64(12, "h")) == []


def test_the_densest_stretch():
    start, end = densest(at(np.array([0.0, 5, 5.1, 5.2, 5.3])))
    assert (start, end) == (at(np.array([5.0]))[0], at(np.array([5.3]))[0])


def test_subregions_are_named_by_their_events():
    def sequence(number, rows, columns, member):
        return Sequence(number, 1, BEGIN, BEGIN, np.array(rows), np.array(columns), 0.0, np.array(member), BEGIN, BEGIN)

    event_rows, event_columns = np.array([1] * 6 + [30] * 8), np.array([1] * 6 + [30] * 8)
    small = sequence(1, [1, 2], [1, 2], range(6))
    large = sequence(2, [30], [30], range(6, 12))
    again = sequence(3, [31], [31], [12, 13])
    a, b = subregions_of([small, large, again], (64, 64), event_rows, event_columns)
    assert (a.name, a.events, a.sequences) == ("A", 8, (2, 3)) and (b.name, b.events) == ("B", 6)
    assert len(a.rows) == 2 and a.member.tolist() == list(range(6, 14))


def test_agreement_over_time():
    day = np.datetime64("2020-01-01"), np.datetime64("2020-01-11")
    manual = [(np.datetime64("2020-01-02"), np.datetime64("2020-01-04"))]
    found = [
        (np.datetime64("2020-01-03"), np.datetime64("2020-01-05")),
        (np.datetime64("2020-01-03T12"), np.datetime64("2020-01-05")),  # twice the same is counted once
        (np.datetime64("2020-02-01"), np.datetime64("2020-02-03")),  # outside what was looked at
    ]
    fit = agreement(found, manual, day)
    assert fit["precision"] == fit["recall"] == fit["f1"] == 0.5 and fit["manual_found"] == 1
    nothing = agreement([], manual, day)
    assert np.isnan(nothing["precision"]) and nothing["recall"] == nothing["f1"] == 0


def test_periods_are_read_with_and_without_a_header(tmp_path):
    path = tmp_path / "manual.csv"
    for text in ("2020-01-02,2020-01-04\n2020-01-01T06:00,2020-01-01T12:00\n", "End;Start\n2020-01-04;2020-01-02\n"):
        path.write_text("\ufeff" + text, encoding="utf-8")
        assert read_periods(path)[-1] == (np.datetime64("2020-01-02", "ms"), np.datetime64("2020-01-04", "ms"))
    for text, message in (("2020-01-04,2020-01-02\n", "later end"), ("a,b\n1,2\n", "start and end"), ("", "no period")):
        path.write_text(text)
        with pytest.raises(ZooError, match=message):
            read_periods(path)
