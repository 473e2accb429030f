"""Acquisition, examples and scores of inversions that a recipe trains, shared by the fdrnn recipes.

The observed shots are simulated from the true model by the layer that inverts them: an "inverse crime". No error of
the physics, the wavelet or the geometry is in the data, and no noise, so real data will do worse.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import keras
import numpy as np

from zoo.errors import UsageError
from zoo.fwi.inversion import optimizers as fwi_optimizers
from zoo.fwi.inversion.survey import Survey, free_cells
from zoo.fwi.models.inversion import WaveInversion
from zoo.fwi.models.wave import WaveRNN
from zoo.fwi.physics import acoustic
from zoo.fwi.settings import SCIPY_OPTIMIZERS
from zoo.fwi.settings import SETTINGS as INVERSION
from zoo.settings import Setting
from zoo.training.metrics import rms_difference
from zoo.training.recipe import Records, Stage, data_settings, fit_settings

# The time step leaves room for velocities above the true ones, without bounds.
_FASTER = 1.2
# Stays below the longest stable time step, whose simulations do not decay.
_STABLE = 0.9
# Stays below the highest frequency that the grid carries: a short wavelet's spectrum is known to 1 / duration.
_BELOW = 0.9

_SHARED = (
    *("optimizer", "learning_rate", "misfit", "bands_hz", "bounds"),
    *("taper_m", "freeze_water", "network", "order", "width"),
)
ACQUISITION = {
    "shots": Setting(
        12, "shots, evenly over the width", "section 'The synthetic example of Marmousi'", unit="shots", low=1
    ),
    "validation_shots": Setting(
        2,
        "held-out shots midway between the others; 0: training is watched on its own shots, as where there is only one",
        "ours",
        unit="shots",
        low=0,
    ),
    "source_row": Setting(1, "row of the sources, 0 at the top", "ours", unit="cells", low=0),
    "receiver_row": Setting(1, "row of the receivers, 0 at the top", "ours", unit="cells", low=0),
    "receiver_every": Setting(1, "columns from one receiver to the next", "ours", unit="cells", low=1),
    "peak_hz": Setting(
        0.0,
        "peak frequency of the Ricker wavelet; 0: 0.9 times the highest that the dataset's grid carries",
        "ours",
        unit="Hz",
        low=0.0,
    ),
    "time_step_s": Setting(0.0, "time step; 0: 0.9 times the longest stable one", "ours", unit="s", low=0.0),
    "time_samples": Setting(700, "length of a record", "ours", unit="samples", low=1),
}
SETTINGS = {
    **data_settings("velocity_models/synthetic_folded", "model", "model"),
    **ACQUISITION,
    **{key: INVERSION[key] for key in _SHARED},
    "band_epochs": Setting(25, "gradients of all shots in each stage of bands_hz", "ours", unit="gradients", low=1),
    **fit_settings(batch_size=12, epochs=100, source="figure 16: all shots to an update, 100 gradients"),
}
CARD = {
    "inputs": "wavelet (S, T) float32, any unit, at model.waves.time_step_s; sources (S, 2) float32, "
    "positions (z, x) in cells",
    "outputs": "records (S, T, R) float32 at model.waves.receivers, in the wavelet's unit; model.velocity_m_s (Z, X)",
    "citation": "Sun, Niu, Innanen, Li and Trad, A deep learning perspective of the forward and inverse problems in "
    "exploration geophysics",
}


def acquire(model: WaveInversion, records: Records, settings: Mapping[str, Any], about: Mapping[str, Any]) -> None:
    """Put the model on the dataset's grid, at its start, with the acquisition that the settings describe."""
    true, start = records["velocity_m_s"][0], records["start_m_s"][0]
    spacing_m, order, bounds = about["spacing_m"], settings["order"], tuple(settings["bounds"] or ()) or None
    dimensions = 1 if true.shape[1] == 1 else 2
    fastest_m_s = max(_FASTER * true.max(), bounds[1] if bounds else 0)
    longest_s = acoustic.longest_time_step_s(fastest_m_s, spacing_m, order, dimensions)
    time_step_s = settings["time_step_s"] or _STABLE * longest_s
    peak_hz = settings["peak_hz"] or _BELOW * about["ricker_peak_hz"]
    wavelet = acoustic.ricker(peak_hz, time_step_s, settings["time_samples"])
    sources = shot_cells(true.shape[1], settings["shots"], settings["source_row"])
    columns = np.arange(0, true.shape[1], settings["receiver_every"])
    receivers = np.stack([np.full(len(columns), settings["receiver_row"]), columns], axis=1)
    survey = Survey(np.tile(wavelet, (len(sources), 1)), sources, receivers, time_step_s)
    for velocity in (start, true):
        survey = survey.checked(velocity, spacing_m, order)
    sought = np.clip(start, *bounds) if bounds else start
    options = {"order": order, "width": settings["width"], "bounds": bounds}
    waves = WaveRNN(sought, spacing_m, time_step_s, survey.receivers, **options)
    water = records["water_rows"][0] if settings["freeze_water"] else None
    mask = free_cells(true.shape, sources, settings["taper_m"] / spacing_m, water)
    model.configure(waves, survey.wavelet, survey.sources, mask, start)


