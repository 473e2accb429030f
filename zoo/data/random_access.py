"""Any record of a prepared dataset by its number, from the same TFRecord files that training streams.

Each record of such a file begins with its length, so the places of all records are found by walking from one to the
next; a file is walked when one of its records is asked for first.
"""

from __future__ import annotations

import mmap
import os
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from io import FileIO
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from zoo.data.prepared import FOOTER, HEADER, checked_record, record_length, remedy
from zoo.errors import ZooError

if TYPE_CHECKING:
    import tensorflow_datasets as tfds


class RecordSource(Sequence):
    """A sequence of records, each a dict of numpy arrays, numbers and texts.

    Args:
        pieces: (file, records to skip, records to take, records that the file holds), in order.
        features: the TFDS features to decode.
    """

    def __init__(
        self, pieces: Sequence[tuple[str, int, int, int]], features: Mapping[str, tfds.features.FeatureConnector]
    ):
        self._pieces = list(pieces)
        self._ends = list(accumulate(take for _, _, take, _ in self._pieces))
        self._features = dict(features)
        self._open: dict[str, tuple[FileIO, np.ndarray, np.ndarray]] = {}
        self._parsers: dict[tuple[str, ...], Any] = {}

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return self.__getitems__(range(*index.indices(len(self))))
        return self._decode(self._stored(index))

    def __getitems__(self, indices: Sequence[int]) -> list[dict[str, Any]]:
        """Return several records: what a torch DataLoader calls for a batch."""
        return [self[int(index)] for index in indices]

    def rows(self, indices: Sequence[int] | np.ndarray, names: Sequence[str] = ()) -> dict[str, np.ndarray]:
        """Return several records as a dict of arrays, the records along the first axis: what a training batch is.

        Parsed as `zoo.data.datasets.load_dataset` does, so that the values are the same.

        Args:
            indices: (n,) numbers of records, in any order.
            names: of features, default all.

        Raises:
            IndexError: if there is no such record.
            ZooError: if a record is damaged.
        """
        import tensorflow as tf

        with tf.device("CPU:0"):
            records = tf.constant([self._stored(int(index)) for index in indices], tf.string)
            parsed = self._parser(tuple(names))(records)
        return {key: values.numpy() for key, values in parsed.items()}

    def _parser(self, names: tuple[str, ...]) -> Any:
        """Return what makes tensors of stored records."""
        if names not in self._parsers:
            import tensorflow as tf

            from zoo.data.streaming import parser

            specs, finish = parser({name: self._features[name] for name in names or self._features})
            self._parsers[names] = tf.function(
                lambda records: finish(tf.io.parse_example(records, specs)),
                input_signature=[tf.TensorSpec((None,), tf.string)],
            )
        return self._parsers[names]

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_open": {}, "_parsers": {}}  # a worker process opens files of its own

    def _stored(self, index: int) -> bytes:
        """Return a record as it is stored; its checksums hold."""
        number = index + len(self) if index < 0 else index
        if not 0 <= number < len(self):
            raise IndexError(f"record {index} of {len(self)}")
        piece = bisect_right(self._ends, number)
        file, skip, take, held = self._pieces[piece]
        number += skip + take - self._ends[piece]
        if file not in self._open:
            self._open[file] = _opened(file, held)
        opened, places, lengths = self._open[file]
        length = int(lengths[number])
        # Read, not mapped: a training that reads all records would have all of the files in its memory.
        stored = os.pread(opened.fileno(), HEADER + length + FOOTER, int(places[number]))
        if len(stored) < HEADER + length + FOOTER:
            raise ZooError(f"{file} was cut short while it was read. {remedy(Path(file).absolute().parent)}")
        return checked_record(stored, 0, length, file, number)

    def _decode(self, record: bytes) -> dict[str, Any]:
        import tensorflow_datasets as tfds
        from tensorflow_datasets.proto import tf_example_pb2  # TensorFlow's, without TensorFlow

        stored = tf_example_pb2.Example.FromString(record).features.feature
        out = {}
        for name, feature in self._features.items():
            values = stored[name]
            if feature.np_dtype == np.object_ or isinstance(feature, tfds.features.Text):
                out[name] = values.bytes_list.value[0].decode()
            elif values.bytes_list.value:
                out[name] = np.frombuffer(values.bytes_list.value[0], feature.np_dtype).reshape(feature.shape)
            else:
                numbers = values.float_list.value or values.int64_list.value
                out[name] = np.array(numbers, feature.np_dtype).reshape(feature.shape)
        return out


def _opened(file: str, held: int) -> tuple[FileIO, np.ndarray, np.ndarray]:
    """Return a file, where in it its records begin, and their lengths.

    Raises:
        ZooError: if the file is missing or empty, ends within a record or holds another number of records.
    """
    places, lengths = [], []
    if not Path(file).is_file() or not Path(file).stat().st_size:
        raise ZooError(f"{file} is missing or empty. {remedy(Path(file).absolute().parent)}")
    opened = open(file, "rb", buffering=0)  # noqa: SIM115 closed with the sequence that holds it
    with mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as content:
        at = 0
        while at < len(content):
            places.append(at)
            lengths.append(record_length(content, at, file, len(lengths)))
            at += HEADER + lengths[-1] + FOOTER
    if len(places) != held:
        raise ZooError(
            f"{file} is damaged: it holds {len(places)} records, expected {held}. "
            f"{remedy(Path(file).absolute().parent)}"
        )
    return opened, np.array(places, np.int64), np.array(lengths, np.int64)
