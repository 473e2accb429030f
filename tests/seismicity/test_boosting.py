"""Gradient boosting learns from the scan's numbers more than the scan itself tells."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from zoo.errors import UsageError, ZooError
from zoo.seismicity.models.boosting import boosted_score
from zoo.seismicity.physics.maps import TASKS, draw_maps


@pytest.mark.long
def test_boosting_learns_from_the_scan():
    pytest.importorskip("sklearn")
    maps = draw_maps(TASKS["medium"], 600, np.random.default_rng(8))
    counts, past, label = maps["counts"], maps["past"], maps["label"] == 1
    share = {}
    for history in (False, True):
        score = boosted_score(TASKS["medium"], history, maps=1200)
        log_odds = score(counts, past)
        np.testing.assert_array_equal(log_odds[:50], score(counts[:50], past[:50] if history else None))
        share[history] = np.mean((log_odds > 0) == label)
    assert 0.9 < share[False] < share[True] and share[True] > 0.95


def test_a_task_is_named():
    pytest.importorskip("sklearn")
    maps = draw_maps(TASKS["medium"], 50, np.random.default_rng(8))
    named, given = (boosted_score(task, maps=200) for task in ("medium", TASKS["medium"]))
    np.testing.assert_array_equal(named(maps["counts"]), given(maps["counts"]))
    with pytest.raises(UsageError, match="knows no task 'mediun'.*medium"):
        boosted_score("mediun")


def test_what_boosting_needs(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.ensemble", None)
    with pytest.raises(ZooError, match="pip install scikit-learn"):
        boosted_score("swarms")
