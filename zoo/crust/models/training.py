"""What models of crustal thickness learn and measure outside of `fit`, shared by their recipes.

Dataset, noise and splits of Cheng et al. (2019), section 3; scores in km and as calibration, which the
paper does not state.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from zoo.crust.models.crust import CrustModel, MixtureCrustModel, PointCrustModel
from zoo.settings import Setting
from zoo.training.recipe import Records, Stage, data_settings, learning_rate
from zoo.training.schedules import cosine

# The curves that say what is familiar, and the part of them that shall be.
_FAMILIAR_CURVES, _FAMILIAR_PART = 50_000, 0.999
COVERAGES = (0.50, 0.68, 0.90, 0.95)
# Relative sd of the noise of the scores.
_SCORED_NOISE = {"_noise_free": 0.0, "": 0.005, "_noise_1": 0.01}

SETTINGS = {
    **data_settings("prem_dispersion/cheng2019", "train[:95%]", "train[95%:]"),
    "noise_relative": Setting(
        0.005,
        "relative sd of the noise of a curve without error bars",
        "section 3.2",
        low=0.0,
    ),
}
SIGMOID = {
    "schedule": Setting(
        "stable",
        "literal: gradient descent at rate 1; stable: Adam at a rate that rises, then falls to zero",
        "literal: B of table 1; stable: ours",
        choices=("stable", "literal"),
    ),
    **learning_rate(3e-3, "ours; of the stable schedule"),
}
MIXTURE = {
    "width": Setting(192, "units of a hidden layer", "ours", unit="units", low=1),
    "blocks": Setting(4, "residual blocks", "ours", unit="blocks", low=1),
    "components": Setting(8, "normal distributions of the mixture", "ours", low=1),
    "noise_lowest": Setting(0.001, "lowest relative sd of the noise in training", "ours", low=1e-6),
    "noise_highest": Setting(0.03, "highest relative sd of the noise in training", "ours", low=1e-6),
    "uneven": Setting(0.2, "part of the curves whose sd varies with frequency", "ours", low=0.0, high=1.0),
    "correlated": Setting(0.2, "part of the curves whose errors are correlated", "ours", low=0.0, high=1.0),
    "incomplete": Setting(0.2, "part of the curves with missing periods", "ours", low=0.0, high=1.0),
    **learning_rate(2e-3, "ours; rises for a twentieth of the updates, then falls to zero"),
}
CARD = {
    "inputs": "(n, F) float32: Rayleigh phase velocities in km/s at model.frequency_hz (ascending), NaN where missing",
    "outputs": "(n, 1) float32: crustal thickness in km; model.posterior(velocities, sd) for its distribution",
    "licence": "weights: Apache-2.0; the dataset is synthetic",
    "citation": "Cheng et al. (2019), Inverting Rayleigh surface wave velocities for crustal thickness in eastern "
    "Tibet and the western Yangtze craton based on deep learning neural networks",
}


def adapt(
    model: CrustModel,
    records: Records,
    settings: Mapping[str, Any],
    about: Mapping[str, Any],
    depth_km: Sequence[float] = (),
) -> None:
    """Give the model the dataset's frequencies and range, and the statistics of the training curves.

    Args:
        depth_km: (D,) where the model is to give shear velocities.
    """
    model.configure(about["frequency_hz"], about["prior"]["moho_km"], depth_km)
    curves = records["phase_velocity_km_s"]
    model.network.features.adapt(curves)
    some = curves[:: max(1, len(curves) // _FAMILIAR_CURVES)].astype(np.float64)
    relative_sd = np.full(some.shape, model.noise_relative)
    distance = model.distance(noisy(some, model.noise_relative), relative_sd)
    model.familiar_distance.assign(np.quantile(distance, _FAMILIAR_PART))


def noisy(curves: np.ndarray, relative_sd: float, seed: int = 0) -> np.ndarray:
    """Return curves (n, F) with white noise of relative_sd."""
    noise = np.random.default_rng(seed).standard_normal(curves.shape, np.float32)
    return curves * (1 + relative_sd * noise)


def thickness_examples(
    model: PointCrustModel, records: Records, settings: Mapping[str, Any]
) -> tuple[np.ndarray, np.ndarray]:
    """Return noise-free curves, which get their noise in the network, and the thickness (n, 1) in 0 to 1."""
    low, high = model.moho_range_km
    part = (records["moho_depth_km"][:, None] - low) / (high - low)
    return records["phase_velocity_km_s"], part.astype(np.float32)


def noisy_thickness_examples(
    model: PointCrustModel, records: Records, settings: Mapping[str, Any]
) -> tuple[np.ndarray, np.ndarray]:
    """Return curves with white noise of the default sd, always the same, and the thickness in 0 to 1."""
    curves, part = thickness_examples(model, records, settings)
    return noisy(curves, model.noise_relative), part


def sigmoid_stage() -> Stage:
    """Return the stage that trains a network of sigmoid layers, `model.network`, on thickness."""
    return Stage(
        "network",
        thickness_examples,
        compile_sigmoid,
        trained_part=lambda model: model.network,
        validation_examples=noisy_thickness_examples,
        by_record=True,
    )


def measure_errors(model: PointCrustModel, records: Records, settings: Mapping[str, Any]) -> None:
    """Measure on held-out curves how far the answers of a model err, and keep it in the model."""
    curves = noisy(records["phase_velocity_km_s"], model.noise_relative, seed=1)
    model.measure_errors(curves, records["moho_depth_km"])


def mixture_builder(model_class: type[MixtureCrustModel]) -> Callable[..., MixtureCrustModel]:
    """Return the `build` of a recipe: settings to the untrained model; training gives it frequencies."""

    def build(
        width: int,
        blocks: int,
        components: int,
        noise_relative: float,
        noise_lowest: float,
        noise_highest: float,
        uneven: float,
        correlated: float,
        incomplete: float,
    ) -> MixtureCrustModel:
        noise = {"lowest": noise_lowest, "highest": noise_highest}
        noise |= {"uneven": uneven, "correlated": correlated, "incomplete": incomplete}
        return model_class(width, blocks, components, noise, noise_relative=noise_relative)

    return build


def mixture_targets(model: MixtureCrustModel, records: Records) -> np.ndarray:
    """Return (n, 2) float32: the logit of the thickness, and ln of d(km) / d(logit).

    With the latter the loss is -ln of a density per km, a positive number for errors above 0.25 km.
    """
    low, high = model.moho_range_km
    logit = ops.convert_to_numpy(model.logit(records["moho_depth_km"]))[:, None]
    part = 1 / (1 + np.exp(-logit))
    return np.concatenate([logit, np.log((high - low) * part * (1 - part))], axis=1).astype(np.float32)


def mixture_stage(targets: Callable[[Any, Records], np.ndarray]) -> Stage:
    """Return the stage that trains a mixture density network, `model.network`.

    Noise-free curves get their noise in the network; validation has white noise of the default sd, always the same.

    Args:
        targets: targets(model, records) -> what the loss takes.
    """

    def examples(model, records, settings):
        return records["phase_velocity_km_s"], targets(model, records)

    def validation_examples(model, records, settings):
        return noisy(records["phase_velocity_km_s"], model.noise_relative), targets(model, records)

    return Stage(
        "network",
        examples,
        compile_mixture,
        trained_part=lambda model: model.network,
        validation_examples=validation_examples,
        by_record=True,
    )


def compile_mixture(network: keras.Model, settings: Mapping[str, Any], steps: int) -> None:
    """Adam with a learning rate that rises for a twentieth of the steps and falls to zero along a cosine."""

    def loss(true, outputs):
        return network.negative_log_likelihood(true[:, :-1], outputs) + true[:, -1]

    compile_part(network, settings, steps, loss)


def compile_sigmoid(part: keras.Model, settings: Mapping[str, Any], steps: int) -> None:
    """Half the squared error, by the paper's schedule or by the one that trains reliably.

    `literal`: gradient descent at rate 1 (B of table 1). `stable`: Adam, as for the mixtures; recipes/ssae_crust.py
    says why.
    """

    def half_squared_error(true, predicted):
        return 0.5 * ops.sum((true - predicted) ** 2, axis=-1)

    if settings["schedule"] == "stable":
        compile_part(part, settings, steps, half_squared_error)
        return
    part.compile(
        keras.optimizers.SGD(1.0),
        loss=half_squared_error,
        steps_per_execution=max(1, steps // settings["epochs"]),
        jit_compile=True,
    )


def compile_part(network: keras.Model, settings: Mapping[str, Any], steps: int, loss: Any) -> None:
    """Compile with Adam and a cosine schedule; whole epochs run in one call of the compiled step."""
    rate = cosine(settings["learning_rate"], steps, warm_up=steps // 20)
    network.compile(
        keras.optimizers.Adam(rate, clipnorm=1.0),
        loss=loss,
        steps_per_execution=max(1, steps // settings["epochs"]),
        jit_compile=True,
    )


def score(model: CrustModel, records: Records) -> dict[str, float]:
    """Return RMS errors in km and, at 0.5 % of noise, how true the stated probabilities are.

    `coverage_P`: in how many percent of the cases the truth lies in the central interval of P percent.
    `pit_ks`: Kolmogorov-Smirnov distance of the probability integral transform from uniform.
    """
    curves, true_km = records["phase_velocity_km_s"].astype(np.float64), records["moho_depth_km"]
    scores: dict[str, float] = {}
    for name, relative_sd in _SCORED_NOISE.items():
        measured = noisy(curves, relative_sd)
        if model.uses_error_bars:
            posterior = model.posterior(measured, relative_sd * curves)
            found_km = posterior.mean_km
        else:
            posterior, found_km = model.posterior(measured), model.answers_km(measured)
        scores[f"rms_km{name}"] = float(np.sqrt(np.mean((found_km - true_km) ** 2)))
        if not name:
            scores |= calibration(posterior.cdf(true_km))
    return scores


def calibration(probability: np.ndarray) -> dict[str, float]:
    """Return coverages in percent and `pit_ks` of the probability (n,) below each truth."""
    covered = {
        f"coverage_{round(100 * part)}": 100 * float(np.mean(np.abs(probability - 0.5) < part / 2))
        for part in COVERAGES
    }
    ordered = np.sort(probability)
    steps = np.arange(len(ordered) + 1) / len(ordered)
    distance = np.maximum(steps[1:] - ordered, ordered - steps[:-1]).max()
    return {**covered, "pit_ks": float(distance)}


def held_out_curves(model: CrustModel, records: Records, settings: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Return 20 curves with noise, as a user has them, the model's answer and the truth."""
    curves = noisy(records["phase_velocity_km_s"][:20], model.noise_relative).astype(np.float32)
    return {
        "phase_velocity_km_s": curves,
        "predicted": np.asarray(model(curves)),
        "moho_depth_km": records["moho_depth_km"][:20],
    }
