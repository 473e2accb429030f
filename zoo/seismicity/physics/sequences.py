"""Simulated catalogues of one region: background, bursts, aftershock sequences, swarms, and what a network misses.

Positions are in pixels of the region's map: x_px to the east and y_px to the north, 0 at the centre of the pixel in the
south-west, the edges at -0.5 and 63.5. Events outside the region are dropped.

From these sequences `draw_sequence_maps` makes maps that are harder than those of `zoo.seismicity.physics.maps`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from zoo.seismicity.physics.maps import MAP_PIXELS, TASKS, draw_maps

B_VALUE = 1.0
"""b of Gutenberg and Richter (1944), unless a law says another: magnitudes above the smallest are exponential."""
_HIDING, _RECOVERY = 4.5, 0.75
"""Numbers of Helmstetter et al. (2006), equation 15, as in `detected_events`."""
_HIDES_FROM = 1.5
"""Magnitude above the completeness from which events hide others; smaller ones would for less than 9 s."""
_SHORTEST_DAYS = 1e-5  # about a second: keeps the logarithm of the elapsed time finite
_MAINSHOCKS = 3.2, 4.8
"""Magnitudes of the mainshocks of maps: their sequences often have 10 to 25 events in a day (ours)."""
_MAD_TO_SD = 1.4826
"""Standard deviation of a Gaussian over its median absolute deviation."""
KINDS = {
    "etas": "An aftershock sequence (ETAS) of 10 to 25 events of a day's window, or background alone.",
    "swarms": "A swarm of 10 to 25 events that migrates along a line, or background alone.",
    "completeness": "As etas, but large events hide small ones, and the past's network was a better or worse one.",
    "location_error": "As etas, but every event is mislocated by a pixel or two.",
}
_FIELDS = ("time_days", "x_px", "y_px", "magnitude", "source")
Events = dict[str, np.ndarray]
"""`time_days`, `x_px`, `y_px`, `magnitude` and `source`, each (events,); source 0 is the background."""


@dataclass(frozen=True)
class Etas:
    """Epidemic-type aftershock sequences (Ogata 1988, 1998): every event has its own aftershocks, and these theirs.

    An event of magnitude m has a Poisson number of mean `productivity` 10^(alpha (m - smallest_magnitude)) of direct
    aftershocks, at times of density (t + c_days)^-p (Omori 1894, Utsu 1961) and at distances of density
    (1 + r^2 / (d_px2 10^(gamma (m - smallest_magnitude))))^-q.

    Attributes:
        productivity: 0.12 makes the average event have 0.5 aftershocks, direct and indirect 1.
        alpha, c_days, p, gamma, q: as in these formulas, with values common in the field; p and q are above 1.
        d_px2: in square pixels; 0.03 puts half of the aftershocks of an event of magnitude 4 within a pixel.
        smallest_magnitude, largest_magnitude: bounds of the magnitudes.
        b_value: b of Gutenberg and Richter, the decay of the magnitudes between them.

    >>> round(Etas().branching_ratio, 2)
    0.54
    """

    productivity: float = 0.12
    alpha: float = 0.8
    c_days: float = 0.005
    p: float = 1.15
    d_px2: float = 0.03
    gamma: float = 0.45
    q: float = 1.8
    smallest_magnitude: float = 1.0
    largest_magnitude: float = 6.0
    b_value: float = B_VALUE

    @property
    def mean_growth(self) -> float:
        """Mean over the magnitudes of 10^(alpha (m - smallest_magnitude))."""
        slope = np.log(10) * (self.b_value - self.alpha)
        span = self.largest_magnitude - self.smallest_magnitude
        density = np.log(10) * self.b_value / -np.expm1(-np.log(10) * self.b_value * span)
        return float(density * (span if abs(slope * span) < 1e-9 else -np.expm1(-slope * span) / slope))

    @property
    def branching_ratio(self) -> float:
        """Mean number of direct aftershocks of an event; sequences end only if it is below 1."""
        return self.productivity * self.mean_growth


def magnitudes(
    count: int, rng: np.random.Generator, smallest: float = 1.0, largest: float = 6.0, b_value: float = B_VALUE
) -> np.ndarray:
    """Return magnitudes (count,) that obey Gutenberg and Richter's law between two bounds."""
    share = 1 - 10 ** (-b_value * (largest - smallest))
    return smallest - np.log10(1 - share * rng.random(count)) / b_value


