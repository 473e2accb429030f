"""The one training loop (Keras `fit`) that runs every recipe.

The trainer owns what recipes do not: seeds, early stopping, resuming after a kill, history, checkpoint, card.

A run writes `OUT.training/` while it trains and the finished checkpoint `OUT/` at the end. The same
command after an interruption goes on where the last saved epoch ended, with the same order of
examples, and ends in the same weights as a run that was never interrupted.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo import checkpoint, registry
from zoo.data import datasets
from zoo.data.columns import StreamedRecords
from zoo.errors import UsageError, ZooError
from zoo.progress import say
from zoo.store import locked
from zoo.training.fine_tuning import read_frozen, take_over
from zoo.training.recipe import Recipe, Records, Values
from zoo.training.run import Run, device, training_folder

if TYPE_CHECKING:
    import keras
    import numpy as np
    import tensorflow as tf

    from zoo.training.workers import Workers


@dataclass(frozen=True)
class NamedRecipe:
    """A recipe with the tag that says which settings it starts from: what `zoo.recipe` returns."""

    recipe: Recipe
    tag: str = ""

    def __post_init__(self):
        self.recipe.choose(self.tag)

    @property
    def name(self) -> str:
        """`architecture.tag`, the name of the checkpoint that training makes."""
        tag = self.tag or next(iter(self.recipe.tags), "")
        return f"{self.recipe.name}.{tag}" if tag else self.recipe.name

    @property
    def settings(self) -> dict[str, Any]:
        """Every setting with its value."""
        return self.recipe.choose(self.tag)

    def build(self, **settings: Any) -> keras.Model:
        """Return the untrained model, with some settings changed."""
        return self.recipe.create(self.recipe.choose(self.tag, settings))

    def data(
        self,
        split: str,
        batch_size: int | None = None,
        data_dir: str | os.PathLike | None = None,
        dataset: str | None = None,
    ) -> tf.data.Dataset:
        """Return a split (`train`, `validation`, `test`) of the recipe's dataset, or of another, as tf.data."""
        values = {**self.settings, **({"dataset": dataset} if dataset else {})}
        return datasets.load_dataset(values["dataset"], _split(values, split), batch_size, data_dir=data_dir)

    def train(self, **arguments: Any) -> Path:
        """Train and return the checkpoint folder; takes the keyword arguments of `zoo.training.trainer.train`."""
        return train(self, **arguments)

    def evaluate(
        self,
        model: keras.Model,
        split: str = "test",
        data_dir: str | os.PathLike | None = None,
        dataset: str | None = None,
    ) -> dict[str, float]:
        """Return metric name -> value of a model on a split of the recipe's dataset, or of another (NAME/CONFIG)."""
        values = {**self.settings, **({"dataset": dataset} if dataset else {})}
        return _evaluate(self.recipe, model, values, split, data_dir)


def recipe(name: str) -> NamedRecipe:
    """Return a recipe by name, `architecture` or `architecture.tag` (which settings it starts from).

    Its `build(**settings)`, `data(split)`, `train(...)` and `evaluate(model, split)` are what
    `zoo train` and `zoo evaluate` call.
    """
    architecture, _, tag = name.partition(".")
    return NamedRecipe(registry.recipe_module(architecture).RECIPE, tag)


def evaluate(
    name_or_folder: str | os.PathLike,
    split: str = "test",
    data_dir: str | os.PathLike | None = None,
    dataset: str | None = None,
) -> dict[str, float]:
    """Score a checkpoint on a split of the dataset that it was trained on (or of another one)."""
    folder = registry.find(name_or_folder)
    card = checkpoint.read_card(folder)
    if not card.get("recipe"):
        raise ZooError(f"{folder} was made by no recipe of the zoo, so nothing here says how to score it.")
    made_by = registry.recipe_module(card["recipe"]).RECIPE
    values = {**made_by.choose(), **card.get("settings", {})}
    if dataset:
        values["dataset"] = dataset
    return _evaluate(made_by, registry.load(folder), values, split, data_dir)


