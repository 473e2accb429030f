"""Elastic waves in three dimensions: what a hydrophone or a geophone records of a small source, in any earth model.

Velocity and stress on a staggered grid (Virieux 1986), 8th order in space and 2nd in time, in float32. A fluid is
a region with vs = 0: the harmonic mean of mu is exactly zero at every shear node next to it, so sea and rock are
one grid. All six sides absorb, or the top is a free surface (`elastic_surface`). The scheme is reciprocal to rounding, so one simulation with the source at a receiver
gives the traces of every source at that receiver (`receiver_gathers`; for moment tensors, `greens_functions`): a
dataset costs one simulation for each receiver. Isotropic sources and receivers may lie between nodes
(`zoo.microseismic.physics.between_nodes`); sources of any moment tensor lie on them.
`zoo.microseismic.physics.simulation.simulate` chooses between these.

Units: m, s, kg/m^3, Pa. Nodes are given by 0-based indices (ix, iy, iz), fractions are between them; z points up. The
source is a moment tensor, with components in the order of `zoo.microseismic.physics.moment_tensor.COMPONENTS`, or
isotropic:

- "volume": 1 m^3 is injected at the node. Far away in a fluid, its pressure is density / (4 pi r) times the second
  derivative of the volume: the first derivative of a Gaussian (`gaussian_derivative`).
- "moment": an isotropic moment of `MOMENT_N_M` along each axis, which is that of (10^10 N m / K) m^3 of volume.

A component of velocity at a receiver comes, by reciprocity, from a force of 1 N s along it at the receiver. Velocities
are computed half a time step before and half a cell beside the stresses: the pulse starts half a step earlier, and the
receiver is interpolated between the velocities' own nodes.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from zoo.errors import ZooError
from zoo.microseismic.physics.between_nodes import whole
from zoo.microseismic.physics.components import axis_of
from zoo.microseismic.physics.elastic_checks import (
    ABSORBING_CELLS,
    cells_per_wavelength,
    check_simulation,
    gaussian_derivative,
    largest_time_step_s,
    memory_bytes,
)
from zoo.microseismic.physics.elastic_grid import Grid, absorber_memory, edge_nodes, rows_with_shear, shear_compliance
from zoo.microseismic.physics.elastic_kernels import HALO, step_stress, step_velocity
from zoo.microseismic.physics.elastic_model import ElasticModel, read_model, write_model
from zoo.progress import bar

__all__ = [
    "ElasticModel",
    "cells_per_wavelength",
    "check_simulation",
    "gaussian_derivative",
    "greens_functions",
    "largest_time_step_s",
    "memory_bytes",
    "read_model",
    "receiver_gathers",
    "shot_gather",
    "write_model",
]

MOMENT_N_M = 1e10  # about Mw 0.6
# How far ahead of the fastest wave the simulation computes: the stencil spreads a wave by a few cells.
_MARGIN_CELLS = 10
# A Gaussian has fallen below the rounding of float32, to 1.5e-8 of its peak, this many sigma after its centre.
_PULSE_ENDS_SIGMA = 6


def shot_gather(
    model: ElasticModel,
    source_index: np.ndarray,
    receivers_index: np.ndarray,
    *,
    duration_s: float = 2.0,
    time_step_s: float = 0.8e-3,
    output_every: int = 5,
    sigma_s: float = 0.014,
    delay_s: float | None = None,
    source_strength: str = "volume",
    moment_tensor_n_m: np.ndarray | None = None,
    component: str = "P",
    free_surface: bool = False,
    absorbing_cells: int = ABSORBING_CELLS,
    description: str = "Elastic simulation",
) -> np.ndarray:
    """Simulate one source and return the pressure, or a component of the velocity, at the receivers.

    Ctrl-C stops it between two time steps.

    Args:
        model: the earth.
        source_index: (3,) node of the source, 0-based, with fractions between nodes.
        receivers_index: (n, 3) nodes of the receivers, likewise.
        duration_s: time of the last sample, s.
        time_step_s: step of the simulation, s (see `largest_time_step_s`).
        output_every: time steps per sample; samples are at 0, 1, ... times output_every * time_step_s.
        sigma_s, delay_s: of the pulse, see `gaussian_derivative`.
        source_strength: of an isotropic source, "volume" (1 m^3) or "moment" (`MOMENT_N_M`).
        moment_tensor_n_m: (6,) xx, yy, zz, xy, xz, yz of a source in the rock, N m, instead of an isotropic one.
        component: what the receivers record: "P", pressure, or "Z", "N", "E", velocity (z, y, x).
        free_surface: whether the highest plane of nodes is a free surface; otherwise the top absorbs.
        absorbing_cells: width of the absorbing layer that is added to the model on all (other) sides.
        description: name of the simulation in the progress bar.

    Returns:
        (n, 1 + duration / (output_every * time step)) pressure in Pa, which is minus a third of the trace of the
        stress, or velocity in m/s, float32.

    Raises:
        ZooError: if a node is outside the model, the time step is unstable, the grid is too coarse, there is too little
            memory, or a moment tensor is not in rock.
    """
    if source_strength not in ("volume", "moment"):
        raise ZooError(f'source_strength must be "volume" or "moment"; received {source_strength!r}.')
    source = _checked_nodes(model, np.reshape(source_index, (-1, 3)), "source")[0]
    receivers = _checked_nodes(model, receivers_index, "receiver")
    check_simulation(model, time_step_s, sigma_s, absorbing_cells)
    grid = Grid.of(model, absorbing_cells, time_step_s, sigma_s, free_surface)
    axis = axis_of(component)
    nodes, weights = grid.spread(receivers, axis)
    at = tuple(np.moveaxis(nodes + grid.pad, -1, 0))
    parts, shares = (part[0] for part in grid.spread(source[np.newaxis]))
    if moment_tensor_n_m is not None:
        if not whole(source):
            raise ZooError(f"A source of any moment tensor lies on a node; received {source.tolist()}.")
        strengths = time_step_s * np.asarray(moment_tensor_n_m, np.float64).reshape(1, 6)
        shear_compliance(grid, parts, time_step_s)  # refuses a source that is not in rock
    elif source_strength == "moment":
        strengths = np.array([1.0, 1, 1, 0, 0, 0]) * (time_step_s * MOMENT_N_M) * shares[:, np.newaxis]
    else:
        strengths = _unit_volume(grid, parts, shares)

    def add(total: np.ndarray, velocity: tuple[np.ndarray, ...], stress: tuple[np.ndarray, ...]) -> None:
        if axis is not None:
            total += (velocity[axis][at] * weights).sum(axis=-1)
            return
        for normal in stress[:3]:
            total -= (normal[at] * weights).sum(axis=-1) / 3

    times = {"duration_s": duration_s, "time_step_s": time_step_s, "output_every": output_every}
    pulse = {"sigma_s": sigma_s, "delay_s": _delay_s(sigma_s, delay_s, time_step_s, axis)}
    source = Source(parts, strengths)
    return _march(grid, source, add, (len(receivers),), **times, **pulse, description=description)


def greens_functions(
    model: ElasticModel,
    receiver_index: np.ndarray,
    sources_index: np.ndarray,
    *,
    duration_s: float = 2.0,
    time_step_s: float = 0.8e-3,
    output_every: int = 5,
    sigma_s: float = 0.014,
    delay_s: float | None = None,
    component: str = "P",
    free_surface: bool = False,
    absorbing_cells: int = ABSORBING_CELLS,
    description: str = "Elastic simulation",
) -> np.ndarray:
    """Return the traces of six elementary moment tensors at each source, from one simulation at the receiver.

    Reciprocity (Betti's theorem with a volume V injected at the receiver): V p(M at source -> receiver) = -M : strain,
    where the strain is that which the injected volume causes at the source. On the grid, shear stresses are defined on
    the four edges around a node: a moment tensor is spread over them and the strain is their mean, so that one
    operation is the transpose of the other. For a velocity v along a force F, it is F v = M : strain.

    Args:
        model: the earth.
        receiver_index: (3,) node of the receiver, 0-based, with fractions between nodes.
        sources_index: (n, 3) nodes of the sources, 0-based, in rock.
        duration_s, time_step_s, output_every, sigma_s, delay_s, component, free_surface, absorbing_cells, description:
            as in `shot_gather`.

    Returns:
        (n, 6, samples) pressure in Pa, or velocity in m/s, at the receiver per N m of Mxx, Myy, Mzz, Mxy (= Myx), Mxz, Myz, float32. The
        trace of M is the sum of these times its components.

    Raises:
        ZooError: as for `shot_gather`.
    """
    receiver = _checked_nodes(model, np.reshape(receiver_index, (-1, 3)), "receiver")
    sources = _checked_nodes(model, sources_index, "source")
    if not whole(sources):
        raise ZooError("Sources of any moment tensor lie on nodes; received fractions of the spacing.")
    sources = np.rint(sources).astype(np.int64)
    check_simulation(model, time_step_s, sigma_s, absorbing_cells)
    grid = Grid.of(model, absorbing_cells, time_step_s, sigma_s, free_surface)
    axis = axis_of(component)
    at = tuple((sources + grid.pad).T)
    compliance = shear_compliance(grid, sources, time_step_s)
    lam, two_mu = (modulus[at].astype(np.float64) / time_step_s for modulus in (grid.lam, grid.two_mu))

    sign = -1.0 if axis is None else 1.0

    def add(total: np.ndarray, _: tuple[np.ndarray, ...], stress: tuple[np.ndarray, ...]) -> None:
        for row in range(3):
            total[:, row] += sign * stress[row][at]
        for row, (edges, factor) in zip((3, 4, 5), compliance, strict=True):
            total[:, row] += sign * (stress[row][edges] * factor).sum(axis=0)

    times = {"duration_s": duration_s, "time_step_s": time_step_s, "output_every": output_every}
    pulse = {"sigma_s": sigma_s, "delay_s": _delay_s(sigma_s, delay_s, time_step_s, axis)}
    source = _at_receiver(grid, receiver, axis)
    found = _march(grid, source, add, (len(sources), 6), **times, **pulse, description=description)
    # The shear rows are strains already (twice the strain, as Mxy = Myx: the mean of stress / mu over the four edges).
    # The normal rows are stresses: by Hooke's law, strain = (stress - lambda / (3 lambda + 2 mu) trace) / (2 mu).
    part = (lam / (3 * lam + two_mu)).astype(np.float32)[:, np.newaxis, np.newaxis]
    trace = found[:, :3].sum(axis=1, keepdims=True)
    found[:, :3] = (found[:, :3] - part * trace) / two_mu.astype(np.float32)[:, np.newaxis, np.newaxis]
    return found


@dataclass(frozen=True)
class Source:
    """What acts on the grid.

    Attributes:
        nodes: (m, 3) over which it is spread.
        strengths: (m, 6) time step times the moment tensor at each; or (m,) time step over density times the force.
        axis: of the force, which acts on the velocities along it; None: it is a moment tensor.
    """

    nodes: np.ndarray
    strengths: np.ndarray
    axis: int | None = None

    def targets(self, pad: int, velocity: tuple[np.ndarray, ...], stress: tuple[np.ndarray, ...]) -> list[tuple]:
        """Return (field, indices, values): what is subtracted from each field, times the pulse."""
        where = tuple((self.nodes + pad).T)
        if self.axis is not None:
            return [(velocity[self.axis], where, -self.strengths)]
        found = [(stress[k], where, self.strengths[:, k]) for k in range(3)]  # normal stresses at its nodes ...
        if self.strengths[:, 3:].any():
            # ... shear stresses a quarter each at the four edges around; such a source lies on one node.
            edges = edge_nodes(self.nodes[0] + pad)
            found += zip(stress[3:], edges, self.strengths[0, 3:] / 4, strict=True)
        return found


def _at_receiver(grid: Grid, receiver: np.ndarray, axis: int | None) -> Source:
    """Return what is injected at a receiver (1, 3) to find by reciprocity what it records: a volume or a force."""
    nodes, shares = (part[0] for part in grid.spread(receiver, axis))
    if axis is None:
        return Source(nodes, _unit_volume(grid, nodes, shares))
    return Source(nodes, shares * grid.unit_force(nodes, axis), axis)


def _delay_s(sigma_s: float, delay_s: float | None, time_step_s: float, axis: int | None) -> float:
    """Return the delay of the pulse that is injected: half a step earlier where velocities are involved."""
    return (5 * sigma_s if delay_s is None else delay_s) - (0 if axis is None else time_step_s / 2)


def _march(
    grid: Grid,
    source: Source,
    add: Callable[[np.ndarray, tuple[np.ndarray, ...], tuple[np.ndarray, ...]], None],
    shape_of_record: tuple[int, ...],
    *,
    duration_s: float,
    time_step_s: float,
    output_every: int,
    sigma_s: float,
    delay_s: float,
    description: str,
) -> np.ndarray:
    """Step a source through time and return what `add` accumulates, (*shape_of_record, samples).

    Args:
        grid: the staggered grid.
        source: what acts on it.
        add: of (total, velocity, stress): adds what is recorded of the fields to a total of shape `shape_of_record`.
        shape_of_record: without time.
        others: as in `shot_gather`.
    """
    shape = grid.lam.shape
    velocity = tuple(np.zeros(shape, np.float32) for _ in range(3))
    stress = tuple(np.zeros(shape, np.float32) for _ in range(6))
    velocity_memory = absorber_memory(shape, grid.absorbing_cells, (0, 1, 2) * 3)
    stress_memory = absorber_memory(shape, grid.absorbing_cells, (0, 1, 2, 0, 1, 0, 2, 1, 2))
    shear_rows = rows_with_shear(grid.shear)
    targets = source.targets(grid.pad, velocity, stress)
    first, last = source.nodes.min(axis=0) + grid.pad, source.nodes.max(axis=0) + grid.pad
    injected, fade = _injected(time_step_s, sigma_s, delay_s)
    injected /= math.prod(grid.model.spacing_m)

    samples = 1 + round(duration_s / (output_every * time_step_s))
    record = np.zeros((*shape_of_record, samples), np.float32)
    steps = (samples - 1) * output_every
    total = np.zeros(shape_of_record)
    with bar(description, steps) as advance:
        for step in range(1, steps + 1):
            # What the waves have not reached yet is still and need not be computed.
            box = _reached(grid.model, first, last, grid.computed, step * time_step_s)
            step_velocity(velocity, stress, grid.buoyancy, grid.axes, velocity_memory, box)
            grid.image_velocity(velocity)
            step_stress(
                velocity, stress, (grid.lam, grid.two_mu), grid.shear, grid.axes, stress_memory, box, shear_rows
            )
            if step <= injected.size:
                for field, where, value in targets:
                    field[where] -= (injected[step - 1] * value).astype(np.float32)
            grid.image_stress(stress)
            # The fading sum over the steps that undoes the difference which was injected; see `_injected`.
            total *= fade
            add(total, velocity, stress)
            if step % output_every == 0:
                record[..., step // output_every] = total
            advance()
    return record


def _injected(time_step_s: float, sigma_s: float, delay_s: float) -> tuple[np.ndarray, float]:
    """Return what to inject in each step, and the factor per step by which the recorded sum fades.

    Injecting a Gaussian rate would leave a permanent stress at the source, a million times the signal elsewhere, and
    its rounding in each step would radiate (1e-5 of the signal). So rate(n) - fade rate(n - 1), nearly the derivative
    of the rate, is injected, and undone by a sum over the steps that fades: by linearity the result is the same, with a
    twentieth of the noise. Without fading, the sum would accumulate what rounding leaves in the stress (1e-5 of the
    signal after 2 s). The decay time of 2 sigma is a compromise: with a much shorter one the Gaussian itself would be
    injected again, and a much longer one accumulates rounding for longer.

    Returns:
        Rate of unit integral, treated in this way, 1 / s, one value per step until it is over; `fade`, per step.
    """
    fade = math.exp(-time_step_s / (2 * sigma_s))
    steps = math.ceil((delay_s + _PULSE_ENDS_SIGMA * sigma_s) / time_step_s)
    u = ((np.arange(-1, steps) + 0.5) * time_step_s - delay_s) / sigma_s
    rate = np.exp(-0.5 * u**2) / (sigma_s * math.sqrt(2 * math.pi))
    return rate[1:] - fade * rate[:-1], fade


def receiver_gathers(
    model: ElasticModel, receiver_index: np.ndarray, sources_index: np.ndarray, **options
) -> np.ndarray:
    """Return the traces of many sources at one receiver, from one simulation with the source at the receiver.

    Reciprocity: let p(a -> b) be the pressure at b due to an isotropic source at a. The equations, and this scheme in
    all its parts (heterogeneous media, fluid or solid, absorbing layer included), are symmetric in the volume that a
    source injects and the pressure that a sensor measures: p(source -> receiver) = p(receiver -> source) for equal
    volumes. A moment M is a volume M / K, where K = lambda + 2 mu / 3 is the bulk modulus at the source, so for equal
    moments p(source -> receiver) = K_receiver / K_source p(receiver -> source). A component of velocity v(source ->
    receiver) of 1 m^3 is minus the pressure at the source of a force of 1 N s along it at the receiver.

    Args:
        model: the earth.
        receiver_index: (3,) node of the receiver, 0-based, with fractions between nodes.
        sources_index: (n, 3) nodes of the sources, 0-based.
        **options: keyword arguments of `shot_gather`; `source_strength` is that of the n sources.

    Returns:
        (n, samples) pressure in Pa, or velocity in m/s, at the receiver, one row for each source, float32.

    Raises:
        ZooError: as for `shot_gather`.
    """
    receiver = _checked_nodes(model, np.reshape(receiver_index, (-1, 3)), "receiver")
    sources = _checked_nodes(model, sources_index, "source")
    moments = options.get("source_strength", "volume") == "moment"
    if moments and not (whole(receiver) and whole(sources)):
        raise ZooError('Sources of strength "moment" lie on nodes, and so do their receivers; "volume" may not.')
    axis = axis_of(options.get("component", "P"))
    found = _pressures_of_force(model, receiver, sources, axis, **options) if axis is not None else shot_gather(
        model, receiver[0], sources, **options
    )
    if moments:
        nodes = np.rint(sources).astype(int)
        bulk = model.bulk_modulus_pa
        at_receiver = bulk[tuple(np.rint(receiver[0]).astype(int))] if axis is None else MOMENT_N_M
        found *= (at_receiver / bulk[tuple(nodes.T)]).astype(np.float32)[:, None]
    return found


def _pressures_of_force(model, receiver, sources, axis, *, time_step_s=0.8e-3, sigma_s=0.014, **options) -> np.ndarray:
    """Return minus the pressure (n, samples) at sources of a force of 1 N s along an axis at a receiver (1, 3)."""
    cells = options.get("absorbing_cells", ABSORBING_CELLS)
    check_simulation(model, time_step_s, sigma_s, cells)
    grid = Grid.of(model, cells, time_step_s, sigma_s, options.get("free_surface", False))
    nodes, weights = grid.spread(sources)
    at = tuple(np.moveaxis(nodes + grid.pad, -1, 0))

    def add(total: np.ndarray, _: tuple[np.ndarray, ...], stress: tuple[np.ndarray, ...]) -> None:
        for normal in stress[:3]:
            total += (normal[at] * weights).sum(axis=-1) / 3

    return _march(
        grid,
        _at_receiver(grid, receiver, axis),
        add,
        (len(sources),),
        duration_s=options.get("duration_s", 2.0),
        time_step_s=time_step_s,
        output_every=options.get("output_every", 5),
        sigma_s=sigma_s,
        delay_s=_delay_s(sigma_s, options.get("delay_s"), time_step_s, axis),
        description=options.get("description", "Elastic simulation"),
    )


def _checked_nodes(model: ElasticModel, index: np.ndarray, what: str) -> np.ndarray:
    """Return the nodes, or points between them, as (n, 3) float64, or say which lies outside the model."""
    index = np.asarray(index)
    if index.ndim != 2 or index.shape[1] != 3 or not np.issubdtype(index.dtype, np.number) or np.iscomplexobj(index):
        raise ZooError(
            f"Each {what} is a node of the grid, three numbers (ix, iy, iz) from 0 on; received an array of "
            f"shape {index.shape} and type {index.dtype}."
        )
    outside = ~((index >= 0) & (index <= np.array(model.shape) - 1)).all(axis=1)
    if outside.any():
        n = int(outside.argmax())
        raise ZooError(
            f"The {what} number {n}, node {index[n].tolist()}, is outside the model of {model.shape} nodes "
            f"({int(outside.sum())} such nodes in all). Indices start at 0; published ones start at 1."
        )
    return index.astype(np.float64)


def _unit_volume(grid: Grid, nodes: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return time step times moment tensor (m, 6) of 1 m^3 that is injected at nodes (m, 3) by shares (m,)."""
    return np.stack([weight * grid.unit_volume(node) for node, weight in zip(nodes, weights, strict=True)])


def _reached(model: ElasticModel, first: np.ndarray, last: np.ndarray, shape: tuple, time_s: float) -> tuple:
    """Return the part of the grid that waves can have reached: ((i0, i1), (j0, j1), (k0, k1)). The rest is still."""
    distance = float(model.vp_m_s.max()) * time_s
    box = []
    for low, high, n, spacing in zip(first, last, shape, model.spacing_m, strict=True):
        cells = math.ceil(distance / spacing) + _MARGIN_CELLS
        box.append((max(HALO, int(low) - cells), min(n - HALO, int(high) + cells + 1)))
    return tuple(box)
