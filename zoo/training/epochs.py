"""Epochs that can be interrupted: batches in a seeded order, and a callback that keeps the state."""

from __future__ import annotations

import contextlib
import csv
import itertools
import json
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from zoo.errors import ZooError
from zoo.progress import bar, say
from zoo.store import atomic_path

_SAVE_EVERY_S = 10.0


def batches(arrays: Sequence, batch_size: int, seed: int, first_epoch: int = 0) -> tf.data.Dataset:
    """Return endless batches of examples in memory; epoch n has the same order in every run.

    The remainder of an epoch that does not fill a batch is left out (each epoch leaves out others),
    so that the compiled step sees one shape.
    """
    tensors = tf.nest.map_structure(tf.convert_to_tensor, tuple(arrays))
    count = int(tf.nest.flatten(tensors)[0].shape[0])
    size = min(batch_size, count)

    def order(epoch):
        indices = tf.random.experimental.stateless_shuffle(
            tf.range(count), seed=tf.stack([tf.cast(seed, tf.int64), epoch])
        )
        return tf.data.Dataset.from_tensor_slices(indices).batch(size, drop_remainder=True)

    def pick(indices):
        return tf.nest.map_structure(lambda tensor: tf.gather(tensor, indices), tensors)

    epochs = tf.data.Dataset.range(first_epoch, np.iinfo(np.int64).max)
    return epochs.flat_map(order).map(pick, num_parallel_calls=2).prefetch(4)


def drawn_batches(
    draw: Callable[[np.random.Generator], tuple], steps: int, seed: int, first_epoch: int = 0
) -> tf.data.Dataset:
    """Return endless batches that are made one by one; step k of epoch n gets the same generator in every run.

    Args:
        draw: takes a generator and returns a batch: a tuple of arrays, always of the same shapes and dtypes.
        steps: batches that make an epoch.
        seed, first_epoch: as in `batches`.
    """

    def made():
        for number in itertools.count(first_epoch * steps):
            yield draw(np.random.default_rng((seed, number)))

    specs = tuple(tf.TensorSpec(part.shape, part.dtype) for part in draw(np.random.default_rng(seed)))
    return tf.data.Dataset.from_generator(made, output_signature=specs).prefetch(4)


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

    Every `_SAVE_EVERY_S` seconds, at the end of an epoch, weights, optimizer, best weights so far and
    history go into one file, atomically: a kill at any moment loses at most those seconds.
    """

    def __init__(self, path: Path, patience: int, epochs: int, name: str = "", belongs: str = ""):
        super().__init__()
        self.belongs = belongs
        self.path, self.patience, self.epochs = path, patience, epochs
        self.title = f"Training {name}".strip()
        self.rows: list[dict[str, float]] = []
        self.best, self.best_weights, self.wait = float("inf"), None, 0
        self.cpu_s_before = self.wall_s_before = 0.0
        self.stopped = False
        self._saved_at = time.monotonic()
        self._cpu_start, self._wall_start = time.process_time(), time.monotonic()

    def _variables(self, model: keras.Model) -> list:
        model.optimizer.build(model.trainable_variables)
        return [*model.variables, *model.optimizer.variables]

    def resume(self, model: keras.Model) -> int:
        """Load an interrupted run's state into a compiled model; return the epoch to go on with."""
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
        self.cpu_s_before, self.wall_s_before = note["cpu_s"], note["wall_s"]
        say(f"{self.title}: going on after epoch {len(self.rows)}")
        return len(self.rows)

    def save(self) -> None:
        """Write the state (atomically)."""
        note = {
            "belongs": self.belongs,
            "rows": self.rows,
            "best": self.best,
            "wait": self.wait,
            "stopped": self.stopped,
            "cpu_s": self.cpu_s_before + time.process_time() - self._cpu_start,
            "wall_s": self.wall_s_before + time.monotonic() - self._wall_start,
        }
        arrays = {f"variable_{i}": np.array(v) for i, v in enumerate(self._variables(self.model))}
        if self.best_weights is not None:
            arrays |= {f"best_{i}": w for i, w in enumerate(self.best_weights)}
        with atomic_path(self.path) as temporary:
            np.savez(temporary, note=json.dumps(note), **arrays)
        self._saved_at = time.monotonic()

    def on_train_begin(self, logs: Mapping[str, float] | None = None) -> None:
        self._cpu_start, self._wall_start = time.process_time(), time.monotonic()
        self._bar = bar(f"{self.title}, at most {self.epochs} epochs", self.epochs)
        self._advance = self._bar.__enter__()
        self._advance(len(self.rows))

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        row = {"epoch": epoch + 1, **{key: float(value) for key, value in (logs or {}).items()}}
        loss = row.get("val_loss", row["loss"])
        if not np.isfinite(row["loss"]) or not np.isfinite(loss):
            raise ZooError(
                f"The loss is {row['loss']} in epoch {epoch + 1}. Lower learning_rate or look for NaN in "
                f"the dataset; the state before it is in {self.path.parent}."
            )
        self.rows.append(row)
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
