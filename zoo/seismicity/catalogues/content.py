"""What columns without names hold, by what stands in them: times, places, depths, magnitudes, and numbers of events.

Taken is only what has one reading; of two plausible ones both are named and the file is refused.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from zoo.errors import ZooError
from zoo.seismicity.catalogues.coordinates import coordinates, open_ocean
from zoo.seismicity.catalogues.dates import CLOCK, parse
from zoo.seismicity.catalogues.times import Asked, calendar, from_numbers, moments, ordered

_YEARS = (1000, int(str(np.datetime64("now", "Y"))) + 1)


@dataclass
class Column:
    """A column of a sample of rows."""

    texts: list[str]

    @cached_property
    def filled(self) -> list[str]:
        return [text.strip() for text in self.texts if text.strip()]

    @cached_property
    def number(self) -> np.ndarray:
        """(rows,) numbers, coordinates with hemispheres among them; NaN elsewhere."""
        return coordinates([text.strip() for text in self.texts])

    @cached_property
    def numeric(self) -> bool:
        """Whether nearly every text is a number."""
        if not self.filled or any(":" in text for text in self.filled[:20]):  # 13:11:10 may be degrees by its name only
            return False
        return bool(np.isfinite(self.number).sum() >= 0.98 * len(self.texts))

    @cached_property
    def whole(self) -> bool:
        return self.numeric and all(re.fullmatch(r"[-+]?\d+(?:\.0*)?", text) for text in self.filled)

    @cached_property
    def decimals(self) -> float:
        """Figures behind the point, typically."""
        if any(re.search("[NSEWnsew°'-]", text[1:]) for text in self.filled[:20]):
            return 4.0
        found = [len(re.split("[.,]", text)[1]) if re.search("[.,]", text) else 0 for text in self.filled]
        return float(np.percentile(found, 75)) if found else 0.0

    @cached_property
    def kind(self) -> str:
        """moment, date, clock, number, text or empty."""
        if not self.filled:
            return "empty"
        if self.numeric:
            return "number"
        some = self.filled[:: max(1, len(self.filled) // 60)]
        if sum(bool(CLOCK.fullmatch(text)) for text in some) >= 0.9 * len(some):
            return "clock"
        found = parse(some)
        if (found.kind > 0).mean() >= 0.9:
            return "moment" if found.clock.mean() > 0.5 else "date"
        return "text"

    def within(self, low: float, high: float) -> bool:
        return self.numeric and bool(np.nanmin(self.number) >= low and np.nanmax(self.number) <= high)

    def counts(self) -> bool:
        """Return whether the column numbers the rows, or names events by whole numbers."""
        steps = np.diff(self.number)
        return self.whole and len(steps) > 2 and bool(np.mean(steps == np.median(steps)) > 0.9 and np.median(steps) != 0)

    def magnitude_score(self) -> float:
        """Return how much like magnitudes the numbers look: few figures, small, and ever fewer of the large ones."""
        if not self.within(-9.99, 9.99) or self.counts():
            return -9.0
        value = self.number[np.isfinite(self.number)]
        value = value[value > -5]
        if len(value) < 10 or np.ptp(value) == 0:
            return 0.0
        low, high = np.percentile(value, [2, 99])
        skew = (value.mean() - low) / max(high - low, 1e-9)
        score = 1.0 if self.decimals <= 2 else -1.0
        return score + (2.0 if skew < 0.36 else 0.0 if skew < 0.43 else -2.0) - (2.0 if self.whole else 0.0)

    def depth_score(self) -> float:
        """Return how much like depths in km the numbers look."""
        if not self.within(-12, 800) or self.counts():
            return -9.0
        value = self.number[np.isfinite(self.number)]
        return 2.0 if value.max() > 10 else 0.0

    def place_score(self) -> float:
        """Return how much like degrees the numbers look: many figures, one neighbourhood, not counted through."""
        if not self.within(-180, 360) or self.whole or self.counts():
            return -9.0
        value = self.number[np.isfinite(self.number)]
        middle, spread = np.median(value), np.std(value)
        score = min(self.decimals, 4.0) + (2.0 if abs(middle) > 10 * spread and spread > 0 else 0.0)
        score += (1.0 if abs(middle) > 10 else 0.0) + (1.0 if middle < -10 else 0.0)
        return score - (1.0 if spread == 0 else 0.0)


def columns_of(sample: Sequence[Sequence[str]], width: int) -> list[Column]:
    """Return the columns of rows."""
    return [Column([row[n] if n < len(row) else "" for row in sample]) for n in range(width)]


def _parts(columns: Sequence[Column], start: int) -> dict[str, int] | None:
    """Return the roles of columns from `start` on that are year, month, day and a time of day."""
    take = columns[start : start + 6]
    if len(take) < 3 or not take[0].within(*_YEARS) or not take[1].whole:
        return None
    if take[1].within(1, 12) and take[2].within(1, 31) and take[2].whole:
        found, rest = {"year": start, "month": start + 1, "day": start + 2}, take[3:]
    elif take[0].whole and take[1].within(1, 366) and take[2].within(0, 24) and not take[1].within(1, 12):
        found, rest = {"year": start, "doy": start + 1}, columns[start + 2 : start + 5]
    else:
        return None
    at = max(found.values()) + 1
    if not rest:
        return found
    if rest[0].kind == "clock":
        return found | {"clock": at}
    if len(rest) > 1 and rest[0].whole and rest[0].within(0, 24) and rest[1].whole and rest[1].within(0, 60):
        found |= {"hour": at, "minute": at + 1}
        return found | ({"second": at + 2} if len(rest) > 2 and rest[2].within(0, 61) else {})
    if rest[0].within(0, 240_000) and rest[0].number.max() > 2400:
        whole = rest[0].number.astype(int)
        return found | {"clock": at} if (whole % 100 <= 60).all() and (whole // 100 % 100 <= 60).all() else found
    if rest[0].whole and rest[0].within(0, 2400) and (rest[0].number % 100 <= 60).all() and rest[0].number.max() > 60:
        follows = len(rest) > 1 and rest[1].within(0, 61) and rest[1].number.max() > 24
        return found | ({"hhmm": at, "second": at + 1} if follows else {"clock": at})
    return found


def find_time(columns: Sequence[Column], taken: set[int], where: str) -> dict[str, int]:
    """Return role -> column of the time, {} where none is found for certain.

    Raises:
        ZooError: if two columns may be it, or one can be read in two ways.
    """
    free = [n for n in range(len(columns)) if n not in taken]
    whole = [n for n in free if columns[n].kind == "moment"]
    if len(whole) > 1 and columns[whole[0]].filled != columns[whole[1]].filled:
        both = " or ".join(f"{n + 1} ({columns[n].filled[0]})" for n in whole)
        raise ZooError(f"{where}: the time of the earthquakes may be column {both}. Say which: --columns time=NUMBER.")
    if whole:
        return {"time": whole[0]}
    for n in free:
        if columns[n].kind == "date":
            return {"date": n} | _clock_beside(columns, n, taken)
    for n in free:
        found = _parts(columns, n)
        if found and not set(found.values()) & taken:
            return found
    for n in free:
        if not columns[n].numeric or columns[n].counts() and columns[n].number.max() < 1e7:
            continue
        digits = {len(text.split(".")[0]) for text in columns[n].filled}
        if any("e" in text or "E" in text for text in columns[n].filled[:20]):
            digits = {len(str(int(abs(value)))) for value in columns[n].number if np.isfinite(value)}
        if digits <= {5, 6} or digits == {8}:
            beside = _clock_beside(columns, n, taken)
            if beside and (digits != {8} or _reads(columns[n].filled)):
                if digits != {8}:
                    moments(columns[n].filled, Asked(where=where))  # says which readings there are
                return {"date": n} | beside
        if min(digits, default=0) >= 9 and _reads(columns[n].filled):
            return {"time": n}
    for n in free:
        if found := _short_years(columns, n, taken):
            return found
    for n in free:  # decimal years, serial days: numbers that only grow
        column = columns[n]
        if column.numeric and column.within(1500, 8e5) and column.decimals >= 2 and _reads(column.filled):
            if len(column.filled) >= 10 and ordered(moments(column.filled)) > 0.999:
                return {"time": n}
    return {}


def _reads(texts: list[str]) -> bool:
    try:
        return bool((~np.isnat(moments(texts))).mean() > 0.98)
    except ZooError:
        return False


def _clock_beside(columns: Sequence[Column], n: int, taken: set[int]) -> dict[str, int]:
    for at in (n + 1, n - 1):
        if 0 <= at < len(columns) and at not in taken and columns[at].kind == "clock":
            return {"clock": at}
    if n + 1 >= len(columns) or n + 1 in taken:
        return {}
    after = columns[n + 1]
    if n + 2 < len(columns) and after.whole and after.within(0, 24) and columns[n + 2].whole and columns[n + 2].within(0, 60):
        found = {"hour": n + 1, "minute": n + 2}
        return found | ({"second": n + 3} if n + 3 < len(columns) and columns[n + 3].within(0, 61) else {})
    if not after.numeric or after.number.min() < 0 or after.counts():
        return {}
    whole = after.number.astype(np.int64)
    top = whole.max()
    if after.whole and 60 < top <= 2400 and (whole % 100 <= 60).all():
        second = n + 2 < len(columns) and columns[n + 2].within(0, 61) and columns[n + 2].number.max() > 24
        enough = second and not columns[n + 2].place_score() > columns[n + 2].decimals + 1
        return {"hhmm": n + 1, "second": n + 2} if enough else {"clock": n + 1}
    if 2400 < top <= 240_000 and (whole % 100 <= 60).all() and (whole // 100 % 100 <= 60).all():
        return {"clock": n + 1}
    if 240_000 < top <= 24_000_000 and (whole // 100 % 100 <= 60).all() and (whole // 10_000 % 100 <= 60).all():
        return {"clock": n + 1}
    return {}


def _short_years(columns: Sequence[Column], n: int, taken: set[int]) -> dict[str, int]:
    """Return year, month, day ... with years of two digits, or with the year last, where only so time goes forward."""
    if n + 5 >= len(columns) or set(range(n, n + 6)) & taken:
        return {}
    limits = ((0, 24), (0, 60), (0, 61))
    if not all(c.within(*lim) for c, lim in zip(columns[n + 3 : n + 6], limits, strict=True)):
        return {}
    if not all(c.whole for c in columns[n : n + 5]):
        return {}
    good = []
    for order in ("ymd", "dmy", "mdy"):
        at = {"year": n + order.index("y"), "month": n + order.index("m"), "day": n + order.index("d")}
        if not columns[at["year"]].within(0, 99) and not columns[at["year"]].within(*_YEARS):
            continue
        roles = at | {"hour": n + 3, "minute": n + 4, "second": n + 5}
        made = from_numbers({role: columns[number].number for role, number in roles.items()}, Asked())
        if not np.isnat(made).any() and len(made) >= 10 and ordered(made) > 0.999:
            good.append(roles)
    return good[0] if len(good) == 1 else {}


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
        f"{point(second, first)}: --columns longitude={a + 1} latitude={b + 1}). Say which; the other columns are found."
    )


def _sides(column: Column, letters: str) -> bool:
    return all(re.search(f"[{letters}]", text.upper()) for text in column.filled[:20])


def point(latitude_deg: float, longitude_deg: float) -> str:
    """Return a place as text.

    >>> point(46.36, -7.35)
    '46.360 N 7.350 W'
    """
    north, east = "N" if latitude_deg >= 0 else "S", "E" if longitude_deg >= 0 else "W"
    return f"{abs(latitude_deg):.3f} {north} {abs(longitude_deg):.3f} {east}"


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
        notes.append(f"column {n + 1} was not used: it may be depth or magnitude (--columns depth={n + 1} or magnitude=)")
        return {}
    a, b = near
    usual = columns[a].depth_score() + columns[b].magnitude_score()  # depth, then magnitude
    other = columns[b].depth_score() + columns[a].magnitude_score()
    if max(usual, other) < -4:
        return {}
    told = any(np.ptp(columns[n].number) > 0 for n in near) and len(columns[a].filled) >= 20
    if abs(usual - other) < 1.5 and told:
        raise ZooError(
            f"{where} has no header, and of columns {a + 1} and {b + 1} ({columns[a].filled[0]}, {columns[b].filled[0]}) "
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
        if (found := _parts(columns, 1)) and "clock" in found:
            return "the USGS's PDE", found | {"latitude": 5, "longitude": 6, "depth": 7, "magnitude": 8}
    if width in (23, 24, 25) and columns[0].whole and place(1, 2) and (found := _parts(columns, 10)) and len(found) == 6:
        return "hypoDD's .reloc", found | {"latitude": 1, "longitude": 2, "depth": 3, "magnitude": 16}
    if width >= 20 and (found := _parts(columns, 0)) and len(found) == 6 and columns[6].whole and place(7, 8):
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
    if width >= 9 and place(1, 0) and columns[2].within(*_YEARS) and columns[3].within(1, 12) and columns[4].within(1, 31):
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
