"""Acoustic waves in two dimensions (or one) by finite differences, and the exact gradient of the simulated traces.

Usable alone, with numpy arrays; `zoo.fwi.WaveRNN` makes a Keras layer of it. Shots run in parallel threads.

    waves = Propagator((70, 200), 10.0, 0.001, receivers, reference_m_s=4000.0)
    traces = waves.traces(velocity_m_s, wavelet, sources)
    by_velocity, by_wavelet = waves.gradient(velocity_m_s, wavelet, sources, traces - observed)
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from zoo.errors import UsageError, ZooError
from zoo.files import cores
from zoo.fwi.physics import acoustic_loops as loops
from zoo.fwi.physics.acoustic import derivative_coefficients, laplacian_coefficients
from zoo.fwi.physics.acoustic_absorber import cpml_profile, sponge_profile
from zoo.fwi.physics.acoustic_density import check_stable_with, checked_density, potential_of, root_at
from zoo.fwi.physics.acoustic_positions import Points, check_below_surface, check_positions, spread


@dataclass(frozen=True, eq=False)
class Propagator:
    """A grid with its absorber, time step and receivers; `traces` and `gradient` take the rest.

    Attributes:
        shape: (Z, X) nodes; X = 1 makes it one-dimensional.
        spacing_m: grid spacing.
        time_step_s: time step, a stable one (`zoo.fwi.physics.acoustic.check_stability`).
        receivers: (R, 2) positions (z, x) in cells, which may be fractions (`zoo.fwi.physics.acoustic_positions`).
        reference_m_s: velocity for which the absorber is made, the fastest expected.
        order: order of the spatial differences, 2, 4 or 8.
        absorber: "cpml", or "sponge", the simple reference, which needs 60 cells to be as good.
        width: width in cells of the strips that absorb, outside the grid; velocities there are those at its edge.
        free_surface: whether the field is zero at the top row, where there is then no strip.
        store_dtype: what a gradient keeps of each step, "float32" or "float16" (half the memory, an error of 1e-4).
        store_all: keep every step, where memory allows, instead of checkpoints to start again from.
        dtype: type of the fields, "float32" or "float64".
        density: (Z, X) in any unit, where it varies (`zoo.fwi.physics.acoustic_density`); None: constant.

    Raises:
        ZooError: at the first use, if the grid is smaller than the differences, a receiver lies outside it, a source
            lies in the top row of a free surface, where it would send nothing, or density is no grid of positive
            numbers or has contrasts too strong for the time step.
        UsageError: likewise, for float16 of float64 fields or another order.
    """

    shape: tuple[int, int]
    spacing_m: float
    time_step_s: float
    receivers: np.ndarray
    reference_m_s: float
    order: int = 4
    absorber: str = "cpml"
    width: int = 14
    free_surface: bool = False
    store_dtype: str = "float32"
    store_all: bool = False
    dtype: str = "float32"
    density: np.ndarray | None = None

    @cached_property
    def _plan(self) -> _Plan:
        return _Plan(self)

    @cached_property
    def _density(self) -> np.ndarray | None:
        return None if self.density is None else checked_density(self.density, self.shape)

    def potential(self, strip: tuple[tuple[int, int], tuple[int, int]]) -> np.ndarray | None:
        """Return what stands for density in a step, (Z, X) with strips of those widths; None where it is constant."""
        if self._density is None:
            return None
        second = laplacian_coefficients(self.order)
        padded = np.pad(self._density, strip, mode="edge")
        along = tuple(0.0 for _ in second) if self.shape[1] == 1 else second
        return potential_of(padded, second, along).astype(self.dtype)

    def _heard(self, traces: np.ndarray, sources: np.ndarray) -> np.ndarray:
        """Return traces (S, T, R) of the field over sqrt(density) as those of pressure, or residuals the other way."""
        if self._density is None:
            return traces
        factor = root_at(self._density, self.receivers) / root_at(self._density, sources)[:, None]
        return traces * factor[:, None].astype(traces.dtype)

    def kept_bytes(self, steps: int) -> int:
        """Return the memory in bytes that the checkpoints of a shot with that many steps take."""
        plan = self._plan
        state = sum(int(np.prod(size)) for size in plan.sizes) * np.dtype(plan.dtype).itemsize
        return -(-steps // plan.segment(steps)) * state

    @np.errstate(over="ignore", invalid="ignore")  # a field that grew without bound shows in the result
    def traces(self, velocity_m_s: np.ndarray, wavelet: np.ndarray, sources: np.ndarray, keep: bool = False) -> Any:
        """Simulate shots.

        Args:
            velocity_m_s: (Z, X).
            wavelet: (S, T), what acts at the source of each shot, in any unit.
            sources: (S, 2) positions (z, x) in cells, which may be fractions.
            keep: also return what `gradient` can go on from.

        Returns:
            (S, T, R): the field at the receivers, sample n after the step in which wavelet sample n acts. With `keep`
            the pair of these traces and of checkpoints.
        """
        plan, steps = self._plan, wavelet.shape[1]
        medium, segment = plan.medium(velocity_m_s), plan.segment(steps)
        height = _height(wavelet)

        def shot(i):
            source, amplitude = plan.source(sources[i]), plan.amplitude(wavelet[i], height)
            state, now, work, kept = plan.state(), 0, plan.work(1), plan.kept(0)
            traces, marks = np.empty((steps, len(self.receivers)), plan.dtype), []
            for part in _stretches(steps, segment):
                if keep:
                    marks.append((tuple(array.copy() for array in state), now))
                now = loops.run_forward(
                    state, now, medium, source, amplitude[part], plan.receivers, traces[part], kept, work
                )
            return traces, marks

        done = _parallel(shot, len(wavelet))
        traces = np.stack([one for one, _ in done]) * plan.dtype(height * self.spacing_m**2)
        traces = self._heard(traces, sources)
        return (traces, [marks for _, marks in done]) if keep else traces

    @np.errstate(over="ignore", invalid="ignore")
    def gradient(
        self,
        velocity_m_s: np.ndarray,
        wavelet: np.ndarray,
        sources: np.ndarray,
        residual: np.ndarray,
        checkpoints: list | None = None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the gradient of sum(residual * traces) by velocity (Z, X) and by wavelet (S, T).

        Args:
            velocity_m_s, wavelet, sources: as in `traces`.
            residual: (S, T, R), what multiplies the traces: the derivative of a misfit by them.
            checkpoints: what `traces` kept with the same arguments; None makes them again.
        """
        if checkpoints is None:
            _, checkpoints = self.traces(velocity_m_s, wavelet, sources, keep=True)
        plan, steps = self._plan, wavelet.shape[1]
        medium, segment = plan.medium(velocity_m_s), plan.segment(steps)
        residual = self._heard(residual, sources)
        height, residual_height = _height(wavelet), _height(residual)
        receivers = plan.receivers
        scaled = np.ascontiguousarray(residual / residual_height, plan.dtype)

        def shot(i):
            source, amplitude = plan.source(sources[i]), plan.amplitude(wavelet[i], height)
            gradient, by_amplitude = np.zeros(plan.shape, plan.dtype), np.empty((steps, 1), plan.dtype)
            adjoint, last, work, kept = plan.state(), 0, plan.work(plan.shape[0]), plan.kept(segment)
            unused = np.empty((steps, 0), plan.dtype)
            stretches = zip(_stretches(steps, segment), checkpoints[i], strict=True)
            # From the last stretch to the first: run again from its checkpoint, keep the steps, go back through them.
            for part, (mark, now) in reversed(list(stretches)):
                state = tuple(array.copy() for array in mark)
                loops.run_forward(state, now, medium, source, amplitude[part], receivers, unused[part], kept, work)
                last = loops.run_adjoint(
                    adjoint, last, medium, source, receivers, scaled[i, part], gradient, by_amplitude[part], kept, work
                )
            return gradient, by_amplitude[:, 0]

        done = _parallel(shot, len(wavelet))
        factor = residual_height * self.spacing_m**2
        total = sum(gradient.astype(np.float64) for gradient, _ in done)
        # The kernels give C dJ/dC, and C grows with the square of the velocity: dJ/dv = 2 C dJ/dC / v.
        by_velocity = plan.folded(2 * total / plan.padded(velocity_m_s)) * (factor * height)
        by_wavelet = np.stack([by_amplitude for _, by_amplitude in done]) * factor
        return by_velocity.astype(plan.dtype), by_wavelet.astype(plan.dtype)


