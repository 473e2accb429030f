"""The posterior of one event with errors of the world: the pulse is fitted, the rest is sampled."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from zoo.microseismic.location.engine import Climbed, Engine, tensors
from zoo.microseismic.location.explanation import more_wrong
from zoo.microseismic.location.noise import Noise
from zoo.sampling.smc import Samples

# Pulses, relative to the emulator's, that are tried; sd of their logarithm.
_PULSE_STEP, _PULSE_SD, _PULSE_RANGE = 1.15, 0.3, (0.5, 2.2)
# A change of the pulse that is smaller, in logarithm, is none; one that is larger needs a new screen.
_SAME_PULSE, _OTHER_PULSE = 0.03, 0.1
_PASSES = 6
# While the pulse is searched, another earth may do only this much of what it may do to the place: else it explains any
# pulse.
_OF_ANOTHER_EARTH = 0.27


@dataclass(frozen=True)
class WorldFit:
    """Samples of an event, the data they were drawn for, and what was fitted.

    Attributes:
        samples: of the posterior.
        data: what `WorldLikelihood.data` returned.
        pulse: length of the source's pulse, relative to the emulator's.
        wrong: (receivers,) factors of the emulator's errors (`zoo.microseismic.location.explanation.more_wrong`).
    """

    samples: Samples
    data: tuple[np.ndarray, ...]
    pulse: float
    wrong: np.ndarray


def fit(engine: Engine, traces: np.ndarray, noise: Noise, seed: int = 0) -> WorldFit:
    """Sample the posterior of one event.

    Args:
        engine: of the receivers that recorded it.
        traces: (receivers, time).
        noise: at the receivers.
        seed: of the draws.
    """
    likelihood, world = engine.likelihood, engine.likelihood.world
    pulse = 1.0
    data = likelihood.data(traces, noise)
    climbed = engine.climb(engine.screen(tensors(data)), tensors(data))
    for _ in range(0 if world.pulse_known else _PASSES):
        height = partial(_height, engine, climbed, traces, noise)
        new_pulse = _better(height, pulse, height(pulse))
        moved = abs(np.log(new_pulse / pulse))
        if moved < _SAME_PULSE:
            break
        pulse = new_pulse
        data = likelihood.data(traces, noise, pulse)
        if moved > _OTHER_PULSE:
            climbed = engine.climb(engine.screen(tensors(data)), tensors(data))
        else:
            climbed = engine.climb_on(climbed, tensors(data))
    wrong = np.ones(len(likelihood.receivers))
    if not world.velocity_error:
        # Another earth does more to the waves than the emulator does.
        best = climbed.points[np.argmax(climbed.values)]
        wrong = more_wrong(engine, best, data, traces, noise, pulse)
        if np.any(wrong > 1.0):
            data = likelihood.data(traces, noise, pulse, wrong=wrong)
            climbed = engine.climb(engine.screen(tensors(data)), tensors(data))
    return WorldFit(engine.sample(data, seed, climbed), data, float(pulse), wrong)


def _height(engine: Engine, climbed: Climbed, traces: np.ndarray, noise: Noise, pulse: float) -> float:
    """Return the best log-likelihood at the ends of the climbs."""
    data = tensors(engine.likelihood.data(traces, noise, pulse, _OF_ANOTHER_EARTH))
    best = np.argsort(-climbed.values)[:8]
    return float(engine.evaluate_few(climbed.points[best], data).max())


def _better(height: Callable[[float], float], start: float, here: float) -> float:
    """Return the pulse where height, with a log-normal prior about 1, is highest: steps, then a parabola.

    `here` is the height of `start`.
    """

    def prior(value: float) -> float:
        return -0.5 * (np.log(value) / _PULSE_SD) ** 2

    scores = {0: here + prior(start)}
    best = 0
    while _PULSE_RANGE[0] < start * _PULSE_STEP**best < _PULSE_RANGE[1]:
        missing = [k for k in (best - 1, best + 1) if k not in scores]
        if not missing:
            break
        tried = {k: start * _PULSE_STEP**k for k in missing}
        scores |= {k: height(value) + prior(value) for k, value in tried.items()}
        best = max(scores, key=scores.get)
    power = float(best)
    if best - 1 in scores and best + 1 in scores:
        low, middle, high = (scores[best + k] for k in (-1, 0, 1))
        power += 0.5 * (high - low) / max(2 * middle - low - high, 1e-9)
    return float(np.clip(start * _PULSE_STEP**power, *_PULSE_RANGE))
