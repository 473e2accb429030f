"""Numba kernels of `zoo.crust.physics.prior`: uniform draws to knots of an Earth model, and whole datasets.

A model is a function of a vector of uniform draws: first come those that decide radii and density (most vectors fail
the test of mass and inertia), then the rest. `layout` says which draw is for what, `prior_tables` has the ranges.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from zoo.compiled import njit
from zoo.crust.physics import prior_tables as tables
from zoo.crust.physics.earth import (
    DENSITY,
    EARTH_RADIUS_KM,
    ETA,
    QKAPPA,
    QMU,
    RADIUS,
    TO_KG,
    TO_KG_M2,
    VPH,
    VPV,
    VSH,
    VSV,
)
from zoo.crust.physics.love_kernels import love_dispersion
from zoo.crust.physics.rayleigh_kernels import Options, Work, dispersion

_THINNEST_KM = 1e-3  # of a sediment: a layer needs a thickness
MOST_DRAWS = 100

# Draws that every prior has: boundaries of table A.2 from 0, then these; shares of the layers follow.
MOHO_DRAW, SEDIMENT_DRAW, _SHARE_DRAWS = 6, 7, 8
# Columns of a prior's table (`EarthPrior.table`), row 0: ranges of Moho, sediment and sea.
_MOHO_LOW, _MOHO_HIGH, _SEDIMENT_LOW, _SEDIMENT_HIGH, _FLAT_MOHO, _HAS_SEDIMENT = range(6)
_SEA_LOW, _SEA_HIGH, _HAS_SEA = 6, 7, 8
# The other rows are layers from above: the sea if there is one, then those of the crust. vp is a ratio to vs where the
# table says so.
_VS_LOW, _VS_HIGH, _VP_LOW, _VP_HIGH, _VP_IS_RATIO = range(5)
_RHO_LOW, _RHO_HIGH, _SHARE_LOW, _SHARE_HIGH, _LAYER_KNOTS = range(5, 10)


class Layout(NamedTuple):
    """Where in the vector of draws those for one purpose begin. Before all of them: `MOHO_DRAW`, `SEDIMENT_DRAW`."""

    shares: int
    """Shares of the crust's layers; that of a sea is its thickness."""
    density: int
    """Density of the knots below the Moho; those of a region from above."""
    crust_density: int
    """Density of the crust's layers."""
    vp: int
    """vpv, then vph of the knots below the Moho. The draws before these decide mass and inertia."""
    vs: int
    """vsv, then vsh, then eta of the knots below the Moho."""
    crust: int
    """vs and vp of each layer of the crust."""
    q: int
    """Qmu, then Qkappa."""
    size: int
    """Length of the vector."""


class Scratch(NamedTuple):
    """Arrays that `draw_many` works in; each thread needs its own."""

    uniform: np.ndarray
    """(layout.size,), the draws."""
    knots: np.ndarray
    """(9, knots), the model."""
    rayleigh: Work


class Block(NamedTuple):
    """What `draw_many` fills: n examples."""

    curves: np.ndarray
    """(n, F), phase velocity in km/s; NaN where MOST_DRAWS models had no root."""
    moho: np.ndarray
    """(n,), depth in km below the top of the solid."""
    vp: np.ndarray
    """(n, D), km/s."""
    vs: np.ndarray
    """(n, D), km/s."""
    failed: np.ndarray
    """(n,), models without a root that were drawn before."""
    others: np.ndarray
    """(3, n, F), group velocity, and phase and group velocity of Love waves, km/s; (3, 0, 0): they are not computed."""


@njit(cache=True)
def layout(layers):
    """Return the `Layout` of the draws of a prior with so many layers in the crust, sediment included."""
    density = _SHARE_DRAWS + layers
    crust_density = density + tables.MANTLE_KNOTS
    vp = crust_density + layers
    vs = vp + 2 * tables.MANTLE_KNOTS
    crust = vs + 3 * tables.MANTLE_KNOTS
    q = crust + 2 * layers
    return Layout(_SHARE_DRAWS, density, crust_density, vp, vs, crust, q, q + tables.SHEAR_QS + tables.BULK_QS)


@njit(cache=True, nogil=True)
def start(seed, example):
    """Return the state (1,) of an example's random numbers; the constants are odd and otherwise arbitrary."""
    state = np.empty(1, np.uint64)
    state[0] = np.uint64(seed) * np.uint64(0xD1342543DE82EF95) + np.uint64(0x2545F4914F6CDD1D)
    next_uniform(state)
    state[0] ^= np.uint64(example) * np.uint64(0x9E6C63D0876A9A47)
    next_uniform(state)
    return state


