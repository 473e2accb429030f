"""What arrives when, how strong and how polarised: rays, conversions at the site, scattered waves, coda, Rg.

A seismogram is a sequence of impulses and noise under envelopes (band-limited and coloured afterwards by the causal
operators of `seismogram_sources`, three of them: P, S, late coda; so the envelope differs between frequencies, Boore
2003). Each ray brings an impulse with the polarisation of its incidence, echoes and conversions in the site layer, and
forward-scattered energy that rises and falls behind it while it loses its polarisation (Sato, Fehler & Maeda 2012,
chapters 3, 4 and 9: envelope broadening, single-scattering coda t^-n exp(-t / tau)). Amounts of scattering are ASSUMED
ranges, wide enough to cover real records.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numba import njit

P = 0
_OPTIONS = {"error_model": "numpy", "nogil": True, "cache": True, "fastmath": True}
_KNOT = 16  # samples between which coda is interpolated


@dataclass
class Waves:
    """The waves of n events at their stations. Times in samples of the trace, amplitudes of impulses in m s.

    The last axis of polarisations is Z, N, E; the axis of length 2 is P, S.
    """

    onset: np.ndarray
    """(n, 2, rays), inf where there is no such ray."""
    amplitude: np.ndarray
    """(n, 2, rays)."""
    polarisation: np.ndarray
    """(n, 2, rays, 3)."""
    converted: np.ndarray
    """(n, 2, 3): of the conversion at the base of the site, relative to the ray; P to s behind it, S to p before it."""
    conversion_delay: np.ndarray
    """(n,)."""
    echo_delay: np.ndarray
    """(n, 2): two-way time in the site layer."""
    echo: np.ndarray
    """(n,): reflection coefficient at its base."""
    shots: np.ndarray
    """(n, shots, 2): delay and weight of the parts of the source; the first has delay 0 and weight 1."""
    scattered: np.ndarray
    """(n, 2): energy scattered forward, relative to the ray's."""
    rise: np.ndarray
    """(n, 2)."""
    fall: np.ndarray
    """(n, 2)."""
    split: np.ndarray
    """(n,): delay of the transverse behind the radial S wave (anisotropy)."""
    spread: np.ndarray
    """(n, 2, 3): how scattered waves without polarisation share out among the components; squares add up to 1."""
    coda: np.ndarray
    """(n, 2): energy of the coda, relative to that of the ray and what it scatters forward."""
    coda_time: np.ndarray
    """(n, 2): the time in which it falls: of P about S-P, of S about the lapse time (since the origin) at its onset."""
    coda_power: np.ndarray
    """(n,)."""
    coda_decay: np.ndarray
    """(n,): time constant of the exponential."""
    rayleigh: np.ndarray
    """(n, 6): amplitude, first sample, last sample, cycles per sample there and there, ellipticity of Rg."""
    back_azimuth_rad: np.ndarray
    """(n,)."""


def sequences(waves: Waves, rng: np.random.Generator, samples: int, size: int) -> np.ndarray:
    """Return the impulses and scattered noise that the operators turn into ground motion.

    Args:
        waves: of n events.
        rng: of the scattering.
        samples: of a trace.
        size: of a transform; beyond `samples` it stays 0.

    Returns:
        (n, 3 operators, 3 components, size) float32, in 1e-9 m s.
    """
    count = len(waves.onset)
    onset = np.where(np.isfinite(waves.onset), waves.onset, np.inf).min(axis=2)
    drive = np.empty((count, 4, samples), np.float32)
    for row, first in enumerate(np.clip(onset[:, P], 0, samples).astype(int)):
        drive[row, :, first:] = rng.standard_normal((4, samples - first), dtype=np.float32)
    out = np.zeros((count, 3, 3, size), np.float32)
    w = waves
    _rays(
        out, drive, w.onset, w.amplitude * 1e9, w.polarisation, w.converted, w.conversion_delay, w.echo_delay, w.echo,
        w.shots, w.scattered, w.rise, w.fall, w.split, w.spread, w.back_azimuth_rad,
    )  # fmt: skip
    energy = 1e18 * np.where(np.isfinite(w.onset), w.amplitude**2, 0).sum(axis=2) * (1 + w.scattered)
    _coda(out, drive, onset, np.sqrt(energy * w.coda), w.coda_time, w.coda_power, w.coda_decay, w.fall, w.spread)
    _rg(out, w.rayleigh * np.array([1e9, 1, 1, 1, 1, 1]), w.back_azimuth_rad)
    return out


@njit(**_OPTIONS)
def _impulse(line, at, value, samples):
    """Put an impulse between two samples."""
    if at < 0 or at >= samples - 1:
        return
    k = int(at)
    part = at - k
    line[k] += np.float32(value * (1 - part))
    line[k + 1] += np.float32(value * part)


