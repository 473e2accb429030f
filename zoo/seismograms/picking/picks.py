"""Picks from probabilities in time, and how good they are beside an analyst's.

A pick is a peak in the probability of a phase. P is then moved to the onset that Akaike's criterion finds on the
vertical (Maeda 1985), if that is near: the network says which onset, the waveform says where it is. S, which emerges
from the coda of P, lies at the centre of the upper half of its peak.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import scipy.signal

from zoo.seismograms import signals

TOLERANCES_S = (0.1, 0.2, 0.5)
"""Largest residuals that count as the same pick; the last one decides whether an arrival was found."""
THRESHOLD = 0.3
"""Least probability of a pick, where a caller names none."""
CLEAR_S_DB = 0.0
"""S that stands out of what precedes it by less is used neither in training nor in a score."""
_APART_S = 0.5
_ONSET_BAND_HZ = (1.0, 30.0)
_ONSET_HALF_WIDTH_S, _ONSET_FARTHEST_S, _ONSET_MARGIN_S = 0.6, 0.25, 0.08
_ONSET_CONTRAST = 2.0  # amplitude behind an onset over that before it
_BEFORE_P_S = 1.0  # what is nearer to P does not count as noise; analysts differ by less
_P_POSITIONS = (0.1, 0.35, 0.6)  # where P lies in the windows of a score, as shares of the window
_PROMINENT = 0.8  # best of 0.5 to 1 on the synthetic validation split
_FALSE_PER_MINUTE = 0.5
_LEAST = 0.01  # peaks in noise below this probability are left aside
_AT_ONCE = 128


class Pick(NamedTuple):
    """A pick: the row of its waveform, "P" or "S", its sample (a float), its probability, the width of its peak."""

    row: int
    phase: str
    sample: float
    probability: float
    width_s: float = 0.0
    """At half of the peak."""


def picks(
    probabilities: np.ndarray,
    waveforms: np.ndarray | None,
    sampling_rate_hz: float,
    thresholds: Mapping[str, float] | float = THRESHOLD,
    labels: Sequence[str] = ("P", "S", "noise"),
    apart_s: float = _APART_S,
) -> list[Pick]:
    """Return the peaks in the probabilities of phases, with P moved to its onset.

    >>> probabilities = np.zeros((1, 500, 3))
    >>> probabilities[0, 200, 0] = 0.9
    >>> picks(probabilities, None, 100.0)
    [Pick(row=0, phase='P', sample=200.0, probability=0.9, width_s=0.01)]

    Args:
        probabilities: (n, samples, len(labels)), 0 to 1.
        waveforms: (n, samples, 3) from which they were computed, ZNE, any unit; None: no pick is moved.
        sampling_rate_hz: sampling rate of both.
        thresholds: least probability of a pick, for all phases or by phase.
        labels: names along the last axis; "noise" has no picks.
        apart_s: least time between two picks of one phase in a row; the more probable one stays.

    Returns:
        `Pick`s by row, then time. Samples count from the first one of the row.
    """
    probabilities = np.asarray(probabilities)
    found: list[Pick] = []
    for column, phase in enumerate(labels):
        if phase == "noise":
            continue
        threshold = thresholds if isinstance(thresholds, (int, float)) else thresholds.get(phase, THRESHOLD)
        for row in np.flatnonzero(probabilities[..., column].max(axis=1) >= threshold):
            trace = probabilities[row, :, column]
            # A border of zeros: a peak may lie on the first or last sample.
            distance = max(1, round(apart_s * sampling_rate_hz))
            bordered = np.pad(trace, 1)
            at, _ = scipy.signal.find_peaks(bordered, height=threshold, distance=distance)
            widths = scipy.signal.peak_widths(bordered, at)[0] / sampling_rate_hz
            found += [
                Pick(
                    int(row),
                    phase,
                    float(sample) if phase == "P" else centre(trace, sample),
                    float(trace[sample]),
                    width,
                )
                for sample, width in zip((at - 1).tolist(), widths.tolist(), strict=True)
            ]
    if waveforms is not None:
        onsets = [number for number, pick in enumerate(found) if pick.phase == "P"]
        rows, samples = (np.array([found[number][field] for number in onsets], int) for field in (0, 2))
        for number, sample in zip(onsets, onset(waveforms, rows, samples, sampling_rate_hz), strict=True):
            found[number] = found[number]._replace(sample=float(sample))
    return sorted(found, key=lambda pick: (pick.row, pick.sample))


def centre(probability: np.ndarray, peak: int) -> float:
    """Return the sample at the centre of gravity of the upper half of a peak.

    >>> centre(np.array([0.0, 0.2, 0.8, 0.7, 0.1]), 2)
    2.467

    Args:
        probability: (samples,) of one phase.
        peak: sample of the peak. Where its upper half reaches an end, this is returned.
    """
    below = np.flatnonzero(probability < 0.5 * probability[peak])
    number = np.searchsorted(below, peak)
    if number == 0 or number == len(below):
        return float(peak)
    samples = np.arange(below[number - 1] + 1, below[number])
    return round(float(np.average(samples, weights=probability[samples])), 3)


def onset(waveforms: np.ndarray, rows: np.ndarray, samples: np.ndarray, sampling_rate_hz: float) -> np.ndarray:
    """Move P picks to the minimum of Akaike's criterion on the vertical, 1 to 30 Hz, where an onset is near.

    Within 0.6 s around the pick, sample k divides the trace into what precedes it and what begins with it, and
    AIC(k) = k ln var(before) + (n - k) ln var(after). The pick stays if the minimum is more than 0.25 s away, if the
    amplitude does not double there, or if the vertical was not recorded.

    Args:
        waveforms: (n, samples, 3), Z first, any unit.
        rows: (picks,) int, the waveform of each pick.
        samples: (picks,) int, the sample of each pick.
        sampling_rate_hz: sampling rate of the waveforms.

    Returns:
        (picks,) int, the samples after the move.
    """
    moved = np.array(samples)
    if not len(moved):
        return moved
    used, position = np.unique(rows, return_inverse=True)
    vertical = np.asarray(waveforms, np.float32)[used, :, :1]
    low, high = _ONSET_BAND_HZ
    high = min(high, 0.45 * sampling_rate_hz)
    vertical = signals.bandpass(vertical - vertical[:, :1], sampling_rate_hz, low, high, corners=2)[..., 0]
    half, margin = (round(s * sampling_rate_hz) for s in (_ONSET_HALF_WIDTH_S, _ONSET_MARGIN_S))
    for number, (row, sample) in enumerate(zip(position, samples, strict=True)):
        first = max(0, sample - half)
        piece = vertical[row, first : sample + half].astype(np.float64)
        count = len(piece)
        if count < 3 * margin or not piece.any():
            continue
        power = np.cumsum(piece**2)
        k = np.arange(margin, count - margin)
        tiny = 1e-12 * power[-1]
        before, after = (power[k - 1] + tiny) / k, (power[-1] - power[k - 1] + tiny) / (count - k)
        best = np.argmin(k * np.log(before) + (count - k) * np.log(after))
        at = first + k[best]
        if abs(at - sample) <= _ONSET_FARTHEST_S * sampling_rate_hz and after[best] > _ONSET_CONTRAST**2 * before[best]:
            moved[number] = at
    return moved


class Scored(NamedTuple):
    """What `residuals` measures: arrays with one entry per window with P, or per peak in noise."""

    p_s: np.ndarray
    """P, moved to its onset, less the analyst's P in each window, s."""
    s_s: np.ndarray
    """S less the analyst's, in windows that have one, s."""
    p_probability: np.ndarray
    """Probability of P in each window."""
    false_probability: np.ndarray
    """Probability of every peak of P in noise."""
    noise_minutes: float
    """Length of the noise that was searched."""


