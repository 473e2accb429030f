"""How anomalous is a map? The network's log-odds, and the baselines that stand beside it everywhere.

A score takes counts (n, 64, 64) and expected counts (n, 64, 64) or (64, 64) and returns (n,) numbers, larger the more
anomalous a map is. Its threshold is the region's own: simulated ordinary times exceed it only so many times a year.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from zoo.registry import model_for
from zoo.seismicity.scan import event_count, largest_pixel, poisson_scan
from zoo.seismicity.threshold import YEAR_DAYS, region_threshold
from zoo.seismicity.windows import TRAINED_EVENTS, TileMaps, spread

Score = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""counts, expected counts -> (n,) numbers"""
_BATCH = 64  # maps that the network sees at a time
_SIMULATED_WINDOWS = 7305
"""Ordinary times are simulated for so many windows, which is ten years of one-day windows every half day ..."""
_FALSE_ALARMS = 4
"""... or for the time in which so many false alarms happen, if that is longer ..."""
_YEARS = 10.0
"""... but for no more years than these."""
_LEAST = 1e-30  # below any probability in float32: no logarithm of 0


class NetworkScore:
    """A network's log-odds that a map is anomalous.

    A map with more events than the network was trained on (400) is thinned at random to as many. Thinned background is
    background again, so the network sees maps like those in training; a burst keeps its share of the events.

    Args:
        model: a network that answers seismicity.anomaly, as `zoo.seismicity.models.residual.SeismicityClassifier` does,
            or the name or folder of its checkpoint. Its `predict` returns the probabilities (n, 2) of background and
            anomaly; with two `channels` it sees the expected counts too.
        seed: seed of the thinning.

    Attributes:
        name: name of the network.
        history: whether it sees the expected counts.

    Raises:
        ZooError: if there is no such checkpoint, or the model answers something else.
    """

    def __init__(self, model: Any, seed: int = 0) -> None:
        self.model, self.name = model_for(model, "seismicity.anomaly")
        self.history = self.model.channels == 2
        self._seed = seed

    def __call__(self, counts: np.ndarray, expected: np.ndarray) -> np.ndarray:
        """Return log-odds (n,) for counts (n, 64, 64) and expected counts (n, 64, 64) or (64, 64)."""
        counts = np.asarray(counts, np.float32)
        expected = np.broadcast_to(np.asarray(expected, np.float32), counts.shape)
        counts, expected = self._thinned(counts, expected)
        maps = np.stack([counts, expected] if self.history else [counts], axis=-1)
        probability = np.asarray(self.model.predict(maps, batch_size=_BATCH, verbose=0), float)
        # Both as they are: float32 rounds 1 - anomalous to 0 long before the probability of the background is.
        background, anomalous = np.log(np.maximum(probability, _LEAST)).T
        return anomalous - background

    def _thinned(self, counts: np.ndarray, expected: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return counts and expected counts of which no map has more events than in training."""
        events = counts.sum(axis=(1, 2))
        many = np.flatnonzero(events > TRAINED_EVENTS[1])
        if not len(many):
            return counts, expected
        counts, expected = counts.copy(), expected.copy()
        for number in many:
            # Seeded by the map, so that a window's answer does not depend on those beside it.
            rng = np.random.default_rng((self._seed, int(events[number]), int(counts[number].max())))
            kept = TRAINED_EVENTS[1] / events[number]
            counts[number] = rng.binomial(counts[number].astype(np.int64), kept)
            expected[number] *= kept
        return counts, expected


def scores_of(network: NetworkScore) -> dict[str, Score]:
    """Return the network's score and those of the baselines, by name."""
    return {
        "network": network,
        "scan": lambda counts, expected: poisson_scan(counts, expected)[0],
        "count": lambda counts, expected: event_count(counts),
        "pixel": lambda counts, expected: largest_pixel(counts),
    }


def score_tile(
    maps: TileMaps,
    scores: dict[str, Score],
    false_alarms_per_year: float,
    seed: int,
    advance: Callable[[float], Any] = lambda windows: None,
) -> tuple[dict[str, np.ndarray], dict[str, float]]:
    """Score every window of a tile and find the threshold of each score.

    Args:
        maps: the maps of the tile.
        scores: name -> score.
        false_alarms_per_year: alarms a year that ordinary times may give at each threshold.
        seed: seed of the simulated ordinary times.
        advance: is told how many windows, real or simulated, have been scored.

    Returns:
        Name -> scores (windows,), and name -> threshold.
    """
    values = {name: np.empty(maps.windows.count) for name in scores}
    for chosen, counts, expected in maps.batches():
        for name, score in scores.items():
            values[name][chosen] = score(counts, expected)
        advance(len(counts))
    windows = maps.windows
    years = simulated_years(windows.stride_days, false_alarms_per_year)
    past_windows = maps.typical_past_windows
    thresholds = {}
    for name, score in scores.items():
        thresholds[name] = region_threshold(
            lambda counts, past, score=score: score(counts, spread(past)),
            maps.background,
            windows.window_days,
            windows.stride_days,
            false_alarms_per_year,
            years,
            seed,  # the same maps for every score
            past_windows,
            advance if name == "network" else lambda windows: None,
        )
    return values, thresholds


def simulated_years(stride_days: float, false_alarms_per_year: float) -> float:
    """Return how many years of ordinary times to simulate.

    Ten; fewer where windows are short and many, but then at least the time in which four false alarms happen.

    Args:
        stride_days: from the start of one window to that of the next.
        false_alarms_per_year: alarms a year that ordinary times may give.
    """
    affordable = _SIMULATED_WINDOWS * stride_days / YEAR_DAYS
    return float(min(_YEARS, max(affordable, _FALSE_ALARMS / false_alarms_per_year)))
