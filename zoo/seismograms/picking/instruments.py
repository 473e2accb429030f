"""Which instrument of a station is used, and which of its traces: asked whether it can be, before it is chosen.

| what | treatment |
|---|---|
| no true vertical (`zoo.seismograms.picking.components`), no samples, no numbers | left out |
| a rate below 5 Hz, or below five times the model's high-pass | left out: it holds no local event |
| several instruments | the first is used: one that covers at least half as much time as the best, at 20 Hz or more, with most components, a seismometer before an accelerometer (codes of the form ?N?), with the highest sampling rate, the longest record, the first location code |
| the others | serve where those before them have no data for half a minute or longer |
| horizontals at another rate than the vertical of their band | used, resampled |
"""  # noqa: E501

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from zoo.errors import PassedOver
from zoo.seismograms.picking.components import COMPONENTS, is_accelerometer, matrix_of, parse, roles

if TYPE_CHECKING:
    from obspy import Stream, Trace

LEAST_RATE_HZ = 5.0
"""The least rate at which a picker with a high-pass of 1 Hz is asked."""
_SLOW_HZ = 20.0
_RATE_TOLERANCE = 1e-4  # relative to the nominal rate: clocks drift
SERVES_S = 30.0
"""A second sensor serves for a stretch of at least this length."""


def nominal(rate_hz: float) -> float:
    """Return the whole number within 0.01 % of a rate, or the rate."""
    whole = round(rate_hz)
    return float(whole) if whole and abs(rate_hz / whole - 1) < _RATE_TOLERANCE else float(rate_hz)


@dataclass(eq=False)
class Instrument:
    """An instrument of a station, with its traces by component (Z, N, E)."""

    network: str
    station: str
    location: str
    band: str
    """The channel codes without their last letter (of KiK-net, the number of the sensor)."""
    rate_hz: float
    """That of the vertical, by its header."""
    parts: dict[str, list[Trace]]
    rates_hz: dict[str, float]
    """By component; of traces that differ by less than half a sample at their ends, the commonest."""
    matrix: np.ndarray | None = None
    """(3, 3) that makes Z, N, E of the components; None if they stay as they are."""
    notes: list[str] = field(default_factory=list)
    """What a user should know of the choice."""
    others: list[Instrument] = field(default_factory=list)
    """Those that serve where this one has no data, best first."""

    @property
    def code(self) -> str:
        """Network and station, joined by a point."""
        return f"{self.network}.{self.station}"

    @property
    def name(self) -> str:
        """Location and band, like `00.HH?`."""
        return f"{self.location}.{self.band}?" if not self.band.isdigit() else f"{self.location}.??{self.band}"

    @property
    def accelerometer(self) -> bool:
        """Whether its codes say that it records acceleration."""
        return is_accelerometer(self.band, self.channels["Z"])

    @property
    def channels(self) -> dict[str, str]:
        """The channel code of each component."""
        return {component: traces[0].stats.channel for component, traces in self.parts.items()}

    def within(self, spans: Sequence[tuple[int, int]]) -> Instrument:
        """Return the instrument with what it recorded within spans of time (ns), without copies."""
        from obspy import UTCDateTime

        parts: dict[str, list[Trace]] = {}
        for component, traces in self.parts.items():
            for trace in traces:
                low, high = trace.stats.starttime.ns, trace.stats.endtime.ns
                for begin, end in spans:
                    if begin < high and end > low:
                        piece = trace.slice(UTCDateTime(ns=max(begin, low)), UTCDateTime(ns=min(end, high)))
                        if piece.stats.npts:
                            parts.setdefault(component, []).append(piece)
        return replace(self, parts=parts, others=[])


def instruments(
    stream: Iterable[Trace] | Stream,
    components: Mapping[str, str] | None = None,
    least_rate_hz: float = LEAST_RATE_HZ,
) -> tuple[list[Instrument], list[str]]:
    """Return the instrument to use at each station of a stream, in order of the codes, and notes.

    Args:
        stream: traces of any stations.
        components: what a user says of channels, as from `components_of`.
        least_rate_hz: slower channels are left out.
    """
    stations: dict[tuple[str, str], list[Trace]] = {}
    for trace in stream:
        stations.setdefault((trace.stats.network, trace.stats.station), []).append(trace)
    chosen, notes = [], []
    for codes, traces in sorted(stations.items()):
        try:
            best, said = _of_station(codes, traces, components or {}, least_rate_hz)
        except Exception as error:  # one odd station never ends a run
            best, said = None, [PassedOver(f"{type(error).__name__}: {error}; skipped.")]
        code = ".".join(codes)
        notes += [note.about(code) if isinstance(note, PassedOver) else f"{code}: {note}" for note in said]
        if best:
            chosen.append(best)
    return chosen, notes


