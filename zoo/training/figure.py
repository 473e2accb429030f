"""The figure of a training run."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from zoo.figures import save_figure, style


def draw_history(rows: Sequence[Mapping[str, float]], path: str | os.PathLike, title: str) -> None:
    """Draw training and validation loss over epochs, with the epoch whose weights were kept."""
    import matplotlib.pyplot as plt
    from matplotlib.ticker import MaxNLocator

    with style():
        figure, axes = plt.subplots(figsize=(6, 3.6))
        epochs = [row["epoch"] for row in rows]
        axes.plot(epochs, [row["loss"] for row in rows], label="training")
        if rows and "val_loss" in rows[0]:
            validation = [row["val_loss"] for row in rows]
            best = min(range(len(rows)), key=validation.__getitem__)
            axes.plot(epochs, validation, label=f"validation, lowest {validation[best]:.3g}")
            axes.axvline(epochs[best], color="0.6", lw=1, ls=":")
        losses = [row[key] for row in rows for key in ("loss", "val_loss") if key in row]
        # A logarithmic axis labels nothing legibly within a decade.
        wide = bool(losses) and min(losses) > 0 and max(losses) > 10 * min(losses)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set(xlabel="epoch", ylabel="loss", yscale="log" if wide else "linear")
        figure.suptitle(title, fontsize="medium", x=0.01, ha="left")
        figure.legend(loc="outside upper right", ncols=2)
        save_figure(figure, path)
