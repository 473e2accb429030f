"""Event tables and station lists: CSV with the columns below, or QuakeML and StationXML through ObsPy.

| event table | | station list | |
|---|---|---|---|
| event_id, event_type | text | network, station | text |
| origin_time | UTC, ISO 8601 | location | text, may be empty; the column may be left out |
| latitude_deg, longitude_deg | degrees | channels | patterns separated by blanks (`HH? EH?`); may be left out |
| depth_km, magnitude, magnitude_type | may be left out or empty | latitude_deg, longitude_deg | degrees |
| | | elevation_m | may be left out or empty |
"""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from zoo.errors import ZooError
from zoo.seismograms.archives.checks import SKIPPED, Problem

if TYPE_CHECKING:
    from obspy import UTCDateTime

CATEGORIES = ("earthquake", "explosion")
# QuakeML's event types for man-made blasts, and abbreviations in catalogues.
_EXPLOSIONS = {
    "explosion",
    "accidental explosion",
    "chemical explosion",
    "controlled explosion",
    "experimental explosion",
    "industrial explosion",
    "mining explosion",
    "nuclear explosion",
    "quarry blast",
    "blast",
    "ex",
    "shot",
}
_EARTHQUAKES = {"earthquake", "eq", "induced or triggered event", "induced earthquake"}
_EVENT_COLUMNS = ("event_id", "event_type", "origin_time", "latitude_deg", "longitude_deg")
_STATION_COLUMNS = ("network", "station", "latitude_deg", "longitude_deg")


@dataclass(frozen=True)
class Event:
    """An earthquake or explosion; depth in km, numbers NaN where unknown."""

    event_id: str
    event_type: str
    """As in the catalogue."""
    origin_time: UTCDateTime
    latitude_deg: float
    longitude_deg: float
    depth_km: float = math.nan
    magnitude: float = math.nan
    magnitude_type: str = ""

    @property
    def category(self) -> str | None:
        """`earthquake`, `explosion`, or None for any other type."""
        kind = self.event_type.strip().lower().replace("_", " ")
        return "explosion" if kind in _EXPLOSIONS else "earthquake" if kind in _EARTHQUAKES else None

    @property
    def file_name(self) -> str:
        """The identifier as a file name."""
        return re.sub(r"[^A-Za-z0-9.-]+", "_", self.event_id).strip("._") or "_"


@dataclass(frozen=True)
class Station:
    """A station, or one epoch of it."""

    network: str
    station: str
    latitude_deg: float = math.nan
    longitude_deg: float = math.nan
    elevation_m: float = math.nan
    location: str = "*"
    channels: str = ""
    """Patterns separated by blanks; if empty, those in the settings of the dataset."""
    begins: float = -math.inf
    """POSIX seconds."""
    ends: float = math.inf
    """POSIX seconds."""
    restricted: bool = False
    """Whether all of its data are closed."""

    @property
    def code(self) -> str:
        """Network and station, joined by a point."""
        return f"{self.network}.{self.station}"

    def path_from(self, event: Event) -> tuple[float, float, float]:
        """Return epicentral distance (km), azimuth and back azimuth (degrees) on WGS 84; NaN without coordinates."""
        from obspy.geodetics import gps2dist_azimuth

        ends = event.latitude_deg, event.longitude_deg, self.latitude_deg, self.longitude_deg
        if not all(map(math.isfinite, ends)):
            return math.nan, math.nan, math.nan
        distance_m, azimuth, back = gps2dist_azimuth(*ends)
        return distance_m / 1e3, azimuth, back


def read_events(path: str | Path) -> tuple[list[Event], list[Problem]]:
    """Read an event table: CSV, or QuakeML and whatever else ObsPy reads as a catalogue.

    Returns:
        The events in the order of the file, and those that were left out, with reasons.

    Raises:
        ZooError: if it cannot be read, columns are missing, or no event is left.
    """
    path = Path(path)
    events, problems, seen = [], [], set()
    for name, found in _quakeml(path) if _is_xml(path) else _csv_events(path):
        if isinstance(found, Event) and found.file_name in seen:
            found = "a second event with this event_id"
        if isinstance(found, Event):
            seen.add(found.file_name)
            events.append(found)
        else:
            problems.append(Problem(name, found, SKIPPED))
    if not events:
        reasons = "; ".join(f"{p.name}: {p.problem}" for p in problems[:3])
        raise ZooError(f"{path} holds no event that can be used. {reasons}")
    return events, problems


def read_stations(path: str | Path) -> tuple[list[Station], list[Problem]]:
    """Read a station list: CSV, or StationXML and whatever else ObsPy reads as an inventory.

    Returns:
        Stations (one per epoch from StationXML), and the rows that were left out, with reasons.

    Raises:
        ZooError: if it cannot be read, columns are missing, or no station is left.
    """
    path = Path(path)
    if _is_xml(path):
        from obspy import read_inventory

        try:
            stations, problems = stations_of(read_inventory(str(path))), []
        except Exception as error:  # ObsPy raises whatever its plugin does
            raise ZooError(f"{path} is not StationXML that ObsPy can read ({error}).") from error
    else:
        stations, problems, seen = [], [], set()
        for line, row in _rows(path, _STATION_COLUMNS):
            code = f"{row['network']}.{row['station']}"
            try:
                made = Station(
                    network=_text(row, "network"),
                    station=_text(row, "station"),
                    latitude_deg=_degrees(row, "latitude_deg", 90),
                    longitude_deg=_degrees(row, "longitude_deg", 360),
                    elevation_m=_number(row, "elevation_m"),
                    location=row.get("location") or "*",
                    channels=" ".join(re.split(r"[\s,;]+", row.get("channels") or "")).strip(),
                )
                if code in seen:
                    raise ValueError("the station is listed a second time")
                seen.add(code)
                stations.append(made)
            except ValueError as error:
                problems.append(Problem(code, f"line {line}: {error}", SKIPPED))
    if not stations:
        reasons = "; ".join(f"{p.name}: {p.problem}" for p in problems[:3])
        raise ZooError(f"{path} holds no station that can be used. {reasons}")
    return stations, problems


