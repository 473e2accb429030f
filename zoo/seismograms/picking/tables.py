"""Results as rows: JSON of a unit, and the tables of a day (CSV, Parquet, QuakeML)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.files import write_with
from zoo.seismograms.picking.results import StationPick, Window, write_picks, write_windows
from zoo.seismograms.picking.windows import CLASS, Shape

if TYPE_CHECKING:
    import pyarrow

Row = StationPick | Window


def encode(rows: Sequence[Row]) -> list[list[Any]]:
    """Return rows as JSON's types: times are whole nanoseconds since 1970.

    >>> from obspy import UTCDateTime
    >>> pick = StationPick("XX", "AAA", "", "HHZ", "P", UTCDateTime(2020, 1, 1), 0.9)
    >>> encode([pick])
    [['XX', 'AAA', '', 'HHZ', 'P', 1577836800000000000, 0.9]]
    >>> decode(encode([pick]), StationPick) == [pick]
    True
    """
    return [[value.ns if hasattr(value, "ns") else value for value in row] for row in rows]


def decode(rows: Sequence[Sequence[Any]], kind: type[Row]) -> list[Row]:
    """Return what `encode` was given; `kind` is the type of the rows."""
    from obspy import UTCDateTime

    timed = [_is_time(kind, name) for name in kind._fields]
    return [
        kind(*(UTCDateTime(ns=value) if time else value for value, time in zip(row, timed, strict=True)))
        for row in rows
    ]


def _is_time(kind: type[Row], name: str) -> bool:
    return "UTCDateTime" in _about(kind, name)


def _about(kind: type[Row], name: str) -> str:
    """Return the annotation of a field as it is written: "float | None"."""
    annotation = kind.__annotations__[name]
    return getattr(annotation, "__forward_arg__", str(annotation))


def kind_of(shape: Shape) -> type[Row]:
    """Return the type of the rows that a model gives."""
    return Window if shape.answers == CLASS else StationPick


def begins_ns(row: Row) -> int:
    """Return the time by which a row belongs to a unit: of the pick, or of the window's first sample."""
    return (row.start if isinstance(row, Window) else row.time).ns


def write_day(rows: Sequence[Row], shape: Shape, folder: Path) -> None:
    """Write a day's rows, in order of station and time: picks.csv, .parquet, .xml (QuakeML), or windows.csv, .parquet.

    Args:
        rows: picks or windows of a day.
        shape: what the model takes and gives.
        folder: of the day.
    """
    rows = sorted(rows, key=lambda row: (row.network, row.station, begins_ns(row), row[4]))
    if shape.answers == CLASS:
        write_windows(rows, shape.labels, folder)
    else:
        write_picks(rows, shape.method, folder)
    name = "windows" if shape.answers == CLASS else "picks"
    write_parquet(rows, kind_of(shape), shape.labels, folder / f"{name}.parquet")


def write_parquet(rows: Sequence[Row], kind: type[Row], labels: Sequence[str], path: Path) -> None:
    """Write rows as Parquet, with the columns of the CSV; times are timestamps (ns, UTC), missing values are null."""
    import pyarrow as pa
    import pyarrow.parquet as parquet

    columns: dict[str, pyarrow.Array] = {}
    for place, name in enumerate(kind._fields):
        values = [row[place] for row in rows]
        about = _about(kind, name)
        if about.startswith("dict"):
            for label in labels:
                columns[f"probability_{label}"] = pa.array([value[label] for value in values], pa.float64())
        elif _is_time(kind, name):
            columns[name] = pa.array([v and v.ns for v in values], pa.timestamp("ns", "UTC"))
        else:
            columns[name] = pa.array(values, _arrow_type(about), from_pandas=True)  # NaN becomes null
    write_with(path, lambda temporary: parquet.write_table(pa.table(columns), temporary))


def _arrow_type(about: str) -> pyarrow.DataType:
    """Return the type of a column by the annotation of its field, so that empty days have the same."""
    import pyarrow as pa

    types: Mapping[str, pyarrow.DataType] = {"str": pa.string(), "float": pa.float64(), "int": pa.int64()}
    return types[about.split("|")[0].strip()]
