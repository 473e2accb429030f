"""What the figures of seismicity share: maps with degrees at their edges, outlines of pixels, axes of time."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.ticker import FixedLocator, MaxNLocator
from scipy import ndimage

from zoo.figures import BLACK, GREY, PALETTE

COUNTS = LinearSegmentedColormap.from_list("counts", ["#c3d3de", "#8fb0c4", "#5a87a3", "#30607f", "#0f3048"])
"""From one event to many, light enough for coloured outlines."""
NAMED = 7
"""How many subregions have a colour and a figure of their own; the others are grey."""
_BINS = 150
"""Most bins in which events are counted over a time, for bins to be seen."""


def colour(number: int) -> str:
    """Return the colour of a subregion by its number, from 0."""
    return PALETTE[number] if number < NAMED else GREY


def outline(rows: np.ndarray, columns: np.ndarray, grid: Any) -> np.ndarray:
    """Return the edges of a set of pixels, (edges, 2, 2): from and to, x and y in km.

    Args:
        rows, columns: the pixels (n,).
        grid: their `zoo.seismicity.grid.PixelGrid`.
    """
    inside = np.zeros((grid.rows + 2, grid.columns + 2), bool)
    inside[np.asarray(rows) + 1, np.asarray(columns) + 1] = True
    row, column = np.nonzero(inside[:, 1:] != inside[:, :-1])
    upright = np.stack([np.stack([column, row - 1], -1), np.stack([column, row], -1)], 1)
    row, column = np.nonzero(inside[1:] != inside[:-1])
    level = np.stack([np.stack([column - 1, row], -1), np.stack([column, row], -1)], 1)
    return np.concatenate([upright, level]) * grid.pixel_km + (grid.west_km, grid.south_km)


def draw_outline(axes: Axes, rows: np.ndarray, columns: np.ndarray, grid: Any, **style: Any) -> LineCollection:
    """Draw the edges of a set of pixels, without those of holes in it."""
    inside = np.zeros((grid.rows, grid.columns), bool)
    inside[rows, columns] = True
    rows, columns = np.nonzero(ndimage.binary_fill_holes(inside))
    lines = LineCollection(outline(rows, columns, grid), capstyle="round", **style)
    axes.add_collection(lines, autolim=False)
    return lines


def set_map(axes: Axes, catalogue: Any, extent_km: tuple[float, float, float, float], ticks: int = 5) -> None:
    """Make axes a map, with degrees at the ticks where the catalogue has degrees.

    Args:
        axes: what becomes a map.
        catalogue: tells the projection.
        extent_km: west, east, south, north.
        ticks: about how many on the longer side.
    """
    west, east, south, north = extent_km
    axes.set(xlim=(west, east), ylim=(south, north), aspect="equal")
    for side in ("top", "right"):
        axes.spines[side].set_visible(True)
    across, up = east - west, north - south
    counts = [max(2, round(ticks * length / max(across, up))) for length in (across, up)]
    if catalogue.projection is None:
        axes.set(xlabel="x (km)", ylabel="y (km)")
        for axis, count in zip((axes.xaxis, axes.yaxis), counts, strict=True):
            axis.set_major_locator(MaxNLocator(count))
            axis.get_major_formatter().set_useOffset(False)
        return
    centre = catalogue.projection
    low, _ = centre.inverse(np.array([west, east]), np.array([south, south]))
    _, up = centre.inverse(np.array([west, west]), np.array([south, north]))
    low[1] += 360 * (low[1] < low[0])
    for axis, bounds, count in ((axes.xaxis, low, counts[0]), (axes.yaxis, up, counts[1])):
        marks = [
            v for v in MaxNLocator(count, steps=[1, 2, 2.5, 5, 10]).tick_values(*bounds) if bounds[0] <= v <= bounds[1]
        ]
        digits = next((d for d in range(6) if np.allclose(np.round(marks, d), marks, atol=1e-9)), 6)
        along = np.array(marks)
        if axis is axes.xaxis:
            positions = centre.forward(along, np.full(len(along), up[0]))[0]
            names = [_degrees((v + 180) % 360 - 180, digits, "EW") for v in marks]
        else:
            positions = centre.forward(np.full(len(along), low[0]), along)[1]
            names = [_degrees(v, digits, "NS") for v in marks]
        axis.set_ticks(positions, names)


def _degrees(value: float, digits: int, letters: str) -> str:
    return f"{abs(value):.{digits}f}°{'' if min(abs(value), 180 - abs(value)) < 1e-9 else letters[int(value < 0)]}"


def draw_scale(axes: Axes, extent_km: tuple[float, float, float, float]) -> None:
    """Draw a scale bar of a round length in the lower left corner of a map (west, east, south, north in km)."""
    west, east, south, north = extent_km
    power = 10 ** np.floor(np.log10((east - west) / 3))
    length = max(step for step in (1, 2, 5) if step * power <= (east - west) / 3) * power
    x, y = west + 0.05 * (east - west), south + 0.045 * (north - south)
    axes.plot([x, x + length], [y, y], color=BLACK, lw=2.5, solid_capstyle="butt")
    text = f"{length:g} km" if length >= 1 else f"{1000 * length:g} m"
    axes.annotate(text, (x + length / 2, y), (0, 4), textcoords="offset points", ha="center", va="bottom", fontsize=8)


def set_time(axes: Axes, start: np.datetime64, end: np.datetime64) -> None:
    """Make the x axis an axis of time from start to end."""
    axes.set_xlim(start.astype("datetime64[ms]").item(), end.astype("datetime64[ms]").item())
    locator = AutoDateLocator(minticks=3, maxticks=9)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))


def count_ticks(largest: float) -> dict[str, Any]:
    """Return the ticks and their format for a colour bar of counts from 1 up: 1, 2, 5, 10, ..."""
    steps = (1, 2, 5) if largest < 200 else (1,)
    ticks = [step * 10**power for power in range(8) for step in steps if step * 10**power <= max(largest, 2)]
    return {"ticks": FixedLocator(ticks), "format": "{x:g}"}


def excess_of(found: Any) -> np.ndarray:
    """Return by how much the method's score (windows,) exceeds the threshold, on the map where it does so most."""
    return np.max([tile.scores[found.method] - tile.thresholds[found.method] for tile in found.tiles], axis=0)


