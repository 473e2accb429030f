"""Surveys that are larger than memory: observed and predicted traces that are made a few shots at a time.

What stands in for an array (S, T, R) has its shape and gives the shots that are asked for. A gradient of all shots is
then the mean of those of parts, which Keras's optimizers accumulate before they step.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import tensorflow as tf

    from zoo.fwi.inversion.survey import Survey
    from zoo.fwi.models.inversion import WaveInversion

MOST_HELD_BYTES = 512 << 20
"""Observed traces are held in memory up to this size."""
_PART_BYTES = 64 << 20


@dataclass(frozen=True, eq=False)
class Observed:
    """Observed traces, (S, T, R) float32, of which those of some shots are gathered when they are asked for.

    Args:
        gather: gather(shot) -> (T, R), see `zoo.fwi.inversion.gather`.
        shape: (S, T, R).
        told: what tells the data from others.
        filters: what is done to gathered traces (s, T, R) of some shots (s,), one after the other.
    """

    gather: Callable[[int], np.ndarray]
    shape: tuple[int, int, int]
    told: str
    filters: tuple[Callable[[np.ndarray, np.ndarray], np.ndarray], ...] = ()

    dtype, ndim = np.dtype(np.float32), 3

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, shots: Any) -> np.ndarray:
        wanted = np.arange(len(self))[shots]
        found = np.stack([self.gather(int(shot)) for shot in np.atleast_1d(wanted)])
        for change in self.filters:
            found = change(found, np.atleast_1d(wanted))
        return found if np.ndim(wanted) else found[0]

    def then(self, change: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> Observed:
        """Return the traces with something done to them: change((s, T, R), shots (s,)) -> (s, T, R)."""
        return replace(self, filters=(*self.filters, change))


@dataclass(frozen=True, eq=False)
class Simulated:
    """Predicted traces, (S, T, R), of which those of some shots are simulated when they are asked for."""

    model: WaveInversion
    velocity_m_s: np.ndarray
    shape: tuple[int, int, int]
    wavelet: np.ndarray | None = None

    def __getitem__(self, shots: Any) -> np.ndarray:
        wanted = np.arange(self.shape[0])[shots]
        found = self.model.traces(self.velocity_m_s, self.wavelet, np.atleast_1d(wanted))
        return found if np.ndim(wanted) else found[0]


def predicted(
    model: WaveInversion, velocity_m_s: np.ndarray, survey: Survey, wavelet: np.ndarray | None = None
) -> np.ndarray | Simulated:
    """Return the traces of a survey over a velocity: an array, or where the observed ones are none, as they are.

    Args:
        model: of the survey.
        velocity_m_s: (Z, X).
        survey: with observed traces.
        wavelet: (S, T); None: the model's own.
    """
    if streams(survey):
        return Simulated(model, velocity_m_s, survey.observed.shape, wavelet)
    return model.traces(velocity_m_s, wavelet)


def at_once(survey: Survey) -> int:
    """Return the number of shots whose traces are held together: all, or of streamed ones as many as a part has."""
    shots, samples, receivers = survey.observed.shape
    return min(shots, max(1, _PART_BYTES // (4 * samples * receivers))) if streams(survey) else shots


def spread_shots(survey: Survey) -> np.ndarray | slice:
    """Return all shots, or the numbers of as many streamed ones as are held together, evenly spread."""
    if not streams(survey):
        return slice(None)
    return np.unique(np.linspace(0, len(survey.sources) - 1, at_once(survey)).round().astype(int))


def stretches(survey: Survey) -> Iterator[slice]:
    """Return all shots, as many at a time as are held together."""
    shots, size = len(survey.sources), at_once(survey)
    return (slice(first, min(first + size, shots)) for first in range(0, shots, size))


def streams(survey: Survey) -> bool:
    """Return whether a survey's traces are read when they are needed."""
    return isinstance(survey.observed, Observed)


def parts(survey: Survey, size: int) -> int:
    """Return in how many equal parts an update of `size` shots is taken."""
    most = at_once(survey)
    return next(count for count in range(1, size + 1) if size % count == 0 and size // count <= most)


def streamed(data: tuple, size: int, count: int, seed: int, first_epoch: int = 0) -> tf.data.Dataset:
    """Return endless batches like `zoo.training.epochs.batches`, `count` of them to `size` shots.

    Args:
        data: nested tuples of arrays, or of what gives those of some shots (`Observed`), each by shot.
        size, count, seed, first_epoch: as said.
    """
    import tensorflow as tf

    shots = len(tf.nest.flatten(data)[0])

    def made():
        for epoch in itertools.count(first_epoch):
            order = np.random.default_rng((seed, epoch)).permutation(shots)[: shots // size * size]
            for some in order.reshape(-1, size // count):
                yield tf.nest.map_structure(lambda array, some=some: array[some], data)

    signature = tf.nest.map_structure(lambda array: tf.TensorSpec((size // count, *array.shape[1:]), array.dtype), data)
    return tf.data.Dataset.from_generator(made, output_signature=signature).prefetch(1)
