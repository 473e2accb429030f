"""STEAD's CSV: streamed row by row, then parsed a column at a time for a block of rows."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Sequence
from operator import itemgetter
from pathlib import Path

import numpy as np

from zoo.errors import ZooError
from zoo.seismograms.archives.columns import COLUMNS

FILE_COLUMNS = {
    "network_code": "station_network_code",
    "receiver_code": "station_code",
    "receiver_type": "trace_channel",
    "receiver_latitude": "station_latitude_deg",
    "receiver_longitude": "station_longitude_deg",
    "receiver_elevation_m": "station_elevation_m",
    "p_arrival_sample": "trace_p_arrival_sample",
    "p_status": "trace_p_status",
    "p_weight": "trace_p_weight",
    "p_travel_sec": "path_p_travel_sec",
    "s_arrival_sample": "trace_s_arrival_sample",
    "s_status": "trace_s_status",
    "s_weight": "trace_s_weight",
    "source_id": "source_id",
    "source_origin_time": "source_origin_time",
    "source_origin_uncertainty_sec": "source_origin_uncertainty_sec",
    "source_latitude": "source_latitude_deg",
    "source_longitude": "source_longitude_deg",
    "source_error_sec": "source_error_sec",
    "source_gap_deg": "source_gap_deg",
    "source_horizontal_uncertainty_km": "source_horizontal_uncertainty_km",
    "source_depth_km": "source_depth_km",
    "source_depth_uncertainty_km": "source_depth_uncertainty_km",
    "source_magnitude": "source_magnitude",
    "source_magnitude_type": "source_magnitude_type",
    "source_magnitude_author": "source_magnitude_author",
    "source_mechanism_strike_dip_rake": "source_focal_mechanism_strike_dip_rake",
    "source_distance_deg": "path_ep_distance_deg",
    "source_distance_km": "path_ep_distance_km",
    "back_azimuth_deg": "path_back_azimuth_archive_deg",
    "snr_db": "trace_snr_db",
    "coda_end_sample": "trace_coda_end_sample",
    "trace_start_time": "trace_start_time",
    "trace_category": "trace_category",
    "trace_name": "trace_name",
}
"""The file's columns, and their names in a record (SeisBench's)."""
PLACE = {name: place for place, name in enumerate(FILE_COLUMNS)}
_MISSING = {"", "none", "nan", "null", "na"}


def rows(path: Path) -> Iterator[tuple[int, Sequence[str]]]:
    """Yield the line number and the texts of each row, in the order of `FILE_COLUMNS`, whatever the order in the file.

    A row with too few or too many fields is yielded unchanged, with a length other than that of `FILE_COLUMNS`.

    Raises:
        ZooError: if the file is missing, empty, or lacks columns.
    """
    try:
        with open(path, newline="", encoding="utf-8-sig", errors="replace") as file:
            reader = csv.reader(file)
            header = [name.strip() for name in next(reader, [])]
            lacking = [name for name in FILE_COLUMNS if name not in header]
            if lacking:
                raise ZooError(
                    f"{path} lacks the column{'s' * (len(lacking) > 1)} {', '.join(lacking)}. STEAD's CSV has the 35 "
                    f"columns {', '.join(FILE_COLUMNS)}: download it again, or take the .csv of this .hdf5."
                )
            ordered = itemgetter(*(header.index(name) for name in FILE_COLUMNS))
            width = len(header)
            for fields in reader:
                if len(fields) == width:
                    yield reader.line_num, ordered(fields)
                elif fields:
                    yield reader.line_num, fields
    except OSError as error:
        raise ZooError(f"Cannot read {path} ({error.strerror}).") from error
    except csv.Error as error:
        raise ZooError(f"{path} is damaged ({error}). Download it again.") from error


def number(text: str) -> float:
    """Return a number of the file, NaN where it is missing; brackets around it are dropped.

    Raises:
        ValueError: if it is not a number.
    """
    bare = text.strip().strip("[]").strip()
    return math.nan if bare.lower() in _MISSING else float(bare)


def columns(block: Sequence[Sequence[str]]) -> tuple[dict[str, np.ndarray | list[str]], dict[int, str]]:
    """Parse rows of texts into the columns of a record.

    Args:
        block: rows in the order of `FILE_COLUMNS`.

    Returns:
        The columns under their names in a record: lists of texts, float64 arrays (n,) and (n, 3); and, by row, what
        could not be read (its value is NaN).
    """
    made: dict[str, np.ndarray | list[str]] = {}
    problems: dict[int, str] = {}
    for (theirs, ours), texts in zip(FILE_COLUMNS.items(), zip(*block, strict=True), strict=True):
        kind = COLUMNS[ours].kind
        if kind == "text":
            made[ours] = ["" if text in ("None", "nan") else text for text in texts]
        elif kind == "vector3":
            made[ours] = _vectors(texts, theirs, problems)
        else:
            made[ours] = _numbers(texts, theirs, problems)
    return made, problems


def _numbers(texts: Sequence[str], name: str, problems: dict[int, str]) -> np.ndarray:
    try:
        return np.array(list(map(float, texts)))
    except ValueError:  # None, brackets
        pass
    try:
        return np.array([math.nan if text == "None" else float(text.strip("[] ")) for text in texts])
    except ValueError:  # worse
        pass
    found = np.empty(len(texts))
    for row, text in enumerate(texts):
        try:
            found[row] = number(text)
        except ValueError:
            found[row] = math.nan
            problems[row] = f"{name} is not a number"
    return found


def _vectors(texts: Sequence[str], name: str, problems: dict[int, str]) -> np.ndarray:
    """Parse bracketed lists like `[ 56.7  55.4  47.4]`."""
    split = [text.replace(",", " ").strip("[] ").split() for text in texts]
    try:
        if all(len(parts) == 3 or text == "None" for parts, text in zip(split, texts, strict=True)):
            missing = ["nan"] * 3
            return np.array([list(map(float, parts if len(parts) == 3 else missing)) for parts in split])
    except ValueError:
        pass
    found = np.full((len(texts), 3), math.nan)
    for row, (text, parts) in enumerate(zip(texts, split, strict=True)):
        try:
            if len(parts) == 3:
                found[row] = [number(part) for part in parts]
                continue
        except ValueError:
            pass
        if text.strip().lower() not in _MISSING:
            problems[row] = f"{name} is not three numbers"
    return found
