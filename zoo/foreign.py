"""Binary files from outside: every way in which a library stumbles over one is told in a sentence, and sizes bounded.

A damaged file makes h5py, zip, numpy and ObsPy raise what they please, and a header of a kilobyte may state terabytes.
Here is the one place that knows both: `reading` turns their errors into ours; `read_npz`, `read_npy` and `open_hdf5`
compare the sizes that a header states with those of the file before anything is allocated.
"""

from __future__ import annotations

import functools
import io
import math
import mmap
import os
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, BinaryIO

from zoo.errors import ZooError

if TYPE_CHECKING:
    import h5py
    import numpy as np

_DEFLATE_AT_MOST = 1032
"""The most that deflate, which zip and HDF5 use, makes out of a byte."""
_FREE_BYTES = 1 << 20
"""What a header may state whatever the size of its file."""
_FILTERS = {1: "deflate", 2: "shuffle", 3: "fletcher32", 4: "szip", 5: "nbit", 6: "scaleoffset"}
"""Of HDF5 itself; others are programs that it would load from the computer."""
_HEAP = b"GCOL\1\0\0\0"
"""What a heap of texts of variable length begins with in HDF5."""


@contextmanager
def reading(path: str | os.PathLike, remedy: str, other: str = "of another kind") -> Iterator[None]:
    """Turn whatever a library raises over a damaged file into an error with the file's name and what to do.

    Args:
        path: of the file.
        remedy: a sentence.
        other: what it is if it is not what it should be.

    Raises:
        ZooError: instead of any other error.
    """
    try:
        yield
    except ZooError as error:
        if os.path.basename(path) in str(error):
            raise
        raise type(error)(f"{path}: {error}") from error
    except FileNotFoundError as error:
        raise ZooError(f"There is no file {path}. {remedy}") from error
    except PermissionError as error:
        raise ZooError(f"{path} may not be read ({error.strerror}). Ask for the right to read it.") from error
    except Exception as error:  # OSError, RuntimeError, KeyError, MemoryError, TokenError ... of four libraries
        text = " ".join(str(error).split())[:200] or "no reason is given"
        why = f"{type(error).__name__}: {text}"
        raise ZooError(f"{path} is damaged, cut short or {other} ({why}). {remedy}") from error


def reader(remedy: str) -> Callable[[Callable], Callable]:
    """Return a decorator for functions that read the file of their first argument: `reading` around all of them.

    Args:
        remedy: a sentence that says what to do about a file that is damaged.
    """

    def decorate(function: Callable) -> Callable:
        @functools.wraps(function)
        def read(path: str | os.PathLike, *given: Any, **named: Any) -> Any:
            with reading(path, remedy):
                return function(path, *given, **named)

        return read

    return decorate


def check_numbers(held: Mapping[str, Any], names: Iterable[str], path: str | os.PathLike) -> None:
    """Refuse arrays of a file that hold something other than finite numbers.

    Args:
        held: name -> array; names that it lacks are not looked at.
        names: of the arrays.
        path: of the file, for the error.

    Raises:
        ZooError: that names the array.
    """
    import numpy as np

    for name in names:
        values = np.asarray(held[name]) if held.get(name) is not None else np.zeros(0)
        if values.dtype.kind not in "fiu":
            raise ZooError(f"{path}: `{name}` holds {values.dtype}, expected numbers. Write it again.")
        if not np.isfinite(values).all():
            first = np.ravel(values)[np.argmin(np.isfinite(np.ravel(values)))]
            raise ZooError(f"{path}: `{name}` holds {first}, expected finite numbers. Correct it or leave it out.")


def read_npz(path: str | os.PathLike, remedy: str) -> dict[str, Any]:
    """Return every array of an .npz file.

    Args:
        path: of the file.
        remedy: a sentence that says what to do about one that is damaged.

    Raises:
        ZooError: if it is no npz, a member is no array of numbers or text, or one states more than the file can hold.
    """
    with reading(path, remedy, "no npz"):
        return parse_npz(path)


def parse_npz(file: str | os.PathLike | BinaryIO) -> dict[str, np.ndarray]:
    """Return the arrays of an .npz file or stream; raises whatever its damage makes numpy and zip raise."""
    arrays = {}
    with zipfile.ZipFile(file) as members:
        if len(set(members.namelist())) < len(members.namelist()):
            raise ValueError("a member stands in it twice")
        for entry in members.infolist():
            if not entry.filename.endswith(".npy"):
                raise ValueError(f"its member {entry.filename[:80]!r} is no array (.npy)")
            if entry.file_size > entry.compress_size * _DEFLATE_AT_MOST + _FREE_BYTES:
                raise ValueError(f"its member {entry.filename[:80]!r} states {entry.file_size} bytes")
            name = entry.filename.removesuffix(".npy")
            arrays[name] = _array(lambda entry=entry: members.open(entry), entry.file_size)
    return arrays


