"""How complete a catalogue's magnitudes are, and how their number falls: completeness and b value."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from zoo.errors import ZooError

FEWEST_MAGNITUDES = 50
"""Fewer magnitudes than this tell neither completeness nor b value (ours)."""
MAXIMUM_CURVATURE_CORRECTION = 0.2
"""Woessner & Wiemer (2005): maximum curvature alone is too low by about this much."""


def magnitude_of_completeness(
    magnitude: np.ndarray, bin_width: float = 0.1, correction: float = MAXIMUM_CURVATURE_CORRECTION
) -> float:
    """Return the magnitude from which a catalogue is complete: the fullest bin, plus 0.2.

    Args:
        magnitude: (events,), NaN where missing.
        bin_width: width of the histogram's bins; catalogues are rounded to 0.1 or 0.01.
        correction: what is added to the fullest bin; 0 where nothing is concluded from how magnitudes are distributed.

    Returns:
        The magnitude; NaN where fewer than 50 magnitudes are known (`FEWEST_MAGNITUDES`).

    Source: maximum curvature, Wiemer & Wyss (2000); the correction, Woessner & Wiemer (2005).

    >>> magnitude_of_completeness(np.repeat([0.8, 0.9, 1.0, 1.1, 1.2], [10, 30, 60, 50, 40]))
    1.2
    """
    known = magnitude[np.isfinite(magnitude)]
    if len(known) < FEWEST_MAGNITUDES:
        return math.nan
    number = np.floor(known / bin_width + 0.5).astype(int)
    lowest = number.min()
    return round(float((np.bincount(number - lowest).argmax() + lowest) * bin_width) + correction, 3)


class BValue(NamedTuple):
    """Gutenberg and Richter's law log10 N(>= m) = a - b m, of the magnitudes from a completeness on."""

    a: float
    b: float
    b_sd: float
    completeness: float
    events: int
    """how many there are from the completeness on"""


def b_value(magnitude: np.ndarray, completeness: float, bin_width: float = 0.1) -> BValue:
    """Return the maximum-likelihood b value.

    Args:
        magnitude: (events,), NaN where missing; rounded to bins here.
        completeness: of the magnitudes (`magnitude_of_completeness`), the middle of a bin.
        bin_width: of the bins, 0 for magnitudes that are not rounded.

    Returns:
        a, b and the standard deviation of b.

    Raises:
        ZooError: fewer than 50 magnitudes are known from the completeness on, or all are the same.

    Source: Tinti & Mulargia (1987), b of magnitudes in bins; its uncertainty, Shi & Bolt (1982).

    >>> law = b_value(2 + np.random.default_rng(0).exponential(1 / np.log(10), 4000), 2.1)
    >>> round(law.b, 2), round(law.b_sd, 2), law.events
    (1.01, 0.02, 3569)
    """
    known = magnitude[np.isfinite(magnitude)]
    binned = np.round(known / bin_width) * bin_width if bin_width else known
    above = binned[binned >= completeness - 1e-6]
    n = len(above)
    if not n >= FEWEST_MAGNITUDES:
        raise ZooError(
            f"{n} of {len(known)} magnitudes are {completeness:.2f} or more; a b value needs {FEWEST_MAGNITUDES}."
        )
    excess = float(above.mean() - completeness)
    if not excess > 0:
        raise ZooError(f"All {n} magnitudes are {completeness:g}: no b value.")
    b = math.log1p(bin_width / excess) / (math.log(10) * bin_width) if bin_width else 1 / (math.log(10) * excess)
    sd = math.log(10) * b**2 * math.sqrt(float(np.sum((above - above.mean()) ** 2)) / (n * (n - 1)))
    return BValue(math.log10(n) + b * completeness, b, sd, float(completeness), n)