def _evaluate(recipe: Recipe, model: keras.Model, values: Values, split: str, data_dir) -> dict[str, float]:
    about = datasets.metadata(values["dataset"], data_dir)
    rate_hz = getattr(model, "sampling_rate_hz", None)
    if rate_hz and about.get("sampling_rate_hz", rate_hz) != rate_hz:
        raise UsageError(
            f"{values['dataset']} is sampled at {about['sampling_rate_hz']:g} Hz, the model at {rate_hz:g} Hz."
        )
    records = datasets.arrays(values["dataset"], _split(values, split), data_dir, recipe.features)
    return {metric: float(value) for metric, value in recipe.score(model, records).items()}


def train(
    named: NamedRecipe,
    *,
    settings: Mapping[str, Any] | None = None,
    epochs: int | None = None,
    seed: int = 0,
    out: str | os.PathLike | None = None,
    data_dir: str | os.PathLike | None = None,
    smoke: bool = False,
    start_from: str | os.PathLike | None = None,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    memory_gb: float | None = None,
    devices: str = "",
) -> Path:
    """Train a recipe and write its checkpoint; goes on with an interrupted run of the same command.

    Args:
        named: the recipe and the tag whose settings it starts from.
        settings: changes to the settings; unknown names are refused.
        epochs: at most so many.
        seed: decides initial weights, order of examples and whatever the recipe draws.
        out: folder of the checkpoint, by default `runs/NAME`.
        data_dir: where prepared datasets lie.
        smoke: a run of seconds that shows that everything works.
        start_from: name or folder of a checkpoint of this recipe, with whose weights training begins. The settings may
            then hold `frozen`, names of what stays as it is ("encoder").
        callbacks: of Keras, for every call of `fit`. Those that a resumed run is given see only its own epochs.
        memory_gb: budget for the records of a split; what exceeds it is read from disk, batch by batch. Default: a
            third of the machine's memory.
        devices: `all` trains together with the other processes that TF_CONFIG or SLURM's variables name
            (`zoo.training.workers`); by default this process trains alone.

    Returns:
        The folder of the checkpoint.

    Raises:
        UsageError: if there is no such setting, or the recipe has no smoke settings.
        ZooError: if the dataset is not prepared, or `out` holds an unfinished run with other settings; if a hook needs
            a column as a whole that exceeds the budget.
    """
    from zoo.serving import full_precision, need_tensorflow
    from zoo.training.memory import budget_bytes, held_out_records

    need_tensorflow("Training")
    workers = _workers(devices)
    made_by = named.recipe
    registry.keep_recipe(made_by)
    if smoke and not made_by.smoke:
        raise UsageError(
            f"{made_by.name} has no smoke settings, so --smoke would train it in full. Give its RECIPE smoke={{...}}, "
            "or leave --smoke out and set fewer epochs."
        )
    changes = {**(made_by.smoke if smoke else {}), **(settings or {})}
    start = _start(made_by, start_from, changes)
    if epochs is not None:
        changes["epochs"] = epochs
    chosen = made_by.choose(named.tag, changes)
    out = Path(out) if out else Path("runs") / named.name
    about = datasets.metadata(chosen["dataset"], data_dir)
    memory_bytes = budget_bytes(memory_gb)
    records = datasets.records(chosen["dataset"], chosen["train_split"], data_dir, made_by.features, memory_bytes)
    held_out = held_out_records(made_by, chosen, chosen["validation_split"], data_dir, memory_bytes)
    if isinstance(records, StreamedRecords):
        say(
            f"{records.title}: {records.size_bytes / 1e9:.3g} GB exceed the budget of {memory_bytes / 1e9:.3g} GB: "
            "batches are read from disk"
        )
    plan = {"recipe": named.name, "settings": chosen, "seed": seed, "dataset_sha256": about.get("sha256")}
    plan |= {"from": start} if start else {}
    with contextlib.suppress(OSError):  # what cannot be written is said when it is
        out.parent.mkdir(parents=True, exist_ok=True)
    given = named, plan, changes, out, records, held_out, about, data_dir, callbacks, memory_bytes, workers
    if workers and not workers.writes:
        if not workers.sums([0.0])[0]:
            with full_precision():
                _train(*given)
        workers.wait()
        return out
    with locked(training_folder(out)) as waited:
        done = waited and _is_of(out, plan)
        if workers:
            workers.sums([float(done)])
        if done:
            say(f"{out} was trained by another process with the same settings.")
        else:
            with full_precision():  # layers that are made before `fit`, too
                _train(*given)
    if workers:
        workers.wait()
    return out


