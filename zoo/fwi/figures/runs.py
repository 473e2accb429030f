"""Figures of the course and the outcome of inversions: profiles, losses, several runs beside each other.

Like Sun et al., figures 6 to 15, 21 and 22.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

from zoo.figures import BLACK, GREY, PALETTE, save_figure, style
from zoo.fwi.figures.models import velocity_limits

_LINES = ("-", "--", "-.", ":")


def draw_profiles(
    models: Mapping[str, np.ndarray],
    spacing_m: float,
    path: str | os.PathLike,
    *,
    x_m: Sequence[float] | None = None,
) -> Path:
    """Draw velocity against depth at some distances (figure 22).

    Args:
        models: name -> (Z, X) m/s; "true" and "start" are drawn in black and grey.
        spacing_m: grid spacing.
        path: where the picture is written.
        x_m: the distances; by default a seventh, half and six sevenths of the width.
    """
    rows, columns = next(iter(models.values())).shape
    width_m = (columns - 1) * spacing_m
    x_m = [width_m / 7, width_m / 2, width_m * 6 / 7] if x_m is None else x_m
    with style():
        figure = Figure(figsize=(2.6 * len(x_m) + 0.4, 4.2))
        panels = figure.subplots(1, len(x_m), sharex=True, sharey=True, squeeze=False)[0]
        depth_km = np.arange(rows) * spacing_m / 1000
        for number, (axes, x) in enumerate(zip(panels, x_m, strict=True)):
            column = int(np.clip(round(x / spacing_m), 0, columns - 1))
            for name, look in _looks(models).items():
                axes.plot(models[name][:, column] / 1000, depth_km, label=name, **look)
            letter = f"({chr(97 + number)}) " if len(x_m) > 1 else ""
            axes.set(xlabel="velocity (km/s)", title=f"{letter}x = {column * spacing_m / 1000:.2f} km")
            axes.grid(alpha=0.25, lw=0.5)
        panels[0].set(ylabel="depth (km)", ylim=(depth_km[-1], 0))
        figure.legend(*panels[0].get_legend_handles_labels(), loc="outside upper center", ncols=min(4, len(models)))
    return save_figure(figure, path)


def draw_history(runs: Mapping[str, Sequence[Mapping[str, Any]]], path: str | os.PathLike) -> Path:
    """Draw the loss and, where the truth is known, the model's RMSE against iteration (figure 21).

    The loss is relative to its first value in each stage, since the misfits of two bands of frequency do not compare.

    Args:
        runs: name -> rows with iteration, loss, stage and perhaps model_rmse_m_s, as in
            `zoo.fwi.inversion.fit.Result.history`.
        path: where the picture is written.
    """
    known = any(_finite(rows, "model_rmse_m_s").any() for rows in runs.values())
    staged = any(rows[0].get("stage") != rows[-1].get("stage") for rows in runs.values())
    with style():
        figure = Figure(figsize=(9.2 if known else 5.6, 3.6))
        panels = figure.subplots(1, 1 + known, squeeze=False)[0]
        for number, (name, rows) in enumerate(runs.items()):
            look = {"color": PALETTE[number % len(PALETTE)], "ls": _LINES[number // len(PALETTE)]}
            iterations = np.array([row["iteration"] for row in rows])
            stages = np.array([row.get("stage", 0) for row in rows])
            loss = np.array([row["loss"] for row in rows], float)
            for stage in np.unique(stages):
                part = stages == stage
                first = loss[part][0] or 1.0
                panels[0].plot(iterations[part], loss[part] / first, label=name if stage == stages[0] else None, **look)
                if stage != stages[0] and len(runs) == 1:
                    for axes in panels:
                        axes.axvline(iterations[part][0], color=GREY, lw=0.8, ls=":")
            there = _finite(rows, "model_rmse_m_s")
            if there.any():
                rmse = np.array([row["model_rmse_m_s"] for row, has in zip(rows, there, strict=True) if has])
                panels[1].plot(iterations[there], rmse, label=name, **look)
        panels[0].set(
            xlabel="iteration",
            ylabel="loss / first loss of the stage" if staged else "loss / first loss",
            yscale="log",
        )
        _decades(panels[0])
        if known:
            panels[1].set(xlabel="iteration", ylabel="model RMSE (m/s)")
        for axes in panels:
            axes.grid(alpha=0.25, lw=0.5)
        if len(runs) > 1:
            figure.legend(*panels[0].get_legend_handles_labels(), loc="outside upper center", ncols=min(5, len(runs)))
    return save_figure(figure, path)


def draw_runs_1d(
    profiles: Mapping[str, np.ndarray],
    losses: Mapping[str, np.ndarray],
    true_m_s: np.ndarray,
    start_m_s: np.ndarray,
    spacing_m: float,
    path: str | os.PathLike,
    *,
    title: str = "",
) -> Path:
    """Draw 1-D inversions beside truth and start, and their losses against iteration (figures 6 to 15).

    Args:
        profiles: name -> inverted velocity (Z,) m/s.
        losses: name -> (iterations,), with the same names; values that are not finite end a curve.
        true_m_s, start_m_s: (Z,) velocities.
        spacing_m: grid spacing.
        path: where the picture is written.
        title: title above both panels.
    """
    depth_km = np.arange(len(true_m_s)) * spacing_m / 1000
    with style():
        figure = Figure(figsize=(9.0, 4.0 + 0.25 * bool(title)))
        left, right = figure.subplots(1, 2, width_ratios=[1, 1.15])
        left.plot(depth_km, np.asarray(true_m_s) / 1000, color=BLACK, lw=1.8, label="true")
        left.plot(depth_km, np.asarray(start_m_s) / 1000, color=GREY, lw=1.5, ls="--", label="start")
        for number, (name, values) in enumerate(profiles.items()):
            look = {"color": PALETTE[number % 6], "ls": _LINES[number // 6]}
            left.plot(depth_km, np.asarray(values) / 1000, label=name, **look)
            loss = np.asarray(losses[name], float)
            right.plot(np.arange(1, len(loss) + 1), np.where(np.isfinite(loss), loss, np.nan), label=name, **look)
        low, high = velocity_limits({"true": true_m_s, "start": start_m_s})
        margin = 0.35 * (high - low)  # a run that diverged must not squeeze the others
        left.set(
            xlabel="depth (km)", ylabel="velocity (km/s)", title="(a) final model", ylim=(low - margin, high + margin)
        )
        right.set(xlabel="iteration", ylabel="loss", title="(b) loss", yscale="log")
        _decades(right)
        for axes in (left, right):
            axes.title.set_ha("left")
            axes.title.set_x(0)
            axes.grid(alpha=0.25, lw=0.5)
        figure.legend(*left.get_legend_handles_labels(), loc="outside right center")
        if title:
            figure.suptitle(title, fontsize="medium")
    return save_figure(figure, path)


def _looks(models: Mapping[str, np.ndarray]) -> dict[str, dict[str, Any]]:
    fixed = {"true": {"color": BLACK, "lw": 1.8}, "start": {"color": GREY, "ls": "--"}}
    others = [name for name in models if name not in fixed]
    looks = {name: {"color": PALETTE[number % 6]} for number, name in enumerate(others)}
    return {name: fixed.get(name) or looks[name] for name in models}


def _finite(rows: Sequence[Mapping[str, Any]], key: str) -> np.ndarray:
    return np.array([row.get(key) is not None and np.isfinite(row[key]) for row in rows], bool)


def _decades(axes: Axes) -> None:
    """Label a logarithmic axis at powers of ten, and between them too if it spans less than two decades."""
    low, high = axes.get_ylim()
    if low > 0 and np.log10(high / low) < 2:
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_formatter(NullFormatter())
