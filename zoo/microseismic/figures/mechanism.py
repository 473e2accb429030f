"""Figure of a source mechanism: beach ball, source type and components, each with its spread."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Circle

from zoo.figures import BLACK, BLUE, GREY, VERMILLION, style
from zoo.microseismic.physics import moment_tensor

# Samples that are averaged in a beach ball, its pixels a side, and samples that are drawn as points.
_BALLS, _PIXELS, _POINTS = 200, 301, 800


def mechanism_figure(tensors_n_m: np.ndarray, true_tensor_n_m: np.ndarray | None = None) -> Figure:
    """Draw the beach ball, the source type (on the lune) and the components of samples of a moment tensor.

    Args:
        tensors_n_m: (n, 6) samples.
        true_tensor_n_m: (6,), if known.
    """
    mean = tensors_n_m.mean(axis=0)
    balls = [
        ("posterior (dark: certain)", tensors_n_m[:: max(1, len(tensors_n_m) // _BALLS)]),
        ("posterior mean", mean[np.newaxis]),
    ]
    if true_tensor_n_m is not None:
        balls.append(("true", np.asarray(true_tensor_n_m)[np.newaxis]))
    with style():
        figure = Figure(figsize=(9.0, 5.6))
        upper, lower = figure.subfigures(2, 1, height_ratios=[1.25, 1])
        panels = upper.subplots(1, 4, width_ratios=[1, 1, 1, 0.9])
        for panel in panels:
            panel.set_axis_off()
        for panel, (name, tensors) in zip(panels, balls, strict=False):
            _draw_ball(panel, tensors)
            panel.set_title(name)
        _draw_lune(panels[3], tensors_n_m, true_tensor_n_m)
        panels[3].set_title("source type")
        _draw_components(lower.subplots(), tensors_n_m, true_tensor_n_m)
    return figure


def _draw_ball(axes: Axes, tensors: np.ndarray) -> None:
    """Draw the lower hemisphere in an equal-area projection: the fraction of tensors (n, 6) with compression there."""
    east, north = np.meshgrid(*[np.linspace(-1, 1, _PIXELS)] * 2)
    radius = np.hypot(east, north)
    # A direction at angle t from straight down has the radius sqrt(2) sin(t / 2); outside the ball, take its rim.
    half = np.arcsin(np.minimum(radius, 1) / np.sqrt(2))
    sine = np.sin(2 * half) / np.maximum(radius, 1e-9)
    ray = np.stack([sine * east, sine * north, -np.cos(2 * half)])
    outward = np.einsum("iab,nij,jab->nab", ray, moment_tensor.as_matrix(tensors), ray, optimize=True)
    image = axes.imshow(
        (outward > 0).mean(axis=0),
        origin="lower",
        extent=(-1, 1, -1, 1),
        cmap=LinearSegmentedColormap.from_list("compression", ["white", BLUE]),
        vmin=0,
        vmax=1,
        interpolation="bilinear",
    )
    image.set_clip_path(Circle((0, 0), 1, transform=axes.transData))
    axes.add_patch(Circle((0, 0), 1, fill=False, color=BLACK, lw=1))
    axes.text(0, 1.04, "N", ha="center", va="bottom", fontsize="small")
    axes.set(xlim=(-1.15, 1.15), ylim=(-1.15, 1.25), aspect="equal")


def _draw_lune(axes: Axes, tensors: np.ndarray, truth: np.ndarray | None) -> None:
    """Draw tensors (n, 6) on the lune of source types, in a sinusoidal (equal-area) projection."""
    latitude = np.linspace(-90, 90, 181)
    for longitude in (-30, 0, 30):
        style_of_line = {"color": GREY, "lw": 0.5} if longitude == 0 else {"color": BLACK, "lw": 1}
        axes.plot(longitude * np.cos(np.deg2rad(latitude)), latitude, **style_of_line)
    axes.plot([-30, 30], [0, 0], color=GREY, lw=0.5)
    for (x, y), name, align in (
        ((0, 93), "explosion", ("center", "bottom")),
        ((0, -93), "implosion", ("center", "top")),
        ((-32, 0), "+CLVD", ("right", "center")),
        ((32, 0), "−CLVD", ("left", "center")),
        ((2, 3), "DC", ("left", "bottom")),
    ):
        axes.text(x, y, name, ha=align[0], va=align[1], fontsize="x-small")

    def position(moment: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        longitude, latitude = moment_tensor.lune(moment)
        return longitude * np.cos(np.deg2rad(latitude)), latitude

    axes.plot(*position(tensors[:: max(1, len(tensors) // _POINTS)]), ".", color=BLUE, ms=2, alpha=0.25, mew=0)
    if truth is not None:
        axes.plot(*position(np.asarray(truth)), "*", color=VERMILLION, ms=11, mec="white", mew=0.6)
    axes.set(xlim=(-62, 62), ylim=(-105, 108), aspect="equal")


def _draw_components(axes: Axes, tensors: np.ndarray, truth: np.ndarray | None) -> None:
    """Draw the six components, in units of a power of ten, with 68 and 95 % intervals."""
    power = int(np.floor(np.log10(np.abs(tensors).mean(axis=0).max())))
    scaled = tensors / 10.0**power
    low, inner_low, middle, inner_high, high = np.percentile(scaled, [2.5, 16, 50, 84, 97.5], axis=0)
    x = np.arange(len(moment_tensor.COMPONENTS))
    axes.vlines(x, low, high, color=BLUE, lw=1.2, label="95 %")
    axes.vlines(x, inner_low, inner_high, color=BLUE, lw=5, label="68 %")
    axes.plot(x, middle, "o", color="white", mec=BLUE, ms=5, label="median")
    if truth is not None:
        axes.plot(x, np.asarray(truth) / 10.0**power, "*", color=VERMILLION, ms=11, mec="white", mew=0.6, label="true")
    axes.axhline(0, color=GREY, lw=0.5, zorder=0)
    axes.set_xticks(x, [f"$M_{{{name}}}$" for name in moment_tensor.COMPONENTS])
    axes.set_ylabel(f"moment [$10^{{{power}}}$ N m]")
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
