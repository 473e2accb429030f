"""What the trace headers of a file mean: where and when, in metres and seconds, and which traces are seismic.

Headers change each other's meaning: scalars, units, feet, time scalars, codes of traces, delays. What has to be assumed
is a sentence in the notes, and so is what contradicts itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from zoo.errors import ZooError
from zoo.fwi.segy.fields import read_fields
from zoo.fwi.segy.layout import Layout, find_layout
from zoo.fwi.segy.samples import open_bytes, read_trace_headers

FOOT_M = 0.3048
_SEISMIC = {-1, 0, 1, 11, 12, 15}  # other, unknown, seismic, pressure, vertical, rotated vertical
_DEAD = {2, 3}
_CODES = {
    4: "time breaks",
    5: "upholes",
    6: "sweeps",
    7: "timing",
    8: "water breaks",
    9: "near-field gun signatures",
    10: "far-field gun signatures",
    13: "crossline components",
    14: "inline components",
    16: "transverse components",
    17: "radial components",
}
_DEGREES = {2: "seconds of arc", 3: "decimal degrees", 4: "degrees, minutes and seconds"}
_SAME_STEP = 1e-6
_NAMED = 5
_OFFSETS = 0.05
"""Offsets of the headers that differ from those of the coordinates by more than this part contradict them."""


@dataclass(frozen=True, eq=False)
class Recorded:
    """The traces of a file that are seismic or dead, in its order.

    Attributes:
        path, layout: of the file.
        rows: (n,) their numbers in the file, counted from 0.
        step_s: time step.
        first_s: (n,) time of each trace's first sample after the source's beginning.
        dead: (n,) whether the headers say that a trace is none.
        record, point: (n,) numbers of field records and of source points.
        sources, receivers: (n, 2) easting and northing in m, or longitude and latitude.
        source_elevation_m, receiver_elevation_m: (n,) of source and receiver.
        surface_m: (n,) the higher of the elevations of the surface that are stated at both.
        geographic: whether these are degrees.
        notes: sentences.
    """

    path: Path
    layout: Layout
    rows: np.ndarray
    step_s: float
    first_s: np.ndarray
    dead: np.ndarray
    record: np.ndarray
    point: np.ndarray
    sources: np.ndarray
    receivers: np.ndarray
    source_elevation_m: np.ndarray
    receiver_elevation_m: np.ndarray
    surface_m: np.ndarray
    geographic: bool
    notes: tuple[str, ...]


def read_headers(path: Path, kind: str, positions: bool = True) -> Recorded:
    """Return what the headers of a file say.

    Args:
        path: of the file.
        kind: "SEG-Y" or "Seismic Unix".
        positions: whether sources and receivers are wanted; if not, all traces are kept, and no position is checked.

    Raises:
        ZooError: the file is damaged or of another kind, its traces are not seismic or have no interval, or the
            headers hold no positions.
    """
    content = open_bytes(path)
    layout = find_layout(path, content, kind)
    headers = read_trace_headers(path, layout)
    fields = read_fields(headers, layout.header_bytes * np.arange(len(layout.offsets)), layout.places, layout.order)
    notes = list(layout.notes)
    rows, dead = _seismic(path, fields, notes, positions)
    fields = {name: values[rows] for name, values in fields.items()}
    step_s = _step_s(path, layout, fields["interval"], notes)
    first_s = _first_s(path, fields, notes)
    _correlated(path, fields)
    unit_m = _unit_m(layout, notes) if positions else 1.0
    sources, receivers = (np.stack([fields[f"{what}_x"], fields[f"{what}_y"]], 1) for what in ("source", "receiver"))
    geographic = False
    if positions:
        geographic = _geographic(path, fields["coordinate_units"])
        sources, receivers = _places(path, sources, receivers, fields["coordinate_units"], unit_m, geographic)
        if not geographic:
            _compare_offsets(sources, receivers, fields["offset"] * unit_m, notes)
        _elevations(fields, unit_m, notes)
    if not layout.lengths.min() == layout.lengths.max():
        notes.append(
            f"its traces have {layout.lengths.min()} to {layout.lengths.max()} samples: all end with the shortest"
        )
    return Recorded(
        path,
        layout,
        rows,
        step_s,
        first_s,
        dead,
        fields["record"].astype(np.int64),
        fields["source_point"].astype(np.int64),
        sources,
        receivers,
        unit_m * (fields["source_surface"] - fields["source_depth"]),
        unit_m * fields["receiver_elevation"],
        unit_m * np.maximum(fields["source_surface"], fields["receiver_elevation"]),
        geographic,
        tuple(notes),
    )


def _seismic(path: Path, fields: dict, notes: list[str], positions: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return the numbers of the traces that are kept, and which of these are dead."""
    code = fields["identification"].astype(int)
    dead = np.isin(code, list(_DEAD))
    kept = dead | np.isin(code, list(_SEISMIC))
    others = np.unique(code[~kept])[:_NAMED]
    names = ", ".join(f"{np.sum(code == one)} of {_CODES.get(one, f'code {one}')}" for one in others)
    if not (kept & ~dead).any():
        raise ZooError(
            f"{path}: none of its {len(code)} traces is seismic by the identification code of the trace headers "
            f"(byte 29): {names or f'{dead.sum()} dead'}. Correct the code (1: seismic)."
        )
    if not kept.all() and positions:
        notes.append(f"left out, as not seismic by their code (byte 29), of {len(code)} traces: {names}")
    if dead.any():
        notes.append(
            f"dead by their code (byte 29), with weight 0 whatever they hold: {dead.sum()} of {len(code)} traces"
        )
    rows = np.flatnonzero(kept) if positions else np.arange(len(code))
    return rows, dead[rows]


