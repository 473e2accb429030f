"""The traces of one channel as runs of good samples, and runs joined into chains: on one grid, without holes.

Runs are pairs of start (ns since 1970) and values, in order of time; `step_ns` is the time between two samples.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from obspy import Trace

_IN_TURN = 5  # samples at the same extreme value: a clipped record
_USUAL_STEPS = 20  # a record of a smaller range, in median steps, may reach its extremes by chance
_LOOKED_AT, _STEPS, _FEWEST = 200_000, 20_000, 100  # samples from which the median step is taken


class Chain:
    """Pieces of one channel on one grid without holes: first samples and values; some were missing and are filled."""

    def __init__(self, start_ns: int, values: np.ndarray):
        self.start_ns, self.firsts, self.pieces, self.samples = start_ns, [0], [values], len(values)
        self.filled: list[tuple[int, int]] = []
        """First sample, and the one behind the last, of each gap that was filled."""

    def append(self, values: np.ndarray) -> None:
        """Add samples at the end."""
        self.firsts.append(self.samples)
        self.pieces.append(values)
        self.samples += len(values)

    def end_ns(self, step_ns: float) -> int:
        """Return the time of the sample after the last one, ns."""
        return self.start_ns + round(self.samples * step_ns)


def runs_of(traces: Sequence[Trace]) -> list[tuple[int, np.ndarray]]:
    """Return, in order, the start (ns) and values of every run of samples that are not masked, NaN or infinite."""
    runs = []
    for trace in traces:
        data, start_ns = trace.data, trace.stats.starttime.ns
        bad = np.ma.getmaskarray(data) if np.ma.isMaskedArray(data) else None
        values = np.ma.getdata(data)
        if values.dtype.kind == "f":
            unfit = ~np.isfinite(values)
            bad = unfit if bad is None else bad | unfit
        if bad is None or not bad.any():
            runs.append((start_ns, values))
            continue
        edges = np.flatnonzero(np.diff(np.concatenate([[1], bad.astype(np.int8), [1]])))
        for low, high in zip(edges[::2], edges[1::2], strict=True):
            runs.append((start_ns + round(low * 1e9 / trace.stats.sampling_rate), values[low:high]))
    return sorted(runs, key=lambda run: run[0])


def without_overlaps(runs: list[tuple[int, np.ndarray]], step_ns: float) -> list[tuple[int, np.ndarray]]:
    """Return runs that do not overlap; where two of them differ, both are left out."""
    flat: list[tuple[int, np.ndarray]] = []
    end_ns = None
    for start_ns, values in runs:
        inside = 0 if end_ns is None else min(len(values), max(0, round((end_ns - start_ns) / step_ns)))
        if inside:
            first = len(flat)
            while first and flat[first - 1][0] + len(flat[first - 1][1]) * step_ns > start_ns - step_ns:
                first -= 1
            flat[first:] = [
                part for piece in flat[first:] for part in _agreeing(*piece, start_ns, values[:inside], step_ns)
            ]
        if inside < len(values):
            flat.append((start_ns + round(inside * step_ns), values[inside:]))
        end_ns = max(end_ns or 0, start_ns + round(len(values) * step_ns))
    return flat


def _agreeing(start_ns, values, other_ns, other, step_ns) -> list[tuple[int, np.ndarray]]:
    """Return the part or parts of a run outside the stretch in which another run differs from it."""
    at = round((other_ns - start_ns) / step_ns)
    low, high = max(0, at), min(len(values), at + len(other))
    differ = np.flatnonzero(values[low:high] != other[low - at : high - at]) if low < high else []
    if not len(differ):
        return [(start_ns, values)]
    first, behind = low + differ[0], low + differ[-1] + 1
    parts = [(start_ns, values[:first]), (start_ns + round(behind * step_ns), values[behind:])]
    return [part for part in parts if len(part[1])]


def without_held(
    runs: list[tuple[int, np.ndarray]], least: int, step_ns: float
) -> tuple[list[tuple[int, np.ndarray]], int]:
    """Return runs without stretches of `least` or more equal samples, and how many samples such stretches have."""
    held, kept = 0, []
    for start_ns, values in runs:
        # Such a stretch holds two points of a grid half as wide; few records without one have any that agree.
        coarse = values[:: max(1, least // 2)]
        stretches = []
        if (coarse[1:] == coarse[:-1]).any():
            same = (values[1:] == values[:-1]).astype(np.int8)
            edges = np.flatnonzero(np.diff(np.concatenate([[0], same, [0]])))
            stretches = [(a, b + 1) for a, b in zip(edges[::2], edges[1::2], strict=True) if b + 1 - a >= least]
        low = 0
        for begins, ends in [*stretches, (len(values), len(values))]:
            if begins > low:
                kept.append((start_ns + round(low * step_ns), values[low:begins]))
            held, low = held + ends - begins, ends
    if 2 * held >= sum(len(values) for _, values in runs):  # flat, or few different values: left as they are
        return runs, 0
    return kept, held


def join(runs: list[tuple[int, np.ndarray]], step_ns: float, longest: int) -> list[Chain]:
    """Join runs across gaps of up to `longest` samples by straight lines."""
    chains: list[Chain] = []
    for start_ns, values in runs:
        if chains:
            chain = chains[-1]
            gap = round((start_ns - chain.start_ns) / step_ns) - chain.samples
            if gap <= longest:
                values = values[max(0, -gap) :]  # one sample at most: a clock between two grids
                if gap > 0:
                    chain.filled.append((chain.samples, chain.samples + gap))
                    chain.append(np.linspace(float(chain.pieces[-1][-1]), float(values[0]), gap + 2)[1:-1])
                if len(values):
                    chain.append(values)
                continue
        chains.append(Chain(start_ns, values))
    return chains


def clipped(values: np.ndarray, low: float, high: float) -> bool:
    """Return whether five consecutive samples are at the largest or the smallest value, beyond the usual steps."""
    beginning = values[:_LOOKED_AT]
    some = beginning[:: max(1, len(beginning) // _STEPS)].astype(np.float64)
    if len(some) < _FEWEST or float(high) - float(low) < _USUAL_STEPS * (np.median(np.abs(np.diff(some))) or 1):
        return False
    for edge in (low, high):
        at = np.flatnonzero(values == edge)
        if (at[_IN_TURN - 1 :] - at[: 1 - _IN_TURN] == _IN_TURN - 1).any():
            return True
    return False