def background(rate_per_day: np.ndarray, days: float, rng: np.random.Generator, etas: Etas | None = None) -> Events:
    """Return a Poisson background, sorted by time.

    Args:
        rate_per_day: (64, 64) events a day in each pixel.
        days: length of the catalogue.
        rng: random generator.
        etas: its bounds are those of the magnitudes.

    Returns:
        `time_days`, `x_px`, `y_px`, `magnitude` and `source` (0), each (events,).
    """
    etas = etas or Etas()
    rate = np.asarray(rate_per_day, float)
    count = int(rng.poisson(rate.sum() * days))
    x_px, y_px = _positions(rate, count, rng)
    time_days = np.sort(rng.random(count)) * days
    magnitude = magnitudes(count, rng, etas.smallest_magnitude, etas.largest_magnitude, etas.b_value)
    return _events(time_days, x_px, y_px, magnitude, np.zeros(count, int))


def burst(
    events: int, start_days: float, duration_days: float, x_px: float, y_px: float, sd_px: float, source: int,
    rng: np.random.Generator,
) -> Events:  # fmt: skip
    """Return a burst: events at a steady rate in a Gaussian cluster.

    Args:
        events: how many.
        start_days, duration_days: when it begins and how long it lasts.
        x_px, y_px: centre.
        sd_px: standard deviation.
        source: the number that these events bear.
        rng: random generator.

    Returns:
        The fields of `background`.
    """
    time_days = start_days + np.sort(rng.random(events)) * duration_days
    x_px, y_px = rng.normal(x_px, sd_px, events), rng.normal(y_px, sd_px, events)
    return _events(time_days, x_px, y_px, magnitudes(events, rng), np.full(events, source))


def swarm(
    events: int, start_days: float, duration_days: float, x_px: float, y_px: float, length_px: float,
    azimuth_deg: float, width_px: float, source: int, rng: np.random.Generator,
) -> Events:  # fmt: skip
    """Return a swarm that migrates from (x_px, y_px) along a line, its front with the square root of time.

    The pressure of injected water spreads in this way (Shapiro et al. 1997). At any time events lie between the front
    and half its distance.

    Args:
        events: how many, at a steady rate.
        start_days, duration_days: when it begins and how long it lasts.
        x_px, y_px: where the line begins.
        length_px: how far the front gets.
        azimuth_deg: azimuth of the line, clockwise from north.
        width_px: standard deviation across and along the line.
        source: the number that these events bear.
        rng: random generator.

    Returns:
        The fields of `background`.
    """
    elapsed = np.sort(rng.random(events))
    along_px = length_px * np.sqrt(elapsed) * (1 - 0.5 * rng.random(events))
    azimuth = np.deg2rad(azimuth_deg)
    x_px = x_px + along_px * np.sin(azimuth) + rng.normal(0, width_px, events)
    y_px = y_px + along_px * np.cos(azimuth) + rng.normal(0, width_px, events)
    return _events(start_days + elapsed * duration_days, x_px, y_px, magnitudes(events, rng), np.full(events, source))


def aftershocks(
    parents: Events, days: float, rng: np.random.Generator, etas: Etas | None = None,
    reach_px: Callable[[np.ndarray], np.ndarray] | None = None,
) -> Events:  # fmt: skip
    """Return the aftershocks of some events in all generations, sorted by time, without the events themselves.

    Args:
        parents: the fields of `background`; an aftershock bears its parent's `source`.
        days: end of the catalogue, after which there are none.
        rng: random generator.
        etas: the law.
        reach_px: from magnitudes (n,) to a distance beyond which aftershocks are left out; None: they may lie anywhere.

    Returns:
        The fields of `background`; positions may lie outside the region.

    Raises:
        ValueError: if an event has on average one aftershock or more, so that sequences never end.
    """
    etas = etas or Etas()
    average = etas.branching_ratio
    if average >= 1:
        raise ValueError(f"An event would have {average:.2f} direct aftershocks on average; lower the productivity.")
    generations, now = [], parents
    while len(now["time_days"]):
        above = now["magnitude"] - etas.smallest_magnitude
        parent = np.repeat(np.arange(len(above)), rng.poisson(etas.productivity * 10 ** (etas.alpha * above)))
        count = len(parent)
        # Times and distances by inversion of their cumulative distributions.
        delay_days = etas.c_days * (rng.random(count) ** (-1 / (etas.p - 1)) - 1)
        distance_px = np.sqrt(
            etas.d_px2 * 10 ** (etas.gamma * above[parent]) * (rng.random(count) ** (-1 / (etas.q - 1)) - 1)
        )
        azimuth = 2 * np.pi * rng.random(count)
        time_days = now["time_days"][parent] + delay_days
        kept = time_days < days
        if reach_px is not None:
            kept &= distance_px < reach_px(now["magnitude"][parent])
        now = _events(
            time_days[kept],
            (now["x_px"][parent] + distance_px * np.sin(azimuth))[kept],
            (now["y_px"][parent] + distance_px * np.cos(azimuth))[kept],
            magnitudes(count, rng, etas.smallest_magnitude, etas.largest_magnitude, etas.b_value)[kept],
            now["source"][parent][kept],
        )
        generations.append(now)
    return join(*generations) if generations else _select(parents, np.zeros(0, int))


