"""Noise or earthquake? An encoder of seismograms with application layers, trained on few or many labels.

Paper   Kong et al. 2021, sections 3.2 and 4.2, figure 5
Data    local_seismograms/kong2021_noise_earthquake (synthetic), and for the default beside it real noise and events,
        picked_streams/pnw_20hz, picked_streams/esec_20hz, ncedc_picks/at_20hz; the paper's is
        len_db/kong2021_noise_earthquake
Cost    half a CPU-minute of training, with an autoencoder at hand
Run     zoo train noise_earthquake
"""

from __future__ import annotations

import keras

from zoo.seismograms.models import real_windows
from zoo.seismograms.models import training as waveform_training
from zoo.seismograms.models.autoencoder import WaveformClassifier
from zoo.seismograms.models.scores import class_score
from zoo.seismograms.models.training import WaveformRecipe
from zoo.settings import Setting
from zoo.training.recipe import Records, Values, data_settings

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


def calibrate(model: NoiseEarthquake, records: Records, settings: Values) -> None:
    """Calibrate on held-out real windows, for continuous data; without any, on the validation split."""
    if settings["calibrated_on"]:
        model.network.encoder.trainable = True
        real_windows.calibrate(model, settings)
    else:
        waveform_training.calibrate(model, records, settings)


def score(model: NoiseEarthquake, records: Records) -> dict[str, float]:
    """Return the figures of `class_score`, of continuous records for the windows that `real_windows.cut` makes."""
    return class_score(model, real_windows.cut(model, records))


RECIPE = WaveformRecipe(
    name="noise_earthquake",
    summary="Says whether 27 s of a seismogram hold an earthquake or noise. The default learned from synthetic windows "
    "and real noise and events; the tag synthetic saw no real trace.",
    settings={
        **data_settings("local_seismograms/kong2021_noise_earthquake"),
        "beside": Setting(
            [], "further datasets to learn from, NAME/CONFIG:SPLIT, where real windows come from", "ours", kind="text"
        ),
        "calibrated_on": Setting(
            [],
            "held-out real records, NAME/CONFIG:SPLIT, for probabilities on continuous data; none: the validation "
            "split, for classes as likely as each other",
            "ours: zoo.seismograms.models.real_windows",
            kind="text",
        ),
        **waveform_training.APPLICATION,
        **waveform_training.VERTICAL_ONLY,
        "scored_on": waveform_training.SCORED_ON,
    },
    build=build,
    card={
        "inputs": waveform_training.INPUTS,
        "outputs": "(n, 2) float32: probability of noise, of earthquake; of the default: on continuous data with one "
        "event in ten minutes; of the tag synthetic: for classes as likely as each other",
        "licence": waveform_training.LICENCE,
        "citation": waveform_training.CITATION,
    },
    **{
        **waveform_training.CLASSIFIER,
        "stages": waveform_training.application_stages(
            waveform_training.class_examples,  # synthetic windows, and behind them the real ones
            waveform_training.class_validation_examples,
            waveform_training.CROSS_ENTROPY,
            beside=real_windows.beside,
        ),
        "smoke": {**waveform_training.CLASSIFIER["smoke"], "beside": [], "calibrated_on": []},
        "measure": calibrate,
        "score": score,
        "features": real_windows.READ,
        "tags": {
            "local": {
                "beside": [
                    "picked_streams/pnw_20hz:train",
                    "picked_streams/esec_20hz:train",
                    "ncedc_picks/at_20hz:test",
                ],
                "calibrated_on": ["picked_streams/pnw_20hz:test", "picked_streams/esec_20hz:test", "stead/sample_20hz"],
                "scored_on": [
                    "validation",
                    "picked_streams/pnw_20hz:test",
                    "picked_streams/esec_20hz:test",
                    "stead/sample_20hz",
                ],
            },
            "synthetic": {},
        },
    },
)
