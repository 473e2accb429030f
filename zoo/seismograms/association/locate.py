"""Where each event was, with its uncertainty: station terms, errors of picks from the events themselves, posteriors.

located = locate(associate(picks, stations, layers))
located.place_km, located.sd_km, located.ellipse         # of each event
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from zoo.field.travel_times import times_of_picks
from zoo.seismograms.association.associate import Associated
from zoo.seismograms.association.fit import fit
from zoo.seismograms.association.posterior import SIZE, posterior
from zoo.seismograms.association.settings import LOCATION
from zoo.settings import defaults, read

_LEVELS = 0.68, 0.95


@dataclass(frozen=True)
class Located:
    """Places of events with their uncertainties."""

    associated: Associated
    place_km: np.ndarray
    """(events, 3) mean of the posterior: east, north, depth below sea level, km"""
    origin_s: np.ndarray
    """(events,) since 1970 UTC"""
    sd_km: np.ndarray
    """(events, 3) standard deviations, km"""
    origin_sd_s: np.ndarray
    ellipse: np.ndarray
    """(events, 3) of the epicentre, 68 %: half axes in km, azimuth of the longer one in degrees"""
    interval_km: np.ndarray
    """(events, 2, 3, 2) 68 and 95 % intervals of east, north and depth, km"""
    residual_s: np.ndarray
    """(picks,) pick less arrival, NaN where a pick belongs to no event"""
    rms_s: np.ndarray
    """(events,) root mean square of residuals"""
    gap_deg: np.ndarray
    """(events,) largest angle between the azimuths of neighbouring stations"""
    nearest_km: np.ndarray
    """(events,) distance from the epicentre to the nearest station with a pick"""
    counts: np.ndarray
    """(events, 3) picks of P and S, and stations"""
    terms_s: np.ndarray
    """(phases, stations) station terms, added to travel times"""
    pick_sd_s: np.ndarray
    """(phases,) standard deviation of picks at travel time 0"""
    settings: Mapping[str, Any]
    notes: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.origin_s)


def locate(associated: Associated, settings: Mapping[str, Any] | None = None) -> Located:
    """Locate associated events.

    Args:
        associated: events and their picks.
        settings: those of `zoo.seismograms.association.settings.LOCATION` that differ.

    Returns:
        The events with posteriors of place and origin time. Station terms are medians of residuals, learnt together
        with the places; errors of picks are scaled to the residuals that remain.

    Raises:
        UsageError: there is no such setting.
    """
    chosen = defaults(LOCATION) | read("zoo catalogue", LOCATION, settings or {})
    work = _Work(associated, chosen)
    work.learn()
    return work.posteriors()


class _Work:
    """Picks of each event as slices of arrays, relative to one time."""

    def __init__(self, found: Associated, chosen: Mapping[str, Any]) -> None:
        self.found, self.chosen = found, chosen
        self.rows = np.flatnonzero(found.event >= 0)
        self.rows = self.rows[np.argsort(found.event[self.rows], kind="stable")]
        self.event = found.event[self.rows]
        self.edges = np.searchsorted(self.event, np.arange(len(found) + 1))
        self.zero_s = float(found.origin_s[0]) if len(found) else 0.0
        self.time = found.picks.time_s[self.rows] - self.zero_s
        self.phase = (found.picks.phase[self.rows] == "S").astype(np.int64)
        self.station = found.station[self.rows].astype(np.int64)
        self.events = np.column_stack([found.place_km, found.origin_s - self.zero_s])
        self.arrays, self.terms = found.tables.arrays(), found.terms_s.copy()
        self.low, self.high = found.low_km, found.high_km
        self.pick_sd = np.array([chosen["sd_p_s"], chosen["sd_s_s"]])
        self.notes: list[str] = []

    def residuals(self) -> tuple[np.ndarray, np.ndarray]:
        """Return pick less arrival, and travel times (picks of events,), s."""
        travel = times_of_picks(self.events[self.event, :3], self.phase, self.station, *self.arrays)
        residual = self.time - self.events[self.event, 3] - travel - self.terms[self.phase, self.station]
        return residual, travel

    def learn(self) -> None:
        """Learn station terms and places in turns, then the scale of the errors of picks."""
        for turn in range(self.chosen["turns"] + 1):
            self._fit()
            if turn == self.chosen["turns"]:
                break
            residual, _ = self.residuals()
            for p, s in np.ndindex(self.terms.shape):
                own = residual[(self.phase == p) & (self.station == s)]
                # Few residuals move a term a little.
                self.terms[p, s] += np.median(own) * len(own) / (len(own) + 5) if len(own) else 0.0
        residual, travel = self.residuals()
        growth = self.chosen["travel_time_error"]
        for p in range(2):
            own = self.phase == p
            if own.sum() < 50:
                self.notes.append(f"too few picks of {'PS'[p]} to learn their error: {self.pick_sd[p]:g} s is assumed")
                continue
            # Four unknowns of each event take their share of the residuals.
            free = max(1 - 4 * len(self.events) / len(residual), 0.1)
            spread = (1.4826 * np.median(np.abs(residual[own]))) ** 2 / free
            self.pick_sd[p] = max(np.sqrt(max(spread - np.median(growth * travel[own]) ** 2, 0.0)), 0.02)

    def _fit(self) -> None:
        shape = self.terms.shape
        residual, travel, which = np.empty(shape), np.empty(shape), np.empty(shape, np.int64)
        growth = self.chosen["travel_time_error"]
        sigma = np.array([[self.pick_sd[0], growth], [self.pick_sd[1], growth]])
        free = np.ones(len(self.time), np.bool_)
        window = np.array([3.0, 0.05])
        for e in range(len(self.events)):
            fit(
                self.events[e], self.edges[e], self.edges[e + 1], self.time, self.phase, self.station, free,
                self.arrays, self.terms, 1e9, window, sigma, self.low, self.high, residual, which, travel,
            )  # fmt: skip

    def posteriors(self) -> Located:
        """Return the results, event by event."""
        found, n = self.found, len(self.events)
        density, nodes, origins = np.empty(SIZE**3), np.empty((SIZE**3, 3)), np.empty(SIZE**3)
        mean, sd, ellipse, interval = np.empty((n, 4)), np.empty((n, 4)), np.empty((n, 3)), np.empty((n, 2, 3, 2))
        sds = found.picks.uncertainty_s[self.rows]
        sds = np.where(np.isfinite(sds) & (sds > 0), sds, self.pick_sd[self.phase])
        # The posterior of the origin time within a node is as wide as the picks allow.
        for e in range(n):
            part = slice(self.edges[e], self.edges[e + 1])
            posterior(
                self.time[part], self.phase[part], self.station[part], sds[part], self.chosen["travel_time_error"],
                self.terms, self.events[e], 3.0, self.low, self.high, self.chosen["likelihood"] == "edt", self.arrays,
                density, nodes, origins,
            )  # fmt: skip
            values = np.column_stack([nodes, origins])
            mean[e] = density @ values
            covariance = (values - mean[e]).T @ ((values - mean[e]) * density[:, np.newaxis])
            sd[e] = np.sqrt(np.diag(covariance))
            sd[e, 3] = np.hypot(sd[e, 3], np.sqrt(1 / np.sum(1 / sds[part] ** 2)))
            ellipse[e] = _ellipse(covariance[:2, :2])
            for axis in range(3):
                for level, share in enumerate(_LEVELS):
                    interval[e, level, axis] = _interval(nodes[:, axis], density, share)
        self.events = mean
        residual, _ = self.residuals()
        whole = np.full(len(found.picks), np.nan)
        whole[self.rows] = residual
        counts, gap, nearest, rms = self._quality(residual)
        return Located(
            found, mean[:, :3], mean[:, 3] + self.zero_s, sd[:, :3], sd[:, 3], ellipse, interval, whole, rms, gap,
            nearest, counts, self.terms, self.pick_sd, self.chosen, (*found.notes, *self.notes),
        )  # fmt: skip

    def _quality(self, residual: np.ndarray) -> tuple[np.ndarray, ...]:
        n = len(self.events)
        counts, gap, nearest, rms = np.zeros((n, 3), int), np.empty(n), np.empty(n), np.empty(n)
        for e in range(n):
            part = slice(self.edges[e], self.edges[e + 1])
            stations = np.unique(self.station[part])
            counts[e] = np.sum(self.phase[part] == 0), np.sum(self.phase[part] == 1), len(stations)
            east, north = (self.found.tables.station_km[stations, i] - self.events[e, i] for i in range(2))
            azimuths = np.sort(np.degrees(np.arctan2(east, north)))
            gap[e] = np.diff(np.append(azimuths, azimuths[0] + 360)).max()
            nearest[e], rms[e] = np.hypot(east, north).min(), np.sqrt(np.mean(residual[part] ** 2))
        return counts, gap, nearest, rms


def _ellipse(covariance: np.ndarray) -> np.ndarray:
    """Return the half axes of the 68 % ellipse in km, the longer first, and its azimuth in degrees."""
    values, axes = np.linalg.eigh(covariance)
    scale = np.sqrt(-2 * np.log(1 - _LEVELS[0]))  # of two normal coordinates
    azimuth = np.degrees(np.arctan2(axes[0, 1], axes[1, 1])) % 180
    return np.array([*(scale * np.sqrt(np.maximum(values[::-1], 0))), azimuth])


def _interval(values: np.ndarray, density: np.ndarray, share: float) -> tuple[float, float]:
    """Return the interval with equal tails that holds a share of the probability."""
    places, index = np.unique(values, return_inverse=True)
    total = np.cumsum(np.bincount(index, weights=density))
    step = places[1] - places[0] if len(places) > 1 else 0.0
    edges = np.append(places - step / 2, places[-1] + step / 2)
    low, high = np.interp([(1 - share) / 2, (1 + share) / 2], np.append(0.0, total), edges)
    return low, high