@njit(cache=True, nogil=True)
def next_uniform(state):
    """Return the next number in [0, 1) and advance the state: SplitMix64 (Steele, Lea & Flood 2014)."""
    state[0] += np.uint64(0x9E3779B97F4A7C15)
    z = state[0]
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z = z ^ (z >> np.uint64(31))
    return np.float64(z >> np.uint64(11)) * (1.0 / 9007199254740992.0)  # 53 bits of 64, over 2^53


@njit(cache=True, nogil=True)
def _between(low, high, u):
    return low + (high - low) * u


@njit(cache=True, nogil=True)
def _descend(region, prem, quantity, u, out):
    """Fill a region's values from its topmost knot down.

    Args:
        region: number of the region.
        prem: (mantle knots,), PREM's values.
        quantity: row of `tables.TOP`: the ranges of density, vp or vs.
        u: (mantle knots,), the draws; those of a region are for its knots from above.
        out: (knots,), filled where the region is.
    """
    n, here = tables.KNOTS[region], slice(tables.FIRST_KNOT[region], tables.FIRST_KNOT[region + 1])
    prem, u, out = prem[here], u[here], out[here]
    low, high, step = tables.TOP[region, quantity, 0], tables.TOP[region, quantity, 1], tables.STEP[region]
    out[n - 1] = prem[n - 1] * (1.0 + _between(low, high, u[0]))
    for i in range(n - 2, -1, -1):
        out[i] = (out[i + 1] + prem[i] - prem[i + 1]) * (1.0 + step * (2.0 * u[n - 1 - i] - 1.0))


@njit(cache=True, nogil=True)
def fill_density(u, prior, knots):
    """Fill radii and density of a model; return whether mass and moment of inertia are the Earth's.

    Args:
        u: (layout.size,), uniform draws; those before `layout.vp` are used.
        prior: the table of the prior.
        knots: (9, knots), rows as in `zoo.crust.physics.earth.COLUMNS`.
    """
    draws = layout(prior.shape[0] - 1)
    edges = np.empty(len(tables.KNOTS) + 1)
    edges[0] = 0.0
    for i in range(tables.DEPTHS_KM.shape[0]):
        edges[1 + i] = EARTH_RADIUS_KM - _between(tables.DEPTHS_KM[i, 0], tables.DEPTHS_KM[i, 1], u[i])
    moho = _between(prior[0, _MOHO_LOW], prior[0, _MOHO_HIGH], u[MOHO_DRAW])
    sea = 0.0
    if prior[0, _HAS_SEA] > 0.0:
        sea = _between(prior[0, _SEA_LOW], prior[0, _SEA_HIGH], u[draws.shares])
    edges[-1] = EARTH_RADIUS_KM - sea - moho
    prem, u_density, density = tables.PREM[tables.PREM_DENSITY], u[draws.density :], knots[DENSITY]
    for region in range(len(tables.KNOTS)):
        n, at = tables.KNOTS[region], tables.FIRST_KNOT[region]
        for i in range(n):
            knots[RADIUS, at + i] = edges[region] + (edges[region + 1] - edges[region]) * i / (n - 1)
        _descend(region, prem, tables.OF_DENSITY, u_density, density)
    _fill_crust_density(u, draws, prior, sea, moho, knots)
    mass, inertia = _mass_and_inertia(knots)
    return (
        abs(mass - tables.MASS_KG[0]) <= tables.MASS_KG[1]
        and abs(inertia - tables.INERTIA_KG_M2[0]) <= tables.INERTIA_KG_M2[1]
    )


@njit(cache=True, nogil=True)
def _fill_crust_density(u, draws, prior, sea, moho, knots):
    """Fill radii and density of sea and crust, layer by layer from the surface down.

    Args:
        u: the draws; draws: their layout.
        prior: the table of the prior.
        sea: thickness in km; 0 without one.
        moho: depth below the sea in km.
        knots: (9, knots).
    """
    layers = prior.shape[0] - 1
    u_sediment = u[SEDIMENT_DRAW] * u[SEDIMENT_DRAW]  # squared: thin sediments are likelier
    sediment = _between(prior[0, _SEDIMENT_LOW], prior[0, _SEDIMENT_HIGH], u_sediment)
    top = EARTH_RADIUS_KM
    at = knots.shape[1]
    first = 1 if prior[0, _HAS_SEA] > 0.0 else 0  # of the crust
    for layer in range(layers):
        row = prior[1 + layer]
        if layer == layers - 1:
            bottom = EARTH_RADIUS_KM - sea - moho
        elif layer < first:
            bottom = top - sea
        elif layer == first and prior[0, _HAS_SEDIMENT] > 0.0:
            bottom = top - max(sediment, _THINNEST_KM)
        else:
            bottom = top - (moho - sediment) * _between(row[_SHARE_LOW], row[_SHARE_HIGH], u[draws.shares + layer])
        n = int(row[_LAYER_KNOTS])
        at -= n
        rho = _between(row[_RHO_LOW], row[_RHO_HIGH], u[draws.crust_density + layer])
        for i in range(n):
            knots[RADIUS, at + i] = bottom + (top - bottom) * i / (n - 1)
            knots[DENSITY, at + i] = rho
        top = bottom


