"""Shots that each see a part of a grid, with receivers of their own, by XLA: those of the same width go side by side.

It takes and gives what `zoo.fwi.physics.acoustic_apertures.AperturePropagator` does. XLA compiles anew for each width,
of which `apertures_around` makes few.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from zoo.errors import ZooError
from zoo.fwi.physics.acoustic_apertures import AperturePropagator
from zoo.fwi.physics.acoustic_density import root_at
from zoo.fwi.physics.acoustic_positions import check_below_surface, check_positions
from zoo.fwi.physics.xla import Arrays, Plan, XlaPropagator, _compiled, of_field, planned


def _refuse(*_: Any) -> None:
    raise ZooError(
        "Shots with receivers of their own are compiled one width after the other: compile the model with "
        "jit_compile=False, or take engine='kernels'."
    )


class _Batch(NamedTuple):
    """Shots of the same width that are simulated side by side.

    Attributes:
        shots: (n,) numbers of them in a call.
        live: (n,) float, 0 for those that fill the batch up and stay at rest.
        columns: (n, W) that each sees.
        sources: (n, 2) positions (z, x) in cells from its first column.
        plan, arrays: what is simulated.
        loud: (n, R) what the field becomes the pressure by, where density varies; None where not.
    """

    shots: np.ndarray
    live: np.ndarray
    columns: np.ndarray
    sources: np.ndarray
    plan: Plan
    arrays: Arrays
    loud: np.ndarray | None


class XlaApertures(AperturePropagator):
    """As `AperturePropagator`, on JAX's default device.

    Raises:
        ZooError: JAX is not installed; and as `XlaPropagator` does.
    """

    kind = XlaPropagator

    @property
    def _dtype(self) -> np.dtype:
        return np.dtype(self.options.get("dtype", "float32"))

    def _batches(self, sources: np.ndarray, steps: int) -> Iterator[_Batch]:
        """Yield the shots of a call, (S, 3) sources, in batches of the same width."""
        numbers = np.asarray(sources)[:, 2].astype(np.int64)
        widths = np.diff(self.apertures.columns[numbers], axis=1)[:, 0]
        for width in np.unique(widths):
            same = np.flatnonzero(widths == width)
            size, parts = self._propagator(int(numbers[same[0]]))._parts(len(same), steps)
            for part in parts:
                shots = same[part]
                filled = np.concatenate([shots, np.repeat(shots[-1:], size - len(shots))])
                yield self._batch(filled, len(shots), numbers[filled], np.asarray(sources)[filled])

    def _batch(self, shots: np.ndarray, live: int, numbers: np.ndarray, sources: np.ndarray) -> _Batch:
        made = [self._propagator(int(number)) for number in numbers]
        first = self.apertures.columns[numbers, 0]
        here = np.stack([sources[:, 0], sources[:, 1] - first], 1).astype(np.float64)
        here = check_positions(here, made[0].shape, "source")
        if made[0].free_surface:
            check_below_surface(here, "source")
        plans, arrays = zip(*(planned(one) for one in made), strict=True)
        most = max(one.nodes.shape[-1] for one in arrays)
        nodes, share = (
            np.stack([np.pad(getattr(one, name), ((0, 0), (0, most - one.nodes.shape[-1]))) for one in arrays])
            for name in ("nodes", "share")
        )
        potential, loud = None, None
        if self.density is not None:
            potential = np.stack([one.potential for one in arrays])
            loud = np.stack(
                [
                    root_at(one._density, one.receivers) / root_at(one._density, at[None])
                    for one, at in zip(made, here, strict=True)
                ]
            ).astype(self._dtype)
        columns = first[:, None] + np.arange(made[0].shape[1])
        arrays = arrays[0]._replace(nodes=nodes, share=share, potential=potential)
        rest = (np.arange(len(shots)) < live).astype(self._dtype)
        return _Batch(shots, rest, columns, here.astype(self._dtype), plans[0], arrays, loud)

    def traces(self, velocity_m_s: np.ndarray, wavelet: np.ndarray, sources: np.ndarray, keep: bool = False) -> Any:
        """As `AperturePropagator.traces`."""
        found, marks = np.empty((*wavelet.shape, self.apertures.receivers.shape[1]), self._dtype), []
        for batch in self._batches(sources, wavelet.shape[1]):
            traces, mark = _compiled().forward(batch.plan, batch.arrays, *self._given(batch, velocity_m_s, wavelet))
            traces = np.asarray(traces) * (1 if batch.loud is None else batch.loud[:, None])
            found[batch.shots[batch.live > 0]] = traces[batch.live > 0]
            marks.append(mark if keep else None)
        return (found, marks) if keep else found

    def gradient(
        self,
        velocity_m_s: np.ndarray,
        wavelet: np.ndarray,
        sources: np.ndarray,
        residual: np.ndarray,
        checkpoints: list | None = None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """As `AperturePropagator.gradient`."""
        total, pulses = np.zeros(self.shape), np.empty(wavelet.shape, self._dtype)
        for number, batch in enumerate(self._batches(sources, wavelet.shape[1])):
            given = self._given(batch, velocity_m_s, wavelet)
            heard = np.asarray(residual, self._dtype)[batch.shots] * batch.live[:, None, None]
            heard = heard * (1 if batch.loud is None else batch.loud[:, None])
            marks = checkpoints[number] if checkpoints else _compiled().forward(batch.plan, batch.arrays, *given)[1]
            found = _compiled().backward(batch.plan, batch.arrays, *given, heard, marks)
            by_velocity, by_pulse = (np.asarray(one) for one in found)
            alive = batch.live > 0
            for columns, one in zip(batch.columns[alive], by_velocity[alive], strict=True):
                total[:, columns] += one
            pulses[batch.shots[alive]] = by_pulse[alive]
        return total.astype(self._dtype), pulses

    def _given(self, batch: _Batch, velocity_m_s: np.ndarray, wavelet: np.ndarray) -> tuple[np.ndarray, ...]:
        seen = np.moveaxis(np.asarray(velocity_m_s, self._dtype)[:, batch.columns], 1, 0)
        return seen, np.asarray(wavelet, self._dtype)[batch.shots] * batch.live[:, None], batch.sources

    def simulator(self) -> Callable:
        """Return a function (velocity (Z, X), wavelet (S, T), sources (S, 3)) -> traces (S, T, R) of JAX's arrays.

        JAX may differentiate it by velocity and wavelet, and not compile it: the numbers of the shots say what is to be
        compiled.
        """
        import jax
        import jax.numpy as jnp

        def traces(velocity, wavelet, sources):
            if isinstance(sources, jax.core.Tracer):  # shapes alone, as Keras builds a model, can be told
                shape = (*wavelet.shape, self.apertures.receivers.shape[1])
                like = jax.ShapeDtypeStruct(shape, velocity.dtype)
                return jax.pure_callback(_refuse, like, jax.lax.stop_gradient(velocity))
            found, order = [], []
            for batch in self._batches(np.asarray(sources), wavelet.shape[1]):
                seen = jnp.moveaxis(velocity[:, batch.columns], 1, 0)
                pulses = wavelet[batch.shots] * batch.live[:, None]
                made = of_field(batch.plan, batch.arrays)(seen, pulses, jnp.asarray(batch.sources))
                made = made if batch.loud is None else made * batch.loud[:, None]
                alive = batch.live > 0
                found.append(made[: int(alive.sum())])
                order.append(batch.shots[alive])
            return jnp.concatenate(found)[np.argsort(np.concatenate(order))]

        return traces
