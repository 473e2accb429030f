"""Scores of models of surface waves: published sets of periods, on Earths that the model has not seen."""

from __future__ import annotations

from typing import Any

import numpy as np

from zoo.crust.models.wave_network import KINDS
from zoo.crust.models.waves import log_curves
from zoo.crust.nodes import Nodes
from zoo.crust.posterior import MohoPosterior
from zoo.crust.waves import wave_posterior

PERIOD_SETS_S = {
    "short_period": tuple(float(t) for t in range(5, 41)),
    "usant15": (5.0, 6.0, 8.0, 10.0, 12.0, 15.0, 20.0, 25.0, 30.0, 35.0, 40.0),
    "aswms": (20.0, 25.0, 32.0, 40.0, 50.0, 60.0, 80.0, 100.0),
    "gdm52": (25.0, 30.0, 35.0, 40.0, 45.0, 50.0, 60.0, 75.0, 100.0),
    "every_5": tuple(float(t) for t in range(5, 41, 5)),
    "ambient": (*(float(t) for t in range(8, 21, 2)), 25.0, 30.0, 35.0, 40.0),
    "priestley": (10.0, 15.0, 20.0, 25.0, 30.0, 40.0, 50.0, 60.0, 70.0, 80.0, 90.0, 100.0),
    "every_10": tuple(float(t) for t in range(30, 101, 10)),
    "three": (24.0, 30.0, 40.0),
    "csrm": (*(float(t) for t in range(8, 51, 2)), 54.0, 58.0, 62.0, 66.0, 70.0),
}
"""Ten sets of periods that practitioners have, in s."""
PHASE, BOTH = ("rayleigh_phase",), ("rayleigh_phase", "rayleigh_group")
_VS_DEPTHS_KM = (20.0, 40.0, 80.0, 120.0)
_LEVELS = (0.50, 0.68, 0.90, 0.95)
_SCORED = (("short_period", PHASE), ("short_period", BOTH), ("usant15", BOTH), ("aswms", BOTH), ("csrm", BOTH))


def measured(
    nodes: Nodes,
    logs: np.ndarray,
    periods_s: tuple[float, ...],
    kinds: tuple[str, ...],
    relative_sd: float,
    seed: int = 1,
) -> dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Return noisy measurements of whole curves (n, 4, F), as `zoo.crust.waves` takes them.

    Group velocities have twice the relative sd of phase velocities.
    """
    random, curves = np.random.default_rng(seed), {}
    for kind in kinds:
        sd = relative_sd * (2 if kind.endswith("group") else 1)
        true = np.exp(nodes.at(kind, np.array(periods_s), logs[:, KINDS.index(kind)].astype(np.float64)))
        curves[kind] = (np.array(periods_s), true * (1 + sd * random.standard_normal(true.shape)), sd * true)
    return curves


def score_set(
    model: Any,
    nodes: Nodes,
    records: Any,
    name: str,
    kinds: tuple[str, ...],
    relative_sd: float = 0.01,
    vs: bool = False,
) -> dict[str, float]:
    """Return the scores of one set of periods: rms_km, coverages in per cent, and, if asked for, of Vs.

    Args:
        model: the `WaveModel`.
        nodes: its nodes.
        records: of prem_dispersion with all waves.
        name: of `PERIOD_SETS_S`.
        kinds: what is measured.
        relative_sd: of phase velocities.
        vs: score the velocities too.
    """
    logs = log_curves(records).reshape(-1, len(KINDS), len(model.frequency_hz))
    posterior = wave_posterior(model, measured(nodes, logs, PERIOD_SETS_S[name], kinds, relative_sd), nodes=nodes)
    true_km = records["moho_depth_km"].astype(np.float64)
    scores = {"rms_km": float(np.sqrt(np.mean((posterior.mean_km - true_km) ** 2)))}
    probability = MohoPosterior.cdf(posterior, true_km)
    scores |= {f"coverage_{100 * p:.0f}": 100 * float(np.mean(np.abs(probability - 0.5) < p / 2)) for p in _LEVELS}
    if vs:
        error = posterior.vs_mean_km_s - records["vs_km_s"]
        below = posterior.vs_cdf(records["vs_km_s"])
        for depth in _VS_DEPTHS_KM:
            at = int(np.abs(model.depth_km - depth).argmin())
            scores[f"rms_vs_{depth:.0f}_km_s"] = float(np.sqrt(np.mean(error[:, at] ** 2)))
        for p in _LEVELS:
            scores[f"coverage_vs_{100 * p:.0f}"] = 100 * float(np.mean(np.abs(below - 0.5) < p / 2))
    return scores


def score(model: Any, records: Any) -> dict[str, float]:
    """Return a card's scores, at 1 % of noise (group velocities 2 %): see `score_set`.

    At most 4,000 Earths: `benchmarks/surface_waves.py` takes all of them and all ten sets.
    """
    records = {name: values[:4000] for name, values in records.items()}
    nodes, scores = Nodes(model), {}
    for name, kinds in _SCORED:
        found = score_set(model, nodes, records, name, kinds, vs=name == "csrm")
        what = f"{name}_{'phase' if kinds == PHASE else 'both'}"
        scores |= {f"{what}_{key}": value for key, value in found.items() if key != "coverage_90"}
    return scores


def held_out_curves(model: Any, records: Any, settings: Any) -> dict[str, np.ndarray]:
    """Return 20 curves at the nodes, each with kinds and periods missing, the model's answer and the truth."""
    random = np.random.default_rng(0)
    curves = np.exp(log_curves({name: values[:20] for name, values in records.items()}))
    curves = (curves * (1 + 0.01 * random.standard_normal(curves.shape))).astype(np.float32)
    f = len(model.frequency_hz)
    curves[5:, 2 * f :] = np.nan  # no Love waves
    curves[10:, f:] = np.nan  # Rayleigh phase velocities alone
    curves[:, ::3] = np.nan
    truth = {"moho_depth_km": records["moho_depth_km"][:20], "vs_km_s": records["vs_km_s"][:20]}
    return {"node_velocity_km_s": curves, "predicted": np.asarray(model(curves), np.float32), **truth}
