"""Explosion or earthquake in one window? An encoder of seismograms with application layers, for the transfer study.

Paper   Kong et al. 2021, sections 3.3 and 4.2, figure 6
Data    local_seismograms/kong2021_explosion_earthquake (synthetic); the paper's is explosions/NAME with cut=kong2021
Cost    105 CPU-seconds of training, with an autoencoder at hand
Run     zoo train explosion_window

The physics of the synthetic explosions is assumed, and what this model finds in them is not in real ones: on real
events it is at chance. To tell real events apart, use `explosion_earthquake`.
"""

from __future__ import annotations

import keras

from zoo.seismograms.models import training as waveform_training
from zoo.seismograms.models.autoencoder import WaveformClassifier
from zoo.seismograms.models.training import WaveformRecipe
from zoo.settings import Setting, changed
from zoo.training.recipe import data_settings

LABELS = ("explosion", "earthquake")


@keras.saving.register_keras_serializable(package="zoo")
class ExplosionWindow(WaveformClassifier):
    """Windows (n, 540, 3) at 20 Hz, Z, N, E, any unit and offset, to probabilities (n, 2): explosion, earthquake.

    It takes the arguments of `WaveformClassifier`.
    """

    recipe_name = "explosion_window"


def build(encoder: str, head: str, schema: str, high_pass_hz: float) -> ExplosionWindow:
    """Return the model with the pretrained encoder, or with one of that structure from scratch (schema baseline)."""
    return waveform_training.on_encoder(ExplosionWindow, encoder, head, schema, high_pass_hz, labels=LABELS)


RECIPE = WaveformRecipe(
    name="explosion_window",
    summary="Says whether 27 s of a seismogram hold an earthquake or an explosion, for the transfer study of Kong et "
    "al. As shipped: trained on SYNTHETIC seismograms, at chance on real events (use explosion_earthquake).",
    settings={
        **data_settings("local_seismograms/kong2021_explosion_earthquake"),
        **changed(waveform_training.APPLICATION, labels=0),
        **waveform_training.VERTICAL_ONLY,
        "scored_on": Setting(
            ["validation", "test", "explosions/pnw_kong2021"],
            "splits, and datasets where they are prepared, on which the card's scores are measured",
            "ours: the synthetic splits, and real hard cases",
        ),
    },
    build=build,
    card={
        "inputs": waveform_training.INPUTS,
        "outputs": "(n, 2) float32: probability of explosion, of earthquake; calibrated on the validation split",
        "note": "The physics of the synthetic explosions is assumed. explosions/pnw_kong2021 holds hard cases, chosen "
        "upstream because a classifier failed on them, vertical alone: its score shows that the model runs on real "
        "traces, and is no benchmark.",
        "licence": waveform_training.LICENCE,
        "citation": waveform_training.CITATION,
    },
    **waveform_training.CLASSIFIER,
)
