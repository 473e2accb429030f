"""What arrives when, how strong and how polarised: rays, conversions at the site, scattered waves, coda, Rg.

A seismogram is a sequence of impulses, and of noise under envelopes, which the causal operators of
`zoo.seismograms.physics.sources` then limit in band and colour. There are three operators (P, S, late coda), so the
envelope differs between frequencies (Boore 2003). Each ray brings an impulse with the polarisation of its incidence,
echoes and conversions in the site layer, and forward-scattered energy that rises and falls behind it while it loses its
polarisation (Sato, Fehler & Maeda 2012, chapters 3, 4 and 9: envelope broadening, single-scattering coda
t^-n exp(-t / tau)). Amounts of scattering are ASSUMED ranges, wide enough to cover real records.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from zoo.compiled import njit

P, S = 0, 1
_LATE = 2  # operator of the late coda
_Z, _N, _E = 0, 1, 2
_OPTIONS = {"error_model": "numpy", "nogil": True, "cache": True, "fastmath": True}
_NANO = 1e9  # impulses in 1e-9 m s: even their squares are then far from the smallest float32
_PULSES = 4
"""An impulse and its echoes in the site layer. A fifth would have 0.65^4 = 18 % of the first at the very most."""
_POLARISED = 0.85
"""Share of forward-scattered energy that has the ray's polarisation when it sets in (ASSUMED); it falls from there as
exp(-t / fall), by multiple scattering."""
_ENVELOPE_FALLS = 7
"""Fall times after which an envelope ends: it has come down to exp(-7), a thousandth."""
_CODA_STEPS, _CODA_STEP = 200, 0.02
"""Steps, in parts of the coda's time, of the midpoint rule for its energy: they cover four times that time."""
_LATE_AFTER = 2
"""Time constants of its decay after which all of the coda of S is late coda; the share grows in proportion to time."""
_KNOT = 16
"""Samples between which the coda's envelope is interpolated."""
_TWO_PI = 6.2831853
"""As many digits as the datasets behind the shipped checkpoints were made with; more would change their bytes."""


class Waves(NamedTuple):
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
    """(n, 2, 3): the wave converted at the base of the site, relative to the ray: P to s behind it, S to p ahead."""
    conversion_delay: np.ndarray
    """(n,): time between a ray and its conversion."""
    echo_delay: np.ndarray
    """(n, 2): two-way time in the site layer."""
    echo: np.ndarray
    """(n,): reflection coefficient at its base."""
    shots: np.ndarray
    """(n, shots, 2): delay and weight of the parts of the source; the first has delay 0 and weight 1."""
    scattered: np.ndarray
    """(n, 2): energy scattered forward, relative to the ray's."""
    rise: np.ndarray
    """(n, 2): time constant with which scattered energy rises."""
    fall: np.ndarray
    """(n, 2): time constant with which it falls."""
    split: np.ndarray
    """(n,): delay of the transverse S wave behind the radial one (anisotropy)."""
    spread: np.ndarray
    """(n, 2, 3): how unpolarised scattered waves are shared among the components; the squares add up to 1."""
    coda: np.ndarray
    """(n, 2): energy of the coda, relative to that of the rays and what they scatter forward."""
    coda_time: np.ndarray
    """(n, 2): the time over which it falls: for P about S - P, for S about lapse time (from the origin) at onset."""
    coda_power: np.ndarray
    """(n,): exponent with which the coda of S falls."""
    coda_decay: np.ndarray
    """(n,): time constant of its exponential."""
    rayleigh: np.ndarray
    """(n, 6): Rg's amplitude, first and last sample, cycles per sample at the first and at the last, ellipticity."""
    back_azimuth_rad: np.ndarray
    """(n,)."""


