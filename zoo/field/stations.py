"""Seismic stations: codes, longitude, latitude, elevation, read from StationXML, CSV and NonLinLoc's GTSRCE lines."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from zoo.errors import ZooError
from zoo.field.projection import LocalProjection
from zoo.field.text_tables import named, needed, numbers, plain, read_columns, read_text

_SAME_PLACE_DEG = 0.001  # about 100 m: rows of one station that are no farther apart are its channels


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
            raise ZooError(
                f"Station {self.codes[i]} has latitude {self.latitude_deg[i]:g}, longitude {self.longitude_deg[i]:g} "
                f"degrees, elevation {self.elevation_m[i]:g} m; expected degrees (latitude up to 90) and metres."
            )

    def __len__(self) -> int:
        return len(self.codes)

    def place_km(self, projection: LocalProjection) -> np.ndarray:
        """Return km east, north, and depth below sea level (stations, 3)."""
        x_km, y_km = projection.forward(self.longitude_deg, self.latitude_deg)
        return np.stack([x_km, y_km, -self.elevation_m / 1000.0], axis=-1)

    def index(self, codes: Sequence[str]) -> np.ndarray:
        """Return which station each code (n,) means, -1 where it is unknown.

        "NET.STA.LOC.CHA" means NET.STA; where a code or a station has no network, the station's name alone counts if
        it is the only one of that name.

        >>> stations = Stations(("IV.ARRO", "XO.AM05"), [12.8, 13.4], [42.6, 43.0], [253.0, 464.0])
        >>> stations.index(["XO.AM05.00.EHZ", "ARRO", "IV.AM05", "IV.NONE"]).tolist()
        [1, 0, -1, -1]
        """
        known = {code: i for i, code in enumerate(self.codes)}
        by_name: dict[str, list[int]] = {}
        for i, code in enumerate(self.codes):
            by_name.setdefault(code.split(".")[-1], []).append(i)

        def find(code: str) -> int:
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


def read_stations(path: str | os.PathLike) -> Stations:
    """Read stations from StationXML or another inventory of ObsPy, a CSV table, or NonLinLoc's GTSRCE lines.

    Args:
        path: XML, FDSN's text, a table with columns station (and network), latitude, longitude, elevation (m unless
            the name says km), or lines `GTSRCE name LATLON latitude longitude depth_km elevation_km`.

    Returns:
        The stations; their notes say what was assumed, and which rows were joined.

    Raises:
        ZooError: the file is none of these, or a station is impossible.

    >>> _ = Path("stations.csv").write_text("net,sta,latitude,longitude,elevation_m\\nIV,ARRO,42.58,12.77,253\\n")
    >>> read_stations("stations.csv").codes
    ('IV.ARRO',)
    """
    where, text = Path(path).name, read_text(path, "Stations")
    start = text.lstrip()[:200]
    if start.startswith("<") or start.lower().startswith("#network"):
        rows = _inventory(path, where)
    elif any(line.split()[:1] in (["GTSRCE"], ["LOCSRCE"]) for line in text.splitlines()):
        rows = _nonlinloc(text, where)
    else:
        rows = _table(text, where)
    if not rows:
        raise ZooError(f"{where} holds no station.")
    return _joined(rows, where)


_Row = tuple[str, float, float, float]


def _joined(rows: Sequence[_Row], where: str) -> Stations:
    """Return each station once: at the place of its last row, with a note where rows differ."""
    last: dict[str, _Row] = {}
    moved = []
    for row in rows:
        old = last.get(row[0])
        if old is not None:
            apart = abs(row[2] - old[2]), abs((row[1] - old[1] + 180) % 360 - 180) * np.cos(np.radians(row[2]))
            if max(apart) > _SAME_PLACE_DEG:
                moved.append(row[0])
        last[row[0]] = row
    notes = []
    if moved:
        names = ", ".join(sorted(set(moved))[:5])
        notes.append(f"{where}: {len(set(moved))} stations have several places ({names}); the last one is used")
    codes, longitude, latitude, elevation = zip(*last.values(), strict=True)
    return Stations(tuple(codes), np.array(longitude), np.array(latitude), np.array(elevation), tuple(notes))


def _inventory(path: str | os.PathLike, where: str) -> list[_Row]:
    from obspy import UTCDateTime, read_inventory

    try:
        inventory = read_inventory(str(path))
    except Exception as error:  # ObsPy raises whatever its readers meet
        raise ZooError(f"{where} is no inventory that ObsPy reads ({type(error).__name__}: {error}).") from error
    rows = []
    for network in inventory:
        stations = sorted(network, key=lambda station: station.start_date or UTCDateTime(0))
        for station in stations:
            buried = [channel.depth or 0.0 for channel in station.channels]
            rows.append(
                (
                    f"{network.code}.{station.code}",
                    float(station.longitude),
                    float(station.latitude),
                    float(station.elevation) - (min(buried) if buried else 0.0),
                )
            )
    return rows


def _nonlinloc(text: str, where: str) -> list[_Row]:
    rows = []
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.split()
        if words[:1] not in (["GTSRCE"], ["LOCSRCE"]):
            continue
        try:
            if words[2] == "LATLON":
                latitude, longitude, depth_km, elevation_km = map(float, words[3:7])
            elif words[2] in ("LATLONDM", "LATLONDS"):
                latitude, longitude = (_sexagesimal(words[i : i + 4], words[2]) for i in (3, 3 + _words(words[2])))
                depth_km, elevation_km = map(float, words[3 + 2 * _words(words[2]) :][:2])
            else:
                raise ZooError(
                    f"{where}, line {number}: coordinates {words[2]}; expected LATLON, LATLONDM or LATLONDS, because "
                    "kilometres of another projection cannot be placed."
                )
        except (ValueError, IndexError) as error:
            raise ZooError(f"{where}, line {number}: {line.strip()!r} is no station of NonLinLoc ({error}).") from error
        rows.append((words[1], longitude, latitude, 1000.0 * (elevation_km - depth_km)))
    return rows


def _words(kind: str) -> int:
    """How many words a coordinate has: degrees, minutes (and seconds), hemisphere."""
    return 3 if kind == "LATLONDM" else 4


def _sexagesimal(words: Sequence[str], kind: str) -> float:
    count = _words(kind) - 1
    value = sum(float(word) / 60**i for i, word in enumerate(words[:count]))
    hemisphere = words[count].upper()
    if hemisphere not in "NSEW":
        raise ValueError(f"hemisphere {hemisphere}")
    return -value if hemisphere in "SW" else value


def _table(text: str, where: str) -> list[_Row]:
    columns = read_columns(text, where)
    code = named(columns, r"(station_)?id|trace_id|seed_id") or needed(
        columns, r"sta|stn|station|station_?code|code|name|station_name", "the station", where
    )
    network = named(columns, r"net|network|network_?code|nw")
    latitude = needed(columns, r"lat|latitude|lat_deg|(station_)?latitude(_deg)?|y_deg", "the latitude", where)
    longitude = needed(columns, r"lon|long|lng|longitude|lon_deg|(station_)?longitude(_deg)?", "the longitude", where)
    height = named(columns, r"(elv|ele|elev|elevation|altitude|height|station_elevation)(_(m|km))?")
    values = [numbers(columns[name], name, where) for name in (longitude, latitude)]
    if height is None:
        raise ZooError(
            f"{where} has no column for the elevation. It has: {', '.join(columns)}. Add elevation_m (0 at sea level)."
        )
    elevation = numbers(columns[height], height, where) * (1000.0 if plain(height).endswith("_km") else 1.0)
    codes = [".".join(text.split(".")[:2]) for text in columns[code]]
    if network is not None and not any("." in text for text in codes):
        codes = [f"{net}.{text}" if net else text for net, text in zip(columns[network], codes, strict=True)]
    return [(c, float(x), float(y), float(z)) for c, x, y, z in zip(codes, *values, elevation, strict=True)]
