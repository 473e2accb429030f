"""Which velocities explain these shots? Full-waveform inversion as the training of a recurrent network.

Sun, Niu, Innanen, Li and Trad, A deep learning perspective of the forward and inverse problems in exploration
geophysics: a time step of the acoustic wave equation is a cell of a recurrent network, velocity its only weight,
traces its output, and inversion its training.

    from zoo import fwi

    inverted = fwi.invert("line.segy", "start.npz", "line", wavelet="ricker:8", settings={"iterations": 50})
    print(inverted.report())

    wavelet = fwi.ricker(8.0, time_step_s=0.001, samples=1000)
    survey = fwi.Survey(wavelet[None], sources=[[1, 50]], receivers=[[1, x] for x in range(100)], time_step_s=0.001)
    traces = fwi.simulate(velocity_m_s, spacing_m=10.0, survey=survey)            # (shots, time, receivers)

One word, one thing: `Shots` are what was recorded, in metres; a `Survey` is shots on the grid of a velocity model, in
cells and time steps; traces are (shots, time, receivers). `Propagator` simulates and differentiates with numpy alone,
`WaveRNN` is the same as a Keras layer, `FDRNNCell` the paper's cell. Importing `zoo.fwi` imports neither Keras nor
TensorFlow nor numba; the first use of a name that needs them does.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

# Name in this face -> module that defines it. No module of this package has such a name.
_FACE = {
    "invert": "zoo.fwi.inversion.from_shots",
    "read_model": "zoo.fwi.inversion.from_shots",
    "read_shots": "zoo.fwi.shots",
    "Shots": "zoo.fwi.shots",
    "VelocityModel": "zoo.fwi.physics.velocity_models",
    "Settings": "zoo.fwi.inversion.fit",
    "Survey": "zoo.fwi.inversion.survey",
    "simulate": "zoo.fwi.inversion.survey",
    "ricker": "zoo.fwi.physics.acoustic",
    "Propagator": "zoo.fwi.physics.acoustic_propagator",
    "WaveRNN": "zoo.fwi.models.wave",
    "FDRNNCell": "zoo.fwi.models.wave_cell",
}

__all__ = [*_FACE]

if TYPE_CHECKING:
    from zoo.fwi.inversion.fit import Settings  # noqa: F401
    from zoo.fwi.inversion.from_shots import invert, read_model  # noqa: F401
    from zoo.fwi.inversion.survey import Survey, simulate  # noqa: F401
    from zoo.fwi.models.wave import WaveRNN  # noqa: F401
    from zoo.fwi.models.wave_cell import FDRNNCell  # noqa: F401
    from zoo.fwi.physics.acoustic import ricker  # noqa: F401
    from zoo.fwi.physics.acoustic_propagator import Propagator  # noqa: F401
    from zoo.fwi.physics.velocity_models import VelocityModel  # noqa: F401
    from zoo.fwi.shots import Shots, read_shots  # noqa: F401


def __getattr__(name: str):
    if name not in _FACE:
        raise AttributeError(f"module 'zoo.fwi' has no attribute {name!r}")
    return getattr(importlib.import_module(_FACE[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_FACE])
