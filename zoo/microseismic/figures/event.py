"""Figures of the paper's event: what aligning does to traces, and its traces beside a map of the receivers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from zoo.figures import BLACK, PALETTE, VERMILLION, save_figure, style
from zoo.microseismic.models.trace_alignment import peaks, shift_traces

_MARGIN_S = 0.15  # shown before and after the peaks


def draw_preprocessing(traces: np.ndarray, time_step_s: float, path: Path) -> None:
    """Draw two traces before and after the second is aligned with the first (Spurio Mancini et al. 2021, figure 1).

    Args:
        traces: (2, time) of one receiver; the first is the reference.
        time_step_s: sampling interval, s.
        path: the file.
    """
    position, height = peaks(traces)
    aligned = shift_traces(traces[1:], position[:1] - position[1:])[0] * height[0] / height[1]
    time_s = np.arange(traces.shape[1]) * time_step_s
    with style():
        figure = Figure(figsize=(7.0, 4.6))
        upper, lower = figure.subplots(2, 1, sharex=True)
        for axes, other, label in ((upper, traces[1], "another event"), (lower, aligned, "shifted and scaled")):
            axes.plot(time_s, traces[0] / height[0], color=BLACK, lw=1.4, label="reference")
            axes.plot(time_s, other / height[0], color=VERMILLION, lw=1.2, label=label)
            axes.set_ylabel("pressure / peak")
            axes.legend(loc="upper right", fontsize="small")
        first, last = sorted(position * time_step_s)
        lower.set_xlim(max(0.0, first - _MARGIN_S), min(time_s[-1], last + 3 * _MARGIN_S))
        lower.set_xlabel("time after origin (s)")
        save_figure(figure, path)


def draw_event(
    traces: np.ndarray, time_step_s: float, receivers_km: np.ndarray, source_km: np.ndarray, path: Path
) -> None:
    """Draw an event's noisy traces, and its receivers from above in the same colours (the same, figure 9).

    Args:
        traces: (receivers, time).
        time_step_s: sampling interval, s.
        receivers_km: (receivers, 3).
        source_km: (3,) true place.
        path: the file.
    """
    time_s = np.arange(traces.shape[1]) * time_step_s
    with style():
        figure = Figure(figsize=(10.5, 5.0))
        left, right = figure.subfigures(1, 2, width_ratios=[1.25, 1])
        panels = left.subplots(len(traces), 1, sharex=True)
        seen = right.subplots()
        for panel, trace, receiver, colour in zip(panels, traces, receivers_km, PALETTE, strict=False):
            panel.plot(time_s, trace, color=colour, lw=0.8)
            panel.ticklabel_format(axis="y", scilimits=(-3, 4), useMathText=True)
            seen.plot(*receiver[:2], "o", ms=10, color=colour)
        panels[-1].set_xlabel("time after origin (s)")
        left.supylabel("pressure (Pa for 1 m³)", fontsize="medium")
        seen.plot(*source_km[:2], "X", ms=10, color=BLACK, label=f"source, at z = {source_km[2]:.3f} km")
        seen.set(xlim=(0, 1), ylim=(0, 1), aspect="equal", xlabel="x (km)", ylabel="y (km)")
        seen.set_title(f"receivers at z = {receivers_km[0, 2]:.2f} km")
        seen.legend(loc="lower right", fontsize="small")
        save_figure(figure, path)
