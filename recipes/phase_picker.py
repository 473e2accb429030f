"""Probabilities of P, S and noise at every sample of a local seismogram.

Paper   after Zhu & Beroza 2019 (PhaseNet: U-Net, labels about the picks); beyond Kong et al. 2021, whose picker gives
        one arrival in a window at 20 Hz
Data    local_seismograms/regional_100hz (synthetic); `phase_picker.local` goes on with real noise and real events
        beside it: picked_streams/pnw_stations, picked_streams/esec, ncedc_picks/phasenet_demo
Cost    22 CPU-minutes for synthetic, 17 more for local, one core, 4 GB
Run     zoo train phase_picker.synthetic --out checkpoints/phase_picker/synthetic, then zoo train phase_picker.local
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from zoo.data import datasets
from zoo.errors import UsageError, ZooError
from zoo.seismograms.models.picking_network import PickingNetwork
from zoo.seismograms.picking import calibration, continuous
from zoo.seismograms.picking import picks as picking
from zoo.seismograms.picking.labelled import FEATURES, labelled
from zoo.seismograms.picking.windows_training import WindowDraws
from zoo.serving import ServedModel
from zoo.settings import Setting
from zoo.training.recipe import Recipe, Stage, data_settings, fit_settings, learning_rate
from zoo.training.schedules import cosine

VALIDATION_BATCHES = 8
GOLDEN_WINDOWS = 4
SHARES = "ours: a picker copes best with what it has seen"


@keras.saving.register_keras_serializable(package="zoo")
class PhasePicker(ServedModel):
    """Waveforms (n, samples, 3), Z N E, in any unit and with any offset, to probabilities (n, samples, 3).

    The probabilities of the labels "P", "S" and "noise" sum to one. A component that is not recorded is zero. A causal
    high-pass at 1 Hz and the scaling of every component by its standard deviation are inside. What a peak means on
    continuous data stands in the weight `calibration`: `zoo.seismograms.picking.calibration.Calibration.of(model)`.

    Args:
        sampling_rate_hz: sampling rate of the waveforms.
        samples: length of the windows in training. Longer ones are taken, too, and scaled as a whole.
        filters: channels of each level of the U-Net; a level is four times as coarse as the one before.
        stride: samples for which the finest level gives one output.
    """

    recipe_name = "phase_picker"
    answers = "seismograms.picks"
    component_order = "ZNE"
    layout = "waveforms (n, samples, 3), time before channel, components Z, N, E"
    labels = ("P", "S", "noise")

    def __init__(
        self,
        sampling_rate_hz: float = 100.0,
        samples: int = 6000,
        filters: Sequence[int] = (16, 24, 32, 48, 64, 80),
        stride: int = 2,
    ):
        super().__init__()
        self.sampling_rate_hz, self.samples = float(sampling_rate_hz), samples
        self.filters, self.stride = list(filters), stride
        self.network = PickingNetwork(self.sampling_rate_hz, self.filters, len(self.labels), stride=stride)
        self.network.build((None, samples, 3))
        self.calibration = self.add_weight(
            shape=(2, calibration.SIZE), initializer="zeros", trainable=False, name="calibration"
        )
        self.build(self.input_shape)

    def takes(self):
        return keras.InputSpec(shape=(None, self.samples, 3), dtype="float32")

    def call(self, waveforms, training=False):
        if len(waveforms.shape) != 3 or waveforms.shape[-1] != 3:
            raise ZooError(f"PhasePicker takes {self.layout}; received {tuple(waveforms.shape)}.")
        return ops.softmax(self.network(waveforms, training=training))

    def get_config(self):
        return {
            "sampling_rate_hz": self.sampling_rate_hz,
            "samples": self.samples,
            "filters": self.filters,
            "stride": self.stride,
        }


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

        other = registry.load(settings["initial"], answering="seismograms.picks")
        model.network.set_weights(other.network.get_weights())


def draws(
    model: PhasePicker, records: Mapping[str, np.ndarray], settings: Mapping[str, Any]
) -> Callable[[np.random.Generator], tuple]:
    """Return a function that draws a batch: windows of 60 s, cut, mixed and damaged anew in every step."""
    rate = model.sampling_rate_hz
    if len(settings["source_shares"]) != 1 + len(settings["beside"]):
        raise UsageError(
            f"source_shares has a share for the recipe's own dataset and for each beside it: expected "
            f"{1 + len(settings['beside'])}, received {len(settings['source_shares'])}."
        )
    sources = [labelled(records, rate)]
    sources += [labelled(_read(name, settings), rate) for name in settings["beside"]]
    return WindowDraws(sources, model.samples, rate, settings)


def validation_examples(
    model: PhasePicker, records: Mapping[str, np.ndarray], settings: Mapping[str, Any]
) -> tuple[np.ndarray, ...]:
    """Return windows of held-out records of the recipe's own dataset, drawn in the same way but always the same."""
    alone = {**settings, "source_shares": [1.0]}
    draw = WindowDraws([labelled(records, model.sampling_rate_hz)], model.samples, model.sampling_rate_hz, alone)
    batches = [draw(np.random.default_rng(number)) for number in range(VALIDATION_BATCHES)]
    return tuple(np.concatenate(part) for part in zip(*batches, strict=True))


