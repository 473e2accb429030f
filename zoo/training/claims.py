"""What a paper claims, as a value, and how the rows of an experiment answer it.

A claim is a sentence of the paper in our words, with its place and a function that judges it:

>>> accurate = Claim("table 1", "R2D of 0.95", lambda rows: higher(rows[0]["r2d"], 0.95, tolerance=0.01))
>>> accurate.answer([{"r2d": 0.993}])
Finding(ours='0.993', verdict='better', why='equal within 0.01')
>>> accurate.answer(None).verdict
'not repeated'

What no experiment repeats is a claim without a judge, which says why.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

BETTER, MET, NOT_MET = "better", "met", "not met"
NOT_COMPARABLE, DOWNLOAD, OPEN = "not comparable", "needs a download", "not repeated"
VERDICTS = (BETTER, MET, NOT_MET, NOT_COMPARABLE, DOWNLOAD, OPEN)

Row = Mapping[str, Any]
Rows = Sequence[Row]
MOST = 0.75
"""What share of comparisons is called most of them."""


class LeftOut(Exception):
    """The rows do not hold what a claim is about: the run left it out."""


@dataclass(frozen=True)
class Finding:
    """How rows answer a claim."""

    ours: str
    """Our value, or what was found, in words; empty where nothing was."""
    verdict: str
    """One of `VERDICTS`."""
    why: str = ""

    def __post_init__(self) -> None:
        if self.verdict not in VERDICTS:
            raise ValueError(f"A verdict is one of {', '.join(VERDICTS)}; received {self.verdict!r}.")


@dataclass(frozen=True)
class Claim:
    """One thing that a paper states."""

    where: str
    """Table, figure or section."""
    paper: str
    """What is stated, in our words, with its number."""
    judge: Callable[[Rows], Finding] | None = None
    """judge(rows) -> finding; None: nothing repeats it."""
    why: str = ""
    """Why nothing does; or what to know of any finding."""
    verdict: str = OPEN
    """That of a claim without a judge: `OPEN`, `DOWNLOAD` or `NOT_COMPARABLE`."""

    def answer(self, rows: Rows | None) -> Finding:
        """Return the finding of rows; None: there are none yet."""
        if self.judge is None:
            return Finding("", self.verdict, self.why)
        if rows is None:
            return Finding("", OPEN, "not run yet")
        try:
            found = self.judge(rows)
        except LeftOut as error:
            return Finding("", OPEN, f"left out of this run: {error}")
        except KeyError as error:
            return Finding("", OPEN, f"the result has no column {error}: it is of another version, run it anew")
        return Finding(found.ours, found.verdict, "; ".join(part for part in (found.why, self.why) if part))


def those(rows: Rows, **wanted: Any) -> list[Row]:
    """Return the rows that have these values.

    >>> those([{"labels": 100}, {"labels": 500}], labels=500)
    [{'labels': 500}]

    Raises:
        LeftOut: if there is none.
    """
    found = [row for row in rows if all(row[key] == value for key, value in wanted.items())]
    if not found:
        raise LeftOut(", ".join(f"{key} {value}" for key, value in wanted.items()))
    return found


def the(rows: Rows, **wanted: Any) -> Row:
    """Return the first row that has these values; raises LeftOut if there is none."""
    return those(rows, **wanted)[0]


def higher(ours: float, paper: float, tolerance: float = 0.0, unit: str = "", why: str = "") -> Finding:
    """Judge a number of which more is better.

    >>> [higher(value, 0.95, tolerance=0.01).verdict for value in (0.97, 0.945, 0.93)]
    ['better', 'met', 'not met']

    Args:
        ours: our number.
        paper: the paper's.
        tolerance: how far apart the two may be and still count as equal, in the same unit.
        unit: of both.
        why: what to know.
    """
    return _compared(ours, ours - paper, tolerance, unit, why)


def lower(ours: float, paper: float, tolerance: float = 0.0, unit: str = "", why: str = "") -> Finding:
    """Judge a number of which less is better, as `higher` does.

    >>> lower(0.7, 9.9, unit="ms")
    Finding(ours='0.7 ms', verdict='better', why='')
    """
    return _compared(ours, paper - ours, tolerance, unit, why)


def number(value: float, digits: int = 4) -> str:
    """Return a number as text.

    >>> number(0.712345), number(29232.4)
    ('0.7123', '29,232')
    """
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.{digits}g}"


def _compared(ours: float, gain: float, tolerance: float, unit: str, why: str) -> Finding:
    stated = f"equal within {number(tolerance, 3)}" if tolerance else ""
    # 0.96 - 0.95 is more than 0.01 by a rounding error.
    tolerance += 1e-9 * (abs(ours) + tolerance)
    verdict = BETTER if gain > tolerance else MET if gain >= -tolerance else NOT_MET
    shown = f" {unit}" if unit else ""
    return Finding(f"{number(ours)}{shown}", verdict, "; ".join(part for part in (why, stated) if part))


def holds(statement: bool, ours: str, why: str = "") -> Finding:
    """Judge a statement: whether it is true of our rows.

    >>> holds(0.62 < 0.65, "0.62 against 0.65").verdict
    'met'
    """
    return Finding(ours, MET if statement else NOT_MET, why)


def in_most(outcomes: Sequence[bool], of: str, why: str = "") -> Finding:
    """Judge a statement on several comparisons: it holds if it does in three quarters of them (`MOST`).

    >>> in_most([True, True, True, False], "numbers of labels")
    Finding(ours='in 3 of 4 numbers of labels', verdict='met', why='')

    Raises:
        LeftOut: if there is nothing to compare.
    """
    if not outcomes:
        raise LeftOut(f"nothing to compare ({of})")
    count = sum(bool(outcome) for outcome in outcomes)
    return holds(count >= MOST * len(outcomes), f"in {count} of {len(outcomes)} {of}", why)


def not_comparable(ours: str, why: str) -> Finding:
    """Return our value where the paper's is of another kind.

    >>> not_comparable("6.34 km", "the paper gives no unit").verdict
    'not comparable'
    """
    return Finding(ours, NOT_COMPARABLE, why)
