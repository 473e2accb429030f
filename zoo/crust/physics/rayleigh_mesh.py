"""Numba kernels of `zoo.crust.physics.rayleigh`: the mesh of an Earth model and the element matrices of a frequency.

Gauss-Lobatto-Legendre elements of degree 3, edges at every knot and discontinuity. Units are km, g/cm3 and
GPa; arrays of an element have its four nodes last, upwards.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

GRAVITY = 6.6743e-8  # of unit density: 6.6743e-11 m3 / (kg s2) times 1000 kg/m3, per s2
NODES = 4
_X = np.array([-1.0, -1.0 / math.sqrt(5.0), 1.0 / math.sqrt(5.0), 1.0])
_W = np.array([1.0 / 6.0, 5.0 / 6.0, 5.0 / 6.0, 1.0 / 6.0])


def _derivatives() -> np.ndarray:
    """Return (4, 4): derivative of Lagrange polynomial j at node q."""
    out = np.zeros((NODES, NODES))
    for j in range(NODES):
        others = [m for m in range(NODES) if m != j]
        polynomial = np.poly(_X[others]) / np.prod(_X[j] - _X[others])
        out[:, j] = np.polyval(np.polyder(polynomial), _X)
    return out


_D = _derivatives()
# Rows of the node arrays of a mesh.
RADIUS, RHO, A, C, F, L, N, QA, QF, QMU, G_FIELD, WEIGHT = range(12)
# Where a mode's energy is negligible: this many wavelengths of a 4 km/s wave below the surface.
_DEPTH_WAVELENGTHS, _DEPTH_SPEED = 2.5, 4.0
# The longest element: 12 km at the surface for 35 mHz and 3.2 km/s, in proportion to the shortest
# wavelength, and growing downwards. Tests compare it with finer elements, from 5 to 250 mHz.
_ELEMENT_KM, _ELEMENT_HZ, _ELEMENT_SPEED, _ELEMENT_GROWTH = 12.0, 0.035, 3.2, 0.12
MOST_ELEMENTS = 400


@njit(cache=True, nogil=True)
def mass_below(radius, density):
    """Return (knots,): G times the mass below each knot, density linear in between."""
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
    """Fill the second derivatives of a cubic spline; its end slopes are those of 3-point parabolas."""
    n = r.size
    if n == 2:
        out[0] = out[1] = 0.0
        return
    h0, h1 = r[1] - r[0], r[2] - r[1]
    first = (y[1] - y[0]) / h0 * (2 * h0 + h1) / (h0 + h1) - (y[2] - y[1]) / h1 * h0 / (h0 + h1)
    h0, h1 = r[n - 1] - r[n - 2], r[n - 2] - r[n - 3]
    last = (y[n - 1] - y[n - 2]) / h0 * (2 * h0 + h1) / (h0 + h1) - (y[n - 2] - y[n - 3]) / h1 * h0 / (h0 + h1)
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
def _attenuation(qkappa, qmu, moduli):
    """Return 1/Q of A and C, of F, and of L and N; moduli are rho, A, C, F, L, N of a knot."""
    a, c, f, ll, n = moduli[1], moduli[2], moduli[3], moduli[4], moduli[5]
    mu = (a + c - 2.0 * f + 5.0 * n + 6.0 * ll) / 15.0
    lam = (4.0 * (a + f - n) + c) / 9.0 - 2.0 * mu / 3.0
    part = 4.0 * mu / (3.0 * (lam + 2.0 * mu))
    qk = 1.0 / qkappa if qkappa > 0.0 else 0.0
    qm = 1.0 / qmu if qmu > 0.0 else 0.0
    compression = (1.0 - part) * qk
    return compression + part * qm, (compression - 0.5 * part * qm) / (1.0 - 1.5 * part), qm


@njit(cache=True, nogil=True)
def depth_needed(frequency_hz, refinement):
    """Return the depth in km below which a mode is taken as zero."""
    return _DEPTH_WAVELENGTHS * _DEPTH_SPEED / frequency_hz * math.sqrt(refinement)


@njit(cache=True, nogil=True)
def build_mesh(knots, lowest_hz, highest_hz, refinement, mesh):
    """Fill the node arrays of a model's solid outer part and return (elements, first knot of a sea).

    Args:
        knots: (9, knots): columns of `zoo.crust.physics.earth.COLUMNS`.
        lowest_hz: decides how deep the mesh goes, highest_hz how fine it is.
        refinement: divides the length of elements; the mesh goes deeper with its root.
        mesh: (12, MOST_ELEMENTS, 4), filled; elements from below upwards.

    Returns:
        Number of elements (-1: more than MOST_ELEMENTS), and the first knot of the sea (the number of
        knots if there is none).
    """
    radius = knots[0]
    count = radius.size
    surface = radius[count - 1]
    top = count
    while top > 0 and knots[3, top - 1] == 0.0:
        top -= 1
    bottom = top
    while bottom > 0 and knots[3, bottom - 1] > 0.0:
        bottom -= 1
    lowest = max(surface - depth_needed(lowest_hz, refinement), radius[bottom], 1.0)
    floor = radius[top - 1] if top > 0 else surface
    finest = _ELEMENT_KM * min(1.0, _ELEMENT_HZ / highest_hz) / refinement
    growth = _ELEMENT_GROWTH / refinement
    inside = mass_below(radius, knots[1])
    moduli = np.empty((6, count))
    for i in range(count):
        rho, vpv, vsv, vph, vsh = knots[1, i], knots[2, i], knots[3, i], knots[6, i], knots[7, i]
        moduli[0, i] = rho
        moduli[1, i] = rho * vph * vph
        moduli[2, i] = rho * vpv * vpv
        moduli[4, i] = rho * vsv * vsv
        moduli[3, i] = knots[8, i] * (moduli[1, i] - 2.0 * moduli[4, i])
        moduli[5, i] = rho * vsh * vsh
    bends = np.empty((6, count))
    work = np.empty(count)
    elements = 0
    start = bottom
    while start < top - 1:
        end = start
        while end < top - 1 and radius[end + 1] > radius[end]:
            end += 1
        if end == start:
            start += 1
            continue
        if radius[end] > lowest:
            uniform = True
            for p in range(6):
                for i in range(start + 1, end + 1):
                    uniform = uniform and moduli[p, i] == moduli[p, start]
            for i in range(start + 1, end):
                uniform = uniform and knots[4, i] == knots[4, start] and knots[5, i] == knots[5, start]
            if not uniform:
                for p in range(6):
                    _curvatures(radius[start : end + 1], moduli[p, start : end + 1], bends[p, start : end + 1], work)
            i = start
            while i < end:
                j = end if uniform else i + 1
                r0, r1 = radius[i], radius[j]
                if r1 > lowest:
                    span = r1 - r0
                    base = max(r0, lowest)
                    # Elements grow in proportion to h: a geometric series from the top of the interval down.
                    speed = math.sqrt(min(moduli[4, i] / moduli[0, i], moduli[4, j] / moduli[0, j]))
                    finest_here = finest * min(1.0, speed / _ELEMENT_SPEED)
                    h_top = finest_here + growth * (floor - r1)
                    h_base = finest_here + growth * (floor - base)
                    pieces = int(math.ceil(math.log(h_base / h_top) / growth - 1e-9))
                    if elements + pieces > MOST_ELEMENTS:
                        return -1, top
                    ratio = (h_base / h_top) ** (1.0 / pieces)
                    upper = base
                    qa, qf, qm = _attenuation(knots[4, i], knots[5, i], moduli[:, i])
                    for piece in range(pieces - 1, -1, -1):
                        lower = upper
                        upper = floor - (h_top * ratio**piece - finest_here) / growth
                        middle, half = 0.5 * (lower + upper), 0.5 * (upper - lower)
                        for q in range(NODES):
                            r = middle + half * _X[q]
                            b = (r - r0) / span
                            a = 1.0 - b
                            mesh[RADIUS, elements, q] = r
                            mesh[WEIGHT, elements, q] = half * _W[q]
                            for p in range(6):
                                value = a * moduli[p, i] + b * moduli[p, j]
                                if not uniform:
                                    bend = (a * a * a - a) * bends[p, i] + (b * b * b - b) * bends[p, j]
                                    value += bend * span * span / 6.0
                                mesh[RHO + p, elements, q] = value
                            mesh[QA, elements, q], mesh[QF, elements, q], mesh[QMU, elements, q] = qa, qf, qm
                            mesh[G_FIELD, elements, q] = (a * inside[i] + b * inside[j]) / (r * r)
                        elements += 1
                i = j
        start = end + 1
    return elements, top


@njit(cache=True, nogil=True)
def assemble(mesh, first, elements, log_factor, rate, stiff):
    """Fill the element matrices at a frequency.

    Args:
        mesh: node arrays.
        first, elements: the elements first to elements - 1 are used.
        log_factor: (2 / pi) ln(frequency * reference period): anelastic dispersion.
        rate: False: the matrices; True: their derivative by log_factor.
        stiff: (MOST_ELEMENTS, 15, 4), filled: rows 0-3 K0 of U, 4-7 K0 of V, 8-11 K1 (U row, V column),
            12 K2 of U, 13 K2 of V, 14 M, per node.
    """
    fg = 4.0 * math.pi * GRAVITY
    for e in range(first, elements):
        jacobian = 0.5 * (mesh[RADIUS, e, 3] - mesh[RADIUS, e, 0])
        for row in range(12):
            for q in range(NODES):
                stiff[e, row, q] = 0.0
        for q in range(NODES):
            r, rho = mesh[RADIUS, e, q], mesh[RHO, e, q]
            a, c, f = mesh[A, e, q], mesh[C, e, q], mesh[F, e, q]
            ll, n = mesh[L, e, q], mesh[N, e, q]
            qa, qf, qm = mesh[QA, e, q], mesh[QF, e, q], mesh[QMU, e, q]
            if rate:
                a, c, f, ll, n, rho = a * qa, c * qa, f * qf, ll * qm, n * qm, 0.0
            else:
                a *= 1.0 + log_factor * qa
                c *= 1.0 + log_factor * qa
                f *= 1.0 + log_factor * qf
                ll *= 1.0 + log_factor * qm
                n *= 1.0 + log_factor * qm
            g, wj = mesh[G_FIELD, e, q], mesh[WEIGHT, e, q]
            w = wj / jacobian  # of terms with one derivative
            for i in range(NODES):
                di = _D[q, i] * r
                # 2 F (2 U) U' r, symmetric, and the cross terms of U with V.
                stiff[e, i, q] += 2.0 * f * w * di
                stiff[e, q, i] += 2.0 * f * w * di
                stiff[e, 8 + i, q] -= f * w * di
                stiff[e, 8 + q, i] += ll * w * di
                stiff[e, 4 + i, q] -= ll * w * di
                stiff[e, 4 + q, i] -= ll * w * di
                for j in range(NODES):
                    dd = di * _D[q, j] * r * w / jacobian
                    stiff[e, i, j] += c * dd
                    stiff[e, 4 + i, j] += ll * dd
            stiff[e, q, q] += wj * (4.0 * (a - n) + rho * r * (fg * rho * r - 4.0 * g))
            stiff[e, 4 + q, q] += wj * (ll - 2.0 * n)
            stiff[e, 8 + q, q] += wj * (rho * g * r - 2.0 * (a - n) - ll)
            stiff[e, 12, q] = wj * ll
            stiff[e, 13, q] = wj * a
            stiff[e, 14, q] = wj * rho * r * r
