"""Scores of models of windows of seismograms, and how windows are cut from longer records for them.

Records may be the model's windows, or longer ones at its rate that contain P: then windows are cut around P, and noise
before it. Thus whole traces of an archive score a model that was trained on a dataset of windows.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from keras import ops

from zoo.errors import ZooError
from zoo.seismograms import signals
from zoo.seismograms.models.autoencoder import WaveformClassifier, WaveformModel
from zoo.training.recipe import Records

COLLAPSED = 0.9
"""A run has collapsed if its error exceeds this share of the error of the best constant answer."""
FEATURES = ("waveform", "trace_name", "trace_category", "trace_p_arrival_sample")
"""The columns of a record that are read."""
_BEFORE_S = 1.0
"""P lies at least this long after the start of a window, and noise ends this long before P."""
_CONSTANT_S = 0.5
"""A window of noise in which nothing changes for this long was not recorded throughout."""


def windows(records: Records, model: WaveformModel, latest: float = 1 / 3, noise: bool = False) -> Records:
    """Return records as windows of the model; longer ones are cut, or left out if they have no P.

    Args:
        records: `waveform` (n, samples, 3) at the model's rate, and the other columns of `FEATURES`.
        model: the model whose windows they become.
        latest: P lies up to this share of the window after its start; the hash of the trace's name says where.
        noise: whether the window that ends a second before P is added as noise, if the record is long enough.

    Raises:
        ZooError: if the records are shorter than a window.
    """
    waveform, samples = records["waveform"], model.samples
    if waveform.shape[1] == samples:
        return records
    if waveform.shape[1] < samples:
        raise ZooError(f"The records have {waveform.shape[1]} samples; a window of the model has {samples}.")
    before = round(_BEFORE_S * model.sampling_rate_hz)
    names = np.asarray(records["trace_name"]).astype(str)
    p = np.asarray(records["trace_p_arrival_sample"], np.float64)
    drawn = before + signals.draws(list(names), 0)[:, 0] * (latest * samples - 2 * before)
    starts = np.clip(np.floor(p - drawn), 0, waveform.shape[1] - samples)
    made: dict[str, list] = {key: [] for key in FEATURES}
    for row in np.flatnonzero(np.isfinite(p)):
        start = int(starts[row])
        made["waveform"].append(waveform[row, start : start + samples])
        made["trace_p_arrival_sample"].append(p[row] - start)
        made["trace_category"].append(records["trace_category"][row])
        made["trace_name"].append(names[row])
        first = int(p[row]) - before - samples
        piece = waveform[row, first : first + samples] if noise and first >= 0 else None
        if piece is not None and not _constant(piece, round(_CONSTANT_S * model.sampling_rate_hz)):
            made["waveform"].append(piece)
            made["trace_p_arrival_sample"].append(np.nan)
            made["trace_category"].append("noise")
            made["trace_name"].append(f"{names[row]} before P")
    return {key: np.array(values) for key, values in made.items()}


def _constant(window: np.ndarray, samples: int) -> bool:
    """Return whether no component changes over this many samples by more than a thousandth of the median step."""
    steps = np.abs(np.diff(window, axis=0)).max(1)
    still = steps <= 1e-3 * np.median(steps)
    return bool((np.convolve(still, np.ones(samples), "valid") >= samples).any())


def correlations(true: np.ndarray, reconstructed: np.ndarray) -> np.ndarray:
    """Return the correlation coefficients (n,) of windows with their reconstructions, over all components."""
    a, b = true.reshape(len(true), -1), reconstructed.reshape(len(true), -1)
    a, b = a - a.mean(1, keepdims=True), b - b.mean(1, keepdims=True)
    scale = np.sqrt(np.sum(a**2, 1) * np.sum(b**2, 1))
    return np.sum(a * b, 1) / np.where(scale > 0, scale, 1)


def reconstruction_score(model: WaveformModel, records: Records) -> dict[str, float]:
    """Return how well windows are reconstructed.

    `correlation`: mean over windows; `correlation_p10`: a tenth of the windows have less; `mae`: mean absolute error
    for windows scaled to -1..1 (figure 3); `mae_of_zero`: that of answering zeros; `active_part`: share of the code's
    features above 0.
    """
    waveform = windows(records, model)["waveform"]
    true, reconstructed = model.prepared(waveform), model.outputs(waveform)
    r = correlations(true, reconstructed)
    return {
        "correlation": float(r.mean()),
        "correlation_p10": float(np.quantile(r, 0.1)),
        "mae": float(np.abs(true - reconstructed).mean()),
        "mae_of_zero": float(np.abs(true).mean()),
        "active_part": float(np.mean(ops.convert_to_numpy(model.code(waveform[:500])) > 0)),
    }


def classes(records: Records, labels: Sequence[str]) -> np.ndarray:
    """Return the number of each record's label, from the first word of its `trace_category` (`earthquake_local`).

    Raises:
        ZooError: if a record is of another category.
    """
    texts, rows = np.unique(np.asarray(records["trace_category"]).astype(str), return_inverse=True)
    words = [text.split("_")[0] for text in texts]
    strange = sorted({word for word in words if word not in labels})
    if strange:
        raise ZooError(f"This model distinguishes {', '.join(labels)}; the dataset also has {', '.join(strange)}.")
    return np.array([labels.index(word) for word in words])[rows]


def class_score(model: WaveformClassifier, records: Records) -> dict[str, float]:
    """Return accuracy, recall, and how reliable the probabilities are.

    `windows`: their number; `of_commonest`: accuracy of always giving the commonest label; `recall_LABEL`: the share of
    its records that is found; `calibration_error`: mean difference between stated probability and accuracy in ten bins.
    """
    records = windows(records, model, noise="noise" in model.labels)
    probability, true = model.outputs(records["waveform"]), classes(records, model.labels)
    found, sure = probability.argmax(1), probability.max(1)
    right = found == true
    bins = np.minimum((10 * sure).astype(int), 9)
    gaps = [abs(np.sum(sure[bins == b] - right[bins == b])) for b in range(10)]
    counts = np.bincount(true, minlength=len(model.labels))
    scores = {"accuracy": float(right.mean()), "windows": float(len(true))}
    scores["of_commonest"] = float(counts.max() / len(true))
    for number, label in enumerate(model.labels):
        if counts[number]:
            scores[f"recall_{label}"] = float(right[true == number].mean())
    scores["cross_entropy"] = float(-np.log(np.maximum(probability[np.arange(len(true)), true], 1e-30)).mean())
    scores["calibration_error"] = float(sum(gaps) / len(true))
    return scores
