"""Maps of simulated regions with aftershocks, with and without a burst, and how much an ETAS model expected of them.

What `zoo.seismicity.physics.maps` draws on Poisson backgrounds, in a world in which every event has aftershocks. An
aftershock right after its mainshock was expected; the number that is expected in a whole window, of which an hour may
have nearly all, would not tell. So a network is told the conditional intensity when the events happened
(`stretch_maps`), and sees stretches as long as a burst, halves of a window.

A region has a background and a law of its own. The intensity is that of a model as one fits it to a catalogue: its
parameters are off by about their standard errors, its background is estimated from as many events as 400 days have.
Half of the ordinary stretches are those that look most like bursts, as one mistakes these.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy import ndimage

from zoo.seismicity.etas.background import pixels, smooth
from zoo.seismicity.etas.completeness import NONE
from zoo.seismicity.etas.fit import EtasFit
from zoo.seismicity.etas.walk import Walk
from zoo.seismicity.physics.maps import MAP_PIXELS, TASKS, rate_fields
from zoo.seismicity.physics.sequences import Etas, burst, inside, join, simulate

SUMMARY = "Bursts of 10 to 25 events where aftershocks are ordinary; the past is a fitted ETAS model's intensity."
PER_DAY = 8.0, 60.0
"""Background events a day of a region, log-uniform; with their aftershocks they are about twice as many."""
BURST_DAYS = 0.5
"""How long bursts and stretches last; a burst begins up to a quarter of it before or after its stretch."""
PRODUCTIVITY, ALPHA, P, Q = (0.08, 0.13), (0.7, 0.85), (1.08, 1.25), (1.6, 2.1)
C_DAYS, D_PX2 = (0.002, 0.02), (0.015, 0.06)
"""Ranges of the laws' parameters (`Etas`), uniform, and of these two log-uniform; the prior of the benchmark's test."""
_OF_REGION = 125  # maps of a region: one in two with a burst
_LOOKED_AT = 150  # days of a region, at most one burst in each
_BEFORE_DAYS = 120.0
_OFFSETS_DAYS = 0.0, 0.25, 0.5  # at which stretches of a day without a burst begin
_OFF_DAYS = BURST_DAYS / 4
_LOOKS_PX = 5  # side of the square in which events are summed to tell what looks like a burst
_FITTED_DAYS = 400.0
_MONTH_DAYS = 30.0
_LEAST = 1e-12
_NEIGHBOURS = 64, 512
_DECLUSTERED = 2.0  # an estimate from events that are background with a probability is so much noisier


def draw_etas_maps(count: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Draw maps of stretches of half a day, half of them with a burst.

    Args:
        count: how many maps; as many as `_OF_REGION` share a region.
        rng: random generator.

    Returns:
        The arrays of `zoo.seismicity.physics.maps.draw_maps`; `past` is the intensity of
        `stretch_maps`, by the fitted model, `expected` the true background of a stretch.

    >>> maps = draw_etas_maps(4, np.random.default_rng(0))
    >>> maps["counts"].shape, sorted(maps["label"].tolist())
    ((4, 64, 64), [0, 0, 1, 1])
    """
    parts = [_region(min(_OF_REGION, count - first), rng) for first in range(0, count, _OF_REGION)]
    order = rng.permutation(count)
    return {key: np.concatenate([part[key] for part in parts])[order] for key in parts[0]}


def draw_law(rng: np.random.Generator) -> Etas:
    """Draw a law of aftershocks.

    >>> draw_law(np.random.default_rng(0)).branching_ratio < 0.9
    True
    """
    return Etas(
        productivity=rng.uniform(*PRODUCTIVITY), alpha=rng.uniform(*ALPHA), p=rng.uniform(*P), q=rng.uniform(*Q),
        c_days=np.exp(rng.uniform(*np.log(C_DAYS))), d_px2=np.exp(rng.uniform(*np.log(D_PX2))),
    )  # fmt: skip


def as_fitted(law: Etas, rate_per_day: np.ndarray, days: float, rng: np.random.Generator) -> EtasFit:
    """Return a model as one fits it: off by about the errors of a fit to 400 days of 20 to 100 events.

    Args:
        law: the true law.
        rate_per_day: (64, 64) the true background.
        days: until when it is used.
        rng: random generator.
    """
    near = replace(
        law,
        alpha=law.alpha + 0.02 * rng.normal(),
        c_days=law.c_days * np.exp(0.15 * rng.normal()),
        p=max(law.p + 0.03 * rng.normal(), 1.04),
        d_px2=law.d_px2 * np.exp(0.12 * rng.normal()),
        q=law.q + 0.08 * rng.normal(),
    )
    # What a fit knows best is how many aftershocks there are in some weeks; with p goes how many more come later.
    growth = law.mean_growth * _soon(law) / (near.mean_growth * _soon(near))
    near = replace(near, productivity=law.productivity * growth * np.exp(0.04 * rng.normal()))
    share = _FITTED_DAYS / _DECLUSTERED
    counts = rng.poisson(rate_per_day * share)
    row, column = np.divmod(np.repeat(np.arange(counts.size), counts.ravel()), MAP_PIXELS)
    neighbours = round(np.exp(rng.uniform(*np.log(_NEIGHBOURS))))
    order = rng.permutation(len(row))
    x_px, y_px = column[order].astype(float), row[order].astype(float)
    told = smooth(x_px, y_px, np.ones(len(row)), rate_per_day.shape, neighbours).field / share
    told *= np.exp(0.05 * rng.normal())
    return EtasFit(
        near, told[None], np.array([0.0, days]), {}, NONE, (), np.zeros(0), 0.0, days, None, neighbours, np.nan, ()
    )


