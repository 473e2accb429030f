"""Waveform files in object stores and on servers, by their addresses: s3://, gs:// and what else fsspec knows.

A file is fetched whole into a temporary one when its headers or its samples are wanted.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import PurePosixPath
from typing import Any

from zoo.errors import ZooError
from zoo.files import digest
from zoo.store import is_address


def listed(address: str) -> dict[str, tuple[int, int]]:
    """Return the files at an address (a file, a folder with all below it, or a wildcard), in order of their names.

    Returns:
        Address of each -> its size in bytes, and a number that is another one once it was changed.

    Raises:
        ZooError: there is none, or the store cannot be asked.
    """
    try:
        import fsspec

        files, path = fsspec.core.url_to_fs(address)
        if any(sign in path for sign in "*?["):
            found = files.glob(path, detail=True)
        else:
            found = files.find(path, detail=True)
        details = {files.unstrip_protocol(name): told for name, told in sorted(found.items()) if told["type"] == "file"}
    except ImportError as error:
        raise ZooError(
            f'{address} needs another package ({error}). For s3://: pip install "seismic-zoo[cloud]"'
        ) from error
    except Exception as error:  # each store has its own
        raise ZooError(f"{address} cannot be listed ({error}). Check the address, and the credentials.") from error
    if not details:
        raise ZooError(f"There is no file at {address}.")
    hidden = [name for name in details if PurePosixPath(name).name.startswith(".")]
    return {name: (told["size"] or 0, _version(told)) for name, told in details.items() if name not in hidden}


def _version(told: dict[str, Any]) -> int:
    names = ("ETag", "etag", "md5Hash", "LastModified", "last_modified", "mtime", "created", "size")
    return int(digest(*(str(told.get(name)) for name in names))[:15], 16)


@contextmanager
def fetched(path: str) -> Iterator[str]:
    """Yield the path of a file on this machine: itself, or a copy for as long as the block runs."""
    if not is_address(path):
        yield path
        return
    import fsspec

    files, there = fsspec.core.url_to_fs(path)
    with tempfile.TemporaryDirectory() as folder:
        here = os.path.join(folder, PurePosixPath(there).name)
        files.get_file(there, here)
        yield here