def stations_of(inventory) -> list[Station]:
    """Return the stations of an ObsPy inventory, one per epoch; restricted if all their channels are closed."""
    stations = []
    for network in inventory:
        for station in network:
            states = [part.restricted_status for part in (station.channels or [station])]
            stations.append(
                Station(
                    network=network.code,
                    station=station.code,
                    latitude_deg=float(station.latitude),
                    longitude_deg=float(station.longitude),
                    elevation_m=float(station.elevation),
                    begins=station.start_date.timestamp if station.start_date else -math.inf,
                    ends=station.end_date.timestamp if station.end_date else math.inf,
                    restricted=all(state == "closed" for state in states),
                )
            )
    return stations


def near(stations: list[Station], event: Event, radius_km: float) -> list[Station]:
    """Return the stations within the radius in operation at the origin time; without coordinates they count as near."""
    at = event.origin_time.timestamp
    found: dict[str, Station] = {}
    for station in stations:
        if station.begins <= at <= station.ends and not station.path_from(event)[0] > radius_km:
            found.setdefault(station.code, station)
    return [found[code] for code in sorted(found)]


def _is_xml(path: Path) -> bool:
    """Return whether a file begins like XML."""
    try:
        with open(path, "rb") as file:
            return file.read(200).lstrip(b"\xef\xbb\xbf \r\n\t").startswith(b"<")
    except OSError as error:
        raise ZooError(f"Cannot read {path} ({error.strerror}).") from error


def _rows(path: Path, needed: tuple[str, ...]) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield the line number and the values by column of each row of a CSV file."""
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            missing = [name for name in needed if name not in (reader.fieldnames or ())]
            if missing:
                raise ZooError(
                    f"{path} has no column {', '.join(missing)}; it has {', '.join(reader.fieldnames or ['none'])}. "
                    "datasets/explosions/README.md shows an example."
                )
            for row in reader:
                yield reader.line_num, {key: (value or "").strip() for key, value in row.items() if key}
    except UnicodeDecodeError as error:
        raise ZooError(f"{path} is not UTF-8 text ({error}): save the table as CSV in UTF-8.") from error


def parse_event(row: dict[str, str]) -> Event | str:
    """Return the event in a row of a table, or the reason why it cannot be used."""
    try:
        made = Event(
            event_id=_text(row, "event_id"),
            event_type=_text(row, "event_type"),
            origin_time=_time(row["origin_time"]),
            latitude_deg=_degrees(row, "latitude_deg", 90),
            longitude_deg=_degrees(row, "longitude_deg", 360),
            depth_km=_number(row, "depth_km"),
            magnitude=_number(row, "magnitude"),
            magnitude_type=row.get("magnitude_type", ""),
        )
    except ValueError as error:
        return str(error)
    return made if made.category else _no_category(made.event_type)


def _no_category(event_type: str) -> str:
    return f"event type {event_type!r} is neither an earthquake's nor an explosion's"


def _csv_events(path: Path) -> Iterator[tuple[str, Event | str]]:
    for line, row in _rows(path, _EVENT_COLUMNS):
        made = parse_event(row)
        yield row["event_id"] or f"line {line}", f"line {line}: {made}" if isinstance(made, str) else made


def _quakeml(path: Path) -> Iterator[tuple[str, Event | str]]:
    from obspy import read_events as read

    try:
        catalogue = read(str(path))
    except Exception as error:  # ObsPy raises whatever its plugin does
        raise ZooError(f"{path} is not QuakeML that ObsPy can read ({error}).") from error
    for event in catalogue:
        name = event.resource_id.id
        origin = event.preferred_origin() or (event.origins[0] if event.origins else None)
        magnitude = event.preferred_magnitude() or (event.magnitudes[0] if event.magnitudes else None)
        if origin is None or None in (origin.time, origin.latitude, origin.longitude):
            yield name, "it has no origin with time, latitude and longitude"
            continue
        made = Event(
            event_id=name,
            event_type=event.event_type or "",
            origin_time=origin.time,
            latitude_deg=float(origin.latitude),
            longitude_deg=float(origin.longitude),
            depth_km=math.nan if origin.depth is None else origin.depth / 1e3,
            magnitude=math.nan if magnitude is None else float(magnitude.mag),
            magnitude_type=(magnitude.magnitude_type or "") if magnitude else "",
        )
        yield name, made if made.category else _no_category(made.event_type)


def _text(row: dict[str, str], key: str) -> str:
    if not row[key]:
        raise ValueError(f"{key} is empty")
    return row[key]


def _number(row: dict[str, str], key: str) -> float:
    text = row.get(key, "")
    try:
        return float(text) if text and text.lower() not in ("none", "nan") else math.nan
    except ValueError:
        raise ValueError(f"{key} is {text!r}, not a number") from None


def _degrees(row: dict[str, str], key: str, largest: float) -> float:
    value = _number(row, key)
    if not abs(value) <= largest:
        raise ValueError(f"{key} is {row[key]!r}, not within {largest:g} degrees")
    return value


def _time(text: str) -> UTCDateTime:
    from obspy import UTCDateTime

    try:
        if not re.match(r"\d{4}-?\d\d", text):  # ObsPy takes a bare number for seconds since 1970
            raise ValueError(text)
        return UTCDateTime(text)
    except (ValueError, TypeError):
        raise ValueError(f"origin_time is {text!r}, not like 2018-02-13T23:04:46.08") from None
