"""Figures of a map of crustal thickness like figures 4, 6, 8, 9 and 10 of Cheng et al. (2019), without a map library.

`crust` is a `zoo.crust.crust_map.CrustMap`. Regular grids are drawn cell by cell, other points as dots. Points whose
flag is not "ok" are hatched (dots: crossed); those without data are grey.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, PathPatch
from matplotlib.path import Path as Path2D
from matplotlib.ticker import FuncFormatter, MaxNLocator

from zoo.errors import ZooError
from zoo.field.coasts import draw_coasts
from zoo.figures import BLACK, BLUE, GREY, ORANGE, VERMILLION, save_figure, style

_THICKNESS, _SD, _VELOCITY, _ERROR, _DIFFERENCE = "viridis", "magma_r", "cividis", "inferno_r", "RdBu_r"
_NO_DATA = "0.88"
_LONG_SIDE_INCH = 4.4
_WIDEST = 2.2  # a map's panel is at most so many times as wide as high, or the reverse
_FEWEST_DRAWN = 50  # effective samples that a histogram needs; fewer make a misleading picture
_MOST_CURVES, _MANY_POINTS = 300, 1500  # curves that are drawn; points from which bars are paler and dots smaller
_SMALLEST_COSINE = 0.1  # of a latitude: near the poles maps are stretched no further
_TICKS_S = (4, 5, 7, 10, 15, 20, 30, 40, 60, 80, 100, 150, 200)


def draw_lines(
    x: Sequence[float],
    lines: Mapping[str, Sequence[float]],
    x_label: str,
    y_label: str,
    path: Path,
    log_x: bool = False,
) -> None:
    """Draw named lines over x, with a mark at each value."""
    with style():
        figure = Figure(figsize=(6.0, 3.8))
        axes = figure.subplots()
        for name, values in lines.items():
            axes.plot(x, values, "o-", ms=4, label=name)
        axes.set(xlabel=x_label, ylabel=y_label, xscale="log" if log_x else "linear")
        axes.set_xticks(x, [f"{value:.3g}" for value in x])
        axes.set_xticks([], minor=True)
        figure.legend(loc="outside upper center", ncols=len(lines) if len(lines) <= 3 else 2)
    save_figure(figure, path)


def draw_posteriors(
    posterior: Any, chains: Any, weighted: Any, true_km: float, moho_range_km: Sequence[float], path: Path
) -> None:
    """Draw the distribution of one thickness by a network, by Markov chains, and by weighted prior draws.

    Args:
        posterior: the network's `MohoPosterior` of one curve.
        chains: `zoo.crust.mcmc.Chains` of the same curve.
        weighted: `zoo.crust.mcmc.Weighted` of the same curve.
        true_km: the truth.
        moho_range_km: (2,), range of the prior.
        path: the file.
    """
    edges = np.linspace(*moho_range_km, 41)
    middle = (edges[1:] + edges[:-1]) / 2
    with style():
        figure = Figure(figsize=(6.4, 3.8))
        axes = figure.subplots()
        density = np.diff([float(posterior.cdf(np.array([edge]))[0]) for edge in edges]) / np.diff(edges)
        axes.hist(chains.moho_km.ravel(), edges, density=True, color=GREY, alpha=0.5, label="Markov chains")
        if weighted.ess > _FEWEST_DRAWN:
            weights, style_ = weighted.weights, {"histtype": "step", "color": ORANGE, "lw": 1.5}
            label = f"weighted training dataset ({weighted.ess:.0f} effective)"
            axes.hist(weighted.moho_km, edges, weights=weights, density=True, label=label, **style_)
        axes.plot(middle, density, color=BLUE, lw=2, label="network")
        axes.axvline(true_km, color=VERMILLION, ls="--", label="true thickness")
        axes.set(xlabel="crustal thickness (km)", ylabel="posterior density (1/km)", xlim=moho_range_km)
        axes.set_title(f"one curve, 0.5 % noise; chains: R-hat {chains.r_hat:.2f}, {chains.ess:.0f} effective samples")
        axes.legend()
    save_figure(figure, path)


def draw_all(crust: Any, folder: Path) -> None:
    """Write every figure for which a map has the data to a folder."""
    figures = {
        "overview.png": overview_figure,
        "phase_velocity.png": phase_velocity_figure,
        "dispersion.png": dispersion_figure,
        "thickness.png": thickness_figure,
        "uncertainty.png": uncertainty_figure,
    }
    if np.isfinite(crust.relative_error).any():  # equation 4 is of phase velocities of Rayleigh waves
        figures["relative_error.png"] = relative_error_figure
    if crust.comparison is not None:
        figures["comparison.png"] = comparison_figure
    for name, draw in figures.items():
        save_figure(draw(crust), folder / name)


def profile_figure(answer: Any) -> Figure:
    """Draw Vs with depth and its 68 % interval, and the Moho with its own, of single curves; beside them the data.

    Args:
        answer: a `zoo.crust.profiles.CurveAnswer`.
    """
    with style():
        figure = Figure(figsize=(7.6, 4.6))
        left, right = figure.subplots(1, 2, width_ratios=[1, 1.3])
        depth = answer.depth_km
        many = len(answer.thickness_km) > 1
        for i, thickness in enumerate(answer.thickness_km):
            left.fill_betweenx(
                depth,
                answer.vs_lower_68_km_s[i],
                answer.vs_upper_68_km_s[i],
                color=BLUE,
                alpha=0.1 if many else 0.3,
                lw=0,
            )
            left.plot(answer.vs_km_s[i], depth, color=BLUE, lw=0.8 if many else 1.6, label="mean" if not i else None)
            if not many:
                left.plot(answer.vs_fitted_km_s[i], depth, color=BLACK, lw=1.2, ls="--", label="fits the curve")
            left.axhline(thickness, color=VERMILLION, lw=0.8, label="Moho" if not i else None)
            if not many:
                left.axhspan(*answer.interval_68_km[i], color=VERMILLION, alpha=0.15, lw=0)
        left.set(xlabel="Vs (km/s)", ylabel="depth (km)", ylim=(depth.max(), 0))
        left.legend(loc="lower left")
        colours = (BLUE, ORANGE, VERMILLION, BLACK)
        for (kind, (period_s, velocity, sd)), colour in zip(answer.curves.items(), colours, strict=False):
            for i, row in enumerate(velocity):
                error = None if sd is None or many else sd[i]
                label = kind.replace("_", " ") if not i else None
                right.errorbar(period_s, row, error, fmt="o", ms=3, lw=0.8, color=colour, label=label)
                right.plot(period_s, answer.predicted_km_s[kind][i], "--", lw=0.9, color=colour)
        low, high = (
            end(period_s.min() if end is min else period_s.max() for period_s, _, _ in answer.curves.values())
            for end in (min, max)
        )
        ticks = [t for t in _TICKS_S if low * 0.95 <= t <= high * 1.05]
        right.set(xlabel="period (s)", ylabel="measured velocity (km/s)", xscale="log")
        right.set_xticks(ticks, [str(t) for t in ticks])
        right.set_xticks([], minor=True)
        right.margins(y=0.12)
        right.legend(loc="upper left")
    return figure


def draw_profile(crust: Any, path: Path) -> None:
    """Draw Vs with depth over a map: each point's mean, and the mean of all with the mean of their 68 % intervals.

    Raises:
        ZooError: if the model gives no Vs.
    """
    if crust.vs_km_s is None or crust.vs_lower_68_km_s is None:
        raise ZooError(f"{crust.model} gives no Vs with its interval; surface_waves does.")
    with style():
        figure = Figure(figsize=(3.8, 4.8))
        axes = figure.subplots()
        known = np.isfinite(crust.thickness_km)
        step = max(1, known.sum() // _MOST_CURVES)
        axes.plot(crust.vs_km_s[known][::step].T, crust.depth_km, color=GREY, lw=0.4, alpha=0.5)
        low, mean, high = (
            v[known].mean(axis=0) for v in (crust.vs_lower_68_km_s, crust.vs_km_s, crust.vs_upper_68_km_s)
        )
        axes.fill_betweenx(crust.depth_km, low, high, color=BLUE, alpha=0.3, lw=0, label="68 % interval of a point")
        axes.plot(mean, crust.depth_km, color=BLUE, label="mean of the map")
        axes.axhline(np.nanmean(crust.thickness_km), color=VERMILLION, label="mean Moho")
        axes.set(xlabel="Vs (km/s)", ylabel="depth (km)", ylim=(crust.depth_km.max(), 0))
        axes.legend(loc="lower left")
    save_figure(figure, path)


def overview_figure(crust: Any) -> Figure:
    """Draw the answer on one page: thickness, its standard deviation, the data, eq. 4, and the reference if any."""
    with style():
        width, height = _map_size(crust, 2.9)
        figure = Figure(figsize=(4 * width + 2.6, 2 * height + 1.3))
        axes = figure.subplot_mosaic("TTVS;TTRC", width_ratios=[1, 1, 1, 1])
        _thickness_map(figure, axes["T"], crust)
        average = crust.average_phase_velocity_km_s
        _map(figure, axes["V"], crust, average, _VELOCITY, "km/s", "average phase velocity")
        _map(figure, axes["S"], crust, crust.sd_km, _SD, "km", "standard deviation", hatched=True)
        told = np.isfinite(crust.relative_error).any()
        if told:
            values = 100 * crust.relative_error
            _map(figure, axes["R"], crust, values, _ERROR, "%", "relative error (eq. 4)", hatched=True)
        else:
            _map(figure, axes["R"], crust, crust.unfamiliarity, "cividis_r", "", "unfamiliarity", hatched=True)
        if crust.comparison is not None:
            _scatter(axes["C"], crust)
        elif told:
            _histogram(axes["C"], crust)
        else:
            axes["C"].set_axis_off()
        counts = crust.counts()
        flagged = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in counts.items() if count)
        figure.suptitle(
            f"Crust of {np.nanmin(crust.thickness_km):.0f} to {np.nanmax(crust.thickness_km):.0f} km, "
            f"± {np.nanmean(crust.sd_km):.1f} km, by {crust.model}\n{crust.source}; points: {flagged}",
            fontsize="medium",
        )
    return figure


def phase_velocity_figure(crust: Any) -> Figure:
    """Draw the phase velocity at four periods and its average over the band (figure 4)."""
    columns = np.unique(np.linspace(0, len(crust.frequency_hz) - 1, 4).round().astype(int))[::-1]
    with style():
        width, height = _map_size(crust, 2.6)
        figure = Figure(figsize=((len(columns) + 1) * (width + 0.7), height + 0.7))
        panels = figure.subplots(1, len(columns) + 1, sharex=True, sharey=True)
        for panel, column in zip(panels, columns, strict=False):
            title = f"{1 / crust.frequency_hz[column]:.3g} s"
            _map(figure, panel, crust, crust.phase_velocity_km_s[:, column], _VELOCITY, "km/s", title)
        low, high = 1 / crust.frequency_hz.max(), 1 / crust.frequency_hz.min()
        title = f"average, {low:.3g} to {high:.3g} s"
        _map(figure, panels[-1], crust, crust.average_phase_velocity_km_s, _VELOCITY, "km/s", title)
        figure.suptitle(f"Phase velocity of Rayleigh waves: {crust.source}", fontsize="medium")
    return figure


def dispersion_figure(crust: Any) -> Figure:
    """Draw the map's curves over those that the model was trained on; it does not know those outside."""
    period_s = 1 / crust.frequency_hz
    low_s, high_s = 0.999 * period_s.min(), 1.001 * period_s.max()
    strange = crust.unfamiliarity > 1
    with style():
        figure = Figure(figsize=(6.4, 4.2))
        axes = figure.subplots()
        for sds, shade in ((3, 0.15), (1, 0.3)):
            low = crust.training_mean_km_s - sds * crust.training_sd_km_s
            high = crust.training_mean_km_s + sds * crust.training_sd_km_s
            axes.fill_between(period_s, low, high, color=GREY, alpha=shade, lw=0, label=f"training curves, ± {sds} sd")
        for chosen, colour, label in ((~strange, BLUE, "the map's curves"), (strange, VERMILLION, "unlike training")):
            curves = crust.phase_velocity_km_s[chosen & np.isfinite(crust.thickness_km)]
            if len(curves):
                curves = curves[:: max(1, len(curves) // _MOST_CURVES)]
                axes.plot(period_s, curves.T, color=colour, lw=0.5, alpha=0.35)
                axes.plot([], [], color=colour, label=label)
        axes.set(xlabel="period (s)", ylabel="phase velocity (km/s)", xscale="log")
        ticks = [p for p in _TICKS_S if low_s <= p <= high_s]
        axes.set_xticks(ticks, [f"{tick}" for tick in ticks])
        axes.set_xticks([], minor=True)
        axes.set_title(f"{crust.source} against the training of {crust.model}")
        axes.legend(loc="lower right")
    return figure


def thickness_figure(crust: Any) -> Figure:
    """Draw the crustal thickness (figure 6)."""
    with style():
        width, height = _map_size(crust)
        figure = Figure(figsize=(width + 1.6, height + 0.9))
        _thickness_map(figure, figure.subplots(), crust)
    return figure


def uncertainty_figure(crust: Any) -> Figure:
    """Draw the standard deviation, both ends of the 68 % interval on one scale, and the unfamiliarity."""
    with style():
        width, height = _map_size(crust, 2.9)
        figure = Figure(figsize=(4 * (width + 0.7), height + 0.8))
        panels = figure.subplots(1, 4, sharex=True, sharey=True)
        _map(figure, panels[0], crust, crust.sd_km, _SD, "km", "standard deviation", hatched=True)
        limits = _limits(np.concatenate([crust.lower_68_km, crust.upper_68_km]))
        for panel, values, title in (
            (panels[1], crust.lower_68_km, "thickness, lower end of 68 %"),
            (panels[2], crust.upper_68_km, "thickness, upper end of 68 %"),
        ):
            _map(figure, panel, crust, values, _THICKNESS, "km", title, limits, hatched=True)
        title = "unfamiliarity of the curve\n(beyond 1: out of distribution)"
        _map(figure, panels[3], crust, crust.unfamiliarity, "cividis_r", "", title, hatched=True)
    return figure


def relative_error_figure(crust: Any) -> Figure:
    """Draw equation 4 as a map and a histogram (figures 9 and 10)."""
    with style():
        width, height = _map_size(crust)
        figure = Figure(figsize=(width + 6.2, height + 0.9))
        left, right = figure.subplots(1, 2, width_ratios=[width, 4.2])
        title = "relative error of the average phase velocity (eq. 4)"
        _map(figure, left, crust, 100 * crust.relative_error, _ERROR, "%", title, hatched=True)
        _histogram(right, crust)
    return figure


def comparison_figure(crust: Any) -> Figure:
    """Draw both thicknesses on one colour scale, their difference, and one against the other (figure 8)."""
    reference = crust.comparison
    with style():
        width, height = _map_size(crust, 3.2)
        figure = Figure(figsize=(3 * width + height + 4.0, height + 1.2))
        panels = figure.subplots(1, 4, width_ratios=[width, width, width, height])
        both = {"limits": _limits(np.concatenate([crust.thickness_km, reference.reference_km])), "colour_bar": False}
        title = "inverted thickness"
        _map(figure, panels[0], crust, crust.thickness_km, _THICKNESS, "km", title, hatched=True, **both)
        image = _map(figure, panels[1], crust, reference.reference_km, _THICKNESS, "km", reference.name, **both)
        figure.colorbar(image, ax=panels[:2], label="km", extend="both", shrink=0.9, pad=0.02)
        difference = crust.thickness_km - reference.reference_km
        largest = float(np.nanpercentile(np.abs(difference), 98)) or 1.0
        limits, title = (-largest, largest), f"inverted minus {reference.name}"
        _map(figure, panels[2], crust, difference, _DIFFERENCE, "km", title, limits, hatched=True)
        for panel in panels[1:3]:
            panel.tick_params(labelleft=False)
        _scatter(panels[3], crust)
    return figure


def _thickness_map(figure: Figure, axes: Axes, crust: Any) -> None:
    _map(figure, axes, crust, crust.thickness_km, _THICKNESS, "km", "crustal thickness", hatched=True)
    keys = []
    if np.any((crust.flag != 0) & np.isfinite(crust.thickness_km)):
        grid = crust.grid is not None
        keys.append(
            Patch(facecolor="none", edgecolor="0.2", hatch="////", lw=0.5, label="flagged")
            if grid
            else Line2D([], [], ls="", marker="x", color=BLACK, label="flagged")
        )
    if np.isnan(crust.thickness_km).any():
        keys.append(Patch(color=_NO_DATA, label="no data"))
    if keys:
        axes.legend(handles=keys, loc="upper right", frameon=True, framealpha=0.85, edgecolor="none")


def _map(
    figure: Figure,
    axes: Axes,
    crust: Any,
    values: np.ndarray,
    cmap: str,
    unit: str,
    title: str,
    limits: tuple[float, float] | None = None,
    hatched: bool = False,
    colour_bar: bool = True,
) -> Any:
    """Draw values (n,) on a map with a colour bar; `hatched` marks the points whose flag is not ok."""
    low, high = limits or _limits(values)
    flagged = (crust.flag != 0) & np.isfinite(values) & hatched
    longitude, latitude = crust.longitude_deg, crust.latitude_deg
    known = np.isfinite(values)
    if crust.grid is not None:
        longitude, latitude, _ = crust.grid
        shades = {"cmap": cmap, "vmin": low, "vmax": high, "shading": "nearest", "rasterized": True}
        image = axes.pcolormesh(longitude, latitude, crust.on_grid(values), **shades)
        axes.set_facecolor(_NO_DATA)
        if flagged.any():
            x, y = crust.longitude_deg[flagged], crust.latitude_deg[flagged]
            half_x, half_y = (np.diff(lines[:2]) / 2 for lines in (longitude, latitude))
            corners = [(x + i * half_x, y + j * half_y) for i, j in ((-1, -1), (1, -1), (1, 1), (-1, 1))]
            cells = Path2D.make_compound_path_from_polys(np.moveaxis(np.array(corners), -1, 0))
            # Pale, so that the hatching shows on dark cells too.
            axes.add_patch(PathPatch(cells, facecolor=(1, 1, 1, 0.35), edgecolor="0.15", hatch="////", lw=0))
        axes.set(xlim=_edges(longitude)[[0, -1]], ylim=_edges(latitude)[[0, -1]])
    else:
        size = float(np.clip(9000 / len(values), 4, 60))
        axes.scatter(longitude[~known], latitude[~known], s=size, color=_NO_DATA, lw=0)
        image = axes.scatter(
            longitude[known], latitude[known], c=values[known], s=size, cmap=cmap, vmin=low, vmax=high, lw=0
        )
        axes.scatter(longitude[flagged], latitude[flagged], s=size / 2, color=BLACK, marker="x", lw=0.7)
        axes.margins(0.04)
    draw_coasts(axes)
    axes.set_aspect(1 / max(_SMALLEST_COSINE, np.cos(np.radians(np.mean(latitude)))))
    axes.xaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10]))
    axes.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: _degrees((value + 180) % 360 - 180, "EW")))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: _degrees(value, "NS")))
    axes.spines[["top", "right"]].set_visible(True)
    axes.set_title(title)
    if colour_bar:
        figure.colorbar(image, ax=axes, label=unit, extend="both", shrink=0.9, pad=0.02)
    return image


