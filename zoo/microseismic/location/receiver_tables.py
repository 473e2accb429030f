"""Tables of receivers: in km or m of the earth model, or by latitude, longitude and elevation."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from zoo.errors import ZooError
from zoo.field.projection import LocalProjection
from zoo.field.stations import read_stations
from zoo.microseismic.physics.layers import MARGIN_KM

_SAME_PLACE_KM = 0.003
_UNITS_KM = {"km": 1.0, "m": 0.001}


@dataclass(frozen=True)
class ReceiverTable:
    """Receivers of a file.

    Attributes:
        stations: names; empty where the file has none.
        coordinates_km: (n, 3) x, y, z of the earth model; where the file has degrees, km east and north of the
            westernmost and the southernmost receiver, `MARGIN_KM` more, and elevation above sea level.
        projection: of degrees; None where the file has km or m.
        corner_km: (2,) what was added to the projection's km.
    """

    stations: tuple[str, ...]
    coordinates_km: np.ndarray
    projection: LocalProjection | None = None
    corner_km: tuple[float, float] = (0.0, 0.0)

    def placed(self, top_km: float, surface_elevation_m: float) -> np.ndarray:
        """Return (n, 3) coordinates in an earth model whose top, `top_km` above its bottom, is at an elevation.

        >>> table = ReceiverTable((), np.array([[0.2, 0.2, 0.85]]), LocalProjection(10.0, 47.0))
        >>> table.placed(1.2, 900.0).round(3).tolist()
        [[0.2, 0.2, 1.15]]
        """
        lift_km = 0.0 if self.projection is None else top_km - surface_elevation_m / 1000.0
        return self.coordinates_km + np.array([0.0, 0.0, lift_km])

    def shift_to(self, known_km: np.ndarray) -> np.ndarray:
        """Return what to add to the coordinates (3,) so that they are those of known receivers (m, 3).

        Raises:
            ZooError: no shift, or more than one, brings most of the receivers together.

        >>> table = ReceiverTable((), np.array([[0.2, 0.2, 0.8], [0.5, 0.3, 0.9]]), LocalProjection(10.0, 47.0))
        >>> table.shift_to(np.array([[0.5, 0.3, 1.2], [0.2, 0.2, 1.1]])).round(3).tolist()
        [0.0, 0.0, 0.3]
        """
        if self.projection is None:
            return np.zeros(3)
        known_km = np.asarray(known_km, np.float64)
        shifts = (known_km[:, np.newaxis] - self.coordinates_km).reshape(-1, 3)
        moved = self.coordinates_km + shifts[:, np.newaxis]
        apart = np.linalg.norm(moved[:, :, np.newaxis] - known_km, axis=-1).min(axis=-1)
        together = np.sum(apart < _SAME_PLACE_KM, axis=-1)
        best = shifts[together == together.max()]
        if together.max() < min(2, len(known_km)) or np.ptp(best, axis=0).max() > 2 * _SAME_PLACE_KM:
            raise ZooError(
                f"The {len(self.coordinates_km)} receivers by latitude and longitude do not lie like those of the "
                f"emulator, of which at most {together.max()} can be brought together. Give the table that "
                "`zoo prepare` was given, with all its receivers."
            )
        return best.mean(axis=0)

    def degrees(self, shift: np.ndarray) -> Callable[[np.ndarray], tuple[float, float, float]] | None:
        """Return what turns a point (3,) of the earth model into latitude, longitude and elevation in m, if known."""
        if self.projection is None:
            return None

        def turned(point_km: np.ndarray) -> tuple[float, float, float]:
            x, y, elevation_km = np.asarray(point_km, np.float64) - shift
            longitude, latitude = self.projection.inverse(x - self.corner_km[0], y - self.corner_km[1])
            return float(latitude), float(longitude), 1000.0 * float(elevation_km)

        return turned


def read_receiver_table(path: str | os.PathLike) -> ReceiverTable:
    """Read a table of receivers.

    Args:
        path: CSV file with the columns x_km, y_km, z_km or x_m, y_m, z_m (z up from the bottom of the earth model), and
            station if the names matter; or with station, latitude, longitude and elevation_m, and whatever else
            `zoo.field.stations.read_stations` reads.

    Raises:
        ZooError: the file is missing, a column is, or a number or a name is not right.

    >>> _ = Path("stations.csv").write_text("station,latitude,longitude,elevation_m\\nA,47,10,850\\nB,47.001,10,860\\n")
    >>> read_receiver_table("stations.csv").coordinates_km.round(3).tolist()
    [[0.2, 0.2, 0.85], [0.2, 0.311, 0.86]]
    """
    path = Path(path)
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, skipinitialspace=True)
            rows = [{(key or "").strip().lower(): value for key, value in row.items()} for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ZooError(f"Cannot read the receiver file {path} ({error}).") from error
    if not rows:
        raise ZooError(f"{path} lists no receivers; expected a header and lines of station,x_km,y_km,z_km.")
    if any(name.startswith(("lat", "lon")) for name in rows[0]):
        return _by_degrees(path)
    unit = "m" if "x_m" in rows[0] else "km"
    columns = [f"{axis}_{unit}" for axis in "xyz"]
    stations: list[str] = []
    coordinates = []
    for number, row in enumerate(rows, start=2):
        try:
            coordinates.append([float(row[name]) * _UNITS_KM[unit] for name in columns])
        except (KeyError, TypeError, ValueError) as error:
            raise ZooError(
                f"Line {number} of {path} does not hold the columns {','.join(columns)} with numbers ({error}). Give "
                "these, or station,latitude,longitude,elevation_m."
            ) from error
        name = (row.get("station") or "").strip()
        if name and name in stations:
            raise ZooError(f"Line {number} of {path} repeats station '{name}'; keep one line for each.")
        stations.append(name)
    return ReceiverTable(tuple(stations) if all(stations) else (), np.array(coordinates))


def _by_degrees(path: Path) -> ReceiverTable:
    found = read_stations(path)
    projection = LocalProjection.around(found.longitude_deg, found.latitude_deg)
    places = found.place_km(projection)
    corner = MARGIN_KM - places[:, :2].min(axis=0)
    places[:, :2] += corner
    places[:, 2] *= -1.0
    return ReceiverTable(found.codes, places, projection, (float(corner[0]), float(corner[1])))
