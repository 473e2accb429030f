"""Records of a prepared dataset as tf.data: files interleaved, serialized records shuffled, whole batches parsed.

TensorFlow refuses a record whose checksum does not hold, without the name of its file; here that is added.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from zoo.data.prepared import explained
from zoo.files import cores

if TYPE_CHECKING:
    import tensorflow as tf
    import tensorflow_datasets as tfds

_STREAMS, _FILES_TOGETHER = 2, 16
_PARSED_TOGETHER = 256
_SHUFFLE_BUFFER, _SHUFFLE_BUFFER_BYTES = 20_000, 64_000_000


def stream(
    pieces: Sequence[Any],
    features: Mapping[str, tfds.features.FeatureConnector],
    batch_size: int | None,
    shuffle_seed: int | None,
) -> tf.data.Dataset:
    """Return records as a tf.data.Dataset of dicts of tensors.

    Args:
        pieces: of files, each with `filename`, `skip`, `take` and `examples_in_shard`: how TFDS writes any part of a
            split.
        features: those to parse.
        batch_size: examples per batch; None gives single examples.
        shuffle_seed: seed of the order; None keeps the order of the files.
    """
    import numpy as np
    import tensorflow as tf

    specs, finish = parser(features)
    places = (
        np.array([str(piece.filename) for piece in pieces]),
        np.array([piece.skip for piece in pieces], np.int64),
        np.array([piece.take for piece in pieces], np.int64),
    )
    files = tf.data.Dataset.from_tensor_slices(places)
    if all(piece.take == piece.examples_in_shard for piece in pieces):  # skipping counts every record
        read = lambda file, skip, take: tf.data.TFRecordDataset(file)  # noqa: E731
    else:
        read = lambda file, skip, take: tf.data.TFRecordDataset(file).skip(skip).take(take)  # noqa: E731

    def batches(records: tf.data.Dataset) -> tf.data.Dataset:
        return records.batch(batch_size or _PARSED_TOGETHER).map(lambda r: finish(tf.io.parse_example(r, specs)))

    if shuffle_seed is None:
        examples = batches(files.flat_map(read))
    else:
        # Neighbours in an archive lie in the same file: files are mixed anew in every epoch, too. They are dealt to
        # streams that are shuffled side by side, for one alone keeps one core busy; how many does not depend on
        # the machine, so that the order does not.
        count = min(_STREAMS, len(pieces))
        record_bytes = os.path.getsize(pieces[0].filename) // pieces[0].examples_in_shard
        buffer = -(-shuffle_buffer(record_bytes) // count)
        streams = [
            batches(
                files.shuffle(len(pieces), seed=shuffle_seed)  # each its own, in the same order: parts of one mixture
                .shard(count, number)
                .interleave(read, cycle_length=_FILES_TOGETHER)
                .shuffle(buffer, seed=shuffle_seed + number)
            ).prefetch(2)
            for number in range(count)
        ]
        turns = tf.data.Dataset.range(count).repeat()
        examples = tf.data.Dataset.choose_from_datasets(streams, turns, stop_on_empty_dataset=False)
        examples = examples.rebatch(batch_size) if batch_size else examples
    examples = examples if batch_size else examples.unbatch()
    options = tf.data.Options()
    options.threading.private_threadpool_size = cores()  # TensorFlow's own has threads that wait for each other
    made = examples.prefetch(tf.data.AUTOTUNE).with_options(options)
    return _that_names_files(made, [str(piece.filename) for piece in pieces])


def _that_names_files(made: tf.data.Dataset, files: list[str]) -> tf.data.Dataset:
    """Return a dataset whose iterator says which file is damaged, where TensorFlow says that one is."""
    kind = type(made)

    class Dataset(kind):
        def __iter__(self):
            iterator = super().__iter__()
            plain = type(iterator)

            class DatasetIterator(plain):
                def _next_internal(self):
                    with naming(files):
                        return super()._next_internal()

            iterator.__class__ = DatasetIterator
            return iterator

    made.__class__ = Dataset
    return made


@contextmanager
def naming(files: Sequence[str]) -> Iterator[None]:
    """Turn TensorFlow's complaint about a damaged or lost file into an error that names it.

    Raises:
        ZooError: if one of these files is damaged.
    """
    import tensorflow as tf

    try:
        yield
    except (tf.errors.DataLossError, tf.errors.NotFoundError, tf.errors.InvalidArgumentError) as error:
        raise explained(error, files) from error


def shuffle_buffer(record_bytes: int) -> int:
    """Return how many records of a size `load_dataset` shuffles among each other (besides the files)."""
    return min(_SHUFFLE_BUFFER, max(_SHUFFLE_BUFFER_BYTES // record_bytes, 1))


def parser(features: Mapping[str, tfds.features.FeatureConnector]):
    """Return the specification for `tf.io.parse_example` and what makes tensors of its result.

    Tensors stored as bytes (`Encoding.BYTES`) come back as raw strings and are reinterpreted.
    """
    import tensorflow as tf
    import tensorflow_datasets as tfds

    specs, raw = {}, {}
    for key, feature in features.items():
        shape, dtype = feature.shape, tf.as_dtype(feature.np_dtype)
        encoded = getattr(feature, "_encoding", tfds.features.Encoding.NONE)
        if encoded == tfds.features.Encoding.BYTES:
            specs[key] = tf.io.FixedLenFeature((), tf.string)
            raw[key] = (shape, dtype)
        elif dtype == tf.string:
            specs[key] = tf.io.FixedLenFeature(shape, tf.string)
        else:
            stored = tf.float32 if dtype.is_floating else tf.int64
            specs[key] = tf.io.FixedLenFeature(shape, stored)

    def finish(parsed):
        out = {}
        for key, feature in features.items():
            value = parsed[key]
            if key in raw and value.dtype == tf.string:
                shape, dtype = raw[key]
                value = tf.reshape(tf.io.decode_raw(value, dtype), (-1, *shape))
            dtype = tf.as_dtype(feature.np_dtype)
            out[key] = value if dtype == tf.string else tf.cast(value, dtype)
        return out

    return specs, finish
