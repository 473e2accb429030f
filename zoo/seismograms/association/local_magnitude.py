"""Local magnitudes (Richter): amplitudes on horizontals as a Wood-Anderson seismograph would have written them.

The response of the instrument (StationXML) is taken off and that of a Wood-Anderson seismograph put on (0.8 s, damping
0.7, gain 2080: Uhrhammer & Collins 1990), from `ml_low_hz` on. The amplitude is the largest excursion from zero between
P and some time after S, the logarithms of the two horizontals averaged; stations with a pick of the event count. With
the attenuation of Hutton & Boore (1987) and this gain, it is the formula that IASPEI recommends.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.signal import detrend

from zoo.progress import track
from zoo.seismograms.association.locate import Located
from zoo.seismograms.association.magnitude import (
    Magnitudes,
    StationMagnitudes,
    attenuation,
    combined,
    distances_km,
    none_of,
)
from zoo.seismograms.association.settings import MAGNITUDE
from zoo.seismograms.association.waveforms import Waveforms
from zoo.seismograms.picking.instruments import instruments
from zoo.settings import defaults, read

if TYPE_CHECKING:
    from obspy import Inventory, Stream, Trace

_NOISE_S, _GUARD_S = 10.0, 1.0  # the noise ends a second before P
_MARGIN_S = 5.0  # on both sides, where the taper and the filters settle
_LEAST_AFTER_S = 2.0  # of S, that must be free of other events
_HIGHEST = 0.8  # share of Nyquist, above which amplitudes fall off
_SAME = 4  # successive samples at the extreme value: a clipped record
_MM = 1e3
_POLES = -5.49779 + 5.60886j  # of 0.8 s and damping 0.7, rad/s, and its conjugate


def local_magnitudes(
    located: Located, waveforms: Waveforms, inventory: Inventory, settings: Mapping[str, Any] | None = None
) -> Magnitudes:
    """Measure local magnitudes.

    Args:
        located: the events.
        waveforms: of their stations.
        inventory: with the responses.
        settings: those of `zoo.seismograms.association.settings.MAGNITUDE` that differ.

    Returns:
        Medians over stations. Notes say how many amplitudes were left out and why: noise, gaps, clipping, another
        event's waves, no response.

    Raises:
        UsageError: there is no such setting.
    """
    chosen = defaults(MAGNITUDE) | read("zoo catalogue", MAGNITUDE, settings or {})
    spans, event, station = _spans(located, chosen)
    seismograph = WoodAnderson(inventory, chosen["ml_gain"], chosen["ml_low_hz"])
    left: Counter[str] = Counter()
    rows: list[tuple] = []
    for s in track(np.unique(station), "Measuring amplitudes", len(np.unique(station))):
        code = located.associated.stations.codes[s]
        own = np.flatnonzero(station == s)
        cut = spans[own][:, [0, -1]] + [-_MARGIN_S - _NOISE_S - _GUARD_S, _MARGIN_S]
        for number, stream in waveforms.pieces(code, cut):
            row = own[number]
            if not spans[row, 1] > spans[row, 0]:
                left["waves of another event"] += 1
                continue
            measured = seismograph.measure(stream, *spans[row])
            if isinstance(measured, str):
                left[measured] += 1
            elif measured[2] < chosen["ml_snr"]:
                left["below the noise"] += 1
            else:
                rows.append((event[row], s, *measured))
    words = ", ".join(f"{count} {reason}" for reason, count in left.most_common())
    notes = [f"local magnitudes: {len(rows)} amplitudes at stations" + (f"; left out: {words}" if words else "")]
    notes += seismograph.notes
    if not rows:
        return none_of(len(located), chosen, "; ".join(notes))
    order = sorted(rows, key=lambda row: row[:2])
    columns = [np.array(column) for column in zip(*order, strict=True)]
    numbers, at, label, amplitude, snr, time_s = columns
    distance = distances_km(located, numbers, at)
    single = StationMagnitudes(
        numbers, at, tuple(label.tolist()), amplitude, distance, np.log10(amplitude) + attenuation(distance, chosen),
        np.zeros(len(rows)), snr, time_s,
    )  # fmt: skip
    form = f"log10(A/mm) + {chosen['ml_log']:g} log10(r/100 km) + {chosen['ml_km']:g} (r - 100 km)"
    notes.append(f"ML = {form} + {chosen['ml_level']:g}, Wood-Anderson's gain {chosen['ml_gain']:g}")
    return combined(located, single, "mm, Wood-Anderson", chosen, notes)


def _spans(located: Located, chosen: Mapping[str, Any]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return begin and end (n, 2) of where amplitudes are looked for, s since 1970; events (n,); stations (n,).

    Where the waves of another event begin, the span ends; it is empty where that is too early.
    """
    found = located.associated
    pairs = np.unique(np.column_stack([found.event, found.station])[found.event >= 0], axis=0)
    event, station = pairs.T if len(pairs) else (np.zeros(0, int), np.zeros(0, int))
    travel = located.tables.times(located.place_km).astype(float) + located.corrections.terms_s
    arrival = located.origin_s[:, None, None] + travel  # (events, phases, stations)
    p, s = arrival[event, 0, station], arrival[event, 1, station]
    end = s + chosen["ml_after_s"] + 0.5 * (s - p)
    for row in range(len(event)):
        others = np.delete(arrival[:, :, station[row]], event[row], axis=0).ravel()
        inside = others[(others > p[row] - _GUARD_S) & (others < end[row] + _GUARD_S)]
        if inside.size:
            end[row] = inside.min() - _GUARD_S
            if end[row] < s[row] + _LEAST_AFTER_S:
                end[row] = p[row]
    return np.column_stack([p, end]), event, station


