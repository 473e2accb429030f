"""Figures of the transfer study of Kong et al. (2021)."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from zoo.figures import BLUE, GREEN, GREY, ORANGE, save_figure, style

_SCHEMAS = {  # the paper's colours
    "baseline": ("from scratch", BLUE),
    "frozen": ("frozen encoder", ORANGE),
    "finetune": ("fine-tuned encoder", GREEN),
}
_TASKS = {
    "noise_earthquake": "noise or earthquake",
    "explosion_window": "explosion or earthquake",
    "p_picker": "P arrival",
}
_MEASURES = {"accuracy": "test accuracy", "sd_of_absolute_s": "sd of absolute error (s)"}
Rows = Sequence[Mapping[str, Any]]


def draw_reconstruction(rows: Rows, path: Path) -> None:
    """Draw the test error against the bottleneck, a line for each number of maps (figure 3), without collapsed runs."""
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
        figure.suptitle(_datasets(rows), fontsize="small")
    save_figure(figure, path)


def draw_learning(rows: Rows, path: Path, linear: bool = False) -> None:
    """Draw scores against the number of labels (figures 5 to 8), with bands of one sd.

    A column of panels for each task, a row for each encoder and head.

    Args:
        rows: rows of the table.
        path: the file to write.
        linear: whether the axis of labels is linear (figure 8), not logarithmic.
    """
    grid = _grid(rows)
    with style():
        figure = Figure(figsize=(max(3.6 * len(grid[0]), 5.6), 0.8 + 3.0 * len(grid)))
        panels = figure.subplots(len(grid), len(grid[0]), squeeze=False)
        for axes, (task, variant, of_panel) in zip(panels.flat, itertools.chain(*grid), strict=True):
            _lines(axes, of_panel, "mean", "sd", linear)
            failed, runs = (sum(row[key] for row in of_panel) for key in ("failed", "repeats"))
            title = f"{_TASKS[task]}, {variant}\n{failed} of {runs} runs failed"
            axes.set(xlabel="labels", ylabel=_MEASURES[of_panel[0]["measure"]])
            axes.set_title(title, fontsize="small")
        handles, names = axes.get_legend_handles_labels()
        figure.legend(handles, names, loc="outside lower center", ncols=3)
        figure.suptitle(_datasets(rows), fontsize="small")
    save_figure(figure, path)


def draw_over_snr(rows: Rows, path: Path) -> None:
    """Draw the sd of P's absolute error against SNR (figures S26, S27), a panel for each encoder and head."""
    variants = list(dict.fromkeys(row["encoder"] for row in rows))
    with style():
        figure = Figure(figsize=(max(3.8 * len(variants), 5.6), 3.8))
        panels = figure.subplots(1, max(1, len(variants)), squeeze=False, sharey=True)[0]
        for axes, variant in zip(panels, variants, strict=True):
            for schema, (name, colour) in _SCHEMAS.items():
                some = [row for row in rows if row["encoder"] == variant and row["schema"] == schema]
                middle = [(row["snr_from_db"] + row["snr_to_db"]) / 2 for row in some]
                if some:
                    axes.plot(middle, [row["sd_of_absolute_s"] for row in some], "o-", ms=4, color=colour, label=name)
            axes.set(xlabel="SNR of P, vertical, 2 to 8 Hz (dB)")
            axes.set_title(f"{', '.join(variant.rsplit('_', 1))}, {rows[0]['labels']:,} labels", fontsize="small")
            axes.set_ylim(bottom=0)
        panels[0].set_ylabel("sd of absolute error (s)")
        handles, names = panels[0].get_legend_handles_labels()
        figure.legend(handles, names, loc="outside lower center", ncols=3)
        figure.suptitle(_datasets(rows), fontsize="small")
    save_figure(figure, path)


