"""Correlations at all lags, and values between lags."""

from __future__ import annotations

import functools

import numpy as np
import tensorflow as tf
from scipy.fft import irfft, next_fast_len, rfft

HALF = 4
"""Samples on each side between which `between` interpolates."""


def between(values: tf.Tensor, whole: tf.Tensor, ahead: tf.Tensor, grid: np.ndarray) -> tf.Tensor:
    """Return values (n, r, lags) at whole + ahead + grid (n, r, k), 0 <= ahead <= 1, by Lagrange's polynomials."""
    nodes = np.arange(1 - HALF, HALF + 1)
    window = whole[..., None] + np.arange(grid[0] + nodes[0], grid[-1] + nodes[-1] + 1, dtype=np.int32)
    near = tf.gather(values, window, axis=2, batch_dims=2)
    found = 0.0
    for k, node in enumerate(nodes):
        others = [(ahead - other) / (node - other) for other in nodes if other != node]
        weight = functools.reduce(lambda one, other: one * other, others)
        found = found + weight[..., None] * near[..., k : k + len(grid)]
    return found


def at_lags(data: np.ndarray, frames: np.ndarray, first: int, last: int) -> np.ndarray:
    """Return sums (..., lags) of data (..., samples) times frames (..., time) that begin at samples first to last - 1.

    Data outside the record are zero.

    >>> at_lags(np.array([1.0, 2.0, 3.0]), np.array([1.0, 10.0]), -1, 3).round(6).tolist()
    [10.0, 21.0, 32.0, 3.0]
    """
    size = next_fast_len(last - first + frames.shape[-1] - 1 + max(first, 0), real=True)
    size = max(size, next_fast_len(data.shape[-1] - min(first, 0), real=True))
    before = max(-first, 0)
    moved = np.pad(data, [(0, 0)] * (data.ndim - 1) + [(before, 0)])
    found = irfft(rfft(moved, size) * np.conj(rfft(frames, size)), size)
    return found[..., first + before : last + before]
