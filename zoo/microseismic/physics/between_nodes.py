"""Sources and receivers between the nodes of a grid of three dimensions: `zoo.field.sinc` in each of them."""

from __future__ import annotations

import numpy as np

from zoo.field.sinc import ON_NODE, REACH, windowed_sinc

_CUBIC = 4  # nodes of the interpolation below a free surface


def spread(points: np.ndarray, top: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Return the nodes over which points are spread, and their weights.

    Args:
        points: (n, 3) in units of the grid's spacing; whole numbers are nodes.
        top: highest node along z that may take part, below a free surface; where the sinc would reach beyond it, a
            cubic polynomial takes its place. None: any may.

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
        if np.all(np.abs(place - nearest) < ON_NODE):
            index, weight = nearest.astype(np.int64)[:, None], np.ones((len(points), 1))
        else:
            index = np.floor(place).astype(np.int64)[:, None] + np.arange(1 - REACH, REACH + 1)
            weight = windowed_sinc(index - place[:, None])
            if axis == 2 and top is not None:
                index, weight = _below(top, place, index, weight)
        count, many = index.shape[1], nodes.shape[1]
        nodes = np.concatenate([np.repeat(nodes, count, axis=1), np.tile(index, (1, many))[..., None]], axis=2)
        weights = (weights[:, :, None] * weight[:, None, :]).reshape(len(points), -1)
    return nodes, weights


def _below(top: int, place: np.ndarray, index: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return nodes (n, 2 REACH) and weights with those replaced that reach beyond the node `top`."""
    for row in np.flatnonzero(index[:, -1] > top):
        index[row] = top - 2 * REACH + 1 + np.arange(2 * REACH)
        first = min(int(np.floor(place[row])) - 1, top - _CUBIC + 1) - index[row, 0]
        chosen = slice(first, first + _CUBIC)
        nodes = index[row, chosen].astype(np.float64)
        weight[row] = 0.0
        weight[row, chosen] = [
            np.prod([(place[row] - other) / (node - other) for other in nodes if other != node]) for node in nodes
        ]
    return index, weight


def whole(points: np.ndarray) -> bool:
    """True if all points (n, 3) are nodes."""
    points = np.asarray(points, np.float64)
    return bool(np.all(np.abs(points - np.rint(points)) < ON_NODE))
