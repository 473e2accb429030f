"""Do events gather on a map of seismicity beyond what the background does by itself? ResNet-18.

Paper   Zhang & Yang, text S1, figures S1 and S2, tables S1 to S6
Data    seismicity_maps/medium (datasets/seismicity_maps) for validation; every step sees fresh maps
Cost    30 CPU-minutes of training (.single), 13 (.history), 12 (.etas, width 16), on 2 shared cores; 22, 22, 2 MB
Run     zoo train seismicity_resnet18
"""

from __future__ import annotations

import keras

from zoo.seismicity.models import training as seismicity_training
from zoo.seismicity.models.residual import SeismicityClassifier


@keras.saving.register_keras_serializable(package="zoo")
class SeismicityResNet18(SeismicityClassifier):
    """Event counts (n, 64, 64, channels) to probabilities (n, 2): background, anomalous; as `SeismicityClassifier`."""

    recipe_name = "seismicity_resnet18"

    def __init__(self, depth: int = 18, **config):
        super().__init__(depth, **config)


RECIPE = seismicity_training.recipe(
    SeismicityResNet18, 18, single={"epochs": 7}, history={"epochs": 3}, etas={"width": 16, "epochs": 4}
)
