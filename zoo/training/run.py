"""The folder of an unfinished training: what goes in while it runs and comes out when it goes on."""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo import checkpoint
from zoo.errors import ZooError
from zoo.files import digest, read_json, write_json
from zoo.progress import say
from zoo.store import remove_folder
from zoo.training.recipe import Recipe, Records, Stage, Values

if TYPE_CHECKING:
    import keras

    from zoo.training.workers import Workers

_PLAN, _PREPARED = "run.json", "before_fit"
_STEPS_TOGETHER = 256
"""Updates in one call of the compiled step, at most: between two calls the state can be saved."""


def training_folder(out: Path) -> Path:
    """Return the folder of the unfinished training that ends in a checkpoint."""
    return out.with_name(out.name + ".training")


class Run:
    """`OUT.training`, beside the checkpoint OUT that it ends in.

    Attributes:
        belongs: digest of the plan.
        rows: of the history of the last stage, a dict for each epoch.
        workers: the processes that train together, None for one alone.
        fit_cpu_s, fit_wall_s, after_fit_cpu_s: what was spent, in this run and those before it.
    """

    def __init__(self, out: Path):
        self.out = out
        self.folder = training_folder(out)
        self.belongs = ""
        self.rows: list[dict[str, float]] = []
        self.workers: Workers | None = None
        self.fit_cpu_s = self.fit_wall_s = self.after_fit_cpu_s = 0.0

    @classmethod
    def open(cls, out: Path, plan: Mapping[str, Any]) -> Run:
        """Begin a run, or go on with the one in the folder.

        Args:
            out: folder of the checkpoint.
            plan: what makes two runs the same: recipe, settings, seed, digest of the dataset. Every file of the
                folder says which it belongs to.

        Raises:
            ZooError: if the folder holds epochs of another run.
        """
        run = cls(out)
        run.belongs = digest(json.dumps(plan))
        there = run.folder / _PLAN
        before = read_json(there, "Unfinished training") if there.is_file() else {}
        if before == json.loads(json.dumps(plan)):
            say(f"Going on with the unfinished run in {run.folder}")
            return run
        if any(run.folder.glob("state-*.npz")):
            other = [key for key in plan if not isinstance(before, dict) or before.get(key) != plan[key]]
            raise ZooError(
                f"{run.folder} holds an unfinished run with other settings ({', '.join(other)}). Repeat its command to "
                "go on with it, choose another --out, or delete that folder."
            )
        if run.folder.is_dir():
            say(f"{run.folder} holds a run that ended before its first epoch; it is replaced.")
        remove_folder(run.folder)
        write_json(there, plan)
        return run

    @classmethod
    def follow(cls, out: Path, plan: Mapping[str, Any]) -> Run:
        """Take part in a run whose files another worker writes."""
        run = cls(out)
        run.belongs = digest(json.dumps(plan))
        return run

    def prepared_model(self) -> keras.Model | None:
        """Return the model as `before_fit` left it in an earlier run."""
        folder = self.folder / _PREPARED
        if not (folder / checkpoint.CARD).is_file():
            return None
        from zoo import registry

        self._check_belongs(checkpoint.read_card(folder).get("belongs"), folder)
        return checkpoint.load(folder, import_recipe=registry.recipe_module)

    def save_prepared(self, model: keras.Model, recipe: Recipe, cpu_s: float) -> None:
        """Keep the model as `before_fit` left it."""
        card = {"summary": "What comes before fit.", "cpu_s": cpu_s, "belongs": self.belongs}
        checkpoint.save(model, self.folder / _PREPARED, card, recipe=recipe.name)

    def _check_belongs(self, belongs: str | None, path: Path) -> None:
        if belongs != self.belongs:
            raise ZooError(f"{path} belongs to another run than {_PLAN} beside it says; delete {self.folder}.")

    def fit(
        self,
        stage: Stage,
        model: keras.Model,
        records: Records,
        held_out: Records,
        values: Values,
        callbacks: Sequence[keras.callbacks.Callback] = (),
        kept: Sequence[str] = (),
    ) -> None:
        """Train one part but for what is `kept` as it is, or restore it where an earlier run has trained it.

        `rows` are its epochs.
        """
        import keras

        from zoo.training.fine_tuning import frozen

        # What a stage draws outside of `fit` is the same whether or not an earlier run did those before it.
        seed = values["seed"]
        keras.utils.set_random_seed(seed)
        part = stage.trained_part(model)
        with frozen(part, kept):
            self._fit(stage, part, model, records, held_out, values, callbacks, kept)

    def _fit(
        self,
        stage: Stage,
        part: keras.Model,
        model: keras.Model,
        records: Records,
        held_out: Records,
        values: Values,
        callbacks: Sequence[keras.callbacks.Callback],
        kept: Sequence[str],
    ) -> None:
        from zoo.training.batches import WHOLE, batches, count_of, drawn_batches, examples_of, reading, together
        from zoo.training.epochs import EpochState, ordered_steps
        from zoo.training.fine_tuning import freeze
        from zoo.training.workers import lost

        seed, size, workers = values["seed"], values["batch_size"], self.workers
        share = workers.share if workers else WHOLE
        if workers:
            workers.check(size)
        train_data: Any = None
        if stage.draws:
            steps = values["steps_per_epoch"]
            draw = stage.draws(model, records, {**values, "batch_size": share.size(size)})
            train_batches = lambda *first: drawn_batches(draw, steps, seed, *first, share=share)  # noqa: E731
        else:
            train_data = examples_of(stage, model, records, values)
            steps = max(1, count_of(train_data) // size)
            train_batches = lambda *first: batches(train_data, size, seed, *first, share=share)  # noqa: E731
        if stage.validation_examples:
            validation_data = stage.validation_examples(model, held_out, values)
        else:
            validation_data = examples_of(replace(stage, beside=None), model, held_out, values)
        stage.compile(part, values, steps * values["epochs"])
        freeze(part, kept)
        part.steps_per_execution = together(part.steps_per_execution, steps, _STEPS_TOGETHER)
        if workers:
            validation_data = workers.joins(part, size, validation_data)
        state = EpochState(
            self.folder / f"state-{stage.name}.npz",
            values["patience"],
            values["epochs"],
            f"{self.out.name}, {stage.name}",
            self.belongs,
            steps,
            workers,
        )
        first = state.resume(part)
        if workers:
            workers.begin(part)

        def go_on(epochs: int) -> None:
            inside = state.first_step
            part.fit(
                train_batches(first, inside),
                steps_per_epoch=steps - inside,
                initial_epoch=first,
                epochs=epochs,
                validation_data=validation_data,
                validation_batch_size=1024,
                callbacks=[state, *callbacks],
                shuffle=False,
                verbose=0,
            )

        with ordered_steps(), reading(train_data), lost() if workers else nullcontext():
            if state.first_step and not state.stopped:  # the rest of an epoch that an earlier run has begun
                go_on(first + 1)
                first += 1
            if first < values["epochs"] and not state.stopped:
                go_on(values["epochs"])
        state.finish(part)
        self.rows = state.rows
        self.fit_cpu_s += state.cpu_s
        self.fit_wall_s += state.wall_s

    def after_fit(self, recipe: Recipe, model: keras.Model, records: Records, values: Values) -> None:
        """Compute what comes after `fit`; its draws do not depend on whether `fit` was resumed."""
        import keras

        keras.utils.set_random_seed(values["seed"])
        cpu = time.process_time()
        recipe.after_fit(model, records, values)
        self.after_fit_cpu_s = time.process_time() - cpu

    def before_fit_cpu_s(self) -> float:
        """Return the CPU time of `before_fit`, in this run or an earlier one."""
        return checkpoint.read_card(self.folder / _PREPARED)["cpu_s"]

    def cpu_s(self) -> float:
        """Return the CPU time of the whole training."""
        return self.before_fit_cpu_s() + self.fit_cpu_s + self.after_fit_cpu_s

    def cost(self) -> str:
        """Say what training cost, for the card."""
        after = f", and {self.after_fit_cpu_s:.0f} after it" if self.after_fit_cpu_s else ""
        return (
            f"{self.fit_cpu_s:.0f} CPU-seconds of fit ({self.fit_wall_s:.0f} s on {os.cpu_count()} shared cores, "
            f"{_accelerators()}), {self.before_fit_cpu_s():.0f} before it{after}"
        )

    def write_history(self, path: Path) -> None:
        """Write the history as CSV, a row per epoch, and draw it beside the checkpoint's card."""
        from zoo.training.epochs import write_history
        from zoo.training.figure import draw_history

        write_history(self.rows, path)
        draw_history(self.rows, path.with_suffix(".png"), self.out.name)

    def close(self) -> None:
        """Remove the folder."""
        remove_folder(self.folder)


def device() -> str:
    """Say what trains here, for the card: processor, cores, accelerators."""
    return f"{platform.machine()}, {os.cpu_count()} cores, {_accelerators()}"


def _accelerators() -> str:
    """Return which devices TensorFlow trained on beside the processor."""
    import tensorflow as tf

    devices = tf.config.get_visible_devices("GPU")
    names = [tf.config.experimental.get_device_details(device).get("device_name", "GPU") for device in devices]
    return ", ".join(names) or "no GPU"
