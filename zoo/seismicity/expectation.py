"""What the region's ETAS model expects in each window, and its simulated ordinary years."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from zoo.seismicity.catalogues import Catalogue
from zoo.seismicity.etas.background import smooth
from zoo.seismicity.etas.fit import EtasFit, fit_etas
from zoo.seismicity.etas.simulation import simulate_fit
from zoo.seismicity.etas.walk import Stretch, Walk
from zoo.seismicity.grid import PixelGrid
from zoo.seismicity.physics.maps import MAP_PIXELS
from zoo.seismicity.physics.sequences import Events
from zoo.seismicity.region import magnitude_of_completeness
from zoo.seismicity.windows import Windows

_MOST_EVENTS = 1_000_000
"""So many simulated events at most; where ten years have more, fewer years are simulated."""
_MOST_POINTS = 100_000


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

    Args:
        catalogue: the events that count.
        grid: the pixels of the region.
        windows: times of the maps.
        completeness: smallest magnitude, NaN where every event counts.
    """
    events = events_of(catalogue, grid, windows.begin)
    if np.isnan(completeness) and np.isfinite(catalogue.magnitude).any():
        completeness = magnitude_of_completeness(catalogue.magnitude)
        completeness = float(np.nanmin(catalogue.magnitude)) if np.isnan(completeness) else completeness
    smallest = None if np.isnan(completeness) else completeness
    end = float((windows.end[-1] - windows.begin) / np.timedelta64(86_400_000, "ms"))
    how = {"shape": (grid.rows, grid.columns), "smallest_magnitude": smallest, "pixel_km": grid.pixel_km}
    return fit_etas(events, end, **how, errors=False)


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
        self.years = min(years, max(1.0, _MOST_EVENTS / per_year))
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
