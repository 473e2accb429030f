"""Degrees to kilometres east and north of a place on the WGS84 ellipsoid, and back; anywhere, also across 180 degrees.

A point is seen from the centre along the chord through the Earth: the chord's azimuth is kept, and its length becomes
that of the arc, of the ellipsoid's radius of curvature in that azimuth (Euler's). Distances and azimuths from the
centre are those of the geodesic: within 1 cm up to 200 km, within 2 m up to 420 km.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

_A_KM = 6378.137  # WGS84: half the equatorial axis
_F = 1 / 298.257223563  # and the flattening
_E2 = _F * (2 - _F)


@dataclass(frozen=True)
class LocalProjection:
    """Kilometres east and north of a centre on the ellipsoid."""

    longitude_deg: float
    """longitude of the centre"""
    latitude_deg: float
    """latitude of the centre"""

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
        offset = _position(longitude_deg, latitude_deg) - _position(self.longitude_deg, self.latitude_deg)
        east, north, up = np.moveaxis(offset @ self._axes().T, -1, 0)
        flat = np.hypot(east, north)
        radius = self._radius(east, north)
        arc = 2 * radius * np.arcsin(np.clip(np.sqrt(flat**2 + up**2) / (2 * radius), 0, 1))
        scale = np.where(flat > 0, arc / np.where(flat > 0, flat, 1), 1.0)
        return east * scale, north * scale

    def inverse(self, x_km: np.ndarray, y_km: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return longitude (-180 to 180) and latitude in degrees, for km east and north in arrays of any shape."""
        x, y = np.broadcast_arrays(np.asarray(x_km, float), np.asarray(y_km, float))
        radius = self._radius(x, y)
        guess_x, guess_y = x, y
        for _ in range(3):  # the place is first put on the sphere of that curvature, then corrected on the ellipsoid
            arc = np.hypot(guess_x, guess_y)
            scale = np.where(arc > 0, radius * np.sin(arc / radius) / np.where(arc > 0, arc, 1), 1.0)
            local = np.stack([guess_x * scale, guess_y * scale, radius * (np.cos(arc / radius) - 1)], axis=-1)
            found = local @ self._axes() + _position(self.longitude_deg, self.latitude_deg)
            lon = np.degrees(np.arctan2(found[..., 1], found[..., 0]))
            lat = _latitude(found)
            back_x, back_y = self.forward(lon, lat)
            guess_x, guess_y = guess_x + x - back_x, guess_y + y - back_y
        return (lon + 180) % 360 - 180, lat

    def _axes(self) -> np.ndarray:
        """Return east, north and up at the centre as rows (3, 3)."""
        lon, lat = np.radians(self.longitude_deg), np.radians(self.latitude_deg)
        return np.array(
            [
                [-np.sin(lon), np.cos(lon), 0.0],
                [-np.sin(lat) * np.cos(lon), -np.sin(lat) * np.sin(lon), np.cos(lat)],
                [np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)],
            ]
        )

    def _radius(self, east: np.ndarray, north: np.ndarray) -> np.ndarray:
        """Return the radius of curvature in km at the centre, in the azimuth of points."""
        w = 1 - _E2 * np.sin(np.radians(self.latitude_deg)) ** 2
        along, across = _A_KM * (1 - _E2) / w**1.5, _A_KM / np.sqrt(w)
        azimuth = np.arctan2(east, north)  # 0 at the centre itself
        return 1 / (np.cos(azimuth) ** 2 / along + np.sin(azimuth) ** 2 / across)


def _position(longitude_deg: np.ndarray, latitude_deg: np.ndarray) -> np.ndarray:
    """Return points of the ellipsoid in Earth-centred km (..., 3)."""
    lon, lat = np.broadcast_arrays(np.radians(longitude_deg), np.radians(latitude_deg))
    normal = _A_KM / np.sqrt(1 - _E2 * np.sin(lat) ** 2)
    flat = normal * np.cos(lat)
    return np.stack([flat * np.cos(lon), flat * np.sin(lon), normal * (1 - _E2) * np.sin(lat)], axis=-1)


def _latitude(position_km: np.ndarray) -> np.ndarray:
    """Return the latitude in degrees of points (..., 3) near the ellipsoid (Bowring 1976)."""
    flat, z = np.hypot(position_km[..., 0], position_km[..., 1]), position_km[..., 2]
    reduced = np.arctan2(z, flat * (1 - _F))
    minor = _A_KM * (1 - _F)
    raised = z + _E2 / (1 - _E2) * minor * np.sin(reduced) ** 3
    return np.degrees(np.arctan2(raised, flat - _E2 * _A_KM * np.cos(reduced) ** 3))
