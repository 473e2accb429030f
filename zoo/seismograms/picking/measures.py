"""What a pick's waveform says beside its time: the polarity of the first motion, and the peak displacement.

Both are measured at the record's own rate, between 1 and 20 Hz (0.45 of the rate, if that is less), by a causal
Butterworth filter of two corners: nothing of an arrival gets ahead of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from zoo.seismograms.picking.components import COMPONENTS
from zoo.seismograms.picking.segments import Segment
from zoo.seismograms.signals import bandpass

if TYPE_CHECKING:
    from obspy import Inventory

BAND_HZ = (1.0, 20.0)
P_WINDOW_S, S_WINDOW_S = 3.0, 6.0
"""The amplitude of P is the largest in its first 3 s, or until S; that of S in its first 6 s."""
_BEFORE_S = 6.0  # of record read before a pick: the filter settles, and the noise is measured
_NOISE_S, _GUARD_S = 2.0, 0.1  # what precedes a pick by 0.1 to 2.1 s is noise
_EARLY_S, _LATE_S = 0.05, 0.05  # of the onset, within which the first motion rises above the noise
_RISES, _CLEAR = 4.0, 8.0  # sd of the noise that first motion rises above, and that its half-cycle reaches
_OVER_NOISE = 2.0  # least height of that half-cycle in largest values of the noise
_SHARE = 0.1  # least height of that half-cycle in largest values of the first 0.5 s
_FIRST_S = 0.5
_LEAST_RATE_HZ = 40.0  # slower records do not show first motion


class Measured(NamedTuple):
    """What was measured on the waveform of a pick."""

    polarity: str
    """Of P on the vertical: "up", "down", or "" where it cannot be decided."""
    amplitude: float | None
    """Peak displacement on the component with the largest one; None where the record ends at the pick."""
    amplitude_unit: str
    """ "m"; without an inventory the record's unit times seconds, "counts s" ("counts s2" for accelerometers)."""


class Responses:
    """The sensitivities of an inventory (StationXML), by channel and time.

    Args:
        inventory: `obspy.Inventory`, or None: nothing is known.
    """

    def __init__(self, inventory: Inventory | None):
        self._inventory = inventory
        self._known: dict[tuple[str, int], tuple[float, int] | None] = {}
        self.notes: list[str] = []

    def of(self, segment: Segment, channel: str, time: Any) -> tuple[float, int] | None:
        """Return the sensitivity (counts per m/s^k) of a channel and how often its record is integrated to metres."""
        if self._inventory is None:
            return None
        instrument = segment.instrument
        name = f"{instrument.code}.{instrument.location}.{channel}"
        key = name, segment.start_ns
        if key not in self._known:
            self._known[key] = None
            try:
                sensitivity = self._inventory.get_response(name, time).instrument_sensitivity
                times = {"M": 0, "M/S": 1, "M/S**2": 2, "M/S/S": 2, "M/S^2": 2}[sensitivity.input_units.upper()]
                if not (sensitivity.value and np.isfinite(sensitivity.value)):
                    raise ValueError(f"its sensitivity is {sensitivity.value}")
                self._known[key] = float(sensitivity.value), times
            except Exception as error:  # ObsPy raises whatever it comes upon
                note = (
                    f"{instrument.code}: no sensitivity of {channel} in the inventory ({error}): amplitudes in counts."
                )
                if note not in self.notes:
                    self.notes.append(note)
        return self._known[key]