def _step_s(path: Path, layout: Layout, interval_us: np.ndarray, notes: list[str]) -> float:
    """Return the time step, of the trace headers or of the binary one."""
    stated = np.unique(interval_us[interval_us > 0])
    if len(stated) and np.ptp(stated) > _SAME_STEP * stated[0]:
        raise ZooError(
            f"{path}: its traces have sampling intervals of {stated[0]:g} to {stated[-1]:g} microseconds (bytes 117 to "
            "118 of the trace headers). Resample them to the same."
        )
    if not len(stated) and not layout.interval_us > 0:
        raise ZooError(
            f"{path}: the sampling interval is {layout.interval_us / 1e6:g} s in its file header and "
            f"{interval_us.min() / 1e6:g} s in its trace headers; expected a positive number. Correct it (microseconds "
            "at bytes 117 to 118 of each trace header, in SEG-Y at bytes 3217 to 3218 as well)."
        )
    if len(stated) and layout.interval_us > 0 and abs(layout.interval_us - stated[0]) > _SAME_STEP * stated[0]:
        notes.append(
            f"the interval of its trace headers, {stated[0]:g} microseconds, was taken, and not that of the binary "
            f"header, {layout.interval_us:g}"
        )
    if not len(stated):
        notes.append(f"its trace headers state no interval: the binary header's {layout.interval_us:g} microseconds")
    return float(stated[0] if len(stated) else layout.interval_us) / 1e6


def _first_s(path: Path, fields: dict, notes: list[str]) -> np.ndarray:
    """Return when each trace begins, of delays in milliseconds."""
    delay_s = fields["delay"] / 1000
    if not np.isfinite(delay_s).all():
        raise ZooError(f"{path}: a delay (bytes 109 to 110 of the trace headers) is not a number. Correct it.")
    if np.ptp(delay_s):
        notes.append(
            f"its traces begin {1e3 * delay_s.min():g} to {1e3 * delay_s.max():g} ms after the source (byte 109): they "
            "were aligned, with zeros before a trace begins"
        )
    if np.any(fields["lag_a"]) or np.any(fields["lag_b"]):
        notes.append("lag times (bytes 105 to 108) are not used: the delay counts from the source's beginning")
    if np.any(fields["static"]):
        low, high = fields["static"].min(), fields["static"].max()
        datum = fields["source_datum"][0]
        notes.append(
            f"warning: statics of {low:g} to {high:g} ms were applied (byte 103), to a datum of {datum:g}. They were "
            "not taken back, and waves from true positions do not fit shifted traces: give traces without statics"
        )
    return delay_s


def _correlated(path: Path, fields: dict) -> None:
    if np.any((fields["correlated"] == 1) & (fields["sweep_length"] > 0)):
        raise ZooError(
            f"{path} holds uncorrelated sweeps of {fields['sweep_length'].max():g} ms (bytes 125 and 131 of the trace "
            "headers). Correlate them with the sweep first."
        )


