"""A chapter of `zoo demo`: how thick the crust is below Yunnan, from real phase velocities."""

from __future__ import annotations

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
    """Invert the map, and draw each point alone beside the smooth field.

    Args:
        folder: where the sample is copied to, and the answer is written.
    """
    from zoo.crust import invert, read_map
    from zoo.crust.wave_inversion import smooth
    from zoo.figures import save_figure

    shutil.copytree(SAMPLE, folder, dirs_exist_ok=True)
    command = f"zoo crust {folder / 'velocities.csv'} --out {folder / 'crust'}"
    say("   Real data: phase velocities of Rayleigh waves below Yunnan, 360 points")
    say(f"   {command}")
    alone = invert(read_map(folder / "velocities.csv"))
    alone.write(folder / "crust")
    # What --smoothness does with the answer at each point.
    thickness_km, sd_km = smooth(
        alone.thickness_km, alone.sd_km, alone.longitude_deg, alone.latitude_deg, SMOOTHNESS_KM
    )
    picture = save_figure(_side_by_side(alone, thickness_km, sd_km), folder / "thickness.png")
    return Chapter(
        question="How thick is the crust below Yunnan?",
        data="Real data: phase velocities of Rayleigh waves, 5 to 40 s, at 360 points of 0.5 degrees (Liu et al. 2019, "
        "MIT licence). The truth is not known; the model learned from synthetic Earths.",
        commands=[
            command,
            f"zoo crust {folder / 'velocities.csv'} --smoothness {SMOOTHNESS_KM:g} --out {folder / 'smooth'}",
        ],
        answer=f"{alone.report()}\nsmooth field: {np.nanmin(thickness_km):.0f} to {np.nanmax(thickness_km):.0f} km, "
        f"± {np.nanmean(sd_km):.1f} km",
        pictures=[
            Picture(
                picture,
                "Crustal thickness from real phase velocities: each point alone; as a smooth field (correlation 1/e at "
                f"{SMOOTHNESS_KM:g} km), to be preferred; the standard deviation of that field. Dots: where velocities "
                "were measured.",
            )
        ],
    )


def _side_by_side(alone: Any, thickness_km: np.ndarray, sd_km: np.ndarray) -> Any:
    """Draw thickness at each point alone, and as a smooth field (n,) with its standard deviation (n,)."""
    from matplotlib.figure import Figure

    from zoo.figures import style

    low, high = np.nanpercentile(np.r_[alone.thickness_km, thickness_km], [1, 99])
    panels = (
        ("each point alone", alone.on_grid(alone.thickness_km), "viridis", (low, high), "thickness (km)"),
        ("smooth field", alone.on_grid(thickness_km), "viridis", (low, high), "thickness (km)"),
        ("its standard deviation", alone.on_grid(sd_km), "magma_r", (None, None), "km"),
    )
    longitude, latitude, _ = alone.grid
    with style():
        figure = Figure(figsize=(9.6, 3.7))
        for axes, (title, values, colours, limits, label) in zip(
            figure.subplots(1, 3, sharey=True), panels, strict=True
        ):
            drawn = axes.pcolormesh(
                longitude, latitude, values, cmap=colours, vmin=limits[0], vmax=limits[1],
                shading="nearest" if title.startswith("each") else "gouraud",
            )  # fmt: skip
            axes.plot(alone.longitude_deg, alone.latitude_deg, "k.", ms=1, alpha=0.4)
            axes.set(title=title, xlabel="longitude (degrees east)", aspect=1 / np.cos(np.deg2rad(latitude.mean())))
            figure.colorbar(drawn, ax=axes, orientation="horizontal", label=label, shrink=0.85)
        figure.axes[0].set_ylabel("latitude (degrees north)")
    return figure