def measure(segment: Segment, sample: float, until: float | None, phase: str, responses: Responses) -> Measured:
    """Measure polarity and amplitude of a pick.

    Args:
        segment: its record.
        sample: of the pick, in samples of the record.
        until: sample of the S that follows a P; None if none does.
        phase: "P" or "S".
        responses: what is known of sensitivities.
    """
    rate = segment.rate_hz
    at = round(sample)
    count = round((P_WINDOW_S if phase == "P" else S_WINDOW_S) * rate)
    if until is not None:
        count = min(count, max(1, round(until) - at))
    count = min(count, segment.samples - at)
    before = round(_BEFORE_S * rate)
    high = min(BAND_HZ[1], 0.45 * rate)
    if count < 1 or high <= BAND_HZ[0]:
        return Measured("", None, "")
    behind = max(count, min(round(_FIRST_S * rate), segment.samples - at))
    piece = segment.resampled(at - before, before + behind, rate).astype(np.float64)
    filtered = bandpass((piece - piece[0])[np.newaxis], rate, BAND_HZ[0], high, corners=2)[0].astype(np.float64)
    noise = min(before, at)  # what precedes the record is its first sample
    first_motion = ""
    if phase == "P" and rate >= _LEAST_RATE_HZ and noise >= 2 * round(_GUARD_S * rate) + 10:
        known = responses.of(segment, segment.channels["Z"], segment.time(0, rate))
        upwards = -1.0 if known and known[0] < 0 else 1.0
        first_motion = polarity(upwards * filtered[before - noise :, 0], noise, rate)
    best, unit = _displacement(segment, filtered, rate, before, count, responses)
    return Measured(first_motion, best, unit)


def polarity(vertical: np.ndarray, onset: int, sampling_rate_hz: float) -> str:
    """Return the direction of the first motion: "up", "down", or "" where it is not clear.

    The first half-cycle that rises above four standard deviations of the noise decides, if it does so within 0.05 s
    of the onset, and reaches eight of them, twice the largest value of the noise, and a tenth of what follows
    within half a second.

    >>> motion = np.sin(2 * np.pi * np.arange(100) / 20) * (1e3, -1e3)[1]
    >>> polarity(np.concatenate([np.random.default_rng(0).normal(size=400), motion]), 400, 100.0)
    'down'

    Args:
        vertical: (samples,) band-passed causally, positive upwards.
        onset: its sample at which P begins.
        sampling_rate_hz: its rate.
    """
    guard, length = round(_GUARD_S * sampling_rate_hz), round(_NOISE_S * sampling_rate_hz)
    noise = vertical[max(0, onset - guard - length) : onset - guard]
    early, late = round(_EARLY_S * sampling_rate_hz), round(_LATE_S * sampling_rate_hz)
    after = vertical[onset - early : onset + round(_FIRST_S * sampling_rate_hz)] - noise.mean()
    level, largest = noise.std(), np.abs(noise - noise.mean()).max()
    if not level > 0 or len(after) <= early + late:
        return ""
    over = np.flatnonzero(np.abs(after) > _RISES * level)
    if not len(over) or over[0] > early + late:
        return ""
    sign = np.sign(after[over[0]])
    back = np.flatnonzero(np.sign(after[over[0] :]) != sign)
    peak = np.abs(after[over[0] : over[0] + (back[0] if len(back) else len(after))]).max()
    clear = peak >= max(_CLEAR * level, _OVER_NOISE * largest, _SHARE * np.abs(after).max())
    return ("up" if sign > 0 else "down") if clear else ""


def _displacement(
    segment: Segment, filtered: np.ndarray, rate: float, first: int, count: int, responses: Responses
) -> tuple[float | None, str]:
    """Return the peak displacement of a band-passed piece from `first` on, and its unit."""
    known = {}
    for component, channel in segment.channels.items():
        time = segment.time(0, rate)
        known[component] = responses.of(segment, channel, time)
    metres = [component for component, sensitivity in known.items() if sensitivity is not None]
    accelerometer = segment.instrument.accelerometer
    best = 0.0
    for component in metres or known:
        sensitivity, times = known[component] or (1.0, 2 if accelerometer else 1)
        trace = filtered[:, COMPONENTS.index(component)] / sensitivity
        for _ in range(times):
            trace = np.cumsum(trace) / rate
        if times > 1:  # the noise before the pick drifts away when it is integrated twice
            band = BAND_HZ[0], min(BAND_HZ[1], 0.45 * rate)
            trace = bandpass(trace[np.newaxis, :, np.newaxis], rate, *band, corners=2)[0, :, 0]
        trace = trace - trace[:first].mean()
        best = max(best, float(np.abs(trace[first : first + count]).max()))
    unit = "m" if metres else "counts s2" if accelerometer else "counts s"
    return best, unit
