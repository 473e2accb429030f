"""How strong and how polarised each ray arrives: double couples and explosions, spreading, the free surface."""

from __future__ import annotations

import numpy as np

from zoo.seismograms.physics.paths import Arrivals, Crusts, layer_of

P = 0
_DENSITY_KG_M3 = 2700.0
_SPHERICAL_KM = 80.0
"""Beyond this path amplitudes fall as 1 / sqrt(r): the crust guides waves."""
_SHORTEST_KM = 0.2
"""Shorter paths count as this one: spreading as 1 / r begins outside the source."""
_SEDIMENT_PATH_KM = 2.0
"""Path over which a wave along the sediment falls to 1 / e, where a head wave overtakes it (ASSUMED)."""
_HEAD, _HEAD_SHALLOW, _HEAD_LIMITS = 0.3, 0.6, (0.08, 0.8)
"""Amplitude of head waves over that of a direct wave of the same path (ASSUMED): median, median for sources above the
crust, limits."""
_REFLECTED, _REFLECTED_LIMITS = 0.35, (0.0, 0.8)
"""Amplitude of the reflection off the Moho at the critical angle, and limits (ASSUMED)."""
_NODE_FLOOR = 0.25
"""Floor under the radiation pattern: scattering fills the nodes (Takemura et al. 2009)."""
_EXPLOSION_P, _EXPLOSION_SH_OF_P = 0.8, 0.12
"""Radiation of P by an explosion in all directions; sd of the transverse motion relative to it (ASSUMED)."""
_EXPLOSION_S, _EXPLOSION_S_SPREAD = 0.6, 0.7
"""S of an explosion over the P that it is converted from (ASSUMED): median over events; sd of SV and of SH."""


def lognormal(rng: np.random.Generator, median: float, spread: float, size) -> np.ndarray:
    """Draw from a lognormal distribution; `spread` is the standard deviation of the natural logarithm."""
    return median * np.exp(rng.normal(0, spread, size))


def radiation(
    rng: np.random.Generator, crusts: Crusts, rays: list[Arrivals], depth, azimuth, back_azimuth, explosion
) -> tuple[np.ndarray, np.ndarray]:
    """Return amplitudes (n, 2, rays) in m s for a unit moment, and polarisations (n, 2, rays, 3) of unit length.

    Far field of a double couple, F M0 / (4 pi rho c^3 r) (Aki & Richards 2002, eq. 4.88), with a floor under F because
    scattering fills the nodes (Takemura et al. 2009); geometrical spreading 1 / r, weaker beyond 80 km. ASSUMED: the
    factors of `_path_factors`, and the S of an explosion, which has none of its own: about half of its P.

    Args:
        rng: draws mechanisms and factors.
        crusts: those below the n stations.
        rays: those of P, those of S.
        depth: (n,) km.
        azimuth, back_azimuth: (n,) radians.
        explosion: (n,) whether the source is one, not a double couple.
    """
    n, count = rays[0].time_s.shape
    layer = layer_of(crusts, depth)[:, None]
    shallow = layer < 2
    mechanism = np.stack(
        [rng.uniform(0, 2 * np.pi, n), np.arccos(rng.uniform(0, 1, n)), rng.uniform(-np.pi, np.pi, n)], 1
    )
    amplitude, vector = np.zeros((n, 2, count)), np.zeros((n, 2, count, 3))
    north, east = -np.cos(back_azimuth)[:, None], -np.sin(back_azimuth)[:, None]
    for kind, (found, velocity) in enumerate(zip(rays, crusts[1:], strict=True)):
        speed = np.take_along_axis(velocity, layer, 1)
        p_speed = np.take_along_axis(crusts.vp_km_s, layer, 1)
        angle = np.arcsin(np.clip(found.slowness_s_km * speed, 0, 1))
        take_off = np.where(found.up, np.pi - angle, angle)
        p, sv, sh = double_couple(mechanism, azimuth, take_off)
        path = np.maximum(found.path_km, _SHORTEST_KM)
        spread = 1 / np.where(path < _SPHERICAL_KM, path, np.sqrt(_SPHERICAL_KM * path)) / 1e3
        spread = spread / (4 * np.pi * _DENSITY_KG_M3 * (1e3 * speed) ** 3)
        factor = _path_factors(rng, found, velocity, path, shallow)
        # Low frequencies do not see the thin site layer: a velocity between its own and the sediment's.
        part = rng.uniform(0, 1, (n, 1))
        vp, vs = (v[:, :1] ** part * v[:, 1:2] ** (1 - part) for v in crusts[1:])
        p_z, p_r, s_z, s_r = free_surface(np.nan_to_num(found.slowness_s_km), vp, vs)
        if kind == P:
            f = np.where(explosion[:, None], _EXPLOSION_P, np.copysign(np.hypot(p, _NODE_FLOOR), p))
            z, r, t = f * p_z, f * p_r, f * rng.normal(0, _EXPLOSION_SH_OF_P, (n, 1))
        else:
            converted = lognormal(rng, _EXPLOSION_S, 0.6, n)[:, None] * (speed / p_speed) ** 3
            weak = np.where(explosion[:, None], converted, 1.0)
            isotropic = rng.normal(0, _EXPLOSION_S_SPREAD, (2, n, 1))
            sv, sh = (
                np.where(explosion[:, None], f, np.copysign(np.hypot(v, _NODE_FLOOR), v))
                for f, v in zip(isotropic, (sv, sh), strict=True)
            )
            z, r, t = weak * sv * s_z, weak * sv * s_r, weak * sh * 2
        motion = np.stack([z, r * north - t * east, r * east + t * north], axis=2)
        size = np.sqrt((motion**2).sum(axis=2))
        amplitude[:, kind] = size * spread * factor
        vector[:, kind] = motion / np.maximum(size, 1e-12)[:, :, None]
    return amplitude, vector


