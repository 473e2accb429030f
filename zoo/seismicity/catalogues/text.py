"""Columns of text as arrays, for `zoo.seismicity.catalogues`: separator, header and units are found by themselves.

Reads a million rows in seconds.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, islice
from operator import itemgetter
from pathlib import Path
from statistics import median

import numpy as np

from zoo.errors import ZooError
from zoo.seismicity.catalogues.columns import Layout, by_content, by_name
from zoo.seismicity.catalogues.times import from_date_and_clock, from_numbers, moments

_CHUNK = 100_000  # rows that are parsed at a time
_HEAD = 200  # lines at the top that tell separator and header
_KM = {"m": 0.001, "km": 1.0, "ft": 0.0003048}
_DEEPEST_KM = 800.0
"""No earthquake is deeper."""
_METRES = 3000.0
"""Coordinates without a unit that go further than this are metres: no map of one region is as wide in km."""


def read_text(path: Path, columns: Mapping[str, str | int] | None) -> tuple[dict[str, np.ndarray], list[str]]:
    """Read the columns of a text file that a catalogue needs.

    Args:
        path: the file.
        columns: as in `zoo.seismicity.catalogues.read_catalogue`.

    Returns:
        Columns (rows,) as `zoo.seismicity.catalogues.from_columns` takes them, rows in the order of the file; notes.

    Raises:
        ZooError: if it has no rows, no time or no place.
        UsageError: if `columns` names a column that is not there.
    """
    encoding = _encoding(path)
    with open(path, encoding=encoding, errors="replace", newline="") as file:
        head = [line for line in islice(file, _HEAD) if line.strip()]
        if not head:
            raise ZooError(f"{path} holds no rows: expected one for each earthquake.")
        separator = _separator(head)
        top = list(_split(head, separator))
        header = _header(top, columns)
        first = 0 if header is None else header + 1
        # A comment sign at the start of a header is not a column.
        names = [] if header is None else [name.lstrip("#% ") or name for name in top[header]]
        if names and names[0] in "#%":
            names = names[1:]
        body = top[first:]
        if not body:
            raise ZooError(f"{path} has a header and no rows below it: expected one for each earthquake.")
        layout = by_name(names, columns, str(path)) if names else by_content(body, columns, str(path))
        rows = _split(chain(head[first:], file), separator)
        found, cut = _columns(rows, layout, max(layout.column.values()) + 1)
    notes = layout.notes
    if cut:
        notes.append(f"{cut} rows with too few columns set aside")
    return _named(found, layout, notes), notes


def _encoding(path: Path) -> str:
    with open(path, "rb") as file:
        start = file.read(2)
    return "utf-16" if start in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"


def _separator(head: Sequence[str]) -> str | None:
    """Return the separator that most lines have, None for blanks; beside semicolons a comma is a decimal comma."""
    body = head[len(head) // 2 :]
    return next((mark for mark in (";", "\t", "|", ",") if median(line.count(mark) for line in body) >= 2), None)


def _split(lines: Iterator[str] | Sequence[str], separator: str | None) -> Iterator[list[str]]:
    if separator is None:
        return (line.split() for line in lines)
    return csv.reader(lines, delimiter=separator, skipinitialspace=True)


def _header(top: Sequence[Sequence[str]], columns: Mapping[str, str | int] | None) -> int | None:
    """Return which row is the header, None where there is none.

    A header holds no number and has about as many fields as the rows below; title lines above it have fewer.
    """
    width = median(len(row) for row in top)
    for number, row in enumerate(top):
        fields = [field.strip() for field in row if field.strip()]
        numeric = [field for field in fields if re.match(r"[-+]?\.?\d", field)]
        if numeric:
            return None
        if fields and len(fields) >= 0.5 * width and len(row) <= width + 1:
            return number
    return None


def _columns(rows: Iterator[list[str]], layout: Layout, width: int) -> tuple[dict[str, np.ndarray], int]:
    """Return the columns of the layout as arrays, and how many rows were too short."""
    roles = list(layout.column)
    take = itemgetter(*layout.column.values())
    cut, parts = 0, {role: [] for role in ("moment", *roles)}
    while chunk := list(islice(rows, _CHUNK)):
        whole = [take(row) for row in chunk if len(row) >= width]
        cut += sum(0 < len(row) < width for row in chunk)  # blank lines do not count
        if not whole:
            continue
        texts = dict(zip(roles, zip(*whole, strict=True), strict=True))
        parts["moment"].append(_moments(texts))
        for role in roles:
            if role == "type":
                parts[role].append(np.array(texts[role]))
            elif role not in ("time", "date"):
                parts[role].append(_numbers(texts[role]))
    if not parts["moment"]:
        raise ZooError(f"No row has the {width} columns that its layout needs.")
    return {role: np.concatenate(arrays) for role, arrays in parts.items() if arrays}, cut


def _moments(texts: Mapping[str, Sequence[str]]) -> np.ndarray:
    if "date" in texts and "time" in texts:
        return from_date_and_clock(texts["date"], texts["time"])
    if "time" in texts or "date" in texts:
        return moments([text.strip() for text in texts.get("time", texts.get("date"))])
    clock = {
        role: _numbers(texts[role]) for role in ("year", "month", "day", "hour", "minute", "second") if role in texts
    }
    return from_numbers(clock)


def _numbers(texts: Sequence[str]) -> np.ndarray:
    """Return numbers (n,), NaN where a text is not a number."""
    try:
        return np.array(texts, dtype=float)
    except ValueError:
        return np.array([_number(text) for text in texts])


def _number(text: str) -> float:
    text = text.strip()
    try:
        return float(text)
    except ValueError:
        pass
    comma = re.fullmatch(r"[-+]?\d+,\d+", text)  # a decimal comma
    return float(text.replace(",", ".")) if comma else np.nan


def _named(found: dict[str, np.ndarray], layout: Layout, notes: list[str]) -> dict[str, np.ndarray]:
    """Return the columns under the names that a catalogue has, lengths in km."""
    made = {"time": found["moment"]}
    for role in ("magnitude", "type"):
        if role in found:
            made[role] = found[role]
    if layout.geographic:
        made |= {"longitude_deg": found["longitude"], "latitude_deg": found["latitude"]}
        return made | _depth(found, layout, notes)
    units = {role: layout.unit.get(role) for role in "xy"}
    far = np.nanmax(np.abs(np.concatenate([found["x"], found["y"], [0.0]])))
    for role in "xy":
        unit = units[role] or units["y" if role == "x" else "x"]
        if unit is None:
            unit = "m" if far > _METRES else "km"
            if role == "x":
                notes.append(f"x and y state no unit and were taken as {unit} (or say --columns x_km=... or x_m=...)")
        made[f"{role}_km"] = found[role] * _KM[unit]
    if units["x"] and units["y"] and units["x"] != units["y"]:
        notes.append(f"x is in {units['x']} and y in {units['y']}: both were turned into km")
    return made | _depth(found, layout, notes)


def _depth(found: dict[str, np.ndarray], layout: Layout, notes: list[str]) -> dict[str, np.ndarray]:
    """Return the depth in km, by its unit or, without one, by what depths are possible."""
    if "depth" not in found:
        return {}
    unit = layout.unit.get("depth")
    if unit is None:
        metres = np.isfinite(found["depth"]).any() and np.nanpercentile(np.abs(found["depth"]), 90) > _DEEPEST_KM
        unit = "m" if metres else "km"
        if metres:
            notes.append(f"depths go to {np.nanmax(np.abs(found['depth'])):.0f} and were taken as metres")
    return {"depth_km": found["depth"] * _KM[unit]}
