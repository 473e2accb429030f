"""Figures that compare emulators of microseismic traces: their traces beside the simulator's, and their posteriors."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from zoo.figures import BLACK, BLUE, GREEN, PURPLE, VERMILLION, save_figure, style

# What is shown of a trace before and after its peak, s.
_BEFORE_S, _AFTER_S = 0.12, 0.35


def draw_comparison(
    true: np.ndarray, emulated: Mapping[str, np.ndarray], sources_km: np.ndarray, time_step_s: float, path: Path
) -> None:
    """Draw simulated traces of a few events and those of emulators (Spurio Mancini et al. 2021, figure 8).

    Args:
        true: (events, time) simulated.
        emulated: label -> (events, time).
        sources_km: (events, 3).
        time_step_s: sampling interval, s.
        path: the file.
    """
    time_s = np.arange(true.shape[-1]) * time_step_s
    with style():
        figure = Figure(figsize=(4.2 * len(true), 3.4))
        for column, (axes, trace) in enumerate(zip(figure.subplots(1, len(true), squeeze=False)[0], true, strict=True)):
            scale, peak_s = np.abs(trace).max(), time_s[np.abs(trace).argmax()]
            axes.plot(time_s, trace / scale, color=BLACK, lw=2.4, alpha=0.35, label="simulated")
            for (label, traces), colour in zip(emulated.items(), (BLUE, PURPLE, VERMILLION), strict=False):
                correlation = np.corrcoef(trace, traces[column])[0, 1]
                axes.plot(time_s, traces[column] / scale, color=colour, lw=1.2, label=label)
                axes.plot([], [], " ", label=f"   correlation {correlation:.3f}")
            axes.set_xlim(max(0.0, peak_s - _BEFORE_S), min(time_s[-1], peak_s + _AFTER_S))
            axes.set_title("source at ({:.3f}, {:.3f}, {:.3f}) km".format(*sources_km[column]))
            axes.set_xlabel("time after origin (s)")
            axes.legend(fontsize="small", loc="upper right")
        figure.axes[0].set_ylabel("pressure / largest")
    save_figure(figure, path)


def draw_posteriors(samples_km: Mapping[str, np.ndarray], source_km: np.ndarray, path: Path) -> None:
    """Draw posteriors of one event by several methods on top of each other: 68 and 95 % contours.

    As in Spurio Mancini et al. (2021), figures 10 and 11.

    Args:
        samples_km: label -> (n, 3) samples of x, y, z in km, in any order.
        source_km: (3,) true location.
        path: the file.
    """
    from getdist import MCSamples, chains, plots

    chains.print_load_details = False  # they would go to stdout, which is for data
    names = ("x", "y", "z")
    # The widest first, so that the tightest lies on top.
    ordered = sorted(samples_km, key=lambda label: -float(np.prod(samples_km[label].std(axis=0))))
    colours = dict(zip(samples_km, (VERMILLION, BLUE, GREEN), strict=False))
    with style(), matplotlib.rc_context({"figure.constrained_layout.use": False}):
        posteriors = [
            MCSamples(
                samples=samples_km[label],
                names=list(names),
                labels=[f"{name}\\ [\\mathrm{{km}}]" for name in names],
                label=label,
                # In standard deviations: wide enough to join the samples scattered along a long tail.
                settings={"ignore_rows": 0, "smooth_scale_1D": 0.25, "smooth_scale_2D": 0.35},
            )
            for label in ordered
        ]
        plotter = plots.get_subplot_plotter(width_inch=7.0)
        plotter.settings.axes_fontsize = 10
        plotter.settings.axes_labelsize = 11
        plotter.settings.legend_fontsize = 11
        plotter.triangle_plot(
            posteriors,
            filled=True,
            contour_colors=[colours[label] for label in ordered],
            markers=dict(zip(names, np.asarray(source_km, float), strict=True)),
            marker_args={"color": BLACK, "ls": "--", "lw": 1.0},
        )
        save_figure(plotter.fig, path)
