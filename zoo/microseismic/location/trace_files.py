"""Files with the traces of one event: npz, or any format that ObsPy reads with a table of receivers."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from zoo.errors import ZooError
from zoo.foreign import check_numbers, read_npz, reader
from zoo.interrupts import uninterrupted
from zoo.microseismic.location.observation import Observation
from zoo.microseismic.location.picks import PICK_SD_S, Picks
from zoo.microseismic.location.receiver_tables import ReceiverTable, read_receiver_table
from zoo.microseismic.physics.components import GEOPHONE

if TYPE_CHECKING:
    import obspy

# Rates that differ by less, Hz, differ by rounding; so do starts that differ by less than this part of a sample.
_SAME_RATE, _SAME_START = 1e-3, 1e-3
_COLUMNS = "station, x_km, y_km, z_km; or station, latitude, longitude, elevation_m"


@reader("Copy or write it again.")
def read_traces(path: str | os.PathLike, receivers_path: str | os.PathLike | None = None) -> Observation:
    """Read the traces of one event.

    Args:
        path: an .npz file with `traces` (receivers, time), `sampling_rate_hz`, `receivers_km`
            (receivers, 3) and, if known, `noise_sd`, `noise` (receivers, samples) before the event,
            `source_km`, `unit`, `components` (a text of a letter for each trace: Z, N or E; then a row of
            `receivers_km` for each); or any file that ObsPy reads (MiniSEED, SAC, ...) with one trace of pressure for
            each station, or traces of its velocity up, to the north and to the east, with channel codes that end in Z,
            N, E.
        receivers_path: for ObsPy's formats, a CSV file with the columns station, x_km, y_km, z_km, or station,
            latitude, longitude, elevation_m: the table from which the emulator's dataset was prepared.

    Returns:
        The traces, with whatever the file states about them.

    Raises:
        ZooError: the file is missing, damaged or incomplete.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "event.npz"
    ...     np.savez(path, traces=np.ones((1, 501)), sampling_rate_hz=250.0, receivers_km=[[0.5, 0.5, 2.43]])
    ...     read_traces(path).receivers_km.tolist()
    [[0.5, 0.5, 2.43]]
    """
    path = Path(path)
    if not path.is_file():
        raise ZooError(f"There is no file {path} with traces to locate. Check the path.")
    if zipfile.is_zipfile(path) or path.suffix == ".npz":
        return _read_npz(path)
    return _read_obspy(path, receivers_path)


def read_event_picks(
    path: str | os.PathLike, receivers_path: str | os.PathLike | None
) -> tuple[Picks, tuple[str, ...]]:
    """Read the P picks of one event, from whatever `zoo.field.picks.read_picks` reads.

    Args:
        path: CSV, NonLinLoc's .obs, QuakeML, or a folder of `zoo annotate`.
        receivers_path: CSV file with the columns station, x_km, y_km, z_km.

    Returns:
        The picks, in seconds after the start of the second of the first one, with the errors that the file states
        (`PICK_SD_S` where it states none); and notes.

    Raises:
        ZooError: a file cannot be read, holds several events, or no pick of a known station.
    """
    from zoo.field.picks import read_picks

    if receivers_path is None:
        raise ZooError(f"{path} holds no receiver coordinates. Add `--receivers` with a CSV of {_COLUMNS}.")
    receivers_km, table = _read_receivers(Path(receivers_path))
    if table.projection is not None:
        raise ZooError(
            f"{receivers_path} has degrees; travel times need x_km, y_km, z_km in the velocity model, z up from its "
            "bottom."
        )
    found = read_picks(path)
    notes = list(found.notes)
    events = np.unique(found.event)
    if len(events) > 1:
        raise ZooError(f"{path} holds the picks of {len(events)} events; give one event a file.")
    p_waves = found.select(found.phase == "P")
    if len(p_waves) < len(found):
        notes.append(f"{len(found) - len(p_waves)} picks of S are left out: travel times are those of P.")
    names = [code.split(".")[-1] if code not in receivers_km else code for code in p_waves.station]
    unknown = sorted({name for name in names if name not in receivers_km})
    if unknown:
        notes.append(f"Picks of stations that are not in the receiver file are left out: {', '.join(unknown)}.")
    used = {name: names.index(name) for name in dict.fromkeys(names) if name in receivers_km}
    if not used:
        raise ZooError(
            f"No P pick of {path} is of a station of {receivers_path} (it has: {', '.join(receivers_km)}; the picks: "
            f"{', '.join(unknown) or 'none of P'})."
        )
    rows = list(used.values())
    times_s = p_waves.time_s[rows]
    stated_s = p_waves.uncertainty_s[rows]
    sds_s = np.where(np.isfinite(stated_s) & (stated_s > 0), stated_s, PICK_SD_S)
    return Picks(np.array([receivers_km[name] for name in used]), times_s - np.floor(times_s.min()), sds_s), tuple(
        notes
    )


def _read_npz(path: Path) -> Observation:
    content = read_npz(path, "Copy or write it again.")
    for name in ("traces", "sampling_rate_hz", "receivers_km"):
        if name not in content:
            raise ZooError(
                f"{path} has no `{name}` (it has: {', '.join(sorted(content)) or 'nothing'}). Expected "
                "traces (receivers, time), sampling_rate_hz and receivers_km (receivers, 3)."
            )
    check_numbers(content, ("sampling_rate_hz", "receivers_km", "noise_sd", "noise"), path)
    try:
        rate_hz = float(content["sampling_rate_hz"])
    except (TypeError, ValueError) as error:
        raise ZooError(f"sampling_rate_hz in {path} is not a single number; expected e.g. 250.") from error
    if rate_hz <= 0:
        raise ZooError(f"sampling_rate_hz in {path} is {rate_hz:g}; expected a positive number, e.g. 250.")
    return Observation(
        traces=content["traces"],
        sampling_rate_hz=rate_hz,
        receivers_km=content["receivers_km"],
        noise_sd=content.get("noise_sd"),
        noise=content.get("noise"),
        source_km=content.get("source_km"),
        components=tuple(str(content["components"])) if "components" in content else None,
        unit=str(content["unit"]) if "unit" in content else None,
    )


def _read_obspy(path: Path, receivers_path: str | os.PathLike | None) -> Observation:
    import obspy

    if receivers_path is None:
        raise ZooError(
            f"{path} holds no receiver coordinates. Add a CSV file with the columns {_COLUMNS} (`--receivers FILE`)."
        )
    receivers_km, table = _read_receivers(Path(receivers_path))
    try:
        with uninterrupted():
            stream = obspy.read(str(path)).merge()
    except Exception as error:  # ObsPy's plugins raise whatever the parser of their format raises.
        raise ZooError(
            f"ObsPy cannot read {path} ({type(error).__name__}: {error}). Give an .npz, MiniSEED or SAC file."
        ) from error
    stations = [trace.stats.station for trace in stream]
    for trace in stream:
        station = trace.stats.station
        if station not in receivers_km:
            raise ZooError(
                f"Station '{station}' of {path} is not in {receivers_path} (it has: {', '.join(receivers_km)})."
            )
        channels = [t.stats.channel for t in stream if t.stats.station == station]
        letters = [channel[-1:] for channel in channels]
        if len(channels) > 1 and not (set(letters) <= set(GEOPHONE) and len(set(letters)) == len(letters)):
            raise ZooError(
                f"Station '{station}' has several traces (channels {', '.join(channels)}). Keep one channel of "
                "pressure for each station; or of a geophone one each of up, north and east, whose codes end in Z, N "
                "and E (rotate others: ObsPy's stream.rotate)."
            )
        if np.ma.is_masked(trace.data):
            raise ZooError(f"Station '{station}' has a gap in its data. Leave it out or fill the gap.")
    _check_alike([trace.stats.sampling_rate for trace in stream], stations, "sampling rates (Hz)", _SAME_RATE)
    return Observation(
        traces=_together(stream, stations),
        sampling_rate_hz=float(stream[0].stats.sampling_rate),
        receivers_km=np.array([receivers_km[station] for station in stations]),
        components=_components([trace.stats.channel for trace in stream]),
        table=table,
    )


def _components(channels: Sequence[str]) -> tuple[str, ...] | None:
    """Return the component of each trace, by its channel code; None if one is no geophone's."""
    letters = tuple(channel[-1:] for channel in channels)
    return letters if set(letters) <= set(GEOPHONE) else None


