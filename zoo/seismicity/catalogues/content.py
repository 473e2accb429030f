"""What columns without names hold, by what stands in them: times, places, depths, magnitudes, and numbers of events.

Taken is only what has one reading; of two plausible ones both are named and the file is refused.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from zoo.errors import ZooError
from zoo.seismicity.catalogues.asked import Asked, ordered
from zoo.seismicity.catalogues.coordinates import coordinates
from zoo.seismicity.catalogues.dates import CLOCK, parse
from zoo.seismicity.catalogues.parts import from_numbers
from zoo.seismicity.catalogues.times import moments

YEARS = (1000, int(str(np.datetime64("now", "Y"))) + 1)


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
        """Whether the numbers are whole, be they written 3, 3.0 or 3.0e+00."""
        if not self.numeric:
            return False
        value = self.number[np.isfinite(self.number)]
        return bool((value == np.floor(value)).all())

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
        return (
            self.whole and len(steps) > 2 and bool(np.mean(steps == np.median(steps)) > 0.9 and np.median(steps) != 0)
        )

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


def parts_from(columns: Sequence[Column], start: int) -> dict[str, int] | None:
    """Return the roles of columns from `start` on that are year, month, day and a time of day."""
    take = columns[start : start + 6]
    if len(take) < 3 or not take[0].within(*YEARS) or not take[1].whole:
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
        found = parts_from(columns, n)
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
    if (
        n + 2 < len(columns)
        and after.whole
        and after.within(0, 24)
        and columns[n + 2].whole
        and columns[n + 2].within(0, 60)
    ):
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
        if not columns[at["year"]].within(0, 99) and not columns[at["year"]].within(*YEARS):
            continue
        roles = at | {"hour": n + 3, "minute": n + 4, "second": n + 5}
        made = from_numbers({role: columns[number].number for role, number in roles.items()}, Asked())
        if not np.isnat(made).any() and len(made) >= 10 and ordered(made) > 0.999:
            good.append(roles)
    return good[0] if len(good) == 1 else {}
