"""Numba kernels of `zoo.crust.mcmc`: log posterior of a model, guide, elliptical slice sampling.

A model is a vector of normal scores, one for each uniform draw of the prior (`prior_kernels.layout`): the prior is
standard normal in them, up to the condition that mass and inertia are the Earth's.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from zoo.compiled import njit
from zoo.crust.physics import prior_kernels as kernels
from zoo.crust.physics.prior_kernels import MOHO_DRAW
from zoo.crust.physics.rayleigh_kernels import Options, Work, dispersion

_NO_SLICE = 1e-12  # of an angle in radians: the slice is the point itself, to rounding


class Curve(NamedTuple):
    """The data."""

    observed: np.ndarray
    """(F,), phase velocity in km/s, nothing missing."""
    sd: np.ndarray
    """(F,), km/s."""
    frequency_hz: np.ndarray
    """(F,), ascending."""


class Target(NamedTuple):
    """What is sampled."""

    prior: np.ndarray
    """The table of the prior (`EarthPrior.table`)."""
    data: Curve
    correction: np.ndarray
    """(3,), a quadratic in the Moho's draw that is subtracted from the log likelihood."""


class Scratch(NamedTuple):
    """Arrays that `log_posterior` works in; each thread needs its own."""

    uniform: np.ndarray
    """(layout.size,), the draws."""
    knots: np.ndarray
    """(9, knots), the model."""
    curve: np.ndarray
    """(2, F), computed; row 0 is the phase velocity in km/s."""
    rayleigh: Work
    solved: np.ndarray
    """(1,), how many models were solved for."""


class Blocks(NamedTuple):
    """Which draws move together."""

    draws: np.ndarray
    """(n,), the draws of each kind of update, one kind after the other; the Moho's is first."""
    ends: np.ndarray
    """(kinds,), where each kind ends. The first kind is the guided one."""


class Guide(NamedTuple):
    """A normal distribution about the best model of each of K thicknesses: centre and precision I + axes' s^2 axes."""

    places: np.ndarray
    """(K,), the Moho's draw, evenly spaced."""
    centres: np.ndarray
    """(K, n), normal scores of the other draws of the first kind."""
    axes: np.ndarray
    """(K, k, n), orthonormal directions that the data constrain."""
    strengths: np.ndarray
    """(K, k), s: how much the data constrain them, in prior standard deviations."""


class State(NamedTuple):
    """Where a chain is."""

    normal: np.ndarray
    """(layout.size,), normal scores of the draws."""
    log_likelihood: np.ndarray
    """(1,)."""


@njit(cache=True, nogil=True)
def count_accepted(place, count, seed, prior, scratch):
    """Return how many of `count` models with a given draw of the Moho have the Earth's mass and inertia.

    Args:
        place: the Moho's draw, 0 to 1.
        count: how many models are drawn.
        seed: seed of the draws.
        prior: the table of the prior.
        scratch: work arrays.
    """
    state = kernels.start(seed, 0)
    needed = kernels.layout(prior.shape[0] - 1).vp
    accepted = 0
    for _ in range(count):
        for i in range(needed):
            scratch.uniform[i] = kernels.next_uniform(state)
        scratch.uniform[MOHO_DRAW] = place
        accepted += kernels.fill_density(scratch.uniform, prior, scratch.knots)
    return accepted


@njit(cache=True, nogil=True)
def normal_cdf(z):
    """Return the uniform draw of a normal score."""
    return 0.5 * math.erfc(-z / math.sqrt(2.0))


@njit(cache=True, nogil=True)
def log_posterior(normal, target, scratch, anyhow):
    """Return the log likelihood of a model, -inf where mass, inertia or a missing mode forbid it.

    Args:
        normal: (layout.size,), normal scores.
        target: what is sampled.
        scratch: work arrays; `uniform`, `knots` and `curve` are the model's on return.
        anyhow: compute the curve even if mass or inertia is not the Earth's.
    """
    uniform, observed, sd = scratch.uniform, target.data.observed, target.data.sd
    for i in range(normal.size):
        uniform[i] = normal_cdf(normal[i])
    if not kernels.fill_density(uniform, target.prior, scratch.knots) and not anyhow:
        return -np.inf
    kernels.fill_rest(uniform, target.prior, scratch.knots)
    options = Options(1.0, 1.0, False, False, 0)
    dispersion(scratch.knots, target.data.frequency_hz, options, scratch.rayleigh, scratch.curve)
    scratch.solved[0] += 1
    place, correction = uniform[MOHO_DRAW], target.correction
    total = -(correction[0] * place * place + correction[1] * place + correction[2])
    for i in range(observed.size):
        if math.isnan(scratch.curve[0, i]):
            return -np.inf
        total -= 0.5 * ((observed[i] - scratch.curve[0, i]) / sd[i]) ** 2
    return total


@njit(cache=True, nogil=True)
def _node(place, places):
    """Return the node of the guide below a place, how far it is on the way to the next, and the nearest node.

    Beyond the ends the way goes on: below 0 or above 1.
    """
    last = places.size - 1
    step = (places[last] - places[0]) / last
    position = (place - places[0]) / step
    below = min(max(int(math.floor(position)), 0), last - 1)
    return below, position - below, min(max(int(round(position)), 0), last)


