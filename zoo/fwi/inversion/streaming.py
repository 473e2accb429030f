"""Surveys that are larger than memory: observed and predicted traces that are made a few shots at a time.

What stands in for an array (S, T, R) has its shape and gives the shots that are asked for. A gradient of all shots is
then the mean of those of parts, which Keras's optimizers accumulate before they step.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
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
        filters: what is done to gathered traces (s, T, R), one after the other.
    """

    gather: Callable[[int], np.ndarray]
    shape: tuple[int, int, int]
    told: str
    filters: tuple[Callable[[np.ndarray], np.ndarray], ...] = ()

    dtype, ndim = np.dtype(np.float32), 3

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, shots: Any) -> np.ndarray:
        wanted = np.arange(len(self))[shots]
        found = np.stack([self.gather(int(shot)) for shot in np.atleast_1d(wanted)])
        for change in self.filters:
            found = change(found)
        return found if np.ndim(wanted) else found[0]

    def then(self, change: Callable[[np.ndarray], np.ndarray]) -> Observed:
        """Return the traces with something done to them, (s, T, R) -> (s, T, R)."""
        return replace(self, filters=(*self.filters, change))


@dataclass(frozen=True, eq=False)
class Simulated:
    """Predicted traces, (S, T, R), of which those of some shots are simulated when they are asked for."""

    model: WaveInversion
    velocity_m_s: np.ndarray
    shape: tuple[int, int, int]

    def __getitem__(self, shots: Any) -> np.ndarray:
        wanted = np.arange(self.shape[0])[shots]
        found = self.model.traces(self.velocity_m_s, np.atleast_1d(wanted))
        return found if np.ndim(wanted) else found[0]


def predicted(model: WaveInversion, velocity_m_s: np.ndarray, survey: Survey) -> np.ndarray | Simulated:
    """Return the traces of a survey over a velocity: an array, or where the observed ones are none, as they are."""
    if isinstance(survey.observed, Observed):
        return Simulated(model, velocity_m_s, survey.observed.shape)
    return model.traces(velocity_m_s)


def parts(survey: Survey, size: int) -> int:
    """Return in how many equal parts an update of `size` shots is taken."""
    if not isinstance(survey.observed, Observed):
        return 1
    _, samples, receivers = survey.observed.shape
    most = max(1, _PART_BYTES // (4 * samples * receivers))
    return next(count for count in range(1, size + 1) if size % count == 0 and size // count <= most)


def streamed(survey: Survey, size: int, count: int, seed: int, first_epoch: int = 0) -> tf.data.Dataset:
    """Return endless batches like `zoo.training.epochs.batches`, `count` of them to `size` shots."""
    import tensorflow as tf

    shots = len(survey.sources)

    def made():
        for epoch in itertools.count(first_epoch):
            order = np.random.default_rng((seed, epoch)).permutation(shots)[: shots // size * size]
            for some in order.reshape(-1, size // count):
                given = survey.wavelet[some], survey.numbered[some]
                yield given, survey.observed[some], survey.weights[some]

    def spec(array: Any) -> tf.TensorSpec:
        return tf.TensorSpec((size // count, *array.shape[1:]), array.dtype)

    given = spec(survey.wavelet), spec(survey.numbered)
    signature = given, spec(survey.observed), spec(survey.weights)
    return tf.data.Dataset.from_generator(made, output_signature=signature).prefetch(1)
