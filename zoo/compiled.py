"""Numba's `njit`, with what it compiles kept in the zoo's cache; where that cannot be written, nowhere.

Numba itself keeps it in the package or in the home, and refuses to work where neither can be written (a container of
another user, the node of a cluster).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba

from zoo.files import cache_folder


def njit(function: Callable | None = None, **options: Any) -> Any:
    """Return a function that Numba compiles when it is called first; `cache=True` keeps it for the next process.

    Args:
        function: to be compiled; without it, a decorator is returned.
        **options: those of `numba.njit`.
    """
    if function is None:
        return lambda function: njit(function, **options)
    kept = options.pop("cache", False)
    made = numba.njit(**options)(function)
    if kept:
        _keep(made)
    return made


def _keep(made: Any) -> None:
    before = numba.config.CACHE_DIR
    numba.config.CACHE_DIR = before or str(cache_folder() / "kernels")
    try:
        made.enable_caching()
    except (RuntimeError, OSError):  # no place to write, nor one in the package or the home
        pass
    finally:
        numba.config.CACHE_DIR = before