def _soon(law: Etas) -> float:
    """Return the share of its aftershocks that an event has within a month."""
    return float(1 - (1 + _MONTH_DAYS / law.c_days) ** (1 - law.p))


def _region(count: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Draw so many maps of one region."""
    medium = TASKS["medium"]
    per_day = np.exp(rng.uniform(*np.log(PER_DAY)))
    rate = per_day * rate_fields(1, medium.smoothing_px, medium.log_sd, rng)[0].astype(float)
    law = draw_law(rng)
    days = _BEFORE_DAYS + _LOOKED_AT
    fit = as_fitted(law, rate, days, rng)
    bursts = count // 2
    chosen = np.sort(rng.permutation(_LOOKED_AT)[:bursts])
    total = np.cumsum(rate.ravel())
    pixel = np.searchsorted(total, rng.random(bursts) * total[-1], side="right").clip(0, rate.size - 1)
    row, column = np.divmod(pixel, MAP_PIXELS) + rng.uniform(-0.5, 0.5, (2, bursts))
    spread_px = rng.uniform(*medium.burst_sd_px, bursts)
    sizes = rng.integers(medium.burst_events[0], medium.burst_events[1] + 1, bursts)
    begins = chosen + _OFF_DAYS + rng.random(bursts) * (1 - BURST_DAYS - 2 * _OFF_DAYS)
    planted = [
        burst(int(n), _BEFORE_DAYS + begin, BURST_DAYS, x, y, sd, number, rng)
        for number, (n, begin, x, y, sd) in enumerate(zip(sizes, begins, column, row, spread_px, strict=True), 1)
    ]
    events = inside(join(simulate(rate, days, rng, etas=law), *planted))
    held = np.bincount(events["source"], minlength=bursts + 1)[1:]
    walk = Walk(fit, {**events, "time_days": events["time_days"] - _BEFORE_DAYS}, _LOOKED_AT, 1.0, 1.0).through()
    row_px, column_px = pixels(walk.x, walk.y, fit.shape)
    own = walk.days >= 0
    known = walk.days[own], (row_px * MAP_PIXELS + column_px)[own], walk.intensity[own]
    shown = stretch_maps(*known, begins + rng.uniform(-_OFF_DAYS, _OFF_DAYS, bursts), BURST_DAYS, fit.rates[0])
    quiet = np.setdiff1d(np.arange(_LOOKED_AT), chosen)[:, None] + np.array(_OFFSETS_DAYS)
    others = _alike(*stretch_maps(*known, quiet.ravel(), BURST_DAYS, fit.rates[0]), count - bursts, rng)
    counts, told = (np.concatenate(pair) for pair in zip(shown, others, strict=True))
    made = {"counts": counts, "past": told, "label": (np.arange(count) < bursts).astype(np.int64)}
    made["expected"] = np.broadcast_to((rate * BURST_DAYS).astype(np.float32), counts.shape)
    made["burst_events"] = np.concatenate([held, np.zeros(count - bursts, np.int64)])
    for key, values in (("burst_row_px", row), ("burst_column_px", column), ("burst_sd_px", spread_px)):
        made[key] = np.concatenate([values, np.full(count - bursts, np.nan)]).astype(np.float32)
    return made


def _alike(counts, told, wanted: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return so many of some maps: half of them those that look most like bursts, the others at random."""
    gain = counts * np.log1p(1 / told)
    looks = ndimage.uniform_filter(gain, (0, _LOOKS_PX, _LOOKS_PX), mode="constant").max((1, 2))
    order = np.argsort(-looks, kind="stable")
    highest = wanted // 2
    chosen = np.concatenate([order[:highest], rng.permutation(order[highest:])[: wanted - highest]])
    return counts[chosen], told[chosen]


def stretch_maps(
    days: np.ndarray, pixel: np.ndarray, intensity: np.ndarray, starts_days: np.ndarray, length_days: float,
    background: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Return what a network is shown of stretches of time: counts, and how much was expected when the events happened.

    Args:
        days: times of the events on the map (n,), sorted.
        pixel: number of each one's pixel (n,).
        intensity: conditional intensity at each (n,), a day and pixel.
        starts_days: when the stretches begin (stretches,).
        length_days: how long they are.
        background: (64, 64), or (stretches, 64, 64), events a day in each pixel.

    Returns:
        counts: (stretches, 64, 64) float32.
        told: (stretches, 64, 64) float32, the events that a stretch would have at the intensity when the pixel's events
            happened (geometric mean); where there are none, at that of the background.

    >>> known = np.array([0.1, 0.2, 1.7]), np.array([3, 3, 9]), np.array([0.1, 10.0, 2.0])
    >>> counts, told = stretch_maps(*known, np.array([0.0, 1.0]), 0.5, np.full((64, 64), 0.5))
    >>> float(counts[0, 0, 3]), round(float(told[0, 0, 3]), 6), float(told[1, 0, 9])
    (2.0, 0.5, 0.25)
    """
    shape = (len(starts_days), *background.shape[-2:])
    size = shape[1] * shape[2]
    counts, logs = np.zeros((len(starts_days), size)), np.zeros((len(starts_days), size))
    log_intensity = np.log(np.maximum(intensity, _LEAST))
    for number, start in enumerate(starts_days):
        own = slice(*np.searchsorted(days, [start, start + length_days]))
        counts[number] = np.bincount(pixel[own], minlength=size)
        logs[number] = np.bincount(pixel[own], log_intensity[own], size)
    told = np.where(counts > 0, np.exp(logs / np.maximum(counts, 1)), background.reshape(-1, size)) * length_days
    return counts.astype(np.float32).reshape(shape), told.astype(np.float32).reshape(shape)
