"""Noise or earthquake? An encoder of seismograms with application layers, trained on few or many labels.

Paper   Kong et al. 2021, sections 3.2 and 4.2, figure 5
Data    local_seismograms/kong2021_noise_earthquake (synthetic); the paper's is len_db/kong2021_noise_earthquake
Cost    27 CPU-seconds of training, with an autoencoder at hand
Run     zoo train noise_earthquake
"""

from __future__ import annotations

import keras

from zoo.seismograms.models import training as waveform_training
from zoo.seismograms.models.autoencoder import WaveformClassifier
from zoo.seismograms.models.training import WaveformRecipe
from zoo.training.recipe import data_settings

LABELS = ("noise", "earthquake")


@keras.saving.register_keras_serializable(package="zoo")
class NoiseEarthquake(WaveformClassifier):
    """Windows (n, 540, 3) at 20 Hz, Z, N, E, any unit and offset, to probabilities (n, 2): noise, earthquake.

    It takes the arguments of `WaveformClassifier`.
    """

    recipe_name = "noise_earthquake"


def build(encoder: str, head: str, schema: str, high_pass_hz: float) -> NoiseEarthquake:
    """Return the model with the pretrained encoder, or with one of that structure from scratch (schema baseline)."""
    return waveform_training.on_encoder(NoiseEarthquake, encoder, head, schema, high_pass_hz, labels=LABELS)


RECIPE = WaveformRecipe(
    name="noise_earthquake",
    summary="Says whether 27 s of a seismogram hold an earthquake or noise. As shipped: trained on SYNTHETIC "
    "seismograms.",
    settings={
        **data_settings("local_seismograms/kong2021_noise_earthquake"),
        **waveform_training.APPLICATION,
        **waveform_training.VERTICAL_ONLY,
        "scored_on": waveform_training.SCORED_ON,
    },
    build=build,
    card={
        "inputs": waveform_training.INPUTS,
        "outputs": "(n, 2) float32: probability of noise, of earthquake; calibrated on the validation split",
        "licence": waveform_training.LICENCE,
        "citation": waveform_training.CITATION,
    },
    **waveform_training.CLASSIFIER,
)
