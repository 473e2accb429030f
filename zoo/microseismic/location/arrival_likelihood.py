"""Likelihoods of picked arrival times, given the travel times of all sources to each receiver.

Both are called with coordinates_km (n, 3), times_s (receivers,) and sds_s (receivers,) and return log-likelihoods (n,):
vectorised, float32, compilable by XLA, for `zoo.sampling.smc.Sampler`. The sds combine the errors of the picks with
those of the travel times.

- `GaussianLikelihood`: each pick has a Gaussian error. The origin time is known, or every origin time is equally likely
  (then it is integrated out analytically).
- `EdtLikelihood`: equal differential times (Zhou 1994; Font et al. 2004; Lomax 2005), as in Spurio Mancini et al.
  (2021), equation 14. The origin time cancels in differences between receivers; and as the pairs are summed instead of
  multiplied, one bad pick spoils only the pairs that contain it.
"""

from __future__ import annotations

import math
from typing import Protocol

import numpy as np
import tensorflow as tf

from zoo.errors import ZooError


class TravelTimes(Protocol):
    """Maps coordinates_km (n, 3) to travel times in s, (n, receivers)."""

    def __call__(self, coordinates_km: tf.Tensor) -> tf.Tensor: ...


class GaussianLikelihood:
    """Log density of the picks, each with a Gaussian error about origin time + travel time.

    Args:
        travel_times: from the sources to the receivers in use.
        origin_time_known: True: it is 0. False: the density is integrated over all origin times, each equally likely.
    """

    def __init__(self, travel_times: TravelTimes, origin_time_known: bool = True) -> None:
        self.travel_times = travel_times
        self.origin_time_known = origin_time_known

    def __call__(self, coordinates_km: tf.Tensor, times_s: tf.Tensor, sds_s: tf.Tensor) -> tf.Tensor:
        residual = times_s - self.travel_times(coordinates_km)
        constant = -tf.reduce_sum(tf.math.log(sds_s * math.sqrt(2.0 * math.pi)))
        if not self.origin_time_known:
            weight = 1.0 / sds_s**2
            total = tf.reduce_sum(weight)
            # The best origin time is the weighted mean residual; its variance is 1 / total.
            residual -= tf.reduce_sum(residual * weight, axis=-1, keepdims=True) / total
            constant += 0.5 * tf.math.log(2.0 * math.pi / total)
        return constant - 0.5 * tf.reduce_sum((residual / sds_s) ** 2, axis=-1)


class EdtLikelihood:
    """Log of equation 14: N log sum over pairs of exp(-(difference of residuals)^2 / s^2) / s, s^2 = sd_a^2 + sd_b^2.

    Args:
        travel_times: from the sources to the receivers in use.
        power: N. None: the number of picks, as in Lomax et al. (2009), for only then does the likelihood sharpen with
            more receivers as a product of densities does. The paper's test has N = 1, which tells little more than the
            prior.

    Raises:
        ZooError: when called with the pick of one receiver only.
    """

    def __init__(self, travel_times: TravelTimes, power: float | None = None) -> None:
        self.travel_times = travel_times
        self.power = power

    def __call__(self, coordinates_km: tf.Tensor, times_s: tf.Tensor, sds_s: tf.Tensor) -> tf.Tensor:
        residual = times_s - self.travel_times(coordinates_km)
        first, second = np.triu_indices(residual.shape[-1], k=1)
        if not first.size:
            raise ZooError("Equal differential times need the picks of at least two receivers.")
        variance = tf.gather(sds_s, first) ** 2 + tf.gather(sds_s, second) ** 2
        difference = tf.gather(residual, first, axis=-1) - tf.gather(residual, second, axis=-1)
        power = residual.shape[-1] if self.power is None else self.power
        return power * tf.reduce_logsumexp(-(difference**2) / variance - 0.5 * tf.math.log(variance), axis=-1)
