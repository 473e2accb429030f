"""What the events of a day say of the earth and the stations: station terms, and how far the table of speeds is off.

A residual is linear in four numbers of its event (place, origin time), in the term of its station and phase, and in the
share by which all travel times of its phase are off. The events' own numbers are projected out of the equations one
event at a time (Pavlis & Booker 1980), which leaves as many equations as there are terms, solved with a prior; the
places then follow the new terms, and so on in turns. The covariance that is left says how well the day knows them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from zoo.field.travel_times import TravelTimes, times_of_picks

_STEP_KM = 0.1  # of derivatives of travel times
_LEAST_SD = 1e-6  # of a prior: what is less is as good as known
_SOFT = 2.0  # residuals beyond this many standard deviations lose weight


@dataclass(frozen=True)
class Corrections:
    """What is added to the travel times of the table."""

    terms_s: np.ndarray
    """(phases, stations)"""
    scale: np.ndarray
    """(phases,) travel times are those of the table times 1 + scale"""
    covariance: np.ndarray
    """of the terms, station by station within phase by phase, then of the scales"""

    @classmethod
    def none(cls, stations: int, scale_sd: float, term_sd_s: float) -> Corrections:
        """Return no corrections, as uncertain as they are before a day is seen."""
        variance = np.append(np.full(2 * stations, term_sd_s**2), np.full(2, scale_sd**2))
        return cls(np.zeros((2, stations)), np.zeros(2), np.diag(variance))

    def of_picks(self, phase: np.ndarray, station: np.ndarray, travel_s: np.ndarray) -> np.ndarray:
        """Return the covariance (n, n) in s2 that uncertain corrections give to the arrivals of an event's picks."""
        count = self.terms_s.shape[1]
        term, scale = phase * count + station, 2 * count + phase
        cross = self.covariance[np.ix_(term, scale)] * travel_s
        both = self.covariance[np.ix_(scale, scale)] * np.outer(travel_s, travel_s)
        return self.covariance[np.ix_(term, term)] + cross + cross.T + both


def slopes(tables: TravelTimes, place_km: np.ndarray, phase: np.ndarray, station: np.ndarray) -> np.ndarray:
    """Return derivatives of arrivals by east, north, depth (s/km) and origin time (n, 4) of picks of places (n, 3)."""
    arrays = tables.arrays()
    made = np.ones((len(phase), 4))
    for axis in range(3):
        step = np.eye(3)[axis] * _STEP_KM / 2
        more, less = (times_of_picks(place_km + sign * step, phase, station, *arrays) for sign in (1, -1))
        made[:, axis] = (more - less) / _STEP_KM
    return made


def learn(
    now: Corrections,
    residual_s: np.ndarray,
    sd_s: np.ndarray,
    travel_s: np.ndarray,
    slope: np.ndarray,
    phase: np.ndarray,
    station: np.ndarray,
    edges: np.ndarray,
    scale_sd: float,
    term_sd_s: float,
) -> Corrections:
    """Return better corrections.

    Args:
        now: the corrections by which residuals were computed.
        residual_s, sd_s, travel_s: (n,) of picks in the order of their events: pick less arrival, its standard
            deviation, and travel time by the table, uncorrected.
        slope: (n, 4) of `slopes`.
        phase, station: (n,) numbers.
        edges: (events + 1,) where each event's picks begin.
        scale_sd, term_sd_s: standard deviations of scales and station terms before the day is seen.
    """
    count = now.terms_s.shape[1]
    size = 2 * count + 2
    weight = 1 / sd_s / np.sqrt(1 + (residual_s / (_SOFT * sd_s)) ** 2)  # of the equations
    term, scale = phase * count + station, 2 * count + phase
    now_all = np.append(now.terms_s.ravel(), now.scale)
    normal, right = np.zeros((size, size)), np.zeros(size)
    np.add.at(normal, (term, term), weight**2)
    np.add.at(normal, (term, scale), weight**2 * travel_s)
    np.add.at(normal, (scale, term), weight**2 * travel_s)
    np.add.at(normal, (scale, scale), (weight * travel_s) ** 2)
    np.add.at(right, term, weight**2 * residual_s)
    np.add.at(right, scale, weight**2 * travel_s * residual_s)
    for e in range(len(edges) - 1):
        part = slice(edges[e], edges[e + 1])
        # What the event's own numbers explain of the equations: all, if there are no more than four.
        own = np.linalg.qr(slope[part] * weight[part, None])[0] * weight[part, None]
        block = np.zeros((own.shape[1], size))
        np.add.at(block, (slice(None), term[part]), own.T)
        np.add.at(block, (slice(None), scale[part]), own.T * travel_s[part])
        normal -= block.T @ block
        right -= block.T @ (own.T @ residual_s[part])
    sds = np.append(np.full(2 * count, term_sd_s), np.full(2, scale_sd))
    prior = np.maximum(sds, _LEAST_SD) ** -2.0
    covariance = np.linalg.inv(normal + np.diag(prior))
    change = covariance @ (right - prior * now_all)
    made = now_all + change
    return Corrections(made[: 2 * count].reshape(2, count), made[2 * count :], covariance)


def crowds(place_km: np.ndarray, alike_km: float) -> np.ndarray:
    """Return how many events there are about each event (events,), itself included: one a length away counts 1/e.

    >>> crowds(np.array([[0.0, 0, 0], [0, 0, 0], [1e6, 0, 0]]), 10.0).tolist()
    [2.0, 2.0, 1.0]
    """
    made = np.empty(len(place_km))
    for first in range(0, len(place_km), 500):
        part = place_km[first : first + 500, np.newaxis] - place_km
        made[first : first + 500] = np.exp(-np.linalg.norm(part, axis=-1) / alike_km).sum(axis=1)
    return made
