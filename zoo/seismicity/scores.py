"""How anomalous is a window? The scan against ETAS, and beside it a network's log-odds and the baselines.

A score is a number for each window, larger the more anomalous it is. Its threshold is the region's own: ordinary years,
simulated from the fitted ETAS model, exceed it only so many times a year. All but the scan against ETAS are made of
maps of the events and of what the same model expects. The network sees only those maps that a scan puts near the top;
no other can be an alarm.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from zoo.registry import model_for
from zoo.seismicity.etas.background import pixels
from zoo.seismicity.etas.maps import stretch_maps
from zoo.seismicity.etas.scan import Excess, count_scan, etas_scan
from zoo.seismicity.etas.walk import Stretch, Walk
from zoo.seismicity.expectation import Expectation, OrdinaryYears, expected_on
from zoo.seismicity.physics.maps import MAP_PIXELS
from zoo.seismicity.scan import event_count, largest_pixel, poisson_scan
from zoo.seismicity.threshold import YEAR_DAYS, false_alarm_rate, far_threshold, threshold_for
from zoo.seismicity.windows import TRAINED_EVENTS, TileMaps, Windows

Score = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""counts, expected counts -> (n,) numbers"""
_BATCH = 64  # maps that the network sees at a time
_SIMULATED_WINDOWS = 7305
"""Ordinary times are simulated for so many windows, which is ten years of one-day windows every half day ..."""
_FALSE_ALARMS = 4
"""... or for the time in which so many false alarms happen, if that is longer ..."""
_YEARS = 10.0
"""... but for no more years than these, ..."""
_MOST_WINDOWS = 20_000
"""... no more windows than these ..."""
_TIMES, _FEWEST_WINDOWS = 100, 2000
"""... and no more than a hundred times those of the catalogue, or 2,000. Then the thresholds are extrapolated."""
_NEAR_TOP = 0.1
"""The network scores this share of the ordinary windows, those with the highest scan ..."""
_MARGIN = 0.9
"""... and of the catalogue's those above this part of the lowest scan with which it gave an alarm there."""
_STRETCHES = 0.0, 0.25, 0.5
"""Where the stretches of half a window begin that a network on intensities sees, in windows."""
_TOGETHER = 512  # windows whose stretches are in memory at a time
_DAY_MS = 86_400_000
_LEAST = 1e-30  # below any probability in float32: no logarithm of 0


