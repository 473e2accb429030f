"""The fields of trace headers: where they stand by the standard, in the extensions of revision 2, or by a stanza.

A stanza `((SEG:Layout))` (revision 2.1) gives every field a place and a type, and the standard's places then mean
nothing. Numbers come out scaled: coordinates, elevations and times have scalars of their own in the same header.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from xml.etree import ElementTree

import numpy as np


@dataclass(frozen=True)
class Place:
    """Where a field stands: header (0: the standard one), first byte counted from 1, type, and which scalar it has."""

    header: int
    byte: int
    kind: str
    scaled: str = ""
    if_non_zero: bool = False


_FOUR = {
    "record": 9,
    "source_point": 17,
    "offset": 37,
    "receiver_elevation": 41,
    "source_surface": 45,
    "source_depth": 49,
    "receiver_datum": 53,
    "source_datum": 57,
    "source_water": 61,
    "receiver_water": 65,
    "source_x": 73,
    "source_y": 77,
    "receiver_x": 81,
    "receiver_y": 85,
}
_TWO = {
    "identification": 29,
    "elevation_scalar": 69,
    "coordinate_scalar": 71,
    "coordinate_units": 89,
    "static": 103,
    "lag_a": 105,
    "lag_b": 107,
    "delay": 109,
    "interval": 117,
    "correlated": 125,
    "sweep_length": 131,
    "time_scalar": 215,
}
_SCALED = {
    **dict.fromkeys(("source_x", "source_y", "receiver_x", "receiver_y"), "coordinate"),
    **dict.fromkeys(("receiver_elevation", "source_surface", "source_depth"), "elevation"),
    **dict.fromkeys(("receiver_datum", "source_datum", "source_water", "receiver_water"), "elevation"),
    **dict.fromkeys(("static", "lag_a", "lag_b", "delay"), "time"),
}
STANDARD: Mapping[str, tuple[Place, ...]] = {
    **{name: (Place(0, byte, "i4", _SCALED.get(name, "")),) for name, byte in _FOUR.items()},
    **{name: (Place(0, byte, "i2", _SCALED.get(name, "")),) for name, byte in _TWO.items()},
    "samples": (Place(0, 115, "u2"),),
}
"""Field -> its places; of several, the last that is not zero counts."""

_EXTENSION = {
    "record": (17, "i8"),
    "receiver_elevation": (33, "f8"),
    "source_surface": (49, "f8"),
    "source_depth": (57, "f8"),
    "receiver_datum": (65, "f8"),
    "source_datum": (73, "f8"),
    "source_water": (81, "f8"),
    "receiver_water": (89, "f8"),
    "source_x": (97, "f8"),
    "source_y": (105, "f8"),
    "receiver_x": (113, "f8"),
    "receiver_y": (121, "f8"),
    "offset": (129, "f8"),
    "samples": (137, "u4"),
    "interval": (145, "f8"),
}
"""Of the first extension of revision 2 (name SEG00001), unscaled, where they are not zero."""
_STANZA_NAMES = {
    "ffid": "record",
    "espnum": "source_point",
    "trctype": "identification",
    "offset": "offset",
    "relev": "receiver_elevation",
    "selev": "source_surface",
    "sdepth": "source_depth",
    "rdatum": "receiver_datum",
    "sdatum": "source_datum",
    "wdepthso": "source_water",
    "wdepthrc": "receiver_water",
    "ed_scal": "elevation_scalar",
    "co_scal": "coordinate_scalar",
    "sht_x": "source_x",
    "sht_y": "source_y",
    "rec_x": "receiver_x",
    "rec_y": "receiver_y",
    "coorunit": "coordinate_units",
    "stapply": "static",
    "lagtimea": "lag_a",
    "lagtimeb": "lag_b",
    "delay": "delay",
    "nsamps": "samples",
    "dt": "interval",
    "corrflag": "correlated",
    "sweeplng": "sweep_length",
    "tm_scal": "time_scalar",
}
_STANZA_TYPES = {
    "int2": ("i2", ""),
    "int4": ("i4", ""),
    "int8": ("i8", ""),
    "uint2": ("u2", ""),
    "uint4": ("u4", ""),
    "uint8": ("u8", ""),
    "ieee32": ("f4", ""),
    "ieee64": ("f8", ""),
    "coor4": ("i4", "coordinate"),
    "elev4": ("i4", "elevation"),
    "time2": ("i2", "time"),
}
_STANZA = re.compile(r"\(\(\s*SEG\s*:\s*Layout[^)]*\)\)(.*?)(?=\(\(|$)", re.DOTALL | re.IGNORECASE)
_HEADER = 240


def extended(places: Mapping[str, tuple[Place, ...]], extension: int) -> dict[str, tuple[Place, ...]]:
    """Return the places with those of the standard's own extension, which is that number of header."""
    added = {name: Place(extension, byte, kind, "", True) for name, (byte, kind) in _EXTENSION.items()}
    return {name: (*places.get(name, ()), *([added[name]] if name in added else [])) for name in {**places, **added}}


