"""Density that varies, as one more field of the same scheme.

With u the pressure, rho the density and p = u / sqrt(rho), the wave equation

    u_tt = v^2 (rho div(grad u / rho) + w)     becomes     p_tt = v^2 (laplacian p - V p + w / sqrt(rho)),

V = sqrt(rho) laplacian(1 / sqrt(rho)): a term at each node, so that the operator stays symmetric and the adjoint exact.
With V of the same differences a constant pressure stays one, and for order 2 the scheme is the usual one with the
geometric mean of 1 / rho between nodes.

    >>> from zoo.fwi.physics.acoustic import laplacian_coefficients
    >>> potential_of(np.full((4, 5), 2200.0), laplacian_coefficients(4)).any()
    np.False_
"""

from __future__ import annotations

import numpy as np

from zoo.errors import ZooError
from zoo.fwi.physics.acoustic import laplacian_coefficients, longest_time_step_s


def checked_density(density: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Return a density (Z, X) as float64, in units of its mean; refuse what is no grid of positive numbers (ZooError).

    Its unit does not matter: pressure depends on ratios of density alone.
    """
    density = np.asarray(density, np.float64)
    if density.shape != tuple(shape) or not np.isfinite(density).all() or density.min() <= 0:
        raise ZooError(
            f"Density is a grid of positive numbers of the shape {tuple(shape)}, as the velocities; received the shape "
            f"{density.shape} with values of {np.min(density, initial=np.inf):g} to {np.max(density, initial=0):g}."
        )
    return density / density.mean()


def potential_of(density: np.ndarray, second: tuple[float, ...], along: tuple[float, ...] | None = None) -> np.ndarray:
    """Return V dx^2 of a density (rows, columns).

    Args:
        density: with the strips of the absorber.
        second: weights of the second difference down, at distances 0, 1, ...
        along: those across; None: the same.
    """
    root = np.sqrt(np.asarray(density, np.float64))
    halo = len(second) - 1
    padded = np.pad(1 / root, halo, mode="edge")
    rows, columns = root.shape
    inside = padded[halo : halo + rows, halo : halo + columns]
    total = (second[0] + (along or second)[0]) * inside
    for k in range(1, halo + 1):
        down = padded[halo - k : halo - k + rows, halo : halo + columns]
        down = down + padded[halo + k : halo + k + rows, halo : halo + columns]
        across = padded[halo : halo + rows, halo - k : halo - k + columns]
        across = across + padded[halo : halo + rows, halo + k : halo + k + columns]
        total = total + second[k] * down + (along or second)[k] * across
    # The weights of a difference sum to zero but for rounding, which a constant density need not have.
    return np.where(np.abs(total) < 1e-12 * np.abs(inside), 0.0, root * total)


def root_at(density: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """Return sqrt(rho) (n,) at positions (n, 2) in cells, linear between the nodes."""
    from scipy.ndimage import map_coordinates

    return np.sqrt(map_coordinates(density, np.asarray(positions, np.float64).T, order=1, mode="nearest"))


def longest_stable_step_s(
    density: np.ndarray, velocity_max_m_s: float, spacing_m: float, order: int, dimensions: int = 2
) -> float:
    """Return the longest time step that is stable at a velocity with a density (Z, X)."""
    second = laplacian_coefficients(order)
    along = None if dimensions == 2 else tuple(0.0 for _ in second)
    potential = potential_of(np.pad(density, len(second), mode="edge"), second, along)
    return _limit_s(potential, velocity_max_m_s, spacing_m, order, dimensions)


def _limit_s(potential: np.ndarray, fastest_m_s: float, spacing_m: float, order: int, dimensions: int) -> float:
    """The operator's largest eigenvalue grows by max(V) at most."""
    longest = longest_time_step_s(fastest_m_s, spacing_m, order, dimensions)
    return float(2 / np.sqrt((2 / longest) ** 2 + (fastest_m_s / spacing_m) ** 2 * max(float(potential.max()), 0.0)))


def check_stable_with(
    potential: np.ndarray, velocity_m_s: np.ndarray, spacing_m: float, time_step_s: float, order: int
) -> None:
    """Refuse a time step with which the field would grow beside contrasts of density (ZooError)."""
    dimensions = 1 if np.shape(velocity_m_s)[1] == 1 else 2
    limit = _limit_s(potential, float(np.max(velocity_m_s)), spacing_m, order, dimensions)
    if time_step_s > limit:
        raise ZooError(
            f"A time step of {1e3 * time_step_s:.4g} ms may be unstable with these contrasts of density: it must be at "
            f"most {1e3 * limit:.4g} ms. Take a shorter time step, or smooth the density."
        )
