"""Figures of a located event: the corner plot of its coordinates and the fit of its traces."""

from __future__ import annotations

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from zoo.figures import BLACK, BLUE, GREY, VERMILLION, style

# Posteriors narrower than this are drawn as offsets in metres from a round place.
_METRE_SCALE_KM = 0.05
_AXES = ("x", "y", "z")


def corner_figure(samples_km: np.ndarray, source_km: np.ndarray | None = None) -> Figure:
    """Draw the 68 and 95 % contours of the source coordinates by GetDist.

    Args:
        samples_km: (n, 3) samples of x, y, z in km.
        source_km: (3,) true coordinates if known: drawn as lines.
    """
    from getdist import MCSamples, chains, plots

    chains.print_load_details = False  # it would go to stdout, which is for data
    mean, sd = samples_km.mean(axis=0), samples_km.std(axis=0)
    if np.all(sd < _METRE_SCALE_KM):
        origin, factor = np.round(mean, 3), 1000.0
        labels = [
            f"{axis} - {place:.3f}\\ \\mathrm{{km}}\\ [\\mathrm{{m}}]"
            for axis, place in zip(_AXES, origin, strict=True)
        ]
    else:
        origin, factor = np.zeros(3), 1.0
        labels = [f"{axis}\\ [\\mathrm{{km}}]" for axis in _AXES]
    with style(), matplotlib.rc_context({"figure.constrained_layout.use": False}):
        posterior = MCSamples(
            samples=(samples_km - origin) * factor,
            names=list(_AXES),
            labels=labels,
            settings={"ignore_rows": 0},
        )
        plotter = plots.get_subplot_plotter(width_inch=7.0)
        plotter.settings.axes_fontsize = 10
        plotter.settings.axes_labelsize = 11
        plotter.settings.lab_fontsize = 11
        truth = None
        if source_km is not None:
            truth = dict(zip(_AXES, (np.asarray(source_km) - origin) * factor, strict=True))
        plotter.triangle_plot(
            [posterior],
            filled=True,
            contour_colors=[BLUE],
            markers=truth,
            marker_args={"color": VERMILLION, "ls": "--", "lw": 1.2},
        )
        for index in range(3):
            axes = plotter.subplots[index, index]
            axes.set_title(f"{_AXES[index]} = {_value(mean[index], sd[index])}", fontsize=10)
        for axes in filter(None, plotter.subplots.flat):
            axes.xaxis.set_major_locator(MaxNLocator(4, prune="both"))
            axes.yaxis.set_major_locator(MaxNLocator(4, prune="both"))
        keys = [Patch(color=BLUE, label="68 %"), Patch(color=BLUE, alpha=0.4, label="95 %")]
        if source_km is not None:
            keys.append(Line2D([], [], color=VERMILLION, ls="--", label="true source"))
        # Room for the titles: GetDist's own layout leaves none above the first panel.
        plotter.gridspec.update(top=0.95)
        plotter.fig.legend(handles=keys, loc="upper right", fontsize=11)
        return plotter.fig


def traces_figure(
    traces: np.ndarray,
    predicted: np.ndarray,
    predictive_sd: np.ndarray,
    time_step_s: float,
    receivers_km: np.ndarray,
    unit: str,
) -> Figure:
    """Draw each receiver's observed trace over the 95 % band in which the located source predicts it.

    Args:
        traces: (receivers, time) observed.
        predicted: (receivers, time) at the posterior mean.
        predictive_sd: (receivers, time) of data: noise, emulator error and posterior together.
        time_step_s: sampling interval in s.
        receivers_km: (receivers, 3) for the titles.
        unit: of the traces.
    """
    count, samples = traces.shape
    time_s = np.arange(samples) * time_step_s
    with style():
        figure = Figure(figsize=(8.0, 0.8 + 1.5 * count))
        panels = figure.subplots(count, 1, sharex=True, squeeze=False)[:, 0]
        rows = zip(panels, traces, predicted, predictive_sd, receivers_km, strict=True)
        for panel, trace, model, sd, place in rows:
            panel.fill_between(
                time_s,
                model - 1.96 * sd,
                model + 1.96 * sd,
                color=BLUE,
                alpha=0.25,
                lw=0,
                label="95 % predictive band",
            )
            panel.plot(time_s, trace, color=BLACK, lw=0.7, label="observed")
            panel.plot(time_s, model, color=BLUE, lw=1.2, label="at the posterior mean")
            panel.axhline(0.0, color=GREY, lw=0.4, zorder=0)
            panel.set_title("receiver at ({:.3f}, {:.3f}, {:.3f}) km".format(*place), loc="left")
            panel.ticklabel_format(axis="y", scilimits=(-3, 4), useMathText=True)
            panel.yaxis.set_major_locator(MaxNLocator(4))
        figure.supylabel(f"trace [{unit}]", fontsize="medium")
        panels[-1].set_xlabel("time after origin [s]")
        panels[-1].set_xlim(time_s[0], time_s[-1])
        handles, labels = panels[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper right", ncols=3)
    return figure


def _value(mean_km: float, sd_km: float) -> str:
    digits = int(np.clip(1 - np.floor(np.log10(max(sd_km, 1e-6))), 2, 5))
    return f"{mean_km:.{digits}f} ± {sd_km:.{digits}f} km"
