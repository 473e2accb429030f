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
def _scale_row(total, row, factor):
    """total <- factor row."""
    for x in range(np.uint64(total.size)):
        total[x] = factor * row[x]


@njit(**_OPTIONS)
def _add_scaled(total, row, factor):
    """total <- total + factor row."""
    for x in range(np.uint64(total.size)):
        total[x] += factor * row[x]


@njit(**_OPTIONS)
def _add_product(total, row, c, factor):
    """total <- total + factor c row."""
    for x in range(np.uint64(total.size)):
        total[x] += factor * c[x] * row[x]


@njit(**_OPTIONS)
def gather_points(field, points, halo, trace, mixed):
    """Set trace (n,) to the field, which has a halo, at points (`zoo.fwi.physics.acoustic_positions.Points`).

    Points at one depth, one after the other, share the sum over rows, which goes into the row `mixed`.
    """
    first, count, down, across, run = points
    edge = np.uint64(halo)
    one = np.uint64(1)
    r, end = np.uint64(0), np.uint64(trace.size)
    while r < end:
        last, begin = run[r, 0], run[r, 1]
        columns = run[r, 2]
        z = first[r, 0] + edge
        x, stop = begin + edge, begin + columns + edge
        _scale_row(mixed[:columns], field[z, x:stop], down[r, 0])
        for i in range(one, count[r, 0]):
            _add_scaled(mixed[:columns], field[z + i, x:stop], down[r, i])
        while r < last:
            total = trace.dtype.type(0)
            at = first[r, 1] - begin
            if count[r, 1] == 8:  # known to the compiler, which makes one vector of it
                for k in range(np.uint64(8)):
                    total += across[r, k] * mixed[at + k]
            else:
                for k in range(count[r, 1]):
                    total += across[r, k] * mixed[at + k]
            trace[r] = total
            r += one


@njit(**_OPTIONS)
def _add_kept(q, points, values):
    """Add values (n,) at points to right-hand sides (rows, columns)."""
    first, count, down, across, _ = points
    for r in range(np.uint64(values.size)):
        for i in range(count[r, 0]):
            for k in range(count[r, 1]):
                q[first[r, 0] + i, first[r, 1] + k] += values[r] * down[r, i] * across[r, k]


@njit(**_OPTIONS)
def _add_sponge(field, points, values, c, gain, halo):
    """As in `add_points`, where a sponge damps the field."""
    first, count, down, across, _ = points
    edge = np.uint64(halo)
    for r in range(np.uint64(values.size)):
        for i in range(count[r, 0]):
            for k in range(count[r, 1]):
                z, x = first[r, 0] + i, first[r, 1] + k
                field[z + edge, x + edge] += gain[z, x] * c[z, x] * values[r] * down[r, i] * across[r, k]


@njit(**_OPTIONS)
def add_points(field, points, values, c, gain, halo, mixed):
    """Add to the new field what follows of values that act at points in the step that led to it.

    The field after a step is A (2 u - B u_before + C q); a further term v in q is A C v in the field, so it need not
    be there when the step is taken.

    Args:
        field: the new field, with its halo.
        points: where, as in `gather_points`.
        values: (n,), what is shared out among their cells.
        c: (rows, columns), C.
        gain: (rows, columns) of a sponge, A; (0, 0) without one.
        halo: width of the halo.
        mixed: a row (columns,) to work in.
    """
    first, count, down, across, run = points
    if gain.shape[0]:
        _add_sponge(field, points, values, c, gain, halo)
        return
    edge = np.uint64(halo)
    one = np.uint64(1)
    r, end = np.uint64(0), np.uint64(values.size)
    while r < end:
        start, last, begin = r, run[r, 0], run[r, 1]
        columns = run[r, 2]
        mixed[:columns] = 0
        while r < last:
            at = first[r, 1] - begin
            if count[r, 1] == 8:
                for k in range(np.uint64(8)):
                    mixed[at + k] += values[r] * across[r, k]
            else:
                for k in range(count[r, 1]):
                    mixed[at + k] += values[r] * across[r, k]
            r += one
        for i in range(count[start, 0]):
            z = first[start, 0] + i
            row = field[z + edge, begin + edge : begin + columns + edge]
            _add_product(row, mixed[:columns], c[z, begin : begin + columns], down[start, i])


@njit(**_OPTIONS)
def run_forward(state, now, medium, source, amplitude, receivers, traces, kept, work):
    """Simulate a stretch of steps; return which of the two fields is the latest one.

    Args:
        state: the two fields with halo (2, ., .), memory along z (2, 2, width, columns) and along x (2, line).
        now: 0 or 1, which field is the latest one.
        medium: as in `forward_step`.
        source: a source as `Points`.
        amplitude: (steps, 1), dx^2 w.
        receivers: R receivers as `Points`.
        traces: (steps, R), filled.
        kept: (steps, rows, columns), filled with the right-hand sides; of length 0 to keep none.
        work: as in `forward_step`, then q (rows or 1, columns) and a row.
    """
    fields, memory_z, memory_x = state
    memory = (memory_z[0], memory_z[1], memory_x[0], memory_x[1])
    c, _, (gain, _), second, _, _, _ = medium
    halo = len(second) - 1
    line, edge, terms, q, _ = work
    for n in range(amplitude.shape[0]):
        right = _room(kept, n, q) if kept.shape[0] else q
        forward_step(fields[now], fields[1 - now], memory, medium, right, (line, edge, terms))
        now = 1 - now
        add_points(fields[now], source, amplitude[n], c, gain, halo, line)
        if kept.shape[0]:
            _add_kept(right, source, amplitude[n])
            _keep(kept, n, q)
        if traces.shape[1]:
            gather_points(fields[now], receivers, halo, traces[n], line)
    return now


@njit(**_OPTIONS)
def run_adjoint(state, now, medium, source, receivers, residual, gradient, by_amplitude, kept, work):
    """Run the adjoint field back through a stretch and add to the gradient; return which field is the latest one.

    Args:
        state, now, medium, source, receivers, work: as in `run_forward`.
        residual: (steps, R).
        gradient: (rows, columns), to which the sum over time of m q, which is C dJ/dC, is added.
        by_amplitude: (steps, 1), filled.
        kept: (steps, rows, columns), from `run_forward`.
    """
    fields, memory_z, memory_x = state
    memory = (memory_z[0], memory_z[1], memory_x[0], memory_x[1])
    c, _, (gain, _), second, _, _, _ = medium
    halo = len(second) - 1
    rows, columns = gradient.shape
    line, edge, terms, q, spare = work
    for n in range(residual.shape[0] - 1, -1, -1):
        adjoint_step(fields[now], fields[1 - now], memory, medium, q[0], (line, edge, terms))
        now = 1 - now
        add_points(fields[now], receivers, residual[n], c, gain, halo, line)
        m = fields[now, halo : halo + rows, halo : halo + columns]
        _correlate(gradient, m, kept[n], spare)
        gather_points(fields[now], source, halo, by_amplitude[n], line)
    return now
