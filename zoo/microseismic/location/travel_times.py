"""Likelihoods of picked arrival times, given the travel times of all sources to each receiver.

Both are called with coordinates_km (n, 3), times_s (receivers,) and sds_s (receivers,) and return log-likelihoods (n,):
vectorised, float32, compilable by XLA, for `zoo.sampling.smc.Sampler`. The sds join the errors of the picks and of the
travel times.

- `GaussianLikelihood`: each pick has a Gaussian error. The origin time is known, or any is as likely (then it is
  integrated out analytically).
- `EdtLikelihood`: equal differential times (Zhou 1994; Font et al. 2004; Lomax 2005), as Spurio Mancini et al. (2021),
  equation 14. Differences between receivers hold no origin time, and their sum instead of a product lets one bad pick
  spoil only the pairs that it is in.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Protocol

import numpy as np
import tensorflow as tf

from zoo.errors import ZooError
from zoo.sampling.smc import MIN_EFFICIENCY, Sampler, Samples

# Rounds of splitting the cells of an oct-tree, and cells split in each.
_SPLITS, _CELLS_SPLIT = 16, 4_096


class TravelTimes(Protocol):
    """Maps coordinates_km (n, 3) to travel times in s, (n, receivers)."""

    def __call__(self, coordinates_km: tf.Tensor) -> tf.Tensor: ...


class TravelTimeFields:
    """Travel times from any source to each receiver, interpolated in grids of them.

    Time has a cusp at the receiver, time over distance has none: that is interpolated, linearly along each axis, and
    multiplied by the source's distance. It is exact in a homogeneous medium.

    Args:
        times_s: (receivers, nx, ny, nz), of `zoo.microseismic.physics.eikonal.receiver_times`.
        spacing_m: distance of nodes along x, y, z, m.
        receivers_km: (receivers, 3) x, y, z, km; node (0, 0, 0) is the origin.
    """

    def __init__(self, times_s: np.ndarray, spacing_m: Sequence[float], receivers_km: np.ndarray) -> None:
        self.receivers_km = np.asarray(receivers_km, np.float64).reshape(-1, 3)
        times_s = np.asarray(times_s)
        if times_s.ndim != 4 or len(times_s) != len(self.receivers_km):
            raise ZooError(
                f"times_s has shape {times_s.shape}; expected (receivers, nx, ny, nz) for {len(self.receivers_km)} "
                "receivers."
            )
        self._spacing_km = np.asarray(spacing_m, np.float64) / 1000.0
        self._shape = times_s.shape[1:]
        axes = [np.arange(n) * d for n, d in zip(self._shape, self._spacing_km, strict=True)]
        nodes = np.meshgrid(*axes, indexing="ij", sparse=True)
        table = np.empty((*self._shape, len(times_s)), np.float32)
        for index, (times, place) in enumerate(zip(times_s, self.receivers_km, strict=True)):
            distance = np.sqrt(sum((axis - x) ** 2 for axis, x in zip(nodes, place, strict=True)))
            nearest = np.unravel_index(distance.argmin(), self._shape)
            near = tuple(slice(max(i - 1, 0), i + 2) for i in nearest)
            # At the receiver itself 0 / 0: the mean of the nodes around it.
            distance[nearest] = np.inf if distance[nearest] < 1e-6 else distance[nearest]
            ratio = times / distance
            if np.isinf(distance[nearest]):
                ratio[nearest] = ratio[near].sum() / (ratio[near].size - 1)
            table[..., index] = ratio
        self._table = tf.constant(table.reshape(-1, len(times_s)))

    def __call__(self, coordinates_km: tf.Tensor) -> tf.Tensor:
        """Return the travel times in s, (n, receivers), of coordinates_km (n, 3); outside, those of the edge."""
        coordinates_km = tf.cast(coordinates_km, tf.float32)
        place = coordinates_km / self._spacing_km.astype(np.float32)
        last = np.array(self._shape, np.float32) - 1.0
        place = tf.clip_by_value(place, 0.0, last)
        low = tf.minimum(tf.floor(place), last - 1.0)
        share = place - low
        stride = np.array([self._shape[1] * self._shape[2], self._shape[2], 1], np.int32)
        corners = np.stack(np.meshgrid([0, 1], [0, 1], [0, 1], indexing="ij"), axis=-1).reshape(8, 3)
        index = tf.reduce_sum(tf.cast(low, tf.int32) * stride, axis=-1)[:, tf.newaxis] + corners @ stride
        weight = tf.reduce_prod(tf.where(corners == 1, share[:, tf.newaxis], 1.0 - share[:, tf.newaxis]), axis=-1)
        ratio = tf.einsum("nc,ncr->nr", weight, tf.gather(self._table, index))
        offset = coordinates_km[:, tf.newaxis] - self.receivers_km.astype(np.float32)
        return ratio * tf.norm(offset, axis=-1)


class GaussianLikelihood:
    """Log density of the picks, each with a Gaussian error about origin time + travel time.

    Args:
        travel_times: of the sources to the receivers in use.
        origin_time_known: True: it is 0. False: the density is integrated over all origin times, each as likely.
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
            # The best origin time is the weighted mean residual, and total is the inverse of its variance.
            residual -= tf.reduce_sum(residual * weight, axis=-1, keepdims=True) / total
            constant += 0.5 * tf.math.log(2.0 * math.pi / total)
        return constant - 0.5 * tf.reduce_sum((residual / sds_s) ** 2, axis=-1)