def read_npy(path: str | os.PathLike, remedy: str) -> np.ndarray:
    """Return the array of an .npy file; as `read_npz`."""
    with reading(path, remedy):
        return _array(lambda: open(path, "rb"), os.path.getsize(path))


def _array(opened: Callable[[], BinaryIO], size_bytes: int) -> np.ndarray:
    """Return the array of an .npy stream whose header states no more than the stream holds."""
    import numpy as np

    _check_header(opened, size_bytes)
    with opened() as stream:
        return np.lib.format.read_array(stream, allow_pickle=False)


def _check_header(opened: Callable[[], BinaryIO], size_bytes: int) -> None:
    import numpy as np

    with opened() as stream:
        version = np.lib.format.read_magic(stream)
        header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, _, dtype = header(stream)
        left = size_bytes - stream.tell()
    if dtype.hasobject:
        raise ValueError("it holds Python objects, which are not read")
    if any(type(length) is not int or length < 0 for length in shape):
        raise ValueError(f"its header states the shape {shape}")
    count = math.prod(shape)
    if count * max(dtype.itemsize, 1) > left:
        raise ValueError(f"its header states {count} x {dtype.itemsize} bytes, {left} are there")


def check_npy(path: str | os.PathLike) -> None:
    """Refuse a file that is no .npy, or holds less than it states; a reader for downloads.

    Raises:
        ZooError: that says so.
    """
    with reading(path, "Fetch it again."):
        _check_header(lambda: open(path, "rb"), os.path.getsize(path))


def check_zip(path: str | os.PathLike) -> None:
    """Refuse a file that is no zip, or one without content; as `check_npy`."""
    with reading(path, "Fetch it again."), zipfile.ZipFile(path) as archive:
        if not archive.namelist():
            raise ValueError("it holds no files")


def check_hdf5(path: str | os.PathLike) -> None:
    """Refuse a file that is no HDF5, or one without content; as `check_npy`."""
    import h5py

    with reading(path, "Fetch it again."), h5py.File(path, "r") as file:
        if not len(file):
            raise ValueError("it holds nothing")


@contextmanager
def open_hdf5(path: str | os.PathLike | io.BytesIO) -> Iterator[h5py.File]:
    """Open an HDF5 file in which every array lies in the file itself and is no larger than the file can hold.

    Raises:
        ValueError: if an array is stored elsewhere (external, virtual), needs a program to be read, or states more
            than is there, or a text has no length; and whatever h5py raises. `reading` around it turns these into a
            ZooError.
    """
    import h5py

    if isinstance(path, io.BytesIO):
        _check_heaps(path.getvalue())
    elif os.path.getsize(path):
        with open(path, "rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as content:
            _check_heaps(content)
    with h5py.File(path, "r") as file:

        def visit(name: str, item: h5py.HLObject) -> None:
            if isinstance(item, h5py.Dataset):
                check_stored(item.id, name)

        file.visititems(visit)
        yield file


def _check_heaps(content: bytes | mmap.mmap) -> None:
    """Refuse HDF5 whose heaps of texts have an entry without a length: the HDF5 library reads it for ever.

    A heap is "GCOL", version 1, its length; its entries are number (0: free space), references, length and content.
    """
    at = content.find(_HEAP)
    while at >= 0:
        end, entry = at + int.from_bytes(content[at + 8 : at + 16], "little"), at + 16
        while entry + 16 <= min(end, len(content)):
            length = int.from_bytes(content[entry + 8 : entry + 16], "little")
            free = content[entry : entry + 2] == b"\0\0"
            step = length if free else 16 + -(-length // 8) * 8
            if step < 16:
                raise ValueError("a heap of texts has an entry without a length")
            entry += step
        at = content.find(_HEAP, at + 1)


def check_stored(array: h5py.h5d.DatasetID, name: str) -> None:
    """Refuse an array of an HDF5 file (of h5py's low level) that is stored elsewhere or states more than is there.

    Raises:
        ValueError: that says what is wrong.
    """
    from h5py import h5d

    made = array.get_create_plist()
    if made.get_layout() == h5d.VIRTUAL or made.get_external_count():
        raise ValueError(f"{name} is stored in other files")
    filters = [made.get_filter(number)[0] for number in range(made.get_nfilters())]
    if unknown := [number for number in filters if number not in _FILTERS]:
        raise ValueError(f"{name} is stored with the filter {unknown[0]}, which HDF5 does not have itself")
    stated, stored = math.prod(array.shape or ()) * array.get_type().get_size(), array.get_storage_size()
    if stated > stored * (_DEFLATE_AT_MOST if filters else 1) + _FREE_BYTES:
        raise ValueError(f"{name} states {stated} bytes, {stored} are stored")
