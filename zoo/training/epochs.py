"""Epochs that can be interrupted: a callback that keeps the state, and steps whose order is that of the program."""

from __future__ import annotations

import contextlib
import csv
import json
import time
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import keras
import numpy as np
import tensorflow as tf

from zoo.errors import ZooError
from zoo.progress import bar, say
from zoo.store import atomic_path

if TYPE_CHECKING:
    from zoo.training.workers import Workers

_SAVE_EVERY_S = 10.0


@contextlib.contextmanager
def ordered_steps() -> Iterator[None]:
    """Within it, a compiled step reads and writes variables in the order of the program, so two runs are the same.

    TensorFlow makes the write of a weight wait for the reads before it, by control edges. Its dependency optimizer
    removes such an edge where another path leads from the read to the write, and at the end splits a node that many of
    these paths go through (the `IdentityN` that Keras's optimizers pass all gradients through). A weight on which its
    own gradient does not depend, such as the last of a critic, may then be read before or after its update.
    """
    option = "dependency_optimization"
    before = tf.config.optimizer.get_experimental_options().get(option)
    tf.config.optimizer.set_experimental_options({option: False})
    try:
        yield
    finally:
        tf.config.optimizer.set_experimental_options({option: before})


class EpochState(keras.callbacks.Callback):
    """Early stopping, history and resuming in one callback, because they share one state.

    Every `_SAVE_EVERY_S` seconds, between two calls of the compiled step, weights, optimizer, best weights so far and
    history go into one file, atomically: a kill at any moment loses at most those seconds and one such call.

    Args:
        path: of the file.
        patience: epochs without a lower validation loss before training stops; 0 never stops.
        epochs: at most so many.
        name: for progress.
        belongs: digest of the plan of the run.
        steps: updates of an epoch.
        workers: where several train one model, what they say to each other (`zoo.training.workers`).
    """

    def __init__(
        self,
        path: Path,
        patience: int,
        epochs: int,
        name: str = "",
        belongs: str = "",
        steps: int = 0,
        workers: Workers | None = None,
    ):
        super().__init__()
        self.belongs, self.steps, self.workers = belongs, steps, workers
        self.path, self.patience, self.epochs = path, patience, epochs
        self.title = f"Training {name}".strip()
        self.rows: list[dict[str, float]] = []
        self.best, self.best_weights, self.wait = float("inf"), None, 0
        self.cpu_s = self.wall_s = 0.0
        self.stopped = False
        self.first_step = 0
        """Steps of the first epoch that an earlier run has made."""
        self._step, self._part, self._part_before = 0, {}, {}  # of the epoch that runs: how far, and means so far
        self._saved_at = time.monotonic()
        self._cpu_start, self._wall_start = time.process_time(), time.monotonic()

    def _variables(self, model: keras.Model) -> list:
        model.optimizer.build(model.trainable_variables)
        return [*model.variables, *model.optimizer.variables]

    def resume(self, model: keras.Model) -> int:
        """Load an interrupted run's state into a compiled model; return the epoch to go on with.

        `first_step` is the step in that epoch.
        """
        if not self.path.is_file():
            return 0
        try:
            with np.load(self.path, allow_pickle=False) as stored:
                note = json.loads(str(stored["note"]))
                if note.get("belongs", "") != self.belongs:
                    raise ZooError(f"{self.path} belongs to another run; delete {self.path.parent} to train anew.")
                variables = self._variables(model)
                values = [stored[f"variable_{i}"] for i in range(len(variables))]
                weights = range(len(model.weights))
                best = [stored[f"best_{i}"] for i in weights] if "best_0" in stored else None
        except (ValueError, OSError, KeyError, EOFError, zipfile.BadZipFile) as error:
            raise ZooError(f"{self.path} cannot be read ({error}); delete {self.path.parent} to train anew.") from error
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)
        self.best_weights, self.rows = best, note["rows"]
        self.best, self.wait, self.stopped = note["best"], note["wait"], note["stopped"]
        self.cpu_s, self.wall_s = note["cpu_s"], note["wall_s"]
        self.first_step, self._part_before = note.get("step", 0), note.get("part", {})
        inside = f" and {self.first_step} updates" if self.first_step else ""
        say(f"{self.title}: going on after epoch {len(self.rows)}{inside}")
        return len(self.rows)

    def save(self) -> None:
        """Write the state (atomically); of several workers one does."""
        self._saved_at = time.monotonic()
        if self.workers and not self.workers.writes:
            return
        note = {
            "belongs": self.belongs,
            "rows": self.rows,
            "best": self.best,
            "wait": self.wait,
            "stopped": self.stopped,
            "step": self._step,
            "part": self._part,
            "cpu_s": self.cpu_s + time.process_time() - self._cpu_start,
            "wall_s": self.wall_s + time.monotonic() - self._wall_start,
        }
        arrays = {f"variable_{i}": np.array(v) for i, v in enumerate(self._variables(self.model))}
        if self.best_weights is not None:
            arrays |= {f"best_{i}": w for i, w in enumerate(self.best_weights)}
        with atomic_path(self.path) as temporary:
            np.savez(temporary, note=json.dumps(note), **arrays)

    def on_train_begin(self, logs: Mapping[str, float] | None = None) -> None:
        self._cpu_start, self._wall_start = time.process_time(), time.monotonic()
        self._bar = bar(f"{self.title}, at most {self.epochs} epochs", self.epochs)
        self._advance = self._bar.__enter__()
        self._advance(len(self.rows))

    def on_train_batch_end(self, batch: int, logs: Mapping[str, float] | None = None) -> None:
        self._step = self.first_step + batch + 1
        if self._step < self.steps and time.monotonic() - self._saved_at > _SAVE_EVERY_S:
            self._part = self._of_whole_epoch(logs or {}, self._step)
            self.save()

    def on_test_begin(self, logs: Mapping[str, float] | None = None) -> None:
        if self.workers:
            self.workers.level(self.model)

    def _of_whole_epoch(self, logs: Mapping[str, float], step: int) -> dict[str, float]:
        """Return the means of an epoch so far, with what an earlier run has made of it; all batches have one size."""
        before = self.first_step / step if step else 0.0
        return {
            key: float(value) if key not in self._part_before or not self.first_step or key.startswith("val_")
            else before * self._part_before[key] + (1 - before) * float(value)
            for key, value in logs.items()
        }  # fmt: skip

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        means = self._of_whole_epoch(logs or {}, self.steps)
        if self.workers:
            means = self.workers.joined(means)
        row = {"epoch": epoch + 1, **means}
        loss = row.get("val_loss", row["loss"])
        if not np.isfinite(row["loss"]) or not np.isfinite(loss):
            raise ZooError(
                f"The loss is {row['loss']} in epoch {epoch + 1}. Lower learning_rate or look for NaN in "
                f"the dataset; the state before it is in {self.path.parent}."
            )
        self.rows.append(row)
        self.first_step = self._step = 0
        self._part = {}
        if loss < self.best:
            self.best, self.wait = loss, 0
            self.best_weights = [np.array(w) for w in self.model.weights]
        else:
            self.wait += 1
            if self.patience and self.wait >= self.patience:
                self.stopped = self.model.stop_training = True
        self._advance(1)
        if time.monotonic() - self._saved_at > _SAVE_EVERY_S or self.stopped:
            self.save()

    def on_train_end(self, logs: Mapping[str, float] | None = None) -> None:
        self.save()
        self.cpu_s += time.process_time() - self._cpu_start
        self.wall_s += time.monotonic() - self._wall_start
        self._cpu_start, self._wall_start = time.process_time(), time.monotonic()
        self._bar.__exit__(None, None, None)

    def finish(self, model: keras.Model) -> None:
        """Put the best weights into the model (where training stops early) and say how it went."""
        if self.patience and self.best_weights is not None:
            model.set_weights(self.best_weights)
        say(f"{self.title}: {len(self.rows)} epochs, best validation loss {self.best:.5g}")


def write_history(rows: Sequence[Mapping[str, float]], path: Path) -> None:
    """Write a row per epoch as CSV."""
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]) if rows else ["epoch"])
        writer.writeheader()
        writer.writerows(rows)