def _workers(devices: str) -> Workers | None:
    """Return what speaks with the other processes of a training, None where there are none."""
    if devices not in ("", "all"):
        raise UsageError(f"devices is {devices!r}; expected 'all', or nothing for this process alone.")
    from zoo.training.workers import cluster, join

    config = cluster() if devices else None
    return join(config) if config else None


def _is_of(out: Path, plan: Mapping[str, Any]) -> bool:
    """Return whether a checkpoint is what a training would give."""
    if not (out / checkpoint.CARD).is_file():
        return False
    card = checkpoint.read_card(out)
    keys = ("settings", "seed", "dataset_sha256", *(["from"] if "from" in plan or card.get("from") else []))
    made_by = {"recipe": card.get("name"), **{key: card.get(key) for key in keys}}
    return made_by == json.loads(json.dumps(plan))


def _start(made_by: Recipe, start_from: str | os.PathLike | None, changes: dict[str, Any]) -> dict[str, Any]:
    """Return which checkpoint training begins with and what of it is frozen, which is taken out of the changes.

    Raises:
        UsageError: if the recipe cannot begin with one, the checkpoint is of another recipe, or something is to be
            frozen without one.
    """
    names = read_frozen(changes.pop("frozen", ())) if "frozen" not in made_by.settings else []
    if not start_from:
        if names:
            raise UsageError("frozen says what of a checkpoint stays as it is: name the checkpoint with --from.")
        return {}
    if not made_by.fine_tunes or not made_by.stages:
        why = "its weights are the answer for one survey" if made_by.stages else "nothing of it is trained by `fit`"
        raise UsageError(f"{made_by.name} does not begin with a checkpoint: {why}. Leave --from out.")
    folder = registry.find(start_from)
    card = checkpoint.read_card(folder)
    if card.get("recipe") != made_by.name:
        of = f"of the recipe {card['recipe']}" if card.get("recipe") else "of no recipe"
        raise UsageError(f"{folder.name} is a checkpoint {of}; expected one of {made_by.name}.")
    return {"checkpoint": str(start_from), "sha256": checkpoint.digest(folder), "frozen": names}


