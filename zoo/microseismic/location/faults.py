"""What is wrong with a receiver or with the source: a predictive check with a stated rate of false alarms.

Each quantity that the posterior knows of a receiver is compared with what the errors of the world allow it to be. All
comparisons of an event together raise a false alarm in about `FALSE_ALARM_RATE` of the events with which nothing is
wrong (`python benchmarks/microseismic_world.py` measures it).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.stats import norm

from zoo.microseismic.location.explanation import Explanation
from zoo.microseismic.location.world import World

FALSE_ALARM_RATE = 0.02
# Samples of one value at the end of a trace's range: a recorder that clips. Noise repeats its extreme by chance twice.
_CLIPPED_SAMPLES, _SAME = 4, 1e-6
# A reversed frame fits better than the frame itself. For the right polarity the ratio is about a half.
_REVERSED = 1.05
# Sd of one gain against the median of three others, relative to that of a gain; and the least gain error.
_OF_RATIO, _LEAST_GAIN_ERROR = 1.15, 0.03
# A pulse that differs by less than this (in logarithm) is what attenuation may do to it.
_PULSE = 0.15
# Rms of what is left of the strongest wave, beyond what noise explains: another earth leaves this share (and this many
# times the velocity error more), a fault more than that.
_LEFT, _LEFT_PER_VELOCITY, _LEFT_TO_OTHERS = 0.15, 5.0, 2.5


def find_faults(traces: np.ndarray, found: Explanation, pulse: float, world: World, names: Sequence[str]) -> list[str]:
    """Return sentences, each with the receiver at fault.

    Args:
        traces: (receivers, time).
        found: what the posterior says of each receiver.
        pulse: length of the source's pulse relative to the emulator's.
        world: errors of the world.
        names: of the receivers.
    """
    faults = []
    at_fault: set[int] = set()
    for r, trace in enumerate(np.asarray(traces, np.float64)):
        peak = np.abs(trace).max()
        for end in (trace.max(), trace.min()):
            if np.sum(np.abs(trace - end) <= _SAME * peak) >= _CLIPPED_SAMPLES:
                at_fault.add(r)
                faults.append(f"Receiver {names[r]} is clipped at {end:.3g}: leave it out, or find its full range.")
                break
    ratio = np.mean(found.negative / np.maximum(found.positive, 1e-20), axis=0)
    for r in np.flatnonzero(ratio > _REVERSED):
        at_fault.add(int(r))
        faults.append(
            f"Receiver {names[r]} fits better with its polarity reversed ({ratio[r]:.1f} times): check its polarity."
        )
    other_pulse = abs(np.log(pulse)) > _PULSE
    # Two-sided, for each receiver's gain and time.
    limit = norm.isf(FALSE_ALARM_RATE / (4 * len(names)))
    # Against the others, for a gain that all share is the event's strength.
    loud = np.log(np.maximum(np.abs(np.mean(found.gain, axis=0)), 1e-3))
    for r in range(len(names) if len(names) > 2 else 0):
        ratio_r = loud[r] - np.median(np.delete(loud, r))
        if abs(ratio_r) > limit * _OF_RATIO * np.hypot(world.gain_error, _LEAST_GAIN_ERROR) and r not in at_fault:
            at_fault.add(r)
            faults.append(
                f"Receiver {names[r]} is {np.exp(ratio_r):.2f} times as loud as the others say, beyond a gain error of "
                f"{100 * world.gain_error:.0f} %: check its gain, its unit, and whether it is clipped."
            )
    late = np.mean(found.late_sd, axis=0)
    for r in np.flatnonzero(np.abs(late) > limit):
        # Another pulse has another delay.
        if int(r) not in at_fault and not other_pulse:
            at_fault.add(int(r))
            faults.append(
                f"Receiver {names[r]} is {1000 * np.mean(found.late_s[:, r]):+.0f} ms late, {abs(late[r]):.1f} times "
                "the errors of velocities and clocks: check its clock and its coordinates."
            )
    if other_pulse:
        faults.append(
            f"The source's pulse is {pulse:.2f} times as long as the emulator's: train one with that pulse if this "
            "holds for other events too."
        )
    left = np.sqrt(np.maximum(found.pulse_misfit**2 - found.pulse_noise**2, 0.0))
    allowed = np.maximum(_LEFT + _LEFT_PER_VELOCITY * world.velocity_error, _LEFT_TO_OTHERS * np.median(left))
    for r in np.flatnonzero(left > allowed):
        if int(r) not in at_fault:
            faults.append(
                f"The strongest wave at receiver {names[r]} has another shape: {100 * left[r]:.0f} % of it is not "
                "explained. It may be clipped or badly coupled, or its response may not be removed."
            )
    return faults
