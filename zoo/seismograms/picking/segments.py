"""Continuous streams as segments: stretches of one instrument without a gap, from which a model's windows are cut.

The rules; the notes say where one was applied. `zoo.seismograms.picking.instruments` says which instrument is used, and
`zoo.seismograms.picking.components` which of its channels is which component:

| what | treatment |
|---|---|
| a horizontal that is missing or flat | zeros, "not recorded" |
| masked samples, NaN, infinities | a gap |
| one value for 1 s or longer, in a channel of which less than half is like that | a gap (someone has filled it with a constant) |
| pieces of a channel that overlap | joined; a gap from the first to the last sample where they differ |
| a gap, or components that end at different times, up to `max_gap_s` (1 s) | filled: a straight line, at the ends the nearest sample; no pick within it or 0.1 s after it |
| a longer gap in the vertical | no window bridges it: another segment begins after it |
| a longer gap in the instrument, and another one recorded | that one serves (`zoo.seismograms.picking.instruments`) |
| a horizontal that ends or begins within a record of the vertical | another segment begins there, with or without it |
| a triaxial sensor of which not all axes recorded | passed over |
| a horizontal at another rate | kept at its own, and brought to the model's where windows are cut |

Components of one rate lie on the grid of the vertical: horizontals move by up to half a sample. Samples at a model's rate
lie at times that do not depend on where a segment begins (`Segment.first`), so a record gives the same ones wherever it
is cut. Nothing is copied until it is read, piece by piece.
"""  # noqa: E501

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right

from zoo.errors import PassedOver
from zoo.seismograms.picking.chains import Chain, clipped, join, runs_of, without_held, without_overlaps
from zoo.seismograms.picking.components import COMPONENTS
from zoo.seismograms.picking.instruments import SERVES_S, Instrument, instruments, union, without
from zoo.seismograms.picking.segment import MARGIN, Segment, Track

__all__ = ["COMPONENTS", "MAX_GAP_S", "Instrument", "Segment", "instruments", "segments", "station_segments"]

MAX_GAP_S = 1.0
"""Gaps up to this length are filled unless a caller says otherwise: those of telemetry are shorter."""
_HELD_S = 1.0


def station_segments(instrument: Instrument, max_gap_s: float = MAX_GAP_S) -> tuple[list[Segment], list[str]]:
    """Return the segments of a station in order of time, where one instrument fails those of another, and notes."""
    found, notes = segments(instrument, max_gap_s)
    for other in instrument.others:
        bridge = round(1e9 * max_gap_s)
        covered = union(((s.start_ns, s.end_ns) for s in found), bridge)
        recorded = union(((t.stats.starttime.ns, t.stats.endtime.ns) for t in other.parts["Z"]), bridge)
        spans = without(recorded, covered, round(1e9 * SERVES_S))
        if not spans:
            continue
        served, said = segments(other.within(spans), max_gap_s)
        if served:
            hours = sum(s.samples / s.rate_hz for s in served) / 3600
            times = [f"{_text(a)} to {_text(b)}" for a, b in union(((s.start_ns, s.end_ns) for s in served), bridge)]
            more = f" and {len(times) - 3} more" if len(times) > 3 else ""
            notes.append(
                f"{instrument.code}: {other.name} at {other.rate_hz:g} Hz serves where no data precede it in the order "
                f"of choice: {', '.join(times[:3])}{more} ({hours:.3g} h)."
            )
            notes += [f"{instrument.code}: {note}" for note in other.notes] + said
            found += served
    return sorted(found, key=lambda segment: segment.start_ns), notes


def segments(instrument: Instrument, max_gap_s: float = MAX_GAP_S) -> tuple[list[Segment], list[str]]:
    """Return the segments of an instrument in order of time, and notes on gaps, flat channels and clipping."""
    notes: list[str] = []
    chains: dict[str, list[Chain]] = {}
    for component, traces in instrument.parts.items():
        rate_hz = instrument.rates_hz[component]
        step_ns, longest = 1e9 / rate_hz, math.floor(max_gap_s * rate_hz + 1e-6)
        name = f"{instrument.code} {traces[0].stats.channel}"
        chains[component] = []
        runs = without_overlaps(runs_of(traces), step_ns)
        runs, held = without_held(runs, max(3, round(_HELD_S * rate_hz)), step_ns)
        if held:
            notes.append(f"{name}: {held / rate_hz:.3g} s at one value for {_HELD_S:g} s or longer; treated as gaps.")
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
            notes.append(f"{name}: flat for {flat / rate_hz:.3g} s; not used.")
        if cut_off:
            notes.append(f"{name}: clipped in {cut_off} of {len(chains[component])} pieces without a gap.")
        gaps = [behind - first for chain in chains[component] for first, behind in chain.filled]
        if gaps:
            notes.append(
                f"{name}: {sum(gaps)} missing samples ({sum(gaps) / rate_hz:.3g} s) in gaps up to {max_gap_s:g} s "
                "filled by straight lines."
            )
    step_ns = 1e9 / instrument.rate_hz
    gaps = [
        (b.start_ns - a.end_ns(step_ns), a) for a, b in zip(chains.get("Z", []), chains.get("Z", [])[1:], strict=False)
    ]
    if gaps:
        longest_ns, before = max(gaps, key=lambda gap: gap[0])
        notes.append(
            f"{instrument.code}: {len(gaps)} gap{'s' * (len(gaps) > 1)} longer than {max_gap_s:g} s not bridged, "
            f"{sum(gap for gap, _ in gaps) / 1e9:.4g} s in all, the longest of {longest_ns / 1e9:.4g} s from "
            f"{_text(before.end_ns(step_ns))}."
        )
    found: list[Segment] = []
    ends = {c: [chain.end_ns(_step_ns(instrument, c)) for chain in chains[c]] for c in COMPONENTS[1:] if c in chains}
    fills = {component: _fills(instrument, component, of_one) for component, of_one in chains.items()}
    for vertical in chains.get("Z", []):
        near = {}
        for component, their_ends in ends.items():
            low = bisect_right(their_ends, vertical.start_ns)
            high = bisect_left(chains[component], vertical.end_ns(step_ns), key=lambda chain: chain.start_ns)
            near[component] = chains[component][low:high]
        found += _common(instrument, vertical, near, fills, step_ns, math.floor(max_gap_s * instrument.rate_hz + 1e-6))
    if instrument.matrix is not None and instrument.matrix[0, 1]:  # the vertical is a sum of three axes
        whole = [segment for segment in found if len(segment.tracks) == len(COMPONENTS)]
        seconds = (
            sum(segment.samples for segment in found if len(segment.tracks) < len(COMPONENTS)) / instrument.rate_hz
        )
        if seconds:
            what = f"{seconds:.4g} s passed over in which not all three axes recorded."
            notes.append(PassedOver(what).about(instrument.code))
        found = whole
    return found, notes


