"""Thickness and Vs of the crust and upper mantle from surface waves of any kind at any periods: one posterior for all.

Paper   ours; after Cheng et al. 2019 (future work), DispFormer (Liu et al. 2025: any periods, phase and group, gaps)
Data    prem_dispersion/surface_waves; surface_waves.global: prem_dispersion/global_waves (datasets/prem_dispersion)
Cost    19 CPU-minutes of training (.global 13), after those of the dataset; 8 MB
Run     zoo train surface_waves
"""

from __future__ import annotations

from typing import Any

import keras

from zoo.crust import wave_scores
from zoo.crust.models import waves
from zoo.crust.models.waves import WaveModel
from zoo.settings import Setting
from zoo.training.recipe import Recipe, data_settings, fit_settings, learning_rate


@keras.saving.register_keras_serializable(package="zoo")
class SurfaceWaves(WaveModel):
    """Rayleigh and Love waves, phase and group, from 4 to 150 s, to thickness in km and Vs in km/s, (n, 1 + D).

    Measurements at any three or more periods are carried to 40 nodes of each kind by a Gaussian conditional mean
    (`zoo.crust.waves`); in training the network sees other kinds, bands, gaps and errors of every Earth each time. It
    takes the arguments of `WaveModel`.
    """

    recipe_name = "surface_waves"


def build(
    width: int,
    blocks: int,
    components: int,
    profile_width: int,
    profile_components: int,
    profile_weight: float,
    noise_relative: float,
    noise_lowest: float,
    noise_highest: float,
    correlated: float,
    uneven: float,
    bank: int,
) -> SurfaceWaves:
    """Settings to the untrained model; training gives it its nodes."""
    network: dict[str, Any] = {"width": width, "blocks": blocks, "components": components}
    network |= {"profile_width": profile_width, "profile_components": profile_components}
    network["profile_weight"] = profile_weight
    noise = {"lowest": noise_lowest, "highest": noise_highest, "correlated": correlated, "uneven": uneven}
    return SurfaceWaves(network, noise, bank, noise_relative)


RECIPE = Recipe(
    name="surface_waves",
    summary="Gives thickness of the crust and Vs with depth, jointly distributed, from Rayleigh and Love waves of any "
    "three or more periods.",
    settings={
        **data_settings("prem_dispersion/surface_waves", "train[:97%]", "train[97%:]"),
        "width": Setting(256, "units of a hidden layer", "ours", unit="units", low=1),
        "blocks": Setting(4, "residual blocks", "ours", unit="blocks", low=1),
        "components": Setting(8, "normal distributions of the thickness", "ours", low=1),
        "profile_width": Setting(160, "units of a layer of the network of velocities", "ours", unit="units", low=1),
        "profile_components": Setting(2, "normal distributions of the velocities, given a thickness", "ours", low=1),
        "profile_weight": Setting(0.2, "weight of the likelihood of the velocities in the loss", "ours", low=0.0),
        "noise_relative": Setting(0.01, "relative sd of phase velocities without error bars", "ours", low=1e-6),
        "noise_lowest": Setting(0.0015, "lowest relative sd of the noise in training", "ours", low=1e-6),
        "noise_highest": Setting(0.05, "highest relative sd of phase velocities in training", "ours", low=1e-6),
        "correlated": Setting(0.2, "part of the curves whose errors are correlated", "ours", low=0.0, high=1.0),
        "uneven": Setting(0.5, "part of the curves whose sd varies with period", "ours", low=0.0, high=1.0),
        "bank": Setting(12_000, "training curves that the model keeps, to know what is familiar", "ours", low=300),
        **learning_rate(1.5e-3, "ours; rises for a twentieth of the updates, then falls to zero"),
        **fit_settings(batch_size=512, epochs=64),
    },
    build=build,
    before_fit=waves.adapt,
    stages=[waves.stage()],
    score=wave_scores.score,
    golden=wave_scores.held_out_curves,
    card={
        "inputs": "(n, 4 F) float32: Rayleigh phase, Rayleigh group, Love phase and Love group velocities in km/s at "
        "model.frequency_hz (ascending), NaN where missing",
        "outputs": "(n, 1 + D) float32: crustal thickness in km, shear velocities in km/s at model.depth_km; "
        "zoo.crust.waves for the distribution from any periods and errors",
        "licence": "weights: Apache-2.0; the dataset is synthetic",
        "citation": "Cheng et al. (2019), Inverting Rayleigh surface wave velocities for crustal thickness in eastern "
        "Tibet and the western Yangtze craton based on deep learning neural networks",
    },
    tags={"continental": {}, "global": {"dataset": "prem_dispersion/global_waves", "epochs": 48}},
    smoke={
        "dataset": "prem_dispersion/mini_waves",
        "epochs": 3,
        "width": 32,
        "blocks": 1,
        "profile_width": 32,
        "bank": 1000,
        "batch_size": 128,
    },
)
