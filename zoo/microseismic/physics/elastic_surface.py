"""A flat free surface at the top of an elastic simulation: no traction acts on the highest plane of nodes.

The nodes of the normal stresses lie in the surface. Above it, three cells of images make the stencil of the grid right
at and below it: the traction (szz, sxz, syz) is odd about the surface (Levander 1988), and the velocities are even but
for a linear part, whose slope follows from the traction that vanishes (as in Graves 1996, for all of an 8th-order
stencil): d vz / dz = -lambda / (lambda + 2 mu) (d vx / dx + d vy / dy), d vx / dz = -d vz / dx, d vy / dz = -d vz / dy.
"""

from __future__ import annotations

import numpy as np

from zoo.microseismic.physics.elastic_kernels import HALO, WEIGHTS

# Interpolation half way between four equidistant values.
_INNER, _OUTER = 9 / 16, -1 / 16


def image_stress(stress: tuple[np.ndarray, ...], surface: int) -> None:
    """Write the images of szz, sxz, syz above the surface, in place.

    Args:
        stress: sxx, syy, szz, sxy, sxz, syz, (nx, ny, nz).
        surface: index along z of the nodes in it.
    """
    _, _, szz, _, sxz, syz = stress
    szz[:, :, surface] = 0
    szz[:, :, surface + 1 : surface + HALO] = -szz[:, :, surface - 1 : surface - HALO : -1]
    for field in (sxz, syz):  # they lie half a cell above their index
        field[:, :, surface : surface + HALO] = -field[:, :, surface - 1 : surface - HALO - 1 : -1]


def image_velocity(
    velocity: tuple[np.ndarray, ...], surface: int, lam_share: np.ndarray, spacing_m: tuple[float, float, float]
) -> None:
    """Write the images of the velocities above the surface, in place.

    Args:
        velocity: vx, vy, vz, (nx, ny, nz).
        surface: index along z of the nodes in it.
        lam_share: (nx, ny) lambda / (lambda + 2 mu) there.
        spacing_m: of the grid.
    """
    vx, vy, vz = velocity
    dx, dy, dz = spacing_m
    stretch = _before(vx[:, :, surface], 0) / dx + _before(vy[:, :, surface], 1) / dy
    rise = (-2 * dz * lam_share * stretch)[:, :, np.newaxis]  # of vz, from half a cell below to half a cell above
    away = np.arange(HALO, dtype=np.float32)
    vz[:, :, surface : surface + HALO] = vz[:, :, surface - 1 : surface - HALO - 1 : -1] + (away + 0.5) * rise
    near, far = (vz[:, :, surface + n] + vz[:, :, surface - 1 - n] for n in range(2))
    at_surface = _INNER * near + _OUTER * far
    for field, axis, spacing in ((vx, 0, dx), (vy, 1, dy)):
        slope = (-2 * dz / spacing * _after(at_surface, axis))[:, :, np.newaxis]
        field[:, :, surface + 1 : surface + HALO] = field[:, :, surface - 1 : surface - HALO : -1] + away[1:] * slope


def _after(plane: np.ndarray, axis: int) -> np.ndarray:
    """Return the difference of a plane (nx, ny) half a node after each node; 0 where the stencil leaves it."""
    return _difference(plane, axis, 0)


def _before(plane: np.ndarray, axis: int) -> np.ndarray:
    """Return the difference half a node before each."""
    return _difference(plane, axis, 1)


def _difference(plane: np.ndarray, axis: int, back: int) -> np.ndarray:
    plane = np.moveaxis(plane, axis, 0)
    n = len(plane)
    found = np.zeros_like(plane)
    inside = found[HALO : n - HALO]
    for reach, weight in enumerate(WEIGHTS):
        ahead = plane[HALO + 1 + reach - back : n - HALO + 1 + reach - back]
        behind = plane[HALO - reach - back : n - HALO - reach - back]
        inside += np.float32(weight) * (ahead - behind)
    return np.moveaxis(found, 0, axis)