def set_score(axes: Axes, excess: np.ndarray) -> None:
    """Make the y axis one of scores above a threshold (windows,), compressed where they are large."""
    if np.abs(excess[np.isfinite(excess)]).max(initial=0) > 40:
        axes.set_yscale("symlog", linthresh=10)
        axes.yaxis.set_major_locator(FixedLocator([-1000, -100, -10, 0, 10, 100, 1000]))
        axes.yaxis.set_major_formatter("{x:g}")
    axes.set_ylabel("score above\nthe threshold")


def bin_days(length: np.timedelta64) -> float:
    """Return the width in days of the bins in which to count events over a stretch of time: an hour to a year."""
    days = float(length / np.timedelta64(1, "s")) / 86400
    return next((step for step in (1 / 24, 1 / 8, 1 / 4, 1.0, 7.0, 30.0, 91.0) if days / step <= _BINS), 365.0)


def bin_name(days: float) -> str:
    """Return the name of a width of `bin_days`: "day", "6 h", "week" ..."""
    named = {1.0: "day", 7.0: "week", 30.0: "30 days", 91.0: "quarter", 365.0: "year", 1 / 24: "hour"}
    return named.get(days) or f"{24 * days:g} h"


def day_name(time: np.datetime64) -> str:
    """Return the day of a time, such as 2019-07-04."""
    return str(time.astype("datetime64[D]"))


def counted(time: np.ndarray, start: np.datetime64, end: np.datetime64, days: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the edges of bins from start to end, and how many events (sorted times) each holds.

    Args:
        time: times of the events (n,), sorted.
        start, end: from when to when.
        days: width of a bin.
    """
    step = np.timedelta64(round(86_400_000 * days), "ms")
    edges = start + np.arange(int(np.ceil((end - start) / step)) + 1) * step
    return edges, np.diff(np.searchsorted(time, edges))