def _together(stream: obspy.Stream, stations: Sequence[str]) -> np.ndarray:
    """Return traces (stations, time) on the samples of the latest start, cut to what all have.

    A start between those samples is moved there by a shift of the phase of each frequency.
    """
    step_s = stream[0].stats.delta
    start = max(trace.stats.starttime for trace in stream)
    rows = []
    for trace in stream:
        late = float(start - trace.stats.starttime) / step_s
        whole = int(np.floor(late + _SAME_START))
        data = np.asarray(trace.data, np.float64)
        if whole >= len(data):
            each = ", ".join(
                f"{name} {t.stats.starttime} to {t.stats.endtime}" for name, t in zip(stations, stream, strict=True)
            )
            raise ZooError(f"The stations have no time in common: {each}. Give the records of one event.")
        part = late - whole
        if abs(part) > _SAME_START:
            frequency = np.fft.rfftfreq(2 * len(data))
            mirrored = np.concatenate([data, data[::-1]])  # so that the ends do not jump
            data = np.fft.irfft(np.fft.rfft(mirrored) * np.exp(2j * np.pi * frequency * part), 2 * len(data))[
                : len(data)
            ]
        rows.append(data[whole:])
    shortest = min(len(row) for row in rows)
    return np.stack([row[:shortest] for row in rows])


def _check_alike(values: Sequence[float], stations: Sequence[str], what: str, tolerance: float) -> None:
    if max(values) - min(values) > tolerance:
        each = ", ".join(f"{station} {value:g}" for station, value in zip(stations, values, strict=True))
        raise ZooError(f"The stations have different {what}: {each}. Cut or resample them alike.")


def _read_receivers(path: Path) -> tuple[dict[str, tuple[float, float, float]], ReceiverTable]:
    """Return the coordinates of each station, and the table."""
    table = read_receiver_table(path)
    if not table.stations:
        raise ZooError(f"{path} does not name a station in every line; expected the columns {_COLUMNS}.")
    rows = (tuple(float(value) for value in row) for row in table.coordinates_km)
    named = dict(zip(table.stations, rows, strict=True))
    # A station whose network is known is also known by its name, if that is the only one.
    short = [code.split(".")[-1] for code in table.stations]
    named |= {name: named[code] for name, code in zip(short, table.stations, strict=True) if short.count(name) == 1}
    return named, table