def detected_events(events: Events, completeness: float) -> np.ndarray:
    """Return which events a seismic network detects, (events,) bool: not small ones, and fewer after large ones.

    After an event of magnitude M the smallest detected is M - 4.5 - 0.75 log10(t), t in days (Helmstetter et al. 2006,
    equation 15). A sequence hides its own events and those of the background, not those of other sequences.

    Args:
        events: the fields of `background`, sorted by time.
        completeness: smallest magnitude detected in quiet times.
    """
    seen = events["magnitude"] >= completeness
    large = np.flatnonzero(events["magnitude"] >= completeness + _HIDES_FROM)
    time_days, magnitude, source = events["time_days"], events["magnitude"], events["source"]
    for i in large:
        # After this time even the smallest are detected again.
        until_days = time_days[i] + 10 ** ((magnitude[i] - _HIDING - completeness) / _RECOVERY)
        later = slice(i + 1, int(np.searchsorted(time_days, until_days)))
        elapsed = np.maximum(time_days[later] - time_days[i], _SHORTEST_DAYS)
        hidden = magnitude[later] < magnitude[i] - _HIDING - _RECOVERY * np.log10(elapsed)
        seen[later] &= ~(hidden & ((source[later] == source[i]) | (source[later] == 0)))
    return seen


def mislocated(events: Events, error_px: float, rng: np.random.Generator) -> Events:
    """Return events with Gaussian errors in both coordinates.

    Args:
        events: the fields of `background`.
        error_px: standard deviation.
        rng: random generator.
    """
    count = len(events["time_days"])
    return {
        **events,
        "x_px": events["x_px"] + rng.normal(0, error_px, count),
        "y_px": events["y_px"] + rng.normal(0, error_px, count),
    }


def join(*parts: Events) -> Events:
    """Return several catalogues as one, sorted by time."""
    joined = {key: np.concatenate([part[key] for part in parts]) for key in _FIELDS}
    return _select(joined, np.argsort(joined["time_days"], kind="stable"))


def inside(events: Events) -> Events:
    """Return the events that lie in the region."""
    return _select(events, _within(events["x_px"], events["y_px"]))


def _within(x_px: np.ndarray, y_px: np.ndarray) -> np.ndarray:
    """Return which positions lie in the region."""
    edge = MAP_PIXELS - 0.5
    return (x_px >= -0.5) & (x_px < edge) & (y_px >= -0.5) & (y_px < edge)


def simulate(
    rate_per_day: np.ndarray,
    days: float,
    rng: np.random.Generator,
    *,
    etas: Etas | None = None,
    extra: tuple[Events, ...] = (),
    completeness: float | None = None,
    location_error_px: float = 0.0,
) -> Events:
    """Return a region's catalogue, sorted by time.

    Args:
        rate_per_day: (64, 64) background events a day in each pixel.
        days: length of the catalogue.
        rng: random generator.
        etas: law by which every event has aftershocks; None: it has none.
        extra: bursts and swarms, with the sources 1, 2, ...
        completeness: smallest magnitude detected in quiet times (`detected_events`); None: all events are detected.
        location_error_px: standard deviation of the errors in both coordinates.

    Returns:
        `time_days`, `x_px`, `y_px`, `magnitude` and `source`, each (events,); source 0 is the background and its
        aftershocks, others are as in `extra`.

    >>> events = simulate(np.full((64, 64), 0.01), days=30, rng=np.random.default_rng(0))
    >>> bool((np.diff(events["time_days"]) >= 0).all())
    True
    """
    events = join(background(rate_per_day, days, rng, etas), *extra)
    if etas:
        events = join(events, aftershocks(events, days, rng, etas))
    if completeness is not None:
        events = _select(events, detected_events(events, completeness))
    if location_error_px:
        events = mislocated(events, location_error_px, rng)
    return inside(events)


