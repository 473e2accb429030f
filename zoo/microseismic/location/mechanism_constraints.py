"""Is the source a double couple, has it no volume change, or is it neither? Evidence of one against another.

The full tensor's posterior is what the locations were sampled from. The evidence of a constraint, relative to it, is
the mean over these samples of the ratio of the two likelihoods, each with its tensors integrated out: deviatoric ones
in closed form, double couples by importance sampling of the orientation. The prior of the size, M : M, is that of the
full tensor under every constraint, and orientations are uniform, so that the evidence compares shapes alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation
from scipy.special import gammaln, logsumexp, ndtr

from zoo.microseismic.location.importance import Mixture, population, systematic
from zoo.microseismic.physics.moment_tensor import MULTIPLICITY, from_matrix

CONSTRAINTS = ("full", "deviatoric", "double_couple")
# Locations over which double couples are averaged, orientations that are tried first, and modes among them.
_PLACES, _ORIENTATIONS, _MODES, _APART_RAD, _FIRST_SD_RAD = 256, 8_192, 6, 0.5, 0.1
_ROUNDS, _DRAWS, _ENOUGH = 12, 512, 600
# Evidence from fewer effective samples is a guess.
MIN_EFFECTIVE = 30
# Axes of tension, null and pressure in the frame of a double couple.
_FRAME = np.diag([1.0, 0.0, -1.0])
# Rotations that leave a double couple as it is.
_SAME = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]], float)


@dataclass(frozen=True)
class Constrained:
    """Samples under a constraint.

    Attributes:
        log_evidence: relative to the full tensor.
        effective: effective number of samples that it comes from.
        chosen: (n,) which of the full posterior's locations are samples of this one.
        tensors: (n, 6) in units of the prior's scale.
    """

    log_evidence: float
    effective: float
    chosen: np.ndarray
    tensors: np.ndarray


def constrained(gram: np.ndarray, projected: np.ndarray, rng: np.random.Generator) -> dict[str, Constrained]:
    """Return samples of deviatoric tensors and of double couples, and the evidence of each.

    Args:
        gram, projected: A (n, 6, 6) and b (n, 6) of `MechanismLikelihood.normal_equations`, at samples of the full
            tensor's posterior.
        rng: makes the draws.

    Data that say nothing leave all constraints as probable as each other:

    >>> nothing = constrained(np.zeros((300, 6, 6)), np.zeros((300, 6)), np.random.default_rng(0))
    >>> [abs(one.log_evidence) < 0.1 for one in nothing.values()]
    [True, True]
    """
    full = _integrated(gram, projected)
    return {
        "deviatoric": _deviatoric(gram, projected, full, rng),
        "double_couple": _double_couples(gram, projected, full, rng),
    }


def _integrated(gram: np.ndarray, projected: np.ndarray) -> np.ndarray:
    precision = np.eye(gram.shape[-1]) + gram
    quadratic = np.einsum("ni,ni->n", projected, np.linalg.solve(precision, projected[..., None])[..., 0])
    return 0.5 * (quadratic - np.linalg.slogdet(precision)[1])


def _deviatoric(gram: np.ndarray, projected: np.ndarray, full: np.ndarray, rng: np.random.Generator) -> Constrained:
    isotropic = np.array([[1.0, 1.0, 1.0, 0.0, 0.0, 0.0]]) / np.sqrt(3.0)
    basis = np.linalg.svd(isotropic)[2][1:]
    gram, projected = basis @ gram @ basis.T, projected @ basis.T
    precision = np.eye(5) + gram
    mean = np.linalg.solve(precision, projected[..., None])[..., 0]
    root = np.swapaxes(np.linalg.cholesky(precision), -1, -2)
    drawn = mean + np.linalg.solve(root, rng.normal(size=(*mean.shape, 1)))[..., 0]
    # A normal prior in five dimensions expects smaller tensors than one in six.
    size = np.linalg.norm(drawn, axis=1)
    larger = np.log(size) - 0.5 * np.log(2.0) + gammaln(2.5) - gammaln(3.0)
    log_weight = _integrated(gram, projected) - full + larger
    return _resampled(log_weight, drawn @ basis, rng)


def _resampled(log_weight: np.ndarray, tensors: np.ndarray, rng: np.random.Generator) -> Constrained:
    weight = np.exp(log_weight - log_weight.max())
    chosen = systematic(weight, len(weight), rng)
    evidence = float(logsumexp(log_weight) - np.log(len(log_weight)))
    return Constrained(evidence, float(weight.sum() ** 2 / np.sum(weight**2)), chosen, tensors[chosen] / _even())


def _even() -> np.ndarray:
    return np.sqrt(MULTIPLICITY)


def _couples(rotations: np.ndarray) -> np.ndarray:
    """Return unit vectors (n, 6) in the even space, of the double couples of rotations (n, 3, 3)."""
    tensors = from_matrix(rotations @ _FRAME @ np.swapaxes(rotations, -1, -2))
    return tensors * _even() / np.sqrt(2.0)


def _double_couples(gram: np.ndarray, projected: np.ndarray, full: np.ndarray, rng: np.random.Generator) -> Constrained:
    few = rng.choice(len(full), min(_PLACES, len(full)), replace=False)
    gram_few, projected_few, full_few = gram[few], projected[few], full[few]

    def by_place(rotations: np.ndarray) -> np.ndarray:
        """Return the log-likelihood ratio (orientations, places), with the size integrated out."""
        unit = _couples(rotations)
        alpha = np.einsum("mi,nij,mj->mn", unit, gram_few, unit, optimize=True)
        precision, along = 1.0 + np.maximum(alpha, 0.0), unit @ projected_few.T
        return _size_integrated(precision, along) - full_few

    tried = Rotation.random(_ORIENTATIONS, rng).as_matrix()
    heights = np.concatenate([_averaged(by_place(part)) for part in np.array_split(tried, 16)])
    best = tried[np.argmax(heights)]

    def relative(rotations: np.ndarray) -> np.ndarray:
        """Return rotation vectors from the best, the shortest of the four that make the same tensor."""
        inner = best.T @ rotations
        traces = np.einsum("nii,ki->nk", inner, _SAME)
        inner = inner * _SAME[np.argmax(traces, axis=1)][:, None, :]
        return Rotation.from_matrix(inner).as_rotvec()

    order = np.argsort(-heights)[:512]
    vectors, chosen = relative(tried[order]), [0]
    for k, vector in enumerate(vectors):
        if heights[order[k]] < heights[order[0]] - 30.0 or len(chosen) == _MODES:
            break
        if np.all(np.linalg.norm(vectors[chosen] - vector, axis=1) > _APART_RAD):
            chosen.append(k)

    def density(points: np.ndarray) -> np.ndarray:
        angle = np.linalg.norm(points, axis=1)
        inner = Rotation.from_rotvec(points).as_matrix()
        traces = np.einsum("nii,ki->nk", inner, _SAME)
        # Each tensor once, of the four rotations that make it.
        allowed = (np.argmax(traces, axis=1) == 0) & (angle < np.pi)
        angle = np.maximum(angle, 1e-6)
        uniform = np.log(np.maximum(1 - np.cos(angle), 1e-14) / (np.pi * angle) ** 2)
        return np.where(allowed, _averaged(by_place(best @ inner)) + uniform, -1e30)

    covariances = np.repeat(_FIRST_SD_RAD**2 * np.eye(3)[None], len(chosen), axis=0)
    mixture = Mixture.of_modes(vectors[chosen], covariances, heights[order[chosen]], _MODES)
    # With data that say little, all orientations are possible.
    mixture = mixture.with_part(np.zeros(3))
    mixture.covariances[np.argmin(np.linalg.norm(mixture.places, axis=1))] = np.eye(3)
    found = population(density, mixture, _ROUNDS, _DRAWS, rng, _ENOUGH)
    drawn = found.points[systematic(found.weights, len(full), rng)]
    unit = _couples(best @ Rotation.from_rotvec(drawn).as_matrix())
    share = np.concatenate(
        [by_place(best @ Rotation.from_rotvec(part).as_matrix()) for part in np.array_split(drawn, 8)]
    )
    gumbel = rng.gumbel(size=share.shape)
    place = few[np.argmax(share + gumbel, axis=1)]
    precision = 1.0 + np.einsum("ni,nij,nj->n", unit, gram[place], unit)
    size = _sizes(precision, np.einsum("ni,ni->n", unit, projected[place]), rng)
    spread = np.exp(share - logsumexp(share, axis=1, keepdims=True)).mean(axis=0)
    effective = min(found.effective, float(1.0 / np.sum(spread**2)))
    evidence = found.moments()[2]
    return Constrained(evidence, effective, place, size[:, None] * unit / _even())


def _averaged(values: np.ndarray) -> np.ndarray:
    return logsumexp(values, axis=1) - np.log(values.shape[1])


def _size_integrated(precision: np.ndarray, along: np.ndarray) -> np.ndarray:
    """Return log of the integral over sizes a > 0 of chi(a; 6) exp(a * along - a^2 (precision - 1) / 2)."""
    sd = 1.0 / np.sqrt(precision)
    mean = along / precision
    ratio = mean / sd
    # Moments of a truncated normal distribution, in its sd; forward they lose digits far in the tail, which counts not.
    density = np.exp(-0.5 * ratio**2) / np.sqrt(2 * np.pi)
    before, moment = ndtr(ratio), ratio * ndtr(ratio) + density
    for n in range(2, 6):
        before, moment = moment, ratio * moment + (n - 1) * before
    scale = 6 * np.log(sd) + 0.5 * np.log(2 * np.pi) - 2 * np.log(2.0) - gammaln(3.0)
    return np.where(ratio > -4, np.log(np.maximum(moment, 1e-300)) + scale + 0.5 * ratio**2, -1e30)


def _sizes(precision: np.ndarray, along: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return sizes (n,) drawn from a^5 exp(a * along - a^2 precision / 2)."""
    mean, sd = along / precision, 1.0 / np.sqrt(precision)
    top = 0.5 * (mean + np.sqrt(mean**2 + 20 * sd**2))
    grid = np.maximum(top[:, None] + sd[:, None] * np.linspace(-5, 5, 201), 1e-12)
    log_density = 5 * np.log(grid) - 0.5 * ((grid - mean[:, None]) / sd[:, None]) ** 2
    weight = np.exp(log_density - log_density.max(axis=1, keepdims=True)) * (grid > 2e-12)
    cumulative = np.cumsum(weight, axis=1)
    index = np.sum(cumulative < rng.uniform(size=(len(grid), 1)) * cumulative[:, -1:], axis=1)
    return np.take_along_axis(grid, np.minimum(index, 200)[:, None], axis=1)[:, 0]
