"""Explosions in a homogeneous full space and under a free surface, without a grid: what the simulation is held against.

The source injects 1 m^3 at the rate of a Gaussian, as in `zoo.microseismic.physics.elastic`. Under a free surface, the
velocity in it is an integral over horizontal wavenumbers (as in Bouchon 1981): the potentials of the explosion and of
the reflected P and S waves, for which the traction vanishes. Frequencies are complex, so that the integrand is smooth.
"""

from __future__ import annotations

import numpy as np
from scipy.integrate import simpson
from scipy.special import j0, j1

_DAMPING = 9.0  # what the complex frequency takes off a wave within the period, as a natural logarithm
_CUT_SIGMA = 5.5  # the pulse has no frequencies beyond so many of its spectrum's standard deviations


def explosion_velocity(
    offset_m: np.ndarray, time_s: np.ndarray, vp_m_s: float, vs_m_s: float, sigma_s: float = 0.014
) -> np.ndarray:
    """Return the velocity (3, time) in m/s at an offset (3,) m from an explosion in a full space.

    It is the gradient of a potential: K / (4 pi density vp^2) d/dr of rate(t - r / vp) / r, where K / density is
    vp^2 - 4/3 vs^2: the density itself does not matter.
    """
    offset_m = np.asarray(offset_m, np.float64)
    distance = np.linalg.norm(offset_m)
    u = (np.asarray(time_s, np.float64) - distance / vp_m_s) / sigma_s - 5
    rate = np.exp(-0.5 * u**2) / (sigma_s * np.sqrt(2 * np.pi))
    slope = -u / sigma_s * rate
    factor = (vp_m_s**2 - 4 / 3 * vs_m_s**2) / (4 * np.pi * vp_m_s**2)
    return factor * np.outer(offset_m / distance, rate / distance**2 + slope / (distance * vp_m_s))


def surface_velocity(
    depth_m: float,
    horizontal_m: float,
    time_s: np.ndarray,
    vp_m_s: float,
    vs_m_s: float,
    sigma_s: float = 0.014,
) -> np.ndarray:
    """Return the radial and the upward velocity (2, time) in m/s in a free surface, of an explosion below it.

    The density does not matter.

    Args:
        depth_m: of the explosion, m.
        horizontal_m: distance along the surface, m.
        time_s: (time,) equidistant from 0, s.
        vp_m_s, vs_m_s: of the half-space, m/s.
        sigma_s: of the pulse, s.
    """
    time_s = np.asarray(time_s, np.float64)
    step_s = time_s[1] - time_s[0]
    samples = 2 * len(time_s)
    damping = _DAMPING / (samples * step_s)
    omega = 2 * np.pi * np.fft.rfftfreq(samples, step_s)
    omega = omega[omega * sigma_s < _CUT_SIGMA] + 1j * damping
    # Far enough that its periodic images, 2 pi / step apart, send nothing within the period.
    step = 0.5 * np.pi / (vp_m_s * samples * step_s + horizontal_m)
    last = max(20.0 / depth_m, 1.2 * omega.real.max() / vs_m_s) + 20.0 / depth_m
    k = np.arange(2 * int(last / step / 2) + 1) * step
    k_p, k_s = omega[:, None] / vp_m_s, omega[:, None] / vs_m_s
    nu_p, nu_s = np.sqrt(k**2 - k_p**2), np.sqrt(k**2 - k_s**2)
    gamma, product = 2 * k**2 - k_s**2, 4 * k**2 * nu_p * nu_s
    # e^(i k_p R) / R is the integral over k of k / nu_p J0(k r) e^(-nu_p |z|).
    incident = -(vp_m_s**2 - 4 / 3 * vs_m_s**2) / (4 * np.pi * vp_m_s**2) * k / nu_p * np.exp(-nu_p * depth_m)
    common = 2 * incident * nu_p * k_s**2 / (gamma**2 - product)
    # u_z = phi' + k^2 psi and u_r = -k (phi + psi') with z down; up is positive here.
    up = simpson(common * gamma * j0(k * horizontal_m), dx=step)
    radial = simpson(2 * k * nu_s * common * j1(k * horizontal_m), dx=step)
    # The moment's rate is the pulse, so this is the velocity.
    pulse = np.exp(-0.5 * (omega * sigma_s) ** 2 + 1j * omega * 5 * sigma_s)
    spectrum = np.zeros((2, samples // 2 + 1), complex)
    spectrum[:, : len(omega)] = np.stack([radial, up]) * pulse
    # numpy's exponent has the opposite sign.
    found = np.fft.irfft(np.conj(spectrum), samples) / step_s
    return found[:, : len(time_s)] * np.exp(damping * time_s)
