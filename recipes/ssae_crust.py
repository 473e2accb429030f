"""Crustal thickness from Rayleigh phase velocities: a stacked sparse autoencoder.

Paper   Cheng et al. 2019, sections 2 and 3, table 1
Data    prem_dispersion/cheng2019 (datasets/prem_dispersion)
Cost    4 CPU-minutes on 2 cores
Run     zoo train ssae_crust

Two schedules. `literal` is the paper's: gradient descent at rate 1, batches of 50 to 10,000. In ten epochs it trains
structures of two hidden layers; deeper ones stay at the mean of the prior (`zoo reproduce crust-table-1`): the sparsity
penalty at its literal weight wipes out the code; with `sparsity_weight=0` they train (page of the crust).
`stable` has the same units with Adam and a learning rate that falls to zero.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras
from keras import ops

from zoo.crust.models import training as crust_training
from zoo.crust.models.crust import PointCrustModel
from zoo.crust.models.dispersion import sigmoid_layer
from zoo.settings import Setting
from zoo.training.recipe import Recipe, Stage, fit_settings


@keras.saving.register_keras_serializable(package="zoo")
class SSAECrust(PointCrustModel):
    """Phase velocities (n, F) in km/s at `frequency_hz` to crustal thickness (n, 1) in km.

    Sigmoid layers, each pretrained as an autoencoder of what the layer below gives, with one sigmoid
    unit on top: 0 and 1 are the ends of the prior's range. A curve with a missing period has NaN for
    an answer. It takes the arguments of `PointCrustModel`.
    """

    recipe_name = "ssae_crust"


class SparseAutoencoder(keras.Model):
    """A layer (eq. 1) with a decoder (eq. 2) that is thrown away after pretraining.

    In training a part of the inputs is set to zero, and the layer pays for activations that are not
    sparse: beta times `kl_sparsity` (eq. 3).

    Args:
        layer: the built layer to pretrain, sigmoid.
        masked: the part of the inputs that is set to zero (C of table 1).
        beta: weight of the penalty (D of table 1).
        rho: sparsity parameter.
    """

    def __init__(self, layer: keras.layers.Dense, masked: float, beta: float, rho: float):
        super().__init__()
        self.layer, self.masked, self.beta, self.rho = layer, masked, beta, rho
        self.decoder = sigmoid_layer(layer.kernel.shape[0])
        self.decoder.build((None, layer.units))
        self.random = keras.random.SeedGenerator(0)
        self.build((None, layer.kernel.shape[0]))

    def build(self, input_shape):
        """Layer and decoder are made already."""

    def call(self, inputs, training=False):
        visible = inputs
        if training:
            kept = keras.random.uniform(ops.shape(inputs), seed=self.random) >= self.masked
            visible = inputs * ops.cast(kept, inputs.dtype)
        code = self.layer(visible)
        if self.beta:
            self.add_loss(self.beta * kl_sparsity(code, self.rho))
        return self.decoder(code)


def kl_sparsity(code, rho: float):
    """Return the sum over units of KL(rho || mean activation) of activations (n, units), eq. 3."""
    mean = ops.clip(ops.mean(code, axis=0), 1e-6, 1 - 1e-6)
    return ops.sum(rho * ops.log(rho / mean) + (1 - rho) * ops.log((1 - rho) / (1 - mean)))


def build(units: Sequence[int], noise_relative: float) -> SSAECrust:
    """Return the untrained model; training gives it frequencies."""
    return SSAECrust(units, noise_relative=noise_relative)


def stages(settings: Mapping[str, Any]) -> list[Stage]:
    """Return the pretraining of each hidden layer, from below, and the training of the whole network."""
    return [
        *(pretraining_of(number, settings) for number in range(len(settings["units"]))),
        crust_training.sigmoid_stage(),
    ]


def pretraining_of(number: int, settings: Mapping[str, Any]) -> Stage:
    """Return the stage that trains a hidden layer as an autoencoder of what the layer below gives.

    The sparsity penalty is on the first (note D of table 1).
    """

    def part(model):
        beta = 0.0 if number else settings["sparsity_weight"]
        return SparseAutoencoder(
            model.network.hidden[number], settings["masked_fraction"], beta, settings["sparsity_target"]
        )

    def codes(model, records, settings):
        curves = crust_training.noisy(records["phase_velocity_km_s"], model.noise_relative, seed=1 + number)
        codes = model.codes(curves, number)
        return codes, codes

    return Stage(
        f"layer-{number + 1}",
        codes,
        crust_training.compile_sigmoid,
        trained_part=part,
        settings={"epochs": settings["pretraining_epochs"]},
    )


# Layers between the curve and the output, D: weight of the sparsity penalty, E: epochs, F: batch size.
TABLE_1 = (
    ([50, 10], 0.3, 10, 10_000),
    ([50, 10], 0.3, 10, 1000),
    ([50, 10], 0.3, 10, 100),
    ([50, 10], 0.3, 100, 1000),
    ([50, 10], 0.3, 100, 100),
    ([50, 10], 0.01, 100, 100),
    ([10, 2], 0.01, 100, 100),
    ([100, 50, 20], 0.5, 100, 100),
    ([200, 50, 20, 10], 0.5, 100, 100),
    ([200, 100, 50, 20, 10, 5], 0.5, 100, 100),
    ([200, 100, 50, 20, 10, 5], 0.5, 100, 50),
    ([50, 40, 30, 20, 10, 5], 0.5, 100, 50),
)


def _table_1() -> dict[str, dict[str, Any]]:
    tags = {}
    for row, (units, weight, epochs, batch_size) in enumerate(TABLE_1, start=1):
        structure = {"units": units, "sparsity_weight": weight, "batch_size": batch_size}
        epochs_of = {"epochs": epochs, "pretraining_epochs": epochs}
        tags[f"table1_{row:02d}"] = {**structure, **epochs_of, "schedule": "literal"}
    return tags


RECIPE = Recipe(
    name="ssae_crust",
    summary="Gives crustal thickness from Rayleigh phase velocities by a stacked sparse autoencoder.",
    settings={
        **crust_training.SETTINGS,
        "units": Setting(
            [200, 100, 50, 20, 10, 5], "units of the hidden layers", "table 1, the starred structure", low=1
        ),
        "masked_fraction": Setting(
            0.5, "part of a layer's inputs that is set to zero in pretraining", "C of table 1", low=0.0, high=1.0
        ),
        "sparsity_weight": Setting(0.5, "weight of the penalty of eq. 3, on the first layer", "D of table 1", low=0.0),
        "sparsity_target": Setting(0.05, "rho of eq. 3, the mean activation", "ours: not stated", low=1e-6, high=1.0),
        **crust_training.SIGMOID,
        "pretraining_epochs": Setting(
            5, "epochs of each layer's pretraining", "ours; E of table 1", unit="epochs", low=0
        ),
        **fit_settings(batch_size=1000, epochs=100, source="ours; E and F of table 1"),
    },
    build=build,
    before_fit=crust_training.adapt,
    stages=stages,
    measure=crust_training.measure_errors,
    score=crust_training.score,
    golden=crust_training.held_out_curves,
    card=crust_training.CARD,
    tags={"cheng2019": {}, **_table_1()},
    smoke={
        "dataset": "prem_dispersion/mini",
        "epochs": 3,
        "pretraining_epochs": 2,
        "units": [20, 10],
        "batch_size": 100,
    },
)
