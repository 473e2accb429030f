"""A marine earth like the one of Das et al. (2017): a flat seabed at 2.43 km above layered rock, 1 km x 1 km x 3 km.

The published model is not available; this one has the same geometry (grid, seabed, receivers) and the properties of
such an earth. Everything is a function of position in metres, so a coarse grid samples the same earth as the fine one.
Published indices are 1-based (ix, iy, iz) on the fine grid: position = (index - 1) * (12.5, 12.5, 10) m, z up from
the model's bottom.
"""

from __future__ import annotations

import numpy as np

from zoo.errors import ZooError
from zoo.microseismic.physics.elastic import ElasticModel

EXTENT_M = (1000.0, 1000.0, 3000.0)
SPACING_M = (12.5, 12.5, 10.0)  # of the published grid, 81 x 81 x 301 nodes
SEABED_M = 2430.0  # the lowest plane of nodes in the water; receivers lie in it, where pressure is the only stress
WATER_VP_M_S = 1500.0
WATER_DENSITY_KG_M3 = 1020.0
LAYERS = 15
TOP_VP_M_S, BOTTOM_VP_M_S = 1560.0, 3400.0
TOP_VP_VS, BOTTOM_VP_VS = 3.0, 1.8
HETEROGENEITY = 0.015  # relative standard deviation of vp within the layers
# Correlation length of the heterogeneity, a Gaussian random field of covariance exp(-distance^2 / (2 length^2)).
CORRELATION_M = 100.0
# What follows is drawn evenly between two numbers, or from a normal distribution with a standard deviation.
_RELATIVE_STEP = 0.6, 1.4  # thickness of a layer, and its step in vp, relative to the mean layer
_DIP_DEG, _DIP_CHANGE_DEG = (0.0, 4.0), 0.5  # of the uppermost interface, and from each interface to the next (sd)
_AZIMUTH_CHANGE = 0.3  # of the dip, from each interface to the next (sd), rad
_UNDULATION_LENGTH_M, _UNDULATION_M = (600.0, 1500.0), (4.0, 14.0)  # wavelength and amplitude
_UPPERMOST_M = 20.0  # no interface is shallower below the seabed

PUBLISHED_RECEIVERS = (
    (11, 31, 244), (11, 51, 244), (11, 71, 244), (21, 21, 244), (21, 41, 244), (21, 61, 244),
    (31, 11, 244), (31, 31, 244), (31, 51, 244), (31, 71, 244), (41, 21, 244), (41, 41, 244),
    (41, 61, 244), (51, 11, 244), (51, 31, 244), (51, 51, 244), (51, 71, 244), (61, 21, 244),
    (61, 41, 244), (61, 61, 244), (71, 11, 244), (71, 31, 244), (71, 51, 244),
)  # fmt: skip
"""The 23 receivers of Das et al. (2018), 1-based."""

MARINE_RECEIVERS = ((41, 41, 244), (11, 31, 244), (11, 71, 244), (51, 71, 244), (31, 51, 244))
"""The central receiver, then four published ones above the diagonal (y > x) of the detection plane, 1-based.

Spurio Mancini et al. (2021, fig. 9) use four receivers there without listing them. These are the corners of the widest
triangle and one receiver inside it.
"""


