"""SEG-Y and all else that ObsPy reads, to and from the fields of `zoo.fwi.shots.Shots`. Importing it needs ObsPy."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import obspy
from obspy import Stream, Trace
from obspy.core import AttribDict
from obspy.io.segy.segy import SEGYTraceHeader

from zoo.errors import ZooError

_MOST_SAMPLES = 32767  # SEG-Y's number of samples is a signed 16-bit number
# Bytes of SEG-Y's headers: the file's (3200 of text, 400 binary), each further block of text, and that of each trace.
_FILE_HEADER, _TEXT_HEADER, _TRACE_HEADER = 3600, 3200, 240
# Coordinates are whole numbers divided by 100, which SEG-Y states as a scalar of -100: centimetres.
_SCALAR = -100
# A line may deviate from the x direction by this part of its length.
_STRAIGHT = 0.01
# Time steps that differ by less than this part are the same, rounded.
_SAME_STEP = 1e-6


def read_obspy(path: Path, segy: bool, columns: Sequence[str] = ()) -> dict[str, Any]:
    """Return the fields of `zoo.fwi.shots.Shots` from a file that ObsPy reads.

    Args:
        path: the file.
        segy: whether it must be SEG-Y.
        columns: columns of a geometry's table, to name where the file has no geometry; empty if a table is given, in
            which case the file's own geometry is not read.

    Raises:
        ZooError: the file is cut short or of no known format, or has traces of different lengths, or no geometry.
    """
    try:
        stream = obspy.read(path, format="SEGY" if segy else None)
    except Exception as error:  # ObsPy's readers raise whatever their parser met
        kind, why = "SEG-Y" if segy else "of a format that ObsPy knows", " ".join(str(error).split())
        raise ZooError(f"{path} is cut short or not {kind} ({why}).") from error
    headed = stream and "segy" in stream[0].stats
    if headed:
        _check_size(stream, path)
    if not headed and columns:
        raise ZooError(
            f"{path} says nothing about sources and receivers. Give --geometry, a CSV with the columns "
            f"{', '.join(columns)} and one row for each of its {len(stream)} traces."
        )
    lengths, steps = [len(trace) for trace in stream], [trace.stats.delta for trace in stream]
    for row, (length, step) in enumerate(zip(lengths, steps, strict=True)):
        if length != lengths[0] or abs(step - steps[0]) > _SAME_STEP * steps[0]:
            raise ZooError(
                f"{path}: trace {row + 1} has {length} samples of {step:g} s, trace 1 {lengths[0]} of {steps[0]:g} s. "
                "Cut or resample them to the same."
            )
    traces = np.stack([np.asarray(trace.data, np.float32) for trace in stream])
    found: dict[str, Any] = {"traces": traces, "time_step_s": float(steps[0])}
    if headed:
        headers = [trace.stats.segy.trace_header for trace in stream]
        found["time_step_s"] = _step_s(headers[0], stream.stats)
        found["first_sample_s"] = headers[0].delay_recording_time / 1000
        if columns:
            found |= _geometry(headers, path, columns)
    return found


def _step_s(header: Any, stats: Any) -> float:
    microseconds = header.sample_interval_in_ms_for_this_trace  # ObsPy's name says ms; the field is in microseconds
    return (microseconds or stats.binary_file_header.sample_interval_in_microseconds) / 1e6


def _check_size(stream: Any, path: Path) -> None:
    """Refuse a file that ends within a trace header, which ObsPy reads up to there."""
    sample_bytes = {2: 4, 3: 2}.get(stream.stats.data_encoding, 4)  # SEG-Y's format codes: 2 is int32, 3 is int16
    extended = max(0, stream.stats.binary_file_header.number_of_3200_byte_ext_file_header_records_following)
    traces = sum(_TRACE_HEADER + sample_bytes * len(trace) for trace in stream)
    expected = _FILE_HEADER + _TEXT_HEADER * extended + traces
    size = path.stat().st_size
    if size != expected:
        raise ZooError(
            f"{path} has {size} bytes; with its {len(stream)} traces it should have {expected}. Copy it again."
        )


def _geometry(headers: list[Any], path: Path, columns: Sequence[str]) -> dict[str, np.ndarray]:
    """Return the geometry in trace headers, in metres."""

    def column(name: str) -> np.ndarray:
        return np.array([getattr(header, name) for header in headers], np.float64)

    def factor(name: str) -> np.ndarray:
        """A positive scalar multiplies, a negative one divides, 0 means 1."""
        scalar = column(name)
        return np.where(scalar < 0, -1 / np.minimum(scalar, -1), np.maximum(scalar, 1))

    across = factor("scalar_to_be_applied_to_all_coordinates")
    along = factor("scalar_to_be_applied_to_all_elevations_and_depths")
    source_x, receiver_x = column("source_coordinate_x") * across, column("group_coordinate_x") * across
    lateral = np.concatenate([column("source_coordinate_y") * across, column("group_coordinate_y") * across])
    if not (np.ptp(source_x) or np.ptp(receiver_x)):
        raise ZooError(
            f"{path}: all sources and receivers are at one x in the trace headers (bytes 73 and 81). Give --geometry, "
            f"a CSV with the columns {', '.join(columns)}."
        )
    if np.ptp(lateral) > _STRAIGHT * max(np.ptp(source_x), np.ptp(receiver_x)):
        raise ZooError(
            f"{path}: y varies over {np.ptp(lateral):.0f} m, so the line does not run along x. Project it and give the "
            f"distances as --geometry, a CSV with the columns {', '.join(columns)}."
        )
    shot = column("original_field_record_number")
    if not np.ptp(shot) and np.ptp(source_x):  # not numbered: every source is a shot
        shot = np.unique(source_x, return_inverse=True)[1].ravel()
    source_depth = column("source_depth_below_surface") - column("surface_elevation_at_source")
    return {
        "shot": shot.astype(np.int64),
        "source_x_m": source_x,
        "source_depth_m": source_depth * along,
        "receiver_x_m": receiver_x,
        "receiver_depth_m": -column("receiver_group_elevation") * along + 0.0,  # not -0.0
    }


def write_segy(shots: Any, path: Path) -> None:
    """Write `zoo.fwi.shots.Shots` as SEG-Y: IEEE floats, big endian, coordinates in centimetres.

    Raises:
        ZooError: a time step, a delay or a number of samples that SEG-Y cannot hold.
    """
    traces, delay_ms = shots.traces, 1000 * shots.first_sample_s
    if abs(shots.first_sample_s - shots.time_step_s) < _SAME_STEP * shots.time_step_s:
        traces, delay_ms = np.pad(traces, ((0, 0), (1, 0))), 0.0  # nothing moves at time 0
    microseconds = 1e6 * shots.time_step_s
    if abs(microseconds - round(microseconds)) > 1e-3 or not 1 <= microseconds <= 65535:
        raise ZooError(
            f"SEG-Y holds time steps of 1 to 65535 whole microseconds; received {microseconds:g}. "
            "Resample, or use .npz."
        )
    if traces.shape[1] > _MOST_SAMPLES or abs(delay_ms - round(delay_ms)) > 1e-3:
        raise ZooError(
            f"SEG-Y holds at most {_MOST_SAMPLES} samples and delays of whole milliseconds; received "
            f"{traces.shape[1]} and {delay_ms:g} ms. Use .npz."
        )
    stream = Stream()
    for row, samples in enumerate(traces):
        trace = Trace(np.ascontiguousarray(samples, np.float32), {"delta": shots.time_step_s})
        header = SEGYTraceHeader()
        header.trace_sequence_number_within_line = header.trace_sequence_number_within_segy_file = row + 1
        header.original_field_record_number = int(shots.shot[row])
        header.scalar_to_be_applied_to_all_coordinates = _SCALAR
        header.scalar_to_be_applied_to_all_elevations_and_depths = _SCALAR
        header.delay_recording_time = round(delay_ms)
        for name, value in (
            ("source_coordinate_x", shots.source_x_m[row]),
            ("group_coordinate_x", shots.receiver_x_m[row]),
            ("source_depth_below_surface", shots.source_depth_m[row]),
            ("receiver_group_elevation", -shots.receiver_depth_m[row]),
        ):
            setattr(header, name, round(-_SCALAR * float(value)))
        trace.stats.segy = AttribDict(trace_header=header)
        stream.append(trace)
    stream.write(str(path), format="SEGY", data_encoding=5, byteorder=">", textual_header_encoding="EBCDIC")
