"""Synthetic local seismograms: earthquakes, explosions and noise on three components, with P and S to the sample.

SYNTHETIC: nothing here was recorded. An example depends on (seed, its number) alone: examples are made in blocks of
`BLOCK`, each with its own random generator, whoever asks for them.

A station is drawn first (crust, site, noise, instrument), then source and path; the magnitude is the smallest that
stands out of that noise by `snr_floor` plus an exponential excess: Gutenberg-Richter above a detection threshold, with
a lower b value than nature's, for breadth. Then `waves` makes sequences, `sources` colours them, `noise` adds what a
station hears without an event, and the recorder makes counts.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import scipy.fft

from zoo.compiled import njit
from zoo.errors import ZooError
from zoo.seismograms.physics import noise as noises
from zoo.seismograms.physics import sources
from zoo.seismograms.physics.draws import KAPPA_P, Events, draw_events
from zoo.seismograms.physics.model import SeismogramModel
from zoo.seismograms.physics.stations import draw_stations
from zoo.seismograms.physics.waves import sequences

BLOCK = 32
"""Examples that one random generator makes; a constant, because example i must not depend on who asks."""
_TINY = 1e-30  # for traces without any noise or signal
_OFFSET_SHARE, _OFFSET_COUNTS = 0.6, 30
"""Components with an offset, and its sd for noise of one count; it grows with the root of the noise (ASSUMED)."""
_CLIPPING_SHARE, _CLIP_COUNTS = 0.5, 2.0**23
"""Recorders that clip, and where: a digitiser of 24 bits."""
_SECOND_P = (0.02, 0.98)
"""Shares of the window between which the P of a second event lies."""
_SECOND_LOG_RATIO = (-0.7, 0.8)
"""Mean and sd of the natural logarithm of a second event's amplitude over the first's: half of it at the median."""
_SNR_S = 2.0
"""Time from P, and from S, over which `trace_snr_db` is measured."""


class Seismograms(NamedTuple):
    """n synthetic records; numbers are NaN where a record has no such thing."""

    waveform: np.ndarray
    """(n, samples, 3) float32, counts, ZNE: proportional to ground velocity within the band of the instrument (to
    acceleration for an accelerometer)."""
    columns: dict[str, np.ndarray]
    """By name: (n,) each, (n, 3) for trace_snr_db."""


NUMBERS = (
    "trace_p_arrival_sample", "trace_s_arrival_sample", "trace_p_snr_db", "trace_s_snr_db", "trace_origin_sample",
    "source_magnitude", "source_depth_km", "path_ep_distance_km", "path_azimuth_deg", "path_back_azimuth_deg",
    "path_p_travel_sec", "path_s_travel_sec", "trace_p2_arrival_sample", "trace_s2_arrival_sample",
)  # fmt: skip
"""Columns that hold numbers; p2 and s2 belong to a second event in the window."""


def simulate(count: int, model: SeismogramModel | None = None, seed: int = 0) -> Seismograms:
    """Make SYNTHETIC three-component records, with P and S known to the sample.

    >>> waveform, columns = simulate(2, SeismogramModel(samples=1000), seed=1)
    >>> waveform.shape, columns["trace_category"].tolist()
    ((2, 1000, 3), ['earthquake', 'earthquake'])

    Args:
        count: how many records.
        model: what kind of records; default: earthquakes, 60 s at 100 Hz.
        seed: seed of the random numbers; the first records of a longer run are those of a shorter one.

    Returns:
        `waveform` (count, samples, 3), counts, ZNE, and `columns` by name: picks in samples, magnitude, depth in km ...

    Raises:
        ZooError: if the number of records is not positive.
    """
    if count < 1:
        raise ZooError(f"At least one record can be made; received count={count}.")
    return seismograms(model or SeismogramModel(), seed=seed, first=0, count=count)


def seismograms(model: SeismogramModel, *, seed: int, first: int, count: int) -> Seismograms:
    """Make examples `first` to `first + count - 1`.

    Args:
        model: what kind of records.
        seed: seed of the dataset.
        first: number of the first example.
        count: how many.

    Returns:
        The records with `trace_category`, `NUMBERS`, and `trace_snr_db` (n, 3) for Z, N, E: the 2 s from P and the 2 s
        from S together against the noise, on differenced traces.
    """
    blocks = range(first // BLOCK, (first + count - 1) // BLOCK + 1)
    made = [_block(model, seed, block) for block in blocks]
    cut = slice(first - blocks[0] * BLOCK, first - blocks[0] * BLOCK + count)
    columns = {key: np.concatenate([part.columns[key] for part in made])[cut] for key in made[0].columns}
    return Seismograms(np.concatenate([part.waveform for part in made])[cut], columns)


def _block(model: SeismogramModel, seed: int, block: int) -> Seismograms:
    """Make the examples of one block: noise, ground motion, second events, the recorder."""
    rng = np.random.Generator(np.random.SFC64([seed, block]))
    rate, samples = model.sampling_rate_hz, model.samples
    category = np.array([model.kinds[(block * BLOCK + i) % len(model.kinds)] for i in range(BLOCK)])
    shown = np.flatnonzero(category != "noise")
    stations = draw_stations(rng, BLOCK)
    grid = sources.frequency_grid(samples, rate)
    response = noises.responses(grid.size, rate)[stations.sensor, stations.low_pass]
    spectra = noises.noise_spectra(rng, stations.levels, stations.white, stations.horizontal_noise, response, rate)
    noise = scipy.fft.irfft(spectra, grid.size, axis=2)[:, :, :samples]
    noises.disturb(rng, noise, rate, model.disturbed_share)
    events = draw_events(rng, model, stations.take(shown), category[shown] == "explosion")
    signal = np.zeros((BLOCK, 3, samples), np.float32)
    signal[shown] = ground_motion(rng, events, grid, model, response[shown]) if len(shown) else 0
    columns = {"trace_category": category, **_columns(events, shown)}
    snr_db, p_snr_db, s_snr_db = (np.full((BLOCK, *more), np.nan) for more in ((3,), (), ()))
    where = columns["trace_p_arrival_sample"], columns["trace_s_arrival_sample"]
    _measure(signal, noise, *where, rate, snr_db, p_snr_db, s_snr_db)
    columns.update(trace_snr_db=snr_db, trace_p_snr_db=p_snr_db, trace_s_snr_db=s_snr_db)
    _second_events(rng, signal, columns, shown, model)
    waveform = np.empty((BLOCK, samples, 3), np.float32)
    rms = np.sqrt(np.mean(noise[:, 0] ** 2, axis=1, dtype=float))
    gain = stations.counts / np.maximum(rms, _TINY)
    has_offset = rng.random((BLOCK, 3)) < _OFFSET_SHARE
    offset = np.where(has_offset, rng.normal(0, _OFFSET_COUNTS, (BLOCK, 3)) * stations.counts[:, None] ** 0.5, 0)
    clip = np.where(rng.random(BLOCK) < _CLIPPING_SHARE, _CLIP_COUNTS, np.inf)
    _record(waveform, signal, noise, gain.astype(np.float32), offset.astype(np.float32), clip, _alive(rng, model))
    noises.spoil(rng, waveform, rate, model.faulty_share)
    return Seismograms(waveform, columns)


def ground_motion(rng, events: Events, grid: sources.Grid, model: SeismogramModel, response) -> np.ndarray:
    """Return what instruments of this response (n, bins) record of the events' ground motion: (n, 3, samples)."""
    rate = model.sampling_rate_hz
    parts = sequences(events.waves, rng, model.samples, grid.size)
    transformed = scipy.fft.rfft(parts, axis=3)
    corner = events.corner_hz[:, [0, 1, 1]]
    kappa_s = events.kappa_s[:, None] * [KAPPA_P, 1.0, 1.0]
    operators = sources.velocity_operators(grid, rate, corner, events.explosion, events.t_star_s, events.eta, kappa_s)
    _combine(transformed, operators, response)
    return scipy.fft.irfft(transformed[:, 0], grid.size, axis=2)[:, :, : model.samples]


