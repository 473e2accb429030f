"""Sources and receivers between the nodes of a grid: a windowed sinc in each direction (Hicks 2002).

A field that the grid holds without aliasing is interpolated by a sinc; a Kaiser window makes it `2 * REACH` nodes long.
Injecting with the same weights is the transpose, so the scheme stays reciprocal.

Source: Hicks (2002), Geophysics 67, 156; b = 6.31 for a half width of four nodes.
"""

from __future__ import annotations

import numpy as np

REACH = 4
"""Nodes on either side of a point that its weights reach."""
_KAISER_B = 6.31
_ON_NODE = 1e-6


def spread(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the nodes over which points are spread, and their weights.

    Args:
        points: (n, 3) in units of the grid's spacing; whole numbers are nodes.

    Returns:
        nodes (n, m, 3) int64 and weights (n, m): m is 1 where all points are nodes; otherwise it is 2 `REACH` for each
        direction in which one of them is not.

    >>> nodes, weights = spread(np.array([[3.0, 4.0, 5.5]]))
    >>> nodes.shape, nodes[0, 3].tolist(), round(float(weights[0, 3]), 3)
    ((1, 8, 3), [3, 4, 5], 0.608)
    >>> spread(np.array([[3.0, 4.0, 5.0]]))[1].tolist()
    [[1.0]]
    """
    points = np.asarray(points, np.float64)
    nodes, weights = np.zeros((len(points), 1, 0), np.int64), np.ones((len(points), 1))
    for axis in range(3):
        place = points[:, axis]
        nearest = np.rint(place)
        if np.all(np.abs(place - nearest) < _ON_NODE):
            index, weight = nearest.astype(np.int64)[:, None], np.ones((len(points), 1))
        else:
            index = np.floor(place).astype(np.int64)[:, None] + np.arange(1 - REACH, REACH + 1)
            away = index - place[:, None]
            window = np.i0(_KAISER_B * np.sqrt(np.maximum(1.0 - (away / REACH) ** 2, 0.0))) / np.i0(_KAISER_B)
            weight = np.sinc(away) * window
        count, many = index.shape[1], nodes.shape[1]
        nodes = np.concatenate(
            [np.repeat(nodes, count, axis=1), np.tile(index, (1, many))[..., None]], axis=2
        )  # fmt: skip
        weights = (weights[:, :, None] * weight[:, None, :]).reshape(len(points), -1)
    return nodes, weights


def whole(points: np.ndarray) -> bool:
    """True if all points (n, 3) are nodes."""
    points = np.asarray(points, np.float64)
    return bool(np.all(np.abs(points - np.rint(points)) < _ON_NODE))
