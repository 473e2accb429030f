"""The sources of aftershocks: each event a point, a rupture larger than a few pixels a line of points.

A rupture lies along the aftershocks of its first day, through their middle, as long as a fault of its magnitude (Wells
and Coppersmith 1994, subsurface length of all mechanisms).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from zoo.seismicity.etas.kernels import edges
from zoo.seismicity.physics.sequences import Etas

LOST = 0.01
"""Share of a source's aftershocks beyond its reach."""
REACH_PX = 2.0, 12.0
"""Bounds of the reach."""
LARGE_PX = 4.0
"""A rupture longer than this is a line."""
_EARLY_DAYS, _FEWEST = 1.0, 12
_SPACING_PX = 1.5


@dataclass(frozen=True)
class Sources:
    """Points that have aftershocks, sorted by time; every array (n,)."""

    event: np.ndarray
    """number of the event that each belongs to"""
    days: np.ndarray
    x: np.ndarray
    """in pixels"""
    y: np.ndarray
    above: np.ndarray
    """magnitude of the event above the completeness"""
    log_weight: np.ndarray
    """logarithm of the share of the event's aftershocks that it has"""
    width_above: np.ndarray
    """the magnitude that sets the width: a point of a line is no wider than the largest event that is a point"""

    def __len__(self) -> int:
        return len(self.days)

    def log_a(self, law: Etas) -> np.ndarray:
        """Return the logarithm of the aftershocks that each has on average."""
        return math.log(law.productivity) + law.alpha * math.log(10) * self.above + self.log_weight

    def width(self, law: Etas) -> np.ndarray:
        """Return the width S of each, in square pixels."""
        return kernel_width(law, self.width_above)

    def reach2(self, law: Etas) -> np.ndarray:
        """Return the squared distance beyond which each counts as nothing, in square pixels."""
        return squared_reach(law, self.width_above)

    def edge2(self, law: Etas, shape: tuple[int, int]) -> np.ndarray:
        """Return the squared distance to the region's edge in some directions, at most the reach."""
        return edges(self.x, self.y, self.reach2(law), *shape)


def kernel_width(law: Etas, above: np.ndarray) -> np.ndarray:
    """Return the width S in square pixels of events (n,) so much above the completeness."""
    return law.d_px2 * 10 ** (law.gamma * above)


def squared_reach(law: Etas, above: np.ndarray) -> np.ndarray:
    """Return the squared distance beyond which events (n,) so much above the completeness count as nothing, pixels."""
    far = kernel_width(law, above) * (LOST ** (-1 / (law.q - 1)) - 1)
    return far.clip(REACH_PX[0] ** 2, REACH_PX[1] ** 2)


def rupture_px(magnitude: np.ndarray, pixel_km: float | None) -> np.ndarray:
    """Return the length of ruptures in pixels; 0 where the side of a pixel is not known.

    >>> round(float(rupture_px(7.0, 1.0)))
    49
    """
    magnitude = np.asarray(magnitude, float)
    if pixel_km is None:
        return np.zeros(magnitude.shape)
    return np.nan_to_num(10 ** (0.59 * magnitude - 2.44)) / pixel_km


def sources_of(
    days: np.ndarray, x: np.ndarray, y: np.ndarray, above: np.ndarray, length_px: np.ndarray
) -> tuple[Sources, int]:
    """Return the sources of events, and how many of them are lines.

    Args:
        days, x, y, above: the events (n,), sorted by time.
        length_px: (n,) lengths of their ruptures (`rupture_px`).
    """
    event = [np.arange(len(days))]
    px, py, weight = [x], [y], [np.zeros(len(days))]
    widest = above.copy()
    point = np.ones(len(days), bool)
    large = np.flatnonzero(length_px > LARGE_PX)
    smaller = above[length_px <= LARGE_PX].max(initial=0.0)
    for i in large:
        line = _line(days, x, y, i, length_px[i])
        if line is None:
            continue
        point[i] = False
        event.append(np.full(len(line), i))
        px.append(line[:, 0])
        py.append(line[:, 1])
        weight.append(np.full(len(line), -math.log(len(line))))
        widest[i] = min(above[i], smaller)
    event, px, py, weight = (np.concatenate(parts) for parts in (event, px, py, weight))
    kept = np.concatenate([point, np.ones(len(event) - len(days), bool)])
    event, px, py, weight = (values[kept] for values in (event, px, py, weight))
    order = np.argsort(event, kind="stable")
    event, px, py, weight = (values[order] for values in (event, px, py, weight))
    return Sources(event, days[event], px, py, above[event], weight, widest[event]), int((~point).sum())


def _line(days, x, y, i, length) -> np.ndarray | None:
    """Return points (n, 2) along a rupture; None where too few early aftershocks tell where it lies."""
    behind = np.searchsorted(days, days[i] + _EARLY_DAYS)
    near = np.arange(i + 1, behind)
    near = near[np.hypot(x[near] - x[i], y[near] - y[i]) < length]
    if len(near) < _FEWEST:
        return None
    places = np.column_stack([x[near], y[near]])
    middle = np.median(places, 0)
    values, vectors = np.linalg.eigh(np.cov((places - middle).T))
    if values[1] < 2 * values[0]:
        return None  # no line
    along = (places - middle) @ vectors[:, 1]
    low, high = np.percentile(along, [5, 95])
    half = min(length, high - low) / 2
    if 2 * half < LARGE_PX:
        return None
    number = math.ceil(2 * half / _SPACING_PX) + 1
    return middle + ((low + high) / 2 + np.linspace(-half, half, number))[:, None] * vectors[:, 1]
