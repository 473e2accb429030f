"""The traces of one channel as runs of good samples, and runs as chains: on one grid, without holes.

Runs are pairs of start (ns since 1970) and values, in order of time; `step_ns` is the time between two samples.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from obspy import Trace


class Chain:
    """Pieces of one channel on one grid without holes: `firsts` samples and values; `filled` of them were missing."""

    def __init__(self, start_ns: int, values: np.ndarray):
        self.start_ns, self.firsts, self.pieces, self.samples, self.filled = start_ns, [0], [values], len(values), 0

    def append(self, values: np.ndarray) -> None:
        """Add samples at the end."""
        self.firsts.append(self.samples)
        self.pieces.append(values)
        self.samples += len(values)

    def end_ns(self, step_ns: float) -> int:
        """Return the time behind the last sample, ns."""
        return self.start_ns + round(self.samples * step_ns)


def runs_of(traces: Sequence[Trace]) -> list[tuple[int, np.ndarray]]:
    """Return start (ns) and values of every run of samples that are neither masked nor NaN nor infinite, in order."""
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
    """Return runs that do not overlap; what two of them say differently is left out."""
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
    """Return the part(s) of a run outside what another run says differently."""
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
    """Return runs without stretches of at least so many samples of one value, and how many samples those have."""
    held, kept = 0, []
    for start_ns, values in runs:
        # Such a stretch holds two samples of a grid half as wide; few records without one have any that agree.
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
    if 2 * held >= sum(len(values) for _, values in runs):  # flat, or of few different values: as it stands
        return runs, 0
    return kept, held


def join(runs: list[tuple[int, np.ndarray]], step_ns: float, longest: int) -> list[Chain]:
    """Join runs over gaps of up to `longest` samples by straight lines."""
    chains: list[Chain] = []
    for start_ns, values in runs:
        if chains:
            chain = chains[-1]
            gap = round((start_ns - chain.start_ns) / step_ns) - chain.samples
            if gap <= longest:
                values = values[max(0, -gap) :]  # one sample at most: clocks between two grids
                if gap > 0:
                    chain.append(np.linspace(float(chain.pieces[-1][-1]), float(values[0]), gap + 2)[1:-1])
                    chain.filled += gap
                if len(values):
                    chain.append(values)
                continue
        chains.append(Chain(start_ns, values))
    return chains


def clipped(values: np.ndarray, low: float, high: float) -> bool:
    """Return whether five samples in turn stand at the largest or the smallest value, far from the usual steps."""
    sample = values[: 200_000 : max(1, min(len(values), 200_000) // 20_000)].astype(np.float64)
    if len(sample) < 100 or float(high) - float(low) < 20 * (np.median(np.abs(np.diff(sample))) or 1):
        return False
    for edge in (low, high):
        at = np.flatnonzero(values == edge)
        if len(at) >= 5 and (at[4:] - at[:-4] == 4).any():
            return True
    return False
