"""Continuous streams as segments: stretches of one instrument without a gap, from which a model's windows are cut.

The rules; the notes say where one was applied:

| what | treatment |
|---|---|
| several instruments at a station | one is used: most components, then a seismometer before an accelerometer (codes of the form ?N?), then the highest sampling rate, the longest record, the first location code |
| no N and no E, but 1 and 2 (or 2 and 3 beside 1 as the vertical) | taken for them, unrotated |
| no vertical | the station is skipped |
| a horizontal that is missing or flat | zeros, "not recorded" |
| masked samples, NaN, infinities | a gap |
| one value for 1 s or longer, in a channel of which less than half is like that | a gap (someone has filled it with a constant) |
| pieces of a channel that overlap | joined; a gap from the first to the last sample where they differ |
| a gap, or components that end at different times, up to `max_gap_s` | filled: a straight line, at the ends the nearest sample |
| a longer gap in the vertical | no window bridges it: another segment begins after it |
| a horizontal that ends or begins within a record of the vertical | another segment begins there, with or without it |

Components of a segment lie on the grid of its vertical: horizontals move by up to half a sample. Nothing is copied until
it is read, piece by piece.
"""  # noqa: E501

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from zoo.seismograms.picking.chains import Chain, clipped, join, runs_of, without_held, without_overlaps
from zoo.seismograms.signals import polyphase_filter, resample

if TYPE_CHECKING:
    from obspy import Stream, Trace

COMPONENTS = "ZNE"
MAX_GAP_S = 0.2
"""Gaps up to this length are filled unless a caller says otherwise."""
_HELD_S = 1.0
_VERTICALS_FIRST = ({"Z": "Z", "N": "N", "E": "E"}, {"Z": "Z", "N": "1", "E": "2"}, {"Z": "1", "N": "2", "E": "3"})
_RATE_TOLERANCE = 1e-4  # relative to the nominal rate: clocks drift


class Instrument(NamedTuple):
    """An instrument of a station, with its traces by component (Z, N, E)."""

    network: str
    station: str
    location: str
    band: str
    """The channel codes without their last letter."""
    rate_hz: float
    parts: dict[str, list[Trace]]

    @property
    def code(self) -> str:
        """Network and station, joined by a point."""
        return f"{self.network}.{self.station}"


