"""P arrivals picked on the traces of one event.

The Akaike information criterion (Maeda 1985, by ObsPy) finds where noise ends and a signal begins. If the shape of the
source's pulse is known, the pick is then refined: it moves to where the pulse fits best, in a window around the onset.
That pick is better by far: the weaker an onset, the later it is seen, and a pulse that rises slowly has no onset.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from zoo.errors import ZooError
from zoo.microseismic.location.noise import estimate_noise_sd
from zoo.microseismic.physics.elastic import gaussian_derivative

PICK_SD_S = 0.005  # Spurio Mancini et al. (2021), section 3.3
PULSE_SIGMA_S = 0.014  # of the marine dataset and of the published traces
# An arrival must be this much stronger than the noise, which exceeds it by chance less than once in a million samples.
MIN_SIGNAL_TO_NOISE = 5.0
# How far before and after the onset the pulse may begin, in its sigma: noise may hide the rise, or look like one.
_BEFORE_SIGMA, _AFTER_SIGMA = 6.0, 5.0
# Where the pulse ends: five sigma after the zero between its lobes, which itself is five sigma late.
_PULSE_END_SIGMA = 10.0
# A pulse of fewer samples has no shape to fit.
_MIN_PULSE_SAMPLES = 8
# So few samples at either end of a stretch have no variance that the criterion could use.
_AIC_EDGE = 5
# A peak must come this many samples after the beginning, or there is no noise to tell the signal from.
_MIN_SAMPLES_TO_PEAK = 4 * _AIC_EDGE
_TINY = 1e-30


@dataclass(frozen=True)
class Picks:
    """P arrivals of one event.

    Attributes:
        receivers_km: (receivers, 3) x, y, z, km, z up.
        times_s: (receivers,) after the first sample of the traces; NaN where there is no arrival.
        sds_s: (receivers,) standard deviation of the picks due to noise alone; not used where the time is NaN.
        signal_to_noise: (receivers,); None if not known.

    Raises:
        ZooError: the shapes do not fit each other, or a coordinate or sd is not a usable number.

    >>> picks = Picks([[0.2, 0.9, 1.2], [0.5, 0.5, 1.2]], times_s=[0.41, np.nan], sds_s=[0.005, np.nan])
    >>> picks.times_s.shape
    (2,)
    """

    receivers_km: np.ndarray
    times_s: np.ndarray
    sds_s: np.ndarray
    signal_to_noise: np.ndarray | None = None

    def __post_init__(self) -> None:
        for name in ("receivers_km", "times_s", "sds_s"):
            object.__setattr__(self, name, np.asarray(getattr(self, name), np.float64))
        count = self.times_s.size
        if (self.times_s.shape, self.sds_s.shape, self.receivers_km.shape) != ((count,), (count,), (count, 3)):
            raise ZooError(
                f"The picks have times of shape {self.times_s.shape}, sds of {self.sds_s.shape} and receivers of "
                f"{self.receivers_km.shape}; expected (receivers,), (receivers,) and (receivers, 3)."
            )
        picked = np.isfinite(self.times_s)
        if not (
            np.all(np.isfinite(self.sds_s[picked]) & (self.sds_s[picked] > 0))
            and np.all(np.isfinite(self.receivers_km))
        ):
            raise ZooError("Picks need finite receiver coordinates and, where there is a time, a positive sd in s.")


def pick_arrivals(
    traces: np.ndarray,
    sampling_rate_hz: float,
    receivers_km: np.ndarray,
    noise_sd: np.ndarray | float | None = None,
    pulse_sigma_s: float | Literal["unknown"] = PULSE_SIGMA_S,
) -> Picks:
    """Pick the P arrival of each trace.

    Args:
        traces: (receivers, time) pressure, any unit.
        sampling_rate_hz: of the traces.
        receivers_km: (receivers, 3) x, y, z, km.
        noise_sd: scalar or (receivers,) in the unit of the traces; None: estimated from the samples before the arrival.
        pulse_sigma_s: the source sends `zoo.microseismic.physics.elastic.gaussian_derivative` of this sigma, whose zero
            is five sigma late; the pick is the time at which a pulse without that delay would arrive. "unknown": the
            pick is the onset, which is late by about the time that the pulse takes to rise above the noise.

    Returns:
        The picks; NaN where nothing is `MIN_SIGNAL_TO_NOISE` times as strong as the noise.

    Raises:
        ZooError: the traces cannot be used.

    Sources: Maeda (1985) for the onset; Kay (1993, chapter 3) for the bound on the time of a known pulse.

    >>> from zoo.microseismic.physics.elastic import gaussian_derivative
    >>> time_s = np.arange(250) / 250
    >>> trace = 20 * gaussian_derivative(time_s - 0.4) + np.random.default_rng(0).normal(size=250)
    >>> pick_arrivals([trace], 250.0, [[0.5, 0.5, 2.43]]).times_s.round(2).tolist()
    [0.4]
    """
    traces = np.asarray(traces)
    receivers_km = np.asarray(receivers_km, np.float64)
    if traces.ndim != 2 or not np.issubdtype(traces.dtype, np.number) or receivers_km.shape != (len(traces), 3):
        raise ZooError(
            f"The traces have shape {traces.shape} and the receivers {receivers_km.shape}; expected the traces of one "
            "event, (receivers, time), and x, y, z of each receiver, (receivers, 3)."
        )
    if not (sampling_rate_hz and math.isfinite(sampling_rate_hz) and sampling_rate_hz > 0):
        raise ZooError(f"sampling_rate_hz is {sampling_rate_hz}; arrival times need a positive number, e.g. 250.")
    if pulse_sigma_s != "unknown" and (isinstance(pulse_sigma_s, str) or not 0 < pulse_sigma_s < math.inf):
        raise ZooError(
            f"pulse_sigma_s is {pulse_sigma_s!r}; expected a positive number of seconds, e.g. {PULSE_SIGMA_S}, or "
            "'unknown'."
        )
    for index, trace in enumerate(traces):
        if not np.all(np.isfinite(trace)) or not np.any(trace):
            raise ZooError(
                f"The trace at index {index} is zero everywhere or has samples that are not finite numbers. Leave "
                "that receiver out."
            )
    traces = traces.astype(np.float64)
    given = estimate_noise_sd(traces) if noise_sd is None else np.asarray(noise_sd, np.float64)
    if given.shape not in ((), (1,), (len(traces),)) or not np.all(np.isfinite(given) & (given > 0)):
        raise ZooError(
            f"noise_sd is {noise_sd}; expected one positive number, or one for each of {len(traces)} traces."
        )
    noise = np.broadcast_to(given, (len(traces),))
    step_s = 1.0 / sampling_rate_hz
    if pulse_sigma_s == "unknown":
        found = [_onset(trace, sd, step_s) for trace, sd in zip(traces, noise, strict=True)]
    else:
        pulse = gaussian_derivative(np.arange(0.0, _PULSE_END_SIGMA * pulse_sigma_s, step_s), pulse_sigma_s)
        if not _MIN_PULSE_SAMPLES <= pulse.size < traces.shape[1]:
            raise ZooError(
                f"A pulse with sigma {pulse_sigma_s:g} s has {pulse.size} samples at {sampling_rate_hz:g} Hz and the "
                f"traces have {traces.shape[1]}; expected at least {_MIN_PULSE_SAMPLES}, and longer traces. State the "
                "pulse's sigma (pulse_sigma_s, `--pulse-sigma`)."
            )
        found = [_matched(trace, sd, step_s, pulse, pulse_sigma_s) for trace, sd in zip(traces, noise, strict=True)]
    times_s, sds_s, ratio = np.array(found).T
    heard = ratio >= MIN_SIGNAL_TO_NOISE
    return Picks(receivers_km, np.where(heard, times_s, np.nan), np.where(heard, sds_s, np.nan), ratio)


def _onset(trace: np.ndarray, noise_sd: float, step_s: float) -> tuple[float, float, float]:
    """Return the onset in s, its sd by Akaike's weights, and the peak's signal-to-noise ratio."""
    from obspy.signal.trigger import aic_simple

    peak = int(np.abs(trace).argmax())
    ratio = float(np.abs(trace[peak]) / noise_sd)
    if peak < _MIN_SAMPLES_TO_PEAK:
        return 0.0, peak * step_s, ratio
    criterion = aic_simple(trace[: peak + 1])[_AIC_EDGE:-_AIC_EDGE]
    best = int(criterion.argmin())
    # exp(-AIC / 2) is the relative likelihood of each onset; a twelfth is the variance of rounding to samples.
    weight = np.exp(-0.5 * (criterion - criterion[best]))
    variance = np.sum(weight * (np.arange(criterion.size) - best) ** 2) / weight.sum()
    return (_AIC_EDGE + best) * step_s, math.sqrt(variance + 1 / 12) * step_s, ratio


def _matched(
    trace: np.ndarray, noise_sd: float, step_s: float, pulse: np.ndarray, sigma_s: float
) -> tuple[float, float, float]:
    """Return when the pulse begins in s, the Cramer-Rao bound of that, and the pulse's signal-to-noise ratio.

    The pulse may have either polarity: an explosion pushes, other sources may pull.
    """
    from obspy.signal.cross_correlation import correlate_template

    onset_s, _, _ = _onset(trace, noise_sd, step_s)
    fit = np.abs(correlate_template(trace, pulse, mode="valid", normalize=None, demean=False))
    first = max(int((onset_s - _BEFORE_SIGMA * sigma_s) / step_s), 0)
    window = fit[first : max(int((onset_s + _AFTER_SIGMA * sigma_s) / step_s), first) + 2]
    if not window.size:  # the onset is so late that the pulse does not fit into the trace: no arrival
        return 0.0, 1.0, 0.0
    best = first + int(window.argmax())
    shift = 0.0  # to the top of a parabola through the best fit and its neighbours, in samples
    if 0 < best < fit.size - 1:
        before, top, after = fit[best - 1 : best + 2]
        shift = 0.5 * (before - after) / min(before - 2 * top + after, -_TINY) if top >= max(before, after) else 0.0
    energy = np.sum(pulse**2)
    ratio = fit[best] / (noise_sd * math.sqrt(energy))
    # The bound on the sd of a delay is 1 / (signal-to-noise ratio x rms angular frequency of the pulse).
    slope = np.sqrt(np.sum(np.gradient(pulse, step_s) ** 2) / energy)
    return (best + shift) * step_s, 1.0 / max(ratio * slope, _TINY), ratio
