"""Full-waveform inversion of Marmousi-II as the training of a recurrent network.

Paper   Sun et al., section "The synthetic example of Marmousi", figures 16 to 21
Data    velocity_models/marmousi2_fwi (datasets/velocity_models; the file comes by --manual-dir)
Cost    100 CPU-seconds on 2 cores; needs the file of Marmousi-II
Run     zoo train fdrnn_marmousi

The network is a wave equation: a time step is a cell, the velocity grid its only weight, the shots its examples. 12
shots are fired over the whole width and heard at every column, near the top of the water; the paper's 12 lie 25 m
apart. The start is the true model smoothed by a Gaussian. The observed shots come from the same finite differences
that invert them (an "inverse crime") and have no noise: what is measured is the optimizer, not the method on real data.
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
    name="fdrnn_marmousi",
    summary="Models shots over an inverted Marmousi-II: a wave equation whose velocities were trained.",
    fine_tunes=False,
    settings=changed(
        fwi_training.SETTINGS,
        dataset="velocity_models/marmousi2_fwi",
        peak_hz=3.0,  # 99 % of its energy lies below 5.9 Hz; 6 have five points in a wavelength in water
        time_step_s=0.0054,  # stable up to 5670 m/s; the fastest rock has 4767
    ),
    build=build,
    before_fit=fwi_training.acquire,  # the dataset's grid, its start, sources and receivers
    stages=fwi_training.stages(compile),
    score=fwi_training.score,
    golden=fwi_training.middle_shot,
    card={
        **fwi_training.CARD,
        "licence": "code: Apache-2.0; the velocities derive from Marmousi-II, which is cited and not redistributed",
    },
    tags={
        "adam100": {},
        "cg100": {"optimizer": "cg"},
        "lbfgs100": {"optimizer": "l-bfgs-b"},
        # The same number of gradients, four updates with each; bounds allow a longer time step and so a longer record.
        "practice100": {
            "batch_size": 3,
            "learning_rate": 20.0,
            "bounds": (1450.0, 4900.0),
            "time_step_s": 0.0058,
        },
    },
    smoke={"epochs": 2, "shots": 2, "batch_size": 2, "validation_shots": 1, "time_samples": 300, "peak_hz": 2.5},
)
