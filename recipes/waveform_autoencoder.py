"""Convolutional autoencoder of three-component seismograms, whose encoder gives other recipes their features.

Paper   Kong et al. 2021, sections 2.2 and 4.1, figures 1, 3 and 4
Data    local_seismograms/earthquakes_20hz (synthetic); the paper's is stead/kong2021_autoencoder
Cost    131 CPU-seconds of training (over68), 261 (over34), 76 (under68)
Run     zoo train waveform_autoencoder
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from zoo.seismograms.models import scores as waveform_scores
from zoo.seismograms.models import training as waveform_training
from zoo.seismograms.models.autoencoder import WaveformDecoder, WaveformEncoder, WaveformModel
from zoo.seismograms.models.training import WaveformRecipe
from zoo.settings import Setting
from zoo.training.recipe import Stage, data_settings, fit_settings, learning_rate


@keras.saving.register_keras_serializable(package="zoo")
class ConvolutionalAutoencoder(keras.Model):
    """Normalised windows (n, samples, 3) to themselves, through a code (n, bottleneck, maps) of few features.

    Args:
        sizes: samples, bottleneck, maps, stem of encoder and decoder.
        sparsity_weight: weight of the L1 penalty, the sum over the features of a window's code, mean over windows. The
            penalty is part of the training loss; the validation loss is the mean absolute error alone.
    """

    def __init__(self, sizes: dict, sparsity_weight: float = 0.0, **kwargs):
        super().__init__(**kwargs)
        self.sizes, self.sparsity_weight = dict(sizes), sparsity_weight
        self.encoder = WaveformEncoder(**sizes, name="encoder")
        self.decoder = WaveformDecoder(**sizes, name="decoder")

    def build(self, input_shape):
        self.encoder.build(input_shape)
        self.decoder.build(self.encoder.compute_output_shape(input_shape))

    def call(self, windows, training=False):
        code = self.encoder(windows)
        if training and self.sparsity_weight:
            # The code is >= 0.
            self.add_loss(self.sparsity_weight * ops.mean(ops.sum(code, axis=(1, 2))))
        return self.decoder(code)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "sizes": self.sizes, "sparsity_weight": self.sparsity_weight}


@keras.saving.register_keras_serializable(package="zoo")
class WaveformAutoencoder(WaveformModel):
    """Windows (n, 540, 3) at 20 Hz, components Z, N, E, any unit and offset, to their reconstruction, -1 to 1.

    The reconstruction (n, 540, 3) is that of the normalised window: the mean of each component is removed, and all are
    divided by the largest absolute value. `code` gives the features (n, bottleneck, maps).

    Args:
        bottleneck: length of the code, 68, 34 or 17.
        maps: feature maps of the third and all further layers; 128 is overcomplete, 8 undercomplete.
        stem: feature maps of the first two, which the paper does not state.
        sparsity_weight: see `ConvolutionalAutoencoder`.
        **window: see `zoo.seismograms.models.autoencoder.WaveformModel`.
    """

    recipe_name = "waveform_autoencoder"
    answers = "seismograms.features"

    def __init__(
        self,
        bottleneck: int = 68,
        maps: int = 128,
        stem: Sequence[int] = (16, 32),
        sparsity_weight: float = 1e-5,
        **window,
    ):
        super().__init__(**window)
        sizes = {"samples": self.samples, "bottleneck": bottleneck, "maps": maps, "stem": [int(n) for n in stem]}
        self.network = ConvolutionalAutoencoder(sizes, sparsity_weight, name="network")

    def code(self, waveforms):
        """Return the features (n, bottleneck, maps), all >= 0, of windows."""
        return self.network.encoder(self.prepare(waveforms))

    def get_config(self):
        sizes = {key: value for key, value in self.network.sizes.items() if key != "samples"}
        return {**super().get_config(), **sizes, "sparsity_weight": self.network.sparsity_weight}


def build(bottleneck: int, maps: int, stem: Sequence[int], sparsity_weight: float) -> WaveformAutoencoder:
    """Return the untrained model."""
    model = WaveformAutoencoder(bottleneck, maps, stem, sparsity_weight)
    model.build(model.input_shape)
    return model


def examples(
    model: WaveformAutoencoder, records: Mapping[str, np.ndarray], settings: Mapping[str, Any]
) -> tuple[np.ndarray, np.ndarray]:
    """Return normalised windows as input, and the same windows as target."""
    windows = model.prepared(records["waveform"])
    return windows, windows


def compile(network: keras.Model, settings: Mapping[str, Any], steps: int) -> None:
    """Compile with the mean absolute error (section 2.2); the penalty of the code is added by the network."""
    waveform_training.compile_part(network, settings, steps, "mean_absolute_error", settings["learning_rate"])


def held_out_windows(
    model: WaveformAutoencoder, records: Mapping[str, np.ndarray], settings: Mapping[str, Any]
) -> dict[str, np.ndarray]:
    """Return five held-out windows and their reconstructions."""
    waveform = records["waveform"][:5]
    return {"waveform": waveform, "predicted": model.outputs(waveform)}


RECIPE = WaveformRecipe(
    name="waveform_autoencoder",
    summary="Encodes 27 s of a three-component seismogram into features and reconstructs it. As shipped: trained on "
    "SYNTHETIC local earthquakes.",
    settings={
        **data_settings("local_seismograms/earthquakes_20hz"),
        "bottleneck": Setting(68, "length of the code: 68, 34 or 17", "section 2.2, figure 3", unit="samples", low=1),
        "maps": Setting(128, "feature maps of the third and all further layers", "section 2.2", low=1),
        "stem": Setting([16, 32], "feature maps of the first layers", "ours; the paper does not state them", low=1),
        "sparsity_weight": Setting(
            1e-5,
            "weight of the L1 penalty: of the sum over a window's features",
            "ours; with 10e-5 (section 2.2) the code becomes zero",
            low=0.0,
        ),
        **waveform_training.SCHEDULE,
        **learning_rate(3e-3, "ours; table 1 has 0.01 for the applications"),
        **fit_settings(batch_size=64, epochs=12, source="ours: minutes on a CPU; section 2.2 has a patience of 20"),
        "scored_on": waveform_training.SCORED_ON,
    },
    build=build,
    features=waveform_scores.FEATURES,
    stages=[Stage("network", examples, compile, trained_part=lambda model: model.network, by_record=True)],
    measure=waveform_training.refuse_collapse,
    score=waveform_scores.reconstruction_score,
    golden=held_out_windows,
    card={
        "inputs": waveform_training.INPUTS,
        "outputs": "(n, 540, 3) float32: the reconstruction, normalised as the input is inside; model.code(windows) "
        "gives the features (n, bottleneck, maps)",
        "licence": waveform_training.LICENCE,
        "citation": waveform_training.CITATION,
    },
    tags={
        "over68": {},
        "over34": {"bottleneck": 34},
        "under68": {"maps": 8, "sparsity_weight": 0.0},
    },
    smoke={"train_split": "train[:500]", "maps": 8, "epochs": 3, "batch_size": 16},
)