def _common(
    instrument: Instrument,
    vertical: Chain,
    others: dict[str, list[Chain]],
    fills: dict[str, list[tuple[int, int]]],
    step_ns: float,
    longest: int,
) -> list[Segment]:
    """Return the segments of one chain of the vertical, which is cut where a horizontal begins or ends."""
    spans: dict[str, list[tuple[int, int, Chain]]] = {"Z": [(0, vertical.samples, vertical)]}
    for component, chains in others.items():
        times = _step_ns(instrument, component) / step_ns
        lows = [round((chain.start_ns - vertical.start_ns) / step_ns) for chain in chains]
        ends = [low + round(chain.samples * times) for low, chain in zip(lows, chains, strict=True)]
        inside = [span for span in zip(lows, ends, chains, strict=True) if span[0] < vertical.samples and span[1] > 0]
        if inside:
            spans[component] = inside
    cuts = [0]
    for cut in sorted({edge for c in spans if c != "Z" for low, high, _ in spans[c] for edge in (low, high)}):
        if cut - cuts[-1] > longest and vertical.samples - cut > longest:
            cuts.append(cut)
    cuts.append(vertical.samples)
    made = []
    for low, high in zip(cuts, cuts[1:], strict=False):
        start_ns = vertical.start_ns + round(low * step_ns)
        end_ns = start_ns + round((high - low) * step_ns)
        tracks, filled = {}, {}
        for component in (c for c in COMPONENTS if c in spans):
            # Of the chains that begin early enough the last one ends latest.
            number = bisect_right(spans[component], low + longest, key=lambda span: span[0]) - 1
            if number < 0 or spans[component][number][1] < high - longest:
                continue
            begins, _, chain = spans[component][number]
            tracks[component] = _track(instrument, component, chain, begins - low, high - low, start_ns)
            gaps = fills[component]
            filled[component] = gaps[max(0, bisect_left(gaps, (start_ns, 0)) - 1) : bisect_left(gaps, (end_ns, 0))]
        made.append(Segment(instrument, start_ns, high - low, tracks, filled))
    return made


def _fills(instrument: Instrument, component: str, chains: list[Chain]) -> list[tuple[int, int]]:
    """Return begin and end (ns) of the gaps that were filled in chains of a component."""
    step_ns = _step_ns(instrument, component)
    return [
        (chain.start_ns + round(first * step_ns), chain.start_ns + round(behind * step_ns))
        for chain in chains
        for first, behind in chain.filled
    ]


def _track(instrument: Instrument, component: str, chain: Chain, shift: int, samples: int, start_ns: int) -> Track:
    """Return what a chain holds of a segment that begins at `start_ns`, `shift` samples of the vertical before it."""
    rate_hz, channel = instrument.rates_hz[component], instrument.channels[component]
    if rate_hz == instrument.rate_hz:
        low, high = -shift, samples - shift
    else:
        low = math.floor((start_ns - chain.start_ns) * rate_hz / 1e9) - MARGIN
        high = low + math.ceil(samples * rate_hz / instrument.rate_hz) + 2 * MARGIN
        shift = 0
    first = max(0, bisect_right(chain.firsts, low) - 1)
    last = max(first + 1, bisect_left(chain.firsts, high))
    firsts = [at + shift for at in chain.firsts[first:last]]
    begins_ns = start_ns if rate_hz == instrument.rate_hz else chain.start_ns
    track = Track(channel, rate_hz, begins_ns, firsts, chain.pieces[first:last])
    track.find_mean(low + shift, high + shift)
    return track


def _step_ns(instrument: Instrument, component: str) -> float:
    return 1e9 / instrument.rates_hz[component]


def _text(time_ns: int) -> str:
    from obspy import UTCDateTime

    return UTCDateTime(ns=time_ns).strftime("%Y-%m-%dT%H:%M:%S")