def _scatter(axes: Axes, crust: Any) -> None:
    """Draw inverted against reference thickness with 68 % intervals."""
    reference, scores = crust.comparison, crust.comparison.scores
    both = np.isfinite(reference.reference_km) & np.isfinite(crust.thickness_km)
    ok = both & (crust.flag == 0)
    everything = (crust.lower_68_km[both], crust.upper_68_km[both], reference.reference_km[both])
    limits = _limits(np.concatenate(everything), 0)
    for chosen, colour, label in ((ok, BLUE, "ok"), (both & ~ok, ORANGE, "flagged")):
        if chosen.any():
            x, y = reference.reference_km[chosen], crust.thickness_km[chosen]
            bars = np.maximum(0, [y - crust.lower_68_km[chosen], crust.upper_68_km[chosen] - y])
            many = chosen.sum() > _MANY_POINTS
            alpha = 0.15 if many else 0.35
            axes.errorbar(x, y, bars, fmt="none", ecolor=colour, elinewidth=0.5, alpha=alpha, zorder=1)
            axes.plot(x, y, "o", ms=1.5 if many else 3, mew=0, color=colour, label=f"{label} (bars: 68 %)", zorder=2)
    axes.plot(limits, limits, color=BLACK, lw=0.8, ls="--", zorder=3)
    axes.set(xlim=limits, ylim=limits, aspect="equal", xlabel=f"{reference.name} (km)", ylabel="inverted (km)")
    correlation = "" if scores["correlation"] is None else f", correlation {scores['correlation']:.2f}"
    axes.set_title(f"RMS {scores['rms_km']:.1f} km{correlation}\n68 % interval holds {100 * scores['inside_68']:.0f} %")
    axes.legend(loc="upper left", fontsize="small", handletextpad=0.2)


