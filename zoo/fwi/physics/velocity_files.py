"""Velocity models as files: npz, SEG-Y, raw float32, netCDF-4, told apart by their suffix.

Plain fields in, plain fields out: `zoo.fwi.physics.velocity_models.read_velocity_model` makes a model from them.

SEG-Y: one trace per column from left to right, samples along depth, IEEE floats in m/s. As is customary for depth
sections, the sample interval, which for time is in microseconds, holds the spacing in mm (12500 = 12.5 m); the columns'
positions are in the trace headers in cm. The interval is a signed 16-bit number, so a spacing of more than 32.767 m
leaves it 0 ("not stated"). The first lines of the textual header state spacing and shape as well, and take precedence.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from zoo.errors import UsageError, ZooError
from zoo.files import write_with
from zoo.foreign import open_hdf5, read_npz, reader

RAW = (".vp", ".bin", ".raw")
"""Suffixes of raw numbers: little-endian float32, column after column from the left, each from the top."""
_LARGEST_INTERVAL = 32_767  # SEG-Y's interval and number of samples are signed 16-bit numbers
# Bytes of SEG-Y's headers: the file's (3200 of text, 400 binary), and that of each trace.
_FILE_HEADER, _TRACE_HEADER = 3600, 240
# Spacings down and across that differ by more than this are those of cells that are not square.
_SQUARE = 0.01
_LARGEST_COORDINATE_M = (2**31 - 1) / 100  # in centimetres, as they are written
_STATED = re.compile(r"CELLS (\d+) X (\d+) \(DEPTH X WIDTH\), SPACING ([0-9.eE+-]+) M")


@reader("Copy it again.")
def read_fields(
    path: Path, spacing_m: float | None, shape: tuple[int, int] | None, variable: str = "velocity_m_s"
) -> dict[str, Any]:
    """Return what a file says about a velocity model, or about another grid of the same formats.

    Args:
        path: `.npz`, `.segy`, `.sgy`, `.nc`, or one of `RAW`.
        spacing_m: grid spacing; overrides what the file states, and must be given where it states none.
        shape: (cells down, cells across); needed for raw files; other files must agree with it.
        variable: name of the grid in npz and netCDF.

    Returns:
        The grid (Z, X) by that name, `spacing_m`, and where the file has them `title`, `source`, `water_rows` (X,).

    Raises:
        ZooError: the file is missing, damaged, cut short, of another shape, or does not state its spacing.
        UsageError: the suffix is not one of these.
    """
    reader = _by_suffix(_READERS, path, "read")
    if not path.is_file():
        raise ZooError(f"There is no {'velocity model' if variable == 'velocity_m_s' else 'file'} {path}.")
    found = reader(path, shape, variable)
    if spacing_m is not None:
        found["spacing_m"] = spacing_m
    elif found.get("spacing_m") is None:
        raise ZooError(f"{path} does not state the spacing of its cells; give spacing_m.")
    elif "dx_m" in found and abs(found["dx_m"] / found["spacing_m"] - 1) > _SQUARE:
        raise ZooError(
            f"{path} has samples every {found['spacing_m']:g} m (its sample interval / 1000) and traces every "
            f"{found['dx_m']:g} m (its coordinates): cells must be square. If a header is wrong, give spacing_m."
        )
    found.pop("dx_m", None)
    there = np.shape(found[variable])
    if shape is not None and there != tuple(shape):
        raise ZooError(
            f"{path} has {there} cells (depth, width); expected {tuple(shape)}. Leave shape out or correct it."
        )
    return found


def write_fields(path: Path, fields: dict[str, Any]) -> Path:
    """Write what `read_fields` returns, atomically; return the path."""
    writer = _by_suffix(_WRITERS, path, "written")
    return write_with(path, lambda temporary: writer(temporary, fields))


def _by_suffix(known: dict[str, Callable], path: Path, verb: str) -> Callable:
    if path.suffix.lower() not in known:
        raise UsageError(
            f"{path.name}: a velocity model is {verb} as {', '.join(known)}; received the suffix {path.suffix!r}."
        )
    return known[path.suffix.lower()]


def _read_npz(path: Path, shape: tuple[int, int] | None, variable: str) -> dict[str, Any]:
    return _fields(path, read_npz(path, "Copy it again."), variable)


def _read_netcdf(path: Path, shape: tuple[int, int] | None, variable: str) -> dict[str, Any]:
    try:
        with open_hdf5(path) as file:
            held = {name: np.asarray(file[name]) for name in (variable, "water_rows") if name in file}
            held |= {name: file.attrs[name] for name in ("title", "source", "spacing_m") if name in file.attrs}
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise ZooError(
            f"{path} is damaged, cut short or not netCDF-4 ({error}). Copy it again; nccopy -k nc4 makes netCDF-4 from "
            "older netCDF."
        ) from error
    return _fields(path, held, variable)


def _fields(path: Path, held: dict[str, Any], variable: str) -> dict[str, Any]:
    """Return the fields of a model in the content of an npz or netCDF file, as plain values."""
    if variable not in held:
        raise ZooError(
            f"{path} has no {variable} (depth, width); it has {', '.join(held) or 'nothing'}. Rename the variable."
        )
    found = {name: held[name] for name in (variable, "water_rows") if name in held}
    if "spacing_m" in held:
        if np.size(held["spacing_m"]) != 1 or np.asarray(held["spacing_m"]).dtype.kind not in "fiu":
            raise ZooError(f"{path}: spacing_m must be one number; received {held['spacing_m']}.")
        found["spacing_m"] = float(np.ravel(held["spacing_m"])[0])
    for name in ("title", "source"):
        if name in held:
            value = np.asarray(held[name]).item()
            found[name] = value.decode() if isinstance(value, bytes) else str(value)
    return found


def _read_raw(path: Path, shape: tuple[int, int] | None, variable: str) -> dict[str, Any]:
    if shape is None:
        raise ZooError(f"{path.name} is raw numbers: give shape=(cells down, cells across) and spacing_m.")
    size, wanted = path.stat().st_size, 4 * shape[0] * shape[1]
    if size != wanted:
        columns = f"that is {size / 4 / shape[0]:g} columns of {shape[0]} cells. " if size else ""
        raise ZooError(
            f"{path} has {size} bytes; {shape[0]} x {shape[1]} cells of float32 are {wanted} bytes: {columns}"
            "The shape is wrong or the file is cut short."
        )
    return {variable: np.fromfile(path, "<f4").reshape(shape[1], shape[0]).T}


def _read_segy(path: Path, shape: tuple[int, int] | None, variable: str) -> dict[str, Any]:
    from obspy.io.segy.segy import _read_segy as read

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about revision numbers and the like
            file = read(str(path), unpack_headers=True)
    except Exception as error:  # ObsPy raises many kinds, which have no other base in common
        reason = " ".join(str(error).split())
        raise ZooError(f"{path} is damaged, cut short or not SEG-Y ({reason}); copy it again.") from error
    lengths = sorted({len(trace.data) for trace in file.traces})
    if len(lengths) != 1:
        raise ZooError(f"{path}: traces must all have the same number of samples; received {lengths or 'no trace'}.")
    whole = _FILE_HEADER + len(file.traces) * (_TRACE_HEADER + _sample_bytes(file) * lengths[0])
    grid = np.stack([trace.data for trace in file.traces], axis=1)
    found: dict[str, Any] = {}
    text = file.textual_file_header
    stated = _STATED.search(text.decode("ascii", "replace") if isinstance(text, bytes) else text)
    cut = path.stat().st_size != whole
    if stated:
        cut |= grid.shape != (int(stated[1]), int(stated[2]))
        found["spacing_m"] = float(stated[3])
    if cut:
        raise ZooError(f"{path} is cut short: {grid.shape[1]} whole traces could be read. Copy it again.")
    found[variable] = grid
    if stated:
        return found
    interval = file.binary_file_header.sample_interval_in_microseconds
    interval = interval or file.traces[0].header.sample_interval_in_ms_for_this_trace
    if interval > 0:
        found["spacing_m"] = interval / 1000
    steps = np.hypot(*np.diff([_position_m(trace.header) for trace in file.traces], axis=0).T)
    if len(steps) and steps.min() > 0 and np.ptp(steps) < _SQUARE * steps.mean():
        found["dx_m"] = float(steps.mean())
    return found


def _sample_bytes(file: Any) -> int:
    from obspy.io.segy.header import DATA_SAMPLE_FORMAT_SAMPLE_SIZE

    return DATA_SAMPLE_FORMAT_SAMPLE_SIZE[file.data_encoding]


def _position_m(header: Any) -> tuple[float, float]:
    scalar = header.scalar_to_be_applied_to_all_coordinates or 1
    factor = scalar if scalar > 0 else -1 / scalar
    return (
        factor * (header.group_coordinate_x or header.x_coordinate_of_ensemble_position_of_this_trace),
        factor * (header.group_coordinate_y or header.y_coordinate_of_ensemble_position_of_this_trace),
    )


def _write_npz(path: Path, fields: dict[str, Any]) -> None:
    np.savez(path, **{name: value for name, value in fields.items() if name not in ("places_m", "datum_m")})


def _write_raw(path: Path, fields: dict[str, Any]) -> None:
    np.ascontiguousarray(fields["velocity_m_s"].T, "<f4").tofile(path)


def _write_segy(path: Path, fields: dict[str, Any]) -> None:
    from obspy.io.segy.segy import SEGYBinaryFileHeader, SEGYFile, SEGYTrace

    velocity, spacing_m = fields["velocity_m_s"], fields["spacing_m"]
    rows, columns = velocity.shape
    if rows > _LARGEST_INTERVAL:
        raise ZooError(f"SEG-Y holds {_LARGEST_INTERVAL} samples in a trace; the model has {rows} rows. Write npz.")
    interval = round(spacing_m * 1000)
    interval = interval if interval <= _LARGEST_INTERVAL and abs(interval - spacing_m * 1000) < 1e-6 else 0
    file = SEGYFile()
    lines = (
        f"VELOCITY MODEL: {fields['title'].upper()}",
        f"CELLS {rows} X {columns} (DEPTH X WIDTH), SPACING {spacing_m!r} M",
        "P VELOCITY IN M/S, A TRACE PER COLUMN; SAMPLE INTERVAL = SPACING IN MM (0: SEE ABOVE)",
        f"DEPTH COUNTS FROM A DATUM AT ELEVATION {fields.get('datum_m', 0.0):g} M",
    )
    places_m = fields.get("places_m")
    if places_m is None:
        places_m = np.stack([np.arange(columns) * spacing_m, np.zeros(columns)], 1)
    if np.abs(places_m).max() > _LARGEST_COORDINATE_M:
        raise ZooError(
            f"SEG-Y holds coordinates of up to {_LARGEST_COORDINATE_M:.0f} m in centimetres; the model's reach "
            f"{np.abs(places_m).max():.0f} m. Write npz."
        )
    text = "".join(f"C{number:2d} {line}"[:80].ljust(80) for number, line in enumerate(lines, 1))
    file.textual_file_header = text.encode("ascii", "replace")
    file.textual_header_encoding = "ASCII"
    file.binary_file_header = SEGYBinaryFileHeader()
    file.binary_file_header.sample_interval_in_microseconds = interval
    file.binary_file_header.number_of_samples_per_data_trace = rows
    file.binary_file_header.data_sample_format_code = 5  # IEEE float32
    file.binary_file_header.measurement_system = 1  # metres
    file.binary_file_header.seg_y_format_revision_number = 0x0100
    file.binary_file_header.fixed_length_trace_flag = 1
    for column in range(columns):
        trace = SEGYTrace()
        trace.data = np.ascontiguousarray(velocity[:, column], np.float32)
        header, (east_cm, north_cm) = trace.header, (round(100 * float(place)) for place in places_m[column])
        header.trace_sequence_number_within_line = column + 1
        header.ensemble_number = column + 1
        header.scalar_to_be_applied_to_all_coordinates = -100
        header.source_coordinate_x = header.group_coordinate_x = east_cm
        header.source_coordinate_y = header.group_coordinate_y = north_cm
        header.x_coordinate_of_ensemble_position_of_this_trace = east_cm
        header.y_coordinate_of_ensemble_position_of_this_trace = north_cm
        header.coordinate_units = 1
        header.sample_interval_in_ms_for_this_trace = interval
        file.traces.append(trace)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about the textual header's last lines, which ObsPy adds
        file.write(str(path), data_encoding=5, endian=">")


def _write_netcdf(path: Path, fields: dict[str, Any]) -> None:
    """Write netCDF-4 by h5py: HDF5 with dimension scales and the attributes of the CF conventions."""
    import h5py

    velocity, spacing_m = fields["velocity_m_s"], fields["spacing_m"]
    with h5py.File(path, "w", track_order=True) as file:
        file.attrs.update(
            Conventions=np.bytes_("CF-1.11"),
            title=np.bytes_(fields["title"].encode()),
            source=np.bytes_(fields["source"].encode()),
            spacing_m=spacing_m,
        )

        def add(name: str, values: np.ndarray, dimensions: tuple[str, ...], units: str, **attributes: str) -> None:
            made = file.create_dataset(name, data=values, track_order=True)
            for key, value in {"units": units, **attributes}.items():
                made.attrs[key] = np.bytes_(value)
            if name in dimensions:
                made.make_scale(name)
                return
            for axis, dimension in enumerate(dimensions):
                made.dims[axis].attach_scale(file[dimension])

        add("depth", np.arange(velocity.shape[0]) * spacing_m, ("depth",), "m", positive="down", axis="Z")
        add("distance", np.arange(velocity.shape[1]) * spacing_m, ("distance",), "m", axis="X")
        add("velocity_m_s", velocity, ("depth", "distance"), "m s-1", long_name="P-wave velocity")
        if "water_rows" in fields:
            add("water_rows", fields["water_rows"], ("distance",), "1", long_name="rows of water from the top")


_READERS = {
    ".npz": _read_npz,
    ".segy": _read_segy,
    ".sgy": _read_segy,
    ".nc": _read_netcdf,
    **dict.fromkeys(RAW, _read_raw),
}
_WRITERS = {
    ".npz": _write_npz,
    ".segy": _write_segy,
    ".sgy": _write_segy,
    ".nc": _write_netcdf,
    **dict.fromkeys(RAW, _write_raw),
}
