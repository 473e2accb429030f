"""Full-waveform inversion of a folded section with salt, made here: the Marmousi experiment without its file.

Paper   Sun et al., section "The synthetic example of Marmousi", on another earth
Data    velocity_models/synthetic_folded (datasets/velocity_models)
Cost    100 CPU-seconds on 2 cores
Run     zoo train fdrnn_folded

As fdrnn_marmousi. The observed shots come from the same finite differences that invert them (an "inverse crime") and
have no noise.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from zoo.fwi.inversion.misfits import misfit
from zoo.fwi.models import training as fwi_training
from zoo.fwi.models.inversion import WaveInversion, siren
from zoo.settings import changed
from zoo.training.recipe import Recipe


def build(network: bool) -> WaveInversion:
    """Return the network: a wave equation, a time step its cell, the velocities its weights (eqs. 1 and 2).

    Or, with `network`, one whose velocities another network gives, which has the weights.
    """
    return WaveInversion(network=siren() if network else None)


def compile(model: WaveInversion, settings: Mapping[str, Any], steps: int) -> None:
    """Misfit of the records (eq. 3) and optimizer; the gradient is back-propagation through time."""
    model.compile(fwi_training.optimizer(settings), misfit(settings["misfit"]), jit_compile=False)


RECIPE = Recipe(
    name="fdrnn_folded",
    summary="Models shots over an inverted synthetic section: a wave equation whose velocities were trained.",
    fine_tunes=False,
    settings=changed(fwi_training.SETTINGS, dataset="velocity_models/synthetic_folded"),
    build=build,
    before_fit=fwi_training.acquire,  # the dataset's grid, its start, sources and receivers
    stages=fwi_training.stages(compile),
    score=fwi_training.score,
    golden=fwi_training.middle_shot,
    card={**fwi_training.CARD, "licence": "Apache-2.0; the earth is synthetic"},
    tags={
        "adam100": {},
        "cg100": {"optimizer": "cg"},
        "lbfgs100": {"optimizer": "l-bfgs-b"},
        # The same number of gradients, four updates with each.
        "practice100": {"batch_size": 3, "learning_rate": 20.0, "bounds": (1450.0, 4900.0)},
    },
    smoke={"epochs": 2, "shots": 2, "batch_size": 2, "validation_shots": 1, "time_samples": 300},
)