@njit(cache=True, nogil=True)
def _mass_and_inertia(knots):
    """Return mass in kg and moment of inertia in kg m2 of a model whose density is linear between knots."""
    mass = inertia = 0.0
    for i in range(1, knots.shape[1]):
        r0, r1 = knots[RADIUS, i - 1], knots[RADIUS, i]
        if r1 > r0:
            slope = (knots[DENSITY, i] - knots[DENSITY, i - 1]) / (r1 - r0)
            base = knots[DENSITY, i - 1] - slope * r0
            mass += base * (r1**3 - r0**3) / 3.0 + slope * (r1**4 - r0**4) / 4.0
            inertia += base * (r1**5 - r0**5) / 5.0 + slope * (r1**6 - r0**6) / 6.0
    return mass * TO_KG, inertia * TO_KG_M2


@njit(cache=True, nogil=True)
def fill_rest(u, prior, knots):
    """Fill velocities, eta and attenuation of a model whose radii and density are there.

    Args:
        u: (layout.size,), uniform draws.
        prior: the table of the prior.
        knots: (9, knots), rows as in `zoo.crust.physics.earth.COLUMNS`.
    """
    draws = layout(prior.shape[0] - 1)
    m = tables.MANTLE_KNOTS
    for region in range(len(tables.KNOTS)):
        at, end = tables.FIRST_KNOT[region], tables.FIRST_KNOT[region + 1]
        _descend(region, tables.PREM[tables.PREM_VPV], tables.OF_VP, u[draws.vp :], knots[VPV])
        if region == tables.OUTER_CORE_REGION:
            knots[VSV, at:end] = 0.0
        else:
            _descend(region, tables.PREM[tables.PREM_VSV], tables.OF_VS, u[draws.vs :], knots[VSV])
        if region == tables.LID_REGION:  # the one anisotropic region
            _descend(region, tables.PREM[tables.PREM_VPH], tables.OF_VP, u[draws.vp + m :], knots[VPH])
            _descend(region, tables.PREM[tables.PREM_VSH], tables.OF_VS, u[draws.vs + m :], knots[VSH])
            _descend(region, tables.PREM[tables.PREM_ETA], tables.OF_VS, u[draws.vs + 2 * m :], knots[ETA])
        else:
            knots[VPH, at:end] = knots[VPV, at:end]
            knots[VSH, at:end] = knots[VSV, at:end]
            knots[ETA, at:end] = 1.0
    _fill_crust_velocities(u[draws.crust :], prior, knots)
    _fill_attenuation(u[draws.q :], knots)


@njit(cache=True, nogil=True)
def _fill_crust_velocities(u, prior, knots):
    """Fill velocities and eta of the crust, layer by layer from the surface down; u has vs and vp of each in turn."""
    at = knots.shape[1]
    for layer in range(prior.shape[0] - 1):
        row = prior[1 + layer]
        end = at
        at -= int(row[_LAYER_KNOTS])
        vs = _between(row[_VS_LOW], row[_VS_HIGH], u[2 * layer])
        vp = _between(row[_VP_LOW], row[_VP_HIGH], u[2 * layer + 1])
        if row[_VP_IS_RATIO] > 0.0:
            vp *= vs
        knots[VPV, at:end] = knots[VPH, at:end] = vp
        knots[VSV, at:end] = knots[VSH, at:end] = vs
        knots[ETA, at:end] = 1.0


@njit(cache=True, nogil=True)
def _fill_attenuation(u, knots):
    """Fill Qmu (0 in the outer core: infinite) and Qkappa, log-uniform in the ranges of table A.4."""
    for i in range(knots.shape[1]):
        depth = EARTH_RADIUS_KM - knots[RADIUS, i]
        if i < tables.FIRST_KNOT[tables.OUTER_CORE_REGION]:
            shear, bulk = (0 if depth > tables.Q_INNER_CORE_KM else 1), 0
        elif i < tables.FIRST_KNOT[tables.OUTER_CORE_REGION + 1]:
            shear, bulk = -1, 1
        elif i < tables.FIRST_KNOT[tables.TRANSITION_REGION]:
            shear, bulk = (2 if depth > tables.Q_LOWER_KM else (3 if depth > tables.Q_MIDDLE_KM else 4)), 2
        elif i < tables.FIRST_KNOT[tables.ABOVE_410_REGION]:
            shear, bulk = 5, 3
        elif i < tables.FIRST_KNOT[tables.LID_REGION]:
            shear, bulk = 6, 3
        else:
            shear, bulk = (7 if depth > tables.Q_LID_KM and i < tables.MANTLE_KNOTS else 8), 3
        if i >= tables.MANTLE_KNOTS and knots[VSV, i] == 0.0:  # a sea
            knots[QMU, i], knots[QKAPPA, i] = 0.0, tables.SEA_QKAPPA
            continue
        knots[QMU, i] = 0.0 if shear < 0 else 10.0 ** _between(tables.QMU[shear, 0], tables.QMU[shear, 1], u[shear])
        knots[QKAPPA, i] = 10.0 ** _between(tables.QKAPPA[bulk, 0], tables.QKAPPA[bulk, 1], u[tables.SHEAR_QS + bulk])


