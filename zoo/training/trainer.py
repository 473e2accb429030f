"""What a recipe is, and the one training loop (Keras `fit`) that runs them all.

A recipe is a value: the dataset, every hyperparameter, and a handful of functions that read like its
paper's method section. The trainer owns the rest: seeds, early stopping, resuming after a kill,
history, checkpoint, card.

A run writes `OUT.training/` while it trains and the finished checkpoint `OUT/` at the end. The same
command after an interruption goes on where the last saved epoch ended, with the same order of
examples, and ends in the same weights as a run that was never interrupted.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo import checkpoint
from zoo.data import datasets
from zoo.errors import UsageError, ZooError
from zoo.files import read_json, write_json
from zoo.progress import say
from zoo.training.recipe import Recipe, Records, Stage

if TYPE_CHECKING:
    import keras
    import numpy as np
    import tensorflow as tf


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
    def hyperparameters(self) -> dict[str, Any]:
        """Every setting with its value."""
        return self.recipe.choose(self.tag)

    def build(self, **hyperparameters: Any) -> keras.Model:
        """Return the untrained model."""
        return self.recipe.create(self.recipe.choose(self.tag, hyperparameters))

    def data(
        self, split: str, batch_size: int | None = None, data_dir: str | os.PathLike | None = None
    ) -> tf.data.Dataset:
        """Return the dataset's records of a split (`train`, `validation`, `test`) as tf.data."""
        settings = self.hyperparameters
        return datasets.load_dataset(settings["dataset"], _split(settings, split), batch_size, data_dir=data_dir)

    def train(self, **arguments: Any) -> Path:
        """Train and return the checkpoint folder; arguments as in `zoo.training.trainer.train`."""
        return train(self, **arguments)

    def evaluate(
        self, model: keras.Model, split: str = "test", data_dir: str | os.PathLike | None = None
    ) -> dict[str, float]:
        """Return metric name -> value of a model on a split of the recipe's dataset."""
        return _evaluate(self.recipe, model, self.hyperparameters, split, data_dir)


def evaluate(
    name_or_folder: str | os.PathLike,
    split: str = "test",
    data_dir: str | os.PathLike | None = None,
    dataset: str | None = None,
) -> dict[str, float]:
    """Score a checkpoint on a split of the dataset that it was trained on (or another dataset)."""
    from zoo import registry

    folder = registry.find(name_or_folder)
    card = checkpoint.read_card(folder)
    if not card.get("recipe"):
        raise ZooError(f"{folder} was made by no recipe of the zoo, so nothing here says how to score it.")
    recipe = registry.recipe_module(card["recipe"]).RECIPE
    settings = {**recipe.settings, **card.get("settings", {})}
    if dataset:
        settings["dataset"] = dataset
    return _evaluate(recipe, registry.load(folder), settings, split, data_dir)


