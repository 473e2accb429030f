"""Picks of anybody, as columns; `pick_files` reads them."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np

from zoo.errors import ZooError
from zoo.foreign import reader

_DAY_S, _YEAR_S = 86400.0, 365.25 * 86400.0
_TABLES = (".csv", ".tsv", ".txt", ".dat")
_OF_EVENTS = (".obs", ".nlloc_obs", ".hyp", ".pha", ".phs", ".nordic", ".sfile", ".out")
_XML = (".xml", ".qml", ".quakeml", ".scml", ".sc3ml")
_SAME_S = 0.1  # a phase arrives once: picks of it that are closer are of two pickers, or of two sensors
_MOST_S = 1000 * _YEAR_S  # of a time: what is later are milliseconds, or finer


@dataclass(frozen=True)
class PickTable:
    """Picks as columns, in order of time; "pick" is what was observed, "arrival" what is computed.

    >>> picks = PickTable(("IV.ARRO", "IV.ARRO"), np.array(["S", "P"]), np.array([20.0, 10.0]))
    >>> picks.phase.tolist(), len(picks), picks.event.tolist()
    (['P', 'S'], 2, [-1, -1])
    """

    station: tuple[str, ...]
    """(n,) "IV.ARRO", or longer codes"""
    phase: np.ndarray
    """(n,) "P" or "S" """
    time_s: np.ndarray
    """(n,) since 1970 UTC"""
    probability: np.ndarray | None = None
    """(n,) of the picker, NaN where it is not known; None: all NaN. Likewise the others."""
    amplitude: np.ndarray | None = None
    """(n,) in the picker's own unit"""
    uncertainty_s: np.ndarray | None = None
    """(n,) half width of a 68 % interval"""
    event: np.ndarray | None = None
    """(n,) number of the event that the file says it is of, -1: none; None: all -1"""
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        size = len(self.station)
        time_s = np.asarray(self.time_s, np.float64)
        if time_s.shape != (size,) or not np.isfinite(time_s).all():
            raise ZooError(
                f"{size} picks have times of shape {time_s.shape}; expected finite seconds since 1970, (n,)."
            )
        if size and np.abs(time_s).max() > _MOST_S:
            raise ZooError(
                f"A pick has the time {time_s[np.argmax(np.abs(time_s))]:g} s since 1970, the year "
                f"{1970 + np.abs(time_s).max() / _YEAR_S:.0f}; expected seconds. Are these milliseconds or finer?"
            )
        order = np.argsort(time_s, kind="stable")
        object.__setattr__(self, "station", tuple(self.station[i] for i in order))
        object.__setattr__(self, "time_s", time_s[order])
        object.__setattr__(self, "phase", np.asarray(self.phase, "<U1")[order] if size else np.zeros(0, "<U1"))
        if not np.isin(self.phase, ("P", "S")).all():
            raise ZooError(f"Phases of picks are {sorted(set(self.phase.tolist()))}; expected P and S.")
        for name in ("probability", "amplitude", "uncertainty_s"):
            values = getattr(self, name)
            values = np.full(size, np.nan) if values is None else np.asarray(values, np.float64)[order]
            object.__setattr__(self, name, values)
        event = np.full(size, -1) if self.event is None else np.asarray(self.event, np.int64)[order]
        object.__setattr__(self, "event", event)

    def __len__(self) -> int:
        return len(self.station)

    def select(self, chosen: np.ndarray, *notes: str) -> PickTable:
        """Return the picks that a mask or indices (n,) choose, with more notes."""
        rows = np.flatnonzero(chosen) if np.asarray(chosen).dtype == bool else np.asarray(chosen, int)
        arrays = {f.name: getattr(self, f.name)[rows] for f in fields(self) if f.name not in ("station", "notes")}
        return replace(self, station=tuple(self.station[i] for i in rows), notes=(*self.notes, *notes), **arrays)


def joined(tables: Sequence[PickTable]) -> PickTable:
    """Return the picks of several tables; their events stay apart.

    >>> one = PickTable(("A",), np.array(["P"]), np.array([1.0]), event=[0])
    >>> joined([one, one]).event.tolist()
    [0, 1]
    """
    if len(tables) == 1:
        return tables[0]
    shift, events = 0, []
    for table in tables:
        events.append(np.where(table.event >= 0, table.event + shift, -1))
        shift += int(table.event.max(initial=-1)) + 1
    names = ("phase", "time_s", "probability", "amplitude", "uncertainty_s")
    columns = {name: np.concatenate([getattr(table, name) for table in tables]) for name in names}
    codes = tuple(code for table in tables for code in table.station)
    notes = tuple(dict.fromkeys(note for table in tables for note in table.notes))
    return PickTable(codes, **columns, event=np.concatenate(events), notes=notes)


