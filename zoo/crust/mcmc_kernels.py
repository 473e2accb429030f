"""Numba kernels of `zoo.crust.mcmc`: log posterior of a model, guide, elliptical slice sampling."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from zoo.crust.physics import prior_kernels as kernels
from zoo.crust.physics.rayleigh_kernels import dispersion

MOHO = 6  # the draw that decides the thickness


@njit(cache=True, nogil=True)
def accepted(place, draws, seed, prior, size, knots):
    state = kernels.start(seed, 0)
    uniform = np.empty(size)
    needed = kernels.layout(prior.shape[0] - 1)[3]
    count = 0
    for _ in range(draws):
        for i in range(needed):
            uniform[i] = kernels._uniform(state)
        uniform[MOHO] = place
        count += kernels.fill_density(uniform, prior, knots)
    return count


@njit(cache=True, nogil=True)
def _uniform(normal):
    return 0.5 * math.erfc(-normal / math.sqrt(2.0))


@njit(cache=True, nogil=True)
def log_posterior(normal, uniform, prior, data, correction, knots, curve, arrays, models, anyhow):
    """Return the log likelihood of a model, -inf where mass, inertia or a missing mode forbid it.

    The curve is computed in any case with `anyhow`.
    """
    for i in range(normal.size):
        uniform[i] = _uniform(normal[i])
    if not kernels.fill_density(uniform, prior, knots) and not anyhow:
        return -np.inf
    kernels.fill_rest(uniform, prior, knots)
    observed, sd, frequency_hz = data
    dispersion(knots, frequency_hz, 1.0, 1.0, False, False, arrays[0], arrays[1], arrays[2], curve)
    models[0] += 1
    place = uniform[MOHO]
    total = -(correction[0] * place * place + correction[1] * place + correction[2])
    for i in range(observed.size):
        if math.isnan(curve[0, i]):
            return -np.inf
        total -= 0.5 * ((observed[i] - curve[0, i]) / sd[i]) ** 2
    return total


@njit(cache=True, nogil=True)
def _node(place, places):
    """Return the node below a place, how far it is on the way to the next (the lines go on beyond the ends), and the
    nearest node."""
    last = places.size - 1
    step = (places[last] - places[0]) / last
    position = (place - places[0]) / step
    below = min(max(int(math.floor(position)), 0), last - 1)
    return below, position - below, min(max(int(round(position)), 0), last)


@njit(cache=True, nogil=True)
def _log_density(strengths):
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
def to_white(normal, block, places, centres, axes, strengths, white):
    """Fill white with the coordinates that the guide calls standard normal; return what a density there gains."""
    below, share, nearest = _node(_uniform(normal[MOHO]), places)
    white[0] = normal[MOHO]
    gain = _log_density(strengths[nearest])
    for j in range(1, block.size):
        z = normal[block[j]]
        white[j] = z - (1.0 - share) * centres[below, j - 1] - share * centres[below + 1, j - 1]
        gain -= 0.5 * z * z
    _stretch(white[1:], axes[nearest], strengths[nearest], 0.5)
    for j in range(1, block.size):
        gain += 0.5 * white[j] ** 2
    return gain


@njit(cache=True, nogil=True)
def from_white(white, block, places, centres, axes, strengths, normal):
    """The inverse of `_to_white`; destroys white."""
    normal[MOHO] = white[0]
    below, share, nearest = _node(_uniform(white[0]), places)
    gain = _log_density(strengths[nearest])
    for j in range(1, block.size):
        gain += 0.5 * white[j] ** 2
    _stretch(white[1:], axes[nearest], strengths[nearest], -0.5)
    for j in range(1, block.size):
        z = white[j] + (1.0 - share) * centres[below, j - 1] + share * centres[below + 1, j - 1]
        normal[block[j]] = z
        gain -= 0.5 * z * z
    return gain


@njit(cache=True, nogil=True)
def run(
    random, normal, uniform, log_likelihood, blocks, ends, first, trace,
    places, centres, axes, strengths, prior, data, correction, knots, curve, arrays, models,
):  # fmt: skip
    """Do updates by elliptical slice sampling of one block after the other; note Moho's draw and log likelihood."""
    proposal = normal.copy()
    for update in range(trace.shape[1]):
        kind = (first + update) % ends.size
        guided = kind == 0
        block = blocks[(0 if guided else ends[kind - 1]) : ends[kind]]
        here, other, white = normal[block], np.empty(block.size), np.empty(block.size)
        for j in range(block.size):
            other[j] = random.standard_normal()
        level = log_likelihood[0] + math.log(1.0 - random.random())
        if guided:
            level += to_white(normal, block, places, centres, axes, strengths, here)
        angle = random.random() * 2.0 * math.pi
        low, high = angle - 2.0 * math.pi, angle
        while True:
            gain = 0.0
            for j in range(block.size):
                white[j] = here[j] * math.cos(angle) + other[j] * math.sin(angle)
            if guided:
                gain = from_white(white, block, places, centres, axes, strengths, proposal)
            else:
                proposal[block] = white
            value = log_posterior(proposal, uniform, prior, data, correction, knots, curve, arrays, models, False)
            if value + gain > level:
                break
            if angle < 0.0:
                low = angle
            else:
                high = angle
            if high - low < 1e-12:  # the slice is the point itself, to rounding
                proposal[block] = normal[block]
                value = log_likelihood[0]
                break
            angle = low + (high - low) * random.random()
        normal[block] = proposal[block]
        log_likelihood[0] = value
        trace[0, update] = _uniform(normal[MOHO])
        trace[1, update] = value
