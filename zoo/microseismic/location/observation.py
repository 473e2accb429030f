"""Recorded traces of one event: read from a file, and matched to the receivers of an emulator."""

from __future__ import annotations

import csv
import os
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from zoo.errors import ZooError
from zoo.files import read_npz

# Coordinates in files are often rounded to a metre.
_SAME_PLACE_KM = 0.0015
_SAME_RATE = 1e-3
_RECEIVER_COLUMNS = ("station", "x_km", "y_km", "z_km")


@dataclass(frozen=True)
class Observation:
    """Traces of one event.

    Attributes:
        traces: (receivers, time), first sample at the origin time, if that is known.
        sampling_rate_hz: None if not stated.
        receivers_km: (receivers, 3) x, y, z in km, z up; None if not stated.
        noise_sd: scalar or (receivers,) in the unit of the traces; None if not stated.
        source_km: (3,) true source, where known.
        unit: of the traces; None if not stated.
        noise: (receivers, samples) recorded before the event, in the unit and at the rate of the traces;
            None if there is none.
    """

    traces: np.ndarray
    sampling_rate_hz: float | None = None
    receivers_km: np.ndarray | None = None
    noise_sd: np.ndarray | float | None = None
    source_km: np.ndarray | None = None
    unit: str | None = None
    noise: np.ndarray | None = None


@dataclass(frozen=True)
class Matched:
    """An observation in the order and unit of an emulator.

    Attributes:
        traces: (receivers, time) float32.
        noise_sd: (receivers,) or None where it must be estimated.
        noise: (receivers, samples) before the event, or None.
        receivers: indices of the emulator's receivers, ascending.
        notes: what was done that the user should know.
    """

    traces: np.ndarray
    noise_sd: np.ndarray | None
    noise: np.ndarray | None
    receivers: tuple[int, ...]
    notes: tuple[str, ...]


def read_traces(path: str | os.PathLike, receivers_path: str | os.PathLike | None = None) -> Observation:
    """Read the traces of one event.

    Args:
        path: an .npz file with `traces` (receivers, time), `sampling_rate_hz`, `receivers_km`
            (receivers, 3) and, if known, `noise_sd`, `noise` (receivers, samples) before the event,
            `source_km`, `unit`; or any file that ObsPy reads (MiniSEED, SAC, ...) with one trace for
            each station.
        receivers_path: for ObsPy's formats, a CSV file with columns station, x_km, y_km, z_km.

    Raises:
        ZooError: the file is missing, damaged or incomplete.
    """
    path = Path(path)
    if not path.is_file():
        raise ZooError(f"There is no file {path} with traces to locate. Check the path.")
    if zipfile.is_zipfile(path) or path.suffix == ".npz":
        return _read_npz(path)
    return _read_obspy(path, receivers_path)


def match(observation: Observation, model: Any) -> Matched:
    """Check an observation against an emulator and put it into the emulator's receiver order.

    Raises:
        ZooError: shapes, sampling rate, unit or receivers do not fit, or the traces are unusable.
    """
    for name in ("receivers_km", "time_step_s", "samples", "lower_km", "upper_km"):
        if getattr(model, name, None) is None:
            raise ZooError(
                f"This model has no `{name}`, so it is no emulator of traces. Locate with a "
                "`cvae_emulator` or `nn_direct_emulator` (`zoo list '*emulator*'`)."
            )
    traces = np.asarray(observation.traces)
    if traces.ndim != 2 or not np.issubdtype(traces.dtype, np.number):
        raise ZooError(
            f"The traces have shape {traces.shape} and type {traces.dtype}; expected the numbers of "
            "one event, (receivers, time). Save one event to a file."
        )
    _check_sampling(traces, observation.sampling_rate_hz, model)
    _check_values(traces)
    unit = getattr(model, "unit", None)
    if observation.unit and unit and observation.unit.strip() != unit.strip():
        raise ZooError(
            f"The traces are in '{observation.unit}' but the emulator gives '{unit}'. Convert the "
            "traces to that unit, or leave their unit out if it is the same by another name."
        )
    receivers = _match_receivers(observation.receivers_km, len(traces), model)
    order = np.argsort(receivers)
    notes = []
    if np.any(np.diff(order) < 0):
        notes.append("The traces were put into the emulator's receiver order by their coordinates.")
    if len(receivers) < len(model.receivers_km):
        notes.append(f"{len(receivers)} of the emulator's {len(model.receivers_km)} receivers recorded the event.")
    noise_sd = _check_noise(observation.noise_sd, len(traces))
    noise = observation.noise
    if noise is not None and (np.ndim(noise) != 2 or len(noise) != len(traces)):
        raise ZooError(
            f"The noise before the event has shape {np.shape(noise)}; expected (receivers, samples) for the "
            f"same {len(traces)} receivers as the traces."
        )
    return Matched(
        traces=traces[order].astype(np.float32),
        noise_sd=None if noise_sd is None else noise_sd[order],
        noise=None if noise is None else np.asarray(noise, np.float64)[order],
        receivers=tuple(int(receivers[index]) for index in order),
        notes=tuple(notes),
    )


