"""Velocity models on square grids: made, read, written, smoothed for starts, resampled.

A model is P velocity in m/s at the nodes (z, x) of a grid; node (i, j) lies i * spacing_m below the first one and
j * spacing_m to its right. Averages are of slowness, so that vertical travel times stay.

    >>> model = layered_1d((2000.0, 3000.0), rows=100)
    >>> model.shape, model.spacing_m, float(model.smoothed(100.0).velocity_m_s[-1, 0])
    ((100, 1), 10.0, 3000.0)
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from zoo.errors import UsageError, ZooError
from zoo.fwi.physics.velocity_files import read_fields, write_fields
from zoo.fwi.physics.velocity_folds import section

WATER_M_S = 1500.0
SALT_M_S = 4500.0
FASTEST_M_S = 15_000.0
"""No rock is faster; larger numbers are in another unit or byte order."""
_FASTEST_KM_S = 20.0
"""Velocities below this are taken for km/s."""


@dataclass(frozen=True, eq=False)
class VelocityModel:
    """A velocity model; checked when it is made (ZooError).

    Args:
        velocity_m_s: (Z, X) float32.
        spacing_m: grid spacing, the same down and across.
        title: what it is, in a few words.
        source: `synthetic: ...`, or the file it comes from.
        water_rows: (X,) int32, number of rows of water in each column, from the top; None where there is no water.

    Raises:
        ZooError: velocities that are no grid of finite positive numbers, or not in m/s; a spacing that is not
            positive; water rows that do not fit the grid.
    """

    velocity_m_s: np.ndarray
    spacing_m: float
    title: str = "velocity model"
    source: str = "unknown"
    water_rows: np.ndarray | None = None

    def __post_init__(self) -> None:
        try:
            velocity = np.array(self.velocity_m_s, np.float32)
        except (TypeError, ValueError) as error:
            raise ZooError(f"{self.title}: velocities must be numbers ({error}).") from error
        if velocity.ndim != 2 or not velocity.size:
            raise ZooError(f"{self.title}: velocities must be (depth, width); received the shape {velocity.shape}.")
        if not np.isfinite(velocity).all():
            row, column = np.argwhere(~np.isfinite(velocity))[0]
            count = np.sum(~np.isfinite(velocity))
            raise ZooError(
                f"{self.title}: {count} of {velocity.size} velocities are NaN or infinite, the first at row {row}, "
                f"column {column}. Fill them."
            )
        low, high = velocity.min(), velocity.max()
        if low <= 0:
            row, column = np.argwhere(velocity <= 0)[0]
            raise ZooError(
                f"{self.title}: velocities must be positive; received {low:g} m/s, the first such at row {row}, "
                f"column {column}."
            )
        if high < _FASTEST_KM_S:
            raise ZooError(f"{self.title}: {low:g} to {high:g} looks like km/s; expected m/s. Multiply by 1000.")
        if high > FASTEST_M_S:
            raise ZooError(
                f"{self.title}: {low:g} to {high:g} m/s; no rock is faster than {FASTEST_M_S:g} m/s. Is the file big-"
                "endian, or in another unit?"
            )
        if not np.isfinite(self.spacing_m) or self.spacing_m <= 0:
            raise ZooError(f"{self.title}: spacing_m must be positive; received {self.spacing_m}.")
        object.__setattr__(self, "velocity_m_s", velocity)
        object.__setattr__(self, "spacing_m", float(self.spacing_m))
        if self.water_rows is not None:
            rows = np.asarray(self.water_rows)
            fits = rows.shape == velocity.shape[1:] and rows.dtype.kind in "iu"
            if not fits or rows.min() < 0 or rows.max() > len(velocity):
                raise ZooError(
                    f"{self.title}: water_rows must be {velocity.shape[1]} whole numbers from 0 to {len(velocity)}."
                )
            object.__setattr__(self, "water_rows", rows.astype(np.int32) if rows.any() else None)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns, (Z, X)."""
        return self.velocity_m_s.shape

    @property
    def water(self) -> np.ndarray:
        """Where water is, (Z, X) bool."""
        rows = np.zeros(self.shape[1], np.int32) if self.water_rows is None else self.water_rows
        return np.arange(self.shape[0])[:, None] < rows

    def with_water(self, fastest_m_s: float = 1510.0) -> VelocityModel:
        """Return the model with all nodes above the first that is faster than `fastest_m_s` marked as water."""
        rock = self.velocity_m_s > fastest_m_s
        rows = np.where(rock.any(axis=0), rock.argmax(axis=0), self.shape[0])
        return replace(self, water_rows=rows)

    def smoothed(self, sd_m: float, keep_water: bool = True) -> VelocityModel:
        """Return the model with its slowness smoothed by a Gaussian, edges replicated.

        Args:
            sd_m: standard deviation of the Gaussian.
            keep_water: leave the water as it is and keep it out of the rock's averages.

        Raises:
            UsageError: a negative standard deviation.
        """
        from scipy.ndimage import gaussian_filter

        if not np.isfinite(sd_m) or sd_m < 0:
            raise UsageError(f"The standard deviation of a Gaussian must be 0 m or more; received {sd_m}.")
        slowness = _rock_slowness(self) if keep_water else 1 / self.velocity_m_s.astype(np.float64)
        velocity = 1 / gaussian_filter(slowness, sd_m / self.spacing_m, mode="nearest")
        if keep_water:
            velocity = np.where(self.water, self.velocity_m_s, velocity)
        return replace(self, velocity_m_s=velocity, title=f"{self.title}, smoothed by {sd_m:g} m")

    def linear(self) -> VelocityModel:
        """Return a start linear in depth, between the averages over x of the topmost and the deepest rock.

        Raises:
            ZooError: some columns are water to the bottom.
        """
        rock = np.where(self.water, np.nan, self.velocity_m_s.astype(np.float64))
        if np.isnan(rock[-1]).any():
            raise ZooError(f"{self.title}: a linear start needs rock in every column; some are water to the bottom.")
        top = np.zeros(self.shape[1], int) if self.water_rows is None else self.water_rows
        first = rock[top, np.arange(self.shape[1])].mean()
        depth = np.arange(self.shape[0])[:, None] - top.mean()
        share = np.clip(depth / max(self.shape[0] - 1 - top.mean(), 1), 0, 1)
        velocity = first + (rock[-1].mean() - first) * share
        velocity = np.where(self.water, self.velocity_m_s, velocity)
        return replace(self, velocity_m_s=velocity, title=f"{self.title}, linear in depth")

    def resampled(self, spacing_m: float) -> VelocityModel:
        """Return the model on a grid of another spacing, with the same first node and no node beyond the last ones.

        Slowness is averaged with triangular weights, two of the wider spacings wide: interpolated linearly where the
        new grid is finer, smoothed against aliasing where it is coarser. Rock and water are kept apart; the sea floor
        goes to the nearest node.

        Raises:
            UsageError: a spacing that is not positive.
        """
        if not np.isfinite(spacing_m) or spacing_m <= 0:
            raise UsageError(f"A spacing must be positive; received {spacing_m} m.")
        down, across = (_triangles(count, self.spacing_m, spacing_m) for count in self.shape)
        velocity = 1 / (down @ _rock_slowness(self) @ across.T)
        rows = None
        if self.water_rows is not None:
            # The sea floor lies half a cell above the first node of rock.
            floor_m = across @ np.maximum((self.water_rows - 0.5) * self.spacing_m, 0)
            rows = np.minimum(np.ceil(floor_m / spacing_m - 1e-9).astype(np.int32), len(velocity))
            water_m_s = 1 / (across @ (1 / self.velocity_m_s[0].astype(np.float64)))
            velocity = np.where(np.arange(len(velocity))[:, None] < rows, water_m_s, velocity)
        return replace(self, velocity_m_s=velocity, spacing_m=spacing_m, water_rows=rows)

    def window(self, depth_m: tuple[float, float], distance_m: tuple[float, float]) -> VelocityModel:
        """Return the part with the nodes from `depth_m[0]` to `depth_m[1]` and `distance_m[0]` to `distance_m[1]`.

        Nodes on either end are included.

        Raises:
            UsageError: a part that reaches beyond the model.
        """
        parts = []
        for name, (low, high), count in zip(("depth", "distance"), (depth_m, distance_m), self.shape, strict=True):
            first, last = np.ceil(low / self.spacing_m - 1e-6), np.floor(high / self.spacing_m + 1e-6)
            if not 0 <= first <= last <= count - 1:
                end_m = (count - 1) * self.spacing_m
                raise UsageError(f"{self.title} has a {name} of 0 to {end_m:g} m; received {low:g} to {high:g} m.")
            parts.append(slice(int(first), int(last) + 1))
        rows = self.water_rows
        if rows is not None:
            rows = np.clip(rows[parts[1]] - parts[0].start, 0, parts[0].stop - parts[0].start)
        return replace(self, velocity_m_s=self.velocity_m_s[tuple(parts)], water_rows=rows)


