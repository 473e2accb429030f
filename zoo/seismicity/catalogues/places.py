"""Places and depths of a table as degrees and kilometres: signs, hemispheres, minutes, units, projections."""

from __future__ import annotations

import numpy as np

from zoo.errors import ZooError
from zoo.seismicity.catalogues.coordinates import (
    degrees_and_minutes,
    from_epsg,
    hemispheres,
    open_ocean,
    point,
    with_parts,
)
from zoo.seismicity.catalogues.layout import Table
from zoo.seismicity.catalogues.roles import Layout

_KM = {"m": 0.001, "km": 1.0, "ft": 0.0003048}


_DEEPEST_KM = 800.0
"""No earthquake is deeper."""


_METRES = 3000.0
"""Coordinates without a unit that go further than this are metres: no map of one region is as wide in km."""


def places(
    found: dict[str, np.ndarray], layout: Layout, table: Table, epsg: int | None, notes: list[str]
) -> dict[str, np.ndarray]:
    if not layout.geographic:
        return _metric(found, layout, table, epsg, notes)
    made, unsigned = {}, []
    for axis, role, most in (("longitude", "ew", 360), ("latitude", "ns", 90)):
        values = found[axis]
        if f"{axis}_minute" in found:
            values = with_parts(values, found[f"{axis}_minute"], found.get(f"{axis}_second"))
            if role not in found and axis not in layout.side and not (values < 0).any():
                unsigned.append(axis)
        elif np.nanmedian(np.abs(values), axis=0) > most if np.isfinite(values).any() else False:
            minutes = degrees_and_minutes(values)
            if minutes is not None and np.nanmax(np.abs(minutes)) <= most:
                notes.append(
                    f"{axis}s such as {values[0]:g} were taken as degrees and minutes: {minutes[0]:.4f} degrees"
                )
                values = minutes
        if role in found:
            sides = hemispheres(
                [text.decode("utf-8", "replace") for text in found[role].tolist()],
                axis,
                " ".join(table.names),
                table.where,
            )
            values = np.abs(values) * sides
        elif layout.side.get(axis) == -2:
            values = -values
        made[f"{axis}_deg"] = values
    if unsigned:
        x, y = (float(np.nanmedian(made[f"{axis}_deg"])) for axis in ("longitude", "latitude"))
        if open_ocean(x, y):
            raise ZooError(
                f"{table.where}: degrees and minutes of {' and '.join(unsigned)} have neither sign nor letter, and "
                f"{point(y, x)} is open ocean. Say which way they count: --columns latitude_s=NAME or longitude_w=NAME."
            )
        notes.append(
            f"degrees and minutes of {' and '.join(unsigned)} have neither sign nor letter: taken as near {point(y, x)}"
        )
    for axis, other in (("longitude", "latitude"), ("latitude", "longitude")):
        if layout.side.get(axis) == -1:
            values, across = made[f"{axis}_deg"], made[f"{other}_deg"]
            name = table.names[layout.column[axis]]
            made[f"{axis}_deg"] = _turned(values, across, axis, name, table.where, notes)
    return made


def _turned(values: np.ndarray, across: np.ndarray, axis: str, name: str, where: str, notes: list[str]) -> np.ndarray:
    """Return coordinates of a column that is called west or south: its positive numbers are.

    Raises:
        ZooError: if its numbers are negative, and they may be signed degrees or east (north).
    """
    way, role = ("west", "longitude_w") if axis == "longitude" else ("south", "latitude_s")
    fine = values[np.isfinite(values)]
    if not (fine <= 0).all():
        notes.append(f"{axis}s are called {way}: their positive numbers were taken as {way}")
        return -values
    here, there = float(np.median(fine)), float(np.nanmedian(across))
    places = [(v, there) if axis == "longitude" else (there, v) for v in (here, -here)]
    signed, turned = (not open_ocean(*place) for place in places)
    if signed == turned:
        raise ZooError(
            f"{where}: the column {name!r} is called {way} and holds negative numbers. They may be signed degrees "
            f"(near {point(*places[0][::-1])}: --columns {axis}={name!r}) or count to the {way} (near "
            f"{point(*places[1][::-1])}: --columns {role}={name!r}). Say which."
        )
    chosen = 0 if signed else 1
    notes.append(
        f"{axis}s are called {way} and are negative: they were taken as near {point(*places[chosen][::-1])}, as "
        f"{point(*places[1 - chosen][::-1])} is open ocean"
    )
    return values if signed else -values


