"""Numba kernels of `zoo.crust.physics.prior`: uniform draws to knots of an Earth model, and whole datasets.

A model is a function of a vector of uniform draws: first what decides radii and density (most draws fail
the test of mass and inertia), then the rest.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from zoo.crust.physics.earth import EARTH_RADIUS_KM, PREM_REGIONS
from zoo.crust.physics.rayleigh_kernels import dispersion

# Regions below the Moho, from the centre: knots, bottom and top radius in PREM (km).
_REGIONS = (
    ("inner core", 33, 0.0, 1221.5, (0,)),
    ("outer core", 33, 1221.5, 3480.0, (1,)),
    ("D''", 5, 3480.0, 3630.0, (2,)),
    ("lower mantle", 59, 3630.0, 5701.0, (3, 4)),
    ("transition zone", 9, 5701.0, 5971.0, (5, 6)),
    ("410 to 220 km", 9, 5971.0, 6151.0, (7,)),
    ("220 km to Moho", 9, 6151.0, 6346.6, (8,)),
)
_KNOTS = np.array([region[1] for region in _REGIONS])
_FIRST = np.concatenate([[0], np.cumsum(_KNOTS)])
MANTLE_KNOTS = int(_FIRST[-1])
_OUTER_CORE, _TRANSITION, _LID = 1, 4, 6
# Table A.2: depths of the boundaries above inner core, outer core, D'', lower mantle, transition zone, 410-220.
_DEPTHS_KM = np.array(
    [[5129.5, 5169.5], [2871.0, 2911.0], [2721.0, 2761.0], [640.0, 700.0], [370.0, 430.0], [200.0, 240.0]]
)
# Table A.3: departure of the topmost knot from PREM, %; rows regions; (low, high) of density, vp, vs.
_TOP = (
    np.array(
        [
            [[-2, 2], [-2, 2], [-2, 2]],
            [[-2, 2], [-2, 2], [0, 0]],
            [[-3, 3], [-3, 3], [-3, 3]],
            [[-2, 2], [-2, 2], [-2, 2]],
            [[-5, 5], [-5, 5], [-5, 5]],
            [[-10, 5], [-10, 2.5], [-10, 5]],
            [[-7, 7], [-7, 7], [-7, 7]],
        ],
        np.float64,
    )
    / 100
)
_STEP = np.array([0.5, 0.5, 1.0, 0.5, 1.0, 1.0, 2.0]) / 100  # of the knots below
# Table A.4: log10 of Qmu and Qkappa.
_QMU = np.log10(
    np.array(
        [[10, 300], [10, 300], [100, 1000], [100, 1000], [100, 1000], [50, 400], [50, 400], [20, 200], [10, 2200]],
        np.float64,
    )
)
_QKAPPA = np.log10(np.array([[300, 3e5], [300, 1e5], [300, 1e5], [300, 2e5]], np.float64))
_MASS_KG, _INERTIA_KG_M2 = (5.9733e24, 0.0090e24), (8.018e37, 0.012e37)
MOST_DRAWS = 100
RADIUS, RHO, VPV, VSV, QK, QM, VPH, VSH, ETA = range(9)


def _prem_on_regions() -> np.ndarray:
    """Return (6, mantle knots): density, vpv, vsv, vph, vsh, eta of PREM on equal steps of each region."""
    columns = []
    for _, knots, bottom, top, pieces in _REGIONS:
        radius = np.linspace(bottom, top, knots)
        x = radius / EARTH_RADIUS_KM
        values = np.array(
            [np.polynomial.polynomial.polyval(x, p) * np.ones(knots) for p in PREM_REGIONS[pieces[0]][1:7]]
        )
        for piece in pieces[1:]:
            above = radius >= PREM_REGIONS[piece][0]
            other = [np.polynomial.polynomial.polyval(x, p) * np.ones(knots) for p in PREM_REGIONS[piece][1:7]]
            values[:, above] = np.array(other)[:, above]
        columns.append(values)
    return np.concatenate(columns, axis=1)


_PREM = _prem_on_regions()


@njit(cache=True)
def layout(layers):
    """Return where in the vector of draws begin: shares, densities of the mantle, of the crust (this much
    decides mass and inertia), vp, vs of the mantle, of the crust, Q; and its length."""
    shares = 8
    density = shares + layers
    crust_density = density + MANTLE_KNOTS
    vp = crust_density + layers
    vs = vp + 2 * MANTLE_KNOTS
    crust = vs + 3 * MANTLE_KNOTS
    q = crust + 2 * layers
    return shares, density, crust_density, vp, vs, crust, q, q + 13


@njit(cache=True, nogil=True)
def start(seed, example):
    """Return the state of an example's random numbers."""
    state = np.empty(1, np.uint64)
    state[0] = np.uint64(seed) * np.uint64(0xD1342543DE82EF95) + np.uint64(0x2545F4914F6CDD1D)
    _uniform(state)
    state[0] ^= np.uint64(example) * np.uint64(0x9E6C63D0876A9A47)
    _uniform(state)
    return state


