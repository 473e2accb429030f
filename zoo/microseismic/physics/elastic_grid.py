"""The staggered grid of an elastic simulation: what the kernels need to know of the earth and the absorbing layer."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from zoo.errors import ZooError
from zoo.microseismic.physics.between_nodes import spread
from zoo.microseismic.physics.elastic_kernels import HALO
from zoo.microseismic.physics.elastic_model import ElasticModel
from zoo.microseismic.physics.elastic_surface import image_stress, image_velocity

ECHO = 1e-4  # what is left, in theory, of the fastest wave after it has crossed the absorbing layer twice
_TINY = 1e-30


@dataclass(frozen=True)
class Grid:
    """The padded grid of a simulation.

    Attributes:
        model: the earth.
        absorbing_cells: width of the absorbing layer around it.
        lam, two_mu, shear, buoyancy: from `step_coefficients`.
        axes: from `absorbing_axes`.
        free_surface: whether the model's highest plane of nodes is a free surface.
    """

    model: ElasticModel
    absorbing_cells: int
    lam: np.ndarray
    two_mu: np.ndarray
    shear: tuple[np.ndarray, ...]
    buoyancy: tuple[np.ndarray, ...]
    axes: tuple[tuple, ...]
    free_surface: bool = False

    @classmethod
    def of(
        cls, model: ElasticModel, absorbing_cells: int, time_step_s: float, sigma_s: float, free_surface: bool = False
    ) -> Grid:
        """Return the grid of a model for a time step and a pulse (`zoo.microseismic.physics.elastic.shot_gather`)."""
        coefficients = step_coefficients(model, absorbing_cells + HALO, time_step_s)
        axes = absorbing_axes(model, absorbing_cells, time_step_s, sigma_s)
        return cls(model, absorbing_cells, *coefficients, axes, free_surface)

    @property
    def pad(self) -> int:
        """Cells that surround the model on each side."""
        return self.absorbing_cells + HALO

    @property
    def surface(self) -> int:
        """Index along z of the model's highest plane of nodes."""
        return self.pad + self.model.shape[2] - 1

    @property
    def computed(self) -> tuple[int, int, int]:
        """Shape of the grid, up to `HALO` above the last plane that is computed."""
        nx, ny, nz = self.lam.shape
        return (nx, ny, self.surface + 1 + HALO) if self.free_surface else (nx, ny, nz)

    @cached_property
    def _lam_share(self) -> np.ndarray:
        """Lambda / (lambda + 2 mu) in the surface."""
        lam, two_mu = (modulus[:, :, self.surface] for modulus in (self.lam, self.two_mu))
        return lam / (lam + two_mu)

    def image_velocity(self, velocity: tuple[np.ndarray, ...]) -> None:
        """Write the images of the velocities above a free surface."""
        if self.free_surface:
            image_velocity(velocity, self.surface, self._lam_share, self.model.spacing_m)

    def image_stress(self, stress: tuple[np.ndarray, ...]) -> None:
        """Write the images of the stresses above a free surface."""
        if self.free_surface:
            image_stress(stress, self.surface)

    def spread(self, points: np.ndarray, axis: int | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Return the nodes and weights of points (n, 3), `zoo.microseismic.physics.between_nodes.spread`.

        Args:
            points: in units of the spacing, from the first node of the model.
            axis: of a velocity, whose nodes lie half a cell further along it; None: of normal stresses.

        Raises:
            ZooError: a pressure is asked for in a free surface.
        """
        points, top = np.array(points, np.float64), self.model.shape[2] - 1
        if self.free_surface and axis is None and (points[:, 2] >= top).any():
            raise ZooError(
                "A hydrophone or an explosion lies in the free surface, where there is no pressure. Take a deeper one, "
                "velocity (components Z, N, E), or no free surface."
            )
        if axis is not None:
            points[:, axis] -= 0.5
        return spread(points, (top - (axis == 2)) if self.free_surface else None)

    def unit_force(self, nodes: np.ndarray, axis: int) -> np.ndarray:
        """Return time step over density (m,) for a force of 1 N s along an axis at its velocity's nodes (m, 3).

        Only half of a cell in a free surface is rock.
        """
        found = self.buoyancy[axis][tuple((nodes + self.pad).T)].astype(np.float64)
        return np.where(self.free_surface & (axis != 2) & (nodes[:, 2] == self.model.shape[2] - 1), 2 * found, found)

    def unit_volume(self, node: np.ndarray) -> np.ndarray:
        """Return time step times moment tensor (6,) of 1 m^3 injected at a node: K in each normal component.

        K is taken from the grid's own float32 coefficients, so that reciprocity holds to rounding.
        """
        node = tuple(node + self.pad)
        return np.array([1.0, 1, 1, 0, 0, 0]) * float(self.lam[node] + self.two_mu[node] / 3)


def edge_nodes(nodes: np.ndarray) -> tuple[tuple[np.ndarray, ...], ...]:
    """Return indices of the four shear nodes around nodes (..., 3), for sxy, sxz, syz: three arrays (4, ...) each."""
    found = []
    for one, other in ((0, 1), (0, 2), (1, 2)):
        corners = np.stack([nodes] * 4)
        corners[[1, 3], ..., one] -= 1
        corners[[2, 3], ..., other] -= 1
        found.append(tuple(np.moveaxis(corners, -1, 0)))
    return tuple(found)


def shear_compliance(grid: Grid, nodes: np.ndarray, time_step_s: float):
    """Return the four shear nodes (4, n) around nodes (n, 3) and 1 / (4 mu) there, 1 / Pa, for sxy, sxz, syz.

    Raises:
        ZooError: if there is a fluid at or next to a node.
    """
    found = []
    fluid = grid.two_mu[tuple((nodes + grid.pad).T)] == 0
    for modulus, edges in zip(grid.shear, edge_nodes(nodes + grid.pad), strict=True):
        mu = modulus[edges].astype(np.float64) / time_step_s
        fluid |= (mu == 0).any(axis=0)
        found.append((edges, 0.25 / np.maximum(mu, _TINY)))
    if fluid.any():
        n = int(fluid.argmax())
        raise ZooError(
            f"A moment tensor needs rock around it: source number {n}, node {nodes[n].tolist()}, has a fluid at or "
            f"next to it ({int(fluid.sum())} such sources in all). Take a deeper source, or an isotropic one."
        )
    return found


def step_coefficients(model: ElasticModel, pad: int, time_step_s: float):
    """Return lambda and 2 mu (on nodes), mu (on shear nodes) and 1 / density (on velocity nodes), padded.

    All are multiplied by the time step, float32. The density is averaged over the two nodes that a velocity lies
    between, and 1 / mu over the four around a shear stress (Moczo et al. 2002): that harmonic mean is exactly 0 next to
    a fluid.

    Returns:
        lambda, 2 mu, (mu at sxy, sxz, syz), (1 / density at vx, vy, vz).
    """

    def after(array: np.ndarray, axis: int) -> np.ndarray:
        """Return the next node's value along an axis; the last one repeats."""
        n = array.shape[axis]
        return array.take(np.minimum(np.arange(1, n + 1), n - 1), axis)

    vp, vs, density = (np.pad(a, pad, mode="edge") for a in (model.vp_m_s, model.vs_m_s, model.density_kg_m3))
    dt = np.float32(time_step_s)
    mu = density * vs**2
    lam = dt * (density * vp**2 - 2 * mu)
    buoyancy = tuple(2 * dt / (density + after(density, axis)) for axis in range(3))
    with np.errstate(divide="ignore"):  # 1 / 0 is infinite in a fluid, and the harmonic mean exactly 0
        compliance = 1 / mu
    shear = []
    for one, other in ((0, 1), (0, 2), (1, 2)):
        pair = compliance + after(compliance, one)
        shear.append(4 * dt / (pair + after(pair, other)))
    return lam, 2 * dt * mu, tuple(shear), buoyancy


def rows_with_shear(shear: tuple[np.ndarray, ...]) -> tuple[int, int]:
    """Return the first index along z with any shear modulus and the one after the last, inside the halo."""
    solid = np.flatnonzero(np.any([(mu > 0).any(axis=(0, 1)) for mu in shear], axis=0))
    first, last = (int(solid[0]), int(solid[-1]) + 1) if solid.size else (HALO, HALO)
    return max(first, HALO), min(last, shear[0].shape[2] - HALO)


def absorbing_axes(model: ElasticModel, cells: int, time_step_s: float, sigma_s: float) -> tuple[tuple, ...]:
    """Return what `step_velocity` needs to know of the three axes, with their absorbing layers.

    Damping and frequency shift as in Komatitsch and Martin (2007), with kappa = 1: the damping grows with the square of
    the depth in the layer, and its largest value, 3 vp log(1 / echo) / (2 width), leaves `ECHO` of a wave (Collino and
    Tsogka 2001). The frequency shift, pi times the dominant frequency, falls to 0 outwards. The stretch is the same
    function of position for all derivatives along an axis, so the equations stay symmetric, and reciprocity exact.

    Returns:
        For x, y and z: 1 / spacing, slab, start, stop, decay and gain, see `step_velocity`.
    """
    pad = cells + HALO
    axes = []
    for n, spacing in zip(model.shape, model.spacing_m, strict=True):
        node = np.arange(-pad, n + pad)
        position = np.stack([node, node + 0.5])  # in cells from the first node of the model
        depth = np.maximum(np.maximum(-position, position - (n - 1)), 0) / max(cells, 1)
        strongest = -1.5 * math.log(ECHO) * float(model.vp_m_s.max()) / (max(cells, 1) * spacing)
        damping = strongest * depth**2
        shift = (1 - np.minimum(depth, 1)) / (2 * sigma_s)  # the dominant frequency is 1 / (2 pi sigma)
        decay = np.exp(-(damping + shift) * time_step_s)
        gain = damping / np.maximum(damping + shift, _TINY) * (decay - 1)
        slab = np.full(n + 2 * pad, -1)
        slab[:pad] = np.arange(-HALO, cells)
        slab[pad + n - 1 :] = np.arange(cells, 2 * cells + 1 + HALO)  # the last half node is outside the model
        axes.append(
            (np.float32(1 / spacing), slab, pad, pad + n - 1, decay.astype(np.float32), gain.astype(np.float32))
        )
    return tuple(axes)


def absorber_memory(shape: tuple[int, int, int], cells: int, order: tuple[int, ...]) -> tuple[np.ndarray, ...]:
    """Return zeros for the memories of nine derivatives; `order` is the axis of each.

    A memory is as long as the absorbing layers along the axis of its derivative, and as the grid along the others.
    """
    return tuple(
        np.zeros([2 * cells + 1 if a == axis else n for a, n in enumerate(shape)], np.float32) for axis in order
    )
