"""Coordinates of sources and receivers: x, y, z in km, x east, y north, z up from the bottom of the earth model."""

from __future__ import annotations

import numpy as np

from zoo.errors import ZooError

SAME_POINT_KM = 0.0015
"""Two points that are no farther apart are one: coordinates in files are often rounded to a metre."""
_ROUNDING_KM = 1e-9


def listed(point_km: np.ndarray) -> str:
    """Return a point (3,) in km as text.

    >>> listed([0.5, 0.25, 2.43])
    '(0.5, 0.25, 2.43)'
    """
    return "(" + ", ".join(f"{value:g}" for value in np.round(point_km, 4)) + ")"


def checked(coordinates_km: np.ndarray, extent_km: np.ndarray, what: str) -> np.ndarray:
    """Return coordinates as (n, 3) float64, or refuse what cannot be in the earth model.

    Args:
        coordinates_km: (n, 3).
        extent_km: (3,) size of the model, `ElasticModel.extent_km`.
        what: "source" or "receiver".

    Raises:
        ZooError: they are not finite numbers of that shape, or one lies outside the model.
    """
    coordinates_km = np.asarray(coordinates_km, np.float64)
    if coordinates_km.ndim != 2 or coordinates_km.shape[1] != 3 or not np.isfinite(coordinates_km).all():
        raise ZooError(
            f"The coordinates of the {what}s have shape {coordinates_km.shape}; expected finite x, y, z in km, (n, 3)."
        )
    outside = np.any((coordinates_km < -_ROUNDING_KM) | (coordinates_km > extent_km + _ROUNDING_KM), axis=1)
    if outside.any():
        raise ZooError(
            f"The {what} at {listed(coordinates_km[outside.argmax()])} km is outside the velocity model, which extends "
            f"from 0 to {listed(extent_km)} km. Coordinates are x, y, z in km, z up from its bottom."
        )
    return coordinates_km
