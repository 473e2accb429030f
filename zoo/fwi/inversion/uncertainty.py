"""How far a model depends on which shots were taken: each half of them is inverted on its own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from zoo.errors import UsageError
from zoo.fwi.inversion.fit import Settings, fit_velocity
from zoo.fwi.inversion.streaming import streams
from zoo.fwi.inversion.survey import Survey
from zoo.fwi.physics.velocity_models import VelocityModel
from zoo.progress import say

if TYPE_CHECKING:
    from distributed import Client

LEAST_SHOTS = 4
# Cells over which the squared difference is averaged (standard deviation of a Gaussian): two models give one
# difference in each cell, which alone says nothing of its spread.
_AVERAGED_CELLS = 3.0


def halves(
    start: VelocityModel,
    survey: Survey,
    settings: Settings,
    *,
    folder: str | Path | None = None,
    wavelet_known: bool = True,
    engine: str | None = None,
    client: Client | None = None,
    density: np.ndarray | None = None,
) -> np.ndarray:
    """Return the standard deviation (Z, X) in m/s of the model of all shots, from those of the odd and even ones.

    If the errors of the two are independent, half their difference has the standard deviation of their mean; its
    square is averaged over some three cells each way. It holds what noise and the choice of shots do, and nothing that
    all shots share: a wrong wavelet or density, a start half a period off. It costs as much as the inversion.

    Args:
        start, survey, settings, wavelet_known, engine, client, density: as in `zoo.fwi.inversion.fit.fit_velocity`.
        folder: where the state of both lies, so that the same call goes on after an interruption.

    Raises:
        UsageError: fewer than four shots, or more traces than memory holds.
    """
    from scipy.ndimage import gaussian_filter

    shots = len(survey.sources)
    if shots < LEAST_SHOTS or streams(survey):
        found = f"there are {shots}" if shots < LEAST_SHOTS else "their traces do not fit into memory"
        raise UsageError(f"uncertainty=halves inverts halves of {LEAST_SHOTS} or more shots; {found}. Leave it out.")
    say("The odd and the even shots are inverted on their own, for the uncertainty.")
    found = []
    for number in (0, 1):
        some = np.arange(number, shots, 2)
        size = None if settings.batch_size is None else min(settings.batch_size, len(some))
        chosen = replace(settings, batch_size=size)
        kept = None if folder is None else Path(folder) / f"half{number + 1}"
        known = {"wavelet_known": wavelet_known, "engine": engine, "client": client, "density": density}
        found.append(fit_velocity(start, survey.some(some), chosen, folder=kept, **known).velocity_m_s)
    half = (found[0].astype(np.float64) - found[1]) / 2
    variance = gaussian_filter(half**2, _AVERAGED_CELLS, mode="nearest")
    if settings.freeze_water:
        variance[start.water] = 0
    return np.sqrt(variance).astype(np.float32)
