"""What a station's vertical says of an event: amplitudes of P, S, coda and noise in five bands, and ratios of them.

An explosion radiates P in all directions and makes S only on the way, so that P/S is larger than for an earthquake,
above all at high frequencies (Walter et al. 1995; O'Rourke et al. 2016 at local distances). A shallow source also feeds
surface waves and coda. One station sees its own direction and ground: ratios mean something averaged over a network.

| group | numbers | what |
|---|---|---|
| ratios | 5 | log10 of P over S in each band |
| coda | 5 | log10 of coda over S in each band |
| spectra | 8 | log10 of the amplitude of P, and of S, in a band over that in the band below |
| noise | 4 | the same for the noise before P |
| snr | 5 | log10 of P over noise in each band |
| travel_time | 1 | log10 of P's travel time in s |

Amplitudes are root mean squares whose noise is taken off by energy (0.3 of the noise at least). Windows: noise 20 to 2 s
before P; P from P over 0.8 (S - P), at least 0.4 s; S from 0.1 (S - P) before S to (S - P) after it, at least 1 s; coda
3 to 8 s after S + 2 (S - P). S is where it arrives if vp/vs is 1.75: it need not be picked.
"""  # noqa: E501

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import scipy.signal

from zoo.seismograms.signals import PASSED, resample

BANDS_HZ = ((1.0, 2.0), (2.0, 4.0), (4.0, 8.0), (8.0, 16.0), (16.0, 30.0))
GROUPS = {"ratios": 5, "coda": 5, "spectra": 8, "noise": 4, "snr": 5, "travel_time": 1}
"""Group of measures -> how many there are, in the order of the measures."""
COUNT = sum(GROUPS.values())
VP_OVER_VS = 1.75
RATE_HZ = 100.0
"""Sampling rate of the records from which measures are taken."""
BEFORE_S, AFTER_S = 25.0, 95.0
"""What is looked at, in s before and after the origin time; less will do."""
TRAVEL_S = (0.3, 21.0)
"""Shortest and longest travel time of P that is looked for."""
LEAST_SNR = 2.0
"""A station counts if the amplitude of P is so many times the noise in one band at least."""
_LEAST_NOISE_S, _FLOOR, _TINY = 2.0, 0.3, 1e-6
_PICKER_BEFORE_S = 8.0

Picker = Callable[[np.ndarray], np.ndarray]
"""Windows (n, samples, 3) -> probabilities (n, samples, labels), P first."""


class Measured(NamedTuple):
    """What was measured on n traces."""

    measures: np.ndarray
    """(n, COUNT) float32; NaN where a band was not recorded, and all NaN for a trace that does not count."""
    p_s: np.ndarray
    """(n,) travel time of P in s."""
    why_not: list[str]
    """Why a trace does not count; empty where it does."""


def columns(groups: tuple[str, ...] | list[str]) -> np.ndarray:
    """Return the positions of some groups of measures.

    >>> columns(["travel_time"])
    array([27])
    """
    first = dict(zip(GROUPS, np.cumsum([0, *GROUPS.values()][:-1]).tolist(), strict=True))
    return np.concatenate([first[group] + np.arange(GROUPS[group]) for group in groups]).astype(int)


