"""Emulator of microseismic traces: principal components and Gaussian processes.

Paper   Spurio Mancini et al. 2021, Solid Earth 12, 1683, method C: R2D 0.9433 on its own dataset
Data    microseismic/marine (datasets/microseismic), or the paper's traces (tag kwave2021)
Cost    23 to 33 CPU-seconds for a receiver, all of them for Gaussian processes
Run     zoo train pca_gp_emulator
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from zoo.microseismic.models import emulator_training
from zoo.microseismic.models.compression import PrincipalComponents
from zoo.microseismic.models.emulator import Emulator
from zoo.microseismic.models.gaussian_process import GaussianProcess
from zoo.settings import Setting


@keras.saving.register_keras_serializable(package="zoo")
class PCAGPEmulator(Emulator):
    """Coordinates of sources in km, (n, 3), to traces (n, receivers, samples), unit of the dataset.

    A Gaussian process for each of 20 principal components gives the trace's shape, two more its time and
    amplitude (section 2.2.3, figure 3C).

    Args:
        components: how many.
        code_points: inducing points of a component's process.
        **emulator: see `zoo.microseismic.models.emulator.Emulator`.
    """

    recipe_name = "pca_gp_emulator"

    def __init__(self, components: int = 20, code_points: int = 256, **emulator):
        self._codes = (components, code_points)
        super().__init__(**emulator)

    def make_network(self) -> keras.Model:
        components, points = self._codes
        self.code_processes = GaussianProcess(points, outputs=components, precise=False, name="code_processes")
        self.components = PrincipalComponents(components, self.samples, name="components")
        network = keras.Sequential([self.code_processes, self.components], name="network")
        network.build((None, len(self.rays_km), self.source_features.smooth))
        return network

    def frames(self, features):
        return self.network(features[..., : self.source_features.smooth])

    def get_config(self):
        components, points = self._codes
        return {**super().get_config(), "components": components, "code_points": points}


def fit_processes(model: PCAGPEmulator, records: Mapping[str, np.ndarray], settings: Mapping[str, Any]) -> None:
    """Fit the processes of the principal components."""
    features, frames, _ = emulator_training.frames(model, records, settings)
    emulator_training.fit_code_processes(model, features, model.components.encode(frames), settings)


RECIPE = emulator_training.recipe(
    PCAGPEmulator,
    {
        **emulator_training.WEIGHTS,
        "components": Setting(20, "principal components", "section 2.2.3", low=1),
        "code_points": Setting(
            256, "inducing points of each component's Gaussian process", "ours", unit="points", low=2
        ),
    },
    before_fit=emulator_training.adapt_components,
    stages=[],  # no network
    after_fit=fit_processes,
)
