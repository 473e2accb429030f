"""Files that are no tables of text: JSON and GeoJSON, MATLAB's .mat, and what ObsPy reads (QuakeML, SCML, NDK ...)."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import re
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from zoo.errors import ZooError
from zoo.foreign import open_hdf5
from zoo.seismicity.catalogues.layout import Table
from zoo.seismicity.catalogues.lines import encoding_of
from zoo.seismicity.catalogues.magnitudes import without_unknown

_JSON_EXPECTED = (
    "Expected GeoJSON of points, or a list of events, with time and magnitude, as ComCat, EMSC and GeoNet give."
)


def json_table(path: Path) -> Table:
    """Return the table of a JSON file: GeoJSON's points with their properties, a list of events, or of columns.

    Raises:
        ZooError: if it is none of these, or holds no event.
    """
    try:
        with open(path, encoding=encoding_of(path)) as file:
            text = file.read()
        try:
            found = json.loads(text)
        except ValueError:  # a JSON object on each line
            found = [json.loads(line.lstrip("\x1e")) for line in text.splitlines() if line.strip()]
        records = _records(found)
    except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise ZooError(
            f"{path} is not GeoJSON of earthquakes ({type(error).__name__}: {error}). {_JSON_EXPECTED}"
        ) from error
    if not records:
        raise ZooError(f"{path} holds no earthquake: its list of features has no points.")
    names = list(dict.fromkeys(name for record in records[:500] for name in record))
    return table_of(str(path), names, [[_text(record.get(name)) for name in names] for record in records])


def _records(found: Any) -> list[dict[str, Any]]:
    """Return an event each as names and values."""
    if isinstance(found, dict) and "features" in found:
        return [_feature(each) for each in found["features"] if each.get("geometry")]
    if isinstance(found, list) and found and all(isinstance(each, dict) and each.get("geometry") for each in found):
        return [_feature(each) for each in found]
    if isinstance(found, dict):
        lists = {name: value for name, value in found.items() if isinstance(value, list) and value}
        sizes = {len(value) for value in lists.values()}
        for value in lists.values():  # {"events": [{...}, ...]}
            if isinstance(value[0], dict):
                return [_flat(each) for each in value]
        if len(lists) >= 3 and len(sizes) == 1:  # {"time": [...], "lat": [...]}
            return [dict(zip(lists, row, strict=True)) for row in zip(*lists.values(), strict=True)]
        rows = [value for value in found.values() if isinstance(value, dict)]
        sizes = {len(value) for value in rows}
        if (
            len(rows) >= 3 and len(rows) == len(found) and len(sizes) == 1
        ):  # pandas: {"time": {"0": ..., "1": ...}, ...}
            if not any(re.search("[a-z]", name) for name in rows[0]):
                return [{name: found[name][at] for name in found} for at in rows[0]]
            return [_flat(each) for each in rows]
        raise ValueError("no list of events")
    if isinstance(found, list) and all(isinstance(each, dict) for each in found):
        return [_flat(each) for each in found]
    raise ValueError("no list of events")


def _flat(record: Mapping[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in record.items():
        if isinstance(value, Mapping):
            flat |= {f"{name}_{inner}": each for inner, each in value.items() if not isinstance(each, (Mapping, list))}
        elif not isinstance(value, list):
            flat[name] = value
    return flat


def _feature(feature: Mapping[str, Any]) -> dict[str, Any]:
    """Return a feature's properties with its point; the depth among them counts more than the third coordinate.

    ComCat's third coordinate is the depth, EMSC's is the height; beside a depth of its own it is left alone.
    """
    properties = _flat(feature.get("properties") or {})
    properties = {
        k: v
        for k, v in properties.items()
        if k.lower() not in ("lon", "lat", "longitude", "latitude", "long", "x", "y")
    }
    point = feature["geometry"]["coordinates"]
    made = {"longitude": point[0], "latitude": point[1]} | properties
    if not any(name.lower() in ("depth", "depth_km", "dep") for name in properties):
        made["depth"] = point[2] if len(point) > 2 else None
    return made


def _text(value: Any) -> str:
    return "" if value is None else repr(value) if isinstance(value, float) else str(value)


def table_of(where: str, names: list[str], rows: list[list[str]]) -> Table:
    """Return a table of rows that are in memory."""
    step = max(1, len(rows) // 1500)
    return Table(where, names, len(names) or len(rows[0]), rows[::step][:2000], rows)


def mat_table(path: Path) -> Table:
    """Return the table of a .mat file: ZMAP's matrix (longitude, latitude, year, month, day, magnitude, depth, hour,
    minute, second), or vectors or a structure of vectors with names.

    Raises:
        ZooError: if it is none of these, or MATLAB's newer format with objects that only MATLAB reads.
    """
    try:
        from scipy.io import loadmat

        content = loadmat(path, squeeze_me=True, struct_as_record=True)
    except (NotImplementedError, ValueError, TypeError, OSError) as error:
        content = _hdf5(path, error)
    vectors: dict[str, np.ndarray] = {}
    for name, value in content.items():
        if name.startswith("__") or not isinstance(value, np.ndarray):
            continue
        if value.ndim == 2 and min(value.shape) >= 9 and np.issubdtype(value.dtype, np.number):
            value = value if value.shape[1] <= value.shape[0] or value.shape[0] not in (9, 10, 11, 12, 13) else value.T
            return table_of(str(path), [], [[_text(float(v)) for v in row] for row in value[:, :10]])
        if value.dtype.names:
            record = value.reshape(-1)
            if len(record) == 1:
                vectors |= {field: np.atleast_1d(record[field][0]) for field in value.dtype.names}
            else:
                vectors |= {field: record[field] for field in value.dtype.names}
        elif value.ndim == 1:
            vectors[name] = value
    sizes = [len(value) for value in vectors.values() if value.ndim == 1]
    size = max(sizes, key=sizes.count, default=0)
    vectors = {name: value for name, value in vectors.items() if value.ndim == 1 and len(value) == size}
    if len(vectors) < 3 or size < 1:
        held = ", ".join(name for name in content if not name.startswith("__")) or "nothing"
        raise ZooError(
            f"{path} holds {held}: no matrix of "
            "ZMAP (longitude, latitude, year, month, day, magnitude, depth, hour, minute) and no vectors with names. "
            "In MATLAB: writetable(catalogue, 'catalogue.csv')."
        )
    rows = [
        [_text(v.item() if isinstance(v, np.generic) else v) for v in row]
        for row in zip(*vectors.values(), strict=True)
    ]
    return table_of(str(path), list(vectors), rows)


def _hdf5(path: Path, error: Exception) -> dict[str, np.ndarray]:
    """Return the numeric arrays of a .mat file of version 7.3, which is HDF5."""
    try:
        import h5py

        with open_hdf5(path) as file:
            found: dict[str, np.ndarray] = {}
            file.visititems(
                lambda name, item: (
                    found.update({name.split("/")[-1]: np.squeeze(item[()]).T})
                    if isinstance(item, h5py.Dataset) and item.dtype.kind in "fiu"
                    else None
                )
            )
            return found
    except (OSError, ValueError):
        raise ZooError(
            f"{path} is not a .mat file that can be read ({type(error).__name__}: {error}). In MATLAB: "
            "writetable(catalogue, 'catalogue.csv')."
        ) from error


def obspy_events(path: Path) -> list[Any] | None:
    """Return the events that ObsPy reads, None where it reads none; what it prints about the rest is kept back."""
    from obspy import read_events

    logging.disable(logging.CRITICAL)
    try:
        with (
            warnings.catch_warnings(),
            contextlib.redirect_stderr(io.StringIO()),
            contextlib.redirect_stdout(io.StringIO()),
        ):
            warnings.simplefilter("ignore")
            events = list(read_events(str(path)))
    except Exception:  # readers of other formats raise anything
        return None
    finally:
        logging.disable(logging.NOTSET)
    return events or None


def is_ndk(lines: Sequence[str]) -> bool:
    """Return whether lines are the top of GCMT's .ndk: five to an event, the first of which has a date and a time."""
    lines = [line for line in lines if line.strip()]
    first = lines[::5][:50]
    return len(lines) >= 5 and all(re.match(r"[A-Za-z ]{3,5}\s?\d{4}/\d\d/\d\d \d\d:\d\d", line) for line in first)


