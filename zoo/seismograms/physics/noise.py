"""Instruments, ground noise between Peterson's curves, what people and machines add, and faults of recorders.

Noise is Gaussian with a power spectrum between the New Low and the New High Noise Model (Peterson 1993, USGS Open-File
Report 93-322, as tabulated in ObsPy; beyond 10 Hz the acceleration level is held). A station's level between the two
changes smoothly with frequency. Shares and sizes of local disturbances and of faults are ASSUMED, and vary widely.
"""

from __future__ import annotations

import functools
import math

import numpy as np

from zoo.compiled import njit

_OPTIONS = {"error_model": "numpy", "nogil": True, "cache": True}
KNOTS_HZ = np.geomspace(0.02, 45, 9)
"""Frequencies between which a station's level between the noise models is interpolated, in log frequency."""

SENSORS = (
    ("flat", 0.0, 0.0),
    ("velocity", 1.0, 0.7),
    ("velocity", 2.0, 0.7),
    ("velocity", 4.5, 0.56),
    ("acceleration", 0.0, 0.0),
)
"""The quantity to which a sensor's response is flat; natural frequency (Hz) and damping of a seismometer with one."""
SENSOR_SHARES = (0.45, 0.2, 0.08, 0.2, 0.07)
LOW_PASSES = ((0.8, 8), (0.5, 6), (0.34, 20), (0.28, 4))
"""Corner as a share of the Nyquist frequency, and poles: recorder, telemetry, two for records made at lower rates."""
LOW_PASS_SHARES = (0.6, 0.15, 0.15, 0.1)
_WHITE_SHARE, _WHITE_HZ = 0.5, 5.0
"""Stations with white noise of their own, and the frequency at which it is about as strong as the ground noise."""
_BURSTS_SHARE, _KNOCKS_SHARE, _TONES_SHARE = 0.45, 0.35, 0.35
"""Shares of the disturbed traces; one may have several disturbances, or none."""
_TINY = 1e-30  # for traces without noise
_TURN = 6.2832
"""2 pi, to what the breathing of a tone needs; more digits would change the bytes of datasets."""


@functools.lru_cache(maxsize=1)
def _peterson() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return log frequency (Hz), and the natural log power, (m/s2)2/Hz, of the low and of the high noise model."""
    from obspy.signal.spectral_estimation import get_nhnm, get_nlnm

    low, high = (model() for model in (get_nlnm, get_nhnm))
    log_f = np.log(1 / low[0][::-1])
    levels = [np.interp(log_f, np.log(1 / m[0][::-1]), m[1][::-1]) * np.log(10) / 10 for m in (low, high)]
    return log_f, *levels


def noise_models(frequency_hz: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the low and the high noise model: power of ground acceleration, (m/s2)2/Hz, at positive frequencies."""
    log_f, low, high = _peterson()
    at = np.log(frequency_hz)
    return np.exp(np.interp(at, log_f, low)), np.exp(np.interp(at, log_f, high))


