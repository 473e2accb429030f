"""Reads the published k-Wave traces: the authors' two files, or one pair of files per split."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from zoo.errors import ZooError
from zoo.foreign import read_npy

TRACES, COORDINATES = "seismograms_4000seismo_ISO.npy", "coordinates_4000seismo_ISO.npy"
_COMMIT = "8291a94a2b0c34a7cc7d0613665a0ff383cc4abf"
URL = f"https://raw.githubusercontent.com/alessiospuriomancini/seismoML/{_COMMIT}/Spurio_Mancini_2021"

SPACING_KM = np.array([0.0125, 0.0125, 0.010])
GRID = np.array([81, 81, 301])  # nodes; published indices run from 1
RECEIVER_INDEX = np.array([41, 41, 244])
SAMPLES = 501
SPLITS = {"train": slice(0, 2000), "validation": slice(2000, 3000), "test": slice(3000, 4000)}


def kilometres(index: np.ndarray) -> np.ndarray:
    """Return (n, 3) coordinates in km, z up from the model's bottom, of 1-based grid indices."""
    return ((np.asarray(index, np.float64) - 1) * SPACING_KM).astype(np.float32)


def on_boundary_face(index: np.ndarray) -> np.ndarray:
    """Return (n,) bool: sources on a face of the model, whose traces hold a wave from the other side.

    k-Wave's domain is periodic: what leaves at one face comes in at the other. Affected are the first
    and last plane along x and y and the two lowest along z.
    """
    x, y, z = np.asarray(index).T
    return (x <= 1) | (x >= GRID[0]) | (y <= 1) | (y >= GRID[1]) | (z <= 2)


def is_complete(folder: Path) -> bool:
    """Return whether the folder holds the published traces in one of the two forms."""
    return (folder / TRACES).is_file() or any(_pair(folder, split) for split in SPLITS)


def read(folder: Path) -> dict[str, dict[str, np.ndarray]]:
    """Return split -> arrays of the builder's features (traces with one receiver).

    Two forms are read:

    - the authors' files, 4000 events in the order of their paper (2000 training, 1000 validation,
      1000 test);
    - per split `coordinates_grid_SPLIT.npy` with `seismograms_SPLIT.npy` or
      `seismograms_sparse_SPLIT.npy` (only the largest samples, zero elsewhere; what is left out is
      bounded by `missing_abs_bound_SPLIT.npy`). Splits without traces are left out.

    Raises:
        ZooError: if a file is truncated, has another shape, or holds values that cannot be.
    """
    folder = Path(folder)
    if (folder / TRACES).is_file():
        traces, index = _load(folder / TRACES), _load(folder / COORDINATES)
        _check(folder / TRACES, traces, index)
        if len(index) < 4000:
            raise ZooError(f"{folder / TRACES} has {len(index)} events, the published file 4000; copy it again.")
        return {split: _records(traces[part], index[part], None) for split, part in SPLITS.items()}
    found = {}
    for split in SPLITS:
        if pair := _pair(folder, split):
            traces, index = _load(pair), _load(folder / f"coordinates_grid_{split}.npy")
            _check(pair, traces, index)
            bound = folder / f"missing_abs_bound_{split}.npy"
            found[split] = _records(traces, index, _load(bound) if bound.is_file() else None)
    if not found:
        raise ZooError(
            f"{folder} holds neither {TRACES} with {COORDINATES} nor seismograms_[sparse_]SPLIT.npy with "
            "coordinates_grid_SPLIT.npy. Put the files there, or leave --manual-dir out to download them."
        )
    return found


def _pair(folder: Path, split: str) -> Path | None:
    if not (folder / f"coordinates_grid_{split}.npy").is_file():
        return None
    candidates = (folder / f"seismograms_{split}.npy", folder / f"seismograms_sparse_{split}.npy")
    return next((path for path in candidates if path.is_file()), None)


def _load(path: Path) -> np.ndarray:
    if not path.is_file():
        raise ZooError(f"{path} is missing; it belongs to the traces beside it.")
    return read_npy(path, "It may be truncated or no .npy file: copy it again.")


def _check(path: Path, traces: np.ndarray, index: np.ndarray) -> None:
    if traces.ndim != 2 or traces.shape[1] != SAMPLES:
        raise ZooError(f"{path} has shape {traces.shape}; expected (events, {SAMPLES}).")
    if index.shape != (len(traces), 3):
        raise ZooError(f"{path} has {len(traces)} events, its coordinates have shape {index.shape}.")
    if not np.isfinite(traces).all():
        event = int(np.argwhere(~np.isfinite(traces))[0, 0])
        raise ZooError(f"{path}: the trace of event {event} holds NaN or infinity; copy the file again.")
    if (index < 1).any() or (index > GRID).any():
        raise ZooError(f"{path}: coordinates must be grid indices from 1 to {GRID.tolist()}.")


def _records(traces: np.ndarray, index: np.ndarray, bound: np.ndarray | None) -> dict[str, np.ndarray]:
    bound = np.zeros(len(traces)) if bound is None else bound
    return {
        "coordinates_km": kilometres(index),
        "traces": traces[:, None, :].astype(np.float32),
        "on_boundary_face": on_boundary_face(index),
        "missing_abs_bound": bound.astype(np.float32),
    }
