"""Which modules a piece of code stands on: what its file imports, followed through the systems of the zoo.

What a builder generates or prepares depends on the modules that it names in its imports, and on what those import of
the systems (`zoo.crust.physics.prior` -> its kernels ...). Shards and blocks carry a hash of these files: one of
other code is not gone on with. The core (files, progress, data ...) decides how a result is kept, not what it is.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

from zoo.files import sha256

_ZOO = Path(__file__).resolve().parents[1]
CORE = ("data", "sampling", "training")
"""Packages of the core; every other package of the zoo is a system, or a field that systems share."""


def code_hashes(files: Iterable[Path], root: Path = _ZOO) -> list[str]:
    """Return the SHA-256 of files, and of all modules of the systems that they stand on, in the order of their names.

    Args:
        files: of a builder.
        root: folder of the package `zoo`.
    """
    return [sha256(path) for path in [*files, *foundations(files, root)]]


def foundations(files: Iterable[Path], root: Path = _ZOO) -> list[Path]:
    """Return the modules of the systems that files import, directly or through each other, in order of their names."""
    found: set[Path] = set()
    waiting = list(files)
    while waiting:
        new = {path for path in imported(waiting.pop(), root) if _of_a_system(path, root)} - found
        found |= new
        waiting += new
    return sorted(found)


def imported(file: Path, root: Path = _ZOO) -> Iterator[Path]:
    """Yield the modules of the zoo, and those beside a file, that it imports at its top or inside functions.

    Args:
        file: Python source.
        root: folder of the package `zoo`.

    Packages themselves are left out: their `__init__` is a lazy face, which would bring in the whole system.
    """
    for name in _imported_names(file, file.stat().st_mtime_ns):
        path = (file.parent if name.startswith(".") else root.parent).joinpath(*name.strip(".").split("."))
        if path.with_suffix(".py").is_file():
            yield path.with_suffix(".py")


@cache
def _imported_names(file: Path, changed_ns: int) -> tuple[str, ...]:
    names = []
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level < 2:
            module = "." * node.level + (node.module or "")
            names += [module, *(f"{module}.{alias.name}" for alias in node.names)]
    return tuple(name for name in dict.fromkeys(names) if name.startswith(("zoo.", ".")) and name != ".")


def _of_a_system(path: Path, root: Path) -> bool:
    """Return whether a module is a system's, or lies beside a builder."""
    if not path.is_relative_to(root):
        return True
    parts = path.relative_to(root).parts
    return len(parts) > 1 and parts[0] not in CORE
