"""A medium whose traces are known in closed form: the truth for tests of inference."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

RECEIVERS_KM = np.array([[0.2, 0.9, 2.43], [0.5, 0.5, 2.43], [0.9, 0.8, 2.43], [0.7, 0.2, 2.43], [0.1, 0.3, 2.43]])


class HomogeneousMedium:
    """Direct wave of an explosion at 2 km/s: a Gaussian's derivative (sigma 14 ms), decaying as 1/d.

    Stands for an emulator: maps coordinates_km (n, 3) to traces (n, receivers, 501), peak 1000 at 1 km.
    """

    answers = "microseismic.traces"
    velocity_km_s = 2.0
    pulse_sd_s = 0.014
    time_step_s = 0.004
    samples = 501
    unit = "Pa"

    def __init__(self, receivers_km=RECEIVERS_KM[:4], emulator_error=None):
        self.receivers_km = np.asarray(receivers_km)
        self.lower_km = np.array([0.0, 0.0, 0.0])
        self.upper_km = np.array([1.0, 1.0, 2.28])
        self.emulator_error = emulator_error or {}

    def __call__(self, coordinates_km):
        coordinates_km = tf.convert_to_tensor(coordinates_km, tf.float32)
        offset = coordinates_km[:, None, :] - self.receivers_km.astype(np.float32)
        distance_km = tf.norm(offset, axis=-1)[..., None]
        time_s = np.arange(self.samples, dtype=np.float32) * np.float32(self.time_step_s)
        phase = (time_s - distance_km / self.velocity_km_s - 4 * self.pulse_sd_s) / self.pulse_sd_s
        return -1000.0 / distance_km * phase * tf.exp(0.5 - 0.5 * phase**2)
