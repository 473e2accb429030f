"""Numba kernel of `zoo.crust.physics.rayleigh`: what a sea does to the solid below it."""

from __future__ import annotations

import math

from zoo.compiled import njit
from zoo.crust.physics import earth
from zoo.crust.physics.rayleigh_mesh import GRAVITY, mass_below

# A sea is integrated in so many Runge-Kutta steps a layer, and more where the wave is short.
_SEA_STEPS, _SEA_STEPS_PER_RADIAN = 4, 8.0

_LARGE = 1e100


@njit(cache=True, nogil=True)
def sea_load(knots, top, omega, k, log_factor):
    """Return -r^2 R / U at the floor of a sea, and how often U vanishes in it.

    U and the normal stress R are integrated from the surface (R = 0) downwards by Runge-Kutta steps of order 4; V
    follows from them. The zeros of U are the sea's own modes above a rigid floor, which the pivots do not see
    (Wittrick & Williams 1971).

    Args:
        knots: (9, knots) of the model.
        top: first knot of the sea; without a sea the load is 0.
        omega: angular frequency.
        k: wavenumber.
        log_factor: (2 / pi) ln(frequency x reference period).
    """
    count = knots.shape[1]
    if top == count:
        return 0.0, 0
    inside = mass_below(knots[earth.RADIUS], knots[earth.DENSITY])
    u, stress = 1.0, 0.0
    zeros = 0
    for i in range(count - 1, top, -1):
        r1, r0 = knots[earth.RADIUS, i], knots[earth.RADIUS, i - 1]
        if r1 == r0:
            continue
        speed = 0.5 * (knots[earth.VPV, i] + knots[earth.VPV, i - 1])
        steps = _SEA_STEPS + int(_SEA_STEPS_PER_RADIAN * omega * (r1 - r0) / speed)
        h = (r0 - r1) / steps
        for step in range(steps):
            du = dr = 0.0
            ku = kr = 0.0
            for stage in range(4):
                ahead = 0.0 if stage == 0 else (1.0 if stage == 3 else 0.5)
                r = r1 + (step + ahead) * h
                # Properties between the knots: linear.
                b = (r - r0) / (r1 - r0)
                rho = (1.0 - b) * knots[earth.DENSITY, i - 1] + b * knots[earth.DENSITY, i]
                vp = (1.0 - b) * knots[earth.VPV, i - 1] + b * knots[earth.VPV, i]
                qk = 1.0 / knots[earth.QKAPPA, i - 1] if knots[earth.QKAPPA, i - 1] > 0 else 0.0
                kappa = rho * vp * vp * (1.0 + log_factor * qk)
                g = ((1.0 - b) * inside[i - 1] + b * inside[i]) / (r * r)
                # U' and R' of a fluid (Dahlen & Tromp 1998, chapter 8).
                uu, rr = u + ahead * h * ku, stress + ahead * h * kr
                v = k * (rho * g * uu - rr) / (omega * omega * rho * r)
                ku = rr / kappa - (2.0 * uu - k * v) / r
                kr = rho * (4.0 * math.pi * GRAVITY * rho - 4.0 * g / r - omega * omega) * uu + k * rho * g * v / r
                part = 1.0 / 6.0 if stage in (0, 3) else 1.0 / 3.0
                du += part * ku
                dr += part * kr
            before = u
            u += h * du
            stress += h * dr
            if before * u <= 0.0:
                zeros += 1
            if abs(u) > _LARGE:  # a short wave grows beyond any number; only the ratio of the two counts
                u, stress = u / _LARGE, stress / _LARGE
    r = knots[earth.RADIUS, top]
    return -r * r * stress / u, zeros
