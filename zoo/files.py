"""Where the project's own folders are, and how single files are read and written (`zoo.store`: whole or not at all)."""

from __future__ import annotations

import csv
import hashlib
import json
import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from zoo.errors import ZooError
from zoo.store import atomic_path

_PACKAGE = Path(__file__).resolve().parent


def room(name: str) -> Path:
    """Return the folder `datasets`, `recipes` or `checkpoints`: the wheel's copy, else the checkout's."""
    inside = _PACKAGE / name
    return inside if inside.is_dir() else _PACKAGE.parent / name


def cache_folder() -> Path:
    """Return the folder for what is downloaded or compiled: `ZOO_CACHE`, else the user's cache."""
    if os.environ.get("ZOO_CACHE"):
        return Path(os.environ["ZOO_CACHE"]).expanduser()
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "seismic-zoo"


def cores() -> int:
    """Return the number of processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest(*parts: Any) -> str:
    """Return the SHA-256 of texts, numbers and arrays (numpy's, or None) that stand one after the other."""
    import numpy as np

    made = hashlib.sha256()
    for part in parts:
        made.update(np.ascontiguousarray(part).tobytes() if hasattr(part, "shape") else f"{part};".encode())
    return made.hexdigest()


def write_json(path: str | os.PathLike, value: Any) -> None:
    """Write JSON (numpy scalars and arrays become numbers and lists), atomically."""

    def plain(item: Any) -> Any:
        if hasattr(item, "tolist"):
            return item.tolist()
        raise TypeError(f"{type(item).__name__} has no JSON form")

    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(value, indent=2, default=plain) + "\n", encoding="utf-8")


def read_json(path: str | os.PathLike, what: str) -> Any:
    """Read JSON; `what` names the file's role in the error."""
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ZooError(f"{what}: there is no {path}.") from error
    except (ValueError, RecursionError) as error:
        raise ZooError(f"{what}: {path} is not valid JSON ({error}). Restore it or make it anew.") from error


def write_with(path: str | os.PathLike, writer: Callable[[Path], Any]) -> Path:
    """Let `writer(temporary_path)` write a file and put it in place atomically; return the path."""
    with atomic_path(path) as temporary:
        writer(temporary)
    return Path(path)


def write_csv(path: str | os.PathLike, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> Path:
    """Write a table with a header line as CSV (UTF-8), whole or not at all."""

    def write(temporary: Path) -> None:
        with open(temporary, "w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(header)
            writer.writerows(rows)

    return write_with(path, write)
