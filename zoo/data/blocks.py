"""Statistics of a column in one pass or two, piece by piece: the same from memory and from disk."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

_BLOCK_BYTES = 32_000_000


def blocks(column: Any) -> Iterator[np.ndarray]:
    """Yield a column, in memory or on disk, in pieces, in order.

    >>> [len(block) for block in blocks(np.zeros((3, 2)))]
    [3]
    """
    row_bytes = max(1, int(np.prod(column.shape[1:])) * column.dtype.itemsize)
    rows = max(1, _BLOCK_BYTES // row_bytes)
    for first in range(0, len(column), rows):
        yield column[first : first + rows]


def mean_and_sd(column: Any, of: Callable[[np.ndarray], np.ndarray] = np.asarray) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and standard deviation along the first axis, float64, in two passes; the same from disk and memory.

    Args:
        column: an array, or a column on disk.
        of: what is done to each piece first.

    >>> mean_and_sd(np.array([[1.0], [3.0]]))
    (array([2.]), array([1.]))
    """
    mean = sum(np.sum(of(block), axis=0, dtype=np.float64) for block in blocks(column)) / len(column)
    squares = sum(np.sum((of(block) - mean) ** 2, axis=0, dtype=np.float64) for block in blocks(column))
    return mean, np.sqrt(squares / len(column))
