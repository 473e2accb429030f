"""What the emulator of Green's functions learns and measures outside of `fit`.

As for traces (`zoo.microseismic.models.emulator_training`), but six Green's functions have one arrival, that of the
explosion's trace, and one amplitude, their rms: what is left are frames of order one, written as principal components.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import keras
import numpy as np
from scipy.signal import hilbert

from zoo.errors import ZooError
from zoo.microseismic.models.emulator_training import NOISE_TO_PEAK
from zoo.microseismic.models.gp_regression import fit_gaussian_processes
from zoo.microseismic.models.greens import to_common_axes
from zoo.microseismic.models.trace_alignment import is_outlier, peaks, pulse_delay_s, shift_traces
from zoo.microseismic.physics import moment_tensor
from zoo.progress import track
from zoo.training.metrics import r2d
from zoo.training.recipe import draw_seed, seeds
from zoo.training.schedules import cosine

# Where the peak of the explosion's trace lies in a frame.
_REFERENCE_S = 0.16
# How long P lasts; the least square of S's envelope, relative to that of P, at which S is picked; how long before its
# peak S begins, and the taper of that beginning.
_P_LENGTH_S, _S_TO_P, _S_LEAD_S, _S_TAPER_S = 0.12, 0.05, 0.12, 0.06
_BATCH = 250
# Tensors of each kind with which an event is scored and measured.
_TENSORS = 2
# The largest errors to be expected, of time, of log amplitude, and of one sample relative to the peak: they keep the
# multiples of columns that are alike from growing.
_RIDGE_TIMING_S, _RIDGE_LOG_AMPLITUDE, _RIDGE_ERROR = 5e-3, 0.3, 0.03
# Directions in the space of signals with less energy than this, relative to the strongest, are not heard.
_STRONG = 2.5e-3
_TINY = 1e-30
# Held-out events that travel with the model, and their scalar moment.
_GOLDEN_EVENTS = 20
_GOLDEN_MOMENT_N_M = 1e12  # Mw 1.9


def adapt(
    model: keras.Model, records: Mapping[str, np.ndarray], settings: Mapping[str, Any], about: Mapping[str, Any]
) -> None:
    """Give the model its geometry; fit arrival times, amplitudes and principal components."""
    if about.get("recorded", "P") != "P":
        raise ZooError(
            f"The emulator of Green's functions takes pressure, and the dataset has {about['recorded']}: prepare one "
            "without components=ZNE."
        )
    greens, coordinates = records["greens"], records["coordinates_km"]
    seed = seeds(settings)
    time_step_s = 1 / float(about["sampling_rate_hz"])
    model.configure(
        about["receivers_km"],
        greens.shape[-1],
        time_step_s,
        coordinates.min(0),
        coordinates.max(0),
        round(_REFERENCE_S / time_step_s),
        about["unit"],
    )
    model.source_features.adapt(coordinates)
    features = np.asarray(model.source_features(coordinates))[..., : model.source_features.smooth]
    distance_km = np.asarray(model.source_features.distance_km(coordinates))
    delay_s, loudness = np.zeros(model.pulse_delay_s.shape), np.zeros(model.loudness.shape)
    for receiver in range(greens.shape[1]):
        distance = distance_km[:, receiver]
        for wave, (time_s, seen) in enumerate(pick_waves(greens[:, receiver], time_step_s)):
            delay_s[receiver, wave] = pulse_delay_s(time_s[seen], distance[seen])
            slowness = (time_s + delay_s[receiver, wave]) / distance
            used = np.flatnonzero(seen)
            used = used[~is_outlier(slowness[used], coordinates[used, 2])]
            (fitted,) = fit_gaussian_processes(
                features[used, receiver],
                slowness[used, np.newaxis],
                settings["inducing_points"],
                seed=draw_seed(seed),
                linear_trend=True,
                what=f"Process of the time of {'PS'[wave]}, receiver {receiver + 1}",
            )
            model.processes.assign(receiver, wave, fitted)
        level = np.sqrt(np.mean(np.square(greens[:, receiver], dtype=np.float64), axis=(1, 2)))
        design = np.column_stack([np.ones(len(level)), features[:, receiver]])
        loudness[receiver] = np.linalg.lstsq(design, np.log(level * distance), rcond=1e-8)[0]
    model.pulse_delay_s.assign(delay_s)
    model.loudness.assign(loudness)
    for wave, layer in enumerate(model.principal):
        layer.adapt(np.concatenate(list(normalised_frames(model, coordinates, greens, wave))))


def pick_waves(greens: np.ndarray, time_step_s: float) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return times in s (n,) of P and S in Green's functions (n, 6, time), and where they can be picked, (n,) bool.

    P is the peak of the explosion's trace. S is the peak of the envelope of all six from `_P_LENGTH_S` after P on, if
    that is well before the end and not lost in the coda of P.
    """
    p_s = peaks(greens[:, :3].sum(axis=1))[0] * time_step_s
    envelope = np.square(np.abs(hilbert(np.asarray(greens, np.float64) / greens.max(), axis=-1))).sum(axis=1)
    time_s = np.arange(envelope.shape[-1]) * time_step_s
    p_peak = np.where(time_s < (p_s + _P_LENGTH_S)[:, np.newaxis], envelope, 0).max(axis=-1)
    late = np.where(time_s > (p_s + _P_LENGTH_S)[:, np.newaxis], envelope, 0)
    position, height = peaks(late)
    s_s = position * time_step_s
    seen = (height > _S_TO_P * p_peak) & (s_s < time_s[-1] - _P_LENGTH_S)
    return [(p_s, np.ones(len(p_s), bool)), (s_s, seen)]


