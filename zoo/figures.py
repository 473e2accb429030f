"""Every picture the project draws: one style, colour-blind-safe, written atomically, without a display."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import matplotlib
from matplotlib import pyplot
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from zoo.store import atomic_path

# Okabe & Ito (2008): told apart with any colour vision.
BLACK, ORANGE, SKY, GREEN = "#000000", "#E69F00", "#56B4E9", "#009E73"
YELLOW, BLUE, VERMILLION, PURPLE = "#F0E442", "#0072B2", "#D55E00", "#CC79A7"
GREY = "#8A8A8A"
PALETTE = (BLUE, VERMILLION, GREEN, ORANGE, PURPLE, SKY, BLACK)

_STYLE = {
    "backend": "Agg",
    "figure.dpi": 100,
    "savefig.dpi": 160,
    "figure.constrained_layout.use": True,
    "font.size": 10,
    "axes.labelsize": 10,
    "axes.titlesize": 10,
    "legend.fontsize": 9,
    "legend.frameon": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.prop_cycle": matplotlib.cycler(color=PALETTE),
    "image.cmap": "viridis",
    "lines.linewidth": 1.2,
}


@contextmanager
def style() -> Iterator[None]:
    """Draw in the project's style inside the block; the user's own settings return after it."""
    with matplotlib.rc_context(_STYLE):
        yield


def save_figure(figure: Figure, path: str | os.PathLike) -> Path:
    """Write a figure (the suffix chooses the format) atomically, close it, and return its path.

    No window system is needed: the figure gets an Agg canvas whatever backend is active.
    """
    pyplot.close(figure)
    FigureCanvasAgg(figure)
    with matplotlib.rc_context(_STYLE), atomic_path(path) as temporary:
        figure.savefig(temporary)
    return Path(path)
