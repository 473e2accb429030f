"""Where P arrives in a window: an encoder of seismograms with application layers that give one number.

The paper's regression. A model that gives a probability at every sample (`phase_picker`) says where it is unsure, finds
S, and works at the rate of the recording; this one shows what an autoencoder's features are worth.

Paper   Kong et al. 2021, sections 3.4 and 4.2, figures 7 to 9
Data    local_seismograms/kong2021_picking (synthetic); the paper's is stead/kong2021_picking
Cost    151 CPU-seconds of training, with an autoencoder at hand
Run     zoo train p_picker
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from zoo.seismograms.models import scores as waveform_scores
from zoo.seismograms.models import training as waveform_training
from zoo.seismograms.models.autoencoder import EncoderAndHead, WaveformModel
from zoo.seismograms.models.training import WaveformRecipe
from zoo.settings import changed
from zoo.training.recipe import data_settings

LOSS = "mean_absolute_error"  # table 1


@keras.saving.register_keras_serializable(package="zoo")
class PPicker(WaveformModel):
    """Windows (n, 540, 3) at 20 Hz, components Z, N, E, any unit and offset, to the sample of P (n, 1).

    Every window gets an answer, even one without P. The output is a ReLU (section 2.3) in parts of a window. Before
    training it points at the middle: a ReLU that begins at 0 may stay there.

    Args:
        encoder: configuration of the `WaveformEncoder`.
        head: see `EncoderAndHead`.
        **window: see `WaveformModel`.
    """

    recipe_name = "p_picker"
    answers = "seismograms.arrival"

    def __init__(self, encoder: dict, head: str = "cnn", **window):
        super().__init__(**window)
        self.network = EncoderAndHead(encoder, head, 1, "relu", 0.5, name="network")

    def answer(self, output):
        return self.samples * output

    def get_config(self):
        network = self.network.get_config()
        return {**super().get_config(), "encoder": network["encoder"], "head": network["head"]}


def build(encoder: str, head: str, schema: str, high_pass_hz: float) -> PPicker:
    """Return the model with the pretrained encoder, or with one of that structure from scratch (schema baseline)."""
    return waveform_training.on_encoder(PPicker, encoder, head, schema, high_pass_hz)


def with_p(records: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the records with P in the window."""
    there = np.isfinite(records["trace_p_arrival_sample"])
    return {key: values[there] for key, values in records.items()}


def examples(
    model: PPicker, records: Mapping[str, np.ndarray], settings: Mapping[str, Any]
) -> tuple[np.ndarray, np.ndarray]:
    """Return normalised windows, and P's place in them, 0 to 1."""
    arrival = np.asarray(records["trace_p_arrival_sample"])[:, None] / model.samples
    return model.prepared(records["waveform"]), arrival.astype(np.float32)


def rows(model: PPicker, records: Mapping[str, np.ndarray], settings: Mapping[str, Any]) -> np.ndarray:
    """Return the numbers of the labelled training records with P in the window."""
    return waveform_training.training_rows(np.flatnonzero(np.isfinite(records["trace_p_arrival_sample"])), settings)


def validation_examples(
    model: PPicker, records: Mapping[str, np.ndarray], settings: Mapping[str, Any]
) -> tuple[np.ndarray, np.ndarray]:
    """Return the same for the labelled validation records."""
    return examples(model, waveform_training.validation_subset(with_p(records), settings), settings)


def arrivals_s(model: PPicker, records: Mapping[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Return P in the windows that have it, as labelled and as found, in s after the window's start."""
    records = with_p(waveform_scores.windows(records, model, latest=1.0))
    found = model.outputs(records["waveform"])[:, 0]
    return np.asarray(records["trace_p_arrival_sample"]) / model.sampling_rate_hz, found / model.sampling_rate_hz


def score(model: PPicker, records: Mapping[str, np.ndarray]) -> dict[str, float]:
    """Return errors (s, predicted minus labelled) in the windows with P.

    `sd_of_absolute_s` is the measure of figure 7; `mae_of_median_s`: mean absolute error of always giving the median.
    """
    true_s, found_s = arrivals_s(model, records)
    error_s = found_s - true_s
    absolute_s = np.abs(error_s)
    return {
        "sd_of_absolute_s": float(absolute_s.std()),
        "mae_s": float(absolute_s.mean()),
        "median_s": float(np.median(error_s)),
        "within_0.1_s": float((absolute_s <= 0.1).mean()),
        "within_0.5_s": float((absolute_s <= 0.5).mean()),
        "mae_of_median_s": float(np.abs(true_s - np.median(true_s)).mean()),
    }


def windows_with_p(
    model: PPicker, records: Mapping[str, np.ndarray], settings: Mapping[str, Any]
) -> dict[str, np.ndarray]:
    """Return eight held-out windows, the model's answers and the labelled samples."""
    some = {key: values[:8] for key, values in with_p(records).items()}
    answers = model.outputs(some["waveform"])
    return {"waveform": some["waveform"], "predicted": answers, "p_sample": some["trace_p_arrival_sample"]}


def unfreeze(model: PPicker, records: Mapping[str, np.ndarray], settings: Mapping[str, Any]) -> None:
    """Make the encoder trainable again, for whoever goes on with the model."""
    model.network.encoder.trainable = True


RECIPE = WaveformRecipe(
    name="p_picker",
    summary="Says where in 27 s of a seismogram P arrives (one number, the paper's regression). As "
    "shipped: trained on SYNTHETIC local earthquakes.",
    settings={
        **data_settings("local_seismograms/kong2021_picking"),
        **changed(waveform_training.APPLICATION, labels=0, epochs=12),
        "scored_on": waveform_training.SCORED_ON,
    },
    build=build,
    features=waveform_scores.FEATURES,
    stages=waveform_training.application_stages(examples, validation_examples, LOSS, rows),
    after_fit=unfreeze,
    score=score,
    golden=windows_with_p,
    card={
        "inputs": waveform_training.INPUTS,
        "outputs": "(n, 1) float32: sample of P in the window (20 Hz), even if there is none",
        "licence": waveform_training.LICENCE,
        "citation": waveform_training.CITATION,
    },
    tags={"synthetic": {}},
    smoke={"labels": 100, "epochs": 2, "batch_size": 16},
)
