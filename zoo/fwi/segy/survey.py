"""One survey of one or more files: shots numbered, positions along a line, times on one axis."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from zoo.errors import ZooError
from zoo.fwi.line import Line, fit_line
from zoo.fwi.segy.geometry import Recorded, read_headers
from zoo.fwi.segy.samples import LazyTraces, Part

_SAME_STEP = 1e-6
_WHOLE_M = 1.0
_MAP_M = 100_000.0
"""An x from here on is one of a map."""


def read_survey(
    files: list[tuple[Path, str]],
    *,
    positions: bool = True,
    corner_m: tuple[float, float] | None = None,
    datum_m: float | None = None,
) -> dict[str, Any]:
    """Return the fields of `zoo.fwi.shots.Shots` from files of SEG-Y or Seismic Unix.

    Args:
        files: path and kind of each, see `zoo.fwi.segy.layout.find_layout`.
        positions: whether sources and receivers are taken from the headers.
        corner_m: map coordinates of the model's top left corner; by default where the line begins.
        datum_m: elevation of the model's top; by default 0, or the highest surface where there is land above that.

    Raises:
        ZooError: a file is damaged, or files do not fit each other; see `read_headers` and `fit_line`.
    """
    recorded = [read_headers(path, kind, positions) for path, kind in files]
    first = recorded[0]
    for other in recorded[1:]:
        if abs(other.step_s - first.step_s) > _SAME_STEP * first.step_s:
            raise ZooError(
                f"{other.path} has a time step of {other.step_s:g} s, {first.path.name} of {first.step_s:g} s. "
                "Resample them to the same."
            )
        if other.geographic != first.geographic:
            raise ZooError(f"{other.path} has other units of coordinates than {first.path.name}. Convert one of them.")
    notes = _notes(recorded)
    traces, first_s = _traces(recorded)
    found: dict[str, Any] = {"traces": traces, "time_step_s": first.step_s, "first_sample_s": first_s}
    if positions:
        found |= _geometry(recorded, corner_m, datum_m, notes)
    return found | {"notes": tuple(notes)}


def _notes(recorded: list[Recorded]) -> list[str]:
    """Return the files' sentences; one that several files share is said once."""
    by: dict[str, list[str]] = {}
    for one in recorded:
        for note in one.notes:
            by.setdefault(note, []).append(one.path.name)
    return [
        f"{names[0]}{f' and {len(names) - 1} other files' if len(names) > 1 else ''}: {note}."
        for note, names in by.items()
    ]


def _traces(recorded: list[Recorded]) -> tuple[LazyTraces, float]:
    """Return all traces on one time axis, from the earliest beginning to the earliest end; and when it begins."""
    step_s = recorded[0].step_s
    begin_s = min(float(one.first_s.min()) for one in recorded)
    end_s = min(float((one.first_s + step_s * (one.layout.lengths[one.rows] - 1)).min()) for one in recorded)
    samples = int((end_s - begin_s) / step_s + 1e-6) + 1
    if samples < 1:
        late = max(recorded, key=lambda one: one.first_s.max())
        raise ZooError(
            f"{late.path}: a trace begins {late.first_s.max():g} s after the source, when another has ended. Check the "
            "delays (byte 109 of the trace headers)."
        )
    parts = [Part(one.path, one.layout, one.rows, (one.first_s - begin_s) / step_s, one.dead) for one in recorded]
    return LazyTraces(tuple(parts), samples), begin_s


def _geometry(recorded, corner_m, datum_m, notes: list[str]) -> dict[str, Any]:
    def joined(name: str) -> np.ndarray:
        return np.concatenate([getattr(one, name) for one in recorded])

    sources, receivers = joined("sources"), joined("receivers")
    system = ""
    if recorded[0].geographic:
        sources, receivers, system = _metres(sources, receivers)
        notes.append(f"Degrees were taken as of WGS 84 and projected to {system}.")
    source_z, receiver_z = joined("source_elevation_m"), joined("receiver_elevation_m")
    datum_m = _datum_m(source_z, receiver_z, joined("surface_m"), datum_m, notes)
    shot = _shots(recorded, sources, notes)
    if corner_m is None and not system and _is_local(sources, receivers):
        line, source_x, receiver_x = None, sources[:, 0], receivers[:, 0]
        y = f" (y is {sources[0, 1]:g} m throughout)" if sources[0, 1] else ""
        notes.append(f"x of the headers was taken as the distance from the model's left edge{y}.")
        if datum_m:
            line = Line(np.array([[0.0, sources[0, 1]], [1.0, sources[0, 1]]]), np.array([0.0, 1.0]), datum_m)
    else:
        line, said = fit_line(sources, receivers, corner_m)
        line = Line(line.points_m, line.x_m, datum_m, system)
        notes.append(said + ("" if corner_m is not None else " If the model begins elsewhere, give --corner."))
        # To the micrometre: the first place is at 0 and not a rounding error before it.
        source_x, receiver_x = (np.round(line.project(places)[0], 6) + 0.0 for places in (sources, receivers))
    return {
        "shot": shot,
        "source_x_m": source_x,
        "source_depth_m": datum_m - source_z,
        "receiver_x_m": receiver_x,
        "receiver_depth_m": datum_m - receiver_z,
        "line": line,
    }


