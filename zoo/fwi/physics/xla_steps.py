"""A time step of the acoustic simulation for XLA, forwards and backwards: the equations of the numba kernels, in JAX.

`zoo.fwi.physics.acoustic_kernels` states them. Fields are (S, rows, columns), all shots at once; memories exist on the
strips of the absorber only. JAX is an extra and is imported when it is used.
"""

from __future__ import annotations

from typing import NamedTuple

from zoo.field.sinc import KAISER, ON_NODE, REACH

_STILL = 1e-30  # as in the kernels: waves that fade in the strips would become denormal numbers, which are slow


class Strip(NamedTuple):
    """A strip of the absorber.

    Attributes:
        axis: of the fields along which it absorbs, 1 (down) or 2 (across).
        far: whether it lies at the end of that axis.
        a, b: decay and gain of its memories, shaped for fields.
    """

    axis: int
    far: bool
    a: object
    b: object


class Medium(NamedTuple):
    """What a step needs beside the fields.

    Attributes:
        c: (rows, columns), C = (v dt / dx)^2.
        strips: of the absorber.
        sponge: A and B (rows, columns) of a sponge, or None.
        second, first: weights of L and of D at distances 0, 1, ...
        free: whether the field is odd about the first row.
        potential: (rows, columns) that stands for density (`zoo.fwi.physics.acoustic_density`), or None.
    """

    c: object
    strips: tuple[Strip, ...]
    sponge: tuple | None
    second: tuple[float, ...]
    first: tuple[float, ...]
    free: bool
    potential: object


def _pad(field, axis: int, before: int, after: int):
    import jax.numpy as jnp

    widths = [(0, 0)] * field.ndim
    widths[axis] = (before, after)
    return jnp.pad(field, widths)


def _cut(field, axis: int, first: int, count: int):
    from jax import lax

    return lax.slice_in_dim(field, first, first + count, axis=axis)


def _with_halo(field, axis: int, halo: int, free: bool):
    """Return the field with a halo along an axis: zeros, or above a free surface its odd image."""
    import jax.numpy as jnp

    padded = _pad(field, axis, halo, halo)
    if not (free and axis == 1):
        return padded
    image = -jnp.flip(_cut(field, axis, 1, halo), axis)
    return jnp.concatenate([image, _cut(padded, axis, halo, field.shape[axis] + halo)], axis)


def _difference(padded, axis: int, weights: tuple[float, ...], sign: int):
    """Return the even (sign 1) or odd (sign -1) difference of what is `len(weights) - 1` nodes longer each way."""
    halo = len(weights) - 1
    count = padded.shape[axis] - 2 * halo
    total = weights[0] * _cut(padded, axis, halo, count) if sign > 0 else 0.0
    for k in range(1, halo + 1):
        pair = _cut(padded, axis, halo + k, count) + sign * _cut(padded, axis, halo - k, count)
        total = total + weights[k] * pair
    return total


def _in_strip(values, strip: Strip, width: int):
    """Return the part of values along a strip's axis, `width` nodes at the strip's end."""
    size = values.shape[strip.axis]
    return _cut(values, strip.axis, size - width if strip.far else 0, width)


def _to_grid(values, strip: Strip, size: int):
    """Return values at a strip's end continued by zeros to `size` nodes."""
    rest = size - values.shape[strip.axis]
    return _pad(values, strip.axis, rest * strip.far, rest * (not strip.far))


def _wider(memory, strip: Strip, halo: int):
    """Return a memory with zeros around it, such that a difference of it is `halo` nodes wider towards the inside."""
    return _pad(memory, strip.axis, halo * (2 if strip.far else 1), halo * (1 if strip.far else 2))


def _advance(medium: Medium, now, before, q):
    import jax.numpy as jnp

    if medium.sponge is None:
        after = now + now - before + medium.c * q
    else:
        gain, loss = medium.sponge
        after = gain * (now + now - loss * before + medium.c * q)
    return jnp.where(jnp.abs(after) > _STILL, after, 0.0)


def _axes(field) -> tuple[int, ...]:
    return (1,) if field.shape[2] == 1 else (1, 2)


