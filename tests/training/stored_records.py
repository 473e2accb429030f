"""Records that lie in files, as a prepared dataset has them, without the preparation."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds

from zoo.data.columns import StreamedRecords
from zoo.data.random_access import RecordSource


def stored(records: dict[str, np.ndarray], folder: Path, memory_bytes: int, files: int = 3) -> StreamedRecords:
    """Write records into files of a folder, and return them as what stays on disk, within a budget."""
    columns = {key: np.asarray(column) for key, column in records.items()}
    features = tfds.features.FeaturesDict({key: _feature(column) for key, column in columns.items()})
    serializer = tfds.core.example_serializer.ExampleSerializer(features.get_serialized_info())
    count = len(next(iter(columns.values())))
    pieces = []
    folder.mkdir(parents=True, exist_ok=True)
    for number, rows in enumerate(np.array_split(np.arange(count), files)):
        path = str(folder / f"records.tfrecord-{number:05d}-of-{files:05d}")
        with tf.io.TFRecordWriter(path) as writer:
            for row in rows:
                example = features.encode_example({key: column[row] for key, column in columns.items()})
                writer.write(serializer.serialize_example(example))
        pieces.append((path, 0, len(rows), len(rows)))
    source = RecordSource(pieces, dict(features.items()))

    def read(names):
        return source.rows(range(count), names)

    return StreamedRecords("stored, train", source, read, memory_bytes)


def _feature(column: np.ndarray) -> tfds.features.FeatureConnector:
    if column.dtype.kind in "OU":
        return tfds.features.Text()
    if column.ndim == 1:
        return tfds.features.Scalar(column.dtype)
    return tfds.features.Tensor(shape=column.shape[1:], dtype=column.dtype, encoding="bytes")
