"""The numba kernels of the acoustic simulation: a time step forwards, and its exact adjoint.

With C = (v dt / dx)^2, second differences L and first differences D undivided by dx, and j = z, x, a step is

    psi_j  <- a psi_j + b D_j u                  in the strips of the absorbing layer only
    zeta_j <- a zeta_j + b (L_j u + D_j psi_j)
    q       = L_z u + L_x u + sum_j (D_j psi_j + zeta_j) + dx^2 w     (w at the source)
    u'      = A (2 u - B u_before + C q)                              (A = B = 1 except in a sponge)

(Sun et al., eq. 2, with the convolutional perfectly matched layer of Komatitsch & Martin 2007.) L is symmetric and D
antisymmetric, so the scaled adjoint field m = A C dJ/du' goes backwards by nearly the same step, with r = dJ/dtrace:

    Z_j <- a Z_j + b m
    Y_j <- a Y_j + b D_j (m + Z_j)
    m'   = A (2 m - B m_before + C (L_z m + L_x m + sum_j (L_j Z_j + D_j Y_j) + r at the receivers))

and dJ/dC = sum over time of m' q / C. (The paper's eq. A-9 puts C outside L, which is not the adjoint where velocity
varies.) In the code Z_z, Y_z, Z_x, Y_x are `z_z`, `y_z`, `z_x`, `y_x`. Where density varies, L_z + L_x is less V
(`zoo.fwi.physics.acoustic_density`), in both directions.

Fields have a halo of h = order / 2 zeros around the grid with its strips, so that no difference needs a test for the
edge. D psi reaches h cells out of a strip; so the memories and their a and b have coordinates of their own, which run
along the axis over h cells of halo, the strip and 2 h cells of the inside (at the far end the other way round); b = 0
outside the strip. Along z they are arrays (2, width + 3 h, columns), taken row by row. Along x the strips of all rows
are laid end to end, so that one long loop does what would take many loops over 14 cells.

Everything goes row by row along x. Inner loops write one row and read few, so that LLVM can prove that they do not
overlap, and vectorises them. Their indices are unsigned: signed ones numba would test for being negative.
"""

from __future__ import annotations

import numpy as np

from zoo.compiled import njit

# Amplitudes below this become 0. The source has at most amplitude 1 and float32 is exact to 1e-7, so nothing is lost.
# Numbers below 1e-38 (denormal in float32), to which waves decay in the strips, are ten times slower.
_STILL = 1e-30
_OPTIONS = {"fastmath": True, "error_model": "numpy", "nogil": True, "cache": True}


@njit(**_OPTIONS)
def _laplacian_row(total, field, z, second, along):
    """Set `total` to (L_z + L_x) field at row z, counted with the halo.

    `second` holds the weights of L_z, `along` those of L_x.
    """
    halo = len(second) - 1  # a constant for the compiler, like every tuple's length: loops over distances are unrolled
    near = min(halo, 3)  # with more rows at once LLVM gives up proving that they do not overlap
    middle = second[0] + along[0]
    edge = np.uint64(halo)
    for x in range(np.uint64(total.size)):
        value = middle * field[z, x + edge]
        for k in range(1, halo + 1):
            value += along[k] * (field[z, x + np.uint64(halo - k)] + field[z, x + np.uint64(halo + k)])
        for k in range(1, near + 1):
            value += second[k] * (field[z - k, x + edge] + field[z + k, x + edge])
        total[x] = value
    for k in range(near + 1, halo + 1):
        for x in range(np.uint64(total.size)):
            total[x] += second[k] * (field[z - k, x + edge] + field[z + k, x + edge])


@njit(**_OPTIONS)
def _across(total, field, z, lo, weights, sign):
    """Set `total` to the difference of `field` along its first axis at row z, beginning at column `lo`.

    The difference is even (sign 1; weights[0] counts) or odd (sign -1; weights[0] is 0).
    """
    start = np.uint64(lo)
    for x in range(np.uint64(total.size)):
        value = weights[0] * field[z, x + start]
        for k in range(1, len(weights)):
            value += weights[k] * (field[z + k, x + start] + sign * field[z - k, x + start])
        total[x] = value


@njit(**_OPTIONS)
def _fade(memory, a, b, slope):
    """memory <- a memory + b slope."""
    for x in range(memory.size):
        memory[x] = a * memory[x] + b * slope[x]


@njit(**_OPTIONS)
def _fade_slope(memory, a, b, field, z, lo, first):
    """memory <- a memory + b D_z field, at row z, beginning at column `lo`."""
    start = np.uint64(lo)
    for x in range(np.uint64(memory.size)):
        value = first[0]  # zero, in the type of the field
        for k in range(1, len(first)):
            value += first[k] * (field[z + k, x + start] - field[z - k, x + start])
        memory[x] = a * memory[x] + b * value


@njit(**_OPTIONS)
def _fade_both(memory, a, b, part, field, z, first):
    """memory <- a memory + b (part + D_z field)."""
    for x in range(np.uint64(memory.size)):
        value = part[x]
        for k in range(1, len(first)):
            value += first[k] * (field[z + k, x] - field[z - k, x])
        memory[x] = a * memory[x] + b * value


