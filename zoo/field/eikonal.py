"""First-arrival times in any medium: the eikonal equation |grad t| = 1 / v on a grid, by fast marching (Sethian 1996).

At a point source the second derivative of the time is infinite, and the accuracy that a second-order scheme loses there
it never regains. So the marching starts from a ball around the source, in which the times are integrals of slowness
along straight rays: exact if the medium is homogeneous, otherwise wrong by the square of its relative change.

By reciprocity, the times from a receiver to all nodes are those from all sources to that receiver.

Units: m, s, m/s. Node (i, j, k) lies at (i dx, j dy, k dz).
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from scipy.ndimage import binary_dilation, map_coordinates

from zoo.errors import UsageError, ZooError, did_you_mean
from zoo.files import cache_folder, digest, write_with
from zoo.foreign import read_npz
from zoo.progress import track

ENGINES = ("fmm", "pykonal")
BALL_CELLS = 8  # radius of the ball of straight rays, in the longest edges of a cell
_RAY_POINTS = 4 * BALL_CELLS  # points along a straight ray at which slowness is read
_NEVER_S = 1e4  # later than any wave
_CACHE_VERSION = 1  # to be raised when times change, so that those in users' caches are not served any more


def node_times(
    speed_m_s: np.ndarray, spacing_m: Sequence[float], source_m: Sequence[float], engine: str = "fmm"
) -> np.ndarray:
    """Return the first-arrival times of a point source at all nodes.

    Args:
        speed_m_s: (nx, ny, nz) speed of the wave at the nodes, m/s.
        spacing_m: (3,) distance between nodes along x, y, z, m.
        source_m: (3,) x, y, z of the source, m, anywhere in the grid, on a node or not.
        engine: "fmm" (scikit-fmm, optional) or "pykonal" (White et al. 2020, the engine of Spurio Mancini et al. 2021,
            section 3.3; GPL, optional).

    Returns:
        (nx, ny, nz) s, float32.

    Raises:
        UsageError: there is no such engine.
        ZooError: the speeds are impossible, the source is outside, or the engine is not installed.
    """
    if engine not in ENGINES:
        raise UsageError(f"There is no eikonal engine '{engine}'.{did_you_mean(engine, ENGINES)}")
    speed, spacing, source = _checked(speed_m_s, spacing_m, source_m)
    ray_times, ball, rim = _straight_rays(speed, spacing, source)
    march = _march_fmm if engine == "fmm" else _march_pykonal
    times = march(speed, spacing, ray_times, ball, rim)
    return np.where(ball, ray_times, times).astype(np.float32)


def receiver_times(
    speed_m_s: np.ndarray, spacing_m: Sequence[float], receivers_m: np.ndarray, engine: str = "fmm"
) -> np.ndarray:
    """Return the times from every node to each receiver; those computed before come from the zoo's cache.

    Args:
        speed_m_s, spacing_m, engine: as in `node_times`.
        receivers_m: (receivers, 3) x, y, z, m.

    Returns:
        (receivers, nx, ny, nz) s, float32.

    Raises:
        UsageError, ZooError: as for `node_times`.
    """
    speed = np.ascontiguousarray(speed_m_s, np.float32)
    receivers = np.atleast_2d(np.asarray(receivers_m, np.float64))
    medium = digest(speed, *speed.shape, *map(float, spacing_m), engine, _CACHE_VERSION)
    folder = cache_folder() / "travel_times"
    paths = [folder / f"{digest(medium, receiver)[:32]}.npz" for receiver in receivers]
    found = {index: times for index, path in enumerate(paths) if (times := _kept(path)) is not None}
    new = [index for index in range(len(paths)) if index not in found]
    for index in track(new, "Travel times to the receivers") if new else ():
        found[index] = times = node_times(speed, spacing_m, receivers[index], engine)
        with contextlib.suppress(OSError, ZooError):  # where nothing can be written, they are computed every time
            write_with(paths[index], lambda path, times=times: np.savez(path, times_s=times))
    return np.stack([found[index] for index in range(len(paths))])


def _kept(path: Path) -> np.ndarray | None:
    """Return times that were kept, None where there are none or they are damaged."""
    try:
        return read_npz(path, "")["times_s"] if path.is_file() else None
    except (ZooError, KeyError):
        return None


def _checked(speed_m_s, spacing_m, source_m) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    speed = np.ascontiguousarray(speed_m_s, np.float64)
    spacing, source = np.asarray(spacing_m, np.float64), np.asarray(source_m, np.float64)
    if speed.ndim != 3 or min(speed.shape) < 4:
        raise ZooError(f"speed_m_s has shape {speed.shape}; expected (nx, ny, nz), at least 4 nodes a side.")
    if not np.all(np.isfinite(speed) & (speed > 0)):
        node = tuple(int(i) for i in np.argwhere(~(np.isfinite(speed) & (speed > 0)))[0])
        raise ZooError(f"speed_m_s{list(node)} is {speed[node]:g}; expected finite positive speeds in m/s.")
    if spacing.shape != (3,) or not np.all(np.isfinite(spacing) & (spacing > 0)):
        raise ZooError(f"spacing_m is {spacing_m}; expected three positive distances in m.")
    extent = (np.array(speed.shape) - 1) * spacing
    if source.shape != (3,) or not np.all((source >= -1e-6) & (source <= extent + 1e-6)):
        raise ZooError(f"The source {source.tolist()} m is outside the model, which ends at {extent.tolist()} m.")
    return speed, spacing, np.clip(source, 0.0, extent)


def _straight_rays(
    speed: np.ndarray, spacing: np.ndarray, source: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return times along straight rays near the source, and the nodes that they are for.

    Returns:
        Times in s, infinite far from the source; the nodes within the isochron that touches the ball; and the
        neighbours of those, from which the marching starts. All (nx, ny, nz).
    """
    extent = (np.array(speed.shape) - 1) * spacing
    radius = max(min(BALL_CELLS * spacing.max(), 0.25 * extent.max()), 2 * spacing.max())
    first = np.maximum(np.floor((source - radius) / spacing) - 2, 0).astype(int)
    last = np.minimum(np.ceil((source + radius) / spacing) + 2, np.array(speed.shape) - 1).astype(int)
    box = tuple(slice(low, high + 1) for low, high in zip(first, last, strict=True))
    axes = [np.arange(s.start, s.stop) * d for s, d in zip(box, spacing, strict=True)]
    offset = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1) - source
    distance = np.linalg.norm(offset, axis=-1)
    slowness = 1.0 / speed[box]
    mean = np.zeros(distance.shape)
    for fraction in (np.arange(_RAY_POINTS) + 0.5) / _RAY_POINTS:
        position = (source + fraction * offset) / spacing - first
        mean += map_coordinates(slowness, np.moveaxis(position, -1, 0), order=1, mode="nearest") / _RAY_POINTS
    times = np.full(speed.shape, np.inf)
    times[box] = distance * mean
    ball = times < times[box][distance > radius].min()
    if not ball.any():
        raise ZooError(
            f"The speed near the source {source.tolist()} m changes too much from node to node: refine the grid."
        )
    return times, ball, binary_dilation(ball) & ~ball


