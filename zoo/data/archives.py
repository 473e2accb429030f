"""Unpacking of downloaded zip files, with checked paths."""

from __future__ import annotations

import fnmatch
import os
import shutil
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from zoo.errors import ZooError
from zoo.progress import bar
from zoo.store import atomic_path

_CHUNK_BYTES = 1 << 22


def extract(archive: str | os.PathLike, patterns: Sequence[str], folder: str | os.PathLike) -> list[Path]:
    """Unpack files of a zip into one folder; those that are there already in full are kept.

    Folders inside the zip are dropped: a file lands in `folder` under its last name, so that no entry can write
    elsewhere. Every file is checked against the zip's CRC-32 and put in place when it is whole.

    Args:
        archive: the zip.
        patterns: of the names wanted, like `*.hdf5`; others are left.
        folder: where to.

    Returns:
        The paths, in the order of the zip.

    Raises:
        ZooError: if it is no zip, damaged, encrypted, holds nothing that matches or two files of one name, or the disk
            is too full.
    """
    archive, folder = Path(archive), Path(folder)
    try:
        with zipfile.ZipFile(archive) as opened:
            wanted = [
                (entry, PurePosixPath(entry.filename.replace("\\", "/")).name)
                for entry in opened.infolist()
                if not entry.is_dir()
            ]
            # macOS adds files ._NAME in __MACOSX beside every NAME.
            wanted = [
                (entry, name)
                for entry, name in wanted
                if not name.startswith(".") and any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)
            ]
            names = [name for _, name in wanted]
            if not names or len(set(names)) < len(names):
                found = f"{len(names)} files ({', '.join(names[:6])})" if names else "nothing"
                raise ZooError(f"{archive} holds {found} that match {', '.join(patterns)}; expected one of each name.")
            missing = [(entry, name) for entry, name in wanted if not _is_there(folder / name, entry)]
            folder.mkdir(parents=True, exist_ok=True)
            needed, free = sum(entry.file_size for entry, _ in missing), shutil.disk_usage(folder).free
            if needed > free:
                raise ZooError(
                    f"Unpacking {archive.name} needs {needed / 1e9:.2f} GB and {folder} has {free / 1e9:.2f} GB free. "
                    "Free some space or choose another folder (--data-dir)."
                )
            for entry, name in missing:
                with (
                    bar(f"unpacking {name} ({entry.file_size / 1e9:.2f} GB)", entry.file_size) as advance,
                    opened.open(entry) as source,
                    atomic_path(folder / name) as temporary,
                    open(temporary, "wb") as target,
                ):
                    while chunk := source.read(_CHUNK_BYTES):
                        target.write(chunk)
                        advance(len(chunk))
            return [folder / name for name in names]
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise ZooError(f"{archive} is no zip that can be unpacked ({error}). Delete it and fetch it again.") from error


def _is_there(path: Path, entry: zipfile.ZipInfo) -> bool:
    return path.is_file() and path.stat().st_size == entry.file_size
