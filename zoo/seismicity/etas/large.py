"""ETAS for a catalogue of any size: the law from a stretch of it, the background from all of it."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np

from zoo.seismicity.etas.background import pixels, smooth
from zoo.seismicity.etas.changes import lasting_changes, ratio_fields
from zoo.seismicity.etas.fit import EtasFit, fit_etas
from zoo.seismicity.etas.walk import Walk
from zoo.seismicity.physics.sequences import Events

MOST_FITTED = 8_000
"""A catalogue of more events is fitted to a stretch of so many."""
_MOST_POINTS = 40_000
_STRIDES = 4000  # of a walk through the whole catalogue, at least


def fit_large(events: Events, end_days: float, *, probability: np.ndarray | None = None, **how: Any) -> EtasFit:
    """Fit ETAS to a catalogue; where it is large, its law to the stretch of it whose length is the middle one.

    Args:
        events, end_days: as in `zoo.seismicity.etas.fit.fit_etas`.
        probability: (n,) that of each event to be no aftershock by an earlier fit, which spares a large catalogue a
            walk; None: by the law of the stretch.
        how: the other arguments of `fit_etas`.

    Returns:
        The fit. Of a large catalogue it has no standard deviations.
    """
    count = len(events["time_days"])
    if count <= MOST_FITTED:
        return fit_etas(events, end_days, **how)
    days = events["time_days"]
    firsts = np.arange(0, count - MOST_FITTED + 1, max(1, MOST_FITTED // 4))
    lengths = days[firsts + MOST_FITTED - 1] - days[firsts]
    first = int(firsts[np.argsort(lengths, kind="stable")[len(lengths) // 2]])
    own = slice(first, first + MOST_FITTED)
    part = {key: values[own] for key, values in events.items()}
    begin = float(days[first])
    part["time_days"] = part["time_days"] - begin
    lasting = how.pop("lasting", True)
    how["errors"] = False
    fit = fit_etas(part, float(days[own][-1]) - begin + 1e-6, lasting=False, **how)
    note = (
        f"the law of the aftershocks is that of {MOST_FITTED} of the {count} events, those of days {begin:.0f} to "
        f"{begin + fit.end_days:.0f}; the background is that of all"
    )
    rate = count / end_days / max(len(part["time_days"]) / fit.end_days, 1e-9)
    fit = replace(
        fit, rates=fit.rates * rate, edges_days=np.array([0.0, end_days]), begin_days=0.0, end_days=end_days,
        notes=(*fit.notes, note),
    )  # fmt: skip
    return _with_background(fit, events, declustered(fit, events) if probability is None else probability, lasting)


def declustered(fit: EtasFit, events: Events) -> np.ndarray:
    """Return the probability of each event (n,) to be no aftershock, by a fit."""
    strides = max(_STRIDES, math.ceil(fit.end_days))
    stride = fit.end_days / strides
    return no_aftershock(Walk(fit, events, strides, stride, stride).through())


def no_aftershock(walk: Walk) -> np.ndarray:
    """Return the probability of each event (n,) to be no aftershock, after a walk."""
    return np.clip(1 - walk.triggered / np.maximum(walk.intensity, 1e-12), 0, 1)


def _with_background(fit: EtasFit, events: Events, probability: np.ndarray, lasting: bool) -> EtasFit:
    """Return a fit with the background of all events, each by its probability to be no aftershock."""
    rng = np.random.default_rng(0)
    share = min(1.0, _MOST_POINTS / max(probability.sum(), 1.0))
    some = np.flatnonzero(rng.random(len(probability)) < probability * share)
    x, y, days = (np.asarray(events[key], float)[some] for key in ("x_px", "y_px", "time_days"))
    weight = np.full(len(some), 1 / share)
    found = smooth(x, y, np.ones(len(some)), fit.shape)
    field = found.field / share
    seen = fit.end_days - fit.gaps.unseen_days(fit.law.b_value, 0.0, fit.end_days)
    rates, edges, changes = field[None] / seen, np.array([0.0, fit.end_days]), fit.changes
    if lasting:
        above = np.nan_to_num(np.asarray(events["magnitude"], float)[some] - fit.law.smallest_magnitude).clip(0)
        changes = tuple(lasting_changes(days, x, y, weight, above, fit.shape, 0.0, fit.end_days))
        edges = np.array([0.0, *(change.day for change in changes), fit.end_days])
        if changes:
            rates = rates * ratio_fields(days, x, y, weight, field, edges)
    return replace(
        fit, rates=rates, edges_days=edges, changes=changes, background_probability=probability,
        neighbours=max(2, round(found.neighbours / share)),
    )  # fmt: skip


def left_by(fit: EtasFit, events: Events, excess: Any, above: float) -> np.ndarray:
    """Return which events (n,) lie in none of the circles whose score is above a number.

    Args:
        fit: says the region.
        events: the events.
        excess: circles of windows (`zoo.seismicity.etas.scan.Excess`), rows and columns in the region's grid.
        above: the score.
    """
    kept = np.ones(len(events["time_days"]), bool)
    row, column = pixels(events["x_px"], events["y_px"], fit.shape)
    for k in np.flatnonzero(excess.score > above):
        low, high = np.searchsorted(events["time_days"], [excess.start_days[k], excess.end_days[k]])
        far = np.hypot(row[low:high] - excess.row[k], column[low:high] - excess.column[k])
        kept[low:high] &= far > excess.radius_px[k] + 1e-9
    return kept
