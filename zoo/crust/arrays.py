"""Variables of binary files of maps, in km/s, s and Hz as their units say: .npz, netCDF of either kind, GMT, MATLAB."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np

from zoo.foreign import open_hdf5, parse_npz, reading

_HINT = "It is cut short, or is neither .npz, netCDF nor MATLAB: copy it again."
Arrays = tuple[dict[str, np.ndarray], dict[str, tuple[str, ...]]]


def read_arrays(path: Path, content: bytes) -> Arrays:
    """Return the numeric variables of a file by name, and the names of the dimensions of those that have them.

    A variable whose attribute `units` says m/s, Hz or mHz comes under a name, or with values, that say so.

    Raises:
        ZooError: if it cannot be read.
    """
    with reading(path, _HINT):
        if content[:2] == b"PK":
            arrays = parse_npz(io.BytesIO(content))
            return {name: array for name, array in arrays.items() if array.dtype.kind in "fiu"}, {}
        if content[:3] == b"CDF":
            return _classic(content)
        if content[:6] == b"MATLAB" and b"HDF" not in content[:1024]:
            from scipy.io import loadmat

            found = loadmat(io.BytesIO(content), squeeze_me=True)
            arrays = {name: np.asarray(v) for name, v in found.items() if name[:2] != "__"}
            return {name: v for name, v in arrays.items() if v.dtype.kind in "fiu"}, {}
        import h5py

        with open_hdf5(io.BytesIO(content)) as file:
            variables = {name: v for name, v in file.items() if isinstance(v, h5py.Dataset)}
            numeric = {name: v for name, v in variables.items() if v.dtype.kind in "fiu" and v.shape}
            arrays, axes = {}, {}
            for name, variable in numeric.items():
                if variable.attrs.get("NAME", b"").startswith(b"This is a netCDF dimension but not"):
                    continue  # a length, without values
                own, values = _in_units(name, _unpacked(variable[()], variable.attrs), _units(variable.attrs))
                arrays[own] = values
                named = [dim[0].name.split("/")[-1] if len(dim) else "" for dim in variable.dims]
                if all(named) and variable.ndim > 1:
                    axes[own] = tuple(_in_units(n, None, _units(file[n].attrs))[0] for n in named)
            return arrays, axes


def _classic(content: bytes) -> Arrays:
    """Read classic netCDF, as GMT writes it on request."""
    from scipy.io import netcdf_file

    arrays, axes = {}, {}
    with netcdf_file(io.BytesIO(content), mmap=False) as file:
        units = {name: _units(v._attributes) for name, v in file.variables.items()}
        for name, variable in file.variables.items():
            values = np.array(variable.data)
            if values.dtype.kind not in "fiu" or not values.shape:
                continue
            own, arrays_ = _in_units(name, _unpacked(values, variable._attributes), units[name])
            arrays[own] = arrays_
            if values.ndim > 1:
                axes[own] = tuple(_in_units(n, None, units.get(n, ""))[0] for n in variable.dimensions)
    return arrays, axes


def _units(attributes) -> str:
    value = attributes.get("units", b"")
    return (value.decode("latin-1") if isinstance(value, bytes) else str(value)).strip().lower()


def _in_units(name: str, values: np.ndarray | None, units: str) -> tuple[str, np.ndarray | None]:
    """Return name and values of a variable as its unit has them."""
    plain = name.lower()
    if units in ("hz", "mhz", "s-1", "1/s") and plain in ("f", "freq", "frequency"):
        return f"frequency_{'mhz' if units == 'mhz' else 'hz'}", values
    if units in ("s", "sec", "second", "seconds") and plain in ("f", "freq", "frequency", "time"):
        return "period", values
    if units in ("m/s", "m s-1", "m s^-1", "meter/second", "meters/second"):
        return name, None if values is None else values / 1000
    return name, values


def _unpacked(values, attributes) -> np.ndarray:
    """Return a netCDF variable as floats with NaN for its fill value, unpacked by its scale and offset."""
    values = np.array(values, float)
    for attribute in ("_FillValue", "missing_value"):
        if attribute in attributes:
            values[values == float(np.ravel(attributes[attribute])[0])] = np.nan
    scale, offset = (np.ravel(attributes.get(a, d))[0] for a, d in (("scale_factor", 1.0), ("add_offset", 0.0)))
    return values * scale + offset
