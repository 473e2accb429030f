"""Numba kernels of `zoo.crust.physics.rayleigh`: the mesh of an Earth model.

Gauss-Lobatto-Legendre elements of degree 3, with an edge at every knot and discontinuity. Units are km, g/cm3 and
GPa (density times a velocity squared). Arrays of an element have its four nodes last, from below upwards.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from zoo.compiled import njit
from zoo.crust.physics import earth

# G for densities in g/cm3, in 1/s2: 6.6743e-11 m3/(kg s2) (CODATA 2018) times 1000 kg/m3.
GRAVITY = 6.6743e-8
NODES = 4
# Nodes and weights of Gauss-Lobatto-Legendre quadrature of degree 3 on [-1, 1].
_X = np.array([-1.0, -1.0 / math.sqrt(5.0), 1.0 / math.sqrt(5.0), 1.0])
_W = np.array([1.0 / 6.0, 5.0 / 6.0, 5.0 / 6.0, 1.0 / 6.0])
# Rows of the node arrays of a mesh: radius, density, Love's parameters, their 1/Q (QA is that of C too, QMU that of L
# and N), gravity, quadrature weight in km. The first seven are also the rows of a `_Profile`'s parameters.
RADIUS, RHO, A, C, F, L, N, QA, QF, QMU, G_FIELD, WEIGHT = range(12)
MESH_ROWS = 12
_PARAMETERS = 7
# A mode's energy is negligible below this many wavelengths of a 4 km/s wave.
_DEPTH_WAVELENGTHS, _DEPTH_SPEED = 2.5, 4.0
# The longest element is 12 km at the surface for 35 mHz and 3.2 km/s, in proportion to the shortest wavelength, and
# grows by 0.12 km per km of depth. Tests compare these with finer elements, from 5 to 250 mHz.
_ELEMENT_KM, _ELEMENT_HZ, _ELEMENT_SPEED, _ELEMENT_GROWTH = 12.0, 0.035, 3.2, 0.12
_ROUNDING = 1e-9  # of the number of elements: what is above a whole number by rounding alone adds none
_INNERMOST_KM = 1.0  # radius of the deepest node at most: the equations are singular at the centre
MOST_ELEMENTS = 1600


class _Profile(NamedTuple):
    """An Earth model as the mesh interpolates it."""

    knots: np.ndarray
    """(9, knots), rows as in `zoo.crust.physics.earth.COLUMNS`."""
    parameters: np.ndarray
    """(7, knots): radius, density, A, C, F, L, N."""
    bends: np.ndarray
    """(7, knots): second derivatives of their splines, filled region by region."""
    inside: np.ndarray
    """(knots,): G times the mass below a knot."""


class _Spacing(NamedTuple):
    """How long elements may be, in km."""

    lowest: float
    """Radius at which the mesh begins."""
    floor: float
    """Radius of the top of the solid."""
    finest: float
    """Length at the top, where shear waves are no slower than 3.2 km/s."""
    growth: float
    """Added length per km below the top."""


def _derivatives() -> np.ndarray:
    """Return (4, 4): derivative of Lagrange polynomial j at node q."""
    out = np.zeros((NODES, NODES))
    for j in range(NODES):
        others = [m for m in range(NODES) if m != j]
        polynomial = np.poly(_X[others]) / np.prod(_X[j] - _X[others])
        out[:, j] = np.polyval(np.polyder(polynomial), _X)
    return out


DERIVATIVES = _derivatives()


@njit(cache=True, nogil=True)
def mass_below(radius, density):
    """Return (knots,): G times the mass below each knot; density is linear in between."""
    out = np.zeros(radius.size)
    for i in range(1, radius.size):
        r0, r1 = radius[i - 1], radius[i]
        out[i] = out[i - 1]
        if r1 > r0:
            slope = (density[i] - density[i - 1]) / (r1 - r0)
            shell = (density[i - 1] - slope * r0) * (r1**3 - r0**3) / 3.0 + slope * (r1**4 - r0**4) / 4.0
            out[i] += 4.0 * math.pi * GRAVITY * shell
    return out


@njit(cache=True, nogil=True)
def _curvatures(r, y, out, work):
    """Fill the second derivatives of the cubic spline through y(r).

    Its slopes at the ends are those of the parabolas through the three outermost knots, as in Mineos.

    Args:
        r, y: (n,), radii ascending.
        out: (n,), filled.
        work: (n,) or longer, overwritten.
    """
    n = r.size
    if n == 2:
        out[0] = out[1] = 0.0
        return
    h0, h1 = r[1] - r[0], r[2] - r[1]
    first = (y[1] - y[0]) / h0 * (2 * h0 + h1) / (h0 + h1) - (y[2] - y[1]) / h1 * h0 / (h0 + h1)
    h0, h1 = r[n - 1] - r[n - 2], r[n - 2] - r[n - 3]
    last = (y[n - 1] - y[n - 2]) / h0 * (2 * h0 + h1) / (h0 + h1) - (y[n - 2] - y[n - 3]) / h1 * h0 / (h0 + h1)
    # The tridiagonal system of the spline: forward elimination, `work` holding the upper diagonal, then back.
    h = r[1] - r[0]
    work[0] = 0.5
    out[0] = 3.0 / h * ((y[1] - y[0]) / h - first)
    for i in range(1, n - 1):
        h0, h1 = r[i] - r[i - 1], r[i + 1] - r[i]
        part = h0 / (h0 + h1)
        pivot = part * (-work[i - 1]) + 2.0
        work[i] = (1.0 - part) / pivot
        slope = 6.0 * ((y[i + 1] - y[i]) / h1 - (y[i] - y[i - 1]) / h0) / (h0 + h1)
        out[i] = (slope - part * out[i - 1]) / pivot
    h = r[n - 1] - r[n - 2]
    out[n - 1] = (6.0 / h * (last - (y[n - 1] - y[n - 2]) / h) - out[n - 2]) / (2.0 - work[n - 2])
    for i in range(n - 2, -1, -1):
        out[i] -= work[i] * out[i + 1]


@njit(cache=True, nogil=True)
def _attenuation(qkappa, qmu, parameters):
    """Return 1/Q of A and C, of F, and of L and N.

    Qkappa and Qmu are those of the isotropic moduli that A, C, F, L, N have on average (Voigt); 0 is infinite.

    Args:
        parameters: (7,) of a knot.
    """
    a, c, f, ll, n = parameters[A], parameters[C], parameters[F], parameters[L], parameters[N]
    mu = (a + c - 2.0 * f + 5.0 * n + 6.0 * ll) / 15.0
    lam = (4.0 * (a + f - n) + c) / 9.0 - 2.0 * mu / 3.0
    part = 4.0 * mu / (3.0 * (lam + 2.0 * mu))
    qk = 1.0 / qkappa if qkappa > 0.0 else 0.0
    qm = 1.0 / qmu if qmu > 0.0 else 0.0
    compression = (1.0 - part) * qk
    return compression + part * qm, (compression - 0.5 * part * qm) / (1.0 - 1.5 * part), qm


@njit(cache=True, nogil=True)
def depth_needed(frequency_hz, refinement):
    """Return the depth in km below the top of the solid at which a mode is taken as zero."""
    return _DEPTH_WAVELENGTHS * _DEPTH_SPEED / frequency_hz * math.sqrt(refinement)


@njit(cache=True, nogil=True)
def _solid_part(vsv):
    """Return the first knot of the uppermost solid, and the first knot of the sea above (or the number of knots)."""
    top = vsv.size
    while top > 0 and vsv[top - 1] == 0.0:
        top -= 1
    bottom = top
    while bottom > 0 and vsv[bottom - 1] > 0.0:
        bottom -= 1
    return bottom, top


@njit(cache=True, nogil=True)
def _love_parameters(knots):
    """Return (7, knots): radius, density, and A, C, F, L, N of Love (1927) in GPa."""
    out = np.empty((_PARAMETERS, knots.shape[1]))
    for i in range(knots.shape[1]):
        rho = knots[earth.DENSITY, i]
        vpv, vph, vsv, vsh = knots[earth.VPV, i], knots[earth.VPH, i], knots[earth.VSV, i], knots[earth.VSH, i]
        out[RADIUS, i] = knots[earth.RADIUS, i]
        out[RHO, i] = rho
        out[A, i] = rho * vph * vph
        out[C, i] = rho * vpv * vpv
        out[L, i] = rho * vsv * vsv
        out[F, i] = knots[earth.ETA, i] * (out[A, i] - 2.0 * out[L, i])
        out[N, i] = rho * vsh * vsh
    return out


@njit(cache=True, nogil=True)
def _is_uniform(knots, parameters, first, last):
    """Return whether all properties are constant from knot first to knot last: one interval then serves for all."""
    for p in range(RHO, _PARAMETERS):
        for i in range(first + 1, last + 1):
            if parameters[p, i] != parameters[p, first]:
                return False
    for i in range(first + 1, last):  # Q of a knot holds up to the next, so the last one does not count
        if knots[earth.QKAPPA, i] != knots[earth.QKAPPA, first] or knots[earth.QMU, i] != knots[earth.QMU, first]:
            return False
    return True


@njit(cache=True, nogil=True)
def _fill_interval(profile, spacing, i, j, uniform, mesh, elements):
    """Fill the elements between knots i and j (those below `spacing.lowest` are left out); return how many there are.

    Args:
        profile: the model.
        spacing: lengths of elements.
        i, j: neighbours, or, in a uniform region, its ends.
        uniform: properties are constant; otherwise they follow the spline.
        mesh: (12, MOST_ELEMENTS, 4).
        elements: how many there are already.

    Returns:
        How many there are now; -1 if they do not fit.
    """
    knots, parameters, bends, inside = profile
    r0, r1 = parameters[RADIUS, i], parameters[RADIUS, j]
    span = r1 - r0
    base = max(r0, spacing.lowest)
    # Elements shorten with the slowest shear wave, and grow downwards: a geometric series from the top of the interval.
    speed = math.sqrt(min(parameters[L, i] / parameters[RHO, i], parameters[L, j] / parameters[RHO, j]))
    finest = spacing.finest * min(1.0, speed / _ELEMENT_SPEED)
    h_top = finest + spacing.growth * (spacing.floor - r1)
    h_base = finest + spacing.growth * (spacing.floor - base)
    pieces = int(math.ceil(math.log(h_base / h_top) / spacing.growth - _ROUNDING))
    if pieces < 1:  # the mesh begins at the top of this interval but for rounding
        return elements
    if elements + pieces > MOST_ELEMENTS:
        return -1
    ratio = (h_base / h_top) ** (1.0 / pieces)
    upper = base
    qa, qf, qm = _attenuation(knots[earth.QKAPPA, i], knots[earth.QMU, i], parameters[:, i])
    for piece in range(pieces - 1, -1, -1):
        lower = upper
        upper = spacing.floor - (h_top * ratio**piece - finest) / spacing.growth
        middle, half = 0.5 * (lower + upper), 0.5 * (upper - lower)
        for q in range(NODES):
            r = middle + half * _X[q]
            b = (r - r0) / span
            a = 1.0 - b
            mesh[RADIUS, elements, q] = r
            mesh[WEIGHT, elements, q] = half * _W[q]
            for p in range(RHO, _PARAMETERS):
                value = a * parameters[p, i] + b * parameters[p, j]
                if not uniform:
                    bend = (a * a * a - a) * bends[p, i] + (b * b * b - b) * bends[p, j]
                    value += bend * span * span / 6.0
                mesh[p, elements, q] = value
            mesh[QA, elements, q], mesh[QF, elements, q], mesh[QMU, elements, q] = qa, qf, qm
            mesh[G_FIELD, elements, q] = (a * inside[i] + b * inside[j]) / (r * r)
        elements += 1
    return elements


@njit(cache=True, nogil=True)
def build_mesh(knots, lowest_hz, highest_hz, refinement, mesh):
    """Fill the node arrays of a model's solid outer part.

    Args:
        knots: (9, knots), rows as in `zoo.crust.physics.earth.COLUMNS`.
        lowest_hz: decides how deep the mesh goes.
        highest_hz: decides how fine it is.
        refinement: divides the length of elements; the mesh goes deeper with its square root.
        mesh: (12, MOST_ELEMENTS, 4), filled; elements from below upwards.

    Returns:
        The number of elements (-1: more than MOST_ELEMENTS), and the first knot of the sea (the number of knots if
        there is none).
    """
    radius = knots[earth.RADIUS]
    count = radius.size
    surface = radius[count - 1]
    bottom, top = _solid_part(knots[earth.VSV])
    floor = radius[top - 1] if top > 0 else surface
    lowest = max(floor - depth_needed(lowest_hz, refinement), radius[bottom], _INNERMOST_KM)
    finest = _ELEMENT_KM * min(1.0, _ELEMENT_HZ / highest_hz) / refinement
    spacing = _Spacing(lowest, floor, finest, _ELEMENT_GROWTH / refinement)
    parameters = _love_parameters(knots)
    bends, work = np.empty((_PARAMETERS, count)), np.empty(count)
    profile = _Profile(knots, parameters, bends, mass_below(radius, knots[earth.DENSITY]))
    elements = 0
    start = bottom
    while start < top - 1:
        # A region ends at the next discontinuity: a radius that occurs twice.
        end = start
        while end < top - 1 and radius[end + 1] > radius[end]:
            end += 1
        if end > start and radius[end] > lowest:
            uniform = _is_uniform(knots, parameters, start, end)
            if not uniform:
                region = slice(start, end + 1)
                for p in range(RHO, _PARAMETERS):
                    _curvatures(radius[region], parameters[p, region], bends[p, region], work)
            i = start
            while i < end:
                j = end if uniform else i + 1
                if radius[j] > lowest:
                    elements = _fill_interval(profile, spacing, i, j, uniform, mesh, elements)
                    if elements < 0:
                        return -1, top
                i = j
        start = end + 1
    return elements, top
