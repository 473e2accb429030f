"""Many small symmetric systems at once, unrolled so that XLA fuses them."""

from __future__ import annotations

import tensorflow as tf


def solve_posterior(gram: tf.Tensor, projected: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Solve (I + A) u = b for many small systems, by an unrolled Cholesky decomposition, which XLA can fuse.

    Args:
        gram: A (n, d, d), positive semidefinite.
        projected: b (n, d).

    Returns:
        b.u (n,), log |I + A| (n,), u (n, d).
    """
    size = gram.shape[-1]
    lower = cholesky_of_unit_plus(gram)
    half = solve_lower(lower, [projected[..., i, None] for i in range(size)])
    solution = [half[0]] * size
    for i in reversed(range(size)):
        value = half[i]
        for k in range(i + 1, size):
            value = value - lower[k][i] * solution[k]
        solution[i] = value / lower[i][i]
    quadratic = tf.add_n([value[..., 0] ** 2 for value in half])
    log_determinant = 2.0 * tf.add_n([tf.math.log(lower[i][i][..., 0]) for i in range(size)])
    return quadratic, log_determinant, tf.concat(solution, axis=-1)


def cholesky_of_unit_plus(gram: tf.Tensor) -> list[list[tf.Tensor]]:
    """Return the rows of L in I + A = L L^T, each entry (..., 1), for positive semidefinite A (..., d, d)."""
    lower: list[list[tf.Tensor]] = []
    for i in range(gram.shape[-1]):
        row: list[tf.Tensor] = []
        for j in range(i + 1):
            value = gram[..., i, j, None] + (1.0 if i == j else 0.0)
            for k in range(j):
                value = value - row[k] * (lower[j][k] if j < i else row[k])
            # A is positive semidefinite, so each pivot of I + A is at least 1; only rounding takes one below.
            row.append(tf.sqrt(tf.maximum(value, 1.0)) if i == j else value / lower[j][j])
        lower.append(row)
    return lower


def solve_lower(lower: list[list[tf.Tensor]], rows: list[tf.Tensor]) -> list[tf.Tensor]:
    """Return the rows (..., n) of L^-1 B, for rows of L with entries (..., 1) and rows of B."""
    half: list[tf.Tensor] = []
    for row, value in zip(lower, rows, strict=True):
        for k, known in enumerate(half):
            value = value - row[k] * known
        half.append(value / row[-1])
    return half
