"""Records brought to what a simulation in the plane gives: of a line source, and with the error of its time steps."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from zoo.fwi.inversion.streaming import Observed
from zoo.fwi.inversion.survey import Survey

# Half an integral divides by the root of the frequency, which is held from below at this part of the Nyquist frequency.
_LOWEST = 1e-3
# Beyond this sine of half a step's phase there is no time dispersion to be taken out.
_STEEPEST = 0.95


def line_source(traces: np.ndarray, time_step_s: float, first_sample_s: float = 0.0) -> np.ndarray:
    """Return records of point sources as line sources would make them, but for one factor (Forbriger et al. 2014).

    In the plane a source is a line, whose field falls with the root of the distance and has a tail, by half an
    integral over time. So each trace is multiplied by sqrt(t) and divided by sqrt(i omega). It is exact for one
    velocity and far from the source, which leaves what amplitudes vary by with velocity. The unit changes, by a factor
    that solving for the wavelet's amplitude finds.

    Args:
        traces: (n, time).
        time_step_s: time between samples.
        first_sample_s: time of the first sample, the source beginning at 0.
    """
    count = traces.shape[1]
    time_s = np.maximum(first_sample_s + np.arange(count) * time_step_s, 0)
    size = 2 * count
    omega = 2 * np.pi * np.fft.rfftfreq(size, time_step_s)
    factor = 1 / np.sqrt(1j * np.maximum(omega, _LOWEST * omega[-1]))
    spectrum = np.fft.rfft(traces * np.sqrt(time_s), size, axis=1) * factor
    spectrum[:, 0] = 0
    return np.fft.irfft(spectrum, size, axis=1)[:, :count].astype(np.float32)


def with_time_dispersion(survey: Survey) -> Survey:
    """Return a survey with wavelet and observed traces as the second-order time steps will make them.

    A time step dt turns the frequency W into w = 2 / dt sin(W dt / 2) in all that waves do (Stork 2013; Koene et al.
    2018), the same for every wave. So a spectrum that is read at W(w) instead of w has the error of the steps in it:
    observed traces treated so are what the simulation gives, where space is exact. Simulated traces need no change.

    Args:
        survey: sample n of a trace is the field after n + 1 steps; sample n of the wavelet acts at n steps.
    """
    changed = {"wavelet": _slowed(survey.wavelet, survey.time_step_s, 0)}

    def slowed(traces: np.ndarray, _: Any = None) -> np.ndarray:
        return np.stack([_slowed(shot.T, survey.time_step_s, 1).T for shot in traces])

    if survey.observed is not None:
        streamed = isinstance(survey.observed, Observed)
        changed["observed"] = survey.observed.then(slowed) if streamed else slowed(survey.observed)
    return replace(survey, **changed)


def without_time_dispersion(traces: np.ndarray, time_step_s: float) -> np.ndarray:
    """Return simulated traces (..., T, R), sample n after n + 1 steps, without the error of the time steps.

    The wavelet must have been treated by `with_time_dispersion`.
    """
    rows = np.moveaxis(traces, -2, -1)
    changed = _slowed(rows.reshape(-1, rows.shape[-1]), time_step_s, 1, back=True).reshape(rows.shape)
    return np.moveaxis(changed, -1, -2).astype(traces.dtype)


def _slowed(traces: np.ndarray, step_s: float, first: int, back: bool = False) -> np.ndarray:
    """Return traces (n, T), whose first sample is at step `first`, with their spectrum read at other frequencies."""
    count = traces.shape[1]
    size = 2 * (count + first)
    omega = 2 * np.pi * np.fft.rfftfreq(size, step_s)
    half = omega * step_s / 2
    if back:
        read = np.where(half < _STEEPEST, 2 / step_s * np.arcsin(np.clip(half, 0, 1)), 0)
        kept = half < _STEEPEST
    else:
        read, kept = 2 / step_s * np.sin(half), np.ones(len(half), bool)
    time_s = (first + np.arange(count)) * step_s
    # A plain sum: the frequencies are no multiples of one. It is a matrix product, some 1e-9 s a number.
    kernel = np.exp(-1j * np.outer(time_s, read[kept]))
    spectrum = np.zeros((len(traces), len(omega)), np.complex128)
    spectrum[:, kept] = traces.astype(np.float64) @ kernel
    return np.fft.irfft(spectrum, size, axis=1)[:, first : first + count].astype(np.float32)
