"""Numba kernels of `zoo.crust.physics.rayleigh`: factorisation, modes, and the search for the root.

Radial functions U and V of a spheroidal mode on Gauss-Lobatto-Legendre elements of degree 3. With the
wavenumber k, k^2 = l (l + 1), the energy (in the Cowling approximation) is

    x' T(k) x = x' (K0 + k K1 + k^2 K2 - omega^2 M) x,

K2 and M diagonal. Frequency is given and k is sought. Everything is per radian, km, g/cm3, GPa.
Arrays of an element have its four nodes last, upwards; unknowns of an element are U0 V0 U1 V1 ... V3.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from zoo.crust.physics.rayleigh_mesh import (
    GRAVITY,
    NODES,
    RADIUS,
    RHO,
    WEIGHT,
    L,
    N,
    assemble,
    build_mesh,
    depth_needed,
    mass_below,
)

_CONVERGED = 3e-6  # relative change of k; convergence is cubic
_MOST_ITERATIONS = 12


@njit(cache=True, nogil=True)
def factor(stiff, first, elements, k, omega2, load, factors):
    """Factor T(k) = L D L' element by element (frontal); return the number of negative pivots.

    Args:
        load: added to the last U: the stiffness of a sea.
        factors: (MOST_ELEMENTS, 8, 8), filled: columns 0 to 5 of an element hold L below the diagonal and
            the pivot on it; the last element also columns 6 and 7.
    """
    negative = 0
    k2 = k * k
    c00 = c11 = 1e30  # no displacement at the bottom
    c01 = 0.0
    for e in range(first, elements):
        s = factors[e]
        m = stiff[e]
        for i in range(NODES):
            for j in range(i + 1):
                s[2 * i, 2 * j] = m[i, j]
                s[2 * i + 1, 2 * j + 1] = m[4 + i, j]
                s[2 * i + 1, 2 * j] = k * m[8 + j, i]
                s[2 * i, 2 * j + 1] = k * m[8 + i, j]
            inertia = omega2 * m[14, i]
            s[2 * i, 2 * i] += k2 * m[12, i] - inertia
            s[2 * i + 1, 2 * i + 1] += k2 * m[13, i] - inertia
        s[0, 0] += c00
        s[1, 0] += c01
        s[1, 1] += c11
        last = 6
        if e == elements - 1:
            last = 8
            s[6, 6] += load
        for j in range(last):
            pivot = s[j, j]
            if pivot == 0.0:
                pivot = 1e-30
                s[j, j] = pivot
            if pivot < 0.0:
                negative += 1
            inverse = 1.0 / pivot
            for i in range(j + 1, 8):
                lij = s[i, j] * inverse
                for n in range(j + 1, i + 1):
                    s[i, n] -= lij * s[n, j]
            for i in range(j + 1, 8):
                s[i, j] *= inverse
        c00, c01, c11 = s[6, 6], s[7, 6], s[7, 7]
    return negative


@njit(cache=True, nogil=True)
def solve(factors, first, elements, x):
    """Solve L D L' y = x in place; x (6 * elements + 2), element e begins at 6 e."""
    for e in range(first, elements):
        s = factors[e]
        last = 8 if e == elements - 1 else 6
        for j in range(last):
            value = x[6 * e + j]
            for i in range(j + 1, 8):
                x[6 * e + i] -= s[i, j] * value
    for e in range(elements - 1, first - 1, -1):
        s = factors[e]
        for j in range(7 if e == elements - 1 else 5, -1, -1):
            value = x[6 * e + j] / s[j, j]
            for i in range(j + 1, 8):
                value -= s[i, j] * x[6 * e + i]
            x[6 * e + j] = value


@njit(cache=True, nogil=True)
def quadratic(stiff, first, elements, x):
    """Return x'K0x, x'K1x, x'K2x and x'Mx."""
    q0 = q1 = q2 = qm = 0.0
    for e in range(first, elements):
        m = stiff[e]
        for i in range(NODES):
            u, v = x[6 * e + 2 * i], x[6 * e + 2 * i + 1]
            q2 += m[12, i] * u * u + m[13, i] * v * v
            qm += m[14, i] * (u * u + v * v)
            s0u = s0v = s1 = 0.0
            for j in range(NODES):
                uj, vj = x[6 * e + 2 * j], x[6 * e + 2 * j + 1]
                s0u += m[i, j] * uj
                s0v += m[4 + i, j] * vj
                s1 += m[8 + i, j] * vj
            q0 += u * s0u + v * s0v
            q1 += 2.0 * u * s1
    return q0, q1, q2, qm


