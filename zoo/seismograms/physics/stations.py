"""What is random about a station: the crust below it, its noise, its instrument, its site.

The ranges are ASSUMED, and wide.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from zoo.seismograms.physics import noise as noises
from zoo.seismograms.physics.paths import Crusts, random_crusts
from zoo.seismograms.physics.radiation import lognormal


@dataclass
class Stations:
    """n stations."""

    crusts: Crusts
    levels: np.ndarray
    """(n, knots): level between the low (0) and the high noise model (1)."""
    white: np.ndarray
    """(n,): instrument noise, (m/s)2/Hz."""
    horizontal_noise: np.ndarray
    """(n, 2): noise amplitude of N and E relative to Z."""
    sensor: np.ndarray
    """(n,): row of `zoo.seismograms.physics.noise.SENSORS`."""
    low_pass: np.ndarray
    """(n,): row of `zoo.seismograms.physics.noise.LOW_PASSES`."""
    counts: np.ndarray
    """(n,): root mean square of the noise on Z, counts."""
    kappa_s: np.ndarray
    """(n,): kappa of S at the site, s."""

    def take(self, rows: np.ndarray) -> Stations:
        """Return the stations of these rows."""
        crusts = Crusts(*(values[rows] for values in self.crusts))
        others = {field.name: getattr(self, field.name)[rows] for field in fields(self) if field.name != "crusts"}
        return Stations(crusts, **others)


def draw_stations(rng: np.random.Generator, count: int) -> Stations:
    """Draw stations: crust, noise, instrument, site."""
    levels = noises.random_levels(rng, count)
    return Stations(
        crusts=random_crusts(rng, count),
        levels=levels,
        white=noises.random_white(rng, levels),
        horizontal_noise=lognormal(rng, 1.1, 0.25, count)[:, None] * lognormal(rng, 1.0, 0.12, (count, 2)),
        sensor=rng.choice(len(noises.SENSORS), count, p=noises.SENSOR_SHARES),
        low_pass=rng.choice(len(noises.LOW_PASSES), count, p=noises.LOW_PASS_SHARES),
        counts=np.clip(lognormal(rng, 60, 1.4, count), 2.0, 20_000),
        kappa_s=np.clip(lognormal(rng, 0.03, 0.55, count), 0.003, 0.1),
    )
