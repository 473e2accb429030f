"""Any record of a prepared dataset by its number, from the same TFRecord files that training streams.

Each record of such a file begins with its length, so the places of all records are found by walking from one to the
next; a file is walked when one of its records is asked for first.
"""

from __future__ import annotations

import mmap
from bisect import bisect_right
from collections.abc import Mapping, Sequence
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
        self._open: dict[str, tuple[mmap.mmap, np.ndarray, np.ndarray]] = {}

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return self.__getitems__(range(*index.indices(len(self))))
        number = index + len(self) if index < 0 else index
        if not 0 <= number < len(self):
            raise IndexError(f"record {index} of {len(self)}")
        piece = bisect_right(self._ends, number)
        file, skip, take, held = self._pieces[piece]
        return self._decode(self._record(file, skip + number - self._ends[piece] + take, held))

    def __getitems__(self, indices: Sequence[int]) -> list[dict[str, Any]]:
        """Return several records: what a torch DataLoader calls for a batch."""
        return [self[int(index)] for index in indices]

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_open": {}}  # a worker process opens files of its own

    def _record(self, file: str, number: int, held: int) -> bytes:
        if file not in self._open:
            self._open[file] = _opened(file, held)
        content, places, lengths = self._open[file]
        return checked_record(content, int(places[number]), int(lengths[number]), file, number)

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


def _opened(file: str, held: int) -> tuple[mmap.mmap, np.ndarray, np.ndarray]:
    """Return a file's content, where in it its records begin, and their lengths.

    Raises:
        ZooError: if the file is missing or empty, ends within a record or holds another number of records.
    """
    places, lengths = [], []
    if not Path(file).is_file() or not Path(file).stat().st_size:
        raise ZooError(f"{file} is missing or empty. {remedy(Path(file).absolute().parent)}")
    with open(file, "rb") as opened:
        content = mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ)
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
    return content, np.array(places, np.int64), np.array(lengths, np.int64)
