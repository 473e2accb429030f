"""Three-dimensional earths: speeds of P and S at the nodes of a grid; `grid_files` reads them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from zoo.errors import ZooError
from zoo.field.layers import SPEEDS_KM_S
from zoo.field.nonlinloc import Transform
from zoo.field.projection import LocalProjection


@dataclass(frozen=True)
class SpeedGrid:
    """Speeds at nodes, in straight lines between them; beyond the grid those of its sides go on.

    Raises:
        ZooError: shapes do not fit, an axis does not increase, or a speed is impossible.

    >>> axes = np.array([10.0, 11.0]), np.array([50.0, 51.0]), np.array([0.0, 10.0, 20.0])
    >>> vp = np.broadcast_to([5.0, 6.0, 7.0], (2, 2, 3))
    >>> SpeedGrid(*axes, vp, vp / 1.75).speeds(10.5, 50.5, np.array([-1.0, 15.0]), "P").tolist()
    [5.0, 6.5]
    """

    x: np.ndarray
    """(nx,) longitudes in degrees, or km along x where there is a projection"""
    y: np.ndarray
    """(ny,) latitudes in degrees, or km along y"""
    depth_km: np.ndarray
    """(nz,) below sea level"""
    vp_km_s: np.ndarray
    """(nx, ny, nz) km/s"""
    vs_km_s: np.ndarray
    """(nx, ny, nz) km/s"""
    projection: LocalProjection | Transform | None = None
    """from degrees to km along x and y; None: the axes are degrees"""
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in ("x", "y", "depth_km", "vp_km_s", "vs_km_s"):
            object.__setattr__(self, name, np.asarray(getattr(self, name), np.float64))
        shape = len(self.x), len(self.y), len(self.depth_km)
        if self.vp_km_s.shape != shape or self.vs_km_s.shape != shape or min(shape) < 2:
            raise ZooError(
                f"vp has shape {self.vp_km_s.shape} and vs {self.vs_km_s.shape}; expected {shape} (x, y, depth), two "
                "nodes or more along each."
            )
        for name in ("x", "y", "depth_km"):
            if not (np.diff(getattr(self, name)) > 0).all():
                raise ZooError(f"{name} of the grid does not increase from node to node: {getattr(self, name)[:5]} ...")
        low, high = SPEEDS_KM_S
        good = (self.vs_km_s >= low) & (self.vp_km_s > self.vs_km_s) & (self.vp_km_s <= high)
        if not good.all():
            node = tuple(int(i) for i in np.argwhere(~good)[0])
            raise ZooError(
                f"Node {node} of the grid, {self.depth_km[node[2]]:g} km deep, has vp {self.vp_km_s[node]:g} and vs "
                f"{self.vs_km_s[node]:g} km/s; expected {low:g} <= vs < vp <= {high:g}."
            )

    def speeds(
        self, longitude_deg: np.ndarray, latitude_deg: np.ndarray, depth_km: np.ndarray, phase: str
    ) -> np.ndarray:
        """Return speeds in km/s of "P" or "S" at places, in arrays that broadcast against each other."""
        from scipy.interpolate import RegularGridInterpolator

        x, y = self._own(longitude_deg, latitude_deg)
        axes = self.x, self.y, self.depth_km
        places = np.stack(np.broadcast_arrays(x, y, np.asarray(depth_km, np.float64)), axis=-1)
        for i, axis in enumerate(axes):
            places[..., i] = np.clip(places[..., i], axis[0], axis[-1])
        return RegularGridInterpolator(axes, self.vp_km_s if phase == "P" else self.vs_km_s)(places)

    def inside(self, longitude_deg: np.ndarray, latitude_deg: np.ndarray, depth_km: np.ndarray) -> np.ndarray:
        """Return whether places are within the grid, in arrays that broadcast against each other."""
        places = (*self._own(longitude_deg, latitude_deg), np.asarray(depth_km, np.float64))
        found = np.array(True)
        for value, axis in zip(places, (self.x, self.y, self.depth_km), strict=True):
            found = found & (value >= axis[0] - 1e-6) & (value <= axis[-1] + 1e-6)
        return found

    def _own(self, longitude_deg: np.ndarray, latitude_deg: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return coordinates along the axes of the grid."""
        if self.projection is not None:
            return self.projection.forward(longitude_deg, latitude_deg)
        middle = (self.x[0] + self.x[-1]) / 2
        return middle + (np.asarray(longitude_deg, np.float64) - middle + 180) % 360 - 180, np.asarray(latitude_deg)
