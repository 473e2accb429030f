"""Shot gathers as they come from the field or from a simulator: traces with their geometry, in metres and seconds.

    shots = read_shots("line.segy")                              # geometry from the trace headers
    shots = read_shots("line.mseed", geometry="geometry.csv")    # any file that ObsPy reads, with a table
    write_shots(shots, "line.npz")

`zoo.fwi.inversion.shots_on_grid` puts them onto the grid of a velocity model, where they are a `Survey`.
"""

from __future__ import annotations

import csv
import os
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from zoo.errors import ZooError, did_you_mean
from zoo.files import read_npz, write_with
from zoo.foreign import check_numbers, reader

_LARGEST_SHOT = 2**53  # beyond, not every whole number has a float
GEOMETRY = ("shot", "source_x_m", "source_depth_m", "receiver_x_m", "receiver_depth_m")
_FORMS = f"`traces`, `time_step_s`, {', '.join(f'`{n}`' for n in GEOMETRY)}"
_COMPACT = ("observed", "time_step_s", "sources_m", "receivers_m")
SEGY_SUFFIXES = (".segy", ".sgy")


@dataclass(frozen=True, eq=False)
class Shots:
    """Traces of many shots, one after the other, with sources and receivers in metres.

    Attributes:
        traces: (n, time) float32, in any unit.
        time_step_s: time between samples.
        shot: (n,) int, number of the shot that each trace belongs to.
        source_x_m, source_depth_m, receiver_x_m, receiver_depth_m: (n,) from the model's top left corner, x to the
            right and depth downwards.
        wavelet: (time,) source time function with the same time step, its first sample at time 0; None if unknown.
        first_sample_s: time of the traces' first sample, where the source time function begins at 0.
        source: name of the file.
        notes: sentences on what was done to the traces, for the user.

    Raises:
        ZooError: numbers disagree or are missing; the message says in which shot and trace.
    """

    traces: np.ndarray
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
        wrong = ~np.isfinite(self.traces).all(axis=1)
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


@reader("Copy or write it again.")
def read_shots(path: str | os.PathLike, geometry: str | os.PathLike | None = None) -> Shots:
    """Read shot gathers.

    Args:
        path: an .npz with the fields of `Shots`; or an .npz with `observed` (shots, time, receivers) as
            `zoo.fwi.simulate` gives it (first sample after one step), `time_step_s`, `sources_m` (shots, 2) and
            `receivers_m` (receivers, 2), each (depth, x), and, if known, `wavelet` (time,) and `weights` (shots,
            receivers), 0 where a trace is missing; or SEG-Y; or any other file that ObsPy reads, with a geometry.
        geometry: CSV with the columns shot, source_x_m, source_depth_m, receiver_x_m, receiver_depth_m and one row
            for each trace, in the order of the file. It replaces the geometry of SEG-Y headers.

    Raises:
        ZooError: there is no such file, or it is damaged, incomplete or disagrees with the geometry.
    """
    path = Path(path).expanduser()
    if not path.is_file():
        raise ZooError(f"There is no file {path} with shots. Check the path.")
    table = None if geometry is None else _read_geometry(Path(geometry).expanduser())
    if path.suffix.lower() == ".npz" or zipfile.is_zipfile(path):
        found = _read_npz(path)
    else:
        from zoo.fwi.shots_segy import read_obspy

        segy = path.suffix.lower() in SEGY_SUFFIXES
        found = read_obspy(path, segy, GEOMETRY if table is None else ())
    if table is not None:
        rows, traces = len(table["shot"]), len(found["traces"])
        if rows != traces:
            raise ZooError(
                f"{path} has {traces} traces but the geometry {geometry} has {rows} rows; expected one row for each "
                "trace, in the order of the file."
            )
        found |= table
    return Shots(**found, source=path.name)


def write_shots(shots: Shots, path: str | os.PathLike) -> Path:
    """Write shots as .npz or SEG-Y (.segy, .sgy; IEEE floats, coordinates in centimetres) atomically; return the path.

    Raises:
        ZooError: another suffix, or something that SEG-Y cannot hold.
    """
    path = Path(path)
    if path.suffix.lower() == ".npz":
        held = {field.name: getattr(shots, field.name) for field in fields(shots) if field.name != "notes"}
        held = {name: value for name, value in held.items() if value is not None}
        return write_with(path, lambda temporary: np.savez_compressed(temporary, **held))
    if path.suffix.lower() in SEGY_SUFFIXES:
        from zoo.fwi.shots_segy import write_segy

        return write_with(path, lambda temporary: write_segy(shots, temporary))
    raise ZooError(f"Shots are written as .npz, .segy or .sgy; received {path.name}.")


