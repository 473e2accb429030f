"""Probabilities of P, S and noise at every sample of a local seismogram.

Paper   after Zhu & Beroza 2019 (PhaseNet: U-Net, labels about the picks); beyond Kong et al. 2021, whose picker gives
        one arrival of a window at 20 Hz
Data    local_seismograms/local_100hz (synthetic); `phase_picker.ncedc` goes on with ncedc_picks/phasenet_demo (real)
Cost    11 CPU-minutes on one core, 2 GB; fine-tuning half a minute
Run     zoo train phase_picker
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from zoo.errors import ZooError
from zoo.seismograms.models.picking_network import PickingNetwork
from zoo.seismograms.picking import picks as picking
from zoo.seismograms.picking.windows_training import WindowDraws
from zoo.training.recipe import Recipe

VALIDATION_BATCHES = 8
SAMPLE_WINDOWS = 4


@keras.saving.register_keras_serializable(package="zoo")
class PhasePicker(keras.Model):
    """Waveforms (n, samples, 3), Z N E, in any unit and with any offset, to probabilities (n, samples, 3).

    The probabilities are those of `labels`, "P", "S" and "noise", and sum to one. A component that is not recorded is
    zero. A causal high-pass of 1 Hz and the scaling of every component by its standard deviation are inside.

    Args:
        sampling_rate_hz: of the waveforms.
        samples: of the windows that it learnt from. It takes longer ones, which are scaled as a whole.
        filters: of the levels of the U-Net, each four times as coarse as the one before.
    """

    recipe_name = "phase_picker"
    output_kind = "phases"
    component_order = "ZNE"
    labels = ("P", "S", "noise")

    def __init__(
        self, sampling_rate_hz: float = 100.0, samples: int = 3000, filters: Sequence[int] = (8, 16, 24, 40, 56)
    ):
        super().__init__()
        self.sampling_rate_hz, self.samples, self.filters = float(sampling_rate_hz), samples, list(filters)
        self.network = PickingNetwork(self.sampling_rate_hz, self.filters, len(self.labels))
        self.network.build((None, samples, 3))
        self.built = True

    def call(self, waveforms, training=False):
        return ops.softmax(self.network(waveforms, training=training))

    def get_config(self):
        return {"sampling_rate_hz": self.sampling_rate_hz, "samples": self.samples, "filters": self.filters}


def adapt(
    model: PhasePicker, records: Mapping[str, np.ndarray], settings: Mapping[str, Any], about: Mapping[str, Any]
) -> None:
    """Check the dataset's rate; begin with the weights of another picker, where settings name one."""
    if about["sampling_rate_hz"] != model.sampling_rate_hz:
        raise ZooError(
            f"{settings['dataset']} is sampled at {about['sampling_rate_hz']:g} Hz, the model at "
            f"{model.sampling_rate_hz:g} Hz: prepare a config of your own with --set sampling_rate_hz=..."
        )
    if settings["initial"]:
        from zoo import registry

        model.set_weights(registry.load(settings["initial"]).get_weights())


def draws(
    model: PhasePicker, records: Mapping[str, np.ndarray], settings: Mapping[str, Any]
) -> Callable[[np.random.Generator], tuple]:
    """Return what draws a batch: windows of 30 s cut, mixed and damaged anew in every step."""
    return WindowDraws(records, model.samples, model.sampling_rate_hz, settings)


def validation_examples(
    model: PhasePicker, records: Mapping[str, np.ndarray], settings: Mapping[str, Any]
) -> tuple[np.ndarray, ...]:
    """Return windows of held-out records, drawn likewise, always the same."""
    draw = draws(model, records, settings)
    batches = [draw(np.random.default_rng(number)) for number in range(VALIDATION_BATCHES)]
    return tuple(np.concatenate(part) for part in zip(*batches, strict=True))