def draw_sequence_maps(kind: str, count: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Draw maps of a day's window, half of them with a sequence.

    Backgrounds, numbers of events and numbers of past windows are those of the task medium. As there the number of
    events says nothing: a sequence replaces as many events of the background.

    Args:
        kind: one of `KINDS`.
        count: how many maps.
        rng: random generator.

    Returns:
        The arrays of `zoo.seismicity.physics.maps.draw_maps`.
    """
    medium = TASKS["medium"]
    maps = draw_maps(medium, count, rng)
    anomalous = np.flatnonzero(rng.random(count) < 0.5)
    events = maps["counts"].sum((1, 2)).astype(int)
    least, most = medium.burst_events
    error_px = rng.uniform(1.0, 2.0, count) if kind == "location_error" else np.zeros(count)
    if kind == "swarms":
        sequences = _swarms(len(anomalous), least, most, rng)
    else:
        sequences = _mainshocks(len(anomalous), least, most, kind == "completeness", rng)
    which = np.full(count, -1)
    which[anomalous] = np.arange(len(anomalous))
    of_burst: dict[str, np.ndarray] = {
        "label": (which >= 0).astype(np.int64),
        "burst_events": np.zeros(count, np.int64),
        **{key: np.full(count, np.nan, np.float32) for key in ("burst_row_px", "burst_column_px", "burst_sd_px")},
    }
    counts = np.zeros((count, MAP_PIXELS, MAP_PIXELS), np.float32)
    past = maps["past"].copy()
    for i in range(count):
        rate = maps["expected"][i].astype(float)
        sx = sy = np.zeros(0)
        if which[i] >= 0:
            centre_x, centre_y = (float(position[0]) for position in _positions(rate, 1, rng))
            dx, dy = sequences[which[i]]
            within = _within(centre_x + dx, centre_y + dy)
            sx, sy = centre_x + dx[within], centre_y + dy[within]
            spread_px = np.sqrt((np.median(np.abs(dx)) ** 2 + np.median(np.abs(dy)) ** 2) / 2) * _MAD_TO_SD
            of_burst["burst_events"][i] = len(sx)
            of_burst["burst_row_px"][i], of_burst["burst_column_px"][i] = centre_y, centre_x
            of_burst["burst_sd_px"][i] = spread_px
        x_px, y_px = _positions(rate, max(events[i] - len(sx), 0), rng)
        x_px, y_px = np.append(x_px, sx), np.append(y_px, sy)
        if error_px[i]:
            x_px, y_px = (values + rng.normal(0, error_px[i], len(values)) for values in (x_px, y_px))
        row, column = (np.clip(np.rint(values), 0, MAP_PIXELS - 1).astype(int) for values in (y_px, x_px))
        np.add.at(counts[i], (row, column), 1)
        if kind == "completeness":
            past[i] *= 10 ** (B_VALUE * rng.uniform(-0.3, 0.3))  # the past's network saw more or less
    return {"counts": counts, "past": past, "expected": maps["expected"], **of_burst}


def _mainshocks(count: int, least: int, most: int, hidden: bool, rng: np.random.Generator) -> list[Any]:
    """Return offsets (x, y) in pixels of the events of `count` sequences that fall in a day's window.

    The window begins up to half a day before the mainshock, or up to a day after it.
    """
    found: list[Any] = []
    while len(found) < count:
        tries = 2 * (count - len(found)) + 16
        zeros = np.zeros(tries)
        main = _events(zeros, zeros, zeros, rng.uniform(*_MAINSHOCKS, tries), np.arange(1, tries + 1))
        events = join(main, aftershocks(main, 2.0, rng))
        if hidden:
            events = _select(events, detected_events(events, Etas.smallest_magnitude))
        start_days = rng.uniform(-0.5, 1.0, tries)[events["source"] - 1]
        events = _select(events, (events["time_days"] >= start_days) & (events["time_days"] < start_days + 1))
        order = np.argsort(events["source"], kind="stable")
        events = _select(events, order)
        ends = np.searchsorted(events["source"], np.arange(1, tries + 2))
        for first, last in zip(ends[:-1], ends[1:], strict=True):
            if least <= last - first <= most:
                found.append((events["x_px"][first:last], events["y_px"][first:last]))
    return found[:count]


def _swarms(count: int, least: int, most: int, rng: np.random.Generator) -> list[Any]:
    """Return offsets (x, y) in pixels of the events of `count` swarms, about the middle of their lines."""
    found = []
    for events in rng.integers(least, most + 1, count):
        length_px, azimuth_deg, width_px = rng.uniform(3, 12), rng.uniform(0, 360), rng.uniform(0.3, 0.8)
        made = swarm(int(events), 0.0, 1.0, 0.0, 0.0, length_px, azimuth_deg, width_px, 1, rng)
        found.append((made["x_px"] - made["x_px"].mean(), made["y_px"] - made["y_px"].mean()))
    return found


def _positions(rate: np.ndarray, count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return positions x_px, y_px (count,) drawn from a rate (64, 64), anywhere within the pixels."""
    total = np.cumsum(rate.ravel())
    pixel = np.searchsorted(total, rng.random(count) * total[-1], side="right").clip(0, rate.size - 1)
    row, column = np.divmod(pixel, rate.shape[1])
    return column + rng.random(count) - 0.5, row + rng.random(count) - 0.5


def _events(*columns: np.ndarray) -> Events:
    """Return events from the columns of `_FIELDS`."""
    return dict(zip(_FIELDS, columns, strict=True))


def _select(events: Events, which: Any) -> Events:
    """Return the events that a mask, indices or a slice choose."""
    return {key: values[which] for key, values in events.items()}