def compile(part: keras.Model, settings: Mapping[str, Any], steps: int) -> None:
    """Compile with cross entropy at every sample, and Adam at a rate that warms up, then falls to zero as a cosine."""
    rate = cosine(settings["learning_rate"], steps, warm_up=min(50, steps // 10), start=1 / 50)
    loss = keras.losses.CategoricalCrossentropy(from_logits=True)
    part.compile(keras.optimizers.Adam(rate), loss)


def calibrate(model: PhasePicker, records: Mapping[str, np.ndarray], settings: Mapping[str, Any]) -> None:
    """Measure on held-out real records what peaks mean on continuous data; timing on those that an analyst picked."""
    measured, timed = [], []
    for name in settings["calibrated_on"]:
        records = datasets.arrays(*datasets.named_part(name), settings["data_dir"], FEATURES)
        found = continuous.measure(probabilities(model), records, model.samples, model.sampling_rate_hz)
        measured.append(found)
        if name in settings["timed_on"]:
            timed.append(found)
    if measured:
        made = continuous.calibrated(continuous.pooled(measured), continuous.pooled(timed))
        model.calibration.assign(made.pack())


def score(model: PhasePicker, records: Mapping[str, np.ndarray]) -> dict[str, float]:
    """Return shares of P and S near an analyst's picks (`picking.score`), or what continuous records show.

    Records with another picker's picks (`trace_picks`) are annotated whole: false picks a minute, and the share of that
    picker's arrivals that is found (`continuous.score`), at the default thresholds.
    """
    known, rate = calibration.Calibration.of(model), model.sampling_rate_hz
    thresholds = {phase: known.threshold(phase) if known else picking.THRESHOLD for phase in calibration.PHASES}
    if "trace_picks" in records:
        return continuous.score(continuous.measure(probabilities(model), records, model.samples, rate), thresholds)
    return picking.score(picking.residuals(probabilities(model), records, model.samples, rate), thresholds["P"])


def _read(name: str, settings: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Return the records of NAME/CONFIG:SPLIT; on disk where they exceed the budget of memory."""
    return datasets.records(*datasets.named_part(name), settings["data_dir"], FEATURES, settings.get("memory_bytes"))


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
    summary="Gives the probability of P, S and noise at every sample of a local seismogram. The default was trained on "
    "synthetic events and on real noise and events; the tag synthetic saw no real trace.",
    settings={
        **data_settings("local_seismograms/regional_100hz"),
        "beside": Setting(
            [],
            "further datasets to learn from, NAME/CONFIG:SPLIT, where real traces come from",
            "ours: real noise",
            kind="text",
        ),
        "source_shares": Setting(
            [1.0],
            "share of the windows that begins with each dataset, the recipe's own first, then those beside it",
            SHARES,
            low=0.0,
            high=1.0,
        ),
        "initial": Setting(
            "",
            "picker from whose weights training starts, by name or folder; empty: random weights",
            "ours: to go on with real traces",
        ),
        "sampling_rate_hz": Setting(
            100.0, "sampling rate of the waveforms, that of the dataset", "PhaseNet", unit="Hz", low=0.1
        ),
        "samples": Setting(
            6000, "length of a window", "ours: S up to 45 s after P; PhaseNet's is 30 s", unit="samples", low=64
        ),
        "filters": Setting(
            [16, 24, 32, 48, 64, 80],
            "channels of the levels of the U-Net, the finest first",
            "ours; PhaseNet's figure 3 has others",
            low=1,
        ),
        "stride": Setting(
            2,
            "samples for which the finest level gives one output",
            "ours: the levels of the U-Net are half as long",
            unit="samples",
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
        **fit_settings(batch_size=24, epochs=30, source="ours"),
        "steps_per_epoch": Setting(
            100, "updates in an epoch", "ours: windows are drawn without end", unit="updates", low=1
        ),
        "calibrated_on": Setting(
            [],
            "held-out real records, NAME/CONFIG:SPLIT, on which it is measured what a peak means on continuous data; "
            "none: probabilities are the network's",
            "ours: zoo.seismograms.picking.calibration",
            kind="text",
        ),
        "timed_on": Setting(
            [], "those of calibrated_on whose picks give the uncertainty in seconds", "ours: an analyst's", kind="text"
        ),
        "scored_on": Setting(
            ["validation", "test", "ncedc_picks/phasenet_demo", "stead/sample"],
            "splits, and datasets where they are prepared, on which the card's scores are measured",
            "ours: the synthetic splits, and real traces",
        ),
    },
    features=FEATURES,
    build=PhasePicker,
    before_fit=begin,
    begins_from=lambda model, other: model.calibration.assign(other.calibration),
    stages=[Stage("network", validation_examples, compile, trained_part=lambda model: model.network, draws=draws)],
    measure=calibrate,
    score=score,
    golden=windows_about_p,
    card={
        "inputs": "(n, 6000, 3) float32: Z, N, E at 100 Hz, counts or m/s, zeros where a component is not recorded",
        "outputs": "(n, 6000, 3) float32: probabilities of P, S and noise at every sample",
        "licence": "weights: Apache-2.0; synthetic dataset, whose generator's ranges were set with the 40 NCEDC "
        "traces, STEAD's sample and PNW's in view; phase_picker.local also learned from real traces (MIT)",
        "citation": "Zhu, W. and Beroza, G. C. (2019), PhaseNet: a deep-neural-network-based seismic arrival-time "
        "picking method, Geophysical Journal International 216, 261-273",
    },
    tags={
        "local": {
            "beside": [
                "picked_streams/pnw_stations:train",
                "picked_streams/esec:train",
                "ncedc_picks/phasenet_demo:test",
            ],
            "source_shares": [0.4, 0.35, 0.1, 0.15],
            "noise_share": 0.35,
            "initial": "phase_picker.synthetic",
            "learning_rate": 1e-3,
            "epochs": 25,
            "calibrated_on": ["picked_streams/pnw_stations:test", "stead/sample"],
            "timed_on": ["stead/sample"],
            "scored_on": ["validation", "picked_streams/pnw_stations:test", "picked_streams/esec:test", "stead/sample"],
        },
        "synthetic": {},
    },
    smoke={
        "dataset": "local_seismograms/mini",
        "samples": 1024,
        "filters": [4, 4, 4],
        "epochs": 2,
        "steps_per_epoch": 2,
        "batch_size": 8,
        "beside": [],
        "source_shares": [1.0],
        "initial": "",
        "calibrated_on": [],
        "timed_on": [],
    },
)