@njit(cache=True, nogil=True)
def slope_times(stiff, first, elements, k, x, out):
    """Fill out = T'(k) x = K1 x + 2 k K2 x."""
    for i in range(6 * first, 6 * elements + 2):
        out[i] = 0.0
    for e in range(first, elements):
        m = stiff[e]
        for i in range(NODES):
            u, v = x[6 * e + 2 * i], x[6 * e + 2 * i + 1]
            out[6 * e + 2 * i] += 2.0 * k * m[12, i] * u
            out[6 * e + 2 * i + 1] += 2.0 * k * m[13, i] * v
            for j in range(NODES):
                out[6 * e + 2 * i] += m[8 + i, j] * x[6 * e + 2 * j + 1]
                out[6 * e + 2 * j + 1] += m[8 + i, j] * u


@njit(cache=True, nogil=True)
def self_gravitation(mesh, first, elements, k, x):
    """Return the energy that the Cowling approximation leaves out, for a mode of that approximation.

    Poisson's equation is solved with the mode's density perturbation (Dahlen & Tromp 1998, eq. 8.55):
    with P(r) put in, integral of rho (U P' + k V P / r) r^2 is

        -4 pi G integral rho^2 U^2 r^2  -  8 pi G / (2 l + 1) integral s_out(r) integral_0^r s_in,
        s_in = rho (l U + k V) r^(l+1),  s_out = rho (k V - (l + 1) U) r^-l.
    """
    half = math.sqrt(k * k + 0.25)  # l + 1/2
    degree = half - 0.5
    local = double = 0.0
    inner = 0.0  # r^-l times the inner integral, at the last node
    r_last = mesh[RADIUS, first, 0]
    s_last = 0.0
    for e in range(first, elements):
        for q in range(NODES):
            r, rho, w = mesh[RADIUS, e, q], mesh[RHO, e, q], mesh[WEIGHT, e, q]
            u, v = x[6 * e + 2 * q], x[6 * e + 2 * q + 1]
            s_in = rho * (degree * u + k * v) * r
            if q > 0:
                decay = math.exp(degree * math.log(r_last / r))
                inner = inner * decay + 0.5 * (r - r_last) * (s_last * decay + s_in)
            local += w * rho * rho * u * u * r * r
            double += w * rho * (k * v - (degree + 1.0) * u) * inner
            r_last, s_last = r, s_in
    return -4.0 * math.pi * GRAVITY * (local + double / half)


@njit(cache=True, nogil=True)
def sea_load(knots, top, omega, k, log_factor):
    """Return -r^2 R / U at the floor of a sea, and how often U vanishes in it.

    U and the normal stress R are integrated from the surface (R = 0) downwards; V follows from them.
    The zeros of U are the sea's own modes above a rigid floor, which the pivots do not see
    (Wittrick & Williams 1971).
    """
    count = knots.shape[1]
    if top == count:
        return 0.0, 0
    inside = mass_below(knots[0], knots[1])
    fg = 4.0 * math.pi * GRAVITY
    u, stress = 1.0, 0.0
    zeros = 0
    for i in range(count - 1, top, -1):
        r1, r0 = knots[0, i], knots[0, i - 1]
        if r1 == r0:
            continue
        speed = 0.5 * (knots[2, i] + knots[2, i - 1])
        steps = 4 + int(8.0 * omega * (r1 - r0) / speed)
        h = (r0 - r1) / steps
        for step in range(steps):
            du = dr = 0.0
            ku = kr = 0.0
            for stage in range(4):
                ahead = 0.0 if stage == 0 else (1.0 if stage == 3 else 0.5)
                r = r1 + (step + ahead) * h
                b = (r - r0) / (r1 - r0)
                rho = (1.0 - b) * knots[1, i - 1] + b * knots[1, i]
                vp = (1.0 - b) * knots[2, i - 1] + b * knots[2, i]
                qk = 1.0 / knots[4, i - 1] if knots[4, i - 1] > 0 else 0.0
                kappa = rho * vp * vp * (1.0 + log_factor * qk)
                g = ((1.0 - b) * inside[i - 1] + b * inside[i]) / (r * r)
                uu, rr = u + ahead * h * ku, stress + ahead * h * kr
                v = k * (rho * g * uu - rr) / (omega * omega * rho * r)
                ku = rr / kappa - (2.0 * uu - k * v) / r
                kr = rho * (fg * rho - 4.0 * g / r - omega * omega) * uu + k * rho * g * v / r
                part = 1.0 / 6.0 if stage in (0, 3) else 1.0 / 3.0
                du += part * ku
                dr += part * kr
            before = u
            u += h * du
            stress += h * dr
            if before * u <= 0.0:
                zeros += 1
    r = knots[0, top]
    return -r * r * stress / u, zeros


