"""Posterior distributions of crust models: mixtures in TensorFlow Probability, answers in numpy."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from scipy.special import expit, logit, ndtr

# Points of Gauss-Hermite quadrature: exact to 1e-3 km for every sd that a mixture of thicknesses has.
QUADRATURE_POINTS = 20
_BISECTION_KM = 1e-3  # a quantile is found to a metre


class MohoPosterior:
    """Distribution of crustal thickness within the prior's range, one for each of n curves.

    It is a mixture of K normal distributions of logit(thickness) = ln((thickness - low) / (high - thickness)).
    For a curve without data (NaN parameters) every answer is NaN.

    Args:
        log_weight: (n, K), logarithms of the weights; the weights of a curve sum to one.
        location: (n, K), means of the logit.
        sd: (n, K), standard deviations of the logit.
        moho_range_km: (2,), low and high.

    >>> posterior = MohoPosterior([[0.0]], [[0.0]], [[0.5]], [20.0, 100.0])
    >>> posterior.mean_km.round(1), posterior.quantile_km(0.84).round(1)
    (array([60.]), array([69.7]))
    """

    def __init__(self, log_weight: np.ndarray, location: np.ndarray, sd: np.ndarray, moho_range_km: np.ndarray):
        parts = (np.asarray(part, np.float64) for part in (log_weight, location, sd))
        self.log_weight, self.location, self.sd = parts
        self.moho_range_km = np.asarray(moho_range_km, np.float64)

    @cached_property
    def distribution(self):
        """The same as a TensorFlow Probability distribution of the thickness in km (log_prob, sample, ...)."""
        import tensorflow_probability as tfp

        low, high = self.moho_range_km
        mixture = tfp.distributions.MixtureSameFamily(
            tfp.distributions.Categorical(logits=self.log_weight),
            tfp.distributions.Normal(self.location, self.sd),
        )
        return tfp.distributions.TransformedDistribution(mixture, tfp.bijectors.Sigmoid(low, high))

    @cached_property
    def _moments(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean and standard deviation, (n,) each, by quadrature."""
        low, high = self.moho_range_km
        nodes, weights = np.polynomial.hermite_e.hermegauss(QUADRATURE_POINTS)
        first = second = 0.0
        for node, weight in zip(nodes, weights / weights.sum(), strict=True):
            part = expit(self.location + self.sd * node)
            first, second = first + weight * part, second + weight * part**2
        share = np.exp(self.log_weight)
        mean = (share * first).sum(axis=-1)
        variance = (share * second).sum(axis=-1) - mean**2
        return low + (high - low) * mean, (high - low) * np.sqrt(np.maximum(variance, 0.0))

    @property
    def mean_km(self) -> np.ndarray:
        """(n,), mean."""
        return self._moments[0]

    @property
    def sd_km(self) -> np.ndarray:
        """(n,), standard deviation."""
        return self._moments[1]

    def cdf(self, moho_km: np.ndarray) -> np.ndarray:
        """Return the probability (n,) that the crust is thinner than moho_km, (n,) or a number."""
        low, high = self.moho_range_km
        moho_km = np.broadcast_to(np.asarray(moho_km, np.float64), self.location.shape[:1])
        # The same as `distribution.cdf`, but in numpy: a quantile calls it many times, and TensorFlow's calls are slow.
        place = logit(np.clip((moho_km - low) / (high - low), 0.0, 1.0))[:, np.newaxis]
        found = (np.exp(self.log_weight) * ndtr((place - self.location) / self.sd)).sum(axis=-1)
        return np.where(np.isfinite(self.location[:, 0]), found, np.nan)

    def quantile_km(self, q: float) -> np.ndarray:
        """Return the thickness (n,) in km below which the probability is q, to within a metre."""
        low = np.full(len(self.location), self.moho_range_km[0])
        high = np.full(len(self.location), self.moho_range_km[1])
        while (high - low).max() > _BISECTION_KM:
            middle = (low + high) / 2
            below = self.cdf(middle) < q
            low, high = np.where(below, middle, low), np.where(below, high, middle)
        return np.where(np.isfinite(self.location[:, 0]), (low + high) / 2, np.nan)


class JointPosterior(MohoPosterior):
    """Joint distribution of thickness and shear velocities, with that of the thickness alone.

    Args:
        log_weight: (n, K), logarithms of the weights.
        location: (n, K, 1 + D), means of the logit of the thickness and of D standardised velocities.
        factor: (n, K, 1 + D, 1 + D), lower triangular P; the covariance of a component is (P' P)^-1.
        moho_range_km: (2,), low and high.
        vs_mean_km_s, vs_scale_km_s: (D,), mean and scale with which velocities were standardised.
    """

    def __init__(self, log_weight, location, factor, moho_range_km, vs_mean_km_s, vs_scale_km_s):
        super().__init__(log_weight, location[..., 0], 1 / factor[..., 0, 0], moho_range_km)
        self.joint_location = np.asarray(location, np.float64)
        # The inverse of a lower triangular factor is lower triangular: a Cholesky factor of the covariance.
        self.scale_tril = np.linalg.inv(np.asarray(factor, np.float64))
        self._vs = np.asarray(vs_mean_km_s, np.float64), np.asarray(vs_scale_km_s, np.float64)

    @cached_property
    def joint_distribution(self):
        """The mixture over (logit of the thickness, standardised velocities), by TensorFlow Probability."""
        import tensorflow_probability as tfp

        return tfp.distributions.MixtureSameFamily(
            tfp.distributions.Categorical(logits=self.log_weight),
            tfp.distributions.MultivariateNormalTriL(self.joint_location, self.scale_tril),
        )

    @property
    def vs_mean_km_s(self) -> np.ndarray:
        """(n, D), mean."""
        share = np.exp(self.log_weight)[..., None]
        return self._vs[0] + self._vs[1] * (share * self.joint_location[..., 1:]).sum(axis=1)

    @property
    def vs_sd_km_s(self) -> np.ndarray:
        """(n, D), standard deviation."""
        share = np.exp(self.log_weight)[..., None]
        location = self.joint_location[..., 1:]
        spread = (self.scale_tril[..., 1:, :] ** 2).sum(axis=-1) + location**2
        mean = (share * location).sum(axis=1)
        return self._vs[1] * np.sqrt((share * spread).sum(axis=1) - mean**2)

    def draw(self, count: int, seed: int = 0) -> dict[str, np.ndarray]:
        """Return correlated draws: `moho_km` (count, n) and `vs_km_s` (count, n, D)."""
        low, high = self.moho_range_km
        drawn = self.joint_distribution.sample(count, seed=(seed, 0)).numpy()
        moho_km = low + (high - low) * expit(drawn[..., 0])
        return {"moho_km": moho_km, "vs_km_s": self._vs[0] + self._vs[1] * drawn[..., 1:]}