def _read_npz(path: Path) -> dict[str, Any]:
    held = read_npz(path, "Copy it again.")
    compact = "observed" in held
    _require(held, _COMPACT if compact else ("traces", "time_step_s", *GEOMETRY), path, "keys")
    try:
        found: dict[str, Any] = {"time_step_s": float(held["time_step_s"])}
        if "wavelet" in held:
            found["wavelet"] = np.asarray(held["wavelet"], np.float32)
        found["first_sample_s"] = float(held.get("first_sample_s", found["time_step_s"] if compact else 0.0))
        if compact:
            return found | _unrolled(held, path)
        check_numbers(held, ("shot",), path)
        found |= {name: held[name].astype(np.float64) for name in GEOMETRY} | {"shot": _whole(held["shot"], path)}
        return found | {"traces": held["traces"].astype(np.float32)}
    except (TypeError, ValueError) as error:
        raise ZooError(f"{path} holds something other than numbers ({error}). Expected {_FORMS}.") from error


def _unrolled(held: Mapping[str, np.ndarray], path: Path) -> dict[str, np.ndarray]:
    """Turn `observed` (shots, time, receivers) into one row for each trace."""
    observed, sources, receivers = (held[name] for name in ("observed", "sources_m", "receivers_m"))
    weights = held.get("weights")
    expected = (len(sources), observed.shape[1] if observed.ndim == 3 else "time", len(receivers))
    if observed.shape != expected or sources.shape[1:] != (2,) or receivers.shape[1:] != (2,):
        raise ZooError(
            f"{path}: `observed` has shape {observed.shape}, `sources_m` {sources.shape} and `receivers_m` "
            f"{receivers.shape}; expected (shots, time, receivers), (shots, 2) and (receivers, 2), each (depth, x)."
        )
    if weights is not None and weights.shape != (len(sources), len(receivers)):
        raise ZooError(f"{path}: `weights` has shape {weights.shape}; expected {(len(sources), len(receivers))}.")
    shot, receiver = np.nonzero(np.ones((len(sources), len(receivers))) if weights is None else weights)
    return {
        "traces": observed.transpose(0, 2, 1)[shot, receiver].astype(np.float32),
        "shot": shot + 1,
        "source_x_m": sources[shot, 1].astype(np.float64),
        "source_depth_m": sources[shot, 0].astype(np.float64),
        "receiver_x_m": receivers[receiver, 1].astype(np.float64),
        "receiver_depth_m": receivers[receiver, 0].astype(np.float64),
    }


def _read_geometry(path: Path) -> dict[str, np.ndarray]:
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            rows = list(csv.reader(line for line in file if line.strip() and not line.startswith("#")))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ZooError(f"The geometry {path} cannot be read ({error}).") from error
    if len(rows) < 2:
        raise ZooError(f"The geometry {path} holds no rows. Expected the columns {', '.join(GEOMETRY)}.")
    names = [name.strip().lower() for name in rows[0]]
    _require(names, GEOMETRY, path, "columns")
    columns: dict[str, list[float]] = {name: [] for name in GEOMETRY}
    for number, row in enumerate(rows[1:], 1):
        for name in GEOMETRY:
            try:
                columns[name].append(float(row[names.index(name)]))
            except (ValueError, IndexError) as error:
                raise ZooError(f"The geometry {path}, row {number}: `{name}` is missing or not a number.") from error
    table = {name: np.array(values) for name, values in columns.items()}
    return table | {"shot": _whole(table["shot"], path)}


def _whole(numbers: np.ndarray, path: Path) -> np.ndarray:
    """Return numbers of shots as integers; refuse those that are none."""
    wrong = ~(np.isfinite(numbers) & (np.abs(numbers) < _LARGEST_SHOT) & (numbers == np.round(numbers)))
    if wrong.any():
        raise ZooError(f"{path}: `shot` holds {numbers[wrong][0]}, expected whole numbers. Number the shots from 1.")
    return numbers.astype(np.int64)


def _require(names: Iterable[str], required: Iterable[str], path: Path, what: str) -> None:
    names = list(names)
    for name in required:
        if name not in names:
            near = did_you_mean(name, names)
            hint = near.replace("Did you mean", "Is it") if "Did you mean" in near else f" It has: {', '.join(names)}."
            raise ZooError(f"{path} lacks `{name}`.{hint} Expected the {what} {', '.join(required)}.")
