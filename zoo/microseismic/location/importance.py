"""Importance sampling from a mixture of t distributions that is refitted to its own weighted draws.

Population Monte Carlo with Rao-Blackwellised updates (Cappe et al. 2008, Statistics and Computing 18, 447): every draw
counts for every part of the mixture, by the probability that it came from it. All rounds together are weighted as one
mixture (Owen and Zhou 2000), so no round is lost, and a bad first guess costs draws but does no harm.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import gammaln

from zoo.sampling.smc import Samples

MIN_EFFECTIVE = 100
"""With fewer effective draws the answer is not trusted."""
KEPT = 2_048
"""Samples that are kept of weighted draws."""
DEGREES_OF_FREEDOM = 6.0
# The first mixture is wider than the modes' Gaussians, and the later ones than what they were fitted to, by these
# factors of the covariance: draws in the tails must not decide.
_WIDER, _SAFER = 1.5, 1.2
# No part falls below this share: what looks empty may be what the draws have missed.
_LEAST_SHARE = 0.01
_EMPTY = 1e-20
_SAME = 0.1
_FEWEST_ROUNDS = 4


@dataclass(frozen=True)
class Mixture:
    """Multivariate t distributions: places (m, d), covariances (m, d, d), shares (m,)."""

    places: np.ndarray
    covariances: np.ndarray
    shares: np.ndarray

    @classmethod
    def of_modes(cls, places: np.ndarray, covariances: np.ndarray, heights: np.ndarray, most: int) -> Mixture:
        """Return a mixture of `most` parts, of modes with log heights (m,); what is left over is empty."""
        # A Gaussian's share of the posterior is its height times its volume.
        log_share = heights + 0.5 * np.linalg.slogdet(covariances)[1]
        share = np.maximum(np.exp(log_share - log_sum(log_share)), 0.5 / len(heights))
        share = np.pad(share / share.sum(), (0, most - len(heights)), constant_values=_EMPTY)
        index = np.minimum(np.arange(most), len(heights) - 1)
        return cls(places[index], _WIDER * regular(covariances)[index], share)

    def refitted(self, points: np.ndarray, weights: np.ndarray) -> Mixture:
        """Return the mixture fitted to weighted points (n, d), (n,)."""
        density = _densities(self, points)
        mine = np.exp(density - log_sum(density, 1)[:, np.newaxis]) * weights[:, np.newaxis]
        totals = mine.sum(axis=0)
        places, covariances = self.places.copy(), self.covariances.copy()
        for k, total in enumerate(totals):
            # A covariance of so few points that count would be a guess.
            if total**2 < 2 * points.shape[1] * np.sum(mine[:, k] ** 2) or total < 1e-3:
                continue
            places[k] = mine[:, k] @ points / total
            offset = points - places[k]
            covariances[k] = _SAFER * regular((offset.T * mine[:, k]) @ offset / total)
        alive = self.shares > 10 * _EMPTY
        shares = np.where(alive, np.maximum(totals, _LEAST_SHARE), _EMPTY)
        return Mixture(places, covariances, shares / shares.sum())

    def with_part(self, place: np.ndarray) -> Mixture:
        """Return the mixture with one more part, in the place of an empty one or of the smallest."""
        k = int(np.argmin(self.shares))
        places, covariances, shares = self.places.copy(), self.covariances.copy(), self.shares.copy()
        nearest = int(np.argmin(np.linalg.norm((self.places - place)[:, :3], axis=1)))
        places[k], covariances[k], shares[k] = place, self.covariances[nearest], 0.2
        return Mixture(places, covariances, shares / shares.sum())


@dataclass(frozen=True)
class Weighted:
    """Weighted draws: points (n, d), their log-likelihoods (n,) and log weights (n,)."""

    points: np.ndarray
    values: np.ndarray
    log_weights: np.ndarray

    @property
    def weights(self) -> np.ndarray:
        """Weights (n,) that sum to 1."""
        return np.exp(self.log_weights - log_sum(self.log_weights))

    @property
    def effective(self) -> float:
        """Effective number of draws."""
        return float(1.0 / np.sum(self.weights**2))

    def moments(self) -> tuple[np.ndarray, np.ndarray, float]:
        """Return mean and standard deviation (d,), and the log evidence."""
        mean = self.weights @ self.points
        sd = np.sqrt(self.weights @ (self.points - mean) ** 2)
        return mean, sd, float(log_sum(self.log_weights) - np.log(len(self.points)))

    def samples(
        self,
        lower: np.ndarray,
        upper: np.ndarray,
        rounds: int,
        screened: tuple[np.ndarray, np.ndarray],
        calls: int,
        rng: np.random.Generator,
    ) -> Samples:
        """Return `KEPT` equally weighted samples, with the effective number of draws as their own check.

        Args:
            lower, upper: corners (d,) of the prior's box.
            rounds: in which the draws were made.
            screened: points (n, d) and log-likelihoods (n,) that the first mixture came from.
            calls: evaluations of the likelihood beside the draws.
            rng: makes the choice.
        """
        count, effective = len(self.points), self.effective
        chosen = systematic(self.weights, KEPT, rng)
        problems = ()
        if effective < MIN_EFFECTIVE:
            problems = (
                f"Of {count} importance draws only {effective:.0f} count (at least {MIN_EFFECTIVE}): the posterior is "
                "not a few compact modes.",
            )
        return Samples(
            samples=self.points[chosen],
            log_likelihood=self.values[chosen],
            log_evidence=self.moments()[2] - float(np.sum(np.log(upper - lower))),
            log_evidence_sd=float(np.sqrt(max(1.0 / effective - 1.0 / count, 0.0))),
            efficiency=effective / count,
            ess=effective,
            acceptance=float("nan"),
            stages=rounds,
            calls=count + calls,
            problems=problems,
            screen_points=screened[0],
            screen_log_likelihood=screened[1],
        )


def log_sum(values: np.ndarray, axis: int = 0) -> np.ndarray:
    """Return the logarithm of the sum of exponentials along an axis, without the checks of SciPy's, which are dear.

    >>> round(float(log_sum(np.log([1.0, 2.0]))), 6) == round(float(np.log(3.0)), 6)
    True
    """
    highest = np.max(values, axis=axis, keepdims=True)
    return np.squeeze(highest, axis) + np.log(np.sum(np.exp(values - highest), axis=axis))


def systematic(weight: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Return `count` indices drawn in proportion to weights (n,), each as often as its share, rounded up or down.

    >>> systematic(np.array([1.0, 0.0, 3.0]), 4, np.random.default_rng(0)).tolist()
    [0, 2, 2, 2]
    """
    cumulative = np.cumsum(weight)
    wanted = (np.arange(count) + rng.uniform()) / count * cumulative[-1]
    return np.minimum(np.searchsorted(cumulative, wanted, side="right"), len(weight) - 1)


