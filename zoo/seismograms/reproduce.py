"""The transfer study of Kong et al. (2021): is an autoencoder's encoder worth having when labels are few?

It runs on the archives' datasets where they are prepared, else on the synthetic stand-ins: the tables say which. Scores
on synthetic test splits say nothing about real seismograms.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from zoo.errors import ZooError
from zoo.progress import say
from zoo.training.experiment import Workshop, forget

BOTTLENECKS, MAPS = (68, 34, 17), (8, 32, 128)
CONVERGENCE = {"schedule": "literal", "learning_rate": 1e-3, "batch_size": 256}
"""Figure 10: equal batches; training ends after 20 epochs without improvement. The paper's rate of 0.01 often fails."""
AUTOENCODER_DATASETS = ("stead/kong2021_autoencoder", "local_seismograms/earthquakes_20hz")
TASKS = {
    "noise_earthquake": ("len_db/kong2021_noise_earthquake", "local_seismograms/kong2021_noise_earthquake"),
    "explosion_earthquake": ("local_seismograms/kong2021_explosion_earthquake",),
    "p_picker": ("stead/kong2021_picking", "local_seismograms/kong2021_picking"),
}
"""Recipe -> datasets; the first one that is prepared is taken."""
MEASURES = {"noise_earthquake": "accuracy", "explosion_earthquake": "accuracy", "p_picker": "sd_of_absolute_s"}
_UPDATES, _BATCH = 600, 32


def figure_3(workshop: Workshop) -> list[dict[str, Any]]:
    """Train an autoencoder for each bottleneck and number of maps, on `windows` windows."""
    from zoo import checkpoint
    from zoo.seismograms.figures.kong import draw_reconstruction
    from zoo.seismograms.models.training import CollapsedRun

    dataset = _dataset(workshop, AUTOENCODER_DATASETS)
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
                where = _trained(workshop, "waveform_autoencoder", f"bottleneck_{bottleneck}_maps_{maps}", settings, 0)
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
    """Train each of `tasks` with each schema and each of `sizes`, `repeats` times.

    Every repeat draws other labels and initial weights. A run has failed if its error exceeds 0.9 times that of the
    best constant answer; failed runs are counted, and are part of mean and standard deviation.
    """
    from zoo.seismograms.figures.kong import draw_learning

    rows = []
    for what, cards in _cells(workshop, "", _by_updates):
        found = [card["scores"]["test"]["metrics"] for card in cards]
        measure = MEASURES[what["task"]]
        values = [scores[measure] for scores in found]
        rows.append(
            {
                **what,
                "measure": measure,
                "mean": round(float(np.mean(values)), 4),
                "sd": round(float(np.std(values)), 4),
                "failed": sum(_failed(scores) for scores in found),
            }
        )
    draw_learning(rows, workshop.folder / "figures_5_6_7.png")
    return rows


def figure_9(workshop: Workshop) -> list[dict[str, Any]]:
    """Return quantiles of P's errors on the test split for each of `sizes`, trained as for figure 7 with seed 0.

    If `--out` is the folder of figures 5 to 7, their trainings are used.
    """
    from zoo import registry
    from zoo.data import datasets
    from zoo.seismograms.figures.kong import draw_residuals
    from zoo.seismograms.models.scores import FEATURES
    from zoo.seismograms.models.training import SCHEMAS

    dataset = _dataset(workshop, TASKS["p_picker"])
    arrivals_s = registry.recipe_module("p_picker").arrivals_s
    records = datasets.arrays(dataset, "test", workshop.data_dir, FEATURES)
    rows, errors = [], {}
    for labels in workshop.own["sizes"]:
        for schema in SCHEMAS:
            settings = _by_updates(workshop, dataset, schema, labels)
            where = _trained(workshop, "p_picker", f"p_picker_{schema}_{labels}_0", settings, 0)
            labelled_s, found_s = arrivals_s(registry.load(where), records)
            errors[labels, schema] = error_s = found_s - labelled_s
            low, median, high = np.quantile(error_s, (0.16, 0.5, 0.84))
            rows.append(
                {
                    "labels": labels,
                    "schema": schema,
                    "p16_s": round(float(low), 3),
                    "median_s": round(float(median), 3),
                    "p84_s": round(float(high), 3),
                    "within_0.5_s": round(float(np.mean(np.abs(error_s) <= 0.5)), 4),
                    "within_1_s": round(float(np.mean(np.abs(error_s) <= 1)), 4),
                    "windows": len(error_s),
                    "dataset": dataset,
                }
            )
            forget()
    draw_residuals(rows, errors, workshop.folder / "figure_9.png")
    return rows