def _metric(
    found: dict[str, np.ndarray], layout: Layout, table: Table, epsg: int | None, notes: list[str]
) -> dict[str, np.ndarray]:
    x, y = found["x"], found["y"]
    units = {role: layout.unit.get(role) for role in "xy"}
    fine = np.isfinite(x) & np.isfinite(y)
    far = np.max(np.abs(np.concatenate([x[fine], y[fine], [0.0]])))
    if not any(units.values()) and not epsg and _degrees(x[fine], y[fine], table):
        middle = point(float(np.median(y[fine])), float(np.median(x[fine])))
        notes.append(
            f"x and y were taken as longitude and latitude in degrees, near {middle} (or say --columns x_km= y_km=)"
        )
        return {"longitude_deg": x, "latitude_deg": y}
    scaled = {}
    for role, values in (("x", x), ("y", y)):
        unit = units[role] or units["y" if role == "x" else "x"]
        if unit is None:
            unit = "m" if far > _METRES or epsg else "km"
            if role == "x":
                notes.append(f"x and y state no unit and were taken as {unit} (or say --columns x_km=... or x_m=...)")
        scaled[f"{role}_km"] = values * _KM[unit] * layout.side.get(role, 1)
    if units["x"] and units["y"] and units["x"] != units["y"]:
        notes.append(f"x is in {units['x']} and y in {units['y']}: both were turned into km")
    if epsg:
        longitude, latitude = from_epsg(scaled["x_km"] * 1000, scaled["y_km"] * 1000, epsg)
        if not np.isfinite(latitude).any():
            raise ZooError(
                f"{table.where}: its x and y are no coordinates of EPSG {epsg}. Check the number and the unit."
            )
        notes.append(f"x and y were turned into degrees from EPSG {epsg}")
        return {"longitude_deg": longitude, "latitude_deg": latitude}
    return scaled


def _degrees(x: np.ndarray, y: np.ndarray, table: Table) -> bool:
    """Return whether x and y without a unit are degrees, as GIS programs call them.

    Raises:
        ZooError: if they may be degrees or km.
    """
    if not len(x) or np.abs(x).max() > 180 or np.abs(y).max() > 90:
        return False
    x = x % 360 if np.abs(x).min() > 170 else x  # on both sides of 180 degrees
    spread = max(np.ptp(x), np.ptp(y))
    sizes = [np.abs(np.median(v)) / max(np.std(v), 1e-9) for v in (x, y)]
    if min(np.abs(x).min(), np.abs(y).min()) > 1 and min(sizes) > 5 and spread < 20:
        return True
    if (x.min() < 0 < x.max()) and (y.min() < 0 < y.max()):  # around an origin of their own
        return False
    raise ZooError(
        f"{table.where}: x (about {np.median(x):.4g}) and y (about {np.median(y):.4g}) state no unit and may be "
        "degrees or kilometres. Say which: --columns longitude=X latitude=Y, or x_km=X y_km=Y."
    )


def depths(found: dict[str, np.ndarray], layout: Layout, notes: list[str]) -> dict[str, np.ndarray]:
    """Return the depth in km, by its unit or, without one, by what depths are possible."""
    if "depth" not in found:
        return {}
    unit, depth = layout.unit.get("depth"), found["depth"]
    unknown = np.isin(depth, (-99.0, -999.0, -9999.0, 999.0, 9999.0))
    if unknown.any():
        notes.append(f"{unknown.sum()} depths of -99, -999, 999 and the like were taken as unknown")
        depth = np.where(unknown, np.nan, depth)
    fine = depth[np.isfinite(depth)]
    if unit is None:
        metres = len(fine) > 0 and np.percentile(np.abs(fine), 90) > _DEEPEST_KM
        beside = layout.unit.get("x") == "m" or any("taken as m " in note for note in notes)
        unit = "m" if metres or (beside and len(fine) and np.median(np.abs(fine)) > 50) else "km"
        if unit == "m" and not metres:
            notes.append(
                "depths state no unit and were taken as metres, as x and y are (or say --columns depth_km=...)"
            )
        if metres:
            notes.append(f"depths go to {np.max(np.abs(fine)):.0f} and were taken as metres")
    depth = depth * _KM[unit]
    if len(fine) > 5 and (fine < 0).mean() > 0.9 and np.median(fine) * _KM[unit] < -0.5:
        notes.append("depths are negative: they were taken as heights, and their sign was turned")
        depth = -depth
    return {"depth_km": depth}
