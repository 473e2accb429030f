"""Batches in a seeded order that is the same from memory and from disk, on one worker or several.

An epoch is a permutation of all examples. A batch is a piece of it, and of several workers each takes its part of the
batch. So the order depends on seed, number of examples and size of the batch alone.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import tensorflow as tf

from zoo.data.columns import StreamedRecords
from zoo.training.recipe import POSITION, Records, Stage, Values

_AHEAD, _AHEAD_BYTES = 4, 64_000_000
"""Batches that are made before they are wanted, at most, and what they may take."""
_READERS = 2
"""Batches that are read side by side; their order stays."""


@dataclass(frozen=True)
class Share:
    """Which part of every batch a worker takes: that of number `worker` among `workers`."""

    worker: int = 0
    workers: int = 1

    def bounds(self, size: int) -> tuple[int, int]:
        """Return the first example of the part of a batch, and the one behind its last; parts differ by one at most.

        >>> [Share(worker, 3).bounds(8) for worker in range(3)]
        [(0, 3), (3, 6), (6, 8)]
        """
        each, more = divmod(size, self.workers)
        first = self.worker * each + min(self.worker, more)
        return first, first + each + (self.worker < more)

    def size(self, size: int) -> int:
        """Return the number of examples of the part."""
        first, last = self.bounds(size)
        return last - first


WHOLE = Share()


@dataclass(frozen=True)
class OnDisk:
    """Examples that are made of records on disk when they are wanted.

    Attributes:
        count: how many there are.
        read: read(numbers of examples) -> (x, y) or (x, y, weight) of arrays.
    """

    count: int
    read: Callable[[np.ndarray], tuple]
    failures: list[Exception] = field(default_factory=list)
    """What went wrong while reading; TensorFlow hands on a text alone."""


def examples_of(stage: Stage, model: Any, records: Records, values: Values) -> tuple | OnDisk:
    """Return what `fit` sees of records: arrays, or examples on disk where the records are, and come one by one.

    Raises:
        ZooError: if the stage needs a column as a whole that exceeds the budget of memory.
    """
    if not stage.by_record:
        return stage.examples(model, records, values)
    rows = stage.rows(model, records, values) if stage.rows else None
    more = stage.beside(model, values) if stage.beside else None
    if not isinstance(records, StreamedRecords):
        some = {key: column[rows] for key, column in records.items()} if rows is not None else dict(records)
        count = len(next(iter(some.values())))
        made = stage.examples(model, {**some, POSITION: np.arange(count)}, values)
        return tf.nest.map_structure(lambda *parts: np.concatenate(parts), made, more) if more else made
    count = records.count if rows is None else len(rows)

    def read(numbers: np.ndarray) -> tuple:
        own = numbers < count
        chosen = numbers[own]
        made = None
        if len(chosen):
            some = records.rows(chosen if rows is None else rows[chosen])
            made = stage.examples(model, {**some, POSITION: chosen}, values)
        if more is None or own.all():
            return made
        others = tf.nest.map_structure(lambda part: part[numbers[~own] - count], more)
        if made is None:
            return others

        def laid(a: np.ndarray, b: np.ndarray) -> np.ndarray:
            both = np.empty((len(numbers), *a.shape[1:]), np.result_type(a, b))
            both[own], both[~own] = a, b
            return both

        return tf.nest.map_structure(laid, made, others)

    return OnDisk(count + (len(tf.nest.flatten(more)[0]) if more else 0), read)


def count_of(examples: Sequence | OnDisk) -> int:
    """Return the number of examples."""
    return examples.count if isinstance(examples, OnDisk) else len(tf.nest.flatten(examples[0])[0])


def batches(
    examples: Sequence | OnDisk,
    batch_size: int,
    seed: int,
    first_epoch: int = 0,
    first_step: int = 0,
    share: Share = WHOLE,
) -> tf.data.Dataset:
    """Return endless batches of examples; epoch n has the same order in every run.

    The remainder of an epoch that does not fill a batch is left out (each epoch leaves out others),
    so that the compiled step sees one shape.

    Args:
        examples: arrays, or examples on disk.
        batch_size: examples of a batch, of all workers together.
        seed: of the order.
        first_epoch, first_step: where it begins.
        share: the part of each batch that is wanted.
    """
    count = count_of(examples)
    size = min(batch_size, count)
    first, last = share.bounds(size)

    def order(epoch):
        indices = tf.random.experimental.stateless_shuffle(
            tf.range(count), seed=tf.stack([tf.cast(seed, tf.int64), epoch])
        )
        whole = tf.data.Dataset.from_tensor_slices(indices).batch(size, drop_remainder=True)
        return whole.skip(tf.where(epoch == first_epoch, tf.constant(first_step, tf.int64), 0))

    epochs = tf.data.Dataset.range(first_epoch, np.iinfo(np.int64).max).flat_map(order)
    if share.workers > 1:
        epochs = epochs.map(lambda indices: indices[first:last])
    if not isinstance(examples, OnDisk):
        tensors = tf.nest.map_structure(tf.convert_to_tensor, tuple(examples))
        pick = lambda indices: tf.nest.map_structure(lambda tensor: tf.gather(tensor, indices), tensors)  # noqa: E731
        return epochs.map(pick, num_parallel_calls=2).prefetch(_AHEAD)
    return _read_batches(examples, epochs, last - first)


def _read_batches(examples: OnDisk, epochs: tf.data.Dataset, size: int) -> tf.data.Dataset:
    """Return the batches of examples on disk whose numbers a dataset gives, read ahead."""
    one = tf.nest.map_structure(np.asarray, tuple(examples.read(np.zeros(1, np.int32))))
    flat = tf.nest.flatten(one)
    ahead = int(np.clip(_AHEAD_BYTES // max(1, size * sum(part.nbytes for part in flat)), 1, _AHEAD))

    def read(numbers):
        try:
            return [np.asarray(part) for part in tf.nest.flatten(tuple(examples.read(numbers)))]
        except Exception as error:
            examples.failures.append(error)
            raise

    def made(numbers):
        parts = tf.numpy_function(read, [numbers], [part.dtype for part in flat])
        for part, like in zip(parts, flat, strict=True):
            part.set_shape((size, *like.shape[1:]))
        return tf.nest.pack_sequence_as(one, parts)

    return epochs.map(made, num_parallel_calls=_READERS).prefetch(ahead)


@contextmanager
def reading(examples: Any) -> Iterator[None]:
    """Raise what went wrong while batches were read, instead of what TensorFlow makes of it."""
    try:
        yield
    except tf.errors.OpError as error:
        if failures := getattr(examples, "failures", ()):
            raise failures[0] from error
        raise


def drawn_batches(
    draw: Callable[[np.random.Generator], tuple],
    steps: int,
    seed: int,
    first_epoch: int = 0,
    first_step: int = 0,
    share: Share = WHOLE,
) -> tf.data.Dataset:
    """Return endless batches that are made one by one; step k of epoch n gets the same generator in every run.

    Args:
        draw: takes a generator and returns a batch, or the worker's part of one: a tuple of arrays, always of the same
            shapes and dtypes.
        steps: batches that make an epoch.
        seed, first_epoch, first_step: as in `batches`.
        share: of several workers each has generators of its own.
    """
    own = (share.worker,) if share.worker else ()

    def made():
        for number in itertools.count(first_epoch * steps + first_step):
            yield draw(np.random.default_rng((seed, number, *own)))

    specs = tuple(tf.TensorSpec(part.shape, part.dtype) for part in draw(np.random.default_rng(seed)))
    return tf.data.Dataset.from_generator(made, output_signature=specs).prefetch(_AHEAD)


def together(wanted: int, steps: int, at_most: int) -> int:
    """Return how many updates run in one call of the compiled step: the most, as wanted, that divide an epoch.

    Keras would make more updates than an epoch has, if they did not divide it.

    >>> together(50, 625, 256), together(90, 90, 256), together(1000, 1000, 256)
    (25, 90, 250)
    """
    return max(number for number in range(1, min(wanted, steps, at_most) + 1) if steps % number == 0)
