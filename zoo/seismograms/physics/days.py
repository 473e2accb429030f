"""SYNTHETIC continuous records of a station: noise with local earthquakes at known times.

Noise of one station between Peterson's noise models, with people and machines (`seismogram_noise`), in pieces that fade
into each other; and earthquakes of `seismograms`, scaled to the signal-to-noise ratios that are asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import scipy.fft

from zoo.seismograms.physics import noise as seismogram_noise
from zoo.seismograms.physics.draws import draw_stations
from zoo.seismograms.physics.model import SeismogramModel
from zoo.seismograms.physics.seismograms import seismograms
from zoo.seismograms.physics.sources import frequency_grid
from zoo.seismograms.signals import bandpass

RATE_HZ = 100.0
_MINUTE, _FADE = 6000, 1000
_PIECE_MINUTES = 30
_DISTURBED_SHARE = 0.4
_FULL_SCALE, _NOISE_COUNTS = 8e6, 60
# Loud, so that what is added to the noise is hardly noise of theirs.
_CLEAN = SeismogramModel(
    snr_floor=100.0, window="early", second_event_share=0, vertical_only_share=0, disturbed_share=0, faulty_share=0
)


class Planted(NamedTuple):
    """An earthquake in a record."""

    p_sample: float
    s_sample: float
    snr: float
    """Amplitude of P's first second on Z against the noise, 1 to 20 Hz."""
    s_snr_db: float
    """How S stands out of what is before it: `trace_s_snr_db` of `seismograms`."""


def continuous(
    minutes: int,
    events: int,
    *,
    seed: int,
    snr: tuple[float, float] = (2.0, 60.0),
    p_samples: Sequence[int] | None = None,
) -> tuple[np.ndarray, list[Planted]]:
    """Make a record of a station at 100 Hz.

    Args:
        minutes: its length.
        events: how many earthquakes at most (those that a recorder would clip are left out).
        seed: of everything.
        snr: of the earthquakes, low and high; drawn log-uniformly.
        p_samples: where their P shall be, a minute or more from the end; default anywhere.

    Returns:
        Counts (3, samples) int32, Z N E, and the earthquakes in it.
    """
    rng = np.random.default_rng(seed)
    record = _noise(minutes, seed)
    loudness = _band(record[0]).std()
    made = seismograms(_CLEAN, seed=seed, first=0, count=2 * events)
    used = np.flatnonzero(np.abs(made.waveform).max(axis=(1, 2)) < _FULL_SCALE)[:events]
    window = made.waveform.shape[1]
    taper = np.ones(window, np.float32)
    taper[-_FADE:] = np.cos(np.linspace(0, np.pi / 2, _FADE)) ** 2
    taper[:100] = np.sin(np.linspace(0, np.pi / 2, 100)) ** 2
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
        size = _band(signal[:, 0])[int(p) : int(p) + round(RATE_HZ)].std()
        record[:, start : start + window] += (wanted * loudness / size) * signal.T
        planted.append(Planted(start + p, start + s, wanted, made.columns["trace_s_snr_db"][row]))
    return np.round(record * (_NOISE_COUNTS / loudness)).astype(np.int32), planted


def _noise(minutes: int, seed: int) -> np.ndarray:
    """Make noise of one station, (3, samples)."""
    rng = np.random.Generator(np.random.SFC64(seed))
    station = draw_stations(rng, 1)
    piece = _PIECE_MINUTES * _MINUTE + _FADE
    size = frequency_grid(piece, RATE_HZ).size
    response = seismogram_noise.responses(size, RATE_HZ)[station.sensor, station.low_pass]
    made = np.zeros((3, minutes * _MINUTE + piece), np.float32)
    fade = np.sin(np.linspace(0, np.pi / 2, _FADE, dtype=np.float32))
    of_station = station.levels, station.white, station.horizontal_noise
    for first in range(0, minutes * _MINUTE, _PIECE_MINUTES * _MINUTE):
        spectra = seismogram_noise.noise_spectra(rng, *of_station, response, RATE_HZ)
        part = scipy.fft.irfft(spectra, size, axis=2)[0, :, :piece].astype(np.float32)
        part[:, :_FADE] *= fade
        part[:, -_FADE:] *= fade[::-1]
        made[:, first : first + piece] += part
    made = made[:, : minutes * _MINUTE]
    by_minute = np.ascontiguousarray(made.reshape(3, minutes, _MINUTE).transpose(1, 0, 2))
    seismogram_noise.disturb(rng, by_minute, RATE_HZ, _DISTURBED_SHARE)
    return by_minute.transpose(1, 0, 2).reshape(3, -1)


def _band(trace: np.ndarray) -> np.ndarray:
    return bandpass(trace[np.newaxis, :, np.newaxis], RATE_HZ, 1.0, 20.0)[0, :, 0]