def _evaluate(recipe, model, settings, split, data_dir) -> dict[str, float]:
    about = datasets.metadata(settings["dataset"], data_dir)
    rate_hz = getattr(model, "sampling_rate_hz", None)
    if rate_hz and about.get("sampling_rate_hz", rate_hz) != rate_hz:
        raise UsageError(
            f"{settings['dataset']} is sampled at {about['sampling_rate_hz']:g} Hz, the model at {rate_hz:g} Hz."
        )
    records = datasets.arrays(settings["dataset"], _split(settings, split), data_dir, recipe.features)
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
) -> Path:
    """Train a recipe and write its checkpoint; goes on with an interrupted run of the same command.

    Args:
        named: the recipe and the tag whose settings it starts from.
        settings: changes to the settings; unknown names are refused.
        epochs: at most so many.
        seed: of initial weights, order of examples and whatever the recipe draws.
        out: folder of the checkpoint, by default `runs/NAME`.
        data_dir: where prepared datasets lie.
        smoke: a run of seconds that shows that everything works.

    Returns:
        The folder of the checkpoint.
    """
    import keras

    recipe = named.recipe
    changes = {**(recipe.smoke if smoke else {}), **(settings or {})}
    if epochs is not None:
        changes["epochs"] = epochs
    chosen = recipe.choose(named.tag, changes)
    out = Path(out) if out else Path("runs") / named.name
    run = _Run.open(out, {"recipe": named.name, "settings": chosen, "seed": seed})

    about = datasets.metadata(chosen["dataset"], data_dir)
    read = lambda split: datasets.arrays(chosen["dataset"], split, data_dir, recipe.features)  # noqa: E731
    records, held_out = read(chosen["train_split"]), read(chosen["validation_split"])

    keras.utils.set_random_seed(seed)
    model = run.adapted_model(recipe)
    if model is None:
        start = time.process_time()
        model = recipe.create(chosen)
        if recipe.adapt:
            recipe.adapt(model, records, chosen, about)
        run.save_adapted(model, recipe, time.process_time() - start)
    for stage in recipe.stages(chosen):
        run.fit(stage, model, records, held_out, {**chosen, **stage.settings}, seed)
    if recipe.conclude:
        run.conclude(recipe, model, records, chosen, seed)
    if recipe.finish:
        recipe.finish(model, held_out, chosen)

    command = f"zoo train {named.name}"
    command += "".join(f" --set {key}={value}" for key, value in changes.items() if key != "epochs")
    command += f" --epochs {chosen['epochs']}" if "epochs" in changes else ""
    command += f" --seed {seed}"
    scores = {}
    for where in chosen.get("scored_on", ("validation", "test")):
        if "/" in where:
            dataset, _, split = where.partition(":")
            split = split or "all"
            try:
                data = datasets.arrays(dataset, split, data_dir, recipe.features)
            except ZooError as error:
                say(f"Not scored on {where}: {error}")
                continue
            scores[where] = _scored(
                recipe, model, data, f"zoo evaluate {named.name} --dataset {dataset} --split {split}"
            )
        elif where == "validation" or where in about["splits"]:
            data = held_out if where == "validation" else read("test")
            scores[where] = _scored(recipe, model, data, f"zoo evaluate {named.name} --split {where}")
    card = {
        "name": named.name,
        "default": named.tag in ("", next(iter(recipe.tags), "")),
        "summary": recipe.summary,
        **recipe.card,
        "dataset": f"{chosen['dataset']} version {about['version']}, {about.get('origin', 'see README')}",
        "splits": {"train": chosen["train_split"], "validation": chosen["validation_split"]},
        "settings": chosen,
        "command": command,
        "seed": seed,
        "cost": run.cost(),
        "training_cpu_s": round(run.adapting_cpu_s() + run.cpu_s + run.concluding_cpu_s, 1),
        "epochs": len(run.rows),
        "scores": scores,
    }
    extras: dict[str, Callable[[Path], Any]] = {"history.csv": run.write_history} if run.rows else {}
    if recipe.sample:
        held = read("test") if "test" in scores else held_out
        arrays = recipe.sample(model, held, chosen)
        extras["sample.npz"] = lambda path: _save_npz(path, arrays)
    checkpoint.save(model, out, card, recipe=recipe.name, extras=extras)
    run.close()
    return out


def _scored(recipe: Recipe, model: keras.Model, data: Records, command: str) -> dict[str, Any]:
    """Return the card's entry of a score."""
    metrics = {key: round(float(value), 5) for key, value in recipe.score(model, data).items()}
    return {"metrics": metrics, "examples": len(next(iter(data.values()))), "command": command}