def _check_sampling(traces: np.ndarray, sampling_rate_hz: float | None, model: Any) -> None:
    expected_hz = 1.0 / model.time_step_s
    if sampling_rate_hz is not None and not abs(sampling_rate_hz / expected_hz - 1.0) < _SAME_RATE:
        raise ZooError(
            f"The traces are sampled at {sampling_rate_hz:g} Hz but the emulator at {expected_hz:g} Hz. "
            f"Resample them to {expected_hz:g} Hz (ObsPy: stream.resample({expected_hz:g}))."
        )
    if traces.shape[1] != model.samples:
        duration_s = (model.samples - 1) * model.time_step_s
        remedy = (
            f"Cut the first {model.samples} samples from the origin time on (traces[:, :{model.samples}])."
            if traces.shape[1] > model.samples
            else "The file may be truncated; read the data again from their source."
        )
        raise ZooError(
            f"The traces have {traces.shape[1]} samples; the emulator gives {model.samples} "
            f"({duration_s:g} s from the origin time). {remedy}"
        )


def _check_values(traces: np.ndarray) -> None:
    for index, trace in enumerate(traces):
        bad = np.flatnonzero(~np.isfinite(trace))
        if bad.size:
            raise ZooError(
                f"The trace at index {index} has {bad.size} samples that are not finite numbers, the "
                f"first at sample {bad[0]}. Leave that receiver out or fill the gap with recorded data."
            )
        if not np.any(trace):
            raise ZooError(f"The trace at index {index} is zero everywhere: a dead channel. Leave that receiver out.")


def _check_noise(noise_sd: Any, count: int) -> np.ndarray | None:
    if noise_sd is None:
        return None
    values = np.asarray(noise_sd, np.float64)
    if values.shape not in ((), (1,), (count,)):
        raise ZooError(f"noise_sd has shape {values.shape}; expected one number or one for each of {count} receivers.")
    if not np.all(np.isfinite(values) & (values > 0.0)):
        raise ZooError(f"noise_sd is {noise_sd}; expected positive numbers in the unit of the traces.")
    return np.broadcast_to(values, (count,)).copy()


def _match_receivers(receivers_km: np.ndarray | None, count: int, model: Any) -> np.ndarray:
    """Return the index of the emulator's receiver for each trace."""
    known = np.asarray(model.receivers_km, np.float64)
    if receivers_km is None:
        if count != len(known):
            raise ZooError(
                f"There are {count} traces without receiver coordinates and the emulator has {len(known)} "
                "receivers. State the coordinates (receivers_km, or `--receivers` with a CSV file)."
            )
        return np.arange(count)
    receivers_km = np.asarray(receivers_km, np.float64)
    if receivers_km.shape != (count, 3) or not np.all(np.isfinite(receivers_km)):
        raise ZooError(
            f"receivers_km has shape {receivers_km.shape}; expected finite x, y, z in km for each of "
            f"{count} traces, ({count}, 3)."
        )
    distance_km = np.linalg.norm(receivers_km[:, np.newaxis] - known, axis=-1)
    for place, row in zip(receivers_km, distance_km, strict=True):
        if row.min() > _SAME_PLACE_KM:
            lower = np.minimum(np.asarray(model.lower_km), known.min(axis=0))
            upper = np.maximum(np.asarray(model.upper_km), known.max(axis=0))
            outside = np.any((place < lower) | (place > upper))
            raise ZooError(
                f"No receiver of the emulator is at {_place(place)} km"
                f"{', which is outside its model' if outside else ''}. It knows "
                f"{', '.join(map(_place, known))}. Leave the trace out, correct the coordinates "
                "(x, y, z in km, z up from the model's bottom), or train an emulator for that receiver."
            )
    nearest = distance_km.argmin(axis=1)
    values, counts = np.unique(nearest, return_counts=True)
    if np.any(counts > 1):
        raise ZooError(
            f"Several traces are from the receiver at {_place(known[values[counts > 1][0]])} km; "
            "expected one pressure trace for each receiver."
        )
    return nearest


