"""Which column of a catalogue holds what: by common names, by what the user says, by what stands in the rows.

A column is called by what it holds (`ROLES`); `Layout.column` says where each stands and `Layout.unit` in what unit
lengths are, where a name says so.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

from zoo.errors import UsageError, ZooError, did_you_mean
from zoo.seismicity.catalogues.times import looks_like_date, looks_like_moment, looks_like_time_of_day

_LENGTHS = ("x", "y", "depth")
# Patterns of names after `_plain`, without a unit at the end, in the order in which they are looked for.
_NAMES = {
    "year": r"year|yr|yyyy",
    "month": r"month|mo|mon|mm",
    "day": r"day|dy|dd",
    "hour": r"hour|hours|hr|hh|h",
    "minute": r"minute|minutes|min|mi|mn",
    "second": r"second|seconds|sec|secs|sc|ss|s",
    "date": r"date|origin_?date|y+_mm_dd|ymd",
    "time": r"time|date_?time|origin_?time|event_?time|time_utc|utc|utc_?time|timestamp|ot|hh_mm_ss(_ff)?",
    "longitude": r"lon|long|longitude|lon_?deg|longitude_?deg(rees)?|evlo|event_longitude|source_longitude(_deg)?",
    "latitude": r"lat|latitude|lat_?deg|latitude_?deg(rees)?|evla|event_latitude|source_latitude(_deg)?",
    "x": r"x|east|easting|utm_?x|utm_?e(asting)?|x_?utm",
    "y": r"y|north|northing|utm_?y|utm_?n(orthing)?|y_?utm",
    "depth": r"depth|dep|z|tvd|evdp|event_depth|source_depth",
    "magnitude": r"mag|magnitude|mw|ml|prefmag|preferred_magnitude|m|source_magnitude|mwg|mag_?value|mlv|md|ms|mb",
    "type": r"type|event_?type|et|evtype",
}
ROLES = tuple(_NAMES)
_TIME_PARTS = ("year", "month", "day", "hour", "minute", "second")
_TIME_LIMITS = ((1500, 2200), (1, 12), (1, 31), (0, 24), (0, 60), (0, 61))
"""From and to which numbers columns without a header may be taken for year, month, day, hour, minute and second."""


def _plain(name: str) -> str:
    """Return a name in lower case, with `_` for everything but letters and digits."""
    return re.sub(r"[^a-z0-9]+", "_", name.strip().lower()).strip("_")


def _unit(plain: str) -> tuple[str, str]:
    """Return a plain name without its unit, and the unit of length at its end: "m", "km", "ft" or "" for none."""
    found = re.fullmatch(r"(.+?)_?(?:in_)?(km|kilomet(?:er|re)s?|ft|feet|m|met(?:er|re)s?)", plain)
    if not found or (found[2] == "m" and not plain.endswith("_m")):
        return plain, ""
    return found[1], {"k": "km", "f": "ft", "m": "m"}[found[2][0]]


@dataclass
class Layout:
    """Which column holds what."""

    column: dict[str, int]
    """role -> number of the column, from 0"""
    unit: dict[str, str] = field(default_factory=dict)
    """role -> "m", "km" or "ft", for x, y and depth where the name says so"""
    notes: list[str] = field(default_factory=list)

    @property
    def geographic(self) -> bool:
        """Whether places are given in degrees."""
        return "longitude" in self.column

    def check(self, where: str, names: Sequence[str]) -> Layout:
        """Return the layout; where it has both degrees and metric coordinates, with degrees only.

        Raises:
            ZooError: if it has no time or no place.
        """
        has = set(self.column)
        missing = []
        if not ({"time"} <= has or {"date"} <= has or {"year", "month", "day"} <= has):
            missing.append("a time (time, or date and time, or year, month, day, hour, minute, second)")
        if not ({"longitude", "latitude"} <= has or {"x", "y"} <= has):
            missing.append("a place (longitude and latitude, or x and y)")
        if missing:
            listed = f"the columns {', '.join(names)}" if names else "no header"
            raise ZooError(
                f"{where} has {listed}; {' and '.join(missing)} is missing. Say which columns they are, by name or "
                "by number from 1: --columns time=NAME longitude=NAME latitude=NAME depth=NAME magnitude=NAME."
            )
        for pair in (("longitude", "latitude"), ("x", "y")):
            if len(has & set(pair)) == 1:
                for role in pair:
                    self.column.pop(role, None)
        if self.geographic:
            for role in "xy":
                self.column.pop(role, None)
        return self


def by_name(names: Sequence[str], given: Mapping[str, str | int] | None, where: str) -> Layout:
    """Return the layout that the names in a header tell; what is `given` (role -> name or number) comes first."""
    layout = _given(given, names, len(names), where)
    plain = [_unit(_plain(name)) for name in names]
    explicit = set(layout.column)
    for role, pattern in _NAMES.items():
        if role in layout.column or (role in ("x", "y") and "longitude" in explicit):
            continue
        # Among several magnitudes the one with the most general name counts, otherwise the first.
        fits = [
            (pattern.split("|").index(base) if base in pattern.split("|") else 0, number)
            for number, (base, _) in enumerate(plain)
            if re.fullmatch(pattern, base) and number not in layout.column.values()
        ]
        if fits:
            layout.column[role] = min(fits)[1]
    if "time" in explicit or "date" in explicit:
        for role in ("date", *_TIME_PARTS):
            if role not in explicit:
                layout.column.pop(role, None)
    elif {"year", "month", "day"} <= set(layout.column) and "date" not in layout.column and "time" not in explicit:
        layout.column.pop("time", None)
    for role in _LENGTHS:
        if role in layout.column and role not in layout.unit:
            unit = plain[layout.column[role]][1]
            if unit:
                layout.unit[role] = unit
    if "magnitude" in layout.column:
        layout.notes.append(f"magnitudes from the column {names[layout.column['magnitude']].strip()!r}")
    return layout.check(where, names)


def by_content(rows: Sequence[Sequence[str]], given: Mapping[str, str | int] | None, where: str) -> Layout:
    """Return the layout of a file without a header, by what stands in its first rows; `given` comes first."""
    width = int(median(len(row) for row in rows))
    layout = _given(given, (), width, where)
    if {"longitude", "latitude"} <= set(layout.column) or {"x", "y"} <= set(layout.column):
        return layout.check(where, ())
    columns = [[row[number] for row in rows if len(row) == width] for number in range(width)]
    taken = set(layout.column.values())
    rest = 0 if {"time", "date", "year"} & set(layout.column) else _find_time(columns, layout)
    free = [n for n in range(rest, width) if n not in taken and all(_number(text) is not None for text in columns[n])]
    for at in range(len(free) - 1 if rest else 0):
        pair = free[at : at + 2]
        reach = [max(abs(float(text)) for text in columns[n]) for n in pair]
        whole = all(text.strip("+-").isdigit() for n in pair for text in columns[n])  # a number that names the event
        if max(reach) <= 360 and min(reach) <= 90 and not whole:
            layout.column["latitude"], layout.column["longitude"] = pair[::-1] if reach[0] > 90 else pair
            for role, number in zip(("depth", "magnitude"), free[at + 2 :], strict=False):
                layout.column.setdefault(role, number)
            order = [role for role, _ in sorted(layout.column.items(), key=lambda item: item[1])]
            layout.notes.append(f"no header: the columns were taken for {', '.join(order)} (or say --columns)")
            break
    return layout.check(f"{where} (first row: {' '.join(rows[0])})", ())


def _find_time(columns: Sequence[Sequence[str]], layout: Layout) -> int:
    """Enter the columns of the time in a layout, and return the column after them; 0 if there are none."""
    for number, column in enumerate(columns):
        if all(map(looks_like_moment, column)):
            layout.column["time"] = number
            return number + 1
        if all(map(looks_like_date, column)):
            layout.column["date"] = number
            if number + 1 < len(columns) and all(map(looks_like_time_of_day, columns[number + 1])):
                layout.column["time"] = number + 1
                return number + 2
            return number + 1
    values = [[_number(text) for text in column] for column in columns[: len(_TIME_PARTS)]]
    if len(values) == len(_TIME_PARTS) and all(
        all(v is not None and low <= v <= high for v in column)
        for column, (low, high) in zip(values, _TIME_LIMITS, strict=True)
    ):
        layout.column |= {role: number for number, role in enumerate(_TIME_PARTS)}
        return len(_TIME_PARTS)
    return 0


def _given(given: Mapping[str, str | int] | None, names: Sequence[str], width: int, where: str) -> Layout:
    """Return the layout that `--columns` says."""
    layout = Layout({})
    for key, value in (given or {}).items():
        plain, unit = _unit(_plain(key))
        role = next((role for role, pattern in _NAMES.items() if plain == role or re.fullmatch(pattern, plain)), None)
        if role is None:
            raise UsageError(f"--columns: {key!r} is not something that a catalogue holds.{did_you_mean(key, ROLES)}")
        if role in _LENGTHS and unit:
            layout.unit[role] = unit
        wanted = str(value).strip()
        same = [n for n, name in enumerate(names) if name.strip().lower() == wanted.lower()]
        same = same or [n for n, name in enumerate(names) if _plain(name) == _plain(wanted)]
        if same:
            layout.column[role] = same[0]
        elif wanted.isdigit() and 1 <= int(wanted) <= width:
            layout.column[role] = int(wanted) - 1
        else:
            known = did_you_mean(wanted, names) if names else f" It has {width} columns and no header: give a number."
            raise UsageError(f"--columns {key}={wanted}: {where} has no such column.{known}")
    return layout


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