def _columns(events: Events, shown: np.ndarray) -> dict[str, np.ndarray]:
    """Return the columns of a block, in which the rows `shown` have events."""
    columns = {name: np.full(BLOCK, np.nan) for name in NUMBERS}
    for name, values in events.columns.items():
        columns[name][shown] = values
    return columns


def _second_events(rng, signal: np.ndarray, columns: dict, shown: np.ndarray, model: SeismogramModel) -> None:
    """Add the event of another record of the block to some, mostly later and weaker; enter it in the columns."""
    samples = model.samples
    rows = shown[rng.random(len(shown)) < model.second_event_share] if len(shown) > 1 else shown[:0]
    others = [shown[(np.searchsorted(shown, row) + 1) % len(shown)] for row in rows]
    alone = signal[others].copy()
    p, s = columns["trace_p_arrival_sample"], columns["trace_s_arrival_sample"]
    for row, other, added in zip(rows, others, alone, strict=True):
        target = int(rng.uniform(*_SECOND_P) * samples)
        shift = int(target - p[other])
        ratio = math.exp(rng.normal(*_SECOND_LOG_RATIO))
        size = np.abs(signal[row]).max() / max(np.abs(added).max(), _TINY) * ratio
        if abs(target - p[row]) < model.sampling_rate_hz:
            continue
        if shift >= 0:
            signal[row, :, shift:] += np.float32(size) * added[:, : samples - shift]
        else:
            signal[row, :, :shift] += np.float32(size) * added[:, -shift:]
        columns["trace_p2_arrival_sample"][row] = target
        columns["trace_s2_arrival_sample"][row] = s[other] + shift


