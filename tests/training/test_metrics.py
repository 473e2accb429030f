"""Scores against their definitions."""

from __future__ import annotations

import numpy as np
import pytest

from zoo.training import metrics

RNG = np.random.default_rng(0)
TRACES = RNG.normal(size=(6, 2, 50))


def test_r2d_is_the_correlation_of_everything():
    noisy = TRACES + RNG.normal(size=TRACES.shape)
    assert metrics.r2d(TRACES, noisy) == pytest.approx(np.corrcoef(TRACES.ravel(), noisy.ravel())[0, 1])
    assert metrics.r2d(TRACES, 3 * TRACES + 1) == pytest.approx(1)
    assert metrics.r2d(TRACES, -TRACES) == pytest.approx(-1)


def test_trace_correlation_is_per_trace():
    found = metrics.trace_correlation(TRACES, TRACES * np.arange(1, 3)[None, :, None])
    np.testing.assert_allclose(found, np.ones((6, 2)))
    silent = np.zeros((1, 50))
    assert np.isnan(metrics.trace_correlation(silent, silent)).all()


def test_scores_with_and_without_faces():
    predicted = TRACES.copy()
    predicted[0] = RNG.normal(size=predicted[0].shape)
    on_face = np.arange(6) == 0
    scores = metrics.score_traces(TRACES, predicted, on_face)
    assert scores["r2d_without_faces"] == pytest.approx(1)
    assert scores["r2d"] < 0.95
    assert scores["events_on_faces"] == 1 and scores["events"] == 6
    assert "r2d_without_faces" not in metrics.score_traces(TRACES, predicted, np.zeros(6, bool))
