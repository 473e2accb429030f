"""A chapter of `zoo demo`: how thick the crust is below Yunnan, from real phase velocities."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path
from typing import Any

import numpy as np

from zoo.chapters import Chapter, Picture
from zoo.progress import say

SAMPLE = Path(__file__).parent / "samples" / "yunnan"
"""Real phase velocities of Rayleigh waves at 360 points, 5 to 40 s."""
SMOOTHNESS_KM = 100.0


def chapter(folder: Path) -> Chapter:
    """Invert the map, each point alone and as a smooth field, and draw both side by side.

    Args:
        folder: where the sample is copied to, and the answer is written.
    """
    from zoo import registry
    from zoo.crust import invert, read_map
    from zoo.figures import save_figure

    shutil.copytree(SAMPLE, folder, dirs_exist_ok=True)
    name = registry.full_name("surface_waves")
    model = registry.load(name)
    velocities = read_map(folder / "velocities.csv")
    command = f"zoo crust {folder / 'velocities.csv'} --smoothness {SMOOTHNESS_KM:g} --out {folder / 'crust'}"
    say("   Real data: phase velocities of Rayleigh waves below Yunnan, 360 points")
    say(f"   {command}")
    smooth = dataclasses.replace(invert(velocities, model, smoothness_km=SMOOTHNESS_KM), model=name)
    alone = dataclasses.replace(invert(velocities, model), model=name)
    smooth.write(folder / "crust")
    picture = save_figure(_side_by_side(alone, smooth), folder / "thickness.png")
    return Chapter(
        question="How thick is the crust below Yunnan?",
        data="Real data: phase velocities of Rayleigh waves, 5 to 40 s, at 360 points of 0.5 degrees (Liu et al. 2019, "
        "MIT licence). The truth is not known; the model learned from synthetic Earths.",
        commands=[command],
        answer=smooth.report(),
        pictures=[
            Picture(
                picture,
                "Crustal thickness from real phase velocities: each point alone; as a smooth field, which is the "
                f"answer (correlation 1/e at {SMOOTHNESS_KM:g} km); the standard deviation of that field. "
                "Dots: where velocities were measured.",
            )
        ],
    )


def _side_by_side(alone: Any, smooth: Any) -> Any:
    from matplotlib.figure import Figure

    from zoo.figures import style

    low, high = np.nanpercentile(np.r_[alone.thickness_km, smooth.thickness_km], [1, 99])
    panels = (
        ("each point alone", alone.on_grid(alone.thickness_km), "viridis", (low, high), "thickness (km)"),
        ("smooth field", smooth.on_grid(smooth.thickness_km), "viridis", (low, high), "thickness (km)"),
        ("its standard deviation", smooth.on_grid(smooth.sd_km), "magma_r", (None, None), "km"),
    )
    longitude, latitude, _ = smooth.grid
    with style():
        figure = Figure(figsize=(9.6, 3.7))
        for axes, (title, values, colours, limits, label) in zip(
            figure.subplots(1, 3, sharey=True), panels, strict=True
        ):
            drawn = axes.pcolormesh(
                longitude, latitude, values, cmap=colours, vmin=limits[0], vmax=limits[1],
                shading="nearest" if title.startswith("each") else "gouraud",
            )  # fmt: skip
            axes.plot(smooth.longitude_deg, smooth.latitude_deg, "k.", ms=1, alpha=0.4)
            axes.set(title=title, xlabel="longitude (degrees east)", aspect=1 / np.cos(np.deg2rad(latitude.mean())))
            figure.colorbar(drawn, ax=axes, orientation="horizontal", label=label, shrink=0.85)
        figure.axes[0].set_ylabel("latitude (degrees north)")
    return figure
