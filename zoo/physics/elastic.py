"""Elastic waves in three dimensions: what a pressure sensor records of a small explosion, in any earth model.

Velocity and stress on a staggered grid (Virieux 1986), 8th order in space and 2nd in time, in float32. A fluid is
a region with vs = 0: the harmonic mean of mu is exactly zero at every shear node next to it, so sea and rock are
one grid. All six sides absorb. The scheme is reciprocal to rounding, so one simulation with the source at a receiver
gives the traces of every source at that receiver (`receiver_gathers`): a corpus costs one simulation per receiver.

Units: m, s, kg/m^3, Pa. Nodes are given by 0-based indices (ix, iy, iz); z points up. The source is isotropic:

- "volume": 1 m^3 is injected at the node. Its pressure in a fluid far away is density / (4 pi r) times the second
  derivative of the volume: the first derivative of a Gaussian (`gaussian_derivative`).
- "moment": an isotropic moment of `MOMENT_N_M` along each axis, as (10^10 N m / K) m^3 of volume would have.
"""

from __future__ import annotations

import math

import numpy as np

from zoo.errors import ZooError
from zoo.physics.elastic_kernels import HALO, WEIGHTS, step_stress, step_velocity
from zoo.physics.elastic_model import ElasticModel, read_model, write_model
from zoo.progress import bar

__all__ = [
    "ElasticModel",
    "cells_per_wavelength",
    "check_simulation",
    "gaussian_derivative",
    "largest_time_step_s",
    "memory_bytes",
    "read_model",
    "receiver_gathers",
    "simulate",
    "write_model",
]

MOMENT_N_M = 1e10
ABSORBING_CELLS = 10
ECHO = 1e-4  # left of a wave at the highest speed that crosses the absorbing layer and comes back
MIN_CELLS_PER_WAVELENGTH = 3.0
_MARGIN_CELLS = 10  # how far ahead of the fastest wave the simulation computes
_ARRAYS = 17  # nine fields and eight coefficients


def gaussian_derivative(time_s: np.ndarray, sigma_s: float = 0.014, delay_s: float | None = None) -> np.ndarray:
    """The pulse far from the source: first derivative of a Gaussian, up first, greatest value 1.

    The published traces show this pulse with sigma 14 ms (strongest at 1 / (2 pi sigma) = 11.4 Hz).

    Args:
        time_s: any shape, s.
        sigma_s: standard deviation of the Gaussian, s.
        delay_s: time of the zero between the two lobes, s; five sigma unless given.

    Returns:
        As `time_s`, float64.
    """
    u = (np.asarray(time_s, np.float64) - (5 * sigma_s if delay_s is None else delay_s)) / sigma_s
    return -u * np.exp(0.5 * (1 - u**2))


def memory_bytes(shape: tuple[int, int, int], absorbing_cells: int = ABSORBING_CELLS) -> int:
    """Memory a simulation needs for a model of `shape` (nx, ny, nz) nodes, in bytes."""
    nodes = [n + 2 * (absorbing_cells + HALO) for n in shape]
    memory = 6 * sum((2 * absorbing_cells + 1) / n for n in nodes)  # six derivatives along each axis
    return int(4 * math.prod(nodes) * (_ARRAYS + memory))


def largest_time_step_s(model: ElasticModel) -> float:
    """The largest time step to take, in s: 95 % of the Courant-Friedrichs-Lewy limit of the 8th-order stencil.

    The limit holds for a homogeneous medium; averaged coefficients at interfaces and the absorbing layer need the rest.
    """
    inverse = math.sqrt(sum(1 / d**2 for d in model.spacing_m))
    return 0.95 / (float(model.vp_m_s.max()) * sum(abs(w) for w in WEIGHTS) * inverse)


def cells_per_wavelength(model: ElasticModel, sigma_s: float = 0.014) -> dict[str, float]:
    """How finely the grid samples the shortest waves, along its coarsest axis.

    Returns:
        "dominant": cells per wavelength of the slowest wave (S, or P where there is no S) at the pulse's strongest
        frequency, 1 / (2 pi sigma). "highest": of the slowest P wave at three times that frequency, above which the
        pulse has less than 5.5 % of its strongest amplitude. An explosion sends P; S comes from conversion only, weaker
        and of lower frequency, so S is held to the first and P to both.
    """
    frequency = 1 / (2 * math.pi * sigma_s)
    slowest_p = float(model.vp_m_s.min())
    solid = model.vs_m_s > 0
    slowest = float(model.vs_m_s[solid].min()) if solid.any() else slowest_p
    cell = max(model.spacing_m)
    return {"dominant": slowest / frequency / cell, "highest": slowest_p / (3 * frequency) / cell}


