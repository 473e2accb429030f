"""Recorded traces of one event, and their match with the receivers of an emulator."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from zoo.errors import ZooError
from zoo.microseismic.location.receiver_tables import ReceiverTable
from zoo.microseismic.physics.coordinates import SAME_POINT_KM, listed

# Relative difference up to which two sampling rates are one: over 2 s, traces at 250 Hz then drift by half a sample.
_SAME_RATE = 1e-3


@dataclass(frozen=True)
class Observation:
    """Traces of one event.

    Attributes:
        traces: (receivers, time); the first sample is at the origin time, if that is known.
        sampling_rate_hz: None if not stated.
        receivers_km: (receivers, 3) x, y, z in km, z up; None if not stated.
        noise_sd: scalar or (receivers,) in the unit of the traces; None if not stated.
        source_km: (3,) true location of the source; None where unknown.
        unit: of the traces; None if not stated.
        noise: (receivers, samples) recorded before the event, in the unit and at the sampling rate of the
            traces; None if there are none.
        components: (traces,) letters, such as Z, N, E, of what each trace is, for an emulator of components; None: not
            stated, as of pressure.
        table: from which `receivers_km` come; with degrees, they are moved to the emulator's receivers. None: they are
            those of the earth model.

    >>> event = Observation(np.zeros((4, 501)), sampling_rate_hz=250.0, noise_sd=0.5)
    >>> Observation.of(event, noise_sd=1.0).noise_sd
    1.0
    """

    traces: np.ndarray
    sampling_rate_hz: float | None = None
    receivers_km: np.ndarray | None = None
    noise_sd: np.ndarray | float | None = None
    source_km: np.ndarray | None = None
    unit: str | None = None
    noise: np.ndarray | None = None
    components: tuple[str, ...] | None = None
    table: ReceiverTable | None = None

    @classmethod
    def of(
        cls,
        traces: np.ndarray | Observation,
        sampling_rate_hz: float | None = None,
        receivers_km: np.ndarray | None = None,
        noise_sd: np.ndarray | float | None = None,
    ) -> Observation:
        """Return an observation with the fields given here; where they are None, with its own.

        A `noise_sd` given here counts for more than the noise before the event.
        """
        own = traces if isinstance(traces, cls) else cls(traces)
        return replace(
            own,
            sampling_rate_hz=own.sampling_rate_hz if sampling_rate_hz is None else sampling_rate_hz,
            receivers_km=own.receivers_km if receivers_km is None else receivers_km,
            noise_sd=own.noise_sd if noise_sd is None else noise_sd,
            noise=own.noise if noise_sd is None else None,
            table=own.table if receivers_km is None else None,
        )


@dataclass(frozen=True)
class Matched:
    """An observation in the receiver order of an emulator.

    Attributes:
        traces: (receivers, time) float32.
        noise_sd: (receivers,), or None if it has to be estimated.
        noise: (receivers, samples) before the event, or None.
        receivers: indices of the emulator's receivers, ascending.
        notes: what was done that the user should know.
        degrees: turns a point (3,) in km into latitude, longitude and elevation in m; None where that is not known.
    """

    traces: np.ndarray
    noise_sd: np.ndarray | None
    noise: np.ndarray | None
    receivers: tuple[int, ...]
    notes: tuple[str, ...]
    degrees: Callable[[np.ndarray], tuple[float, float, float]] | None = None

    def remarks(self, place_km: np.ndarray) -> tuple[str, ...]:
        """Return where a place (3,) is in degrees, as a note, if that is known."""
        if self.degrees is None:
            return ()
        latitude, longitude, elevation_m = self.degrees(place_km)
        return (f"The mean is at latitude {latitude:.5f}, longitude {longitude:.5f}, elevation {elevation_m:.0f} m.",)


def match(observation: Observation, model: Any) -> Matched:
    """Check an observation against an emulator and put it into the emulator's receiver order.

    Args:
        observation: traces, and what is known about them.
        model: emulator of traces or Green's functions.

    Raises:
        ZooError: shapes, sampling rate, unit or receivers do not fit, or the traces are unusable.
    """
    traces = np.asarray(observation.traces)
    if traces.ndim != 2 or not np.issubdtype(traces.dtype, np.number):
        raise ZooError(
            f"The traces have shape {traces.shape} and type {traces.dtype}; expected numbers of "
            "one event, (receivers, time). Save one event to a file."
        )
    _check_sampling(traces, observation.sampling_rate_hz, model)
    _check_values(traces)
    unit = getattr(model, "unit", None)
    if observation.unit and unit and observation.unit.strip() != unit.strip():
        raise ZooError(
            f"The traces are in '{observation.unit}' but the emulator gives '{unit}'. Convert the "
            "traces to that unit, or leave their unit out if it is the same under another name."
        )
    receivers_km, degrees = observation.receivers_km, None
    if receivers_km is not None and observation.table is not None:
        shift = observation.table.shift_to(model.receivers_km)
        receivers_km, degrees = np.asarray(receivers_km) + shift, observation.table.degrees(shift)
    receivers = _match_receivers(receivers_km, len(traces), model, observation.components)
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
        degrees=degrees,
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
                f"first at sample {bad[0]}. Leave that receiver out, or fill the gap with recorded data."
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


def _match_receivers(
    receivers_km: np.ndarray | None, count: int, model: Any, components: tuple[str, ...] | None = None
) -> np.ndarray:
    """Return the index of the emulator's receiver (channel) for each trace.

    `model.receivers_km` has a row for each channel; `model.component_of_channel`, if it has one, a letter.
    """
    known, known_components = np.asarray(model.receivers_km, np.float64), _components(model)
    if receivers_km is None:
        if count != len(known):
            raise ZooError(
                f"There are {count} traces without receiver coordinates, and the emulator has {len(known)} "
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
    for receiver, row in zip(receivers_km, distance_km, strict=True):
        if row.min() > SAME_POINT_KM:
            lower = np.minimum(np.asarray(model.lower_km), known.min(axis=0))
            upper = np.maximum(np.asarray(model.upper_km), known.max(axis=0))
            outside = np.any((receiver < lower) | (receiver > upper))
            raise ZooError(
                f"No receiver of the emulator is at {listed(receiver)} km"
                f"{', which is outside its earth model' if outside else ''}. Its receivers are at "
                f"{', '.join(map(listed, known))}. Leave the trace out, correct the coordinates "
                "(x, y, z in km, z up from the model's bottom), or train an emulator for that receiver."
            )
    distance_km = distance_km + _other_component(components, count, model, receivers_km)
    nearest = distance_km.argmin(axis=1)
    values, counts = np.unique(nearest, return_counts=True)
    if np.any(counts > 1):
        raise ZooError(
            f"Several traces are from the receiver at {listed(known[values[counts > 1][0]])} km; "
            f"expected one {'trace for each component' if known_components else 'pressure trace for each receiver'}."
        )
    return nearest


def _components(model: Any) -> tuple[str, ...] | None:
    """Return the letter of each of an emulator's channels; None if it gives pressure."""
    known = tuple(getattr(model, "component_of_channel", None) or ())
    return None if set(known) <= {"P"} else known


