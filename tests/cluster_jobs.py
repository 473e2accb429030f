"""Work for workers of a cluster: functions of a module, as they must be."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from zoo.errors import ZooError


def times(state: int, item: int) -> int:
    return state * item


def squared(shared: int) -> int:
    return shared * shared


def dies_once(folder: str, item: int) -> int:
    """Kill the worker that does this item first."""
    marker = Path(folder) / str(item)
    if item in (1, 3) and not marker.exists():
        marker.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return item * item


def fails(state: None, item: int) -> int:
    if item == 2:
        raise ZooError(f"item {item} cannot be done")
    return item
