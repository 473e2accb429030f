"""Do events gather on a map of seismicity beyond what the background does by itself? ResNet-34.

Paper   Zhang & Yang, text S1, figures S1 and S2, tables S1 to S6
Data    seismicity_maps/medium (datasets/seismicity_maps) for validation; every step sees fresh maps
Cost    26 CPU-minutes of training after ResNet-18 (.single), from which it is grown; on 2 shared cores; 43 MB
Run     zoo train seismicity_resnet34
"""

from __future__ import annotations

import keras

from zoo.seismicity.models import training as seismicity_training
from zoo.seismicity.models.residual import SeismicityClassifier


@keras.saving.register_keras_serializable(package="zoo")
class SeismicityResNet34(SeismicityClassifier):
    """Event counts (n, 64, 64, channels) to probabilities (n, 2): background, anomalous; as `SeismicityClassifier`."""

    recipe_name = "seismicity_resnet34"

    def __init__(self, depth: int = 34, **config):
        super().__init__(depth, **config)


_GROWN = {"epochs": 3, "learning_rate": 0.02}
RECIPE = seismicity_training.recipe(
    SeismicityResNet34,
    34,
    single={**_GROWN, "grown_from": "seismicity_resnet18.single"},
    history={**_GROWN, "grown_from": "seismicity_resnet18.history"},
    etas={**_GROWN, "grown_from": "seismicity_resnet18.history"},
)
