"""SYNTHETIC continuous records of a network: noise, and earthquakes that all stations have in common.

One layered earth lies under all stations. Each earthquake has one place, origin time, magnitude, mechanism and stress
drop; what its waves do on the way is that of `zoo.seismograms.physics.seismograms` (rays, scattering, coda, site), and
sizes are those of the ground, not scaled to the noise. The noise of each station is its own
(`zoo.seismograms.physics.days`). Instruments are flat to velocity, so `COUNTS_PER_M_S` is all of their response.

    network = draw_network(NetworkModel(stations=6, hours=0.5, events=8), seed=1)
    record, arrivals = station_record(network, 0)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from zoo.errors import ZooError
from zoo.seismograms.physics import noise as noises
from zoo.seismograms.physics import sources
from zoo.seismograms.physics.days import RATE_HZ, in_band, station_noise
from zoo.seismograms.physics.draws import LABELLED_S, Events, draw_shots, scattering, waves_at
from zoo.seismograms.physics.model import SeismogramModel
from zoo.seismograms.physics.paths import Crusts, arrivals, layer_of
from zoo.seismograms.physics.radiation import lognormal, radiation
from zoo.seismograms.physics.seismograms import ground_motion
from zoo.seismograms.physics.stations import Stations, draw_stations

COUNTS_PER_M_S = 6e8
"""Counts for a ground velocity of 1 m/s: a seismometer of 1500 V s/m and a recorder of 2.5 microvolts a count."""
_CLIP_COUNTS = 2.0**23
_FLAT = 0
"""Row of `noise.SENSORS` and of `noise.LOW_PASSES` that all stations have."""
CRUST = Crusts(
    np.array([[0.03, 0.8, 9.2, 12.0, 12.0]]),
    np.array([[1.8, 4.2, 5.6, 6.2, 6.8, 8.0]]),
    np.array([[0.7, 2.3, 3.25, 3.58, 3.9, 4.55]]),
)
"""The earth: weathered rock, sediment, three layers of crust, mantle (km, km/s)."""
_SAMPLES, _BEFORE, _RISE, _FADE = 10_000, 500, 100, 1500
"""Of an earthquake's record at a station: length, samples before P, over which it sets in, over which it ends."""
_NOISE_S = 30
"""The noise that a P is compared with precedes it by up to this time."""


@dataclass(frozen=True)
class NetworkModel:
    """How many stations and earthquakes, where, how large; ranges are (low, high), drawn uniformly."""

    stations: int = 10
    hours: float = 24.0
    events: int = 100
    magnitude: tuple[float, float] = (0.5, 3.0)
    half_width_km: float = 30.0
    """Stations lie in a square of twice this width, earthquakes in it too."""
    depth_km: tuple[float, float] = (2.0, 14.0)

    def __post_init__(self) -> None:
        if self.stations < 1 or self.events < 0 or not self.hours >= 0.1 or not self.half_width_km > 0:
            raise ZooError(
                f"A network has a station or more, a tenth of an hour or more, and a width; received {self}."
            )
        if not 0 < self.depth_km[0] <= self.depth_km[1] < CRUST.thickness_km.sum():
            raise ZooError(f"Depths lie between 0 and {CRUST.thickness_km.sum():g} km; received {self.depth_km}.")


@dataclass(frozen=True, eq=False)
class Network:
    """Stations, and earthquakes in order of their origin times."""

    model: NetworkModel
    seed: int
    sites: Stations
    station_km: np.ndarray
    """(stations, 2) east, north; all at depth 0"""
    place_km: np.ndarray
    """(events, 3) east, north, depth"""
    origin_s: np.ndarray
    """(events,) since the begin of the records"""
    magnitude: np.ndarray
    """(events,) moment magnitudes"""


class Arrivals(NamedTuple):
    """When and how clearly the earthquakes of a network arrive at a station, (events,) each."""

    p_s: np.ndarray
    """since the begin of the records"""
    s_s: np.ndarray
    snr: np.ndarray
    """amplitude of the first second of P on Z over that of the 30 s before it, 1 to 20 Hz"""


def draw_network(model: NetworkModel | None = None, seed: int = 0) -> Network:
    """Draw stations and earthquakes.

    >>> network = draw_network(NetworkModel(stations=3, events=5, hours=1), seed=2)
    >>> network.station_km.shape, network.place_km.shape, bool((np.diff(network.origin_s) > 0).all())
    ((3, 2), (5, 3), True)
    """
    model = model or NetworkModel()
    rng = np.random.default_rng([seed, 0])
    sites = draw_stations(rng, model.stations)
    sites.sensor[:], sites.low_pass[:] = _FLAT, _FLAT
    width = model.half_width_km
    # Strata of a grid, so that stations are neither heaped nor in rows.
    side = int(np.ceil(np.sqrt(model.stations)))
    cells = rng.permutation(side**2)[: model.stations]
    place = (np.stack(np.divmod(cells, side), axis=1) + rng.uniform(0.15, 0.85, (model.stations, 2))) / side
    events = np.column_stack(
        [rng.uniform(-width, width, (model.events, 2)), rng.uniform(*model.depth_km, model.events)]
    )
    last = 3600 * model.hours - (_SAMPLES - _BEFORE) / RATE_HZ - 30
    origin = np.sort(rng.uniform(min(30.0, last / 2), last, model.events))
    magnitude = rng.uniform(*model.magnitude, model.events)
    return Network(model, seed, sites, width * (2 * place - 1), events, origin, magnitude)


