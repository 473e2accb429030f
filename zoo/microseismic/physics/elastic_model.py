"""An isotropic elastic earth on a regular grid, and the file that holds it."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass

import numpy as np

from zoo.errors import ZooError
from zoo.foreign import check_numbers, read_npz, reader
from zoo.store import atomic_path

KEYS = ("vp_m_s", "vs_m_s", "density_kg_m3", "spacing_m")


@dataclass(frozen=True)
class ElasticModel:
    """An isotropic elastic earth on a regular grid; water where vs_m_s is 0.

    Node (i, j, k) lies at x, y, z = (i, j, k) * spacing_m; z points up.

    Args:
        vp_m_s: (nx, ny, nz) speed of P waves, m/s, float32.
        vs_m_s: (nx, ny, nz) speed of S waves, m/s, float32, 0 in a fluid.
        density_kg_m3: (nx, ny, nz) density, kg/m^3, float32.
        spacing_m: distance between nodes along x, y, z, m.

    Raises:
        ZooError: if the arrays do not fit each other, or a value is impossible; the message names the first such node.

    >>> vp = np.full((21, 21, 31), 2500.0)
    >>> rock = ElasticModel(vp, vp / 1.9, np.full(vp.shape, 2200.0), (25.0, 25.0, 20.0))
    >>> rock.extent_km.tolist()
    [0.5, 0.5, 0.6]
    """

    vp_m_s: np.ndarray
    vs_m_s: np.ndarray
    density_kg_m3: np.ndarray
    spacing_m: tuple[float, float, float]

    def __post_init__(self) -> None:
        for name in ("vp_m_s", "vs_m_s", "density_kg_m3"):
            object.__setattr__(self, name, np.ascontiguousarray(getattr(self, name), np.float32))
        object.__setattr__(self, "spacing_m", tuple(float(d) for d in np.ravel(self.spacing_m)))
        vp, vs, density = self.vp_m_s, self.vs_m_s, self.density_kg_m3
        if vp.ndim != 3 or vp.shape != vs.shape or vp.shape != density.shape or min(vp.shape) < 2:
            raise ZooError(
                "An elastic model needs three arrays of one shape (nx, ny, nz), at least 2 nodes a side; got "
                f"vp_m_s {vp.shape}, vs_m_s {vs.shape}, density_kg_m3 {density.shape}."
            )
        if len(self.spacing_m) != 3 or not all(d > 0 and math.isfinite(d) for d in self.spacing_m):
            raise ZooError(f"spacing_m must be three positive distances in m (x, y, z); got {self.spacing_m}.")
        for name in ("vp_m_s", "vs_m_s", "density_kg_m3"):
            array = getattr(self, name)
            _refuse_nodes(~np.isfinite(array), array, name, "is not a finite number")
        _refuse_nodes(vp <= 0, vp, "vp_m_s", "must be positive")
        _refuse_nodes(vs < 0, vs, "vs_m_s", "must be 0 (fluid) or positive")
        _refuse_nodes(density <= 0, density, "density_kg_m3", "must be positive")
        _refuse_nodes(
            vs >= math.sqrt(0.75) * vp, vs, "vs_m_s", "must be below 0.866 vp_m_s, or the bulk modulus is negative"
        )

    @property
    def shape(self) -> tuple[int, int, int]:
        """Number of nodes along x, y, z."""
        return self.vp_m_s.shape

    @property
    def extent_km(self) -> np.ndarray:
        """Coordinates x, y, z of the last node, (3,), km; those of the first are 0."""
        return (np.array(self.shape) - 1) * np.array(self.spacing_m) / 1000.0

    @property
    def bulk_modulus_pa(self) -> np.ndarray:
        """K = density (vp^2 - 4/3 vs^2), (nx, ny, nz) float64, Pa."""
        vp, vs, density = (a.astype(np.float64) for a in (self.vp_m_s, self.vs_m_s, self.density_kg_m3))
        return density * (vp**2 - 4 / 3 * vs**2)


def _refuse_nodes(bad: np.ndarray, array: np.ndarray, name: str, why: str) -> None:
    if bad.any():
        node = tuple(int(i) for i in np.argwhere(bad)[0])
        raise ZooError(f"{name}{list(node)} = {array[node]:g} {why} ({int(bad.sum())} such nodes). Correct the model.")


def write_model(model: ElasticModel, path: str | os.PathLike) -> None:
    """Write a model, atomically, as npz with the keys vp_m_s, vs_m_s, density_kg_m3, spacing_m."""
    with atomic_path(path) as temporary, open(temporary, "wb") as file:
        np.savez_compressed(file, **{key: getattr(model, key) for key in KEYS})


@reader("Expected an npz of numbers: vp_m_s, vs_m_s, density_kg_m3, spacing_m.")
def read_model(path: str | os.PathLike) -> ElasticModel:
    """Read a model from npz (keys vp_m_s, vs_m_s, density_kg_m3 of shape (nx, ny, nz), spacing_m of shape (3,)).

    Raises:
        ZooError: if there is no such file, it is not a complete npz, a key is missing, or the model is impossible.
    """
    if not os.path.isfile(path):
        raise ZooError(f"No earth model at {path}. Give an npz with the keys {', '.join(KEYS)}.")
    names = read_npz(path, f"It is not a complete npz file: write it again, with the keys {', '.join(KEYS)}.")
    arrays = {key: names[key] for key in KEYS if key in names}
    check_numbers(arrays, ("spacing_m",), path)
    missing = [key for key in KEYS if key not in arrays]
    if missing:
        raise ZooError(
            f"{path} lacks {', '.join(missing)}; it has {', '.join(names) or 'nothing'}. Add what is missing."
        )
    return ElasticModel(**arrays)
