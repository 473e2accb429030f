"""Figures of velocity models and shots of full-waveform inversion, like Sun et al., figures 16 to 20.

Velocities are (z, x) in m/s and drawn in km/s over kilometres, depth downwards, in true proportions. The drawing
functions take plain arrays, so that results, pictures of a run on its way and the reproduction of the paper share them.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from zoo.figures import BLACK, VERMILLION, save_figure, style

VELOCITY, DIFFERENCE, DEVIATION, WAVES = "viridis", "RdBu_r", "magma_r", "gray"
_LABELS = {"velocity": "velocity", "difference": "difference", "deviation": "sd"}
_PANEL_INCH = 4.2  # width of a velocity panel
_LOUDEST = 93  # percentile of the magnitudes in a shot at which its grey scale ends; direct waves are beyond it


def draw_models(
    models: Mapping[str, np.ndarray],
    spacing_m: float,
    path: str | os.PathLike,
    *,
    differences: Mapping[str, np.ndarray] | None = None,
    deviations: Mapping[str, np.ndarray] | None = None,
    sources: np.ndarray | None = None,
    receivers: np.ndarray | None = None,
    title: str = "",
) -> Path:
    """Draw velocity models side by side on one colour scale, and differences on another (figures 16, 18 to 20).

    Args:
        models: title -> (Z, X) m/s.
        spacing_m: grid spacing.
        path: where the picture is written.
        differences: title -> (Z, X) m/s, drawn in red and blue about zero.
        deviations: title -> (Z, X) m/s, drawn from zero upwards.
        sources, receivers: (n, 2) cells (z, x), marked in the first panel.
        title: title above all panels.
    """
    differences, deviations = differences or {}, deviations or {}
    panels = {**models, **differences, **deviations}
    kinds = ["velocity"] * len(models) + ["difference"] * len(differences) + ["deviation"] * len(deviations)
    shape = next(iter(models.values())).shape
    columns = len(panels) if len(panels) <= 3 else 2 if len(panels) == 4 else 3
    rows = -(-len(panels) // columns)
    low, high = velocity_limits(models)
    largest = max((float(np.percentile(np.abs(values), 99)) for values in differences.values()), default=0) / 1000
    largest = largest or 1e-3
    widest = max((float(np.percentile(values, 99)) for values in deviations.values()), default=0) / 1000 or 1e-3
    scales = {
        "velocity": {"cmap": VELOCITY, "vmin": low, "vmax": high},
        "difference": {"cmap": DIFFERENCE, "vmin": -largest, "vmax": largest},
        "deviation": {"cmap": DEVIATION, "vmin": 0.0, "vmax": widest},
    }
    with style():
        width, height = _panel_size(shape)
        figure = Figure(
            figsize=(columns * (width + 0.2) + 1.6, rows * (height + 0.35) + 0.55 + 0.25 * bool(title)),
            layout="compressed",
        )
        grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
        images = {}
        for number, (axes, (name, values)) in enumerate(zip(grid.flat, panels.items(), strict=False)):
            images[kinds[number]] = draw_velocity(axes, values, spacing_m, **scales[kinds[number]])
            axes.set_title(f"({chr(97 + number)}) {name}" if len(panels) > 1 else name, loc="left")
        for axes in grid.flat[len(panels) :]:
            axes.set_visible(False)
        _label_outer(grid, len(panels))
        _mark(grid.flat[0], spacing_m, sources, receivers)
        beside: dict[str, Any] = {"velocity": list(grid.flat[: len(models)])}
        beside["difference"] = list(grid.flat[len(models) : len(models) + len(differences)])
        beside["deviation"] = list(grid.flat[len(models) + len(differences) : len(panels)])
        if differences and rows > 1 and not deviations:  # one bar for each row, not one over the other
            beside |= {"velocity": list(grid[:-1].flat), "difference": list(grid[-1])}
        for kind, image in images.items():
            label, ends = f"{_LABELS[kind]} (km/s)", "both" if kind == "difference" else "max"
            if kind == "velocity":
                ends = _beyond(models.values(), low, high)
            look = {"pad": 0.015, "aspect": 16, "extend": ends, "ticks": MaxNLocator(5)}
            figure.colorbar(image, ax=beside[kind], **look).set_label(label, labelpad=8)
        if title:
            figure.suptitle(title, fontsize="medium")
    return save_figure(figure, path)


def draw_velocity(axes: Axes, velocity_m_s: np.ndarray, spacing_m: float, **scale: Any) -> Any:
    """Draw velocities over distance and depth, both in km; return the image.

    The centre of the cell (z, x) lies at (z, x) times the spacing.

    Args:
        axes: where it is drawn.
        velocity_m_s: (Z, X), drawn in km/s.
        spacing_m: grid spacing.
        scale: cmap, and vmin and vmax in km/s.
    """
    rows, columns = velocity_m_s.shape
    half, km = spacing_m / 2000, spacing_m / 1000
    extent = (-half, columns * km - half, rows * km - half, -half)
    image = axes.imshow(velocity_m_s / 1000, extent=extent, interpolation="nearest", aspect="equal", **scale)
    axes.spines[["top", "right"]].set_visible(True)
    axes.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 2.5, 5, 10]))
    axes.yaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 2.5, 5, 10]))
    return image


def draw_shots(
    traces: Mapping[str, np.ndarray],
    time_step_s: float,
    receiver_m: np.ndarray,
    source_m: Sequence[float],
    path: str | os.PathLike,
    *,
    weights: np.ndarray | None = None,
    names: Sequence[str] | None = None,
    along: str = "x",
) -> Path:
    """Draw the traces of shots: a row for each kind (observed, predicted, ...), a column for each shot (figure 17).

    A single kind is spread over rows of up to five shots. Shots with a single receiver become lines, all kinds in one
    panel.

    Args:
        traces: kind -> (S, T, R); all kinds of a shot share the grey scale of the first.
        time_step_s: time between samples.
        receiver_m: (R,) positions of the receivers along a line.
        source_m: (S,) positions of the sources along it, marked at the top of each panel.
        path: where the picture is written.
        weights: (S, R); traces of weight 0 stay white.
        names: names of the shots, by default "shot 1" and so on.
        along: what the line runs along, "x" or "depth".
    """
    kinds, shots = list(traces), len(source_m)
    names = names or [f"shot {number + 1}" for number in range(shots)]
    if len(receiver_m) == 1:
        return _draw_traces(traces, time_step_s, path, names)
    order = np.argsort(receiver_m, kind="stable")
    edges_km = _edges(np.asarray(receiver_m, float)[order] / 1000)
    samples = traces[kinds[0]].shape[1]
    edges_s = _edges((np.arange(samples) + 1) * time_step_s)
    rows = -(-shots // 5) if len(kinds) == 1 else len(kinds)
    columns = -(-shots // rows) if len(kinds) == 1 else shots
    with style():
        figure = Figure(figsize=(min(13.0, 2.5 * columns + 0.9), 2.6 * rows + 0.5))
        grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
        for shot in range(shots):
            there = np.ones(len(order), bool) if weights is None else np.asarray(weights)[shot, order] > 0
            loud = np.abs(traces[kinds[0]][shot][:, order[there]])
            clip = float(np.percentile(loud, _LOUDEST)) or float(loud.max()) or 1.0 if loud.size else 1.0
            for number, kind in enumerate(kinds):
                axes = grid.flat[shot] if len(kinds) == 1 else grid[number, shot]
                values = np.where(there, traces[kind][shot][:, order], np.nan)
                axes.pcolormesh(edges_km, edges_s, values, cmap=WAVES, vmin=-clip, vmax=clip, rasterized=True)
                axes.spines[["top", "right"]].set_visible(True)
                if number == 0:
                    axes.set_title(names[shot])
                    marker = {"marker": "*", "ms": 9, "mfc": VERMILLION, "mec": "white", "mew": 0.5, "clip_on": False}
                    axes.plot(source_m[shot] / 1000, 0, zorder=5, **marker)
        grid[0, 0].set(xlim=edges_km[[0, -1]], ylim=(samples * time_step_s, 0))
        grid[0, 0].xaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 2.5, 5, 10]))
        for number, first in enumerate(grid[:, 0]):
            first.set_ylabel("time (s)" if len(kinds) == 1 else f"{kinds[number]}\ntime (s)")
        for number, axes in enumerate(grid.flat):
            axes.set_visible(number < shots * len(kinds))
            if number + columns >= shots * len(kinds):  # nothing below it
                axes.set_xlabel(f"receiver {along} (km)")
                axes.tick_params(labelbottom=True)
        figure.get_layout_engine().set(w_pad=0.02, h_pad=0.02)
    return save_figure(figure, path)


def _draw_traces(
    traces: Mapping[str, np.ndarray], time_step_s: float, path: str | os.PathLike, names: Sequence[str]
) -> Path:
    with style():
        figure = Figure(figsize=(7.0, 1.9 * len(names) + 0.8))
        panels = figure.subplots(len(names), 1, sharex=True, squeeze=False)[:, 0]
        for shot, (axes, name) in enumerate(zip(panels, names, strict=True)):
            for kind, values in traces.items():
                time_s = (np.arange(values.shape[1]) + 1) * time_step_s
                axes.plot(time_s, values[shot, :, 0], label=kind, lw=1.8 if kind == "observed" else 1.0)
            axes.set(title=name, ylabel="amplitude")
        panels[-1].set(xlabel="time (s)", xlim=(0, time_s[-1]))
        figure.legend(*panels[0].get_legend_handles_labels(), loc="outside upper center", ncols=len(traces))
    return save_figure(figure, path)


def _mark(axes: Axes, spacing_m: float, sources: np.ndarray | None, receivers: np.ndarray | None) -> None:
    km = spacing_m / 1000
    handles = []
    if receivers is not None:
        some = np.asarray(receivers)[:: max(1, len(receivers) // 40)]
        look = {"ls": "", "marker": "v", "ms": 3, "color": "white", "mec": BLACK, "mew": 0.4, "clip_on": False}
        handles += axes.plot(some[:, 1] * km, some[:, 0] * km, label="receivers", zorder=4, **look)
    if sources is not None:
        look = {"ls": "", "marker": "*", "ms": 8, "color": VERMILLION, "mec": "white", "mew": 0.4, "clip_on": False}
        handles += axes.plot(
            np.asarray(sources)[:, 1] * km, np.asarray(sources)[:, 0] * km, label="sources", zorder=5, **look
        )
    if handles:
        axes.legend(
            handles=handles,
            loc="lower left",
            fontsize="small",
            frameon=True,
            framealpha=0.85,
            edgecolor="none",
            handletextpad=0.2,
            borderpad=0.3,
        )


def _label_outer(grid: np.ndarray, count: int) -> None:
    rows, columns = grid.shape
    for number, axes in enumerate(grid.flat[:count]):
        if number % columns == 0:
            axes.set_ylabel("depth (km)")
        if number + columns >= count:  # nothing below it
            axes.set_xlabel("distance (km)")
            axes.tick_params(labelbottom=True)


def _panel_size(shape: tuple[int, int]) -> tuple[float, float]:
    ratio = float(np.clip(shape[0] / shape[1], 0.15, 2.0))
    width = _PANEL_INCH if ratio <= 0.8 else _PANEL_INCH * 0.8 / ratio
    return width, width * ratio


def velocity_limits(models: Mapping[str, np.ndarray]) -> tuple[float, float]:
    """Return limits in km/s, from truth and start if the truth is among the models, else from all; never equal."""
    chosen = list(models.values())
    if "true" in models:
        chosen = [models[name] for name in ("true", "start") if name in models]
    low, high = (float(end([end(values) for values in chosen])) / 1000 for end in (np.min, np.max))
    return (low, high) if high - low > 1e-3 else (low - 0.05, high + 0.05)


def _beyond(models: Iterable[np.ndarray], low: float, high: float) -> str:
    """Return, in matplotlib's words, beyond which ends of a colour bar from `low` to `high` km/s velocities lie."""
    tolerance = 0.01 * (high - low)
    under = any(values.min() / 1000 < low - tolerance for values in models)
    over = any(values.max() / 1000 > high + tolerance for values in models)
    return {(True, True): "both", (True, False): "min", (False, True): "max"}.get((under, over), "neither")


def _edges(centres: np.ndarray) -> np.ndarray:
    """Return the edges (n + 1,) of cells whose centres (n,) ascend, evenly or not."""
    centres = np.asarray(centres, float)
    if not np.ptp(centres):
        return centres[0] + np.linspace(-0.01, 0.01, len(centres) + 1)
    middle = (centres[1:] + centres[:-1]) / 2
    return np.concatenate([[2 * centres[0] - middle[0]], middle, [2 * centres[-1] - middle[-1]]])