def compile(part: keras.Model, settings: Mapping[str, Any], steps: int) -> None:
    """Cross entropy at every sample, Adam, a learning rate that warms up and falls to zero as a cosine."""
    warm_up = min(50, steps // 10)
    rate = keras.optimizers.schedules.CosineDecay(
        settings["learning_rate"] / 50, steps - warm_up, warmup_target=settings["learning_rate"], warmup_steps=warm_up
    )
    loss = keras.losses.CategoricalCrossentropy(from_logits=True)
    part.compile(keras.optimizers.Adam(rate), loss)


def score(model: PhasePicker, records: Mapping[str, np.ndarray]) -> dict[str, float]:
    """Return shares of P and S near the picks, residuals, and false picks in a minute: `picking.score`."""
    return picking.score(picking.residuals(probabilities(model), records, model.samples, model.sampling_rate_hz))


def probabilities(model: PhasePicker) -> Callable[[np.ndarray], np.ndarray]:
    """Return the model as a function of numpy arrays."""
    return lambda windows: ops.convert_to_numpy(model(windows))


def sample(model: PhasePicker, records: Mapping[str, np.ndarray], settings: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Return some windows about P of held-out records, the picks, and the model's answer."""
    p = np.asarray(records["trace_p_arrival_sample"])
    rows = np.flatnonzero(np.isfinite(p))[:SAMPLE_WINDOWS]
    last = records["waveform"].shape[1] - model.samples
    starts = np.clip(p[rows] - model.samples // 3, 0, last).astype(int)
    waveforms = picking.cut(records["waveform"], rows, starts, model.samples)
    return {
        "waveform": waveforms,
        "p_sample": p[rows] - starts,
        "s_sample": np.asarray(records["trace_s_arrival_sample"])[rows] - starts,
        "predicted": ops.convert_to_numpy(model(waveforms)),
    }


RECIPE = Recipe(
    name="phase_picker",
    summary="Gives the probability of P, S and noise at every sample of a local seismogram. As shipped: trained on "
    "SYNTHETIC seismograms, the tag ncedc fine-tuned on 40 real ones.",
    settings={
        "dataset": "local_seismograms/local_100hz",
        "train_split": "train",
        "validation_split": "validation",
        "initial": "",
        "sampling_rate_hz": 100.0,
        "samples": 3000,
        "filters": [8, 16, 24, 40, 56],
        "label_sd_s": 0.1,
        "noise_share": 0.15,
        "mixed_share": 0.5,
        "second_event_share": 0.1,
        "learning_rate": 3e-3,
        "batch_size": 48,
        "steps_per_epoch": 100,
        "epochs": 38,
        "patience": 0,  # the learning rate ends at zero
        "scored_on": ["validation", "test", "ncedc_picks/phasenet_demo", "stead/sample"],
    },
    features=(
        "waveform",
        "trace_p_arrival_sample",
        "trace_s_arrival_sample",
        "trace_p2_arrival_sample",
        "trace_s2_arrival_sample",
        "trace_s_snr_db",
    ),
    build=PhasePicker,
    adapt=adapt,
    draws=draws,
    examples=validation_examples,
    trained_part=lambda model: model.network,
    compile=compile,
    score=score,
    sample=sample,
    card={
        "inputs": "(n, 3000, 3) float32: Z, N, E at 100 Hz, counts or m/s, zeros where a component is not recorded",
        "outputs": "(n, 3000, 3) float32: probabilities of P, S and noise at every sample",
        "licence": "weights: Apache-2.0; synthetic dataset, whose generator's ranges were set with the 40 NCEDC "
        "traces, STEAD's sample and PNW's in view; phase_picker.ncedc is fine-tuned on the 40 (MIT)",
        "citation": "Zhu, W. and Beroza, G. C. (2019), PhaseNet: a deep-neural-network-based seismic arrival-time "
        "picking method, Geophysical Journal International 216, 261-273",
    },
    tags={
        "synthetic": {},
        # All 40 traces are learnt: benchmarks/picking.py --cross-validation scores those that are not shown.
        "ncedc": {
            "dataset": "ncedc_picks/phasenet_demo",
            "train_split": "test",
            "validation_split": "test",
            "initial": "phase_picker.synthetic",
            "learning_rate": 1e-4,
            "steps_per_epoch": 20,
            "epochs": 6,
            "scored_on": ["stead/sample"],
        },
    },
    smoke={
        "dataset": "local_seismograms/mini",
        "samples": 1024,
        "filters": [4, 4, 4],
        "epochs": 2,
        "steps_per_epoch": 2,
        "batch_size": 8,
    },
)