def apart(points: np.ndarray, order: np.ndarray, least: float, most: int) -> list[int]:
    """Return the first `most` indices in an order (n,) whose places, columns 0 to 2 of points, are apart by `least`."""
    chosen: list[int] = []
    for index in order:
        if np.all(np.linalg.norm(points[chosen, :3] - points[index, :3], axis=1) >= least):
            chosen.append(int(index))
        if len(chosen) == most:
            break
    return chosen


def population(
    evaluate: Callable[[np.ndarray], np.ndarray],
    mixture: Mixture,
    rounds: int,
    draws: int,
    rng: np.random.Generator,
    enough: float = np.inf,
) -> Weighted:
    """Draw in rounds from a mixture that follows what it draws.

    Args:
        evaluate: maps points (n, d) to log-likelihoods (n,), very low where the prior is 0.
        mixture: to begin with.
        rounds, draws: number of rounds, and of draws in each.
        rng: makes the draws.
        enough: effective draws after which no more are made, once the answer is that of half as many rounds.
    """
    used: list[Mixture] = []
    answers: list[tuple[np.ndarray, np.ndarray, float]] = []
    every = np.zeros((0, mixture.places.shape[1]))
    known, density = np.zeros(0), np.zeros(0)
    for stage in range(rounds):
        new = _draw(mixture, draws, rng)
        used.append(mixture)
        # Of old draws under the new mixture, and of new ones under all of them.
        again = log_sum(_densities(mixture, every), 1) if stage else np.zeros(0)
        fresh = log_sum(np.array([log_sum(_densities(one, new), 1) for one in used]), 0)
        density = np.concatenate([np.logaddexp(density, again) if stage else again, fresh])
        every, known = np.concatenate([every, new]), np.concatenate([known, evaluate(new)])
        found = Weighted(every, known, known - density + np.log(len(used)))
        answers.append(found.moments())
        # Tails that are reached late move the answer long after the effective number looks large.
        if stage >= _FEWEST_ROUNDS - 1 and found.effective > enough and _same(answers[-1], answers[stage // 2]):
            break
        if stage < rounds - 1:
            mixture = mixture.refitted(every, found.weights)
            worst = int(np.argmax(found.log_weights))
            if found.weights[worst] > 0.1:
                # A draw that outweighs all others lies where the mixture is too thin.
                mixture = mixture.with_part(every[worst])
    return found


def _same(one: tuple[np.ndarray, np.ndarray, float], other: tuple[np.ndarray, np.ndarray, float]) -> bool:
    """Return whether two answers (mean, sd, log evidence) differ by less than `_SAME` sd, in logarithm, and nats."""
    sd = np.maximum(one[1], 1e-12)
    widths = np.abs(np.log(sd / np.maximum(other[1], 1e-12)))
    return max(np.max(np.abs(one[0] - other[0]) / sd), np.max(widths), abs(one[2] - other[2])) < _SAME


def regular(covariance: np.ndarray) -> np.ndarray:
    """Return symmetric, positive definite matrices (..., d, d): covariances that rounding has not made singular."""
    scale = np.sqrt(np.maximum(np.diagonal(covariance, axis1=-2, axis2=-1), 1e-18))
    outer = scale[..., :, np.newaxis] * scale[..., np.newaxis, :]
    unit = covariance / outer
    size, axes = np.linalg.eigh(0.5 * (unit + np.swapaxes(unit, -1, -2)))
    unit = np.einsum("...ij,...j,...kj->...ik", axes, np.maximum(size, 1e-6), axes)
    return unit * outer


def _densities(mixture: Mixture, points: np.ndarray) -> np.ndarray:
    """Return the log of each part's density times its share, (n, m); minus infinity of empty parts.

    By hand: TensorFlow Probability solves a triangular system anew for every point and part, forty times as dear.
    """
    nu, d = DEGREES_OF_FREEDOM, points.shape[1]
    alive = np.flatnonzero(mixture.shares > 10 * _EMPTY)
    factors = np.linalg.cholesky(mixture.covariances[alive] * (nu - 2) / nu)
    inverse = np.linalg.inv(factors)
    height = gammaln((nu + d) / 2) - gammaln(nu / 2) - 0.5 * d * np.log(nu * np.pi)
    height = height - np.log(np.diagonal(factors, axis1=1, axis2=2)).sum(axis=1) + np.log(mixture.shares[alive])
    found = np.full((len(points), len(mixture.shares)), -np.inf)
    for k, part in enumerate(alive):
        away = (points - mixture.places[part]) @ inverse[k].T
        found[:, part] = height[k] - 0.5 * (nu + d) * np.log1p(np.einsum("ni,ni->n", away, away) / nu)
    return found


def _draw(mixture: Mixture, draws: int, rng: np.random.Generator) -> np.ndarray:
    """Return draws (n, d)."""
    nu, d = DEGREES_OF_FREEDOM, mixture.places.shape[1]
    factors = np.linalg.cholesky(mixture.covariances * (nu - 2) / nu)
    part = rng.choice(len(mixture.shares), draws, p=mixture.shares)
    normal = rng.normal(size=(draws, d)) / np.sqrt(rng.chisquare(nu, draws) / nu)[:, np.newaxis]
    return mixture.places[part] + np.einsum("nij,nj->ni", factors[part], normal)
