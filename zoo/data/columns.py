"""Records of a split that does not fit in memory: small columns as arrays, large ones read from disk where wanted.

What a recipe asks of such records decides what happens: some rows of a column are read, a column that fits in the
budget is read whole, one that does not is refused, with what to do.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from zoo.data.random_access import RecordSource
from zoo.errors import ZooError

_HELD_SHARE = 0.25
"""Share of the budget that small columns may fill for good."""
_OBJECT_BYTES = 80  # a text as a Python object, with its pointer


class StreamedRecords(Mapping[str, Any]):
    """A split on disk, as recipes see one: feature -> array, the examples along the first axis.

    Args:
        title: dataset and split, for errors.
        source: the records, with the features that are wanted.
        read: read(features) -> whole columns, in one pass over the files.
        memory_bytes: the budget of all that is read whole.
    """

    def __init__(
        self,
        title: str,
        source: RecordSource,
        read: Callable[[Sequence[str]], dict[str, np.ndarray]],
        memory_bytes: int,
    ):
        self.title, self.source, self.memory_bytes = title, source, memory_bytes
        self._read = read
        self._example = source.rows([0])
        self._held: dict[str, np.ndarray] | None = None

    @property
    def count(self) -> int:
        """How many records there are."""
        return len(self.source)

    @property
    def size_bytes(self) -> int:
        """What all columns would take in memory; texts by estimate."""
        return sum(self.column_bytes(name) for name in self)

    def column_bytes(self, name: str) -> int:
        """Return what a column would take in memory."""
        one = self._example[name]
        return self.count * (_OBJECT_BYTES * one.size if one.dtype == object else one.nbytes)

    def __iter__(self) -> Iterator[str]:
        return iter(self._example)

    def __len__(self) -> int:
        return len(self._example)

    def __getitem__(self, name: str) -> Any:
        one = self._example[name]
        if self._held is None:
            self._held = self._small()
        return self._held[name] if name in self._held else Column(self, name, one.shape[1:], one.dtype)

    def _small(self) -> dict[str, np.ndarray]:
        """Return the columns that fit together into the share of the budget, smallest first."""
        small, left = [], self.memory_bytes * _HELD_SHARE
        for name in sorted(self, key=self.column_bytes):
            left -= self.column_bytes(name)
            if left < 0:
                break
            small.append(name)
        return self._read(small) if small else {}

    def rows(self, indices: Sequence[int] | np.ndarray, names: Sequence[str] = ()) -> dict[str, np.ndarray]:
        """Return some records as arrays.

        Args:
            indices: (n,) numbers of records.
            names: of features, default all.
        """
        return self.source.rows(indices, names)

    def whole(self, name: str) -> np.ndarray:
        """Return a column as an array.

        Raises:
            ZooError: if it does not fit in the budget.
        """
        self.check(name, self.column_bytes(name))
        return self._read([name])[name]

    def check(self, name: str, size_bytes: float) -> None:
        """Refuse to read so much of a column at once, if it exceeds the budget.

        Raises:
            ZooError: then.
        """
        if size_bytes > self.memory_bytes:
            raise ZooError(
                f"{self.title}: {name} takes {size_bytes / 1e9:.3g} GB and is needed as a whole here, the budget is "
                f"{self.memory_bytes / 1e9:.3g} GB. Give --memory-gb {1.01 * self.size_bytes / 1e9:.3g} where the "
                "machine has that and as much again, or a part of the split: --set train_split=train[:10%]."
            )


class Column(np.lib.mixins.NDArrayOperatorsMixin):
    """A column that stays on disk: `len`, `shape`, and rows by number, slice or array. All else reads it whole."""

    def __init__(self, records: StreamedRecords, name: str, shape: tuple[int, ...], dtype: np.dtype):
        self._records, self._name = records, name
        self.shape, self.dtype, self.ndim = (records.count, *shape), np.dtype(dtype), 1 + len(shape)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, key: Any) -> np.ndarray:
        if isinstance(key, tuple):
            return self[key[0]][(slice(None), *key[1:])] if not _is_number(key[0]) else self[key[0]][key[1:]]
        if _is_number(key):
            return self._records.rows([key], [self._name])[self._name][0]
        rows = np.arange(*key.indices(len(self))) if isinstance(key, slice) else np.arange(len(self))[key]
        self._records.check(self._name, len(rows) * self._records.column_bytes(self._name) / len(self))
        return self._records.rows(rows, [self._name])[self._name]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.asarray(self._records.whole(self._name), dtype)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        plain = [np.asarray(one) if isinstance(one, Column) else one for one in inputs]
        return getattr(ufunc, method)(*plain, **options)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(np.asarray(self), name)


def _is_number(key: Any) -> bool:
    try:
        operator.index(key)
    except TypeError:
        return False
    return True
