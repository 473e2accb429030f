"""The figure of a subregion: map, magnitudes and numbers over time in its one or two main periods; figure S4."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.dates import date2num
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from zoo.figures import GREY, style
from zoo.seismicity.figures.axes import (
    bin_days,
    bin_name,
    colour,
    counted,
    day_name,
    draw_outline,
    draw_scale,
    set_map,
    set_time,
)


def subregion_figure(found: Any, number: int) -> Figure:
    """Draw a subregion in its one or two anomalous periods with most events: map, magnitudes, numbers; figure S4.

    Args:
        found: a `zoo.seismicity.Seismicity`.
        number: which of its subregions, from 0.
    """
    subregion = found.subregions[number]
    periods = _main_periods(found, subregion)
    with style():
        figure = Figure(figsize=(5.4 * len(periods), 8.4))
        axes = figure.subplots(3, len(periods), squeeze=False, height_ratios=[2.6, 1, 0.8])
        extent = _around(found.grid, subregion)
        for column, (start, end) in enumerate(periods):
            _draw_map(axes[0, column], found, subregion, number, start, end, extent, figure)
            _draw_magnitudes(axes[1, column], found, subregion, number, start, end)
            _draw_numbers(axes[2, column], found, subregion, number, start, end)
            if column:
                for row in range(3):
                    axes[row, column].set_ylabel("")
            for row, letter in enumerate(("abc", "def")[column]):
                axes[row, column].text(-0.02, 1.02, f"({letter})", transform=axes[row, column].transAxes, ha="right")
        many = "s" * (len(subregion.sequences) > 1)
        title = f"Subregion {subregion.name}: {subregion.events} events in {len(subregion.sequences)} sequence{many}"
        figure.suptitle(title)
    return figure


def _main_periods(found: Any, subregion: Any) -> list[tuple[np.datetime64, np.datetime64]]:
    """Return the one or two periods of a subregion with most events; sequences less than four windows apart are one."""
    apart = 4 * found.windows.length
    merged: list[list[Any]] = []
    for sequence in sorted((s for s in found.sequences if s.number in subregion.sequences), key=lambda s: s.start):
        if merged and sequence.start - merged[-1][1] <= apart:
            merged[-1][1] = max(merged[-1][1], sequence.end)
            merged[-1][2] += sequence.events
        else:
            merged.append([sequence.start, sequence.end, sequence.events])
    chosen = sorted(sorted(merged, key=lambda period: -period[2])[:2])
    first, last = found.span
    edge = found.windows.length
    return [(max(first, start - edge), min(last, end + edge)) for start, end, _ in chosen]


def _around(grid: Any, subregion: Any) -> tuple[float, float, float, float]:
    """Return a square about a subregion: west, east, south, north in km."""
    x_km, y_km = grid.centre_km(subregion.rows, subregion.columns)
    half = 0.5 * max(np.ptp(x_km), np.ptp(y_km)) + 3 * grid.pixel_km
    x, y = (x_km.min() + x_km.max()) / 2, (y_km.min() + y_km.max()) / 2
    return x - half, x + half, y - half, y + half


def _draw_map(axes: Axes, found: Any, subregion: Any, number: int, start, end, extent, figure: Figure) -> None:
    """Draw the events of a period, coloured by time, with the outlines of the subregion and of its sequences."""
    catalogue = found.catalogue
    inside = (catalogue.time >= start) & (catalogue.time <= end)
    size = _size(catalogue.magnitude)
    order = np.flatnonzero(inside)
    order = order[np.argsort(-size[order], kind="stable")]
    days = (catalogue.time[order] - start) / np.timedelta64(1, "D")
    dots = axes.scatter(
        catalogue.x_km[order], catalogue.y_km[order], size[order], days, cmap="viridis", lw=0.2, edgecolors="0.3",
        vmin=0, vmax=(end - start) / np.timedelta64(1, "D"),
    )  # fmt: skip
    draw_outline(axes, subregion.rows, subregion.columns, found.grid, color=GREY, lw=0.7)
    for sequence in found.sequences:
        if sequence.number in subregion.sequences and sequence.start <= end and sequence.end >= start:
            draw_outline(axes, sequence.rows, sequence.columns, found.grid, color=colour(number), lw=1.4)
    set_map(axes, catalogue, extent, ticks=4)
    draw_scale(axes, extent)
    figure.colorbar(dots, ax=axes, orientation="horizontal", shrink=0.7, pad=0.02, aspect=30, label="days since start")
    axes.set_title(f"{day_name(start)} to {day_name(end)}")


def _draw_magnitudes(axes: Axes, found: Any, subregion: Any, number: int, start, end) -> None:
    """Draw the magnitudes of a subregion's events over time."""
    catalogue = found.catalogue
    time, magnitude = catalogue.time[subregion.member], catalogue.magnitude[subregion.member]
    inside = (time >= start) & (time <= end) & np.isfinite(magnitude)
    time, magnitude = time[inside], magnitude[inside]
    if len(time):
        floor = np.floor(5 * magnitude.min()) / 5 - 0.2
        axes.vlines(time, floor, magnitude, color=colour(number), lw=0.4, alpha=0.5)
        axes.scatter(time, magnitude, 9, color=colour(number), lw=0)
        axes.set_ylim(floor, magnitude.max() + 0.1 * (magnitude.max() - floor) + 0.1)
    else:
        axes.text(0.5, 0.5, "no magnitudes", transform=axes.transAxes, ha="center", color=GREY)
    axes.set_ylabel("magnitude")
    set_time(axes, start, end)
    axes.tick_params(labelbottom=False)
    axes.xaxis.get_offset_text().set_visible(False)


def _draw_numbers(axes: Axes, found: Any, subregion: Any, number: int, start, end) -> None:
    """Draw how many events a subregion has over time, with its sequences."""
    days = bin_days(3 * (end - start))
    edges, counts = counted(found.catalogue.time[subregion.member], start, end, days)
    for sequence in found.sequences:
        if sequence.number in subregion.sequences and sequence.start <= end and sequence.end >= start:
            axes.axvspan(sequence.start, sequence.end, color="0.9", lw=0, zorder=0)
            axes.axvline(sequence.start, color=GREY, lw=0.6, zorder=0.5)
    axes.stairs(counts, date2num(edges), fill=True, color=colour(number), alpha=0.8)
    axes.set_ylabel(f"events per {bin_name(days)}")
    axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))
    set_time(axes, start, end)


def _size(magnitude: np.ndarray) -> np.ndarray:
    """Return the area of each event's dot in square points: larger for larger events, equal without magnitudes."""
    known = np.isfinite(magnitude)
    if not known.any():
        return np.full(len(magnitude), 10.0)
    low, high = np.nanpercentile(magnitude, 1), np.nanmax(magnitude)
    part = np.clip((np.where(known, magnitude, low) - low) / max(high - low, 0.5), 0, 1)
    return 5 + 165 * part**2.5
