"""Modes of surface waves as functions of depth, and the ellipticity of Rayleigh waves."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from zoo.crust.physics import love_kernels, rayleigh_matrices
from zoo.crust.physics.earth import COLUMNS, EarthModel
from zoo.crust.physics.love import love_velocity
from zoo.crust.physics.rayleigh import check_frequencies, phase_velocity
from zoo.crust.physics.rayleigh_kernels import load_and_slope, mesh_depth_hz, wavenumber, work_arrays
from zoo.crust.physics.rayleigh_mesh import DERIVATIVES, NODES, RADIUS, build_mesh
from zoo.errors import UsageError, ZooError

WAVES = ("rayleigh", "love")
_APART = 1e-7  # of k, from the mode: where its matrix is factored, which at the mode itself has no inverse
_ITERATIONS = 3


class Mode(NamedTuple):
    """A mode on its elements, from below upwards."""

    mesh: np.ndarray
    """(12, elements, 4), rows as in `rayleigh_mesh`."""
    shape: np.ndarray
    """(2, elements, 4): U and V of a Rayleigh wave; W and zeros of a Love wave. The largest value is one."""
    slope: np.ndarray
    """(2, elements, 4): radius times their derivatives by radius."""
    k: float
    """Wavenumber per radian, k^2 = l (l + 1)."""
    by_k: float
    """Derivative of its energy by k."""
    omega: float
    """Angular frequency, 1/s."""
    log_factor: float
    """(2 / pi) ln(frequency x reference period), see `rayleigh_matrices`."""


def check_wave(wave: str) -> None:
    """Refuse what is not a wave."""
    if wave not in WAVES:
        raise UsageError(f"wave takes {' or '.join(WAVES)}; received {wave!r}.")


def find_modes(
    model: EarthModel, frequency_hz: np.ndarray, wave: str = "rayleigh", overtone: int = 0, refinement: float = 1.0
) -> list[Mode]:
    """Return the mode at each frequency, in the Cowling approximation, all on one mesh.

    Args:
        model: the Earth.
        frequency_hz: (F,), in any order.
        wave, overtone, refinement: as for `zoo.crust.physics.sensitivity.sensitivity`.

    Raises:
        ZooError: if a frequency is out of range, or there is no such mode.
    """
    frequencies = check_frequencies(frequency_hz)
    check_wave(wave)
    if wave == "love":
        velocity = love_velocity(model, frequencies, overtone=overtone, refinement=refinement)[0]
        lowest_hz = love_kernels.mesh_depth_hz(frequencies.min(), refinement, overtone)
    else:
        velocity = phase_velocity(model, frequencies, overtone=overtone, refinement=refinement, cowling=True)
        lowest_hz = mesh_depth_hz(frequencies.min(), overtone)
    if np.isnan(velocity).any():
        raise ZooError(
            f"{model.title} has no overtone {overtone} of {wave.capitalize()} waves at "
            f"{1e3 * frequencies[np.isnan(velocity)][0]:g} mHz."
        )
    knots, work = np.stack([getattr(model, name) for name in COLUMNS]), work_arrays()
    elements, top = build_mesh(knots, lowest_hz, frequencies.max(), refinement, work.mesh)
    mesh = work.mesh[:, :elements].copy()
    anelastic = 2 / math.pi if model.reference_period_s > 0 else 0.0
    modes = []
    for f, c in zip(frequencies, velocity, strict=True):
        omega, k = 2 * math.pi * f, wavenumber(2 * math.pi * f, knots[0, -1], c)
        log_factor = anelastic * math.log(f * model.reference_period_s) if anelastic else 0.0
        if wave == "love":
            love_kernels.assemble(work.mesh, 0, elements, log_factor, False, work.matrices)
            problem = love_kernels.LoveProblem(work.matrices, work.factors, 0, elements, omega)
            x = love_kernels.mode_at(problem, (k * (1 + _APART)) ** 2, _ITERATIONS)
            by_k = 2 * k * love_kernels.quadratic(problem, x)[1]
            shape = np.stack([_elements(x, elements), np.zeros((elements, NODES))])
        else:
            rayleigh_matrices.assemble(work.mesh, 0, elements, log_factor, False, work.matrices)
            problem = rayleigh_matrices.Problem(
                knots, work.matrices, work.factors, 0, elements, top, omega, anelastic, log_factor
            )
            x = _rayleigh_mode(problem, k)
            _, q1, q2, _ = rayleigh_matrices.quadratic(problem, x)
            by_k = q1 + 2 * k * q2 + x[-2] ** 2 * load_and_slope(problem, k)[1]
            shape = np.stack([_elements(x[part::2], elements) for part in (0, 1)])
        half = 0.5 * (mesh[RADIUS, :, -1] - mesh[RADIUS, :, 0])
        slope = mesh[RADIUS] / half[:, None] * np.einsum("qi,pei->peq", DERIVATIVES, shape)
        modes.append(Mode(mesh, shape, slope, k, by_k, omega, log_factor))
    return modes


def _rayleigh_mode(problem: rayleigh_matrices.Problem, k: float) -> np.ndarray:
    """Return U and V in turn, (6 elements + 2), by inverse iteration."""
    x = 1.0 + np.arange(6 * problem.elements + 2) % 7 / 7
    x[:2] = 0.0
    near = k * (1 + _APART)
    load, slope = load_and_slope(problem, near)
    rayleigh_matrices.factor(problem, near, load)
    for _ in range(_ITERATIONS):
        y = np.empty_like(x)
        rayleigh_matrices.slope_times(problem, near, x, y)
        y[-2] += slope * x[-2]
        rayleigh_matrices.solve(problem, y)
        x = y / np.abs(y).max()
    return x


def _elements(values: np.ndarray, elements: int) -> np.ndarray:
    """Return (elements, 4) of values at nodes, whose last is the first of the element above."""
    return values[(NODES - 1) * np.arange(elements)[:, None] + np.arange(NODES)]


def ellipticity(
    model: EarthModel, frequency_hz: np.ndarray, *, overtone: int = 0, refinement: float = 1.0
) -> np.ndarray:
    """Return the ellipticity H/V of Rayleigh waves: horizontal over vertical displacement on top of the solid.

    It is positive where the ground moves backwards (retrograde), as on a uniform half-space.

    Args:
        model: the Earth; under a sea it is that of the sea's floor.
        frequency_hz: (n,) or a number, 0.003 to 10 Hz.
        overtone: 0 for the fundamental mode, 1 to 3 for the overtones.
        refinement: divides the length of the elements.

    Returns:
        (n,) float64.

    Raises:
        ZooError: if a frequency is out of range, or there is no such mode.

    >>> from zoo.crust.physics.earth import prem
    >>> ellipticity(prem(), [0.02, 0.1]).round(2)
    array([0.9 , 0.64])
    """
    modes = find_modes(model, frequency_hz, "rayleigh", overtone, refinement)
    return np.array([-mode.shape[1, -1, -1] / mode.shape[0, -1, -1] for mode in modes])  # V < 0: backwards
