"""What is random about a source and a path, and the waves that follow from it.

Ranges follow what the literature reports for local earthquakes in the crust; what no publication fixes is ASSUMED, and
wide.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from zoo.seismograms.physics import noise as noises
from zoo.seismograms.physics import sources
from zoo.seismograms.physics.model import SeismogramModel
from zoo.seismograms.physics.paths import Crusts, arrivals, layer_of
from zoo.seismograms.physics.radiation import lognormal, radiation
from zoo.seismograms.physics.stations import Stations
from zoo.seismograms.physics.waves import Waves

_SHOTS = 12
"""The most parts that a source has."""
_BANDS_HZ = ((1.0, 4.0), (4.0, 12.0), (12.0, 35.0))
"""P stands out of the noise in the best of them."""
_MAGNITUDES, _HALVINGS = (-2.5, 6.5), 12
"""The smallest magnitude that stands out is sought between these by halving, to 9 / 2^12 = 0.002."""
_LARGEST, _LEAST_EXCESS = 5.3, 0.3
"""No excess leads beyond this magnitude: sources are points, and larger ruptures are kilometres long. Where even the
smallest magnitude that stands out is near it or above, up to 0.3 is still added."""
_SOFTEST_M_S = 1500.0
"""Least velocity of S at a source: no rock that breaks is softer."""
KAPPA_P = 0.5
"""Kappa of P, relative to that of S."""
_LOW_KAPPA_SHARE, _LOW_KAPPA = 0.25, 0.3
"""Share of events with less attenuation at the site, and what is left of kappa there (ASSUMED)."""
_ORIGIN_S = 22.5
"""The longest time before the origin at which a window begins (Kong et al. 2021)."""
_MARGIN_S, _END_S = 1.3, 1.8
"""P is at least this far from the beginning and from the end of a window."""
LABELLED_S = 0.3
"""S is labelled at the first S wave with at least this share of the largest amplitude: nobody picks a weaker Sn."""


@dataclass
class Events:
    """n events, each as seen by its station."""

    waves: Waves
    explosion: np.ndarray
    """(n,): whether the source is an explosion."""
    corner_hz: np.ndarray
    """(n, 2): corner frequencies of P, S."""
    t_star_s: np.ndarray
    """(n, 3): t* of P, S, late coda at 1 Hz."""
    eta: np.ndarray
    """(n,): exponent of Q(f)."""
    kappa_s: np.ndarray
    """(n,): kappa of S, s."""
    columns: dict[str, np.ndarray]
    """(n,) each, under the names of `zoo.seismograms.archives.columns`."""


def _between(rng: np.random.Generator, low: float, high: float, count) -> np.ndarray:
    """Draw from a log-uniform distribution."""
    return np.exp(rng.uniform(np.log(low), np.log(high), count))


def draw_events(rng: np.random.Generator, model: SeismogramModel, stations: Stations, explosion: np.ndarray) -> Events:
    """Draw a source and a path for each of n stations; `explosion` (n,) says of which kind the source is."""
    n, rate = len(explosion), model.sampling_rate_hz
    depth, distance = _geometry(rng, model, stations.crusts, explosion)
    rays = [arrivals(stations.crusts.thickness_km, v, depth, distance) for v in stations.crusts[1:]]
    azimuth = rng.uniform(0, 2 * np.pi, n)
    back_azimuth = (azimuth + np.pi + rng.normal(0, 0.05, n)) % (2 * np.pi)
    eta, q0 = rng.uniform(0.2, 0.85, n), _between(rng, 45, 400, n)
    q_ratio = rng.uniform(0.5, 1.3, n)  # Qp / Qs, below 1 above some hertz: Sato et al. 2012, section 5.1
    first_p, first_s = (np.nanmin(r.time_s, axis=1) for r in rays)
    t_star = np.stack([first_p / (q0 * q_ratio), first_s / q0, first_s / q0], axis=1)
    kappa = stations.kappa_s * np.where(rng.random(n) < _LOW_KAPPA_SHARE, _LOW_KAPPA, 1.0)
    # Amplitude and polarisation of every ray, for a unit seismic moment.
    amplitude, polarisation = radiation(rng, stations.crusts, rays, depth, azimuth, back_azimuth, explosion)
    times = np.stack([r.time_s for r in rays], axis=1)
    amplitude = np.where(np.isfinite(times), amplitude, 0)
    scattered, rise, fall = scattering(rng, first_s - first_p)
    # Amplitude of the first P on the vertical, with what scatters forward within the first second.
    first = np.where(np.isfinite(times[:, 0]), times[:, 0], np.inf).argmin(axis=1)
    vertical = np.abs(np.take_along_axis(amplitude[:, 0] * polarisation[:, 0, :, 0], first[:, None], 1)[:, 0])
    vertical = vertical * np.sqrt(1 + scattered[:, 0] * np.minimum(1, 0.7 / fall[:, 0]))
    losses = t_star[:, 0], eta, kappa * KAPPA_P
    magnitude, corner = _sources(rng, model, stations, explosion, depth, vertical, losses)
    amplitude *= sources.moment_n_m(magnitude)[:, None, None]
    # Where the event lies in the window.
    largest = amplitude[:, 1].max(axis=1, keepdims=True)
    p_s, s_s = first_p, np.where(amplitude[:, 1] >= LABELLED_S * largest, times[:, 1], np.inf).min(axis=1)
    origin = _origin_samples(rng, model, p_s, s_s)
    waves, decay_s = waves_at(
        rng, stations.crusts, times, amplitude, polarisation, origin, (scattered, rise, fall), (p_s, s_s, first_s),
        explosion, corner, depth, distance, back_azimuth, t_star[:, 1] + kappa, rate,
    )  # fmt: skip
    t_star[:, 2] += 0.5 * decay_s / q0  # coda waves have travelled further, through deeper, less attenuating rock
    columns = {
        "trace_p_arrival_sample": origin + p_s * rate,
        "trace_s_arrival_sample": origin + s_s * rate,
        "trace_origin_sample": origin,
        "source_magnitude": magnitude,
        "source_depth_km": depth,
        "path_ep_distance_km": distance,
        "path_azimuth_deg": np.degrees(azimuth),
        "path_back_azimuth_deg": np.degrees(back_azimuth),
        "path_p_travel_sec": p_s,
        "path_s_travel_sec": s_s,
    }
    return Events(waves, explosion, corner, t_star, eta, kappa, columns)


def waves_at(
    rng, crusts, times, amplitude, polarisation, origin, scatter, arrivals_s, explosion, corner, depth, distance,
    back_azimuth, loss_s, rate, shots=None,
) -> tuple[Waves, np.ndarray]:  # fmt: skip
    """Draw what scattering, site and coda add to the rays of n events, each at its station.

    Args:
        rng: draws them.
        crusts: (n rows) below the stations.
        times, amplitude: (n, 2, rays) travel times, s; amplitudes, m s, of P and S; `polarisation` (n, 2, rays, 3).
        origin: (n,) samples of the origin times.
        scatter: of `scattering`.
        arrivals_s: P, S as labelled, and the first S: travel times (n,), s.
        explosion, corner, depth, distance, back_azimuth: of the sources: bool, (n, 2) Hz, km, km, radians.
        loss_s: (n,) t* of S and kappa, s.
        rate: samples in a second.
        shots: (n, parts, 2) of the sources; None: drawn.

    Returns:
        The waves, and the time constants (n,) of the coda's decay, s.
    """
    n = len(depth)
    scattered, rise, fall = scatter
    p_s, s_s, first_s = arrivals_s
    decay_s = np.clip(_between(rng, 1.5, 15, n) * (first_s / 4) ** 0.35, 0.8, 40)
    waves = Waves(
        onset=np.where(np.isfinite(times), origin[:, None, None] + times * rate, np.inf),
        amplitude=amplitude,
        polarisation=polarisation,
        **_site(rng, crusts, back_azimuth, rate),
        shots=draw_shots(rng, explosion, corner[:, 1], rate) if shots is None else shots,
        scattered=scattered,
        rise=rise * rate,
        fall=fall * rate,
        spread=np.stack([_components(rng, n, (0.6, 1.1)), _components(rng, n, (0.9, 2.6))], axis=1),
        coda=np.array([2.5, 3.3]) * lognormal(rng, 1.0, 0.6, (n, 2)),
        coda_time=rate * np.stack([s_s - p_s, s_s * rng.uniform(0.3, 1.0, n)], axis=1),
        coda_power=rng.uniform(0.8, 2.0, n),
        coda_decay=decay_s * rate,
        rayleigh=_rayleigh(rng, explosion, depth, distance, origin, amplitude, corner, loss_s, rate),
        back_azimuth_rad=back_azimuth,
    )
    return waves, decay_s


def _geometry(rng, model: SeismogramModel, crusts: Crusts, explosion: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Draw depths (n,) and epicentral distances (n,), km."""
    n = len(explosion)
    s_minus_p = _between(rng, *model.s_minus_p_s, n)
    # Waves of near sources cross the slow upper crust, those of far ones the middle and lower crust.
    slow = (1 / crusts.vs_km_s - 1 / crusts.vp_km_s)[:, [2, 3]]
    path = s_minus_p / np.where(s_minus_p < 2, slow[:, 0], slow.mean(axis=1))
    deepest = crusts.thickness_km.sum(axis=1) - 0.5
    low, high = model.depth_km
    depth = np.clip(lognormal(rng, 6.0, 0.9, n), low, np.minimum(high, deepest))
    depth = np.clip(np.minimum(depth, path * rng.uniform(0.2, 0.98, n)), 0.02, None)
    depth = np.where(explosion, rng.uniform(0.01, 0.25, n), depth)
    return depth, np.sqrt(np.maximum(path**2 - depth**2, 0.01))


