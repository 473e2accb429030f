"""What is expensive to make for an object, such as a compiled sampler, made once and kept as long as the object.

A table beside the objects would not do: a sampler that was compiled for a model refers to that model, so the table
would keep every model alive that was ever used, weakly keyed or not. So the entries are kept on the object itself, and
go when it goes.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, TypeVar

Made = TypeVar("Made")

# Entries of one object, e.g. samplers for different subsets of an emulator's receivers.
MAX_ENTRIES = 4
_ATTRIBUTE = "_zoo_cache"


class _Entries:
    """A dictionary that Keras does not look into for layers and weights."""

    def __init__(self) -> None:
        self.by_key: dict[Hashable, Any] = {}


def cached(owner: Any, key: Hashable, make: Callable[[], Made]) -> Made:
    """Return what `make()` returned before for this object and key, or call it now.

    Args:
        owner: the object that the entry belongs to, e.g. an emulator or an earth model; entries are lost with it.
        key: whatever else the entry depends on. What `make` reads from the owner itself must either stay as it is or be
            part of the key. (A compiled function reads the weights of a model at each call, so they may change.)
        make: makes the entry.

    Returns:
        The entry. The oldest of more than `MAX_ENTRIES` is dropped.
    """
    # Not by attribute access: Keras would track the entries, and frozen dataclasses would refuse them.
    entries = vars(owner).setdefault(_ATTRIBUTE, _Entries()).by_key
    if key not in entries:
        made = make()
        while len(entries) >= MAX_ENTRIES:
            del entries[next(iter(entries))]
        entries[key] = made
    return entries[key]
