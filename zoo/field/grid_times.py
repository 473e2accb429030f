"""Travel times of any earth to the stations of a network: of layers by rays, of a grid by the eikonal equation."""

from __future__ import annotations

import numpy as np

from zoo.field.eikonal import node_times
from zoo.field.layers import Layers
from zoo.field.projection import LocalProjection
from zoo.field.speed_grid import SpeedGrid
from zoo.field.travel_times import TravelTimes, travel_times
from zoo.progress import track

_NODES = 400_000  # of the grid on which the eikonal equation is solved: half a second, 1.6 MB, for a station and phase
_LEAST_STEP_KM = 0.05


def earth_times(
    earth: Layers | SpeedGrid,
    projection: LocalProjection,
    station_km: np.ndarray,
    low_km: np.ndarray,
    high_km: np.ndarray,
) -> TravelTimes:
    """Make the tables of P and S from a region to stations.

    Args:
        earth: layers, or a grid of speeds.
        projection: between degrees and the kilometres of the others.
        station_km: (stations, 3) km east, north, and depth below sea level (negative above it).
        low_km, high_km: (3,) corners of the region, km.

    Returns:
        The tables, in which `TravelTimes.times` interpolates.

    Raises:
        ZooError: a length is impossible, or the earth is a grid and scikit-fmm is not installed.

    >>> earth = Layers(np.array([0.0]), np.array([5.0]), np.array([3.0]))
    >>> tables = earth_times(earth, LocalProjection(13, 42), np.zeros((1, 3)), [-9, -9, 0], [9, 9, 9])
    >>> tables.times([[3.0, 0.0, 4.0]]).round(3).tolist()
    [[[1.0], [1.6670000553131104]]]
    """
    station_km = np.asarray(station_km, np.float64).reshape(-1, 3)
    low_km, high_km = np.asarray(low_km, np.float64), np.asarray(high_km, np.float64)
    if isinstance(earth, Layers):
        reach_km = float(np.hypot(*(high_km - low_km)[:2]))
        return travel_times(earth, station_km, reach_km, high_km[2], min(low_km[2], float(station_km[:, 2].min())))
    return _of_grid(earth, projection, station_km, low_km, high_km)


def outside(grid: SpeedGrid, projection: LocalProjection, low_km: np.ndarray, high_km: np.ndarray) -> float:
    """Return the share of a region, horizontally and in depth, that lies beyond a grid."""
    axes = [np.linspace(low_km[i], high_km[i], 21) for i in range(3)]
    x, y, z = np.meshgrid(*axes, indexing="ij")
    return float(1 - np.mean(grid.inside(*projection.inverse(x, y), z)))


def _of_grid(
    earth: SpeedGrid, projection: LocalProjection, station_km: np.ndarray, low_km: np.ndarray, high_km: np.ndarray
) -> TravelTimes:
    low, high = np.minimum(low_km, station_km.min(axis=0)), np.maximum(high_km, station_km.max(axis=0))
    size = np.maximum(high - low, 1.0)
    step = max(float(np.prod(size) / _NODES) ** (1 / 3), _LEAST_STEP_KM)
    counts = np.maximum(np.ceil(size / step).astype(int) + 3, 5)
    low = low - step  # one node more on every side
    axes = [low[i] + step * np.arange(counts[i]) for i in range(3)]
    longitude, latitude = projection.inverse(axes[0][:, np.newaxis], axes[1][np.newaxis, :])
    places, which = np.unique(station_km, axis=0, return_inverse=True)
    which = which.ravel()
    nodes = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
    made = np.empty((2 * len(places), *nodes.shape[:3]), np.float32)
    jobs = [(number, phase, s) for number, phase in enumerate("PS") for s in range(len(places))]
    speeds = None
    for number, phase, s in track(jobs, "Travel times to the stations") if len(jobs) > 20 else jobs:
        if s == 0:
            speeds = earth.speeds(longitude[..., np.newaxis], latitude[..., np.newaxis], axes[2], phase)
        times = node_times(1000.0 * speeds, (1000.0 * step,) * 3, 1000.0 * (places[s] - low))
        distance = np.linalg.norm(nodes - places[s], axis=-1)
        at = np.unravel_index(np.argmin(distance), distance.shape)
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = times / distance
        if distance[at] < 1e-3 * step:  # 0 / 0 at the station itself
            ratio[at] = 1 / speeds[at]
        made[number * len(places) + s] = ratio
    table = np.stack([which, which + len(places)]).astype(np.int64)
    return TravelTimes(
        ("P", "S"), made, table, station_km, np.tile(places[:, 2], 2), low, float(step)
    )  # fmt: skip