@dataclass(eq=False)
class Segment:
    """A stretch of one instrument's record without a gap."""

    instrument: Instrument
    start_ns: int
    """Time of the first sample, in ns since 1970."""
    samples: int
    channels: dict[str, str]
    """Channel code of each component that was recorded."""
    parts: dict[str, tuple[list[int], list[np.ndarray]]]
    """By component: first samples, and values, of the pieces, in order, without holes."""
    means: dict[str, float] = field(init=False)

    def __post_init__(self) -> None:
        """Find the offsets, which are removed before anything becomes float32."""
        self.means = {}
        for component, (firsts, pieces) in self.parts.items():
            total = count = 0.0
            for first, values in zip(firsts, pieces, strict=True):
                inside = values[max(0, -first) : max(0, self.samples - first)]
                total, count = total + float(inside.sum(dtype=np.float64)), count + len(inside)
            self.means[component] = total / count

    @property
    def rate_hz(self) -> float:
        """The nominal sampling rate: the header's, or the whole number within 0.01 % of it."""
        rate = self.instrument.rate_hz
        whole = round(rate)
        return float(whole) if whole and abs(rate / whole - 1) < _RATE_TOLERANCE else rate

    def length(self, to_hz: float) -> int:
        """Return how many samples at the rate `to_hz` lie within the segment."""
        up, down, _ = polyphase_filter(self.rate_hz, to_hz)
        return (self.samples - 1) * up // down + 1

    def true_rate_hz(self, to_hz: float) -> float:
        """Return the true rate (Hz) of samples resampled to `to_hz`, by the clock of the header."""
        return to_hz * self.instrument.rate_hz / self.rate_hz

    def time(self, sample: float, to_hz: float) -> Any:
        """Return the `UTCDateTime` of a sample at the rate `to_hz`."""
        from obspy import UTCDateTime

        return UTCDateTime(ns=self.start_ns + round(1e9 * float(sample) / self.true_rate_hz(to_hz)))

    def read(self, first: int, count: int) -> np.ndarray:
        """Return (count, 3) float32 from sample `first` on, without offsets; beyond the ends, the nearest sample."""
        out = np.zeros((count, len(COMPONENTS)), np.float32)
        low, high = max(0, first), min(self.samples, first + count)
        for column, component in enumerate(COMPONENTS):
            if component not in self.parts:
                continue
            firsts, pieces = self.parts[component]
            begin, end = max(low, firsts[0]), min(high, firsts[-1] + len(pieces[-1]))
            if begin >= end:  # beyond an end
                edge = pieces[0][0] if low < firsts[0] else pieces[-1][-1]
                out[:, column] = edge - self.means[component]
                continue
            for number in range(bisect_right(firsts, begin) - 1, len(firsts)):
                at, values = firsts[number], pieces[number]
                if at >= end:
                    break
                a, b = max(at, begin), min(at + len(values), end)
                out[a - first : b - first, column] = values[a - at : b - at] - self.means[component]
            out[: begin - first, column] = out[begin - first, column]
            out[end - first :, column] = out[end - first - 1, column]
        return out

    def resampled(self, first: int, count: int, to_hz: float) -> np.ndarray:
        """Return (count, 3) float32 at another rate.

        Sample k lies k / to_hz after the first of the segment, whatever piece it is read in.
        """
        up, down, taps = polyphase_filter(self.rate_hz, to_hz)
        if up == down:
            return self.read(first, count)
        more = first % up  # so that the piece begins on a sample of the input
        begin, wanted = (first - more) * down // up, count + more
        margin = len(taps) // 2 // up + 2
        piece = self.read(begin - margin, -(-wanted * down // up) + 2 * margin)
        return resample(piece[np.newaxis], self.rate_hz, to_hz, starts=np.array([margin]), samples=wanted)[0, more:]


def instruments(stream: Stream) -> tuple[list[Instrument], list[str]]:
    """Return the instrument to use at each station of a stream, in order of the codes, and notes."""
    found: dict[tuple[str, str], dict[tuple, dict[str, list[Trace]]]] = {}
    notes = []
    for trace in stream:
        stats = trace.stats
        if not stats.npts or trace.data.dtype.kind not in "iuf" or not stats.channel:
            notes.append(f"{trace.id}: no samples, no numbers or no channel code; skipped.")
            continue
        kind = (stats.location, stats.channel[:-1], stats.sampling_rate)
        by_kind = found.setdefault((stats.network, stats.station), {})
        by_kind.setdefault(kind, {}).setdefault(stats.channel[-1], []).append(trace)
    chosen = []
    for (network, station), by_kind in sorted(found.items()):
        ranked = []
        for (location, band, rate_hz), by_letter in by_kind.items():
            for letters in _VERTICALS_FIRST:
                if letters["Z"] in by_letter:
                    break
            else:
                continue
            if letters["N"] not in by_letter and letters["E"] not in by_letter and letters["Z"] == "Z":
                letters = _VERTICALS_FIRST[1]
            parts = {c: by_letter[letter] for c, letter in letters.items() if letter in by_letter}
            length = sum(trace.stats.npts for trace in parts["Z"]) / rate_hz
            rank = (-len(parts), band[1:] == "N", -rate_hz, -length, location, band)
            ranked.append((rank, Instrument(network, station, location, band, rate_hz, parts)))
        code = f"{network}.{station}"
        if not ranked:
            codes = sorted({band + letter for (_, band, _), letters in by_kind.items() for letter in letters})
            notes.append(f"{code}: no vertical component among {', '.join(codes)}; skipped.")
            continue
        ranked.sort(key=lambda item: item[0])
        best = ranked[0][1]
        if len(by_kind) > 1:
            best_kind = best.location, best.band, best.rate_hz
            others = [f"{kind[0]}.{kind[1]}? at {kind[2]:g} Hz" for kind in by_kind if kind != best_kind]
            used = f"{best.location}.{best.band}? at {best.rate_hz:g} Hz"
            notes.append(f"{code}: {used} is used, not {', '.join(others)}.")
        letters = "".join(sorted(traces[0].stats.channel[-1] for traces in best.parts.values()))
        if set(letters) & set("123"):
            notes.append(f"{code}: components {letters} are taken for Z, N, E as they are, unrotated.")
        elif missing := [c for c in COMPONENTS if c not in best.parts]:
            notes.append(f"{code}: no component {' and '.join(missing)}; filled with zeros.")
        chosen.append(best)
    return chosen, notes


def segments(instrument: Instrument, max_gap_s: float = MAX_GAP_S) -> tuple[list[Segment], list[str]]:
    """Return the segments of an instrument in order of time, and notes on gaps, flat channels and clipping."""
    step_ns = 1e9 / instrument.rate_hz
    longest = math.floor(max_gap_s * instrument.rate_hz + 1e-6)
    notes: list[str] = []
    chains: dict[str, list[Chain]] = {}
    for component, traces in instrument.parts.items():
        name = f"{instrument.code} {traces[0].stats.channel}"
        chains[component] = []
        runs = without_overlaps(runs_of(traces), step_ns)
        runs, held = without_held(runs, max(3, round(_HELD_S * instrument.rate_hz)), step_ns)
        if held:
            seconds = held / instrument.rate_hz
            notes.append(f"{name}: {seconds:.3g} s at one value for {_HELD_S:g} s or longer; treated as gaps.")
        flat = cut_off = 0
        for chain in join(runs, step_ns, longest):
            low = min(values.min() for values in chain.pieces)
            high = max(values.max() for values in chain.pieces)
            if low == high:
                flat += chain.samples
                continue
            cut_off += any(clipped(values, low, high) for values in chain.pieces)
            chains[component].append(chain)
        if flat:
            notes.append(f"{name}: flat for {flat / instrument.rate_hz:.3g} s; not used.")
        if cut_off:
            notes.append(f"{name}: clipped in {cut_off} of {len(chains[component])} pieces without a gap.")
        filled = sum(chain.filled for chain in chains[component])
        if filled:
            notes.append(f"{name}: {filled} missing samples in gaps up to {max_gap_s:g} s filled by straight lines.")
    found = []
    gaps = [(b.start_ns - a.end_ns(step_ns), a) for a, b in zip(chains["Z"], chains["Z"][1:], strict=False)]
    if gaps:
        longest_ns, before = max(gaps, key=lambda gap: gap[0])
        notes.append(
            f"{instrument.code}: {len(gaps)} gap{'s' * (len(gaps) > 1)} longer than {max_gap_s:g} s not bridged, the "
            f"longest of {longest_ns / 1e9:.4g} s from {_text(before.end_ns(step_ns))}."
        )
    for vertical in chains["Z"]:
        found += _common(instrument, vertical, {c: chains.get(c, []) for c in COMPONENTS[1:]}, step_ns, longest)
    return found, notes


def _common(
    instrument: Instrument, vertical: Chain, others: dict[str, list[Chain]], step_ns: float, longest: int
) -> list[Segment]:
    """Return the segments of one chain of the vertical, which is cut where a horizontal begins or ends."""
    spans = []
    for component, chains in others.items():
        for chain in chains:
            low = round((chain.start_ns - vertical.start_ns) / step_ns)
            if low < vertical.samples and low + chain.samples > 0:
                spans.append((component, chain, low, low + chain.samples))
    cuts = [0]
    for cut in sorted({edge for _, _, low, high in spans for edge in (low, high)}):
        if cut - cuts[-1] > longest and vertical.samples - cut > longest:
            cuts.append(cut)
    cuts.append(vertical.samples)
    made = []
    for low, high in zip(cuts, cuts[1:], strict=False):
        present = {"Z": (vertical, 0)}
        for component, chain, begins, ends in spans:
            if begins <= low + longest and ends >= high - longest:
                present[component] = (chain, begins)
        parts, channels = {}, {}
        for component, (chain, begins) in present.items():
            parts[component] = [first + begins - low for first in chain.firsts], chain.pieces
            channels[component] = instrument.parts[component][0].stats.channel
        start_ns = vertical.start_ns + round(low * step_ns)
        made.append(Segment(instrument, start_ns, high - low, channels, parts))
    return made


def _text(time_ns: int) -> str:
    from obspy import UTCDateTime

    return UTCDateTime(ns=time_ns).strftime("%Y-%m-%dT%H:%M:%S")
