"""The samplers of `zoo.sampling` on the likelihood with errors of the world, from a screen that scans origin times."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from zoo.microseismic.location.engine import Engine, tensors
from zoo.sampling.smc import Sampler, Settings


class WorldSampler(Sampler):
    """Samples the posterior of a `WorldLikelihood` step by step; dear, and a check of the engine.

    Args:
        engine: of the likelihood; its bank is the screen.
        settings: size of a run.
    """

    def __init__(self, engine: Engine, settings: Settings | None = None) -> None:
        super().__init__(engine.likelihood, engine.lower, engine.upper, settings)
        self.engine = engine

    def screen(self, data: Sequence[Any] = (), seed: int = 0, size: int | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Return sources of the bank, each at its best origin time and strength, and log-likelihoods."""
        points = self.engine.best_of_bank(tensors(data))
        rng = np.random.default_rng(seed)
        size = min(size or self.settings.screen, len(points))
        points = points[rng.choice(len(points), size, replace=False)]
        # What the bank does not scan, or only coarsely, is spread: differences of particles are all that moves them.
        spread = {
            "origin_time_s": self.engine.every * self.engine.likelihood.step_s,
            "log_strength": 0.1,
            "slowness_change": self.engine.likelihood.world.velocity_error,
        }
        sd = np.array([0.0, 0.0, 0.0, *(spread[name] for name in self.engine.likelihood.parameters[3:])])
        points = np.clip(points + sd * rng.normal(size=points.shape), self.lower, self.upper)
        return points, self.evaluate(points, data)