def stanza_places(text: str, extensions: tuple[str, ...]) -> dict[str, tuple[Place, ...]] | None:
    """Return the places that a stanza `((SEG:Layout))` states, or None where the text holds none.

    Args:
        text: of all extended textual headers.
        extensions: names of the file's additional trace headers, in their order.

    Raises:
        ValueError: it holds one that cannot be read; the message says why.
    """
    found = _STANZA.search(text)
    if found is None:
        return None
    content = found.group(1).strip("\0 \n\r\t")
    if "<!" in content.replace("<!--", ""):
        raise ValueError("it declares entities, which a layout does not need")
    try:
        root = ElementTree.fromstring(content.encode())
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        raise ValueError(f"it is no XML, {error}") from error
    places: dict[str, tuple[Place, ...]] = {}
    blocks = [(0, root), *((extensions.index(b.get("name")) + 1, b) for b in root if b.get("name") in extensions)]
    for header, block in blocks:
        for entry in block:
            name = _STANZA_NAMES.get(entry.get("name", ""))
            if entry.tag == "entry" and name:
                places[name] = (*places.get(name, ()), _entry(entry, header))
    return places


def _entry(entry: ElementTree.Element, header: int) -> Place:
    name, kind, byte = entry.get("name"), entry.get("type"), entry.get("byte", "")
    if kind not in _STANZA_TYPES:
        raise ValueError(f"its entry {name} has the type {kind}")
    form, scaled = _STANZA_TYPES[kind]
    if not byte.isdigit() or not 1 <= int(byte) <= _HEADER + 1 - int(form[1]):
        raise ValueError(f"its entry {name} starts at byte {byte}")
    return Place(header, int(byte), form, scaled, header > 0 or entry.get("if-non-zero") == "1")


def read_fields(
    content: np.ndarray, offsets: np.ndarray, places: Mapping[str, tuple[Place, ...]], order: str
) -> dict[str, np.ndarray]:
    """Return the fields of many trace headers, scaled, zeros where a file has no such field.

    Args:
        content: the file as bytes (uint8), a memory map.
        offsets: (n,) where the trace headers begin.
        places: of the fields.
        order: byte order, ">" or "<".

    Returns:
        Name of each field of `STANDARD` -> (n,) float64.
    """
    raw = {name: np.zeros(len(offsets)) for name in STANDARD}
    factors: dict[str, np.ndarray] = {"": np.ones(len(offsets))}
    for kind in ("coordinate", "elevation", "time"):
        factors[kind] = _factor(_column(content, offsets, places.get(f"{kind}_scalar", ()), order, factors))
    for name in STANDARD:
        raw[name] = _column(content, offsets, places.get(name, ()), order, factors)
    return raw


def _column(content, offsets, places, order, factors) -> np.ndarray:
    values = np.zeros(len(offsets))
    for place in places:
        kind = np.dtype(order + place.kind)
        first = offsets + _HEADER * place.header + place.byte - 1
        there = content[first[:, None] + np.arange(kind.itemsize)].view(kind)[:, 0].astype(np.float64)
        there = there * factors[place.scaled]
        values = np.where(there != 0, there, values) if place.if_non_zero else there
    return values


def _factor(scalar: np.ndarray) -> np.ndarray:
    """A positive scalar multiplies, a negative one divides, 0 means 1."""
    return np.where(scalar < 0, -1 / np.minimum(scalar, -1), np.maximum(scalar, 1))
