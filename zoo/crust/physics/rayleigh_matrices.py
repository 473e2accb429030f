"""Numba kernels of `zoo.crust.physics.rayleigh`: the matrices of a frequency, their factors, and forms of a mode.

U and V are the radial functions of a spheroidal mode, r its radius, k its wavenumber per radian, k^2 = l (l + 1).
Its energy in the Cowling approximation is, per unit radius (Dahlen & Tromp 1998, chapter 8),

    C (r U')^2 + 2 F r U' (2 U - k V) + (A - N) (2 U - k V)^2 + N (k^2 - 2) V^2 + L (r V' - V + k U)^2
    + rho r ((4 pi G rho r - 4 g) U^2 + 2 k g U V) - omega^2 rho r^2 (U^2 + V^2).

On the nodes of the mesh it becomes x' T(k) x with T(k) = K0 + k K1 + k^2 K2 - omega^2 M, where K2 and M are diagonal.
The frequency is given and k is sought. An element has the unknowns U0 V0 U1 V1 U2 V2 U3 V3, from below upwards; it
shares the last two with the element above.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from zoo.compiled import njit
from zoo.crust.physics.rayleigh_mesh import (
    DERIVATIVES,
    G_FIELD,
    GRAVITY,
    NODES,
    QA,
    QF,
    QMU,
    RADIUS,
    RHO,
    WEIGHT,
    A,
    C,
    F,
    L,
    N,
)

# Rows of the matrices of an element. K0 has no entry for U with V, and K1 none but those (U row, V column): three
# 4 x 4 blocks that begin at these rows. K2 and M (the same for U and V) are diagonal: a row each.
K0_U, K0_V, K1 = 0, 4, 8
K2_U, K2_V, MASS = 12, 13, 14
MATRIX_ROWS = 15
# Unknowns of an element, and those that only it has (the next element has the rest).
UNKNOWNS, OWN = 8, 6
# In place of a pivot that is exactly zero.
_TINY = 1e-30
# Stiffness of what the deepest node rests on: a mode has no displacement there.
_RIGID = 1e30


class Problem(NamedTuple):
    """T(k) x = 0 at one frequency."""

    knots: np.ndarray
    """(9, knots) of the model, rows as in `zoo.crust.physics.earth.COLUMNS`."""
    matrices: np.ndarray
    """(MOST_ELEMENTS, 15, 4) of the elements, see `assemble`."""
    factors: np.ndarray
    """(MOST_ELEMENTS, 8, 8), see `factor`."""
    first: int
    """The elements first to elements - 1 are used: the mode has no energy below."""
    elements: int
    top: int
    """First knot of the sea; the number of knots if there is none."""
    omega: float
    """Angular frequency, 1/s."""
    anelastic: float
    """Derivative of `log_factor` by ln(omega): 2 / pi, or 0 without physical dispersion."""
    log_factor: float
    """(2 / pi) ln(frequency x reference period): a modulus of quality Q is larger by log_factor / Q."""


@njit(cache=True, nogil=True)
def assemble(mesh, first, elements, log_factor, rate, matrices):
    """Fill the matrices of the elements at a frequency.

    Args:
        mesh: (12, MOST_ELEMENTS, 4), node arrays.
        first, elements: the elements first to elements - 1 are filled.
        log_factor: (2 / pi) ln(frequency x reference period).
        rate: False: the matrices; True: their derivative by log_factor.
        matrices: (MOST_ELEMENTS, 15, 4), filled, rows as named above.
    """
    four_pi_g = 4.0 * math.pi * GRAVITY
    for e in range(first, elements):
        jacobian = 0.5 * (mesh[RADIUS, e, 3] - mesh[RADIUS, e, 0])
        out = matrices[e]
        for row in range(K2_U):  # the diagonals are set, not added to
            for q in range(NODES):
                out[row, q] = 0.0
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
            # At node q a function is its value there; r times its derivative is the sum of di times its values at i.
            w = wj / jacobian
            for i in range(NODES):
                di = DERIVATIVES[q, i] * r
                # 4 F r U' U and -2 L r V' V, each half in both triangles of a symmetric block.
                out[K0_U + i, q] += 2.0 * f * w * di
                out[K0_U + q, i] += 2.0 * f * w * di
                out[K0_V + i, q] -= ll * w * di
                out[K0_V + q, i] -= ll * w * di
                # -2 k F r U' V and 2 k L r V' U: half, since K1 stands for both triangles.
                out[K1 + i, q] -= f * w * di
                out[K1 + q, i] += ll * w * di
                for j in range(NODES):
                    # C (r U')^2 and L (r V')^2.
                    dd = di * DERIVATIVES[q, j] * r * w / jacobian
                    out[K0_U + i, j] += c * dd
                    out[K0_V + i, j] += ll * dd
            # Terms without a derivative.
            out[K0_U + q, q] += wj * (4.0 * (a - n) + rho * r * (four_pi_g * rho * r - 4.0 * g))
            out[K0_V + q, q] += wj * (ll - 2.0 * n)
            out[K1 + q, q] += wj * (rho * g * r - 2.0 * (a - n) - ll)
            out[K2_U, q] = wj * ll
            out[K2_V, q] = wj * a
            out[MASS, q] = wj * rho * r * r


@njit(cache=True, nogil=True)
def factor(problem, k, load):
    """Factor T(k) = L D L' element by element (frontal); return the number of negative pivots.

    That number is how many modes T has with a lower frequency at this k (Sylvester's law of inertia).

    Args:
        problem: its `factors` are filled: columns 0 to 5 of an element hold L below the diagonal and the pivot on
            it; the last element also has columns 6 and 7.
        k: wavenumber.
        load: added to the last U: the stiffness of a sea.
    """
    negative = 0
    k2, omega2 = k * k, problem.omega * problem.omega
    # What the elements below leave on the two unknowns that they share with the next: a symmetric 2 x 2 matrix.
    c00 = c11 = _RIGID
    c01 = 0.0
    factors, matrices = problem.factors, problem.matrices
    for e in range(problem.first, problem.elements):
        s, m = factors[e], matrices[e]
        for i in range(NODES):
            for j in range(i + 1):
                s[2 * i, 2 * j] = m[K0_U + i, j]
                s[2 * i + 1, 2 * j + 1] = m[K0_V + i, j]
                s[2 * i + 1, 2 * j] = k * m[K1 + j, i]
                s[2 * i, 2 * j + 1] = k * m[K1 + i, j]
            inertia = omega2 * m[MASS, i]
            s[2 * i, 2 * i] += k2 * m[K2_U, i] - inertia
            s[2 * i + 1, 2 * i + 1] += k2 * m[K2_V, i] - inertia
        s[0, 0] += c00
        s[1, 0] += c01
        s[1, 1] += c11
        last = OWN
        if e == problem.elements - 1:
            last = UNKNOWNS
            s[6, 6] += load
        for j in range(last):
            pivot = s[j, j]
            if pivot == 0.0:
                pivot = _TINY
                s[j, j] = pivot
            if pivot < 0.0:
                negative += 1
            inverse = 1.0 / pivot
            for i in range(j + 1, UNKNOWNS):
                lij = s[i, j] * inverse
                for n in range(j + 1, i + 1):
                    s[i, n] -= lij * s[n, j]
            for i in range(j + 1, UNKNOWNS):
                s[i, j] *= inverse
        c00, c01, c11 = s[6, 6], s[7, 6], s[7, 7]
    return negative


@njit(cache=True, nogil=True)
def solve(problem, x):
    """Solve L D L' y = x in place; x (6 * elements + 2), element e begins at 6 e."""
    first, elements, factors = problem.first, problem.elements, problem.factors
    for e in range(first, elements):
        s = factors[e]
        last = UNKNOWNS if e == elements - 1 else OWN
        for j in range(last):
            value = x[OWN * e + j]
            for i in range(j + 1, UNKNOWNS):
                x[OWN * e + i] -= s[i, j] * value
    for e in range(elements - 1, first - 1, -1):
        s = factors[e]
        last = UNKNOWNS if e == elements - 1 else OWN
        for j in range(last - 1, -1, -1):
            value = x[OWN * e + j] / s[j, j]
            for i in range(j + 1, UNKNOWNS):
                value -= s[i, j] * x[OWN * e + i]
            x[OWN * e + j] = value


@njit(cache=True, nogil=True)
def quadratic(problem, x):
    """Return x'K0x, x'K1x, x'K2x and x'Mx."""
    q0 = q1 = q2 = qm = 0.0
    matrices = problem.matrices
    for e in range(problem.first, problem.elements):
        for i in range(NODES):
            u, v = x[OWN * e + 2 * i], x[OWN * e + 2 * i + 1]
            q2 += matrices[e, K2_U, i] * u * u + matrices[e, K2_V, i] * v * v
            qm += matrices[e, MASS, i] * (u * u + v * v)
            s0u = s0v = s1 = 0.0
            for j in range(NODES):
                uj, vj = x[OWN * e + 2 * j], x[OWN * e + 2 * j + 1]
                s0u += matrices[e, K0_U + i, j] * uj
                s0v += matrices[e, K0_V + i, j] * vj
                s1 += matrices[e, K1 + i, j] * vj
            q0 += u * s0u + v * s0v
            q1 += 2.0 * u * s1
    return q0, q1, q2, qm


@njit(cache=True, nogil=True)
def slope_times(problem, k, x, out):
    """Fill out = T'(k) x = K1 x + 2 k K2 x."""
    for i in range(OWN * problem.first, OWN * problem.elements + 2):
        out[i] = 0.0
    matrices = problem.matrices
    for e in range(problem.first, problem.elements):
        for i in range(NODES):
            u, v = x[OWN * e + 2 * i], x[OWN * e + 2 * i + 1]
            out[OWN * e + 2 * i] += 2.0 * k * matrices[e, K2_U, i] * u
            out[OWN * e + 2 * i + 1] += 2.0 * k * matrices[e, K2_V, i] * v
            for j in range(NODES):
                out[OWN * e + 2 * i] += matrices[e, K1 + i, j] * x[OWN * e + 2 * j + 1]
                out[OWN * e + 2 * j + 1] += matrices[e, K1 + i, j] * u


@njit(cache=True, nogil=True)
def self_gravitation(mesh, problem, k, x):
    """Return the energy that the Cowling approximation leaves out, for a mode of that approximation.

    Poisson's equation is solved with the mode's density perturbation (Dahlen & Tromp 1998, eq. 8.55):
    with P(r) put in, the integral of rho (U P' + k V P / r) r^2 is

        -4 pi G integral rho^2 U^2 r^2  -  8 pi G / (2 l + 1) integral s_out(r) integral_0^r s_in,
        s_in = rho (l U + k V) r^(l+1),  s_out = rho (k V - (l + 1) U) r^-l.

    Args:
        mesh: node arrays.
        problem: the `Problem` of the frequency.
        k: wavenumber of the mode.
        x: the mode.
    """
    half = math.sqrt(k * k + 0.25)  # l + 1/2
    degree = half - 0.5
    local = double = 0.0
    inner = 0.0  # r^-l times the inner integral, at the last node: r^l itself would overflow
    r_last = mesh[RADIUS, problem.first, 0]
    s_last = 0.0
    for e in range(problem.first, problem.elements):
        for q in range(NODES):
            r, rho, w = mesh[RADIUS, e, q], mesh[RHO, e, q], mesh[WEIGHT, e, q]
            u, v = x[OWN * e + 2 * q], x[OWN * e + 2 * q + 1]
            s_in = rho * (degree * u + k * v) * r
            if q > 0:
                decay = math.exp(degree * math.log(r_last / r))
                inner = inner * decay + 0.5 * (r - r_last) * (s_last * decay + s_in)
            local += w * rho * rho * u * u * r * r
            double += w * rho * (k * v - (degree + 1.0) * u) * inner
            r_last, s_last = r, s_in
    return -4.0 * math.pi * GRAVITY * (local + double / half)