@njit(cache=True, nogil=True)
def _bisect(stiff, first, elements, knots, top, omega, log_factor, slow, fast, tolerance, factors):
    """Return a wavenumber just above the fundamental's: the largest k at which a mode lies below omega.

    Bisection of the phase velocity between slow (no mode) and fast (at least one); 0 if that does not hold.
    """
    radius = knots[0, -1]

    def modes(c):
        k = math.sqrt((omega * radius / c) ** 2 - 0.25)
        load, zeros = sea_load(knots, top, omega, k, log_factor)
        return zeros + factor(stiff, first, elements, k, omega * omega, load, factors)

    if modes(slow) > 0 or modes(fast) == 0:
        return 0.0
    while fast / slow > 1.0 + tolerance:
        middle = math.sqrt(slow * fast)
        if modes(middle) > 0:
            fast = middle
        else:
            slow = middle
    return math.sqrt((omega * radius / slow) ** 2 - 0.25)


@njit(cache=True, nogil=True)
def dispersion(knots, frequency_hz, reference_period_s, refinement, cowling, with_group, mesh, stiff, factors, out):
    """Fill phase and (if asked) group velocity of the fundamental Rayleigh mode of a model.

    Args:
        knots: (9, knots), columns of `zoo.crust.physics.earth.COLUMNS`.
        frequency_hz: (n,), ascending.
        reference_period_s: at which the velocities hold; 0: at every period.
        refinement: 1; larger divides the elements and goes deeper.
        cowling: leave self-gravitation out.
        with_group: fill group velocities as well.
        mesh, stiff, factors: work arrays, (12, MOST_ELEMENTS, 4), (MOST_ELEMENTS, 15, 4), (MOST_ELEMENTS, 8, 8).
        out: (2, n), filled, km/s; NaN where there is no root.
    """
    n = frequency_hz.size
    radius = knots[0, -1]
    for i in range(n):
        out[0, i] = out[1, i] = np.nan
    elements, top = build_mesh(knots, frequency_hz[0], frequency_hz[n - 1], refinement, mesh)
    if elements < 1:
        return
    slowest = 1e9
    for e in range(elements):
        for q in range(NODES):
            slowest = min(slowest, math.sqrt(min(mesh[L, e, q], mesh[N, e, q]) / mesh[RHO, e, q]))
    for i in range(top, knots.shape[1]):
        slowest = min(slowest, knots[2, i])
    size = 6 * elements + 2
    x, y = np.zeros(size), np.zeros(size)
    found = np.zeros(n)  # phase velocities in the Cowling approximation, for the next guess
    first = 0
    for i in range(n):
        frequency = frequency_hz[i]
        omega = 2.0 * math.pi * frequency
        anelastic = 2.0 / math.pi if reference_period_s > 0.0 else 0.0
        log_factor = anelastic * math.log(frequency * max(reference_period_s, 1e-9))
        lowest = radius - depth_needed(frequency, refinement)
        while first < elements - 4 and mesh[RADIUS, first + 1, 0] <= lowest:
            first += 1
        x[6 * first] = x[6 * first + 1] = 0.0
        assemble(mesh, first, elements, log_factor, False, stiff)
        k = 0.0
        for attempt in range(3):
            if attempt == 0:
                if i == 0 or found[i - 1] == 0.0:
                    continue
                guess = found[i - 1]
                if i > 1 and found[i - 2] > 0.0:
                    guess = _extrapolate(frequency_hz, found, i)
                k = math.sqrt(max((omega * radius / guess) ** 2 - 0.25, 1.0))
                tangent = True
            else:
                near = 0.003 if attempt == 1 else 1e-5
                k = _bisect(stiff, first, elements, knots, top, omega, log_factor, 0.6 * slowest, 6.5, near, factors)
                if k == 0.0:
                    break
                for j in range(6 * first, size):
                    x[j] = 0.0
                x[size - 2] = x[size - 1] = 1.0
                tangent = False
            k = _refine(stiff, first, elements, knots, top, omega, log_factor, k, tangent, x, y, factors)
            if k > 0.0:
                break
        if k <= 0.0:
            continue
        found[i] = omega * radius / math.sqrt(k * k + 0.25)
        q0, q1, q2, qm = quadratic(stiff, first, elements, x)
        if not cowling or with_group:
            load, zeros = sea_load(knots, top, omega, k, log_factor)
            nudged, zeros = sea_load(knots, top, omega, k * (1.0 + 1e-6), log_factor)
            u2 = x[size - 2] ** 2
            by_k = q1 + 2.0 * k * q2 + u2 * (nudged - load) / (k * 1e-6)
        if not cowling:
            # First order: the energy left out moves k along the curve x'T(k)x.
            k -= self_gravitation(mesh, first, elements, k, x) / by_k
        out[0, i] = omega * radius / math.sqrt(k * k + 0.25)
        if with_group:
            assemble(mesh, first, elements, log_factor, True, stiff)
            r0, r1, r2, rm = quadratic(stiff, first, elements, x)
            by_log = r0 + k * r1 + k * k * r2
            step = 1e-6
            later = log_factor + anelastic * step
            nudged, zeros = sea_load(knots, top, omega * (1.0 + step), k, later)
            by_omega = anelastic / omega * by_log - 2.0 * omega * qm + u2 * (nudged - load) / (omega * step)
            out[1, i] = -radius * by_k / by_omega * math.sqrt(k * k + 0.25) / k