@njit(cache=True, nogil=True)
def _uniform(state):
    """Return the next number in [0, 1): SplitMix64 (Steele, Lea & Flood 2014)."""
    state[0] += np.uint64(0x9E3779B97F4A7C15)
    z = state[0]
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z = z ^ (z >> np.uint64(31))
    return np.float64(z >> np.uint64(11)) * (1.0 / 9007199254740992.0)


@njit(cache=True, nogil=True)
def _between(low, high, u):
    return low + (high - low) * u


@njit(cache=True, nogil=True)
def _descend(prem, top_low, top_high, step, u, knots, out):
    """Fill a region's values from its topmost knot down; u has one draw per knot, the top one first."""
    out[knots - 1] = prem[knots - 1] * (1.0 + _between(top_low, top_high, u[0]))
    for i in range(knots - 2, -1, -1):
        out[i] = (out[i + 1] + prem[i] - prem[i + 1]) * (1.0 + step * (2.0 * u[knots - 1 - i] - 1.0))


@njit(cache=True, nogil=True)
def fill_density(u, prior, knots):
    """Fill radii and density of a model; return whether mass and moment of inertia are the Earth's."""
    layers = prior.shape[0] - 1
    shares, density, crust_density, _, _, _, _, _ = layout(layers)
    edges = np.empty(8)
    edges[0] = 0.0
    for i in range(6):
        edges[1 + i] = EARTH_RADIUS_KM - _between(_DEPTHS_KM[i, 0], _DEPTHS_KM[i, 1], u[i])
    moho = _between(prior[0, 0], prior[0, 1], u[6])
    edges[7] = EARTH_RADIUS_KM - moho
    for region in range(7):
        n, at = _KNOTS[region], _FIRST[region]
        for i in range(n):
            knots[RADIUS, at + i] = edges[region] + (edges[region + 1] - edges[region]) * i / (n - 1)
        _descend(
            _PREM[0, at : at + n],
            _TOP[region, 0, 0],
            _TOP[region, 0, 1],
            _STEP[region],
            u[density + at : density + at + n],
            n,
            knots[RHO, at : at + n],
        )
    sediment = _between(prior[0, 2], prior[0, 3], u[7] * u[7])
    has_sediment = prior[0, 5] > 0.0
    top = EARTH_RADIUS_KM
    at = knots.shape[1]
    for layer in range(layers):
        row = prior[1 + layer]
        if layer == layers - 1:
            bottom = edges[7]
        elif layer == 0 and has_sediment:
            bottom = top - max(sediment, 1e-3)
        else:
            bottom = top - (moho - sediment) * _between(row[7], row[8], u[shares + layer])
        n = int(row[9])
        at -= n
        rho = _between(row[5], row[6], u[crust_density + layer])
        for i in range(n):
            knots[RADIUS, at + i] = bottom + (top - bottom) * i / (n - 1)
            knots[RHO, at + i] = rho
        top = bottom
    mass = inertia = 0.0
    for i in range(1, knots.shape[1]):
        r0, r1 = knots[RADIUS, i - 1], knots[RADIUS, i]
        if r1 > r0:
            slope = (knots[RHO, i] - knots[RHO, i - 1]) / (r1 - r0)
            base = knots[RHO, i - 1] - slope * r0
            mass += base * (r1**3 - r0**3) / 3.0 + slope * (r1**4 - r0**4) / 4.0
            inertia += base * (r1**5 - r0**5) / 5.0 + slope * (r1**6 - r0**6) / 6.0
    mass *= 4e12 * math.pi
    inertia *= 8e18 / 3.0 * math.pi
    return abs(mass - _MASS_KG[0]) <= _MASS_KG[1] and abs(inertia - _INERTIA_KG_M2[0]) <= _INERTIA_KG_M2[1]