def check_simulation(
    model: ElasticModel, time_step_s: float, sigma_s: float, absorbing_cells: int = ABSORBING_CELLS
) -> None:
    """Refuse what would blow up, be wrong, or not fit into memory, before it starts.

    Raises:
        ZooError: with the numbers, and what to change.
    """
    limit = largest_time_step_s(model)
    if not 0 < time_step_s <= limit:
        raise ZooError(
            f"A time step of {time_step_s * 1e3:.4g} ms is not stable: at vp {model.vp_m_s.max():.0f} m/s and spacing "
            f"{model.spacing_m} m it must be positive and at most {limit * 1e3:.4g} ms. Take a smaller time_step_s."
        )
    for which, cells in cells_per_wavelength(model, sigma_s).items():
        if cells < MIN_CELLS_PER_WAVELENGTH:
            wave = "slowest wave at the dominant" if which == "dominant" else "slowest P wave at the highest"
            frequency = (1 if which == "dominant" else 3) / (2 * math.pi * sigma_s)
            finer = cells / MIN_CELLS_PER_WAVELENGTH
            raise ZooError(
                f"The grid is too coarse: {cells:.2f} cells per wavelength of the {wave} frequency "
                f"({frequency:.3g} Hz), at least {MIN_CELLS_PER_WAVELENGTH:g} are needed. Take a spacing of at most "
                f"{max(model.spacing_m) * finer:.3g} m or a pulse with sigma_s of at least {sigma_s / finer:.3g} s."
            )
    need, free = memory_bytes(model.shape, absorbing_cells), _available_bytes()
    if free is not None and need > free:
        raise ZooError(
            f"The simulation needs {need / 1e9:.1f} GB of memory for {model.shape} nodes and an absorbing layer of "
            f"{absorbing_cells} cells, {free / 1e9:.1f} GB are available. Take a coarser or smaller model."
        )


def _available_bytes() -> int | None:
    """Memory that is available now, or None where the system does not say (no /proc)."""
    try:
        with open("/proc/meminfo", encoding="ascii") as file:
            return next(int(line.split()[1]) * 1024 for line in file if line.startswith("MemAvailable"))
    except (OSError, StopIteration):
        return None


