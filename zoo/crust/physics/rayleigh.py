"""Rayleigh waves of a spherical, transversely isotropic, anelastic Earth: the fundamental mode and overtones.

The phase velocity is c = omega a / (l + 1/2) of a spheroidal mode, as a normal-mode code gives it, with physical
dispersion by attenuation, transverse isotropy, gravity and (to first order) self-gravitation; an ocean is allowed. The
method is radial spectral elements of degree 3: the frequency is given, the wavenumber is found by residual inverse
iteration, and the inertia of every factorisation, which counts the modes below, guards that it is the mode asked for.

Source: Dahlen & Tromp 1998, Theoretical Global Seismology, chapter 8; Dziewonski & Anderson 1981 for anelastic
dispersion. `benchmarks/crust.py` compares it with a normal-mode code.
"""

from __future__ import annotations

import numpy as np

from zoo.crust.physics import rayleigh_kernels as kernels
from zoo.crust.physics.earth import COLUMNS, EarthModel
from zoo.crust.physics.rayleigh_mesh import MOST_ELEMENTS
from zoo.errors import ZooError

# Below the first, modes reach the core, and first order is not enough for self-gravitation; above the second, seas and
# soils would be so many wavelengths deep that nothing here was compared with anything.
LOWEST_HZ, HIGHEST_HZ = 0.003, 10.0
_STEP = 1e-3  # relative, of frequency
MOST_OVERTONES = 3
_SHALLOWEST_CORE_KM = 2000.0  # a fluid below this is the core


def phase_velocity(
    model: EarthModel,
    frequency_hz: np.ndarray,
    *,
    overtone: int = 0,
    refinement: float = 1.0,
    cowling: bool = False,
) -> np.ndarray:
    """Return the phase velocity of a Rayleigh mode.

    Args:
        model: the Earth.
        frequency_hz: (n,) or a number, 0.003 to 10 Hz, in any order.
        overtone: 0 for the fundamental mode, 1 to 3 for the overtones.
        refinement: divides the length of the elements, and the mesh goes deeper; 1 is accurate to 1e-5. Thin, slow
            sediment (Vs under 1 km/s) at periods below 10 s is less so: of 150 random ones a third exceed 1e-5, one in
            thirty 1e-4, none 1e-3; 3 is accurate to 1e-5 there too.
        cowling: leave out the perturbation of the gravity potential (the Cowling approximation).

    Returns:
        (n,) float64 in km/s; NaN where an overtone does not exist.

    Raises:
        ZooError: if a frequency is out of range, or the model has no fundamental mode at one of them.

    >>> from zoo.crust.physics.earth import prem
    >>> phase_velocity(prem(), [0.010, 0.020]).round(2)  # at periods of 100 and 50 s
    array([4.08, 3.95])
    >>> phase_velocity(prem(), 0.010, overtone=1).round(2)
    array([5.86])
    """
    return _solve(model, frequency_hz, kernels.Options(1.0, float(refinement), cowling, False, overtone))[0]


def group_velocity(
    model: EarthModel,
    frequency_hz: np.ndarray,
    *,
    overtone: int = 0,
    refinement: float = 1.0,
    cowling: bool = False,
) -> np.ndarray:
    """Return the group velocity of a Rayleigh mode: the derivative of frequency by wavenumber.

    It follows from the mode's energies, physical dispersion included, and from how the effect of self-gravitation on
    the wavenumber changes with frequency (by differences: three times the cost of the Cowling approximation).

    Args:
        model: the Earth.
        frequency_hz: (n,) or a number, 0.003 to 10 Hz, in any order.
        overtone, refinement, cowling: as for `phase_velocity`.

    Returns:
        (n,) float64 in km/s; NaN where an overtone does not exist.

    Raises:
        ZooError: as for `phase_velocity`.

    >>> from zoo.crust.physics.earth import prem
    >>> group_velocity(prem(), [0.010, 0.020]).round(2)
    array([3.76, 3.86])
    """
    options = kernels.Options(1.0, float(refinement), True, True, overtone)
    group = _solve(model, frequency_hz, options)[1]
    if cowling:
        return group
    frequencies = np.atleast_1d(np.asarray(frequency_hz, np.float64))
    step = np.where(frequencies * (1 + _STEP) > HIGHEST_HZ, -_STEP, _STEP)  # a one-sided difference stays in the band
    moved = []
    for shift in (np.zeros_like(step), step):
        at = frequencies * (1 + shift)
        with_it, without = (
            _solve(model, at, kernels.Options(1.0, float(refinement), alone, False, overtone))[0]
            for alone in (False, True)
        )
        moved.append(at / with_it - at / without)  # of the wavenumber over 2 pi, 1/km
    return 1.0 / (1.0 / group + (moved[1] - moved[0]) / (frequencies * step))


