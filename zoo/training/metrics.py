"""Scores, in numpy; each docstring names the equation."""

from __future__ import annotations

import numpy as np


def r2d(true: np.ndarray, predicted: np.ndarray) -> float:
    """Return the 2-D correlation coefficient of two sets of traces (Spurio Mancini et al. 2021, eq. 12).

    Args:
        true, predicted: (..., time), same shape; the means are over everything.
    """
    g = np.asarray(true, np.float64)
    p = np.asarray(predicted, np.float64)
    g, p = g - g.mean(), p - p.mean()
    return float((g * p).sum() / np.sqrt((g**2).sum() * (p**2).sum()))


def trace_correlation(true: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Return the correlation coefficient of each trace with its prediction, (...) of (..., time).

    A trace without signal (constant) has no correlation: nan.
    """
    g = np.asarray(true, np.float64)
    p = np.asarray(predicted, np.float64)
    g = g - g.mean(-1, keepdims=True)
    p = p - p.mean(-1, keepdims=True)
    norm = np.sqrt((g**2).sum(-1) * (p**2).sum(-1))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(norm > 0, (g * p).sum(-1) / norm, np.nan)


def relative_error(approximate: np.ndarray, true: np.ndarray) -> float:
    """Return the L2 norm of the difference over that of `true`."""
    true = np.asarray(true, np.float64)
    return float(np.linalg.norm(approximate - true) / np.linalg.norm(true))


def rms_difference(found: np.ndarray, true: np.ndarray) -> float:
    """Return the root of the mean squared difference (RMSE), in the unit of both."""
    return float(np.sqrt(np.mean(np.square(np.asarray(found, np.float64) - true))))


def score_traces(true: np.ndarray, predicted: np.ndarray, on_face: np.ndarray | None = None) -> dict[str, float]:
    """Return R2D and the median trace correlation, with and without events on the model's faces.

    Args:
        true, predicted: (events, receivers, time).
        on_face: (events,) bool; None where no source lies on a face.
    """
    scores = {
        "r2d": r2d(true, predicted),
        "median_trace_correlation": float(np.nanmedian(trace_correlation(true, predicted))),
        "events": len(true),
    }
    inside = ~np.asarray(on_face, bool) if on_face is not None else np.ones(len(true), bool)
    if not inside.all() and inside.any():
        scores["r2d_without_faces"] = r2d(true[inside], predicted[inside])
        median = np.nanmedian(trace_correlation(true[inside], predicted[inside]))
        scores["median_trace_correlation_without_faces"] = float(median)
        scores["events_on_faces"] = int((~inside).sum())
    return scores
