"""A medium whose Green's functions are known in closed form: the truth for tests of mechanisms."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from zoo.microseismic.models.greens import to_common_axes

RECEIVERS_KM = np.array([[0.5, 0.5, 2.43], [0.1, 0.2, 2.43], [0.9, 0.3, 2.43], [0.8, 0.9, 2.43], [0.2, 0.8, 2.43]])


class HomogeneousGreens:
    """A P wave at 2 km/s and an S wave at 1.1 km/s, which the sea bed turns into pressure: Pa per N m.

    The P wave's trace is the second derivative of the distance along the ray, the S wave's the mixed one; both decay
    as 1 / distance. Stands for an emulator of Green's functions.
    """

    answers = "microseismic.greens_functions"
    time_step_s, samples, frame_every, unit = 0.004, 501, 2, "Pa per N m"
    pulse_sd_s, lead_s, level = 0.014, 0.16, 1e-9
    p_km_s, s_km_s = 2.0, 1.1

    def __init__(self, error=(0.0, 0.0, 0.0)):
        self.receivers_km = RECEIVERS_KM
        self.lower_km, self.upper_km = np.array([0.05, 0.05, 0.6]), np.array([0.95, 0.95, 2.1])
        timing_sd_s, log_amplitude_sd, signal_error = error
        count = len(RECEIVERS_KM)
        self.emulator_error = {
            # S is worse
            "timing_sd_s": timing_sd_s * np.tile([1.0, 2.0], (count, 1)),
            "log_amplitude_sd": log_amplitude_sd * np.tile([1.0, 1.5], (count, 1)),
            "shape_error": np.full(count, signal_error / 3),
            "signal_error": np.full(count, signal_error),
        }

    def errors_at(self, height_km):
        return self.emulator_error

    def frames(self, coordinates_km):
        coordinates_km = tf.convert_to_tensor(coordinates_km, tf.float32)
        time_s = np.arange(-(-self.samples // self.frame_every), dtype=np.float32) * 0.008 - self.lead_s
        return self._waves(coordinates_km, tf.constant(time_s), arrival=True)

    def _waves(self, coordinates_km, time_s, arrival):
        offset = coordinates_km[:, None] - self.receivers_km.astype(np.float32)
        distance = tf.norm(offset, axis=-1)
        sine = tf.norm(offset[..., :2], axis=-1) / distance
        cosine = offset[..., 2] / distance
        p_s, s_s = distance / self.p_km_s, distance / self.s_km_s
        zero = tf.zeros_like(sine)
        # rr, tt, zz, rt, rz, tz
        p = tf.stack([sine**2, zero, cosine**2, zero, 2 * sine * cosine, zero], axis=-1)
        s = tf.stack([sine * cosine, 0.1 * sine, -sine * cosine, zero, cosine**2 - sine**2, zero], axis=-1)
        begin = p_s if arrival else tf.zeros_like(p_s)
        p_pulse, s_pulse = (self._pulse(time_s + begin[..., None] - t[..., None]) for t in (p_s, s_s))
        frames = tf.stack([p[..., None] * p_pulse[:, :, None], 0.7 * s[..., None] * s_pulse[:, :, None]], axis=2)
        return frames, p_s - self.lead_s, self.level / distance, to_common_axes(offset)

    def _pulse(self, time_s):
        u = (time_s - 0.07) / self.pulse_sd_s
        return -u * tf.exp(0.5 - 0.5 * u**2)

    def waves(self, coordinates_km):
        coordinates_km = tf.convert_to_tensor(coordinates_km, tf.float32)
        time_s = tf.constant(np.arange(self.samples, dtype=np.float32) * self.time_step_s)
        frames, _, amplitude, turn = self._waves(coordinates_km, time_s, arrival=False)
        return tf.einsum("nrij,nrwjt->nrwit", turn, frames) * amplitude[..., None, None, None]

    def __call__(self, coordinates_km):
        return tf.reduce_sum(self.waves(coordinates_km), axis=2)
