"""Fields between the nodes of a grid: a sinc in a Kaiser window (Hicks 2002, Geophysics 67, 156).

A field that a grid holds without aliasing is interpolated by a sinc; the window makes it `2 * REACH` nodes long.
Injecting with the same weights is the transpose, so a scheme stays reciprocal and a gradient exact.
"""

from __future__ import annotations

import numpy as np

REACH = 4
"""Nodes on either side of a point that take part (Hicks's r)."""
ON_NODE = 1e-6
"""A point nearer to a node than this part of the spacing is on it."""
KAISER = 6.31
"""Shape of the window (table 1 for r = 4, the widest band)."""


def windowed_sinc(away: np.ndarray) -> np.ndarray:
    """Return the weights of nodes at distances, in units of the spacing, from a point; 0 beyond `REACH`.

    >>> windowed_sinc(np.array([0.0, 0.5, 1.0, 4.0])).round(3).tolist()
    [1.0, 0.608, 0.0, 0.0]
    """
    away = np.asarray(away, np.float64)
    window = np.i0(KAISER * np.sqrt(np.maximum(1.0 - (away / REACH) ** 2, 0.0))) / np.i0(KAISER)
    return np.sinc(away) * window