def sequences(waves: Waves, rng: np.random.Generator, samples: int, size: int) -> np.ndarray:
    """Return the impulses and scattered noise that the operators turn into ground motion.

    Args:
        waves: the waves of n events.
        rng: draws the scattered waves.
        samples: length of a trace.
        size: length of a transform; what lies beyond `samples` stays 0.

    Returns:
        (n, 3 operators, 3 components, size) float32, in 1e-9 m s.
    """
    count = len(waves.onset)
    first = waves.onset.min(axis=2)
    drive = np.empty((count, 4, samples), np.float32)
    for row, begin in enumerate(np.clip(first[:, P], 0, samples).astype(int)):
        drive[row, :, begin:] = rng.standard_normal((4, samples - begin), dtype=np.float32)
    energy = _NANO**2 * np.where(np.isfinite(waves.onset), waves.amplitude**2, 0).sum(axis=2) * (1 + waves.scattered)
    scaled = waves._replace(
        amplitude=waves.amplitude * _NANO, rayleigh=waves.rayleigh * np.array([_NANO, 1, 1, 1, 1, 1])
    )
    out = np.zeros((count, 3, 3, size), np.float32)
    _add_rays(out, drive, scaled)
    _add_coda(out, drive, scaled, first, np.sqrt(energy * waves.coda))
    _add_rayleigh(out, scaled)
    return out


@njit(**_OPTIONS)
def _add_rays(out, drive, waves):
    """Add every ray: the impulses of all parts of the source with their conversions, then what is scattered forward."""
    samples = drive.shape[2]
    for row in range(out.shape[0]):
        first_p = waves.onset[row, P].min()
        for kind in range(2):
            traces = out[row, kind]
            for ray in range(waves.onset.shape[2]):
                if not waves.onset[row, kind, ray] < samples:
                    continue
                for shot in range(waves.shots.shape[1]):
                    delay, weight = waves.shots[row, shot]
                    if weight == 0:
                        continue
                    at = waves.onset[row, kind, ray] + delay
                    size = waves.amplitude[row, kind, ray] * weight
                    _add_impulses(traces, samples, waves, row, kind, ray, at, size)
                    _add_conversion(traces, samples, waves, row, kind, at, size, first_p)
                _add_scattered(traces, drive[row], waves, row, kind, ray)


@njit(**_OPTIONS)
def _add_impulse(trace, samples, at, value):
    """Put an impulse between two samples."""
    if at < 0 or at >= samples - 1:
        return
    k = int(at)
    part = at - k
    trace[k] += np.float32(value * (1 - part))
    trace[k + 1] += np.float32(value * part)


@njit(**_OPTIONS)
def _add_impulses(traces, samples, waves, row, kind, ray, at, size):
    """Add a ray's impulse and its echoes in the site layer; S in two: the transverse part comes later (anisotropy)."""
    back_azimuth = waves.back_azimuth_rad[row]
    north, east = -math.cos(back_azimuth), -math.sin(back_azimuth)
    polarisation = waves.polarisation[row, kind, ray]
    for echo in range(_PULSES):
        when = at + echo * waves.echo_delay[row, kind]
        value = size * (-waves.echo[row]) ** echo
        if kind == P:
            for c in range(3):
                _add_impulse(traces[c], samples, when, value * polarisation[c])
            continue
        radial = polarisation[_N] * north + polarisation[_E] * east
        across = polarisation[_E] * north - polarisation[_N] * east
        later = when + waves.split[row]
        _add_impulse(traces[_Z], samples, when, value * polarisation[_Z])
        _add_impulse(traces[_N], samples, when, value * radial * north)
        _add_impulse(traces[_E], samples, when, value * radial * east)
        _add_impulse(traces[_N], samples, later, -value * across * east)
        _add_impulse(traces[_E], samples, later, value * across * north)


@njit(**_OPTIONS)
def _add_conversion(traces, samples, waves, row, kind, at, size, first_p):
    """Add what the base of the site converts: P to s behind it, S to p ahead of it, but never before the first P."""
    delay = waves.conversion_delay[row]
    when = at + delay if kind == P else at - delay
    if when > first_p:
        for c in range(3):
            _add_impulse(traces[c], samples, when, size * waves.converted[row, kind, c])


