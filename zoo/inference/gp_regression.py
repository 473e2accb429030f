"""Gaussian-process regression, trained with GPflow; the result is a handful of arrays.

`zoo.layers.GaussianProcess` evaluates them without GPflow.
"""

from __future__ import annotations

import gpflow
import numpy as np
import tensorflow_probability as tfp

# Hyperparameters are found on so many examples and refined on all of them: exact inference on a few
# thousand is a hundred times dearer and moves them little.
_EXAMPLES_FOR_HYPERPARAMETERS = 700
_SEARCH_ITERATIONS = 60
_REFINING_ITERATIONS = 5
# Of the variance of the targets, or of what a trend leaves of them. Without a floor the noise of smooth
# targets runs to zero and the coefficients grow past what float32 can sum.
_SMALLEST_NOISE, _SMALLEST_NOISE_ABOUT_TREND = 1e-5, 1e-3
# Of inputs of order one. Shorter ones would make distances that no float resolves.
_SHORTEST_LENGTHSCALE = 0.05
# Of standardised targets. Long lengthscales would take any variance, and coefficients with it that
# cancel beyond the digits of float32.
_VARIANCE_RANGE = (0.01, 2.0)
# What GPflow adds to a diagonal before it factorises.
_JITTER = 1e-6


def fit_gaussian_process(
    inputs: np.ndarray, targets: np.ndarray, inducing_points: int = 512, seed: int = 0, linear_trend: bool = False
) -> dict[str, np.ndarray]:
    """Fit a Gaussian process with a Matern-3/2 ARD kernel (Spurio Mancini et al. 2021, eq. 1-3).

    The posterior mean is that of a sparse process (Titsias 2009) on inducing points chosen among the
    examples by pivoted Cholesky decomposition: it costs a quarter of the exact one to evaluate.

    Args:
        inputs: (examples, inputs), of order one.
        targets: (examples,), any unit.
        inducing_points: how many, at most; fewer than that many examples are all taken.
        seed: of the examples that the hyperparameters are found on.
        linear_trend: fit a linear function of the inputs first. The paper does not; travel times nearly are
            one, and taken out it leaves coefficients a hundred times smaller, which float32 sums exactly.

    Returns:
        points (inducing points, inputs), coefficients (inducing points,), lengthscales (inputs,),
        variance, noise_variance (of standardised residuals), slope (inputs,) and mean of the trend,
        scale of the residuals, float64.
    """
    inputs = np.asarray(inputs, np.float64)
    targets = np.asarray(targets, np.float64)
    mean, slope = targets.mean(), np.zeros(inputs.shape[1])
    if linear_trend:
        design = np.column_stack([np.ones(len(inputs)), inputs])
        mean, *slope = np.linalg.lstsq(design, targets, rcond=1e-8)[0]
    residual = targets - mean - inputs @ np.array(slope)
    scale = residual.std()
    standardised = (residual / scale)[:, np.newaxis]
    smallest_noise = _SMALLEST_NOISE_ABOUT_TREND if linear_trend else _SMALLEST_NOISE

    kernel = gpflow.kernels.Matern32()
    kernel.variance = gpflow.Parameter(1.0, transform=tfp.bijectors.Sigmoid(*map(np.float64, _VARIANCE_RANGE)))
    kernel.lengthscales = gpflow.Parameter(
        np.full(inputs.shape[1], 3.0), transform=gpflow.utilities.positive(lower=_SHORTEST_LENGTHSCALE)
    )
    some = np.random.default_rng(seed).permutation(len(inputs))[:_EXAMPLES_FOR_HYPERPARAMETERS]
    exact = gpflow.models.GPR((inputs[some], standardised[some]), kernel)
    exact.likelihood.variance = gpflow.Parameter(1e-2, transform=gpflow.utilities.positive(lower=smallest_noise))
    _maximise_evidence(exact, _SEARCH_ITERATIONS)

    chosen = pivots(kernel, inputs, inducing_points)
    sparse = gpflow.models.SGPR((inputs, standardised), kernel, inputs[chosen])
    sparse.likelihood.variance = exact.likelihood.variance
    gpflow.set_trainable(sparse.inducing_variable, False)
    _maximise_evidence(sparse, _REFINING_ITERATIONS)

    noise = float(sparse.likelihood.variance.numpy())
    return {
        "points": inputs[chosen],
        "coefficients": _coefficients(kernel, inputs, standardised, inputs[chosen], noise)[:, 0],
        "lengthscales": kernel.lengthscales.numpy(),
        "variance": np.float64(kernel.variance.numpy()),
        "noise_variance": np.float64(noise),
        "slope": np.array(slope),
        "mean": mean,
        "scale": scale,
    }


def _maximise_evidence(model: gpflow.models.GPModel, iterations: int) -> None:
    gpflow.optimizers.Scipy().minimize(model.training_loss, model.trainable_variables, options={"maxiter": iterations})


def pivots(kernel: gpflow.kernels.Kernel, inputs: np.ndarray, count: int) -> np.ndarray:
    """Return indices of the examples that a pivoted Cholesky decomposition of the kernel takes first.

    Each is the one whose value the ones before say least about. Fewer are returned if they say
    everything.
    """
    count = min(count, len(inputs))
    variance_left = kernel(inputs, full_cov=False).numpy()
    negligible = _JITTER * variance_left.max()
    factor = np.zeros((len(inputs), count))
    chosen: list[int] = []
    for k in range(count):
        pivot = int(np.argmax(variance_left))
        if variance_left[pivot] < negligible:
            break
        covariance = kernel(inputs, inputs[pivot : pivot + 1]).numpy()[:, 0]
        covariance -= factor[:, :k] @ factor[pivot, :k]
        factor[:, k] = covariance / np.sqrt(variance_left[pivot])
        variance_left = np.maximum(variance_left - factor[:, k] ** 2, 0.0)
        variance_left[pivot] = 0.0
        chosen.append(pivot)
    return np.array(chosen)


def _coefficients(kernel, inputs, targets, points, noise) -> np.ndarray:
    """Return alpha with posterior mean k(x, points) alpha, from a least-squares problem.

    It is better conditioned than the normal equations (noise K_uu + K_uf K_fu) alpha = K_uf y.
    """
    cholesky = np.linalg.cholesky(kernel(points).numpy() + _JITTER * np.eye(len(points)))
    whitened = np.linalg.solve(cholesky, kernel(points, inputs).numpy()).T
    design = np.vstack([whitened, np.sqrt(noise) * np.eye(len(points))])
    observed = np.vstack([targets, np.zeros((len(points), targets.shape[1]))])
    return np.linalg.solve(cholesky.T, np.linalg.lstsq(design, observed, rcond=None)[0])
