"""Catalogues as location programs write them, in fixed columns of which no header tells: read by what each line is.

hypoinverse (.sum, .arc), HYPO71, VELEST (.CNV), hypoDD's phases (#), JMA's hypocentres, Nordic, NonLinLoc. A format is
taken if nearly every line that could be an event is one; the others' lines have to be its phases or comments.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from zoo.errors import ZooError
from zoo.seismicity.catalogues.asked import Asked
from zoo.seismicity.catalogues.coordinates import open_ocean, point
from zoo.seismicity.catalogues.fixed import Row, number
from zoo.seismicity.catalogues.jma import in_japan, jma_row
from zoo.seismicity.catalogues.magnitudes import without_unknown
from zoo.seismicity.catalogues.parts import from_numbers

_NAN = float("nan")


@dataclass(frozen=True)
class Program:
    """A format of a program: how its lines of events look and are read."""

    name: str
    event: re.Pattern
    read: Callable[[re.Match], Row | None]
    other: re.Pattern
    """what its other lines look like"""
    note: str = ""


def _y2000(found: re.Match) -> Row:
    line = found[0].ljust(165)
    latitude = number(line[16:18]) + number(line[19:23].replace(" ", "0"), 0.01) / 60
    longitude = number(line[23:26]) + number(line[27:31].replace(" ", "0"), 0.01) / 60
    latitude *= -1 if line[18] in "Ss" else 1
    longitude *= 1 if line[26] in "Ee" else -1  # blank is west
    magnitude = next((m for m in (number(line[at : at + 3], 0.01) for at in (147, 70, 36)) if m == m and m != 0), _NAN)
    moment = (number(line[:4]), *(number(line[at : at + 2]) for at in (4, 6, 8, 10)), number(line[12:16], 0.01))
    return (*moment, longitude, latitude, number(line[31:36], 0.01), magnitude)


def _degrees_minutes(found: re.Match, axis: str, other: str) -> float:
    value = float(found[f"{axis}d"]) + float(found[f"{axis}m"].replace(" ", "0")) / 60
    return -value if (found[f"{axis}h"] or "").upper() == other else value


def _hypo71(found: re.Match) -> Row:
    date, clock = found["date"].replace(" ", "0"), found["clock"].replace(" ", "0").zfill(4)
    moment = (float(date[:-4]), float(date[-4:-2]), float(date[-2:]), float(clock[:2]), float(clock[2:]))
    return (
        *moment, float(found["sec"]), _degrees_minutes(found, "lon", "W"), _degrees_minutes(found, "lat", "S"),
        float(found["depth"]), number(found["mag"]),
    )  # fmt: skip


def _velest(found: re.Match) -> Row:
    date, clock = found["date"].replace(" ", "0"), found["clock"].replace(" ", "0")
    latitude = float(found["lat"]) * (-1 if found["ns"] == "S" else 1)
    longitude = float(found["lon"]) * (-1 if found["ew"] == "W" else 1)
    moment = (float(date[:-4]), float(date[-4:-2]), float(date[-2:]), float(clock[:2]), float(clock[2:]))
    return (*moment, float(found["sec"]), longitude, latitude, float(found["depth"]), number(found["mag"]))


def _hypodd(found: re.Match) -> Row:
    values = [float(text) for text in found[0].lstrip("# ").split()]
    return (*values[:6], values[7], values[6], values[8], values[9])


def _nordic(found: re.Match) -> Row:
    line = found[0].ljust(80)
    second = number(line[16:20])
    magnitude = next((m for m in (number(line[at : at + 4]) for at in (55, 63, 71)) if m == m), _NAN)
    moment = (
        number(line[1:5]),
        *(number(line[at : at + 2]) for at in (6, 8, 11, 13)),
        second if second == second else 0.0,
    )
    return (*moment, number(line[30:38]), number(line[23:30]), number(line[38:43]), magnitude)


def _nonlinloc(found: re.Match) -> Row:
    moment = tuple(float(found[name]) for name in ("y", "mo", "d", "h", "mi", "s"))
    return (*moment, float(found["lon"]), float(found["lat"]), float(found["depth"]), _NAN)


def _old_hypoinverse(found: re.Match) -> Row:
    line = found[0].ljust(80)
    latitude = number(line[14:16]) + number(line[17:21].replace(" ", "0"), 0.01) / 60
    longitude = number(line[21:24]) + number(line[25:29].replace(" ", "0"), 0.01) / 60
    latitude *= -1 if line[16] in "Ss" else 1
    longitude *= 1 if line[24] in "Ee" else -1
    magnitude = next((m for m in (number(line[at : at + 2], 0.1) for at in (67, 34)) if m == m and m != 0), _NAN)
    moment = (*(number(line[at : at + 2]) for at in (0, 2, 4, 6, 8)), number(line[10:14], 0.01))
    return (*moment, longitude, latitude, number(line[29:34], 0.01), magnitude)


_D2, _REAL = r"[ \d]\d", r"-?\d*\.\d*"
_PHASE71 = re.compile(r"\s*$|\s*[A-Z$\d].*")
PROGRAMS = (
    Program(
        "hypoDD's phases", re.compile(r"#\s+\d{4}(?:\s+\d{1,2}){4}\s+\d+\.?\d*(?:\s+-?\d+\.?\d*){4,9}\s*$"),
        _hypodd, re.compile(r"\s*\w+\s+-?[\d.]+\s+-?[\d.]+\s+\w+\s*$"),
    ),
    Program(
        "JMA's hypocentres", re.compile(r"[JUI]\d{12}[ \d]{4}.{4}[- \d]{7}.{4}[- \d]{8}.{4}[- \d]{5}.*"),
        jma_row, re.compile(r"[A-Z_].*"),
    ),
    Program(
        "hypoinverse's summary",
        re.compile(r"(?:1[89]|20)\d\d[ \d]{12}[ \d]\d[ NSns][ \d]{4}[ \d]{2}\d[ EWew][ \d]{4}[- \d]{4}\d.*"),
        _y2000, re.compile(r"\s*\d*\s*$|\$.*|[A-Za-z].*"),
        "hypoinverse's longitudes are west unless they say E",
    ),
    Program(
        "hypoinverse's summary of before 2000",
        re.compile(
            r"\d\d(?:0\d|1[0-2]| \d)[ \d]\d[ \d]\d[ \d]\d[ \d]{4}[ \d]\d[ NSns][ \d]{4}[ \d]{2}\d[ EWew]"
            r"[ \d]{4}[ \d]{4}\d.*"
        ),
        _old_hypoinverse, re.compile(r"\s*\d*\s*$|\$.*|[A-Za-z].*"),
        "hypoinverse's longitudes are west unless they say E",
    ),
    Program(
        "VELEST's .CNV",
        re.compile(
            rf"\s?(?P<date>\d\d{_D2}{_D2}|\d{{4}}{_D2}{_D2})\s(?P<clock>{_D2}{_D2})\s*(?P<sec>\d{{1,2}}\.\d+)\s+"
            rf"(?P<lat>\d{{1,2}}\.\d+)(?P<ns>[NS])\s*(?P<lon>\d{{1,3}}\.\d+)(?P<ew>[EW])\s*(?P<depth>{_REAL})\s*(?P<mag>{_REAL})?.*"
        ),
        _velest, re.compile(r"\s*\d*\s*$|[A-Za-z\d ].*"),
    ),
    Program(
        "HYPO71's summary",
        re.compile(
            rf"\s?[1]?\s?(?P<date>(?:\d{{4}}|[ \d]\d){_D2}{_D2})\s(?P<clock>{_D2}{_D2}|\d{{1,4}})\s+"
            r"(?P<sec>\d{1,2}\.\d+)\s+(?P<latd>\d{1,2})(?P<lath>[-NS ])\s*(?P<latm>\d{1,2}\.\d+)\s+"
            r"(?P<lond>\d{1,3})(?P<lonh>[-EW ])\s*(?P<lonm>\d{1,2}\.\d+)"
            rf"\s+(?P<depth>{_REAL})\*?(?:\s+(?P<mag>{_REAL}))?(?:\s.*)?"
        ),
        _hypo71, re.compile(r"\s*$|.*[A-Za-z]{2}.*"),
    ),
    Program(
        "Nordic", re.compile(r" (?:1[0-9]|20)\d\d [ \d]\d[ \d]\d.[ \d]\d[ \d]\d.[ \d.]{4}.[LRD ].{57}1\s*"),
        _nordic, re.compile(r"\s*$|.{79}[\d A-Z]\s*|\s?[A-Z].*"),
    ),
    Program(
        "NonLinLoc's .hyp",
        re.compile(
            r"GEOGRAPHIC\s+OT\s+(?P<y>\d{4})\s+(?P<mo>\d+)\s+(?P<d>\d+)\s+(?P<h>\d+)\s+(?P<mi>\d+)\s+(?P<s>[\d.]+)\s+"
            r"Lat\s+(?P<lat>[-\d.]+)\s+Long\s+(?P<lon>[-\d.]+)\s+Depth\s+(?P<depth>[-\d.]+).*"
        ),
        _nonlinloc, re.compile(r".*"),
    ),
)  # fmt: skip


def program_of(lines: Iterable[str]) -> Program | None:
    """Return the program that wrote lines (those at the top of a file), None for none of `PROGRAMS`."""
    lines = [line.rstrip("\r\n") for line in lines]
    filled = [line for line in lines if line.strip()]
    for program in PROGRAMS:
        events = sum(bool(program.event.fullmatch(line)) for line in filled)
        others = [line for line in filled if not program.event.fullmatch(line)]
        strange = sum(not program.other.fullmatch(line) for line in others)
        # The first line that is no heading has to be an event, except in NonLinLoc's blocks.
        first = next((n for n, line in enumerate(filled) if program.event.fullmatch(line)), len(filled))
        headed = first <= (40 if "NonLinLoc" in program.name or program.name == "Nordic" else 8)
        if events and headed and strange <= 0.05 * len(filled):
            if "NonLinLoc" in program.name and not any(line.startswith(("NLLOC", "HYPOCENTER")) for line in filled):
                continue
            return program
    return None


def _same_event(row: Row, other: Row) -> bool:
    """Return whether two locations are of one event: within two minutes."""
    minutes = [60 * (24 * (31 * (12 * r[0] + r[1]) + r[2]) + r[3]) + r[4] for r in (row, other)]
    return abs(minutes[0] - minutes[1]) <= 2


def read_program(path: Path, encoding: str, program: Program, asked: Asked) -> tuple[dict[str, np.ndarray], list[str]]:
    """Read the events of a file that a program wrote.

    Returns:
        Columns (rows,) as `zoo.seismicity.catalogues.from_columns` takes them; notes.

    Raises:
        ZooError: if the hemisphere of the places remains open.
    """
    rows, heads, new = [], [], True
    with open(path, encoding=encoding, errors="replace") as file:
        for line in file:
            line = line.rstrip("\r\n")
            found = program.event.fullmatch(line)
            if program.name == "Nordic" and found and rows and not new and _same_event(program.read(found), rows[-1]):
                found = None  # a block of lines is an event, whatever number of agencies located it
            new = not line.strip()
            if found:
                rows.append(program.read(found))
            elif len(heads) < 5 and not rows:
                heads.append(line)
    notes = [f"the file was read as {program.name}", *filter(None, [program.note])]
    columns = np.array(rows, float).T
    names = ("year", "month", "day", "hour", "minute", "second")
    asked.where = str(path)
    time = from_numbers(dict(zip(names, columns[:6], strict=True)), asked)
    notes += asked.notes
    longitude, latitude, depth, magnitude = columns[6:]
    if "HYPO71" in program.name:
        longitude, latitude = _sides(path, heads, rows, longitude, latitude, program, notes)
    if "JMA" in program.name:
        in_japan(path, longitude, latitude)
    found = {"time": time, "longitude_deg": longitude, "latitude_deg": latitude, "depth_km": depth}
    magnitude = without_unknown(magnitude, notes)
    if np.isfinite(magnitude).any():
        found["magnitude"] = magnitude
    else:
        notes.append("the file holds no magnitudes")
    return found, notes


def _sides(
    path: Path,
    heads: list[str],
    rows: list[Row],
    longitude: np.ndarray,
    latitude: np.ndarray,
    program: Program,
    notes: list[str],
) -> tuple[np.ndarray, np.ndarray]:
    """Return longitudes and latitudes with the signs that heading or letters say; HYPO71's own are north and west."""
    head = " ".join(heads).upper()
    with open(path, encoding="latin-1") as file:
        letters = next((m for line in file if (m := program.event.fullmatch(line.rstrip("\r\n")))), None)
    if letters and letters["lonh"] in "EW" and letters["lath"] in "NS":
        return longitude, latitude
    south = "LAT S" in head
    x, y = float(np.nanmedian(longitude)), float(np.nanmedian(latitude))
    if "LONG E" in head or "LON E" in head or letters and letters["lonh"] == "E":
        return longitude, -latitude if south else latitude
    said = (-1 if "LONG W" in head or "LON W" in head else 0, -1 if south else 1)
    if not said[0] and not open_ocean(-x, said[1] * y) and open_ocean(x, said[1] * y):
        said = (-1, said[1])
    sides = [(-1, 1), (1, 1), (-1, -1), (1, -1)]
    fair = [side for side in sides if not open_ocean(side[0] * x, side[1] * y)]
    if said in fair:
        chosen, why = said, "as the heading says"
    elif (-(said[0] or -1), said[1]) in fair:
        chosen = (-(said[0] or -1), said[1])
        why = f"because {point(said[1] * y, -chosen[0] * x)} is open ocean (HYPO71 prints LONG W everywhere)"
    elif len(fair) == 1:
        chosen, why = fair[0], "because elsewhere they would lie in an open ocean (HYPO71's heading is always N and W)"
    else:
        places = " or ".join(point(side[1] * y, side[0] * x) for side in fair or sides)
        raise ZooError(
            f"{path} has the columns of HYPO71, and nothing settles whether its places are near {places}. Add HYPO71's "
            "heading with LAT N or LAT S, LONG E or LONG W above the events."
        )
    place = point(chosen[1] * y, chosen[0] * x)
    notes.append(f"places were taken as near {place}, {why}")
    return chosen[0] * longitude, chosen[1] * latitude
