"""Figures of what was found in a catalogue.

`draw_all` takes a `zoo.seismicity.Seismicity` and draws

    overview.png        the region: events, subregions; over time: events, the method's score, sequences by subregion
    intervals.png       anomalous periods as bars: by hand (where given), by the method, by the other scores
    subregion-A.png ... the seven with most events: map, magnitudes and numbers over time in two anomalous periods

in the manner of figures S3, S4 and S5 of Zhang & Yang.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.dates import date2num
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from zoo.figures import BLACK, GREEN, GREY, VERMILLION, save_figure, style
from zoo.seismicity.figures.axes import (
    COUNTS,
    NAMED,
    bin_days,
    bin_name,
    colour,
    count_ticks,
    counted,
    day_name,
    draw_outline,
    draw_scale,
    excess_of,
    set_map,
    set_score,
    set_time,
)
from zoo.seismicity.figures.subregions import subregion_figure

_LARGE = 3
"""How many of the largest events are marked by a star."""
_NAME = 0.09
"""Width of a star's label, as a share of the axes."""


def draw_all(found: Any, folder: Path) -> None:
    """Draw every figure into a folder.

    Args:
        found: a `zoo.seismicity.Seismicity`.
        folder: where to.
    """
    folder = Path(folder)
    for old in folder.glob("subregion-*.png"):
        old.unlink()
    save_figure(overview_figure(found), folder / "overview.png")
    save_figure(intervals_figure(found), folder / "intervals.png")
    for number, subregion in enumerate(found.subregions[:NAMED]):
        save_figure(subregion_figure(found, number), folder / f"subregion-{subregion.name}.png")


def overview_figure(found: Any) -> Figure:
    """Draw the region with its subregions, and beside it time: events, score above threshold, sequences."""
    with style():
        figure = Figure(figsize=(12.0, 6.4))
        left, right = figure.subfigures(1, 2, width_ratios=[1.0, 1.05])
        _draw_region(left.subplots(), found, left)
        events, score, rows = right.subplots(3, 1, sharex=True, height_ratios=[1, 1, 1.3])
        _draw_counts(events, found)
        _draw_score(score, found)
        _draw_sequences(rows, found)
        set_time(rows, *found.span)
        events.set_title(_dates(found), loc="left")
    return figure


def _draw_region(axes: Axes, found: Any, figure: Any) -> None:
    """Draw the map of all events, with the outlines and names of the subregions."""
    catalogue, grid = found.catalogue, found.grid
    row, column = grid.pixels(catalogue.x_km, catalogue.y_km)
    counts = np.zeros((grid.rows, grid.columns))
    np.add.at(counts, (row, column), 1)
    image = axes.imshow(
        np.where(counts > 0, counts, np.nan),
        cmap=COUNTS,
        norm=LogNorm(1, max(2.0, counts.max())),
        origin="lower",
        extent=grid.extent_km,
        interpolation="none",
    )
    label = f"events in a pixel of {_km(grid.pixel_km)}"
    figure.colorbar(image, ax=axes, shrink=0.6, pad=0.02, label=label, **count_ticks(counts.max()))
    for number, subregion in reversed(list(enumerate(found.subregions))):
        named = number < NAMED
        draw_outline(
            axes, subregion.rows, subregion.columns, grid, color=colour(number), lw=1.6 if named else 0.7, zorder=4
        )
    _name_subregions(axes, found)
    set_map(axes, catalogue, grid.extent_km)
    draw_scale(axes, grid.extent_km)
    from_magnitude = "" if np.isnan(found.completeness) else f" of magnitude {found.completeness:g} and more"
    axes.set_title(f"{len(catalogue)} events{from_magnitude}", loc="left")


def _name_subregions(axes: Axes, found: Any) -> None:
    """Write each subregion's letter beside it, on the side away from the middle of the map."""
    grid = found.grid
    west, east, south, north = grid.extent_km
    middle = np.array([(west + east) / 2, (south + north) / 2])
    for number, subregion in enumerate(found.subregions[:NAMED]):
        x_km, y_km = grid.centre_km(subregion.rows, subregion.columns)
        away = np.array([x_km.mean(), y_km.mean()]) - middle
        away = away / max(np.hypot(*away), 1e-9) if np.hypot(*away) > 0.02 * (east - west) else np.array([0.7, 0.7])
        far = np.argmax(x_km * away[0] + y_km * away[1])
        axes.annotate(
            subregion.name,
            (x_km[far], y_km[far]),
            9 * away,
            textcoords="offset points",
            color=colour(number),
            weight="bold",
            fontsize=12,
            ha="center",
            va="center",
            zorder=6,
            annotation_clip=True,
        )


def _draw_counts(axes: Axes, found: Any) -> None:
    """Draw the events over time, and mark the largest."""
    start, end = found.span
    days = bin_days(end - start)
    edges, counts = counted(found.catalogue.time, start, end, days)
    axes.stairs(counts, date2num(edges), fill=True, color="0.75")
    axes.set_ylabel(f"events\nper {bin_name(days)}")
    axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))
    axes.set_ylim(0, 1.35 * max(counts.max(), 1))
    _mark_largest(axes, found.catalogue, start, end)


