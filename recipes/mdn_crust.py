"""Crustal thickness from Rayleigh phase velocities, as a probability distribution: a mixture density network.

Paper   Cheng et al. 2019 name it as future work (section 4); after Devilee et al. 1999, Meier et al. 2007
Data    prem_dispersion/cheng2019 (datasets/prem_dispersion), or short_period for periods of 5 to 40 s
Cost    14 CPU-minutes on 2 cores
Run     zoo train mdn_crust
"""

from __future__ import annotations

import keras

from zoo.crust.models import training as crust_training
from zoo.crust.models.crust import MixtureCrustModel
from zoo.training.recipe import Recipe, fit_settings


@keras.saving.register_keras_serializable(package="zoo")
class MDNCrust(MixtureCrustModel):
    """Phase velocities (n, F) in km/s at `frequency_hz`, NaN where missing, to thickness (n, 1) in km.

    A residual network gives the weights, locations and sds of normal distributions of
    logit((thickness - low) / (high - low)). Called, the model gives the mean for white noise of
    `noise_relative`; `posterior` gives the distribution for the user's own errors.

    In training every curve gets noise of another kind each time it is seen (`MeasurementNoise`), and the
    network is told which: relative sd of each velocity, correlation, what is missing. So one network
    answers for good and bad data, and is calibrated for each. It takes the arguments of
    `MixtureCrustModel`.
    """

    recipe_name = "mdn_crust"

    def call(self, phase_velocity_km_s):
        log_weight, location, factor = self.network.parameters(self.network(phase_velocity_km_s))
        return self.expected_km(log_weight, location[..., 0], 1.0 / factor[..., 0, 0])

    def posterior(self, phase_velocity_km_s, sd_km_s=None, noise_correlation: float = 0.0):
        """Return a `MohoPosterior`; for the arguments of `CrustModel.posterior`, and the correlation of the noise.

        `noise_correlation` is that at a distance of 0.1 in ln(frequency), 0 for independent errors.
        """
        from zoo.crust.posterior import MohoPosterior

        log_weight, location, factor = self.mixture(phase_velocity_km_s, sd_km_s, noise_correlation)
        return MohoPosterior(log_weight, location[..., 0], 1 / factor[..., 0, 0], self.moho_range_km)


RECIPE = Recipe(
    name="mdn_crust",
    summary="Gives the probability distribution of crustal thickness from Rayleigh phase velocities and their errors.",
    settings={
        **crust_training.SETTINGS,
        **crust_training.MIXTURE,
        **fit_settings(batch_size=1024, epochs=80),
    },
    build=crust_training.mixture_builder(MDNCrust),
    before_fit=crust_training.adapt,
    stages=[crust_training.mixture_stage(crust_training.mixture_targets)],
    score=crust_training.score,
    golden=crust_training.held_out_curves,
    card=crust_training.CARD,
    tags={
        "cheng2019": {},
        # Regional maps, of ambient noise mostly: errors of 1 % and more.
        "short_period": {
            "dataset": "prem_dispersion/short_period",
            "noise_relative": 0.01,
            "noise_highest": 0.05,
            "epochs": 60,
        },
    },
    smoke={"dataset": "prem_dispersion/mini", "epochs": 3, "width": 32, "blocks": 1, "batch_size": 128},
)
