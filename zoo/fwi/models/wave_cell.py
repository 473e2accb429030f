"""One time step of the acoustic wave equation as a cell of a recurrent network (Sun et al., figure 3)."""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np
from keras import ops

from zoo.field.sinc import KAISER, REACH
from zoo.fwi.models.wave_grid import WaveGrid
from zoo.fwi.physics.acoustic import derivative_coefficients, laplacian_coefficients
from zoo.fwi.physics.acoustic_absorber import cpml_profile, sponge_profile
from zoo.fwi.physics.acoustic_density import potential_of, root_at
from zoo.fwi.physics.acoustic_positions import spread


@keras.saving.register_keras_serializable(package="zoo")
class FDRNNCell(WaveGrid):
    """A finite-difference time step: a fixed Laplacian filter, velocity as the only weight, traces as output.

    For `keras.layers.RNN(cell, return_sequences=True)`, on any Keras backend, differentiated automatically. It takes
    (shots, time, 3): amplitude of the source, its z and x index; it returns (shots, time, receivers). `WaveRNN` does
    the same faster; this is the reference that it is tested against, and the place to start from with another equation.

    Args:
        velocity_m_s: (Z, X), where training starts; X = 1 makes it one-dimensional.
        spacing_m: grid spacing.
        time_step_s: time step; must be stable at the highest velocity.
        receivers: (R, 2) positions (z, x) in cells, which may be fractions.
        order: order of the spatial differences, 2, 4 or 8.
        absorber: "cpml" (convolutional perfectly matched layer) or "sponge".
        width: width in cells of the strips that absorb, added outside the grid.
        free_surface: whether the field is zero at the top row, where there is then no strip.
        resample: steps between changes of the output, the paper's gate (then take `[:, ::resample]`).
        bounds: lowest and highest velocity in m/s, kept by a constraint.
        reference_m_s: velocity for which the absorber is made; by default the highest.
        **kwargs: `density`, as in `WaveRNN`, and what a layer takes.

    Raises:
        ZooError, UsageError: as in `WaveRNN`.
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
        resample: int = 1,
        bounds: tuple[float, float] | None = None,
        reference_m_s: float | None = None,
        **kwargs,
    ):
        grid = velocity_m_s, spacing_m, time_step_s, receivers
        super().__init__(*grid, order, absorber, width, free_surface, bounds, reference_m_s, **kwargs)
        self.resample = resample
        flat = self.velocity.shape[1] == 1
        self.given_m_s = None  # a tensor to use instead of the weight, where something else computes velocities
        self._second, self._first = laplacian_coefficients(order), derivative_coefficients(order)
        sides = (not free_surface, True, not flat, not flat)
        self._pad = ((width * sides[0], width), (width * sides[2], width * sides[3]))
        self._shape = tuple(n + sum(pad) for n, pad in zip(self.velocity.shape, self._pad, strict=True))
        self._profiles(sides)
        self._potential = self._heard = None
        if self.density is not None:
            across = (0.0,) * len(self._second) if flat else self._second
            padded = np.pad(self.density, self._pad, mode="edge")
            self._potential = potential_of(padded, self._second, across).astype(self.compute_dtype)
            self._heard = root_at(self.density, self.receivers).astype(self.compute_dtype)
        self._receivers()
        # The fields now and before, four memories of the absorber, the output that the gate holds, the step's number.
        self.state_size = [self._shape] * 6 + [(len(self.receivers),), (1,)]
        self.output_size = len(self.receivers)

    def _profiles(self, sides: tuple[bool, bool, bool, bool]) -> None:
        """Set decay a and gain b of the memories along z (Z, 1) and x (1, X), and the sponge's damping (Z, X)."""
        self._decays = []
        for axis, size in enumerate(self._shape):
            a, b = np.zeros((2, size))
            if self.absorber == "cpml":
                decay, gain = cpml_profile(self.width, self.reference_m_s, self.spacing_m, self.time_step_s)
                if sides[2 * axis]:
                    a[: self.width], b[: self.width] = decay, gain
                if sides[2 * axis + 1]:
                    a[size - self.width :], b[size - self.width :] = decay[::-1], gain[::-1]
            self._decays.append(tuple(np.expand_dims(v, 1 - axis).astype(self.compute_dtype) for v in (a, b)))
        damping = sponge_profile(self._shape, self.width, sides) if self.absorber == "sponge" else np.zeros((1, 1))
        self._damping = damping.astype(self.compute_dtype)

    def _receivers(self) -> None:
        """Set the cells that each receiver listens at, and their shares, (R, K) both."""
        mirrored = 0 if self.free_surface else None
        strip = np.array([self._pad[0][0], self._pad[1][0]])
        points = spread(self.receivers, self._shape, strip, mirrored, self.compute_dtype)
        rows, columns = (
            np.minimum(points.first[:, axis, None].astype(int) + np.arange(points.down.shape[1]), self._shape[axis] - 1)
            for axis in (0, 1)
        )
        cells = rows[:, :, None] * self._shape[1] + columns[:, None, :]
        share = points.down[:, :, None] * points.across[:, None, :]
        self._cells, self._share = (array.reshape(len(self.receivers), -1) for array in (cells, share))

    def _shares(self, position, axis: int):
        """Return the share of each node along an axis in positions (shots, 1): `acoustic_positions.shares` as ops."""
        nodes = np.arange(self._shape[axis], dtype=self.compute_dtype)[None, :] - self._pad[axis][0]
        share = _windowed_sinc(nodes - position)
        if axis == 0 and self.free_surface:
            share = share - _windowed_sinc(nodes + position)
        return share if self._shape[axis] > 1 else ops.ones_like(share)

    def _root(self, z, x):
        """Return sqrt(density) at positions (shots, 1) each, linear between the nodes: `root_at` as ops."""
        hats = (
            ops.maximum(1 - ops.abs(np.arange(n, dtype=self.compute_dtype) - ops.clip(at, 0, n - 1)), 0)
            for n, at in zip(self.density.shape, (z, x), strict=True)
        )
        down, across = hats
        mixed = ops.matmul(down, self.density.astype(self.compute_dtype))
        return ops.sqrt(ops.sum(mixed * across, axis=-1, keepdims=True))

    def _shifted(self, field, axis: int, shift: int):
        """Return the field at a distance along an axis, (shots, Z, X); zero beyond the edges, odd at a free surface."""
        size, distance = field.shape[axis], abs(shift)
        kept = [slice(None)] * 3
        kept[axis] = slice(distance, None) if shift > 0 else slice(0, size - distance)
        if shift < 0 and axis == 1 and self.free_surface:
            edge = -ops.flip(field[:, 1 : distance + 1], axis=1)
        else:
            edge = ops.zeros_like(field[:, :distance] if axis == 1 else field[:, :, :distance])
        parts = [field[tuple(kept)], edge] if shift > 0 else [edge, field[tuple(kept)]]
        return ops.concatenate(parts, axis=axis)

    def _curve(self, field, axis: int):
        """Return the second difference L along an axis."""
        if field.shape[axis] == 1:
            return ops.zeros_like(field)
        total = self._second[0] * field
        for k, weight in enumerate(self._second[1:], 1):
            total = total + weight * (self._shifted(field, axis, k) + self._shifted(field, axis, -k))
        return total

    def _slope(self, field, axis: int):
        """Return the first difference D along an axis."""
        total = ops.zeros_like(field)
        for k, weight in enumerate(self._first[1:], 1):
            total = total + weight * (self._shifted(field, axis, k) - self._shifted(field, axis, -k))
        return total

    def courant(self, velocity_m_s):
        """Return C = (v dt / dx)^2 with the velocities at the edges continued into the strips."""
        edge = [
            np.eye(n)[np.clip(np.arange(-pad[0], n + pad[1]), 0, n - 1)].astype(self.compute_dtype)
            for n, pad in zip(velocity_m_s.shape, self._pad, strict=True)
        ]
        padded = ops.matmul(ops.matmul(edge[0], velocity_m_s), edge[1].T)
        c = (padded * (self.time_step_s / self.spacing_m)) ** 2
        if self.free_surface:
            c = c * (np.arange(self._shape[0]) > 0).astype(self.compute_dtype)[:, None]
        return c

    def get_initial_state(self, batch_size=None):
        """Return fields and memories at rest."""
        return [ops.zeros((batch_size, *size), self.compute_dtype) for size in self.state_size]

    def call(self, inputs, states, training=None):
        """Return the field at the receivers (shots, R) after a step, and the new states."""
        now, before, psi_z, zeta_z, psi_x, zeta_x, held, step = states
        velocity = ops.convert_to_tensor(self.velocity if self.given_m_s is None else self.given_m_s)
        c = self.courant(ops.cast(velocity, self.compute_dtype))
        q, memories = 0.0, []  # symbols as in zoo.fwi.physics.acoustic_kernels
        for axis, (psi, zeta) in enumerate(((psi_z, zeta_z), (psi_x, zeta_x)), 1):
            a, b = self._decays[axis - 1]
            curve = self._curve(now, axis)
            psi = a * psi + b * self._slope(now, axis)
            slope = self._slope(psi, axis)
            zeta = a * zeta + b * (curve + slope)
            q = q + curve + slope + zeta
            memories += [psi, zeta]
        amplitude, z, x = (inputs[:, i, None] for i in range(3))
        if self._potential is not None:
            q = q - self._potential * now
            amplitude = amplitude / self._root(z, x)
        here = self._shares(z, 0)[:, :, None] * self._shares(x, 1)[:, None, :]
        q = q + self.spacing_m**2 * amplitude[..., None] * here
        after = (2.0 * now - (1.0 - self._damping) * before + c * q) / (1.0 + self._damping)
        flat = ops.reshape(after, (-1, self._shape[0] * self._shape[1]))
        gate = ops.cast(ops.equal(ops.mod(step, float(self.resample)), 0.0), self.compute_dtype)
        listened = ops.sum(ops.take(flat, self._cells, axis=1) * self._share, axis=-1)
        if self._heard is not None:
            listened = listened * self._heard
        received = gate * listened + (1.0 - gate) * held
        return received, [after, now, *memories, received, step + 1.0]

    def get_config(self):
        return {**super().get_config(), "resample": self.resample}


def _windowed_sinc(away):
    """Return the sinc in a Kaiser window at distances in cells: 1 at 0, 0 on other nodes and from `REACH` on."""
    inside = ops.cast(ops.abs(away) < REACH, away.dtype)
    # I0(x) = sum of (x^2 / 4)^k / k!^2: with x at most 6.31, thirty terms are exact in double precision.
    quarter = (KAISER**2 / 4) * inside * (1 - (away / REACH) ** 2)
    powers = np.arange(31.0)
    weights = 1 / np.cumprod(np.maximum(powers, 1)) ** 2
    terms = ops.power(quarter[..., None], ops.cast(powers, away.dtype)) * ops.cast(weights, away.dtype)
    window = ops.sum(terms, axis=-1)
    angle = np.pi * away
    still = ops.cast(ops.abs(away) < 1e-6, away.dtype)
    sinc = still + (1 - still) * ops.sin(angle) / (angle + still)
    return inside * sinc * window / float(np.i0(KAISER))
