"""Numba kernels of `zoo.crust.physics.rayleigh`: the search for the fundamental mode, and its velocities.

At each frequency the wavenumber k is found by residual inverse iteration on T(k) x = 0 (`rayleigh_matrices`), begun
at the mode of the frequency before or, failing that, after a bisection that counts modes. The fundamental mode is the
one with the largest k: no mode has a lower frequency there; overtone n has n modes below.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from zoo.compiled import njit
from zoo.crust.physics import earth
from zoo.crust.physics.rayleigh_matrices import (
    MATRIX_ROWS,
    OWN,
    UNKNOWNS,
    Problem,
    assemble,
    factor,
    quadratic,
    self_gravitation,
    slope_times,
    solve,
)
from zoo.crust.physics.rayleigh_mesh import (
    MESH_ROWS,
    MOST_ELEMENTS,
    NODES,
    RADIUS,
    RHO,
    L,
    N,
    build_mesh,
    depth_needed,
    mass_below,
)
from zoo.crust.physics.rayleigh_sea import sea_load

_CONVERGED = 3e-6  # relative change of k; convergence is cubic, so the next one would be below rounding
_MOST_ITERATIONS = 12
_TOO_NEAR = 1e-9  # relative distance of two k of which rounding decides which is larger
_STEP = 1e-6  # relative step of the differences that give derivatives of a sea's load
# The fundamental mode is sought between this part of the slowest velocity of the model and this velocity. On a
# half-space it runs at 0.87 to 0.96 of the shear velocity, and physical dispersion with Q = 10 takes a fifth off that
# at 200 s; the rest is margin. At 3 mHz, the lowest frequency, it runs at 5.2 km/s in PREM. Overtones are sought up to
# the second velocity, below which they turn above the core.
SLOWEST_PART, FASTEST_KM_S, FASTEST_OVERTONE_KM_S = 0.6, 6.5, 12.0
# Relative widths at which bisection stops: the first is enough for inverse iteration to end at the fundamental mode in
# nearly every model, the others separate modes that lie close together.
_WIDTHS = (0.003, 1e-5, 1e-8)
# The search begins this much above the velocity of a sea's gravity wave, which Newton's method finds in so many steps.
_GRAVITY_MARGIN, _GRAVITY_STEPS = 1.25, 20
_LEAST_ABOVE = 4  # elements that stay in use at any frequency
_SHORTEST_PERIOD_S = 1e-9  # in place of a reference period of 0, whose logarithm is multiplied by 0
_WHOLE_HZ = 1e-5  # a frequency so low that the mesh takes in all of the uppermost solid
_OVERFLOW = 1e300  # a vector this large has lost its direction


class Options(NamedTuple):
    """What `dispersion` computes."""

    reference_period_s: float = 1.0
    """Period at which the velocities hold; 0: at every period."""
    refinement: float = 1.0
    """Divides the length of elements, and the mesh goes deeper."""
    cowling: bool = False
    """Leave self-gravitation out."""
    with_group: bool = False
    """Fill group velocities as well."""
    overtone: int = 0
    """0: the fundamental mode."""


class Work(NamedTuple):
    """The arrays that `dispersion` works in; each thread needs its own."""

    mesh: np.ndarray
    """(12, MOST_ELEMENTS, 4), see `rayleigh_mesh`."""
    matrices: np.ndarray
    """(MOST_ELEMENTS, 15, 4), see `rayleigh_matrices`."""
    factors: np.ndarray
    """(MOST_ELEMENTS, 8, 8)."""


def work_arrays() -> Work:
    """Return what `dispersion` works in."""
    most = MOST_ELEMENTS
    return Work(
        np.empty((MESH_ROWS, most, NODES)), np.empty((most, MATRIX_ROWS, NODES)), np.empty((most, UNKNOWNS, UNKNOWNS))
    )


@njit(cache=True, nogil=True)
def wavenumber(omega, radius, velocity):
    """Return k from c = omega a / (l + 1/2), the convention of normal modes: k^2 = l (l + 1) = (l + 1/2)^2 - 1/4."""
    return math.sqrt((omega * radius / velocity) ** 2 - 0.25)


@njit(cache=True, nogil=True)
def _velocity(omega, radius, k):
    """Return the phase velocity of a wavenumber, the inverse of `wavenumber`."""
    return omega * radius / math.sqrt(k * k + 0.25)


@njit(cache=True, nogil=True)
def _load(problem, k):
    """Return the sea's load and its zeros at a wavenumber."""
    return sea_load(problem.knots, problem.top, problem.omega, k, problem.log_factor)