class _Run:
    """The folder of an unfinished training and what goes in and out of it."""

    def __init__(self, out: Path):
        self.out = out
        self.folder = out.with_name(out.name + ".training")
        self.rows: list[dict[str, float]] = []
        self.cpu_s = self.wall_s = self.concluding_cpu_s = 0.0

    @classmethod
    def open(cls, out: Path, what: Mapping[str, Any]) -> _Run:
        run = cls(out)
        plan = run.folder / "run.json"
        if plan.is_file():
            if read_json(plan, "Unfinished training") != json.loads(json.dumps(what)):
                raise ZooError(
                    f"{run.folder} holds an unfinished run with other settings. Repeat its command to go "
                    "on with it, choose another --out, or delete that folder."
                )
            say(f"Going on with the unfinished run in {run.folder}")
        else:
            write_json(plan, what)
        return run

    def adapted_model(self, recipe: Recipe) -> keras.Model | None:
        folder = self.folder / "adapted"
        if not (folder / checkpoint.CARD).is_file():
            return None
        from zoo import registry

        return checkpoint.load(folder, import_recipe=registry.recipe_module)

    def save_adapted(self, model: keras.Model, recipe: Recipe, cpu_s: float) -> None:
        card = {"summary": "What is learnt before fit.", "cpu_s": cpu_s}
        checkpoint.save(model, self.folder / "adapted", card, recipe=recipe.name)

    def fit(self, stage: Stage, model, records, held_out, settings, seed) -> None:
        """Train one part, or restore it where an earlier run has trained it; `rows` are its epochs."""
        import keras

        from zoo.training.epochs import EpochState, batches, drawn_batches

        # What a stage draws outside of `fit` is the same whether or not an earlier run did those before it.
        keras.utils.set_random_seed(seed)
        part = stage.trained_part(model)
        if stage.draws:
            steps, draw = settings["steps_per_epoch"], stage.draws(model, records, settings)
            train_batches = lambda first: drawn_batches(draw, steps, seed, first)  # noqa: E731
        else:
            train_data = stage.examples(model, records, settings)
            count = len(keras.tree.flatten(train_data[0])[0])  # x may be a tuple of arrays
            steps = max(1, count // settings["batch_size"])
            train_batches = lambda first: batches(train_data, settings["batch_size"], seed, first)  # noqa: E731
        validation_data = (stage.validation_examples or stage.examples)(model, held_out, settings)
        stage.compile(part, settings, steps * settings["epochs"])
        name = f"state-{stage.name}.npz" if stage.name else "state.npz"
        state = EpochState(self.folder / name, settings["patience"], settings["epochs"], stage.name)
        first = state.resume(part)
        cpu, wall = time.process_time(), time.monotonic()
        if first < settings["epochs"] and not state.stopped:
            part.fit(
                train_batches(first),
                steps_per_epoch=steps,
                initial_epoch=first,
                epochs=settings["epochs"],
                validation_data=validation_data,
                validation_batch_size=1024,
                callbacks=[state],
                shuffle=False,
                verbose=0,
            )
        state.finish(part)
        self.rows = state.rows
        self.cpu_s += state.cpu_s_before + time.process_time() - cpu
        self.wall_s += state.wall_s_before + time.monotonic() - wall

    def conclude(self, recipe: Recipe, model, records, settings, seed) -> None:
        """Learn what comes after `fit`; its draws do not depend on whether `fit` was resumed."""
        import keras

        keras.utils.set_random_seed(seed)
        cpu = time.process_time()
        recipe.conclude(model, records, settings)
        self.concluding_cpu_s = time.process_time() - cpu

    def adapting_cpu_s(self) -> float:
        """Return the CPU time of what is learnt before `fit`, in this run or an earlier one."""
        return checkpoint.read_card(self.folder / "adapted")["cpu_s"]

    def cost(self) -> str:
        """Say what training cost, for the card."""
        after = f" and {self.concluding_cpu_s:.0f} of what is learnt after it" if self.concluding_cpu_s else ""
        return (
            f"{self.cpu_s:.0f} CPU-seconds of fit ({self.wall_s:.0f} s on {os.cpu_count()} shared cores, no GPU) after "
            f"{self.adapting_cpu_s():.0f} CPU-seconds of what is learnt before it{after}"
        )

    def write_history(self, path: Path) -> None:
        """Write the history as CSV, a row per epoch, and draw it beside the checkpoint's card."""
        from zoo.training.epochs import write_history

        write_history(self.rows, path)
        from zoo.training.figure import draw_history

        draw_history(self.rows, path.with_suffix(".png"), self.out.name)

    def close(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)


def _split(settings: Mapping[str, Any], split: str) -> str:
    """Return the dataset's name of a split: a recipe may cut its validation from the training part."""
    return {"train": settings["train_split"], "validation": settings["validation_split"]}.get(split, split)


def _save_npz(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    import numpy as np

    np.savez_compressed(path, **arrays)


def recipe(name: str) -> NamedRecipe:
    """Return a recipe by name, `architecture` or `architecture.tag` (which settings it starts from).

    Its `build(**hyperparameters)`, `data(split)`, `train(...)` and `evaluate(model, split)` are what
    `zoo train` and `zoo evaluate` call.
    """
    from zoo import registry

    architecture, _, tag = name.partition(".")
    return NamedRecipe(registry.recipe_module(architecture).RECIPE, tag)