def normalised_frames(
    model: keras.Model, coordinates_km: np.ndarray, greens: np.ndarray, wave: int
) -> Iterator[np.ndarray]:
    """Yield, for each receiver, the frames of one wave in the axes of each pair, (n, 6 * frame samples).

    Times and amplitudes are the model's own. What comes before `_S_LEAD_S` before S is P, the rest S.
    """
    onset_s, amplitude = (np.asarray(part) for part in model.arrival(coordinates_km))
    offset = coordinates_km[:, np.newaxis] - model.receivers_km
    turn = np.asarray(to_common_axes(np.float32(offset * [1, -1, 1])))
    time_s = np.arange(greens.shape[-1]) * model.time_step_s
    for receiver in range(greens.shape[1]):
        turned = np.einsum("nij,njt->nit", turn[:, receiver], greens[:, receiver] / amplitude[:, receiver, None, None])
        s_s = onset_s[:, receiver, 1] + model.reference_sample * model.time_step_s
        rise = np.clip((time_s - s_s[:, np.newaxis] + _S_LEAD_S) / _S_TAPER_S, 0, 1)
        share = 0.5 - 0.5 * np.cos(np.pi * rise)
        turned *= (share if wave else 1 - share)[:, np.newaxis]
        flat = turned.reshape(-1, turned.shape[-1])
        moved = shift_traces(flat, np.repeat(-onset_s[:, receiver, wave] / model.time_step_s, turned.shape[1]))
        yield moved[:, :: model.frame_every].astype(np.float32).reshape(len(turned), -1)


def examples(
    model: keras.Model, records: Mapping[str, np.ndarray], settings: Mapping[str, Any]
) -> tuple[np.ndarray, np.ndarray]:
    """Return the network's inputs (n * receivers, 1, inputs) and coefficients of both waves, one row for each pair."""
    coordinates, greens = records["coordinates_km"], records["greens"]
    coefficients = [
        np.stack([layer.coefficients(frames) for frames in normalised_frames(model, coordinates, greens, wave)], axis=1)
        for wave, layer in enumerate(model.principal)
    ]
    targets = np.concatenate(coefficients, axis=-1).reshape(-1, 1, len(coefficients) * model.coefficients)
    return np.asarray(model.network_inputs(model.source_features(coordinates))), targets