def _is_local(sources: np.ndarray, receivers: np.ndarray) -> bool:
    """Return whether coordinates are a model's own: y of 0, or one y and x from near 0."""
    x = np.concatenate([sources[:, 0], receivers[:, 0]])
    y = np.concatenate([sources[:, 1], receivers[:, 1]])
    if x.min() < 0 or np.ptp(y):
        return False
    return x.max() < _MAP_M if not y.any() else x.min() <= np.ptp(x)


def _metres(sources: np.ndarray, receivers: np.ndarray) -> tuple[np.ndarray, np.ndarray, str]:
    """Return longitudes and latitudes in the zone of UTM in whose middle they are, and its name."""
    from pyproj import Transformer

    longitude, latitude = np.concatenate([sources, receivers]).mean(axis=0)
    zone = int(((longitude + 180) % 360) // 6) + 1
    name = f"EPSG:{(32600 if latitude >= 0 else 32700) + zone}"
    project = Transformer.from_crs("EPSG:4326", name, always_xy=True).transform
    return (*(np.stack(project(places[:, 0], places[:, 1]), 1) for places in (sources, receivers)), name)


def _datum_m(source_z, receiver_z, surface, datum_m: float | None, notes: list[str]) -> float:
    """Return the elevation of the model's top."""
    highest = max(float(source_z.max()), float(receiver_z.max()))
    if datum_m is None and highest <= 0:
        return 0.0
    top = max(highest, float(surface.max()))
    if datum_m is None:
        datum_m = float(np.ceil(top / _WHOLE_M) * _WHOLE_M)
    elif datum_m < top:
        raise ZooError(f"The datum of {datum_m:g} m is below the highest place of the survey, {top:g} m. Raise it.")
    if surface.any():
        notes.append(
            f"The surface lies at elevations of {surface.min():.1f} to {surface.max():.1f} m: depths count from a "
            f"datum of {datum_m:g} m, where the start must begin. What the start has between datum and surface is the "
            "replacement velocity; the surface itself does not reflect."
        )
    return datum_m


def _shots(recorded: list[Recorded], sources: np.ndarray, notes: list[str]) -> np.ndarray:
    """Return the number of the shot of each trace: that of its record where records and sources agree."""
    counts = [len(one.rows) for one in recorded]
    file = np.repeat(np.arange(len(recorded)), counts)
    for name, said in (("record", "record (byte 9)"), ("point", "source point (byte 17)")):
        number = np.concatenate([getattr(one, name) for one in recorded])
        keys, inverse = np.unique(np.stack([file, number], 1), axis=0, return_inverse=True)
        inverse = inverse.ravel()
        if name == "point" and len(keys) < 2:
            continue
        if not _one_source(inverse, sources) or (len(keys) == 1 and np.ptp(sources, axis=0).any()):
            continue
        if name == "point":
            notes.append(f"Shots are told apart by the number of their {said}.")
        if _one_source(number, sources):  # in all files together, too
            return number
        notes.append("Files number their shots alike: they were numbered anew, from 1, in the order of the files.")
        return inverse + 1
    shot = np.unique(sources, axis=0, return_inverse=True)[1].ravel()
    if len(np.unique(shot)) > 1:
        notes.append("Numbers of records and sources disagree: every place of a source is a shot.")
    return shot.astype(np.int64)


def _one_source(number: np.ndarray, sources: np.ndarray) -> bool:
    """Return whether all traces of a number have the same source."""
    order = np.argsort(number, kind="stable")
    same = np.diff(number[order]) == 0
    return not np.abs(np.diff(sources[order], axis=0)[same]).any()
