"""Love waves of a spherical, transversely isotropic, anelastic Earth: toroidal modes, fundamental and overtones.

The method is that of `zoo.crust.physics.rayleigh` on the same elements: radial spectral elements of degree 3, the
frequency is given and the wavenumber is found, and the inertia of the factorisation says which mode it is. A sea above
the solid does not take part; what lies below a fluid layer does not either.

Source: Dahlen & Tromp 1998, Theoretical Global Seismology, chapter 8.
"""

from __future__ import annotations

import numpy as np

from zoo.crust.physics import love_kernels as kernels
from zoo.crust.physics.earth import COLUMNS, EarthModel
from zoo.crust.physics.rayleigh import check_frequencies, check_overtone, check_structure
from zoo.crust.physics.rayleigh_kernels import work_arrays
from zoo.errors import ZooError


def love_velocity(
    model: EarthModel, frequency_hz: np.ndarray, *, overtone: int = 0, refinement: float = 1.0
) -> tuple[np.ndarray, np.ndarray]:
    """Return phase and group velocity of a Love wave.

    Args:
        model: the Earth.
        frequency_hz: (n,) or a number in Hz, in any order.
        overtone: 0 for the fundamental mode, 1 to 3 for the overtones.
        refinement: divides the length of the elements.

    Returns:
        Phase and group velocity, each (n,) float64 in km/s; NaN where an overtone does not exist.

    Raises:
        ZooError: if a frequency is out of range, or the model has no fundamental Love mode at one of them.

    >>> from zoo.crust.physics.earth import prem
    >>> love_velocity(prem(), [0.010, 0.020])[0].round(2)
    array([4.62, 4.45])
    """
    frequencies = check_frequencies(frequency_hz)
    check_overtone(overtone)
    check_structure(model)
    order = np.argsort(frequencies)
    knots = np.stack([getattr(model, name) for name in COLUMNS])
    out = np.empty((2, frequencies.size))
    kernels.love_dispersion(
        knots,
        frequencies[order],
        float(model.reference_period_s),
        float(refinement),
        overtone,
        True,
        work_arrays(),
        out,
    )
    lost = np.isnan(out[0])
    if lost.any() and not overtone:
        raise ZooError(
            f"{model.title} has no fundamental Love mode at {frequencies[order][lost][0] * 1e3:g} mHz "
            f"({int(lost.sum())} of {frequencies.size} frequencies): Love waves need a slower layer on a faster one."
        )
    result = np.empty_like(out)
    result[:, order] = out
    return result[0], result[1]