def compile_network(network: keras.Model, settings: Mapping[str, Any], steps: int) -> None:
    """Adam with a learning rate that falls to zero along a cosine; mean squared error."""
    network.compile(
        keras.optimizers.Adam(cosine(settings["learning_rate"], steps)),
        loss="mse",
        steps_per_execution=max(1, steps // max(1, settings["epochs"])),
        jit_compile=True,
    )


def traces_of(model: keras.Model, records: Mapping[str, np.ndarray], kind: str) -> tuple[np.ndarray, np.ndarray]:
    """Return true and emulated traces (events * tensors, receivers, time) of random tensors of a kind, per N m."""
    rng = np.random.default_rng(moment_tensor.KINDS.index(kind))
    coordinates, greens = records["coordinates_km"], records["greens"]
    true = np.empty((_TENSORS, *greens.shape[:2], greens.shape[-1]), np.float32)
    found = np.empty_like(true)
    for first in range(0, len(greens), _BATCH):
        part = slice(first, first + _BATCH)
        emulated = np.asarray(model(coordinates[part]))
        moments = moment_tensor.draw(kind, _TENSORS * len(emulated), rng).reshape(_TENSORS, -1, 6).astype(np.float32)
        true[:, part] = np.einsum("knc,nrct->knrt", moments, greens[part])
        found[:, part] = np.einsum("knc,nrct->knrt", moments, emulated)
    return (traces.reshape(-1, *traces.shape[2:]) for traces in (true, found))


def score(model: keras.Model, records: Mapping[str, np.ndarray]) -> dict[str, float]:
    """Return R2D (Spurio Mancini et al. 2021, eq. 12) of traces of explosions, CLVDs, double couples, any tensors."""
    scores = {}
    for kind in moment_tensor.KINDS:
        true, found = traces_of(model, records, kind)
        scores[f"r2d_{kind.replace(' ', '_')}"] = r2d(true, found)
    return scores


def measure_errors(model: keras.Model, records: Mapping[str, np.ndarray], settings: Mapping[str, Any]) -> None:
    """Measure on held-out events, with double couples and any tensors, how wrong the emulator is; keep it in the model.

    The residual of a trace is fitted by multiples of P, of S and of their derivatives: errors of log amplitude and
    time, of all events of a height together, sum of multiple * column squared over that of columns squared (a wave in
    a nodal direction, which is nearly nothing but error, has no arrival of its own), where a column that is stronger
    than the mean counts like the mean. The rest is relative to the peak of the loudest receiver: its rms over the
    trace, and its rms along the signals, that is in the space of the receiver's Green's functions and their
    derivatives. There it is several times as strong as elsewhere, and only there can it be taken for a signal.
    """
    coordinates, greens = records["coordinates_km"], records["greens"]
    rng = np.random.default_rng(0)
    sums, heights = [], []
    for first in track(range(0, len(greens), _BATCH), "Errors of the emulator"):
        part = slice(first, first + _BATCH)
        waves = np.asarray(model.waves(coordinates[part]))
        for kind in ("double couple", "general") * _TENSORS:
            moments = moment_tensor.draw(kind, len(waves), rng)
            sums.append(_error_sums(waves, greens[part], moments, model.time_step_s))
            heights.append(coordinates[part, 2])
    sums, height = np.concatenate(sums), np.concatenate(heights)
    bins = model.height_errors.shape[-1]
    edges = np.linspace(model.lower_km[2], model.upper_km[2], bins + 1)
    which = np.clip(np.searchsorted(edges, height) - 1, 0, bins - 1)
    errors = [_rms_error(sums[which == n] if np.any(which == n) else sums) for n in range(bins)]
    model.height_errors.assign(np.stack(errors, axis=-1))


def _rms_error(sums: np.ndarray) -> np.ndarray:
    """Return errors (errors, receivers) of `_error_sums` (n, 2, errors, receivers); a loud event has no more weight."""
    weight = np.minimum(1, sums[:, 1].mean(axis=0) / np.maximum(sums[:, 1], _TINY))
    square, relative = (weight[:, np.newaxis] * sums).sum(axis=0)
    return np.sqrt(square / np.maximum(relative, _TINY))


def _error_sums(waves: np.ndarray, greens: np.ndarray, moments: np.ndarray, time_step_s: float) -> np.ndarray:
    """Return squares of errors and what they are relative to, (n, 2, errors, receivers), of one tensor per event.

    Args:
        waves: (n, receivers, 2, 6, samples) emulated P and S.
        greens: (n, receivers, 6, samples) true.
        moments: (n, 6).
    """
    true = np.einsum("nc,nrct->nrt", moments, greens)
    loudest = np.abs(true).max(axis=(1, 2))[:, np.newaxis, np.newaxis]
    parts = np.einsum("nc,nrwct->nrwt", moments, waves) / loudest[..., np.newaxis]
    residual = true / loudest - parts.sum(axis=2)
    columns = np.concatenate([-np.gradient(parts, time_step_s, axis=-1), parts], axis=2)
    normal = columns @ np.swapaxes(columns, -1, -2)
    energy = np.einsum("nrii->nri", normal)
    # Where columns are alike, smaller multiples are likelier.
    ridge = np.repeat((_RIDGE_ERROR / np.array([_RIDGE_TIMING_S, _RIDGE_LOG_AMPLITUDE])) ** 2, parts.shape[2])
    projected = (columns @ residual[..., np.newaxis])[..., 0]
    multiples = np.linalg.solve(normal + np.diag(ridge), projected[..., np.newaxis])[..., 0]
    rest = residual - np.einsum("nrit,nri->nrt", columns, multiples)

    signals = (
        waves.reshape(*waves.shape[:2], -1, waves.shape[-1])
        / np.abs(waves).max(axis=(1, 2, 3, 4), keepdims=True)[..., 0]
    )
    signals = np.concatenate([signals, np.gradient(signals, axis=-1)], axis=2)
    values, vectors = np.linalg.eigh(signals @ np.swapaxes(signals, -1, -2))
    strong = values > _STRONG * values[..., -1:]
    along = np.einsum("nrik,nrit,nrt->nrk", vectors, signals, rest) ** 2 / np.where(strong, values, np.inf)
    # What the columns took is gone. Where no S is heard they took less, so this errs on the safe side.
    free = np.maximum(strong.sum(axis=-1) - columns.shape[2], 1)
    ones = np.ones((*rest.shape[:2], 1))
    squares = [multiples**2 * energy, np.mean(rest**2, -1, keepdims=True), along.sum(-1, keepdims=True)]
    relative = [energy, ones, free[..., np.newaxis]]
    both = np.stack([np.concatenate(squares, axis=-1), np.concatenate(relative, axis=-1)], axis=1)
    return np.swapaxes(both, -1, -2)


def held_out_events(
    model: keras.Model, records: Mapping[str, np.ndarray], settings: Mapping[str, Any]
) -> dict[str, np.ndarray]:
    """Return 20 held-out events: locations, tensors (double couple, CLVD, any, in turn), true and emulated traces.

    All have the same scalar moment. `noise_sd` (20,) is the paper's noise relative to the amplitude of each: the
    traces of one moment are a hundred times louder near the seabed than at the floor.
    """
    coordinates = records["coordinates_km"][:_GOLDEN_EVENTS].astype(np.float32)
    rng = np.random.default_rng(0)
    kinds = ("double couple", "clvd", "general")
    tensors = _GOLDEN_MOMENT_N_M * np.concatenate(
        [moment_tensor.draw(kinds[n % len(kinds)], 1, rng) for n in range(len(coordinates))]
    )
    traces = np.einsum("nc,nrct->nrt", tensors, records["greens"][:_GOLDEN_EVENTS])
    return {
        "coordinates_km": coordinates,
        "moment_tensor_n_m": tensors.astype(np.float32),
        "traces": traces.astype(np.float32),
        "predicted": np.asarray(model(coordinates)),
        "noise_sd": (NOISE_TO_PEAK * np.median(np.abs(traces).max(axis=-1), axis=1)).astype(np.float32),
    }
