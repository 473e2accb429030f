"""A page of one event: traces over distance with picks and computed arrivals, its place with errors, its numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Ellipse

from zoo.figures import BLACK, GREY, SKY, VERMILLION, style
from zoo.seismograms.figures.catalogue import PHASES, curves
from zoo.seismograms.picking.instruments import instruments
from zoo.seismograms.signals import bandpass

if TYPE_CHECKING:
    from zoo.seismograms.association.catalogue import EventCatalogue

_STATIONS = 24  # the most whose traces fit
_BAND_HZ = (1.0, 20.0)
_BEFORE_S, _AFTER_S = 2.0, 6.0
_SETTLES_S = 5.0  # read before what is shown, while the filter settles


def largest(catalogue: EventCatalogue, count: int) -> list[int]:
    """Return the largest events, at most `count`, in order; those without a magnitude come after, by their picks."""
    magnitude = np.where(np.isfinite(catalogue.magnitude), catalogue.magnitude, -np.inf)
    picks = catalogue.located.counts[:, :2].sum(axis=1)
    return sorted(np.lexsort((-picks, -magnitude))[: max(count, 0)].tolist())


def event_figure(catalogue: EventCatalogue, event: int) -> Figure:
    """Draw the page of an event (its number from 0)."""
    with style():
        figure = Figure(figsize=(12, 7.5))
        left, right = figure.subfigures(1, 2, width_ratios=(1.75, 1))
        _draw_section(left.subplots(), catalogue, event)
        plan, zoom, text = right.subplots(3, 1, height_ratios=(1.25, 1.25, 1))
        _draw_map(plan, catalogue, event)
        _draw_ellipse(zoom, catalogue, event)
        text.axis("off")
        text.text(0, 1, numbers(catalogue, event), va="top", fontsize=9, family="monospace", transform=text.transAxes)
    return figure


def numbers(catalogue: EventCatalogue, event: int) -> str:
    """Return what is known of an event, line by line."""
    at, made = catalogue.located, catalogue.magnitudes
    longitude, latitude = (float(values[event]) for values in catalogue.degrees())
    sd, counts = at.sd_km[event], at.counts[event]
    time = str(np.datetime64(round(at.origin_s[event] * 1e3), "ms")).replace("T", " ")
    lines = [
        f"event      {event + 1}",
        f"origin     {time} UTC ± {at.origin_sd_s[event]:.2f} s",
        f"place      {latitude:.4f}°, {longitude:.4f}°",
        f"           ± {sd[0]:.2f} km east, {sd[1]:.2f} km north",
        f"depth      {at.place_km[event, 2]:.1f} ± {sd[2]:.1f} km",
    ]
    if np.isfinite(made.value[event]):
        of = "stations" if made.kind == "ML" else "picks"
        lines.append(
            f"magnitude  {made.kind} {made.value[event]:.2f} ± {made.sd[event]:.2f}, {made.stations[event]} {of}"
        )
    lines += [
        f"picks      {counts[0]} P, {counts[1]} S at {counts[2]} stations",
        f"residuals  {at.rms_s[event]:.3f} s rms",
        f"gap        {at.gap_deg[event]:.0f}°, nearest station {at.nearest_km[event]:.1f} km",
    ]
    return "\n".join(lines)


def _draw_section(axes: Axes, catalogue: EventCatalogue, event: int) -> None:
    at, found = catalogue.located, catalogue.located.associated
    rows = np.flatnonzero(found.event == event)
    stations = np.unique(found.station[rows])
    away = found.tables.station_km[:, :2] - at.place_km[event, :2]
    distance = np.hypot(*away.T)
    stations = stations[np.argsort(distance[stations])]
    shown = stations[:_STATIONS]
    reach = float(distance[shown].max())
    x, times = curves(catalogue, float(at.place_km[event, 2]), 1.08 * reach + 1)
    end = float(np.interp(reach, x, times[:, 1])) + _AFTER_S
    gap = reach / max(len(shown), 4)
    height = 0.8 * max(gap, reach / 18)
    apart = np.diff(distance[shown], prepend=-np.inf, append=np.inf)
    sizes = height * np.clip(np.minimum(apart[:-1], apart[1:]) / height, 0.3, 1)  # crowded traces are drawn smaller
    with_traces = 0
    for s, size in zip(shown, sizes, strict=True):
        trace = _trace(catalogue, found.stations.codes[s], at.origin_s[event] - _BEFORE_S, at.origin_s[event] + end)
        if trace is not None:
            seconds, values = trace
            with_traces += 1
            axes.plot(seconds - _BEFORE_S, distance[s] + size * values, color=BLACK, lw=0.5, alpha=0.85, zorder=2)
    for number, (phase, colour) in enumerate(PHASES.items()):
        axes.plot(times[:, number], x, "--", color=colour, lw=1.0, alpha=0.8, zorder=1)
        own = rows[(found.picks.phase[rows] == phase) & np.isin(found.station[rows], shown)]
        picked = found.picks.time_s[own] - at.origin_s[event]
        # The computed arrival of each station, with its elevation and its term.
        computed = picked - at.residual_s[own]
        axes.plot(computed, distance[found.station[own]], "o", color=colour, markersize=4, fillstyle="none", zorder=3)
        low, high = (distance[found.station[own]] + sign * 0.45 * height for sign in (-1, 1))
        axes.vlines(picked, low, high, color=colour, lw=1.6, zorder=4)
    end = end if with_traces else end - _AFTER_S + 1
    axes.set(xlim=(-_BEFORE_S, end), ylim=(min(-0.03 * reach, distance[shown[0]] - height), reach + 1.1 * height))
    axes.set(xlabel="time since the origin (s)", ylabel="epicentral distance (km)")
    _label(axes, [found.stations.codes[s] for s in shown], distance[shown])
    what = "verticals, 1 to 20 Hz, each to its own scale" if with_traces else "picks alone: no waveforms"
    more = f"the {len(shown)} nearest of {len(stations)} stations; " if len(shown) < len(stations) else ""
    time = str(np.datetime64(round(at.origin_s[event] * 1e3), "ms")).replace("T", " ")
    axes.set_title(f"Event {event + 1}, {time} UTC\n{more}{what}", loc="left")
    handles = [Line2D([], [], color=colour, lw=2, label=f"pick of {phase}") for phase, colour in PHASES.items()]
    handles.append(Line2D([], [], color=GREY, ls="--", marker="o", fillstyle="none", markersize=4, label="computed"))
    axes.legend(handles=handles, loc="lower right", bbox_to_anchor=(1.1, 1.025), ncols=3, borderaxespad=0.2)


def _label(axes: Axes, names: list[str], heights: np.ndarray) -> None:
    """Write names at the right of an axis, moved apart where they would overlap; a line leads to where they belong."""
    low, high = axes.get_ylim()
    least = 0.026 * (high - low)
    at = np.sort(heights).astype(float)
    for _ in range(200):
        gaps = np.diff(at)
        close = np.flatnonzero(gaps < least - 1e-9)
        if not close.size:
            break
        for i in close:
            push = (least - (at[i + 1] - at[i])) / 2
            at[i], at[i + 1] = at[i] - push, at[i + 1] + push
    edge = axes.get_yaxis_transform()
    for name, height, place in zip(names, np.sort(heights), at, strict=True):
        axes.plot([1.0, 1.012, 1.024], [height, height, place], color=GREY, lw=0.6, transform=edge, clip_on=False)
        axes.text(1.03, place, name, transform=edge, fontsize=7, va="center", clip_on=False)


def _trace(catalogue: EventCatalogue, code: str, begin_s: float, end_s: float) -> tuple[np.ndarray, np.ndarray] | None:
    """Return seconds (n,) and values (n,), at most 1, of the vertical of a station; None without one."""
    if catalogue.waveforms is None:
        return None
    stream = catalogue.waveforms.read(code, begin_s - _SETTLES_S, end_s)
    chosen, _ = instruments(stream)
    if not chosen:
        return None
    trace = max(chosen[0].parts["Z"], key=lambda each: each.stats.npts)
    rate = trace.stats.sampling_rate
    values = np.asarray(trace.data, np.float32)
    if len(values) < 2 * rate or np.ma.isMaskedArray(trace.data):
        return None
    top = min(_BAND_HZ[1], 0.45 * rate)
    values = bandpass((values - values.mean())[np.newaxis, :, np.newaxis], rate, _BAND_HZ[0], top)[0, :, 0]
    seconds = trace.stats.starttime.ns / 1e9 - begin_s + np.arange(len(values)) / rate
    inside = seconds >= 0
    size = np.abs(values[inside]).max(initial=0.0)
    return (seconds[inside], values[inside] / size) if size > 0 else None


def _draw_map(axes: Axes, catalogue: EventCatalogue, event: int) -> None:
    at, found = catalogue.located, catalogue.located.associated
    x, y = found.tables.station_km[:, :2].T
    used = np.isin(np.arange(len(x)), found.station[found.event == event])
    others = np.arange(len(at)) != event
    axes.plot(*at.place_km[others, :2].T, ".", color=SKY, markersize=2, zorder=0, rasterized=True)
    axes.plot(x[~used], y[~used], "^", color=GREY, markersize=5, fillstyle="none")
    axes.plot(x[used], y[used], "^", color=BLACK, markersize=5)
    axes.plot(*at.place_km[event, :2], "*", color=VERMILLION, markersize=13, markeredgecolor=BLACK, markeredgewidth=0.5)
    axes.set(xlabel="east (km)", ylabel="north (km)", aspect="equal")
    axes.set_title("stations with picks are filled", fontsize=9)
    axes.set_adjustable("datalim")


def _draw_ellipse(axes: Axes, catalogue: EventCatalogue, event: int) -> None:
    at = catalogue.located
    x, y = at.place_km[event, :2]
    major, minor, azimuth = at.ellipse[event]
    half = max(2.6 * float(major), 0.2)
    near = (np.arange(len(at)) != event) & (np.abs(at.place_km[:, :2] - [x, y]).max(axis=1) < 1.7 * half)
    axes.plot(*at.place_km[near, :2].T, "o", color=SKY, markersize=3, zorder=0, label="other events")
    axes.add_patch(
        Ellipse((x, y), 2 * minor, 2 * major, angle=-azimuth, facecolor=VERMILLION, edgecolor=VERMILLION, alpha=0.25)
    )
    axes.plot(x, y, "*", color=VERMILLION, markersize=13, markeredgecolor=BLACK, markeredgewidth=0.5)
    axes.set(xlim=(x - 1.6 * half, x + 1.6 * half), ylim=(y - half, y + half), aspect="equal")
    axes.set(xlabel="east (km)", ylabel="north (km)")
    axes.set_title(f"68 % ellipse: {major:.2f} by {minor:.2f} km", fontsize=9)
