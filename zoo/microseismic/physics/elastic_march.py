"""A source on the staggered grid of an elastic simulation, and its march through time."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from zoo.microseismic.physics.elastic_grid import Grid, absorber_memory, edge_nodes, rows_with_shear
from zoo.microseismic.physics.elastic_kernels import HALO, step_stress, step_velocity
from zoo.microseismic.physics.elastic_model import ElasticModel
from zoo.progress import bar

# How far ahead of the fastest wave the simulation computes: the stencil spreads a wave by a few cells.
_MARGIN_CELLS = 10
# A Gaussian has fallen below the rounding of float32, to 1.5e-8 of its peak, this many sigma after its centre.
_PULSE_ENDS_SIGMA = 6


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


def at_receiver(grid: Grid, receiver: np.ndarray, axis: int | None) -> Source:
    """Return what is injected at a receiver (1, 3) to find by reciprocity what it records: a volume or a force."""
    nodes, shares = (part[0] for part in grid.spread(receiver, axis))
    if axis is None:
        return Source(nodes, unit_volume(grid, nodes, shares))
    return Source(nodes, shares * grid.unit_force(nodes, axis), axis)


def pulse_delay_s(sigma_s: float, delay_s: float | None, time_step_s: float, axis: int | None) -> float:
    """Return the delay of the pulse that is injected: half a step earlier where velocities are involved."""
    return (5 * sigma_s if delay_s is None else delay_s) - (0 if axis is None else time_step_s / 2)


def march(
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
            box = reached(grid.model, first, last, grid.computed, step * time_step_s)
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


def unit_volume(grid: Grid, nodes: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return time step times moment tensor (m, 6) of 1 m^3 that is injected at nodes (m, 3) by shares (m,)."""
    return np.stack([weight * grid.unit_volume(node) for node, weight in zip(nodes, weights, strict=True)])


def reached(model: ElasticModel, first: np.ndarray, last: np.ndarray, shape: tuple, time_s: float) -> tuple:
    """Return the part of the grid that waves can have reached: ((i0, i1), (j0, j1), (k0, k1)). The rest is still."""
    distance = float(model.vp_m_s.max()) * time_s
    box = []
    for low, high, n, spacing in zip(first, last, shape, model.spacing_m, strict=True):
        cells = math.ceil(distance / spacing) + _MARGIN_CELLS
        box.append((max(HALO, int(low) - cells), min(n - HALO, int(high) + cells + 1)))
    return tuple(box)
