"""Traces gathered by shot: each shot on receivers of its own where the line moves on, so that memory follows the data.

A shot at a time is read, resampled and put into its place.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from zoo.errors import ZooError
from zoo.fwi.inversion.streaming import MOST_HELD_BYTES, Observed
from zoo.fwi.inversion.survey import Survey
from zoo.fwi.inversion.wavelet import resample

if TYPE_CHECKING:
    from zoo.fwi.physics.velocity_models import VelocityModel
    from zoo.fwi.shots import Shots

_NAMED_TRACES = 3
_MOVES = 1.5
"""Receivers of all shots together, over the most that one has, from which on every shot keeps its own."""


@dataclass(frozen=True)
class Cells:
    """Where the shots of `labels` (S,) are: `sources` (S, 2), all `receivers` (R, 2); positions (z, x) in cells.

    `shot` and `receiver` (n,) are the numbers of each trace in these.
    """

    labels: np.ndarray
    sources: np.ndarray
    receivers: np.ndarray
    shot: np.ndarray
    receiver: np.ndarray


def gathered(
    shots: Shots, cells: Cells, step_s: float, samples: int, model: VelocityModel, aperture_m: float | None = None
) -> tuple[Survey, tuple[str, ...]]:
    """Return the live traces by shot and receiver, resampled, and sentences; the survey's wavelet is still zero.

    Args:
        shots: the traces.
        cells: where they are.
        step_s, samples: of the survey.
        model: the grid.
        aperture_m: margin around the sources and receivers of each shot, within which it is simulated; None: all.

    Raises:
        ZooError: no trace is alive.
    """
    live = np.concatenate([np.abs(shots.traces[part]).max(axis=1) > 0 for part in shots.stretches()])
    notes = _dead(shots, live)
    pairs = np.unique(np.stack([cells.shot[live], cells.receiver[live]], 1), axis=0)
    most = int(np.bincount(pairs[:, 0]).max())
    own = aperture_m is not None or len(cells.receivers) > _MOVES * most
    count = np.zeros((len(cells.labels), most if own else len(cells.receivers)), np.int32)
    receivers = np.empty((*count.shape, 2), cells.receivers.dtype)
    order = np.argsort(cells.shot, kind="stable")
    edges = np.searchsorted(cells.shot[order], np.arange(len(count) + 1))
    rows_of, slots_of = [], []
    for shot in range(len(count)):
        rows = order[edges[shot] : edges[shot + 1]]
        rows = rows[live[rows]]
        slots = cells.receiver[rows]
        if own:
            heard, slots = np.unique(slots, return_inverse=True)
            receivers[shot] = cells.receivers[np.resize(heard, most) if len(heard) else np.zeros(most, int)]
        np.add.at(count[shot], slots, 1)
        rows_of.append(rows)
        slots_of.append(slots)

    def gather(shot: int) -> np.ndarray:
        """Return the traces (T, R) of a shot."""
        found = np.zeros((count.shape[1], samples), np.float32)
        if len(rows := rows_of[shot]):
            # Sample n of a survey is the field after n + 1 steps: the first one is at the time of one step.
            begin_s = step_s - shots.first_sample_s
            np.add.at(found, slots_of[shot], resample(shots.traces[rows], shots.time_step_s, step_s, samples, begin_s))
        return (found / np.maximum(count[shot], 1)[:, None]).T

    shape = len(count), samples, count.shape[1]
    if own and 4 * np.prod(shape, dtype=np.int64) > MOST_HELD_BYTES:
        observed = Observed(gather, shape, shots.digest())
        notes.append("The traces are more than is held in memory: they are read again for every gradient.")
    else:
        observed = np.empty(shape, np.float32)
        for shot in range(len(count)):
            observed[shot] = gather(shot)
    if (count > 1).any():
        notes.append(f"{np.sum(count > 1)} pairs of shot and receiver hold several traces: their mean was taken.")
    survey = Survey(
        wavelet=np.zeros((len(count), samples), np.float32),
        sources=cells.sources,
        receivers=receivers if own else cells.receivers,
        time_step_s=step_s,
        observed=observed,
        weights=(count > 0).astype(np.float32),
    )
    if not own:
        return survey, tuple(notes)
    from zoo.fwi.physics.acoustic_apertures import apertures_around  # it imports numba

    margin = None if aperture_m is None else aperture_m / model.spacing_m
    apertures = apertures_around(cells.sources, receivers, count, model.shape[1], margin)
    if aperture_m is not None:
        share = apertures.cells(model.shape[0]) / (len(count) * model.velocity_m_s.size)
        notes.append(
            f"Every shot is simulated up to {aperture_m:g} m beyond its source and receivers only: {100 * share:.0f} % "
            "of the model on average. Waves that turn further out are missing."
        )
    return survey.within(apertures.columns), tuple(notes)


def _dead(shots: Shots, live: np.ndarray) -> list[str]:
    if not live.any():
        raise ZooError("All traces are dead (zero). Check the file.")
    if live.all():
        return []
    dead = np.flatnonzero(~live)
    names = ", ".join([shots.name(row) for row in dead[:_NAMED_TRACES]] + ["..."] * (len(dead) > _NAMED_TRACES))
    return [f"{len(dead)} dead traces (zero throughout) have weight 0: {names}."]
