"""Figures of how networks on seismicity maps were chosen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from zoo.figures import BLUE, GREY, save_figure, style

_SERIES = (("final_validation_loss", "ours", BLUE, "o-"), ("paper", "Zhang & Yang", GREY, "s--"))


def draw_grid(rows: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Draw final validation losses over weight decay (above) and learning rate (below), a column for each network.

    Args:
        rows: rows of `zoo.seismicity.reproduce.grid`; the first table of a network varies the decay, the second the
            rate.
        path: file of the figure.
    """
    networks = list(dict.fromkeys(row["network"] for row in rows))
    with style():
        figure = Figure(figsize=(3.4 * len(networks) + 0.4, 5.6))
        panels = figure.subplots(2, len(networks), squeeze=False, sharey=True)
        for column, network in enumerate(networks):
            of_network = [row for row in rows if row["network"] == network]
            tables = list(dict.fromkeys(row["table"] for row in of_network))
            for axes, table, varied in zip(panels[:, column], tables, ("weight_decay", "learning_rate"), strict=True):
                some = [row for row in of_network if row["table"] == table]
                for key, label, colour, line in _SERIES:
                    losses = [row[key] for row in some]
                    axes.plot(range(len(some)), losses, line, ms=4, color=colour, label=label)
                    best = min(range(len(some)), key=losses.__getitem__)
                    axes.plot(best, losses[best], "o", ms=10, mfc="none", color=colour)
                fixed = "learning_rate" if varied == "weight_decay" else "weight_decay"
                name, other = varied.replace("_", " "), fixed.replace("_", " ")
                axes.set_xticks(range(len(some)), [f"{row[varied]:g}" for row in some], fontsize="small")
                axes.set(xlabel=name, title=f"{network}, table {table}\n{other} {some[0][fixed]:g}")
        for axes in panels[:, 0]:
            axes.set_ylabel("cross entropy (nats)")
        handles, labels = panels[0, 0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=2)
        width, maps = rows[0]["width"], rows[0]["maps"]
        figure.suptitle(
            f"Final validation loss; ours at width {width}, {maps:,} SYNTHETIC maps a cell; lowest ringed",
            fontsize="small",
        )
    save_figure(figure, path)
