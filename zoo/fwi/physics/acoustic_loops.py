"""The loops over a stretch of time steps, forwards and backwards (numba)."""

from __future__ import annotations

import numpy as np
from numba import types
from numba.extending import overload

from zoo.compiled import njit
from zoo.fwi.physics.acoustic_kernels import adjoint_step, forward_step

_OPTIONS = {"fastmath": True, "error_model": "numpy", "nogil": True, "cache": True}

# Half floats are made from the bits of single ones, because numba has none. Single: 8 bits of exponent with a bias of
# 127, then 23 bits of fraction; half: 5 bits with a bias of 15, then 10. So after a multiplication by 2^(15 - 127) the
# exponent has the bias of a half float, and all that remains is a shift by 23 - 10 = 13 bits, rounded by adding half of
# the last bit kept (0x1000).
_TO_HALF, _FROM_HALF = np.float32(2.0**-112), np.float32(2.0**112)


# These three are chosen by the type of `kept` when numba compiles (`overload`); Python never calls their empty bodies.
def _room(kept, n, q):
    """Return where the right-hand sides of step n go: into `kept` itself, or `q` where `kept` has another type."""


def _keep(kept, n, q):
    """Put q into kept[n] as half floats, in an array of uint16; nothing to do for other types."""


def _correlate(gradient, m, q, work):
    """Add m q to the gradient (rows, columns), with q as `_keep` left it; `work` is a row."""


@overload(_room, jit_options=_OPTIONS)
def _room_of(kept, n, q):
    if kept.dtype == types.uint16:
        return lambda kept, n, q: q
    return lambda kept, n, q: kept[n]


@overload(_keep, jit_options=_OPTIONS)
def _keep_of(kept, n, q):
    if kept.dtype != types.uint16:
        return lambda kept, n, q: None

    def halves(kept, n, q):
        for z in range(q.shape[0]):
            bits = (q[z] * _TO_HALF).view(np.uint32)
            row = kept[n, z]
            for x in range(row.size):
                rounded = (bits[x] & np.uint32(0x7FFFFFFF)) + np.uint32(0x1000)
                row[x] = (rounded >> np.uint32(13)) | ((bits[x] >> np.uint32(16)) & np.uint32(0x8000))

    return halves


@overload(_correlate, jit_options=_OPTIONS)
def _correlate_of(gradient, m, q, work):
    if q.dtype == types.uint16:

        def halves(gradient, m, q, work):
            bits = work.view(np.uint32)
            for z in range(gradient.shape[0]):
                row, field, kept = gradient[z], m[z], q[z]
                for x in range(row.size):
                    half = np.uint32(kept[x])
                    sign = (half & np.uint32(0x8000)) << np.uint32(16)
                    bits[x] = ((half & np.uint32(0x7FFF)) << np.uint32(13)) | sign
                for x in range(row.size):
                    row[x] += field[x] * work[x] * _FROM_HALF

        return halves

    def same(gradient, m, q, work):
        for z in range(gradient.shape[0]):
            row, field, kept = gradient[z], m[z], q[z]
            for x in range(row.size):
                row[x] += field[x] * kept[x]

    return same


@njit(**_OPTIONS)
def run_forward(state, now, medium, source, amplitude, receivers, traces, kept, work):
    """Simulate a stretch of steps; return which of the two fields is the latest one.

    Args:
        state: the two fields with halo (2, ., .), memory along z (2, 2, width, columns) and along x (2, line).
        now: 0 or 1, which field is the latest one.
        medium: as in `forward_step`.
        source: row and column on the grid with strips.
        amplitude: (steps,).
        receivers: (R, 2) rows and columns on the grid with strips.
        traces: (steps, R), filled.
        kept: (steps, rows, columns), filled with the right-hand sides; of length 0 to keep none.
        work: as in `forward_step`, then q (rows or 1, columns) and a row.
    """
    fields, memory_z, memory_x = state
    memory = (memory_z[0], memory_z[1], memory_x[0], memory_x[1])
    _, _, _, second, _, _ = medium
    halo = len(second) - 1
    line, edge, terms, q, _ = work
    for n in range(amplitude.size):
        right = _room(kept, n, q) if kept.shape[0] else q
        forward_step(fields[now], fields[1 - now], memory, medium, source, amplitude[n], right, (line, edge, terms))
        if kept.shape[0]:
            _keep(kept, n, q)
        now = 1 - now
        for r in range(receivers.shape[0]):
            traces[n, r] = fields[now, receivers[r, 0] + halo, receivers[r, 1] + halo]
    return now


@njit(**_OPTIONS)
def run_adjoint(state, now, medium, source, receivers, residual, gradient, by_amplitude, kept, work):
    """Run the adjoint field back through a stretch and add to the gradient; return which field is the latest one.

    Args:
        state, now, medium, source, work: as in `run_forward`.
        receivers: (R, 2), sorted by row.
        residual: (steps, R), in that order.
        gradient: (rows, columns), to which the sum over time of m q, which is C dJ/dC, is added.
        by_amplitude: (steps,), filled.
        kept: (steps, rows, columns), from `run_forward`.
    """
    fields, memory_z, memory_x = state
    memory = (memory_z[0], memory_z[1], memory_x[0], memory_x[1])
    _, _, _, second, _, _ = medium
    halo = len(second) - 1
    rows, columns = gradient.shape
    line, edge, terms, q, spare = work
    for n in range(residual.shape[0] - 1, -1, -1):
        adjoint_step(fields[now], fields[1 - now], memory, medium, receivers, residual[n], q[0], (line, edge, terms))
        now = 1 - now
        m = fields[now, halo : halo + rows, halo : halo + columns]
        _correlate(gradient, m, kept[n], spare)
        by_amplitude[n] = m[source[0], source[1]]
    return now
