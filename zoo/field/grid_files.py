"""Files of three-dimensional earths: numpy's .npz, netCDF, and NonLinLoc's model grids (.hdr and .buf)."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from zoo.errors import ZooError
from zoo.field.layers import VP_VS, Layers, read_layers
from zoo.field.nonlinloc import Transform, transform_of
from zoo.field.projection import LocalProjection
from zoo.field.speed_grid import SpeedGrid
from zoo.field.text_tables import named, plain, read_text
from zoo.foreign import open_hdf5, read_npz, reader

_METRES = ("m", "meter", "meters", "metre", "metres")
_NETCDF = (".nc", ".nc4", ".cdf", ".netcdf")
_AXES = {"x": r"lon(gitude)?(_deg(rees?)?)?", "y": r"lat(itude)?(_deg(rees?)?)?", "z": r"(depth|z)(_k?m)?"}
_KM_AXES = {"x": r"(x|east|easting)(_k?m)?", "y": r"(y|north|northing)(_k?m)?"}


@reader("Copy or write it again.")
def read_earth(path: str | os.PathLike, vp_vs: float | None = None, linear: bool = False) -> Layers | SpeedGrid:
    """Read layers, as `zoo.field.layers.read_layers` does, or a grid of speeds.

    Args:
        path: a table of layers; or .npz or netCDF with `vp_km_s` and `vs_km_s` (one of them will do; (x, y, depth) in
            .npz, any order of named dimensions in netCDF), `depth_km` (below sea level), and `longitude_deg` and
            `latitude_deg`, or `x_km` and `y_km` (km east and north) with the numbers `longitude_deg` and `latitude_deg`
            of their origin; or NonLinLoc's NAME.P.mod.hdr, beside whose .buf that of S (NAME.S.mod.hdr) may lie.
        vp_vs: ratio of the speeds, where there is only one of them; None: `zoo.field.layers.VP_VS`.
        linear: for layers.

    Returns:
        The earth; its notes say what was assumed.

    Raises:
        ZooError: the file is none of these, or its speeds are impossible.

    >>> vp = np.broadcast_to([5.0, 6.0], (2, 2, 2))
    >>> np.savez("made.npz", vp_km_s=vp, longitude_deg=[13, 14], latitude_deg=[42, 43], depth_km=[0, 20])
    >>> read_earth("made.npz").notes
    ('made.npz has no vs: it is vp / 1.73',)
    """
    path = Path(path)
    if path.suffix.lower() in (".hdr", ".buf"):
        return _nonlinloc(path, vp_vs)
    if path.suffix.lower() == ".npz":
        columns = read_npz(path, "Expected vp_km_s and vs_km_s on longitude_deg, latitude_deg and depth_km.")
        return _grid(columns, {}, path.name, vp_vs)
    if path.suffix.lower() in _NETCDF:
        return _grid(*_netcdf(path), path.name, vp_vs)
    return read_layers(path, vp_vs, linear)


def _grid(columns: Mapping[str, np.ndarray], units: Mapping[str, str], where: str, vp_vs: float | None) -> SpeedGrid:
    """Return the grid of named arrays; units are those that stand beside them, not in their names."""
    notes: list[str] = []
    centre = None
    names = {key: named(columns, pattern) for key, pattern in _AXES.items()}
    in_km = {key: named(columns, pattern) for key, pattern in _KM_AXES.items()}
    if in_km["x"] and in_km["y"]:
        if not names["x"] or not names["y"] or np.size(columns[names["x"]]) != 1:
            raise ZooError(
                f"{where} has axes {in_km['x']} and {in_km['y']}; expected beside them longitude_deg and latitude_deg, "
                "one number each, of the place where both are 0."
            )
        centre = LocalProjection(*(float(np.ravel(columns[names[key]])[0]) for key in "xy"))
        names |= in_km
    missing = [key for key, name in names.items() if name is None]
    if missing:
        raise ZooError(
            f"{where} has no {' and no '.join({'x': 'longitude', 'y': 'latitude', 'z': 'depth'}[k] for k in missing)}. "
            f"It has: {', '.join(columns)}. Expected longitude_deg, latitude_deg (or x_km, y_km) and depth_km."
        )
    axes = [np.asarray(columns[names[key]], np.float64).ravel() for key in "xyz"]
    for i, key in enumerate("xyz"):
        name = names[key]
        in_metres = plain(name).endswith("_m") or units.get(name, "").lower() in _METRES
        if in_metres and (centre is not None or key == "z"):
            axes[i] = axes[i] / 1000.0
    if np.abs(axes[2]).max() > 6371:
        raise ZooError(
            f"{where}: {names['z']} goes to {np.abs(axes[2]).max():g}; expected km. Name it depth_m if it is m."
        )
    found = {}
    for key in ("vp", "vs"):
        name = named(columns, rf"{key}|{key}_(k?m_?s|k?m_per_s)")
        if name is not None:
            values = np.asarray(columns[name], np.float64)
            in_metres = "_m" in plain(name) or units.get(name, "").replace(" ", "").lower() in ("m/s", "m.s-1", "ms-1")
            found[key] = _whole(values / 1000.0 if in_metres else values, f"{where}, {name}", notes)
    if not found:
        raise ZooError(f"{where} has neither vp_km_s nor vs_km_s. It has: {', '.join(columns)}.")
    orders = [np.argsort(axis, kind="stable") for axis in axes]
    for key, values in found.items():
        if values.shape != tuple(map(len, axes)):
            raise ZooError(
                f"{where}: {key} has shape {values.shape}; expected {tuple(map(len, axes))}: ({names['x']}, "
                f"{names['y']}, {names['z']})."
            )
        found[key] = values[np.ix_(*orders)]
    both = _both(found, where, vp_vs, notes)
    return SpeedGrid(*(axis[order] for axis, order in zip(axes, orders, strict=True)), *both, centre, tuple(notes))


def _whole(values: np.ndarray, where: str, notes: list[str]) -> np.ndarray:
    """Return speeds whose missing nodes have those of the nearest node."""
    missing = ~np.isfinite(values) | (values > 9e4)  # the fill value of netCDF files is 99999
    if not missing.any():
        return values
    if missing.all():
        raise ZooError(f"{where} has no value.")
    from scipy.ndimage import distance_transform_edt

    nearest = distance_transform_edt(missing, return_distances=False, return_indices=True)
    notes.append(f"{where}: {int(missing.sum())} of {missing.size} nodes are missing; the nearest ones serve")
    return values[tuple(nearest)]


def _both(
    found: Mapping[str, np.ndarray], where: str, vp_vs: float | None, notes: list[str]
) -> tuple[np.ndarray, np.ndarray]:
    ratio = VP_VS if vp_vs is None else vp_vs
    if "vs" not in found:
        notes.append(f"{where} has no vs: it is vp / {ratio:g}")
        return found["vp"], found["vp"] / ratio
    if "vp" not in found:
        notes.append(f"{where} has no vp: it is vs * {ratio:g}")
        return found["vs"] * ratio, found["vs"]
    if vp_vs is not None:
        notes.append(f"{where} has vp and vs: the ratio {vp_vs:g} is not used")
    return found["vp"], found["vs"]


def _netcdf(path: Path) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Return the variables of a netCDF file, of version 3 or 4, and their units; axes in the order x, y, depth."""
    try:
        with open(path, "rb") as file:
            new = file.read(4) == b"\x89HDF"
        columns, units, dimensions = (_netcdf4 if new else _netcdf3)(path)
    except (OSError, TypeError, ValueError, KeyError) as error:
        raise ZooError(f"{path.name} cannot be read as netCDF ({type(error).__name__}: {error}).") from error
    patterns = [f"({_AXES['x']})|({_KM_AXES['x']})", f"({_AXES['y']})|({_KM_AXES['y']})", _AXES["z"]]
    for name, value in columns.items():
        if value.ndim == 3:
            places = [
                next((i for i, p in enumerate(patterns) if re.fullmatch(p, plain(d))), 9) for d in dimensions[name]
            ]
            columns[name] = value.transpose(np.argsort(places))
    return columns, units