@njit(cache=True, nogil=True)
def _load_slope(problem, k, load):
    """Return the derivative of the sea's load by k."""
    nudged, _ = _load(problem, k * (1.0 + _STEP))
    return (nudged - load) / (k * _STEP)


@njit(cache=True, nogil=True)
def load_and_slope(problem, k):
    """Return the sea's load at a wavenumber, and its derivative by k; both are 0 without a sea."""
    load, _ = _load(problem, k)
    return load, _load_slope(problem, k, load)


@njit(cache=True, nogil=True)
def mesh_depth_hz(lowest_hz, overtone):
    """Return the frequency that decides how deep the mesh goes."""
    # An overtone turns deep below what its frequency says of the fundamental mode.
    return _WHOLE_HZ if overtone else lowest_hz


@njit(cache=True, nogil=True)
def _modes_below(problem, k):
    """Return how many modes of wavenumber k have a lower frequency than the problem's; factors T(k)."""
    load, zeros = _load(problem, k)
    return zeros + factor(problem, k, load)


@njit(cache=True, nogil=True)
def _bisect(problem, overtone, slow, fast, width):
    """Return a wavenumber just above the mode's: the largest k at which more than `overtone` modes lie below omega.

    Args:
        problem: the `Problem` of the frequency.
        overtone: 0 for the fundamental mode.
        slow, fast: phase velocities, with at most `overtone` modes below omega and with more.
        width: relative distance of the two at which to stop.

    Returns:
        The wavenumber; 0 if slow and fast are not such.
    """
    radius = problem.knots[earth.RADIUS, -1]
    if _modes_below(problem, wavenumber(problem.omega, radius, slow)) > overtone:
        return 0.0
    if _modes_below(problem, wavenumber(problem.omega, radius, fast)) <= overtone:
        return 0.0
    while fast / slow > 1.0 + width:
        middle = math.sqrt(slow * fast)
        if _modes_below(problem, wavenumber(problem.omega, radius, middle)) > overtone:
            fast = middle
        else:
            slow = middle
    return wavenumber(problem.omega, radius, slow)


@njit(cache=True, nogil=True)
def _better(problem, k, x):
    """Return the k at which x'T(k)x = 0 (its larger root), 0 if there is none; a sea's load is linear in k."""
    q0, q1, q2, qm = quadratic(problem, x)
    q0 -= problem.omega * problem.omega * qm
    if problem.top < problem.knots.shape[1]:
        load, _ = _load(problem, k)
        slope = _load_slope(problem, k, load)
        u2 = x[OWN * problem.elements] ** 2
        q0 += u2 * (load - slope * k)
        q1 += u2 * slope
    root = q1 * q1 - 4.0 * q0 * q2
    if root < 0.0:
        return 0.0
    better = (-q1 + math.sqrt(root)) / (2.0 * q2)
    return better if better > 1.0 else 0.0


