"""Bulletins, in which an event is a block of lines: IMS 1.0 and ISF (ISC, IDC, national agencies), SeisComP's.

Of several origins of an event the one marked #PRIME is taken, otherwise the last, as the ISC orders them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from zoo.errors import ZooError
from zoo.seismicity.catalogues.asked import Asked
from zoo.seismicity.catalogues.times import moments

_EVENT = re.compile(r"event[:\s]+(\S+)", re.IGNORECASE)
_ORIGIN = re.compile(r"(\d{4}/\d\d/\d\d)\s(\d\d:\d\d:\d\d(?:\.\d*)?)(.*)")
_MAGNITUDE = re.compile(r"([A-Za-z]{1,3}[A-Za-z0-9]{0,3})\s*[<>]?\s*(-?\d+\.\d+)(?:\s|$).*")
_PREFERRED = ("mw", "mww", "mwc", "ml", "mlv", "mb", "ms", "md")


def is_ims(lines: Iterable[str]) -> bool:
    """Return whether lines are the top of a bulletin in IMS 1.0 or ISF."""
    lines = list(lines)
    said = any(re.search(r"IMS1\.0|GSE2\.0|BULLETIN", line) for line in lines[:10])
    header = any(re.match(r"\s*Date\s+Time\s+Err\s+RMS\s+Latitude", line, re.IGNORECASE) for line in lines)
    return header and (said or any(_EVENT.match(line) for line in lines))


def _blocks(lines: Iterable[str], start: re.Pattern) -> Iterator[list[str]]:
    block: list[str] | None = None
    for line in lines:
        if start.match(line):
            if block is not None:
                yield block
            block = []
        if block is not None:
            block.append(line.rstrip("\r\n"))
    if block is not None:
        yield block


def read_ims(path: Path, encoding: str) -> tuple[dict[str, np.ndarray], list[str]]:
    """Read the events of a bulletin in IMS 1.0 or ISF.

    Returns:
        Columns (rows,) as `zoo.seismicity.catalogues.from_columns` takes them; notes.

    Raises:
        ZooError: if it holds no event with a place.
    """
    rows, blocks, several, without = [], 0, 0, 0
    with open(path, encoding=encoding, errors="replace") as file:
        for block in _blocks(file, _EVENT):
            blocks += 1
            origins, prime = _origins(block)
            if not origins:
                without += 1
                continue
            several += len(origins) > 1
            chosen = origins[prime if prime is not None and prime < len(origins) else -1]
            rows.append((*chosen[:5], _magnitude_of(block, chosen[6]), chosen[5]))
    if not rows:
        raise ZooError(f"{path} is a bulletin of {blocks} events, none of which has a place.")
    notes = [f"the file was read as a bulletin in IMS 1.0 (ISF): {blocks} events"]
    if without:
        notes.append(f"{without} of {blocks} events have no place and were set aside")
    if several:
        notes.append(f"{several} events have several origins: the one marked #PRIME was taken, or the last")
    date, clock, latitude, longitude, depth, magnitude, kind = zip(*rows, strict=True)
    time = moments([f"{d} {c}" for d, c in zip(date, clock, strict=True)], Asked(where=str(path)))
    found = {"longitude_deg": longitude, "latitude_deg": latitude, "depth_km": depth, "magnitude": magnitude}
    return {"time": time, **{name: np.array(v, float) for name, v in found.items()}, "type": np.array(kind)}, notes


def _origins(block: list[str]) -> tuple[list[tuple], int | None]:
    """Return the origins that have a place, and which of them is marked as prime."""
    found, prime, last_has_place = [], None, False
    for line in block:
        if re.match(r"\s*\(?#PRIME\)?", line) and last_has_place:
            prime = len(found) - 1
        origin = _ORIGIN.match(line)
        if not origin:
            continue
        # Columns of the standard: latitude 37 to 44, longitude 46 to 54, depth 72 to 76, type 116 to 117.
        line = line.ljust(136)
        latitude, longitude, depth = (_number(line[a:b]) for a, b in ((36, 44), (45, 54), (71, 76)))
        last_has_place = latitude == latitude and longitude == longitude
        if last_has_place:
            author = line[118:136].split()
            kind = line[115:117].strip().lower()
            kind = kind if re.fullmatch("[a-z]{2}", kind) else ""
            identity = author[-1] if author else ""
            found.append((origin[1], origin[2], latitude, longitude, depth, kind, identity))
    return found, prime


def _number(text: str) -> float:
    found = re.match(r"\s*(-?\d+(?:\.\d*)?)", text)
    return float(found[1]) if found else float("nan")


def _magnitude_of(block: list[str], origin: str) -> float:
    """Return the magnitude of an event: of those of its origin (or of all) the first of the preferred scales."""
    inside, found = False, []
    for line in block:
        if re.match(r"Magnitude\s+Err", line, re.IGNORECASE):
            inside = True
        elif inside and (not line.strip() or line.startswith("Sta ")):
            inside = False
        elif inside and (read := _MAGNITUDE.match(line)):
            found.append((read[1].lower(), float(read[2]), line.split()[-1]))
    own = [each for each in found if each[2] == origin] or found
    for scale in _PREFERRED:
        for name, value, _ in own:
            if name == scale:
                return value
    return own[0][1] if own else float("nan")


def is_seiscomp(lines: Iterable[str]) -> bool:
    """Return whether lines are the top of a bulletin of SeisComP's scbulletin."""
    text = "\n".join(line.rstrip() for line in lines)
    return bool(re.search(r"^Event:\s*$", text, re.M) and re.search(r"^\s+Public ID\s+\S+", text, re.M))


def read_seiscomp(path: Path, encoding: str) -> tuple[dict[str, np.ndarray], list[str]]:
    """Read the events of bulletins of SeisComP's scbulletin; returns and raises as `read_ims`."""
    rows, blocks = [], 0
    with open(path, encoding=encoding, errors="replace") as file:
        for block in _blocks(file, re.compile(r"Event:\s*$")):
            blocks += 1
            text = "\n".join(block)
            values = {
                name: found[1] if (found := re.search(rf"^\s+{name}\s+(\S+)", text, re.M)) else ""
                for name in ("Date", "Time", "Latitude", "Longitude", "Depth")
            }
            sizes = re.findall(r"^\s+(M[A-Za-z0-9()]*)\s+(-?\d+\.\d+)(.*)$", text, re.M)
            preferred = next((float(m[1]) for m in sizes if "preferred" in m[2]), None)
            if preferred is None:
                preferred = float(sizes[0][1]) if sizes else float("nan")
            place = (_number(values[n]) for n in ("Longitude", "Latitude", "Depth"))
            rows.append((f"{values['Date']} {values['Time']}", *place, preferred))
    time, *columns = zip(*rows, strict=True)
    names = ("longitude_deg", "latitude_deg", "depth_km", "magnitude")
    found = {name: np.array(values, float) for name, values in zip(names, columns, strict=True)}
    return {"time": moments(time, Asked(where=str(path)))} | found, [
        f"the file was read as SeisComP's bulletins: {blocks} events"
    ]
