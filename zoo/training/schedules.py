"""Learning rates that change with the updates."""

from __future__ import annotations

import keras


def cosine(rate: float, steps: int, warm_up: int = 0, start: float = 1 / 20) -> keras.optimizers.schedules.CosineDecay:
    """Return a learning rate that falls to zero along a cosine, perhaps after it has risen linearly.

    Args:
        rate: the largest.
        steps: updates in all.
        warm_up: updates in which it rises to `rate`; 0: it begins there.
        start: what it rises from, relative to `rate`.
    """
    if not warm_up:
        return keras.optimizers.schedules.CosineDecay(rate, max(1, steps))
    return keras.optimizers.schedules.CosineDecay(
        start * rate, steps - warm_up, warmup_target=rate, warmup_steps=warm_up
    )
