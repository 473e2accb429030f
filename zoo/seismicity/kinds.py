"""What kind of sequence: a mainshock with aftershocks, a swarm, or one that migrates; and when it begins and ends."""

from __future__ import annotations

import numpy as np
from scipy.stats import spearmanr

from zoo.seismicity.catalogues import Catalogue

LEAD = 0.8
"""A mainshock's magnitude is so much above that of the next largest (Bath's law says 1.2 on average) ..."""
EARLY = 0.3
"""... and it is among this share of its sequence's events, the first ones."""
MIGRATES, BY_CHANCE = 0.6, 1e-3
"""Rank correlation of time and place along a sequence's axis from which it migrates, and how probable by chance."""
_FEWEST = 8
_MOST = 400  # more events are looked at in steps


def kind_of(catalogue: Catalogue, member: np.ndarray) -> str:
    """Return "mainshock-aftershock", "migration" or "swarm".

    Args:
        catalogue: the events.
        member: indices of the sequence's events, sorted by time.
    """
    magnitude = catalogue.magnitude[member]
    known = np.flatnonzero(np.isfinite(magnitude))
    if len(known) >= 2:
        order = known[np.argsort(-magnitude[known], kind="stable")]
        leads = magnitude[order[0]] - magnitude[order[1]] >= LEAD - 1e-9
        if leads and order[0] <= max(EARLY * len(member), 1):
            return "mainshock-aftershock"
    if len(member) >= _FEWEST:
        places = np.column_stack([catalogue.x_km[member], catalogue.y_km[member]])
        _, vectors = np.linalg.eigh(np.cov((places - places.mean(0)).T))
        rho, chance = spearmanr((places - places.mean(0)) @ vectors[:, 1], np.arange(len(member)))
        if abs(rho) > MIGRATES and chance < BY_CHANCE:
            return "migration"
    return "swarm"


def own_stretch(time: np.ndarray, start: np.datetime64, end: np.datetime64, expected: float) -> np.ndarray:
    """Return the indices of the events of a place that are its sequence: the stretch that is least explained.

    Args:
        time: times of the place's events (n,), sorted.
        start, end: from when to when they were looked at.
        expected: background events that are expected there then.
    """
    count = len(time)
    if count < 3:
        return np.arange(count)
    at = ((time - start) / (end - start)).astype(float)
    step = max(1, count // _MOST)
    first, last = np.arange(0, count, step), np.arange(step - 1, count, step)
    events = last[None] - first[:, None] + 1.0
    # An event brings its own stretch of time: none has a length of 0.
    length = np.maximum(at[last][None] - at[first][:, None], 0) + 1 / count
    mean = np.maximum(expected, 0.1) * length
    with np.errstate(divide="ignore", invalid="ignore"):
        gain = np.where((events > mean) & (events > 0), events * np.log(events / mean) - (events - mean), 0)
    i, j = np.unravel_index(int(gain.argmax()), gain.shape)
    return np.arange(first[i], max(last[j], first[i]) + 1)