def score(scored: Scored, threshold: float = THRESHOLD) -> dict[str, float]:
    """Return shares within 0.1, 0.2 and 0.5 s, residuals, the share found at a threshold, and the rate of false picks.

    Mean and sd are taken over residuals within 0.5 s. `p_found` counts P within 0.5 s that reaches the threshold;
    `p_found_at_0.5_false_per_minute` does so at the threshold that gives 0.5 false picks in a minute of noise.
    """
    metrics: dict[str, float] = {}
    for phase, residual in (("p", scored.p_s), ("s", scored.s_s)):
        if len(residual):
            for tolerance in TOLERANCES_S:
                metrics[f"{phase}_within_{tolerance:g}_s"] = float((np.abs(residual) <= tolerance).mean())
            near = residual[np.abs(residual) <= TOLERANCES_S[-1]]
            if len(near):
                metrics[f"{phase}_mean_residual_s"] = float(near.mean())
                metrics[f"{phase}_sd_residual_s"] = float(near.std())
    if len(scored.p_s):
        metrics["p_found"] = found_share(scored, threshold)
    if scored.noise_minutes:
        metrics["false_per_minute"] = false_per_minute(scored, threshold)
        metrics["noise_minutes"] = scored.noise_minutes
        if len(scored.p_s):
            metrics[f"p_found_at_{_FALSE_PER_MINUTE:g}_false_per_minute"] = found_share(
                scored, threshold_for(scored, _FALSE_PER_MINUTE)
            )
    return metrics


