"""The posterior of one event with errors of the world: pulse and shape are fitted, the rest is sampled."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from zoo.microseismic.location.engine import Climbed, Engine, tensors
from zoo.microseismic.location.noise import Noise
from zoo.sampling.smc import Samples

# Pulses, relative to the emulator's, and factors of the shape's errors that are tried; sds of their logarithms.
_PULSE_STEP, _PULSE_SD, _PULSE_RANGE = 1.15, 0.3, (0.5, 2.2)
_SHAPE_STEP, _SHAPE_SD, _SHAPE_RANGE = 1.6, 0.7, (0.5, 6.0)
# A change of a pulse that is smaller, in logarithm, is none.
_SAME_PULSE, _SAME_SHAPE, _OTHER_PULSE = 0.03, 0.2, 0.1
_PASSES = 6


@dataclass(frozen=True)
class WorldFit:
    """Samples of an event, the data they were drawn for, and what was fitted.

    Attributes:
        samples: of the posterior.
        data: what `WorldLikelihood.data` returned.
        pulse: length of the source's pulse, relative to the emulator's.
        shape: factor of the errors of the shape that another earth makes.
    """

    samples: Samples
    data: tuple[np.ndarray, ...]
    pulse: float
    shape: float


def fit(engine: Engine, traces: np.ndarray, noise: Noise, seed: int = 0) -> WorldFit:
    """Sample the posterior of one event.

    Args:
        engine: of the receivers that recorded it.
        traces: (receivers, time).
        noise: at the receivers.
        seed: of the draws.
    """
    likelihood, world = engine.likelihood, engine.likelihood.world
    pulse = shape = 1.0
    data = likelihood.data(traces, noise)
    climbed = engine.climb(engine.screen(tensors(data)), tensors(data))
    for _ in range(_PASSES):
        look = partial(_height, engine, climbed, traces, noise)
        here = float(climbed.values.max())
        new_pulse, new_shape = pulse, shape
        if not world.pulse_known:
            along = partial(look, shape=shape)
            new_pulse, here = _better(along, "pulse", pulse, here, _PULSE_STEP, _PULSE_SD, _PULSE_RANGE)
        if world.velocity_error:
            along = partial(look, pulse=new_pulse)
            new_shape, here = _better(along, "shape", shape, here, _SHAPE_STEP, _SHAPE_SD, _SHAPE_RANGE)
        pulse_moved, shape_moved = abs(np.log(new_pulse / pulse)), abs(np.log(new_shape / shape))
        if pulse_moved < _SAME_PULSE and shape_moved < _SAME_SHAPE:
            break
        pulse, shape = new_pulse, new_shape
        data = likelihood.data(traces, noise, pulse, shape)
        if pulse_moved > _OTHER_PULSE:
            climbed = engine.climb(engine.screen(tensors(data)), tensors(data))
        else:
            climbed = engine.climb_on(climbed, tensors(data))
    return WorldFit(engine.sample(data, seed, climbed), data, float(pulse), float(shape))


def _height(
    engine: Engine, climbed: Climbed, traces: np.ndarray, noise: Noise, *, pulse: float, shape: float
) -> float:  # fmt: skip
    """Return the best log-likelihood at the ends of the climbs."""
    data = tensors(engine.likelihood.data(traces, noise, pulse, shape))
    best = np.argsort(-climbed.values)[:8]
    return float(engine.evaluate_few(climbed.points[best], data).max())


def _better(
    height: Callable[..., float],
    name: str,
    start: float,
    here: float,
    step: float,
    sd: float,
    bounds: tuple[float, float],
) -> tuple[float, float]:
    """Return where height(name=value) with a log-normal prior about 1 is highest, and the height: steps, a parabola.

    `here` is the height of `start`.
    """

    def prior(value: float) -> float:
        return -0.5 * (np.log(value) / sd) ** 2

    scores = {0: here + prior(start)}
    best = 0
    while bounds[0] < start * step**best < bounds[1]:
        missing = [k for k in (best - 1, best + 1) if k not in scores]
        if not missing:
            break
        scores |= {k: height(**{name: start * step**k}) + prior(start * step**k) for k in missing}
        best = max(scores, key=scores.get)
    power = float(best)
    if best - 1 in scores and best + 1 in scores:
        low, middle, high = (scores[best + k] for k in (-1, 0, 1))
        power += 0.5 * (high - low) / max(2 * middle - low - high, 1e-9)
    value = float(np.clip(start * step**power, *bounds))
    return value, scores[best] - prior(start * step**best)
