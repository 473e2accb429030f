"""Shots written as SEG-Y, a trace at a time, with the coordinates that their survey has on the map."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from zoo.errors import ZooError

_MOST = 32767  # SEG-Y's numbers of samples and of microseconds are signed 16-bit numbers
_PER_M = 100
"""Coordinates are whole numbers of centimetres, which SEG-Y states as a scalar of -100."""
_LARGEST_CM = 2**31 - 1
# Time steps that differ by less than this part are the same, rounded.
_SAME_STEP = 1e-6


def write_segy(shots: Any, path: Path) -> None:
    """Write `zoo.fwi.shots.Shots` as SEG-Y: revision 1, IEEE floats, big endian, metres, coordinates in centimetres.

    With `Shots.line`, coordinates are those of the map and elevations count from sea level; without, x is that of the
    model and elevations are depths with a minus.

    Raises:
        ZooError: a time step, a delay, a coordinate or a number of samples that SEG-Y cannot hold.
    """
    import segyio
    from segyio import BinField, TraceField

    delay_ms = 1000 * shots.first_sample_s
    # Nothing moves at time 0: traces that begin one step later get a zero.
    ahead = int(abs(shots.first_sample_s - shots.time_step_s) < _SAME_STEP * shots.time_step_s)
    delay_ms, samples = (0.0 if ahead else delay_ms), shots.traces.shape[1] + ahead
    microseconds = 1e6 * shots.time_step_s
    if abs(microseconds - round(microseconds)) > 1e-3 or not 1 <= microseconds <= _MOST:
        raise ZooError(
            f"SEG-Y holds time steps of 1 to {_MOST} whole microseconds; received {microseconds:g}. "
            "Resample, or use .npz."
        )
    if samples > _MOST or abs(delay_ms - round(delay_ms)) > 1e-3 or abs(delay_ms) > _MOST:
        raise ZooError(
            f"SEG-Y holds at most {_MOST} samples and delays of up to {_MOST} whole milliseconds; received "
            f"{samples} and {delay_ms:g} ms. Use .npz."
        )
    columns = _columns(shots)
    spec = segyio.spec()
    spec.format, spec.samples, spec.tracecount = 5, np.arange(samples) * microseconds / 1000, len(shots.traces)
    with segyio.create(str(path), spec) as file:
        system = getattr(shots.line, "system", "") or "not stated"
        text = {1: f"SHOTS: {shots.source}"[:76], 2: f"METRES, COORDINATE SYSTEM {system}", 3: "WRITTEN BY ZOO"}
        file.text[0] = segyio.tools.create_text_header(text)
        file.bin = {
            BinField.Interval: round(microseconds),
            BinField.Samples: samples,
            BinField.Format: 5,
            BinField.MeasurementSystem: 1,
            BinField.SEGYRevision: 1,
            BinField.TraceFlag: 1,
        }
        row_of = np.zeros(samples, np.float32)
        for row in range(len(shots.traces)):
            row_of[ahead:] = shots.traces[row]
            file.trace[row] = row_of
            file.header[row] = {
                TraceField.TRACE_SEQUENCE_LINE: row + 1,
                TraceField.TRACE_SEQUENCE_FILE: row + 1,
                TraceField.FieldRecord: int(shots.shot[row]),
                TraceField.TraceIdentificationCode: 1 if row_of.any() else 2,
                TraceField.CoordinateUnits: 1,
                TraceField.SourceGroupScalar: -_PER_M,
                TraceField.ElevationScalar: -_PER_M,
                TraceField.DelayRecordingTime: round(delay_ms),
                TraceField.TRACE_SAMPLE_COUNT: samples,
                TraceField.TRACE_SAMPLE_INTERVAL: round(microseconds),
                **{field: int(values[row]) for field, values in columns.items()},
            }


def _columns(shots: Any) -> dict[int, np.ndarray]:
    """Return the fields with coordinates, (n,) whole centimetres each."""
    from segyio import TraceField

    fields = {}
    datum_m = 0.0 if shots.line is None else shots.line.datum_m
    for name, x, y in (
        ("source", TraceField.SourceX, TraceField.SourceY),
        ("receiver", TraceField.GroupX, TraceField.GroupY),
    ):
        x_m = getattr(shots, f"{name}_x_m")
        places = np.stack([x_m, 0 * x_m], 1) if shots.line is None else shots.line.at(x_m)
        fields[x], fields[y] = places.T
    fields[TraceField.ReceiverGroupElevation] = datum_m - shots.receiver_depth_m
    fields[TraceField.SourceSurfaceElevation] = np.full(len(shots.shot), datum_m)
    fields[TraceField.SourceDepth] = shots.source_depth_m
    fields = {field: np.round(_PER_M * np.asarray(values, np.float64)) for field, values in fields.items()}
    largest = max(float(np.abs(values).max()) for values in fields.values())
    if largest > _LARGEST_CM:
        raise ZooError(
            f"SEG-Y holds coordinates of up to {_LARGEST_CM / _PER_M:.0f} m in centimetres; received "
            f"{largest / _PER_M:.0f} m. Use .npz."
        )
    return fields
