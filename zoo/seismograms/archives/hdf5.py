"""Archives that keep each seismogram in its own HDF5 dataset, read without the cost of h5py's objects."""

from __future__ import annotations

import functools
import os
from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np
from h5py import h5d, h5s, h5t

from zoo.errors import ZooError
from zoo.foreign import reading

_type = functools.lru_cache(h5t.py_create)


def open_hdf5(path: str | os.PathLike) -> h5py.File:
    """Open an HDF5 file for reading.

    Raises:
        ZooError: if it does not exist, is cut short, or is not HDF5.
    """
    try:
        return h5py.File(path, "r")
    except FileNotFoundError as error:
        raise ZooError(f"There is no file {path}.") from error
    except Exception as error:  # h5py raises whatever the damage makes HDF5 say
        text = str(error)
        if "truncated" in text:
            raise ZooError(
                f"{path} is cut short ({os.path.getsize(path):,} bytes are there; {text.split('(')[-1].rstrip(')')}): "
                "download or copy it again; an interrupted download is resumed where it stopped."
            ) from error
        raise ZooError(f"{path} cannot be read as HDF5 ({text}): is it the right file, and complete?") from error


class TraceFile:
    """The datasets of an HDF5 file by name. Threads may share it, because h5py has one lock for all.

    Args:
        path: the file.

    Raises:
        ZooError: see `open_hdf5`.
    """

    def __init__(self, path: str | os.PathLike):
        self.path = Path(path)
        self._file = open_hdf5(path)

    def __contains__(self, name: str) -> bool:
        return name in self._file

    def read_into(self, name: str, out: np.ndarray) -> str | None:
        """Read a dataset into a contiguous array, converting its number type.

        Args:
            name: path of the dataset in the file.
            out: array, which has the shape that the dataset must have.

        Returns:
            None, or what is wrong.
        """
        try:
            dataset = h5d.open(self._file.id, name.encode())
        except (KeyError, ValueError, TypeError):
            return "not in the HDF5 file"
        except Exception as error:
            return f"unreadable ({' '.join(str(error).split())[:80]})"
        if dataset.shape != out.shape:
            return f"shape {dataset.shape} instead of {out.shape}"
        try:
            dataset.read(h5s.ALL, h5s.ALL, out, _type(out.dtype))
        except Exception as error:  # of a damaged file: OSError, RuntimeError, KeyError, OverflowError ...
            return f"unreadable ({' '.join(str(error).split())[:80]})"
        return None

    def attributes(self, name: str) -> dict[str, object]:
        """Return the attributes of a dataset."""
        with reading(self.path, "Copy or download it again."):
            return dict(self._file[name].attrs)

    def names(self, group: str) -> Iterator[str]:
        """Yield the names in a group, sorted; nothing if there is no such group."""
        with reading(self.path, "Copy or download it again."):
            if group in self._file:
                yield from self._file[group]

    def count(self, group: str) -> int:
        """Return how many datasets a group has; 0 if there is no such group."""
        with reading(self.path, "Copy or download it again."):
            return len(self._file[group]) if group in self._file else 0

    def close(self) -> None:
        """Close the file."""
        self._file.close()
