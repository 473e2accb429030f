"""Gradient boosting on the numbers of the scan: the strongest rival of a network on seismicity maps.

It needs scikit-learn (`pip install scikit-learn`). It is trained within seconds each time it is asked for, and not
stored.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from zoo.errors import UsageError, ZooError, did_you_mean
from zoo.seismicity.physics.maps import TASKS, MapTask, draw_maps
from zoo.seismicity.physics.sequences import KINDS, draw_sequence_maps
from zoo.seismicity.scan import scan_features

_TOGETHER = 2_000  # maps that are drawn at a time


def boosted_score(
    task: MapTask | str, history: bool = False, maps: int = 20_000, seed: int = 0
) -> Callable[[np.ndarray, np.ndarray | None], np.ndarray]:
    """Train scikit-learn's HistGradientBoostingClassifier on fresh maps of a task and return its score.

    Args:
        task: a `zoo.seismicity.physics.maps.MapTask`, or the name of one of its `TASKS` ("medium") or of
            `zoo.seismicity.physics.sequences.KINDS`.
        history: whether the scan's background is the region's past instead of the map itself.
        maps: how many maps to train on; more than 20,000 gain nothing.
        seed: seed of the maps, which are not those of the datasets.

    Returns:
        A function that takes counts (n, 64, 64) and expected counts from the past, (n, 64, 64) or (64, 64), which are
        used with `history` alone, and returns the log-odds (n,) of an anomaly.

    Raises:
        UsageError: if there is no task of that name.
        ZooError: if scikit-learn is not installed.
    """
    if isinstance(task, str) and task not in KINDS:
        if task not in TASKS:
            raise UsageError(f"Gradient boosting knows no task {task!r}.{did_you_mean(task, [*TASKS, *KINDS])}")
        task = TASKS[task]
    try:
        from sklearn.ensemble import HistGradientBoostingClassifier
    except ImportError as error:
        raise ZooError("Gradient boosting needs scikit-learn: pip install scikit-learn") from error
    rng = np.random.default_rng([seed, 7, maps])
    features, labels = [], []
    for first in range(0, maps, _TOGETHER):
        count = min(_TOGETHER, maps - first)
        drawn = draw_sequence_maps(task, count, rng) if task in KINDS else draw_maps(task, count, rng)
        features.append(scan_features(drawn["counts"], drawn["past"] if history else None))
        labels.append(drawn["label"])
    model = HistGradientBoostingClassifier(
        max_iter=300, learning_rate=0.06, l2_regularization=1.0, early_stopping=True, random_state=seed
    )
    model.fit(np.concatenate(features), np.concatenate(labels))

    def score(counts: np.ndarray, past: np.ndarray | None = None) -> np.ndarray:
        return model.decision_function(scan_features(counts, past if history else None))

    return score
