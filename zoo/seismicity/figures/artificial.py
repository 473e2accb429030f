"""Figure S1 of Zhang & Yang: artificial maps, scattered and concentrated."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from zoo.figures import save_figure, style
from zoo.seismicity.figures.axes import COUNTS, count_ticks


def draw_artificial(maps: Mapping[str, np.ndarray], path: Path) -> None:
    """Draw scattered maps above, concentrated ones below.

    Args:
        maps: `counts` (n, 64, 64), the first half scattered, the second concentrated.
        path: file of the figure.
    """
    counts = maps["counts"]
    each = len(counts) // 2
    fullest = max(float(counts.max()), 4.0)
    with style():
        figure = Figure(figsize=(2.3 * each + 0.9, 5.3))
        panels = figure.subplots(2, each, squeeze=False, sharex=True, sharey=True)
        for axes, one in zip(panels.ravel(), counts, strict=True):
            image = axes.imshow(
                np.where(one > 0, one, np.nan), cmap=COUNTS, norm=LogNorm(1, fullest), origin="lower",
                interpolation="none",
            )  # fmt: skip
            for side in ("top", "right"):
                axes.spines[side].set_visible(True)
            axes.set(xticks=(0, 20, 40, 60), yticks=(0, 20, 40, 60))
            axes.set_title(f"{one.sum():.0f} events, at most {one.max():.0f} in a pixel", fontsize="small")
        for axes, kind in zip(panels[:, 0], ("scattered", "concentrated"), strict=True):
            axes.set_ylabel(f"{kind}\ny (pixels)")
        for axes in panels[1]:
            axes.set_xlabel("x (pixels)")
        figure.colorbar(image, ax=panels, shrink=0.6, pad=0.02, label="events in a pixel", **count_ticks(fullest))
        figure.suptitle("SYNTHETIC maps; concentrated: more than five events in a pixel", fontsize="small")
    save_figure(figure, path)
