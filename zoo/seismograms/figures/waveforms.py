"""Figures of seismograms: a grid of records with their picks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from zoo.figures import BLACK, BLUE, GREY, VERMILLION, style

_PICKS = {
    "P": ("trace_p_arrival_sample", BLUE, "-"),
    "S": ("trace_s_arrival_sample", VERMILLION, "--"),
    "origin": ("trace_origin_sample", GREY, ":"),
}
_STEP = 1.25  # between components, in units of the largest amplitude of the panel


def waveforms_figure(
    records: Sequence[Mapping[str, Any]], sampling_rate_hz: float, components: str, unit: str, title: str
) -> Figure:
    """Draw records in a grid, each with its components one below the other and its picks as lines.

    Args:
        records: each with `waveform` (samples, components), and any columns of `zoo.seismograms.archives.columns`.
        sampling_rate_hz: sampling rate of all records.
        components: their order, like "ZNE".
        unit: unit of the waveforms (times `trace_scale`, if a record has one).
        title: title of the figure.
    """
    across = min(len(records), 3 if len(records) <= 9 else 4)
    down = -(-len(records) // across)
    with style():
        figure = Figure(figsize=(0.7 + 3.1 * across, 1.0 + 1.95 * down))
        panels = figure.subplots(down, across, squeeze=False, sharex=True, sharey=True)
        drawn: set[str] = set()
        for panel, record in zip(panels.flat, records, strict=False):
            drawn |= _draw(panel, record, sampling_rate_hz, unit)
        for panel in panels.flat[len(records) :]:
            panel.remove()
        for number in range(len(records)):
            if number + across >= len(records):
                panels.flat[number].set_xlabel("time (s)")
                panels.flat[number].tick_params(labelbottom=True)
        first = panels[0, 0]
        first.set_yticks(-_STEP * np.arange(len(components)), list(components))
        first.set_ylim(-_STEP * (len(components) - 1) - 1.1, 1.1)
        first.set_xlim(0, len(records[0]["waveform"]) / sampling_rate_hz)
        first.xaxis.set_major_locator(MaxNLocator(5))
        figure.suptitle(f"{title}, each divided by its largest amplitude", fontsize="medium", x=0.01, ha="left")
        lines = {label: Line2D([], [], color=color, ls=dashes) for label, (_, color, dashes) in _PICKS.items()}
        shown = [label for label in _PICKS if label in drawn]
        if shown:
            names = [label if label == "origin" else f"{label} arrival" for label in shown]
            figure.legend([lines[label] for label in shown], names, loc="outside upper right", ncols=len(shown))
    return figure


def _draw(panel: Axes, record: Mapping[str, Any], sampling_rate_hz: float, unit: str) -> set[str]:
    """Draw one record; return the names of its picks."""
    waveform = np.asarray(record["waveform"], np.float64)
    centred = waveform - waveform.mean(axis=0)
    largest = np.abs(centred).max() or 1.0
    time_s = np.arange(len(waveform)) / sampling_rate_hz
    for row, trace in enumerate((centred / largest).T):
        panel.plot(time_s, trace - _STEP * row, color=BLACK, lw=0.5)
    drawn = set()
    for label, (column, color, dashes) in _PICKS.items():
        at = float(record.get(column, np.nan))
        if 0 <= at < len(waveform):
            panel.axvline(at / sampling_rate_hz, color=color, ls=dashes, lw=1.1, zorder=3)
            drawn.add(label)
    panel.spines["left"].set_visible(False)
    panel.tick_params(axis="y", length=0)
    scale = float(record.get("trace_scale", 1.0))
    where, what = _about(record)
    panel.set_title(where, loc="left", fontsize=8.5, pad=13)
    panel.text(0, 1.02, what, transform=panel.transAxes, fontsize=7.5, color="0.35", va="bottom")
    text = f"max {float(f'{largest * scale:.3g}'):,.10g} {unit}"
    panel.text(1.0, 0.0, text, transform=panel.transAxes, fontsize=7, color="0.35", ha="right", va="bottom")
    return drawn


def _about(record: Mapping[str, Any]) -> tuple[str, str]:
    """Return the two lines above a panel: station and category; magnitude and distance."""
    station = ".".join(str(record[key]) for key in ("station_network_code", "station_code") if str(record.get(key, "")))
    category = str(record.get("trace_category", "") or record.get("source_type", "")).replace("_", " ")
    where = ", ".join(part for part in (station, category) if part)
    parts = []
    magnitude = float(record.get("source_magnitude", np.nan))
    if magnitude == magnitude:
        parts.append(f"{record.get('source_magnitude_type', '') or 'M'} {magnitude:.1f}")
    distance_km = float(record.get("path_ep_distance_km", np.nan))
    if distance_km == distance_km:
        parts.append(f"{distance_km:.0f} km" if distance_km >= 10 else f"{distance_km:.1f} km")
    return where or str(record.get("trace_name", "")), ", ".join(parts)
