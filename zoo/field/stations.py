"""Seismic stations: codes, longitude, latitude, elevation; `station_files` reads them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from zoo.errors import ZooError
from zoo.field.picks import PickTable
from zoo.field.projection import LocalProjection
from zoo.foreign import reader

_MOST_KM = 1500.0  # from the middle of the network: beyond it the curvature of the Earth matters to travel times


@dataclass(frozen=True)
class Stations:
    """Stations of a network, each once.

    Raises:
        ZooError: a coordinate is impossible or a code stands twice.
    """

    codes: tuple[str, ...]
    """network and station, "IV.ARRO"; the station alone where no network is known"""
    longitude_deg: np.ndarray
    latitude_deg: np.ndarray
    elevation_m: np.ndarray
    """above sea level, of the sensor (its depth in a borehole is taken off)"""
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in ("longitude_deg", "latitude_deg", "elevation_m"):
            values = np.asarray(getattr(self, name), np.float64)
            object.__setattr__(self, name, values)
            if values.shape != (len(self.codes),):
                raise ZooError(f"{len(self.codes)} stations have {name} of shape {values.shape}.")
        if len(set(self.codes)) != len(self.codes):
            twice = next(code for code in self.codes if self.codes.count(code) > 1)
            raise ZooError(f"Station {twice} stands twice; expected each once.")
        good = (np.abs(self.latitude_deg) <= 90) & (self.longitude_deg >= -180) & (self.longitude_deg <= 360)
        good &= np.isfinite(self.elevation_m) & (np.abs(self.elevation_m) < 12000)
        if not good.all():
            i = int(np.argmin(good))
            swapped = np.abs(self.latitude_deg[i]) > 90 and np.abs(self.longitude_deg[i]) <= 90
            hint = " Are latitude and longitude swapped?" if swapped else ""
            raise ZooError(
                f"Station {self.codes[i]} has latitude {self.latitude_deg[i]:g}, longitude {self.longitude_deg[i]:g} "
                f"degrees, elevation {self.elevation_m[i]:g} m; expected degrees (latitude up to 90) and metres.{hint}"
            )

    def __len__(self) -> int:
        return len(self.codes)

    def select(self, chosen: np.ndarray, *notes: str) -> Stations:
        """Return the stations that a mask (n,) chooses, with more notes."""
        rows = np.flatnonzero(chosen)
        arrays = {name: getattr(self, name)[rows] for name in ("longitude_deg", "latitude_deg", "elevation_m")}
        return replace(self, codes=tuple(self.codes[i] for i in rows), notes=(*self.notes, *notes), **arrays)

    def place_km(self, projection: LocalProjection) -> np.ndarray:
        """Return km east, north, and depth below sea level (stations, 3).

        Raises:
            ZooError: a station is too far from the middle for a flat Earth.
        """
        x_km, y_km = projection.forward(self.longitude_deg, self.latitude_deg)
        away = np.hypot(x_km, y_km)
        if len(self) and away.max() > _MOST_KM:
            i = int(np.argmax(away))
            raise ZooError(
                f"Station {self.codes[i]} lies {away[i]:,.0f} km from the middle of the network; expected stations of "
                f"one region (up to {_MOST_KM:,.0f} km), because the earth is taken as flat. Leave it out, or look "
                "whether latitude and longitude, or a sign, are wrong."
            )
        return np.stack([x_km, y_km, -self.elevation_m / 1000.0], axis=-1)

    def index(self, codes: Sequence[str]) -> np.ndarray:
        """Return which station each code (n,) means, -1 where it is unknown.

        "NET.STA.LOC.CHA" means NET.STA, and so does NET_STA if no station has that name; where a code or a station has
        no network, the station's name alone counts if it is the only one of that name.

        >>> stations = Stations(("IV.ARRO", "XO.AM05"), [12.8, 13.4], [42.6, 43.0], [253.0, 464.0])
        >>> stations.index(["XO.AM05.00.EHZ", "ARRO", "IV.AM05", "IV.NONE"]).tolist()
        [1, 0, -1, -1]
        >>> stations.index(["XO_AM05"]).tolist()
        [1]
        """
        known = {code: i for i, code in enumerate(self.codes)}
        by_name: dict[str, list[int]] = {}
        for i, code in enumerate(self.codes):
            by_name.setdefault(code.split(".")[-1], []).append(i)

        def find(code: str) -> int:
            if "." not in code and code not in by_name:
                code = code.replace("_", ".", 1)
            parts = code.split(".")
            whole = ".".join(parts[:2])
            if whole in known:
                return known[whole]
            name = parts[0] if len(parts) == 1 else parts[1]
            same = by_name.get(name, [])
            if len(same) == 1 and (len(parts) == 1 or not parts[0] or "." not in self.codes[same[0]]):
                return same[0]
            return -1

        found = {code: find(code) for code in set(codes)}
        return np.array([found[code] for code in codes], np.int64)


@reader("Copy or write it again.")
def read_stations(path: str | os.PathLike, picks: PickTable | None = None) -> Stations:
    """Read stations from an inventory, a table, or NonLinLoc's control file.

    Args:
        path: StationXML, SeisComp's inventory or whatever else ObsPy reads; FDSN's text; a table with columns station
            (and network), latitude, longitude, elevation (m unless the name says km), and where stations were moved
            start and end; lines `station latitude longitude elevation_m` without a header (hypoDD); Hypoinverse's; or
            NonLinLoc's lines `GTSRCE name LATLON latitude longitude depth_km elevation_km`.
        picks: decide between the places of a station that was moved; stations that have none are left out.

    Returns:
        The stations; their notes say what was assumed, left out, and which rows were joined.

    Raises:
        ZooError: the file is none of these, a station is impossible, or one has several places and neither its epochs
            nor the picks say which counts.

    >>> _ = Path("stations.csv").write_text("net,sta,latitude,longitude,elevation_m\\nIV,ARRO,42.58,12.77,253\\n")
    >>> read_stations("stations.csv").codes
    ('IV.ARRO',)
    """
    from zoo.field.station_files import one_place_each, read_rows

    path = Path(path)
    rows, notes = read_rows(path)
    if not rows:
        raise ZooError(f"{path.name} holds no station.")
    return one_place_each(rows, notes, path.name, picks)
