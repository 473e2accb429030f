"""Tables of text with names of columns that people choose: which column is what, numbers and times out of it."""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from zoo.errors import ZooError


def read_text(path: str | os.PathLike, what: str) -> str:
    """Return the text of a file; `what` names its role in the error."""
    try:
        return Path(path).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ZooError(f"{what}: {path} cannot be read as text ({error}).") from error


def read_columns(text: str, where: str) -> dict[str, list[str]]:
    """Return the columns of a table with a header line: commas, semicolons, tabs, bars or blanks between.

    >>> read_columns("Depth (km), vp\\n0, 5.5\\n# a remark\\n10, 6", "layers")
    {'Depth (km)': ['0', '10'], 'vp': ['5.5', '6']}
    """
    lines = [line for number, line in enumerate(text.splitlines()) if line.strip() and (number == 0 or line[0] != "#")]
    if not lines:
        raise ZooError(f"{where} is empty; expected a header line and rows.")
    lines[0] = lines[0].lstrip("# ")
    separator = next((mark for mark in (",", ";", "\t", "|") if mark in lines[0]), None)
    if separator:
        rows = [[cell.strip() for cell in row] for row in csv.reader(lines, delimiter=separator)]
    else:
        rows = [line.split() for line in lines]
    names = rows[0]
    for number, row in enumerate(rows[1:], start=2):
        if len(row) != len(names):
            raise ZooError(f"{where}, row {number}: {len(row)} values under {len(names)} names ({', '.join(names)}).")
    return {name: [row[i] for row in rows[1:]] for i, name in enumerate(names)}


def plain(name: str) -> str:
    """Return a column's name as it is compared: small letters, words joined by one low line.

    >>> plain("Depth (km)"), plain("vp[km/s]"), plain("StationID")
    ('depth_km', 'vp_km_s', 'station_id')
    """
    name = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name.strip())
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")


def named(columns: Mapping[str, Sequence[str]], pattern: str) -> str | None:
    """Return the first column whose plain name matches the whole of a regular expression."""
    return next((name for name in columns if re.fullmatch(pattern, plain(name))), None)


def needed(columns: Mapping[str, Sequence[str]], pattern: str, what: str, where: str) -> str:
    """Return the column that matches, or say that there is none."""
    found = named(columns, pattern)
    if found is None:
        raise ZooError(f"{where} has no column for {what}. It has: {', '.join(columns)}. Rename the one that is meant.")
    return found


def numbers(texts: Sequence[str], name: str, where: str, empty: float | None = None) -> np.ndarray:
    """Return texts as numbers (n,); `empty` is what an empty cell becomes, an error where it is None."""
    values = np.empty(len(texts))
    for i, text in enumerate(texts):
        blank = text.strip().lower() in ("", "nan", "none", "null", "-")
        try:
            values[i] = empty if blank and empty is not None else float(text)
        except ValueError as error:
            raise ZooError(f"{where}, column {name}, row {i + 2}: {text!r}; expected a number.") from error
    return values


def parse_times(texts: Sequence[str], where: str) -> tuple[np.ndarray, list[str]]:
    """Return times as seconds since 1970 UTC (n,), and notes.

    >>> parse_times(["1970-01-01 00:01:00", "1970-01-01T01:00:00+01", "2.5"], "times")[0].tolist()
    [60.0, 0.0, 2.5]
    """
    made = np.empty(len(texts))
    bare = 0
    for i, text in enumerate(texts):
        text = text.strip()
        zone = re.search(r"[T ].*?([+-]\d\d)(?::?(\d\d))?$", text)
        shift_s = 0.0
        if zone:
            shift_s = int(zone[1]) * 3600.0 + (-60.0 if zone[1][0] == "-" else 60.0) * int(zone[2] or 0)
        elif ":" in text and text[-1:] not in "zZ":
            bare += 1
        try:
            if "-" not in text[1:] and ":" not in text:
                made[i] = float(text)
                continue
            clean = (text[: zone.start(1)] if zone else text).rstrip("zZ").strip().replace(" ", "T").replace("/", "-")
            if not clean[:4].isdigit() or clean[4:5] != "-" or not 1700 < int(clean[:4]) < 2200:
                raise ValueError("year")  # nanoseconds would overflow
            if not clean[-1].isdigit() and clean[-1] != ".":
                raise ValueError("zone")  # like CEST
            made[i] = np.datetime64(clean, "ns").astype(np.int64) / 1e9 - shift_s
        except ValueError as error:
            raise ZooError(
                f"{where}, row {i + 2}: {text!r} is no time; expected 2016-10-14T00:00:09.12Z, or seconds since 1970."
            ) from error
    return made, [f"{where}: times without a zone are taken as UTC"] if bare else []
