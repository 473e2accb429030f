"""Degrees to kilometres and back by a local azimuthal equidistant projection of the sphere.

Source: Snyder (1987), Map projections, USGS Professional Paper 1395, equations 5-3, 25-2, 20-14 and 20-15.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

EARTH_RADIUS_KM = 6371.0
_AT_CENTRE = 1e-12  # radians from the centre below which the ratio of angle and sine is 1 (and would be 0 / 0)


@dataclass(frozen=True)
class Projection:
    """An azimuthal equidistant projection: distances and azimuths from its centre are true."""

    longitude_deg: float
    """longitude of the centre"""
    latitude_deg: float
    """latitude of the centre"""

    @classmethod
    def around(cls, longitude_deg: np.ndarray, latitude_deg: np.ndarray) -> Projection:
        """Return the projection centred on the middle of points (n,), which may lie on both sides of 180 degrees."""
        lon, lat = np.radians(longitude_deg), np.radians(latitude_deg)
        x, y = np.mean(np.cos(lat) * np.cos(lon)), np.mean(np.cos(lat) * np.sin(lon))
        around_deg = np.degrees(np.arctan2(y, x))
        # Medians about the mean direction, so that a few distant events do not move the map.
        middle = around_deg + np.median((longitude_deg - around_deg + 180) % 360 - 180)
        return cls(float((middle + 180) % 360 - 180), float(np.median(latitude_deg)))

    def forward(self, longitude_deg: np.ndarray, latitude_deg: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return km east and north of the centre, for degrees in arrays of any shape.

        >>> x_km, y_km = Projection(10.0, 0.0).forward(11.0, 0.0)
        >>> round(float(x_km), 2), round(float(y_km), 2)
        (111.19, 0.0)
        """
        lat, lat0 = np.radians(latitude_deg), np.radians(self.latitude_deg)
        east = np.radians(np.asarray(longitude_deg, float) - self.longitude_deg)
        right = np.cos(lat) * np.sin(east)
        up = np.cos(lat0) * np.sin(lat) - np.sin(lat0) * np.cos(lat) * np.cos(east)
        ahead = np.sin(lat0) * np.sin(lat) + np.cos(lat0) * np.cos(lat) * np.cos(east)
        across = np.hypot(right, up)
        angle = np.arctan2(across, ahead)
        scale_km = EARTH_RADIUS_KM * np.where(across > _AT_CENTRE, angle / np.maximum(across, _AT_CENTRE), 1.0)
        return scale_km * right, scale_km * up

    def inverse(self, x_km: np.ndarray, y_km: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return longitude (-180 to 180) and latitude in degrees, for km east and north in arrays of any shape."""
        x, y = np.asarray(x_km, float) / EARTH_RADIUS_KM, np.asarray(y_km, float) / EARTH_RADIUS_KM
        angle, lat0 = np.hypot(x, y), np.radians(self.latitude_deg)
        ratio = np.where(angle > _AT_CENTRE, np.sin(angle) / np.maximum(angle, _AT_CENTRE), 1.0)
        lat = np.arcsin(np.clip(np.cos(angle) * np.sin(lat0) + y * ratio * np.cos(lat0), -1, 1))
        lon = np.arctan2(x * ratio, np.cos(lat0) * np.cos(angle) - y * ratio * np.sin(lat0))
        return (self.longitude_deg + np.degrees(lon) + 180) % 360 - 180, np.degrees(lat)