def found_share(scored: Scored, threshold: float) -> float:
    """Return the share of P picked within 0.5 s with at least this probability."""
    return float(((scored.p_probability >= threshold) & (np.abs(scored.p_s) <= TOLERANCES_S[-1])).mean())


def false_per_minute(scored: Scored, threshold: float) -> float:
    """Return the number of P picks with at least this probability per minute of noise."""
    return float((scored.false_probability >= threshold).sum() / scored.noise_minutes)


def threshold_for(scored: Scored, rate_per_minute: float) -> float:
    """Return the least threshold with at most this many false picks per minute."""
    allowed = int(rate_per_minute * scored.noise_minutes)
    falsely = np.sort(scored.false_probability)[::-1]
    return float(np.nextafter(falsely[allowed], 2.0)) if len(falsely) > allowed else 0.0


Probabilities = Callable[[np.ndarray], np.ndarray]
"""Windows (n, samples, 3) to probabilities (n, samples, 3) of P, S, noise."""


def residuals(
    probabilities: Probabilities,
    records: Mapping[str, np.ndarray],
    samples: int,
    sampling_rate_hz: float,
    repick: bool = True,
) -> Scored:
    """Pick records that an analyst has picked, and their noise.

    Each record with P gives up to three windows, with P at a tenth, a third and 0.6 of the window where the record is
    long enough. In each window one P and one S are compared: the first peak of P with at least 0.8 times the largest
    probability (P comes first, and another event may follow), and the most probable S. Records with a second event are
    left out. S counts only where it was picked, lies in the window and (in synthetic records) stands out by 0 dB.
    Noise is what precedes the first P of a record by 1 s or more, in the window that ends at P, or the whole record if
    it has no P.

    Args:
        probabilities: takes windows (n, samples, 3) and returns probabilities (n, samples, 3): a model or the like.
        records: `waveform` (n, time, 3) and the columns of the picks.
        samples: length of a window.
        sampling_rate_hz: sampling rate of windows and records.
        repick: whether P is moved to its onset, see `onset`.
    """
    waveform = records["waveform"]
    p, s = (np.asarray(records[f"trace_{phase}_arrival_sample"], np.float64) for phase in "ps")
    second = np.asarray(records.get("trace_p2_arrival_sample", np.full(len(p), np.nan)))
    clear_s = np.isfinite(s) & ~(np.asarray(records.get("trace_s_snr_db", np.full(len(p), np.inf))) < CLEAR_S_DB)
    total = waveform.shape[1]
    last = max(0, total - samples)

    single = np.flatnonzero(np.isfinite(p) & ~np.isfinite(second) & (p < total))
    plan = {(row, int(np.clip(round(p[row] - share * samples), 0, last))) for row in single for share in _P_POSITIONS}
    rows, starts = (np.array(column, np.int64) for column in zip(*sorted(plan), strict=True)) if plan else ([], [])
    p_s, s_s, p_probability = [], [], []
    for part, first, windows, answer in _answers(probabilities, waveform, rows, starts, samples):
        best = np.array([_first_peak(trace) for trace in answer[..., 0]])
        at = onset(windows, np.arange(len(windows)), best, sampling_rate_hz) if repick else best
        p_s.append((at + first - p[part]) / sampling_rate_hz)
        p_probability.append(answer[np.arange(len(best)), best, 0])
        has_s = clear_s[part] & (s[part] - first < samples)
        s_at = np.array([centre(trace, int(trace.argmax())) for trace in answer[..., 1]])
        s_s.append((s_at + first - s[part])[has_s] / sampling_rate_hz)

    falsely, minutes = [], 0.0
    begins = np.fmin(p, second)
    end = np.where(np.isfinite(begins), begins - _BEFORE_P_S * sampling_rate_hz, np.inf)
    plan = [(row, int(np.clip(np.ceil(begins[row]) - samples, 0, last))) for row in np.flatnonzero(end < total)]
    plan += [(row, start) for row in np.flatnonzero(np.isinf(end)) for start in range(0, last + 1, samples)]
    rows, starts = (np.array(column, np.int64) for column in zip(*plan, strict=True)) if plan else ([], [])
    for part, first, _, answer in _answers(probabilities, waveform, rows, starts, samples):
        until = np.clip(end[part] - first, 0, min(samples, total))
        minutes += until.sum() / sampling_rate_hz / 60
        falsely += [
            pick.probability
            for pick in picks(answer, None, sampling_rate_hz, {"P": _LEAST, "S": np.inf})
            if pick.sample < until[pick.row]
        ]
    join = lambda parts: np.concatenate(parts) if parts else np.zeros(0)  # noqa: E731
    return Scored(join(p_s), join(s_s), join(p_probability), np.array(falsely), float(minutes))


