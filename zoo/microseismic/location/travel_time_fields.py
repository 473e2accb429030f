"""Travel times of P waves from any source in an earth to its receivers, by grids of first-arrival times."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from zoo.errors import ZooError
from zoo.field.eikonal import receiver_times
from zoo.files import digest
from zoo.microseismic.physics.coordinates import checked
from zoo.microseismic.physics.elastic_model import ElasticModel
from zoo.sampling.cache import cached

# A receiver this near to a node, km, is on it.
_ON_NODE_KM = 1e-6


def travel_times(coordinates_km: np.ndarray, model: ElasticModel, receivers_km: np.ndarray) -> np.ndarray:
    """Return the times that the first P waves of sources take to receivers, by the eikonal equation.

    The first call for an earth and receivers computes the times to all nodes, some seconds for each receiver, and keeps
    them in the zoo's cache.

    Args:
        coordinates_km: (n, 3) x, y, z of the sources, km, z up from the bottom of the model.
        model: the earth.
        receivers_km: (receivers, 3) x, y, z, km.

    Returns:
        (n, receivers) s, float64.

    Raises:
        ZooError: a source or a receiver lies outside the model, or scikit-fmm is not installed.

    Source: Sethian (1996); see `zoo.field.eikonal`.

    >>> rock = ElasticModel(*(np.full((11, 11, 11), v) for v in (2000.0, 1100.0, 2100.0)), spacing_m=(100, 100, 100))
    >>> travel_times([[0.5, 0.5, 0.2]], rock, [[0.5, 0.5, 1.0]]).round(2).tolist()
    [[0.4]]
    """
    sources_km = checked(coordinates_km, model.extent_km, "source")
    receivers_km = checked(receivers_km, model.extent_km, "receiver")
    return fields_of(model, receivers_km)(sources_km).numpy().astype(np.float64)


def fields_of(model: ElasticModel, receivers_km: np.ndarray) -> TravelTimeFields:
    """Return the travel times of an earth to receivers (receivers, 3), made once for each set of them."""
    receivers_km = np.asarray(receivers_km, np.float64)

    def make() -> TravelTimeFields:
        times_s = receiver_times(model.vp_m_s, model.spacing_m, 1000.0 * receivers_km)
        return TravelTimeFields(times_s, model.spacing_m, receivers_km)

    return cached(model, ("travel times", fingerprint(model), digest(receivers_km)), make)


def fingerprint(model: ElasticModel) -> str:
    """Return what tells an earth's speeds from others: a digest of their content."""
    return digest(model.vp_m_s, model.vs_m_s, *model.shape, *model.spacing_m)


class TravelTimeFields:
    """Travel times from any source to each receiver, interpolated in grids of them.

    Travel time has a cusp at the receiver, but time divided by distance has none: so that ratio is interpolated,
    linearly along each axis, and multiplied by the distance of the source. It is exact in a homogeneous medium.

    Args:
        times_s: (receivers, nx, ny, nz) from `zoo.field.eikonal.receiver_times`, s.
        spacing_m: distance between nodes along x, y, z, m.
        receivers_km: (receivers, 3) x, y, z, km; node (0, 0, 0) is the origin.

    Raises:
        ZooError: the shapes do not fit each other.
    """

    def __init__(self, times_s: np.ndarray, spacing_m: Sequence[float], receivers_km: np.ndarray) -> None:
        self.receivers_km = np.asarray(receivers_km, np.float64).reshape(-1, 3)
        times_s = np.asarray(times_s)
        if times_s.ndim != 4 or len(times_s) != len(self.receivers_km):
            raise ZooError(
                f"times_s has shape {times_s.shape}; expected (receivers, nx, ny, nz) for {len(self.receivers_km)} "
                "receivers."
            )
        self._spacing_km = np.asarray(spacing_m, np.float64) / 1000.0
        self._shape = times_s.shape[1:]
        axes = [np.arange(n) * d for n, d in zip(self._shape, self._spacing_km, strict=True)]
        nodes = np.meshgrid(*axes, indexing="ij", sparse=True)
        table = np.empty((*self._shape, len(times_s)), np.float32)
        for index, (times, receiver) in enumerate(zip(times_s, self.receivers_km, strict=True)):
            distance = np.sqrt(sum((axis - x) ** 2 for axis, x in zip(nodes, receiver, strict=True)))
            nearest = np.unravel_index(distance.argmin(), self._shape)
            near = tuple(slice(max(i - 1, 0), i + 2) for i in nearest)
            # At the receiver itself the ratio is 0 / 0: take the mean of the nodes around it.
            distance[nearest] = np.inf if distance[nearest] < _ON_NODE_KM else distance[nearest]
            ratio = times / distance
            if np.isinf(distance[nearest]):
                ratio[nearest] = ratio[near].sum() / (ratio[near].size - 1)
            table[..., index] = ratio
        self._table = tf.constant(table.reshape(-1, len(times_s)))

    def __call__(self, coordinates_km: tf.Tensor) -> tf.Tensor:
        """Return the travel times in s, (n, receivers), of coordinates_km (n, 3).

        Outside the grid, the ratio of time to distance is that at its edge.
        """
        coordinates_km = tf.cast(coordinates_km, tf.float32)
        position = coordinates_km / self._spacing_km.astype(np.float32)  # in nodes
        last = np.array(self._shape, np.float32) - 1.0
        position = tf.clip_by_value(position, 0.0, last)
        low = tf.minimum(tf.floor(position), last - 1.0)
        share = position - low
        stride = np.array([self._shape[1] * self._shape[2], self._shape[2], 1], np.int32)
        corners = np.stack(np.meshgrid([0, 1], [0, 1], [0, 1], indexing="ij"), axis=-1).reshape(8, 3)
        index = tf.reduce_sum(tf.cast(low, tf.int32) * stride, axis=-1)[:, tf.newaxis] + corners @ stride
        weight = tf.reduce_prod(tf.where(corners == 1, share[:, tf.newaxis], 1.0 - share[:, tf.newaxis]), axis=-1)
        ratio = tf.einsum("nc,ncr->nr", weight, tf.gather(self._table, index))
        offset = coordinates_km[:, tf.newaxis] - self.receivers_km.astype(np.float32)
        return ratio * tf.norm(offset, axis=-1)
