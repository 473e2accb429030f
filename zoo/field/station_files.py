"""Files of stations: inventories, tables with and without a header, Hypoinverse's and NonLinLoc's; epochs of each."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from zoo.errors import ZooError
from zoo.field.nonlinloc import is_control_file, read_sources
from zoo.field.picks import PickTable
from zoo.field.stations import Stations
from zoo.field.text_tables import named, needed, numbers, parse_times, plain, read_columns, read_text

_SAME_PLACE_DEG = 0.001  # about 100 m: rows of one station that are no farther apart are its channels
_SAME_HEIGHT_M = 100.0
_NO_HEIGHT_M = -999.0, -9999.0, 9999.0, -99999.0, 99999.0  # what tables write for "not known"
_BURIED_M = 20.0  # sensors of one station whose depths differ by more are worth a note
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")
_HYPOINVERSE = re.compile(
    r"(?P<sta>[A-Z0-9]{1,5}) +(?P<net>[A-Z0-9]{2}) +\S? ?\w{3}.{1,3}?(?P<lat>\d{1,2}) +(?P<lat_min>\d{1,2}\.\d+)"
    r"(?P<ns>[NS ]?) *(?P<lon>\d{1,3}) +(?P<lon_min>\d{1,2}\.\d+)(?P<ew>[EW ]?) *(?P<height>-?\d+)\b"
)


@dataclass(frozen=True)
class Row:
    """One place of a station, and when it was there."""

    code: str
    longitude_deg: float
    latitude_deg: float
    elevation_m: float
    start_s: float = -np.inf
    """since 1970 UTC"""
    end_s: float = np.inf

    def near(self, other: Row) -> bool:
        """Return whether two rows are at one place, as two channels of a station are.

        >>> Row("A", 180.0, 60.0, 0.0).near(Row("A", -179.9995, 60.0, 10.0))
        True
        """
        east = abs((self.longitude_deg - other.longitude_deg + 180) % 360 - 180) * np.cos(np.radians(self.latitude_deg))
        apart = max(east, abs(self.latitude_deg - other.latitude_deg))
        return apart < _SAME_PLACE_DEG and abs(self.elevation_m - other.elevation_m) < _SAME_HEIGHT_M


def read_rows(path: Path) -> tuple[list[Row], list[str]]:
    """Return the rows of a file of stations, whichever kind it is, and notes.

    >>> _ = Path("station.dat").write_text("AAA 42.5 13.2 1200\\nBBB -42.5 -13.2 0\\n")
    >>> rows, notes = read_rows(Path("station.dat"))
    >>> rows[0].latitude_deg, notes
    (42.5, ['station.dat has no header line: its columns are taken as station, latitude, longitude, elevation in m'])
    """
    where, text = path.name, read_text(path, "Stations")
    start = text.lstrip()[:200]
    if start.startswith("<") or start.lower().startswith("#network"):
        return _inventory(path, where)
    if is_control_file(text):
        rows, notes = read_sources(path)
        return [Row(*row) for row in rows], notes
    lines = [line for line in text.splitlines() if line.strip() and line[0] not in "#*"]
    if lines and _HYPOINVERSE.match(lines[0]):
        return _hypoinverse(lines, where)
    if lines and sum(bool(_NUMBER.fullmatch(word)) for word in re.split(r"[\s,;|]+", lines[0].strip())) >= 2:
        return _without_header(lines, where)
    return _table(text, where)


def one_place_each(rows: Sequence[Row], notes: list[str], where: str, picks: PickTable | None) -> Stations:
    """Return each station once, at the place where it was when its picks were made.

    Raises:
        ZooError: a station has several places, and neither epochs nor picks say which one counts.
    """
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(row.code, []).append(row)
    notes = list(notes)
    times = {} if picks is None else _times(groups, picks)
    used = {code: group for code, group in groups.items() if picks is None or code in times} or groups
    if len(used) < len(groups):
        notes.append(f"{where}: {len(groups) - len(used)} of {len(groups)} stations have no picks and are left out")
    chosen, moved = [], []
    for code, group in used.items():
        places = [row for i, row in enumerate(group) if not any(row.near(other) for other in group[:i])]
        if len(places) == 1:
            chosen.append(group[-1])
            continue
        # Of picks that are all of unknown stations, or none, no place matters.
        chosen.append(_of_its_time(code, group, times.get(code), where) if picks is None or times else group[-1])
        moved.append(code)
    if moved:
        names = ", ".join(sorted(moved)[:5])
        notes.append(f"{where}: {len(moved)} stations were moved ({names}); the place at the time of the picks is used")
    columns = zip(*((r.code, r.longitude_deg, r.latitude_deg, r.elevation_m) for r in chosen), strict=True)
    codes, longitude, latitude, elevation = columns
    return Stations(tuple(codes), np.array(longitude), np.array(latitude), np.array(elevation), tuple(notes))


def _times(groups: dict[str, list[Row]], picks: PickTable) -> dict[str, tuple[float, float]]:
    """Return the times of the first and last pick of each station that has any."""
    codes = tuple(groups)
    zeros = np.zeros(len(codes))
    index = Stations(codes, zeros, zeros, zeros).index(picks.station)
    return {codes[i]: tuple(picks.time_s[index == i][[0, -1]]) for i in np.unique(index[index >= 0])}


def _of_its_time(code: str, group: Sequence[Row], span: tuple[float, float] | None, where: str) -> Row:
    """Return the row whose epoch covers all picks of a station with several places."""
    first, second = group[0], next(row for row in group if not row.near(group[0]))
    places = (
        f"{where}: station {code} stands at several places (latitude {first.latitude_deg:g}, longitude "
        f"{first.longitude_deg:g}, {first.elevation_m:g} m, and {second.latitude_deg:g}, {second.longitude_deg:g}, "
        f"{second.elevation_m:g} m)"
    )
    if not any(np.isfinite(row.start_s) or np.isfinite(row.end_s) for row in group):
        raise ZooError(f"{places} without times. Leave one, or add columns start and end.")
    if span is None:
        raise ZooError(f"{places} at different times. Give the picks too (read_stations(path, picks)), or leave one.")
    covering = [row for row in group if row.start_s <= span[0] and span[1] <= row.end_s]
    if not covering or not all(row.near(covering[0]) for row in covering):
        begins, ends = (f"{np.datetime64(int(t), 's')}Z" for t in span)
        what = "several epochs cover" if covering else "no epoch covers all of"
        raise ZooError(
            f"{places}, and {what} its picks from {begins} to {ends}. Split the picks where it was moved, or leave one "
            "place."
        )
    return covering[-1]


def _inventory(path: Path, where: str) -> tuple[list[Row], list[str]]:
    from obspy import read_inventory

    try:
        inventory = read_inventory(str(path))
    except Exception as error:  # ObsPy raises whatever its readers meet
        raise ZooError(f"{where} is no inventory that ObsPy reads ({type(error).__name__}: {error}).") from error
    rows, buried = [], []
    for network in inventory:
        for station in network:
            code = f"{network.code}.{station.code}"
            depths = [channel.depth or 0.0 for channel in station.channels] or [0.0]
            if max(depths) - min(depths) > _BURIED_M:
                buried.append(code)
            when = (date.timestamp if date else None for date in (station.start_date, station.end_date))
            start, end = when
            rows.append(
                Row(code, float(station.longitude), float(station.latitude), float(station.elevation) - min(depths),
                    -np.inf if start is None else start, np.inf if end is None else end)
            )  # fmt: skip
    names = sorted(set(buried))
    note = (
        f"{where}: {len(names)} stations have sensors at several depths ({', '.join(names[:5])}); the upper one is used"
    )
    return rows, [note] if names else []


def _table(text: str, where: str) -> tuple[list[Row], list[str]]:
    columns = read_columns(text, where)
    code = (  # "id" is a station in some tables, and the number of the row in others
        named(columns, r"station_id|trace_id|seed_id")
        or named(columns, r"sta|stn|station|station_?code|code|station_name")
        or needed(columns, r"id|name", "the station", where)
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
    notes = []
    if not plain(height).endswith("m") and np.ptp(elevation) > 0 and np.abs(elevation).max() < 9 and (
        elevation != np.round(elevation)).any():  # fmt: skip
        notes.append(f"{where}: {height} is taken as m, and is at most {np.abs(elevation).max():g}: name it "
                     f"elevation_km if these are km")  # fmt: skip
    missing = np.isin(elevation, _NO_HEIGHT_M)
    if missing.any():
        i = int(np.argmax(missing))
        raise ZooError(
            f"{where}, column {height}, row {i + 2}: {elevation[i]:g}, which usually means that nobody knows it; "
            "expected metres above sea level. Fill it in, or leave the station out."
        )
    codes = [".".join(text.split(".")[:2]) for text in columns[code]]
    if network is not None and not any("." in text for text in codes):
        codes = [f"{net}.{text}" if net else text for net, text in zip(columns[network], codes, strict=True)]
    repeated = len(codes) - len(set(codes))
    if repeated and not named(columns, r"cha|chan|channel(_?code)?|loc|location(_?code)?|component|start.*|on.*") and (
        max(text.count(".") for text in columns[code]) < 2):  # fmt: skip
        notes.append(f"{where}: {repeated} rows repeat a station")
    rows = [Row(c, float(x), float(y), float(z)) for c, x, y, z in zip(codes, *values, elevation, strict=True)]
    for key, pattern in (("start_s", r"(start|on|begin|starttime|ondate)(_?(date|time))?(_utc)?"),
                         ("end_s", r"(end|off|endtime|offdate)(_?(date|time))?(_utc)?")):  # fmt: skip
        name = named(columns, pattern)
        if name is None:
            continue
        given = [i for i, text in enumerate(columns[name]) if text.strip().lower() not in ("", "nan", "none", "-")]
        times, more = parse_times([columns[name][i] for i in given], f"{where}, column {name}")
        notes += more
        for i, time_s in zip(given, times, strict=True):
            rows[i] = replace(rows[i], **{key: float(time_s)})
    return rows, notes


def _without_header(lines: Sequence[str], where: str) -> tuple[list[Row], list[str]]:
    """Read lines of station, latitude, longitude, elevation in m; the network may stand before the station."""
    rows, has_network = [], False
    for number, line in enumerate(lines, start=1):
        words = [word for word in re.split(r"[\s,;|]+", line.strip()) if word]
        at = next((i for i in range(1, 3) if i < len(words) and _NUMBER.fullmatch(words[i])), 0)
        if not at or len(words) < at + 3 or not all(_NUMBER.fullmatch(word) for word in words[at : at + 3]):
            raise ZooError(
                f"{where}, row {number}: {line.strip()!r}; expected station, latitude, longitude, elevation in m, or a "
                "header line that names the columns."
            )
        has_network |= at == 2
        latitude, longitude, elevation = map(float, words[at : at + 3])
        rows.append(Row(".".join(words[:at]), longitude, latitude, elevation))
    names = ("network, " if has_network else "") + "station, latitude, longitude, elevation in m"
    return rows, [f"{where} has no header line: its columns are taken as {names}"]


def _hypoinverse(lines: Sequence[str], where: str) -> tuple[list[Row], list[str]]:
    rows, without = [], 0
    for number, line in enumerate(lines, start=1):
        match = _HYPOINVERSE.match(line)
        if match is None:
            raise ZooError(f"{where}, row {number}: {line.strip()!r} is no station of Hypoinverse, as those above are.")
        latitude = float(match["lat"]) + float(match["lat_min"]) / 60
        longitude = float(match["lon"]) + float(match["lon_min"]) / 60
        without += not match["ew"].strip()
        rows.append(
            Row(f"{match['net']}.{match['sta']}", longitude if match["ew"] == "E" else -longitude,
                -latitude if match["ns"] == "S" else latitude, float(match["height"]))
        )  # fmt: skip
    note = f"{where}: longitudes without a letter are west, as in Hypoinverse ({without} rows)"
    return rows, [note] if without else []
