"""ComCat's GeoJSON, and what ObsPy reads (QuakeML, ZMAP, NORDIC, ...), as columns for `zoo.seismicity.catalogues`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from zoo.errors import ZooError


def read_geojson(path: Path) -> tuple[dict[str, np.ndarray], list[str]]:
    """Read points with `time` (milliseconds since 1970, or text) and `mag`, as ComCat's `format=geojson` gives them.

    Returns:
        Columns (rows,) as `zoo.seismicity.catalogues.from_columns` takes them; notes (none).

    Raises:
        ZooError: if it is not GeoJSON of points.
    """
    from zoo.seismicity.catalogues.times import moments

    try:
        with open(path, encoding="utf-8-sig") as file:
            features = json.load(file)["features"]
        points = [feature["geometry"]["coordinates"] for feature in features if feature.get("geometry")]
        properties = [feature.get("properties") or {} for feature in features if feature.get("geometry")]
        longitude, latitude = (np.array([_number(point[axis]) for point in points]) for axis in (0, 1))
        depth = np.array([_number(point[2]) if len(point) > 2 else np.nan for point in points])
    except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        raise ZooError(
            f"{path} is not GeoJSON of earthquakes ({type(error).__name__}: {error}). Expected features with points "
            "and the properties time and mag, as ComCat gives them."
        ) from error
    if not points:
        raise ZooError(f"{path} holds no earthquake: its list of features has no points.")
    found = {
        "time": moments([str(p.get("time", "")) for p in properties]),
        "longitude_deg": longitude,
        "latitude_deg": latitude,
        "depth_km": depth,
        "magnitude": np.array([_number(p.get("mag")) for p in properties]),
        "type": np.array([str(p.get("type", "")) for p in properties]),
    }
    return found, []


def obspy_reads(path: Path) -> bool:
    """Return whether ObsPy reads events from the file."""
    try:
        from obspy import read_events

        return len(read_events(str(path))) > 0
    except Exception:  # readers of other formats raise anything
        return False


def read_obspy(path: Path) -> tuple[dict[str, np.ndarray], list[str]]:
    """Read events with ObsPy: of each its preferred (or first) origin and magnitude.

    Returns:
        Columns (rows,) as `zoo.seismicity.catalogues.from_columns` takes them; notes (none).

    Raises:
        ZooError: if ObsPy does not read it.
    """
    from obspy import read_events

    try:
        events = read_events(str(path))
    except Exception as error:
        raise ZooError(
            f"{path} is not a catalogue of a known format ({type(error).__name__}: {error}). Expected CSV, GeoJSON, "
            "QuakeML or whatever else ObsPy reads."
        ) from error
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
    if not rows:
        raise ZooError(f"{path} holds no event: expected at least one earthquake.")
    columns = zip(*rows, strict=True)
    names = ("time", "longitude_deg", "latitude_deg", "depth_km", "magnitude", "type")
    found = {name: np.array(column) for name, column in zip(names, columns, strict=True)}
    return found | {"time": found["time"].astype("datetime64[ms]")}, []


def _number(value: Any) -> float:
    return np.nan if value is None else float(value)