@njit(**_OPTIONS)
def _add_both(total, part, field, z, first):
    """total <- total + part + D_z field."""
    for x in range(np.uint64(total.size)):
        value = part[x]
        for k in range(1, len(first)):
            value += first[k] * (field[z + k, x] - field[z - k, x])
        total[x] += value


@njit(**_OPTIONS)
def _edges(edge, field, halo):
    """Copy the strips at the two ends of each row of `field`, halo and inside included, to `edge` (rows, 2, width)."""
    width = edge.shape[2]
    far = field.shape[1] - width
    for z in range(edge.shape[0]):
        for x in range(width):
            edge[z, 0, x] = field[z + halo, x]
            edge[z, 1, x] = field[z + halo, far + x]


@njit(**_OPTIONS)
def _fade_line(memory, a, b, line, first):
    """memory <- a memory + b D line, for strips laid end to end; between them a = b = 0, so D there does not count."""
    halo = len(first) - 1
    for x in range(np.uint64(line.size - 2 * halo)):
        i = x + np.uint64(halo)
        value = first[0]
        for k in range(1, halo + 1):
            value += first[k] * (line[x + np.uint64(halo + k)] - line[x + np.uint64(halo - k)])
        memory[i] = a[i] * memory[i] + b[i] * value


@njit(**_OPTIONS)
def _curve_line(total, line, other, first, along):
    """total <- L line + D other."""
    halo = len(first) - 1
    for x in range(np.uint64(line.size - 2 * halo)):
        i = x + np.uint64(halo)
        value = along[0] * line[i]
        for k in range(1, halo + 1):
            right, left = x + np.uint64(halo + k), x + np.uint64(halo - k)
            value += along[k] * (line[right] + line[left]) + first[k] * (other[right] - other[left])
        total[i] = value


@njit(**_OPTIONS)
def _slope_line(total, part, line, first):
    """total <- part + D line."""
    halo = len(first) - 1
    for x in range(np.uint64(line.size - 2 * halo)):
        i = x + np.uint64(halo)
        value = part[i]
        for k in range(1, halo + 1):
            value += first[k] * (line[x + np.uint64(halo + k)] - line[x + np.uint64(halo - k)])
        total[i] = value


@njit(**_OPTIONS)
def _fade_line_by(memory, a, b, slope):
    """memory <- a memory + b slope, where a and b vary along the line."""
    for x in range(memory.size):
        memory[x] = a[x] * memory[x] + b[x] * slope[x]


@njit(**_OPTIONS)
def _sum_line(total, one, other):
    """total <- one + other."""
    for x in range(total.size):
        total[x] = one[x] + other[x]


@njit(**_OPTIONS)
def _update(before, now, c, q, still):
    """before <- 2 now - before + c q; values below `still` become 0."""
    for x in range(q.size):
        value = now[x] + now[x] - before[x] + c[x] * q[x]
        before[x] = value if abs(value) > still else value * 0  # 0 in the field's type


@njit(**_OPTIONS)
def _update_sponge(before, now, c, q, gain, loss, still):
    """before <- gain (2 now - loss before + c q): gain is A, loss is B."""
    for x in range(q.size):
        value = gain[x] * (now[x] + now[x] - loss[x] * before[x] + c[x] * q[x])
        before[x] = value if abs(value) > still else value * 0


@njit(**_OPTIONS)
def _advance(now, before, c, sponge, q, z, halo):
    """Put the next field into row z of `before`, counted without the halo."""
    gain, loss = sponge
    still = q.dtype.type(_STILL)
    old, new = before[z + halo, halo : halo + q.size], now[z + halo, halo : halo + q.size]
    if gain.shape[0]:
        _update_sponge(old, new, c[z], q, gain[z], loss[z], still)
    else:
        _update(old, new, c[z], q, still)


@njit(**_OPTIONS)
def _add_edges(q, edge, z, halo):
    """Add the terms of the x strips (rows, 2, width) at row z to the row q: all but their outer and inner halo."""
    n = edge.shape[2] - 2 * halo
    far = q.size - n
    for x in range(n):
        q[x] += edge[z, 0, x + halo]
    for x in range(n):
        q[far + x] += edge[z, 1, x + halo]


@njit(**_OPTIONS)
def _subtract_product(q, potential, field):
    """q <- q - potential field."""
    for x in range(q.size):
        q[x] -= potential[x] * field[x]


@njit(**_OPTIONS)
def _mirror(field, halo):
    """Make the field odd about the top, where it is zero: a free surface. A single row is a column laid along x."""
    for k in range(1, halo + 1):
        if field.shape[0] == 1 + 2 * halo:
            field[halo, halo - k] = -field[halo, halo + k]
        else:
            for x in range(field.shape[1]):
                field[halo - k, x] = -field[halo + k, x]


