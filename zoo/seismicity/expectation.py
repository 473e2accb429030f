"""What the region's ETAS model expects in each window, and its simulated ordinary years."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from zoo.field.magnitudes import magnitude_of_completeness
from zoo.progress import bar
from zoo.seismicity.catalogues import Catalogue
from zoo.seismicity.etas.background import pixels, smooth
from zoo.seismicity.etas.fit import FEWEST_EVENTS, EtasFit
from zoo.seismicity.etas.large import fit_large, left_by, no_aftershock
from zoo.seismicity.etas.scan import Excess, count_scan
from zoo.seismicity.etas.simulation import simulate_fit
from zoo.seismicity.etas.walk import Stretch, Walk
from zoo.seismicity.grid import PixelGrid
from zoo.seismicity.physics.maps import MAP_PIXELS
from zoo.seismicity.physics.sequences import Events
from zoo.seismicity.windows import Windows

EXCLUDED = 11.3
"""Events of circles with a higher score are not in the fit: so high a one happens by chance on one map in twenty."""
_MOST_EVENTS = 1_000_000
"""So many simulated events at most; where ten years have more, fewer years are simulated."""
_MOST_POINTS = 100_000
_MOST_KEPT = 500_000_000
"""Bytes of expected aftershocks that are kept while a catalogue is scored; what is missing later takes another walk."""


def events_of(catalogue: Catalogue, grid: PixelGrid, begin: np.datetime64) -> Events:
    """Return a catalogue's events in pixels of a grid and days since a time.

    Args:
        catalogue: the events, all inside the grid.
        grid: the pixels.
        begin: day 0.
    """
    return {
        "time_days": (catalogue.time - begin) / np.timedelta64(86_400_000, "ms"),
        "x_px": (catalogue.x_km - grid.west_km) / grid.pixel_km - 0.5,
        "y_px": (catalogue.y_km - grid.south_km) / grid.pixel_km - 0.5,
        "magnitude": catalogue.magnitude,
    }


def fit_catalogue(catalogue: Catalogue, grid: PixelGrid, windows: Windows, completeness: float) -> EtasFit:
    """Fit ETAS to a catalogue on a grid; day 0 is the start of the first window.

    It is fitted twice: the second time without the events of circles that have significantly more than the first fit
    explains. Otherwise swarms would pass for what aftershocks are like.

    Args:
        catalogue: the events that count.
        grid: the pixels of the region.
        windows: times of the maps.
        completeness: smallest magnitude, NaN where every event counts.
    """
    events = events_of(catalogue, grid, windows.begin)
    if np.isnan(completeness) and np.isfinite(catalogue.magnitude).any():
        completeness = magnitude_of_completeness(catalogue.magnitude, correction=0.0)
        completeness = float(np.nanmin(catalogue.magnitude)) if np.isnan(completeness) else completeness
    smallest = None if np.isnan(completeness) else completeness
    end = float((windows.end[-1] - windows.begin) / np.timedelta64(86_400_000, "ms"))
    how = {"shape": (grid.rows, grid.columns), "smallest_magnitude": smallest, "pixel_km": grid.pixel_km}
    with bar(f"Fitting ETAS to {len(catalogue)} events", 3) as advance:
        first = fit_large(events, end, **how, errors=False)
        advance(1)
        kept, probability = _explained(first, events, grid, windows)
        advance(1)
        if kept.all() or kept.sum() < FEWEST_EVENTS:
            return first
        how |= {"errors": False, "start": first.law, "probability": probability[kept]}
        again = fit_large({key: values[kept] for key, values in events.items()}, end, **how)
    note = f"{int((~kept).sum())} events that aftershocks do not explain are left out of the model of ordinary times"
    return replace(again, notes=(*again.notes, note))


def _explained(fit: EtasFit, events: Events, grid: PixelGrid, windows: Windows) -> tuple[np.ndarray, np.ndarray]:
    """Return which events (n,) lie in no circle that a fit does not explain, and how probably each is no aftershock."""
    kept = np.ones(len(events["time_days"]), bool)
    row, column = pixels(events["x_px"], events["y_px"], fit.shape)
    walk = Walk(fit, events, windows.count, windows.window_days, windows.stride_days)
    for stretch in walk.windows():
        starts = np.arange(stretch.first, stretch.first + len(stretch.aftershocks)) * windows.stride_days
        low, high = (np.searchsorted(events["time_days"], starts + more) for more in (0, windows.window_days))
        for corner in grid.tiles():
            counts = _counts(row - corner[0], column - corner[1], low, high)
            score, *circle = count_scan(counts, expected_on(stretch, *corner))
            circle = circle[0] + corner[0], circle[1] + corner[1], circle[2]
            kept &= left_by(fit, events, Excess(score, *circle, starts, starts + windows.window_days), EXCLUDED)
    return kept, no_aftershock(walk)


def _counts(row: np.ndarray, column: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Return the events in each pixel of a map (n, 64, 64) of windows that hold the events from `low` to `high`."""
    inside = (row >= 0) & (row < MAP_PIXELS) & (column >= 0) & (column < MAP_PIXELS)
    made = np.zeros((len(low), MAP_PIXELS * MAP_PIXELS), np.float32)
    for n, (first, behind) in enumerate(zip(low, high, strict=True)):
        own = np.flatnonzero(inside[first:behind]) + first
        made[n] = np.bincount(row[own] * MAP_PIXELS + column[own], minlength=MAP_PIXELS * MAP_PIXELS)
    return made.reshape(-1, MAP_PIXELS, MAP_PIXELS)