def expected_events(path: Path) -> int | None:
    """Return how many events a file holds as far as its text tells, None where it does not."""
    data = path.read_bytes()
    if data.lstrip()[:1] == b"<":
        return len(re.findall(rb"<(?:\w+:)?event[\s>]", data)) or None
    lines = [line for line in data.decode("latin-1").splitlines() if line.strip()]
    return len(lines) // 5 if is_ndk(lines) else None


def read_obspy(path: Path, compare: int | None = None) -> tuple[dict[str, np.ndarray], list[str]]:
    """Read events with ObsPy: of each its preferred (or first) origin and magnitude.

    Args:
        path: the file.
        compare: how many events it should hold; ObsPy is not believed if it finds fewer. Default: as its text tells.

    Returns:
        Columns (rows,) as `zoo.seismicity.catalogues.from_columns` takes them; notes.

    Raises:
        ZooError: if ObsPy does not read it, or only in part.
    """
    events = obspy_events(path)
    if events is None:
        raise ZooError(
            f"{path} is not a catalogue of a known format. Expected CSV or other columns of text, GeoJSON, QuakeML or "
            "whatever else ObsPy reads."
        )
    compare = expected_events(path) if compare is None else compare
    if compare is not None and len(events) < 0.98 * compare:
        raise ZooError(
            f"{path} holds {compare} events, and ObsPy reads {len(events)} of them. Save it as CSV or QuakeML."
        )
    rows = []
    for event in events:
        origin = event.preferred_origin() or (event.origins[0] if event.origins else None)
        magnitude = event.preferred_magnitude() or (event.magnitudes[0] if event.magnitudes else None)
        depth_m = None if origin is None else origin.depth
        rows.append(
            (
                np.datetime64("NaT") if origin is None or origin.time is None else np.datetime64(origin.time.datetime),
                _number(origin and origin.longitude),
                _number(origin and origin.latitude),
                _number(depth_m) / 1000,
                _number(magnitude and magnitude.mag),
                str(event.event_type or ""),
            )
        )
    columns = zip(*rows, strict=True)
    names = ("time", "longitude_deg", "latitude_deg", "depth_km", "magnitude", "type")
    found = {name: np.array(column) for name, column in zip(names, columns, strict=True)}
    notes = [f"read by ObsPy: {len(events)} events"]
    several = sum(len(event.origins) > 1 for event in events)
    if several:
        notes.append(f"{several} events have several origins: the preferred one was taken, or the first")
    found["magnitude"] = without_unknown(found["magnitude"], notes)
    return found | {"time": found["time"].astype("datetime64[ms]")}, notes


def _number(value: Any) -> float:
    return np.nan if value is None else float(value)
