"""Tables of text as arrays: the columns that a catalogue needs, a million rows in seconds.

`layout` finds how the rows are split, `columns` which column holds what; here they are read and turned into numbers.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from operator import itemgetter

import numpy as np

from zoo.errors import ZooError
from zoo.seismicity.catalogues.asked import Asked
from zoo.seismicity.catalogues.columns import Layout, recognise
from zoo.seismicity.catalogues.coordinates import (
    coordinates,
)
from zoo.seismicity.catalogues.dates import month_number
from zoo.seismicity.catalogues.layout import Table, chunks
from zoo.seismicity.catalogues.lines import is_value
from zoo.seismicity.catalogues.magnitudes import chosen
from zoo.seismicity.catalogues.parts import from_numbers
from zoo.seismicity.catalogues.places import depths, places
from zoo.seismicity.catalogues.times import clocks, from_date_and_clock, moments

_CHUNK = 50_000  # rows that are parsed at a time
_WORDS = ("time", "date", "clock", "type", "id", "prime", "ns", "ew", "zone", "half")
_PLACES = ("longitude", "latitude")


def read_table(
    table: Table, columns: Mapping[str, str | int] | None, asked: Asked, epsg: int | None
) -> tuple[dict[str, np.ndarray], list[str]]:
    """Read the columns of a table that a catalogue needs.

    Args:
        table: rows of text.
        columns, epsg: as in `zoo.seismicity.catalogues.read_catalogue`.
        asked: what the user says of the times.

    Returns:
        Columns (rows,) as `zoo.seismicity.catalogues.from_columns` takes them, rows in the order of the file; notes.

    Raises:
        ZooError: if it has no rows, no time or no place, or can be read in two ways.
        UsageError: if `columns` names a column that is not there.
    """
    asked.where = table.where
    layout = recognise(table, columns, asked)
    found, cut = _columns(table, layout)
    notes = [*table.notes, *layout.notes]
    if cut:
        notes.append(f"{cut} rows with {'another number of' if table.exact else 'too few'} columns set aside")
    if "half" in found:
        role = "clock" if "clock" in found else "time"
        found[role] = np.char.add(np.char.add(np.char.strip(found[role]), b" "), found["half"])
    made = {"time": _times(found, layout, table, asked)}
    if "zone" in found:
        made["time"] = made["time"] - _zones(found["zone"])
        notes.append("times were set back by the zone that stands beside them")
    _readable(made["time"], found, table)
    notes += asked.notes
    asked.notes = []
    _all_at_midnight(made["time"], notes)
    if layout.zone_h:
        made["time"] = made["time"] - np.timedelta64(round(layout.zone_h * 3_600_000), "ms")
    made |= places(found, layout, table, epsg, notes)
    made |= depths(found, layout, notes)
    if layout.magnitudes:
        values = [found[f"magnitude {number}"] for number in range(len(layout.magnitudes))]
        made["magnitude"] = chosen(values, [name for _, name in layout.magnitudes], notes)
    elif "magnitude" in found:
        made["magnitude"] = chosen([found["magnitude"]], [""], notes)
    made |= {role: found[role] for role in ("type", "id", "prime") if role in found}
    return made, notes


def _columns(table: Table, layout: Layout) -> tuple[dict[str, np.ndarray], int]:
    """Return the columns of the layout as arrays, and how many rows were too short or too long."""
    at = {role: number for role, number in layout.column.items() if role != "magnitude" or not layout.magnitudes}
    at |= {f"magnitude {number}": column for number, (column, _) in enumerate(layout.magnitudes)}
    roles = list(at)
    take = itemgetter(*at.values()) if len(at) > 1 else lambda row: (row[next(iter(at.values()))],)
    width = max(at.values()) + 1
    optional = min(width, 1 + max(n for role, n in at.items() if not role.startswith(("magnitude", "type", "prime"))))
    lead = _lead(table) if table.exact else 0
    thousands = {role for role, n in at.items() if role not in _WORDS and _grouped(table, n)}
    cut, parts = 0, {role: [] for role in roles}
    for chunk in chunks(table.rows, _CHUNK):
        if table.exact:
            whole = [row for row in chunk if len(row) == table.width or (len(row) >= width and _fits(row, lead))]
        else:
            whole = [
                row if len(row) >= width else [*row, *[""] * (width - len(row))]
                for row in chunk
                if len(row) >= optional
            ]
        if len(whole) < len(chunk):
            cut += sum(any(row) for row in chunk) - sum(any(row) for row in whole)  # blank lines do not count
        if not whole:
            continue
        for role, texts in zip(roles, zip(*map(take, whole), strict=True), strict=True):
            if role in thousands:
                texts = [text.replace(",", "") for text in texts]
            parts[role].append(_array(role, texts, layout))
    if not any(parts.values()):
        raise ZooError(f"{table.where}: no row has the {width} columns that its layout needs.")
    return {role: np.concatenate(arrays) for role, arrays in parts.items() if arrays}, cut


def _grouped(table: Table, at: int) -> bool:
    """Return whether commas group thousands in a column (12,100), while points are decimal elsewhere in the file."""
    texts = [row[at].strip() for row in table.sample if at < len(row) and "," in row[at]]
    if not texts or not all(re.fullmatch(r"[-+]?\d{1,3}(?:,\d{3})+(?:\.\d*)?", text) for text in texts):
        return False
    return any(re.fullmatch(r"[-+]?\d+\.\d+", text.strip()) for row in table.sample[:20] for text in row)


def _lead(table: Table) -> int:
    """Return how many fields at the start of a row are values, typically: words behind them may be any number."""
    counts = [next((n for n, text in enumerate(row) if not is_value(text)), len(row)) for row in table.sample]
    return int(np.median(counts))


def _fits(row: Sequence[str], lead: int) -> bool:
    return len(row) >= lead and all(map(is_value, row[:lead])) and (len(row) == lead or not is_value(row[lead]))


def _array(role: str, texts: Sequence[str], layout: Layout) -> np.ndarray:
    if role in _WORDS:
        try:
            return np.array(texts, dtype=np.bytes_)  # a quarter of what text takes
        except UnicodeEncodeError:
            return np.array([text.encode() for text in texts])
    if role in _PLACES:
        return coordinates(texts)
    if role == "month" and not texts[0].strip().isdigit():
        return np.array(
            [_number(text) if text[:1].isdigit() else month_number(text) or np.nan for text in texts], float
        )
    if role in ("hour", "hhmm") and ":" in texts[0]:
        return np.array(texts, dtype=np.bytes_)
    return numbers_of(texts)


def numbers_of(texts: Sequence[str]) -> np.ndarray:
    """Return numbers (n,), NaN where a text is not a number; a comma may be a decimal comma, letters may follow."""
    try:
        return np.array(texts, dtype=float)
    except ValueError:
        return np.array([_number(text) for text in texts])


def _number(text: str) -> float:
    text = text.strip()
    try:
        return float(text)
    except ValueError:
        pass
    # 5.0 km, 10.0f, 2.3ML, ML 2.3, M=2.3
    found = re.fullmatch(r"(?:[A-Za-z]{1,4}\s*[=:]?\s*)?([-+−]?\d+(?:[.,]\d*)?)\s*(?:km|[A-Za-z*]{1,4})?", text)
    return float(found[1].replace(",", ".").replace("−", "-")) if found else np.nan


def _texts(values: np.ndarray) -> list[str]:
    return [text.decode("utf-8", "replace").strip() for text in values.tolist()]


def _times(found: dict[str, np.ndarray], layout: Layout, table: Table, asked: Asked) -> np.ndarray:
    names = table.names
    first = next(
        layout.column[role] for role in ("time", "date", "clock", "year", "month", "doy") if role in layout.column
    )
    asked.name = names[first] if first < len(names) else ""
    own = Asked(None, asked.year, asked.where, notes=asked.notes)
    if "clock" in layout.column and layout.column["clock"] < len(names):
        own.name = names[layout.column["clock"]]
    if "time" in found:
        time = moments(found["time"], asked)
        return time + _seconds(found, 0 * np.zeros(len(time))) if "second" in found else time
    if "date" in found and "clock" in found and "second" not in found:
        return from_date_and_clock(found["date"], found["clock"], asked)
    parts = {role: found[role] for role in ("hour", "minute", "second") if role in found}
    if "hhmm" in found:
        value = found["hhmm"]
        parts |= {"hour": value // 100, "minute": value % 100}
    if "date" in found:
        days = moments(found["date"], asked)
        ms = clocks(found["clock"], own) if "clock" in found else _milliseconds(parts, len(days))
        if "clock" in found and "second" in found:
            ms = ms + _seconds(found, ms).astype(np.int64)
        made = days + np.where(np.isfinite(ms), np.round(ms), 0).astype("timedelta64[ms]")
        made[~np.isfinite(ms)] = np.datetime64("NaT")
        return made
    if "clock" in found:
        ms = clocks(found["clock"], own)
        parts = {"clock": ms + _seconds(found, ms).astype(np.int64) if "second" in found else ms}
    count = len(next(iter(found.values())))
    year = found.get("year", np.full(count, np.nan if asked.year is None else float(asked.year)))
    return from_numbers(
        {role: found[role] for role in ("month", "day", "doy") if role in found} | parts | {"year": year}, asked
    )


def _seconds(found: Mapping[str, np.ndarray], ms: np.ndarray) -> np.ndarray:
    """Return the seconds (n,), timedelta64[ms], of a column beside times that go to the minute."""
    second = found["second"]
    fine = np.isfinite(second) & (second >= 0) & (second <= 61)
    return np.where(fine, np.round(1000 * np.where(fine, second, 0)), 0).astype("timedelta64[ms]")


def _readable(time: np.ndarray, found: Mapping[str, np.ndarray], table: Table) -> None:
    """Refuse times most of which cannot be read, with what they look like."""
    lost = np.isnat(time)
    if lost.mean() <= 0.25:
        return
    row = int(np.argmax(lost))
    parts = [
        found[role][row] for role in ("time", "date", "clock", "year", "month", "day", "doy", "hour") if role in found
    ]
    shown = " ".join(v.decode("utf-8", "replace").strip() if isinstance(v, bytes) else f"{v:g}" for v in parts)
    raise ZooError(
        f"{table.where}: {len(time) - lost.sum()} of {len(time)} rows can be used; {lost.sum()} have no time that "
        f"can be read, such as {shown!r}. Known are ISO (2019-01-05T13:11:10.7Z), 05/01/2019 1:11 PM, 5 Jan 2019, "
        "20190105131110, day of the year, decimal years, seconds since 1970, and serial days. Say how it is written: "
        "--time-format "
        "'%d.%m.%Y %H:%M:%S', or which columns hold it: --columns date=NAME time=NAME."
    )


def _milliseconds(parts: Mapping[str, np.ndarray], count: int) -> np.ndarray:
    ms = np.zeros(count)
    for name, unit_ms, most in (("hour", 3_600_000, 24), ("minute", 60_000, 60), ("second", 1000, 61)):
        if name in parts:
            values = np.where(np.isfinite(parts[name]), parts[name], 0 if name == "second" else np.nan)
            ms = np.where((values < 0) | (values > most), np.nan, ms + values * unit_ms)
    return ms


def _zones(texts: np.ndarray) -> np.ndarray:
    """Return by how much times are ahead of UTC (n,), timedelta64[ms], for texts such as +02:00; else 0."""
    names, which = np.unique(texts, return_inverse=True)
    ahead = []
    for name in names.tolist():
        found = re.search(rb"([+-])(\d\d?):?(\d\d)", name)
        minutes = 60 * int(found[2]) + int(found[3]) if found else 0
        ahead.append(60_000 * (-minutes if found and found[1] == b"-" else minutes))
    return np.array(ahead)[which].astype("timedelta64[ms]")


def _all_at_midnight(time: np.ndarray, notes: list[str]) -> None:
    good = time[~np.isnat(time)]
    if len(good) > 1 and (good.astype(np.int64) % 86_400_000 == 0).mean() > 0.9:
        notes.append("nearly all times are at 00:00: the file seems to hold dates without times of day")
