"""Which column of a catalogue holds what: by what the user says, by names, by what stands in the rows.

A column is called by what it holds (`ROLES`); `Layout.column` says where each stands. Names and content have to agree:
a latitude of 117 is none, and a column of times of day is never left unused beside dates.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from zoo.errors import UsageError, ZooError, did_you_mean
from zoo.seismicity.catalogues.asked import Asked
from zoo.seismicity.catalogues.content import Column, columns_of, find_time
from zoo.seismicity.catalogues.guess import find_depth_and_magnitude, find_place, known_order
from zoo.seismicity.catalogues.layout import Table
from zoo.seismicity.catalogues.names import Meaning, key, meaning, run
from zoo.seismicity.catalogues.roles import LENGTHS, ROLES, TIMES, Layout
from zoo.seismicity.catalogues.time_columns import no_clock_left, timely, times_by_name

_SCALES = ("", "mw", "ml")
"""Of several magnitudes that are filled alike the first of these scales is taken, then the first in the file."""


def recognise(table: Table, given: Mapping[str, str | int] | None, asked: Asked) -> Layout:
    """Return which column of a table holds what.

    Args:
        table: rows and names.
        given: role -> name or number of its column, as the user says.
        asked: what the user says of the times.

    Raises:
        ZooError: if there is no time or no place, or two readings of one are plausible.
        UsageError: if `given` names a role or a column that is not there.
    """
    columns = columns_of(table.sample, table.width)
    layout = _given(given, table)
    explicit = set(layout.column)
    if not table.names and not explicit & {"time", "date", "year", "longitude", "latitude", "x", "y"}:
        if found := known_order(columns):
            name, roles = found
            layout.column = roles | layout.column
            layout.notes.append(f"no header: the columns are {name}")
    meanings = _meanings(table, columns)
    if not explicit & set(TIMES):
        times_by_name(layout, meanings, columns, table, asked)
    elif "date" in explicit and "time" in explicit:
        layout.column["clock"] = layout.column.pop("time")
    _places_by_name(layout, meanings, columns, explicit)
    _others_by_name(layout, meanings, columns, table, explicit)
    _by_content(layout, columns, table, asked)
    return _checked(layout, columns, table, asked)


def _meanings(table: Table, columns: Sequence[Column]) -> list[Meaning]:
    runs = run(table.names)
    made = [meaning(name) for name in table.names[: table.width]]
    for number, role in runs.items():
        if number < len(made):
            made[number] = replace(made[number], role=role, unit="")
    for number, name in enumerate(table.names[: table.width]):
        if number not in runs and key(name) == "h":  # the depth, in Eastern Europe
            made[number] = replace(made[number], role="depth")
    # "Julian day" is the day of the year for some, and counts from -4712 for others.
    for number, each in enumerate(made):
        if each.role == "doy" and columns[number].numeric and columns[number].number.max() > 366:
            made[number] = replace(each, role="time")
    return made


def _places_by_name(layout: Layout, meanings: Sequence[Meaning], columns: Sequence[Column], explicit: set[str]) -> None:
    """Enter longitude and latitude (with minutes and hemispheres), or x and y, by their names."""
    if {"longitude", "latitude"} <= set(layout.column) or {"x", "y"} <= explicit:
        return
    for role in ("longitude", "latitude", "x", "y"):
        if role in layout.column or (role in "xy" and {"longitude", "latitude"} <= set(layout.column)):
            continue
        # A pair stands together: of several longitudes the first.
        fits = [n for n, m in enumerate(meanings) if m.role == role and n not in layout.column.values()]
        fits = [n for n in fits if columns[n].numeric or np.isfinite(columns[n].number).sum() > 0]
        if not fits:
            continue
        layout.column[role] = fits[0]
        if meanings[fits[0]].side < 0:
            layout.side[role] = -1
        if role in "xy" and meanings[fits[0]].unit in ("m", "km", "ft"):
            layout.unit.setdefault(role, meanings[fits[0]].unit)
    for axis, letters, role in (("latitude", "ns", "ns"), ("longitude", "ew", "ew")):
        if axis not in layout.column:
            continue
        at = layout.column[axis]
        for part in ("minute", "second"):
            n = next((n for n, m in enumerate(meanings) if m.role == f"{axis}_{part}"), None)
            if n is not None:
                layout.column[f"{axis}_{part}"] = n
        # The hemisphere stands in the name's column, or next to the degrees as a column of single letters.
        named = [n for n, m in enumerate(meanings) if m.role == role]
        beside = [at + 1, at - 1, *(layout.column[p] + 1 for p in (f"{axis}_minute",) if p in layout.column)]
        for n in [*named, *beside]:
            if 0 <= n < len(columns) and _letters(columns[n], letters):
                layout.column[role] = n
                layout.side.pop(axis, None)
                break


def _letters(column: Column, letters: str) -> bool:
    allowed = set(letters.upper()) | ({"O"} if letters == "ew" else set())
    words = {"NORTH", "SOUTH", "EAST", "WEST", "NORTE", "SUR", "ESTE", "OESTE", "NORD", "SUD", "EST", "OUEST", "OVEST"}
    found = {text.upper() for text in column.filled}
    return bool(found) and len(column.filled) > 0.9 * len(column.texts) and found <= allowed | words


def _others_by_name(
    layout: Layout, meanings: Sequence[Meaning], columns: Sequence[Column], table: Table, explicit: set[str]
) -> None:
    """Enter depth, magnitudes, type of event and its name, by the names of their columns."""
    taken = set(layout.column.values())
    if "depth" not in layout.column:
        for n, m in enumerate(meanings):
            if m.role == "depth" and n not in taken and columns[n].kind in ("number", "text"):
                layout.column["depth"] = n
                if m.unit in ("m", "km", "ft"):
                    layout.unit["depth"] = m.unit
                break
    if "magnitude" not in explicit and "magnitude" not in layout.column:
        found = [
            (n, m.scale)
            for n, m in enumerate(meanings)
            if m.role == "magnitude" and n not in taken and not m.unit and columns[n].kind in ("number", "text")
        ]
        rank = {scale: at for at, scale in enumerate(_SCALES)}
        found.sort(key=lambda each: (rank.get(each[1], len(rank)), each[0]))
        layout.magnitudes = [(n, table.names[n].strip()) for n, _ in found]
    if "type" not in layout.column:
        n = next((n for n, m in enumerate(meanings) if m.role == "type" and n not in taken), None)
        if n is not None:
            layout.column["type"] = n
    if "id" not in layout.column:
        # Only a column that says so by its name names events: several rows of one event are one.
        names = ("eventid", "evid", "publicid", "event", "evnum", "cuspid", "eventno", "isceventid")
        n = next((n for n, m in enumerate(meanings) if m.role == "id" and key(table.names[n]) in names), None)
        if n is not None:
            layout.column["id"] = n
    n = next((n for n, m in enumerate(meanings) if m.role == "prime"), None)
    if n is not None and "id" in layout.column:
        layout.column["prime"] = n


def _by_content(layout: Layout, columns: Sequence[Column], table: Table, asked: Asked) -> None:
    """Enter what is missing by what stands in the rows."""
    where = f"{table.where} (first row: {' '.join(table.sample[0])[:120]})"
    taken = set(layout.column.values()) | {n for n, _ in layout.magnitudes}
    taken |= {n for n in range(len(table.names)) if not timely(table, n)}  # when it was updated is no origin time
    guessed = set(layout.column)
    if not {"time", "date", "year", "month", "doy"} & set(layout.column):
        layout.column |= find_time(columns, taken, where)
        taken |= set(layout.column.values())
    time = {"time", "date", "year", "month", "doy"} & set(layout.column)
    known = {"longitude", "latitude"} <= set(layout.column) or {"x", "y"} <= set(layout.column)
    if time and not known and not {"longitude", "latitude", "x", "y"} & set(layout.column):
        place = find_place(columns, taken, where, layout.notes)
        layout.column |= place
        taken |= set(place.values())
        for axis, letters, role in (("latitude", "ns", "ns"), ("longitude", "ew", "ew")):
            if place and place[axis] + 1 < len(columns) and _letters(columns[place[axis] + 1], letters):
                layout.column[role] = place[axis] + 1
        if place and not table.names and "depth" not in layout.column and "magnitude" not in layout.column:
            layout.column |= find_depth_and_magnitude(columns, taken, place, where, layout.notes)
    elif time and not table.names and {"longitude", "latitude"} <= guessed and not {"depth", "magnitude"} & guessed:
        place = {axis: layout.column[axis] for axis in ("longitude", "latitude")}
        layout.column |= find_depth_and_magnitude(columns, taken, place, where, layout.notes)
    if {"time", "clock"} & set(layout.column):
        # AM and PM, or the zone, may have a column of their own.
        for n, column in enumerate(columns):
            if n in layout.column.values() or not column.filled:
                continue
            if all(re.fullmatch(r"[AaPp]\.?\s?[Mm]\.?", text) for text in column.filled[:200]):
                layout.column["half"] = n
            elif all(
                re.fullmatch(r"(?:UTC|GMT)?[+-]\d\d?:\d\d|(?:UTC|GMT)?[+-]\d{4}", text) for text in column.filled[:200]
            ):
                layout.column["zone"] = n
    new = {role: n for role, n in layout.column.items() if role not in guessed}
    if new:
        order = [f"{role} {n + 1}" for role, n in sorted(new.items(), key=lambda item: item[1])]
        said = "no header: " if not table.names else "by what stands in them "
        layout.notes.append(f"{said}the columns were taken for {', '.join(order)} (or say --columns)")


def _checked(layout: Layout, columns: Sequence[Column], table: Table, asked: Asked) -> Layout:
    """Return the layout without what it does not need, refused without a time, a place or a clock that is there."""
    has = set(layout.column)
    missing = []
    if not ({"time", "date", "year"} & has or (asked.year and {"month", "doy"} & has)):
        missing.append("a time (time, or date and time, or year, month, day, hour, minute, second)")
    elif "year" in has and not {"month", "doy"} & has:
        missing.append("a date (there are years alone)")
    if not ({"longitude", "latitude"} <= has or {"x", "y"} <= has):
        missing.append("a place (longitude and latitude, or x and y)")
    if missing:
        listed = f"the columns {', '.join(name or '(no name)' for name in table.names)}" if table.names else "no header"
        raise ZooError(
            f"{table.where} has {listed} (first row: {' '.join(table.sample[0])[:120]}); {' and '.join(missing)} is "
            "missing. Say which columns they are, by name or by number from 1: --columns time=NAME longitude=NAME "
            "latitude=NAME depth=NAME magnitude=NAME, or date=, hour=, minute=, x_km=, y_km= ..."
        )
    for pair in (("longitude", "latitude"), ("x", "y")):
        if len(has & set(pair)) == 1:
            for role in pair:
                layout.column.pop(role, None)
    if layout.geographic:
        for role in "xy":
            layout.column.pop(role, None)
    no_clock_left(layout, columns, table)
    return layout


def _given(given: Mapping[str, str | int] | None, table: Table) -> Layout:
    """Return the layout that `--columns` says."""
    layout = Layout({})
    names = table.names
    for word, value in (given or {}).items():
        said = meaning(word)
        role = said.role if said.role in ROLES or said.role in ("hhmm", "hhmmss") else ""
        role = role or (word.strip().lower() if word.strip().lower() in ROLES else "")
        if not role:
            raise UsageError(f"--columns: {word!r} is not something that a catalogue holds.{did_you_mean(word, ROLES)}")
        if role in LENGTHS and said.unit in ("m", "km", "ft"):
            layout.unit[role] = said.unit
        if said.side < 0:
            layout.side[role] = -2  # said by the user: no doubt about it
        wanted = str(value).strip()
        same = [n for n, name in enumerate(names) if name.strip().lower() == wanted.lower()]
        same = same or [n for n, name in enumerate(names) if key(name) == key(wanted) and wanted]
        if same:
            at = same[0]
        elif wanted.isdigit() and 1 <= int(wanted) <= table.width:
            at = int(wanted) - 1
        else:
            known = (
                did_you_mean(wanted, names) if names else f" It has {table.width} columns and no header: give a number."
            )
            raise UsageError(f"--columns {word}={wanted}: {table.where} has no such column.{known}")
        role = "clock" if role == "hhmmss" else role
        if role == "magnitude":
            layout.magnitudes = [(at, "")]
        layout.column[role] = at
    return layout
