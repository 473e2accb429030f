"""The trainings of the transfer study of Kong et al. (2021): which recipes, encoders, heads, datasets and labels.

It runs on the archives' datasets where they are prepared, or on those that `--set` names, else on the synthetic
stand-ins: the tables say which. Scores on synthetic test splits say nothing about real seismograms.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from zoo.errors import ZooError
from zoo.progress import say
from zoo.training.experiment import Workshop, forget

CONVERGENCE = {"schedule": "literal", "learning_rate": 1e-3, "batch_size": 256}
"""Figure 10: equal batches; training ends after 20 epochs without improvement. The paper's rate of 0.01 often fails."""
AUTOENCODER_DATASETS = ("stead/kong2021_autoencoder", "local_seismograms/earthquakes_20hz")
TASKS = {
    "noise_earthquake": ("len_db/kong2021_noise_earthquake", "local_seismograms/kong2021_noise_earthquake"),
    "explosion_window": ("local_seismograms/kong2021_explosion_earthquake",),
    "p_picker": ("stead/kong2021_picking", "local_seismograms/kong2021_picking"),
}
"""Recipe -> datasets; the first one that is prepared is taken, unless the setting of `DATASET_SETTINGS` names one."""
FAR_PICKING = ("stead/kong2021_picking_200km", "local_seismograms/kong2021_picking")
"""Datasets of figures 8, S26 and S27."""
DATASET_SETTINGS = {
    "noise_earthquake": "noise_dataset",
    "explosion_window": "explosion_dataset",
    "p_picker": "picking_dataset",
}
MEASURES = {"noise_earthquake": "accuracy", "explosion_window": "accuracy", "p_picker": "sd_of_absolute_s"}
ENCODERS = ("under68", "over68", "over34")
"""Shipped tags of `waveform_autoencoder`: under- or overcomplete, and the length of the bottleneck."""
_UPDATES, _BATCH = 600, 32

SettingsOf = Callable[[Workshop, str, str, int], dict[str, Any]]


def variants(workshop: Workshop) -> list[tuple[str, dict[str, Any]]]:
    """Return the encoders and heads to train with: what to call each, and its settings.

    A user's own `encoder` or `head`, a setting of the recipes, stands in for those of the study.
    """
    given, own = workshop.settings, workshop.own
    encoders = [given["encoder"]] if "encoder" in given else [f"waveform_autoencoder.{e}" for e in own["encoders"]]
    heads = [given["head"]] if "head" in given else own["heads"]
    made = []
    for encoder, head in itertools.product(encoders, heads):
        made.append((f"{_short(encoder)}_{head}", {"encoder": str(encoder), "head": head}))
    return made


def _short(encoder: Any) -> str:
    name = Path(str(encoder)).name
    return name.removeprefix("waveform_autoencoder.")


def cells(
    workshop: Workshop, prefix: str, settings_of: SettingsOf, candidates: Mapping[str, Sequence[str]] | None = None
) -> Iterator[tuple[dict[str, Any], list[dict[str, Any]]]]:
    """Train every task, encoder, head, schema and number of labels; yield the first columns of a row, and the cards.

    Args:
        workshop: its own settings: tasks, encoders, heads, sizes, repeats; perhaps schemas.
        prefix: of the checkpoints' names.
        settings_of: (workshop, dataset, schema, labels) -> settings of a training.
        candidates: as `TASKS`, the default.
    """
    from zoo import checkpoint
    from zoo.seismograms.models.training import SCHEMAS

    own, repeats = workshop.own, workshop.own["repeats"]
    plan = []
    tasks = own.get("tasks", ["p_picker"])
    for task, (variant, chosen) in itertools.product(tasks, variants(workshop)):
        dataset = dataset_of(workshop, task, (candidates or TASKS)[task])
        for schema, labels in itertools.product(own.get("schemas", SCHEMAS), own["sizes"]):
            settings = {**settings_of(workshop, dataset, schema, labels), **chosen}
            keys = [f"{prefix}{task}_{variant}_{schema}_{labels}_{seed}" for seed in range(repeats)]
            trainings = [(task, key, settings, seed) for seed, key in enumerate(keys)]
            row = {"task": task, "encoder": _short(chosen["encoder"]), "head": chosen["head"], "schema": schema}
            plan.append(({**row, "labels": labels, "repeats": repeats, "dataset": dataset}, trainings))
    workshop.train_ahead([(_recipe(task), *rest) for _, trainings in plan for task, *rest in trainings])
    for row, trainings in plan:
        yield row, [checkpoint.read_card(trained(workshop, *training)) for training in trainings]


def to_convergence(workshop: Workshop, dataset: str, schema: str, labels: int) -> dict[str, Any]:
    """Return the settings of a training that goes on until the validation loss no longer falls."""
    settings = {**CONVERGENCE, "dataset": dataset, "schema": schema, "labels": labels, "scored_on": ["test"]}
    return settings | ({"epochs": 2} if workshop.quick else {})


def by_updates(workshop: Workshop, dataset: str, schema: str, labels: int) -> dict[str, Any]:
    """Return the settings of a training with some labels, such that the updates are about as many for any number."""
    settings = {"dataset": dataset, "schema": schema, "labels": labels, "scored_on": ["test"]}
    if workshop.settings.get("schedule") == "literal":
        return settings
    updates = 10 if workshop.quick else _UPDATES
    epochs = min(max(round(updates * _BATCH / (0.8 * labels)), 2), 60)
    return settings | {"batch_size": _BATCH, "epochs": epochs}


def failed(scores: Mapping[str, float]) -> bool:
    """Return whether the error of a run exceeds 0.9 times that of the best constant answer."""
    from zoo.seismograms.models.scores import COLLAPSED

    if "accuracy" in scores:
        return 1 - scores["accuracy"] > COLLAPSED * (1 - scores["of_commonest"])
    return scores["mae_s"] > COLLAPSED * scores["mae_of_median_s"]


def dataset_of(workshop: Workshop, task: str, candidates: Sequence[str]) -> str:
    """Return the user's dataset for a task, or the first of the candidates that is prepared.

    A note says so if it has fewer records than labels are asked for.

    Raises:
        ZooError: if none is prepared.
    """
    from zoo.data import datasets

    named = workshop.settings.get("dataset") or workshop.own.get(DATASET_SETTINGS.get(task, ""), "")
    for name in [named] if named else candidates:
        try:
            there = datasets.metadata(name, workshop.data_dir)["splits"].get("train", 0)
        except ZooError:
            continue
        largest = max(workshop.own.get("sizes", [0]))
        if 0 < there < 0.8 * largest:
            say(f"zoo: {name} has {there} training records: labels beyond {round(there / 0.8)} change nothing.")
        return name
    raise ZooError(
        f"{named} is not prepared. Make it: zoo prepare {named}"
        if named
        else f"None of {', '.join(candidates)} is prepared. Make one: zoo prepare {candidates[-1]}"
    )


def trained(workshop: Workshop, name: str, key: str, settings: Mapping[str, Any], seed: int) -> Path:
    """Train a recipe, or find what an earlier run has trained; free what it leaves in memory."""
    where = workshop.trained(_recipe(name), key, settings, seed)
    forget()
    return where


def _recipe(name: str) -> str:
    """Return a recipe's name with the tag that the study trains; the default may learn from other datasets, too."""
    return f"{name}.synthetic" if name in TASKS else name