class _Plan:
    """What a propagator works out once: sizes with strips, coefficients, positions.

    A column (X = 1) is laid along the axis that the kernels run along, as a single row; `lies` says so.
    """

    def __init__(self, of: Propagator):
        self.dtype = np.dtype(of.dtype).type
        self.store = np.uint16 if of.store_dtype == "float16" else self.dtype
        if self.store is np.uint16 and self.dtype is not np.float32:
            raise UsageError(f"Steps are kept as float16 of float32 fields; these are {of.dtype}.")
        self.store_all = of.store_all
        self.scale = (of.time_step_s / of.spacing_m) ** 2
        self.steps = of.spacing_m, of.time_step_s, of.order
        h = self.halo = of.order // 2
        self.of_shape = tuple(of.shape)
        width, top = of.width, 0 if of.free_surface else of.width
        self.lies = of.shape[1] == 1
        shape = of.shape[::-1] if self.lies else of.shape
        if min(shape[self.lies :]) < 3 * h:
            raise ZooError(f"A grid of {of.shape} is too small: order {of.order} needs {3 * h} nodes each way.")
        self.strip = ((0, 0), (top, width)) if self.lies else ((top, width), (width, width))
        self.shape = tuple(n + sum(strip) for n, strip in zip(shape, self.strip, strict=True))
        self.free_surface = of.free_surface
        second, first = (
            tuple(map(self.dtype, weights(of.order))) for weights in (laplacian_coefficients, derivative_coefficients)
        )
        # A column has no differences across it: its weights of L_z are zero.
        along, second = second, tuple(self.dtype(0) for _ in second) if self.lies else second

        strips, sponge = self._absorber(of, first, top)
        potential = of.potential(self.strip[::-1] if self.lies else self.strip)
        self.potential = np.zeros((0, 0), self.dtype) if potential is None else self._laid(potential)
        self.potential = np.ascontiguousarray(self.potential)
        self.rest = (strips, sponge, second, along, of.free_surface, self.potential)
        lines = self.shape[0] if of.absorber == "cpml" else 0
        self.sizes = (
            (2, self.shape[0] + 2 * h, self.shape[1] + 2 * h),
            (2, 2, width + 3 * h, self.shape[1]),
            (2, lines * 2 * (width + 3 * h)),
        )
        self.edges = (lines, 2, width + 3 * h)
        self.receivers = self.points(check_positions(of.receivers, self.of_shape, "receiver"))

    def _absorber(self, of: Propagator, first: tuple, top: int) -> tuple[tuple, tuple]:
        """Return the strips of the kernels' medium, and the sponge's A and B; an absent one is empty or zero."""
        width, h, cpml = of.width, self.halo, of.absorber == "cpml"
        a, b = np.zeros((2, 2, width + 3 * h), self.dtype)
        none = np.zeros((0, 0), self.dtype)
        sponge = (none, none)
        if cpml:
            decay, gain = cpml_profile(width, of.reference_m_s, of.spacing_m, of.time_step_s)
            a[0, h : h + width], b[0, h : h + width] = decay, gain
            a[1, 2 * h : 2 * h + width], b[1, 2 * h : 2 * h + width] = decay[::-1], gain[::-1]
        else:
            sides = (False, False, top > 0, True) if self.lies else (top > 0, True, True, True)
            s = sponge_profile(self.shape, width, sides)
            sponge = ((1 / (1 + s)).astype(self.dtype), (1 - s).astype(self.dtype))
        line = np.tile(np.stack([a, b]).reshape(2, -1), self.shape[0] if cpml else 0)
        if self.lies and of.free_surface:
            line[:, : width + 3 * h] = 0
        between = (1 if of.free_surface else 0, 2) if cpml and not self.lies else (0, 0)
        return (a, b, between, line[0], line[1], first), sponge

    def points(self, positions: np.ndarray) -> Points:
        """Return checked positions (n, 2) as the kernels take them: they write wherever they are told."""
        if self.lies:  # along x, whose single row has no fractions
            positions = np.stack([np.zeros(len(positions)), positions[:, 0]], 1)
        mirrored = None if not self.free_surface else int(self.lies)
        strip = np.array([self.strip[0][0], self.strip[1][0]])
        return spread(positions, self.shape, strip, mirrored, self.dtype)

    def _laid(self, grid: np.ndarray) -> np.ndarray:
        return grid.T if self.lies else grid

    def padded(self, velocity_m_s: np.ndarray) -> np.ndarray:
        """Return velocities (Z, X) continued into the strips."""
        return np.pad(self._laid(np.asarray(velocity_m_s, np.float64)), self.strip, mode="edge")

    def folded(self, gradient: np.ndarray) -> np.ndarray:
        """Return a gradient by padded velocities as one by those of the grid: the adjoint of `padded`."""
        (top, bottom), (left, right) = self.strip
        g = gradient[top : gradient.shape[0] - bottom].copy()
        g[0] += gradient[:top].sum(0)
        g[-1] += gradient[gradient.shape[0] - bottom :].sum(0)
        inside = g[:, left : g.shape[1] - right].copy()
        inside[:, 0] += g[:, :left].sum(1)
        inside[:, -1] += g[:, g.shape[1] - right :].sum(1)
        return self._laid(inside)

    def medium(self, velocity_m_s: np.ndarray) -> tuple:
        """Return what the kernels call the medium."""
        if self.potential.size:
            check_stable_with(self.potential, velocity_m_s, *self.steps)
        c = self.padded(velocity_m_s) ** 2 * self.scale
        if self.free_surface:
            c[(slice(None), 0) if self.lies else 0] = 0  # holds the field at zero there
        return (c.astype(self.dtype), *self.rest)

    def state(self) -> tuple:
        """Return the fields and memories of a medium at rest."""
        return tuple(np.zeros(size, self.dtype) for size in self.sizes)

    def kept(self, steps: int) -> np.ndarray:
        """Return room for the right-hand sides of that many steps."""
        return np.empty((steps, *self.shape), self.store)

    def source(self, position: np.ndarray) -> Points:
        """Return the position (2,) of a source as the kernels take it."""
        positions = check_positions(position, self.of_shape, "source")
        if self.free_surface:
            check_below_surface(positions, "source")
        return self.points(positions)

    def amplitude(self, wavelet: np.ndarray, height: float) -> np.ndarray:
        """Return a wavelet (T,) as (T, 1), in units of `height`, its largest magnitude: far from float32's end."""
        return (np.asarray(wavelet, np.float64) / height).astype(self.dtype)[:, None]

    def work(self, rows: int) -> tuple:
        """Return arrays for the kernels to work in, with that many rows of right-hand sides."""
        edges = np.zeros((2, *self.edges), self.dtype)
        columns = self.shape[1]
        return (
            np.zeros(columns, self.dtype),
            edges[0],
            edges[1],
            np.zeros((rows, columns), self.dtype),
            np.zeros(columns, self.dtype),
        )

    def segment(self, steps: int) -> int:
        """Return the steps between two checkpoints: the root of all, so that there are as many checkpoints as steps."""
        return steps if self.store_all else max(1, round(np.sqrt(steps)))


def _height(values: np.ndarray) -> float:
    """Return the power of two at or above the largest magnitude, or 1 if all is zero.

    Dividing by it rounds nothing: a shot gives the same whatever shots are simulated with it.
    """
    largest = float(np.abs(values).max(initial=0.0))
    return float(2.0 ** np.ceil(np.log2(largest))) if 0 < largest < np.inf else largest or 1.0


def _stretches(steps: int, segment: int) -> list[slice]:
    """Return the steps cut at the checkpoints."""
    return [slice(start, min(start + segment, steps)) for start in range(0, steps, segment)]


def _parallel(function, count: int) -> list:
    """Return function(0), function(1), ..., computed in threads: the kernels release Python's lock."""
    threads = min(count, cores())
    if threads < 2:
        return [function(i) for i in range(count)]
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(function, range(count)))