def simulate(
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
    absorbing_cells: int = ABSORBING_CELLS,
    description: str = "Elastic simulation",
) -> np.ndarray:
    """Simulate one isotropic source and return the pressure at the receivers.

    Ctrl-C stops it between two steps.

    Args:
        model: the earth.
        source_index: (3,) node of the source, 0-based.
        receivers_index: (n, 3) nodes of the receivers, 0-based.
        duration_s: time of the last sample, s.
        time_step_s: step of the simulation, s (see `largest_time_step_s`).
        output_every: steps per sample; the samples are 0, 1, ... times output_every * time_step_s.
        sigma_s, delay_s: of the pulse, see `gaussian_derivative`.
        source_strength: "volume" (1 m^3) or "moment" (`MOMENT_N_M`).
        absorbing_cells: width of the absorbing layer that is put around the model on all sides.
        description: what to call it in the progress bar.

    Returns:
        (n, 1 + duration / (output_every * time step)) pressure in Pa, minus a third of the stress's trace, float32.

    Raises:
        ZooError: if a node is outside the model, the time step is unstable, the grid too coarse, or memory short.
    """
    if source_strength not in ("volume", "moment"):
        raise ZooError(f'source_strength must be "volume" or "moment"; got {source_strength!r}.')
    source = _checked_nodes(model, np.reshape(source_index, (-1, 3)), "source")[0]
    receivers = _checked_nodes(model, receivers_index, "receiver")
    check_simulation(model, time_step_s, sigma_s, absorbing_cells)

    pad = absorbing_cells + HALO
    lam, two_mu, shear, buoyancy = _coefficients(model, pad, time_step_s)
    shear_rows = _shear_rows(shear)
    axes = _axes(model, absorbing_cells, time_step_s, sigma_s)
    shape = lam.shape
    velocity = tuple(np.zeros(shape, np.float32) for _ in range(3))
    stress = tuple(np.zeros(shape, np.float32) for _ in range(6))
    velocity_memory = _memory(shape, absorbing_cells, (0, 1, 2) * 3)
    stress_memory = _memory(shape, absorbing_cells, (0, 1, 2, 0, 1, 0, 2, 1, 2))

    source = tuple(source + pad)
    at = tuple((receivers + pad).T)
    injected, fade = _injected(time_step_s, sigma_s, 5 * sigma_s if delay_s is None else delay_s)
    injected /= math.prod(model.spacing_m)
    # dt M for a moment, dt K V for a volume of 1 m^3, with the K of the grid itself
    injected *= time_step_s * MOMENT_N_M if source_strength == "moment" else float(lam[source] + two_mu[source] / 3)

    samples = 1 + round(duration_s / (output_every * time_step_s))
    pressure = np.zeros((len(receivers), samples), np.float32)
    steps = (samples - 1) * output_every
    total = np.zeros(len(receivers))
    with bar(description, steps) as advance:
        for step in range(1, steps + 1):
            box = _reached(model, source, shape, step * time_step_s)
            step_velocity(velocity, stress, buoyancy, axes, velocity_memory, box)
            step_stress(velocity, stress, (lam, two_mu), shear, axes, stress_memory, box, shear_rows)
            total *= fade
            for normal in stress[:3]:
                if step <= injected.size:
                    normal[source] -= np.float32(injected[step - 1])
                total -= normal[at] / 3
            if step % output_every == 0:
                pressure[:, step // output_every] = total
            advance()
    return pressure


def _injected(time_step_s: float, sigma_s: float, delay_s: float) -> tuple[np.ndarray, float]:
    """What to inject in each step, and how the pressure is made of what comes of it.

    Injecting a Gaussian rate would leave a permanent stress at the source, a million times the signal elsewhere, and
    its rounding in each step would radiate (1e-5 of the signal). So rate(n) - fade rate(n - 1) is injected, nearly its
    derivative, and undone by a sum over the steps that fades: the same by linearity, with a twentieth of the noise.
    Without fading, the sum would add up what rounding leaves in the stress (1e-5 of the signal after 2 s).

    Returns:
        Rate of unit integral, so treated, 1 / s, one value per step until it is over; `fade`, per step.
    """
    fade = math.exp(-time_step_s / (2 * sigma_s))
    steps = math.ceil((delay_s + 6 * sigma_s) / time_step_s)
    u = ((np.arange(-1, steps) + 0.5) * time_step_s - delay_s) / sigma_s
    rate = np.exp(-0.5 * u**2) / (sigma_s * math.sqrt(2 * math.pi))
    return rate[1:] - fade * rate[:-1], fade


def receiver_gathers(
    model: ElasticModel, receiver_index: np.ndarray, sources_index: np.ndarray, **options
) -> np.ndarray:
    """Return the traces of many sources at one receiver, from one simulation with the source at the receiver.

    Reciprocity: let p(a -> b) be the pressure at b of an isotropic source at a. The equations, and this scheme in
    all its parts (heterogeneous, fluid or solid, absorbing layer included), are symmetric in the volume that a source
    injects and the pressure that a sensor measures: p(source -> receiver) = p(receiver -> source) for equal volumes.
    A moment M is a volume M / K, with the bulk modulus K = lambda + 2 mu / 3 where the source is, so for equal
    moments p(source -> receiver) = K_receiver / K_source p(receiver -> source).

    Args:
        model: the earth.
        receiver_index: (3,) node of the receiver, 0-based.
        sources_index: (n, 3) nodes of the sources, 0-based.
        **options: keyword arguments of `simulate`; `source_strength` is that of the n sources.

    Returns:
        (n, samples) pressure in Pa at the receiver, one row per source, float32.

    Raises:
        ZooError: as `simulate`.
    """
    receiver = _checked_nodes(model, np.reshape(receiver_index, (-1, 3)), "receiver")[0]
    sources = _checked_nodes(model, sources_index, "source")
    pressure = simulate(model, receiver, sources, **options)
    if options.get("source_strength", "volume") == "moment":
        bulk = model.bulk_modulus_pa
        pressure *= (bulk[tuple(receiver)] / bulk[tuple(sources.T)]).astype(np.float32)[:, None]
    return pressure


def _checked_nodes(model: ElasticModel, index: np.ndarray, what: str) -> np.ndarray:
    """Return the nodes as (n, 3) int64, or say which lies outside the model."""
    index = np.asarray(index)
    if index.ndim != 2 or index.shape[1] != 3 or not np.issubdtype(index.dtype, np.integer):
        raise ZooError(
            f"Each {what} is a node of the grid, three whole numbers (ix, iy, iz) from 0; got an array of shape "
            f"{index.shape} and type {index.dtype}."
        )
    outside = ((index < 0) | (index >= np.array(model.shape))).any(axis=1)
    if outside.any():
        n = int(outside.argmax())
        raise ZooError(
            f"The {what} number {n}, node {index[n].tolist()}, is outside the model of {model.shape} nodes "
            f"({int(outside.sum())} such in all). Indices start at 0; published ones start at 1."
        )
    return index.astype(np.int64)


def _coefficients(model: ElasticModel, pad: int, time_step_s: float):
    """Time step times lambda, 2 mu (nodes), mu (shear nodes), and over density (velocity nodes), float32, padded."""

    def after(array: np.ndarray, axis: int) -> np.ndarray:
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


def _shear_rows(shear: tuple[np.ndarray, ...]) -> tuple[int, int]:
    """First and past-the-last index along z with any shear modulus, inside the halo."""
    solid = np.flatnonzero(np.any([(mu > 0).any(axis=(0, 1)) for mu in shear], axis=0))
    first, last = (int(solid[0]), int(solid[-1]) + 1) if solid.size else (HALO, HALO)
    return max(first, HALO), min(last, shear[0].shape[2] - HALO)


def _axes(model: ElasticModel, cells: int, time_step_s: float, sigma_s: float) -> tuple[tuple, ...]:
    """What `step_velocity` needs to know of the three axes, with their absorbing layers.

    Damping and frequency shift as Komatitsch and Martin (2007), with kappa = 1. The stretch is one function of place
    for all derivatives along an axis, so the equations stay symmetric, and reciprocity exact.
    """
    pad = cells + HALO
    axes = []
    for n, spacing in zip(model.shape, model.spacing_m, strict=True):
        node = np.arange(-pad, n + pad)
        position = np.stack([node, node + 0.5])  # in cells from the first node of the model
        depth = np.maximum(np.maximum(-position, position - (n - 1)), 0) / max(cells, 1)
        strongest = -1.5 * math.log(ECHO) * float(model.vp_m_s.max()) / (max(cells, 1) * spacing)
        damping = strongest * depth**2
        shift = (1 - np.minimum(depth, 1)) / (2 * sigma_s)  # pi times the dominant frequency, falling outwards
        decay = np.exp(-(damping + shift) * time_step_s)
        gain = damping / np.maximum(damping + shift, 1e-30) * (decay - 1)
        slab = np.full(n + 2 * pad, -1)
        slab[:pad] = np.arange(-HALO, cells)
        slab[pad + n - 1 :] = np.arange(cells, 2 * cells + 1 + HALO)  # the last half node is outside the model
        axes.append(
            (np.float32(1 / spacing), slab, pad, pad + n - 1, decay.astype(np.float32), gain.astype(np.float32))
        )
    return tuple(axes)


def _memory(shape: tuple[int, int, int], cells: int, order: tuple[int, ...]) -> tuple[np.ndarray, ...]:
    """Zeros for the memory of nine derivatives, each along the axis that `order` says."""
    return tuple(
        np.zeros([2 * cells + 1 if a == axis else n for a, n in enumerate(shape)], np.float32) for axis in order
    )


def _reached(model: ElasticModel, source: tuple, shape: tuple, time_s: float) -> tuple:
    """The part of the grid that waves can have reached: ((i0, i1), (j0, j1), (k0, k1)). Elsewhere all is still."""
    distance = float(model.vp_m_s.max()) * time_s
    box = []
    for centre, n, spacing in zip(source, shape, model.spacing_m, strict=True):
        cells = math.ceil(distance / spacing) + _MARGIN_CELLS
        box.append((max(HALO, int(centre) - cells), min(n - HALO, int(centre) + cells + 1)))
    return tuple(box)