def layered_1d(
    velocities_m_s: Sequence[float] = (2000.0, 3000.0, 4000.0, 5000.0),
    rows: int = 200,
    columns: int = 1,
    spacing_m: float = 10.0,
) -> VelocityModel:
    """Return flat layers of equal thickness: by default the model of Sun et al., figure 5a.

    With one column it is a model for waves in one dimension, on a (rows, 1) grid. The paper gives neither depth nor
    spacing; 2 km in steps of 10 m are ours. `VelocityModel.linear` makes the start.

    Args:
        velocities_m_s: velocity of each layer, from the top.
        rows: nodes down.
        columns: nodes across.
        spacing_m: grid spacing.

    Raises:
        UsageError: fewer rows than layers.
    """
    if rows < len(velocities_m_s):
        raise UsageError(f"{len(velocities_m_s)} layers need as many rows; received {rows}.")
    layer = np.arange(rows) * len(velocities_m_s) // rows
    velocity = np.repeat(np.asarray(velocities_m_s, np.float32)[layer][:, None], columns, axis=1)
    return VelocityModel(velocity, spacing_m, f"{len(velocities_m_s)} flat layers", "synthetic: layered_1d")


def folded(
    seed: int = 0,
    rows: int = 70,
    columns: int = 200,
    spacing_m: float = 12.5,
    water_m: float = 75.0,
    faults: int = 5,
    salt: bool = True,
) -> VelocityModel:
    """Return a synthetic section in the manner of Marmousi: layers folded, faulted, eroded and covered, and salt.

    Velocities grow downwards from 1500 m/s (water) or 1550 m/s (rock) to 4200 m/s; salt has 4500 m/s. The same
    arguments give the same section. It is made on a grid three times as fine and resampled.

    Args:
        seed: seed of all random numbers.
        rows: nodes down.
        columns: nodes across.
        spacing_m: grid spacing.
        water_m: mean depth of the water, which varies by a quarter of it; 0 for land.
        faults: number of faults.
        salt: whether there is a salt body.

    Raises:
        UsageError: too small a grid, or water that reaches below half of its depth.
    """
    depth_m = (rows - 1) * spacing_m
    if rows < 10 or columns < 10 or not 0 <= water_m <= depth_m / 2 or faults < 0:
        raise UsageError(
            "A folded model needs 10 rows and 10 columns, water down to half its depth, and no negative number of "
            f"faults; received {rows} x {columns}, {water_m:g} m of {depth_m:g} m, {faults}."
        )
    fine = 3
    depth = np.arange((rows - 1) * fine + 1) / ((rows - 1) * fine)
    distance = np.arange((columns - 1) * fine + 1) / ((rows - 1) * fine)
    velocity, floor = section(
        np.random.default_rng(seed), depth, distance, water_m / depth_m, faults, SALT_M_S if salt else None
    )
    water_rows = np.ceil(floor / depth[1]).astype(np.int32)
    velocity = np.where(np.arange(len(depth))[:, None] < water_rows, WATER_M_S, velocity)
    source = f"synthetic: folded, seed {seed}"
    model = VelocityModel(velocity, spacing_m / fine, "folded and faulted sediments", source, water_rows)
    return model.resampled(spacing_m)