def station_record(network: Network, number: int) -> tuple[np.ndarray, Arrivals]:
    """Make the record of a station.

    Args:
        network: from `draw_network`.
        number: of the station.

    Returns:
        Counts (3, samples) int32, Z N E, at 100 Hz, and the arrivals that are in them.
    """
    site = network.sites.take(np.array([number]))
    minutes = int(np.ceil(60 * network.model.hours))
    record = station_noise(minutes, [network.seed, 1, number], site)
    power = np.append(0.0, np.cumsum(in_band(record[0]).astype(np.float64) ** 2))
    signal, starts, p, s = _events_at(network, number, site)
    taper = np.ones(_SAMPLES, np.float32)
    taper[:_RISE] = np.sin(np.linspace(0, np.pi / 2, _RISE)) ** 2
    taper[-_FADE:] = np.cos(np.linspace(0, np.pi / 2, _FADE)) ** 2
    snr = np.empty(len(starts))
    for event, start in enumerate(starts):
        at = int(p[event])
        first = max(at - int(_NOISE_S * RATE_HZ), 0)
        loudness = np.sqrt((power[at] - power[first]) / (at - first))
        inside = in_band(signal[event, 0])[at - start : at - start + int(RATE_HZ)]
        snr[event] = inside.std() / loudness
        record[:, start : start + _SAMPLES] += signal[event] * taper
    counts = np.clip(np.rint(record * np.float32(1e-9 * COUNTS_PER_M_S)), -_CLIP_COUNTS, _CLIP_COUNTS - 1)
    return counts.astype(np.int32), Arrivals(p / RATE_HZ, s / RATE_HZ, snr)


def _events_at(network: Network, number: int, site: Stations) -> tuple[np.ndarray, ...]:
    """Return records (events, 3, samples) in 1e-9 m/s, their first samples, and samples of P and S, at a station."""
    n = len(network.magnitude)
    if not n:
        return np.zeros((0, 3, _SAMPLES), np.float32), np.zeros(0, int), np.zeros(0), np.zeros(0)
    rng = np.random.default_rng([network.seed, 2, number])
    crusts = Crusts(*(np.repeat(values, n, axis=0) for values in CRUST))
    east, north = (network.station_km[number] - network.place_km[:, :2]).T
    depth, distance = network.place_km[:, 2], np.maximum(np.hypot(east, north), 0.01)
    azimuth = np.arctan2(east, north) % (2 * np.pi)
    rays = [arrivals(crusts.thickness_km, v, depth, distance) for v in crusts[1:]]
    times = np.stack([r.time_s for r in rays], axis=1)
    first_p, first_s = (np.nanmin(r.time_s, axis=1) for r in rays)
    # What belongs to an event, or to the earth, is drawn anew from the same seed for every station.
    shared = np.random.default_rng([network.seed, 3])
    eta, q0, q_ratio = (np.full(n, shared.uniform(*limits)) for limits in ((0.3, 0.7), (80, 250), (0.7, 1.2)))
    explosion, higher = np.zeros(n, bool), shared.uniform(1.0, 1.7, n)
    vs_m_s = 1e3 * CRUST.vs_km_s[0][layer_of(crusts, depth)]
    moment = sources.moment_n_m(network.magnitude)
    corner = sources.corner_hz(moment, np.clip(lognormal(shared, 3e6, 0.8, n), 1e5, 1e8), vs_m_s)
    corner = np.stack([corner * higher, corner], axis=1)
    shots = draw_shots(shared, explosion, corner[:, 1], RATE_HZ)
    back = (azimuth + np.pi) % (2 * np.pi)
    amplitude, polarisation = radiation(shared, crusts, rays, depth, azimuth, back, explosion)
    amplitude = np.where(np.isfinite(times), amplitude, 0) * moment[:, None, None]
    largest = amplitude[:, 1].max(axis=1, keepdims=True)
    s_s = np.where(amplitude[:, 1] >= LABELLED_S * largest, times[:, 1], np.inf).min(axis=1)
    p = (network.origin_s + first_p) * RATE_HZ
    starts = np.floor(p).astype(int) - _BEFORE
    origin = network.origin_s * RATE_HZ - starts
    t_star = np.stack([first_p / (q0 * q_ratio), first_s / q0, first_s / q0], axis=1)
    kappa = np.full(n, site.kappa_s[0])
    waves, decay_s = waves_at(
        rng, crusts, times, amplitude, polarisation, origin, scattering(rng, first_s - first_p),
        (first_p, s_s, first_s), explosion, corner, depth, distance, back, t_star[:, 1] + kappa, RATE_HZ, shots,
    )  # fmt: skip
    t_star[:, 2] += 0.5 * decay_s / q0
    model = SeismogramModel(samples=_SAMPLES, sampling_rate_hz=RATE_HZ)
    grid = sources.frequency_grid(_SAMPLES, RATE_HZ)
    response = np.repeat(noises.responses(grid.size, RATE_HZ)[site.sensor, site.low_pass], n, axis=0)
    events = Events(waves, explosion, corner, t_star, eta, kappa, {})
    made = ground_motion(rng, events, grid, model, response)
    return made, starts, p, (network.origin_s + s_s) * RATE_HZ
