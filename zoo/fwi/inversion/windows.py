"""Which data count in a stage: offsets, mutes, and a window after the first arrival."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from zoo.errors import ZooError
from zoo.fwi.inversion.survey import Survey

if TYPE_CHECKING:
    from zoo.fwi.inversion.fit import Settings

# A trace arrives where it first has this part of its largest amplitude.
_ARRIVED = 0.05
# Windows rise and fall over this long, or this many samples.
_RAMP_S, _RAMP_SAMPLES = 0.1, 4


def first_arrivals(traces: np.ndarray) -> np.ndarray:
    """Return the sample (S, R) at which traces (S, T, R) without noise arrive: first at 5 % of their largest amplitude.

    >>> first_arrivals(np.array([[[0.0], [0.01], [0.3], [1.0]]]))
    array([[2]])
    """
    size = np.abs(traces)
    return np.argmax(size >= _ARRIVED * np.maximum(size.max(axis=1, keepdims=True), 1e-30), axis=1)


def offsets_m(survey: Survey, spacing_m: float) -> np.ndarray:
    """Return the horizontal distance (S, R) between sources and receivers; the vertical one where all lie in a column.

    >>> survey = Survey(np.zeros((1, 9)), np.array([[1, 5]]), np.array([[1, 2.5], [1, 9]]), 0.001)
    >>> offsets_m(survey, 10.0)
    array([[25., 40.]])
    """
    apart = np.abs(survey.sources[:, None] - survey.receivers) * spacing_m  # receivers (R, 2), or each shot's own
    return apart[..., 1 if np.ptp(survey.receivers[..., 1]) or np.ptp(survey.sources[:, 1]) else 0]


def of_stage(survey: Survey, settings: Settings, number: int, spacing_m: float, arrivals: np.ndarray | None) -> Survey:
    """Return the survey with the weights and windows of a stage.

    Args:
        survey: with observed traces.
        settings: `mute_m`, `mute_early`, `offsets_m`, `windows_s`.
        number: of the stage, from 1.
        spacing_m: grid spacing.
        arrivals: (S, R) samples of the first arrivals in the start; needed for windows and `mute_early`.

    Raises:
        ZooError: no trace is left.
    """
    far_m, window_s = (
        values[min(number, len(values)) - 1] if values else np.inf
        for values in (settings.offsets_m, settings.windows_s)
    )
    weights = np.ones((len(survey.sources), survey.receivers.shape[-2]), np.float32)
    weights = weights if survey.weights is None else survey.weights.copy()
    offset_m = offsets_m(survey, spacing_m)
    weights[(offset_m < settings.mute_m) | (offset_m > far_m)] = 0
    if not weights.any():
        raise ZooError(
            f"No trace is left in stage {number}: offsets go from {offset_m.min():g} to {offset_m.max():g} m, mute_m "
            f"is {settings.mute_m:g} and offsets_m {far_m:g}. Widen them."
        )
    windows = None
    if settings.mute_early or np.isfinite(window_s):
        samples = survey.observed.shape[1]
        ramp = max(_RAMP_SAMPLES, _RAMP_S / survey.time_step_s)
        begin = arrivals if settings.mute_early else np.full(weights.shape, -2 * ramp)
        end = arrivals + window_s / survey.time_step_s if np.isfinite(window_s) else np.full(weights.shape, samples)
        windows = np.stack([begin - ramp, begin, end, end + ramp], -1).astype(np.float32)
    return replace(survey, weights=weights if (weights != 1).any() else None, windows=windows)
