"""`WaveRNN` for shots that have receivers of their own, each on its part of the grid."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import keras
import numpy as np
from keras import ops

from zoo.errors import UsageError, ZooError
from zoo.fwi.models import wave_backends
from zoo.fwi.models.wave import WaveRNN
from zoo.fwi.physics.acoustic_apertures import AperturePropagator, Apertures
from zoo.fwi.physics.xla_apertures import XlaApertures
from zoo.fwi.settings import ENGINES

if TYPE_CHECKING:
    from zoo.fwi.inversion.survey import Survey

_PROPAGATORS = dict(zip(ENGINES, (AperturePropagator, XlaApertures), strict=True))


@keras.saving.register_keras_serializable(package="zoo")
class WaveApertures(WaveRNN):
    """Called with (wavelet (S, T), sources (S, 3)) it returns traces (S, T, R): z, x and the number of the shot.

    Args:
        velocity_m_s, spacing_m, time_step_s: as in `WaveRNN`.
        receivers: (shots, R, 2) positions (z, x) in cells, of all shots.
        columns: (shots, 2) first column that a shot sees, and the one after its last.
        **options: as in `WaveRNN`, but for `gradient="autodiff"`, whose cell sees the whole grid.

    Under the backend JAX models with it are compiled with `jit_compile=False`.
    """

    def __init__(self, velocity_m_s, spacing_m, time_step_s, receivers, columns, **options: Any):
        if options.get("gradient") == "autodiff":
            raise UsageError("gradient='autodiff' is not for shots with apertures. Leave it out.")
        receivers = np.asarray(receivers)
        super().__init__(velocity_m_s, spacing_m, time_step_s, receivers.reshape(-1, 2), **options)
        self.apertures = Apertures(np.asarray(columns, np.int64), self.receivers.reshape(receivers.shape))
        self.receivers = self.apertures.receivers[0]  # as many as every shot has
        whole = self._propagator
        names = ("spacing_m", "time_step_s", "reference_m_s", "order", "absorber", "width", "free_surface")
        names += ("store_dtype", "store_all", "dtype", "density")
        given = {name: getattr(whole, name) for name in names}
        self._propagator = _PROPAGATORS[self.engine](tuple(self.velocity.shape), self.apertures, **given)
        self.supports_jit = False  # the numbers of the shots must be known

    def call(self, inputs, velocity_m_s=None):
        """Return traces (S, T, R); the survey has been checked (`Survey.checked`)."""
        wavelet, sources = inputs
        backend = keras.backend.backend()
        if backend not in wave_backends.SIMULATORS:
            raise ZooError(f"Shots with apertures need the backend tensorflow or jax; this is {backend}.")
        velocity = ops.convert_to_tensor(self.velocity if velocity_m_s is None else velocity_m_s)
        velocity, wavelet = (ops.cast(part, self.compute_dtype) for part in (velocity, wavelet))
        return wave_backends.SIMULATORS[backend](self)(velocity, wavelet, ops.cast(sources, "float32"))

    def get_config(self):
        own = {"receivers": self.apertures.receivers.tolist(), "columns": self.apertures.columns.tolist()}
        return {**super().get_config(), **own}


def waves_of(velocity_m_s: np.ndarray, spacing_m: float, survey: Survey, **options: Any) -> WaveRNN:
    """Return the layer that simulates a survey, with `Survey.numbered` sources."""
    grid = velocity_m_s, spacing_m, survey.time_step_s, survey.receivers
    if survey.columns is None:
        return WaveRNN(*grid, **options)
    return WaveApertures(*grid, survey.columns, **options)