class NetworkScore:
    """A network's log-odds that a map is anomalous.

    A map with more events than the network was trained on (400) is thinned at random to as many. Thinned background is
    background again, so the network sees maps like those in training; a burst keeps its share of the events.

    Args:
        model: a network that answers seismicity.anomaly, as `zoo.seismicity.models.residual.SeismicityClassifier` does,
            or the name or folder of its checkpoint. Its `predict` returns the probabilities (n, 2) of background and
            anomaly; with two `channels` it sees the expected counts too.
        seed: seed of the thinning.

    Attributes:
        name: name of the network.
        history: whether it sees the expected counts.
        at_events: whether it sees, instead, halves of windows and the intensity at their events.

    Raises:
        ZooError: if there is no such checkpoint, or the model answers something else.
    """

    def __init__(self, model: Any, seed: int = 0) -> None:
        self.model, self.name = model_for(model, "seismicity.anomaly")
        self.history = self.model.channels == 2
        self.at_events = getattr(self.model, "at_events", False)
        self._seed = seed

    def __call__(self, counts: np.ndarray, expected: np.ndarray) -> np.ndarray:
        """Return log-odds (n,) for counts (n, 64, 64) and expected counts (n, 64, 64) or (64, 64)."""
        counts = np.asarray(counts, np.float32)
        expected = np.broadcast_to(np.asarray(expected, np.float32), counts.shape)
        counts, expected = self._thinned(counts, expected)
        maps = np.stack([counts, expected] if self.history else [counts], axis=-1)
        probability = np.asarray(self.model.predict(maps, batch_size=_BATCH, verbose=0), float)
        # Both as they are: float32 rounds 1 - anomalous to 0 long before the probability of the background is.
        background, anomalous = np.log(np.maximum(probability, _LEAST)).T
        return anomalous - background

    def _thinned(self, counts: np.ndarray, expected: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return counts and expected counts of which no map has more events than in training."""
        events = counts.sum(axis=(1, 2))
        many = np.flatnonzero(events > TRAINED_EVENTS[1])
        if not len(many):
            return counts, expected
        counts, expected = counts.copy(), expected.copy()
        for number in many:
            # Seeded by the map, so that a window's answer does not depend on those beside it.
            rng = np.random.default_rng((self._seed, int(events[number]), int(counts[number].max())))
            kept = TRAINED_EVENTS[1] / events[number]
            counts[number] = rng.binomial(counts[number].astype(np.int64), kept)
            expected[number] *= kept
        return counts, expected


BASELINE_SCORES: dict[str, Score] = {
    "scan": lambda counts, expected: poisson_scan(counts, expected)[0],
    "count": lambda counts, expected: event_count(counts),
    "pixel": lambda counts, expected: largest_pixel(counts),
}


@dataclass(frozen=True)
class TileScores:
    """The scores of the windows of one map."""

    values: dict[str, np.ndarray]
    """name of the score -> (windows,); -inf where the network was not asked"""
    thresholds: dict[str, float]
    """name -> the value above which a window is an alarm"""
    ordinary: dict[str, np.ndarray]
    """name -> (stretches, windows) scores of simulated ordinary years"""
    excess: Excess
    """the best circle of each window"""


def score_tiles(
    expectation: Expectation,
    tiles: Sequence[tuple[int, int, TileMaps]],
    network: NetworkScore | None,
    false_alarms_per_year: float,
    years: float,
    seed: int,
    advance: Callable[[float], Any] = lambda windows: None,
) -> list[TileScores]:
    """Score every window of some tiles, and find the threshold of each score.

    Args:
        expectation: the region's model.
        tiles: first row, first column and maps of each.
        network: the network, or None.
        false_alarms_per_year: alarms a year that ordinary times may give at each threshold of each tile.
        years: how many ordinary years to simulate.
        seed: seed of the simulation.
        advance: is told how many windows of a tile, real or simulated, have been scored.
    """
    windows = expectation.windows
    corners = [(row, column) for row, column, _ in tiles]
    own = _Scorer(corners, network)
    ordinary: list[dict[str, list[np.ndarray]]] = [{} for _ in tiles]
    for events, walk in OrdinaryYears(expectation.fit, windows, years, seed):
        steps = Windows(np.datetime64(0, "ms"), windows.window_days, windows.stride_days, walk.count)
        shown = [_maps(events, corner, steps, expectation.fit.shape) for corner in corners]
        for number, (values, _) in enumerate(own.score(walk, shown, steps, advance)):
            for name, scores in values.items():
                ordinary[number].setdefault(name, []).append(scores)
    found = []
    together = [{name: np.stack(parts) for name, parts in one.items()} for one in ordinary]
    steps = windows.window_days, windows.stride_days
    threshold = far_threshold if extrapolated(together[0]["etas"], windows, false_alarms_per_year) else threshold_for
    thresholds = [
        {name: threshold(scores, *steps, false_alarms_per_year) for name, scores in one.items()} for one in together
    ]
    own.gates = [_gate(one, at, own.scan) for one, at in zip(together, thresholds, strict=True)]
    shown = [maps for _, _, maps in tiles]
    real = own.score(expectation.walk(), shown, windows, advance, expectation.remember)
    for (values, excess), at, one in zip(real, thresholds, together, strict=True):
        found.append(TileScores(values, at, one, excess))
    return found


class _Scorer:
    """Scores the windows of a walk on every map of the region.

    Args:
        corners: first row and column of each map.
        network: the network, or None.

    Attributes:
        scan: the score by which the network is asked: the one that sees what the network sees.
        gates: for each map, its value from which on the network is asked; None: the windows nearest the top.
    """

    def __init__(self, corners: Sequence[tuple[int, int]], network: NetworkScore | None) -> None:
        self.corners, self.network = corners, network
        self.scan = "etas" if network and network.at_events else "scan"
        self.gates: list[float] | None = None

    def score(
        self,
        walk: Walk,
        shown: Sequence[TileMaps],
        windows: Windows,
        advance: Callable[[float], Any],
        remember: Callable[[Stretch], Any] = lambda stretch: None,
    ) -> list[tuple[dict[str, np.ndarray], Excess]]:
        names = [*BASELINE_SCORES, *(["network"] if self.network else [])]
        values = [{name: np.full(windows.count, -np.inf) for name in names} for _ in shown]
        circles = [np.zeros((4, windows.count)) for _ in shown]
        for stretch in walk.windows():
            remember(stretch)
            chosen = slice(stretch.first, stretch.first + len(stretch.aftershocks))
            for number, (corner, maps) in enumerate(zip(self.corners, shown, strict=True)):
                counts, expected = maps.counts(chosen.start, chosen.stop), expected_on(stretch, *corner)
                for name, score in BASELINE_SCORES.items():
                    values[number][name][chosen] = score(counts, expected)
                circles[number][:, chosen] = count_scan(counts, expected)
                if self.network and not self.network.at_events:
                    scan = values[number]["scan"][chosen]
                    some = self._asked(number, scan)
                    if len(some):
                        values[number]["network"][chosen.start + some] = self.network(counts[some], expected[some])
                advance(len(counts))
        found = []
        row, column = pixels(walk.x, walk.y, walk.fit.shape)
        starts = np.arange(windows.count) * windows.stride_days
        for one, counted, corner in zip(values, circles, self.corners, strict=True):
            first_row, first_column = corner
            own = (row >= first_row) & (row < first_row + MAP_PIXELS) & (walk.days >= 0)
            own &= (column >= first_column) & (column < first_column + MAP_PIXELS)
            place = row[own] - first_row, column[own] - first_column
            excess = etas_scan(walk.days[own], *place, walk.intensity[own], starts, windows.window_days)
            score, *where = counted
            excess = excess.or_counts(Excess(score, *where, starts, starts + windows.window_days))
            if self.network and self.network.at_events:
                some = self._asked(len(found), excess.score)
                known = walk.days[own], place[0] * MAP_PIXELS + place[1], walk.intensity[own]
                one["network"][some] = self._on_stretches(known, starts[some], windows.window_days, walk, corner)
                one["both"] = one["network"] + excess.score
            found.append(({"etas": excess.score, **one}, excess))
        return found

    def _on_stretches(
        self, known: tuple[np.ndarray, ...], starts: np.ndarray, window_days: float, walk: Walk, corner: tuple[int, int]
    ) -> np.ndarray:
        """Return the network's mean odds over stretches of half a window, as a logarithm, for windows (n,)."""
        made = np.empty((len(_STRETCHES), len(starts)))
        own = slice(corner[0], corner[0] + MAP_PIXELS), slice(corner[1], corner[1] + MAP_PIXELS)
        part = walk.fit.stretch(starts)
        for first in range(0, len(starts), _TOGETHER):
            some = slice(first, first + _TOGETHER)
            background = walk.fit.rates[(part[some], *own)]
            for number, offset in enumerate(_STRETCHES):
                begins = starts[some] + offset * window_days
                made[number, some] = self.network(*stretch_maps(*known, begins, window_days / 2, background))
        return np.logaddexp.reduce(made, 0) - math.log(len(_STRETCHES))

    def _asked(self, number: int, scan: np.ndarray) -> np.ndarray:
        """Return which windows the network is asked about, by the scan's scores."""
        if self.gates is not None:
            return np.flatnonzero(scan >= self.gates[number])
        return np.sort(np.argsort(-scan, kind="stable")[: math.ceil(_NEAR_TOP * len(scan))])


def _gate(ordinary: Mapping[str, np.ndarray], thresholds: Mapping[str, float], scan: str) -> float:
    """Return the scan from which on a window can be an alarm of the network."""
    if "network" not in ordinary:
        return math.inf
    alarms = ordinary[scan][ordinary["network"] >= thresholds["network"]]
    return _MARGIN * float(alarms.min()) if len(alarms) else float(np.quantile(ordinary[scan], 1 - _NEAR_TOP))


def _maps(events: Mapping[str, np.ndarray], corner: tuple[int, int], windows: Windows, shape) -> TileMaps:
    """Return the maps of simulated events on one map of the region."""
    row, column = pixels(events["x_px"], events["y_px"], shape)
    row, column = row - corner[0], column - corner[1]
    own = (row >= 0) & (row < MAP_PIXELS) & (column >= 0) & (column < MAP_PIXELS)
    return TileMaps(events["time_days"][own] * _DAY_MS, row[own], column[own], windows)


def alarms_per_year(ordinary: np.ndarray, score: float, windows: Windows) -> float:
    """Return how many alarms a year ordinary times would give at a score as high as this; 0 where they gave none."""
    return false_alarm_rate(ordinary, np.nextafter(score, -np.inf), windows.window_days, windows.stride_days)


def extrapolated(ordinary: np.ndarray, windows: Windows, false_alarms_per_year: float) -> bool:
    """Return whether ordinary times were simulated for too short a time to count the alarms that are accepted."""
    years = np.size(ordinary) * windows.stride_days / YEAR_DAYS
    return years < min(_YEARS, _FALSE_ALARMS / false_alarms_per_year) * 0.9


def simulated_years(stride_days: float, false_alarms_per_year: float, windows: int) -> float:
    """Return how many years of ordinary times to simulate.

    Ten; fewer where windows are short and many, but then the time in which four false alarms happen; still fewer where
    that would be 20,000 windows, or a hundred times the catalogue.

    Args:
        stride_days: from the start of one window to that of the next.
        false_alarms_per_year: alarms a year that ordinary times may give.
        windows: how many windows the catalogue has.
    """
    year = YEAR_DAYS / stride_days
    wanted = min(_YEARS, max(_SIMULATED_WINDOWS / year, _FALSE_ALARMS / false_alarms_per_year))
    most = max(_SIMULATED_WINDOWS, min(_MOST_WINDOWS, wanted * year))
    return float(min(wanted, most / year, max(_TIMES * windows, _FEWEST_WINDOWS) / year))
