"""What a model of surface waves of any kind stores and answers, and what it learns from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from zoo.crust.models.training import compile_part
from zoo.crust.models.wave_network import KINDS, WaveNetwork, WaveNoise
from zoo.data.blocks import mean_and_sd
from zoo.serving import ServedModel
from zoo.training.recipe import Records, Stage

FEATURES = ("phase_velocity_km_s", "group_velocity_km_s", "love_phase_velocity_km_s", "love_group_velocity_km_s")
"""Features of a record of prem_dispersion with all waves, in the order of KINDS."""
_EDGE = 1e-4  # distance from the ends of the prior's range, as a part of it, at which logits are cut off
# Nodes of Gauss-Hermite quadrature over each normal distribution of the thickness: what follows from it is averaged.
_QUADRATURE = 3
_CHUNK = 2048  # curves that the networks are given at once


class WaveModel(ServedModel):
    """Velocities (n, 4 F) in km/s at the nodes of four kinds of waves to thickness and Vs, (n, 1 + D).

    NaN is missing. Called, the model takes errors of `noise_relative` for phase and twice that for group velocities;
    `zoo.crust.waves` carries measurements at any periods, with any errors, to its nodes, and gives whole posteriors.

    A model without frequencies is not yet made for a dataset: `configure` does that, once.

    Args:
        network: arguments of `WaveNetwork` but for frequencies, depths and range.
        noise: arguments of `WaveNoise` but for the frequencies.
        bank: number of the training curves that the model keeps, to say what is familiar.
        noise_relative: relative sd of phase velocities whose error is not stated.
        frequency_hz: (F,), ascending, the nodes of each kind.
        moho_range_km: (2,), lowest and highest thickness of the prior.
        depth_km: (D,), depths of the shear velocities.
    """

    answers = "crust.thickness"
    uses_error_bars = True
    layout = (
        "velocities in km/s, (n, 4 x nodes): Rayleigh phase, Rayleigh group, Love phase, Love group; NaN is missing"
    )

    def __init__(
        self,
        network: Mapping[str, Any],
        noise: Mapping[str, float],
        bank: int,
        noise_relative: float = 0.01,
        frequency_hz: Sequence[float] = (),
        moho_range_km: Sequence[float] = (),
        depth_km: Sequence[float] = (),
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.of_network, self.of_noise, self.bank_size = dict(network), dict(noise), int(bank)
        self.noise_relative = noise_relative
        self.frequency_hz = self.moho_range_km = self.depth_km = np.zeros(0)
        if len(frequency_hz):
            self.configure(frequency_hz, moho_range_km, depth_km)

    def configure(
        self, frequency_hz: Sequence[float], moho_range_km: Sequence[float], depth_km: Sequence[float]
    ) -> None:
        """Give the model its nodes, the prior's range and depths, and create every weight."""
        self.frequency_hz = np.asarray(frequency_hz, np.float64)
        self.moho_range_km = np.asarray(moho_range_km, np.float64)
        self.depth_km = np.asarray(depth_km, np.float64)
        noise = {**self.of_noise, "frequency_hz": self.frequency_hz.tolist()}
        self.network = WaveNetwork(
            noise, self.depth_km.tolist(), self.moho_range_km.tolist(), **self.of_network, name="network"
        )
        nodes, depths = len(KINDS) * len(self.frequency_hz), len(self.depth_km)
        self.network.build((None, 2 * nodes + 1))  # as it serves: an export traces the parts with their shapes, too

        def weight(name: str, shape: tuple[int, ...]):
            return self.add_weight(shape=shape, initializer="zeros", trainable=False, name=name)

        self.vs_mean_km_s, self.vs_scale_km_s = weight("vs_mean_km_s", (depths,)), weight("vs_scale_km_s", (depths,))
        # Training curves in standard deviations from the mean, with their thickness and velocities.
        self.bank = weight("bank", (self.bank_size, nodes))
        self.bank_moho_km = weight("bank_moho_km", (self.bank_size,))
        self.bank_vs_km_s = weight("bank_vs_km_s", (self.bank_size, depths))
        self.build(self.input_shape)

    def takes(self):
        return keras.InputSpec(shape=(None, len(KINDS) * len(self.frequency_hz)), dtype="float32")

    def logit(self, moho_km):
        """Return ln((moho - low) / (high - moho)), a coordinate in which the prior's range has no ends."""
        low, high = self.moho_range_km
        part = np.clip((np.asarray(moho_km, np.float64) - low) / (high - low), _EDGE, 1 - _EDGE)
        return np.log(part / (1 - part))

    def call(self, velocity_km_s):
        present = ops.isfinite(velocity_km_s)
        f = len(self.frequency_hz)
        usual = np.repeat([self.noise_relative * (2 if "group" in kind else 1) for kind in KINDS], f).astype(np.float32)
        logs = ops.log(ops.where(present, velocity_km_s, 1.0))
        sd = ops.where(present, usual * ops.ones_like(logs), 0.0)
        outputs = self.network(ops.concatenate([logs, sd, 0.0 * logs[:, :1]], axis=-1))
        weight, moho_km, _, velocities, _ = self.spread(outputs)
        vs = ops.convert_to_tensor(self.vs_mean_km_s) + ops.convert_to_tensor(self.vs_scale_km_s) * velocities
        answers = ops.concatenate([moho_km[..., None], vs], axis=-1)
        return ops.sum(weight[..., None] * answers, axis=1)

    def spread(self, outputs):
        """Return the posterior as a sum of normal distributions of the standardised velocities.

        Args:
            outputs: of the network.

        Returns:
            Weights (n, M), thickness in km (n, M), its logit (n, M), locations (n, M, D) and precision factors
            (n, M, D, D); M counts the normal distributions of the thickness, nodes of quadrature, and those of the
            velocities.
        """
        log_weight, location, sd = self.network.thickness(outputs)
        nodes, shares = np.polynomial.hermite_e.hermegauss(_QUADRATURE)
        shares = (shares / shares.sum()).astype(np.float32)
        logit = location[..., None] + sd[..., None] * nodes.astype(np.float32)
        count = self.network.components * _QUADRATURE
        logit = ops.reshape(logit, (-1, count))
        weight = ops.reshape(ops.exp(log_weight)[..., None] * shares, (-1, count))
        repeated = ops.reshape(ops.repeat(outputs[:, None, :], count, axis=1), (-1, outputs.shape[-1]))
        part, where, factor = self.network.profile(repeated, ops.reshape(logit, (-1, 1)))
        k, d = self.network.profile_components, len(self.depth_km)
        weight = ops.reshape(weight[..., None] * ops.reshape(ops.exp(part), (-1, count, k)), (-1, count * k))
        logit = ops.repeat(logit, k, axis=1)
        low, high = (float(end) for end in self.moho_range_km)
        moho_km = low + (high - low) * ops.sigmoid(logit)
        return (
            weight,
            moho_km,
            logit,
            ops.reshape(where, (-1, count * k, d)),
            ops.reshape(factor, (-1, count * k, d, d)),
        )

    def outputs(self, observed: np.ndarray) -> np.ndarray:
        """Return the network's outputs for any number of `observed` curves (n, 8 F + 1)."""
        parts = [observed[i : i + _CHUNK].astype(np.float32) for i in range(0, len(observed), _CHUNK)]
        return np.concatenate([ops.convert_to_numpy(self.network(part)) for part in parts])

    def get_config(self):
        config = {"name": self.name, "network": self.of_network, "noise": self.of_noise, "bank": self.bank_size}
        config["noise_relative"] = self.noise_relative
        for key in ("frequency_hz", "moho_range_km", "depth_km"):
            config[key] = getattr(self, key).tolist()
        return config

    @classmethod
    def from_config(cls, config):
        return cls(**config)


