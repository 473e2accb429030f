"""LEN-DB.hdf5: traces and their attributes, read with h5py's low-level interface, because attributes take most time."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator

import numpy as np
from h5py import h5a, h5d, h5g, h5t

from zoo.errors import ZooError
from zoo.seismograms.archives.hdf5 import TraceFile, open_hdf5

GROUPS = {"earthquake": "EQ", "noise": "AN"}
"""By category, in the order in which they are read (SeisBench's)."""
STATION = {"stla": "station_latitude_deg", "stlo": "station_longitude_deg", "stel": "station_elevation_m"}
SOURCE = {
    "mag": "source_magnitude",
    "evla": "source_latitude_deg",
    "evlo": "source_longitude_deg",
    "evdp": "source_depth_km",
    "dist": "path_ep_distance_km",
    "az": "path_azimuth_deg",
    "baz": "path_back_azimuth_deg",
}
"""Attributes of every trace, and of an earthquake's alone, with their columns; evdp and dist are in metres."""
_TIMES = {"starttime", "otime"}


class Archive:
    """An open LEN-DB.hdf5.

    Args:
        path: path of the file.

    Raises:
        ZooError: if it is missing, cut short, or not LEN-DB.
    """

    def __init__(self, path: str | os.PathLike):
        self.traces = TraceFile(path)
        lacking = [group for group in GROUPS.values() if group not in self.traces]
        if lacking:
            raise ZooError(
                f"{path} is not LEN-DB.hdf5: it has no group {' and no group '.join(lacking)} (SeisBench's copy of "
                "LEN-DB is another format: datasets/seisbench_format)."
            )
        self._file = open_hdf5(path)
        self._groups = {category: h5g.open(self._file.id, group.encode()) for category, group in GROUPS.items()}

    def count(self, category: str) -> int:
        """Return how many traces of a category there are."""
        return self.traces.count(GROUPS[category])

    def names(self, category: str) -> Iterator[str]:
        """Yield the names of a category's traces, in their order."""
        return self.traces.names(GROUPS[category])

    def read_into(self, category: str, name: str, out: np.ndarray) -> str | None:
        """Read a trace into `out` (3, 540); return None, or what is wrong with it."""
        return self.traces.read_into(f"{GROUPS[category]}/{name}", out)

    def numbers(self, category: str, name: str, attributes: tuple[str, ...]) -> list[float]:
        """Return attributes of a trace as numbers, times as seconds since 1970.

        Raises:
            LookupError: if one is missing or cannot be read as a number; the message says which.
        """
        try:
            dataset = h5d.open(self._groups[category], name.encode())
        except (KeyError, ValueError, TypeError):
            raise LookupError("not in the HDF5 file") from None
        value = np.empty((), np.float64)
        found = []
        for attribute in attributes:
            try:
                h5a.open(dataset, attribute.encode()).read(value, h5t.NATIVE_DOUBLE)
                found.append(float(value))
            except KeyError:
                raise LookupError(f"no attribute {attribute}") from None
            except (ValueError, TypeError, OSError):  # a text, or an array
                found.append(self._number(f"{GROUPS[category]}/{name}", attribute))
        return found

    def _number(self, path: str, attribute: str) -> float:
        """Return a number, or a time, that an attribute holds as text or in an array."""
        try:
            held = np.asarray(self._file[path].attrs[attribute]).item()
            text = (held.decode() if isinstance(held, bytes) else str(held)).strip()
            if text.lower() in ("", "none", "nan"):
                return math.nan
            if attribute in _TIMES and ":" in text:
                return float(np.datetime64(text.rstrip("Z"), "us").astype(np.int64) / 1e6)
            return float(text)
        except (ValueError, TypeError, OSError):
            raise LookupError(f"attribute {attribute} is not a number") from None


def epoch_s(name: str) -> float:
    """Return the time (s since 1970) in a trace's name `NET_STA_epoch`; NaN if there is none."""
    try:
        return float(name.rsplit("_", 1)[1])
    except (IndexError, ValueError):
        return math.nan


def iso(seconds: float) -> str:
    """Return seconds since 1970 as ISO 8601 in UTC, "" for NaN."""
    if not math.isfinite(seconds):
        return ""
    return f"{np.datetime64(round(seconds * 1e6), 'us')}Z"