def station_measures(vertical: np.ndarray, p_s: float, travel_s: float, recorded_hz: float = RATE_HZ) -> np.ndarray:
    """Measure one vertical.

    >>> rng = np.random.default_rng(0)
    >>> vertical = rng.normal(size=9000)
    >>> vertical[3000:3300] *= 30  # P
    >>> vertical[3300:4000] *= 15  # S, half of P
    >>> measures = station_measures(vertical, p_s=30.0, travel_s=4.0)
    >>> bool(np.abs(measures[columns(["ratios"])] - np.log10(2)).max() < 0.2)
    True

    Args:
        vertical: (samples,) at 100 Hz, any unit and offset.
        p_s: when P arrives, in s after the first sample.
        travel_s: travel time of P in s.
        recorded_hz: sampling rate of the recording; bands that it does not hold become NaN.

    Returns:
        (COUNT,) float32, in the order of `GROUPS`.
    """
    trace = np.asarray(vertical, np.float64)
    trace = trace - np.median(trace)
    s_minus_p_s = (VP_OVER_VS - 1) * travel_s
    s_s = p_s + s_minus_p_s
    spans = {
        "noise": (max(0.0, p_s - 20), p_s - 2),
        "p": (p_s, p_s + max(0.4, 0.8 * s_minus_p_s)),
        "s": (s_s - 0.1 * s_minus_p_s, s_s + max(1.0, s_minus_p_s)),
        "coda": (s_s + 2 * s_minus_p_s + 3, s_s + 2 * s_minus_p_s + 8),
    }
    log = {name: np.full(len(BANDS_HZ), np.nan) for name in (*spans, "snr")}
    if spans["noise"][1] - spans["noise"][0] >= _LEAST_NOISE_S:
        for band, (low_hz, high_hz) in enumerate(BANDS_HZ):
            if high_hz > PASSED * recorded_hz / 2 * 1.05:
                continue
            sos = scipy.signal.butter(3, (low_hz, high_hz), "bandpass", fs=RATE_HZ, output="sos")
            filtered = scipy.signal.sosfiltfilt(sos, trace)
            amplitude = {name: _rms(filtered, *span) for name, span in spans.items()}
            noise = max(amplitude["noise"], _TINY * np.abs(filtered).max())
            if not noise > 0:
                continue
            for name in ("p", "s", "coda"):
                alone = max(amplitude[name] ** 2 - noise**2, (_FLOOR * noise) ** 2)
                log[name][band] = 0.5 * np.log10(alone) if np.isfinite(amplitude[name]) else np.nan
            log["noise"][band], log["snr"][band] = np.log10(noise), np.log10(amplitude["p"] / noise)
    parts = {
        "ratios": log["p"] - log["s"],
        "coda": log["coda"] - log["s"],
        "spectra": np.concatenate([np.diff(log["p"]), np.diff(log["s"])]),
        "noise": np.diff(log["noise"]),
        "snr": log["snr"],
        "travel_time": [np.log10(travel_s)],
    }
    return np.concatenate([parts[group] for group in GROUPS]).astype(np.float32)


def _rms(trace: np.ndarray, begin_s: float, end_s: float) -> float:
    """Return the root mean square of a window; NaN if a tenth of it or more lies outside the trace."""
    first, behind = round(begin_s * RATE_HZ), round(end_s * RATE_HZ)
    inside = trace[max(0, first) : behind]
    return float(np.sqrt(np.mean(inside**2))) if len(inside) > 0.9 * (behind - first) else np.nan


def measure(
    verticals: np.ndarray, origin_s: np.ndarray, recorded_hz: np.ndarray, picker: Picker, picker_window: tuple
) -> Measured:
    """Find P after the origin time on each vertical, and measure it.

    P is where the picker's probability of it is largest from 0.3 to 21 s after the origin, however small: that the
    amplitude doubles there is asked of the waveform (`LEAST_SNR`), so that it hardly matters which picker it is.

    Args:
        verticals: (n, samples) at 100 Hz.
        origin_s: (n,) when the event begins, in s after the first sample.
        recorded_hz: (n,) sampling rates of the recordings.
        picker: gives probabilities, P first.
        picker_window: samples and sampling rate (Hz) of the picker's windows.

    Returns:
        What was measured, by trace.
    """
    origin_s, count = np.asarray(origin_s, np.float64), len(verticals)
    samples, rate_hz = picker_window
    first_s = np.floor((origin_s - _PICKER_BEFORE_S) * RATE_HZ) / RATE_HZ
    windows = np.zeros((count, samples, 3), np.float32)
    centred = np.asarray(verticals, np.float32)
    centred = centred - np.median(centred, axis=1, keepdims=True)
    starts = np.round(first_s * RATE_HZ).astype(np.int64)
    windows[..., :1] = resample(centred[..., None], RATE_HZ, rate_hz, starts=starts, samples=samples)
    parts = [picker(windows[first : first + 64])[..., 0] for first in range(0, count, 64)]
    probability = np.concatenate(parts) if parts else np.zeros((0, samples))
    measures, travel_s, why_not = np.full((count, COUNT), np.nan, np.float32), np.full(count, np.nan), []
    for row in range(count):
        time_s = first_s[row] + np.arange(samples) / rate_hz - origin_s[row]
        meant = np.flatnonzero((time_s >= TRAVEL_S[0]) & (time_s <= TRAVEL_S[1]))
        travel_s[row] = time_s[meant[np.argmax(probability[row, meant])]]
        p_s = origin_s[row] + travel_s[row]
        found = station_measures(verticals[row], p_s, travel_s[row], recorded_hz[row])
        why_not.append(_why_not(found))
        if not why_not[-1]:
            measures[row] = found
    return Measured(measures, travel_s, why_not)


def _why_not(measures: np.ndarray) -> str:
    """Return why a trace does not count, or an empty text."""
    snr = measures[columns(["snr"])]
    if not np.isfinite(snr).any():
        return "flat, or the record begins less than 4 s before P"
    if not np.isfinite(measures[columns(["ratios"])]).any():
        return "the record ends before S"
    if not np.nanmax(snr) >= np.log10(LEAST_SNR):
        return f"P is less than {LEAST_SNR:g} times the noise"
    return ""
