"""Where each event was, with its uncertainty: station terms, errors of picks from the events themselves, posteriors.

located = locate(associate(picks, stations, layers))
located.place_km, located.sd_km, located.ellipse         # of each event
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from zoo.field.travel_times import TravelTimes, times_of_picks
from zoo.seismograms.association.associate import Associated
from zoo.seismograms.association.corrections import Corrections, crowds, learn, slopes
from zoo.seismograms.association.errors import Errors, learn_errors, precision
from zoo.seismograms.association.fit import fit
from zoo.seismograms.association.posterior import SIZE, posterior
from zoo.seismograms.association.quality import LEVELS, ellipse, interval, quality
from zoo.seismograms.association.settings import LOCATION
from zoo.seismograms.association.sharing import enough, share_out
from zoo.settings import defaults, read

_LEAST_EVENTS = 10  # from which on anything is learnt
_SCALE = 2.5  # a table may be off as a whole by more than it varies: this many times the error of travel times


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
    corrections: Corrections
    """station terms, and the share by which travel times of each phase are off"""
    pick_sd_s: np.ndarray
    """(phases,) standard deviation of picks"""
    errors: Errors
    """sizes of errors, learnt or assumed"""
    tables: TravelTimes
    """travel times, scaled by the corrections"""
    settings: Mapping[str, Any]
    notes: tuple[str, ...]
    covariance_km2: np.ndarray
    """(events, 3, 3) of east, north and depth"""

    def __len__(self) -> int:
        return len(self.origin_s)


def locate(associated: Associated, settings: Mapping[str, Any] | None = None) -> Located:
    """Locate associated events.

    Args:
        associated: events and their picks.
        settings: those of `zoo.seismograms.association.settings.LOCATION` that differ.

    Returns:
        The events with posteriors of place and origin time. From ten events on, what they have in common is learnt:
        station terms, the share by which travel times are off, errors of picks and of the earth; every pick then goes
        to the event that it fits best. Notes say what was learnt, and what could not be.

    Raises:
        UsageError: there is no such setting.
    """
    chosen = defaults(LOCATION) | read("zoo catalogue", LOCATION, settings or {})
    work = _Work(associated, chosen)
    if chosen["turns"] and len(associated) >= _LEAST_EVENTS:
        work.learn(chosen["turns"])
        work.share_out()
        work.learn(1)
    work.fit()
    return work.posteriors()


class _Work:
    """Picks of each event as slices of arrays, relative to one time."""

    def __init__(self, found: Associated, chosen: Mapping[str, Any]) -> None:
        self.chosen, self.notes = chosen, list(found.notes)
        self.zero_s = float(found.origin_s[0]) if len(found) else 0.0
        self.low, self.high = found.low_km, found.high_km
        self.pick_sd = np.array([chosen["sd_p_s"], chosen["sd_s_s"]])
        self.errors = Errors(earth_sd=float(chosen["travel_time_error"]))
        self._correct(found, Corrections.none(len(found.stations), self.errors.earth_sd, chosen["term_sd_s"]))
        self._take(found)

    def _take(self, found: Associated) -> None:
        """Take events and their picks."""
        self.found = found
        rows = np.flatnonzero(found.event >= 0)
        self.rows = rows[np.argsort(found.event[rows], kind="stable")]
        self.event = found.event[self.rows]
        self.edges = np.searchsorted(self.event, np.arange(len(found) + 1))
        self.time = found.picks.time_s[self.rows] - self.zero_s
        self.phase = (found.picks.phase[self.rows] == "S").astype(np.int64)
        self.station = found.station[self.rows].astype(np.int64)
        self.events = np.column_stack([found.place_km, found.origin_s - self.zero_s])
        given = found.picks.uncertainty_s[self.rows]
        self.base_sd = np.where(np.isfinite(given) & (given > 0), given, self.pick_sd[self.phase])

    def _correct(self, found: Associated, corrections: Corrections) -> None:
        self.corrections, self.terms = corrections, corrections.terms_s
        self.tables = found.tables.scaled(1 + corrections.scale)

    def residuals(self) -> tuple[np.ndarray, np.ndarray]:
        """Return pick less arrival, and travel times (picks of events,), s."""
        place = self.events[self.event, :3]
        travel = times_of_picks(place, self.phase, self.station, *self.tables.arrays())
        return self.time - self.events[self.event, 3] - travel - self.terms[self.phase, self.station], travel

    def learn(self, turns: int) -> None:
        """Learn places, what the events have in common, and how large the errors are, in turns."""
        for _ in range(turns):
            self.fit()
            residual, travel = self.residuals()
            slope = slopes(self.tables, self.events[self.event, :3], self.phase, self.station)
            own = residual, travel, slope, self.phase, self.station, self.edges
            self.errors = learn_errors(self.base_sd, self.chosen["travel_time_error"], *own, self.tables.station_km)
            # Errors of the earth are those of every event nearby: many events do not make them smaller.
            alike = crowds(self.events[:, :3], self.errors.alike_km)[self.event]
            sd = np.hypot(
                self.errors.of_picks(self.base_sd, self.phase, travel), self.errors.earth_sd * travel * np.sqrt(alike)
            )
            unscaled = travel / (1 + self.corrections.scale[self.phase])
            own = residual, sd, unscaled, slope, self.phase, self.station, self.edges
            before = _SCALE * self.chosen["travel_time_error"], self.chosen["term_sd_s"]
            self._correct(self.found, learn(self.corrections, *own, *before))

    def fit(self) -> None:
        """Fit place and origin time of each event."""
        shape = self.terms.shape
        residual, travel, which = np.empty(shape), np.empty(shape), np.empty(shape, np.int64)
        errors = self.errors
        growth = np.hypot(errors.pick_growth, errors.earth_sd)
        sigma = np.column_stack([errors.pick_factor * self.pick_sd, np.full(2, growth)])
        free, arrays = np.ones(len(self.time), np.bool_), self.tables.arrays()
        window = np.array([3.0, 0.05])
        for e in range(len(self.events)):
            fit(
                self.events[e], self.edges[e], self.edges[e + 1], self.time, self.phase, self.station, free, arrays,
                self.terms, 1e9, window, sigma, self.low, self.high, residual, which, travel,
            )  # fmt: skip

    def share_out(self) -> None:
        """Give each pick to the event that it fits best, and dissolve events that are left with too few."""
        self.fit()
        found, picks = self.found, self.found.picks
        before = (picks.phase == "S").astype(np.int64)
        sd, growth = self.errors.pick_factor * self.pick_sd, np.hypot(self.errors.pick_growth, self.errors.earth_sd)
        event, phase = share_out(
            self.events, picks.time_s - self.zero_s, before, found.station, found.event, self.tables, self.terms, sd,
            float(growth), found.settings["most_travel_time_s"],
        )  # fmt: skip
        kept = enough(event, phase, found.station, len(found), found.settings)
        number = np.append(np.where(kept, np.cumsum(kept) - 1, -1), -1)  # the last one is for picks of none
        event = number[event]
        renamed = (phase != before) & (event >= 0)
        others = np.flatnonzero(kept)
        for many, text in (
            (int((~kept).sum()), "events were dissolved: their picks fit others better"),
            (int(renamed.sum()), "picks have the other phase's name, by where they fit: they are used as that"),
        ):
            if many:
                self.notes.append(f"{many} {text}")
        names = np.where(renamed, np.where(phase == 1, "S", "P"), picks.phase)
        self._take(
            replace(
                found,
                picks=replace(picks, phase=names),
                event=event,
                place_km=self.events[others, :3],
                origin_s=self.events[others, 3] + self.zero_s,
                rms_s=found.rms_s[others],
                log_odds=found.log_odds[others],
            )  # fmt: skip
        )

    def posteriors(self) -> Located:
        """Return the results, event by event."""
        found, n = self.found, len(self.events)
        density, nodes, origins = np.empty(SIZE**3), np.empty((SIZE**3, 3)), np.empty(SIZE**3)
        mean, sd = np.empty((n, 4)), np.empty((n, 4))
        ellipses, intervals, covariances = np.empty((n, 3)), np.empty((n, 2, 3, 2)), np.empty((n, 3, 3))
        residual, travel = self.residuals()
        pick_sd, spread = (
            sized(self.base_sd, self.phase, travel) for sized in (self.errors.of_picks, self.errors.total)
        )
        for e in range(n):
            part = slice(self.edges[e], self.edges[e + 1])
            phase, station = self.phase[part], self.station[part]
            inverse = precision(
                pick_sd[part], residual[part], travel[part], phase, station, self.tables.station_km, self.errors,
                self.corrections,
            )  # fmt: skip
            # The origin time is as uncertain as its best value varies over the places, and as it is at one place.
            at_place_s = posterior(
                self.time[part], phase, station, spread[part], inverse, self.terms, self.events[e], 3.0, self.low,
                self.high, self.chosen["likelihood"] == "edt", self.tables.arrays(), density, nodes, origins,
            )  # fmt: skip
            values = np.column_stack([nodes, origins])
            mean[e] = density @ values
            covariance = (values - mean[e]).T @ ((values - mean[e]) * density[:, np.newaxis])
            sd[e], covariances[e] = np.sqrt(np.diag(covariance)), covariance[:3, :3]
            sd[e, 3] = np.hypot(sd[e, 3], at_place_s)
            ellipses[e] = ellipse(covariance[:2, :2])
            for axis in range(3):
                for level, share in enumerate(LEVELS):
                    intervals[e, level, axis] = interval(nodes[:, axis], density, share)
        self.events = mean
        residual, _ = self.residuals()
        whole = np.full(len(found.picks), np.nan)
        whole[self.rows] = residual
        counts, gap, nearest, rms = np.zeros((n, 3), int), np.empty(n), np.empty(n), np.empty(n)
        for e in range(n):
            part = slice(self.edges[e], self.edges[e + 1])
            counts[e], gap[e], nearest[e], rms[e] = quality(
                mean[e, :2], self.tables.station_km, self.station[part], self.phase[part], residual[part]
            )
        return Located(
            found, mean[:, :3], mean[:, 3] + self.zero_s, sd[:, :3], sd[:, 3], ellipses, intervals, whole, rms, gap,
            nearest, counts, self.corrections, self.errors.pick_factor * self.pick_sd, self.errors, self.tables,
            self.chosen, (*self.notes, *self._learnt()), covariances,
        )  # fmt: skip

    def _learnt(self) -> list[str]:
        """Return sentences on what the events said of earth and picks."""
        size = 2 * self.terms.shape[1]
        known = np.sqrt(np.diag(self.corrections.covariance)[size:])
        if np.all(self.corrections.scale == 0):
            return [
                f"{len(self.events)} events: too few to learn station terms and errors; standard deviations of "
                f"{self.pick_sd[0]:g} s (P), {self.pick_sd[1]:g} s (S) and {100 * self.errors.earth_sd:g} % of travel "
                "times are assumed"
            ] if len(self.events) else []  # fmt: skip
        off = ", ".join(
            f"{100 * share:+.1f} ± {100 * sd:.1f} % ({phase})"
            for share, sd, phase in zip(self.corrections.scale, known, "PS", strict=True)
        )
        return [
            f"travel times differ from the velocity model's by {off} and by station terms, which are corrected; "
            f"{100 * self.errors.earth_sd:.1f} % of them remain as error"
        ]