@njit(cache=True, nogil=True)
def _refine(problem, overtone, k, is_mode, x, y):
    """Return the wavenumber by residual inverse iteration, 0 unless it is that of the mode.

    Args:
        problem: the `Problem` of the frequency.
        overtone: 0 for the fundamental mode.
        k: where to begin.
        is_mode: x is a mode already, that of the frequency before: its Rayleigh quotient is better than k.
        x: (6 * elements + 2), the vector to begin with; the mode on return.
        y: the same shape, overwritten.
    """
    size = OWN * problem.elements + 2
    first = OWN * problem.first
    sea = problem.top < problem.knots.shape[1]
    count = -1  # modes below omega at k
    for iteration in range(_MOST_ITERATIONS):
        # An arbitrary x takes two steps at the k of the bisection before its quotient means anything.
        if is_mode or iteration > 1:
            better = _better(problem, k, x)
            if better == 0.0:
                return 0.0
            if count >= 0 and abs(better - k) < _CONVERGED * k:
                # The last factorisation was at k: if that was too large, as many modes lie below omega there as come
                # before this one, if it was too small, one more.
                expected = overtone + 1 if better > k else overtone
                if abs(better - k) < _TOO_NEAR * k:  # look just above
                    count = _modes_below(problem, better * (1.0 + _STEP))
                    expected = overtone
                return better if count == expected else 0.0
            k = better
        # y = T(k)^-1 T'(k) x: nearer to the mode than x.
        load, zeros = _load(problem, k)
        count = zeros + factor(problem, k, load)
        slope_times(problem, k, x, y)
        if sea:
            y[size - 2] += _load_slope(problem, k, load) * x[size - 2]
        solve(problem, y)
        largest = 0.0
        for j in range(first, size):
            largest = max(largest, abs(y[j]))
        if not (largest > 0.0 and largest < _OVERFLOW):
            return 0.0
        for j in range(first, size):
            x[j] = y[j] / largest
    return 0.0


@njit(cache=True, nogil=True)
def _search(problem, overtone, slow, x, y):
    """Return the mode's wavenumber without a guess, 0 if it is not found; x is the mode on return.

    Args:
        problem: the `Problem` of the frequency.
        overtone: 0 for the fundamental mode.
        slow: phase velocity at which no mode lies below omega.
        x, y: (6 * elements + 2), overwritten.
    """
    size = OWN * problem.elements + 2
    for width in _WIDTHS:
        k = _bisect(problem, overtone, slow, FASTEST_OVERTONE_KM_S if overtone else FASTEST_KM_S, width)
        if k == 0.0:
            return 0.0
        for j in range(OWN * problem.first, size):
            x[j] = 1.0 + (j % 7) / 7.0 if overtone else 0.0  # nothing that an overtone could be orthogonal to
        x[size - 2] = x[size - 1] = 1.0
        k = _refine(problem, overtone, k, False, x, y)
        if k > 0.0:
            return k
    return 0.0


@njit(cache=True, nogil=True)
def _velocities(problem, options, mesh, k, x):
    """Return phase and group velocity (NaN unless asked for) of a mode in km/s.

    Args:
        problem: the `Problem` of the frequency; its matrices are overwritten if the group velocity is asked for.
        options: cowling and with_group.
        mesh: node arrays.
        k: wavenumber of the mode in the Cowling approximation.
        x: the mode.
    """
    radius, omega = problem.knots[earth.RADIUS, -1], problem.omega
    # E(k, omega) = x'T(k)x is zero along the dispersion curve, and stationary in x: its partial derivatives say how k
    # follows omega, and how k moves if energy is added.
    _, q1, q2, qm = quadratic(problem, x)
    load, _ = _load(problem, k)
    u2 = x[OWN * problem.elements] ** 2
    by_k = q1 + 2.0 * k * q2 + u2 * _load_slope(problem, k, load)
    if not options.cowling:
        k -= self_gravitation(mesh, problem, k, x) / by_k
    phase = _velocity(omega, radius, k)
    if not options.with_group:
        return phase, np.nan
    assemble(mesh, problem.first, problem.elements, problem.log_factor, True, problem.matrices)
    r0, r1, r2, _ = quadratic(problem, x)
    by_log = r0 + k * r1 + k * k * r2
    load, _ = _load(problem, k)  # k may have moved
    later = problem.log_factor + problem.anelastic * _STEP
    nudged, _ = sea_load(problem.knots, problem.top, omega * (1.0 + _STEP), k, later)
    by_omega = problem.anelastic / omega * by_log - 2.0 * omega * qm + u2 * (nudged - load) / (omega * _STEP)
    # d omega / d k, per km of the surface, and from k to l + 1/2.
    return phase, -radius * by_k / by_omega * math.sqrt(k * k + 0.25) / k


