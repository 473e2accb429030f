"""Windows of real noise and real events for classifiers, and what their probabilities mean on continuous data.

On continuous data nearly all windows are noise. With `EVENTS_PER_HOUR` events an hour one window in so many holds one;
the probabilities of a classifier that was calibrated here are stated for that share.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from zoo.data import datasets
from zoo.errors import ZooError
from zoo.seismograms.models.autoencoder import WaveformClassifier
from zoo.seismograms.models.scores import FEATURES, classes, windows
from zoo.seismograms.picking import labelled
from zoo.seismograms.picking.calibration import EVENTS_PER_HOUR
from zoo.training.recipe import Records

READ = tuple(dict.fromkeys([*FEATURES, *labelled.FEATURES]))
"""The columns of a record that are read."""
_CUTS = 3
"""Windows that are cut from each event, with P elsewhere."""
_P_POSITION = (0.04, 0.6)
"""Where P lies, as a share of the window."""
_LEAST_SAMPLES_BEHIND = 2.0  # s of an event that a window holds at least
_BOUNDS = (0.05, 20.0)


def event_share(model: WaveformClassifier) -> float:
    """Return the share of windows that hold the onset of an event, at `EVENTS_PER_HOUR`."""
    return min(0.5, EVENTS_PER_HOUR * model.samples / model.sampling_rate_hz / 3600)


def read(model: WaveformClassifier, name: str, data_dir: Any, seed: int = 0) -> Records:
    """Return windows of noise and of earthquakes from a dataset NAME/CONFIG:SPLIT: `cut`.

    Raises:
        ZooError: if the records have another sampling rate than the model.
    """
    dataset, split = datasets.named_part(name)
    about = datasets.metadata(dataset, data_dir)
    if about["sampling_rate_hz"] != model.sampling_rate_hz:
        raise ZooError(
            f"{dataset} is sampled at {about['sampling_rate_hz']:g} Hz, the model at {model.sampling_rate_hz:g} Hz. "
            "Prepare a config of your own with --set sampling_rate_hz=..."
        )
    return cut(model, datasets.arrays(dataset, split, data_dir, READ), seed)


def cut(model: WaveformClassifier, records: Records, seed: int = 0) -> Records:
    """Return records as windows of noise and of earthquakes.

    Records with another picker's picks (`trace_picks`): noise where that picker saw nothing, events at likely P. Other
    records: as `scores.windows` cuts them.

    Args:
        model: whose windows they become.
        records: at its rate, with the columns of `READ` that they have.
        seed: decides where windows of events begin.
    """
    if "trace_picks" not in records:
        return windows(records, model, noise=True)
    rng = np.random.default_rng(seed)
    known, rate, samples = labelled.labelled(records, model.sampling_rate_hz), model.sampling_rate_hz, model.samples
    made, category = [], []
    for row, text in enumerate(np.asarray(records["trace_picks"]).astype(str)):
        waveform, picks = known.waveforms[row], labelled.read_picks(text)
        for start in range(0, int(known.quiet[row]) - samples + 1, samples):
            if not any(start <= at < start + samples for _, at, _ in picks):
                made.append(waveform[start : start + samples])
                category.append("noise")
        for p in known.p[row][np.isfinite(known.p[row])]:
            if p + _LEAST_SAMPLES_BEHIND * rate > len(waveform):
                continue
            for position in rng.uniform(*_P_POSITION, _CUTS):
                start = int(np.clip(p - position * samples, 0, len(waveform) - samples))
                made.append(waveform[start : start + samples])
                category.append("earthquake")
    return {"waveform": np.array(made), "trace_category": np.array(category)}


def beside(model: WaveformClassifier, settings: Mapping[str, Any]) -> tuple | None:
    """Return normalised windows and classes of the datasets `beside`; None where there are none."""
    parts = []
    for name in settings["beside"]:
        more = read(model, name, settings["data_dir"], settings["seed"])
        parts.append((model.prepared(more["waveform"]), classes(more, model.labels)))
    return tuple(np.concatenate(part) for part in zip(*parts, strict=True)) if parts else None


def calibrate(model: WaveformClassifier, settings: Mapping[str, Any]) -> None:
    """Set temperature and bias on held-out real windows, for the share of windows that holds an event.

    Logistic regression of the classes on the difference of the logits, the windows of each class weighted by its share.
    """
    from scipy.optimize import minimize

    parts = [read(model, name, settings["data_dir"]) for name in settings["calibrated_on"]]
    true = np.concatenate([classes(part, model.labels) for part in parts])
    model.temperature.assign(1.0)
    probability = np.concatenate([model.outputs(part["waveform"]) for part in parts]).astype(np.float64)
    logit = np.log(np.maximum(probability[:, 1], 1e-30)) - np.log(np.maximum(probability[:, 0], 1e-30))
    share = event_share(model)
    weight = np.where(true == 1, share / (true == 1).sum(), (1 - share) / (true == 0).sum())
    sign = np.where(true == 1, 1.0, -1.0)

    def cost(parameters: np.ndarray) -> float:
        slope, shift = np.exp(np.clip(parameters[0], *np.log(_BOUNDS))), parameters[1]
        return float(weight @ np.logaddexp(0, -sign * (slope * logit + shift)))

    slope, shift = minimize(cost, [0.0, np.log(share / (1 - share))], method="Nelder-Mead").x
    temperature = 1 / float(np.exp(np.clip(slope, *np.log(_BOUNDS))))
    kernel, bias = model.network.application[-1].get_weights()
    model.network.application[-1].set_weights([kernel, bias + np.array([0.0, shift * temperature], np.float32)])
    model.temperature.assign(temperature)
