"""Oct-tree importance sampling (Lomax and Curtis 2001), as in NonLinLoc.

The posteriors of equal differential times (`zoo.microseismic.location.arrival_likelihood.EdtLikelihood`) are thin
sheets, one for each pair of receivers, around a small core where the sheets meet: an ensemble moves along them too
slowly, and no single scale serves both the sheets and the core. So cells of the box are split where they hold most of
the probability, and samples are drawn from the cells, weighted by the ratio of the likelihood at the sample to that
which stands for its cell.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy.ndimage import uniform_filter
from scipy.special import logsumexp

from zoo.microseismic.location.importance import systematic
from zoo.sampling.smc import MIN_EFFICIENCY, Sampler, Samples

# Rounds of splitting, and cells split in each: half a million likelihoods in all.
_SPLITS, _CELLS_SPLIT = 16, 4_096
# Share of a cell's likelihood that is its neighbours' mean: a thin sheet may cross a cell and miss its one point.
_FROM_NEIGHBOURS = 0.3


class OctTreeSampler(Sampler):
    """Samples exp(log_likelihood) in a box of three dimensions by an oct-tree; arguments as in `Sampler`."""

    def screen(self, data: Sequence = (), seed: int = 0, size: int | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Return a random point in each of `size` (a power of two) equal cells, (size, 3), and its log-likelihood."""
        corners, width = self._cells(size or self.settings.screen)
        points = corners + np.random.default_rng(seed).uniform(size=corners.shape) * width
        return points, self.evaluate(points, data)

    def run(self, data: Sequence = (), seed: int = 0, screened: tuple[np.ndarray, np.ndarray] | None = None) -> Samples:
        """Sample the posterior of `data`; arguments and result as in `Sampler.run`."""
        points, values = self.screen(data, seed) if screened is None else screened
        random = np.random.default_rng([seed, 1])
        screened = points, values
        corners, width = self._cells(len(points))
        widths = np.broadcast_to(width, corners.shape)
        values = _smoothed(values, _mean_of_grid(values, self._counts(len(values))))
        octants = np.stack(np.meshgrid([0, 1], [0, 1], [0, 1], indexing="ij"), axis=-1).reshape(8, 3)
        for _ in range(_SPLITS):
            # The probability of a cell is taken to be its volume times the likelihood at its one random point.
            log_mass = values + np.log(widths).sum(axis=1)
            chosen = np.argpartition(log_mass, -_CELLS_SPLIT)[-_CELLS_SPLIT:]
            half = np.repeat(0.5 * widths[chosen], 8, axis=0)
            new = np.repeat(corners[chosen], 8, axis=0) + np.tile(octants, (len(chosen), 1)) * half
            found = self.evaluate(new + random.uniform(size=new.shape) * half, data)
            found = _smoothed(found, np.repeat(logsumexp(found.reshape(-1, 8), axis=1) - math.log(8), 8))
            corners = np.concatenate([np.delete(corners, chosen, axis=0), new])
            widths = np.concatenate([np.delete(widths, chosen, axis=0), half])
            values = np.concatenate([np.delete(values, chosen), found])
        log_mass = values + np.log(widths).sum(axis=1)
        mass = np.exp(log_mass - log_mass.max())
        drawn = systematic(mass, self.settings.evidence_draws, random)
        points = corners[drawn] + random.uniform(size=(len(drawn), 3)) * widths[drawn]
        log_likelihood = self.evaluate(points, data)
        weight = np.exp(log_likelihood - values[drawn])
        ess = float(weight.sum() ** 2 / np.sum(weight**2))
        efficiency = ess / len(weight)
        kept = systematic(weight, self.settings.particles, random)
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
        """Return the lower corners (size, 3) of equal, nearly cubic cells of the box, and their width."""
        side, count = self.upper - self.lower, self._counts(size)
        index = np.stack(np.meshgrid(*[np.arange(n) for n in count], indexing="ij"), axis=-1).reshape(-1, 3)
        return self.lower + index * side / count, side / count

    def _counts(self, size: int) -> np.ndarray:
        """Return how many of `size` cells lie along each axis, so that they are nearly cubic."""
        side, count = self.upper - self.lower, np.ones(3, np.int64)
        for _ in range(int(math.log2(size))):
            count[np.argmax(side / count)] *= 2
        return count


def _smoothed(own: np.ndarray, neighbours: np.ndarray) -> np.ndarray:
    """Return log-likelihoods (n,) of cells, mixed with the means of their neighbours'."""
    return np.logaddexp(math.log1p(-_FROM_NEIGHBOURS) + own, math.log(_FROM_NEIGHBOURS) + neighbours)


def _mean_of_grid(log_likelihood: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Return the logarithm of the mean likelihood of each cell (n,) of a grid and the 26 around it."""
    largest = log_likelihood.max()
    likelihood = np.exp(log_likelihood - largest).reshape(counts)
    mean = uniform_filter(likelihood, size=3, mode="nearest").ravel()
    return largest + np.log(np.maximum(mean, np.finfo(float).tiny))
