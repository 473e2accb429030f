"""Parts of the inversion of surface waves of any kind: posteriors of points, other priors, smoothness, verdicts."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.stats import binom

from zoo.crust.crust_map import FLAGS
from zoo.crust.familiar import Familiarity, familiarity
from zoo.crust.maps import DispersionMap, ThicknessMap
from zoo.crust.nodes import Nodes
from zoo.crust.points import KnownPoints
from zoo.crust.waves import LEAST_PERIODS, WavePosterior, observe
from zoo.errors import ZooError

EDGE_PART, EDGE_SHARE = 0.05, 0.25
_BY_CHANCE = 1e-4  # a map is doubted if so many flagged curves come about by chance with this probability at most
_FALSE_ALARMS = 0.01
_AROUND_DEG = 15.0  # how far the surroundings of a region go
_SMOOTHING_KM = 3.0  # sd of the kernel over the histogram of the surroundings
_LEAST_PRIOR = 1e-3  # of a prior's mean density: it rules nothing out for good
_GRID = 400  # thicknesses at which a posterior is weighed with a prior
_EARTH_KM = 6371.0
_FAR = 3.0  # lengths: a point that is further away says nothing
_MOST_POINTS = 4000  # of a map that is smoothed as one Gaussian field


class Weighed:
    """Posterior of the thickness on a grid, weighed with another prior.

    Args:
        posterior: under the model's flat prior.
        prior: the thickness of other places, whose distribution is the new prior; None: it stays flat.
        bounds: west, east, south, north of the map, which is left out of the prior.
    """

    def __init__(self, posterior: WavePosterior, prior: ThicknessMap, bounds: tuple[float, float, float, float]):
        low, high = posterior.moho_range_km
        self.moho_km = low + (high - low) * (np.arange(_GRID) + 0.5) / _GRID
        step = (high - low) / _GRID
        edges = np.append(self.moho_km - step / 2, self.moho_km[-1] + step / 2)
        cumulative = np.array([posterior.cdf(np.full(len(posterior.location), edge)) for edge in edges])
        density = np.diff(cumulative, axis=0).T
        self.surroundings = surroundings(prior, bounds, (low, high))
        weight = np.zeros(_GRID)
        for thickness, share in self.surroundings:
            weight += share * np.exp(-0.5 * ((self.moho_km - thickness) / _SMOOTHING_KM) ** 2)
        weight /= weight.mean()
        density = density * (weight + _LEAST_PRIOR)
        self.density = density / density.sum(axis=1, keepdims=True)

    @property
    def mean_km(self) -> np.ndarray:
        """(n,), mean."""
        return self.density @ self.moho_km

    @property
    def sd_km(self) -> np.ndarray:
        """(n,), standard deviation."""
        return np.sqrt(np.maximum(self.density @ self.moho_km**2 - self.mean_km**2, 0))

    def quantile_km(self, q: float) -> np.ndarray:
        """Return the thickness (n,) in km below which the probability is q."""
        below = np.cumsum(self.density, axis=1)
        return np.array([np.interp(q, row, self.moho_km) if np.isfinite(row[0]) else np.nan for row in below])


def surroundings(
    prior: ThicknessMap, bounds: tuple[float, float, float, float], range_km: tuple[float, float]
) -> list[tuple[float, float]]:
    """Return thicknesses (km) around a region, the region left out, with their shares of the area.

    Raises:
        ZooError: if the prior's map has none there.
    """
    west, east, south, north = bounds
    lon = np.asarray(prior.longitude_deg, float)
    lat, thickness = np.asarray(prior.latitude_deg, float), np.asarray(prior.thickness_km, float)
    lon = (lon - (west + east) / 2 + 180) % 360 - 180 + (west + east) / 2
    margin = _AROUND_DEG / max(np.cos(np.radians((south + north) / 2)), 0.2)
    near = (lon > west - margin) & (lon < east + margin) & (lat > south - _AROUND_DEG) & (lat < north + _AROUND_DEG)
    inside = (lon >= west) & (lon <= east) & (lat >= south) & (lat <= north)
    used = near & ~inside & (thickness > range_km[0]) & (thickness < range_km[1])
    if used.sum() < 10:
        raise ZooError(f"The prior {prior.source} has {used.sum()} thicknesses around the map's region; expected 10.")
    area = np.cos(np.radians(lat[used]))
    centres = np.arange(range_km[0] + 0.5, range_km[1])
    shares, _ = np.histogram(thickness[used], bins=np.append(centres - 0.5, range_km[1]), weights=area / area.sum())
    return [(float(c), float(s)) for c, s in zip(centres, shares, strict=True) if s > 0]


def smooth(
    mean_km: np.ndarray,
    sd_km: np.ndarray,
    longitude_deg: np.ndarray,
    latitude_deg: np.ndarray,
    length_km: float,
    points: KnownPoints | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and sd (n,) of thickness that varies smoothly: a Gaussian field of one length over the points.

    Each point's posterior counts as a measurement of the field; the field's mean and variance are those of the map.
    Its covariance is exponential in distance. Points closer than the length share what they do not know: their errors
    count as correlated likewise, by half. Known points are further measurements of the same field, with errors of their
    own.

    Args:
        mean_km, sd_km: (n,), of each point alone; NaN where there is none.
        longitude_deg, latitude_deg: (n,).
        length_km: distance at which the correlation is 1 / e.
        points: where the thickness is known otherwise.

    Raises:
        ZooError: if there are too many points, the length is not positive, or all known points are far away.
    """
    if not length_km > 0:
        raise ZooError(f"The length of smoothness is {length_km:g} km; expected a positive number such as 100.")
    known = np.isfinite(mean_km) & np.isfinite(sd_km)
    places = [(longitude_deg[known], latitude_deg[known])]
    m, s = mean_km[known], sd_km[known]
    n, own = len(m), np.zeros(0)
    if points is not None:
        places.append((points.longitude_deg, points.latitude_deg))
        own = points.sd_km
    if n + len(own) > _MOST_POINTS:
        raise ZooError(f"{n + len(own)} points are too many to smooth as one field; at most {_MOST_POINTS}.")
    east, north = (np.radians(np.concatenate([place[i] for place in places])) for i in (0, 1))
    unit = np.stack([np.cos(north) * np.cos(east), np.cos(north) * np.sin(east), np.sin(north)], 1)
    apart = _EARTH_KM * np.arccos(np.clip(unit @ unit.T, -1, 1))
    if points is not None and apart[n:, :n].min() > _FAR * length_km:
        raise ZooError(
            f"{points.source}: the nearest known point is {apart[n:, :n].min():.0f} km from the map: it says "
            f"nothing about it with a length of {length_km:g} km. Are longitude and latitude in this order?"
        )
    alike = np.exp(-apart / length_km)
    middle = m.mean()  # not weighted: thin crust is known better, and would count more
    variance = max(np.var(m), np.mean(s**2) * 0.1)
    field = variance * alike
    noise = np.diag(np.concatenate([0.5 * s**2, own**2]))
    noise[:n, :n] += 0.5 * np.outer(s, s) * alike[:n, :n]
    gain = np.linalg.solve(field + noise, field[:, :n]).T
    values = m if points is None else np.concatenate([m, points.thickness_km])
    out = mean_km.copy(), sd_km.copy()
    out[0][known] = middle + gain @ (values - middle)
    out[1][known] = np.sqrt(np.clip(variance - (gain * field[:n]).sum(axis=1), 0, None))
    return out