def _other_component(
    components: tuple[str, ...] | None, count: int, model: Any, receivers_km: np.ndarray
) -> np.ndarray | float:
    """Return infinity where a trace and a channel of the emulator are not the same component, else 0."""
    known = _components(model)
    if not known:
        return 0.0
    if components is None or len(components) != count:
        raise ZooError(
            f"The emulator gives the components {', '.join(dict.fromkeys(known))} of its receivers; expected what each "
            f"of the {count} traces is (components, or the last letter of the channel code), received {components}."
        )
    missing = [one for one in dict.fromkeys(components) if one not in known]
    if missing:
        raise ZooError(
            f"The traces have the components {', '.join(missing)}, which the emulator does not give; it gives "
            f"{', '.join(dict.fromkeys(known))}. Rotate them, or leave them out."
        )
    same = np.array(components)[:, np.newaxis] == np.array(known)
    here = np.linalg.norm(receivers_km[:, np.newaxis] - np.asarray(model.receivers_km), axis=-1) <= SAME_POINT_KM
    if not np.all(np.any(same & here, axis=1)):
        lost = int(np.flatnonzero(~np.any(same & here, axis=1))[0])
        raise ZooError(
            f"The emulator has no component {components[lost]} at {listed(receivers_km[lost])} km. "
            "Leave that trace out."
        )
    return np.where(same, 0.0, np.inf)
