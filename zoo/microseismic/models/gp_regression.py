"""Gaussian-process regression with GPflow, many processes at a time; each results in a handful of arrays.

Kernels and sparse posteriors are GPflow's. Its models find hyperparameters one process at a time; here those of up to
two hundred processes on the same inputs are found in batches, from the evidence of `gpflow.models.GPR`.
`zoo.microseismic.models.gaussian_process.GaussianProcess` evaluates the results without GPflow.
"""

from __future__ import annotations

import functools
import warnings
from typing import TYPE_CHECKING

import numpy as np
import tensorflow as tf
from scipy.linalg import solve_triangular

from zoo.progress import track

if TYPE_CHECKING:
    import gpflow

# Processes whose hyperparameters are found at a time: their matrices take some hundred megabytes.
_BATCH = 10
# Least noise, relative to the variance of the targets, or of their residuals from a trend. Without a bound, the noise
# of smooth targets goes to zero and the coefficients grow beyond what float32 can sum.
_SMALLEST_NOISE, _SMALLEST_NOISE_ABOUT_TREND = 1e-5, 1e-3
_LARGEST_NOISE = 1.5
# Lengthscales for inputs of order one. Shorter ones would make distances that floats do not resolve.
_LENGTHSCALE_RANGE = (0.05, 1000.0)
# Variance of the kernel for standardised targets. With long lengthscales any variance fits, and large ones have
# coefficients that cancel beyond the digits of float32.
_VARIANCE_RANGE = (0.01, 2.0)
# Added to a diagonal before it is factorised.
_JITTER = 1e-6
# Where the search for hyperparameters starts: lengthscales, variance, noise variance.
_FIRST_VALUES = (2.0, 1.0, 0.05)
# Steps of the search in the logarithms: the first, the shortest and the longest; and by how much a step grows where the
# gradient keeps its sign and shrinks where it does not (the factors 1.2 and 0.5 are Riedmiller and Braun's, 1993).
_FIRST_STEP, _STEP_RANGE, _GROWTH, _SHRINKAGE = 0.2, (1e-4, 0.7), 1.2, 0.5


def fit_gaussian_processes(
    inputs: np.ndarray,
    targets: np.ndarray,
    inducing_points: int = 512,
    seed: int = 0,
    linear_trend: bool = False,
    examples: int = 600,
    iterations: int = 50,
    what: str = "Gaussian processes",
) -> list[dict[str, np.ndarray]]:
    """Fit Gaussian processes, each with a Matern-3/2 ARD kernel (Spurio Mancini et al. 2021, eq. 1-3).

    The posterior mean is that of a sparse process (Titsias 2009) on inducing points, which a pivoted Cholesky
    decomposition chooses among the examples: it costs a fraction of the exact one to evaluate.

    Args:
        inputs: (examples, inputs), of order one.
        targets: (examples, outputs), any unit; each column has a process of its own.
        inducing_points: how many, at most; if there are fewer examples, all of them are taken.
        seed: of the choice of examples for the search of hyperparameters.
        linear_trend: fit a linear function of the inputs first. The paper does not; but travel times are nearly
            linear, and without the trend the coefficients are a hundred times smaller, which float32 sums exactly.
        examples: number of examples for the search of hyperparameters. A few thousand cost a hundred times as much
            and give hardly different ones.
        iterations: of that search.
        what: name of the processes in the progress bar.

    Returns:
        For each output: points (inducing points, inputs), coefficients (inducing points,), lengthscales
        (inputs,), variance, noise_variance (of standardised residuals), slope (inputs,) and mean of the
        trend, scale of the residuals, float64.
    """
    inputs, targets = np.asarray(inputs, np.float64), np.asarray(targets, np.float64)
    trend = np.zeros((1 + inputs.shape[1], targets.shape[1]))
    trend[0] = targets.mean(axis=0)
    if linear_trend:
        trend = np.linalg.lstsq(np.column_stack([np.ones(len(inputs)), inputs]), targets, rcond=1e-8)[0]
    residual = targets - trend[0] - inputs @ trend[1:]
    scale = np.maximum(residual.std(axis=0), np.finfo(np.float32).tiny)
    standardised = residual / scale
    smallest_noise = _SMALLEST_NOISE_ABOUT_TREND if linear_trend else _SMALLEST_NOISE

    some = np.random.default_rng(seed).permutation(len(inputs))[:examples]
    fitted = []
    for first in track(range(0, targets.shape[1], _BATCH), what):
        outputs = range(first, min(first + _BATCH, targets.shape[1]))
        found = maximise_evidence(inputs[some], standardised[some][:, outputs], smallest_noise, iterations)
        for output, (lengthscales, variance, noise) in zip(outputs, zip(*found, strict=True), strict=True):
            kernel = _gpflow().kernels.Matern32(variance, lengthscales)
            points = inputs[pivots(kernel, inputs, inducing_points)]
            fitted.append(
                {
                    "points": points,
                    "coefficients": _coefficients(kernel, inputs, standardised[:, output], points, noise),
                    "lengthscales": lengthscales,
                    "variance": variance,
                    "noise_variance": noise,
                    "slope": trend[1:, output],
                    "mean": trend[0, output],
                    "scale": scale[output],
                }
            )
    return fitted