class WoodAnderson:
    """Makes the seismograms of a Wood-Anderson seismograph, and measures them.

    Args:
        inventory: with the responses.
        gain: of the seismograph.
        low_hz: seismograms hold frequencies from here on; 0: all.
    """

    def __init__(self, inventory: Inventory, gain: float = 2080.0, low_hz: float = 0.5):
        self._inventory, self._gain, self._low_hz = inventory, gain, low_hz
        self._factors: dict[tuple, np.ndarray | None] = {}
        self._responses: dict[tuple[str, float], Any] = {}
        self.notes: list[str] = []

    def measure(self, stream: Stream, begin_s: float, end_s: float) -> tuple[str, float, float, float] | str:
        """Measure the horizontals of a station.

        Args:
            stream: its records, from well before P on.
            begin_s, end_s: where the largest amplitude is looked for, s since 1970; the noise precedes it.

        Returns:
            Channels, amplitude in mm, amplitude over that of the noise, time of the amplitude (s since 1970); or why
            there is none.
        """
        chosen, _ = instruments(stream)
        parts = chosen[0].parts if chosen else {}
        found, why = [], "without waveforms" if not stream else "without horizontals"
        for component in "NE":
            measured = self._component(parts.get(component, []), begin_s, end_s) if component in parts else ""
            if isinstance(measured, str):
                why = measured or why
            else:
                found.append(measured)
        if not found:
            return why
        channels, amplitudes, noises, times = zip(*found, strict=True)
        mean, noise = np.exp(np.mean(np.log(amplitudes))), np.exp(np.mean(np.log(noises)))
        return "+".join(channels), float(mean), float(mean / noise), float(times[int(np.argmax(amplitudes))])

    def _component(self, traces: list[Trace], begin_s: float, end_s: float) -> tuple[str, float, float, float] | str:
        from_s, until_s = begin_s - _NOISE_S - _GUARD_S, end_s
        whole = [t for t in traces if t.stats.starttime.ns / 1e9 <= from_s and t.stats.endtime.ns / 1e9 >= until_s]
        if not whole:
            return "with a gap"
        trace = whole[0]
        if np.ma.isMaskedArray(trace.data):
            return "with a gap"
        values = trace.data.astype(np.float64)
        if not np.ptp(values) > 0 or not np.isfinite(values).all():
            return "of a dead channel"
        if _is_clipped(values):
            return "clipped"
        made = self.seismogram(trace, values)
        if made is None:
            return "without a response"
        rate = trace.stats.sampling_rate
        zero = trace.stats.starttime.ns / 1e9

        def piece(begin: float, end: float) -> slice:
            return slice(max(round((begin - zero) * rate), 0), round((end - zero) * rate) + 1)

        window = np.abs(made[piece(begin_s, end_s)])
        noise = np.abs(made[piece(from_s, begin_s - _GUARD_S)])
        at = int(window.argmax())
        return trace.stats.channel, float(window[at]), float(max(noise.max(), 1e-30)), begin_s + at / rate

    def seismogram(self, trace: Trace, values: np.ndarray | None = None) -> np.ndarray | None:
        """Return the seismogram (samples,) in mm of a trace; None without a response."""
        values = trace.data.astype(np.float64) if values is None else values
        size, rate = len(values), trace.stats.sampling_rate
        padded = 2 ** int(np.ceil(np.log2(size + 4 * rate)))
        factor = self._factor(trace, padded, rate)
        if factor is None:
            return None
        edge = min(round(0.5 * _MARGIN_S * rate), size // 2)
        taper = np.ones(size)
        taper[:edge] = np.sin(np.linspace(0, np.pi / 2, edge)) ** 2
        taper[size - edge :] = taper[:edge][::-1]
        return np.fft.irfft(np.fft.rfft(detrend(values) * taper, padded) * factor, padded)[:size]

    def _factor(self, trace: Trace, size: int, rate: float) -> np.ndarray | None:
        """Return what turns the spectrum of counts into that of the seismogram in mm."""
        begins = trace.stats.starttime
        response, epoch = self._response(trace.id, begins)
        key = trace.id, epoch, size, rate
        if key not in self._factors:
            self._factors[key] = None if response is None else self._made(trace.id, response, size, rate)
        return self._factors[key]

    def _response(self, channel: str, time: Any) -> tuple[Any, Any]:
        """Return the response of a channel at a time, and what is the same at all times of it."""
        day = channel, time.ns // 86_400_000_000_000
        if day not in self._responses:
            try:
                self._responses[day] = self._inventory.get_response(channel, time)
            except Exception as error:  # ObsPy raises a bare Exception
                self._responses[day] = None
                self._note(f"{channel}: no response ({error})")
        response = self._responses[day]
        sensitivity = getattr(response, "instrument_sensitivity", None)
        return response, (sensitivity.value if sensitivity else None, len(response.response_stages) if response else 0)

    def _made(self, channel: str, response: Any, size: int, rate: float) -> np.ndarray | None:
        frequency = np.fft.rfftfreq(size, 1 / rate)
        try:
            if response.response_stages:
                counts = response.get_evalresp_response_for_frequencies(frequency, output="DISP")
            else:
                sensitivity = response.instrument_sensitivity
                power = {"M": 0, "M/S": 1, "M/S**2": 2, "M/S/S": 2, "M/S^2": 2}[sensitivity.input_units.upper()]
                counts = sensitivity.value * (2j * np.pi * frequency) ** power
                self._note(f"{channel}: only its sensitivity is known; it is taken as flat")
        except Exception as error:  # ObsPy raises whatever it comes upon
            self._note(f"{channel}: its response cannot be used ({error})")
            return None
        w = 2j * np.pi * frequency
        ground = w**2 / ((w - _POLES) * (w - np.conj(_POLES)))
        low = self._low_hz or 2 / (size / rate)
        with np.errstate(divide="ignore", invalid="ignore"):
            high_pass = 1 / np.sqrt(1 + (low / frequency) ** 8)
            factor = _MM * self._gain * ground * high_pass / counts
        nyquist = rate / 2
        factor *= np.cos(np.clip((frequency / nyquist - _HIGHEST) / (1 - _HIGHEST), 0, 1) * np.pi / 2) ** 2
        return np.where(np.isfinite(factor) & (frequency > 0), factor, 0)

    def _note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)


def _is_clipped(values: np.ndarray) -> bool:
    """Return whether a record stays at its largest or smallest value for several samples, and that is far out.

    >>> _is_clipped(np.array([0.0, 1, -2, 50, 50, 50, 50, 9])), _is_clipped(np.array([0.0, 1, -2, 50, 3]))
    (True, False)
    """
    far = np.abs(values - np.median(values)) > 5 * np.median(np.abs(values - np.median(values)))
    for extreme in (values.max(), values.min()):
        at = np.flatnonzero((values == extreme) & far)
        if len(at) >= _SAME and (np.diff(at)[: len(at) - 1] == 1).sum() >= _SAME - 1:
            return True
    return False
