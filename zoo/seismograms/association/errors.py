"""How wrong picks and travel times are, learnt from what a day's events leave unexplained.

An arrival's error has three parts: of the pick, its own, which may grow with the travel time; of the earth along the
ray, a share of the travel time that is alike for stations near each other (Tarantola & Valette 1982, as in NonLinLoc);
and of what is corrected for (`corrections`). Sizes of the first two are those that make the residuals of the day's
events most likely when their places and origin times, which took their share of the errors, are integrated out
(restricted maximum likelihood).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from zoo.compiled import njit
from zoo.seismograms.association.corrections import Corrections

EARTH_KM = 30.0
"""Distance between stations over which errors of the earth are alike (to 1/e), before it is learnt."""
EARTH_PS = 0.7
"""Correlation of the errors of P and S along one ray, as shares of their travel times."""
_EVENTS, _PICKS = 120, 40  # of which, and of each of which, the errors are learnt
_CLEAR_SD = 6.0  # residuals beyond it are of something else
_CLEAR_S = 10.0  # ... and have this standard deviation
_FAR_SD = 4.0  # residuals beyond it are not of the same kind


@dataclass(frozen=True)
class Errors:
    """Sizes of errors."""

    pick_factor: np.ndarray = field(default_factory=lambda: np.ones(2))
    """(phases,) errors of picks, as shares of what they are thought to be"""
    pick_growth: float = 0.0
    """their growth with travel time, s/s"""
    earth_sd: float = 0.02
    """standard deviation of travel times that are corrected, s/s"""
    alike_km: float = EARTH_KM
    """distance between stations over which errors of the earth are alike (to 1/e)"""

    def of_picks(self, base_sd_s: np.ndarray, phase: np.ndarray, travel_s: np.ndarray) -> np.ndarray:
        """Return standard deviations of the errors of picks themselves (n,), s."""
        return np.hypot(self.pick_factor[phase] * base_sd_s, self.pick_growth * travel_s)

    def total(self, base_sd_s: np.ndarray, phase: np.ndarray, travel_s: np.ndarray) -> np.ndarray:
        """Return standard deviations of residuals (n,), s."""
        return np.hypot(self.of_picks(base_sd_s, phase, travel_s), self.earth_sd * travel_s)


@njit(cache=True)
def earth_covariance(phase, station, travel_s, station_km, alike_km):
    """Return the covariance (n, n) of errors of the earth for an error of travel times of 1 s/s."""
    n = len(phase)
    made = np.empty((n, n))
    for i in range(n):
        for j in range(i + 1):
            dx = station_km[station[i], 0] - station_km[station[j], 0]
            dy = station_km[station[i], 1] - station_km[station[j], 1]
            alike = np.exp(-np.sqrt(dx * dx + dy * dy) / alike_km)
            if phase[i] != phase[j]:
                alike *= EARTH_PS
            made[i, j] = made[j, i] = travel_s[i] * travel_s[j] * alike
    return made


@njit(cache=True)
def _minus_log_likelihood(
    pick_sd, growth, earth_sd, alike_km, events, residual, base, travel, slope, phase, station, edges, station_km
):
    """Return minus twice the logarithm of the restricted likelihood of events."""
    total = 0.0
    for e in events:
        first, last = edges[e], edges[e + 1]
        n = last - first
        c = earth_covariance(phase[first:last], station[first:last], travel[first:last], station_km, alike_km)
        c *= earth_sd**2
        for i in range(n):
            c[i, i] += (pick_sd[phase[first + i]] * base[first + i]) ** 2 + (growth * travel[first + i]) ** 2
        lower = np.linalg.cholesky(c)
        a, r = np.empty((n, 4)), np.empty(n)
        for i in range(n):  # a and r are divided by the root of the covariance
            a[i], r[i] = slope[first + i], residual[first + i]
            for j in range(i):
                for k in range(4):
                    a[i, k] -= lower[i, j] * a[j, k]
                r[i] -= lower[i, j] * r[j]
            a[i] /= lower[i, i]
            r[i] /= lower[i, i]
        normal = a.T @ a
        for k in range(4):
            normal[k, k] += 1e-6
        b = a.T @ r
        total += r @ r - b @ np.linalg.solve(normal, b)
        for i in range(n):
            total += 2 * np.log(lower[i, i])
        total += np.log(np.linalg.det(normal))
    return total


def learn_errors(
    base_sd_s: np.ndarray,
    earth_sd: float,
    residual_s: np.ndarray,
    travel_s: np.ndarray,
    slope: np.ndarray,
    phase: np.ndarray,
    station: np.ndarray,
    edges: np.ndarray,
    station_km: np.ndarray,
) -> Errors:
    """Return the sizes of errors.

    Args:
        base_sd_s: (n,) errors of picks as they are thought to be, in the order of the events.
        earth_sd: standard deviation of travel times before the day is seen, s/s; known to a factor of e.
        residual_s, travel_s, slope, phase, station, edges: as `corrections.learn` takes them.
        station_km: (stations, 3)
    """
    from scipy.optimize import minimize

    # A first guess of the spread by medians, so that what is of something else can be left out.
    factor = np.ones(2)
    for p in range(2):
        own = phase == p
        if own.any():
            factor[p] = max(1.4826 * np.median(np.abs(residual_s[own]) / base_sd_s[own]), 0.05)
    rank = np.arange(len(phase)) - np.repeat(edges[:-1], np.diff(edges))
    few = rank * 7919 % np.maximum(np.repeat(np.diff(edges), np.diff(edges)), 1) < _PICKS  # some of each event
    near = few & (np.abs(residual_s) < _FAR_SD * np.hypot(factor[phase] * base_sd_s, 0.3 * earth_sd * travel_s))
    kept = np.concatenate([[0], np.cumsum(near)])[edges]
    size = np.diff(kept)
    able = np.flatnonzero(size >= 8)
    if len(able) < 5:
        return Errors(earth_sd=earth_sd)
    events = able[np.linspace(0, len(able) - 1, min(_EVENTS, len(able))).astype(int)]
    data = [values[near] for values in (residual_s, base_sd_s, travel_s, slope, phase, station)]
    arguments = events, *data, kept, station_km

    def cost(logs: np.ndarray) -> float:
        told = np.sum((logs[:2] / 2.0) ** 2) + np.sum((logs[2:] - start[2:]) ** 2)
        return _minus_log_likelihood(np.exp(logs[:2]), *np.exp(logs[2:]), *arguments) + told

    start = np.log([*factor, earth_sd / 2, earth_sd, EARTH_KM])
    best = minimize(cost, start, method="Nelder-Mead", options={"xatol": 0.03, "fatol": 0.5, "maxfev": 250}).x
    return Errors(np.exp(best[:2]), *(float(value) for value in np.exp(best[2:])))


def precision(
    sd_s: np.ndarray,
    residual_s: np.ndarray,
    travel_s: np.ndarray,
    phase: np.ndarray,
    station: np.ndarray,
    station_km: np.ndarray,
    errors: Errors,
    corrections: Corrections,
) -> np.ndarray:
    """Return the inverse of the covariance (n, n) of the arrivals' errors of one event's picks.

    A pick that fits very badly is of something else and counts for next to nothing.
    """
    c = earth_covariance(phase, station, travel_s, station_km, errors.alike_km) * errors.earth_sd**2
    c += corrections.of_picks(phase, station, travel_s)
    clear = np.abs(residual_s) > _CLEAR_SD * np.sqrt(sd_s**2 + np.diag(c))
    return np.linalg.inv(c + np.diag(np.where(clear, _CLEAR_S, sd_s) ** 2))
