"""Travel times and rays in random layered crusts: direct waves, head waves, reflections off the Moho.

Layers are flat and uniform; the last one is the half space (the mantle). For a ray parameter p (s/km) a ray crosses a
layer of thickness h and velocity v in the time h / (v cos i) over the distance h tan i, with sin i = p v (Aki &
Richards 2002, section 9.3). Direct and reflected rays are found by bisection for the p that arrives at the station;
head waves have p = 1 / v of the layer that they run along, and exist beyond their critical distance.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from zoo.compiled import njit
from zoo.errors import ZooError

_OPTIONS = {"error_model": "numpy", "nogil": True, "cache": True}
_BISECTIONS = 48
"""They find u of `_search` to 30 / 2^48 = 1e-13."""
_LARGEST_U = 30.0
"""A ray as near to grazing as exp(-30) = 1e-13 reaches 2e6 times the thickness of its layer."""
DIRECT = 0
"""Column of the direct wave in `Arrivals`; then come the head waves along layers 1, 2 ..., then the reflection."""


class Crusts(NamedTuple):
    """n crusts with the same number of layers, from the top down; the last layer is the half space."""

    thickness_km: np.ndarray
    """(n, layers - 1)."""
    vp_km_s: np.ndarray
    """(n, layers)."""
    vs_km_s: np.ndarray
    """(n, layers)."""


class Arrivals(NamedTuple):
    """What arrives at n stations: (n, layers + 1) each, NaN where there is no such wave."""

    time_s: np.ndarray
    slowness_s_km: np.ndarray
    """The ray parameter, horizontal slowness."""
    path_km: np.ndarray
    """Length of the ray."""
    up: np.ndarray
    """True where the ray leaves the source upwards."""


def random_crusts(rng: np.random.Generator, count: int) -> Crusts:
    """Draw n = `count` crusts: site layer, sediment or weathered rock, upper, middle and lower crust, mantle.

    Ranges are those of continental crust (Christensen & Mooney 1995; CRUST1.0 for sediment): Moho at 18 to 50 km,
    Vp/Vs of 1.64 to 1.86 below the sediment. Velocity ranges overlap, so a layer may be slower than the one above it.
    The site layer is soft soil or weathered rock of 5 to 60 m, with Vs of 0.15 to 1.6 km/s.
    """
    uniform = rng.uniform
    site_km = np.exp(uniform(np.log(0.005), np.log(0.06), count))
    sediment_km = np.exp(uniform(np.log(0.05), np.log(3.0), count))
    moho_km = uniform(18, 50, count)
    upper_km = uniform(0.1, 0.45, count) * (moho_km - sediment_km)
    middle_km = uniform(0.2, 0.45, count) * (moho_km - sediment_km)
    lower_km = moho_km - sediment_km - upper_km - middle_km
    vs_site = np.exp(uniform(np.log(0.15), np.log(1.6), count))
    # Thick sediment is slow, thin sediment may be weathered granite or basalt.
    vp_sediment = uniform(2.2, 5.4, count)
    vp = [
        np.minimum(vs_site * uniform(1.8, 3.5, count), vp_sediment),
        vp_sediment,
        np.maximum(uniform(4.6, 6.2, count), vp_sediment),
        uniform(5.7, 6.6, count),
        uniform(6.2, 7.1, count),
        uniform(7.6, 8.3, count),
    ]
    ratio = uniform(1.64, 1.86, (6, count))
    ratio[1] = np.where(vp_sediment < 4, uniform(1.7, 2.4, count), ratio[1])
    ratio[5] = uniform(1.72, 1.80, count)
    vs = [v / r for v, r in zip(vp, ratio, strict=True)]
    vs[0] = np.minimum(vs_site, vp[0] / 1.6)
    thickness = np.stack([site_km, sediment_km, upper_km, middle_km, lower_km], axis=1)
    return Crusts(thickness, np.stack(vp, axis=1), np.stack(vs, axis=1))


def arrivals(
    thickness_km: np.ndarray, velocity_km_s: np.ndarray, depth_km: np.ndarray, distance_km: np.ndarray
) -> Arrivals:
    """Trace the rays of n sources to n stations at the surface, each in its own crust.

    Args:
        thickness_km: (n, layers - 1), positive.
        velocity_km_s: (n, layers) velocities of P or of S.
        depth_km: (n,) depths of the sources, positive, above the half space.
        distance_km: (n,) epicentral distances, positive.

    Returns:
        The direct wave, the head waves along layer 1 and below, the reflection off the half space.

    Raises:
        ZooError: if a source lies at the surface or in the half space.
    """
    thickness, velocity = np.ascontiguousarray(thickness_km, float), np.ascontiguousarray(velocity_km_s, float)
    depth, distance = (np.ascontiguousarray(v, float) for v in (depth_km, distance_km))
    if not ((depth > 0) & (depth < thickness.sum(axis=1)) & (distance > 0)).all():
        raise ZooError(
            "Sources must lie below the surface and above the half space, stations away from the epicentre; received "
            f"depths of {depth.min():g} to {depth.max():g} km in crusts of {thickness.sum(axis=1).min():g} km or more, "
            f"distances from {distance.min():g} km."
        )
    shape = len(depth), velocity.shape[1] + 1
    found = Arrivals(*(np.full(shape, np.nan) for _ in range(3)), np.zeros(shape, np.bool_))
    _trace(thickness, velocity, depth, distance, *found)
    return found


@njit(**_OPTIONS)
def _trace(thickness, velocity, depth, distance, time, slowness, path, up):
    """Fill the arrays of `Arrivals`."""
    layers = velocity.shape[1]
    crossed = np.zeros(layers)  # km of each layer that a ray crosses, once or twice
    for row in range(len(depth)):
        v, x = velocity[row], distance[row]
        source, above = 0, 0.0
        while above + thickness[row, source] < depth[row]:
            above += thickness[row, source]
            source += 1
        crossed[:] = 0
        crossed[:source] = thickness[row, :source]
        crossed[source] = depth[row] - above
        p = _search(crossed, v, x, source + 1)
        time[row, 0], path[row, 0] = _along(crossed, v, p, source + 1)
        slowness[row, 0], up[row, 0] = p, True
        # Down from the source to the layer `below`, along it or back from it, and up to the station.
        crossed[source] += 2 * (thickness[row, source] - crossed[source])
        for below in range(source + 1, layers):
            fastest = v[:below].max()
            if v[below] > fastest:
                p = 1 / v[below]
                far = _reach(crossed, v, p, below)
                if far <= x:
                    spent, length = _along(crossed, v, p, below)
                    time[row, below] = spent + (x - far) * p
                    path[row, below], slowness[row, below] = length + x - far, p
            if below == layers - 1:
                p = _search(crossed, v, x, below)
                time[row, layers], path[row, layers] = _along(crossed, v, p, below)
                slowness[row, layers] = p
            else:
                crossed[below] = 2 * thickness[row, below]


@njit(**_OPTIONS)
def _reach(crossed, v, p, layers):
    """Return the distance (km) that a ray covers in the first `layers` layers."""
    far = 0.0
    for k in range(layers):
        sine = p * v[k]
        far += crossed[k] * sine / math.sqrt(1 - sine * sine)
    return far


@njit(**_OPTIONS)
def _along(crossed, v, p, layers):
    """Return the time (s) and the length (km) of a ray in the first `layers` layers."""
    spent, length = 0.0, 0.0
    for k in range(layers):
        part = crossed[k] / math.sqrt(1 - (p * v[k]) ** 2)
        length += part
        spent += part / v[k]
    return spent, length


@njit(**_OPTIONS)
def _search(crossed, v, x, layers):
    """Return the ray parameter (s/km) that reaches x (km): the reach grows with p without bound."""
    fastest = 0.0
    for k in range(layers):
        if crossed[k] > 0:
            fastest = max(fastest, v[k])
    # In u, with p = (1 - exp(-u)) / fastest, grazing rays are resolved too.
    low, high = 0.0, _LARGEST_U
    for _ in range(_BISECTIONS):
        u = 0.5 * (low + high)
        if _reach(crossed, v, -math.expm1(-u) / fastest, layers) < x:
            low = u
        else:
            high = u
    return -math.expm1(-0.5 * (low + high)) / fastest


def layer_of(crusts: Crusts, depth_km: np.ndarray) -> np.ndarray:
    """Return the number of the layer (n,) that holds each of n sources."""
    return (np.cumsum(crusts.thickness_km, axis=1) < depth_km[:, None]).sum(axis=1)
