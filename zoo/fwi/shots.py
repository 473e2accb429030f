"""Shot gathers as they come from the field or from a simulator: traces with their geometry, in metres and seconds.

    shots = read_shots("line.segy")                              # geometry from the trace headers
    shots = read_shots("folder", datum_m=250.0)                  # a file for each shot, on land
    shots = read_shots("line.mseed", geometry="geometry.csv")    # any file that ObsPy reads, with a table
    write_shots(shots, "line.npz")

`zoo.fwi.inversion.shots_on_grid` puts them onto the grid of a velocity model, where they are a `Survey`.
"""

from __future__ import annotations

import hashlib
import os
import re
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from zoo.errors import UsageError, ZooError
from zoo.files import digest, write_with
from zoo.foreign import reading
from zoo.fwi.line import Line
from zoo.fwi.shots_tables import GEOMETRY, read_geometry, read_npz_shots
from zoo.store import is_leftover

if TYPE_CHECKING:
    from zoo.fwi.segy.samples import LazyTraces

SEGY_SUFFIXES = (".segy", ".sgy")
_KINDS = {**dict.fromkeys(SEGY_SUFFIXES, "SEG-Y"), ".su": "Seismic Unix"}
_OBSPY = (".sg2", ".seg2", ".dat", ".mseed", ".sac", ".gse2")
"""Suffixes that are read from a folder through ObsPy; a single file may have any."""
_CHUNK_BYTES = 8 << 20
_NAMED = 5


