"""Figures of a located event: the corner plot of its coordinates, and the fit of its traces."""

from __future__ import annotations

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from zoo.figures import BLACK, BLUE, GREY, VERMILLION, style

# Posteriors narrower than this are drawn as offsets in metres from a location rounded to metres.
_METRE_SCALE_KM = 0.05
_AXES = ("x", "y", "z")
_ORIGIN_TIME = "t_0"


def corner_figure(samples: np.ndarray, source_km: np.ndarray | None = None) -> Figure:
    """Draw the 68 and 95 % contours of the source coordinates, and of the origin time if it was inferred, by GetDist.

    Args:
        samples: (n, 3) samples of x, y, z in km, or (n, 4) with the origin time in s after the first sample.
        source_km: (3,) true coordinates, if known; they are drawn as lines.
    """
    from getdist import MCSamples, chains, plots

    chains.print_load_details = False  # they would go to stdout, which is for data
    count = samples.shape[1]
    names = (*_AXES, _ORIGIN_TIME)[:count]
    mean, sd = samples.mean(axis=0), samples.std(axis=0)
    origin, factor = np.zeros(count), np.ones(count)
    labels = [f"{axis}\\ [\\mathrm{{km}}]" for axis in _AXES]
    if np.all(sd[:3] < _METRE_SCALE_KM):
        origin[:3], factor[:3] = np.round(mean[:3], 3), 1000.0
        labels = [
            f"{axis} - {middle:.3f}\\ \\mathrm{{km}}\\ [\\mathrm{{m}}]"
            for axis, middle in zip(_AXES, origin[:3], strict=True)
        ]
    if count > 3:
        factor[3] = 1000.0
        labels.append(f"{_ORIGIN_TIME}\\ [\\mathrm{{ms}}]")
    with style(), matplotlib.rc_context({"figure.constrained_layout.use": False}):
        posterior = MCSamples(
            samples=(samples - origin) * factor,
            names=list(names),
            labels=labels,
            settings={"ignore_rows": 0},
        )
        plotter = plots.get_subplot_plotter(width_inch=7.0 if count == 3 else 8.5)
        plotter.settings.axes_fontsize = 10
        plotter.settings.axes_labelsize = 11
        plotter.settings.lab_fontsize = 11
        truth = None
        if source_km is not None:
            truth = dict(zip(_AXES, (np.asarray(source_km) - origin[:3]) * factor[:3], strict=True))
        plotter.triangle_plot(
            [posterior],
            filled=True,
            contour_colors=[BLUE],
            markers=truth,
            marker_args={"color": VERMILLION, "ls": "--", "lw": 1.2},
        )
        for index, name in enumerate(names):
            axes = plotter.subplots[index, index]
            value = _value(mean[index], sd[index], "s" if name == _ORIGIN_TIME else "km")
            axes.set_title(f"${name}$ = {value}" if name == _ORIGIN_TIME else f"{name} = {value}", fontsize=10)
        for axes in filter(None, plotter.subplots.flat):
            for axis in (axes.xaxis, axes.yaxis):
                axis.set_major_locator(MaxNLocator(4 if count == 3 else 3, prune="both"))
        keys = [Patch(color=BLUE, label="68 %"), Patch(color=BLUE, alpha=0.4, label="95 %")]
        if source_km is not None:
            keys.append(Line2D([], [], color=VERMILLION, ls="--", label="true source"))
        # GetDist's own layout leaves no room for the title of the first panel.
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
    time_of_first_sample: bool = False,
) -> Figure:
    """Draw each receiver's observed trace over the 95 % band that the posterior predicts for it.

    Args:
        traces: (receivers, time) observed.
        predicted: (receivers, time) mean of what the posterior predicts.
        predictive_sd: (receivers, time) of data: noise, emulator error and posterior together.
        time_step_s: sampling interval, s.
        receivers_km: (receivers, 3) for the titles.
        unit: of the traces.
        time_of_first_sample: the origin time is unknown, so time is counted from the first sample.
    """
    count, samples = traces.shape
    time_s = np.arange(samples) * time_step_s
    with style():
        figure = Figure(figsize=(8.0, 0.8 + 1.5 * count))
        panels = figure.subplots(count, 1, sharex=True, squeeze=False)[:, 0]
        rows = zip(panels, traces, predicted, predictive_sd, receivers_km, strict=True)
        for panel, trace, model, sd, receiver in rows:
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
            panel.plot(time_s, model, color=BLUE, lw=1.2, label="mean prediction")
            panel.axhline(0.0, color=GREY, lw=0.4, zorder=0)
            panel.set_title("receiver at ({:.3f}, {:.3f}, {:.3f}) km".format(*receiver), loc="left")
            panel.ticklabel_format(axis="y", scilimits=(-3, 4), useMathText=True)
            panel.yaxis.set_major_locator(MaxNLocator(4))
        figure.supylabel(f"trace [{unit}]", fontsize="medium")
        panels[-1].set_xlabel(f"time after {'the first sample' if time_of_first_sample else 'origin'} [s]")
        panels[-1].set_xlim(time_s[0], time_s[-1])
        handles, labels = panels[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper right", ncols=3)
    return figure


def _value(mean: float, sd: float, unit: str) -> str:
    """Return mean ± sd with two significant digits of the sd, but two to five decimals."""
    digits = int(np.clip(1 - np.floor(np.log10(max(sd, 1e-6))), 2, 5))
    return f"{mean:.{digits}f} ± {sd:.{digits}f} {unit}"