def log_curves(records: Records) -> np.ndarray:
    """Return ln(velocity in km/s) of records of prem_dispersion with all waves at the nodes, (n, 4 F) float32."""
    return np.concatenate([_log(records[name]) for name in FEATURES], axis=1)


def _log(velocity_km_s: np.ndarray) -> np.ndarray:
    return np.log(velocity_km_s).astype(np.float32)


def adapt(model: WaveModel, records: Records, settings: Mapping[str, Any], about: Mapping[str, Any]) -> None:
    """Give the model the dataset's nodes and range, statistics of the training curves, and some of them."""
    model.configure(about["frequency_hz"], about["prior"]["moho_km"], about["depth_km"])
    of_kinds = [mean_and_sd(records[name], _log) for name in FEATURES]
    mean, sd = (np.concatenate(part) for part in zip(*of_kinds, strict=True))
    model.network.mean.assign(mean)
    model.network.sd.assign(sd)
    vs_mean, vs_scale = mean_and_sd(records["vs_km_s"])
    model.vs_mean_km_s.assign(vs_mean)
    model.vs_scale_km_s.assign(vs_scale)
    kept = slice(0, model.bank_size)
    curves = log_curves({name: records[name][kept] for name in FEATURES})
    if len(curves) < model.bank_size:
        raise ValueError(f"the bank takes {model.bank_size} curves; there are {len(curves)}")

    def halved(values):  # exact in float16, in which a checkpoint then stores it
        return np.asarray(values, np.float16).astype(np.float32)

    model.bank.assign(halved((curves - mean) / sd))
    model.bank_moho_km.assign(halved(records["moho_depth_km"][kept]))
    model.bank_vs_km_s.assign(halved(records["vs_km_s"][kept]))


def targets(model: WaveModel, records: Records) -> np.ndarray:
    """Return (n, 1 + D) float32: the logit of the thickness, and standardised velocities."""
    mean, scale = (ops.convert_to_numpy(part) for part in (model.vs_mean_km_s, model.vs_scale_km_s))
    logit = model.logit(records["moho_depth_km"])[:, None]
    return np.concatenate([logit, (records["vs_km_s"] - mean) / scale], axis=1).astype(np.float32)


def stage() -> Stage:
    """Return the stage that trains `model.network`: measurements are drawn anew from whole curves in every step."""

    def examples(model, records, settings):
        return log_curves(records), targets(model, records)

    def validation_examples(model, records, settings):
        curves = log_curves(records)
        noise = WaveNoise(**{**model.of_noise, "frequency_hz": model.frequency_hz.tolist()})  # always the same draws
        return ops.convert_to_numpy(noise.measure(curves)), targets(model, records)

    def compile_network(network, settings, steps):
        compile_part(network, settings, steps, network.negative_log_likelihood)

    return Stage(
        "network",
        examples,
        compile_network,
        trained_part=lambda model: model.network,
        validation_examples=validation_examples,
        by_record=True,
    )