@functools.lru_cache(maxsize=8)
def _tables(size: int, sampling_rate_hz: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the low model's log power of velocity, log(high / low), and the weights (knots, bins) of the knots."""
    frequency = np.fft.rfftfreq(size, 1 / sampling_rate_hz)
    frequency[0] = frequency[1]
    low, high = noise_models(frequency)
    return (
        np.log(low / (2 * np.pi * frequency) ** 2).astype(np.float32),
        np.log(high / low).astype(np.float32),
        knot_weights(frequency).astype(np.float32),
    )


def knot_weights(frequency_hz: np.ndarray) -> np.ndarray:
    """Return the weights (knots, frequencies) that interpolate values at the knots."""
    at = np.log(frequency_hz)
    return np.stack([np.interp(at, np.log(KNOTS_HZ), row) for row in np.eye(len(KNOTS_HZ))])


def random_levels(rng: np.random.Generator, count: int) -> np.ndarray:
    """Draw the levels (n, knots) of stations between the low (0) and the high noise model (1).

    A level, a trend with frequency, and a random walk. Below the microseisms stations are near the low model, because
    the high one includes the worst tilt.
    """
    level = rng.beta(2.0, 2.2, count)[:, None] * np.interp(np.log(KNOTS_HZ), np.log([0.05, 0.12]), [0.5, 1.0])
    trend = rng.normal(0.03, 0.2, count)[:, None] * np.linspace(-1, 1, len(KNOTS_HZ))
    walk = np.cumsum(rng.normal(0, 0.07, (count, len(KNOTS_HZ))), axis=1)
    return np.clip(level + trend + walk - walk.mean(axis=1, keepdims=True), 0, 1)


def ground_power(levels: np.ndarray, frequency_hz: np.ndarray) -> np.ndarray:
    """Return the power of ground velocity, (m/s)2/Hz, of stations with these levels: (n, frequencies)."""
    low, high = noise_models(frequency_hz)
    return low * (high / low) ** (levels @ knot_weights(frequency_hz)) / (2 * np.pi * frequency_hz) ** 2


def random_white(rng: np.random.Generator, levels: np.ndarray) -> np.ndarray:
    """Draw the white noise (n,) of instruments and digitisers, as power of velocity, (m/s)2/Hz.

    Half of the stations have it, about as strong as ground noise at 5 Hz (a factor of 3 in amplitude up or down).
    """
    count = len(levels)
    relative = np.where(rng.random(count) < _WHITE_SHARE, np.exp(rng.normal(0.5, 2.2, count)), 0)
    return relative * ground_power(levels, np.array([_WHITE_HZ]))[:, 0]


def noise_spectra(
    rng: np.random.Generator,
    levels: np.ndarray,
    white: np.ndarray,
    horizontal: np.ndarray,
    response: np.ndarray,
    sampling_rate_hz: float,
) -> np.ndarray:
    """Draw spectra of the noise that n stations record.

    Args:
        rng: draws the noise.
        levels: (n, knots), from `random_levels`.
        white: (n,), from `random_white`.
        horizontal: (n, 2) amplitude of N and E relative to Z.
        response: (n, bins) responses of the instruments; 1 for ground velocity.
        sampling_rate_hz: sampling rate of the traces.

    Returns:
        (n, 3, bins) complex64 for `irfft`, in 1e-9 m/s.
    """
    size = 2 * (response.shape[1] - 1)
    low, ratio, weights = _tables(size, sampling_rate_hz)
    power = low + ratio * (levels.astype(np.float32) @ weights)
    np.exp(power, out=power)
    power += white[:, None].astype(np.float32)
    drawn = rng.standard_normal((len(levels), 3, 2 * power.shape[1]), dtype=np.float32).view(np.complex64)
    gain = 0.5e9 * math.sqrt(sampling_rate_hz * size) * np.c_[np.ones(len(levels)), horizontal]
    _colour(drawn, np.sqrt(power, out=power), response, gain.astype(np.float32))
    return drawn


@njit(**_OPTIONS, fastmath=True)
def _colour(drawn, amplitude, response, gain):
    """Multiply white spectra (n, 3, bins) by amplitude, response and gain, in place; no offset."""
    for row in range(drawn.shape[0]):
        for c in range(3):
            drawn[row, c, 0] = 0
            for k in range(1, drawn.shape[2]):
                drawn[row, c, k] *= gain[row, c] * amplitude[row, k] * response[row, k]


@functools.lru_cache(maxsize=8)
def responses(size: int, sampling_rate_hz: float) -> np.ndarray:
    """Return the velocity responses of all sensors with all low passes: (sensors, low passes, bins) complex64.

    Poles and zeros are matched to discrete time, so the responses are causal; only records made at a lower rate and
    resampled have a zero-phase low pass, as resampling has.
    """
    z = np.exp(-1j * np.linspace(0, np.pi, size // 2 + 1))
    made = []
    for kind, natural_hz, damping in SENSORS:
        if kind == "velocity":
            w = 2 * np.pi * natural_hz / sampling_rate_hz
            decay = math.exp(-damping * w)
            den = 1 - 2 * decay * math.cos(w * math.sqrt(1 - damping**2)) * z + decay**2 * z * z
            sensor = (1 - z) ** 2 / den
            sensor /= abs(sensor[-1])
        elif kind == "acceleration":
            sensor = (1 - z) / 2  # up to a factor, which the gain removes
        else:
            sensor = np.ones_like(z)
        made.append([sensor * _low_pass(z, *low_pass) for low_pass in LOW_PASSES])
    return np.array(made).astype(np.complex64)


def _low_pass(z: np.ndarray, corner: float, poles: int) -> np.ndarray:
    """Return a Butterworth low pass (bilinear: causal); with a corner below half of Nyquist, its amplitude alone."""
    from scipy.signal import butter, freqz_sos

    _, response = freqz_sos(butter(poles, corner, output="sos"), worN=-np.angle(z))
    return np.abs(response) if corner < 0.5 else response


def disturb(rng: np.random.Generator, traces: np.ndarray, sampling_rate_hz: float, share: float) -> None:
    """Add local disturbances to noise traces (n, 3, samples) in place, to this share of them.

    Bursts (traffic, machines starting, gusts), footsteps and single knocks as ringing of the ground, tones of machines.
    Their size is relative to `rough`, the root mean square of a trace's differences: what it holds above some hertz.
    """
    for row in np.flatnonzero(rng.random(len(traces)) < share):
        bursts, knocks, tones = rng.random(3) < (_BURSTS_SHARE, _KNOCKS_SHARE, _TONES_SHARE)
        rough = float(np.sqrt(np.mean(np.diff(traces[row], axis=1) ** 2))) + _TINY
        if bursts:
            for _ in range(1 + rng.poisson(1.0)):
                _add_burst(rng, traces[row], sampling_rate_hz, rough)
        if knocks:
            _add_knocks(rng, traces[row], sampling_rate_hz, rough)
        if tones:
            for _ in range(rng.integers(1, 4)):
                _add_random_tone(rng, traces[row], sampling_rate_hz, rough)


def _add_burst(rng: np.random.Generator, trace: np.ndarray, sampling_rate_hz: float, rough: float) -> None:
    """Add ringing under a bell of 0.15 to 12 s whose rise is shorter or longer than its fall."""
    samples = trace.shape[1]
    duration = np.exp(rng.uniform(np.log(0.15), np.log(12))) * sampling_rate_hz
    centre = rng.uniform(0, samples)
    first, last = int(max(0, centre - 3 * duration)), int(min(samples, centre + 5 * duration))
    away = (np.arange(first, last, dtype=np.float32) - np.float32(centre)) / np.float32(duration)
    away[: max(0, int(centre) - first)] *= rng.uniform(0.4, 3)
    ring = _ring(np.exp(rng.uniform(np.log(1.5), np.log(30))), rng.uniform(0.05, 0.5), sampling_rate_hz)
    drive = rng.standard_normal((3, last - first), dtype=np.float32) * np.exp(-0.5 * away * away)
    _add_ringing(trace, drive, first, *ring, rough * np.exp(rng.normal(0.9, 0.8)) * _weights(rng))


def _add_knocks(rng: np.random.Generator, trace: np.ndarray, sampling_rate_hz: float, rough: float) -> None:
    """Add a knock, or footsteps that come nearer and go away again, as ringing of the ground."""
    samples = trace.shape[1]
    knocks = 1 if rng.random() < 0.5 else rng.integers(4, 25)
    period = rng.uniform(0.35, 1.2) * sampling_rate_hz
    start = rng.uniform(-0.2 * samples, samples)
    ring = _ring(rng.uniform(4, 35), rng.uniform(0.04, 0.3), sampling_rate_hz)
    drive = np.zeros((3, samples), np.float32)
    for knock in range(knocks):
        at = int(start + knock * period * rng.uniform(0.9, 1.1))
        if 0 <= at < samples:
            drive[:, at] = rng.normal(0.0, 2.0) * math.exp(-((knock - knocks / 2) ** 2) / (0.5 + knocks) ** 2)
    _add_ringing(trace, drive, 0, *ring, rough * np.exp(rng.normal(1.4, 0.8)) * _weights(rng))


def _add_random_tone(rng: np.random.Generator, trace: np.ndarray, sampling_rate_hz: float, rough: float) -> None:
    """Add the tone of a machine, from 1.5 Hz to nearly the Nyquist frequency."""
    hertz = np.exp(rng.uniform(np.log(1.5), np.log(0.45 * sampling_rate_hz)))
    size = rough / min(1.0, 2 * np.pi * hertz / sampling_rate_hz) * np.exp(rng.normal(-1.2, 0.7))
    turn = complex(np.exp(2j * np.pi * hertz / sampling_rate_hz))
    phase = complex(np.exp(1j * rng.uniform(0, 2 * np.pi)))
    _add_tone(trace, turn, phase, rng.uniform(0, 0.6), size * _weights(rng))


def _weights(rng: np.random.Generator) -> np.ndarray:
    """Draw the sizes of a disturbance on the three components."""
    return rng.uniform(0.2, 1.2, 3).astype(np.float32)


def _ring(hertz: float, damping: float, sampling_rate_hz: float) -> tuple[np.float32, np.float32, np.float32]:
    """Return the two coefficients of a resonance, and the gain with which white noise keeps its variance."""
    w = 2 * np.pi * min(hertz, 0.42 * sampling_rate_hz) / sampling_rate_hz
    decay = math.exp(-damping * w)
    a1, a2 = 2 * decay * math.cos(w * math.sqrt(1 - damping**2)), -(decay**2)
    variance = (1 - a2) / ((1 + a2) * ((1 - a2) ** 2 - a1**2))
    return np.float32(a1), np.float32(a2), np.float32(1 / math.sqrt(variance))


@njit(**_OPTIONS, fastmath=True)
def _add_ringing(trace, drive, first, a1, a2, gain, sizes):
    """Add the response of a resonance to `drive` (3, samples), from sample `first` on."""
    for c in range(3):
        before, last = np.float32(0), np.float32(0)
        for k in range(drive.shape[1]):
            now = a1 * last + a2 * before + gain * drive[c, k]
            before, last = last, now
            trace[c, first + k] += sizes[c] * now


@njit(**_OPTIONS, fastmath=True)
def _add_tone(trace, turn, phase, wobble, sizes):
    """Add a sine whose amplitude goes up and down once in the trace."""
    samples = trace.shape[1]
    breath, breathing = phase, complex(math.cos(_TURN / samples), math.sin(_TURN / samples))
    for k in range(samples):
        value = np.float32((1 + wobble * breath.real) * phase.imag)
        phase, breath = phase * turn, breath * breathing
        for c in range(3):
            trace[c, k] += sizes[c] * value


def spoil(rng: np.random.Generator, traces: np.ndarray, sampling_rate_hz: float, share: float) -> np.ndarray:
    """Give this share of traces (n, samples, 3; counts) a fault of the recorder, in place; return which (n,) have one.

    Spikes of one sample, boxes (telemetry), clipping, an end filled with the last value, a drift.
    """
    hit = rng.random(len(traces)) < share
    for row in np.flatnonzero(hit):
        trace, samples = traces[row], traces.shape[1]
        rest = np.median(trace, axis=0)
        peak = float(np.abs(trace - rest).max()) + 1.0
        kind = rng.random()
        if kind < 0.3:  # spikes
            for _ in range(rng.integers(1, 4)):
                trace[rng.integers(samples), rng.integers(3)] += peak * rng.normal(0, 0.7)
        elif kind < 0.5:  # a box
            start = rng.integers(samples)
            length = int(sampling_rate_hz * rng.uniform(0.1, 5))
            trace[start : start + length] += peak * rng.normal(0, 0.3, 3).astype(np.float32)
        elif kind < 0.65:  # clipping
            np.clip(trace, rest - peak * rng.uniform(0.3, 0.8), rest + peak * rng.uniform(0.3, 0.8), out=trace)
        elif kind < 0.85:  # the last value is held
            start = int(samples * rng.uniform(0.93, 1))
            trace[start:] = trace[start - 1]
        else:  # a drift
            trace += (peak * rng.normal(0, 0.5, 3) * np.linspace(-1, 1, samples)[:, None]).astype(np.float32)
    return hit