def marine_model(seed: int = 0, spacing_m: tuple[float, float, float] = SPACING_M) -> ElasticModel:
    """Build the marine earth: water over fifteen dipping, undulating layers with gradients and heterogeneity.

    Vp grows from 1560 m/s at the seabed to 3400 m/s at the bottom, with steps between layers and gradients in them;
    Vp/Vs falls from 3.0 to 1.8; density follows Gardner et al. (1974), 310 vp^(1/4).

    Args:
        seed: of the layers and the heterogeneity.
        spacing_m: distance between nodes along x, y, z, m. It must divide the extent and the height of the seabed; the
            published receivers are nodes if it also divides 125 m horizontally: (25, 25, 30) is such a coarse grid.

    Returns:
        An `ElasticModel` of 81 x 81 x 301 nodes for the published spacing.

    Raises:
        ZooError: if the spacing does not fit.

    >>> earth = marine_model(spacing_m=(125, 125, 30))
    >>> earth.shape, earth.extent_km.tolist()
    ((9, 9, 101), [1.0, 1.0, 3.0])
    """
    lengths = (*EXTENT_M, SEABED_M)
    cells = [length / spacing for length, spacing in zip(lengths, (*spacing_m, spacing_m[2]), strict=True)]
    if not np.allclose(cells, np.rint(cells), atol=1e-6):
        raise ZooError(
            f"A spacing of {tuple(spacing_m)} m does not divide the model's extent {EXTENT_M} m and the seabed's "
            f"height {SEABED_M} m into whole cells. Take (12.5, 12.5, 10) or (25, 25, 30)."
        )
    x, y, z = (np.arange(round(n) + 1) * d for n, d in zip(cells[:3], spacing_m, strict=True))
    random = np.random.default_rng(seed)

    depth = np.maximum(SEABED_M - z, 0) * np.ones((x.size, y.size, 1))  # below the seabed
    layer, within = _layers(x, y, depth, random)
    # A third of the change of vp from layer to layer is gradient within the layers, the rest a step between them.
    steps = random.uniform(*_RELATIVE_STEP, LAYERS)
    mean = (np.cumsum(steps) - 0.5 * steps) / steps.sum()
    trend = mean[layer] + (steps / steps.sum())[layer] * (within - 0.5) / 3
    trend = np.clip((trend - mean[0]) / (mean[-1] - mean[0]), 0, 1)
    vp = TOP_VP_M_S + (BOTTOM_VP_M_S - TOP_VP_M_S) * trend
    vp_vs = TOP_VP_VS + (BOTTOM_VP_VS - TOP_VP_VS) * np.sqrt(trend)
    vp *= 1 + HETEROGENEITY * _random_field(x, y, z, random)

    water = z >= SEABED_M - 1e-6
    vs = vp / vp_vs
    density = 310 * vp**0.25  # Gardner et al. (1974), in kg/m^3 and m/s
    vp[:, :, water] = WATER_VP_M_S
    vs[:, :, water] = 0
    density[:, :, water] = WATER_DENSITY_KG_M3
    return ElasticModel(vp, vs, density, tuple(spacing_m))


def _layers(x: np.ndarray, y: np.ndarray, depth: np.ndarray, random: np.random.Generator):
    """Return the layer of each node (0 at the seabed) and the relative depth of the node in it (0 to 1).

    Interfaces are planes that dip and undulate; dip and azimuth change a little from each to the next.
    """
    thickness = random.uniform(*_RELATIVE_STEP, LAYERS)
    flat = SEABED_M * np.cumsum(thickness) / thickness.sum()  # depth of the layers' bottoms
    dx, dy = (x - EXTENT_M[0] / 2)[:, None], (y - EXTENT_M[1] / 2)[None, :]
    dip = np.deg2rad(random.uniform(*_DIP_DEG))
    azimuth = random.uniform(0, 2 * np.pi)
    bottoms = []
    for bottom in flat[:-1]:
        dip += np.deg2rad(random.normal(0, _DIP_CHANGE_DEG))
        azimuth += random.normal(0, _AZIMUTH_CHANGE)
        plane = np.tan(dip) * (np.cos(azimuth) * dx + np.sin(azimuth) * dy)
        wavelength = random.uniform(*_UNDULATION_LENGTH_M)
        direction, phase = random.uniform(0, np.pi), random.uniform(0, 2 * np.pi)
        along = np.cos(direction) * dx + np.sin(direction) * dy
        wave = random.uniform(*_UNDULATION_M) * np.sin(2 * np.pi * along / wavelength + phase)
        bottoms.append(np.maximum(bottom + plane + wave, _UPPERMOST_M))
    # Layers that would cross are pinched out.
    bottoms = np.maximum.accumulate(np.stack([np.zeros_like(bottoms[0]), *bottoms, np.full_like(bottoms[0], SEABED_M)]))
    layer = np.zeros(depth.shape, int)
    for bottom in bottoms[1:-1]:
        layer += depth >= bottom[:, :, None]
    above = np.take_along_axis(np.moveaxis(bottoms, 0, -1), layer, axis=-1)
    below = np.take_along_axis(np.moveaxis(bottoms, 0, -1), layer + 1, axis=-1)
    return layer, np.clip((depth - above) / np.maximum(below - above, 1.0), 0, 1)


def _random_field(x: np.ndarray, y: np.ndarray, z: np.ndarray, random: np.random.Generator, waves: int = 500):
    """Return a Gaussian random field of unit variance as a sum of plane waves: the same field on any grid.

    The Fourier transform of its covariance is a Gaussian of width 1 / length, from which the wave vectors are drawn.
    """
    kx, ky, kz = random.normal(0, 1 / CORRELATION_M, (3, waves))
    phase = random.uniform(0, 2 * np.pi, waves)
    horizontal = np.exp(1j * (x[:, None, None] * kx + y[None, :, None] * ky + phase))
    return (horizontal @ np.exp(1j * np.outer(kz, z))).real * np.sqrt(2 / waves)
