"""Records with picks as a picker learns from them: where arrivals lie, where it is quiet, and where nobody knows.

Picks of an analyst or of a simulation are certain. Those of another picker come with a probability (column
`trace_picks`): likely ones are labels, the others are neither an arrival nor quiet, and are left out of the loss. So is
the time in which an S must lie that nobody picked.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np

from zoo.seismograms.picking.picks import CLEAR_S_DB
from zoo.training.recipe import Records

FEATURES = (
    "waveform",
    "trace_p_arrival_sample",
    "trace_s_arrival_sample",
    "trace_p2_arrival_sample",
    "trace_s2_arrival_sample",
    "trace_s_snr_db",
    "trace_origin_sample",
    "trace_quiet_until_sample",
    "trace_picks",
)
"""Columns that are read where a dataset has them."""
LIKELY = {"P": 0.5, "S": 0.4}
"""Probability from which a pick of another picker is a label."""
_UNSURE_S = 1.0  # around an unlikely pick: left out of the loss
_UNSEEN_S = (-0.5, 1.0)  # around an S that nobody can see
_S_FACTOR = (1.55, 2.05)
"""S arrives within these multiples of the travel time of P (vp/vs of the crust, and of S after conversion)."""
_SOON_S = 40.0  # S lies within this time behind P, where the origin time is not known
_BEFORE_P_S = 1.0  # analysts differ by less


@dataclass
class Labelled:
    """n records and what is known of them; lists because records may differ in length.

    Attributes:
        waveforms: (time, 3) float32 each, Z, N, E; in memory, or read from disk one by one.
        length: (n,) samples of each.
        p, s: (n, picks) samples, NaN beyond the last.
        unknown: (n, spans, 2) first and last sample of what is left out of the loss, NaN beyond the last span.
        unseen_s: (n,) whether S drowns in the noise of its own record.
        quiet: (n,) sample up to which a record is noise; 0: none of it is.
    """

    waveforms: Sequence[np.ndarray]
    length: np.ndarray
    p: np.ndarray
    s: np.ndarray
    unknown: np.ndarray
    unseen_s: np.ndarray
    quiet: np.ndarray

    def __len__(self) -> int:
        return len(self.waveforms)


def labelled(records: Records, sampling_rate_hz: float) -> Labelled:
    """Return records with what is known of them.

    Args:
        records: `waveform` (n, time, 3) and the columns of `FEATURES` that the dataset has.
        sampling_rate_hz: their sampling rate.
    """
    waveforms = records["waveform"]
    rate, length = sampling_rate_hz, records["waveform"].shape[1]
    p, s = (_arrivals(records, phase) for phase in "ps")
    unseen = np.asarray(records.get("trace_s_snr_db", np.full(len(p), np.inf))) < CLEAR_S_DB
    first = np.fmin.reduce(p, axis=1)
    quiet = np.where(np.isfinite(first), first - _BEFORE_P_S * rate, length)
    unknown = np.full((len(p), 0, 2), np.nan)
    if "trace_picks" in records:
        parsed = [read_picks(text) for text in np.asarray(records["trace_picks"]).astype(str)]
        p, s = (_padded([_likely(picks, phase) for picks in parsed]) for phase in "PS")
        origin = np.asarray(records.get("trace_origin_sample", np.full(len(p), np.nan)), np.float64)
        unknown = _padded([_unknown(picks, at, rate) for picks, at in zip(parsed, origin, strict=True)], 2)
        until = np.asarray(records["trace_quiet_until_sample"], np.float64)
        quiet = np.where(np.isfinite(until), until, length)
    return Labelled(waveforms, np.full(len(p), length), p, s, unknown, unseen, np.maximum(quiet, 0).astype(np.int64))


def joined(parts: list[Labelled]) -> Labelled:
    """Return several sets of records as one."""
    columns = {}
    for name, rest in (("p", ()), ("s", ()), ("unknown", (2,))):
        widest = max(getattr(part, name).shape[1] for part in parts)
        made = [np.full((len(part), widest, *rest), np.nan) for part in parts]
        for array, part in zip(made, parts, strict=True):
            array[:, : getattr(part, name).shape[1]] = getattr(part, name)
        columns[name] = np.concatenate(made)
    return Labelled(
        Joined([part.waveforms for part in parts]),
        np.concatenate([part.length for part in parts]),
        **columns,
        unseen_s=np.concatenate([part.unseen_s for part in parts]),
        quiet=np.concatenate([part.quiet for part in parts]),
    )


class Joined(Sequence):
    """Several sequences as one; nothing of them is read before it is asked for."""

    def __init__(self, parts: Sequence[Sequence]):
        self._parts = list(parts)
        self._ends = list(accumulate(len(part) for part in self._parts))

    def __len__(self) -> int:
        return self._ends[-1]

    def __getitem__(self, number: int) -> np.ndarray:
        part = bisect_right(self._ends, number)
        return self._parts[part][number - self._ends[part] + len(self._parts[part])]


def read_picks(text: str) -> list[tuple[str, float, float]]:
    """Return the picks in a text of the column `trace_picks`.

    >>> read_picks("P 5012.00 0.830, S 5530.00 0.412")
    [('P', 5012.0, 0.83), ('S', 5530.0, 0.412)]
    """
    return [(phase, float(sample), float(p)) for phase, sample, p in (part.split() for part in text.split(",") if part)]


def write_picks(picks: list[tuple[str, float, float]]) -> str:
    """Return picks (phase, sample, probability) as a text of the column `trace_picks`."""
    return ", ".join(f"{phase} {sample:.2f} {probability:.3f}" for phase, sample, probability in picks)


def _likely(picks: list[tuple[str, float, float]], phase: str) -> list[float]:
    return [sample for name, sample, probability in picks if name == phase and probability >= LIKELY[phase]]


def _unknown(picks: list[tuple[str, float, float]], origin: float, rate: float) -> list[tuple[float, float]]:
    """Return the spans about which the picks of one record say nothing."""
    around = _UNSURE_S * rate
    spans = [(at - around, at + around) for phase, at, probability in picks if probability < LIKELY[phase]]
    s = _likely(picks, "S")
    for p in _likely(picks, "P"):
        if np.isfinite(origin) and p > origin:
            low, high = (origin + factor * (p - origin) for factor in _S_FACTOR)
        else:
            low, high = p + around, p + _SOON_S * rate
        if not any(p < at <= max(high, p + around) for at in s):
            spans.append((low, high))
    return spans


def _padded(rows: list[list], width: int = 1) -> np.ndarray:
    """Return lists of unequal lengths as (n, longest) or (n, longest, width), NaN beyond the last."""
    longest = max((len(row) for row in rows), default=0)
    made = np.full((len(rows), longest, width), np.nan)
    for number, row in enumerate(rows):
        if row:
            made[number, : len(row)] = np.reshape(row, (len(row), width))
    return made if width > 1 else made[..., 0]


def _arrivals(records: Records, phase: str) -> np.ndarray:
    """Return the samples (n, 2) of a phase, float64: first and second event, NaN where there is none."""
    names = f"trace_{phase}_arrival_sample", f"trace_{phase}2_arrival_sample"
    none = np.full(len(records["waveform"]), np.nan)
    return np.stack([np.asarray(records.get(name, none), np.float64) for name in names], axis=1)


def unseen_span(s_sample: float, sampling_rate_hz: float) -> tuple[float, float]:
    """Return the span around an S that nobody can see."""
    return s_sample + _UNSEEN_S[0] * sampling_rate_hz, s_sample + _UNSEEN_S[1] * sampling_rate_hz
