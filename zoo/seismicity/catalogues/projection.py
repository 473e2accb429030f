"""Degrees to kilometres and back by a local azimuthal equidistant projection of the sphere."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from zoo.field.projection import LocalProjection

EARTH_RADIUS_KM = 6371.0


@dataclass(frozen=True)
class Projection(LocalProjection):
    """An azimuthal equidistant projection of the sphere: distances and azimuths from its centre are true."""

    radius_km: float | None = EARTH_RADIUS_KM

    @classmethod
    def around(cls, longitude_deg: np.ndarray, latitude_deg: np.ndarray) -> Projection:
        """Return the projection centred on the middle of points (n,), which may lie on both sides of 180 degrees.

        >>> x_km, y_km = Projection(10.0, 0.0).forward(11.0, 0.0)
        >>> round(float(x_km), 2), round(float(y_km), 2)
        (111.19, 0.0)
        """
        lon, lat = np.radians(longitude_deg), np.radians(latitude_deg)
        x, y = np.mean(np.cos(lat) * np.cos(lon)), np.mean(np.cos(lat) * np.sin(lon))
        around_deg = np.degrees(np.arctan2(y, x))
        # Medians about the mean direction, so that a few distant events do not move the map.
        middle = around_deg + np.median((longitude_deg - around_deg + 180) % 360 - 180)
        return cls(float((middle + 180) % 360 - 180), float(np.median(latitude_deg)))