@njit(cache=True, nogil=True)
def _log_density(strengths):
    """Return half the logarithm of the determinant of (I + axes' strengths^2 axes)^-1."""
    total = 0.0
    for k in range(strengths.size):
        total -= 0.5 * math.log(1.0 + strengths[k] ** 2)
    return total


@njit(cache=True, nogil=True)
def _stretch(vector, axes, strengths, exponent):
    """Multiply a vector by (I + axes' strengths^2 axes) to the power of the exponent, in place."""
    for k in range(strengths.size):
        along = 0.0
        for j in range(vector.size):
            along += axes[k, j] * vector[j]
        along *= (1.0 + strengths[k] ** 2) ** exponent - 1.0
        for j in range(vector.size):
            vector[j] += along * axes[k, j]


@njit(cache=True, nogil=True)
def to_white(normal, block, guide, white):
    """Fill the coordinates in which the guide is standard normal; return ln of the prior's density over the guide's.

    The Moho's score stays as it is. The centre, interpolated between the nodes, is subtracted from the others, and
    they are divided by the sd of the nearest node: so a chain that moves the Moho takes the other draws along.

    Args:
        normal: (layout.size,), normal scores.
        block: (1 + n,), the draws of the guided update, the Moho's first.
        guide: the guide of this prior and curve.
        white: (1 + n,), filled.
    """
    below, share, nearest = _node(normal_cdf(normal[MOHO_DRAW]), guide.places)
    white[0] = normal[MOHO_DRAW]
    gain = _log_density(guide.strengths[nearest])
    for j in range(1, block.size):
        z = normal[block[j]]
        white[j] = z - (1.0 - share) * guide.centres[below, j - 1] - share * guide.centres[below + 1, j - 1]
        gain -= 0.5 * z * z
    _stretch(white[1:], guide.axes[nearest], guide.strengths[nearest], 0.5)
    for j in range(1, block.size):
        gain += 0.5 * white[j] ** 2
    return gain


@njit(cache=True, nogil=True)
def from_white(white, block, guide, normal):
    """Fill the normal scores of a block from the guide's coordinates: the inverse of `to_white`, with its return value.

    Args:
        white: (1 + n,), destroyed.
        block, guide: as for `to_white`.
        normal: (layout.size,), filled where the block is.
    """
    normal[MOHO_DRAW] = white[0]
    below, share, nearest = _node(normal_cdf(white[0]), guide.places)
    gain = _log_density(guide.strengths[nearest])
    for j in range(1, block.size):
        gain += 0.5 * white[j] ** 2
    _stretch(white[1:], guide.axes[nearest], guide.strengths[nearest], -0.5)
    for j in range(1, block.size):
        z = white[j] + (1.0 - share) * guide.centres[below, j - 1] + share * guide.centres[below + 1, j - 1]
        normal[block[j]] = z
        gain -= 0.5 * z * z
    return gain


@njit(cache=True, nogil=True)
def _update(random, state, block, guided, guide, target, scratch):
    """Do one update by elliptical slice sampling (Murray, Adams & MacKay 2010, figure 2) of a block of draws.

    Args:
        random: a `numpy.random.Generator`.
        state: moved.
        block: the draws that move.
        guided: the ellipse is drawn in the guide's coordinates; the guide's density then belongs to the likelihood.
        guide, target: those of this prior and curve.
        scratch: work arrays.
    """
    proposal = state.normal.copy()
    here, other, white = state.normal[block], np.empty(block.size), np.empty(block.size)
    for j in range(block.size):
        other[j] = random.standard_normal()
    # The height of the slice, and a first angle on the ellipse through the point and a draw of the prior.
    level = state.log_likelihood[0] + math.log(1.0 - random.random())
    if guided:
        level += to_white(state.normal, block, guide, here)
    angle = random.random() * 2.0 * math.pi
    low, high = angle - 2.0 * math.pi, angle
    while True:
        gain = 0.0
        for j in range(block.size):
            white[j] = here[j] * math.cos(angle) + other[j] * math.sin(angle)
        if guided:
            gain = from_white(white, block, guide, proposal)
        else:
            proposal[block] = white
        value = log_posterior(proposal, target, scratch, False)
        if value + gain > level:
            break
        # Outside the slice: the bracket shrinks towards the point, which is at 0.
        if angle < 0.0:
            low = angle
        else:
            high = angle
        if high - low < _NO_SLICE:
            return
        angle = low + (high - low) * random.random()
    state.normal[block] = proposal[block]
    state.log_likelihood[0] = value


@njit(cache=True, nogil=True)
def run(random, state, blocks, guide, target, scratch, first, trace):
    """Do updates of one block after the other, in turns.

    Args:
        random: a `numpy.random.Generator`.
        state: where the chain is; moved.
        blocks: which draws move together.
        guide, target: those of this prior and curve.
        scratch: work arrays of this thread.
        first: number of the first update, which decides whose turn it is.
        trace: (2, updates), filled with the Moho's draw and the log likelihood after each.
    """
    for update in range(trace.shape[1]):
        kind = (first + update) % blocks.ends.size
        block = blocks.draws[(0 if kind == 0 else blocks.ends[kind - 1]) : blocks.ends[kind]]
        _update(random, state, block, kind == 0, guide, target, scratch)
        trace[0, update] = normal_cdf(state.normal[MOHO_DRAW])
        trace[1, update] = state.log_likelihood[0]