def _histogram(axes: Axes, crust: Any) -> None:
    """Draw a histogram of equation 4, with its means for other thicknesses."""
    values = 100 * crust.relative_error[np.isfinite(crust.relative_error)]
    axes.hist(values, bins=30, range=(0, float(np.percentile(values, 99.5)) or 1.0), color=BLUE, alpha=0.6)
    for (name, mean), colour, dashes in zip(
        crust.mean_relative_error.items(), (BLUE, VERMILLION, BLACK), ("-", "--", ":"), strict=False
    ):
        label = {"inverted": "mean, this map", "constant": "mean, its mean everywhere"}.get(name, f"mean, {name}")
        axes.axvline(100 * mean, color=colour, ls=dashes, label=f"{label}: {100 * mean:.2f} %")
    axes.set(xlabel="relative error, eq. 4 (%)", ylabel="points", title="equation 4 over the map")
    axes.set_ylim(top=1.35 * axes.get_ylim()[1])
    axes.legend(fontsize="small", loc="upper right", frameon=True, framealpha=0.9, edgecolor="none")
    axes.set_box_aspect(0.8)


def _limits(values: np.ndarray, cut_percent: float = 1.0) -> tuple[float, float]:
    """Return the ends of a colour scale that leaves the most extreme values out, and is never empty."""
    finite = values[np.isfinite(values)]
    low, high = np.percentile(finite, [cut_percent, 100 - cut_percent]) if finite.size else (0.0, 1.0)
    pad = 0.5 * max(1e-3, 1e-3 * abs(low)) if high - low < 1e-6 else 0.0
    return float(low - pad), float(high + pad)


def _edges(centres: np.ndarray) -> np.ndarray:
    """Return the edges (n + 1,) of cells from their evenly spaced centres (n,)."""
    step = centres[1] - centres[0]
    return np.append(centres - step / 2, centres[-1] + step / 2)


def _map_size(crust: Any, long_side_inch: float = _LONG_SIDE_INCH) -> tuple[float, float]:
    """Return width and height in inches of a map's panel, in its true proportions up to 2.2 to 1."""
    middle = np.cos(np.radians(np.mean(crust.latitude_deg)))
    ratio = np.ptp(crust.longitude_deg) * max(_SMALLEST_COSINE, middle) / max(1e-6, np.ptp(crust.latitude_deg))
    ratio = float(np.clip(ratio, 1 / _WIDEST, _WIDEST))
    return (long_side_inch, long_side_inch / ratio) if ratio > 1 else (long_side_inch * ratio, long_side_inch)


def _degrees(value: float, sides: str) -> str:
    side = "" if value == 0 else sides[int(value < 0)]
    return f"{abs(value):g}°{side}"