def _mark_largest(axes: Axes, catalogue: Any, start: np.datetime64, end: np.datetime64) -> None:
    """Mark the three largest events by stars, and label those beside which there is room."""
    known = np.flatnonzero(np.isfinite(catalogue.magnitude))
    large = known[np.argsort(-catalogue.magnitude[known], kind="stable")[:_LARGE]]
    if not len(large):
        return  # the layout engine fails on a line without points
    top = axes.get_ylim()[1]
    axes.plot(catalogue.time[large], np.full(len(large), top), "*", color=VERMILLION, ms=9, clip_on=False)
    at = (catalogue.time[large] - start) / (end - start)
    taken: list[tuple[float, float]] = []  # where labels stand already, the largest events' first
    for event, position in zip(large, at, strict=True):
        beside = ((position, position + _NAME, 7, "left"), (position - _NAME, position, -7, "right"))
        for low, high, offset, side in beside:
            stars = ((at > low) & (at < high)).any()
            if stars or not 0 <= low < high <= 1 or any(low < stop and begin < high for begin, stop in taken):
                continue
            taken.append((low, high))
            axes.annotate(
                f"M {catalogue.magnitude[event]:.1f}",
                (catalogue.time[event], top),
                (offset, 1),
                textcoords="offset points",
                ha=side,
                va="top",
                fontsize=8,
                color=VERMILLION,
            )
            break


def _draw_score(axes: Axes, found: Any) -> None:
    """Draw by how much the method's score exceeds the threshold."""
    excess = excess_of(found)
    middle = found.windows.start + found.windows.length // 2
    axes.fill_between(middle, 0, np.maximum(excess, 0), color=GREEN, alpha=0.35, lw=0, step="mid")
    axes.step(middle, excess, where="mid", color=GREEN, lw=1.0)
    axes.axhline(0, color=BLACK, lw=0.8, ls="--")
    set_score(axes, excess)


def _draw_sequences(axes: Axes, found: Any) -> None:
    """Draw the sequences as bars over time, a row for each subregion."""
    shown = found.subregions[:NAMED]
    names = [subregion.name for subregion in shown]
    others = any(sequence.subregion not in names for sequence in found.sequences)
    for sequence in found.sequences:
        named = sequence.subregion in names
        row = names.index(sequence.subregion) if named else len(names)
        _bar(axes, row, sequence.start, sequence.end, colour(row) if named else GREY)
        if sequence.events >= 10 and len(found.sequences) <= 60:
            axes.plot(sequence.start, row - 0.36, marker="v", ms=3.5, color=BLACK, clip_on=False)
    labels = [*names, *(["others"] if others else [])]
    axes.set_yticks(range(len(labels)), labels)
    axes.set_ylim(max(len(labels), 1) - 0.4, -0.6)
    axes.set_ylabel("subregion")
    axes.tick_params(axis="y", length=0)
    if not found.sequences:
        axes.text(0.5, 0.5, "no anomalous interval", transform=axes.transAxes, ha="center", color=GREY)


def _bar(axes: Axes, row: float, start: np.datetime64, end: np.datetime64, color: str, height: float = 0.6) -> None:
    """Draw a period as a bar that is never too short to be seen."""
    low, high = date2num(start), date2num(end)
    axes.barh(row, high - low, left=low, height=height, color=color, edgecolor=color, lw=1.2, alpha=0.85)


def intervals_figure(found: Any) -> Figure:
    """Draw anomalous periods as bars: marked by hand (red), the method's (green), the others' (grey); figure S3."""
    rows = [("by hand", VERMILLION, found.manual)] if found.manual else []
    rows += [(found.label(found.method), GREEN, found.periods())]
    rows += [(found.label(name).replace(".", "\n."), GREY, found.periods(name)) for name in found.names[1:]]
    with style():
        figure = Figure(figsize=(10.0, 1.9 + 0.5 * len(rows)))
        bars, events = figure.subplots(2, 1, sharex=True, height_ratios=[0.5 * len(rows), 1.3])
        for number, (_, color, periods) in enumerate(rows):
            for start, end in periods:
                _bar(bars, number, start, end, color, 0.55)
        bars.set_yticks(range(len(rows)), [name for name, _, _ in rows])
        bars.set_ylim(len(rows) - 0.4, -0.6)
        bars.tick_params(axis="y", length=0)
        if found.manual:
            right = bars.secondary_yaxis("right")
            marks = []
            for fit in found.comparison().values():
                marks.append(f"{fit['precision']:.2f}   {fit['recall']:.2f}   {fit['f1']:.2f}")
            right.set_yticks(range(len(rows)), ["precision, recall, F1", *marks])
            right.tick_params(axis="y", length=0)
            right.spines["right"].set_visible(False)
        _draw_counts(events, found)
        set_time(events, *found.span)
        bars.set_title(f"Anomalous periods, at {found.false_alarms_per_year:g} false alarms a year each", loc="left")
    return figure


def _dates(found: Any) -> str:
    return f"{found.catalogue.name}, {day_name(found.catalogue.time[0])} to {day_name(found.catalogue.time[-1])}"


def _km(length_km: float) -> str:
    return f"{length_km:g} km" if length_km >= 1 else f"{1000 * length_km:g} m"
