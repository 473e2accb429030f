"""The figure of a training run."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from zoo.figures import save_figure, style


def draw_history(rows: Sequence[Mapping[str, float]], path: str | os.PathLike, title: str) -> None:
    """Draw training and validation loss over epochs, with the epoch whose weights were kept."""
    import matplotlib.pyplot as plt

    with style():
        figure, axes = plt.subplots(figsize=(6, 3.6))
        epochs = [row["epoch"] for row in rows]
        axes.plot(epochs, [row["loss"] for row in rows], label="training")
        if rows and "val_loss" in rows[0]:
            validation = [row["val_loss"] for row in rows]
            axes.plot(epochs, validation, label="validation")
            best = min(range(len(rows)), key=validation.__getitem__)
            axes.axvline(epochs[best], color="0.6", lw=1, ls=":")
            axes.annotate(
                f"lowest {validation[best]:.3g}",
                (epochs[best], validation[best]),
                textcoords="offset points",
                xytext=(-6, 12),
                ha="right",
                fontsize="small",
            )
        axes.set(xlabel="epoch", ylabel="loss", yscale="log", title=title)
        axes.legend()
        save_figure(figure, path)
