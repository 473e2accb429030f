"""Which columns with names hold the time: whole, as date and time of day, or in parts; in UTC before local."""

from __future__ import annotations

from collections.abc import Sequence

from zoo.errors import ZooError
from zoo.seismicity.catalogues.asked import Asked
from zoo.seismicity.catalogues.content import Column
from zoo.seismicity.catalogues.layout import Table
from zoo.seismicity.catalogues.names import Meaning, is_other_time
from zoo.seismicity.catalogues.roles import TIMES, Layout


def times_by_name(
    layout: Layout, meanings: Sequence[Meaning], columns: Sequence[Column], table: Table, asked: Asked
) -> None:
    """Enter the columns of the time by their names; those in UTC come before local ones."""
    if set(layout.column) & {"time", "date", "year"}:
        return
    timely = [n for n, m in enumerate(meanings) if m.role in TIMES and columns[n].kind != "empty"]
    in_utc = [n for n in timely if meanings[n].zone_h == 0]
    unlabelled = [n for n in timely if meanings[n].zone_h is None and not meanings[n].local]
    for chosen in (in_utc, in_utc + unlabelled, timely):
        found = _time_of(chosen, meanings, columns, asked)
        if found:
            found |= _second_beside(found, chosen, meanings, columns)
            layout.column |= found
            zones = {meanings[n].zone_h for n in found.values() if meanings[n].zone_h}
            local = any(meanings[n].local for n in found.values())
            if zones and chosen is not in_utc:
                layout.zone_h = zones.pop()
                layout.notes.append(
                    f"times are {layout.zone_h:+g} h ahead of UTC, as their name says, and were set back"
                )
            elif local:
                layout.notes.append("times are local, as their name says, and were taken as if they were UTC")
            elif in_utc and len(found.values()) and set(found.values()) <= set(in_utc) and unlabelled:
                names = ", ".join(table.names[n] for n in sorted(found.values()))
                layout.notes.append(f"times from the columns in UTC: {names}")
            return


def _time_of(
    chosen: Sequence[int], meanings: Sequence[Meaning], columns: Sequence[Column], asked: Asked
) -> dict[str, int]:
    """Return role -> column of a whole time among columns, {} where they hold none."""
    has: dict[str, int] = {}
    for n in chosen:
        has.setdefault(meanings[n].role, n)
    kinds = {n: columns[n].kind for n in chosen}
    moments_ = [n for n in chosen if kinds[n] == "moment" and meanings[n].role in ("time", "date", "clock")]
    clock = next(
        (n for n in chosen if kinds[n] == "clock" and meanings[n].role in ("time", "clock", "hhmm", "hhmmss", "hour")),
        None,
    )
    date = next((n for n in chosen if kinds[n] == "date" and meanings[n].role in ("date", "time")), None)
    if moments_ and not (clock is not None and _midnight(columns[moments_[0]])):
        return {"time": min(moments_, key=lambda n: meanings[n].role != "time")}
    if moments_:
        return {"date": moments_[0], "clock": clock}
    hours = {role: has[role] for role in ("hour", "minute", "second") if role in has and kinds[has[role]] == "number"}
    if date is not None and clock is not None:
        return {"date": date, "clock": clock}
    number = {role: n for role, n in has.items() if kinds[n] == "number"}
    parts: dict[str, int] = {}
    if {"year", "month", "day"} <= has.keys() or (asked.year and {"month", "day"} <= has.keys()):
        parts = {role: has[role] for role in ("year", "month", "day") if role in has}
    elif "doy" in number and ("year" in has or asked.year):
        parts = {role: has[role] for role in ("year", "doy") if role in has}
    elif date is not None:
        parts = {"date": date}
    elif "date" in number:
        parts = {"date": number["date"]}
    if parts:
        if clock is not None:
            return parts | {"clock": clock}
        if "hhmm" in number:
            return parts | {"hhmm": number["hhmm"]} | ({"second": has["second"]} if "second" in hours else {})
        compact = next((number[role] for role in ("hhmmss", "clock", "time") if role in number), None)
        if compact is not None and columns[compact].within(0, 240_000_000):
            return parts | {"clock": compact}
        if compact is not None and "date" in parts:
            return {"time": compact}
        if "hour" in hours and "minute" not in hours and columns[hours["hour"]].number.max() > 24:
            return parts | {"hhmm": hours["hour"]} | ({"second": hours["second"]} if "second" in hours else {})
        if "hour" in hours:
            return parts | hours
    if "time" in has and kinds[has["time"]] in ("number", "text"):
        return {"time": has["time"]}
    if date is not None and "date" not in parts:
        return {"date": date}
    return parts


def _second_beside(
    found: dict[str, int], chosen: Sequence[int], meanings: Sequence[Meaning], columns: Sequence[Column]
) -> dict[str, int]:
    """Return the column of seconds beside a time that goes to the minute, {} where there is none."""
    if "second" in found or not {"time", "clock"} & set(found):
        return {}
    at = found.get("clock", found.get("time"))
    texts = columns[at].filled[:50]
    if any(text.count(":") != 1 for text in texts) and not (columns[at].whole and columns[at].within(0, 2400)):
        return {}
    n = next((n for n in chosen if meanings[n].role == "second" and columns[n].within(0, 61)), None)
    return {} if n is None else {"second": n}


def _midnight(column: Column) -> bool:
    return all(" 00:00" in text or "T00:00" in text for text in column.filled[:50])


def no_clock_left(layout: Layout, columns: Sequence[Column], table: Table) -> None:
    """Refuse dates without a time of day beside a column that looks like one."""
    has = layout.column
    if "clock" in has or "hour" in has or "hhmm" in has:
        return
    if "time" in has and columns[has["time"]].kind in ("moment", "number"):
        return
    left = [n for n, c in enumerate(columns) if n not in has.values() and c.kind == "clock" and timely(table, n)]
    if left:
        names = ", ".join(table.names[n] if n < len(table.names) else str(n + 1) for n in left)
        raise ZooError(
            f"{table.where}: the dates have no time of day, and the column {names} looks like one. Say whether it is: "
            f"--columns date={_called(table, has.get('date', has.get('year', 0)))} time={_called(table, left[0])}."
        )


def timely(table: Table, n: int) -> bool:
    return n >= len(table.names) or not is_other_time(table.names[n])


def _called(table: Table, n: int) -> str:
    return table.names[n] if n < len(table.names) and table.names[n] else str(n + 1)
