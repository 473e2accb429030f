"""What the user says of times, and how one of several readings is chosen: by what is possible, past and in order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from zoo.errors import ZooError

ORDERS = {"ymd": "year, month, day", "dmy": "day first", "mdy": "month first"}


@dataclass
class Asked:
    """What the user says of the times, and what is found out about them on the way."""

    form: str | None = None
    """`--time-format`: dmy, mdy, ymd, a number's form (epoch, excel ...), "days since DATE" or strptime's %-codes"""
    year: int | None = None
    """`--year`, for files that hold none"""
    where: str = "the file"
    name: str = ""
    """name of the column, if it has one"""
    notes: list[str] = field(default_factory=list)


def ordered(time: np.ndarray) -> float:
    """Return which share of the steps between times goes the same way, forward or back (0 for fewer than two)."""
    time = time[~np.isnat(time)]
    step = np.diff(time.astype(np.int64))
    return float(max((step >= 0).mean(), (step <= 0).mean())) if len(step) else 0.0


def choose(readings: Mapping[str, np.ndarray], asked: Asked, example: str, what: str) -> str:
    """Return which of several readings (name -> (n,) datetime64) holds: it leaves no gaps, is past, goes forward.

    Raises:
        ZooError: if two readings remain.
    """
    now = np.datetime64("now", "ms") + np.timedelta64(1, "D")
    readings = {name: time for name, time in readings.items() if not (time > now).any()} or dict(readings)
    lost = {name: int(np.isnat(time).sum()) for name, time in readings.items()}
    fewest = min(lost.values())
    # One bad row is no reason to swap day and month: what loses a hundredth more rows is out.
    slack = fewest + max(0.01 * len(next(iter(readings.values()))), 0)
    good = [name for name in readings if lost[name] <= slack] if fewest else [n for n in readings if lost[n] == 0]
    if len(good) > 1:
        same = readings[good[0]]
        if all(np.array_equal(same, readings[name], equal_nan=True) for name in good[1:]):
            return good[0]
        forward = {name: ordered(readings[name]) for name in good}
        best = max(good, key=forward.__getitem__)
        backward = max(forward[name] for name in good if name != best)
        enough = (~np.isnat(same)).sum() >= 20 and len(np.unique(same)) >= 10
        # A catalogue is written in order, or in no order at all: hardly one step in a thousand goes back.
        if enough and (forward[best] > 0.999 and backward < 0.995 or forward[best] > 0.99 and backward < 0.97):
            asked.notes.append(f"{what} such as {example!r} were taken as {best}: only so are they in order of time")
            return best
    if len(good) == 1:
        return good[0]
    both = ", or ".join(f"{name} ({_first(readings[name])}; --time-format {name.split(' ')[0]})" for name in good)
    raise ZooError(f"{asked.where}: {what} such as {example!r} can be read as {both}. Say which.")


def _first(time: np.ndarray) -> str:
    time = time[~np.isnat(time)]
    return f"the first is {str(time[0])[:16]}" if len(time) else "none"
