"""Posteriors of thickness and Vs from surface waves of any kind at any periods.

curves = {"rayleigh_phase": (period_s, velocity_km_s, sd_km_s), "rayleigh_group": (...)}
posterior = wave_posterior(zoo.load("surface_waves"), curves)
posterior.mean_km, posterior.vs_mean_km_s
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np
from keras import ops
from scipy.special import expit, ndtr

from zoo.crust.models.wave_network import KINDS
from zoo.crust.nodes import Nodes
from zoo.crust.posterior import MohoPosterior
from zoo.errors import ZooError

Curves = Mapping[str, tuple[np.ndarray, np.ndarray, "np.ndarray | None"]]
"""Kind -> periods (P,) in s, velocities (n, P) in km/s (NaN where missing), their sd (n, P) in km/s or None."""

LEAST_PERIODS = 3
"""A curve needs measurements at so many periods, of all kinds together."""
_CHUNK = 512  # curves whose velocities are worked out at once
_BISECTIONS = 14  # of a range of 6 km/s: to 0.4 m/s
_RANGE_KM_S = (0.2, 6.2)


class WavePosterior(MohoPosterior):
    """Joint distribution of thickness and shear velocities, for each of n curves.

    The thickness is a `MohoPosterior`. Each velocity alone is a mixture of normal distributions, since their joint
    distribution is one given the thickness.

    Args:
        model: the `WaveModel`.
        outputs: (n, ...), of its network; NaN for a curve without data.
    """

    def __init__(self, model: Any, outputs: np.ndarray):
        log_weight, location, sd = (ops.convert_to_numpy(part) for part in model.network.thickness(outputs))
        super().__init__(log_weight, location, sd, model.moho_range_km)
        self.model, self.outputs = model, outputs
        self.depth_km = np.asarray(model.depth_km, np.float64)
        self._vs = tuple(ops.convert_to_numpy(part) for part in (model.vs_mean_km_s, model.vs_scale_km_s))

    @cached_property
    def marginals(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Weights (n, M), and locations and sds (n, M, D) in km/s, of the velocity at each depth."""
        parts: list[tuple] = []
        for start in range(0, len(self.outputs), _CHUNK):
            found = self.model.spread(self.outputs[start : start + _CHUNK])
            weight, _, _, location, factor = (ops.convert_to_numpy(part) for part in found)
            # The covariance of a component is (P' P)^-1: rows of the inverse of P give the variances.
            sd = np.sqrt((np.linalg.inv(factor) ** 2).sum(axis=-1))
            parts.append((weight, self._vs[0] + self._vs[1] * location, self._vs[1] * sd))
        return tuple(np.concatenate(part) for part in zip(*parts, strict=True))

    @cached_property
    def vs_mean_km_s(self) -> np.ndarray:
        """(n, D), mean."""
        weight, location, _ = self.marginals
        return (weight[..., None] * location).sum(axis=1)

    @cached_property
    def vs_sd_km_s(self) -> np.ndarray:
        """(n, D), standard deviation."""
        weight, location, sd = self.marginals
        square = (weight[..., None] * (location**2 + sd**2)).sum(axis=1)
        return np.sqrt(np.maximum(square - self.vs_mean_km_s**2, 0.0))

    def vs_cdf(self, vs_km_s: np.ndarray) -> np.ndarray:
        """Return the probability (n, D) that the velocity is below vs_km_s, (n, D)."""
        weight, location, sd = self.marginals
        return (weight[..., None] * ndtr((np.asarray(vs_km_s)[:, None, :] - location) / sd)).sum(axis=1)

    def vs_quantile_km_s(self, q: float) -> np.ndarray:
        """Return the velocity (n, D) in km/s below which the probability is q."""
        low, high = (np.full(self.vs_mean_km_s.shape, end) for end in _RANGE_KM_S)
        for _ in range(_BISECTIONS):
            middle = (low + high) / 2
            below = self.vs_cdf(middle) < q
            low, high = np.where(below, middle, low), np.where(below, high, middle)
        return np.where(np.isfinite(self.vs_mean_km_s), (low + high) / 2, np.nan)

    def draw(self, count: int, seed: int = 0) -> dict[str, np.ndarray]:
        """Return correlated draws: `moho_km` (count, n) and `vs_km_s` (count, n, D)."""
        random = np.random.default_rng(seed)
        n, d = len(self.outputs), len(self.depth_km)
        moho_km, vs = np.empty((count, n)), np.empty((count, n, d))
        low, high = self.moho_range_km
        for i in range(count):
            u = random.random((n, 1))
            chosen = np.minimum((np.cumsum(np.exp(self.log_weight), 1) < u).sum(1), self.log_weight.shape[1] - 1)
            row = np.arange(n)
            logit = self.location[row, chosen] + self.sd[row, chosen] * random.standard_normal(n)
            parts = self.model.network.profile(self.outputs, logit[:, None].astype(np.float32))
            log_weight, location, factor = (ops.convert_to_numpy(part) for part in parts)
            which = np.minimum(
                (np.cumsum(np.exp(log_weight), 1) < random.random((n, 1))).sum(1), log_weight.shape[1] - 1
            )
            white = random.standard_normal((n, d, 1))
            drawn = location[row, which] + np.linalg.solve(factor[row, which].astype(np.float64), white)[..., 0]
            moho_km[i], vs[i] = low + (high - low) * expit(logit), self._vs[0] + self._vs[1] * drawn
        return {"moho_km": moho_km, "vs_km_s": vs}