class Expectation:
    """What a fit expects in the windows of a catalogue.

    Args:
        fit: the model.
        events: the catalogue's events (`events_of`).
        windows: times of the maps.
    """

    def __init__(self, fit: EtasFit, events: Events, windows: Windows) -> None:
        self.fit, self.events, self.windows = fit, events, windows
        self._kept: dict[int, tuple[np.ndarray, np.ndarray]] = {}
        self._left = _MOST_KEPT
        self._timeless: Walk | None = None

    def walk(self) -> Walk:
        """Return a new walk through the catalogue."""
        return Walk(self.fit, self.events, self.windows.count, self.windows.window_days, self.windows.stride_days)

    def keep(self, numbers: set[int]) -> None:
        """Keep what is expected in some windows: one walk finds all of them."""
        missing = numbers - self._kept.keys()
        if not missing:
            return
        for stretch in self.walk().windows():
            for number in missing & set(range(stretch.first, stretch.first + len(stretch.aftershocks))):
                at = number - stretch.first
                self._kept[number] = stretch.background[at].copy(), stretch.aftershocks[at].copy()

    def remember(self, stretch: Stretch) -> None:
        """Keep what is expected in windows of a walk through the catalogue, as long as there is room for it."""
        self._left -= stretch.aftershocks.nbytes
        if self._left > 0:
            for at, maps in enumerate(zip(stretch.background, stretch.aftershocks, strict=True)):
                self._kept[stretch.first + at] = maps

    def between(
        self, start: np.datetime64, end: np.datetime64, rows: np.ndarray, columns: np.ndarray
    ) -> tuple[float, float]:
        """Return expected background and aftershocks in pixels (pixels,) of the region's grid between two times."""
        low, high = ((time - self.windows.begin) / np.timedelta64(86_400_000, "ms") for time in (start, end))
        edges = np.array([-np.inf, *self.fit.edges_days[1:-1], np.inf])
        inside = np.maximum(np.minimum(high, edges[1:]) - np.maximum(low, edges[:-1]), 0)
        self._timeless = self._timeless or self.walk()
        background = float(inside @ self.fit.rates[:, rows, columns].sum(1))
        return background, self._timeless.aftershocks(low, high, rows, columns)

    def on(self, row: int, column: int) -> Callable[[int, int], tuple[np.ndarray, np.ndarray]]:
        """Return a function from windows (first, behind) to expected background and aftershocks on one map."""

        def parts(first: int, behind: int) -> tuple[np.ndarray, np.ndarray]:
            self.keep(set(range(first, behind)))
            both = (np.stack([self._kept[n][k] for n in range(first, behind)]) for k in range(2))
            background, aftershocks = (
                values[:, row : row + MAP_PIXELS, column : column + MAP_PIXELS] for values in both
            )
            return background, aftershocks

        return parts


class OrdinaryYears:
    """Simulated years of a region in which nothing unusual happens, in a few stretches.

    What the region's background is told to be is estimated anew for each stretch, from as many events as the
    catalogue's was: a score meets the same errors as in use.

    Args:
        fit: the model.
        windows: lengths of windows and strides.
        years: how many years.
        seed: seed of the simulation.

    Attributes:
        years: how many years there are; fewer than asked for where they would have too many events.
    """

    def __init__(self, fit: EtasFit, windows: Windows, years: float, seed: int) -> None:
        self.fit = fit
        self._steps = windows.window_days, windows.stride_days
        per_year = 365.25 * fit.rates[-1].sum() / (1 - min(fit.law.branching_ratio, 0.9))
        self.years = min(years, _MOST_EVENTS / per_year)
        self.stretches = max(1, min(4, round(self.years)))
        days = self.years / self.stretches * 365.25
        self.windows = max(1, round(days / windows.stride_days))
        self._days = self.windows * windows.stride_days + windows.window_days
        self._seed = seed

    def __iter__(self) -> Iterator[tuple[Events, Walk]]:
        """Yield the events of each stretch and a walk through them."""
        for number in range(self.stretches):
            rng = np.random.default_rng([self._seed, number])
            events = simulate_fit(self.fit, self._days, rng)
            yield events, Walk(self.fit, events, self.windows, *self._steps, rates=self._told(rng))

    def _told(self, rng: np.random.Generator) -> np.ndarray:
        """Return the background (1, rows, columns) as it is estimated from a catalogue like the one that was fitted."""
        rate = self.fit.rates[-1]
        days = float(self.fit.end_days - max(self.fit.begin_days, self.fit.edges_days[-2]))
        share = min(1.0, _MOST_POINTS / max(rate.sum() * days, 1.0))
        counts = rng.poisson(rate * days * share)
        row, column = np.divmod(np.repeat(np.arange(rate.size), counts.ravel()), rate.shape[1])
        if not len(row):
            return rate[None]
        order = rng.permutation(len(row))
        neighbours = max(2, round(self.fit.neighbours * share))
        found = smooth(column[order].astype(float), row[order].astype(float), np.ones(len(row)), rate.shape, neighbours)
        return found.field[None] / (days * share)


def expected_on(stretch: Stretch, row: int, column: int) -> np.ndarray:
    """Return all that is expected on one map in the windows of a stretch, (n, 64, 64) float32."""
    own = slice(None), slice(row, row + MAP_PIXELS), slice(column, column + MAP_PIXELS)
    return stretch.background[own] + stretch.aftershocks[own]
