"""How well events are told apart: area under the curve with its interval, balanced accuracy, calibration."""

from __future__ import annotations

import numpy as np

from zoo.seismograms.events.records import Events
from zoo.seismograms.models.event_classifier import LABELS, UNDECIDED, EventClassifier, class_weights, cross_entropy

_RESAMPLED, _BINS = 2000, 5


def area_under_curve(value: np.ndarray, positive: np.ndarray) -> float:
    """Return the chance that an explosion has a larger value than an earthquake; ties count half.

    >>> area_under_curve(np.array([0.1, 0.4, 0.35, 0.8]), np.array([False, False, True, True]))
    0.75
    """
    positive = np.asarray(positive, bool)
    difference = np.asarray(value)[positive][:, None] - np.asarray(value)[~positive]
    return float(np.mean((difference > 0) + 0.5 * (difference == 0)))


def area_interval(value: np.ndarray, positive: np.ndarray, seed: int = 0) -> tuple[float, float]:
    """Return the 95 % interval of the area under the curve when events of each class are drawn anew (bootstrap)."""
    rng = np.random.default_rng(seed)
    positive = np.asarray(positive, bool)
    rows = [np.flatnonzero(positive), np.flatnonzero(~positive)]
    found = []
    for _ in range(_RESAMPLED):
        drawn = np.concatenate([rng.choice(some, len(some)) for some in rows])
        found.append(area_under_curve(value[drawn], positive[drawn]))
    low, high = np.quantile(found, (0.025, 0.975))
    return float(low), float(high)


def scores_of(log_odds: np.ndarray, label: np.ndarray, explosion: np.ndarray) -> dict[str, float]:
    """Return the scores of log odds (n,) and labels (n,) of events of which some (n,) are explosions.

    `auc` with its 95 % interval; `balanced_accuracy`, the mean of both recalls with odds of 1 as border, without
    abstaining; `decided`, the share that is not undecided, and `accuracy_decided` of these; `cross_entropy` with both
    classes as heavy (0.693 knows nothing); `calibration_error`, likewise, in five bins of probability.
    """
    explosion = np.asarray(explosion, bool)
    scores = {"events": float(len(explosion)), "explosions": float(explosion.sum())}
    decided = label != UNDECIDED
    right = (label == LABELS[0]) == explosion
    scores["decided"] = float(decided.mean())
    if decided.any():
        scores["accuracy_decided"] = float(right[decided].mean())
    if not explosion.any() or explosion.all():
        return scores
    scores["auc"] = area_under_curve(log_odds, explosion)
    scores["auc_low"], scores["auc_high"] = area_interval(log_odds, explosion)
    recall = float(np.mean(log_odds[explosion] > 0)), float(np.mean(log_odds[~explosion] <= 0))
    scores["balanced_accuracy"] = sum(recall) / 2
    scores["recall_explosion"], scores["recall_earthquake"] = recall
    scores["cross_entropy"] = cross_entropy(log_odds, explosion)
    probability, weight = 1 / (1 + np.exp(-log_odds)), class_weights(explosion)
    bins = np.minimum((_BINS * probability).astype(int), _BINS - 1)
    gaps = [abs(np.sum((weight * (probability - explosion))[bins == number])) for number in range(_BINS)]
    scores["calibration_error"] = float(sum(gaps) / weight.sum())
    return scores


def event_score(model: EventClassifier, events: Events) -> dict[str, float]:
    """Return `scores_of` of a model; events that it was trained on are answered by members that have not seen them."""
    log_odds = model.log_odds(events.measures, events.names)
    return scores_of(log_odds, model.decide(log_odds, events.stations), events.explosion)
