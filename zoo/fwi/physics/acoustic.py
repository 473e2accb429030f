"""What a grid can carry: finite-difference stencils, limits of time step and wavelength, source wavelets.

For the acoustic wave equation of constant density on a square grid, second order in time (Sun et al., eq. 1 and 2).
"""

from __future__ import annotations

import numpy as np

from zoo.errors import UsageError, ZooError

# Central differences of second and first derivative at offsets 0, 1, 2, ..., for a spacing of one (Fornberg 1988).
_SECOND = {
    2: (-2.0, 1.0),
    4: (-5 / 2, 4 / 3, -1 / 12),
    8: (-205 / 72, 8 / 5, -1 / 5, 8 / 315, -1 / 560),
}
_FIRST = {
    2: (0.0, 1 / 2),
    4: (0.0, 2 / 3, -1 / 12),
    8: (0.0, 4 / 5, -1 / 5, 4 / 105, -1 / 280),
}
POINTS_PER_WAVELENGTH = {2: 8.0, 4: 5.0, 8: 3.5}
"""Order of the differences -> fewest grid points in the shortest wavelength; differences in space then slow it by 2.6 %
at most (from the stencils' phase velocity)."""
# The highest frequency of a wavelet is the one below which this share of its energy lies.
_ENERGY_SHARE = 0.99


def laplacian_coefficients(order: int) -> tuple[float, ...]:
    """Return the weights of the second difference at offsets 0, 1, ..., order / 2 (symmetric).

    >>> laplacian_coefficients(2)
    (-2.0, 1.0)
    """
    return _SECOND[_known(order)]


def derivative_coefficients(order: int) -> tuple[float, ...]:
    """Return the weights of the first difference at offsets 0, 1, ..., order / 2 (antisymmetric)."""
    return _FIRST[_known(order)]


def longest_time_step_s(velocity_max_m_s: float, spacing_m: float, order: int = 4, dimensions: int = 2) -> float:
    """Return the longest stable time step (von Neumann: the shortest wave must not grow).

    >>> print(f"{longest_time_step_s(4000.0, spacing_m=10.0):.6f}")
    0.001531
    """
    weights = laplacian_coefficients(order)
    largest = -(weights[0] + 2 * sum(w * (-1) ** k for k, w in enumerate(weights[1:], 1)))
    return 2 * spacing_m / (velocity_max_m_s * np.sqrt(dimensions * largest))


def check_stability(
    velocity_max_m_s: float, spacing_m: float, time_step_s: float, order: int = 4, dimensions: int = 2
) -> None:
    """Refuse a time step with which the field would grow without bound (ZooError, with the longest that works)."""
    longest = longest_time_step_s(velocity_max_m_s, spacing_m, order, dimensions)
    if not 0 < time_step_s <= longest:
        raise ZooError(
            f"A time step of {time_step_s * 1e3:.4g} ms is unstable at {velocity_max_m_s:.0f} m/s on a grid of "
            f"{spacing_m:g} m (order {order}): it must be positive and at most {longest * 1e3:.4g} ms. "
            "Take a shorter time step, a coarser grid, or a lower upper bound of the velocities."
        )


def highest_frequency_hz(wavelet: np.ndarray, time_step_s: float) -> float:
    """Return the frequency below which 99 % of a wavelet's energy lies; of several wavelets, the highest of these.

    Args:
        wavelet: (..., time).
        time_step_s: time between samples.
    """
    wavelet = np.asarray(wavelet, np.float64)
    size = 8 * wavelet.shape[-1]  # with zeros behind it, so that frequencies are close to each other
    power = np.abs(np.fft.rfft(wavelet, size, axis=-1)) ** 2
    share = power.cumsum(-1) / np.maximum(power.sum(-1, keepdims=True), np.finfo(float).tiny)
    frequency_hz = np.fft.rfftfreq(size, time_step_s)
    return float(frequency_hz[np.argmax(share >= _ENERGY_SHARE, axis=-1)].max())


def carried_frequency_hz(velocity_min_m_s: float, spacing_m: float, order: int = 4) -> float:
    """Return the highest frequency that a grid carries: that of the shortest wavelength allowed on it.

    >>> carried_frequency_hz(1500.0, spacing_m=10.0)
    30.0
    """
    return velocity_min_m_s / (spacing_m * POINTS_PER_WAVELENGTH[_known(order)])


def check_dispersion(velocity_min_m_s: float, spacing_m: float, frequency_hz: float, order: int = 4) -> None:
    """Refuse waves too short for the grid: they would arrive late (ZooError, with what would do)."""
    points = velocity_min_m_s / (frequency_hz * spacing_m) if frequency_hz > 0 else np.inf
    least = POINTS_PER_WAVELENGTH[_known(order)]
    if points < least:
        raise ZooError(
            f"{frequency_hz:.3g} Hz at {velocity_min_m_s:.0f} m/s has {points:.1f} grid points of {spacing_m:g} m in a "
            f"wavelength; order {order} needs {least:g}. Take a grid of "
            f"{velocity_min_m_s / frequency_hz / least:.3g} m "
            f"or frequencies up to {velocity_min_m_s / spacing_m / least:.3g} Hz."
        )


def phase_velocity_error(
    velocity_m_s: float,
    spacing_m: float,
    time_step_s: float,
    frequency_hz: float,
    order: int = 4,
    exact_in_time: bool = False,
) -> float:
    """Return by which part a wave along an axis of the grid is too fast; negative: too slow.

    A record at a distance r is then off by 2 pi f r / v times it, as a part of its norm, while that is small.

    Args:
        velocity_m_s, spacing_m, time_step_s: of the simulation.
        frequency_hz: of the wave.
        order: order of the spatial differences.
        exact_in_time: whether the error of the time steps is taken out.

    >>> print(f"{phase_velocity_error(1500.0, 20.0, 0.002, 7.7):.4f}")
    -0.0005
    """
    weights = laplacian_coefficients(order)
    wavenumber = 2 * np.pi * frequency_hz / velocity_m_s * spacing_m
    curve = weights[0] + 2 * sum(w * np.cos(k * wavenumber) for k, w in enumerate(weights[1:], 1))
    found = velocity_m_s / spacing_m * np.sqrt(-curve)  # angular frequency that differences in space give
    if not exact_in_time:
        found = 2 / time_step_s * np.arcsin(found * time_step_s / 2)
    return float(found / (2 * np.pi * frequency_hz) - 1)


def ricker(peak_hz: float, time_step_s: float, samples: int, delay_s: float | None = None) -> np.ndarray:
    """Return a Ricker wavelet, (1 - 2 a) exp(-a) with a = (pi peak_hz (t - delay_s))^2, float32 (samples,).

    Args:
        peak_hz: frequency at which its spectrum is highest.
        time_step_s: time between samples.
        samples: number of samples.
        delay_s: time of its peak, by default 1.2 / peak_hz: it then begins at 2e-5 of its height.

    >>> wavelet = ricker(peak_hz=10.0, time_step_s=0.001, samples=400)
    >>> wavelet.shape, int(wavelet.argmax()), float(wavelet.max())
    ((400,), 120, 1.0)
    """
    delay_s = 1.2 / peak_hz if delay_s is None else delay_s
    phase = (np.pi * peak_hz * (np.arange(samples) * time_step_s - delay_s)) ** 2
    return ((1 - 2 * phase) * np.exp(-phase)).astype(np.float32)


def _known(order: int) -> int:
    if order not in _SECOND:
        raise UsageError(f"The order of the spatial differences is 2, 4 or 8; received {order!r}.")
    return order