def figure_10(workshop: Workshop) -> list[dict[str, Any]]:
    """Return CPU-seconds and epochs until the validation loss has not improved for 20 epochs (`CONVERGENCE`).

    Tasks, sizes and repeats are as in `figures_5_6_7`.
    """
    from zoo.seismograms.figures.kong import draw_cost

    rows = []
    for what, cards in _cells(workshop, "converged_", _to_convergence):
        cost, epochs = (np.array([card[key] for card in cards], float) for key in ("training_cpu_s", "epochs"))
        rows.append(
            {
                **what,
                "mean_cpu_s": round(float(cost.mean()), 1),
                "sd_cpu_s": round(float(cost.std()), 1),
                "mean_epochs": round(float(epochs.mean()), 1),
                "failed": sum(_failed(card["scores"]["test"]["metrics"]) for card in cards),
            }
        )
    draw_cost(rows, workshop.folder / "figure_10.png")
    return rows


def _cells(
    workshop: Workshop, prefix: str, settings_of: Callable[[Workshop, str, str, int], dict]
) -> Iterator[tuple[dict[str, Any], list[dict[str, Any]]]]:
    """Train every task, schema and number of labels; yield the first columns of a row, and the cards."""
    from zoo import checkpoint
    from zoo.seismograms.models.training import SCHEMAS

    own, repeats = workshop.own, workshop.own["repeats"]
    for task, schema, labels in itertools.product(own["tasks"], SCHEMAS, own["sizes"]):
        dataset = _dataset(workshop, TASKS[task])
        settings = settings_of(workshop, dataset, schema, labels)
        keys = [f"{prefix}{task}_{schema}_{labels}_{seed}" for seed in range(repeats)]
        cards = [checkpoint.read_card(_trained(workshop, task, key, settings, seed)) for seed, key in enumerate(keys)]
        yield {"task": task, "schema": schema, "labels": labels, "repeats": repeats, "dataset": dataset}, cards


def _to_convergence(workshop: Workshop, dataset: str, schema: str, labels: int) -> dict[str, Any]:
    settings = {**CONVERGENCE, "dataset": dataset, "schema": schema, "labels": labels, "scored_on": ["test"]}
    return settings | ({"epochs": 2} if workshop.quick else {})


def _by_updates(workshop: Workshop, dataset: str, schema: str, labels: int) -> dict[str, Any]:
    """Return the settings of a training with some labels, such that the updates are about as many for any number."""
    settings = {"dataset": dataset, "schema": schema, "labels": labels, "scored_on": ["test"]}
    if workshop.settings.get("schedule") == "literal":
        return settings
    updates = 10 if workshop.quick else _UPDATES
    epochs = min(max(round(updates * _BATCH / (0.8 * labels)), 2), 60)
    return settings | {"batch_size": _BATCH, "epochs": epochs}


def _failed(scores: Mapping[str, float]) -> bool:
    from zoo.seismograms.models.scores import COLLAPSED

    if "accuracy" in scores:
        return 1 - scores["accuracy"] > COLLAPSED * (1 - scores["of_commonest"])
    return scores["mae_s"] > COLLAPSED * scores["mae_of_median_s"]


def _dataset(workshop: Workshop, candidates: Sequence[str]) -> str:
    """Return the user's dataset, or the first of the candidates that is prepared."""
    from zoo.data import datasets

    for name in [workshop.settings["dataset"]] if "dataset" in workshop.settings else candidates:
        try:
            datasets.metadata(name, workshop.data_dir)
        except ZooError:
            continue
        return name
    raise ZooError(f"None of {', '.join(candidates)} is prepared. Make one: zoo prepare {candidates[-1]}")


def _trained(workshop: Workshop, name: str, key: str, settings: Mapping[str, Any], seed: int) -> Path:
    where = workshop.trained(name, key, settings, seed)
    forget()
    return where