def wave_posterior(model: Any, curves: Curves, correlation: float = 0.0, nodes: Nodes | None = None) -> WavePosterior:
    """Return the posterior of n curves.

    Args:
        model: a `WaveModel`, such as `zoo.load("surface_waves")`.
        curves: see `Curves`; the kinds are those of `zoo.crust.models.wave_network.KINDS`.
        correlation: of the errors of one kind at a distance of 0.1 in ln(period); 0: white.
        nodes: of the model, where they are at hand.

    Raises:
        ZooError: if a kind is not known, shapes do not fit, velocities are not in km/s, or no period is inside the
            model's band.
    """
    observed = observe(model, curves, correlation, nodes)
    return WavePosterior(model, model.outputs(observed))


def observe(model: Any, curves: Curves, correlation: float = 0.0, nodes: Nodes | None = None) -> np.ndarray:
    """Return what a model's network takes, (n, 8 F + 1); arguments and errors are those of `wave_posterior`."""
    nodes = nodes or Nodes(model)
    if not 0 <= correlation < 1:
        raise ZooError(f"The correlation of the errors is {correlation}; expected at least 0 and below 1.")
    counts = {len(np.atleast_2d(velocity)) for _, velocity, _ in curves.values()}
    if len(counts) != 1:
        raise ZooError(f"Curves of all kinds need as many rows; received {sorted(counts) or 'no curves'}.")
    n, f = counts.pop(), len(nodes.period_s)
    values, errors = np.zeros((n, len(KINDS), f)), np.zeros((n, len(KINDS), f))
    used = 0
    for kind, (period_s, velocity, sd) in curves.items():
        if kind not in KINDS:
            raise ZooError(f"There is no kind of wave {kind!r}; expected {', '.join(KINDS)}.")
        period_s, velocity, relative = checked(model, kind, period_s, velocity, sd)
        inside = nodes.inside(period_s)
        used += int(inside.sum())
        if inside.any():
            at = KINDS.index(kind)
            values[:, at], errors[:, at] = nodes.carry(
                kind, period_s[inside], velocity[:, inside], relative[:, inside], correlation
            )
    if not used:
        raise ZooError(
            f"No period lies in the model's band, {nodes.period_s[-1]:.3g} to {nodes.period_s[0]:.3g} s: nothing to "
            "invert."
        )
    errors[errors > model.of_noise["highest"] * 2] = 0.0  # so uncertain that it says nothing; training had none
    flat = [values.reshape(n, -1), errors.reshape(n, -1), np.full((n, 1), correlation)]
    return np.concatenate(flat, axis=1).astype(np.float32)


def checked(
    model: Any, kind: str, period_s: np.ndarray, velocity: np.ndarray, sd: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return periods (P,), velocities (n, P) and relative sds (n, P); see `wave_posterior` for what is refused."""
    period_s = np.atleast_1d(np.asarray(period_s, np.float64))
    velocity = np.atleast_2d(np.asarray(velocity, np.float64))
    if velocity.shape[1:] != period_s.shape:
        raise ZooError(f"{kind}: {velocity.shape[-1]} velocities a curve at {len(period_s)} periods.")
    present = np.isfinite(velocity)
    slowest = 0.03 if kind.endswith("group") else 0.2  # km/s; energy on the mud of a sea's floor is slower than waves
    if present.any() and not slowest < np.nanmin(velocity) <= np.nanmax(velocity) < 10:
        low, high = np.nanmin(velocity), np.nanmax(velocity)
        raise ZooError(f"{kind}: velocities run from {low:.4g} to {high:.4g}; expected km/s. NaN is missing.")
    usual = model.noise_relative * (2 if kind.endswith("group") else 1)
    relative = np.full(velocity.shape, usual)
    if sd is not None:
        stated = np.broadcast_to(np.asarray(sd, np.float64), velocity.shape)
        known = np.isfinite(stated) & (stated > 0) & present
        relative[known] = stated[known] / velocity[known]
        if known.any() and np.median(relative[known]) > 0.5:
            raise ZooError(f"{kind}: half of the standard deviations exceed half of the velocity; expected km/s.")
    return period_s, velocity, np.clip(relative, model.of_noise["lowest"] / 2, None)
