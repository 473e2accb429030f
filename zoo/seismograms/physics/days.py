"""SYNTHETIC continuous records of a station: noise with local earthquakes at known times.

The noise is that of one station between Peterson's noise models, with people and machines
(`zoo.seismograms.physics.noise`), in pieces that fade into each other. The earthquakes come from
`zoo.seismograms.physics.seismograms`, scaled to the signal-to-noise ratios that are asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import scipy.fft

from zoo.seismograms.physics import noise as noises
from zoo.seismograms.physics.model import SeismogramModel
from zoo.seismograms.physics.seismograms import seismograms
from zoo.seismograms.physics.sources import frequency_grid
from zoo.seismograms.physics.stations import Stations, draw_stations
from zoo.seismograms.signals import bandpass

RATE_HZ = 100.0
_MINUTE, _FADE = 6000, 1000
"""Samples of a minute, and of the overlap in which two pieces of noise, or an earthquake and its end, fade."""
_RISE = 100
"""Samples over which an earthquake's record sets in."""
_PIECE_MINUTES = 30
_DISTURBED_SHARE = 0.4
"""Share of the minutes with people and machines, as in `SeismogramModel`."""
_FULL_SCALE, _NOISE_COUNTS = 8e6, 60
"""Counts: just below where a 24-bit recorder clips (2^23); root mean square of the noise, 1 to 20 Hz."""
# Earthquakes are made loud, so that they bring hardly any noise of their own.
_CLEAN = SeismogramModel(
    snr_floor=100.0, window="early", second_event_share=0, vertical_only_share=0, disturbed_share=0, faulty_share=0
)


class Planted(NamedTuple):
    """An earthquake that was planted in a record."""

    p_sample: float
    s_sample: float
    snr: float
    """Amplitude of the first second of P on Z against the noise, 1 to 20 Hz."""
    s_snr_db: float
    """How far S stands out of what precedes it, dB: `trace_s_snr_db` of `seismograms`."""


def continuous(
    minutes: int,
    events: int,
    *,
    seed: int,
    snr: tuple[float, float] = (2.0, 60.0),
    p_samples: Sequence[int] | None = None,
) -> tuple[np.ndarray, list[Planted]]:
    """Make a record of one station at 100 Hz.

    Args:
        minutes: length of the record.
        events: largest number of earthquakes (those that would clip a recorder are left out).
        seed: seed of all random numbers.
        snr: lowest and highest signal-to-noise ratio of the earthquakes, drawn log-uniformly.
        p_samples: the samples at which P is to arrive, a minute or more before the end; default anywhere.

    Returns:
        Counts (3, samples) int32, Z N E, and the earthquakes in the record.
    """
    rng = np.random.default_rng(seed)
    record = station_noise(minutes, seed)
    loudness = in_band(record[0]).std()
    made = seismograms(_CLEAN, seed=seed, first=0, count=2 * events)
    used = np.flatnonzero(np.abs(made.waveform).max(axis=(1, 2)) < _FULL_SCALE)[:events]
    window = made.waveform.shape[1]
    taper = np.ones(window, np.float32)
    taper[-_FADE:] = np.cos(np.linspace(0, np.pi / 2, _FADE)) ** 2
    taper[:_RISE] = np.sin(np.linspace(0, np.pi / 2, _RISE)) ** 2
    if p_samples is None:
        starts = np.sort(rng.integers(0, record.shape[1] - window, len(used)))
    else:
        used = used[: len(p_samples)]
        starts = np.array(p_samples[: len(used)]) - made.columns["trace_p_arrival_sample"][used].astype(int)
    planted = []
    for start, row in zip(starts, used, strict=True):
        p, s = (made.columns[f"trace_{phase}_arrival_sample"][row] for phase in "ps")
        waveform = made.waveform[row]
        signal = (waveform - np.median(waveform, axis=0)) * taper[:, np.newaxis]
        wanted = np.exp(rng.uniform(*np.log(snr)))
        size = in_band(signal[:, 0])[int(p) : int(p) + round(RATE_HZ)].std()
        record[:, start : start + window] += (wanted * loudness / size) * signal.T
        planted.append(Planted(start + p, start + s, wanted, made.columns["trace_s_snr_db"][row]))
    return np.round(record * (_NOISE_COUNTS / loudness)).astype(np.int32), planted


def station_noise(minutes: int, seed: int | list[int], station: Stations | None = None) -> np.ndarray:
    """Make the noise of one station as its instrument has it, (3, samples), 1e-9 m/s; None: the station is drawn."""
    rng = np.random.Generator(np.random.SFC64(seed))
    station = draw_stations(rng, 1) if station is None else station
    piece = _PIECE_MINUTES * _MINUTE + _FADE
    size = frequency_grid(piece, RATE_HZ).size
    response = noises.responses(size, RATE_HZ)[station.sensor, station.low_pass]
    made = np.zeros((3, minutes * _MINUTE + piece), np.float32)
    fade = np.sin(np.linspace(0, np.pi / 2, _FADE, dtype=np.float32))
    of_station = station.levels, station.white, station.horizontal_noise
    for first in range(0, minutes * _MINUTE, _PIECE_MINUTES * _MINUTE):
        spectra = noises.noise_spectra(rng, *of_station, response, RATE_HZ)
        part = scipy.fft.irfft(spectra, size, axis=2)[0, :, :piece].astype(np.float32)
        part[:, :_FADE] *= fade
        part[:, -_FADE:] *= fade[::-1]
        made[:, first : first + piece] += part
    made = made[:, : minutes * _MINUTE]
    by_minute = np.ascontiguousarray(made.reshape(3, minutes, _MINUTE).transpose(1, 0, 2))
    noises.disturb(rng, by_minute, RATE_HZ, _DISTURBED_SHARE)
    return by_minute.transpose(1, 0, 2).reshape(3, -1)


def in_band(trace: np.ndarray) -> np.ndarray:
    """Return a trace (samples,) from 1 to 20 Hz."""
    return bandpass(trace[np.newaxis, :, np.newaxis], RATE_HZ, 1.0, 20.0)[0, :, 0]
