"""What was found in a catalogue (a `Seismicity`) as CSV tables, and its places as GeoJSON."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from zoo.files import write_csv, write_json


def write_tables(found: Any, folder: Path) -> None:
    """Write every table and the GeoJSON into a folder."""
    _write(folder / "intervals.csv", *_intervals(found))
    _write(folder / "sequences.csv", *_sequences(found))
    _write(folder / "pixels.csv", *_pixels(found))
    _write(folder / "windows.csv", *_windows(found))
    periods = [(name, start, end) for name in found.names[1:] for start, end in found.periods(name)]
    _write(folder / "baselines.csv", ("score", "start", "end"), periods)
    write_json(folder / "anomalies.geojson", _geojson(found))


def _write(path: Path, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    write_csv(path, header, ([_text(value) for value in row] for row in rows))


def _text(value: Any) -> Any:
    if isinstance(value, float | np.floating):
        return f"{value:.6g}" if np.isfinite(value) else ""
    return value


def _where(found: Any, x_km: np.ndarray, y_km: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the coordinates of a table: degrees, or km where the catalogue has metric ones."""
    return found.catalogue.projection.inverse(x_km, y_km) if found.catalogue.projection else (x_km, y_km)


def _names(found: Any) -> tuple[str, str]:
    return ("longitude_deg", "latitude_deg") if found.catalogue.geographic else ("x_km", "y_km")


def _coordinates(found: Any, x_km: np.ndarray, y_km: np.ndarray) -> list[tuple[str, str]]:
    """Return coordinates as text, to a metre or a hundred-thousandth of a degree (likewise about a metre)."""
    first, second = _where(found, x_km, y_km)
    digits = 5 if found.catalogue.geographic else 3
    return [(f"{a:.{digits}f}", f"{b:.{digits}f}") for a, b in zip(np.ravel(first), np.ravel(second), strict=True)]


def _intervals(found: Any) -> tuple[Sequence[str], list[list[Any]]]:
    others = found.names[1:]
    header = ("interval", "rank", "start", "end", "peak_window", "score", "threshold", "ordinary_alarms_per_year",
              "map", "sequences", "subregions", *others)  # fmt: skip
    rows = []
    for i in found.intervals:
        own = [s for s in found.sequences if s.interval == i.number]
        numbers, names = " ".join(str(s.number) for s in own), " ".join(sorted({s.subregion for s in own}))
        also = ("yes" if name in i.also else "no" for name in others)
        rows.append(
            [i.number, i.rank, i.start, i.end, i.peak, i.score, i.threshold, i.ordinary_per_year, i.tile, numbers,
             names, *also]
        )  # fmt: skip
    return header, rows


def _sequences(found: Any) -> tuple[Sequence[str], list[list[Any]]]:
    header = ("sequence", "rank", "interval", "subregion", "kind", "start", "end", "densest_start", "densest_end",
              "events", "expected", "expected_background", "expected_aftershocks", "p_value", *_names(found), "pixels",
              "probability_by_chance", "largest_magnitude", "largest_time")  # fmt: skip
    rows = []
    for s in found.sequences:
        magnitude = found.catalogue.magnitude[s.member]
        largest = s.member[np.nanargmax(magnitude)] if np.isfinite(magnitude).any() else None
        x_km, y_km = (values[s.member].mean(keepdims=True) for values in (found.catalogue.x_km, found.catalogue.y_km))
        rows.append(
            [s.number, s.rank, s.interval, s.subregion, s.kind, s.start, s.end, s.dense_start, s.dense_end, s.events,
             s.expected, s.expected_background, s.expected_aftershocks, s.p_value,
             *_coordinates(found, x_km, y_km)[0], len(s.rows), s.probability_by_chance,
             *(("", "") if largest is None else (found.catalogue.magnitude[largest], found.catalogue.time[largest]))]
        )  # fmt: skip
    return header, rows


def _pixels(found: Any) -> tuple[Sequence[str], list[list[Any]]]:
    header = ("sequence", "subregion", "row", "column", *_names(found), "events")
    row, column = found.grid.pixels(found.catalogue.x_km, found.catalogue.y_km)
    rows = []
    for s in found.sequences:
        middles = _coordinates(found, *found.grid.centre_km(s.rows, s.columns))
        for r, c, middle in zip(s.rows, s.columns, middles, strict=True):
            events = int(((row[s.member] == r) & (column[s.member] == c)).sum())
            rows.append([s.number, s.subregion, r, c, *middle, events])
    return header, rows


def _windows(found: Any) -> tuple[Sequence[str], Iterable[list[Any]]]:
    header = ("map", "start", "end", "events")
    header += tuple(part for name in found.names for part in (name, f"{name}_above"))
    start, end = found.windows.start, found.windows.end

    def rows() -> Iterable[list[Any]]:
        for number, tile in enumerate(found.tiles):
            above = {name: tile.above(name) for name in found.names}
            for w in range(found.windows.count):
                row = [number, start[w], end[w], tile.maps.events[w]]
                for name in found.names:
                    row += [float(tile.scores[name][w]), int(above[name][w])]
                yield row

    return header, rows()


def _geojson(found: Any) -> dict[str, Any]:
    """Return a feature for each sequence and each subregion, its pixels as a MultiPolygon."""
    features = []
    for s in found.sequences:
        properties = {"kind": "sequence", "sequence": s.number, "interval": s.interval, "subregion": s.subregion}
        properties |= {"start": str(s.start), "end": str(s.end), "events": s.events, "expected": round(s.expected, 3)}
        properties |= {"kind_of_sequence": s.kind, "rank": s.rank, "p_value": s.p_value}
        features.append(_feature(found, s.rows, s.columns, properties))
    for s in found.subregions:
        properties = {"kind": "subregion", "subregion": s.name, "events": s.events, "sequences": list(s.sequences)}
        features.append(_feature(found, s.rows, s.columns, properties))
    made: dict[str, Any] = {"type": "FeatureCollection", "name": found.catalogue.name}
    if not found.catalogue.geographic:
        made["note"] = "Coordinates are kilometres in the catalogue's own metric system, not degrees."
    return made | {"features": features}


def _feature(found: Any, rows: np.ndarray, columns: np.ndarray, properties: dict[str, Any]) -> dict[str, Any]:
    x_km, y_km = found.grid.centre_km(rows, columns)
    half = found.grid.pixel_km / 2
    # Anticlockwise and closed, as RFC 7946 asks.
    corner_x, corner_y = (half * np.array(signs) for signs in ((-1, 1, 1, -1, -1), (-1, -1, 1, 1, -1)))
    first, second = _where(found, x_km[:, None] + corner_x, y_km[:, None] + corner_y)
    if found.catalogue.geographic:
        # A pixel across 180 degrees keeps its corners together.
        first = first[:, :1] + (first - first[:, :1] + 180) % 360 - 180
    corners = np.round(np.stack([first, second], axis=-1), 6)
    return {
        "type": "Feature",
        "properties": properties,
        "geometry": {"type": "MultiPolygon", "coordinates": [[ring] for ring in corners.tolist()]},
    }
