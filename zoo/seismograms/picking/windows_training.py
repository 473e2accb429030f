"""Windows that a phase picker learns from, drawn anew in every step from records of any length.

What helps a picker most is what it has seen: P and S anywhere in the window or outside, weak events in noise of other
stations, noise alone, two events at once, components that are missing or wired the other way round, gaps.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from zoo.errors import ZooError
from zoo.seismograms.picking.picks import CLEAR_S_DB, cut
from zoo.training.recipe import Records

_MASK_S = (-0.5, 1.0)  # around an S that nobody can see
_LEVEL_S = 1.0
# Amplitude of P over the noise that is added, of a second event over the first.
_NOISE_RATIO, _EVENT_RATIO = (1.5, 20.0), (0.3, 3.0)
_ANYWHERE_SHARE = 0.1
_VERTICAL_ONLY_SHARE, _DEAD_SHARE, _GAP_SHARE = 0.07, 0.03, 0.03
_S_VISIBLE = 1.2


def labels(p_samples: np.ndarray, s_samples: np.ndarray, samples: int, sd_samples: float) -> np.ndarray:
    """Return probabilities (n, samples, 3) of P, S and noise: Gaussians about picks (n, picks); NaN is no pick."""
    time = np.arange(samples)
    made = np.zeros((len(p_samples), samples, 3), np.float32)
    reach = 5 * sd_samples
    for column, at in enumerate((p_samples, s_samples)):
        for row, pick in zip(*np.nonzero((at > -reach) & (at < samples + reach)), strict=True):
            near = slice(max(0, int(at[row, pick] - reach)), int(at[row, pick] + reach) + 1)
            bell = np.exp(-0.5 * ((time[near] - at[row, pick]) / sd_samples) ** 2)
            made[row, near, column] = np.maximum(made[row, near, column], bell)
    made[..., :2] /= np.maximum(made[..., :2].sum(axis=-1, keepdims=True), 1)
    made[..., 2] = 1 - made[..., :2].sum(axis=-1)
    return made


class WindowDraws:
    """Draws batches of windows with their labels; what is drawn depends on the generator alone.

    Args:
        records: `waveform` (n, time, 3), P and S samples, and, where there are any, those of second events, the
            signal-to-noise ratio of S, and categories.
        samples: of a window.
        sampling_rate_hz: of records and windows.
        settings: batch_size, label_sd_s, noise_share, mixed_share, second_event_share.

    Raises:
        ZooError: if no record has a P.
    """

    def __init__(self, records: Records, samples: int, sampling_rate_hz: float, settings: Mapping[str, Any]):
        self.waveform = records["waveform"]
        self.samples, self.rate = samples, sampling_rate_hz
        self.batch_size, self.label_sd = settings["batch_size"], settings["label_sd_s"] * sampling_rate_hz
        self.shares = [settings[f"{name}_share"] for name in ("noise", "mixed", "second_event")]
        self.p, self.s = (_arrivals(records, phase) for phase in "ps")
        self.blurred_s = np.asarray(records.get("trace_s_snr_db", np.full(len(self.p), np.inf))) < CLEAR_S_DB
        first = np.fmin.reduce(self.p, axis=1)
        self.events = np.flatnonzero(np.isfinite(self.p[:, 0]))
        # How late a window of noise alone may start.
        end = np.where(np.isfinite(first), first, self.waveform.shape[1])
        self.quiet = np.flatnonzero(end >= samples)
        self.quiet_until = (end - samples).astype(np.int64)
        if not len(self.events):
            raise ZooError("No record has a P arrival: there is nothing to learn to pick.")
        self.p_level = np.zeros(len(self.p), np.float32)
        for row in self.events:
            self.p_level[row] = _level(self._piece(row, self.p[row, 0]))

    def _piece(self, row: int, start: float) -> np.ndarray:
        first = max(0, int(start))
        return self.waveform[row, first : first + int(_LEVEL_S * self.rate)]

    def __call__(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return waveforms (b, samples, 3), labels (b, samples, 3), and the weight (b, samples) of each in the loss."""
        count = self.batch_size
        noise_share, mixed_share, second_share = self.shares
        quiet = (rng.random(count) < noise_share) & bool(len(self.quiet))
        rows = np.where(quiet, self._some_quiet(rng, count), rng.choice(self.events, count))
        starts = np.where(quiet, self._quiet_starts(rng, rows), self._event_starts(rng, rows))
        windows = cut(self.waveform, rows, starts, self.samples)
        p, s = (np.concatenate([at[rows] - starts[:, None]] * 2, axis=1) for at in (self.p, self.s))
        blurred = self.blurred_s[rows]
        p[:, 2:] = s[:, 2:] = np.nan  # of a second event that is laid over the first
        weight = np.ones((count, self.samples), np.float32)

        for b in np.flatnonzero(~quiet & (rng.random(count) < second_share)):
            other = rng.choice(self.events)
            start = self._event_starts(rng, np.array([other]))[0]
            ratio = _log_uniform(rng, _EVENT_RATIO) * self.p_level[rows[b]] / (self.p_level[other] or 1.0)
            self._add(windows[b], cut(self.waveform, np.array([other]), np.array([start]), self.samples)[0] * ratio)
            p[b, 2:], s[b, 2:] = self.p[other] - start, self.s[other] - start
            self._mask(weight[b], s[b, 2:] if self.blurred_s[other] else ())
        for b in np.flatnonzero(~quiet & (rng.random(count) < mixed_share) & bool(len(self.quiet))):
            other = self._some_quiet(rng, 1)
            noise = cut(self.waveform, other, self._quiet_starts(rng, other), self.samples)[0]
            noise *= self.p_level[rows[b]] / _log_uniform(rng, _NOISE_RATIO) / (_level(noise) or 1.0)
            s_level = _level(self._piece(rows[b], self.s[rows[b], 0])) if np.isfinite(self.s[rows[b], 0]) else 0.0
            blurred[b] |= s_level < _S_VISIBLE * _level(noise)
            self._add(windows[b], noise)
        for b in np.flatnonzero(blurred):
            self._mask(weight[b], s[b, :2])
        self._damage(rng, windows)
        return windows, labels(p, s, self.samples, self.label_sd), weight

    def _some_quiet(self, rng: np.random.Generator, count: int) -> np.ndarray:
        return rng.choice(self.quiet, count) if len(self.quiet) else np.zeros(count, np.int64)

    def _quiet_starts(self, rng: np.random.Generator, rows: np.ndarray) -> np.ndarray:
        return (rng.random(len(rows)) * (np.maximum(self.quiet_until[rows], 0) + 1)).astype(np.int64)

    def _event_starts(self, rng: np.random.Generator, rows: np.ndarray) -> np.ndarray:
        """P lies anywhere in the window or a little before it; some windows anywhere in the record."""
        last = max(0, self.waveform.shape[1] - self.samples)
        place = rng.uniform(-0.03, 0.98, len(rows)) * self.samples
        starts = np.where(
            rng.random(len(rows)) < _ANYWHERE_SHARE, rng.uniform(0, last, len(rows)), self.p[rows, 0] - place
        )
        return np.clip(np.nan_to_num(starts), 0, last).astype(np.int64)

    @staticmethod
    def _add(window: np.ndarray, other: np.ndarray) -> None:
        """Lay one window over another, if it has all components that the other has; what is dead stays dead."""
        alive = np.ptp(window, axis=0) > 0
        if (np.ptp(other, axis=0) > 0)[alive].all():
            window += np.where(alive, other - other[0], 0)

    def _mask(self, weight: np.ndarray, s_samples: np.ndarray) -> None:
        for at in s_samples:
            if np.isfinite(at):
                low, high = (max(0, int(at + edge * self.rate)) for edge in _MASK_S)
                weight[low:high] = 0

    def _damage(self, rng: np.random.Generator, windows: np.ndarray) -> None:
        """Turn components round, drop some, cut the beginning or the end off a few windows."""
        windows *= rng.choice(np.float32([-1, 1]), (len(windows), 1, 3))
        windows[rng.random(len(windows)) < _VERTICAL_ONLY_SHARE, :, 1:] = 0
        for b in np.flatnonzero(rng.random(len(windows)) < _DEAD_SHARE):
            windows[b, :, rng.integers(3)] = 0
        for b in np.flatnonzero(rng.random(len(windows)) < _GAP_SHARE):
            windows[b] -= windows[b].mean(axis=0)
            length = rng.integers(1, self.samples // 3)
            windows[b, slice(None, length) if rng.random() < 0.5 else slice(-length, None)] = 0


def _arrivals(records: Records, phase: str) -> np.ndarray:
    """Return (n, 2) float64: first and second event, NaN where there is none."""
    names = f"trace_{phase}_arrival_sample", f"trace_{phase}2_arrival_sample"
    none = np.full(len(records["waveform"]), np.nan)
    return np.stack([np.asarray(records.get(name, none), np.float64) for name in names], axis=1)


def _level(piece: np.ndarray) -> float:
    """Return the amplitude of a piece (time, 3): rms of its differences, of the best component."""
    if len(piece) < 2:
        return 0.0
    return float(np.sqrt(np.square(np.diff(piece, axis=0)).mean(axis=0)).max())


def _log_uniform(rng: np.random.Generator, ends: tuple[float, float]) -> float:
    return float(np.exp(rng.uniform(*np.log(ends))))