def _unit_m(layout: Layout, notes: list[str]) -> float:
    if layout.system == 2:
        notes.append("its binary header says feet (byte 3255): lengths were converted to metres")
        return FOOT_M
    if layout.system != 1:
        notes.append("it does not say whether its lengths are metres or feet: metres were taken")
    return 1.0


def _geographic(path: Path, units: np.ndarray) -> bool:
    codes = np.unique(units)
    angles = np.isin(codes, list(_DEGREES))
    if angles.any() and not (len(codes) == 1):
        raise ZooError(
            f"{path}: the units of coordinates (byte 89 of the trace headers) are {', '.join(f'{c:g}' for c in codes)} "
            "in one file; expected one of 1 (lengths), 2, 3, 4 (degrees). Correct them."
        )
    return bool(angles.any())


def _places(path, sources, receivers, units, unit_m, geographic) -> tuple[np.ndarray, np.ndarray]:
    """Return the coordinates in metres or degrees; refuse headers that hold none."""
    for what, values in (("source", sources), ("receiver", receivers)):
        if not np.isfinite(values).all():
            raise ZooError(f"{path}: the coordinates of a {what} are not numbers. Correct its trace headers.")
    if not (np.ptp(sources, axis=0).any() or np.ptp(receivers, axis=0).any()) and (sources == receivers).all():
        raise ZooError(
            f"{path}: all sources and receivers are at one place, {_pair(sources[0])}, in the trace headers (bytes 73 "
            "to 88): they hold no geometry. Give --geometry."
        )
    for what, values, byte in (("sources", sources, 73), ("receivers", receivers, 81)):
        other = receivers if what == "sources" else sources
        # On a map nobody shoots from or into (0, 0); in a model's own coordinates it is a place like any other.
        if not values.any() and np.hypot(*other.T).min() > np.ptp(other, axis=0).max():
            raise ZooError(
                f"{path}: the {what} have no coordinates (bytes {byte} to {byte + 7} of the trace headers are 0): "
                "these are no shot gathers, or their geometry is elsewhere. Give --geometry."
            )
    if not geographic:
        return sources * unit_m, receivers * unit_m
    code = int(units[0])
    found = tuple(_degrees(values, code) for values in (sources, receivers))
    worst = np.abs(np.concatenate(found)).max(axis=0)
    if worst[0] > 360 or worst[1] > 90:
        raise ZooError(
            f"{path}: byte 89 of the trace headers says that coordinates are {_DEGREES[code]}, and they then reach "
            f"{worst[0]:.6g} degrees of longitude and {worst[1]:.6g} of latitude. Correct the unit or the scalar."
        )
    return found


def _degrees(values: np.ndarray, code: int) -> np.ndarray:
    if code == 2:
        return values / 3600
    if code == 3:
        return values
    whole = np.abs(values)  # DDDMMSS.ss
    degrees, minutes = np.floor(whole / 10000), np.floor(whole % 10000 / 100)
    return np.sign(values) * (degrees + minutes / 60 + whole % 100 / 3600)


def _pair(place: np.ndarray) -> str:
    return f"({place[0]:g}, {place[1]:g})"


def _compare_offsets(sources: np.ndarray, receivers: np.ndarray, offset_m: np.ndarray, notes: list[str]) -> None:
    """Say where the offsets of the headers are another multiple of the distances than 1."""
    distance = np.hypot(*(receivers - sources).T)
    both = (distance > 0) & (offset_m != 0)
    if not both.any():
        return
    ratio = float(np.median(np.abs(offset_m[both]) / distance[both]))
    if abs(ratio - 1) > _OFFSETS:
        notes.append(
            f"warning: offsets (byte 37) are {ratio:.3g} times the distances between sources and receivers: a unit or "
            "scalar is wrong. The coordinates were taken"
        )


def _elevations(fields: dict, unit_m: float, notes: list[str]) -> None:
    names = ("source_surface", "source_depth", "receiver_elevation")
    for name in names:
        if not np.isfinite(fields[name]).all():
            raise ZooError(f"An elevation or depth in the trace headers is not a number ({name}). Correct it.")
    if not any(fields[name].any() for name in names):
        notes.append("its headers state no elevations and depths: sources and receivers were put at depth 0")
    water = np.maximum(fields["source_water"], fields["receiver_water"]) * unit_m
    if water.any():
        notes.append(
            f"water depths of {water.min():.4g} to {water.max():.4g} m are stated (bytes 61 to 68): they move nothing, "
            "the start must hold the water"
        )