@njit(cache=True, nogil=True)
def _extrapolate(frequency_hz, found, i):
    """Return the phase velocity expected at frequency i from the (up to three) before it."""
    f, f1, f2 = frequency_hz[i], frequency_hz[i - 1], frequency_hz[i - 2]
    if i > 2 and found[i - 3] > 0.0:
        f3 = frequency_hz[i - 3]
        return (
            found[i - 1] * (f - f2) * (f - f3) / ((f1 - f2) * (f1 - f3))
            + found[i - 2] * (f - f1) * (f - f3) / ((f2 - f1) * (f2 - f3))
            + found[i - 3] * (f - f1) * (f - f2) / ((f3 - f1) * (f3 - f2))
        )
    return found[i - 1] + (found[i - 1] - found[i - 2]) * (f - f1) / (f1 - f2)


@njit(cache=True, nogil=True)
def _refine(stiff, first, elements, knots, top, omega, log_factor, k, tangent, x, y, factors):
    """Return the wavenumber by residual inverse iteration, 0 unless it is the fundamental's.

    Args:
        k: where to begin.
        tangent: x is a mode already (of the frequency before): its Rayleigh quotient is better than k.
    """
    size = 6 * elements + 2
    sea = top < knots.shape[1]
    count = -1
    for iteration in range(_MOST_ITERATIONS):
        load = slope = 0.0
        # An arbitrary x takes two steps at the k of the bisection before its quotient means anything.
        if tangent or iteration > 1:
            q0, q1, q2, qm = quadratic(stiff, first, elements, x)
            q0 -= omega * omega * qm
            if sea:
                load, zeros = sea_load(knots, top, omega, k, log_factor)
                nudged, zeros = sea_load(knots, top, omega, k * (1.0 + 1e-6), log_factor)
                slope = (nudged - load) / (k * 1e-6)
                u2 = x[size - 2] ** 2
                q0 += u2 * (load - slope * k)
                q1 += u2 * slope
            root = q1 * q1 - 4.0 * q0 * q2
            if root < 0.0:
                return 0.0
            better = (-q1 + math.sqrt(root)) / (2.0 * q2)
            if better <= 1.0:
                return 0.0
            if count >= 0 and abs(better - k) < _CONVERGED * k:
                # The last factorisation was at k: no mode below omega there if k was too large, one if too small.
                expected = 1 if better > k else 0
                if abs(better - k) < 1e-9 * k:  # too near to tell: look just above
                    above = better * (1.0 + 1e-6)
                    load, zeros = sea_load(knots, top, omega, above, log_factor)
                    count = zeros + factor(stiff, first, elements, above, omega * omega, load, factors)
                    expected = 0
                return better if count == expected else 0.0
            k = better
        zeros = 0
        if sea:
            load, zeros = sea_load(knots, top, omega, k, log_factor)
            nudged, more = sea_load(knots, top, omega, k * (1.0 + 1e-6), log_factor)
            slope = (nudged - load) / (k * 1e-6)
        count = zeros + factor(stiff, first, elements, k, omega * omega, load, factors)
        slope_times(stiff, first, elements, k, x, y)
        y[size - 2] += slope * x[size - 2]
        solve(factors, first, elements, y)
        largest = 0.0
        for j in range(6 * first, size):
            largest = max(largest, abs(y[j]))
        if not (largest > 0.0 and largest < 1e300):
            return 0.0
        for j in range(6 * first, size):
            x[j] = y[j] / largest
    return 0.0
