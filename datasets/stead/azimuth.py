"""Back azimuths on the WGS84 ellipsoid for many paths at once."""

from __future__ import annotations

import numpy as np

_FLATTENING = 1 / 298.257223563
_ITERATIONS = 20  # local paths need three


def back_azimuth_deg(
    source_latitude_deg: np.ndarray,
    source_longitude_deg: np.ndarray,
    station_latitude_deg: np.ndarray,
    station_longitude_deg: np.ndarray,
) -> np.ndarray:
    """Return the azimuth at the station of the shortest path to the source.

    Vincenty's inverse formula (1975, Survey Review 23, 88).

    Args:
        source_latitude_deg, source_longitude_deg, station_latitude_deg, station_longitude_deg: (n,) degrees, geodetic.

    Returns:
        (n,) degrees clockwise from north in [0, 360); NaN where a coordinate is missing, station and source are at one
        place, or they are so nearly antipodal that the iteration does not converge.
    """
    station, source = (
        np.arctan((1 - _FLATTENING) * np.tan(np.radians(latitude)))  # reduced latitudes
        for latitude in (station_latitude_deg, source_latitude_deg)
    )
    difference = np.radians(np.asarray(source_longitude_deg) - np.asarray(station_longitude_deg))
    sin1, cos1, sin2, cos2 = np.sin(station), np.cos(station), np.sin(source), np.cos(source)
    angle, change = difference, np.zeros_like(difference)
    with np.errstate(invalid="ignore", divide="ignore"):
        for _ in range(_ITERATIONS):
            east, north = cos2 * np.sin(angle), cos1 * sin2 - sin1 * cos2 * np.cos(angle)
            sin_arc, cos_arc = np.hypot(east, north), sin1 * sin2 + cos1 * cos2 * np.cos(angle)
            arc = np.arctan2(sin_arc, cos_arc)
            sin_equator = cos1 * east / sin_arc
            cos2_equator = 1 - sin_equator**2
            cos_middle = np.where(cos2_equator > 0, cos_arc - 2 * sin1 * sin2 / cos2_equator, 0)
            c = _FLATTENING / 16 * cos2_equator * (4 + _FLATTENING * (4 - 3 * cos2_equator))
            wave = cos_middle + c * cos_arc * (2 * cos_middle**2 - 1)
            updated = difference + (1 - c) * _FLATTENING * sin_equator * (arc + c * sin_arc * wave)
            angle, change = updated, np.abs(updated - angle)
            if not np.any(change > 1e-12):
                break
        azimuth = np.degrees(np.arctan2(cos2 * np.sin(angle), cos1 * sin2 - sin1 * cos2 * np.cos(angle))) % 360
    return np.where(change < 1e-9, azimuth, np.nan)
