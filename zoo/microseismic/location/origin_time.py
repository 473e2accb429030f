"""Sampling a source whose origin time is unknown, with a screen that scans the origin times.

A fourth coordinate thins out a screen of Sobol points: of the same number of points, hardly one lies in
the basin of the true mode. But a later origin only shifts the emulated traces, so one emulated source
serves all origin times: its correlation with the data at every lag gives the likelihood at that lag.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from zoo.microseismic.location.noise import whiten
from zoo.microseismic.location.trace_likelihood import TraceLikelihood, woodbury_from_products
from zoo.sampling.smc import Sampler, Settings


class OriginTimeSampler(Sampler):
    """Samples x, y, z in km and the origin time in s.

    Args:
        likelihood: a likelihood with an unknown origin time.
        lower, upper: (4,) corners of the uniform prior.
        settings: size of a run.
    """

    def __init__(
        self,
        likelihood: TraceLikelihood,
        lower: Sequence[float],
        upper: Sequence[float],
        settings: Settings | None = None,
    ) -> None:
        super().__init__(likelihood, lower, upper, settings)
        self.likelihood = likelihood
        self._scan = tf.function(self._scan_lags, jit_compile=True)
        step_s = likelihood.model.time_step_s
        self._lags = np.arange(round(self.lower[3] / step_s), round(self.upper[3] / step_s) + 1)

    def screen(self, data: Sequence[Any] = (), seed: int = 0, size: int | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Return sources (size, 4), each at its best origin time, and log-likelihoods (size,).

        The log-likelihoods are of the likelihood averaged over the origin time, so that the points
        represent the whole prior.
        """
        sources_km = self.sobol(3, seed, size)
        scanned = self._batched(self._scan, sources_km, data)
        origin_time_s = np.clip(scanned[:, 1], self.lower[3], self.upper[3])
        return np.column_stack([sources_km, origin_time_s]), scanned[:, 0]

    def _scan_lags(self, sources_km: tf.Tensor, whitened: tf.Tensor, taps: tf.Tensor) -> tf.Tensor:
        """Return the log of the likelihood averaged over the lags, and the best lag in s, (n, 2)."""
        likelihood, step_s = self.likelihood, self.likelihood.model.time_step_s
        emulated = whiten(likelihood.emulate(sources_km), taps)
        late, loud = likelihood.errors(emulated)

        def products(u: tf.Tensor, v: tf.Tensor) -> tf.Tensor:
            return tf.reduce_sum(u * v, axis=-1)[..., tf.newaxis]

        # correlation[lag] = sum over t of data(t + lag) emulated(t): a matrix product for all sources together.
        samples = emulated.shape[-1]
        room = int(np.abs(self._lags).max()) + 1
        padded = tf.pad(whitened, [[0, 0], [room, room]])
        moved = room + self._lags + np.arange(samples)[:, np.newaxis]
        total = 0.0
        for r, timing_sd_s in enumerate(likelihood.timing_sd_s):
            slope = (padded[r, 2:] - padded[r, :-2]) * (0.5 * timing_sd_s / step_s)
            data_loud = tf.matmul(emulated[:, r], tf.gather(padded[r], moved))
            # Summation by parts: the slope of the data replaces that of the emulated trace.
            data_late = -tf.matmul(emulated[:, r], tf.gather(slope, moved - 1))
            own, a, b = emulated[:, r], late[:, r], loud[:, r]
            total += woodbury_from_products(
                rr=products(whitened[r], whitened[r]) - 2.0 * data_loud + products(own, own),
                ra=data_late - products(own, a),
                rb=likelihood.log_amplitude_sd[r] * (data_loud - products(own, own)),
                aa=products(a, a),
                bb=products(b, b),
                ab=products(a, b),
                variance=1.0,
                samples=samples,
            )
        average = tf.reduce_logsumexp(total, axis=-1) - np.float32(np.log(len(self._lags)))
        best = tf.gather(tf.constant(self._lags * step_s, tf.float32), tf.argmax(total, axis=-1))
        return tf.stack([average, best], axis=-1)
