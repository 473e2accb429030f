"""Degrees to kilometres east and north of a place, and back; anywhere, also across 180 degrees and at the poles.

The projection is PROJ's azimuthal equidistant one: distances and azimuths from its centre are those of the geodesic.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np


@dataclass(frozen=True)
class LocalProjection:
    """Kilometres east and north of a centre, on the WGS84 ellipsoid or a sphere."""

    longitude_deg: float
    """longitude of the centre"""
    latitude_deg: float
    """latitude of the centre"""
    radius_km: float | None = None
    """of a sphere that stands for the Earth; None: the ellipsoid"""

    @classmethod
    def around(cls, longitude_deg: np.ndarray, latitude_deg: np.ndarray) -> LocalProjection:
        """Return the projection whose centre is the mean direction of points (n,), wherever they lie.

        >>> LocalProjection.around(np.array([179.0, -179.0]), np.array([60.0, 60.0])).longitude_deg
        180.0
        """
        lon, lat = np.radians(longitude_deg), np.radians(latitude_deg)
        x, y, z = (float(np.mean(v)) for v in (np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)))
        degrees = np.degrees(np.arctan2(y, x)), np.degrees(np.arctan2(z, np.hypot(x, y)))
        return cls(*(round(float(value), 4) for value in degrees))

    def forward(self, longitude_deg: np.ndarray, latitude_deg: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return km east and north, for degrees in arrays of any shape.

        >>> x_km, y_km = LocalProjection(10.0, 0.0).forward(11.0, 0.0)
        >>> round(float(x_km), 2), round(float(y_km), 2)
        (111.32, 0.0)
        """
        return self._transformed(longitude_deg, latitude_deg, "FORWARD")

    def inverse(self, x_km: np.ndarray, y_km: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return longitude (-180 to 180) and latitude in degrees, for km east and north in arrays of any shape."""
        longitude, latitude = self._transformed(x_km, y_km, "INVERSE")
        return (longitude + 180) % 360 - 180, latitude

    def _transformed(self, first: np.ndarray, second: np.ndarray, direction: str) -> tuple[np.ndarray, np.ndarray]:
        first, second = np.broadcast_arrays(np.asarray(first, np.float64), np.asarray(second, np.float64))
        transformer = _transformer(self.longitude_deg, self.latitude_deg, self.radius_km)
        x, y = transformer.transform(first.ravel(), second.ravel(), direction=direction)
        return np.asarray(x).reshape(first.shape), np.asarray(y).reshape(first.shape)


@lru_cache(maxsize=8)
def _transformer(longitude_deg: float, latitude_deg: float, radius_km: float | None):
    from pyproj import Transformer

    earth = "+ellps=WGS84" if radius_km is None else f"+R={1000.0 * radius_km!r}"
    return Transformer.from_pipeline(
        f"+proj=aeqd +lat_0={float(latitude_deg)!r} +lon_0={float(longitude_deg)!r} {earth} +units=km"
    )
