"""Windows that a phase picker learns from, drawn anew in every step from records of any length.

A picker copes best with what it has seen: P and S anywhere in the window or outside it, weak events in the noise of
other stations, noise alone, two events at once, components that are missing or wired the wrong way round, gaps.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from zoo.errors import ZooError
from zoo.seismograms.picking.labelled import Labelled, joined, unseen_span

_LEVEL_S = 1.0  # time from an arrival over which its amplitude is measured
_REACH_SD = 5  # a bell of a label ends here, at exp(-12.5) = 4e-6
_NOISE_RATIO, _EVENT_RATIO = (1.5, 20.0), (0.3, 3.0)
"""Amplitude of P over the noise that is added, and of a second event over the first; drawn log-uniformly."""
_P_POSITION = (-0.03, 0.98)
"""Where P lies, as a share of the window; a little before the window, a picker sees its coda alone."""
_ANYWHERE_SHARE = 0.1
"""Windows of events that lie anywhere in the record."""
_VERTICAL_ONLY_SHARE, _DEAD_SHARE, _GAP_SHARE = 0.07, 0.03, 0.03
_S_VISIBLE = 1.2
"""Amplitude of S over that of the noise below which S counts as invisible."""
_LEAST_QUIET = 0.5
"""Noise of at least this share of a window is continued by its mirror image, as `annotate` does with short records."""


def labels(p_samples: np.ndarray, s_samples: np.ndarray, samples: int, sd_samples: float) -> np.ndarray:
    """Return the probabilities that a picker is trained on: Gaussians about the picks.

    Args:
        p_samples: (n, picks) samples of P; NaN where there is no pick.
        s_samples: (n, picks) samples of S.
        samples: length of a window.
        sd_samples: standard deviation of the Gaussians, samples.

    Returns:
        (n, samples, 3) float32: P, S and noise, which add up to 1.
    """
    time = np.arange(samples)
    made = np.zeros((len(p_samples), samples, 3), np.float32)
    reach = _REACH_SD * sd_samples
    for column, at in enumerate((p_samples, s_samples)):
        for row, pick in zip(*np.nonzero((at > -reach) & (at < samples + reach)), strict=True):
            near = slice(max(0, int(at[row, pick] - reach)), int(at[row, pick] + reach) + 1)
            bell = np.exp(-0.5 * ((time[near] - at[row, pick]) / sd_samples) ** 2)
            made[row, near, column] = np.maximum(made[row, near, column], bell)
    made[..., :2] /= np.maximum(made[..., :2].sum(axis=-1, keepdims=True), 1)
    made[..., 2] = 1 - made[..., :2].sum(axis=-1)
    return made


class WindowDraws:
    """Draws batches of windows with their labels; a draw depends on the random generator alone.

    Args:
        sources: sets of records, the recipe's own first.
        samples: length of a window.
        sampling_rate_hz: sampling rate of records and windows.
        settings: batch_size, label_sd_s, noise_share, mixed_share, second_event_share; source_shares, the share of the
            windows that begins with each source (1.0: there is one).

    Raises:
        ZooError: if no record has P.
    """

    def __init__(self, sources: Sequence[Labelled], samples: int, sampling_rate_hz: float, settings: Mapping[str, Any]):
        self.samples, self.rate = samples, sampling_rate_hz
        self.batch_size, self.label_sd = settings["batch_size"], settings["label_sd_s"] * sampling_rate_hz
        self.noise_share, self.mixed_share, self.second_share = (
            settings[f"{name}_share"] for name in ("noise", "mixed", "second_event")
        )
        self.records = joined(list(sources))
        source = np.repeat(np.arange(len(sources)), [len(part) for part in sources])
        shares = np.asarray(settings.get("source_shares", [1.0]), float)
        self.length = self.records.length
        events = np.isfinite(self.records.p).any(axis=1)
        quiet = self.records.quiet >= _LEAST_QUIET * samples
        if not events.any():
            raise ZooError("No record has a P arrival (trace_p_arrival_sample): there is nothing to learn to pick.")
        self.events, self.event_odds = _rows(events, source, shares)
        self.quiet, self.quiet_odds = _rows(quiet, source, shares)
        self.level = np.array(
            [
                _level(self._piece(row, np.nanmin(self.records.p[row]))) if events[row] else 0
                for row in range(len(source))
            ]
        )

    def _piece(self, row: int, start: float) -> np.ndarray:
        """Return the second of a record that begins at a sample."""
        first = max(0, int(start))
        return self.records.waveforms[row][first : first + int(_LEVEL_S * self.rate)]

    def __call__(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return waveforms (b, samples, 3), labels (b, samples, 3), and the weight (b, samples) of each sample."""
        count = self.batch_size
        windows = np.zeros((count, self.samples, 3), np.float32)
        weight = np.ones((count, self.samples), np.float32)
        none = [np.zeros(0)]
        arrivals: dict[str, list] = {"P": [none] * count, "S": [none] * count}
        quiet = (rng.random(count) < self.noise_share) & bool(len(self.quiet))
        for b in range(count):
            if quiet[b]:
                windows[b], unknown = self._noise(rng)
                self._leave_out(weight[b], unknown)
                continue
            row, start = self._event(rng)
            windows[b] = self._cut(row, start)
            p, s = [self.records.p[row] - start], [self.records.s[row] - start]
            left_out = [self.records.unknown[row] - start]
            unseen = bool(self.records.unseen_s[row])
            if rng.random() < self.second_share:
                self._second(rng, windows[b], row, p, s, left_out)
            if rng.random() < self.mixed_share and len(self.quiet):
                noise, unknown = self._noise(rng)
                noise *= self.level[row] / _log_uniform(rng, _NOISE_RATIO) / (_level(noise) or 1.0)
                first_s = np.nanmin(self.records.s[row]) if np.isfinite(self.records.s[row]).any() else np.nan
                s_level = _level(self._piece(row, first_s)) if np.isfinite(first_s) else 0.0
                unseen |= s_level < _S_VISIBLE * _level(noise)
                self._add(windows[b], noise)
                left_out.append(unknown)
            if unseen:
                spans = [unseen_span(at, self.rate) for at in self.records.s[row] - start if np.isfinite(at)]
                left_out.append(np.reshape(spans, (-1, 2)))
            self._leave_out(weight[b], np.concatenate(left_out))
            arrivals["P"][b], arrivals["S"][b] = p, s
        self._damage(rng, windows)
        p, s = (_padded([np.concatenate(row) for row in arrivals[phase]]) for phase in "PS")
        return windows, labels(p, s, self.samples, self.label_sd), weight

    def _event(self, rng: np.random.Generator) -> tuple[int, int]:
        """Draw a record with P, and where its window starts: P lies anywhere in it or a little before."""
        row = int(rng.choice(self.events, p=self.event_odds))
        last = max(0, self.length[row] - self.samples)
        at = rng.choice(self.records.p[row][np.isfinite(self.records.p[row])])
        start = at - rng.uniform(*_P_POSITION) * self.samples
        if rng.random() < _ANYWHERE_SHARE:
            start = rng.uniform(0, last)
        return row, int(np.clip(start, 0, last))

    def _noise(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Draw a window of noise, and the spans (n, 2) of it about which nothing is known."""
        row = int(rng.choice(self.quiet, p=self.quiet_odds))
        until = self.records.quiet[row]
        start = int(rng.random() * (max(until - self.samples, until - int(_LEAST_QUIET * self.samples), 0) + 1))
        if until >= self.samples:
            start = min(start, until - self.samples)
        piece = self.records.waveforms[row][start : min(start + self.samples, until)]
        unknown = self.records.unknown[row] - start
        if len(piece) == self.samples:
            return piece.copy(), unknown
        behind = 2 * len(piece) - unknown[:, ::-1]  # the mirror image of what is not known
        return np.pad(piece, ((0, self.samples - len(piece)), (0, 0)), mode="symmetric"), np.concatenate(
            [np.minimum(unknown, len(piece)), np.maximum(behind, len(piece))]
        )

    def _cut(self, row: int, start: int) -> np.ndarray:
        piece = self.records.waveforms[row][start : start + self.samples]
        if len(piece) == self.samples:
            return piece
        return np.pad(piece, ((0, self.samples - len(piece)), (0, 0)))

    def _second(self, rng, window: np.ndarray, row: int, p: list, s: list, left_out: list) -> None:
        """Lay a second event over a window."""
        other, start = self._event(rng)
        ratio = _log_uniform(rng, _EVENT_RATIO) * self.level[row] / (self.level[other] or 1.0)
        if not self._add(window, self._cut(other, start) * np.float32(ratio)):
            return
        p.append(self.records.p[other] - start)
        s.append(self.records.s[other] - start)
        left_out.append(self.records.unknown[other] - start)
        if self.records.unseen_s[other]:
            spans = [unseen_span(at, self.rate) for at in s[-1] if np.isfinite(at)]
            left_out.append(np.reshape(spans, (-1, 2)))

    @staticmethod
    def _add(window: np.ndarray, other: np.ndarray) -> bool:
        """Add one window to another; where the other has no horizontals, the sum has none. Return whether it has Z."""
        alive, there = np.ptp(window, axis=0) > 0, np.ptp(other, axis=0) > 0
        if alive[0] and not there[0]:
            return False
        window += np.where(alive, other - other[0], 0)
        window[:, alive & ~there] = 0
        return True

    def _leave_out(self, weight: np.ndarray, spans: np.ndarray) -> None:
        """Set the weight of spans (n, 2) of samples to 0."""
        for low, high in spans:
            if low < high and high > 0:
                weight[max(0, int(low)) : int(high) + 1] = 0

    def _damage(self, rng: np.random.Generator, windows: np.ndarray) -> None:
        """Reverse the polarity of components, drop some, and blank the beginning or the end of a few windows."""
        windows *= rng.choice(np.float32([-1, 1]), (len(windows), 1, 3))
        windows[rng.random(len(windows)) < _VERTICAL_ONLY_SHARE, :, 1:] = 0
        for b in np.flatnonzero(rng.random(len(windows)) < _DEAD_SHARE):
            alive = np.flatnonzero(np.ptp(windows[b], axis=0))
            if len(alive) > 1:
                windows[b, :, rng.choice(alive)] = 0
        for b in np.flatnonzero(rng.random(len(windows)) < _GAP_SHARE):
            windows[b] -= windows[b].mean(axis=0)
            length = rng.integers(1, self.samples // 3)
            windows[b, slice(None, length) if rng.random() < 0.5 else slice(-length, None)] = 0


def _rows(wanted: np.ndarray, source: np.ndarray, shares: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows that are wanted, and the odds (rows,) by which each is drawn: shares of their sources."""
    rows = np.flatnonzero(wanted)
    counts = np.bincount(source[rows], minlength=len(shares))
    odds = shares[source[rows]] / counts[source[rows]]
    return rows, odds / (odds.sum() or 1.0)


def _padded(rows: list[np.ndarray]) -> np.ndarray:
    """Return arrays of unequal lengths as (n, longest), NaN beyond the last."""
    made = np.full((len(rows), max(map(len, rows))), np.nan)
    for number, row in enumerate(rows):
        made[number, : len(row)] = row
    return made


def _level(piece: np.ndarray) -> float:
    """Return the amplitude of a piece (time, 3): root mean square of the differences, on the largest component."""
    if len(piece) < 2:
        return 0.0
    return float(np.sqrt(np.square(np.diff(piece, axis=0)).mean(axis=0)).max())


def _log_uniform(rng: np.random.Generator, ends: tuple[float, float]) -> float:
    """Draw a number between two ends, uniformly in its logarithm."""
    return float(np.exp(rng.uniform(*np.log(ends))))