def check_frequencies(frequency_hz: np.ndarray) -> np.ndarray:
    """Return frequencies as (n,) float64 in Hz.

    Args:
        frequency_hz: (n,) or a number.

    Raises:
        ZooError: if one is not between 3 mHz and 10 Hz, or there is none.
    """
    frequencies = np.atleast_1d(np.asarray(frequency_hz, np.float64))
    if frequencies.ndim != 1 or not frequencies.size:
        raise ZooError(f"Frequencies must be a list of numbers in Hz; received shape {frequencies.shape}.")
    outside = ~((frequencies >= LOWEST_HZ * (1 - 1e-9)) & (frequencies <= HIGHEST_HZ * (1 + 1e-9)))
    if outside.any():
        raise ZooError(
            f"Frequencies go from {LOWEST_HZ} to {HIGHEST_HZ:g} Hz (periods of 0.1 to 333 s); received "
            f"{frequencies[outside][0]:g} Hz. Longer waves reach the core, which these solvers leave out."
        )
    return frequencies


def check_structure(model: EarthModel) -> None:
    """Refuse an Earth that the solvers would take for another one.

    Raises:
        ZooError: if a fluid (a magma chamber, a lake under ice) lies inside the solid above the core, or there are more
            layers than elements.
    """
    depth_km = model.radius_km[-1] - model.radius_km
    fluid = model.vsv_km_s == 0
    solid_above = np.cumsum(~fluid[::-1])[::-1] > 0
    inner = fluid & solid_above & (depth_km < _SHALLOWEST_CORE_KM)
    if inner.any():
        raise ZooError(
            f"{model.title}: a fluid inside the solid, from {depth_km[inner].min():g} to {depth_km[inner].max():g} "
            "km depth. Only a sea on top and the core are solved for; give a layer of melt or a buried lake a small "
            "shear velocity, such as 0.1 km/s."
        )
    layers = int(np.sum((np.diff(model.radius_km) > 0) & (depth_km[1:] < _SHALLOWEST_CORE_KM)))
    if layers > MOST_ELEMENTS // 2:
        raise ZooError(
            f"{model.title}: {layers} layers above the core; at most {MOST_ELEMENTS // 2} are solved for. Merge "
            "neighbours."
        )


def check_overtone(overtone: int) -> None:
    """Refuse a number of an overtone that is not 0 to 3."""
    if overtone not in range(MOST_OVERTONES + 1):
        raise ZooError(f"overtone takes 0 (the fundamental mode) to {MOST_OVERTONES}; received {overtone!r}.")


def _solve(model: EarthModel, frequency_hz: np.ndarray, options: kernels.Options) -> np.ndarray:
    """Return phase and group velocity (2, n) in km/s, in the order of the frequencies; options without a period."""
    frequencies = check_frequencies(frequency_hz)
    check_overtone(options.overtone)
    check_structure(model)
    order = np.argsort(frequencies)
    knots = np.stack([getattr(model, name) for name in COLUMNS])
    out = np.empty((2, frequencies.size))
    options = options._replace(reference_period_s=float(model.reference_period_s), overtone=int(options.overtone))
    kernels.dispersion(knots, frequencies[order], options, kernels.work_arrays(), out)
    lost = np.isnan(out[0])
    if lost.any() and not options.overtone:
        raise ZooError(
            f"{model.title} has no fundamental Rayleigh mode at {frequencies[order][lost][0] * 1e3:g} mHz "
            f"({int(lost.sum())} of {frequencies.size} frequencies): is its surface solid, or is a layer so slow "
            f"or so fine that no wave exists between {kernels.SLOWEST_PART} of its slowest velocity and "
            f"{kernels.FASTEST_KM_S} km/s?"
        )
    result = np.empty_like(out)
    result[:, order] = out
    return result