def read_velocity_model(
    path: str | os.PathLike, spacing_m: float | None = None, shape: tuple[int, int] | None = None
) -> VelocityModel:
    """Read a velocity model by its suffix; `zoo.fwi.physics.velocity_files` says how each format is laid out.

    Args:
        path: `.npz` (velocity_m_s, spacing_m), `.segy`/`.sgy`, `.nc` (as `write_velocity_model` writes it), or
            `.vp`/`.bin`/`.raw`: little-endian float32, column after column from the left, each from the top.
        spacing_m: grid spacing; overrides what the file states. Raw files need it.
        shape: (cells down, cells across). Raw files need it; others must agree with it.

    Raises:
        ZooError: the file is missing, damaged, cut short, of another size, or holds no velocities in m/s.
        UsageError: the suffix is not one of these.
    """
    path = Path(path)
    fields = {"title": path.stem, "source": path.name, **read_fields(path, spacing_m, shape)}
    try:
        return VelocityModel(**fields)
    except ZooError as error:
        raise ZooError(f"{path}: {error}") from error


def write_velocity_model(
    model: VelocityModel, path: str | os.PathLike, places_m: np.ndarray | None = None, datum_m: float = 0.0
) -> Path:
    """Write a model as `.npz`, `.segy`/`.sgy`, `.nc`, or raw; return the path. SEG-Y and raw lose the water rows.

    Args:
        model: to write.
        path: of the file.
        places_m: (X, 2) easting and northing of the columns, which SEG-Y takes instead of distances from the left.
        datum_m: elevation of the model's top, for SEG-Y.
    """
    fields = {"velocity_m_s": model.velocity_m_s, "spacing_m": model.spacing_m, "datum_m": datum_m}
    if places_m is not None:
        fields["places_m"] = places_m
    fields |= {"title": model.title, "source": model.source}
    if model.water_rows is not None:
        fields["water_rows"] = model.water_rows
    return write_fields(Path(path), fields)