def shot_cells(columns: int, shots: int, row: int, between: bool = False) -> np.ndarray:
    """Return `shots` cells (S, 2) evenly over the width of a grid; `between`: midway between such neighbours."""
    edges = np.linspace(0, columns, shots + 1)
    places = edges[1:-1] if between else (edges[:-1] + edges[1:]) / 2
    places = np.minimum(np.round(places - 0.5), columns - 1).astype(np.int32)
    return np.stack([np.full_like(places, row), places], axis=1)


def _survey(model: WaveInversion, records: Records, corner_hz: float | None) -> Survey:
    wavelet = keras.ops.convert_to_numpy(model.wavelet)
    observed = model.traces(records["velocity_m_s"][0])
    survey = Survey(wavelet, model.sources, model.waves.receivers, model.waves.time_step_s, observed)
    return (survey.low_passed(corner_hz) if corner_hz else survey).normalised()


def examples(
    model: WaveInversion, records: Records, settings: Mapping[str, Any], corner_hz: float | None = None
) -> tuple:
    """Return ((wavelet, sources), observed): the shots, simulated from the true model, in units of their rms."""
    survey = _survey(model, records, corner_hz)
    return (survey.wavelet, survey.sources), survey.observed


def validation_examples(
    model: WaveInversion, records: Records, settings: Mapping[str, Any], corner_hz: float | None = None
) -> tuple:
    """Return shots from between the others (where there is one shot: that one), in the same units."""
    survey = _survey(model, records, corner_hz)
    columns, count = model.start.shape[1], settings["validation_shots"]
    places = shot_cells(columns, settings["shots"], settings["source_row"], between=True)
    places = places[np.linspace(0, len(places) - 1, min(count, len(places))).round().astype(int)]
    if not len(places):
        return (survey.wavelet, survey.sources), survey.observed
    wavelet = survey.wavelet[: len(places)]
    observed = model.waves((wavelet, places), velocity_m_s=records["velocity_m_s"][0])
    return (wavelet, places), keras.ops.convert_to_numpy(observed)


def stages(compile: Callable) -> Callable[[Mapping[str, Any]], list[Stage]]:
    """Return a recipe's `stages`: low frequencies first, which a start half a period off can still follow, then all.

    Args:
        compile: of every stage.
    """

    def stages_of(settings: Mapping[str, Any]) -> list[Stage]:
        low = [
            Stage(
                f"below-{corner_hz:g}-hz",
                partial(examples, corner_hz=corner_hz),
                compile,
                validation_examples=partial(validation_examples, corner_hz=corner_hz),
                settings={"epochs": settings["band_epochs"]},
            )
            for corner_hz in settings["bands_hz"]
        ]
        return [*low, Stage("all", examples, compile, validation_examples=validation_examples)]

    return stages_of


def optimizer(settings: Mapping[str, Any]) -> keras.optimizers.Optimizer:
    """Return the optimizer; scipy's, which compare misfits, need the gradient of all shots at once."""
    if settings["optimizer"] in SCIPY_OPTIMIZERS and settings["batch_size"] < settings["shots"]:
        raise UsageError(f"{settings['optimizer']} needs the gradient of all shots: batch_size={settings['shots']}.")
    return fwi_optimizers.optimizer(settings["optimizer"], settings["learning_rate"])


def score(model: WaveInversion, records: Records) -> dict[str, float]:
    """Return the model's error, and the data's (eq. 3, of data with rms 1), each also relative to the start's."""
    true, start = records["velocity_m_s"][0], keras.ops.convert_to_numpy(model.start)
    observed = model.traces(true)
    unit = np.sqrt(np.mean(observed**2, dtype=np.float64))

    def loss(velocity):
        return 0.5 * np.sum(((model.traces(velocity) - observed) / unit) ** 2, dtype=np.float64) / len(observed)

    found = model.velocity_m_s
    return {
        "model_rmse_m_s": rms_difference(found, true),
        "model_rmse_over_start": rms_difference(found, true) / rms_difference(start, true),
        "loss": loss(found),
        "loss_over_start": loss(found) / loss(start),
    }


def middle_shot(model: WaveInversion, records: Records, settings: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Return a shot in the middle and its record, and the velocities: found, start."""
    middle = slice(len(model.sources) // 2, len(model.sources) // 2 + 1)
    wavelet, source = keras.ops.convert_to_numpy(model.wavelet)[middle], model.sources[middle]
    return {
        "wavelet": wavelet,
        "sources": source,
        "predicted": keras.ops.convert_to_numpy(model((wavelet, source))),
        "velocity_m_s": model.velocity_m_s,
        "start_m_s": keras.ops.convert_to_numpy(model.start),
    }
