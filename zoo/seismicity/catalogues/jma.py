"""The Japan Meteorological Agency's hypocentres: 96 columns a line, degrees and minutes."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from zoo.errors import ZooError
from zoo.seismicity.catalogues.coordinates import point
from zoo.seismicity.catalogues.fixed import Row, number


def jma_row(found: re.Match) -> Row:
    line = found[0].ljust(97)
    if line[21] == " " and not _jma_valid(line) and _jma_valid(line[:21] + line[22:]):
        line = line[:21] + line[22:]  # a blank too many after the error of the time, as some copies have
    if not _jma_valid(line):
        return (float("nan"),) * 10
    latitude, longitude = (_jma_degrees(line, at, size) for at, size in ((21, 3), (32, 4)))
    depth = line[44:49]
    depth_km = number(depth, 0.01) if depth[3:].strip() else number(depth[:3])
    size = line[52:54]
    if size[0] in "ABC" and size[1].isdigit():
        magnitude = -("ABC".index(size[0]) + 1 + int(size[1]) / 10)
    elif size[0] == "-" and size[1].isdigit():
        magnitude = -int(size[1]) / 10
    else:
        magnitude = number(size, 0.1)
    moment = (number(line[1:5]), *(number(line[at : at + 2]) for at in (5, 7, 9, 11)), number(line[13:17], 0.01))
    return (*moment, longitude, latitude, depth_km, magnitude)


def _jma_degrees(line: str, at: int, size: int) -> float:
    degrees, minutes = line[at : at + size], line[at + size : at + size + 4]
    value = abs(number(degrees)) + (number(minutes, 0.01) if minutes.strip() else 0.0) / 60
    return -value if "-" in degrees else value


def _jma_valid(line: str) -> bool:
    """Return whether degrees and minutes stand where JMA has them."""
    for at, size, most in ((21, 3, 90), (32, 4, 180)):
        degrees, minutes = line[at : at + size], line[at + size : at + size + 4]
        if not re.fullmatch(r"\s*-?\d+", degrees) or not re.fullmatch(r"\d{4}|\d\d  |    | \d{3}", minutes):
            return False
        if abs(int(degrees)) > most or int(minutes.replace(" ", "0")) >= 6000:
            return False
    return True


def in_japan(path: Path, longitude: np.ndarray, latitude: np.ndarray) -> None:
    x, y = np.nanmedian(longitude), np.nanmedian(latitude)
    signed = (longitude < 0).any() or (latitude < 0).any()
    if not signed and not (118 <= x <= 160 and 15 <= y <= 55):
        raise ZooError(
            f"{path} has the columns of JMA's hypocentres, with events near {point(y, x)}, far from Japan: their "
            "longitudes or latitudes may lack a sign. Save the catalogue as CSV with signed degrees."
        )