@njit(cache=True, nogil=True)
def _slowest(mesh, elements, knots, top):
    """Return the slowest velocity in km/s, be it that of shear waves in the solid or of sound in a sea."""
    slowest = np.inf
    for e in range(elements):
        for q in range(NODES):
            slowest = min(slowest, math.sqrt(min(mesh[L, e, q], mesh[N, e, q]) / mesh[RHO, e, q]))
    for i in range(top, knots.shape[1]):
        slowest = min(slowest, knots[earth.VPV, i])
    return slowest


@njit(cache=True, nogil=True)
def _gravity_wave(knots, top, omega):
    """Return the velocity in km/s of a sea's own gravity wave above a rigid floor, 0 without a sea.

    It is a mode too, slower than any seismic wave but for mud: omega^2 = g k tanh(k h).
    """
    count = knots.shape[1]
    if top == count:
        return 0.0
    radius = knots[earth.RADIUS, -1]
    depth = radius - knots[earth.RADIUS, top]
    g = mass_below(knots[earth.RADIUS], knots[earth.DENSITY])[-1] / (radius * radius)
    k = max(omega * omega / g, omega / math.sqrt(g * depth))  # deep or shallow, whichever is slower
    for _ in range(_GRAVITY_STEPS):
        t = math.tanh(k * depth)
        k -= (g * k * t - omega * omega) / (g * t + g * k * depth * (1.0 - t * t))
    return omega / k


@njit(cache=True, nogil=True)
def _extrapolate(frequency_hz, found, i):
    """Return the phase velocity expected at frequency i: the polynomial through the (up to three) before it."""
    if i < 2 or found[i - 2] == 0.0:
        return found[i - 1]
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
def dispersion(knots, frequency_hz, options, work, out):
    """Fill phase and (if asked for) group velocity of a Rayleigh mode of a model.

    Args:
        knots: (9, knots), rows as in `zoo.crust.physics.earth.COLUMNS`.
        frequency_hz: (n,), ascending.
        options: `Options`.
        work: `Work` arrays of this thread.
        out: (2, n), filled, km/s; NaN where there is no root.
    """
    n = frequency_hz.size
    out[:] = np.nan
    lowest_hz = mesh_depth_hz(frequency_hz[0], options.overtone)
    elements, top = build_mesh(knots, lowest_hz, frequency_hz[n - 1], options.refinement, work.mesh)
    if elements < 1:
        return
    radius = knots[earth.RADIUS, -1]
    slow = SLOWEST_PART * _slowest(work.mesh, elements, knots, top)
    x, y = np.zeros(OWN * elements + 2), np.zeros(OWN * elements + 2)
    found = np.zeros(n)  # phase velocities in the Cowling approximation, for the next guess
    anelastic = 2.0 / math.pi if options.reference_period_s > 0.0 else 0.0
    first = 0
    for i in range(n):
        omega = 2.0 * math.pi * frequency_hz[i]
        log_factor = anelastic * math.log(frequency_hz[i] * max(options.reference_period_s, _SHORTEST_PERIOD_S))
        # Elements that are too deep for this frequency are left out; the mode of the one before ends at the new bottom.
        lowest = knots[earth.RADIUS, top - 1] - depth_needed(frequency_hz[i], options.refinement)
        while not options.overtone and first < elements - _LEAST_ABOVE and work.mesh[RADIUS, first + 1, 0] <= lowest:
            first += 1
        x[OWN * first] = x[OWN * first + 1] = 0.0
        assemble(work.mesh, first, elements, log_factor, False, work.matrices)
        problem = Problem(knots, work.matrices, work.factors, first, elements, top, omega, anelastic, log_factor)
        k = 0.0
        if i > 0 and found[i - 1] > 0.0:
            guess = _extrapolate(frequency_hz, found, i)
            begin = math.sqrt(max((omega * radius / guess) ** 2 - 0.25, 1.0))
            k = _refine(problem, options.overtone, begin, True, x, y)
        if k == 0.0:
            least = max(slow, _GRAVITY_MARGIN * _gravity_wave(knots, top, omega))
            k = _search(problem, options.overtone, least, x, y)
        if k > 0.0:
            found[i] = _velocity(omega, radius, k)
            out[0, i], out[1, i] = _velocities(problem, options, work.mesh, k, x)
