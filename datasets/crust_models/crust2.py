"""Reads CRUST2.0 as distributed: a type for every cell (`CNtype2.txt`) and what a type is (`CNtype2_key.txt`)."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from zoo.errors import ZooError

TYPES, KEY = "CNtype2.txt", "CNtype2_key.txt"


def read(folder: Path) -> dict[str, np.ndarray]:
    """Return the records of all 16,200 cells, from 89 N, 179 W eastwards, then southwards.

    Crustal thickness is that of the six layers below the water (ice, two of sediments, three crystalline), as the
    authors' `getCN2point.f` sums it. What that program changes by the bathymetry is the water alone.
    """
    thickness = _thickness(folder / KEY)
    lines = [(number, line.split()) for number, line in enumerate(_lines(folder / TYPES), 1) if line.strip()]
    rows = [(number, fields) for number, fields in lines if len(fields) == 181]  # a latitude and 180 types
    if len(rows) != 90:
        raise ZooError(
            f"{folder / TYPES} has {len(rows)} lines with a latitude and 180 types; expected 90. Copy it again."
        )
    unknown = [(number, code) for number, fields in rows for code in fields[1:] if code not in thickness]
    if unknown:
        raise ZooError(f"{folder / TYPES}, line {unknown[0][0]}: {KEY} does not explain the type {unknown[0][1]!r}.")
    layers = np.array([[thickness[code] for code in fields[1:]] for _, fields in rows])  # (90, 180, 7)
    latitude, longitude = np.meshgrid(np.arange(89, -90, -2.0), np.arange(-179, 180, 2.0), indexing="ij")
    return {
        "longitude_deg": longitude.ravel(),
        "latitude_deg": latitude.ravel(),
        "thickness_km": (layers.sum(-1) - layers[..., 1]).ravel(),
        "sediment_thickness_km": layers[..., 2:4].sum(-1).ravel(),
    }


def _thickness(path: Path) -> dict[str, list[float]]:
    """Return type -> thickness in km of ice, water, soft and hard sediments, upper, middle and lower crust.

    A type is five lines: its two characters and a description; P velocities, S velocities and densities, eight each;
    seven thicknesses, then their sum (in some copies after `inf.`). What stands above the first type is passed over.
    """
    lines = [(number, line) for number, line in enumerate(_lines(path), 1) if line.strip()]
    found: dict[str, list[float]] = {}
    for i in range(len(lines) - 4):
        title, numbers = lines[i][1], [_floats(line) for _, line in lines[i + 1 : i + 5]]
        if not re.match(r"[A-Z][A-Z0-9]\s", title) or [len(n) for n in numbers[:3]] != [8, 8, 8] or len(numbers[3]) < 8:
            continue
        layers, total = numbers[3][:7], numbers[3][-1]
        if abs(sum(layers) - total) > 0.11:
            raise ZooError(
                f"{path}, line {lines[i + 4][0]}: the layers sum to {sum(layers):g} km, stated is {total:g}."
            )
        found[title[:2]] = layers
    if not found:
        raise ZooError(f"{path} holds no type of five lines as in the {KEY} of CRUST2.0; copy it again.")
    return found


def _floats(line: str) -> list[float]:
    """Return the finite numbers of a line, up to the first word."""
    values = []
    for field in line.split():
        try:
            values.append(float(field))
        except ValueError:
            if not field.startswith("inf"):
                break
    return [value for value in values if np.isfinite(value)]


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="latin-1").splitlines()
    except OSError as error:
        raise ZooError(f"Cannot read {path} ({error.strerror}).") from error