def _march_fmm(
    speed: np.ndarray, spacing: np.ndarray, ray_times: np.ndarray, ball: np.ndarray, rim: np.ndarray
) -> np.ndarray:
    """March by scikit-fmm from the rim of the ball.

    scikit-fmm initialises the nodes next to a contour with their distance from it, to first order, divided by their
    speed. That distance can be computed alone (`skfmm.distance`), so the speed on the rim is set to the value that
    yields the right times there; no other node uses it. The nodes on the inner side get times so late that the stencil
    never uses them.
    """
    try:
        import skfmm
    except ImportError as error:
        raise ZooError(
            "scikit-fmm is not installed (it is distributed as source, so it is optional). Install it with "
            "`pip install 'seismic-zoo[eikonal]'`, which needs a C++ compiler."
        ) from error
    contour = np.where(ball, -1.0, 1.0)
    near = tuple(slice(max(i.min() - 2, 0), i.max() + 3) for i in np.nonzero(rim))
    distance = np.ones(speed.shape)
    distance[near] = np.abs(skfmm.distance(np.ascontiguousarray(contour[near]), dx=spacing))
    start_s = ray_times[ball].max()
    changed = speed.copy()
    changed[rim] = distance[rim] / (ray_times[rim] - start_s)
    changed[ball] = spacing.min() / _NEVER_S
    return start_s + np.asarray(skfmm.travel_time(contour, changed, dx=spacing))


def _march_pykonal(
    speed: np.ndarray, spacing: np.ndarray, ray_times: np.ndarray, ball: np.ndarray, rim: np.ndarray
) -> np.ndarray:
    """March by pykonal from the rim of the ball."""
    try:
        import pykonal
    except ImportError as error:
        raise ZooError(
            "The engine pykonal is not installed (its licence is the GPL-3, so it is optional). Install it with "
            "`pip install 'seismic-zoo[gpl]'`, or use the engine fmm."
        ) from error
    solver = pykonal.EikonalSolver(coord_sys="cartesian")
    solver.velocity.min_coords = 0.0, 0.0, 0.0
    solver.velocity.node_intervals = spacing
    solver.velocity.npts = speed.shape
    solver.velocity.values = speed
    start = ball | rim
    solver.traveltime.values[start] = ray_times[start]
    solver.unknown[start] = False
    solver.known[ball] = True
    for node in np.argwhere(rim):
        solver.trial.push(*node)
    solver.solve()
    return np.array(solver.traveltime.values)
