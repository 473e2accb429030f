"""Places, depths and magnitudes of columns without names, and the columns of programs that write no header.

Taken is only what has one reading; of two plausible ones both are named and the file is refused.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import numpy as np

from zoo.errors import ZooError
from zoo.seismicity.catalogues.content import YEARS, Column, parts_from
from zoo.seismicity.catalogues.coordinates import open_ocean, point
from zoo.seismicity.catalogues.parts import calendar


def find_place(columns: Sequence[Column], taken: set[int], where: str, notes: list[str]) -> dict[str, int]:
    """Return the columns of latitude and longitude, {} where there are none.

    Raises:
        ZooError: if two readings are plausible.
    """
    free = [n for n in range(len(columns)) if n not in taken]
    pairs = {}
    for a, b in zip(free, free[1:], strict=False):
        scores = [columns[n].place_score() for n in (a, b)]
        reach = [np.nanmax(np.abs(columns[n].number)) if columns[n].numeric else np.inf for n in (a, b)]
        if min(scores) > 0 and min(reach) <= 90 and b - a <= 2:
            pairs[(a, b)] = sum(scores) - abs(scores[0] - scores[1]) / 2
    if not pairs:
        return {}
    best = max(pairs, key=pairs.__getitem__)
    rivals = [pair for pair, score in pairs.items() if pair != best and score > pairs[best] - 2]
    # A second place further right (the one before relocation) is no rival; one that shares a column is.
    rivals = [pair for pair in rivals if set(pair) & set(best) or pair[0] < best[0]]
    for pair in rivals:
        if set(pair) & set(best):
            raise ZooError(_two_places(where, best, pair, columns))
        best = min(best, pair)
    a, b = best
    x, y = (columns[n].number for n in best)
    if np.nanmax(np.abs(x)) > 90:
        return {"longitude": a, "latitude": b}
    if np.nanmax(np.abs(y)) > 90 or _sides(columns[a], "NS") or _sides(columns[b], "EW"):
        return {"latitude": a, "longitude": b}
    if _sides(columns[a], "EW") or _sides(columns[b], "NS"):
        return {"longitude": a, "latitude": b}
    first, second = float(np.nanmedian(x)), float(np.nanmedian(y))
    sea = {"latitude": open_ocean(second, first), "longitude": open_ocean(first, second)}
    if sea["latitude"] != sea["longitude"]:
        lead = "longitude" if sea["latitude"] else "latitude"
        place = (second, first) if sea["latitude"] else (first, second)
        notes.append(
            f"column {a + 1} was taken as {lead}: the other way round the events would lie in the open ocean or in "
            f"Antarctica, so they lie near {point(*place)}"
        )
        return {lead: a, "latitude" if lead == "longitude" else "longitude": b}
    raise ZooError(
        f"{where} has no header, and columns {a + 1} and {b + 1} may be latitude and longitude (events near "
        f"{point(first, second)}: --columns latitude={a + 1} longitude={b + 1}) or longitude and latitude (near "
        f"{point(second, first)}: --columns longitude={a + 1} latitude={b + 1}). Say which; the others are found."
    )


def _sides(column: Column, letters: str) -> bool:
    return all(re.search(f"[{letters}]", text.upper()) for text in column.filled[:20])


def _two_places(where: str, best: tuple[int, int], pair: tuple[int, int], columns: Sequence[Column]) -> str:
    both = " or ".join(
        f"columns {a + 1} and {b + 1} ({columns[a].filled[0]} {columns[b].filled[0]})" for a, b in (best, pair)
    )
    return (
        f"{where} has no header, and the place may be {both}. Say which: --columns longitude=NUMBER latitude=NUMBER "
        "(and time=, depth=, magnitude= where they are not found)."
    )


def find_depth_and_magnitude(
    columns: Sequence[Column], taken: set[int], place: Mapping[str, int], where: str, notes: list[str]
) -> dict[str, int]:
    """Return the columns of depth and magnitude, as far as they can be told: those next to the place.

    Raises:
        ZooError: if two columns may be either.
    """
    right = max(place.values())
    free = [n for n in range(len(columns)) if n not in taken and columns[n].numeric and not columns[n].counts()]
    near = [n for n in free if n > right][:2] or []
    if len(near) < 2:
        near += [n for n in reversed(free) if n < right][: 2 - len(near)]
    near = [n for n in near if columns[n].depth_score() > -9 or columns[n].magnitude_score() > -9]
    if not near:
        return {}
    if len(near) == 1:
        n = near[0]
        depth, magnitude = columns[n].depth_score(), columns[n].magnitude_score()
        if magnitude >= 2 and depth < 2:
            return {"magnitude": n}
        if depth >= 2 and magnitude < 2:
            return {"depth": n}
        notes.append(
            f"column {n + 1} was not used: it may be depth or magnitude (--columns depth={n + 1} or magnitude=)"
        )
        return {}
    a, b = near
    usual = columns[a].depth_score() + columns[b].magnitude_score()  # depth, then magnitude
    other = columns[b].depth_score() + columns[a].magnitude_score()
    if max(usual, other) < -4:
        return {}
    told = any(np.ptp(columns[n].number) > 0 for n in near) and len(columns[a].filled) >= 20
    if abs(usual - other) < 1.5 and told:
        raise ZooError(
            f"{where} has no header, and of columns {a + 1} and {b + 1} ({columns[a].filled[0]}, "
            f"{columns[b].filled[0]}) "
            "either may be depth or magnitude. Say which: "
            f"--columns depth={a + 1} magnitude={b + 1}, or depth={b + 1} magnitude={a + 1}."
        )
    return {"depth": a, "magnitude": b} if usual >= other else {"magnitude": a, "depth": b}


def known_order(columns: Sequence[Column]) -> tuple[str, dict[str, int]] | None:
    """Return name and columns of a program's output, where the columns are those that it writes.

    hypoDD's .reloc and event.dat, GrowClust, the SCSN's relocated catalogues, ZMAP, CSEP.
    """
    width = len(columns)

    def place(latitude: int, longitude: int) -> bool:
        return columns[latitude].within(-90, 90) and columns[longitude].within(-180, 360)

    if width >= 9 and all(text.startswith("PDE") for text in columns[0].filled) and place(5, 6):
        if (found := parts_from(columns, 1)) and "clock" in found:
            return "the USGS's PDE", found | {"latitude": 5, "longitude": 6, "depth": 7, "magnitude": 8}
    if (
        width in (23, 24, 25)
        and columns[0].whole
        and place(1, 2)
        and (found := parts_from(columns, 10))
        and len(found) == 6
    ):
        return "hypoDD's .reloc", found | {"latitude": 1, "longitude": 2, "depth": 3, "magnitude": 16}
    if width >= 20 and (found := parts_from(columns, 0)) and len(found) == 6 and columns[6].whole and place(7, 8):
        if width == 25 and place(22, 23):
            near = [np.nanmax(np.abs(columns[a].number - columns[b].number)) < 2 for a, b in ((7, 22), (8, 23))]
            if all(near):
                return "GrowClust's", found | {"latitude": 7, "longitude": 8, "depth": 9, "magnitude": 10}
        if {text.lower() for text in columns[-3].filled[:200]} <= {"le", "re", "ts", "qb", "sn", "st", "nt", "uk"}:
            return "the SCSN's", found | {"latitude": 7, "longitude": 8, "depth": 9, "magnitude": 10}
    if width == 10 and columns[9].whole and columns[0].whole and columns[1].whole and place(2, 3):
        digits = {len(text) for text in columns[0].filled}
        ok = calendar(columns[0].number // 10_000, columns[0].number // 100 % 100, columns[0].number % 100)
        if digits == {8} and not np.isnat(ok).any():
            names = ("date", "clock", "latitude", "longitude", "depth", "magnitude")
            return "hypoDD's event.dat", dict(zip(names, range(6), strict=True))
    if (
        width >= 9
        and place(1, 0)
        and columns[2].within(*YEARS)
        and columns[3].within(1, 12)
        and columns[4].within(1, 31)
    ):
        if columns[7].within(0, 24) and columns[8].within(0, 60) and columns[3].whole and columns[4].whole:
            names = ("longitude", "latitude", "year", "month", "day", "magnitude", "depth", "hour", "minute")
            found = dict(zip(names, range(9), strict=True))
            if width > 9 and columns[9].within(0, 61):
                found["second"] = 9
            return "ZMAP's", found
    if width in (6, 7) and place(1, 0) and columns[3].kind == "moment" and columns[2].within(-5, 10):
        if columns[4].numeric and columns[5].whole and columns[0].place_score() > 0 and columns[1].place_score() > 0:
            return "CSEP's", {"longitude": 0, "latitude": 1, "magnitude": 2, "time": 3, "depth": 4}
    return None