def _place(coordinates_km: np.ndarray) -> str:
    return "(" + ", ".join(f"{value:g}" for value in np.round(coordinates_km, 4)) + ")"


def _read_npz(path: Path) -> Observation:
    content = read_npz(path, "Copy or write it again.")
    for name in ("traces", "sampling_rate_hz", "receivers_km"):
        if name not in content:
            raise ZooError(
                f"{path} has no `{name}` (it has: {', '.join(sorted(content)) or 'nothing'}). Expected "
                "traces (receivers, time), sampling_rate_hz and receivers_km (receivers, 3)."
            )
    try:
        rate_hz = float(content["sampling_rate_hz"])
    except (TypeError, ValueError) as error:
        raise ZooError(f"sampling_rate_hz in {path} is not one number; expected e.g. 250.") from error
    return Observation(
        traces=content["traces"],
        sampling_rate_hz=rate_hz,
        receivers_km=content["receivers_km"],
        noise_sd=content.get("noise_sd"),
        noise=content.get("noise"),
        source_km=content.get("source_km"),
        unit=str(content["unit"]) if "unit" in content else None,
    )


def _read_obspy(path: Path, receivers_path: str | os.PathLike | None) -> Observation:
    import obspy

    if receivers_path is None:
        raise ZooError(
            f"{path} holds no receiver coordinates. Add a CSV file with the columns "
            f"{', '.join(_RECEIVER_COLUMNS)} (`--receivers FILE`)."
        )
    places = _read_receivers(Path(receivers_path))
    try:
        stream = obspy.read(str(path)).merge()
    except Exception as error:  # ObsPy's plugins raise whatever their format's parser raises.
        raise ZooError(
            f"ObsPy cannot read {path} ({type(error).__name__}: {error}). Give an .npz, MiniSEED or SAC file."
        ) from error
    stations = [trace.stats.station for trace in stream]
    for trace in stream:
        station = trace.stats.station
        if station not in places:
            raise ZooError(f"Station '{station}' of {path} is not in {receivers_path} (it has: {', '.join(places)}).")
        if stations.count(station) > 1:
            channels = ", ".join(t.stats.channel for t in stream if t.stats.station == station)
            raise ZooError(
                f"Station '{station}' has several traces (channels {channels}); keep the pressure channel only."
            )
        if np.ma.is_masked(trace.data):
            raise ZooError(f"Station '{station}' has a gap in its data. Leave it out or fill the gap.")
    _check_alike([trace.stats.sampling_rate for trace in stream], stations, "sampling rates (Hz)", 1e-6)
    _check_alike([trace.stats.npts for trace in stream], stations, "numbers of samples", 0)
    start = stream[0].stats.starttime
    half_sample_s = 0.5 * stream[0].stats.delta
    _check_alike([t.stats.starttime - start for t in stream], stations, "start times (s)", half_sample_s)
    return Observation(
        traces=np.stack([np.asarray(trace.data, np.float64) for trace in stream]),
        sampling_rate_hz=float(stream[0].stats.sampling_rate),
        receivers_km=np.array([places[station] for station in stations]),
    )


def _check_alike(values: Sequence[float], stations: Sequence[str], what: str, tolerance: float) -> None:
    if max(values) - min(values) > tolerance:
        listed = ", ".join(f"{station} {value:g}" for station, value in zip(stations, values, strict=True))
        raise ZooError(f"The stations have different {what}: {listed}. Cut or resample them alike.")


def _read_receivers(path: Path) -> dict[str, tuple[float, float, float]]:
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file, skipinitialspace=True))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ZooError(f"Cannot read the receiver file {path} ({error}).") from error
    columns = ", ".join(_RECEIVER_COLUMNS)
    places: dict[str, tuple[float, float, float]] = {}
    for number, row in enumerate(rows, start=2):
        try:
            station = row["station"].strip()
            place = tuple(float(row[name]) for name in _RECEIVER_COLUMNS[1:])
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ZooError(f"Line {number} of {path} does not hold the columns {columns} ({error}).") from error
        if station in places:
            raise ZooError(f"Line {number} of {path} repeats station '{station}'; keep one line for each.")
        places[station] = place
    if not places:
        raise ZooError(f"{path} lists no receivers; expected a header and lines of {columns}.")
    return places
