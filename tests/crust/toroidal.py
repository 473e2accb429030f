"""An independent way to Love waves: the two first-order equations of a toroidal mode, integrated upwards.

Nothing is shared with the spectral elements but the model: (W, T) by an adaptive Runge-Kutta method of order 8, and the
root of the surface traction.
"""

from __future__ import annotations

import numpy as np
from minors import _pieces
from scipy.integrate import solve_ivp
from scipy.optimize import brentq


def phase_velocity(model, frequency_hz: float, near_km_s: float, depth_km: float) -> float:
    """Return the root next to `near_km_s`, in km/s."""
    traction = at_surface(model, frequency_hz, depth_km)
    return brentq(traction, near_km_s * (1 - 1e-3), near_km_s * (1 + 1e-3), xtol=1e-11, rtol=1e-12)


def at_surface(model, frequency_hz: float, depth_km: float, rtol: float = 1e-11):
    """Return the function of the phase velocity that vanishes at every mode."""
    pieces, _ = _pieces(model, frequency_hz, depth_km)
    omega, radius = 2 * np.pi * frequency_hz, model.radius_km[-1]

    def traction(c):
        k2 = (omega * radius / c) ** 2 - 0.25
        y = np.array([0.0, 1.0])
        for r0, r1, (spline, factors, _) in pieces:

            def rates(r, y, spline=spline, factors=factors):
                rho, _, _, _, ll, n = spline(r) * factors
                w, t = y
                return [w / r + t / ll, ((k2 - 2) * n / r**2 - rho * omega**2) * w - 3 * t / r]

            y = solve_ivp(rates, (r0, r1), y, "DOP853", rtol=rtol, atol=1e-3 * rtol * np.abs(y).max()).y[:, -1]
            y /= np.abs(y).max()
        return y[1]

    return traction
