"""Temperature scaling of a classifier's probabilities (Guo et al. 2017)."""

from __future__ import annotations

import numpy as np

_LOWEST, _HIGHEST = 0.2, 10.0


def best_temperature(probability: np.ndarray, true: np.ndarray) -> float:
    """Return by what logits are to be divided for the lowest cross entropy.

    It is sought from 0.2 to 10: a few hundred examples may have no error in them, and so no finite best.

    Args:
        probability: (n, classes), what the classifier gives at a temperature of 1.
        true: (n,) integers, the classes.
    """
    from scipy.optimize import minimize_scalar

    log = np.log(np.maximum(probability.astype(np.float64), 1e-30))

    def cross_entropy(log_temperature: float) -> float:
        logits = log / np.exp(log_temperature)
        return np.mean(np.logaddexp.reduce(logits, axis=1) - logits[np.arange(len(true)), true])

    bounds = (np.log(_LOWEST), np.log(_HIGHEST))
    return float(np.exp(minimize_scalar(cross_entropy, bounds=bounds, method="bounded").x))
