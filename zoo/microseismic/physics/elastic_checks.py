"""What an elastic simulation needs (pulse, memory, time step, grid), and the refusal of what cannot be right."""

from __future__ import annotations

import math

import numpy as np

from zoo.errors import ZooError
from zoo.microseismic.physics.elastic_kernels import HALO, WEIGHTS
from zoo.microseismic.physics.elastic_model import ElasticModel

ABSORBING_CELLS = 10  # echoes from the sides are then below 0.2 % of the signal (tests/microseismic/test_elastic.py)
# The stencil makes waves of three cells per wavelength 2 % too slow, of four 0.3 %.
MIN_CELLS_PER_WAVELENGTH = 3.0
_ARRAYS = 17  # nine fields and eight coefficients
# Fraction of the stability limit to use: the limit holds for a homogeneous medium; averaged coefficients at interfaces
# and the absorbing layer need the rest.
_COURANT = 0.95
# "Highest" frequency over the strongest one: the pulse has less than 5.5 % of its strongest amplitude above it.
_HIGHEST_TO_STRONGEST = 3


def gaussian_derivative(time_s: np.ndarray, sigma_s: float = 0.014, delay_s: float | None = None) -> np.ndarray:
    """Return the pulse far from the source: first derivative of a Gaussian, positive lobe first, largest value 1.

    The published traces show this pulse with sigma 14 ms (strongest at 1 / (2 pi sigma) = 11.4 Hz).

    Args:
        time_s: any shape, s.
        sigma_s: standard deviation of the Gaussian, s.
        delay_s: time of the zero between the two lobes, s; None: five sigma.

    Returns:
        Shape of `time_s`, float64.

    >>> gaussian_derivative([0.056, 0.070, 0.084]).round(3).tolist()
    [1.0, -0.0, -1.0]
    """
    u = (np.asarray(time_s, np.float64) - (5 * sigma_s if delay_s is None else delay_s)) / sigma_s
    return -u * np.exp(0.5 * (1 - u**2))


def memory_bytes(shape: tuple[int, int, int], absorbing_cells: int = ABSORBING_CELLS) -> int:
    """Return the memory in bytes that a simulation needs for a model of `shape` (nx, ny, nz) nodes."""
    nodes = [n + 2 * (absorbing_cells + HALO) for n in shape]
    memory = 6 * sum((2 * absorbing_cells + 1) / n for n in nodes)  # six derivatives along each axis
    return int(4 * math.prod(nodes) * (_ARRAYS + memory))


def largest_time_step_s(model: ElasticModel) -> float:
    """Return the largest time step to take, s: 95 % of the Courant-Friedrichs-Lewy limit of the 8th-order stencil."""
    inverse = math.sqrt(sum(1 / d**2 for d in model.spacing_m))
    return _COURANT / (float(model.vp_m_s.max()) * sum(abs(w) for w in WEIGHTS) * inverse)


def cells_per_wavelength(model: ElasticModel, sigma_s: float = 0.014) -> dict[str, float]:
    """Return how finely the grid samples the shortest waves, along its coarsest axis.

    Returns:
        "dominant": cells per wavelength of the slowest wave (S, or P if there is no S) at the pulse's strongest
        frequency, 1 / (2 pi sigma). "highest": cells per wavelength of the slowest P wave at three times that
        frequency, above which the pulse has less than 5.5 % of its strongest amplitude. An explosion radiates P waves;
        S waves arise by conversion only, weaker and at lower frequency: the first applies to S waves, both to P waves.
    """
    frequency = 1 / (2 * math.pi * sigma_s)
    slowest_p = float(model.vp_m_s.min())
    solid = model.vs_m_s > 0
    slowest = float(model.vs_m_s[solid].min()) if solid.any() else slowest_p
    cell = max(model.spacing_m)
    return {"dominant": slowest / frequency / cell, "highest": slowest_p / (_HIGHEST_TO_STRONGEST * frequency) / cell}


def check_simulation(
    model: ElasticModel, time_step_s: float, sigma_s: float, absorbing_cells: int = ABSORBING_CELLS
) -> None:
    """Refuse, before it starts, a simulation that would blow up, be wrong, or not fit into memory.

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
            frequency = (1 if which == "dominant" else _HIGHEST_TO_STRONGEST) / (2 * math.pi * sigma_s)
            finer = cells / MIN_CELLS_PER_WAVELENGTH
            raise ZooError(
                f"The grid is too coarse: {cells:.2f} cells per wavelength of the {wave} frequency "
                f"({frequency:.3g} Hz); at least {MIN_CELLS_PER_WAVELENGTH:g} are needed. Take a spacing of at most "
                f"{max(model.spacing_m) * finer:.3g} m or a pulse with sigma_s of at least {sigma_s / finer:.3g} s."
            )
    need, free = memory_bytes(model.shape, absorbing_cells), _available_bytes()
    if free is not None and need > free:
        raise ZooError(
            f"The simulation needs {need / 1e9:.1f} GB of memory for {model.shape} nodes and an absorbing layer of "
            f"{absorbing_cells} cells; {free / 1e9:.1f} GB are available. Take a coarser or smaller model."
        )


def _available_bytes() -> int | None:
    """Return the memory that is available now, or None if the system does not tell (no /proc)."""
    try:
        with open("/proc/meminfo", encoding="ascii") as file:
            return next(int(line.split()[1]) * 1024 for line in file if line.startswith("MemAvailable"))
    except (OSError, StopIteration):
        return None
