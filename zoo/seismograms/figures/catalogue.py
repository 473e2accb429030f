"""Figures of a catalogue: map and sections, time, travel times, residuals, magnitudes; and a page an event.

relative.png       events relative to each other, where that was asked for
map.png            epicentres and two sections, with 68 % errors; stations
time.png           events and magnitudes over time
travel-times.png   picks of P and S over distance, with the curves of the earth that was used
residuals.png      residuals of picks, station terms
magnitudes.png     Gutenberg and Richter's law, completeness; magnitudes of stations less those of events
event-0012.png     ... a page of event 12
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure

from zoo.field.coasts import draw_coasts
from zoo.figures import BLACK, BLUE, GREEN, GREY, ORANGE, SKY, VERMILLION, save_figure, style

if TYPE_CHECKING:
    from zoo.field.projection import LocalProjection
    from zoo.seismograms.association.catalogue import EventCatalogue

PHASES = {"P": BLUE, "S": VERMILLION}
_DENSE_KM, _SHOWN_KM = 2.0, 5.0  # events count as neighbours; half of what is drawn
_LABELLED = 60  # stations whose codes fit below an axis


def draw_all(catalogue: EventCatalogue, folder: Path, pages: int) -> None:
    """Draw every figure of a catalogue into a folder; those of an earlier run are removed."""
    from zoo.seismograms.figures.event_page import event_figure, largest

    for name in ("map", "relative", "time", "travel-times", "residuals", "magnitudes", "event-*"):
        for old in folder.glob(f"{name}.png"):
            old.unlink()
    if not len(catalogue):
        return
    save_figure(map_figure(catalogue), folder / "map.png")
    if catalogue.relative is not None and (catalogue.relative.group >= 0).any():
        save_figure(relative_figure(catalogue), folder / "relative.png")
    save_figure(time_figure(catalogue), folder / "time.png")
    save_figure(travel_time_figure(catalogue), folder / "travel-times.png")
    save_figure(residual_figure(catalogue), folder / "residuals.png")
    if np.isfinite(catalogue.magnitude).any():
        save_figure(magnitude_figure(catalogue), folder / "magnitudes.png")
    for event in largest(catalogue, pages):
        save_figure(event_figure(catalogue, event), folder / f"event-{event + 1:04d}.png")


def sizes(catalogue: EventCatalogue) -> np.ndarray:
    """Return areas of markers (events,), points squared, that grow with magnitude."""
    if not np.isfinite(catalogue.magnitude).any():
        return np.full(len(catalogue), 14.0)
    magnitude = np.where(np.isfinite(catalogue.magnitude), catalogue.magnitude, np.nanmin(catalogue.magnitude))
    above = magnitude - np.percentile(magnitude, 5)
    return np.clip(8 * 2.2**above, 4, 260)


def map_figure(catalogue: EventCatalogue) -> Figure:
    """Draw epicentres with 68 % errors and stations, and two sections, to one scale."""
    at, tables = catalogue.located, catalogue.located.associated.tables.station_km
    projection = at.associated.projection
    east, north, depth = at.place_km.T
    low = np.minimum(tables[:, :2].min(axis=0), at.place_km[:, :2].min(axis=0))
    high = np.maximum(tables[:, :2].max(axis=0), at.place_km[:, :2].max(axis=0))
    margin = 0.06 * (high - low).max()
    low, high = low - margin, high + margin
    deepest = max(1.1 * float(depth.max()), 0.15 * (high - low).max())
    top = min(float((-tables[:, 2]).min()), float(depth.min()), 0.0)
    wide, tall, deep = *(high - low), deepest - top
    scale = 6.2 / max(wide, tall)
    area = sizes(catalogue)
    with style():
        figure = Figure(figsize=(scale * (wide + deep) + 2.2, scale * (tall + deep) + 1.6))
        (plan, across), (along, legend) = figure.subplots(
            2, 2, width_ratios=(wide, deep), height_ratios=(tall, deep), squeeze=False
        )
        bars = {"fmt": "none", "ecolor": GREY, "elinewidth": 0.6, "alpha": 0.6, "zorder": 1}
        marks = {"s": area, "facecolor": SKY, "edgecolor": BLUE, "linewidth": 0.6, "alpha": 0.7, "zorder": 2}
        plan.errorbar(east, north, xerr=at.sd_km[:, 0], yerr=at.sd_km[:, 1], **bars)
        plan.scatter(east, north, **marks)
        plan.plot(tables[:, 0], tables[:, 1], "^", color=BLACK, markersize=6, markerfacecolor="white", zorder=3)
        plan.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), xlabel="east (km)", ylabel="north (km)")
        plan.set_title(f"{len(at)} events, {len(tables)} stations")
        _coasts(plan, projection)
        across.errorbar(depth, north, xerr=at.sd_km[:, 2], yerr=at.sd_km[:, 1], **bars)
        across.scatter(depth, north, **marks)
        across.set(xlim=(top, deepest), ylim=plan.get_ylim(), xlabel="depth (km)", yticklabels=[])
        along.errorbar(east, depth, xerr=at.sd_km[:, 0], yerr=at.sd_km[:, 2], **bars)
        along.scatter(east, depth, **marks)
        along.set(xlim=plan.get_xlim(), ylim=(deepest, top), xlabel="east (km)", ylabel="depth (km)")
        _map_legend(legend, catalogue, area, f"0, 0: {projection.latitude_deg:.3f}°, {projection.longitude_deg:.3f}°")
    return figure


def _coasts(plan: Axes, projection: LocalProjection) -> None:
    """Draw coast lines on a map in kilometres."""
    x, y = np.meshgrid(plan.get_xlim(), plan.get_ylim())
    longitude, latitude = projection.inverse(x, y)
    longitude = projection.longitude_deg + (longitude - projection.longitude_deg + 180) % 360 - 180
    draw_coasts(plan, projection.forward, (longitude.min(), longitude.max(), latitude.min(), latitude.max()))


def relative_figure(catalogue: EventCatalogue) -> Figure:
    """Draw where events are densest, as they were located and as they lie relative to each other."""
    moved = catalogue.relative
    place = moved.place_km[moved.group >= 0]
    away = np.linalg.norm(place[:, np.newaxis] - place, axis=-1)
    middle = place[np.argmax((away < _DENSE_KM).sum(axis=1))]
    ways = (("located", catalogue.located.place_km), ("relative, by double differences", moved.place_km))
    with style():
        figure = Figure(figsize=(9, 8.4))
        for column, (title, where) in enumerate(ways):
            near = (moved.group >= 0) & (np.abs(where - middle) < _SHOWN_KM).all(axis=1)
            plan, section = (figure.add_subplot(2, 2, row * 2 + column + 1) for row in range(2))
            for axes, axis, label in ((plan, 1, "north (km)"), (section, 2, "depth (km)")):
                axes.plot(
                    where[near, 0], where[near, axis], "o", color=BLUE, markersize=4, alpha=0.6, markeredgewidth=0
                )
                low, high = (np.array([-1, 1])[:, None] * _SHOWN_KM + middle)[:, [0, axis]].T
                axes.set(xlabel="east (km)", ylabel=label, xlim=low, ylim=high if axis == 1 else high[::-1])
                axes.set_aspect("equal")
            plan.set_title(f"{title}: {near.sum()} events")
    return figure


def _map_legend(axes: Axes, catalogue: EventCatalogue, area: np.ndarray, origin: str) -> None:
    from matplotlib.lines import Line2D

    handles = [Line2D([], [], ls="", marker="^", color=BLACK, markerfacecolor="white", markersize=6, label="station")]
    known = np.flatnonzero(np.isfinite(catalogue.magnitude))
    shown = known[np.argsort(catalogue.magnitude[known])][[0, len(known) // 2, -1]] if len(known) > 2 else known
    for event in dict.fromkeys(shown.tolist()):
        label = f"{catalogue.magnitudes.kind} {catalogue.magnitude[event]:.1f}"
        dot = {"color": BLUE, "markerfacecolor": SKY, "markersize": np.sqrt(area[event])}
        handles.append(Line2D([], [], ls="", marker="o", label=label, **dot))
    handles.append(Line2D([], [], color=GREY, label="68 % errors"))
    axes.legend(handles=handles, loc="upper left", title=origin, title_fontsize=8, fontsize=8, borderaxespad=0)
    axes.axis("off")


def time_figure(catalogue: EventCatalogue) -> Figure:
    """Draw the number of events, and their magnitudes, over time."""
    at = catalogue.located
    times = [datetime.fromtimestamp(float(second), UTC) for second in at.origin_s]
    known = np.isfinite(catalogue.magnitude)
    with style():
        figure = Figure(figsize=(9, 5.5 if known.any() else 3))
        rows = figure.subplots(2 if known.any() else 1, 1, sharex=True, squeeze=False)[:, 0]
        rows[0].step(times, np.arange(1, len(times) + 1), where="post", color=BLUE)
        rows[0].set(ylabel="events so far", ylim=(0, None))
        if known.any():
            inside = [time for time, good in zip(times, known, strict=True) if good]
            values = catalogue.magnitude[known]
            floor = np.floor(values.min() * 2) / 2 - 0.25
            rows[1].vlines(inside, floor, values, color=GREY, lw=0.6)
            rows[1].plot(inside, values, "o", color=BLUE, markersize=3.5)
            rows[1].set(ylabel=f"magnitude ({catalogue.magnitudes.kind})", ylim=(floor, None))
        locator = AutoDateLocator(minticks=4, maxticks=9)
        rows[-1].xaxis.set_major_locator(locator)
        rows[-1].xaxis.set_major_formatter(ConciseDateFormatter(locator))
        rows[-1].set_xlabel("time (UTC)")
    return figure


def curves(catalogue: EventCatalogue, depth_km: float, reach_km: float) -> tuple[np.ndarray, np.ndarray]:
    """Return distances (n,), km, and travel times (n, 2) of P and S, s, to a station at the median elevation."""
    tables = catalogue.located.tables
    station = int(np.argsort(tables.station_km[:, 2])[len(tables.station_km) // 2])
    distance = np.linspace(0, reach_km, 200)
    places = np.stack([tables.station_km[station, 0] + distance, np.full(200, tables.station_km[station, 1]),
                       np.full(200, depth_km)], axis=1)  # fmt: skip
    return distance, tables.times(places)[:, :, station]


def travel_time_figure(catalogue: EventCatalogue) -> Figure:
    """Draw picks over distance, with the travel times of three depths."""
    at, found = catalogue.located, catalogue.located.associated
    rows = np.flatnonzero(found.event >= 0)
    travel = found.picks.time_s[rows] - at.origin_s[found.event[rows]]
    distance = catalogue.distance_km()[rows]
    depths = np.percentile(at.place_km[:, 2], [5, 50, 95])
    with style():
        figure = Figure(figsize=(8, 6))
        axes = figure.subplots()
        size = float(np.clip(60 / np.sqrt(len(rows)), 1.5, 4))
        for number, (phase, colour) in enumerate(PHASES.items()):
            own = found.picks.phase[rows] == phase
            label = f"{own.sum()} picks of {phase}"
            axes.plot(distance[own], travel[own], ".", color=colour, markersize=size, label=label, rasterized=True)
            for depth, dashes in zip(depths, ("--", "-", ":"), strict=True):
                x, times = curves(catalogue, float(depth), 1.02 * float(distance.max()))
                label = f"computed, depth {depth:.1f} km" if number == 0 else None
                axes.plot(x, times[:, number], dashes, color=BLACK, lw=0.8, label=label)
        axes.set(xlabel="epicentral distance (km)", ylabel="time since the origin (s)", xlim=(0, None), ylim=(0, None))
        legend = axes.legend(loc="upper left")
        for handle in legend.legend_handles:
            handle.set_markersize(7)
    return figure


def residual_figure(catalogue: EventCatalogue) -> Figure:
    """Draw residuals of P and S, those over distance, and the station terms."""
    at, found = catalogue.located, catalogue.located.associated
    rows = np.flatnonzero(found.event >= 0)
    distance, residual = catalogue.distance_km()[rows], at.residual_s[rows]
    width = max(float(np.percentile(np.abs(residual), 99)), 0.05)
    used = np.unique(found.station[rows])
    with style():
        figure = Figure(figsize=(9, 6.5))
        upper, terms = figure.subfigures(2, 1, height_ratios=(3, 2))
        histogram, over = upper.subplots(1, 2, width_ratios=(1, 1.4))
        below = terms.subplots()
        size = float(np.clip(40 / np.sqrt(len(rows)), 1, 3))
        for number, (phase, colour) in enumerate(PHASES.items()):
            own = found.picks.phase[rows] == phase
            spread = 1.4826 * np.median(np.abs(residual[own])) if own.any() else np.nan
            label = f"{phase}: {own.sum()}, robust sd {spread:.2f} s"
            histogram.hist(residual[own], 60, (-width, width), histtype="step", color=colour, label=label)
            over.plot(distance[own], residual[own], ".", color=colour, markersize=size, rasterized=True)
            shift = 0.16 * (2 * number - 1)
            term_s = at.corrections.terms_s[number, used]
            below.plot(np.arange(len(used)) + shift, term_s, "o", color=colour, markersize=4)
        histogram.set(xlabel="pick less arrival (s)", ylabel="picks")
        histogram.set_ylim(0, 1.3 * histogram.get_ylim()[1])
        histogram.legend(loc="upper left")
        over.set(
            xlabel="epicentral distance (km)", ylabel="pick less arrival (s)", ylim=(-width, width), xlim=(0, None)
        )
        over.axhline(0, color=GREY, lw=0.8, zorder=0)
        below.axhline(0, color=GREY, lw=0.8, zorder=0)
        below.set(ylabel="station term (s)", xlim=(-0.7, len(used) - 0.3))
        if len(used) <= _LABELLED:
            names = [found.stations.codes[s] for s in used]
            below.set_xticks(range(len(used)), names, rotation=90, fontsize=8 if len(used) <= 30 else 6)
        else:
            below.set_xlabel(f"{len(used)} stations in the order of the file")
    return figure


def magnitude_figure(catalogue: EventCatalogue) -> Figure:
    """Draw how many events there are of a magnitude or more, and magnitudes at stations less those of events."""
    made, known = catalogue.magnitudes, catalogue.magnitude[np.isfinite(catalogue.magnitude)]
    law = catalogue.law()
    with style():
        figure = Figure(figsize=(10, 4.6))
        count, over = figure.subplots(1, 2)
        centres = 0.1 * np.arange(np.floor(10 * known.min() + 0.5), np.floor(10 * known.max() + 0.5) + 1)
        number = np.histogram(known, np.append(centres - 0.05, centres[-1] + 0.05))[0]
        more = number[::-1].cumsum()[::-1]
        count.bar(centres, number, 0.09, color=SKY, label="in bins of 0.1")
        count.plot(centres, more, "o", color=BLUE, markersize=4, label="this magnitude or more")
        count.set(yscale="log", ylim=(0.7, 1.6 * len(known)))
        count.set(xlabel=f"magnitude ({made.kind})", ylabel="events")
        if isinstance(law, str):
            count.set_title(law, fontsize=8)
        else:
            x = np.array([law.completeness, known.max()])
            text = f"b = {law.b:.2f} ± {law.b_sd:.2f}, {law.events} events"
            count.plot(x, 10 ** (law.a - law.b * x), color=VERMILLION, label=text)
            text = f"complete from {law.completeness:.1f}"
            count.axvline(law.completeness, color=GREEN, ls="--", lw=1, label=text)
        count.legend(loc="upper right", fontsize=8, frameon=True, edgecolor="none")
        single = made.single
        residual = single.value - catalogue.magnitude[single.event]
        good = np.isfinite(residual)
        over.plot(single.distance_km[good], residual[good], ".", color=BLUE, markersize=3, rasterized=True)
        edges = np.unique(np.percentile(single.distance_km[good], np.linspace(0, 100, 9)))
        if good.sum() >= 80 and len(edges) > 2:
            inside = np.clip(np.searchsorted(edges, single.distance_km[good], side="right") - 1, 0, len(edges) - 2)
            middle = [np.median(residual[good][inside == i]) for i in range(len(edges) - 1)]
            over.plot((edges[1:] + edges[:-1]) / 2, middle, "s-", color=ORANGE, label="median")
            over.legend(loc="upper right")
        over.axhline(0, color=GREY, lw=0.8, zorder=0)
        over.set(xlabel="distance from the hypocentre (km)", ylabel="magnitude at a station less the event's")
        over.set(
            xlim=(0, None), title=f"{good.sum()} amplitudes, robust sd {1.4826 * np.median(np.abs(residual[good])):.2f}"
        )
    return figure
