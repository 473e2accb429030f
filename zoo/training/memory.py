"""The budget of memory of a training, and what has to fit in it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from zoo.data import datasets
from zoo.data.columns import StreamedRecords
from zoo.errors import UsageError, ZooError
from zoo.training.recipe import Recipe, Records, Values

_SHARE = 1 / 3
"""Of the machine's memory: from memory, `fit` holds the records, what it is given of them, and its tensors."""
_LIMIT = Path("/sys/fs/cgroup/memory.max")


class TooLarge(ZooError):
    """A split that is read whole exceeds the budget."""


def machine_bytes() -> int:
    """Return the memory of this machine, or of the container or job if that has less."""
    whole = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limit = _LIMIT.read_text().strip() if _LIMIT.is_file() else "max"
    return min(whole, int(limit)) if limit.isdigit() else whole


def budget_bytes(memory_gb: float | None) -> int:
    """Return the budget of a training in bytes; None: the default, shared by the processes of this machine.

    >>> budget_bytes(2)
    2000000000
    """
    if memory_gb is None:
        from zoo.training.workers import neighbours

        return int(machine_bytes() * _SHARE / neighbours())
    if not memory_gb > 0:
        raise UsageError(f"--memory-gb is {memory_gb}; expected a positive number of GB.")
    return int(memory_gb * 1e9)


def held_out_records(
    recipe: Recipe, chosen: Values, split: str, data_dir: Any = None, memory_bytes: int | None = None
) -> Records:
    """Return the records of a split that scores and validation need as a whole.

    Raises:
        TooLarge: if they exceed the budget.
    """
    records = datasets.records(chosen["dataset"], split, data_dir, recipe.features, memory_bytes)
    if isinstance(records, StreamedRecords):
        raise TooLarge(
            f"{records.title} takes {records.size_bytes / 1e9:.3g} GB in memory, where it is needed as a whole; the "
            f"budget is {memory_bytes / 1e9:.3g} GB. Give a larger --memory-gb, or a part of it, such as --set "
            f"validation_split={split.split('[')[0]}[:1000]."
        )
    return records
