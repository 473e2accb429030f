"""Sources and receivers anywhere on a grid: the cells around a position, and the share that each of them has.

A position off the nodes is spread by a sinc in a Kaiser window (Hicks 2002, r = 4 cells, b = 6.31): what the grid holds
is band-limited, so a record between nodes is as exact as one on them (tests/fwi/test_positions.py). The same shares
spread a source and gather a record, so a gradient stays exact. A free surface is met by odd images: what falls above
the top row counts with the opposite sign below it.

    points = spread(np.array([[0.5, 20.25]]), (30, 100), np.zeros(2, int), mirrored=0)
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from zoo.errors import ZooError
from zoo.field.sinc import ON_NODE, REACH, windowed_sinc

_APART = 2  # points further apart than this many windows are gathered each on its own


class Points(NamedTuple):
    """Positions as the kernels take them, n of them on a grid with strips.

    Attributes:
        first: (n, 2) uint64, first row and column that take part.
        count: (n, 2) uint64, how many rows and columns do: 1 on a node, up to 8 off it.
        down: (n, 8), share of each row.
        across: (n, 8), share of each column; the share of a cell is the product of both.
        run: (n, 3) uint64: end of the run of points at one depth that a point belongs to, and the first column and
            number of columns that the run takes part in.
    """

    first: np.ndarray
    count: np.ndarray
    down: np.ndarray
    across: np.ndarray
    run: np.ndarray


def shares(position: float, size: int, mirrored: bool = False) -> tuple[int, np.ndarray]:
    """Return the first node that takes part in a position along an axis, and the shares from it on.

    Args:
        position: in cells from the first node; may be a fraction.
        size: nodes of the axis. Nodes beyond it hold no field, so their shares are left out.
        mirrored: whether the field is odd about the first node.

    >>> shares(7.0, 20)
    (7, array([1.]))
    >>> first, share = shares(7.5, 20)
    >>> first, len(share), bool(abs(share.sum() - 1) < 1e-2)
    (4, 8, True)
    """
    nearest = round(position)
    if abs(position - nearest) < ON_NODE:
        return nearest, np.ones(1)
    low = int(np.floor(position)) - REACH + 1
    nodes = np.arange(low, low + 2 * REACH)
    share = windowed_sinc(nodes - position)
    if mirrored and low < 0:
        folded = np.zeros(max(nodes[-1], -low) + 1)
        np.add.at(folded, np.abs(nodes), np.where(nodes < 0, -share, share))
        low, share = 0, folded
    begin, end = max(low, 0), min(low + len(share), size)
    return begin, share[begin - low : end - low]


def spread(
    positions: np.ndarray, shape: tuple[int, int], strip: np.ndarray, mirrored: int | None = None, dtype=np.float32
) -> Points:
    """Return positions as the kernels take them.

    Args:
        positions: (n, 2) in cells, rows and columns of the grid without strips.
        shape: (rows, columns) of the grid with strips.
        strip: (2,) rows and columns of the strips before it.
        mirrored: the axis along which the first node is a free surface, or None.
        dtype: type of the shares.
    """
    n = len(positions)
    first, count = np.zeros((n, 2), np.uint64), np.zeros((n, 2), np.uint64)
    weights = np.zeros((2, n, 2 * REACH), dtype)
    for axis in (0, 1):
        known: dict[float, tuple[int, np.ndarray]] = {}  # lines of receivers share a depth
        for i, position in enumerate(np.asarray(positions, np.float64)[:, axis] + strip[axis]):
            if position not in known:
                known[position] = shares(position, shape[axis], axis == mirrored)
            first[i, axis], share = known[position]
            count[i, axis] = len(share)
            weights[axis, i, : len(share)] = share
    return Points(first, count, weights[0], weights[1], _runs(first, count, weights[0]))


def _runs(first: np.ndarray, count: np.ndarray, down: np.ndarray) -> np.ndarray:
    """Return `Points.run`. A run ends where the depth changes, or where columns that no point needs would be summed."""
    begin, end = first[:, 1].astype(np.int64), (first + count)[:, 1].astype(np.int64)
    run, start = np.zeros((len(first), 3), np.uint64), 0
    for i in range(1, len(first) + 1):
        same = i < len(first) and first[i, 0] == first[start, 0] and np.array_equal(down[i], down[start])
        if same and begin[i] >= begin[i - 1] and begin[i] - end[i - 1] < 8 * _APART:
            continue
        low = begin[start:i].min()
        run[start:i] = i, low, end[start:i].max() - low
        start = i
    return run


def check_positions(positions: np.ndarray, shape: tuple[int, int], what: str) -> np.ndarray:
    """Return positions (n, 2) in cells (z, x), fractions allowed, as float64; refuse any outside the grid (ZooError).

    Args:
        positions: (n, 2).
        shape: (Z, X) of the grid.
        what: what stands there, in the singular, for the message.

    >>> check_positions([[0.5, 3]], (10, 20), "source")
    array([[0.5, 3. ]])
    """
    positions = np.asarray(positions, np.float64).reshape(-1, 2)
    # Half a cell beyond the last node still belongs to its cell, as when positions were rounded.
    outside = ~((positions > -0.5) & (positions < np.array(shape) - 0.5)).all(axis=1)
    if outside.any():
        first = int(np.argmax(outside))
        raise ZooError(
            f"The {what} {first} is at (z, x) = ({positions[first, 0]:g}, {positions[first, 1]:g}), outside the grid "
            f"of {shape[0]} x {shape[1]} nodes ({outside.sum()} of {len(positions)} are). Check their coordinates or "
            "take a larger model."
        )
    return positions


def check_below_surface(positions: np.ndarray, what: str) -> None:
    """Refuse sources or receivers at or above a free surface, where the field is zero (ZooError).

    >>> check_below_surface(np.array([[0.5, 3.0]]), "source")
    """
    silent = np.asarray(positions)[:, 0] < ON_NODE
    if silent.any():
        raise ZooError(
            f"The {what} {int(np.argmax(silent))} lies at the free surface (row 0), where the field is zero: it would "
            f"neither send nor record anything ({silent.sum()} of {len(silent)} do). Give its depth below the surface, "
            "which may be a fraction of a cell, such as 0.5."
        )
