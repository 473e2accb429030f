"""What do surface waves say of the Earth below? Dispersion to crustal thickness and Vs, with its uncertainty.

    from zoo.crust import invert, read_map

    velocities = read_map("periods.csv")        # Rayleigh or Love, phase or group velocities by point and period
    crust = invert(velocities)                  # thickness and Vs with their posterior, and flags where to doubt it
    print(crust.report())
    crust.write("crust")                        # NetCDF, table, figures

After Cheng et al. (2019), "Inverting Rayleigh surface wave velocities for crustal thickness in eastern Tibet and the
western Yangtze craton based on deep learning neural networks". The physics can be used alone:

>>> from zoo.crust import phase_velocity, prem
>>> phase_velocity(prem(moho_depth_km=60.0), [0.02, 0.05]).round(2)  # km/s at periods of 50 and 20 s
array([3.77, 3.08])

Importing `zoo.crust` imports neither TensorFlow nor Keras nor numba; the first name that needs them does.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

# Name in this face -> module that defines it.
_FACE = {
    "invert": "zoo.crust.inversion",
    "read_map": "zoo.crust.inversion",
    "read_reference": "zoo.crust.inversion",
    "DispersionMap": "zoo.crust.maps",
    "ThicknessMap": "zoo.crust.maps",
    "phase_velocity": "zoo.crust.physics.rayleigh",
    "group_velocity": "zoo.crust.physics.rayleigh",
    "love_velocity": "zoo.crust.physics.love",
    "sensitivity": "zoo.crust.physics.sensitivity",
    "ellipticity": "zoo.crust.physics.modes",
    "prem": "zoo.crust.physics.earth",
    "layered": "zoo.crust.physics.earth",
    "read_deck": "zoo.crust.physics.earth",
    "EarthModel": "zoo.crust.physics.earth",
    "EarthPrior": "zoo.crust.physics.prior",
}

# Types that the others give and take are found here, too, and shown where they are defined.
_TYPES = ("DispersionMap", "ThicknessMap", "EarthModel")
__all__ = [name for name in _FACE if name not in _TYPES]

if TYPE_CHECKING:
    from zoo.crust.inversion import invert, read_map, read_reference  # noqa: F401
    from zoo.crust.maps import DispersionMap, ThicknessMap  # noqa: F401
    from zoo.crust.physics.earth import EarthModel, layered, prem, read_deck  # noqa: F401
    from zoo.crust.physics.love import love_velocity  # noqa: F401
    from zoo.crust.physics.modes import ellipticity  # noqa: F401
    from zoo.crust.physics.prior import EarthPrior  # noqa: F401
    from zoo.crust.physics.rayleigh import group_velocity, phase_velocity  # noqa: F401
    from zoo.crust.physics.sensitivity import sensitivity  # noqa: F401


def __getattr__(name: str):
    if name not in _FACE:
        raise AttributeError(f"module 'zoo.crust' has no attribute {name!r}")
    return getattr(importlib.import_module(_FACE[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_FACE])
