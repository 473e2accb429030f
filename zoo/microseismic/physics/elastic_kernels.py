"""The two numba kernels of the elastic simulation: one step of the velocities, one of the stresses.

Grid (Virieux 1986, in three dimensions): normal stresses are on the nodes (i, j, k), vx half a cell further in x, vy in
y, vz in z; sxy half a cell further in x and y, sxz in x and z, syz in y and z. Derivatives are of 8th order. In the
absorbing layer each derivative is divided by a complex stretch of its axis, which in the time domain is a fading memory
of past derivatives (convolutional perfectly matched layer, Komatitsch and Martin 2007, with kappa = 1).

A step of one field, e.g. vx, is

    slope = d sxx / dx                                     `_difference_x`, 8 values around the node
    memory = decay * memory + gain * slope                 `_remember`, in the absorbing layer only
    total = sum over the axes of (slope + memory)          `_along_x`, `_along_y`, `_along_z`
    vx = vx + time step / density * total                  `_advance`

Everything is done row by row along z, the contiguous axis. Each inner loop reads and writes few rows, so that LLVM can
check at run time that they do not overlap, and vectorises it (a loop over all rows at once is not vectorised and takes
twice as long). `fastmath` lets it reorder sums and fuse them with products. The threads share tiles of rows in y; the
arithmetic of a row does not depend on which thread does it, so results are the same, bit for bit, for any number of
threads.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from zoo.compiled import njit

HALO = 4  # cells around the grid that the stencil reads but that are never written
# Weights of the first derivative of 8th order on a staggered grid, at distances 1/2, 3/2, 5/2, 7/2 (Fornberg 1988).
WEIGHTS = (1225 / 1024, -245 / 3072, 49 / 5120, -5 / 7168)
_W1, _W2, _W3, _W4 = (np.float32(weight) for weight in WEIGHTS)
_TILE = 8  # rows in y that one thread takes through x, so that the planes of the stencil stay in its cache
# Smaller values become 0. Ahead of a wave, what the stencil spreads would fall below 1e-38, where float32 is denormal
# and arithmetic ten times slower. This bound is far below the rounding of signals (1 Pa, 1e-7 m/s), and still normal
# when it is multiplied by the time step over density and spacing, 1e-8.
_STILL = np.float32(1e-24)
_ZERO = np.float32(0)


@njit(fastmath=True, error_model="numpy")
def _difference_x(total, f, i, j, lo, scale):
    """Add the derivative of `f` between nodes i - 1 and i to the row `total`, which begins at z index `lo`."""
    w1, w2, w3, w4 = scale * _W1, scale * _W2, scale * _W3, scale * _W4
    lo = np.uint64(lo)  # unsigned: otherwise numba tests for negative indices at each step, and nothing is vectorised
    for k in range(np.uint64(total.size)):
        total[k] += (
            w1 * (f[i, j, lo + k] - f[i - 1, j, lo + k])
            + w2 * (f[i + 1, j, lo + k] - f[i - 2, j, lo + k])
            + w3 * (f[i + 2, j, lo + k] - f[i - 3, j, lo + k])
            + w4 * (f[i + 3, j, lo + k] - f[i - 4, j, lo + k])
        )


@njit(fastmath=True, error_model="numpy")
def _difference_y(total, f, i, j, lo, scale):
    """The same between nodes j - 1 and j."""
    w1, w2, w3, w4 = scale * _W1, scale * _W2, scale * _W3, scale * _W4
    lo = np.uint64(lo)
    for k in range(np.uint64(total.size)):
        total[k] += (
            w1 * (f[i, j, lo + k] - f[i, j - 1, lo + k])
            + w2 * (f[i, j + 1, lo + k] - f[i, j - 2, lo + k])
            + w3 * (f[i, j + 2, lo + k] - f[i, j - 3, lo + k])
            + w4 * (f[i, j + 3, lo + k] - f[i, j - 4, lo + k])
        )


@njit(fastmath=True, error_model="numpy")
def _difference_z(total, row, scale):
    """The same along z; element 0 of `total` lies between elements 3 and 4 of `row`."""
    w1, w2, w3, w4 = scale * _W1, scale * _W2, scale * _W3, scale * _W4
    for k in range(total.size):
        total[k] += (
            w1 * (row[k + 4] - row[k + 3])
            + w2 * (row[k + 5] - row[k + 2])
            + w3 * (row[k + 6] - row[k + 1])
            + w4 * (row[k + 7] - row[k])
        )


@njit(fastmath=True, error_model="numpy")
def _remember(total, slope, memory, decay, gain):
    """Add a row of derivatives and their memory to `total`, and clear `slope` for the next row."""
    for k in range(total.size):
        value = decay * memory[k] + gain * slope[k]
        value = value if abs(value) > _STILL else _ZERO
        memory[k] = value
        total[k] += slope[k] + value
        slope[k] = _ZERO


@njit(fastmath=True, error_model="numpy")
def _remember_z(total, slope, memory, decay, gain):
    """The same where decay and gain change along the row."""
    for k in range(total.size):
        value = decay[k] * memory[k] + gain[k] * slope[k]
        value = value if abs(value) > _STILL else _ZERO
        memory[k] = value
        total[k] += slope[k] + value
        slope[k] = _ZERO


@njit(fastmath=True, error_model="numpy")
def _along_x(total, slope, f, i, j, lo, hi, half, axis, memory):
    """Add the x derivative of `f` at row (i, j) of the result to `total`, with its memory in the absorbing layer.

    `half` is 0 if the result lies on nodes in x (and `f` half a cell further), 1 if it is the other way round.
    `slope` is a row of zeros to work in, and is zero again afterwards.
    """
    scale, slabs, _, _, decay, gain = axis
    slab = slabs[i]
    c = i + half  # if `f` lies on nodes, the result half a cell further lies between its nodes i and i + 1
    _difference_x(total if slab < 0 else slope, f, c, j, lo, scale)
    if slab >= 0:
        _remember(total, slope, memory[slab, j, lo:hi], decay[half, i], gain[half, i])


@njit(fastmath=True, error_model="numpy")
def _along_y(total, slope, f, i, j, lo, hi, half, axis, memory):
    """The same for y."""
    scale, slabs, _, _, decay, gain = axis
    slab = slabs[j]
    c = j + half
    _difference_y(total if slab < 0 else slope, f, i, c, lo, scale)
    if slab >= 0:
        _remember(total, slope, memory[i, slab, lo:hi], decay[half, j], gain[half, j])


@njit(fastmath=True, error_model="numpy")
def _along_z(total, slope, f, i, j, lo, hi, half, axis, memory):
    """The same for z, where one row passes through both absorbing layers: the parts below, in and above the model."""
    scale, slabs, start, stop, decay, gain = axis
    row = f[i, j, half:]
    # The box that the waves have reached may end inside the absorbing layer, or not reach it.
    start = min(max(lo, start), hi)
    stop = max(min(hi, stop), start)
    _difference_z(total[start - lo : stop - lo], row[start - 4 :], scale)
    for first, last in ((lo, start), (stop, hi)):
        if first < last:
            part = slope[: last - first]
            slab = slabs[first]
            _difference_z(part, row[first - 4 :], scale)
            _remember_z(
                total[first - lo : last - lo],
                part,
                memory[i, j, slab : slab + last - first],
                decay[half, first:last],
                gain[half, first:last],
            )


@njit(fastmath=True, error_model="numpy")
def _advance(field, coefficient, total):
    """Advance a row by coefficient * total, and clear `total` for the next row."""
    for k in range(field.size):
        value = field[k] + coefficient[k] * total[k]
        field[k] = value if abs(value) > _STILL else _ZERO
        total[k] = _ZERO


@njit(fastmath=True, error_model="numpy")
def _dilatation(common, lam, exx, eyy, ezz):
    """Write lambda times the trace of the strain rate, which the three normal stresses have in common."""
    for k in range(common.size):
        common[k] = lam[k] * (exx[k] + eyy[k] + ezz[k])


@njit(fastmath=True, error_model="numpy")
def _advance_normal(stress, common, two_mu, strain):
    """Advance a row of a normal stress, and clear `strain` for the next row."""
    for k in range(stress.size):
        value = stress[k] + (common[k] + two_mu[k] * strain[k])
        stress[k] = value if abs(value) > _STILL else _ZERO
        strain[k] = _ZERO


@njit(parallel=True, fastmath=True, error_model="numpy")
def step_velocity(velocity, stress, buoyancy, axes, memory, box):
    """Advance the three velocities by one time step inside `box`, in place.

    Args:
        velocity: vx, vy, vz, three arrays (nx, ny, nz) float32.
        stress: sxx, syy, szz, sxy, sxz, syz, float32.
        buoyancy: time step / density at vx, vy, vz, float32.
        axes: for each axis (1 / spacing, slab, start, stop, decay, gain). The nodes start <= i < stop are the model's,
            the others the absorbing layer's; there memory = decay * memory + gain * derivative, with decay and gain
            (2, n) float32, on nodes [0] and half a cell further [1]. slab (n,) int64 is the index of a node in that
            memory, negative if it has none.
        memory: nine arrays float32, for the x, y and z derivatives in vx, vy, vz; along its axis each is as long as
            the two absorbing layers and the last node.
        box: ((i0, i1), (j0, j1), (k0, k1)), the part of the grid to compute, at least HALO inside the arrays.
    """
    vx, vy, vz = velocity
    sxx, syy, szz, sxy, sxz, syz = stress
    bx, by, bz = buoyancy
    x, y, z = axes
    mxx, mxy, mxz, myx, myy, myz, mzx, mzy, mzz = memory
    (i0, i1), (j0, j1), (lo, hi) = box
    for tile in prange((j1 - j0 + _TILE - 1) // _TILE):
        first = j0 + tile * _TILE
        total = np.zeros(hi - lo, np.float32)
        slope = np.zeros(hi - lo, np.float32)
        for i in range(i0, i1):
            for j in range(first, min(first + _TILE, j1)):
                _along_x(total, slope, sxx, i, j, lo, hi, 1, x, mxx)
                _along_y(total, slope, sxy, i, j, lo, hi, 0, y, mxy)
                _along_z(total, slope, sxz, i, j, lo, hi, 0, z, mxz)
                _advance(vx[i, j, lo:hi], bx[i, j, lo:hi], total)

                _along_x(total, slope, sxy, i, j, lo, hi, 0, x, myx)
                _along_y(total, slope, syy, i, j, lo, hi, 1, y, myy)
                _along_z(total, slope, syz, i, j, lo, hi, 0, z, myz)
                _advance(vy[i, j, lo:hi], by[i, j, lo:hi], total)

                _along_x(total, slope, sxz, i, j, lo, hi, 0, x, mzx)
                _along_y(total, slope, syz, i, j, lo, hi, 0, y, mzy)
                _along_z(total, slope, szz, i, j, lo, hi, 1, z, mzz)
                _advance(vz[i, j, lo:hi], bz[i, j, lo:hi], total)


@njit(parallel=True, fastmath=True, error_model="numpy")
def step_stress(velocity, stress, moduli, shear_moduli, axes, memory, box, shear_rows):
    """Advance the six stresses by one time step inside `box`, in place.

    Args: those of `step_velocity`, and
        moduli: time step * lambda and time step * 2 mu on the nodes, float32.
        shear_moduli: time step * mu at sxy, sxz, syz, float32.
        memory: of the nine derivatives dvx/dx, dvy/dy, dvz/dz, dvy/dx, dvx/dy, dvz/dx, dvx/dz, dvz/dy, dvy/dz.
        shear_rows: (k0, k1), outside which all shear moduli vanish (in the sea), so that shear stresses stay 0.
    """
    vx, vy, vz = velocity
    sxx, syy, szz, sxy, sxz, syz = stress
    lam, two_mu = moduli
    mu_xy, mu_xz, mu_yz = shear_moduli
    x, y, z = axes
    mxx, myy, mzz, mxy_x, mxy_y, mxz_x, mxz_z, myz_y, myz_z = memory
    (i0, i1), (j0, j1), (lo, hi) = box
    s0 = max(lo, shear_rows[0])
    s1 = max(s0, min(hi, shear_rows[1]))
    for tile in prange((j1 - j0 + _TILE - 1) // _TILE):
        first = j0 + tile * _TILE
        exx = np.zeros(hi - lo, np.float32)
        eyy = np.zeros(hi - lo, np.float32)
        ezz = np.zeros(hi - lo, np.float32)
        common = np.empty(hi - lo, np.float32)
        total = np.zeros(s1 - s0, np.float32)
        slope = np.zeros(hi - lo, np.float32)
        shear_slope = slope[: s1 - s0]
        for i in range(i0, i1):
            for j in range(first, min(first + _TILE, j1)):
                _along_x(exx, slope, vx, i, j, lo, hi, 0, x, mxx)
                _along_y(eyy, slope, vy, i, j, lo, hi, 0, y, myy)
                _along_z(ezz, slope, vz, i, j, lo, hi, 0, z, mzz)
                _dilatation(common, lam[i, j, lo:hi], exx, eyy, ezz)
                _advance_normal(sxx[i, j, lo:hi], common, two_mu[i, j, lo:hi], exx)
                _advance_normal(syy[i, j, lo:hi], common, two_mu[i, j, lo:hi], eyy)
                _advance_normal(szz[i, j, lo:hi], common, two_mu[i, j, lo:hi], ezz)
                if s0 == s1:
                    continue
                _along_x(total, shear_slope, vy, i, j, s0, s1, 1, x, mxy_x)
                _along_y(total, shear_slope, vx, i, j, s0, s1, 1, y, mxy_y)
                _advance(sxy[i, j, s0:s1], mu_xy[i, j, s0:s1], total)

                _along_x(total, shear_slope, vz, i, j, s0, s1, 1, x, mxz_x)
                _along_z(total, shear_slope, vx, i, j, s0, s1, 1, z, mxz_z)
                _advance(sxz[i, j, s0:s1], mu_xz[i, j, s0:s1], total)

                _along_y(total, shear_slope, vz, i, j, s0, s1, 1, y, myz_y)
                _along_z(total, shear_slope, vy, i, j, s0, s1, 1, z, myz_z)
                _advance(syz[i, j, s0:s1], mu_yz[i, j, s0:s1], total)