def maximise_evidence(
    inputs: np.ndarray, targets: np.ndarray, smallest_noise: float, iterations: int = 50
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the hyperparameters of exact processes, one for each column of `targets`, all at once.

    Resilient backpropagation (Blum and Riedmiller 2013) on the logarithms: as good as conjugate gradients on this
    likelihood, and as each process has steps of its own, a batch needs no more iterations than one process.

    Args:
        inputs: (examples, inputs).
        targets: (examples, outputs), standardised.
        smallest_noise: least variance of the noise.
        iterations: how many steps.

    Returns:
        lengthscales (outputs, inputs), variance (outputs,), noise variance (outputs,), float64.
    """
    count = inputs.shape[1]
    ranges = [_LENGTHSCALE_RANGE] * count + [_VARIANCE_RANGE, (smallest_noise, _LARGEST_NOISE)]
    lowest, highest = np.log(ranges).T
    lengthscale, variance, noise = _FIRST_VALUES
    log_values = np.tile(np.log([lengthscale] * count + [variance, noise]), (targets.shape[1], 1))
    step, before = np.full_like(log_values, _FIRST_STEP), np.zeros_like(log_values)
    least, best = np.full(targets.shape[1], np.inf), log_values
    x, y = tf.constant(inputs), tf.constant(targets.T)
    for _ in range(iterations):
        loss, gradient = (value.numpy() for value in _negative_log_evidence()(x, y, tf.constant(log_values)))
        better = loss < least
        least, best = np.where(better, loss, least), np.where(better[:, None], log_values, best)
        agreement = gradient * before
        factor = np.select([agreement > 0, agreement < 0], [_GROWTH, _SHRINKAGE], 1.0)
        step = np.clip(step * factor, *_STEP_RANGE)
        before = np.where(agreement < 0, 0.0, gradient)
        log_values = np.clip(log_values - np.sign(before) * step, lowest, highest)
    values = np.exp(best)
    return values[:, :count], values[:, count], values[:, count + 1]


@functools.cache
def _negative_log_evidence():
    """Return the compiled function of inputs (n, d), targets (p, n) and logarithms of hyperparameters (p, d + 2).

    It returns -log p(y) without its constant, (p,), and the gradient (p, d + 2) in closed form (Rasmussen and
    Williams 2006, eq. 5.9), as automatic differentiation of the decomposition takes several times as long.
    """

    @tf.function(reduce_retracing=True)
    def evaluate(x, y, log_values):
        count = tf.shape(x)[1]
        values = tf.exp(log_values)
        z = x / values[:, None, :count]
        variance, noise = values[:, count], values[:, count + 1]
        norms = tf.reduce_sum(z**2, axis=-1)
        squared = norms[:, :, None] + norms[:, None] - 2.0 * tf.matmul(z, z, transpose_b=True)
        r = tf.sqrt(3.0 * tf.maximum(squared, 0.0))
        decayed = variance[:, None, None] * tf.exp(-r)
        kernel = (1.0 + r) * decayed
        cholesky = tf.linalg.cholesky(
            tf.linalg.set_diag(kernel, tf.linalg.diag_part(kernel) + noise[:, None] + _JITTER)
        )
        identity = tf.eye(tf.shape(x)[0], batch_shape=[tf.shape(y)[0]], dtype=x.dtype)
        inverse = tf.linalg.cholesky_solve(cholesky, identity)
        alpha = tf.linalg.matvec(inverse, y)
        log_root = tf.reduce_sum(tf.math.log(tf.linalg.diag_part(cholesky)), axis=-1)
        loss = 0.5 * tf.reduce_sum(y * alpha, axis=-1) + log_root

        by_kernel = 0.5 * (inverse - alpha[:, :, None] * alpha[:, None])
        # d kernel / d log lengthscale = 3 variance exp(-r) (difference / lengthscale)^2; the sums are matrix products.
        weights = 3.0 * by_kernel * decayed
        by_lengthscale = 2.0 * tf.linalg.matvec(z**2, tf.reduce_sum(weights, axis=-1), transpose_a=True)
        by_lengthscale -= 2.0 * tf.reduce_sum(z * tf.matmul(weights, z), axis=1)
        by_variance = tf.reduce_sum(by_kernel * kernel, axis=(1, 2))
        by_noise = noise * tf.linalg.trace(by_kernel)
        return loss, tf.concat([by_lengthscale, by_variance[:, None], by_noise[:, None]], axis=1)

    return evaluate


def pivots(kernel: gpflow.kernels.Kernel, inputs: np.ndarray, count: int) -> np.ndarray:
    """Return the indices of the examples that a pivoted Cholesky decomposition of the kernel takes first.

    Each is the example whose value is least determined by the ones before. Fewer than `count` are returned if they
    determine all others.
    """
    count = min(count, len(inputs))
    covariances = kernel(inputs).numpy()
    variance_left = covariances.diagonal().copy()
    negligible = _JITTER * variance_left.max()
    factor = np.zeros((count, len(inputs)))
    chosen: list[int] = []
    for k in range(count):
        pivot = int(np.argmax(variance_left))
        if variance_left[pivot] < negligible:
            break
        rest = covariances[pivot] - factor[:k, pivot] @ factor[:k]
        factor[k] = rest / np.sqrt(variance_left[pivot])
        variance_left = np.maximum(variance_left - factor[k] ** 2, 0.0)
        variance_left[pivot] = 0.0
        chosen.append(pivot)
    return np.array(chosen)


def _coefficients(kernel: gpflow.kernels.Kernel, inputs, targets, points, noise: float) -> np.ndarray:
    """Return alpha in the posterior mean k(x, points) alpha of GPflow's sparse process (Titsias 2009)."""
    sparse = _gpflow().models.SGPR((inputs, targets[:, np.newaxis]), kernel, points, noise_variance=noise)
    outer, inner, white = (part.numpy() for part in sparse.posterior().cache)
    whitened = solve_triangular(inner.T, white[:, 0], lower=False)
    return solve_triangular(outer.T, whitened, lower=False)


def _gpflow():
    """Return GPflow, which is imported only for training: a trained emulator does not need it."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "pkg_resources is deprecated", UserWarning)
        import gpflow
    return gpflow
