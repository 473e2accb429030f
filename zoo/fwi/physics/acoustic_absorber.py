"""What keeps waves from returning at the edges of a grid: a convolutional perfectly matched layer, or a sponge."""

from __future__ import annotations

import numpy as np

# Exponent of the damping's rise, theoretical reflection, and frequency of alpha. Komatitsch & Martin (2007) take 2,
# 1e-3 and twice the wavelet's peak. In the test of tests/fwi/test_acoustic.py, strips of 14 cells then return 1.6e-3 of
# a wavelet of 10 Hz and 1.0e-3 of one of 4 Hz; with the values below, which need no peak, 1.6e-4 and 3.2e-4.
_EXPONENT = 1.5
_REFLECTION = 1e-5
_ALPHA_HZ = 5.0
# Share of the field that the sponge's outermost cell takes in a time step: about that of Cerjan et al. (1985), whose
# factor exp(-(0.015 * 20)^2) takes 9 %.
_SPONGE = 0.1


def cpml_profile(
    width: int, velocity_m_s: float, spacing_m: float, time_step_s: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return decay a and gain b of the memory in a strip, from its outermost cell inwards; (width,) each.

    After Komatitsch & Martin (2007, eq. 25): with k falling linearly from one outside to zero inside, the damping is
    proportional to k^1.5 for a theoretical reflection of 1e-5 at `velocity_m_s`, and alpha = pi / 2 * 5 Hz (1 - k)
    keeps waves at low frequency and grazing incidence from returning.

    Args:
        width: width of the strip in cells.
        velocity_m_s: velocity for which the strip is made, the fastest expected.
        spacing_m: grid spacing.
        time_step_s: time step of the simulation.
    """
    if not width:
        return np.zeros(0), np.zeros(0)
    k = (width - np.arange(width)) / width
    damping = (_EXPONENT + 1) * velocity_m_s * np.log(1 / _REFLECTION) / (2 * width * spacing_m) * k**_EXPONENT
    alpha = np.pi / 2 * _ALPHA_HZ * (1 - k)
    a = np.exp(-(damping + alpha) * time_step_s)
    return a, damping / (damping + alpha) * (a - 1)


def sponge_profile(shape: tuple[int, int], width: int, sides: tuple[bool, bool, bool, bool]) -> np.ndarray:
    """Return the damping of each cell in a time step, rising with the square of the depth in the strips.

    Args:
        shape: (rows, columns) of the grid with its strips.
        width: width of the strips in cells.
        sides: whether there is a strip at the top, bottom, left, right.
    """
    top, bottom, left, right = sides

    def along(size: int, first: bool, last: bool) -> np.ndarray:
        i = np.arange(size)
        depth = np.zeros(size)
        if first:
            depth = np.maximum(depth, width - i)
        if last:
            depth = np.maximum(depth, width - (size - 1 - i))
        return depth / max(width, 1)

    z, x = along(shape[0], top, bottom), along(shape[1], left, right)
    return _SPONGE * np.maximum(z[:, None], x[None, :]) ** 2