def _of_station(
    codes: tuple[str, str], traces: Sequence[Trace], components: Mapping[str, str], least_rate_hz: float
) -> tuple[Instrument | None, list[str]]:
    """Return the instrument to use at a station, and notes."""
    notes: list[str] = []
    unfit: dict[str, set[str]] = {}
    slow: dict[str, float] = {}
    by_band: dict[tuple[str, str], dict[str, list[Trace]]] = {}
    for trace in traces:
        stats, known = trace.stats, parse(trace.stats.channel, components)
        rate_hz = stats.sampling_rate
        if not stats.npts or trace.data.dtype.kind not in "iuf" or not 0 < rate_hz < np.inf:
            unfit.setdefault("no samples, or no numbers", set()).add(stats.channel)
        elif known is None:
            why = "no seismometer" if stats.channel.strip() else "no channel code"
            unfit.setdefault(why, set()).add(stats.channel)
        elif rate_hz < least_rate_hz:
            slow[f"{stats.location}.{stats.channel}"] = rate_hz
        else:
            by_band.setdefault((stats.location, known[0]), {}).setdefault(known[1], []).append(trace)
    for why, channels in unfit.items():
        if any(channels):
            notes.append(f"{', '.join(sorted(channels))} left out: {why}.")
        else:
            notes.append(PassedOver(f"{why}; skipped (components =Z says that it is the vertical)."))
    if slow:
        names = ", ".join(f"{name} at {rate:g} Hz" for name, rate in sorted(slow.items()))
        why = f"cannot hold a local event ({least_rate_hz:g} Hz or more needed); passed over."
        notes.append(PassedOver(f"{names} {why}"))
    found = []
    for (location, band), by_letter in by_band.items():
        known = roles(set(by_letter), band)
        if known is None:
            continue
        by_role = {component: _by_rate(by_letter[letter]) for component, letter in known.letters.items()}
        for rate_hz, verticals in by_role["Z"].items():
            parts, rates_hz = {"Z": verticals}, {"Z": rate_hz}
            own = [known.note] if known.note else []
            for component in "NE":
                if component in by_role:
                    rates = by_role[component]
                    best = max(rates, key=lambda rate: (rate == rate_hz, _seconds(rates[rate])))  # noqa: B023
                    parts[component], rates_hz[component] = rates[best], best
            matrix = matrix_of(known.turn, parts)
            if known.turn == "radial" and matrix is not None:
                own = ["components R and T are rotated to N and E by the back-azimuth of their headers."]
            apart = [c for c, rate in rates_hz.items() if nominal(rate) != nominal(rate_hz)]
            if apart:
                names = " and ".join(f"{parts[c][0].stats.channel} at {rates_hz[c]:g} Hz" for c in apart)
                own.append(f"{names} joined to {verticals[0].stats.channel} at {rate_hz:g} Hz, resampled.")
            found.append(Instrument(*codes, location, band, rate_hz, parts, rates_hz, matrix, own))
    if not found:
        if by_band:
            names = sorted(
                {trace.stats.channel for letters in by_band.values() for ts in letters.values() for trace in ts}
            )
            why = f"no vertical component among {', '.join(names)}; skipped (components CODE=Z says which it is)."
            notes.append(PassedOver(why))
        return None, notes
    ranked = _ranked(found)
    best = ranked[0]
    best.others = ranked[1:]
    if best.others:
        names = list(dict.fromkeys(f"{i.name} at {i.rate_hz:g} Hz" for i in best.others))
        notes.append(f"{best.name} at {best.rate_hz:g} Hz is used, not {', '.join(names)}.")
    notes += best.notes
    missing = [component for component in COMPONENTS if component not in best.parts]
    if missing:
        notes.append(f"no component {' and '.join(missing)}; filled with zeros.")
    return best, notes


def _ranked(found: Sequence[Instrument]) -> list[Instrument]:
    """Return instruments in the order in which they are used."""
    seconds = [_seconds(instrument.parts["Z"]) for instrument in found]
    most = max(seconds)

    def rank(number: int) -> tuple:
        instrument = found[number]
        return (
            2 * seconds[number] < most,
            instrument.rate_hz < _SLOW_HZ * (1 - _RATE_TOLERANCE),
            -len(instrument.parts),
            instrument.accelerometer,
            -nominal(instrument.rate_hz),
            -seconds[number],
            instrument.location,
            instrument.band,
        )

    return [found[number] for number in sorted(range(len(found)), key=rank)]


def _by_rate(traces: Sequence[Trace]) -> dict[float, list[Trace]]:
    """Return traces by the rate of their header; those that end within half a sample at a commoner rate are with it."""
    samples: dict[float, int] = {}
    for trace in traces:
        rate = trace.stats.sampling_rate
        samples[rate] = samples.get(rate, 0) + trace.stats.npts
    common = sorted(samples, key=lambda rate: -samples[rate])
    found: dict[float, list[Trace]] = {}
    for trace in traces:
        rate, npts = trace.stats.sampling_rate, trace.stats.npts
        found.setdefault(next(other for other in common if npts * abs(rate / other - 1) < 0.5), []).append(trace)
    return found


def _seconds(traces: Sequence[Trace]) -> float:
    """Return for how long there is a sample in one of the traces, s."""
    spans = [(trace.stats.starttime.ns, trace.stats.endtime.ns) for trace in traces]
    return sum(end - begin for begin, end in union(spans)) / 1e9


def union(spans: Iterable[tuple[int, int]], bridge: int = 0) -> list[tuple[int, int]]:
    """Return spans that do not overlap, in order; those with up to `bridge` between them are one.

    >>> union([(5, 7), (0, 3), (2, 4)]), union([(0, 3), (5, 7)], bridge=2)
    ([(0, 4), (5, 7)], [(0, 7)])
    """
    joined: list[tuple[int, int]] = []
    for begin, end in sorted(spans):
        if joined and begin <= joined[-1][1] + bridge:
            joined[-1] = joined[-1][0], max(joined[-1][1], end)
        else:
            joined.append((begin, end))
    return joined


def without(spans: Iterable[tuple[int, int]], taken: Iterable[tuple[int, int]], least: int) -> list[tuple[int, int]]:
    """Return the parts of spans that lie outside others and are at least so long, in order.

    >>> without([(0, 100)], [(10, 20), (25, 60)], least=10)
    [(0, 10), (60, 100)]
    """
    taken = union(taken)
    left, number = [], 0
    for begin, end in union(spans):
        while number and taken[number - 1][1] > begin:
            number -= 1
        while number < len(taken) and taken[number][0] < end:
            low, high = taken[number]
            if low - begin >= least:
                left.append((begin, low))
            begin = max(begin, high)
            number += 1
        if end - begin >= least:
            left.append((begin, end))
    return left
