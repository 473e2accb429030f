"""Which split a row of STEAD's CSV belongs to."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

from . import table

SPLITS = {
    "published": "test: EQTransformer's list; validation: every 18th of the other rows of the CSV; train: the rest",
    "event": "by a hash of source_id: 10 % of the events test, 5 % validation; noise by a hash of its station",
}
_VALIDATION_EVERY = 18
_TEST, _VALIDATION = 0.10, 0.05


def published(test: set[str]) -> Callable[[Sequence[str]], str]:
    """Return SeisBench's rule (`seisbench/data/stead.py`): a function to be called once for every row, in order.

    Args:
        test: names of EQTransformer's test traces.
    """
    others = 0
    place = table.PLACE["trace_name"]

    def split(fields: Sequence[str]) -> str:
        nonlocal others
        if len(fields) > place and fields[place] in test:
            return "test"
        others += 1
        return "train" if (others - 1) % _VALIDATION_EVERY else "validation"

    return split


def by_event(fields: Sequence[str]) -> str:
    """Return the split of a row's event (of its station if it has none); it does not depend on the other rows."""
    if len(fields) != len(table.PLACE):
        return "train"  # the row will be skipped
    event = fields[table.PLACE["source_id"]]
    if event in ("", "None", "nan"):
        event = f"{fields[table.PLACE['network_code']]}.{fields[table.PLACE['receiver_code']]}"
    drawn = int.from_bytes(hashlib.blake2b(event.encode(), digest_size=8).digest(), "little") / 2.0**64
    return "test" if drawn < _TEST else "validation" if drawn < _TEST + _VALIDATION else "train"
