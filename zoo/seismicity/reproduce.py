"""The grid of Zhang & Yang, their figure S1 and movie S1.

They chose weight decay and learning rate by the final validation loss (text S1, tables S1 to S6).

Their maps are not published, so that losses can be compared within a table rather than between the paper's and ours.
Maps are scattered or concentrated as in figure S1. `--set width=64` gives the paper's networks.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from zoo.errors import UsageError
from zoo.training.experiment import Workshop, forget

DECAYS = (0.0, 0.001, 0.003, 0.005, 0.01, 0.03, 0.05)
RATES = {
    18: (0.001, 0.003, 0.005, 0.007, 0.01),
    34: (0.001, 0.003, 0.005, 0.007, 0.01),
    101: (0.0005, 0.0007, 0.001, 0.003, 0.005, 0.007),
}
PAPER_BY_DECAY = {
    18: (0.22, 0.215, 0.212, 0.161, 0.166, 0.199, 0.26),
    34: (0.195, 0.187, 0.137, 0.133, 0.174, 0.272, 0.327),
    101: (0.232, 0.201, 0.204, 0.145, 0.154, 0.277, 0.372),
}
"""Final validation losses of tables S1, S3 and S5."""
PAPER_BY_RATE = {
    18: (0.161, 0.152, 0.128, 0.167, 0.228),
    34: (0.175, 0.133, 0.162, 0.139, 0.161),
    101: (0.426, 0.145, 0.149, 0.153, 0.182, 0.193),
}
"""Those of tables S2, S4 and S6."""
DECAY_STUDY_RATES = {18: 0.001, 34: 0.003, 101: 0.0007}
"""The rate at which decays were compared; not stated, but at this one both tables of a network have the same loss."""
RATE_STUDY_DECAY = 0.005
_TABLES = {18: ("S1", "S2"), 34: ("S3", "S4"), 101: ("S5", "S6")}
TASK = "figure_s1"
"""The paper's own kind of maps."""
_EPOCH_MAPS = 2000
_PATIENCE = 4  # epochs: of sixteen, so that training stops early where the loss does not fall


def grid(workshop: Workshop) -> list[dict[str, Any]]:
    """Train every cell of tables S1 to S6, as the settings of `zoo.seismicity.experiments` say.

    Other settings are those of the trainings.

    Raises:
        UsageError: if there is no such network, or there are fewer maps than a batch.
    """
    from zoo.seismicity.figures.scores import draw_grid

    own = workshop.own
    unknown = [depth for depth in own["networks"] if depth not in RATES]
    if unknown:
        raise UsageError(f"networks are of {', '.join(map(str, RATES))} layers; received {unknown[0]}.")
    rows = []
    for depth in own["networks"]:
        by_decay = zip(DECAYS, PAPER_BY_DECAY[depth], strict=True)
        by_rate = zip(RATES[depth], PAPER_BY_RATE[depth], strict=True)
        cells = [(0, decay, DECAY_STUDY_RATES[depth], loss) for decay, loss in by_decay]
        cells += [(1, RATE_STUDY_DECAY, rate, loss) for rate, loss in by_rate]
        cells = [cells[0], cells[-1]] if workshop.quick else cells
        workshop.train_ahead([_training(workshop, depth, decay, rate, own) for _, decay, rate, _ in cells])
        for table, decay, rate, paper in cells:
            last, lowest = _losses(workshop.trained(*_training(workshop, depth, decay, rate, own)))
            forget()
            rows.append(
                {
                    "network": f"ResNet-{depth}",
                    "table": _TABLES[depth][table],
                    "weight_decay": decay,
                    "learning_rate": rate,
                    "final_validation_loss": round(last, 4),
                    "lowest_validation_loss": round(lowest, 4),
                    "paper": paper,
                    "width": own["width"],
                    "maps": own["maps"],
                }
            )
    draw_grid(rows, workshop.folder / "seismicity-grid.png")
    return rows


def figures(workshop: Workshop) -> list[dict[str, Any]]:
    """Draw figure S1 and movie S1: figure-S1.png, and movie-S1.gif (and .mp4 where there is ffmpeg).

    The movie is of the simulated catalogue of `zoo demo`, as the paper's catalogues were not available; a quick run
    leaves out all but its first two months.
    """
    import numpy as np

    from zoo.seismicity import find_anomalies
    from zoo.seismicity.catalogues import from_columns
    from zoo.seismicity.demo import simulated
    from zoo.seismicity.figures.artificial import draw_artificial
    from zoo.seismicity.figures.movie import write_movie
    from zoo.seismicity.physics.maps import TASKS, draw_maps

    own = workshop.own
    drawn = draw_maps(TASKS["figure_s1"], 16 * own["maps"], np.random.default_rng(own["seed"]), with_past=False)
    chosen = np.concatenate([np.flatnonzero(drawn["label"] == kind)[: own["maps"]] for kind in (0, 1)])
    maps = {key: drawn[key][chosen] for key in ("counts", "label")}
    workshop.folder.mkdir(parents=True, exist_ok=True)
    draw_artificial(maps, workshop.folder / "figure-S1.png")
    events = simulated(own["seed"])
    if workshop.quick:
        early = events["time"] < events["time"][0] + np.timedelta64(60, "D")
        events = {key: values[early] for key, values in events.items()}
    found = find_anomalies(
        from_columns(events, "simulated"), None, window_days=4.0, completeness="none", false_alarms_per_year=1.0
    )
    write_movie(found, workshop.folder, "movie-S1")
    return [
        {
            "map": number,
            "kind": ("scattered", "concentrated")[int(label)],
            "events": int(counts.sum()),
            "largest_pixel": int(counts.max()),
        }
        for number, (counts, label) in enumerate(zip(maps["counts"], maps["label"], strict=True), 1)
    ]


def _training(workshop: Workshop, depth: int, decay: float, rate: float, own: Mapping[str, Any]) -> tuple:
    """Return what `Workshop.trained` takes for a cell."""
    batch = int(workshop.settings.get("batch_size", 32))
    epoch_maps = min(_EPOCH_MAPS, own["maps"])
    settings = {"width": own["width"], "weight_decay": decay, "learning_rate": rate, "scored_on": []}
    settings |= {"tasks": [TASK], "dataset": f"seismicity_maps/{TASK}", "patience": _PATIENCE}
    settings |= {"steps_per_epoch": epoch_maps // batch, "epochs": max(1, own["maps"] // epoch_maps)}
    settings["validation_split"] = "validation[:64]" if workshop.quick else "validation[:1000]"
    key = f"resnet{depth}_width{own['width']}_decay{decay:g}_rate{rate:g}"
    return f"seismicity_resnet{depth}.paper", key, settings, 0


def _losses(checkpoint: Path) -> tuple[float, float]:
    """Return the last and the lowest validation loss of a training, cross entropies without the penalty, in nats."""
    with open(checkpoint / "history.csv", encoding="utf-8", newline="") as file:
        losses = [float(row["val_loss"]) for row in csv.DictReader(file)]
    return losses[-1], min(losses)
