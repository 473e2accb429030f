"""Is a curve of the kind that it is said to be? Distance from the local plane of the nearest Earths.

The model keeps training curves. Those nearest to a measured curve, at its own periods, span a plane with a covariance;
how far the curve lies from it, in sds of plane and noise together, says whether an Earth of the prior makes such a
curve at all. The same with the other kinds of waves of the same Earths says of which kind it looks. Both thresholds
are set on kept curves with noise at the same periods, so that one curve in a hundred is flagged by mistake.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from zoo.crust.models.wave_network import KINDS
from zoo.crust.nodes import Nodes

_NEAREST, _CORE = 200, 60  # Earths that make a plane, and the one at whose distance their weights begin to fall
_KEPT = 1000  # of the bank, on which thresholds are set
_FALSE_ALARMS = 0.0025  # by each of the four tests: the distance, and three other kinds
_CHUNK = 200
_MOST_PATTERNS = 6  # sets of periods of one map for which thresholds are set; others take those of the commonest set


@dataclass(frozen=True)
class Familiarity:
    """What is known of n curves.

    Attributes:
        unfamiliarity: (n,), above 1: no Earth of the prior makes such a curve of this kind; NaN without data.
        evidence: kind that was measured -> {other kind: (n,), ln of how much likelier the curve is of that kind}.
    """

    unfamiliarity: np.ndarray
    evidence: dict[str, dict[str, np.ndarray]]

    def likelier(self, kind: str) -> str | None:
        """Return the kind of which most curves that were said to be `kind` look more, None if they look right."""
        others = self.evidence.get(kind, {})
        best = max(others, key=lambda other: np.nanmedian(others[other]), default=None)
        return best if best and np.nanmedian(others[best]) > 0 else None


def familiarity(nodes: Nodes, observed: np.ndarray, seed: int = 0) -> Familiarity:
    """Return how familiar curves are.

    Args:
        nodes: of the model.
        observed: (n, 8 F + 1), as `zoo.crust.waves.observe` makes them.
        seed: of the noise on the kept curves.
    """
    count, f = len(nodes.logs), len(nodes.period_s)
    values, sds = (observed[:, i * 4 * f : (i + 1) * 4 * f].reshape(-1, len(KINDS), f).astype(float) for i in (0, 1))
    out = np.full(len(observed), np.nan)
    evidence = {}
    for at, kind in enumerate(KINDS):
        present = sds[:, at] > 0
        if not present.any():
            continue
        evidence[kind] = {other: np.full(len(observed), np.nan) for other in KINDS if other != kind}
        patterns, which, many = np.unique(present, axis=0, return_inverse=True, return_counts=True)
        commonest: Any = None
        for rank, number in enumerate(np.argsort(-many)):
            has = patterns[number]
            if not has.any():
                continue
            rows = np.flatnonzero(which.ravel() == number)
            noise = np.median(sds[rows][:, at, has], axis=0)
            banks = {other: nodes.logs[: count - _KEPT, KINDS.index(other)][:, has] for other in KINDS}
            if rank < _MOST_PATTERNS:
                random = np.random.default_rng(seed)
                kept = nodes.logs[count - _KEPT :, at][:, has]
                tested = _tests(kept + noise * random.standard_normal(kept.shape), noise, banks, kind)
                limits = (
                    np.quantile(tested[0], 1 - _FALSE_ALARMS),
                    {other: max(np.quantile(tested[1][other], 1 - _FALSE_ALARMS), 0.0) for other in tested[1]},
                )
                commonest = commonest or limits
            else:
                limits = commonest
            distance, ratio = _tests(values[rows][:, at, has], noise, banks, kind)
            found = distance / limits[0]
            for other, value in ratio.items():
                evidence[kind][other][rows] = value
                found = np.where(value > limits[1][other], np.maximum(found, 1.01), found)
            out[rows] = np.fmax(out[rows], found)
    return Familiarity(out, evidence)


def _tests(
    curves: np.ndarray, noise: np.ndarray, banks: dict[str, np.ndarray], kind: str
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Return the distance (m,) from the plane of a kind, and ln of the evidence of each other kind over that kind's."""
    distance, own = _plane(curves, noise, banks[kind])
    return distance, {other: _plane(curves, noise, bank)[1] - own for other, bank in banks.items() if other != kind}


def _plane(curves: np.ndarray, noise: np.ndarray, bank: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return squared distance over P, and ln of the density, (m,) each, of curves (m, P) by the nearest of a bank."""
    scaled = (bank / noise).astype(np.float32)
    square = (scaled**2).sum(axis=1)
    nearest = min(_NEAREST, len(bank) - 1)
    distances, densities = [], []
    for start in range(0, len(curves), _CHUNK):
        part = curves[start : start + _CHUNK]
        own = (part / noise).astype(np.float32)
        apart = square - 2 * own @ scaled.T + (own**2).sum(axis=1)[:, None]
        index = np.argpartition(apart, nearest, axis=1)[:, :nearest]
        apart = np.sqrt(np.maximum(np.take_along_axis(apart, index, axis=1), 0))
        core = np.partition(apart, min(_CORE, nearest - 1), axis=1)[:, min(_CORE, nearest - 1)]
        weight = np.exp(-0.5 * (apart / np.maximum(core, 1e-6)[:, None]) ** 2)
        total = weight.sum(axis=1)
        weight /= total[:, None]
        near = bank[index]
        mean = (weight[..., None] * near).sum(axis=1)
        apart_ = (near - mean[:, None]) * np.sqrt(weight)[..., None]
        covariance = np.einsum("mki,mkj->mij", apart_, apart_) + np.diag(noise**2)
        residual = part - mean
        squared = (residual * np.linalg.solve(covariance, residual[..., None])[..., 0]).sum(axis=1)
        volume = np.linalg.slogdet(covariance)[1]
        distances.append(squared / part.shape[1])
        densities.append(-0.5 * (squared + volume) + np.log(total / len(bank)))
    return np.concatenate(distances), np.concatenate(densities)
