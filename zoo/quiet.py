"""A quiet terminal: what TensorFlow logs of itself stays out of what the zoo says; its errors are raised all the same.

Two ways are needed. The environment variable silences what TensorFlow's own logger writes (that there is no GPU:
"failed call to cuInit"); what XLA writes ("Compiled cluster using XLA!", "All log messages before ...") goes through
the abseil library, which no variable reaches, but a function of TensorFlow's own library does.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib.abc
import importlib.util
import logging
import os
import re
import sys
from pathlib import Path
from typing import Any

_LEVEL = "TF_CPP_MIN_LOG_LEVEL"
_SYMBOL = re.compile(rb"_ZN4absl(?:\d+lts_\d{8})?14SetMinLogLevelE\w+")
_ABSEIL_ERROR = 2
_IN_LIBRARY_BYTES = 64 << 20  # the table of names lies near the beginning


def quiet() -> None:
    """Silence TensorFlow, in this process and those that it starts, before it is imported; `--debug` does not call it.

    A user's own `TF_CPP_MIN_LOG_LEVEL` is kept.
    """
    os.environ.setdefault(_LEVEL, "3")
    if "tensorflow" not in sys.modules and not any(isinstance(finder, _AfterImport) for finder in sys.meta_path):
        sys.meta_path.insert(0, _AfterImport())


class _AfterImport(importlib.abc.MetaPathFinder):
    """Does the rest when TensorFlow is imported, which most commands do not do."""

    def find_spec(self, name: str, path: Any, target: Any = None) -> Any:
        if name != "tensorflow":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        if spec is None or spec.loader is None:
            return spec
        run = spec.loader.exec_module

        def exec_module(module: Any) -> None:
            run(module)
            _silence(Path(module.__file__).parent)

        spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec


def _silence(package: Path) -> None:
    """Let abseil, in the library of a TensorFlow package, and Python's logging show errors only."""
    for logger in ("tensorflow", "absl"):
        logging.getLogger(logger).setLevel(logging.ERROR)
    # Where the name is another one, or there is no such file, a line more is shown and nothing else happens.
    with contextlib.suppress(OSError, AttributeError):
        for library in sorted(package.glob("libtensorflow_framework.*")):
            if name := _name_in(library):
                function = ctypes.CDLL(str(library))[name]
                function.argtypes, function.restype = [ctypes.c_int], None
                function(_ABSEIL_ERROR)


def _name_in(library: Path) -> str:
    """Return the name of abseil's function in a library, with the release that it is part of; "" if it has none."""
    rest = b""
    with library.open("rb") as file:
        while file.tell() < _IN_LIBRARY_BYTES and (block := file.read(1 << 20)):
            if found := _SYMBOL.search(rest + block):
                return found[0].decode()
            rest = block[-200:]
    return ""