def wave_columns(
    velocities: DispersionMap, model: Any, noise_relative: float | None, correlation: float
) -> tuple[dict[str, np.ndarray], np.ndarray, Familiarity, WavePosterior, list[str], Nodes, np.ndarray]:
    """Return what is kept of the posterior of each point of a map, and what it was made from.

    Returns:
        Columns (n, ...) as `zoo.crust.crust_map.CrustMap` has them, the share (n,) at the prior's edges, familiarity,
        the posterior of the usable points, notes, the nodes, and which points are usable (n,).

    Raises:
        ZooError: if no point has three velocities in the model's band.
    """
    nodes, notes = Nodes(model), []
    curves = {}
    for kind, (period_s, velocity, sd) in velocities.curves().items():
        inside = nodes.inside(period_s)
        if not inside.all() and np.isfinite(velocity[:, ~inside]).any():
            left = ", ".join(f"{t:g}" for t in period_s[~inside])
            notes.append(f"{kind}: {left} s are outside the model's band and left out.")
        if sd is None and noise_relative is not None:
            sd = noise_relative * (2 if kind.endswith("group") else 1) * velocity
        curves[kind] = period_s[inside], velocity[:, inside], None if sd is None else sd[:, inside]
    there = sum(np.isfinite(velocity).sum(axis=1) for _, velocity, _ in curves.values())
    usable = np.asarray(there) >= LEAST_PERIODS
    if not usable.any():
        raise ZooError(
            f"No point has velocities at {LEAST_PERIODS} periods of {nodes.period_s[-1]:.3g} to "
            f"{nodes.period_s[0]:.3g} s (at best {int(np.max(there)) if np.size(there) else 0})."
        )
    chosen = {k: (t, v[usable], None if s is None else s[usable]) for k, (t, v, s) in curves.items() if len(t)}
    observed = observe(model, chosen, correlation, nodes)
    posterior = WavePosterior(model, model.outputs(observed))
    known = familiarity(nodes, observed)
    low, high = (float(v) for v in model.moho_range_km)
    margin, one = EDGE_PART * (high - low), np.ones(len(observed))
    edge = np.maximum(posterior.cdf((low + margin) * one), 1 - posterior.cdf((high - margin) * one))
    part = {
        "thickness_km": posterior.mean_km,
        "sd_km": posterior.sd_km,
        **{f"{end}_{level}_km": posterior.quantile_km(q) for end, level, q in ENDS},
        "unfamiliarity": known.unfamiliarity,
        "vs_km_s": posterior.vs_mean_km_s,
        "vs_lower_68_km_s": posterior.vs_quantile_km_s(0.16),
        "vs_upper_68_km_s": posterior.vs_quantile_km_s(0.84),
        "edge_share": edge,
    }
    columns = {}
    for key, values in part.items():
        columns[key] = np.full((len(usable), *np.shape(values)[1:]), np.nan)
        columns[key][usable] = values
    return columns, columns.pop("edge_share"), known, posterior, notes, nodes, usable


