"""Figures of a catalogue: its map with sections and errors, and the residuals of its picks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from zoo.figures import BLACK, BLUE, GREY, VERMILLION, style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from zoo.seismograms.association.catalogue import EventCatalogue


def map_figure(catalogue: EventCatalogue) -> Figure:
    """Draw epicentres with 68 % errors and stations, two sections, and events over time."""
    from matplotlib.figure import Figure

    at, stations = catalogue.located, catalogue.located.associated.tables.station_km
    east, north, depth = at.place_km.T
    with style():
        figure = Figure(figsize=(9, 8))
        axes = figure.subplots(2, 2, width_ratios=(2, 1), height_ratios=(2, 1))
        bars = {"fmt": ".", "color": BLUE, "ecolor": GREY, "markersize": 3, "elinewidth": 0.4}
        axes[0, 0].errorbar(east, north, xerr=at.sd_km[:, 0], yerr=at.sd_km[:, 1], **bars)
        axes[0, 0].plot(stations[:, 0], stations[:, 1], "^", color=BLACK, markersize=4, fillstyle="none")
        axes[0, 0].set(xlabel="east (km)", ylabel="north (km)", aspect="equal", title=f"{len(at)} events")
        axes[0, 1].errorbar(depth, north, xerr=at.sd_km[:, 2], yerr=at.sd_km[:, 1], **bars)
        axes[0, 1].set(xlabel="depth (km)", ylabel="north (km)")
        axes[1, 0].errorbar(east, depth, xerr=at.sd_km[:, 0], yerr=at.sd_km[:, 2], **bars)
        axes[1, 0].set(xlabel="east (km)", ylabel="depth (km)")
        axes[1, 0].invert_yaxis()
        hours = (at.origin_s - at.origin_s[0]) / 3600
        axes[1, 1].step(hours, np.arange(1, len(hours) + 1), where="post")
        axes[1, 1].set(xlabel="hours after the first event", ylabel="events")
    return figure


def residual_figure(catalogue: EventCatalogue) -> Figure:
    """Draw travel times over distance, residuals of P and S, and the station terms."""
    from matplotlib.figure import Figure

    at, found = catalogue.located, catalogue.located.associated
    rows = np.flatnonzero(found.event >= 0)
    travel = found.picks.time_s[rows] - at.origin_s[found.event[rows]]
    distance, residual = catalogue.distance_km()[rows], at.residual_s[rows]
    with style():
        figure = Figure(figsize=(9, 7))
        curves, histogram, terms = figure.subplots(3, 1, height_ratios=(2, 1, 1))
        width = np.percentile(np.abs(residual), 99)
        for number, (phase, colour) in enumerate((("P", BLUE), ("S", VERMILLION))):
            own = found.picks.phase[rows] == phase
            curves.plot(distance[own], travel[own], ".", color=colour, markersize=1.5, label=phase, rasterized=True)
            histogram.hist(residual[own], 60, (-width, width), histtype="step", color=colour, label=phase)
            terms.plot(at.corrections.terms_s[number], "o", color=colour, markersize=3, label=phase)
        curves.set(xlabel="epicentral distance (km)", ylabel="travel time (s)")
        histogram.set(xlabel="pick less arrival (s)", ylabel="picks")
        terms.set(ylabel="station term (s)")
        terms.set_xticks(range(len(found.stations)), found.stations.codes, rotation=90, fontsize=6)
        curves.legend(markerscale=6)
    return figure
