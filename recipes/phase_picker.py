"""Probabilities of P, S and noise at every sample of a local seismogram.

Paper   after Zhu & Beroza 2019 (PhaseNet: U-Net, labels about the picks); beyond Kong et al. 2021, whose picker gives
        one arrival in a window at 20 Hz
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
from zoo.settings import Setting
from zoo.training.recipe import Recipe, Stage, data_settings, fit_settings, learning_rate
from zoo.training.schedules import cosine

VALIDATION_BATCHES = 8
GOLDEN_WINDOWS = 4
SHARES = "ours: a picker copes best with what it has seen"


@keras.saving.register_keras_serializable(package="zoo")
class PhasePicker(keras.Model):
    """Waveforms (n, samples, 3), Z N E, in any unit and with any offset, to probabilities (n, samples, 3).

    The probabilities of the labels "P", "S" and "noise" sum to one. A component that is not recorded is zero. A causal
    high-pass at 1 Hz and the scaling of every component by its standard deviation are inside.

    Args:
        sampling_rate_hz: sampling rate of the waveforms.
        samples: length of the windows in training. Longer ones are taken, too, and scaled as a whole.
        filters: channels of each level of the U-Net; a level is four times as coarse as the one before.
    """

    recipe_name = "phase_picker"
    answers = "seismograms.picks"
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


def begin(
    model: PhasePicker, records: Mapping[str, np.ndarray], settings: Mapping[str, Any], about: Mapping[str, Any]
) -> None:
    """Check the dataset's sampling rate; begin with the weights of another picker if the settings name one."""
    if about["sampling_rate_hz"] != model.sampling_rate_hz:
        raise ZooError(
            f"{settings['dataset']} is sampled at {about['sampling_rate_hz']:g} Hz, the model at "
            f"{model.sampling_rate_hz:g} Hz. Prepare a config of your own with --set sampling_rate_hz=..."
        )
    if settings["initial"]:
        from zoo import registry

        model.set_weights(registry.load(settings["initial"], answering="seismograms.picks").get_weights())


def draws(
    model: PhasePicker, records: Mapping[str, np.ndarray], settings: Mapping[str, Any]
) -> Callable[[np.random.Generator], tuple]:
    """Return a function that draws a batch: windows of 30 s, cut, mixed and damaged anew in every step."""
    return WindowDraws(records, model.samples, model.sampling_rate_hz, settings)


def validation_examples(
    model: PhasePicker, records: Mapping[str, np.ndarray], settings: Mapping[str, Any]
) -> tuple[np.ndarray, ...]:
    """Return windows of held-out records, drawn in the same way but always the same."""
    draw = draws(model, records, settings)
    batches = [draw(np.random.default_rng(number)) for number in range(VALIDATION_BATCHES)]
    return tuple(np.concatenate(part) for part in zip(*batches, strict=True))


def compile(part: keras.Model, settings: Mapping[str, Any], steps: int) -> None:
    """Compile with cross entropy at every sample, and Adam at a rate that warms up, then falls to zero as a cosine."""
    rate = cosine(settings["learning_rate"], steps, warm_up=min(50, steps // 10), start=1 / 50)
    loss = keras.losses.CategoricalCrossentropy(from_logits=True)
    part.compile(keras.optimizers.Adam(rate), loss)


def score(model: PhasePicker, records: Mapping[str, np.ndarray]) -> dict[str, float]:
    """Return shares of P and S near the picks, residuals, and false picks per minute: `picking.score`."""
    return picking.score(picking.residuals(probabilities(model), records, model.samples, model.sampling_rate_hz))


def probabilities(model: PhasePicker) -> Callable[[np.ndarray], np.ndarray]:
    """Return the model as a function of numpy arrays."""
    return lambda windows: ops.convert_to_numpy(model(windows))


def windows_about_p(
    model: PhasePicker, records: Mapping[str, np.ndarray], settings: Mapping[str, Any]
) -> dict[str, np.ndarray]:
    """Return windows about P in some held-out records, the picks, and the model's answers."""
    p = np.asarray(records["trace_p_arrival_sample"])
    rows = np.flatnonzero(np.isfinite(p))[:GOLDEN_WINDOWS]
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
        **data_settings("local_seismograms/local_100hz"),
        "initial": Setting(
            "",
            "picker from whose weights training starts, by name or folder; empty: random weights",
            "ours: to fine-tune on few real traces",
        ),
        "sampling_rate_hz": Setting(
            100.0, "sampling rate of the waveforms, that of the dataset", "PhaseNet", unit="Hz", low=0.1
        ),
        "samples": Setting(3000, "length of a window", "PhaseNet: 3001, 30 s", unit="samples", low=64),
        "filters": Setting(
            [8, 16, 24, 40, 56],
            "channels of the levels of the U-Net, the finest first",
            "ours; PhaseNet's figure 3 has others",
            low=1,
        ),
        "label_sd_s": Setting(
            0.1, "standard deviation of the Gaussian about a pick that is its label", "PhaseNet", unit="s", low=1e-3
        ),
        "noise_share": Setting(0.15, "share of windows with noise alone", SHARES, low=0.0, high=1.0),
        "mixed_share": Setting(
            0.5, "share of windows with events to which noise of another record is added", SHARES, low=0.0, high=1.0
        ),
        "second_event_share": Setting(
            0.1, "share of windows with events to which a second one is added", SHARES, low=0.0, high=1.0
        ),
        **learning_rate(3e-3, "ours; rises, then falls to zero along a cosine"),
        **fit_settings(batch_size=48, epochs=38, source="ours: 11 CPU-minutes"),
        "steps_per_epoch": Setting(
            100, "updates in an epoch", "ours: windows are drawn without end", unit="updates", low=1
        ),
        "scored_on": Setting(
            ["validation", "test", "ncedc_picks/phasenet_demo", "stead/sample"],
            "splits, and datasets where they are prepared, on which the card's scores are measured",
            "ours: the synthetic splits, and real traces",
        ),
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
    before_fit=begin,
    stages=[Stage("network", validation_examples, compile, trained_part=lambda model: model.network, draws=draws)],
    score=score,
    golden=windows_about_p,
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
        # It learns from all 40 traces: benchmarks/picking.py --cross-validation scores traces that were not shown.
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
