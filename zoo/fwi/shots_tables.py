"""The project's own files of shots, npz, and the table of a geometry: numbers that are checked by name."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from zoo.errors import ZooError, did_you_mean
from zoo.foreign import check_numbers, read_npz

GEOMETRY = ("shot", "source_x_m", "source_depth_m", "receiver_x_m", "receiver_depth_m")
_LARGEST_SHOT = 2**53  # beyond, not every whole number has a float
_FORMS = f"`traces`, `time_step_s`, {', '.join(f'`{n}`' for n in GEOMETRY)}"
_COMPACT = ("observed", "time_step_s", "sources_m", "receivers_m")


def read_npz_shots(path: Path) -> dict[str, Any]:
    """Return the fields of `zoo.fwi.shots.Shots` from an .npz.

    Raises:
        ZooError: it is damaged, lacks one, or holds something else.
    """
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


def read_geometry(path: Path) -> dict[str, np.ndarray]:
    """Return the columns of a geometry (CSV), one value for each trace.

    Raises:
        ZooError: it cannot be read, lacks a column, or a value is not a number.
    """
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