@reader("Copy or write it again.")
def read_picks(path: str | os.PathLike) -> PickTable:
    """Read picks: a CSV table, NonLinLoc's .obs, QuakeML, or what else ObsPy reads as events.

    Args:
        path: a table with columns for station (`station_id`, `trace_id`, or `station` and `network`), phase, and time
            (ISO 8601, or seconds since 1970): of `zoo annotate`, PhaseNet, SeisBench, GaMMA, PyOcto, or one's own;
            probability, amplitude, uncertainty and event are read where they are. Lines of NonLinLoc's .obs; events
            are apart by an empty line. QuakeML, SCML, Nordic, NonLinLoc's .hyp and others through ObsPy. A folder of
            `zoo annotate`: its picks.csv, or those of its days. A folder with a file an event (.obs, .hyp, .xml ...).

    Returns:
        The picks of P and S; their notes say what was left out or assumed.

    Raises:
        ZooError: the file is none of these, or a time cannot be read.

    >>> _ = Path("picks.csv").write_text("station_id,phase,time,probability\\nIV.ARRO,Pg,2016-10-14T00:00:00.5Z,0.9\\n")
    >>> picks = read_picks("picks.csv")
    >>> picks.station, picks.phase.tolist(), picks.time_s.tolist()
    (('IV.ARRO',), ['P'], [1476403200.5])
    """
    from zoo.field.pick_files import read_file

    path = Path(path)
    paths = [path]
    if path.is_dir():
        paths = [path / "picks.csv"] if (path / "picks.csv").is_file() else sorted(path.glob("days/*/picks.csv"))
        paths = paths or sorted(filter(_of_events, path.iterdir()))
    if not paths or not paths[0].is_file():
        raise ZooError(
            f"There are no picks at {path}; expected a file, or a folder with picks.csv, or files "
            f"of events ({', '.join(_OF_EVENTS)})."
        )
    picks = _once(joined([read_file(found) for found in paths]), path.name)
    return replace(picks, notes=(*picks.notes, *_odd_times(picks, path.name)))


def holds_picks(path: str | os.PathLike) -> bool:
    """Return whether a file is one of picks by its name, or a folder holds such (XML counts there if it is of events).

    >>> holds_picks("events.xml"), holds_picks("01-0411-15L.S201309"), holds_picks("day.mseed")
    (True, True, False)
    """
    path = Path(path)
    if path.is_dir():
        tables = (path / "picks.csv").is_file() or any(path.glob("days/*/picks.csv"))
        return tables or any(map(_of_events, path.iterdir()))
    return path.suffix.lower() in (*_TABLES, *_XML) or _of_events(path)


def _of_events(path: Path) -> bool:
    suffix = path.suffix.lower()
    if suffix in _XML and path.is_file():
        with open(path, "rb") as file:
            start = file.read(2000).lower()
        return any(word in start for word in (b"quakeml", b"<eventparameters", b"<event "))
    return suffix in _OF_EVENTS or re.fullmatch(r"\.s\d{6}", suffix) is not None  # SEISAN's: 01-0411-15L.S201309


def _once(picks: PickTable, where: str) -> PickTable:
    """Keep the most probable of picks of one phase at one station within `_SAME_S`; others would make events twice."""
    if not len(picks):
        return picks
    code = np.unique([".".join(text.split(".")[:2]) for text in picks.station], return_inverse=True)[1]
    order = np.lexsort((picks.time_s, picks.event, picks.phase == "S", code))
    keys = np.stack([code, picks.phase == "S", picks.event])[:, order]
    near = np.all(keys[:, 1:] == keys[:, :-1], axis=0) & (np.diff(picks.time_s[order]) < _SAME_S)
    certain = np.nan_to_num(picks.probability, nan=-1.0)
    keep, best = np.ones(len(picks), bool), order.copy()
    for j in np.flatnonzero(near) + 1:
        last, this = best[j - 1], order[j]
        if picks.time_s[this] - picks.time_s[last] < _SAME_S:
            best[j] = last if certain[last] >= certain[this] else this
            keep[this if best[j] == last else last] = False
    twice = int((~keep).sum())
    if not twice:
        return picks
    return picks.select(keep, f"{where}: {twice} picks lie within {_SAME_S:g} s of one of the same phase and station "
                        "that is as probable or more: left out")  # fmt: skip


def _odd_times(picks: PickTable, where: str) -> list[str]:
    if not len(picks):
        return [f"{where} holds no pick of P or S"]
    first, last = (f"{np.datetime64(int(np.floor(picks.time_s[i])), 's')}Z" for i in (0, -1))
    notes = []
    if future := int(np.sum(picks.time_s > time.time() + _DAY_S)):
        notes.append(f"{where}: {future} picks are of the future, the last at {last}")
    if picks.time_s[0] < 3 * _YEAR_S:
        notes.append(f"{where}: picks begin at {first}; times without a date are taken as seconds since 1970 UTC")
    if picks.time_s[-1] - picks.time_s[0] > 3 * _YEAR_S:
        years = (picks.time_s[-1] - picks.time_s[0]) / _YEAR_S
        notes.append(f"{where}: picks span {years:.0f} years, from {first} to {last}")
    return notes