def _netcdf3(path: Path) -> tuple[dict, dict, dict]:
    from scipy.io import netcdf_file

    with netcdf_file(path, "r", mmap=False) as file:
        found = file.variables
        columns = {
            name: np.array(v.data, np.float64) for name, v in found.items() if np.issubdtype(v.data.dtype, np.number)
        }
        units = {name: getattr(v, "units", b"").decode() for name, v in found.items()}
        return columns, units, {name: v.dimensions for name, v in found.items()}


def _netcdf4(path: Path) -> tuple[dict, dict, dict]:
    import h5py

    with open_hdf5(path) as file:
        found = {name: v for name, v in file.items() if isinstance(v, h5py.Dataset) and v.dtype.kind in "fiu"}
        columns = {name: np.array(v, np.float64) for name, v in found.items()}
        units = {name: _text(v.attrs.get("units", "")) for name, v in found.items()}
        names = {v.name: name for name, v in found.items()}
        dimensions = {
            name: [names.get(d[0].name, "") if len(d) else "" for d in v.dims]
            for name, v in found.items()
            if v.ndim == 3
        }
        return columns, units, dimensions


def _text(value) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _nonlinloc(path: Path, vp_vs: float | None) -> Layers | SpeedGrid:
    """Read the grids of P and S that NonLinLoc's Vel2Grid and Vel2Grid3D write; of a flat one, the layers."""
    path = path.with_suffix(".hdr")
    match = re.search(r"\.([PS])\.mod$", path.stem) or re.search(r"\.([PS])(?=\.|$)", path.stem)
    if match is None:
        raise ZooError(f"{path.name}: expected a name like layer.P.mod.hdr, of which P says which wave it is of.")
    found, axes, transform, notes = {}, None, None, []
    for phase in "PS":
        own = path.with_name(path.stem[: match.start(1)] + phase + path.stem[match.end(1) :] + ".hdr")
        if phase == match[1] or own.is_file():
            found[f"v{phase.lower()}"], own_axes, transform = _model(own)
            if axes is not None and any(not np.array_equal(a, b) for a, b in zip(axes, own_axes, strict=True)):
                raise ZooError(f"{own.name} has other nodes than {path.name}; expected grids of P and S of one shape.")
            axes = own_axes
    vp, vs = _both(found, path.name, vp_vs, notes)
    if len(axes[0]) <= 2:  # a grid of NonLinLoc's for a layered earth is two nodes wide
        if np.abs(vp - vp[:1, :1]).max() > 1e-4 * vp.max():
            raise ZooError(f"{path.name} is {len(axes[0])} nodes wide and not layered; expected a grid or layers.")
        return Layers(axes[2], vp[0, 0], vs[0, 0], True, tuple(notes))
    if transform is None:
        raise ZooError(
            f"{path.name} has no projection that is known; expected a line TRANSFORM SIMPLE, LAMBERT, TRANS_MERC or "
            "AZIMUTHAL_EQUIDIST."
        )
    return SpeedGrid(*axes, vp, vs, transform, tuple(notes))


