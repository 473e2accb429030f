"""How a picker does on continuous records: peaks in noise, at arrivals, and what calibrates it.

Records are annotated whole, as `annotate` does, in overlapping windows. A peak within 0.5 s of an arrival is found; a
peak in what is known to be noise is false, unless another picker saw something there: such peaks are counted apart.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from zoo.seismograms.picking import calibration, picks
from zoo.seismograms.picking.labelled import Labelled, labelled, read_picks
from zoo.seismograms.picking.windows import OVERLAP, PICKS, taper, window_starts

WEAK = 0.3
"""Probability from which another picker's pick says that a peak in noise may be none that is false."""
_NEAR_S, _WEAK_S = 0.5, 1.5
_AT_ONCE = 32
_EDGE_S = 2.0  # at the ends of noise: half of what a peak there needs lies beyond


@dataclass
class Measured:
    """What was measured on records; by phase "P" and "S".

    Attributes:
        noise_minutes: length of the noise.
        false: sizes of the peaks in noise.
        weak: sizes of those near which another picker has a pick.
        arrivals: sizes of the largest peaks within 0.5 s of arrivals; 0 where there is none.
        residual_s, size, width_s: of the peaks at arrivals: less the pick, size, width.
    """

    noise_minutes: float
    false: dict[str, np.ndarray]
    weak: dict[str, np.ndarray]
    arrivals: dict[str, np.ndarray]
    residual_s: dict[str, np.ndarray]
    size: dict[str, np.ndarray]
    width_s: dict[str, np.ndarray]


def annotated(
    probabilities: Callable[[np.ndarray], np.ndarray],
    waveforms: Sequence[np.ndarray],
    samples: int,
    overlap: float = OVERLAP[PICKS],
) -> np.ndarray:
    """Return the probabilities (n, time, labels) of records (n, time, 3) of one length, from overlapping windows."""
    waveforms = np.asarray(waveforms)
    starts, _, _ = window_starts(waveforms.shape[1], samples, overlap, least=samples)
    weight = taper(samples)[:, np.newaxis]
    made = []
    for first in range(0, len(waveforms), _AT_ONCE):
        part = waveforms[first : first + _AT_ONCE]
        total = weights = 0.0
        for start in starts:
            answer = probabilities(part[:, start : start + samples])
            behind = waveforms.shape[1] - start - samples
            total = total + np.pad(answer * weight, ((0, 0), (start, behind), (0, 0)))
            weights = weights + np.pad(weight, ((start, behind), (0, 0)))
        made.append((total / weights).astype(np.float32))
    return np.concatenate(made)


def measure(
    probabilities: Callable[[np.ndarray], np.ndarray],
    records: Mapping[str, np.ndarray],
    samples: int,
    sampling_rate_hz: float,
) -> Measured:
    """Annotate records and compare the peaks with what is known of them.

    Args:
        probabilities: windows (n, samples, 3) to probabilities (n, samples, 3) of P, S, noise.
        records: `waveform` (n, time, 3), not shorter than a window, and the columns of `labelled.FEATURES`.
        samples: length of a window.
        sampling_rate_hz: sampling rate of windows and records.
    """
    known = labelled(records, sampling_rate_hz)
    weak = [[] for _ in range(len(known))]
    if "trace_picks" in records:
        texts = np.asarray(records["trace_picks"]).astype(str)
        weak = [[at for _, at, p in read_picks(text) if p >= WEAK] for text in texts]
    gathered = {name: {"P": [], "S": []} for name in ("false", "weak", "arrivals", "residual_s", "size", "width_s")}
    least = {"P": calibration.LEAST, "S": calibration.LEAST}
    for first in range(0, len(known), _AT_ONCE):
        rows = slice(first, first + _AT_ONCE)
        waveforms = np.asarray(known.waveforms[rows])
        answer = annotated(probabilities, waveforms, samples)
        found = picks.picks(answer, waveforms, sampling_rate_hz, least)
        for row in range(len(waveforms)):
            mine = [pick for pick in found if pick.row == row]
            _compare(mine, known, first + row, weak[first + row], sampling_rate_hz, gathered)
    arrays = {name: {phase: np.array(v) for phase, v in by.items()} for name, by in gathered.items()}
    return Measured(float(_quiet_minutes(known, sampling_rate_hz)), **arrays)


def pooled(parts: Sequence[Measured]) -> Measured:
    """Return what was measured on several sets of records as one measurement."""
    names = ("false", "weak", "arrivals", "residual_s", "size", "width_s")
    joined = {
        name: {phase: np.concatenate([getattr(part, name)[phase] for part in parts]) for phase in "PS"}
        for name in names
    }
    return Measured(sum(part.noise_minutes for part in parts), **joined)


def score(measured: Measured, thresholds: Mapping[str, float]) -> dict[str, float]:
    """Return false picks a minute, and the share of arrivals found, at thresholds of the peaks by phase.

    `weak_*`: peaks in noise at which another picker has a pick; `*_found_at_R`: at the threshold that gives R false P a
    minute in these records.
    """
    made: dict[str, float] = {"noise_minutes": measured.noise_minutes}
    for phase in calibration.PHASES:
        name = phase.lower()
        if measured.noise_minutes:
            for what, peaks in (("false", measured.false), ("weak", measured.weak)):
                count = int((peaks[phase] >= thresholds[phase]).sum())
                made[f"{what}_{name}_per_minute"] = count / measured.noise_minutes
        if len(measured.arrivals[phase]):
            made[f"{name}_found"] = float((measured.arrivals[phase] >= thresholds[phase]).mean())
    return made


def calibrated(measured: Measured, timed: Measured) -> calibration.Calibration:
    """Return the calibration of a picker.

    Args:
        measured: on records with noise and events.
        timed: on records whose picks are exact or an analyst's: for the uncertainty in seconds.
    """
    arrivals = {phase: (sizes[sizes > 0], len(sizes)) for phase, sizes in measured.arrivals.items()}
    residuals = {phase: (timed.residual_s[phase], timed.size[phase], timed.width_s[phase]) for phase in "PS"}
    return calibration.fit(arrivals, measured.false, measured.noise_minutes / 60, residuals)


def _compare(found, known: Labelled, row: int, weak: list[float], rate: float, gathered: dict) -> None:
    """Enter the picks of one record."""
    end = known.quiet[row] - _EDGE_S * rate
    for pick in found:
        if pick.sample < end:
            seen = any(abs(pick.sample - at) < _WEAK_S * rate for at in weak)
            gathered["weak" if seen else "false"][pick.phase].append(pick.probability)
    for phase, arrivals in (("P", known.p[row]), ("S", known.s[row])):
        if phase == "S" and known.unseen_s[row]:
            continue
        for at in arrivals[np.isfinite(arrivals)]:
            if not 0 <= at < len(known.waveforms[row]):
                continue
            near = [p for p in found if p.phase == phase and abs(p.sample - at) <= _NEAR_S * rate]
            best = max(near, key=lambda pick: pick.probability, default=None)
            gathered["arrivals"][phase].append(best.probability if best else 0.0)
            if best:
                gathered["residual_s"][phase].append((best.sample - at) / rate)
                gathered["size"][phase].append(best.probability)
                gathered["width_s"][phase].append(best.width_s)


def _quiet_minutes(known: Labelled, rate: float) -> float:
    return np.maximum(known.quiet - _EDGE_S * rate, 0).sum() / rate / 60