@njit(**_OPTIONS)
def _rays(
    out, drive, onset, amplitude, polarisation, converted, delay, echo_delay, echo, shots, scattered, rise, fall, split,
    spread, back_azimuth,
):  # fmt: skip
    samples = drive.shape[2]
    for row in range(out.shape[0]):
        north, east = -math.cos(back_azimuth[row]), -math.sin(back_azimuth[row])
        first_p = onset[row, 0].min()
        for kind in range(2):
            lines = out[row, kind]
            a, b = 1 / fall[row, kind], 1 / fall[row, kind] + 1 / rise[row, kind]
            unit = math.sqrt(scattered[row, kind] / (0.5 / a - 2 / (a + b) + 0.5 / b))
            keep_a, keep_b = math.exp(-a), math.exp(-b)
            for ray in range(onset.shape[2]):
                begin, size = onset[row, kind, ray], amplitude[row, kind, ray]
                if not begin < samples:
                    continue
                pol = polarisation[row, kind, ray]
                for shot in range(shots.shape[1]):
                    if shots[row, shot, 1] == 0:
                        continue
                    at, part = begin + shots[row, shot, 0], size * shots[row, shot, 1]
                    for n in range(4):
                        when, much = at + n * echo_delay[row, kind], part * (-echo[row]) ** n
                        if kind == 0:
                            for c in range(3):
                                _impulse(lines[c], when, much * pol[c], samples)
                        else:
                            _impulse(lines[0], when, much * pol[0], samples)
                            radial = pol[1] * north + pol[2] * east
                            across = pol[2] * north - pol[1] * east
                            _impulse(lines[1], when, much * radial * north, samples)
                            _impulse(lines[2], when, much * radial * east, samples)
                            _impulse(lines[1], when + split[row], -much * across * east, samples)
                            _impulse(lines[2], when + split[row], much * across * north, samples)
                    when = at + delay[row] if kind == 0 else at - delay[row]
                    if when > first_p:
                        for c in range(3):
                            _impulse(lines[c], when, part * converted[row, kind, c], samples)
                grown, faded = 1.0, 1.0
                k = max(int(begin) + 1, 0)
                faded = math.exp(-a * (k - begin))
                grown = math.exp(-b * (k - begin))
                last = min(samples, int(begin + 7 * fall[row, kind]) + 1)
                iso0, iso1, iso2 = spread[row, kind, 0], spread[row, kind, 1], spread[row, kind, 2]
                while k < last:
                    height = size * unit * (faded - grown)
                    lost = 1 - 0.85 * faded
                    own, common = height * math.sqrt(lost), height * math.sqrt(1 - lost) * drive[row, 3, k]
                    lines[0, k] += np.float32(common * pol[0] + own * iso0 * drive[row, 0, k])
                    lines[1, k] += np.float32(common * pol[1] + own * iso1 * drive[row, 1, k])
                    lines[2, k] += np.float32(common * pol[2] + own * iso2 * drive[row, 2, k])
                    faded *= keep_a
                    grown *= keep_b
                    k += 1


@njit(**_OPTIONS)
def _coda_height(kind, lapse, coda_time, power, decay, ramp):
    """Return the coda's relative amplitude so long after its onset."""
    rise = 1 - math.exp(-lapse / ramp)
    if kind == 0:
        return rise / (1 + lapse / coda_time) * math.exp(-lapse / (decay + 2 * coda_time))
    return rise * (1 + lapse / coda_time) ** (-power) * math.exp(-lapse / decay)


@njit(**_OPTIONS)
def _coda(out, drive, onset, strength, coda_time, power, decay, fall, spread):
    samples = drive.shape[2]
    for row in range(out.shape[0]):
        for kind in range(2):
            begin = onset[row, kind]
            if not begin < samples:
                continue
            shape = (coda_time[row, kind], power[row], decay[row], fall[row, kind])
            total, fine = 0.0, 0.02 * coda_time[row, kind]
            for n in range(200):  # its energy, over four times its time
                total += fine * _coda_height(kind, (n + 0.5) * fine, *shape) ** 2
            scale = strength[row, kind] / math.sqrt(total)
            start = max(int(begin) + 1, 0)
            left = scale * _coda_height(kind, start - begin, *shape)
            for knot in range(start, samples, _KNOT):
                lapse = knot + _KNOT - begin
                right = scale * _coda_height(kind, lapse, *shape)
                late = min(1.0, lapse / (2 * decay[row])) if kind == 1 else 0.0
                step = (right - left) / _KNOT
                for k in range(knot, min(knot + _KNOT, samples)):
                    height = left + (k - knot) * step
                    for c in range(3):
                        value = height * spread[row, kind, c] * drive[row, c, k]
                        out[row, kind, c, k] += np.float32((1 - late) * value)
                        if late > 0:
                            out[row, 2, c, k] += np.float32(late * value)
                left = right


@njit(**_OPTIONS)
def _rg(out, rayleigh, back_azimuth):
    """Add the dispersed Rayleigh wave of a shallow source, retrograde, to what the operator of S acts on."""
    samples = out.shape[3]
    for row in range(out.shape[0]):
        size, begin, end, low, high, ellipticity = rayleigh[row]
        if size == 0:
            continue
        north, east = math.cos(back_azimuth[row]), math.sin(back_azimuth[row])
        for k in range(max(0, int(begin) + 1), min(int(end), samples)):
            x = (k - begin) / (end - begin)
            phase = 6.2831853 * (k - begin) * (low + 0.5 * (high - low) * x)
            height = size * math.sin(math.pi * x) ** 2 * low / (low + (high - low) * x)
            out[row, 1, 0, k] += np.float32(height * math.cos(phase))
            value = height * ellipticity * math.sin(phase)
            out[row, 1, 1, k] += np.float32(value * north)
            out[row, 1, 2, k] += np.float32(value * east)
