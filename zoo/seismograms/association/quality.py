"""Numbers by which seismologists judge a location: picks, gap, nearest station, residuals; ellipse and intervals."""

from __future__ import annotations

import numpy as np

LEVELS = 0.68, 0.95
"""Probabilities of the intervals; the ellipse is of the first."""


def quality(
    epicentre_km: np.ndarray, station_km: np.ndarray, station: np.ndarray, phase: np.ndarray, residual_s: np.ndarray
) -> tuple[tuple[int, int, int], float, float, float]:
    """Return counts of P, S and stations, the gap in degrees, the nearest station in km, and the rms in s.

    Args:
        epicentre_km: (2,)
        station_km: (stations, 3)
        station, phase, residual_s: (n,) of one event's picks; phase is 0 or 1.

    >>> stations = np.array([[0.0, 5.0, 0.0], [5.0, 0.0, 0.0], [0.0, -5.0, 0.0]])
    >>> quality(np.zeros(2), stations, np.array([0, 1, 2, 2]), np.array([0, 0, 0, 1]), np.full(4, 0.1))
    ((3, 1, 3), 180.0, 5.0, 0.1)
    """
    seen = np.unique(station)
    east, north = (station_km[seen, axis] - epicentre_km[axis] for axis in range(2))
    azimuths = np.sort(np.degrees(np.arctan2(east, north)))
    gap = float(np.diff(np.append(azimuths, azimuths[0] + 360)).max())
    counts = int(np.sum(phase == 0)), int(np.sum(phase == 1)), len(seen)
    return counts, gap, float(np.hypot(east, north).min()), float(np.sqrt(np.mean(residual_s**2)))


def ellipse(covariance: np.ndarray) -> np.ndarray:
    """Return the half axes of the 68 % ellipse in km, the longer first, and its azimuth in degrees (3,).

    >>> ellipse(np.diag([1.0, 4.0])).round(2).tolist()
    [3.02, 1.51, 0.0]
    """
    values, axes = np.linalg.eigh(covariance)
    scale = np.sqrt(-2 * np.log(1 - LEVELS[0]))  # of two normal coordinates
    azimuth = np.degrees(np.arctan2(axes[0, 1], axes[1, 1])) % 180
    return np.array([*(scale * np.sqrt(np.maximum(values[::-1], 0))), azimuth])


def interval(values: np.ndarray, density: np.ndarray, share: float) -> tuple[float, float]:
    """Return the interval with equal tails that holds a share of the probability of values on a grid."""
    places, index = np.unique(values, return_inverse=True)
    total = np.cumsum(np.bincount(index, weights=density))
    step = places[1] - places[0] if len(places) > 1 else 0.0
    edges = np.append(places - step / 2, places[-1] + step / 2)
    low, high = np.interp([(1 - share) / 2, (1 + share) / 2], np.append(0.0, total), edges)
    return low, high