@njit(**_OPTIONS)
def _add_scattered(traces, drive, waves, row, kind, ray):
    """Add noise under the envelope exp(-a t) - exp(-b t), which has `scattered` times the energy of the ray.

    With a = 1 / fall and b = a + 1 / rise the envelope's energy is 1 / 2a - 2 / (a + b) + 1 / 2b. All components share
    one noise for the polarised part, and each has its own for the rest.
    """
    onset, size = waves.onset[row, kind, ray], waves.amplitude[row, kind, ray]
    fall = waves.fall[row, kind]
    a, b = 1 / fall, 1 / fall + 1 / waves.rise[row, kind]
    unit = math.sqrt(waves.scattered[row, kind] / (0.5 / a - 2 / (a + b) + 0.5 / b))
    polarisation, spread = waves.polarisation[row, kind, ray], waves.spread[row, kind]
    begin = max(int(onset) + 1, 0)
    end = min(drive.shape[1], int(onset + _ENVELOPE_FALLS * fall) + 1)
    # The two exponentials go on by products: as fast as the additions.
    keep_a, keep_b = math.exp(-a), math.exp(-b)
    slow, fast = math.exp(-a * (begin - onset)), math.exp(-b * (begin - onset))
    for k in range(begin, end):
        height = size * unit * (slow - fast)
        lost = 1 - _POLARISED * slow
        own, common = height * math.sqrt(lost), height * math.sqrt(1 - lost) * drive[3, k]
        for c in range(3):
            traces[c, k] += np.float32(common * polarisation[c] + own * spread[c] * drive[c, k])
        slow *= keep_a
        fast *= keep_b


@njit(**_OPTIONS)
def _coda_height(kind, lapse, coda_time, power, decay, ramp):
    """Return the coda's relative amplitude at the time `lapse` after its onset: (1 + t / T)^-n exp(-t / tau).

    It sets in over the time `ramp`. For P, n = 1 and tau is longer than for S by 2 T (ASSUMED).
    """
    rise = 1 - math.exp(-lapse / ramp)
    if kind == P:
        return rise / (1 + lapse / coda_time) * math.exp(-lapse / (decay + 2 * coda_time))
    return rise * (1 + lapse / coda_time) ** (-power) * math.exp(-lapse / decay)


@njit(**_OPTIONS)
def _add_coda(out, drive, waves, first, strength):
    """Add the codas of P and S, from the first arrival of each on; `strength` (n, 2) is the root of their energy."""
    samples = drive.shape[2]
    for row in range(out.shape[0]):
        for kind in range(2):
            begin, coda_time, decay = first[row, kind], waves.coda_time[row, kind], waves.coda_decay[row]
            if not begin < samples:
                continue
            shape = (coda_time, waves.coda_power[row], decay, waves.fall[row, kind])
            total, step = 0.0, _CODA_STEP * coda_time
            for n in range(_CODA_STEPS):
                total += step * _coda_height(kind, (n + 0.5) * step, *shape) ** 2
            scale = strength[row, kind] / math.sqrt(total)
            start = max(int(begin) + 1, 0)
            left = scale * _coda_height(kind, start - begin, *shape)
            for knot in range(start, samples, _KNOT):
                lapse = knot + _KNOT - begin
                right = scale * _coda_height(kind, lapse, *shape)
                late = min(1.0, lapse / (_LATE_AFTER * decay)) if kind == S else 0.0
                slope = (right - left) / _KNOT
                for k in range(knot, min(knot + _KNOT, samples)):
                    height = left + (k - knot) * slope
                    for c in range(3):
                        value = height * waves.spread[row, kind, c] * drive[row, c, k]
                        out[row, kind, c, k] += np.float32((1 - late) * value)
                        if late > 0:
                            out[row, _LATE, c, k] += np.float32(late * value)
                left = right


@njit(**_OPTIONS)
def _add_rayleigh(out, waves):
    """Add the dispersed Rayleigh wave of a shallow source, retrograde, to what the operator of S acts on."""
    samples = out.shape[3]
    for row in range(out.shape[0]):
        size, begin, end, low, high, ellipticity = waves.rayleigh[row]
        if size == 0:
            continue
        back_azimuth = waves.back_azimuth_rad[row]
        north, east = math.cos(back_azimuth), math.sin(back_azimuth)
        for k in range(max(0, int(begin) + 1), min(int(end), samples)):
            x = (k - begin) / (end - begin)
            phase = _TWO_PI * (k - begin) * (low + 0.5 * (high - low) * x)
            height = size * math.sin(math.pi * x) ** 2 * low / (low + (high - low) * x)
            out[row, S, _Z, k] += np.float32(height * math.cos(phase))
            value = height * ellipticity * math.sin(phase)
            out[row, S, _N, k] += np.float32(value * north)
            out[row, S, _E, k] += np.float32(value * east)
