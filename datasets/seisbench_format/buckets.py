"""The traces of a waveforms.hdf5: alone in a node of `data`, or many in one, a bucket.

A trace's name says where it lies: `bucket0$12,:3,:1200` is `data/bucket0[12, :3, :1200]`, a name without `$` a node of
its own. What is contiguous in the file is read through a memory map, other buckets in slabs, so that each is
decompressed once and never held whole.
"""

from __future__ import annotations

import itertools
import mmap
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from zoo.errors import ZooError
from zoo.seismograms.archives.hdf5 import open_hdf5

from .folder import Chunk

_SLAB_BYTES = 48 << 20

Index = tuple[int | slice, ...]


def read_format(chunks: Sequence[Chunk]) -> dict[str, Any]:
    """Return the group `data_format` of a folder: texts and numbers (`component_order` empty if they do not say).

    Returns:
        What the files say, with `dimension_order` "CW" or "WC" (CW if they do not say).

    Raises:
        ZooError: if a file is damaged, the chunks disagree, or dimensions are not components and samples.
    """
    stated = None
    for chunk in chunks:
        with open_file(chunk.waveforms) as file:
            found = {key: _plain(value[()]) for key, value in file.get("data_format", {}).items()}
        if stated is not None and found != stated:
            raise ZooError(
                f"{chunk.waveforms} has another data_format than {chunks[0].waveforms}: {found}, {stated}. Prepare "
                "the two as folders of their own."
            )
        stated = found
    order = str(stated.get("dimension_order", "CW")).removeprefix("N")
    if sorted(order) != ["C", "W"]:
        raise ZooError(f"{chunks[0].waveforms}: dimension_order is {order!r}; CW and WC, perhaps with N, can be read.")
    return {**stated, "dimension_order": order, "component_order": "".join(stated.get("component_order", ""))}


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return [_plain(item) for item in value.tolist()]
    value = value.decode() if isinstance(value, bytes) else value
    return value.item() if isinstance(value, np.generic) else value


def open_file(path: Path) -> h5py.File:
    """Open an HDF5 file of waveforms.

    Raises:
        ZooError: if it is cut short or not HDF5, or has no group `data`.
    """
    file = open_hdf5(path)
    if "data" not in file:
        there = ", ".join(itertools.islice(file, 5))
        file.close()
        raise ZooError(f"{path} has no group data, in which SeisBench keeps waveforms; it has {there or 'nothing'}.")
    return file


def parse_name(name: str) -> tuple[str, Index]:
    """Return node and index of a trace's name; ValueError if its slices cannot be read."""
    node, dollar, location = name.partition("$")
    if not dollar:
        return node, ()
    parts = []
    for part in location.replace(" ", "").split(","):
        ends = [int(end) if end else None for end in part.split(":")]
        if len(ends) > 3 or (len(ends) == 1 and ends[0] is None):
            raise ValueError(f"{part!r} is not a slice")
        parts.append(ends[0] if len(ends) == 1 else slice(*ends))
    return node, tuple(parts)


def shape_of(index: Index, shape: Sequence[int]) -> tuple[int, ...]:
    """Return the shape of the part of an array at an index; IndexError if it reaches beyond the array."""
    if len(index) > len(shape):
        raise IndexError(f"{len(index)} slices for {len(shape)} dimensions")
    taken = []
    for part, size in zip(index, shape, strict=False):
        ends = [part] if isinstance(part, int) else [end for end in (part.start, part.stop) if end is not None]
        limit = size - 1 if isinstance(part, int) else size
        if any(end > limit or end < -size for end in ends):
            raise IndexError(f"{ends[-1]} in a dimension of {size}")
        if not isinstance(part, int):
            taken.append(len(range(*part.indices(size))))
    return (*taken, *shape[len(index) :])