def _rock_slowness(model: VelocityModel) -> np.ndarray:
    """Return slowness (Z, X), float64, with the topmost rock's continued upwards through the water."""
    slowness = 1 / model.velocity_m_s.astype(np.float64)
    if model.water_rows is not None:
        top = np.minimum(model.water_rows, model.shape[0] - 1)
        slowness = np.where(model.water, slowness[top, np.arange(model.shape[1])], slowness)
    return slowness


def _triangles(count: int, old_m: float, new_m: float) -> np.ndarray:
    """Return the weights (new nodes, old nodes) of `VelocityModel.resampled` along one axis; each row sums to one."""
    nodes_m = np.arange(int((count - 1) * old_m / new_m + 1e-6) + 1) * new_m
    width_m = max(old_m, new_m)
    beyond = int(np.ceil(width_m / old_m))
    offset_m = nodes_m[:, None] - np.arange(-beyond, count + beyond) * old_m
    weights = np.maximum(1 - np.abs(offset_m) / width_m, 0)
    # Weights beyond an end count for the node at that end.
    weights[:, beyond] += weights[:, :beyond].sum(axis=1)
    weights[:, -beyond - 1] += weights[:, -beyond:].sum(axis=1)
    weights = weights[:, beyond:-beyond]
    return weights / weights.sum(axis=1, keepdims=True)
