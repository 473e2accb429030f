"""Do events gather on a map of seismicity beyond what the background does by itself? ResNet-101.

Paper   Zhang & Yang, text S1, figures S1 and S2, tables S1 to S6
Data    seismicity_maps/medium (datasets/seismicity_maps) for validation; every step sees fresh maps
Cost    54 CPU-minutes of training on 2 shared cores; 86 MB
Run     zoo train seismicity_resnet101
"""

from __future__ import annotations

import keras

from zoo.seismicity.models import training as seismicity_training
from zoo.seismicity.models.residual import SeismicityClassifier


@keras.saving.register_keras_serializable(package="zoo")
class SeismicityResNet101(SeismicityClassifier):
    """Event counts (n, 64, 64, channels) to probabilities (n, 2): background, anomalous; as `SeismicityClassifier`."""

    recipe_name = "seismicity_resnet101"

    def __init__(self, depth: int = 101, **config):
        super().__init__(depth, **config)


_SHORT = {"epochs": 6, "steps_per_epoch": 500}  # an hour of a CPU; more would be better
RECIPE = seismicity_training.recipe(SeismicityResNet101, 101, single=_SHORT, history=_SHORT, etas=_SHORT)
