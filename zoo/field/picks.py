"""Picks of anybody: CSV of many makers, QuakeML, NonLinLoc's .obs."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np

from zoo.errors import ZooError
from zoo.field.text_tables import named, needed, numbers, read_columns, read_text

_PHASE = re.compile(r"([PS])([gnb*]|diff)?[0-4]?")


@dataclass(frozen=True)
class PickTable:
    """Picks as columns, in order of time; "pick" is what was observed, "arrival" what is computed.

    >>> picks = PickTable(("IV.ARRO", "IV.ARRO"), np.array(["S", "P"]), np.array([20.0, 10.0]))
    >>> picks.phase.tolist(), len(picks)
    (['P', 'S'], 2)
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
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        size = len(self.station)
        time_s = np.asarray(self.time_s, np.float64)
        if time_s.shape != (size,) or not np.isfinite(time_s).all():
            raise ZooError(
                f"{size} picks have times of shape {time_s.shape}; expected finite seconds since 1970, (n,)."
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

    def __len__(self) -> int:
        return len(self.station)

    def select(self, chosen: np.ndarray, *notes: str) -> PickTable:
        """Return the picks that a mask or indices (n,) choose, with more notes."""
        rows = np.flatnonzero(chosen) if np.asarray(chosen).dtype == bool else np.asarray(chosen, int)
        arrays = {f.name: getattr(self, f.name)[rows] for f in fields(self) if f.name not in ("station", "notes")}
        return replace(self, station=tuple(self.station[i] for i in rows), notes=(*self.notes, *notes), **arrays)


def read_picks(path: str | os.PathLike) -> PickTable:
    """Read picks: a CSV table, QuakeML, NonLinLoc's .obs, or what else ObsPy reads as events.

    Args:
        path: a table with columns for station (`station_id`, `trace_id`, or `station` and `network`), phase, and time
            (ISO 8601, or seconds since 1970): of `zoo annotate`, PhaseNet, SeisBench, GaMMA, PyOcto, or one's own;
            probability, amplitude and uncertainty are read where they are. A folder of `zoo annotate`: its picks.csv.

    Returns:
        The picks of P and S; their notes say what was left out or assumed.

    Raises:
        ZooError: the file is none of these, or a time cannot be read.

    >>> _ = Path("picks.csv").write_text("station_id,phase,time,probability\\nIV.ARRO,Pg,2016-10-14T00:00:00.5Z,0.9\\n")
    >>> picks = read_picks("picks.csv")
    >>> picks.station, picks.phase.tolist(), picks.time_s.tolist()
    (('IV.ARRO',), ['P'], [1476403200.5])
    """
    path = Path(path)
    if path.is_dir():
        path = path / "picks.csv"
    if not path.is_file():
        raise ZooError(f"There is no {path}; expected a file of picks, or the folder that zoo annotate wrote.")
    start = path.read_bytes()[:2000]
    if path.suffix.lower() in (".csv", ".txt", ".tsv") and not start.lstrip().startswith(b"<"):
        return _table(read_text(path, "Picks"), path.name)
    if path.suffix.lower() == ".obs" and not start.lstrip().startswith(b"<"):
        return _nonlinloc(read_text(path, "Picks"), path.name)
    return _events(path)


def _table(text: str, where: str) -> PickTable:
    columns = read_columns(text, where)
    if named(columns, r"itp|p_idx") and not named(columns, r"time|phase_time"):
        raise ZooError(
            f"{where} has sample numbers of picks (PhaseNet's old table), not times. Run PhaseNet with its CSV of "
            "station_id, phase_time, phase_score, phase_type, or add a column time."
        )
    time = needed(columns, r"phase_time|peak_time|pick_time|arrival_time|timestamp|time|datetime|time_utc|utc",
                  "the time", where)  # fmt: skip
    phase = needed(columns, r"phase|phase_type|phase_hint|phase_label|type|pick_type|label", "the phase", where)
    code = named(columns, r"station_id|trace_id|seed_id|id|waveform_id") or needed(
        columns, r"station|sta|station_?code|station_name", "the station", where
    )
    network = named(columns, r"network|net|network_?code")
    codes = columns[code]
    if network is not None and not any("." in text for text in codes):
        codes = [f"{net}.{text}" if net else text for net, text in zip(columns[network], codes, strict=True)]

    def optional(pattern: str) -> np.ndarray:
        name = named(columns, pattern)
        return np.full(len(codes), np.nan) if name is None else numbers(columns[name], name, where, empty=np.nan)

    times, notes = parse_times(columns[time], f"{where}, column {time}")
    return _made(
        codes,
        columns[phase],
        times,
        optional(r"probability|prob|phase_score|score|peak_value|p|confidence"),
        optional(r"amplitude|amp|phase_amplitude|phase_amp"),
        optional(r"uncertainty(_s)?|sigma(_s)?|time_error(_s)?|std|error_s"),
        where,
        notes,
    )


def _made(
    codes: Sequence[str],
    phases: Sequence[str],
    times_s: np.ndarray,
    probability: np.ndarray,
    amplitude: np.ndarray,
    uncertainty_s: np.ndarray,
    where: str,
    notes: list[str],
) -> PickTable:
    """Return the picks of P and S, each once, with notes on the others."""
    known = {text: match[1] if (match := _PHASE.fullmatch(_upper(text.strip()))) else "" for text in set(phases)}
    names = np.array([known[text] for text in phases], "<U1")
    good = names != ""
    if not good.all():
        other = sorted({text for text in phases if not known[text]})
        notes.append(
            f"{where}: {int((~good).sum())} picks of phases that are neither P nor S are left out: {other[:6]}"
        )
    seen: set[tuple[str, str, float]] = set()
    for i in np.flatnonzero(good):
        key = codes[i], names[i], float(times_s[i])
        good[i] = key not in seen
        seen.add(key)
    twice = int((names != "").sum() - good.sum())
    if twice:
        notes.append(f"{where}: {twice} picks stand twice and are used once")
    rows = np.flatnonzero(good)
    return PickTable(
        tuple(codes[i] for i in rows), names[rows], times_s[rows], probability[rows], amplitude[rows],
        uncertainty_s[rows], tuple(notes),
    )  # fmt: skip


def _upper(phase: str) -> str:
    return phase[:1].upper() + phase[1:]


def parse_times(texts: Sequence[str], where: str) -> tuple[np.ndarray, list[str]]:
    """Return times as seconds since 1970 UTC (n,), and notes.

    >>> parse_times(["1970-01-01 00:01:00", "1970-01-01T01:00:00+01:00", "2.5"], "times")[0].tolist()
    [60.0, 0.0, 2.5]
    """
    made = np.empty(len(texts))
    bare = 0
    for i, text in enumerate(texts):
        text = text.strip()
        zone = re.search(r"([+-]\d\d):?(\d\d)$", text) if "T" in text or ":" in text else None
        shift_s = 0.0
        if zone:
            shift_s = int(zone[1]) * 3600.0 + (-60.0 if zone[1][0] == "-" else 60.0) * int(zone[2])
        elif ":" in text and text[-1:] not in "zZ":
            bare += 1
        try:
            if "-" not in text[1:] and ":" not in text:
                made[i] = float(text)
                continue
            clean = (text[: zone.start()] if zone else text).rstrip("zZ").strip().replace(" ", "T").replace("/", "-")
            made[i] = np.datetime64(clean, "ns").astype(np.int64) / 1e9 - shift_s
        except ValueError as error:
            raise ZooError(
                f"{where}, row {i + 2}: {text!r} is no time; expected 2016-10-14T00:00:09.12Z, or seconds since 1970."
            ) from error
    return made, [f"{where}: times without a zone are taken as UTC"] if bare else []


def _nonlinloc(text: str, where: str) -> PickTable:
    """Read the lines of NonLinLoc's phase file; stations have no network there."""
    rows = []
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.split()
        if len(words) < 9 or line[0] == "#":
            continue
        try:
            day = f"{words[6][:4]}-{words[6][4:6]}-{words[6][6:8]}"
            clock = words[7].zfill(4)
            # Seconds may be 60 and more, or negative, in these files.
            second_s = 3600 * int(clock[:2]) + 60 * int(clock[2:]) + float(words[8])
            time_s = float(np.datetime64(day, "s").astype(np.int64)) + second_s
            error_s = float(words[10]) if len(words) > 10 and words[9] == "GAU" else np.nan
        except ValueError as error:
            raise ZooError(f"{where}, line {number}: {line.strip()!r} is no pick of NonLinLoc ({error}).") from error
        rows.append((words[0], words[4], time_s, error_s if error_s > 0 else np.nan))
    if not rows:
        raise ZooError(f"{where} holds no pick; expected lines like 'AAA ? ? ? P U 20060719 1104 30.8 GAU 0.02'.")
    codes, phases, times_s, errors_s = zip(*rows, strict=True)
    none = np.full(len(rows), np.nan)
    notes = [f"{where}: times are taken as UTC"]
    return _made(codes, phases, np.array(times_s), none, none, np.array(errors_s), where, notes)


def _events(path: Path) -> PickTable:
    from obspy import read_events

    try:
        catalog = read_events(str(path))
    except Exception as error:  # ObsPy raises whatever its readers meet
        raise ZooError(
            f"{path.name} is neither a table (.csv) nor a file of events that ObsPy reads "
            f"({type(error).__name__}: {error})."
        ) from error
    picks = [pick for event in catalog for pick in event.picks]
    amplitudes = {a.pick_id: a.generic_amplitude for event in catalog for a in event.amplitudes if a.pick_id}

    def comment(pick, key: str) -> float:
        found = (re.search(rf"{key}=([-+.\deE]+)", c.text or "") for c in pick.comments)
        return next((float(match[1]) for match in found if match), np.nan)

    return _made(
        [".".join(filter(None, (p.waveform_id.network_code, p.waveform_id.station_code))) for p in picks],
        [p.phase_hint or "" for p in picks],
        np.array([p.time.ns / 1e9 for p in picks]),
        np.array([comment(p, "probability") for p in picks]),
        np.array([amplitudes.get(p.resource_id) or comment(p, "amplitude") for p in picks], float),
        np.array([p.time_errors.uncertainty or np.nan for p in picks], float),
        path.name,
        [],
    )
