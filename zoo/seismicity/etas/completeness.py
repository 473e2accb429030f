"""Times in which a catalogue lacks small events: after large ones, and while its completeness was worse."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from zoo.field.magnitudes import magnitude_of_completeness

HIDING, RECOVERY = 4.5, 0.75
"""After an event of magnitude M the smallest seen is M - 4.5 - 0.75 log10(t), t in days (Helmstetter et al. 2006)."""
HIDES_FROM = 2.5
"""Magnitude above the completeness from which an event hides others, for three minutes and more."""
_STEPS = 6
_SHORTEST_DAYS = 1e-4
_TELLING = 1.0  # where more is hidden, the few larger events do not tell how many smaller ones there were
_BLOCK_EVENTS, _MOST_BLOCKS = 300, 12
_WORSE = 0.2
"""A completeness is worse if it is so much above that of the catalogue."""


@dataclass(frozen=True)
class Gaps:
    """Times in which only events from a larger magnitude on are seen; each array (n,), sorted, without overlap."""

    start_days: np.ndarray
    end_days: np.ndarray
    smallest: np.ndarray
    """the magnitude, above the catalogue's completeness"""

    def lost(self, b_value: float) -> np.ndarray:
        """Return the share of the events that is not seen, (n,)."""
        return 1 - 10 ** (-b_value * self.smallest)

    def unseen_days(self, b_value: float, begin: float, end: float) -> float:
        """Return by how many days less, in effect, events are seen from `begin` to `end`."""
        length = np.minimum(self.end_days, end) - np.maximum(self.start_days, begin)
        return float((np.maximum(length, 0) * self.lost(b_value)).sum())

    def below(self, days: np.ndarray, above: np.ndarray) -> np.ndarray:
        """Return which events (n,) are smaller than what is said to be seen at their time."""
        if not len(self.start_days):
            return np.zeros(len(days), bool)
        k = np.searchsorted(self.start_days, days, side="right") - 1
        inside = (k >= 0) & (days < self.end_days[k])
        return inside & (above < self.smallest[k] - 1e-6)


NONE = Gaps(np.zeros(0), np.zeros(0), np.zeros(0))


def gaps_of(days: np.ndarray, above: np.ndarray, b_value: float, end: float) -> tuple[Gaps, list[str]]:
    """Return when small events are lacking, as far as the catalogue shows it, and notes that say so.

    Args:
        days: times of the events (n,), sorted.
        above: (n,) magnitudes above the completeness; all 0 where unknown.
        b_value: b of Gutenberg and Richter.
        end: end of the catalogue in days.
    """
    if not len(days) or above.max() <= 0:
        return NONE, []
    pieces, notes = [], []
    worse = _worse_times(days, above, b_value, end)
    for low, high, smallest in worse:
        notes.append((low, high, smallest))
        pieces.append((low, high, smallest))
    hidden = []
    for i in np.flatnonzero(above >= HIDES_FROM):
        until = 10 ** ((above[i] - HIDING) / RECOVERY)
        steps = np.concatenate([[0.0], np.geomspace(_SHORTEST_DAYS, until, _STEPS)])
        middle = np.sqrt(np.maximum(steps[:-1], 1e-5) * steps[1:])
        smallest = above[i] - HIDING - RECOVERY * np.log10(middle)
        hidden += zip(days[i] + steps[:-1], days[i] + steps[1:], np.minimum(smallest, above[i]), strict=True)
    after_large = _merged(hidden)
    said = []
    if len(after_large.start_days) and _lacks(after_large, days, above, b_value):
        pieces += zip(after_large.start_days, after_large.end_days, after_large.smallest, strict=True)
        said.append(
            f"after {int((above >= HIDES_FROM).sum())} large events small ones are lacking for minutes to days "
            "(Helmstetter et al. 2006, equation 15), which the model takes into account"
        )
    gaps = _merged(pieces)
    for low, high, smallest in notes:
        said.append(
            f"from day {low:.4g} to {high:.4g} of the catalogue events are complete only {smallest:.1f} magnitudes "
            "higher than on the whole: a change of completeness, which the model takes into account"
        )
    return gaps, said


def _worse_times(days, above, b_value, end) -> list[tuple[float, float, float]]:
    """Return (from, to, smallest magnitude seen) of the times whose completeness is worse than the catalogue's."""
    blocks = min(_MOST_BLOCKS, len(days) // _BLOCK_EVENTS)
    if blocks < 2:
        return []
    bounds = np.linspace(0, len(days), blocks + 1).astype(int)
    found: list[tuple[float, float, float]] = []
    for k in range(blocks):
        own = above[bounds[k] : bounds[k + 1]]
        smallest = magnitude_of_completeness(own, correction=0.0)
        if not smallest >= _WORSE:
            continue
        share = (own >= smallest - 1e-6).mean()
        lacking = 10 ** (-b_value * smallest) / max(share, 1e-9)
        if lacking > 0.75:  # the events below are there after all
            continue
        low = 0.0 if k == 0 else float(days[bounds[k]])
        high = end if k == blocks - 1 else float(days[bounds[k + 1]])
        if found and found[-1][1] >= low and abs(found[-1][2] - smallest) < 0.05:
            found[-1] = (found[-1][0], high, smallest)
        else:
            found.append((low, high, round(float(smallest), 3)))
    return found


def _lacks(gaps: Gaps, days, above, b_value) -> bool:
    """Return whether events below what is said to be seen are less than half of what the larger ones foretell."""
    k = np.searchsorted(gaps.start_days, days, side="left") - 1  # the large event itself opens the gap
    inside = (k >= 0) & (days < gaps.end_days[k.clip(0)]) & (gaps.smallest[k.clip(0)] <= _TELLING)
    large = inside & (above >= gaps.smallest[k.clip(0)] - 1e-6)
    foretold = (10 ** (b_value * gaps.smallest[k[large]]) - 1).sum()
    return foretold >= 10 and (inside & ~large).sum() < 0.5 * foretold


def _merged(pieces: list[tuple[float, float, float]]) -> Gaps:
    """Return times that may overlap as such that do not; where they do, the larger magnitude counts."""
    if not pieces:
        return NONE
    start, end, smallest = np.array(sorted(pieces), float).T
    edges = np.unique(np.concatenate([start, end]))
    highest = np.zeros(len(edges) - 1)
    first, behind = np.searchsorted(edges, start), np.searchsorted(edges, end)
    for low, high, value in zip(first, behind, smallest, strict=True):
        highest[low:high] = np.maximum(highest[low:high], value)
    kept = highest > 0
    return Gaps(edges[:-1][kept], edges[1:][kept], highest[kept])
