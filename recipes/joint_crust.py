"""Crustal thickness and shear velocities together from Rayleigh phase velocities: a joint mixture density network.

Paper   Cheng et al. 2019 name it as future work (section 1); after Devilee et al. 1999, Meier et al. 2007
Data    prem_dispersion/cheng2019 (datasets/prem_dispersion)
Cost    15 CPU-minutes on 2 cores
Run     zoo train joint_crust
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
from keras import ops

from zoo.crust.models import training as crust_training
from zoo.crust.models.crust import MixtureCrustModel
from zoo.data.blocks import mean_and_sd
from zoo.settings import changed
from zoo.training.recipe import Recipe, fit_settings


@keras.saving.register_keras_serializable(package="zoo")
class JointCrust(MixtureCrustModel):
    """Phase velocities (n, F) in km/s to thickness in km and shear velocities in km/s, (n, 1 + D).

    The velocities are those at `depth_km` (D,). A residual network gives a mixture of multivariate
    normal distributions, of full covariance, of logit((thickness - low) / (high - low)) and the
    standardised velocities: at a depth near the Moho the velocity is a crust's or a mantle's, and which
    one depends on the thickness. Called, the model gives means for white noise of `noise_relative`.
    Noise and arguments as in `mdn_crust`.
    """

    recipe_name = "joint_crust"

    @property
    def dimensions(self) -> int:
        return 1 + len(self.depth_km)

    def add_own_weights(self) -> None:
        shape = (len(self.depth_km),)
        self.vs_mean_km_s = self.add_weight(shape=shape, initializer="zeros", trainable=False, name="vs_mean_km_s")
        self.vs_scale_km_s = self.add_weight(shape=shape, initializer="ones", trainable=False, name="vs_scale_km_s")

    def call(self, phase_velocity_km_s):
        log_weight, location, factor = self.network.parameters(self.network(phase_velocity_km_s))
        thickness_km = self.expected_km(log_weight, location[..., 0], 1.0 / factor[..., 0, 0])
        standardised = ops.sum(ops.exp(log_weight)[..., None] * location[..., 1:], axis=1)
        return ops.concatenate([thickness_km, self.vs_mean_km_s + self.vs_scale_km_s * standardised], axis=-1)

    def posterior(self, phase_velocity_km_s, sd_km_s=None, noise_correlation: float = 0.0):
        """Return a `JointPosterior`; for the arguments of `CrustModel.posterior`, and the correlation of the noise.

        `noise_correlation` is that at a distance of 0.1 in ln(frequency), 0 for independent errors.
        """
        from zoo.crust.posterior import JointPosterior

        mixture = self.mixture(phase_velocity_km_s, sd_km_s, noise_correlation)
        statistics = (ops.convert_to_numpy(self.vs_mean_km_s), ops.convert_to_numpy(self.vs_scale_km_s))
        return JointPosterior(*mixture, self.moho_range_km, *statistics)


def adapt(
    model: JointCrust, records: Mapping[str, np.ndarray], settings: Mapping[str, Any], about: Mapping[str, Any]
) -> None:
    """Give the model what every crust model has, depths, and mean and sd of the velocities there."""
    crust_training.adapt(model, records, settings, about, about["depth_km"])
    mean, sd = mean_and_sd(records["vs_km_s"])
    model.vs_mean_km_s.assign(mean)
    model.vs_scale_km_s.assign(sd)


def targets(model: JointCrust, records: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return (n, 1 + D + 1) float32: logit of the thickness, standardised velocities, and a logarithm.

    With the last, the loss is -ln of a density per km of thickness and per 0.01 km/s of each velocity.
    """
    thickness = crust_training.mixture_targets(model, records)
    mean, scale = (ops.convert_to_numpy(part) for part in (model.vs_mean_km_s, model.vs_scale_km_s))
    volume = thickness[:, 1:] + np.log(scale / 0.01).sum()
    return np.concatenate([thickness[:, :1], (records["vs_km_s"] - mean) / scale, volume], axis=1)


def score(model: JointCrust, records: Mapping[str, np.ndarray]) -> dict[str, float]:
    """Return the scores of the thickness, and of the velocities at 0.5 % of noise.

    `rms_vs_km_s`: RMS error over all depths; `coverage_vs_68`: how often, in percent, a velocity lies
    within one sd of the mean.
    """
    curves = records["phase_velocity_km_s"].astype(np.float64)
    posterior = model.posterior(crust_training.noisy(curves, 0.005), 0.005 * curves)
    residual = records["vs_km_s"] - posterior.vs_mean_km_s
    return {
        **crust_training.score(model, records),
        "rms_vs_km_s": float(np.sqrt(np.mean(residual**2))),
        "coverage_vs_68": 100 * float(np.mean(np.abs(residual) < posterior.vs_sd_km_s)),
    }


RECIPE = Recipe(
    name="joint_crust",
    summary="Gives crustal thickness and shear velocities at fixed depths, with their joint distribution.",
    settings={
        **crust_training.SETTINGS,
        **changed(
            crust_training.MIXTURE,
            width=160,
            blocks=3,
            components=4,
            noise_lowest=0.0005,
            uneven=0.3,
            correlated=0.3,
            incomplete=0.3,
        ),
        **fit_settings(batch_size=1024, epochs=60),
    },
    build=crust_training.mixture_builder(JointCrust),
    before_fit=adapt,
    stages=[crust_training.mixture_stage(targets)],
    score=score,
    golden=crust_training.held_out_curves,
    card={
        **crust_training.CARD,
        "outputs": "(n, 1 + D) float32: crustal thickness in km and shear velocities in km/s at model.depth_km; "
        "model.posterior(velocities, sd) for their distribution",
    },
    tags={"cheng2019": {}},
    smoke={
        "dataset": "prem_dispersion/mini",
        "epochs": 3,
        "width": 32,
        "blocks": 1,
        "components": 2,
        "batch_size": 128,
    },
)
