"""The figure of `zoo reproduce seismicity-calibration`: false alarms and bursts found, by networks and baselines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator, PercentFormatter

from zoo.figures import BLACK, BLUE, GREEN, GREY, ORANGE, PURPLE, SKY, VERMILLION, save_figure, style

_LOOKS = {  # score -> colour and line; dashed if it knows the past, dotted if it knows what no catalogue tells
    "Poisson scan": (ORANGE, "-"),
    "Poisson scan, past rate": (ORANGE, "--"),
    "Poisson scan, true rate": (ORANGE, ":"),
    "gradient boosting": (GREEN, "-"),
    "gradient boosting, past rate": (GREEN, "--"),
    "largest pixel": (GREY, "-"),
    "event count": (SKY, "-"),
}
_NETWORKS = (BLUE, VERMILLION, PURPLE, BLACK)
Cells = Mapping[str, Sequence[Mapping[str, Any]]]


def draw_calibration(cells: Cells, path: Path, asked: float, subtitle: str) -> None:
    """Draw false alarms over threshold, false alarms measured over those asked for, and bursts found over their size.

    Args:
        cells: score -> what was found in each region (`zoo.seismicity.reproduce_calibration`).
        path: file of the figure.
        asked: false alarms a year at which bursts are found.
        subtitle: what was simulated.
    """
    looks = _looks(list(cells))
    with style():
        figure = Figure(figsize=(10.5, 7.6))
        (over, against), (narrow, wide) = figure.subplots(2, 2)
        _draw_thresholds(over, *next(iter(cells.items())), asked)
        _draw_asked(against, cells, looks)
        spreads = list(next(iter(cells.values()))[0]["found"])
        for axes, sd_px in ((narrow, spreads[0]), (wide, spreads[1])):
            for name, found in cells.items():
                sizes = [int(size) for size in found[0]["found"][sd_px]]
                share = np.mean([list(cell["found"][sd_px].values()) for cell in found], 0)
                colour, line = looks[name]
                axes.plot(sizes, share, line, color=colour, label=name, lw=1.8 if colour in _NETWORKS else 1.2)
            axes.set(xlabel="events of the burst", ylabel="bursts found", ylim=(0, 1.02), xlim=(sizes[0], sizes[-1]))
            axes.set_title(f"bursts of standard deviation {sd_px} px, found at {asked:g} false alarms a year")
            axes.set_xticks(range(5, sizes[-1] + 1, 5))
            axes.yaxis.set_major_formatter(PercentFormatter(1))
            axes.axvline(15, color=GREY, lw=0.6, zorder=0)
            axes.grid(axis="y", color="#E5E5E5", lw=0.6)
        handles, names = narrow.get_legend_handles_labels()
        figure.legend(handles, names, loc="outside lower center", ncols=min(len(names), 4))
        figure.suptitle(subtitle, fontsize="small")
    save_figure(figure, path)


def _draw_thresholds(axes: Axes, name: str, found: Sequence[Mapping[str, Any]], asked: float) -> None:
    """Draw false alarms a year over the threshold of one score, a line a region, and the threshold that is set."""
    shades = np.linspace(0.2, 1.25, len(found))
    for shade, cell in zip(shades, sorted(found, key=lambda cell: cell["events_per_window"]), strict=True):
        threshold, rate = np.array(cell["curve"], float).T
        colour = (0.0, 0.45 * shade, 0.7 * shade)
        axes.plot(threshold, rate, color=colour, label=f"{cell['events_per_window']:.0f}")
        axes.plot([cell["thresholds"][f"{asked:g}"]], [cell["measured"][f"{asked:g}"]], "o", ms=5, color=colour)
    axes.axhline(asked, color=GREY, lw=0.8, ls="--")
    axes.set(yscale="log", xlabel=f"threshold of the score ({name})", ylabel="false alarms a year")
    axes.set_title("each region has its own threshold (dots)", fontsize=9)
    axes.legend(title="events a window", loc="lower left", fontsize=8)


def _draw_asked(axes: Axes, cells: Cells, looks: Mapping[str, tuple[str, str]]) -> None:
    """Draw false alarms in other simulated years over those for which the thresholds were set, mean of the regions."""
    for name, found in cells.items():
        rates = [float(rate) for rate in found[0]["thresholds"]]
        measured = np.mean([list(cell["measured"].values()) for cell in found], 0)
        colour, line = looks[name]
        axes.plot(rates, measured, line, marker="o", ms=3.5, color=colour)
    axes.plot(rates, rates, color=BLACK, lw=0.8)
    axes.annotate(
        "as asked", (rates[1], rates[1]), (rates[1], 1.9 * rates[1]), ha="center", arrowprops={"arrowstyle": "-"}
    )
    axes.set(xscale="log", yscale="log", xlabel="false alarms a year, asked for", ylabel="measured in other years")
    axes.set_ylim(0.5 * rates[0], 2 * rates[-1])
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(FixedLocator(rates))
        axis.set_minor_locator(NullLocator())
        axis.set_major_formatter("{x:g}")
    axes.set_title("false alarms in years that did not set the threshold")


def _looks(names: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Return score -> colour and line; networks of two channels are dashed like all scores that know the past."""
    networks = [name for name in names if name not in _LOOKS]
    families = list(dict.fromkeys(name.split(",")[0] for name in networks))
    colours = {family: _NETWORKS[number % len(_NETWORKS)] for number, family in enumerate(families)}
    own = {name: (colours[name.split(",")[0]], "--" if name.endswith(", past rate") else "-") for name in networks}
    return {**_LOOKS, **own}