def _first_peak(probability: np.ndarray) -> int:
    """Return the sample of the first peak that is nearly as probable as the largest one."""
    least = max(_PROMINENT * probability.max(), 1e-9)
    at, _ = scipy.signal.find_peaks(np.pad(probability, 1), height=least)
    return int(at[0]) - 1 if len(at) else int(probability.argmax())


def pooled(parts: Sequence[Scored]) -> Scored:
    """Return what was measured on several sets of records as one measurement."""
    arrays = [np.concatenate(field) for field in list(zip(*parts, strict=True))[:-1]]
    return Scored(*arrays, sum(part.noise_minutes for part in parts))


def _answers(probabilities: Probabilities, waveform: np.ndarray, rows, starts, samples: int):
    """Yield rows, starts, windows and the picker's answer, about a hundred windows at a time."""
    for first in range(0, len(rows), _AT_ONCE):
        part, begin = rows[first : first + _AT_ONCE], starts[first : first + _AT_ONCE]
        windows = cut(waveform, part, begin, samples)
        yield part, begin, windows, np.asarray(probabilities(windows))


def cut(waveform: np.ndarray, rows: np.ndarray, starts: np.ndarray, samples: int) -> np.ndarray:
    """Return windows (n, samples, 3) float32 of records (records, time, 3); zeros beyond the end of a record."""
    windows = np.zeros((len(rows), samples, waveform.shape[2]), np.float32)
    for window, row, start in zip(windows, rows, starts, strict=True):
        piece = waveform[row, start : start + samples]
        window[: len(piece)] = piece
    return windows
