"""Numba kernels of `zoo.crust.physics.love`: toroidal modes on the elements of `rayleigh_mesh`.

W is the tangential function of a toroidal mode, r its radius, k^2 = l (l + 1). Its energy is, per unit radius
(Dahlen & Tromp 1998, chapter 8),

    L (r W' - W)^2 + N (k^2 - 2) W^2 - omega^2 rho r^2 W^2.

On the nodes of the mesh it becomes x' T x with T = K0 + k^2 K2 - omega^2 M, where K2 and M are diagonal. T is linear in
k^2, so that at a given frequency k^2 is an eigenvalue: it is found by inverse iteration with Rayleigh's quotient, and
the number of negative pivots (modes below omega at this k) says which mode it is. An element has the unknowns W0 W1 W2
W3 from below upwards; it shares the last with the element above.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from zoo.compiled import njit
from zoo.crust.physics import earth
from zoo.crust.physics.rayleigh_mesh import (
    DERIVATIVES,
    NODES,
    QMU,
    RADIUS,
    RHO,
    WEIGHT,
    L,
    N,
    build_mesh,
    depth_needed,
)

K0, K2, MASS = 0, 4, 5  # rows of an element's matrices: a 4 x 4 block, and two diagonals
OWN = 3  # unknowns that only an element has
_TINY, _RIGID = 1e-30, 1e30
_CONVERGED, _MOST_ITERATIONS = 3e-6, 20  # relative change of k^2; convergence is cubic
_TOO_NEAR = 1e-9  # relative distance of two k^2 of which rounding decides which is larger
_WIDTHS = (0.01, 1e-3, 1e-5, 1e-8)  # relative widths of k at which a bisection stops, until the iteration succeeds
_JUST_ABOVE = 1e-6  # relative, of k^2
# Added to the depth that a frequency needs: at short periods the slowest wave may run in a slow layer inside the crust.
_CHANNEL_KM = 80.0
_LEAST_ABOVE = 4  # elements that stay in use at any frequency
# Love waves run between the slowest and the fastest shear velocity; physical dispersion moves both.
_SLOWEST_PART, FASTEST_KM_S = 0.7, 9.0
_SHORTEST_PERIOD_S = 1e-9
_WHOLE_HZ = 1e-5  # a frequency so low that the mesh takes in all of the uppermost solid


class LoveProblem(NamedTuple):
    """T x = 0 at one frequency."""

    matrices: np.ndarray
    """(MOST_ELEMENTS, >= 6, 4), rows as named above."""
    factors: np.ndarray
    """(MOST_ELEMENTS, >= 4, >= 4), overwritten."""
    first: int
    elements: int
    omega: float


@njit(cache=True, nogil=True)
def assemble(mesh, first, elements, log_factor, rate, matrices):
    """Fill the matrices of the elements; with `rate` their derivatives by log_factor (see `rayleigh_matrices`)."""
    for e in range(first, elements):
        jacobian = 0.5 * (mesh[RADIUS, e, 3] - mesh[RADIUS, e, 0])
        out = matrices[e]
        for row in range(MASS + 1):
            for q in range(NODES):
                out[row, q] = 0.0
        for q in range(NODES):
            r, rho, w = mesh[RADIUS, e, q], mesh[RHO, e, q], mesh[WEIGHT, e, q]
            factor = mesh[QMU, e, q] if rate else 1.0 + log_factor * mesh[QMU, e, q]
            ll, n = mesh[L, e, q] * factor, mesh[N, e, q] * factor
            for i in range(NODES):
                di = DERIVATIVES[q, i] * r / jacobian - (1.0 if i == q else 0.0)
                for j in range(NODES):
                    dj = DERIVATIVES[q, j] * r / jacobian - (1.0 if j == q else 0.0)
                    out[K0 + i, j] += w * ll * di * dj
            out[K0 + q, q] -= 2.0 * w * n
            out[K2, q] = w * n
            out[MASS, q] = 0.0 if rate else w * rho * r * r


@njit(cache=True, nogil=True)
def _factor(problem, k2):
    """Factor T = L D L' element by element; return the number of negative pivots: modes below omega at this k."""
    negative = 0
    carried = _RIGID
    omega2 = problem.omega * problem.omega
    for e in range(problem.first, problem.elements):
        s, m = problem.factors[e], problem.matrices[e]
        for i in range(NODES):
            for j in range(i + 1):
                s[i, j] = m[K0 + i, j]
            s[i, i] += k2 * m[K2, i] - omega2 * m[MASS, i]
        s[0, 0] += carried
        last = NODES if e == problem.elements - 1 else OWN
        for j in range(last):
            if s[j, j] == 0.0:
                s[j, j] = _TINY
            pivot = s[j, j]
            if pivot < 0.0:
                negative += 1
            inverse = 1.0 / pivot
            for i in range(j + 1, NODES):
                lij = s[i, j] * inverse
                for n in range(j + 1, i + 1):
                    s[i, n] -= lij * s[n, j]
            for i in range(j + 1, NODES):
                s[i, j] *= inverse
        carried = s[3, 3]
    return negative


