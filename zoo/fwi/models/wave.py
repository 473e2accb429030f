"""Wave propagation as a recurrent layer that owns its loop over time, with its exact gradient (Sun et al., eq. 2)."""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np
from keras import ops

from zoo.errors import UsageError, ZooError
from zoo.fwi.models import wave_backends
from zoo.fwi.models.wave_cell import FDRNNCell
from zoo.fwi.models.wave_grid import WaveGrid, check_choice
from zoo.fwi.physics.acoustic import check_dispersion, highest_frequency_hz
from zoo.fwi.physics.acoustic_positions import check_below_surface, check_positions
from zoo.fwi.physics.acoustic_propagator import Propagator
from zoo.fwi.physics.xla import XlaPropagator
from zoo.fwi.settings import ENGINES
from zoo.progress import say

# Checkpoints of a simulation are kept for its gradient up to this size; beyond it the shots are simulated once more.
_MOST_KEPT_BYTES = 256 << 20
# Fields of a step that TensorFlow keeps when it differentiates the unrolled cell: 0.56 MB for 140 x 340 cells.
_UNROLLED_FIELDS = 3
_PROPAGATORS = dict(zip(ENGINES, (Propagator, XlaPropagator), strict=True))


@keras.saving.register_keras_serializable(package="zoo")
class WaveRNN(WaveGrid):
    """Acoustic waves from sources to receivers: the network of Sun et al. (figure 2), unrolled by compiled kernels.

    Called with `(wavelet (S, T), sources (S, 2))` it returns the traces (S, T, R) of S shots: sample n is the field
    after the step in which sample n of the wavelet acts, for u_tt = v^2 (laplacian u + w at the source). It can be
    differentiated by velocity and wavelet: the kernels have an exact discrete adjoint. Shots run on all cores.

    Args:
        velocity_m_s: (Z, X), where training starts; X = 1 makes it one-dimensional. It becomes the only weight.
        spacing_m: grid spacing.
        time_step_s: time step; must be stable at the highest velocity, that of the bounds if there are any.
        receivers: (R, 2) positions (z, x) in cells, which may be fractions.
        order: order of the spatial differences, 2, 4 or 8.
        absorber: "cpml" (convolutional perfectly matched layer), or "sponge", the simple reference, which needs some
            60 cells.
        width: width in cells of the strips that absorb, added outside the grid.
        free_surface: whether the field is zero at the top row, where there is then no strip; sources and receivers
            lie below it.
        gradient: "checkpoint" keeps the field every sqrt(T) steps, "store" keeps all of them, "autodiff" unrolls an
            `FDRNNCell` and is for tests and other equations; it says first what memory it takes.
        store_dtype: what a gradient keeps of each step, "float32" or "float16".
        bounds: lowest and highest velocity in m/s, kept by a constraint.
        reference_m_s: velocity for which the absorber is made; by default the highest.
        engine: "kernels" (compiled by numba, on a CPU) or "xla" (through JAX, on its default device); None: the
            kernels, or under the backend JAX "xla", which JAX compiles and differentiates as it does everything else.
        **kwargs: `density` (Z, X) in any unit, where it varies, which stays as it is (constant by default); and what
            every layer takes.

    Raises:
        ZooError: the time step is unstable, a velocity is not positive or out of bounds, a receiver is outside or
            at a free surface, or JAX is needed and not installed.
        UsageError: an order, absorber, gradient, engine or type that does not exist.
    """

    def __init__(
        self,
        velocity_m_s: np.ndarray,
        spacing_m: float,
        time_step_s: float,
        receivers: Sequence[Sequence[float]],
        order: int = 4,
        absorber: str = "cpml",
        width: int = 14,
        free_surface: bool = False,
        gradient: str = "checkpoint",
        store_dtype: str = "float32",
        bounds: tuple[float, float] | None = None,
        reference_m_s: float | None = None,
        engine: str | None = None,
        **kwargs,
    ):
        grid = velocity_m_s, spacing_m, time_step_s, receivers
        super().__init__(*grid, order, absorber, width, free_surface, bounds, reference_m_s, **kwargs)
        check_choice("gradient", gradient, ("checkpoint", "store", "autodiff"))
        check_choice("store_dtype", store_dtype, ("float32", "float16"))
        check_choice("engine", engine or "kernels", ENGINES)
        self.gradient, self.store_dtype = gradient, store_dtype
        backend = keras.backend.backend()
        self._given_engine = engine
        self.engine = engine or ("xla" if backend == "jax" else "kernels")
        # The kernels are compiled by numba; XLA cannot see into them.
        self.supports_jit = self.engine == "xla" and backend == "jax"
        self._propagator = _PROPAGATORS[self.engine](
            tuple(self.velocity.shape),
            self.spacing_m,
            self.time_step_s,
            self.receivers,
            self.reference_m_s,
            order,
            absorber,
            width,
            free_surface,
            store_dtype,
            gradient == "store",
            self.compute_dtype,
            self.density,
        )
        self._make_cell, self._said = None, None
        self._kept = (0, None)  # number of the latest simulation, and its checkpoints

    def call(self, inputs, velocity_m_s=None):
        """Return traces (S, T, R).

        Called with numbers (not while Keras traces a model) it refuses sources outside the grid or at a free
        surface, and wavelets too short for it at the slowest velocity that it was made with.

        Args:
            inputs: wavelet (S, T) and sources (S, 2), positions (z, x) in cells, which may be fractions.
            velocity_m_s: (Z, X), a tensor to use instead of the layer's own velocity.

        Raises:
            ZooError: as said above.
        """
        wavelet, sources = inputs
        backend = keras.backend.backend()
        if not wave_backends.symbolic(backend, wavelet, sources):
            pulses, cells = ops.convert_to_numpy(wavelet), ops.convert_to_numpy(sources)
            cells = check_positions(cells, self.velocity.shape, "source")
            if self.free_surface:
                check_below_surface(cells, "source")
            if len(cells) != len(pulses):
                raise ZooError(f"Every shot has a wavelet and a source; received {len(pulses)} and {len(cells)}.")
            highest_hz = highest_frequency_hz(pulses, self.time_step_s)
            check_dispersion(self.slowest_m_s, self.spacing_m, highest_hz, self.order)
        wavelet = ops.cast(wavelet, self.compute_dtype)
        velocity = ops.convert_to_tensor(self.velocity if velocity_m_s is None else velocity_m_s)
        velocity = ops.cast(velocity, self.compute_dtype)
        if self.gradient == "autodiff" or backend not in wave_backends.SIMULATORS:
            return self._unrolled(velocity, wavelet, sources)
        simulate = wave_backends.SIMULATORS[backend](self)
        return simulate(velocity, wavelet, ops.cast(sources, self.compute_dtype))

    def spread(self, client) -> None:
        """Let the workers of a cluster (a Dask client) simulate the shots from now on; not with `autodiff`.

        Raises:
            UsageError: the engine is not that of the kernels.
        """
        if self.engine != "kernels":
            raise UsageError(f"A cluster's workers simulate by the kernels; received engine={self.engine}.")
        from zoo.fwi.physics.acoustic_spread import SpreadPropagator

        self._propagator = SpreadPropagator(self._propagator, client)

    def simulate(self, velocity_m_s, wavelet, sources) -> tuple[np.ndarray, np.ndarray]:
        """Return traces (S, T, R) and a number by which `differentiate` finds this simulation's checkpoints (numpy)."""
        steps, shots = wavelet.shape[1], len(wavelet)
        keep = shots * self._propagator.kept_bytes(steps) <= _MOST_KEPT_BYTES
        self._kept = (self._kept[0] + 1, None)
        traces = self._propagator.traces(velocity_m_s, wavelet, sources, keep)
        if keep:
            traces, checkpoints = traces
            self._kept = (self._kept[0], checkpoints)
        return traces, np.int64(self._kept[0])

    def differentiate(self, velocity_m_s, wavelet, sources, residual, number) -> tuple[np.ndarray, np.ndarray]:
        """Return the gradients by velocity (Z, X) and wavelet (S, T) of sum(residual * traces) (numpy)."""
        kept = self._kept[1] if number == self._kept[0] else None
        self._kept = (self._kept[0], None)
        return self._propagator.gradient(velocity_m_s, wavelet, sources, residual, kept)

    def unrolled_cell(self) -> FDRNNCell:
        """Return one step of the same waves in the operations of Keras; made once, outside of a traced function."""
        if self._make_cell is None:
            cell = FDRNNCell(
                np.full(self.velocity.shape, self.reference_m_s),
                self.spacing_m,
                self.time_step_s,
                self.receivers,
                self.order,
                self.absorber,
                self.width,
                self.free_surface,
                reference_m_s=self.reference_m_s,
                density=self.density,
                dtype=self.compute_dtype,
            )
            self._make_cell = lambda: cell  # held by a function: it is no part of the model, which gives it velocities
        return self._make_cell()

    def build(self, inputs_shape, velocity_m_s_shape=None):
        """The velocities are there already."""

    def compute_output_shape(self, inputs_shape, velocity_m_s_shape=None):
        return (*inputs_shape[0], len(self.receivers))

    def _unrolled(self, velocity, wavelet, sources):
        """Return traces (S, T, R) by the recurrent cell, which the backend differentiates automatically."""
        cell = self.unrolled_cell()
        self._say_memory(cell, wavelet)
        cells = ops.repeat(ops.cast(sources, self.compute_dtype)[:, None], wavelet.shape[1], axis=1)
        steps = ops.concatenate([wavelet[..., None], cells], axis=-1)
        cell.given_m_s = velocity
        return keras.layers.RNN(cell, return_sequences=True, dtype=self.compute_dtype)(steps)

    def _say_memory(self, cell: FDRNNCell, wavelet) -> None:
        """Say, once for each size, what automatic differentiation keeps."""
        shots, steps = wavelet.shape[:2]
        if shots is None or steps is None or self._said == (shots, steps):
            return
        self._said = shots, steps
        field = int(np.prod(cell.state_size[0])) * np.dtype(self.compute_dtype).itemsize
        megabytes = shots * steps * _UNROLLED_FIELDS * field / 1e6
        say(
            f"gradient='autodiff' keeps about {_UNROLLED_FIELDS} fields of each step: {megabytes:.3g} MB for {shots} "
            f"shots of {steps} steps, if a gradient is taken. gradient='checkpoint' keeps some sqrt(steps) of them."
        )

    def get_config(self):
        own = {"gradient": self.gradient, "store_dtype": self.store_dtype, "engine": self._given_engine}
        return {**super().get_config(), **own}
