"""The transfer study of Kong et al. (2021): is an autoencoder's encoder worth having when labels are few?

It runs on the archives' datasets where they are prepared, else on the synthetic stand-ins: the tables say which. Scores
on synthetic test splits say nothing about real seismograms.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from zoo.progress import say
from zoo.seismograms.study import (
    AUTOENCODER_DATASETS,
    MEASURES,
    by_updates,
    cells,
    dataset_of,
    failed,
    to_convergence,
    trained,
)
from zoo.training.experiment import Workshop

BOTTLENECKS, MAPS = (68, 34, 17), (8, 32, 128)


def figure_3(workshop: Workshop) -> list[dict[str, Any]]:
    """Train an autoencoder for each bottleneck and number of maps, on `windows` windows."""
    from zoo import checkpoint
    from zoo.seismograms.figures.kong import draw_reconstruction
    from zoo.seismograms.models.training import CollapsedRun

    dataset = dataset_of(workshop, "waveform_autoencoder", AUTOENCODER_DATASETS)
    rows = []
    for maps in MAPS[:1] if workshop.quick else MAPS:
        for bottleneck in BOTTLENECKS[:1] if workshop.quick else BOTTLENECKS:
            train_split = f"train[:{workshop.own['windows']}]"
            settings = {"dataset": dataset, "train_split": train_split, "scored_on": ["test"]}
            # The undercomplete code needs no penalty (section 2.2).
            settings |= {"bottleneck": bottleneck, "maps": maps, "sparsity_weight": 0.0 if maps <= 8 else 1e-5}
            settings |= {"epochs": 2, "batch_size": 16} if workshop.quick else {"epochs": 10, "batch_size": 32}
            scores: Mapping[str, float] = {}
            try:
                where = trained(workshop, "waveform_autoencoder", f"bottleneck_{bottleneck}_maps_{maps}", settings, 0)
                scores = checkpoint.read_card(where)["scores"]["test"]["metrics"]
            except CollapsedRun as error:
                say(str(error))
            shown = {key: round(scores[key], 5) for key in ("mae", "mae_of_zero", "correlation")} if scores else {}
            rows.append(
                {
                    "bottleneck": bottleneck,
                    "layers": {68: 3, 34: 4, 17: 5}[bottleneck],
                    "maps": maps,
                    "mae": shown.get("mae", ""),
                    "mae_of_zero": shown.get("mae_of_zero", ""),
                    "correlation": shown.get("correlation", ""),
                    "collapsed": not scores,
                    "dataset": dataset,
                }
            )
    draw_reconstruction(rows, workshop.folder / "figure_3.png")
    return rows


def figures_5_6_7(workshop: Workshop) -> list[dict[str, Any]]:
    """Train each of `tasks` with each encoder, head, schema and each of `sizes`, `repeats` times.

    Every repeat draws other labels and initial weights. A run has failed if its error exceeds 0.9 times that of the
    best constant answer; failed runs are counted, and are part of mean and standard deviation.
    """
    from zoo.seismograms.figures.kong import draw_learning

    rows = []
    for what, cards in cells(workshop, "", by_updates):
        found = [card["scores"]["test"]["metrics"] for card in cards]
        measure = MEASURES[what["task"]]
        values = [scores[measure] for scores in found]
        rows.append(
            {
                **what,
                "measure": measure,
                "mean": round(float(np.mean(values)), 4),
                "sd": round(float(np.std(values)), 4),
                "failed": sum(failed(scores) for scores in found),
            }
        )
    draw_learning(rows, workshop.folder / "figures_5_6_7.png")
    return rows


def figure_10(workshop: Workshop) -> list[dict[str, Any]]:
    """Return CPU-seconds and epochs until the validation loss has not improved for 20 epochs (`CONVERGENCE`).

    Tasks, sizes and repeats are as in `figures_5_6_7`.
    """
    from zoo.seismograms.figures.kong import draw_cost

    rows = []
    for what, cards in cells(workshop, "converged_", to_convergence):
        cost, epochs = (np.array([card[key] for card in cards], float) for key in ("training_cpu_s", "epochs"))
        rows.append(
            {
                **what,
                "mean_cpu_s": round(float(cost.mean()), 1),
                "sd_cpu_s": round(float(cost.std()), 1),
                "mean_epochs": round(float(epochs.mean()), 1),
                "failed": sum(failed(card["scores"]["test"]["metrics"]) for card in cards),
            }
        )
    draw_cost(rows, workshop.folder / "figure_10.png")
    return rows
