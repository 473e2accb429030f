"""Figures of the transfer study of Kong et al. (2021)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from zoo.figures import BLUE, GREEN, GREY, ORANGE, save_figure, style

_SCHEMAS = {  # the paper's colours
    "baseline": ("from scratch", BLUE),
    "frozen": ("frozen encoder", ORANGE),
    "finetune": ("fine-tuned encoder", GREEN),
}
_TASKS = {
    "noise_earthquake": "noise or earthquake",
    "explosion_earthquake": "explosion or earthquake",
    "p_picker": "P arrival",
}
_MEASURES = {"accuracy": "test accuracy", "sd_of_absolute_s": "sd of absolute error (s)"}
Rows = Sequence[Mapping[str, Any]]


def draw_reconstruction(rows: Rows, path: Path) -> None:
    """Draw test error over the bottleneck, a line for each number of maps (figure 3); collapsed runs are left out."""
    with style():
        figure = Figure(figsize=(5.2, 3.6))
        axes = figure.subplots()
        bottlenecks = sorted({row["bottleneck"] for row in rows})
        for maps in sorted({row["maps"] for row in rows}):
            errors = {row["bottleneck"]: row["mae"] for row in rows if row["maps"] == maps and not row["collapsed"]}
            line = [errors.get(bottleneck, np.nan) for bottleneck in bottlenecks]
            axes.plot(range(len(line)), line, "o" + (":" if maps <= 8 else "-"), ms=4, label=f"{maps} maps")
        zero = [row["mae_of_zero"] for row in rows if not row["collapsed"]]
        if zero:
            axes.axhline(zero[0], color=GREY, ls="--", label="zeros")
        axes.set_xticks(range(len(bottlenecks)), [str(bottleneck) for bottleneck in bottlenecks])
        axes.set(xlabel="length of the bottleneck", ylabel="mean absolute error, windows of -1 to 1")
        if len(zero) > 0:
            axes.set_yscale("log")
        figure.legend(loc="outside right center")
        figure.suptitle(_corpora(rows), fontsize="small")
    save_figure(figure, path)


def draw_learning(rows: Rows, path: Path) -> None:
    """Draw scores over the number of labels, a panel for each task (figures 5 to 7), with bands of one sd."""
    tasks = list(dict.fromkeys(row["task"] for row in rows))
    with style():
        figure = Figure(figsize=(3.6 * len(tasks), 3.8))
        for axes, task in zip(figure.subplots(1, len(tasks), squeeze=False)[0], tasks, strict=True):
            of_task = [row for row in rows if row["task"] == task]
            for schema, (name, colour) in _SCHEMAS.items():
                some = [row for row in of_task if row["schema"] == schema]
                labels, mean, sd = (np.array([row[key] for row in some], float) for key in ("labels", "mean", "sd"))
                axes.plot(labels, mean, "o-", ms=4, color=colour, label=name)
                axes.fill_between(labels, mean - sd, mean + sd, color=colour, alpha=0.2, lw=0)
            failed, runs = (sum(row[key] for row in of_task) for key in ("failed", "repeats"))
            title = f"{_TASKS[task]}\n{failed} of {runs} runs failed"
            axes.set(xscale="log", xlabel="labels", ylabel=_MEASURES[of_task[0]["measure"]], title=title)
            sizes = sorted({row["labels"] for row in of_task})
            axes.set_xticks(sizes, [f"{size:,}" for size in sizes])
            axes.set_xticks([], minor=True)
        handles, names = axes.get_legend_handles_labels()
        figure.legend(handles, names, loc="outside lower center", ncols=3)
        figure.suptitle(_corpora(rows), fontsize="small")
    save_figure(figure, path)


def _corpora(rows: Rows) -> str:
    """Return where the data come from, and what of it is made up."""
    names = dict.fromkeys(row["corpus"].split("/")[0] for row in rows)
    return ", ".join(f"{name} (SYNTHETIC)" if name == "local_seismograms" else name for name in names)
