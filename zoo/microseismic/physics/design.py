"""Where the sources of a simulated dataset lie."""

from __future__ import annotations

import numpy as np

from zoo.errors import ZooError
from zoo.microseismic.physics.elastic import ElasticModel

FACE_CELLS = 2  # sources keep away from the model's faces, where waves that wrap around spoil the published traces
FLUID_CLEARANCE_M = 150.0  # sources that are closer, in a soft seabed, cause 80 % of an emulator's squared error


def source_box(model: ElasticModel, free_surface: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Return the first and last node, (3,) each, of the box in which sources are drawn.

    The box keeps `FACE_CELLS` cells away from the model's faces and `FLUID_CLEARANCE_M` below the lowest fluid, or
    below the model's top if that is a free surface.

    Raises:
        ZooError: if the rock is too thin for that.
    """
    first = np.full(3, FACE_CELLS)
    last = np.array(model.shape) - 1 - FACE_CELLS
    fluid = np.flatnonzero((model.vs_m_s == 0).any(axis=(0, 1)))
    if fluid.size or free_surface:
        below = fluid[0] if fluid.size else model.shape[2] - 1
        last[2] = min(last[2], int(np.floor(below - FLUID_CLEARANCE_M / model.spacing_m[2] + 1e-6)))
    if (last < first).any():
        raise ZooError(
            f"No room for sources: they keep {FACE_CELLS} cells away from the faces and {FLUID_CLEARANCE_M:g} m below "
            f"the lowest fluid node or a free surface, and the model has {model.shape} nodes of {model.spacing_m} m. "
            "Enlarge the model."
        )
    return first, last


def latin_hypercube(n: int, first: np.ndarray, last: np.ndarray, seed: int = 0) -> np.ndarray:
    """Draw grid nodes as a Latin hypercube: each coordinate is evenly spread by itself, and no node is drawn twice.

    Args:
        n: number of nodes.
        first, last: (3,) corners of the box, both inside it.
        seed: of the draw.

    Returns:
        (n, 3) nodes, int64.

    Raises:
        ZooError: if the box has fewer than 2 n nodes.

    Source: McKay et al. (1979).

    >>> nodes = latin_hypercube(5, np.array([0, 0, 0]), np.array([4, 4, 4]))
    >>> np.sort(nodes, axis=0).T.tolist()
    [[0, 1, 2, 3, 4], [0, 1, 2, 3, 4], [0, 1, 2, 3, 4]]
    """
    count = np.asarray(last) - first + 1
    if not 1 <= n <= count.prod() // 2:
        raise ZooError(
            f"{n} sources were asked for; this grid gives 1 to {count.prod() // 2}. Take fewer, or a finer grid."
        )
    random = np.random.default_rng(seed)
    strata = np.stack([random.permutation(n) for _ in range(3)], axis=1)
    index = first + np.floor((strata + random.uniform(size=(n, 3))) / n * count).astype(np.int64)
    while True:
        _, unique = np.unique(index, axis=0, return_index=True)
        again = np.setdiff1d(np.arange(n), unique)
        if again.size == 0:
            return index
        for row in again:  # exchange x with another source: the hypercube stays Latin
            other = random.integers(n)
            index[[row, other], 0] = index[[other, row], 0]
