"""Full-waveform inversion of four layers in one dimension as the training of a recurrent network.

Paper   Sun et al., section "The depth-varying model", figures 5 to 15
Data    velocity_models/layered_1d (datasets/velocity_models): 2000, 3000, 4000, 5000 m/s, a start linear in depth
Cost    11 CPU-seconds
Run     zoo train fdrnn_1d

One source and one receiver at the top of a column of cells. The paper gives neither spacing nor wavelet nor how the
data are scaled; ours are scaled to an rms of 1, so its learning rates of GD and momentum are not ours. The observed
trace comes from the same finite differences that invert it (an "inverse crime") and has no noise.
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
    name="fdrnn_1d",
    summary="Models a trace over an inverted stack of layers: a wave equation whose velocities were trained.",
    fine_tunes=False,
    settings=changed(
        fwi_training.SETTINGS,
        dataset="velocity_models/layered_1d",
        shots=1,
        batch_size=1,
        time_samples=1200,
        epochs=300,
    ),
    build=build,
    before_fit=fwi_training.acquire,  # the dataset's grid, its start, sources and receivers
    stages=fwi_training.stages(compile),
    score=fwi_training.score,
    golden=fwi_training.middle_shot,
    card={**fwi_training.CARD, "licence": "Apache-2.0; the earth is synthetic"},
    tags={
        "adam300": {},
        "cg300": {"optimizer": "cg"},
        "lbfgs300": {"optimizer": "l-bfgs-b"},
    },
    smoke={"epochs": 3, "time_samples": 400, "learning_rate": 4.0},
)