@njit(cache=True, nogil=True)
def fill_rest(u, prior, knots):
    """Fill velocities, eta and attenuation of a model whose radii and density are there."""
    layers = prior.shape[0] - 1
    _, _, _, vp, vs, crust, q, _ = layout(layers)
    m = MANTLE_KNOTS
    for region in range(7):
        n, at = _KNOTS[region], _FIRST[region]
        end, step = at + n, _STEP[region]
        p0, p1, s0, s1 = _TOP[region, 1, 0], _TOP[region, 1, 1], _TOP[region, 2, 0], _TOP[region, 2, 1]
        _descend(_PREM[1, at:end], p0, p1, step, u[vp + at : vp + end], n, knots[VPV, at:end])
        if region == _OUTER_CORE:
            knots[VSV, at:end] = 0.0
        else:
            _descend(_PREM[2, at:end], s0, s1, step, u[vs + at : vs + end], n, knots[VSV, at:end])
        if region == _LID:
            _descend(_PREM[3, at:end], p0, p1, step, u[vp + m + at : vp + m + end], n, knots[VPH, at:end])
            _descend(_PREM[4, at:end], s0, s1, step, u[vs + m + at : vs + m + end], n, knots[VSH, at:end])
            _descend(_PREM[5, at:end], s0, s1, step, u[vs + 2 * m + at : vs + 2 * m + end], n, knots[ETA, at:end])
        else:
            knots[VPH, at:end] = knots[VPV, at:end]
            knots[VSH, at:end] = knots[VSV, at:end]
            knots[ETA, at:end] = 1.0
    at = knots.shape[1]
    for layer in range(layers):
        row = prior[1 + layer]
        at -= int(row[9])
        speed = _between(row[0], row[1], u[crust + 2 * layer])
        fast = _between(row[2], row[3], u[crust + 2 * layer + 1])
        if row[4] > 0.0:
            fast *= speed
        end = at + int(row[9])
        knots[VPV, at:end] = knots[VPH, at:end] = fast
        knots[VSV, at:end] = knots[VSH, at:end] = speed
        knots[ETA, at:end] = 1.0
    for i in range(knots.shape[1]):
        depth = EARTH_RADIUS_KM - knots[RADIUS, i]
        if i < _FIRST[1]:
            shear, bulk = (0 if depth > 5760.0 else 1), 0
        elif i < _FIRST[2]:
            shear, bulk = -1, 1
        elif i < _FIRST[4]:
            shear, bulk = (2 if depth > 2157.0 else (3 if depth > 1428.0 else 4)), 2
        elif i < _FIRST[5]:
            shear, bulk = 5, 3
        elif i < _FIRST[6]:
            shear, bulk = 6, 3
        else:
            shear, bulk = (7 if depth > 80.0 and i < _FIRST[7] else 8), 3
        knots[QM, i] = 0.0 if shear < 0 else 10.0 ** _between(_QMU[shear, 0], _QMU[shear, 1], u[q + shear])
        knots[QK, i] = 10.0 ** _between(_QKAPPA[bulk, 0], _QKAPPA[bulk, 1], u[q + 9 + bulk])


@njit(cache=True, nogil=True)
def draw_model(state, prior, u, knots):
    """Draw until mass and inertia are the Earth's; fill the draws and the knots of that model."""
    layers = prior.shape[0] - 1
    needed = layout(layers)[3]
    first = True
    while True:
        for i in range(needed):
            value = _uniform(state)
            if first or i != 6 or prior[0, 4] == 0.0:
                u[i] = value
        first = False
        if fill_density(u, prior, knots):
            break
    for i in range(needed, u.size):
        u[i] = _uniform(state)
    fill_rest(u, prior, knots)


@njit(cache=True, nogil=True)
def velocities_at(knots, depth_km, vp, vs):
    """Fill isotropic (Voigt) averages of vp and vs at depths; linear between knots, the upper side of a jump."""
    for d in range(depth_km.size):
        r = EARTH_RADIUS_KM - depth_km[d]
        i = knots.shape[1] - 1
        while i > 1 and knots[RADIUS, i - 1] > r:
            i -= 1
        r0, r1 = knots[RADIUS, i - 1], knots[RADIUS, i]
        b = 1.0 if r1 == r0 else min(max((r - r0) / (r1 - r0), 0.0), 1.0)
        vpv, vph = _between(knots[VPV, i - 1], knots[VPV, i], b), _between(knots[VPH, i - 1], knots[VPH, i], b)
        vsv, vsh = _between(knots[VSV, i - 1], knots[VSV, i], b), _between(knots[VSH, i - 1], knots[VSH, i], b)
        vp[d] = math.sqrt((vpv * vpv + 4.0 * vph * vph) / 5.0)
        vs[d] = math.sqrt((2.0 * vsv * vsv + vsh * vsh) / 3.0)


@njit(cache=True, nogil=True)
def draw_many(prior, frequency_hz, depth_km, seed, first, u, knots, mesh, stiff, factors, curves, moho, vp, vs, failed):
    """Fill a block of examples; curves stay NaN where MOST_DRAWS models had no root."""
    out = np.empty((2, frequency_hz.size))
    for e in range(curves.shape[0]):
        state = start(seed, first + e)
        failed[e] = 0
        while True:
            draw_model(state, prior, u, knots)
            dispersion(knots, frequency_hz, 1.0, 1.0, False, False, mesh, stiff, factors, out)
            whole = True
            for i in range(frequency_hz.size):
                whole = whole and not math.isnan(out[0, i])
            if whole or failed[e] == MOST_DRAWS:
                break
            failed[e] += 1
        curves[e] = out[0]
        moho[e] = EARTH_RADIUS_KM - knots[RADIUS, MANTLE_KNOTS - 1]
        velocities_at(knots, depth_km, vp[e], vs[e])
