"""The commands of the zoo as a page in the browser: drop a file, see figures and tables, take them away.

    zoo serve                                  # then open the address that it prints

The page has no logic of its own. A form is made from the options and settings of a command (`tabs`); what is sent is
put into a temporary folder and handed to that command in a process of its own (`jobs`, `worker`), one at a time, for a
limited time; what the command wrote is shown (`pages`). The page is for this machine (`app` refuses other hosts), needs
no network, and runs no script.

>>> from zoo.serve import Limits
>>> Limits().run_s
600.0
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

# Name in this face -> module that defines it.
_FACE = {
    "serve": "zoo.serve.app",
    "App": "zoo.serve.app",
    "Limits": "zoo.serve.jobs",
    "Jobs": "zoo.serve.jobs",
    "TABS": "zoo.serve.tabs",
}

__all__ = [*_FACE]

if TYPE_CHECKING:
    from zoo.serve.app import App, serve  # noqa: F401
    from zoo.serve.jobs import Jobs, Limits  # noqa: F401
    from zoo.serve.tabs import TABS  # noqa: F401


def __getattr__(name: str):
    if name not in _FACE:
        raise AttributeError(f"module 'zoo.serve' has no attribute {name!r}")
    return getattr(importlib.import_module(_FACE[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_FACE])
