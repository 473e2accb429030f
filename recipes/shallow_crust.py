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
from zoo.training.recipe import Recipe


@keras.saving.register_keras_serializable(package="zoo")
class ShallowCrust(PointCrustModel):
    """Phase velocities (n, F) in km/s at `frequency_hz` to crustal thickness (n, 1) in km.

    Like `ssae_crust`, with one hidden layer and no pretraining. Arguments as of `PointCrustModel`.
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
        "units": [200],  # the paper does not say how many; as many as the first layer of ssae_crust
        "schedule": "stable",
        "learning_rate": 3e-3,
        "batch_size": 1000,
        "epochs": 100,
    },
    build=build,
    adapt=crust_training.adapt,
    examples=crust_training.thickness_examples,
    validation_examples=crust_training.noisy_thickness_examples,
    trained_part=lambda model: model.network,
    compile=crust_training.compile_sigmoid,
    finish=crust_training.measure_errors,
    score=crust_training.score,
    sample=crust_training.held_out_sample,
    card=crust_training.CARD,
    tags={"cheng2019": {}},
    smoke={"dataset": "prem_dispersion/mini", "epochs": 3, "units": [20], "batch_size": 100},
)