@dataclass(frozen=True, eq=False)
class Shots:
    """Traces of many shots, one after the other, with sources and receivers in metres.

    Attributes:
        traces: (n, time) float32, in any unit; an array, or rows that are read from their files when they are needed.
        time_step_s: time between samples.
        shot: (n,) int, number of the shot that each trace belongs to.
        source_x_m, source_depth_m, receiver_x_m, receiver_depth_m: (n,) from the model's top left corner, x to the
            right and depth downwards.
        wavelet: (time,) source time function with the same time step, its first sample at time 0; None if unknown.
        first_sample_s: time of the traces' first sample, where the source time function begins at 0.
        source: name of the file.
        notes: sentences on what was done to the traces, for the user.
        line: where the model's x is on the map; None where that is not known.

    Raises:
        ZooError: numbers disagree or are missing; the message says in which shot and trace.
    """

    traces: np.ndarray | LazyTraces
    time_step_s: float
    shot: np.ndarray
    source_x_m: np.ndarray
    source_depth_m: np.ndarray
    receiver_x_m: np.ndarray
    receiver_depth_m: np.ndarray
    wavelet: np.ndarray | None = None
    first_sample_s: float = 0.0
    source: str = ""
    notes: tuple[str, ...] = ()
    line: Line | None = None

    def __post_init__(self) -> None:
        where = f"{self.source}: " if self.source else ""
        if np.ndim(self.traces) != 2 or 0 in np.shape(self.traces):
            raise ZooError(f"{where}the traces have shape {np.shape(self.traces)}; expected (traces, time).")
        if not (np.isfinite(self.time_step_s) and self.time_step_s > 0):
            raise ZooError(
                f"{where}the sampling interval is {self.time_step_s:g} s; expected a positive number such as 0.004. "
                "Correct it in the file (SEG-Y: microseconds at bytes 117-118 of each trace header)."
            )
        if not np.isfinite(self.first_sample_s):
            raise ZooError(
                f"{where}first_sample_s is {self.first_sample_s}; expected the time of the first sample in s."
            )
        for name in GEOMETRY:
            values = getattr(self, name)
            if np.shape(values) != (len(self.traces),):
                raise ZooError(
                    f"{where}{len(self.traces)} traces but `{name}` has shape {np.shape(values)}; expected one value "
                    "for each trace."
                )
            if not np.isfinite(values).all():
                row = int(np.argmin(np.isfinite(values)))
                raise ZooError(f"{where}`{name}` of trace {row + 1} is not a number. Complete the geometry.")
        wrong = np.concatenate([~np.isfinite(self.traces[part]).all(axis=1) for part in self.stretches()])
        if wrong.any():
            row = int(np.argmax(wrong))
            sample = int(np.argmin(np.isfinite(self.traces[row])))
            raise ZooError(
                f"{where}{self.name(row)} holds {self.traces[row, sample]} at sample {sample + 1} ({wrong.sum()} such "
                "traces in all). Repair the trace, or set it to zero: a dead trace is left out."
            )
        if self.wavelet is not None and (np.ndim(self.wavelet) != 1 or not np.isfinite(self.wavelet).all()):
            raise ZooError(f"{where}the wavelet has shape {np.shape(self.wavelet)}; expected finite numbers (time,).")

    def name(self, row: int) -> str:
        """Return the name of a trace for a message: its shot, and its number in the file, counted from 1."""
        return f"shot {self.shot[row]}, trace {row + 1}"

    def stretches(self) -> Iterator[slice]:
        """Return all rows in stretches of a few megabytes, to be read one after the other."""
        step = max(1, _CHUNK_BYTES // (4 * self.traces.shape[1]))
        return (slice(first, min(first + step, len(self.traces))) for first in range(0, len(self.traces), step))

    def digest(self) -> str:
        """Return what tells these traces and their geometry from others."""
        made = hashlib.sha256()
        for part in self.stretches():
            made.update(np.ascontiguousarray(self.traces[part], np.float32).tobytes())
        geometry = (getattr(self, name) for name in GEOMETRY)
        return digest(made.hexdigest(), self.time_step_s, self.first_sample_s, *geometry)


def read_shots(
    path: str | os.PathLike | Sequence[str | os.PathLike],
    geometry: str | os.PathLike | None = None,
    *,
    corner_m: tuple[float, float] | None = None,
    datum_m: float | None = None,
) -> Shots:
    """Read shot gathers.

    Args:
        path: SEG-Y (.segy, .sgy) or Seismic Unix (.su), of which traces are read when they are needed; an .npz with
            the fields of `Shots`; an .npz with `observed` (shots, time, receivers) as `zoo.fwi.simulate` gives it
            (first sample after one step), `time_step_s`, `sources_m` (shots, 2) and `receivers_m` (receivers, 2),
            each (depth, x), and, if known, `wavelet` (time,) and `weights` (shots, receivers), 0 where a trace is
            missing; or any other file that ObsPy reads (SEG-2), with a geometry. Several of these, or a folder of
            them, are one survey, in the order of their names.
        geometry: CSV with the columns shot, source_x_m, source_depth_m, receiver_x_m, receiver_depth_m and one row
            for each trace, in the order of the files. It replaces the geometry of headers.
        corner_m: easting and northing of the model's top left corner, where headers have map coordinates; by default
            x begins with the line's first source or receiver.
        datum_m: elevation of the model's top; by default 0, on land the highest surface.

    Raises:
        ZooError: there is no such file, or it is damaged, incomplete or disagrees with the geometry.
        UsageError: corner or datum with files that have no map coordinates.
    """
    several = not isinstance(path, (str, os.PathLike))
    paths = [Path(one).expanduser() for one in (path if several else [path])]
    files, notes = _files(paths)
    table = None if geometry is None else read_geometry(Path(geometry).expanduser())
    with reading(files[0], "Copy or write it again."):
        found = _read(files, table is None, corner_m, datum_m)
    if table is not None:
        rows, traces = len(table["shot"]), len(found["traces"])
        if rows != traces:
            what = files[0] if len(files) == 1 else f"{len(files)} files from {files[0].name} on"
            raise ZooError(
                f"{what} has {traces} traces but the geometry {geometry} has {rows} rows; expected one row for each "
                "trace, in the order of the file."
            )
        found |= table
    name = paths[0].name if len(paths) == 1 else f"{paths[0].name} and {len(paths) - 1} more"
    return Shots(**{**found, "notes": (*found.get("notes", ()), *notes)}, source=name)


def _files(paths: list[Path]) -> tuple[list[Path], tuple[str, ...]]:
    """Return the files of a survey, and sentences on what else a folder holds."""
    files, notes = [], []
    for path in paths:
        if not path.exists():
            raise ZooError(f"There is no file {path} with shots. Check the path.")
        if not path.is_dir():
            files.append(path)
            continue
        inside = sorted((file for file in path.iterdir() if file.is_file() and not is_leftover(file)), key=_natural)
        taken = [file for file in inside if file.suffix.lower() in (*_KINDS, *_OBSPY)]
        if not taken:
            raise ZooError(
                f"The folder {path} holds no shots. Expected files with the suffix {', '.join((*_KINDS, *_OBSPY))}; "
                f"received {', '.join(file.name for file in inside[:_NAMED]) or 'nothing'}."
            )
        others = [file.name for file in inside if file not in taken]
        notes.append(f"{len(taken)} files of the folder {path.name} make one survey, in the order of their names.")
        if others:
            notes.append(f"{len(others)} other files of {path.name} were left out, such as {others[0]}.")
        files += taken
    if not files:
        raise UsageError("No file with shots was given.")
    return files, tuple(notes)


def _natural(path: Path) -> list:
    """Order names as people do: 9 before 10."""
    return [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in re.split(r"(\d+)", path.name)]


def _kind(path: Path) -> str:
    """Return what a file is by its suffix, else by its content."""
    if path.suffix.lower() in _KINDS:
        return _KINDS[path.suffix.lower()]
    if path.suffix.lower() == ".npz" or zipfile.is_zipfile(path):
        return "npz"
    from zoo.fwi.segy.layout import find_layout
    from zoo.fwi.segy.samples import open_bytes

    try:
        find_layout(path, open_bytes(path), "SEG-Y")
    except ZooError:
        return "ObsPy"
    return "SEG-Y"


def _read(files: list[Path], positions: bool, corner_m, datum_m) -> dict[str, Any]:
    kinds = [_kind(file) for file in files]
    if set(kinds) <= {"SEG-Y", "Seismic Unix"}:
        from zoo.fwi.segy.survey import read_survey

        places = {"corner_m": corner_m, "datum_m": datum_m}
        return read_survey(list(zip(files, kinds, strict=True)), positions=positions, **places)
    if corner_m is not None or datum_m is not None:
        raise UsageError(f"Corner and datum are for SEG-Y and Seismic Unix with map coordinates; {files[0]} has none.")
    if kinds == ["npz"]:
        return read_npz_shots(files[0])
    if set(kinds) == {"ObsPy"}:
        from zoo.fwi.shots_obspy import read_obspy

        return read_obspy(files, GEOMETRY if positions else ())
    raise ZooError(
        f"{files[0]} and the files with it are of several kinds ({', '.join(sorted(set(kinds)))}), or several npz; "
        "expected SEG-Y or Seismic Unix, or one npz, or what ObsPy reads. Read them one by one."
    )


def write_shots(shots: Shots, path: str | os.PathLike) -> Path:
    """Write shots as .npz or SEG-Y (.segy, .sgy; IEEE floats, coordinates in centimetres) atomically; return the path.

    SEG-Y has the map coordinates of `Shots.line` where there is one, npz the positions in the model.

    Raises:
        ZooError: another suffix, or something that SEG-Y cannot hold.
    """
    path = Path(path)
    if path.suffix.lower() == ".npz":
        names = ("traces", "time_step_s", *GEOMETRY, "wavelet", "first_sample_s", "source")
        held = {name: getattr(shots, name) for name in names if getattr(shots, name) is not None}
        return write_with(path, lambda temporary: np.savez_compressed(temporary, **held))
    if path.suffix.lower() in SEGY_SUFFIXES:
        from zoo.fwi.segy.write import write_segy

        return write_with(path, lambda temporary: write_segy(shots, temporary))
    raise ZooError(f"Shots are written as .npz, .segy or .sgy; received {path.name}.")
