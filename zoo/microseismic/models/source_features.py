"""What an emulator's networks and Gaussian processes are told about a source."""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np
from keras import ops

from zoo.errors import ZooError

KINDS = ("paper", "physics")
# In layered ground the traces depend on depth and offset more than on azimuth.
_HORIZONTAL_WEIGHT = 0.3
_DEPTH_NODE_WEIGHT = 2.0
# The floor feature half way between the second node, which is heard from above, and the third, which is not.
_HEARD_FROM_ABOVE = 0.25
# Keeps the logarithm finite for a source at the receiver.
_NEAREST_KM = 1e-3
# Keeps the gradient of the horizontal distance finite straight below a receiver, km^2.
_LEAST_SQUARE_KM2 = 1e-12
# Features that hardly vary are not blown up.
_SMALLEST_SCALE = 1e-6


@keras.saving.register_keras_serializable(package="zoo")
class SourceFeatures(keras.layers.Layer):
    """Turns source coordinates in km, (n, 3), into features of order one, (n, receivers, features).

    - "paper": offsets along x, y, z and distance (Spurio Mancini et al. 2021, section 2.1), standardised.
    - "physics": epicentral offset, dz, distance, its logarithm, dz / distance, and the offsets along x and y
      weighted by 0.3, all standardised; then how close the source is to each of `depth_nodes` depths (the weights
      of a linear interpolation). The traces of a finely layered earth change within tens of metres of depth, but
      hardly along x: these weights let a network follow the layers.

    A pseudo-spectral simulation is periodic. `periodic_spacing_km` and `periodic_nodes` describe its grid: a source
    on the lowest two nodes is heard from above the ceiling, and its coordinates are moved there. "physics" then has
    two more features: one that is 1 for a source on a side face and falls to 0 at the next node, and the same for the
    floor, over two nodes.

    The first `smooth` features are those of the Gaussian processes; the depth weights come after them.

    Args:
        receivers_km: (receivers, 3).
        lower_km, upper_km: (3,) the training volume.
        kind: "paper" or "physics".
        depth_nodes: number of depths between the floor and the ceiling of the training volume.
        uniform_along_y: the earth does not change along y, so the sign of the offset along y does not matter
            ("paper"), or y matters through the epicentral offset alone ("physics").
        periodic_spacing_km, periodic_nodes: (3,) the periodic grid of the simulation; empty if there is none.
    """

    def __init__(
        self,
        receivers_km: Sequence[Sequence[float]],
        lower_km: Sequence[float],
        upper_km: Sequence[float],
        kind: str = "physics",
        depth_nodes: int = 61,
        uniform_along_y: bool = False,
        periodic_spacing_km: Sequence[float] = (),
        periodic_nodes: Sequence[int] = (),
        **kwargs,
    ):
        super().__init__(trainable=False, **kwargs)
        if kind not in KINDS:
            raise ZooError(f"features is {kind!r}; expected one of {', '.join(KINDS)}.")
        if bool(len(periodic_spacing_km)) != bool(len(periodic_nodes)):
            raise ZooError(
                f"periodic_spacing_km is {list(periodic_spacing_km)} and periodic_nodes is {list(periodic_nodes)}; "
                "expected three numbers each for a periodic grid, or neither."
            )
        self.receivers_km = tuple(tuple(float(v) for v in receiver) for receiver in receivers_km)
        self.lower_km = tuple(float(v) for v in lower_km)
        self.upper_km = tuple(float(v) for v in upper_km)
        self.kind = kind
        self.depth_nodes = depth_nodes
        self.uniform_along_y = uniform_along_y
        self.periodic_spacing_km = tuple(float(v) for v in periodic_spacing_km)
        self.periodic_nodes = tuple(int(v) for v in periodic_nodes)
        self.periodic = bool(self.periodic_nodes)
        self.knows_faces = kind == "physics" and self.periodic
        if kind == "paper":
            self.weights_of_standardised = (1.0,) * 4
        else:
            horizontal = (_HORIZONTAL_WEIGHT,) * (1 if uniform_along_y else 2)
            self.weights_of_standardised = (1.0,) * 5 + horizontal
        self.smooth = len(self.weights_of_standardised) + (2 if self.knows_faces else 0)
        self.count = self.smooth + (depth_nodes if kind == "physics" else 0)

    def build(self, input_shape):
        shape = (len(self.receivers_km), len(self.weights_of_standardised))
        self.mean = self.add_weight(shape=shape, initializer="zeros", trainable=False, name="mean")
        self.scale = self.add_weight(shape=shape, initializer="ones", trainable=False, name="scale")

    def adapt(self, coordinates_km: np.ndarray) -> None:
        """Standardise the features on these sources, (n, 3) km."""
        raw = ops.convert_to_numpy(self._raw(self._offsets(coordinates_km)[0])).astype(np.float64)
        self.mean.assign(raw.mean(0))
        self.scale.assign(np.maximum(raw.std(0), _SMALLEST_SCALE))

    def offsets_km(self, coordinates_km):
        """Return offsets from the receivers (n, receivers, 3), and their lengths (n, receivers), km, as tensors."""
        offset = self._offsets(coordinates_km)[0]
        return offset, self._distance(offset)

    def distance_km(self, coordinates_km):
        """Return the distances (n, receivers) in km, a tensor, of the locations from which the sources are heard."""
        return self._distance(self._offsets(coordinates_km)[0])

    def dz_km(self, coordinates_km):
        """Return the heights above the receivers, (n, receivers) in km, a tensor, from which the sources are heard."""
        return self._offsets(coordinates_km)[0][..., 2]

    def _offsets(self, coordinates_km):
        """Return offsets (n, receivers, 3) of the locations from which sources are heard, and face features (n, 2)."""
        coordinates = ops.cast(coordinates_km, "float32")
        faces = None
        if self.periodic:
            spacing = np.array(self.periodic_spacing_km, np.float32)
            last = spacing * (np.array(self.periodic_nodes) - 1)
            x, y, z = coordinates[:, 0], coordinates[:, 1], coordinates[:, 2]
            margin = ops.minimum(ops.minimum(x, last[0] - x), ops.minimum(y, last[1] - y))
            side = ops.clip(1.0 - margin / spacing[0], 0.0, 1.0)
            floor = ops.clip(1.0 - z / (2.0 * spacing[2]), 0.0, 1.0)
            height = float(spacing[2] * self.periodic_nodes[2])
            z = ops.where(floor > _HEARD_FROM_ABOVE, z + height, z)
            coordinates = ops.stack([x, y, z], axis=-1)
            if self.knows_faces:
                faces = ops.stack([side, floor], axis=-1)
        receivers = ops.convert_to_tensor(np.array(self.receivers_km, np.float32))
        return coordinates[:, None] - receivers[None], faces

    def _distance(self, offset):
        return ops.sqrt(ops.sum(offset**2, axis=-1) + _NEAREST_KM**2)

    def _raw(self, offset):
        """Return the features that are to be standardised, (n, receivers, features)."""
        x, y, z = offset[..., 0], offset[..., 1], offset[..., 2]
        distance = self._distance(offset)
        if self.kind == "paper":
            return ops.stack([x, ops.abs(y) if self.uniform_along_y else y, z, distance], axis=-1)
        horizontal = ops.sqrt(x**2 + y**2 + _LEAST_SQUARE_KM2)
        columns = [horizontal, z, distance, ops.log(distance), z / distance, x]
        return ops.stack(columns if self.uniform_along_y else [*columns, y], axis=-1)

    def call(self, coordinates_km):
        offset, faces = self._offsets(coordinates_km)
        weights = np.array(self.weights_of_standardised, np.float32)
        columns = [(self._raw(offset) - self.mean) / self.scale * weights]
        receivers = (1, len(self.receivers_km), 1)
        if faces is not None:
            columns.append(ops.tile(faces[:, None], receivers))
        if self.kind == "physics":
            z = ops.cast(coordinates_km, "float32")[:, 2:3]
            step = (self.upper_km[2] - self.lower_km[2]) / max(self.depth_nodes - 1, 1)
            nodes = (self.lower_km[2] + step * np.arange(self.depth_nodes)).astype(np.float32)
            near = _DEPTH_NODE_WEIGHT * ops.maximum(1.0 - ops.abs(z - nodes) / step, 0.0)
            columns.append(ops.tile(near[:, None], receivers))
        return ops.concatenate(columns, axis=-1)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], len(self.receivers_km), self.count)

    def get_config(self):
        return {
            **super().get_config(),
            "receivers_km": [list(receiver) for receiver in self.receivers_km],
            "lower_km": list(self.lower_km),
            "upper_km": list(self.upper_km),
            "kind": self.kind,
            "depth_nodes": self.depth_nodes,
            "uniform_along_y": self.uniform_along_y,
            "periodic_spacing_km": list(self.periodic_spacing_km),
            "periodic_nodes": list(self.periodic_nodes),
        }
