"""Files of picks: tables of many makers, NonLinLoc's .obs, and what ObsPy reads as events."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from zoo.errors import ZooError
from zoo.field.picks import PickTable
from zoo.field.text_tables import named, needed, numbers, parse_times, plain, read_columns, read_text

_PHASE = re.compile(r"[IE]?([PS])([gnbGNB*]|diff)?[0-4]?")  # Pg, PN, P1, and onsets: iP, eSg
_OBS_LINE = re.compile(r"\S+\s+\S+\s+\S+\s+\S+\s+\S+\s+\S+\s+\d{8}\s+\d{1,4}\s+-?\d+\.?\d*")
_OBS_WORDS = ("PUBLIC_ID", "QUALITY", "PHASE", "END_PHASE", "COMMENT", "GEOGRAPHIC", "FOCALMECH")  # between events
_NO_EVENT = ("", "-1", "-1.0", "nan", "none", "null")


def read_file(path: Path) -> PickTable:
    """Return the picks of one file, whichever kind it is; see `zoo.field.picks.read_picks`.

    >>> line = "AAA ? ? ? P U 20060719 1104 30.8 GAU 0.02 -1 -1 -1 -1"
    >>> _ = Path("made.obs").write_text(line + "\\n\\n" + line.replace("1104", "1204") + "\\n")
    >>> read_file(Path("made.obs")).event.tolist()
    [0, 1]
    """
    start = path.read_bytes()[:4000]
    if not start.lstrip().startswith(b"<"):
        lines = [line for line in start.decode("utf-8", "replace").splitlines() if line.strip() and line[0] != "#"]
        if any(_OBS_LINE.match(line) for line in lines[:5]) and not lines[0].startswith("NLLOC"):
            return _nonlinloc(read_text(path, "Picks"), path.name)
        text_table = path.suffix.lower() in (".txt", ".dat") and lines and re.search("phase|type", lines[0], re.I)
        if path.suffix.lower() in (".csv", ".tsv") or text_table:
            return _table(read_text(path, "Picks"), path.name)
    return _events(path)


def _table(text: str, where: str) -> PickTable:
    columns = read_columns(text, where)
    if named(columns, r"itp|p_idx") and not named(columns, r"time|phase_time"):
        raise ZooError(
            f"{where} has sample numbers of picks (PhaseNet's old table), not times. Run PhaseNet with its CSV of "
            "station_id, phase_time, phase_score, phase_type, or add a column time."
        )
    if named(columns, r"p_(arrival_)?time") and not named(columns, r"phase_time|time|phase|phase_type"):
        columns = _one_phase_a_row(columns)
    time = needed(columns, r"phase_time|peak_time|pick_time|arrival_time|timestamp|time(_s)?|datetime|time_utc|utc",
                  "the time", where)  # fmt: skip
    phase = needed(columns, r"phase|phase_type|phase_hint|phase_label|type|pick_type|label", "the phase", where)
    code = (  # "id" is a station in some tables, and the number of the row in others, which have a column station
        named(columns, r"station_id|trace_id|seed_id|waveform_id")
        or named(columns, r"station|sta|station_?code|station_name")
        or needed(columns, r"id", "the station", where)
    )
    network = named(columns, r"network|net|network_?code")
    codes = columns[code]
    if network is not None and not any("." in text for text in codes):
        codes = [f"{net}.{text}" if net else text for net, text in zip(columns[network], codes, strict=True)]

    def optional(pattern: str) -> np.ndarray:
        name = named(columns, pattern)
        return np.full(len(codes), np.nan) if name is None else numbers(columns[name], name, where, empty=np.nan)

    times, notes = parse_times(columns[time], f"{where}, column {time}")
    event = named(columns, r"event|event_(id|index|idx|number)|evid|evt_id")
    return _made(
        codes,
        columns[phase],
        times,
        optional(r"probability|prob|phase_score|score|peak_value|p|confidence"),
        optional(r"amplitude|amp|phase_amplitude|phase_amp"),
        optional(r"uncertainty(_s)?|sigma(_s)?|time_error(_s)?|std|error_s"),
        _numbered(columns[event]) if event else np.full(len(codes), -1),
        where,
        notes,
    )


def _one_phase_a_row(columns: dict[str, list[str]]) -> dict[str, list[str]]:
    """Return a table of P and S in rows of their own, of one that has both in a row (EQTransformer's)."""
    made: dict[str, list[str]] = {"phase": [], "time": [], "probability": []}
    others = [name for name in columns if not re.match(r"[ps]_", plain(name))]
    made |= {name: [] for name in others}
    for phase in "ps":
        time = named(columns, rf"{phase}_(arrival_)?time")
        probability = named(columns, rf"{phase}_(probability|prob|score)")
        for i, text in enumerate(columns[time] if time else ()):
            if text.strip().lower() in ("", "none", "nan", "nat"):
                continue
            made["phase"].append(phase.upper())
            made["time"].append(text)
            made["probability"].append(columns[probability][i] if probability else "")
            for name in others:
                made[name].append(columns[name][i])
    return made


def _numbered(names: Sequence[str]) -> np.ndarray:
    """Return numbers (n,) of events by their names, in the order in which they come; -1 for none."""
    known: dict[str, int] = {}
    return np.array([-1 if n.strip().lower() in _NO_EVENT else known.setdefault(n, len(known)) for n in names], int)


def _made(
    codes: Sequence[str],
    phases: Sequence[str],
    times_s: np.ndarray,
    probability: np.ndarray,
    amplitude: np.ndarray,
    uncertainty_s: np.ndarray,
    event: np.ndarray,
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
    seen: set[tuple[str, str, float, int]] = set()
    for i in np.flatnonzero(good):
        key = codes[i], names[i], float(times_s[i]), int(event[i])
        good[i] = key not in seen
        seen.add(key)
    twice = int((names != "").sum() - good.sum())
    if twice:
        notes.append(f"{where}: {twice} picks stand twice and are used once")
    rows = np.flatnonzero(good)
    return PickTable(
        tuple(codes[i] for i in rows), names[rows], times_s[rows], probability[rows], amplitude[rows],
        uncertainty_s[rows], event[rows], tuple(notes),
    )  # fmt: skip


def _upper(phase: str) -> str:
    return phase[:1].upper() + phase[1:]


def _nonlinloc(text: str, where: str) -> PickTable:
    """Read the lines of NonLinLoc's phase file; stations have no network there, and an empty line ends an event."""
    rows: list[tuple] = []
    event, without_weight, began = 0, 0, False
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.split()
        if not words or words[0] in _OBS_WORDS:
            event, began = event + began, False
            continue
        if len(words) < 9 or line[0] in "#!":
            continue
        try:
            day = f"{words[6][:4]}-{words[6][4:6]}-{words[6][6:8]}"
            clock = words[7].zfill(4)
            # Seconds may be 60 and more, or negative, in these files.
            second_s = 3600 * int(clock[:2]) + 60 * int(clock[2:]) + float(words[8])
            time_s = float(np.datetime64(day, "s").astype(np.int64)) + second_s
            error_s = float(words[10]) if len(words) > 10 and words[9] == "GAU" else np.nan
            weight = float(words[14]) if len(words) > 14 and words[14] != ">" else 1.0
        except ValueError as error:
            raise ZooError(f"{where}, line {number}: {line.strip()!r} is no pick of NonLinLoc ({error}).") from error
        began = True
        if weight == 0:
            without_weight += 1
            continue
        rows.append((words[0], words[4], time_s, error_s if error_s > 0 else np.nan, event))
    if not rows:
        raise ZooError(f"{where} holds no pick; expected lines like 'AAA ? ? ? P U 20060719 1104 30.8 GAU 0.02'.")
    codes, phases, times_s, errors_s, events = zip(*rows, strict=True)
    none = np.full(len(rows), np.nan)
    notes = [f"{where}: times are taken as UTC"]
    if without_weight:
        notes.append(f"{where}: {without_weight} picks of weight 0 are left out")
    return _made(codes, phases, np.array(times_s), none, none, np.array(errors_s), np.array(events), where, notes)


def _events(path: Path) -> PickTable:
    from obspy import read_events

    try:
        catalog = read_events(str(path))
    except Exception as error:  # ObsPy raises whatever its readers meet
        raise ZooError(
            f"{path.name} is neither a table (.csv), nor lines of NonLinLoc (.obs), nor a file of events that ObsPy "
            f"reads ({type(error).__name__}: {error})."
        ) from error
    found = [(number, event, pick) for number, event in enumerate(catalog) for pick in event.picks]
    rejected = sum(pick.evaluation_status == "rejected" for _, _, pick in found)
    nowhere = sum(pick.waveform_id is None for _, _, pick in found)
    notes = [f"{path.name}: {rejected} picks that were rejected are left out"] if rejected else []
    notes += [f"{path.name}: {nowhere} picks without a station are left out"] if nowhere else []
    found = [row for row in found if row[2].evaluation_status != "rejected" and row[2].waveform_id is not None]
    amplitudes = {a.pick_id: a.generic_amplitude for event in catalog for a in event.amplitudes if a.pick_id}
    arrivals = {a.pick_id: a.phase for event in catalog for origin in event.origins for a in origin.arrivals}

    def comment(pick, key: str) -> float:
        found = (re.search(rf"{key}=([-+.\deE]+)", c.text or "") for c in pick.comments)
        return next((float(match[1]) for match in found if match), np.nan)

    picks = [pick for _, _, pick in found]
    return _made(
        [".".join(filter(None, (p.waveform_id.network_code, p.waveform_id.station_code))) for p in picks],
        [p.phase_hint or arrivals.get(p.resource_id) or "" for p in picks],
        np.array([p.time.ns / 1e9 for p in picks]),
        np.array([comment(p, "probability") for p in picks]),
        np.array([amplitudes.get(p.resource_id) or comment(p, "amplitude") for p in picks], float),
        np.array([p.time_errors.uncertainty or np.nan for p in picks], float),
        np.array([number for number, _, _ in found], int),
        path.name,
        notes,
    )