def _train(
    named: NamedRecipe,
    plan: Mapping[str, Any],
    changes: Values,
    out: Path,
    records: Records,
    held_out: Records,
    about: Mapping[str, Any],
    data_dir: str | os.PathLike | None,
    callbacks: Sequence[keras.callbacks.Callback],
    memory_bytes: int,
    workers: Workers | None,
) -> None:
    """Train, going on with what an earlier run has kept, and write the checkpoint."""
    import keras

    made_by, chosen, seed = named.recipe, plan["settings"], plan["seed"]
    writes = not workers or workers.writes
    run = Run.open(out, plan) if writes else Run.follow(out, plan)
    run.workers = workers
    values = {**chosen, "seed": seed, "data_dir": data_dir, "memory_bytes": memory_bytes}

    keras.utils.set_random_seed(seed)
    if not writes:
        workers.wait()
    model = run.prepared_model()
    if model is None and not writes:
        raise ZooError(f"{run.folder} is not seen here: all workers need the same --out, on a file system they share.")
    if model is None:
        start = time.process_time()
        model = made_by.create(chosen)
        if made_by.before_fit:
            made_by.before_fit(model, records, values, about)
        if begins := plan.get("from"):
            other = registry.load(begins["checkpoint"], sha256=begins["sha256"])
            parts = [stage.trained_part for stage in made_by.stages_of(values)]
            take_over(model, other, parts, begins["checkpoint"], begins["frozen"])
            if made_by.begins_from:
                made_by.begins_from(model, other)
        run.save_prepared(model, made_by, time.process_time() - start)
    if workers and writes:
        workers.wait()
    for stage in made_by.stages_of(values):
        kept = plan.get("from", {}).get("frozen", ())
        run.fit(stage, model, records, held_out, {**values, **stage.settings}, callbacks, kept)
    if not writes:
        return
    if made_by.after_fit:
        run.after_fit(made_by, model, records, values)
    if made_by.measure:
        made_by.measure(model, held_out, values)
    if made_by.served:
        model = made_by.served(model)

    scores = _scores(named, model, chosen, held_out, about, data_dir, memory_bytes)
    card = {
        "name": named.name,
        "default": named.tag in ("", next(iter(made_by.tags), "")),
        "summary": made_by.summary,
        **made_by.card,
        "dataset": f"{chosen['dataset']} version {about['version']}, {about.get('origin', 'see README')}",
        "dataset_sha256": about.get("sha256"),
        "splits": {"train": chosen["train_split"], "validation": chosen["validation_split"]},
        "settings": chosen,
        **({"from": plan["from"]} if "from" in plan else {}),
        "command": _command(named.name, changes, chosen, seed, plan.get("from")),
        "seed": seed,
        "cost": run.cost(),
        "device": device() + (f", {workers.count} processes" if workers else ""),
        "training_cpu_s": round(run.cpu_s(), 1),
        "epochs": len(run.rows),
        "scores": scores,
    }
    extras: dict[str, Callable[[Path], Any]] = {"history.csv": run.write_history} if run.rows else {}
    if made_by.golden:
        some = held_out
        if "test" in scores:
            some = datasets.arrays(chosen["dataset"], "test", data_dir, made_by.features)
        arrays = made_by.golden(model, some, values)
        extras[checkpoint.GOLDEN] = lambda path: _save_npz(path, arrays)
    checkpoint.save(model, out, card, recipe=made_by.name, extras=extras)
    run.close()


def _command(name: str, changes: Values, chosen: Values, seed: int, start: Mapping[str, Any] | None = None) -> str:
    """Return the command line that trains again."""
    begins = f" --from {start['checkpoint']}" if start else ""
    begins += f" --set frozen={_as_text(start['frozen'])}" if start and start["frozen"] else ""
    sets = "".join(f" --set {key}={_as_text(value)}" for key, value in changes.items() if key != "epochs")
    epochs = f" --epochs {chosen['epochs']}" if "epochs" in changes else ""
    return f"zoo train {name}{begins}{sets}{epochs} --seed {seed}"


def _as_text(value: Any) -> str:
    return ",".join(str(item) for item in value) if isinstance(value, (list, tuple)) else str(value)


def _scores(
    named: NamedRecipe, model: keras.Model, chosen: Values, held_out: Records, about, data_dir, budget: int
) -> dict:
    """Return the card's scores: split or dataset -> metrics, number of examples, command."""
    from zoo.training.memory import TooLarge, held_out_records

    made_by, scores = named.recipe, {}
    for where in chosen.get("scored_on", ("validation", "test")):
        if "/" in where:
            dataset, split = datasets.named_part(where)
            try:
                records = held_out_records(made_by, {"dataset": dataset}, split, data_dir, budget)
            except ZooError as error:
                say(f"Not scored on {where}: {error}")
                continue
            command = f"zoo evaluate {named.name} --dataset {dataset} --split {split}"
        elif where == "validation" or where in about["splits"]:
            records = held_out
            if where != "validation":
                try:
                    records = held_out_records(made_by, chosen, where, data_dir, budget)
                except TooLarge as error:
                    say(f"Not scored on {where}: {error}")
                    continue
            command = f"zoo evaluate {named.name} --split {where}"
        else:
            continue
        metrics = {key: round(float(value), 5) for key, value in made_by.score(model, records).items()}
        scores[where] = {"metrics": metrics, "examples": len(next(iter(records.values()))), "command": command}
    return scores


def _split(values: Values, split: str) -> str:
    """Return the dataset's name of a split: a recipe may cut its validation from the training part."""
    return {"train": values["train_split"], "validation": values["validation_split"]}.get(split, split)


def _save_npz(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    import numpy as np

    np.savez_compressed(path, **arrays)