def _model(header: Path) -> tuple[np.ndarray, list[np.ndarray], Transform | None]:
    """Return speeds in km/s (nx, ny, nz), the three axes in km, and the projection, of one grid."""
    lines = [line.split() for line in read_text(header, "Model grid").splitlines() if line.strip()]
    try:
        shape = tuple(int(word) for word in lines[0][:3])
        origin, step = (np.array(lines[0][i : i + 3], float) for i in (3, 6))
        kind = lines[0][9].upper()
        dtype = "<f8" if "DOUBLE" in lines[0][10:] else "<f4"
        values = np.fromfile(header.with_suffix(".buf"), dtype).astype(np.float64).reshape(shape)
        words = next((line[1:] for line in lines[1:] if line[0] in ("TRANSFORM", "TRANS")), [])
        keys = {"RefEllipsoid", "LatOrig", "LongOrig", "FirstStdParal", "SecondStdParal", "RotCW"}
        transform = transform_of([word for word in words if word not in keys])
    except (ValueError, IndexError, KeyError, OSError) as error:
        raise ZooError(
            f"{header.name} and its .buf are no grid of NonLinLoc ({type(error).__name__}: {error}); expected a line "
            "of nodes, origin, spacing and type, and as many numbers."
        ) from error
    speeds = {
        "VELOCITY": lambda v: v,
        "VELOCITY_METERS": lambda v: v / 1000.0,
        "SLOWNESS": lambda v: 1.0 / v,
        "SLOW_LEN": lambda v: step[0] / v,
        "VEL2": np.sqrt,
        "SLOW2": lambda v: 1.0 / np.sqrt(v),
        "SLOW2_METERS": lambda v: 1.0 / (1000.0 * np.sqrt(v)),
    }
    if kind not in speeds:
        raise ZooError(f"{header.name} is a grid of {kind}; expected a model grid: {', '.join(speeds)}.")
    return speeds[kind](values), [o + d * np.arange(n) for o, d, n in zip(origin, step, shape, strict=True)], transform
