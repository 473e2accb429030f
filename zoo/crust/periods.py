"""Periods of a map and of a model: matching them, and what to do where they do not fit."""

from __future__ import annotations

from typing import Any

import numpy as np

from zoo.crust.maps import DispersionMap
from zoo.files import read_json

# A period of the map counts as one of the model's if it differs by no more than this part.
_SAME_PERIOD = 0.01
# Between two of the map's periods a curve is interpolated if they are at most this many of the model's steps apart:
# every second frequency of the model is enough (the paper's own 2.5 mHz), every third is not.
_MAX_GAP_STEPS = 2.1
# A point is inverted if it has velocities at this part of the model's frequencies or more.
LEAST_PRESENT = 0.5
# Periods below this see the sediments, which only the continental prior has.
_SEDIMENT_PERIOD_S = 15
# What a model of other periods costs: synthetic Earths to train on, CPU-seconds for each of their frequencies, seconds
# of training on 2 cores.
_TRAINING_EARTHS, _EARTH_S, _TRAINING_S = 300_000, 2.5e-5, 600.0


def match_periods(
    velocities: DispersionMap, frequency_hz: np.ndarray
) -> tuple[np.ndarray, np.ndarray | None, np.ndarray]:
    """Return a map's curves at a model's frequencies: velocity (n, F), error bar (n, F) or None, interpolated (F,).

    A period of the map within 1 % is taken as it is. The others are interpolated in log period, velocities by a
    monotone cubic (Fritsch & Butland 1984) and error bars linearly, between two of the map's periods that both have
    data and are at most about two of the model's steps apart. Everything else is NaN.

    Args:
        velocities: the map.
        frequency_hz: (F,), ascending.
    """
    from scipy.interpolate import PchipInterpolator

    known, wanted = np.log(np.asarray(velocities.period_s, np.float64)), -np.log(np.asarray(frequency_hz, np.float64))
    velocity = np.asarray(velocities.phase_velocity_km_s, np.float64)
    error = None if velocities.sd_km_s is None else np.asarray(velocities.sd_km_s, np.float64)
    out = np.full((len(velocity), len(wanted)), np.nan)
    out_error = None if error is None else out.copy()
    nearest = np.abs(known[:, np.newaxis] - wanted).argmin(axis=0)
    same = np.abs(known[nearest] - wanted) <= np.log1p(_SAME_PERIOD)
    out[:, same] = velocity[:, nearest[same]]
    if error is not None:
        out_error[:, same] = error[:, nearest[same]]

    right = np.searchsorted(known, wanted).clip(1, max(1, len(known) - 1))
    steps = np.abs(np.diff(wanted))
    local = np.maximum(np.append(steps, 0), np.insert(steps, 0, 0)) if len(steps) else np.zeros(1)
    limit = _MAX_GAP_STEPS * np.maximum(local, steps.mean() if len(steps) else 0)
    between = np.zeros(len(wanted), bool)
    if len(known) > 1:
        inside = (wanted > known[0]) & (wanted < known[-1])
        between = ~same & inside & (known[right] - known[right - 1] <= limit)
    if between.any():
        left, right = right[between] - 1, right[between]
        share = (wanted[between] - known[left]) / (known[right] - known[left])
        filled = np.full((len(velocity), len(left)), np.nan)
        patterns, pattern = np.unique(np.isfinite(velocity), axis=0, return_inverse=True)
        for number, has in enumerate(patterns):
            usable = has[left] & has[right]
            if usable.any():
                rows = np.flatnonzero(pattern.ravel() == number)
                curve = PchipInterpolator(known[has], velocity[np.ix_(rows, has)], axis=1)
                filled[np.ix_(rows, usable)] = curve(wanted[between][usable])
        out[:, between] = filled
        if error is not None:
            out_error[:, between] = error[:, left] * (1 - share) + error[:, right] * share
    as_float = None if out_error is None else out_error.astype(np.float32)
    return out.astype(np.float32), as_float, between


def misfit(velocities: DispersionMap, frequency_hz: np.ndarray, present: np.ndarray, name: str, model: Any) -> str:
    """Return a message: a map's periods do not fit the model, and how to get one that does."""
    mapped, wanted = np.asarray(velocities.period_s, np.float64), 1 / frequency_hz
    fitting = [other for other, f in _other_models() if _share(velocities, f) >= LEAST_PRESENT and other != name]
    low, high = (float(v) for v in model.moho_range_km)
    steps = np.diff(mapped)
    if len(steps) and np.allclose(steps, steps[0], rtol=1e-3):
        periods = f"{mapped[0]:g}:{mapped[-1]:g}:{steps[0]:g}"
    else:
        periods = ",".join(f"{period:g}" for period in mapped)
    prior = " prior=continental" if mapped.min() < _SEDIMENT_PERIOD_S else ""
    minutes = _TRAINING_EARTHS * _EARTH_S * len(mapped) / 60 / 2, _TRAINING_S / 60
    instead = f"Use --model {fitting[0]}, whose periods fit; or make" if fitting else "Make"
    return (
        f"The map has periods of {mapped.min():g} to {mapped.max():g} s, and the model {name} needs {len(wanted)} of "
        f"{wanted.min():.3g} to {wanted.max():.3g} s: no point has data at half of them (at best at "
        f"{present.sum(axis=1).max()}). {instead} a model that fits (about {max(1, round(minutes[0]))} + "
        f"{round(minutes[1])} minutes on 2 cores): "
        f"zoo prepare prem_dispersion/NAME --set periods_s={periods}{prior} moho_km={low:g}:{high:g} "
        f"models={_TRAINING_EARTHS} "
        "and then zoo train mdn_crust --set dataset=prem_dispersion/NAME --out checkpoints/mdn_crust.NAME"
    )


def _other_models() -> list[tuple[str, np.ndarray]]:
    """Return names and frequencies of the crust models at hand, without loading them."""
    from zoo import checkpoint, registry

    found = []
    for name, folder in registry.folders().items():
        config = read_json(folder / checkpoint.CONFIG, "Checkpoint configuration")["model"].get("config", {})
        if "crust" in name and config.get("frequency_hz"):
            found.append((name, np.asarray(config["frequency_hz"], np.float64)))
    return sorted(found, key=lambda item: (not item[0].startswith("mdn_crust"), item[0]))


def _share(velocities: DispersionMap, frequency_hz: np.ndarray) -> float:
    """Return the share of a model's frequencies that the best point of a map has."""
    return float(np.isfinite(match_periods(velocities, frequency_hz)[0]).mean(axis=1).max())
