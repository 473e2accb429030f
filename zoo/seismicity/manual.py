"""Periods that a person marked, and how well those found agree with them."""

from __future__ import annotations

import csv
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from zoo.errors import ZooError
from zoo.foreign import reader
from zoo.seismicity.catalogues.times import moments

Period = tuple[np.datetime64, np.datetime64]
"""Start and end."""
_STARTS = ("start", "begin", "from", "start_time", "starttime", "t0")
_ENDS = ("end", "stop", "to", "until", "end_time", "endtime", "t1")


@reader("Expected a CSV with the columns start,end.")
def read_periods(path: str | os.PathLike) -> list[Period]:
    """Read periods from a CSV file, one a line.

    Args:
        path: a file with the columns `start` and `end` (or `begin`, `from`, `stop`, `to`, ...), or without a header
            start and end in the first two. Lines that begin with # are skipped.

    Returns:
        Start and end of each period (datetime64[ms]), sorted.

    Raises:
        ZooError: if there is no such file or no period in it, a line lacks a time, or an end is before its start.

    >>> import tempfile
    >>> file = Path(tempfile.mkdtemp()) / "periods.csv"
    >>> _ = file.write_text("start,end\\n2019-07-04,2019-07-06T12:00\\n")
    >>> [(str(start), str(end)) for start, end in read_periods(file)]
    [('2019-07-04T00:00:00.000', '2019-07-06T12:00:00.000')]
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ZooError(f"Cannot read {path} ({error}). Expected a CSV with the columns start,end.") from error
    rows = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    delimiter = next((mark for mark in (",", ";", "\t") if rows and mark in rows[0]), ",")
    fields = [[field.strip() for field in row] for row in csv.reader(rows, delimiter=delimiter)]
    at = (0, 1)
    if fields and np.isnat(moments(fields[0][:1]))[0]:
        names = [name.lower().replace(" ", "_") for name in fields.pop(0)]
        starts, ends = ([n for n, name in enumerate(names) if name in known] for known in (_STARTS, _ENDS))
        if not starts or not ends:
            raise ZooError(f"{path} has the columns {', '.join(names)}; expected start and end.")
        at = starts[0], ends[0]
    made = []
    for number, row in enumerate(fields, 1):
        start, end = moments([row[n] if n < len(row) else "" for n in at])
        if np.isnat(start) or np.isnat(end) or end <= start:
            raise ZooError(
                f"{path}, period {number} ({', '.join(row)}): expected a start and a later end, such as "
                "2019-07-04,2019-07-06."
            )
        made.append((start, end))
    if not made:
        raise ZooError(f"{path} holds no period: expected a line start,end for each.")
    return sorted(made)


def agreement(found: Sequence[Period], manual: Sequence[Period], span: Period) -> dict[str, float]:
    """Return precision, recall and F1 over time, of periods found against those marked by hand.

    Args:
        found, manual: periods; those of one list may overlap.
        span: start and end of what was looked at; what lies beyond does not count.

    Returns:
        `precision`, the share of the time found that is in a manual period (NaN where nothing was found); `recall`, the
        share of the manual time that was found (NaN where none is in the span); `f1`, their harmonic mean;
        `manual_periods`, how many there are in the span, and `manual_found`, how many of them were found in part.

    >>> first, second, third, fourth = np.arange("2020-01-01", "2020-01-05", dtype="datetime64[D]")
    >>> fit = agreement([(first, third)], [(second, fourth)], span=(first, fourth))
    >>> fit["precision"], fit["recall"], fit["f1"]
    (0.5, 0.5, 0.5)
    """
    found, manual = (_merged(periods, span) for periods in (found, manual))
    common_ms = sum(max(0.0, _ms(min(f[1], m[1]) - max(f[0], m[0]))) for f in found for m in manual)
    found_ms, manual_ms = (sum(_ms(end - start) for start, end in periods) for periods in (found, manual))
    both = found_ms + manual_ms
    return {
        "precision": common_ms / found_ms if found_ms else float("nan"),
        "recall": common_ms / manual_ms if manual_ms else float("nan"),
        "f1": 2 * common_ms / both if both else float("nan"),
        "manual_found": sum(any(f[0] < m[1] and f[1] > m[0] for f in found) for m in manual),
        "manual_periods": len(manual),
    }


def _merged(periods: Sequence[Period], span: Period) -> list[Period]:
    """Return periods cut at the span, sorted, those that overlap as one."""
    made: list[Period] = []
    for start, end in sorted((max(s, span[0]), min(e, span[1])) for s, e in periods):
        if end <= start:
            continue
        if made and start <= made[-1][1]:
            made[-1] = made[-1][0], max(end, made[-1][1])
        else:
            made.append((start, end))
    return made


def _ms(length: np.timedelta64) -> float:
    return float(length / np.timedelta64(1, "ms"))
