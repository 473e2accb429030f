"""Any record of a prepared dataset by its number, from the same TFRecord files that training streams.

Each record of such a file begins with its length, so the places of all records are found by walking from one to the
next; a file is walked when one of its records is asked for first.
"""

from __future__ import annotations

import mmap
import struct
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import numpy as np

from zoo.errors import ZooError

if TYPE_CHECKING:
    import tensorflow_datasets as tfds

_HEADER, _FOOTER = 12, 4  # bytes: length and its checksum; checksum of the record


class RecordSource(Sequence):
    """A sequence of records, each a dict of numpy arrays, numbers and texts.

    Args:
        pieces: (file, records to skip, records to take), in order.
        features: the TFDS features to decode.
    """

    def __init__(self, pieces: Sequence[tuple[str, int, int]], features: Mapping[str, tfds.features.FeatureConnector]):
        self._pieces = list(pieces)
        self._ends = list(accumulate(take for _, _, take in self._pieces))
        self._features = dict(features)
        self._open: dict[str, tuple[mmap.mmap, np.ndarray]] = {}

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return self.__getitems__(range(*index.indices(len(self))))
        number = index + len(self) if index < 0 else index
        if not 0 <= number < len(self):
            raise IndexError(f"record {index} of {len(self)}")
        piece = bisect_right(self._ends, number)
        file, skip, take = self._pieces[piece]
        return self._decode(self._record(file, skip + number - self._ends[piece] + take))

    def __getitems__(self, indices: Sequence[int]) -> list[dict[str, Any]]:
        """Return several records: what a torch DataLoader calls for a batch."""
        return [self[int(index)] for index in indices]

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_open": {}}  # a worker process opens files of its own

    def _record(self, file: str, number: int) -> bytes:
        if file not in self._open:
            places = _places(file)
            with open(file, "rb") as opened:
                self._open[file] = mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ), places
        content, places = self._open[file]
        start = int(places[number])
        (length,) = struct.unpack_from("<Q", content, start)
        return content[start + _HEADER : start + _HEADER + length]

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


def _places(file: str) -> np.ndarray:
    """Return where in a file its records begin.

    Raises:
        ZooError: if the file ends within a record.
    """
    places = []
    with open(file, "rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as content:
        at, size = 0, len(content)
        while at < size:
            places.append(at)
            if at + _HEADER <= size:
                (length,) = struct.unpack_from("<Q", content, at)
                at += _HEADER + length + _FOOTER
            if at > size or at == places[-1]:
                raise ZooError(f"{file} ends within a record: it was cut short. Prepare the dataset again.")
    return np.array(places, np.int64)
