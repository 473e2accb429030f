"""What of the Earth a surface wave feels: kernels of phase and group velocity.

A mode makes its energy E(k, omega, m) stationary (`rayleigh_matrices`, `love_kernels`), so that a change of the Earth m
at one frequency moves the wavenumber by -(dE/dm) / (dE/dk), with the mode as it is: one sum over the nodes. The group
velocity U follows from d k / d omega, so that its kernel is that of k at two neighbouring frequencies. The gravity of
the moved density is in it; self-gravitation, and a change of a sea above, are not.

Source: Aki & Richards 2002, section 7.3; Rodi et al. 1975 for the group velocity; Dahlen & Tromp 1998, chapter 8.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.interpolate import CubicHermiteSpline

from zoo.crust.physics import rayleigh_mesh as rows
from zoo.crust.physics.earth import EarthModel
from zoo.crust.physics.modes import Mode, find_modes
from zoo.crust.physics.rayleigh import HIGHEST_HZ, LOWEST_HZ, check_frequencies
from zoo.errors import UsageError

QUANTITIES = ("vs", "vp", "density", "vsv", "vsh", "vpv", "vph", "eta")
"""Of which there are kernels. vs is vsv and vsh together, vp is vpv and vph; density moves at fixed velocities."""
_OWN = QUANTITIES[2:]
_STEP = 1e-3  # relative, of frequency: between two kernels, whose difference is that of the group velocity
_NUDGE = 1e-5  # relative, in the differences of moduli


@dataclass(frozen=True)
class Sensitivity:
    """Kernels of a surface wave at frequencies (F,), on nodes (n,) from the top of the solid down.

    `phase_velocity["vs"]` (F, n) is the change of the phase velocity in km/s for a change of vs by 1 km/s, per km of
    depth (of density: by 1 g/cm3; of eta: by 1). The integral over depth of kernel times change is the change of the
    velocity; `in_layers` gives it for layers.

    Attributes:
        frequency_hz: (F,).
        depth_km: (n,), below the surface; the ends of elements occur twice.
        weight_km: (n,): a sum of values at the nodes times these is an integral over depth.
        phase_velocity, group_velocity: quantity of `QUANTITIES` -> (F, n).
    """

    frequency_hz: np.ndarray
    depth_km: np.ndarray
    weight_km: np.ndarray
    phase_velocity: dict[str, np.ndarray]
    group_velocity: dict[str, np.ndarray]

    def in_layers(self, edges_km: np.ndarray, quantity: str = "vs", group: bool = False) -> np.ndarray:
        """Return (F, layers): the change of the velocity for a change of a quantity by one unit in each layer.

        Args:
            edges_km: (layers + 1,), depths in km, ascending.
            quantity: of `QUANTITIES`.
            group: of the group velocity instead of the phase velocity.

        Raises:
            UsageError: if depths do not ascend, or there is no such quantity.
        """
        edges = np.asarray(edges_km, np.float64)
        if edges.ndim != 1 or edges.size < 2 or not (np.diff(edges) > 0).all():
            raise UsageError(f"edges_km takes two or more ascending depths; received {edges_km!r}.")
        if quantity not in QUANTITIES:
            raise UsageError(f"There is no kernel of {quantity!r}; expected one of {', '.join(QUANTITIES)}.")
        kernel = (self.group_velocity if group else self.phase_velocity)[quantity]
        above = np.zeros((len(kernel), edges.size))  # the integral from the top down to each edge
        for start in range(0, len(self.depth_km), rows.NODES):  # element by element
            part = slice(start, start + rows.NODES)
            z, values, weight = self.depth_km[part], kernel[:, part], self.weight_km[part]
            inside = (edges > z[0]) & (edges < z[-1])
            above[:, edges >= z[-1]] += (values @ weight)[:, None]
            if inside.any():
                above[:, inside] += _cumulative(z, values)(edges[inside]).T
        return np.diff(above, axis=1)


def _cumulative(depth_km: np.ndarray, kernel: np.ndarray) -> CubicHermiteSpline:
    """Return the integral of a kernel (F, 4) over an element from its top, as a function of depth."""
    length = depth_km[-1] - depth_km[0]
    x, powers = (depth_km - depth_km[0]) / length, np.arange(1, len(depth_km) + 1)
    cubic = np.linalg.solve(np.vander(x, increasing=True), kernel.T)
    return CubicHermiteSpline(depth_km, length * (x[:, None] ** powers / powers) @ cubic, kernel.T, axis=0)


def sensitivity(
    model: EarthModel,
    frequency_hz: np.ndarray,
    *,
    wave: str = "rayleigh",
    overtone: int = 0,
    refinement: float = 1.0,
) -> Sensitivity:
    """Return how phase and group velocity change with the Earth at every depth.

    Args:
        model: the Earth.
        frequency_hz: (F,) or a number, 0.003 to 10 Hz.
        wave: rayleigh or love.
        overtone: 0 for the fundamental mode, 1 to 3 for the overtones.
        refinement: divides the length of the elements.

    Raises:
        ZooError: if a frequency is out of range, or there is no such mode.

    >>> from zoo.crust.physics.earth import prem
    >>> found = sensitivity(prem(), [0.02, 0.1])
    >>> found.in_layers([0, 24.4, 220]).round(2)  # vs of the crust and of the mantle below: km/s per km/s
    array([[0.07, 0.68],
           [0.93, 0.03]])
    """
    frequencies = check_frequencies(frequency_hz)
    around = np.clip(frequencies * (1 + _STEP * np.array([[-1], [0], [1]])), LOWEST_HZ, HIGHEST_HZ)
    modes = find_modes(model, around.ravel(), wave, overtone, refinement)
    radius, n = float(model.radius_km[-1]), len(frequencies)
    phase, group = [], []
    for i in range(n):
        # c = omega a / h and 1 / U = (d h / d omega) / a, with h = l + 1/2 = sqrt(k^2 + 1/4).
        low, here, high = (modes[i + j * n] for j in range(3))
        halves = [math.sqrt(mode.k**2 + 0.25) for mode in (low, here, high)]
        moved = [mode.k / half * _change_of_k(mode, wave) for mode, half in zip((low, here, high), halves, strict=True)]
        step = high.omega - low.omega
        group_km_s = radius * step / (halves[2] - halves[0])
        phase.append(-here.omega * radius / halves[1] ** 2 * moved[1])
        group.append(-(group_km_s**2) / radius * (moved[2] - moved[0]) / step)
    mesh = modes[0].mesh
    named = [
        dict(zip(QUANTITIES, np.stack(kernels, axis=1)[..., ::-1], strict=True)) for kernels in (phase, group)
    ]  # from below upwards to from the top down
    depth_km = radius - mesh[rows.RADIUS].ravel()[::-1]
    return Sensitivity(frequencies, depth_km, mesh[rows.WEIGHT].ravel()[::-1].copy(), *named)


def _change_of_k(mode: Mode, wave: str) -> np.ndarray:
    """Return the change of k, per km, for a change of each quantity by one, (8, n), from below upwards."""
    of_moduli, of_density = (_love_energy if wave == "love" else _rayleigh_energy)(mode)
    values = _quantities(mode.mesh)
    own = []
    for i in range(len(_OWN)):
        step = np.zeros_like(values)
        step[i] = _NUDGE * values[i]
        moduli = [_moduli(values + sign * step, mode) for sign in (1, -1)]
        change = (of_moduli * (moduli[0] - moduli[1])).sum(axis=0) / (2 * step[i])
        own.append(change + of_density if _OWN[i] == "density" else change)
    density, vsv, vsh, vpv, vph, eta = own
    changes = np.stack([vsv + vsh, vpv + vph, density, vsv, vsh, vpv, vph, eta])
    return -changes.reshape(len(QUANTITIES), -1) / mode.by_k


def _rayleigh_energy(mode: Mode) -> tuple[np.ndarray, np.ndarray]:
    """Return the derivatives of the energy per km by A, C, F, L, N (5, elements, 4), and by density (elements, 4)."""
    (u, v), (du, dv), k = mode.shape, mode.slope, mode.k
    r, rho, g, weight = (mode.mesh[row] for row in (rows.RADIUS, rows.RHO, rows.G_FIELD, rows.WEIGHT))
    spread, shear = 2 * u - k * v, dv - v + k * u
    of_moduli = np.stack([spread**2, du**2, 2 * du * spread, shear**2, (k * k - 2) * v**2 - spread**2])
    four_pi_g = 4 * math.pi * rows.GRAVITY
    direct = r * ((2 * four_pi_g * rho * r - 4 * g) * u**2 + 2 * k * g * u * v)
    direct -= (mode.omega * r) ** 2 * (u**2 + v**2)
    # Mass at a radius adds to the gravity of all above: the integral from there up, half of the node's own share.
    share = (weight * rho * (2 * k * u * v - 4 * u**2) / r).ravel()
    above = (share[::-1].cumsum()[::-1] - share / 2).reshape(r.shape)
    return of_moduli, direct + four_pi_g * r**2 * above


def _love_energy(mode: Mode) -> tuple[np.ndarray, np.ndarray]:
    """Return the same of a Love wave, which knows neither A, C and F nor gravity."""
    w, dw, r = mode.shape[0], mode.slope[0], mode.mesh[rows.RADIUS]
    zero = np.zeros_like(w)
    of_moduli = np.stack([zero, zero, zero, (dw - w) ** 2, (mode.k**2 - 2) * w**2])
    return of_moduli, -((mode.omega * r * w) ** 2)


def _quantities(mesh: np.ndarray) -> np.ndarray:
    """Return density, vsv, vsh, vpv, vph and eta at the nodes, (6, elements, 4)."""
    rho, a, c, f, ll, n = (mesh[row] for row in (rows.RHO, rows.A, rows.C, rows.F, rows.L, rows.N))
    return np.stack([rho, *(np.sqrt(m / rho) for m in (ll, n, c, a)), f / (a - 2 * ll)])


def _moduli(quantities: np.ndarray, mode: Mode) -> np.ndarray:
    """Return A, C, F, L, N (5, elements, 4) at the mode's frequency, of the quantities at the reference period."""
    rho, vsv, vsh, vpv, vph, eta = quantities
    a, c, ll, n = rho * vph**2, rho * vpv**2, rho * vsv**2, rho * vsh**2
    f = eta * (a - 2 * ll)
    # As `rayleigh_mesh`: 1/Q of the moduli from those of compression and shear, which stay.
    shear = mode.mesh[rows.QMU]
    bulk = _bulk(mode.mesh)
    part = _part(a, c, f, ll, n)
    compression = (1 - part) * bulk
    qa, qf = compression + part * shear, (compression - 0.5 * part * shear) / (1 - 1.5 * part)
    return np.stack([a, c, f, ll, n]) * (1 + mode.log_factor * np.stack([qa, qa, qf, shear, shear]))


def _part(a, c, f, ll, n):
    """Return 4 mu / (3 (lambda + 2 mu)) of the isotropic averages."""
    mu = (a + c - 2 * f + 5 * n + 6 * ll) / 15
    lam = (4 * (a + f - n) + c) / 9 - 2 * mu / 3
    return 4 * mu / (3 * (lam + 2 * mu))


def _bulk(mesh: np.ndarray) -> np.ndarray:
    """Return 1/Qkappa at the nodes."""
    part = _part(*(mesh[row] for row in (rows.A, rows.C, rows.F, rows.L, rows.N)))
    return (mesh[rows.QA] - part * mesh[rows.QMU]) / (1 - part)
