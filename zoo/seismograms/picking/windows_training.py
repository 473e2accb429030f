"""Windows that a phase picker learns from, drawn anew in every step from records of any length.

A picker copes best with what it has seen: P and S anywhere in the window or outside it, weak events in the noise of
other stations, noise alone, two events at once, components that are missing or wired the wrong way round, gaps.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from zoo.errors import ZooError
from zoo.seismograms.picking.picks import CLEAR_S_DB, cut
from zoo.training.recipe import Records

_MASK_S = (-0.5, 1.0)  # around an S that nobody can see: left out of the loss
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
        records: `waveform` (n, time, 3), samples of P and S and, where there are any, those of second events, and the
            signal-to-noise ratio of S.
        samples: length of a window.
        sampling_rate_hz: sampling rate of records and windows.
        settings: batch_size, label_sd_s, noise_share, mixed_share, second_event_share.

    Raises:
        ZooError: if no record has P.
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
        # The last sample at which a window of noise alone may start.
        end = np.where(np.isfinite(first), first, self.waveform.shape[1])
        self.quiet = np.flatnonzero(end >= samples)
        self.quiet_until = (end - samples).astype(np.int64)
        if not len(self.events):
            raise ZooError("No record has a P arrival (trace_p_arrival_sample): there is nothing to learn to pick.")
        self.p_level = np.zeros(len(self.p), np.float32)
        for row in self.events:
            self.p_level[row] = _level(self._piece(row, self.p[row, 0]))

    def _piece(self, row: int, start: float) -> np.ndarray:
        """Return the second of a record that begins at a sample."""
        first = max(0, int(start))
        return self.waveform[row, first : first + int(_LEVEL_S * self.rate)]

    def __call__(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return waveforms (b, samples, 3), labels (b, samples, 3), and the weight (b, samples) of each sample."""
        count = self.batch_size
        noise_share, mixed_share, second_share = self.shares
        quiet = (rng.random(count) < noise_share) & bool(len(self.quiet))
        rows = np.where(quiet, self._some_quiet(rng, count), rng.choice(self.events, count))
        starts = np.where(quiet, self._quiet_starts(rng, rows), self._event_starts(rng, rows))
        windows = cut(self.waveform, rows, starts, self.samples)
        p, s = (np.concatenate([at[rows] - starts[:, None]] * 2, axis=1) for at in (self.p, self.s))
        blurred = self.blurred_s[rows]
        p[:, 2:] = s[:, 2:] = np.nan  # these are for a second event, laid over the first
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
        """Draw records with a window of noise before their first P."""
        return rng.choice(self.quiet, count) if len(self.quiet) else np.zeros(count, np.int64)

    def _quiet_starts(self, rng: np.random.Generator, rows: np.ndarray) -> np.ndarray:
        """Draw the first samples of windows of noise."""
        return (rng.random(len(rows)) * (np.maximum(self.quiet_until[rows], 0) + 1)).astype(np.int64)

    def _event_starts(self, rng: np.random.Generator, rows: np.ndarray) -> np.ndarray:
        """Draw first samples of windows with P anywhere in them or a little before; some lie anywhere."""
        last = max(0, self.waveform.shape[1] - self.samples)
        position = rng.uniform(*_P_POSITION, len(rows)) * self.samples
        starts = np.where(
            rng.random(len(rows)) < _ANYWHERE_SHARE, rng.uniform(0, last, len(rows)), self.p[rows, 0] - position
        )
        return np.clip(np.nan_to_num(starts), 0, last).astype(np.int64)

    @staticmethod
    def _add(window: np.ndarray, other: np.ndarray) -> None:
        """Add one window to another if it has all components that the other has; dead components stay dead."""
        alive = np.ptp(window, axis=0) > 0
        if (np.ptp(other, axis=0) > 0)[alive].all():
            window += np.where(alive, other - other[0], 0)

    def _mask(self, weight: np.ndarray, s_samples: np.ndarray) -> None:
        """Set the weight around an invisible S to 0."""
        for at in s_samples:
            if np.isfinite(at):
                low, high = (max(0, int(at + edge * self.rate)) for edge in _MASK_S)
                weight[low:high] = 0

    def _damage(self, rng: np.random.Generator, windows: np.ndarray) -> None:
        """Reverse the polarity of components, drop some, and blank the beginning or the end of a few windows."""
        windows *= rng.choice(np.float32([-1, 1]), (len(windows), 1, 3))
        windows[rng.random(len(windows)) < _VERTICAL_ONLY_SHARE, :, 1:] = 0
        for b in np.flatnonzero(rng.random(len(windows)) < _DEAD_SHARE):
            windows[b, :, rng.integers(3)] = 0
        for b in np.flatnonzero(rng.random(len(windows)) < _GAP_SHARE):
            windows[b] -= windows[b].mean(axis=0)
            length = rng.integers(1, self.samples // 3)
            windows[b, slice(None, length) if rng.random() < 0.5 else slice(-length, None)] = 0


def _arrivals(records: Records, phase: str) -> np.ndarray:
    """Return the samples (n, 2) of a phase, float64: first and second event, NaN where there is none."""
    names = f"trace_{phase}_arrival_sample", f"trace_{phase}2_arrival_sample"
    none = np.full(len(records["waveform"]), np.nan)
    return np.stack([np.asarray(records.get(name, none), np.float64) for name in names], axis=1)


def _level(piece: np.ndarray) -> float:
    """Return the amplitude of a piece (time, 3): root mean square of the differences, on the largest component."""
    if len(piece) < 2:
        return 0.0
    return float(np.sqrt(np.square(np.diff(piece, axis=0)).mean(axis=0)).max())


def _log_uniform(rng: np.random.Generator, ends: tuple[float, float]) -> float:
    """Draw a number between two ends, uniformly in its logarithm."""
    return float(np.exp(rng.uniform(*np.log(ends))))
