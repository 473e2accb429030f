"""The density that an inversion for velocity assumes, where it is not constant: Gardner's of the start, or a file's.

It stays as it is. Pressure depends on its ratios alone, so its unit does not matter.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from zoo.errors import UsageError, ZooError
from zoo.fwi.physics.velocity_files import read_fields
from zoo.fwi.physics.velocity_models import VelocityModel

GARDNER = "gardner"
_WATER_KG_M3 = 1000.0
_SLOWEST_WATER_M_S = 1440.0
_KG_M3_OF_G_CM3 = 1000.0
_HEAVIEST_G_CM3 = 20.0
"""Smaller numbers are in g/cm3."""
_DENSEST_KG_M3 = 5000.0
"""No rock that waves of exploration meet is denser but ores."""
_SAME_SPACING = 1e-3


def density_of(
    given: str | os.PathLike | np.ndarray | None, start: VelocityModel
) -> tuple[np.ndarray | None, tuple[str, ...]]:
    """Return the density (Z, X) in kg/m3 on the grid of a start, and a sentence on it; None and none where constant.

        >>> rock = VelocityModel(np.full((8, 9), 2500.0), 10.0)
        >>> density_of("gardner", rock)[0][0, 0].round()
        np.float64(2192.0)

    Args:
        given: `gardner`: 310 v^(1/4) of the start's velocities (Gardner et al. 1974), 1000 in its water; or a file in
            the formats of velocity models, with `density_kg_m3` where variables have names; or (Z, X); or None.
        start: whose grid it must have.

    Raises:
        ZooError: the file cannot be read, or the density has another grid or is none.
        UsageError: neither `gardner` nor a file of a known suffix.
    """
    if given is None:
        return None, ()
    if isinstance(given, str) and given.lower() == GARDNER:
        water = _water(start)
        density = np.where(water, _WATER_KG_M3, 310 * start.velocity_m_s.astype(np.float64) ** 0.25)
        told = "Gardner's relation with the start's velocities" + (", 1000 in its water" if water.any() else "")
    elif isinstance(given, np.ndarray):
        density, told = _checked(given, start, "The density"), "given"
    else:
        density, told = _read(Path(given).expanduser(), start), Path(given).name
    spread = f"{density.min():.0f} to {density.max():.0f} kg/m3"
    return density, (f"Density varies from {spread} ({told}); it stays as it is while velocities change.",)


def _water(start: VelocityModel) -> np.ndarray:
    """Return where water is (Z, X): SEG-Y does not say it, but velocities do."""
    if start.water.any():
        return start.water
    return start.with_water().water & (start.velocity_m_s > _SLOWEST_WATER_M_S)


def _read(path: Path, start: VelocityModel) -> np.ndarray:
    if not path.suffix and not path.exists():
        raise UsageError(f"Density is {GARDNER} or a file such as density.npz; received {str(path)!r}.")
    # A file that does not say what its cells are is one of the start's grid.
    raw = path.suffix.lower() not in (".npz", ".nc", ".segy", ".sgy")
    asked = (start.spacing_m, start.shape) if raw else (None, None)
    fields = read_fields(path, *asked, variable="density_kg_m3")
    if abs(fields["spacing_m"] / start.spacing_m - 1) > _SAME_SPACING:
        raise ZooError(
            f"{path} has cells of {fields['spacing_m']:g} m, the start of {start.spacing_m:g} m; expected the same. "
            "Resample one of them."
        )
    return _checked(fields["density_kg_m3"], start, str(path))


def _checked(values: np.ndarray, start: VelocityModel, what: str) -> np.ndarray:
    density = np.asarray(values, np.float64)
    if density.shape != start.shape:
        raise ZooError(
            f"{what} has the shape {density.shape}, the start {start.shape}; expected the same (depth, width). Cut one "
            "of them."
        )
    if not np.isfinite(density).all() or density.min() <= 0:
        wrong = int(np.sum(~(np.isfinite(density) & (density > 0))))
        raise ZooError(f"{what}: density must be positive; {wrong} of {density.size} cells are not. Fill them.")
    if density.max() < _HEAVIEST_G_CM3:
        density = density * _KG_M3_OF_G_CM3
    if density.max() > _DENSEST_KG_M3:
        raise ZooError(
            f"{what}: {density.min():g} to {density.max():g} kg/m3; no rock is denser than {_DENSEST_KG_M3:g}. Are "
            "these velocities?"
        )
    return density