@njit(cache=True, nogil=True)
def _solve(problem, x):
    """Solve L D L' y = x in place."""
    first, elements = problem.first, problem.elements
    for e in range(first, elements):
        s = problem.factors[e]
        for j in range(NODES if e == elements - 1 else OWN):
            for i in range(j + 1, NODES):
                x[OWN * e + i] -= s[i, j] * x[OWN * e + j]
    for e in range(elements - 1, first - 1, -1):
        s = problem.factors[e]
        for j in range((NODES if e == elements - 1 else OWN) - 1, -1, -1):
            value = x[OWN * e + j] / s[j, j]
            for i in range(j + 1, NODES):
                value -= s[i, j] * x[OWN * e + i]
            x[OWN * e + j] = value


@njit(cache=True, nogil=True)
def quadratic(problem, x):
    """Return x'K0x, x'K2x and x'Mx."""
    q0 = q2 = qm = 0.0
    for e in range(problem.first, problem.elements):
        m = problem.matrices[e]
        for i in range(NODES):
            w = x[OWN * e + i]
            q2 += m[K2, i] * w * w
            qm += m[MASS, i] * w * w
            row = 0.0
            for j in range(NODES):
                row += m[K0 + i, j] * x[OWN * e + j]
            q0 += w * row
    return q0, q2, qm


@njit(cache=True, nogil=True)
def _refine(problem, k2, is_mode, overtone, x, y):
    """Return k^2 of the mode by inverse iteration from k2, 0 unless it is the one asked for; x becomes the mode."""
    first, size = OWN * problem.first, OWN * problem.elements + 1
    omega2 = problem.omega * problem.omega
    count = -1
    for iteration in range(_MOST_ITERATIONS):
        if is_mode or iteration > 1:
            q0, q2, qm = quadratic(problem, x)
            better = (omega2 * qm - q0) / q2
            if better <= 0.0:
                return 0.0
            if count >= 0 and abs(better - k2) < _CONVERGED * k2:
                # The last factorisation was at k2: if that was too large, as many modes lie below omega there as
                # overtones come before this one, if it was too small, one more.
                expected = overtone + 1 if better > k2 else overtone
                if abs(better - k2) < _TOO_NEAR * k2:
                    count = _factor(problem, better * (1.0 + _JUST_ABOVE))
                    expected = overtone
                return better if count == expected else 0.0
            k2 = better
        count = _factor(problem, k2)
        for j in range(first, size):
            y[j] = 0.0
        for e in range(problem.first, problem.elements):
            for i in range(NODES):
                y[OWN * e + i] += problem.matrices[e, K2, i] * x[OWN * e + i]
        _solve(problem, y)
        largest = 0.0
        for j in range(first, size):
            largest = max(largest, abs(y[j]))
        if not (largest > 0.0 and largest < 1e300):
            return 0.0
        for j in range(first, size):
            x[j] = y[j] / largest
    return 0.0


@njit(cache=True, nogil=True)
def _search(problem, slowest_k2, fastest_k2, overtone, x, y):
    """Return k^2 of the mode without a guess, 0 if there is none; x is the mode on return."""
    if _factor(problem, slowest_k2) > overtone or _factor(problem, fastest_k2) <= overtone:
        return 0.0
    high, low = slowest_k2, fastest_k2
    for width in _WIDTHS:
        while high / low > 1.0 + 2.0 * width:
            middle = math.sqrt(high * low)
            if _factor(problem, middle) > overtone:
                low = middle
            else:
                high = middle
        for j in range(OWN * problem.first, OWN * problem.elements + 1):
            x[j] = 1.0 + (j % 7) / 7.0  # nothing that a mode could be orthogonal to
        found = _refine(problem, math.sqrt(high * low), False, overtone, x, y)
        if found > 0.0:
            return found
    return 0.0