def draw_residuals(rows: Rows, errors: Mapping[tuple[int, str], np.ndarray], path: Path) -> None:
    """Draw the errors of P, predicted less labelled, a panel for each number of labels (figure 9).

    Args:
        rows: rows of the table, for the title.
        errors: errors (s) by (labels, schema).
        path: the file to write.
    """
    sizes = sorted({labels for labels, _ in errors})
    bins = np.linspace(-13, 13, 53)
    with style():
        figure = Figure(figsize=(max(3.4 * len(sizes), 5.6), 3.6))
        panels = figure.subplots(1, len(sizes), squeeze=False, sharey=True)[0]
        for axes, labels in zip(panels, sizes, strict=True):
            for schema, (name, colour) in _SCHEMAS.items():
                error_s = np.clip(errors[labels, schema], bins[0], bins[-1])  # outliers count at the ends
                share = np.histogram(error_s, bins)[0] / len(error_s)
                axes.stairs(share, bins, color=colour, lw=1.5, label=name)
            axes.axvline(0, color=GREY, lw=0.8, zorder=0)
            axes.set(xlabel="predicted less labelled P (s)", title=f"{labels:,} labels", xlim=(bins[0], bins[-1]))
        panels[0].set_ylabel("share of the test windows")
        handles, names = axes.get_legend_handles_labels()
        figure.legend(handles, names, loc="outside lower center", ncols=3)
        figure.suptitle(_datasets(rows), fontsize="small")
    save_figure(figure, path)


def draw_cost(rows: Rows, path: Path) -> None:
    """Draw the CPU time to convergence against the number of labels (figure 10), panels as in `draw_learning`."""
    grid = _grid(rows)
    with style():
        figure = Figure(figsize=(max(3.6 * len(grid[0]), 5.6), 0.8 + 3.0 * len(grid)))
        panels = figure.subplots(len(grid), len(grid[0]), squeeze=False, sharey=True)
        for axes, (task, variant, of_panel) in zip(panels.flat, itertools.chain(*grid), strict=True):
            _lines(axes, of_panel, "mean_cpu_s", "sd_cpu_s")
            axes.set(xlabel="labels")
            axes.set_title(f"{_TASKS[task]}, {variant}", fontsize="small")
            axes.set_yscale("log")
            axes.yaxis.set_major_formatter("{x:g}")
            axes.yaxis.set_minor_formatter("{x:g}")
        for first in panels[:, 0]:
            first.set_ylabel("CPU-seconds to convergence")
        handles, names = axes.get_legend_handles_labels()
        figure.legend(handles, names, loc="outside lower center", ncols=3)
        figure.suptitle(_datasets(rows), fontsize="small")
    save_figure(figure, path)


def _grid(rows: Rows) -> list[list[tuple[str, str, Rows]]]:
    """Return rows of panels, one for each encoder and head: (task, encoder and head, the table's rows)."""
    tasks = dict.fromkeys(row["task"] for row in rows)
    variants = dict.fromkeys((row["encoder"], row["head"]) for row in rows)
    return [
        [
            (
                task,
                f"{encoder}, {head}",
                [r for r in rows if (r["task"], r["encoder"], r["head"]) == (task, encoder, head)],
            )
            for task in tasks
        ]
        for encoder, head in variants
    ]


def _lines(axes: Axes, rows: Rows, mean: str, sd: str, linear: bool = False) -> None:
    """Draw a line for each schema against the number of labels, with a band of one standard deviation."""
    for schema, (name, colour) in _SCHEMAS.items():
        some = [row for row in rows if row["schema"] == schema]
        labels, middle, half = (np.array([row[key] for row in some], float) for key in ("labels", mean, sd))
        axes.plot(labels, middle, "o-", ms=4, color=colour, label=name)
        axes.fill_between(labels, middle - half, middle + half, color=colour, alpha=0.2, lw=0)
    sizes = sorted({row["labels"] for row in rows})
    axes.set_xscale("linear" if linear else "log")
    axes.set_xticks(sizes, [f"{size:,}" for size in sizes])
    axes.set_xticks([], minor=True)


def _datasets(rows: Rows) -> str:
    """Return the names of the datasets, with those that are synthetic marked."""
    names = dict.fromkeys(row["dataset"].split("/")[0] for row in rows)
    return ", ".join(f"{name} (SYNTHETIC)" if name == "local_seismograms" else name for name in names)
