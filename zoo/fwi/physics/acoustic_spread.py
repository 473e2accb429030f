"""A propagator whose shots the workers of a cluster simulate: gradients are added by tree, velocities go out once.

Each shot is a piece of work of its own (or some, where there are hundreds), whatever the number of workers, so that it
changes nothing. A worker keeps the checkpoints of its shots for the gradient that follows; where one has died, another
simulates them once more.
"""

from __future__ import annotations

import dataclasses
import uuid
from typing import TYPE_CHECKING, Any

import numpy as np

from zoo.cluster import check_code, hold, own_code
from zoo.fwi.physics.acoustic_propagator import Propagator

if TYPE_CHECKING:
    from distributed import Client

_MOST_PIECES = 256
_BRANCHES = 8
"""Gradients that are added at a time: every addition is a turn of the scheduler, which takes longer than the adding."""


class SpreadPropagator:
    """As `zoo.fwi.physics.acoustic_propagator.Propagator`, of whose kind it takes one; its checkpoints stay elsewhere.

    Args:
        propagator: that workers are given, once.
        client: of the cluster.
    """

    def __init__(self, propagator: Any, client: Client):
        plain = dataclasses.replace(propagator) if isinstance(propagator, Propagator) else propagator  # without a plan
        self.propagator, self.client, self.code = propagator, client, own_code()
        self._sent, self._velocity = hold(client, plain), (None, None)

    def kept_bytes(self, steps: int) -> int:
        """Return the memory in bytes that the checkpoints of a shot take, shared by the workers there are."""
        return self.propagator.kept_bytes(steps) // max(1, len(self.client.scheduler_info(n_workers=-1)["workers"]))

    def _held(self, velocity_m_s: np.ndarray) -> Any:
        """Return the velocities as workers know them: sent once, however often a model is simulated."""
        before, held = self._velocity
        if before is None or not np.array_equal(before, velocity_m_s):
            held = hold(self.client, np.array(velocity_m_s))
            self._velocity = np.array(velocity_m_s), held
        return held

    def traces(self, velocity_m_s: np.ndarray, wavelet: np.ndarray, sources: np.ndarray, keep: bool = False) -> Any:
        """As `Propagator.traces`; with `keep`, what `gradient` finds checkpoints by."""
        held, key = self._held(velocity_m_s), uuid.uuid4().hex if keep else ""
        shared = self._sent, self.code, held, key
        pieces = _pieces(len(wavelet))
        waiting = [
            self.client.submit(_traces, *shared, number, wavelet[some], sources[some], pure=False)
            for number, some in enumerate(pieces)
        ]
        found = self.client.gather(waiting)
        traces = np.concatenate([traces for traces, _ in found])
        return (traces, (key, [worker for _, worker in found])) if keep else traces

    def gradient(
        self,
        velocity_m_s: np.ndarray,
        wavelet: np.ndarray,
        sources: np.ndarray,
        residual: np.ndarray,
        checkpoints: tuple[str, list[str]] | None = None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """As `Propagator.gradient`."""
        held, pieces = self._held(velocity_m_s), _pieces(len(wavelet))
        key, workers = checkpoints or ("", [None] * len(pieces))
        shared = self._sent, self.code, held, key
        parts = []
        for number, (some, worker) in enumerate(zip(pieces, workers, strict=True)):
            where = {"workers": [worker], "allow_other_workers": True} if worker else {}
            data = wavelet[some], sources[some], residual[some]
            parts.append(self.client.submit(_gradient, *shared, number, *data, pure=False, **where))
        while len(parts) > 1:
            branches = [parts[i : i + _BRANCHES] for i in range(0, len(parts), _BRANCHES)]
            parts = [self.client.submit(_added, *some, pure=False) for some in branches]
        by_velocity, by_wavelet = parts[0].result()
        return by_velocity.astype(by_wavelet.dtype), by_wavelet


def _pieces(shots: int) -> list[slice]:
    """Return the shots in pieces of one, or of as many as leaves a number that a scheduler handles well."""
    size = -(-shots // _MOST_PIECES)
    return [slice(first, min(first + size, shots)) for first in range(0, shots, size)]


# What follows runs in workers.

_kept: tuple[str, dict[int, Any]] = ("", {})
"""Key of the latest simulation whose checkpoints are kept here, and those of its pieces."""


def _traces(propagator, code, velocity_m_s, key, number, wavelet, sources) -> tuple[np.ndarray, str | None]:
    """Return traces of some shots, and the address of the worker that keeps their checkpoints."""
    global _kept
    check_code(code)
    if not key:
        return propagator.traces(velocity_m_s, wavelet, sources), None
    from distributed import get_worker

    if _kept[0] != key:
        _kept = key, {}
    kept = _kept[1]
    traces, kept[number] = propagator.traces(velocity_m_s, wavelet, sources, keep=True)
    return traces, get_worker().address


def _gradient(propagator, code, velocity_m_s, key, number, wavelet, sources, residual) -> tuple[np.ndarray, np.ndarray]:
    check_code(code)
    checkpoints = _kept[1].pop(number, None) if _kept[0] == key else None
    by_velocity, by_wavelet = propagator.gradient(velocity_m_s, wavelet, sources, residual, checkpoints)
    return by_velocity.astype(np.float64), by_wavelet


def _added(*parts: tuple[np.ndarray, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    total = parts[0][0].copy()
    for by_velocity, _ in parts[1:]:
        total += by_velocity
    return total, np.concatenate([by_wavelet for _, by_wavelet in parts])
