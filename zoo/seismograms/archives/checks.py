"""The conditions on which a trace enters a dataset, one rule for all archives.

| a trace with | is |
|---|---|
| a value that is not finite | skipped |
| every component flat (one value throughout) | skipped |
| a flat component and others that are not | kept; skipped if a config wants complete records |
| components that are all equal | kept; skipped if a config wants complete records |
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from zoo.compiled import njit

SKIPPED, KEPT = "skipped", "kept"


class Problem(NamedTuple):
    """What is wrong with a trace, and what followed: `consequence` begins with "skipped" or "kept"."""

    name: str
    problem: str
    consequence: str


def check(
    waveforms: np.ndarray, names: Sequence[str], components: str, complete: bool
) -> tuple[np.ndarray, list[Problem]]:
    """Judge traces by the rule above.

    Args:
        waveforms: (n, samples, components).
        names: names of the n traces.
        components: their order, like "ZNE".
        complete: whether records with a flat component, or with equal ones, are skipped.

    Returns:
        A mask (n,) of the traces to keep, and the problems to report.
    """
    finite, flat, alike = _scan(waveforms)
    flat &= finite[:, None]
    dead = flat.all(axis=1)
    partly = flat.any(axis=1) & ~dead
    keep = finite & ~dead
    if complete:
        keep &= ~(partly | alike)
    problems = []
    for row in np.flatnonzero(~finite | flat.any(axis=1) | alike):
        if not finite[row]:
            what = "values that are not finite"
        elif dead[row]:
            what = "every component flat"
        elif alike[row]:
            what = "equal components"
        else:
            what = "flat component " + "".join(c for c, is_flat in zip(components, flat[row], strict=True) if is_flat)
        problems.append(Problem(names[row], what, KEPT if keep[row] else SKIPPED))
    return keep, problems


@njit(cache=True, nogil=True)
def _scan(waveforms):
    """Return which traces (n,) are finite, which components (n, c) are flat, and which traces have equal components."""
    count, samples, components = waveforms.shape
    finite = np.ones(count, np.bool_)
    flat = np.ones((count, components), np.bool_)
    alike = np.zeros(count, np.bool_)
    for row in range(count):
        total = 0.0
        equal = components > 1
        for sample in range(samples):
            for c in range(components):
                value = waveforms[row, sample, c]
                total += value
                if value != waveforms[row, 0, c]:
                    flat[row, c] = False
                if value != waveforms[row, sample, 0]:
                    equal = False
        finite[row] = np.isfinite(total)
        alike[row] = equal and not flat[row].all()
    return finite, flat, alike
