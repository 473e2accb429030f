"""An independent way to Rayleigh phase velocities: compound minors integrated upwards, Cowling approximation.

First-order equations in r of (U, V, R, S), their 2 x 2 minors m12 .. m34 (Takeuchi & Saito 1972; Woodhouse
1980), adaptive Runge-Kutta of order 8 from scipy, and the root of m34 at the surface. Nothing is shared
with the spectral elements but the model.
"""

from __future__ import annotations

import numpy as np
from scipy.integrate import solve_ivp
from scipy.interpolate import CubicSpline
from scipy.optimize import brentq

G = 6.6743e-8


def phase_velocity(model, frequency_hz: float, near_km_s: float, depth_km: float) -> float:
    """Return the root next to `near_km_s`, in km/s, of a model integrated from `depth_km` up; a sea is allowed."""
    surface = at_surface(model, frequency_hz, depth_km)
    return brentq(surface, near_km_s * (1 - 2e-4), near_km_s * (1 + 2e-4), xtol=1e-10, rtol=1e-11)


def at_surface(model, frequency_hz: float, depth_km: float, rtol: float = 1e-11):
    """Return the function of the phase velocity that vanishes at every mode."""
    pieces, seas = _pieces(model, frequency_hz, depth_km)
    omega, radius = 2 * np.pi * frequency_hz, model.radius_km[-1]

    def surface(c):
        k = np.sqrt((omega * radius / c) ** 2 - 0.25)
        m = np.array([0.0, 0.0, 0.0, 0.0, 1.0])
        for r0, r1, at in pieces:
            # Minors grow with depth over wavelength: each piece is integrated in its own scale.
            m = solve_ivp(
                _rates, (r0, r1), m, "DOP853", args=(k, omega, at), rtol=rtol, atol=1e-2 * rtol * np.abs(m).max()
            )
            m = m.y[:, -1] / np.abs(m.y[:, -1]).max()
        if not seas:
            return m[4]
        # Without shear stress at the sea's floor the solid has R / U = m34 / m14; the sea must have the same.
        u, stress = 1.0, 0.0
        for r0, r1, at in seas[::-1]:
            u, stress = solve_ivp(_sea_rates, (r1, r0), [u, stress], "DOP853", args=(k, omega, at), rtol=1e-11).y[:, -1]
        return m[4] * u - m[2] * stress

    return surface


def _pieces(model, frequency_hz, depth_km):
    radius, surface = model.radius_km, model.radius_km[-1]
    rho, vph, vpv, vsh, vsv = (
        getattr(model, n) for n in ("density_g_cm3", "vph_km_s", "vpv_km_s", "vsh_km_s", "vsv_km_s")
    )
    a, c, n, ll = rho * vph**2, rho * vpv**2, rho * vsh**2, rho * vsv**2
    moduli = np.stack([rho, a, c, model.eta * (a - 2 * ll), ll, n])
    step = np.diff(radius)
    mid = np.where(step > 0, 0.5 * (rho[1:] + rho[:-1]), 0)
    slope = np.divide(np.diff(rho), step, out=np.zeros_like(step), where=step > 0)
    # Exact for a density that is linear between knots.
    centre = 0.5 * (radius[1:] + radius[:-1])
    shells = 4 * np.pi * step * (mid * (centre**2 + step**2 / 12) + slope * centre * step**2 / 6)
    mass = np.concatenate([[0], np.cumsum(shells)])
    log_factor = 2 / np.pi * np.log(frequency_hz * model.reference_period_s)
    jumps = np.flatnonzero(step == 0)
    pieces, seas = [], []
    for first, last in zip([0, *jumps + 1], [*jumps, len(radius) - 1], strict=True):
        if radius[last] <= surface - depth_km:
            continue
        r, y = radius[first : last + 1], moduli[:, first : last + 1]
        if len(r) > 2:
            ends = [_parabola(r[:3], y[:, :3], r[0]), _parabola(r[-3:], y[:, -3:], r[-1])]
            spline = CubicSpline(r, y, axis=1, bc_type=((1, ends[0]), (1, ends[1])))
        else:
            spline = CubicSpline(r, y, axis=1, bc_type="natural")
        for i in range(first, last):
            if radius[i + 1] <= surface - depth_km:
                continue
            factors = _dispersion_factors(moduli[:, i], model.qkappa[i], model.qmu[i], log_factor)
            gravity = (mass[i], mass[i + 1], radius[i], radius[i + 1])
            (pieces if vsv[i] > 0 else seas).append(
                (max(radius[i], surface - depth_km), radius[i + 1], (spline, factors, gravity))
            )
    return pieces, seas


def _parabola(r, y, at):
    """Return the slope at `at` of the parabolas through three points."""
    return np.array([np.polyval(np.polyder(np.polyfit(r - at, values, 2)), 0.0) for values in y])


def _dispersion_factors(moduli, qkappa, qmu, log_factor):
    _, a, c, f, ll, n = moduli
    mu = (a + c - 2 * f + 5 * n + 6 * ll) / 15
    lam = (4 * (a + f - n) + c) / 9 - 2 * mu / 3
    part = 4 * mu / (3 * (lam + 2 * mu))
    shear = 1 / qmu if qmu > 0 else 0.0
    qa = (1 - part) / qkappa + part * shear
    qf = ((1 - part) / qkappa - part * shear / 2) / (1 - 1.5 * part)
    return 1 + log_factor * np.array([0.0, qa, qa, qf, shear, shear])


def _rates(r, m, k, omega, at):
    spline, factors, (m0, m1, r0, r1) = at
    rho, a, c, f, ll, n = spline(r) * factors
    g = G * (m0 + (m1 - m0) * (r - r0) / (r1 - r0)) / r**2
    d = a - n - f * f / c
    t11, t12, t21, t22 = 1 / r - 2 * f / (c * r), k * f / (c * r), -k / r, 2 / r
    s11 = -rho * omega**2 + 4 * d / r**2 - 4 * rho * g / r + 4 * np.pi * G * rho**2
    s12 = k * (rho * g / r - 2 * d / r**2)
    s22 = -rho * omega**2 + (k * k * (a - f * f / c) - 2 * n) / r**2
    m12, m13, m14, m23, m34 = m
    return [
        (t11 + t22) * m12 - m23 / c + m14 / ll,
        t12 * m23 + s12 * m12 - t21 * m14,
        (t11 - t22) * m14 - 2 * t12 * m13 + m34 / c + s22 * m12,
        (t22 - t11) * m23 + 2 * t21 * m13 - m34 / ll - s11 * m12,
        s11 * m14 - s22 * m23 - 2 * s12 * m13 - (t11 + t22) * m34,
    ]


def _sea_rates(r, y, k, omega, at):
    """Derivatives of U and the normal stress in a fluid, where V follows from them."""
    spline, factors, (m0, m1, r0, r1) = at
    rho, kappa = (spline(r) * factors)[:2]
    g = G * (m0 + (m1 - m0) * (r - r0) / (r1 - r0)) / r**2
    u, stress = y
    v = k * (rho * g * u - stress) / (rho * omega**2 * r)
    du = stress / kappa - (2 * u - k * v) / r
    return [du, (4 * np.pi * G * rho - 4 * g / r - omega**2) * rho * u + k * rho * g * v / r]
