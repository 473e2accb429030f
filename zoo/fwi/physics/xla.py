"""Acoustic waves by XLA, through JAX: shots side by side on a GPU, a TPU or a CPU, and the exact gradient of traces.

`XlaPropagator` takes and gives what `zoo.fwi.physics.acoustic_propagator.Propagator` does; `simulator` is the same as a
function that JAX compiles and differentiates. Time goes in stretches of sqrt(T) steps: a state is kept for each, and a
gradient runs a stretch again and then back through it. XLA compiles anew for each size of grid and number of shots,
some 15 CPU-seconds; on a CPU the numba kernels are the faster engine.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any, NamedTuple

import numpy as np

from zoo.errors import UsageError, ZooError
from zoo.fwi.physics import xla_steps as steps
from zoo.fwi.physics.acoustic import derivative_coefficients, laplacian_coefficients
from zoo.fwi.physics.acoustic_absorber import cpml_profile, sponge_profile
from zoo.fwi.physics.acoustic_density import checked_density, root_at
from zoo.fwi.physics.acoustic_positions import check_below_surface, check_positions, spread
from zoo.fwi.physics.acoustic_propagator import Propagator

_MOST_BYTES = 1 << 30
"""What a gradient may keep of the shots that are simulated side by side; more of them go one part after another."""
_MISSING = (
    "The engine xla needs JAX, which is not installed: pip install 'seismic-zoo[jax]' (for a GPU pip install "
    "'jax[cuda12]'), or take engine='kernels'."
)


class Plan(NamedTuple):
    """What a compiled function depends on beside the shapes of arrays; hashable."""

    strip: tuple[tuple[int, int], tuple[int, int]]
    second: tuple[float, ...]
    first: tuple[float, ...]
    spacing_m: float
    time_step_s: float
    free: bool
    store_all: bool
    store_dtype: str


class Arrays(NamedTuple):
    """What it takes of a grid: profiles of the strips, the sponge, the receivers' nodes and shares, the potential.

    Nodes and shares are (R, K) for all shots, or (S, R, K) where each has its own, as then are velocities (S, Z, X) and
    potentials (`zoo.fwi.physics.xla_apertures`).
    """

    profiles: tuple
    sponge: tuple | None
    nodes: Any
    share: Any
    potential: Any


@dataclass(frozen=True, eq=False)
class XlaPropagator(Propagator):
    """As `Propagator`, whose attributes and methods it has; shots run side by side on JAX's default device.

    Raises:
        ZooError: JAX is not installed; and as `Propagator` does.
    """

    @property
    def _plan(self) -> tuple[Plan, Arrays]:
        return planned(self)

    def kept_bytes(self, steps: int) -> int:
        """Return the memory in bytes that the checkpoints of a shot with that many steps take."""
        return -(-steps // _segment(steps, self.store_all)) * 6 * self._field_bytes

    @property
    def _field_bytes(self) -> int:
        plan, _ = self._plan
        shape = [n + sum(strip) for n, strip in zip(self.shape, plan.strip, strict=True)]
        return int(np.prod(shape)) * np.dtype(self.dtype).itemsize

    def simulator(self) -> Callable:
        """Return the simulation as a function of JAX's arrays, see `simulator`."""
        return simulator(self)

    def _parts(self, shots: int, count: int) -> tuple[int, list[slice]]:
        """Return how many shots go side by side, and which."""
        each = self.kept_bytes(count) + (_segment(count, self.store_all) + 12) * self._field_bytes
        size = min(shots, max(1, _MOST_BYTES // each))
        size = -(-shots // -(-shots // size))  # parts of nearly the same size
        return size, [slice(i, min(i + size, shots)) for i in range(0, shots, size)]

    def _filled(self, array: np.ndarray, size: int) -> np.ndarray:
        """Return an array with shots at rest behind it, so that every part has the same shape."""
        array = np.asarray(array, self.dtype)
        return np.concatenate([array, np.repeat(array[-1:] * 0, size - len(array), axis=0)])

    def _places(self, sources: np.ndarray, size: int) -> np.ndarray:
        positions = check_positions(sources, self.shape, "source")
        if self.free_surface:
            check_below_surface(positions, "source")
        return np.concatenate([positions, np.repeat(positions[-1:], size - len(positions), axis=0)]).astype(self.dtype)

    def traces(self, velocity_m_s: np.ndarray, wavelet: np.ndarray, sources: np.ndarray, keep: bool = False) -> Any:
        """As `Propagator.traces`."""
        plan, arrays = self._plan
        size, parts = self._parts(*wavelet.shape)
        found, marks = [], []
        for part in parts:
            given = self._filled(wavelet[part], size), self._places(sources[part], size)
            traces, mark = _compiled().forward(plan, arrays, np.asarray(velocity_m_s, self.dtype), *given)
            found.append(np.asarray(traces)[: part.stop - part.start])
            marks.append(mark if keep else None)
        traces = self._heard(np.concatenate(found), sources)
        return (traces, marks) if keep else traces

    def gradient(
        self,
        velocity_m_s: np.ndarray,
        wavelet: np.ndarray,
        sources: np.ndarray,
        residual: np.ndarray,
        checkpoints: list | None = None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """As `Propagator.gradient`."""
        plan, arrays = self._plan
        velocity = np.asarray(velocity_m_s, self.dtype)
        size, parts = self._parts(*wavelet.shape)
        residual = self._heard(np.asarray(residual), sources)
        total, pulses = np.zeros(self.shape), []
        for number, part in enumerate(parts):
            given = self._filled(wavelet[part], size), self._places(sources[part], size)
            marks = checkpoints[number] if checkpoints else _compiled().forward(plan, arrays, velocity, *given)[1]
            heard = self._filled(residual[part], size)
            by_velocity, by_wavelet = _compiled().backward(plan, arrays, velocity, *given, heard, marks)
            total += np.asarray(by_velocity, np.float64)
            pulses.append(np.asarray(by_wavelet)[: part.stop - part.start])
        return total.astype(self.dtype), np.concatenate(pulses)


def simulator(propagator: Propagator) -> Callable:
    """Return a function (velocity (Z, X), wavelet (S, T), sources (S, 2)) -> traces (S, T, R) of JAX's arrays.

    JAX may compile and differentiate it by velocity and wavelet; all shots go side by side. Sources are not checked.
    """
    heard, traces = _heard(propagator), of_field(*planned(propagator))
    return lambda velocity, wavelet, sources: heard(traces(velocity, wavelet, sources), sources)


def of_field(plan: Plan, arrays: Arrays) -> Callable:
    """Return the function of `simulator`, of the field that is simulated: over sqrt(density), where that varies."""
    import jax

    @jax.custom_vjp
    def traces(velocity, wavelet, sources):
        return _compiled().forward(plan, arrays, velocity, wavelet, sources)[0]

    def forward(velocity, wavelet, sources):
        found, marks = _compiled().forward(plan, arrays, velocity, wavelet, sources)
        return found, (velocity, wavelet, sources, marks)

    def backward(kept, residual):
        *given, marks = kept
        return (*_compiled().backward(plan, arrays, *given, residual, marks), None)

    traces.defvjp(forward, backward)
    return traces


def _heard(propagator: Propagator) -> Callable:
    """Return `Propagator._heard` as a function of JAX's arrays."""
    import jax.numpy as jnp
    from jax.scipy.ndimage import map_coordinates

    if propagator.density is None:
        return lambda traces, sources: traces
    density = checked_density(propagator.density, propagator.shape).astype(propagator.dtype)
    receivers = root_at(density, propagator.receivers).astype(propagator.dtype)

    def heard(traces, sources):
        root = jnp.sqrt(map_coordinates(jnp.asarray(density), list(sources.T), order=1, mode="nearest"))
        return traces * receivers / root[:, None, None]

    return heard


def available() -> bool:
    """Return whether JAX is installed."""
    from importlib.util import find_spec

    return find_spec("jax") is not None


def planned(of: Propagator) -> tuple[Plan, Arrays]:
    """Return plan and arrays of a propagator, made once."""
    if "_xla" not in of.__dict__:
        object.__setattr__(of, "_xla", _planned(of))
    return of.__dict__["_xla"]


def _planned(of: Propagator) -> tuple[Plan, Arrays]:
    if not available():
        raise ZooError(_MISSING)
    import jax

    if of.dtype == "float64" and not jax.config.jax_enable_x64:
        raise ZooError("JAX computes in float32 unless told otherwise: set JAX_ENABLE_X64=1, or take dtype='float32'.")
    if of.store_dtype == "float16" and of.dtype != "float32":
        raise UsageError(f"Steps are kept as float16 of float32 fields; these are {of.dtype}.")
    second, first, column = laplacian_coefficients(of.order), derivative_coefficients(of.order), of.shape[1] == 1
    halo, width = of.order // 2, of.width
    if min(of.shape[: 1 if column else 2]) < 3 * halo:
        raise ZooError(f"A grid of {of.shape} is too small: order {of.order} needs {3 * halo} nodes each way.")
    sides = ((not of.free_surface, True), (not column, not column))
    strip = tuple((width * first_side, width * last_side) for first_side, last_side in sides)
    shape = tuple(n + sum(part) for n, part in zip(of.shape, strip, strict=True))
    profiles, sponge = (), None
    if of.absorber == "cpml":
        a, b = cpml_profile(width, of.reference_m_s, of.spacing_m, of.time_step_s)
        profiles = tuple(np.stack([a, b]).astype(of.dtype))
    else:
        s = sponge_profile(shape, width, (*sides[0], *sides[1]))
        sponge = ((1 / (1 + s)).astype(of.dtype), (1 - s).astype(of.dtype))
    positions = check_positions(of.receivers, of.shape, "receiver")
    if column:  # a single column has no fractions across
        positions = positions * [1, 0]
    points = spread(positions, shape, np.array([strip[0][0], strip[1][0]]), 0 if of.free_surface else None, of.dtype)
    reach = points.count.max(axis=0).astype(int)
    rows, columns = (
        np.minimum(points.first[:, axis, None].astype(int) + np.arange(reach[axis]), shape[axis] - 1) for axis in (0, 1)
    )
    nodes = (rows[:, :, None] * shape[1] + columns[:, None, :]).reshape(len(positions), -1)
    share = (points.down[:, : reach[0], None] * points.across[:, None, : reach[1]]).reshape(len(positions), -1)
    plan = Plan(strip, second, first, of.spacing_m, of.time_step_s, of.free_surface, of.store_all, of.store_dtype)
    potential = of.potential(strip)
    return plan, Arrays(profiles, sponge, nodes.astype(np.int32), share.astype(of.dtype), potential)


def _segment(count: int, store_all: bool) -> int:
    """Return the steps between two checkpoints."""
    return count if store_all else max(1, round(np.sqrt(count)))


class _Compiled(NamedTuple):
    forward: Callable
    backward: Callable


@lru_cache(1)
def _compiled() -> _Compiled:
    import jax

    return _Compiled(jax.jit(_forward, static_argnums=0), jax.jit(_backward, static_argnums=0))


def _continued(plan: Plan, velocity):
    import jax.numpy as jnp

    return jnp.pad(velocity, ((0, 0),) * (velocity.ndim - 2) + plan.strip, mode="edge")


def _medium(plan: Plan, arrays: Arrays, velocity) -> steps.Medium:
    """Return the medium of velocities (Z, X), or (S, Z, X) where each shot has its own."""
    c = (_continued(plan, velocity) * (plan.time_step_s / plan.spacing_m)) ** 2
    if plan.free:
        c = c.at[..., 0, :].set(0)  # holds the field at zero there
    strips = []
    for axis, (before, after) in enumerate(plan.strip, 1):
        for far, width in ((False, before), (True, after)):
            if width and arrays.profiles:
                a, b = (p[::-1] if far else p for p in arrays.profiles)
                along = (-1, 1) if axis == 1 else (1, -1)
                strips.append(steps.Strip(axis, far, a.reshape(along), b.reshape(along)))
    return steps.Medium(c, tuple(strips), arrays.sponge, plan.second, plan.first, plan.free, arrays.potential)


def _rest(medium: steps.Medium, shots: int):
    """Return the state of a medium at rest."""
    import jax.numpy as jnp

    rows, columns = medium.c.shape[-2:]
    field, memories = jnp.zeros((shots, rows, columns), medium.c.dtype), []
    for strip in medium.strips:
        width = strip.a.size
        size = (shots, width, columns) if strip.axis == 1 else (shots, rows, width)
        memories.append((jnp.zeros(size, medium.c.dtype),) * 2)
    return field, field, tuple(memories)


def _height(values):
    """Return the largest magnitude, or 1 if all is zero: it keeps fields far from the ends of float32."""
    import jax.numpy as jnp

    largest = jnp.abs(values).max()
    return jnp.where(largest > 0, largest, 1.0).astype(values.dtype)


def _stretches(plan: Plan, array):
    """Return (S, T, ...) as (stretches, steps, S, ...), with zeros at the end."""
    import jax.numpy as jnp

    count = array.shape[1]
    segment = _segment(count, plan.store_all)
    number = -(-count // segment)
    array = jnp.moveaxis(array, 1, 0)
    array = jnp.pad(array, [(0, number * segment - count)] + [(0, 0)] * (array.ndim - 1))
    return array.reshape(number, segment, *array.shape[1:])


def _whole(array, count: int):
    """Return (stretches, steps, S, ...) as (S, T, ...)."""
    import jax.numpy as jnp

    return jnp.moveaxis(array.reshape(-1, *array.shape[2:])[:count], 0, 1)


def _which(arrays: Arrays, shots: int):
    """Return what stands before nodes to find those of every shot: all shots, or where each has its own, its number."""
    return slice(None) if arrays.nodes.ndim == 2 else np.arange(shots)[:, None, None]


def _source_shares(plan: Plan, medium: steps.Medium, sources):
    rows, columns = medium.c.shape[-2:]
    down = steps.shares(sources[:, 0], rows, plan.strip[0][0], plan.free)
    across = steps.shares(sources[:, 1] * (columns > 1), columns, plan.strip[1][0], False)
    return down[:, :, None], across[:, None, :]


def _forward(plan: Plan, arrays: Arrays, velocity, wavelet, sources):
    """Return traces (S, T, R) and the states at the beginning of each stretch."""
    from jax import lax

    medium, height = _medium(plan, arrays, velocity), _height(wavelet)
    down, across = _source_shares(plan, medium, sources)
    shots, count = wavelet.shape
    which = _which(arrays, shots)

    def step(state, amplitude):
        state, _ = steps.forward(medium, state, amplitude[:, None, None] * down * across)
        return state, (state[0].reshape(shots, -1)[which, arrays.nodes] * arrays.share).sum(-1)

    def stretch(state, amplitudes):
        after, traces = lax.scan(step, state, amplitudes)
        return after, (traces, state)

    _, (traces, marks) = lax.scan(stretch, _rest(medium, shots), _stretches(plan, wavelet / height))
    return _whole(traces, count) * (height * plan.spacing_m**2), marks


def _backward(plan: Plan, arrays: Arrays, velocity, wavelet, sources, residual, marks):
    """Return the gradients of sum(residual * traces) by velocity (Z, X) and wavelet (S, T)."""
    import jax
    import jax.numpy as jnp
    from jax import lax

    medium, height, loudest = _medium(plan, arrays, velocity), _height(wavelet), _height(residual)
    down, across = _source_shares(plan, medium, sources)
    shots, count = wavelet.shape
    store = jnp.float16 if plan.store_dtype == "float16" else medium.c.dtype
    rows, columns = medium.c.shape[-2:]
    silent, which = jnp.zeros((shots, rows * columns), medium.c.dtype), _which(arrays, shots)

    def again(state, amplitude):
        state, q = steps.forward(medium, state, amplitude[:, None, None] * down * across)
        return state, q.astype(store)

    def back(carried, given):
        state, gradient = carried
        heard, q = given
        at = silent.at[which, arrays.nodes].add(heard[:, :, None] * arrays.share).reshape(state[0].shape)
        state = steps.backward(medium, state, at)
        return (state, gradient + state[0] * q.astype(gradient.dtype)), (state[0] * down * across).sum((1, 2))

    def stretch(carried, given):
        amplitudes, heard, mark = given
        _, kept = lax.scan(again, mark, amplitudes)
        return lax.scan(back, carried, (heard, kept), reverse=True)

    start = (_rest(medium, shots), jnp.zeros((shots, rows, columns), medium.c.dtype))
    given = _stretches(plan, wavelet / height), _stretches(plan, residual / loudest), marks
    (_, gradient), by_wavelet = lax.scan(stretch, start, given, reverse=True)
    # As in `Propagator.gradient`: C dJ/dC is found, and dJ/dv = 2 C dJ/dC / v.
    factor = loudest * plan.spacing_m**2
    padded, back_to_grid = jax.vjp(partial(_continued, plan), velocity)
    (by_velocity,) = back_to_grid(2 * (gradient if velocity.ndim > 2 else gradient.sum(0)) / padded)
    return by_velocity * (factor * height), _whole(by_wavelet, count) * factor