def scattering(rng, s_minus_p: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw the energy scattered forward (n, 2), its rise and its fall (n, 2), s: more, and longer, further away."""
    n = len(s_minus_p)
    far = np.maximum(s_minus_p, 0.2)[:, None]
    fall = np.array([0.16, 0.16]) * far**0.8 * lognormal(rng, 1.0, 0.5, (n, 2)) + 0.03
    rise = fall * _between(rng, 0.08, 1.5, (n, 2)) * [1.0, 0.5]
    energy = np.array([6.0, 3.5]) * (1 + far / 4) ** 0.7 * lognormal(rng, 1.0, 1.0, (n, 2))
    return energy, rise, fall


def _sources(rng, model, stations, explosion, depth, vertical, losses) -> tuple[np.ndarray, np.ndarray]:
    """Draw magnitudes (n,), from the smallest that stands out of the noise upwards, and corners (n, 2) of P, S, Hz."""
    n = len(explosion)
    stress_drop_pa = np.clip(lognormal(rng, 3e6, 1.0, n), 1e5, 1e8)
    higher = rng.uniform(1.0, 1.7, n)  # corner of P over that of S
    lower = np.where(explosion, rng.uniform(0.4, 1.0, n), 1.0)
    vs_source = 1e3 * np.take_along_axis(stations.crusts.vs_km_s, layer_of(stations.crusts, depth)[:, None], 1)[:, 0]
    vs_source = np.maximum(vs_source, _SOFTEST_M_S)

    def corners(magnitude: np.ndarray) -> np.ndarray:
        s = lower * sources.corner_hz(sources.moment_n_m(magnitude), stress_drop_pa, vs_source)
        return np.stack([s * higher, s], axis=1)

    floor = _smallest(model, stations, explosion, corners, vertical, losses)
    magnitude = floor + np.minimum(rng.exponential(model.snr_excess, n), np.maximum(_LARGEST - floor, _LEAST_EXCESS))
    return magnitude, corners(magnitude)


def _smallest(model, stations: Stations, explosion, corners, vertical, losses) -> np.ndarray:
    """Return the magnitude (n,) whose P stands out of the noise by the floor, in the best of three bands.

    The measure is the energy of the first second of P on the vertical, from its spectrum, over that of a second of
    noise.
    """
    frequency = np.geomspace(1.0, min(35.0, 0.4 * model.sampling_rate_hz), 19)
    t_star, eta, kappa = (v[:, None] for v in losses)
    noise = noises.ground_power(stations.levels, frequency) + stations.white[:, None]
    loss = np.exp(-np.pi * (t_star * frequency ** (1 - eta) + kappa * frequency))
    path = 2 * np.pi * frequency * vertical[:, None] * loss
    weight = [np.where((frequency >= low) & (frequency <= high), frequency, 0) for low, high in _BANDS_HZ]
    weight = np.array([w for w in weight if w.any()])
    noise = noise @ weight.T

    def ratio(magnitude: np.ndarray) -> np.ndarray:
        velocity = path * sources.source_amplitude(frequency, corners(magnitude)[:, 0], explosion)
        return np.sqrt(((2 * velocity**2) @ weight.T / noise).max(axis=1)) * sources.moment_n_m(magnitude)

    low, high = (np.full(len(explosion), end) for end in _MAGNITUDES)
    for _ in range(_HALVINGS):
        middle = 0.5 * (low + high)
        enough = ratio(middle) > model.snr_floor
        low, high = np.where(enough, low, middle), np.where(enough, middle, high)
    return high


def _origin_samples(rng, model: SeismogramModel, p_s: np.ndarray, s_s: np.ndarray) -> np.ndarray:
    """Draw the samples (n,) of the origin times, such that P falls on a whole sample."""
    rate, samples = model.sampling_rate_hz, model.samples
    draw = rng.random(len(p_s))
    margin, end = _MARGIN_S * rate, samples - _END_S * rate
    if model.window == "origin":
        # P must be inside: Kong et al. (2021) do not say so, but a window without an event shows no earthquake.
        first, last = np.minimum(p_s * rate, end - margin), p_s * rate + _ORIGIN_S * rate
    elif model.window == "early":
        first, last = 0.07 * samples, 0.33 * samples
    elif model.window == "anywhere":
        first, last = margin, end
    else:
        first = min(3 * rate, 0.12 * samples)
        last = samples - np.minimum((s_s - p_s + 5) * rate, 0.75 * samples)
    first = np.maximum(first, margin)
    p = first + draw * np.maximum(np.minimum(last, end) - first, 1)
    return np.floor(p) - p_s * rate


def _site(rng, crusts: Crusts, back_azimuth: np.ndarray, rate: float) -> dict[str, np.ndarray]:
    """Draw what the layers below the station add, as fields of `Waves`."""
    n = len(back_azimuth)
    thickness, vp, vs = crusts.thickness_km[:, :2], crusts.vp_km_s[:, :2], crusts.vs_km_s[:, :2]
    lag = np.minimum(thickness, 1.5) * (1 / vs - 1 / vp)
    # Waves convert at the base of the sediment, or of the soil above it.
    delay = lag[:, 0] + np.where(rng.random(n) < 0.6, lag[:, 1], 0)
    strength = rng.normal(0, 0.25, n)
    converted = np.zeros((n, 2, 3))
    converted[:, 0, 1] = -strength * np.cos(back_azimuth)
    converted[:, 0, 2] = -strength * np.sin(back_azimuth)
    converted[:, 1, 0] = 0.6 * strength
    return {
        "converted": converted,
        "conversion_delay": delay * rate,
        "echo_delay": 2 * rate * np.stack([thickness[:, 0] / vp[:, 0], thickness[:, 0] / vs[:, 0]], axis=1),
        "echo": rng.uniform(0.0, 0.65, n),
        "split": rate * rng.uniform(0, 0.08, n),
    }


def _components(rng, n: int, horizontal: tuple[float, float]) -> np.ndarray:
    """Draw how scattered waves are shared among the components (n, 3), with squares that add up to 1.

    `horizontal` is the range of horizontal over vertical amplitude.
    """
    h = rng.uniform(*horizontal, n)
    shares = np.stack([np.ones(n), h * rng.uniform(0.85, 1.15, n), h * rng.uniform(0.85, 1.15, n)], axis=1)
    return shares / np.sqrt((shares**2).sum(axis=1, keepdims=True))


def draw_shots(rng, explosion: np.ndarray, corner: np.ndarray, rate: float) -> np.ndarray:
    """Draw the parts of sources (n, _SHOTS, 2): delay in samples, weight.

    Half of the earthquakes have two or three parts, the first often the smallest (as ruptures begin: Ellsworth & Beroza
    1995); half of the explosions are quarry blasts fired in rows.
    """
    n = len(explosion)
    shots = np.zeros((n, _SHOTS, 2))
    parts = np.where(rng.random(n) < 0.5, rng.integers(2, 4, n), 1)
    later = np.arange(_SHOTS) < parts[:, None]
    later[:, 0] = False
    duration = rate * np.clip(1.5 / corner, 0.045, 4.5)[:, None]
    shots[..., 0] = np.where(later, rng.uniform(0, 1, (n, _SHOTS)) * duration, 0)
    shots[..., 1] = np.where(later, rng.uniform(0.2, 1.2, (n, _SHOTS)), shots[..., 1])
    rows = np.where(explosion & (rng.random(n) < 0.5), rng.integers(4, _SHOTS + 1, n), 0)
    fired = np.arange(_SHOTS) < rows[:, None]
    delay = np.arange(_SHOTS) * rng.uniform(0.017, 0.06, n)[:, None] + rng.normal(0, 0.003, (n, _SHOTS))
    shots[..., 0] = np.where(fired, np.maximum(delay, 0) * rate, shots[..., 0])
    shots[..., 1] = np.where(fired, rng.uniform(0.5, 1.0, (n, _SHOTS)), shots[..., 1])
    shots[:, 0, 0] = 0
    shots[:, 0, 1] = np.where((parts > 1) & (rows == 0), _between(rng, 0.25, 1.2, n), 1)
    return shots


def _rayleigh(rng, explosion, depth, distance, origin, amplitude, corner, loss_s, rate) -> np.ndarray:
    """Draw Rg (n, 6) of shallow sources; ASSUMED: its amplitude, relative to that of S, or of P for an explosion."""
    n = len(depth)
    base = np.where(explosion, 0.5 * amplitude[:, 0].max(axis=1), amplitude[:, 1].max(axis=1))
    effective = 1 / (1 / corner[:, 1] + np.pi * loss_s)
    low, high = _between(rng, 0.3, 0.8, n), _between(rng, 1.0, 3.5, n)
    size = base * np.minimum(effective, 0.4 * rate) ** 2 / (low * rate)
    size *= lognormal(rng, 0.25, 0.8, n) * np.exp(-depth / 1.2 - distance / 50)
    size = np.where(depth < 4, size, 0)
    fast, slow = rng.uniform(2.2, 3.1, n), rng.uniform(0.9, 1.9, n)
    begin, end = origin + distance / fast * rate, origin + (distance / slow + 2) * rate
    return np.stack([size, begin, end, low / rate, high / rate, rng.uniform(0.6, 1.1, n)], axis=1)