class Waveforms:
    """An open file of waveforms.

    Args:
        path: path of the file.
        dimension_order: "CW" or "WC", the order of a trace's dimensions.
    """

    def __init__(self, path: Path, dimension_order: str):
        self._file = open_file(path)
        self._data = self._file["data"]
        self._order = dimension_order
        with open(path, "rb") as raw:
            self._bytes = mmap.mmap(raw.fileno(), 0, access=mmap.ACCESS_READ)

    def __enter__(self) -> Waveforms:
        return self

    def __exit__(self, *_) -> None:
        self._data = None
        self._file.close()  # the map goes with the last array on it

    def lengths(self, names: Iterable[str]) -> list[int]:
        """Return the lengths of traces in samples without reading them; 0 for those that are missing."""
        found = []
        for name in names:
            try:
                node, index = parse_name(name)
                shape = shape_of(index, self._data[node].shape)
                found.append(shape[-1] if len(shape) < 2 or self._order == "CW" else shape[-2])
            except (KeyError, ValueError, IndexError, AttributeError):
                found.append(0)
        return found

    def read(self, names: Sequence[str]) -> list[np.ndarray | str]:
        """Read traces.

        Args:
            names: as in the metadata; reading is fastest if those of a bucket are together.

        Returns:
            For each name an array (components, samples), perhaps a view of the file, or what is wrong with it.
        """
        found: list[np.ndarray | str] = [""] * len(names)
        parsed: list[tuple[str, int, Index]] = []
        for row, name in enumerate(names):
            try:
                node, index = parse_name(name)
                parsed.append((node, row, index))
            except ValueError:
                found[row] = "slices that cannot be read"
        parsed.sort(key=lambda item: item[0])  # stable: rows of a node keep their order
        for node, group in itertools.groupby(parsed, key=lambda item: item[0]):
            self._read_node(node, [(row, index) for _, row, index in group], found)
        return found

    def _read_node(self, node: str, wanted: list[tuple[int, Index]], found: list[np.ndarray | str]) -> None:
        data = self._data.get(node) if node else None
        if not isinstance(data, h5py.Dataset) or data.dtype.kind not in "fiu":
            what = "not in waveforms.hdf5" if data is None else "no array of numbers"
            for row, _ in wanted:
                found[row] = what
            return
        inside = []
        for row, index in wanted:
            try:
                shape = shape_of(index, data.shape)
            except IndexError:
                found[row] = "slices that reach beyond the bucket"
                continue
            if 0 in shape or len([size for size in shape[:-2] if size > 1]) or not shape:
                found[row] = "no array of components and samples"
            else:
                inside.append((row, index))
        view = self._view(data)
        try:
            pieces = ((row, view[index]) for row, index in inside) if view is not None else _by_slabs(data, inside)
            for row, piece in pieces:
                found[row] = self._oriented(piece)
        except OSError:
            for row, _ in inside:
                if isinstance(found[row], str):
                    found[row] = "damaged in waveforms.hdf5"

    def _view(self, data: h5py.Dataset) -> np.ndarray | None:
        """Return an array on the file's own bytes; None if they are compressed, in chunks, or in another file."""
        offset = data.id.get_offset()
        plain = data.chunks is None and not data.external and not self._file.userblock_size
        if offset is None or not plain:
            return None
        return np.ndarray(data.shape, data.dtype, buffer=self._bytes, offset=offset)

    def _oriented(self, piece: np.ndarray) -> np.ndarray:
        if piece.ndim == 1:
            return piece[None]
        piece = piece.reshape(piece.shape[-2:])
        return piece if self._order == "CW" else piece.T


def _by_slabs(data: h5py.Dataset, wanted: list[tuple[int, Index]]) -> Iterable[tuple[int, np.ndarray]]:
    """Yield pieces of a bucket: those whose first index is a number from slabs along it, others one by one."""
    numbered = [(row, index) for row, index in wanted if index and isinstance(index[0], int)]
    single = sorted((index[0] % len(data), row, index[1:]) for row, index in numbered)
    most = max(1, _SLAB_BYTES // max(1, data.dtype.itemsize * int(np.prod(data.shape[1:]))))
    while single:
        first = single[0][0]
        inside = [item for item in single if item[0] < first + most]
        slab = data[first : inside[-1][0] + 1]
        for at, row, rest in inside:
            yield row, slab[at - first][rest].copy()
        single = single[len(inside) :]
    for row, index in wanted:
        if not index or not isinstance(index[0], int):
            yield row, data[index] if index else data[()]