class EdtLikelihood:
    """Log of equation 14: N log sum over pairs of exp(-(difference of residuals)^2 / s^2) / s, s^2 = sd_a^2 + sd_b^2.

    Args:
        travel_times: of the sources to the receivers in use.
        power: N. None: the number of picks, as in Lomax et al. (2009): only then does it grow as sharp with more
            receivers as a product of densities does. The paper's test has N = 1, which says little more than the prior.
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


class OctTreeSampler(Sampler):
    """Oct-tree importance sampling (Lomax and Curtis 2001), as NonLinLoc does, for the posteriors of `EdtLikelihood`.

    Those are thin sheets, one for each pair of receivers, around a small core where the sheets meet: an ensemble moves
    along them too slowly, and no single scale of points serves both. Cells of the box are split where they hold most
    of the probability; the samples are drawn from the cells and weighed by what the cells got wrong.
    """

    def screen(self, data: Sequence = (), seed: int = 0, size: int | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Return a random point in each of `size` (a power of two) equal cells, (size, 3), and its log-likelihood."""
        corners, width = self._cells(size or self.settings.screen)
        points = corners + np.random.default_rng(seed).uniform(size=corners.shape) * width
        return points, self.evaluate(points, data)

    def run(self, data: Sequence = (), seed: int = 0, screened: tuple[np.ndarray, np.ndarray] | None = None) -> Samples:
        """Sample the posterior of `data`; arguments and result as of `Sampler.run`."""
        points, values = self.screen(data, seed) if screened is None else screened
        random = np.random.default_rng([seed, 1])
        screened = points, values
        corners, width = self._cells(len(points))
        widths = np.broadcast_to(width, corners.shape)
        octants = np.stack(np.meshgrid([0, 1], [0, 1], [0, 1], indexing="ij"), axis=-1).reshape(8, 3)
        for _ in range(_SPLITS):
            log_mass = values + np.log(widths).sum(axis=1)
            chosen = np.argpartition(log_mass, -_CELLS_SPLIT)[-_CELLS_SPLIT:]
            half = np.repeat(0.5 * widths[chosen], 8, axis=0)
            new = np.repeat(corners[chosen], 8, axis=0) + np.tile(octants, (len(chosen), 1)) * half
            found = self.evaluate(new + random.uniform(size=new.shape) * half, data)
            corners = np.concatenate([np.delete(corners, chosen, axis=0), new])
            widths = np.concatenate([np.delete(widths, chosen, axis=0), half])
            values = np.concatenate([np.delete(values, chosen), found])
        log_mass = values + np.log(widths).sum(axis=1)
        mass = np.exp(log_mass - log_mass.max())
        drawn = _systematic(mass, self.settings.evidence_draws, random)
        points = corners[drawn] + random.uniform(size=(len(drawn), 3)) * widths[drawn]
        log_likelihood = self.evaluate(points, data)
        weight = np.exp(log_likelihood - values[drawn])
        ess = float(weight.sum() ** 2 / np.sum(weight**2))
        efficiency = ess / len(weight)
        kept = _systematic(weight, self.settings.particles, random)
        box = np.log(self.upper - self.lower).sum()
        problem = (
            f"The cells of the oct-tree are too coarse: importance efficiency {efficiency:.2f} (at least "
            f"{MIN_EFFICIENCY})."
        )
        return Samples(
            samples=points[kept],
            log_likelihood=log_likelihood[kept],
            log_evidence=float(log_mass.max() + np.log(mass.sum()) + np.log(weight.mean()) - box),
            log_evidence_sd=math.sqrt(1.0 / ess - 1.0 / len(weight)),
            efficiency=efficiency,
            ess=ess,
            acceptance=efficiency,
            stages=_SPLITS,
            calls=len(screened[0]) + 8 * _SPLITS * _CELLS_SPLIT + len(weight),
            problems=() if efficiency >= MIN_EFFICIENCY else (problem,),
            screen_points=screened[0],
            screen_log_likelihood=screened[1],
        )

    def _cells(self, size: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the lower corners (size, 3) of equal cells of the box, as nearly cubes as can be, and their width."""
        side = self.upper - self.lower
        count = np.ones(3, np.int64)
        for _ in range(int(math.log2(size))):
            count[np.argmax(side / count)] *= 2
        index = np.stack(np.meshgrid(*[np.arange(n) for n in count], indexing="ij"), axis=-1).reshape(-1, 3)
        return self.lower + index * side / count, side / count


def _systematic(weight: np.ndarray, count: int, random: np.random.Generator) -> np.ndarray:
    """Return `count` indices drawn in proportion to weights (n,)."""
    share = np.cumsum(weight) / weight.sum()
    wanted = (np.arange(count) + random.uniform()) / count
    return np.minimum(np.searchsorted(share, wanted, side="right"), len(weight) - 1)
