"""Likelihood of the traces of one event whose location and moment tensor are both unknown.

Traces are linear in the moment tensor M, d = G(x) M + e, with the Green's functions G of an emulator. With a Gaussian
prior on M and Gaussian errors, M is integrated out in closed form at every location x, so that only the location is
sampled, and M at a given location is drawn exactly:

    p(d | x) = N(d; 0, S^2 G G^T + C),    M | x, d = N(m, S^2 (I + S^2 G^T C^-1 G)^-1).

The prior is isotropic in the space of tensors: M : M is the sum of the squares of six numbers, each of standard
deviation S (so a shear component, which occurs twice in the matrix, has S / sqrt(2)). S is broad, and is set from the
amplitude of the data (`prior_scale`).

C is that of `zoo.microseismic.location.trace_likelihood`: white errors and, for each receiver, multiples of the trace
and of its derivative, which are errors of amplitude and of arrival time. Unlike there, P and S have errors of their
own: those of S are larger, and the time between the two determines the distance. The trace depends on M. It is taken at
the mean of M under white errors alone, which is an approximation: otherwise C would depend on what is integrated out.

The white errors are the noise and the remaining error of the emulator. The latter is not white: it lies in the band
and at the times of the signals. So its variance is not the one over all samples but the one along the signals, in the
space of Green's functions and their derivatives, as measured on validation events
(`zoo.microseismic.models.greens_training`). It is relative to the loudest trace of the event, not to the receiver's
own: at a receiver in a nodal direction the trace is small, but the emulator's error is not. All errors are those at one
height, where a first screen finds the event: S waves are short in the soft ground near the seabed, and there the
emulator's errors are several times those below.

Frames begin at the arrival and are sampled every `model.frame_every` samples of the traces; the data are shifted to
them and thinned in the same way. The pulse has no energy above the Nyquist frequency of that.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
import tensorflow as tf
from scipy.signal import resample_poly
from scipy.stats import qmc

from zoo.microseismic.models.emulator import ShiftAndScale
from zoo.microseismic.physics.moment_tensor import MULTIPLICITY

# Turns six numbers of equal standard deviation into the components of a tensor.
_EVEN = (1.0 / np.sqrt(MULTIPLICITY)).astype(np.float32)
# The prior's standard deviation is this many times what a source at the quietest locations (this quantile of them)
# needs to be as loud as the data. With the median location instead, the prior would pull the tensors of deep sources,
# which are a tenth as loud, towards zero.
_PRIOR_BREADTH, _QUIETEST = 3.0, 0.05
# Locations at which loudness is measured: a power of two, for Sobol points; a twentieth of them are thirteen.
_PRIOR_LOCATIONS = 256
# The signal has at least this share of the energy of the data: where the noise is overestimated, the difference of the
# two may be negative.
_LEAST_SIGNAL_SHARE = 0.01
# Samples at the ends of the data that the 8-point interpolation of `ShiftAndScale` does not reach.
_EDGE = 4


class MechanismLikelihood:
    """log p(traces | source coordinates) with the moment tensor integrated out: vectorised, float32, for XLA.

    Called with coordinates_km (n, 3) and what `prepare` returns (data (receivers, samples), variance (receivers,),
    prior scale (), and errors of time in s and log amplitude of P and S (receivers, 2)), it returns log-likelihoods
    (n,) relative to silence, log N(d; 0, white errors).

    Args:
        model: emulator of Green's functions. `model.frames(coordinates_km)` returns frames of P and S (n, receivers, 2,
            6, frame samples); the time in s at which they begin and their amplitude, each (n, receivers); and matrices
            (n, receivers, 6, 6) that turn their components into those of `zoo.microseismic.physics.moment_tensor`.
            `model.frame_every` is their sampling interval divided by `model.time_step_s`. `model.waves(coordinates_km)`
            returns Green's functions of P and S, (n, receivers, 2, 6, time). `model.emulator_error` maps `timing_sd_s`
            and `log_amplitude_sd` to (receivers, 2), and `shape_error` (rms over all samples, relative to the peak at
            the loudest receiver) and `signal_error` (the same along signals) to (receivers,);
            `model.errors_at(height_km)` does so for a height.
        receivers: indices of the emulator's receivers that recorded the event; None: all.
    """

    def __init__(self, model: Any, receivers: Sequence[int] | None = None) -> None:
        count = len(model.receivers_km)
        self.receivers = tuple(range(count) if receivers is None else receivers)
        self.model = model
        self.frame_step_s = model.frame_every * model.time_step_s

    def errors(self, height_km: float | None) -> dict[str, np.ndarray]:
        """Return the emulator's errors at the receivers in use, for a height or on average (None)."""
        found = self.model.emulator_error if height_km is None else self.model.errors_at(height_km)
        return {name: np.asarray(values, np.float32)[list(self.receivers)] for name, values in found.items()}

    def prepare(self, traces: np.ndarray, noise_sd: np.ndarray, height_km: float | None = None) -> tuple:
        """Return what follows the coordinates in a call: data, variance, prior scale, errors of time and amplitude.

        Args:
            traces: (receivers, time) from the origin time on.
            noise_sd: (receivers,).
            height_km: z near which the source probably lies, for the emulator's errors there; None: errors on average.
        """
        error, every = self.errors(height_km), self.model.frame_every
        data = resample_poly(np.asarray(traces, np.float64), 1, every, axis=-1).astype(np.float32)
        # Low-passed white noise keeps its spectral density: the thinned data have 1 / every of its variance.
        signal_sd = error["signal_error"] * np.abs(traces).max()
        variance = ((np.asarray(noise_sd) ** 2 + signal_sd**2) / every).astype(np.float32)
        scale = np.float32(self.prior_scale(traces, noise_sd))
        return data, variance, scale, error["timing_sd_s"], error["log_amplitude_sd"]

    def prior_scale(self, traces: np.ndarray, noise_sd: np.ndarray) -> float:
        """Return the standard deviation S of the prior: what the energy of the traces requires, several times over.

        Args:
            traces: (receivers, time).
            noise_sd: (receivers,).
        """
        energy = np.sum(traces.astype(np.float64) ** 2) - traces.shape[1] * np.sum(np.square(noise_sd))
        energy = max(energy, _LEAST_SIGNAL_SHARE * np.sum(np.square(traces, dtype=np.float64)))
        loudness, expected = self._loudness
        return float(_PRIOR_BREADTH * np.sqrt(energy / expected) / loudness)

    @cached_property
    def _loudness(self) -> tuple[float, float]:
        """Return the largest amplitude, and the energy of traces from quiet locations over its square for S = 1."""
        unit = qmc.Sobol(3, rng=np.random.default_rng(0)).random(_PRIOR_LOCATIONS)
        sources_km = self.model.lower_km + unit * (self.model.upper_km - self.model.lower_km)
        waves, _, amplitude, turn = self._frames(tf.constant(sources_km, tf.float32))
        # Scaled before they are squared: the squares of Green's functions in Pa per N m underflow in float32.
        loudness = float(tf.reduce_max(amplitude))
        even = tf.einsum("nrij,nrwjt->nrit", turn, waves) * (amplitude / loudness)[..., None, None] * _EVEN[:, None]
        energy = self.model.frame_every * tf.reduce_sum(even**2, axis=(1, 2, 3)).numpy().astype(np.float64)
        return loudness, float(np.quantile(energy, _QUIETEST))

    def __call__(self, coordinates_km: tf.Tensor, *arguments: tf.Tensor) -> tf.Tensor:
        gram, projected, constant = self.normal_equations(coordinates_km, *arguments)
        quadratic, log_determinant, _ = solve_posterior(gram, projected)
        return 0.5 * (quadratic - log_determinant) + constant

    def normal_equations(self, coordinates_km, data, variance, scale, timing_sd_s, log_amplitude_sd):
        """Return A (n, 6, 6), b (n, 6) and c (n,) of log p(d | M, x) = b.u - u.A.u / 2 + c, with M = scale * even * u.

        The density is relative to silence, u has a standard normal prior, and the integral over u is what
        `solve_posterior` gives: (b.(I + A)^-1 b - log |I + A|) / 2 + c. The arguments after the coordinates are what
        `prepare` returns.
        """
        waves, onset_s, amplitude, turn = self._frames(coordinates_km)
        samples = waves.shape[-1]
        onset = onset_s / self.frame_step_s
        data = self._moved(data, onset)
        # Samples of a frame that lie outside the record tell nothing.
        index = np.arange(samples, dtype=np.float32) + onset[..., None]
        heard = (index >= _EDGE) & (index <= samples - 1 - _EDGE)
        # From here on in units of the standard deviation of the white errors: they become the unit matrix.
        strength = amplitude * scale / tf.sqrt(variance)
        waves = tf.where(heard[:, :, None, None], waves, 0.0) * strength[..., None, None, None]
        greens = tf.reduce_sum(waves, axis=2)
        data = data / tf.sqrt(variance)[:, None]
        turn = turn * _EVEN[:, None]

        def together(grams, projections):
            """Turn Gram matrices and projections to common components, and sum them over the receivers."""
            gram = tf.einsum("nrij,nrjk,nrlk->nil", turn, grams, turn)
            return gram, tf.einsum("nrij,nrj->ni", turn, projections)

        # First with white errors alone, for the mean of M at which the columns of C are taken.
        grams = tf.matmul(greens, greens, transpose_b=True)
        projections = tf.linalg.matvec(greens, data)
        *_, mean = solve_posterior(*together(grams, projections))

        # The columns U of C: what an error of one standard deviation in time, and in amplitude, adds to P and to S.
        traces = tf.einsum("nrj,nrwjt->nrwt", tf.einsum("nrij,ni->nrj", turn, mean), waves)
        inner = (traces[..., 2:] - traces[..., :-2]) / (2.0 * self.frame_step_s)
        late = timing_sd_s[..., None] * tf.pad(inner, ((0, 0), (0, 0), (0, 0), (1, 1)))
        loud = log_amplitude_sd[..., None] * traces
        columns = tf.concat([late, loud], axis=2)

        # C = I + U U^T, so C^-1 = I - U K^-1 U^T with K = I + U^T U = L L^T (Woodbury), and |C| = |K|. With the columns
        # of L^-1 U^T [G d], the products with C^-1 are those with I minus theirs.
        lower = cholesky_of_unit_plus(tf.matmul(columns, columns, transpose_b=True))
        across = tf.matmul(columns, tf.concat([greens, data[:, :, None]], axis=2), transpose_b=True)
        across = tf.stack(solve_lower(lower, tf.unstack(across, axis=2)), axis=2)
        seen, across = across[..., -1], across[..., :-1]
        grams = grams - tf.matmul(across, across, transpose_a=True)
        projections = projections - tf.linalg.matvec(across, seen, transpose_a=True)
        log_determinant = tf.add_n([tf.math.log(lower[i][i][..., 0]) for i in range(len(lower))])
        constant = tf.reduce_sum(0.5 * tf.reduce_sum(seen**2, axis=-1) - log_determinant, axis=-1)
        return *together(grams, projections), constant

    def draw_tensors(
        self, coordinates_km: np.ndarray, arguments: Sequence[np.ndarray], rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return one tensor for each location, drawn from p(M | x, d), and the mean of that, each (n, 6), in N m.

        Args:
            coordinates_km: (n, 3) locations.
            arguments: what `prepare` returned.
            rng: makes the draws.
        """
        equations = self.normal_equations(tf.constant(coordinates_km, tf.float32), *map(tf.constant, arguments))
        gram, projected = (np.asarray(part, np.float64) for part in equations[:2])
        # In float64: there are only as many systems as samples, and no XLA is needed.
        precision = np.eye(6) + gram
        mean = np.linalg.solve(precision, projected[..., None])[..., 0]
        factor = np.linalg.cholesky(precision)
        normal = rng.normal(size=(*mean.shape, 1))
        drawn = mean + np.linalg.solve(np.swapaxes(factor, -1, -2), normal)[..., 0]
        unit = float(arguments[2]) * _EVEN.astype(np.float64)
        return drawn * unit, mean * unit

    def predictive(
        self,
        coordinates_km: np.ndarray,
        tensors_n_m: np.ndarray,
        traces: np.ndarray,
        noise_sd: np.ndarray,
        height_km: float | None = None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return mean and standard deviation, each (receivers, time), of data that samples of the posterior predict.

        Args:
            coordinates_km, tensors_n_m: (n, 3) and (n, 6) samples.
            traces: (receivers, time) observed.
            noise_sd: (receivers,).
            height_km: as in `prepare`.
        """
        error = self.errors(height_km)
        waves = np.asarray(self.model.waves(np.asarray(coordinates_km, np.float32)))[:, list(self.receivers)]
        parts = np.einsum("nc,nrwct->nrwt", tensors_n_m, waves)
        drawn, mean = parts.sum(axis=2), parts.mean(axis=0)
        late = error["timing_sd_s"][..., None] * np.gradient(mean, self.model.time_step_s, axis=-1)
        loud = error["log_amplitude_sd"][..., None] * mean
        white = np.asarray(noise_sd) ** 2 + (error["shape_error"] * np.abs(traces).max()) ** 2
        wrong = np.sum(late**2 + loud**2, axis=1)
        return mean.sum(axis=1), np.sqrt(white[:, None] + wrong + drawn.var(axis=0))

    def _frames(self, coordinates_km: tf.Tensor) -> tuple[tf.Tensor, ...]:
        """Return what `model.frames` gives, for the receivers in use."""
        found = self.model.frames(coordinates_km)
        if self.receivers == tuple(range(len(self.model.receivers_km))):
            return found
        return tuple(tf.gather(part, self.receivers, axis=1) for part in found)

    def _moved(self, data: tf.Tensor, onset: tf.Tensor) -> tf.Tensor:
        """Return the data (receivers, time) shifted so that they begin at the onsets (n, receivers), in samples."""
        samples = data.shape[-1]
        layer = ShiftAndScale(-(samples - 1), samples - 1)
        tiled = tf.broadcast_to(data, (tf.shape(onset)[0], *data.shape))
        return layer.call(tiled, -onset, tf.ones_like(onset))


def solve_posterior(gram: tf.Tensor, projected: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Solve (I + A) u = b for many small systems, by an unrolled Cholesky decomposition, which XLA can fuse.

    Args:
        gram: A (n, d, d), positive semidefinite.
        projected: b (n, d).

    Returns:
        b.u (n,), log |I + A| (n,), u (n, d).
    """
    size = gram.shape[-1]
    lower = cholesky_of_unit_plus(gram)
    half = solve_lower(lower, [projected[..., i, None] for i in range(size)])
    solution = [half[0]] * size
    for i in reversed(range(size)):
        value = half[i]
        for k in range(i + 1, size):
            value = value - lower[k][i] * solution[k]
        solution[i] = value / lower[i][i]
    quadratic = tf.add_n([value[..., 0] ** 2 for value in half])
    log_determinant = 2.0 * tf.add_n([tf.math.log(lower[i][i][..., 0]) for i in range(size)])
    return quadratic, log_determinant, tf.concat(solution, axis=-1)


def cholesky_of_unit_plus(gram: tf.Tensor) -> list[list[tf.Tensor]]:
    """Return the rows of L in I + A = L L^T, each entry (..., 1), for positive semidefinite A (..., d, d)."""
    lower: list[list[tf.Tensor]] = []
    for i in range(gram.shape[-1]):
        row: list[tf.Tensor] = []
        for j in range(i + 1):
            value = gram[..., i, j, None] + (1.0 if i == j else 0.0)
            for k in range(j):
                value = value - row[k] * (lower[j][k] if j < i else row[k])
            # A is positive semidefinite, so each pivot of I + A is at least 1; only rounding takes one below.
            row.append(tf.sqrt(tf.maximum(value, 1.0)) if i == j else value / lower[j][j])
        lower.append(row)
    return lower


def solve_lower(lower: list[list[tf.Tensor]], rows: list[tf.Tensor]) -> list[tf.Tensor]:
    """Return the rows (..., n) of L^-1 B, for rows of L with entries (..., 1) and rows of B."""
    half: list[tf.Tensor] = []
    for row, value in zip(lower, rows, strict=True):
        for k, known in enumerate(half):
            value = value - row[k] * known
        half.append(value / row[-1])
    return half
