"""The profile that the measured curve asks for: the posterior's mean, moved as little as the posterior allows.

A network's mean profile has a curve that differs from the measured one by more than the errors: it averages over what
is not given (attenuation, vp, density, sharp layers), and it is a network's. Two steps of Gauss-Newton with the solver
move Vs in the metric of the posterior's covariance C (Tarantola and Valette 1982),

    v = v0 + C K^T (K C K^T + E)^-1 (d - f(v) + K (v - v0)),

with the kernels K by differences and the errors E of the data. The thickness stays, and so do the intervals, which are
the posterior's: the data are not used twice for these.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from zoo.crust.profiles import earth_of, predicted
from zoo.progress import track

_STEPS, _DRAWS = 2, 300
_DIFFERENCE_KM_S = 0.03
_RIDGE_KM_S = 0.01  # keeps a covariance of few draws invertible


@dataclass(frozen=True)
class FittedProfiles:
    """Profiles of n curves; NaN where there is no answer.

    Attributes:
        vs_km_s: (n, D).
        predicted_km_s: kind -> (n, P), their curves where there are measurements.
        misfit_km_s: kind -> (n,), RMS of the measurements less these.
    """

    vs_km_s: np.ndarray
    predicted_km_s: dict[str, np.ndarray]
    misfit_km_s: dict[str, np.ndarray]


def fit_profiles(posterior: Any, curves: Mapping[str, Any], noise_relative: float) -> FittedProfiles:
    """Return the profiles that fit n curves. Where a step makes a fit worse, or loses a wave, the one before stays.

    Args:
        posterior: a `zoo.crust.waves.WavePosterior` of n curves.
        curves: see `zoo.crust.waves.Curves`.
        noise_relative: error of phase velocities without error bars, as a share; of group velocities twice that.
    """
    mean, moho_km = posterior.vs_mean_km_s, posterior.mean_km
    drawn = posterior.draw(_DRAWS)["vs_km_s"]
    fitted = np.full_like(mean, np.nan)
    predictions = {kind: np.full(np.shape(velocity), np.nan) for kind, (_, velocity, _) in curves.items()}
    for i in track(range(len(mean)), "Profiles"):
        parts = _measured(curves, i, noise_relative)
        if not parts or not np.isfinite(moho_km[i]):
            continue
        observed, error = (np.concatenate([part[k] for part in parts.values()]) for k in (1, 2))

        def curve(vs: np.ndarray, number: int = i, parts: Any = parts) -> np.ndarray:
            earth = earth_of(float(moho_km[number]), posterior.depth_km, vs)
            return np.concatenate([predicted(earth, kind, part[0]) for kind, part in parts.items()])

        covariance = np.cov(drawn[:, i], rowvar=False) + _RIDGE_KM_S**2 * np.eye(mean.shape[1])
        best, vs = np.inf, mean[i]
        for step in range(_STEPS + 1):
            found = curve(vs)
            off = np.sqrt(np.mean(((observed - found) / error) ** 2))
            if not off < best:  # no wave, or no better: the step before stays
                break
            best, fitted[i], at = off, vs, found
            if step < _STEPS:
                kernel = np.stack([curve(vs + _DIFFERENCE_KM_S * unit) - at for unit in np.eye(len(vs))], axis=1)
                kernel = np.nan_to_num(kernel / _DIFFERENCE_KM_S)
                gain = covariance @ kernel.T @ np.linalg.inv(kernel @ covariance @ kernel.T + np.diag(error**2))
                vs = mean[i] + gain @ (observed - at + kernel @ (vs - mean[i]))
        if np.isfinite(best):
            first = 0
            for kind, part in parts.items():
                last = first + len(part[0])
                predictions[kind][i, part[3]] = at[first:last]
                first = last
    squares = {kind: (values - curves[kind][1]) ** 2 for kind, values in predictions.items()}
    has = {kind: np.isfinite(square) for kind, square in squares.items()}
    mean_square = {
        kind: np.where(has[kind].any(1), np.nansum(square, 1) / np.maximum(has[kind].sum(1), 1), np.nan)
        for kind, square in squares.items()
    }
    return FittedProfiles(fitted, predictions, {kind: np.sqrt(values) for kind, values in mean_square.items()})


def _measured(curves: Mapping[str, Any], number: int, noise_relative: float) -> dict[str, tuple[np.ndarray, ...]]:
    """Return kind -> periods, velocities and errors that a curve has, and where (P,) it has them."""
    parts = {}
    for kind, (period_s, velocity, sd) in curves.items():
        values = np.atleast_2d(velocity)[number]
        usual = noise_relative * (2 if kind.endswith("group") else 1) * values
        error = usual if sd is None else np.broadcast_to(np.asarray(sd, float), np.shape(velocity))[number]
        error = np.where(np.isfinite(error) & (error > 0), error, usual)
        has = np.isfinite(values)
        if has.any():
            parts[kind] = np.asarray(period_s, float)[has], values[has], error[has], has
    return parts
