"""Times of numbers that columns hold: year, month, day (or day of the year), hour, minute, second."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from zoo.seismicity.catalogues.asked import Asked

_NAT = np.datetime64("NaT", "ms")
_DAY_MS = 86_400_000


def full_year(year: np.ndarray, asked: Asked) -> np.ndarray:
    """Return years (n,) with their century; two-digit years are this century's up to the present one."""
    short = (year >= 0) & (year < 100)
    if not short.any():
        return year
    now = int(str(np.datetime64("now", "Y")))
    made = np.where(short, year + np.where(year + 2000 > now, 1900, 2000), year)
    span = f"{int(np.nanmin(made[short]))} to {int(np.nanmax(made[short]))}"
    asked.notes.append(f"years of two digits were taken as {span} (none lies in the future)")
    return made


def calendar(year: np.ndarray, month: np.ndarray, day: np.ndarray) -> np.ndarray:
    """Return days (n,), datetime64[ms], of numbers (n,); NaT where the calendar has no such day."""
    year, month, day = (np.asarray(values, float) for values in (year, month, day))
    good = (year >= 1000) & (year <= 2199) & (month >= 1) & (month <= 12) & (day >= 1) & (day <= 31)
    for values in (year, month, day):
        good &= values == np.floor(values)
    year, month, day = (np.where(good, values, 1).astype(np.int64) for values in (year, month, day))
    months = (12 * (year - 1970) + month - 1).astype("datetime64[M]")
    days = months.astype("datetime64[D]") + (day - 1)
    good &= days.astype("datetime64[M]") == months  # there is no 31 June
    made = days.astype("datetime64[ms]")
    made[~good] = _NAT
    return made


def with_clock(days: np.ndarray, ms: np.ndarray) -> np.ndarray:
    made = days + np.where(np.isfinite(ms), np.round(ms), 0).astype("timedelta64[ms]")
    made[~np.isfinite(ms)] = _NAT
    return made


def from_numbers(parts: Mapping[str, np.ndarray], asked: Asked | None = None) -> np.ndarray:
    """Return the times (n,), datetime64[ms], that numbers make, NaT where they make none.

    Args:
        parts: `year` with `month` and `day`, or with `doy` (day of the year); optionally `hour`, `minute`, `second`, or
            `clock` (milliseconds since midnight); each (n,), NaN where missing. Missing hours, minutes and seconds of
            a row that has its day are 0.
        asked: what the user says; two-digit years are noted in it.
    """
    asked = asked or Asked()
    year = np.floor(full_year(np.asarray(parts["year"], float), asked))
    if "doy" in parts:
        doy = np.asarray(parts["doy"], float)
        days = calendar(year, np.ones(len(year)), np.ones(len(year)))
        bad = ~((doy >= 1) & (doy <= 366))
        days = days + (np.where(bad, 1, np.floor(doy)).astype(np.int64) - 1) * np.timedelta64(_DAY_MS, "ms")
        days[bad] = _NAT
        rest = np.where(bad, 0, doy - np.floor(doy)) * _DAY_MS
    else:
        day = np.asarray(parts["day"], float)
        days = calendar(year, parts["month"], np.floor(day))
        rest = np.where(np.isfinite(day), day - np.floor(day), 0) * _DAY_MS
    if "clock" in parts:
        return with_clock(days, np.asarray(parts["clock"], float))
    ms = np.zeros(len(year))
    for name, unit_ms, most in (("hour", 3_600_000, 24), ("minute", 60_000, 60), ("second", 1000, 61)):
        if name in parts:
            values = np.asarray(parts[name], float)
            days = np.where(np.isfinite(values) & ((values < 0) | (values > most)), _NAT, days)
            ms += np.where(np.isfinite(values), values, 0) * unit_ms  # a row without a second has its minute
    return with_clock(days, ms if ms.any() else rest)
