"""The geology of `zoo.fwi.physics.velocity_models.folded`: folded, faulted and eroded sediments, pierced by salt.

Every point is traced back to the depth at which it was laid down (faults are closed, folds are flattened) and takes the
velocity of the layer that lies there. Lengths are in units of the depth of the section, so that any grid shows the same
kind of section. The sizes of folds, faults, layers and salt are ours, for sections in the manner of Marmousi.
"""

from __future__ import annotations

import numpy as np

SLOWEST_M_S, FASTEST_M_S = 1550.0, 4200.0
"""Limits of the sediments' velocities."""
# Each of 2 to 6 % of the section's depth, from one depth above it to about three below its bottom.
_LAYERS = 120


def section(
    rng: np.random.Generator, depth: np.ndarray, distance: np.ndarray, floor: float, faults: int, salt_m_s: float | None
) -> tuple[np.ndarray, np.ndarray]:
    """Return the velocity of rock in m/s (Z, X), at every node, and the depth of the sea floor (X,).

    Args:
        rng: source of all random numbers.
        depth: (Z,) in units of the section's depth, 0 to 1.
        distance: (X,) in the same unit.
        floor: mean depth of the sea floor, 0 for land.
        faults: number of faults.
        salt_m_s: velocity of the salt body, None for no salt.
    """
    width = max(distance[-1], 1e-9)
    z, x = depth[:, None], distance[None]
    # Each process has random numbers of its own, so that changing one of them does not change the others.
    sea, body, breaks, waves, beds, cover = rng.spawn(6)
    sea_floor = floor * (1 + 0.25 * _undulation(sea, distance / width, (1, 2, 3)))
    salt_x, salt_z = width * body.uniform(0.35, 0.65), body.uniform(0.72, 0.8)
    salt_wide, salt_high = body.uniform(0.32, 0.44), body.uniform(0.16, 0.21)

    old = z - _closed(breaks, z, x, width, faults)
    folds = 0.07 * _undulation(waves, distance / width, (2, 3, 5)) + waves.uniform(-0.1, 0.1) * (distance / width - 0.5)
    old = old + folds * (0.4 + 0.9 * z)
    if salt_m_s is not None:  # it has risen and bent the beds above it
        old = old + 0.14 * np.exp(-(((x - salt_x) / salt_wide) ** 2)) * np.clip(z / salt_z, 0, 1) ** 1.5
    velocity = _layers(beds, old, z)

    # Above the unconformity lie beds that were laid down after folds and faults had been eroded.
    erosion = sea_floor + 0.15 + 0.035 * _undulation(cover, distance / width, (1, 2, 3))
    young = (z - sea_floor) * (0.15 / (erosion - sea_floor))
    velocity = np.where(z < erosion, _layers(cover, young, z), velocity)

    if salt_m_s is not None:
        angle = np.arctan2((z - salt_z) / salt_high, (x - salt_x) / salt_wide)
        radius = np.hypot((z - salt_z) / salt_high, (x - salt_x) / salt_wide)
        rim = 1.0
        for order in (2, 3, 5):
            rim = rim + body.uniform(0.05, 0.3) / order * np.cos(order * angle + body.uniform(0, 2 * np.pi))
        flat_base = salt_z + 0.6 * salt_high
        velocity = np.where((radius < rim) & (z < flat_base), salt_m_s, velocity)
    return velocity, sea_floor


def _undulation(rng: np.random.Generator, share: np.ndarray, waves: tuple[int, ...]) -> np.ndarray:
    """Return a smooth curve of about -1 to 1 along the section, a sum of parts with about `waves` cycles each."""
    curve = np.zeros_like(share)
    for number, cycles in enumerate(waves, 1):
        phase = rng.uniform(0, 2 * np.pi)
        curve = curve + np.cos(2 * np.pi * cycles * rng.uniform(0.8, 1.2) * share + phase) / number
    return curve / sum(1 / number for number in range(1, len(waves) + 1))


def _closed(rng: np.random.Generator, z: np.ndarray, x: np.ndarray, width: float, faults: int) -> np.ndarray:
    """Return how far each point has moved down on normal faults, which are curved and all dip to one side."""
    side = rng.choice([-1.0, 1.0])
    fallen = np.zeros(np.broadcast_shapes(z.shape, x.shape))
    for number in range(faults):
        top = width * (number + rng.uniform(0.2, 0.8)) / faults
        plane = top + side * (rng.uniform(0.35, 0.55) * z + rng.uniform(0.1, 0.3) * z**2)
        beyond = side * (x - plane)
        throw = rng.uniform(0.06, 0.13)
        # The hanging wall rolls over: the throw is largest at the fault and small far away.
        fallen = fallen + np.where(beyond > 0, throw * np.exp(-np.maximum(beyond, 0) / 0.6), 0)
    return fallen


def _layers(rng: np.random.Generator, laid: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Return the velocity of the layers laid down at the depths `laid`; compaction follows the present depth z."""
    thickness = rng.uniform(0.022, 0.06, _LAYERS)
    bottom = np.cumsum(thickness) - 1.0
    trend = 1650 + 1650 * np.clip(bottom, -0.05, 1.5)
    # Sands and shales alternate, with a fast bed here and there.
    change = 220 * np.where(np.arange(_LAYERS) % 2, 1, -1) * rng.uniform(0.2, 1.4, _LAYERS)
    change = change + np.where(rng.uniform(size=_LAYERS) < 0.1, rng.uniform(300, 600, _LAYERS), 0)
    number = np.clip(np.searchsorted(bottom, laid), 0, _LAYERS - 1)
    return np.clip(trend[number] + change[number] + 550 * z, SLOWEST_M_S, FASTEST_M_S)
