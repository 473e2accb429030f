"""Elastic waves in three dimensions: what a hydrophone or a geophone records of a small source, in any earth model.

Velocity and stress on a staggered grid (Virieux 1986), 8th order in space and 2nd in time, in float32. A fluid is
a region with vs = 0: the harmonic mean of mu is exactly zero at every shear node next to it, so sea and rock are
one grid. All six sides absorb, or the top is a free surface (`elastic_surface`). The scheme is reciprocal to rounding
(under a free surface: as accurate as it is), so one simulation with the source at a receiver gives the traces of every
source at that receiver (`receiver_gathers`; for moment tensors, `greens_functions`): a dataset costs one simulation for
each receiver and component. Isotropic sources and receivers may lie between nodes
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
from zoo.microseismic.physics.elastic_grid import Grid, shear_compliance
from zoo.microseismic.physics.elastic_march import Source, at_receiver, march, pulse_delay_s, unit_volume
from zoo.microseismic.physics.elastic_model import ElasticModel, read_model, write_model

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
    _check_strength(source_strength)
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
        strengths = unit_volume(grid, parts, shares)

    def add(total: np.ndarray, velocity: tuple[np.ndarray, ...], stress: tuple[np.ndarray, ...]) -> None:
        if axis is not None:
            total += (velocity[axis][at] * weights).sum(axis=-1)
            return
        for normal in stress[:3]:
            total -= (normal[at] * weights).sum(axis=-1) / 3

    times = {"duration_s": duration_s, "time_step_s": time_step_s, "output_every": output_every}
    pulse = {"sigma_s": sigma_s, "delay_s": pulse_delay_s(sigma_s, delay_s, time_step_s, axis)}
    source = Source(parts, strengths)
    return march(grid, source, add, (len(receivers),), **times, **pulse, description=description)


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
        (n, 6, samples) pressure in Pa, or velocity in m/s, at the receiver per N m of Mxx, Myy, Mzz, Mxy (= Myx), Mxz,
        Myz, float32. The trace of M is the sum of these times its components.

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
    pulse = {"sigma_s": sigma_s, "delay_s": pulse_delay_s(sigma_s, delay_s, time_step_s, axis)}
    source = at_receiver(grid, receiver, axis)
    found = march(grid, source, add, (len(sources), 6), **times, **pulse, description=description)
    # The shear rows are strains already (twice the strain, as Mxy = Myx: the mean of stress / mu over the four edges).
    # The normal rows are stresses: by Hooke's law, strain = (stress - lambda / (3 lambda + 2 mu) trace) / (2 mu).
    part = (lam / (3 * lam + two_mu)).astype(np.float32)[:, np.newaxis, np.newaxis]
    trace = found[:, :3].sum(axis=1, keepdims=True)
    found[:, :3] = (found[:, :3] - part * trace) / two_mu.astype(np.float32)[:, np.newaxis, np.newaxis]
    return found


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
    if axis is None:
        found = shot_gather(model, receiver[0], sources, **options)
    else:
        found = _of_forces(model, receiver, sources, **options)
    if moments:
        nodes = np.rint(sources).astype(int)
        bulk = model.bulk_modulus_pa
        scale = bulk[tuple(np.rint(receiver[0]).astype(int))] if axis is None else MOMENT_N_M
        found *= (scale / bulk[tuple(nodes.T)]).astype(np.float32)[:, None]
    return found


def _of_forces(
    model: ElasticModel,
    receiver: np.ndarray,
    sources: np.ndarray,
    *,
    component: str,
    duration_s: float = 2.0,
    time_step_s: float = 0.8e-3,
    output_every: int = 5,
    sigma_s: float = 0.014,
    delay_s: float | None = None,
    source_strength: str = "volume",
    free_surface: bool = False,
    absorbing_cells: int = ABSORBING_CELLS,
    description: str = "Elastic simulation",
) -> np.ndarray:
    """Return minus the pressure (n, samples) at sources of a force of 1 N s along a component at a receiver (1, 3)."""
    _check_strength(source_strength)
    check_simulation(model, time_step_s, sigma_s, absorbing_cells)
    grid, axis = Grid.of(model, absorbing_cells, time_step_s, sigma_s, free_surface), axis_of(component)
    nodes, weights = grid.spread(sources)
    at = tuple(np.moveaxis(nodes + grid.pad, -1, 0))

    def add(total: np.ndarray, _: tuple[np.ndarray, ...], stress: tuple[np.ndarray, ...]) -> None:
        for normal in stress[:3]:
            total += (normal[at] * weights).sum(axis=-1) / 3

    times = {"duration_s": duration_s, "time_step_s": time_step_s, "output_every": output_every}
    pulse = {"sigma_s": sigma_s, "delay_s": pulse_delay_s(sigma_s, delay_s, time_step_s, axis)}
    force = at_receiver(grid, receiver, axis)
    return march(grid, force, add, (len(sources),), **times, **pulse, description=description)


def _check_strength(source_strength: str) -> None:
    if source_strength not in ("volume", "moment"):
        raise ZooError(f'source_strength must be "volume" or "moment"; received {source_strength!r}.')


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
