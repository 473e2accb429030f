"""Shots that each see a part of a grid only, with receivers of their own: cost and memory follow the aperture.

A shot is simulated on its stretch of columns, which absorbs at its ends as the grid does at its own, and its gradient
is added to that of the grid. The kernels are those of `zoo.fwi.physics.acoustic_propagator`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from zoo.fwi.physics.acoustic_propagator import Propagator, _parallel

_LEAST = 24
"""Columns that an aperture has at least: enough for the differences of order 8."""
_WHOLE = 16
"""Columns come in multiples of this, where the grid has as many: XLA compiles anew for each width."""
_PLANS = 64
"""Propagators that are kept; a plan is cheap to make again."""


@dataclass(frozen=True, eq=False)
class Apertures:
    """Which part of a grid each shot sees.

    Attributes:
        columns: (S, 2) first column, and the one after the last.
        receivers: (S, R, 2) positions (z, x) in cells of the whole grid; shots with fewer repeat one.
    """

    columns: np.ndarray
    receivers: np.ndarray

    def cells(self, rows: int) -> int:
        """Return how many cells all shots together see on a grid with that many rows."""
        return int(rows * np.diff(self.columns, axis=1).sum())


def apertures_around(
    sources: np.ndarray, receivers: np.ndarray, live: np.ndarray, columns: int, margin: float | None
) -> Apertures:
    """Return the apertures from the leftmost to the rightmost of a shot's source and receivers, with a margin.

    Args:
        sources: (S, 2) positions (z, x) in cells.
        receivers: (S, R, 2) positions.
        live: (S, R) whether there is a receiver.
        columns: of the grid.
        margin: in cells; None: every shot sees the whole grid.

    >>> around = apertures_around(np.array([[1, 50.0]]), np.array([[[1, 60.0], [1, 70]]]), np.ones((1, 2)), 200, 10)
    >>> around.columns.tolist()
    [[37, 85]]
    """
    if margin is None:
        return Apertures(np.tile([0, columns], (len(sources), 1)), receivers)
    x = np.concatenate([sources[:, None, 1], np.where(live > 0, receivers[..., 1], sources[:, None, 1])], axis=1)
    first = np.clip(np.floor(x.min(axis=1) - margin).astype(np.int64), 0, columns - 1)
    last = np.clip(np.ceil(x.max(axis=1) + margin).astype(np.int64) + 1, 1, columns)
    width = np.minimum(-(-np.maximum(last - first, _LEAST) // _WHOLE) * _WHOLE, columns)
    first = np.clip(first - (width - (last - first)) // 2, 0, columns - width)
    return Apertures(np.stack([first, first + width], 1), receivers)


def _again(shape: tuple[int, int], apertures: Apertures, options: dict[str, Any]) -> AperturePropagator:
    """Return a propagator that was pickled, without the plans that it had kept."""
    return AperturePropagator(shape, apertures, **options)


class AperturePropagator:
    """As `zoo.fwi.physics.acoustic_propagator.Propagator`, with a third number to each source: that of its shot.

    Args:
        shape: (Z, X) of the grid.
        apertures: of all shots.
        options: what a `Propagator` takes beside its shape and receivers.
    """

    kind = Propagator

    def __init__(self, shape: tuple[int, int], apertures: Apertures, **options: Any):
        self.shape, self.apertures = shape, apertures
        self.density = options.pop("density", None)
        self.options = options
        self._propagator = lru_cache(_PLANS)(self._made)

    def __reduce__(self):
        return _again, (self.shape, self.apertures, {**self.options, "density": self.density})

    def _made(self, shot: int) -> Propagator:
        first, last = self.apertures.columns[shot]
        receivers = self.apertures.receivers[shot] - np.array([0, first], self.apertures.receivers.dtype)
        density = None if self.density is None else self.density[:, first:last]
        shape = self.shape[0], int(last - first)
        return self.kind(shape, receivers=receivers, density=density, **self.options)

    def kept_bytes(self, steps: int) -> int:
        """Return the memory in bytes that the checkpoints of the widest shot with that many steps take."""
        return self._propagator(int(np.argmax(np.diff(self.apertures.columns, axis=1)))).kept_bytes(steps)

    def _part(self, velocity_m_s: np.ndarray, source: np.ndarray) -> tuple[Propagator, slice, np.ndarray, np.ndarray]:
        """Return a shot's propagator, columns, velocities and source within them."""
        shot = int(source[2])
        first, last = (int(column) for column in self.apertures.columns[shot])
        here = np.array([[source[0], source[1] - first]], source.dtype)
        return self._propagator(shot), slice(first, last), velocity_m_s[:, first:last], here

    def traces(self, velocity_m_s: np.ndarray, wavelet: np.ndarray, sources: np.ndarray, keep: bool = False) -> Any:
        """As `Propagator.traces`, with sources (S, 3)."""

        def shot(i):
            propagator, _, velocity, source = self._part(velocity_m_s, sources[i])
            return propagator.traces(velocity, wavelet[i : i + 1], source, keep)

        done = _parallel(shot, len(wavelet))
        if not keep:
            return np.concatenate(done)
        return np.concatenate([traces for traces, _ in done]), [marks for _, marks in done]

    def gradient(
        self,
        velocity_m_s: np.ndarray,
        wavelet: np.ndarray,
        sources: np.ndarray,
        residual: np.ndarray,
        checkpoints: list | None = None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """As `Propagator.gradient`, with sources (S, 3): by velocity (Z, X) of the whole grid and wavelet (S, T)."""

        def shot(i):
            propagator, columns, velocity, source = self._part(velocity_m_s, sources[i])
            marks = None if checkpoints is None else checkpoints[i]
            return columns, propagator.gradient(velocity, wavelet[i : i + 1], source, residual[i : i + 1], marks)

        total, by_wavelet = np.zeros(self.shape), []
        for columns, (by_velocity, by_pulse) in _parallel(shot, len(wavelet)):
            total[:, columns] += by_velocity
            by_wavelet.append(by_pulse)
        kind = by_wavelet[0].dtype
        return total.astype(kind), np.concatenate(by_wavelet)
