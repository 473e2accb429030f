"""First-arrival times in a layered earth: direct waves and head waves along rays, in tables over distance and depth.

A direct ray between two depths crosses each layer between them once, at the one ray parameter that gives the distance;
that is found by Newton's method on the tangent of its angle in the fastest layer, in which the distance is nearly
linear. A head wave runs along the top of a layer that is faster than all it crosses on its way down and up. Layers in
which the speed changes in straight lines are cut into thin ones. The first of all these is the arrival.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from zoo.compiled import njit
from zoo.errors import ZooError
from zoo.field.layers import Layers

_THIN_KM = 0.2  # thickness of the steps that stand for straight lines
_ELEVATION_STEP_KM = 0.02  # stations whose elevations differ by less share a table: at most 3 ms


@dataclass(frozen=True)
class TravelTimes:
    """Tables of travel times from any place in the earth to stations.

    The tables hold time divided by straight distance, which is smooth where time itself has a cusp.
    """

    phases: tuple[str, ...]
    slowness_s_km: np.ndarray
    """(tables, depths, distances) float32, time divided by straight distance; of a three-dimensional earth (tables,
    x, y, depths)"""
    table: np.ndarray
    """(phases, stations) which table"""
    station_km: np.ndarray
    """(stations, 3) east, north, depth below sea level, km"""
    station_depth_km: np.ndarray
    """(tables,) depth of the station that a table is for"""
    top_km: float | np.ndarray
    """depth of the first row of a table; of a three-dimensional earth the place (3,) of the first node"""
    step_km: float
    """between rows and columns of a table"""

    @property
    def bottom_km(self) -> float:
        """Depth of the last row, km."""
        if self.slowness_s_km.ndim == 4:
            return float(self.top_km[2] + self.step_km * (self.slowness_s_km.shape[3] - 1))
        return self.top_km + self.step_km * (self.slowness_s_km.shape[1] - 1)

    def times(self, place_km: np.ndarray) -> np.ndarray:
        """Return travel times in s (n, phases, stations) from places (n, 3): km east, north, depth."""
        places = np.atleast_2d(np.asarray(place_km, np.float64))
        made = np.empty((len(places), *self.table.shape), np.float32)
        _times(places, *self.arrays(), made)
        return made

    def scaled(self, factors: np.ndarray) -> TravelTimes:
        """Return tables in which all times of a phase are multiplied by its factor (phases,)."""
        made = self.slowness_s_km.copy()
        for phase, factor in enumerate(factors):
            made[np.unique(self.table[phase])] *= factor
        return replace(self, slowness_s_km=made)

    def arrays(self) -> tuple:
        """Return what compiled functions take: tables, which one, stations, their depths, top and step."""
        return (
            self.slowness_s_km, self.table, self.station_km, self.station_depth_km, self.top_km, self.step_km
        )  # fmt: skip


def travel_times(
    layers: Layers,
    station_km: np.ndarray,
    reach_km: float,
    bottom_km: float,
    top_km: float | None = None,
    step_km: float = 0.5,
) -> TravelTimes:
    """Make the tables of P and S for stations.

    Args:
        layers: the earth.
        station_km: (stations, 3) km east, north, and depth below sea level (negative above it).
        reach_km: largest horizontal distance; farther places get the slowness there.
        bottom_km: largest depth of a source; deeper ones get the slowness there.
        top_km: least depth of a source; None: that of the highest station.
        step_km: between entries of a table.

    Returns:
        The tables, in which `TravelTimes.times` interpolates.

    Raises:
        ZooError: a length is impossible.

    >>> earth = Layers(np.array([0.0]), np.array([5.0]), np.array([3.0]))
    >>> tables = travel_times(earth, np.array([[0.0, 0.0, 0.0]]), reach_km=20, bottom_km=10)
    >>> tables.times([[3.0, 0.0, 4.0]]).round(3).tolist()
    [[[1.0], [1.6670000553131104]]]
    """
    station_km = np.asarray(station_km, np.float64).reshape(-1, 3)
    top_km = float(min(station_km[:, 2].min(), 0.0)) if top_km is None else float(top_km)
    if not (reach_km > 0 and bottom_km > top_km and step_km > 0):
        raise ZooError(
            f"Travel times up to {reach_km:g} km, from {top_km:g} to {bottom_km:g} km deep in steps of {step_km:g} km: "
            "expected positive lengths."
        )
    classes, which = np.unique(np.round(station_km[:, 2] / _ELEVATION_STEP_KM), return_inverse=True)
    depth_km = classes * _ELEVATION_STEP_KM
    rows = top_km + step_km * np.arange(int(np.ceil((bottom_km - top_km) / step_km)) + 1)
    columns = step_km * np.arange(int(np.ceil(reach_km / step_km)) + 2)
    phases = ("P", "S")
    made = np.empty((2 * len(depth_km), len(rows), len(columns)), np.float32)
    for number, phase in enumerate(phases):
        tops, slowness = _steps(layers, phase, min(top_km, depth_km.min()), rows[-1])
        part = made[number * len(depth_km) : (number + 1) * len(depth_km)]
        _fill(tops, slowness, depth_km, rows, columns, part)
    return TravelTimes(
        phases,
        made,
        np.stack([which, which + len(depth_km)]).astype(np.int64),
        station_km,
        np.concatenate([depth_km, depth_km]),
        top_km,
        step_km,
    )


def _steps(layers: Layers, phase: str, top_km: float, bottom_km: float) -> tuple[np.ndarray, np.ndarray]:
    """Return tops (n,) and slownesses (n,) of layers of constant speed; the first reaches up, the last down."""
    speed = layers.vp_km_s if phase == "P" else layers.vs_km_s
    if not layers.linear:
        return layers.depth_km.copy(), 1 / speed
    edges = [np.array([layers.depth_km[0]])]
    for above, below in zip(layers.depth_km[:-1], layers.depth_km[1:], strict=True):
        if below > above:
            edges.append(np.linspace(above, below, int(np.ceil((below - above) / _THIN_KM)) + 1)[1:])
    tops = np.concatenate(edges)
    middle = np.append((tops[:-1] + tops[1:]) / 2, tops[-1])
    return tops, 1 / np.append(np.interp(middle[:-1], layers.depth_km, speed), speed[-1])


@njit(cache=True)
def _thickness(tops, upper, lower):
    """Thickness of each layer between two depths."""
    n = len(tops)
    made = np.zeros(n)
    for i in range(n):
        above = -1e9 if i == 0 else tops[i]
        below = 1e9 if i == n - 1 else tops[i + 1]
        made[i] = max(0.0, min(below, lower) - max(above, upper))
    return made


@njit(cache=True)
def _direct(thick, slowness, distance, start):
    """Time of the direct ray, and the tangent in the fastest layer from which the next search starts."""
    least = 1e9
    for i in range(len(thick)):
        if thick[i] > 0 and slowness[i] < least:
            least = slowness[i]
    tangent = start
    time = 0.0
    for _ in range(30):
        root = np.sqrt(1 + tangent * tangent)
        p = least * tangent / root
        x, slope, time = 0.0, 0.0, 0.0
        dp = least / root**3
        for i in range(len(thick)):
            if thick[i] > 0:
                # In the fastest layer u^2 - p^2 is (u / root)^2, without cancellation.
                square = (slowness[i] - least) * (slowness[i] + least) + (least / root) ** 2
                cosine = np.sqrt(square)
                x += thick[i] * p / cosine
                slope += thick[i] * slowness[i] ** 2 / (square * cosine)
                time += thick[i] * slowness[i] ** 2 / cosine
        wrong = distance - x
        if abs(wrong) < 1e-5:
            return time + p * wrong, tangent
        tangent = max(tangent + wrong / (slope * dp), 0.0)
    return time + p * wrong, tangent


@njit(cache=True)
def _one(tops, slowness, receiver, depth, columns, out):
    """Times over straight distances for one depth of source."""
    upper, lower = min(receiver, depth), max(receiver, depth)
    thick = _thickness(tops, upper, lower)
    n = len(tops)
    at = 0
    for i in range(n):
        if receiver >= tops[i]:
            at = i
    flat = thick.sum() < 1e-6
    # Head waves: delay and least distance of each layer that can carry one.
    delay = np.full(n, 1e9)
    least = np.full(n, 1e9)
    for k in range(1, n):
        if tops[k] < lower - 1e-9:
            continue
        down_thick = _thickness(tops, depth, tops[k])
        up_thick = _thickness(tops, receiver, tops[k])
        p = slowness[k]
        total, x, possible = 0.0, 0.0, True
        for i in range(k):
            h = down_thick[i] + up_thick[i]
            if h > 0:
                if slowness[i] <= p:
                    possible = False
                    break
                cosine = np.sqrt(slowness[i] ** 2 - p * p)
                total += h * cosine
                x += h * p / cosine
        if possible:
            delay[k] = total
            least[k] = x
    tangent = 0.0
    for j in range(len(columns)):
        distance = columns[j]
        straight = np.sqrt(distance * distance + (depth - receiver) ** 2)
        if straight < 1e-9:
            out[j] = slowness[at]
            continue
        if flat:
            time = distance * slowness[at]
            for i in range(n):  # along an interface the faster side carries the wave
                if abs(tops[i] - receiver) < 1e-6 and i > 0:
                    time = min(time, distance * min(slowness[i - 1], slowness[i]))
        else:
            time, tangent = _direct(thick, slowness, distance, tangent)
        for k in range(1, n):
            if distance >= least[k]:
                time = min(time, delay[k] + distance * slowness[k])
        out[j] = time / straight


@njit(cache=True)
def _fill(tops, slowness, receivers, rows, columns, out):
    for r in range(len(receivers)):
        for i in range(len(rows)):
            _one(tops, slowness, receivers[r], rows[i], columns, out[r, i])


@njit(cache=True)
def time_to(x, y, z, phase, station, slowness, table, station_km, station_depth, top, step):
    """Travel time of a phase (its number) from a place to a station, for compiled callers."""
    dx = x - station_km[station, 0]
    dy = y - station_km[station, 1]
    t = table[phase, station]
    dz = z - station_depth[t]
    flat = np.sqrt(dx * dx + dy * dy)
    # The compiler sees the number of dimensions, so tables of layers do not pay for the others.
    if slowness.ndim == 4:
        return _in_grid(x, y, z, slowness[t], top, step) * np.sqrt(flat * flat + dz * dz)
    return _in_layers(z, flat, slowness[t], top, step) * np.sqrt(flat * flat + dz * dz)


@njit(cache=True, inline="always")
def _in_layers(z, flat, slowness, top, step):
    """Slowness between the entries (depths, distances) of a table."""
    rows, columns = slowness.shape
    u = min(max((z - top) / step, 0.0), rows - 1.000001)
    v = min(flat / step, columns - 1.000001)
    i, j = int(u), int(v)
    a, b = u - i, v - j
    upper = slowness[i, j] * (1 - b) + slowness[i, j + 1] * b
    lower = slowness[i + 1, j] * (1 - b) + slowness[i + 1, j + 1] * b
    return upper * (1 - a) + lower * a


@njit(cache=True)
def _in_grid(x, y, z, slowness, first, step):
    """Slowness between the nodes (x, y, depths) of a table."""
    u = min(max((x - first[0]) / step, 0.0), slowness.shape[0] - 1.000001)
    v = min(max((y - first[1]) / step, 0.0), slowness.shape[1] - 1.000001)
    w = min(max((z - first[2]) / step, 0.0), slowness.shape[2] - 1.000001)
    i, j, k = int(u), int(v), int(w)
    a, b, c = u - i, v - j, w - k
    total = 0.0
    for p in range(2):
        for q in range(2):
            upper, lower = slowness[i + p, j + q, k], slowness[i + p, j + q, k + 1]
            share = (a if p else 1 - a) * (b if q else 1 - b)
            total += share * (upper * (1 - c) + lower * c)
    return total


@njit(cache=True)
def _times(places, slowness, table, station_km, station_depth, top, step, out):
    for n in range(len(places)):
        x, y, z = places[n]
        for phase in range(table.shape[0]):
            for s in range(table.shape[1]):
                out[n, phase, s] = time_to(x, y, z, phase, s, slowness, table, station_km, station_depth, top, step)


@njit(cache=True)
def times_of_picks(places, phase, station, slowness, table, station_km, station_depth, top, step):
    """Return travel times (n,) in s from places (n, 3) to a station each, of a phase each (their numbers)."""
    made = np.empty(len(places))
    for i in range(len(places)):
        x, y, z = places[i]
        made[i] = time_to(x, y, z, phase[i], station[i], slowness, table, station_km, station_depth, top, step)
    return made