@njit(cache=True, nogil=True)
def draw_model(state, prior, u, knots):
    """Draw until mass and inertia are the Earth's; fill the draws and the knots of that model.

    Args:
        state: (1,), of the random numbers; advanced.
        prior: the table of the prior. With a flat Moho its first draw stays: otherwise mass and inertia, which a thick
            crust fits more often, would make thick crusts likelier.
        u: (layout.size,), filled.
        knots: (9, knots), filled.
    """
    needed = layout(prior.shape[0] - 1).vp
    first = True
    while True:
        for i in range(needed):
            value = next_uniform(state)
            if first or i != MOHO_DRAW or prior[0, _FLAT_MOHO] == 0.0:
                u[i] = value
        first = False
        if fill_density(u, prior, knots):
            break
    for i in range(needed, u.size):
        u[i] = next_uniform(state)
    fill_rest(u, prior, knots)


@njit(cache=True, nogil=True)
def top_of_solid(knots):
    """Return the uppermost knot of the solid, and its radius in km."""
    top = knots.shape[1] - 1
    if knots[VSV, top] > 0.0:
        return top, EARTH_RADIUS_KM
    while knots[VSV, top] == 0.0:
        top -= 1
    return top, knots[RADIUS, top]


@njit(cache=True, nogil=True)
def velocities_at(knots, depth_km, vp, vs):
    """Fill isotropic (Voigt) averages of vp and vs at depths (D,) below the top of the solid.

    They are linear between knots; at a jump the upper side counts.
    """
    top, floor = top_of_solid(knots)
    for d in range(depth_km.size):
        r = floor - depth_km[d]
        i = top
        while i > 1 and knots[RADIUS, i - 1] > r:
            i -= 1
        r0, r1 = knots[RADIUS, i - 1], knots[RADIUS, i]
        b = 1.0 if r1 == r0 else min(max((r - r0) / (r1 - r0), 0.0), 1.0)
        vpv, vph = _between(knots[VPV, i - 1], knots[VPV, i], b), _between(knots[VPH, i - 1], knots[VPH, i], b)
        vsv, vsh = _between(knots[VSV, i - 1], knots[VSV, i], b), _between(knots[VSH, i - 1], knots[VSH, i], b)
        vp[d] = math.sqrt((vpv * vpv + 4.0 * vph * vph) / 5.0)
        vs[d] = math.sqrt((2.0 * vsv * vsv + vsh * vsh) / 3.0)


@njit(cache=True, nogil=True)
def draw_many(prior, frequency_hz, depth_km, seed, numbers, scratch, block):
    """Fill a block of examples with what is drawn and computed.

    Args:
        prior: the table of the prior.
        frequency_hz: (F,), ascending.
        depth_km: (D,), where velocities are noted.
        seed: seed of the dataset.
        numbers: (n,), of the examples.
        scratch: work arrays of this thread.
        block: filled.
    """
    out = np.empty((2, frequency_hz.size))
    knots = scratch.knots
    others = block.others.shape[1] > 0
    for e in range(block.moho.size):
        state = start(seed, numbers[e])
        block.failed[e] = 0
        while True:
            draw_model(state, prior, scratch.uniform, knots)
            dispersion(knots, frequency_hz, Options(1.0, 1.0, False, others, 0), scratch.rayleigh, out)
            whole = True
            for i in range(frequency_hz.size):
                whole = whole and not (math.isnan(out[0, i]) or others and math.isnan(out[1, i]))
            if whole or block.failed[e] == MOST_DRAWS:
                break
            block.failed[e] += 1
        block.curves[e] = out[0]
        if others:
            block.others[0, e] = out[1]
            love_dispersion(knots, frequency_hz, 1.0, 1.0, 0, True, scratch.rayleigh, out)
            block.others[1, e], block.others[2, e] = out[0], out[1]
        block.moho[e] = top_of_solid(knots)[1] - knots[RADIUS, tables.MANTLE_KNOTS - 1]
        velocities_at(knots, depth_km, block.vp[e], block.vs[e])