ENDS = (("lower", 68, 0.16), ("upper", 68, 0.84), ("lower", 95, 0.025), ("upper", 95, 0.975))


def verdict(known: Familiarity, curves: dict[str, Any]) -> list[str]:
    """Return what a whole map says of its kind: warnings, none if it looks right."""
    flagged, count = int(np.nansum(known.unfamiliarity > 1)), int(np.isfinite(known.unfamiliarity).sum())
    warnings = []
    for kind in curves:
        other = known.likelier(kind)
        if other and kind in known.evidence:
            share = np.nanmean(known.evidence[kind][other] > 0)
            warnings.append(
                f"These do not look like {kind.replace('_', ' ')} velocities: {100 * share:.0f} % of the curves are "
                f"likelier {other.replace('_', ' ')} velocities. Do not use the thickness before that is clear; "
                f"--kind {other} "
                "takes them as such."
            )
    if count and flagged and binom.sf(flagged - 1, count, _FALSE_ALARMS) < _BY_CHANCE:
        warnings.append(
            f"{flagged} of {count} curves are unlike any of the prior (1 % are by chance): another kind of wave, an "
            "overtone, an ocean, a thick basin, or errors larger than stated."
        )
    return warnings


def flags(unfamiliarity: np.ndarray, edge: np.ndarray, answered: np.ndarray, missing: np.ndarray) -> np.ndarray:
    """Return each point's flag (n,) int8, a sum of `FLAGS`."""
    flag = np.where(answered & (missing > 0), FLAGS["missing_periods"], 0)
    flag |= np.where(unfamiliarity > 1, FLAGS["out_of_distribution"], 0)
    flag |= np.where(edge > EDGE_SHARE, FLAGS["at_prior_edge"], 0)
    return (flag | np.where(answered, 0, FLAGS["no_data"])).astype(np.int8)