def forward(medium: Medium, state, source):
    """Return the state after a step, and the right-hand side q (S, rows, columns).

    Args:
        medium: of the grid.
        state: the field, that before it, and (psi, zeta) of each strip.
        source: (S, rows, columns), dx^2 w where it acts.
    """
    now, before, memories = state
    halo = len(medium.second) - 1
    q, padded, curves = source, {}, {}
    for axis in _axes(now):
        padded[axis] = _with_halo(now, axis, halo, medium.free)
        curves[axis] = _difference(padded[axis], axis, medium.second, 1)
        q = q + curves[axis]
    if medium.potential is not None:
        q = q - medium.potential * now
    kept = []
    for strip, (psi, zeta) in zip(medium.strips, memories, strict=True):
        axis, width = strip.axis, psi.shape[strip.axis]
        near = _in_strip(padded[axis], strip, width + 2 * halo)
        psi = strip.a * psi + strip.b * _difference(near, axis, medium.first, -1)
        slope = _difference(_wider(psi, strip, halo), axis, medium.first, -1)
        # The outer end of `slope`, `width` nodes of it, lies in the strip.
        own = _cut(slope, axis, halo if strip.far else 0, width)
        zeta = strip.a * zeta + strip.b * (_in_strip(curves[axis], strip, width) + own)
        term = slope + _pad(zeta, axis, halo * strip.far, halo * (not strip.far))
        q = q + _to_grid(term, strip, now.shape[axis])
        kept.append((psi, zeta))
    return (_advance(medium, now, before, q), now, tuple(kept)), q


def backward(medium: Medium, state, residual):
    """Return the adjoint state one step earlier.

    Args:
        medium: of the grid.
        state: the adjoint field, that of the step after it, and (Z, Y) of each strip.
        residual: (S, rows, columns), dJ/dtrace at the receivers.
    """
    now, before, memories = state
    halo = len(medium.second) - 1
    q, padded = residual, {}
    for axis in _axes(now):
        padded[axis] = _with_halo(now, axis, halo, medium.free)
        q = q + _difference(padded[axis], axis, medium.second, 1)
    if medium.potential is not None:
        q = q - medium.potential * now
    kept = []
    for strip, (z, y) in zip(medium.strips, memories, strict=True):
        axis, width = strip.axis, z.shape[strip.axis]
        near = _in_strip(padded[axis], strip, width + 2 * halo)
        z = strip.a * z + strip.b * _cut(near, axis, halo, width)
        both = near + _pad(z, axis, halo, halo)
        y = strip.a * y + strip.b * _difference(both, axis, medium.first, -1)
        term = _difference(_wider(z, strip, halo), axis, medium.second, 1)
        term = term + _difference(_wider(y, strip, halo), axis, medium.first, -1)
        q = q + _to_grid(term, strip, now.shape[axis])
        kept.append((z, y))
    return _advance(medium, now, before, q), now, tuple(kept)


def shares(positions, size: int, strip: int, mirrored: bool):
    """Return the share of each node along an axis in positions, as `zoo.fwi.physics.acoustic_positions` gives them.

    Args:
        positions: (S,) in cells of the grid without strips, which may be traced.
        size: nodes of the axis with its strips.
        strip: nodes before the grid's first.
        mirrored: whether the field is odd about the grid's first node.

    Returns:
        (S, size).
    """
    import jax.numpy as jnp

    nodes = jnp.arange(size, dtype=positions.dtype)[None, :] - strip
    place = positions[:, None]
    off = _windowed_sinc(nodes - place)
    if mirrored:
        off = off - _windowed_sinc(nodes + place)
    nearest = jnp.round(place)
    return jnp.where(jnp.abs(place - nearest) < ON_NODE, (nodes == nearest).astype(positions.dtype), off)


def _windowed_sinc(away):
    import jax.numpy as jnp

    inside = jnp.maximum(1.0 - (away / REACH) ** 2, 0.0)
    window = jnp.i0(KAISER * jnp.sqrt(inside)) / jnp.i0(jnp.asarray(KAISER, away.dtype))
    return jnp.where(jnp.abs(away) < REACH, jnp.sinc(away) * window, 0.0)
