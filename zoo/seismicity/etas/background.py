"""The background of a region, smoothed as finely as its events allow, and changes of it for good.

Every event counts by its probability of being no aftershock (stochastic declustering, Zhuang et al. 2002) and is
smoothed by a Gaussian as wide as the distance to its nth neighbour, inside the box that all events lie in: catalogues
are cut at meridians and parallels. Which n: the largest under which the events of each
stretch of time are foretold by those of all others as well as they can be, within a standard error. So no sequence
foretells itself, and the long tails of a few do not make the background rough.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

ANYWHERE = 0.03
"""Share of the background that is spread evenly: otherwise any event would be a wonder where there never was one."""
NEIGHBOURS = (16, 32, 64, 128, 256, 512)
"""Numbers of neighbours that are tried."""
_WIDTHS_PX = 0.7 * 2 ** (0.5 * np.arange(11))
"""Standard deviations of the Gaussians, 0.7 to 22 pixels."""
_MOST_POINTS = 20_000
"""Neighbours are sought among so many events at most."""
_CELL_PX = 8
"""Side of the cells by whose differences the standard error is known."""
_ERRORS = 1.0
_BLOCKS = 10
"""Stretches of time with as many events each."""


@dataclass(frozen=True)
class Smoothed:
    """A smoothed background."""

    field: np.ndarray
    """(rows, columns) events in each pixel; their sum is that of the weights"""
    left_out: np.ndarray
    """(events,) what the events of other stretches of time make of the pixel of each"""
    neighbours: int
    """how many neighbours an event's Gaussian reaches to"""


def smooth(
    x_px: np.ndarray, y_px: np.ndarray, weight: np.ndarray, shape: tuple[int, int], neighbours: int | None = None
) -> Smoothed:
    """Return the background that events make.

    Args:
        x_px, y_px: their places (events,).
        weight: (events,) probability that each is no aftershock.
        shape: rows and columns of the region.
        neighbours: to how many neighbours a Gaussian reaches; None: the best of `NEIGHBOURS`.
    """
    row, column = pixels(x_px, y_px, shape)
    if len(x_px) < 2 or weight.sum() <= 0:
        even = np.full(shape, weight.sum() / (shape[0] * shape[1]))
        return Smoothed(even, np.full(len(x_px), even[0, 0]), neighbours or NEIGHBOURS[-1])
    # Neighbours are those that are no aftershocks: a sequence does not make its surroundings dense.
    rng = np.random.default_rng(0)
    some = np.flatnonzero(rng.random(len(weight)) < weight * min(1.0, _MOST_POINTS / max(weight.sum(), 1.0)))
    if len(some) < 2:
        some = np.arange(len(weight))[:_MOST_POINTS]
    share = len(some) / max(weight.sum(), 1.0)
    tree = cKDTree(np.column_stack([x_px[some], y_px[some]]))
    # A Gaussian is at least 0.7 pixels wide: to a third of a pixel is close enough.
    thirds, which = np.unique(np.rint(np.column_stack([x_px, y_px]) * 3).astype(np.int64), axis=0, return_inverse=True)
    tried = [neighbours] if neighbours else [n for n in NEIGHBOURS if n * share < len(some) / 2] or [NEIGHBOURS[0]]
    made, fits = [], []
    cell = row // _CELL_PX * (shape[1] // _CELL_PX + 1) + column // _CELL_PX
    kth = [max(2, min(round(number * share) + 1, len(some))) for number in tried]
    distances, _ = tree.query(thirds / 3, k=kth)
    for number, distance in zip(tried, distances[which].T, strict=True):
        made.append(_smoothed(row, column, weight, distance, shape, number))
        fits.append(np.bincount(cell, weight * np.log(np.maximum(made[-1].left_out, 1e-300))))
    worse = np.max([fit.sum() for fit in fits]) - np.array([fit.sum() for fit in fits])
    best = fits[int(worse.argmin())]
    error = np.array([np.sqrt(((best - fit) ** 2).sum()) for fit in fits])
    return made[int(np.flatnonzero(worse <= _ERRORS * error + 1e-9)[-1])]


def _smoothed(row, column, weight, width_px, shape, neighbours) -> Smoothed:
    """Return the background made with a Gaussian of its own width for each event; the events are sorted by time."""
    level = np.abs(np.log(np.maximum(width_px, 1e-9))[:, None] - np.log(_WIDTHS_PX)).argmin(1)
    box = [(int(v.min()), int(v.max()) + 1) for v in (row, column)]
    total = np.concatenate([[0.0], np.cumsum(weight)])
    block = np.minimum(total[1:] / total[-1] * _BLOCKS, _BLOCKS - 1e-9).astype(int)
    parts = np.zeros((_BLOCKS, *shape))
    for number in np.unique(level):
        inside = level == number
        counts = np.zeros((_BLOCKS, *shape))
        np.add.at(counts, (block[inside], row[inside], column[inside]), weight[inside])
        sd = _WIDTHS_PX[number]
        parts += _gaussian(shape[0], *box[0], sd) @ counts @ _gaussian(shape[1], *box[1], sd).T
    field = parts.sum(0)
    of_block = np.bincount(block, weight, _BLOCKS)
    scale = field.sum() / np.maximum(field.sum() - of_block, 1e-9 * field.sum())
    left_out = ((field - parts) * scale[:, None, None])[block, row, column]
    mean = field.mean()
    left_out = (1 - ANYWHERE) * np.maximum(left_out, 0) + ANYWHERE * mean
    return Smoothed((1 - ANYWHERE) * field + ANYWHERE * mean, left_out, neighbours)


@functools.cache
def _gaussian(size: int, low: int, high: int, sd_px: float) -> np.ndarray:
    """Return the matrix (size, size) that smooths pixels `low` to `high` - 1 by a Gaussian, reflected at both ends."""
    pixel = np.arange(high - low, dtype=float)
    images = [sign * pixel - (sign < 0) + 2 * len(pixel) * turn for sign in (1, -1) for turn in (-1, 0, 1)]
    inner = sum(np.exp(-0.5 * ((pixel[:, None] - image) / sd_px) ** 2) for image in images)
    matrix = np.zeros((size, size))
    matrix[low:high, low:high] = inner / inner.sum(0)
    return matrix


def pixels(x_px: np.ndarray, y_px: np.ndarray, shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Return row and column (n,) of the pixels that places (n,) lie in."""
    row, column = np.rint(y_px).astype(np.int64), np.rint(x_px).astype(np.int64)
    return row.clip(0, shape[0] - 1), column.clip(0, shape[1] - 1)
