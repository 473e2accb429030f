"""A user's own recipes, datasets and checkpoints, by `ZOO_RECIPES`, `ZOO_DATASETS`, `ZOO_CHECKPOINTS`.

What cannot be used of them is named on stderr, once, and left out; the rest stands beside what is shipped.
"""

from __future__ import annotations

import os
import stat
from functools import lru_cache
from pathlib import Path

from zoo.progress import say

VARIABLES = {"recipes": "ZOO_RECIPES", "datasets": "ZOO_DATASETS", "checkpoints": "ZOO_CHECKPOINTS"}
"""Room -> the environment variable with the user's own folders, with `:` (Windows: `;`) between them."""


@lru_cache
def note(message: str) -> None:
    """Say a thing once in a process."""
    say(message)


def own_folders(room: str) -> list[Path]:
    """Return the user's own folders of a room, in their order; one that cannot be read is named and left out.

    Args:
        room: "recipes", "datasets" or "checkpoints".
    """
    variable, usable = VARIABLES[room], []
    for text in os.environ.get(variable, "").split(os.pathsep):
        if not text:
            continue
        folder = Path(text).expanduser()
        try:
            if not stat.S_ISDIR(folder.stat().st_mode):
                why = "it is a file; name the folder that it lies in"
            else:
                next(os.scandir(folder), None)
                usable.append(folder)
                continue
        except OSError as error:
            why = error.strerror or "it cannot be read"
        note(f"Left out: {folder}, named in {variable} ({why}).")
    return usable
