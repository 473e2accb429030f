"""Thickness that is known at points: receiver functions and H-k stacks, as data for the map of surface waves."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from zoo.crust.tables import PLACE_DECIMALS, Table
from zoo.errors import ZooError

_THICKNESS_KM, _SD_KM = (2.0, 100.0), (0.0, 50.0)
_SD_NAMES = ("sd", "sd_km", "thickness_sd_km", "thickness_sd", "sd_thickness_km", "sd_h", "h_sd", "error_km")
_LEAST_SD_KM = 0.5  # of a point: a grid of one thickness, or a stated 0, is not known to the metre


@dataclass(frozen=True, eq=False)
class KnownPoints:
    """Thickness of the crust at points, each with its own, independent error."""

    longitude_deg: np.ndarray
    """(n,)"""
    latitude_deg: np.ndarray
    """(n,)"""
    thickness_km: np.ndarray
    """(n,)"""
    sd_km: np.ndarray
    """(n,)"""
    source: str
    """Name of the file."""


def read_points(path: str | os.PathLike) -> KnownPoints:
    """Read a table `lon lat thickness sd`, or the grid of an H-k stack of each place.

    Args:
        path: text, .npz or netCDF as `zoo crust` reads maps. Without a header the columns are longitude, latitude,
            thickness and its standard deviation in km; with one the names decide. A column `weight` (`probability`,
            `amplitude`) instead of the sd makes rows of one place a grid of H, or of H and k: mean and sd of the
            thickness are taken over it, negative weights counting as none. Amplitudes are weights as they are: raise
            them to a power, or take only those above a level, before, if that is what they mean.

    Raises:
        ZooError: if the file cannot be read, has no sd and no weight, or a place is there twice.
    """
    table = Table.read(Path(path))
    if not table.headed:
        if len(table.names) < 4:
            raise ZooError(f"{path} has {len(table.names)} columns; expected lon lat thickness sd, in km.")
        table.names[2:4] = ["thickness", "sd"]
        table.asks_order = False
    if "moho_depth_km" in table.names:
        table.names[table.names.index("moho_depth_km")] = "thickness"
    if "thickness" not in table.names:
        raise ZooError(f"{path} has the columns {', '.join(table.names)}; name the thickness thickness_km.")
    longitude, latitude = table.coordinates()
    thickness = table.plausible("thickness", _THICKNESS_KM, "km")
    for name in ("weight", "probability", "amplitude"):
        if name in table.names:
            return _of_grids(longitude, latitude, thickness, table.column(name), Path(path))
    sd_name = next((name for name in table.names if name in _SD_NAMES), None)
    if sd_name is None:
        raise ZooError(f"{path} has the columns {', '.join(table.names)}; expected sd_km, or weight for an H-k grid.")
    sd = table.plausible(sd_name, _SD_KM, "km", zero_is_missing=False)
    table.refuse_duplicates(longitude, latitude)
    known = np.isfinite(thickness) & np.isfinite(sd)
    if not known.any():
        raise ZooError(f"{path} holds no thickness with its sd: every value is missing.")
    sd = np.maximum(sd, _LEAST_SD_KM)
    return KnownPoints(longitude[known], latitude[known], thickness[known], sd[known], Path(path).name)


def _of_grids(longitude: np.ndarray, latitude: np.ndarray, thickness: np.ndarray, weight: np.ndarray, path: Path):
    """Return the mean and sd of the thickness of each place over its rows."""
    places, which = np.unique(np.round(np.stack([longitude, latitude], 1), PLACE_DECIMALS), axis=0, return_inverse=True)
    weight = np.where(np.isfinite(weight) & np.isfinite(thickness), np.maximum(weight, 0.0), 0.0)
    which, thickness = which.ravel(), np.nan_to_num(thickness)
    total = np.bincount(which, weight, len(places))
    if not (total > 0).all():
        lon, lat = places[int(np.argmax(total <= 0))]
        raise ZooError(f"{path}: no weight at {lon:g} {lat:g} is above zero.")
    mean = np.bincount(which, weight * thickness, len(places)) / total
    variance = np.bincount(which, weight * (thickness - mean[which]) ** 2, len(places)) / total
    return KnownPoints(*places.T, mean, np.maximum(np.sqrt(variance), _LEAST_SD_KM), path.name)