def _alive(rng, model: SeismogramModel) -> np.ndarray:
    """Draw which components work: (BLOCK, 3) bool."""
    alive = np.ones((BLOCK, 3), np.bool_)
    draw = rng.random(BLOCK)
    alive[draw < model.vertical_only_share, 1:] = False
    single = (draw >= model.vertical_only_share) & (draw < 4 / 3 * model.vertical_only_share)
    alive[single, rng.integers(0, 3, BLOCK)[single]] = False
    return alive


@njit(error_model="numpy", nogil=True, cache=True, fastmath=True)
def _combine(parts, operators, response):
    """Apply the operators and the instrument to the three parts, and sum them into parts[:, 0]."""
    for row in range(parts.shape[0]):
        for k in range(parts.shape[3]):
            r = response[row, k]
            a, b, c = operators[row, 0, k] * r, operators[row, 1, k] * r, operators[row, 2, k] * r
            for i in range(3):
                parts[row, 0, i, k] = a * parts[row, 0, i, k] + b * parts[row, 1, i, k] + c * parts[row, 2, i, k]


@njit(error_model="numpy", nogil=True, cache=True)
def _rough(trace, begin, end):
    """Return the mean square of the differences between samples, over the part of the window that exists."""
    begin, end = max(begin, 1), min(end, len(trace))
    total = 0.0
    for k in range(begin, end):
        step = trace[k] - trace[k - 1]
        total += step * step
    return total / max(end - begin, 1)


@njit(error_model="numpy", nogil=True, cache=True)
def _measure(signal, noise, p, s, rate, snr_db, p_snr_db, s_snr_db):
    """Measure signal against noise on differences, which suppress microseisms."""
    for row in range(signal.shape[0]):
        if not 0 <= p[row] < signal.shape[2] - 2:
            continue
        at_p, at_s = int(p[row]), int(s[row])
        first = at_p + int(min(rate, max(s[row] - p[row], 5.0)))
        best_p = best_s = 0.0
        for c in range(3):
            floor = _rough(noise[row, c], 0, noise.shape[2]) + _TINY
            whole = 0.5 * (_rough(signal[row, c], at_p, at_p + int(_SNR_S * rate)))
            best_p = max(best_p, _rough(signal[row, c], at_p, first) / floor)
            if at_s < signal.shape[2] - 2:
                whole += 0.5 * _rough(signal[row, c], at_s, at_s + int(_SNR_S * rate))
                before = _rough(signal[row, c], max(at_p, at_s - int(rate)), at_s) + floor
                best_s = max(best_s, _rough(signal[row, c], at_s, at_s + int(rate)) / before)
            snr_db[row, c] = 10 * math.log10(whole / floor + 1e-9)
        p_snr_db[row] = 10 * math.log10(best_p + 1e-9)
        if at_s < signal.shape[2] - 2:
            s_snr_db[row] = 10 * math.log10(best_s + 1e-9)


@njit(error_model="numpy", nogil=True, cache=True)
def _record(waveform, signal, noise, gain, offset, clip, alive):
    """Write whole counts (n, samples, 3); a dead component is zero."""
    for row in range(waveform.shape[0]):
        for c in range(3):
            for k in range(waveform.shape[1]):
                value = np.rint(gain[row] * (signal[row, c, k] + noise[row, c, k]) + offset[row, c])
                value = min(max(value, -clip[row]), clip[row])
                waveform[row, k, c] = value if alive[row, c] else 0