@njit(cache=True, nogil=True)
def mesh_depth_hz(lowest_hz, refinement, overtone):
    """Return the frequency that decides how deep the mesh goes."""
    if overtone:  # it turns deep below what its frequency says of the fundamental mode
        return _WHOLE_HZ
    depth = depth_needed(lowest_hz, refinement)  # and a channel below that
    return lowest_hz * depth / (depth + _CHANNEL_KM)


@njit(cache=True, nogil=True)
def mode_at(problem, k2, iterations):
    """Return the mode W (3 elements + 1) next to k2 = k^2 by inverse iteration; its largest value is one."""
    x = 1.0 + (np.arange(OWN * problem.elements + 1) % 7) / 7.0
    x[0] = 0.0
    _factor(problem, k2)
    for _ in range(iterations):
        y = np.zeros(x.size)
        for e in range(problem.elements):
            for i in range(NODES):
                y[OWN * e + i] += problem.matrices[e, K2, i] * x[OWN * e + i]
        _solve(problem, y)
        x = y / np.abs(y).max()
    return x


@njit(cache=True, nogil=True)
def love_dispersion(knots, frequency_hz, reference_period_s, refinement, overtone, with_group, work, out):
    """Fill phase and (if asked for) group velocity of a Love mode of a model; NaN where there is no such mode.

    Args:
        knots: (9, knots), rows as in `zoo.crust.physics.earth.COLUMNS`.
        frequency_hz: (n,), ascending.
        reference_period_s, refinement, with_group: as in `rayleigh_kernels.Options`.
        overtone: 0 for the fundamental mode.
        work: `rayleigh_kernels.Work` of this thread.
        out: (2, n), filled, km/s.
    """
    count = frequency_hz.size
    out[:] = np.nan
    lowest_hz = mesh_depth_hz(frequency_hz[0], refinement, overtone)
    elements, _ = build_mesh(knots, lowest_hz, frequency_hz[count - 1], refinement, work.mesh)
    if elements < 1:
        return
    radius = knots[earth.RADIUS, -1]
    slowest = np.inf
    for e in range(elements):
        for q in range(NODES):
            slowest = min(slowest, math.sqrt(min(work.mesh[L, e, q], work.mesh[N, e, q]) / work.mesh[RHO, e, q]))
    x, y = np.zeros(OWN * elements + 1), np.zeros(OWN * elements + 1)
    anelastic = 2.0 / math.pi if reference_period_s > 0.0 else 0.0
    first, before = 0, 0.0
    for i in range(count):
        omega = 2.0 * math.pi * frequency_hz[i]
        log_factor = anelastic * math.log(frequency_hz[i] * max(reference_period_s, _SHORTEST_PERIOD_S))
        if overtone == 0:
            lowest = radius - depth_needed(frequency_hz[i], refinement) - _CHANNEL_KM
            while first < elements - _LEAST_ABOVE and work.mesh[RADIUS, first + 1, 0] <= lowest:
                first += 1
        x[OWN * first] = 0.0
        assemble(work.mesh, first, elements, log_factor, False, work.matrices)
        problem = LoveProblem(work.matrices, work.factors, first, elements, omega)
        k2 = 0.0
        if before > 0.0:
            k2 = _refine(problem, (omega * radius / before) ** 2, True, overtone, x, y)
        if k2 == 0.0:
            k2 = _search(
                problem,
                (omega * radius / (_SLOWEST_PART * slowest)) ** 2,
                max((omega * radius / FASTEST_KM_S) ** 2, 2.0),
                overtone,
                x,
                y,
            )
        before = 0.0
        if k2 > 0.0:
            out[0, i] = before = omega * radius / math.sqrt(k2 + 0.25)
            if with_group:
                _, q2, qm = quadratic(problem, x)
                assemble(work.mesh, first, elements, log_factor, True, work.matrices)
                r0, r2, _ = quadratic(problem, x)
                by_omega = anelastic / omega * (r0 + k2 * r2) - 2.0 * omega * qm
                # d omega / d k, per km of the surface, and from k to l + 1/2.
                out[1, i] = -2.0 * radius * q2 * math.sqrt(k2 + 0.25) / by_omega