def _path_factors(rng: np.random.Generator, found: Arrivals, velocity, path, shallow) -> np.ndarray:
    """Return by what (n, rays) each ray is weaker than a direct wave of the same path (ASSUMED).

    Waves along sediment die out within kilometres. Head waves are weaker by a lognormal factor, less so for sources
    above the crust: velocities that grow with depth make diving waves of them. The reflection off the Moho grows with
    (p v)^2, v that of the mantle: with the square of the sine of incidence over that of the critical angle.
    """
    n, count = path.shape
    factor = np.ones((n, count))
    overtaken = shallow & (found.time_s[:, 1:-1] < found.time_s[:, :1]).any(axis=1, keepdims=True)
    factor[:, :1] = np.where(overtaken, np.exp(-path[:, :1] / _SEDIMENT_PATH_KM), 1)
    head = np.where(shallow, _HEAD_SHALLOW, _HEAD) * lognormal(rng, 1.0, 0.5, (n, count - 2))
    factor[:, 1:-1] = np.clip(head, *_HEAD_LIMITS)
    reflected = _REFLECTED * np.where(path[:, -1:] > 0, found.slowness_s_km[:, -1:] * velocity[:, -1:], 0) ** 2
    factor[:, -1:] = np.clip(reflected * lognormal(rng, 1.0, 0.4, (n, 1)), *_REFLECTED_LIMITS)
    return factor


def double_couple(
    mechanism_rad: np.ndarray, azimuth_rad: np.ndarray, take_off_rad: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the radiation of P, SV and SH (Aki & Richards 2002, eqs 4.89 to 4.91).

    Args:
        mechanism_rad: (n, 3) strike, dip, rake.
        azimuth_rad: (n,) azimuth of the station seen from the source.
        take_off_rad: (n, rays) take-off angle from the downward vertical.

    Returns:
        Three arrays (n, rays), between -1 and 1.
    """
    strike, dip, rake = (v[:, None] for v in mechanism_rad.T)
    phi = azimuth_rad[:, None] - strike
    i = take_off_rad
    sr, cr, sd, cd = np.sin(rake), np.cos(rake), np.sin(dip), np.cos(dip)
    s2d, c2d = np.sin(2 * dip), np.cos(2 * dip)
    sp, cp, s2p, c2p = np.sin(phi), np.cos(phi), np.sin(2 * phi), np.cos(2 * phi)
    si, ci, s2i, c2i = np.sin(i), np.cos(i), np.sin(2 * i), np.cos(2 * i)
    p = cr * sd * si**2 * s2p - cr * cd * s2i * cp + sr * s2d * (ci**2 - si**2 * sp**2) + sr * c2d * s2i * sp
    sv = sr * c2d * c2i * sp - cr * cd * c2i * cp + 0.5 * cr * sd * s2i * s2p - 0.5 * sr * s2d * s2i * (1 + sp**2)
    sh = cr * cd * ci * sp + cr * sd * si * c2p + sr * c2d * ci * cp - 0.5 * sr * s2d * si * s2p
    return p, sv, sh


def free_surface(slowness_s_km: np.ndarray, vp_km_s: np.ndarray, vs_km_s: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return the motion of the free surface under a unit wave from below (Kennett 1991, eqs 9 to 12).

    Args:
        slowness_s_km: horizontal slowness of the wave.
        vp_km_s: velocity of P at the surface.
        vs_km_s: velocity of S at the surface.

    Returns:
        Vertical and radial motion for a unit P wave, vertical and radial motion for a unit SV wave, shaped like the
        slowness. Absolute values: beyond the critical angle of S they have phases. SH is doubled.
    """
    p2, a2, b2 = slowness_s_km**2, 1 / vp_km_s**2, 1 / vs_km_s**2
    qa = np.sqrt((a2 - p2).astype(complex))
    qb = np.sqrt((b2 - p2).astype(complex))
    rayleigh = (b2 - 2 * p2) ** 2 + 4 * p2 * qa * qb
    c1 = 2 * b2 * (b2 - 2 * p2) / rayleigh
    c2 = 4 * b2 * qa * qb / rayleigh
    p_vertical = np.abs(vp_km_s * qa * c1)
    p_radial = np.abs(vp_km_s * slowness_s_km * c2)
    s_vertical = np.abs(vs_km_s * slowness_s_km * c2)
    s_radial = np.abs(vs_km_s * qb * c1)
    return p_vertical, p_radial, s_vertical, s_radial
