"""Records of a dataset as events: the measures of their stations, their kind, and how events are dealt into folds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from zoo.errors import ZooError
from zoo.progress import say
from zoo.seismograms.events.measures import COUNT, RATE_HZ, Picker, measure

FEATURES = (
    *("waveform", "trace_name", "trace_category", "trace_origin_sample", "trace_recorded_rate_hz"),
    *("source_id", "source_latitude_deg", "source_longitude_deg"),
)
"""The columns of a record that are read, where a dataset has them."""
NEAR_KM = 10.0
"""Events within this distance of each other are of one place."""
_KM_PER_DEGREE, _PICKER_WINDOW_S = 111.2, 30.0


class Events(NamedTuple):
    """Events of a dataset, n of them."""

    names: list[str]
    measures: np.ndarray
    """(n, stations, COUNT) float32; NaN where nothing was measured."""
    explosion: np.ndarray
    """(n,) bool."""
    coordinates_deg: np.ndarray
    """(n, 2), latitude and longitude."""

    @property
    def stations(self) -> np.ndarray:
        """How many stations count, (n,)."""
        return np.isfinite(self.measures).any(axis=2).sum(axis=1)


def picker_of(name: Any) -> tuple[Picker, tuple[int, float]]:
    """Return a phase picker as a function, and the samples and sampling rate of its windows, 30 s at least."""
    from zoo import registry

    model, _ = registry.model_for(name, "seismograms.picks")
    rate_hz = float(model.sampling_rate_hz)
    samples = max(model.samples, round(_PICKER_WINDOW_S * rate_hz))
    return lambda windows: np.asarray(model(windows)), (samples, rate_hz)


def events_of(records: Mapping[str, np.ndarray], picker: Any) -> Events:
    """Measure every trace of a dataset and gather those of one event.

    Args:
        records: those that `FEATURES` names; `waveform` (traces, samples, components), Z first, at 100 Hz.
        picker: the phase picker, or the name or folder of its checkpoint.

    Raises:
        ZooError: if no trace counts, or an event is of two kinds.
    """
    verticals = records["waveform"][..., 0]
    recorded_hz = records.get("trace_recorded_rate_hz", np.full(len(verticals), RATE_HZ))
    origin_s = np.asarray(records["trace_origin_sample"], np.float64) / RATE_HZ
    found = measure(verticals, origin_s, recorded_hz, *picker_of(picker))
    names = np.asarray(records["source_id"]).astype(str)
    kinds = np.asarray(records["trace_category"]).astype(str)
    counted = np.array([not why for why in found.why_not])
    for why in sorted({why for why in found.why_not if why}):
        say(f"zoo: {found.why_not.count(why)} of {len(names)} traces left out: {why}")
    if not counted.any():
        raise ZooError(f"None of {len(names)} traces can be measured. They must be at 100 Hz, with the origin inside.")
    chosen = sorted(set(names))
    stations = max(int(counted[names == name].sum()) for name in chosen)
    measures = np.full((len(chosen), max(1, stations), COUNT), np.nan, np.float32)
    explosion, where = [], []
    for row, name in enumerate(chosen):
        mine = np.flatnonzero(names == name)
        kind = {text.split("_")[0] for text in kinds[mine]}
        if len(kind) > 1 or not kind <= {"explosion", "earthquake"}:
            raise ZooError(f"The event {name} is {' and '.join(sorted(kind))}; expected explosion or earthquake.")
        explosion.append(kind == {"explosion"})
        where.append([records.get(f"source_{c}_deg", np.full(len(names), np.nan))[mine[0]] for c in _COORDINATES])
        rows = found.measures[mine[counted[mine]]]
        measures[row, : len(rows)] = rows
    return Events(chosen, measures, np.array(explosion), np.array(where, np.float64))


_COORDINATES = ("latitude", "longitude")


def places(events: Events) -> list[str]:
    """Return the place of each event: chains of events that lie within 10 km of each other have one.

    Raises:
        ZooError: if an event has no coordinates.
    """
    from scipy.cluster.hierarchy import fclusterdata

    if not np.isfinite(events.coordinates_deg).all():
        raise ZooError("leave_out=place needs latitude and longitude of every event; leave_out=event does not.")
    if len(events.names) < 2:
        return ["1"] * len(events.names)
    latitude, longitude = events.coordinates_deg.T
    km = _KM_PER_DEGREE * np.stack([latitude, longitude * np.cos(np.radians(latitude.mean()))], axis=1)
    return [str(number) for number in fclusterdata(km, NEAR_KM, criterion="distance", method="single")]


def deal(events: Events, folds: int, leave_out: str) -> dict[str, int]:
    """Return event -> fold, from 1; events of one place stay together with leave_out="place".

    Explosions are dealt first, so that folds have about as many of either kind.
    """
    group = places(events) if leave_out == "place" else events.names
    explosions = dict.fromkeys(g for g, explosion in zip(group, events.explosion, strict=True) if explosion)
    order = [*explosions, *(g for g in dict.fromkeys(group) if g not in explosions)]
    number = {g: 1 + place % folds for place, g in enumerate(order)}
    return {name: number[g] for name, g in zip(events.names, group, strict=True)} if folds else {}
