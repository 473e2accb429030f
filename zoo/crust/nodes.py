"""From a user's own periods to the nodes of a model of surface waves: a Gaussian conditional mean.

A measured ln(velocity) is carried to the node nearest in ln(period). How far the two differ follows from the whole
measured curve: over the model's training curves, differences and measurements have a joint covariance, and the
conditional mean of a normal distribution with that covariance is the shift. What the conditional variance leaves is
added to the error. Several periods at one node are averaged, with their errors and the correlation of these.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from keras import ops

from zoo.crust.models.dispersion import CORRELATION_DISTANCE
from zoo.crust.models.wave_network import KINDS

_STATISTICS = 3000  # curves of the bank from which covariances are taken
_MARGIN = 1.03  # periods so close to the ends of the nodes count as inside


class Nodes:
    """The nodes of a model, and what carries measurements to them.

    Args:
        model: a `WaveModel`.

    Attributes:
        logs: (N, 4, F), ln(velocity in km/s) of the model's bank.
        period_s: (F,), descending: frequencies ascend.
    """

    def __init__(self, model: Any):
        mean, sd = (ops.convert_to_numpy(part).astype(np.float64) for part in (model.network.mean, model.network.sd))
        self.frequency_hz = np.asarray(model.frequency_hz, np.float64)
        self.period_s = 1 / self.frequency_hz
        bank = ops.convert_to_numpy(model.bank)
        self.logs = (bank * sd + mean).reshape(len(bank), len(KINDS), len(self.frequency_hz))

    def inside(self, period_s: np.ndarray) -> np.ndarray:
        """Return whether periods (P,) lie in the band of the nodes."""
        period_s = np.asarray(period_s, np.float64)
        return (period_s > self.period_s[-1] / _MARGIN) & (period_s < self.period_s[0] * _MARGIN)

    def at(self, kind: str, period_s: np.ndarray, logs: np.ndarray) -> np.ndarray:
        """Return ln(velocity) (n, P) at periods, of curves (n, F) of one kind at the nodes: a cubic spline."""
        from scipy.interpolate import CubicSpline

        return CubicSpline(np.log(self.period_s[::-1]), logs[:, ::-1], axis=1)(np.log(period_s))

    def carry(
        self, kind: str, period_s: np.ndarray, velocity: np.ndarray, relative_sd: np.ndarray, correlation: float = 0.0
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return ln(velocity) and its sd at the nodes, (n, F) each; the sd is 0 where nothing was measured.

        Args:
            kind: one of `KINDS`.
            period_s: (P,), inside the band.
            velocity: (n, P), km/s, NaN where missing.
            relative_sd: (n, P).
            correlation: of the errors at a distance of 0.1 in ln(period).
        """
        period_s = np.asarray(period_s, np.float64)
        place = np.log(period_s)
        curves = self.logs[:_STATISTICS, KINDS.index(kind)]
        there = self.at(kind, period_s, curves)
        node = np.abs(place[:, None] - np.log(self.period_s)).argmin(axis=1)
        shift = curves[:, node] - there
        mean, middle = there.mean(axis=0), shift.mean(axis=0)
        count = len(curves) - 1
        of_curve, of_shift = there - mean, shift - middle
        own = of_curve.T @ of_curve / count
        both = of_shift.T @ of_curve / count
        left = (of_shift**2).sum(axis=0) / count
        alike = np.power(correlation, np.abs(place[:, None] - place) / CORRELATION_DISTANCE) if correlation else None
        present = np.isfinite(velocity)
        values, errors = (np.zeros((len(velocity), len(self.period_s))) for _ in range(2))
        patterns, which = np.unique(present, axis=0, return_inverse=True)
        for number, has in enumerate(patterns):
            if not has.any():
                continue
            rows = np.flatnonzero(which.ravel() == number)
            sd = relative_sd[np.ix_(rows, has)]
            noise = np.median(sd, axis=0)
            c = np.outer(noise, noise) * (np.eye(has.sum()) if alike is None else alike[np.ix_(has, has)])
            gain = np.linalg.solve(own[np.ix_(has, has)] + c, both[np.ix_(has, has)].T).T
            logs = np.log(velocity[np.ix_(rows, has)])
            logs = logs + middle[has] + (logs - mean[has]) @ gain.T
            # Not more than the shift itself varies, nor less than nothing.
            rest = np.clip(left[has] - (gain * both[np.ix_(has, has)]).sum(axis=1), 0.0, None)
            for j in np.unique(node[has]):
                here = node[has] == j
                weight = 1 / sd[:, here] ** 2
                weight /= weight.sum(axis=1, keepdims=True)
                values[rows, j] = (weight * logs[:, here]).sum(axis=1)
                scaled = weight * sd[:, here]
                together = np.eye(here.sum()) if alike is None else alike[np.ix_(has, has)][np.ix_(here, here)]
                variance = np.einsum("ni,ij,nj->n", scaled, together, scaled)
                errors[rows, j] = np.sqrt(variance + (weight**2 * rest[here]).sum(axis=1))
        return values, errors
