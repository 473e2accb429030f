"""Longitudes and latitudes in every form: -117.5, 117.5W, 117 30.0 W, 117°30'00"W, degrees and minutes in two columns.

Also which of two hemispheres or orders is impossible (`open_ocean`), and projected coordinates (`from_epsg`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache

import numpy as np

from zoo.errors import ZooError

_SIDE = r"(?P<{0}>N|S|E|W|NORTH|SOUTH|EAST|WEST)"
_COORDINATE = re.compile(
    rf"(?:{_SIDE.format('before')}\s*)?(?P<sign>[-+−])?(?P<deg>\d{{1,7}}(?:[.,]\d*)?)\s*[°ºd:\s]*"
    rf"(?:(?:(?<=[°ºd:\s])|-)\s*(?P<min>\d{{1,2}}(?:[.,]\d*)?)\s*['′’m:]?\s*(?:(?P<sec>\d{{1,2}}(?:[.,]\d*)?)\s*(?:\"|″|''|s)?)?)?"
    rf"\s*{_SIDE.format('after')}?",
    re.IGNORECASE,
)


def coordinates(texts: Sequence[str]) -> np.ndarray:
    """Return degrees (n,), south and west negative, NaN where a text is none.

    >>> coordinates(["35.7N", "117 30.0 W", "-35-42.0", "35°42'18\\"S", "1,5"]).round(3).tolist()
    [35.7, -117.5, -35.7, -35.705, 1.5]
    """
    try:
        return np.array(texts, dtype=float)
    except (ValueError, TypeError):
        return np.array([coordinate(text) for text in texts])


def coordinate(text: str) -> float:
    """Return the degrees that a text states, NaN for none."""
    text = text.strip()
    try:
        return float(text)
    except ValueError:
        pass
    found = _COORDINATE.fullmatch(text)
    if not found or (found["before"] and found["after"]):
        return np.nan
    degrees, minutes, seconds = (float((found[part] or "0").replace(",", ".")) for part in ("deg", "min", "sec"))
    if minutes >= 60.01 or seconds >= 60.01 or (found["min"] and re.search("[.,]", found["deg"])):
        return np.nan
    value = degrees + minutes / 60 + seconds / 3600
    side = (found["before"] or found["after"] or "")[:1].upper()
    if found["sign"] in ("-", "−"):
        return np.nan if side in ("S", "W") else -value
    return -value if side in ("S", "W") else value


def hemispheres(texts: Sequence[str], axis: str, words: str, where: str) -> np.ndarray:
    """Return 1 or -1 (n,) for a column of N and S, or of E and W; NaN where it says neither.

    Args:
        texts: (n,).
        axis: "latitude" or "longitude".
        words: the names of all columns: they tell whether O is Ost or Oeste.
        where: the file, for the message.

    Raises:
        ZooError: if there is an O that could be east or west.
    """
    sides = {"N": 1.0, "S": -1.0} if axis == "latitude" else {"E": 1.0, "W": -1.0}
    letters = [text.strip()[:1].upper() for text in texts]
    if axis == "longitude" and "O" in letters:
        german = re.search(r"breite|laenge|länge|tiefe", words, re.IGNORECASE)
        romance = re.search(r"latitud|profund|fecha|profond|heure|magnitud\b|prof\b", words, re.IGNORECASE)
        if "E" in letters or (romance and not german):
            sides["O"] = -1.0
        elif german or "W" in letters:
            sides["O"] = 1.0
        else:
            raise ZooError(f"{where}: O beside the longitudes may be Ost or Oeste (Ouest, Ovest). Write E or W.")
    return np.array([sides.get(letter, np.nan) for letter in letters])


def with_parts(degrees: np.ndarray, minutes: np.ndarray | None, seconds: np.ndarray | None) -> np.ndarray:
    """Return degrees (n,) with minutes and seconds of arc from columns of their own; the degrees' sign counts for all.

    The sign of -0 is kept (half a degree south of the equator).
    """
    size = np.abs(degrees)
    for part, unit in ((minutes, 60), (seconds, 3600)):
        if part is not None:
            size = size + np.abs(part) / unit
    negative = np.signbit(degrees)
    for part in (minutes, seconds):
        if part is not None:
            negative = negative | (part < 0)
    return np.where(negative, -size, size)


def degrees_and_minutes(values: np.ndarray) -> np.ndarray | None:
    """Return degrees (n,) of numbers such as 3542.5 (35 degrees 42.5 minutes); None where they are none."""
    fine = values[np.isfinite(values)]
    size = np.abs(fine)
    if not len(fine) or size.max() > 18060 or np.median(size) < 200 or ((size % 100) >= 60.01).any():
        return None
    return np.where(np.signbit(values), -1, 1) * (np.abs(values) // 100 + np.abs(values) % 100 / 60)


def open_ocean(longitude_deg: float, latitude_deg: float) -> bool:
    """Return whether a point lies where no network records small earthquakes: an open ocean, or a pole's surroundings.

    >>> open_ocean(-13.2, 42.8), open_ocean(13.2, 42.8)
    (True, False)
    """
    if not (-60 <= latitude_deg <= 85 and abs(longitude_deg) <= 180):
        return True
    name = _regions().get_region(longitude_deg, latitude_deg)
    return name.endswith(("OCEAN", "RIDGE", "RISE"))


@cache
def _regions():
    from obspy.geodetics import FlinnEngdahl

    return FlinnEngdahl()  # reads its tables from files each time


def from_epsg(x_m: np.ndarray, y_m: np.ndarray, epsg: int) -> tuple[np.ndarray, np.ndarray]:
    """Return longitude and latitude in degrees of projected coordinates in metres.

    Raises:
        ZooError: if pyproj is not installed, or the number is none of EPSG's, or of degrees.
    """
    try:
        import pyproj
    except ImportError as error:
        raise ZooError(
            f"--epsg {epsg} needs pyproj, which is not installed: pip install pyproj. Without --epsg the "
            "coordinates are used as they are, in metres or kilometres."
        ) from error
    try:
        system = pyproj.CRS.from_epsg(epsg)
        turn = pyproj.Transformer.from_crs(system, "EPSG:4326", always_xy=True)
    except pyproj.exceptions.CRSError as error:
        raise ZooError(f"--epsg {epsg} is not a coordinate system that pyproj knows ({error}).") from error
    if not system.is_projected:
        raise ZooError(f"--epsg {epsg} is {system.name}, not projected metres. Leave it out for degrees.")
    longitude, latitude = turn.transform(x_m, y_m)
    return tuple(np.where(np.isfinite(v), v, np.nan) for v in (np.asarray(longitude), np.asarray(latitude)))


def point(latitude_deg: float, longitude_deg: float) -> str:
    """Return a place as text.

    >>> point(46.36, -7.35)
    '46.360 N 7.350 W'
    """
    north, east = "N" if latitude_deg >= 0 else "S", "E" if longitude_deg >= 0 else "W"
    return f"{abs(latitude_deg):.3f} {north} {abs(longitude_deg):.3f} {east}"
