"""Crustal thickness from Rayleigh phase velocities: one hidden layer, the paper's comparison.

Paper   Cheng et al. 2019, section 4, figure 10
Data    prem_dispersion/cheng2019 (datasets/prem_dispersion)
Cost    1 CPU-minute on 2 cores
Run     zoo train shallow_crust
"""

from __future__ import annotations

from collections.abc import Sequence

import keras

from zoo.crust.models import training as crust_training
from zoo.crust.models.crust import PointCrustModel
from zoo.settings import Setting
from zoo.training.recipe import Recipe, fit_settings


@keras.saving.register_keras_serializable(package="zoo")
class ShallowCrust(PointCrustModel):
    """Phase velocities (n, F) in km/s at `frequency_hz` to crustal thickness (n, 1) in km.

    Like `ssae_crust`, with one hidden layer and no pretraining. It takes the arguments of
    `PointCrustModel`.
    """

    recipe_name = "shallow_crust"


def build(units: Sequence[int], noise_relative: float) -> ShallowCrust:
    """Return the untrained model; training gives it frequencies."""
    return ShallowCrust(units, noise_relative=noise_relative)


RECIPE = Recipe(
    name="shallow_crust",
    summary="Gives crustal thickness from Rayleigh phase velocities by a network with one hidden layer.",
    settings={
        **crust_training.SETTINGS,
        "units": Setting([200], "units of the hidden layer", "ours: as many as the first layer of ssae_crust", low=1),
        **crust_training.SIGMOID,
        **fit_settings(batch_size=1000, epochs=100),
    },
    build=build,
    before_fit=crust_training.adapt,
    stages=[crust_training.sigmoid_stage()],
    measure=crust_training.measure_errors,
    score=crust_training.score,
    golden=crust_training.held_out_curves,
    card=crust_training.CARD,
    tags={"cheng2019": {}},
    smoke={"dataset": "prem_dispersion/mini", "epochs": 3, "units": [20], "batch_size": 100},
)