@njit(**_OPTIONS)
def forward_step(now, before, memory, medium, q, work):
    """Replace `before` by the field after `now`; leave the right-hand sides in `q` (rows, columns), or the last row's.

    Sources are added afterwards (`zoo.fwi.physics.acoustic_loops.add_points`).

    Args:
        now, before: fields (rows + 2 halo, columns + 2 halo).
        memory: psi_z, zeta_z (2, width, columns) and psi_x, zeta_x (line,); width is that of a strip with 3 halos.
        medium: C (rows, columns); the strips; A and B (rows, columns) of a sponge, or (0, 0); the weights of L_z and
            of L_x; whether the top is a free surface; V dx^2 (rows, columns) where density varies, or (0, 0). The
            strips are: a, b (2, width) along z; the range of sides of z that have one (first, last + 1); a, b (line,)
            of all strips along x (empty where there are none); the weights of D.
        q: (rows, columns) to keep all right-hand sides, (1, columns) to keep none.
        work: a row (columns,), and two arrays (rows, 2, width).
    """
    c, (a, b, sides, a_line, b_line, first), sponge, second, along, free, potential = medium
    psi_z, zeta_z, psi_x, zeta_x = memory
    line, edge, terms = work
    halo = len(second) - 1
    rows, width = c.shape[0], a.shape[1]
    reach = width - halo
    if free:
        _mirror(now, halo)
    # All psi first: zeta and q need their differences, which reach into neighbouring rows.
    for side in range(sides[0], sides[1]):
        for i in range(halo, reach):
            if b[side, i] != 0:
                z = i if side == 0 else i + rows + 2 * halo - width  # with halo
                _fade_slope(psi_z[side, i], a[side, i], b[side, i], now, z, halo, first)
    if a_line.size:
        _edges(edge, now, halo)
        _fade_line(psi_x, a_line, b_line, edge.ravel(), first)
        _curve_line(terms.ravel(), edge.ravel(), psi_x, first, along)
        _fade_line_by(zeta_x, a_line, b_line, terms.ravel())
        _slope_line(terms.ravel(), zeta_x, psi_x, first)
    for z in range(rows):
        right = q[z if q.shape[0] > 1 else 0]
        _laplacian_row(right, now, z + halo, second, along)
        for side in range(sides[0], sides[1]):
            i = z + halo if side == 0 else z - rows - halo + width
            if halo <= i < reach:  # the row is in the strip, or so near that D psi reaches it
                if b[side, i] != 0:
                    _across(line, now, z + halo, halo, second, 1)
                    _fade_both(zeta_z[side, i], a[side, i], b[side, i], line, psi_z[side], i, first)
                _add_both(right, zeta_z[side, i], psi_z[side], i, first)
        if a_line.size:
            _add_edges(right, terms, z, halo)
        if potential.shape[0]:
            _subtract_product(right, potential[z], now[z + halo, halo : halo + right.size])
        _advance(now, before, c, sponge, right, z, halo)


@njit(**_OPTIONS)
def adjoint_step(now, before, memory, medium, right, work):
    """Replace `before` by the adjoint field one step earlier; residuals are added afterwards, as sources are.

    Args:
        now, before, medium, work: as in `forward_step`, for the adjoint field.
        memory: Z_z, Y_z (2, width, columns) and Z_x, Y_x (line,).
        right: a row (columns,) to work in.
    """
    c, (a, b, sides, a_line, b_line, first), sponge, second, along, free, potential = medium
    z_z, y_z, z_x, y_x = memory
    line, edge, terms = work
    halo = len(second) - 1
    rows, width = c.shape[0], a.shape[1]
    reach = width - halo
    if free:
        _mirror(now, halo)
    # All Z of a side first: Y and m' need their differences, which reach into neighbouring rows.
    for side in range(sides[0], sides[1]):
        shift = 0 if side == 0 else rows + 2 * halo - width
        for i in range(halo, reach):
            if b[side, i] != 0:
                _fade(z_z[side, i], a[side, i], b[side, i], now[i + shift, halo : halo + line.size])
        for i in range(halo, reach):
            if b[side, i] != 0:
                _across(line, now, i + shift, halo, first, -1)
                _fade_both(y_z[side, i], a[side, i], b[side, i], line, z_z[side], i, first)
    if a_line.size:
        _edges(edge, now, halo)
        _fade_line_by(z_x, a_line, b_line, edge.ravel())
        _sum_line(terms.ravel(), edge.ravel(), z_x)
        _fade_line(y_x, a_line, b_line, terms.ravel(), first)
        _curve_line(terms.ravel(), z_x, y_x, first, along)
    for z in range(rows):
        _laplacian_row(right, now, z + halo, second, along)
        for side in range(sides[0], sides[1]):
            i = z + halo if side == 0 else z - rows - halo + width
            if halo <= i < reach:
                _across(line, z_z[side], i, 0, second, 1)
                _add_both(right, line, y_z[side], i, first)
        if a_line.size:
            _add_edges(right, terms, z, halo)
        if potential.shape[0]:
            _subtract_product(right, potential[z], now[z + halo, halo : halo + right.size])
        _advance(now, before, c, sponge, right, z, halo)
