"""Sources, and what the path does to their spectra, as causal operators on a frequency grid.

Every operator is causal in discrete time: nothing arrives before its onset, which is where a picker should pick. Source
and instrument are poles (matched z transform); attenuation and kappa are the minimum-phase filters of their amplitude
spectra, as causality demands (Aki & Richards 2002, section 5.5).

- Earthquakes: Brune (1970), displacement spectrum M0 / (1 + i f / fc)^2, with the corner that follows from the stress
  drop; the corner of P is higher than that of S (Madariaga 1976).
- Explosions: the form of Mueller & Murphy (1971), w0^2 / (w0^2 + i w0 w - 0.75 w^2), which overshoots. ASSUMED:
  the corner is 0.4 to 1 times that of an earthquake of the same moment; how much S there is.
- Path: exp(-pi t* f^(1 - eta)), from Q(f) = Q0 f^eta; site: exp(-pi kappa f) (Anderson & Hough 1984).
"""

from __future__ import annotations

import functools
from typing import NamedTuple

import numpy as np
import scipy.fft

from zoo.compiled import njit

_ETA_STEP = 0.1
"""Between exponents eta of Q(f) whose filters are tabulated; others are interpolated."""
_EXPLOSION_DAMPING = 0.5 / np.sqrt(0.75)
"""Damping of the two poles of w0^2 / (w0^2 + i w0 w - 0.75 w^2)."""
_PADDING_S = 2.5
"""Room behind a trace in a transform: what runs out at its end must not come in at its beginning."""
_CEPSTRUM_FACTOR = 8
"""How many times longer than the trace a cepstrum is made: a shorter one would be aliased."""


class Grid(NamedTuple):
    """The grid on which traces are made, and the logarithms of unit attenuations there (complex64)."""

    size: int
    """Samples of a transform: those of a trace, and padding for what runs out at its end."""
    frequency_hz: np.ndarray
    kappa: np.ndarray
    """(bins,): logarithm of exp(-pi f), minimum phase."""
    q: np.ndarray
    """(etas, bins): logarithm of exp(-pi f^(1 - eta)), minimum phase, for eta = 0, 0.1 ... 1."""


@functools.lru_cache(maxsize=8)
def frequency_grid(samples: int, sampling_rate_hz: float) -> Grid:
    """Return the grid for traces of this length."""
    size = 2 * scipy.fft.next_fast_len(-(-(samples + int(_PADDING_S * sampling_rate_hz)) // 2), real=True)
    frequency = np.fft.rfftfreq(size, 1 / sampling_rate_hz)
    etas = np.arange(0, 1 + 1e-9, _ETA_STEP)
    unit = [_minimum_phase(lambda f, eta=eta: -np.pi * f ** (1 - eta), size, sampling_rate_hz) for eta in etas]
    return Grid(size, frequency, unit[0], np.stack(unit))


def _minimum_phase(log_amplitude, size: int, sampling_rate_hz: float) -> np.ndarray:
    """Return the complex logarithm of the minimum-phase filter of an amplitude, by folding its cepstrum."""
    finer = _CEPSTRUM_FACTOR * size
    frequency = np.fft.rfftfreq(finer, 1 / sampling_rate_hz)
    cepstrum = np.fft.irfft(log_amplitude(frequency))
    cepstrum[1 : finer // 2] *= 2
    cepstrum[finer // 2 + 1 :] = 0
    return np.fft.rfft(cepstrum)[::_CEPSTRUM_FACTOR].astype(np.complex64)


def moment_n_m(magnitude: np.ndarray) -> np.ndarray:
    """Return the seismic moment (N m) of a moment magnitude (Hanks & Kanamori 1979)."""
    return 10 ** (1.5 * magnitude + 9.1)


def corner_hz(moment_n_m: np.ndarray, stress_drop_pa: np.ndarray, vs_m_s: np.ndarray) -> np.ndarray:
    """Return Brune's (1970) corner frequency of S (Hz): 0.49 vs (stress drop / M0)^(1/3)."""
    return 0.4906 * vs_m_s * np.cbrt(stress_drop_pa / moment_n_m)


def source_amplitude(frequency_hz: np.ndarray, corner: np.ndarray, explosion: np.ndarray) -> np.ndarray:
    """Return the displacement amplitude spectra (n, frequencies), 1 at 0 Hz, for n corners (Hz)."""
    x = np.square(frequency_hz / corner[:, None])
    brune = 1 / (1 + x)
    return np.where(explosion[:, None], 1 / np.sqrt((1 - x) ** 2 + 4 * _EXPLOSION_DAMPING**2 * x), brune)


def velocity_operators(
    grid: Grid,
    sampling_rate_hz: float,
    corner: np.ndarray,
    explosion: np.ndarray,
    t_star_s: np.ndarray,
    eta: np.ndarray,
    kappa_s: np.ndarray,
) -> np.ndarray:
    """Return the ground-velocity spectra (m/s) of impulses whose displacement spectra are 1 m s at 0 Hz.

    Args:
        grid: from `frequency_grid`.
        sampling_rate_hz: sampling rate of the traces.
        corner: (n, k) corner frequencies (Hz) of k waves of n events.
        explosion: (n,) whether the source is one.
        t_star_s: (n, k) travel time / Q0, s.
        eta: (n,) exponent of Q(f), 0 to 1.
        kappa_s: (n, k) kappa of the site, s.

    Returns:
        (n, k, bins) complex64.
    """
    position = np.clip(eta / _ETA_STEP, 0, len(grid.q) - 1.001)
    lower = position.astype(int)
    part = (position - lower).astype(np.float32)[:, None]
    path = grid.q[lower]
    path += part * (grid.q[lower + 1] - path)
    damping = np.where(explosion, _EXPLOSION_DAMPING, 1.0)[:, None]
    w = 2 * np.pi * corner / sampling_rate_hz
    decay = np.exp(-damping * w)
    poles = np.stack([2 * decay * np.cos(w * np.sqrt(1 - damping**2)), decay**2], axis=2).astype(np.float32)
    delay = np.exp(-1j * np.linspace(0, np.pi, len(grid.kappa))).astype(np.complex64)
    t_star_s, kappa_s = t_star_s.astype(np.float32), kappa_s.astype(np.float32)
    out = np.empty((*corner.shape, len(delay)), np.complex64)
    for k in range(corner.shape[1]):
        amplitude = t_star_s[:, k, None] * path.real + kappa_s[:, k, None] * grid.kappa.real
        phase = t_star_s[:, k, None] * path.imag + kappa_s[:, k, None] * grid.kappa.imag
        np.exp(amplitude, out=amplitude)
        _operators(out[:, k], amplitude, np.cos(phase), np.sin(phase), delay, poles[:, k], np.float32(sampling_rate_hz))
    return out


@njit(error_model="numpy", nogil=True, cache=True, fastmath=True)
def _operators(out, amplitude, cosine, sine, delay, poles, rate):
    """Write the product of attenuation, two poles and a first difference (d/dt) into `out`."""
    for row in range(out.shape[0]):
        first, second = poles[row]
        gain = (1 - first + second) * rate * rate  # an impulse of one sample lasts 1 / rate
        for k in range(out.shape[1]):
            z = delay[k]
            den = 1 - first * z + second * z * z
            scale = gain * amplitude[row, k] / (den.real * den.real + den.imag * den.imag)
            top = (1 - z) * complex(den.real, -den.imag) * scale
            out[row, k] = top * complex(cosine[row, k], sine[row, k])
