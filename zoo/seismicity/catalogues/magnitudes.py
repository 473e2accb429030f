"""Magnitudes: which of several columns counts, and which numbers stand for an unknown one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

_UNKNOWN = (0.0, -1.0, -9.0, -9.9, -9.99, -99.0, -1.1, 9.9, 9.99, 10.0, 99.0)
"""Numbers that catalogues write where they have no magnitude."""
_FULL = 0.9
"""A magnitude that is given for this share of the rows of the fullest one is as full."""


def without_unknown(magnitude: np.ndarray, notes: list[str]) -> np.ndarray:
    """Return magnitudes (n,) with NaN where a number stands for an unknown one in bulk.

    A number that stands for none is far more frequent than its neighbours: a catalogue of small events may well have
    a magnitude of 0.0, but not thirty times as many as of 0.1.

    >>> notes = []
    >>> without_unknown(np.array([0.0] * 8 + [1.1, 1.2, 1.5, 2.0]), notes)[:9].tolist()[-1], notes
    (1.1, ['8 of 12 magnitudes are 0.0 and were taken as unknown'])
    """
    magnitude = np.array(magnitude, float)
    known = np.isfinite(magnitude)
    for value in _UNKNOWN:
        same = known & (magnitude == value)
        near = known & ~same & (np.abs(magnitude - value) < 0.2501)
        bulk = same.sum() >= max(5, 0.02 * known.sum()) and same.sum() > 1.5 * near.sum()
        if bulk:
            notes.append(f"{same.sum()} of {known.sum()} magnitudes are {value} and were taken as unknown")
            magnitude[same] = np.nan
        elif value in (0.0, -1.0) and same.sum() >= 10:
            beside = [int((known & (np.abs(magnitude - value - step) < 0.05)).sum()) for step in (-0.1, 0.1)]
            if same.sum() > 2.5 * max(beside):
                notes.append(f"{same.sum()} magnitudes are {value}, far more than of its neighbours: are they unknown?")
    beyond = np.isfinite(magnitude) & ((magnitude < -8) | (magnitude >= 9.9))
    if beyond.any():
        notes.append(f"{beyond.sum()} magnitudes below -8 or from 9.9 on were taken as unknown")
        magnitude[beyond] = np.nan
    return magnitude


def chosen(values: Sequence[np.ndarray], names: Sequence[str], notes: list[str]) -> np.ndarray:
    """Return the magnitudes (n,) of the first column that is about as full as the fullest one.

    Columns of one name (ISC repeats author, type and magnitude) fill each other's gaps.

    Args:
        values: a column (n,) each, NaN where missing, the preferred one first.
        names: what each is called.
        notes: a sentence on the choice is added.
    """
    if len(values) == 1:
        if names[0]:
            notes.append(f"magnitudes from the column {names[0]!r}")
        return without_unknown(values[0], notes)
    said: list[list[str]] = [[] for _ in values]
    values = [without_unknown(value, own) for value, own in zip(values, said, strict=True)]
    filled = [int(np.isfinite(value).sum()) for value in values]
    at = next(n for n, count in enumerate(filled) if count >= _FULL * max(filled))
    made = values[at].copy()
    notes += said[at]
    same = [value for n, value in enumerate(values) if n > at and names[n] == names[at]]
    for value in same:
        made = np.where(np.isfinite(made), made, value)
    rest = [
        f"{name} has {count}"
        for n, (name, count) in enumerate(zip(names, filled, strict=True))
        if name != names[at] and count
    ]
    others = f"; {', '.join(dict.fromkeys(rest))}" if rest else ""
    notes.append(f"magnitudes from the column {names[at]!r} ({np.isfinite(made).sum()} of {len(made)} rows{others})")
    return made
