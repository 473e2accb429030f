"""Places of events relative to their neighbours, by double differences of picks (Waldhauser & Ellsworth 2000).

What two events close together share of the earth's errors drops out of the difference of their residuals at the same
station. Those differences, of all pairs of neighbours, are linear in small moves of both events; the moves are found by
robust sparse least squares, places and slopes are updated, and so on. A group of events that hang together keeps its
mean place, which the differences do not know.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from zoo.field.travel_times import times_of_picks
from zoo.seismograms.association.corrections import slopes
from zoo.seismograms.association.locate import Located

_NEIGHBOURS = 10
_NEAR_KM = 10.0
_LEAST_LINKS = 8  # arrivals that a pair has in common; fewer say too little of eight unknowns
_TURNS = 5
_SOFT = 3.0  # differences beyond this many deviations lose weight
_DAMPING = 0.02  # s/km: moves that the differences hardly see stay small
_BOOTSTRAPS = 20


@dataclass(frozen=True)
class Relative:
    """Places of events relative to those around them."""

    place_km: np.ndarray
    """(events, 3) east, north, depth; as they were for events that belong to no group"""
    origin_s: np.ndarray
    sd_km: np.ndarray
    """(events, 3) standard deviations within the group, from drawn errors of picks; NaN for events of no group"""
    group: np.ndarray
    """(events,) number of the group, the largest first; -1 for none"""
    differences: int
    """how many double differences there are"""
    before_s: float
    """their median size before"""
    after_s: float
    """... and after"""

    def report(self) -> str:
        """Return a sentence."""
        inside = self.group >= 0
        if not inside.any():
            return "no events are close enough to each other for double differences"
        return (
            f"{inside.sum()} of {len(inside)} events relocated by {self.differences} double differences in "
            f"{self.group.max() + 1} groups: median difference {self.before_s:.3f} s before, "
            f"{self.after_s:.3f} s after; median standard deviation within a group "
            f"{1000 * np.nanmedian(self.sd_km[:, :2]):.0f} m across, "
            f"{1000 * np.nanmedian(self.sd_km[:, 2]):.0f} m in depth"
        )


def relocate(located: Located, seed: int = 0) -> Relative:
    """Relocate events relative to their neighbours.

    Args:
        located: events and their picks.
        seed: of the drawn errors that give standard deviations.
    """
    work = _Work(located)
    first, second = work.pairs()
    if not len(first):
        nothing = np.full(len(located), -1)
        return Relative(located.place_km, located.origin_s, np.full((len(located), 3), np.nan), nothing, 0, 0.0, 0.0)
    group = work.groups(first, second)
    before_s = float(np.median(np.abs(work.differences(first, second))))
    for _ in range(_TURNS):
        work.events += moves(work.equations(first, second), work.differences(first, second), group)
    residual = work.differences(first, second)
    drawn = work.drawn(first, second, group, residual, np.random.default_rng(seed))
    sd_km = np.where(group[:, np.newaxis] >= 0, np.std(drawn, axis=0)[:, :3], np.nan)
    after_s = float(np.median(np.abs(residual)))
    return Relative(work.events[:, :3], work.events[:, 3] + work.zero_s, sd_km, group, len(first), before_s, after_s)


class _Work:
    def __init__(self, located: Located) -> None:
        found = located.associated
        self.located, self.rows = located, np.flatnonzero(found.event >= 0)
        self.rows = self.rows[np.argsort(found.event[self.rows], kind="stable")]
        self.event, self.station = found.event[self.rows], found.station[self.rows]
        self.phase = (found.picks.phase[self.rows] == "S").astype(np.int64)
        self.zero_s = float(located.origin_s[0]) if len(located) else 0.0
        self.time = found.picks.time_s[self.rows] - self.zero_s
        self.events = np.column_stack([located.place_km, located.origin_s - self.zero_s])

    def pairs(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the picks (differences,) of one event and of its neighbour at the same station, of the same phase."""
        from scipy.spatial import cKDTree

        count = len(self.events)
        if count < 2:
            return np.zeros(0, int), np.zeros(0, int)
        tree = cKDTree(self.events[:, :3])
        away, near = tree.query(self.events[:, :3], k=min(_NEIGHBOURS + 1, count), distance_upper_bound=_NEAR_KM)
        key = self.phase * self.located.corrections.terms_s.shape[1] + self.station
        edges = np.searchsorted(self.event, np.arange(count + 1))
        # Each pair once, whoever is whose neighbour.
        found = {(min(e, n), max(e, n)) for e in range(count) for n in near[e][np.isfinite(away[e])] if n != e}
        first, second = [], []
        for a, b in sorted(found):
            _, one, other = np.intersect1d(
                key[edges[a] : edges[a + 1]], key[edges[b] : edges[b + 1]], assume_unique=True, return_indices=True
            )
            if len(one) >= _LEAST_LINKS:
                first.append(edges[a] + one)
                second.append(edges[b] + other)
        if not first:
            return np.zeros(0, int), np.zeros(0, int)
        return np.concatenate(first), np.concatenate(second)

    def groups(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """Return the number of the group of each event (events,), the largest first, -1 for none."""
        from scipy.sparse import coo_matrix
        from scipy.sparse.csgraph import connected_components

        count = len(self.events)
        links = coo_matrix((np.ones(len(first)), (self.event[first], self.event[second])), (count, count))
        _, label = connected_components(links, directed=False)
        size = np.bincount(label)
        rank = np.empty(len(size), int)
        rank[np.argsort(-size, kind="stable")] = np.arange(len(size))
        return np.where(size[label] > 1, rank[label], -1)

    def drawn(self, first, second, group, residual, rng: np.random.Generator) -> list[np.ndarray]:
        """Return moves (events, 4) by errors of picks as large as those that remain.

        A pick is in the differences of all its event's pairs, so that these are not independent: picks are drawn.
        """
        used = np.unique(np.concatenate([first, second]))
        free = max(1 - 4 * len(np.unique(self.event[used])) / len(used), 0.1)  # what moves have not taken of them
        sd = np.zeros(2)
        for p in range(2):
            own = np.abs(residual[self.phase[first] == p])
            sd[p] = 1.4826 * np.median(own) / np.sqrt(2 * free) if own.size else 0.0
        matrix, made = self.equations(first, second), []
        for _ in range(_BOOTSTRAPS):
            error = sd[self.phase] * rng.standard_t(4, len(self.phase)) / 1.105  # as wide in its middle as a normal one
            made.append(moves(matrix, error[first] - error[second], group))
        return made

    def differences(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """Return differences of residuals (differences,), s."""
        travel = times_of_picks(self.events[self.event, :3], self.phase, self.station, *self.located.tables.arrays())
        residual = self.time - self.events[self.event, 3] - travel
        return residual[first] - residual[second]

    def equations(self, first: np.ndarray, second: np.ndarray):
        """Return the derivatives of differences by the events' places and times, sparse (differences, 4 events)."""
        from scipy.sparse import coo_matrix

        slope = slopes(self.located.tables, self.events[self.event, :3], self.phase, self.station)
        row = np.tile(np.repeat(np.arange(len(first)), 4), 2)
        column = np.concatenate([(4 * self.event[side][:, None] + np.arange(4)).ravel() for side in (first, second)])
        value = np.concatenate([slope[first].ravel(), -slope[second].ravel()])
        return coo_matrix((value, (row, column)), (len(first), 4 * len(self.events))).tocsr()


def moves(matrix, difference_s: np.ndarray, group: np.ndarray) -> np.ndarray:
    """Return the moves (events, 4) in km and s that explain differences best; the mean of each group's is 0."""
    from scipy.sparse import diags
    from scipy.sparse.linalg import lsmr

    spread = 1.4826 * np.median(np.abs(difference_s)) + 1e-4
    weight = 1 / np.sqrt(1 + (difference_s / (_SOFT * spread)) ** 2)
    weighted = diags(weight) @ matrix
    made = lsmr(weighted, difference_s * weight, damp=_DAMPING, atol=1e-5, btol=1e-5, maxiter=300)[0].reshape(-1, 4)
    for number in range(group.max() + 1):
        own = group == number
        made[own] -= made[own].mean(axis=0)
    return made
